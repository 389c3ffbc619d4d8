#include "power/rank.h"

#include <math.h>
#include <string.h>

#include "power/keys.h"

/* Ranks of sorted keys: the sum over those with tag 1 of their mid-ranks, and the ties. */
static double tagged_ranks(const uint64_t *keys, uint32_t n, double *ret_ties)
{
    double sum = 0, ties = 0;
    for (uint32_t i = 0, j; i < n; i = j) {
        uint32_t tagged = 0;
        for (j = i; j < n && key_same(keys[i], keys[j]); j++)
            tagged += key_tag(keys[j]);
        double t = j - i;
        sum += tagged * (i + 0.5 * (t + 1));
        ties += t * t * t - t;
    }
    *ret_ties = ties;
    return sum;
}

struct rank_statistic rank_sum(const double *x, uint32_t n1, const double *y, uint32_t n2, uint64_t *keys,
                               uint64_t *scratch)
{
    struct rank_statistic s = {.n1 = n1, .n2 = n2};
    for (uint32_t i = 0; i < n1; i++)
        keys[i] = key_of(x[i], 1);
    for (uint32_t i = 0; i < n2; i++)
        keys[n1 + i] = key_of(y[i], 0);
    keys_sort(keys, n1 + n2, scratch);
    s.value = tagged_ranks(keys, n1 + n2, &s.ties) - 0.5 * n1 * (n1 + 1.0);
    return s;
}

struct rank_statistic signed_rank(const double *x, uint32_t n, uint64_t *keys, uint64_t *scratch)
{
    struct rank_statistic s = {.n1 = 0};
    for (uint32_t i = 0; i < n; i++)
        if (x[i] != 0)
            keys[s.n1++] = key_of(fabs(x[i]), x[i] > 0);
    s.has_zeros = s.n1 < n;
    keys_sort(keys, s.n1, scratch);
    s.value = tagged_ranks(keys, s.n1, &s.ties);
    return s;
}

double rank_z(const struct rank_statistic *s, enum alternative alt)
{
    double n1 = s->n1, n2 = s->n2, n = n1 + n2, off, var;
    if (s->n2 > 0) {
        off = s->value - n1 * n2 / 2;
        var = n1 * n2 / 12 * (n + 1 - s->ties / (n * (n - 1)));
    } else {
        off = s->value - n * (n + 1) / 4;
        var = n * (n + 1) * (2 * n + 1) / 24 - s->ties / 48;
    }
    double correction = alt == ALT_GREATER ? 0.5
                        : alt == ALT_LESS  ? -0.5
                        : off > 0          ? 0.5
                        : off < 0          ? -0.5
                                           : 0;
    return var > 0 ? (off - correction) / sqrt(var) : NAN;
}

/* By the largest of all: it is an x with probability k n1 / (k n1 + n2), and is then above all n2 y (Savage 1956). */
void rank_sum_law(uint32_t n1, uint32_t n2, double k, double *ret)
{
    size_t width = (size_t)n1 * n2 + 1;
    memset(ret, 0, width * (n2 + 1) * sizeof *ret);
    for (uint32_t b = 0; b <= n2; b++)
        ret[b * width] = 1;
    for (uint32_t a = 1; a <= n1; a++) {
        for (uint32_t b = 1; b <= n2; b++) { /* row 0 stays: no y, nothing to be above */
            double from_x = k * a / (k * a + b), from_y = b / (k * a + b);
            double *row = ret + b * width, *less = row - width;
            for (size_t w = (size_t)a * b + 1; w-- > 0;)
                row[w] = from_y * less[w] + (w >= b ? from_x * row[w - b] : 0);
        }
    }
    memmove(ret, ret + n2 * width, width * sizeof *ret);
}

void signed_rank_law(uint32_t n, double *ret)
{
    size_t width = (size_t)n * (n + 1) / 2 + 1, top = 0;
    memset(ret, 0, width * sizeof *ret);
    ret[0] = 1;
    for (uint32_t rank = 1; rank <= n; rank++) {
        top += rank;
        for (size_t w = top + 1; w-- > 0;)
            ret[w] = 0.5 * (ret[w] + (w >= rank ? ret[w - rank] : 0));
    }
}
