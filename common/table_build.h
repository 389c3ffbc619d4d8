/* table_build.h - columns that grow row by row, and their image. The builder of table_from_csv.
 * Owns its memory. Zeroed is empty. */
#ifndef QX_COMMON_TABLE_BUILD_H
#define QX_COMMON_TABLE_BUILD_H

#include "common/bytes.h"
#include "common/table.h"

/* The distinct texts of a column, in order of first appearance. */
struct levels {
    uint32_t n, n_slots;
    uint32_t *slots;      /* open addressing; level + 1, 0: free */
    struct qx_bytes text; /* each ends with NUL */
    uint64_t *at;         /* offset of each level in `text` */
    size_t cap_at;
};

struct build_column {
    char *name;
    enum qx_column_type type;
    uint64_t n_missing;
    double *real;   /* of a REAL column */
    uint32_t *code; /* of a TEXT column */
    size_t n, cap;
    struct levels levels;
};

/* Appends one cell; NOMEM leaves the column as it was, LIMIT: too many levels. */
qx_err build_real(struct build_column *c, double v);
qx_err build_text(struct build_column *c, const char *text, size_t len);
qx_err build_missing(struct build_column *c);
/* Forgets the cells: the column starts again as TEXT. */
void build_restart_as_text(struct build_column *c);
void build_fini(struct build_column *c);

/* Appends the image of the columns, which all have n_rows cells. *out must be empty. */
qx_err build_image(const struct build_column *columns, uint32_t n_columns, uint64_t n_rows,
                   struct qx_bytes *out);

#endif
