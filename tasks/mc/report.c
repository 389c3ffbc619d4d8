/* report.c - the answer of mc.integrate. */
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mc/job.h"
#include "shared/panel.h"

enum { WARN_ITEMS = 1000, NUMBER_BYTES = 32 };
static const double warn_share = 0.1, disagree_p = 0.001;

/* What finish() works on. */
struct report {
    const struct mc_job *s;
    const struct qx_answer *answer;
    uint64_t n, failed;
    struct estimates now; /* what is answered */
    struct control_fit fit;
    double chi2[FUNCTIONS_MAX]; /* of MC_VEGAS */
    uint32_t combined;          /* rounds in it */
    bool heavy;                 /* one value makes up much of a variance */
};

/* ---- estimates ---- */

/* One value that makes up much of the variance: the standard error rests on luck then, as where the variance is infinite. */
static bool is_heavy_tailed(struct qx_ctx *ctx, const struct report *r, uint32_t k, double mean, double var)
{
    double up = qx_answer_number(ctx, r->answer, MC_RED_EXTREMES, QX_ANSWER_MAX, k, 0) - mean;
    double down = mean - qx_answer_number(ctx, r->answer, MC_RED_EXTREMES, QX_ANSWER_MIN, k, 0);
    double far = up > down ? up : down, n = (double)r->n;
    return n >= WARN_ITEMS && var > 0 && far * far > warn_share * (n - 1) * var;
}

static void from_moments(struct qx_ctx *ctx, struct report *r)
{
    uint32_t k = r->s->f.n, c = r->s->control.n, width = k + c;
    double mean[COLUMNS_OF_MOMENTS] = {0}, cov[COLUMNS_OF_MOMENTS * COLUMNS_OF_MOMENTS] = {0},
           n = (double)r->n;
    for (uint32_t i = 0; i < width; i++) {
        mean[i] = qx_answer_number(ctx, r->answer, MC_RED_MOMENTS, QX_ANSWER_MEAN, i, 0);
        for (uint32_t j = 0; j < width; j++)
            cov[i * width + j] = qx_answer_number(ctx, r->answer, MC_RED_MOMENTS, QX_ANSWER_COV, i, j);
    }
    for (uint32_t i = 0; i < k; i++)
        r->heavy = r->heavy || is_heavy_tailed(ctx, r, i, mean[i], cov[i * width + i]);
    if (c > 0) {
        control_regress(k, c, n, mean, cov, r->s->control_mean, &r->fit, &r->now);
        return;
    }
    r->now = (struct estimates){.k = k, .df = n - 1};
    for (uint32_t i = 0; i < k; i++) {
        r->now.value[i] = mean[i];
        for (uint32_t j = 0; j < k; j++)
            r->now.cov[i][j] = cov[i * k + j] / n;
    }
}

/* The means of the replicates are a sample of their own. */
static void from_replicates(struct qx_ctx *ctx, struct report *r)
{
    uint32_t k = r->s->f.n, m = r->s->replicates;
    double mean[SOBOL_COLUMNS_MAX] = {0};
    for (uint32_t i = 0; i < m * k; i++)
        mean[i] = qx_answer_number(ctx, r->answer, MC_RED_SUMS, QX_ANSWER_SUM, i, 0) / (double)r->n;
    r->now = (struct estimates){.k = k, .df = m - 1};
    for (uint32_t i = 0; i < k; i++) {
        for (uint32_t q = 0; q < m; q++)
            r->now.value[i] += mean[q * k + i] / m;
    }
    for (uint32_t i = 0; i < k; i++) {
        for (uint32_t j = 0; j < k; j++) {
            for (uint32_t q = 0; q < m; q++)
                r->now.cov[i][j] += (mean[q * k + i] - r->now.value[i]) * (mean[q * k + j] - r->now.value[j]);
            r->now.cov[i][j] /= (double)m * (m - 1);
        }
    }
}

