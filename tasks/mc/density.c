/* density.c - each kind gives its density, both tails of its distribution function and their inverses; cutting to a range
 * works on whichever tail is the smaller, so that no digits are lost far out. */
#include "mc/density.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "shared/nearest.h"

struct density_kind {
    const char *name, *usage;
    size_t n_min, n_max;
    unsigned positive; /* bit i: number i must be positive */
    double fallback[DENSITY_PARAMS_MAX];
    double (*pdf)(const double *p, double x);
    double (*lower)(const double *p, double x); /* P(X <= x) */
    double (*upper)(const double *p, double x);
    double (*from_lower)(const double *p, double q);
    double (*from_upper)(const double *p, double q);
    double lo, hi; /* where it is positive; uniform: its numbers */
};

/* ---- the kinds: numbers as in `usage` ---- */

static double uniform_pdf(const double *p, double x)
{
    (void)x;
    return 1 / (p[1] - p[0]);
}

static double uniform_lower(const double *p, double x)
{
    return (x - p[0]) / (p[1] - p[0]);
}

static double uniform_upper(const double *p, double x)
{
    return (p[1] - x) / (p[1] - p[0]);
}

static double uniform_from_lower(const double *p, double q)
{
    return p[0] + q * (p[1] - p[0]);
}

static double uniform_from_upper(const double *p, double q)
{
    return p[1] - q * (p[1] - p[0]);
}

static double normal_pdf(const double *p, double x)
{
    return gsl_ran_gaussian_pdf(x - p[0], p[1]);
}

static double normal_lower(const double *p, double x)
{
    return gsl_cdf_gaussian_P(x - p[0], p[1]);
}

static double normal_upper(const double *p, double x)
{
    return gsl_cdf_gaussian_Q(x - p[0], p[1]);
}

static double normal_from_lower(const double *p, double q)
{
    return p[0] + gsl_cdf_gaussian_Pinv(q, p[1]);
}

static double normal_from_upper(const double *p, double q)
{
    return p[0] + gsl_cdf_gaussian_Qinv(q, p[1]);
}

static double exponential_pdf(const double *p, double x)
{
    return p[0] * exp(-p[0] * x);
}

static double exponential_lower(const double *p, double x)
{
    return -expm1(-p[0] * x);
}

static double exponential_upper(const double *p, double x)
{
    return exp(-p[0] * x);
}

static double exponential_from_lower(const double *p, double q)
{
    return -log1p(-q) / p[0];
}

static double exponential_from_upper(const double *p, double q)
{
    return -log(q) / p[0];
}

static double lognormal_pdf(const double *p, double x)
{
    return gsl_ran_lognormal_pdf(x, p[0], p[1]);
}

static double lognormal_lower(const double *p, double x)
{
    return gsl_cdf_lognormal_P(x, p[0], p[1]);
}

static double lognormal_upper(const double *p, double x)
{
    return gsl_cdf_lognormal_Q(x, p[0], p[1]);
}

static double lognormal_from_lower(const double *p, double q)
{
    return exp(normal_from_lower(p, q));
}

static double lognormal_from_upper(const double *p, double q)
{
    return exp(normal_from_upper(p, q));
}

static double logistic_pdf(const double *p, double x)
{
    return gsl_ran_logistic_pdf(x - p[0], p[1]);
}

static double logistic_lower(const double *p, double x)
{
    return gsl_cdf_logistic_P(x - p[0], p[1]);
}

static double logistic_upper(const double *p, double x)
{
    return gsl_cdf_logistic_Q(x - p[0], p[1]);
}

static double logistic_from_lower(const double *p, double q)
{
    return p[0] + p[1] * log(q / (1 - q));
}

static double logistic_from_upper(const double *p, double q)
{
    return p[0] - p[1] * log(q / (1 - q));
}

static double laplace_pdf(const double *p, double x)
{
    return gsl_ran_laplace_pdf(x - p[0], p[1]);
}

static double laplace_lower(const double *p, double x)
{
    return gsl_cdf_laplace_P(x - p[0], p[1]);
}

static double laplace_upper(const double *p, double x)
{
    return gsl_cdf_laplace_Q(x - p[0], p[1]);
}

static double laplace_from_lower(const double *p, double q)
{
    return p[0] + gsl_cdf_laplace_Pinv(q, p[1]);
}

static double laplace_from_upper(const double *p, double q)
{
    return p[0] + gsl_cdf_laplace_Qinv(q, p[1]);
}

static double cauchy_pdf(const double *p, double x)
{
    return gsl_ran_cauchy_pdf(x - p[0], p[1]);
}

static double cauchy_lower(const double *p, double x)
{
    return gsl_cdf_cauchy_P(x - p[0], p[1]);
}

static double cauchy_upper(const double *p, double x)
{
    return gsl_cdf_cauchy_Q(x - p[0], p[1]);
}

