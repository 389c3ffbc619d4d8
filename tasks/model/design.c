#include "model/design.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A column is a product of parts: a number, a power of poly(), or whether a factor has a level. */
struct part {
    uint32_t var, which; /* FACTOR: level; POLY: power - 1 */
};
struct column {
    uint32_t term, first_part, n_parts;
    size_t name; /* place in text */
};

struct design_plan {
    const struct formula *formula;
    uint64_t *full; /* by term: which of its variables are coded by all their levels */
    bool *key;      /* what was present when the columns were made: the factors' levels one behind another */
    size_t key_bytes;
    struct column *columns;
    struct part *parts;
    uint32_t n_parts, cap_parts;
    char *text;
    size_t text_len, cap_text;
    const char **names;
    uint32_t *terms;
    char why[120];
};

/* ---- how factors are coded ---- */

static bool is_factor(const struct frame *fr, uint32_t v)
{
    return fr->vars[v].kind == FRAME_FACTOR;
}

/* Is the margin of a term in the model: an earlier term that holds it, or nothing at all (Chambers & Hastie 1992, p. 38, as R)? */
static bool margin_there(const struct formula *f, uint32_t term, uint64_t margin)
{
    if (margin == 0)
        return true;
    for (uint32_t t = 0; t < term; t++) {
        if ((margin & ~f->terms[t]) == 0)
            return true;
    }
    return false;
}

/* Without an intercept the first factor of the first term that has one takes its place. */
static void code_first_fully(struct design_plan *p, const struct frame *fr)
{
    const struct formula *f = p->formula;
    for (uint32_t t = 0; t < f->n_terms; t++) {
        for (uint32_t v = 0; v < f->n_vars; v++) {
            if ((f->terms[t] >> v & 1) && is_factor(fr, v)) {
                p->full[t] |= UINT64_C(1) << v;
                return;
            }
        }
    }
}

static void code_factors(struct design_plan *p, const struct frame *fr)
{
    const struct formula *f = p->formula;
    for (uint32_t t = 0; t < f->n_terms; t++) {
        for (uint32_t v = 0; v < f->n_vars; v++) {
            uint64_t bit = UINT64_C(1) << v;
            if ((f->terms[t] & bit) && is_factor(fr, v) && !margin_there(f, t, f->terms[t] & ~bit))
                p->full[t] |= bit;
        }
    }
    if (!f->intercept)
        code_first_fully(p, fr);
}

/* ---- columns ---- */

/* How many columns variable v adds in term t; base: the level that is left out, or n_levels. */
static uint64_t choices(const struct design_plan *p, const struct frame *fr, const bool *present, uint32_t t,
                        uint32_t v, uint32_t *ret_base)
{
    const struct frame_var *var = &fr->vars[v];
    *ret_base = 0;
    if (var->kind == FRAME_NUMBER)
        return 1;
    if (var->kind == FRAME_POLY)
        return var->degree;
    uint64_t n = 0;
    *ret_base = var->n_levels;
    for (uint32_t l = var->n_levels; l-- > 0;) {
        if (!present || present[l]) {
            n++;
            *ret_base = l;
        }
    }
    if (p->full[t] >> v & 1)
        *ret_base = var->n_levels;
    return n - (p->full[t] >> v & 1 ? 0 : n > 0);
}

/* Columns where every level is there: the most that any load has. */
static uint64_t count_columns(const struct design_plan *p, const struct frame *fr)
{
    const struct formula *f = p->formula;
    uint64_t all = f->intercept;
    for (uint32_t t = 0; t < f->n_terms && all <= DESIGN_COLUMNS_MAX; t++) {
        uint64_t n = 1;
        uint32_t base;
        for (uint32_t v = 0; v < f->n_vars; v++)
            n *= f->terms[t] >> v & 1 && n <= DESIGN_COLUMNS_MAX ? choices(p, fr, NULL, t, v, &base) : 1;
        all += n;
    }
    return all;
}

static bool grow(void *list, uint32_t *cap, uint32_t need, size_t size)
{
    void **place = list;
    if (need <= *cap)
        return true;
    uint32_t more = need + *cap + 16;
    void *bigger = realloc(*place, more * size);
    if (!bigger)
        return false;
    *place = bigger;
    *cap = more;
    return true;
}

static bool put_text(struct design_plan *p, const char *text)
{
    size_t len = strlen(text);
    if (p->text_len + len + 1 > p->cap_text) {
        size_t cap = 2 * (p->text_len + len + 1) + 64;
        char *bigger = realloc(p->text, cap);
        if (!bigger)
            return false;
        p->text = bigger;
        p->cap_text = cap;
    }
    memcpy(p->text + p->text_len, text, len + 1);
    p->text_len += len;
    return true;
}

