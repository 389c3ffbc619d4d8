/* workset.h - what an executor keeps between leases: the specs of its jobs, and the tasks it has open.
 *
 * At most WORKSET_OPEN_MAX tasks (one a job, cell and way of calling) are open; the one used longest ago is closed for another. Owns all of it.
 * One thread; plugin code runs inside these calls. */
#ifndef QX_WORKER_WORKSET_H
#define QX_WORKER_WORKSET_H

#include "host/host.h"
#include "proto/control.h"
#include "worker/blobfile.h"

enum { WORKSET_OPEN_MAX = 64 };

struct workset_config {
    const struct registry *registry;
    const struct blob_folders *folders;
    const volatile uint32_t *cancel;
    volatile uint64_t *current_item;
};

struct workset;

qx_err workset_new(const struct workset_config *config, struct workset **ret);
void workset_free(struct workset *w);

/* A spec, new or again: what is open for the job is closed. */
qx_err workset_job(struct workset *w, uint64_t job, const void *spec, size_t len, struct qx_error *err);
void workset_forget(struct workset *w, uint64_t job);

struct workset_task {
    struct host_task *task;
    struct block_layout layout;
    bool exact; /* the item that the host publishes is the one that runs, not the first of a group */
};
/* The open task of this cell, opened if need be. Borrowed until the next call of any function here. `single`: one item a call (so
 * do jobs with a time limit anyway). Errors are those of open(), or NOTFOUND for a job or a task that is not here. */
qx_err workset_open(struct workset *w, uint64_t job, uint32_t cell, bool single, struct workset_task *ret,
                    struct qx_error *err);
size_t workset_n_open(const struct workset *w);

#endif
