/* Answers as a person wants to read them.
 *
 * The members of an answer become aligned lines, a list of objects becomes a table, "plot" is left to --plot. Numbers
 * that a standard error belongs to are shown as far as it leaves sense in them. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/writer.h"

enum { TEXT_BYTES = 512, LIST_SHOWN = 12, ROWS_SHOWN = 50, KEYS_MAX = 4, WORD_BYTES = 24 };

/* ---- values ---- */

/* Names whose values are on the scale of the estimate. */
static bool has_se_scale(const char *name)
{
    static const char *const names[] = {"estimate",  "mean",     "se",       "jackknife_se", "lower",
                                        "upper",     "theta",    "value",    "median",       "std_error",
                                        "std.error", "conf.low", "conf.high"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]) || !strcmp(dot ? dot + 1 : name, names[i]))
            return true;
    return false;
}

/* "p_value", "p.value", "f_p_value" */
static bool is_certain_p(const char *name)
{
    size_t n = strlen(name);
    return !strcmp(name, "pvalue") ||
           (n >= 7 && (!strcmp(name + n - 7, "p_value") || !strcmp(name + n - 7, "p.value")));
}

/* Also "p_adjusted", "p.adj". Plain "p" is often a share. */
static bool is_p_value(const char *name, double se)
{
    return is_certain_p(name) || (!(se > 0) && (!strncmp(name, "p_", 2) || !strncmp(name, "p.", 2)));
}

/* As R shows it: what is below the spacing of doubles at 1 is no number any more. A share of 0, of resamples, is 0. */
static void p_value_text(const char *name, double p, char *ret)
{
    if ((p == 0 && is_certain_p(name)) || (p > 0 && p < 2.2e-16))
        (void)snprintf(ret, TEXT_BYTES, "< 2e-16");
    else
        (void)snprintf(ret, TEXT_BYTES, "%.4g", p);
}

static bool is_bias(const char *name)
{
    const char *dot = strrchr(name, '.');
    return !strcmp(dot ? dot + 1 : name, "bias");
}

