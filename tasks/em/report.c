/* report.c - the answer of em.mixture: the best fit, run once more with its trace. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em/em.h"
#include "em/information.h"
#include "em/outcome.h"
#include "em/trace.h"
#include "shared/panel.h"

enum { PLOT_POINTS = 300, PANELS_MAX = 8, BINS_MAX = 100, FILE_BYTES_MAX = 12 << 20, LABEL_BYTES = 160 };
static const double few_rows = 5;

struct report {
    struct em *e;
    struct outcomes outcomes;
    struct fit fit;
    struct trace trace;
    struct mixture se;
    enum information info;
    bool has_se;
};

static uint32_t iterate_numbers(struct shape s)
{
    return s.k * (1 + 2 * s.p);
}

static double sd_of(const struct mixture *m, uint32_t c, uint32_t i)
{
    uint32_t p = m->shape.p;
    return sqrt(m->cov[(size_t)c * p * p + i * p + i]);
}

/* An iterate: weights, means, standard deviations. */
static void snapshot(const void *model, double *to)
{
    const struct mixture *m = model;
    uint32_t k = m->shape.k, p = m->shape.p;
    for (uint32_t c = 0; c < k; c++)
        *to++ = m->lambda[c];
    for (uint32_t i = 0; i < k * p; i++)
        *to++ = m->mean[i];
    for (uint32_t i = 0; i < k * p; i++)
        *to++ = sd_of(m, i / p, i % p);
}

