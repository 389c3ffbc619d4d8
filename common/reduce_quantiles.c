/* QUANTILES of one column: NaN is counted and left out; infinities are values.
 *
 * Exact: all values in order of arrival, while there are at most exact_max. Beyond that a sketch of the
 * compactor family (Manku, Rajagopalan and Lindsay 1998; KLL without its coin): level l holds values that
 * stand for 2^l each. A level that reaches SKETCH_K values is sorted and every second one moves up;
 * which half is decided by a parity bit of the level, which then flips. No random numbers, so merging
 * is a fixed function of its arguments, and the switch depends on the merged count only.
 *
 * Error: compacting level l moves any rank by at most 2^l, and takes at least SKETCH_K - 1 values of weight 2^l. So
 * with L levels in use no rank is off by more than L * n / (SKETCH_K - 1), 0.5 % of n for n = 10^9; `error` is the sum
 * of what really happened, hence a proven bound, and alternating the parity makes the usual error far smaller.
 *
 * Layout: struct quantiles_part; in a sketch then SKETCH_LEVELS sizes; then the values, highest level first, so that
 * new ones are appended to level 0 and a compaction rewrites a short tail only. */
#include <stdlib.h>

#include "common/mem.h"
#include "common/reduce_part.h"

enum { SKETCH_K = 4096, SKETCH_LEVELS = 56, SKETCH_SIZES_BYTES = SKETCH_LEVELS * 8 };

__extension__ typedef unsigned __int128 wide;

static struct quantiles_part *head_of(struct qx_bytes *part)
{
    return (struct quantiles_part *)(void *)part->data;
}

static const struct quantiles_part *head_in(const struct qx_bytes *part)
{
    return (const struct quantiles_part *)(const void *)part->data;
}

static size_t quantiles_bytes(const struct qx_reducer *r)
{
    (void)r;
    return sizeof(struct quantiles_part);
}

static void quantiles_init(const struct qx_reducer *r, void *part)
{
    (void)r;
    struct quantiles_part *p = part;
    p->min = INFINITY;
    p->max = -INFINITY;
}

/* --- sorting: by the total order of the bits, so that even equal values come in one order --- */

static uint64_t order_of(double x)
{
    uint64_t image;
    memcpy(&image, &x, sizeof image);
    return image >> 63 ? ~image : image | (uint64_t)1 << 63;
}

static double value_of(uint64_t order)
{
    uint64_t image = order >> 63 ? order & ~((uint64_t)1 << 63) : ~order;
    double x;
    memcpy(&x, &image, sizeof x);
    return x;
}

static void count_digits(const uint64_t *key, size_t n, size_t count[8][256])
{
    memset(count, 0, 8 * sizeof *count);
    for (size_t i = 0; i < n; i++)
        for (unsigned d = 0; d < 8; d++)
            count[d][key[i] >> (8 * d) & 255]++;
}

/* Radix sort of n values, in place; `spare` has room for n. Digits that all values share are skipped. */
static void sort_values(double *values, size_t n, double *spare)
{
    size_t count[8][256];
    uint64_t *a = (uint64_t *)(void *)values, *b = (uint64_t *)(void *)spare;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = order_of(values[i]);
        memcpy(&a[i], &key, sizeof key);
    }
    count_digits(a, n, count);
    for (unsigned d = 0; d < 8; d++) {
        size_t at[256], sum = 0;
        if (n == 0 || count[d][a[0] >> (8 * d) & 255] == n)
            continue;
        for (unsigned v = 0; v < 256; v++) {
            at[v] = sum;
            sum += count[d][v];
        }
        for (size_t i = 0; i < n; i++)
            b[at[a[i] >> (8 * d) & 255]++] = a[i];
        uint64_t *swap = a;
        a = b;
        b = swap;
    }
    uint64_t *from = a;
    for (size_t i = 0; i < n; i++) {
        double x = value_of(from[i]);
        memcpy(&values[i], &x, sizeof x);
    }
}

