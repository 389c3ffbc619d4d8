/* order.h - statistics of the ordered sample under weights. Ranks count from 0. */
#ifndef TASKS_BOOT_ORDER_H
#define TASKS_BOOT_ORDER_H

#include "boot/stat.h"

/* Work space for ordering n rows; free it. NULL if memory ran out. */
struct ranked *order_work(uint32_t n);
/* The rows by x, ascending, ties by row. */
void order_rows(const double *x, uint32_t n, struct ranked *work, uint32_t *order);

/* Type 7 of Hyndman and Fan (1996); the median of an even number is the mean of the two in the middle. */
double order_quantile(const struct stat *s, const int32_t *weights, uint32_t total, double prob);

/* Mean without floor(total * share) values at each end (as R's), and the standard error of Tukey and McLaughlin (1963)
 * from the winsorized variance. */
double order_trimmed(const struct stat *s, const int32_t *weights, uint32_t total, double share,
                     double *ret_se);

#endif
