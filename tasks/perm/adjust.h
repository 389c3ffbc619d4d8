/* adjust.h - p-values of many variables from their counts, raw and adjusted. Pure. */
#ifndef TASKS_PERM_ADJUST_H
#define TASKS_PERM_ADJUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counts are ADJUST_WORDS(n) numbers: arrangements; raw and step-down exceedances of each variable, in ascending order of
 * extremity; and for 0 .. n how often the largest of all reached just so many variables. */
#define ADJUST_WORDS(n) (2 + 3 * (size_t)(n))

struct adjusted {
    double p, max_t, bh; /* raw; by max-T; by Benjamini and Hochberg */
};
/* Each p is (count + extra) / (arrangements + extra). False: out of memory. */
bool adjust(const uint64_t *words, uint32_t n_vars, bool step_down, uint32_t extra, struct adjusted *ret);

#endif
