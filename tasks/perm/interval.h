/* interval.h - intervals for a probability from counts. Pure. */
#ifndef TASKS_PERM_INTERVAL_H
#define TASKS_PERM_INTERVAL_H

#include <stdint.h>

struct interval {
    double lower, upper;
};

/* Clopper and Pearson (1934): b of m. */
struct interval interval_of_count(uint64_t b, uint64_t m, double level);
/* The same idea when draws went on until the h-th success, which was draw l: h >= 1, l >= h. */
struct interval interval_of_wait(uint64_t h, uint64_t l, double level);

#endif
