/* model=nls: y ~ an expression of columns and parameters; those named in start= are parameters. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/fitter.h"
#include "model/nls.h"
#include "model/tail.h"
#include "shared/nearest.h"

enum { MAX_VALUES = 6, NAME_BYTES = 64, TEXT_BYTES = 16384, INPUTS_MAX = FORMULA_VARS_MAX - 1 };

struct nonlinear {
    const struct spec *spec;
    uint32_t p, n_inputs;
    char params[ARITH_PARAMS_MAX][NAME_BYTES];
    const char *names[ARITH_PARAMS_MAX];
    double start[ARITH_PARAMS_MAX];
    const char *inputs[INPUTS_MAX];
    const double *columns[INPUTS_MAX];
    struct syntax *syntax;
    struct arith *arith;
    struct variables vars; /* response ~ the columns that the expression uses */
    struct nls_work *work;
    double values[ARITH_PARAMS_MAX * MAX_VALUES];
    /* while the names are looked up: */
    struct qx_ctx *ctx;
    const struct qx_table *table;
};

static void nonlinear_close(void *state)
{
    struct nonlinear *m = state;
    variables_close(&m->vars);
    m->arith = arith_free(m->arith);
    m->syntax = syntax_free(m->syntax);
    m->work = nls_work_free(m->work);
    free(m);
}

/* ---- start=b1=500,b2=0.0001 ---- */

static qx_err read_start(struct qx_ctx *ctx, struct nonlinear *m)
{
    const char *p = m->spec->start;
    for (bool more = true; more; m->p++) {
        p += strspn(p, " ");
        size_t len = strcspn(p, "=, ");
        const char *eq = p + len + strspn(p + len, " ");
        char *end = NULL;
        if (m->p == ARITH_PARAMS_MAX || len >= NAME_BYTES)
            return qx_error(ctx, QX_ERR_INVALID, "start: more than %d parameters, or a name over %d bytes",
                            ARITH_PARAMS_MAX, NAME_BYTES - 1);
        double v = len > 0 && *eq == '=' ? strtod(eq + 1, &end) : NAN;
        if (!end || end == eq + 1 || !isfinite(v))
            return qx_error(ctx, QX_ERR_INVALID,
                            "start: expected name=number at \"%.40s\", as in b1=500,b2=0.1", p);
        memcpy(m->params[m->p], p, len);
        m->params[m->p][len] = '\0';
        m->names[m->p] = m->params[m->p];
        m->start[m->p] = v;
        for (uint32_t i = 0; i < m->p; i++) {
            if (strcmp(m->params[i], m->params[m->p]) == 0)
                return qx_error(ctx, QX_ERR_INVALID, "start: %s is there twice", m->params[i]);
        }
        end += strspn(end, " ");
        more = *end == ',';
        if (!more && *end)
            return qx_error(ctx, QX_ERR_INVALID, "start: expected \",\" at \"%.40s\"", end);
        p = end + 1;
    }
    return QX_ERR_OK;
}

/* ---- names ---- */

