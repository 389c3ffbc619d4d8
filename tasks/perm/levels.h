/* levels.h - the distinct values of a column as groups, numbered in the order in which the rows show them. */
#ifndef TASKS_PERM_LEVELS_H
#define TASKS_PERM_LEVELS_H

#include "quincunx/task.h"

enum { LEVELS_MAX = 1000, LEVEL_NAME_BYTES = 48, NO_LEVEL = UINT32_MAX };

struct levels {
    uint32_t n;
    bool fixed; /* only those there are: a row with another value has NO_LEVEL */
    char (*names)[LEVEL_NAME_BYTES];
    double *values;  /* of a REAL column */
    uint32_t *codes; /* of a TEXT column */
};

/* Those named in `list` ("a,b"), in that order; or with NULL, whatever levels_of() meets. Errors were told to ctx. */
qx_err levels_open(struct qx_ctx *ctx, const struct qx_column *c, const char *param, const char *list,
                   struct levels *ret);
void levels_fini(struct levels *l);

bool column_missing(const struct qx_column *c, uint64_t row);

/* The number of the row's value; LIMIT, told to ctx, if there are more than LEVELS_MAX. The value is not missing. */
qx_err levels_of(struct qx_ctx *ctx, struct levels *l, const struct qx_column *c, uint64_t row,
                 uint32_t *ret_level);

#endif
