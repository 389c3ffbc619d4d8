/* power.c - the power of a test by simulation. An item is one simulated data set: 1 where the test rejects, 0 where not.
 * Docs: docs/tasks/power.sim.md. */
#include "power/power.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "power/solve.h"
#include "shared/nearest.h"

const struct design *const power_designs[N_DESIGNS] = {
    &design_t1,    &design_tpaired,  &design_t2,         &design_prop1, &design_prop2,
    &design_anova, &design_wilcoxon, &design_signedrank, &design_sign,  &design_cor,
    &design_lm,    &design_logistic, &design_logrank};

static const char *const design_names[] = {"t1",    "tpaired",  "t2",         "prop1", "prop2",
                                           "anova", "wilcoxon", "signedrank", "sign",  "cor",
                                           "lm",    "logistic", "logrank",    NULL};
static const char *const test_names[] = {"student", "welch", "f",      "chisq", "chisq.cc",
                                         "fisher",  "exact", "normal", NULL};
static const char *const alternative_names[] = {"two.sided", "greater", "less", NULL};
static const char *const find_names[] = {"n", NULL};

static const char *const causes[VERDICT_COUNT] = {
    [VERDICT_CONSTANT] = "the test is undefined: values do not vary",
    [VERDICT_NO_EVENTS] = "the log-rank test is undefined: no event while both groups are at risk",
    [VERDICT_ONE_OUTCOME] = "logistic regression: all outcomes are the same",
    [VERDICT_SEPARATED] = "logistic regression: x separates the outcomes, so that the slope has no estimate",
    [VERDICT_NO_CONVERGENCE] = "logistic regression: no convergence in 25 iterations",
};

/* ---- reading: helpers of the designs ---- */

qx_err power_need(struct qx_ctx *ctx, const struct power *p, enum power_param param, double *ret)
{
    const struct qx_param *of = &power_params[param];
    if (!power_given(ctx, param))
        return qx_error(ctx, QX_ERR_INVALID, "design=%s needs %s= (%s)", p->design->name, of->name, of->help);
    *ret = qx_real(ctx, of->name);
    return QX_ERR_OK;
}

qx_err power_read_sds(struct qx_ctx *ctx, struct power *p)
{
    size_t n;
    const double *sd = qx_reals(ctx, "sd", &n);
    if (n != 1 && n != p->n_groups)
        return qx_error(ctx, QX_ERR_INVALID, "sd= has %zu numbers where there are %u groups (or one for all)",
                        n, p->n_groups);
    for (uint32_t g = 0; g < p->n_groups; g++)
        p->sd[g] = sd[n == 1 ? 0 : g];
    if (power_given(ctx, PARAM_SD) && (power_given(ctx, PARAM_SD1) || power_given(ctx, PARAM_SD2)))
        return qx_error(ctx, QX_ERR_INVALID, "give either sd=, or sd1= and sd2=");
    if (power_given(ctx, PARAM_SD1))
        p->sd[0] = power_real(ctx, PARAM_SD1);
    if (power_given(ctx, PARAM_SD2))
        p->sd[1] = power_real(ctx, PARAM_SD2);
    for (uint32_t g = 0; g < p->n_groups; g++)
        if (!(p->sd[g] > 0))
            return qx_error(ctx, QX_ERR_INVALID, "sd: a standard deviation is above 0");
    return QX_ERR_OK;
}

qx_err power_read_dists(struct qx_ctx *ctx, struct power *p)
{
    char why[PLACE_BYTES];
    bool raw = qx_bool(ctx, "raw");
    const char *first = qx_text(ctx, "dist"),
               *second = power_given(ctx, PARAM_DIST2) ? qx_text(ctx, "dist2") : first;
    if (!dist_parse(&p->dist[0], "dist", first, raw, why) ||
        !dist_parse(&p->dist[1], "dist2", second, raw, why))
        return qx_error(ctx, QX_ERR_INVALID, "%s", why);
    p->same_dist = strcmp(first, second) == 0;
    return QX_ERR_OK;
}

