/* CSV (RFC 4180): one header, one row a cell or an entry. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/writer.h"
#include "common/shortest.h"

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

/* v may be NULL. */
static void put_value(FILE *out, const json_t *v)
{
    char number[NUMBER_BYTES];
    if (json_is_string(v))
        put_text(out, json_string_value(v));
    else if (json_is_integer(v))
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v) && isfinite(json_real_value(v))) {
        shortest_double(json_real_value(v), number);
        (void)fputs(number, out);
    } else if (json_is_boolean(v))
        (void)fputs(json_is_true(v) ? "true" : "false", out);
}

/* The answers of all cells: one header, the columns of all in order of first appearance. Names that an answer shares
 * with a parameter of the grid begin with "result.". */
struct csv_table {
    const json_t *params; /* of the cell at hand: names that are taken */
    json_t *names;        /* name -> column */
    const json_t **row;   /* values by column, borrowed; NULL while names are collected */
};

static void put_member(void *arg, const char *name, const json_t *value)
{
    struct csv_table *t = arg;
    json_t *place = json_object_get(t->names, name);
    if (!t->row && !place)
        json_object_set_new(t->names, name, json_integer((json_int_t)json_object_size(t->names)));
    else if (t->row)
        t->row[json_integer_value(place)] = value;
}

static void put_result(void *arg, const char *name, const json_t *value)
{
    const struct csv_table *t = arg;
    char longer[512];
    (void)snprintf(longer, sizeof longer, "%s%s", json_object_get(t->params, name) ? "result." : "", name);
    put_member(arg, longer, value);
}

static void put_params(struct csv_table *t, const json_t *cell)
{
    if (json_object_get(cell, "params"))
        flatten(json_object_get(cell, "params"), put_member, t);
}

static void put_answer(struct csv_table *t, const json_t *cell)
{
    t->params = json_object_get(cell, "params");
    if (json_is_object(json_object_get(cell, "result")))
        flatten(json_object_get(cell, "result"), put_result, t);
}

/* How much the answer rests on, where the answer does not say so itself; "items" beside a parameter n. */
static void put_count(struct csv_table *t, const char *name, const json_t *value)
{
    bool taken = json_object_get(t->params, name) != NULL;
    const json_t *place = json_object_get(t->names, name);
    if (taken && !strcmp(name, "n"))
        put_member(t, "items", value);
    else if (taken)
        put_result(t, name, value);
    else if (!t->row || !t->row[json_integer_value(place)])
        put_member(t, name, value);
}

/* ---- an answer that is a table: a row a member of its list ---- */

static void put_list_row(struct csv_table *t, const json_t *cell, const json_t *row)
{
    put_params(t, cell);
    t->params = json_object_get(cell, "params");
    flatten(row, put_result, t);
}

static const json_t *list_of(const json_t *cell)
{
    const json_t *result = json_object_get(cell, "result");
    const char *name = answer_table(result);
    return name ? json_object_get(result, name) : NULL;
}

static void put_counts(struct csv_table *t, const json_t *cell, bool any_partial)
{
    t->params = json_object_get(cell, "params");
    put_count(t, "n", json_object_get(cell, "n"));
    put_count(t, "failed", json_object_get(cell, "failed"));
    if (any_partial)
        put_count(t, "partial", json_boolean(!json_is_true(json_object_get(cell, "complete"))));
}

static void put_row(FILE *out, const struct csv_table *t)
{
    for (size_t c = 0; c < json_object_size(t->names); c++) {
        (void)fputs(c ? "," : "", out);
        put_value(out, t->row[c]);
        t->row[c] = NULL;
    }
    (void)fputc('\n', out);
}

static void put_header(FILE *out, const struct csv_table *t)
{
    const char *name, *comma = "";
    json_t *place;
    json_object_foreach(t->names, name, place)
    {
        (void)fputs(comma, out);
        put_text(out, name);
        comma = ",";
    }
    (void)fputc('\n', out);
}

/* False: the answers are no tables. */
static bool put_lists(FILE *out, const json_t *cells)
{
    struct csv_table t = {.names = json_object()};
    size_t i, k;
    json_t *cell, *row;
    bool any_partial = false, any = false;
    json_array_foreach((json_t *)(uintptr_t)cells, i, cell)
    {
        any |= list_of(cell) != NULL;
        any_partial |= !json_is_true(json_object_get(cell, "complete"));
    }
    json_array_foreach((json_t *)(uintptr_t)cells, i, cell)
        json_array_foreach((json_t *)(uintptr_t)list_of(cell), k, row) put_list_row(&t, cell, row);
    if (any_partial)
        put_member(&t, "partial", NULL);
    if (any)
        put_header(out, &t);
    t.row = calloc(json_object_size(t.names) + 1, sizeof *t.row);
    json_array_foreach((json_t *)(uintptr_t)cells, i, cell)
        json_array_foreach((json_t *)(uintptr_t)list_of(cell), k, row)
    {
        if (!t.row)
            break;
        put_list_row(&t, cell, row);
        if (any_partial)
            put_member(&t, "partial", json_boolean(!json_is_true(json_object_get(cell, "complete"))));
        put_row(out, &t);
    }
    free(t.row);
    json_decref(t.names);
    return any;
}

static void put_cells(FILE *out, const json_t *cells)
{
    if (put_lists(out, cells))
        return;
    struct csv_table t = {.names = json_object()};
    size_t i;
    json_t *cell;
    bool any_partial = false;
    json_array_foreach((json_t *)(uintptr_t)cells, i, cell)
    {
        put_params(&t, cell);
        any_partial |= !json_is_true(json_object_get(cell, "complete"));
    }
    json_array_foreach((json_t *)(uintptr_t)cells, i, cell) put_answer(&t, cell);
    json_array_foreach((json_t *)(uintptr_t)cells, i, cell) put_counts(&t, cell, any_partial);
    put_header(out, &t);
    t.row = calloc(json_object_size(t.names) + 1, sizeof *t.row);
    json_array_foreach((json_t *)(uintptr_t)cells, i, cell)
    {
        if (!t.row)
            break;
        put_params(&t, cell);
        put_answer(&t, cell);
        put_counts(&t, cell, any_partial);
        put_row(out, &t);
    }
    free(t.row);
    json_decref(t.names);
}

static void csv_answer(FILE *out, const struct style *style, const json_t *report)
{
    (void)style;
    const json_t *cells = json_object_get(report, "cells");
    if (json_is_array(cells)) {
        put_cells(out, cells);
        return;
    }
    json_t *one = json_pack("[{s:O?, s:O?, s:O?, s:b}]", "result", json_object_get(report, "result"), "n",
                            json_object_get(report, "n"), "failed",
                            json_object_get(json_object_get(report, "failures"), "count"), "complete",
                            !json_is_true(json_object_get(report, "partial")));
    put_cells(out, one);
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
