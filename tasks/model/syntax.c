#include "model/syntax.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct syntax {
    char *text;
    struct node *nodes;
    uint32_t n_nodes;
    char *names; /* room for each name of the text, terminated */
    size_t names_len;
    const struct node *root;
};

struct reader {
    struct syntax *s;
    const char *p;
    uint32_t depth;
    bool failed; /* the first mistake stands */
    struct syntax_error *err;
};

/* ---- mistakes ---- */

enum { LEVELS_DEEP_MAX = 1200 };

static void say(const char *text, uint32_t at, struct syntax_error *err, const char *fmt, va_list ap)
{
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the callers start it */
    (void)place_error_list(err->text, text, at, PLACE_WORD, fmt, ap);
    err->at = at;
}

bool syntax_fail(const struct syntax *s, const struct node *at, struct syntax_error *err, const char *fmt,
                 ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(s->text, at->at, err, fmt, ap);
    va_end(ap);
    return false;
}

static const struct node *fail(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static const struct node *fail(struct reader *r, const char *fmt, ...)
{
    if (r->failed)
        return NULL;
    r->failed = true;
    va_list ap;
    va_start(ap, fmt);
    say(r->s->text, (uint32_t)(r->p - r->s->text), r->err, fmt, ap);
    va_end(ap);
    return NULL;
}

/* ---- nodes ---- */

static struct node *node_new(struct reader *r, enum node_kind kind, const char *at)
{
    /* each node takes at least one byte of the text, so this does not run out */
    struct node *n = &r->s->nodes[r->s->n_nodes++];
    *n = (struct node){.kind = kind, .at = (uint32_t)(at - r->s->text)};
    return n;
}

static const struct node *node_op(struct reader *r, enum node_op op, const char *at, const struct node *a,
                                  const struct node *b)
{
    if (!a ||
        (b == NULL && op != OP_TILDE && op != OP_NOT && op != OP_PLUS && op != OP_NEG && op != OP_PAREN))
        return NULL;
    struct node *n = node_new(r, NODE_OP, at);
    n->op = op;
    n->first = a;
    if (b) /* each node has one parent, so its link is free */
        ((struct node *)(uintptr_t)a)->next = b;
    return n;
}

static const char *name_new(struct reader *r, const char *from, size_t len)
{
    char *name = r->s->names + r->s->names_len;
    memcpy(name, from, len);
    name[len] = '\0';
    r->s->names_len += len + 1;
    return name;
}

/* ---- tokens ---- */

static void skip_space(struct reader *r)
{
    r->p += strspn(r->p, " \t\r\n");
}

static bool accept(struct reader *r, const char *token)
{
    skip_space(r);
    size_t len = strlen(token);
    if (strncmp(r->p, token, len) != 0)
        return false;
    r->p += len;
    return true;
}

static bool name_starts(const char *p)
{
    unsigned char c = (unsigned char)*p;
    return isalpha(c) || c == '_' || c >= 0x80 || (c == '.' && !isdigit((unsigned char)p[1]));
}

static bool name_goes_on(const char *p)
{
    return name_starts(p) || isdigit((unsigned char)*p) || *p == '.';
}

/* The daemons and programs stay in the C locale, so the point is a point. */
static double number_value(const char *from, size_t len)
{
    char text[64];
    if (len >= sizeof text)
        return NAN;
    memcpy(text, from, len);
    text[len] = '\0';
    return strtod(text, NULL);
}

static const struct node *read_number(struct reader *r)
{
    const char *from = r->p;
    r->p += strspn(r->p, "0123456789");
    if (*r->p == '.')
        r->p += 1 + strspn(r->p + 1, "0123456789");
    if (*r->p == 'e' || *r->p == 'E') {
        size_t sign = r->p[1] == '+' || r->p[1] == '-', digits = strspn(r->p + 1 + sign, "0123456789");
        r->p += digits > 0 ? 1 + sign + digits : 0;
    }
    double v = number_value(from, (size_t)(r->p - from));
    if (*r->p == 'L' && !name_goes_on(r->p + 1))
        r->p++;
    if (!isfinite(v) || name_goes_on(r->p)) {
        r->p = from;
        return fail(r, "this is no number");
    }
    struct node *n = node_new(r, NODE_NUMBER, from);
    n->number = v;
    return n;
}

static const struct node *read_quoted(struct reader *r, enum node_kind kind)
{
    const char *from = r->p, *to = strchr(from + 1, *from);
    if (!to)
        return fail(r, "a quote that is never closed");
    if (to == from + 1 && kind == NODE_NAME)
        return fail(r, "an empty name");
    struct node *n = node_new(r, kind, from);
    n->name = name_new(r, from + 1, (size_t)(to - from - 1));
    r->p = to + 1;
    return n;
}

/* ---- the grammar ---- */

static const struct node *read_level(struct reader *r, int level);

/* Arguments and the closing parenthesis of a call. */
static bool read_args(struct reader *r, struct node *call)
{
    struct node *last = NULL;
    if (accept(r, ")"))
        return true;
    do {
        skip_space(r);
        const char *name = NULL;
        if (name_starts(r->p)) { /* name = value, but not name == value */
            size_t len = 0;
            while (name_goes_on(r->p + len))
                len++;
            size_t eq = len + strspn(r->p + len, " \t\r\n");
            if (r->p[eq] == '=' && r->p[eq + 1] != '=') {
                name = name_new(r, r->p, len);
                r->p += eq + 1;
            }
        }
        struct node *arg = (struct node *)(uintptr_t)read_level(r, 1);
        if (!arg)
            return false;
        arg->arg_name = name;
        if (last)
            last->next = arg;
        else
            call->first = arg;
        last = arg;
    } while (accept(r, ","));
    return accept(r, ")") || fail(r, "expected \",\" or \")\"");
}

static const struct node *read_name(struct reader *r)
{
    const char *from = r->p;
    while (name_goes_on(r->p))
        r->p++;
    struct node *n = node_new(r, NODE_NAME, from);
    n->name = name_new(r, from, (size_t)(r->p - from));
    if (!accept(r, "("))
        return n;
    n->kind = NODE_CALL;
    return read_args(r, n) ? n : NULL;
}

static const struct node *read_primary(struct reader *r)
{
    skip_space(r);
    const char *at = r->p;
    if (isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1])))
        return read_number(r);
    if (*at == '"' || *at == '\'')
        return read_quoted(r, NODE_TEXT);
    if (*at == '`')
        return read_quoted(r, NODE_NAME);
    if (name_starts(at))
        return read_name(r);
    if (accept(r, "(")) {
        const struct node *inner = read_level(r, 1);
        if (inner && !accept(r, ")"))
            return fail(r, "expected \")\"");
        return node_op(r, OP_PAREN, at, inner, NULL);
    }
    return fail(r, *at ? "expected a name, a number or \"(\""
                       : "the text ends where a name or a number is expected");
}

