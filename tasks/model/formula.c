#include "model/formula.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct formula_chunk {
    struct formula_chunk *next;
    double data[]; /* for its alignment */
};

/* Distinct terms in order of first appearance. */
struct terms {
    uint32_t n;
    uint64_t of[FORMULA_TERMS_MAX];
};

struct reader {
    struct formula *f;
    const char *const *columns, *const *left_out;
    uint32_t n_columns, n_left_out;
    struct syntax_error *err;
};

static void *keep(struct formula *f, size_t bytes)
{
    struct formula_chunk *c = calloc(1, sizeof *c + bytes);
    if (!c)
        return NULL;
    c->next = f->chunks;
    f->chunks = c;
    return c->data;
}

static bool fail_memory(struct syntax_error *err)
{
    (void)snprintf(err->text, sizeof err->text, "out of memory");
    return false;
}

static const char *keep_text(struct formula *f, const struct node *n)
{
    size_t len = syntax_write(n, NULL, 0);
    char *text = keep(f, len + 1);
    if (text)
        (void)syntax_write(n, text, len + 1);
    return text;
}

/* ---- variables ---- */

static bool var_place(struct reader *r, const struct node *n, uint32_t *ret)
{
    struct formula *f = r->f;
    const char *name = keep_text(f, n);
    if (!name)
        return fail_memory(r->err);
    for (*ret = 0; *ret < f->n_vars; ++*ret) {
        if (strcmp(f->vars[*ret].name, name) == 0)
            return true;
    }
    if (f->n_vars == FORMULA_VARS_MAX)
        return syntax_fail(f->syntax, n, r->err, "more than %d variables", FORMULA_VARS_MAX);
    f->vars[f->n_vars++] = (struct formula_var){.name = name, .node = n};
    return true;
}

static bool is_call(const struct node *n, const char *name)
{
    return n->kind == NODE_CALL && strcmp(n->name, name) == 0;
}

static bool is_constant(const struct node *n, double v)
{
    return n->kind == NODE_NUMBER && n->number == v;
}

/* ---- lists of terms ---- */

static bool terms_add(struct reader *r, const struct node *at, struct terms *t, uint64_t term)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->of[i] == term)
            return true;
    }
    if (t->n == FORMULA_TERMS_MAX)
        return syntax_fail(r->f->syntax, at, r->err, "more than %d terms", FORMULA_TERMS_MAX);
    t->of[t->n++] = term;
    return true;
}

static bool terms_join(struct reader *r, const struct node *at, struct terms *to, const struct terms *from)
{
    for (uint32_t i = 0; i < from->n; i++) {
        if (!terms_add(r, at, to, from->of[i]))
            return false;
    }
    return true;
}

/* Adds each of a with each of b. */
static bool terms_cross(struct reader *r, const struct node *at, struct terms *to, const struct terms *a,
                        const struct terms *b)
{
    for (uint32_t i = 0; i < a->n; i++) {
        for (uint32_t j = 0; j < b->n; j++) {
            if (!terms_add(r, at, to, a->of[i] | b->of[j]))
                return false;
        }
    }
    return true;
}

static void terms_remove(struct terms *from, const struct terms *what)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < from->n; i++) {
        bool gone = false;
        for (uint32_t j = 0; j < what->n; j++)
            gone = gone || from->of[i] == what->of[j];
        if (!gone)
            from->of[n++] = from->of[i];
    }
    from->n = n;
}

static void all_bits(const struct terms *t, struct terms *ret)
{
    ret->n = 1;
    ret->of[0] = 0;
    for (uint32_t i = 0; i < t->n; i++)
        ret->of[0] |= t->of[i];
}

/* ---- from tree to terms ---- */

static bool read_terms(struct reader *r, const struct node *n, struct terms *ret);

static bool read_offset(struct reader *r, const struct node *n)
{
    uint32_t v;
    if (!n->first || n->first->next)
        return syntax_fail(r->f->syntax, n, r->err, "offset() takes one expression");
    if (!var_place(r, n, &v))
        return false;
    r->f->offsets |= UINT64_C(1) << v;
    r->f->vars[v].node = n->first;
    return true;
}

