#include "client/cli/cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decl.h"
#include "common/error.h"

static qx_err add_value(struct axis *a, const char *text, size_t len, struct qx_error *err)
{
    if (a->n_values >= CELLS_LIMIT)
        return qx_fail(err, QX_ERR_INVALID, "--grid %s: more than %d values", a->name, CELLS_LIMIT);
    char **grown = realloc(a->values, (a->n_values + 1) * sizeof *grown);
    if (!grown)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a grid");
    a->values = grown;
    grown[a->n_values] = strndup(text, len);
    if (!grown[a->n_values])
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a grid");
    a->n_values++;
    return QX_ERR_OK;
}

static qx_err split_list(struct axis *a, const char *text, struct qx_error *err)
{
    int depth = 0;
    for (const char *start = text, *p = text;; p++) {
        depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
        if (*p && (*p != ',' || depth > 0))
            continue;
        if (p == start)
            return qx_fail(err, QX_ERR_INVALID, "--grid %s=%s: an empty value", a->name, text);
        qx_err e = add_value(a, start, (size_t)(p - start), err);
        if (e != QX_ERR_OK || !*p)
            return e;
        start = p + 1;
    }
}

/* The two or three numbers of a range. False: it is no range. */
static bool read_range(const char *text, double part[3], int *ret_parts)
{
    char copy[128];
    int n = 0;
    if (strlen(text) >= sizeof copy)
        return false;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *at = copy; at; n++) {
        char *colon = strchr(at, ':');
        struct qx_error ignored;
        if (colon)
            *colon = '\0';
        if (n == 3 || value_real(at, &part[n], &ignored) != QX_ERR_OK)
            return false;
        at = colon ? colon + 1 : NULL;
    }
    *ret_parts = n;
    return n >= 2;
}

static qx_err add_range(struct axis *a, const char *text, const double part[3], int n_parts,
                        struct qx_error *err)
{
    double step = n_parts == 3 ? part[2] : 1;
    if (step == 0 || (part[1] - part[0]) / step < 0)
        return qx_fail(err, QX_ERR_INVALID, "--grid %s=%s: from:to:step never gets from %g to %g by %g",
                       a->name, text, part[0], part[1], step);
    double count = floor((part[1] - part[0]) / step + 1e-9) + 1;
    if (count > CELLS_LIMIT)
        return qx_fail(err, QX_ERR_INVALID, "--grid %s=%s: %.0f values, at most %d", a->name, text, count,
                       CELLS_LIMIT);
    for (int i = 0; i < (int)count; i++) {
        char value[48];
        double v = part[0] + i * step;
        int len = snprintf(value, sizeof value, "%.12g", fabs(v) < fabs(step) * 1e-9 ? 0.0 : v);
        qx_err e = add_value(a, value, (size_t)len, err);
        if (e != QX_ERR_OK)
            return e;
    }
    return QX_ERR_OK;
}

static qx_err parse_axis(struct cells *c, const char *spec, struct qx_error *err)
{
    const char *equals = strchr(spec, '=');
    if (!equals || equals == spec || !equals[1])
        return qx_fail(err, QX_ERR_INVALID, "--grid %s: want NAME=FROM:TO:STEP or NAME=VALUE,VALUE,..", spec);
    struct axis *a = &c->axes[c->n_axes];
    a->name = strndup(spec, (size_t)(equals - spec));
    if (!a->name)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a grid");
    c->n_axes++;
    for (size_t i = 0; i + 1 < c->n_axes; i++)
        if (!strcmp(c->axes[i].name, a->name))
            return qx_fail(err, QX_ERR_INVALID, "--grid %s is given twice", a->name);
    double part[3];
    int n_parts;
    if (read_range(equals + 1, part, &n_parts))
        return add_range(a, equals + 1, part, n_parts, err);
    return split_list(a, equals + 1, err);
}

static void fill_cell(struct cells *c, uint32_t cell)
{
    uint64_t rest = cell;
    struct qx_arg *args = c->args + (size_t)cell * c->n_axes;
    for (size_t k = c->n_axes; k-- > 0;) {
        const struct axis *a = &c->axes[k];
        args[k] = (struct qx_arg){a->name, a->values[rest % a->n_values]};
        rest /= a->n_values;
    }
    c->cells[cell] = (struct qx_cell_args){args, (uint32_t)c->n_axes};
}

qx_err cells_parse(const char *const *specs, size_t n_specs, struct cells *ret, struct qx_error *err)
{
    *ret = (struct cells){0};
    uint64_t n = 1;
    for (size_t i = 0; i < n_specs; i++) {
        qx_err e = parse_axis(ret, specs[i], err);
        if (e != QX_ERR_OK)
            return e;
        n *= ret->axes[i].n_values;
        if (n > CELLS_LIMIT)
            return qx_fail(err, QX_ERR_INVALID, "the grid has %llu cells or more, at most %d",
                           (unsigned long long)n, CELLS_LIMIT);
    }
    if (!n_specs)
        return QX_ERR_OK;
    ret->cells = calloc(n, sizeof *ret->cells);
    ret->args = calloc(n * n_specs, sizeof *ret->args);
    if (!ret->cells || !ret->args)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a grid of %llu cells", (unsigned long long)n);
    ret->n_cells = (uint32_t)n;
    for (uint32_t i = 0; i < ret->n_cells; i++)
        fill_cell(ret, i);
    return QX_ERR_OK;
}

void cells_fini(struct cells *c)
{
    for (size_t i = 0; i < c->n_axes; i++) {
        for (size_t k = 0; k < c->axes[i].n_values; k++)
            free(c->axes[i].values[k]);
        free(c->axes[i].values);
        free(c->axes[i].name);
    }
    free(c->cells);
    free(c->args);
}
