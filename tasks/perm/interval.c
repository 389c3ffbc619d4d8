#include "perm/interval.h"

#include "shared/rmath.h"

struct interval interval_of_count(uint64_t b, uint64_t m, double level)
{
    double alpha = (1 - level) / 2, x = (double)b, n = (double)m;
    return (struct interval){b == 0 ? 0 : qbeta(alpha, x, n - x + 1, 1, 0),
                             b == m ? 1 : qbeta(alpha, x + 1, n - x, 0, 0)};
}

struct interval interval_of_wait(uint64_t h, uint64_t l, double level)
{
    double alpha = (1 - level) / 2, x = (double)h, n = (double)l;
    return (struct interval){qbeta(alpha, x, n - x + 1, 1, 0), l == h ? 1 : qbeta(alpha, x, n - x, 0, 0)};
}
