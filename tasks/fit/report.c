/* The answer: a row for each coefficient of each group, a line for each group, the pooled fit, a plot. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/csv.h"
#include "fit/fit.h"
#include "fit/record.h"
#include "shared/panel.h"

/* An answer travels in one message: beyond this many numbers the tables go into files. */
enum { NUMBERS_MAX = 1200000, PLOT_POINTS = 1000, PLOT_NAMES = 60, PLOT_PANELS = 6, LABEL_BYTES = 1024 };

struct report {
    struct qx_ctx *ctx;
    struct fit *f;
    const struct fit_kind *kind;
    const void *records;
    size_t len;
    uint64_t n_items, n_failed;
};

/* ---- groups by name ---- */

static uint32_t first_row(const struct fit *f, uint64_t item)
{
    return f->groups.rows[f->groups.start[item]];
}

/* "a/b" of the values of the columns of by=. */
static void label_of(const struct fit *f, uint64_t item, char ret[LABEL_BYTES])
{
    char part[GROUP_LABEL_BYTES];
    size_t len = 0;
    ret[0] = '\0';
    for (uint32_t k = 0; k < f->spec.n_by && len < LABEL_BYTES; k++) {
        group_label(f->spec.by[k], first_row(f, item), part);
        len += (size_t)snprintf(ret + len, LABEL_BYTES - len, "%s%s", k ? "/" : "", part);
    }
}

static bool is_taken(const struct report *r, const char *name)
{
    if (strcmp(name, "group") == 0 || strcmp(name, "term") == 0 || strcmp(name, "status") == 0)
        return true;
    for (uint32_t k = 0; k < r->kind->n_values; k++) {
        if (strcmp(name, r->kind->values[k]) == 0)
            return true;
    }
    for (uint32_t k = 0; k < r->kind->n_stats; k++) {
        if (strcmp(name, r->kind->stats[k]) == 0)
            return true;
    }
    return false;
}

/* group, and where several columns make it, each of them. */
static void emit_group(const struct report *r, uint64_t item)
{
    char text[LABEL_BYTES];
    const struct spec *s = &r->f->spec;
    if (s->n_by == 0)
        return;
    label_of(r->f, item, text);
    qx_emit_text(r->ctx, "group", text);
    for (uint32_t k = 0; s->n_by > 1 && k < s->n_by; k++) {
        if (is_taken(r, s->by_names[k]))
            continue;
        group_label(s->by[k], first_row(r->f, item), text);
        qx_emit_text(r->ctx, s->by_names[k], text);
    }
}

/* ---- tables ---- */

static void emit_row(const struct report *r, const char *name, const double *values)
{
    qx_emit_text(r->ctx, "term", name);
    for (uint32_t k = 0; k < r->f->n_values; k++)
        qx_emit_number(r->ctx, r->kind->values[k], values[k]);
}

static void emit_record_rows(const struct report *r, const struct record *rec)
{
    const char *name = rec->names;
    for (uint32_t i = 0; i < rec->n_rows; i++, name += strlen(name) + 1) {
        qx_emit_open(r->ctx, NULL);
        emit_group(r, rec->item);
        emit_row(r, name, rec->values + (size_t)i * r->f->n_values);
        qx_emit_close(r->ctx);
    }
}

static void emit_rows(const struct report *r)
{
    struct record rec;
    qx_emit_list(r->ctx, r->kind->list);
    for (size_t at = 0; (at = record_read(r->records, r->len, at, r->kind, r->f->n_values, &rec)) > 0;)
        emit_record_rows(r, &rec);
    qx_emit_close(r->ctx);
}

static void emit_stats(const struct report *r, const double *stats)
{
    for (uint32_t k = 0; k < r->kind->n_stats; k++)
        qx_emit_number(r->ctx, r->kind->stats[k], stats[k]);
}

/* A group without a record failed: it is fitted once more for its cause. */
static const char *cause_of(const struct report *r, uint64_t item)
{
    struct fit_result result;
    const struct groups *g = &r->f->groups;
    const char *why = r->kind->run(r->f->fitter.state, g->rows + g->start[item],
                                   g->start[item + 1] - g->start[item], &result);
    return why ? why : "the item failed";
}

static void emit_failed(const struct report *r, uint64_t item)
{
    double nothing[FIT_STATS_MAX];
    for (uint32_t k = 0; k < FIT_STATS_MAX; k++)
        nothing[k] = NAN;
    nothing[0] = r->f->groups.start[item + 1] - r->f->groups.start[item]; /* n comes first in every kind */
    qx_emit_open(r->ctx, NULL);
    emit_group(r, item);
    emit_stats(r, nothing);
    qx_emit_text(r->ctx, "status", cause_of(r, item));
    qx_emit_close(r->ctx);
}