qx_err power_read_shift(struct qx_ctx *ctx, struct power *p)
{
    qx_err e = power_need(ctx, p, PARAM_DELTA, &p->mean[0]);
    if (e == QX_ERR_OK)
        e = power_read_sds(ctx, p);
    return e == QX_ERR_OK ? power_read_dists(ctx, p) : e;
}

bool power_has_one_sd(const struct power *p)
{
    for (uint32_t g = 1; g < p->n_groups; g++)
        if (p->sd[g] != p->sd[0])
            return false;
    return true;
}

bool power_is_normal(const struct power *p)
{
    return dist_is_normal(&p->dist[0]) && dist_is_normal(&p->dist[1]);
}

void power_fill(const struct power *p, uint32_t group, uint64_t seed, uint64_t item, double *x)
{
    struct qx_stream s;
    qx_stream_init(&s, seed, item, group);
    dist_fill(&p->dist[group > 0], &s, p->mean[group], p->sd[group], x, p->n[group]);
}

/* ---- opening ---- */

static void power_free(struct power *p)
{
    if (!p)
        return;
    binom_fini(&p->binom[0]);
    binom_fini(&p->binom[1]);
    fisher_fini(&p->fisher);
    free(p->values);
    free(p->grid);
    free(p->keys);
    free(p->scratch);
    free(p);
}

/* The place of a CHOICE's value. */
static uint32_t choice(struct qx_ctx *ctx, const char *param, const char *const *names)
{
    const char *text = qx_text(ctx, param);
    uint32_t i = 0;
    while (names[i + 1] && strcmp(names[i], text) != 0)
        i++;
    return i;
}

static qx_err check_taken(struct qx_ctx *ctx, const struct power *p)
{
    const uint64_t all = TAKES(DESIGN) | TAKES(N) | TAKES(ALPHA) | TAKES(ALTERNATIVE) | TAKES(CONF) |
                         TAKES(FIND) | TAKES(TARGET) | TAKES(ROUNDS) | TAKES(TEST);
    for (uint32_t i = 0; i < PARAM_COUNT; i++)
        if (power_given(ctx, i) && !((all | p->design->takes) >> i & 1))
            return qx_error(ctx, QX_ERR_INVALID, "design=%s takes no %s=", p->design->name,
                            power_params[i].name);
    return QX_ERR_OK;
}

static qx_err read_test(struct qx_ctx *ctx, struct power *p)
{
    const struct design *d = p->design;
    char list[100] = "";
    size_t at = 0;
    if (!power_given(ctx, PARAM_TEST)) {
        p->test = d->fallback;
        return QX_ERR_OK;
    }
    p->test = (enum test)choice(ctx, "test", test_names);
    if (d->tests >> p->test & 1)
        return QX_ERR_OK;
    for (uint32_t i = 0; test_names[i]; i++)
        if (d->tests >> i & 1)
            at += (size_t)snprintf(list + at, sizeof list - at, " %s", test_names[i]);
    if (!*list)
        return qx_error(ctx, QX_ERR_INVALID, "design=%s has one test and takes no test=", d->name);
    return qx_error(ctx, QX_ERR_INVALID, "design=%s has no test=%s; there are:%s", d->name,
                    test_names[p->test], list);
}

static qx_err read_common(struct qx_ctx *ctx, struct power *p)
{
    p->design = power_designs[choice(ctx, "design", design_names)];
    p->n_groups = p->design->n_groups;
    p->alpha = qx_real(ctx, "alpha");
    p->conf = qx_real(ctx, "conf");
    p->alt = (enum alternative)choice(ctx, "alternative", alternative_names);
    p->find = power_given(ctx, PARAM_FIND);
    p->target = qx_real(ctx, "target");
    for (uint32_t g = 0; g < GROUPS_MAX; g++)
        p->share[g] = p->sd[g] = 1;
    qx_err e = check_taken(ctx, p);
    if (e == QX_ERR_OK)
        e = read_test(ctx, p);
    if (e == QX_ERR_OK && p->alt != ALT_TWO_SIDED && !p->design->one_sided)
        e = qx_error(ctx, QX_ERR_INVALID, "design=%s has no one-sided alternative", p->design->name);
    if (e == QX_ERR_OK && !p->find && (power_given(ctx, PARAM_TARGET) || power_given(ctx, PARAM_ROUNDS)))
        e = qx_error(ctx, QX_ERR_INVALID, "target= and rounds= need find=n");
    return e;
}

