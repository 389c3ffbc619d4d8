/* reduce_wilson.h - private to common/reduce*.c: the 95 % score interval of a proportion (Wilson 1927), n > 0. */
#ifndef QX_COMMON_REDUCE_WILSON_H
#define QX_COMMON_REDUCE_WILSON_H

#include <math.h>
#include <stdint.h>

#define QX_NORMAL_975 1.959963984540054 /* the 0.975 quantile of N(0, 1) */

static inline double wilson_bound(uint64_t ones, uint64_t n, double z)
{
    double count = (double)n, p = (double)ones / count, z2 = z * z;
    return (p + z2 / (2 * count) + z * sqrt(p * (1 - p) / count + z2 / (4 * count * count))) /
           (1 + z2 / count);
}

static inline double wilson_lower(uint64_t ones, uint64_t n)
{
    return ones == 0 ? 0 : wilson_bound(ones, n, -QX_NORMAL_975);
}

static inline double wilson_upper(uint64_t ones, uint64_t n)
{
    return ones == n ? 1 : wilson_bound(ones, n, QX_NORMAL_975);
}

#endif
