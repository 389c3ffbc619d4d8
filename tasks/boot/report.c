/* report.c - the answer of boot: estimate, standard error, bias, and the intervals of Davison and Hinkley (1997, chapter
 * 5) and Efron (1987). */
#include "boot/report.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/abc.h"
#include "boot/interval.h"
#include "shared/panel.h"

enum { BINS_MAX = 60, NOTE_BYTES = 512 };
static const double discrete_share = 0.05, undefined_share = 1e-12;

/* ---- intervals ---- */

static struct end percentile_ends(struct result *r, const struct dist_values *d, double alpha)
{
    return (struct end){dist_quantile(d, alpha, &r->extreme), dist_quantile(d, 1 - alpha, &r->extreme)};
}

static struct end bca_ends(struct result *r, double alpha)
{
    double lo = interval_bca_level(r->z0, r->acceleration, alpha),
           hi = interval_bca_level(r->z0, r->acceleration, 1 - alpha);
    r->bca_undefined = isnan(lo) || isnan(hi);
    return (struct end){dist_quantile(&r->dist, lo, &r->extreme), dist_quantile(&r->dist, hi, &r->extreme)};
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
    case CI_ABC: /* not from resamples: add_abc() */
    case CI_COUNT:
    default:
        return (struct end){NAN, NAN};
    }
}

static bool add_abc(const struct boot *b, struct result *results)
{
    struct abc abc[STAT_THETA_MAX];
    if (!abc_intervals(b, b->conf, abc))
        return false;
    for (uint32_t k = 0; k < b->n_theta; k++) {
        results[k].acceleration = abc[k].acceleration;
        results[k].ends[CI_ABC] = (struct end){abc[k].lower, abc[k].upper};
        results[k].abc_undefined = !abc[k].ok;
    }
    return true;
}

/* z0 from the share strictly below the estimate (Efron 1987). Values that differ by rounding alone count as equal. */
static void place_estimate(struct result *r)
{
    double below, slack = 1e-10 * (isfinite(r->se) ? r->se : 0);
    dist_place(&r->dist, r->theta, slack, &below, &r->share_equal);
    r->z0 = gsl_cdf_ugaussian_Pinv(below);
}

static bool open_dists(struct qx_ctx *ctx, const struct boot *b, const struct qx_answer *a,
                       const struct rows *rows, uint32_t k, struct result *r)
{
    bool studentized = b->wanted[CI_STUDENTIZED];
    uint32_t col_prob = b->exact ? b->col_prob : 0;
    if (!rows->rows)
        return dist_of_answer(ctx, a, b->red_theta[k], &r->dist) &&
               (!studentized || dist_of_answer(ctx, a, b->red_t[k], &r->t));
    return dist_of_rows(rows->rows, rows->n, b->n_columns, k, col_prob, &r->dist) &&
           (!studentized || dist_of_rows(rows->rows, rows->n, b->n_columns, b->col_t + k, col_prob, &r->t));
}

static bool result_open(struct qx_ctx *ctx, const struct boot *b, const struct qx_answer *a,
                        const struct rows *rows, const struct jackknife *jack, uint32_t k, struct result *r)
{
    *r = (struct result){.theta = b->theta[k], .acceleration = jack->ok ? jack->acceleration[k] : NAN};
    if (!open_dists(ctx, b, a, rows, k, r))
        return false;
    r->mean = rows->rows ? r->dist.mean : qx_answer_number(ctx, a, b->red_moments, QX_ANSWER_MEAN, k, k);
    r->se = sqrt(rows->rows ? r->dist.var : qx_answer_number(ctx, a, b->red_moments, QX_ANSWER_COV, k, k));
    r->se_data = b->by_delta[k] ? b->se[k] : r->se;
    place_estimate(r);
    for (enum boot_ci ci = 0; ci < CI_COUNT; ci++) {
        if (b->wanted[ci])
            r->ends[ci] = ends_of(r, ci, (1 - b->conf) / 2);
    }
    return true;
}

static void result_close(struct result *r)
{
    dist_fini(&r->dist);
    dist_fini(&r->t);
}

/* ---- emission ---- */

