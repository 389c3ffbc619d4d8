/* glm.c - logistic and Poisson regression with their canonical links. The basis Q is scaled by sqrt(n), so
 * that its columns have mean square 1: q = theta, beta = R^-1 theta. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/regression.h"

static void linear_predictor(const struct regression *m, const double *theta)
{
    double *eta = m->eta;
    if (m->offset)
        memcpy(eta, m->offset, m->n * sizeof *eta);
    else
        memset(eta, 0, m->n * sizeof *eta);
    for (uint32_t j = 0; j < m->p; j++) {
        const double *column = m->q + (size_t)j * m->n;
        for (uint32_t i = 0; i < m->n; i++)
            eta[i] += column[i] * theta[j];
    }
}

/* The sum of y eta - b(eta); eta becomes y - b'(eta). */
static double logistic_terms(const struct regression *m)
{
    double sum = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        double eta = m->eta[i], trials = m->trials ? m->trials[i] : 1, e = exp(-fabs(eta)), mu = 1 / (1 + e);
        sum += m->y[i] * eta - trials * (fmax(eta, 0) + log1p(e));
        m->eta[i] = m->y[i] - trials * (eta >= 0 ? mu : e * mu);
    }
    return sum;
}

static double poisson_terms(const struct regression *m)
{
    double sum = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        double eta = m->eta[i], mu = exp(eta);
        sum += m->y[i] * eta - mu;
        m->eta[i] = m->y[i] - mu;
    }
    return sum;
}

static double glm_log_density(const struct regression *m, double (*terms)(const struct regression *m),
                              const double *q, double *grad)
{
    linear_predictor(m, q);
    double lp = terms(m);
    for (uint32_t j = 0; grad && j < m->p; j++) {
        const double *column = m->q + (size_t)j * m->n;
        double sum = 0;
        for (uint32_t i = 0; i < m->n; i++)
            sum += column[i] * m->eta[i];
        grad[j] = sum;
    }
    return lp + regression_log_prior(m, q, grad);
}

static double logistic_log_density(const struct target *t, const double *q, double *grad)
{
    return glm_log_density(t->model, logistic_terms, q, grad);
}

static double poisson_log_density(const struct target *t, const double *q, double *grad)
{
    return glm_log_density(t->model, poisson_terms, q, grad);
}

static void glm_constrain(const struct target *t, const double *q, double *out)
{
    regression_beta(t->model, q, out);
}

/* ---- checks ---- */

static qx_err check_response(struct qx_ctx *ctx, const struct regression *m, bool poisson)
{
    for (uint32_t i = 0; i < m->n; i++) {
        double y = m->y[i], trials = m->trials ? m->trials[i] : 1;
        if (poisson && !(y >= 0 && y == floor(y)))
            return qx_error(ctx, QX_ERR_INVALID,
                            "formula: the response of model=poisson must be counts, row %u used has %.6g",
                            i + 1, y);
        if (!poisson && !(y >= 0 && y <= trials && y == floor(y) && trials == floor(trials)))
            return qx_error(ctx, QX_ERR_INVALID,
                            "formula: the response of model=logistic must be 0 or 1, or cbind(successes, "
                            "failures) of counts; row %u used "
                            "has %.6g",
                            i + 1, y);
    }
    return QX_ERR_OK;
}

