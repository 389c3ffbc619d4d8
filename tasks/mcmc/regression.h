/* regression.h - the model matrix of a regression in an orthonormal basis, X = Q R: coefficients beta =
 * R^-1 theta are sampled as theta, in which they are nearly uncorrelated whatever the columns of X are. */
#ifndef TASKS_MCMC_REGRESSION_H
#define TASKS_MCMC_REGRESSION_H

#include "mcmc/target.h"

struct regression {
    uint32_t n, p;
    double *q;                   /* n x p column-major, orthonormal columns times q_scale */
    double *r_inv;               /* p x p upper triangle, row-major: beta = r_inv theta */
    double *y, *offset, *trials; /* offset, trials: NULL for none */
    struct prior *beta, sigma;
    bool flat;       /* every beta's prior */
    double *eta, *b; /* work space: n, and 2 p */
    /* linear: theta = centre + scale z */
    double *centre, scale, rss;
};

/* Formula and data into t->model: Q, R, y, offset, priors, names beta[1] .. of the coefficients.
 * `with_sigma`: one more parameter. q_scale: 0 for sqrt(n). */
qx_err regression_open(const struct target_spec *spec, struct target *t, bool with_sigma, double q_scale);
void regression_fini(struct target *t);

/* beta at theta, its log prior; the derivative by theta is added to grad unless that is NULL. */
double regression_log_prior(const struct regression *m, const double *theta, double *grad);
void regression_beta(const struct regression *m, const double *theta, double *beta);

#endif
