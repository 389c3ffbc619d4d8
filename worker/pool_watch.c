#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/pool_impl.h"

enum { SAMPLE_MS = 100, LOOK_SOON_MS = 5, LOOK_OOM_MS = 5000, OUTSIDE_FACTOR = 10, OUTSIDE_LEAST_MS = 60000 };

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- time ------------------------------------------------------------------------------------------- */

/* The lease it runs, as far as that can be believed; NULL: none. */
static struct lease *running(const struct slot *s)
{
    struct lease *head = s->queue.first;
    return head && atomic_load(&s->region->running_lease) == head->f.lease ? head : NULL;
}

/* An item has run since it was first seen; opening, merging and finishing get more time than an item. */
static uint64_t watch_time(struct pool *p, struct slot *s, uint64_t now_ns)
{
    const struct lease *l = s->queue.first;
    uint64_t limit_ns = l && l->job ? l->job->item_timeout_ns : 0;
    if (limit_ns == 0)
        return UINT64_MAX;
    if (!running(s)) /* about to start: look again soon */
        return now_ns + LOOK_SOON_MS * NS_PER_MS;
    uint64_t item = __atomic_load_n(&s->region->current_item, __ATOMIC_RELAXED);
    if (s->seen_lease != l->f.lease || s->seen_item != item) {
        s->seen_lease = l->f.lease;
        s->seen_item = item;
        s->seen_since_ns = now_ns;
    }
    uint64_t step_ns = limit_ns / 8;
    if (item == ITEM_NONE) {
        limit_ns *= OUTSIDE_FACTOR;
        limit_ns = limit_ns < OUTSIDE_LEAST_MS * NS_PER_MS ? OUTSIDE_LEAST_MS * NS_PER_MS : limit_ns;
    }
    if (now_ns - s->seen_since_ns >= limit_ns)
        zygote_kill(p, s, KILL_TIMEOUT);
    step_ns = step_ns < 5 * NS_PER_MS ? 5 * NS_PER_MS : step_ns;
    return now_ns + earlier(step_ns, SAMPLE_MS * NS_PER_MS);
}

/* A lease that nobody wants any more is told to stop when its turn has come. */
static uint64_t watch_forgotten(struct pool *p, struct slot *s, uint64_t now_ns)
{
    const struct lease *l = s->queue.first;
    if (!l || l->job)
        return UINT64_MAX;
    if (!running(s)) /* about to start: look again soon */
        return now_ns + LOOK_SOON_MS * NS_PER_MS;
    if (s->cancelled_lease != l->f.lease) {
        s->cancelled_lease = l->f.lease;
        s->cancel_kill_ns = now_ns + POOL_STOP_MS * NS_PER_MS;
        atomic_store(&s->region->cancel_lease, l->f.lease);
        __atomic_store_n(&s->region->cancel, 1, __ATOMIC_RELAXED);
    }
    if (now_ns >= s->cancel_kill_ns)
        zygote_kill(p, s, KILL_FORGOTTEN);
    return s->cancel_kill_ns;
}

/* A lease that takes far longer than was expected must not keep those behind it waiting: they are taken back. */
static uint64_t watch_late(struct pool *p, struct slot *s, uint64_t now_ns)
{
    const struct lease *l = s->queue.first;
    if (!l || s->late)
        return UINT64_MAX;
    uint64_t limit_ns = POOL_LATE_MS * NS_PER_MS;
    if (!running(s))
        return now_ns + limit_ns;
    if (s->head_lease != l->f.lease) {
        s->head_lease = l->f.lease;
        s->head_since_ns = now_ns;
    }
    if (l->f.expect_ns > limit_ns / POOL_LATE_FACTOR)
        limit_ns = l->f.expect_ns < UINT64_MAX / 2 / POOL_LATE_FACTOR ? l->f.expect_ns * POOL_LATE_FACTOR
                                                                      : UINT64_MAX / 2;
    if (now_ns - s->head_since_ns < limit_ns)
        return s->head_since_ns + limit_ns;
    bool nonsense = false;
    s->late = s->queue.n == 1 || slot_take_back(s, &p->returned, &nonsense);
    if (nonsense)
        zygote_kill(p, s, KILL_NONSENSE);
    return s->late ? UINT64_MAX : now_ns + NS_PER_MS;
}

/* ---- memory ----------------------------------------------------------------------------------------- */

/* Resident private bytes; also notes the shared ones. 0: not known. */
static uint64_t sample_memory(struct slot *s)
{
    char path[64], text[128];
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)s->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    char *at = text;
    (void)strtoull(at, &at, 10); /* size of the address space */
    unsigned long long resident = strtoull(at, &at, 10);
    unsigned long long shared = strtoull(at, &at, 10);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    s->shared_bytes = shared * page;
    return resident > shared ? (resident - shared) * page : 0;
}

static uint64_t watch_memory(struct pool *p, uint64_t now_ns)
{
    if (p->config.memory_bytes == 0)
        return UINT64_MAX;
    bool busy = false;
    for (uint32_t i = 0; i < p->config.slots; i++)
        busy |= p->slots[i].state == SLOT_LIVE && p->slots[i].queue.n > 0;
    if (!busy)
        return UINT64_MAX;
    if (now_ns < p->sample_ns)
        return p->sample_ns;
    for (uint32_t i = 0; i < p->config.slots; i++) {
        struct slot *s = &p->slots[i];
        if (s->state == SLOT_LIVE && s->queue.n > 0 && sample_memory(s) > p->config.memory_bytes)
            zygote_kill(p, s, KILL_MEMORY);
    }
    p->sample_ns = now_ns + SAMPLE_MS * NS_PER_MS;
    return p->sample_ns;
}

/* ---- all -------------------------------------------------------------------------------------------- */

static uint64_t watch_births(struct pool *p, uint64_t now_ns)
{
    if (p->zygote_fd < 0) {
        if (now_ns < p->zygote_retry_ns)
            return p->zygote_retry_ns;
        struct qx_error err;
        if (zygote_start(p, &err) != QX_ERR_OK) {
            pool_report(p, "ZYGOTE-NOT-STARTED", "why=\"%s\"", err.text);
            p->zygote_retry_ns = now_ns + NS_PER_S;
            return p->zygote_retry_ns;
        }
    }
    uint64_t next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < p->config.slots; i++) {
        struct slot *s = &p->slots[i];
        if (s->state != SLOT_EMPTY)
            continue;
        if (now_ns >= s->respawn_ns)
            zygote_spawn(p, s, now_ns);
        else
            next_ns = earlier(next_ns, s->respawn_ns);
    }
    return next_ns;
}

uint64_t pool_watch(struct pool *p, uint64_t now_ns)
{
    if (now_ns >= p->oom_look_ns) {
        oom_watch_look(&p->oom, now_ns);
        p->oom_look_ns = now_ns + LOOK_OOM_MS * NS_PER_MS;
    }
    uint64_t next_ns = earlier(watch_births(p, now_ns), watch_memory(p, now_ns));
    for (uint32_t i = 0; i < p->config.slots; i++) {
        struct slot *s = &p->slots[i];
        if (s->state != SLOT_LIVE)
            continue;
        next_ns = earlier(next_ns, watch_time(p, s, now_ns));
        next_ns = earlier(next_ns, watch_forgotten(p, s, now_ns));
        next_ns = earlier(next_ns, watch_late(p, s, now_ns));
        if (s->to.nonsense)
            zygote_kill(p, s, KILL_NONSENSE);
    }
    return next_ns;
}
