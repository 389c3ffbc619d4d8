#include "boot/stat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/lm.h"
#include "boot/order.h"

enum { LANES = 4 };

double weighted_sum(const int32_t *w, const double *x, uint32_t n)
{
    double s[LANES] = {0};
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (uint32_t k = 0; k < LANES; k++)
            s[k] += w[i + k] * x[i + k];
    }
    for (uint32_t k = 0; i < n; i++, k++)
        s[k] += w[i] * x[i];
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* Sum of w (x - a)(y - b), likewise. */
static double weighted_product(const int32_t *w, const double *x, double a, const double *y, double b,
                               uint32_t n)
{
    double s[LANES] = {0};
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (uint32_t k = 0; k < LANES; k++)
            s[k] += w[i + k] * ((x[i + k] - a) * (y[i + k] - b));
    }
    for (uint32_t k = 0; i < n; i++, k++)
        s[k] += w[i] * ((x[i] - a) * (y[i] - b));
    return (s[0] + s[2]) + (s[1] + s[3]);
}

static bool is_constant(const int32_t *w, const double *x, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && w[i] == 0)
        i++;
    for (double first = i < n ? x[i] : 0; i < n; i++) {
        if (w[i] != 0 && x[i] != first)
            return false;
    }
    return true;
}

/* ---- values: theta, and the standard error by the delta method where se is asked for. The empirical influence values
 * l_i are those of Davison and Hinkley (1997), section 2.7.2; se^2 = sum of w_i l_i^2 / total^2. ---- */

static const char *mean_value(const struct stat *s, const int32_t *w, uint32_t total, double *theta,
                              double *se)
{
    *theta = weighted_sum(w, s->x, s->n) / total;
    if (se)
        *se = sqrt(weighted_product(w, s->x, *theta, s->x, *theta, s->n)) / total;
    return NULL;
}

/* l = (x - m)^2 - v */
static double variance_se(const struct stat *s, const int32_t *w, uint32_t total, double mean, double v)
{
    double sum = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        double d = s->x[i] - mean, l = d * d - v;
        sum += w[i] * l * l;
    }
    return sqrt(sum) / total;
}

static const char *var_value(const struct stat *s, const int32_t *w, uint32_t total, double *theta,
                             double *se)
{
    if (total < 2)
        return "fewer than two rows";
    double mean = weighted_sum(w, s->x, s->n) / total;
    double ss = weighted_product(w, s->x, mean, s->x, mean, s->n);
    *theta = ss / (total - 1);
    if (se)
        *se = variance_se(s, w, total, mean, ss / total);
    if (s->kind == STAT_VAR)
        return NULL;
    *theta = sqrt(*theta);
    if (se)
        *se = *theta > 0 ? *se / (2 * *theta) : 0;
    return NULL;
}

struct cross {
    double mean_x, mean_y, xx, yy, xy;
};

/* Five sums in one pass over centred columns. */
static void cross_sums(const struct stat *s, const int32_t *w, uint32_t total, struct cross *ret)
{
    double sum[5][LANES] = {{0}};
    for (uint32_t i = 0; i < s->n; i += LANES) {
        uint32_t lanes = s->n - i < LANES ? s->n - i : LANES;
        for (uint32_t k = 0; k < lanes; k++) {
            double x = s->x[i + k], y = s->y[i + k], wx = w[i + k] * x, wy = w[i + k] * y;
            sum[0][k] += wx;
            sum[1][k] += wy;
            sum[2][k] += wx * x;
            sum[3][k] += wy * y;
            sum[4][k] += wx * y;
        }
    }
    double t[5];
    for (int j = 0; j < 5; j++)
        t[j] = (sum[j][0] + sum[j][2]) + (sum[j][1] + sum[j][3]);
    *ret = (struct cross){.mean_x = t[0] / total, .mean_y = t[1] / total};
    ret->xx = t[2] - t[0] * ret->mean_x;
    ret->yy = t[3] - t[1] * ret->mean_y;
    ret->xy = t[4] - t[0] * ret->mean_y;
}

