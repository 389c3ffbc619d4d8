/* boot.c - the nonparametric bootstrap. An item is one resample: as many rows as the data have (as each stratum has), drawn
 * with replacement by the item's stream. Docs: docs/tasks/boot.md. */
#include "boot/boot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const boot_ci_names[CI_COUNT] = {"normal", "basic", "percentile", "studentized", "bca"};

/* Every value is kept up to EXACT_MAX resamples, or fewer where many numbers are kept of each; a sketch takes over there. */
enum { REDUCERS_MAX = 32, EXACT_MAX = 1000000, KEPT_MAX = 4000000 };

static void boot_free(struct boot *b)
{
    if (!b)
        return;
    data_fini(&b->data);
    stat_fini(&b->stat);
    free(b->weights);
    free(b->inner_weights);
    free(b->draws);
    free(b);
}

/* ---- resampling ---- */

/* 0 .. n-1 without bias (Lemire 2019, "Fast random integer generation in an interval"), from one 32-bit word a draw where
 * qx_below() takes two: drawing is most of the work of an item. */
static inline uint32_t draw_below(struct qx_stream *rng, uint32_t n)
{
    uint64_t product = (uint64_t)qx_u32(rng) * n;
    if ((uint32_t)product < n) {
        uint32_t reject = (0 - n) % n;
        while ((uint32_t)product < reject)
            product = (uint64_t)qx_u32(rng) * n;
    }
    return (uint32_t)(product >> 32);
}

/* One resample as counts of rows, drawn stratum by stratum; and unless NULL which rows, in the order of the draws. */
static void draw_rows(const struct data *d, struct qx_stream *rng, int32_t *weights, uint32_t *draws)
{
    memset(weights, 0, d->n * sizeof *weights);
    for (uint32_t g = 0; g < d->n_strata; g++) {
        uint32_t start = d->start[g], size = d->start[g + 1] - start;
        for (uint32_t k = start; k < start + size; k++) {
            uint32_t row = start + draw_below(rng, size);
            weights[row]++;
            if (draws)
                draws[k] = row;
        }
    }
}

/* The same from the rows that a resample drew. */
static void draw_again(const struct data *d, struct qx_stream *rng, const uint32_t *draws, int32_t *weights)
{
    memset(weights, 0, d->n * sizeof *weights);
    for (uint32_t g = 0; g < d->n_strata; g++) {
        uint32_t start = d->start[g], size = d->start[g + 1] - start;
        for (uint32_t k = 0; k < size; k++)
            weights[draws[start + draw_below(rng, size)]]++;
    }
}

/* Standard error of the statistic at the resample b->draws, by resampling it. Only statistics that are one number and
 * always defined come here. */
static double nested_se(struct boot *b, struct qx_stream *rng)
{
    double mean = 0, ss = 0;
    for (uint32_t k = 1; k <= b->nested; k++) {
        double theta;
        draw_again(&b->data, rng, b->draws, b->inner_weights);
        (void)stat_value(&b->stat, b->inner_weights, b->data.n, &theta, NULL);
        double d = theta - mean;
        mean += d / k;
        ss += d * (theta - mean);
    }
    return sqrt(ss / (b->nested - 1));
}

static qx_err boot_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    struct boot *b = state;
    uint32_t p = b->stat.n_theta;
    double *se = b->item_se;
    bool studentized = b->wanted[CI_STUDENTIZED];
    struct qx_stream rng = qx_item_stream(ctx, item, 0);
    draw_rows(&b->data, &rng, b->weights, b->nested ? b->draws : NULL);
    const char *why = stat_value(&b->stat, b->weights, b->data.n, row, studentized && !b->nested ? se : NULL);
    if (why)
        return qx_fail_item(ctx, item, "%s", why);
    if (b->nested) {
        struct qx_stream inner = qx_item_stream(ctx, item, 1);
        se[0] = nested_se(b, &inner);
    }
    for (uint32_t k = 0; k < p; k++) {
        if (!isfinite(row[k]))
            return qx_fail_item(ctx, item, "the statistic is not finite in the resample");
        if (studentized && !(se[k] > 0 && isfinite(se[k])))
            return qx_fail_item(ctx, item, "the standard error is zero in the resample (ci=studentized)");
        if (studentized)
            row[p + k] = (row[k] - b->theta[k]) / se[k];
    }
    return QX_ERR_OK;
}

