/* reduce_part.h - private to common/reduce*.c: what the reducers share, and one entry for each kind.
 *
 * A part is the state of one reducer: a flat run of doubles and 64-bit integers, without pointers, so
 * that its bytes are its encoding. A part of no items is `init_bytes` of zeros unless `init` says otherwise. */
#ifndef QX_COMMON_REDUCE_PART_H
#define QX_COMMON_REDUCE_PART_H

#include <math.h>
#include <string.h>

#include "common/reduce.h"

struct reduce_plan {
    uint32_t n_columns, n_reducers;
    char **columns;
    struct qx_reducer *reducers; /* names and columns are owned; columns never NULL when n_columns > 0 */
    bool opaque;
};

/* A group of rows: consecutive items, or those listed. */
struct rows {
    const uint64_t *items; /* NULL: first_item, first_item + 1, .. */
    uint64_t first_item;
    uint32_t n, stride;
    const double *at;
};

static inline uint64_t rows_item(const struct rows *g, uint32_t i)
{
    return g->items ? g->items[i] : g->first_item + i;
}

struct part_ops {
    const char *name;
    size_t (*init_bytes)(const struct qx_reducer *r);
    void (*init)(const struct qx_reducer *r, void *part); /* NULL: zeros */
    qx_err (*add)(const struct qx_reducer *r, struct qx_bytes *part,
                  const struct rows *g); /* NULL: rows do not matter */
    qx_err (*merge)(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right);
    /* Is this, from a peer, something that the functions above may be given? `len` is at least init_bytes. */
    bool (*check)(const struct qx_reducer *r, const struct qx_bytes *part); /* NULL: exactly init_bytes */
};

extern const struct part_ops part_count_ops, part_sum_ops, part_minmax_ops, part_histogram_ops,
    part_proportion_ops, part_collect_ops, part_records_ops, part_moments_ops, part_table_ops,
    part_quantiles_ops;

/* NULL for OWN. */
const struct part_ops *part_ops_of(enum qx_reducer_kind kind);
const char *part_kind_name(enum qx_reducer_kind kind);

/* Makes room at the end of a part; LIMIT beyond QX_STATE_BYTES_MAX. */
qx_err part_grow(struct qx_bytes *part, size_t extra);

/* Count, mean and squared deviations of one column. */
struct moment1 {
    uint64_t n;
    double mean, m2;
};
/* Chan, Golub and LeVeque (1983). An empty side gives the other unchanged. */
static inline void moment1_merge(struct moment1 *left, uint64_t n, double mean, double m2)
{
    if (left->n == 0) {
        *left = (struct moment1){n, mean, m2};
        return;
    }
    if (n == 0)
        return;
    double delta = mean - left->mean, share = (double)n / (double)(left->n + n);
    left->m2 += m2 + delta * delta * ((double)left->n * share);
    left->mean += delta * share;
    left->n += n;
}

/* --- layouts, for the readers in reduce_answer.c and reduce_json.c --- */

struct sum_part {
    uint64_t n;
    struct {
        double high, low; /* their sum is the sum */
    } columns[];
};
static inline double sum_value(const struct sum_part *s, uint32_t i)
{
    double v = s->columns[i].high + s->columns[i].low;
    return isfinite(s->columns[i].high) ? v : s->columns[i].high;
}

struct minmax_column {
    double min, max;
    uint64_t argmin, argmax; /* UINT64_MAX: no number yet */
    uint64_t n, n_nan;
};

struct histogram_part {
    uint64_t below, above, n_nan;
    uint64_t bins[];
};

struct proportion_part {
    uint64_t n, ones, n_invalid; /* neither 0 nor 1: left out of n */
};

struct collect_part {
    uint64_t n_rows;
    double rows[];
};

struct records_part {
    uint64_t n, len_bytes; /* of all records, without heads and padding */
};
struct record_head {
    uint64_t item, len_bytes; /* the bytes follow, padded with zeros to 8 */
};

/* n, mean[p], then the upper triangle of the sums of cross products, row by row. */
struct moments_part {
    uint64_t n;
    double values[];
};
static inline size_t triangle_index(size_t p, size_t a, size_t b)
{
    return a * p - a * (a + 1) / 2 + b;
}

/* Then one entry a key, ascending. */
struct table_part {
    uint64_t n_keys, n_invalid; /* rows whose key is not an integer: left out */
};
struct table_entry {
    int64_t key;
    uint64_t n;
    struct {
        double mean, m2;
    } columns[];
};
static inline size_t table_entry_bytes(const struct qx_reducer *r)
{
    return sizeof(struct table_entry) + (r->n_columns - 1) * 2 * sizeof(double);
}
static inline const struct table_entry *table_entry_at(const struct qx_reducer *r,
                                                       const struct qx_bytes *part, uint64_t i)
{
    return (const struct table_entry *)(const void *)(part->data + sizeof(struct table_part) +
                                                      i * table_entry_bytes(r));
}

struct quantiles_part {
    uint64_t n, n_nan;
    uint64_t is_sketch, n_levels;
    uint64_t error; /* no rank of the sketch is further off than this */
    double min, max;
};
/* All values of an exact part, ascending, into *out (overwritten). */
qx_err quantiles_sorted(const struct qx_bytes *part, struct qx_bytes *out);
/* What quantiles_value looks in, into *out (overwritten): of an exact part what quantiles_sorted gives, of a sketch its
 * values, ascending, each with the count of items that it and those before it stand for. */
struct weighted {
    double value;
    uint64_t upto;
};
qx_err quantiles_prepare(const struct qx_bytes *part, struct qx_bytes *out);
/* A binary search at most. */
double quantiles_value(const struct quantiles_part *q, const struct qx_bytes *prepared, double prob);

#endif