static void emit_groups(const struct report *r)
{
    struct record rec;
    uint64_t next = 0;
    qx_emit_list(r->ctx, "groups");
    for (size_t at = 0; (at = record_read(r->records, r->len, at, r->kind, r->f->n_values, &rec)) > 0;) {
        for (; next < rec.item; next++)
            emit_failed(r, next);
        qx_emit_open(r->ctx, NULL);
        emit_group(r, next++);
        emit_stats(r, rec.stats);
        qx_emit_text(r->ctx, "status", "ok");
        qx_emit_close(r->ctx);
    }
    for (; next < r->n_items; next++)
        emit_failed(r, next);
    qx_emit_close(r->ctx);
}

/* ---- the tables as files ---- */

static void csv_header(const struct report *r, struct csv *c, bool terms)
{
    csv_text(c, "group");
    if (terms)
        csv_text(c, "term");
    for (uint32_t k = 0; k < (terms ? r->f->n_values : r->kind->n_stats); k++)
        csv_text(c, terms ? r->kind->values[k] : r->kind->stats[k]);
    if (!terms)
        csv_text(c, "status");
    csv_end(c);
}

static void csv_terms(const struct report *r, struct csv *c)
{
    struct record rec;
    char label[LABEL_BYTES];
    csv_header(r, c, true);
    for (size_t at = 0; (at = record_read(r->records, r->len, at, r->kind, r->f->n_values, &rec)) > 0;) {
        const char *name = rec.names;
        label_of(r->f, rec.item, label);
        for (uint32_t i = 0; i < rec.n_rows; i++, name += strlen(name) + 1) {
            csv_text(c, label);
            csv_text(c, name);
            for (uint32_t k = 0; k < r->f->n_values; k++)
                csv_number(c, rec.values[(size_t)i * r->f->n_values + k]);
            csv_end(c);
        }
    }
}

static void csv_group(const struct report *r, struct csv *c, uint64_t item, const double *stats)
{
    char label[LABEL_BYTES];
    label_of(r->f, item, label);
    csv_text(c, label);
    for (uint32_t k = 0; k < r->kind->n_stats; k++)
        csv_number(c, stats ? stats[k] : NAN);
    csv_text(c, stats ? "ok" : cause_of(r, item));
    csv_end(c);
}

static void csv_groups(const struct report *r, struct csv *c)
{
    struct record rec;
    uint64_t next = 0;
    csv_header(r, c, false);
    for (size_t at = 0; (at = record_read(r->records, r->len, at, r->kind, r->f->n_values, &rec)) > 0;) {
        for (; next < rec.item; next++)
            csv_group(r, c, next, NULL);
        csv_group(r, c, next++, rec.stats);
    }
    for (; next < r->n_items; next++)
        csv_group(r, c, next, NULL);
}

static qx_err emit_file(const struct report *r, const char *name, struct csv *c)
{
    const char *text = csv_done(c);
    if (!text)
        return qx_error(r->ctx, QX_ERR_NOMEM, "out of memory");
    qx_emit_open(r->ctx, NULL);
    qx_emit_text(r->ctx, "name", name);
    qx_emit_text(r->ctx, "text", text);
    qx_emit_close(r->ctx);
    csv_fini(c);
    return QX_ERR_OK;
}

static qx_err emit_files(const struct report *r)
{
    struct csv terms = {.len = 0}, groups = {.len = 0};
    char name[64];
    qx_emit_text(r->ctx, "note", "too many rows to show: they are in files, which --save DIR writes");
    (void)snprintf(name, sizeof name, "%s.csv", r->kind->list);
    qx_emit_list(r->ctx, "files");
    csv_terms(r, &terms);
    qx_err e = emit_file(r, name, &terms);
    csv_groups(r, &groups);
    if (e == QX_ERR_OK)
        e = emit_file(r, "groups.csv", &groups);
    csv_fini(&terms);
    csv_fini(&groups);
    qx_emit_close(r->ctx);
    return e;
}

/* ---- the pooled fit ---- */

static void emit_result(const struct report *r, const struct fit_result *result)
{
    emit_stats(r, result->stats);
    qx_emit_list(r->ctx, r->kind->list);
    for (uint32_t i = 0; i < result->n_rows; i++) {
        qx_emit_open(r->ctx, NULL);
        emit_row(r, result->names[i], result->values + (size_t)i * r->kind->n_values);
        qx_emit_close(r->ctx);
    }
    qx_emit_close(r->ctx);
}

