/* The reducers whose state is a few numbers for each column, and the two that only append.
 *
 * COUNT       good items.
 * SUM         double-double: exact products are not needed, TwoSum (Knuth) keeps what each addition drops. Infinities
 *             and NaN give what IEEE addition gives.
 * MINMAX      NaN is counted and left out; the first of equals wins, and +0 equals -0.
 * HISTOGRAM   bin i holds lo + (hi-lo)*i/bins <= x < lo + (hi-lo)*(i+1)/bins as computed in double; NaN is counted apart.
 * PROPORTION  any number but 0 and 1 is counted as invalid and left out.
 * COLLECT     any rows. RECORDS takes no rows. */
#include "common/reduce_part.h"

qx_err part_grow(struct qx_bytes *part, size_t extra)
{
    if (extra > QX_STATE_BYTES_MAX || part->len + extra > QX_STATE_BYTES_MAX)
        return QX_ERR_LIMIT;
    return qx_bytes_resize(part, part->len + extra);
}

/* --- count --- */

static size_t count_bytes(const struct qx_reducer *r)
{
    (void)r;
    return sizeof(uint64_t);
}

static qx_err count_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    (void)r;
    *(uint64_t *)(void *)part->data += g->n;
    return QX_ERR_OK;
}

static qx_err count_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    (void)r;
    *(uint64_t *)(void *)left->data += *(const uint64_t *)(const void *)right->data;
    return QX_ERR_OK;
}

const struct part_ops part_count_ops = {
    .name = "count", .init_bytes = count_bytes, .add = count_add, .merge = count_merge};

/* --- sum --- */

static size_t sum_bytes(const struct qx_reducer *r)
{
    return sizeof(struct sum_part) + r->n_columns * 2 * sizeof(double);
}

static inline void two_sum(double *high, double *low, double x)
{
    double s = *high + x, back = s - *high;
    *low += (*high - (s - back)) + (x - back);
    *high = s;
}

static qx_err sum_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    struct sum_part *p = (void *)part->data;
    p->n += g->n;
    for (uint32_t c = 0; c < r->n_columns; c++) {
        double high = p->columns[c].high, low = p->columns[c].low;
        const double *x = g->at + r->columns[c];
        for (uint32_t i = 0; i < g->n; i++, x += g->stride)
            two_sum(&high, &low, *x);
        p->columns[c].high = high;
        p->columns[c].low = low;
    }
    return QX_ERR_OK;
}

static qx_err sum_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    struct sum_part *a = (void *)left->data;
    const struct sum_part *b = (const void *)right->data;
    a->n += b->n;
    for (uint32_t c = 0; c < r->n_columns; c++) {
        two_sum(&a->columns[c].high, &a->columns[c].low, b->columns[c].high);
        a->columns[c].low += b->columns[c].low;
    }
    return QX_ERR_OK;
}

const struct part_ops part_sum_ops = {
    .name = "sum", .init_bytes = sum_bytes, .add = sum_add, .merge = sum_merge};

/* --- minmax --- */

static size_t minmax_bytes(const struct qx_reducer *r)
{
    return r->n_columns * sizeof(struct minmax_column);
}

static void minmax_init(const struct qx_reducer *r, void *part)
{
    struct minmax_column *m = part;
    for (uint32_t c = 0; c < r->n_columns; c++)
        m[c] = (struct minmax_column){INFINITY, -INFINITY, UINT64_MAX, UINT64_MAX, 0, 0};
}

enum { MINMAX_LANES = 8 };

struct extremes {
    double lo, hi; /* INFINITY, -INFINITY: no number */
    uint64_t n_nan;
};

/* In lanes, without branches; comparisons with NaN are false, so those are passed over. */
static inline __attribute__((always_inline)) struct extremes extremes_in(const double *at, uint32_t n,
                                                                         size_t stride)
{
    double lo[MINMAX_LANES], hi[MINMAX_LANES];
    uint64_t nans[MINMAX_LANES] = {0};
    for (int k = 0; k < MINMAX_LANES; k++) {
        lo[k] = INFINITY;
        hi[k] = -INFINITY;
    }
    uint32_t i = 0;
    for (; i + MINMAX_LANES <= n; i += MINMAX_LANES)
        for (uint32_t k = 0; k < MINMAX_LANES; k++) {
            double x = at[(i + k) * stride];
            lo[k] = x < lo[k] ? x : lo[k];
            hi[k] = x > hi[k] ? x : hi[k];
            nans[k] += x != x;
        }
    struct extremes e = {INFINITY, -INFINITY, 0};
    for (; i < n; i++) {
        double x = at[(size_t)i * stride];
        e.lo = x < e.lo ? x : e.lo;
        e.hi = x > e.hi ? x : e.hi;
        e.n_nan += x != x;
    }
    for (int k = 0; k < MINMAX_LANES; k++) {
        e.lo = lo[k] < e.lo ? lo[k] : e.lo;
        e.hi = hi[k] > e.hi ? hi[k] : e.hi;
        e.n_nan += nans[k];
    }
    return e;
}

