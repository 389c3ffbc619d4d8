#include "mc/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mc/expr.h"
#include "mc/parts.h"
#include "shared/nearest.h"

static bool chart_error(char *err, const char *name, const char *why)
{
    (void)snprintf(err, PLACE_BYTES, "proposal: %s: %s", name, why);
    return false;
}

static bool find_variable(const struct box *b, const char *text, size_t at, const char *name, uint32_t *ret,
                          char *err)
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
        (void)place_error(err, text, at, PLACE_WORD,
                          near ? "proposal: no variable \"%.40s\" (did you mean \"%s\"?)"
                               : "proposal: no variable \"%.40s\"",
                          name, near);
    }
    free(names);
    *ret = found;
    return found < b->dim;
}

/* One "x=normal(0,1)". */
static bool parse_side(struct chart *c, const char *text, size_t *at, char *err)
{
    char name[BOX_NAME_BYTES], why[PLACE_BYTES];
    struct law_value law;
    uint32_t j;
    *at += strspn(text + *at, " ");
    size_t from = *at, eq = from + strcspn(text + from, "=,");
    if (text[eq] != '=' || !part_copy(name, sizeof name, text + from, text + eq))
        return place_error(err, text, eq, PLACE_WORD,
                           "proposal: expected a variable and its density, as in x=normal(0, 1)");
    if (!find_variable(c->box, text, from, name, &j, err))
        return false;
    if (c->q[j].kind)
        return place_error(err, text, from, PLACE_WORD, "proposal: %s is given twice", name);
    *at = eq + 1;
    if (!density_read("proposal", text, at, expr_constant, &law, err))
        return false;
    return density_init(&c->q[j], &law, c->box->lo[j], c->box->hi[j], why) || chart_error(err, name, why);
}

static bool parse_all(struct chart *c, const char *proposal, char *err)
{
    for (size_t at = 0; proposal; at++) {
        if (!parse_side(c, proposal, &at, err))
            return false;
        if (!proposal[at])
            break;
        if (proposal[at] != ',')
            return place_error(err, proposal, at, PLACE_WORD,
                               "proposal: expected \",\" before the next variable");
    }
    return true;
}

static bool fill_uniform(struct chart *c, char *err)
{
    const struct box *b = c->box;
    char why[PLACE_BYTES];
    for (uint32_t j = 0; j < b->dim; j++) {
        const struct law_value law = {DENSITY_UNIFORM, {b->lo[j], b->hi[j]}};
        if (c->q[j].kind)
            continue;
        if (!isfinite(b->lo[j]) || !isfinite(b->hi[j])) {
            (void)snprintf(err, PLACE_BYTES,
                           "over: the range of %s is infinite: say how to draw it, e.g. proposal='%s=%s', or "
                           "substitute, e.g. x = t/(1-t)",
                           b->names[j], b->names[j], b->lo[j] == 0 ? "exponential(1)" : "normal(0,1)");
            return false;
        }
        if (!density_init(&c->q[j], &law, b->lo[j], b->hi[j], why))
            return chart_error(err, b->names[j], why);
    }
    return true;
}

bool chart_init(struct chart *c, const struct box *box, const char *proposal, uint32_t batch,
                char ret_error[PLACE_BYTES])
{
    *c = (struct chart){.box = box, .is_uniform = !proposal && box->is_finite};
    if (c->is_uniform)
        return true;
    c->q = calloc(box->dim, sizeof *c->q);
    c->weight = malloc(batch * sizeof *c->weight);
    bool ok = c->q && c->weight;
    if (!ok)
        (void)snprintf(ret_error, PLACE_BYTES, "out of memory");
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
