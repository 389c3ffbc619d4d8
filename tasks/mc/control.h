/* control.h - the regression estimator of control variates. Pure.
 *
 * Of k functions and c controls with known means, from n independent draws with the sample means m and the sample
 * covariance matrix S (divisor n - 1) of all of them, functions first:
 *   beta = S_cc^-1 S_cf,  estimate = m_f - beta' (m_c - mu)
 * with the covariance matrix of least squares, the residual covariance (divisor n - 1 - c) times
 *   1/n + (m_c - mu)' S_cc^-1 (m_c - mu) / (n - 1).
 * S. S. Lavenberg & P. D. Welch, Management Science 27, 1981. */
#ifndef TASKS_MC_CONTROL_H
#define TASKS_MC_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTROLS_MAX = 16, FUNCTIONS_MAX = 16, COLUMNS_OF_MOMENTS = CONTROLS_MAX + FUNCTIONS_MAX };

/* What is known about k functions at the end. */
struct estimates {
    uint32_t k;
    double value[FUNCTIONS_MAX];
    double cov[FUNCTIONS_MAX][FUNCTIONS_MAX]; /* of the values */
    double df;
};

struct control_fit {
    uint32_t c;
    bool aliased[CONTROLS_MAX]; /* constant, or a combination of those before it: left out, beta is 0 */
    double beta[CONTROLS_MAX][FUNCTIONS_MAX];
    double r2[FUNCTIONS_MAX]; /* share of the variance that the controls explain */
};

/* cov: (k + c) x (k + c) numbers, row-major. */
void control_regress(uint32_t k, uint32_t c, double n, const double *mean, const double *cov,
                     const double *known, struct control_fit *fit, struct estimates *ret);

#endif
