#include "master/core/core.h"

static qx_err job_move(struct sched_job *j, enum job_move move)
{
    uint8_t to = sched_job_next[j->phase][move];
    if (to == JOB_NONE)
        return QX_ERR_STATE;
    j->phase = (enum job_phase)to;
    return QX_ERR_OK;
}

static qx_err cell_move(struct sched_cell *c, enum cell_move move)
{
    uint8_t to = sched_cell_next[c->phase][move];
    if (to == CELL_NONE)
        return QX_ERR_STATE;
    c->phase = to;
    return QX_ERR_OK;
}

static uint64_t item_of(const struct sched_job *j, uint32_t cell, uint64_t block)
{
    uint64_t item = block_first(j->layout, block), n_items = j->cells[cell].n_items;
    return item < n_items ? item : n_items;
}

uint64_t sched_items_in(const struct sched_job *j, uint32_t cell, uint64_t first_block, uint64_t end_block)
{
    return item_of(j, cell, end_block) - item_of(j, cell, first_block);
}

/* ---- the queue ---- */

static uint64_t vt_key(int64_t vt)
{
    return (uint64_t)vt ^ (uint64_t)1 << 63;
}

void sched_job_charge(struct sched_job *j, int64_t ns)
{
    j->vt += ns;
    if (j->in_heap.at != HEAP_OUT)
        heap_rekey(&j->queue->ready, &j->in_heap, vt_key(j->vt));
}

/* Has it something that may be leased? Moves cell_at over cells that have not. */
static bool has_work(struct sched_job *j)
{
    if (j->phase != JOB_RUNNING)
        return false;
    if (!list_empty(&j->aux))
        return true;
    if (!list_empty(&j->waiting))
        return true;
    while (j->cell_at < j->n_cells && (j->cells[j->cell_at].phase != CELL_OPEN ||
                                       j->cells[j->cell_at].frontier == j->cells[j->cell_at].end))
        j->cell_at++;
    return !j->throttled && j->cell_at < j->n_cells;
}

/* The smallest virtual time of the jobs that compete at this level; where none does, that of the last one leased. */
static int64_t level_now(const struct sched_level *l)
{
    int64_t vt = l->vt_last;
    bool any = false;
    for (size_t i = 0; i < l->n_queues; i++) {
        const struct heap *h = &l->queues[i]->ready;
        if (!h->n)
            continue;
        int64_t top = list_entry(h->slots[0].node, struct sched_job, in_heap)->vt;
        vt = any && vt < top ? vt : top;
        any = true;
    }
    return vt;
}

/* A job that comes (back) to its queue competes from now on: it has saved nothing up while it had nothing to lease. */
void sched_job_look(struct sched *s, struct sched_job *j)
{
    bool ready = has_work(j);
    struct sched_queue *q = j->queue;
    if (ready && j->in_heap.at == HEAP_OUT) {
        int64_t now = level_now(q->level);
        if (j->vt < now)
            j->vt = now;
        q->level->n_ready += q->ready.n == 0;
        heap_push(&q->ready, &j->in_heap, vt_key(j->vt), j->age);
    } else if (!ready && j->in_heap.at != HEAP_OUT) {
        heap_remove(&q->ready, &j->in_heap);
        q->level->n_ready -= q->ready.n == 0;
    }
    s->settled = false;
}

/* ---- from submission to the end ---- */

static qx_err check_submission(const struct sched *s, const struct sched_event *ev)
{
    const uint64_t n = ev->u.submit.n_items;
    if (ev->job == 0 || (!ev->u.submit.unsized && (n == 0 || n > QX_ITEMS_MAX)) ||
        ev->u.submit.n_cells == 0 || !block_layout_ok(ev->u.submit.layout))
        return QX_ERR_INVALID;
    return idmap_get(&s->jobs, ev->job) ? QX_ERR_STATE : QX_ERR_OK;
}

static struct sched_job *job_new(const struct sched_event *ev, struct sched_queue *q)
{
    struct sched_job *j = qx_calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->cells = qx_calloc(ev->u.submit.n_cells, sizeof *j->cells);
    if (!j->cells) {
        qx_free(j);
        return NULL;
    }
    j->id = ev->job;
    j->queue = q;
    j->phase = JOB_RUNNING;
    j->n_cells = ev->u.submit.n_cells;
    j->layout = ev->u.submit.layout;
    j->chunk_items = ev->u.submit.chunk_items;
    j->chunk_items_max = ev->u.submit.chunk_items_max;
    j->attempts_max = ev->u.submit.attempts_max ? ev->u.submit.attempts_max : 3;
    j->checkpoints = ev->u.submit.checkpoints;
    uint64_t n = ev->u.submit.unsized ? 0 : ev->u.submit.n_items;
    j->items_wanted = (sched_wide)n * j->n_cells;
    for (uint32_t i = 0; i < j->n_cells; i++)
        j->cells[i] =
            n ? (struct sched_cell){.n_items = n, .end = block_count(j->layout, n), .phase = CELL_OPEN}
              : (struct sched_cell){.phase = CELL_UNSIZED};
    list_init(&j->out);
    list_init(&j->waiting);
    list_init(&j->aux);
    return j;
}

