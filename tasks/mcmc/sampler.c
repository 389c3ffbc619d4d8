#include "mcmc/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *take(double **at, size_t n)
{
    double *v = *at;
    *at += n;
    return v;
}

static size_t doubles_of(const struct sampler *s)
{
    size_t n = s->space.n;
    if (s->kind == SAMPLER_RWM)
        return 3 * n + 2 * n + n * n + 3 * n;
    return 5 * 3 * n + 2 * n + 5 * n + (s->max_depth + 1) * nuts_level_doubles((uint32_t)n);
}

bool sampler_init(struct sampler *s, enum sampler_kind kind, const struct target *t, uint32_t max_depth,
                  double path)
{
    uint32_t n = t->n_dim;
    *s = (struct sampler){.kind = kind, .max_depth = max_depth, .path = path, .space = {.target = t, .n = n}};
    s->memory = calloc(doubles_of(s) + 1, sizeof *s->memory);
    s->levels = calloc(max_depth + 1, nuts_level_bytes());
    if (!s->memory || !s->levels)
        return false;
    double *at = s->memory;
    s->z = phase_at(&at, n);
    s->space.inv_metric = take(&at, n);
    s->space.scale = take(&at, n);
    if (kind == SAMPLER_RWM) {
        s->factor = take(&at, (size_t)n * n);
        s->mean = take(&at, n);
        s->work = take(&at, 2 * (size_t)n);
    } else {
        s->fwd = phase_at(&at, n);
        s->bck = phase_at(&at, n);
        s->chosen = phase_at(&at, n);
        s->proposed = phase_at(&at, n);
        s->rho = take(&at, n);
        s->rho_fwd = take(&at, n);
        s->rho_bck = take(&at, n);
        s->p_fwd_bck = take(&at, n);
        s->p_bck_fwd = take(&at, n);
        for (uint32_t i = 0; i <= max_depth; i++)
            nuts_level_init(s->levels, i, &at, n);
    }
    sampler_reset(s);
    return true;
}

void sampler_fini(struct sampler *s)
{
    free(s->memory);
    free(s->levels);
    *s = (struct sampler){.memory = NULL};
}

void sampler_reset(struct sampler *s)
{
    uint32_t n = s->space.n;
    space_set_metric(&s->space, NULL);
    s->step = s->kind == SAMPLER_RWM ? 2.38 / sqrt(n) : 1;
    if (s->kind != SAMPLER_RWM)
        return;
    memset(s->factor, 0, (size_t)n * n * sizeof *s->factor);
    for (uint32_t i = 0; i < n; i++)
        s->factor[(size_t)i * n + i] = 1;
}

double sampler_first_step(struct sampler *s, struct qx_stream *rng)
{
    const double threshold = log(0.8);
    double step = s->step;
    int direction = 0;
    for (;;) {
        phase_copy(&s->space, &s->fwd, &s->z);
        phase_draw_momentum(&s->space, &s->fwd, rng);
        double before = phase_energy(&s->space, &s->fwd);
        phase_leapfrog(&s->space, &s->fwd, step);
        bool good = before - phase_energy(&s->space, &s->fwd) > threshold;
        if (direction == 0)
            direction = good ? 1 : -1;
        else if (good != (direction > 0))
            return step;
        step = direction > 0 ? 2 * step : 0.5 * step;
        if (step > 1e7)
            return INFINITY;
        if (step < 1e-300)
            return NAN;
    }
}
