#include "mcmc/given.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shared/nearest.h"
#include "shared/place.h"

/* What is looked at while a table is opened. */
struct opening {
    struct qx_ctx *ctx;
    const struct qx_table *t;
    struct given *g;
    uint32_t n_columns;
    const char **names; /* of all columns */
    bool *taken;        /* by column: is one of g->column */
    uint32_t *filled;   /* of g->column: rows up to the last one with a value */
};

/* ---- the column of chains ---- */

/* As posterior, ArviZ and people call it. */
static const struct qx_column *usual_chain(const struct opening *o)
{
    static const char *const usual[] = {".chain", "chain"};
    for (size_t k = 0; k < sizeof usual / sizeof usual[0]; k++) {
        for (uint32_t i = 0; i < o->n_columns; i++) {
            if (strcasecmp(o->names[i], usual[k]) == 0)
                return qx_table_column(o->ctx, o->t, i);
        }
    }
    return NULL;
}

static qx_err find_chain(const struct opening *o)
{
    struct given *g = o->g;
    if (qx_text(o->ctx, "chain")[0])
        g->chain = qx_table_find(o->ctx, o->t, qx_text(o->ctx, "chain"));
    else
        g->chain = usual_chain(o);
    if (!g->chain && qx_text(o->ctx, "chain")[0])
        return QX_ERR_INVALID; /* and said which column is nearest */
    if (g->chain && g->chain->n_missing > 0)
        return qx_error(o->ctx, QX_ERR_INVALID, "chain: %llu rows have no value in column '%.60s'",
                        (unsigned long long)g->chain->n_missing, g->chain->name);
    return groups_open(o->ctx, o->t, &g->chain, g->chain ? 1 : 0, &g->groups);
}

/* ---- which columns ---- */

static void take(const struct opening *o, uint32_t i)
{
    const struct qx_column *c = qx_table_column(o->ctx, o->t, i);
    uint32_t n = (uint32_t)qx_table_rows(o->ctx, o->t);
    if (o->taken[i])
        return;
    o->taken[i] = true;
    while (n > 0 && isnan(c->real[n - 1]))
        n--;
    o->filled[o->g->n_columns] = n;
    o->g->column[o->g->n_columns++] = c;
}

/* The end of a name in a list: a comma outside of brackets, which theta[1,2] has. */
static size_t name_bytes(const char *at)
{
    int depth = 0;
    size_t len = 0;
    for (; at[len] && (at[len] != ',' || depth > 0); len++)
        depth += at[len] == '[' ? 1 : at[len] == ']' && depth > 0 ? -1 : 0;
    return len;
}

/* Is `column` an element of the array `name`: theta[1], or theta.1 as CmdStan writes it? */
static bool is_element(const char *column, const char *name, size_t len)
{
    return strncmp(column, name, len) == 0 &&
           (column[len] == '[' || (column[len] == '.' && isdigit((unsigned char)column[len + 1])));
}

/* One name of only=: the column, else all elements of the array. */
static qx_err take_named(const struct opening *o, const char *list, const char *name, size_t len)
{
    char why[PLACE_BYTES];
    uint32_t n = 0;
    for (int elements = 0; elements < 2 && n == 0 && len > 0; elements++) {
        for (uint32_t i = 0; i < o->n_columns; i++) {
            const struct qx_column *c = qx_table_column(o->ctx, o->t, i);
            if (elements ? !is_element(c->name, name, len)
                         : strlen(c->name) != len || strncmp(c->name, name, len) != 0)
                continue;
            if (c->type == QX_COLUMN_TEXT || c == o->g->chain) {
                (void)place_error(why, list, (size_t)(name - list), len,
                                  c == o->g->chain ? "only: the column of the chains"
                                                   : "only: a column of texts");
                return qx_error(o->ctx, QX_ERR_INVALID, "%s", why);
            }
            take(o, i);
            n++;
        }
    }
    if (n > 0)
        return QX_ERR_OK;
    const char *near = len > 0 ? nearest(name, len, o->names, o->n_columns) : NULL;
    (void)place_error(why, list, (size_t)(name - list), len ? len : PLACE_WORD,
                      len == 0 ? "only: expected a column"
                      : near   ? "only: no such column (did you mean \"%s\"?)"
                               : "only: no such column",
                      near);
    return qx_error(o->ctx, QX_ERR_INVALID, "%s", why);
}