/* A merge, finish or size that waits to be leased. One range was reserved. */
static void add_aux(struct sched *s, struct sched_job *j, enum sched_lease_kind kind, uint32_t cell,
                    uint64_t token)
{
    struct sched_range *r = sched_range_take(s, j);
    r->pub.kind = kind;
    r->pub.cell = cell;
    r->pub.token = token;
    list_append(&j->aux, &r->in_job);
}

qx_err sched_job_submit(struct sched *s, const struct sched_event *ev)
{
    qx_err e = check_submission(s, ev);
    if (e == QX_ERR_OK && ev->u.submit.unsized)
        e = sched_range_reserve(s, ev->u.submit.n_cells);
    if (e != QX_ERR_OK)
        return e;
    struct sched_class *cls = NULL;
    struct sched_queue *q = NULL;
    if (sched_class_get(s, ev->u.submit.class_id, &cls) != QX_ERR_OK ||
        sched_queue_get(s, cls, ev->u.submit.priority, &q) != QX_ERR_OK ||
        heap_reserve(&q->ready, q->n_jobs + 1) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    struct sched_job *j = job_new(ev, q);
    if (!j || idmap_put(&s->jobs, ev->job, j) != QX_ERR_OK) {
        if (j)
            qx_free(j->cells);
        qx_free(j);
        return QX_ERR_NOMEM;
    }
    q->n_jobs++;
    j->age = ++s->n_submitted;
    j->vt = level_now(q->level);
    for (uint32_t i = 0; i < j->n_cells && ev->u.submit.unsized; i++)
        add_aux(s, j, LEASE_SIZE, i, 0);
    sched_job_look(s, j);
    return QX_ERR_OK;
}

static void revoke_list(struct sched *s, struct list *list)
{
    list_each_safe(l, tmp, list) sched_lease_revoke(s, list_entry(l, struct sched_range, in_job));
}

qx_err sched_job_end(struct sched *s, struct sched_job *j, enum job_move move, enum sched_job_end end)
{
    qx_err e = job_move(j, move);
    if (e != QX_ERR_OK)
        return e;
    revoke_list(s, &j->out);
    revoke_list(s, &j->waiting);
    revoke_list(s, &j->aux);
    sched_job_look(s, j);
    sched_emit(s, &(struct sched_effect){.type = FX_JOB_ENDED, .job = j->id, .u.end = end});
    return QX_ERR_OK;
}

void sched_job_free(struct sched *s, struct sched_job *j)
{
    revoke_list(s, &j->out);
    revoke_list(s, &j->waiting);
    revoke_list(s, &j->aux);
    if (j->in_heap.at != HEAP_OUT) {
        heap_remove(&j->queue->ready, &j->in_heap);
        j->queue->level->n_ready -= j->queue->ready.n == 0;
    }
    j->queue->n_jobs--;
    qx_free(j->cells);
    qx_free(j);
}

qx_err sched_job_forget(struct sched *s, struct sched_job *j)
{
    qx_err e = job_move(j, JOB_FORGET);
    if (e != QX_ERR_OK)
        return e;
    idmap_del(&s->jobs, j->id);
    sched_job_free(s, j);
    return QX_ERR_OK;
}

/* In any phase: a job may be done while it is throttled, and extended when it is no more. */
qx_err sched_job_throttle(struct sched *s, struct sched_job *j, bool on)
{
    j->throttled = on;
    sched_job_look(s, j);
    return QX_ERR_OK;
}

/* ---- cells ---- */

/* A cell is complete when nothing is beyond its frontier and nothing below it is missing. */
void sched_cell_look(struct sched *s, struct sched_job *j, uint32_t cell)
{
    struct sched_cell *c = &j->cells[cell];
    if (c->phase != CELL_OPEN || c->frontier != c->end || c->n_ranges)
        return;
    QX_BUG_ON(cell_move(c, CELL_FILL) != QX_ERR_OK);
    sched_emit(s, &(struct sched_effect){.type = FX_CELL_COMPLETE, .job = j->id, .cell = cell});
}

static bool is_run_of(const struct sched_range *r, uint32_t cell)
{
    return r->pub.kind == LEASE_RUN && r->pub.cell == cell;
}

/* Is a block of `cell` below `block` in this list? */
static bool holds_below(const struct list *list, uint32_t cell, uint64_t block)
{
    list_each(l, list)
    {
        const struct sched_range *r = list_entry(l, const struct sched_range, in_job);
        if (is_run_of(r, cell) && r->pub.first_block < block)
            return true;
    }
    return false;
}

/* Takes all of `cell` out of the list and gives the number of items that were in it. */
static uint64_t cut_off(struct sched *s, struct list *list, uint32_t cell)
{
    uint64_t items = 0;
    list_each_safe(l, tmp, list)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_job);
        if (!is_run_of(r, cell))
            continue;
        items += sched_range_items(r);
        sched_lease_revoke(s, r);
    }
    return items;
}

