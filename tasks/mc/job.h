/* job.h - an open mc.integrate job: what its parameters say, and the buffers of its items. */
#ifndef TASKS_MC_JOB_H
#define TASKS_MC_JOB_H

#include "mc/chart.h"
#include "mc/control.h"
#include "mc/functions.h"
#include "mc/sobol.h"
#include "mc/vegas.h"
#include "quincunx/task.h"

enum mc_method { MC_PLAIN, MC_ANTITHETIC, MC_STRATIFIED, MC_SOBOL, MC_VEGAS };
extern const char *const mc_method_names[];

enum { MC_GROUP_MAX = 512, MC_BATCH_NUMBERS = 8192, MC_CELLS_MAX = 65536, SOBOL_COLUMNS_MAX = 1024 };

/* The rounds of vegas. */
struct mc_rounds {
    uint32_t round, rounds, skip; /* `round` from 0 */
    double alpha;
    struct vegas_grid grid;
    double *past; /* of rounds 0 .. round - 1, as vegas_round_pack() writes them */
};

struct mc_job {
    struct box box;
    struct chart chart;
    struct functions f;       /* what is integrated */
    struct functions control; /* n = 0: none */
    double control_mean[CONTROLS_MAX];
    enum mc_method method;
    uint32_t strata;     /* a side, for MC_STRATIFIED and MC_VEGAS */
    uint32_t cells;      /* of strata, or points of an item */
    uint32_t per_cell;   /* points in each, for MC_VEGAS */
    uint32_t replicates; /* for MC_SOBOL */
    struct sobol sobol;
    struct mc_rounds rounds;
    double conf;

    uint32_t batch; /* points in the buffers below */
    uint32_t width; /* columns of an item */
    double *points; /* batch x dim */
    double *mirror; /* the same, for MC_ANTITHETIC */
    double *values; /* batch for each function and control */
    double *planes; /* batch for each column; not for MC_VEGAS */
    double *weight; /* batch, for MC_VEGAS */
    uint32_t *bin;  /* batch x dim, for MC_VEGAS */
};

/* What an item costs. */
static inline uint64_t mc_points_per_item(const struct mc_job *s)
{
    return s->method == MC_SOBOL ? s->replicates : (uint64_t)s->cells * s->per_cell;
}

/* Reducers in order of declaration: of MC_SOBOL the sums of its columns; of the others the moments and extremes of
 * functions and controls, and for MC_VEGAS the sums of squares of each bin. */
enum { MC_RED_MOMENTS, MC_RED_EXTREMES, MC_RED_SQUARES };
enum { MC_RED_SUMS = 0 };

/* From parameters to a job; on failure *ret_state is untouched and the reason was given. */
qx_err mc_open(struct qx_ctx *ctx, void **ret_state);
void mc_close(struct qx_ctx *ctx, void *state);
qx_err mc_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows);
qx_err mc_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);

#endif
