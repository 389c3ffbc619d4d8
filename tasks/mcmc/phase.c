#include "mcmc/phase.h"

#include <math.h>
#include <string.h>

struct phase phase_at(double **at, uint32_t n)
{
    struct phase z = {*at, *at + n, *at + 2 * (size_t)n, 0};
    *at += 3 * (size_t)n;
    return z;
}

void phase_copy(const struct space *s, struct phase *to, const struct phase *from)
{
    memcpy(to->q, from->q, 3 * s->n * sizeof *to->q);
    to->lp = from->lp;
}

void phase_evaluate(const struct space *s, struct phase *z)
{
    z->lp = s->target->log_density(s->target, z->q, z->g);
}

void phase_draw_momentum(const struct space *s, struct phase *z, struct qx_stream *rng)
{
    for (uint32_t i = 0; i < s->n; i++)
        z->p[i] = s->scale[i] * qx_normal(rng);
}

double phase_energy(const struct space *s, const struct phase *z)
{
    double kinetic = 0;
    for (uint32_t i = 0; i < s->n; i++)
        kinetic += s->inv_metric[i] * z->p[i] * z->p[i];
    double h = 0.5 * kinetic - z->lp;
    return isfinite(h) ? h : INFINITY;
}

void phase_leapfrog(const struct space *s, struct phase *z, double step)
{
    for (uint32_t i = 0; i < s->n; i++) {
        z->p[i] += 0.5 * step * z->g[i];
        z->q[i] += step * s->inv_metric[i] * z->p[i];
    }
    phase_evaluate(s, z);
    for (uint32_t i = 0; i < s->n; i++)
        z->p[i] += 0.5 * step * z->g[i];
}

void space_set_metric(struct space *s, const double *inv_metric)
{
    for (uint32_t i = 0; i < s->n; i++) {
        s->inv_metric[i] = inv_metric ? inv_metric[i] : 1;
        s->scale[i] = 1 / sqrt(s->inv_metric[i]);
    }
}
