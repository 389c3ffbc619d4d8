/* design_rank.c - Wilcoxon's tests. */
#include <math.h>
#include <stdlib.h>

#include "power/power.h"
#include "power/rank.h"

enum { R_EXACT_BELOW = 50, SIGNED_EXACT_MAX = 500 };
static const double law_places_max = 4e6;

/* rank_sum_law() in memory to be freed. False: too large, or out of memory. lehmann: 1 under the null hypothesis. */
static bool sum_law(uint32_t n1, uint32_t n2, double lehmann, double **ret_law)
{
    double places = ((double)n1 * n2 + 1) * (n2 + 1.0);
    *ret_law = places > law_places_max ? NULL : malloc((size_t)places * sizeof **ret_law);
    if (!*ret_law)
        return false;
    rank_sum_law(n1, n2, lehmann, *ret_law);
    return true;
}

/* The normal approximation as a cut: without ties its z depends on the statistic alone, and grows with it. */
static struct cut normal_cut(const struct power *p, struct rank_statistic s, int64_t m)
{
    struct region r = region_z(p->alpha, p->alt);
    struct cut c = {0, m};
    for (; c.keep_from <= m; c.keep_from++) {
        s.value = (double)c.keep_from;
        if (!(rank_z(&s, p->alt) <= r.lower))
            break;
    }
    for (; c.keep_to >= c.keep_from; c.keep_to--) {
        s.value = (double)c.keep_to;
        if (!(rank_z(&s, p->alt) >= r.upper))
            break;
    }
    return c;
}

static enum verdict rank_verdict(const struct power *p, const struct rank_statistic *s)
{
    if (p->by_cut && s->ties == 0 && !s->has_zeros)
        return cut_has(&p->cut, (int64_t)s->value) ? VERDICT_REJECT : VERDICT_KEEP;
    return power_verdict(&p->region, rank_z(s, p->alt));
}

/* ---- rank sum ---- */

static bool sum_is_exact(const struct power *p, double n1, double n2)
{
    return p->test == TEST_EXACT || (p->test == TEST_AS_R && n1 < R_EXACT_BELOW && n2 < R_EXACT_BELOW);
}

static qx_err wilcoxon_read(struct qx_ctx *ctx, struct power *p)
{
    p->lehmann = power_given(ctx, PARAM_LEHMANN) ? power_real(ctx, PARAM_LEHMANN) : 0;
    if (p->lehmann == 0)
        return power_read_shift(ctx, p);
    if (!(p->lehmann > 0))
        return qx_error(ctx, QX_ERR_INVALID, "lehmann: the power of a distribution function is above 0");
    for (enum power_param i = PARAM_DELTA; i <= PARAM_RAW; i++)
        if (power_given(ctx, i))
            return qx_error(ctx, QX_ERR_INVALID, "lehmann= and %s= exclude each other", power_params[i].name);
    return QX_ERR_OK;
}

static qx_err wilcoxon_prepare(struct qx_ctx *ctx, struct power *p)
{
    uint32_t n1 = p->n[0], n2 = p->n[1];
    p->region = region_z(p->alpha, p->alt);
    p->by_cut = sum_is_exact(p, n1, n2);
    if (!p->by_cut)
        return QX_ERR_OK;
    double *law;
    if (((double)n1 * n2 + 1) * (n2 + 1.0) > law_places_max)
        return qx_error(ctx, QX_ERR_INVALID,
                        "test=exact is for fewer subjects (about 150 a group): use test=normal");
    if (!sum_law(n1, n2, 1, &law))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    p->cut = cut_of(law, (int64_t)n1 * n2, p->alpha, p->alt, TWO_SIDED_DOUBLE);
    free(law);
    return QX_ERR_OK;
}

/* Ranks do not change where -log of all values is taken: U^(1/k) becomes an exponential of mean 1/k. */
static void fill_lehmann(const struct power *p, uint64_t seed, uint64_t item)
{
    double *x = p->values;
    for (uint32_t g = 0; g < 2; g++) {
        struct qx_stream s;
        double scale = g == 0 ? -1 / p->lehmann : -1;
        qx_stream_init(&s, seed, item, g);
        for (uint32_t i = 0; i < p->n[g]; i++)
            *x++ = scale * qx_exponential(&s);
    }
}

static enum verdict wilcoxon_item(struct power *p, uint64_t seed, uint64_t item)
{
    if (p->lehmann > 0) {
        fill_lehmann(p, seed, item);
    } else {
        power_fill(p, 0, seed, item, p->values);
        power_fill(p, 1, seed, item, p->values + p->n[0]);
    }
    struct rank_statistic s = rank_sum(p->values, p->n[0], p->values + p->n[0], p->n[1], p->keys, p->scratch);
    return rank_verdict(p, &s);
}

