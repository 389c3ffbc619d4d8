#include "power/dist.h"

#include <math.h>
#include <stdio.h>

#include "shared/law.h"
#include "shared/rmath.h"

static const struct law laws[DIST_KIND_COUNT] = {
    [DIST_NORMAL] = {.name = "normal"},
    [DIST_T] = {"t", 1, 0, {{"df", 0, 1e9, 5}}},
    [DIST_UNIFORM] = {.name = "uniform"},
    [DIST_EXPONENTIAL] = {.name = "exponential"},
    [DIST_LOGNORMAL] = {"lognormal", 1, 0, {{"sdlog", 0, 5, 1}}},
    [DIST_GAMMA] = {"gamma", 1, 0, {{"shape", 0, 1e9, 2}}},
    [DIST_LAPLACE] = {.name = "laplace"},
    [DIST_LOGISTIC] = {.name = "logistic"},
    [DIST_CONTAMINATED] = {"contaminated", 2, 0, {{"share", 0, 1, 0.1}, {"sd", 0, 1e6, 3}}},
    [DIST_POISSON] = {"poisson", 1, 0, {{"mean", 0, 500, 1}}},
    [DIST_BINARY] = {"binary", 1, 0, {{"share", 0, 1, 0.5}}},
};

/* Mean and variance of the law as its name says; NaN where it has none. */
static void raw_moments(const struct dist *d, double *mean, double *var)
{
    *mean = 0;
    *var = 1;
    switch (d->kind) {
    case DIST_T:
        *var = d->a > 2 ? d->a / (d->a - 2) : NAN;
        break;
    case DIST_UNIFORM:
        *mean = 0.5;
        *var = 1.0 / 12;
        break;
    case DIST_EXPONENTIAL:
        *mean = 1;
        break;
    case DIST_LOGNORMAL:
        *mean = exp(d->a * d->a / 2);
        *var = expm1(d->a * d->a) * *mean * *mean;
        break;
    case DIST_GAMMA:
    case DIST_POISSON:
        *mean = *var = d->a;
        break;
    case DIST_LAPLACE:
        *var = 2;
        break;
    case DIST_LOGISTIC:
        *var = M_PI * M_PI / 3;
        break;
    case DIST_CONTAMINATED:
        *var = 1 + d->a * (d->b * d->b - 1);
        break;
    case DIST_BINARY:
        *mean = d->a;
        *var = d->a * (1 - d->a);
        break;
    case DIST_NORMAL:
    case DIST_KIND_COUNT:
    default:
        break;
    }
}

bool dist_parse(struct dist *d, const char *param, const char *text, bool raw, char ret_error[PLACE_BYTES])
{
    struct law_value law;
    double mean, var;
    size_t at = 0;
    if (!law_read(laws, DIST_KIND_COUNT, param, text, &at, NULL, &law, ret_error))
        return false;
    if (text[at])
        return place_error(ret_error, text, at, PLACE_WORD, "%s: unexpected text after the distribution",
                           param);
    *d = (struct dist){.kind = (enum dist_kind)law.which, .a = law.number[0], .b = law.number[1], .scale = 1};
    raw_moments(d, &mean, &var);
    if (raw)
        return true;
    if (isnan(var)) {
        (void)snprintf(ret_error, PLACE_BYTES,
                       "%s: t with 2 degrees of freedom or fewer has no variance (raw=yes takes it as it is)",
                       param);
        return false;
    }
    d->scale = 1 / sqrt(var);
    d->shift = -mean * d->scale;
    return true;
}

/* ---- draws ---- */

/* Marsaglia and Tsang (2000), "A simple method for generating gamma variables". */
static double draw_gamma(struct qx_stream *s, double shape)
{
    double boost = shape < 1 ? shape + 1 : shape, d = boost - 1.0 / 3, c = 1 / sqrt(9 * d), x, v, u;
    do {
        do {
            x = qx_normal(s);
            v = 1 + c * x;
        } while (v <= 0);
        v = v * v * v;
        u = qx_uniform(s);
    } while (u >= 1 - 0.0331 * x * x * x * x && log(u) >= 0.5 * x * x + d * (1 - v + log(v)));
    return shape < 1 ? d * v * pow(qx_uniform(s), 1 / shape) : d * v;
}

