/* hmc.c - Hamiltonian Monte Carlo with trajectories of random length: uniform on 0 .. 2 path, so that no
 * frequency of the target is ever hit exactly (Bou-Rabee & Sanz-Serna 2017); the end is accepted or refused
 * by Metropolis. As with nuts no trajectory has more than 2^max_depth steps: before the metric is known a
 * path in standard deviations can be thousands of the small steps that a narrow target wants. */
#include <math.h>

#include "mcmc/sampler.h"

void hmc_transition(struct sampler *s, struct qx_stream *rng, struct transition *ret)
{
    const struct space *space = &s->space;
    double length = 2 * s->path * qx_uniform(rng) / s->step;
    uint32_t most = UINT32_C(1) << s->max_depth, done = 0;
    uint32_t n = length < 1 ? 1 : length < most ? (uint32_t)length : most;
    phase_draw_momentum(space, &s->z, rng);
    double h0 = phase_energy(space, &s->z), error = 0;
    phase_copy(space, &s->fwd, &s->z);
    while (done < n && -error <= ENERGY_ERROR_MAX) {
        phase_leapfrog(space, &s->fwd, s->step);
        error = h0 - phase_energy(space, &s->fwd);
        done++;
    }
    bool divergent = -error > ENERGY_ERROR_MAX;
    double accept = error > 0 ? 1 : exp(error);
    if (!divergent && qx_uniform(rng) < accept)
        phase_copy(space, &s->z, &s->fwd);
    *ret = (struct transition){
        .accept = accept, .energy = phase_energy(space, &s->z), .n_leapfrog = done, .divergent = divergent};
}
