/* adapt.h - what the warm-up learns, as Stan does: the step size by dual averaging (Nesterov 2009; Hoffman
 * & Gelman 2014), the diagonal of the inverse metric from the variance of draws in windows that double. */
#ifndef TASKS_MCMC_ADAPT_H
#define TASKS_MCMC_ADAPT_H

#include <stdbool.h>
#include <stdint.h>

struct dual_average {
    double delta, mu, s_bar, x_bar;
    uint32_t count;
};
void dual_average_start(struct dual_average *a, double delta, double step);
double dual_average_update(struct dual_average *a, double accept); /* the step to take next */
double dual_average_end(const struct dual_average *a);             /* the step to keep */

/* The schedule 75, 25, 50, 100, .., 50 of 1000 iterations; in proportion where there are fewer than 150. */
struct windows {
    uint32_t n, initial, terminal, size, next, count;
};
void windows_start(struct windows *w, uint32_t n_warmup);
bool windows_inside(const struct windows *w); /* does this iteration's draw count for the variance? */
bool windows_advance(struct windows *w);      /* to the next iteration; true: a window ended with this one */

/* Running variances (Welford). */
struct variances {
    uint32_t n_dim;
    uint64_t count;
    double *mean, *m2; /* the caller's */
};
void variances_start(struct variances *v);
void variances_add(struct variances *v, const double *q);
/* Shrunk towards 1e-3 as if five more draws said so; -> the inverse metric. */
void variances_shrunk(const struct variances *v, double *ret);

#endif
