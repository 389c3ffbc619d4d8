/* survival.h - the log-rank test, as R's survdiff. Pure. */
#ifndef TASKS_POWER_SURVIVAL_H
#define TASKS_POWER_SURVIVAL_H

#include <stdint.h>

#include "power/keys.h"

enum {
    SURVIVAL_EVENT = 1,
    SURVIVAL_FIRST = 2
}; /* tags of a time: an event (else censored); of the first group */

/* (observed - expected) / sd of the events of the first group; its square is survdiff's chi-square. NaN without events. Keys are
 * times with their tags; they are sorted. */
double logrank_z(uint64_t *keys, uint32_t n, uint32_t n_first, uint64_t *scratch);

#endif
