/* fit.h - the open task fit: what its items and its answer work on. */
#ifndef TASKS_FIT_FIT_H
#define TASKS_FIT_FIT_H

#include "fit/fitter.h"
#include "fit/groups.h"

struct fit {
    const struct qx_table *table;
    struct spec spec;
    struct groups groups;
    struct fitter fitter; /* for the largest group */
    uint32_t n_values;    /* of a row that travel: without the ends of intervals that nobody asked for */
    uint32_t red_records;
};

extern const struct qx_task task_fit;

/* The task's finish(), in report.c. */
qx_err fit_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);

#endif
