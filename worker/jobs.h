/* jobs.h - the jobs a worker has work of: their frames for executors, their limits, the data sets they wait for.
 *
 * Owns the jobs; their leases are elsewhere, but for those that wait for data. One thread. */
#ifndef QX_WORKER_JOBS_H
#define QX_WORKER_JOBS_H

#include "common/decl.h"
#include "worker/blobs.h"
#include "worker/lease.h"

struct jobs;

struct jobs_config {
    uint32_t slots;
    const struct task_decl *tasks; /* borrowed */
    uint32_t n_tasks;
    struct blobs *blobs;
};

qx_err jobs_new(const struct jobs_config *config, struct jobs **ret);
void jobs_free(struct jobs *js); /* jobs_remove every job before */
/* Other declarations from now on: for jobs that come. */
void jobs_retask(struct jobs *js, const struct task_decl *tasks, uint32_t n_tasks);

struct job *jobs_find(struct jobs *js, uint64_t id); /* NULL: none */
/* From the payload of a FRAME_JOB, new or changed. Errors are the sender's: the spec does not decode. */
qx_err jobs_put(struct jobs *js, uint64_t id, const void *spec, size_t len, struct job **ret,
                struct qx_error *err);
/* Frees it; `held` must have been emptied. */
void jobs_remove(struct jobs *js, struct job *job);
struct job *jobs_any(struct jobs *js); /* NULL: none left */

/* READY when all its data is here; FAILED with a text when some cannot be had. */
enum blob_state jobs_data(const struct job *job, const char **ret_why);

/* The next job whose data has been decided while leases wait for it; NULL: none. */
struct job *jobs_next_decided(struct jobs *js);

#endif
