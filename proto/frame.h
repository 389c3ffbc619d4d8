/* frame.h - the messages of the hot path: lanes (master to worker) and sink (worker to master).
 *
 * One ZeroMQ frame a message, fixed little-endian layout, 8-byte aligned sections. Decoding borrows from the
 * frame and allocates nothing; it checks every length against the frame and every range against its limits,
 * and gives PROTO with a text otherwise (VERSION for a peer of another version). Nothing is assumed about the
 * alignment of the frame in memory: read doubles and u64 of a section with memcpy. docs/protocol.md has the same
 * tables. Any thread. */
#ifndef QX_PROTO_FRAME_H
#define QX_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum { QX_PROTO_VERSION = 1, QX_FRAME_BYTES_MAX = 256 << 20, QX_CONTROL_BYTES_MAX = 64 << 20 };

enum frame_type {
    /* lane: payload is a JobSpec (control.h), for a worker whose first lease of the job is a MERGE or FINISH */
    FRAME_JOB = 1,
    FRAME_LEASE,  /* lane */
    FRAME_FORGET, /* lane: the job is over; drop its leases and what is open for it */
    FRAME_RESULT, /* sink */
    FRAME_REVOKE  /* lane: payload is a frame_revoke; these blocks of the job are not wanted any more */
};

struct frame_head {  /* 24 bytes */
    uint16_t magic;  /* 'Q' | 'X' << 8 */
    uint8_t version; /* QX_PROTO_VERSION */
    uint8_t type;
    uint32_t len_bytes; /* of the whole frame */
    uint64_t session;   /* of the worker */
    uint64_t seq;       /* lane: counts 1, 2, .. a lane. sink: a worker's results, 1, 2, .. */
};

enum frame_flag {
    FRAME_WANT_PLAN = 1u << 0, /* lease: put the reducer plan into the result */
    FRAME_WANT_ROWS = 1u << 1  /* lease: put each item's outputs into the result */
};

/* What is leased; the values of the scheduler's enum sched_lease_kind. */
enum frame_kind { FRAME_KIND_RUN, FRAME_KIND_MERGE, FRAME_KIND_FINISH, FRAME_KIND_SIZE, FRAME_KIND_COUNT };

/* The payload of a good SIZE result: how many items the task says there are; 0: it did not say. */
struct frame_size {
    uint64_t n_default, n_max;
};

struct frame_revoke { /* the payload of a REVOKE: drop the RUN leases of this cell from this block on */
    uint32_t cell, zero;
    uint64_t from_block;
};

struct frame_skip { /* packed: may lie at any address */
    uint64_t item;
    uint32_t outcome, zero;
} __attribute__((packed));

struct frame_lease { /* after the head; then skips, then payload */
    uint64_t lease, job;
    uint32_t cell, attempt;
    uint64_t first_block;
    uint32_t n_blocks, kind; /* enum frame_kind */
    uint64_t end_item, expect_ns;
    uint32_t flags, n_skips;
    /* RUN: a JobSpec, where the worker has not got it yet, or nothing. MERGE: u64 length of the left state, left, right.
     * FINISH: the state. SIZE: nothing */
    uint64_t len_payload;
};

/* After the head; then nodes, plan, rows, ok, text, payload in this order, each padded to 8. */
struct frame_result {
    uint64_t lease, job;
    uint32_t cell, attempt;
    uint64_t first_block;
    uint32_t n_blocks, kind; /* enum frame_kind */
    /* enum qx_outcome of the attempt. ERROR: open or block function failed: the job cannot run (code says why) */
    uint32_t outcome;
    int32_t code;           /* qx_err of an ERROR */
    uint64_t item;          /* the item an attempt died on, UINT64_MAX: none */
    uint64_t partial_items; /* of the partial block at the end, 0: none */
    uint64_t n_items;       /* of the lease */
    /* in the worker: from receipt to start; in the task; in reducers; start to end */
    uint64_t wait_ns, task_ns, reduce_ns, busy_ns;
    uint32_t n_nodes, started;
    uint32_t len_plan, len_text;
    /* each node: u64 length, encoded state, padding to 8. A MERGE gives one, FINISH and SIZE none */
    uint64_t len_nodes;
    uint64_t len_rows;    /* n_items x columns doubles */
    uint64_t len_ok;      /* n_items bytes of enum qx_outcome */
    uint64_t len_payload; /* FINISH: the answer as JSON text; SIZE: struct frame_size */
};

struct frame_view { /* a decoded frame; everything borrowed from it */
    struct frame_head head;
    struct frame_lease lease;
    struct frame_result result;
    uint64_t job; /* JOB, FORGET, REVOKE */
    struct frame_revoke revoke;
    const struct frame_skip *skips;
    const uint8_t *nodes, *plan, *rows, *ok, *payload;
    const char *text; /* len_text bytes, not terminated */
    size_t len_payload;
};

qx_err frame_decode(const void *data, size_t len, struct frame_view *ret, struct qx_error *err);

/* The next node of a decoded result: *p starts at view.nodes and moves on. Call it n_nodes times. */
const uint8_t *frame_next_node(const uint8_t **p, size_t *ret_len);
/* The two states in the payload of a decoded MERGE lease. */
void frame_merge_states(const struct frame_view *v, const uint8_t **ret_left, size_t *ret_len_left,
                        const uint8_t **ret_right, size_t *ret_len_right);

/* What a decoded good SIZE result says. */
void frame_size_read(const struct frame_view *v, struct frame_size *ret);

/* Sizes, and writing into a buffer of exactly that size. Lengths and counts are taken from the structs; the caller sees to
 * it that the size is at most QX_FRAME_BYTES_MAX (sizes do not wrap: what is too much is SIZE_MAX). */
size_t frame_lease_bytes(const struct frame_lease *l);
void frame_lease_write(void *to, uint64_t session, uint64_t seq, const struct frame_lease *l,
                       const struct frame_skip *skips, const void *payload);
size_t frame_result_bytes(const struct frame_result *r);
/* Writes head and fixed part, zeroes padding, and says where each section goes; the caller fills them. */
struct frame_sections {
    uint8_t *nodes, *plan, *rows, *ok, *text, *payload;
};
struct frame_sections frame_result_write(void *to, uint64_t session, uint64_t seq,
                                         const struct frame_result *r);
/* JOB, FORGET and REVOKE: u64 job, then the payload, without padding. */
size_t frame_job_bytes(size_t len_payload);
void frame_job_write(void *to, enum frame_type type, uint64_t session, uint64_t seq, uint64_t job,
                     const void *payload, size_t len);
#endif
