/* summary.h - what reports say of the diagnostics of many quantities: a row of each, the worst of all, warnings. */
#ifndef TASKS_MCMC_SUMMARY_H
#define TASKS_MCMC_SUMMARY_H

#include "mcmc/diagnostics.h"
#include "quincunx/task.h"

/* NaN while there is none: what is undefined does not count. Of equals the first. */
struct worst {
    double rhat, ess_bulk, ess_tail;
    uint32_t by_rhat, by_bulk, by_tail; /* whose they are */
    uint32_t by_ess;                    /* with the least of both */
};
struct worst worst_of(const struct diag *d, uint32_t n);

/* Members of an open object: mean .. ess_tail. */
void summary_emit(struct qx_ctx *ctx, const struct diag *d);
/* mcse_q5 .. mcse_q95. */
void summary_emit_quantile_errors(struct qx_ctx *ctx, const struct diag *d);

/* One of an open list "warnings". */
void warn(struct qx_ctx *ctx, const char *about, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void warn_of_one_chain(struct qx_ctx *ctx, uint32_t n_chains);
/* name: of the quantity w->by_rhat. */
void warn_of_convergence(struct qx_ctx *ctx, uint32_t n_chains, const struct worst *w, const char *name);

#endif
