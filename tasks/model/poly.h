/* poly.h - polynomials as columns of a model matrix, as R's poly(). Pure. */
#ifndef TASKS_MODEL_POLY_H
#define TASKS_MODEL_POLY_H

#include <stdbool.h>
#include <stdint.h>

/* Orthonormal polynomials of x of the degrees 1 .. degree: ret is n x degree, column-major. By the three-term recurrence (Forsythe
 * 1957), each column then cleared of the earlier ones once more. False if x has too few distinct values. */
bool poly_orthogonal(const double *x, uint32_t n, uint32_t degree, double *ret);
/* x, x^2, .. */
void poly_raw(const double *x, uint32_t n, uint32_t degree, double *ret);

#endif
