/* density.c - each kind gives its density, both tails of its distribution function and their inverses; cutting to a range
 * works on whichever tail is the smaller, so that no digits are lost far out. */
#include "mc/density.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct density_kind {
    double (*pdf)(const double *p, double x);
    double (*lower)(const double *p, double x); /* P(X <= x) */
    double (*upper)(const double *p, double x);
    double (*from_lower)(const double *p, double q);
    double (*from_upper)(const double *p, double q);
    double lo, hi; /* where it is positive; uniform: its numbers */
};

/* ---- the kinds: numbers as in `laws` ---- */

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

/* Density and tails from GSL; the inverses too where GSL's keep all digits. */
#define TAILS(name, law, at, ...)                                                                            \
    static double name##_pdf(const double *p, double x)                                                      \
    {                                                                                                        \
        return gsl_ran_##law##_pdf(at, __VA_ARGS__);                                                         \
    }                                                                                                        \
    static double name##_lower(const double *p, double x)                                                    \
    {                                                                                                        \
        return gsl_cdf_##law##_P(at, __VA_ARGS__);                                                           \
    }                                                                                                        \
    static double name##_upper(const double *p, double x)                                                    \
    {                                                                                                        \
        return gsl_cdf_##law##_Q(at, __VA_ARGS__);                                                           \
    }
#define INVERSES(name, law, place, ...)                                                                      \
    static double name##_from_lower(const double *p, double q)                                               \
    {                                                                                                        \
        return (place) + gsl_cdf_##law##_Pinv(q, __VA_ARGS__);                                               \
    }                                                                                                        \
    static double name##_from_upper(const double *p, double q)                                               \
    {                                                                                                        \
        return (place) + gsl_cdf_##law##_Qinv(q, __VA_ARGS__);                                               \
    }

TAILS(normal, gaussian, x - p[0], p[1])
INVERSES(normal, gaussian, p[0], p[1])
TAILS(laplace, laplace, x - p[0], p[1])
INVERSES(laplace, laplace, p[0], p[1])
TAILS(cauchy, cauchy, x - p[0], p[1])
INVERSES(cauchy, cauchy, p[0], p[1])
TAILS(gamma, gamma, x, p[0], 1 / p[1])
INVERSES(gamma, gamma, 0, p[0], 1 / p[1])
TAILS(beta, beta, x, p[0], p[1])
INVERSES(beta, beta, 0, p[0], p[1])
TAILS(lognormal, lognormal, x, p[0], p[1])
TAILS(logistic, logistic, x - p[0], p[1])
TAILS(weibull, weibull, x, p[1], p[0])

static double lognormal_from_lower(const double *p, double q)
{
    return exp(normal_from_lower(p, q));
}

static double lognormal_from_upper(const double *p, double q)
{
    return exp(normal_from_upper(p, q));
}

static double logistic_from_lower(const double *p, double q)
{
    return p[0] + p[1] * log(q / (1 - q));
}

static double logistic_from_upper(const double *p, double q)
{
    return p[0] - p[1] * log(q / (1 - q));
}

static double weibull_from_lower(const double *p, double q)
{
    return p[1] * pow(-log1p(-q), 1 / p[0]);
}

static double weibull_from_upper(const double *p, double q)
{
    return p[1] * pow(-log(q), 1 / p[0]);
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

#define FUNCTIONS(name) name##_pdf, name##_lower, name##_upper, name##_from_lower, name##_from_upper
static const struct density_kind kinds[] = {
    {FUNCTIONS(uniform), 0, 0},
    {FUNCTIONS(normal), -INFINITY, INFINITY},
    {FUNCTIONS(exponential), 0, INFINITY},
    {FUNCTIONS(lognormal), 0, INFINITY},
    {FUNCTIONS(logistic), -INFINITY, INFINITY},
    {FUNCTIONS(laplace), -INFINITY, INFINITY},
    {FUNCTIONS(cauchy), -INFINITY, INFINITY},
    {FUNCTIONS(t), -INFINITY, INFINITY},
    {FUNCTIONS(gamma), 0, INFINITY},
    {FUNCTIONS(beta), 0, 1},
    {FUNCTIONS(weibull), 0, INFINITY},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

#define PLACE LAW_ANY("place", 0)
#define SCALE LAW_POSITIVE("scale", 1)
#define SHAPE LAW_POSITIVE("shape", 0)
#define RATE  LAW_POSITIVE("rate", 0)
static const struct law laws[N_KINDS] = {
    {"uniform", 2, 2, {LAW_ANY("from", 0), LAW_ANY("to", 0)}},
    {"normal", 2, 2, {LAW_ANY("mean", 0), LAW_POSITIVE("sd", 0)}},
    {"exponential", 1, 1, {RATE}},
    {"lognormal", 2, 2, {LAW_ANY("meanlog", 0), LAW_POSITIVE("sdlog", 0)}},
    {"logistic", 2, 2, {PLACE, SCALE}},
    {"laplace", 2, 2, {PLACE, SCALE}},
    {"cauchy", 2, 2, {PLACE, SCALE}},
    {"t", 3, 1, {LAW_POSITIVE("df", 0), PLACE, SCALE}},
    {"gamma", 2, 2, {SHAPE, RATE}},
    {"beta", 2, 2, {LAW_POSITIVE("a", 0), LAW_POSITIVE("b", 0)}},
    {"weibull", 2, 2, {SHAPE, SCALE}},
};

bool density_read(const char *param, const char *text, size_t *at, law_number_f number, struct law_value *ret,
                  char ret_error[PLACE_BYTES])
{
    return law_read(laws, N_KINDS, param, text, at, number, ret, ret_error);
}

bool density_init(struct density *d, const struct law_value *law, double lo, double hi,
                  char ret_error[PLACE_BYTES])
{
    const char *name = laws[law->which].name;
    *d = (struct density){.kind = &kinds[law->which], .lo = lo, .hi = hi};
    memcpy(d->p, law->number, sizeof d->p);
    bool uniform = law->which == DENSITY_UNIFORM;
    if (uniform && !(d->p[0] < d->p[1])) {
        (void)snprintf(ret_error, PLACE_BYTES, "uniform(from, to): the lower end comes first");
        return false;
    }
    double from = uniform ? d->p[0] : d->kind->lo, to = uniform ? d->p[1] : d->kind->hi;
    if (lo < from || hi > to) {
        (void)snprintf(ret_error, PLACE_BYTES,
                       "%s is zero on a part of the range %g:%g, which the integral would miss", name, lo,
                       hi);
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
        (void)snprintf(ret_error, PLACE_BYTES, "%s has no probability on the range %g:%g", name, lo, hi);
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
