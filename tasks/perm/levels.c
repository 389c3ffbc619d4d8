#include "perm/levels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/nearest.h"

bool column_missing(const struct qx_column *c, uint64_t row)
{
    return c->type == QX_COLUMN_TEXT ? c->code[row] == UINT32_MAX : isnan(c->real[row]) != 0;
}

void levels_fini(struct levels *l)
{
    free(l->names);
    free(l->values);
    free(l->codes);
    *l = (struct levels){.n = 0};
}

static void add_level(struct levels *l, const struct qx_column *c, uint32_t code, double value)
{
    if (c->type == QX_COLUMN_TEXT)
        (void)snprintf(l->names[l->n], LEVEL_NAME_BYTES, "%s", c->levels[code]);
    else
        (void)snprintf(l->names[l->n], LEVEL_NAME_BYTES, "%.10g", value);
    l->codes[l->n] = code;
    l->values[l->n++] = value;
}

static bool has_value(struct qx_ctx *ctx, const struct qx_column *c, double value)
{
    uint64_t row = 0, n = qx_table_rows(ctx, qx_table(ctx, "data"));
    while (row < n && c->real[row] != value)
        row++;
    return row < n;
}

static qx_err unknown_level(struct qx_ctx *ctx, const struct qx_column *c, const char *param,
                            const char *name)
{
    uint32_t n = c->n_levels < LEVELS_MAX ? c->n_levels : LEVELS_MAX;
    const char *near = c->type == QX_COLUMN_TEXT ? nearest(name, strlen(name), c->levels, n) : NULL;
    if (near)
        return qx_error(ctx, QX_ERR_INVALID,
                        "%s: column \"%.60s\" has no value \"%.40s\" (did you mean \"%.40s\"?)", param,
                        c->name, name, near);
    return qx_error(ctx, QX_ERR_INVALID, "%s: column \"%.60s\" has no value \"%.60s\"", param, c->name, name);
}

static qx_err add_named(struct qx_ctx *ctx, struct levels *l, const struct qx_column *c, const char *param,
                        const char *name)
{
    uint32_t code = 0;
    double value = 0;
    char *end;
    if (l->n == LEVELS_MAX)
        return qx_error(ctx, QX_ERR_LIMIT, "%s names more than %d values", param, LEVELS_MAX);
    if (c->type == QX_COLUMN_REAL) {
        value = strtod(name, &end);
        if (end == name || *end || !has_value(ctx, c, value))
            return unknown_level(ctx, c, param, name);
    } else {
        while (code < c->n_levels && strcmp(c->levels[code], name) != 0)
            code++;
        if (code == c->n_levels)
            return unknown_level(ctx, c, param, name);
    }
    add_level(l, c, code, value);
    return QX_ERR_OK;
}

/* The next name of a list, without the blanks around it; returns what follows it, NULL at the end. */
static const char *next_name(const char *at, char ret[LEVEL_NAME_BYTES])
{
    size_t len = strcspn(at, ","), from = 0, to = len;
    while (from < to && at[from] == ' ')
        from++;
    while (to > from && at[to - 1] == ' ')
        to--;
    (void)snprintf(ret, LEVEL_NAME_BYTES, "%.*s", (int)(to - from), at + from);
    return at[len] ? at + len + 1 : NULL;
}

qx_err levels_open(struct qx_ctx *ctx, const struct qx_column *c, const char *param, const char *list,
                   struct levels *ret)
{
    struct levels l = {.fixed = list != NULL};
    char name[LEVEL_NAME_BYTES];
    qx_err e = QX_ERR_OK;
    l.names = calloc(LEVELS_MAX, sizeof *l.names);
    l.values = calloc(LEVELS_MAX, sizeof *l.values);
    l.codes = calloc(LEVELS_MAX, sizeof *l.codes);
    if (!l.names || !l.values || !l.codes)
        e = qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (const char *at = list; at && e == QX_ERR_OK;) {
        at = next_name(at, name);
        e = add_named(ctx, &l, c, param, name);
    }
    if (e != QX_ERR_OK)
        levels_fini(&l);
    else
        *ret = l;
    return e;
}

qx_err levels_of(struct qx_ctx *ctx, struct levels *l, const struct qx_column *c, uint64_t row,
                 uint32_t *ret_level)
{
    bool text = c->type == QX_COLUMN_TEXT;
    uint32_t code = text ? c->code[row] : 0;
    double value = text ? 0 : c->real[row];
    for (uint32_t i = 0; i < l->n; i++) {
        if (text ? l->codes[i] == code : l->values[i] == value) {
            *ret_level = i;
            return QX_ERR_OK;
        }
    }
    *ret_level = NO_LEVEL;
    if (l->fixed)
        return QX_ERR_OK;
    if (l->n == LEVELS_MAX)
        return qx_error(ctx, QX_ERR_LIMIT,
                        "column \"%.60s\" has more than %d different values: it is no group", c->name,
                        LEVELS_MAX);
    *ret_level = l->n;
    add_level(l, c, code, value);
    return QX_ERR_OK;
}
