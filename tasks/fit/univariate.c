/* model=summary: mean, standard deviation and lag-1 autocorrelation of one variable, in the order of the rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/fitter.h"
#include "model/tail.h"

enum { ROWS = 6, VALUES = 2 };

struct univariate {
    struct variables vars;
    double *sorted;
    uint32_t at; /* which variable */
    double values[ROWS * VALUES];
};

static void univariate_close(void *state)
{
    struct univariate *u = state;
    variables_close(&u->vars);
    free(u->sorted);
    free(u);
}

static qx_err open_parts(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t,
                         uint32_t max_rows, struct univariate *u)
{
    qx_err e = spec_variables(ctx, s, s->formula, t, max_rows, &u->vars);
    if (e != QX_ERR_OK)
        return e;
    if (u->vars.formula->n_vars != 1 || u->vars.frame->vars[0].kind != FRAME_NUMBER)
        return qx_error(ctx, QX_ERR_INVALID,
                        "formula: model=summary takes one variable of numbers, as in ~ y");
    u->sorted = calloc(max_rows + (size_t)1, sizeof *u->sorted);
    return u->sorted ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

static qx_err univariate_open(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t,
                              uint32_t max_rows, void **ret_state)
{
    struct univariate *u = calloc(1, sizeof *u);
    if (!u)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = open_parts(ctx, s, t, max_rows, u);
    if (e == QX_ERR_OK)
        *ret_state = u;
    else
        univariate_close(u);
    return e;
}

/* A sum whose rounding errors are kept (Neumaier 1974). */
struct sum {
    double high, low;
};

static void sum_add(struct sum *s, double x)
{
    double t = s->high + x;
    s->low += fabs(s->high) >= fabs(x) ? s->high - t + x : x - t + s->high;
    s->high = t;
}

static double sum_of(const struct sum *s)
{
    return s->high + s->low;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static const char *univariate_run(void *state, const uint32_t *rows, uint32_t n_rows, struct fit_result *ret)
{
    static const char *const names[ROWS] = {"mean", "sd", "autocorrelation", "min", "median", "max"};
    struct univariate *u = state;
    struct frame *fr = u->vars.frame;
    const char *why = frame_load(fr, rows, n_rows);
    uint32_t n = fr->n;
    const double *y = fr->vars[0].x;
    if (why)
        return why;
    if (n < 2)
        return "fewer than two values";
    struct sum total = {0}, squares = {0}, lags = {0};
    for (uint32_t i = 0; i < n; i++)
        sum_add(&total, y[i] - y[0]); /* exact where values share their leading digits */
    double mean = y[0] + sum_of(&total) / n;
    for (uint32_t i = 0; i < n; i++) {
        sum_add(&squares, (y[i] - mean) * (y[i] - mean));
        if (i > 0)
            sum_add(&lags, (y[i] - mean) * (y[i - 1] - mean));
    }
    double square = sum_of(&squares), lag = sum_of(&lags);
    memcpy(u->sorted, y, n * sizeof *y);
    qsort(u->sorted, n, sizeof *y, by_number);
    double sd = sqrt(square / (n - 1)), median = (u->sorted[(n - 1) / 2] + u->sorted[n / 2]) / 2;
    const double values[] = {mean,         sd / sqrt(n), sd,     NAN, lag / square,     NAN,
                             u->sorted[0], NAN,          median, NAN, u->sorted[n - 1], NAN};
    memcpy(u->values, values, sizeof values);
    *ret = (struct fit_result){.n_rows = ROWS, .names = names, .values = u->values};
    ret->stats[0] = n;
    ret->stats[1] = fr->n_left_out;
    return NULL;
}

const struct fit_kind fit_kind_summary = {
    .list = "summary",
    .n_values = VALUES,
    .values = {"estimate", "std.error"},
    .n_stats = 2,
    .stats = {"n", "rows_left_out"},
    .open = univariate_open,
    .close = univariate_close,
    .run = univariate_run,
};
