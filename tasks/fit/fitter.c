#include "fit/fitter.h"

static const struct fit_kind *const kinds[FIT_MODEL_COUNT] = {
    [FIT_LM] = &fit_kind_lm,   [FIT_GLM] = &fit_kind_glm,         [FIT_NLS] = &fit_kind_nls,
    [FIT_AOV] = &fit_kind_aov, [FIT_SUMMARY] = &fit_kind_summary,
};

qx_err fitter_open(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t, uint32_t max_rows,
                   struct fitter *ret)
{
    struct fitter f = {.kind = kinds[s->model]};
    qx_err e = f.kind->open(ctx, s, t, max_rows, &f.state);
    if (e == QX_ERR_OK)
        *ret = f;
    return e;
}

void fitter_close(struct fitter *f)
{
    if (f->kind)
        f->kind->close(f->state);
    *f = (struct fitter){.kind = NULL};
}
