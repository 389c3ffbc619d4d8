/* control.h - the messages of the control channel as plain structs, and the codec between them and protobuf
 * (control.proto). The only header through which the rest of the project meets protobuf.
 *
 * Decoded messages own one arena: everything in them lives until control_fini (declarations too: never
 * task_decl_fini them). Strings are never NULL, but for `fallback` and `items_from` of declarations, and are valid UTF-8
 * without control characters other than newline and tab; counts and ranges are checked. An unknown message type decodes to
 * CONTROL_UNKNOWN, which the receiver answers with an ERROR and survives. Encoding fails for NOMEM, and with LIMIT over
 * QX_CONTROL_BYTES_MAX; NULL is taken as "", and bytes that no text may have become '?'. Any thread. */
#ifndef QX_PROTO_CONTROL_H
#define QX_PROTO_CONTROL_H

#include <stdbool.h>

#include "common/bytes.h"
#include "common/decl.h"
#include "proto/frame.h"

enum {
    BLOB_PART_BYTES = 256 << 10,
    CELLS_MAX = 100000,
    PARAMS_MAX = 1024, /* of a job, and of a cell */
    SLOTS_MAX = 1 << 16,
    CONTROL_UNPACKED_BYTES_MAX = 512 << 20 /* memory of a decoded message */
};

struct job_cell { /* what --grid sets in this cell, over the job's own parameters */
    uint32_t n_params;
    struct param *params;
};

struct job_spec {
    char *task, *version;       /* version "" in a submission: the newest the farm has */
    uint32_t n_params, n_cells; /* at least one cell; without a grid it has no parameters */
    struct param *params;
    struct job_cell *cells;
    uint64_t n_items; /* 0 in a submission: the task's default. With `until`: at most */
    uint64_t seed;
    char *until;              /* "": none */
    uint64_t chunk_items;     /* 0: adaptive */
    int32_t priority;         /* -100 .. 100 */
    uint32_t attempts_max;    /* 0: 3 */
    uint64_t item_timeout_ms; /* 0: none */
    uint64_t item_bytes_max;  /* 0: 1 MiB */
    bool rows;                /* stream each item's outputs to the submitter */
    bool detached;            /* outlives the client's connection */
    char *label;
    uint32_t n_files;
    struct param *files; /* of data sets: "blob:HASH:BYTES" = the name of the file; for showing alone */
    struct block_layout layout; /* set by the master from the declaration */
};

enum control_type {
    CONTROL_UNKNOWN,
    /* worker -> master */
    CONTROL_HELLO,
    CONTROL_BEAT,
    CONTROL_BLOB_GET,
    CONTROL_BYE,
    /* master -> worker */
    CONTROL_WELCOME,
    CONTROL_ACK,
    CONTROL_BEAT_BACK,
    CONTROL_BLOB_PART,
    /* client -> master */
    CONTROL_SUBMIT,
    CONTROL_WATCH,
    CONTROL_CANCEL,
    CONTROL_EXTEND,
    CONTROL_JOBS,
    CONTROL_RESULT,
    CONTROL_TASKS,
    CONTROL_WORKERS,
    CONTROL_BLOB_PUT,
    CONTROL_ROWS_TAKEN,
    CONTROL_PING,
    /* master -> client */
    CONTROL_SUBMITTED,
    CONTROL_PROGRESS,
    CONTROL_ROWS,
    CONTROL_JOB_LIST,
    CONTROL_ANSWER,
    CONTROL_TASK_LIST,
    CONTROL_WORKER_LIST,
    CONTROL_BLOB_STATE,
    CONTROL_PONG,
    /* master -> anybody */
    CONTROL_ERROR,
    CONTROL_TYPE_COUNT
};

enum job_state {
    JOB_STATE_NONE,
    JOB_STATE_RUNNING,
    JOB_STATE_DONE,
    JOB_STATE_FAILED,
    JOB_STATE_CANCELLED,
    JOB_STATE_COUNT
};

struct job_info {
    uint64_t job;
    enum job_state state;
    int32_t error_code;                   /* qx_err of `error`; INVALID: the user's mistake, told by open() */
    char *task, *version, *label, *error; /* error: why it failed, "" otherwise */
    uint64_t seed, n_items, submitted_unix_ms, elapsed_ns;
    uint32_t n_cells, cells_done;
    uint32_t slots;                                 /* that may work on it now */
    uint32_t estimate_cell;                         /* of the estimate below */
    uint64_t items_done, items_failed, items_total; /* over all cells; total 0 when only a rule ends it */
    uint64_t first_lease_ns, last_result_ns;        /* since submission */
    /* where the slots' time went, summed over leases */
    uint64_t wait_ns, transfer_ns, task_ns, reduce_ns, busy_ns, sink_ns;
    uint64_t leases, leases_failed;
    /* running estimate of the first cell that is not complete, from its finished prefix; NaN when there is none */
    double estimate, se, target; /* target: of the rule's first term, NaN without */
    char *waiting;               /* why nothing runs ("no worker has task x 1.0"), "" otherwise */
    char *until;                 /* the stopping rule, "" without */
    double measure;              /* what its first condition looks at, as of now; NaN when it is not known */
    uint32_t n_params;           /* only where one job was asked for */
    struct param *params;        /* data sets by the name of their file */
};