/* One step of Newton's method towards the largest likelihood; hessian: p x p work space. False: no step. */
static bool newton_step(const struct regression *m, bool poisson, double *theta, double *step,
                        double *hessian)
{
    uint32_t p = m->p;
    linear_predictor(m, theta);
    memset(hessian, 0, (size_t)p * p * sizeof *hessian);
    memset(step, 0, p * sizeof *step);
    for (uint32_t i = 0; i < m->n; i++) {
        double trials = m->trials ? m->trials[i] : 1,
               mu = poisson ? exp(m->eta[i]) : 1 / (1 + exp(-m->eta[i]));
        double weight = poisson ? mu : trials * mu * (1 - mu),
               residual = m->y[i] - (poisson ? mu : trials * mu);
        for (uint32_t j = 0; j < p; j++) {
            double x = m->q[(size_t)j * m->n + i];
            step[j] += x * residual;
            for (uint32_t k = 0; k <= j; k++)
                hessian[(size_t)j * p + k] += x * weight * m->q[(size_t)k * m->n + i];
        }
    }
    for (uint32_t j = 0; j < p; j++) { /* Cholesky in place, and the forward substitution with it */
        for (uint32_t k = 0; k <= j; k++) {
            double sum = hessian[(size_t)j * p + k];
            for (uint32_t l = 0; l < k; l++)
                sum -= hessian[(size_t)j * p + l] * hessian[(size_t)k * p + l];
            if (k < j)
                hessian[(size_t)j * p + k] = sum / hessian[(size_t)k * p + k];
            else if (sum > 0)
                hessian[(size_t)j * p + j] = sqrt(sum);
            else
                return false;
        }
        for (uint32_t k = 0; k < j; k++)
            step[j] -= hessian[(size_t)j * p + k] * step[k];
        step[j] /= hessian[(size_t)j * p + j];
    }
    for (uint32_t j = p; j-- > 0;) {
        for (uint32_t k = j + 1; k < p; k++)
            step[j] -= hessian[(size_t)k * p + j] * step[k];
        step[j] /= hessian[(size_t)j * p + j];
    }
    for (uint32_t j = 0; j < p; j++)
        theta[j] += step[j];
    return true;
}

/* Is there no largest likelihood? Newton's method then walks away in steps that do not shrink, until some
 * fitted values are at the edge of what is possible (Albert & Anderson 1984). Only asked where a prior is
 * flat. */
static bool is_separated(const struct regression *m, bool poisson)
{
    enum { STEPS = 60 };
    const double edge = 15;
    bool separated = false;
    uint32_t p = m->p;
    double *theta = calloc(2 * (size_t)p + (size_t)p * p + 1, sizeof *theta), size = INFINITY;
    if (!theta)
        return false;
    for (int k = 0; k < STEPS && size > 1e-8 && !separated; k++) {
        double before = size, *step = theta + p;
        bool moved = newton_step(m, poisson, theta, step, step + p);
        size = 0;
        for (uint32_t j = 0; j < p; j++)
            size = fmax(size, fabs(step[j]));
        linear_predictor(m, theta);
        double lo = INFINITY, hi = -INFINITY;
        for (uint32_t i = 0; i < m->n; i++) {
            lo = fmin(lo, m->eta[i] - (m->offset ? m->offset[i] : 0));
            hi = fmax(hi, m->eta[i] - (m->offset ? m->offset[i] : 0));
        }
        bool at_edge = poisson ? hi - lo > 2 * edge : fmax(hi, -lo) > edge;
        separated = at_edge && (!moved || size > 0.5 * before);
        if (!moved)
            break;
    }
    free(theta);
    return separated;
}

static qx_err open_glm(const struct target_spec *spec, struct target *t, bool poisson)
{
    qx_err e = regression_open(spec, t, false, 0);
    if (e != QX_ERR_OK)
        return e;
    struct regression *m = t->model;
    if (poisson && m->trials)
        return qx_error(spec->ctx, QX_ERR_INVALID, "formula: cbind() is for model=logistic");
    t->log_density = poisson ? poisson_log_density : logistic_log_density;
    t->constrain = glm_constrain;
    e = check_response(spec->ctx, m, poisson);
    bool proper = true;
    for (uint32_t j = 0; j < m->p; j++)
        proper = proper && prior_is_proper(&m->beta[j]);
    if (e == QX_ERR_OK && !proper && is_separated(m, poisson))
        e = qx_error(
            spec->ctx, QX_ERR_INVALID,
            "%s: with a flat prior the posterior is improper; give priors='beta=normal(0, 2.5)' or the like",
            poisson ? "rows with no counts can be fitted by rates of 0"
                    : "the data are separated, fitted probabilities of 0 or 1");
    return e;
}

qx_err target_open_logistic(const struct target_spec *spec, struct target *t)
{
    return open_glm(spec, t, false);
}

qx_err target_open_poisson(const struct target_spec *spec, struct target *t)
{
    return open_glm(spec, t, true);
}