static void from_rounds(struct qx_ctx *ctx, struct report *r)
{
    const struct mc_rounds *v = &r->s->rounds;
    from_moments(ctx, r);
    vegas_round_pack(&r->now, v->past + (size_t)v->round * vegas_round_numbers(r->s->f.n));
    if (v->round < v->skip)
        return;
    r->combined = v->round + 1 - v->skip;
    double df = r->now.df * r->combined;
    vegas_combine(v->past, v->round + 1, v->skip, r->s->f.n, &r->now, r->chi2);
    r->now.df = df;
}

/* ---- emission ---- */

static void emit_format(struct qx_ctx *ctx, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void emit_format(struct qx_ctx *ctx, const char *name, const char *fmt, ...)
{
    char text[320];
    va_list ap;
    va_start(ap, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is started above */
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    qx_emit_text(ctx, name, text);
}

static void emit_estimate(struct qx_ctx *ctx, const struct report *r, uint32_t k)
{
    double value = r->now.value[k], se = sqrt(r->now.cov[k][k]);
    double t = r->now.df > 0 ? gsl_cdf_tdist_Pinv(0.5 + r->s->conf / 2, r->now.df) : NAN;
    qx_emit_number(ctx, "estimate", value);
    qx_emit_number(ctx, "se", se);
    qx_emit_number(ctx, "lower", value - t * se);
    qx_emit_number(ctx, "upper", value + t * se);
}

/* Kish's: how many equal weights would be as good; of values that change sign less than that. */
static void emit_weights(struct qx_ctx *ctx, const struct report *r, uint32_t k)
{
    double mean = qx_answer_number(ctx, r->answer, MC_RED_MOMENTS, QX_ANSWER_MEAN, k, 0);
    double var = qx_answer_number(ctx, r->answer, MC_RED_MOMENTS, QX_ANSWER_COV, k, k), n = (double)r->n;
    qx_emit_number(ctx, "ess", n * mean * mean / (mean * mean + var * (n - 1) / n));
}

static void emit_extra(struct qx_ctx *ctx, const struct report *r, uint32_t k)
{
    if (r->s->control.n > 0)
        qx_emit_number(ctx, "r2", r->fit.r2[k]);
    if (!r->s->chart.is_uniform && r->s->method != MC_SOBOL)
        emit_weights(ctx, r, k);
    if (r->combined > 1)
        qx_emit_number(ctx, "chi2_dof", r->chi2[k] / (r->combined - 1));
}

static void emit_estimates(struct qx_ctx *ctx, const struct report *r)
{
    if (r->now.k == 1) {
        emit_estimate(ctx, r, 0);
        qx_emit_number(ctx, "conf", r->s->conf);
        emit_extra(ctx, r, 0);
        return;
    }
    qx_emit_list(ctx, "estimates");
    for (uint32_t k = 0; k < r->now.k; k++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "function", r->s->f.text[k]);
        emit_estimate(ctx, r, k);
        emit_extra(ctx, r, k);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "covariance");
    for (uint32_t k = 0; k < r->now.k; k++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "function", r->s->f.text[k]);
        qx_emit_list(ctx, "covariances");
        for (uint32_t j = 0; j < r->now.k; j++)
            qx_emit_number(ctx, NULL, r->now.cov[k][j]);
        qx_emit_close(ctx);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
    qx_emit_number(ctx, "conf", r->s->conf);
}

static void emit_controls(struct qx_ctx *ctx, const struct report *r)
{
    const struct mc_job *s = r->s;
    bool aliased = false;
    if (s->control.n == 0)
        return;
    qx_emit_list(ctx, "controls");
    for (uint32_t i = 0; i < s->control.n; i++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "control", s->control.text[i]);
        qx_emit_number(ctx, "mean", s->control_mean[i]);
        qx_emit_number(ctx, "sample_mean",
                       qx_answer_number(ctx, r->answer, MC_RED_MOMENTS, QX_ANSWER_MEAN, s->f.n + i, 0));
        for (uint32_t k = 0; k < s->f.n; k++) {
            char name[24];
            (void)snprintf(name, sizeof name, s->f.n == 1 ? "beta" : "beta_%u", k + 1);
            qx_emit_number(ctx, name, r->fit.beta[i][k]);
        }
        qx_emit_close(ctx);
        aliased = aliased || r->fit.aliased[i];
    }
    qx_emit_close(ctx);
    if (aliased)
        qx_emit_text(
            ctx, "note",
            "a control that is constant or a combination of those before it was left out: its beta is 0");
}

