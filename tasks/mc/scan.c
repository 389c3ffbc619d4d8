#include "mc/scan.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/nearest.h"

enum { EXCERPT = 24 };

static bool is_cont(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static bool starts_name(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

static bool in_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static size_t characters(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += !is_cont(text[i]);
    return n;
}

/* Up to EXCERPT bytes before `at` and after `end`, whole characters only. */
static void excerpt(char *ret, size_t size, const char *text, size_t at, size_t end)
{
    size_t len = strlen(text), from = at > EXCERPT ? at - EXCERPT : 0;
    size_t to = len - end > EXCERPT ? end + EXCERPT : len;
    while (from < at && is_cont(text[from]))
        from++;
    while (to > end && to < len && is_cont(text[to]))
        to--;
    (void)snprintf(ret, size, "%s%.*s <-- here%s%.*s%s", from > 0 ? ".." : "", (int)(end - from), text + from,
                   end < len ? " " : "", (int)(to - end), text + end, to < len ? ".." : "");
}

void scan_error(char ret[EXPR_ERROR_BYTES], const char *text, size_t at, size_t len, const char *fmt, ...)
{
    char where[3 * EXCERPT + 64], what[96];
    size_t total = strlen(text);
    at = at > total ? total : at;
    len = len > total - at ? total - at : len;
    len = len > EXCERPT ? EXCERPT : len;
    while (len > 0 && at + len < total && is_cont(text[at + len]))
        len--;
    va_list ap;
    va_start(ap, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is started above */
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    excerpt(where, sizeof where, text, at, at + len);
    (void)snprintf(ret, EXPR_ERROR_BYTES, "%s at position %zu: %s", what, characters(text, at) + 1, where);
}

bool scan_is_name(const char *text, size_t len)
{
    if (len == 0 || len > 63 || !starts_name(text[0]))
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!in_name(text[i]))
            return false;
    }
    return true;
}

static size_t skip_digits(const char *text, size_t i)
{
    while (isdigit((unsigned char)text[i]))
        i++;
    return i;
}

/* 12, 1.5, .5, 1e-3; an `e` that no digits follow is left to be a name. */
static size_t skip_number(const char *text, size_t i)
{
    i = skip_digits(text, i);
    if (text[i] == '.')
        i = skip_digits(text, i + 1);
    if (text[i] == 'e' || text[i] == 'E') {
        size_t j = i + 1 + (text[i + 1] == '+' || text[i + 1] == '-');
        if (isdigit((unsigned char)text[j]))
            i = skip_digits(text, j);
    }
    return i;
}

/* muParser reads 0x.. and names right after numbers in its own ways: here they are mistakes. */
static bool check_number(const char *text, size_t *i, char *err)
{
    size_t start = *i, end = skip_number(text, start);
    if (!isdigit((unsigned char)text[start]) && !isdigit((unsigned char)text[start + 1])) {
        scan_error(err, text, start, 1, "unexpected \".\"");
        return false;
    }
    if (starts_name(text[end]) || text[end] == '.') {
        scan_error(err, text, end, 1, text[end] == '.' ? "not a number" : "an operator such as * is missing");
        return false;
    }
    *i = end;
    return true;
}

static bool check_name(const char *text, size_t *i, const char *const *names, size_t n_names, char *err)
{
    size_t start = *i, end = start;
    while (in_name(text[end]))
        end++;
    *i = end;
    for (size_t k = 0; k < n_names; k++) {
        if (strlen(names[k]) == end - start && memcmp(names[k], text + start, end - start) == 0)
            return true;
    }
    const char *near = nearest(text + start, end - start, names, n_names);
    int shown = end - start > EXCERPT ? EXCERPT : (int)(end - start);
    scan_error(err, text, start, end - start,
               near ? "unknown name \"%.*s\" (did you mean \"%s\"?)" : "unknown name \"%.*s\"", shown,
               text + start, near);
    return false;
}

static bool check_equals(const char *text, size_t *i, char *err)
{
    size_t at = *i;
    *i = at + 1;
    if (text[at] == '=' && text[at + 1] != '=') {
        scan_error(err, text, at, 1, "\"=\" cannot assign here; to compare, write \"==\",");
        return false;
    }
    if (text[at + 1] == '=')
        *i = at + 2;
    return true;
}

/* Where we are between brackets. */
struct nest {
    size_t open[EXPR_DEPTH_MAX];
    size_t depth;
};

static bool check_bracket(const char *text, size_t *i, struct nest *n, char *err)
{
    char c = text[*i];
    if (c == '(' && n->depth == EXPR_DEPTH_MAX) {
        scan_error(err, text, *i, 1, "brackets nested too deep");
        return false;
    }
    if (c == ')' && n->depth == 0) {
        scan_error(err, text, *i, 1, "\")\" without \"(\"");
        return false;
    }
    if (c == '(')
        n->open[n->depth++] = *i;
    else
        n->depth--;
    *i += 1;
    return true;
}

static bool check_token(const char *text, size_t *i, const char *const *names, size_t n_names,
                        struct nest *nest, char *err)
{
    char c = text[*i];
    if (isdigit((unsigned char)c) || c == '.')
        return check_number(text, i, err);
    if (starts_name(c))
        return check_name(text, i, names, n_names, err);
    if (c == '(' || c == ')')
        return check_bracket(text, i, nest, err);
    if (c == '=' || c == '<' || c == '>' || (c == '!' && text[*i + 1] == '='))
        return check_equals(text, i, err);
    if (c == ',' && nest->depth == 0) {
        scan_error(err, text, *i, 1, "unexpected \",\"");
        return false;
    }
    if ((c == '&' || c == '|') && text[*i + 1] == c) {
        *i += 2;
        return true;
    }
    if (strchr("+-*/^?:, ", c)) {
        *i += 1;
        return true;
    }
    size_t len = 1;
    while (is_cont(text[*i + len]))
        len++;
    scan_error(err, text, *i, len, "unexpected character");
    return false;
}

bool scan_check(const char *text, const char *const *names, size_t n_names, char ret_error[EXPR_ERROR_BYTES])
{
    struct nest nest = {.depth = 0};
    size_t len = strlen(text), i = 0;
    if (strspn(text, " ") == len) {
        (void)snprintf(ret_error, EXPR_ERROR_BYTES, "the expression is empty");
        return false;
    }
    if (len > EXPR_BYTES_MAX) {
        (void)snprintf(ret_error, EXPR_ERROR_BYTES, "the expression is longer than %d bytes", EXPR_BYTES_MAX);
        return false;
    }
    while (text[i]) {
        if (!check_token(text, &i, names, n_names, &nest, ret_error))
            return false;
    }
    if (nest.depth > 0) {
        scan_error(ret_error, text, nest.open[nest.depth - 1], 1, "\"(\" is never closed:");
        return false;
    }
    return true;
}
