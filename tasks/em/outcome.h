/* outcome.h - what comes of the starts: the outputs of an item, and in the answer which start was best and what the others found. */
#ifndef TASKS_EM_OUTCOME_H
#define TASKS_EM_OUTCOME_H

#include "em/fit.h"
#include "quincunx/task.h"

/* In open(): declares the outputs of an item and their reducers. */
qx_err outcome_open(struct qx_ctx *ctx);
/* In run(): the row of an item that ended with a fit. */
void outcome_row(const struct fit *f, uint64_t item, double *row);

/* Where a start ended. */
struct ended {
    double loglik, item;
};

struct outcomes {
    struct ended *starts; /* from the best likelihood down */
    size_t n;
    uint64_t best; /* item: of those that equal the best but for rounding the first */
    double iterations, converged, went_down;
};

/* In finish(), where at least one start gave a fit. False: out of memory. */
bool outcomes_read(struct outcomes *o, struct qx_ctx *ctx, const struct qx_answer *answer);
void outcomes_fini(struct outcomes *o); /* a zeroed one is fine */

/* Members of the answer: how many starts, how many at the best, .. */
void outcomes_emit_counts(struct qx_ctx *ctx, const struct outcomes *o);
/* A list of where they ended, best first. */
void outcomes_emit_maxima(struct qx_ctx *ctx, const struct outcomes *o);
/* A warning where one went down. */
void outcomes_emit_warning(struct qx_ctx *ctx, const struct outcomes *o);

#endif
