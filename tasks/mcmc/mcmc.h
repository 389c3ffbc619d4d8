/* mcmc.h - the open task mcmc: what its items (chains) and its answer work on. */
#ifndef TASKS_MCMC_MCMC_H
#define TASKS_MCMC_MCMC_H

#include "mcmc/chain.h"
#include "mcmc/until.h"

struct mcmc {
    struct target target;
    struct chain chain;
    struct until until;
    const char *model, *sampler; /* the farm's texts */
    uint64_t max_draws;
    uint32_t records; /* the reducer */
    double *record;   /* one, work space of items */
    size_t record_doubles;
    bool csv;
};

extern const struct qx_task task_mcmc;

/* The task's finish(), in report.c. */
qx_err mcmc_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);

/* Draws of all chains that ran, by chain and by quantity. */
struct sample {
    const struct mcmc *m;
    uint32_t n_chains, n_draws;
    const double **record; /* of each chain */
    double *x;             /* work space: one quantity of all chains, chain after chain */
    struct diag_work *work;
};

const double *sample_row(const struct sample *s, uint32_t chain, uint32_t draw);
/* Quantity k of all chains into s->x: columns as in a record's rows. */
void sample_gather(const struct sample *s, uint32_t k);

/* The chains as files in CmdStan's layout: csv.c. False: out of memory, or more than may travel in an
 * answer. */
bool csv_emit(struct qx_ctx *ctx, const struct sample *s);

#endif
