/* design_mean.c - t tests and one-way analysis of variance. */
#include <math.h>

#include "power/power.h"

static const char *const noncentral_t = "noncentral t, both tails (power.t.test strict)";

/* ---- one sample, pairs ---- */

static qx_err one_prepare(struct qx_ctx *ctx, struct power *p)
{
    (void)ctx;
    p->region = region_t(p->n[0] - 1.0, p->alpha, p->alt);
    return QX_ERR_OK;
}

static enum verdict one_item(struct power *p, uint64_t seed, uint64_t item)
{
    power_fill(p, 0, seed, item, p->values);
    return power_verdict(&p->region, t_one(p->values, p->n[0]).t);
}

static double one_exact(const struct power *p, const double *n, const char **ret_method)
{
    *ret_method = noncentral_t;
    return power_is_normal(p) ? power_t(p->mean[0] / p->sd[0] * sqrt(n[0]), n[0] - 1, p->alpha, p->alt) : NAN;
}

/* With rho=, sd= is that of the two measurements. */
static qx_err paired_read(struct qx_ctx *ctx, struct power *p)
{
    p->n_groups = 2;
    qx_err e = power_read_shift(ctx, p);
    p->n_groups = 1;
    if (e != QX_ERR_OK)
        return e;
    if (power_given(ctx, PARAM_RHO)) {
        double rho = power_real(ctx, PARAM_RHO), a = p->sd[0], b = p->sd[1];
        p->sd[0] = sqrt(a * a + b * b - 2 * rho * a * b);
        return p->sd[0] > 0 ? QX_ERR_OK
                            : qx_error(ctx, QX_ERR_INVALID, "rho: the differences of the pairs do not vary");
    }
    if (p->sd[0] != p->sd[1])
        return qx_error(ctx, QX_ERR_INVALID,
                        "sd: the two measurements of a pair need rho= (else sd= is that of "
                        "their differences, one number)");
    return QX_ERR_OK;
}

const struct design design_t1 = {
    .name = "t1",
    .meaning = "one-sample t test of mean delta against 0",
    .takes = TAKES(DELTA) | TAKES(SD) | TAKES(DIST) | TAKES(RAW),
    .tests = HAS(ONLY),
    .fallback = TEST_ONLY,
    .n_groups = 1,
    .n_least = 2,
    .one_sided = true,
    .read = power_read_shift,
    .prepare = one_prepare,
    .item = one_item,
    .exact = one_exact,
};

const struct design design_tpaired = {
    .name = "tpaired",
    .meaning = "paired t test, n pairs whose differences have mean delta",
    .takes = TAKES(DELTA) | TAKES(SD) | TAKES(SD1) | TAKES(SD2) | TAKES(RHO) | TAKES(DIST) | TAKES(RAW),
    .tests = HAS(ONLY),
    .fallback = TEST_ONLY,
    .n_groups = 1,
    .n_least = 2,
    .one_sided = true,
    .read = paired_read,
    .prepare = one_prepare,
    .item = one_item,
    .exact = one_exact,
};

/* ---- two samples ---- */

static qx_err two_prepare(struct qx_ctx *ctx, struct power *p)
{
    (void)ctx;
    double least = fmin(p->n[0], p->n[1]) - 1;
    p->region = region_t(p->n_total - 2.0, p->alpha, p->alt);
    p->sure = region_t(least, p->alpha, p->alt);
    return QX_ERR_OK;
}

static enum verdict student_item(const struct power *p)
{
    return power_verdict(&p->region, t_student(p->values, p->n[0], p->values + p->n[0], p->n[1]).t);
}

/* Welch's degrees of freedom lie between the smaller group's and those of both: mostly the answer is the same at both ends. */
static enum verdict welch_item(const struct power *p)
{
    struct t_statistic s = t_welch(p->values, p->n[0], p->values + p->n[0], p->n[1]);
    enum verdict v = power_verdict(&p->region, s.t);
    if (v != VERDICT_REJECT || region_has(&p->sure, s.t))
        return v;
    return is_significant(tail_t(s.t, s.df, p->alt), p->alpha) ? VERDICT_REJECT : VERDICT_KEEP;
}

static enum verdict two_item(struct power *p, uint64_t seed, uint64_t item)
{
    power_fill(p, 0, seed, item, p->values);
    power_fill(p, 1, seed, item, p->values + p->n[0]);
    return p->test == TEST_STUDENT ? student_item(p) : welch_item(p);
}

static double two_exact(const struct power *p, const double *n, const char **ret_method)
{
    *ret_method = noncentral_t;
    if (!power_is_normal(p) || !power_has_one_sd(p) || p->test != TEST_STUDENT)
        return NAN;
    return power_t(p->mean[0] / (p->sd[0] * sqrt(1 / n[0] + 1 / n[1])), n[0] + n[1] - 2, p->alpha, p->alt);
}

static double two_approximate(const struct power *p, const double *n, const char **ret_method)
{
    *ret_method = "noncentral t with Welch's degrees of freedom at the true standard deviations";
    if (!power_is_normal(p) || p->test != TEST_WELCH)
        return NAN;
    double a = p->sd[0] * p->sd[0] / n[0], b = p->sd[1] * p->sd[1] / n[1];
    double df = (a + b) * (a + b) / (a * a / (n[0] - 1) + b * b / (n[1] - 1));
    return power_t(p->mean[0] / sqrt(a + b), df, p->alpha, p->alt);
}

