#include "boot/linear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/design.h"
#include "model/variables.h"

qx_err linear_bind(struct qx_ctx *ctx, const char *formula, struct columns *columns)
{
    const struct qx_table *t = qx_table(ctx, "data");
    struct formula *f = NULL;
    qx_err e = variables_formula(ctx, t, formula, NULL, 0, &f);
    for (uint32_t i = 0; e == QX_ERR_OK && i < qx_table_columns(ctx, t); i++) {
        const char *name = qx_table_column(ctx, t, i)->name;
        uint32_t place;
        if (formula_uses(f, name))
            e = columns_bind(ctx, columns, name, NULL, &place);
    }
    (void)formula_free(f);
    return e;
}

/* Names the coefficients, and says which have none. */
static qx_err name_coefficients(struct qx_ctx *ctx, const struct design *d, const struct lm_work *fit,
                                struct stat *s)
{
    size_t len = 0;
    if (fit->rank == 0)
        return qx_error(ctx, QX_ERR_INVALID, "lm: all columns of the model matrix are 0");
    s->n_theta = fit->rank;
    s->names = calloc(fit->rank, sizeof *s->names);
    if (!s->names)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (uint32_t k = 0; k < fit->rank; k++)
        (void)snprintf(s->names[k], sizeof s->names[k], "%s", d->names[fit->pivot[k]]);
    for (uint32_t k = fit->rank; k < fit->p && len < sizeof s->text; k++)
        len += (size_t)snprintf(s->text + len, sizeof s->text - len, "%s%.60s",
                                k == fit->rank ? "without what the other terms give: " : ", ",
                                d->names[fit->pivot[k]]);
    return QX_ERR_OK;
}

static qx_err fit(struct qx_ctx *ctx, const struct frame *fr, const struct design *d, struct stat *s)
{
    struct lm_work *w = lm_work_new(d->n, d->p);
    if (!w)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    lm_fit(w, d->x, d->n, d->p, frame_response(fr, 0), NULL, fr->offset, LM_TOL);
    s->refit = refit_new(w);
    qx_err e = s->refit ? name_coefficients(ctx, d, w, s) : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    (void)lm_work_free(w);
    return e;
}

static qx_err open_design(struct qx_ctx *ctx, const struct data *d, struct variables *v,
                          struct design **ret_design)
{
    qx_err e = variables_need_response(ctx, v, "lm", false);
    const char *why = e == QX_ERR_OK ? frame_load(v->frame, d->rows, d->n) : NULL;
    if (why)
        return qx_error(ctx, QX_ERR_INVALID, "lm: %s", why);
    if (v->frame->n_left_out > 0)
        return qx_error(ctx, QX_ERR_INVALID,
                        "lm: a term has no value in %u of the rows, use where= without them",
                        v->frame->n_left_out);
    if (e == QX_ERR_OK)
        e = design_open(ctx, v->frame, ret_design);
    why = e == QX_ERR_OK ? design_build(*ret_design, v->frame) : NULL;
    if (why)
        return qx_error(ctx, QX_ERR_INVALID, "lm: %s", why);
    if (e == QX_ERR_OK && d->n <= (*ret_design)->p)
        return qx_error(ctx, QX_ERR_INVALID, "lm: %u rows are too few for %u coefficients", d->n,
                        (*ret_design)->p);
    if (e == QX_ERR_OK && (*ret_design)->p > STAT_THETA_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "lm: more than %d coefficients", STAT_THETA_MAX);
    return e;
}

qx_err linear_open(struct qx_ctx *ctx, const char *formula, const struct data *d, struct stat *s)
{
    struct variables v = {.formula = NULL};
    struct design *design = NULL;
    const struct frame_options opt = {.max_rows = d->n};
    qx_err e = variables_open(ctx, qx_table(ctx, "data"), formula, NULL, 0, &opt, &v);
    if (e == QX_ERR_OK)
        e = open_design(ctx, d, &v, &design);
    if (e == QX_ERR_OK && design)
        e = fit(ctx, v.frame, design, s);
    (void)design_close(design);
    variables_close(&v);
    return e;
}
