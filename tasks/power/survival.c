#include "power/survival.h"

#include <math.h>

double logrank_z(uint64_t *keys, uint32_t n, uint32_t n_first, uint64_t *scratch)
{
    double at_risk = n, first = n_first, off = 0, var = 0;
    keys_sort(keys, n, scratch);
    for (uint32_t i = 0, j; i < n; i = j) {
        double events = 0, events_first = 0, leave_first = 0;
        for (j = i; j < n && key_same(keys[i], keys[j]); j++) {
            uint32_t tag = key_tag(keys[j]);
            events += tag & SURVIVAL_EVENT;
            events_first += tag == (SURVIVAL_EVENT | SURVIVAL_FIRST);
            leave_first += tag >= SURVIVAL_FIRST;
        }
        double share = first / at_risk;
        off += events_first - events * share;
        if (at_risk > 1)
            var += events * share * (1 - share) * (at_risk - events) / (at_risk - 1);
        at_risk -= j - i;
        first -= leave_first;
    }
    return off / sqrt(var);
}
