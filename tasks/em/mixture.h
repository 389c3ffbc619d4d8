/* mixture.h - a mixture of k normal distributions in p dimensions, and the two steps of EM. Pure; nothing here allocates but
 * the two init functions. */
#ifndef TASKS_EM_MIXTURE_H
#define TASKS_EM_MIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "em/fit.h"

enum { MIXTURE_K_MAX = 50, MIXTURE_P_MAX = 20 };

/* The rows to fit: n x p numbers, row-major. */
struct rows {
    uint32_t n, p;
    double *x;
    double mean[MIXTURE_P_MAX];
    double cov[MIXTURE_P_MAX * MIXTURE_P_MAX]; /* divisor n */
};

/* What all components have in common. */
struct shape {
    uint32_t k, p;
    bool diagonal; /* covariances are 0; always so where p = 1 */
    bool equal;    /* one covariance matrix for all */
};

struct mixture {
    struct shape shape;
    double *lambda; /* k */
    double *mean;   /* k x p */
    double *cov;    /* k x p x p, symmetric */
    double *owned;
};
bool mixture_init(struct mixture *m, struct shape shape); /* false: out of memory */
void mixture_fini(struct mixture *m);
void mixture_copy(struct mixture *to, const struct mixture *from); /* of the same shape */
/* Free numbers: weights, means, covariances. */
uint32_t mixture_parameters(struct shape shape);

/* What an E-step gathers: for each component the sums over rows of the posterior probability w, w d and w d d', with d = x - mean. */
struct sums {
    struct shape shape;
    double *weight; /* k */
    double *first;  /* k x p */
    double *second; /* k x p x p, lower triangle */
    /* the components as the E-step wants them */
    double *log_scale; /* k: log lambda - log sqrt det(2 pi cov) */
    double *inverse;   /* k x p x p: of the lower Cholesky factor */
    double *work;      /* k + p + k x p */
    double *owned;
};
bool sums_init(struct sums *s, struct shape shape);
void sums_fini(struct sums *s);

/* Reads the components. DEGENERATE: in some direction one is narrower than `floor` (a share of the standard deviation of the
 * data). EMPTY: a weight is 0. */
enum step sums_prepare(struct sums *s, const struct mixture *m, const struct rows *data, double floor);
/* The E-step after sums_prepare(): gives the log-likelihood. */
double sums_gather(struct sums *s, const struct mixture *m, const struct rows *data);
/* The posterior probabilities of one row (k numbers), after sums_prepare(); gives the log density. */
double sums_posterior(const struct sums *s, const struct mixture *m, const double *x, double *ret);
/* The M-step: from the components of the E-step to new ones, in place. Gives the largest change: of weights, of means and
 * standard deviations in units of those of the data. */
enum step mixture_maximise(struct mixture *m, const struct sums *s, const struct rows *data,
                           double *ret_change);

/* What fit_run() improves: the components, in place. */
struct mixture_fit {
    struct mixture *mixture;
    struct sums *sums; /* scratch of the same shape */
    const struct rows *data;
    double floor; /* see sums_prepare() */
};
extern const struct fit_steps mixture_steps; /* of a struct mixture_fit */

#endif
