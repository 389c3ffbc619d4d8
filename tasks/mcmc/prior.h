/* prior.h - prior densities of single parameters, and the text that names them:
 *     beta=normal(0,10), beta[2]=student_t(3,0,2.5), sigma=half_cauchy(2.5)
 * Log densities are up to a constant. Pure. */
#ifndef TASKS_MCMC_PRIOR_H
#define TASKS_MCMC_PRIOR_H

#include "shared/place.h"

enum { PRIOR_NAME_BYTES = 96, PRIORS_MAX = 128 };

enum prior_kind {
    PRIOR_FLAT,
    PRIOR_NORMAL,    /* mean, sd */
    PRIOR_STUDENT_T, /* degrees of freedom, location, scale */
    PRIOR_CAUCHY,    /* location, scale */
    PRIOR_LAPLACE,   /* location, scale */
    /* of parameters that are positive */
    PRIOR_LOG_FLAT,    /* 1/x */
    PRIOR_HALF_NORMAL, /* scale */
    PRIOR_HALF_CAUCHY, /* scale */
    PRIOR_HALF_T,      /* degrees of freedom, scale */
    PRIOR_EXPONENTIAL, /* rate */
    PRIOR_GAMMA,       /* shape, rate */
    PRIOR_INV_GAMMA,   /* shape, scale */
    PRIOR_LOGNORMAL,   /* mean and sd of the logarithm */
    PRIOR_KIND_COUNT
};

struct prior {
    enum prior_kind kind;
    double arg[3];
};

/* The log density at x; its derivative is added to *grad unless that is NULL. */
double prior_log_density(const struct prior *p, double x, double *grad);
bool prior_is_proper(const struct prior *p);
/* As it is written. */
void prior_format(const struct prior *p, char *ret, size_t len_bytes);

/* What the user said. */
struct priors {
    uint32_t n;
    struct {
        char name[PRIOR_NAME_BYTES];
        struct prior prior;
        bool used;
    } of[PRIORS_MAX];
};

/* False, with a text that shows the place. */
bool priors_parse(struct priors *p, const char *text, char ret_error[PLACE_BYTES]);

/* The prior of a parameter: what was said of `name` last, else of `family` (may be NULL: "beta" for
 * beta[2]), else `fallback`. `positive`: kinds for positive parameters are allowed, flat means flat over
 * them. False, with a text: the kind does not fit. */
bool priors_find(struct priors *p, const char *name, const char *family, bool positive, struct prior fallback,
                 struct prior *ret, char ret_error[PLACE_BYTES]);
/* The first name nobody asked for, NULL if there is none. */
const char *priors_unused(const struct priors *p);

#endif
