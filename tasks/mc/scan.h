/* scan.h - the first look at an expression: is it made of words we know? It finds what muParser would accept and
 * should not (assignment, text, lists) and gives positions and names that help. Pure. */
#ifndef TASKS_MC_SCAN_H
#define TASKS_MC_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum { EXPR_BYTES_MAX = 4096, EXPR_DEPTH_MAX = 200, EXPR_ERROR_BYTES = 272 };

/* Writes "WHAT at position P: EXPRESSION", cut to fit and marked where it went wrong. `at` is a byte offset into
 * `text`, `len` how many bytes are at fault (0: the end); positions count characters from 1. */
void scan_error(char ret[EXPR_ERROR_BYTES], const char *text, size_t at, size_t len, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* False, with the reason, for: an empty or too long text, a character that has no meaning, brackets that do not match
 * or are too deep, a name that is not in `names`, `=` where `==` is meant, a comma outside of brackets. */
bool scan_check(const char *text, const char *const *names, size_t n_names, char ret_error[EXPR_ERROR_BYTES]);

bool scan_is_name(const char *text, size_t len);

#endif
