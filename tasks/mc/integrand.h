/* integrand.h - the functions that can be integrated: an expression, or one of the named families. */
#ifndef TASKS_MC_INTEGRAND_H
#define TASKS_MC_INTEGRAND_H

#include <stdint.h>

#include "mc/expr.h"

struct integrand;

/* Values at n points of `dim` numbers, row-major. */
typedef void (*integrand_f)(const struct integrand *g, const double *points, uint32_t n, double *ret);

struct integrand {
    integrand_f values;
    uint32_t dim;
    const double *a, *u; /* parameters of a family, dim numbers each; NULL if it has none */
    double *owned;       /* where a, u and what is derived from them live */
    struct expr *expr;
};

/* For qx_param: the families, ends with NULL. */
extern const char *const integrand_names[];

/* Whether a family takes a= and u=. */
bool integrand_takes(const char *name, char which);

/* A family by name, which must be one of the list. a and u hold n_a and n_u numbers: none, one for all, or one a dimension
 * (checked by the caller). False if memory ran out. */
bool integrand_family(struct integrand *g, const char *name, uint32_t dim, const double *a, size_t n_a,
                      const double *u, size_t n_u);
/* Takes the expression over. */
void integrand_expr(struct integrand *g, struct expr *e, uint32_t dim);
void integrand_fini(struct integrand *g);

#endif
