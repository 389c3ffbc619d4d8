#include "common/json_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

static void put(struct json_out *j, const void *data, size_t len)
{
    if (j->e == QX_ERR_OK && len > 0)
        j->e = qx_bytes_append(j->out, data, len);
}

static void put_text(struct json_out *j, const char *text)
{
    put(j, text, strlen(text));
}

static void put_escaped(struct json_out *j, unsigned char c)
{
    char escape[8];
    (void)snprintf(escape, sizeof escape, c < 0x20 ? "\\u%04x" : "\\%c", c);
    put_text(j, escape);
}

/* `len` bytes of UTF-8. */
static void put_characters(struct json_out *j, const unsigned char *s, size_t len)
{
    size_t from = 0;
    for (size_t i = 0; i < len; i++)
        if (s[i] == '"' || s[i] == '\\' || s[i] < 0x20) {
            put(j, s + from, i - from);
            put_escaped(j, s[i]);
            from = i + 1;
        }
    put(j, s + from, len - from);
}

static void put_string(struct json_out *j, const void *text, size_t len)
{
    const unsigned char *s = text;
    put_text(j, "\"");
    while (len > 0) {
        size_t good = utf8_check(s, len);
        put_characters(j, s, good);
        if (good < len) {
            put_text(j, "\xEF\xBF\xBD");
            good++;
        }
        s += good;
        len -= good;
    }
    put_text(j, "\"");
}

static void member(struct json_out *j, const char *name)
{
    if (j->comma)
        put_text(j, ",");
    if (name) {
        put_string(j, name, strlen(name));
        put_text(j, ":");
    }
    j->comma = true;
}

void json_out_number(struct json_out *j, const char *name, double v)
{
    char text[40] = "null";
    for (int digits = 15; digits <= 17 && isfinite(v); digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
    member(j, name);
    put_text(j, text);
}

void json_out_count(struct json_out *j, const char *name, uint64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, v);
    member(j, name);
    put_text(j, text);
}

void json_out_integer(struct json_out *j, const char *name, int64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, v);
    member(j, name);
    put_text(j, text);
}

void json_out_bool(struct json_out *j, const char *name, bool v)
{
    member(j, name);
    put_text(j, v ? "true" : "false");
}

void json_out_text(struct json_out *j, const char *name, const void *text, size_t len)
{
    member(j, name);
    put_string(j, text, len);
}

void json_out_open(struct json_out *j, const char *name, char bracket)
{
    member(j, name);
    put(j, &bracket, 1);
    j->comma = false;
}

void json_out_close(struct json_out *j, char bracket)
{
    put(j, &bracket, 1);
    j->comma = true;
}
