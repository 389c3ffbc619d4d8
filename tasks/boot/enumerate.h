/* enumerate.h - all resamples of small data, each with its probability, by number: for the exact answer of the ideal bootstrap
 * (Efron & Tibshirani 1993; Fisher & Hall 1991). Pure.
 *
 * A resample of n rows is a composition of n into n counts; there are C(2n - 1, n) and their probabilities are multinomial. Strata
 * are numbered as the digits of a number. */
#ifndef TASKS_BOOT_ENUMERATE_H
#define TASKS_BOOT_ENUMERATE_H

#include "boot/data.h"

enum { ENUMERATE_MAX = 2000000, ENUMERATE_ROWS_MAX = 12 };

struct enumeration {
    uint64_t n;
    uint32_t ways[ENUMERATE_ROWS_MAX + 1][ENUMERATE_ROWS_MAX + 1]; /* to put balls into bins */
};

/* False: there are more than ENUMERATE_MAX. */
bool enumerate_init(struct enumeration *e, const struct data *d);

/* Resample number i < n; returns its probability. */
double enumerate_weights(const struct enumeration *e, const struct data *d, uint64_t i, int32_t *weights);

#endif
