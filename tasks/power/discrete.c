#include "power/discrete.h"

#include <stdlib.h>

#include "shared/rmath.h"

static const double slack = 1e-7;

/* Rejected counts are taken from both ends, least likely first, as long as their p-value allows. */
static struct cut likelier_cut(const double *law, int64_t m, double alpha)
{
    int64_t i = 0, j = m;
    double sum = 0;
    while (i <= j) {
        double limit = (law[i] < law[j] ? law[i] : law[j]) * (1 + slack), p = sum;
        int64_t a = i, b = j;
        for (; a <= b && law[a] <= limit; a++)
            p += law[a];
        for (; b >= a && law[b] <= limit; b--)
            p += law[b];
        if (!is_significant(p, alpha))
            break;
        sum = p;
        i = a;
        j = b;
    }
    return (struct cut){i, j};
}

struct cut cut_of(const double *law, int64_t m, double alpha, enum alternative alt, enum two_sided how)
{
    struct cut c = {0, m};
    if (alt == ALT_TWO_SIDED && how == TWO_SIDED_LIKELIER)
        return likelier_cut(law, m, alpha);
    double tail = alt == ALT_TWO_SIDED ? alpha / 2 : alpha, sum = 0;
    for (; alt != ALT_GREATER && c.keep_from <= m; c.keep_from++) {
        sum += law[c.keep_from];
        if (!is_significant(sum, tail))
            break;
    }
    sum = 0;
    for (; alt != ALT_LESS && c.keep_to >= 0; c.keep_to--) {
        sum += law[c.keep_to];
        if (!is_significant(sum, tail))
            break;
    }
    return c;
}

double discrete_p(const double *law, int64_t m, int64_t k, enum alternative alt, enum two_sided how)
{
    double below = 0, above = 0, unlikely = 0;
    for (int64_t i = 0; i <= m; i++) {
        below += i <= k ? law[i] : 0;
        above += i >= k ? law[i] : 0;
        unlikely += law[i] <= law[k] * (1 + slack) ? law[i] : 0;
    }
    double p = alt == ALT_GREATER          ? above
               : alt == ALT_LESS           ? below
               : how == TWO_SIDED_LIKELIER ? unlikely
               : below < above             ? 2 * below
                                           : 2 * above;
    return p < 1 ? p : 1;
}

double cut_power(const struct cut *c, const double *law, int64_t m)
{
    double sum = 0;
    for (int64_t k = 0; k <= m; k++)
        sum += cut_has(c, k) ? law[k] : 0;
    return sum < 1 ? sum : 1;
}

/* ---- binomial counts ---- */

bool binom_init(struct binom *b, uint32_t n, double p)
{
    *b = (struct binom){.n = n};
    b->from = (uint32_t)qbinom(1e-17, n, p, 1, 0);
    b->to = (uint32_t)qbinom(1e-17, n, p, 0, 0);
    b->cdf = malloc(((size_t)(b->to - b->from) + 1) * sizeof *b->cdf);
    if (!b->cdf)
        return false;
    double sum = 0;
    for (uint32_t k = b->from; k <= b->to; k++) {
        sum += dbinom(k, n, p, 0);
        b->cdf[k - b->from] = sum;
    }
    return true;
}

void binom_fini(struct binom *b)
{
    free(b->cdf);
    b->cdf = NULL;
}

double binom_prob(const struct binom *b, uint32_t k)
{
    if (k < b->from || k > b->to)
        return 0;
    return k == b->from ? b->cdf[0] : b->cdf[k - b->from] - b->cdf[k - b->from - 1];
}

uint32_t binom_quantile(const struct binom *b, double u)
{
    uint32_t lo = b->from, hi = b->to;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if (b->cdf[middle - b->from] < u)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}