/* Corrections, known to a few digits only: four are shown. */
static bool is_rough(const char *name)
{
    static const char *const names[] = {"z0", "acceleration"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static double se_of(const json_t *object, double outer)
{
    static const char *const names[] = {"se", "std_error", "std.error"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *se = json_object_get(object, names[i]);
        if (json_is_number(se) && json_number_value(se) > 0)
            return json_number_value(se);
    }
    return outer;
}

static void value_text(const char *name, const json_t *v, double se, char *ret)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        (void)snprintf(ret, TEXT_BYTES, "%s", json_string_value(v));
        break;
    case JSON_INTEGER:
        if (is_p_value(name, se) && json_integer_value(v) == 0)
            p_value_text(name, 0, ret);
        else if (se > 0 && has_se_scale(name))
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
        if (is_p_value(name, se) && d >= 0 && d <= 1) {
            p_value_text(name, d, ret);
            break;
        }
        if (is_rough(name)) {
            (void)snprintf(ret, TEXT_BYTES, "%.4g", d);
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

/* Texts that say something, rather than words: warnings, notes. */
static bool is_sentences(const json_t *v)
{
    size_t i;
    json_t *one;
    if (!json_is_array(v) || !json_is_string(json_array_get(v, 0)))
        return false;
    json_array_foreach((json_t *)(uintptr_t)v, i, one) if (json_string_length(one) > WORD_BYTES) return true;
    return false;
}

/* Stands below the members of one value. */
static bool is_part(const json_t *v)
{
    return json_is_object(v) || is_table(v) || is_sentences(v);
}

/* A label and a value on a line, labels padded to `width`. */
static void print_line(FILE *out, const struct style *style, int depth, size_t width, const char *name,
                       const char *text)
{
    int pad = (int)(width - text_width(name)) + 2;
    size_t at = 2 * (size_t)depth + width + 2;
    (void)fprintf(out, "%*s%s%s%s%*s", 2 * depth, "", style->dim, name, style->plain, pad, "");
    (void)text_wrap(out, style, at, at, text);
    (void)fputc('\n', out);
}

/* The standard error that the numbers of a row go with: its own, or that of the member of a list beside it which has
 * its name (an interval of a coefficient), or the answer's. */
static double row_se(const json_t *row, const json_t *object, double outer)
{
    const char *key;
    json_t *list;
    double se = se_of(row, 0);
    if (se > 0 || !json_object_get(row, "name"))
        return se > 0 ? se : outer;
    json_object_foreach((json_t *)(uintptr_t)object, key,
                        list) for (size_t i = 0; i < json_array_size(list) && !(se > 0);
                                   i++) if (is_about(json_array_get(list, i), row)) se =
        se_of(json_array_get(list, i), 0);
    return se > 0 ? se : outer;
}

/* ---- lists of objects ---- */

/* How far the digits before the point of a number go, and how many characters follow. False: it is no plain number. */
static bool number_parts(const char *text, size_t *ret_before, size_t *ret_after)
{
    size_t digits = strspn(text, "-0123456789"), point = strlen(text) - digits;
    if (!digits || (text[digits] && text[digits] != '.') ||
        (point && strspn(text + digits + 1, "0123456789") != point - 1))
        return false;
    *ret_before = digits;
    *ret_after = point;
    return true;
}

/* Points stand below each other in a column of plain numbers: those with fewer decimals are followed by blanks. */
static void align_points(struct grid *g, size_t column)
{
    size_t most = 0, before, after;
    for (size_t r = 1; r < g->n_rows; r++) {
        const char *text = g->cells[r * g->n_columns + column];
        bool plain = text && number_parts(text, &before, &after);
        if (text && *text && strcmp(text, "-") != 0 && !plain)
            return;
        most = plain && after > most ? after : most;
    }
    for (size_t r = 1; r < g->n_rows && most; r++) {
        const char *text = g->cells[r * g->n_columns + column];
        char padded[TEXT_BYTES];
        if (!text || !number_parts(text, &before, &after) || after == most)
            continue;
        (void)snprintf(padded, sizeof padded, "%s%*s", text, (int)(most - after), "");
        grid_set(g, r, column, padded);
    }
}

/* "name: .." of a member of a list, by its texts; else its number. */
static void row_label(const json_t *row, size_t place, char *ret)
{
    const char *key;
    json_t *v;
    size_t at = 0;
    ret[0] = '\0';
    json_object_foreach((json_t *)(uintptr_t)row, key, v) if (json_is_string(v) && at < TEXT_BYTES) at +=
        (size_t)snprintf(ret + at, TEXT_BYTES - at, "%s%.80s", at ? " " : "", json_string_value(v));
    if (!at)
        (void)snprintf(ret, TEXT_BYTES, "%zu", place + 1);
}

/* The lists of this name in all rows of a list as one, each member led by what its row is called: those of a group. */
static json_t *gather_nested(const json_t *rows, const char *name, const char *title)
{
    json_t *all = json_array(), *row, *inner;
    size_t i, k;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        char label[TEXT_BYTES];
        row_label(row, i, label);
        json_array_foreach(json_object_get(row, name), k, inner)
        {
            json_t *copy = json_object();
            json_object_set_new(copy, title, json_string(label));
            json_object_update_missing(copy, inner);
            json_array_append_new(all, copy);
        }
    }
    return all;
}

static void print_more(FILE *out, const struct style *style, int depth, size_t n, const char *option)
{
    char count[NUMBER_BYTES];
    (void)snprintf(count, sizeof count, "%zu", n);
    if (option)
        (void)fprintf(out, "%*s%s.. and %s more rows: --output %s has them all%s\n", 2 * depth, "",
                      style->dim, count, option, style->plain);
    else
        (void)fprintf(out, "%*s%s.. and %s more rows: --output json has them all%s\n", 2 * depth, "",
                      style->dim, count, style->plain);
}

/* Is this a number that nothing but its column tells how to write? */
static bool is_free(const char *name, const json_t *v, double se)
{
    bool own = is_bias(name) || is_rough(name) || is_p_value(name, se) || (has_se_scale(name) && se > 0);
    return json_is_number(v) && isfinite(json_number_value(v)) && !own;
}

/* The decimals that seven digits of a number need. */
static int decimals_of(double d)
{
    char text[NUMBER_BYTES];
    (void)snprintf(text, sizeof text, "%.7g", d);
    const char *point = strchr(text, '.');
    return !point ? 0 : strchr(text, 'e') ? INT_MAX : (int)strlen(point + 1);
}

/* Decimals for the numbers of a column: four digits of the largest, two at least of the smallest, none that all lack. False:
 * each is written by itself, as they are whole, too far apart, or something tells how. */
static bool column_decimals(const json_t *object, const json_t *rows, size_t n, const char *key, double se,
                            int *ret)
{
    double most = 0, least = INFINITY;
    int needed = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i), *v = json_object_get(row, key);
        if (!v || json_is_null(v))
            continue;
        if (!is_free(key, v, row_se(row, object, se)))
            return false;
        double d = fabs(json_number_value(v));
        needed = decimals_of(d) > needed ? decimals_of(d) : needed;
        most = d > most ? d : most;
        least = d > 0 && d < least ? d : least;
    }
    if (!needed || most >= 1e7 || most < 1e-4 || most > least * 1e5)
        return false;
    int first = 3 - (int)floor(log10(most)), last = 1 - (int)floor(log10(least));
    *ret = first > last ? first : last;
    *ret = *ret < 0 ? 0 : *ret > needed ? needed : *ret;
    return true;
}

