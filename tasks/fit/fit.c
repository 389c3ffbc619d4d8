#include "fit/fit.h"

#include <stdlib.h>
#include <string.h>

#include "fit/record.h"

static void fit_free(struct fit *f)
{
    fitter_close(&f->fitter);
    groups_close(&f->groups);
    free(f);
}

static qx_err open_all(struct qx_ctx *ctx, struct fit *f)
{
    f->table = qx_table(ctx, "data");
    qx_err e = spec_read(ctx, f->table, &f->spec);
    if (e == QX_ERR_OK)
        e = groups_open(ctx, f->table, f->spec.by, f->spec.n_by, &f->groups);
    if (e == QX_ERR_OK)
        e = fitter_open(ctx, &f->spec, f->table, f->groups.largest, &f->fitter);
    if (e != QX_ERR_OK)
        return e;
    f->n_values = f->fitter.kind->n_values;
    if (f->n_values == FIT_VALUES_MAX && f->spec.conf == 0)
        f->n_values -= 2;
    e = qx_items(ctx, f->groups.n, f->groups.n);
    return e == QX_ERR_OK ? qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_RECORDS}, &f->red_records)
                          : e;
}

static qx_err fit_open(struct qx_ctx *ctx, void **ret_state)
{
    struct fit *f = calloc(1, sizeof *f);
    if (!f)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = open_all(ctx, f);
    if (e == QX_ERR_OK)
        *ret_state = f;
    else
        fit_free(f);
    return e;
}

static qx_err fit_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    struct fit *f = state;
    const struct groups *g = &f->groups;
    struct fit_result r;
    (void)row;
    if (item >= g->n)
        return qx_fail_item(ctx, item, "there are fewer groups");
    const uint32_t *rows = g->rows + g->start[item];
    const char *why = f->fitter.kind->run(f->fitter.state, rows, g->start[item + 1] - g->start[item], &r);
    if (why)
        return qx_fail_item(ctx, item, "%s", why);
    return record_write(ctx, item, f->fitter.kind, f->n_values, &r);
}

static void fit_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    fit_free(state);
}

static const char *const na_choices[] = {"omit", "fail", NULL};

static const struct qx_param params[] = {
    {.name = "data", .type = QX_PARAM_TABLE, .help = "CSV file with a header"},
    {.name = "formula",
     .type = QX_PARAM_TEXT,
     .help = "as in R: 'y ~ a*b + I(x^2) - 1'; model=nls: 'y ~ b1*(1-exp(-b2*x))'"},
    {.name = "model",
     .type = QX_PARAM_CHOICE,
     .fallback = "",
     .choices = fit_model_names,
     .help = "lm unless family= (glm) or start= (nls) is given; aov: one-way; summary: of one variable"},
    {.name = "by",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "columns, comma-separated: one fit for each group"},
    {.name = "family",
     .type = QX_PARAM_CHOICE,
     .fallback = "",
     .choices = family_names,
     .help = "of model=glm (gaussian)"},
    {.name = "link",
     .type = QX_PARAM_CHOICE,
     .fallback = "",
     .choices = link_names,
     .help = "of model=glm (canonical)"},
    {.name = "weights",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "expression of columns: weights of the rows"},
    {.name = "offset",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "expression of columns that is added as it is"},
    {.name = "start",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "of model=nls: name=number for each parameter"},
    {.name = "na",
     .type = QX_PARAM_CHOICE,
     .fallback = "omit",
     .choices = na_choices,
     .help = "rows that lack a value: leave them out, or refuse"},
    {.name = "pooled", .type = QX_PARAM_BOOL, .fallback = "yes", .help = "with by: also one fit of all rows"},
    {.name = "conf",
     .type = QX_PARAM_REAL,
     .fallback = "",
     .min = 0.01,
     .max = 0.9999,
     .help = "level of intervals (none unless given)"},
    {.name = "tol",
     .type = QX_PARAM_REAL,
     .fallback = "1e-9",
     .min = 0,
     .max = 1,
     .help = "share of a column's length under which it is aliased (R's lm: 1e-7)"},
    {.name = "eps",
     .type = QX_PARAM_REAL,
     .fallback = "1e-8",
     .min = 1e-15,
     .max = 0.1,
     .help = "glm: relative change of the deviance at which the iteration stops"},
};

const struct qx_task task_fit = {
    .struct_size = sizeof(struct qx_task),
    .name = "fit",
    .version = "1.0",
    .help = "one model on many data sets: coefficients for each group and pooled; an item is one group",
    .details = "lm, glm, nls, one-way aov, summary; formulas in R's syntax: a*b a:b (a+b)^2 I(x^2) poly(x,3) "
               "factor(g)\n"
               "offset(log(t)) -1 .; treatment contrasts, aliased columns are reported without a value.\n"
               "Example: qx run fit data=sleepstudy.csv formula='Reaction ~ Days' by=Subject",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .shape = QX_SHAPE_MAP,
    .flags = QX_TASK_COUNTS_ITEMS,
    .grain = 8,
    .spread = 10,
    .open = fit_open,
    .run = fit_run,
    .close = fit_close,
    .finish = fit_finish,
};
