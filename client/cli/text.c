/* Answers as a person wants to read them.
 *
 * The members of an answer become aligned lines, a list of objects becomes a table, "plot" is left to --plot. Numbers
 * that a standard error belongs to are shown as far as it leaves sense in them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/writer.h"

enum { TEXT_BYTES = 512, LIST_SHOWN = 12 };

/* ---- grids of texts ---- */

bool grid_init(struct grid *g, size_t n_rows, size_t n_columns)
{
    *g = (struct grid){.n_rows = n_rows, .n_columns = n_columns};
    g->cells = calloc(n_rows * n_columns + 1, sizeof *g->cells);
    g->right = calloc(n_columns + 1, sizeof *g->right);
    return g->cells && g->right;
}

void grid_set(struct grid *g, size_t row, size_t column, const char *text)
{
    char **cell = &g->cells[row * g->n_columns + column];
    free(*cell);
    *cell = strdup(text);
}

static const char *grid_text(const struct grid *g, size_t row, size_t column)
{
    const char *text = g->cells[row * g->n_columns + column];
    return text ? text : "";
}

void grid_fini(struct grid *g)
{
    for (size_t i = 0; g->cells && i < g->n_rows * g->n_columns; i++)
        free(g->cells[i]);
    free(g->cells);
    free(g->right);
}

static size_t column_width(const struct grid *g, size_t column)
{
    size_t width = 0;
    for (size_t r = 0; r < g->n_rows; r++) {
        size_t w = text_width(grid_text(g, r, column));
        width = w > width ? w : width;
    }
    return width;
}

static void print_cell(FILE *out, const struct grid *g, size_t row, size_t column, size_t width)
{
    const char *text = grid_text(g, row, column);
    int pad = (int)(width - text_width(text));
    bool last = column + 1 == g->n_columns;
    if (g->right[column])
        (void)fprintf(out, "%*s%s%s", pad, "", text, last ? "" : "  ");
    else
        (void)fprintf(out, "%s%*s%s", text, last ? 0 : pad, "", last ? "" : "  ");
}

void grid_print(FILE *out, const struct style *style, const char *indent, const struct grid *g)
{
    size_t *widths = calloc(g->n_columns + 1, sizeof *widths);
    for (size_t c = 0; widths && c < g->n_columns; c++)
        widths[c] = column_width(g, c);
    for (size_t r = 0; widths && r < g->n_rows; r++) {
        (void)fprintf(out, "%s%s", indent, r ? "" : style->dim);
        for (size_t c = 0; c < g->n_columns; c++)
            print_cell(out, g, r, c, widths[c]);
        (void)fprintf(out, "%s\n", r ? "" : style->plain);
    }
    free(widths);
}

/* ---- values ---- */

/* Names whose values are on the scale of the estimate. */
static bool has_se_scale(const char *name)
{
    static const char *const names[] = {"estimate", "mean",  "se",    "jackknife_se", "lower",
                                        "upper",    "theta", "value", "median",       "statistic"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(dot ? dot + 1 : name, names[i]))
            return true;
    return false;
}

static bool is_bias(const char *name)
{
    const char *dot = strrchr(name, '.');
    return !strcmp(dot ? dot + 1 : name, "bias");
}

static double se_of(const json_t *object, double outer)
{
    const json_t *se = json_object_get(object, "se");
    return json_is_number(se) && json_number_value(se) > 0 ? json_number_value(se) : outer;
}

static void value_text(const char *name, const json_t *v, double se, char *ret)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        (void)snprintf(ret, TEXT_BYTES, "%s", json_string_value(v));
        break;
    case JSON_INTEGER:
        if (se > 0 && has_se_scale(name))
            number_with_se(json_number_value(v), se, ret);
        else
            (void)snprintf(ret, TEXT_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL: {
        double d = json_real_value(v);
        if (is_bias(name)) { /* small beside the error: on its own scale */
            (void)snprintf(ret, TEXT_BYTES, "%.2g", d);
            break;
        }
        if (d == floor(d) && fabs(d) < 1e15 && !has_se_scale(name))
            (void)snprintf(ret, TEXT_BYTES, "%.0f", d);
        else
            number_with_se(d, has_se_scale(name) ? se : 0, ret);
        break;
    }
    case JSON_TRUE:
        (void)snprintf(ret, TEXT_BYTES, "yes");
        break;
    case JSON_FALSE:
        (void)snprintf(ret, TEXT_BYTES, "no");
        break;
    case JSON_NULL:
        (void)snprintf(ret, TEXT_BYTES, "-");
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
        (void)snprintf(ret, TEXT_BYTES, "...");
        break;
    }
}

