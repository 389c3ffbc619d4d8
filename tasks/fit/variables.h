/* variables.h - the formula of a spec bound to a data set. */
#ifndef TASKS_FIT_VARIABLES_H
#define TASKS_FIT_VARIABLES_H

#include "fit/spec.h"
#include "model/frame.h"

struct variables {
    struct formula *formula;
    struct frame *frame;
};

/* `text`: the formula. On failure ctx has been told why and nothing is left open. */
qx_err variables_open(struct qx_ctx *ctx, const struct spec *s, const char *text, const struct qx_table *t,
                      uint32_t max_rows, struct variables *ret);
void variables_close(struct variables *v); /* zeroed is fine */

/* A mistake that shows in what the variables are. */
qx_err variables_need_response(struct qx_ctx *ctx, const struct variables *v, const char *model,
                               bool numeric);

#endif
