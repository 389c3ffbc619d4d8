/* glm.h - generalized linear models by iteratively reweighted least squares, as R's glm(): same start, same rule of convergence
 * (|dev - before| / (|dev| + 0.1) < epsilon within 25 iterations), standard errors from the weights of the last step; so the digits
 * are R's. Beyond R, a step that makes the deviance worse is halved too.
 *
 * Separation (Albert & Anderson 1984) is told for certain: where the last step still moves, and moves only rows with
 * responses at the edge and only towards it, the likelihood has no maximum, and the columns that move are named. */
#ifndef TASKS_MODEL_GLM_H
#define TASKS_MODEL_GLM_H

#include "model/family.h"
#include "model/lm.h"

struct glm_control {
    double tol;     /* for aliased columns */
    double epsilon; /* of convergence */
};
#define GLM_EPSILON 1e-8 /* R's */

struct glm_data {
    const double *x; /* n x p, column-major */
    uint32_t n, p;
    const char *const *names; /* p; for texts */
    const double *y;
    const double *trials;  /* binomial: of each row; NULL: the weights are */
    const double *weights; /* of rows, NULL: 1; binomial: times trials */
    const double *offset;  /* NULL: 0 */
    bool intercept;
};

struct glm_summary {
    uint32_t n, iterations;
    int64_t df, df_null;
    double deviance, null_deviance, dispersion, log_lik, aic, bic;
};

struct glm_work;

struct glm_work *glm_work_new(uint32_t n_max, uint32_t p_max); /* NULL: out of memory */
struct glm_work *glm_work_free(struct glm_work *w);            /* NULL is fine; returns NULL */

/* NULL, or why there is no fit (for qx_fail_item; valid until the next call). */
const char *glm_fit(struct glm_work *w, const struct glm_data *d, enum family f, enum link l,
                    const struct glm_control *control, struct glm_summary *ret);
/* After glm_fit: p numbers each; NaN: aliased. */
const double *glm_coef(const struct glm_work *w);
const double *glm_se(const struct glm_work *w);
uint32_t glm_rank(const struct glm_work *w);

#endif