static bool put_part_name(struct design_plan *p, const struct frame *fr, const struct part *part)
{
    const struct frame_var *v = &fr->vars[part->var];
    char number[16] = "";
    if (v->kind == FRAME_POLY)
        (void)snprintf(number, sizeof number, "%u", part->which + 1);
    return put_text(p, v->name) && put_text(p, v->kind == FRAME_FACTOR ? v->levels[part->which] : number);
}

/* Starts a column; its parts follow. */
static struct column *add_column(struct design *d, uint32_t term)
{
    struct design_plan *p = d->plan;
    struct column *c = &p->columns[d->p];
    *c = (struct column){.term = term, .first_part = p->n_parts, .name = p->text_len};
    p->terms[d->p++] = term;
    return c;
}

/* The first choice of a variable from `from` on that has a column; UINT32_MAX if there is none. */
static uint32_t next_choice(const struct frame_var *v, uint32_t from, uint32_t base)
{
    uint32_t n = v->kind == FRAME_FACTOR ? v->n_levels : v->kind == FRAME_POLY ? v->degree : 1;
    while (v->kind == FRAME_FACTOR && from < n && (!v->present[from] || from == base))
        from++;
    return from < n ? from : UINT32_MAX;
}

/* What a term is made of, and which of its columns comes next. */
struct cross {
    uint32_t n, base[FORMULA_VARS_MAX];
    struct part at[FORMULA_VARS_MAX];
};

/* False if the term has no column. */
static bool cross_start(const struct design_plan *p, const struct frame *fr, uint32_t t, struct cross *ret)
{
    bool any = true;
    ret->n = 0;
    for (uint32_t v = 0; v < p->formula->n_vars; v++) {
        if (!(p->formula->terms[t] >> v & 1))
            continue;
        (void)choices(p, fr, fr->vars[v].present, t, v, &ret->base[ret->n]);
        ret->at[ret->n] = (struct part){v, next_choice(&fr->vars[v], 0, ret->base[ret->n])};
        any = any && ret->at[ret->n++].which != UINT32_MAX;
    }
    return any;
}

/* The first variable runs fastest. False after the last column. */
static bool cross_next(const struct frame *fr, struct cross *c)
{
    for (uint32_t k = 0; k < c->n; k++) {
        const struct frame_var *v = &fr->vars[c->at[k].var];
        c->at[k].which = next_choice(v, c->at[k].which + 1, c->base[k]);
        if (c->at[k].which != UINT32_MAX)
            return true;
        c->at[k].which = next_choice(v, 0, c->base[k]);
    }
    return false;
}

/* The columns of a term: those of its variables crossed. */
static bool add_term(struct design *d, const struct frame *fr, uint32_t t)
{
    struct design_plan *p = d->plan;
    struct cross cross;
    for (bool more = cross_start(p, fr, t, &cross); more; more = cross_next(fr, &cross)) {
        struct column *c = add_column(d, t + 1);
        if (!grow(&p->parts, &p->cap_parts, p->n_parts + cross.n, sizeof *p->parts))
            return false;
        for (uint32_t k = 0; k < cross.n; k++, c->n_parts++) {
            p->parts[p->n_parts++] = cross.at[k];
            if ((k > 0 && !put_text(p, ":")) || !put_part_name(p, fr, &cross.at[k]))
                return false;
        }
        p->text_len++; /* keeps the end of the name */
    }
    return true;
}

static const char *make_columns(struct design *d, const struct frame *fr)
{
    struct design_plan *p = d->plan;
    d->p = 0;
    p->n_parts = 0;
    p->text_len = 0;
    if (p->formula->intercept) {
        (void)add_column(d, 0);
        if (!put_text(p, "(Intercept)"))
            return "out of memory";
        p->text_len++;
    }
    for (uint32_t t = 0; t < p->formula->n_terms; t++) {
        if (!add_term(d, fr, t))
            return "out of memory";
    }
    for (uint32_t j = 0; j < d->p; j++)
        p->names[j] = p->text + p->columns[j].name;
    return NULL;
}

static const char *check_levels(struct design_plan *p, const struct frame *fr)
{
    uint64_t used = 0;
    for (uint32_t t = 0; t < p->formula->n_terms; t++)
        used |= p->formula->terms[t];
    for (uint32_t v = 0; v < fr->n_vars; v++) {
        uint32_t n = 0;
        if (!(used >> v & 1) || !is_factor(fr, v))
            continue;
        for (uint32_t l = 0; l < fr->vars[v].n_levels; l++)
            n += fr->vars[v].present[l];
        if (n < 2) {
            (void)snprintf(p->why, sizeof p->why, "%.80s has fewer than two levels", fr->vars[v].name);
            return p->why;
        }
    }
    return NULL;
}

