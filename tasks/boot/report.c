/* report.c - the answer of boot: estimate, standard error, bias, and the intervals of Davison and Hinkley (1997, chapter
 * 5) and Efron (1987). */
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "boot/boot.h"
#include "boot/interval.h"

enum { BINS_MIN = 10, BINS_MAX = 60, SKETCH_POINTS = 4000, NOTE_BYTES = 512 };
static const double discrete_share = 0.05;

/* The resamples' values of one number. */
struct dist {
    const double *values; /* ascending */
    size_t n;             /* how many there are, or stand for them */
    double *owned;        /* points of a sketch */
};

struct end {
    double lower, upper;
};

struct result {
    double theta, mean, se, se_data; /* se_data: what studentized intervals are scaled with */
    double z0, acceleration, share_equal;
    struct dist dist, t;
    struct end ends[CI_COUNT];
    bool extreme, bca_undefined;
};

/* All values while the reducer holds them; beyond that a fine grid of its quantiles stands for them. */
static bool dist_open(struct qx_ctx *ctx, const struct qx_answer *a, uint32_t reducer, struct dist *ret)
{
    *ret = (struct dist){.owned = NULL};
    ret->values = qx_answer_data(ctx, a, reducer, QX_ANSWER_SORTED, &ret->n);
    if (ret->values)
        return true;
    ret->owned = malloc(SKETCH_POINTS * sizeof *ret->owned);
    for (int i = 0; ret->owned && i < SKETCH_POINTS; i++)
        ret->owned[i] = qx_answer_quantile(ctx, a, reducer, (i + 0.5) / SKETCH_POINTS, NULL);
    ret->values = ret->owned;
    ret->n = SKETCH_POINTS;
    return ret->owned != NULL;
}

/* ---- intervals ---- */

static struct end percentile_ends(struct result *r, const struct dist *d, double alpha)
{
    return (struct end){interval_quantile(d->values, d->n, alpha, &r->extreme),
                        interval_quantile(d->values, d->n, 1 - alpha, &r->extreme)};
}

static struct end bca_ends(struct result *r, double alpha)
{
    double lo = interval_bca_level(r->z0, r->acceleration, alpha),
           hi = interval_bca_level(r->z0, r->acceleration, 1 - alpha);
    r->bca_undefined = isnan(lo) || isnan(hi);
    return (struct end){interval_quantile(r->dist.values, r->dist.n, lo, &r->extreme),
                        interval_quantile(r->dist.values, r->dist.n, hi, &r->extreme)};
}

static struct end ends_of(struct result *r, enum boot_ci ci, double alpha)
{
    double z = gsl_cdf_ugaussian_Qinv(alpha), centre = 2 * r->theta - r->mean;
    struct end q;
    switch (ci) {
    case CI_NORMAL:
        return (struct end){centre - z * r->se, centre + z * r->se};
    case CI_BASIC:
        q = percentile_ends(r, &r->dist, alpha);
        return (struct end){2 * r->theta - q.upper, 2 * r->theta - q.lower};
    case CI_PERCENTILE:
        return percentile_ends(r, &r->dist, alpha);
    case CI_STUDENTIZED:
        q = percentile_ends(r, &r->t, alpha);
        return (struct end){r->theta - q.upper * r->se_data, r->theta - q.lower * r->se_data};
    case CI_BCA:
        return bca_ends(r, alpha);
    case CI_COUNT:
    default:
        return (struct end){NAN, NAN};
    }
}

/* z0 from the share strictly below the estimate (Efron 1987). Values that differ by rounding alone count as equal. */
static void place_estimate(struct result *r)
{
    size_t below, equal;
    double slack = 1e-10 * (isfinite(r->se) ? r->se : 0);
    interval_rank(r->dist.values, r->dist.n, r->theta, slack, &below, &equal);
    r->z0 = gsl_cdf_ugaussian_Pinv((double)below / (double)r->dist.n);
    r->share_equal = (double)equal / (double)r->dist.n;
}

static bool result_open(struct qx_ctx *ctx, struct boot *b, const struct qx_answer *a,
                        const struct jackknife *jack, uint32_t k, struct result *r)
{
    *r = (struct result){.theta = b->theta[k], .acceleration = jack->ok ? jack->acceleration[k] : NAN};
    r->mean = qx_answer_number(ctx, a, b->red_moments, QX_ANSWER_MEAN, k, k);
    r->se = sqrt(qx_answer_number(ctx, a, b->red_moments, QX_ANSWER_COV, k, k));
    r->se_data = b->nested ? r->se : b->se[k];
    bool studentized = b->wanted[CI_STUDENTIZED];
    if (!dist_open(ctx, a, b->red_theta[k], &r->dist) ||
        (studentized && !dist_open(ctx, a, b->red_t[k], &r->t)))
        return false;
    place_estimate(r);
    for (enum boot_ci ci = 0; ci < CI_COUNT; ci++) {
        if (b->wanted[ci])
            r->ends[ci] = ends_of(r, ci, (1 - b->conf) / 2);
    }
    return true;
}

