/* family.h - error distributions and links of generalized linear models, with the guards of R's family(). Pure. */
#ifndef TASKS_MODEL_FAMILY_H
#define TASKS_MODEL_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

enum family { FAMILY_GAUSSIAN, FAMILY_BINOMIAL, FAMILY_POISSON, FAMILY_GAMMA, FAMILY_COUNT };
enum link {
    LINK_IDENTITY,
    LINK_LOG,
    LINK_LOGIT,
    LINK_PROBIT,
    LINK_CLOGLOG,
    LINK_INVERSE,
    LINK_SQRT,
    LINK_COUNT
};

extern const char *const family_names[FAMILY_COUNT + 1]; /* ends with NULL */
extern const char *const link_names[LINK_COUNT + 1];

enum link family_default_link(enum family f);
bool family_takes_link(enum family f, enum link l);
bool family_known_dispersion(enum family f); /* 1: binomial and poisson */

/* Why a response cannot be of the family; NULL if it can. */
const char *family_check(enum family f, const double *y, const double *weights, uint32_t n);
/* Where the iteration starts. */
double family_start(enum family f, double y, double weight);
double family_variance(enum family f, double mu);
double family_deviance(enum family f, double y, double mu, double weight);
bool family_mu_ok(enum family f, double mu);
/* -2 log likelihood of n rows; dev: their deviance. Rows of weight 0 count for nothing. */
double family_minus_2_log_lik(enum family f, const double *y, const double *trials, const double *mu,
                              const double *weights, uint32_t n, double dev);

double link_eta(enum link l, double mu);
double link_mu(enum link l, double eta);
double link_slope(enum link l, double eta); /* d mu / d eta */
bool link_eta_ok(enum link l, double eta);

#endif
