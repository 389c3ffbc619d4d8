/* terms.h - a probability given as an expression, as a sum of terms: positive numbers times powers of parameters. Pure.
 *
 * What has a minus in it (a bracket, or the whole) is rewritten: since the parameters of a simplex add up to 1, each of its terms may be
 * multiplied by their sum until all have the same degree, and that form is unique. So with p + q + r = 1 the expression
 * 1 - p is q + r, and 1 - (1 - p)^2 is p^2 + 2 p q + 2 p r. What has no minus stays as it is. */
#ifndef TASKS_EM_TERMS_H
#define TASKS_EM_TERMS_H

#include "em/simplex.h"
#include "mc/poly.h"
#include "model/syntax.h"

/* False, with the place, for: a name that is no parameter, functions and other operators, a term that stays negative, too
 * many terms or too high a power. */
bool terms_read(struct poly *ret, const struct syntax *s, const struct simplexes *x,
                struct syntax_error *err);

/* Adds the names in an expression that are new to the last simplex of x. */
bool terms_collect(const struct node *n, struct simplexes *x, char ret_error[MISTAKE_BYTES]);

#endif
