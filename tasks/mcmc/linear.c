/* linear.c - y ~ N(X beta + offset, sigma). With X = Q R and theta = Q'y + s z, s the residual standard
 * deviation of least squares: the residual sum of squares is rss + s^2 |z|^2, so that a density costs p
 * operations, not n p. q = (z, log(sigma/s)). */
#include <math.h>
#include <stdlib.h>

#include "mcmc/regression.h"

/* beta's prior by z; grad is overwritten. */
static double prior_at(const struct regression *m, const double *z, double *grad)
{
    double *theta = m->eta;
    for (uint32_t j = 0; j < m->p; j++) {
        theta[j] = m->centre[j] + m->scale * z[j];
        if (grad)
            grad[j] = 0;
    }
    double lp = regression_log_prior(m, theta, grad);
    for (uint32_t j = 0; grad && j < m->p; j++)
        grad[j] *= m->scale;
    return lp;
}

static double linear_log_density(const struct target *t, const double *q, double *grad)
{
    const struct regression *m = t->model;
    uint32_t p = m->p;
    double w = q[p], precision = exp(-2 * w), sigma = m->scale * exp(w), quad = m->rss, gsigma = 0;
    double lp = prior_at(m, q, grad) + prior_log_density(&m->sigma, sigma, &gsigma);
    for (uint32_t j = 0; j < p; j++) {
        quad += q[j] * q[j];
        if (grad)
            grad[j] -= q[j] * precision;
    }
    if (grad)
        grad[p] = 1.0 - m->n + quad * precision + sigma * gsigma;
    return lp + w - m->n * w - 0.5 * quad * precision;
}

static void linear_constrain(const struct target *t, const double *q, double *out)
{
    const struct regression *m = t->model;
    double *theta = m->eta;
    for (uint32_t j = 0; j < m->p; j++)
        theta[j] = m->centre[j] + m->scale * q[j];
    regression_beta(m, theta, out);
    out[m->p] = m->scale * exp(q[m->p]);
}

/* Least squares in the basis Q, with one step of refinement. */
static void solve(struct regression *m)
{
    double *r = m->y, rss = 0; /* y is not needed again */
    for (uint32_t i = 0; m->offset && i < m->n; i++)
        r[i] -= m->offset[i];
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t j = 0; j < m->p; j++) {
            const double *column = m->q + (size_t)j * m->n;
            double c = 0;
            for (uint32_t i = 0; i < m->n; i++)
                c += column[i] * r[i];
            m->centre[j] += c;
            for (uint32_t i = 0; i < m->n; i++)
                r[i] -= c * column[i];
        }
    }
    for (uint32_t i = 0; i < m->n; i++)
        rss += r[i] * r[i];
    m->scale = rss > 0 && m->n > m->p ? sqrt(rss / (m->n - m->p)) : 1;
    m->rss = rss / (m->scale * m->scale);
    free(m->q); /* nothing below needs the rows any more */
    free(m->y);
    m->q = m->y = NULL;
}

qx_err target_open_linear(const struct target_spec *spec, struct target *t)
{
    qx_err e = regression_open(spec, t, true, 1);
    if (e != QX_ERR_OK)
        return e;
    struct regression *m = t->model;
    if (m->trials)
        return qx_error(spec->ctx, QX_ERR_INVALID, "formula: cbind() is for model=logistic");
    t->log_density = linear_log_density;
    t->constrain = linear_constrain;
    solve(m);
    bool proper = prior_is_proper(&m->sigma);
    for (uint32_t j = 0; j < m->p; j++)
        proper = proper && prior_is_proper(&m->beta[j]);
    if (m->n <= m->p && !proper)
        return qx_error(spec->ctx, QX_ERR_INVALID,
                        "%u rows are too few for %u coefficients: the posterior is improper with flat "
                        "priors; give proper ones for "
                        "beta and sigma",
                        m->n, m->p);
    return QX_ERR_OK;
}
