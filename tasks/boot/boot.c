/* boot.c - the bootstrap. An item is one resample, drawn by the item's stream, or one of all that there are where they are
 * enumerated. Docs: docs/tasks/boot.md. */
#include "boot/boot.h"

#include <math.h>
#include <string.h>

#include "boot/draw.h"
#include "boot/refit.h"

const char *const boot_ci_names[CI_COUNT] = {"normal", "basic", "percentile", "studentized", "bca", "abc"};
const char *const boot_type_names[TYPE_COUNT] = {"ordinary", "parametric", "wild",
                                                 "block",    "circular",   "stationary"};

const char *boot_value(const struct boot *b, const int32_t *weights, uint32_t total, double *ret_theta,
                       double *ret_se)
{
    for (uint32_t i = 0; i < b->n_stats; i++) {
        const struct stat *s = &b->stats[i];
        const char *why = stat_value(s, weights, total, ret_theta, ret_se);
        if (why)
            return why;
        ret_theta += s->n_theta;
        ret_se += ret_se ? s->n_theta : 0;
    }
    return NULL;
}

double boot_rows(const struct boot *b, uint64_t seed, uint64_t item, int32_t *weights, uint32_t *draws)
{
    if (b->exact)
        return enumerate_weights(&b->enumeration, &b->data, item, weights);
    draw_rows(&b->data, seed, item, weights, draws);
    return 1;
}

/* ---- wild ---- */

/* Errors times v: +1 or -1 (Rademacher); or of mean 0, variance 1 and third moment 1 with two values (Mammen 1993). All
 * 2^n of them by number, or by the item's stream. Returns the probability among all. */
static double turn_errors(struct qx_ctx *ctx, struct boot *b, uint64_t item)
{
    static const double golden[2] = {-0.6180339887498949, 1.618033988749895},
                        high_share = 0.27639320225002106;
    bool mammen = b->wild == WILD_MAMMEN;
    double prob = 1;
    struct qx_stream rng = qx_item_stream(ctx, item, 0);
    uint64_t bits = 0;
    for (uint32_t i = 0; i < b->data.n; i++) {
        bool high;
        if (b->exact) {
            high = item >> i & 1;
            prob *= !mammen ? 0.5 : high ? high_share : 1 - high_share;
        } else if (mammen) {
            high = qx_uniform(&rng) < high_share;
        } else {
            bits = i % 32 == 0 ? qx_u32(&rng) : bits >> 1;
            high = bits & 1;
        }
        b->turned[i] = b->errors[i] * (mammen ? golden[high] : high ? 1 : -1);
    }
    return prob;
}

/* ---- items ---- */

static const char *model_value(struct qx_ctx *ctx, struct boot *b, uint64_t item, double *theta, double *se,
                               double *ret_prob)
{
    if (b->type == TYPE_WILD) {
        *ret_prob = turn_errors(ctx, b, item);
    } else {
        struct qx_stream rng = qx_item_stream(ctx, item, 0);
        for (uint32_t i = 0; i < b->data.n; i++)
            b->turned[i] = b->sigma * qx_normal(&rng);
    }
    return refit_errors(b->stats[0].refit, b->turned, theta, se);
}

static const char *item_value(struct qx_ctx *ctx, struct boot *b, uint64_t item, double *theta, double *se,
                              double *ret_prob)
{
    if (b->turned)
        return model_value(ctx, b, item, theta, se, ret_prob);
    if (b->type == TYPE_PARAMETRIC) {
        simulate_item(ctx, &b->simulation, &b->data, item, &b->columns);
        for (uint32_t i = 0; i < b->n_stats; i++)
            stat_load(&b->stats[i], b->columns.simulated);
    } else if (b->type == TYPE_ORDINARY) {
        *ret_prob = boot_rows(b, ctx->seed, item, b->weights, b->nested ? b->draws : NULL);
    } else {
        struct qx_stream rng = qx_item_stream(ctx, item, 0);
        draw_blocks(&b->data, (enum draw_blocks)(b->type - TYPE_MOVING), b->length, &rng, b->weights);
    }
    return boot_value(b, b->weights, b->data.n, theta, se);
}

/* Standard errors of the statistics at the resample b->draws by resampling it, where the delta method has none. Resamples of it
 * where they are undefined do not count. */
static const char *nested_se(struct boot *b, struct qx_stream *rng, double *se)
{
    double mean[STAT_THETA_MAX] = {0}, ss[STAT_THETA_MAX] = {0};
    uint32_t n = 0;
    for (uint32_t k = 0; k < b->nested; k++) {
        draw_again(&b->data, rng, b->draws, b->inner_weights);
        if (boot_value(b, b->inner_weights, b->data.n, b->inner, NULL))
            continue;
        n++;
        for (uint32_t j = 0; j < b->n_theta; j++) {
            double d = b->inner[j] - mean[j];
            mean[j] += d / n;
            ss[j] += d * (b->inner[j] - mean[j]);
        }
    }
    if (n < 2)
        return "the statistic is undefined on resamples of the resample (ci=studentized)";
    for (uint32_t j = 0; j < b->n_theta; j++)
        se[j] = b->by_delta[j] ? se[j] : sqrt(ss[j] / (n - 1));
    return NULL;
}

