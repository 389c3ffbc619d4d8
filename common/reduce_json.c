/* The built-in reducers' answers as JSON text. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/reduce_part.h"
#include "common/reduce_wilson.h"

/* How many rows or records a summary shows; their whole number is in "n". */
enum { ROWS_SHOWN = 1000, COVARIANCE_COLUMNS = 16 };

/* --- a small writer; the first error stays --- */

struct json {
    struct qx_bytes *out;
    qx_err e;
    bool comma;
};

static void put(struct json *j, const char *text, size_t len)
{
    if (j->e == QX_ERR_OK)
        j->e = qx_bytes_append(j->out, text, len);
}

static void put_text(struct json *j, const char *text)
{
    put(j, text, strlen(text));
}

/* Length of the well-formed UTF-8 character at `s`, 0 if it is not one. */
static size_t character(const unsigned char *s, size_t left)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xC2 && s[0] < 0xE0 ? 2
               : s[0] >= 0xE0 && s[0] < 0xF0 ? 3
               : s[0] >= 0xF0 && s[0] < 0xF5 ? 4
                                             : 0;
    if (n < 2 || n > left)
        return n > left ? 0 : n;
    uint32_t c = s[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3Fu);
    }
    return c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : n;
}

static void put_string(struct json *j, const void *data, size_t len)
{
    const unsigned char *s = data;
    put(j, "\"", 1);
    for (size_t i = 0, n; i < len; i += n) {
        char escape[8];
        n = character(s + i, len - i);
        if (n == 0) {
            n = 1;
            put_text(j, "\xEF\xBF\xBD"); /* U+FFFD */
        } else if (s[i] == '"' || s[i] == '\\' || s[i] < 0x20) {
            snprintf(escape, sizeof escape, s[i] < 0x20 ? "\\u%04x" : "\\%c", s[i]);
            put_text(j, escape);
        } else {
            put(j, (const char *)s + i, n);
        }
    }
    put(j, "\"", 1);
}

static void member(struct json *j, const char *name)
{
    if (j->comma)
        put(j, ",", 1);
    if (name) {
        put_string(j, name, strlen(name));
        put(j, ":", 1);
    }
    j->comma = true;
}

static void open_with(struct json *j, const char *name, const char *bracket)
{
    member(j, name);
    put_text(j, bracket);
    j->comma = false;
}

static void close_with(struct json *j, const char *bracket)
{
    put_text(j, bracket);
    j->comma = true;
}

static void number(struct json *j, const char *name, double v)
{
    char text[40] = "null";
    if (isfinite(v))
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, v);
            if (strtod(text, NULL) == v)
                break;
        }
    for (char *c = text; *c; c++)
        if (*c == ',') /* a locale's decimal point */
            *c = '.';
    member(j, name);
    put_text(j, text);
}

static void count(struct json *j, const char *name, uint64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, v);
    member(j, name);
    put_text(j, text);
}

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
static void each_column(struct json *j, const struct summary *m,
                        void (*one)(struct json *j, const struct summary *m, uint32_t c))
{
    if (m->r->n_columns == 1) {
        one(j, m, 0);
        return;
    }
    open_with(j, "columns", "[");
    for (uint32_t c = 0; c < m->r->n_columns; c++) {
        open_with(j, NULL, "{");
        member(j, "name");
        put_string(j, column_name(m, c), strlen(column_name(m, c)));
        one(j, m, c);
        close_with(j, "}");
    }
    close_with(j, "]");
}

static void sum_column(struct json *j, const struct summary *m, uint32_t c)
{
    number(j, "sum", reduce_sum(m->p, m->s, m->i, c));
}

static void moments_column(struct json *j, const struct summary *m, uint32_t c)
{
    double mean = reduce_mean(m->p, m->s, m->i, c), sd = sqrt(reduce_var(m->p, m->s, m->i, c));
    double se = sd / sqrt(reduce_count(m->p, m->s, m->i));
    number(j, "mean", mean);
    number(j, "se", se);
    number(j, "sd", sd);
    number(j, "lower", mean - QX_NORMAL_975 * se);
    number(j, "upper", mean + QX_NORMAL_975 * se);
}

static void covariances(struct json *j, const struct summary *m)
{
    if (m->r->n_columns < 2 || m->r->n_columns > COVARIANCE_COLUMNS)
        return;
    open_with(j, "covariance", "[");
    for (uint32_t a = 0; a < m->r->n_columns; a++) {
        open_with(j, NULL, "[");
        for (uint32_t b = 0; b < m->r->n_columns; b++)
            number(j, NULL, reduce_cov(m->p, m->s, m->i, a, b));
        close_with(j, "]");
    }
    close_with(j, "]");
}

static void minmax_column(struct json *j, const struct summary *m, uint32_t c)
{
    const struct minmax_column *v = (const struct minmax_column *)(const void *)m->part->data + c;
    number(j, "min", v->n ? v->min : NAN);
    v->n ? count(j, "argmin", v->argmin) : number(j, "argmin", NAN);
    number(j, "max", v->n ? v->max : NAN);
    v->n ? count(j, "argmax", v->argmax) : number(j, "argmax", NAN);
    if (v->n_nan)
        count(j, "nan", v->n_nan);
}

static void histogram(struct json *j, const struct summary *m)
{
    const struct histogram_part *h = (const void *)m->part->data;
    number(j, "lo", m->r->lo);
    number(j, "hi", m->r->hi);
    count(j, "below", h->below);
    count(j, "above", h->above);
    if (h->n_nan)
        count(j, "nan", h->n_nan);
    open_with(j, "counts", "[");
    for (uint32_t i = 0; i < m->r->bins; i++)
        count(j, NULL, h->bins[i]);
    close_with(j, "]");
}