static void list_text(const json_t *list, char *ret)
{
    size_t len = 0, n = json_array_size(list);
    ret[0] = '\0';
    for (size_t i = 0; i < n && i < LIST_SHOWN && len + 64 < TEXT_BYTES; i++) {
        char one[TEXT_BYTES];
        value_text("", json_array_get(list, i), 0, one);
        one[48] = '\0';
        len += (size_t)snprintf(ret + len, TEXT_BYTES - len, "%s%s", i ? ", " : "", one);
    }
    if (n > LIST_SHOWN)
        (void)snprintf(ret + len, TEXT_BYTES - len, ", .. (%zu in all)", n);
}

static bool is_table(const json_t *v)
{
    return json_is_array(v) && json_array_size(v) && json_is_object(json_array_get(v, 0));
}

/* A label and a value on a line, labels padded to `width`. */
static void print_line(FILE *out, const struct style *style, int depth, size_t width, const char *name,
                       const char *text)
{
    (void)fprintf(out, "%*s%s%s%s%*s%s\n", 2 * depth, "", style->dim, name, style->plain,
                  (int)(width - text_width(name)) + 2, "", text);
}

static void print_object(FILE *out, const struct style *style, int depth, const json_t *object, double se);

/* A list of objects as a table: the members of all of them, in order of first appearance. */
static void print_table(FILE *out, const struct style *style, int depth, const json_t *rows, double se)
{
    json_t *names = json_object();
    size_t n = json_array_size(rows);
    const char *key;
    json_t *member;
    for (size_t i = 0; i < n; i++)
        json_object_foreach(json_array_get(rows, i), key,
                            member) if (!json_is_object(member) && !is_table(member))
            json_object_set_new(names, key, json_true());
    struct grid g;
    if (grid_init(&g, n + 1, json_object_size(names))) {
        size_t c = 0;
        json_object_foreach(names, key, member)
        {
            grid_set(&g, 0, c, key);
            for (size_t i = 0; i < n; i++) {
                const json_t *row = json_array_get(rows, i), *v = json_object_get(row, key);
                char text[TEXT_BYTES] = "";
                if (json_is_array(v))
                    list_text(v, text);
                else if (v)
                    value_text(key, v, se_of(row, se), text);
                grid_set(&g, i + 1, c, text);
                g.right[c] |= json_is_number(v);
            }
            c++;
        }
        char indent[32];
        (void)snprintf(indent, sizeof indent, "%*s", 2 * depth < 30 ? 2 * depth : 30, "");
        grid_print(out, style, indent, &g);
    }
    grid_fini(&g);
    json_decref(names);
}

static size_t widest_name(const json_t *object)
{
    size_t width = 0;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        size_t w = text_width(key);
        if (!json_is_object(v) && !is_table(v))
            width = w > width ? w : width;
    }
    return width;
}

static void print_object(FILE *out, const struct style *style, int depth, const json_t *object, double se)
{
    const char *key, *gap = ""; /* a blank line between parts */
    json_t *v;
    size_t width = widest_name(object);
    se = se_of(object, se);
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        char text[TEXT_BYTES];
        if (json_is_object(v) || is_table(v) || (json_is_array(v) && !json_array_size(v)))
            continue;
        if (json_is_array(v))
            list_text(v, text);
        else
            value_text(key, v, se, text);
        print_line(out, style, depth, width, key, text);
        gap = "\n";
    }
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        if (!strcmp(key, "plot") || !(json_is_object(v) || is_table(v)))
            continue;
        (void)fprintf(out, "%s%*s%s%s%s\n", gap, 2 * depth, "", style->bold, key, style->plain);
        if (json_is_object(v))
            print_object(out, style, depth + 1, v, se);
        else
            print_table(out, style, depth + 1, v, se);
        gap = "\n";
    }
}

/* ---- the answer of a job ---- */

static void print_title(FILE *out, const struct style *style, const json_t *report)
{
    const char *key;
    json_t *v;
    (void)fprintf(out, "%s%s%s %s", style->bold, json_string_value(json_object_get(report, "task")),
                  style->plain, json_string_value(json_object_get(report, "version")));
    json_object_foreach(json_object_get(report, "params"), key, v)(void)
        fprintf(out, "  %s%s=%s%s", style->dim, key, style->plain, json_string_value(v));
    (void)fputs("\n\n", out);
    if (json_is_true(json_object_get(report, "partial")))
        (void)fprintf(out, "  %sPARTIAL: what the finished prefix of the items says%s\n\n", style->warn,
                      style->plain);
}