static bool same_keys(const struct grid *g, size_t a, size_t b, size_t n_keys)
{
    for (size_t c = 0; c < n_keys; c++)
        if (strcmp(grid_text(g, a, c), grid_text(g, b, c)) != 0)
            return false;
    return true;
}

/* How many of the first columns tell the rows apart; 1 where no few of them do. */
static size_t count_keys(const struct grid *g)
{
    for (size_t n = 1; n <= KEYS_MAX && n < g->n_columns; n++) {
        bool apart = true;
        for (size_t a = 1; a < g->n_rows && apart; a++)
            for (size_t b = a + 1; b < g->n_rows && apart; b++)
                apart = !same_keys(g, a, b, n);
        if (apart)
            return n;
    }
    return 1;
}

/* A list of objects as a table: the members of all of them, in order of first appearance. `object` has the list. */
static void print_rows(FILE *out, const struct style *style, int depth, const json_t *object,
                       const json_t *rows, size_t n, double se)
{
    json_t *names = json_object();
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
            int decimals = 0;
            bool even = column_decimals(object, rows, n, key, se, &decimals);
            grid_set(&g, 0, c, key);
            for (size_t i = 0; i < n; i++) {
                const json_t *row = json_array_get(rows, i), *v = json_object_get(row, key);
                char text[TEXT_BYTES] = "";
                if (json_is_array(v))
                    list_text(v, text);
                else if (even && json_is_number(v))
                    (void)snprintf(text, sizeof text, "%.*f", decimals, json_number_value(v));
                else if (v)
                    value_text(key, v, row_se(row, object, se), text);
                grid_set(&g, i + 1, c, text);
                g.right[c] |= json_is_number(v);
            }
            if (g.right[c])
                align_points(&g, c);
            c++;
        }
        char indent[32];
        (void)snprintf(indent, sizeof indent, "%*s", 2 * depth < 30 ? 2 * depth : 30, "");
        g.n_keys = count_keys(&g);
        grid_print(out, style, indent, &g);
    }
    grid_fini(&g);
    json_decref(names);
}

/* Singular: "group" of "groups". */
static void singular(const char *name, char *ret)
{
    size_t n = strlen(name);
    (void)snprintf(ret, TEXT_BYTES, "%.*s", (int)(n > 1 && name[n - 1] == 's' ? n - 1 : n), name);
}

