/* vegas.h - the grid of adaptive importance sampling, and the combination of its rounds. Pure.
 *
 * G. P. Lepage, "A new algorithm for adaptive multidimensional integration", J. Comput. Phys. 27, 1978. A grid cuts each
 * dimension of the unit cube into bins of equal probability and different width. */
#ifndef TASKS_MC_VEGAS_H
#define TASKS_MC_VEGAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mc/control.h"

enum { VEGAS_ROUNDS_MAX = 100 };

struct vegas_grid {
    uint32_t dim, bins;
    double *edge; /* dim x (bins + 1), from 0 to 1 */
};

bool vegas_grid_init(struct vegas_grid *g, uint32_t dim,
                     uint32_t bins); /* equal bins; false: out of memory */
void vegas_grid_fini(struct vegas_grid *g);
/* Takes over inner edges, dim x (bins - 1) of them. False: they do not ascend in (0, 1). */
bool vegas_grid_set(struct vegas_grid *g, const double *inner);

/* Maps n points of the unit cube, row-major, in place; gives each one's bin in each dimension and its weight, the inverse
 * of its density. */
void vegas_grid_map(const struct vegas_grid *g, double *points, uint32_t n, uint32_t *ret_bin,
                    double *ret_weight);

/* New edges from dim x bins sums of squared values: smoothed over neighbours, damped by alpha (0: not moved), and cut so
 * that each bin holds an equal share. Dimensions without any weight stay. False: out of memory. */
bool vegas_grid_refine(struct vegas_grid *g, const double *squares, double alpha);

/* Rounds as a list of numbers: of each the values, then the lower triangle of their covariance, row by row. */
uint32_t vegas_round_numbers(uint32_t k);
void vegas_round_pack(const struct estimates *e, double *ret);
void vegas_round_unpack(const double *from, uint32_t k, struct estimates *ret);

/* Combines rounds [from, n) with weights 1 / variance for each function; chi2[a] measures how they agree, with n - from - 1
 * degrees of freedom. A round with variance 0 takes all the weight if its value is the first such. */
void vegas_combine(const double *rounds, uint32_t n, uint32_t from, uint32_t k, struct estimates *ret,
                   double chi2[FUNCTIONS_MAX]);

#endif
