/* design_line.c - two variables: correlation, linear and logistic slope; and survival times. */
#include <math.h>
#include <string.h>

#include "power/line.h"
#include "power/power.h"
#include "power/survival.h"

static qx_err t_prepare(struct qx_ctx *ctx, struct power *p)
{
    (void)ctx;
    p->region = region_t(p->n[0] - 2.0, p->alpha, p->alt);
    return QX_ERR_OK;
}

/* ---- correlation ---- */

static qx_err cor_read(struct qx_ctx *ctx, struct power *p)
{
    qx_err e = power_need(ctx, p, PARAM_RHO, &p->rho);
    if (e == QX_ERR_OK && !(fabs(p->rho) < 1))
        e = qx_error(ctx, QX_ERR_INVALID, "rho: a correlation strictly between -1 and 1");
    return e == QX_ERR_OK ? power_read_dists(ctx, p) : e;
}

static enum verdict cor_item(struct power *p, uint64_t seed, uint64_t item)
{
    struct qx_stream s;
    uint32_t n = p->n[0];
    double *x = p->values, *y = p->values + n, rest = sqrt(1 - p->rho * p->rho);
    qx_stream_init(&s, seed, item, 0);
    dist_fill(&p->dist[0], &s, 0, 1, x, n);
    qx_stream_init(&s, seed, item, 1);
    dist_fill(&p->dist[0], &s, 0, rest, y, n);
    for (uint32_t i = 0; i < n; i++)
        y[i] += p->rho * x[i];
    return power_verdict(&p->region, line_t(x, y, n));
}

static double cor_exact(const struct power *p, const double *n, const char **ret_method)
{
    *ret_method = "exact: noncentral t integrated over the law of x";
    if (!dist_is_normal(&p->dist[0]))
        return NAN;
    return power_t_random(p->rho / sqrt(1 - p->rho * p->rho), n[0] - 1, n[0] - 2, p->alpha, p->alt);
}

const struct design design_cor = {
    .name = "cor",
    .meaning = "test of Pearson's correlation, rho in truth against 0",
    .takes = TAKES(RHO) | TAKES(DIST),
    .tests = HAS(ONLY),
    .fallback = TEST_ONLY,
    .n_groups = 1,
    .n_least = 4,
    .one_sided = true,
    .read = cor_read,
    .prepare = t_prepare,
    .item = cor_item,
    .exact = cor_exact,
};

/* ---- x of a regression ---- */

static qx_err read_x(struct qx_ctx *ctx, struct power *p)
{
    char why[PLACE_BYTES];
    const char *text = qx_text(ctx, "x");
    p->sdx = power_real(ctx, PARAM_SDX);
    p->x_is_grid = strcmp(text, "grid") == 0;
    bool binary = strncmp(text, "binary", 6) == 0;
    if (!p->x_is_grid && !dist_parse(&p->x, "x", text, binary, why))
        return qx_error(ctx, QX_ERR_INVALID, "%s", why);
    if (binary && power_given(ctx, PARAM_SDX))
        return qx_error(ctx, QX_ERR_INVALID, "x=binary is 0 or 1 and takes no sdx=");
    return power_need(ctx, p, PARAM_SLOPE, &p->slope);
}

static bool x_is_binary(const struct power *p)
{
    return !p->x_is_grid && p->x.kind == DIST_BINARY;
}

/* A grid spans what the uniform law of this standard deviation does. */
static void make_grid(const struct power *p)
{
    uint32_t n = p->n[0];
    for (uint32_t i = 0; i < n; i++)
        p->grid[i] = sqrt(3) * p->sdx * (2.0 * i / (n - 1.0) - 1);
}

/* From sub-stream 0, or the grid. */
static const double *draw_x(const struct power *p, uint64_t seed, uint64_t item)
{
    struct qx_stream s;
    if (p->x_is_grid)
        return p->grid;
    qx_stream_init(&s, seed, item, 0);
    dist_fill(&p->x, &s, 0, p->sdx, p->values, p->n[0]);
    return p->values;
}

/* ---- linear ---- */

static qx_err lm_read(struct qx_ctx *ctx, struct power *p)
{
    qx_err e = read_x(ctx, p);
    if (e == QX_ERR_OK)
        e = power_read_sds(ctx, p);
    return e == QX_ERR_OK ? power_read_dists(ctx, p) : e;
}

static qx_err lm_prepare(struct qx_ctx *ctx, struct power *p)
{
    make_grid(p);
    return t_prepare(ctx, p);
}

