/* All invariants of the scheduler, for tests and for the simulator. Slow. */
#include <stdlib.h>

#include "master/core/core.h"

struct check {
    const struct sched *s;
    struct qx_error *err;
};

#define EXPECT(c, cond, what)                                                                                \
    do {                                                                                                     \
        if (!(cond))                                                                                         \
            return qx_fail((c)->err, QX_ERR_BUG, "%s: %s", (what), #cond);                                   \
    } while (0)

static qx_err check_worker(const struct check *c, const struct sched_worker *w, size_t *n_out)
{
    uint32_t n = 0, n_long = 0;
    list_each(l, &w->ranges)
    {
        const struct sched_range *r = list_entry(l, const struct sched_range, in_worker);
        EXPECT(c, r->phase == RANGE_OUT && r->worker == w && r->pub.worker == w->id, "lease of a worker");
        n++;
        n_long += r->is_long;
    }
    EXPECT(c, n == w->n_out && n_long == w->n_long, "worker counts its leases");
    EXPECT(c, w->n_long <= w->slots, "long leases only in slots");
    EXPECT(c, (w->phase == WORKER_ACTIVE) == (w->profile != NULL), "worker's profile");
    if (w->profile) {
        const struct heap *h = &w->profile->workers;
        EXPECT(c, w->in_heap.at >= 1 && w->in_heap.at <= h->n, "worker in its heap");
        EXPECT(c, h->slots[w->in_heap.at - 1].node == &w->in_heap, "worker in its heap");
        EXPECT(c, h->slots[w->in_heap.at - 1].key == sched_worker_load(w), "worker's load");
    } else {
        EXPECT(c, w->in_heap.at == HEAP_OUT, "draining worker in no heap");
    }
    *n_out += n;
    return QX_ERR_OK;
}

static qx_err check_workers(const struct check *c, size_t *n_out)
{
    size_t n = 0;
    uint64_t seen = 0;
    uint32_t slots = 0;
    list_each(l, &c->s->silence)
    {
        const struct sched_worker *w = list_entry(l, const struct sched_worker, in_silence);
        EXPECT(c, w->seen_ns >= seen && w->seen_ns <= c->s->now_ns, "order of silence");
        EXPECT(c, idmap_get(&c->s->workers, w->id) == w, "worker by id");
        seen = w->seen_ns;
        slots += w->profile ? w->slots : 0;
        n++;
        qx_err e = check_worker(c, w, n_out);
        if (e != QX_ERR_OK)
            return e;
    }
    EXPECT(c, n == c->s->workers.n && slots == c->s->slots, "all workers");
    return QX_ERR_OK;
}

static qx_err check_profiles(const struct check *c)
{
    for (struct idmap_slot *i = NULL; (i = idmap_next(&c->s->classes, i));) {
        const struct sched_class *cls = i->value;
        uint32_t slots = 0;
        for (size_t k = 0; k < cls->n_profiles; k++) {
            const struct heap *h = &cls->profiles[k]->workers;
            for (size_t w = 0; w < h->n; w++)
                slots += list_entry(h->slots[w].node, struct sched_worker, in_heap)->slots;
        }
        EXPECT(c, slots == cls->slots, "slots of a class");
    }
    for (size_t i = 0; i < c->s->n_profiles; i++) {
        const struct sched_profile *p = c->s->profiles[i];
        EXPECT(c, heap_ok(&p->workers) && p->workers.n == p->n_workers && p->n_workers > 0,
               "heap of workers");
    }
    for (size_t i = 0; i < c->s->n_levels; i++) {
        const struct sched_level *l = c->s->levels[i];
        size_t ready = 0;
        for (size_t k = 0; k < l->n_queues; k++) {
            ready += l->queues[k]->ready.n > 0;
            EXPECT(c, heap_ok(&l->queues[k]->ready) && l->queues[k]->ready.cap >= l->queues[k]->n_jobs,
                   "heap of jobs");
        }
        EXPECT(c, ready == l->n_ready, "ready queues of a level");
        EXPECT(c, i == 0 || c->s->levels[i - 1]->priority > l->priority, "order of levels");
    }
    return QX_ERR_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct sched_lease *x = &(*(const struct sched_range *const *)a)->pub;
    const struct sched_lease *y = &(*(const struct sched_range *const *)b)->pub;
    if (x->cell != y->cell)
        return x->cell < y->cell ? -1 : 1;
    return (x->first_block > y->first_block) - (x->first_block < y->first_block);
}

/* A lease says how many items there are; after an extension it may say the old number if it ends before that. */
static bool covers(const struct sched_range *r)
{
    uint64_t end = block_first(r->job->layout, r->pub.first_block + r->pub.n_blocks);
    return r->pub.end_item == r->job->cells[r->pub.cell].n_items || end <= r->pub.end_item;
}

/* Only a running job has leases, and each cell only what its phase calls for. */
static bool is_wanted(const struct sched_range *r)
{
    return r->job->phase == JOB_RUNNING && sched_kind_fits(r->pub.kind, r->job->cells[r->pub.cell].phase);
}

/* Appends the block ranges of a list; `ret` NULL only counts. */
static qx_err collect(const struct check *c, const struct sched_job *j, const struct list *list,
                      enum range_phase phase, const struct sched_range **ret, size_t *n)
{
    list_each(l, list)
    {
        const struct sched_range *r = list_entry(l, const struct sched_range, in_job);
        EXPECT(c, r->job == j && r->phase == phase, "range of a job");
        EXPECT(c, is_wanted(r), "lease of what is over");
        EXPECT(c, (phase == RANGE_OUT) == (r->worker != NULL) && (phase == RANGE_OUT) == (r->pub.id != 0),
               "range of a job");
        if (phase == RANGE_OUT)
            EXPECT(c, r->items == sched_range_items(r) && covers(r), "items of a lease");
        if (r->pub.kind == LEASE_RUN) {
            if (ret)
                ret[*n] = r;
            ++*n;
        }
    }
    return QX_ERR_OK;
}

/* The ranges of one cell, ascending: inside the frontier, apart from each other, inside checkpoints. */
static qx_err check_cell(const struct check *c, const struct sched_job *j, uint32_t cell,
                         const struct sched_range **r, size_t n, uint64_t *items_missing)
{
    const struct sched_cell *k = &j->cells[cell];
    EXPECT(c, k->n_ranges == n && k->frontier <= k->end, "ranges of a cell");
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const struct sched_lease *l = &r[i]->pub;
        EXPECT(c, l->n_blocks > 0 && l->first_block >= at && l->first_block + l->n_blocks <= k->frontier,
               "ranges of a cell");
        EXPECT(c, !j->checkpoints || l->first_block + l->n_blocks <= block_next_checkpoint(l->first_block),
               "checkpoint");
        EXPECT(c, !r[i]->dead_items || l->n_blocks == 1, "deadly block alone");
        at = l->first_block + l->n_blocks;
        *items_missing += sched_range_items(r[i]);
    }
    if (k->phase == CELL_OPEN)
        EXPECT(c, n > 0 || k->frontier < k->end || j->phase != JOB_RUNNING, "open cell misses something");
    else
        EXPECT(c, n == 0 && k->frontier == k->end, "complete cell misses nothing");
    if (k->phase != CELL_STOPPED && k->phase != CELL_SETTLED)
        EXPECT(c, k->end == (k->n_items ? block_count(j->layout, k->n_items) : 0), "end of a cell");
    EXPECT(c, k->phase != CELL_UNSIZED || k->n_items == 0, "unsized cell");
    return QX_ERR_OK;
}

