/* foreign.h - a statistic from a shared object (include/quincunx/statistic.h). */
#ifndef TASKS_BOOT_FOREIGN_H
#define TASKS_BOOT_FOREIGN_H

#include "quincunx/statistic.h"
#include "quincunx/task.h"

enum { FOREIGN_VALUES_MAX = 16 };

struct foreign;

/* statistics/NAME.so beside the plugin. Errors were told to ctx: the object is not there, is of another interface, or wants another number of columns. */
qx_err foreign_open(struct qx_ctx *ctx, const char *name, uint32_t n_columns, struct foreign **ret);
void foreign_close(struct foreign *f); /* NULL is fine */

const struct qx_statistic *foreign_statistic(const struct foreign *f);

#endif
