/* stat_open.c - what a statistic computes once: centred values or ranks in tiles, sizes, the design. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "perm/kind.h"
#include "perm/rank.h"

enum { BYTES_UNITS_MAX = 8192 }; /* more units' sums by byte would not stay in the cache */
/* Values that are equal on paper differ by so much, as a share of T; and by so much, as a share of the largest number read. */
static const double tie_least = 1e-10, digits_lost = 1e-15;
/* Two differences this near each other, as a share of the largest number that they come from, tie in rank. */
static const double same_difference = 1e-14;

static qx_err no_memory(struct qx_ctx *ctx)
{
    return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

static size_t place_of(const struct stat *s, uint32_t v, uint32_t unit)
{
    uint32_t tile = v / STAT_TILE;
    return (size_t)tile * STAT_TILE * s->n + (size_t)unit * stat_tile_width(s, tile) + v % STAT_TILE;
}

static void to_tile(const struct stat *s, uint32_t v, const double *values)
{
    for (uint32_t i = 0; i < s->n; i++)
        s->x[place_of(s, v, i)] = values[i];
}

static double sum_of(const double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

/* Less its mean, twice: the second pass takes off what rounding left of it. Returns the sum of squares. */
static double centre(double *x, uint32_t n)
{
    double ss = 0;
    for (int pass = 0; pass < 2; pass++) {
        double mean = sum_of(x, n) / n;
        for (uint32_t i = 0; i < n; i++)
            x[i] -= mean;
    }
    for (uint32_t i = 0; i < n; i++)
        ss += x[i] * x[i];
    return ss;
}

static bool to_ranks(double *x, uint32_t n, double slack)
{
    uint32_t *order = rank_order(x, n);
    if (order)
        rank_mid(x, order, n, slack);
    free(order);
    return order != NULL;
}

/* |d| are ranked, the signs put back; differences of nought are left out before (Wilcoxon) or after (Pratt). */
static bool to_signed_ranks(double *x, uint32_t n, double slack, bool pratt)
{
    double *size = malloc(((size_t)n + 1) * sizeof *size);
    uint32_t noughts = 0;
    bool ok = size != NULL;
    for (uint32_t i = 0; ok && i < n; i++) {
        size[i] = fabs(x[i]);
        noughts += x[i] == 0;
    }
    ok = ok && to_ranks(size, n, slack);
    for (uint32_t i = 0; ok && i < n; i++)
        x[i] = x[i] == 0 ? 0 : copysign(size[i] - (pratt ? 0 : noughts), x[i]);
    free(size);
    return ok;
}

/* ---- variables ---- */

static double usual_size(const struct stat *s, double ss)
{
    double n = s->n, m = s->first, k = n - m;
    switch (s->kind) {
    case STAT_TWO_MEAN:
        return sqrt(ss / (n - 1) * (1 / m + 1 / k));
    case STAT_TWO_MEDIAN:
        return sqrt(ss / (n - 1));
    case STAT_TWO_WILCOXON:
        return sqrt(ss * m * k / (n * (n - 1)));
    case STAT_PAIRED_MEAN:
        return sqrt(ss) / n;
    case STAT_PAIRED_SUM:
        return sqrt(ss);
    case STAT_PAIRED_WILCOXON:
        return 0.5 * sqrt(ss);
    case STAT_PEARSON:
    case STAT_SPEARMAN:
        return 1 / sqrt(n - 1);
    default:
        return 1;
    }
}

static double sum_sizes(const double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += fabs(x[i]);
    return sum;
}

static double largest(const double *x, uint32_t n)
{
    double most = 0;
    for (uint32_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

/* Numbers such as 1000000.1 are off by rounding that is large beside their spread, and T is off by as many of its usual sizes. */
static double tie_of(double read, double ss, uint32_t n)
{
    return ss > 0 ? fmax(tie_least, digits_lost * read * n / sqrt(ss)) : tie_least;
}

static bool open_values(const struct data *d, struct stat *s, uint32_t v, bool pratt, double *x)
{
    bool ok = true;
    memcpy(x, d->y + (size_t)v * s->n, s->n * sizeof *x);
    if (s->kind == STAT_TWO_MEDIAN) {
        uint32_t *order = rank_order(x, s->n);
        ok = order != NULL;
        if (ok)
            memcpy(s->order + (size_t)v * s->n, order, s->n * sizeof *order);
        free(order);
        to_tile(s, v, x);
    }
    if (s->kind == STAT_TWO_WILCOXON || s->kind == STAT_SPEARMAN || s->kind == STAT_KRUSKAL)
        ok = to_ranks(x, s->n, 0);
    if (s->kind == STAT_PAIRED_WILCOXON)
        ok = to_signed_ranks(x, s->n, same_difference * d->largest, pratt);
    bool differences = d->test == TEST_PAIRED && s->kind != STAT_PAIRED_WILCOXON;
    double read = differences ? fmax(d->largest, largest(x, s->n)) : largest(x, s->n);
    if (d->test == TEST_PAIRED) {
        s->total[v] = sum_of(x, s->n);
        for (uint32_t i = 0; i < s->n; i++)
            s->ss[v] += x[i] * x[i];
    } else {
        s->ss[v] = centre(x, s->n);
    }
    if (s->kind != STAT_TWO_MEDIAN)
        to_tile(s, v, x);
    if (s->kind == STAT_TWO_WILCOXON)
        s->shift[v] = 0.5 * s->first * (s->n + 1.0);
    if (s->kind == STAT_PAIRED_WILCOXON)
        s->shift[v] = 0.5 * sum_sizes(x, s->n);
    s->scale[v] = usual_size(s, s->ss[v]);
    s->tie[v] = fmax(tie_of(read, s->ss[v], s->n), s->tie_weight);
    return ok;
}

static bool alloc_values(struct stat *s)
{
    size_t all = (size_t)s->n * s->n_vars + 1, vars = (size_t)s->n_vars + 1;
    s->x = malloc(all * sizeof *s->x);
    if (s->kind == STAT_TWO_WELCH)
        s->squares = malloc(all * sizeof *s->squares);
    if (s->kind == STAT_TWO_MEDIAN)
        s->order = malloc(all * sizeof *s->order);
    s->ss = calloc(vars, sizeof *s->ss);
    s->shift = calloc(vars, sizeof *s->shift);
    s->scale = calloc(vars, sizeof *s->scale);
    s->tie = calloc(vars, sizeof *s->tie);
    s->total = calloc(vars, sizeof *s->total);
    return s->x && (s->squares || s->kind != STAT_TWO_WELCH) && (s->order || s->kind != STAT_TWO_MEDIAN) &&
           s->ss && s->shift && s->scale && s->tie && s->total;
}

static qx_err open_variables(struct qx_ctx *ctx, const struct data *d, struct stat *s)
{
    bool pratt = strcmp(qx_text(ctx, "zeros"), "pratt") == 0, ok = alloc_values(s);
    double *x = malloc(((size_t)s->n + 1) * sizeof *x);
    for (uint32_t v = 0; ok && x && v < s->n_vars; v++)
        ok = open_values(d, s, v, pratt, x);
    free(x);
    if (!ok || !x)
        return no_memory(ctx);
    for (size_t i = 0; s->squares && i < (size_t)s->n * s->n_vars; i++)
        s->squares[i] = s->x[i] * s->x[i];
    if (s->n_vars == 1 && !(s->ss[0] > 0))
        return qx_error(ctx, QX_ERR_INVALID, "column \"%.80s\" is constant%s: there is nothing to test",
                        d->columns[0]->name, d->test == TEST_PAIRED ? " nought" : "");
    return QX_ERR_OK;
}

/* ---- sums by byte ---- */

static double *byte_sums(const double *x, uint32_t n)
{
    uint32_t bytes = (n + 7) / 8;
    double *sums = malloc((size_t)bytes * 256 * sizeof *sums);
    for (uint32_t b = 0; sums && b < bytes; b++) {
        for (uint32_t value = 0; value < 256; value++) {
            double sum = 0;
            for (uint32_t i = 0; i < 8 && 8 * b + i < n; i++)
                sum += value >> i & 1 ? x[8 * b + i] : 0;
            sums[256 * b + value] = sum;
        }
    }
    return sums;
}

static bool open_byte_sums(struct stat *s)
{
    if (s->n_vars != 1 || s->kind >= STAT_PEARSON || s->kind == STAT_TWO_MEDIAN || s->n > BYTES_UNITS_MAX)
        return true;
    s->by_byte = byte_sums(s->x, s->n);
    s->sq_by_byte = s->squares ? byte_sums(s->squares, s->n) : NULL;
    return s->by_byte && (s->sq_by_byte || !s->squares);
}

/* ---- designs ---- */

static qx_err open_two(struct qx_ctx *ctx, const struct data *d, struct stat *s, struct design *design,
                       struct arrangement *seen)
{
    uint32_t second = 0;
    for (uint32_t i = 0; i < d->n; i++)
        second += d->group[i];
    s->first = d->n - second;
    s->swapped = second < s->first;
    s->chosen = s->swapped ? second : s->first;
    if ((s->kind == STAT_TWO_WELCH && s->chosen < 2) || (s->kind == STAT_TWO_STUDENT && s->n < 3))
        return qx_error(ctx, QX_ERR_INVALID, "group %.40s has %u unit%s: too few for a t; try stat=mean",
                        d->groups.names[s->swapped], s->chosen, s->chosen == 1 ? "" : "s");
    if (!design_subset(design, s->n, s->chosen) || !arrangement_init(seen, design))
        return no_memory(ctx);
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->group[i] == (uint32_t)s->swapped)
            seen->bits[i / 64] |= (uint64_t)1 << (i % 64);
    }
    return open_variables(ctx, d, s);
}

static qx_err open_paired(struct qx_ctx *ctx, const struct data *d, struct stat *s, struct design *design,
                          struct arrangement *seen)
{
    if (!design_signs(design, s->n) || !arrangement_init(seen, design))
        return no_memory(ctx);
    return open_variables(ctx, d, s);
}

static qx_err open_correlation(struct qx_ctx *ctx, const struct data *d, struct stat *s,
                               struct design *design, struct arrangement *seen)
{
    uint32_t *ones = malloc(((size_t)s->n + 1) * sizeof *ones);
    for (uint32_t i = 0; ones && i < s->n; i++)
        ones[i] = 1;
    bool ok = ones && design_labels(design, ones, s->n) && arrangement_init(seen, design);
    free(ones);
    s->weight = malloc(((size_t)s->n + 1) * sizeof *s->weight);
    if (!ok || !s->weight)
        return no_memory(ctx);
    memcpy(seen->label, design->start, s->n * sizeof *seen->label);
    memcpy(s->weight, d->x, s->n * sizeof *s->weight);
    if (s->kind == STAT_SPEARMAN && !to_ranks(s->weight, s->n, 0))
        return no_memory(ctx);
    double read = largest(s->weight, s->n);
    s->ss_weight = centre(s->weight, s->n);
    s->tie_weight = tie_of(read, s->ss_weight, s->n);
    if (!(s->ss_weight > 0))
        return qx_error(ctx, QX_ERR_INVALID, "column \"%.80s\" is constant: there is no correlation with it",
                        d->other->name);
    return open_variables(ctx, d, s);
}

static qx_err open_samples(struct qx_ctx *ctx, const struct data *d, struct stat *s, struct design *design,
                           struct arrangement *seen)
{
    s->n_groups = d->groups.n;
    s->sizes = calloc((size_t)s->n_groups + 1, sizeof *s->sizes);
    if (!s->sizes)
        return no_memory(ctx);
    for (uint32_t i = 0; i < s->n; i++)
        s->sizes[d->group[i]]++;
    if (s->n <= s->n_groups)
        return qx_error(ctx, QX_ERR_INVALID, "%u units in %u groups: at least one group needs more than one",
                        s->n, s->n_groups);
    if (!design_labels(design, s->sizes, s->n_groups) || !arrangement_init(seen, design))
        return no_memory(ctx);
    memcpy(seen->label, d->group, s->n * sizeof *seen->label);
    return open_variables(ctx, d, s);
}

/* ---- tables ---- */

static bool alloc_table(struct stat *s)
{
    size_t cells = (size_t)s->n_rows * s->n_columns, units = (size_t)s->n + 1;
    s->row_of = malloc(units * sizeof *s->row_of);
    s->counts = calloc(cells + 1, sizeof *s->counts);
    s->cell = calloc(cells + 1, sizeof *s->cell);
    s->sizes = calloc((size_t)s->n_columns + s->n_rows + 1, sizeof *s->sizes);
    s->log_factorial = malloc(units * sizeof *s->log_factorial);
    s->shift = calloc(1, sizeof *s->shift);
    s->scale = calloc(1, sizeof *s->scale);
    s->tie = calloc(1, sizeof *s->tie);
    s->total = calloc(1, sizeof *s->total);
    return s->row_of && s->counts && s->cell && s->sizes && s->log_factorial && s->shift && s->scale &&
           s->tie && s->total;
}

static void table_margins(const struct data *d, struct stat *s)
{
    uint32_t *column = s->sizes, *row = s->sizes + s->n_columns;
    for (uint32_t i = 0; i < s->n_rows; i++) {
        for (uint32_t j = 0; j < s->n_columns; j++) {
            uint32_t count = (uint32_t)d->counts[(size_t)i * s->n_columns + j];
            column[j] += count;
            row[i] += count;
        }
    }
    for (uint32_t i = 0; i < s->n_rows; i++) {
        for (uint32_t j = 0; j < s->n_columns; j++)
            s->cell[(size_t)i * s->n_columns + j] = 1 / ((double)row[i] * column[j]);
    }
    for (uint32_t k = 0; k < s->n_rows + s->n_columns; k++)
        s->shift[0] -= s->kind == STAT_FISHER ? s->log_factorial[s->sizes[k]] : 0;
    s->shift[0] += s->kind == STAT_FISHER ? s->log_factorial[s->n] : 0;
    s->total[0] = (double)row[0] * column[0] / s->n;
    if (s->kind == STAT_FISHER_CELL)
        s->shift[0] = s->total[0];
}

static qx_err open_table(struct qx_ctx *ctx, const struct data *d, struct stat *s, struct design *design,
                         struct arrangement *seen)
{
    s->n_rows = d->n_rows;
    s->n_columns = d->n_columns;
    if (!alloc_table(s))
        return no_memory(ctx);
    s->scale[0] = 1;
    s->tie[0] = tie_least;
    for (uint32_t i = 0; i <= s->n; i++)
        s->log_factorial[i] = lgamma(i + 1.0);
    table_margins(d, s);
    if (!design_labels(design, s->sizes, s->n_columns) || !arrangement_init(seen, design))
        return no_memory(ctx);
    for (uint32_t i = 0, unit = 0; i < s->n_rows; i++) {
        for (uint32_t j = 0; j < s->n_columns; j++) {
            for (uint64_t c = d->counts[(size_t)i * s->n_columns + j]; c > 0; c--, unit++) {
                s->row_of[unit] = i;
                seen->label[unit] = j;
            }
        }
    }
    return QX_ERR_OK;
}

/* ---- all of them ---- */

static bool open_work(struct stat *s)
{
    size_t groups = s->n_groups > 1 ? s->n_groups : 1;
    s->sums = malloc(groups * STAT_TILE * sizeof *s->sums);
    s->more = malloc(STAT_TILE * sizeof *s->more);
    s->list = malloc(((size_t)s->n + 1) * sizeof *s->list);
    return s->sums && s->more && s->list;
}

qx_err stat_open(struct qx_ctx *ctx, const struct data *d, struct stat *s, struct design *design,
                 struct arrangement *ret_observed)
{
    static qx_err (*const open[TEST_COUNT])(struct qx_ctx *, const struct data *, struct stat *,
                                            struct design *, struct arrangement *) = {
        [TEST_TWO] = open_two,   [TEST_PAIRED] = open_paired, [TEST_CORRELATION] = open_correlation,
        [TEST_K] = open_samples, [TEST_TABLE] = open_table,
    };
    *s = (struct stat){.n = d->n, .n_vars = d->test == TEST_TABLE ? 1 : d->n_vars};
    qx_err e = kind_of(ctx, d, &s->kind);
    if (e == QX_ERR_OK)
        e = open[d->test](ctx, d, s, design, ret_observed);
    if (e == QX_ERR_OK && (!open_work(s) || !open_byte_sums(s)))
        e = no_memory(ctx);
    return e;
}

void stat_fini(struct stat *s)
{
    double *const numbers[] = {
        s->x,      s->squares, s->ss,   s->shift, s->scale,      s->total,         s->cell,
        s->weight, s->by_byte, s->sums, s->more,  s->sq_by_byte, s->log_factorial, s->tie};
    uint32_t *const counts[] = {s->order, s->sizes, s->row_of, s->list, s->counts};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        free(numbers[i]);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        free(counts[i]);
    *s = (struct stat){.n = 0};
}

/* ---- another order of the variables ---- */

static bool reorder_numbers(double *x, const uint32_t *to, uint32_t n)
{
    double *copy = x ? malloc(((size_t)n + 1) * sizeof *copy) : NULL;
    for (uint32_t v = 0; copy && v < n; v++)
        copy[v] = x[to[v]];
    if (copy)
        memcpy(x, copy, n * sizeof *x);
    free(copy);
    return !x || copy;
}

static bool reorder_tiles(const struct stat *s, double **x, const uint32_t *to)
{
    if (!*x)
        return true;
    double *moved = malloc(((size_t)s->n * s->n_vars + 1) * sizeof *moved);
    for (uint32_t v = 0; moved && v < s->n_vars; v++) {
        for (uint32_t i = 0; i < s->n; i++)
            moved[place_of(s, v, i)] = (*x)[place_of(s, to[v], i)];
    }
    if (moved) {
        free(*x);
        *x = moved;
    }
    return moved != NULL;
}

static bool reorder_orders(struct stat *s, const uint32_t *to)
{
    if (!s->order)
        return true;
    uint32_t *moved = malloc(((size_t)s->n * s->n_vars + 1) * sizeof *moved);
    for (uint32_t v = 0; moved && v < s->n_vars; v++)
        memcpy(moved + (size_t)v * s->n, s->order + (size_t)to[v] * s->n, s->n * sizeof *moved);
    if (moved) {
        free(s->order);
        s->order = moved;
    }
    return moved != NULL;
}

bool stat_reorder(struct stat *s, const uint32_t *to)
{
    return reorder_numbers(s->ss, to, s->n_vars) && reorder_numbers(s->shift, to, s->n_vars) &&
           reorder_numbers(s->scale, to, s->n_vars) && reorder_numbers(s->tie, to, s->n_vars) &&
           reorder_numbers(s->total, to, s->n_vars) && reorder_tiles(s, &s->x, to) &&
           reorder_tiles(s, &s->squares, to) && reorder_orders(s, to);
}