static void print_table(FILE *out, const struct style *style, int depth, const json_t *object,
                        const char *name, const json_t *rows, double se, const char *option)
{
    size_t n = json_array_size(rows), shown = n > ROWS_SHOWN ? ROWS_SHOWN : n, i;
    const char *key;
    json_t *row, *member, *nested = json_object();
    print_rows(out, style, depth, object, rows, shown, se);
    if (shown < n)
        print_more(out, style, depth, n - shown, option);
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        json_object_foreach(row, key, member) if (is_table(member))
            json_object_set_new(nested, key, json_true());
    }
    json_object_foreach(nested, key, member)
    {
        char title[TEXT_BYTES];
        singular(name, title);
        json_t *all = gather_nested(rows, key, title);
        (void)fprintf(out, "\n%*s%s%.80s of each %.80s%s\n", 2 * depth, "", style->bold, key, title,
                      style->plain);
        print_table(out, style, depth + 1, object, key, all, 0, NULL);
        json_decref(all);
    }
    json_decref(nested);
}

static void print_sentences(FILE *out, const struct style *style, int depth, const json_t *list)
{
    size_t i, at = 2 * (size_t)depth;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        char text[TEXT_BYTES];
        value_text("", one, 0, text);
        (void)fprintf(out, "%*s- ", (int)at, "");
        (void)text_wrap(out, style, at + 2, at + 2, json_is_string(one) ? json_string_value(one) : text);
        (void)fputc('\n', out);
    }
}

static size_t widest_name(const json_t *object)
{
    size_t width = 0;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        size_t w = text_width(key);
        if (!is_part(v) && !is_hidden(key, v) && !(json_is_array(v) && !json_array_size(v)))
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
        if (is_hidden(key, v) || is_part(v) || (json_is_array(v) && !json_array_size(v)))
            continue;
        if (json_is_array(v))
            list_text(v, text);
        else
            value_text(key, v, se, text);
        print_line(out, style, depth, width, key, text);
        gap = "\n";
    }
    const char *table = depth == 1 ? answer_table(object) : NULL;
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        char option[TEXT_BYTES];
        if (is_hidden(key, v) || !is_part(v))
            continue;
        (void)snprintf(option, sizeof option, "csv%s%.80s", table && !strcmp(table, key) ? "" : ":",
                       table && !strcmp(table, key) ? "" : key);
        (void)fprintf(out, "%s%*s%s%s%s\n", gap, 2 * depth, "", style->bold, key, style->plain);
        if (json_is_object(v))
            print_object(out, style, depth + 1, v, se);
        else if (is_table(v))
            print_table(out, style, depth + 1, object, key, v, se, depth == 1 ? option : NULL);
        else
            print_sentences(out, style, depth + 1, v);
        gap = "\n";
    }
}

/* ---- the answer of a job ---- */

static void print_title(FILE *out, const struct style *style, const json_t *report)
{
    const char *key, *task = json_string_value(json_object_get(report, "task")),
                     *version = json_string_value(json_object_get(report, "version"));
    size_t at = text_width(task) + 1 + text_width(version);
    json_t *v;
    (void)fprintf(out, "%s%s%s %s", style->bold, task, style->plain, version);
    json_object_foreach(json_object_get(report, "params"), key, v)
    {
        size_t width = text_width(key) + 1 + text_width(json_string_value(v));
        bool full = style->width && at + 2 + width > style->width;
        (void)fprintf(out, "%s  %s%s=%s%s", full ? "\n" : "", style->dim, key, style->plain,
                      json_string_value(v));
        at = (full ? 0 : at) + 2 + width;
    }
    (void)fputs("\n\n", out);
}

static void print_failures(FILE *out, const struct style *style, const json_t *report)
{
    const json_t *failures = json_object_get(report, "failures"),
                 *causes = json_object_get(failures, "causes");
    double n = json_number_value(json_object_get(report, "items"));
    double count = json_number_value(json_object_get(failures, "count"));
    if (!(count > 0))
        return;
    (void)fprintf(out, "\n  %s%.0f of %.0f item%s failed%s and %s not count\n", style->warn, count, n,
                  n == 1 ? "" : "s", style->plain, count == 1 ? "does" : "do");
    for (size_t i = 0; i < json_array_size(causes); i++) {
        const json_t *c = json_array_get(causes, i), *first = json_object_get(c, "first");
        double cases = json_number_value(json_object_get(c, "count"));
        char items[TEXT_BYTES] = "", text[3 * TEXT_BYTES];
        if (json_array_size(first))
            list_text(first, items);
        (void)snprintf(text, sizeof text, "%.0f x %s: %s%s%s%s", cases,
                       json_string_value(json_object_get(c, "outcome")),
                       json_string_value(json_object_get(c, "why")),
                       !*items                       ? ""
                       : json_array_size(first) == 1 ? " (item "
                                                     : " (items ",
                       items,
                       !*items                                  ? ""
                       : cases > (double)json_array_size(first) ? ", ..)"
                                                                : ")");
        (void)fputs("    ", out);
        (void)text_wrap(out, style, 4, 6, text);
        (void)fputc('\n', out);
    }
}

