#include "model/variables.h"

#include <stdlib.h>

qx_err variables_formula(struct qx_ctx *ctx, const struct qx_table *t, const char *text,
                         const char *const *left_out, uint32_t n_left_out, struct formula **ret)
{
    uint32_t n = qx_table_columns(ctx, t);
    struct syntax_error err = {.at = 0};
    const char **columns = malloc((n + (size_t)1) * sizeof *columns);
    if (!columns)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        columns[i] = qx_table_column(ctx, t, i)->name;
    *ret = formula_new(text, columns, n, left_out, n_left_out, &err);
    free((void *)columns);
    return *ret ? QX_ERR_OK : qx_error(ctx, QX_ERR_INVALID, "formula: %s", err.text);
}

qx_err variables_open(struct qx_ctx *ctx, const struct qx_table *t, const char *text,
                      const char *const *left_out, uint32_t n_left_out, const struct frame_options *opt,
                      struct variables *ret)
{
    struct variables v = {.formula = NULL};
    qx_err e = variables_formula(ctx, t, text, left_out, n_left_out, &v.formula);
    if (e == QX_ERR_OK)
        e = frame_open(ctx, t, v.formula, opt, &v.frame);
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

qx_err variables_need_response(struct qx_ctx *ctx, const struct variables *v, const char *model,
                               bool binomial)
{
    if (v->formula->n_response == 0)
        return qx_error(ctx, QX_ERR_INVALID, "formula: %s needs a response on the left of \"~\"", model);
    if (v->formula->n_response == 2 && !binomial)
        return qx_error(ctx, QX_ERR_INVALID, "formula: cbind() on the left is for family=binomial");
    for (uint32_t i = 0; i < v->formula->n_response; i++) {
        const struct frame_var *y = &v->frame->vars[i];
        if (y->kind == FRAME_POLY)
            return qx_error(ctx, QX_ERR_INVALID, "formula: poly() cannot be the response");
        if (y->kind == FRAME_FACTOR && (!binomial || v->formula->n_response == 2))
            return qx_error(ctx, QX_ERR_INVALID, "formula: the response %.60s is a factor, not a number",
                            y->name);
    }
    return QX_ERR_OK;
}
