/* finish(): what it reads. */
#include <math.h>

#include "common/error.h"
#include "host/inside.h"

static const struct qx_reducer *reducer_of(const struct qx_answer *a, uint32_t reducer)
{
    if (reducer < reduce_plan_reducers(a->task->plan))
        return reduce_plan_reducer(a->task->plan, reducer);
    host_break(a->task, "it asks for reducer %u of %u", reducer, reduce_plan_reducers(a->task->plan));
    return NULL;
}

uint64_t host_answer_items(const struct qx_answer *a, uint64_t *ret_failed)
{
    if (ret_failed)
        *ret_failed = a->state->tally.n_failed;
    return a->state->tally.n_ok;
}

double host_answer_number(const struct qx_answer *a, uint32_t reducer, int what, uint32_t i, uint32_t j)
{
    const struct qx_reducer *r = reducer_of(a, reducer);
    if (!r)
        return NAN;
    const struct reduce_plan *p = a->task->plan;
    switch (what) {
    case QX_ANSWER_COUNT:
        return reduce_count(p, a->state, reducer);
    case QX_ANSWER_BIN:
        return reduce_bin(p, a->state, reducer, i);
    default:
        break;
    }
    if (i >= r->n_columns || (what == QX_ANSWER_COV && j >= r->n_columns)) {
        host_break(a->task, "it asks for column %u of reducer %u, which has %u",
                   what == QX_ANSWER_COV && j > i ? j : i, reducer, r->n_columns);
        return NAN;
    }
    switch (what) {
    case QX_ANSWER_SUM:
        return reduce_sum(p, a->state, reducer, i);
    case QX_ANSWER_MEAN:
        return reduce_mean(p, a->state, reducer, i);
    case QX_ANSWER_COV:
        return i == j ? reduce_var(p, a->state, reducer, i) : reduce_cov(p, a->state, reducer, i, j);
    case QX_ANSWER_MIN:
        return reduce_min(p, a->state, reducer, i);
    case QX_ANSWER_MAX:
        return reduce_max(p, a->state, reducer, i);
    case QX_ANSWER_ARGMIN:
        return reduce_argmin(p, a->state, reducer, i);
    case QX_ANSWER_ARGMAX:
        return reduce_argmax(p, a->state, reducer, i);
    default:
        host_break(a->task, "%d is no number of an answer", what);
        return NAN;
    }
}

/* What was made of a reducer lives until finish() returns; made once. NULL: out of memory. */
static const struct qx_bytes *made(const struct qx_answer *a, uint32_t reducer, enum qx_reducer_kind kind)
{
    /* the table of answers takes a const answer; what is made is the host's own */
    struct qx_bytes *data = &((struct qx_answer *)(uintptr_t)a)->data[reducer];
    qx_err e = QX_ERR_OK;
    if (data->len == 0)
        e = kind == QX_REDUCE_QUANTILES ? reduce_quantiles(a->task->plan, a->state, reducer, data)
                                        : reduce_records(a->task->plan, a->state, reducer, data);
    if (e == QX_ERR_NOMEM)
        (void)host_no_memory(a->task, "the answer");
    return e == QX_ERR_OK ? data : NULL;
}

static const void *sorted_values(const struct qx_answer *a, uint32_t reducer, size_t *ret_n)
{
    const struct qx_bytes *data = made(a, reducer, QX_REDUCE_QUANTILES);
    bool exact = false;
    if (data)
        (void)reduce_quantile_in(a->task->plan, a->state, reducer, data, 0.5, &exact);
    if (!exact)
        return NULL;
    *ret_n = data->len / sizeof(double);
    return data->data;
}

static const void *all_records(const struct qx_answer *a, uint32_t reducer, size_t *ret_n)
{
    const struct qx_bytes *data = made(a, reducer, QX_REDUCE_RECORDS);
    if (!data)
        return NULL;
    *ret_n = data->len;
    return data->data;
}

const void *host_answer_data(const struct qx_answer *a, uint32_t reducer, int what, size_t *ret_n)
{
    static const enum qx_reducer_kind kinds[] = {[QX_ANSWER_ROWS] = QX_REDUCE_COLLECT,
                                                 [QX_ANSWER_RECORDS] = QX_REDUCE_RECORDS,
                                                 [QX_ANSWER_OWN] = QX_REDUCE_OWN,
                                                 [QX_ANSWER_SORTED] = QX_REDUCE_QUANTILES};
    const struct qx_reducer *r = reducer_of(a, reducer);
    size_t n = 0;
    uint64_t n_rows = 0;
    const void *data = NULL;
    if (!ret_n)
        ret_n = &n;
    *ret_n = 0;
    if (!r)
        return NULL;
    if (what < QX_ANSWER_ROWS || what > QX_ANSWER_SORTED || r->kind != kinds[what]) {
        host_break(a->task, "it asks reducer %u for data that this kind does not keep", reducer);
        return NULL;
    }
    switch (what) {
    case QX_ANSWER_ROWS:
        data = reduce_rows(a->task->plan, a->state, reducer, &n_rows);
        *ret_n = n_rows;
        return data;
    case QX_ANSWER_OWN:
        return reduce_own(a->task->plan, a->state, reducer, ret_n);
    case QX_ANSWER_SORTED:
        return sorted_values(a, reducer, ret_n);
    default:
        return all_records(a, reducer, ret_n);
    }
}

double host_answer_quantile(const struct qx_answer *a, uint32_t reducer, double prob, bool *ret_exact)
{
    const struct qx_reducer *r = reducer_of(a, reducer);
    double v = NAN;
    bool exact = true;
    if (r && r->kind != QX_REDUCE_QUANTILES)
        host_break(a->task, "it asks for a quantile of reducer %u, which keeps none", reducer);
    const struct qx_bytes *data = r && r->kind == QX_REDUCE_QUANTILES ? made(a, reducer, r->kind) : NULL;
    if (data)
        v = reduce_quantile_in(a->task->plan, a->state, reducer, data, prob, &exact);
    if (ret_exact)
        *ret_exact = exact;
    return v;
}

qx_err host_finish(struct host_task *t, const struct reduce_state *state, struct qx_bytes *ret_json,
                   struct qx_error *err)
{
    if (!t->task->finish) {
        qx_err e = reduce_summary_json(t->plan, state, ret_json);
        return e == QX_ERR_OK ? e : qx_fail(err, e, "the summary failed: %s", qx_err_text(e));
    }
    struct qx_answer a = {.task = t, .state = state};
    size_t before = ret_json->len;
    host_enter(t, PHASE_FINISH);
    host_emit_start(t, ret_json);
    qx_err e = t->task->finish(&t->ctx, t->state, &a);
    if (e == QX_ERR_OK)
        host_emit_end(t);
    e = host_leave(t, e, "finish()", err);
    for (uint32_t i = 0; i < QX_PLAN_REDUCERS_MAX; i++)
        qx_bytes_fini(&a.data[i]);
    if (e != QX_ERR_OK)
        ret_json->len = before;
    return e;
}