static void result_close(struct result *r)
{
    free(r->dist.owned);
    free(r->t.owned);
}

/* ---- emission ---- */

static void emit_summary(struct qx_ctx *ctx, const struct boot *b, const struct jackknife *jack,
                         const struct result *r, uint32_t k)
{
    qx_emit_number(ctx, "estimate", r->theta);
    qx_emit_number(ctx, "se", r->se);
    qx_emit_number(ctx, "bias", r->mean - r->theta);
    if (!b->wanted[CI_BCA])
        return;
    qx_emit_number(ctx, "z0", r->z0);
    qx_emit_number(ctx, "acceleration", r->acceleration);
    qx_emit_number(ctx, "jackknife_se", jack->ok ? jack->se[k] : NAN);
}

static void emit_intervals(struct qx_ctx *ctx, const struct boot *b, const struct result *r, const char *name)
{
    for (int ci = 0; ci < CI_COUNT; ci++) {
        if (!b->wanted[ci])
            continue;
        qx_emit_open(ctx, NULL);
        if (name)
            qx_emit_text(ctx, "name", name);
        qx_emit_text(ctx, "method", boot_ci_names[ci]);
        qx_emit_number(ctx, "level", b->conf);
        qx_emit_number(ctx, "lower", r->ends[ci].lower);
        qx_emit_number(ctx, "upper", r->ends[ci].upper);
        qx_emit_close(ctx);
    }
}

static void emit_notes(struct qx_ctx *ctx, const struct boot *b, const struct result *r)
{
    char text[NOTE_BYTES];
    if (b->wanted[CI_BCA] && r->share_equal > discrete_share) {
        (void)snprintf(text, sizeof text,
                       "%.3g %% of the resamples give exactly the estimate: BCa is unsuitable for a "
                       "statistic that takes so few "
                       "values; use ci=percentile",
                       100 * r->share_equal);
        qx_emit_text(ctx, "warning", text);
    }
    if (b->wanted[CI_BCA] && r->bca_undefined)
        qx_emit_text(ctx, "bca_undefined",
                     "all resamples lie on one side of the estimate, or the statistic is undefined with a "
                     "row left out");
    if (r->extreme)
        qx_emit_text(ctx, "note",
                     "too few resamples for this level: an extreme resample is given as an end; raise n");
}

static void emit_mark(struct qx_ctx *ctx, const char *label, double at)
{
    if (!isfinite(at))
        return;
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "label", label);
    qx_emit_number(ctx, "at", at);
    qx_emit_close(ctx);
}

static void emit_marks(struct qx_ctx *ctx, const struct boot *b, const struct result *r)
{
    char label[40];
    int last = CI_COUNT - 1;
    while (last > 0 && !b->wanted[last])
        last--;
    qx_emit_list(ctx, "marks");
    emit_mark(ctx, "estimate", r->theta);
    (void)snprintf(label, sizeof label, "%s lower", boot_ci_names[last]);
    emit_mark(ctx, label, r->ends[last].lower);
    (void)snprintf(label, sizeof label, "%s upper", boot_ci_names[last]);
    emit_mark(ctx, label, r->ends[last].upper);
    qx_emit_close(ctx);
}

static void emit_counts(struct qx_ctx *ctx, const struct dist *d, double scale)
{
    if (!d->values || d->n == 0)
        return;
    double lo = d->values[0], hi = d->values[d->n - 1], cube = ceil(2 * cbrt((double)d->n));
    int bins = cube < BINS_MIN ? BINS_MIN : cube > BINS_MAX ? BINS_MAX : (int)cube;
    uint64_t counts[BINS_MAX] = {0};
    for (size_t i = 0; i < d->n; i++) {
        int bin = hi > lo ? (int)((d->values[i] - lo) / (hi - lo) * bins) : 0;
        counts[bin < bins ? bin : bins - 1]++;
    }
    qx_emit_number(ctx, "lo", lo);
    qx_emit_number(ctx, "hi", hi);
    qx_emit_list(ctx, "counts");
    for (int k = 0; k < bins; k++)
        qx_emit_int(ctx, NULL, (int64_t)(scale * (double)counts[k] + 0.5));
    qx_emit_close(ctx);
}

