/* pool_impl.h - shared by the files of the pool: pool.c (leases and events), pool_slot.c (one executor's rings), pool_zygote.c
 * (births and deaths), pool_watch.c (limits). */
#ifndef QX_WORKER_POOL_IMPL_H
#define QX_WORKER_POOL_IMPL_H

#include <sched.h>
#include <sys/types.h>

#include "proto/control.h"
#include "worker/oom.h"
#include "worker/pool.h"
#include "worker/region.h"
#include "worker/zygote.h"

enum slot_state {
    SLOT_EMPTY,    /* no process: one is due at respawn_ns */
    SLOT_SPAWNING, /* asked for; leases may be put in its ring */
    SLOT_LIVE,
    SLOT_DYING, /* told to be killed */
    SLOT_DEAD,  /* gone, its ring and leases not yet seen to */
    SLOT_STATE_COUNT
};

enum slot_event {
    SLOT_EV_SPAWN,
    SLOT_EV_BORN,
    SLOT_EV_KILL,
    SLOT_EV_DIED,
    SLOT_EV_CLEARED,
    SLOT_EVENT_COUNT
};

enum kill_reason { KILL_NONE, KILL_TIMEOUT, KILL_MEMORY, KILL_FORGOTTEN, KILL_NONSENSE };

struct slot {
    uint32_t index;
    enum slot_state state; /* changed by slot_move only */
    uint32_t incarnation;  /* counts processes; never 0 while there is one */
    pid_t pid;
    struct region *region;
    int wake_fd;

    /* to it */
    struct ring_end to;
    struct qx_bytes outbox; /* what did not fit in the ring, from outbox_at on */
    size_t outbox_at;
    bool wake;                /* given something since the last flush */
    struct lease_queue queue; /* given and not answered, in order */
    uint64_t expect_ns;       /* of the queue; unknown costs count as POOL_AHEAD_NS + 1 */
    uint32_t n_given;         /* leases put in its ring: the number of the last one (turn.h) */

    /* from it */
    struct ring_end from;
    uint8_t *frame; /* being received, NULL: none */
    size_t frame_len, frame_got;

    /* limits */
    uint64_t seen_lease, seen_item, seen_since_ns;
    uint64_t head_lease, head_since_ns; /* what it was seen to run, and since when */
    bool late;                          /* that takes far longer than was expected */
    uint64_t cancelled_lease, cancel_kill_ns;
    enum kill_reason why;
    uint64_t shared_bytes; /* of its resident memory, as last sampled */

    /* its end */
    int status; /* as wait() gives it */
    uint64_t resident_bytes;
    bool lost_with_zygote;
    bool starved; /* the kernel killed it for want of memory */
    uint64_t born_ns, respawn_ns;
    uint32_t idle_deaths; /* in a row, with no lease done */
};

struct pool {
    struct pool_config config;
    cpu_set_t cpus; /* of executors, wherever the supervisor is (common/placement.h) */
    struct slot *slots;
    struct region **regions;
    int *wake_fds;
    struct bell *bell;
    int bell_fd;
    struct framebuf_pool *buffers;
    uint32_t cursor;             /* slot whose events come next */
    struct lease_queue returned; /* taken back from executors, to be told */
    uint64_t deaths, sample_ns, oom_look_ns;
    struct oom_watch oom;
    bool stopping;

    struct control tasks;       /* a zygote's TASK_LIST; what is told and lent out */
    struct control new_tasks;   /* of a later zygote, if it has others: until pool_retask */
    struct qx_bytes task_bytes; /* `tasks`, encoded */
    int zygote_fd;              /* -1: none */
    pid_t zygote_pid;
    char **excluded;
    size_t n_excluded, cap_excluded;
    char loading[BLOB_PATH_BYTES]; /* plugin being loaded, "": none */
    struct qx_bytes inbox;         /* bytes of zygote messages not yet acted on */
    uint64_t zygote_retry_ns;
};

void pool_report(const struct pool *p, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* pool_slot.c */
void slot_move(struct slot *s, enum slot_event ev);
void slot_reset(struct slot *s);                              /* everything shared is zero again */
void slot_send(struct slot *s, const void *data, size_t len); /* a whole frame; what does not fit waits */
void slot_pump(struct slot *s);
void slot_flush(struct slot *s);
/* The next whole result. NULL: none now; *ret_nonsense: what is there cannot be one. */
void *slot_receive(struct slot *s, struct framebuf_pool *buffers, size_t *ret_len, bool *ret_nonsense);
void slot_drop_frame(struct slot *s);
uint64_t slot_expects_ns(const struct lease *l); /* what it counts for in expect_ns */
/* Moves the leases that it has not started to `to`. False: not now, it has just started another one. */
bool slot_take_back(struct slot *s, struct lease_queue *to, bool *ret_nonsense);

/* pool_zygote.c */
qx_err zygote_start(struct pool *p, struct qx_error *err); /* until its plugins are loaded */
void zygote_stop(struct pool *p);
void zygote_spawn(struct pool *p, struct slot *s, uint64_t now_ns);
void zygote_kill(struct pool *p, struct slot *s, enum kill_reason why);

#endif
