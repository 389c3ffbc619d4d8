#include "power/prop.h"

#include <math.h>
#include <stdlib.h>

#include "shared/rmath.h"

double prop2_z(uint32_t k1, uint32_t n1, uint32_t k2, uint32_t n2, bool yates)
{
    double m1 = n1, m2 = n2, n = m1 + m2, share = ((double)k1 + k2) / n;
    double delta = k1 / m1 - k2 / m2;
    double correction = yates ? fmin(0.5, fabs(delta) / (1 / m1 + 1 / m2)) : 0;
    double off = fabs(k1 - m1 * share) - correction; /* the same in all four cells */
    double chisq = off * off * (1 / m1 + 1 / m2) * (1 / share + 1 / (1 - share));
    return copysign(sqrt(chisq), delta);
}

double prop1_z(uint32_t k, uint32_t n, double p0, bool yates)
{
    double m = n, delta = k / m - p0, correction = yates ? fmin(0.5, fabs(k - m * p0)) : 0;
    double off = fabs(k - m * p0) - correction;
    return copysign(off / sqrt(m * p0 * (1 - p0)), delta);
}

/* ---- Fisher ---- */

/* The hypergeometric law of k1 - lo given the sum; gives lo. law holds min(n1, n2) + 1 numbers at most. */
static uint32_t conditional_law(uint32_t n1, uint32_t n2, uint32_t sum, double *law, int64_t *ret_m)
{
    uint32_t lo = sum > n2 ? sum - n2 : 0, hi = sum < n1 ? sum : n1;
    /* from the likeliest count outwards: neighbours differ by a simple factor */
    uint32_t mode = (uint32_t)(((double)sum + 1) * ((double)n1 + 1) / ((double)n1 + n2 + 2));
    mode = mode < lo ? lo : mode > hi ? hi : mode;
    law[mode - lo] = dhyper(mode, n1, n2, sum, 0);
    for (uint32_t k = mode; k < hi; k++)
        law[k + 1 - lo] =
            law[k - lo] * ((double)(n1 - k) * (sum - k)) / ((k + 1.0) * ((double)n2 - sum + k + 1));
    for (uint32_t k = mode; k > lo; k--)
        law[k - 1 - lo] =
            law[k - lo] * ((double)k * ((double)n2 - sum + k)) / ((n1 - k + 1.0) * (sum - k + 1.0));
    *ret_m = (int64_t)hi - lo;
    return lo;
}

bool fisher_init(struct fisher *f, uint32_t n1, uint32_t n2, double alpha, enum alternative alt)
{
    *f = (struct fisher){.n1 = n1, .n2 = n2};
    f->cuts = malloc(((size_t)n1 + n2 + 1) * sizeof *f->cuts);
    double *law = malloc(((size_t)(n1 < n2 ? n1 : n2) + 1) * sizeof *law);
    for (uint32_t sum = 0; f->cuts && law && sum <= n1 + n2; sum++) {
        int64_t m;
        uint32_t lo = conditional_law(n1, n2, sum, law, &m);
        struct cut c = cut_of(law, m, alpha, alt, TWO_SIDED_LIKELIER);
        f->cuts[sum] = (struct cut){c.keep_from + lo, c.keep_to + lo};
    }
    bool ok = f->cuts && law;
    free(law);
    if (!ok)
        fisher_fini(f);
    return ok;
}

void fisher_fini(struct fisher *f)
{
    free(f->cuts);
    f->cuts = NULL;
}

double fisher_p(uint32_t k1, uint32_t n1, uint32_t k2, uint32_t n2, enum alternative alt)
{
    double *law = malloc(((size_t)(n1 < n2 ? n1 : n2) + 1) * sizeof *law);
    if (!law)
        return NAN;
    int64_t m;
    uint32_t lo = conditional_law(n1, n2, k1 + k2, law, &m);
    double p = discrete_p(law, m, (int64_t)k1 - lo, alt, TWO_SIDED_LIKELIER);
    free(law);
    return p;
}
