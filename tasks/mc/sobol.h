/* sobol.h - randomised Sobol' points: independent scramblings of one digital sequence in base 2. */
#ifndef TASKS_MC_SOBOL_H
#define TASKS_MC_SOBOL_H

#include <stdbool.h>
#include <stdint.h>

enum { SOBOL_BITS = 52 };

struct sobol {
    uint32_t dim, replicates;
    uint64_t *column; /* scrambled direction numbers, [replicate][bit of the index][dimension] */
    uint64_t *shift;  /* [replicate][dimension] */
};

/* The most dimensions there are direction numbers for. */
uint32_t sobol_dim_max(void);

/* Draws the scramblings from sub-stream 1 of items 0 .. replicates - 1. False: out of memory. */
bool sobol_init(struct sobol *s, uint32_t dim, uint32_t replicates, uint64_t seed);
void sobol_fini(struct sobol *s);

/* Points first .. first + n - 1 (below 2^52) of one replicate, row-major, in (0, 1). Any `first` at the same cost. */
void sobol_points(const struct sobol *s, uint32_t replicate, uint64_t first, uint32_t n, double *ret);

/* The unscrambled point `index` in [0, 1), in the same order. */
void sobol_plain_point(uint32_t dim, uint64_t index, double *ret);

#endif