/* A part of the last line; the next line begins where it does not fit. */
static size_t print_fact(FILE *out, const struct style *style, size_t at, const char *text)
{
    size_t width = text_width(text);
    if (at && (!style->width || at + 3 + width <= style->width)) {
        (void)fprintf(out, " \u00b7 %s", text);
        return at + 3 + width;
    }
    (void)fprintf(out, "\n  %s", text);
    return 2 + width;
}

/* The items of a cell, or of the least and the most of them. */
static void print_n(const json_t *report, char *ret)
{
    const json_t *cells = json_object_get(report, "cells");
    json_int_t least = json_integer_value(json_object_get(report, "n")), most = least;
    for (size_t i = 0; i < json_array_size(cells); i++) {
        json_int_t one = json_integer_value(json_object_get(json_array_get(cells, i), "n"));
        least = i == 0 || one < least ? one : least;
        most = i == 0 || one > most ? one : most;
    }
    int at = snprintf(ret, TEXT_BYTES, "%" JSON_INTEGER_FORMAT, least);
    if (most > least)
        (void)snprintf(ret + at, TEXT_BYTES - (size_t)at, " to %" JSON_INTEGER_FORMAT, most);
}

static void print_footer(FILE *out, const struct style *style, const json_t *report)
{
    char text[2 * TEXT_BYTES], part[TEXT_BYTES];
    const json_t *slots = json_object_get(report, "slots"), *busy = json_object_get(report, "efficiency");
    const char *until = json_string_value(json_object_get(report, "until")),
               *digest = json_string_value(json_object_get(report, "digest"));
    print_n(report, part);
    (void)snprintf(text, sizeof text, "n %s%s%s%s%s", part, until ? " (" : "",
                   !until                                             ? ""
                   : json_is_true(json_object_get(report, "stopped")) ? "until "
                                                                      : "wanted ",
                   until ? until : "", until ? ")" : "");
    (void)fprintf(out, "%s", style->dim);
    size_t at = print_fact(out, style, 0, text);
    if (json_integer_value(json_object_get(report, "rounds")) > 1) {
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT " rounds",
                       json_integer_value(json_object_get(report, "rounds")));
        at = print_fact(out, style, at, text);
    }
    value_text("", json_object_get(report, "seed"), 0, part);
    (void)snprintf(text, sizeof text, "seed %s", part);
    at = print_fact(out, style, at, text);
    number_seconds(json_number_value(json_object_get(report, "elapsed_s")), part);
    (void)snprintf(text, sizeof text, "%s on %" JSON_INTEGER_FORMAT " slot%s", part,
                   json_integer_value(slots), json_integer_value(slots) == 1 ? "" : "s");
    at = print_fact(out, style, at, text);
    if (json_is_real(busy)) {
        (void)snprintf(text, sizeof text, "%.0f%% busy", 100 * json_number_value(busy));
        at = print_fact(out, style, at, text);
    }
    if (digest && *digest) {
        (void)snprintf(text, sizeof text, "digest %s", digest);
        (void)print_fact(out, style, at, text);
    }
    (void)fprintf(out, "%s\n", style->plain);
}

/* Cells as rows: what the grid sets, then the single values of each answer. An answer with several estimates has a row
 * for each. */
struct cell_table {
    struct grid *g;
    json_t *names; /* name -> column */
    size_t n_keys, row;
    double se;
};