/* --- a part seen as levels; an exact one is one level --- */

struct levels {
    size_t n_levels;
    const uint64_t *size; /* of each level; NULL: one level of `only` values */
    uint64_t only;
    const double *end; /* behind level 0, which is last */
};

static struct levels levels_of(const struct qx_bytes *part)
{
    const struct quantiles_part *q = head_in(part);
    struct levels l = {.end = (const double *)(const void *)(part->data + part->len)};
    if (q->is_sketch) {
        l.n_levels = q->n_levels;
        l.size = (const uint64_t *)(const void *)(q + 1);
    } else {
        l.n_levels = q->n > 0;
        l.only = q->n;
    }
    return l;
}

static size_t level_size(const struct levels *l, size_t level)
{
    if (level >= l->n_levels)
        return 0;
    return l->size ? l->size[level] : l->only;
}

/* --- compaction --- */

struct compactor {
    double *carry, *level, *spare; /* each with room for all values */
    size_t n_carry;
    double *done; /* the new tail, built backwards from its end */
    size_t n_done;
    uint64_t size[SKETCH_LEVELS];
};

/* Level `l` made of its parts: compacted if it is full, else kept as it is. */
static void compact_level(struct compactor *c, struct quantiles_part *q, size_t l, size_t n)
{
    size_t kept = n;
    const double *keep = c->level;
    c->n_carry = 0;
    if (n >= SKETCH_K) {
        sort_values(c->level, n, c->spare);
        size_t parity = q->parity >> l & 1;
        for (size_t i = parity; i < n - n % 2; i += 2)
            c->carry[c->n_carry++] = c->level[i];
        q->parity ^= (uint64_t)1 << l;
        q->error += (uint64_t)1 << l;
        kept = n % 2;
        keep = c->level + n - kept;
    }
    c->n_done += kept;
    if (kept > 0)
        memcpy(c->done - c->n_done, keep, kept * sizeof *keep);
    c->size[l] = kept;
}

static size_t take_level(double *to, const struct levels *from, size_t level, const double **end)
{
    size_t n = level_size(from, level);
    if (n > 0) {
        *end -= n;
        memcpy(to, *end, n * sizeof *to);
    }
    return n;
}

/* The levels of `left` joined with those of `right` (may have none) and compacted from the lowest up. Levels above the
 * last that changes stay where they are. */
static qx_err compact_into(struct qx_bytes *left, const struct levels *right, size_t n_right)
{
    struct levels a = levels_of(left);
    size_t head = sizeof(struct quantiles_part) + SKETCH_SIZES_BYTES,
           n_left = (left->len - head) / sizeof(double);
    size_t room = n_left + n_right;
    double *memory = qx_malloc(4 * (room + 1) * sizeof *memory);
    if (!memory)
        return QX_ERR_NOMEM;
    struct compactor c = {
        .carry = memory, .level = memory + room, .spare = memory + 2 * room, .done = memory + 4 * room};
    struct quantiles_part q = *head_of(left);
    const double *end_a = a.end, *end_b = right->end;
    size_t l = 0;
    for (; l < SKETCH_LEVELS &&
           (l < right->n_levels || c.n_carry > 0 || (l < a.n_levels && level_size(&a, l) >= SKETCH_K));
         l++) {
        size_t n = take_level(c.level, &a, l, &end_a);
        n += take_level(c.level + n, right, l, &end_b);
        if (c.n_carry > 0)
            memcpy(c.level + n, c.carry, c.n_carry * sizeof *c.carry);
        compact_level(&c, &q, l, n + c.n_carry);
    }
    size_t above = (size_t)((const uint8_t *)end_a - (left->data + head));
    qx_err e = head + above + c.n_done * sizeof(double) > QX_STATE_BYTES_MAX
                   ? QX_ERR_LIMIT
                   : qx_bytes_resize(left, head + above + c.n_done * sizeof(double));
    if (e == QX_ERR_OK) {
        memcpy(left->data + head + above, c.done - c.n_done, c.n_done * sizeof(double));
        if (q.n_levels < l)
            q.n_levels = l;
        *head_of(left) = q;
        memcpy(left->data + sizeof q, c.size, l * sizeof c.size[0]);
    }
    qx_free(memory);
    return e;
}

