/* writer.h - how what `qx` knows is written: as text, JSON or CSV. Every command hands its answer as JSON values to one
 * of three writers. */
#ifndef QX_CLI_WRITER_H
#define QX_CLI_WRITER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Escape sequences, or "" where the output is no terminal; columns of a terminal, or 0 for no limit. */
struct style {
    const char *bold, *dim, *warn, *plain;
    size_t width;
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
/* To the second or third digit of `se`; 6 significant digits where that is no positive number. */
void number_with_se(double v, double se, char *ret);
void number_seconds(double s, char *ret); /* "85 ms", "1.23 s", "2 min 3 s" */
void number_count(double n, char *ret);   /* "950", "12.3k", "1.20M" */

/* ---- layout ---- */
/* Columns that a text takes on a terminal: two for a wide character, none for a combining one. */
size_t text_width(const char *s);
/* Bytes of the longest beginning that takes at most `width` columns. */
size_t text_fits(const char *s, size_t width);
/* Writes words from column `at` on; where a terminal's line is full, the next begins at `indent`. Gives the column
 * after the last. */
size_t text_wrap(FILE *out, const struct style *style, size_t at, size_t indent, const char *text);

/* A table of ready texts. What is wider than a terminal is wrapped in its last column if that is text, else folded into
 * blocks, each with the key columns. */
struct grid {
    size_t n_rows, n_columns;
    size_t n_keys; /* the first columns, that tell rows apart; 0: one */
    char **cells;  /* row-major, owned; row 0 is the heading */
    bool *right;   /* a column of numbers */
};
bool grid_init(struct grid *g, size_t n_rows, size_t n_columns);
void grid_set(struct grid *g, size_t row, size_t column, const char *text);
const char *grid_text(const struct grid *g, size_t row, size_t column); /* "" where none was set */
void grid_drop(struct grid *g, size_t column);                          /* that column is gone */
void grid_print(FILE *out, const struct style *style, const char *indent, const struct grid *g);
void grid_fini(struct grid *g);

/* ---- answers taken apart ---- */
typedef void (*member_f)(void *arg, const char *name, const json_t *value);
/* Members of an answer that are not for reading: its plot, its files, the name of its table. */
bool is_hidden(const char *name, const json_t *value);
/* Members that are one value, as dotted names in order; without hidden ones. A member of a list of objects is named by its
 * texts, as many as tell it from the others, or by its place. f gets borrowed values. */
void flatten(const json_t *object, member_f f, void *arg);

/* An answer that has several estimates, as the coefficients of a model: the list of them, objects with a name and an
 * estimate, and its name. NULL: it has one, or none. */
const json_t *parts_of(const json_t *result, const char **ret_name);
/* The list of objects that an answer is a table of, by name: the one that its member "table" names, else the first whose members
 * have a "term". NULL: none. */
const char *answer_table(const json_t *result);
/* The first interval of a part ({name, .., lower, upper} in the list "intervals"); part NULL: the first of all. */
const json_t *interval_of(const json_t *result, const json_t *part);
/* Is `member` of a list about `part`, by its name? Members without a name are about all. */
bool is_about(const json_t *member, const json_t *part);

#endif
