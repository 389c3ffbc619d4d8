/* job.h - what a job is, and what is known of it, as plain data of the client library.
 *
 * In what the library gives back, strings are never NULL and arrays are NULL when empty; all of it is borrowed from
 * the object it hangs on. Times are nanoseconds unless the name says otherwise. Numbers that are not known are NaN. */
#ifndef QUINCUNX_JOB_H
#define QUINCUNX_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quincunx/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define QX_API __attribute__((visibility("default")))
#else
#define QX_API
#endif

/* A parameter of a job as text: name=value. */
struct qx_arg {
    const char *name, *value;
};

/* What one cell of a grid sets, over the job's own parameters. */
struct qx_cell_args {
    const struct qx_arg *args;
    uint32_t n_args;
};

/* A job to be submitted. Zero what is not wanted. */
struct qx_job_options {
    const char *task;    /* "pi" */
    const char *version; /* NULL: the newest that the farm has */
    const struct qx_arg *args;
    const struct qx_cell_args *cells;
    uint32_t n_args, n_cells; /* n_cells 0: no grid */
    uint64_t n_items;         /* of each cell; 0: the task's default. With `until`: at most so many */
    uint64_t seed;
    bool has_seed;            /* false: one is drawn */
    const char *until;        /* "se<1e-4"; NULL: none */
    uint64_t chunk_items;     /* 0: as the measured cost of an item suggests */
    int32_t priority;         /* -100 .. 100 */
    uint32_t attempts_max;    /* 0: 3 */
    uint64_t item_timeout_ms; /* 0: none */
    uint64_t item_bytes_max;  /* 0: 1 MiB */
    bool rows;                /* send each item's outputs to this client */
    bool detached;            /* goes on when this client leaves */
    const char *label;        /* NULL: none */
    uint32_t progress_ms;     /* how often news are wanted; 0: as often as the master likes */
    uint32_t n_files;
    const struct qx_arg
        *files; /* for showing alone: "blob:HASH:BYTES" = the name of the file behind it. The client adds
                                 * the files that it reads itself */
    uint32_t
        rounds_max; /* of qx_client_submit: so many rounds at most of a task that goes on in rounds, see client.h; 0, 1: the first
                          * alone. At most QX_ROUNDS_MAX */
};
enum { QX_ROUNDS_MAX = 1000 };

enum qx_job_state {
    QX_JOB_NONE,
    QX_JOB_RUNNING,
    QX_JOB_DONE,
    QX_JOB_FAILED,
    QX_JOB_CANCELLED,
    QX_JOB_STATE_COUNT
};
QX_API const char *qx_job_state_name(enum qx_job_state state); /* "running" .. */

struct qx_job_info {
    uint64_t job;
    enum qx_job_state state;
    qx_err code; /* of `error` */
    const char *task, *version, *label;
    const char *error;   /* why it failed */
    const char *waiting; /* why nothing runs, "" when something does */
    uint64_t seed, n_items;
    uint64_t submitted_unix_ms, elapsed_ns;
    uint32_t n_cells, cells_done;
    uint32_t slots; /* that may work on it */
    uint64_t items_done, items_failed;
    uint64_t items_total;                    /* over all cells; 0 when only a stopping rule ends it */
    uint64_t first_lease_ns, last_result_ns; /* since submission */
    /* The slots' time since submission, slots x elapsed: busy (task, reduce, a little around them), transfer (idle while chunks or
     * results were under way), wait (idle otherwise, or busy for other jobs). sink: the master's own reducing. */
    uint64_t wait_ns, transfer_ns, task_ns, reduce_ns, busy_ns, sink_ns;
    uint64_t leases, leases_failed;
    double estimate, se; /* running, of the finished prefix of cell estimate_cell */
    double target;       /* what `until` wants of its first term */
    uint32_t estimate_cell;
    const char *until; /* the stopping rule, "" without */
    double measure;    /* what the first term of `until` looks at, so far */
    const struct qx_arg
        *params; /* where one job was asked for: as given, data sets by the name of their file */
    uint32_t n_params;
    uint32_t round;        /* of a job submitted with rounds_max: which round this is, from 1; 0 elsewhere */
    const char *round_why; /* what it is for, as the answer before said; "" in the first */
};