static qx_err take_only(const struct opening *o, const char *list)
{
    qx_err e = QX_ERR_OK;
    for (const char *at = list; e == QX_ERR_OK;) {
        at += strspn(at, " \t");
        size_t all = name_bytes(at), len = all;
        while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
            len--;
        e = take_named(o, list, at, len);
        at += all;
        if (!*at)
            break;
        at++;
    }
    return e;
}

/* Where draw i of a chain is in its column. */
static uint64_t row_of(const struct given *g, uint32_t chain, uint32_t i)
{
    return g->by_chains ? i : g->groups.rows[g->groups.start[chain] + i];
}

/* Numbers of draws or iterations: in every chain they go up by the same whole number. */
static bool is_counter(const struct opening *o, const struct qx_column *c)
{
    const struct given *g = o->g;
    uint32_t n_chains = g->by_chains ? 1 : g->groups.n;
    double step = 0;
    for (uint32_t k = 0; k < n_chains; k++) {
        uint32_t n = g->by_chains ? (uint32_t)qx_table_rows(o->ctx, o->t)
                                  : g->groups.start[k + 1] - g->groups.start[k];
        for (uint32_t i = 1; i < n; i++) {
            double up = c->real[row_of(g, k, i)] - c->real[row_of(g, k, i - 1)];
            if (step == 0)
                step = up;
            if (!(up > 0) || up != step || up != floor(up))
                return false;
        }
    }
    return step > 0;
}

static void leave_out(const struct opening *o, const char *name)
{
    char *text = o->g->left_out;
    size_t len = strlen(text);
    (void)snprintf(text + len, GIVEN_LEFT_OUT_BYTES - len, "%s%s", len ? ", " : "", name);
}

static void take_all(const struct opening *o)
{
    for (uint32_t i = 0; i < o->n_columns; i++) {
        const struct qx_column *c = qx_table_column(o->ctx, o->t, i);
        if (c == o->g->chain)
            continue;
        if (c->type == QX_COLUMN_TEXT || is_counter(o, c))
            leave_out(o, c->name);
        else
            take(o, i);
    }
}

/* ---- how long the chains are ---- */

static uint32_t length_of(const struct opening *o, uint32_t chain)
{
    const struct groups *g = &o->g->groups;
    return o->g->by_chains ? o->filled[chain] : g->start[chain + 1] - g->start[chain];
}

static qx_err tell_lengths(const struct opening *o)
{
    char text[160] = "", label[GROUP_LABEL_BYTES];
    size_t len = 0;
    for (uint32_t k = 0; k < o->g->n_chains && len < sizeof text - 40; k++) {
        given_label(o->g, k, label, sizeof label);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.20s has %u", k ? ", " : "", label,
                                length_of(o, k));
    }
    return qx_error(o->ctx, QX_ERR_INVALID, "the chains must have as many draws each: %s%s", text,
                    len < sizeof text - 40 ? "" : ", ..");
}

static qx_err measure(const struct opening *o)
{
    struct given *g = o->g;
    uint64_t rows = qx_table_rows(o->ctx, o->t), n_warmup = (uint64_t)qx_int(o->ctx, "warmup");
    g->n_chains = g->by_chains ? g->n_columns : g->groups.n;
    g->n_quantities = g->by_chains ? 1 : g->n_columns;
    if (rows * (g->by_chains ? g->n_chains : 1) >= UINT32_MAX)
        return qx_error(o->ctx, QX_ERR_INVALID, "data: %u draws or more", UINT32_MAX);
    uint32_t n = length_of(o, 0);
    for (uint32_t k = 1; k < g->n_chains; k++) {
        if (length_of(o, k) != n)
            return tell_lengths(o);
    }
    if (g->by_chains)
        n = (uint32_t)rows; /* what all chains lack at their ends is missing */
    if (n < n_warmup + GIVEN_DRAWS_MIN)
        return qx_error(o->ctx, QX_ERR_INVALID,
                        n_warmup ? "the chains have %u draws: at least %d must be left behind warmup=%llu"
                                 : "the chains have %u draws: at least %d are needed",
                        n, GIVEN_DRAWS_MIN, (unsigned long long)n_warmup);
    g->n_warmup = (uint32_t)n_warmup;
    g->n_draws = n - g->n_warmup;
    return QX_ERR_OK;
}

