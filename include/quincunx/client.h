/* client.h - submit jobs to a farm and wait for what becomes of them.
 *
 *     struct qx_client *c;
 *     struct qx_future *f;
 *     const struct qx_result *r;
 *     qx_client_open(NULL, NULL, &c, &err);                       // $QX_MASTER, or a farm of its own on this machine
 *     qx_client_submit(c, &(struct qx_job_options){.task = "pi", .n_items = 1000000}, &f, &err);
 *     qx_future_get(f, -1, &r, &err);
 *     puts(r->cells[0].result_json);
 *     qx_future_free(f);
 *     qx_client_close(c);
 *
 * Calls block, but none for ever: each has a deadline of its own or takes timeout_ms (negative: none), and all notice
 * within 3 s that the master is gone. A client and its futures belong to one thread; another thread opens its own client. */
#ifndef QUINCUNX_CLIENT_H
#define QUINCUNX_CLIENT_H

#include "quincunx/job.h"

#ifdef __cplusplus
extern "C" {
#endif

struct qx_client;
struct qx_future;

struct qx_client_options {
    uint32_t slots; /* of an embedded farm; 0: one a core */
    const char *const
        *plugin_dirs;  /* more folders with plugins for an embedded farm; ends with NULL; NULL: none */
    uint32_t reach_ms; /* how long a master may be silent; 0: 2500 */
};

/* url: "tcp://host:5550", "ipc:///path", or NULL for $QX_MASTER and, where that is unset or empty, an embedded farm: a
 * private master and one worker, which end with this process, even when it crashes. INVALID: not an address. IO: nobody
 * answers there, its host is not known, or the embedded farm does not start (the text has its last words). */
QX_API qx_err qx_client_open(const char *url, const struct qx_client_options *opt, struct qx_client **ret,
                             struct qx_error *err);
QX_API void qx_client_close(struct qx_client *c); /* futures go first; NULL is fine */
QX_API const char *qx_client_address(const struct qx_client *c);
QX_API bool qx_client_embedded(const struct qx_client *c);
QX_API bool qx_client_lost(const struct qx_client *c); /* the master is gone; every call fails from now on */

/* Submits, and returns when the master has taken the job. Files named by parameters that hold data are read, checked
 * and handed to the master first. INVALID, NOTFOUND: the job is not a sound one; nothing has changed. */
QX_API qx_err qx_client_submit(struct qx_client *c, const struct qx_job_options *job, struct qx_future **ret,
                               struct qx_error *err);
/* Rounds: a task may say in its answer how to go on, with the member "next": {"params", "n", "why"}. With rounds_max in the
 * options its future runs the job again with these parameters changed, and so on until an answer has no "next"; of a grid, the
 * cells that want it. What is seen of it: `round` and `round_why` of the progress, `round` of rows; qx_future_result has the last
 * answer of every cell, and `rounds`. A round that fails or is cancelled leaves the answers of the rounds before, marked
 * as not complete; so does the limit of rounds (FAILED, with the code LIMIT). Rounds go on while the client waits for anything. */
/* A future for a job that is there already. */
QX_API qx_err qx_client_attach(struct qx_client *c, uint64_t job, uint32_t progress_ms,
                               struct qx_future **ret, struct qx_error *err);

/* Submits and hands each item's outputs to `row_f`, in the order of the items (cells of a grid may alternate); a result
 * other than OK cancels the job and is returned. ret: NULL, or the answer (qx_result_free). */
typedef qx_err (*qx_rows_f)(void *arg, const struct qx_rows *rows);
QX_API qx_err qx_client_map(struct qx_client *c, const struct qx_job_options *job, qx_rows_f rows_f,
                            void *arg, int64_t timeout_ms, struct qx_result **ret, struct qx_error *err);

/* Futures. Freeing one forgets it here; the job goes on. */
QX_API void qx_future_free(struct qx_future *f);
QX_API uint64_t qx_future_job(const struct qx_future *f);
QX_API uint64_t qx_future_seed(const struct qx_future *f);
QX_API uint64_t qx_future_n_items(const struct qx_future *f);
QX_API bool qx_future_done(struct qx_future *f); /* does not block; looks at what has arrived */
/* Until the job has ended, well or not. TIMEOUT; AGAIN: a signal came; IO: the master is gone. */
QX_API qx_err qx_future_wait(struct qx_future *f, int64_t timeout_ms, struct qx_error *err);
/* Waits; OK only for a job that is done. CANCELLED, or the code of what ended it with its text. Borrowed from f. */
QX_API qx_err qx_future_get(struct qx_future *f, int64_t timeout_ms, const struct qx_result **ret,
                            struct qx_error *err);
/* What has come of an ended job, even if partial. NULL: nothing. Borrowed from f. */
QX_API const struct qx_result *qx_future_result(const struct qx_future *f);
/* The last news, NULL before the first. Borrowed until the next call that waits. */
QX_API const struct qx_job_info *qx_future_progress(const struct qx_future *f);
/* The next rows of a job with `rows`, in the order of the items within each cell; borrowed until the next call.
 * OK with n_items 0: the job has ended and there are no more. TIMEOUT, AGAIN, IO as above. */
QX_API qx_err qx_future_next_rows(struct qx_future *f, int64_t timeout_ms, struct qx_rows *ret,
                                  struct qx_error *err);
/* Asks for its end; the future then ends with what the finished prefix says. */
QX_API qx_err qx_future_cancel(struct qx_future *f, struct qx_error *err);
/* The next future of the array to end that this function has not given before; members may be NULL. NULL in *ret:
 * all were given. All belong to one client. */
QX_API qx_err qx_as_completed(struct qx_future *const *futures, size_t n, int64_t timeout_ms,
                              struct qx_future **ret, struct qx_error *err);

/* Questions about jobs and the farm. */
QX_API qx_err qx_client_cancel(struct qx_client *c, uint64_t job, struct qx_error *err);
QX_API qx_err qx_client_extend(struct qx_client *c, uint64_t job, uint64_t n_items, struct qx_error *err);
QX_API qx_err qx_client_jobs(struct qx_client *c, uint64_t job, struct qx_job_list **ret,
                             struct qx_error *err); /* job 0: all */
QX_API qx_err qx_client_result(struct qx_client *c, uint64_t job, bool partial, struct qx_result **ret,
                               struct qx_error *err);
QX_API qx_err qx_client_tasks(struct qx_client *c, const char *name, struct qx_task_list **ret,
                              struct qx_error *err); /* NULL: all */
QX_API qx_err qx_client_workers(struct qx_client *c, struct qx_worker_list **ret, struct qx_error *err);
QX_API qx_err qx_client_ping(struct qx_client *c, struct qx_farm_info *ret,
                             struct qx_error *err); /* release: borrowed from c */
/* Until a worker has told the master what tasks there are: before that no job can be checked, and none is accepted. TIMEOUT; AGAIN: a
 * signal came; IO: the master is gone. */
QX_API qx_err qx_client_wait_tasks(struct qx_client *c, int64_t timeout_ms, struct qx_error *err);
/* Reads a CSV file into the form in which tasks get data. Free *ret_data with qx_data_free. */
QX_API qx_err qx_data_from_csv(const char *path, void **ret_data, size_t *ret_len, struct qx_error *err);
QX_API void qx_data_free(void *data);
/* The bytes behind a data set of a job ("blob:.."). Free with qx_data_free. */
QX_API qx_err qx_client_blob(struct qx_client *c, const char *ref, void **ret_data, size_t *ret_len,
                             struct qx_error *err);

#ifdef __cplusplus
}
#endif
#endif