static struct extremes extremes_of(const double *at, uint32_t n, uint32_t stride)
{
    return stride == 1 ? extremes_in(at, n, 1) : extremes_in(at, n, stride);
}

/* The first row that equals x: there is one. */
static uint32_t first_equal(const double *at, uint32_t stride, double x)
{
    uint32_t i = 0;
    while (at[(size_t)i * stride] != x)
        i++;
    return i;
}

static qx_err minmax_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    struct minmax_column *m = (void *)part->data;
    for (uint32_t c = 0; c < r->n_columns; c++, m++) {
        const double *at = g->at + r->columns[c];
        struct extremes e = extremes_of(at, g->n, g->stride);
        m->n_nan += e.n_nan;
        if (e.n_nan == g->n)
            continue;
        if (m->n == 0 || e.lo < m->min) {
            uint32_t i = first_equal(at, g->stride, e.lo);
            m->min = at[(size_t)i * g->stride];
            m->argmin = rows_item(g, i);
        }
        if (m->n == 0 || e.hi > m->max) {
            uint32_t i = first_equal(at, g->stride, e.hi);
            m->max = at[(size_t)i * g->stride];
            m->argmax = rows_item(g, i);
        }
        m->n += g->n - e.n_nan;
    }
    return QX_ERR_OK;
}

static qx_err minmax_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    struct minmax_column *a = (void *)left->data;
    const struct minmax_column *b = (const void *)right->data;
    for (uint32_t c = 0; c < r->n_columns; c++, a++, b++) {
        if (b->n > 0 && (a->n == 0 || b->min < a->min)) {
            a->min = b->min;
            a->argmin = b->argmin;
        }
        if (b->n > 0 && (a->n == 0 || b->max > a->max)) {
            a->max = b->max;
            a->argmax = b->argmax;
        }
        a->n += b->n;
        a->n_nan += b->n_nan;
    }
    return QX_ERR_OK;
}

const struct part_ops part_minmax_ops = {.name = "minmax",
                                         .init_bytes = minmax_bytes,
                                         .init = minmax_init,
                                         .add = minmax_add,
                                         .merge = minmax_merge};

/* --- histogram --- */

static size_t histogram_bytes(const struct qx_reducer *r)
{
    return sizeof(struct histogram_part) + r->bins * sizeof(uint64_t);
}

static double histogram_edge(const struct qx_reducer *r, uint32_t bin)
{
    return r->lo + (r->hi - r->lo) * bin / r->bins;
}

/* The division finds the bin up to rounding, the edges decide. */
static uint32_t histogram_bin(const struct qx_reducer *r, double x)
{
    double place = (x - r->lo) / (r->hi - r->lo) * r->bins;
    uint32_t bin = place < r->bins - 1 ? (uint32_t)place : r->bins - 1;
    if (bin > 0 && x < histogram_edge(r, bin))
        bin--;
    else if (bin + 1 < r->bins && x >= histogram_edge(r, bin + 1))
        bin++;
    return bin;
}

static qx_err histogram_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    struct histogram_part *p = (void *)part->data;
    const double *at = g->at + r->columns[0];
    for (uint32_t i = 0; i < g->n; i++, at += g->stride) {
        double x = *at;
        if (x < r->lo)
            p->below++;
        else if (x >= r->hi)
            p->above++;
        else if (isnan(x))
            p->n_nan++;
        else
            p->bins[histogram_bin(r, x)]++;
    }
    return QX_ERR_OK;
}

/* The part is nothing but counters. */
static qx_err counters_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    (void)r;
    uint64_t *a = (void *)left->data;
    const uint64_t *b = (const void *)right->data;
    for (size_t i = 0; i < left->len / sizeof *a; i++)
        a[i] += b[i];
    return QX_ERR_OK;
}

const struct part_ops part_histogram_ops = {
    .name = "histogram", .init_bytes = histogram_bytes, .add = histogram_add, .merge = counters_merge};

/* --- proportion --- */

static size_t proportion_bytes(const struct qx_reducer *r)
{
    (void)r;
    return sizeof(struct proportion_part);
}

static qx_err proportion_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    struct proportion_part *p = (void *)part->data;
    const double *at = g->at + r->columns[0];
    uint64_t ones = 0, zeros = 0;
    for (uint32_t i = 0; i < g->n; i++, at += g->stride) {
        ones += *at == 1.0;
        zeros += *at == 0.0;
    }
    p->n += ones + zeros;
    p->ones += ones;
    p->n_invalid += g->n - ones - zeros;
    return QX_ERR_OK;
}

