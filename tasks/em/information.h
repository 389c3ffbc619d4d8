/* information.h - standard errors from the observed information: minus the matrix of second derivatives of the log-likelihood, by
 * central differences of its exact gradient (which an E-step gives: T. A. Louis, JRSS B 44, 1982). */
#ifndef TASKS_EM_INFORMATION_H
#define TASKS_EM_INFORMATION_H

#include "em/mixture.h"

enum { INFORMATION_MAX = 300 }; /* parameters */

enum information { INFORMATION_OK, INFORMATION_NO_MAXIMUM, INFORMATION_NO_MEMORY };

/* Standard errors in the places of their parameters; those of the weights include the last one, which is not free.
 * NO_MAXIMUM: the information is not positive definite there. At most INFORMATION_MAX parameters. */
enum information information_errors(const struct mixture *m, const struct rows *data, struct mixture *ret_se);

/* For tests: the gradient, in the order weights but the last, means, lower triangles of covariances. */
void information_gradient(const struct mixture *m, struct sums *s, const struct rows *data, double *ret);

#endif
