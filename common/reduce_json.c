/* The built-in reducers' answers as JSON text. */
#include <stdio.h>

#include "common/json_out.h"
#include "common/reduce_part.h"
#include "common/reduce_wilson.h"

/* How many rows or records a summary shows; their whole number is in "n". */
enum { ROWS_SHOWN = 1000, COVARIANCE_COLUMNS = 16 };

/* --- one function a kind --- */

struct summary {
    const struct reduce_plan *p;
    const struct reduce_state *s;
    const struct qx_reducer *r;
    const struct qx_bytes *part;
    uint32_t i;
};

static const char *column_name(const struct summary *m, uint32_t c)
{
    return m->p->columns[m->r->columns[c]];
}

/* One column: its members right here. More: a list "columns" of objects that begin with the name. */
static void each_column(struct json_out *j, const struct summary *m,
                        void (*one)(struct json_out *j, const struct summary *m, uint32_t c))
{
    if (m->r->n_columns == 1) {
        one(j, m, 0);
        return;
    }
    json_out_open(j, "columns", '[');
    for (uint32_t c = 0; c < m->r->n_columns; c++) {
        json_out_open(j, NULL, '{');
        json_out_text(j, "name", column_name(m, c), strlen(column_name(m, c)));
        one(j, m, c);
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
}

static void sum_column(struct json_out *j, const struct summary *m, uint32_t c)
{
    json_out_number(j, "sum", reduce_sum(m->p, m->s, m->i, c));
}

static void moments_column(struct json_out *j, const struct summary *m, uint32_t c)
{
    double mean = reduce_mean(m->p, m->s, m->i, c), sd = sqrt(reduce_var(m->p, m->s, m->i, c));
    double se = sd / sqrt(reduce_count(m->p, m->s, m->i));
    json_out_number(j, "mean", mean);
    json_out_number(j, "se", se);
    json_out_number(j, "sd", sd);
    json_out_number(j, "lower", mean - QX_NORMAL_975 * se);
    json_out_number(j, "upper", mean + QX_NORMAL_975 * se);
}

static void covariances(struct json_out *j, const struct summary *m)
{
    if (m->r->n_columns < 2 || m->r->n_columns > COVARIANCE_COLUMNS)
        return;
    json_out_open(j, "covariance", '[');
    for (uint32_t a = 0; a < m->r->n_columns; a++) {
        json_out_open(j, NULL, '[');
        for (uint32_t b = 0; b < m->r->n_columns; b++)
            json_out_number(j, NULL, reduce_cov(m->p, m->s, m->i, a, b));
        json_out_close(j, ']');
    }
    json_out_close(j, ']');
}

static void minmax_column(struct json_out *j, const struct summary *m, uint32_t c)
{
    const struct minmax_column *v = (const struct minmax_column *)(const void *)m->part->data + c;
    json_out_number(j, "min", v->n ? v->min : NAN);
    v->n ? json_out_count(j, "argmin", v->argmin) : json_out_number(j, "argmin", NAN);
    json_out_number(j, "max", v->n ? v->max : NAN);
    v->n ? json_out_count(j, "argmax", v->argmax) : json_out_number(j, "argmax", NAN);
    if (v->n_nan)
        json_out_count(j, "nan", v->n_nan);
}

static void histogram(struct json_out *j, const struct summary *m)
{
    const struct histogram_part *h = (const void *)m->part->data;
    json_out_number(j, "lo", m->r->lo);
    json_out_number(j, "hi", m->r->hi);
    json_out_count(j, "below", h->below);
    json_out_count(j, "above", h->above);
    if (h->n_nan)
        json_out_count(j, "nan", h->n_nan);
    json_out_open(j, "counts", '[');
    for (uint32_t i = 0; i < m->r->bins; i++)
        json_out_count(j, NULL, h->bins[i]);
    json_out_close(j, ']');
}

static void proportion(struct json_out *j, const struct summary *m)
{
    const struct proportion_part *v = (const void *)m->part->data;
    double n = (double)v->n, p = v->n ? (double)v->ones / n : NAN;
    json_out_count(j, "count", v->ones);
    json_out_number(j, "p", p);
    json_out_number(j, "se", sqrt(p * (1 - p) / n));
    json_out_number(j, "lower", v->n ? wilson_lower(v->ones, v->n) : NAN);
    json_out_number(j, "upper", v->n ? wilson_upper(v->ones, v->n) : NAN);
    if (v->n_invalid)
        json_out_count(j, "invalid", v->n_invalid);
}

static void quantiles(struct json_out *j, const struct summary *m)
{
    static const double probs[] = {0, 0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975, 1};
    const struct quantiles_part *q = (const void *)m->part->data;
    struct qx_bytes prepared = {0};
    qx_err e = quantiles_prepare(m->part, &prepared);
    if (e != QX_ERR_OK && j->e == QX_ERR_OK)
        j->e = e;
    if (q->n_nan)
        json_out_count(j, "nan", q->n_nan);
    json_out_bool(j, "exact", !q->is_sketch);
    if (q->is_sketch)
        json_out_number(j, "rank_error", (double)q->error / (double)q->n);
    json_out_number(j, "median", quantiles_value(q, &prepared, 0.5));
    json_out_open(j, "quantiles", '[');
    for (size_t i = 0; i < sizeof probs / sizeof probs[0]; i++) {
        json_out_open(j, NULL, '{');
        json_out_number(j, "prob", probs[i]);
        json_out_number(j, "value", quantiles_value(q, &prepared, probs[i]));
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
    qx_bytes_fini(&prepared);
}

/* "mean" where one column is tabulated, else "<column>_mean". */
static void named_number(struct json_out *j, const struct summary *m, uint32_t c, const char *what, double v)
{
    char name[320];
    snprintf(name, sizeof name, m->r->n_columns == 2 ? "%.0s%s" : "%s_%s", column_name(m, c), what);
    json_out_number(j, name, v);
}

static void table(struct json_out *j, const struct summary *m)
{
    const struct table_part *t = (const void *)m->part->data;
    json_out_count(j, "keys", t->n_keys);
    if (t->n_invalid)
        json_out_count(j, "invalid", t->n_invalid);
    json_out_open(j, "rows", '[');
    for (uint64_t i = 0; i < t->n_keys; i++) {
        const struct table_entry *entry = table_entry_at(m->r, m->part, i);
        json_out_open(j, NULL, '{');
        json_out_number(j, column_name(m, 0), (double)entry->key);
        json_out_count(j, "n", entry->n);
        for (uint32_t c = 1; c < m->r->n_columns; c++) {
            named_number(j, m, c, "mean", entry->columns[c - 1].mean);
            named_number(j, m, c, "sd",
                         entry->n < 2 ? NAN : sqrt(entry->columns[c - 1].m2 / (double)(entry->n - 1)));
        }
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
}

static void collect(struct json_out *j, const struct summary *m)
{
    const struct collect_part *v = (const void *)m->part->data;
    uint64_t shown = v->n_rows < ROWS_SHOWN ? v->n_rows : ROWS_SHOWN;
    if (shown < v->n_rows)
        json_out_count(j, "shown", shown);
    json_out_open(j, "rows", '[');
    for (uint64_t i = 0; i < shown; i++) {
        json_out_open(j, NULL, '{');
        for (uint32_t c = 0; c < m->r->n_columns; c++)
            json_out_number(j, column_name(m, c), v->rows[i * m->r->n_columns + c]);
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
}

static void records(struct json_out *j, const struct summary *m)
{
    const struct records_part *v = (const void *)m->part->data;
    size_t pos = 0, len;
    uint64_t item, shown = v->n < ROWS_SHOWN ? v->n : ROWS_SHOWN;
    const void *data;
    json_out_count(j, "bytes", v->len_bytes);
    if (shown < v->n)
        json_out_count(j, "shown", shown);
    json_out_open(j, "records", '[');
    for (; shown > 0 && reduce_next_record(m->p, m->s, m->i, &pos, &item, &data, &len); shown--) {
        json_out_open(j, NULL, '{');
        json_out_count(j, "item", item);
        json_out_text(j, "text", data, len);
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
}

static void reducer_members(struct json_out *j, const struct summary *m)
{
    if (m->r->kind == QX_REDUCE_OWN) {
        json_out_count(j, "bytes", m->part->len);
        return;
    }
    if (m->r->kind != QX_REDUCE_MINMAX || m->r->n_columns == 1)
        json_out_number(j, "n", reduce_count(m->p, m->s, m->i));
    switch (m->r->kind) {
    case QX_REDUCE_SUM:
        each_column(j, m, sum_column);
        break;
    case QX_REDUCE_MOMENTS:
        each_column(j, m, moments_column);
        covariances(j, m);
        break;
    case QX_REDUCE_MINMAX:
        each_column(j, m, minmax_column);
        break;
    case QX_REDUCE_HISTOGRAM:
        histogram(j, m);
        break;
    case QX_REDUCE_QUANTILES:
        quantiles(j, m);
        break;
    case QX_REDUCE_PROPORTION:
        proportion(j, m);
        break;
    case QX_REDUCE_TABLE:
        table(j, m);
        break;
    case QX_REDUCE_COLLECT:
        collect(j, m);
        break;
    case QX_REDUCE_RECORDS:
        records(j, m);
        break;
    case QX_REDUCE_COUNT:
    case QX_REDUCE_OWN:
    case QX_REDUCE_KIND_COUNT:
        break;
    }
}

/* The reducer's name, else that of its kind, numbered from the second on and where a named one has it. */
static void name_of(const struct reduce_plan *p, uint32_t i, char *to, size_t len)
{
    const char *kind = part_kind_name(p->reducers[i].kind);
    unsigned same = 1;
    if (p->reducers[i].name) {
        snprintf(to, len, "%s", p->reducers[i].name);
        return;
    }
    for (uint32_t k = 0; k < p->n_reducers; k++) {
        const char *name = p->reducers[k].name;
        same += name ? strcmp(name, kind) == 0 : k < i && p->reducers[k].kind == p->reducers[i].kind;
    }
    snprintf(to, len, same > 1 ? "%s_%u" : "%s", kind, same);
}

qx_err reduce_summary_json(const struct reduce_plan *p, const struct reduce_state *s, struct qx_bytes *out)
{
    struct json_out j = {.out = out};
    bool flat = p->n_reducers == 1 && !p->reducers[0].name;
    json_out_open(&j, NULL, '{');
    for (uint32_t i = 0; i < p->n_reducers && i < s->n_parts; i++) {
        struct summary m = {.p = p, .s = s, .r = &p->reducers[i], .part = &s->parts[i], .i = i};
        char name[300];
        name_of(p, i, name, sizeof name);
        if (!flat)
            json_out_open(&j, name, '{');
        reducer_members(&j, &m);
        if (!flat)
            json_out_close(&j, '}');
    }
    json_out_close(&j, '}');
    return j.e;
}
