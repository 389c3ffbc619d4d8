#include <stdlib.h>

#include "common/error.h"
#include "common/mem.h"
#include "common/reduce_part.h"

enum {
    PLAN_VERSION = 1,
    NAME_BYTES_MAX = 255,
    BINS_MAX = 1 << 20,
    KEYS_MAX = 1 << 20,
    KEYS_DEFAULT = 10000,
    EXACT_DEFAULT = 100000,
    NO_NAME = -1
};

static const struct part_ops *const ops_of_kind[QX_REDUCE_KIND_COUNT] = {
    [QX_REDUCE_COUNT] = &part_count_ops,           [QX_REDUCE_SUM] = &part_sum_ops,
    [QX_REDUCE_MOMENTS] = &part_moments_ops,       [QX_REDUCE_MINMAX] = &part_minmax_ops,
    [QX_REDUCE_HISTOGRAM] = &part_histogram_ops,   [QX_REDUCE_QUANTILES] = &part_quantiles_ops,
    [QX_REDUCE_PROPORTION] = &part_proportion_ops, [QX_REDUCE_TABLE] = &part_table_ops,
    [QX_REDUCE_COLLECT] = &part_collect_ops,       [QX_REDUCE_RECORDS] = &part_records_ops,
};

const struct part_ops *part_ops_of(enum qx_reducer_kind kind)
{
    return ops_of_kind[kind];
}

const char *part_kind_name(enum qx_reducer_kind kind)
{
    return ops_of_kind[kind] ? ops_of_kind[kind]->name : "own";
}