static void emit_rounds(struct qx_ctx *ctx, const struct report *r)
{
    const struct mc_rounds *v = &r->s->rounds;
    if (r->s->method != MC_VEGAS)
        return;
    qx_emit_int(ctx, "rounds", v->round + 1);
    qx_emit_list(ctx, "per_round");
    for (uint32_t i = 0; i <= v->round; i++) {
        struct estimates e;
        vegas_round_unpack(v->past + (size_t)i * vegas_round_numbers(r->s->f.n), r->s->f.n, &e);
        qx_emit_open(ctx, NULL);
        qx_emit_int(ctx, "round", i + 1);
        qx_emit_number(ctx, "estimate", e.value[0]);
        qx_emit_number(ctx, "se", sqrt(e.cov[0][0]));
        qx_emit_text(ctx, "counts", i < v->skip && v->round >= v->skip ? "no" : "yes");
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static void emit_warnings(struct qx_ctx *ctx, const struct report *r)
{
    if (r->heavy)
        qx_emit_text(ctx, "warning",
                     "one value makes up more than a tenth of the variance: the variance may be infinite or "
                     "n too small, "
                     "and then the standard error and the interval cannot be trusted");
    if (r->failed > 0)
        emit_format(
            ctx, "warning_not_finite",
            "not the integral asked for: the function has no finite value for %.3g %% of the items, and "
            "the estimate is the volume times the mean over the others",
            100.0 * (double)r->failed / (double)(r->failed + r->n));
    for (uint32_t k = 0; k < r->now.k && r->combined > 1; k++) {
        if (gsl_cdf_chisq_Q(r->chi2[k], r->combined - 1) < disagree_p) {
            emit_format(
                ctx, "warning_rounds",
                "the rounds disagree by more than their errors allow (p < %g): the grid has not settled or "
                "misses a peak; the standard error is too small. Raise n or skip",
                disagree_p);
            break;
        }
    }
    if (r->s->method == MC_SOBOL && (r->n & (r->n - 1)))
        qx_emit_text(ctx, "note", "the points are most even where n is a power of two");
}

/* ---- the picture of the rounds ---- */

static void emit_plot(struct qx_ctx *ctx, const struct report *r)
{
    const struct mc_rounds *v = &r->s->rounds;
    double x[VEGAS_ROUNDS_MAX], y[VEGAS_ROUNDS_MAX], lower[VEGAS_ROUNDS_MAX], upper[VEGAS_ROUNDS_MAX];
    double z = gsl_cdf_ugaussian_Pinv(0.5 + r->s->conf / 2);
    char title[256];
    if (r->s->method != MC_VEGAS || v->round == 0)
        return;
    for (uint32_t i = 0; i <= v->round; i++) {
        struct estimates e;
        vegas_round_unpack(v->past + (size_t)i * vegas_round_numbers(r->s->f.n), r->s->f.n, &e);
        x[i] = i + 1;
        y[i] = e.value[0];
        lower[i] = y[i] - z * sqrt(e.cov[0][0]);
        upper[i] = y[i] + z * sqrt(e.cov[0][0]);
    }
    (void)snprintf(title, sizeof title, "rounds of vegas: %.200s", r->s->f.text[0]);
    panel_plot_open(ctx);
    panel_open(ctx, "points", title, "round", "integral");
    qx_emit_list(ctx, "series");
    panel_series(ctx, "rounds", v->round + 1, x, y, lower, upper);
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    panel_mark(ctx, "y", r->now.value[0], "estimate", "estimate");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
    panel_plot_close(ctx);
}

/* ---- the next round ---- */

static void emit_numbers(struct qx_ctx *ctx, const char *name, const double *v, size_t n, char *text)
{
    char *at = text;
    *at = '\0';
    for (size_t i = 0; i < n; i++)
        at += snprintf(at, NUMBER_BYTES, "%s%.17g", i ? "," : "", v[i]);
    qx_emit_text(ctx, name, text);
}

/* The grid that this round's squares make, as a list of inner edges. */
static bool next_grid(struct qx_ctx *ctx, const struct report *r, double *ret)
{
    struct vegas_grid g;
    const struct vegas_grid *old = &r->s->rounds.grid;
    size_t n = (size_t)old->dim * old->bins;
    double *squares = malloc(n * sizeof *squares);
    bool ok = vegas_grid_init(&g, old->dim, old->bins) && squares;
    if (ok) {
        memcpy(g.edge, old->edge, (size_t)g.dim * (g.bins + 1) * sizeof *g.edge);
        for (size_t i = 0; i < n; i++)
            squares[i] = qx_answer_number(ctx, r->answer, MC_RED_SQUARES, QX_ANSWER_SUM, (uint32_t)i, 0);
        ok = vegas_grid_refine(&g, squares, r->s->rounds.alpha);
    }
    for (uint32_t j = 0; ok && j < g.dim; j++) {
        for (uint32_t b = 1; b < g.bins; b++)
            *ret++ = g.edge[(size_t)j * (g.bins + 1) + b];
    }
    free(squares);
    vegas_grid_fini(&g);
    return ok;
}

static qx_err emit_next(struct qx_ctx *ctx, const struct report *r)
{
    const struct mc_rounds *v = &r->s->rounds;
    size_t n_grid = (size_t)v->grid.dim * (v->grid.bins - 1);
    size_t n_past = (size_t)(v->round + 1) * vegas_round_numbers(r->s->f.n);
    if (r->s->method != MC_VEGAS || v->round + 1 >= v->rounds)
        return QX_ERR_OK;
    double *grid = malloc(n_grid * sizeof *grid);
    char *text = malloc((n_grid > n_past ? n_grid : n_past) * NUMBER_BYTES + 1);
    bool ok = grid && text && next_grid(ctx, r, grid);
    if (ok) {
        qx_emit_open(ctx, "next");
        qx_emit_open(ctx, "params");
        (void)snprintf(text, NUMBER_BYTES, "%u", v->round + 1);
        qx_emit_text(ctx, "round", text);
        emit_numbers(ctx, "grid", grid, n_grid, text);
        emit_numbers(ctx, "past", v->past, n_past, text);
        qx_emit_close(ctx);
        qx_emit_int(ctx, "n", (int64_t)(r->n + r->failed));
        emit_format(ctx, "why", "round %u of %u, on a finer grid", v->round + 2, v->rounds);
        qx_emit_close(ctx);
    }
    free(grid);
    free(text);
    return ok ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

qx_err mc_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    const struct mc_job *s = state;
    struct report r = {.s = s, .answer = answer};
    r.n = qx_answer_items(ctx, answer, &r.failed);
    if (r.n == 0 && r.failed > 0)
        return qx_error(ctx, QX_ERR_TASK, "the integrand has no finite value at any of the points drawn");
    if (s->method == MC_SOBOL)
        from_replicates(ctx, &r);
    else if (s->method == MC_VEGAS)
        from_rounds(ctx, &r);
    else
        from_moments(ctx, &r);
    emit_estimates(ctx, &r);
    qx_emit_int(ctx, "n", (int64_t)r.n);
    uint64_t rounds = s->method == MC_VEGAS ? s->rounds.round + 1 : 1;
    qx_emit_int(ctx, "evaluations", (int64_t)((r.n + r.failed) * mc_points_per_item(s) * rounds));
    qx_emit_text(ctx, "method", mc_method_names[s->method]);
    if (s->method == MC_SOBOL)
        qx_emit_int(ctx, "replicates", s->replicates);
    emit_controls(ctx, &r);
    emit_rounds(ctx, &r);
    emit_warnings(ctx, &r);
    emit_plot(ctx, &r);
    return emit_next(ctx, &r);
}
