#include "em/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "em/cholesky.h"

enum { NAME_BYTES = 256, ROWS_MAX = 1 << 28 };

static qx_err add_column(struct qx_ctx *ctx, const struct qx_column *c, const struct qx_column **columns,
                         uint32_t *n)
{
    if (c->type != QX_COLUMN_REAL)
        return qx_error(ctx, QX_ERR_INVALID, "column \"%.60s\" holds text, not numbers", c->name);
    if (*n == MIXTURE_P_MAX)
        return qx_error(ctx, QX_ERR_INVALID,
                        "more than %d columns: name those to use with columns=", MIXTURE_P_MAX);
    for (uint32_t i = 0; i < *n; i++) {
        if (columns[i] == c)
            return qx_error(ctx, QX_ERR_INVALID, "columns: \"%.60s\" is given twice", c->name);
    }
    columns[(*n)++] = c;
    return QX_ERR_OK;
}

static qx_err named_columns(struct qx_ctx *ctx, const struct qx_table *t, const struct qx_column **columns,
                            uint32_t *n)
{
    qx_err e = QX_ERR_OK;
    for (const char *from = qx_text(ctx, "columns"); e == QX_ERR_OK;) {
        char name[NAME_BYTES];
        from += strspn(from, " ");
        size_t len = strcspn(from, ","), kept = len;
        while (kept > 0 && from[kept - 1] == ' ')
            kept--;
        if (kept == 0 || kept >= sizeof name)
            return qx_error(ctx, QX_ERR_INVALID, "columns: a name is %s; write columns=x,y",
                            kept ? "too long" : "missing");
        memcpy(name, from, kept);
        name[kept] = '\0';
        const struct qx_column *c = qx_table_find(ctx, t, name);
        if (!c)
            return QX_ERR_INVALID;
        e = add_column(ctx, c, columns, n);
        if (!from[len])
            break;
        from += len + 1;
    }
    return e;
}

static qx_err choose_columns(struct qx_ctx *ctx, const struct qx_table *t, const struct qx_column **columns,
                             uint32_t *n)
{
    qx_err e = QX_ERR_OK;
    *n = 0;
    if (qx_given(ctx, "columns"))
        return named_columns(ctx, t, columns, n);
    for (uint32_t i = 0; i < qx_table_columns(ctx, t) && e == QX_ERR_OK; i++) {
        const struct qx_column *c = qx_table_column(ctx, t, i);
        if (c->type == QX_COLUMN_REAL)
            e = add_column(ctx, c, columns, n);
    }
    if (e == QX_ERR_OK && *n == 0)
        return qx_error(ctx, QX_ERR_INVALID, "the data have no column of numbers");
    return e;
}

static qx_err copy_rows(struct qx_ctx *ctx, const struct qx_column *const *columns, uint64_t n_rows,
                        struct rows *d, uint64_t *ret_dropped)
{
    bool omit = strcmp(qx_text(ctx, "na"), "omit") == 0;
    for (uint64_t row = 0; row < n_rows; row++) {
        double *to = d->x + (size_t)d->n * d->p;
        uint32_t i = 0;
        for (; i < d->p && !isnan(columns[i]->real[row]); i++) {
            to[i] = columns[i]->real[row];
            if (!isfinite(to[i]))
                return qx_error(ctx, QX_ERR_INVALID, "column \"%.60s\" is infinite in data row %llu",
                                columns[i]->name, (unsigned long long)row + 1);
        }
        if (i < d->p && !omit)
            return qx_error(ctx, QX_ERR_INVALID,
                            "column \"%.60s\" lacks a value in data row %llu: give na=omit to leave such "
                            "rows out",
                            columns[i]->name, (unsigned long long)row + 1);
        d->n += i == d->p;
        *ret_dropped += i < d->p;
    }
    return QX_ERR_OK;
}

/* In two passes. */
static void summarise(struct rows *d)
{
    uint32_t p = d->p;
    for (uint32_t r = 0; r < d->n; r++) {
        for (uint32_t i = 0; i < p; i++)
            d->mean[i] += d->x[(size_t)r * p + i];
    }
    for (uint32_t i = 0; i < p; i++)
        d->mean[i] /= d->n;
    for (uint32_t r = 0; r < d->n; r++) {
        const double *x = d->x + (size_t)r * p;
        for (uint32_t i = 0; i < p; i++)
            for (uint32_t j = 0; j < p; j++)
                d->cov[i * p + j] += (x[i] - d->mean[i]) * (x[j] - d->mean[j]);
    }
    for (uint32_t i = 0; i < p * p; i++)
        d->cov[i] /= d->n;
}

static qx_err check_spread(struct qx_ctx *ctx, const struct rows *d, const char *const *names)
{
    double l[MIXTURE_P_MAX * MIXTURE_P_MAX];
    for (uint32_t i = 0; i < d->p; i++) {
        if (!(d->cov[i * d->p + i] > 0))
            return qx_error(ctx, QX_ERR_INVALID, "column \"%.60s\" is constant", names[i]);
    }
    memcpy(l, d->cov, (size_t)d->p * d->p * sizeof *l);
    if (!cholesky(l, d->p, 1e-12, d->cov))
        return qx_error(ctx, QX_ERR_INVALID,
                        "a column is a linear combination of the others: leave it out with columns=");
    return QX_ERR_OK;
}

qx_err em_rows_open(struct qx_ctx *ctx, struct rows *ret, const char *ret_names[MIXTURE_P_MAX],
                    uint64_t *ret_dropped)
{
    const struct qx_table *t = qx_table(ctx, "data");
    const struct qx_column *columns[MIXTURE_P_MAX];
    uint64_t n_rows = qx_table_rows(ctx, t);
    *ret = (struct rows){0};
    *ret_dropped = 0;
    qx_err e = choose_columns(ctx, t, columns, &ret->p);
    if (e != QX_ERR_OK || ret->p == 0)
        return e;
    if (n_rows > ROWS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "more than %d rows", ROWS_MAX);
    ret->x = calloc((size_t)n_rows + 1, ret->p * sizeof *ret->x);
    if (!ret->x)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < ret->p; i++)
        ret_names[i] = columns[i]->name;
    e = copy_rows(ctx, columns, n_rows, ret, ret_dropped);
    if (e == QX_ERR_OK && ret->n < 2)
        e = qx_error(ctx, QX_ERR_INVALID, "%u row%s left: at least 2 are needed", ret->n,
                     ret->n == 1 ? " is" : "s are");
    if (e == QX_ERR_OK) {
        summarise(ret);
        e = check_spread(ctx, ret, ret_names);
    }
    if (e != QX_ERR_OK)
        em_rows_fini(ret);
    return e;
}

void em_rows_fini(struct rows *r)
{
    free(r->x);
    *r = (struct rows){0};
}
