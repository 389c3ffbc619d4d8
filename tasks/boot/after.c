#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/interval.h"
#include "boot/report.h"
#include "shared/panel.h"

/* Steps of the work: numbers x rows x resamples. */
enum { POINTS_MAX = 1000, CURVES = 7, ENDS = 2, LEVELS = CURVES + ENDS };
static const double work_max = 4e9;
static const double curve_levels[CURVES] = {0.05, 0.1, 0.16, 0.5, 0.84, 0.9, 0.95};

/* Of the resamples without one row. */
struct without {
    double mean, se, quantile[LEVELS]; /* of the curves, then of the ends of a percentile interval */
};

struct after {
    uint32_t n_rows;
    double levels[LEVELS];
    struct without *rows; /* n_theta x n_rows */
    struct without whole[STAT_THETA_MAX], error[STAT_THETA_MAX];
};

struct replicate {
    double value;
    size_t at;
};

struct work {
    const double *rows; /* of the resamples */
    size_t n;
    uint64_t *absent; /* n x words: bit i: row i is not in the resample */
    size_t words;
    struct replicate *sorted;
    double *values, *cum;
};

/* ---- summaries of a subset ---- */

/* Of m ascending values whose probabilities were added up in cum. */
static void summarize(const struct boot *b, struct work *w, size_t m, const double *levels,
                      struct without *ret)
{
    double total = w->cum[m - 1], mean = 0, ss = 0;
    bool extreme = false;
    for (size_t i = 0; i < m; i++)
        mean += (w->cum[i] - (i > 0 ? w->cum[i - 1] : 0)) / total * w->values[i];
    for (size_t i = 0; i < m; i++) {
        double d = w->values[i] - mean;
        ss += (w->cum[i] - (i > 0 ? w->cum[i - 1] : 0)) / total * d * d;
    }
    ret->mean = mean;
    ret->se = sqrt(b->exact ? ss : ss * (double)m / ((double)m - 1));
    for (size_t i = 0; i < m; i++)
        w->cum[i] /= total;
    for (int k = 0; k < LEVELS; k++)
        ret->quantile[k] = b->exact ? interval_quantile_weighted(w->values, w->cum, m, levels[k])
                                    : interval_quantile(w->values, m, levels[k], &extreme);
}

static bool is_absent(const struct work *w, size_t at, uint32_t row)
{
    return w->absent[at * w->words + row / 64] >> (row % 64) & 1;
}

/* The resamples without `row` (UINT32_MAX: all) in the order of their values. */
static size_t gather(const struct boot *b, struct work *w, uint32_t row)
{
    size_t m = 0;
    double sum = 0;
    for (size_t i = 0; i < w->n; i++) {
        size_t at = w->sorted[i].at;
        if (row != UINT32_MAX && !is_absent(w, at, row))
            continue;
        sum += b->exact ? w->rows[at * b->n_columns + b->col_prob] : 1;
        w->values[m] = w->sorted[i].value;
        w->cum[m++] = sum;
    }
    return m;
}

/* ---- standard errors by the jackknife ---- */

static double part_of(const struct without *w, int part)
{
    return part == 0 ? w->se : part == 1 ? w->mean : w->quantile[part - 2];
}

/* sqrt of the sum over strata of (n_s - 1)/n_s times the squared deviations. */
static double jackknife_error(const struct boot *b, const struct without *rows, int part)
{
    double var = 0;
    for (uint32_t g = 0; g < b->data.n_strata; g++) {
        uint32_t start = b->data.start[g], end = b->data.start[g + 1], size = end - start;
        double mean = 0, ss = 0;
        for (uint32_t i = start; i < end; i++)
            mean += part_of(&rows[i], part) / size;
        for (uint32_t i = start; i < end; i++)
            ss += (part_of(&rows[i], part) - mean) * (part_of(&rows[i], part) - mean);
        var += ss * (size - 1) / size;
    }
    return sqrt(var);
}

