/* table_cells.h - the cells of a text of separated values, one after the other: RFC 4180 quoting (doubled quotes, breaks
 * of lines inside quotes), rows that end with LF, CRLF or CR, empty lines skipped, blanks around a cell left out.
 * Borrows the text. Not thread-safe. */
#ifndef QX_COMMON_TABLE_CELLS_H
#define QX_COMMON_TABLE_CELLS_H

#include <stdbool.h>

#include "common/bytes.h"

struct cells {
    const char *start, *at, *end;
    char separator;
    bool in_row;             /* the row has more cells, be it an empty one at the end of the text */
    bool ends[256];          /* of a cell without quotes */
    struct qx_bytes scratch; /* of a cell that does not stand in the text as it is; owned */
};

struct cell {
    const char *text; /* until the next call; text[len] is readable and no part of a number */
    size_t len;
    bool quoted, ends_row;
};

enum cells_state {
    CELLS_ONE,
    CELLS_END,
    CELLS_NOMEM,
    CELLS_BAD_QUOTE, /* inside a cell, or behind a quoted one */
    CELLS_OPEN_QUOTE /* the quoted cell does not end */
};

/* Tab or comma: by the name (.tsv, .tab), else by what the first row has outside of quotes; comma if it has both. */
char cells_separator(const char *name, const char *text, size_t len);
void cells_init(struct cells *c, const char *text, size_t len, char separator);
void cells_fini(struct cells *c);
enum cells_state cells_next(struct cells *c, struct cell *ret);
/* Where the reader stands, from 0: behind a failure, the byte that is wrong. */
size_t cells_offset(const struct cells *c);

#endif