/* Takes back what is leased of a cell besides its blocks: of this kind, LEASE_RUN: all. */
static void drop_aux(struct sched *s, struct list *list, uint32_t cell, enum sched_lease_kind kind)
{
    list_each_safe(l, tmp, list)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_job);
        if (r->pub.cell == cell && r->pub.kind != LEASE_RUN && (kind == LEASE_RUN || r->pub.kind == kind))
            sched_lease_revoke(s, r);
    }
}

qx_err sched_cell_size(struct sched *s, struct sched_job *j, uint32_t cell, uint64_t n_items, uint64_t n_max)
{
    struct sched_cell *c = &j->cells[cell];
    if (n_items == 0 || n_items > QX_ITEMS_MAX || (n_max && n_max < n_items))
        return QX_ERR_INVALID;
    if (j->phase != JOB_RUNNING)
        return QX_ERR_STATE;
    qx_err e = cell_move(c, CELL_SIZE);
    if (e != QX_ERR_OK)
        return e;
    drop_aux(s, &j->out, cell, LEASE_SIZE);
    drop_aux(s, &j->aux, cell, LEASE_SIZE);
    c->n_items = n_items;
    c->n_max = n_max;
    c->end = block_count(j->layout, n_items);
    j->items_wanted += n_items;
    j->cell_at = cell < j->cell_at ? cell : j->cell_at;
    sched_job_look(s, j);
    return QX_ERR_OK;
}

qx_err sched_cell_stop(struct sched *s, struct sched_job *j, uint32_t cell, uint64_t block)
{
    struct sched_cell *c = &j->cells[cell];
    if (block > c->end)
        return QX_ERR_INVALID;
    if (j->phase != JOB_RUNNING || block > c->frontier || holds_below(&j->out, cell, block) ||
        holds_below(&j->waiting, cell, block))
        return QX_ERR_STATE;
    bool was_open = c->phase == CELL_OPEN || c->phase == CELL_UNSIZED;
    qx_err e = cell_move(c, CELL_STOP);
    if (e != QX_ERR_OK)
        return e;
    drop_aux(s, &j->out, cell, LEASE_SIZE);
    drop_aux(s, &j->aux, cell, LEASE_SIZE);
    uint64_t beyond = sched_items_in(j, cell, block, c->frontier);
    beyond -= cut_off(s, &j->out, cell) + cut_off(s, &j->waiting, cell);
    j->items_done -= beyond;
    j->items_wanted -= sched_items_in(j, cell, block, c->end);
    c->frontier = c->end = block;
    if (was_open)
        sched_emit(s, &(struct sched_effect){.type = FX_CELL_COMPLETE, .job = j->id, .cell = cell});
    sched_job_look(s, j);
    return QX_ERR_OK;
}

static qx_err finish_when_answered(struct sched *s, struct sched_job *j)
{
    return j->n_answered == j->n_cells ? sched_job_end(s, j, JOB_FINISH, JOB_END_DONE) : QX_ERR_OK;
}

qx_err sched_cell_answered(struct sched *s, struct sched_job *j, uint32_t cell)
{
    if (j->phase != JOB_RUNNING)
        return QX_ERR_STATE;
    qx_err e = cell_move(&j->cells[cell], CELL_ANSWER);
    if (e != QX_ERR_OK)
        return e;
    j->n_answered++;
    drop_aux(s, &j->out, cell, LEASE_RUN);
    drop_aux(s, &j->aux, cell, LEASE_RUN);
    sched_job_look(s, j);
    return finish_when_answered(s, j);
}

/* ---- extension ---- */

/* What the cell comes to when its job is extended to n items; what it has where that changes nothing. */
static uint64_t extended(const struct sched_cell *c, uint64_t n)
{
    uint64_t most = c->n_max && c->n_max < n ? c->n_max : n;
    bool opens = sched_cell_next[c->phase][CELL_EXTEND] != CELL_NONE; /* else the rule ended it */
    return opens && most > c->n_items ? most : c->n_items;
}

static bool grows(const struct sched_job *j, uint32_t cell, uint64_t n)
{
    return extended(&j->cells[cell], n) > j->cells[cell].n_items;
}

