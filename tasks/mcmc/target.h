/* target.h - a posterior: its log density and gradient on unconstrained space, and the parameters people
 * see.
 *
 * A model fills one in from the context's parameters and data. lp is up to a constant and holds the
 * Jacobian of the transformation, so that sampling it uniformly in q samples the posterior. Nothing is kept
 * between calls; one thread. */
#ifndef TASKS_MCMC_TARGET_H
#define TASKS_MCMC_TARGET_H

#include "mcmc/prior.h"
#include "quincunx/task.h"

enum { TARGET_NAME_BYTES = 64, TARGET_DIM_MAX = 4096, TARGET_ABOUT_BYTES = 1024 };

struct target {
    uint32_t n_dim; /* of q */
    uint32_t n_out; /* numbers of a draw */
    /* -INFINITY or NaN: impossible. With grad (n_dim numbers, may be NULL) all of it is written. */
    double (*log_density)(const struct target *t, const double *q, double *grad);
    void (*constrain)(const struct target *t, const double *q, double *out);
    void (*fini)(struct target *t);   /* may be NULL */
    char (*names)[TARGET_NAME_BYTES]; /* n_out: "mu", "theta[1]" */
    char (*terms)[TARGET_NAME_BYTES]; /* n_out, what stands behind a name, "" for nothing; may be NULL */
    char about[TARGET_ABOUT_BYTES];   /* the model in words, one line */
    char priors[TARGET_ABOUT_BYTES];  /* the priors in words */
    char note[TARGET_ABOUT_BYTES];    /* what people should know besides, "" for nothing */
    uint32_t n_rows;                  /* of the data, 0: none */
    bool no_gradient;                 /* log_density differences instead */
    void *model;                      /* its own */
};

/* What a model's opener gets. */
struct target_spec {
    struct qx_ctx *ctx;
    struct priors *priors;
};

typedef qx_err target_open_f(const struct target_spec *spec, struct target *ret);
target_open_f target_open_normal, target_open_schools, target_open_hierarchical, target_open_linear,
    target_open_logistic, target_open_poisson, target_open_arma, target_open_gaussian, target_open_user;

void target_close(struct target *t);

/* ---- for models ---- */

/* Allocates model (`bytes`, zeroed), names and terms. NOMEM is told to ctx. */
qx_err target_init(const struct target_spec *spec, struct target *t, uint32_t n_dim, uint32_t n_out,
                   size_t bytes);
void target_name(struct target *t, uint32_t i, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Finds the prior of parameter `name`, and adds it to the target's `priors`. */
qx_err target_prior(const struct target_spec *spec, struct target *t, const char *name, const char *family,
                    bool positive, struct prior fallback, struct prior *ret);
/* The numbers of a column named by the parameter `param` of the task. Missing values are refused. Fails
 * with what is wrong. */
qx_err target_column(const struct target_spec *spec, const char *param, const struct qx_table **ret_table,
                     const double **ret_x, uint32_t *ret_n);
/* Compares the gradient with central differences at q; SIZE_MAX: they agree, else the coordinate that does
 * not. */
size_t target_check_gradient(const struct target *t, const double *q, double *ret_given,
                             double *ret_difference);
/* log_density by central differences of `value`; n_dim + 1 evaluations and as many again. */
double target_difference(const struct target *t, double (*value)(const struct target *t, const double *q),
                         const double *q, double *grad, double *work);

#endif
