/* nls.h - nonlinear least squares by a trust region (Levenberg-Marquardt as in MINPACK's lmder: More 1978), with exact
 * derivatives.
 *
 * Converged means: the residuals are orthogonal to the tangent plane, by the relative offset of Bates & Watts (1981) as R's nls()
 * takes it, below 1e-6 (or the full step to the minimum of the linear model moves no parameter by 1e-8 of itself), and the tangent plane has full rank. What merely stops
 * is never called converged. */
#ifndef TASKS_MODEL_NLS_H
#define TASKS_MODEL_NLS_H

#include "model/lm.h"

/* At params: f(x_i) in ret_f (n), and unless NULL the derivatives in ret_slopes (n x p, column-major). */
struct nls_model {
    void (*value)(void *arg, const double *params, double *ret_f, double *ret_slopes);
    void *arg;
    uint32_t n, p;
    const double *y;
    const double *weights; /* NULL: 1 */
};

struct nls_summary {
    uint32_t n, iterations;
    int64_t df;
    double rss, sigma, offset; /* of Bates & Watts */
    double log_lik, aic, bic;
};

struct nls_work;
struct nls_work *nls_work_new(uint32_t n_max, uint32_t p); /* NULL: out of memory */
struct nls_work *nls_work_free(struct nls_work *w);        /* NULL is fine; returns NULL */

/* From start (p numbers). NULL, or why there is no fit (for qx_fail_item; a constant). */
const char *nls_fit(struct nls_work *w, const struct nls_model *m, const double *start,
                    struct nls_summary *ret);
const double *nls_params(const struct nls_work *w); /* p */
const double *nls_se(const struct nls_work *w);     /* p */

#endif