/* Components in order of their means, by the first column in which they differ. */
static int order(const struct mixture *m, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < m->shape.p; i++) {
        double x = m->mean[(size_t)a * m->shape.p + i], y = m->mean[(size_t)b * m->shape.p + i];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static void swap_numbers(double *v, size_t size, uint32_t a, uint32_t b)
{
    for (size_t i = 0; i < size; i++) {
        double t = v[a * size + i];
        v[a * size + i] = v[b * size + i];
        v[b * size + i] = t;
    }
}

static void sort_components(struct mixture *m)
{
    size_t p = m->shape.p;
    for (uint32_t c = 1; c < m->shape.k; c++) {
        for (uint32_t b = c; b > 0 && order(m, b, b - 1) < 0; b--) {
            swap_numbers(m->lambda, 1, b, b - 1);
            swap_numbers(m->mean, p, b, b - 1);
            swap_numbers(m->cov, p * p, b, b - 1);
        }
    }
}

/* ---- emission ---- */

static void emit_estimate(struct qx_ctx *ctx, uint32_t c, const char *term, double estimate, double se)
{
    qx_emit_open(ctx, NULL);
    qx_emit_int(ctx, "component", c + 1);
    qx_emit_text(ctx, "term", term);
    qx_emit_number(ctx, "estimate", estimate);
    qx_emit_number(ctx, "se", se);
    qx_emit_close(ctx);
}

/* "mean", or "mean x" where there are several columns. */
static const char *label(const struct em *e, const char *what, uint32_t i, char ret[LABEL_BYTES])
{
    if (e->shape.p == 1)
        (void)snprintf(ret, LABEL_BYTES, "%s", what);
    else
        (void)snprintf(ret, LABEL_BYTES, "%s %.60s", what, e->names[i]);
    return ret;
}

static void emit_components(struct qx_ctx *ctx, const struct report *r)
{
    const struct em *e = r->e;
    const struct mixture *m = &e->mix;
    char name[LABEL_BYTES];
    qx_emit_list(ctx, "components");
    for (uint32_t c = 0; c < m->shape.k; c++) {
        qx_emit_open(ctx, NULL);
        qx_emit_int(ctx, "component", c + 1);
        qx_emit_number(ctx, "lambda", m->lambda[c]);
        for (uint32_t i = 0; i < m->shape.p; i++)
            qx_emit_number(ctx, label(e, "mean", i, name), m->mean[(size_t)c * m->shape.p + i]);
        for (uint32_t i = 0; i < m->shape.p; i++)
            qx_emit_number(ctx, label(e, "sd", i, name), sd_of(m, c, i));
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

/* The standard error of a standard deviation is that of the variance by the delta method. */
static void emit_estimates(struct qx_ctx *ctx, const struct report *r)
{
    const struct em *e = r->e;
    const struct mixture *m = &e->mix;
    uint32_t p = m->shape.p;
    char name[LABEL_BYTES];
    qx_emit_list(ctx, "estimates");
    for (uint32_t c = 0; c < m->shape.k; c++) {
        const double *se_cov = r->se.cov + (size_t)c * p * p, *cov = m->cov + (size_t)c * p * p;
        emit_estimate(ctx, c, "lambda", m->lambda[c], r->has_se ? r->se.lambda[c] : NAN);
        for (uint32_t i = 0; i < p; i++)
            emit_estimate(ctx, c, label(e, "mean", i, name), m->mean[(size_t)c * p + i],
                          r->has_se ? r->se.mean[(size_t)c * p + i] : NAN);
        for (uint32_t i = 0; i < p; i++)
            emit_estimate(ctx, c, label(e, "sd", i, name), sd_of(m, c, i),
                          r->has_se ? se_cov[i * p + i] / (2 * sd_of(m, c, i)) : NAN);
        for (uint32_t i = 1; i < p && !m->shape.diagonal; i++) {
            for (uint32_t j = 0; j < i; j++) {
                (void)snprintf(name, sizeof name, "cov %.60s %.60s", e->names[j], e->names[i]);
                emit_estimate(ctx, c, name, cov[i * p + j], r->has_se ? se_cov[i * p + j] : NAN);
            }
        }
    }
    qx_emit_close(ctx);
}

static void emit_iterates(struct qx_ctx *ctx, const struct report *r)
{
    static const char *const what[] = {"lambda", "mu", "sd"};
    const struct shape s = r->e->shape;
    const double *v = r->trace.iterates;
    char name[LABEL_BYTES];
    if (!r->e->want_trace)
        return;
    qx_emit_list(ctx, "iterates");
    for (uint32_t i = 0; i < r->trace.n; i++) {
        qx_emit_open(ctx, NULL);
        qx_emit_int(ctx, "iteration", r->trace.iteration[i]);
        qx_emit_number(ctx, "loglik", r->trace.loglik[i]);
        for (int w = 0; w < 3; w++) {
            uint32_t columns = w == 0 ? 1 : s.p;
            for (uint32_t q = 0; q < s.k * columns; q++) {
                int len = snprintf(name, sizeof name, "%s%u", what[w], q / columns + 1);
                if (columns > 1)
                    (void)snprintf(name + len, sizeof name - (size_t)len, " %.60s", r->e->names[q % columns]);
                qx_emit_number(ctx, name, *v++);
            }
        }
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static void emit_head(struct qx_ctx *ctx, const struct report *r)
{
    const struct em *e = r->e;
    double q = mixture_parameters(e->shape), n = e->data.n;
    qx_emit_int(ctx, "rows", e->data.n);
    if (e->dropped > 0)
        qx_emit_int(ctx, "rows_dropped", (int64_t)e->dropped);
    qx_emit_int(ctx, "k", e->shape.k);
    qx_emit_number(ctx, "loglik", r->fit.loglik);
    qx_emit_int(ctx, "parameters", (int64_t)q);
    qx_emit_number(ctx, "aic", 2 * q - 2 * r->fit.loglik);
    qx_emit_number(ctx, "bic", q * log(n) - 2 * r->fit.loglik);
    qx_emit_int(ctx, "iterations", r->fit.iterations);
}

static void emit_warnings(struct qx_ctx *ctx, const struct report *r)
{
    const struct em *e = r->e;
    bool small = false;
    for (uint32_t c = 0; c < e->shape.k; c++)
        small = small || e->mix.lambda[c] * e->data.n < few_rows + e->shape.p;
    if (r->fit.end != FIT_CONVERGED && e->opt.tol > 0)
        qx_emit_text(ctx, "warning", "the best fit stopped at max_iter before it had converged");
    if (small)
        qx_emit_text(ctx, "warning_few_rows",
                     "a component rests on a handful of rows: the likelihood of normal mixtures has spurious "
                     "maxima there; compare equal=yes or a smaller k");
    outcomes_emit_warning(ctx, &r->outcomes);
    if (e->want_errors && !r->has_se)
        qx_emit_text(
            ctx, "note",
            r->info == INFORMATION_NO_MAXIMUM
                ? "no standard errors: the observed information is not positive definite, so this is "
                  "not a proper maximum"
                : "no standard errors: too many parameters for the information matrix");
    if (e->want_trace && r->trace.each > 1)
        qx_emit_text(ctx, "note_trace", "of the iterates evenly spaced ones and the last are shown");
}

/* ---- the picture ---- */

static double normal_density(double x, double mean, double sd)
{
    double z = (x - mean) / sd;
    return 0.39894228040143267794 / sd * exp(-0.5 * z * z);
}

/* The density of column i at x: of component c, or of all for c = k. */
static double marginal(const struct mixture *m, uint32_t i, uint32_t c, double x)
{
    double sum = 0;
    for (uint32_t b = 0; b < m->shape.k; b++) {
        if (b == c || c == m->shape.k)
            sum += m->lambda[b] * normal_density(x, m->mean[(size_t)b * m->shape.p + i], sd_of(m, b, i));
    }
    return sum;
}

static void emit_bins(struct qx_ctx *ctx, const struct rows *d, uint32_t i, double lo, double hi)
{
    double edges[BINS_MAX + 1], counts[BINS_MAX] = {0};
    int bins = panel_bins(d->n, BINS_MAX);
    for (uint32_t r = 0; r < d->n; r++) {
        int bin = (int)((d->x[(size_t)r * d->p + i] - lo) / (hi - lo) * bins);
        counts[bin < bins ? bin : bins - 1]++;
    }
    for (int b = 0; b <= bins; b++)
        edges[b] = lo + (hi - lo) * b / bins;
    panel_numbers(ctx, "edges", edges, (size_t)bins + 1);
    panel_numbers(ctx, "counts", counts, (size_t)bins);
}

static void emit_density(struct qx_ctx *ctx, const struct mixture *m, uint32_t i, uint32_t c, double lo,
                         double hi)
{
    double x[PLOT_POINTS], y[PLOT_POINTS];
    char name[LABEL_BYTES];
    for (int q = 0; q < PLOT_POINTS; q++) {
        x[q] = lo + (hi - lo) * q / (PLOT_POINTS - 1);
        y[q] = marginal(m, i, c, x[q]);
    }
    (void)snprintf(name, sizeof name, c == m->shape.k ? "mixture" : "component %u", c + 1);
    panel_series(ctx, name, PLOT_POINTS, x, y, NULL, NULL);
}

static void emit_column_panel(struct qx_ctx *ctx, const struct em *e, uint32_t i)
{
    const struct rows *d = &e->data;
    double lo = d->x[i], hi = lo;
    char title[LABEL_BYTES];
    for (uint32_t r = 0; r < d->n; r++) {
        lo = fmin(lo, d->x[(size_t)r * d->p + i]);
        hi = fmax(hi, d->x[(size_t)r * d->p + i]);
    }
    (void)snprintf(title, sizeof title, "%.60s: %u rows, %u components", e->names[i], d->n, e->shape.k);
    panel_open(ctx, "histogram", title, e->names[i], "density");
    emit_bins(ctx, d, i, lo, hi);
    qx_emit_list(ctx, "series");
    emit_density(ctx, &e->mix, i, e->shape.k, lo, hi);
    for (uint32_t c = 0; c < e->shape.k && e->shape.k > 1; c++)
        emit_density(ctx, &e->mix, i, c, lo, hi);
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    for (uint32_t c = 0; c < e->shape.k; c++) {
        (void)snprintf(title, sizeof title, "mean %u", c + 1);
        panel_mark(ctx, "x", e->mix.mean[(size_t)c * e->shape.p + i], title, "estimate");
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static void emit_plot(struct qx_ctx *ctx, const struct report *r)
{
    panel_plot_open(ctx);
    for (uint32_t i = 0; i < r->e->shape.p && i < PANELS_MAX; i++)
        emit_column_panel(ctx, r->e, i);
    trace_emit_panel(ctx, &r->trace, "log-likelihood of the best fit");
    panel_plot_close(ctx);
}

/* ---- posterior.csv ---- */

/* Appends to a text that has room. */
static char *put(char *at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static char *put(char *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is started above */
    at += vsprintf(at, fmt, ap);
    va_end(ap);
    return at;
}

static void posterior_text(struct em *e, char *at)
{
    double w[MIXTURE_K_MAX];
    uint32_t k = e->shape.k, p = e->shape.p;
    at = put(at, "row");
    for (uint32_t c = 0; c < k; c++)
        at = put(at, ",p%u", c + 1);
    at = put(at, ",component\n");
    for (uint32_t r = 0; r < e->data.n; r++) {
        uint32_t best = 0;
        (void)sums_posterior(&e->sums, &e->mix, e->data.x + (size_t)r * p, w);
        at = put(at, "%u", r + 1);
        for (uint32_t c = 0; c < k; c++) {
            at = put(at, ",%.9g", w[c]);
            best = w[c] > w[best] ? c : best;
        }
        at = put(at, ",%u\n", best + 1);
    }
}

static qx_err emit_posterior(struct qx_ctx *ctx, struct em *e)
{
    size_t bytes = ((size_t)e->data.n + 1) * (32 + 20 * (size_t)e->shape.k);
    if (!e->want_posterior)
        return QX_ERR_OK;
    if (bytes > FILE_BYTES_MAX) {
        qx_emit_text(ctx, "note_posterior", "posterior.csv would be too large and was left out");
        return QX_ERR_OK;
    }
    char *text = malloc(bytes);
    if (!text)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    (void)sums_prepare(&e->sums, &e->mix, &e->data, 0);
    posterior_text(e, text);
    qx_emit_list(ctx, "files");
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "name", "posterior.csv");
    qx_emit_text(ctx, "text", text);
    qx_emit_close(ctx);
    qx_emit_close(ctx);
    free(text);
    return QX_ERR_OK;
}

/* ---- all ---- */

static qx_err emit_all(struct qx_ctx *ctx, struct report *r)
{
    emit_head(ctx, r);
    outcomes_emit_counts(ctx, &r->outcomes);
    emit_components(ctx, r);
    emit_estimates(ctx, r);
    outcomes_emit_maxima(ctx, &r->outcomes);
    emit_warnings(ctx, r);
    emit_iterates(ctx, r);
    emit_plot(ctx, r);
    return emit_posterior(ctx, r->e);
}

/* Fits the best start once more and tells what it finds. */
static qx_err report(struct qx_ctx *ctx, struct report *r)
{
    struct em *e = r->e;
    r->fit = em_fit(e, ctx->seed, r->outcomes.best, trace_add, &r->trace);
    if (r->fit.end == FIT_CANCELLED)
        return QX_ERR_CANCELLED;
    if (r->fit.end > FIT_MAX_ITER)
        return qx_error(ctx, QX_ERR_TASK, "the best fit did not end twice in the same way");
    sort_components(&e->mix);
    r->info = INFORMATION_NO_MEMORY;
    if (e->want_errors && mixture_parameters(e->shape) <= INFORMATION_MAX)
        r->info = information_errors(&e->mix, &e->data, &r->se);
    r->has_se = r->info == INFORMATION_OK;
    return emit_all(ctx, r);
}

qx_err em_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    struct em *e = state;
    struct report r = {.e = e};
    uint64_t failed, n = qx_answer_items(ctx, answer, &failed);
    if (n == 0)
        return failed == 0
                   ? QX_ERR_OK
                   : qx_error(ctx, QX_ERR_TASK,
                              "no start gave a fit: in each a component shrank to a point or lost its "
                              "rows; use a smaller k, equal=yes or more starts");
    qx_err err =
        outcomes_read(&r.outcomes, ctx, answer) && mixture_init(&r.se, e->shape) &&
                trace_init(&r.trace, e->want_trace ? iterate_numbers(e->shape) : 0, snapshot, &e->mix)
            ? report(ctx, &r)
            : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    trace_fini(&r.trace);
    mixture_fini(&r.se);
    outcomes_fini(&r.outcomes);
    return err;
}
