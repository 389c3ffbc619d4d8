/* A tape of instructions on a stack of registers. A register holds LANES rows of a value and, for each parameter that the value
 * depends on (a mask that is known when the tape is made), LANES slopes. */
#include "model/arith.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 64, STACK_MAX = 256 };

enum code {
    CODE_NUMBER,
    CODE_INPUT,
    CODE_PARAM,
    CODE_ADD,
    CODE_SUB,
    CODE_MUL,
    CODE_DIV,
    CODE_POW,
    CODE_MOD,
    CODE_INTDIV,
    CODE_LT,
    CODE_LE,
    CODE_GT,
    CODE_GE,
    CODE_EQ,
    CODE_NE,
    CODE_AND,
    CODE_OR,
    CODE_NOT,
    CODE_NEG,
    CODE_MAX,
    CODE_MIN,
    CODE_IFELSE,
    CODE_ABS,
    CODE_ACOS,
    CODE_ASIN,
    CODE_ATAN,
    CODE_CEILING,
    CODE_COS,
    CODE_COSH,
    CODE_EXP,
    CODE_EXPM1,
    CODE_FLOOR,
    CODE_GAMMA,
    CODE_LGAMMA,
    CODE_LOG,
    CODE_LOG10,
    CODE_LOG1P,
    CODE_LOG2,
    CODE_PLOGIS,
    CODE_PNORM,
    CODE_QLOGIS,
    CODE_ROUND,
    CODE_SIGN,
    CODE_SIN,
    CODE_SINH,
    CODE_SQRT,
    CODE_TAN,
    CODE_TANH,
    CODE_TRUNC
};

static const struct {
    const char *name;
    enum code code;
    uint32_t n_args;
} functions[] = {
    {"abs", CODE_ABS, 1},       {"acos", CODE_ACOS, 1},       {"asin", CODE_ASIN, 1},
    {"atan", CODE_ATAN, 1},     {"ceiling", CODE_CEILING, 1}, {"cos", CODE_COS, 1},
    {"cosh", CODE_COSH, 1},     {"exp", CODE_EXP, 1},         {"expm1", CODE_EXPM1, 1},
    {"floor", CODE_FLOOR, 1},   {"gamma", CODE_GAMMA, 1},     {"lgamma", CODE_LGAMMA, 1},
    {"log", CODE_LOG, 1},       {"log10", CODE_LOG10, 1},     {"log1p", CODE_LOG1P, 1},
    {"log2", CODE_LOG2, 1},     {"plogis", CODE_PLOGIS, 1},   {"pnorm", CODE_PNORM, 1},
    {"qlogis", CODE_QLOGIS, 1}, {"round", CODE_ROUND, 1},     {"sign", CODE_SIGN, 1},
    {"sin", CODE_SIN, 1},       {"sinh", CODE_SINH, 1},       {"sqrt", CODE_SQRT, 1},
    {"tan", CODE_TAN, 1},       {"tanh", CODE_TANH, 1},       {"trunc", CODE_TRUNC, 1},
    {"max", CODE_MAX, 2},       {"min", CODE_MIN, 2},         {"pmax", CODE_MAX, 2},
    {"pmin", CODE_MIN, 2},      {"ifelse", CODE_IFELSE, 3},
};
enum { N_FUNCTIONS = sizeof functions / sizeof functions[0] };

struct step {
    enum code code;
    uint32_t to;      /* register of the result and of the first operand; the others follow */
    uint32_t place;   /* INPUT, PARAM */
    double number;    /* NUMBER */
    uint64_t mask[3]; /* parameters that the operands depend on */
    uint64_t all;     /* and the result */
};

struct arith {
    struct step *steps;
    uint32_t n_steps, cap_steps, n_params, n_registers;
    double *values; /* n_registers x LANES */
    double *slopes; /* n_registers x n_params x LANES */
};

struct compiler {
    struct arith *a;
    const struct syntax *syntax;
    const struct arith_names *names;
    struct syntax_error *err;
    uint32_t top; /* registers in use */
    uint64_t masks[STACK_MAX];
};

/* ---- making the tape ---- */

static bool compile(struct compiler *c, const struct node *n);

