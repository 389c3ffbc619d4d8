#include <string.h>

#include "common/mem.h"
#include "proto/arena.h"
#include "proto/codec.h"
#include "proto/control.h"
#include "proto/nouns.h"

/* A spec and the memory it stands in. */
struct owned_spec {
    struct job_spec spec; /* first: job_spec_free gets its address */
    struct control_arena *arena;
};

static struct owned_spec *owned_new(size_t limit_bytes)
{
    struct control_arena *a = arena_new(limit_bytes);
    struct owned_spec *o = a ? arena_calloc(a, 1, sizeof *o) : NULL;
    if (o)
        o->arena = a;
    else
        arena_free(a);
    return o;
}

void job_spec_free(struct job_spec *s)
{
    if (s)
        arena_free(((struct owned_spec *)(void *)s)->arena);
}

qx_err job_spec_encode(const struct job_spec *s, struct qx_bytes *out)
{
    struct control_arena *a = arena_new(SIZE_MAX);
    if (!a)
        return QX_ERR_NOMEM;
    ProtobufCMessage *pb = codec_to_pb(&job_spec_message, s, a);
    qx_err e = pb ? codec_pack(pb, out) : QX_ERR_NOMEM;
    arena_free(a);
    return e;
}

qx_err job_spec_decode(const void *data, size_t len, struct job_spec **ret, struct qx_error *err)
{
    struct owned_spec *o = owned_new(CONTROL_UNPACKED_BYTES_MAX);
    if (!o)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    ProtobufCMessage *pb;
    qx_err e = codec_unpack(job_spec_message.pb, data, len, o->arena, &pb, err);
    if (e == QX_ERR_OK)
        e = codec_from_pb(&job_spec_message, pb, &o->spec, o->arena, err);
    if (e == QX_ERR_OK && o->spec.n_cells == 0)
        e = qx_fail(err, QX_ERR_PROTO, "a job without cells");
    if (e == QX_ERR_OK)
        *ret = &o->spec;
    else
        job_spec_free(&o->spec);
    return e;
}

/* ---- copies -------------------------------------------------------------------------------------------------- */

static bool text_copy(char **text, struct control_arena *a)
{
    const char *from = *text ? *text : "";
    return (*text = arena_text(a, from, strlen(from))) != NULL;
}

static bool params_copy(struct param **params, uint32_t n, struct control_arena *a)
{
    struct param *to = arena_calloc(a, n, sizeof *to);
    if (!to)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        to[i] = (*params)[i];
        if (!text_copy(&to[i].name, a) || !text_copy(&to[i].value, a))
            return false;
    }
    *params = to;
    return true;
}

static bool cells_copy(struct job_cell **cells, uint32_t n, struct control_arena *a)
{
    struct job_cell *to = arena_calloc(a, n, sizeof *to);
    if (!to)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        to[i] = (*cells)[i];
        if (!params_copy(&to[i].params, to[i].n_params, a))
            return false;
    }
    *cells = to;
    return true;
}

qx_err job_spec_copy(const struct job_spec *s, struct job_spec **ret)
{
    struct owned_spec *o = owned_new(SIZE_MAX);
    if (!o)
        return QX_ERR_NOMEM;
    o->spec = *s;
    struct job_spec *to = &o->spec;
    if (!text_copy(&to->task, o->arena) || !text_copy(&to->version, o->arena) ||
        !text_copy(&to->until, o->arena) || !text_copy(&to->label, o->arena) ||
        !params_copy(&to->params, to->n_params, o->arena) || !cells_copy(&to->cells, to->n_cells, o->arena)) {
        job_spec_free(to);
        return QX_ERR_NOMEM;
    }
    *ret = to;
    return QX_ERR_OK;
}

/* ---- cells --------------------------------------------------------------------------------------------------- */

/* The job's parameter that this one of a cell replaces. One that was replaced already is not found again: what is given
 * twice stays twice, for task_decl_check to refuse. */
static struct param *param_replaced(const struct job_spec *s, struct param *params, const char *name)
{
    for (uint32_t i = 0; i < s->n_params; i++)
        if (params[i].value == s->params[i].value && strcmp(params[i].name, name) == 0)
            return &params[i];
    return NULL;
}

qx_err job_spec_cell(const struct job_spec *s, uint32_t cell, struct param **ret_params, uint32_t *ret_n)
{
    if (cell >= s->n_cells)
        return QX_ERR_NOTFOUND;
    const struct job_cell *c = &s->cells[cell];
    struct param *params = qx_calloc((size_t)s->n_params + c->n_params, sizeof *params);
    if (!params)
        return QX_ERR_NOMEM;
    uint32_t n = s->n_params;
    if (n > 0)
        memcpy(params, s->params, n * sizeof *params);
    for (uint32_t i = 0; i < c->n_params; i++) {
        struct param *old = param_replaced(s, params, c->params[i].name);
        *(old ? old : &params[n++]) = c->params[i];
    }
    *ret_params = params;
    *ret_n = n;
    return QX_ERR_OK;
}