/* ---- jackknife ---- */

struct jack_sums {
    double m2, m3, var;
};

/* A stratum's share: influence values l = (rows that stay / rows left out) times the way the estimate moves, centred, as
 * Davison and Hinkley (1997), section 5.3.2, several samples; for groups the sum of their rows' values. */
static bool jackknife_stratum(struct boot *b, uint32_t g, uint32_t per_group, double *thetas,
                              struct jack_sums *sums)
{
    uint32_t start = b->data.start[g], end = b->data.start[g + 1], size = end - start, p = b->stat.n_theta,
             n_groups = 0;
    double mean[STAT_THETA_MAX] = {0};
    for (uint32_t from = start; from < end; from += per_group, n_groups++) {
        uint32_t to = end - from < per_group ? end : from + per_group;
        double *theta = thetas + (size_t)n_groups * p;
        for (uint32_t i = from; i < to; i++)
            b->weights[i] = 0;
        const char *why = to - from < b->data.n
                              ? stat_value(&b->stat, b->weights, b->data.n - (to - from), theta, NULL)
                              : "";
        for (uint32_t i = from; i < to; i++)
            b->weights[i] = 1;
        if (why)
            return false;
        for (uint32_t k = 0; k < p; k++)
            mean[k] += theta[k];
    }
    for (uint32_t k = 0; k < p; k++) {
        double m2 = 0, m3 = 0, scale = (double)size - per_group, n = size;
        for (uint32_t i = 0; i < n_groups; i++) {
            double l = scale * (mean[k] / n_groups - thetas[(size_t)i * p + k]);
            m2 += l * l;
            m3 += l * l * l;
        }
        sums[k].m2 += m2 / (n * n);
        sums[k].m3 += m3 / (n * n * n);
        sums[k].var += size > per_group ? m2 / (n * (n - per_group)) : 0;
    }
    return true;
}

void boot_jackknife(struct boot *b, struct jackknife *ret)
{
    uint32_t n = b->data.n, per_group = (n + JACKKNIFE_EVALUATIONS - 1) / JACKKNIFE_EVALUATIONS;
    struct jack_sums sums[STAT_THETA_MAX] = {{0, 0, 0}};
    double *thetas = malloc((size_t)n / per_group * b->stat.n_theta * sizeof *thetas + 2 * sizeof sums);
    *ret = (struct jackknife){.ok = thetas != NULL};
    if (!thetas)
        return;
    for (uint32_t i = 0; i < n; i++)
        b->weights[i] = 1;
    for (uint32_t g = 0; ret->ok && g < b->data.n_strata; g++)
        ret->ok =
            b->data.start[g + 1] - b->data.start[g] < 2 || jackknife_stratum(b, g, per_group, thetas, sums);
    for (uint32_t k = 0; ret->ok && k < b->stat.n_theta; k++) {
        ret->acceleration[k] = sums[k].m2 > 0 ? sums[k].m3 / (6 * pow(sums[k].m2, 1.5)) : 0;
        ret->se[k] = sqrt(sums[k].var);
    }
    free(thetas);
}

/* ---- opening ---- */

static void open_ci(struct qx_ctx *ctx, struct boot *b)
{
    const char *ci = qx_text(ctx, "ci");
    bool all = strcmp(ci, "all") == 0;
    for (int k = 0; k < CI_COUNT; k++)
        b->wanted[k] = all || strcmp(ci, boot_ci_names[k]) == 0;
    b->conf = qx_real(ctx, "conf");
}

