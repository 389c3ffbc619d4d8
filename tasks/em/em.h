/* em.h - an open em.mixture job. */
#ifndef TASKS_EM_EM_H
#define TASKS_EM_EM_H

#include "em/fit.h"
#include "em/mixture.h"
#include "em/start.h"
#include "quincunx/task.h"

struct em {
    struct rows data;
    const char *names[MIXTURE_P_MAX]; /* of the columns */
    uint64_t dropped;
    struct shape shape;
    enum start how;
    bool given; /* item 0 starts where the user says */
    struct mixture from;
    struct fit_options opt;
    double floor; /* see sums_prepare() */
    bool want_trace, want_errors, want_posterior;
    struct mixture mix; /* what an item works on */
    struct sums sums;
    struct start_room room;
};

/* The fit of one item; e->mix then holds it. */
struct fit em_fit(struct em *e, uint64_t seed, uint64_t item, fit_trace_f trace, void *arg);

qx_err em_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);

extern const struct qx_task task_em_mixture;

#endif
