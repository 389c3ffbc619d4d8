/* data.h - the rows to fit, from the data set of a job. */
#ifndef TASKS_EM_DATA_H
#define TASKS_EM_DATA_H

#include "em/mixture.h"
#include "quincunx/task.h"

/* Columns by columns= (all columns of numbers if not given), rows by na=. Errors were told to ctx. Names are borrowed from the
 * table. */
qx_err em_rows_open(struct qx_ctx *ctx, struct rows *ret, const char *ret_names[MIXTURE_P_MAX],
                    uint64_t *ret_dropped);
void em_rows_fini(struct rows *r);

#endif
