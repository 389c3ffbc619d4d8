#include "fit/variables.h"

#include <stdlib.h>

static qx_err open_formula(struct qx_ctx *ctx, const struct spec *s, const char *text,
                           const struct qx_table *t, struct variables *v)
{
    uint32_t n = qx_table_columns(ctx, t);
    struct syntax_error err = {.at = 0};
    const char **columns = malloc((n + (size_t)1) * sizeof *columns);
    if (!columns)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        columns[i] = qx_table_column(ctx, t, i)->name;
    v->formula = formula_new(text, columns, n, s->by_names, s->n_by, &err);
    free((void *)columns);
    return v->formula ? QX_ERR_OK : qx_error(ctx, QX_ERR_INVALID, "formula: %s", err.text);
}

qx_err variables_open(struct qx_ctx *ctx, const struct spec *s, const char *text, const struct qx_table *t,
                      uint32_t max_rows, struct variables *ret)
{
    struct variables v = {.formula = NULL};
    const struct frame_options opt = {
        .weights = s->weights, .offset = s->offset, .na_fail = s->na_fail, .max_rows = max_rows};
    qx_err e = open_formula(ctx, s, text, t, &v);
    if (e == QX_ERR_OK)
        e = frame_open(ctx, t, v.formula, &opt, &v.frame);
    if (e == QX_ERR_OK)
        *ret = v;
    else
        variables_close(&v);
    return e;
}

void variables_close(struct variables *v)
{
    v->frame = frame_close(v->frame);
    v->formula = formula_free(v->formula);
}

qx_err variables_need_response(struct qx_ctx *ctx, const struct variables *v, const char *model, bool numeric)
{
    if (v->formula->n_response == 0)
        return qx_error(ctx, QX_ERR_INVALID, "formula: model=%s needs a response on the left of \"~\"",
                        model);
    if (v->formula->n_response == 2 && numeric)
        return qx_error(ctx, QX_ERR_INVALID, "formula: cbind() on the left is for family=binomial");
    for (uint32_t i = 0; i < v->formula->n_response; i++) {
        const struct frame_var *y = &v->frame->vars[i];
        if (y->kind == FRAME_POLY)
            return qx_error(ctx, QX_ERR_INVALID, "formula: poly() cannot be the response");
        if (y->kind == FRAME_FACTOR && (numeric || v->formula->n_response == 2))
            return qx_error(ctx, QX_ERR_INVALID, "formula: the response %.60s is a factor, not a number",
                            y->name);
    }
    return QX_ERR_OK;
}
