#include <math.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"
#include "host/inside.h"

static qx_err read_table(struct host_task *t, struct host_param *p, struct qx_error *err)
{
    struct blob_ref ref;
    const void *data = NULL;
    if (!blob_ref_parse(p->text, &ref))
        return qx_fail(err, QX_ERR_INVALID, "parameter '%s' is not a data set", p->decl->name);
    if (!t->opt.blob)
        return qx_fail(err, QX_ERR_STATE, "parameter '%s': no data sets can be read here", p->decl->name);
    qx_err e = t->opt.blob(t->opt.blob_arg, &ref, &data, err);
    return e == QX_ERR_OK ? table_open(data, ref.len_bytes, &p->table, err) : e;
}

/* The text is checked already: what is left to fail is memory and data. */
static qx_err read_value(struct host_task *t, struct host_param *p, struct qx_error *err)
{
    bool yes = false;
    qx_err e = QX_ERR_OK;
    switch (p->decl->type) {
    case QX_PARAM_INT:
        e = value_int(p->text, &p->whole, err);
        p->real = (double)p->whole;
        break;
    case QX_PARAM_BOOL:
        e = value_bool(p->text, &yes, err);
        p->whole = yes;
        p->real = yes;
        break;
    case QX_PARAM_REAL:
        e = value_real(p->text, &p->real, err);
        break;
    case QX_PARAM_REALS:
        e = value_reals(p->text, &p->reals, &p->n_reals, err);
        break;
    case QX_PARAM_TABLE:
        e = read_table(t, p, err);
        break;
    case QX_PARAM_TEXT:
    case QX_PARAM_CHOICE:
        break;
    }
    return e;
}

static qx_err read_param(struct host_task *t, struct host_param *p, const struct param *params,
                         uint32_t n_params, struct qx_error *err)
{
    const char *text = p->decl->fallback;
    for (uint32_t i = 0; i < n_params; i++)
        if (strcmp(params[i].name, p->decl->name) == 0) {
            text = params[i].value;
            p->given = true;
        }
    p->real = NAN;
    p->text = qx_strdup(text ? text : "");
    if (!p->text)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the parameters");
    return p->given || p->text[0] ? read_value(t, p, err) : QX_ERR_OK;
}

qx_err host_params_read(struct host_task *t, const struct param *params, uint32_t n_params,
                        struct qx_error *err)
{
    qx_err e = task_decl_check(t->decl, params, n_params, err);
    if (e != QX_ERR_OK)
        return e;
    t->params = qx_calloc(t->decl->n_params, sizeof *t->params);
    if (!t->params)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the parameters");
    for (; t->n_params < t->decl->n_params && e == QX_ERR_OK; t->n_params++) {
        t->params[t->n_params].decl = &t->decl->params[t->n_params];
        e = read_param(t, &t->params[t->n_params], params, n_params, err);
    }
    return e;
}

void host_params_free(struct host_task *t)
{
    for (uint32_t i = 0; i < t->n_params; i++) {
        qx_free(t->params[i].text);
        qx_free(t->params[i].reals);
        table_close(t->params[i].table);
    }
    qx_free(t->params);
    t->params = NULL;
    t->n_params = 0;
}

static const struct host_param *find_param(struct host_task *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_params; i++)
        if (strcmp(t->params[i].decl->name, name) == 0)
            return &t->params[i];
    host_break(t, "it asks for the parameter '%.60s', which it does not declare", name);
    return NULL;
}

static const struct host_param *find_number(struct host_task *t, const char *name)
{
    const struct host_param *p = find_param(t, name);
    if (!p || p->decl->type == QX_PARAM_INT || p->decl->type == QX_PARAM_REAL ||
        p->decl->type == QX_PARAM_BOOL)
        return p;
    host_break(t, "it asks for a number in the parameter '%.60s', which is none", name);
    return NULL;
}

const char *host_param_text(struct qx_ctx *ctx, const char *name, bool *ret_given)
{
    const struct host_param *p = find_param(host_of(ctx), name);
    if (ret_given)
        *ret_given = p && p->given;
    return p ? p->text : "";
}

double host_param_real(struct qx_ctx *ctx, const char *name)
{
    const struct host_param *p = find_number(host_of(ctx), name);
    return p ? p->real : NAN;
}

int64_t host_param_int(struct qx_ctx *ctx, const char *name)
{
    const struct host_param *p = find_number(host_of(ctx), name);
    if (p && p->decl->type == QX_PARAM_REAL)
        host_break(host_of(ctx), "it asks for an integer in the parameter '%.60s', which is REAL", name);
    return p ? p->whole : 0;
}

const double *host_param_reals(struct qx_ctx *ctx, const char *name, size_t *ret_n)
{
    const struct host_param *p = find_param(host_of(ctx), name);
    if (p && p->decl->type != QX_PARAM_REALS)
        host_break(host_of(ctx), "it asks for a list in the parameter '%.60s', which is none", name);
    if (ret_n)
        *ret_n = p ? p->n_reals : 0;
    return p ? p->reals : NULL;
}

const struct qx_table *host_param_table(struct qx_ctx *ctx, const char *name)
{
    const struct host_param *p = find_param(host_of(ctx), name);
    if (p && p->decl->type != QX_PARAM_TABLE)
        host_break(host_of(ctx), "it asks for a table in the parameter '%.60s', which is none", name);
    return p ? p->table : NULL;
}