static bool listed(const char *const *names, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool mentions(const struct node *n, const char *name)
{
    if (n->kind == NODE_NAME && strcmp(n->name, name) == 0)
        return true;
    for (const struct node *a = n->kind == NODE_OP || n->kind == NODE_CALL ? n->first : NULL; a;
         a = a->next) {
        if (mentions(a, name))
            return true;
    }
    return false;
}

static bool used_in(const struct formula *f, uint32_t n_vars, const char *name)
{
    for (uint32_t v = 0; v < n_vars; v++) {
        if (mentions(f->vars[v].node, name))
            return true;
    }
    return false;
}

bool formula_uses(const struct formula *f, const char *column)
{
    return used_in(f, f->n_vars, column);
}

static bool read_dot(struct reader *r, const struct node *n, struct terms *ret)
{
    for (uint32_t i = 0; i < r->n_columns; i++) {
        if (used_in(r->f, r->f->n_response, r->columns[i]) ||
            listed(r->left_out, r->n_left_out, r->columns[i]))
            continue;
        uint32_t v;
        size_t len = strlen(r->columns[i]);
        struct node *column = keep(r->f, sizeof *column + len + 1);
        if (!column)
            return fail_memory(r->err);
        *column = (struct node){.kind = NODE_NAME, .at = n->at, .name = (char *)(column + 1)};
        memcpy(column + 1, r->columns[i], len + 1);
        if (!var_place(r, column, &v) || !terms_add(r, n, ret, UINT64_C(1) << v))
            return false;
    }
    return true;
}

/* A leaf: a name or a function call. */
static bool read_var(struct reader *r, const struct node *n, struct terms *ret)
{
    uint32_t v;
    if (n->kind == NODE_NAME && strcmp(n->name, ".") == 0)
        return read_dot(r, n, ret);
    if (is_call(n, "offset"))
        return read_offset(r, n);
    return var_place(r, n, &v) && terms_add(r, n, ret, UINT64_C(1) << v);
}

static bool power_of(struct reader *r, const struct node *by, int *ret)
{
    while (by->kind == NODE_OP && by->op == OP_PAREN)
        by = by->first;
    if (by->kind != NODE_NUMBER || by->number < 1 || by->number > 64 || by->number != floor(by->number))
        return syntax_fail(r->f->syntax, by, r->err,
                           "a power of terms must be a whole number from 1 (I(x^2) is x squared)");
    *ret = (int)by->number;
    return true;
}

/* Lists of terms are large: they live on the heap, since texts nest deeply. */
static bool read_power(struct reader *r, const struct node *n, struct terms *ret)
{
    int power = 1;
    struct terms *base = calloc(3, sizeof *base);
    if (!base)
        return fail_memory(r->err);
    struct terms *all = base + 1, *before = base + 2;
    bool ok = power_of(r, n->first->next, &power) && read_terms(r, n->first, base);
    *all = *base;
    for (int k = 1; ok && k < power && (k == 1 || all->n > before->n); k++) {
        *before = *all;
        ok = terms_cross(r, n, all, before, base);
    }
    ok = ok && terms_join(r, n, ret, all);
    free(base);
    return ok;
}

/* 1 or 0 that is added or taken out. */
static bool read_constant(struct reader *r, const struct node *n, bool out)
{
    r->f->intercept = is_constant(n, 1) != out;
    return true;
}

static const struct node *bare(const struct node *n)
{
    while (n->kind == NODE_OP && n->op == OP_PAREN)
        n = n->first;
    return n;
}

static bool is_zero_one(const struct node *n)
{
    return is_constant(n, 0) || is_constant(n, 1);
}

static bool read_minus(struct reader *r, const struct node *out, struct terms *from)
{
    if (is_zero_one(bare(out)))
        return read_constant(r, bare(out), true);
    struct terms *what = calloc(1, sizeof *what);
    if (!what)
        return fail_memory(r->err);
    uint64_t offsets = r->f->offsets;
    bool intercept = r->f->intercept, ok = read_terms(r, out, what);
    r->f->intercept = intercept;
    if (ok && offsets != r->f->offsets)
        ok = syntax_fail(r->f->syntax, out, r->err, "an offset cannot be taken out");
    if (ok)
        terms_remove(from, what);
    free(what);
    return ok;
}

static bool read_two(struct reader *r, const struct node *n, struct terms *a, struct terms *b)
{
    const struct node *second = n->first->next;
    if (!read_terms(r, n->first, a) || !read_terms(r, second, b))
        return false;
    if (a->n > 0 && b->n > 0)
        return true;
    return syntax_fail(r->f->syntax, a->n == 0 ? n->first : second, r->err,
                       "a constant or an offset cannot be part of an interaction");
}

static bool read_interaction(struct reader *r, const struct node *n, struct terms *ret)
{
    struct terms *a = calloc(3, sizeof *a);
    if (!a)
        return fail_memory(r->err);
    struct terms *b = a + 1, *all = a + 2;
    bool ok = false;
    if (read_two(r, n, a, b)) {
        ok = true;
        if (n->op == OP_MUL)
            ok = terms_join(r, n, ret, a) && terms_join(r, n, ret, b);
        else if (n->op == OP_DIV)
            ok = terms_join(r, n, ret, a);
        all_bits(n->op == OP_IN ? b : a, all);
        if (ok && n->op == OP_IN)
            ok = terms_cross(r, n, ret, a, all);
        else if (ok)
            ok = terms_cross(r, n, ret, n->op == OP_DIV ? all : a, b);
    }
    free(a);
    return ok;
}

static bool read_op(struct reader *r, const struct node *n, struct terms *ret)
{
    const struct node *second = n->first->next;
    switch (n->op) {
    case OP_PAREN:
    case OP_PLUS:
        return read_terms(r, n->first, ret);
    case OP_ADD:
        return read_terms(r, n->first, ret) && read_terms(r, second, ret);
    case OP_SUB:
        return read_terms(r, n->first, ret) && read_minus(r, second, ret);
    case OP_NEG:
        return read_minus(r, n->first, ret);
    case OP_COLON:
    case OP_MUL:
    case OP_DIV:
    case OP_IN:
        return read_interaction(r, n, ret);
    case OP_POW:
        return read_power(r, n, ret);
    case OP_TILDE:
        return syntax_fail(r->f->syntax, n, r->err, "a second \"~\"");
    case OP_OR:
        return syntax_fail(r->f->syntax, n, r->err, "\"|\" has no meaning here: groups are named by by=");
    default: /* a comparison, or arithmetic that means nothing else here */
        return read_var(r, n, ret);
    }
}

/* Adds to ret, which may hold terms already. */
static bool read_terms(struct reader *r, const struct node *n, struct terms *ret)
{
    switch (n->kind) {
    case NODE_NUMBER:
        if (!is_zero_one(n))
            return syntax_fail(r->f->syntax, n, r->err, "only 0 and 1 can stand for a term");
        return read_constant(r, n, false);
    case NODE_TEXT:
        return syntax_fail(r->f->syntax, n, r->err, "a text is no term");
    case NODE_OP:
        return read_op(r, n, ret);
    default:
        return read_var(r, n, ret);
    }
}

/* ---- the whole ---- */

static bool read_response(struct reader *r, const struct node *n)
{
    struct formula *f = r->f;
    uint32_t v;
    n = bare(n);
    f->response = (char *)(uintptr_t)keep_text(f, n);
    if (!f->response)
        return fail_memory(r->err);
    if (mentions(n, "."))
        return syntax_fail(f->syntax, n, r->err, "\".\" can only stand on the right side");
    if (is_call(n, "cbind")) {
        const struct node *a = n->first, *b = a ? a->next : NULL;
        if (!b || b->next)
            return syntax_fail(f->syntax, n, r->err, "cbind() on the left takes two: successes, failures");
        if (!var_place(r, a, &v) || !var_place(r, b, &v))
            return false;
        if (f->n_vars != 2)
            return syntax_fail(f->syntax, b, r->err, "successes and failures are the same");
    } else if (!var_place(r, n, &v)) {
        return false;
    }
    f->n_response = f->n_vars;
    return true;
}

static void sort_terms(struct formula *f, const struct terms *t)
{
    f->n_terms = 0;
    for (int order = 1; order <= FORMULA_VARS_MAX; order++) {
        for (uint32_t i = 0; i < t->n; i++) {
            if (__builtin_popcountll(t->of[i]) == order && !(f->n_response == 1 && t->of[i] == 1))
                f->terms[f->n_terms++] = t->of[i];
        }
    }
}

static bool read_all(struct reader *r)
{
    struct formula *f = r->f;
    const struct node *root = syntax_root(f->syntax);
    if (root->kind != NODE_OP || root->op != OP_TILDE)
        return syntax_fail(f->syntax, root, r->err, "a formula has a \"~\", as in y ~ x: there is none");
    const struct node *right = root->first->next ? root->first->next : root->first;
    f->vars = keep(f, FORMULA_VARS_MAX * sizeof *f->vars);
    struct terms *t = keep(f, sizeof *t);
    if (!f->vars || !t)
        return fail_memory(r->err);
    f->response = (char *)(uintptr_t) "";
    if (root->first->next && !read_response(r, root->first))
        return false;
    f->intercept = true;
    if (!read_terms(r, right, t))
        return false;
    f->terms = keep(f, (t->n + 1) * sizeof *f->terms);
    if (!f->terms)
        return fail_memory(r->err);
    sort_terms(f, t);
    return true;
}

struct formula *formula_new(const char *text, const char *const *columns, uint32_t n_columns,
                            const char *const *left_out, uint32_t n_left_out, struct syntax_error *err)
{
    struct formula *f = calloc(1, sizeof *f);
    struct reader r = {.f = f,
                       .columns = columns,
                       .n_columns = n_columns,
                       .left_out = left_out,
                       .n_left_out = n_left_out,
                       .err = err};
    if (!f) {
        (void)fail_memory(err);
        return NULL;
    }
    f->syntax = syntax_new(text, err);
    return f->syntax && read_all(&r) ? f : formula_free(f);
}

struct formula *formula_free(struct formula *f)
{
    if (!f)
        return NULL;
    while (f->chunks) {
        struct formula_chunk *next = f->chunks->next;
        free(f->chunks);
        f->chunks = next;
    }
    f->syntax = syntax_free(f->syntax);
    free(f);
    return NULL;
}

void formula_term_name(const struct formula *f, uint32_t term, char *ret, size_t ret_bytes)
{
    size_t len = 0;
    ret[0] = '\0';
    for (uint32_t v = 0; v < f->n_vars && len < ret_bytes; v++) {
        if (f->terms[term] >> v & 1)
            len += (size_t)snprintf(ret + len, ret_bytes - len, "%s%s", len > 0 ? ":" : "", f->vars[v].name);
    }
}
