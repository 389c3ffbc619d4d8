/* poly.c - recursive descent over + - * / ^, numbers, constants and variables; anything else is no polynomial. A failed
 * polynomial is one without dimension, and stays so through all operations. */
#include "mc/poly.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *at;
    const char *const *names;
    uint32_t dim;
};

void poly_fini(struct poly *p)
{
    free(p->coefficient);
    free(p->power);
    *p = (struct poly){0};
}

static struct poly poly_none(void)
{
    return (struct poly){0};
}

static struct poly poly_room(uint32_t dim, uint32_t n_terms)
{
    struct poly p = {.dim = dim};
    if (n_terms > POLY_TERMS_MAX)
        return poly_none();
    p.coefficient = calloc((size_t)n_terms + 1, sizeof *p.coefficient);
    p.power = calloc(((size_t)n_terms + 1) * dim, 1);
    if (!p.coefficient || !p.power)
        poly_fini(&p);
    return p;
}

struct poly poly_constant(uint32_t dim, double value)
{
    struct poly p = poly_room(dim, 1);
    if (p.dim) {
        p.coefficient[0] = value;
        p.n_terms = 1;
    }
    return p;
}

struct poly poly_copy(const struct poly *p)
{
    struct poly copy = p->dim ? poly_room(p->dim, p->n_terms) : poly_none();
    if (copy.dim) {
        memcpy(copy.coefficient, p->coefficient, p->n_terms * sizeof *p->coefficient);
        memcpy(copy.power, p->power, (size_t)p->n_terms * p->dim);
        copy.n_terms = p->n_terms;
    }
    return copy;
}

struct poly poly_variable(uint32_t dim, uint32_t j)
{
    struct poly p = poly_constant(dim, 1);
    if (p.dim)
        p.power[j] = 1;
    return p;
}

bool poly_is_constant(const struct poly *p, double *ret)
{
    *ret = 0;
    for (size_t i = 0; i < (size_t)p->n_terms * p->dim; i++) {
        if (p->power[i])
            return false;
    }
    for (uint32_t i = 0; i < p->n_terms; i++)
        *ret += p->coefficient[i];
    return p->dim > 0;
}

/* Adds c times the powers a + b (b may be NULL) to p, which has room. False: the degree is too high. */
static bool add_term(struct poly *p, double c, const uint8_t *a, const uint8_t *b)
{
    uint8_t *to = p->power + (size_t)p->n_terms * p->dim;
    for (uint32_t j = 0; j < p->dim; j++) {
        unsigned power = a[j] + (b ? b[j] : 0u);
        if (power > POLY_DEGREE_MAX)
            return false;
        to[j] = (uint8_t)power;
    }
    for (uint32_t i = 0; i < p->n_terms; i++) {
        if (memcmp(p->power + (size_t)i * p->dim, to, p->dim) == 0) {
            p->coefficient[i] += c;
            return true;
        }
    }
    p->coefficient[p->n_terms++] = c;
    return true;
}

/* Both consume their arguments. */
struct poly poly_add(struct poly a, struct poly b, double sign)
{
    struct poly sum = a.dim && b.dim ? poly_room(a.dim, a.n_terms + b.n_terms) : poly_none();
    bool ok = sum.dim > 0;
    for (uint32_t i = 0; ok && i < a.n_terms; i++)
        ok = add_term(&sum, a.coefficient[i], a.power + (size_t)i * a.dim, NULL);
    for (uint32_t i = 0; ok && i < b.n_terms; i++)
        ok = add_term(&sum, sign * b.coefficient[i], b.power + (size_t)i * b.dim, NULL);
    poly_fini(&a);
    poly_fini(&b);
    if (!ok)
        poly_fini(&sum);
    return sum;
}

static struct poly poly_times(const struct poly *a, const struct poly *b)
{
    struct poly product = a->dim && b->dim ? poly_room(a->dim, a->n_terms * b->n_terms) : poly_none();
    bool ok = product.dim > 0;
    for (uint32_t i = 0; ok && i < a->n_terms; i++) {
        for (uint32_t k = 0; ok && k < b->n_terms; k++)
            ok = add_term(&product, a->coefficient[i] * b->coefficient[k], a->power + (size_t)i * a->dim,
                          b->power + (size_t)k * b->dim);
    }
    if (!ok)
        poly_fini(&product);
    return product;
}

