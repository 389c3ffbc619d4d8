#include "boot/simulate.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_psi.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const dist_names[DIST_COUNT] = {"normal",  "lognormal", "exponential", "gamma",
                                            "weibull", "poisson",   "uniform"};
const char *const dist_params[DIST_COUNT][2] = {{"mean", "sd"},     {"meanlog", "sdlog"}, {"mean", NULL},
                                                {"shape", "scale"}, {"shape", "scale"},   {"mean", NULL},
                                                {"lower", "upper"}};

enum { STEPS_MAX = 200 };

/* ---- fits of one column: n > 1 numbers to two parameters; NULL, or why there is none ---- */

static double mean_of(const double *x, uint32_t n)
{
    double sum = 0, rest = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i];
    for (uint32_t i = 0; i < n; i++)
        rest += x[i] - sum / n;
    return sum / n + rest / n;
}

static double mean_log(const double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += log(x[i]);
    return sum / n;
}

static double least(const double *x, uint32_t n)
{
    double low = x[0];
    for (uint32_t i = 1; i < n; i++)
        low = x[i] < low ? x[i] : low;
    return low;
}

static void fit_lognormal(const double *x, uint32_t n, double *ret)
{
    double ss = 0;
    ret[0] = mean_log(x, n);
    for (uint32_t i = 0; i < n; i++)
        ss += (log(x[i]) - ret[0]) * (log(x[i]) - ret[0]);
    ret[1] = sqrt(ss / (n - 1));
}

/* log k - psi(k) = log(mean) - mean(log) by Newton's method from the start of Minka (2002), in log k. */
static const char *fit_gamma(const double *x, uint32_t n, double *ret)
{
    double mean = mean_of(x, n), s = log(mean) - mean_log(x, n);
    if (!(s > 1e-12))
        return "all values are equal";
    double k = (3 - s + sqrt((s - 3) * (s - 3) + 24 * s)) / (12 * s);
    for (int step = 0; step < STEPS_MAX; step++) {
        double f = log(k) - gsl_sf_psi(k) - s, slope = 1 - k * gsl_sf_psi_1(k), change = f / slope;
        k *= exp(-change);
        if (fabs(change) < 1e-14)
            break;
    }
    ret[0] = k;
    ret[1] = mean / k;
    return isfinite(k) && k > 0 ? NULL : "the fit does not converge";
}

/* g(k) = sum x^k log x / sum x^k - 1/k - mean(log x) rises: bisection, with x scaled by its largest value. */
static const char *fit_weibull(const double *x, uint32_t n, double *ret)
{
    double top = 0, lo = 1e-6, hi = 1e6, logs = mean_log(x, n);
    for (uint32_t i = 0; i < n; i++)
        top = x[i] > top ? x[i] : top;
    if (least(x, n) == top)
        return "all values are equal";
    double k = 1, sum = 0;
    for (int step = 0; step < STEPS_MAX && hi / lo > 1 + 1e-15; step++) {
        double weighed = 0;
        k = sqrt(lo * hi);
        sum = 0;
        for (uint32_t i = 0; i < n; i++) {
            double l = log(x[i] / top), power = exp(k * l);
            sum += power;
            weighed += power * l;
        }
        bool above = weighed / sum - 1 / k - (logs - log(top)) > 0;
        lo = above ? lo : k;
        hi = above ? k : hi;
    }
    ret[0] = k;
    ret[1] = top * pow(sum / n, 1 / k);
    return NULL;
}

static const char *fit_uniform(const double *x, uint32_t n, double *ret)
{
    ret[0] = ret[1] = x[0];
    for (uint32_t i = 1; i < n; i++) {
        ret[0] = fmin(ret[0], x[i]);
        ret[1] = fmax(ret[1], x[i]);
    }
    return NULL;
}

