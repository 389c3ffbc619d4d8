/* line.h - straight lines: least squares (lm, cor.test) and the logistic regression on one variable (glm). Pure. */
#ifndef TASKS_POWER_LINE_H
#define TASKS_POWER_LINE_H

#include <stdint.h>

/* The t statistic of the slope of y on x, n - 2 degrees of freedom; also that of the correlation. */
double line_t(const double *x, const double *y, uint32_t n);

enum logit_end { LOGIT_OK, LOGIT_CONSTANT_X, LOGIT_ONE_OUTCOME, LOGIT_SEPARATED, LOGIT_NO_CONVERGENCE };
/* Wald's z of the slope by the iterations of R's glm (IRLS, relative change of the deviance below 1e-8, at most 25), whose standard
 * error comes from the weights of the last but one estimate. y: 0 or 1. work: 2 n places. */
enum logit_end logit_z(const double *x, const double *y, uint32_t n, double *work, double *ret_z);

#endif
