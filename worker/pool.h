/* pool.h - the executors of a worker: gives them leases, takes their results, and says what became of an executor that died.
 *
 * A lease given to the pool comes back in exactly one event. Results come back in the order in which an executor got the leases.
 * What executors write is checked like any peer's: one that writes nonsense is killed. Executors that die are replaced.
 * One thread. Blocks only in pool_new (until the plugins are loaded) and in pool_free (a second at most). */
#ifndef QX_WORKER_POOL_H
#define QX_WORKER_POOL_H

#include "common/decl.h"
#include "worker/blobfile.h"
#include "worker/framebuf.h"
#include "worker/lease.h"

enum {
    POOL_SLOTS_MAX = 1024,
    POOL_AHEAD_MAX = 256,       /* leases in an executor's ring */
    POOL_AHEAD_NS = 500 * 1000, /* and how much work they may be */
    POOL_LATE_MS = 20,          /* a lease that runs for so long and .. */
    POOL_LATE_FACTOR = 10,      /* .. this many times what was expected is late: nothing waits behind it */
    POOL_LOAD_MS = 30000,       /* a plugin that takes longer to load is left out */
    POOL_STOP_MS = 2000         /* a forgotten lease that does not stop costs its executor */
};

struct pool_config {
    uint32_t slots;
    const char *const *dirs; /* plugin folders; must live on */
    size_t n_dirs;
    uint64_t memory_bytes; /* of one executor's private memory; 0: no limit */
    struct blob_folders folders;
    const char *proc_root; /* before /proc and /sys; NULL but in tests */
    /* Plugins that are left out, and executors that die with nothing to do. May be NULL. */
    void (*report)(void *arg, const char *event, const char *text);
    void *arg;
};

struct pool;

/* Forks: no ZeroMQ context may exist in this process yet. */
qx_err pool_new(const struct pool_config *config, struct pool **ret, struct qx_error *err);
void pool_free(struct pool *p); /* gives back no leases: take pool_next_lease first */

/* Declarations of all tasks; borrowed. */
const struct task_decl *pool_tasks(const struct pool *p, uint32_t *ret_n);
/* True once after a new zygote found other tasks, since plugins have come, gone or crashed. What pool_tasks gave before is void. */
bool pool_retask(struct pool *p);
uint32_t pool_slots(const struct pool *p);
struct framebuf_pool *pool_buffers(struct pool *p);
int pool_bell_fd(const struct pool *p); /* readable: there are results; call pool_rang, then take them */
void pool_rang(struct pool *p);
int pool_zygote_fd(const struct pool *p); /* readable: somebody was born or died */

/* The descriptors are about to be polled. False: there is something to do, do not sleep. */
bool pool_sleep(struct pool *p);

/* ---- leases ---- */
size_t pool_queued(const struct pool *p, uint32_t slot); /* leases the executor has, running or not */
/* May this lease be given to it now: always when it has none; more only when all are known to be tiny. */
bool pool_room(const struct pool *p, uint32_t slot, const struct lease *l);
void pool_give(struct pool *p, uint32_t slot,
               struct lease *l); /* its job first, if the executor has not got it */
void pool_flush(struct pool *p); /* wakes executors that were given something */
/* Every executor runs a lease that takes far longer than was expected: what waits for one had better run elsewhere. */
bool pool_all_late(const struct pool *p);
/* Each lease in the scope is told to `dropped`, and comes back with job == NULL: those not started when their turn comes, those
 * running after they were told to stop or killed. */
void pool_revoke(struct pool *p, const struct lease_scope *scope, uint64_t now_ns,
                 void (*dropped)(void *arg, uint64_t lease), void *arg);
/* Call before the job is freed: executors close it. Its leases are revoked before. */
void pool_forget(struct pool *p, const struct job *job);
/* The spec changed: executors get it again. */
void pool_renew(struct pool *p, struct job *job);

enum pool_event_type {
    POOL_RESULT,  /* frame: a checked FRAME_RESULT that fits the lease */
    POOL_FAILED,  /* the executor died running it: outcome, item, text */
    POOL_RETURNED /* not started, its executor died or is late: give it to another */
};
struct pool_event {
    enum pool_event_type type;
    uint32_t slot;
    struct lease *lease; /* the caller's now */
    void *frame;         /* framebuf, the caller's now */
    size_t len;
    uint32_t outcome; /* enum qx_outcome */
    uint64_t item;    /* ITEM_NONE: outside any */
    char text[128];
};
void pool_receive(struct pool *p, uint64_t now_ns); /* births and deaths: when pool_zygote_fd is readable */
bool pool_next_event(struct pool *p, struct pool_event *ret);

/* Time limits, memory limits, replacements that are due. Gives when it wants to be called next (UINT64_MAX: no need). */
uint64_t pool_watch(struct pool *p, uint64_t now_ns);

/* For tests and logs. */
int pool_pid(const struct pool *p, uint32_t slot); /* 0: none at the moment */
uint64_t pool_deaths(const struct pool *p);
uint64_t pool_item(const struct pool *p, uint32_t slot); /* it is at; UINT64_MAX: at none */
/* At the end: takes leases out of the pool, in no order. NULL: none left. */
struct lease *pool_next_lease(struct pool *p);

#endif