/* The columns of the statistic, and the one whose values are the strata (NULL: none). */
static qx_err find_columns(struct qx_ctx *ctx, const struct spec *spec, const struct qx_column **columns,
                           const struct qx_column **ret_by)
{
    const struct qx_table *t = qx_table(ctx, "data");
    if (!t)
        return qx_error(ctx, QX_ERR_INVALID, "give data=, a CSV file with a header");
    for (uint32_t k = 0; k < spec->n_columns; k++) {
        columns[k] = qx_table_find(ctx, t, spec->columns[k]);
        if (!columns[k])
            return QX_ERR_INVALID;
    }
    *ret_by = spec->kind == STAT_DIFF ? columns[1] : NULL;
    if (!qx_given(ctx, "strata"))
        return QX_ERR_OK;
    *ret_by = qx_table_find(ctx, t, qx_text(ctx, "strata"));
    return *ret_by ? QX_ERR_OK : QX_ERR_INVALID;
}

static qx_err open_data(struct qx_ctx *ctx, struct boot *b, const struct spec *spec)
{
    const struct qx_column *columns[SPEC_COLUMNS_MAX + 1] = {NULL}, *by = NULL;
    uint32_t n = spec->n_columns;
    qx_err e = find_columns(ctx, spec, columns, &by);
    if (e != QX_ERR_OK)
        return e;
    columns[n] = by;
    e = data_open(ctx, qx_table(ctx, "data"), columns, by ? n + 1 : n, by, &b->data);
    return e != QX_ERR_OK ? e : stat_open(ctx, spec, &b->data, columns, &b->stat);
}

static qx_err open_work(struct qx_ctx *ctx, struct boot *b)
{
    size_t n = b->data.n;
    b->weights = malloc(n * sizeof *b->weights);
    b->inner_weights = malloc(n * sizeof *b->inner_weights);
    b->draws = malloc(n * sizeof *b->draws);
    if (!b->weights || !b->inner_weights || !b->draws)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        b->weights[i] = 1;
    return QX_ERR_OK;
}

/* The statistic of the data themselves, and how its standard error is had. */
static qx_err open_theta(struct qx_ctx *ctx, struct boot *b)
{
    bool by_delta = stat_has_se(&b->stat);
    /* Nested resampling makes an item that much dearer and fails often on few distinct values: only when asked for by name. */
    if (!by_delta && strcmp(qx_text(ctx, "ci"), "all") == 0)
        b->wanted[CI_STUDENTIZED] = false;
    if (!by_delta && b->wanted[CI_STUDENTIZED])
        b->nested = (uint32_t)qx_int(ctx, "nested");
    const char *why = stat_value(&b->stat, b->weights, b->data.n, b->theta, by_delta ? b->se : NULL);
    if (why)
        return qx_error(ctx, QX_ERR_INVALID, "%.60s is undefined for the data: with every row used once, %s",
                        b->spec, why);
    for (uint32_t k = 0; k < b->stat.n_theta; k++) {
        if (!isfinite(b->theta[k]))
            return qx_error(ctx, QX_ERR_INVALID, "%.60s is not a finite number for the data", b->spec);
    }
    return QX_ERR_OK;
}

static qx_err declare_outputs(struct qx_ctx *ctx, const struct boot *b)
{
    uint32_t p = b->stat.n_theta;
    char name[SPEC_NAME_BYTES + 8];
    for (uint32_t k = 0; k < p; k++) {
        qx_err e = qx_output(ctx, b->stat.names[k], NULL);
        if (e != QX_ERR_OK)
            return e;
    }
    for (uint32_t k = 0; b->wanted[CI_STUDENTIZED] && k < p; k++) {
        (void)snprintf(name, sizeof name, "t.%s", b->stat.names[k]);
        qx_err e = qx_output(ctx, name, NULL);
        if (e != QX_ERR_OK)
            return e;
    }
    return QX_ERR_OK;
}

