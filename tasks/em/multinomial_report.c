/* multinomial_report.c - the answer of em.multinomial: the best fit and that from the given start, run once more. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "em/curvature.h"
#include "em/multinomial.h"
#include "em/outcome.h"
#include "em/trace.h"
#include "shared/panel.h"

enum { SERIES_MAX = 12, TEXT_BYTES = 400 };

struct report {
    struct multinomial *m;
    struct outcomes outcomes;
    struct fit fit; /* the best one */
    double kernel;  /* its log-likelihood without the constant */
    bool zero[SIMPLEX_PARAMS_MAX];
    struct curvature curvature;
    uint64_t traced; /* item */
    struct trace trace;
};

static uint32_t free_parameters(const struct simplexes *x)
{
    return x->n_params - x->n;
}

static void snapshot(const void *model, double *to)
{
    const struct multinomial *m = model;
    memcpy(to, m->point, m->cells.simplexes.n_params * sizeof *to);
}

/* ---- numbers ---- */

static void emit_head(struct qx_ctx *ctx, const struct report *r)
{
    const struct cells *c = &r->m->cells;
    double q = free_parameters(&c->simplexes), loglik = r->kernel + c->constant;
    qx_emit_number(ctx, "total", c->total);
    qx_emit_number(ctx, "loglik", loglik);
    qx_emit_number(ctx, "loglik_kernel", r->kernel);
    qx_emit_int(ctx, "parameters", (int64_t)q);
    qx_emit_number(ctx, "aic", 2 * q - 2 * loglik);
    qx_emit_number(ctx, "bic", q * log(c->total) - 2 * loglik);
    qx_emit_int(ctx, "iterations", r->fit.iterations);
    qx_emit_number(ctx, "rate_of_convergence", r->curvature.rate);
}

