#include "perm/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perm/crosstab.h"

enum { UNITS_MAX = 1 << 28 };

static qx_err no_memory(struct qx_ctx *ctx)
{
    (void)qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    return QX_ERR_NOMEM;
}

/* The user's mistake, told to ctx. */
#define INVALID(ctx, ...) ((void)qx_error(ctx, QX_ERR_INVALID, __VA_ARGS__), QX_ERR_INVALID)

/* The column that a parameter names; NULL is told to ctx. */
static const struct qx_column *column_of(struct qx_ctx *ctx, const char *param, bool numbers)
{
    if (!qx_given(ctx, param)) {
        (void)INVALID(ctx, "give %s=, a column of the data", param);
        return NULL;
    }
    const struct qx_column *c = qx_table_find(ctx, qx_table(ctx, "data"), qx_text(ctx, param));
    if (c && numbers && c->type != QX_COLUMN_REAL) {
        (void)INVALID(ctx, "column \"%.80s\" holds text; %s= needs numbers", c->name, param);
        return NULL;
    }
    return c;
}

/* ---- variables ---- */

static qx_err add_variable(struct qx_ctx *ctx, struct data *d, const struct qx_column *c)
{
    for (uint32_t v = 0; v < d->n_vars; v++) {
        if (d->columns[v] == c)
            return INVALID(ctx, "vars: column \"%.80s\" is named twice", c->name);
    }
    if (c->type != QX_COLUMN_REAL)
        return INVALID(ctx, "column \"%.80s\" holds text; vars= needs numbers", c->name);
    d->columns[d->n_vars++] = c;
    return QX_ERR_OK;
}

static qx_err named_variables(struct qx_ctx *ctx, struct data *d)
{
    const struct qx_table *t = qx_table(ctx, "data");
    char name[256];
    for (const char *at = qx_text(ctx, "vars"); at;) {
        size_t len = strcspn(at, ","), from = strspn(at, " ");
        size_t end = len;
        while (end > from && at[end - 1] == ' ')
            end--;
        (void)snprintf(name, sizeof name, "%.*s", (int)(end > from ? end - from : 0), at + from);
        const struct qx_column *c = qx_table_find(ctx, t, name);
        if (!c)
            return QX_ERR_INVALID;
        qx_err e = add_variable(ctx, d, c);
        if (e != QX_ERR_OK)
            return e;
        at = at[len] ? at + len + 1 : NULL;
    }
    return d->n_vars ? QX_ERR_OK : INVALID(ctx, "vars names no column");
}

/* vars=all: every column of numbers that has no other role. */
static qx_err all_variables(struct qx_ctx *ctx, struct data *d, const struct qx_column *but)
{
    const struct qx_table *t = qx_table(ctx, "data");
    for (uint32_t i = 0; i < qx_table_columns(ctx, t); i++) {
        const struct qx_column *c = qx_table_column(ctx, t, i);
        if (c->type == QX_COLUMN_REAL && c != but)
            d->columns[d->n_vars++] = c;
    }
    return d->n_vars ? QX_ERR_OK : INVALID(ctx, "vars=all: the data have no column of numbers to test");
}

static qx_err open_variables(struct qx_ctx *ctx, struct data *d, const struct qx_column *but)
{
    d->columns = calloc((size_t)qx_table_columns(ctx, qx_table(ctx, "data")) + 1, sizeof *d->columns);
    if (!d->columns)
        return no_memory(ctx);
    if (!qx_given(ctx, "vars")) {
        const struct qx_column *c = column_of(ctx, "y", true);
        d->columns[d->n_vars++] = c;
        return c ? QX_ERR_OK : QX_ERR_INVALID;
    }
    if (qx_given(ctx, "y"))
        return INVALID(ctx, "give y= (one variable) or vars= (several), not both");
    return strcmp(qx_text(ctx, "vars"), "all") == 0 ? all_variables(ctx, d, but) : named_variables(ctx, d);
}

/* ---- rows ---- */

static qx_err missing_value(struct qx_ctx *ctx, const struct qx_column *c, uint64_t row)
{
    return INVALID(ctx,
                   "column \"%.60s\" has %llu missing value%s, the first used in data row %llu: give na=omit "
                   "to leave such rows out",
                   c->name, (unsigned long long)c->n_missing, c->n_missing == 1 ? "" : "s",
                   (unsigned long long)row + 1);
}

/* The column in which the row lacks a value, NULL: none. */
static const struct qx_column *lacks(const struct data *d, const struct qx_column *group, uint64_t row)
{
    if (d->other && column_missing(d->other, row))
        return d->other;
    if (group && column_missing(group, row))
        return group;
    for (uint32_t v = 0; v < d->n_vars; v++) {
        if (column_missing(d->columns[v], row))
            return d->columns[v];
    }
    return NULL;
}

