/* MOMENTS and TABLE.
 *
 * MOMENTS: each group of rows is reduced in two passes (mean, then deviations from it, corrected by what rounding left
 * in their sum) and merged into the state after Chan, Golub and LeVeque. Sums run in eight lanes, row i in lane i mod 8,
 * and the lanes are added in a fixed order: the source says which additions are made, so that vectorising cannot
 * change a bit. NaN and infinities make the moments NaN.
 *
 * TABLE: rows are added one by one, in row order. A key that is not an integer below 2^53 in size is counted as invalid
 * and its row left out. */
#include "common/reduce_part.h"

enum { LANES = 8, TILE = 8 };

static double add_lanes(const double s[LANES])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static double lane_sum(const double *x, uint32_t n)
{
    double s[LANES] = {0};
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (uint32_t j = 0; j < LANES; j++)
            s[j] += x[i + j];
    for (uint32_t j = 0; i + j < n; j++)
        s[j] += x[i + j];
    return add_lanes(s);
}

static double lane_dot(const double *x, const double *y, uint32_t n)
{
    double s[LANES] = {0};
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (uint32_t j = 0; j < LANES; j++)
            s[j] += x[i + j] * y[i + j];
    for (uint32_t j = 0; i + j < n; j++)
        s[j] += x[i + j] * y[i + j];
    return add_lanes(s);
}

/* Sums of d and of d*d, d = x - mean. */
static void lane_deviations(const double *x, uint32_t n, double mean, double *ret_sum, double *ret_squares)
{
    double s[LANES] = {0}, q[LANES] = {0};
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (uint32_t j = 0; j < LANES; j++) {
            double d = x[i + j] - mean;
            s[j] += d;
            q[j] += d * d;
        }
    for (uint32_t j = 0; i + j < n; j++) {
        double d = x[i + j] - mean;
        s[j] += d;
        q[j] += d * d;
    }
    *ret_sum = add_lanes(s);
    *ret_squares = add_lanes(q);
}

/* One column of the group, contiguous: in place if it is, else in `buffer`. */
static const double *column_of(const struct rows *g, uint32_t column, double buffer[QX_GROUP_ROWS])
{
    const double *x = g->at + column;
    if (g->stride == 1)
        return x;
    for (uint32_t i = 0; i < g->n; i++, x += g->stride)
        buffer[i] = *x;
    return buffer;
}

static struct moment1 group_moment(const struct rows *g, uint32_t column)
{
    struct moment1 m = {g->n, g->at[column], 0};
    if (g->n == 1)
        return m;
    double buffer[QX_GROUP_ROWS], sum, squares;
    const double *x = column_of(g, column, buffer);
    double mean = lane_sum(x, g->n) / g->n;
    lane_deviations(x, g->n, mean, &sum, &squares);
    m.mean = mean + sum / g->n;
    m.m2 = squares - sum * sum / g->n;
    if (m.m2 < 0)
        m.m2 = 0;
    return m;
}

static size_t moments_bytes(const struct qx_reducer *r)
{
    size_t p = r->n_columns;
    return sizeof(struct moments_part) + (p + p * (p + 1) / 2) * sizeof(double);
}

/* Adds a run of n rows with these means to `m`, without the cross products inside the run. */
static void moments_shift(struct moments_part *m, size_t p, uint64_t n, const double *means)
{
    double share = (double)n / (double)(m->n + n), weight = (double)m->n * share;
    double *mean = m->values, *cross = m->values + p;
    for (size_t a = 0; a < p && m->n > 0; a++) {
        double delta = (means[a] - mean[a]) * weight;
        for (size_t b = a; b < p; b++)
            *cross++ += delta * (means[b] - mean[b]);
    }
    for (size_t a = 0; a < p; a++)
        mean[a] = m->n == 0 ? means[a] : mean[a] + (means[a] - mean[a]) * share;
    m->n += n;
}

static void load_tile(const struct qx_reducer *r, const struct rows *g, const double *means, uint32_t first,
                      double tile[TILE][QX_GROUP_ROWS])
{
    for (uint32_t t = 0; t < TILE && first + t < r->n_columns; t++) {
        const double *x = g->at + r->columns[first + t];
        for (uint32_t i = 0; i < g->n; i++, x += g->stride)
            tile[t][i] = *x - means[first + t];
    }
}

