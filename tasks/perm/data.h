/* data.h - what of the table is tested: the columns that the parameters name, the rows that lack nothing in them. */
#ifndef TASKS_PERM_DATA_H
#define TASKS_PERM_DATA_H

#include "perm/levels.h"

enum perm_test { TEST_TWO, TEST_PAIRED, TEST_CORRELATION, TEST_K, TEST_TABLE, TEST_COUNT };

struct data {
    enum perm_test test;
    uint32_t n, n_omitted; /* units; rows left out because they lack a value */
    uint32_t n_vars;
    const struct qx_column **columns; /* n_vars: where the variables come from */
    double *y;                        /* variable v of unit i at v * n + i; PAIRED: differences */
    double *x;                        /* CORRELATION: the other variable */
    const struct qx_column *other;    /* CORRELATION: its column; PAIRED: what is taken off, or NULL */
    uint32_t *group;                  /* TWO, K: of each unit */
    struct levels groups;
    double largest;             /* PAIRED: the largest number that a difference was taken of */
    uint32_t n_rows, n_columns; /* TABLE */
    uint64_t *counts;           /* TABLE: row by row, no margin is empty */
    char by[200];               /* what is compared, in words */
};

/* Errors were told to ctx. */
qx_err data_open(struct qx_ctx *ctx, struct data *ret);
void data_fini(struct data *d);

#endif
