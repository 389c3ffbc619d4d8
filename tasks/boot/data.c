#include "boot/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/nearest.h"

enum { ROWS_MAX = 1 << 30, LEVELS_LISTED = 64 };

static bool is_missing(const struct qx_column *c, uint64_t row)
{
    return c->type == QX_COLUMN_TEXT ? c->code[row] == UINT32_MAX : isnan(c->real[row]) != 0;
}

/* ---- where=column=value ---- */

struct filter {
    const struct qx_column *column; /* NULL: every row */
    uint32_t code;
    double value;
};

static qx_err unknown_level(struct qx_ctx *ctx, const struct qx_column *c, const char *value)
{
    uint32_t n = c->n_levels < LEVELS_LISTED ? c->n_levels : LEVELS_LISTED;
    const char *near = nearest(value, strlen(value), c->levels, n);
    if (near)
        return qx_error(ctx, QX_ERR_INVALID,
                        "where: column \"%.60s\" has no value \"%.40s\" (did you mean \"%.40s\"?)", c->name,
                        value, near);
    return qx_error(ctx, QX_ERR_INVALID, "where: column \"%.60s\" has no value \"%.60s\"", c->name, value);
}

static qx_err filter_open(struct qx_ctx *ctx, const struct qx_table *t, struct filter *f)
{
    char name[128];
    *f = (struct filter){.column = NULL};
    if (!qx_given(ctx, "where"))
        return QX_ERR_OK;
    const char *text = qx_text(ctx, "where"), *eq = strchr(text, '=');
    if (!eq || eq == text || (size_t)(eq - text) >= sizeof name)
        return qx_error(ctx, QX_ERR_INVALID, "where: \"%.60s\" is not of the form column=value", text);
    memcpy(name, text, (size_t)(eq - text));
    name[eq - text] = '\0';
    f->column = qx_table_find(ctx, t, name);
    if (!f->column)
        return QX_ERR_INVALID;
    if (f->column->type == QX_COLUMN_REAL) {
        char *end;
        f->value = strtod(eq + 1, &end);
        if (end == eq + 1 || *end)
            return qx_error(ctx, QX_ERR_INVALID, "where: column \"%.60s\" holds numbers, \"%.60s\" is none",
                            name, eq + 1);
        return QX_ERR_OK;
    }
    for (f->code = 0; f->code < f->column->n_levels; f->code++) {
        if (strcmp(f->column->levels[f->code], eq + 1) == 0)
            return QX_ERR_OK;
    }
    return unknown_level(ctx, f->column, eq + 1);
}

static bool filter_keeps(const struct filter *f, uint64_t row)
{
    if (!f->column)
        return true;
    return f->column->type == QX_COLUMN_TEXT ? f->column->code[row] == f->code
                                             : f->column->real[row] == f->value;
}

/* ---- rows ---- */

static qx_err refuse_missing(struct qx_ctx *ctx, const struct qx_column *c, uint64_t row)
{
    return qx_error(ctx, QX_ERR_INVALID,
                    "column \"%.60s\" has %llu missing value%s, the first used in data row %llu: give "
                    "na=omit to leave such "
                    "rows out",
                    c->name, (unsigned long long)c->n_missing, c->n_missing == 1 ? "" : "s",
                    (unsigned long long)row + 1);
}

static qx_err pick_rows(struct qx_ctx *ctx, const struct qx_table *t, const struct qx_column *const *used,
                        uint32_t n_used, struct data *d)
{
    struct filter f;
    qx_err e = filter_open(ctx, t, &f);
    if (e != QX_ERR_OK)
        return e;
    bool omit = strcmp(qx_text(ctx, "na"), "omit") == 0;
    for (uint64_t row = 0; row < qx_table_rows(ctx, t); row++) {
        uint32_t k = 0;
        if (!filter_keeps(&f, row))
            continue;
        while (k < n_used && !is_missing(used[k], row))
            k++;
        if (k < n_used && !omit)
            return refuse_missing(ctx, used[k], row);
        if (k == n_used)
            d->rows[d->n++] = (uint32_t)row;
    }
    if (d->n < 2)
        return qx_error(ctx, QX_ERR_INVALID, "%u row%s left to resample: at least 2 are needed", d->n,
                        d->n == 1 ? " is" : "s are");
    return QX_ERR_OK;
}

/* ---- groups and strata ---- */

struct keyed {
    double value;
    uint32_t at;  /* place in the data */
    uint32_t row; /* of the table: decides which came first */
};

