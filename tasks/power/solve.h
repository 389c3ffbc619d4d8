/* solve.h - the size at which a formula or an enumeration gives a power. */
#ifndef TASKS_POWER_SOLVE_H
#define TASKS_POWER_SOLVE_H

#include "power/power.h"

/* Sizes of all groups where the first has n: with ratio= multiples of it. whole: rounded up. */
void power_sizes(const struct power *p, double n, bool whole, double *ret);

/* The first group's size: a real number of at least design->n_least, or where `whole` the smallest whole one. NaN: there is no such
 * formula, or none up to N_MAX reaches the target. */
double solve_n(const struct power *p, analytic_f f, bool whole, double target);

#endif
