/* Running blocks. The nodes of a chunk are the stack of a binary counter: a block is reduced in place on top of it, then
 * merged down while it is the right one of two aligned siblings. What is left is block_cut() of the chunk, and nothing is
 * moved or, once warm, allocated.
 *
 * Reading the clock costs as much as a small item, so time is split between task and reducers only where a group has
 * at least TIMED_ROWS items; in smaller ones it all counts as the task's. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "common/error.h"
#include "common/mem.h"
#include "host/inside.h"

enum { TIMED_ROWS = 64 };

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void host_chunk_init(struct host_chunk *c)
{
    memset(c, 0, sizeof *c);
}

void host_chunk_fini(struct host_chunk *c)
{
    for (uint32_t i = 0; i < c->cap_nodes; i++)
        reduce_state_fini(&c->nodes[i]);
    qx_free(c->nodes);
    qx_bytes_fini(&c->rows);
    qx_bytes_fini(&c->ok);
    host_chunk_init(c);
}

/* The state above the top of the stack; states below cap_nodes keep their memory. */
static struct reduce_state *next_node(struct host_chunk *c)
{
    if (c->n_nodes == c->cap_nodes) {
        size_t cap = c->cap_nodes;
        if (qx_grow(&c->nodes, &cap, cap + 1, sizeof *c->nodes) != 0)
            return NULL;
        for (uint32_t i = c->cap_nodes; i < cap; i++)
            reduce_state_init(&c->nodes[i]);
        c->cap_nodes = (uint32_t)cap;
    }
    return &c->nodes[c->n_nodes];
}

/* ---- items ---- */

static const char *skip_text(uint32_t outcome)
{
    switch (outcome) {
    case QX_OUTCOME_EXIT:
        return "the task ended its process";
    case QX_OUTCOME_SIGNAL:
        return "the task crashed";
    case QX_OUTCOME_TIMEOUT:
        return "ran longer than an item may";
    case QX_OUTCOME_MEMORY:
        return "used more memory than an item may";
    case QX_OUTCOME_BUDGET:
        return "wrote more than an item may";
    case QX_OUTCOME_LOST:
        return "its worker vanished";
    default:
        return "failed";
    }
}

static inline void publish(const struct host_task *t, uint64_t item)
{
    if (t->opt.current_item)
        __atomic_store_n(t->opt.current_item, item, __ATOMIC_RELAXED);
}

static qx_err cancelled(struct qx_error *err)
{
    return qx_fail(err, QX_ERR_CANCELLED, "cancelled");
}

static qx_err call_run(struct host_task *t, uint64_t item, double *row, struct qx_error *err)
{
    uint32_t failed_before = t->group.n_failed;
    publish(t, item);
    qx_err e = t->task->run(&t->ctx, t->state, item, row);
    if (__builtin_expect(e != QX_ERR_OK, 0) && t->group.n_failed > failed_before)
        e = QX_ERR_OK; /* the item failed, not the task */
    if (__builtin_expect(e != QX_ERR_OK || t->broken.code != QX_ERR_OK, 0))
        return host_leave(t, e, "run()", err);
    return QX_ERR_OK;
}

static qx_err call_block(struct host_task *t, uint64_t first, uint32_t count, double *rows,
                         struct qx_error *err)
{
    publish(t, first);
    qx_err e = t->task->block(&t->ctx, t->state, first, count, rows);
    if (__builtin_expect(e != QX_ERR_OK || t->broken.code != QX_ERR_OK, 0))
        return host_leave(t, e, "block()", err);
    return QX_ERR_OK;
}

/* The items [first, first + count) of the group. */
static qx_err call_task(struct host_task *t, uint64_t first, uint32_t count, struct qx_error *err)
{
    size_t stride = reduce_plan_columns(t->plan);
    double *row = t->group.rows + (first - t->group.first) * stride;
    if (qx_cancelled(&t->ctx))
        return cancelled(err);
    if (t->task->block && !t->opt.single_items)
        return call_block(t, first, count, row, err);
    for (uint32_t i = 0; i < count; i++, row += stride) {
        qx_err e = t->task->run ? call_run(t, first + i, row, err) : call_block(t, first + i, 1, row, err);
        if (e != QX_ERR_OK)
            return e;
        if (qx_cancelled(&t->ctx) && i + 1 < count)
            return cancelled(err);
    }
    return QX_ERR_OK;
}

