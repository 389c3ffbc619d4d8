/* Giving leases out and taking them back. */
#include "master/core/core.h"

/* ---- out ---- */

/* The least loaded worker of the class that no better job waits for, if it has room. */
static struct sched_worker *find_worker(const struct sched *s, const struct sched_class *cls,
                                        uint64_t expect_ns)
{
    struct sched_worker *best = NULL;
    uint64_t best_load = UINT64_MAX;
    for (size_t i = 0; i < cls->n_profiles; i++) {
        const struct sched_profile *p = cls->profiles[i];
        if (p->blocked == s->pass || !p->workers.n || (best && p->workers.slots[0].key >= best_load))
            continue;
        best_load = p->workers.slots[0].key;
        best = list_entry(p->workers.slots[0].node, struct sched_worker, in_heap);
    }
    return best && sched_worker_room(s, best, expect_ns) ? best : NULL;
}

/* A worker serves the best ready job that it can run. Where that job may not be queued yet, the worker runs empty
 * for it: nothing of a lesser job is put in its way. */
static void block_workers(struct sched *s, const struct sched_class *cls)
{
    for (size_t i = 0; i < cls->n_profiles; i++) {
        s->n_blocked += cls->profiles[i]->blocked != s->pass;
        cls->profiles[i]->blocked = s->pass;
    }
}

static struct sched_queue *best_untried(const struct sched *s, const struct sched_level *l)
{
    struct sched_queue *best = NULL;
    for (size_t i = 0; i < l->n_queues; i++) {
        struct sched_queue *q = l->queues[i];
        if (q->tried != s->pass && q->ready.n &&
            (!best || heap_less(&q->ready.slots[0], &best->ready.slots[0])))
            best = q;
    }
    return best;
}

/* The range of a piece, waiting in no list. Takes the front of a waiting range, or moves the frontier. */
static struct sched_range *cut_piece(struct sched *s, struct sched_job *j, const struct sched_piece *p)
{
    struct sched_range *from = p->from;
    if (from && (from->pub.kind != LEASE_RUN || p->n_blocks == from->pub.n_blocks)) {
        list_remove(&from->in_job);
        return from;
    }
    if (sched_range_reserve(s, 1) != QX_ERR_OK)
        return NULL;
    struct sched_range *r = sched_range_take(s, j);
    r->pub.cell = p->cell;
    r->pub.first_block = p->first;
    r->pub.n_blocks = p->n_blocks;
    j->cells[p->cell].n_ranges++;
    if (from) {
        r->pub.attempt = from->pub.attempt;
        r->losses = from->losses;
        r->deaths = from->deaths;
        from->pub.first_block += p->n_blocks;
        from->pub.n_blocks -= p->n_blocks;
    } else {
        j->cells[p->cell].frontier += p->n_blocks;
    }
    return r;
}

static void lease_out(struct sched *s, struct sched_range *r, struct sched_worker *w, uint64_t expect_ns)
{
    struct sched_job *j = r->job;
    sched_range_move(r, RANGE_GRANT);
    sched_range_name(r);
    r->pub.attempt++;
    r->pub.end_item = j->cells[r->pub.cell].n_items;
    r->pub.expect_ns = expect_ns;
    r->is_long = sched_is_long(s, expect_ns);
    r->pub.granted_ns = s->now_ns;
    r->items = sched_range_items(r);
    r->charge_ns = (int64_t)(expect_ns ? expect_ns : s->config.target_chunk_ns);
    sched_worker_take(w, r);
    list_append(&j->out, &r->in_job);
    j->items_leased += r->items;
    j->leases_granted++;
    j->queue->level->vt_last = j->vt;
    sched_job_charge(j, r->charge_ns);
    sched_job_look(s, j);
}

/* The first job of `q` gets one lease, if a worker has room for it. */
static bool grant_from(struct sched *s, struct sched_queue *q, struct sched_effect *ret)
{
    struct sched_job *j = list_entry(q->ready.slots[0].node, struct sched_job, in_heap);
    struct sched_piece p;
    sched_plan(s, j, &p);
    struct sched_worker *w = find_worker(s, q->cls, p.expect_ns);
    if (!w)
        return false;
    struct sched_range *r = cut_piece(s, j, &p);
    s->starved = !r;
    if (!r)
        return false;
    lease_out(s, r, w, p.expect_ns);
    *ret = (struct sched_effect){
        .type = FX_LEASE, .worker = w->id, .job = j->id, .cell = r->pub.cell, .u.lease = r->pub};
    return true;
}

/* One lease: of the highest priority, there of the smallest virtual time, that finds a worker. */
bool sched_grant(struct sched *s, struct sched_effect *ret)
{
    if (s->settled)
        return false;
    s->pass++;
    s->n_blocked = 0;
    for (size_t i = 0; i < s->n_levels; i++) {
        if (!s->levels[i]->n_ready)
            continue;
        for (struct sched_queue *q; s->n_blocked < s->n_profiles && (q = best_untried(s, s->levels[i]));) {
            if (grant_from(s, q, ret))
                return true;
            q->tried = s->pass;
            block_workers(s, q->cls);
        }
    }
    s->settled = true;
    return false;
}

