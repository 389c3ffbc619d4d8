/* sampler.h - the three ways from one draw to the next. Each keeps its work space; an iteration allocates
 * nothing. All start and end at sampler.z (q, g and lp are set), and draw from the stream alone. */
#ifndef TASKS_MCMC_SAMPLER_H
#define TASKS_MCMC_SAMPLER_H

#include "mcmc/phase.h"

enum sampler_kind { SAMPLER_NUTS, SAMPLER_HMC, SAMPLER_RWM };

enum { NUTS_DEPTH_MAX = 20 };

struct nuts_level; /* of the recursion */
struct random_walk;

struct sampler {
    enum sampler_kind kind;
    struct space space;
    struct phase z;     /* where the chain is */
    double step;        /* of leapfrog; of a random walk: the scale of its proposals */
    uint32_t max_depth; /* NUTS and HMC: at most 2^max_depth steps */
    double path;        /* HMC: mean length of a trajectory */
    double *memory;     /* all vectors */
    /* NUTS and HMC */
    struct phase fwd, bck, chosen, proposed;
    double *rho, *rho_fwd, *rho_bck, *p_fwd_bck, *p_bck_fwd;
    struct nuts_level *levels;
    /* random walk: proposals step L z, L the Cholesky factor of what the covariance is taken to be */
    double *factor, *mean, *work;
};

/* False: out of memory. */
bool sampler_init(struct sampler *s, enum sampler_kind kind, const struct target *t, uint32_t max_depth,
                  double path);
void sampler_fini(struct sampler *s);
/* Forgets what a chain before has left. */
void sampler_reset(struct sampler *s);

void nuts_transition(struct sampler *s, struct qx_stream *rng, struct transition *ret);
void hmc_transition(struct sampler *s, struct qx_stream *rng, struct transition *ret);
/* n_dim Metropolis steps. `iteration` from 1: in the warm-up, adapts; 0: leaves everything as it is. */
void rwm_transition(struct sampler *s, struct qx_stream *rng, uint32_t iteration, struct transition *ret);

/* Doubles or halves the step until one leapfrog step is accepted with about 80 % (as Stan does). NaN: no
 * step is small enough, INFINITY: none is too large (the density is improper). */
double sampler_first_step(struct sampler *s, struct qx_stream *rng);

size_t nuts_level_doubles(uint32_t n); /* memory that a level wants */
size_t nuts_level_bytes(void);
void nuts_level_init(struct nuts_level *levels, uint32_t i, double **at, uint32_t n);

#endif