static double cauchy_from_lower(const double *p, double q)
{
    return p[0] + gsl_cdf_cauchy_Pinv(q, p[1]);
}

static double cauchy_from_upper(const double *p, double q)
{
    return p[0] + gsl_cdf_cauchy_Qinv(q, p[1]);
}

static double t_pdf(const double *p, double x)
{
    return gsl_ran_tdist_pdf((x - p[1]) / p[2], p[0]) / p[2];
}

static double t_lower(const double *p, double x)
{
    return gsl_cdf_tdist_P((x - p[1]) / p[2], p[0]);
}

static double t_upper(const double *p, double x)
{
    return gsl_cdf_tdist_Q((x - p[1]) / p[2], p[0]);
}

static double t_from_lower(const double *p, double q)
{
    return p[1] + p[2] * gsl_cdf_tdist_Pinv(q, p[0]);
}

static double t_from_upper(const double *p, double q)
{
    return p[1] + p[2] * gsl_cdf_tdist_Qinv(q, p[0]);
}

static double gamma_pdf(const double *p, double x)
{
    return gsl_ran_gamma_pdf(x, p[0], 1 / p[1]);
}

static double gamma_lower(const double *p, double x)
{
    return gsl_cdf_gamma_P(x, p[0], 1 / p[1]);
}

static double gamma_upper(const double *p, double x)
{
    return gsl_cdf_gamma_Q(x, p[0], 1 / p[1]);
}

static double gamma_from_lower(const double *p, double q)
{
    return gsl_cdf_gamma_Pinv(q, p[0], 1 / p[1]);
}

static double gamma_from_upper(const double *p, double q)
{
    return gsl_cdf_gamma_Qinv(q, p[0], 1 / p[1]);
}

static double beta_pdf(const double *p, double x)
{
    return gsl_ran_beta_pdf(x, p[0], p[1]);
}

static double beta_lower(const double *p, double x)
{
    return gsl_cdf_beta_P(x, p[0], p[1]);
}

static double beta_upper(const double *p, double x)
{
    return gsl_cdf_beta_Q(x, p[0], p[1]);
}

static double beta_from_lower(const double *p, double q)
{
    return gsl_cdf_beta_Pinv(q, p[0], p[1]);
}

static double beta_from_upper(const double *p, double q)
{
    return gsl_cdf_beta_Qinv(q, p[0], p[1]);
}

static double weibull_pdf(const double *p, double x)
{
    return gsl_ran_weibull_pdf(x, p[1], p[0]);
}

static double weibull_lower(const double *p, double x)
{
    return gsl_cdf_weibull_P(x, p[1], p[0]);
}

static double weibull_upper(const double *p, double x)
{
    return gsl_cdf_weibull_Q(x, p[1], p[0]);
}

static double weibull_from_lower(const double *p, double q)
{
    return p[1] * pow(-log1p(-q), 1 / p[0]);
}

static double weibull_from_upper(const double *p, double q)
{
    return p[1] * pow(-log(q), 1 / p[0]);
}

#define FUNCTIONS(name) name##_pdf, name##_lower, name##_upper, name##_from_lower, name##_from_upper
static const struct density_kind kinds[] = {
    {"uniform", "uniform(from,to)", 2, 2, 0, {0, 1, 0}, FUNCTIONS(uniform), 0, 0},
    {"normal", "normal(mean,sd)", 2, 2, 2, {0, 1, 0}, FUNCTIONS(normal), -INFINITY, INFINITY},
    {"exponential", "exponential(rate)", 1, 1, 1, {1, 0, 0}, FUNCTIONS(exponential), 0, INFINITY},
    {"lognormal", "lognormal(meanlog,sdlog)", 2, 2, 2, {0, 1, 0}, FUNCTIONS(lognormal), 0, INFINITY},
    {"logistic", "logistic(place,scale)", 2, 2, 2, {0, 1, 0}, FUNCTIONS(logistic), -INFINITY, INFINITY},
    {"laplace", "laplace(place,scale)", 2, 2, 2, {0, 1, 0}, FUNCTIONS(laplace), -INFINITY, INFINITY},
    {"cauchy", "cauchy(place,scale)", 2, 2, 2, {0, 1, 0}, FUNCTIONS(cauchy), -INFINITY, INFINITY},
    {"t", "t(df) or t(df,place,scale)", 1, 3, 5, {1, 0, 1}, FUNCTIONS(t), -INFINITY, INFINITY},
    {"gamma", "gamma(shape,rate)", 2, 2, 3, {1, 1, 0}, FUNCTIONS(gamma), 0, INFINITY},
    {"beta", "beta(a,b)", 2, 2, 3, {1, 1, 0}, FUNCTIONS(beta), 0, 1},
    {"weibull", "weibull(shape,scale)", 2, 2, 3, {1, 1, 0}, FUNCTIONS(weibull), 0, INFINITY},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static const struct density_kind *find_kind(const char *name, char err[DENSITY_ERROR_BYTES])
{
    const char *names[N_KINDS];
    for (size_t i = 0; i < N_KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(names[i], name) == 0)
            return &kinds[i];
    }
    const char *near = nearest(name, strlen(name), names, N_KINDS);
    (void)snprintf(err, DENSITY_ERROR_BYTES,
                   near ? "there is no density \"%.40s\" (did you mean \"%s\"?)"
                        : "there is no density \"%.40s\"; there are uniform, normal, exponential, lognormal, "
                          "logistic, laplace, cauchy, t, gamma, beta, weibull",
                   name, near);
    return NULL;
}

