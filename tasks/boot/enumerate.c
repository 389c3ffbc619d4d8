#include "boot/enumerate.h"

bool enumerate_init(struct enumeration *e, const struct data *d)
{
    *e = (struct enumeration){.n = 1};
    e->ways[0][0] = 1;
    for (uint32_t bins = 1; bins <= ENUMERATE_ROWS_MAX; bins++) {
        for (uint32_t balls = 0; balls <= ENUMERATE_ROWS_MAX; balls++)
            e->ways[balls][bins] = e->ways[balls][bins - 1] + (balls > 0 ? e->ways[balls - 1][bins] : 0);
    }
    for (uint32_t g = 0; g < d->n_strata; g++) {
        uint32_t size = d->start[g + 1] - d->start[g];
        if (size > ENUMERATE_ROWS_MAX)
            return false;
        e->n *= e->ways[size][size];
        if (e->n > ENUMERATE_MAX)
            return false;
    }
    return true;
}

/* Composition i of `size` in lexicographic order; n! / prod(w!) / n^n. Both fractions are of
 * whole numbers below 2^53 (12! and 12^12), so they are rounded once. */
static double stratum_weights(const struct enumeration *e, uint64_t i, uint32_t size, int32_t *weights)
{
    uint32_t left = size;
    double multiplicity = 1, draws = 1, used = 0;
    for (uint32_t bin = 0; bin < size; bin++) {
        uint32_t k = 0, bins = size - bin - 1;
        if (bins == 0)
            k = left;
        for (uint64_t n; bins > 0 && i >= (n = e->ways[left - k][bins]); k++)
            i -= n;
        weights[bin] = (int32_t)k;
        left -= k;
        for (uint32_t j = 1; j <= k; j++) {
            used += 1;
            multiplicity = multiplicity * used / j;
        }
        draws *= size;
    }
    return multiplicity / draws;
}

double enumerate_weights(const struct enumeration *e, const struct data *d, uint64_t i, int32_t *weights)
{
    double prob = 1;
    for (uint32_t g = 0; g < d->n_strata; g++) {
        uint32_t start = d->start[g], size = d->start[g + 1] - start;
        uint64_t n = e->ways[size][size];
        prob *= stratum_weights(e, i % n, size, weights + start);
        i /= n;
    }
    return prob;
}
