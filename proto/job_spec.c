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

static struct owned_spec *owned_new(void)
{
    struct control_arena *a = arena_new(CONTROL_UNPACKED_BYTES_MAX);
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
    struct owned_spec *o = owned_new();
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