static qx_err check_cells(const struct check *c, const struct sched_job *j, const struct sched_range **all,
                          size_t n)
{
    uint64_t frontier_items = 0, missing = 0, leased = 0;
    sched_wide wanted = 0;
    uint32_t answered = 0;
    for (size_t i = 0; i < n; i++)
        leased += all[i]->phase == RANGE_OUT ? all[i]->items : 0;
    size_t at = 0;
    for (uint32_t cell = 0; cell < j->n_cells; cell++) {
        size_t end = at;
        while (end < n && all[end]->pub.cell == cell)
            end++;
        qx_err e = check_cell(c, j, cell, &all[at], end - at, &missing);
        if (e != QX_ERR_OK)
            return e;
        at = end;
        const struct sched_cell *k = &j->cells[cell];
        frontier_items += sched_items_in(j, cell, 0, k->frontier);
        wanted += sched_items_in(j, cell, 0, k->end);
        answered += k->phase == CELL_FINISHED || k->phase == CELL_SETTLED;
        EXPECT(c, cell >= j->cell_at || k->phase != CELL_OPEN || k->frontier == k->end, "cell_at");
    }
    EXPECT(c, leased == j->items_leased && wanted == j->items_wanted && answered == j->n_answered,
           "counts of a job");
    EXPECT(c,
           j->phase == JOB_CANCELLED || j->phase == JOB_FAILED || frontier_items - missing == j->items_done,
           "items done");
    return QX_ERR_OK;
}

