/* writer.h - how what `qx` knows is written: as text, JSON or CSV. Every command hands its answer as JSON values to one
 * of three writers. */
#ifndef QX_CLI_WRITER_H
#define QX_CLI_WRITER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Escape sequences, or "" where the output is no terminal. */
struct style {
    const char *bold, *dim, *warn, *plain;
};
struct style style_for(FILE *out);

enum column_format { FORMAT_PLAIN, FORMAT_SECONDS, FORMAT_SHARE };

/* A column of a table, or a line of an object: the member `key`, shown under `title`. */
struct column {
    const char *key, *title;
    enum column_format format;
};

struct writer {
    const char *name;
    /* The answer of a job, as report.h makes it. */
    void (*answer)(FILE *out, const struct style *style, const json_t *report);
    /* An array of objects; columns end with a NULL key. */
    void (*table)(FILE *out, const struct style *style, const struct column *columns, const json_t *rows);
    /* One object. */
    void (*object)(FILE *out, const struct style *style, const struct column *lines, const json_t *object);
};
extern const struct writer writer_text, writer_json, writer_csv;
const struct writer *writer_by_name(const char *name); /* NULL if none */

/* A JSON value with the shortest numbers that read back the same. */
void json_write(FILE *out, const json_t *value, int indent);

/* ---- numbers as text; every buffer takes NUMBER_BYTES ---- */
enum { NUMBER_BYTES = 48 };
void number_shortest(double v, char *ret);
/* To the second or third digit of `se`; 6 significant digits where that is no positive number. */
void number_with_se(double v, double se, char *ret);
void number_seconds(double s, char *ret); /* "85 ms", "1.23 s", "2 min 3 s" */
void number_count(double n, char *ret);   /* "950", "12.3k", "1.20M" */
/* Columns that a text takes on a terminal. */
size_t text_width(const char *s);

/* A table of ready texts. */
struct grid {
    size_t n_rows, n_columns;
    char **cells; /* row-major, owned; row 0 is the heading */
    bool *right;  /* a column of numbers */
};
bool grid_init(struct grid *g, size_t n_rows, size_t n_columns);
void grid_set(struct grid *g, size_t row, size_t column, const char *text);
void grid_print(FILE *out, const struct style *style, const char *indent, const struct grid *g);
void grid_fini(struct grid *g);

/* Members of the answer of one cell that are one value, as dotted names in order; without "plot". For CSV and for the
 * table of a grid. f gets borrowed values. */
void flatten(const json_t *object, void (*f)(void *arg, const char *name, const json_t *value), void *arg,
             bool deep);

#endif