const struct design design_t2 = {
    .name = "t2",
    .meaning = "two-sample t test; the first group's mean is delta above the second's",
    .takes = TAKES(N1) | TAKES(N2) | TAKES(NS) | TAKES(RATIO) | TAKES(DELTA) | TAKES(SD) | TAKES(SD1) |
             TAKES(SD2) | TAKES(DIST) | TAKES(DIST2) | TAKES(RAW),
    .tests = HAS(STUDENT) | HAS(WELCH),
    .fallback = TEST_STUDENT,
    .n_groups = 2,
    .n_least = 2,
    .one_sided = true,
    .read = power_read_shift,
    .prepare = two_prepare,
    .item = two_item,
    .exact = two_exact,
    .approximate = two_approximate,
};

/* ---- several samples ---- */

/* Means that lie evenly, with the variance that was asked for. */
static qx_err even_means(struct qx_ctx *ctx, struct power *p)
{
    double between = 0;
    if (!power_given(ctx, PARAM_GROUPS))
        return qx_error(ctx, QX_ERR_INVALID,
                        "design=anova needs means=, or groups= and between= (the variance of the means)");
    qx_err e = power_need(ctx, p, PARAM_BETWEEN, &between);
    double k = power_real(ctx, PARAM_GROUPS);
    p->n_groups = (uint32_t)k;
    for (uint32_t g = 0; g < p->n_groups; g++) /* 0 .. k-1 have variance k (k + 1) / 12 */
        p->mean[g] = (g - (k - 1) / 2) * sqrt(between * 12 / (k * (k + 1)));
    return e;
}

static qx_err given_means(struct qx_ctx *ctx, struct power *p)
{
    size_t n = 0;
    const double *means = qx_reals(ctx, "means", &n);
    if (power_given(ctx, PARAM_GROUPS) || power_given(ctx, PARAM_BETWEEN))
        return qx_error(ctx, QX_ERR_INVALID, "give either means=, or groups= and between=");
    if (!means || n < 2 || n > GROUPS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "means= has %zu numbers; there may be 2 to %d groups", n,
                        GROUPS_MAX);
    p->n_groups = (uint32_t)n;
    for (size_t g = 0; g < n; g++)
        p->mean[g] = means[g];
    return QX_ERR_OK;
}

static qx_err anova_read(struct qx_ctx *ctx, struct power *p)
{
    qx_err e = power_given(ctx, PARAM_MEANS) ? given_means(ctx, p) : even_means(ctx, p);
    if (e == QX_ERR_OK)
        e = power_read_sds(ctx, p);
    if (e == QX_ERR_OK && power_given(ctx, PARAM_WITHIN)) {
        if (power_given(ctx, PARAM_SD))
            return qx_error(ctx, QX_ERR_INVALID, "give either sd= or within= (the variance within groups)");
        for (uint32_t g = 0; g < p->n_groups; g++)
            p->sd[g] = sqrt(power_real(ctx, PARAM_WITHIN));
    }
    return e == QX_ERR_OK ? power_read_dists(ctx, p) : e;
}

static qx_err anova_prepare(struct qx_ctx *ctx, struct power *p)
{
    (void)ctx;
    p->region = region_f(p->n_groups - 1.0, (double)p->n_total - p->n_groups, p->alpha);
    return QX_ERR_OK;
}

static enum verdict anova_item(struct power *p, uint64_t seed, uint64_t item)
{
    double *x = p->values;
    for (uint32_t g = 0; g < p->n_groups; x += p->n[g++])
        power_fill(p, g, seed, item, x);
    if (p->test == TEST_F)
        return power_verdict(&p->region, f_anova(p->values, p->n, p->n_groups).f);
    struct f_statistic s = f_welch(p->values, p->n, p->n_groups);
    if (!isfinite(s.f) || !isfinite(s.df2))
        return VERDICT_CONSTANT;
    return is_significant(tail_f(s.f, s.df1, s.df2), p->alpha) ? VERDICT_REJECT : VERDICT_KEEP;
}

static double anova_exact(const struct power *p, const double *n, const char **ret_method)
{
    double total = 0, centre = 0, ncp = 0;
    *ret_method = "noncentral F (power.anova.test)";
    if (!power_is_normal(p) || !power_has_one_sd(p) || p->test != TEST_F)
        return NAN;
    for (uint32_t g = 0; g < p->n_groups; g++) {
        total += n[g];
        centre += n[g] * p->mean[g];
    }
    for (uint32_t g = 0; g < p->n_groups; g++)
        ncp += n[g] * (p->mean[g] - centre / total) * (p->mean[g] - centre / total);
    return power_f(ncp / (p->sd[0] * p->sd[0]), p->n_groups - 1.0, total - p->n_groups, p->alpha);
}

const struct design design_anova = {
    .name = "anova",
    .meaning = "one-way analysis of variance",
    .takes = TAKES(NS) | TAKES(MEANS) | TAKES(GROUPS) | TAKES(BETWEEN) | TAKES(WITHIN) | TAKES(SD) |
             TAKES(DIST) | TAKES(RAW),
    .tests = HAS(F) | HAS(WELCH),
    .fallback = TEST_F,
    .n_least = 2,
    .read = anova_read,
    .prepare = anova_prepare,
    .item = anova_item,
    .exact = anova_exact,
};
