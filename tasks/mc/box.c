#include "mc/box.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mc/expr.h"
#include "mc/parts.h"

static bool box_alloc(struct box *b, uint32_t dim, char *err)
{
    *b = (struct box){.dim = dim, .is_unit = true, .is_finite = true, .volume = 1};
    b->lo = calloc(3 * (size_t)dim, sizeof *b->lo);
    b->names = calloc(dim, sizeof *b->names);
    if (!b->lo || !b->names) {
        box_fini(b);
        (void)snprintf(err, PLACE_BYTES, "out of memory");
        return false;
    }
    b->width = b->lo + dim;
    b->hi = b->width + dim;
    return true;
}

void box_fini(struct box *b)
{
    free(b->lo);
    free(b->names);
    *b = (struct box){0};
}

bool box_unit(struct box *b, uint32_t dim, char ret_error[PLACE_BYTES])
{
    if (!box_alloc(b, dim, ret_error))
        return false;
    for (uint32_t j = 0; j < dim; j++) {
        b->width[j] = b->hi[j] = 1;
        (void)snprintf(b->names[j], BOX_NAME_BYTES, "x%u", j + 1);
    }
    return true;
}

static bool is_infinity(const char *text)
{
    text += *text == '-' || *text == '+';
    return strcasecmp(text, "inf") == 0 || strcasecmp(text, "infinity") == 0;
}

static bool parse_bound(const char *name, const char *from, const char *to, double *ret, char *err)
{
    char text[256], why[PLACE_BYTES];
    if (!part_copy(text, sizeof text, from, to)) {
        (void)snprintf(err, PLACE_BYTES, "over: a bound of %s is too long", name);
        return false;
    }
    if (is_infinity(text)) {
        *ret = *text == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (expr_constant(text, ret, why))
        return true;
    (void)snprintf(err, PLACE_BYTES, "over: a bound of %s: %s", name, why);
    return false;
}

static bool check_name(const struct box *b, uint32_t j, char *err)
{
    const char *name = b->names[j];
    if (!scan_is_name(name, strlen(name))) {
        (void)snprintf(err, PLACE_BYTES, "over: \"%.40s\" cannot name a variable", name);
        return false;
    }
    if (expr_is_taken(name)) {
        (void)snprintf(err, PLACE_BYTES,
                       "over: \"%s\" is a function or a constant; name the variable otherwise", name);
        return false;
    }
    for (uint32_t k = 0; k < j; k++) {
        if (strcmp(b->names[k], name) == 0) {
            (void)snprintf(err, PLACE_BYTES, "over: \"%s\" is given twice", name);
            return false;
        }
    }
    return true;
}

/* One "x=lo:hi". */
static bool parse_side(struct box *b, uint32_t j, const char *from, const char *to, char *err)
{
    const char *eq = memchr(from, '=', (size_t)(to - from));
    const char *colon = eq ? part_end(eq + 1, ':') : to;
    double hi;
    if (!eq || colon >= to) {
        (void)snprintf(err, PLACE_BYTES, "over: \"%.*s\" is not of the form x=0:1",
                       to - from > 40 ? 40 : (int)(to - from), from);
        return false;
    }
    if (!part_copy(b->names[j], BOX_NAME_BYTES, from, eq)) {
        (void)snprintf(err, PLACE_BYTES, "over: the name of variable %u is too long", j + 1);
        return false;
    }
    if (!check_name(b, j, err) || !parse_bound(b->names[j], eq + 1, colon, &b->lo[j], err) ||
        !parse_bound(b->names[j], colon + 1, to, &hi, err))
        return false;
    b->width[j] = hi - b->lo[j];
    if (!(hi > b->lo[j])) {
        (void)snprintf(err, PLACE_BYTES, "over: %s=%g:%g is empty: the lower bound comes first", b->names[j],
                       b->lo[j], hi);
        return false;
    }
    b->hi[j] = hi;
    b->is_finite = b->is_finite && isfinite(b->lo[j]) && isfinite(hi);
    b->volume *= b->width[j];
    b->is_unit = b->is_unit && b->lo[j] == 0 && b->width[j] == 1;
    return true;
}

bool box_parse(struct box *b, const char *over, char ret_error[PLACE_BYTES])
{
    uint32_t dim = 1;
    for (const char *p = part_end(over, ','); *p && dim <= BOX_DIM_MAX; p = part_end(p + 1, ','))
        dim++;
    if (dim > BOX_DIM_MAX) {
        (void)snprintf(ret_error, PLACE_BYTES, "over: more than %d variables", BOX_DIM_MAX);
        return false;
    }
    if (!box_alloc(b, dim, ret_error))
        return false;
    const char *from = over;
    for (uint32_t j = 0; j < dim; j++) {
        const char *to = part_end(from, ',');
        if (!parse_side(b, j, from, to, ret_error)) {
            box_fini(b);
            return false;
        }
        from = to + (*to != '\0');
    }
    if (!(b->volume > 0) || (b->is_finite && !isfinite(b->volume))) {
        (void)snprintf(ret_error, PLACE_BYTES, "over: the volume of the box is not a number that fits");
        box_fini(b);
        return false;
    }
    return true;
}

void box_scale(const struct box *b, double *points, uint32_t n)
{
    if (b->is_unit)
        return;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < b->dim; j++)
            points[(size_t)i * b->dim + j] = b->lo[j] + b->width[j] * points[(size_t)i * b->dim + j];
    }
}