static bool out_of_memory(struct compiler *c)
{
    (void)snprintf(c->err->text, sizeof c->err->text, "out of memory");
    return false;
}

/* Takes n_args registers off the stack and puts one on. */
static bool add_step(struct compiler *c, const struct node *at, struct step s, uint32_t n_args, uint64_t own)
{
    struct arith *a = c->a;
    if (c->top - n_args >= STACK_MAX)
        return syntax_fail(c->syntax, at, c->err, "too complicated");
    if (a->n_steps == a->cap_steps) {
        uint32_t cap = a->cap_steps ? 2 * a->cap_steps : 16;
        struct step *steps = realloc(a->steps, cap * sizeof *steps);
        if (!steps)
            return out_of_memory(c);
        a->steps = steps;
        a->cap_steps = cap;
    }
    c->top -= n_args;
    s.to = c->top;
    s.all = own;
    for (uint32_t i = 0; i < n_args; i++) {
        s.mask[i] = c->masks[c->top + i];
        s.all |= s.mask[i];
    }
    c->masks[c->top++] = s.all;
    if (c->top > a->n_registers)
        a->n_registers = c->top;
    a->steps[a->n_steps++] = s;
    return true;
}

static bool add_number(struct compiler *c, const struct node *at, double v)
{
    return add_step(c, at, (struct step){.code = CODE_NUMBER, .number = v}, 0, 0);
}

static bool compile_name(struct compiler *c, const struct node *n)
{
    static const struct {
        const char *name;
        double value;
    } constants[] = {{"pi", M_PI}, {"TRUE", 1}, {"FALSE", 0}, {"T", 1}, {"F", 0}};
    bool is_param = false;
    int place = c->names->find(c->names->arg, n, &is_param, c->err);
    for (size_t i = 0; place < 0 && i < sizeof constants / sizeof constants[0]; i++) {
        if (strcmp(constants[i].name, n->name) == 0)
            return add_number(c, n, constants[i].value);
    }
    if (place < 0)
        return false;
    return add_step(c, n, (struct step){.code = is_param ? CODE_PARAM : CODE_INPUT, .place = (uint32_t)place},
                    0, is_param ? UINT64_C(1) << place : 0);
}

/* A column of texts against a text. */
static bool compile_text(struct compiler *c, const struct node *n)
{
    const struct node *a = n->first, *b = a->next, *name = a->kind == NODE_NAME ? a : b,
                      *text = name == a ? b : a;
    double level = NAN;
    if (!c->names->find_level)
        return syntax_fail(c->syntax, text->kind == NODE_TEXT ? text : n, c->err,
                           "a nonlinear model takes no texts: use by=, or a column of 0 and 1");
    if (name->kind != NODE_NAME || text->kind != NODE_TEXT)
        return syntax_fail(c->syntax, text->kind == NODE_TEXT ? text : n, c->err,
                           "a text can only be compared with a column, as in sex == \"F\"");
    int place = c->names->find_level(c->names->arg, name, text->name, &level, c->err);
    return place >= 0 && add_step(c, n, (struct step){.code = CODE_INPUT, .place = (uint32_t)place}, 0, 0) &&
           add_number(c, n, level) &&
           add_step(c, n, (struct step){.code = n->op == OP_EQ ? CODE_EQ : CODE_NE}, 2, 0);
}

static bool compile_op(struct compiler *c, const struct node *n)
{
    static const enum code codes[OP_COUNT] = {
        [OP_OR] = CODE_OR,   [OP_AND] = CODE_AND, [OP_NOT] = CODE_NOT,       [OP_LT] = CODE_LT,
        [OP_LE] = CODE_LE,   [OP_GT] = CODE_GT,   [OP_GE] = CODE_GE,         [OP_EQ] = CODE_EQ,
        [OP_NE] = CODE_NE,   [OP_ADD] = CODE_ADD, [OP_SUB] = CODE_SUB,       [OP_MUL] = CODE_MUL,
        [OP_DIV] = CODE_DIV, [OP_MOD] = CODE_MOD, [OP_INTDIV] = CODE_INTDIV, [OP_NEG] = CODE_NEG,
        [OP_POW] = CODE_POW,
    };
    const struct node *second = n->first->next;
    if (n->op == OP_PAREN || n->op == OP_PLUS)
        return compile(c, n->first);
    if (codes[n->op] == CODE_NUMBER)
        return syntax_fail(c->syntax, n, c->err, "this operator has no meaning in arithmetic");
    if ((n->op == OP_EQ || n->op == OP_NE) && (n->first->kind == NODE_TEXT || second->kind == NODE_TEXT))
        return compile_text(c, n);
    return compile(c, n->first) && (!second || compile(c, second)) &&
           add_step(c, n, (struct step){.code = codes[n->op]}, second ? 2 : 1, 0);
}

