/* smooth.h - statistics as functions of the probability that each row has: those that are smooth in it. */
#ifndef TASKS_BOOT_SMOOTH_H
#define TASKS_BOOT_SMOOTH_H

#include "boot/stat.h"

/* NULL if a statistic is smooth, else how a person calls what in it is not ("median", "a plugin's"). */
const char *smooth_check(const struct stat *s);

/* A smooth statistic where row i has weight w[i], real and not all alike: the weights sum to the number of rows, and whole weights
 * give what stat_value() does, but for rounding. False where it is undefined. */
bool smooth_value(const struct stat *s, const double *w, double *ret_theta);

#endif