static void print_failures(FILE *out, const struct style *style, const json_t *report)
{
    const json_t *failures = json_object_get(report, "failures"),
                 *causes = json_object_get(failures, "causes");
    double n = json_number_value(json_object_get(report, "items"));
    double count = json_number_value(json_object_get(failures, "count"));
    if (!(count > 0))
        return;
    (void)fprintf(out, "\n  %s%.0f of %.0f items failed%s and do not count\n", style->warn, count, n,
                  style->plain);
    for (size_t i = 0; i < json_array_size(causes); i++) {
        const json_t *c = json_array_get(causes, i), *first = json_object_get(c, "first");
        char items[TEXT_BYTES] = "";
        if (json_array_size(first))
            list_text(first, items);
        (void)fprintf(out, "    %.0f x %s: %s%s%s%s\n", json_number_value(json_object_get(c, "count")),
                      json_string_value(json_object_get(c, "outcome")),
                      json_string_value(json_object_get(c, "why")), *items ? " (item " : "", items,
                      *items ? json_number_value(json_object_get(c, "count")) > (double)json_array_size(first)
                                   ? ", ..)"
                                   : ")"
                             : "");
    }
}

static void print_footer(FILE *out, const struct style *style, const json_t *report)
{
    char elapsed[NUMBER_BYTES], seed[TEXT_BYTES];
    value_text("", json_object_get(report, "seed"), 0, seed);
    number_seconds(json_number_value(json_object_get(report, "elapsed_s")), elapsed);
    (void)fprintf(out, "\n  %sn %" JSON_INTEGER_FORMAT, style->dim,
                  json_integer_value(json_object_get(report, "n")));
    if (json_string_value(json_object_get(report, "until")))
        (void)fprintf(out, " (%s %s)", json_is_true(json_object_get(report, "stopped")) ? "until" : "wanted",
                      json_string_value(json_object_get(report, "until")));
    (void)fprintf(out, " \u00b7 seed %s \u00b7 %s on %" JSON_INTEGER_FORMAT " slots", seed, elapsed,
                  json_integer_value(json_object_get(report, "slots")));
    if (json_is_real(json_object_get(report, "efficiency")))
        (void)fprintf(out, " \u00b7 %.0f%% busy",
                      100 * json_number_value(json_object_get(report, "efficiency")));
    const char *digest = json_string_value(json_object_get(report, "digest"));
    if (digest && *digest)
        (void)fprintf(out, " \u00b7 digest %s", digest);
    (void)fprintf(out, "%s\n", style->plain);
}

/* Cells as rows: what the grid sets, then the single values of each answer. */
struct cell_row {
    struct grid *g;
    json_t *names; /* name -> column */
    size_t row;
    double se;
};

static void count_name(void *arg, const char *name, const json_t *value)
{
    (void)value;
    struct cell_row *r = arg;
    if (!json_object_get(r->names, name))
        json_object_set_new(r->names, name, json_integer((json_int_t)json_object_size(r->names)));
}

static void set_cell(void *arg, const char *name, const json_t *value)
{
    struct cell_row *r = arg;
    char text[TEXT_BYTES];
    size_t c = (size_t)json_integer_value(json_object_get(r->names, name));
    value_text(name, value, r->se, text);
    grid_set(r->g, 0, c, name);
    grid_set(r->g, r->row, c, text);
    char *end;
    (void)strtod(text, &end);
    r->g->right[c] |= json_is_number(value) || (*text && !*end);
}

/* The ends of intervals, of a list like [{"method": "bca", "lower": .., "upper": ..}]. */
static void interval_members(const json_t *list, void (*f)(void *, const char *, const json_t *), void *arg)
{
    static const char *const ends[] = {"lower", "upper"};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i), *label = json_object_get(o, "method");
        for (size_t k = 0; k < 2; k++) {
            char name[TEXT_BYTES];
            const json_t *v = json_object_get(o, ends[k]);
            bool alone = json_array_size(list) == 1 || !json_is_string(label);
            (void)snprintf(name, sizeof name, "%s%s%s", alone ? "" : json_string_value(label),
                           alone ? "" : ".", ends[k]);
            if (json_is_number(v))
                f(arg, name, v);
        }
    }
}