/* One pass loses digits where a resample varies far less than the data: then in two passes. */
static const char *cross_value(const struct stat *s, const int32_t *w, uint32_t total, struct cross *c)
{
    cross_sums(s, w, total, c);
    double share = (double)total / s->n;
    if (c->xx > 1e-3 * share * s->ss_x && c->yy > 1e-3 * share * s->ss_y)
        return NULL;
    if (is_constant(w, s->x, s->n) || is_constant(w, s->y, s->n))
        return "a variable is constant in the resample";
    c->xx = weighted_product(w, s->x, c->mean_x, s->x, c->mean_x, s->n);
    c->yy = weighted_product(w, s->y, c->mean_y, s->y, c->mean_y, s->n);
    c->xy = weighted_product(w, s->x, c->mean_x, s->y, c->mean_y, s->n);
    return c->xx > 0 && c->yy > 0 ? NULL : "a variable is constant in the resample";
}

static const char *cor_value(const struct stat *s, const int32_t *w, uint32_t total, double *theta,
                             double *se)
{
    struct cross c;
    const char *why = cross_value(s, w, total, &c);
    if (why)
        return why;
    double sx = sqrt(c.xx), sy = sqrt(c.yy), r = c.xy / sx / sy;
    r = r > 1 ? 1 : r < -1 ? -1 : r;
    *theta = r;
    if (!se)
        return NULL;
    double sum = 0, scale = sqrt((double)total);
    for (uint32_t i = 0; i < s->n; i++) {
        double zx = (s->x[i] - c.mean_x) / sx * scale, zy = (s->y[i] - c.mean_y) / sy * scale;
        double l = zx * zy - 0.5 * r * (zx * zx + zy * zy);
        sum += w[i] * l * l;
    }
    *se = sqrt(sum) / total;
    return NULL;
}

static const char *ratio_value(const struct stat *s, const int32_t *w, uint32_t total, double *theta,
                               double *se)
{
    (void)total;
    double top = weighted_sum(w, s->x, s->n), bottom = weighted_sum(w, s->y, s->n);
    if (bottom == 0)
        return "the denominator of the ratio is zero in the resample";
    *theta = top / bottom;
    if (!se)
        return NULL;
    double sum = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        double l = s->x[i] - *theta * s->y[i];
        sum += w[i] * l * l;
    }
    *se = sqrt(sum) / fabs(bottom);
    return NULL;
}

static const char *diff_value(const struct stat *s, const int32_t *w, uint32_t total, double *theta,
                              double *se)
{
    double sum[2] = {0, 0}, ss[2] = {0, 0};
    int64_t count[2] = {0, 0};
    (void)total;
    for (uint32_t i = 0; i < s->n; i++) {
        sum[s->groups[i]] += w[i] * s->x[i];
        count[s->groups[i]] += w[i];
    }
    if (count[0] == 0 || count[1] == 0)
        return "a group has no row in the resample";
    double mean[2] = {sum[0] / (double)count[0], sum[1] / (double)count[1]};
    *theta = mean[0] - mean[1];
    if (!se)
        return NULL;
    for (uint32_t i = 0; i < s->n; i++) {
        double d = s->x[i] - mean[s->groups[i]];
        ss[s->groups[i]] += w[i] * d * d;
    }
    double c0 = (double)count[0], c1 = (double)count[1];
    *se = sqrt(ss[0] / (c0 * c0) + ss[1] / (c1 * c1));
    return NULL;
}

bool stat_has_se(const struct stat *s)
{
    return s->kind != STAT_MEDIAN && s->kind != STAT_QUANTILE;
}