/* Takes the rows that are used into rows[] and their groups into d->group. */
static qx_err pick_rows(struct qx_ctx *ctx, struct data *d, const struct qx_column *group, uint64_t *rows)
{
    bool omit = strcmp(qx_text(ctx, "na"), "omit") == 0;
    uint64_t n_rows = qx_table_rows(ctx, qx_table(ctx, "data"));
    for (uint64_t row = 0; row < n_rows; row++) {
        uint32_t level = 0;
        if (group && !column_missing(group, row)) {
            qx_err e = levels_of(ctx, &d->groups, group, row, &level);
            if (e != QX_ERR_OK)
                return e;
            if (level == NO_LEVEL)
                continue;
        }
        const struct qx_column *c = lacks(d, group, row);
        if (c && !omit)
            return missing_value(ctx, c, row);
        if (c) {
            d->n_omitted++;
            continue;
        }
        d->group[d->n] = level;
        rows[d->n++] = row;
    }
    return d->n >= 2 ? QX_ERR_OK
                     : INVALID(ctx, "%u row%s of the data can be used: at least 2 are needed", d->n,
                               d->n == 1 ? "" : "s");
}

static qx_err read_values(struct qx_ctx *ctx, struct data *d, const uint64_t *rows)
{
    d->y = malloc((size_t)d->n_vars * d->n * sizeof *d->y);
    if (!d->y)
        return no_memory(ctx);
    for (uint32_t v = 0; v < d->n_vars; v++) {
        for (uint32_t i = 0; i < d->n; i++)
            d->y[(size_t)v * d->n + i] = d->columns[v]->real[rows[i]];
    }
    if (!d->other)
        return QX_ERR_OK;
    d->x = malloc(d->n * sizeof *d->x);
    for (uint32_t i = 0; d->x && i < d->n; i++)
        d->x[i] = d->other->real[rows[i]];
    return d->x ? QX_ERR_OK : no_memory(ctx);
}

static qx_err open_rows(struct qx_ctx *ctx, struct data *d, const struct qx_column *group)
{
    uint64_t n_rows = qx_table_rows(ctx, qx_table(ctx, "data"));
    if (n_rows > UNITS_MAX)
        return INVALID(ctx, "the data have more than %d rows", UNITS_MAX);
    uint64_t *rows = calloc((size_t)n_rows + 1, sizeof *rows);
    d->group = malloc(((size_t)n_rows + 1) * sizeof *d->group);
    qx_err e = rows && d->group ? pick_rows(ctx, d, group, rows) : no_memory(ctx);
    if (e == QX_ERR_OK)
        e = read_values(ctx, d, rows);
    free(rows);
    return e;
}

/* ---- tests ---- */

/* Values that only rows left out had are no groups. */
static void drop_empty_groups(struct data *d)
{
    uint32_t sizes[LEVELS_MAX] = {0}, to[LEVELS_MAX] = {0}, n = 0;
    for (uint32_t i = 0; i < d->n; i++)
        sizes[d->group[i]]++;
    for (uint32_t l = 0; l < d->groups.n; l++) {
        to[l] = n;
        if (sizes[l] > 0 && n != l)
            memcpy(d->groups.names[n], d->groups.names[l], LEVEL_NAME_BYTES);
        n += sizes[l] > 0;
    }
    d->groups.n = n;
    for (uint32_t i = 0; i < d->n; i++)
        d->group[i] = to[d->group[i]];
}

static qx_err open_groups(struct qx_ctx *ctx, struct data *d, bool any_test)
{
    const struct qx_column *group = column_of(ctx, "group", false);
    if (!group)
        return QX_ERR_INVALID;
    const char *list = qx_given(ctx, "groups") ? qx_text(ctx, "groups") : NULL;
    qx_err e = levels_open(ctx, group, "groups", list, &d->groups);
    if (e == QX_ERR_OK)
        e = open_variables(ctx, d, group);
    if (e == QX_ERR_OK)
        e = open_rows(ctx, d, group);
    if (e != QX_ERR_OK)
        return e;
    drop_empty_groups(d);
    if (d->groups.n < 2)
        return INVALID(ctx,
                       "column \"%.80s\" has one value in the rows used (%.40s): there is "
                       "nothing to compare",
                       group->name, d->groups.names[0]);
    if (any_test)
        d->test = d->groups.n == 2 ? TEST_TWO : TEST_K;
    if (d->test == TEST_TWO && d->groups.n != 2)
        return INVALID(
            ctx,
            "column \"%.60s\" has %u different values in the rows used: name two with groups=a,b, or "
            "give test=k-sample",
            group->name, d->groups.n);
    (void)snprintf(d->by, sizeof d->by, "%.80s: %.40s - %.40s", group->name, d->groups.names[0],
                   d->groups.names[1]);
    if (d->test == TEST_K)
        (void)snprintf(d->by, sizeof d->by, "%u groups by %.80s", d->groups.n, group->name);
    return QX_ERR_OK;
}

/* The parameter need not be given; false: it is, and wrong, as was told to ctx. */
static bool maybe_column(struct qx_ctx *ctx, const char *param, const struct qx_column **ret)
{
    *ret = qx_given(ctx, param) ? column_of(ctx, param, true) : NULL;
    return *ret || !qx_given(ctx, param);
}

