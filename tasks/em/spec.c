#include "em/spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em/terms.h"
#include "mc/parts.h"
#include "shared/nearest.h"

/* ---- cells one by one ---- */

/* The cells of a text, apart. */
struct pieces {
    uint32_t n;
    struct piece {
        char name[CELL_NAME_BYTES];
        struct syntax *syntax;
    } * at;
};

static void pieces_fini(struct pieces *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        (void)syntax_free(p->at[i].syntax);
    free(p->at);
}

static bool is_blank(const char *from, const char *to)
{
    return from + strspn(from, " \t\r\n") >= to;
}

static bool piece_name(struct pieces *p, const char *from, const char *to, char *ret_error)
{
    struct piece *piece = &p->at[p->n];
    if (!part_copy(piece->name, sizeof piece->name, from, to))
        return mistake(ret_error, "cells: the name of cell %u is longer than %d bytes", p->n + 1,
                       CELL_NAME_BYTES - 1);
    if (!piece->name[0])
        return mistake(ret_error, "cells: cell %u has no name before its =", p->n + 1);
    for (uint32_t i = 0; i < p->n; i++) {
        if (strcmp(p->at[i].name, piece->name) == 0)
            return mistake(ret_error, "cells: two cells have the name \"%s\"", piece->name);
    }
    return true;
}

/* "A = expression", or the expression alone. */
static bool piece_read(struct pieces *p, const char *from, const char *to, char *ret_error)
{
    struct piece *piece = &p->at[p->n];
    struct syntax_error why;
    from += strspn(from, " \t\r\n");
    const char *eq = to > from ? memchr(from, '=', (size_t)(to - from)) : NULL;
    char number[CELL_NAME_BYTES];
    (void)snprintf(number, sizeof number, "%u", p->n + 1);
    if (!piece_name(p, eq ? from : number, eq ? eq : number + strlen(number), ret_error))
        return false;
    from = eq ? eq + 1 : from;
    if (is_blank(from, to))
        return mistake(ret_error, "cells: cell %s has no probability; write cells='A=p^2+2*p*q; B=q^2'",
                       piece->name);
    from += strspn(from, " \t\r\n"); /* positions count from there */
    char *text = strndup(from, (size_t)(to - from));
    if (!text)
        return mistake(ret_error, "out of memory");
    piece->syntax = syntax_new(text, &why);
    free(text);
    if (!piece->syntax)
        return mistake(ret_error, "cells: cell %s: %s", piece->name, why.text);
    p->n++;
    return true;
}

static bool pieces_read(struct pieces *p, const char *text, char *ret_error)
{
    *p = (struct pieces){.at = calloc(CELLS_MAX, sizeof *p->at)};
    if (!p->at)
        return mistake(ret_error, "out of memory");
    for (const char *from = text;;) {
        const char *end = from + strcspn(from, ";");
        if (*end == '\0' && p->n > 0 && is_blank(from, end))
            break; /* the last ; may end the list */
        if (p->n == CELLS_MAX)
            return mistake(ret_error, "cells: more than %d", CELLS_MAX);
        if (!piece_read(p, from, end, ret_error))
            return false;
        if (*end == '\0')
            break;
        from = end + 1;
    }
    return p->n >= 2 || mistake(ret_error, "cells: at least 2 are needed; write cells='A=p^2+2*p*q; B=q^2'");
}

/* ---- all together ---- */

static bool read_simplexes(struct cells *c, const struct pieces *p, const char *text, char *ret_error)
{
    struct simplexes *x = &c->simplexes;
    if (text)
        return simplex_parse(x, text, ret_error);
    for (uint32_t i = 0; i < p->n; i++) {
        if (!terms_collect(syntax_root(p->at[i].syntax), x, ret_error))
            return false;
    }
    if (x->n_params == 0)
        return mistake(ret_error, "cells: there is no parameter in them");
    return simplex_end(x, ret_error);
}

static bool read_terms(struct cells *c, const struct pieces *p, char *ret_error)
{
    struct syntax_error why;
    for (uint32_t i = 0; i < p->n; i++) {
        struct poly poly;
        if (!terms_read(&poly, p->at[i].syntax, &c->simplexes, &why))
            return mistake(ret_error, "cells: cell %s: %s", p->at[i].name, why.text);
        bool ok = cells_add(c, p->at[i].name, &poly);
        poly_fini(&poly);
        if (!ok)
            return mistake(ret_error, "out of memory");
    }
    return true;
}

