#include "em/counts.h"

#include <math.h>

#include "em/spec.h"

/* A column of numbers: a count for each cell. */
static qx_err from_numbers(struct qx_ctx *ctx, struct cells *c, const struct qx_column *column, uint64_t rows)
{
    if (rows != c->n)
        return qx_error(ctx, QX_ERR_INVALID, "counts: column \"%.60s\" has %llu rows for %u cells",
                        column->name, (unsigned long long)rows, c->n);
    for (uint32_t i = 0; i < c->n; i++) {
        double v = column->real[i];
        if (!isfinite(v) || v < 0)
            return qx_error(ctx, QX_ERR_INVALID,
                            "counts: column \"%.60s\" has no count in data row %u, of cell %s", column->name,
                            i + 1, c->cells[i].name);
        c->cells[i].count = v;
    }
    return QX_ERR_OK;
}

/* A column of texts: a cell's name in each row. */
static qx_err from_names(struct qx_ctx *ctx, struct cells *c, const struct qx_column *column, uint64_t rows)
{
    char why[MISTAKE_BYTES];
    for (uint32_t i = 0; i < c->n; i++)
        c->cells[i].count = 0;
    for (uint64_t row = 0; row < rows; row++) {
        uint32_t place;
        if (column->code[row] >= column->n_levels)
            return qx_error(ctx, QX_ERR_INVALID, "counts: column \"%.60s\" lacks a value in data row %llu",
                            column->name, (unsigned long long)row + 1);
        if (!spec_find(c, column->levels[column->code[row]], &place, why))
            return qx_error(ctx, QX_ERR_INVALID, "%s in data row %llu", why, (unsigned long long)row + 1);
        c->cells[place].count++;
    }
    return QX_ERR_OK;
}

static qx_err from_data(struct qx_ctx *ctx, struct cells *c, const struct qx_table *t)
{
    const struct qx_column *column = qx_table_find(ctx, t, qx_text(ctx, "counts"));
    if (!column)
        return QX_ERR_INVALID;
    return column->type == QX_COLUMN_REAL ? from_numbers(ctx, c, column, qx_table_rows(ctx, t))
                                          : from_names(ctx, c, column, qx_table_rows(ctx, t));
}

qx_err em_counts_open(struct qx_ctx *ctx, struct cells *c)
{
    const struct qx_table *t = qx_given(ctx, "data") ? qx_table(ctx, "data") : NULL;
    char why[MISTAKE_BYTES];
    qx_err e = QX_ERR_OK;
    if (t)
        e = from_data(ctx, c, t);
    else if (!spec_counts(c, qx_text(ctx, "counts"), why))
        e = qx_error(ctx, QX_ERR_INVALID, "%s", why);
    if (e != QX_ERR_OK)
        return e;
    cells_count(c);
    if (!(c->total > 0) || !isfinite(c->total))
        e = qx_error(ctx, QX_ERR_INVALID, "counts: they add up to %g", c->total);
    return e;
}
