/* gaussian.c - a target with known moments, to try samplers on: x ~ N(0, S) in `dim` dimensions, S[i, j] =
 * rho^|i - j|. Its precision matrix is tridiagonal: x[1] and (x[i] - rho x[i-1]) / sqrt(1 - rho^2) are
 * independent. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "mcmc/target.h"

struct gaussian {
    double rho, precision;
};

static double gaussian_log_density(const struct target *t, const double *q, double *grad)
{
    const struct gaussian *m = t->model;
    double lp = -0.5 * q[0] * q[0];
    if (grad)
        grad[0] = -q[0];
    for (uint32_t i = 1; i < t->n_dim; i++) {
        double r = q[i] - m->rho * q[i - 1];
        lp -= 0.5 * r * r * m->precision;
        if (grad) {
            grad[i] = -r * m->precision;
            grad[i - 1] += m->rho * r * m->precision;
        }
    }
    return lp;
}

static void gaussian_constrain(const struct target *t, const double *q, double *out)
{
    memcpy(out, q, t->n_dim * sizeof *out);
}

qx_err target_open_gaussian(const struct target_spec *spec, struct target *t)
{
    uint32_t n = (uint32_t)qx_int(spec->ctx, "dim");
    qx_err e = target_init(spec, t, n, n, sizeof(struct gaussian));
    if (e != QX_ERR_OK)
        return e;
    struct gaussian *m = t->model;
    m->rho = qx_real(spec->ctx, "rho");
    m->precision = 1 / (1 - m->rho * m->rho);
    t->log_density = gaussian_log_density;
    t->constrain = gaussian_constrain;
    for (uint32_t i = 0; i < n; i++)
        target_name(t, i, "x[%u]", i + 1);
    (void)snprintf(t->about, sizeof t->about, "x ~ normal(0, S), S[i, j] = %.6g^|i - j|, %u dimensions",
                   m->rho, n);
    return QX_ERR_OK;
}
