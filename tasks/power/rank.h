/* rank.h - the rank-sum and the signed-rank test, as R's wilcox.test. Pure. */
#ifndef TASKS_POWER_RANK_H
#define TASKS_POWER_RANK_H

#include <stdbool.h>
#include <stdint.h>

#include "power/region.h"

/* R's W: rank sum of x less n (n + 1) / 2. V: sum of the ranks of |x| where x > 0, zeros left out. */
struct rank_statistic {
    double value;
    double ties;     /* sum of t^3 - t over tied ranks */
    uint32_t n1, n2; /* n2: 0 for V; n1 without zeros */
    bool has_zeros;
};
/* keys, scratch: n1 + n2 places each. */
struct rank_statistic rank_sum(const double *x, uint32_t n1, const double *y, uint32_t n2, uint64_t *keys,
                               uint64_t *scratch);
struct rank_statistic signed_rank(const double *x, uint32_t n, uint64_t *keys, uint64_t *scratch);

/* Normal approximation with continuity correction. NaN where all are tied. */
double rank_z(const struct rank_statistic *s, enum alternative alt);

/* The law of W (n1 * n2 + 1 probabilities) where x follows the k-th power of the distribution function of y; k = 1: the same law.
 * ret: (n1 * n2 + 1) * (n2 + 1) places, of which the law takes the first. */
void rank_sum_law(uint32_t n1, uint32_t n2, double k, double *ret);
/* The law of V (n (n + 1) / 2 + 1 probabilities) under symmetry about 0. */
void signed_rank_law(uint32_t n, double *ret);

#endif
