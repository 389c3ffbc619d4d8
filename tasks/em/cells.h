/* cells.h - counts of categories whose probabilities are sums of terms, each a positive number times powers of parameters: the two
 * steps of EM, and derivatives. Pure; only the functions that say so allocate. */
#ifndef TASKS_EM_CELLS_H
#define TASKS_EM_CELLS_H

#include "em/fit.h"
#include "em/simplex.h"
#include "mc/poly.h"

enum { CELLS_MAX = 1000, CELL_NAME_BYTES = 40 };

struct cell {
    char name[CELL_NAME_BYTES];
    double count;
    uint32_t first, n; /* its terms */
};

/* A power of a parameter. */
struct factor {
    uint16_t param, power;
};

struct term {
    double coefficient;
    uint32_t first, n; /* its factors */
};

struct cells {
    struct simplexes simplexes;
    uint32_t n, n_terms, n_factors;
    struct cell *cells;
    struct term *terms;
    struct factor *factors;
    double total;    /* of the counts */
    double constant; /* the logarithm of the multinomial coefficient */
};

/* Adds a cell without a count. False: out of memory. */
bool cells_add(struct cells *c, const char *name, const struct poly *p);
void cells_fini(struct cells *c); /* a zeroed one is fine */

/* After the counts were set. */
void cells_count(struct cells *c);

double cells_probability(const struct cells *c, uint32_t cell, const double *point);
/* The E-step: how often each parameter is expected to have been drawn, given the counts; and the log-likelihood without its
 * constant. False: a cell that was observed has the probability 0. */
bool cells_expect(const struct cells *c, const double *point, double *ret_drawn, double *ret_kernel);
/* The M-step, in place; gives the largest change. A simplex that nothing was drawn from stays. */
double cells_maximise(const struct cells *c, const double *drawn, double *point);
/* First and second derivatives of the log-likelihood, as if parameters did not add up to 1: n_params, n_params^2 numbers. */
void cells_derivatives(const struct cells *c, const double *point, double *ret_first, double *ret_second);

/* What fit_run() improves: a point, in place. */
struct cells_fit {
    const struct cells *cells;
    double *point, *drawn;
};
extern const struct fit_steps
    cells_steps; /* of a struct cells_fit; the log-likelihood is without its constant */

#endif
