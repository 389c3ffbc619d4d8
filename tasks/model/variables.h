/* variables.h - a formula bound to a data set: what the tasks that take one open. */
#ifndef TASKS_MODEL_VARIABLES_H
#define TASKS_MODEL_VARIABLES_H

#include "model/frame.h"

struct variables {
    struct formula *formula;
    struct frame *frame;
};

/* The formula with the table's columns for "." but those in `left_out`. On failure ctx has been told why. */
qx_err variables_formula(struct qx_ctx *ctx, const struct qx_table *t, const char *text,
                         const char *const *left_out, uint32_t n_left_out, struct formula **ret);
/* The same and its frame. On failure nothing is left open. */
qx_err variables_open(struct qx_ctx *ctx, const struct qx_table *t, const char *text,
                      const char *const *left_out, uint32_t n_left_out, const struct frame_options *opt,
                      struct variables *ret);
void variables_close(struct variables *v); /* zeroed is fine */

/* A mistake that shows in what the variables are; `model` is what needs a response, one number unless `binomial`. */
qx_err variables_need_response(struct qx_ctx *ctx, const struct variables *v, const char *model,
                               bool binomial);

#endif
