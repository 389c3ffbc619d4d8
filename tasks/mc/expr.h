/* expr.h - a real function of named variables, given as text and evaluated by muParser.
 *
 * Operators: + - * / ^ (right to left; -x^2 is -(x^2)), comparisons < <= > >= == != giving 1 or 0, && ||, a ? b : c.
 * Constants pi, e. Functions: see expr_function_names(). One thread. */
#ifndef TASKS_MC_EXPR_H
#define TASKS_MC_EXPR_H

#include <stdint.h>

#include "mc/scan.h"

struct expr;

/* Fails with a text that names the position. `names` (n of them, no function or constant among them) are copied. `shown`: what
 * the user wrote, as long as the text, for messages; NULL: the text. */
struct expr *expr_new(const char *text, const char *shown, const char *const *names, uint32_t n,
                      char ret_error[PLACE_BYTES]);
void expr_free(struct expr *e);

/* The value of an expression without variables. False, with a reason, if there is none that is finite. */
bool expr_constant(const char *text, double *ret, char ret_error[PLACE_BYTES]);

/* The value at x (n numbers). NaN or infinite where it has none. */
double expr_value(struct expr *e, const double *x);
/* The same at each of n_points points, row-major. */
void expr_values(struct expr *e, const double *points, uint32_t n_points, double *ret);

/* True if `name` is a function or a constant and so cannot name a variable. */
bool expr_is_taken(const char *name);

#endif
