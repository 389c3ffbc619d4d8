/* CSV (RFC 4180): one header, one row a cell or an entry. */
#include <math.h>
#include <string.h>

#include "client/cli/writer.h"

static void put_text(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        (void)fputs(text, out);
        return;
    }
    (void)fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            (void)fputc('"', out);
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

static void put_value(FILE *out, const json_t *v)
{
    char number[NUMBER_BYTES];
    if (json_is_string(v))
        put_text(out, json_string_value(v));
    else if (json_is_integer(v))
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v) && isfinite(json_real_value(v))) {
        number_shortest(json_real_value(v), number);
        (void)fputs(number, out);
    } else if (json_is_boolean(v))
        (void)fputs(json_is_true(v) ? "true" : "false", out);
}

struct csv_row {
    FILE *out;
    bool names; /* write names, not values */
    const char *comma;
};

static void put_member(void *arg, const char *name, const json_t *value)
{
    struct csv_row *r = arg;
    (void)fputs(r->comma, r->out);
    r->comma = ",";
    if (r->names)
        put_text(r->out, name);
    else
        put_value(r->out, value);
}

static void put_row(FILE *out, const json_t *cell, bool names)
{
    struct csv_row r = {out, names, ""};
    const json_t *params = json_object_get(cell, "params");
    if (params)
        flatten(params, put_member, &r, true);
    const json_t *result = json_object_get(cell, "result");
    if (json_is_object(result))
        flatten(result, put_member, &r, true);
    static const char *const last[] = {"n", "failed"};
    for (size_t i = 0; i < sizeof last / sizeof *last; i++)
        if (json_object_get(cell, last[i]) && !(json_is_object(result) && json_object_get(result, last[i])))
            put_member(&r, last[i], json_object_get(cell, last[i]));
    (void)fputc('\n', out);
}

static void csv_answer(FILE *out, const struct style *style, const json_t *report)
{
    (void)style;
    const json_t *cells = json_object_get(report, "cells");
    if (json_is_array(cells)) {
        for (size_t i = 0; i < json_array_size(cells); i++) {
            if (!i)
                put_row(out, json_array_get(cells, 0), true);
            put_row(out, json_array_get(cells, i), false);
        }
        return;
    }
    json_t *one = json_pack("{s:O?, s:O?, s:O?}", "result", json_object_get(report, "result"), "n",
                            json_object_get(report, "n"), "failed",
                            json_object_get(json_object_get(report, "failures"), "count"));
    put_row(out, one, true);
    put_row(out, one, false);
    json_decref(one);
}

static void csv_line(FILE *out, const struct column *columns, const json_t *row)
{
    for (const struct column *c = columns; c->key; c++) {
        if (c != columns)
            (void)fputc(',', out);
        if (row)
            put_value(out, json_object_get(row, c->key));
        else
            put_text(out, c->key);
    }
    (void)fputc('\n', out);
}

static void csv_table(FILE *out, const struct style *style, const struct column *columns, const json_t *rows)
{
    (void)style;
    csv_line(out, columns, NULL);
    for (size_t i = 0; i < json_array_size(rows); i++)
        csv_line(out, columns, json_array_get(rows, i));
}

static void csv_object(FILE *out, const struct style *style, const struct column *lines, const json_t *object)
{
    (void)style;
    csv_line(out, lines, NULL);
    csv_line(out, lines, object);
}

const struct writer writer_csv = {"csv", csv_answer, csv_table, csv_object};