static void count_name(void *arg, const char *name, const json_t *value)
{
    (void)value;
    struct cell_table *t = arg;
    if (!json_object_get(t->names, name))
        json_object_set_new(t->names, name, json_integer((json_int_t)json_object_size(t->names)));
}

static void set_cell(void *arg, const char *name, const json_t *value)
{
    struct cell_table *t = arg;
    char text[TEXT_BYTES], *end;
    size_t c = (size_t)json_integer_value(json_object_get(t->names, name));
    value_text(name, value, t->se, text);
    grid_set(t->g, t->row, c, text);
    (void)strtod(text, &end);
    t->g->right[c] |= json_is_number(value) || (*text && !*end);
}

/* The ends of the intervals about a part, of a list like [{"method": "bca", "lower": .., "upper": ..}]; those of the
 * only one are plain "lower" and "upper". */
static void interval_members(const json_t *list, const json_t *part, member_f f, void *arg)
{
    static const char *const ends[] = {"lower", "upper"};
    size_t i, n = 0;
    json_t *o;
    json_array_foreach((json_t *)(uintptr_t)list, i, o) n += is_about(o, part);
    json_array_foreach((json_t *)(uintptr_t)list, i, o) for (size_t k = 0; k < 2 && is_about(o, part); k++)
    {
        char name[TEXT_BYTES];
        const json_t *v = json_object_get(o, ends[k]);
        const char *method = json_string_value(json_object_get(o, "method"));
        bool alone = n == 1 || !method;
        (void)snprintf(name, sizeof name, "%s%s%s", alone ? "" : method, alone ? "" : ".", ends[k]);
        if (json_is_number(v))
            f(arg, name, v);
    }
}

/* Numbers alone, also those of the objects in it: texts of an answer would make the table unreadable. */
static void number_members(const json_t *object, const json_t *params, member_f f, void *arg)
{
    const char *key, *inner;
    json_t *v, *w;
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        char name[TEXT_BYTES];
        (void)snprintf(name, sizeof name, "%s%s", json_object_get(params, key) ? "result." : "", key);
        if (json_is_number(v) || json_is_boolean(v))
            f(arg, name, v);
        if (!json_is_object(v) || is_hidden(key, v))
            continue;
        json_object_foreach(v, inner, w)
        {
            (void)snprintf(name, sizeof name, "%.240s.%.240s", key, inner);
            if (json_is_number(w))
                f(arg, name, w);
        }
    }
}

/* One row: of a part of the answer, or of an answer without (part NULL). */
static void row_members(const json_t *cell, const json_t *part, member_f f, void *arg)
{
    const json_t *result = json_object_get(cell, "result"), *params = json_object_get(cell, "params");
    const char *key;
    json_t *v;
    number_members(result, params, f, arg);
    number_members(part, params, f, arg);
    json_object_foreach((json_t *)(uintptr_t)result, key, v)
    {
        if (!json_object_get(json_array_get(v, 0), "estimate"))
            interval_members(v, part, f, arg);
    }
    if (json_integer_value(json_object_get(cell, "failed")))
        f(arg, "failed", json_object_get(cell, "failed"));
    if (!json_is_true(json_object_get(cell, "complete")))
        f(arg, "partial", json_true());
}

/* A text that no cell before had; an object says what it is about, too. */
static void print_warning(FILE *out, const struct style *style, json_t *seen, size_t cell,
                          const json_t *warning)
{
    const char *text =
                   json_string_value(json_is_object(warning) ? json_object_get(warning, "warning") : warning),
               *about = json_string_value(json_object_get(warning, "about"));
    char where[64 + TEXT_BYTES];
    if (!text || json_object_get(seen, text))
        return;
    json_object_set_new(seen, text, json_true());
    int n =
        snprintf(where, sizeof where, " (cell %zu): %.80s%s", cell, about ? about : "", about ? ": " : "");
    (void)fprintf(out, "\n  %swarning%s%s", style->warn, style->plain, where);
    (void)text_wrap(out, style, 9 + (size_t)n, 4, text);
    (void)fputc('\n', out);
}