/* ---- groups ---- */

struct run {
    struct host_task *t;
    struct host_chunk *chunk;
    const struct host_skip *skips; /* those still ahead */
    uint32_t n_skips;
    bool want_rows;
    struct qx_error *err;
};

/* The group with items left out: what lies between them is run. */
static qx_err call_around_skips(struct run *r)
{
    struct host_group *g = &r->t->group;
    uint64_t next = g->first, end = g->first + g->count;
    qx_err e = QX_ERR_OK;
    for (; r->n_skips > 0 && r->skips->item < end && e == QX_ERR_OK; r->skips++, r->n_skips--) {
        if (r->skips->item < next)
            continue; /* before the chunk, or given twice */
        if (r->skips->item > next)
            e = call_task(r->t, next, (uint32_t)(r->skips->item - next), r->err);
        if (e == QX_ERR_OK && (e = host_fail_item(r->t, r->skips->item, r->skips->outcome,
                                                  skip_text(r->skips->outcome))) != QX_ERR_OK)
            return qx_fail(r->err, e, "out of memory for failed items");
        next = r->skips->item + 1;
    }
    return e == QX_ERR_OK && next < end ? call_task(r->t, next, (uint32_t)(end - next), r->err) : e;
}

static qx_err keep_rows(struct run *r)
{
    struct host_group *g = &r->t->group;
    size_t stride = reduce_plan_columns(r->t->plan);
    for (uint32_t i = 0; i < g->count; i++) {
        bool failed = host_group_failed(g, i);
        uint8_t outcome = (uint8_t)(failed ? g->failures[i].kind : QX_OUTCOME_OK);
        for (size_t j = 0; failed && j < stride; j++)
            g->rows[i * stride + j] = NAN;
        if (qx_bytes_append(&r->chunk->ok, &outcome, 1) != QX_ERR_OK)
            return qx_fail(r->err, QX_ERR_NOMEM, "out of memory for the rows of a chunk");
    }
    if (qx_bytes_append(&r->chunk->rows, g->rows, g->count * stride * sizeof(double)) != QX_ERR_OK)
        return qx_fail(r->err, QX_ERR_NOMEM, "out of memory for the rows of a chunk");
    return QX_ERR_OK;
}

static qx_err run_group(struct run *r, struct reduce_state *s, uint64_t first, uint32_t count)
{
    struct host_task *t = r->t;
    host_group_start(t, first, count);
    qx_err e = r->n_skips > 0 && r->skips->item < first + count ? call_around_skips(r)
                                                                : call_task(t, first, count, r->err);
    if (e != QX_ERR_OK)
        return e;
    uint64_t start_ns = count >= TIMED_ROWS ? now_ns() : 0;
    e = host_group_reduce(t, s, r->err);
    if (e == QX_ERR_OK && r->want_rows)
        e = keep_rows(r);
    if (count >= TIMED_ROWS)
        r->chunk->reduce_ns += now_ns() - start_ns;
    return e;
}

/* ---- blocks ---- */

static qx_err run_block(struct run *r, uint64_t first, uint64_t n_items)
{
    struct reduce_state *s = next_node(r->chunk);
    if (!s)
        return qx_fail(r->err, QX_ERR_NOMEM, "out of memory for the states of a chunk");
    qx_err e = reduce_reset(r->t->plan, &r->t->plug, s);
    if (e != QX_ERR_OK)
        return host_reduce_failed(r->t, s, e, r->err);
    for (uint64_t done = 0; done < n_items && e == QX_ERR_OK; done += QX_GROUP_ROWS) {
        uint64_t left = n_items - done;
        e = run_group(r, s, first + done, left < QX_GROUP_ROWS ? (uint32_t)left : (uint32_t)QX_GROUP_ROWS);
    }
    r->chunk->n_items += n_items;
    return e;
}