/* log(x, base) */
static bool compile_log(struct compiler *c, const struct node *n)
{
    return compile(c, n->first) && add_step(c, n, (struct step){.code = CODE_LOG}, 1, 0) &&
           compile(c, n->first->next) && add_step(c, n, (struct step){.code = CODE_LOG}, 1, 0) &&
           add_step(c, n, (struct step){.code = CODE_DIV}, 2, 0);
}

static bool is_identity(const char *name)
{
    return strcmp(name, "I") == 0 || strcmp(name, "as.numeric") == 0;
}

static int function_find(const char *name)
{
    for (int i = 0; i < N_FUNCTIONS; i++) {
        if (strcmp(functions[i].name, name) == 0)
            return i;
    }
    return -1;
}

static bool compile_call(struct compiler *c, const struct node *n)
{
    uint32_t n_args = 0;
    for (const struct node *arg = n->first; arg; arg = arg->next)
        n_args++;
    if (is_identity(n->name) && n_args == 1)
        return compile(c, n->first);
    if (strcmp(n->name, "log") == 0 && n_args == 2)
        return compile_log(c, n);
    int f = function_find(n->name);
    if (f < 0)
        return syntax_fail(c->syntax, n, c->err, "no function \"%.40s\"", n->name);
    if (n_args != functions[f].n_args)
        return syntax_fail(c->syntax, n, c->err, "%s() takes %u argument%s", n->name, functions[f].n_args,
                           functions[f].n_args == 1 ? "" : "s");
    for (const struct node *arg = n->first; arg; arg = arg->next) {
        if (!compile(c, arg))
            return false;
    }
    return add_step(c, n, (struct step){.code = functions[f].code}, n_args, 0);
}

static bool compile(struct compiler *c, const struct node *n)
{
    switch (n->kind) {
    case NODE_NUMBER:
        return add_number(c, n, n->number);
    case NODE_TEXT:
        return syntax_fail(c->syntax, n, c->err, "a text is no number");
    case NODE_NAME:
        return compile_name(c, n);
    case NODE_CALL:
        return compile_call(c, n);
    default:
        return compile_op(c, n);
    }
}

struct arith *arith_new(const struct syntax *s, const struct node *n, const struct arith_names *names,
                        uint32_t n_params, struct syntax_error *err)
{
    struct arith *a = calloc(1, sizeof *a);
    struct compiler c = {.a = a, .syntax = s, .names = names, .err = err};
    if (!a) {
        (void)out_of_memory(&c);
        return NULL;
    }
    a->n_params = n_params;
    if (!compile(&c, n))
        return arith_free(a);
    a->values = calloc((a->n_registers + (size_t)1) * LANES, sizeof(double));
    a->slopes = calloc((a->n_registers + (size_t)1) * LANES * (n_params + (size_t)1), sizeof(double));
    if (!a->values || !a->slopes) {
        (void)out_of_memory(&c);
        return arith_free(a);
    }
    return a;
}

struct arith *arith_free(struct arith *a)
{
    if (!a)
        return NULL;
    free(a->steps);
    free(a->values);
    free(a->slopes);
    free(a);
    return NULL;
}

bool arith_is_function(const char *name)
{
    return is_identity(name) || function_find(name) >= 0;
}

bool arith_is_logical(const struct node *n)
{
    while ((n->kind == NODE_OP && n->op == OP_PAREN) ||
           (n->kind == NODE_CALL && strcmp(n->name, "I") == 0 && n->first && !n->first->next))
        n = n->first;
    if (n->kind != NODE_OP)
        return false;
    switch (n->op) {
    case OP_OR:
    case OP_AND:
    case OP_NOT:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
    case OP_EQ:
    case OP_NE:
        return true;
    default:
        return false;
    }
}

