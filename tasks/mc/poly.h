/* poly.h - polynomials in named variables, from the text of an expression: for means that are known exactly. Pure. */
#ifndef TASKS_MC_POLY_H
#define TASKS_MC_POLY_H

#include <stdbool.h>
#include <stdint.h>

enum { POLY_TERMS_MAX = 512, POLY_DEGREE_MAX = 32 };

struct poly {
    uint32_t dim, n_terms;
    double *coefficient;
    uint8_t *power; /* n_terms x dim */
};

/* Operations for polynomials in the same variables; they consume their arguments. What cannot be done (too many terms, too high
 * a power, no memory), or takes part in such a thing, has dim = 0. */
struct poly poly_constant(uint32_t dim, double value);
struct poly poly_copy(const struct poly *p); /* does not consume it */
struct poly poly_variable(uint32_t dim, uint32_t j);
struct poly poly_add(struct poly a, struct poly b, double sign); /* a + sign b */
struct poly poly_multiply(struct poly a, struct poly b);
struct poly poly_divide(struct poly a, struct poly b); /* b is a number, and not 0 */
struct poly poly_power(struct poly a, struct poly exponent);
/* A number? */
bool poly_is_constant(const struct poly *p, double *ret);

/* Reads an expression that muParser accepts. False: it is no polynomial (or one with too many terms), or memory ran out. */
bool poly_parse(struct poly *p, const char *text, const char *const *names, uint32_t dim);
void poly_fini(struct poly *p);

/* The mean where the mean of the k-th power of variable j is moment(arg, j, k), and variables are independent. */
double poly_mean(const struct poly *p, double (*moment)(const void *arg, uint32_t j, unsigned k),
                 const void *arg);

#endif
