#include "client/next.h"

#include <jansson.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"

static qx_err read_params(const json_t *params, struct next *n, struct qx_error *err)
{
    const char *name;
    json_t *value;
    if (params && !json_is_object(params))
        return qx_fail(err, QX_ERR_TASK, "its answer has a \"next\" whose \"params\" are no object");
    n->args = qx_calloc(json_object_size(params) + 1, sizeof *n->args);
    if (!n->args)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    json_object_foreach((json_t *)(uintptr_t)params, name, value)
    {
        if (!json_is_string(value))
            return qx_fail(err, QX_ERR_TASK, "its answer has a \"next\" whose parameter %.60s is no text",
                           name);
        n->args[n->n_args++] = (struct qx_arg){name, json_string_value(value)};
    }
    return QX_ERR_OK;
}

static qx_err read_next(const json_t *next, struct next *n, struct qx_error *err)
{
    const json_t *items = json_object_get(next, "n"), *why = json_object_get(next, "why");
    if (!json_is_object(next))
        return qx_fail(err, QX_ERR_TASK, "its answer has a \"next\" that is no object");
    if (items && (!json_is_integer(items) || json_integer_value(items) < 0))
        return qx_fail(err, QX_ERR_TASK, "its answer has a \"next\" whose \"n\" is no number of items");
    n->n_items = (uint64_t)json_integer_value(items);
    n->why = json_is_string(why) ? json_string_value(why) : "";
    return read_params(json_object_get(next, "params"), n, err);
}

qx_err next_read(const char *result_json, struct next *ret, struct qx_error *err)
{
    *ret = (struct next){.why = ""};
    if (!strstr(result_json, "\"next\"")) /* answers may be megabytes; most have none */
        return QX_ERR_NOTFOUND;
    json_t *answer = json_loads(result_json, 0, NULL);
    const json_t *next = json_object_get(answer, "next");
    ret->json = answer;
    qx_err e = next ? read_next(next, ret, err) : QX_ERR_NOTFOUND;
    if (e != QX_ERR_OK)
        next_fini(ret);
    return e;
}

void next_fini(struct next *n)
{
    qx_free(n->args);
    json_decref(n->json);
    *n = (struct next){.why = ""};
}