static qx_err set_size(struct qx_ctx *ctx, struct power *p, uint32_t group, double n)
{
    if (n != floor(n) || n < p->design->n_least || n > N_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "n: design=%s has groups of %u to %d, not of %.17g",
                        p->design->name, p->design->n_least, N_MAX, n);
    p->n[group] = (uint32_t)n;
    return QX_ERR_OK;
}

/* All groups from the first one's. */
static qx_err set_sizes(struct qx_ctx *ctx, struct power *p, double n)
{
    double sizes[GROUPS_MAX];
    qx_err e = QX_ERR_OK;
    power_sizes(p, n, true, sizes);
    for (uint32_t g = 0; g < p->n_groups && e == QX_ERR_OK; g++)
        e = set_size(ctx, p, g, sizes[g]);
    return e;
}

static qx_err read_list(struct qx_ctx *ctx, struct power *p)
{
    size_t n;
    const double *ns = qx_reals(ctx, "ns", &n);
    qx_err e = QX_ERR_OK;
    if (n != p->n_groups)
        return qx_error(ctx, QX_ERR_INVALID, "ns= has %zu sizes where there are %u groups", n, p->n_groups);
    for (uint32_t g = 0; g < n && e == QX_ERR_OK; g++)
        e = set_size(ctx, p, g, ns[g]);
    return e;
}

static qx_err read_pair(struct qx_ctx *ctx, struct power *p)
{
    if (!power_given(ctx, PARAM_N1) || !power_given(ctx, PARAM_N2))
        return qx_error(ctx, QX_ERR_INVALID, "give both n1= and n2=");
    qx_err e = set_size(ctx, p, 0, power_real(ctx, PARAM_N1));
    return e == QX_ERR_OK ? set_size(ctx, p, 1, power_real(ctx, PARAM_N2)) : e;
}

/* Where a search starts: at what a formula says. */
static double first_size(const struct power *p)
{
    const struct design *d = p->design;
    double n = d->whole && d->approximate ? NAN : solve_n(p, d->exact, d->whole, p->target);
    if (isnan(n))
        n = solve_n(p, d->approximate, false, p->target);
    n = isnan(n) ? N_START : ceil(n);
    return fmin(fmax(n, d->n_least), N_MAX);
}

static qx_err read_search(struct qx_ctx *ctx, struct power *p)
{
    if (!rounds_parse(&p->rounds, qx_text(ctx, "rounds")))
        return qx_error(ctx, QX_ERR_INVALID, "rounds: this parameter is set by earlier rounds");
    if (!(p->target > p->alpha))
        return qx_error(ctx, QX_ERR_INVALID, "target=%g is not above alpha=%g", p->target, p->alpha);
    return set_sizes(ctx, p, power_given(ctx, PARAM_N) ? power_real(ctx, PARAM_N) : first_size(p));
}

static qx_err read_sizes(struct qx_ctx *ctx, struct power *p)
{
    bool pair = power_given(ctx, PARAM_N1) || power_given(ctx, PARAM_N2), list = power_given(ctx, PARAM_NS),
         n = power_given(ctx, PARAM_N), ratio = power_given(ctx, PARAM_RATIO);
    if (ratio)
        p->share[1] = power_real(ctx, PARAM_RATIO);
    if (p->find && (pair || list))
        return qx_error(ctx, QX_ERR_INVALID,
                        "find=n looks for n with n2 = ratio * n: it takes no n1=, n2= or ns=");
    if (pair + list + n > 1 || ((pair || list) && ratio))
        return qx_error(ctx, QX_ERR_INVALID, "give the sizes once: n= (and ratio=), or n1= and n2=, or ns=");
    if (p->find)
        return read_search(ctx, p);
    if (pair)
        return read_pair(ctx, p);
    if (list)
        return read_list(ctx, p);
    if (n)
        return set_sizes(ctx, p, power_real(ctx, PARAM_N));
    return qx_error(ctx, QX_ERR_INVALID,
                    p->n_groups > 1 ? "n= is needed: the size of each group (or ns=, or find=n)"
                                    : "n= is needed: the number of subjects (or find=n)");
}

