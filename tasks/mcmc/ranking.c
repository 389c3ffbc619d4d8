/* Radix sort, 11 bits at a time from the lowest, of keys that have the order of the doubles. Digits in which all keys agree are
 * skipped. */
#include "mcmc/ranking.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 6, DIGIT_BITS = 11, DIGIT_VALUES = 1 << DIGIT_BITS };

struct ranking_pair {
    uint64_t key;
    uint32_t at;
};

bool ranking_init(struct ranking *r, size_t n_max)
{
    *r = (struct ranking){.order = malloc((n_max + 1) * sizeof *r->order),
                          .spare = malloc(2 * (n_max + 1) * sizeof *r->spare),
                          .scores = malloc((2 * n_max + 1) * sizeof *r->scores)};
    return r->order && r->spare && r->scores;
}

void ranking_fini(struct ranking *r)
{
    free(r->order);
    free(r->spare);
    free(r->scores);
}

/* Negative numbers are complemented, the others get the sign bit. Both zeros are one. */
static uint64_t key_of(double x)
{
    uint64_t bits;
    x += 0.0;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static uint32_t digit(uint64_t key, int d)
{
    return (uint32_t)(key >> d * DIGIT_BITS) & (DIGIT_VALUES - 1);
}

/* Where each value of a digit begins. False: all keys have the same. */
static bool starts_of(uint32_t count[DIGIT_VALUES], uint64_t some_key, int d, size_t n)
{
    uint32_t sum = 0;
    if (count[digit(some_key, d)] == n)
        return false;
    for (uint32_t v = 0; v < DIGIT_VALUES; v++) {
        uint32_t c = count[v];
        count[v] = sum;
        sum += c;
    }
    return true;
}

void ranking_sort(struct ranking *r, const double *x, size_t n)
{
    uint32_t count[DIGITS][DIGIT_VALUES] = {{0}};
    struct ranking_pair *from = r->spare, *to = r->spare + n;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = key_of(x[i]);
        from[i] = (struct ranking_pair){key, (uint32_t)i};
        for (int d = 0; d < DIGITS; d++)
            count[d][digit(key, d)]++;
    }
    for (int d = 0; d < DIGITS && n > 0; d++) {
        if (!starts_of(count[d], from[0].key, d, n))
            continue;
        for (size_t i = 0; i < n; i++)
            to[count[d][digit(from[i].key, d)]++] = from[i];
        struct ranking_pair *sorted = to;
        to = from;
        from = sorted;
    }
    for (size_t i = 0; i < n; i++)
        r->order[i] = (struct ranked){x[from[i].at], from[i].at};
}

void ranking_ranks(struct ranking *r, const double *x, size_t n, double *ret)
{
    ranking_sort(r, x, n);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && r->order[to].value == r->order[from].value; to++)
            ;
        for (size_t i = from; i < to; i++)
            ret[r->order[i].at] = 0.5 * (double)(from + 1 + to);
    }
}

/* Of all series of one length, the same few numbers. */
static double score_of(struct ranking *r, double rank, size_t n)
{
    if (r->n_scores != n) {
        for (size_t k = 0; k <= 2 * n; k++)
            r->scores[k] = NAN;
        r->n_scores = n;
    }
    double *score = &r->scores[(size_t)(2 * rank)];
    if (isnan(*score))
        *score = gsl_cdf_ugaussian_Pinv((rank - 0.375) / ((double)n + 0.25));
    return *score;
}

void ranking_scores(struct ranking *r, double *x, size_t n)
{
    ranking_ranks(r, x, n, x);
    for (size_t i = 0; i < n; i++)
        x[i] = score_of(r, x[i], n);
}