const char *stat_value(const struct stat *s, const int32_t *weights, uint32_t total, double *ret_theta,
                       double *ret_se)
{
    if (ret_se)
        *ret_se = 0;
    switch (s->kind) {
    case STAT_MEAN:
        return mean_value(s, weights, total, ret_theta, ret_se);
    case STAT_SD:
    case STAT_VAR:
        return var_value(s, weights, total, ret_theta, ret_se);
    case STAT_COR:
        return cor_value(s, weights, total, ret_theta, ret_se);
    case STAT_RATIO:
        return ratio_value(s, weights, total, ret_theta, ret_se);
    case STAT_DIFF:
        return diff_value(s, weights, total, ret_theta, ret_se);
    case STAT_LM:
        return lm_value(s->lm, weights, ret_theta, ret_se);
    case STAT_TRIMMED:
        *ret_theta = order_trimmed(s, weights, total, s->number, ret_se);
        return NULL;
    case STAT_MEDIAN:
        *ret_theta = order_quantile(s, weights, total, 0.5);
        return NULL;
    case STAT_QUANTILE:
        *ret_theta = order_quantile(s, weights, total, s->number);
        return NULL;
    case STAT_KIND_COUNT:
    default:
        return "unknown statistic";
    }
}

/* ---- opening ---- */

static qx_err no_memory(struct qx_ctx *ctx)
{
    return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

static void centre(double *x, uint32_t n, double *ret_ss)
{
    double sum = 0, rest = 0, mean;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i];
    mean = sum / n;
    for (uint32_t i = 0; i < n; i++)
        rest += x[i] - mean;
    mean += rest / n;
    *ret_ss = 0;
    for (uint32_t i = 0; i < n; i++) {
        x[i] -= mean;
        *ret_ss += x[i] * x[i];
    }
}

static void level_text(const struct data *d, const struct qx_column *c, const uint32_t *groups,
                       uint32_t group, char *ret, size_t size)
{
    uint32_t i = 0;
    while (i + 1 < d->n && groups[i] != group)
        i++;
    uint32_t row = d->rows[i];
    if (c->type == QX_COLUMN_TEXT)
        (void)snprintf(ret, size, "%.50s", c->levels[c->code[row]]);
    else
        (void)snprintf(ret, size, "%g", c->real[row]);
}

static qx_err open_diff(struct qx_ctx *ctx, const struct data *d, const struct qx_column *const *columns,
                        struct stat *s)
{
    uint32_t n_groups;
    char first[64], second[64];
    s->groups = data_groups(d, columns[1], &n_groups);
    if (!s->groups)
        return no_memory(ctx);
    if (n_groups != 2)
        return qx_error(ctx, QX_ERR_INVALID,
                        "diff: column \"%.60s\" has %u different value%s in the rows used, and must have two",
                        columns[1]->name, n_groups, n_groups == 1 ? "" : "s");
    level_text(d, columns[1], s->groups, 0, first, sizeof first);
    level_text(d, columns[1], s->groups, 1, second, sizeof second);
    (void)snprintf(s->text, sizeof s->text, "mean of %.50s where %.40s is %s, less that where it is %s",
                   columns[0]->name, columns[1]->name, first, second);
    return QX_ERR_OK;
}

static qx_err open_lm(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                      const struct qx_column *const *columns, struct stat *s)
{
    double *terms[STAT_THETA_MAX + 1] = {NULL};
    uint32_t p = 0;
    bool ok = true;
    if (spec->intercept) {
        (void)snprintf(s->names[0], SPEC_NAME_BYTES, "(Intercept)");
        ok = (terms[p++] = malloc(d->n * sizeof(double))) != NULL;
        for (uint32_t i = 0; ok && i < d->n; i++)
            terms[0][i] = 1;
    }
    for (uint32_t k = 1; ok && k < spec->n_columns; k++) {
        memcpy(s->names[p], spec->columns[k], SPEC_NAME_BYTES);
        ok = (terms[p++] = data_numbers(d, columns[k])) != NULL;
    }
    s->n_theta = p;
    enum lm_error e = ok ? lm_new(s->x, (const double *const *)terms, d->n, p, &s->lm) : LM_NOMEM;
    for (uint32_t k = 0; k < p; k++)
        free(terms[k]);
    if (e == LM_COLLINEAR)
        return qx_error(ctx, QX_ERR_INVALID,
                        "lm: the terms are collinear (one is a combination of the others)");
    if (e == LM_TOO_FEW_ROWS)
        return qx_error(ctx, QX_ERR_INVALID, "lm: %u rows are too few for %u coefficients", d->n, p);
    return e == LM_OK ? QX_ERR_OK : no_memory(ctx);
}