/* An exact part becomes a sketch with all its values in level 0, not yet compacted. */
static qx_err make_sketch(struct qx_bytes *part)
{
    qx_err e = part_grow(part, SKETCH_SIZES_BYTES);
    if (e != QX_ERR_OK)
        return e;
    struct quantiles_part *q = head_of(part);
    uint64_t *size = (uint64_t *)(void *)(q + 1);
    memmove((uint8_t *)size + SKETCH_SIZES_BYTES, size, q->n * sizeof(double));
    memset(size, 0, SKETCH_SIZES_BYTES);
    size[0] = q->n;
    q->is_sketch = 1;
    q->n_levels = 1;
    return QX_ERR_OK;
}

static qx_err quantiles_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    size_t was = part->len;
    qx_err e = part_grow(part, g->n * sizeof(double));
    if (e != QX_ERR_OK)
        return e;
    struct quantiles_part *q = head_of(part);
    double *to = (double *)(void *)(part->data + was);
    const double *at = g->at + r->columns[0];
    uint64_t n = 0;
    for (uint32_t i = 0; i < g->n; i++, at += g->stride) {
        if (isnan(*at))
            continue;
        to[n++] = *at;
        q->min = *at < q->min ? *at : q->min;
        q->max = *at > q->max ? *at : q->max;
    }
    part->len = was + n * sizeof(double);
    q->n += n;
    q->n_nan += g->n - n;
    if (q->is_sketch) {
        uint64_t *size = (uint64_t *)(void *)(q + 1);
        size[0] += n;
        return size[0] < SKETCH_K ? QX_ERR_OK : compact_into(part, &(struct levels){0}, 0);
    }
    if (q->n <= r->exact_max)
        return QX_ERR_OK;
    e = make_sketch(part);
    return e == QX_ERR_OK ? compact_into(part, &(struct levels){0}, 0) : e;
}

static size_t stored_values(const struct qx_bytes *part)
{
    size_t head = sizeof(struct quantiles_part) + (head_in(part)->is_sketch ? (size_t)SKETCH_SIZES_BYTES : 0);
    return (part->len - head) / sizeof(double);
}

static qx_err quantiles_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    const struct quantiles_part *b = head_in(right);
    uint64_t n = head_in(left)->n + b->n;
    bool exact = !head_in(left)->is_sketch && !b->is_sketch && n <= r->exact_max;
    qx_err e = QX_ERR_OK;
    if (exact) {
        size_t was = left->len, more = stored_values(right) * sizeof(double);
        e = part_grow(left, more);
        if (e == QX_ERR_OK && more > 0)
            memcpy(left->data + was, b + 1, more);
    } else {
        struct levels levels = levels_of(right);
        if (!head_in(left)->is_sketch)
            e = make_sketch(left);
        if (e == QX_ERR_OK)
            e = compact_into(left, &levels, stored_values(right));
    }
    if (e != QX_ERR_OK)
        return e;
    struct quantiles_part *a = head_of(left);
    a->n = n;
    a->n_nan += b->n_nan;
    a->error += b->error;
    a->parity ^= b->parity;
    a->min = b->min < a->min ? b->min : a->min;
    a->max = b->max > a->max ? b->max : a->max;
    return QX_ERR_OK;
}

static bool sketch_check(const struct quantiles_part *q, size_t n_values)
{
    const uint64_t *size = (const uint64_t *)(const void *)(q + 1);
    wide weight = 0;
    uint64_t stored = 0;
    for (size_t l = 0; l < SKETCH_LEVELS; l++) {
        if (size[l] >= SKETCH_K || (size[l] > 0 && l >= q->n_levels))
            return false;
        stored += size[l];
        weight += (wide)size[l] << l;
    }
    return stored == n_values && weight == q->n;
}

