/* JSON with the shortest numbers that read back the same (jansson's own writer gives 17 digits). */
#include <math.h>
#include <stdlib.h>

#include "client/cli/writer.h"
#include "common/shortest.h"

static void newline(FILE *out, int indent, int depth)
{
    if (indent)
        (void)fprintf(out, "\n%*s", indent * depth, "");
}

static bool needs_escapes(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == '"' || text[i] == '\\' || text[i] == 0x7f)
            return true;
    return false;
}

static void write_string(FILE *out, const json_t *s)
{
    if (!needs_escapes(json_string_value(s), json_string_length(s))) {
        (void)fprintf(out, "\"%s\"", json_string_value(s));
        return;
    }
    char *text = json_dumps(s, JSON_ENCODE_ANY);
    (void)fputs(text ? text : "\"\"", out);
    free(text);
}

static void write_value(FILE *out, const json_t *v, int indent, int depth);

static void write_object(FILE *out, const json_t *v, int indent, int depth)
{
    const char *key, *comma = "";
    json_t *member;
    (void)fputc('{', out);
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
    {
        json_t *name = json_string(key);
        (void)fputs(comma, out);
        newline(out, indent, depth + 1);
        write_string(out, name);
        (void)fputs(indent ? ": " : ":", out);
        write_value(out, member, indent, depth + 1);
        json_decref(name);
        comma = ",";
    }
    if (*comma)
        newline(out, indent, depth);
    (void)fputc('}', out);
}

static bool flat(const json_t *array)
{
    size_t i;
    json_t *v;
    json_array_foreach((json_t *)(uintptr_t)array, i,
                       v) if (json_is_object(v) || json_is_array(v)) return false;
    return true;
}

static void write_array(FILE *out, const json_t *v, int indent, int depth)
{
    size_t i;
    json_t *member;
    bool one_line = flat(v);
    (void)fputc('[', out);
    json_array_foreach((json_t *)(uintptr_t)v, i, member)
    {
        (void)fputs(i ? one_line && indent ? ", " : "," : "", out);
        if (!one_line)
            newline(out, indent, depth + 1);
        write_value(out, member, indent, depth + 1);
    }
    if (!one_line)
        newline(out, indent, depth);
    (void)fputc(']', out);
}

static void write_value(FILE *out, const json_t *v, int indent, int depth)
{
    char number[NUMBER_BYTES];
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        write_object(out, v, indent, depth);
        break;
    case JSON_ARRAY:
        write_array(out, v, indent, depth);
        break;
    case JSON_STRING:
        write_string(out, v);
        break;
    case JSON_INTEGER:
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        shortest_double(json_real_value(v), number);
        (void)fputs(isfinite(json_real_value(v)) ? number : "null", out);
        break;
    case JSON_TRUE:
        (void)fputs("true", out);
        break;
    case JSON_FALSE:
        (void)fputs("false", out);
        break;
    case JSON_NULL:
        (void)fputs("null", out);
        break;
    }
}

void json_write(FILE *out, const json_t *value, int indent)
{
    write_value(out, value, indent, 0);
    (void)fputc('\n', out);
}

static void json_answer(FILE *out, const struct style *style, const json_t *report)
{
    (void)style;
    json_write(out, report, 2);
}

static void json_table(FILE *out, const struct style *style, const struct column *columns, const json_t *rows)
{
    (void)style;
    (void)columns;
    json_write(out, rows, 2);
}

const struct writer writer_json = {"json", json_answer, json_table, json_table};
