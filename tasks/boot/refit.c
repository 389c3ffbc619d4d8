#include "boot/refit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Row-major everywhere; p x p triangles are stored in full. */
struct refit {
    uint32_t n, p;
    double *q;    /* n x p, orthonormal columns */
    double *r;    /* p x p, upper */
    double *e;    /* n, residuals */
    double *coef; /* p */
    double *g;    /* p x p: Q'WQ, then its Cholesky factor */
    double *b;    /* p */
    double *w;    /* n: weights as numbers */
    double *inv;  /* p x p: R^-1 G^-1 */
};

static const double pivot_min = 1e-10;

struct refit *refit_free(struct refit *m)
{
    if (!m)
        return NULL;
    free(m->q);
    free(m->r);
    free(m->e);
    free(m->coef);
    free(m->g);
    free(m->b);
    free(m->w);
    free(m->inv);
    free(m);
    return NULL;
}

struct refit *refit_new(struct lm_work *fit)
{
    size_t n = fit->n, p = fit->rank;
    struct refit *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    *m = (struct refit){.n = fit->n, .p = fit->rank};
    m->q = calloc(n * p, sizeof(double));
    m->r = calloc(p * p, sizeof(double));
    m->e = calloc(n, sizeof(double));
    m->coef = calloc(p, sizeof(double));
    m->g = calloc(p * p, sizeof(double));
    m->b = calloc(p, sizeof(double));
    m->w = calloc(n, sizeof(double));
    m->inv = calloc(p * p, sizeof(double));
    if (!m->q || !m->r || !m->e || !m->coef || !m->g || !m->b || !m->w || !m->inv)
        return refit_free(m);
    memcpy(m->e, fit->resid, n * sizeof(double));
    for (uint32_t k = 0; k < p; k++) {
        lm_orthonormal(fit, k, m->q + k, m->p);
        m->coef[k] = fit->coef[fit->pivot[k]];
        for (uint32_t j = 0; j <= k; j++)
            m->r[j * p + k] = fit->qr[k * n + j];
    }
    return m;
}

/* G = Q'WQ (lower triangle) and b = Q'We. */
static void weigh(struct refit *m, const double *w)
{
    uint32_t p = m->p;
    memset(m->g, 0, sizeof(double) * p * p);
    memset(m->b, 0, sizeof(double) * p);
    for (uint32_t i = 0; i < m->n; i++) {
        const double *q = m->q + (size_t)i * p;
        if (w[i] == 0)
            continue;
        for (uint32_t j = 0; j < p; j++) {
            double wq = w[i] * q[j];
            m->b[j] += wq * m->e[i];
            for (uint32_t k = 0; k <= j; k++)
                m->g[(size_t)j * p + k] += wq * q[k];
        }
    }
}

/* In place. False if the columns are dependent in these rows. Its scale is that of the weights, about 1. */
static bool cholesky(double *g, uint32_t p)
{
    for (uint32_t j = 0; j < p; j++) {
        double *row = g + (size_t)j * p, diag = row[j];
        for (uint32_t k = 0; k < j; k++) {
            const double *up = g + (size_t)k * p;
            for (uint32_t l = 0; l < k; l++)
                row[k] -= row[l] * up[l];
            row[k] /= up[k];
            row[j] -= row[k] * row[k];
        }
        if (!(row[j] > pivot_min * diag) || !(row[j] > pivot_min * pivot_min))
            return false;
        row[j] = sqrt(row[j]);
    }
    return true;
}

/* x := R^-1 G^-1 x */
static void solve(const struct refit *m, double *x)
{
    uint32_t p = m->p;
    for (uint32_t j = 0; j < p; j++) {
        for (uint32_t k = 0; k < j; k++)
            x[j] -= m->g[(size_t)j * p + k] * x[k];
        x[j] /= m->g[(size_t)j * p + j];
    }
    for (uint32_t j = p; j-- > 0;) {
        for (uint32_t k = j + 1; k < p; k++)
            x[j] -= m->g[(size_t)k * p + j] * x[k];
        x[j] /= m->g[(size_t)j * p + j];
    }
    for (uint32_t j = p; j-- > 0;) {
        for (uint32_t k = j + 1; k < p; k++)
            x[j] -= m->r[(size_t)j * p + k] * x[k];
        x[j] /= m->r[(size_t)j * p + j];
    }
}

