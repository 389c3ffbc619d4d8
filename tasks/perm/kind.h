/* kind.h - which statistic the parameters name. */
#ifndef TASKS_PERM_KIND_H
#define TASKS_PERM_KIND_H

#include "perm/stat.h"

/* From test, stat and alternative. Errors were told to ctx. */
qx_err kind_of(struct qx_ctx *ctx, const struct data *d, enum stat_kind *ret);

#endif