void reduce_plan_free(struct reduce_plan *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; p->columns && i < p->n_columns; i++)
        qx_free(p->columns[i]);
    for (uint32_t i = 0; p->reducers && i < p->n_reducers; i++) {
        qx_free((void *)(uintptr_t)p->reducers[i].name);
        qx_free((void *)(uintptr_t)p->reducers[i].columns);
    }
    qx_free(p->columns);
    qx_free(p->reducers);
    qx_free(p);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static qx_err check_names(const char *const *names, uint32_t n, const char *what, struct qx_error *err)
{
    const char **sorted = qx_malloc(n * sizeof *sorted);
    if (!sorted)
        return qx_fail(err, QX_ERR_NOMEM, "no memory for the reducers");
    qx_err e = QX_ERR_OK;
    for (uint32_t i = 0; i < n && e == QX_ERR_OK; i++) {
        sorted[i] = names[i];
        if (!names[i] || !names[i][0] || strlen(names[i]) > NAME_BYTES_MAX)
            e = qx_fail(err, QX_ERR_INVALID, "%s %u needs a name of 1 to %d bytes", what, i,
                        (int)NAME_BYTES_MAX);
    }
    if (e == QX_ERR_OK)
        qsort(sorted, n, sizeof *sorted, compare_names);
    for (uint32_t i = 1; i < n && e == QX_ERR_OK; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            e = qx_fail(err, QX_ERR_INVALID, "two %ss are named \"%s\"", what, sorted[i]);
    qx_free(sorted);
    return e;
}

static bool takes_columns(enum qx_reducer_kind kind)
{
    return kind != QX_REDUCE_COUNT && kind != QX_REDUCE_RECORDS && kind != QX_REDUCE_OWN;
}

static bool takes_one_column(enum qx_reducer_kind kind)
{
    return kind == QX_REDUCE_HISTOGRAM || kind == QX_REDUCE_QUANTILES || kind == QX_REDUCE_PROPORTION;
}

/* Options that the kind does not use are zeroed, defaults filled in: equal plans have equal bytes. */
static qx_err check_options(struct qx_reducer *r, const char *kind, struct qx_error *err)
{
    if (r->kind == QX_REDUCE_HISTOGRAM) {
        if (!(r->lo < r->hi) || !isfinite(r->hi - r->lo))
            return qx_fail(err, QX_ERR_INVALID, "a histogram needs finite limits lo < hi, not %g and %g",
                           r->lo, r->hi);
        if (r->bins < 1 || r->bins > BINS_MAX)
            return qx_fail(err, QX_ERR_INVALID, "a histogram needs 1 to %d bins, not %u", (int)BINS_MAX,
                           r->bins);
    } else {
        r->lo = r->hi = 0;
        r->bins = 0;
    }
    uint64_t exact_limit = QX_STATE_BYTES_MAX / sizeof(double) / 2;
    r->exact_max = r->kind != QX_REDUCE_QUANTILES ? 0 : r->exact_max ? r->exact_max : EXACT_DEFAULT;
    if (r->exact_max > exact_limit)
        return qx_fail(err, QX_ERR_INVALID, "%s can keep at most %llu exact values", kind,
                       (unsigned long long)exact_limit);
    r->keys_max = r->kind != QX_REDUCE_TABLE ? 0 : r->keys_max ? r->keys_max : KEYS_DEFAULT;
    if (r->keys_max > KEYS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "a table can have at most %d keys", (int)KEYS_MAX);
    return QX_ERR_OK;
}

static qx_err copy_columns(const struct reduce_plan *p, struct qx_reducer *r, const struct qx_reducer *from,
                           const char *kind, struct qx_error *err)
{
    r->columns = NULL;
    r->n_columns = 0;
    if (!takes_columns(from->kind))
        return QX_ERR_OK;
    uint32_t n = from->columns ? from->n_columns : p->n_columns;
    if (n == 0)
        return qx_fail(err, QX_ERR_INVALID, "%s needs an output column", kind);
    if (n > QX_PLAN_COLUMNS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "%s of %u columns, at most %d", kind, n,
                       (int)QX_PLAN_COLUMNS_MAX);
    if (takes_one_column(from->kind) && n != 1)
        return qx_fail(err, QX_ERR_INVALID, "%s takes one column, not %u: name it in `columns`", kind, n);
    uint32_t *columns = qx_malloc(n * sizeof *columns);
    if (!columns)
        return qx_fail(err, QX_ERR_NOMEM, "no memory for the reducers");
    r->columns = columns;
    r->n_columns = n;
    for (uint32_t i = 0; i < n; i++) {
        columns[i] = from->columns ? from->columns[i] : i;
        if (columns[i] >= p->n_columns)
            return qx_fail(err, QX_ERR_INVALID, "%s uses output column %u, there are %u", kind, columns[i],
                           p->n_columns);
    }
    return QX_ERR_OK;
}

static qx_err copy_reducer(const struct reduce_plan *p, struct qx_reducer *r, const struct qx_reducer *from,
                           struct qx_error *err)
{
    if ((unsigned)from->kind >= QX_REDUCE_KIND_COUNT)
        return qx_fail(err, QX_ERR_INVALID, "unknown kind of reducer %d", (int)from->kind);
    const char *kind = part_kind_name(from->kind);
    *r = *from;
    r->name = NULL;
    qx_err e = copy_columns(p, r, from, kind, err);
    if (e == QX_ERR_OK)
        e = check_options(r, kind, err);
    if (e == QX_ERR_OK && from->name) {
        r->name = qx_strdup(from->name);
        if (!r->name)
            e = qx_fail(err, QX_ERR_NOMEM, "no memory for the reducers");
    }
    return e;
}

static qx_err copy_all(struct reduce_plan *p, const char *const *columns, uint32_t n_columns,
                       const struct qx_reducer *reducers, uint32_t n_reducers, struct qx_error *err)
{
    p->columns = qx_calloc(n_columns, sizeof *p->columns);
    p->reducers = qx_calloc(n_reducers, sizeof *p->reducers);
    if (!p->columns || !p->reducers)
        return qx_fail(err, QX_ERR_NOMEM, "no memory for the reducers");
    p->n_columns = n_columns;
    p->n_reducers = n_reducers;
    for (uint32_t i = 0; i < n_columns; i++)
        if (!(p->columns[i] = qx_strdup(columns[i])))
            return qx_fail(err, QX_ERR_NOMEM, "no memory for the reducers");
    const char *names[QX_PLAN_REDUCERS_MAX];
    uint32_t n_names = 0;
    size_t len = 0;
    for (uint32_t i = 0; i < n_reducers; i++) {
        qx_err e = copy_reducer(p, &p->reducers[i], &reducers[i], err);
        if (e != QX_ERR_OK)
            return e;
        if (p->reducers[i].name)
            names[n_names++] = p->reducers[i].name;
        if (p->reducers[i].kind == QX_REDUCE_OWN)
            p->opaque = true;
        else
            len += part_ops_of(p->reducers[i].kind)->init_bytes(&p->reducers[i]);
    }
    if (len > QX_STATE_BYTES_MAX)
        return qx_fail(err, QX_ERR_INVALID, "the reducers need %zu bytes, at most %zu", len,
                       QX_STATE_BYTES_MAX);
    return n_names ? check_names(names, n_names, "reducer", err) : QX_ERR_OK;
}

qx_err reduce_plan_new(const char *const *columns, uint32_t n_columns, const struct qx_reducer *reducers,
                       uint32_t n_reducers, struct reduce_plan **ret_plan, struct qx_error *err)
{
    if (n_columns > QX_PLAN_COLUMNS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "%u output columns, at most %d", n_columns,
                       (int)QX_PLAN_COLUMNS_MAX);
    if (n_reducers > QX_PLAN_REDUCERS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "%u reducers, at most %d", n_reducers, (int)QX_PLAN_REDUCERS_MAX);
    qx_err e = n_columns ? check_names(columns, n_columns, "output column", err) : QX_ERR_OK;
    if (e != QX_ERR_OK)
        return e;
    struct reduce_plan *p = qx_calloc(1, sizeof *p);
    if (!p)
        return qx_fail(err, QX_ERR_NOMEM, "no memory for the reducers");
    e = copy_all(p, columns, n_columns, reducers, n_reducers, err);
    if (e != QX_ERR_OK) {
        reduce_plan_free(p);
        return e;
    }
    *ret_plan = p;
    return QX_ERR_OK;
}

/* --- bytes: version, columns, reducers; every string is its length and its bytes --- */

static qx_err put_name(struct qx_bytes *out, const char *name)
{
    if (!name)
        return qx_put_u32(out, (uint32_t)NO_NAME);
    uint32_t len = (uint32_t)strlen(name);
    qx_err e = qx_put_u32(out, len);
    return e == QX_ERR_OK ? qx_bytes_append(out, name, len) : e;
}

static qx_err put_reducer(struct qx_bytes *out, const struct qx_reducer *r)
{
    qx_err e = qx_put_u32(out, (uint32_t)r->kind);
    if (e == QX_ERR_OK)
        e = put_name(out, r->name);
    if (e == QX_ERR_OK)
        e = qx_put_u32(out, r->n_columns);
    for (uint32_t i = 0; i < r->n_columns && e == QX_ERR_OK; i++)
        e = qx_put_u32(out, r->columns[i]);
    if (e == QX_ERR_OK)
        e = qx_put_f64(out, r->lo);
    if (e == QX_ERR_OK)
        e = qx_put_f64(out, r->hi);
    if (e == QX_ERR_OK)
        e = qx_put_u32(out, r->bins);
    if (e == QX_ERR_OK)
        e = qx_put_u64(out, r->exact_max);
    return e == QX_ERR_OK ? qx_put_u32(out, r->keys_max) : e;
}

qx_err reduce_plan_encode(const struct reduce_plan *p, struct qx_bytes *out)
{
    qx_err e = qx_put_u32(out, PLAN_VERSION);
    if (e == QX_ERR_OK)
        e = qx_put_u32(out, p->n_columns);
    for (uint32_t i = 0; i < p->n_columns && e == QX_ERR_OK; i++)
        e = put_name(out, p->columns[i]);
    if (e == QX_ERR_OK)
        e = qx_put_u32(out, p->n_reducers);
    for (uint32_t i = 0; i < p->n_reducers && e == QX_ERR_OK; i++)
        e = put_reducer(out, &p->reducers[i]);
    return e;
}

/* What is read lies here until reduce_plan_new has copied it. */
struct plan_reader {
    struct qx_reader in;
    char **columns;
    uint32_t n_columns, n_reducers;
    struct qx_reducer reducers[QX_PLAN_REDUCERS_MAX];
};

static void plan_reader_fini(struct plan_reader *r)
{
    for (uint32_t i = 0; r->columns && i < r->n_columns; i++)
        qx_free(r->columns[i]);
    qx_free(r->columns);
    for (uint32_t i = 0; i < r->n_reducers; i++) {
        qx_free((void *)(uintptr_t)r->reducers[i].name);
        qx_free((void *)(uintptr_t)r->reducers[i].columns);
    }
}

/* NULL name without `bad`: none was given. */
static qx_err get_name(struct qx_reader *in, char **ret_name)
{
    uint32_t len = qx_read_u32(in);
    if (in->bad || len == (uint32_t)NO_NAME)
        return in->bad ? QX_ERR_PROTO : QX_ERR_OK;
    const char *text = len <= NAME_BYTES_MAX ? qx_read_bytes(in, len) : NULL;
    if (!text || memchr(text, 0, len))
        return QX_ERR_PROTO;
    char *name = qx_calloc(1, (size_t)len + 1);
    if (!name)
        return QX_ERR_NOMEM;
    memcpy(name, text, len);
    *ret_name = name;
    return QX_ERR_OK;
}

static qx_err get_reducer(struct qx_reader *in, struct qx_reducer *r)
{
    uint32_t kind = qx_read_u32(in);
    if (kind >= QX_REDUCE_KIND_COUNT)
        return QX_ERR_PROTO;
    r->kind = (enum qx_reducer_kind)kind;
    char *name = NULL;
    qx_err e = get_name(in, &name);
    if (e != QX_ERR_OK)
        return e;
    r->name = name;
    uint32_t n = qx_read_u32(in);
    if (n > QX_PLAN_COLUMNS_MAX || (n > 0) != takes_columns(r->kind))
        return QX_ERR_PROTO;
    const void *columns = qx_read_bytes(in, n * sizeof(uint32_t));
    if (!columns)
        return QX_ERR_PROTO;
    uint32_t *copy = qx_malloc(n * sizeof *copy);
    if (!copy)
        return QX_ERR_NOMEM;
    memcpy(copy, columns, n * sizeof *copy);
    r->columns = copy;
    r->n_columns = n;
    r->lo = qx_read_f64(in);
    r->hi = qx_read_f64(in);
    r->bins = qx_read_u32(in);
    r->exact_max = qx_read_u64(in);
    r->keys_max = qx_read_u32(in);
    return in->bad ? QX_ERR_PROTO : QX_ERR_OK;
}

static qx_err plan_read(struct plan_reader *r)
{
    struct qx_reader *in = &r->in;
    if (qx_read_u32(in) != PLAN_VERSION)
        return QX_ERR_PROTO;
    uint32_t n_columns = qx_read_u32(in);
    if (n_columns > QX_PLAN_COLUMNS_MAX)
        return QX_ERR_PROTO;
    r->columns = qx_calloc(n_columns, sizeof *r->columns);
    if (!r->columns)
        return QX_ERR_NOMEM;
    r->n_columns = n_columns;
    for (uint32_t i = 0; i < n_columns; i++) {
        qx_err e = get_name(in, &r->columns[i]);
        if (e != QX_ERR_OK || !r->columns[i])
            return e != QX_ERR_OK ? e : QX_ERR_PROTO;
    }
    uint32_t n_reducers = qx_read_u32(in);
    if (in->bad || n_reducers > QX_PLAN_REDUCERS_MAX)
        return QX_ERR_PROTO;
    for (; r->n_reducers < n_reducers;) {
        qx_err e = get_reducer(in, &r->reducers[r->n_reducers++]);
        if (e != QX_ERR_OK)
            return e;
    }
    return in->p == in->end ? QX_ERR_OK : QX_ERR_PROTO;
}

qx_err reduce_plan_decode(const void *data, size_t len, struct reduce_plan **ret_plan, struct qx_error *err)
{
    struct plan_reader r = {.in = qx_reader(data, len)};
    struct reduce_plan *p = NULL;
    qx_err e = plan_read(&r);
    if (e != QX_ERR_OK)
        qx_fail(err, e, e == QX_ERR_NOMEM ? "no memory for the reducers" : "malformed list of reducers");
    else
        e = reduce_plan_new((const char *const *)r.columns, r.n_columns, r.reducers, r.n_reducers, &p, err);
    plan_reader_fini(&r);
    if (e == QX_ERR_INVALID) {
        e = QX_ERR_PROTO;
        if (err)
            err->code = e;
    }
    if (e == QX_ERR_OK)
        *ret_plan = p;
    return e;
}

uint32_t reduce_plan_columns(const struct reduce_plan *p)
{
    return p->n_columns;
}

const char *reduce_plan_column(const struct reduce_plan *p, uint32_t i)
{
    return p->columns[i];
}

uint32_t reduce_plan_reducers(const struct reduce_plan *p)
{
    return p->n_reducers;
}

const struct qx_reducer *reduce_plan_reducer(const struct reduce_plan *p, uint32_t i)
{
    return &p->reducers[i];
}

bool reduce_plan_opaque(const struct reduce_plan *p)
{
    return p->opaque;
}