static void emit_summary(struct qx_ctx *ctx, const struct boot *b, const struct jackknife *jack,
                         const struct result *r, uint32_t k)
{
    qx_emit_number(ctx, "estimate", r->theta);
    qx_emit_number(ctx, "se", r->se);
    qx_emit_number(ctx, "bias", r->mean - r->theta);
    if (b->wanted[CI_ABC])
        qx_emit_number(ctx, "acceleration", r->acceleration);
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

/* `name` is of the statistic that takes fewest values; NULL where there is one alone. */
static void emit_notes(struct qx_ctx *ctx, const struct boot *b, const struct result *r, const char *name)
{
    char text[NOTE_BYTES];
    if (b->wanted[CI_BCA] && r->share_equal > discrete_share) {
        (void)snprintf(text, sizeof text,
                       "%.80s%s%.3g %% of the resamples give exactly the estimate: BCa is unsuitable for a "
                       "statistic that takes so few "
                       "values; use ci=percentile",
                       name ? name : "", name ? ": " : "", 100 * r->share_equal);
        qx_emit_text(ctx, "warning", text);
    }
    if (r->dist.missing > undefined_share)
        qx_emit_number(ctx, "undefined_probability", r->dist.missing);
    if (b->wanted[CI_BCA] && r->bca_undefined)
        qx_emit_text(ctx, "bca_undefined",
                     "all resamples lie on one side of the estimate, or the statistic is undefined with a "
                     "row left out");
    if (r->abc_undefined)
        qx_emit_text(ctx, "abc_undefined",
                     "the statistic is undefined close to the data, or has no spread there");
    if (r->extreme)
        qx_emit_text(ctx, "note",
                     "too few resamples for this level: an extreme resample is given as an end; raise n");
}

static void emit_mark(struct qx_ctx *ctx, const char *label, const char *style, double at)
{
    if (!isfinite(at))
        return;
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "label", label);
    qx_emit_number(ctx, "at", at);
    qx_emit_number(ctx, "x", at);
    qx_emit_text(ctx, "style", style);
    qx_emit_close(ctx);
}

static void emit_marks(struct qx_ctx *ctx, const struct boot *b, const struct result *r)
{
    char label[40];
    int last = CI_COUNT - 1;
    while (last > 0 && !b->wanted[last])
        last--;
    qx_emit_list(ctx, "marks");
    emit_mark(ctx, "estimate", "estimate", r->theta);
    (void)snprintf(label, sizeof label, "%s lower", boot_ci_names[last]);
    emit_mark(ctx, label, "bound", r->ends[last].lower);
    (void)snprintf(label, sizeof label, "%s upper", boot_ci_names[last]);
    emit_mark(ctx, label, "bound", r->ends[last].upper);
    qx_emit_close(ctx);
}

/* Resamples in each bin; where they have probabilities, as many as they stand for among n. */
static void emit_counts(struct qx_ctx *ctx, const struct dist_values *d, uint64_t n)
{
    if (!d->values || d->n == 0)
        return;
    double lo = d->values[0], hi = d->values[d->n - 1], shares[BINS_MAX] = {0};
    int bins = panel_bins((double)d->n, BINS_MAX);
    for (size_t i = 0; i < d->n; i++) {
        int bin = hi > lo ? (int)((d->values[i] - lo) / (hi - lo) * bins) : 0;
        shares[bin < bins ? bin : bins - 1] += d->cum ? dist_prob(d, i) : 1;
    }
    double scale = d->cum ? (double)n : d->is_sketch ? (double)n / (double)d->n : 1;
    qx_emit_number(ctx, "lo", lo);
    qx_emit_number(ctx, "hi", hi);
    qx_emit_list(ctx, "edges");
    for (int k = 0; k <= bins; k++)
        qx_emit_number(ctx, NULL, k < bins ? lo + (hi - lo) * k / bins : hi);
    qx_emit_close(ctx);
    qx_emit_list(ctx, "counts");
    for (int k = 0; k < bins; k++)
        qx_emit_int(ctx, NULL, (int64_t)(scale * shares[k] + 0.5));
    qx_emit_close(ctx);
}

static void emit_histogram(struct qx_ctx *ctx, const struct boot *b, const struct result *r,
                           const char *title, const char *label, uint64_t n)
{
    qx_emit_text(ctx, "kind", "histogram");
    qx_emit_text(ctx, "title", title);
    qx_emit_text(ctx, "xlabel", label);
    qx_emit_text(ctx, "ylabel", "density");
    emit_counts(ctx, &r->dist, n);
    emit_marks(ctx, b, r);
}

