/* table_image.h - the layout that table.h describes, for its reader and its writer. */
#ifndef QX_COMMON_TABLE_IMAGE_H
#define QX_COMMON_TABLE_IMAGE_H

#include <stdint.h>

#define TABLE_MAGIC "QXTABLE1"

struct table_header {
    char magic[8];
    uint64_t n_rows;
    uint32_t n_columns, zero;
};

struct image_entry {
    uint32_t type, n_levels;
    uint64_t n_missing;
    uint64_t name_at, values_at, levels_at;
};

_Static_assert(sizeof(struct table_header) == 24 && sizeof(struct image_entry) == 40,
               "the image has no padding");

#define TABLE_CODE_MISSING UINT32_MAX

/* Where the writer begins the values of a column: a line of the cache. Readers ask for 8 only. */
enum { TABLE_VALUES_ALIGN = 64 };

#endif