/* Binary operators by level, those of a level left to right. */
static const struct {
    int level;
    const char *token;
    enum node_op op;
} binary[] = {
    {2, "||", OP_OR},      {2, "|", OP_OR},    {3, "&&", OP_AND},  {3, "&", OP_AND}, {5, "<=", OP_LE},
    {5, "<", OP_LT},       {5, ">=", OP_GE},   {5, ">", OP_GT},    {5, "==", OP_EQ}, {5, "!=", OP_NE},
    {6, "+", OP_ADD},      {6, "-", OP_SUB},   {7, "*", OP_MUL},   {7, "/", OP_DIV}, {8, "%%", OP_MOD},
    {8, "%/%", OP_INTDIV}, {8, "%in%", OP_IN}, {9, ":", OP_COLON},
};
enum { N_BINARY = sizeof binary / sizeof binary[0], LEVEL_TILDE = 1, LEVEL_NOT = 4, LEVEL_UNARY = 10 };

static bool accept_binary(struct reader *r, int level, enum node_op *ret)
{
    for (int i = 0; i < N_BINARY; i++) {
        if (binary[i].level == level && accept(r, binary[i].token)) {
            *ret = binary[i].op;
            return true;
        }
    }
    return false;
}

/* x ^ -y is fine, and x^y^z is x^(y^z). */
static const struct node *read_power(struct reader *r)
{
    const struct node *base = read_primary(r);
    skip_space(r);
    const char *at = r->p;
    if (!base || !(accept(r, "^") || accept(r, "**")))
        return base;
    return node_op(r, OP_POW, at, base, read_level(r, LEVEL_UNARY));
}