/* x - y of each row, or the differences themselves in y= or vars=. */
static qx_err open_pairs(struct qx_ctx *ctx, struct data *d)
{
    const struct qx_column *first;
    if (!maybe_column(ctx, "x", &first))
        return QX_ERR_INVALID;
    if (first && qx_given(ctx, "vars"))
        return INVALID(ctx, "vars= of a paired test are differences: leave x= out");
    d->other = first;
    qx_err e = open_variables(ctx, d, NULL);
    if (e == QX_ERR_OK)
        e = open_rows(ctx, d, NULL);
    if (e != QX_ERR_OK)
        return e;
    for (uint32_t i = 0; first && i < d->n; i++) {
        d->largest = fmax(d->largest, fmax(fabs(d->x[i]), fabs(d->y[i])));
        d->y[i] = d->x[i] - d->y[i];
    }
    if (first)
        (void)snprintf(d->by, sizeof d->by, "%.80s - %.80s, row by row", first->name, d->columns[0]->name);
    else
        (void)snprintf(d->by, sizeof d->by, "differences, against 0");
    return QX_ERR_OK;
}

static qx_err open_correlation(struct qx_ctx *ctx, struct data *d)
{
    d->other = column_of(ctx, "x", true);
    qx_err e = d->other ? open_variables(ctx, d, d->other) : QX_ERR_INVALID;
    if (e == QX_ERR_OK)
        e = open_rows(ctx, d, NULL);
    if (e == QX_ERR_OK && d->n < 3)
        e = INVALID(ctx, "%u rows are too few for a correlation: at least 3 are needed", d->n);
    if (e == QX_ERR_OK)
        (void)snprintf(d->by, sizeof d->by, "with %.80s", d->other->name);
    return e;
}

static const char *const test_names[] = {"two-sample", "paired", "correlation", "k-sample", "independence"};

/* What the parameters that are given can mean. */
static qx_err guess_test(struct qx_ctx *ctx, enum perm_test *ret)
{
    const char *stat = qx_text(ctx, "stat");
    bool of_table = qx_given(ctx, "freq") || !strcmp(stat, "chisq") || !strcmp(stat, "fisher"),
         no_column = !qx_given(ctx, "y") && !qx_given(ctx, "x") && !qx_given(ctx, "vars");
    if (qx_given(ctx, "group"))
        *ret = TEST_TWO;
    else if (of_table || no_column)
        *ret = TEST_TABLE;
    else if (qx_given(ctx, "x") && qx_given(ctx, "y"))
        return INVALID(
            ctx, "x= and y= go with several tests: give test=paired, test=correlation or test=independence");
    else
        return INVALID(ctx, "give group= (two or more samples), or test=paired for differences");
    return QX_ERR_OK;
}

/* Columns that a test has no use for. */
static qx_err check_unused(struct qx_ctx *ctx, enum perm_test test)
{
    static const char *const unused[TEST_COUNT][4] = {[TEST_TWO] = {"x", "freq"},
                                                      [TEST_PAIRED] = {"group", "groups", "freq"},
                                                      [TEST_CORRELATION] = {"group", "groups", "freq"},
                                                      [TEST_K] = {"x", "freq"},
                                                      [TEST_TABLE] = {"group", "groups", "vars"}};
    for (const char *const *name = unused[test]; *name; name++)
        if (qx_given(ctx, *name))
            return qx_error(ctx, QX_ERR_INVALID,
                            "%s= has no use in test=%s: leave it out, or choose another test", *name,
                            test_names[test]);
    return QX_ERR_OK;
}

qx_err data_open(struct qx_ctx *ctx, struct data *ret)
{
    struct data d = {.test = TEST_COUNT};
    const char *test = qx_text(ctx, "test");
    qx_err e = QX_ERR_OK;
    for (int k = 0; k < TEST_COUNT; k++)
        d.test = strcmp(test, test_names[k]) == 0 ? (enum perm_test)k : d.test;
    bool any_test = d.test == TEST_COUNT;
    if (any_test)
        e = guess_test(ctx, &d.test);
    if (e == QX_ERR_OK)
        e = check_unused(ctx, d.test);
    if (e != QX_ERR_OK)
        return e;
    if (d.test == TEST_TWO || d.test == TEST_K)
        e = open_groups(ctx, &d, any_test);
    else if (d.test == TEST_PAIRED)
        e = open_pairs(ctx, &d);
    else if (d.test == TEST_CORRELATION)
        e = open_correlation(ctx, &d);
    else
        e = crosstab_open(ctx, &d);
    if (e != QX_ERR_OK)
        data_fini(&d);
    else
        *ret = d;
    return e;
}

void data_fini(struct data *d)
{
    free(d->columns);
    free(d->y);
    free(d->x);
    free(d->group);
    free(d->counts);
    levels_fini(&d->groups);
    *d = (struct data){.n = 0};
}