/* A histogram; of several numbers or with a jackknife after bootstrap, a panel for each. */
static void emit_plot(struct qx_ctx *ctx, const struct boot *b, const struct result *r,
                      const struct after *after, uint64_t n)
{
    char title[200], label[120];
    (void)snprintf(title, sizeof title, "%llu bootstrap resamples", (unsigned long long)n);
    if (b->n_stats == 1) /* else the panels say of what */
        (void)snprintf(title, sizeof title, "%llu bootstrap resamples of %.100s", (unsigned long long)n,
                       b->spec);
    (void)snprintf(label, sizeof label, "%.100s", b->spec);
    qx_emit_open(ctx, "plot");
    if (b->n_theta == 1 && !after) {
        emit_histogram(ctx, b, r, title, label, n);
        qx_emit_close(ctx);
        return;
    }
    qx_emit_text(ctx, "kind", "panels");
    qx_emit_text(ctx, "title", title);
    qx_emit_list(ctx, "panels");
    for (uint32_t k = 0; k < b->n_theta; k++) {
        const char *name = b->n_theta > 1 ? b->names[k] : label;
        qx_emit_open(ctx, NULL);
        emit_histogram(ctx, b, &r[k], name, name, n);
        qx_emit_close(ctx);
        if (after)
            after_emit_panel(ctx, b, after, k, name);
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

/* ---- how the resamples came about ---- */

static void emit_fits(struct qx_ctx *ctx, const struct boot *b)
{
    const struct simulation *s = &b->simulation;
    qx_emit_text(ctx, "distribution", dist_names[s->dist]);
    qx_emit_list(ctx, "fitted");
    for (uint32_t g = 0; g < b->data.n_strata; g++) {
        const double *fit = simulate_fit(s, g);
        for (uint32_t k = 0; k < s->n_sources; k++) {
            bool normal = s->dist == DIST_NORMAL;
            qx_emit_open(ctx, NULL);
            if (b->data.n_strata > 1)
                qx_emit_int(ctx, "stratum", g + 1);
            qx_emit_text(ctx, "column", s->names[k]);
            qx_emit_number(ctx, dist_params[s->dist][0], fit[k]);
            if (normal)
                qx_emit_number(ctx, "sd", simulate_sd(s, g, k));
            else if (dist_params[s->dist][1])
                qx_emit_number(ctx, dist_params[s->dist][1], fit[1]);
            qx_emit_close(ctx);
        }
    }
    qx_emit_close(ctx);
}

static void emit_type(struct qx_ctx *ctx, const struct boot *b)
{
    if (b->type == TYPE_ORDINARY)
        return;
    qx_emit_text(ctx, "type", boot_type_names[b->type]);
    if (b->type >= TYPE_MOVING)
        qx_emit_int(ctx, "block_length", b->length);
    else if (b->type == TYPE_WILD)
        qx_emit_text(ctx, "factors", b->wild == WILD_MAMMEN ? "mammen" : "rademacher");
    else if (b->sigma > 0)
        qx_emit_number(ctx, "sigma", b->sigma);
    else
        emit_fits(ctx, b);
}

static void emit_head(struct qx_ctx *ctx, const struct boot *b, uint64_t n)
{
    qx_emit_text(ctx, "statistic", b->spec);
    if (b->n_stats == 1 && b->stats[0].text[0])
        qx_emit_text(ctx, "meaning", b->stats[0].text);
    qx_emit_int(ctx, "rows", b->data.n);
    if (b->data.n_strata > 1)
        qx_emit_int(ctx, "strata", b->data.n_strata);
    emit_type(ctx, b);
    qx_emit_text(ctx, "method", b->exact ? "exact" : "random");
    if (b->exact)
        qx_emit_text(ctx, "exact",
                     b->type == TYPE_WILD
                         ? "every choice of the factors, with its probability: no Monte Carlo error"
                         : "every resample, with its probability: no Monte Carlo error");
    qx_emit_int(ctx, "n", (int64_t)n);
}

static void emit_one(struct qx_ctx *ctx, const struct boot *b, const struct jackknife *jack,
                     const struct result *r, const struct after *after, uint64_t n)
{
    emit_head(ctx, b, n);
    emit_summary(ctx, b, jack, r, 0);
    qx_emit_list(ctx, "intervals");
    emit_intervals(ctx, b, r, NULL);
    qx_emit_close(ctx);
    emit_notes(ctx, b, r, NULL);
    if (after)
        after_emit(ctx, b, after);
    emit_plot(ctx, b, r, after, n);
}

/* ---- several numbers ---- */

/* Of the replicates of two numbers; n - 1, or exact. */
static double covariance(struct qx_ctx *ctx, const struct boot *b, const struct qx_answer *a,
                         const struct rows *rows, const struct result *r, uint32_t i, uint32_t j)
{
    if (!rows->rows)
        return qx_answer_number(ctx, a, b->red_moments, QX_ANSWER_COV, i, j);
    const double *row = rows->rows;
    double sum = 0, total = 0;
    for (size_t k = 0; k < rows->n; k++, row += b->n_columns) {
        double weight = b->exact ? row[b->col_prob] : 1;
        sum += weight * (row[i] - r[i].mean) * (row[j] - r[j].mean);
        total += weight;
    }
    return sum / (b->exact ? total : total - 1);
}

static void emit_covariance(struct qx_ctx *ctx, const struct boot *b, const struct qx_answer *a,
                            const struct rows *rows, const struct result *r)
{
    qx_emit_list(ctx, "covariance");
    for (uint32_t i = 0; i < b->n_theta; i++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", b->names[i]);
        for (uint32_t j = 0; j < b->n_theta; j++)
            qx_emit_number(ctx, b->names[j], covariance(ctx, b, a, rows, r, i < j ? i : j, i < j ? j : i));
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static void emit_many(struct qx_ctx *ctx, const struct boot *b, const struct qx_answer *a,
                      const struct rows *rows, const struct jackknife *jack, const struct result *r,
                      const struct after *after, uint64_t n)
{
    struct result any = {.extreme = false};
    const char *fewest = NULL;
    emit_head(ctx, b, n);
    qx_emit_list(ctx, b->n_stats == 1 && b->stats[0].kind == STAT_LM ? "coefficients" : "statistics");
    for (uint32_t k = 0; k < b->n_theta; k++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", b->names[k]);
        emit_summary(ctx, b, jack, &r[k], k);
        qx_emit_close(ctx);
        any.extreme = any.extreme || r[k].extreme;
        any.bca_undefined = any.bca_undefined || r[k].bca_undefined;
        if (r[k].share_equal > any.share_equal) {
            any.share_equal = r[k].share_equal;
            fewest = b->names[k];
        }
        any.dist.missing = r[k].dist.missing;
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "intervals");
    for (uint32_t k = 0; k < b->n_theta; k++)
        emit_intervals(ctx, b, &r[k], b->names[k]);
    qx_emit_close(ctx);
    emit_covariance(ctx, b, a, rows, r);
    emit_notes(ctx, b, &any, fewest);
    if (after)
        after_emit(ctx, b, after);
    emit_plot(ctx, b, r, after, n);
}

/* ---- the answer ---- */

/* Not all of the resamples were asked for, so that they are no exact answer. As many random ones take their place, those
 * that method=random gives. */
static qx_err draw_instead(struct qx_ctx *ctx, struct boot *b, uint64_t n, struct rows *ret)
{
    if (!b->fall_back)
        return qx_error(ctx, QX_ERR_INVALID,
                        "method=exact needs all %llu resamples: leave -n and --until out",
                        (unsigned long long)b->n_exact);
    double *row = ret->owned = malloc((n + 1) * b->n_columns * sizeof *ret->owned);
    if (!row)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    b->exact = false;
    for (uint64_t item = 0; item < n && !qx_cancelled(ctx); item++) {
        if (!boot_item(ctx, b, item, row))
            row += b->n_columns;
    }
    ret->rows = ret->owned;
    ret->n = (size_t)(row - ret->owned) / b->n_columns;
    return qx_cancelled(ctx) ? QX_ERR_CANCELLED : QX_ERR_OK;
}

static qx_err report(struct qx_ctx *ctx, struct boot *b, const struct qx_answer *answer,
                     const struct rows *rows, struct result *results, uint64_t n)
{
    struct jackknife jack = {.ok = false};
    struct after *after = NULL;
    uint32_t p = b->n_theta;
    if (b->wanted[CI_BCA])
        boot_jackknife(b, &jack);
    for (uint32_t k = 0; k < p; k++) {
        if (!result_open(ctx, b, answer, rows, &jack, k, &results[k]))
            return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    }
    if (b->wanted[CI_ABC] && !add_abc(b, results))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    if (b->jab) {
        qx_err e = after_open(ctx, b, rows, &after);
        if (e != QX_ERR_OK)
            return e;
    }
    if (p == 1)
        emit_one(ctx, b, &jack, results, after, n);
    else
        emit_many(ctx, b, answer, rows, &jack, results, after, n);
    after_close(after);
    return QX_ERR_OK;
}

static qx_err finish(struct qx_ctx *ctx, struct boot *b, const struct qx_answer *answer, struct rows *rows)
{
    struct result results[STAT_THETA_MAX] = {{0}};
    uint64_t failed, n = qx_answer_items(ctx, answer, &failed);
    if (n + failed == 0)
        return QX_ERR_OK;
    if (b->exact && n + failed < b->n_exact) {
        qx_err e = draw_instead(ctx, b, n + failed, rows);
        if (e != QX_ERR_OK)
            return e;
        n = rows->n;
    } else if (n > 0 && (b->exact || b->jab)) {
        rows->rows = qx_answer_data(ctx, answer, b->red_rows, QX_ANSWER_ROWS, &rows->n);
    }
    if (n == 0)
        return qx_error(ctx, QX_ERR_TASK, "%.80s is undefined on every resample drawn", b->spec);
    qx_err e = report(ctx, b, answer, rows, results, n);
    for (uint32_t k = 0; k < b->n_theta; k++)
        result_close(&results[k]);
    return e;
}

qx_err boot_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    struct boot *b = state;
    struct rows rows = {.rows = NULL};
    bool exact = b->exact;
    qx_err e = finish(ctx, b, answer, &rows);
    b->exact = exact;
    free(rows.owned);
    return e;
}
