/* lanes.h - weighted sums in eight lanes: a fixed order that any width of vectors gives, so that bits do not depend on the
 * machine. */
#ifndef TASKS_BOOT_LANES_H
#define TASKS_BOOT_LANES_H

#include <stdint.h>

/* Sum of w[i] x[i]. */
double weighted_sum(const int32_t *w, const double *x, uint32_t n);

/* Sum of w (x - a)(y - b). */
double weighted_product(const int32_t *w, const double *x, double a, const double *y, double b, uint32_t n);

/* Sums of w x, w y, w x x, w y y, w x y. */
void weighted_cross(const int32_t *w, const double *x, const double *y, uint32_t n, double ret[5]);

#endif
