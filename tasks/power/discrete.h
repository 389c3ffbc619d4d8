/* discrete.h - tests whose statistic is a count k = 0 .. m with a known law under the null hypothesis, and binomial counts. Pure. */
#ifndef TASKS_POWER_DISCRETE_H
#define TASKS_POWER_DISCRETE_H

#include <stdbool.h>
#include <stdint.h>

#include "power/region.h"
#include "quincunx/stream.h"

/* Rejects k < keep_from and k > keep_to. */
struct cut {
    int64_t keep_from, keep_to;
};

static inline bool cut_has(const struct cut *c, int64_t k)
{
    return k < c->keep_from || k > c->keep_to;
}

/* law[0 .. m]: probabilities with one peak. How the two-sided p-value is made: */
enum two_sided {
    TWO_SIDED_DOUBLE, /* twice the smaller tail: wilcox.test */
    TWO_SIDED_LIKELIER /* all counts that are not likelier than k, with R's slack of 1e-7: binom.test, fisher.test */
};
struct cut cut_of(const double *law, int64_t m, double alpha, enum alternative alt, enum two_sided how);
/* The p-value of k itself. */
double discrete_p(const double *law, int64_t m, int64_t k, enum alternative alt, enum two_sided how);

/* P(reject) where counts follow `law`. */
double cut_power(const struct cut *c, const double *law, int64_t m);

/* A binomial law between the counts that can happen at all (all but 1e-17 of it), with its distribution function. */
struct binom {
    uint32_t n, from, to;
    double *cdf; /* cdf[k - from] = P(X <= k) */
};
bool binom_init(struct binom *b, uint32_t n, double p);
void binom_fini(struct binom *b);
double binom_prob(const struct binom *b, uint32_t k);
/* The count at probability u: inverts the distribution function. */
uint32_t binom_quantile(const struct binom *b, double u);

#endif
