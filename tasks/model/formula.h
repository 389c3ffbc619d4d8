/* formula.h - a model formula in R's syntax, taken apart into variables and terms as R's terms() does.
 *
 * y ~ a + b*c + a:b + a/b + (a + b)^2 + I(x^2) + log(x) + poly(x, 3) + factor(g) + offset(log(t)) - 1 + 0 + .
 * The left side: an expression, cbind(success, failure), or nothing. Terms are sorted by their number of variables, then by
 * first appearance; a variable is any text that R deparses alike. Pure: what the columns hold comes in with frame.h. */
#ifndef TASKS_MODEL_FORMULA_H
#define TASKS_MODEL_FORMULA_H

#include "model/syntax.h"

enum { FORMULA_VARS_MAX = 64, FORMULA_TERMS_MAX = 512 };

struct formula_var {
    const char *name; /* as R deparses it */
    const struct node *node;
};

struct formula {
    struct syntax *syntax;
    uint32_t n_vars;
    struct formula_var *vars; /* those of the response first, then as they appear */
    uint32_t n_response;      /* 0: one side only; 1; 2: cbind(success, failure) */
    char *response;           /* its name as R deparses it; "" for none */
    bool intercept;
    uint32_t n_terms;
    uint64_t *terms;              /* bit v: variable v is in the term */
    uint64_t offsets;             /* bit v: variable v is offset(..); its node is the argument */
    struct formula_chunk *chunks; /* what all of this lies in */
};

/* `columns`: what "." stands for, without those that the left side uses and those in `left_out` (NULL for none).
 * NULL on a mistake, with where it is. */
struct formula *formula_new(const char *text, const char *const *columns, uint32_t n_columns,
                            const char *const *left_out, uint32_t n_left_out, struct syntax_error *err);
struct formula *formula_free(struct formula *f); /* NULL is fine; returns NULL */

/* Does any of its variables use the column? */
bool formula_uses(const struct formula *f, const char *column);

/* The name of a term, "a:b"; cut at the end of the buffer. */
void formula_term_name(const struct formula *f, uint32_t term, char *ret, size_t ret_bytes);

#endif