static bool proportion_check(const struct qx_reducer *r, const struct qx_bytes *part)
{
    const struct proportion_part *p = (const void *)part->data;
    return part->len == proportion_bytes(r) && p->ones <= p->n;
}

const struct part_ops part_proportion_ops = {.name = "proportion",
                                             .init_bytes = proportion_bytes,
                                             .add = proportion_add,
                                             .merge = counters_merge,
                                             .check = proportion_check};

/* --- collect --- */

static size_t collect_bytes(const struct qx_reducer *r)
{
    (void)r;
    return sizeof(struct collect_part);
}

static qx_err collect_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    size_t was = part->len;
    qx_err e = part_grow(part, (size_t)g->n * r->n_columns * sizeof(double));
    if (e != QX_ERR_OK)
        return e;
    ((struct collect_part *)(void *)part->data)->n_rows += g->n;
    double *to = (void *)(part->data + was);
    for (uint32_t i = 0; i < g->n; i++)
        for (uint32_t c = 0; c < r->n_columns; c++)
            *to++ = g->at[(size_t)i * g->stride + r->columns[c]];
    return QX_ERR_OK;
}

static qx_err append_tail(struct qx_bytes *left, const struct qx_bytes *right, size_t head_bytes)
{
    size_t was = left->len, more = right->len - head_bytes;
    qx_err e = part_grow(left, more);
    if (e == QX_ERR_OK && more > 0)
        memcpy(left->data + was, right->data + head_bytes, more);
    return e;
}

static qx_err collect_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    qx_err e = append_tail(left, right, collect_bytes(r));
    if (e == QX_ERR_OK)
        ((struct collect_part *)(void *)left->data)->n_rows +=
            ((const struct collect_part *)(const void *)right->data)->n_rows;
    return e;
}

static bool collect_check(const struct qx_reducer *r, const struct qx_bytes *part)
{
    const struct collect_part *p = (const void *)part->data;
    size_t row = r->n_columns * sizeof(double), tail = part->len - sizeof *p;
    return tail % row == 0 && p->n_rows == tail / row;
}

const struct part_ops part_collect_ops = {.name = "collect",
                                          .init_bytes = collect_bytes,
                                          .add = collect_add,
                                          .merge = collect_merge,
                                          .check = collect_check};

/* --- records --- */

static size_t records_bytes(const struct qx_reducer *r)
{
    (void)r;
    return sizeof(struct records_part);
}

static qx_err records_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    const struct records_part *b = (const void *)right->data;
    qx_err e = append_tail(left, right, records_bytes(r));
    if (e == QX_ERR_OK) {
        struct records_part *a = (void *)left->data;
        a->n += b->n;
        a->len_bytes += b->len_bytes;
    }
    return e;
}

static bool records_check(const struct qx_reducer *r, const struct qx_bytes *part)
{
    const struct records_part *p = (const void *)part->data;
    struct qx_reader in = qx_reader(part->data, part->len);
    uint64_t n = 0, len_bytes = 0;
    (void)qx_read_bytes(&in, records_bytes(r));
    for (; in.p < in.end; n++) {
        (void)qx_read_u64(&in);
        uint64_t len = qx_read_u64(&in);
        if (len > part->len || !qx_read_bytes(&in, (len + 7) & ~(uint64_t)7))
            return false;
        len_bytes += len;
    }
    return n == p->n && len_bytes == p->len_bytes;
}

const struct part_ops part_records_ops = {
    .name = "records", .init_bytes = records_bytes, .merge = records_merge, .check = records_check};

static qx_err record_append(struct qx_bytes *part, uint64_t item, const void *data, size_t len)
{
    struct record_head head = {item, len};
    size_t was = part->len;
    if (len > QX_STATE_BYTES_MAX)
        return QX_ERR_LIMIT;
    qx_err e = part_grow(part, sizeof head + ((len + 7) & ~(size_t)7));
    if (e != QX_ERR_OK)
        return e;
    memcpy(part->data + was, &head, sizeof head);
    if (len > 0)
        memcpy(part->data + was + sizeof head, data, len);
    struct records_part *p = (void *)part->data;
    p->n++;
    p->len_bytes += len;
    return QX_ERR_OK;
}

qx_err reduce_add_record(const struct reduce_plan *p, struct reduce_state *s, uint64_t item, const void *data,
                         size_t len)
{
    for (uint32_t i = 0; i < p->n_reducers; i++) {
        if (p->reducers[i].kind != QX_REDUCE_RECORDS)
            continue;
        qx_err e = record_append(&s->parts[i], item, data, len);
        if (e != QX_ERR_OK)
            return e;
    }
    return QX_ERR_OK;
}