static int place_in(const char *const *names, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

static const struct qx_column *column_named(const struct nonlinear *m, const char *name)
{
    for (uint32_t i = 0; i < qx_table_columns(m->ctx, m->table); i++) {
        const struct qx_column *c = qx_table_column(m->ctx, m->table, i);
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

static int refuse_name(struct nonlinear *m, const struct node *n, struct syntax_error *err)
{
    const char *all[256];
    uint32_t count = 0;
    for (uint32_t i = 0; i < qx_table_columns(m->ctx, m->table) && count < 128; i++)
        all[count++] = qx_table_column(m->ctx, m->table, i)->name;
    for (uint32_t i = 0; i < m->p; i++)
        all[count++] = m->names[i];
    const char *near = nearest(n->name, strlen(n->name), all, count);
    if (near)
        (void)syntax_fail(m->syntax, n, err,
                          "\"%.32s\" is no column and has no start (did you mean \"%.32s\"?)", n->name, near);
    else
        (void)syntax_fail(m->syntax, n, err, "\"%.32s\" is no column and has no start", n->name);
    return -1;
}

static int find_name(void *arg, const struct node *n, bool *ret_is_param, struct syntax_error *err)
{
    struct nonlinear *m = arg;
    int place = place_in(m->names, m->p, n->name);
    *ret_is_param = place >= 0;
    if (place >= 0)
        return place;
    const struct qx_column *c = column_named(m, n->name);
    if (!c)
        return refuse_name(m, n, err);
    if (c->type == QX_COLUMN_TEXT) {
        (void)syntax_fail(m->syntax, n, err, "column \"%.40s\" holds texts, not numbers", n->name);
        return -1;
    }
    place = place_in(m->inputs, m->n_inputs, n->name);
    if (place >= 0)
        return place;
    if (m->n_inputs == INPUTS_MAX) {
        (void)syntax_fail(m->syntax, n, err, "more than %d columns", INPUTS_MAX);
        return -1;
    }
    m->inputs[m->n_inputs] = c->name;
    return (int)m->n_inputs++;
}

static bool uses(const struct node *n, const char *name)
{
    if (n->kind == NODE_NAME && strcmp(n->name, name) == 0)
        return true;
    for (const struct node *a = n->kind == NODE_OP || n->kind == NODE_CALL ? n->first : NULL; a;
         a = a->next) {
        if (uses(a, name))
            return true;
    }
    return false;
}

static qx_err bind_expression(struct qx_ctx *ctx, struct nonlinear *m, const struct node **ret_left)
{
    struct syntax_error err = {.at = 0};
    const struct arith_names names = {.find = find_name, .arg = m};
    m->syntax = syntax_new(m->spec->formula, &err);
    if (!m->syntax)
        return qx_error(ctx, QX_ERR_INVALID, "formula: %s", err.text);
    const struct node *root = syntax_root(m->syntax);
    if (root->kind != NODE_OP || root->op != OP_TILDE || !root->first->next)
        return qx_error(ctx, QX_ERR_INVALID, "formula: a nonlinear model is written y ~ expression");
    m->arith = arith_new(m->syntax, root->first->next, &names, m->p, &err);
    if (!m->arith)
        return qx_error(ctx, QX_ERR_INVALID, "formula: %s", err.text);
    for (uint32_t j = 0; j < m->p; j++) {
        if (!uses(root->first->next, m->names[j]))
            return qx_error(ctx, QX_ERR_INVALID, "start: the formula does not use %s", m->names[j]);
    }
    *ret_left = root->first;
    return QX_ERR_OK;
}

/* response ~ 0 + each column: what the frame evaluates. */
static qx_err bind_columns(struct qx_ctx *ctx, struct nonlinear *m, const struct node *left,
                           uint32_t max_rows)
{
    char *text = malloc(TEXT_BYTES);
    if (!text)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    size_t len = syntax_write(left, text, TEXT_BYTES);
    for (uint32_t i = 0; i < m->n_inputs && len < TEXT_BYTES; i++)
        len += (size_t)snprintf(text + len, TEXT_BYTES - len, "%s`%s`", i ? " + " : " ~ 0 + ", m->inputs[i]);
    if (m->n_inputs == 0 && len < TEXT_BYTES)
        len += (size_t)snprintf(text + len, TEXT_BYTES - len, " ~ 1");
    qx_err e = len < TEXT_BYTES ? spec_variables(ctx, m->spec, text, m->table, max_rows, &m->vars)
                                : qx_error(ctx, QX_ERR_INVALID, "formula: too long");
    free(text);
    if (e == QX_ERR_OK)
        e = variables_need_response(ctx, &m->vars, "nls", false);
    for (uint32_t i = 0; e == QX_ERR_OK && i < m->n_inputs; i++) {
        for (uint32_t v = 0; v < m->vars.frame->n_vars; v++) { /* the response may be one of them */
            const struct node *n = m->vars.formula->vars[v].node;
            if (n->kind == NODE_NAME && strcmp(n->name, m->inputs[i]) == 0)
                m->columns[i] = m->vars.frame->vars[v].x;
        }
    }
    return e;
}

static qx_err open_parts(struct qx_ctx *ctx, struct nonlinear *m, uint32_t max_rows)
{
    const struct node *left = NULL;
    qx_err e = read_start(ctx, m);
    if (e == QX_ERR_OK)
        e = bind_expression(ctx, m, &left);
    if (e == QX_ERR_OK)
        e = bind_columns(ctx, m, left, max_rows);
    if (e != QX_ERR_OK)
        return e;
    m->work = nls_work_new(max_rows, m->p);
    return m->work ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

static qx_err nonlinear_open(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t,
                             uint32_t max_rows, void **ret_state)
{
    struct nonlinear *m = calloc(1, sizeof *m);
    if (!m)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    m->spec = s;
    m->ctx = ctx;
    m->table = t;
    qx_err e = open_parts(ctx, m, max_rows);
    m->ctx = NULL;
    if (e == QX_ERR_OK)
        *ret_state = m;
    else
        nonlinear_close(m);
    return e;
}

/* ---- fitting ---- */

static void value(void *arg, const double *params, double *ret_f, double *ret_slopes)
{
    struct nonlinear *m = arg;
    uint32_t n = m->vars.frame->n;
    if (ret_slopes)
        arith_slopes(m->arith, m->columns, params, n, ret_f, ret_slopes);
    else
        arith_values(m->arith, m->columns, params, n, ret_f);
}

static const char *nonlinear_run(void *state, const uint32_t *rows, uint32_t n, struct fit_result *ret)
{
    struct nonlinear *m = state;
    struct frame *fr = m->vars.frame;
    struct nls_summary s;
    const char *why = frame_load(fr, rows, n);
    if (why)
        return why;
    if (fr->n == 0)
        return "no row has a value in each variable";
    const struct nls_model model = {
        .value = value, .arg = m, .n = fr->n, .p = m->p, .y = frame_response(fr, 0), .weights = fr->weights};
    why = nls_fit(m->work, &model, m->start, &s);
    if (why)
        return why;
    double conf = m->spec->conf, df = (double)s.df, wide = conf > 0 ? quantile_t(conf, df) : 0;
    for (uint32_t j = 0; j < m->p; j++) {
        double *v = m->values + (size_t)j * MAX_VALUES, b = nls_params(m->work)[j], se = nls_se(m->work)[j];
        v[0] = b;
        v[1] = se;
        v[2] = b / se;
        v[3] = tail_t(v[2], df, ALT_TWO_SIDED);
        v[4] = b - wide * se;
        v[5] = b + wide * se;
    }
    ret->n_rows = m->p;
    ret->names = m->names;
    ret->values = m->values;
    const double stats[] = {s.n,   df,    s.sigma,      s.rss,    s.log_lik,
                            s.aic, s.bic, s.iterations, s.offset, fr->n_left_out};
    memcpy(ret->stats, stats, sizeof stats);
    return NULL;
}

const struct fit_kind fit_kind_nls = {
    .list = "coefficients",
    .n_values = 6,
    .values = {"estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high"},
    .n_stats = 10,
    .stats = {"n", "df_residual", "sigma", "deviance", "log_lik", "aic", "bic", "iterations",
              "relative_offset", "rows_left_out"},
    .open = nonlinear_open,
    .close = nonlinear_close,
    .run = nonlinear_run,
};
