#include "em/information.h"

#include <math.h>
#include <stdlib.h>

#include "em/cholesky.h"

/* cov^-1 = L^-1' L^-1 */
static void inverse_of(const double *l, uint32_t p, double *ret)
{
    for (uint32_t i = 0; i < p; i++) {
        for (uint32_t j = 0; j < p; j++) {
            double sum = 0;
            for (uint32_t r = i > j ? i : j; r < p; r++)
                sum += l[r * p + i] * l[r * p + j];
            ret[i * p + j] = sum;
        }
    }
}

/* (A S A - w A) / 2 with the symmetric S given by its lower triangle. */
static void cov_gradient(const double *a, const double *second, double weight, uint32_t p, bool diagonal,
                         double *ret)
{
    double as[MIXTURE_P_MAX * MIXTURE_P_MAX] = {0};
    for (uint32_t i = 0; i < p; i++) {
        for (uint32_t j = 0; j < p; j++) {
            double sum = 0;
            for (uint32_t r = 0; r < p; r++) {
                double s = second[r > j ? r * p + j : j * p + r];
                sum += a[i * p + r] * (diagonal && r != j ? 0 : s);
            }
            as[i * p + j] = sum;
        }
    }
    for (uint32_t i = 0; i < p; i++) {
        for (uint32_t j = 0; j < p; j++) {
            double sum = 0;
            for (uint32_t r = 0; r < p; r++)
                sum += as[i * p + r] * a[r * p + j];
            ret[i * p + j] = 0.5 * (sum - weight * a[i * p + j]);
        }
    }
}

void information_gradient(const struct mixture *m, struct sums *s, const struct rows *data, double *ret)
{
    uint32_t k = m->shape.k, p = m->shape.p, each = m->shape.diagonal ? p : p * (p + 1) / 2;
    (void)sums_prepare(s, m, data, 0);
    (void)sums_gather(s, m, data);
    for (uint32_t c = 0; c + 1 < k; c++)
        *ret++ = s->weight[c] / m->lambda[c] - s->weight[k - 1] / m->lambda[k - 1];
    double *means = ret, *covs = ret + (size_t)k * p;
    for (uint32_t i = 0; i < (m->shape.equal ? 1 : k) * each; i++)
        covs[i] = 0;
    for (uint32_t c = 0; c < k; c++) {
        double a[MIXTURE_P_MAX * MIXTURE_P_MAX], g[MIXTURE_P_MAX * MIXTURE_P_MAX];
        double *to = covs + (m->shape.equal ? 0 : (size_t)c * each);
        inverse_of(s->inverse + (size_t)c * p * p, p, a);
        for (uint32_t i = 0; i < p; i++) {
            *means = 0;
            for (uint32_t j = 0; j < p; j++)
                *means += a[i * p + j] * s->first[(size_t)c * p + j];
            means++;
        }
        cov_gradient(a, s->second + (size_t)c * p * p, s->weight[c], p, m->shape.diagonal, g);
        for (uint32_t i = 0; i < p; i++) {
            for (uint32_t j = m->shape.diagonal ? i : 0; j <= i; j++)
                *to++ += i == j ? g[i * p + i] : 2 * g[i * p + j];
        }
    }
}

/* ---- parameters one by one ---- */

/* Where parameter q of the list is: a place, and the one that mirrors it in a symmetric matrix. */
struct place {
    enum { PLACE_LAMBDA, PLACE_MEAN, PLACE_COV } kind;
    uint32_t c, i, j;
};

static struct place place_of(struct shape s, uint32_t q)
{
    uint32_t each = s.diagonal ? s.p : s.p * (s.p + 1) / 2;
    if (q < s.k - 1)
        return (struct place){PLACE_LAMBDA, q, 0, 0};
    q -= s.k - 1;
    if (q < s.k * s.p)
        return (struct place){PLACE_MEAN, q / s.p, q % s.p, 0};
    q -= s.k * s.p;
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero,clang-analyzer-core.UndefinedBinaryOperatorResult): p is positive */
    struct place at = {PLACE_COV, q / each, 0, 0};
    q %= each;
    if (s.diagonal) {
        at.i = at.j = q;
        return at;
    }
    while (q > at.i)
        q -= ++at.i;
    at.j = q;
    return at;
}