/* What the answers warn of, each once. */
static void print_warnings(FILE *out, const struct style *style, const json_t *cells)
{
    json_t *seen = json_object(), *one;
    const char *key;
    size_t k;
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const json_t *result = json_object_get(json_array_get(cells, i), "result");
        json_object_foreach((json_t *)(uintptr_t)result, key, one) if (!strncmp(key, "warning", 7))
            print_warning(out, style, seen, i, one);
        json_array_foreach(json_object_get(result, "warnings"), k, one)
            print_warning(out, style, seen, i, one);
    }
    json_decref(seen);
}

/* What tells rows apart: what the grid sets, and the name of the part. */
static void row_keys(const json_t *cell, const json_t *part, const char *part_column, member_f f, void *arg)
{
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(cell, "params"), key, v) f(arg, key, v);
    if (part && part_column)
        f(arg, part_column, json_object_get(part, "name"));
}

/* "coefficient", of an answer with "coefficients"; NULL: no answer has parts. */
static const char *part_column(const json_t *cells, char *ret)
{
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const char *name = NULL;
        if (!parts_of(json_object_get(json_array_get(cells, i), "result"), &name))
            continue;
        size_t n = strlen(name);
        (void)snprintf(ret, TEXT_BYTES, "%.*s", (int)(n > 1 && name[n - 1] == 's' ? n - 1 : n), name);
        return ret;
    }
    return NULL;
}

/* Names the columns, keys first; gives how many rows there are. */
static size_t scan_cells(const json_t *cells, const char *column, struct cell_table *t)
{
    const char *unused;
    size_t rows = 0, n = json_array_size(cells);
    for (size_t i = 0; i < n; i++)
        row_keys(json_array_get(cells, i), NULL, NULL, count_name, t);
    if (column)
        count_name(t, column, NULL);
    t->n_keys = json_object_size(t->names);
    for (size_t i = 0; i < n; i++) {
        const json_t *cell = json_array_get(cells, i),
                     *parts = parts_of(json_object_get(cell, "result"), &unused);
        size_t k = 0;
        do
            row_members(cell, json_array_get(parts, k), count_name, t);
        while (++k < json_array_size(parts));
        rows += k;
    }
    return rows;
}

static bool same_columns(const struct grid *g, size_t a, size_t b)
{
    for (size_t r = 1; r < g->n_rows; r++)
        if (strcmp(grid_text(g, r, a), grid_text(g, r, b)) != 0)
            return false;
    return true;
}

/* A column before it in all rows, by a longer name: what the grid sets ("result.n" and "n"), an interval that is the answer's
 * own ("Wilson.lower" and "lower"). */
static bool is_again(const struct grid *g, size_t column)
{
    const char *dot = strrchr(grid_text(g, 0, column), '.');
    for (size_t c = 0; c < column && dot; c++)
        if (strcmp(grid_text(g, 0, c), dot + 1) == 0 && same_columns(g, c, column))
            return true;
    return false;
}

/* The same in all rows, and no estimate. */
static bool is_constant(const struct grid *g, size_t column)
{
    const char *name = grid_text(g, 0, column), *first = grid_text(g, 1, column);
    if (g->n_rows < 3 || !*first || has_se_scale(name) || !strcmp(name, "failed") || !strcmp(name, "partial"))
        return false;
    for (size_t r = 2; r < g->n_rows; r++)
        if (strcmp(grid_text(g, r, column), first) != 0)
            return false;
    return true;
}

/* Leaves such columns out. Gives a line that tells those that are the same in all rows, but for n, which the last line tells;
 * free it. */
static char *take_constants(struct grid *g)
{
    char *line = NULL;
    size_t len;
    FILE *f = open_memstream(&line, &len);
    for (size_t c = g->n_keys; f && c < g->n_columns;) {
        bool again = is_again(g, c), constant = !again && is_constant(g, c);
        if (constant && strcmp(grid_text(g, 0, c), "n") != 0)
            (void)fprintf(f, "%s%s %s", ftell(f) > 0 ? " \u00b7 " : "all: ", grid_text(g, 0, c),
                          grid_text(g, 1, c));
        if (again || constant)
            grid_drop(g, c);
        else
            c++;
    }
    if (f)
        (void)fclose(f);
    return line;
}