static qx_err open_kind(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                        const struct qx_column *const *columns, struct stat *s)
{
    switch (s->kind) {
    case STAT_COR:
        centre(s->y, s->n, &s->ss_y);
        centre(s->x, s->n, &s->ss_x);
        return QX_ERR_OK;
    case STAT_SD:
    case STAT_VAR:
        centre(s->x, s->n, &s->ss_x);
        return QX_ERR_OK;
    case STAT_MEDIAN:
    case STAT_QUANTILE:
    case STAT_TRIMMED:
        s->order = order_of(s->x, s->n);
        return s->order ? QX_ERR_OK : no_memory(ctx);
    case STAT_DIFF:
        return open_diff(ctx, d, columns, s);
    case STAT_LM:
        return open_lm(ctx, spec, d, columns, s);
    case STAT_MEAN:
    case STAT_RATIO:
    case STAT_KIND_COUNT:
    default:
        return QX_ERR_OK;
    }
}

static bool is_number(const char *text)
{
    char *end;
    if (strspn(text, "+-.0123456789eE") != strlen(text))
        return false; /* what strtod takes beyond that, a table does not */
    (void)strtod(text, &end);
    return end != text && !*end;
}

/* The first cell of a text column that is no number, and so made it one. Levels are in the order in which they appear.
 * False: all are numbers, which a double cannot keep. */
static bool first_text(const struct qx_column *c, uint64_t n_rows, uint64_t *ret_row, const char **ret_text)
{
    uint32_t level = 0;
    while (level < c->n_levels && is_number(c->levels[level]))
        level++;
    for (uint64_t i = 0; level < c->n_levels && i < n_rows; i++)
        if (c->code[i] == level) {
            *ret_row = i;
            *ret_text = c->levels[level];
            return true;
        }
    return false;
}

static qx_err not_numbers(struct qx_ctx *ctx, const struct spec *spec, const struct qx_column *c)
{
    uint64_t row;
    const char *text;
    if (!first_text(c, qx_table_rows(ctx, qx_table(ctx, "data")), &row, &text))
        return qx_error(ctx, QX_ERR_INVALID,
                        "column \"%.80s\" holds whole numbers too long to be kept exactly, so it is text; %s "
                        "needs numbers",
                        c->name, spec_usage(spec->kind));
    return qx_error(ctx, QX_ERR_INVALID,
                    "column \"%.80s\" holds text, the first is \"%.40s\" in data row %llu; %s needs numbers",
                    c->name, text, (unsigned long long)row + 1, spec_usage(spec->kind));
}

static qx_err check_types(struct qx_ctx *ctx, const struct spec *spec, const struct qx_column *const *columns)
{
    for (uint32_t k = 0; k < spec->n_columns; k++) {
        bool any_type = spec->kind == STAT_DIFF && k == 1;
        if (columns[k]->type != QX_COLUMN_REAL && !any_type)
            return not_numbers(ctx, spec, columns[k]);
    }
    return QX_ERR_OK;
}

qx_err stat_open(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                 const struct qx_column *const *columns, struct stat *ret)
{
    struct stat s = {.kind = spec->kind, .n = d->n, .n_theta = 1, .number = spec->number, .names = {"theta"}};
    qx_err e = check_types(ctx, spec, columns);
    if (e != QX_ERR_OK)
        return e;
    s.x = data_numbers(d, columns[0]);
    bool two = spec->kind == STAT_COR || spec->kind == STAT_RATIO;
    s.y = two ? data_numbers(d, columns[1]) : NULL;
    e = s.x && (!two || s.y) ? open_kind(ctx, spec, d, columns, &s) : no_memory(ctx);
    if (e != QX_ERR_OK)
        stat_fini(&s);
    else
        *ret = s;
    return e;
}

void stat_fini(struct stat *s)
{
    free(s->x);
    free(s->y);
    free(s->groups);
    free(s->order);
    lm_free(s->lm);
    *s = (struct stat){.n = 0};
}