struct qx_cell {
    const struct qx_arg *args; /* what the grid sets here */
    uint32_t n_args;
    uint64_t n_items, n_failed; /* items that the answer rests on, good and failed; failed ones */
    bool complete;              /* false: partial, from the finished prefix */
    bool stopped;               /* by `until` */
    const char *digest;
    const char *result_json;   /* an object, or "" when there is none */
    const char *failures_json; /* {"count", "causes": [{"outcome", "why", "count", "first"}]} or "" */
};

/* One of the jobs that an answer in rounds was made by. */
struct qx_round {
    uint32_t round, n_cells;                 /* from 1; cells that took part */
    uint64_t job, seed, n_items, elapsed_ns; /* n_items: done, over its cells */
    const char *digest, *why;                /* why: as round_why above */
};

/* The answer of a job and what it was. */
struct qx_result {
    struct qx_job_info info;
    const struct qx_arg *args; /* data sets are "blob:HASH:BYTES" */
    uint32_t n_args, n_cells;  /* one cell at least where there is an answer; without a grid it has no args */
    const struct qx_cell *cells;
    const char *until;
    const char *digest; /* over all cells */
    const struct qx_arg
        *files; /* "blob:HASH:BYTES" = the name of the file that it was read from, where it was told */
    uint32_t n_files;
    uint32_t n_rounds; /* jobs that the answer took; 0: one */
    const struct qx_round *rounds;
};
QX_API void qx_result_free(struct qx_result *r); /* NULL is fine */

/* Outputs of consecutive items of one cell. */
struct qx_rows {
    uint64_t job, first_item;
    uint32_t cell, n_items, n_columns;
    const char *const *columns; /* their names */
    const double *values;       /* n_items x n_columns; NaN where the item failed */
    const uint8_t *outcomes;    /* 0: good; else enum qx_outcome of task.h */
    uint32_t round;             /* of a job submitted with rounds_max, from 1; 0 elsewhere */
};

struct qx_job_list {
    uint32_t n;
    const struct qx_job_info *jobs;
};
QX_API void qx_job_list_free(struct qx_job_list *l);

struct qx_param_info {
    const char *name, *type,
        *help;            /* type: "integer", "real", "yes/no", "text", "choice", "reals", "table" */
    const char *fallback; /* default as text; "": may be left out */
    bool required;
    bool table;      /* the value names a file with data */
    double min, max; /* both 0: any */
    const char *const *choices;
    uint32_t n_choices;
};

struct qx_task_info {
    const char *name, *version, *help, *details;
    const struct qx_param_info *params;
    uint32_t n_params;
    uint64_t default_items; /* 0: n must be given, or comes from the parameter items_from */
    const char *items_from;
    bool reproducible;
    bool counts_items; /* n comes from the data and the parameters, as the task opens them */
};

struct qx_task_list {
    uint32_t n;
    const struct qx_task_info *tasks;
};
QX_API void qx_task_list_free(struct qx_task_list *l);

struct qx_worker_info {
    uint64_t session;
    const char *name, *host;
    uint32_t slots, leases, pid, n_tasks;
    uint64_t items_done, busy_ns, connected_ms, silent_ms, leases_failed;
    bool draining;
};

struct qx_worker_list {
    uint32_t n;
    const struct qx_worker_info *workers;
};
QX_API void qx_worker_list_free(struct qx_worker_list *l);

struct qx_farm_info {
    uint32_t protocol, workers, slots;
    const char *release;
    uint64_t uptime_ms;
    uint32_t tasks; /* that workers have told of so far, also those that have left */
};

#ifdef __cplusplus
}
#endif
#endif
