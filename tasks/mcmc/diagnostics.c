/* Autocovariances are summed directly, lag by lag, as the sum over lags asks for them; a chain that mixes
 * so slowly that many are wanted has all of them from one FFT. Both are the biased estimate (divisor n). */
#include "mcmc/diagnostics.h"

#include <float.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_fft_halfcomplex.h>
#include <gsl/gsl_fft_real.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/ranking.h"

enum { DIRECT_LAGS = 64 };

struct diag_work {
    uint32_t n_draws, n_chains;
    struct ranking ranking;
    double *sorted, *changed;
    double *half;     /* split chains, centred by ess_of() */
    double *rho;      /* by lag */
    double *acov;     /* mean over the split chains, by lag */
    double *spectrum; /* for the FFT: a power of two, at least twice the lags */
    uint32_t n_spectrum;
};

/* Split chains one after the other. */
struct series {
    double *x;
    uint32_t n, m;
};

struct diag_work *diag_work_new(uint32_t n_draws, uint32_t n_chains)
{
    struct diag_work *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    size_t all = (size_t)n_draws * n_chains;
    w->n_draws = n_draws;
    w->n_chains = n_chains;
    for (w->n_spectrum = 2; w->n_spectrum < 2 * (size_t)n_draws; w->n_spectrum *= 2)
        ;
    bool ok = ranking_init(&w->ranking, all);
    w->sorted = malloc((all + 1) * sizeof *w->sorted);
    w->changed = malloc((all + 1) * sizeof *w->changed);
    w->half = malloc((all + 1) * sizeof *w->half);
    w->rho = malloc(((size_t)n_draws + 2) * sizeof *w->rho);
    w->acov = malloc(((size_t)n_draws + 2) * sizeof *w->acov);
    w->spectrum = malloc(w->n_spectrum * sizeof *w->spectrum);
    if (ok && w->sorted && w->changed && w->half && w->rho && w->acov && w->spectrum)
        return w;
    return diag_work_free(w);
}

struct diag_work *diag_work_free(struct diag_work *w)
{
    if (!w)
        return NULL;
    ranking_fini(&w->ranking);
    free(w->sorted);
    free(w->changed);
    free(w->half);
    free(w->rho);
    free(w->acov);
    free(w->spectrum);
    free(w);
    return NULL;
}

/* ---- small parts ---- */

/* Twice over: the second pass takes out what rounding left. */
static double mean_of(const double *x, size_t n)
{
    double sum = 0, rest = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        rest += x[i] - mean;
    return mean + rest / (double)n;
}

static double variance_of(const double *x, size_t n)
{
    double mean = mean_of(x, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / ((double)n - 1);
}

/* Without a usable spread: as posterior's should_return_NA(). */
static bool is_constant(const double *x, size_t n)
{
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    return hi - lo < DBL_EPSILON;
}

static bool all_finite(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return false;
    }
    return true;
}

/* Each chain in two halves; the one in the middle of an odd number is left out. A single draw stays as it
 * is. */
static struct series split(const struct diag_work *w, const double *x, double *to)
{
    uint32_t n = w->n_draws, h = n > 1 ? n / 2 : n;
    struct series s = {to, h, n > 1 ? 2 * w->n_chains : w->n_chains};
    for (uint32_t c = 0; c < w->n_chains; c++, x += n) {
        memcpy(to, x, h * sizeof *to);
        to += h;
        if (n > 1) {
            memcpy(to, x + (n - h), h * sizeof *to);
            to += h;
        }
    }
    return s;
}

void diag_ranks(struct diag_work *w, const double *x, double *ret_ranks)
{
    ranking_ranks(&w->ranking, x, (size_t)w->n_draws * w->n_chains, ret_ranks);
}

static void z_scale(struct diag_work *w, struct series s)
{
    ranking_scores(&w->ranking, s.x, (size_t)s.n * s.m);
}

/* ---- R-hat ---- */

static double rhat_of(struct series s)
{
    if (is_constant(s.x, (size_t)s.n * s.m) || s.n < 2)
        return NAN;
    double means[2] = {0, 0}, within = 0; /* of the chains' means: sum and sum of squares about the first */
    double first = mean_of(s.x, s.n);
    for (uint32_t c = 0; c < s.m; c++) {
        const double *x = s.x + (size_t)c * s.n;
        double d = mean_of(x, s.n) - first;
        means[0] += d;
        means[1] += d * d;
        within += variance_of(x, s.n);
    }
    double between = s.n * (means[1] - means[0] * means[0] / s.m) / (s.m - 1);
    return sqrt((between / (within / s.m) + s.n - 1) / s.n);
}

/* ---- effective sample size ---- */

/* Mean autocovariances of the split chains, made as they are asked for. The series are centred. */
struct autocov {
    struct diag_work *w;
    struct series s;
    uint32_t known; /* lags */
};