/* ---- values ---- */

static double power(double x, double y)
{
    return y == 2 ? x * x : pow(x, y);
}

/* R's: the sign of the divisor. */
static double modulo(double x, double y)
{
    double q = x / y, r = x - floor(q) * y;
    return y == 0 ? NAN : r;
}

static double plogis(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double sign(double x)
{
    return isnan(x) ? x : (double)((x > 0) - (x < 0));
}

/* Comparisons of what is missing are missing. */
static double truth(double a, double b, bool is)
{
    return isnan(a) || isnan(b) ? NAN : (double)is;
}

#define EACH(expression)                                                                                     \
    for (uint32_t i = 0; i < n; i++) {                                                                       \
        a[i] = (expression);                                                                                 \
    }                                                                                                        \
    break

static void step_binary(enum code code, double *a, const double *b, const double *c, uint32_t n)
{
    switch (code) {
    case CODE_ADD:
        EACH(a[i] + b[i]);
    case CODE_SUB:
        EACH(a[i] - b[i]);
    case CODE_MUL:
        EACH(a[i] * b[i]);
    case CODE_DIV:
        EACH(a[i] / b[i]);
    case CODE_POW:
        EACH(power(a[i], b[i]));
    case CODE_MOD:
        EACH(modulo(a[i], b[i]));
    case CODE_INTDIV:
        EACH(floor(a[i] / b[i]));
    case CODE_LT:
        EACH(truth(a[i], b[i], a[i] < b[i]));
    case CODE_LE:
        EACH(truth(a[i], b[i], a[i] <= b[i]));
    case CODE_GT:
        EACH(truth(a[i], b[i], a[i] > b[i]));
    case CODE_GE:
        EACH(truth(a[i], b[i], a[i] >= b[i]));
    case CODE_EQ:
        EACH(truth(a[i], b[i], a[i] == b[i]));
    case CODE_NE:
        EACH(truth(a[i], b[i], a[i] != b[i]));
    case CODE_AND:
        EACH(truth(a[i], b[i], a[i] != 0 && b[i] != 0));
    case CODE_OR:
        EACH(truth(a[i], b[i], a[i] != 0 || b[i] != 0));
    case CODE_MAX:
        EACH(isnan(a[i]) || a[i] >= b[i] ? a[i] : b[i]);
    case CODE_MIN:
        EACH(isnan(a[i]) || a[i] <= b[i] ? a[i] : b[i]);
    default: /* IFELSE */
        EACH(isnan(a[i]) ? NAN : a[i] != 0 ? b[i] : c[i]);
    }
}

static void step_unary(enum code code, double *a, uint32_t n)
{
    switch (code) {
    case CODE_NOT:
        EACH(truth(a[i], 0, a[i] == 0));
    case CODE_NEG:
        EACH(-a[i]);
    case CODE_ABS:
        EACH(fabs(a[i]));
    case CODE_ACOS:
        EACH(acos(a[i]));
    case CODE_ASIN:
        EACH(asin(a[i]));
    case CODE_ATAN:
        EACH(atan(a[i]));
    case CODE_CEILING:
        EACH(ceil(a[i]));
    case CODE_COS:
        EACH(cos(a[i]));
    case CODE_COSH:
        EACH(cosh(a[i]));
    case CODE_EXP:
        EACH(exp(a[i]));
    case CODE_EXPM1:
        EACH(expm1(a[i]));
    case CODE_FLOOR:
        EACH(floor(a[i]));
    case CODE_GAMMA:
        EACH(tgamma(a[i]));
    case CODE_LGAMMA:
        EACH(lgamma(a[i]));
    case CODE_LOG:
        EACH(log(a[i]));
    case CODE_LOG10:
        EACH(log10(a[i]));
    case CODE_LOG1P:
        EACH(log1p(a[i]));
    case CODE_LOG2:
        EACH(log2(a[i]));
    case CODE_PLOGIS:
        EACH(plogis(a[i]));
    case CODE_PNORM:
        EACH(0.5 * erfc(-a[i] * M_SQRT1_2));
    case CODE_QLOGIS:
        EACH(log(a[i] / (1 - a[i])));
    case CODE_ROUND:
        EACH(nearbyint(a[i]));
    case CODE_SIGN:
        EACH(sign(a[i]));
    case CODE_SIN:
        EACH(sin(a[i]));
    case CODE_SINH:
        EACH(sinh(a[i]));
    case CODE_SQRT:
        EACH(sqrt(a[i]));
    case CODE_TAN:
        EACH(tan(a[i]));
    case CODE_TANH:
        EACH(tanh(a[i]));
    default: /* TRUNC */
        EACH(trunc(a[i]));
    }
}

static uint32_t operands(enum code code)
{
    return code <= CODE_PARAM                                           ? 0
           : code == CODE_IFELSE                                        ? 3
           : code == CODE_NOT || code == CODE_NEG || code > CODE_IFELSE ? 1
                                                                        : 2;
}

static void load(const struct step *s, double *a, const double *const *inputs, const double *params,
                 uint32_t first, uint32_t n)
{
    if (s->code == CODE_INPUT) {
        memcpy(a, inputs[s->place] + first, n * sizeof *a);
        return;
    }
    double v = s->code == CODE_NUMBER ? s->number : params[s->place];
    for (uint32_t i = 0; i < n; i++)
        a[i] = v;
}

/* ---- slopes ---- */

/* Derivative of log gamma for x > 0 (asymptotic series; Abramowitz & Stegun 6.3.18). */
static double digamma(double x)
{
    double shift = 0;
    if (!(x > 0))
        return NAN;
    while (x < 10) {
        shift -= 1 / x;
        x += 1;
    }
    double y = 1 / (x * x);
    return shift + log(x) - 0.5 / x -
           y * (1.0 / 12 -
                y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y * (1.0 / 132 - y * 691.0 / 32760)))));
}

