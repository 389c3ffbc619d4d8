/* cholesky.h - positive definite matrices, row-major. Pure. */
#ifndef TASKS_EM_CHOLESKY_H
#define TASKS_EM_CHOLESKY_H

#include <stdbool.h>
#include <stdint.h>

/* The lower Cholesky factor of a p x p matrix, in the place of its lower triangle; false if the square of a pivot is not above
 * floor2 times the diagonal of `scale2` (NULL: 0). */
bool cholesky(double *a, uint32_t p, double floor2, const double *scale2);

/* Solves L x = b in place, for the lower factor of an n x n matrix. */
void cholesky_forward(const double *l, uint32_t n, double *x);
/* Column q of the inverse of L L'. */
void cholesky_inverse_column(const double *l, uint32_t n, uint32_t q, double *ret);

#endif
