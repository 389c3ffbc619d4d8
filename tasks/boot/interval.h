/* interval.h - ends of bootstrap intervals from the ordered values. Pure. */
#ifndef TASKS_BOOT_INTERVAL_H
#define TASKS_BOOT_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>

/* The alpha quantile of n ascending values as Davison and Hinkley (1997), eq. 5.8: between the order statistics on either
 * side of (n + 1) alpha, linear on the scale of normal quantiles. *ret_extreme is set, never cleared, when alpha lies beyond
 * the values: then the first or last is given. NaN for n = 0 or alpha outside of (0, 1). */
double interval_quantile(const double *sorted, size_t n, double alpha, bool *ret_extreme);

/* The least of n ascending values whose cumulated probability, which ends with 1, is alpha or more: the inverse of the
 * distribution function. */
double interval_quantile_weighted(const double *sorted, const double *cum, size_t n, double alpha);

/* How many of n ascending values are below v, and how many equal it, with slack on either side. */
void interval_rank(const double *sorted, size_t n, double v, double slack, size_t *ret_below,
                   size_t *ret_equal);

/* The probability at which BCa reads the distribution (Efron 1987, eq. 2.3). NaN where it is undefined. */
double interval_bca_level(double z0, double acceleration, double alpha);

#endif
