/* abc.h - approximate bootstrap confidence intervals: BCa without resampling, by derivatives of a smooth statistic with respect to
 * the probabilities of the rows (DiCiccio & Efron, Biometrika 79:231, 1992; Efron & Tibshirani 1993, section 14.4; with
 * strata as Davison & Hinkley 1997, section 5.4.2). */
#ifndef TASKS_BOOT_ABC_H
#define TASKS_BOOT_ABC_H

#include "boot/boot.h"

/* It takes 2 n + 1 evaluations over n rows, and 4 more for each number. */
enum { ABC_ROWS_MAX = 20000 };

struct abc {
    bool ok; /* false: undefined somewhere on the way, or no spread */
    double acceleration, lower, upper;
};

/* For each number of the statistics, all of them smooth. False: out of memory. */
bool abc_intervals(const struct boot *b, double level, struct abc *ret);

#endif
