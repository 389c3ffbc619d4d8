/* arith.h - an expression of columns and parameters, ready to be evaluated for many rows at a time, and differentiated exactly
 * (forward mode) with respect to the parameters. R's operators and functions; comparisons give 1 or 0. Pure; one thread.
 *
 * Functions: abs acos asin atan cos cosh exp expm1 floor ceiling gamma ifelse lgamma log (one or two arguments) log10 log1p log2
 * max min (of numbers in the same row, as R's pmax, pmin) plogis qlogis pnorm round (half to even) sign sin sinh sqrt tan tanh
 * trunc, I() and as.numeric(); constants pi, TRUE, FALSE, T, F. */
#ifndef TASKS_MODEL_ARITH_H
#define TASKS_MODEL_ARITH_H

#include "model/syntax.h"

enum { ARITH_PARAMS_MAX = 64 };

/* What names stand for. */
struct arith_names {
    /* The place of an input (column) or, with *ret_is_param, of a parameter; negative: nothing, and `err` says why. */
    int (*find)(void *arg, const struct node *name, bool *ret_is_param, struct syntax_error *err);
    /* For x == "text": the input of a column of texts (negative as above), and the number that it holds where it is
     * `text`, or one that it never holds. NULL: texts are mistakes. */
    int (*find_level)(void *arg, const struct node *name, const char *text, double *ret_level,
                      struct syntax_error *err);
    void *arg;
};

struct arith;

/* NULL on a mistake or where memory ran out, with a text. `s` is for texts of mistakes only. At most ARITH_PARAMS_MAX params. */
struct arith *arith_new(const struct syntax *s, const struct node *n, const struct arith_names *names,
                        uint32_t n_params, struct syntax_error *err);
struct arith *arith_free(struct arith *a); /* NULL is fine; returns NULL */

/* At n rows; inputs[i] has n numbers. NaN or infinite where there is no value. */
void arith_values(struct arith *a, const double *const *inputs, const double *params, uint32_t n,
                  double *ret);
/* The same, and ret_slopes[j * n + i]: the derivative by parameter j in row i. */
void arith_slopes(struct arith *a, const double *const *inputs, const double *params, uint32_t n, double *ret,
                  double *ret_slopes);

bool arith_is_function(const char *name);
/* Does it give a truth value, as a comparison does? Through I() and parentheses. */
bool arith_is_logical(const struct node *n);

#endif