/* The whole block on top of the stack has come: merge siblings. levels[i] belongs to nodes[i]. */
static qx_err merge_down(struct run *r, uint64_t block, uint8_t levels[])
{
    struct host_chunk *c = r->chunk;
    uint32_t top = c->n_nodes;
    uint8_t level = 0;
    for (uint64_t index = block; top > 0 && levels[top - 1] == level && (index & 1); index >>= 1) {
        qx_err e = reduce_merge(r->t->plan, &r->t->plug, &c->nodes[top - 1], &c->nodes[top]);
        if (e != QX_ERR_OK)
            return host_reduce_failed(r->t, &c->nodes[top - 1], e, r->err);
        top--;
        level++;
    }
    levels[top] = level;
    c->n_nodes = top + 1;
    return QX_ERR_OK;
}

static qx_err run_blocks(struct run *r, struct block_layout layout, uint64_t first_block, uint64_t n_blocks,
                         uint64_t end_item)
{
    uint8_t levels[QX_NODES_MAX + 2];
    uint64_t first = block_first(layout, first_block);
    for (uint64_t b = first_block; b < first_block + n_blocks; b++) {
        uint64_t whole = block_items(layout, b), left = end_item - first;
        qx_err e = run_block(r, first, whole < left ? whole : left);
        if (e != QX_ERR_OK)
            return e;
        if (whole > left) {
            r->chunk->partial_items = left;
            r->chunk->n_nodes++;
            return QX_ERR_OK;
        }
        e = merge_down(r, b, levels);
        if (e != QX_ERR_OK)
            return e;
        first += whole;
    }
    return QX_ERR_OK;
}

static void chunk_restart(struct host_chunk *c)
{
    c->n_nodes = 0;
    c->partial_items = c->n_items = c->task_ns = c->reduce_ns = 0;
    qx_bytes_clear(&c->rows);
    qx_bytes_clear(&c->ok);
}

qx_err host_run(struct host_task *t, struct block_layout layout, uint64_t first_block, uint64_t n_blocks,
                uint64_t end_item, const struct host_skip *skips, uint32_t n_skips, bool want_rows,
                struct host_chunk *ret, struct qx_error *err)
{
    chunk_restart(ret);
    if (!block_layout_ok(layout) || n_blocks == 0 || end_item == 0 || end_item > QX_ITEMS_MAX)
        return qx_fail(err, QX_ERR_INVALID,
                       "no such chunk: grain %u, spread %u, %" PRIu64 " blocks, %" PRIu64 " items",
                       layout.grain, layout.spread, n_blocks, end_item);
    uint64_t blocks = block_count(layout, end_item);
    if (n_blocks > blocks || first_block > blocks - n_blocks)
        return qx_fail(err, QX_ERR_INVALID, "blocks %" PRIu64 " to %" PRIu64 " of a job that has %" PRIu64,
                       first_block, first_block + n_blocks, blocks);
    struct run r = {t, ret, skips, n_skips, want_rows, err};
    uint64_t start_ns = now_ns();
    qx_err e = run_blocks(&r, layout, first_block, n_blocks, end_item);
    t->phase = PHASE_OTHER;
    publish(t, HOST_NO_ITEM);
    ret->task_ns = now_ns() - start_ns - ret->reduce_ns;
    if (e != QX_ERR_OK)
        ret->n_nodes = 0;
    return e;
}

qx_err host_run_item(struct host_task *t, uint64_t item, double *ret_row, enum qx_outcome *ret_outcome,
                     struct qx_error *err)
{
    host_group_start(t, item, 1);
    qx_err e =
        t->task->run ? call_run(t, item, t->group.rows, err) : call_block(t, item, 1, t->group.rows, err);
    t->phase = PHASE_OTHER;
    publish(t, HOST_NO_ITEM);
    if (e != QX_ERR_OK)
        return e;
    *ret_outcome = QX_OUTCOME_OK;
    memcpy(ret_row, t->group.rows, reduce_plan_columns(t->plan) * sizeof *ret_row);
    if (host_group_failed(&t->group, 0)) {
        *ret_outcome = (enum qx_outcome)t->group.failures[0].kind;
        for (uint32_t i = 0; i < reduce_plan_columns(t->plan); i++)
            ret_row[i] = NAN;
        (void)qx_fail(err, QX_ERR_TASK, "%s", t->group.failures[0].text);
    }
    return QX_ERR_OK;
}
