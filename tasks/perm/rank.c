#include "perm/rank.h"

#include <stdlib.h>

struct place {
    double value;
    uint32_t unit;
};

static int by_value(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

uint32_t *rank_order(const double *x, uint32_t n)
{
    struct place *places = malloc(((size_t)n + 1) * sizeof *places);
    uint32_t *order = malloc(((size_t)n + 1) * sizeof *order);
    if (places && order) {
        for (uint32_t i = 0; i < n; i++)
            places[i] = (struct place){x[i], i};
        qsort(places, n, sizeof *places, by_value);
        for (uint32_t i = 0; i < n; i++)
            order[i] = places[i].unit;
    } else {
        free(order);
        order = NULL;
    }
    free(places);
    return order;
}

void rank_mid(double *x, const uint32_t *order, uint32_t n, double slack)
{
    for (uint32_t from = 0, to; from < n; from = to) {
        double value = x[order[from]];
        for (to = from; to < n && x[order[to]] <= value + slack; to++)
            ;
        double mid = 0.5 * ((double)from + 1 + to);
        for (uint32_t i = from; i < to; i++)
            x[order[i]] = mid;
    }
}
