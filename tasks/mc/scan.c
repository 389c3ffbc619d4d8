#include "mc/scan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "shared/nearest.h"

enum { NAME_SHOWN = 24 };

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

/* Where we are, and the brackets that are open. */
struct look {
    const char *text, *shown;
    size_t at;
    const char *const *names;
    size_t n_names, depth, open[EXPR_DEPTH_MAX];
    char *error;
};

static bool fail(const struct look *l, size_t at, size_t len, const char *what)
{
    return place_error(l->error, l->shown, at, len, "%s", what);
}

/* muParser reads 0x.. and names right after numbers in its own ways: here they are mistakes. */
static bool check_number(struct look *l)
{
    const char *text = l->text;
    size_t start = l->at, end = skip_number(text, start);
    if (!isdigit((unsigned char)text[start]) && !isdigit((unsigned char)text[start + 1]))
        return fail(l, start, 1, "unexpected \".\"");
    if (starts_name(text[end]) || text[end] == '.')
        return fail(l, end, 1, text[end] == '.' ? "not a number" : "an operator such as * is missing");
    l->at = end;
    return true;
}

static bool check_name(struct look *l)
{
    const char *name = l->text + l->at;
    size_t len = 0;
    while (in_name(name[len]))
        len++;
    for (size_t k = 0; k < l->n_names; k++) {
        if (strlen(l->names[k]) == len && memcmp(l->names[k], name, len) == 0) {
            l->at += len;
            return true;
        }
    }
    const char *near = nearest(name, len, l->names, l->n_names);
    return place_error(l->error, l->shown, l->at, len,
                       near ? "unknown name \"%.*s\" (did you mean \"%s\"?)" : "unknown name \"%.*s\"",
                       len > NAME_SHOWN ? NAME_SHOWN : (int)len, name, near);
}

static bool check_equals(struct look *l)
{
    bool two = l->text[l->at + 1] == '=';
    if (l->text[l->at] == '=' && !two)
        return fail(l, l->at, 1, "\"=\" cannot assign here; to compare, write \"==\",");
    l->at += two ? 2 : 1;
    return true;
}

static bool check_bracket(struct look *l)
{
    bool opens = l->text[l->at] == '(';
    if (opens && l->depth == EXPR_DEPTH_MAX)
        return fail(l, l->at, 1, "brackets nested too deep");
    if (!opens && l->depth == 0)
        return fail(l, l->at, 1, "\")\" without \"(\"");
    if (opens)
        l->open[l->depth++] = l->at;
    else
        l->depth--;
    l->at++;
    return true;
}

static bool check_token(struct look *l)
{
    const char *p = l->text + l->at;
    if (isdigit((unsigned char)*p) || *p == '.')
        return check_number(l);
    if (starts_name(*p))
        return check_name(l);
    if (*p == '(' || *p == ')')
        return check_bracket(l);
    if (*p == '=' || *p == '<' || *p == '>' || (*p == '!' && p[1] == '='))
        return check_equals(l);
    if (*p == ',' && l->depth == 0)
        return fail(l, l->at, 1, "unexpected \",\"");
    if ((*p == '&' || *p == '|') && p[1] == *p) {
        l->at += 2;
        return true;
    }
    if (strchr("+-*/^?:, ", *p)) {
        l->at++;
        return true;
    }
    size_t len = 1;
    while (is_cont(p[len]))
        len++;
    return fail(l, l->at, len, "unexpected character");
}

bool scan_check(const char *text, const char *shown, const char *const *names, size_t n_names,
                char ret_error[PLACE_BYTES])
{
    struct look l = {.text = text, .shown = shown, .names = names, .n_names = n_names, .error = ret_error};
    size_t len = strlen(text);
    if (strspn(text, " ") == len) {
        (void)snprintf(ret_error, PLACE_BYTES, "the expression is empty");
        return false;
    }
    if (len > EXPR_BYTES_MAX) {
        (void)snprintf(ret_error, PLACE_BYTES, "the expression is longer than %d bytes", EXPR_BYTES_MAX);
        return false;
    }
    while (text[l.at]) {
        if (!check_token(&l))
            return false;
    }
    return l.depth == 0 || fail(&l, l.open[l.depth - 1], 1, "\"(\" is never closed:");
}
