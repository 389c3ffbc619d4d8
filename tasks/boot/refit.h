/* refit.h - coefficients of a linear model under weights that count rows.
 *
 * The data are fitted once, X = QR (model/lm.h). A resample is then solved in the orthonormal columns of Q, where it is well
 * conditioned, for the change of the residuals' projection: b* = b + R^-1 G^-1 Q'We, G = Q'WQ. So the accuracy is that
 * of QR, at the cost of normal equations: a fifth of what lm_fit() takes for each resample. */
#ifndef TASKS_BOOT_REFIT_H
#define TASKS_BOOT_REFIT_H

#include "model/lm.h"

struct refit;

/* Of a fit without weights. Columns that it aliased are left out: there are p = fit->rank coefficients. NULL: out of memory. */
struct refit *refit_new(struct lm_work *fit);
struct refit *refit_free(struct refit *m); /* NULL is fine; returns NULL */

/* p coefficients; and unless NULL their standard errors by the delta method (HC0: White 1980), which hold for unequal
 * variances as resampling of rows does. NULL, or why they are undefined. */
const char *refit_value(struct refit *m, const int32_t *weights, double *ret_coef, double *ret_se);

/* p coefficients under real weights. */
const char *refit_at(struct refit *m, const double *weights, double *ret_coef);

/* The same with every row once and the response X b + u, for errors u of n numbers: b* = b + R^-1 Q'u. */
const char *refit_errors(struct refit *m, const double *u, double *ret_coef, double *ret_se);

/* Residuals of the data, and the leverage of each row: what resamples of the errors are made of. */
const double *refit_residuals(const struct refit *m);
double refit_leverage(const struct refit *m, uint32_t row);
/* Of the residuals: sqrt(RSS / (n - p)). */
double refit_sigma(const struct refit *m);

#endif
