#include "boot/abc.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "boot/smooth.h"

/* Differences are taken over this share of a row's probability. */
static const double step_of_row = 0.001;

struct work {
    const struct boot *b;
    uint32_t n, p;
    double step;
    double *w;      /* n: probabilities */
    double *scaled; /* n: as weights, in proportion within each stratum */
    double *l;      /* p x n: first derivatives, towards each row */
    double *curved; /* p: sums of the second */
    double *at[3];  /* p each: values */
};

static bool work_open(struct work *a, const struct boot *b)
{
    size_t n = b->data.n, p = b->n_theta;
    *a = (struct work){.b = b, .n = b->data.n, .p = b->n_theta, .step = step_of_row / (double)n};
    double *all = calloc(2 * n + p * n + 4 * p, sizeof *all);
    if (!all)
        return false;
    a->w = all;
    a->scaled = a->w + n;
    a->l = a->scaled + n;
    a->curved = a->l + p * n;
    for (int k = 0; k < 3; k++)
        a->at[k] = a->curved + (size_t)(k + 1) * p;
    return true;
}

/* All numbers at the probabilities w. */
static bool evaluate(struct work *a, double *theta)
{
    const struct data *d = &a->b->data;
    for (uint32_t g = 0; g < d->n_strata; g++) {
        double sum = 0, size = d->start[g + 1] - d->start[g];
        for (uint32_t i = d->start[g]; i < d->start[g + 1]; i++)
            sum += a->w[i];
        for (uint32_t i = d->start[g]; i < d->start[g + 1]; i++)
            a->scaled[i] = a->w[i] / sum * size;
    }
    for (uint32_t k = 0; k < a->b->n_stats; k++) {
        if (!smooth_value(&a->b->stats[k], a->scaled, theta))
            return false;
        theta += a->b->stats[k].n_theta;
    }
    return true;
}

/* Everybody's probability 1/n, moved a little towards row i, or away from it. */
static bool towards(struct work *a, uint32_t i, double step, double *theta)
{
    for (uint32_t j = 0; j < a->n; j++)
        a->w[j] = (1 - step) / a->n;
    a->w[i] += step;
    return evaluate(a, theta);
}

static bool differentiate(struct work *a)
{
    double step = a->step;
    for (uint32_t j = 0; j < a->n; j++)
        a->w[j] = 1.0 / a->n;
    if (!evaluate(a, a->at[0]))
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (!towards(a, i, step, a->at[1]) || !towards(a, i, -step, a->at[2]))
            return false;
        for (uint32_t k = 0; k < a->p; k++) {
            a->l[(size_t)k * a->n + i] = (a->at[1][k] - a->at[2][k]) / (2 * step);
            a->curved[k] += (a->at[1][k] - 2 * a->at[0][k] + a->at[2][k]) / (step * step);
        }
    }
    return true;
}

/* Number k where the probabilities are 1/n + t l / (n^2 sigma): the least favourable direction. */
static bool along(struct work *a, uint32_t k, double sigma, double t, double *ret)
{
    const double *l = a->l + (size_t)k * a->n;
    double n = a->n;
    for (uint32_t i = 0; i < a->n; i++)
        a->w[i] = 1 / n + t * l[i] / (n * n * sigma);
    bool ok = evaluate(a, a->at[1]);
    *ret = a->at[1][k];
    return ok;
}

/* Symbols a, b, c_q and z0 as in Efron & Tibshirani. */
static struct abc interval(struct work *a, uint32_t k, double z)
{
    const double *l = a->l + (size_t)k * a->n;
    double n = a->n, squares = 0, cubes = 0, up, down, step = a->step;
    for (uint32_t i = 0; i < a->n; i++) {
        squares += l[i] * l[i];
        cubes += l[i] * l[i] * l[i];
    }
    struct abc r = {.ok = false, .acceleration = NAN, .lower = NAN, .upper = NAN};
    double sigma = sqrt(squares) / n;
    if (!(sigma > 0) || !along(a, k, sigma, step, &up) || !along(a, k, sigma, -step, &down))
        return r;
    r.acceleration = cubes / (6 * pow(squares, 1.5));
    double bias = a->curved[k] / (2 * n * n),
           quadratic = (up - 2 * a->at[0][k] + down) / (2 * step * step * sigma);
    double z0 = r.acceleration - (bias / sigma - quadratic), low = z0 - z, high = z0 + z;
    double shrink_low = 1 - r.acceleration * low, shrink_high = 1 - r.acceleration * high;
    r.ok = along(a, k, sigma, low / (shrink_low * shrink_low), &r.lower) &&
           along(a, k, sigma, high / (shrink_high * shrink_high), &r.upper);
    return r;
}

bool abc_intervals(const struct boot *b, double level, struct abc *ret)
{
    struct work a;
    if (!work_open(&a, b))
        return false;
    bool ok = differentiate(&a);
    for (uint32_t k = 0; k < a.p; k++) {
        ret[k] = (struct abc){.acceleration = NAN, .lower = NAN, .upper = NAN};
        if (ok)
            ret[k] = interval(&a, k, gsl_cdf_ugaussian_Pinv((1 + level) / 2));
    }
    free(a.w);
    return true;
}
