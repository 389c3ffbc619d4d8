#include "mcmc/target.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void target_close(struct target *t)
{
    if (t->fini)
        t->fini(t);
    free(t->model);
    free(t->names);
    free(t->terms);
    *t = (struct target){.n_dim = 0};
}

qx_err target_init(const struct target_spec *spec, struct target *t, uint32_t n_dim, uint32_t n_out,
                   size_t bytes)
{
    *t = (struct target){.n_dim = n_dim, .n_out = n_out};
    if (n_dim > TARGET_DIM_MAX || n_out > TARGET_DIM_MAX)
        return qx_error(spec->ctx, QX_ERR_INVALID, "the model has %u parameters; at most %d are sampled",
                        n_dim > n_out ? n_dim : n_out, TARGET_DIM_MAX);
    t->model = calloc(1, bytes + 1);
    t->names = calloc(n_out + 1, sizeof *t->names);
    t->terms = calloc(n_out + 1, sizeof *t->terms);
    if (t->model && t->names && t->terms)
        return QX_ERR_OK;
    target_close(t);
    return qx_error(spec->ctx, QX_ERR_NOMEM, "out of memory");
}

void target_name(struct target *t, uint32_t i, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(t->names[i], sizeof t->names[i], fmt, ap);
    va_end(ap);
}

qx_err target_prior(const struct target_spec *spec, struct target *t, const char *name, const char *family,
                    bool positive, struct prior fallback, struct prior *ret)
{
    char why[PLACE_BYTES], text[80];
    if (!priors_find(spec->priors, name, family, positive, fallback, ret, why))
        return qx_error(spec->ctx, QX_ERR_INVALID, "%s", why);
    prior_format(ret, text, sizeof text);
    size_t len = strlen(t->priors);
    (void)snprintf(t->priors + len, sizeof t->priors - len, "%s%s ~ %s", len > 0 ? ", " : "", name, text);
    return QX_ERR_OK;
}

qx_err target_column(const struct target_spec *spec, const char *param, const struct qx_table **ret_table,
                     const double **ret_x, uint32_t *ret_n)
{
    struct qx_ctx *ctx = spec->ctx;
    const struct qx_table *table = qx_table(ctx, "data");
    if (!table)
        return qx_error(ctx, QX_ERR_INVALID, "give data=, a CSV file with a header");
    const struct qx_column *c = qx_table_find(ctx, table, qx_text(ctx, param));
    if (!c)
        return QX_ERR_INVALID;
    if (c->type != QX_COLUMN_REAL)
        return qx_error(ctx, QX_ERR_INVALID, "%s: column \"%.60s\" holds text; the model needs numbers",
                        param, c->name);
    uint64_t n = qx_table_rows(ctx, table);
    if (n == 0 || n > UINT32_MAX / 8)
        return qx_error(ctx, QX_ERR_INVALID, "the data have %llu rows", (unsigned long long)n);
    for (uint64_t i = 0; i < n; i++) {
        if (!isfinite(c->real[i]))
            return qx_error(ctx, QX_ERR_INVALID,
                            "column \"%.60s\" has %llu missing value%s, the first in data row %llu", c->name,
                            (unsigned long long)c->n_missing, c->n_missing == 1 ? "" : "s",
                            (unsigned long long)i + 1);
    }
    *ret_table = table;
    *ret_x = c->real;
    *ret_n = (uint32_t)n;
    return QX_ERR_OK;
}

/* The step that balances rounding and truncation of a central difference. */
static double step_at(double x)
{
    double h = cbrt(DBL_EPSILON) * fmax(fabs(x), 1);
    volatile double there = x + h;
    return there - x;
}

double target_difference(const struct target *t, double (*value)(const struct target *t, const double *q),
                         const double *q, double *grad, double *work)
{
    double lp = value(t, q);
    memcpy(work, q, t->n_dim * sizeof *work);
    for (uint32_t i = 0; grad && i < t->n_dim; i++) {
        double h = step_at(q[i]);
        work[i] = q[i] + h;
        double up = value(t, work);
        work[i] = q[i] - h;
        grad[i] = (up - value(t, work)) / (2 * h);
        work[i] = q[i];
    }
    return lp;
}

size_t target_check_gradient(const struct target *t, const double *q, double *ret_given,
                             double *ret_difference)
{
    size_t bad = SIZE_MAX, n = t->n_dim;
    double *work = malloc((2 * n + 1) * sizeof *work);
    if (!work)
        return bad;
    double *grad = work + n, lp = t->log_density(t, q, grad);
    memcpy(work, q, n * sizeof *work);
    for (size_t i = 0; i < n && bad == SIZE_MAX && isfinite(lp); i++) {
        double h = step_at(q[i]);
        work[i] = q[i] + h;
        double up = t->log_density(t, work, NULL);
        work[i] = q[i] - h;
        double down = t->log_density(t, work, NULL);
        work[i] = q[i];
        double d = (up - down) / (2 * h), rounding = 8 * DBL_EPSILON * (fabs(up) + fabs(down)) / h;
        if (isfinite(d) && !(fabs(d - grad[i]) <= 1e-4 * (1 + fabs(d) + fabs(grad[i])) + rounding)) {
            bad = i;
            *ret_given = grad[i];
            *ret_difference = d;
        }
    }
    free(work);
    return bad;
}