/* Cross products of deviations, a tile of columns against a tile of columns. */
static void add_cross_products(const struct qx_reducer *r, const struct rows *g, const double *means,
                               double *cross)
{
    double left[TILE][QX_GROUP_ROWS], other[TILE][QX_GROUP_ROWS];
    uint32_t p = r->n_columns;
    for (uint32_t ta = 0; ta < p; ta += TILE) {
        load_tile(r, g, means, ta, left);
        for (uint32_t tb = ta; tb < p; tb += TILE) {
            if (tb != ta)
                load_tile(r, g, means, tb, other);
            double(*right)[QX_GROUP_ROWS] = tb == ta ? left : other;
            for (uint32_t a = ta; a < ta + TILE && a < p; a++)
                for (uint32_t b = tb > a ? tb : a; b < tb + TILE && b < p; b++)
                    cross[triangle_index(p, a, b)] += lane_dot(left[a - ta], right[b - tb], g->n);
        }
    }
}

static qx_err moments_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    struct moments_part *m = (void *)part->data;
    uint32_t p = r->n_columns;
    if (p == 1) {
        struct moment1 group = group_moment(g, r->columns[0]);
        moment1_merge((struct moment1 *)(void *)part->data, group.n, group.mean, group.m2);
        return QX_ERR_OK;
    }
    double means[QX_PLAN_COLUMNS_MAX];
    for (uint32_t a = 0; a < p; a++)
        means[a] = group_moment(g, r->columns[a]).mean;
    if (g->n > 1)
        add_cross_products(r, g, means, m->values + p);
    moments_shift(m, p, g->n, means);
    return QX_ERR_OK;
}

static qx_err moments_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    struct moments_part *a = (void *)left->data;
    const struct moments_part *b = (const void *)right->data;
    size_t p = r->n_columns, n_cross = p * (p + 1) / 2;
    if (a->n == 0 || b->n == 0) {
        if (b->n > 0)
            memcpy(left->data, right->data, left->len);
        return QX_ERR_OK;
    }
    if (p == 1) {
        moment1_merge((struct moment1 *)(void *)left->data, b->n, b->values[0], b->values[1]);
        return QX_ERR_OK;
    }
    for (size_t i = 0; i < n_cross; i++)
        a->values[p + i] += b->values[p + i];
    moments_shift(a, p, b->n, b->values);
    return QX_ERR_OK;
}

_Static_assert(sizeof(struct moment1) == sizeof(struct moments_part) + 2 * sizeof(double),
               "one column: the same layout");

const struct part_ops part_moments_ops = {
    .name = "moments", .init_bytes = moments_bytes, .add = moments_add, .merge = moments_merge};

/* --- table --- */

static size_t table_bytes(const struct qx_reducer *r)
{
    (void)r;
    return sizeof(struct table_part);
}

static struct table_entry *entry_at(const struct qx_reducer *r, struct qx_bytes *part, uint64_t i)
{
    return (struct table_entry *)(void *)(part->data + sizeof(struct table_part) + i * table_entry_bytes(r));
}

static struct table_part *table_of(struct qx_bytes *part)
{
    return (struct table_part *)(void *)part->data;
}

