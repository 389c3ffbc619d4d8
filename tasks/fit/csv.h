/* csv.h - a table as a growing CSV text (RFC 4180). Pure. */
#ifndef TASKS_FIT_CSV_H
#define TASKS_FIT_CSV_H

#include <stdbool.h>
#include <stddef.h>

struct csv {
    char *text;
    size_t len, cap;
    bool in_row, failed; /* failed: out of memory; the rest is dropped */
};

void csv_text(struct csv *c, const char *text);
void csv_number(struct csv *c, double v); /* 12 digits; NaN: an empty cell */
void csv_end(struct csv *c);              /* of a row */
const char *csv_done(struct csv *c);      /* NULL: out of memory; the table's, until csv_fini */
void csv_fini(struct csv *c);

#endif
