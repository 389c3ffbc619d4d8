#include "model/frame.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/poly.h"
#include "shared/nearest.h"

enum { LEVELS_MAX = 100000, WHY_BYTES = 120, NAMES_LISTED = 4096 };

/* A column as numbers: texts are the codes of the table. */
struct input {
    const struct qx_column *column;
    double *x;
};

/* How a variable is computed. */
struct source {
    struct arith *arith;           /* NULL: a column as it is */
    uint32_t input;                /* that column, of numbers; owned by inputs */
    const struct qx_column *texts; /* FACTOR of a column of texts */
    uint32_t *rank;                /* its codes to levels */
    double *numbers;               /* FACTOR of numbers: their values by level */
    char *labels;                  /* what the levels lie in */
    const char **levels;
    double *own; /* what arith gives */
};

struct frame_bind {
    struct qx_ctx *ctx;
    const struct qx_table *table;
    const struct syntax *syntax; /* being compiled */
    uint32_t max_rows, n_inputs, cap_inputs;
    struct input *inputs;
    const double **pointers; /* to their numbers */
    struct source *sources;  /* n_vars, weights, offset */
    struct syntax *weights_syntax, *offset_syntax;
    double *weights, *offset;
    uint32_t *rows;
    bool *bad;       /* rows of a load that lack a value */
    double *scratch; /* max_rows: arguments of poly() that are there */
    bool na_fail;
    char why[WHY_BYTES];
};

