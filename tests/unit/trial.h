/* trial.h - what the tests of the worker share: jobs and leases as a master would write them, and the sink's part: putting the
 * nodes of results together and comparing the digest with that of the same job run in this process. Checks with ck_assert. */
#ifndef QX_TESTS_TRIAL_H
#define QX_TESTS_TRIAL_H

#include <zmq.h>

#include "common/tree.h"
#include "host/host.h"
#include "proto/control.h"

struct trial_job {
    const char *task, *version; /* NULL: "1.0" */
    const char *params[6];      /* name, value, name, value, .. */
    uint64_t n_items, seed, item_timeout_ms;
    struct block_layout layout; /* zero: {1, 14} */
};

/* FRAME_JOB and a lease of it, in messages that the caller closes. */
void trial_job_frame(zmq_msg_t *ret, uint64_t session, uint64_t seq, uint64_t id, const struct trial_job *j);
void trial_lease_frame(zmq_msg_t *ret, uint64_t session, uint64_t seq, struct frame_lease l,
                       const void *payload);
void trial_forget_frame(zmq_msg_t *ret, uint64_t session, uint64_t seq, uint64_t id);
void trial_spec(const struct trial_job *j, struct qx_bytes *ret);

/* The sink of one job. */
struct trial_sink {
    struct registry *registry;
    struct host_task *task;
    struct tree *tree;
    struct block_layout layout;
    char digest[33]; /* that must come out */
    struct blob_ref ref;
    const void *blob;
};
/* Runs the job here. `plugin`: the shared object. `blob` (with its reference in the job's parameters) may be NULL. */
void trial_sink_open(struct trial_sink *s, const char *plugin, const struct trial_job *j, const void *blob);
void trial_sink_add(struct trial_sink *s, const struct frame_view *result);
/* Everything came, and it is what it must be. */
void trial_sink_check(struct trial_sink *s);
void trial_sink_close(struct trial_sink *s);

/* Paths in the build, from the environment that CTest sets. */
const char *trial_plugin(const char *file, char ret[1024]);

#endif