/* The groups' laws are powers of each other: by lehmann=, or since they are the same. */
static double wilcoxon_exact(const struct power *p, const double *n, const char **ret_method)
{
    bool same = p->lehmann == 0 && p->mean[0] == 0 && p->sd[0] == p->sd[1] && p->same_dist &&
                dist_is_continuous(&p->dist[0]);
    uint32_t n1 = (uint32_t)n[0], n2 = (uint32_t)n[1];
    int64_t m = (int64_t)n1 * n2;
    double *law, power;
    struct cut c;
    *ret_method = "exact: the law of the rank sum (Lehmann 1953, Savage 1956)";
    if ((!same && p->lehmann == 0) || !sum_law(n1, n2, 1, &law))
        return NAN;
    c = sum_is_exact(p, n1, n2) ? cut_of(law, m, p->alpha, p->alt, TWO_SIDED_DOUBLE)
                                : normal_cut(p, (struct rank_statistic){.n1 = n1, .n2 = n2}, m);
    if (!same)
        rank_sum_law(n1, n2, p->lehmann, law);
    power = cut_power(&c, law, m);
    free(law);
    return power;
}

static double wilcoxon_approximate(const struct power *p, const double *n, const char **ret_method)
{
    *ret_method = "Noether (1987), from P(first > second)";
    if (p->lehmann > 0 || !power_is_normal(p))
        return NAN;
    double total = n[0] + n[1], c = n[0] / total;
    double above = 1 - tail_z(p->mean[0] / hypot(p->sd[0], p->sd[1]), ALT_GREATER);
    return power_z(sqrt(12 * c * (1 - c) * total) * (above - 0.5), p->alpha, p->alt);
}

const struct design design_wilcoxon = {
    .name = "wilcoxon",
    .meaning = "Wilcoxon rank-sum test; the first group is shifted by delta, or follows the power lehmann of "
               "the other's law",
    .takes = TAKES(N1) | TAKES(N2) | TAKES(NS) | TAKES(RATIO) | TAKES(DELTA) | TAKES(SD) | TAKES(SD1) |
             TAKES(SD2) | TAKES(DIST) | TAKES(DIST2) | TAKES(RAW) | TAKES(LEHMANN),
    .tests = HAS(AS_R) | HAS(EXACT) | HAS(NORMAL),
    .fallback = TEST_AS_R,
    .n_groups = 2,
    .n_least = 1,
    .one_sided = true,
    .read = wilcoxon_read,
    .prepare = wilcoxon_prepare,
    .item = wilcoxon_item,
    .exact = wilcoxon_exact,
    .approximate = wilcoxon_approximate,
    .whole = true,
};

/* ---- signed rank ---- */

static bool signed_is_exact(const struct power *p, double n)
{
    return p->test == TEST_EXACT || (p->test == TEST_AS_R && n < R_EXACT_BELOW);
}

/* False: out of memory. The law of V goes to *ret_law. */
static bool signed_cut(const struct power *p, uint32_t n, struct cut *ret, double **ret_law)
{
    int64_t m = (int64_t)n * (n + 1) / 2;
    *ret_law = n > SIGNED_EXACT_MAX ? NULL : malloc(((size_t)m + 1) * sizeof **ret_law);
    if (!*ret_law)
        return false;
    signed_rank_law(n, *ret_law);
    *ret = signed_is_exact(p, n) ? cut_of(*ret_law, m, p->alpha, p->alt, TWO_SIDED_DOUBLE)
                                 : normal_cut(p, (struct rank_statistic){.n1 = n}, m);
    return true;
}

static qx_err signed_prepare(struct qx_ctx *ctx, struct power *p)
{
    double *law;
    p->region = region_z(p->alpha, p->alt);
    p->by_cut = signed_is_exact(p, p->n[0]);
    if (!p->by_cut)
        return QX_ERR_OK;
    if (p->n[0] > SIGNED_EXACT_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "test=exact is for n of at most %d: use test=normal",
                        SIGNED_EXACT_MAX);
    if (!signed_cut(p, p->n[0], &p->cut, &law))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    free(law);
    return QX_ERR_OK;
}

static enum verdict signed_item(struct power *p, uint64_t seed, uint64_t item)
{
    power_fill(p, 0, seed, item, p->values);
    struct rank_statistic s = signed_rank(p->values, p->n[0], p->keys, p->scratch);
    return rank_verdict(p, &s);
}

/* The size of the test, where the law is symmetric. */
static double signed_exact(const struct power *p, const double *n, const char **ret_method)
{
    double *law;
    struct cut c;
    *ret_method = "exact: the law of the signed ranks under symmetry";
    if (p->mean[0] != 0 || !dist_is_continuous(&p->dist[0]) || !dist_is_symmetric(&p->dist[0]) ||
        !signed_cut(p, (uint32_t)n[0], &c, &law))
        return NAN;
    double power = cut_power(&c, law, (int64_t)n[0] * ((int64_t)n[0] + 1) / 2);
    free(law);
    return power;
}

const struct design design_signedrank = {
    .name = "signedrank",
    .meaning = "Wilcoxon signed-rank test, values (or differences of pairs) with mean delta",
    .takes = TAKES(DELTA) | TAKES(SD) | TAKES(DIST) | TAKES(RAW),
    .tests = HAS(AS_R) | HAS(EXACT) | HAS(NORMAL),
    .fallback = TEST_AS_R,
    .n_groups = 1,
    .n_least = 1,
    .one_sided = true,
    .read = power_read_shift,
    .prepare = signed_prepare,
    .item = signed_item,
    .exact = signed_exact,
    .whole = true,
};