static qx_err no_memory(struct qx_ctx *ctx)
{
    return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

/* ---- columns by name ---- */

static int place_of(struct frame_bind *b, const char *name)
{
    for (uint32_t i = 0; i < qx_table_columns(b->ctx, b->table); i++) {
        if (strcmp(qx_table_column(b->ctx, b->table, i)->name, name) == 0)
            return (int)i;
    }
    return -1;
}

static int refuse_name(struct frame_bind *b, const struct node *n, struct syntax_error *err)
{
    const char *names[NAMES_LISTED];
    uint32_t n_names = 0, n_columns = qx_table_columns(b->ctx, b->table);
    for (; n_names < n_columns && n_names < NAMES_LISTED; n_names++)
        names[n_names] = qx_table_column(b->ctx, b->table, n_names)->name;
    const char *near = nearest(n->name, strlen(n->name), names, n_names);
    if (near)
        (void)syntax_fail(b->syntax, n, err, "no column \"%.40s\" (did you mean \"%.40s\"?)", n->name, near);
    else
        (void)syntax_fail(b->syntax, n, err, "no column \"%.40s\"", n->name);
    return -1;
}

static int input_of(struct frame_bind *b, const struct qx_column *c)
{
    for (uint32_t i = 0; i < b->n_inputs; i++) {
        if (b->inputs[i].column == c)
            return (int)i;
    }
    double *x = malloc((b->max_rows + (size_t)1) * sizeof *x);
    if (!x || b->n_inputs == b->cap_inputs) {
        free(x);
        return -1;
    }
    b->inputs[b->n_inputs] = (struct input){.column = c, .x = x};
    b->pointers[b->n_inputs] = x;
    return (int)b->n_inputs++;
}

static int find_number(void *arg, const struct node *n, bool *ret_is_param, struct syntax_error *err)
{
    struct frame_bind *b = arg;
    int place = place_of(b, n->name);
    *ret_is_param = false;
    if (place < 0)
        return refuse_name(b, n, err);
    const struct qx_column *c = qx_table_column(b->ctx, b->table, (uint32_t)place);
    if (c->type == QX_COLUMN_TEXT) {
        (void)syntax_fail(b->syntax, n, err, "column \"%.40s\" holds texts, not numbers", n->name);
        return -1;
    }
    int input = input_of(b, c);
    if (input < 0)
        (void)snprintf(err->text, sizeof err->text, "out of memory");
    return input;
}

static int find_text(void *arg, const struct node *n, const char *text, double *ret_level,
                     struct syntax_error *err)
{
    struct frame_bind *b = arg;
    int place = place_of(b, n->name);
    if (place < 0)
        return refuse_name(b, n, err);
    const struct qx_column *c = qx_table_column(b->ctx, b->table, (uint32_t)place);
    if (c->type != QX_COLUMN_TEXT) {
        (void)syntax_fail(b->syntax, n, err, "column \"%.40s\" holds numbers, not texts", n->name);
        return -1;
    }
    *ret_level = -1;
    for (uint32_t i = 0; i < c->n_levels; i++) {
        if (strcmp(c->levels[i], text) == 0)
            *ret_level = i;
    }
    int input = input_of(b, c);
    if (input < 0)
        (void)snprintf(err->text, sizeof err->text, "out of memory");
    return input;
}

/* ---- binding ---- */

static qx_err bind_arith(struct frame_bind *b, struct source *s, const struct syntax *syntax,
                         const struct node *n, const char *what)
{
    struct syntax_error err = {.at = 0};
    const struct arith_names names = {.find = find_number, .find_level = find_text, .arg = b};
    b->syntax = syntax;
    s->arith = arith_new(syntax, n, &names, 0, &err);
    s->own = malloc((b->max_rows + (size_t)1) * sizeof *s->own);
    if (!s->arith)
        return qx_error(b->ctx, QX_ERR_INVALID, "%s: %s", what, err.text);
    return s->own ? QX_ERR_OK : no_memory(b->ctx);
}

static qx_err refuse(struct frame_bind *b, const struct formula *f, const struct node *n, const char *text)
{
    struct syntax_error err = {.at = 0};
    (void)syntax_fail(f->syntax, n, &err, "%s", text);
    return qx_error(b->ctx, QX_ERR_INVALID, "formula: %s", err.text);
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static qx_err bind_texts(struct frame_bind *b, struct source *s, struct frame_var *v,
                         const struct qx_column *c)
{
    uint32_t n = c->n_levels;
    s->texts = c;
    s->levels = malloc((n + (size_t)1) * sizeof *s->levels);
    s->rank = malloc((n + (size_t)1) * sizeof *s->rank);
    if (!s->levels || !s->rank)
        return no_memory(b->ctx);
    for (uint32_t i = 0; i < n; i++)
        s->levels[i] = c->levels[i];
    qsort(s->levels, n, sizeof *s->levels, by_text);
    for (uint32_t i = 0; i < n; i++) {
        const char *const *at = bsearch(&c->levels[i], s->levels, n, sizeof *s->levels, by_text);
        s->rank[i] = (uint32_t)(at - s->levels);
    }
    v->levels = s->levels;
    v->n_levels = n;
    return QX_ERR_OK;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void gather(struct frame_bind *b, const uint32_t *rows, uint32_t n)
{
    for (uint32_t k = 0; k < b->n_inputs; k++) {
        const struct qx_column *c = b->inputs[k].column;
        double *x = b->inputs[k].x;
        if (c->type == QX_COLUMN_REAL) {
            for (uint32_t i = 0; i < n; i++)
                x[i] = c->real[rows[i]];
        } else {
            for (uint32_t i = 0; i < n; i++)
                x[i] = c->code[rows[i]] == UINT32_MAX ? (double)NAN : (double)c->code[rows[i]];
        }
    }
}

/* The values of all rows of the data set; free them. */
static double *all_values(struct frame_bind *b, struct source *s, uint64_t n_rows)
{
    double *all = malloc((n_rows + 1) * sizeof *all);
    for (uint64_t first = 0; all && first < n_rows; first += b->max_rows) {
        uint32_t n = n_rows - first < b->max_rows ? (uint32_t)(n_rows - first) : b->max_rows;
        for (uint32_t i = 0; i < n; i++)
            b->rows[i] = (uint32_t)(first + i);
        gather(b, b->rows, n);
        arith_values(s->arith, b->pointers, NULL, n, all + first);
    }
    return all;
}

/* Sorted distinct numbers as levels. */
static qx_err bind_numbers(struct frame_bind *b, struct source *s, struct frame_var *v)
{
    uint64_t n_rows = qx_table_rows(b->ctx, b->table), n = 0, distinct = 0;
    s->numbers = all_values(b, s, n_rows);
    if (!s->numbers)
        return no_memory(b->ctx);
    for (uint64_t i = 0; i < n_rows; i++) {
        if (!isnan(s->numbers[i]))
            s->numbers[n++] = s->numbers[i] == 0 ? 0 : s->numbers[i]; /* no negative zero */
    }
    qsort(s->numbers, n, sizeof *s->numbers, by_number);
    for (uint64_t i = 0; i < n; i++) {
        if (i == 0 || s->numbers[i] != s->numbers[distinct - 1])
            s->numbers[distinct++] = s->numbers[i];
    }
    if (distinct > LEVELS_MAX)
        return qx_error(b->ctx, QX_ERR_INVALID, "formula: %.60s has more than %d levels", v->name,
                        LEVELS_MAX);
    s->labels = malloc((distinct + 1) * SYNTAX_NUMBER_BYTES);
    s->levels = malloc((distinct + 1) * sizeof *s->levels);
    if (!s->labels || !s->levels)
        return no_memory(b->ctx);
    for (uint64_t i = 0; i < distinct; i++) {
        char *label = s->labels + i * SYNTAX_NUMBER_BYTES;
        syntax_number(s->numbers[i], label);
        s->levels[i] = label;
    }
    v->levels = s->levels;
    v->n_levels = (uint32_t)distinct;
    return QX_ERR_OK;
}

static qx_err bind_logical(struct frame_bind *b, struct source *s, struct frame_var *v)
{
    static const char *const levels[] = {"FALSE", "TRUE"};
    s->numbers = malloc(2 * sizeof *s->numbers);
    if (!s->numbers)
        return no_memory(b->ctx);
    s->numbers[0] = 0;
    s->numbers[1] = 1;
    v->levels = levels;
    v->n_levels = 2;
    return QX_ERR_OK;
}

static const struct qx_column *column_named(struct frame_bind *b, const struct node *n)
{
    int place = n->kind == NODE_NAME ? place_of(b, n->name) : -1;
    return place < 0 ? NULL : qx_table_column(b->ctx, b->table, (uint32_t)place);
}

static bool is_call(const struct node *n, const char *name)
{
    return n->kind == NODE_CALL && strcmp(n->name, name) == 0;
}

/* factor(x), as.factor(x) */
static qx_err bind_factor(struct frame_bind *b, const struct formula *f, struct source *s,
                          struct frame_var *v, const struct node *n)
{
    if (!n->first || n->first->next)
        return refuse(b, f, n, "factor() takes one argument");
    const struct qx_column *c = column_named(b, n->first);
    v->kind = FRAME_FACTOR;
    if (c && c->type == QX_COLUMN_TEXT)
        return bind_texts(b, s, v, c);
    qx_err e = bind_arith(b, s, f->syntax, n->first, "formula");
    if (e != QX_ERR_OK)
        return e;
    return arith_is_logical(n->first) ? bind_logical(b, s, v) : bind_numbers(b, s, v);
}

/* poly(x, degree), poly(x, degree, raw = TRUE) */
static qx_err bind_poly(struct frame_bind *b, const struct formula *f, struct source *s, struct frame_var *v,
                        const struct node *n)
{
    const struct node *x = n->first, *degree = x ? x->next : NULL, *raw = degree ? degree->next : NULL;
    if (!degree || degree->kind != NODE_NUMBER ||
        (degree->arg_name && strcmp(degree->arg_name, "degree") != 0))
        return refuse(b, f, n, "poly() is used as poly(x, 3), with raw = TRUE for plain powers");
    if (degree->number < 1 || degree->number > 100 || degree->number != floor(degree->number))
        return refuse(b, f, degree, "the degree of poly() is a whole number from 1");
    if (raw && (!raw->arg_name || strcmp(raw->arg_name, "raw") != 0 || raw->kind != NODE_NAME || raw->next))
        return refuse(b, f, raw, "poly() knows raw = TRUE besides x and degree");
    v->kind = FRAME_POLY;
    v->degree = (uint32_t)degree->number;
    v->raw = raw && (strcmp(raw->name, "TRUE") == 0 || strcmp(raw->name, "T") == 0);
    return bind_arith(b, s, f->syntax, x, "formula");
}

static qx_err bind_var(struct frame_bind *b, const struct formula *f, uint32_t place, struct frame_var *v)
{
    const struct node *n = f->vars[place].node;
    struct source *s = &b->sources[place];
    const struct qx_column *c = column_named(b, n);
    bool offset = f->offsets >> place & 1;
    v->name = f->vars[place].name;
    v->kind = FRAME_NUMBER;
    if (offset)
        return bind_arith(b, s, f->syntax, n, "formula");
    if (c && c->type == QX_COLUMN_TEXT) {
        v->kind = FRAME_FACTOR;
        return bind_texts(b, s, v, c);
    }
    if (is_call(n, "factor") || is_call(n, "as.factor"))
        return bind_factor(b, f, s, v, n);
    if (is_call(n, "poly"))
        return bind_poly(b, f, s, v, n);
    if (c) {
        int input = input_of(b, c);
        s->input = (uint32_t)input;
        return input < 0 ? no_memory(b->ctx) : QX_ERR_OK;
    }
    qx_err e = bind_arith(b, s, f->syntax, n, "formula");
    if (e != QX_ERR_OK || !arith_is_logical(n))
        return e;
    v->kind = FRAME_FACTOR;
    return bind_logical(b, s, v);
}

static qx_err bind_extra(struct frame_bind *b, struct source *s, const char *text, const char *what,
                         struct syntax **ret_syntax, double **ret)
{
    struct syntax_error err = {.at = 0};
    if (!text)
        return QX_ERR_OK;
    *ret_syntax = syntax_new(text, &err);
    if (!*ret_syntax)
        return qx_error(b->ctx, QX_ERR_INVALID, "%s: %s", what, err.text);
    qx_err e = bind_arith(b, s, *ret_syntax, syntax_root(*ret_syntax), what);
    *ret = s->own;
    return e;
}

static qx_err check_missing(struct frame_bind *b, const struct qx_column *c)
{
    uint64_t row = 0;
    if (c->n_missing == 0)
        return QX_ERR_OK;
    while (c->type == QX_COLUMN_TEXT ? c->code[row] != UINT32_MAX : !isnan(c->real[row]))
        row++;
    return qx_error(
        b->ctx, QX_ERR_INVALID,
        "column \"%.60s\" has %llu missing value%s, the first in data row %llu: give na=omit to leave such "
        "rows out",
        c->name, (unsigned long long)c->n_missing, c->n_missing == 1 ? "" : "s", (unsigned long long)row + 1);
}

static qx_err check_all_missing(struct frame_bind *b, const struct formula *f)
{
    qx_err e = QX_ERR_OK;
    for (uint32_t i = 0; b->na_fail && i < b->n_inputs && e == QX_ERR_OK; i++)
        e = check_missing(b, b->inputs[i].column);
    for (uint32_t v = 0; b->na_fail && v < f->n_vars && e == QX_ERR_OK; v++)
        e = b->sources[v].texts ? check_missing(b, b->sources[v].texts) : QX_ERR_OK;
    return e;
}

static qx_err allocate(struct frame *fr, struct frame_bind *b, const struct formula *f)
{
    size_t rows = b->max_rows + (size_t)1;
    b->cap_inputs = qx_table_columns(b->ctx, b->table);
    fr->vars = calloc(f->n_vars + (size_t)1, sizeof *fr->vars);
    b->sources = calloc(f->n_vars + (size_t)2, sizeof *b->sources);
    b->inputs = calloc(b->cap_inputs + (size_t)1, sizeof *b->inputs);
    b->pointers = calloc(b->cap_inputs + (size_t)1, sizeof *b->pointers);
    b->rows = malloc(rows * sizeof *b->rows);
    b->bad = malloc(rows * sizeof *b->bad);
    b->scratch = malloc(rows * sizeof *b->scratch);
    fr->n_vars = fr->vars && b->sources ? f->n_vars : 0;
    return fr->vars && b->sources && b->inputs && b->pointers && b->rows && b->bad && b->scratch
               ? QX_ERR_OK
               : no_memory(b->ctx);
}

/* Where the values of a load go. */
static qx_err place_values(struct frame *fr, struct frame_bind *b)
{
    for (uint32_t i = 0; i < fr->n_vars; i++) {
        struct frame_var *v = &fr->vars[i];
        const struct source *s = &b->sources[i];
        if (v->kind != FRAME_FACTOR) {
            v->x = s->own ? s->own : b->inputs[s->input].x;
            v->basis = v->kind == FRAME_POLY
                           ? malloc((b->max_rows + (size_t)1) * v->degree * sizeof *v->basis)
                           : NULL;
            if (v->kind == FRAME_POLY && !v->basis)
                return no_memory(b->ctx);
            continue;
        }
        v->code = malloc((b->max_rows + (size_t)1) * sizeof *v->code);
        v->present = calloc(v->n_levels + (size_t)1, sizeof *v->present);
        if (i < fr->formula->n_response)
            v->x = malloc((b->max_rows + (size_t)1) * sizeof *v->x);
        if (!v->code || !v->present || (i < fr->formula->n_response && !v->x))
            return no_memory(b->ctx);
    }
    return QX_ERR_OK;
}

static qx_err bind_all(struct frame *fr, struct frame_bind *b, const struct formula *f,
                       const struct frame_options *opt)
{
    qx_err e = allocate(fr, b, f);
    for (uint32_t v = 0; e == QX_ERR_OK && v < f->n_vars; v++)
        e = bind_var(b, f, v, &fr->vars[v]);
    if (e == QX_ERR_OK)
        e = bind_extra(b, &b->sources[f->n_vars], opt->weights, "weights", &b->weights_syntax, &b->weights);
    if (e == QX_ERR_OK)
        e = bind_extra(b, &b->sources[f->n_vars + 1], opt->offset, "offset", &b->offset_syntax, &b->offset);
    if (e == QX_ERR_OK && !b->offset && f->offsets) {
        b->offset = malloc((b->max_rows + (size_t)1) * sizeof *b->offset);
        b->sources[f->n_vars + 1].own = b->offset;
        e = b->offset ? QX_ERR_OK : no_memory(b->ctx);
    }
    if (e == QX_ERR_OK)
        e = check_all_missing(b, f);
    return e == QX_ERR_OK ? place_values(fr, b) : e;
}

qx_err frame_open(struct qx_ctx *ctx, const struct qx_table *t, const struct formula *f,
                  const struct frame_options *opt, struct frame **ret)
{
    struct frame *fr = calloc(1, sizeof *fr);
    struct frame_bind *b = calloc(1, sizeof *b);
    if (!fr || !b) {
        free(fr);
        free(b);
        return no_memory(ctx);
    }
    *b = (struct frame_bind){.ctx = ctx, .table = t, .max_rows = opt->max_rows, .na_fail = opt->na_fail};
    fr->formula = f;
    fr->bind = b;
    fr->max_rows = opt->max_rows;
    qx_err e = bind_all(fr, b, f, opt);
    b->ctx = NULL;
    fr->weights = b->weights;
    fr->offset = b->offset;
    fr->rows = b->rows;
    if (e == QX_ERR_OK)
        *ret = fr;
    else
        (void)frame_close(fr);
    return e;
}

static void source_fini(struct source *s)
{
    (void)arith_free(s->arith);
    free(s->rank);
    free(s->numbers);
    free(s->labels);
    free((void *)s->levels);
    free(s->own);
}

struct frame *frame_close(struct frame *fr)
{
    if (!fr)
        return NULL;
    struct frame_bind *b = fr->bind;
    for (uint32_t i = 0; i < fr->n_vars; i++) {
        free(fr->vars[i].code);
        free(fr->vars[i].present);
        free(fr->vars[i].basis);
        if (fr->vars[i].kind == FRAME_FACTOR)
            free(fr->vars[i].x);
    }
    for (uint32_t i = 0; b->sources && i < fr->n_vars + 2; i++)
        source_fini(&b->sources[i]);
    for (uint32_t i = 0; i < b->n_inputs; i++)
        free(b->inputs[i].x);
    (void)syntax_free(b->weights_syntax);
    (void)syntax_free(b->offset_syntax);
    free(b->sources);
    free(b->inputs);
    free((void *)b->pointers);
    free(b->rows);
    free(b->bad);
    free(b->scratch);
    free(fr->vars);
    free(b);
    free(fr);
    return NULL;
}

/* ---- loading ---- */

static uint32_t level_of(const struct source *s, uint32_t n_levels, double x)
{
    uint32_t low = 0, high = n_levels;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (s->numbers[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void evaluate_factor(struct frame_bind *b, const struct source *s, struct frame_var *v,
                            const uint32_t *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t code = s->texts ? s->texts->code[rows[i]] : 0;
        bool missing = s->texts ? code == UINT32_MAX : isnan(s->own[i]) != 0;
        b->bad[i] = b->bad[i] || missing;
        if (!missing)
            v->code[i] = s->texts ? s->rank[code] : level_of(s, v->n_levels, s->own[i]);
    }
}

static const char *infinite(struct frame_bind *b, const char *name)
{
    (void)snprintf(b->why, sizeof b->why, "%.80s is infinite in a row", name);
    return b->why;
}

static const char *check_numbers(struct frame_bind *b, const char *name, const double *x, uint32_t n)
{
    bool inf = false;
    for (uint32_t i = 0; i < n; i++) {
        inf = inf || isinf(x[i]);
        b->bad[i] = b->bad[i] || isnan(x[i]);
    }
    return inf ? infinite(b, name) : NULL;
}

static const char *evaluate(struct frame *fr, const uint32_t *rows, uint32_t n)
{
    struct frame_bind *b = fr->bind;
    const char *why = NULL;
    gather(b, rows, n);
    for (uint32_t i = 0; i < fr->n_vars + 2; i++) {
        if (b->sources[i].arith)
            arith_values(b->sources[i].arith, b->pointers, NULL, n, b->sources[i].own);
    }
    for (uint32_t i = 0; i < fr->n_vars && !why; i++) {
        if (fr->vars[i].kind == FRAME_FACTOR)
            evaluate_factor(b, &b->sources[i], &fr->vars[i], rows, n);
        else
            why = check_numbers(b, fr->vars[i].name, fr->vars[i].x, n);
    }
    if (b->weights && !why)
        why = check_numbers(b, "the weight", b->weights, n);
    if (b->sources[fr->n_vars + 1].arith && !why)
        why = check_numbers(b, "the offset", b->offset, n);
    return why;
}

/* The basis over the rows that have an argument, then those of them that the load keeps. */
static const char *make_basis(struct frame_bind *b, struct frame_var *v, uint32_t n)
{
    uint32_t there = 0, kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!isnan(v->x[i]))
            b->scratch[there++] = v->x[i];
        kept += !b->bad[i];
    }
    if (v->raw)
        poly_raw(b->scratch, there, v->degree, v->basis);
    else if (kept > 0 && !poly_orthogonal(b->scratch, there, v->degree, v->basis)) {
        (void)snprintf(b->why, sizeof b->why, "%.60s needs more distinct values than its degree", v->name);
        return b->why;
    }
    double *to = v->basis;
    for (uint32_t k = 0; k < v->degree; k++) {
        const double *from = v->basis + (size_t)k * there;
        for (uint32_t i = 0; i < n; i++) {
            if (!b->bad[i])
                *to++ = *from;
            from += !isnan(v->x[i]);
        }
    }
    return NULL;
}

static void keep_good(struct frame *fr, uint32_t n)
{
    struct frame_bind *b = fr->bind;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (b->bad[i])
            continue;
        for (uint32_t k = 0; k < fr->n_vars; k++) {
            struct frame_var *v = &fr->vars[k];
            if (v->kind == FRAME_FACTOR)
                v->code[kept] = v->code[i];
            else
                v->x[kept] = v->x[i];
        }
        if (b->weights)
            b->weights[kept] = b->weights[i];
        if (b->sources[fr->n_vars + 1].arith)
            b->offset[kept] = b->offset[i];
        b->rows[kept++] = b->rows[i];
    }
    fr->n = kept;
    fr->n_left_out = n - kept;
}

static void sum_offsets(struct frame *fr)
{
    const struct frame_bind *b = fr->bind;
    bool given = b->sources[fr->n_vars + 1].arith != NULL;
    for (uint32_t i = 0; b->offset && i < fr->n; i++) {
        double sum = given ? b->offset[i] : 0;
        for (uint32_t v = 0; v < fr->n_vars; v++)
            sum += fr->formula->offsets >> v & 1 ? fr->vars[v].x[i] : 0;
        b->offset[i] = sum;
    }
}

static void count_levels(const struct frame *fr, struct frame_var *v)
{
    memset(v->present, 0, v->n_levels * sizeof *v->present);
    for (uint32_t i = 0; i < fr->n; i++)
        v->present[v->code[i]] = true;
    for (uint32_t i = 0; v->x && i < fr->n; i++)
        v->x[i] = v->code[i] > 0;
}

const char *frame_load(struct frame *fr, const uint32_t *rows, uint32_t n)
{
    struct frame_bind *b = fr->bind;
    fr->n = 0;
    fr->n_left_out = 0;
    if (n == 0)
        return NULL;
    memset(b->bad, 0, n * sizeof *b->bad);
    memmove(b->rows, rows, n * sizeof *rows);
    const char *why = evaluate(fr, b->rows, n);
    for (uint32_t k = 0; k < fr->n_vars && !why; k++)
        why = fr->vars[k].kind == FRAME_POLY ? make_basis(b, &fr->vars[k], n) : NULL;
    if (why)
        return why;
    keep_good(fr, n);
    if (fr->n_left_out > 0 && b->na_fail)
        return "a variable has no value in a row, and na=fail";
    for (uint32_t i = 0; b->weights && i < fr->n; i++) {
        if (b->weights[i] < 0)
            return "a weight is negative";
    }
    sum_offsets(fr);
    for (uint32_t k = 0; k < fr->n_vars; k++) {
        if (fr->vars[k].kind == FRAME_FACTOR)
            count_levels(fr, &fr->vars[k]);
    }
    return NULL;
}

const double *frame_response(const struct frame *fr, uint32_t i)
{
    return fr->vars[i].x;
}