/* w NULL: every row once. V = sum of w c c', c = R^-1 G^-1 q e*: the influence of each row on the coefficients. inv is filled column by column;
 * gamma is the change of the coefficients in the basis Q. */
static void sandwich(struct refit *m, const int32_t *w, const double *errors, const double *gamma,
                     double *ret_se)
{
    uint32_t p = m->p;
    memset(m->inv, 0, sizeof(double) * p * p);
    for (uint32_t j = 0; j < p; j++) {
        m->inv[(size_t)j * p + j] = 1;
        solve(m, m->inv + (size_t)j * p); /* row j holds column j */
        ret_se[j] = 0;
    }
    for (uint32_t i = 0; i < m->n; i++) {
        const double *q = m->q + (size_t)i * p;
        double e = errors[i], weight = w ? w[i] : 1;
        for (uint32_t j = 0; j < p; j++)
            e -= q[j] * gamma[j];
        for (uint32_t k = 0; weight != 0 && k < p; k++) {
            double c = 0;
            for (uint32_t j = 0; j < p; j++)
                c += m->inv[(size_t)j * p + k] * q[j];
            ret_se[k] += weight * (c * e) * (c * e);
        }
    }
    for (uint32_t k = 0; k < p; k++)
        ret_se[k] = sqrt(ret_se[k]);
}

const char *refit_at(struct refit *m, const double *weights, double *ret_coef)
{
    weigh(m, weights);
    if (!cholesky(m->g, m->p))
        return "the terms of the linear model are collinear in the resample";
    solve(m, m->b);
    for (uint32_t j = 0; j < m->p; j++)
        ret_coef[j] = m->coef[j] + m->b[j];
    return NULL;
}

const char *refit_value(struct refit *m, const int32_t *weights, double *ret_coef, double *ret_se)
{
    uint32_t p = m->p;
    for (uint32_t i = 0; i < m->n; i++)
        m->w[i] = weights[i];
    const char *why = refit_at(m, m->w, ret_coef);
    if (why || !ret_se)
        return why;
    double gamma[64] = {0}; /* R (b* - b) */
    for (uint32_t j = 0; j < p; j++) {
        gamma[j] = 0;
        for (uint32_t k = j; k < p; k++)
            gamma[j] += m->r[(size_t)j * p + k] * m->b[k];
    }
    sandwich(m, weights, m->e, gamma, ret_se);
    return NULL;
}

const char *refit_errors(struct refit *m, const double *u, double *ret_coef, double *ret_se)
{
    uint32_t p = m->p;
    double gamma[64] = {0};
    memset(m->g, 0, sizeof(double) * p * p);
    for (uint32_t j = 0; j < p; j++)
        m->g[(size_t)j * p + j] = 1;
    for (uint32_t i = 0; i < m->n; i++) {
        for (uint32_t j = 0; j < p; j++)
            gamma[j] += m->q[(size_t)i * p + j] * u[i];
    }
    memcpy(m->b, gamma, sizeof(double) * p);
    solve(m, m->b);
    for (uint32_t j = 0; j < p; j++)
        ret_coef[j] = m->coef[j] + m->b[j];
    if (ret_se)
        sandwich(m, NULL, u, gamma, ret_se);
    return NULL;
}

const double *refit_residuals(const struct refit *m)
{
    return m->e;
}

double refit_leverage(const struct refit *m, uint32_t row)
{
    double h = 0;
    for (uint32_t j = 0; j < m->p; j++)
        h += m->q[(size_t)row * m->p + j] * m->q[(size_t)row * m->p + j];
    return h;
}

double refit_sigma(const struct refit *m)
{
    double rss = 0;
    for (uint32_t i = 0; i < m->n; i++)
        rss += m->e[i] * m->e[i];
    return sqrt(rss / (m->n - m->p));
}