/* d a^b / da, d a^b / db */
static double power_da(double a, double b)
{
    return b == 0 ? 0 : b * power(a, b - 1);
}
static double power_db(double a, double b, double value)
{
    return a == 0 && b > 0 ? 0 : value * log(a);
}

/* The derivative of a unary function at x, where its value is v. */
static double slope_unary(enum code code, double x, double v)
{
    switch (code) {
    case CODE_NEG:
        return -1;
    case CODE_ABS:
        return sign(x);
    case CODE_ACOS:
        return -1 / sqrt(1 - x * x);
    case CODE_ASIN:
        return 1 / sqrt(1 - x * x);
    case CODE_ATAN:
        return 1 / (1 + x * x);
    case CODE_COS:
        return -sin(x);
    case CODE_COSH:
        return sinh(x);
    case CODE_EXP:
        return v;
    case CODE_EXPM1:
        return v + 1;
    case CODE_GAMMA:
        return v * digamma(x);
    case CODE_LGAMMA:
        return digamma(x);
    case CODE_LOG:
        return 1 / x;
    case CODE_LOG10:
        return 1 / (x * M_LN10);
    case CODE_LOG1P:
        return 1 / (1 + x);
    case CODE_LOG2:
        return 1 / (x * M_LN2);
    case CODE_PLOGIS:
        return v * plogis(-x);
    case CODE_PNORM:
        return exp(-0.5 * x * x) * M_SQRT1_2 * M_2_SQRTPI / 2;
    case CODE_QLOGIS:
        return 1 / (x * (1 - x));
    case CODE_SIN:
        return cos(x);
    case CODE_SINH:
        return cosh(x);
    case CODE_SQRT:
        return 0.5 / v;
    case CODE_TAN:
        return 1 + v * v;
    case CODE_TANH:
        return 1 - v * v;
    default: /* steps and truth values */
        return 0;
    }
}