/* The rows of all groups in the order of the data; free them. NULL: out of memory. */
static uint32_t *all_rows(const struct report *r)
{
    const struct groups *g = &r->f->groups;
    uint64_t n_rows = qx_table_rows(r->ctx, r->f->table);
    bool *in = calloc(n_rows + 1, sizeof *in);
    uint32_t n = 0, *rows = malloc((g->n_rows + (size_t)1) * sizeof *rows);
    for (uint32_t i = 0; in && rows && i < g->n_rows; i++)
        in[g->rows[i]] = true;
    for (uint64_t i = 0; in && rows && i < n_rows; i++) {
        if (in[i])
            rows[n++] = (uint32_t)i;
    }
    if (!in) {
        free(rows);
        rows = NULL;
    }
    free(in);
    return rows;
}

/* One fit of all rows that are in a group. */
static qx_err emit_pooled(const struct report *r)
{
    struct fitter all = {.kind = NULL};
    struct fit_result result;
    uint32_t n = r->f->groups.n_rows, *rows = all_rows(r);
    if (!rows)
        return qx_error(r->ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = fitter_open(r->ctx, &r->f->spec, r->f->table, n, &all);
    if (e == QX_ERR_OK) {
        const char *why = all.kind->run(all.state, rows, n, &result);
        qx_emit_open(r->ctx, "pooled");
        if (!why)
            emit_result(r, &result);
        qx_emit_text(r->ctx, "status", why ? why : "ok");
        qx_emit_close(r->ctx);
    }
    fitter_close(&all);
    free(rows);
    return e;
}

/* ---- the plot: estimates with intervals by group, a panel a term ---- */

static bool panel_row(const struct report *r, const struct record *rec, const char *term, const double **ret)
{
    const char *name = rec->names;
    for (uint32_t i = 0; i < rec->n_rows; i++, name += strlen(name) + 1) {
        *ret = rec->values + (size_t)i * r->f->n_values;
        if (strcmp(name, term) == 0)
            return isfinite((*ret)[0]) && isfinite((*ret)[1]);
    }
    return false;
}

/* Groups by their names where these can be read, else by their places. */
static void emit_panel(const struct report *r, const char *term)
{
    struct record rec;
    double at_group[PLOT_POINTS], y[PLOT_POINTS], lower[PLOT_POINTS], upper[PLOT_POINTS];
    const double *v;
    char label[LABEL_BYTES];
    size_t n = 0;
    uint64_t every = r->n_items / PLOT_POINTS + 1;
    bool named = r->n_items <= PLOT_NAMES;
    for (size_t at = 0; (at = record_read(r->records, r->len, at, r->kind, r->f->n_values, &rec)) > 0;) {
        if (rec.item % every != 0 || n == PLOT_POINTS || !panel_row(r, &rec, term, &v))
            continue;
        at_group[n] = (double)rec.item + 1;
        y[n] = v[0];
        lower[n] = v[0] - 1.96 * v[1];
        upper[n++] = v[0] + 1.96 * v[1];
    }
    panel_open(r->ctx, "points", term, named ? qx_text(r->ctx, "by") : "group, in order of appearance",
               "estimate +- 1.96 se");
    qx_emit_list(r->ctx, "series");
    qx_emit_open(r->ctx, NULL);
    qx_emit_text(r->ctx, "name", term);
    qx_emit_list(r->ctx, "x");
    for (size_t i = 0; i < n; i++) {
        label_of(r->f, (uint64_t)at_group[i] - 1, label);
        if (named)
            qx_emit_text(r->ctx, NULL, label);
        else
            qx_emit_number(r->ctx, NULL, at_group[i]);
    }
    qx_emit_close(r->ctx);
    panel_numbers(r->ctx, "y", y, n);
    panel_numbers(r->ctx, "lower", lower, n);
    panel_numbers(r->ctx, "upper", upper, n);
    qx_emit_close(r->ctx);
    qx_emit_close(r->ctx);
    qx_emit_close(r->ctx);
}

/* One fit: its terms beside each other, without the intercept where there are others. */
static void emit_terms_panel(const struct report *r, const struct record *rec)
{
    double y[PLOT_NAMES], lower[PLOT_NAMES], upper[PLOT_NAMES];
    size_t n = 0;
    const char *name = rec->names;
    panel_open(r->ctx, "points", r->f->spec.formula, "", "estimate +- 1.96 se");
    qx_emit_list(r->ctx, "series");
    qx_emit_open(r->ctx, NULL);
    qx_emit_text(r->ctx, "name", "estimate");
    qx_emit_list(r->ctx, "x");
    for (uint32_t i = 0; i < rec->n_rows && n < PLOT_NAMES; i++, name += strlen(name) + 1) {
        const double *v = rec->values + (size_t)i * r->f->n_values;
        if (!isfinite(v[0]) || !isfinite(v[1]) || (rec->n_rows > 1 && strcmp(name, "(Intercept)") == 0))
            continue;
        y[n] = v[0];
        lower[n] = v[0] - 1.96 * v[1];
        upper[n++] = v[0] + 1.96 * v[1];
        qx_emit_text(r->ctx, NULL, name);
    }
    qx_emit_close(r->ctx);
    panel_numbers(r->ctx, "y", y, n);
    panel_numbers(r->ctx, "lower", lower, n);
    panel_numbers(r->ctx, "upper", upper, n);
    qx_emit_close(r->ctx);
    qx_emit_close(r->ctx);
    qx_emit_close(r->ctx);
}

/* With groups the terms of the first that was fitted, a panel each. */
static void emit_plot(const struct report *r)
{
    struct record rec;
    if (strcmp(r->kind->list, "coefficients") != 0 ||
        record_read(r->records, r->len, 0, r->kind, r->f->n_values, &rec) == 0)
        return;
    panel_plot_open(r->ctx);
    const char *name = rec.names;
    if (r->f->spec.n_by == 0)
        emit_terms_panel(r, &rec);
    for (uint32_t i = 0; r->f->spec.n_by > 0 && i < rec.n_rows && i < PLOT_PANELS;
         i++, name += strlen(name) + 1)
        emit_panel(r, name);
    panel_plot_close(r->ctx);
}

/* ---- the whole ---- */

static void emit_head(const struct report *r)
{
    const struct spec *s = &r->f->spec;
    qx_emit_text(r->ctx, "model", fit_model_names[s->model]);
    qx_emit_text(r->ctx, "formula", s->formula);
    if (s->model == FIT_GLM) {
        qx_emit_text(r->ctx, "family", family_names[s->family]);
        qx_emit_text(r->ctx, "link", link_names[s->link]);
    }
    if (s->conf > 0)
        qx_emit_number(r->ctx, "conf", s->conf);
    if (s->n_by == 0)
        return;
    qx_emit_text(r->ctx, "by", qx_text(r->ctx, "by"));
    qx_emit_int(r->ctx, "n_groups", (int64_t)r->n_items);
    qx_emit_int(r->ctx, "n_failed", (int64_t)r->n_failed);
    if (r->f->groups.n_left_out > 0)
        qx_emit_int(r->ctx, "rows_without_group", r->f->groups.n_left_out);
}

/* The residual standard deviation that all groups share, as R's lmList() pools it. */
static void emit_within(const struct report *r)
{
    enum { LM_DF = 1, LM_DEVIANCE = 8 }; /* places in fit_kind_lm.stats */
    struct record rec;
    double df = 0, deviance = 0;
    for (size_t at = 0; (at = record_read(r->records, r->len, at, r->kind, r->f->n_values, &rec)) > 0;) {
        df += rec.stats[LM_DF];
        deviance += rec.stats[LM_DEVIANCE];
    }
    qx_emit_number(r->ctx, "sigma_within", sqrt(deviance / df));
    qx_emit_number(r->ctx, "df_within", df);
}

static double count_numbers(const struct report *r)
{
    struct record rec;
    double n = (double)r->n_items * r->kind->n_stats;
    for (size_t at = 0; (at = record_read(r->records, r->len, at, r->kind, r->f->n_values, &rec)) > 0;)
        n += (double)rec.n_rows * (r->f->n_values + 1);
    return n;
}

qx_err fit_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    struct fit *f = state;
    struct report r = {.ctx = ctx, .f = f, .kind = f->fitter.kind};
    struct record rec;
    r.n_items = qx_answer_items(ctx, answer, &r.n_failed);
    r.n_items += r.n_failed;
    if (r.n_items > f->groups.n) /* -n asked for more than there are: those items failed */
        r.n_items = f->groups.n;
    r.records = qx_answer_data(ctx, answer, f->red_records, QX_ANSWER_RECORDS, &r.len);
    if (!r.records)
        r.len = 0;
    emit_head(&r);
    qx_err e = QX_ERR_OK;
    if (f->spec.n_by > 0 && f->spec.model == FIT_LM)
        emit_within(&r);
    if (f->spec.n_by == 0 && record_read(r.records, r.len, 0, r.kind, f->n_values, &rec) > 0)
        emit_stats(&r, rec.stats);
    if (count_numbers(&r) > NUMBERS_MAX) {
        e = emit_files(&r);
    } else {
        emit_rows(&r);
        if (f->spec.n_by > 0)
            emit_groups(&r);
    }
    if (e == QX_ERR_OK && f->spec.n_by > 0 && f->spec.pooled)
        e = emit_pooled(&r);
    emit_plot(&r);
    return e;
}