/* ---- back ---- */

/* Out of the worker's hands and of the job's list. */
static void take_back(struct sched_range *r)
{
    r->job->items_leased -= r->items;
    r->pub.id = 0;
    sched_worker_drop(r);
    list_remove(&r->in_job);
}

static void wait_again(struct sched_range *r, bool front)
{
    struct list *list = r->pub.kind == LEASE_RUN ? &r->job->waiting : &r->job->aux;
    if (front)
        list_prepend(list, &r->in_job);
    else
        list_append(list, &r->in_job);
}

void sched_lease_return(struct sched *s, struct sched_range *r, bool front)
{
    sched_range_move(r, RANGE_RETURN);
    take_back(r);
    wait_again(r, front);
    sched_job_charge(r->job, -r->charge_ns);
    sched_job_look(s, r->job);
}

void sched_lease_lose(struct sched *s, struct sched_range *r, bool front)
{
    struct sched_job *j = r->job;
    sched_lease_return(s, r, front);
    if (++r->losses < s->config.losses_max)
        return;
    if (r->pub.kind == LEASE_RUN) {
        QX_BUG_ON(sched_job_end(s, j, JOB_FAIL, JOB_END_LOST) != QX_ERR_OK);
        return;
    }
    sched_emit(s, &(struct sched_effect){
                      .type = FX_AUX_FAILED, .job = j->id, .cell = r->pub.cell, .u.lease = r->pub});
    sched_lease_revoke(s, r);
    sched_job_look(s, j);
}

void sched_lease_revoke(struct sched *s, struct sched_range *r)
{
    if (r->phase == RANGE_OUT) {
        take_back(r);
        sched_job_charge(r->job, -r->charge_ns);
    } else {
        list_remove(&r->in_job);
    }
    if (r->pub.kind == LEASE_RUN)
        r->job->cells[r->pub.cell].n_ranges--;
    sched_range_move(r, RANGE_REVOKE);
    sched_range_free(s, r);
}

/* The lease that a result is about. PROTO: it was never given, or not so, or not to this worker. STALE: it is over. */
static qx_err find_lease(struct sched *s, const struct sched_event *ev, struct sched_range **ret)
{
    const struct sched_result *res = &ev->u.result;
    bool given;
    struct sched_range *r = sched_range_find(s, res->lease, &given);
    if (r && r->pub.worker == ev->worker) {
        const struct sched_lease *l = &r->pub;
        if (l->job != ev->job || l->attempt != res->attempt || l->cell != res->cell ||
            l->first_block != res->first_block || l->n_blocks != res->n_blocks)
            return QX_ERR_PROTO;
        sched_worker_touch(s, r->worker);
        *ret = r;
        return QX_ERR_OK;
    }
    struct sched_worker *w = idmap_get(&s->workers, ev->worker);
    if (!w)
        return QX_ERR_NOTFOUND;
    if (r || !given)
        return QX_ERR_PROTO;
    sched_worker_touch(s, w);
    struct sched_job *j = idmap_get(&s->jobs, ev->job);
    if (j)
        j->leases_stale++;
    return QX_ERR_STALE;
}

/* One executor worked on it, so it cannot have computed longer than it was out. */
static uint64_t believable_ns(const struct sched *s, const struct sched_range *r, uint64_t compute_ns)
{
    uint64_t out_ns = s->now_ns - r->pub.granted_ns;
    return compute_ns < out_ns ? compute_ns : out_ns;
}

qx_err sched_lease_done(struct sched *s, const struct sched_event *ev)
{
    struct sched_range *r = NULL;
    qx_err e = find_lease(s, ev, &r);
    if (e != QX_ERR_OK)
        return e;
    struct sched_job *j = r->job;
    uint64_t compute_ns = believable_ns(s, r, ev->u.result.compute_ns);
    uint32_t cell = r->pub.cell;
    bool is_run = r->pub.kind == LEASE_RUN;
    sched_learn(j, r, compute_ns);
    j->compute_ns += compute_ns;
    j->unopened = 0;
    j->items_done += r->items;
    take_back(r);
    sched_range_move(r, RANGE_DELIVER);
    sched_job_charge(j, (int64_t)compute_ns - r->charge_ns);
    sched_range_free(s, r);
    if (is_run) {
        j->cells[cell].n_ranges--;
        sched_cell_look(s, j, cell);
    }
    sched_job_look(s, j);
    return QX_ERR_OK;
}

/* ---- attempts that died ---- */

