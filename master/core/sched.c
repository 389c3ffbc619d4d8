/* Events are applied at once; leases are made one by one when effects are pulled, so that a batch of events is seen
 * as a whole. Every handler does what can fail first: an event that is refused changes nothing. */
#include "master/core/core.h"

static uint64_t or_default(uint64_t value, uint64_t fallback)
{
    return value ? value : fallback;
}

qx_err sched_new(const struct sched_config *config, struct sched **ret)
{
    enum { PREFETCH_LIMIT = 4096 };
    struct sched *s = qx_calloc(1, sizeof *s);
    if (!s)
        return QX_ERR_NOMEM;
    s->config = config ? *config : (struct sched_config){0};
    s->config.target_chunk_ns = or_default(s->config.target_chunk_ns, 25000000);
    s->config.prefetch_below_ns = or_default(s->config.prefetch_below_ns, 50000000);
    s->config.prefetch_cover_ns = or_default(s->config.prefetch_cover_ns, 1000000);
    s->config.prefetch_max = (uint32_t)or_default(s->config.prefetch_max, 512);
    if (s->config.prefetch_max > PREFETCH_LIMIT)
        s->config.prefetch_max = PREFETCH_LIMIT;
    s->config.worker_silent_ns = or_default(s->config.worker_silent_ns, 10000000000);
    s->config.losses_max = (uint32_t)or_default(s->config.losses_max, 8);
    list_init(&s->silence);
    *ret = s;
    return QX_ERR_OK;
}

void sched_free(struct sched *s)
{
    if (!s)
        return;
    for (struct idmap_slot *i = NULL; (i = idmap_next(&s->jobs, i));)
        sched_job_free(s, i->value);
    for (struct idmap_slot *i = NULL; (i = idmap_next(&s->workers, i));)
        sched_worker_free(i->value);
    idmap_fini(&s->jobs);
    idmap_fini(&s->workers);
    sched_classes_free(s);
    for (size_t i = 0; i < s->n_pages; i++)
        qx_free(s->pages[i]);
    qx_free(s->pages);
    qx_free(s->effects);
    qx_free(s);
}

static qx_err apply_to_worker(struct sched *s, const struct sched_event *ev)
{
    struct sched_worker *w = idmap_get(&s->workers, ev->worker);
    if (!w)
        return QX_ERR_NOTFOUND;
    sched_worker_touch(s, w);
    switch (ev->type) {
    case EV_WORKER_SEEN:
        return QX_ERR_OK;
    case EV_WORKER_DRAIN:
        return sched_worker_drain(s, w);
    case EV_WORKER_HELD:
        return sched_worker_held(s, w, ev->u.held.leases, ev->u.held.n_leases);
    case EV_WORKER_GONE:
        return sched_worker_gone(s, w, false);
    default:
        return QX_ERR_INVALID;
    }
}

static qx_err apply_to_cell(struct sched *s, struct sched_job *j, const struct sched_event *ev)
{
    if (ev->cell >= j->n_cells)
        return QX_ERR_INVALID;
    switch (ev->type) {
    case EV_CELL_SIZED:
        return sched_cell_size(s, j, ev->cell, ev->u.sized.n_items, ev->u.sized.n_max);
    case EV_CELL_STOP:
        return sched_cell_stop(s, j, ev->cell, ev->u.stop.block);
    case EV_CELL_FINISHED:
        return sched_cell_answered(s, j, ev->cell);
    case EV_AUX_ADD:
        return sched_aux_add(s, j, ev);
    default:
        return QX_ERR_INVALID;
    }
}

static qx_err apply_to_job(struct sched *s, const struct sched_event *ev)
{
    struct sched_job *j = idmap_get(&s->jobs, ev->job);
    if (!j)
        return QX_ERR_NOTFOUND;
    switch (ev->type) {
    case EV_JOB_EXTEND:
        return sched_job_extend(s, j, ev->u.extend.n_items);
    case EV_JOB_CANCEL:
        return sched_job_end(s, j, JOB_CANCEL, JOB_END_CANCELLED);
    case EV_JOB_FAIL:
        return sched_job_end(s, j, JOB_FAIL, JOB_END_FAILED);
    case EV_JOB_THROTTLE:
        return sched_job_throttle(s, j, ev->u.throttle.on);
    case EV_JOB_FORGET:
        return sched_job_forget(s, j);
    default:
        return apply_to_cell(s, j, ev);
    }
}