static void emit_histogram(struct qx_ctx *ctx, const struct boot *b, const struct result *r,
                           const char *title, const char *label, uint64_t n)
{
    qx_emit_text(ctx, "kind", "histogram");
    qx_emit_text(ctx, "title", title);
    qx_emit_text(ctx, "xlabel", label);
    emit_counts(ctx, &r->dist, r->dist.owned ? (double)n / (double)r->dist.n : 1);
    emit_marks(ctx, b, r);
}

/* A histogram; of several numbers, a panel for each. */
static void emit_plot(struct qx_ctx *ctx, const struct boot *b, const struct result *r, uint64_t n)
{
    char title[200], label[120];
    (void)snprintf(title, sizeof title, "%llu bootstrap resamples of %.100s", (unsigned long long)n, b->spec);
    (void)snprintf(label, sizeof label, "%.100s", b->spec);
    qx_emit_open(ctx, "plot");
    if (b->stat.n_theta == 1) {
        emit_histogram(ctx, b, r, title, label, n);
        qx_emit_close(ctx);
        return;
    }
    qx_emit_text(ctx, "kind", "panels");
    qx_emit_text(ctx, "title", title);
    qx_emit_list(ctx, "panels");
    for (uint32_t k = 0; k < b->stat.n_theta; k++) {
        qx_emit_open(ctx, NULL);
        emit_histogram(ctx, b, &r[k], b->stat.names[k], b->stat.names[k], n);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static void emit_head(struct qx_ctx *ctx, const struct boot *b, uint64_t n)
{
    qx_emit_text(ctx, "statistic", b->spec);
    if (b->stat.text[0])
        qx_emit_text(ctx, "meaning", b->stat.text);
    qx_emit_int(ctx, "rows", b->data.n);
    if (b->data.n_strata > 1)
        qx_emit_int(ctx, "strata", b->data.n_strata);
    qx_emit_int(ctx, "n", (int64_t)n);
}

static void emit_one(struct qx_ctx *ctx, const struct boot *b, const struct jackknife *jack,
                     const struct result *r, uint64_t n)
{
    emit_head(ctx, b, n);
    emit_summary(ctx, b, jack, r, 0);
    qx_emit_list(ctx, "intervals");
    emit_intervals(ctx, b, r, NULL);
    qx_emit_close(ctx);
    emit_notes(ctx, b, r);
    emit_plot(ctx, b, r, n);
}

static void emit_many(struct qx_ctx *ctx, const struct boot *b, const struct jackknife *jack,
                      const struct result *r, uint64_t n)
{
    struct result any = {.extreme = false};
    emit_head(ctx, b, n);
    qx_emit_list(ctx, "coefficients");
    for (uint32_t k = 0; k < b->stat.n_theta; k++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", b->stat.names[k]);
        emit_summary(ctx, b, jack, &r[k], k);
        qx_emit_close(ctx);
        any.extreme = any.extreme || r[k].extreme;
        any.bca_undefined = any.bca_undefined || r[k].bca_undefined;
        any.share_equal = fmax(any.share_equal, r[k].share_equal);
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "intervals");
    for (uint32_t k = 0; k < b->stat.n_theta; k++)
        emit_intervals(ctx, b, &r[k], b->stat.names[k]);
    qx_emit_close(ctx);
    emit_notes(ctx, b, &any);
    emit_plot(ctx, b, r, n);
}

qx_err boot_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    struct boot *b = state;
    struct jackknife jack = {.ok = false};
    struct result results[STAT_THETA_MAX] = {{0}};
    uint64_t failed, n = qx_answer_items(ctx, answer, &failed);
    uint32_t p = b->stat.n_theta, k = 0;
    if (n == 0)
        return failed == 0
                   ? QX_ERR_OK
                   : qx_error(ctx, QX_ERR_TASK, "%.80s is undefined on every resample drawn", b->spec);
    if (b->wanted[CI_BCA])
        boot_jackknife(b, &jack);
    for (; k < p; k++) {
        if (!result_open(ctx, b, answer, &jack, k, &results[k]))
            break;
    }
    bool ok = k == p;
    if (ok && p == 1)
        emit_one(ctx, b, &jack, results, n);
    else if (ok)
        emit_many(ctx, b, &jack, results, n);
    for (uint32_t i = 0; i < p && i < k + 1; i++)
        result_close(&results[i]);
    return ok ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}