static double draw_poisson(struct qx_stream *s, double mean)
{
    double left = mean;
    uint32_t k = 0;
    for (; (left -= qx_exponential(s)) > 0;)
        k++;
    return k;
}

static double draw_laplace(struct qx_stream *s)
{
    double size = qx_exponential(s);
    return qx_u32(s) & 1 ? -size : size;
}

static double draw_contaminated(struct qx_stream *s, const struct dist *d)
{
    double z = qx_normal(s);
    return qx_uniform(s) < d->a ? d->b * z : z;
}

static double draw_logistic(struct qx_stream *s)
{
    double u = qx_uniform(s);
    return log(u / (1 - u));
}

#define FILL(draw)                                                                                           \
    do {                                                                                                     \
        for (uint32_t i = 0; i < n; i++)                                                                     \
            x[i] = at + by * (draw);                                                                         \
    } while (0)

void dist_fill(const struct dist *d, struct qx_stream *s, double at, double by, double *x, uint32_t n)
{
    at += by * d->shift;
    by *= d->scale;
    switch (d->kind) {
    case DIST_NORMAL:
        FILL(qx_normal(s));
        break;
    case DIST_T:
        FILL(qx_normal(s) / sqrt(2 * draw_gamma(s, d->a / 2) / d->a));
        break;
    case DIST_UNIFORM:
        FILL(qx_uniform(s));
        break;
    case DIST_EXPONENTIAL:
        FILL(qx_exponential(s));
        break;
    case DIST_LOGNORMAL:
        FILL(exp(d->a * qx_normal(s)));
        break;
    case DIST_GAMMA:
        FILL(draw_gamma(s, d->a));
        break;
    case DIST_LAPLACE:
        FILL(draw_laplace(s));
        break;
    case DIST_LOGISTIC:
        FILL(draw_logistic(s));
        break;
    case DIST_CONTAMINATED:
        FILL(draw_contaminated(s, d));
        break;
    case DIST_POISSON:
        FILL(draw_poisson(s, d->a));
        break;
    case DIST_BINARY:
    case DIST_KIND_COUNT:
    default:
        FILL(qx_uniform(s) < d->a ? 1.0 : 0.0);
        break;
    }
}

/* ---- the distribution function ---- */

double dist_cdf(const struct dist *d, double x)
{
    double r = (x - d->shift) / d->scale;
    switch (d->kind) {
    case DIST_T:
        return pt(r, d->a, 1, 0);
    case DIST_UNIFORM:
        return punif(r, 0, 1, 1, 0);
    case DIST_EXPONENTIAL:
        return pexp(r, 1, 1, 0);
    case DIST_LOGNORMAL:
        return plnorm(r, 0, d->a, 1, 0);
    case DIST_GAMMA:
        return pgamma(r, d->a, 1, 1, 0);
    case DIST_LAPLACE:
        return r < 0 ? 0.5 * exp(r) : 1 - 0.5 * exp(-r);
    case DIST_LOGISTIC:
        return plogis(r, 0, 1, 1, 0);
    case DIST_CONTAMINATED:
        return (1 - d->a) * pnorm(r, 0, 1, 1, 0) + d->a * pnorm(r, 0, d->b, 1, 0);
    case DIST_POISSON:
        return ppois(r, d->a, 1, 0);
    case DIST_BINARY:
        return r < 0 ? 0 : r < 1 ? 1 - d->a : 1;
    case DIST_NORMAL:
    case DIST_KIND_COUNT:
    default:
        return pnorm(r, 0, 1, 1, 0);
    }
}

bool dist_is_continuous(const struct dist *d)
{
    return d->kind != DIST_POISSON && d->kind != DIST_BINARY;
}

bool dist_is_symmetric(const struct dist *d)
{
    switch (d->kind) {
    case DIST_NORMAL:
    case DIST_T:
    case DIST_LAPLACE:
    case DIST_LOGISTIC:
    case DIST_CONTAMINATED:
        return true;
    case DIST_UNIFORM:
        return d->shift < 0;
    default:
        return false;
    }
}

bool dist_is_normal(const struct dist *d)
{
    return d->kind == DIST_NORMAL;
}