static void emit_estimates(struct qx_ctx *ctx, const struct report *r)
{
    const struct simplexes *x = &r->m->cells.simplexes;
    qx_emit_list(ctx, "estimates");
    for (uint32_t i = 0; i < x->n_params; i++) {
        qx_emit_open(ctx, NULL);
        if (x->n > 1)
            qx_emit_int(ctx, "simplex", simplex_of(x, i) + 1);
        qx_emit_text(ctx, "term", x->names[i]);
        qx_emit_number(ctx, "estimate", r->m->point[i]);
        qx_emit_number(ctx, "se", r->curvature.kind == CURVATURE_OK ? r->curvature.se[i] : NAN);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static void emit_cells(struct qx_ctx *ctx, const struct report *r)
{
    const struct cells *c = &r->m->cells;
    qx_emit_list(ctx, "cells");
    for (uint32_t i = 0; i < c->n; i++) {
        double p = cells_probability(c, i, r->m->point);
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "cell", c->cells[i].name);
        qx_emit_number(ctx, "count", c->cells[i].count);
        qx_emit_number(ctx, "expected", c->total * p);
        qx_emit_number(ctx, "probability", p);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static void emit_iterates(struct qx_ctx *ctx, const struct report *r)
{
    const struct cells *c = &r->m->cells;
    const struct trace *t = &r->trace;
    qx_emit_int(ctx, "iterates_item", (int64_t)r->traced);
    qx_emit_list(ctx, "iterates");
    for (uint32_t i = 0; i < t->n; i++) {
        qx_emit_open(ctx, NULL);
        qx_emit_int(ctx, "iteration", t->iteration[i]);
        qx_emit_number(ctx, "loglik", t->loglik[i] + c->constant);
        qx_emit_number(ctx, "loglik_kernel", t->loglik[i]);
        for (uint32_t j = 0; j < t->width; j++)
            qx_emit_number(ctx, c->simplexes.names[j], t->iterates[(size_t)i * t->width + j]);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

/* ---- words ---- */

static void emit_boundary(struct qx_ctx *ctx, const struct report *r)
{
    const struct simplexes *x = &r->m->cells.simplexes;
    char text[TEXT_BYTES];
    int len = 0;
    for (uint32_t i = 0; i < x->n_params && (size_t)len + 1 < sizeof text; i++) {
        if (r->zero[i])
            len += snprintf(text + len, sizeof text - (size_t)len, "%s%s", len ? ", " : "", x->names[i]);
    }
    qx_emit_text(ctx, "boundary", text);
    qx_emit_text(ctx, "note",
                 "no standard errors: the maximum lies on the boundary, where the parameters named are 0");
}

static void emit_words(struct qx_ctx *ctx, const struct report *r)
{
    if (r->fit.end != FIT_CONVERGED && r->m->opt.tol > 0)
        qx_emit_text(ctx, "warning", "the best fit stopped at max_iter before it had converged");
    outcomes_emit_warning(ctx, &r->outcomes);
    if (r->curvature.kind == CURVATURE_BOUNDARY)
        emit_boundary(ctx, r);
    if (r->curvature.kind == CURVATURE_SINGULAR)
        qx_emit_text(ctx, "note_information",
                     "no standard errors and no rate: the observed information is not positive definite, so "
                     "this is not a proper maximum, or these counts do not determine the parameters");
    if (r->trace.each > 1)
        qx_emit_text(ctx, "note_trace", "of the iterates evenly spaced ones and the last are shown");
}

/* ---- the picture ---- */

static void emit_points_panel(struct qx_ctx *ctx, const struct report *r)
{
    const struct trace *t = &r->trace;
    uint32_t rows[TRACE_PLOT_MAX], n = trace_thin(t, rows);
    double x[TRACE_PLOT_MAX], y[TRACE_PLOT_MAX];
    panel_open(ctx, "lines", "parameters", "iteration", "estimate");
    qx_emit_list(ctx, "series");
    for (uint32_t j = 0; j < t->width && j < SERIES_MAX; j++) {
        for (uint32_t i = 0; i < n; i++) {
            x[i] = t->iteration[rows[i]];
            y[i] = t->iterates[(size_t)rows[i] * t->width + j];
        }
        panel_series(ctx, r->m->cells.simplexes.names[j], n, x, y, NULL, NULL);
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static void emit_plot(struct qx_ctx *ctx, const struct report *r)
{
    panel_plot_open(ctx);
    trace_emit_panel(ctx, &r->trace, "log-likelihood without its constant");
    emit_points_panel(ctx, r);
    panel_plot_close(ctx);
}

/* ---- all ---- */

static qx_err fit_again(struct qx_ctx *ctx, struct report *r, uint64_t item, bool traced)
{
    (void)multinomial_start(r->m, ctx->seed, item);
    r->fit = multinomial_fit(r->m, traced ? trace_add : NULL, &r->trace);
    if (r->fit.end == FIT_CANCELLED)
        return QX_ERR_CANCELLED;
    return r->fit.end <= FIT_MAX_ITER ? QX_ERR_OK
                                      : qx_error(ctx, QX_ERR_TASK, "a fit did not end twice in the same way");
}

static qx_err report(struct qx_ctx *ctx, struct report *r)
{
    struct multinomial *m = r->m;
    uint64_t best = r->outcomes.best;
    /* item 0 is traced where the user said its start, unless it failed */
    bool trace_given = m->given && multinomial_start(m, ctx->seed, 0);
    r->traced = trace_given ? 0 : best;
    qx_err err = fit_again(ctx, r, r->traced, true);
    if (err == QX_ERR_OK && r->traced != best)
        err = fit_again(ctx, r, best, false);
    if (err != QX_ERR_OK)
        return err;
    (void)curvature_settle(&m->cells, m->point, r->zero);
    (void)cells_expect(&m->cells, m->point, m->drawn, &r->kernel);
    r->curvature = curvature_at(&m->cells, m->point, r->zero);
    if (r->curvature.kind == CURVATURE_NO_MEMORY)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    emit_head(ctx, r);
    outcomes_emit_counts(ctx, &r->outcomes);
    qx_emit_int(ctx, "went_down", (int64_t)r->outcomes.went_down);
    emit_estimates(ctx, r);
    emit_cells(ctx, r);
    outcomes_emit_maxima(ctx, &r->outcomes);
    emit_words(ctx, r);
    emit_iterates(ctx, r);
    emit_plot(ctx, r);
    return QX_ERR_OK;
}

qx_err multinomial_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    struct report r = {.m = state};
    uint64_t failed, n = qx_answer_items(ctx, answer, &failed);
    if (n == 0)
        return failed == 0 ? QX_ERR_OK
                           : qx_error(ctx, QX_ERR_TASK,
                                      "no start gave a fit: each lay on the boundary, or gave a cell with a "
                                      "count the probability 0; use another start= or more starts");
    qx_err err = outcomes_read(&r.outcomes, ctx, answer) &&
                         trace_init(&r.trace, r.m->cells.simplexes.n_params, snapshot, r.m)
                     ? report(ctx, &r)
                     : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    trace_fini(&r.trace);
    outcomes_fini(&r.outcomes);
    return err;
}