static const struct node *read_prefix(struct reader *r, int level)
{
    skip_space(r);
    const char *at = r->p;
    if (level == LEVEL_NOT && *at == '!' && at[1] != '=' && accept(r, "!"))
        return node_op(r, OP_NOT, at, read_level(r, level), NULL);
    if (level == LEVEL_UNARY && accept(r, "-"))
        return node_op(r, OP_NEG, at, read_level(r, level), NULL);
    if (level == LEVEL_UNARY && accept(r, "+"))
        return node_op(r, OP_PLUS, at, read_level(r, level), NULL);
    if (level == LEVEL_TILDE && accept(r, "~"))
        return node_op(r, OP_TILDE, at, read_level(r, level + 1), NULL);
    return level == LEVEL_UNARY ? read_power(r) : read_level(r, level + 1);
}

static const struct node *read_tilde(struct reader *r)
{
    const struct node *left = read_prefix(r, LEVEL_TILDE);
    skip_space(r);
    const char *at = r->p;
    if (!left || (left->kind == NODE_OP && left->op == OP_TILDE) || !accept(r, "~"))
        return left;
    return node_op(r, OP_TILDE, at, left, read_level(r, LEVEL_TILDE + 1));
}

static const struct node *read_binary(struct reader *r, int level)
{
    const struct node *left = read_level(r, level + 1);
    for (;;) {
        enum node_op op;
        skip_space(r);
        const char *at = r->p;
        if (!left || !accept_binary(r, level, &op))
            return left;
        left = node_op(r, op, at, left, read_level(r, level + 1));
    }
}

static const struct node *read_level(struct reader *r, int level)
{
    if (r->depth == LEVELS_DEEP_MAX)
        return fail(r, "nested too deeply");
    r->depth++;
    const struct node *n = level == LEVEL_TILDE                         ? read_tilde(r)
                           : level == LEVEL_NOT || level == LEVEL_UNARY ? read_prefix(r, level)
                                                                        : read_binary(r, level);
    r->depth--;
    return n;
}

static bool read_all(struct syntax *s, struct syntax_error *err)
{
    struct reader r = {.s = s, .p = s->text, .err = err};
    s->root = read_level(&r, LEVEL_TILDE);
    skip_space(&r);
    if (s->root && *r.p)
        (void)fail(&r, "expected an operator or the end");
    return !r.failed && s->root;
}

struct syntax *syntax_new(const char *text, struct syntax_error *err)
{
    size_t len = strlen(text);
    err->at = 0;
    (void)snprintf(err->text, sizeof err->text,
                   len > SYNTAX_TEXT_MAX ? "longer than %d bytes" : "out of memory", SYNTAX_TEXT_MAX);
    if (len > SYNTAX_TEXT_MAX)
        return NULL;
    struct syntax *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->text = malloc(len + 1);
    s->nodes = calloc(len + 1, sizeof *s->nodes);
    s->names = malloc(2 * len + 2);
    if (!s->text || !s->nodes || !s->names)
        return syntax_free(s);
    memcpy(s->text, text, len + 1);
    return read_all(s, err) ? s : syntax_free(s);
}

struct syntax *syntax_free(struct syntax *s)
{
    if (!s)
        return NULL;
    free(s->text);
    free(s->nodes);
    free(s->names);
    free(s);
    return NULL;
}

const struct node *syntax_root(const struct syntax *s)
{
    return s->root;
}

/* ---- writing ---- */