static void print_cells(FILE *out, const struct style *style, const json_t *cells)
{
    char name[TEXT_BYTES];
    const char *column = part_column(cells, name), *unused;
    struct cell_table t = {.names = json_object()};
    size_t rows = scan_cells(cells, column, &t);
    struct grid g;
    const char *title;
    json_t *place;
    if (grid_init(&g, rows + 1, json_object_size(t.names))) {
        t.g = &g;
        g.n_keys = t.n_keys;
        json_object_foreach(t.names, title, place) grid_set(&g, 0, (size_t)json_integer_value(place), title);
        for (size_t i = 0; i < json_array_size(cells); i++) {
            const json_t *cell = json_array_get(cells, i), *result = json_object_get(cell, "result"),
                         *parts = parts_of(result, &unused);
            size_t k = 0;
            do {
                const json_t *part = json_array_get(parts, k);
                t.row++;
                t.se = se_of(part ? part : result, 0);
                row_keys(cell, part, column, set_cell, &t);
                row_members(cell, part, set_cell, &t);
            } while (++k < json_array_size(parts));
        }
        char *constants = take_constants(&g);
        grid_print(out, style, "  ", &g);
        if (constants && *constants) {
            (void)fprintf(out, "\n  %s", style->dim);
            (void)text_wrap(out, style, 2, 4, constants);
            (void)fprintf(out, "%s\n", style->plain);
        }
        free(constants);
    }
    grid_fini(&g);
    json_decref(t.names);
}

/* The tables of all cells as one, their rows led by what the grid sets. */
static void print_cell_tables(FILE *out, const struct style *style, const json_t *cells)
{
    json_t *all = json_array(), *cell, *row;
    const char *name = NULL;
    size_t i, k;
    json_array_foreach((json_t *)(uintptr_t)cells, i, cell)
    {
        const json_t *result = json_object_get(cell, "result");
        const char *own = answer_table(result);
        name = name ? name : own;
        json_array_foreach(own ? json_object_get(result, own) : NULL, k, row)
        {
            json_t *copy = json_copy(json_object_get(cell, "params"));
            json_object_update_missing(copy, row);
            json_array_append_new(all, copy);
        }
    }
    if (json_array_size(all)) {
        (void)fprintf(out, "\n  %s%s%s\n", style->bold, name, style->plain);
        print_table(out, style, 2, NULL, name, all, 0, "csv");
    }
    json_decref(all);
}

/* Is there anything but the job itself? */
static bool has_items(const json_t *report)
{
    return json_number_value(json_object_get(report, "items")) > 0;
}

/* Whether there is more to come. */
static void print_state(FILE *out, const struct style *style, const json_t *report)
{
    const char *why = json_string_value(json_object_get(report, "unfinished")), *text = NULL;
    bool partial = json_is_true(json_object_get(report, "partial"));
    if (partial && json_object_get(report, "rounds"))
        text = "PARTIAL: what the rounds so far say";
    else if (partial)
        text = "PARTIAL: what the finished prefix of the items says";
    bool more = why && (!partial || json_object_get(report, "rounds"));
    if (text)
        (void)fprintf(out, "  %s%s%s%s", style->warn, text, style->plain, more ? "\n" : "\n\n");
    if (!more)
        return;
    char line[2 * TEXT_BYTES];
    (void)snprintf(line, sizeof line, "%s%s%.400s%s", text ? "next would be" : "not finished",
                   *why ? ": " : "", why, text ? "" : "; `qx run` goes on in rounds");
    (void)fputs("  ", out);
    (void)text_wrap(out, style, 2, 4, line);
    (void)fputs("\n\n", out);
}

static void text_answer(FILE *out, const struct style *style, const json_t *report)
{
    const json_t *cells = json_object_get(report, "cells"), *result = json_object_get(report, "result");
    print_title(out, style, report);
    if (!has_items(report)) {
        (void)fprintf(out, "  %sNothing is finished yet.%s\n", style->warn, style->plain);
        return;
    }
    print_state(out, style, report);
    if (json_is_array(cells)) {
        print_cells(out, style, cells);
        print_cell_tables(out, style, cells);
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
