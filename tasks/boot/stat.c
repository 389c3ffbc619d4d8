#include "boot/stat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/foreign.h"
#include "boot/lanes.h"
#include "boot/linear.h"
#include "boot/order.h"
#include "mc/expr.h"

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
    if (s->kind == STAT_SUM) {
        *theta *= total;
        if (se)
            *se *= total;
    }
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
    double t[5];
    weighted_cross(w, s->x, s->y, s->n, t);
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

/* In the order of the values, so that the bits do not depend on that of the rows. */
static const char *extreme_value(const struct stat *s, const int32_t *w, double *theta)
{
    uint32_t k = s->kind == STAT_MIN ? 0 : s->n - 1;
    while (w[s->order[k]] == 0)
        k += s->kind == STAT_MIN ? 1 : UINT32_MAX;
    *theta = s->x[s->order[k]];
    return NULL;
}

static const char *expr_value_of(const struct stat *s, const int32_t *w, uint32_t total, double *theta)
{
    for (uint32_t k = 0; k < s->n_parts; k++) {
        const char *why = stat_value(&s->parts[k], w, total, &s->part_values[k], NULL);
        if (why)
            return why;
    }
    s->part_values[s->n_parts] = total;
    *theta = expr_value(s->expr, s->part_values);
    return isfinite(*theta) ? NULL : "the expression is not a finite number in the resample";
}

static const char *foreign_value(const struct stat *s, const int32_t *w, uint32_t total, double *theta)
{
    struct qx_sample sample = {
        .n_rows = s->n, .n_columns = s->n_places, .columns = s->columns, .weights = w, .total = total};
    return foreign_statistic(s->foreign)->value(&sample, theta);
}

bool stat_has_se(const struct stat *s)
{
    switch (s->kind) {
    case STAT_MEDIAN:
    case STAT_QUANTILE:
    case STAT_MIN:
    case STAT_MAX:
    case STAT_EXPR:
    case STAT_PLUGIN:
        return false;
    default:
        return true;
    }
}