static enum verdict lm_item(struct power *p, uint64_t seed, uint64_t item)
{
    struct qx_stream s;
    uint32_t n = p->n[0];
    double *y = p->values + n;
    const double *x = draw_x(p, seed, item);
    qx_stream_init(&s, seed, item, 1);
    dist_fill(&p->dist[0], &s, 0, p->sd[0], y, n);
    for (uint32_t i = 0; i < n; i++)
        y[i] += p->slope * x[i];
    return power_verdict(&p->region, line_t(x, y, n));
}

static double lm_exact(const struct power *p, const double *n, const char **ret_method)
{
    double effect = p->slope * p->sdx / p->sd[0];
    if (!dist_is_normal(&p->dist[0]) || !(p->x_is_grid || dist_is_normal(&p->x)))
        return NAN;
    if (!p->x_is_grid) {
        *ret_method = "exact: noncentral t integrated over the law of x";
        return power_t_random(effect, n[0] - 1, n[0] - 2, p->alpha, p->alt);
    }
    *ret_method = "noncentral t, both tails";
    return power_t(effect * sqrt(n[0] * (n[0] + 1) / (n[0] - 1)), n[0] - 2, p->alpha, p->alt);
}

static double lm_approximate(const struct power *p, const double *n, const char **ret_method)
{
    double sdx = x_is_binary(p) ? sqrt(p->x.a * (1 - p->x.a)) : p->sdx;
    *ret_method = "noncentral t at the expected sum of squares of x";
    if (!dist_is_normal(&p->dist[0]) || p->x_is_grid || dist_is_normal(&p->x))
        return NAN;
    return power_t(p->slope * sdx / p->sd[0] * sqrt(n[0] - 1), n[0] - 2, p->alpha, p->alt);
}

const struct design design_lm = {
    .name = "lm",
    .meaning = "t test of the slope of a linear regression on one variable",
    .takes = TAKES(SLOPE) | TAKES(SD) | TAKES(X) | TAKES(SDX) | TAKES(DIST) | TAKES(RAW),
    .tests = HAS(ONLY),
    .fallback = TEST_ONLY,
    .n_groups = 1,
    .n_least = 4,
    .one_sided = true,
    .read = lm_read,
    .prepare = lm_prepare,
    .item = lm_item,
    .exact = lm_exact,
    .approximate = lm_approximate,
};

/* ---- logistic ---- */

static qx_err logistic_read(struct qx_ctx *ctx, struct power *p)
{
    p->rate = power_real(ctx, PARAM_RATE);
    return read_x(ctx, p);
}

static qx_err logistic_prepare(struct qx_ctx *ctx, struct power *p)
{
    (void)ctx;
    make_grid(p);
    p->region = region_z(p->alpha, p->alt);
    return QX_ERR_OK;
}

static enum verdict logistic_item(struct power *p, uint64_t seed, uint64_t item)
{
    static const enum verdict verdicts[] = {[LOGIT_CONSTANT_X] = VERDICT_CONSTANT,
                                            [LOGIT_ONE_OUTCOME] = VERDICT_ONE_OUTCOME,
                                            [LOGIT_SEPARATED] = VERDICT_SEPARATED,
                                            [LOGIT_NO_CONVERGENCE] = VERDICT_NO_CONVERGENCE};
    struct qx_stream s;
    uint32_t n = p->n[0];
    double *y = p->values + n, *work = y + n, odds = (1 - p->rate) / p->rate, z;
    const double *x = draw_x(p, seed, item);
    qx_stream_init(&s, seed, item, 1);
    for (uint32_t i = 0; i < n; i++)
        y[i] = qx_uniform(&s) * (1 + odds * exp(-p->slope * x[i])) < 1 ? 1 : 0;
    enum logit_end end = logit_z(x, y, n, work, &z);
    return end == LOGIT_OK ? power_verdict(&p->region, z) : verdicts[end];
}

static double logistic_approximate(const struct power *p, const double *n, const char **ret_method)
{
    *ret_method = "Hsieh, Bloch & Larsen (1998)";
    if (!p->x_is_grid && dist_is_normal(&p->x))
        return power_z(p->slope * p->sdx * sqrt(n[0] * p->rate * (1 - p->rate)), p->alpha, p->alt);
    if (!x_is_binary(p))
        return NAN;
    /* two shares, with a share b of the subjects at x = 1 */
    double b = p->x.a, p0 = p->rate, p1 = 1 / (1 + (1 - p0) / p0 * exp(-p->slope)),
           all = (1 - b) * p0 + b * p1;
    double null_sd = sqrt(all * (1 - all) / b), sd = sqrt(p0 * (1 - p0) + p1 * (1 - p1) * (1 - b) / b);
    struct region r = region_z(p->alpha, p->alt);
    double at = (p1 - p0) * sqrt(n[0] * (1 - b));
    return tail_z((r.lower * null_sd - at) / sd, ALT_LESS) +
           tail_z((r.upper * null_sd - at) / sd, ALT_GREATER);
}

