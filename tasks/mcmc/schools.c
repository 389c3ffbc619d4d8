/* schools.c - meta-analysis with known standard errors (Rubin 1981): y[j] ~ N(theta[j], se[j]), theta[j] ~
 * N(mu, tau). Not centred: q = (z[1..J], mu, log tau), theta = mu + tau z. Centred: q = (theta[1..J], mu,
 * log tau). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/target.h"

static const double rubin_y[8] = {28, 8, -3, 7, -1, 1, 18, 12}, rubin_se[8] = {15, 10, 16, 11, 9, 11, 10, 18};

struct schools {
    uint32_t n;
    bool centred;
    double *y, *weight; /* weight: 1 / se^2 */
    struct prior mu, tau;
};

static double schools_log_density(const struct target *t, const double *q, double *grad)
{
    const struct schools *m = t->model;
    uint32_t n = m->n;
    double mu = q[n], tau = exp(q[n + 1]), gmu = 0, gtau = 0;
    double lp = prior_log_density(&m->mu, mu, &gmu) + prior_log_density(&m->tau, tau, &gtau) + q[n + 1];
    double quad = 0, slope = 0; /* slope: derivative by log tau without the prior's part */
    if (m->centred) {
        double precision = exp(-2 * q[n + 1]);
        for (uint32_t j = 0; j < n; j++) {
            double r = m->y[j] - q[j], d = q[j] - mu, pull = d * precision;
            quad += r * r * m->weight[j] + d * pull;
            gmu += pull;
            slope += d * pull;
            if (grad)
                grad[j] = r * m->weight[j] - pull;
        }
        lp -= n * q[n + 1];
        slope -= n;
    } else {
        for (uint32_t j = 0; j < n; j++) {
            double r = m->y[j] - mu - tau * q[j], force = r * m->weight[j];
            quad += r * force + q[j] * q[j];
            gmu += force;
            slope += force * q[j];
            if (grad)
                grad[j] = tau * force - q[j];
        }
        slope *= tau;
    }
    if (grad) {
        grad[n] = gmu;
        grad[n + 1] = slope + tau * gtau + 1;
    }
    return lp - 0.5 * quad;
}

static void schools_constrain(const struct target *t, const double *q, double *out)
{
    const struct schools *m = t->model;
    double mu = q[m->n], tau = exp(q[m->n + 1]);
    out[0] = mu;
    out[1] = tau;
    for (uint32_t j = 0; j < m->n; j++)
        out[j + 2] = m->centred ? q[j] : mu + tau * q[j];
}

static void schools_fini(struct target *t)
{
    struct schools *m = t->model;
    free(m->y);
    free(m->weight);
}

static qx_err schools_data(const struct target_spec *spec, const double **ret_y, const double **ret_se,
                           uint32_t *ret_n)
{
    const struct qx_table *table;
    qx_err e = target_column(spec, "y", &table, ret_y, ret_n);
    if (e == QX_ERR_OK)
        e = target_column(spec, "se", &table, ret_se, ret_n);
    for (uint32_t i = 0; e == QX_ERR_OK && i < *ret_n; i++) {
        if (!((*ret_se)[i] > 0))
            e = qx_error(spec->ctx, QX_ERR_INVALID, "se: the standard error in data row %u is not above 0",
                         i + 1);
    }
    return e;
}

qx_err target_open_schools(const struct target_spec *spec, struct target *t)
{
    const double *y = rubin_y, *se = rubin_se;
    uint32_t n = 8;
    bool own = qx_table(spec->ctx, "data") != NULL;
    qx_err e = own ? schools_data(spec, &y, &se, &n) : QX_ERR_OK;
    if (e == QX_ERR_OK)
        e = target_init(spec, t, n + 2, n + 2, sizeof(struct schools));
    if (e != QX_ERR_OK)
        return e;
    struct schools *m = t->model;
    t->fini = schools_fini;
    t->log_density = schools_log_density;
    t->constrain = schools_constrain;
    t->n_rows = n;
    m->n = n;
    m->centred = strcmp(qx_text(spec->ctx, "form"), "centred") == 0;
    m->y = malloc(n * sizeof *m->y);
    m->weight = malloc(n * sizeof *m->weight);
    if (!m->y || !m->weight)
        return qx_error(spec->ctx, QX_ERR_NOMEM, "out of memory");
    target_name(t, 0, "mu");
    target_name(t, 1, "tau");
    for (uint32_t j = 0; j < n; j++) {
        m->y[j] = y[j];
        m->weight[j] = 1 / (se[j] * se[j]);
        target_name(t, j + 2, "theta[%u]", j + 1);
    }
    (void)snprintf(t->about, sizeof t->about,
                   "y[j] ~ normal(theta[j], se[j]), theta[j] ~ normal(mu, tau), %scentred%s",
                   m->centred ? "" : "not ", own ? "" : "; data of Rubin (1981)");
    e = target_prior(spec, t, "mu", NULL, false, (struct prior){PRIOR_NORMAL, {0, 5, 0}}, &m->mu);
    if (e == QX_ERR_OK)
        e = target_prior(spec, t, "tau", NULL, true, (struct prior){PRIOR_HALF_CAUCHY, {5, 0, 0}}, &m->tau);
    return e;
}
