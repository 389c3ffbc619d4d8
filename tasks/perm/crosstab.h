/* crosstab.h - the r x c table of counts: of two columns (x= and y=, with freq= how often each row counts), or all columns of
 * numbers as they stand. */
#ifndef TASKS_PERM_CROSSTAB_H
#define TASKS_PERM_CROSSTAB_H

#include "perm/data.h"

/* Fills what a TABLE has. Errors were told to ctx. */
qx_err crosstab_open(struct qx_ctx *ctx, struct data *d);

#endif