static int by_value(const void *a, const void *b)
{
    const struct replicate *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static bool one_number(const struct boot *b, struct work *w, struct after *a, uint32_t k)
{
    struct without *rows = a->rows + (size_t)k * a->n_rows;
    for (size_t i = 0; i < w->n; i++)
        w->sorted[i] = (struct replicate){w->rows[i * b->n_columns + k], i};
    qsort(w->sorted, w->n, sizeof *w->sorted, by_value);
    summarize(b, w, gather(b, w, UINT32_MAX), a->levels, &a->whole[k]);
    for (uint32_t i = 0; i < a->n_rows; i++) {
        size_t m = gather(b, w, i);
        if (m < 2)
            return false;
        summarize(b, w, m, a->levels, &rows[i]);
    }
    a->error[k].se = jackknife_error(b, rows, 0);
    a->error[k].mean = jackknife_error(b, rows, 1);
    for (int q = 0; q < LEVELS; q++)
        a->error[k].quantile[q] = jackknife_error(b, rows, 2 + q);
    return true;
}

/* ---- opening ---- */

static bool work_alloc(struct work *w)
{
    w->absent = calloc(w->n * w->words, sizeof *w->absent);
    w->sorted = malloc(w->n * sizeof *w->sorted);
    w->values = malloc(w->n * sizeof *w->values);
    w->cum = malloc(w->n * sizeof *w->cum);
    return w->absent && w->sorted && w->values && w->cum;
}

static void work_free(struct work *w)
{
    free(w->absent);
    free(w->sorted);
    free(w->values);
    free(w->cum);
}

static void mark_absent(struct qx_ctx *ctx, struct boot *b, struct work *w)
{
    for (size_t at = 0; at < w->n; at++) {
        uint64_t item = (uint64_t)w->rows[at * b->n_columns + b->col_item], *bits = w->absent + at * w->words;
        (void)boot_rows(b, ctx->seed, item, b->weights, NULL);
        for (uint32_t i = 0; i < b->data.n; i++)
            bits[i / 64] |= (uint64_t)(b->weights[i] == 0) << (i % 64);
    }
}

static qx_err after_all(struct qx_ctx *ctx, struct boot *b, struct work *w, struct after *a)
{
    if (!a->rows || !work_alloc(w))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    mark_absent(ctx, b, w);
    for (uint32_t k = 0; k < b->n_theta; k++) {
        if (!one_number(b, w, a, k))
            return qx_error(ctx, QX_ERR_INVALID, "jab=yes: a row is in nearly every resample: raise n");
    }
    return QX_ERR_OK;
}

qx_err after_open(struct qx_ctx *ctx, struct boot *b, const struct rows *rows, struct after **ret)
{
    struct work w = {.rows = rows->rows, .n = rows->n, .words = (b->data.n + 63) / 64};
    if (w.n < 2 || (double)w.n * b->data.n * b->n_theta > work_max)
        return qx_error(ctx, QX_ERR_INVALID, "jab=yes: %s",
                        w.n < 2 ? "a row is in nearly every resample: raise n"
                                : "rows times resamples times statistics is over 4e9: lower n");
    struct after *a = calloc(1, sizeof *a);
    if (!a)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    a->n_rows = b->data.n;
    a->rows = calloc((size_t)b->n_theta * a->n_rows, sizeof *a->rows);
    memcpy(a->levels, curve_levels, sizeof curve_levels);
    a->levels[CURVES] = (1 - b->conf) / 2;
    a->levels[CURVES + 1] = (1 + b->conf) / 2;
    qx_err e = after_all(ctx, b, &w, a);
    work_free(&w);
    if (e != QX_ERR_OK)
        after_close(a);
    else
        *ret = a;
    return e;
}

void after_close(struct after *a)
{
    if (a)
        free(a->rows);
    free(a);
}

/* ---- emission ---- */

static void emit_error(struct qx_ctx *ctx, const char *name, const char *what, double value, double error)
{
    qx_emit_open(ctx, NULL);
    if (name)
        qx_emit_text(ctx, "name", name);
    qx_emit_text(ctx, "of", what);
    qx_emit_number(ctx, "value", value);
    qx_emit_number(ctx, "se", error);
    qx_emit_close(ctx);
}

void after_emit(struct qx_ctx *ctx, const struct boot *b, const struct after *a)
{
    char what[40];
    qx_emit_list(ctx, "jackknife_after_bootstrap");
    for (uint32_t k = 0; k < b->n_theta; k++) {
        const char *name = b->n_theta > 1 ? b->names[k] : NULL;
        emit_error(ctx, name, "se", a->whole[k].se, a->error[k].se);
        emit_error(ctx, name, "mean", a->whole[k].mean, a->error[k].mean);
        for (int q = CURVES; q < LEVELS; q++) {
            (void)snprintf(what, sizeof what, "quantile %g", a->levels[q]);
            emit_error(ctx, name, what, a->whole[k].quantile[q], a->error[k].quantile[q]);
        }
    }
    qx_emit_close(ctx);
}

struct point {
    double x;
    uint32_t row;
};

static int by_x(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

/* Jackknife influence values by the replicates, in units of their standard deviation. */
static struct point *influences(const struct after *a, const struct without *rows)
{
    struct point *points = malloc(a->n_rows * sizeof *points);
    double mean = 0, ss = 0;
    if (!points)
        return NULL;
    for (uint32_t i = 0; i < a->n_rows; i++)
        mean += rows[i].mean / a->n_rows;
    for (uint32_t i = 0; i < a->n_rows; i++)
        ss += (rows[i].mean - mean) * (rows[i].mean - mean);
    double sd = sqrt(ss / (a->n_rows - 1));
    for (uint32_t i = 0; i < a->n_rows; i++)
        points[i] = (struct point){sd > 0 ? (mean - rows[i].mean) / sd : 0, i};
    qsort(points, a->n_rows, sizeof *points, by_x);
    return points;
}

void after_emit_panel(struct qx_ctx *ctx, const struct boot *b, const struct after *a, uint32_t k,
                      const char *name)
{
    const struct without *rows = a->rows + (size_t)k * a->n_rows, *whole = &a->whole[k];
    struct point *points = influences(a, rows);
    char title[SPEC_NAME_BYTES + 40], label[40];
    double x[POINTS_MAX], y[POINTS_MAX];
    uint32_t step = (a->n_rows + POINTS_MAX - 1) / POINTS_MAX, n = 0;
    (void)b;
    if (!points)
        return;
    (void)snprintf(title, sizeof title, "jackknife after bootstrap: %s", name);
    panel_open(ctx, "lines", title, "influence of the row left out (standardized)",
               "quantiles of the resamples without it, centred");
    qx_emit_list(ctx, "series");
    for (int q = 0; q < CURVES; q++) {
        n = 0;
        for (uint32_t i = 0; i < a->n_rows; i += step, n++) {
            x[n] = points[i].x;
            y[n] = rows[points[i].row].quantile[q] - rows[points[i].row].mean;
        }
        (void)snprintf(label, sizeof label, "%g %%", 100 * a->levels[q]);
        panel_series(ctx, label, n, x, y, NULL, NULL);
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    for (int q = 0; q < CURVES; q++) {
        (void)snprintf(label, sizeof label, "all rows, %g %%", 100 * a->levels[q]);
        panel_mark(ctx, "y", whole->quantile[q] - whole->mean, label, "reference");
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
    free(points);
}
