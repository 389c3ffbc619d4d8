/* integrand.c - Genz's six families (A. Genz, "Testing multidimensional integration routines", 1984; "A package for
 * testing multiple integration subroutines", 1987), the g-function of Sobol', the product of Morokoff and Caflisch (1995),
 * and the unit ball. Plain loops over one point after the other: what a C programmer would write by hand. */
#include "mc/integrand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double two_pi = 6.28318530717958647693;

#define INLINE static inline __attribute__((always_inline))

static inline double dot(const double *a, const double *x, uint32_t dim)
{
    double s = 0;
    for (uint32_t j = 0; j < dim; j++)
        s += a[j] * x[j];
    return s;
}

/* 1 / x^k by repeated squaring: the same bits everywhere, which pow() of another libm need not give. */
static double inverse_power(double x, uint32_t k)
{
    double r = 1;
    for (; k > 0; k >>= 1) {
        if (k & 1)
            r *= x;
        x *= x;
    }
    return 1 / r;
}

INLINE void oscillatory_of(const struct integrand *g, const double *restrict x, uint32_t n,
                           double *restrict ret, uint32_t dim)
{
    const double *restrict a = g->a;
    const double *restrict u = g->u;
    double shift = two_pi * u[0];
    for (uint32_t i = 0; i < n; i++, x += dim)
        ret[i] = cos(shift + dot(a, x, dim));
}

/* a holds a^-2. */
INLINE void product_peak_of(const struct integrand *g, const double *restrict x, uint32_t n,
                            double *restrict ret, uint32_t dim)
{
    const double *restrict a = g->a;
    const double *restrict u = g->u;
    for (uint32_t i = 0; i < n; i++, x += dim) {
        double p = 1;
        for (uint32_t j = 0; j < dim; j++)
            p *= a[j] + (x[j] - u[j]) * (x[j] - u[j]);
        ret[i] = 1 / p;
    }
}

INLINE void corner_peak_of(const struct integrand *g, const double *restrict x, uint32_t n,
                           double *restrict ret, uint32_t dim)
{
    const double *restrict a = g->a;
    for (uint32_t i = 0; i < n; i++, x += dim)
        ret[i] = inverse_power(1 + dot(a, x, dim), dim + 1);
}

/* a holds a^2. */
INLINE void gaussian_of(const struct integrand *g, const double *restrict x, uint32_t n, double *restrict ret,
                        uint32_t dim)
{
    const double *restrict a = g->a;
    const double *restrict u = g->u;
    for (uint32_t i = 0; i < n; i++, x += dim) {
        double s = 0;
        for (uint32_t j = 0; j < dim; j++)
            s += a[j] * (x[j] - u[j]) * (x[j] - u[j]);
        ret[i] = exp(-s);
    }
}

INLINE void continuous_of(const struct integrand *g, const double *restrict x, uint32_t n,
                          double *restrict ret, uint32_t dim)
{
    const double *restrict a = g->a;
    const double *restrict u = g->u;
    for (uint32_t i = 0; i < n; i++, x += dim) {
        double s = 0;
        for (uint32_t j = 0; j < dim; j++)
            s += a[j] * fabs(x[j] - u[j]);
        ret[i] = exp(-s);
    }
}

INLINE void discontinuous_of(const struct integrand *g, const double *restrict x, uint32_t n,
                             double *restrict ret, uint32_t dim)
{
    const double *restrict a = g->a;
    const double *restrict u = g->u;
    for (uint32_t i = 0; i < n; i++, x += dim) {
        bool beyond = x[0] > u[0] || (dim > 1 && x[1] > u[1]);
        ret[i] = beyond ? 0 : exp(dot(a, x, dim));
    }
}

INLINE void ball_of(const struct integrand *g, const double *restrict x, uint32_t n, double *restrict ret,
                    uint32_t dim)
{
    (void)g;
    for (uint32_t i = 0; i < n; i++, x += dim)
        ret[i] = dot(x, x, dim) < 1 ? 1 : 0;
}

INLINE void sobol_g_of(const struct integrand *g, const double *restrict x, uint32_t n, double *restrict ret,
                       uint32_t dim)
{
    const double *restrict a = g->a;
    for (uint32_t i = 0; i < n; i++, x += dim) {
        double p = 1;
        for (uint32_t j = 0; j < dim; j++)
            p *= (fabs(4 * x[j] - 2) + a[j]) / (1 + a[j]);
        ret[i] = p;
    }
}

