/* One group of items: which failed and why, what they wrote, and how all that gets into a state. */
#include <inttypes.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"
#include "host/inside.h"

static size_t row_bytes(const struct host_task *t)
{
    return reduce_plan_columns(t->plan) * sizeof(double);
}

qx_err host_group_init(struct host_task *t, struct qx_error *err)
{
    t->group.rows = qx_calloc(QX_GROUP_ROWS, row_bytes(t));
    return t->group.rows ? QX_ERR_OK : qx_fail(err, QX_ERR_NOMEM, "out of memory for the rows of a group");
}

void host_group_fini(struct host_task *t)
{
    struct host_group *g = &t->group;
    qx_free(g->failures);
    qx_free(g->pieces);
    qx_free(g->rows);
    qx_free(g->good_rows);
    qx_bytes_fini(&g->writes);
}

void host_group_start(struct host_task *t, uint64_t first, uint32_t count)
{
    struct host_group *g = &t->group;
    g->first = first;
    g->count = count;
    t->phase = PHASE_RUN;
    t->said.text[0] = '\0';
    if (g->n_failed > 0) {
        memset(g->failed, 0, sizeof g->failed);
        g->n_failed = 0;
    }
    if (g->n_pieces > 0) {
        g->n_pieces = 0;
        qx_bytes_clear(&g->writes);
    }
    memset(g->rows, 0, count * row_bytes(t));
}

static bool in_group(struct host_task *t, uint64_t item, const char *call)
{
    const struct host_group *g = &t->group;
    if (t->phase == PHASE_RUN && item >= g->first && item - g->first < g->count)
        return true;
    host_break(t, "it calls %s for item %" PRIu64 ", which it was not given", call, item);
    return false;
}

static qx_err make_room(struct host_task *t)
{
    struct host_group *g = &t->group;
    if (!g->failures)
        g->failures = qx_calloc(QX_GROUP_ROWS, sizeof *g->failures);
    if (!g->good_rows)
        g->good_rows = qx_calloc(QX_GROUP_ROWS, row_bytes(t));
    return g->failures && g->good_rows ? QX_ERR_OK : QX_ERR_NOMEM;
}

/* The first cause of an item stands. */
qx_err host_fail_item(struct host_task *t, uint64_t item, uint32_t kind, const char *text)
{
    struct host_group *g = &t->group;
    uint32_t i = (uint32_t)(item - g->first);
    if (host_group_failed(g, i))
        return QX_ERR_OK;
    qx_err e = make_room(t);
    if (e != QX_ERR_OK)
        return e;
    struct item_failure *f = &g->failures[i];
    size_t len = strnlen(text, sizeof f->text - 1);
    f->kind = kind;
    memcpy(f->text, text, len);
    f->text[len] = '\0';
    host_clean_text(f->text, sizeof f->text);
    g->failed[i / 64] |= (uint64_t)1 << (i % 64);
    g->n_failed++;
    return QX_ERR_OK;
}

qx_err host_vfail_item(struct qx_ctx *ctx, uint64_t item, const char *fmt, va_list ap)
{
    struct host_task *t = host_of(ctx);
    if (!in_group(t, item, "qx_fail_item()"))
        return QX_ERR_TASK;
    struct qx_error text;
    (void)qx_vfail(&text, QX_ERR_TASK, fmt, ap);
    if (host_fail_item(t, item, QX_OUTCOME_ERROR, text.text[0] ? text.text : "no reason given") != QX_ERR_OK)
        (void)host_no_memory(t, "failed items");
    return QX_ERR_TASK;
}

static void over_budget(struct host_task *t, uint64_t item, struct item_bytes *piece)
{
    t->group.writes.len = piece->at; /* it is the last one */
    piece->len = 0;
    if (host_fail_item(t, item, QX_OUTCOME_BUDGET, "wrote more than an item may") != QX_ERR_OK)
        (void)host_no_memory(t, "failed items");
}

qx_err host_write(struct qx_ctx *ctx, uint64_t item, const void *data, size_t len_bytes)
{
    struct host_task *t = host_of(ctx);
    struct host_group *g = &t->group;
    if (!in_group(t, item, "qx_write()"))
        return QX_ERR_TASK;
    if (!t->has_records) {
        host_break(t, "it calls qx_write() but declared no QX_REDUCE_RECORDS reducer");
        return QX_ERR_STATE;
    }
    uint32_t i = (uint32_t)(item - g->first);
    if (host_group_failed(g, i))
        return QX_ERR_LIMIT;
    struct item_bytes *last = g->n_pieces > 0 ? &g->pieces[g->n_pieces - 1] : NULL;
    if (last && last->index > i) {
        host_break(t, "it calls qx_write() for an item before the last one");
        return QX_ERR_STATE;
    }
    if (!last || last->index != i) {
        if (qx_grow(&g->pieces, &g->cap_pieces, g->n_pieces + 1, sizeof *g->pieces) != 0)
            return host_no_memory(t, "what items write");
        last = &g->pieces[g->n_pieces++];
        *last = (struct item_bytes){i, g->writes.len, 0};
    }
    if (len_bytes > t->opt.item_bytes_max - last->len) {
        over_budget(t, item, last);
        return QX_ERR_LIMIT;
    }
    if (qx_bytes_append(&g->writes, data, len_bytes) != QX_ERR_OK)
        return host_no_memory(t, "what items write");
    last->len += len_bytes;
    return QX_ERR_OK;
}

/* ---- into a state ---- */

static qx_err add_good_ones(struct host_task *t, struct reduce_state *s)
{
    struct host_group *g = &t->group;
    size_t len = row_bytes(t);
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        if (host_group_failed(g, i))
            continue;
        memcpy((char *)g->good_rows + n * len, (char *)g->rows + i * len, len);
        g->good_items[n++] = g->first + i;
    }
    return n > 0 ? reduce_add_sparse(t->plan, &t->plug, s, g->good_items, n, g->good_rows) : QX_ERR_OK;
}

static qx_err add_failures(struct host_task *t, struct reduce_state *s)
{
    struct host_group *g = &t->group;
    qx_err e = QX_ERR_OK;
    for (uint32_t i = 0; i < g->count && e == QX_ERR_OK; i++)
        if (host_group_failed(g, i))
            e = reduce_fail(s, g->first + i, g->failures[i].kind, g->failures[i].text);
    return e;
}

static qx_err add_writes(struct host_task *t, struct reduce_state *s)
{
    struct host_group *g = &t->group;
    qx_err e = QX_ERR_OK;
    for (size_t i = 0; i < g->n_pieces && e == QX_ERR_OK; i++) {
        const struct item_bytes *p = &g->pieces[i];
        if (!host_group_failed(g, p->index))
            e = reduce_add_record(t->plan, s, g->first + p->index, g->writes.data + p->at, p->len);
    }
    return e;
}

static qx_err add_all(struct host_task *t, struct reduce_state *s)
{
    struct host_group *g = &t->group;
    qx_err e;
    if (g->n_failed == 0) {
        e = reduce_add(t->plan, &t->plug, s, g->first, g->count, g->rows);
    } else {
        e = add_good_ones(t, s);
        if (e == QX_ERR_OK)
            e = add_failures(t, s);
    }
    return e == QX_ERR_OK && g->n_pieces > 0 ? add_writes(t, s) : e;
}

qx_err host_group_reduce(struct host_task *t, struct reduce_state *s, struct qx_error *err)
{
    t->phase = PHASE_OTHER; /* own reducers may not fail items */
    t->said.text[0] = '\0';
    qx_err e = add_all(t, s);
    return e == QX_ERR_OK ? e : host_reduce_failed(t, s, e, err);
}
