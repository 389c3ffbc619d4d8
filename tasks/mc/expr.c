/* expr.c - muParser through its C interface, one point a call. Its bulk mode parses the text again at every call and
 * starts threads (OpenMP) that an executor must not have; evaluating byte code a point at a time costs about 15 ns. */
#include "mc/expr.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <muParserDLL.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what there is beyond muParser's own ---- */

static double fn_lgamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

static double fn_qnorm(double p)
{
    return p >= 0 && p <= 1 ? gsl_cdf_ugaussian_Pinv(p) : NAN;
}

static double fn_mod(double x, double y)
{
    return x - y * floor(x / y);
}

static const struct {
    const char *name;
    muFun1_t f;
} functions1[] = {
    {"floor", floor},
    {"ceil", ceil},
    {"round", nearbyint},
    {"log1p", log1p},
    {"expm1", expm1},
    {"cbrt", cbrt},
    {"erf", erf},
    {"erfc", erfc},
    {"gamma", tgamma},
    {"lgamma", fn_lgamma},
    {"dnorm", gsl_ran_ugaussian_pdf},
    {"pnorm", gsl_cdf_ugaussian_P},
    {"qnorm", fn_qnorm},
};
static const struct {
    const char *name;
    muFun2_t f;
} functions2[] = {{"hypot", hypot}, {"mod", fn_mod}, {"pow", pow}};

static const struct {
    const char *name;
    double value;
} constants[] = {{"pi", 3.14159265358979323846}, {"e", 2.71828182845904523536}};

static const char *const builtin[] = {"sin",   "cos",  "tan",  "asin",  "acos",  "atan",  "atan2",
                                      "sinh",  "cosh", "tanh", "asinh", "acosh", "atanh", "log2",
                                      "log10", "log",  "ln",   "exp",   "sqrt",  "sign",  "rint",
                                      "abs",   "min",  "max",  "sum",   "avg"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
enum { TAKEN_MAX = COUNT(functions1) + COUNT(functions2) + COUNT(constants) + COUNT(builtin) };

static size_t taken_names(const char *ret[TAKEN_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < COUNT(builtin); i++)
        ret[n++] = builtin[i];
    for (size_t i = 0; i < COUNT(functions1); i++)
        ret[n++] = functions1[i].name;
    for (size_t i = 0; i < COUNT(functions2); i++)
        ret[n++] = functions2[i].name;
    for (size_t i = 0; i < COUNT(constants); i++)
        ret[n++] = constants[i].name;
    return n;
}

bool expr_is_taken(const char *name)
{
    const char *taken[TAKEN_MAX];
    size_t n = taken_names(taken);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(taken[i], name) == 0)
            return true;
    }
    return false;
}

/* ---- the parser ---- */

struct expr {
    muParserHandle_t parser;
    uint32_t n;
    double x[]; /* the variables, where muParser reads them */
};

/* Without a handler muParser's C interface prints to stdout. The error is asked for with mupError(). */
static void on_error(muParserHandle_t parser)
{
    (void)parser;
}

static void define_all(struct expr *e, const char *const *names)
{
    for (size_t i = 0; i < COUNT(functions1); i++)
        mupDefineFun1(e->parser, functions1[i].name, functions1[i].f, 1);
    for (size_t i = 0; i < COUNT(functions2); i++)
        mupDefineFun2(e->parser, functions2[i].name, functions2[i].f, 1);
    for (size_t i = 0; i < COUNT(constants); i++)
        mupDefineConst(e->parser, constants[i].name, constants[i].value);
    for (uint32_t i = 0; i < e->n; i++)
        mupDefineVar(e->parser, names[i], &e->x[i]);
}

/* muParser's codes (enum EErrorCodes) for what scan_check lets through. */
enum {
    MU_UNASSIGNABLE = 1,
    MU_EOF = 2,
    MU_ARG = 4,
    MU_MISSING_PARENS = 11,
    MU_MANY_PARAMS = 14,
    MU_FEW_PARAMS = 15,
    MU_MISSING_ELSE = 33,
    MU_COLON = 34
};

/* The last place before `end` where the name stands: muParser reports a call where it ends. */
static size_t find_before(const char *text, size_t end, const char *name, size_t len)
{
    for (size_t at = end; at-- > 0;) {
        if (strncmp(text + at, name, len) == 0)
            return at;
    }
    return 0;
}