static const char *fit_one(enum dist dist, const double *x, uint32_t n, double *ret)
{
    double low = least(x, n);
    bool positive = dist == DIST_LOGNORMAL || dist == DIST_GAMMA || dist == DIST_WEIBULL;
    if (positive && !(low > 0))
        return "a value is not over 0";
    if (!positive && dist != DIST_UNIFORM && low < 0)
        return "a value is below 0";
    for (uint32_t i = 0; dist == DIST_POISSON && i < n; i++) {
        if (x[i] != floor(x[i]))
            return "a value is no whole number";
    }
    ret[0] = mean_of(x, n);
    ret[1] = NAN;
    if (dist == DIST_EXPONENTIAL || dist == DIST_POISSON)
        return ret[0] > 0 ? NULL : "all values are 0";
    if (dist == DIST_GAMMA)
        return fit_gamma(x, n, ret);
    if (dist == DIST_WEIBULL)
        return fit_weibull(x, n, ret);
    if (dist == DIST_UNIFORM)
        return fit_uniform(x, n, ret);
    fit_lognormal(x, n, ret);
    return NULL;
}

/* ---- several normal columns ---- */

static size_t fit_len(const struct simulation *s)
{
    return s->dist == DIST_NORMAL ? s->n_sources * (1 + (size_t)s->n_sources) : 2;
}

/* In place, lower. What depends on the columns before it gets a 0 on its diagonal: it then follows them exactly. */
static void cholesky(double *a, uint32_t p)
{
    for (uint32_t j = 0; j < p; j++) {
        double *row = a + (size_t)j * p, diag = row[j];
        for (uint32_t k = 0; k < j; k++) {
            const double *up = a + (size_t)k * p;
            for (uint32_t l = 0; l < k; l++)
                row[k] -= row[l] * up[l];
            row[k] = up[k] > 0 ? row[k] / up[k] : 0;
            row[j] -= row[k] * row[k];
        }
        row[j] = row[j] > 1e-14 * diag ? sqrt(row[j]) : 0;
    }
}

static void fit_normal(const struct simulation *s, uint32_t start, uint32_t n, double *means)
{
    uint32_t p = s->n_sources;
    double *cov = means + p;
    for (uint32_t j = 0; j < p; j++) {
        const double *x = s->values[j] + start;
        means[j] = mean_of(x, n);
        for (uint32_t k = 0; k <= j; k++) {
            const double *y = s->values[k] + start;
            double sum = 0;
            for (uint32_t i = 0; i < n; i++)
                sum += (x[i] - means[j]) * (y[i] - means[k]);
            cov[(size_t)j * p + k] = sum / (n - 1);
        }
    }
    cholesky(cov, p);
}

/* ---- opening ---- */

static qx_err fit_stratum(struct qx_ctx *ctx, const struct simulation *s, uint32_t start, uint32_t n,
                          double *fit)
{
    if (n < 2)
        return qx_error(ctx, QX_ERR_INVALID,
                        "type=parametric: a stratum has a single row, nothing can be fitted to it");
    if (s->dist == DIST_NORMAL) {
        fit_normal(s, start, n, fit);
        return QX_ERR_OK;
    }
    const char *why = fit_one(s->dist, s->values[0] + start, n, fit);
    return why ? qx_error(ctx, QX_ERR_INVALID, "dist=%s does not fit column \"%.60s\": %s",
                          dist_names[s->dist], s->names[0], why)
               : QX_ERR_OK;
}

