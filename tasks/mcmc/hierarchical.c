/* hierarchical.c - y[i] ~ N(theta[group i], sigma), theta[j] ~ N(mu, tau). The data enter by the groups'
 * sizes, means and the sum of squares within them. In units of s, the standard deviation of all values,
 * about their mean: not centred q = (z[1..J], (mu - ybar)/s, log(tau/s), log(sigma/s)), theta = mu + tau z;
 * centred: (theta[j] - ybar)/s. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/target.h"

struct hierarchical {
    uint32_t n_groups;
    bool centred;
    double n, mean, scale, within; /* within: sum of squares within groups, standardized */
    double *size, *group_mean;     /* standardized */
    struct prior mu, tau, sigma;
};

static double hierarchical_log_density(const struct target *t, const double *q, double *grad)
{
    const struct hierarchical *m = t->model;
    uint32_t g = m->n_groups;
    const double mu = q[g], log_tau = q[g + 1], log_sigma = q[g + 2];
    double tau = exp(log_tau), precision = exp(-2 * log_sigma), pull = exp(-2 * log_tau);
    double quad = m->within, lp = 0, gmu = 0, gtau = 0, d = 0;
    for (uint32_t j = 0; j < g; j++) {
        double theta = m->centred ? q[j] : mu + tau * q[j], r = m->group_mean[j] - theta;
        double force = m->size[j] * r * precision;
        quad += m->size[j] * r * r;
        if (m->centred) {
            d = q[j] - mu;
            lp -= 0.5 * d * d * pull;
            gmu += d * pull;
            gtau += d * d * pull;
        } else {
            lp -= 0.5 * q[j] * q[j];
            gmu += force;
            gtau += force * q[j] * tau;
        }
        if (grad)
            grad[j] = m->centred ? force - d * pull : tau * force - q[j];
    }
    if (m->centred) {
        lp -= g * log_tau;
        gtau -= g;
    }
    double dmu = 0, dtau = 0, dsigma = 0, s = m->scale, sigma = s * exp(log_sigma);
    lp += prior_log_density(&m->mu, m->mean + s * mu, &dmu) + prior_log_density(&m->tau, s * tau, &dtau) +
          prior_log_density(&m->sigma, sigma, &dsigma) + log_tau + log_sigma;
    if (grad) {
        grad[g] = gmu + s * dmu;
        grad[g + 1] = gtau + s * tau * dtau + 1;
        grad[g + 2] = quad * precision - m->n + sigma * dsigma + 1;
    }
    return lp - 0.5 * quad * precision - m->n * log_sigma;
}

static void hierarchical_constrain(const struct target *t, const double *q, double *out)
{
    const struct hierarchical *m = t->model;
    uint32_t g = m->n_groups;
    double tau = exp(q[g + 1]);
    out[0] = m->mean + m->scale * q[g];
    out[1] = m->scale * tau;
    out[2] = m->scale * exp(q[g + 2]);
    for (uint32_t j = 0; j < g; j++)
        out[j + 3] = m->mean + m->scale * (m->centred ? q[j] : q[g] + tau * q[j]);
}

static void hierarchical_fini(struct target *t)
{
    struct hierarchical *m = t->model;
    free(m->size);
    free(m->group_mean);
}

/* ---- data ---- */

struct grouped {
    uint32_t n, n_groups;
    const double *y;
    uint32_t *group;            /* of each row, in order of first appearance */
    const struct qx_column *by; /* TEXT: names of groups */
    double *value;              /* REAL: of each group */
};

/* Quadratic in the number of groups for numbers, which is small against a sampler's work. */
static uint32_t group_of(struct grouped *d, uint32_t row)
{
    uint32_t k = 0;
    double v = d->by->type == QX_COLUMN_TEXT ? (double)d->by->code[row] : d->by->real[row];
    while (k < d->n_groups && d->value[k] != v)
        k++;
    d->value[k] = v;
    if (k == d->n_groups)
        d->n_groups++;
    return k;
}

static qx_err find_groups(const struct target_spec *spec, const struct qx_table *table, struct grouped *d)
{
    d->by = qx_table_find(spec->ctx, table, qx_text(spec->ctx, "group"));
    if (!d->by)
        return QX_ERR_INVALID;
    if (d->by->n_missing > 0)
        return qx_error(spec->ctx, QX_ERR_INVALID, "group: column \"%.60s\" has %llu missing value%s",
                        d->by->name, (unsigned long long)d->by->n_missing, d->by->n_missing == 1 ? "" : "s");
    d->group = calloc(d->n, sizeof *d->group);
    d->value = calloc((size_t)TARGET_DIM_MAX + 1, sizeof *d->value);
    if (!d->group || !d->value)
        return qx_error(spec->ctx, QX_ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < d->n && d->n_groups < TARGET_DIM_MAX; i++)
        d->group[i] = group_of(d, i);
    if (d->n_groups >= TARGET_DIM_MAX)
        return qx_error(spec->ctx, QX_ERR_INVALID, "group: column \"%.60s\" has too many different values",
                        d->by->name);
    return QX_ERR_OK;
}

