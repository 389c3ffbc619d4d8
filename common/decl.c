#include "common/decl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"

const struct param_decl *task_decl_param(const struct task_decl *d, const char *name)
{
    for (uint32_t i = 0; i < d->n_params; i++)
        if (d->params[i].name && strcmp(d->params[i].name, name) == 0)
            return &d->params[i];
    return NULL;
}

static qx_err check_range(const struct param_decl *p, double v, const char *value, struct qx_error *err)
{
    if ((p->min == 0 && p->max == 0) || (v >= p->min && v <= p->max))
        return QX_ERR_OK;
    if (v < p->min)
        return qx_fail(err, QX_ERR_INVALID, "parameter '%s': %.60s is below the least, %.15g", p->name, value,
                       p->min);
    return qx_fail(err, QX_ERR_INVALID, "parameter '%s': %.60s is above the most, %.15g", p->name, value,
                   p->max);
}

static qx_err check_list(const struct param_decl *p, const char *value, struct qx_error *err)
{
    double *values;
    size_t n;
    struct qx_error why;
    qx_err e = value_reals(value, &values, &n, &why);
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "parameter '%s': %s", p->name, why.text);
    for (size_t i = 0; e == QX_ERR_OK && i < n; i++)
        if (check_range(p, values[i], "", NULL) != QX_ERR_OK)
            e = qx_fail(err, QX_ERR_INVALID,
                        "parameter '%s': member %zu of the list, %.15g, is not within %.15g .. %.15g",
                        p->name, i + 1, values[i], p->min, p->max);
    qx_free(values);
    return e;
}

/* "a, b, c", cut with dots where it grows too long to read. */
static void list_choices(const struct param_decl *p, char *ret_text, size_t len_bytes)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (uint32_t i = 0; i < p->n_choices; i++) {
        int n = snprintf(ret_text + used, len_bytes - used, "%s%s", i ? ", " : "", p->choices[i]);
        if (n < 0 || (size_t)n + 6 > len_bytes - used) {
            (void)snprintf(ret_text + used, len_bytes - used, "%s", ", ...");
            return;
        }
        used += (size_t)n;
    }
}

static qx_err check_choice(const struct param_decl *p, const char *value, struct qx_error *err)
{
    for (uint32_t i = 0; i < p->n_choices; i++)
        if (strcmp(p->choices[i], value) == 0)
            return QX_ERR_OK;
    const char *near = nearest_name(value, (const char *const *)p->choices, p->n_choices);
    if (near)
        return qx_fail(err, QX_ERR_INVALID, "parameter '%s': '%.60s' is not a choice; did you mean '%s'?",
                       p->name, value, near);
    char all[160];
    list_choices(p, all, sizeof all);
    return qx_fail(err, QX_ERR_INVALID, "parameter '%s': '%.40s' is not one of %s", p->name, value, all);
}

qx_err param_decl_check(const struct param_decl *p, const char *value, struct qx_error *err)
{
    struct qx_error why;
    struct blob_ref ref;
    int64_t whole = 0;
    double real = 0;
    bool yes;
    qx_err e = QX_ERR_OK;
    switch (p->type) {
    case QX_PARAM_TEXT:
        return QX_ERR_OK;
    case QX_PARAM_CHOICE:
        return check_choice(p, value, err);
    case QX_PARAM_REALS:
        return check_list(p, value, err);
    case QX_PARAM_TABLE:
        return blob_ref_parse(value, &ref)
                   ? QX_ERR_OK
                   : qx_fail(err, QX_ERR_INVALID, "parameter '%s' is not a data set", p->name);
    case QX_PARAM_BOOL:
        e = value_bool(value, &yes, &why);
        break;
    case QX_PARAM_INT:
        e = value_int(value, &whole, &why);
        real = (double)whole;
        break;
    case QX_PARAM_REAL:
        e = value_real(value, &real, &why);
        break;
    }
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "parameter '%s': %s", p->name, why.text);
    return p->type == QX_PARAM_BOOL ? QX_ERR_OK : check_range(p, real, value, err);
}

static qx_err unknown_name(const struct task_decl *d, const char *name, struct qx_error *err)
{
    const char *names[64] = {0};
    size_t n = 0;
    for (uint32_t i = 0; i < d->n_params && n < sizeof names / sizeof *names; i++)
        names[n++] = d->params[i].name;
    const char *near = nearest_name(name, names, n);
    if (near)
        return qx_fail(err, QX_ERR_INVALID, "%s has no parameter '%.60s'; did you mean '%s'?", d->name, name,
                       near);
    if (n == 0)
        return qx_fail(err, QX_ERR_INVALID, "%s has no parameter '%.60s': it takes none", d->name, name);
    return qx_fail(err, QX_ERR_INVALID, "%s has no parameter '%.60s'; `qx tasks %s` lists them", d->name,
                   name, d->name);
}

static const char *given_value(const char *name, const struct param *params, uint32_t n_params)
{
    for (uint32_t i = 0; i < n_params; i++)
        if (strcmp(params[i].name, name) == 0)
            return params[i].value;
    return NULL;
}

qx_err task_decl_check(const struct task_decl *d, const struct param *params, uint32_t n_params,
                       struct qx_error *err)
{
    for (uint32_t i = 0; i < n_params; i++) {
        const struct param_decl *p = task_decl_param(d, params[i].name);
        if (!p)
            return unknown_name(d, params[i].name, err);
        if (given_value(p->name, params, i))
            return qx_fail(err, QX_ERR_INVALID, "parameter '%s' is given twice", p->name);
        qx_err e = param_decl_check(p, params[i].value, err);
        if (e != QX_ERR_OK)
            return e;
    }
    for (uint32_t i = 0; i < d->n_params; i++) {
        const struct param_decl *p = &d->params[i];
        if (!p->fallback && !given_value(p->name, params, n_params))
            return qx_fail(err, QX_ERR_INVALID, "%s needs the parameter '%s': %s", d->name, p->name, p->help);
    }
    return QX_ERR_OK;
}

/* The length of the list that items_from names; 0 if it was left out. */
static qx_err list_length(const struct task_decl *d, const struct param *params, uint32_t n_params,
                          size_t *ret, struct qx_error *err)
{
    const char *value = given_value(d->items_from, params, n_params);
    const struct param_decl *p = task_decl_param(d, d->items_from);
    if (!value && p)
        value = p->fallback;
    *ret = 0;
    if (!value || !value[0])
        return QX_ERR_OK;
    double *values;
    qx_err e = value_reals(value, &values, ret, err);
    if (e == QX_ERR_OK)
        qx_free(values);
    return e;
}

qx_err task_decl_items(const struct task_decl *d, const struct param *params, uint32_t n_params,
                       uint64_t n_items, uint64_t *ret_n_items, struct qx_error *err)
{
    size_t listed = 0;
    qx_err e = d->items_from ? list_length(d, params, n_params, &listed, err) : QX_ERR_OK;
    if (e != QX_ERR_OK)
        return e;
    if (n_items > QX_ITEMS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "%" PRIu64 " items are too many: the most is 2^62", n_items);
    if (listed > 0 && n_items > listed)
        return qx_fail(err, QX_ERR_INVALID, "%" PRIu64 " items, but '%s' lists %zu", n_items, d->items_from,
                       listed);
    uint64_t n = n_items ? n_items : listed ? listed : d->default_items;
    if (n == 0 && !(d->flags & QX_TASK_COUNTS_ITEMS))
        return qx_fail(err, QX_ERR_INVALID, "%s has no default number of items: give -n N", d->name);
    *ret_n_items = n;
    return QX_ERR_OK;
}
