/* reduce_order.h - private to common/reduce*.c: doubles in the total order of their bits, so that even equal
 * values (0 and -0) come in one order, and runs that are ascending in it. NaN must not occur. */
#ifndef QX_COMMON_REDUCE_ORDER_H
#define QX_COMMON_REDUCE_ORDER_H

#include <stdbool.h>
#include <stddef.h>

/* Sorts in place; `spare` has room for n. At most 2^32 - 1 values. */
void order_sort(double *values, size_t n, double *spare);
/* The two runs as one, into `to`, which overlaps neither. */
void order_merge(const double *a, size_t n_a, const double *b, size_t n_b, double *to);
bool order_ascending(const double *values, size_t n);

#endif