/* The last block of a cell, if it is partial; UINT64_MAX: it is whole. */
static uint64_t partial_block(const struct sched_job *j, uint32_t cell)
{
    uint64_t n = j->cells[cell].n_items, last = block_count(j->layout, n) - 1;
    return block_first(j->layout, last + 1) > n ? last : UINT64_MAX;
}

static bool holds_partial(const struct sched_job *j, const struct sched_range *r, uint64_t n)
{
    return r->pub.kind == LEASE_RUN && grows(j, r->pub.cell, n) &&
           r->pub.first_block + r->pub.n_blocks - 1 == partial_block(j, r->pub.cell);
}

/* A last block that was partial will be longer. Where it is out, its lease says too few items: it becomes stale. Where it
 * waits it stays. Elsewhere it is done, and is done again: the frontier steps back over it. */
static void reopen_last_blocks(struct sched *s, struct sched_job *j, uint64_t n)
{
    list_each_safe(l, tmp, &j->out)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_job);
        if (holds_partial(j, r, n))
            sched_lease_return(s, r, true);
    }
    list_each(l, &j->waiting)
    {
        const struct sched_range *r = list_entry(l, const struct sched_range, in_job);
        if (holds_partial(j, r, n))
            j->cells[r->pub.cell].last_held = true;
    }
    for (uint32_t i = 0; i < j->n_cells; i++) {
        struct sched_cell *c = &j->cells[i];
        uint64_t last = grows(j, i, n) ? partial_block(j, i) : UINT64_MAX;
        if (last != UINT64_MAX && !c->last_held && c->frontier == last + 1) {
            c->frontier = last;
            j->items_done -= sched_items_in(j, i, last, last + 1);
        }
        c->last_held = false;
    }
}

/* The answers that are being made of cells that open again are of no use. */
static void drop_finishes(struct sched *s, const struct sched_job *j, struct list *list, uint64_t n)
{
    list_each_safe(l, tmp, list)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_job);
        if (r->pub.kind == LEASE_FINISH && grows(j, r->pub.cell, n))
            sched_lease_revoke(s, r);
    }
}

/* Some cell is unsized, or the number is not above what the largest cell has. */
static qx_err check_extension(const struct sched_job *j, uint64_t n)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; i < j->n_cells; i++) {
        if (j->cells[i].phase == CELL_UNSIZED)
            return QX_ERR_STATE;
        largest = j->cells[i].n_items > largest ? j->cells[i].n_items : largest;
    }
    return n > largest && n <= QX_ITEMS_MAX ? QX_ERR_OK : QX_ERR_INVALID;
}

qx_err sched_job_extend(struct sched *s, struct sched_job *j, uint64_t n_items)
{
    qx_err e = check_extension(j, n_items);
    if (e == QX_ERR_OK)
        e = job_move(j, JOB_EXTEND);
    if (e != QX_ERR_OK)
        return e;
    drop_finishes(s, j, &j->out, n_items);
    drop_finishes(s, j, &j->aux, n_items);
    reopen_last_blocks(s, j, n_items);
    j->cell_at = 0;
    for (uint32_t i = 0; i < j->n_cells; i++) {
        struct sched_cell *c = &j->cells[i];
        uint64_t n = extended(c, n_items);
        uint8_t was = c->phase;
        if (n == c->n_items)
            continue;
        QX_BUG_ON(cell_move(c, CELL_EXTEND) != QX_ERR_OK);
        j->n_answered -= was == CELL_FINISHED;
        j->items_wanted += n - c->n_items;
        c->n_items = n;
        c->end = block_count(j->layout, n);
    }
    sched_job_look(s, j);
    return finish_when_answered(s, j);
}

/* ---- merges and finishes ---- */

/* A cell that has its answer needs nothing more. */
bool sched_kind_fits(enum sched_lease_kind kind, uint8_t phase)
{
    switch (kind) {
    case LEASE_RUN:
        return phase == CELL_OPEN;
    case LEASE_MERGE:
        return phase == CELL_OPEN || phase == CELL_COMPLETE || phase == CELL_STOPPED;
    case LEASE_FINISH:
        return phase == CELL_COMPLETE || phase == CELL_STOPPED;
    case LEASE_SIZE:
        return phase == CELL_UNSIZED;
    }
    return false;
}

qx_err sched_aux_add(struct sched *s, struct sched_job *j, const struct sched_event *ev)
{
    if (ev->u.aux.kind == LEASE_RUN)
        return QX_ERR_INVALID;
    if (j->phase != JOB_RUNNING || !sched_kind_fits(ev->u.aux.kind, j->cells[ev->cell].phase))
        return QX_ERR_STATE;
    if (sched_range_reserve(s, 1) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    add_aux(s, j, ev->u.aux.kind, ev->cell, ev->u.aux.token);
    sched_job_look(s, j);
    return QX_ERR_OK;
}