static qx_err check_queue(const struct check *c, const struct sched_job *j)
{
    bool frontier = false;
    for (uint32_t i = 0; i < j->n_cells; i++)
        frontier |= j->cells[i].phase == CELL_OPEN && j->cells[i].frontier < j->cells[i].end;
    bool ready = j->phase == JOB_RUNNING &&
                 (!list_empty(&j->aux) || !list_empty(&j->waiting) || (frontier && !j->throttled));
    EXPECT(c, ready == (j->in_heap.at != HEAP_OUT), "ready jobs are queued");
    if (ready) {
        const struct heap *h = &j->queue->ready;
        EXPECT(c, j->in_heap.at <= h->n && h->slots[j->in_heap.at - 1].node == &j->in_heap,
               "job in its queue");
        EXPECT(c, h->slots[j->in_heap.at - 1].key == ((uint64_t)j->vt ^ (uint64_t)1 << 63),
               "job's virtual time");
    }
    return QX_ERR_OK;
}

static size_t list_length(const struct list *list)
{
    size_t n = 0;
    list_each(l, list) n++;
    return n;
}

static qx_err check_job(const struct check *c, const struct sched_job *j, size_t *n_ranges, size_t *n_out)
{
    size_t room = list_length(&j->out) + list_length(&j->waiting), n = 0;
    *n_ranges += room + list_length(&j->aux);
    *n_out += list_length(&j->out);
    const struct sched_range **all = qx_malloc(room * sizeof(const struct sched_range *));
    if (!all)
        return qx_fail(c->err, QX_ERR_NOMEM, "out of memory");
    size_t none = 0;
    qx_err e = collect(c, j, &j->out, RANGE_OUT, all, &n);
    if (e == QX_ERR_OK)
        e = collect(c, j, &j->waiting, RANGE_WAITING, all, &n);
    if (e == QX_ERR_OK)
        e = collect(c, j, &j->aux, RANGE_WAITING, NULL, &none);
    if (e == QX_ERR_OK && none)
        e = qx_fail(c->err, QX_ERR_BUG, "blocks among merges");
    if (e == QX_ERR_OK) {
        qsort(all, n, sizeof(const struct sched_range *), by_place);
        e = check_cells(c, j, all, n);
    }
    qx_free(all);
    return e == QX_ERR_OK ? check_queue(c, j) : e;
}

static qx_err check_slab(const struct check *c, size_t n_ranges)
{
    size_t n_free = 0, used = 0;
    for (size_t p = 0; p < c->s->n_pages; p++)
        for (size_t i = 0; i < RANGES_A_PAGE; i++) {
            const struct sched_range *r = &c->s->pages[p][i];
            n_free += r->phase == RANGE_FREE;
            used += r->phase != RANGE_FREE;
            EXPECT(c, r->slot == p * RANGES_A_PAGE + i, "slot of a range");
            EXPECT(c, r->phase != RANGE_FREE || (!r->job && !r->worker && !r->dead_items), "free range");
        }
    EXPECT(c, n_free == c->s->n_free && used == n_ranges, "slab");
    return QX_ERR_OK;
}

qx_err sched_check(const struct sched *s, struct qx_error *err)
{
    struct check c = {s, err};
    size_t of_workers = 0, of_jobs = 0, n_ranges = 0;
    qx_err e = check_workers(&c, &of_workers);
    if (e == QX_ERR_OK)
        e = check_profiles(&c);
    for (struct idmap_slot *i = NULL; e == QX_ERR_OK && (i = idmap_next(&s->jobs, i));)
        e = check_job(&c, i->value, &n_ranges, &of_jobs);
    if (e == QX_ERR_OK)
        e = check_slab(&c, n_ranges);
    if (e == QX_ERR_OK && of_workers != of_jobs)
        e = qx_fail(err, QX_ERR_BUG, "%zu leases of workers, %zu of jobs", of_workers, of_jobs);
    return e;
}
