/* normal.c - y ~ N(mu, sigma): mean and standard deviation of one sample. Sampled as (mu - ybar)/s and
 * log(sigma/s), with s the sample's standard deviation, so that no digit is lost however far the data lie
 * from 0. The data enter by their mean and sum of squares alone. */
#include <math.h>
#include <stdio.h>

#include "mcmc/target.h"

struct normal {
    double n, mean, scale, ss; /* ss: sum of squares about the mean over scale^2 */
    struct prior mu, sigma;
};

static double normal_log_density(const struct target *t, const double *q, double *grad)
{
    const struct normal *m = t->model;
    double z = q[0], w = q[1], sigma = m->scale * exp(w), precision = exp(-2 * w), gmu = 0, gsigma = 0;
    double quad = (m->ss + m->n * z * z) * precision;
    double lp = prior_log_density(&m->mu, m->mean + m->scale * z, &gmu) +
                prior_log_density(&m->sigma, sigma, &gsigma);
    if (grad) {
        grad[0] = -m->n * z * precision + m->scale * gmu;
        grad[1] = 1.0 - m->n + quad + sigma * gsigma;
    }
    return lp + w - m->n * w - 0.5 * quad;
}

static void normal_constrain(const struct target *t, const double *q, double *out)
{
    const struct normal *m = t->model;
    out[0] = m->mean + m->scale * q[0];
    out[1] = m->scale * exp(q[1]);
}

/* Two passes. */
static void summarize(struct normal *m, const double *y, uint32_t n)
{
    double sum = 0, rest = 0, ss = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += y[i];
    m->n = n;
    m->mean = sum / n;
    for (uint32_t i = 0; i < n; i++)
        rest += y[i] - m->mean;
    m->mean += rest / n;
    for (uint32_t i = 0; i < n; i++)
        ss += (y[i] - m->mean) * (y[i] - m->mean);
    m->scale = n > 1 && ss > 0 ? sqrt(ss / (n - 1)) : 1;
    m->ss = ss / (m->scale * m->scale);
}

qx_err target_open_normal(const struct target_spec *spec, struct target *t)
{
    const struct qx_table *table;
    const double *y;
    uint32_t n;
    qx_err e = target_column(spec, "y", &table, &y, &n);
    if (e != QX_ERR_OK)
        return e;
    e = target_init(spec, t, 2, 2, sizeof(struct normal));
    if (e != QX_ERR_OK)
        return e;
    struct normal *m = t->model;
    summarize(m, y, n);
    t->log_density = normal_log_density;
    t->constrain = normal_constrain;
    t->n_rows = n;
    target_name(t, 0, "mu");
    target_name(t, 1, "sigma");
    (void)snprintf(t->about, sizeof t->about, "%.60s ~ normal(mu, sigma)", qx_text(spec->ctx, "y"));
    e = target_prior(spec, t, "mu", NULL, false, (struct prior){.kind = PRIOR_FLAT}, &m->mu);
    if (e == QX_ERR_OK)
        e = target_prior(spec, t, "sigma", NULL, true, (struct prior){.kind = PRIOR_LOG_FLAT}, &m->sigma);
    bool proper = prior_is_proper(&m->mu) && prior_is_proper(&m->sigma);
    if (e == QX_ERR_OK && !proper && (n < 2 || m->ss <= 0))
        e = qx_error(
            spec->ctx, QX_ERR_INVALID,
            "column \"%.60s\" has fewer than two different values: with a flat prior the posterior is "
            "improper; give priors=",
            qx_text(spec->ctx, "y"));
    return e;
}