const char *boot_item(struct qx_ctx *ctx, struct boot *b, uint64_t item, double *row)
{
    bool studentized = b->wanted[CI_STUDENTIZED];
    double prob = 1, *se = b->item_se;
    const char *why = item_value(ctx, b, item, row, studentized ? se : NULL, &prob);
    if (!why && b->nested) {
        struct qx_stream inner = qx_item_stream(ctx, item, 1);
        why = nested_se(b, &inner, se);
    }
    if (why)
        return why;
    for (uint32_t k = 0; k < b->n_theta; k++) {
        if (!isfinite(row[k]))
            return "the statistic is not finite in the resample";
        bool has_t = studentized && se[k] > 0 && isfinite(se[k]);
        if (studentized && !has_t && !b->exact) /* exactly, only t is undefined there */
            return "the standard error is zero in the resample (ci=studentized)";
        if (studentized)
            row[b->col_t + k] = has_t ? (row[k] - b->theta[k]) / se[k] : NAN;
    }
    if (b->col_prob)
        row[b->col_prob] = prob;
    if (b->col_item)
        row[b->col_item] = (double)item;
    return NULL;
}

static qx_err boot_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    struct boot *b = state;
    for (uint32_t i = 0; i < count; i++, rows += b->n_columns) {
        uint64_t item = first + i;
        const char *why =
            b->exact && item >= b->n_exact ? "there are no more resamples" : boot_item(ctx, b, item, rows);
        if (why)
            (void)qx_fail_item(ctx, item, "%s", why);
    }
    return QX_ERR_OK;
}

static void boot_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    boot_free(state);
}

/* ---- the description ---- */

static const char *const ci_choices[] = {"normal", "basic", "percentile", "studentized",
                                         "bca",    "abc",   "all",        NULL};
static const char *const na_choices[] = {"fail", "omit", NULL};
static const char *const method_choices[] = {"auto", "exact", "random", NULL};
static const char *const type_choices[] = {"ordinary", "parametric", "wild", "block",
                                           "circular", "stationary", NULL};
static const char *const dist_choices[] = {"normal",  "lognormal", "exponential", "gamma",
                                           "weibull", "poisson",   "uniform",     NULL};
static const char *const wild_choices[] = {"rademacher", "mammen", NULL};
static const char *const hc_choices[] = {"0", "2", "3", NULL};

static const struct qx_param params[] = {
    {.name = "data", .type = QX_PARAM_TABLE, .help = "CSV file with a header"},
    {.name = "stat",
     .type = QX_PARAM_TEXT,
     .help = "what to estimate, e.g. 'cor(LSAT,GPA)', 'mean(x)/sd(x)', 'mean(x); sd(x)', 'lm(y~x1+x2)'"},
    {.name = "ci",
     .type = QX_PARAM_CHOICE,
     .fallback = "bca",
     .choices = ci_choices,
     .help = "which intervals; all: the first five; where bca has no meaning the default is percentile"},
    {.name = "conf",
     .type = QX_PARAM_REAL,
     .fallback = "0.95",
     .min = 0.01,
     .max = 0.9999,
     .help = "their level"},
    {.name = "method",
     .type = QX_PARAM_CHOICE,
     .fallback = "auto",
     .choices = method_choices,
     .help = "exact: all resamples there are; random: -n of them; auto: exact up to 2 million"},
    {.name = "type",
     .type = QX_PARAM_CHOICE,
     .fallback = "ordinary",
     .choices = type_choices,
     .help = "how resamples come about"},
    {.name = "dist",
     .type = QX_PARAM_CHOICE,
     .fallback = "normal",
     .choices = dist_choices,
     .help = "type=parametric: what is fitted to the column; normal also jointly to several"},
    {.name = "l",
     .type = QX_PARAM_REAL,
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .help = "rows in a block (stationary: on average); 0: the cube root of the rows"},
    {.name = "wild",
     .type = QX_PARAM_CHOICE,
     .fallback = "rademacher",
     .choices = wild_choices,
     .help = "type=wild: the factors of the residuals"},
    {.name = "hc",
     .type = QX_PARAM_CHOICE,
     .fallback = "2",
     .choices = hc_choices,
     .help = "type=wild: residuals as they are (0), over sqrt(1-h) (2), over 1-h (3)"},
    {.name = "strata",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "column: resample within each of its values"},
    {.name = "where", .type = QX_PARAM_TEXT, .fallback = "", .help = "column=value: use only these rows"},
    {.name = "na",
     .type = QX_PARAM_CHOICE,
     .fallback = "fail",
     .choices = na_choices,
     .help = "what to do with rows that lack a value in a column used"},
    {.name = "nested",
     .type = QX_PARAM_INT,
     .fallback = "50",
     .min = 10,
     .max = 10000,
     .help = "resamples of a resample, for ci=studentized of statistics without a formula for their error"},
    {.name = "jab",
     .type = QX_PARAM_BOOL,
     .fallback = "no",
     .help = "jackknife after bootstrap: standard errors of the SE and the quantiles"},
};

const struct qx_task task_boot = {
    .struct_size = sizeof(struct qx_task),
    .name = "boot",
    .version = "2.0",
    .help =
        "bootstrap of a statistic of a data set: standard error, bias, intervals; an item is one resample",
    .details = "stat= one or more, separated by ; of mean(x) median(x) trimmed(x,0.1) sd(x) var(x) "
               "quantile(x,0.9) sum(x) min(x) "
               "max(x) cor(x,y) ratio(x,u) diff(x,group) lm(y~x1+x2-1), arithmetic of them as in "
               "mean(x)/sd(x) (n: rows), "
               "and plugin:name(x,y); ratio is sum(x)/sum(u), diff resamples within the two groups.\n"
               "Example: qx run boot data=law.csv stat='cor(LSAT,GPA)' ci=bca -n 20000",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .shape = QX_SHAPE_MAP,
    .flags = QX_TASK_COUNTS_ITEMS,
    .grain = 64,
    .spread = 14,
    .default_items = 0,
    .open = boot_open,
    .block = boot_block,
    .close = boot_close,
    .finish = boot_finish,
};
