#include "power/dist.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "power/rmath.h"
#include "shared/nearest.h"

/* What may stand in the parentheses, with defaults; a parameter must lie strictly inside its range. */
static const struct {
    int n;
    double fallback[2], above[2], below[2];
    const char *usage;
} kinds[DIST_KIND_COUNT] = {
    [DIST_NORMAL] = {.usage = "normal"},
    [DIST_T] = {1, {5}, {0}, {1e9}, "t(df)"},
    [DIST_UNIFORM] = {.usage = "uniform"},
    [DIST_EXPONENTIAL] = {.usage = "exponential"},
    [DIST_LOGNORMAL] = {1, {1}, {0}, {5}, "lognormal(sdlog)"},
    [DIST_GAMMA] = {1, {2}, {0}, {1e9}, "gamma(shape)"},
    [DIST_LAPLACE] = {.usage = "laplace"},
    [DIST_LOGISTIC] = {.usage = "logistic"},
    [DIST_CONTAMINATED] = {2, {0.1, 3}, {0, 0}, {1, 1e6}, "contaminated(share,sd)"},
    [DIST_POISSON] = {1, {1}, {0}, {500}, "poisson(mean)"},
    [DIST_BINARY] = {1, {0.5}, {0}, {1}, "binary(share)"},
};
static const char *const kind_names[DIST_KIND_COUNT] = {"normal",       "t",       "uniform", "exponential",
                                                        "lognormal",    "gamma",   "laplace", "logistic",
                                                        "contaminated", "poisson", "binary"};

/* ---- the text ---- */

struct reader {
    const char *param, *text, *p;
    char *error;
};

static bool fail(const struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool fail(const struct reader *r, const char *fmt, ...)
{
    char what[140];
    va_list ap;
    va_start(ap, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is started above */
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    (void)snprintf(r->error, DIST_ERROR_BYTES, "%s: %s at position %zu of \"%.30s\"", r->param, what,
                   (size_t)(r->p - r->text) + 1, r->text);
    return false;
}

static bool read_kind(struct reader *r, struct dist *d)
{
    size_t len = strcspn(r->p, "( ,)");
    for (d->kind = 0; d->kind < DIST_KIND_COUNT; d->kind++) {
        if (strlen(kind_names[d->kind]) == len && memcmp(kind_names[d->kind], r->p, len) == 0) {
            r->p += len;
            return true;
        }
    }
    const char *near = nearest(r->p, len, kind_names, DIST_KIND_COUNT);
    if (near)
        return fail(r, "unknown distribution \"%.*s\" (did you mean \"%s\"?)", len > 20 ? 20 : (int)len, r->p,
                    near);
    return fail(r, "unknown distribution; there are normal t uniform exponential lognormal gamma laplace "
                   "logistic contaminated poisson binary");
}

static bool read_number(struct reader *r, const struct dist *d, int i, double *ret)
{
    char number[32], *end;
    size_t len = strspn(r->p, "0123456789.eE+-");
    (void)snprintf(number, sizeof number, "%.*s", len > 30 ? 30 : (int)len, r->p);
    *ret = strtod(number, &end);
    if (len == 0 || len > 30 || *end)
        return fail(r, "expected a number as in %s", kinds[d->kind].usage);
    if (!(*ret > kinds[d->kind].above[i] && *ret < kinds[d->kind].below[i]))
        return fail(r, "a number that is not between %g and %g", kinds[d->kind].above[i],
                    kinds[d->kind].below[i]);
    r->p += len;
    return true;
}

static bool read_numbers(struct reader *r, struct dist *d)
{
    if (kinds[d->kind].n == 0)
        return fail(r, "%s takes no number", kind_names[d->kind]);
    r->p++;
    for (int i = 0; i < kinds[d->kind].n; i++) {
        if (i > 0 && *r->p++ != ',') {
            r->p--;
            return fail(r, "expected \",\" as in %s", kinds[d->kind].usage);
        }
        r->p += strspn(r->p, " ");
        if (!read_number(r, d, i, i == 0 ? &d->a : &d->b))
            return false;
        r->p += strspn(r->p, " ");
    }
    if (*r->p != ')')
        return fail(r, "expected \")\" as in %s", kinds[d->kind].usage);
    r->p++;
    return true;
}

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

bool dist_parse(struct dist *d, const char *param, const char *text, bool raw,
                char ret_error[DIST_ERROR_BYTES])
{
    struct reader r = {.param = param, .text = text, .p = text + strspn(text, " "), .error = ret_error};
    double mean, var;
    *d = (struct dist){.scale = 1};
    if (!read_kind(&r, d))
        return false;
    d->a = kinds[d->kind].fallback[0];
    d->b = kinds[d->kind].fallback[1];
    if (*r.p == '(' && !read_numbers(&r, d))
        return false;
    r.p += strspn(r.p, " ");
    if (*r.p)
        return fail(&r, "unexpected text after the distribution");
    raw_moments(d, &mean, &var);
    if (raw)
        return true;
    r.p = text;
    if (isnan(var))
        return fail(&r, "t with 2 degrees of freedom or fewer has no variance (raw=yes takes it as it is)");
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