static int by_value(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int by_place(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* Numbers the runs of equal values among sorted keys by where each value first appears. */
static uint32_t number_groups(struct keyed *keys, uint32_t n, uint32_t *groups)
{
    uint32_t n_groups = 0;
    struct keyed *firsts = malloc(((size_t)n + 1) * sizeof *firsts);
    uint32_t *rank = malloc(((size_t)n + 1) * sizeof *rank);
    if (firsts && rank) {
        for (uint32_t i = 0; i < n; i++) {
            if (i == 0 || keys[i].value != keys[i - 1].value) {
                firsts[n_groups] = (struct keyed){.value = n_groups, .row = keys[i].row};
                n_groups++;
            }
            groups[keys[i].at] = n_groups - 1;
        }
        qsort(firsts, n_groups, sizeof *firsts, by_place);
        for (uint32_t g = 0; g < n_groups; g++)
            rank[(uint32_t)firsts[g].value] = g;
        for (uint32_t i = 0; i < n; i++)
            groups[i] = rank[groups[i]];
    }
    free(firsts);
    free(rank);
    return n_groups;
}

uint32_t *data_groups(const struct data *d, const struct qx_column *c, uint32_t *ret_n_groups)
{
    struct keyed *keys = malloc(((size_t)d->n + 1) * sizeof *keys);
    uint32_t *groups = malloc(((size_t)d->n + 1) * sizeof *groups);
    uint32_t n_groups = 0;
    if (keys && groups) {
        for (uint32_t i = 0; i < d->n; i++) {
            uint32_t row = d->rows[i];
            double value = c->type == QX_COLUMN_TEXT ? (double)c->code[row] : c->real[row];
            keys[i] = (struct keyed){.value = value, .at = i, .row = row};
        }
        qsort(keys, d->n, sizeof *keys, by_value);
        n_groups = number_groups(keys, d->n, groups);
    }
    free(keys);
    if (n_groups == 0) {
        free(groups);
        return NULL;
    }
    *ret_n_groups = n_groups;
    return groups;
}

/* Puts the rows of each group together, in the order they had. */
static bool sort_strata(struct data *d, const uint32_t *groups)
{
    uint32_t *rows = malloc(d->n * sizeof *rows), *next = calloc((size_t)d->n_strata + 1, sizeof *next);
    bool ok = rows && next;
    if (ok) {
        for (uint32_t i = 0; i < d->n; i++)
            d->start[groups[i] + 1]++;
        for (uint32_t g = 0; g < d->n_strata; g++)
            d->start[g + 1] += d->start[g];
        memcpy(next, d->start, (size_t)d->n_strata * sizeof *next);
        for (uint32_t i = 0; i < d->n; i++)
            rows[next[groups[i]]++] = d->rows[i];
        memcpy(d->rows, rows, d->n * sizeof *rows);
    }
    free(rows);
    free(next);
    return ok;
}

static bool make_strata(struct data *d, const struct qx_column *by)
{
    uint32_t *groups = NULL;
    d->n_strata = 1;
    if (by && !(groups = data_groups(d, by, &d->n_strata)))
        return false;
    d->start = calloc((size_t)d->n_strata + 1, sizeof *d->start);
    bool ok = d->start != NULL;
    if (ok && groups)
        ok = sort_strata(d, groups);
    else if (ok)
        d->start[1] = d->n;
    free(groups);
    return ok;
}

qx_err data_open(struct qx_ctx *ctx, const struct qx_table *t, const struct qx_column *const *used,
                 uint32_t n_used, const struct qx_column *by, struct data *ret)
{
    struct data d = {.n = 0};
    uint64_t n_rows = qx_table_rows(ctx, t);
    if (n_rows > ROWS_MAX)
        return qx_error(ctx, QX_ERR_LIMIT, "the data have more than %d rows", ROWS_MAX);
    d.rows = malloc((n_rows ? n_rows : 1) * sizeof *d.rows);
    qx_err e = d.rows ? pick_rows(ctx, t, used, n_used, &d) : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    if (e == QX_ERR_OK && !make_strata(&d, by))
        e = qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    if (e != QX_ERR_OK) {
        data_fini(&d);
        return e;
    }
    *ret = d;
    return QX_ERR_OK;
}

void data_fini(struct data *d)
{
    free(d->rows);
    free(d->start);
    *d = (struct data){.n = 0};
}

double *data_numbers(const struct data *d, const struct qx_column *c)
{
    double *x = malloc(d->n * sizeof *x);
    for (uint32_t i = 0; x && i < d->n; i++)
        x[i] = c->real[d->rows[i]];
    return x;
}
