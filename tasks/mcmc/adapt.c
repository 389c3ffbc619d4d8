#include "mcmc/adapt.h"

#include <math.h>
#include <string.h>

static const double da_gamma = 0.05, da_t0 = 10, da_kappa = 0.75;

void dual_average_start(struct dual_average *a, double delta, double step)
{
    *a = (struct dual_average){.delta = delta, .mu = log(10 * step)};
}

double dual_average_update(struct dual_average *a, double accept)
{
    double t = ++a->count, eta = 1 / (t + da_t0), weight = pow(t, -da_kappa);
    if (!(accept < 1)) /* 1 at most; NaN would stay for ever */
        accept = 1;
    a->s_bar = (1 - eta) * a->s_bar + eta * (a->delta - accept);
    double x = a->mu - a->s_bar * sqrt(t) / da_gamma;
    a->x_bar = (1 - weight) * a->x_bar + weight * x;
    return exp(x);
}

double dual_average_end(const struct dual_average *a)
{
    return exp(a->x_bar);
}

void windows_start(struct windows *w, uint32_t n_warmup)
{
    enum { INITIAL = 75, BASE = 25, TERMINAL = 50, LEAST = 20 };
    *w = (struct windows){.n = n_warmup, .initial = INITIAL, .terminal = TERMINAL, .size = BASE};
    if (n_warmup < LEAST) { /* too short for any variance */
        w->initial = n_warmup;
        w->terminal = 0;
    } else if (n_warmup < INITIAL + BASE + TERMINAL) {
        w->initial = (uint32_t)(0.15 * n_warmup);
        w->terminal = (uint32_t)(0.1 * n_warmup);
        w->size = n_warmup - w->initial - w->terminal;
    }
    w->next = w->initial + w->size - 1;
}

bool windows_inside(const struct windows *w)
{
    return w->count >= w->initial && w->count + w->terminal < w->n;
}

bool windows_advance(struct windows *w)
{
    uint32_t last = w->n - w->terminal - 1;
    bool end = windows_inside(w) && w->count == w->next;
    if (end && w->next < last) {
        w->size *= 2;
        w->next = w->count + w->size;
        if (w->next < last && w->next + 2 * (uint64_t)w->size >= w->n - w->terminal)
            w->next = last;
        if (w->next > last)
            w->next = last;
    }
    w->count++;
    return end;
}

void variances_start(struct variances *v)
{
    v->count = 0;
    memset(v->mean, 0, v->n_dim * sizeof *v->mean);
    memset(v->m2, 0, v->n_dim * sizeof *v->m2);
}

void variances_add(struct variances *v, const double *q)
{
    double n = (double)++v->count;
    for (uint32_t i = 0; i < v->n_dim; i++) {
        double d = q[i] - v->mean[i];
        v->mean[i] += d / n;
        v->m2[i] += d * (q[i] - v->mean[i]);
    }
}

void variances_shrunk(const struct variances *v, double *ret)
{
    double n = (double)v->count;
    for (uint32_t i = 0; i < v->n_dim; i++) {
        double variance = n > 1 ? v->m2[i] / (n - 1) : 1;
        ret[i] = n / (n + 5) * variance + 1e-3 * (5 / (n + 5));
    }
}
