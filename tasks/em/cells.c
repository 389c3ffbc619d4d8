#include "em/cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO_PARAM = UINT16_MAX };

/* ---- building ---- */

/* Room for one more cell. */
static bool grow(struct cells *c, uint32_t n_terms, uint32_t n_factors)
{
    struct cell *cells = realloc(c->cells, (c->n + 1) * sizeof *cells);
    if (!cells)
        return false;
    c->cells = cells;
    struct term *terms = realloc(c->terms, (c->n_terms + n_terms + 1) * sizeof *terms);
    if (!terms)
        return false;
    c->terms = terms;
    struct factor *factors = realloc(c->factors, (c->n_factors + n_factors + 1) * sizeof *factors);
    if (!factors)
        return false;
    c->factors = factors;
    return true;
}

static void add_factors(struct cells *c, struct term *t, const uint8_t *power)
{
    for (uint32_t j = 0; j < c->simplexes.n_params; j++) {
        if (power[j] > 0)
            c->factors[t->first + t->n++] = (struct factor){(uint16_t)j, power[j]};
    }
}

bool cells_add(struct cells *c, const char *name, const struct poly *p)
{
    uint32_t n_factors = 0;
    for (size_t i = 0; i < (size_t)p->n_terms * p->dim; i++)
        n_factors += p->power[i] > 0;
    if (!grow(c, p->n_terms, n_factors))
        return false;
    struct cell *cell = &c->cells[c->n++];
    *cell = (struct cell){.first = c->n_terms, .n = p->n_terms};
    (void)snprintf(cell->name, sizeof cell->name, "%s", name);
    for (uint32_t t = 0; t < p->n_terms; t++) {
        struct term *to = &c->terms[c->n_terms++];
        *to = (struct term){.coefficient = p->coefficient[t], .first = c->n_factors};
        add_factors(c, to, p->power + (size_t)t * p->dim);
        c->n_factors += to->n;
    }
    return true;
}

void cells_fini(struct cells *c)
{
    free(c->cells);
    free(c->terms);
    free(c->factors);
    *c = (struct cells){.n = 0};
}

void cells_count(struct cells *c)
{
    c->total = c->constant = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        c->total += c->cells[i].count;
        c->constant -= lgamma(c->cells[i].count + 1);
    }
    c->constant += lgamma(c->total + 1);
}

/* ---- steps ---- */

static double power_of(double x, unsigned k)
{
    double v = 1;
    for (; k > 0; k--)
        v *= x;
    return v;
}

static double term_value(const struct cells *c, const struct term *t, const double *point)
{
    double v = t->coefficient;
    for (const struct factor *f = c->factors + t->first, *end = f + t->n; f < end; f++)
        v *= power_of(point[f->param], f->power);
    return v;
}

double cells_probability(const struct cells *c, uint32_t cell, const double *point)
{
    double sum = 0;
    for (uint32_t t = 0; t < c->cells[cell].n; t++)
        sum += term_value(c, c->terms + c->cells[cell].first + t, point);
    return sum;
}

bool cells_expect(const struct cells *c, const double *point, double *ret_drawn, double *ret_kernel)
{
    double value[POLY_TERMS_MAX];
    *ret_kernel = 0;
    for (uint32_t j = 0; j < c->simplexes.n_params; j++)
        ret_drawn[j] = 0;
    for (const struct cell *cell = c->cells; cell < c->cells + c->n; cell++) {
        const struct term *terms = c->terms + cell->first;
        double sum = 0;
        if (cell->count == 0)
            continue;
        for (uint32_t t = 0; t < cell->n; t++)
            sum += value[t] = term_value(c, terms + t, point);
        if (!(sum > 0))
            return false;
        *ret_kernel += cell->count * log(sum);
        for (uint32_t t = 0; t < cell->n; t++) {
            double times = cell->count * value[t] / sum;
            for (uint32_t f = terms[t].first; f < terms[t].first + terms[t].n; f++)
                ret_drawn[c->factors[f].param] += times * c->factors[f].power;
        }
    }
    return true;
}

double cells_maximise(const struct cells *c, const double *drawn, double *point)
{
    const struct simplexes *x = &c->simplexes;
    double change = 0;
    for (uint32_t which = 0; which < x->n; which++) {
        double sum = 0;
        for (uint32_t i = x->from[which]; i < x->from[which + 1]; i++)
            sum += drawn[i];
        for (uint32_t i = x->from[which]; i < x->from[which + 1] && sum > 0; i++) {
            change = fmax(change, fabs(drawn[i] / sum - point[i]));
            point[i] = drawn[i] / sum;
        }
    }
    return change;
}

static enum step expect(void *model, double *ret_loglik)
{
    struct cells_fit *f = model;
    return cells_expect(f->cells, f->point, f->drawn, ret_loglik) ? STEP_OK : STEP_EMPTY;
}

static enum step maximise(void *model, double *ret_change)
{
    struct cells_fit *f = model;
    *ret_change = cells_maximise(f->cells, f->drawn, f->point);
    return STEP_OK;
}

const struct fit_steps cells_steps = {.expect = expect, .maximise = maximise};

/* ---- derivatives ---- */

/* The derivative of a term by parameter i, and by k too if it is one. */
static double term_slope(const struct cells *c, const struct term *t, const double *point, uint16_t i,
                         uint16_t k)
{
    double v = t->coefficient;
    for (uint32_t f = t->first; f < t->first + t->n; f++) {
        uint16_t param = c->factors[f].param;
        unsigned power = c->factors[f].power;
        for (int by = (param == i) + (param == k); by > 0; by--) {
            if (power == 0)
                return 0;
            v *= power--;
        }
        v *= power_of(point[param], power);
    }
    return v;
}

static void cell_derivatives(const struct cells *c, const struct cell *cell, const double *point,
                             double *first, double *second)
{
    uint32_t n = c->simplexes.n_params;
    memset(first, 0, n * sizeof *first);
    memset(second, 0, (size_t)n * n * sizeof *second);
    for (const struct term *t = c->terms + cell->first; t < c->terms + cell->first + cell->n; t++) {
        for (const struct factor *a = c->factors + t->first, *end = a + t->n; a < end; a++) {
            first[a->param] += term_slope(c, t, point, a->param, NO_PARAM);
            for (const struct factor *b = c->factors + t->first; b < end; b++)
                second[a->param * n + b->param] += term_slope(c, t, point, a->param, b->param);
        }
    }
}

void cells_derivatives(const struct cells *c, const double *point, double *ret_first, double *ret_second)
{
    uint32_t n = c->simplexes.n_params;
    double first[SIMPLEX_PARAMS_MAX], second[SIMPLEX_PARAMS_MAX * SIMPLEX_PARAMS_MAX];
    memset(ret_first, 0, n * sizeof *ret_first);
    memset(ret_second, 0, (size_t)n * n * sizeof *ret_second);
    for (uint32_t j = 0; j < c->n; j++) {
        double p = cells_probability(c, j, point), count = c->cells[j].count;
        if (count == 0)
            continue;
        cell_derivatives(c, &c->cells[j], point, first, second);
        for (uint32_t i = 0; i < n; i++) {
            ret_first[i] += count * first[i] / p;
            for (uint32_t k = 0; k < n; k++)
                ret_second[i * n + k] += count * (second[i * n + k] / p - first[i] / p * (first[k] / p));
        }
    }
}
