/* unused.h - parameters that have no use where another one has a certain value: refused, not passed over. */
#ifndef TASKS_SHARED_UNUSED_H
#define TASKS_SHARED_UNUSED_H

#include "quincunx/task.h"

struct unused {
    const char *param, *values; /* of the other, with blanks between: where it has a use */
};

/* `choice` is the other. INVALID, told to ctx, for the first of `of` that was given and whose values lack its. */
qx_err unused_refuse(struct qx_ctx *ctx, const char *choice, const struct unused *of, size_t n);

#endif
