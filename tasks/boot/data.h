/* data.h - the rows that are resampled: those of the table that where= and na= leave, put in order so that the rows
 * of a stratum lie together. */
#ifndef TASKS_BOOT_DATA_H
#define TASKS_BOOT_DATA_H

#include "quincunx/task.h"

struct data {
    uint32_t n;
    uint32_t *rows; /* of the table */
    uint32_t n_strata;
    uint32_t *start; /* n_strata + 1 */
};

/* `used`: the columns that must not be missing. Strata: by the values of `by`, NULL: one. Errors were told to ctx. */
qx_err data_open(struct qx_ctx *ctx, const struct qx_table *t, const struct qx_column *const *used,
                 uint32_t n_used, const struct qx_column *by, struct data *ret);
void data_fini(struct data *d);

/* The numbers of a REAL column in the order of the rows; NULL if memory ran out. Free it. */
double *data_numbers(const struct data *d, const struct qx_column *c);
/* Which of its distinct values, counted from 0 in the order in which the table shows them, each row has.
 * NULL if memory ran out. Free it. */
uint32_t *data_groups(const struct data *d, const struct qx_column *c, uint32_t *ret_n_groups);

#endif