static qx_err summarize(const struct target_spec *spec, const struct grouped *d, struct hierarchical *m)
{
    uint32_t g = d->n_groups;
    m->n = d->n;
    m->n_groups = g;
    m->size = calloc(g, sizeof *m->size);
    m->group_mean = calloc(g, sizeof *m->group_mean);
    if (!m->size || !m->group_mean)
        return qx_error(spec->ctx, QX_ERR_NOMEM, "out of memory");
    double sum = 0, ss = 0;
    for (uint32_t i = 0; i < d->n; i++)
        sum += d->y[i];
    m->mean = sum / d->n;
    for (uint32_t i = 0; i < d->n; i++) {
        double r = d->y[i] - m->mean;
        m->size[d->group[i]] += 1;
        m->group_mean[d->group[i]] += r;
        ss += r * r;
    }
    m->scale = ss > 0 ? sqrt(ss / (d->n - 1)) : 1;
    for (uint32_t j = 0; j < g; j++)
        m->group_mean[j] /= m->size[j];
    for (uint32_t i = 0; i < d->n; i++) {
        double r = (d->y[i] - m->mean - m->group_mean[d->group[i]]) / m->scale;
        m->within += r * r;
    }
    for (uint32_t j = 0; j < g; j++)
        m->group_mean[j] /= m->scale;
    return QX_ERR_OK;
}

static qx_err describe(const struct target_spec *spec, const struct grouped *d, struct target *t)
{
    struct hierarchical *m = t->model;
    static const char *const tops[] = {"mu", "tau", "sigma"};
    for (uint32_t k = 0; k < 3; k++)
        target_name(t, k, "%s", tops[k]);
    for (uint32_t j = 0; j < m->n_groups; j++) {
        target_name(t, j + 3, "theta[%u]", j + 1);
        if (d->by->type == QX_COLUMN_TEXT)
            (void)snprintf(t->terms[j + 3], sizeof t->terms[0], "%.60s",
                           d->by->levels[(uint32_t)d->value[j]]);
        else
            (void)snprintf(t->terms[j + 3], sizeof t->terms[0], "%.12g", d->value[j]);
    }
    (void)snprintf(t->about, sizeof t->about,
                   "%.60s ~ normal(theta[%.60s], sigma), theta ~ normal(mu, tau), %scentred",
                   qx_text(spec->ctx, "y"), d->by->name, m->centred ? "" : "not ");
    qx_err e = target_prior(spec, t, "mu", NULL, false, (struct prior){.kind = PRIOR_FLAT}, &m->mu);
    if (e == QX_ERR_OK)
        e = target_prior(spec, t, "tau", NULL, true, (struct prior){.kind = PRIOR_FLAT}, &m->tau);
    if (e == QX_ERR_OK)
        e = target_prior(spec, t, "sigma", NULL, true, (struct prior){.kind = PRIOR_LOG_FLAT}, &m->sigma);
    if (e == QX_ERR_OK && !prior_is_proper(&m->tau) && m->n_groups < 3)
        e = qx_error(spec->ctx, QX_ERR_INVALID,
                     "%u group%s: the flat prior of tau needs at least 3 for a proper posterior; give "
                     "priors='tau=half_normal(scale)'",
                     m->n_groups, m->n_groups == 1 ? "" : "s");
    if (e == QX_ERR_OK && !prior_is_proper(&m->sigma) && !(m->within > 0))
        e = qx_error(
            spec->ctx, QX_ERR_INVALID,
            "no group has two different values: the prior 1/sigma needs some for a proper posterior; give "
            "priors='sigma=half_normal(scale)'");
    return e;
}

qx_err target_open_hierarchical(const struct target_spec *spec, struct target *t)
{
    const struct qx_table *table;
    struct grouped d = {.n = 0};
    qx_err e = target_column(spec, "y", &table, &d.y, &d.n);
    if (e == QX_ERR_OK)
        e = find_groups(spec, table, &d);
    if (e == QX_ERR_OK)
        e = target_init(spec, t, d.n_groups + 3, d.n_groups + 3, sizeof(struct hierarchical));
    if (e == QX_ERR_OK) {
        struct hierarchical *m = t->model;
        t->fini = hierarchical_fini;
        t->log_density = hierarchical_log_density;
        t->constrain = hierarchical_constrain;
        t->n_rows = d.n;
        m->centred = strcmp(qx_text(spec->ctx, "form"), "centred") == 0;
        e = summarize(spec, &d, m);
        if (e == QX_ERR_OK)
            e = describe(spec, &d, t);
    }
    free(d.group);
    free(d.value);
    return e;
}