/* Cuts blocks [at, end) off a range that is in no list or waits; they wait behind it. Needs one reserved range. */
static void split_at(struct sched *s, struct sched_range *r, uint64_t at)
{
    uint64_t end = r->pub.first_block + r->pub.n_blocks;
    if (at <= r->pub.first_block || at >= end)
        return;
    struct sched_range *rest = sched_range_take(s, r->job);
    rest->pub.cell = r->pub.cell;
    rest->pub.attempt = r->pub.attempt;
    rest->pub.first_block = at;
    rest->pub.n_blocks = end - at;
    rest->losses = r->losses;
    r->pub.n_blocks = at - r->pub.first_block;
    r->job->cells[r->pub.cell].n_ranges++;
    list_insert_before(r->in_job.next, &rest->in_job);
}

static struct sched_death *find_death(const struct sched_range *r, uint64_t item)
{
    struct sched_death *d = r->dead_items;
    while (d && d->item != item)
        d = d->next;
    return d;
}

/* The attempt died at a known item: its block is leased alone from now on, and the item is skipped when it has killed
 * attempts_max attempts. `d` is the record of a first death, allocated before; NULL: there is one. */
static void died_at_item(struct sched *s, struct sched_range *r, const struct sched_result *res,
                         struct sched_death *d)
{
    struct sched_job *j = r->job;
    uint64_t block = block_of(j->layout, res->item);
    split_at(s, r, block + 1);
    if (block > r->pub.first_block) {
        split_at(s, r, block);
        r = list_entry(r->in_job.next, struct sched_range, in_job);
    }
    if (d) {
        *d = (struct sched_death){.next = r->dead_items, .item = res->item};
        r->dead_items = d;
    }
    d = find_death(r, res->item);
    if (++d->count == j->attempts_max)
        sched_emit(s, &(struct sched_effect){.type = FX_SKIP_ITEM,
                                             .job = j->id,
                                             .cell = r->pub.cell,
                                             .u.skip = {res->item, res->outcome}});
    j->unopened = 0;
}

/* The attempt died outside any item: the range is halved, so that innocent blocks part from the guilty one. When this
 * happens again and again and nothing goes well, in the job or with one block, the job cannot run. */
static void died_outside(struct sched *s, struct sched_range *r)
{
    struct sched_job *j = r->job;
    j->unopened++;
    r->deaths++;
    if (j->unopened >= j->attempts_max || (r->pub.n_blocks == 1 && r->deaths >= j->attempts_max)) {
        QX_BUG_ON(sched_job_end(s, j, JOB_FAIL, JOB_END_UNOPENED) != QX_ERR_OK);
        return;
    }
    if (r->pub.n_blocks > 1) {
        r->deaths = 0;
        split_at(s, r, r->pub.first_block + r->pub.n_blocks / 2);
    }
}

static void aux_died(struct sched *s, struct sched_range *r)
{
    if (++r->deaths < r->job->attempts_max)
        return;
    struct sched_job *j = r->job;
    sched_emit(s, &(struct sched_effect){
                      .type = FX_AUX_FAILED, .job = j->id, .cell = r->pub.cell, .u.lease = r->pub});
    sched_lease_revoke(s, r);
    sched_job_look(s, j);
}

static qx_err check_item(const struct sched_range *r, const struct sched_result *res)
{
    if (!res->started || !res->item_known)
        return QX_ERR_OK;
    uint64_t block = block_of(r->job->layout, res->item < QX_ITEMS_MAX ? res->item : QX_ITEMS_MAX - 1);
    bool inside = r->pub.kind == LEASE_RUN && res->item < r->pub.end_item && block >= r->pub.first_block &&
                  block - r->pub.first_block < r->pub.n_blocks;
    return inside ? QX_ERR_OK : QX_ERR_PROTO;
}

qx_err sched_lease_failed(struct sched *s, const struct sched_event *ev)
{
    const struct sched_result *res = &ev->u.result;
    struct sched_range *r = NULL;
    qx_err e = find_lease(s, ev, &r);
    if (e == QX_ERR_OK)
        e = check_item(r, res);
    if (e != QX_ERR_OK)
        return e;
    bool at_item = res->started && res->item_known;
    struct sched_death *d = NULL;
    if (sched_range_reserve(s, 2) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    if (at_item && !find_death(r, res->item) && !(d = qx_calloc(1, sizeof *d)))
        return QX_ERR_NOMEM;
    struct sched_job *j = r->job;
    struct sched_worker *w = r->worker;
    j->leases_failed += res->started || !res->stuck;
    uint64_t compute_ns = res->started ? believable_ns(s, r, res->compute_ns) : 0;
    if (!res->started && !res->stuck) {
        sched_lease_lose(s, r, true);
        return QX_ERR_OK;
    }
    sched_lease_return(s, r, true);
    if (res->stuck && !res->started)
        sched_worker_stuck(w);
    sched_job_charge(j, (int64_t)compute_ns);
    if (at_item)
        died_at_item(s, r, res, d);
    else if (res->started && r->pub.kind == LEASE_RUN)
        died_outside(s, r);
    else if (res->started)
        aux_died(s, r);
    return QX_ERR_OK;
}
