#include "em/outcome.h"

#include <math.h>
#include <stdlib.h>

enum { LOGLIK, ITEM, ITERATIONS, CONVERGED, DOWN, COLUMNS };
enum { REDUCER_STARTS, REDUCER_SUMS };
enum { SUM_ITERATIONS, SUM_CONVERGED, SUM_DOWN };
enum { MAXIMA_MAX = 10 };
static const double reached = 1e-6, rounding = 1e-10;

qx_err outcome_open(struct qx_ctx *ctx)
{
    static const char *const names[COLUMNS] = {"loglik", "item", "iterations", "converged", "went_down"};
    static const uint32_t start[] = {LOGLIK, ITEM}, rest[] = {ITERATIONS, CONVERGED, DOWN};
    static const struct qx_reducer reducers[] = {
        [REDUCER_STARTS] = {.kind = QX_REDUCE_COLLECT, .name = "starts", .columns = start, .n_columns = 2},
        [REDUCER_SUMS] = {.kind = QX_REDUCE_SUM, .name = "sums", .columns = rest, .n_columns = 3},
    };
    qx_err e = QX_ERR_OK;
    for (int i = 0; i < COLUMNS && e == QX_ERR_OK; i++)
        e = qx_output(ctx, names[i], NULL);
    for (size_t i = 0; i < sizeof reducers / sizeof reducers[0] && e == QX_ERR_OK; i++)
        e = qx_reduce(ctx, &reducers[i], NULL);
    return e;
}

void outcome_row(const struct fit *f, uint64_t item, double *row)
{
    row[LOGLIK] = f->loglik;
    row[ITEM] = (double)item;
    row[ITERATIONS] = f->iterations;
    row[CONVERGED] = f->end == FIT_CONVERGED;
    row[DOWN] = f->went_down;
}

static int by_loglik(const void *a, const void *b)
{
    const struct ended *x = a, *y = b;
    if (x->loglik != y->loglik)
        return x->loglik > y->loglik ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

bool outcomes_read(struct outcomes *o, struct qx_ctx *ctx, const struct qx_answer *answer)
{
    *o = (struct outcomes){
        .iterations = qx_answer_number(ctx, answer, REDUCER_SUMS, QX_ANSWER_SUM, SUM_ITERATIONS, 0),
        .converged = qx_answer_number(ctx, answer, REDUCER_SUMS, QX_ANSWER_SUM, SUM_CONVERGED, 0),
        .went_down = qx_answer_number(ctx, answer, REDUCER_SUMS, QX_ANSWER_SUM, SUM_DOWN, 0)};
    const double *rows = qx_answer_data(ctx, answer, REDUCER_STARTS, QX_ANSWER_ROWS, &o->n);
    o->starts = malloc((o->n + 1) * sizeof *o->starts);
    if (!o->starts || !rows || o->n == 0)
        return false;
    for (size_t i = 0; i < o->n; i++)
        o->starts[i] = (struct ended){rows[2 * i], rows[2 * i + 1]};
    qsort(o->starts, o->n, sizeof *o->starts, by_loglik);
    double item = o->starts[0].item, best = o->starts[0].loglik;
    for (size_t i = 0; i < o->n && o->starts[i].loglik >= best - rounding * fabs(best); i++)
        item = o->starts[i].item < item ? o->starts[i].item : item;
    o->best = (uint64_t)item;
    return true;
}

void outcomes_fini(struct outcomes *o)
{
    free(o->starts);
    *o = (struct outcomes){0};
}

static bool is_same_maximum(double loglik, double best)
{
    return loglik >= best - reached * fabs(best);
}

void outcomes_emit_counts(struct qx_ctx *ctx, const struct outcomes *o)
{
    size_t at_best = 0;
    while (at_best < o->n && is_same_maximum(o->starts[at_best].loglik, o->starts[0].loglik))
        at_best++;
    double n = (double)o->n;
    qx_emit_int(ctx, "n", (int64_t)n);
    qx_emit_int(ctx, "starts_at_best", (int64_t)at_best);
    qx_emit_int(ctx, "best_item", (int64_t)o->best);
    qx_emit_int(ctx, "not_converged", (int64_t)(n - o->converged));
    qx_emit_number(ctx, "mean_iterations", o->iterations / n);
}

void outcomes_emit_maxima(struct qx_ctx *ctx, const struct outcomes *o)
{
    qx_emit_list(ctx, "maxima");
    for (size_t i = 0, n = 0; i < o->n && n < MAXIMA_MAX; n++) {
        size_t from = i;
        double item = o->starts[i].item;
        for (; i < o->n && is_same_maximum(o->starts[i].loglik, o->starts[from].loglik); i++)
            item = o->starts[i].item < item ? o->starts[i].item : item;
        qx_emit_open(ctx, NULL);
        qx_emit_number(ctx, "loglik", o->starts[from].loglik);
        qx_emit_int(ctx, "starts", (int64_t)(i - from));
        qx_emit_int(ctx, "first_item", (int64_t)item);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

void outcomes_emit_warning(struct qx_ctx *ctx, const struct outcomes *o)
{
    if (o->went_down > 0)
        qx_emit_text(ctx, "warning_down", "the log-likelihood of a fit went down, which EM cannot do: a bug");
}
