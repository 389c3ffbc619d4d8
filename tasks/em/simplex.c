#include "em/simplex.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mc/parts.h"
#include "model/syntax.h"
#include "shared/nearest.h"

enum { NAME_MAX_BYTES = 32, NUMBER_BYTES = 64 };

/* ---- names ---- */

static bool is_name(const char *text)
{
    struct syntax_error why;
    struct syntax *s = syntax_new(text, &why);
    bool is = s && syntax_root(s)->kind == NODE_NAME && strcmp(syntax_root(s)->name, text) == 0;
    (void)syntax_free(s);
    return is;
}

int simplex_find(const struct simplexes *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_params; i++) {
        if (strcmp(s->names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

const char *simplex_nearest(const struct simplexes *s, const char *name)
{
    const char *names[SIMPLEX_PARAMS_MAX];
    for (uint32_t i = 0; i < s->n_params; i++)
        names[i] = s->names[i];
    return nearest(name, strlen(name), names, s->n_params);
}

uint32_t simplex_of(const struct simplexes *s, uint32_t param)
{
    uint32_t i = 0;
    while (param >= s->from[i + 1])
        i++;
    return i;
}

bool simplex_add(struct simplexes *s, const char *name, char ret_error[MISTAKE_BYTES])
{
    static const char *const taken[] = {"iteration", "loglik", "loglik_kernel"}; /* keys of iterates */
    if (!is_name(name))
        return mistake(ret_error, "simplex: \"%.40s\" is no name; write simplex=p,q,r", name);
    if (strlen(name) > NAME_MAX_BYTES)
        return mistake(ret_error, "simplex: \"%.40s\" is longer than %d bytes", name, NAME_MAX_BYTES);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (strcmp(name, taken[i]) == 0)
            return mistake(ret_error, "simplex: a parameter cannot have the name \"%s\"", name);
    }
    if (simplex_find(s, name) >= 0)
        return mistake(ret_error, "simplex: \"%s\" is given twice", name);
    if (s->n_params == SIMPLEX_PARAMS_MAX)
        return mistake(ret_error, "simplex: more than %d parameters", SIMPLEX_PARAMS_MAX);
    (void)snprintf(s->names[s->n_params++], SIMPLEX_NAME_BYTES, "%s", name);
    return true;
}

bool simplex_end(struct simplexes *s, char ret_error[MISTAKE_BYTES])
{
    uint32_t size = s->n_params - s->from[s->n];
    if (size == 1 && s->n_params == SIMPLEX_PARAMS_MAX)
        return mistake(ret_error, "simplex: more than %d parameters", SIMPLEX_PARAMS_MAX);
    if (size == 1) {
        char *to = s->names[s->n_params];
        memcpy(to, "1-", 2);
        memcpy(to + 2, s->names[s->n_params - 1], NAME_MAX_BYTES + 1);
        s->n_params++;
    }
    s->from[++s->n] = s->n_params;
    return true;
}

static bool parse_one(struct simplexes *s, const char *from, const char *to, char *ret_error)
{
    char name[256];
    for (;;) {
        const char *end = memchr(from, ',', (size_t)(to - from));
        if (!part_copy(name, sizeof name, from, end ? end : to))
            return mistake(ret_error, "simplex: a name is too long");
        if (!*name)
            return mistake(ret_error, "simplex: a name is missing; write simplex=p,q,r");
        if (!simplex_add(s, name, ret_error))
            return false;
        if (!end)
            return simplex_end(s, ret_error);
        from = end + 1;
    }
}

bool simplex_parse(struct simplexes *s, const char *text, char ret_error[MISTAKE_BYTES])
{
    *s = (struct simplexes){.n = 0};
    for (const char *from = text;;) {
        const char *end = from + strcspn(from, ";");
        if (*end == '\0' && s->n > 0 && strspn(from, " ") == strlen(from))
            return true; /* the last ; may end the list */
        if (!parse_one(s, from, end, ret_error))
            return false;
        if (*end == '\0')
            return true;
        from = end + 1;
    }
}

/* ---- points ---- */

static bool read_value(const char *from, const char *to, double *ret)
{
    char text[NUMBER_BYTES], *end;
    if (!part_copy(text, sizeof text, from, to))
        return false;
    *ret = strtod(text, &end);
    return end != text && *end == '\0' && *ret >= 0 && *ret <= 1;
}

/* One "p=0.3" into a point of NaNs. */
static bool read_coordinate(const struct simplexes *s, const char *from, const char *to, double *ret,
                            char *ret_error)
{
    char name[256];
    const char *eq = memchr(from, '=', (size_t)(to - from));
    if (!eq || !part_copy(name, sizeof name, from, eq))
        return mistake(ret_error, "start: \"%.*s\" is not name=value; write start=p=0.3,q=0.7",
                       to - from > 40 ? 40 : (int)(to - from), from);
    int i = simplex_find(s, name);
    const char *near = simplex_nearest(s, name);
    if (i < 0)
        return mistake(ret_error, "start: no parameter \"%.40s\"%s%s%s", name,
                       near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
    if (!isnan(ret[i]))
        return mistake(ret_error, "start: %s is given twice", name);
    if (!read_value(eq + 1, to, &ret[i]))
        return mistake(ret_error, "start: %s is not a number from 0 to 1", name);
    return true;
}

/* Fills in what was left out. */
static bool complete(const struct simplexes *s, uint32_t which, double *point, char *ret_error)
{
    static const double slack = 1e-6;
    uint32_t missing = UINT32_MAX;
    double sum = 0;
    for (uint32_t i = s->from[which]; i < s->from[which + 1]; i++) {
        if (!isnan(point[i])) {
            sum += point[i];
        } else if (missing == UINT32_MAX) {
            missing = i;
        } else {
            return mistake(ret_error, "start: %s and %s are missing; one of a simplex may be left out",
                           s->names[missing], s->names[i]);
        }
    }
    if (missing == UINT32_MAX ? fabs(sum - 1) > slack : sum > 1 + slack)
        return mistake(ret_error, "start: %s .. %s add up to %g, not to 1", s->names[s->from[which]],
                       s->names[s->from[which + 1] - 1], sum);
    if (missing < UINT32_MAX) {
        point[missing] = sum < 1 ? 1 - sum : 0;
        sum += point[missing];
    }
    for (uint32_t i = s->from[which]; i < s->from[which + 1]; i++)
        point[i] /= sum;
    return true;
}

bool simplex_point(const struct simplexes *s, const char *text, double *ret, char ret_error[MISTAKE_BYTES])
{
    for (uint32_t i = 0; i < s->n_params; i++)
        ret[i] = NAN;
    for (const char *from = text;;) {
        const char *end = from + strcspn(from, ",;");
        if (!read_coordinate(s, from, end, ret, ret_error))
            return false;
        if (*end == '\0')
            break;
        from = end + 1;
    }
    for (uint32_t which = 0; which < s->n; which++) {
        if (!complete(s, which, ret, ret_error))
            return false;
    }
    return true;
}

void simplex_draw(const struct simplexes *s, struct qx_stream *rng, double *ret)
{
    for (uint32_t which = 0; which < s->n; which++) {
        double sum = 0;
        for (uint32_t i = s->from[which]; i < s->from[which + 1]; i++) {
            ret[i] = qx_exponential(rng);
            sum += ret[i];
        }
        for (uint32_t i = s->from[which]; i < s->from[which + 1]; i++)
            ret[i] /= sum;
    }
}