struct cell_answer {
    uint64_t n_items, n_failed; /* n_items: good and failed, that the answer rests on */
    bool complete;              /* false: partial, from the finished prefix */
    bool stopped;               /* by the rule */
    char digest[33];
    char *result_json;
    char *failures_json; /* {"count":..,"causes":[{"outcome":..,"why":..,"count":..,"first":[..]}]} */
};

struct worker_info {
    uint64_t session;
    char *name, *host;
    uint32_t slots, leases, pid;
    uint64_t items_done, busy_ns, connected_ms, silent_ms, leases_failed;
    bool draining;
    uint32_t n_tasks;
};

struct control {
    enum control_type type;
    uint64_t tag; /* a client's request number, given back in what answers it */
    /* version in hello, welcome and pong: the sender's; 0 when encoding: ours */
    union {
        struct {
            uint32_t version; /* QX_PROTO_VERSION */
            char *name, *host;
            uint64_t uuid;        /* of the worker process */
            uint64_t old_session; /* it was registered under this one, 0: never */
            uint32_t slots, pid, n_tasks;
            struct task_decl *tasks;
        } hello;
        struct {
            uint64_t session, lane_seq;
            uint32_t n_held;
            uint64_t *held;
            bool resync;
        } beat; /* resync: held is the whole truth */
        struct {
            uint64_t session;
            uint8_t hash[BLOB_HASH_BYTES];
            uint64_t offset;
        } blob_get;
        struct {
            uint64_t session;
        } bye; /* drains: finish what is held, give no more */
        struct {
            uint64_t session;
            char *lane, *sink;
            uint32_t beat_ms, silent_ms;
            uint32_t version;
        } welcome;
        /* lane, sink: suffix of the master's address, see docs/protocol.md: "+12" or ".lane12" */
        struct {
            uint64_t upto;
            uint32_t n_extra;
            uint64_t *extra;
        } ack; /* results up to `upto` and these beyond it are taken */
        struct {
            uint64_t lane_seq;
        } beat_back; /* last sequence number sent on the lane */
        struct {
            struct blob_ref ref;
            uint64_t offset;
            const uint8_t *data;
            size_t len;
            bool missing;
        } blob_part; /* missing: no data; ref has the hash asked for */
        struct {
            uint64_t token;
            struct job_spec spec;
            bool watch;
        } submit; /* token: drawn by the client; the same token is the same job */
        struct {
            uint64_t job;
            uint32_t every_ms;
        } watch; /* PROGRESS at most so often, then ANSWER */
        struct {
            uint64_t job;
        } cancel;
        struct {
            uint64_t job, n_items;
        } extend;
        struct {
            uint64_t job;
        } jobs; /* 0: all */
        struct {
            uint64_t job;
            bool partial;
        } result; /* ANSWER; partial: of the prefix if it still runs */
        struct {
            char *name;
        } tasks; /* "": all */
        struct {
            struct blob_ref ref;
            uint64_t offset;
            const uint8_t *data;
            size_t len;
        } blob_put; /* len 0: only ask */
        struct {
            uint64_t job, bytes;
        } rows_taken;
        struct {
            uint64_t job, seed, n_items;
            char *version;
        } submitted;
        struct job_info progress;
        struct {
            uint64_t job, first_item;
            uint32_t cell, n_items, n_columns;
            char **columns; /* columns: only in the first of a cell */
            uint32_t n_names;
            const double *values;
            const uint8_t *ok;
        } rows;
        struct {
            uint32_t n;
            struct job_info *jobs;
        } job_list;
        struct {
            struct job_info info;
            struct job_spec spec;
            uint32_t n_cells;
            struct cell_answer *cells;
            char digest[33];
        } answer;
        struct {
            uint32_t n;
            struct task_decl *tasks;
        } task_list;
        struct {
            uint32_t n;
            struct worker_info *workers;
        } worker_list;
        struct {
            struct blob_ref ref;
            uint64_t have_bytes;
            bool complete;
        } blob_state;
        struct {
            uint32_t version, workers, slots;
            char *release;
            uint64_t uptime_ms;
            uint32_t tasks; /* known, of workers that are here or were */
        } pong;
        struct {
            int32_t code;
            char *text;
        } error;
    } u;
    struct control_arena *arena; /* NULL for messages that are only encoded */
};

const char *control_type_name(enum control_type type); /* "HELLO"; never NULL */

/* Replaces out's content; on error it is unspecified. */
qx_err control_encode(const struct control *c, struct qx_bytes *out);
/* PROTO, VERSION (the peer speaks another version) or NOMEM: *ret then holds no memory, but its tag and type as far as
 * they could be read, so that the peer can be answered. */
qx_err control_decode(const void *data, size_t len, struct control *ret, struct qx_error *err);
void control_fini(struct control *c); /* a zeroed or failed one is fine */

/* A JobSpec alone, for lane frames. What decode gives is one piece of memory: free it with job_spec_free, never a
 * member by itself. */
qx_err job_spec_encode(const struct job_spec *s, struct qx_bytes *out);
qx_err job_spec_decode(const void *data, size_t len, struct job_spec **ret, struct qx_error *err);
void job_spec_free(struct job_spec *s);
/* The parameters of one cell: the job's, with the cell's over them. The array is the caller's (qx_free), its strings borrowed. */
qx_err job_spec_cell(const struct job_spec *s, uint32_t cell, struct param **ret_params, uint32_t *ret_n);
#endif