/* The first entry whose key is not below `key`. */
static uint64_t table_place(const struct qx_reducer *r, const struct qx_bytes *part, int64_t key)
{
    uint64_t low = 0, high = ((const struct table_part *)(const void *)part->data)->n_keys;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (table_entry_at(r, part, mid)->key < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The entry of `key`, made if there is none. */
static qx_err table_entry_for(const struct qx_reducer *r, struct qx_bytes *part, int64_t key,
                              struct table_entry **ret)
{
    size_t size = table_entry_bytes(r);
    uint64_t i = table_place(r, part, key), n = table_of(part)->n_keys;
    if (i == n || entry_at(r, part, i)->key != key) {
        if (n == r->keys_max)
            return QX_ERR_LIMIT;
        qx_err e = part_grow(part, size);
        if (e != QX_ERR_OK)
            return e;
        uint8_t *at = part->data + sizeof(struct table_part) + i * size;
        memmove(at + size, at, (n - i) * size);
        memset(at, 0, size);
        entry_at(r, part, i)->key = key;
        table_of(part)->n_keys++;
    }
    *ret = entry_at(r, part, i);
    return QX_ERR_OK;
}

static void entry_add(const struct qx_reducer *r, struct table_entry *to, uint32_t column, uint64_t n,
                      double mean, double m2)
{
    (void)r;
    struct moment1 m = {to->n, to->columns[column].mean, to->columns[column].m2};
    moment1_merge(&m, n, mean, m2);
    to->columns[column].mean = m.mean;
    to->columns[column].m2 = m.m2;
}

static qx_err table_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    for (uint32_t i = 0; i < g->n; i++) {
        const double *row = g->at + (size_t)i * g->stride;
        double key = row[r->columns[0]];
        if (!(fabs(key) <= 0x1p53) || key != floor(key)) {
            table_of(part)->n_invalid++;
            continue;
        }
        struct table_entry *to;
        qx_err e = table_entry_for(r, part, (int64_t)key, &to);
        if (e != QX_ERR_OK)
            return e;
        for (uint32_t c = 1; c < r->n_columns; c++)
            entry_add(r, to, c - 1, 1, row[r->columns[c]], 0);
        to->n++;
    }
    return QX_ERR_OK;
}

static void entry_merge(const struct qx_reducer *r, struct table_entry *to, const struct table_entry *from)
{
    for (uint32_t c = 0; c + 1 < r->n_columns; c++)
        entry_add(r, to, c, from->n, from->columns[c].mean, from->columns[c].m2);
    to->n += from->n;
}

static uint64_t table_union(const struct qx_reducer *r, const struct qx_bytes *a, uint64_t n_a,
                            const struct qx_bytes *b, uint64_t n_b)
{
    uint64_t n = 0;
    for (uint64_t i = 0, j = 0; i < n_a || j < n_b; n++) {
        int64_t left = i < n_a ? table_entry_at(r, a, i)->key : INT64_MAX;
        int64_t right = j < n_b ? table_entry_at(r, b, j)->key : INT64_MAX;
        i += left <= right;
        j += right <= left;
    }
    return n;
}

/* From the last key to the first, in place: the union needs no room before the entries it still has to read. */
static qx_err table_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    const struct table_part *b = (const void *)right->data;
    size_t size = table_entry_bytes(r);
    uint64_t i = table_of(left)->n_keys, j = b->n_keys, n = table_union(r, left, i, right, j);
    if (n > r->keys_max)
        return QX_ERR_LIMIT;
    qx_err e = part_grow(left, (n - i) * size);
    if (e != QX_ERR_OK)
        return e;
    table_of(left)->n_keys = n;
    table_of(left)->n_invalid += b->n_invalid;
    while (j > 0) {
        const struct table_entry *from = table_entry_at(r, right, j - 1);
        struct table_entry *to = entry_at(r, left, --n);
        int64_t key = i > 0 ? entry_at(r, left, i - 1)->key : INT64_MIN;
        if (i > 0 && key >= from->key) {
            memmove(to, entry_at(r, left, --i), size);
            if (key > from->key)
                continue;
            entry_merge(r, to, from);
        } else {
            memcpy(to, from, size);
        }
        j--;
    }
    return QX_ERR_OK;
}

static bool table_check(const struct qx_reducer *r, const struct qx_bytes *part)
{
    const struct table_part *p = (const void *)part->data;
    size_t size = table_entry_bytes(r), tail = part->len - sizeof *p;
    if (tail % size != 0 || p->n_keys != tail / size || p->n_keys > r->keys_max)
        return false;
    for (uint64_t i = 0; i < p->n_keys; i++) {
        const struct table_entry *entry = table_entry_at(r, part, i);
        if (entry->key > (int64_t)1 << 53 || entry->key < -((int64_t)1 << 53) || entry->n == 0)
            return false;
        if (i > 0 && table_entry_at(r, part, i - 1)->key >= entry->key)
            return false;
    }
    return true;
}

const struct part_ops part_table_ops = {
    .name = "table", .init_bytes = table_bytes, .add = table_add, .merge = table_merge, .check = table_check};
