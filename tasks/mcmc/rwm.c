/* rwm.c - random walk Metropolis that learns the covariance and the scale of its proposals in the warm-up
 * (Haario, Saksman & Tamminen 2001; Andrieu & Thoms 2008, algorithm 4), with steps that vanish as t^-0.6,
 * and then keeps them. */
#include <math.h>
#include <string.h>

#include "mcmc/sampler.h"

/* factor <- the Cholesky factor of (1 - share) L L' + share v v'; v is spoilt. */
static void update_factor(double *factor, uint32_t n, double share, double *v)
{
    double keep = sqrt(1 - share), add = sqrt(share);
    for (uint32_t i = 0; i < n; i++)
        v[i] *= add;
    for (uint32_t k = 0; k < n; k++) {
        double *row = factor + (size_t)k * n, diag = keep * row[k], r = hypot(diag, v[k]);
        double c = r / diag, s = v[k] / diag;
        row[k] = r;
        for (uint32_t i = k + 1; i < n; i++) {
            double *below = factor + (size_t)i * n + k;
            *below = (keep * *below + s * v[i]) / c;
            v[i] = c * v[i] - s * *below;
        }
    }
}

static void adapt(struct sampler *s, uint64_t step, double accept)
{
    uint32_t n = s->space.n;
    double share = pow((double)step + 1, -0.6), target = n == 1 ? 0.44 : 0.234;
    s->step *= exp(share * (accept - target));
    for (uint32_t i = 0; i < n; i++) {
        s->work[i] = s->z.q[i] - s->mean[i];
        s->mean[i] += share * s->work[i];
    }
    /* the first steps say where the chain starts, not how the target is shaped */
    if (step > 2 * (uint64_t)n)
        update_factor(s->factor, n, share * 0.5, s->work);
}

void rwm_transition(struct sampler *s, struct qx_stream *rng, uint32_t iteration, struct transition *ret)
{
    const struct target *t = s->space.target;
    uint32_t n = s->space.n;
    double *z = s->work, *q = s->work + n, sum = 0;
    if (iteration == 1)
        memcpy(s->mean, s->z.q, n * sizeof *s->mean);
    for (uint32_t k = 0; k < n; k++) {
        for (uint32_t i = 0; i < n; i++) {
            const double *row = s->factor + (size_t)i * n;
            double move = 0;
            z[i] = qx_normal(rng);
            for (uint32_t j = 0; j <= i; j++)
                move += row[j] * z[j];
            q[i] = s->z.q[i] + s->step * move;
        }
        double lp = t->log_density(t, q, NULL), accept = isnan(lp) ? 0 : exp(fmin(lp - s->z.lp, 0));
        if (qx_uniform(rng) < accept) {
            memcpy(s->z.q, q, n * sizeof *q);
            s->z.lp = lp;
        }
        sum += accept;
        if (iteration > 0)
            adapt(s, (uint64_t)(iteration - 1) * n + k + 1, accept);
    }
    *ret = (struct transition){.accept = sum / n, .energy = -s->z.lp, .n_leapfrog = n};
}
