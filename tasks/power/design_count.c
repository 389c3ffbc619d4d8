/* design_count.c - tests of proportions, and the sign test. */
#include <math.h>
#include <stdlib.h>

#include "power/power.h"
#include "shared/rmath.h"

/* Enumerations beyond so many outcomes are not made. */
static const double outcomes_max = 4e6;
enum { FISHER_MAX = 20000 };

/* ---- one proportion ---- */

static qx_err prop1_read(struct qx_ctx *ctx, struct power *p)
{
    qx_err e = power_need(ctx, p, PARAM_P0, &p->p0);
    if (e == QX_ERR_OK)
        e = power_need(ctx, p, PARAM_P1, &p->p1);
    if (e == QX_ERR_OK && !(p->p0 > 0 && p->p0 < 1))
        e = qx_error(ctx, QX_ERR_INVALID, "p0: the share under the null hypothesis lies between 0 and 1");
    return e;
}

/* What a binomial test at size n with null share p0 keeps. False: out of memory. */
static bool binomial_cut(const struct power *p, uint32_t n, double p0, struct cut *ret)
{
    double *law = malloc(((size_t)n + 1) * sizeof *law);
    if (!law)
        return false;
    for (uint32_t k = 0; k <= n; k++)
        law[k] = dbinom(k, n, p0, 0);
    *ret = cut_of(law, n, p->alpha, p->alt, TWO_SIDED_LIKELIER);
    free(law);
    return true;
}

/* The chi-square rejects both tails, too: counts are walked inwards from both ends. */
static struct cut chisq_cut(const struct power *p, uint32_t n)
{
    struct region r = region_z(p->alpha, p->alt);
    struct cut c = {0, n};
    bool yates = p->test == TEST_CHISQ_CC;
    while (c.keep_from <= c.keep_to && prop1_z((uint32_t)c.keep_from, n, p->p0, yates) <= r.lower)
        c.keep_from++;
    while (c.keep_to >= c.keep_from && prop1_z((uint32_t)c.keep_to, n, p->p0, yates) >= r.upper)
        c.keep_to--;
    return c;
}

static bool prop1_cut(const struct power *p, uint32_t n, struct cut *ret)
{
    if (p->test == TEST_EXACT)
        return binomial_cut(p, n, p->p0, ret);
    *ret = chisq_cut(p, n);
    return true;
}

static qx_err prop1_prepare(struct qx_ctx *ctx, struct power *p)
{
    if (!prop1_cut(p, p->n[0], &p->cut) || !binom_init(&p->binom[0], p->n[0], p->p1))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    return QX_ERR_OK;
}

static enum verdict prop1_item(struct power *p, uint64_t seed, uint64_t item)
{
    struct qx_stream s;
    qx_stream_init(&s, seed, item, 0);
    return cut_has(&p->cut, binom_quantile(&p->binom[0], qx_uniform(&s))) ? VERDICT_REJECT : VERDICT_KEEP;
}

/* P(a binomial count is outside of the cut). */
static double outside(const struct cut *c, double n, double share)
{
    return pbinom((double)c->keep_from - 1, n, share, 1, 0) + pbinom((double)c->keep_to, n, share, 0, 0);
}

static double prop1_exact(const struct power *p, const double *n, const char **ret_method)
{
    struct cut c;
    *ret_method = "exact: the binomial law";
    return prop1_cut(p, (uint32_t)n[0], &c) ? outside(&c, n[0], p->p1) : NAN;
}

const struct design design_prop1 = {
    .name = "prop1",
    .meaning = "test of one proportion, p1 in truth against p0",
    .takes = TAKES(P0) | TAKES(P1),
    .tests = HAS(EXACT) | HAS(CHISQ) | HAS(CHISQ_CC),
    .fallback = TEST_EXACT,
    .n_groups = 1,
    .n_least = 1,
    .one_sided = true,
    .read = prop1_read,
    .prepare = prop1_prepare,
    .item = prop1_item,
    .exact = prop1_exact,
    .whole = true,
};

/* ---- two proportions ---- */

static qx_err prop2_read(struct qx_ctx *ctx, struct power *p)
{
    qx_err e = power_need(ctx, p, PARAM_P1, &p->p1);
    return e == QX_ERR_OK ? power_need(ctx, p, PARAM_P2, &p->p2) : e;
}

static qx_err prop2_prepare(struct qx_ctx *ctx, struct power *p)
{
    p->region = region_z(p->alpha, p->alt);
    if (p->test == TEST_FISHER && p->n_total > FISHER_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "test=fisher is for at most %d subjects: use test=chisq",
                        FISHER_MAX);
    if ((p->test == TEST_FISHER && !fisher_init(&p->fisher, p->n[0], p->n[1], p->alpha, p->alt)) ||
        !binom_init(&p->binom[0], p->n[0], p->p1) || !binom_init(&p->binom[1], p->n[1], p->p2))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    return QX_ERR_OK;
}

static bool prop2_rejects(const struct power *p, const struct region *r, const struct fisher *f, uint32_t k1,
                          uint32_t n1, uint32_t k2, uint32_t n2)
{
    if (p->test == TEST_FISHER)
        return cut_has(&f->cuts[k1 + k2], k1);
    return region_has(r, prop2_z(k1, n1, k2, n2, p->test == TEST_CHISQ_CC));
}

static enum verdict prop2_item(struct power *p, uint64_t seed, uint64_t item)
{
    uint32_t k[2];
    for (uint32_t g = 0; g < 2; g++) {
        struct qx_stream s;
        qx_stream_init(&s, seed, item, g);
        k[g] = binom_quantile(&p->binom[g], qx_uniform(&s));
    }
    return prop2_rejects(p, &p->region, &p->fisher, k[0], p->n[0], k[1], p->n[1]) ? VERDICT_REJECT
                                                                                  : VERDICT_KEEP;
}

