/* ranking.h - many series of the same length, each put in order. */
#ifndef TASKS_MCMC_RANKING_H
#define TASKS_MCMC_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ranked {
    double value;
    uint32_t at;
};

struct ranking_pair;

/* Work space. */
struct ranking {
    struct ranked *order; /* of the last series: ascending, equal values in the order in which they came */
    struct ranking_pair *spare;
    double *scores; /* by twice the rank; NaN: not computed yet */
    size_t n_scores;
};

bool ranking_init(struct ranking *r, size_t n_max); /* false: out of memory; fini is due all the same */
void ranking_fini(struct ranking *r);

/* n <= n_max; x without NaN. */
void ranking_sort(struct ranking *r, const double *x, size_t n);
/* Ranks from 1, ties averaged. */
void ranking_ranks(struct ranking *r, const double *x, size_t n, double *ret);
/* In place: normal scores of the ranks, (rank - 3/8) / (n + 1/4) (Blom 1958). */
void ranking_scores(struct ranking *r, double *x, size_t n);

#endif