qx_err simulate_open(struct qx_ctx *ctx, enum dist dist, const struct data *d, const struct columns *columns,
                     struct simulation *ret)
{
    struct simulation s = {.dist = dist};
    qx_err e = QX_ERR_OK;
    for (uint32_t k = 0; k < columns->n; k++) {
        const struct column *c = &columns->list[k];
        if (!c->source || !c->values)
            continue;
        s.places[s.n_sources] = k;
        s.values[s.n_sources] = c->values;
        s.names[s.n_sources++] = c->source->name;
    }
    if (s.n_sources == 0)
        return qx_error(ctx, QX_ERR_INVALID, "type=parametric: the statistic uses no column of numbers");
    if (s.n_sources > 1 && dist != DIST_NORMAL)
        return qx_error(ctx, QX_ERR_INVALID,
                        "dist=%s is of one column, the statistic uses %u: only normal is joint",
                        dist_names[dist], s.n_sources);
    if (dist != DIST_NORMAL && !qx_item_gsl_rng(ctx, 0, 0))
        return qx_error(ctx, QX_ERR_INVALID, "dist=%s: this farm was built without GSL", dist_names[dist]);
    s.fits = malloc(d->n_strata * fit_len(&s) * sizeof *s.fits);
    s.z = malloc(COLUMNS_MAX * sizeof *s.z);
    if (!s.fits || !s.z) {
        simulate_fini(&s);
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    }
    for (uint32_t g = 0; e == QX_ERR_OK && g < d->n_strata; g++)
        e = fit_stratum(ctx, &s, d->start[g], d->start[g + 1] - d->start[g], s.fits + g * fit_len(&s));
    if (e != QX_ERR_OK)
        simulate_fini(&s);
    else
        *ret = s;
    return e;
}

void simulate_fini(struct simulation *s)
{
    free(s->fits);
    free(s->z);
    s->fits = s->z = NULL;
}

const double *simulate_fit(const struct simulation *s, uint32_t stratum)
{
    return s->fits + stratum * fit_len(s);
}

double simulate_sd(const struct simulation *s, uint32_t stratum, uint32_t column)
{
    const double *row = simulate_fit(s, stratum) + s->n_sources + (size_t)column * s->n_sources;
    double var = 0;
    for (uint32_t k = 0; k <= column; k++)
        var += row[k] * row[k];
    return sqrt(var);
}

/* ---- drawing ---- */

static double draw_one(enum dist dist, const double *fit, const gsl_rng *rng)
{
    switch (dist) {
    case DIST_LOGNORMAL:
        return exp(fit[0] + fit[1] * gsl_ran_gaussian_ziggurat(rng, 1));
    case DIST_EXPONENTIAL:
        return gsl_ran_exponential(rng, fit[0]);
    case DIST_GAMMA:
        return gsl_ran_gamma(rng, fit[0], fit[1]);
    case DIST_WEIBULL:
        return gsl_ran_weibull(rng, fit[1], fit[0]);
    case DIST_POISSON:
        return gsl_ran_poisson(rng, fit[0]);
    case DIST_UNIFORM:
        return gsl_ran_flat(rng, fit[0], fit[1]);
    case DIST_NORMAL:
    case DIST_COUNT:
    default:
        return NAN;
    }
}

static void draw_normal(const struct simulation *s, const double *means, uint32_t row, struct qx_stream *rng,
                        struct columns *columns)
{
    uint32_t p = s->n_sources;
    const double *root = means + p;
    for (uint32_t j = 0; j < p; j++) {
        double x = means[j];
        s->z[j] = qx_normal(rng);
        for (uint32_t k = 0; k <= j; k++)
            x += root[(size_t)j * p + k] * s->z[k];
        columns->simulated[s->places[j]][row] = x;
    }
}

void simulate_item(struct qx_ctx *ctx, const struct simulation *s, const struct data *d, uint64_t item,
                   struct columns *columns)
{
    struct qx_stream stream = qx_item_stream(ctx, item, 0);
    const gsl_rng *rng = s->dist == DIST_NORMAL ? NULL : qx_item_gsl_rng(ctx, item, 0);
    for (uint32_t g = 0; g < d->n_strata; g++) {
        const double *fit = simulate_fit(s, g);
        for (uint32_t i = d->start[g]; i < d->start[g + 1]; i++) {
            if (rng)
                columns->simulated[s->places[0]][i] = draw_one(s->dist, fit, rng);
            else
                draw_normal(s, fit, i, &stream, columns);
        }
    }
    columns_derive(columns);
}