/* 15 digits, zeros at the end dropped; the shorter of fixed and scientific, fixed if equal. */
void syntax_number(double v, char ret[SYNTAX_NUMBER_BYTES])
{
    char digits[40], fixed[64];
    (void)snprintf(digits, sizeof digits, "%.14e", v);
    char *e = strchr(digits, 'e'), *end = e;
    if (!e) { /* no number */
        (void)snprintf(ret, SYNTAX_NUMBER_BYTES, "%s", digits);
        return;
    }
    while (end[-1] == '0')
        end--;
    end -= end[-1] == '.';
    (void)snprintf(ret, SYNTAX_NUMBER_BYTES, "%.*s%s", (int)(end - digits), digits, e);
    int exponent = (int)strtol(e + 1, NULL, 10), n = 0;
    for (const char *p = digits; p < end; p++)
        n += isdigit((unsigned char)*p) != 0;
    if (exponent > 15 || exponent < -20)
        return;
    (void)snprintf(fixed, sizeof fixed, "%.*f", n - 1 > exponent ? n - 1 - exponent : 0, v);
    if (strlen(fixed) <= strlen(ret))
        (void)snprintf(ret, SYNTAX_NUMBER_BYTES, "%s", fixed);
}

struct out {
    char *text;
    size_t bytes, len;
};

static void put(struct out *o, const char *text)
{
    for (; *text; text++, o->len++) {
        if (o->len + 1 < o->bytes)
            o->text[o->len] = *text;
    }
}

static const char *const op_text[OP_COUNT] = {
    [OP_TILDE] = " ~ ", [OP_OR] = " | ",     [OP_AND] = " & ", [OP_NOT] = "!",   [OP_LT] = " < ",
    [OP_LE] = " <= ",   [OP_GT] = " > ",     [OP_GE] = " >= ", [OP_EQ] = " == ", [OP_NE] = " != ",
    [OP_ADD] = " + ",   [OP_SUB] = " - ",    [OP_MUL] = " * ", [OP_DIV] = "/",   [OP_MOD] = "%%",
    [OP_IN] = " %in% ", [OP_INTDIV] = "%/%", [OP_COLON] = ":", [OP_PLUS] = "+",  [OP_NEG] = "-",
    [OP_POW] = "^",     [OP_PAREN] = "",
};

static void put_name(struct out *o, const char *name)
{
    bool plain = name_starts(name);
    for (const char *p = name; *p && plain; p++)
        plain = name_goes_on(p);
    put(o, plain ? "" : "`");
    put(o, name);
    put(o, plain ? "" : "`");
}

static void put_node(struct out *o, const struct node *n);

static void put_op(struct out *o, const struct node *n)
{
    const struct node *second = n->first->next;
    if (n->op == OP_PAREN) {
        put(o, "(");
        put_node(o, n->first);
        put(o, ")");
    } else if (n->op == OP_NOT || n->op == OP_PLUS || n->op == OP_NEG || (n->op == OP_TILDE && !second)) {
        put(o, n->op == OP_TILDE ? "~" : op_text[n->op]);
        put_node(o, n->first);
    } else {
        put_node(o, n->first);
        put(o, op_text[n->op]);
        put_node(o, second);
    }
}

static void put_call(struct out *o, const struct node *n)
{
    put_name(o, n->name);
    put(o, "(");
    for (const struct node *arg = n->first; arg; arg = arg->next) {
        if (arg->arg_name) {
            put(o, arg->arg_name);
            put(o, " = ");
        }
        put_node(o, arg);
        put(o, arg->next ? ", " : "");
    }
    put(o, ")");
}

static void put_node(struct out *o, const struct node *n)
{
    char number[SYNTAX_NUMBER_BYTES];
    switch (n->kind) {
    case NODE_NUMBER:
        syntax_number(n->number, number);
        put(o, number);
        break;
    case NODE_TEXT:
        put(o, strchr(n->name, '"') ? "'" : "\"");
        put(o, n->name);
        put(o, strchr(n->name, '"') ? "'" : "\"");
        break;
    case NODE_NAME:
        put_name(o, n->name);
        break;
    case NODE_CALL:
        put_call(o, n);
        break;
    case NODE_OP:
        put_op(o, n);
        break;
    }
}

size_t syntax_write(const struct node *n, char *ret, size_t ret_bytes)
{
    struct out o = {.text = ret, .bytes = ret_bytes};
    put_node(&o, n);
    if (ret_bytes > 0)
        ret[o.len < ret_bytes ? o.len : ret_bytes - 1] = '\0';
    return o.len;
}
