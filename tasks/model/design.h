/* design.h - the model matrix of a load of a frame, coded as R's model.matrix() does with treatment contrasts: a factor is
 * coded by contrasts where its margin is in the model and by all its levels where it is not; levels that the load does
 * not hold are dropped, so the first one it holds is the base.
 *
 * What the columns are is worked out once and again only when the levels that a load holds change. */
#ifndef TASKS_MODEL_DESIGN_H
#define TASKS_MODEL_DESIGN_H

#include "model/frame.h"

enum { DESIGN_COLUMNS_MAX = 2000 };

struct design_plan;

struct design {
    uint32_t n, p;
    double *x;                /* n x p, column-major */
    const char *const *names; /* p, as R names coefficients: "(Intercept)", "gB:x", "poly(x, 2)1" */
    const uint32_t *term;     /* p: which term of the formula, from 1; 0: the intercept */
    uint64_t version;         /* changes with the columns, never back to a former value */
    uint32_t p_max;           /* of any load */
    struct design_plan *plan;
};

/* Allocates for any load of `fr`, which must outlive it. On failure ctx has been told why. */
qx_err design_open(struct qx_ctx *ctx, const struct frame *fr, struct design **ret);
struct design *design_close(struct design *d); /* NULL is fine; returns NULL */

/* The matrix of the frame's present load. NULL, or why there is none, for qx_fail_item (valid until the next call). */
const char *design_build(struct design *d, const struct frame *fr);

#endif
