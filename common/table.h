/* table.h - a data set as one immutable image of columns: made once from CSV by the client, named by its
 * hash, mapped read-only by executors. The image is position-independent and checked in full before use,
 * since it may come from anywhere.
 *
 * Layout, little-endian, every section 8-byte aligned, values 64-byte where the image is: header {magic "QXTABLE1", n_rows u64, n_columns u32, 0 u32},
 * then a directory of one entry a column {type u32, n_levels u32, n_missing u64, and the offsets u64 of name, values, levels
 * from the start of the image}, then the sections: names end with NUL; values are f64 or u32 codes; levels are n_levels
 * offsets u64 of texts that end with NUL. Names are distinct. */
#ifndef QX_COMMON_TABLE_H
#define QX_COMMON_TABLE_H

#include "common/bytes.h"
#include "quincunx/task.h"

/* Reads CSV: RFC 4180 quoting, rows that end with LF, CRLF or CR, a header row, UTF-8, a BOM is skipped; empty lines are
 * skipped, blanks around a cell are not part of it. Separated by tabs if `name` ends with .tsv or .tab, or if the header
 * has tabs and no comma outside of quotes, else by commas.
 *
 * Missing: an empty cell or NA, quoted or not. A column whose other cells are all numbers is REAL, any other is TEXT, dates
 * for one. Numbers are decimal: 1, -2.5, +3, .5, 1e-3; 0x10, 1_000 and 1,5 are texts, and so is a whole number in plain
 * digits that no double holds (beyond 2^53): such a column of identifiers is TEXT, and loses no digit.
 *
 * Errors name row (from 1, header is row 1; empty lines do not count) and column: ragged row, no header (a header cell that
 * is a number, empty or repeated), a misplaced quote, not UTF-8 (with the byte offset), 0 bytes, no data row, NaN or Inf
 * (as such, or by overflow) in a column of numbers, a NUL byte, over TABLE_CSV_BYTES_MAX bytes or TABLE_COLUMNS_MAX
 * columns. `name` is used in error texts. On failure *ret_image is unchanged. */
#define TABLE_CSV_BYTES_MAX ((uint64_t)2 << 30)
enum { TABLE_COLUMNS_MAX = 16384 };
qx_err table_from_csv(const char *name, const void *csv, size_t len, struct qx_bytes *ret_image,
                      struct qx_error *err);

/* A view of an image, which must outlive it and be aligned for double. Refuses, never trusts, a damaged one (PROTO). */
qx_err table_open(const void *image, size_t len, struct qx_table **ret, struct qx_error *err);
void table_close(struct qx_table *t);
uint64_t table_rows(const struct qx_table *t);
uint32_t table_columns(const struct qx_table *t);
const struct qx_column *table_column(const struct qx_table *t, uint32_t i);
#endif
