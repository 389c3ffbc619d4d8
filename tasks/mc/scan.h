/* scan.h - the first look at an expression: is it made of words we know? It finds what muParser would accept and
 * should not (assignment, text, lists) and gives positions and names that help. Pure. */
#ifndef TASKS_MC_SCAN_H
#define TASKS_MC_SCAN_H

#include "shared/place.h"

enum { EXPR_BYTES_MAX = 4096, EXPR_DEPTH_MAX = 200 };

/* False, with the reason, for: an empty or too long text, a character that has no meaning, brackets that do not match
 * or are too deep, a name that is not in `names`, `=` where `==` is meant, a comma outside of brackets. */
bool scan_check(const char *text, const char *shown, const char *const *names, size_t n_names,
                char ret_error[PLACE_BYTES]);

bool scan_is_name(const char *text, size_t len);

#endif