static void describe_error(struct expr *e, const char *text, const char *shown, char ret_error[PLACE_BYTES])
{
    int code = mupGetErrorCode(e->parser), pos = mupGetErrorPos(e->parser);
    const char *token = mupGetErrorToken(e->parser);
    size_t len = strlen(token), end = strlen(text), at = pos < 0 || (size_t)pos > end ? end : (size_t)pos;
    switch (code) {
    case MU_EOF:
    case MU_MISSING_PARENS:
        (void)place_error(ret_error, shown, end, 0, "unexpected end");
        break;
    case MU_MANY_PARAMS:
    case MU_FEW_PARAMS:
        (void)place_error(ret_error, shown, find_before(text, at, token, len), len,
                          "too %s arguments for %.24s()", code == MU_FEW_PARAMS ? "few" : "many", token);
        break;
    case MU_UNASSIGNABLE:
        (void)place_error(ret_error, shown, at, len, "\"%.24s\" is a function and needs its (arguments)",
                          token);
        break;
    case MU_MISSING_ELSE:
        (void)place_error(ret_error, shown, strcspn(text, "?"), 1, "\"?\" without \":\"");
        break;
    case MU_COLON:
        (void)place_error(ret_error, shown, at > 0 ? at - 1 : 0, 1, "\":\" without \"?\"");
        break;
    default:
        if (len > 0)
            (void)place_error(ret_error, shown, at, len, "unexpected \"%.24s\"", token);
        else
            (void)place_error(ret_error, shown, at > 0 ? at - 1 : 0, 1,
                              code == MU_ARG ? "unexpected list" : "malformed expression");
    }
}

static struct expr *expr_compile(struct expr *e, const char *text, const char *shown,
                                 const char *const *names, char *ret_error)
{
    e->parser = mupCreate(muBASETYPE_FLOAT);
    if (!e->parser) {
        (void)snprintf(ret_error, PLACE_BYTES, "out of memory");
        expr_free(e);
        return NULL;
    }
    mupSetErrorHandler(e->parser, on_error);
    define_all(e, names);
    mupSetExpr(e->parser, text);
    for (uint32_t i = 0; i < e->n; i++)
        e->x[i] = 0.5;
    if (!mupError(e->parser))
        (void)mupEval(e->parser);
    if (mupError(e->parser)) {
        describe_error(e, text, shown, ret_error);
        expr_free(e);
        return NULL;
    }
    return e;
}

struct expr *expr_new(const char *text, const char *shown, const char *const *names, uint32_t n,
                      char ret_error[PLACE_BYTES])
{
    struct expr *e = calloc(1, sizeof *e + n * sizeof e->x[0]);
    const char **known = malloc((n + TAKEN_MAX) * sizeof *known);
    bool ok = e && known;
    shown = shown ? shown : text;
    if (ok) {
        for (uint32_t i = 0; i < n; i++)
            known[i] = names[i];
        ok = scan_check(text, shown, known, n + taken_names(known + n), ret_error);
    } else {
        (void)snprintf(ret_error, PLACE_BYTES, "out of memory");
    }
    free(known);
    if (!ok) {
        free(e);
        return NULL;
    }
    e->n = n;
    return expr_compile(e, text, shown, names, ret_error);
}

void expr_free(struct expr *e)
{
    if (!e)
        return;
    if (e->parser)
        mupRelease(e->parser);
    free(e);
}

bool expr_constant(const char *text, double *ret, char ret_error[PLACE_BYTES])
{
    struct expr *e = expr_new(text, NULL, NULL, 0, ret_error);
    if (!e)
        return false;
    *ret = expr_value(e, &(double){0});
    expr_free(e);
    (void)snprintf(ret_error, PLACE_BYTES, "it is no finite number");
    return isfinite(*ret);
}

double expr_value(struct expr *e, const double *x)
{
    double value;
    expr_values(e, x, 1, &value);
    return value;
}

void expr_values(struct expr *e, const double *points, uint32_t n_points, double *ret)
{
    uint32_t n = e->n;
    for (uint32_t i = 0; i < n_points; i++, points += n) {
        for (uint32_t j = 0; j < n; j++)
            e->x[j] = points[j];
        ret[i] = mupEval(e->parser);
    }
}
