/* With I_o the observed information of the free parameters and I_c the one that complete data would have, the Jacobian of an
 * iteration at its fixed point is 1 - I_c^-1 I_o (Dempster, Laird & Rubin 1977): its largest eigenvalue is 1 less the smallest of
 * L^-1 I_o L'^-1, where I_c = L L'. Complete data are multinomial draws from each simplex, T of them, so I_c is made of T / p_i.
 * Of the positive parameters of a simplex the last one is not free. In a parameter that is 0 the Jacobian is triangular, with
 * the ratio by which an iteration multiplies that parameter as the eigenvalue. */
#include "em/curvature.h"

#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "em/cholesky.h"

enum { N = SIMPLEX_PARAMS_MAX };
static const double flat = 1e-8; /* an eigenvalue of no information */

/* The sums of p_i g_i over simplexes, g the gradient: how many draws complete data would have. */
static void draws_of(const struct simplexes *x, const double *point, const double *gradient, double *ret)
{
    for (uint32_t which = 0; which < x->n; which++) {
        ret[which] = 0;
        for (uint32_t i = x->from[which]; i < x->from[which + 1]; i++)
            ret[which] += point[i] * gradient[i];
    }
}

/* ---- the boundary ---- */

/* The point with parameter i taken away from its simplex. False: nothing would be left. */
static bool take_away(const struct simplexes *x, const double *point, uint32_t i, double *ret)
{
    uint32_t which = simplex_of(x, i);
    double sum = 0;
    memcpy(ret, point, x->n_params * sizeof *ret);
    ret[i] = 0;
    for (uint32_t k = x->from[which]; k < x->from[which + 1]; k++)
        sum += ret[k];
    for (uint32_t k = x->from[which]; k < x->from[which + 1]; k++)
        ret[k] /= sum;
    return sum > 0;
}

/* Would the likelihood rise if parameter i, now 0, grew? */
static bool rises(const struct cells *c, const double *point, uint32_t i, double *second)
{
    static const double slack = 1e-9;
    double first[N], draws[N];
    cells_derivatives(c, point, first, second);
    draws_of(&c->simplexes, point, first, draws);
    return first[i] > draws[simplex_of(&c->simplexes, i)] * (1 + slack);
}

uint32_t curvature_settle(const struct cells *c, double *point, bool *ret_zero)
{
    static const double small = 1e-3, rounding = 1e-12;
    double drawn[N], tried[N], kernel, kernel_tried;
    uint32_t n_zero = 0, n = c->simplexes.n_params;
    double *second = malloc((size_t)n * n * sizeof *second);
    bool ok = second && cells_expect(c, point, drawn, &kernel);
    for (uint32_t i = 0; i < n; i++) {
        ret_zero[i] = false;
        if (!ok || point[i] > small || !take_away(&c->simplexes, point, i, tried) ||
            !cells_expect(c, tried, drawn, &kernel_tried) ||
            kernel_tried < kernel - rounding * fabs(kernel) || rises(c, tried, i, second))
            continue;
        memcpy(point, tried, n * sizeof *point);
        kernel = kernel_tried;
        ret_zero[i] = true;
        n_zero++;
    }
    free(second);
    return n_zero;
}

/* ---- the information ---- */

struct free_params {
    uint32_t n;
    uint32_t param[N], last[N]; /* a free one, and the one of its simplex that is not */
};

static struct free_params free_params_of(const struct simplexes *x, const bool *zero)
{
    struct free_params f = {.n = 0};
    for (uint32_t which = 0; which < x->n; which++) {
        uint32_t last = x->from[which], first = f.n;
        for (uint32_t i = x->from[which]; i < x->from[which + 1]; i++)
            last = zero[i] ? last : i;
        for (uint32_t i = x->from[which]; i < last; i++) {
            if (!zero[i])
                f.param[f.n++] = i;
        }
        for (uint32_t q = first; q < f.n; q++)
            f.last[q] = last;
    }
    return f;
}

/* All of them n x n. */
struct matrices {
    double *second, *observed, *complete, *work;
    double *owned;
};

