/* lease.h - jobs and leases as the supervisor holds them: from receipt until the result is in the ledger.
 *
 * A lease owns its message and belongs to whoever has it in a queue: the backlog, the list of a job that waits for
 * data, or an executor. Leases are recycled. One thread. */
#ifndef QX_WORKER_LEASE_H
#define QX_WORKER_LEASE_H

#include <stdbool.h>
#include <zmq.h>

#include "common/bytes.h"
#include "proto/frame.h"

struct lease {
    struct lease *next;
    struct job *job;      /* NULL once the job was forgotten: then nobody wants the result */
    zmq_msg_t msg;        /* the lane frame; its sequence number is overwritten with the time of receipt */
    struct frame_lease f; /* the fixed part */
    uint32_t turn;        /* its number in the ring of its executor (turn.h) */
};

/* Leases that are not wanted any more: all of a job, or those of a cell from a block on. */
struct lease_scope {
    const struct job *job;
    bool whole;
    uint32_t cell;
    uint64_t from_block;
};
static inline bool lease_in_scope(const struct lease *l, const struct lease_scope *s)
{
    return l->job == s->job && (s->whole || (l->f.kind == FRAME_KIND_RUN && l->f.cell == s->cell &&
                                             l->f.first_block >= s->from_block));
}

struct lease_queue { /* zeroed is empty */
    struct lease *first, *last;
    size_t n;
};
void lease_push(struct lease_queue *q, struct lease *l);
void lease_push_front(struct lease_queue *q, struct lease *l);
struct lease *lease_pop(struct lease_queue *q); /* NULL: empty */
void lease_append(struct lease_queue *to, struct lease_queue *from);

struct lease_store; /* recycles */
struct lease_store *lease_store_new(void);
void lease_store_free(struct lease_store *s);
/* Takes the message over (it is empty afterwards) on success. NULL: no memory. */
struct lease *lease_new(struct lease_store *s, zmq_msg_t *msg, const struct frame_lease *f, uint64_t now_ns);
void lease_free(struct lease_store *s, struct lease *l);

struct blob;

struct job {
    uint64_t id, item_timeout_ns; /* 0: none */
    struct qx_bytes frame;        /* FRAME_JOB, as executors get it */
    uint32_t *known;         /* one a slot: the incarnation of its executor that has the frame, 0: none */
    struct lease_queue held; /* wait for blobs */
    struct blob **blobs;     /* the data sets it needs, in use while the job lives */
    size_t n_blobs, cap_blobs;
};

#endif