/* Partial derivatives by the operands, from their values x (LANES apart) and the result v; d comes zeroed. */
static void partials(const struct step *s, const double *x, const double *v, uint32_t n, double (*d)[LANES])
{
    const double *b = x + LANES;
    for (uint32_t i = 0; i < n; i++) {
        switch (s->code) {
        case CODE_ADD:
            d[0][i] = d[1][i] = 1;
            break;
        case CODE_SUB:
            d[0][i] = 1;
            d[1][i] = -1;
            break;
        case CODE_MUL:
            d[0][i] = b[i];
            d[1][i] = x[i];
            break;
        case CODE_DIV:
            d[0][i] = 1 / b[i];
            d[1][i] = -v[i] / b[i];
            break;
        case CODE_POW:
            d[0][i] = s->mask[0] ? power_da(x[i], b[i]) : 0;
            d[1][i] = s->mask[1] ? power_db(x[i], b[i], v[i]) : 0;
            break;
        case CODE_MOD:
            d[0][i] = 1;
            d[1][i] = -floor(x[i] / b[i]);
            break;
        case CODE_MAX:
        case CODE_MIN:
            d[0][i] = v[i] == x[i];
            d[1][i] = v[i] != x[i];
            break;
        case CODE_IFELSE:
            d[1][i] = x[i] != 0;
            d[2][i] = x[i] == 0;
            break;
        default:
            if (operands(s->code) == 1)
                d[0][i] = slope_unary(s->code, x[i], v[i]);
            break;
        }
    }
}

/* Slopes of the result from those of the operands; the first operand's lie where the result's go. */
static void chain(struct arith *a, const struct step *s, const double (*d)[LANES], uint32_t n)
{
    size_t stride = (size_t)a->n_params * LANES;
    for (uint64_t left = s->all; left; left &= left - 1) {
        uint32_t j = (uint32_t)__builtin_ctzll(left);
        double *to = a->slopes + s->to * stride + (size_t)j * LANES, sum[LANES] = {0};
        for (uint32_t k = 0; k < operands(s->code); k++) {
            const double *from = to + k * stride;
            for (uint32_t i = 0; (s->mask[k] >> j & 1) && i < n; i++)
                sum[i] += d[k][i] * from[i];
        }
        memcpy(to, sum, n * sizeof *to);
    }
}

static void step_slopes(struct arith *a, const struct step *s, const double *x, uint32_t n)
{
    double d[3][LANES] = {{0}};
    if (s->code == CODE_PARAM) {
        double *to = a->slopes + ((size_t)s->to * a->n_params + s->place) * LANES;
        for (uint32_t i = 0; i < n; i++)
            to[i] = 1;
    } else if (s->all) {
        partials(s, x, a->values + (size_t)s->to * LANES, n, d);
        chain(a, s, (const double(*)[LANES])d, n);
    }
}

static void run(struct arith *a, const double *const *inputs, const double *params, uint32_t first,
                uint32_t n, bool want_slopes)
{
    double before[3 * LANES];
    for (const struct step *s = a->steps; s < a->steps + a->n_steps; s++) {
        double *x = a->values + (size_t)s->to * LANES;
        uint32_t k = operands(s->code);
        if (want_slopes && s->all)
            memcpy(before, x, (k ? k : 1) * LANES * sizeof *x);
        if (k == 0)
            load(s, x, inputs, params, first, n);
        else if (k == 1)
            step_unary(s->code, x, n);
        else
            step_binary(s->code, x, x + LANES, x + (k - 1) * LANES, n);
        if (want_slopes)
            step_slopes(a, s, before, n);
    }
}

void arith_values(struct arith *a, const double *const *inputs, const double *params, uint32_t n, double *ret)
{
    for (uint32_t first = 0; first < n; first += LANES) {
        uint32_t count = n - first < LANES ? n - first : LANES;
        run(a, inputs, params, first, count, false);
        memcpy(ret + first, a->values, count * sizeof *ret);
    }
}

void arith_slopes(struct arith *a, const double *const *inputs, const double *params, uint32_t n, double *ret,
                  double *ret_slopes)
{
    uint64_t mask = a->steps[a->n_steps - 1].all;
    for (uint32_t first = 0; first < n; first += LANES) {
        uint32_t count = n - first < LANES ? n - first : LANES;
        run(a, inputs, params, first, count, true);
        memcpy(ret + first, a->values, count * sizeof *ret);
        for (uint32_t j = 0; j < a->n_params; j++) {
            double *to = ret_slopes + (size_t)j * n + first;
            if (mask >> j & 1)
                memcpy(to, a->slopes + (size_t)j * LANES, count * sizeof *to);
            else
                memset(to, 0, count * sizeof *to);
        }
    }
}