static qx_err apply(struct sched *s, const struct sched_event *ev)
{
    switch (ev->type) {
    case EV_LEASE_DONE:
        return sched_lease_done(s, ev);
    case EV_LEASE_FAILED:
        return sched_lease_failed(s, ev);
    case EV_WORKER_JOIN:
        return sched_worker_join(s, ev);
    case EV_WORKER_SEEN:
    case EV_WORKER_DRAIN:
    case EV_WORKER_HELD:
    case EV_WORKER_GONE:
        return apply_to_worker(s, ev);
    case EV_JOB_SUBMIT:
        return sched_job_submit(s, ev);
    case EV_JOB_EXTEND:
    case EV_JOB_CANCEL:
    case EV_JOB_FAIL:
    case EV_JOB_THROTTLE:
    case EV_JOB_FORGET:
    case EV_CELL_SIZED:
    case EV_CELL_STOP:
    case EV_CELL_FINISHED:
    case EV_AUX_ADD:
        return apply_to_job(s, ev);
    case EV_TICK:
        return sched_workers_expire(s);
    }
    return QX_ERR_INVALID;
}

qx_err sched_apply(struct sched *s, const struct sched_event *ev, uint64_t now_ns)
{
    enum { EFFECTS_AN_EVENT = 2 }; /* lost workers reserve more themselves */
    if (now_ns > s->now_ns)
        s->now_ns = now_ns;
    if (sched_effects_reserve(s, EFFECTS_AN_EVENT) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    qx_err e = apply(s, ev);
    if (e == QX_ERR_OK && ev->type != EV_WORKER_SEEN)
        s->settled = false;
    if (s->starved)
        s->settled = false;
    return e;
}

bool sched_next_effect(struct sched *s, struct sched_effect *ret)
{
    return sched_effects_pop(s, ret) || sched_grant(s, ret);
}

uint64_t sched_next_deadline(const struct sched *s)
{
    enum { RETRY_NS = 100000000 };
    uint64_t deadline = s->starved ? s->now_ns + RETRY_NS : UINT64_MAX;
    if (!list_empty(&s->silence)) {
        const struct sched_worker *w = list_entry(s->silence.next, const struct sched_worker, in_silence);
        uint64_t silent = w->seen_ns + s->config.worker_silent_ns;
        deadline = silent < deadline ? silent : deadline;
    }
    return deadline;
}

const struct sched_lease *sched_lease(const struct sched *s, uint64_t lease)
{
    bool given;
    const struct sched_range *r = sched_range_find(s, lease, &given);
    return r ? &r->pub : NULL;
}

bool sched_job_stats(const struct sched *s, uint64_t job, struct sched_job_stats *ret)
{
    const struct sched_job *j = idmap_get(&s->jobs, job);
    if (!j)
        return false;
    uint64_t n_items = 0;
    for (uint32_t i = 0; i < j->n_cells; i++)
        n_items = j->cells[i].n_items > n_items ? j->cells[i].n_items : n_items;
    *ret = (struct sched_job_stats){
        .n_cells = j->n_cells,
        .cells_complete = j->n_answered,
        .n_items = n_items,
        .items_done = j->items_done,
        .items_leased = j->items_leased,
        .leases_granted = j->leases_granted,
        .leases_failed = j->leases_failed,
        .leases_stale = j->leases_stale,
        .workers_lost = j->workers_lost,
        .compute_ns = j->compute_ns,
        .item_ns = j->item_ns,
        .waiting_for_workers = j->queue->cls->slots == 0,
    };
    return true;
}

size_t sched_worker_leases(const struct sched *s, uint64_t worker)
{
    const struct sched_worker *w = idmap_get(&s->workers, worker);
    return w ? w->n_out : 0;
}

uint32_t sched_slots(const struct sched *s)
{
    return s->slots;
}