static void autocov_by_fft(struct autocov *a)
{
    uint32_t size = a->w->n_spectrum, n = a->s.n;
    double *f = a->w->spectrum;
    memset(a->w->acov, 0, n * sizeof *a->w->acov);
    for (uint32_t c = 0; c < a->s.m; c++) {
        memcpy(f, a->s.x + (size_t)c * n, n * sizeof *f);
        memset(f + n, 0, (size_t)(size - n) * sizeof *f);
        (void)gsl_fft_real_radix2_transform(f, 1, size);
        f[0] *= f[0];
        f[size / 2] *= f[size / 2];
        for (uint32_t k = 1; k < size / 2; k++) {
            f[k] = f[k] * f[k] + f[size - k] * f[size - k];
            f[size - k] = 0;
        }
        (void)gsl_fft_halfcomplex_radix2_inverse(f, 1, size);
        for (uint32_t k = 0; k < n; k++)
            a->w->acov[k] += f[k] / n / a->s.m;
    }
    a->known = n;
}

static double autocov_at(struct autocov *a, uint32_t lag)
{
    while (a->known <= lag && a->known < DIRECT_LAGS) {
        double mean = 0;
        for (uint32_t c = 0; c < a->s.m; c++) {
            const double *x = a->s.x + (size_t)c * a->s.n;
            double sum = 0;
            for (uint32_t i = 0; i + a->known < a->s.n; i++)
                sum += x[i] * x[i + a->known];
            mean += sum / a->s.n;
        }
        a->w->acov[a->known++] = mean / a->s.m;
    }
    if (a->known <= lag)
        autocov_by_fft(a);
    return a->w->acov[lag];
}

/* Centres every chain and gives the variance of their means. */
static double centre(struct series s)
{
    double sum = 0, squares = 0, first = 0;
    for (uint32_t c = 0; c < s.m; c++) {
        double *x = s.x + (size_t)c * s.n, mean = mean_of(x, s.n);
        first = c == 0 ? mean : first;
        sum += mean - first;
        squares += (mean - first) * (mean - first);
        for (uint32_t i = 0; i < s.n; i++)
            x[i] -= mean;
    }
    return (squares - sum * sum / s.m) / (s.m - 1);
}

/* Geyer's initial positive pairs; gives the last lag looked at, fills rho. */
static uint32_t positive_pairs(struct autocov *a, double mean_var, double var_plus)
{
    double *rho = a->w->rho, even = 1, odd = 1 - (mean_var - autocov_at(a, 1)) / var_plus;
    uint32_t t = 0;
    memset(rho, 0, ((size_t)a->s.n + 2) * sizeof *rho);
    rho[0] = even;
    rho[1] = odd;
    while (t + 5 < a->s.n && even + odd > 0) {
        t += 2;
        even = 1 - (mean_var - autocov_at(a, t)) / var_plus;
        odd = 1 - (mean_var - autocov_at(a, t + 1)) / var_plus;
        if (even + odd >= 0) {
            rho[t] = even;
            rho[t + 1] = odd;
        }
    }
    if (even > 0)
        rho[t] = even;
    return t;
}

/* Centres the series. */
static double ess_of(struct diag_work *w, struct series s)
{
    if (s.n < 3 || is_constant(s.x, (size_t)s.n * s.m))
        return NAN;
    double between = centre(s), *rho = w->rho;
    struct autocov a = {.w = w, .s = s};
    double mean_var = autocov_at(&a, 0) * s.n / (s.n - 1.0);
    double var_plus = mean_var * (s.n - 1.0) / s.n + (s.m > 1 ? between : 0);
    uint32_t max_t = positive_pairs(&a, mean_var, var_plus);
    for (uint32_t t = 2; t + 2 <= max_t; t += 2) { /* monotone */
        if (rho[t] + rho[t + 1] > rho[t - 2] + rho[t - 1])
            rho[t] = rho[t + 1] = (rho[t - 2] + rho[t - 1]) / 2;
    }
    double n = (double)s.n * s.m, tau = rho[max_t] - 1, bound = 1 / log10(n), sum = 0;
    for (uint32_t t = 0; t < (max_t > 0 ? max_t : 1); t++)
        sum += rho[t];
    tau += 2 * sum;
    return n / (tau < bound ? bound : tau);
}

/* ---- quantiles ---- */

/* Type 7 of Hyndman and Fan (1996), as R computes it. */
static double quantile_of(const double *sorted, size_t n, double p)
{
    double index = (double)(n - 1) * p, lo = floor(index), h = index - lo;
    double a = sorted[(size_t)lo], b = h > 0 ? sorted[(size_t)lo + 1] : a;
    return a == b ? a : (1 - h) * a + h * b;
}