static double enumerate(const struct power *p, const struct binom *a, const struct binom *b,
                        const struct fisher *f)
{
    struct region r = region_z(p->alpha, p->alt);
    double sum = 0;
    for (uint32_t i = a->from; i <= a->to; i++) {
        double row = 0;
        for (uint32_t j = b->from; j <= b->to; j++)
            if (prop2_rejects(p, &r, f, i, a->n, j, b->n))
                row += binom_prob(b, j);
        sum += row * binom_prob(a, i);
    }
    return sum;
}

static double prop2_exact(const struct power *p, const double *n, const char **ret_method)
{
    struct fisher f = {.cuts = NULL};
    struct binom a = {.cdf = NULL}, b = {.cdf = NULL};
    uint32_t n1 = (uint32_t)n[0], n2 = (uint32_t)n[1];
    double power = NAN;
    *ret_method = "exact: both binomial laws enumerated";
    if (p->test == TEST_FISHER && n[0] + n[1] > FISHER_MAX)
        return NAN;
    if (binom_init(&a, n1, p->p1) && binom_init(&b, n2, p->p2) &&
        (a.to - a.from + 1.0) * (b.to - b.from + 1.0) <= outcomes_max &&
        (p->test != TEST_FISHER || fisher_init(&f, n1, n2, p->alpha, p->alt)))
        power = enumerate(p, &a, &b, &f);
    binom_fini(&a);
    binom_fini(&b);
    fisher_fini(&f);
    return power;
}

/* As power.prop.test, whose default leaves out the tail on the other side; unequal sizes by the same reasoning. */
static double prop2_approximate(const struct power *p, const double *n, const char **ret_method)
{
    *ret_method = "normal approximation, the nearer tail alone (power.prop.test)";
    if (p->test != TEST_CHISQ)
        return NAN;
    double d = p->p1 - p->p2, pooled = (n[0] * p->p1 + n[1] * p->p2) / (n[0] + n[1]);
    double null_var = pooled * (1 - pooled) * (1 / n[0] + 1 / n[1]),
           var = p->p1 * (1 - p->p1) / n[0] + p->p2 * (1 - p->p2) / n[1];
    if (p->alt == ALT_TWO_SIDED)
        d = fabs(d);
    if (p->alt == ALT_LESS)
        d = -d;
    double q = qnorm(p->alt == ALT_TWO_SIDED ? p->alpha / 2 : p->alpha, 0, 1, 0, 0);
    return pnorm((d - q * sqrt(null_var)) / sqrt(var), 0, 1, 1, 0);
}

const struct design design_prop2 = {
    .name = "prop2",
    .meaning = "test of two proportions, p1 and p2",
    .takes = TAKES(N1) | TAKES(N2) | TAKES(NS) | TAKES(RATIO) | TAKES(P1) | TAKES(P2),
    .tests = HAS(CHISQ) | HAS(CHISQ_CC) | HAS(FISHER),
    .fallback = TEST_CHISQ,
    .n_groups = 2,
    .n_least = 1,
    .one_sided = true,
    .read = prop2_read,
    .prepare = prop2_prepare,
    .item = prop2_item,
    .exact = prop2_exact,
    .approximate = prop2_approximate,
    .whole = true,
};

/* ---- signs ---- */

static qx_err sign_prepare(struct qx_ctx *ctx, struct power *p)
{
    return binomial_cut(p, p->n[0], 0.5, &p->cut) ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

/* Zeros are left out, as usual; then the p-value has to be computed. */
static bool sign_with_zeros(const struct power *p, uint32_t above, uint32_t n)
{
    double less = pbinom(above, n, 0.5, 1, 0), greater = pbinom(above - 1.0, n, 0.5, 0, 0),
           both = 2 * fmin(less, greater);
    return is_significant(p->alt == ALT_LESS ? less : p->alt == ALT_GREATER ? greater : both, p->alpha);
}

static enum verdict sign_item(struct power *p, uint64_t seed, uint64_t item)
{
    uint32_t above = 0, below = 0;
    power_fill(p, 0, seed, item, p->values);
    for (uint32_t i = 0; i < p->n[0]; i++) {
        above += p->values[i] > 0;
        below += p->values[i] < 0;
    }
    if (above + below == 0)
        return VERDICT_CONSTANT;
    bool rejects =
        above + below == p->n[0] ? cut_has(&p->cut, above) : sign_with_zeros(p, above, above + below);
    return rejects ? VERDICT_REJECT : VERDICT_KEEP;
}

static double sign_exact(const struct power *p, const double *n, const char **ret_method)
{
    struct cut c;
    *ret_method = "exact: the binomial law of the signs";
    if (!dist_is_continuous(&p->dist[0]) || !binomial_cut(p, (uint32_t)n[0], 0.5, &c))
        return NAN;
    return outside(&c, n[0], 1 - dist_cdf(&p->dist[0], -p->mean[0] / p->sd[0]));
}

const struct design design_sign = {
    .name = "sign",
    .meaning = "exact sign test of the median, values (or differences of pairs) with mean delta",
    .takes = TAKES(DELTA) | TAKES(SD) | TAKES(DIST) | TAKES(RAW),
    .tests = HAS(ONLY),
    .fallback = TEST_ONLY,
    .n_groups = 1,
    .n_least = 1,
    .one_sided = true,
    .read = power_read_shift,
    .prepare = sign_prepare,
    .item = sign_item,
    .exact = sign_exact,
    .whole = true,
};
