/* arma.c - ARMA(1, 1) as in Stan's manual: nu[1] = mu + phi mu, nu[t] = mu + phi y[t-1] + theta err[t-1],
 * err = y - nu ~ N(0, sigma). q = (mu, phi, theta, log sigma). The derivatives of err follow the same
 * recursion. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/target.h"

enum { MU, PHI, THETA, SIGMA, N_PARAMS };

struct arma {
    uint32_t n;
    double *y;
    struct prior prior[N_PARAMS];
};

static double arma_log_density(const struct target *t, const double *q, double *grad)
{
    const struct arma *m = t->model;
    double mu = q[MU], phi = q[PHI], theta = q[THETA], sigma = exp(q[SIGMA]), precision = exp(-2 * q[SIGMA]);
    double err = m->y[0] - mu - phi * mu, ss = err * err, lp = 0;
    double by_mu = -(1 + phi), by_phi = -mu, by_theta = 0; /* of err */
    double g[3] = {err * by_mu, err * by_phi, 0}, gp[N_PARAMS] = {0, 0, 0, 0};
    for (uint32_t i = 1; i < m->n; i++) {
        by_mu = -1 - theta * by_mu;
        by_phi = -m->y[i - 1] - theta * by_phi;
        by_theta = -err - theta * by_theta;
        err = m->y[i] - mu - phi * m->y[i - 1] - theta * err;
        ss += err * err;
        g[0] += err * by_mu;
        g[1] += err * by_phi;
        g[2] += err * by_theta;
    }
    for (int k = 0; k < N_PARAMS; k++)
        lp += prior_log_density(&m->prior[k], k == SIGMA ? sigma : q[k], &gp[k]);
    if (grad) {
        for (int k = 0; k < 3; k++)
            grad[k] = gp[k] - g[k] * precision;
        grad[SIGMA] = 1.0 - m->n + ss * precision + sigma * gp[SIGMA];
    }
    return lp + q[SIGMA] - m->n * q[SIGMA] - 0.5 * ss * precision;
}

static void arma_constrain(const struct target *t, const double *q, double *out)
{
    (void)t;
    memcpy(out, q, 3 * sizeof *out);
    out[SIGMA] = exp(q[SIGMA]);
}

static void arma_fini(struct target *t)
{
    struct arma *m = t->model;
    free(m->y);
}

qx_err target_open_arma(const struct target_spec *spec, struct target *t)
{
    static const struct {
        const char *name;
        struct prior prior;
    } of[N_PARAMS] = {{"mu", {PRIOR_NORMAL, {0, 10, 0}}},
                      {"phi", {PRIOR_NORMAL, {0, 2, 0}}},
                      {"theta", {PRIOR_NORMAL, {0, 2, 0}}},
                      {"sigma", {PRIOR_HALF_CAUCHY, {2.5, 0, 0}}}};
    const struct qx_table *table;
    const double *y;
    uint32_t n;
    qx_err e = target_column(spec, "y", &table, &y, &n);
    if (e == QX_ERR_OK)
        e = target_init(spec, t, N_PARAMS, N_PARAMS, sizeof(struct arma));
    if (e != QX_ERR_OK)
        return e;
    struct arma *m = t->model;
    t->fini = arma_fini;
    t->log_density = arma_log_density;
    t->constrain = arma_constrain;
    t->n_rows = n;
    m->n = n;
    m->y = malloc(n * sizeof *m->y);
    if (!m->y)
        return qx_error(spec->ctx, QX_ERR_NOMEM, "out of memory");
    memcpy(m->y, y, n * sizeof *y);
    (void)snprintf(t->about, sizeof t->about,
                   "%.60s ~ ARMA(1, 1): y[t] = mu + phi y[t-1] + theta e[t-1] + e[t], e ~ normal(0, sigma)",
                   qx_text(spec->ctx, "y"));
    for (uint32_t k = 0; e == QX_ERR_OK && k < N_PARAMS; k++) {
        target_name(t, k, "%s", of[k].name);
        e = target_prior(spec, t, of[k].name, NULL, k == SIGMA, of[k].prior, &m->prior[k]);
    }
    return e;
}