static bool quantiles_check(const struct qx_reducer *r, const struct qx_bytes *part)
{
    const struct quantiles_part *q = head_in(part);
    size_t head = sizeof *q;
    if (q->is_sketch > 1 || q->n >= ((uint64_t)1 << 62))
        return false;
    if (q->is_sketch) {
        head += SKETCH_SIZES_BYTES;
        if (part->len < head || q->n_levels > SKETCH_LEVELS || q->n <= r->exact_max)
            return false;
    } else if (q->n_levels || q->parity || q->error || q->n > r->exact_max) {
        return false;
    }
    size_t tail = part->len - head;
    if (tail % sizeof(double) != 0)
        return false;
    const double *values = (const double *)(const void *)(part->data + head);
    for (size_t i = 0; i < tail / sizeof(double); i++)
        if (isnan(values[i]))
            return false;
    return q->is_sketch ? sketch_check(q, tail / sizeof(double)) : q->n == tail / sizeof(double);
}

const struct part_ops part_quantiles_ops = {.name = "quantiles",
                                            .init_bytes = quantiles_bytes,
                                            .init = quantiles_init,
                                            .add = quantiles_add,
                                            .merge = quantiles_merge,
                                            .check = quantiles_check};

/* --- reading --- */

qx_err quantiles_sorted(const struct qx_bytes *part, struct qx_bytes *out)
{
    size_t n = head_in(part)->n;
    qx_bytes_clear(out);
    if (n == 0)
        return QX_ERR_OK;
    double *spare = qx_malloc(n * sizeof *spare);
    qx_err e = spare ? qx_bytes_append(out, head_in(part) + 1, n * sizeof(double)) : QX_ERR_NOMEM;
    if (e == QX_ERR_OK)
        sort_values((double *)(void *)out->data, n, spare);
    qx_free(spare);
    return e;
}

static int compare_weighted(const void *a, const void *b)
{
    const struct weighted *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->weight > y->weight) - (x->weight < y->weight);
}

qx_err quantiles_weighted(const struct qx_bytes *part, struct qx_bytes *out)
{
    struct levels l = levels_of(part);
    size_t n = stored_values(part), k = 0;
    qx_bytes_clear(out);
    qx_err e = qx_bytes_resize(out, n * sizeof(struct weighted));
    if (e != QX_ERR_OK || n == 0)
        return e;
    struct weighted *w = (void *)out->data;
    const double *at = l.end;
    for (size_t level = 0; level < l.n_levels; level++)
        for (size_t i = level_size(&l, level); i > 0; i--)
            w[k++] = (struct weighted){*--at, (uint64_t)1 << level};
    qsort(w, n, sizeof *w, compare_weighted);
    return QX_ERR_OK;
}

static double sketch_value(const struct quantiles_part *q, const struct qx_bytes *prepared, double prob)
{
    const struct weighted *w = (const void *)prepared->data;
    size_t n = prepared->len / sizeof *w, i = 0;
    double rank = prob * (double)(q->n - 1), below = 0;
    if (prob <= 0)
        return q->min;
    if (prob >= 1)
        return q->max;
    for (; i + 1 < n; i++) {
        below += (double)w[i].weight;
        if (below > rank)
            break;
    }
    return w[i].value;
}

double quantiles_value(const struct quantiles_part *q, const struct qx_bytes *prepared, double prob)
{
    if (prepared->len == 0 || q->n == 0 || !(prob >= 0 && prob <= 1))
        return NAN;
    if (q->is_sketch)
        return sketch_value(q, prepared, prob);
    const double *x = (const void *)prepared->data;
    size_t n = prepared->len / sizeof *x;
    double place = prob * (double)(n - 1), whole = floor(place), part = place - whole;
    size_t i = (size_t)whole;
    if (part == 0 || i + 1 >= n || x[i] == x[i + 1])
        return x[i];
    return x[i] + part * (x[i + 1] - x[i]);
}
