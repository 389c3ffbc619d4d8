/* keep.h - each item's outputs as CSV, in the order of the items, written while they arrive.
 *
 * Rows of one cell come in order, those of different cells in any; they go to FILE.part as they come, and are put in
 * order of the cells at the end, when FILE.part becomes FILE. Of a job in rounds a cell has the rows of its last round. Memory: a record a run of rows of one cell. */
#ifndef QX_CLI_KEEP_H
#define QX_CLI_KEEP_H

#include <stdbool.h>

#include "quincunx/job.h"

struct keep;

qx_err keep_open(const char *path, bool grid, struct keep **ret, struct qx_error *err);
qx_err keep_rows(struct keep *k, const struct qx_rows *rows, struct qx_error *err);
/* All rows that the answer rests on are there: FILE. */
qx_err keep_finish(struct keep *k, const struct qx_result *r, struct qx_error *err);
/* What there is stays in FILE.part; gives its name and how many rows it has. No rows: it is removed. */
const char *keep_part(struct keep *k, uint64_t *ret_rows);
void keep_free(struct keep *k);

#endif