static void point_text(const struct simplexes *x, const double *point, char *ret, size_t size)
{
    int len = 0;
    for (uint32_t i = 0; i < x->n_params && (size_t)len + 1 < size && i < 6; i++)
        len += snprintf(ret + len, size - (size_t)len, "%s%s=%.3g", i ? ", " : "", x->names[i], point[i]);
}

/* A polynomial that is 1 at so many random points is 1. */
static bool check_sum(const struct cells *c, bool inferred, char *ret_error)
{
    enum { POINTS = 16 };
    static const double slack = 1e-9;
    double point[SIMPLEX_PARAMS_MAX];
    char where[160];
    struct qx_stream rng;
    qx_stream_init(&rng, 0, 0, 0);
    for (int at = 0; at < POINTS; at++) {
        double sum = 0;
        simplex_draw(&c->simplexes, &rng, point);
        for (uint32_t i = 0; i < c->n; i++)
            sum += cells_probability(c, i, point);
        if (fabs(sum - 1) <= slack)
            continue;
        point_text(&c->simplexes, point, where, sizeof where);
        return mistake(ret_error, "cells: their probabilities add up to %.6g at %s, and not to 1%s", sum,
                       where, inferred ? "; simplex= says which parameters add up to 1" : "");
    }
    return true;
}

static bool check_use(const struct cells *c, char *ret_error)
{
    bool used[SIMPLEX_PARAMS_MAX] = {false};
    for (uint32_t f = 0; f < c->n_factors; f++)
        used[c->factors[f].param] = true;
    for (uint32_t i = 0; i < c->simplexes.n_params; i++) {
        if (!used[i])
            return mistake(ret_error, "simplex: %s is in no cell", c->simplexes.names[i]);
    }
    return true;
}

bool spec_read(struct cells *c, const char *cells, const char *simplexes, char ret_error[MISTAKE_BYTES])
{
    struct pieces p;
    *c = (struct cells){.n = 0};
    bool ok = pieces_read(&p, cells, ret_error) && read_simplexes(c, &p, simplexes, ret_error) &&
              read_terms(c, &p, ret_error) && check_sum(c, !simplexes, ret_error) && check_use(c, ret_error);
    pieces_fini(&p);
    if (!ok)
        cells_fini(c);
    return ok;
}

/* ---- counts ---- */

bool spec_find(const struct cells *c, const char *name, uint32_t *ret, char ret_error[MISTAKE_BYTES])
{
    const char *names[CELLS_MAX], *near;
    for (uint32_t i = 0; i < c->n; i++) {
        names[i] = c->cells[i].name;
        if (strcmp(names[i], name) == 0) {
            *ret = i;
            return true;
        }
    }
    near = nearest(name, strlen(name), names, c->n);
    return mistake(ret_error, "counts: no cell \"%.40s\"%s%s%s", name, near ? " (did you mean \"" : "",
                   near ? near : "", near ? "\"?)" : "");
}

/* One count, "186" or "A=186", into cells whose counts are NaN. */
static bool read_count(struct cells *c, const char *from, const char *to, uint32_t place, char *ret_error)
{
    char text[64], *end;
    const char *eq = memchr(from, '=', (size_t)(to - from));
    if (eq && !part_copy(text, sizeof text, from, eq))
        return mistake(ret_error, "counts: a name is too long");
    if (eq && !spec_find(c, text, &place, ret_error))
        return false;
    if (place >= c->n)
        return mistake(ret_error, "counts: more than the %u cells", c->n);
    struct cell *cell = &c->cells[place];
    if (!isnan(cell->count))
        return mistake(ret_error, "counts: cell %s is given twice", cell->name);
    if (!part_copy(text, sizeof text, eq ? eq + 1 : from, to))
        return mistake(ret_error, "counts: a number is too long");
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v) || v < 0)
        return mistake(ret_error, "counts: \"%s\" of cell %s is no count", text, cell->name);
    cell->count = v;
    return true;
}

bool spec_counts(struct cells *c, const char *text, char ret_error[MISTAKE_BYTES])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n; i++)
        c->cells[i].count = NAN;
    for (const char *from = text;; n++) {
        const char *end = from + strcspn(from, ",;");
        if (!read_count(c, from, end, n, ret_error))
            return false;
        if (*end == '\0')
            break;
        from = end + 1;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        if (isnan(c->cells[i].count))
            return mistake(ret_error, "counts: %u for %u cells; that of cell %s is missing", n + 1, c->n,
                           c->cells[i].name);
    }
    return true;
}
