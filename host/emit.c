/* finish(): what it says, as JSON. */
#include <string.h>

#include "host/inside.h"

static bool in_list(const struct emitter *e)
{
    return e->is_list[e->depth - 1];
}

static void open_level(struct emitter *e, const char *name, bool is_list)
{
    json_out_open(&e->json, name, is_list ? '[' : '{');
    e->is_list[e->depth++] = is_list;
}

static void close_level(struct emitter *e)
{
    json_out_close(&e->json, in_list(e) ? ']' : '}');
    e->depth--;
}

/* May a member of this name stand here? False: the plugin broke a rule. */
static bool member_ok(struct host_task *t, const char *name)
{
    if (in_list(&t->emit) && name)
        host_break(t, "it emits '%.60s' in a list: members of a list have no name", name);
    else if (!in_list(&t->emit) && !name)
        host_break(t, "it emits a member without a name outside a list");
    else if (t->emit.depth == EMIT_DEPTH_MAX)
        host_break(t, "its answer is nested deeper than %d", EMIT_DEPTH_MAX - 1);
    return t->broken.code == QX_ERR_OK;
}

static void emit_member(struct host_task *t, int what, const char *name, double number, const char *text)
{
    struct json_out *j = &t->emit.json;
    switch (what) {
    case QX_EMIT_NUMBER:
        json_out_number(j, name, number);
        break;
    case QX_EMIT_INT:
        json_out_integer(j, name, number < 0x1p63 ? (int64_t)number : INT64_MAX);
        break;
    case QX_EMIT_TEXT:
        json_out_text(j, name, text, strlen(text));
        break;
    case QX_EMIT_OPEN:
    case QX_EMIT_LIST:
        open_level(&t->emit, name, what == QX_EMIT_LIST);
        break;
    default:
        host_break(t, "it emits something unknown (%d)", what);
    }
}

void host_emit(struct qx_ctx *ctx, int what, const char *name, double number, const char *text)
{
    struct host_task *t = host_of(ctx);
    if (t->phase != PHASE_FINISH)
        host_break(t, "it calls qx_emit_*() outside finish()");
    if (t->broken.code != QX_ERR_OK)
        return;
    if (what == QX_EMIT_CLOSE) {
        if (t->emit.depth > 1)
            close_level(&t->emit);
        else
            host_break(t, "it calls qx_emit_close() once too often");
    } else if (member_ok(t, name)) {
        emit_member(t, what, name, number, text ? text : "");
    }
    if (t->emit.json.e != QX_ERR_OK)
        (void)host_no_memory(t, "the answer");
}

void host_emit_start(struct host_task *t, struct qx_bytes *out)
{
    t->emit = (struct emitter){.json = {.out = out}};
    open_level(&t->emit, NULL, false);
}

void host_emit_end(struct host_task *t)
{
    if (t->emit.depth != 1)
        host_break(t, "it leaves %u parts of its answer open", t->emit.depth - 1);
    close_level(&t->emit);
    if (t->emit.json.e != QX_ERR_OK)
        (void)host_no_memory(t, "the answer");
}