/* Are the levels of the load those that the columns were made for? Notes them if not. */
static bool same_levels(struct design *d, const struct frame *fr)
{
    struct design_plan *p = d->plan;
    bool same = d->version > 0;
    bool *key = p->key;
    for (uint32_t v = 0; v < fr->n_vars; v++) {
        const struct frame_var *var = &fr->vars[v];
        if (!is_factor(fr, v))
            continue;
        same = same && memcmp(key, var->present, var->n_levels) == 0;
        memcpy(key, var->present, var->n_levels);
        key += var->n_levels;
    }
    return same;
}

/* ---- the matrix ---- */

static void multiply(const struct frame *fr, const struct part *part, double *x)
{
    const struct frame_var *v = &fr->vars[part->var];
    uint32_t n = fr->n;
    if (v->kind == FRAME_FACTOR) {
        for (uint32_t i = 0; i < n; i++)
            x[i] = v->code[i] == part->which ? x[i] : 0;
        return;
    }
    const double *by = v->kind == FRAME_POLY ? v->basis + (size_t)part->which * n : v->x;
    for (uint32_t i = 0; i < n; i++)
        x[i] *= by[i];
}

static void fill(struct design *d, const struct frame *fr)
{
    const struct design_plan *p = d->plan;
    for (uint32_t j = 0; j < d->p; j++) {
        double *x = d->x + (size_t)j * d->n;
        for (uint32_t i = 0; i < d->n; i++)
            x[i] = 1;
        for (uint32_t k = 0; k < p->columns[j].n_parts; k++)
            multiply(fr, &p->parts[p->columns[j].first_part + k], x);
    }
}

const char *design_build(struct design *d, const struct frame *fr)
{
    const char *why = check_levels(d->plan, fr);
    if (!why && !same_levels(d, fr)) {
        d->version++;
        why = make_columns(d, fr);
    }
    d->n = fr->n;
    if (!why)
        fill(d, fr);
    return why;
}

/* ---- opening ---- */

static qx_err allocate(struct qx_ctx *ctx, struct design *d, const struct frame *fr)
{
    struct design_plan *p = d->plan;
    size_t levels = 0, columns = d->p_max + (size_t)1, rows = fr->max_rows + (size_t)1;
    for (uint32_t v = 0; v < fr->n_vars; v++)
        levels += fr->vars[v].kind == FRAME_FACTOR ? fr->vars[v].n_levels : 0;
    p->key = calloc(levels + 1, sizeof *p->key);
    p->columns = calloc(columns, sizeof *p->columns);
    p->names = calloc(columns, sizeof *p->names);
    p->terms = calloc(columns, sizeof *p->terms);
    d->x = malloc(rows * columns * sizeof *d->x);
    d->names = p->names;
    d->term = p->terms;
    if (!p->key || !p->columns || !p->names || !p->terms || !d->x)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory: the model matrix is %u x %u", fr->max_rows,
                        d->p_max);
    return QX_ERR_OK;
}

static qx_err open_plan(struct qx_ctx *ctx, struct design *d, const struct frame *fr)
{
    struct design_plan *p = d->plan;
    p->formula = fr->formula;
    p->full = calloc(p->formula->n_terms + (size_t)1, sizeof *p->full);
    if (!p->full)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    code_factors(p, fr);
    uint64_t columns = count_columns(p, fr);
    if (columns > DESIGN_COLUMNS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "formula: the model has more than %d columns",
                        DESIGN_COLUMNS_MAX);
    if (columns == 0)
        return qx_error(ctx, QX_ERR_INVALID, "formula: the model has no term");
    d->p_max = (uint32_t)columns;
    return allocate(ctx, d, fr);
}

qx_err design_open(struct qx_ctx *ctx, const struct frame *fr, struct design **ret)
{
    struct design *d = calloc(1, sizeof *d);
    struct design_plan *p = calloc(1, sizeof *p);
    if (!d || !p) {
        free(d);
        free(p);
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    }
    d->plan = p;
    qx_err e = open_plan(ctx, d, fr);
    if (e == QX_ERR_OK)
        *ret = d;
    else
        (void)design_close(d);
    return e;
}

struct design *design_close(struct design *d)
{
    if (!d)
        return NULL;
    struct design_plan *p = d->plan;
    free(p->full);
    free(p->key);
    free(p->columns);
    free(p->parts);
    free(p->text);
    free((void *)p->names);
    free(p->terms);
    free(p);
    free(d->x);
    free(d);
    return NULL;
}
