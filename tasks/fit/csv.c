#include "fit/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct csv *c, size_t len)
{
    if (c->failed)
        return false;
    if (c->len + len < c->cap)
        return true;
    size_t cap = 2 * (c->cap + len) + 4096;
    char *bigger = realloc(c->text, cap);
    c->failed = bigger == NULL;
    if (!bigger)
        return false;
    c->text = bigger;
    c->cap = cap;
    return true;
}

static void put(struct csv *c, const char *text, size_t len)
{
    if (!make_room(c, len))
        return;
    memcpy(c->text + c->len, text, len);
    c->len += len;
}

static void start_cell(struct csv *c)
{
    if (c->in_row)
        put(c, ",", 1);
    c->in_row = true;
}

void csv_text(struct csv *c, const char *text)
{
    start_cell(c);
    if (!strpbrk(text, ",\"\r\n")) {
        put(c, text, strlen(text));
        return;
    }
    put(c, "\"", 1);
    for (; *text; text++)
        put(c, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    put(c, "\"", 1);
}

void csv_number(struct csv *c, double v)
{
    char text[32] = "";
    start_cell(c);
    if (isfinite(v))
        put(c, text, (size_t)snprintf(text, sizeof text, "%.12g", v));
}

void csv_end(struct csv *c)
{
    put(c, "\n", 1);
    c->in_row = false;
}

const char *csv_done(struct csv *c)
{
    put(c, "", 1);
    return c->failed ? NULL : c->text;
}

void csv_fini(struct csv *c)
{
    free(c->text);
    *c = (struct csv){.len = 0};
}
