#include "master/core/core.h"

bool sched_is_long(const struct sched *s, uint64_t expect_ns)
{
    return expect_ns == 0 || expect_ns >= s->config.prefetch_below_ns;
}

/* Leases that may be queued a slot behind the running one. */
static uint32_t ahead(const struct sched *s, uint64_t expect_ns)
{
    if (sched_is_long(s, expect_ns))
        return 0;
    uint64_t cover = (s->config.prefetch_cover_ns + expect_ns - 1) / expect_ns;
    if (cover < 1)
        return 1;
    return cover < s->config.prefetch_max ? (uint32_t)cover : s->config.prefetch_max;
}

/* May a lease that is expected to take so long go to `w` now? To a free slot always; else only behind short ones: slots
 * that run something long do not count. */
bool sched_worker_room(const struct sched *s, const struct sched_worker *w, uint64_t expect_ns)
{
    if (w->n_out < w->slots)
        return true;
    uint64_t queue = (uint64_t)(w->slots - w->n_long) * (1 + (uint64_t)ahead(s, expect_ns));
    return w->n_out - w->n_long < queue;
}

/* Order of workers for the next lease: by the share of slots taken while some are free; then by the length of the queue
 * over those slots that run short leases; last those that run long ones only. 16 bits of fraction.
 * In this order the first worker has room exactly when any has. */
uint64_t sched_worker_load(const struct sched_worker *w)
{
    if (w->n_out < w->slots)
        return ((uint64_t)w->n_out << 16) / w->slots;
    if (w->n_long >= w->slots)
        return UINT64_MAX;
    return (1 << 16) + ((uint64_t)(w->n_out - w->n_long) << 16) / (w->slots - w->n_long);
}

static void worker_rekey(struct sched_worker *w)
{
    if (w->profile)
        heap_rekey(&w->profile->workers, &w->in_heap, sched_worker_load(w));
}

void sched_worker_take(struct sched_worker *w, struct sched_range *r)
{
    r->worker = w;
    r->pub.worker = w->id;
    list_append(&w->ranges, &r->in_worker);
    w->n_out++;
    w->n_long += r->is_long;
    worker_rekey(w);
}

void sched_worker_drop(struct sched_range *r)
{
    struct sched_worker *w = r->worker;
    r->worker = NULL;
    list_remove(&r->in_worker);
    w->n_out--;
    w->n_long -= r->is_long;
    worker_rekey(w);
}

void sched_worker_stuck(struct sched_worker *w)
{
    uint32_t running = 0;
    list_each(l, &w->ranges)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_worker);
        if (running++ == w->slots)
            break;
        w->n_long += !r->is_long;
        r->is_long = true;
    }
    worker_rekey(w);
}

void sched_worker_touch(struct sched *s, struct sched_worker *w)
{
    w->seen_ns = s->now_ns;
    if (s->silence.prev != &w->in_silence) {
        list_remove(&w->in_silence);
        list_append(&s->silence, &w->in_silence);
    }
}

static void worker_move(struct sched_worker *w, enum worker_move move)
{
    uint8_t to = sched_worker_next[w->phase][move];
    QX_BUG_ON(to == WORKER_NONE);
    w->phase = (enum worker_phase)to;
}

/* It takes leases from now on: the last step of joining. */
static void enter_profile(struct sched *s, struct sched_worker *w, struct sched_profile *p)
{
    w->profile = p;
    p->n_workers++;
    heap_push(&p->workers, &w->in_heap, sched_worker_load(w), w->number);
    for (uint32_t i = 0; i < p->n_classes; i++)
        p->classes[i]->slots += w->slots;
    s->slots += w->slots;
}

static void leave_profile(struct sched *s, struct sched_worker *w)
{
    struct sched_profile *p = w->profile;
    if (!p)
        return;
    w->profile = NULL;
    p->n_workers--;
    heap_remove(&p->workers, &w->in_heap);
    for (uint32_t i = 0; i < p->n_classes; i++)
        p->classes[i]->slots -= w->slots;
    s->slots -= w->slots;
    sched_profile_release(s, p);
}

