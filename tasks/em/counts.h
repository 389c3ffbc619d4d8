/* counts.h - the counts of the cells of a job: given as text, or in a column of its data set. */
#ifndef TASKS_EM_COUNTS_H
#define TASKS_EM_COUNTS_H

#include "em/cells.h"
#include "quincunx/task.h"

/* By counts= and data=. Errors were told to ctx. */
qx_err em_counts_open(struct qx_ctx *ctx, struct cells *c);

#endif