const char *stat_value(const struct stat *s, const int32_t *weights, uint32_t total, double *ret_theta,
                       double *ret_se)
{
    if (ret_se)
        *ret_se = 0;
    switch (s->kind) {
    case STAT_MEAN:
    case STAT_SUM:
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
        return refit_value(s->refit, weights, ret_theta, ret_se);
    case STAT_TRIMMED:
        *ret_theta = order_trimmed(s, weights, total, s->number, ret_se);
        return NULL;
    case STAT_MEDIAN:
        *ret_theta = order_quantile(s, weights, total, 0.5);
        return NULL;
    case STAT_QUANTILE:
        *ret_theta = order_quantile(s, weights, total, s->number);
        return NULL;
    case STAT_MIN:
    case STAT_MAX:
        return extreme_value(s, weights, ret_theta);
    case STAT_EXPR:
        return expr_value_of(s, weights, total, ret_theta);
    case STAT_PLUGIN:
        return foreign_value(s, weights, total, ret_theta);
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

static qx_err open_diff(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                        const struct columns *columns, const uint32_t *places, struct stat *s)
{
    uint32_t n_groups;
    char first[64], second[64];
    const struct qx_column *by = columns->list[places[1]].source;
    s->groups = data_groups(d, by, &n_groups);
    if (!s->groups)
        return no_memory(ctx);
    if (n_groups != 2)
        return qx_error(ctx, QX_ERR_INVALID,
                        "diff: column \"%.60s\" has %u different value%s in the rows used, and must have two",
                        by->name, n_groups, n_groups == 1 ? "" : "s");
    level_text(d, by, s->groups, 0, first, sizeof first);
    level_text(d, by, s->groups, 1, second, sizeof second);
    (void)snprintf(s->text, sizeof s->text, "mean of %.50s where %.40s is %s, less that where it is %s",
                   spec->columns[0], by->name, first, second);
    return QX_ERR_OK;
}

/* The first is "theta" until it has another. */
static bool make_names(struct stat *s, uint32_t n)
{
    s->n_theta = n;
    s->names = calloc(n, sizeof *s->names);
    if (!s->names)
        return false;
    memcpy(s->names[0], "theta", sizeof "theta");
    return true;
}

static qx_err open_foreign(struct qx_ctx *ctx, const struct spec *spec, const struct columns *columns,
                           const uint32_t *places, struct stat *s)
{
    qx_err e = foreign_open(ctx, spec->path, spec->n_columns, &s->foreign);
    if (e != QX_ERR_OK)
        return e;
    const struct qx_statistic *q = foreign_statistic(s->foreign);
    s->n_places = spec->n_columns;
    s->places = malloc(s->n_places * sizeof *s->places);
    s->columns = malloc(s->n_places * sizeof *s->columns);
    if (!s->places || !s->columns || !make_names(s, q->n_values))
        return no_memory(ctx);
    for (uint32_t k = 0; k < s->n_places; k++) {
        s->places[k] = places[k];
        s->columns[k] = columns->list[places[k]].values;
    }
    for (uint32_t k = 0; k < q->n_values; k++)
        (void)snprintf(s->names[k], SPEC_NAME_BYTES, "%s",
                       q->value_names     ? q->value_names[k]
                       : q->n_values == 1 ? spec->text
                                          : "");
    return QX_ERR_OK;
}

/* A misspelt statistic looks like an unknown function to an expression. */
static bool check_statistics(const struct spec *spec, char ret_error[PLACE_BYTES])
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    char name[32];
    for (const char *p = spec->expression; *p; p += strcspn(p, word)) {
        size_t len = strspn(p, word);
        const char *near = len > 1 && len < sizeof name && p[len] == '(' ? spec_nearest(p, len) : NULL;
        (void)snprintf(name, sizeof name, "%.*s", near ? (int)len : 0, p);
        if (near && !expr_is_taken(name))
            return place_error(ret_error, spec->text, (size_t)(p - spec->expression), len,
                               "unknown name \"%s\" (did you mean \"%s\"?)", name, near);
        p += len;
    }
    return true;
}

static qx_err open_expr(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                        const struct columns *columns, const uint32_t *places, struct stat *s)
{
    char names[SPEC_PARTS_MAX + 1][SPEC_PART_BYTES], why[PLACE_BYTES];
    const char *name_list[SPEC_PARTS_MAX + 1];
    s->parts = calloc(spec->n_parts, sizeof *s->parts);
    s->part_values = calloc(spec->n_parts + 1, sizeof *s->part_values);
    if (!s->parts || !s->part_values)
        return no_memory(ctx);
    for (uint32_t k = 0; k < spec->n_parts; k++) {
        qx_err e = stat_open(ctx, &spec->parts[k], d, columns, places, &s->parts[k]);
        if (e != QX_ERR_OK)
            return e;
        s->n_parts++;
        places += spec->parts[k].n_columns;
        spec_part_name(k, names[k]);
        name_list[k] = names[k];
    }
    name_list[s->n_parts] = "n";
    if (check_statistics(spec, why))
        s->expr = expr_new(spec->expression, spec->text, name_list, s->n_parts + 1, why);
    return s->expr ? QX_ERR_OK : qx_error(ctx, QX_ERR_INVALID, "stat: %s", why);
}

static qx_err open_order(struct qx_ctx *ctx, struct stat *s)
{
    s->order = malloc(s->n * sizeof *s->order);
    s->ranked = order_work(s->n);
    return s->order && s->ranked ? QX_ERR_OK : no_memory(ctx);
}

/* What is worked out of x and y beforehand. */
static void prepare(struct stat *s)
{
    switch (s->kind) {
    case STAT_COR:
        centre(s->y, s->n, &s->ss_y);
        centre(s->x, s->n, &s->ss_x);
        break;
    case STAT_SD:
    case STAT_VAR:
        centre(s->x, s->n, &s->ss_x);
        break;
    case STAT_MEDIAN:
    case STAT_QUANTILE:
    case STAT_TRIMMED:
    case STAT_MIN:
    case STAT_MAX:
        order_rows(s->x, s->n, s->ranked, s->order);
        break;
    default:
        break;
    }
}

static bool is_ordered(enum stat_kind kind)
{
    return kind == STAT_MEDIAN || kind == STAT_QUANTILE || kind == STAT_TRIMMED || kind == STAT_MIN ||
           kind == STAT_MAX;
}

static qx_err open_kind(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                        const struct columns *columns, const uint32_t *places, struct stat *s)
{
    qx_err e = QX_ERR_OK;
    if (s->kind == STAT_DIFF)
        e = open_diff(ctx, spec, d, columns, places, s);
    else if (is_ordered(s->kind))
        e = open_order(ctx, s);
    if (e != QX_ERR_OK)
        return e;
    prepare(s);
    return make_names(s, 1) ? QX_ERR_OK : no_memory(ctx);
}

static bool needs_y(enum stat_kind kind)
{
    return kind == STAT_COR || kind == STAT_RATIO;
}

static double *copy_of(const double *x, uint32_t n)
{
    double *copy = malloc(n * sizeof *copy);
    if (copy)
        memcpy(copy, x, n * sizeof *copy);
    return copy;
}

static qx_err open_columns(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                           const struct columns *columns, const uint32_t *places, struct stat *s)
{
    s->place_x = places[0];
    s->x = copy_of(columns->list[places[0]].values, s->n);
    if (needs_y(s->kind)) {
        s->place_y = places[1];
        s->y = copy_of(columns->list[places[1]].values, s->n);
    }
    if (!s->x || (needs_y(s->kind) && !s->y))
        return no_memory(ctx);
    return open_kind(ctx, spec, d, columns, places, s);
}

qx_err stat_open(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                 const struct columns *columns, const uint32_t *places, struct stat *ret)
{
    struct stat s = {.kind = spec->kind, .n = d->n, .n_theta = 1, .number = spec->number};
    qx_err e;
    if (s.kind == STAT_PLUGIN)
        e = open_foreign(ctx, spec, columns, places, &s);
    else if (s.kind == STAT_LM)
        e = linear_open(ctx, spec->formula, d, &s);
    else if (s.kind != STAT_EXPR)
        e = open_columns(ctx, spec, d, columns, places, &s);
    else if ((e = open_expr(ctx, spec, d, columns, places, &s)) == QX_ERR_OK)
        e = make_names(&s, 1) ? QX_ERR_OK : no_memory(ctx);
    if (e != QX_ERR_OK)
        stat_fini(&s);
    else
        *ret = s;
    return e;
}

qx_err stat_bind(struct qx_ctx *ctx, const struct spec *spec, struct columns *columns, uint32_t *places,
                 uint32_t *n_places)
{
    if (spec->kind == STAT_LM)
        return linear_bind(ctx, spec->formula, columns);
    for (uint32_t k = 0; k < spec->n_parts; k++) {
        qx_err e = stat_bind(ctx, &spec->parts[k], columns, places, n_places);
        if (e != QX_ERR_OK)
            return e;
    }
    for (uint32_t k = 0; k < spec->n_columns; k++) {
        bool any_type = spec->kind == STAT_DIFF && k == 1;
        qx_err e = columns_bind(ctx, columns, spec->columns[k], any_type ? NULL : spec_usage(spec->kind),
                                &places[*n_places]);
        if (e != QX_ERR_OK)
            return e;
        ++*n_places;
    }
    return QX_ERR_OK;
}

void stat_load(struct stat *s, double *const *columns)
{
    for (uint32_t k = 0; k < s->n_places; k++)
        s->columns[k] = columns[s->places[k]];
    for (uint32_t k = 0; k < s->n_parts; k++)
        stat_load(&s->parts[k], columns);
    if (!s->x)
        return;
    memcpy(s->x, columns[s->place_x], s->n * sizeof *s->x);
    if (needs_y(s->kind))
        memcpy(s->y, columns[s->place_y], s->n * sizeof *s->y);
    prepare(s);
}

void stat_fini(struct stat *s)
{
    for (uint32_t k = 0; k < s->n_parts; k++)
        stat_fini(&s->parts[k]);
    free(s->parts);
    free(s->part_values);
    expr_free(s->expr);
    foreign_close(s->foreign);
    free(s->places);
    free((void *)(uintptr_t)s->columns);
    free(s->x);
    free(s->y);
    free(s->groups);
    free(s->order);
    free(s->ranked);
    free(s->names);
    (void)refit_free(s->refit);
    *s = (struct stat){.n = 0};
}
