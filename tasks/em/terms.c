#include "em/terms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct reader {
    const struct syntax *syntax;
    const struct simplexes *x;
    struct syntax_error *err;
};

/* ---- rewriting ---- */

static bool has_negative(const struct poly *p)
{
    for (uint32_t t = 0; t < p->n_terms; t++) {
        if (p->coefficient[t] < 0)
            return true;
    }
    return false;
}

static uint32_t degree_of(const struct poly *p, uint32_t t, const struct simplexes *x, uint32_t which)
{
    uint32_t degree = 0;
    for (uint32_t j = x->from[which]; j < x->from[which + 1]; j++)
        degree += p->power[(size_t)t * p->dim + j];
    return degree;
}

/* The terms of one degree. */
static struct poly part_of(const struct poly *p, const struct simplexes *x, uint32_t which, uint32_t degree)
{
    struct poly part = poly_copy(p);
    uint32_t n = 0;
    for (uint32_t t = 0; t < part.n_terms; t++) {
        if (degree_of(p, t, x, which) != degree)
            continue;
        part.coefficient[n] = part.coefficient[t];
        memmove(part.power + (size_t)n++ * part.dim, part.power + (size_t)t * part.dim, part.dim);
    }
    part.n_terms = n;
    return part;
}

static struct poly sum_of_names(const struct simplexes *x, uint32_t which)
{
    struct poly sum = poly_variable(x->n_params, x->from[which]);
    for (uint32_t j = x->from[which] + 1; j < x->from[which + 1]; j++)
        sum = poly_add(sum, poly_variable(x->n_params, j), 1);
    return sum;
}

/* All terms to the highest degree that one has in a simplex, as Horner would. Consumes p. */
static struct poly level(struct poly p, const struct simplexes *x, uint32_t which)
{
    uint32_t top = 0;
    for (uint32_t t = 0; t < p.n_terms; t++)
        top = degree_of(&p, t, x, which) > top ? degree_of(&p, t, x, which) : top;
    struct poly all = part_of(&p, x, which, 0);
    for (uint32_t d = 1; d <= top && all.dim; d++)
        all = poly_add(poly_multiply(all, sum_of_names(x, which)), part_of(&p, x, which, d), 1);
    poly_fini(&p);
    return all;
}

/* Removes terms that are nothing, or (beside the others) nothing but rounding. */
static void drop_rounding(struct poly *p, double rounding)
{
    double largest = 0;
    uint32_t n = 0;
    for (uint32_t t = 0; t < p->n_terms; t++)
        largest = fmax(largest, fabs(p->coefficient[t]));
    for (uint32_t t = 0; t < p->n_terms; t++) {
        if (fabs(p->coefficient[t]) <= rounding * largest)
            continue;
        p->coefficient[n] = p->coefficient[t];
        memmove(p->power + (size_t)n++ * p->dim, p->power + (size_t)t * p->dim, p->dim);
    }
    p->n_terms = n;
}

static bool is_in_negative(const struct poly *p, const struct simplexes *x, uint32_t which)
{
    for (uint32_t t = 0; t < p->n_terms; t++) {
        if (p->coefficient[t] < 0 && degree_of(p, t, x, which) > 0)
            return true;
    }
    return false;
}

/* Without a minus if that can be, else as it was. Consumes p. */
static struct poly without_minus(struct poly p, const struct simplexes *x)
{
    static const double rounding = 1e-13;
    if (!p.dim || !has_negative(&p))
        return p;
    struct poly q = poly_copy(&p);
    for (uint32_t which = 0; which < x->n && q.dim; which++) {
        if (is_in_negative(&p, x, which))
            q = level(q, x, which);
    }
    if (q.dim)
        drop_rounding(&q, rounding);
    bool better = q.dim && !has_negative(&q);
    poly_fini(better ? &p : &q);
    return better ? q : p;
}

/* ---- reading ---- */

static struct poly none(void)
{
    return (struct poly){0};
}

static struct poly read_node(struct reader *r, const struct node *n);

