/* phase.h - a point of phase space, and moving it: position q, momentum p, log density and gradient at q.
 *
 * H(q, p) = -lp(q) + sum inv_metric p^2 / 2. A point where the density is impossible has infinite energy.
 * The vectors of a point belong to whoever made it. */
#ifndef TASKS_MCMC_PHASE_H
#define TASKS_MCMC_PHASE_H

#include "mcmc/target.h"

struct phase { /* q, p and g lie one after the other */
    double *q, *p, *g, lp;
};

/* What points move in. */
struct space {
    const struct target *target;
    uint32_t n;
    double *inv_metric; /* the diagonal */
    double *scale;      /* 1 / sqrt(inv_metric), of the momentum */
};

/* What one iteration of a sampler did. */
struct transition {
    double accept;       /* mean acceptance probability */
    double energy;       /* of the point drawn */
    uint32_t depth;      /* of the tree */
    uint32_t n_leapfrog; /* gradients; of a random walk: densities */
    bool divergent;
};

/* From three vectors of `at`, which moves on. */
struct phase phase_at(double **at, uint32_t n);
void phase_copy(const struct space *s, struct phase *to, const struct phase *from);
/* lp and g at q. */
void phase_evaluate(const struct space *s, struct phase *z);
void phase_draw_momentum(const struct space *s, struct phase *z, struct qx_stream *rng);
double phase_energy(const struct space *s, const struct phase *z);
void phase_leapfrog(const struct space *s, struct phase *z, double step);
void space_set_metric(struct space *s, const double *inv_metric); /* NULL: the unit */

enum { ENERGY_ERROR_MAX = 1000 }; /* beyond it a trajectory has diverged */

#endif
