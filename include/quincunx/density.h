/* density.h - a log density of your own, for the task mcmc.
 *
 * A density is a shared object that exports one symbol, `qx_density`, and needs no library to link with.
 * `qx run mcmc model=user density=NAME` loads densities/NAME.so beside the plugins ($QX_PLUGIN_DIR/densities,
 * or those installed; or $QX_DENSITY_DIR/NAME.so where that is set) on every machine that runs a worker:
 * install it there as you install a task plugin.
 *
 *     cc -O2 -std=c11 -ffp-contract=off -fPIC -shared $(pkg-config --cflags quincunx) -o NAME.so NAME.c
 *
 * Sampling happens on unconstrained space: all of R^n. A positive parameter is sampled as its logarithm, with
 * the Jacobian added to the log density: log p(exp(q)) + q. Rules as for tasks: a function of q and of what
 * open() read, nothing kept from call to call. */
#ifndef QUINCUNX_DENSITY_H
#define QUINCUNX_DENSITY_H

#include "quincunx/task.h"

#ifdef __cplusplus
extern "C" {
#endif

#define QX_DENSITY_ABI 1u

struct qx_density {
    uint32_t abi_version;     /* QX_DENSITY_ABI */
    uint32_t struct_size;     /* sizeof(struct qx_density) */
    const char *help;         /* one line: the model in words */
    uint32_t n_dim;           /* numbers of q; open() may say otherwise */
    uint32_t n_out;           /* numbers of a draw; 0: as many as n_dim */
    const char *const *names; /* n_out names of what is drawn, e.g. "sigma", "beta[2]"; NULL: x[1] .. */

    /* Reads the data: qx_table(ctx, "data") and its columns (NULL where the user gave none), and
     * qx_text(ctx, "args"), a text that is yours to interpret. May set the dimensions and leave a state for
     * the other functions. On failure call qx_error() and return its code. May be NULL. */
    qx_err (*open)(struct qx_ctx *ctx, void **ret_state, uint32_t *n_dim, uint32_t *n_out);
    /* The log density at q, up to a constant; -INFINITY or NaN where it is impossible. With has_gradient and
     * grad not NULL, its n_dim derivatives as well. */
    double (*log_density)(const void *state, const double *q, double *grad);
    /* What people see of q: n_out numbers. NULL: q itself. */
    void (*constrain)(const void *state, const double *q, double *out);
    void (*close)(void *state); /* may be NULL */
    /* The gradient is checked against differences when a job starts. Without it central differences stand
     * for it, 2 n_dim + 1 evaluations each. */
    bool has_gradient;
};

extern QX_PLUGIN_EXPORT const struct qx_density qx_density;

#ifdef __cplusplus
}
#endif
#endif