static bool set_numbers(struct density *d, const double *numbers, size_t n, char err[DENSITY_ERROR_BYTES])
{
    const struct density_kind *k = d->kind;
    if (n < k->n_min || (n > k->n_min && n != k->n_max)) {
        (void)snprintf(err, DENSITY_ERROR_BYTES, "%s takes other numbers: %s", k->name, k->usage);
        return false;
    }
    for (size_t i = 0; i < DENSITY_PARAMS_MAX; i++) {
        d->p[i] = i < n ? numbers[i] : k->fallback[i];
        if ((k->positive >> i & 1) && !(d->p[i] > 0)) {
            (void)snprintf(err, DENSITY_ERROR_BYTES, "%g must be positive in %s", d->p[i], k->usage);
            return false;
        }
    }
    if (k == &kinds[0] && !(d->p[0] < d->p[1])) {
        (void)snprintf(err, DENSITY_ERROR_BYTES, "%s: the lower end comes first", k->usage);
        return false;
    }
    return true;
}

bool density_init(struct density *d, const char *name, const double *numbers, size_t n, double lo, double hi,
                  char ret_error[DENSITY_ERROR_BYTES])
{
    *d = (struct density){.kind = find_kind(name, ret_error), .lo = lo, .hi = hi};
    if (!d->kind || !set_numbers(d, numbers, n, ret_error))
        return false;
    bool uniform = d->kind == &kinds[0];
    double from = uniform ? d->p[0] : d->kind->lo, to = uniform ? d->p[1] : d->kind->hi;
    if (lo < from || hi > to) {
        (void)snprintf(ret_error, DENSITY_ERROR_BYTES,
                       "%s is zero on a part of the range %g:%g, which the integral would miss",
                       d->kind->name, lo, hi);
        return false;
    }
    d->below = lo > from ? d->kind->lower(d->p, lo) : 0;
    d->above = hi < to ? d->kind->upper(d->p, hi) : 0;
    if (d->below > 0.5)
        d->mass = d->kind->upper(d->p, lo) - d->above;
    else if (d->above > 0.5)
        d->mass = d->kind->lower(d->p, hi) - d->below;
    else
        d->mass = 1 - d->below - d->above;
    if (!(d->mass > 1e-300)) {
        (void)snprintf(ret_error, DENSITY_ERROR_BYTES, "%s has no probability on the range %g:%g",
                       d->kind->name, lo, hi);
        return false;
    }
    return true;
}

/* The point with probability `p` below it within the range, and 1 - p = q above. */
static double point_at(const struct density *d, double p, double q)
{
    double lower = d->below + p * d->mass, upper = d->above + q * d->mass;
    double x = lower <= upper ? d->kind->from_lower(d->p, lower) : d->kind->from_upper(d->p, upper);
    return x < d->lo ? d->lo : x > d->hi ? d->hi : x;
}

double density_quantile(const struct density *d, double u)
{
    return point_at(d, u, 1 - u);
}

double density_value(const struct density *d, double x)
{
    return d->kind->pdf(d->p, x) / d->mass;
}

/* ---- moments ---- */

struct moment {
    const struct density *d;
    unsigned k;
    bool upper; /* the half above the median */
};

static double power(double x, unsigned k)
{
    double r = 1;
    while (k-- > 0)
        r *= x;
    return r;
}

static double moment_at(double u, void *arg)
{
    const struct moment *m = arg;
    return power(m->upper ? point_at(m->d, 1 - u, u) : point_at(m->d, u, 1 - u), m->k);
}

/* By bisection without extrapolation, which gives integrals that diverge a value. */
double density_moment(const struct density *d, unsigned k)
{
    enum { PIECES = 1000 };
    if (k == 0)
        return 1;
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(PIECES);
    double sum = w ? 0 : NAN;
    for (int half = 0; w && half < 2; half++) {
        struct moment m = {d, k, half == 1};
        gsl_function f = {moment_at, &m};
        double part, error;
        if (gsl_integration_qag(&f, 0, 0.5, 0, 1e-12, PIECES, GSL_INTEG_GAUSS21, w, &part, &error) != 0 &&
            !(error <= 1e-9 * fabs(part)))
            sum = NAN;
        else
            sum += part;
    }
    gsl_integration_workspace_free(w);
    return sum;
}
