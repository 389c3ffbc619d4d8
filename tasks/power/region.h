/* region.h - the region where a test rejects, and the power of tests whose statistic has a known law. Pure. */
#ifndef TASKS_POWER_REGION_H
#define TASKS_POWER_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "model/tail.h"

/* Rejects at or below `lower` and at or above `upper`. A statistic that is NaN is in no region. */
struct region {
    double lower, upper;
};

static inline bool region_has(const struct region *r, double statistic)
{
    return statistic <= r->lower || statistic >= r->upper;
}

/* p <= alpha, up to what rounding does to a p-value that equals alpha. */
static inline bool is_significant(double p, double alpha)
{
    return p <= alpha * (1 + 1e-9);
}

struct region region_z(double alpha, enum alternative alt);
struct region region_t(double df, double alpha, enum alternative alt);
struct region region_f(double df1, double df2, double alpha);

/* P(Z + shift is in the region of z). */
double power_z(double shift, double alpha, enum alternative alt);
/* The same for the noncentral t with noncentrality `ncp`. */
double power_t(double ncp, double df, double alpha, enum alternative alt);
double power_f(double ncp, double df1, double df2, double alpha);
/* The noncentral t whose noncentrality is `effect` times the root of a chi-square with df_x degrees of freedom: the power of a slope
 * or a correlation where x is normal. */
double power_t_random(double effect, double df_x, double df, double alpha, enum alternative alt);

#endif
