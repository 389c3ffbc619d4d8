#include "mc/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mc/expr.h"
#include "mc/parts.h"
#include "shared/nearest.h"

enum { TEXT_BYTES = 256, WHY_BYTES = EXPR_ERROR_BYTES };
_Static_assert((int)WHY_BYTES >= (int)DENSITY_ERROR_BYTES, "room for both");

static bool chart_error(char *err, const char *name, const char *why)
{
    (void)snprintf(err, CHART_ERROR_BYTES, "proposal: %s: %s", name, why);
    return false;
}

/* "normal(0,1)" to a density on the range of variable j. */
static bool parse_density(struct chart *c, uint32_t j, char *text, char *err)
{
    const struct box *b = c->box;
    char why[WHY_BYTES];
    char *open = strchr(text, '('), *end = text + strlen(text);
    double numbers[DENSITY_PARAMS_MAX];
    size_t n = 0;
    if (!open || end[-1] != ')')
        return chart_error(err, b->names[j], "is not of the form normal(0,1)");
    end[-1] = '\0';
    for (const char *from = open + 1; *from || n == 0;) {
        char part[TEXT_BYTES];
        const char *to = part_end(from, ',');
        if (n == DENSITY_PARAMS_MAX || !part_copy(part, sizeof part, from, to))
            return chart_error(err, b->names[j], "too many numbers");
        struct expr *e = expr_new(part, NULL, 0, why);
        if (!e)
            return chart_error(err, b->names[j], why);
        double none = 0;
        numbers[n++] = expr_value(e, &none);
        expr_free(e);
        if (!isfinite(numbers[n - 1]))
            return chart_error(err, b->names[j], "a number of the density is not finite");
        from = to + (*to != '\0');
    }
    *open = '\0';
    if (!density_init(&c->q[j], text, numbers, n, b->lo[j], b->hi[j], why))
        return chart_error(err, b->names[j], why);
    return true;
}

static bool find_variable(const struct box *b, const char *name, uint32_t *ret, char *err)
{
    const char **names = malloc(b->dim * sizeof *names);
    uint32_t found = b->dim;
    for (uint32_t j = 0; names && j < b->dim; j++) {
        names[j] = b->names[j];
        if (strcmp(name, names[j]) == 0)
            found = j;
    }
    if (found == b->dim) {
        const char *near = names ? nearest(name, strlen(name), names, b->dim) : NULL;
        (void)snprintf(err, CHART_ERROR_BYTES,
                       near ? "proposal: no variable \"%.40s\" (did you mean \"%s\"?)"
                            : "proposal: no variable \"%.40s\"",
                       name, near);
    }
    free(names);
    *ret = found;
    return found < b->dim;
}

/* One "x=normal(0,1)". */
static bool parse_side(struct chart *c, const char *from, const char *to, char *err)
{
    char name[BOX_NAME_BYTES], text[TEXT_BYTES];
    const char *eq = memchr(from, '=', (size_t)(to - from));
    uint32_t j;
    if (!eq || !part_copy(name, sizeof name, from, eq) || !part_copy(text, sizeof text, eq + 1, to)) {
        (void)snprintf(err, CHART_ERROR_BYTES, "proposal: \"%.*s\" is not of the form x=normal(0,1)",
                       to - from > 40 ? 40 : (int)(to - from), from);
        return false;
    }
    if (!find_variable(c->box, name, &j, err))
        return false;
    if (c->q[j].kind)
        return chart_error(err, name, "is given twice");
    return parse_density(c, j, text, err);
}

static bool parse_all(struct chart *c, const char *proposal, char *err)
{
    for (const char *from = proposal; proposal;) {
        const char *to = part_end(from, ',');
        if (!parse_side(c, from, to, err))
            return false;
        if (!*to)
            break;
        from = to + 1;
    }
    return true;
}

static bool fill_uniform(struct chart *c, char *err)
{
    const struct box *b = c->box;
    char why[DENSITY_ERROR_BYTES];
    for (uint32_t j = 0; j < b->dim; j++) {
        const double ends[] = {b->lo[j], b->hi[j]};
        if (c->q[j].kind)
            continue;
        if (!isfinite(ends[0]) || !isfinite(ends[1])) {
            (void)snprintf(err, CHART_ERROR_BYTES,
                           "over: the range of %s is infinite: say how to draw it, e.g. proposal='%s=%s', or "
                           "substitute, e.g. x = t/(1-t)",
                           b->names[j], b->names[j], b->lo[j] == 0 ? "exponential(1)" : "normal(0,1)");
            return false;
        }
        if (!density_init(&c->q[j], "uniform", ends, 2, ends[0], ends[1], why))
            return chart_error(err, b->names[j], why);
    }
    return true;
}

bool chart_init(struct chart *c, const struct box *box, const char *proposal, uint32_t batch,
                char ret_error[CHART_ERROR_BYTES])
{
    *c = (struct chart){.box = box, .is_uniform = !proposal && box->is_finite};
    if (c->is_uniform)
        return true;
    c->q = calloc(box->dim, sizeof *c->q);
    c->weight = malloc(batch * sizeof *c->weight);
    bool ok = c->q && c->weight;
    if (!ok)
        (void)snprintf(ret_error, CHART_ERROR_BYTES, "out of memory");
    ok = ok && parse_all(c, proposal, ret_error) && fill_uniform(c, ret_error);
    if (!ok)
        chart_fini(c);
    return ok;
}

void chart_fini(struct chart *c)
{
    free(c->q);
    free(c->weight);
    *c = (struct chart){0};
}

const double *chart_map(const struct chart *c, double *points, uint32_t n)
{
    if (c->is_uniform) {
        box_scale(c->box, points, n);
        return NULL;
    }
    uint32_t dim = c->box->dim;
    for (uint32_t i = 0; i < n; i++) {
        double density = 1;
        for (uint32_t j = 0; j < dim; j++, points++) {
            *points = density_quantile(&c->q[j], *points);
            density *= density_value(&c->q[j], *points);
        }
        c->weight[i] = 1 / density;
    }
    return c->weight;
}

double chart_moment(const struct chart *c, uint32_t j, unsigned k)
{
    if (!c->is_uniform)
        return density_moment(&c->q[j], k);
    double lo = c->box->lo[j], hi = c->box->hi[j], sum = 0;
    for (unsigned i = 0; i <= k; i++)
        sum += pow(lo, i) * pow(hi, k - i);
    return sum / (k + 1);
}
