/* rank.h - midranks. Pure. */
#ifndef TASKS_PERM_RANK_H
#define TASKS_PERM_RANK_H

#include <stdint.h>

/* The units by value, ascending, ties by place. NULL if memory ran out. Free it. */
uint32_t *rank_order(const double *x, uint32_t n);

/* Replaces x by its ranks from 1, equal values sharing the mean of theirs; values no further than `slack` above the least of
 * a run are equal to it. order: rank_order(x, n). */
void rank_mid(double *x, const uint32_t *order, uint32_t n, double slack);

#endif
