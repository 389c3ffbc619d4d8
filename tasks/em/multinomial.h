/* multinomial.h - an open em.multinomial job. */
#ifndef TASKS_EM_MULTINOMIAL_H
#define TASKS_EM_MULTINOMIAL_H

#include "em/cells.h"
#include "quincunx/task.h"

struct multinomial {
    struct cells cells;
    bool given; /* item 0 starts where the user says */
    double from[SIMPLEX_PARAMS_MAX];
    struct fit_options opt;
    double point[SIMPLEX_PARAMS_MAX]; /* what an item works on */
    double drawn[SIMPLEX_PARAMS_MAX];
};

/* Puts an item's start into m->point. False: on the boundary. */
bool multinomial_start(struct multinomial *m, uint64_t seed, uint64_t item);
/* A fit from there; m->point then holds its end. The log-likelihoods that it tells are without the constant. */
struct fit multinomial_fit(struct multinomial *m, fit_trace_f trace, void *arg);

qx_err multinomial_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);

extern const struct qx_task task_em_multinomial;

#endif