static qx_err declare_reducers(struct qx_ctx *ctx, struct boot *b)
{
    uint32_t p = b->stat.n_theta, columns[2 * STAT_THETA_MAX], lists = b->wanted[CI_STUDENTIZED] ? 2 : 1;
    if (p * lists + 1 > REDUCERS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "%u coefficients are too many: at most %u with this ci=", p,
                        (REDUCERS_MAX - 1) / lists);
    for (uint32_t k = 0; k < 2 * p; k++)
        columns[k] = k;
    uint64_t exact_max = KEPT_MAX / (p * lists) < EXACT_MAX ? KEPT_MAX / (p * lists) : EXACT_MAX;
    struct qx_reducer r = {.kind = QX_REDUCE_MOMENTS, .columns = columns, .n_columns = p};
    qx_err e = qx_reduce(ctx, &r, &b->red_moments);
    for (uint32_t k = 0; e == QX_ERR_OK && k < p * lists; k++) {
        r = (struct qx_reducer){
            .kind = QX_REDUCE_QUANTILES, .columns = &columns[k], .n_columns = 1, .exact_max = exact_max};
        e = qx_reduce(ctx, &r, k < p ? &b->red_theta[k] : &b->red_t[k - p]);
    }
    return e;
}

static qx_err open_all(struct qx_ctx *ctx, struct boot *b)
{
    struct spec spec;
    char why[SPEC_ERROR_BYTES];
    b->spec = qx_text(ctx, "stat");
    if (!spec_parse(&spec, b->spec, why))
        return qx_error(ctx, QX_ERR_INVALID, "%s", why);
    open_ci(ctx, b);
    qx_err e = open_data(ctx, b, &spec);
    if (e == QX_ERR_OK)
        e = open_work(ctx, b);
    if (e == QX_ERR_OK)
        e = open_theta(ctx, b);
    if (e == QX_ERR_OK)
        e = declare_outputs(ctx, b);
    return e != QX_ERR_OK ? e : declare_reducers(ctx, b);
}

static qx_err boot_open(struct qx_ctx *ctx, void **ret_state)
{
    struct boot *b = calloc(1, sizeof *b);
    if (!b)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = open_all(ctx, b);
    if (e != QX_ERR_OK)
        boot_free(b);
    else
        *ret_state = b;
    return e;
}

static void boot_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    boot_free(state);
}

static const char *const ci_choices[] = {"normal", "basic", "percentile", "studentized", "bca", "all", NULL};
static const char *const missing_choices[] = {"refuse", "drop", NULL};

static const struct qx_param params[] = {
    {.name = "data", .type = QX_PARAM_TABLE, .help = "CSV file with a header"},
    {.name = "stat",
     .type = QX_PARAM_TEXT,
     .help = "what to estimate, e.g. 'cor(LSAT,GPA)' or 'lm(y~x1+x2)'"},
    {.name = "ci",
     .type = QX_PARAM_CHOICE,
     .fallback = "bca",
     .choices = ci_choices,
     .help = "which intervals"},
    {.name = "conf",
     .type = QX_PARAM_REAL,
     .fallback = "0.95",
     .min = 0.01,
     .max = 0.9999,
     .help = "their level"},
    {.name = "strata",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "column: resample within each of its values"},
    {.name = "where", .type = QX_PARAM_TEXT, .fallback = "", .help = "column=value: use only these rows"},
    {.name = "missing",
     .type = QX_PARAM_CHOICE,
     .fallback = "refuse",
     .choices = missing_choices,
     .help = "what to do with rows that lack a value in a column used"},
    {.name = "nested",
     .type = QX_PARAM_INT,
     .fallback = "50",
     .min = 10,
     .max = 10000,
     .help = "resamples of a resample, for ci=studentized of medians and quantiles"},
};

const struct qx_task task_boot = {
    .struct_size = sizeof(struct qx_task),
    .name = "boot",
    .version = "1.0",
    .help =
        "bootstrap of a statistic of a data set: standard error, bias, intervals; an item is one resample",
    .details =
        "stat= one of mean(x) median(x) trimmed(x,0.1) sd(x) var(x) quantile(x,0.9) cor(x,y) ratio(x,u) "
        "diff(x,group) lm(y~x1+x2-1); ratio is sum(x)/sum(u), diff resamples within the two groups.\n"
        "Example: qx run boot data=law.csv stat='cor(LSAT,GPA)' ci=bca -n 20000",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .shape = QX_SHAPE_MAP,
    .grain = 16,
    .spread = 14,
    .default_items = 10000,
    .open = boot_open,
    .run = boot_run,
    .close = boot_close,
    .finish = boot_finish,
};
