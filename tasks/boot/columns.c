#include "boot/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mc/expr.h"

/* ---- texts among numbers ---- */

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

static qx_err not_numbers(struct qx_ctx *ctx, const char *usage, const struct qx_column *c)
{
    uint64_t row;
    const char *text;
    if (!first_text(c, qx_table_rows(ctx, qx_table(ctx, "data")), &row, &text))
        return qx_error(ctx, QX_ERR_INVALID,
                        "column \"%.80s\" holds whole numbers too long to be kept exactly, so it is text; %s "
                        "needs numbers",
                        c->name, usage);
    return qx_error(ctx, QX_ERR_INVALID,
                    "column \"%.80s\" holds text, the first is \"%.40s\" in data row %llu; %s needs numbers",
                    c->name, text, (unsigned long long)row + 1, usage);
}

/* ---- binding ---- */

static const struct qx_column *find(struct qx_ctx *ctx, const char *name)
{
    const struct qx_table *t = qx_table(ctx, "data");
    for (uint32_t i = 0; i < qx_table_columns(ctx, t); i++) {
        const struct qx_column *c = qx_table_column(ctx, t, i);
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

static qx_err add(struct qx_ctx *ctx, struct columns *c, struct column column, uint32_t *ret_place)
{
    if (c->n == COLUMNS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "stat: more than %d columns and expressions of them",
                        COLUMNS_MAX);
    *ret_place = c->n;
    c->list[c->n++] = column;
    return QX_ERR_OK;
}

static qx_err bind_source(struct qx_ctx *ctx, struct columns *c, const struct qx_column *source,
                          const char *usage, uint32_t *ret_place)
{
    if (usage && source->type != QX_COLUMN_REAL)
        return not_numbers(ctx, usage, source);
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->list[i].source == source) {
            *ret_place = i;
            return QX_ERR_OK;
        }
    }
    return add(ctx, c, (struct column){.source = source}, ret_place);
}

/* The columns whose names stand in an expression. */
struct args {
    uint32_t n, places[COLUMNS_MAX];
    const char *names[COLUMNS_MAX];
};

static qx_err bind_arg(struct qx_ctx *ctx, struct columns *c, const struct qx_column *source,
                       const char *usage, struct args *args)
{
    uint32_t place = 0, k = 0;
    qx_err e = bind_source(ctx, c, source, usage, &place);
    while (k < args->n && args->places[k] != place)
        k++;
    if (e != QX_ERR_OK || k < args->n)
        return e;
    args->places[k] = place;
    args->names[k] = source->name;
    args->n++;
    return QX_ERR_OK;
}

static qx_err bind_args(struct qx_ctx *ctx, struct columns *c, const char *text, const char *usage,
                        struct args *args)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    char name[64];
    for (const char *p = text; *p;) {
        size_t len = strspn(p, word);
        if (len > 0 && len < sizeof name && scan_is_name(p, len)) {
            memcpy(name, p, len);
            name[len] = '\0';
            const struct qx_column *source = expr_is_taken(name) ? NULL : find(ctx, name);
            qx_err e = source ? bind_arg(ctx, c, source, usage, args) : QX_ERR_OK;
            if (e != QX_ERR_OK)
                return e;
        }
        p += len > 0 ? len : 1;
    }
    return QX_ERR_OK;
}

static qx_err bind_expression(struct qx_ctx *ctx, struct columns *c, const char *text, const char *usage,
                              uint32_t *ret_place)
{
    struct args args = {.n = 0};
    char why[PLACE_BYTES];
    qx_err e = bind_args(ctx, c, text, usage, &args);
    if (e == QX_ERR_OK)
        e = add(ctx, c, (struct column){.n_args = args.n}, ret_place);
    if (e != QX_ERR_OK)
        return e;
    struct column *column = &c->list[*ret_place];
    column->args = malloc((args.n + 1) * sizeof *column->args);
    if (!column->args)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    memcpy(column->args, args.places, args.n * sizeof *column->args);
    column->expr = expr_new(text, NULL, args.names, args.n, why);
    if (!column->expr)
        return qx_error(ctx, QX_ERR_INVALID, "stat: %s", why);
    if (args.n == 0)
        return qx_error(ctx, QX_ERR_INVALID, "stat: \"%.80s\" has no column of the data in it", text);
    return QX_ERR_OK;
}

qx_err columns_bind(struct qx_ctx *ctx, struct columns *c, const char *text, const char *usage,
                    uint32_t *ret_place)
{
    const struct qx_column *source = find(ctx, text);
    if (source)
        return bind_source(ctx, c, source, usage, ret_place);
    if (usage && strpbrk(text, "+-*/^<>()?"))
        return bind_expression(ctx, c, text, usage, ret_place);
    (void)qx_table_find(ctx, qx_table(ctx, "data"), text); /* says what is near */
    return QX_ERR_INVALID;
}

uint32_t columns_sources(const struct columns *c, const struct qx_column **ret)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->list[i].source)
            ret[n++] = c->list[i].source;
    }
    return n;
}

/* ---- numbers ---- */

static void evaluate(const struct column *c, double *const *columns, uint32_t n_rows, double *to)
{
    double x[COLUMNS_MAX];
    for (uint32_t i = 0; i < n_rows; i++) {
        for (uint32_t k = 0; k < c->n_args; k++)
            x[k] = columns[c->args[k]][i];
        to[i] = expr_value(c->expr, x);
    }
}

qx_err columns_read(struct qx_ctx *ctx, struct columns *c, const struct data *d)
{
    double *values[COLUMNS_MAX];
    c->n_rows = d->n;
    for (uint32_t k = 0; k < c->n; k++) {
        struct column *column = &c->list[k];
        if (column->source && column->source->type != QX_COLUMN_REAL)
            continue;
        column->values = values[k] =
            column->source ? data_numbers(d, column->source) : malloc(d->n * sizeof(double));
        if (!values[k])
            return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
        if (column->source)
            continue;
        evaluate(column, values, d->n, values[k]);
        for (uint32_t i = 0; i < d->n; i++) {
            if (!isfinite(values[k][i]))
                return qx_error(ctx, QX_ERR_INVALID,
                                "stat: an expression of columns is not a finite number in data row %lu",
                                (unsigned long)d->rows[i] + 1);
        }
    }
    return QX_ERR_OK;
}

qx_err columns_simulate(struct qx_ctx *ctx, struct columns *c)
{
    for (uint32_t k = 0; k < c->n; k++) {
        if (!c->list[k].values)
            continue;
        c->simulated[k] = malloc(c->n_rows * sizeof(double));
        if (!c->simulated[k])
            return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
        memcpy(c->simulated[k], c->list[k].values, c->n_rows * sizeof(double));
    }
    return QX_ERR_OK;
}

void columns_derive(struct columns *c)
{
    for (uint32_t k = 0; k < c->n; k++) {
        if (c->list[k].expr)
            evaluate(&c->list[k], c->simulated, c->n_rows, c->simulated[k]);
    }
}

void columns_fini(struct columns *c)
{
    for (uint32_t k = 0; k < c->n; k++) {
        expr_free(c->list[k].expr);
        free(c->list[k].args);
        free(c->list[k].values);
        free(c->simulated[k]);
    }
    c->n = 0;
}