static void proportion(struct json *j, const struct summary *m)
{
    const struct proportion_part *v = (const void *)m->part->data;
    double n = (double)v->n, p = v->n ? (double)v->ones / n : NAN;
    count(j, "count", v->ones);
    number(j, "p", p);
    number(j, "se", sqrt(p * (1 - p) / n));
    number(j, "lower", v->n ? wilson_lower(v->ones, v->n) : NAN);
    number(j, "upper", v->n ? wilson_upper(v->ones, v->n) : NAN);
    if (v->n_invalid)
        count(j, "invalid", v->n_invalid);
}

static void quantiles(struct json *j, const struct summary *m)
{
    static const double probs[] = {0, 0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975, 1};
    const struct quantiles_part *q = (const void *)m->part->data;
    struct qx_bytes prepared = {0};
    qx_err e = q->is_sketch ? quantiles_weighted(m->part, &prepared) : quantiles_sorted(m->part, &prepared);
    if (e != QX_ERR_OK && j->e == QX_ERR_OK)
        j->e = e;
    if (q->n_nan)
        count(j, "nan", q->n_nan);
    member(j, "exact");
    put_text(j, q->is_sketch ? "false" : "true");
    if (q->is_sketch)
        number(j, "rank_error", (double)q->error / (double)q->n);
    number(j, "median", quantiles_value(q, &prepared, 0.5));
    open_with(j, "quantiles", "[");
    for (size_t i = 0; i < sizeof probs / sizeof probs[0]; i++) {
        open_with(j, NULL, "{");
        number(j, "prob", probs[i]);
        number(j, "value", quantiles_value(q, &prepared, probs[i]));
        close_with(j, "}");
    }
    close_with(j, "]");
    qx_bytes_fini(&prepared);
}

/* "mean" where one column is tabulated, else "<column>_mean". */
static void named_number(struct json *j, const struct summary *m, uint32_t c, const char *what, double v)
{
    char name[320];
    snprintf(name, sizeof name, m->r->n_columns == 2 ? "%.0s%s" : "%s_%s", column_name(m, c), what);
    number(j, name, v);
}

static void table(struct json *j, const struct summary *m)
{
    const struct table_part *t = (const void *)m->part->data;
    count(j, "keys", t->n_keys);
    if (t->n_invalid)
        count(j, "invalid", t->n_invalid);
    open_with(j, "rows", "[");
    for (uint64_t i = 0; i < t->n_keys; i++) {
        const struct table_entry *entry = table_entry_at(m->r, m->part, i);
        open_with(j, NULL, "{");
        number(j, column_name(m, 0), (double)entry->key);
        count(j, "n", entry->n);
        for (uint32_t c = 1; c < m->r->n_columns; c++) {
            named_number(j, m, c, "mean", entry->columns[c - 1].mean);
            named_number(j, m, c, "sd",
                         entry->n < 2 ? NAN : sqrt(entry->columns[c - 1].m2 / (double)(entry->n - 1)));
        }
        close_with(j, "}");
    }
    close_with(j, "]");
}

static void collect(struct json *j, const struct summary *m)
{
    const struct collect_part *v = (const void *)m->part->data;
    uint64_t shown = v->n_rows < ROWS_SHOWN ? v->n_rows : ROWS_SHOWN;
    if (shown < v->n_rows)
        count(j, "shown", shown);
    open_with(j, "rows", "[");
    for (uint64_t i = 0; i < shown; i++) {
        open_with(j, NULL, "{");
        for (uint32_t c = 0; c < m->r->n_columns; c++)
            number(j, column_name(m, c), v->rows[i * m->r->n_columns + c]);
        close_with(j, "}");
    }
    close_with(j, "]");
}

static void records(struct json *j, const struct summary *m)
{
    const struct records_part *v = (const void *)m->part->data;
    size_t pos = 0, len;
    uint64_t item, shown = v->n < ROWS_SHOWN ? v->n : ROWS_SHOWN;
    const void *data;
    count(j, "bytes", v->len_bytes);
    if (shown < v->n)
        count(j, "shown", shown);
    open_with(j, "records", "[");
    for (; shown > 0 && reduce_next_record(m->p, m->s, m->i, &pos, &item, &data, &len); shown--) {
        open_with(j, NULL, "{");
        count(j, "item", item);
        member(j, "text");
        put_string(j, data, len);
        close_with(j, "}");
    }
    close_with(j, "]");
}

static void reducer_members(struct json *j, const struct summary *m)
{
    if (m->r->kind == QX_REDUCE_OWN) {
        count(j, "bytes", m->part->len);
        return;
    }
    if (m->r->kind != QX_REDUCE_MINMAX || m->r->n_columns == 1)
        number(j, "n", reduce_count(m->p, m->s, m->i));
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
    struct json j = {.out = out};
    bool flat = p->n_reducers == 1 && !p->reducers[0].name;
    open_with(&j, NULL, "{");
    for (uint32_t i = 0; i < p->n_reducers && i < s->n_parts; i++) {
        struct summary m = {.p = p, .s = s, .r = &p->reducers[i], .part = &s->parts[i], .i = i};
        char name[300];
        name_of(p, i, name, sizeof name);
        if (!flat)
            open_with(&j, name, "{");
        reducer_members(&j, &m);
        if (!flat)
            close_with(&j, "}");
    }
    close_with(&j, "}");
    return j.e;
}
