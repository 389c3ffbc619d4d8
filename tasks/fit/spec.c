#include "fit/spec.h"

#include <stdio.h>
#include <string.h>

const char *const fit_model_names[FIT_MODEL_COUNT + 1] = {"lm", "glm", "nls", "aov", "summary", NULL};

static int place_in(const char *const *names, const char *name)
{
    int i = 0;
    while (strcmp(names[i], name) != 0)
        i++; /* the farm has checked that it is there */
    return i;
}

static const char *given_text(struct qx_ctx *ctx, const char *name)
{
    return qx_given(ctx, name) && *qx_text(ctx, name) ? qx_text(ctx, name) : NULL;
}

/* A model that is not named follows from what goes with it. */
static void read_model(struct qx_ctx *ctx, struct spec *s)
{
    if (qx_given(ctx, "model"))
        s->model = (enum fit_model)place_in(fit_model_names, qx_text(ctx, "model"));
    else if (qx_given(ctx, "family") || qx_given(ctx, "link"))
        s->model = FIT_GLM;
    else
        s->model = s->start ? FIT_NLS : FIT_LM;
}

static qx_err read_family(struct qx_ctx *ctx, struct spec *s)
{
    char known[160] = "";
    if (s->model != FIT_GLM) {
        if (qx_given(ctx, "family") || qx_given(ctx, "link"))
            return qx_error(ctx, QX_ERR_INVALID, "family and link go with model=glm, not with model=%s",
                            fit_model_names[s->model]);
        return QX_ERR_OK;
    }
    s->family = FAMILY_GAUSSIAN;
    if (qx_given(ctx, "family"))
        s->family = (enum family)place_in(family_names, qx_text(ctx, "family"));
    s->link = family_default_link(s->family);
    if (qx_given(ctx, "link"))
        s->link = (enum link)place_in(link_names, qx_text(ctx, "link"));
    if (family_takes_link(s->family, s->link))
        return QX_ERR_OK;
    for (int l = 0; l < LINK_COUNT; l++) {
        if (family_takes_link(s->family, (enum link)l))
            (void)snprintf(known + strlen(known), sizeof known - strlen(known), " %s", link_names[l]);
    }
    return qx_error(ctx, QX_ERR_INVALID, "link=%s does not go with family=%s, which takes:%s",
                    link_names[s->link], family_names[s->family], known);
}

/* One name of a comma-separated list, without the blanks around it; returns where the next one starts, NULL after the last. */
static const char *next_name(const char *p, char *ret, size_t ret_bytes)
{
    const char *end = p + strcspn(p, ","), *last = end;
    p += strspn(p, " ");
    while (last > p && last[-1] == ' ')
        last--;
    (void)snprintf(ret, ret_bytes, "%.*s", last > p ? (int)(last - p) : 0, p);
    return *end ? end + 1 : NULL;
}

static qx_err read_by(struct qx_ctx *ctx, const struct qx_table *t, struct spec *s)
{
    char name[512];
    const char *p = given_text(ctx, "by");
    while (p) {
        p = next_name(p, name, sizeof name);
        if (s->n_by == SPEC_BY_MAX)
            return qx_error(ctx, QX_ERR_INVALID, "by: more than %d columns", SPEC_BY_MAX);
        const struct qx_column *c = qx_table_find(ctx, t, name);
        if (!c)
            return QX_ERR_INVALID;
        for (uint32_t i = 0; i < s->n_by; i++) {
            if (s->by[i] == c)
                return qx_error(ctx, QX_ERR_INVALID, "by: column \"%.60s\" is there twice", name);
        }
        s->by_names[s->n_by] = c->name;
        s->by[s->n_by++] = c;
    }
    return QX_ERR_OK;
}

qx_err spec_read(struct qx_ctx *ctx, const struct qx_table *t, struct spec *ret)
{
    *ret = (struct spec){.model = FIT_LM};
    ret->formula = qx_text(ctx, "formula");
    ret->weights = given_text(ctx, "weights");
    ret->offset = given_text(ctx, "offset");
    ret->start = given_text(ctx, "start");
    ret->na_fail = strcmp(qx_text(ctx, "na"), "fail") == 0;
    ret->pooled = qx_bool(ctx, "pooled");
    ret->tol = qx_real(ctx, "tol");
    ret->eps = qx_real(ctx, "eps");
    ret->conf = qx_given(ctx, "conf") ? qx_real(ctx, "conf") : 0;
    read_model(ctx, ret);
    if (ret->model == FIT_NLS && !ret->start)
        return qx_error(
            ctx, QX_ERR_INVALID,
            "start: a nonlinear model needs a start for each parameter, as in start='b1=500,b2=0.1'");
    if (ret->model != FIT_NLS && ret->start)
        return qx_error(ctx, QX_ERR_INVALID, "start goes with model=nls, not with model=%s",
                        fit_model_names[ret->model]);
    if (ret->offset && ret->model != FIT_LM && ret->model != FIT_GLM)
        return qx_error(ctx, QX_ERR_INVALID, "offset goes with model=lm and model=glm");
    if (ret->weights && (ret->model == FIT_AOV || ret->model == FIT_SUMMARY))
        return qx_error(ctx, QX_ERR_INVALID, "weights do not go with model=%s", fit_model_names[ret->model]);
    qx_err e = read_family(ctx, ret);
    return e == QX_ERR_OK ? read_by(ctx, t, ret) : e;
}

qx_err spec_variables(struct qx_ctx *ctx, const struct spec *s, const char *text, const struct qx_table *t,
                      uint32_t max_rows, struct variables *ret)
{
    const struct frame_options opt = {
        .weights = s->weights, .offset = s->offset, .na_fail = s->na_fail, .max_rows = max_rows};
    return variables_open(ctx, t, text, s->by_names, s->n_by, &opt, ret);
}
