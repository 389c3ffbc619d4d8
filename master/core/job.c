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

static uint64_t item_of(const struct sched_job *j, uint64_t block)
{
    uint64_t item = block_first(j->layout, block);
    return item < j->n_items ? item : j->n_items;
}

uint64_t sched_items_in(const struct sched_job *j, uint64_t first_block, uint64_t end_block)
{
    return item_of(j, end_block) - item_of(j, first_block);
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
    if (ev->job == 0 || n == 0 || n > QX_ITEMS_MAX || ev->u.submit.n_cells == 0 ||
        !block_layout_ok(ev->u.submit.layout))
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
    j->n_items = ev->u.submit.n_items;
    j->layout = ev->u.submit.layout;
    j->chunk_items = ev->u.submit.chunk_items;
    j->chunk_items_max = ev->u.submit.chunk_items_max;
    j->attempts_max = ev->u.submit.attempts_max ? ev->u.submit.attempts_max : 3;
    j->checkpoints = ev->u.submit.checkpoints;
    j->items_wanted = (sched_wide)j->n_items * j->n_cells;
    for (uint32_t i = 0; i < j->n_cells; i++)
        j->cells[i] = (struct sched_cell){.end = block_count(j->layout, j->n_items), .phase = CELL_OPEN};
    list_init(&j->out);
    list_init(&j->waiting);
    list_init(&j->aux);
    return j;
}

qx_err sched_job_submit(struct sched *s, const struct sched_event *ev)
{
    qx_err e = check_submission(s, ev);
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

qx_err sched_cell_stop(struct sched *s, struct sched_job *j, uint32_t cell, uint64_t block)
{
    struct sched_cell *c = &j->cells[cell];
    if (block > c->end)
        return QX_ERR_INVALID;
    if (j->phase != JOB_RUNNING || block > c->frontier || holds_below(&j->out, cell, block) ||
        holds_below(&j->waiting, cell, block))
        return QX_ERR_STATE;
    bool was_open = c->phase == CELL_OPEN;
    qx_err e = cell_move(c, CELL_STOP);
    if (e != QX_ERR_OK)
        return e;
    uint64_t beyond = sched_items_in(j, block, c->frontier);
    beyond -= cut_off(s, &j->out, cell) + cut_off(s, &j->waiting, cell);
    j->items_done -= beyond;
    j->items_wanted -= sched_items_in(j, block, c->end);
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

/* Merges and finishes of a cell that has its answer are of no use. */
static void drop_aux(struct sched *s, struct list *list, uint32_t cell)
{
    list_each_safe(l, tmp, list)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_job);
        if (r->pub.kind != LEASE_RUN && r->pub.cell == cell)
            sched_lease_revoke(s, r);
    }
}

qx_err sched_cell_answered(struct sched *s, struct sched_job *j, uint32_t cell)
{
    if (j->phase != JOB_RUNNING)
        return QX_ERR_STATE;
    qx_err e = cell_move(&j->cells[cell], CELL_ANSWER);
    if (e != QX_ERR_OK)
        return e;
    j->n_answered++;
    drop_aux(s, &j->out, cell);
    drop_aux(s, &j->aux, cell);
    sched_job_look(s, j);
    return finish_when_answered(s, j);
}

/* ---- extension ---- */

static bool ends_with(const struct sched_range *r, uint64_t block)
{
    return r->pub.kind == LEASE_RUN && r->pub.first_block + r->pub.n_blocks == block + 1;
}

/* The last block was partial and will be longer. Where it is out, its lease says too few items: it becomes stale. Where it
 * waits it stays. Elsewhere it is done, and is done again: the frontier steps back over it. */
static void reopen_last_block(struct sched *s, struct sched_job *j, uint64_t last)
{
    list_each_safe(l, tmp, &j->out)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_job);
        if (ends_with(r, last))
            sched_lease_return(s, r, true);
    }
    list_each(l, &j->waiting)
    {
        const struct sched_range *r = list_entry(l, const struct sched_range, in_job);
        if (ends_with(r, last))
            j->cells[r->pub.cell].last_held = true;
    }
    for (uint32_t i = 0; i < j->n_cells; i++) {
        struct sched_cell *c = &j->cells[i];
        bool extends = sched_cell_next[c->phase][CELL_EXTEND] != CELL_NONE;
        if (extends && !c->last_held && c->frontier == last + 1) {
            c->frontier = last;
            j->items_done -= sched_items_in(j, last, last + 1);
        }
        c->last_held = false;
    }
}

/* The answers that are being made of cells that open again are of no use. */
static void drop_finishes(struct sched *s, const struct sched_job *j, struct list *list)
{
    list_each_safe(l, tmp, list)
    {
        struct sched_range *r = list_entry(l, struct sched_range, in_job);
        if (r->pub.kind == LEASE_FINISH &&
            sched_cell_next[j->cells[r->pub.cell].phase][CELL_EXTEND] != CELL_NONE)
            sched_lease_revoke(s, r);
    }
}

qx_err sched_job_extend(struct sched *s, struct sched_job *j, uint64_t n_items)
{
    if (n_items <= j->n_items || n_items > QX_ITEMS_MAX)
        return QX_ERR_INVALID;
    qx_err e = job_move(j, JOB_EXTEND);
    if (e != QX_ERR_OK)
        return e;
    drop_finishes(s, j, &j->out);
    drop_finishes(s, j, &j->aux);
    uint64_t last = block_count(j->layout, j->n_items) - 1, end = block_count(j->layout, n_items);
    if (block_first(j->layout, last + 1) > j->n_items)
        reopen_last_block(s, j, last);
    uint64_t more = n_items - j->n_items;
    j->n_items = n_items;
    j->cell_at = 0;
    for (uint32_t i = 0; i < j->n_cells; i++) {
        struct sched_cell *c = &j->cells[i];
        uint8_t was = c->phase;
        if (cell_move(c, CELL_EXTEND) != QX_ERR_OK)
            continue; /* the rule ended it: more items change nothing */
        j->n_answered -= was == CELL_FINISHED;
        c->end = end;
        j->items_wanted += more;
    }
    sched_job_look(s, j);
    return finish_when_answered(s, j);
}

/* ---- merges and finishes ---- */

qx_err sched_aux_add(struct sched *s, struct sched_job *j, const struct sched_event *ev)
{
    if (ev->u.aux.kind != LEASE_MERGE && ev->u.aux.kind != LEASE_FINISH)
        return QX_ERR_INVALID;
    uint8_t phase = j->cells[ev->cell].phase;
    if (j->phase != JOB_RUNNING || phase == CELL_FINISHED || phase == CELL_SETTLED ||
        (ev->u.aux.kind == LEASE_FINISH && phase == CELL_OPEN))
        return QX_ERR_STATE;
    if (sched_range_reserve(s, 1) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    struct sched_range *r = sched_range_take(s, j);
    r->pub.kind = ev->u.aux.kind;
    r->pub.cell = ev->cell;
    r->pub.token = ev->u.aux.token;
    list_append(&j->aux, &r->in_job);
    sched_job_look(s, j);
    return QX_ERR_OK;
}
