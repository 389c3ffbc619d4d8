#include "perm/crosstab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const uint64_t total_max = 10000000;

static qx_err no_memory(struct qx_ctx *ctx)
{
    return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

/* A cell that is a whole number of units. */
static qx_err read_count(struct qx_ctx *ctx, const struct qx_column *c, uint64_t row, uint64_t *ret)
{
    double v = c->real[row];
    if (!(v >= 0) || v > (double)total_max || v != floor(v))
        return qx_error(ctx, QX_ERR_INVALID, "column \"%.60s\", data row %llu: %.10g is not a count%s",
                        c->name, (unsigned long long)row + 1, v,
                        qx_given(ctx, "x") ? ""
                                           : ": without y=, x= and group= the data are a table of counts");
    *ret = (uint64_t)v;
    return QX_ERR_OK;
}

/* ---- two columns ---- */

struct pair {
    const struct qx_column *x, *y, *freq; /* freq may be NULL */
    struct levels rows, columns;
};

static qx_err count_row(struct qx_ctx *ctx, struct data *d, struct pair *p, uint64_t row, uint64_t *counts)
{
    const struct qx_column *lacking = column_missing(p->x, row)                 ? p->x
                                      : column_missing(p->y, row)               ? p->y
                                      : p->freq && column_missing(p->freq, row) ? p->freq
                                                                                : NULL;
    uint32_t i, j;
    uint64_t times = 1;
    if (lacking && qx_text(ctx, "na")[0] != 'o')
        return qx_error(
            ctx, QX_ERR_INVALID,
            "column \"%.60s\" lacks a value in data row %llu: give na=omit to leave such rows out",
            lacking->name, (unsigned long long)row + 1);
    if (lacking) {
        d->n_omitted++;
        return QX_ERR_OK;
    }
    qx_err e = p->freq ? read_count(ctx, p->freq, row, &times) : QX_ERR_OK;
    if (e == QX_ERR_OK)
        e = levels_of(ctx, &p->rows, p->x, row, &i);
    if (e == QX_ERR_OK)
        e = levels_of(ctx, &p->columns, p->y, row, &j);
    if (e == QX_ERR_OK)
        counts[(size_t)i * LEVELS_MAX + j] += times;
    return e;
}

/* The part of the counts that is in use. */
static bool keep_counts(struct data *d, const uint64_t *counts)
{
    d->counts = calloc((size_t)d->n_rows * d->n_columns + 1, sizeof *d->counts);
    for (size_t i = 0; d->counts && i < d->n_rows; i++) {
        for (size_t j = 0; j < d->n_columns; j++)
            d->counts[i * d->n_columns + j] = counts[i * LEVELS_MAX + j];
    }
    return d->counts != NULL;
}

static qx_err count_pairs(struct qx_ctx *ctx, struct data *d, struct pair *p)
{
    uint64_t *counts = calloc((size_t)LEVELS_MAX * LEVELS_MAX, sizeof *counts);
    qx_err e = QX_ERR_OK;
    if (!counts)
        return no_memory(ctx);
    for (uint64_t row = 0; e == QX_ERR_OK && row < qx_table_rows(ctx, qx_table(ctx, "data")); row++)
        e = count_row(ctx, d, p, row, counts);
    d->n_rows = p->rows.n;
    d->n_columns = p->columns.n;
    if (e == QX_ERR_OK && !keep_counts(d, counts))
        e = no_memory(ctx);
    free(counts);
    return e;
}

static const struct qx_column *find(struct qx_ctx *ctx, const char *param)
{
    if (qx_given(ctx, param))
        return qx_table_find(ctx, qx_table(ctx, "data"), qx_text(ctx, param));
    (void)qx_error(ctx, QX_ERR_INVALID,
                   "give x= and y=, two columns of values, or neither for a table of counts");
    return NULL;
}

static qx_err open_pair(struct qx_ctx *ctx, struct data *d)
{
    struct pair p = {.x = find(ctx, "x")};
    p.y = p.x ? find(ctx, "y") : NULL;
    if (!p.x || !p.y)
        return QX_ERR_INVALID;
    if (qx_given(ctx, "freq")) {
        p.freq = find(ctx, "freq");
        if (!p.freq)
            return QX_ERR_INVALID;
        if (p.freq->type != QX_COLUMN_REAL)
            return qx_error(ctx, QX_ERR_INVALID, "column \"%.80s\" holds text; freq= needs counts",
                            p.freq->name);
    }
    qx_err e = levels_open(ctx, p.x, "x", NULL, &p.rows);
    if (e == QX_ERR_OK)
        e = levels_open(ctx, p.y, "y", NULL, &p.columns);
    if (e == QX_ERR_OK)
        e = count_pairs(ctx, d, &p);
    levels_fini(&p.rows);
    levels_fini(&p.columns);
    (void)snprintf(d->by, sizeof d->by, "%.80s by %.80s", p.x->name, p.y->name);
    return e;
}

/* ---- counts as they stand ---- */

static qx_err open_counts(struct qx_ctx *ctx, struct data *d)
{
    const struct qx_table *t = qx_table(ctx, "data");
    uint64_t n_rows = qx_table_rows(ctx, t);
    uint32_t n_columns = qx_table_columns(ctx, t);
    if (n_rows > LEVELS_MAX || n_columns > LEVELS_MAX)
        return qx_error(ctx, QX_ERR_LIMIT,
                        "a table of counts has at most %d rows and columns; is this one row a "
                        "unit? Then give x= and y=",
                        LEVELS_MAX);
    d->counts = calloc((size_t)n_rows * n_columns + 1, sizeof *d->counts);
    if (!d->counts)
        return no_memory(ctx);
    for (uint32_t j = 0; j < n_columns; j++) /* how many are used is their width */
        d->n_columns += qx_table_column(ctx, t, j)->type == QX_COLUMN_REAL;
    d->n_rows = (uint32_t)n_rows;
    for (uint32_t j = 0, to = 0; j < n_columns; j++) {
        const struct qx_column *c = qx_table_column(ctx, t, j);
        for (uint64_t i = 0; c->type == QX_COLUMN_REAL && i < n_rows; i++) {
            qx_err e = read_count(ctx, c, i, &d->counts[i * d->n_columns + to]);
            if (e != QX_ERR_OK)
                return e;
        }
        to += c->type == QX_COLUMN_REAL;
    }
    (void)snprintf(d->by, sizeof d->by, "the table of counts");
    return QX_ERR_OK;
}

/* ---- margins ---- */

/* Rows and columns without a unit say nothing: takes them out. Work space: the margins. */
static void drop_empty(struct data *d, uint64_t *row, uint64_t *column)
{
    uint32_t rows = 0, columns = 0;
    for (uint32_t i = 0; i < d->n_rows; i++) {
        for (uint32_t j = 0; j < d->n_columns; j++) {
            row[i] += d->counts[(size_t)i * d->n_columns + j];
            column[j] += d->counts[(size_t)i * d->n_columns + j];
        }
    }
    for (uint32_t j = 0; j < d->n_columns; j++)
        columns += column[j] > 0;
    size_t to = 0;
    for (uint32_t i = 0; i < d->n_rows; i++) {
        for (uint32_t j = 0; row[i] > 0 && j < d->n_columns; j++) {
            if (column[j] > 0)
                d->counts[to++] = d->counts[(size_t)i * d->n_columns + j];
        }
        rows += row[i] > 0;
    }
    d->n_rows = rows;
    d->n_columns = columns;
}

static qx_err check_table(struct qx_ctx *ctx, struct data *d)
{
    uint64_t *margins = calloc((size_t)d->n_rows + d->n_columns + 1, sizeof *margins), total = 0;
    if (!margins)
        return no_memory(ctx);
    drop_empty(d, margins, margins + d->n_rows);
    free(margins);
    if (d->n_rows < 2 || d->n_columns < 2)
        return qx_error(ctx, QX_ERR_INVALID,
                        "the table has %u row%s and %u column%s with a unit: at least 2 of each are needed",
                        d->n_rows, d->n_rows == 1 ? "" : "s", d->n_columns, d->n_columns == 1 ? "" : "s");
    for (size_t i = 0; i < (size_t)d->n_rows * d->n_columns; i++)
        total += d->counts[i];
    if (total > total_max)
        return qx_error(ctx, QX_ERR_LIMIT, "the table counts %llu units, at most %llu",
                        (unsigned long long)total, (unsigned long long)total_max);
    d->n = (uint32_t)total;
    return QX_ERR_OK;
}

qx_err crosstab_open(struct qx_ctx *ctx, struct data *d)
{
    bool pair = qx_given(ctx, "x") || qx_given(ctx, "y");
    qx_err e = pair ? open_pair(ctx, d) : open_counts(ctx, d);
    return e == QX_ERR_OK ? check_table(ctx, d) : e;
}
