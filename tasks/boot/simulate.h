/* simulate.h - resamples whose numbers are drawn anew: from distributions fitted to the columns (parametric bootstrap), or for a
 * linear model from its fit and errors (parametric with normal errors; wild).
 *
 * A fit belongs to a stratum. Normal: mean and standard deviation with divisor n - 1 (Efron & Tibshirani 1993, section 6.5), of
 * several columns jointly with their covariances. The other distributions, of one column, by maximum likelihood. */
#ifndef TASKS_BOOT_SIMULATE_H
#define TASKS_BOOT_SIMULATE_H

#include "boot/columns.h"
#include "boot/data.h"
#include "quincunx/task.h"

enum dist {
    DIST_NORMAL,
    DIST_LOGNORMAL,
    DIST_EXPONENTIAL,
    DIST_GAMMA,
    DIST_WEIBULL,
    DIST_POISSON,
    DIST_UNIFORM,
    DIST_COUNT
};

extern const char *const dist_names[DIST_COUNT];

/* What the parameters of one column's fit are called; NULL: it has no second. */
extern const char *const dist_params[DIST_COUNT][2];

struct simulation {
    enum dist dist;
    uint32_t n_sources;
    uint32_t places[COLUMNS_MAX];      /* of the columns that are drawn, */
    const double *values[COLUMNS_MAX]; /* their numbers in the data, */
    const char *names[COLUMNS_MAX];    /* and names */
    double
        *fits; /* by stratum: n_sources means and a lower triangle of (n_sources)^2, or the two parameters */
    double *z; /* n_sources, work space */
};

/* Fits every column of numbers in use. Errors (a value outside of the distribution) were told to ctx. */
qx_err simulate_open(struct qx_ctx *ctx, enum dist dist, const struct data *d, const struct columns *columns,
                     struct simulation *ret);
void simulate_fini(struct simulation *s);

/* Parameters of a stratum: dist_params of the only column; of several columns the means. */
const double *simulate_fit(const struct simulation *s, uint32_t stratum);

/* The standard deviation of a normal column. */
double simulate_sd(const struct simulation *s, uint32_t stratum, uint32_t column);

/* Draws the data of an item into columns->simulated, and derives the expressions. */
void simulate_item(struct qx_ctx *ctx, const struct simulation *s, const struct data *d, uint64_t item,
                   struct columns *columns);

#endif