struct poly poly_multiply(struct poly a, struct poly b)
{
    struct poly product = poly_times(&a, &b);
    poly_fini(&a);
    poly_fini(&b);
    return product;
}

struct poly poly_divide(struct poly a, struct poly b)
{
    double by;
    bool ok = a.dim && poly_is_constant(&b, &by) && by != 0;
    for (uint32_t i = 0; ok && i < a.n_terms; i++)
        a.coefficient[i] /= by;
    poly_fini(&b);
    if (!ok)
        poly_fini(&a);
    return a;
}

struct poly poly_power(struct poly a, struct poly exponent)
{
    double k;
    bool ok =
        a.dim && poly_is_constant(&exponent, &k) && k >= 0 && k <= POLY_DEGREE_MAX && k == (double)(int)k;
    struct poly r = ok ? poly_constant(a.dim, 1) : poly_none();
    for (int i = 0; ok && i < (int)k; i++) {
        struct poly next = poly_times(&r, &a);
        poly_fini(&r);
        r = next;
    }
    poly_fini(&a);
    poly_fini(&exponent);
    return r;
}

/* ---- reading ---- */

static struct poly read_sum(struct reader *r);

static bool take(struct reader *r, char c)
{
    r->at += strspn(r->at, " ");
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static struct poly read_variable(struct reader *r)
{
    size_t len = 0;
    while (isalnum((unsigned char)r->at[len]) || r->at[len] == '_')
        len++;
    const char *name = r->at;
    r->at += len;
    if (len == 2 && memcmp(name, "pi", 2) == 0)
        return poly_constant(r->dim, 3.14159265358979323846);
    if (len == 1 && *name == 'e')
        return poly_constant(r->dim, 2.71828182845904523536);
    for (uint32_t j = 0; j < r->dim; j++) {
        if (strlen(r->names[j]) == len && memcmp(r->names[j], name, len) == 0)
            return poly_variable(r->dim, j);
    }
    return poly_none();
}

static struct poly read_atom(struct reader *r)
{
    if (take(r, '(')) {
        struct poly p = read_sum(r);
        if (!take(r, ')'))
            poly_fini(&p);
        return p;
    }
    if (isdigit((unsigned char)*r->at) || *r->at == '.') {
        char *end;
        double value = strtod(r->at, &end);
        r->at = end;
        return poly_constant(r->dim, value);
    }
    return isalpha((unsigned char)*r->at) || *r->at == '_' ? read_variable(r) : poly_none();
}

/* -x^2 is -(x^2), and 2^-1 is not 2^(-1) of a polynomial: a negative exponent ends it. */
static struct poly read_factor(struct reader *r)
{
    if (take(r, '-'))
        return poly_multiply(poly_constant(r->dim, -1), read_factor(r));
    if (take(r, '+'))
        return read_factor(r);
    struct poly p = read_atom(r);
    return take(r, '^') ? poly_power(p, read_factor(r)) : p;
}

static struct poly read_product(struct reader *r)
{
    struct poly p = read_factor(r);
    for (;;) {
        if (take(r, '*'))
            p = poly_multiply(p, read_factor(r));
        else if (take(r, '/'))
            p = poly_divide(p, read_factor(r));
        else
            return p;
    }
}

static struct poly read_sum(struct reader *r)
{
    struct poly p = read_product(r);
    for (;;) {
        if (take(r, '+'))
            p = poly_add(p, read_product(r), 1);
        else if (take(r, '-'))
            p = poly_add(p, read_product(r), -1);
        else
            return p;
    }
}

bool poly_parse(struct poly *p, const char *text, const char *const *names, uint32_t dim)
{
    struct reader r = {text, names, dim};
    *p = read_sum(&r);
    if (p->dim && !take(&r, '\0'))
        poly_fini(p);
    return p->dim > 0;
}

double poly_mean(const struct poly *p, double (*moment)(const void *arg, uint32_t j, unsigned k),
                 const void *arg)
{
    double sum = 0;
    for (uint32_t i = 0; i < p->n_terms; i++) {
        double term = p->coefficient[i];
        for (uint32_t j = 0; j < p->dim; j++) {
            if (p->power[(size_t)i * p->dim + j] > 0)
                term *= moment(arg, j, p->power[(size_t)i * p->dim + j]);
        }
        sum += term;
    }
    return sum;
}