static qx_err open_buffers(struct qx_ctx *ctx, struct power *p)
{
    for (uint32_t g = 0; g < p->n_groups; g++)
        p->n_total += p->n[g];
    size_t n = p->n_total;
    p->values = malloc(4 * n * sizeof *p->values);
    p->grid = malloc(n * sizeof *p->grid);
    p->keys = malloc(n * sizeof *p->keys);
    p->scratch = malloc(n * sizeof *p->scratch);
    if (!p->values || !p->grid || !p->keys || !p->scratch)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    return QX_ERR_OK;
}

static qx_err open_all(struct qx_ctx *ctx, struct power *p)
{
    const struct qx_reducer share = {.kind = QX_REDUCE_PROPORTION, .name = "power"};
    qx_err e = read_common(ctx, p);
    if (e == QX_ERR_OK && p->design->read)
        e = p->design->read(ctx, p);
    if (e == QX_ERR_OK)
        e = read_sizes(ctx, p);
    if (e == QX_ERR_OK)
        e = open_buffers(ctx, p);
    if (e == QX_ERR_OK)
        e = p->design->prepare(ctx, p);
    if (e == QX_ERR_OK)
        e = qx_output(ctx, "reject", NULL);
    return e == QX_ERR_OK ? qx_reduce(ctx, &share, NULL) : e;
}

static qx_err power_open(struct qx_ctx *ctx, void **ret_state)
{
    struct power *p = calloc(1, sizeof *p);
    if (!p)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = open_all(ctx, p);
    if (e != QX_ERR_OK)
        power_free(p);
    else
        *ret_state = p;
    return e;
}

static void power_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    power_free(state);
}

/* ---- items ---- */

static qx_err power_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    struct power *p = state;
    for (uint32_t i = 0; i < count; i++) {
        enum verdict v = p->design->item(p, ctx->seed, first + i);
        rows[i] = v == VERDICT_REJECT;
        if (v > VERDICT_REJECT)
            (void)qx_fail_item(ctx, first + i, "%s", causes[v]);
        if (i % 16 == 15 && qx_cancelled(ctx))
            return QX_ERR_CANCELLED;
    }
    return QX_ERR_OK;
}

/* ---- the description ---- */

