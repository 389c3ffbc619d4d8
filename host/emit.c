/* finish(): what it says, as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "host/inside.h"

static void put(struct host_task *t, const char *text, size_t len)
{
    if (qx_bytes_append(t->emit.out, text, len) != QX_ERR_OK)
        (void)host_no_memory(t, "the answer");
}

static void put_text(struct host_task *t, const char *text)
{
    put(t, text, strlen(text));
}

/* The shortest decimal that gives the double back; a decimal point in every locale. */
static void put_number(struct host_task *t, double v)
{
    char text[40];
    if (!isfinite(v)) {
        put_text(t, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
    put_text(t, text);
}

static void put_string(struct host_task *t, const char *text)
{
    size_t len = strlen(text);
    put_text(t, "\"");
    while (len > 0) {
        size_t good = utf8_check(text, len), plain = 0;
        while (plain < good && (unsigned char)text[plain] >= 0x20 && text[plain] != '"' &&
               text[plain] != '\\')
            plain++;
        put(t, text, plain);
        if (plain < len) {
            char escaped[8];
            unsigned char c = (unsigned char)text[plain];
            if (plain == good)
                (void)snprintf(escaped, sizeof escaped, "\\ufffd");
            else if (c < 0x20)
                (void)snprintf(escaped, sizeof escaped, "\\u%04x", c);
            else
                (void)snprintf(escaped, sizeof escaped, "\\%c", c);
            put_text(t, escaped);
            plain++;
        }
        text += plain;
        len -= plain;
    }
    put_text(t, "\"");
}

static void open_level(struct host_task *t, bool is_list)
{
    struct emitter *e = &t->emit;
    put_text(t, is_list ? "[" : "{");
    e->levels[e->depth].is_list = is_list;
    e->levels[e->depth].has_members = false;
    e->depth++;
}

static void close_level(struct host_task *t)
{
    t->emit.depth--;
    put_text(t, t->emit.levels[t->emit.depth].is_list ? "]" : "}");
}

/* Comma and name before a member. False: the plugin broke a rule. */
static bool start_member(struct host_task *t, const char *name)
{
    bool in_list = t->emit.levels[t->emit.depth - 1].is_list;
    if (in_list && name)
        host_break(t, "it emits '%.60s' in a list: members of a list have no name", name);
    else if (!in_list && !name)
        host_break(t, "it emits a member without a name outside a list");
    else if (t->emit.depth == EMIT_DEPTH_MAX)
        host_break(t, "its answer is nested deeper than %d", EMIT_DEPTH_MAX - 1);
    if (t->broken.code != QX_ERR_OK)
        return false;
    if (t->emit.levels[t->emit.depth - 1].has_members)
        put_text(t, ",");
    t->emit.levels[t->emit.depth - 1].has_members = true;
    if (!in_list) {
        put_string(t, name);
        put_text(t, ":");
    }
    return true;
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
            close_level(t);
        else
            host_break(t, "it calls qx_emit_close() once too often");
        return;
    }
    if (!start_member(t, name))
        return;
    char whole[48];
    switch (what) {
    case QX_EMIT_NUMBER:
        put_number(t, number);
        break;
    case QX_EMIT_INT:
        (void)snprintf(whole, sizeof whole, "%" PRId64, number < 0x1p63 ? (int64_t)number : INT64_MAX);
        put_text(t, whole);
        break;
    case QX_EMIT_TEXT:
        put_string(t, text ? text : "");
        break;
    case QX_EMIT_OPEN:
    case QX_EMIT_LIST:
        open_level(t, what == QX_EMIT_LIST);
        break;
    default:
        host_break(t, "it emits something unknown (%d)", what);
    }
}

void host_emit_start(struct host_task *t, struct qx_bytes *out)
{
    t->emit = (struct emitter){.out = out};
    open_level(t, false);
}

void host_emit_end(struct host_task *t)
{
    if (t->emit.depth != 1)
        host_break(t, "it leaves %u parts of its answer open", t->emit.depth - 1);
    close_level(t);
}
