/* lm.h - coefficients of a linear model under weights that count rows.
 *
 * The data are factored once, X = QR (Householder, GSL). A resample is then solved in the orthonormal columns of Q, where
 * it is well conditioned, for the change of the residuals' projection: b* = b + R^-1 G^-1 Q'We, G = Q'WQ. So the
 * accuracy is that of QR, at the cost of normal equations. */
#ifndef TASKS_BOOT_LM_H
#define TASKS_BOOT_LM_H

#include <stdint.h>

struct lm;

enum lm_error { LM_OK, LM_NOMEM, LM_COLLINEAR, LM_TOO_FEW_ROWS };

/* y: n numbers; terms: p columns of n numbers, the constant among them if there is one. */
enum lm_error lm_new(const double *y, const double *const *terms, uint32_t n, uint32_t p, struct lm **ret);
void lm_free(struct lm *m);
/* p coefficients; and unless NULL their standard errors by the delta method (HC0: White 1980), which hold for unequal
 * variances as resampling of rows does. NULL, or why they are undefined. */
const char *lm_value(struct lm *m, const int32_t *weights, double *ret_coef, double *ret_se);

/* The same with every row once and the response X b + u, for errors u of n numbers: b* = b + R^-1 Q'u. */
const char *lm_value_errors(struct lm *m, const double *u, double *ret_coef, double *ret_se);

/* Residuals of the data, and the leverage of each row: what resamples of the errors are made of. */
const double *lm_residuals(const struct lm *m);
double lm_leverage(const struct lm *m, uint32_t row);
/* Of the residuals: sqrt(RSS / (n - p)). */
double lm_sigma(const struct lm *m);

#endif