/* A step that is small beside what the parameter may be. */
static double scale_of(const struct mixture *m, struct place at)
{
    uint32_t p = m->shape.p, last = m->shape.k - 1;
    const double *cov = m->cov + (size_t)at.c * p * p;
    if (at.kind == PLACE_LAMBDA)
        return m->lambda[at.c] < m->lambda[last] ? m->lambda[at.c] : m->lambda[last];
    if (at.kind == PLACE_MEAN)
        return sqrt(cov[at.i * p + at.i]);
    double full = sqrt(cov[at.i * p + at.i] * cov[at.j * p + at.j]);
    return at.i == at.j ? full : full * (1 - fabs(cov[at.i * p + at.j]) / full);
}

static void add_to(struct mixture *m, struct place at, double step)
{
    uint32_t p = m->shape.p;
    if (at.kind == PLACE_LAMBDA) {
        m->lambda[at.c] += step;
        m->lambda[m->shape.k - 1] -= step;
    } else if (at.kind == PLACE_MEAN) {
        m->mean[(size_t)at.c * p + at.i] += step;
    } else {
        for (uint32_t c = 0; c < m->shape.k; c++) {
            double *cov = m->cov + (size_t)c * p * p;
            if (c != at.c && !m->shape.equal)
                continue;
            cov[at.i * p + at.j] += step;
            if (at.i != at.j)
                cov[at.j * p + at.i] += step;
        }
    }
}

/* ---- the matrix ---- */

/* Minus the second derivatives, n x n. `try` and s are scratch, g holds 2 n numbers. */
static void information_matrix(const struct mixture *m, const struct rows *data, struct mixture *try,
                               struct sums *s, double *g, double *ret)
{
    static const double relative = 1e-5;
    uint32_t n = mixture_parameters(m->shape);
    for (uint32_t q = 0; q < n; q++) {
        struct place at = place_of(m->shape, q);
        double step = relative * scale_of(m, at);
        mixture_copy(try, m);
        add_to(try, at, step);
        information_gradient(try, s, data, g);
        mixture_copy(try, m);
        add_to(try, at, -step);
        information_gradient(try, s, data, g + n);
        for (uint32_t r = 0; r < n; r++)
            ret[(size_t)q * n + r] = (g[n + r] - g[r]) / (2 * step);
    }
    for (uint32_t q = 0; q < n; q++) {
        for (uint32_t r = 0; r < q; r++)
            ret[(size_t)q * n + r] = ret[(size_t)r * n + q] =
                0.5 * (ret[(size_t)q * n + r] + ret[(size_t)r * n + q]);
    }
}

static void set_errors(const double *l, uint32_t n, double *column, struct mixture *se)
{
    uint32_t k = se->shape.k;
    double last = 0;
    for (uint32_t q = 0; q < n; q++) {
        cholesky_inverse_column(l, n, q, column);
        add_to(se, place_of(se->shape, q), sqrt(column[q]));
        for (uint32_t r = 0; q + 1 < k && r + 1 < k; r++)
            last += column[r];
    }
    se->lambda[k - 1] = sqrt(last);
}

enum information information_errors(const struct mixture *m, const struct rows *data, struct mixture *ret_se)
{
    uint32_t n = mixture_parameters(m->shape);
    struct mixture try = {.lambda = NULL};
    struct sums s = {.weight = NULL};
    double *matrix = malloc(((size_t)n * n + 2 * (size_t)n) * sizeof *matrix);
    enum information result = INFORMATION_NO_MEMORY;
    if (matrix && mixture_init(&try, m->shape) && sums_init(&s, m->shape)) {
        double *g = matrix + (size_t)n * n;
        information_matrix(m, data, &try, &s, g, matrix);
        result = cholesky(matrix, n, 0, NULL) ? INFORMATION_OK : INFORMATION_NO_MAXIMUM;
        if (result == INFORMATION_OK)
            set_errors(matrix, n, g, ret_se);
    }
    free(matrix);
    mixture_fini(&try);
    sums_fini(&s);
    return result;
}
