#include "shared/law.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/nearest.h"

enum { LAWS_MAX = 32, NUMBER_BYTES = 256 };

struct reader {
    const struct law *laws;
    uint32_t n_laws;
    const char *param, *text;
    size_t at;
    law_number_f number;
    char *error;
};

int law_usage(const struct law *l, char ret[LAW_USAGE_BYTES])
{
    int len = snprintf(ret, LAW_USAGE_BYTES, "%s", l->name);
    for (uint32_t i = 0; i < l->n && len < LAW_USAGE_BYTES; i++)
        len += snprintf(ret + len, (size_t)(LAW_USAGE_BYTES - len), "%s%s%s", i == 0 ? "(" : ", ",
                        l->numbers[i].name, i + 1 == l->n ? ")" : "");
    return len;
}

static void blanks(struct reader *r)
{
    r->at += strspn(r->text + r->at, " \t");
}

static bool expected(const struct reader *r, const struct law *l, const char *what)
{
    char usage[LAW_USAGE_BYTES];
    (void)law_usage(l, usage);
    return place_error(r->error, r->text, r->at, PLACE_WORD, "%s: expected %s as in %s", r->param, what,
                       usage);
}

static bool read_name(struct reader *r, uint32_t *ret)
{
    const char *names[LAWS_MAX], *from = r->text + r->at;
    size_t len = strcspn(from, "(), \t;="), n = 0;
    char all[160] = "";
    for (uint32_t k = 0; k < r->n_laws; k++) {
        names[k] = r->laws[k].name;
        n += (size_t)snprintf(all + n, sizeof all - n, " %s", names[k]);
        if (strlen(names[k]) == len && memcmp(names[k], from, len) == 0) {
            *ret = k;
            r->at += len;
            return true;
        }
    }
    const char *near = nearest(from, len, names, r->n_laws);
    int shown = len > 20 ? 20 : (int)len;
    if (near)
        return place_error(r->error, r->text, r->at, len,
                           "%s: unknown distribution \"%.*s\" (did you mean \"%s\"?)", r->param, shown, from,
                           near);
    return place_error(r->error, r->text, r->at, len, "%s: unknown distribution \"%.*s\"; there are%s",
                       r->param, shown, from, all);
}

static bool read_decimal(const char *text, double *ret)
{
    char *end;
    *ret = strtod(text, &end);
    return *text && !*end && strspn(text, "0123456789.eE+-") == strlen(text);
}

/* Up to the comma or bracket that ends it. */
static size_t number_bytes(const char *from)
{
    size_t len = 0;
    for (int depth = 0; from[len] && !(depth == 0 && strchr(",)", from[len])); len++)
        depth += (from[len] == '(') - (from[len] == ')');
    while (len > 0 && from[len - 1] == ' ')
        len--;
    return len;
}

static bool read_number(struct reader *r, const struct law *l, uint32_t i, double *ret)
{
    const struct law_number *is = &l->numbers[i];
    char text[NUMBER_BYTES], why[PLACE_BYTES], usage[LAW_USAGE_BYTES];
    blanks(r);
    size_t len = number_bytes(r->text + r->at);
    (void)snprintf(text, sizeof text, "%.*s", (int)(len < sizeof text ? len : 0), r->text + r->at);
    (void)law_usage(l, usage);
    if (!r->number && !read_decimal(text, ret))
        return expected(r, l, "a number");
    if (r->number && !r->number(text, ret, why)) {
        (void)snprintf(r->error, PLACE_BYTES, "%s: in %s: %s", r->param, usage, why);
        return false;
    }
    if (!isfinite(*ret) || !(*ret > is->above && *ret < is->below)) {
        char range[64] = "finite";
        if (isfinite(is->below))
            (void)snprintf(range, sizeof range, "between %g and %g", is->above, is->below);
        else if (isfinite(is->above))
            (void)snprintf(range, sizeof range, "above %g", is->above);
        return place_error(r->error, r->text, r->at, len, "%s: %s must be %s in %s", r->param, is->name,
                           range, usage);
    }
    r->at += len;
    blanks(r);
    return true;
}

static bool read_numbers(struct reader *r, const struct law *l, double *ret)
{
    if (r->text[r->at] != '(')
        return l->n_least == 0 || expected(r, l, "\"(\"");
    for (uint32_t i = 0; r->text[r->at] != ')' || (i != l->n && i != l->n_least);) {
        if (i > 0 && (i == l->n || r->text[r->at] != ','))
            return expected(r, l, i == l->n ? "\")\"" : "\",\"");
        r->at++;
        if (!read_number(r, l, i, &ret[i]))
            return false;
        i++;
    }
    r->at++;
    return true;
}

bool law_read(const struct law *laws, uint32_t n_laws, const char *param, const char *text, size_t *at,
              law_number_f number, struct law_value *ret, char ret_error[PLACE_BYTES])
{
    struct reader r = {laws, n_laws, param, text, *at, number, ret_error};
    blanks(&r);
    if (!read_name(&r, &ret->which))
        return false;
    const struct law *l = &laws[ret->which];
    for (uint32_t i = 0; i < LAW_NUMBERS_MAX; i++)
        ret->number[i] = l->numbers[i].usual;
    blanks(&r);
    if (l->n == 0 && text[r.at] == '(')
        return place_error(ret_error, text, r.at, PLACE_WORD, "%s: %s takes no number", param, l->name);
    if (!read_numbers(&r, l, ret->number))
        return false;
    blanks(&r);
    *at = r.at;
    return true;
}