static void fill(const struct cells *c, const double *point, const double *draws, const struct free_params *f,
                 struct matrices *m)
{
    uint32_t p = c->simplexes.n_params;
    const double *h = m->second;
    for (uint32_t a = 0; a < f->n; a++) {
        for (uint32_t b = 0; b < f->n; b++) {
            uint32_t i = f->param[a], k = f->param[b], li = f->last[a], lk = f->last[b];
            double t = draws[simplex_of(&c->simplexes, i)];
            m->observed[a * f->n + b] = h[i * p + lk] + h[li * p + k] - h[i * p + k] - h[li * p + lk];
            m->complete[a * f->n + b] = li == lk ? t / point[li] + (a == b ? t / point[i] : 0) : 0;
        }
    }
}

/* L^-1 A, row by row transposed: twice it is L^-1 A L'^-1 of a symmetric A. */
static void half(const double *l, uint32_t n, const double *a, double *ret)
{
    for (uint32_t q = 0; q < n; q++) {
        for (uint32_t i = 0; i < n; i++)
            ret[q * n + i] = a[i * n + q];
        cholesky_forward(l, n, ret + (size_t)q * n);
    }
}

/* The smallest eigenvalue of I_c^-1 I_o; NaN where there is none. Spoils `complete` and `second`. */
static double smallest(struct matrices *m, uint32_t n)
{
    double least = INFINITY;
    if (!cholesky(m->complete, n, 0, NULL))
        return NAN;
    half(m->complete, n, m->observed, m->work);
    half(m->complete, n, m->work, m->second);
    gsl_matrix_view a = gsl_matrix_view_array(m->second, n, n);
    gsl_vector_view v = gsl_vector_view_array(m->work, n);
    gsl_eigen_symm_workspace *w = gsl_eigen_symm_alloc(n);
    if (!w || gsl_eigen_symm(&a.matrix, &v.vector, w) != 0)
        least = NAN;
    for (uint32_t i = 0; i < n && !isnan(least); i++)
        least = isnan(m->work[i]) ? NAN : fmin(least, m->work[i]);
    gsl_eigen_symm_free(w);
    return least;
}

/* From the Cholesky factor of the observed information. The variance of the parameter that is not free is the sum over the block
 * of its simplex. */
static void errors_of(const double *l, const struct free_params *f, double *column, double *se)
{
    for (uint32_t a = 0; a < f->n; a++) {
        cholesky_inverse_column(l, f->n, a, column);
        for (uint32_t b = 0; b < f->n; b++)
            se[f->last[a]] += f->last[a] == f->last[b] ? column[b] : 0;
        se[f->param[a]] = column[a];
    }
}

static bool matrices_init(struct matrices *m, uint32_t n)
{
    m->owned = calloc(4 * (size_t)n * n, sizeof *m->owned);
    m->second = m->owned;
    m->observed = m->owned + (size_t)n * n;
    m->complete = m->observed + (size_t)n * n;
    m->work = m->complete + (size_t)n * n;
    return m->owned != NULL;
}

static double largest_ratio(const struct simplexes *x, const double *gradient, const double *draws,
                            const bool *zero)
{
    double largest = 0;
    for (uint32_t i = 0; i < x->n_params; i++) {
        if (zero[i])
            largest = fmax(largest, gradient[i] / draws[simplex_of(x, i)]);
    }
    return largest;
}

struct curvature curvature_at(const struct cells *c, const double *point, const bool *zero)
{
    const struct simplexes *x = &c->simplexes;
    struct free_params f = free_params_of(x, zero);
    struct curvature r = {.kind = CURVATURE_NO_MEMORY, .rate = NAN};
    struct matrices m;
    double first[N], draws[N], least = 1;
    uint32_t n_zero = 0;
    if (!matrices_init(&m, x->n_params))
        return r;
    cells_derivatives(c, point, first, m.second);
    draws_of(x, point, first, draws);
    fill(c, point, draws, &f, &m);
    if (f.n > 0)
        least = smallest(&m, f.n);
    for (uint32_t i = 0; i < x->n_params; i++)
        n_zero += zero[i];
    r.kind = n_zero > 0 ? CURVATURE_BOUNDARY : CURVATURE_OK;
    if (!(least > flat))
        r.kind = CURVATURE_SINGULAR;
    else
        r.rate = fmax(1 - least, largest_ratio(x, first, draws, zero));
    if (r.kind == CURVATURE_OK && cholesky(m.observed, f.n, 0, NULL)) {
        errors_of(m.observed, &f, m.work, r.se);
        for (uint32_t i = 0; i < x->n_params; i++)
            r.se[i] = sqrt(r.se[i]);
    }
    free(m.owned);
    return r;
}