static struct poly read_name(struct reader *r, const struct node *n)
{
    int j = simplex_find(r->x, n->name);
    const char *near = simplex_nearest(r->x, n->name);
    if (j >= 0)
        return poly_variable(r->x->n_params, (uint32_t)j);
    (void)syntax_fail(r->syntax, n, r->err, "\"%.32s\" is in no simplex%s%s%s", n->name,
                      near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
    return none();
}

static struct poly combine(struct reader *r, const struct node *n, struct poly a, struct poly b)
{
    double number = 0;
    const char *why = "too many terms, or too high a power";
    struct poly p;
    bool ok = a.dim && b.dim, constant = ok && poly_is_constant(&b, &number);
    if (n->op == OP_DIV)
        why = constant ? "a division by 0" : "only a division by a number is possible";
    if (n->op == OP_POW && !(constant && number >= 0 && number == floor(number)))
        why = "a power must be a whole number, and not negative";
    if (n->op == OP_ADD || n->op == OP_SUB)
        p = poly_add(a, b, n->op == OP_ADD ? 1 : -1);
    else if (n->op == OP_MUL)
        p = poly_multiply(a, b);
    else
        p = n->op == OP_DIV ? poly_divide(a, b) : poly_power(a, b);
    if (ok && !p.dim)
        (void)syntax_fail(r->syntax, n, r->err, "%s", why);
    return p;
}

static struct poly read_op(struct reader *r, const struct node *n)
{
    struct poly a;
    switch (n->op) {
    case OP_PAREN:
        return without_minus(read_node(r, n->first), r->x);
    case OP_PLUS:
        return read_node(r, n->first);
    case OP_NEG:
        return poly_multiply(poly_constant(r->x->n_params, -1), read_node(r, n->first));
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
    case OP_POW:
        a = read_node(r, n->first);
        return a.dim ? combine(r, n, a, read_node(r, n->first->next)) : a;
    default:
        (void)syntax_fail(r->syntax, n, r->err, "only + - * / ^ and brackets are possible");
        return none();
    }
}

static struct poly read_node(struct reader *r, const struct node *n)
{
    switch (n->kind) {
    case NODE_NUMBER:
        return poly_constant(r->x->n_params, n->number);
    case NODE_NAME:
        return read_name(r, n);
    case NODE_OP:
        return read_op(r, n);
    case NODE_CALL:
    case NODE_TEXT:
    default:
        (void)syntax_fail(r->syntax, n, r->err, "only numbers and parameters are possible");
        return none();
    }
}

/* ---- what cannot be a probability ---- */

/* The first minus of the text. */
static const struct node *first_minus(const struct node *n)
{
    const struct node *found = n->kind == NODE_OP && (n->op == OP_SUB || n->op == OP_NEG) ? n : NULL;
    for (const struct node *c = n->first; c && n->kind == NODE_OP; c = c->next) {
        const struct node *inner = first_minus(c);
        if (inner && (!found || inner->at < found->at))
            found = inner;
    }
    return found;
}

static void term_text(const struct poly *p, uint32_t t, const struct simplexes *x, char *ret, size_t size)
{
    int len = snprintf(ret, size, "%g", p->coefficient[t]);
    for (uint32_t j = 0; j < p->dim && len > 0 && (size_t)len < size; j++) {
        uint8_t power = p->power[(size_t)t * p->dim + j];
        if (power > 0)
            len += snprintf(ret + len, size - (size_t)len, "*%s", x->names[j]);
        if (power > 1 && (size_t)len < size)
            len += snprintf(ret + len, size - (size_t)len, "^%u", power);
    }
}

static bool check(struct reader *r, const struct poly *p)
{
    const struct node *root = syntax_root(r->syntax), *minus = first_minus(root);
    char term[64];
    if (p->n_terms == 0)
        return syntax_fail(r->syntax, root, r->err, "this is 0 everywhere");
    for (uint32_t t = 0; t < p->n_terms; t++) {
        if (!isfinite(p->coefficient[t]))
            return syntax_fail(r->syntax, root, r->err, "a number is too large");
        if (p->coefficient[t] < 0) {
            term_text(p, t, r->x, term, sizeof term);
            return syntax_fail(r->syntax, minus ? minus : root, r->err, "%s: this term stays negative", term);
        }
    }
    return true;
}

bool terms_read(struct poly *ret, const struct syntax *s, const struct simplexes *x, struct syntax_error *err)
{
    struct reader r = {s, x, err};
    (void)snprintf(err->text, sizeof err->text, "out of memory");
    *ret = without_minus(read_node(&r, syntax_root(s)), x);
    if (ret->dim)
        drop_rounding(ret, 0);
    if (ret->dim && check(&r, ret))
        return true;
    poly_fini(ret);
    return false;
}

bool terms_collect(const struct node *n, struct simplexes *x, char ret_error[MISTAKE_BYTES])
{
    if (n->kind == NODE_NAME)
        return simplex_find(x, n->name) >= 0 || simplex_add(x, n->name, ret_error);
    for (const struct node *c = n->first; c; c = c->next) {
        if (!terms_collect(c, x, ret_error))
            return false;
    }
    return true;
}
