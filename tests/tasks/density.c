/* Densities of a user's for tests of mcmc: two normals, the second's logarithm sampled; QX_VARIANT chooses
 * what is wrong with it. */
#include <math.h>
#include <stdlib.h>

#include "quincunx/density.h"

enum { GOOD, WRONG_GRADIENT, NO_GRADIENT, NOWHERE, RARE };

static qx_err pair_open(struct qx_ctx *ctx, void **ret_state, uint32_t *n_dim, uint32_t *n_out)
{
    double *mean = malloc(sizeof *mean);
    if (!mean)
        return QX_ERR_NOMEM;
    char *end;
    *mean = strtod(qx_text(ctx, "args"), &end);
    *ret_state = mean;
    *n_dim = *n_out = 2;
    if (*end) {
        free(mean);
        return qx_error(ctx, QX_ERR_INVALID, "args: a number is wanted");
    }
    return QX_ERR_OK;
}

/* a ~ normal(args, 2), b ~ exponential(1) */
static double pair_log_density(const void *state, const double *q, double *grad)
{
    const double *mean = state;
    if (QX_VARIANT == NOWHERE || (QX_VARIANT == RARE && q[0] < 1.98))
        return NAN;
    double z = (q[0] - *mean) / 2, b = exp(q[1]);
    if (grad) {
        grad[0] = -z / 2;
        grad[1] = QX_VARIANT == WRONG_GRADIENT ? 1 + b : 1 - b;
    }
    return -0.5 * z * z - b + q[1];
}

static void pair_constrain(const void *state, const double *q, double *out)
{
    (void)state;
    out[0] = q[0];
    out[1] = exp(q[1]);
}

static const char *const names[] = {"a", "b"};

const struct qx_density qx_density = {
    .abi_version = QX_DENSITY_ABI,
    .struct_size = sizeof(struct qx_density),
    .help = "a normal and an exponential",
    .names = names,
    .open = pair_open,
    .log_density = pair_log_density,
    .constrain = pair_constrain,
    .close = free,
    .has_gradient = QX_VARIANT != NO_GRADIENT,
};
