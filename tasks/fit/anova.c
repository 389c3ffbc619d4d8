/* model=aov: one-way analysis of variance, y ~ group. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/fitter.h"
#include "model/tail.h"

struct anova {
    struct variables vars;
    bool numbers;    /* the groups are the distinct numbers of a column */
    double *mean;    /* by level: of y less its first value */
    uint32_t *count; /* by level */
    const char *names[2];
    double values[2 * 5];
};

static void anova_close(void *state)
{
    struct anova *a = state;
    variables_close(&a->vars);
    free(a->mean);
    free(a->count);
    free(a);
}

/* y ~ g with g a column of numbers means y ~ factor(g). */
static qx_err open_vars(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t, uint32_t max_rows,
                        struct variables *ret)
{
    qx_err e = spec_variables(ctx, s, s->formula, t, max_rows, ret);
    const struct formula *f = ret->formula;
    if (e != QX_ERR_OK || f->n_response != 1 || f->n_vars != 2 || ret->frame->vars[1].kind != FRAME_NUMBER)
        return e;
    char text[2048];
    size_t len = syntax_write(f->vars[0].node, text, sizeof text - 16);
    if (len >= sizeof text - 16)
        return qx_error(ctx, QX_ERR_INVALID, "formula: too long");
    memcpy(text + len, " ~ factor(", 11);
    len += 10;
    size_t more = syntax_write(f->vars[1].node, text + len, sizeof text - len - 2);
    if (more >= sizeof text - len - 2)
        return qx_error(ctx, QX_ERR_INVALID, "formula: too long");
    memcpy(text + len + more, ")", 2);
    variables_close(ret);
    return spec_variables(ctx, s, text, t, max_rows, ret);
}

static qx_err open_parts(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t,
                         uint32_t max_rows, struct anova *a)
{
    qx_err e = open_vars(ctx, s, t, max_rows, &a->vars);
    if (e == QX_ERR_OK)
        e = variables_need_response(ctx, &a->vars, "aov", false);
    if (e != QX_ERR_OK)
        return e;
    const struct formula *f = a->vars.formula;
    if (f->n_vars != 2 || f->n_terms != 1 || !f->intercept || f->offsets ||
        a->vars.frame->vars[1].kind != FRAME_FACTOR)
        return qx_error(ctx, QX_ERR_INVALID,
                        "formula: model=aov is one-way, y ~ group; more go into model=lm");
    uint32_t levels = a->vars.frame->vars[1].n_levels;
    a->mean = calloc(levels + (size_t)1, sizeof *a->mean);
    a->count = calloc(levels + (size_t)1, sizeof *a->count);
    a->names[0] = a->vars.frame->vars[1].name;
    a->names[1] = "Residuals";
    return a->mean && a->count ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

static qx_err anova_open(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t,
                         uint32_t max_rows, void **ret_state)
{
    struct anova *a = calloc(1, sizeof *a);
    if (!a)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = open_parts(ctx, s, t, max_rows, a);
    if (e == QX_ERR_OK)
        *ret_state = a;
    else
        anova_close(a);
    return e;
}

struct squares {
    uint32_t levels;
    double within, between;
};

/* Two passes over y less its first value, which is exact where values share their leading digits. */
static void sum_squares(struct anova *a, const double *y, const uint32_t *code, uint32_t n,
                        struct squares *ret)
{
    uint32_t n_levels = a->vars.frame->vars[1].n_levels;
    double grand = 0;
    memset(a->mean, 0, n_levels * sizeof *a->mean);
    memset(a->count, 0, n_levels * sizeof *a->count);
    *ret = (struct squares){.levels = 0};
    for (uint32_t i = 0; i < n; i++) {
        a->mean[code[i]] += y[i] - y[0];
        a->count[code[i]]++;
    }
    for (uint32_t l = 0; l < n_levels; l++) {
        grand += a->mean[l];
        a->mean[l] = a->count[l] ? a->mean[l] / a->count[l] : 0;
        ret->levels += a->count[l] > 0;
    }
    grand /= n;
    for (uint32_t l = 0; l < n_levels; l++)
        ret->between += a->count[l] * (a->mean[l] - grand) * (a->mean[l] - grand);
    for (uint32_t i = 0; i < n; i++) {
        double d = y[i] - y[0] - a->mean[code[i]];
        ret->within += d * d;
    }
}

static const char *anova_run(void *state, const uint32_t *rows, uint32_t n, struct fit_result *ret)
{
    struct anova *a = state;
    struct frame *fr = a->vars.frame;
    struct squares s;
    const char *why = frame_load(fr, rows, n);
    if (why)
        return why;
    if (fr->n == 0)
        return "no row has a value in each variable";
    sum_squares(a, frame_response(fr, 0), fr->vars[1].code, fr->n, &s);
    if (s.levels < 2)
        return "fewer than two groups";
    if (fr->n <= s.levels)
        return "too few rows for the model";
    double df = s.levels - 1, df_within = fr->n - s.levels, ms = s.between / df,
           ms_within = s.within / df_within;
    double f = ms / ms_within, p = tail_f(f, df, df_within);
    const double values[] = {df, s.between, ms, f, p, df_within, s.within, ms_within, NAN, NAN};
    memcpy(a->values, values, sizeof values);
    *ret = (struct fit_result){.n_rows = 2, .names = a->names, .values = a->values};
    const double stats[] = {fr->n, df_within, sqrt(ms_within), s.between / (s.between + s.within), f,
                            df,    p,         fr->n_left_out};
    memcpy(ret->stats, stats, sizeof stats);
    return NULL;
}

const struct fit_kind fit_kind_aov = {
    .list = "anova",
    .n_values = 5,
    .values = {"df", "sum_sq", "mean_sq", "statistic", "p.value"},
    .n_stats = 8,
    .stats = {"n", "df_residual", "sigma", "r_squared", "f", "f_df", "f_p_value", "rows_left_out"},
    .open = anova_open,
    .close = anova_close,
    .run = anova_run,
};