static double ess_below(struct diag_work *w, const double *x, double q)
{
    size_t n = (size_t)w->n_draws * w->n_chains;
    for (size_t i = 0; i < n; i++)
        w->changed[i] = x[i] <= q;
    return ess_of(w, split(w, w->changed, w->half));
}

static double beta_quantile(double p, double a, double b)
{
    double lo = 0, hi = 1;
    for (int i = 0; i < 60; i++) {
        double mid = 0.5 * (lo + hi);
        if (gsl_cdf_beta_P(mid, a, b) < p)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

/* Half the width of the order statistics that hold the quantile with the probability of one standard
 * deviation. */
static double mcse_quantile(const double *sorted, size_t n, double p, double ess)
{
    if (!isfinite(ess))
        return NAN;
    double size = (double)n, a = beta_quantile(0.1586553, ess * p + 1, ess * (1 - p) + 1),
           b = beta_quantile(0.8413447, ess * p + 1, ess * (1 - p) + 1);
    double first = fmax(floor(a * size), 1), last = fmin(ceil(b * size), size);
    return (sorted[(size_t)last - 1] - sorted[(size_t)first - 1]) / 2;
}

static void quantiles(struct diag_work *w, const double *x, size_t n, struct diag *d)
{
    ranking_sort(&w->ranking, x, n);
    for (size_t i = 0; i < n; i++)
        w->sorted[i] = w->ranking.order[i].value;
    d->q5 = quantile_of(w->sorted, n, 0.05);
    d->median = quantile_of(w->sorted, n, 0.5);
    d->q95 = quantile_of(w->sorted, n, 0.95);
    d->ess_q5 = ess_below(w, x, d->q5);
    d->ess_median = ess_below(w, x, d->median);
    d->ess_q95 = ess_below(w, x, d->q95);
    d->mcse_q5 = mcse_quantile(w->sorted, n, 0.05, d->ess_q5);
    d->mcse_median = mcse_quantile(w->sorted, n, 0.5, d->ess_median);
    d->mcse_q95 = mcse_quantile(w->sorted, n, 0.95, d->ess_q95);
    d->ess_tail = isnan(d->ess_q5) || isnan(d->ess_q95) ? NAN : fmin(d->ess_q5, d->ess_q95);
}

/* ---- all ---- */

static const struct diag undefined = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN,
                                      NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};

static void spread(struct diag_work *w, const double *x, size_t n, struct diag *d)
{
    double m2 = 0, m4 = 0;
    d->mean = mean_of(x, n);
    d->sd = sqrt(variance_of(x, n));
    d->ess_mean = ess_of(w, split(w, x, w->half));
    d->ess_basic = d->ess_mean;
    d->mcse_mean = d->sd / sqrt(d->ess_mean);
    for (size_t i = 0; i < n; i++)
        w->changed[i] = fabs(x[i] - d->mean);
    d->ess_sd = ess_of(w, split(w, w->changed, w->half));
    for (size_t i = 0; i < n; i++) {
        double square = (x[i] - d->mean) * (x[i] - d->mean);
        w->changed[i] = square;
        m2 += square;
        m4 += square * square;
    }
    m2 /= (double)n;
    m4 /= (double)n;
    double ess = ess_of(w, split(w, w->changed, w->half));
    d->mcse_sd = sqrt((m4 - m2 * m2) / ess / m2 / 4);
}

static void convergence(struct diag_work *w, const double *x, size_t n, struct diag *d)
{
    struct series s = split(w, x, w->half);
    d->rhat_basic = rhat_of(s);
    z_scale(w, s);
    d->rhat = rhat_of(s);
    d->ess_bulk = ess_of(w, s);
    for (size_t i = 0; i < n; i++)
        w->changed[i] = fabs(x[i] - d->median);
    s = split(w, w->changed, w->half);
    z_scale(w, s);
    double folded = rhat_of(s);
    d->rhat = isnan(d->rhat) || isnan(folded) ? NAN : fmax(d->rhat, folded);
}

void diag_compute(struct diag_work *w, const double *x, struct diag *ret)
{
    size_t n = (size_t)w->n_draws * w->n_chains;
    *ret = undefined;
    if (n == 0 || !all_finite(x, n))
        return;
    quantiles(w, x, n, ret);
    spread(w, x, n, ret);
    convergence(w, x, n, ret);
}

double diag_ebfmi(const double *energy, uint32_t n_draws)
{
    if (n_draws < 3 || !all_finite(energy, n_draws) || is_constant(energy, n_draws))
        return NAN;
    double mean = mean_of(energy, n_draws), steps = 0, all = 0;
    for (uint32_t i = 0; i < n_draws; i++) {
        all += (energy[i] - mean) * (energy[i] - mean);
        if (i > 0)
            steps += (energy[i] - energy[i - 1]) * (energy[i] - energy[i - 1]);
    }
    return steps / all;
}
