#include "boot/lm.h"

#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Row-major everywhere; p x p triangles are stored in full. */
struct lm {
    uint32_t n, p;
    double *q;    /* n x p, orthonormal columns */
    double *r;    /* p x p, upper */
    double *e;    /* n, residuals */
    double *coef; /* p */
    double *g;    /* p x p: Q'WQ, then its Cholesky factor */
    double *b;    /* p */
    double *inv;  /* p x p: R^-1 G^-1 */
};

static const double pivot_min = 1e-10;

void lm_free(struct lm *m)
{
    if (!m)
        return;
    free(m->q);
    free(m->r);
    free(m->e);
    free(m->coef);
    free(m->g);
    free(m->b);
    free(m->inv);
    free(m);
}

static bool lm_alloc(struct lm *m)
{
    size_t n = m->n, p = m->p;
    m->q = calloc(n * p, sizeof(double));
    m->r = calloc(p * p, sizeof(double));
    m->e = calloc(n, sizeof(double));
    m->coef = calloc(p, sizeof(double));
    m->g = calloc(p * p, sizeof(double));
    m->b = calloc(p, sizeof(double));
    m->inv = calloc(p * p, sizeof(double));
    return m->q && m->r && m->e && m->coef && m->g && m->b && m->inv;
}

/* Columns that the others give up to rounding: |r_jj| against the length of the column. */
static bool is_collinear(const struct lm *m, const gsl_matrix *qr, const double *lengths)
{
    for (uint32_t j = 0; j < m->p; j++) {
        if (fabs(gsl_matrix_get(qr, j, j)) <= 4e-16 * (double)m->n * lengths[j])
            return true;
    }
    return false;
}

static void fit(struct lm *m, const double *y, gsl_matrix *qr, gsl_vector *tau, gsl_vector *unit)
{
    gsl_vector_view coef = gsl_vector_view_array(m->coef, m->p), e = gsl_vector_view_array(m->e, m->n);
    gsl_vector_const_view rhs = gsl_vector_const_view_array(y, m->n);
    (void)gsl_linalg_QR_lssolve(qr, tau, &rhs.vector, &coef.vector, &e.vector);
    for (uint32_t j = 0; j < m->p; j++) {
        gsl_vector_set_basis(unit, j);
        (void)gsl_linalg_QR_Qvec(qr, tau, unit);
        for (uint32_t i = 0; i < m->n; i++)
            m->q[(size_t)i * m->p + j] = gsl_vector_get(unit, i);
        for (uint32_t k = j; k < m->p; k++)
            m->r[(size_t)j * m->p + k] = gsl_matrix_get(qr, j, k);
    }
}

static enum lm_error factor(struct lm *m, const double *y, const double *const *terms)
{
    gsl_matrix *qr = gsl_matrix_alloc(m->n, m->p);
    gsl_vector *tau = gsl_vector_alloc(m->p), *unit = gsl_vector_alloc(m->n);
    enum lm_error e = qr && tau && unit ? LM_OK : LM_NOMEM;
    if (e == LM_OK) {
        for (uint32_t j = 0; j < m->p; j++) {
            double ss = 0;
            for (uint32_t i = 0; i < m->n; i++) {
                gsl_matrix_set(qr, i, j, terms[j][i]);
                ss += terms[j][i] * terms[j][i];
            }
            m->b[j] = sqrt(ss);
        }
        (void)gsl_linalg_QR_decomp(qr, tau);
        if (is_collinear(m, qr, m->b))
            e = LM_COLLINEAR;
        else
            fit(m, y, qr, tau, unit);
    }
    gsl_matrix_free(qr);
    gsl_vector_free(tau);
    gsl_vector_free(unit);
    return e;
}

enum lm_error lm_new(const double *y, const double *const *terms, uint32_t n, uint32_t p, struct lm **ret)
{
    if (n <= p)
        return LM_TOO_FEW_ROWS;
    struct lm *m = calloc(1, sizeof *m);
    if (!m)
        return LM_NOMEM;
    m->n = n;
    m->p = p;
    enum lm_error e = lm_alloc(m) ? factor(m, y, terms) : LM_NOMEM;
    if (e != LM_OK)
        lm_free(m);
    else
        *ret = m;
    return e;
}

/* G = Q'WQ (lower triangle) and b = Q'We. */
static void weigh(struct lm *m, const int32_t *w)
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
static void solve(const struct lm *m, double *x)
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
static void sandwich(struct lm *m, const int32_t *w, const double *errors, const double *gamma,
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

const char *lm_value(struct lm *m, const int32_t *weights, double *ret_coef, double *ret_se)
{
    uint32_t p = m->p;
    weigh(m, weights);
    if (!cholesky(m->g, p))
        return "the terms of the linear model are collinear in the resample";
    solve(m, m->b);
    for (uint32_t j = 0; j < p; j++)
        ret_coef[j] = m->coef[j] + m->b[j];
    if (!ret_se)
        return NULL;
    double gamma[64] = {0}; /* R (b* - b) */
    for (uint32_t j = 0; j < p; j++) {
        gamma[j] = 0;
        for (uint32_t k = j; k < p; k++)
            gamma[j] += m->r[(size_t)j * p + k] * m->b[k];
    }
    sandwich(m, weights, m->e, gamma, ret_se);
    return NULL;
}

const char *lm_value_errors(struct lm *m, const double *u, double *ret_coef, double *ret_se)
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

const double *lm_residuals(const struct lm *m)
{
    return m->e;
}

double lm_leverage(const struct lm *m, uint32_t row)
{
    double h = 0;
    for (uint32_t j = 0; j < m->p; j++)
        h += m->q[(size_t)row * m->p + j] * m->q[(size_t)row * m->p + j];
    return h;
}

double lm_sigma(const struct lm *m)
{
    double rss = 0;
    for (uint32_t i = 0; i < m->n; i++)
        rss += m->e[i] * m->e[i];
    return sqrt(rss / (m->n - m->p));
}