/* ---- the whole ---- */

static qx_err check_layout(const struct opening *o)
{
    const char *misplaced = o->g->by_chains ? "chain" : "name";
    if (!qx_text(o->ctx, misplaced)[0])
        return QX_ERR_OK;
    return qx_error(o->ctx, QX_ERR_INVALID, "%s= goes with columns=%s", misplaced,
                    o->g->by_chains ? "parameters" : "chains");
}

static qx_err open_parts(const struct opening *o)
{
    struct given *g = o->g;
    const char *only = qx_text(o->ctx, "only");
    qx_err e = check_layout(o);
    if (e == QX_ERR_OK && !g->by_chains)
        e = find_chain(o);
    if (e != QX_ERR_OK)
        return e;
    if (only[0])
        e = take_only(o, only);
    else
        take_all(o);
    if (e == QX_ERR_OK && g->n_columns == 0)
        e = qx_error(o->ctx, QX_ERR_INVALID, "data: no column of draws%s%.100s",
                     g->left_out[0] ? "; texts and counters: " : "", g->left_out);
    return e == QX_ERR_OK ? measure(o) : e;
}

qx_err given_open(struct qx_ctx *ctx, struct given *g)
{
    struct opening o = {.ctx = ctx, .t = qx_table(ctx, "data"), .g = g};
    *g = (struct given){.by_chains = strcmp(qx_text(ctx, "columns"), "chains") == 0};
    g->name = qx_text(ctx, "name")[0] ? qx_text(ctx, "name") : "x";
    if (qx_table_rows(ctx, o.t) >= UINT32_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "data: %u rows or more", UINT32_MAX);
    o.n_columns = qx_table_columns(ctx, o.t);
    o.names = malloc((o.n_columns + 1) * sizeof *o.names);
    o.taken = calloc(o.n_columns + (size_t)1, sizeof *o.taken);
    o.filled = calloc(o.n_columns + (size_t)1, sizeof *o.filled);
    g->column = malloc((o.n_columns + 1) * sizeof *g->column);
    bool ok = o.names && o.taken && o.filled && g->column;
    for (uint32_t i = 0; ok && i < o.n_columns; i++)
        o.names[i] = qx_table_column(ctx, o.t, i)->name;
    qx_err e = ok ? open_parts(&o) : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    free(o.names);
    free(o.taken);
    free(o.filled);
    return e;
}

void given_close(struct given *g)
{
    free(g->column);
    groups_close(&g->groups);
}

const char *given_name(const struct given *g, uint32_t quantity)
{
    return g->by_chains ? g->name : g->column[quantity]->name;
}

void given_label(const struct given *g, uint32_t chain, char *ret, size_t len)
{
    char value[GROUP_LABEL_BYTES];
    if (g->by_chains) {
        (void)snprintf(ret, len, "%s", g->column[chain]->name);
        return;
    }
    if (g->chain)
        group_label(g->chain, g->groups.rows[g->groups.start[chain]], value);
    else
        (void)snprintf(value, sizeof value, "1");
    bool plain = g->chain && g->chain->type == QX_COLUMN_TEXT;
    (void)snprintf(ret, len, "%s%s", plain ? "" : "chain ", value);
}

const char *given_gather(const struct given *g, uint32_t quantity, double *ret)
{
    bool missing = false, infinite = false;
    for (uint32_t c = 0; c < g->n_chains; c++) {
        const double *from = g->column[g->by_chains ? c : quantity]->real;
        for (uint32_t i = 0; i < g->n_draws; i++, ret++) {
            *ret = from[row_of(g, c, g->n_warmup + i)];
            missing = missing || isnan(*ret);
            infinite = infinite || isinf(*ret);
        }
    }
    return missing ? "a draw is missing" : infinite ? "a draw is not finite" : NULL;
}