INLINE void morokoff_of(const struct integrand *g, const double *restrict x, uint32_t n, double *restrict ret,
                        uint32_t dim)
{
    (void)g;
    double d = (double)dim;
    for (uint32_t i = 0; i < n; i++, x += dim) {
        double s = 0;
        for (uint32_t j = 0; j < dim; j++)
            s += log(x[j]);
        ret[i] = exp(d * log1p(1 / d) + s / d);
    }
}

/* The loops over dimensions unroll where their number is a constant: the usual ones get a copy of their own. */
#define FAMILY(name)                                                                                         \
    static void name(const struct integrand *g, const double *x, uint32_t n, double *ret)                    \
    {                                                                                                        \
        switch (g->dim) {                                                                                    \
        case 1:                                                                                              \
            name##_of(g, x, n, ret, 1);                                                                      \
            break;                                                                                           \
        case 2:                                                                                              \
            name##_of(g, x, n, ret, 2);                                                                      \
            break;                                                                                           \
        case 3:                                                                                              \
            name##_of(g, x, n, ret, 3);                                                                      \
            break;                                                                                           \
        case 4:                                                                                              \
            name##_of(g, x, n, ret, 4);                                                                      \
            break;                                                                                           \
        case 5:                                                                                              \
            name##_of(g, x, n, ret, 5);                                                                      \
            break;                                                                                           \
        case 6:                                                                                              \
            name##_of(g, x, n, ret, 6);                                                                      \
            break;                                                                                           \
        default:                                                                                             \
            name##_of(g, x, n, ret, g->dim);                                                                 \
        }                                                                                                    \
    }
FAMILY(oscillatory)
FAMILY(product_peak)
FAMILY(corner_peak)
FAMILY(gaussian)
FAMILY(continuous)
FAMILY(discontinuous)
FAMILY(ball)
FAMILY(sobol_g)
FAMILY(morokoff)

static double same(double a)
{
    return a;
}

static double square(double a)
{
    return a * a;
}

static double inverse_square(double a)
{
    return 1 / (a * a);
}

static const struct family {
    integrand_f values;
    double (*derive)(double a); /* what of a[j] the function uses */
    const char *takes;
} families[] = {
    {oscillatory, same, "au"}, {product_peak, inverse_square, "au"},
    {corner_peak, same, "a"},  {gaussian, square, "au"},
    {continuous, same, "au"},  {discontinuous, same, "au"},
    {ball, same, ""},          {sobol_g, same, "a"},
    {morokoff, same, ""},
};
const char *const integrand_names[] = {
    "genz.oscillatory",
    "genz.product_peak",
    "genz.corner_peak",
    "genz.gaussian",
    "genz.continuous",
    "genz.discontinuous",
    "ball",
    "sobol.g",
    "morokoff.caflisch",
    NULL,
};

static const struct family *find_family(const char *name)
{
    for (size_t i = 0; integrand_names[i]; i++) {
        if (strcmp(integrand_names[i], name) == 0)
            return &families[i];
    }
    return NULL;
}

bool integrand_takes(const char *name, char which)
{
    const struct family *f = find_family(name);
    return f && strchr(f->takes, which) != NULL;
}

bool integrand_family(struct integrand *g, const char *name, uint32_t dim, const double *a, size_t n_a,
                      const double *u, size_t n_u)
{
    const struct family *f = find_family(name);
    *g = (struct integrand){.values = f->values, .dim = dim};
    g->owned = calloc(2 * (size_t)dim, sizeof *g->owned);
    if (!g->owned)
        return false;
    double *to_a = g->owned, *to_u = g->owned + dim;
    for (uint32_t j = 0; j < dim; j++) {
        to_a[j] = f->derive(n_a == 0 ? 1 : a[n_a == 1 ? 0 : j]);
        to_u[j] = n_u == 0 ? 0.5 : u[n_u == 1 ? 0 : j];
    }
    g->a = to_a;
    g->u = to_u;
    return true;
}

static void expression(const struct integrand *g, const double *x, uint32_t n, double *ret)
{
    expr_values(g->expr, x, n, ret);
}

void integrand_expr(struct integrand *g, struct expr *e, uint32_t dim)
{
    *g = (struct integrand){.values = expression, .dim = dim, .expr = e};
}

void integrand_fini(struct integrand *g)
{
    expr_free(g->expr);
    free(g->owned);
    *g = (struct integrand){0};
}
