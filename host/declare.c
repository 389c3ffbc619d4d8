/* What open() declares: outputs and reducers. */
#include <string.h>

#include "common/error.h"
#include "common/mem.h"
#include "host/inside.h"

qx_err host_output(struct qx_ctx *ctx, const char *name, uint32_t *ret_column)
{
    struct host_task *t = host_of(ctx);
    if (t->phase != PHASE_OPEN) {
        host_break(t, "it calls qx_output() outside open()");
        return QX_ERR_STATE;
    }
    if (t->n_columns == QX_PLAN_COLUMNS_MAX) {
        host_break(t, "it declares more than %d outputs", QX_PLAN_COLUMNS_MAX);
        return QX_ERR_LIMIT;
    }
    char *copy = qx_strdup(name ? name : "");
    if (!copy || qx_grow(&t->columns, &t->cap_columns, t->n_columns + 1, sizeof *t->columns) != 0) {
        qx_free(copy);
        return host_no_memory(t, "the outputs");
    }
    t->columns[t->n_columns] = copy;
    if (ret_column)
        *ret_column = (uint32_t)t->n_columns;
    t->n_columns++;
    return QX_ERR_OK;
}

static void free_reducer(struct qx_reducer *r)
{
    qx_free((void *)(uintptr_t)r->name);
    qx_free((void *)(uintptr_t)r->columns);
}

/* What the plugin points to may be gone when open() returns. */
static bool copy_reducer(const struct qx_reducer *from, struct qx_reducer *to)
{
    *to = *from;
    to->name = NULL;
    to->columns = NULL;
    if (from->name && !(to->name = qx_strdup(from->name)))
        return false;
    if (!from->columns)
        return true;
    uint32_t *columns = qx_calloc(from->n_columns, sizeof *columns);
    if (!columns) {
        free_reducer(to);
        return false;
    }
    memcpy(columns, from->columns, from->n_columns * sizeof *columns);
    to->columns = columns;
    return true;
}

static bool own_ok(struct host_task *t, const struct qx_reducer *r)
{
    if (r->kind != QX_REDUCE_OWN)
        return true;
    if (!t->decl->opaque) {
        host_break(t, "it declares a reducer of its own without the flag QX_TASK_OWN_REDUCER");
        return false;
    }
    if (!r->ops || !r->ops->add || !r->ops->merge) {
        host_break(t, "its own reducer has no add or no merge");
        return false;
    }
    return true;
}

qx_err host_reduce(struct qx_ctx *ctx, const struct qx_reducer *reducer, uint32_t *ret_reducer)
{
    struct host_task *t = host_of(ctx);
    if (t->phase != PHASE_OPEN) {
        host_break(t, "it calls qx_reduce() outside open()");
        return QX_ERR_STATE;
    }
    if (t->n_reducers == QX_PLAN_REDUCERS_MAX) {
        host_break(t, "it declares more than %d reducers", QX_PLAN_REDUCERS_MAX);
        return QX_ERR_LIMIT;
    }
    if (!own_ok(t, reducer))
        return QX_ERR_INVALID;
    if (qx_grow(&t->reducers, &t->cap_reducers, t->n_reducers + 1, sizeof *t->reducers) != 0 ||
        !copy_reducer(reducer, &t->reducers[t->n_reducers]))
        return host_no_memory(t, "the reducers");
    t->has_records |= reducer->kind == QX_REDUCE_RECORDS;
    if (ret_reducer)
        *ret_reducer = (uint32_t)t->n_reducers;
    t->n_reducers++;
    return QX_ERR_OK;
}

qx_err host_declared_plan(struct host_task *t, struct qx_error *err)
{
    struct qx_error why;
    qx_err e = reduce_plan_new((const char *const *)t->columns, (uint32_t)t->n_columns, t->reducers,
                               (uint32_t)t->n_reducers, &t->plan, &why);
    return e == QX_ERR_OK ? e : qx_fail(err, e, "task %s: %s", t->decl->name, why.text);
}

void host_declared_free(struct host_task *t)
{
    reduce_plan_free(t->plan);
    for (size_t i = 0; i < t->n_columns; i++)
        qx_free(t->columns[i]);
    for (size_t i = 0; i < t->n_reducers; i++)
        free_reducer(&t->reducers[i]);
    qx_free(t->columns);
    qx_free(t->reducers);
}
