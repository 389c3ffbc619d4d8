/* chain.h - one chain: a start, a warm-up that adapts, draws. And what it leaves: its record.
 *
 * A record is doubles only: RECORD_HEADER numbers, the n_dim numbers of the inverse metric, then n_draws
 * rows of DRAW_COLUMNS + n_out: what the sampler says of the draw, and the parameters. */
#ifndef TASKS_MCMC_CHAIN_H
#define TASKS_MCMC_CHAIN_H

#include "mcmc/adapt.h"
#include "mcmc/sampler.h"

enum record_header {
    RECORD_ITEM,
    RECORD_DRAWS,
    RECORD_OUT,
    RECORD_DIM,
    RECORD_STEP,
    RECORD_WARMUP_LEAPFROGS,
    RECORD_HEADER
};

/* The columns that CmdStan writes before the parameters. */
enum draw_column {
    DRAW_LP,
    DRAW_ACCEPT,
    DRAW_STEP,
    DRAW_DEPTH,
    DRAW_LEAPFROGS,
    DRAW_DIVERGENT,
    DRAW_ENERGY,
    DRAW_COLUMNS
};
extern const char *const draw_column_names[DRAW_COLUMNS];

struct chain_config {
    enum sampler_kind kind;
    uint32_t n_draws, n_warmup, thin, max_depth;
    double delta, path, radius;
};

enum { CHAIN_ERROR_BYTES = 120 };

struct chain {
    struct chain_config config;
    const struct target *target;
    struct sampler sampler;
    struct variances variances;
    double *memory, *metric, *out;
};

/* False: out of memory. Either way chain_fini. */
bool chain_init(struct chain *c, const struct chain_config *config, const struct target *t);
void chain_fini(struct chain *c);

size_t chain_record_doubles(const struct chain_config *config, uint32_t n_dim, uint32_t n_out);
/* Runs the chain of an item. TASK: it could not start, with why; CANCELLED. */
qx_err chain_run(struct chain *c, struct qx_ctx *ctx, uint64_t item, double *record,
                 char ret_error[CHAIN_ERROR_BYTES]);

#endif
