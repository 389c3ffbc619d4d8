/* lm.h - linear least squares by Householder QR with the limited column pivoting of R's lm(): a column that the earlier ones
 * give up to `tol` of its length goes to the end and is aliased. Columns otherwise keep their order.
 *
 * Work space is allocated once. Pure but for that; one thread. */
#ifndef TASKS_MODEL_LM_H
#define TASKS_MODEL_LM_H

#include <stdbool.h>
#include <stdint.h>

#define LM_TOL 1e-9 /* R takes 1e-7 in lm(), which drops a column of NIST's Filip, and 1e-11 in glm() */

struct lm_work {
    uint32_t n_max, p_max;
    double *qr;      /* n x p column-major */
    double *aux;     /* diagonal of the reflectors' vectors */
    double *norms;   /* p */
    uint32_t *pivot; /* column k of qr is column pivot[k] of x */
    double *qty;     /* n */
    double *inv;     /* p x p: R^-1, upper, column-major */
    double *root_w;  /* n */
    /* What was fitted: */
    uint32_t n, p, rank;
    double *coef;   /* p; NaN: aliased */
    double *se;     /* p; sigma x sqrt((X'WX)^-1) */
    double *fitted; /* n; without the offset */
    double *resid;  /* n; y - offset - fitted */
};

struct lm_summary {
    uint32_t n;   /* rows with a weight over 0 */
    int64_t df;   /* of the residuals */
    double rss;   /* weighted */
    double sigma; /* sqrt(rss / df); NaN for df = 0 */
    double r_squared, adj_r_squared;
    double f;      /* NaN where there is nothing but the intercept */
    uint32_t f_df; /* of the model; the other is df */
    double log_lik, aic, bic;
};

/* NULL: out of memory. */
struct lm_work *lm_work_new(uint32_t n_max, uint32_t p_max);
struct lm_work *lm_work_free(struct lm_work *w); /* NULL is fine; returns NULL */

/* Least squares of y - offset on x (n x p, column-major) with weights; weights and offset may be NULL. Sets coef, fitted,
 * resid, rank. Rows with weight 0 count for nothing but fitted and resid. n >= 1. */
void lm_fit(struct lm_work *w, const double *x, uint32_t n, uint32_t p, const double *y,
            const double *weights, const double *offset, double tol);
/* After lm_fit: column k < rank of Q, orthonormal, to ret[0], ret[step], ..: with R, the upper triangle of qr, it gives column
 * pivot[k] of x. Overwrites `fitted`. */
void lm_orthonormal(struct lm_work *w, uint32_t k, double *ret, uint32_t step);
/* After lm_fit: se without the factor sigma, i.e. sqrt of the diagonal of (X'WX)^-1; NaN where aliased. */
void lm_unscaled_se(struct lm_work *w);
/* After lm_fit, with the same y, weights and offset: the summary, and se. */
void lm_summarize(struct lm_work *w, const double *weights, bool intercept, struct lm_summary *ret);

#endif