const struct qx_param power_params[PARAM_COUNT] = {
    [PARAM_DESIGN] = {.name = "design",
                      .type = QX_PARAM_CHOICE,
                      .fallback = "t2",
                      .choices = design_names,
                      .help = "what is tested"},
    [PARAM_TEST] = {.name = "test",
                    .type = QX_PARAM_CHOICE,
                    .fallback = "",
                    .choices = test_names,
                    .help = "which test, where a design has several: t2 student|welch; anova f|welch; prop2 "
                            "chisq|chisq.cc|fisher; prop1 exact|chisq|chisq.cc; wilcoxon, signedrank "
                            "exact|normal (else as R)"},
    [PARAM_N] = {.name = "n",
                 .type = QX_PARAM_INT,
                 .fallback = "",
                 .min = 1,
                 .max = N_MAX,
                 .help = "subjects in each group (pairs, for pairs); with find=n where to start"},
    [PARAM_N1] = {.name = "n1",
                  .type = QX_PARAM_INT,
                  .fallback = "",
                  .min = 1,
                  .max = N_MAX,
                  .help = "subjects in the first of two groups"},
    [PARAM_N2] = {.name = "n2",
                  .type = QX_PARAM_INT,
                  .fallback = "",
                  .min = 1,
                  .max = N_MAX,
                  .help = "subjects in the second"},
    [PARAM_NS] = {.name = "ns",
                  .type = QX_PARAM_REALS,
                  .fallback = "",
                  .min = 1,
                  .max = N_MAX,
                  .help = "subjects in each group, as a list"},
    [PARAM_RATIO] = {.name = "ratio",
                     .type = QX_PARAM_REAL,
                     .fallback = "1",
                     .min = 0.01,
                     .max = 100,
                     .help = "size of the second of two groups as a multiple of n, rounded up"},
    [PARAM_DELTA] = {.name = "delta",
                     .type = QX_PARAM_REAL,
                     .fallback = "",
                     .help = "difference of the means, first less second; of one group, its mean"},
    [PARAM_SD] = {.name = "sd",
                  .type = QX_PARAM_REALS,
                  .fallback = "1",
                  .help = "standard deviation, one for all groups or one for each; of errors in lm"},
    [PARAM_SD1] = {.name = "sd1",
                   .type = QX_PARAM_REAL,
                   .fallback = "",
                   .help = "of the first of two groups"},
    [PARAM_SD2] = {.name = "sd2", .type = QX_PARAM_REAL, .fallback = "", .help = "of the second"},
    [PARAM_DIST] = {.name = "dist",
                    .type = QX_PARAM_TEXT,
                    .fallback = "normal",
                    .help = "law of the values: normal t(5) uniform exponential lognormal(1) gamma(2) "
                            "laplace logistic contaminated(0.1,3) poisson(1), standardised"},
    [PARAM_DIST2] = {.name = "dist2",
                     .type = QX_PARAM_TEXT,
                     .fallback = "",
                     .help = "of the second of two groups, where it is another"},
    [PARAM_RAW] =
        {.name = "raw",
         .type = QX_PARAM_BOOL,
         .fallback = "no",
         .help = "take the laws as their names say, not standardised to mean 0 and standard deviation 1"},
    [PARAM_LEHMANN] =
        {.name = "lehmann",
         .type = QX_PARAM_REAL,
         .fallback = "",
         .min = 1e-3,
         .max = 1e3,
         .help = "wilcoxon: the first group follows this power of the second's distribution function"},
    [PARAM_P0] = {.name = "p0",
                  .type = QX_PARAM_REAL,
                  .fallback = "",
                  .min = 0,
                  .max = 1,
                  .help = "share under the null hypothesis"},
    [PARAM_P1] = {.name = "p1",
                  .type = QX_PARAM_REAL,
                  .fallback = "",
                  .min = 0,
                  .max = 1,
                  .help = "true share (of the first group)"},
    [PARAM_P2] = {.name = "p2",
                  .type = QX_PARAM_REAL,
                  .fallback = "",
                  .min = 0,
                  .max = 1,
                  .help = "true share of the second group"},
    [PARAM_MEANS] = {.name = "means", .type = QX_PARAM_REALS, .fallback = "", .help = "means of the groups"},
    [PARAM_GROUPS] = {.name = "groups",
                      .type = QX_PARAM_INT,
                      .fallback = "",
                      .min = 2,
                      .max = GROUPS_MAX,
                      .help = "or how many groups, with means that lie evenly"},
    [PARAM_BETWEEN] = {.name = "between",
                       .type = QX_PARAM_REAL,
                       .fallback = "",
                       .min = 0,
                       .max = 1e12,
                       .help = "and the variance of these means"},
    [PARAM_WITHIN] = {.name = "within",
                      .type = QX_PARAM_REAL,
                      .fallback = "",
                      .min = 1e-12,
                      .max = 1e12,
                      .help = "variance within groups, for sd="},
    [PARAM_RHO] = {.name = "rho",
                   .type = QX_PARAM_REAL,
                   .fallback = "",
                   .min = -1,
                   .max = 1,
                   .help = "correlation; of the two measurements of a pair, in tpaired"},
    [PARAM_HR] = {.name = "hr",
                  .type = QX_PARAM_REAL,
                  .fallback = "",
                  .min = 1e-3,
                  .max = 1e3,
                  .help = "hazard of the first group over that of the second"},
    [PARAM_MEDIAN] = {.name = "median",
                      .type = QX_PARAM_REAL,
                      .fallback = "1",
                      .min = 1e-9,
                      .max = 1e9,
                      .help = "median survival of the second group"},
    [PARAM_ACCRUAL] = {.name = "accrual",
                       .type = QX_PARAM_REAL,
                       .fallback = "0",
                       .min = 0,
                       .max = 1e9,
                       .help = "subjects enter evenly over this time"},
    [PARAM_FOLLOWUP] = {.name = "followup",
                        .type = QX_PARAM_REAL,
                        .fallback = "",
                        .min = 0,
                        .max = 1e9,
                        .help = "and are watched at least so long; neither: until the event"},
    [PARAM_SLOPE] = {.name = "slope",
                     .type = QX_PARAM_REAL,
                     .fallback = "",
                     .min = -1e6,
                     .max = 1e6,
                     .help = "change of y for 1 of x; logistic: of the log odds"},
    [PARAM_RATE] = {.name = "rate",
                    .type = QX_PARAM_REAL,
                    .fallback = "0.5",
                    .min = 1e-6,
                    .max = 0.999999,
                    .help = "logistic: share of events at x = 0, which is the mean unless x=binary"},
    [PARAM_X] =
        {.name = "x",
         .type = QX_PARAM_TEXT,
         .fallback =
             "normal",
         .help = "law of x, as in dist= and with mean 0; or grid (equally spaced), or binary(0.5) (0 or 1)"},
    [PARAM_SDX] = {.name = "sdx",
                   .type = QX_PARAM_REAL,
                   .fallback = "1",
                   .min = 1e-9,
                   .max = 1e9,
                   .help = "standard deviation of x"},
    [PARAM_ALPHA] = {.name = "alpha",
                     .type = QX_PARAM_REAL,
                     .fallback = "0.05",
                     .min = 1e-9,
                     .max = 0.5,
                     .help = "level of the test, of both sides together"},
    [PARAM_ALTERNATIVE] = {.name = "alternative",
                           .type = QX_PARAM_CHOICE,
                           .fallback = "two.sided",
                           .choices = alternative_names,
                           .help = "greater: the first group has the larger values"},
    [PARAM_CONF] = {.name = "conf",
                    .type = QX_PARAM_REAL,
                    .fallback = "0.95",
                    .min = 0.01,
                    .max = 0.999999,
                    .help = "level of the Monte Carlo intervals"},
    [PARAM_FIND] = {.name = "find",
                    .type = QX_PARAM_CHOICE,
                    .fallback = "",
                    .choices = find_names,
                    .help = "search the smallest n that has the power target"},
    [PARAM_TARGET] = {.name = "target",
                      .type = QX_PARAM_REAL,
                      .fallback = "0.8",
                      .min = 0.01,
                      .max = 0.9999,
                      .help = "the power to be reached, with find=n"},
    [PARAM_ROUNDS] = {.name = "rounds",
                      .type = QX_PARAM_TEXT,
                      .fallback = "",
                      .help = "set by earlier rounds"},
};

const struct qx_task task_power = {
    .struct_size = sizeof(struct qx_task),
    .name = "power.sim",
    .version = "1.0",
    .help =
        "power of a test by simulation, with the analytic value where there is one; an item is one data set",
    .details =
        "Answers the share of rejections, its standard error, Wilson's and Clopper and Pearson's interval. "
        "find=n searches the "
        "smallest n.\n"
        "Example: qx run power.sim design=t2 n=20 delta=1 -n 1e5 --seed 1\n"
        "Example: qx run power.sim design=wilcoxon dist='t(3)' delta=0.8 --grid n=10:40:5 --plot power.png",
    .params = power_params,
    .n_params = PARAM_COUNT,
    .shape = QX_SHAPE_MAP,
    .grain = 64,
    .spread = 14,
    .default_items = 10000,
    .open = power_open,
    .block = power_block,
    .close = power_close,
    .finish = power_finish,
};