qx_err sched_worker_join(struct sched *s, const struct sched_event *ev)
{
    enum { SLOTS_MAX = 1 << 16 };
    if (ev->worker == 0 || ev->u.join.slots == 0 || ev->u.join.slots > SLOTS_MAX)
        return QX_ERR_INVALID;
    if (idmap_get(&s->workers, ev->worker))
        return QX_ERR_STATE;
    struct sched_profile *p = NULL;
    if (sched_profile_get(s, ev->u.join.classes, ev->u.join.n_classes, &p) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    struct sched_worker *w = NULL;
    if (heap_reserve(&p->workers, p->n_workers + 1) == QX_ERR_OK)
        w = qx_calloc(1, sizeof *w);
    if (!w || idmap_put(&s->workers, ev->worker, w) != QX_ERR_OK) {
        qx_free(w);
        sched_profile_release(s, p);
        return QX_ERR_NOMEM;
    }
    w->id = ev->worker;
    w->number = s->n_joined++;
    w->slots = ev->u.join.slots;
    w->phase = WORKER_ACTIVE;
    w->seen_ns = s->now_ns;
    list_init(&w->ranges);
    list_append(&s->silence, &w->in_silence);
    enter_profile(s, w, p);
    return QX_ERR_OK;
}

qx_err sched_worker_drain(struct sched *s, struct sched_worker *w)
{
    worker_move(w, WORKER_DRAIN);
    leave_profile(s, w);
    return QX_ERR_OK;
}

void sched_worker_free(struct sched_worker *w)
{
    qx_free(w);
}

/* Jobs that end when `w` vanishes, at most: only as many leases as it has slots can have been running. */
static size_t losses_possible(const struct sched_worker *w)
{
    return w->n_out < w->slots ? w->n_out : w->slots;
}

static void count_lost_worker(struct sched *s, struct sched_job *j)
{
    if (j->lost_pass != s->pass) {
        j->lost_pass = s->pass;
        j->workers_lost++;
    }
}

/* The oldest leases may have been running, one a slot: these count a loss, and wait behind the others, so that a block that
 * kills workers does not take the innocent ones with it each time. */
static void give_back_all(struct sched *s, struct sched_worker *w)
{
    s->pass++;
    size_t running = losses_possible(w), i = 0;
    list_each_safe(l, tmp, &w->ranges)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_worker);
        count_lost_worker(s, r->job);
        if (i++ >= running)
            sched_lease_return(s, r, false);
    }
    while (!list_empty(&w->ranges)) /* a job that ends here takes its other leases away */
        sched_lease_lose(s, list_entry(w->ranges.next, struct sched_range, in_worker), false);
}

qx_err sched_worker_gone(struct sched *s, struct sched_worker *w, bool tell)
{
    if (sched_effects_reserve(s, losses_possible(w) + 1) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    if (tell)
        sched_emit(s, &(struct sched_effect){.type = FX_WORKER_GONE, .worker = w->id});
    worker_move(w, WORKER_LEAVE);
    leave_profile(s, w);
    give_back_all(s, w);
    list_remove(&w->in_silence);
    idmap_del(&s->workers, w->id);
    sched_worker_free(w);
    return QX_ERR_OK;
}

qx_err sched_worker_held(struct sched *s, struct sched_worker *w, const uint64_t *leases, size_t n)
{
    s->pass++;
    for (size_t i = 0; i < n; i++) {
        bool given;
        struct sched_range *r = sched_range_find(s, leases[i], &given);
        if (r && r->worker == w)
            r->held_pass = s->pass;
    }
    list_each_safe(l, tmp, &w->ranges)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_worker);
        if (r->held_pass != s->pass)
            sched_lease_return(s, r, false);
    }
    return QX_ERR_OK;
}

static bool is_silent(const struct sched *s, const struct sched_worker *w)
{
    return s->now_ns - w->seen_ns >= s->config.worker_silent_ns;
}

qx_err sched_workers_expire(struct sched *s)
{
    size_t effects = 0;
    list_each(l, &s->silence)
    {
        const struct sched_worker *w = list_entry(l, const struct sched_worker, in_silence);
        if (!is_silent(s, w))
            break;
        effects += losses_possible(w) + 1;
    }
    if (sched_effects_reserve(s, effects) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    while (!list_empty(&s->silence)) {
        struct sched_worker *w = list_entry(s->silence.next, struct sched_worker, in_silence);
        if (!is_silent(s, w))
            break;
        QX_BUG_ON(sched_worker_gone(s, w, true) != QX_ERR_OK);
    }
    return QX_ERR_OK;
}
