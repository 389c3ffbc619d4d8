/* columns.h - the numbers that statistics read: columns of the data, and expressions of a row such as log(x) or x*y.
 *
 * First every text is bound, which tells the columns of the data that must not be missing; once the rows are known the numbers
 * are read. A simulated data set replaces the numbers of the data's columns; the expressions follow. */
#ifndef TASKS_BOOT_COLUMNS_H
#define TASKS_BOOT_COLUMNS_H

#include "boot/data.h"

enum { COLUMNS_MAX = 64 };

struct expr;

struct column {
    const struct qx_column *source; /* NULL: an expression */
    struct expr *expr;
    uint32_t n_args, *args; /* places of the columns that the expression reads */
    double *values;         /* of the data, row by row; NULL for text */
};

struct columns {
    uint32_t n, n_rows;
    struct column list[COLUMNS_MAX];
    double *simulated[COLUMNS_MAX]; /* room for other numbers; NULL until columns_simulate() */
};

/* Finds or adds a column by its name; or where there is none of that name and it looks like one an expression, whose columns
 * then come before it. `usage`: what needs numbers, for messages; NULL: text will do. Errors were told to ctx. */
qx_err columns_bind(struct qx_ctx *ctx, struct columns *c, const char *text, const char *usage,
                    uint32_t *ret_place);

/* The data's columns in use: at most COLUMNS_MAX. */
uint32_t columns_sources(const struct columns *c, const struct qx_column **ret);

/* Reads the rows and evaluates the expressions. */
qx_err columns_read(struct qx_ctx *ctx, struct columns *c, const struct data *d);

/* Makes room in `simulated`; then columns_derive() evaluates the expressions there. */
qx_err columns_simulate(struct qx_ctx *ctx, struct columns *c);
void columns_derive(struct columns *c);

void columns_fini(struct columns *c);

#endif