const struct design design_logistic = {
    .name = "logistic",
    .meaning = "Wald test of the slope (log odds ratio) of a logistic regression on one variable",
    .takes = TAKES(SLOPE) | TAKES(RATE) | TAKES(X) | TAKES(SDX),
    .tests = HAS(ONLY),
    .fallback = TEST_ONLY,
    .n_groups = 1,
    .n_least = 4,
    .one_sided = true,
    .read = logistic_read,
    .prepare = logistic_prepare,
    .item = logistic_item,
    .approximate = logistic_approximate,
};

/* ---- survival ---- */

static qx_err logrank_read(struct qx_ctx *ctx, struct power *p)
{
    bool censored = power_given(ctx, PARAM_ACCRUAL) || power_given(ctx, PARAM_FOLLOWUP);
    p->median = power_real(ctx, PARAM_MEDIAN);
    p->accrual = censored ? power_real(ctx, PARAM_ACCRUAL) : 0;
    p->followup = power_given(ctx, PARAM_FOLLOWUP) ? power_real(ctx, PARAM_FOLLOWUP)
                  : censored                       ? 0
                                                   : INFINITY;
    if (censored && p->accrual + p->followup <= 0)
        return qx_error(ctx, QX_ERR_INVALID, "followup: nobody is watched for any time");
    return power_need(ctx, p, PARAM_HR, &p->hr);
}

static qx_err logrank_prepare(struct qx_ctx *ctx, struct power *p)
{
    (void)ctx;
    p->region = region_z(p->alpha, p->alt);
    return QX_ERR_OK;
}

static double hazard(const struct power *p, uint32_t group)
{
    return M_LN2 / p->median * (group == 0 ? p->hr : 1);
}

/* Event times from sub-stream g of the group, ends of observation from 2 + g. */
static enum verdict logrank_item(struct power *p, uint64_t seed, uint64_t item)
{
    uint64_t *key = p->keys;
    for (uint32_t g = 0; g < 2; g++) {
        struct qx_stream events, ends;
        double scale = 1 / hazard(p, g);
        uint32_t tag = g == 0 ? SURVIVAL_FIRST : 0;
        qx_stream_init(&events, seed, item, g);
        qx_stream_init(&ends, seed, item, 2 + g);
        for (uint32_t i = 0; i < p->n[g]; i++) {
            double t = scale * qx_exponential(&events), end = p->followup;
            if (p->accrual > 0)
                end += p->accrual * qx_uniform(&ends);
            *key++ = t <= end ? key_of(t, tag | SURVIVAL_EVENT) : key_of(end, tag);
        }
    }
    double z = logrank_z(p->keys, p->n_total, p->n[0], p->scratch);
    return isfinite(z) ? power_verdict(&p->region, z) : VERDICT_NO_EVENTS;
}

/* P(the event of one subject is seen). */
static double event_share(const struct power *p, double rate)
{
    if (!isfinite(p->followup))
        return 1;
    double from = exp(-rate * p->followup);
    return 1 - (p->accrual > 0 ? from * -expm1(-rate * p->accrual) / (rate * p->accrual) : from);
}

static double logrank_approximate(const struct power *p, const double *n, const char **ret_method)
{
    double total = n[0] + n[1], share = n[0] / total;
    double events = n[0] * event_share(p, hazard(p, 0)) + n[1] * event_share(p, hazard(p, 1));
    *ret_method = "Schoenfeld (1981), at the expected number of events";
    return power_z(log(p->hr) * sqrt(events * share * (1 - share)), p->alpha, p->alt);
}

const struct design design_logrank = {
    .name = "logrank",
    .meaning =
        "log-rank test of exponential survival times; the first group's hazard is hr times the second's",
    .takes = TAKES(N1) | TAKES(N2) | TAKES(NS) | TAKES(RATIO) | TAKES(HR) | TAKES(MEDIAN) | TAKES(ACCRUAL) |
             TAKES(FOLLOWUP),
    .tests = HAS(ONLY),
    .fallback = TEST_ONLY,
    .n_groups = 2,
    .n_least = 1,
    .one_sided = true,
    .read = logrank_read,
    .prepare = logrank_prepare,
    .item = logrank_item,
    .approximate = logrank_approximate,
};
