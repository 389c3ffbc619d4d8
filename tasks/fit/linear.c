/* model=lm and model=glm: a model matrix, and what is done with it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/fitter.h"
#include "model/design.h"
#include "model/glm.h"
#include "model/tail.h"

enum { MAX_VALUES = 6 };

struct linear {
    const struct spec *spec;
    struct variables vars;
    struct design *design;
    struct lm_work *lm;
    struct glm_work *glm;
    double *values;         /* p_max x MAX_VALUES */
    double *y, *trials, *w; /* GLM: proportions, their trials, weights of the rows */
};

static void linear_close(void *state)
{
    struct linear *l = state;
    l->design = design_close(l->design);
    variables_close(&l->vars);
    l->lm = lm_work_free(l->lm);
    l->glm = glm_work_free(l->glm);
    free(l->values);
    free(l->y);
    free(l->trials);
    free(l);
}

static qx_err open_parts(struct qx_ctx *ctx, struct linear *l, const struct qx_table *t, uint32_t max_rows)
{
    bool glm = l->spec->model == FIT_GLM, binomial = glm && l->spec->family == FAMILY_BINOMIAL;
    qx_err e = spec_variables(ctx, l->spec, l->spec->formula, t, max_rows, &l->vars);
    if (e == QX_ERR_OK)
        e = variables_need_response(ctx, &l->vars, glm ? "glm" : "lm", binomial);
    if (e == QX_ERR_OK)
        e = design_open(ctx, l->vars.frame, &l->design);
    if (e != QX_ERR_OK)
        return e;
    uint32_t p = l->design->p_max;
    l->values = calloc((size_t)p * MAX_VALUES, sizeof *l->values);
    l->y = calloc(max_rows + (size_t)1, sizeof *l->y);
    l->trials = calloc(max_rows + (size_t)1, sizeof *l->trials);
    if (glm)
        l->glm = glm_work_new(max_rows, p);
    else
        l->lm = lm_work_new(max_rows, p);
    return l->values && l->y && l->trials && (l->lm || l->glm) ? QX_ERR_OK
                                                               : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

static qx_err linear_open(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t,
                          uint32_t max_rows, void **ret_state)
{
    struct linear *l = calloc(1, sizeof *l);
    if (!l)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    l->spec = s;
    qx_err e = open_parts(ctx, l, t, max_rows);
    if (e == QX_ERR_OK)
        *ret_state = l;
    else
        linear_close(l);
    return e;
}

static const char *load(struct linear *l, const uint32_t *rows, uint32_t n)
{
    struct frame *fr = l->vars.frame;
    const char *why = frame_load(fr, rows, n);
    if (why)
        return why;
    if (fr->n == 0)
        return "no row has a value in each variable";
    why = design_build(l->design, fr);
    uint32_t counting = fr->n;
    for (uint32_t i = 0; fr->weights && i < fr->n; i++)
        counting -= fr->weights[i] == 0;
    return why || counting >= l->design->p ? why : "too few rows for the model";
}

/* The tidy rows: estimate, std.error, statistic, p.value, and the ends of an interval. */
static void tabulate(struct linear *l, const double *coef, const double *se, bool normal, double df,
                     struct fit_result *ret)
{
    double conf = l->spec->conf, wide = 0;
    if (conf > 0)
        wide = normal ? quantile_normal(conf) : quantile_t(conf, df);
    for (uint32_t j = 0; j < l->design->p; j++) {
        double *v = l->values + (size_t)j * MAX_VALUES;
        v[0] = coef[j];
        v[1] = se[j];
        v[2] = coef[j] / se[j];
        v[3] = normal ? tail_z(v[2], ALT_TWO_SIDED) : tail_t(v[2], df, ALT_TWO_SIDED);
        v[4] = coef[j] - wide * se[j];
        v[5] = coef[j] + wide * se[j];
    }
    ret->n_rows = l->design->p;
    ret->names = l->design->names;
    ret->values = l->values;
}

static const char *lm_run(void *state, const uint32_t *rows, uint32_t n, struct fit_result *ret)
{
    struct linear *l = state;
    const struct frame *fr = l->vars.frame;
    const struct design *d = l->design;
    struct lm_summary s;
    const char *why = load(l, rows, n);
    if (why)
        return why;
    bool intercept = l->vars.formula->intercept;
    lm_fit(l->lm, d->x, d->n, d->p, frame_response(fr, 0), fr->weights, fr->offset, l->spec->tol);
    lm_summarize(l->lm, fr->weights, intercept, &s);
    if (s.n == 0)
        return "all weights are 0";
    tabulate(l, l->lm->coef, l->lm->se, false, (double)s.df, ret);
    const double stats[] = {s.n,
                            (double)s.df,
                            s.sigma,
                            s.r_squared,
                            s.adj_r_squared,
                            s.f,
                            s.f_df,
                            tail_f(s.f, s.f_df, (double)s.df),
                            s.rss,
                            s.log_lik,
                            s.aic,
                            s.bic,
                            l->lm->rank,
                            fr->n_left_out};
    memcpy(ret->stats, stats, sizeof stats);
    return NULL;
}

/* Successes of trials as proportions. NULL, or a mistake. */
static const char *proportions(struct linear *l, const double **ret_trials)
{
    const struct frame *fr = l->vars.frame;
    const double *good = frame_response(fr, 0),
                 *bad = l->vars.formula->n_response == 2 ? frame_response(fr, 1) : NULL;
    *ret_trials = bad ? l->trials : NULL;
    for (uint32_t i = 0; i < fr->n; i++) {
        if (bad && (good[i] < 0 || bad[i] < 0))
            return "a number of successes or failures is negative";
        l->trials[i] = bad ? good[i] + bad[i] : 1;
        l->y[i] = bad ? (l->trials[i] > 0 ? good[i] / l->trials[i] : 0) : good[i];
    }
    return NULL;
}

static const char *glm_run(void *state, const uint32_t *rows, uint32_t n, struct fit_result *ret)
{
    struct linear *l = state;
    const struct frame *fr = l->vars.frame;
    const struct design *d = l->design;
    struct glm_summary s;
    const double *trials;
    const char *why = load(l, rows, n);
    if (!why)
        why = proportions(l, &trials);
    if (why)
        return why;
    const struct glm_data data = {.x = d->x,
                                  .n = d->n,
                                  .p = d->p,
                                  .names = d->names,
                                  .y = l->y,
                                  .trials = trials,
                                  .weights = fr->weights,
                                  .offset = fr->offset,
                                  .intercept = l->vars.formula->intercept};
    const struct glm_control control = {.tol = l->spec->tol, .epsilon = l->spec->eps};
    why = glm_fit(l->glm, &data, l->spec->family, l->spec->link, &control, &s);
    if (why)
        return why;
    tabulate(l, glm_coef(l->glm), glm_se(l->glm), family_known_dispersion(l->spec->family), (double)s.df,
             ret);
    const double stats[] = {s.n,          (double)s.df,  s.deviance, s.null_deviance, (double)s.df_null,
                            s.dispersion, s.log_lik,     s.aic,      s.bic,           glm_rank(l->glm),
                            s.iterations, fr->n_left_out};
    memcpy(ret->stats, stats, sizeof stats);
    return NULL;
}

#define TIDY                                                                                                 \
    {                                                                                                        \
        "estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high"                             \
    }

const struct fit_kind fit_kind_lm = {
    .list = "coefficients",
    .n_values = 6,
    .values = TIDY,
    .n_stats = 14,
    .stats = {"n", "df_residual", "sigma", "r_squared", "adj_r_squared", "f", "f_df", "f_p_value", "deviance",
              "log_lik", "aic", "bic", "rank", "rows_left_out"},
    .open = linear_open,
    .close = linear_close,
    .run = lm_run,
};

const struct fit_kind fit_kind_glm = {
    .list = "coefficients",
    .n_values = 6,
    .values = TIDY,
    .n_stats = 12,
    .stats = {"n", "df_residual", "deviance", "null_deviance", "df_null", "dispersion", "log_lik", "aic",
              "bic", "rank", "iterations", "rows_left_out"},
    .open = linear_open,
    .close = linear_close,
    .run = glm_run,
};