/* Numbers alone: texts of an answer would make the table unreadable. */
static void each_cell_member(const json_t *cell, void (*f)(void *, const char *, const json_t *), void *arg)
{
    const char *key;
    json_t *v;
    flatten(json_object_get(cell, "params"), f, arg, true);
    json_object_foreach(json_object_get(cell, "result"), key, v)
    {
        if (json_is_number(v) || json_is_boolean(v))
            f(arg, key, v);
        else if (json_is_array(v))
            interval_members(v, f, arg);
    }
    if (json_integer_value(json_object_get(cell, "failed")))
        f(arg, "failed", json_object_get(cell, "failed"));
    if (!json_is_true(json_object_get(cell, "complete")))
        f(arg, "partial", json_true());
}

/* What the answers warn of, each once. */
static void print_warnings(FILE *out, const struct style *style, const json_t *cells)
{
    json_t *seen = json_object();
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const char *text = json_string_value(
            json_object_get(json_object_get(json_array_get(cells, i), "result"), "warning"));
        if (text && !json_object_get(seen, text)) {
            json_object_set_new(seen, text, json_true());
            (void)fprintf(out, "\n  %swarning%s (row %zu): %s\n", style->warn, style->plain, i + 1, text);
        }
    }
    json_decref(seen);
}

static void print_cells(FILE *out, const struct style *style, const json_t *cells)
{
    struct cell_row r = {.names = json_object()};
    size_t n = json_array_size(cells);
    for (size_t i = 0; i < n; i++)
        each_cell_member(json_array_get(cells, i), count_name, &r);
    struct grid g;
    if (grid_init(&g, n + 1, json_object_size(r.names))) {
        r.g = &g;
        for (size_t i = 0; i < n; i++) {
            r.row = i + 1;
            r.se = se_of(json_object_get(json_array_get(cells, i), "result"), 0);
            each_cell_member(json_array_get(cells, i), set_cell, &r);
        }
        grid_print(out, style, "  ", &g);
    }
    grid_fini(&g);
    json_decref(r.names);
}

static void text_answer(FILE *out, const struct style *style, const json_t *report)
{
    const json_t *cells = json_object_get(report, "cells"), *result = json_object_get(report, "result");
    print_title(out, style, report);
    if (json_is_array(cells)) {
        print_cells(out, style, cells);
        print_warnings(out, style, cells);
    } else if (json_is_object(result)) {
        print_object(out, style, 1, result, 0);
    }
    print_failures(out, style, report);
    print_footer(out, style, report);
}

/* ---- lists and details ---- */

static void column_text(const struct column *c, const json_t *v, char *ret)
{
    if (json_is_number(v) && c->format == FORMAT_SECONDS)
        number_seconds(json_number_value(v), ret);
    else if (json_is_number(v) && c->format == FORMAT_SHARE)
        (void)snprintf(ret, TEXT_BYTES, "%.0f%%", 100 * json_number_value(v));
    else if (v)
        value_text("", v, 0, ret);
    else
        ret[0] = '\0';
}

static void text_table(FILE *out, const struct style *style, const struct column *columns, const json_t *rows)
{
    size_t n = json_array_size(rows), n_columns = 0;
    while (columns[n_columns].key)
        n_columns++;
    struct grid g;
    if (grid_init(&g, n + 1, n_columns)) {
        for (size_t c = 0; c < n_columns; c++) {
            grid_set(&g, 0, c, columns[c].title);
            for (size_t i = 0; i < n; i++) {
                const json_t *v = json_object_get(json_array_get(rows, i), columns[c].key);
                char text[TEXT_BYTES];
                column_text(&columns[c], v, text);
                grid_set(&g, i + 1, c, text);
                g.right[c] |= json_is_number(v);
            }
        }
        grid_print(out, style, "", &g);
    }
    grid_fini(&g);
}

static void text_object(FILE *out, const struct style *style, const struct column *lines,
                        const json_t *object)
{
    size_t width = 0;
    for (const struct column *c = lines; c->key; c++)
        width = text_width(c->title) > width ? text_width(c->title) : width;
    for (const struct column *c = lines; c->key; c++) {
        const json_t *v = json_object_get(object, c->key);
        char text[TEXT_BYTES];
        if (!v || json_is_null(v) || (json_is_string(v) && !*json_string_value(v)))
            continue;
        column_text(c, v, text);
        print_line(out, style, 0, width, c->title, text);
    }
}

const struct writer writer_text = {"text", text_answer, text_table, text_object};
