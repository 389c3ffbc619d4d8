/* diagnostics.h - what draws of several chains say about one quantity: summaries, their Monte Carlo errors,
 * convergence.
 *
 * The definitions are those of the R package posterior 1.4.0 (Vehtari, Gelman, Simpson, Carpenter and
 * Bürkner 2021), number by number. What is undefined is NaN: draws that are not finite, or are constant, as
 * there. Pure. */
#ifndef TASKS_MCMC_DIAGNOSTICS_H
#define TASKS_MCMC_DIAGNOSTICS_H

#include <stdbool.h>
#include <stdint.h>

struct diag {
    double mean, sd, q5, median, q95; /* sd: divisor n - 1; quantiles of type 7 */
    double mcse_mean, mcse_sd, mcse_q5, mcse_median, mcse_q95;
    double rhat; /* the larger of rank-normalised split R-hat and that of the folded draws */
    double ess_bulk, ess_tail, ess_mean, ess_sd, ess_q5, ess_median, ess_q95;
    double rhat_basic, ess_basic; /* split, not rank-normalised */
};

/* Work space for n_chains chains of n_draws; used again for each quantity. */
struct diag_work;
struct diag_work *diag_work_new(uint32_t n_draws, uint32_t n_chains); /* NULL: out of memory */
struct diag_work *diag_work_free(struct diag_work *w);

/* Chain c has the draws x[c * n_draws] .. */
void diag_compute(struct diag_work *w, const double *x, struct diag *ret);
/* Ranks from 1 over all chains, ties averaged; as many as there are draws. */
void diag_ranks(struct diag_work *w, const double *x, double *ret_ranks);

/* Energy's Bayesian fraction of missing information of one chain (Betancourt 2016): sum (E_i - E_{i-1})^2
 * over sum (E_i - mean)^2. NaN for a constant or fewer than 3 draws. */
double diag_ebfmi(const double *energy, uint32_t n_draws);

#endif
