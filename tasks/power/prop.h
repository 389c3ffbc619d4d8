/* prop.h - tests of one and two proportions, as R's prop.test, binom.test and fisher.test. Pure. */
#ifndef TASKS_POWER_PROP_H
#define TASKS_POWER_PROP_H

#include <stdbool.h>
#include <stdint.h>

#include "power/discrete.h"

/* The signed root of the chi-square of prop.test: positive where the first share is the larger. NaN where it is undefined, as
 * where nobody or everybody succeeds. yates: with the continuity correction. */
double prop2_z(uint32_t k1, uint32_t n1, uint32_t k2, uint32_t n2, bool yates);
double prop1_z(uint32_t k, uint32_t n, double p0, bool yates);

/* For each number of successes in both groups together, the counts of the first group that Fisher's test keeps. */
struct fisher {
    uint32_t n1, n2;
    struct cut *cuts; /* n1 + n2 + 1 */
};
bool fisher_init(struct fisher *f, uint32_t n1, uint32_t n2, double alpha, enum alternative alt);
void fisher_fini(struct fisher *f);
double fisher_p(uint32_t k1, uint32_t n1, uint32_t k2, uint32_t n2, enum alternative alt);

#endif
