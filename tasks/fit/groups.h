/* groups.h - the rows of a data set by the values of some columns, in order of first appearance. */
#ifndef TASKS_FIT_GROUPS_H
#define TASKS_FIT_GROUPS_H

#include "quincunx/task.h"

struct groups {
    uint32_t n, largest; /* groups; rows of the largest */
    uint32_t n_rows;     /* in any group */
    uint32_t n_left_out; /* rows that lack a value in one of the columns */
    uint32_t *start;     /* n + 1 */
    uint32_t *rows;      /* group g has rows[start[g]] .. rows[start[g + 1] - 1], ascending */
};

/* No column: one group of all rows. On failure ctx has been told why. */
qx_err groups_open(struct qx_ctx *ctx, const struct qx_table *t, const struct qx_column *const *by,
                   uint32_t n_by, struct groups *ret);
void groups_close(struct groups *g); /* zeroed is fine */

/* The value of a column in a row as text. */
enum { GROUP_LABEL_BYTES = 256 };
void group_label(const struct qx_column *c, uint32_t row, char ret[GROUP_LABEL_BYTES]);

#endif
