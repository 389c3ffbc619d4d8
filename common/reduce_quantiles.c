/* QUANTILES of one column: NaN is counted and left out; infinities are values.
 *
 * Exact: all values in order of arrival, while all items lie below exact_max. A group that reaches item exact_max makes
 * its part a sketch, and so does merging with a sketch: whether an answer is exact depends on which items there are and
 * on nothing else, and blocks beyond exact_max are sketched where they are computed.
 *
 * The sketch is of the compactor family (Manku, Rajagopalan and Lindsay 1998; Karnin, Lang and Liberty 2016): level l holds
 * values that stand for 2^l each; level 0 in order of arrival, the others ascending. A level that reaches SKETCH_K values
 * is put in order and every second one moves up. Which half is decided by a coin that is a hash of the level's values: so
 * merging is a fixed function of its arguments, and yet siblings of the merge tree do not err in the same direction, as they
 * would with a coin that they shared. Above level 0 nothing is sorted, only merged.
 *
 * Error: compacting level l moves any rank by at most 2^l, and takes at least SKETCH_K values of weight 2^l. So with L
 * levels compacted, L = 1 + floor(log2(n / SKETCH_K)) at most, no rank is off by more than L * n / SKETCH_K: 0.06 % of n
 * for n = 10^7, 0.1 % for 10^9. `error` is the sum of what really happened, hence a proven bound. The coins make what
 * really happens a random walk: for n = 10^7 the worst of 999 ranks was off by 0.016 %.
 *
 * Layout: struct quantiles_part; in a sketch then SKETCH_LEVELS sizes; then the values, highest level first, so that
 * new ones are appended to level 0 and a compaction rewrites a short tail only. */
#include <stdlib.h>

#include "common/mem.h"
#include "common/reduce_order.h"
#include "common/reduce_part.h"

enum { SKETCH_K = 16384, SKETCH_LEVELS = 56, SKETCH_SIZES_BYTES = SKETCH_LEVELS * 8 };

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

static size_t stored_values(const struct qx_bytes *part)
{
    size_t head = sizeof(struct quantiles_part) + (head_in(part)->is_sketch ? (size_t)SKETCH_SIZES_BYTES : 0);
    return (part->len - head) / sizeof(double);
}

/* --- compaction --- */

struct compactor {
    double *carry, *level, *spare; /* each with room for all values */
    size_t n_carry;
    double *done; /* the new tail, built backwards from its end */
    size_t n_done;
    uint64_t size[SKETCH_LEVELS];
};

/* The values of one level of both sides and those carried up to it, as one run, into c->level. Those of level 0 are
 * sorted only if it will be compacted. */
static size_t join_level(struct compactor *c, size_t l, const double *a, size_t n_a, const double *b,
                         size_t n_b)
{
    size_t n = n_a + n_b;
    if (l > 0) {
        order_merge(a, n_a, b, n_b, c->spare);
        order_merge(c->spare, n, c->carry, c->n_carry, c->level);
        return n + c->n_carry;
    }
    if (n_a > 0)
        memcpy(c->level, a, n_a * sizeof *a);
    if (n_b > 0)
        memcpy(c->level + n_a, b, n_b * sizeof *b);
    if (n >= SKETCH_K)
        order_sort(c->level, n, c->spare);
    return n;
}

/* 0 or 1, the same for the same values. */
static size_t coin(const double *values, size_t n)
{
    uint64_t sum = n;
    for (size_t i = 0; i < n; i++) {
        uint64_t image;
        memcpy(&image, &values[i], sizeof image);
        sum += (image ^ image >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    }
    sum = (sum ^ sum >> 30) * UINT64_C(0xbf58476d1ce4e5b9); /* SplitMix64 */
    sum = (sum ^ sum >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(sum >> 63);
}

/* The n values of c->level as level `l`: compacted if it is full, else kept as it is. */
static void compact_level(struct compactor *c, struct quantiles_part *q, size_t l, size_t n)
{
    size_t kept = n;
    const double *keep = c->level;
    c->n_carry = 0;
    if (n >= SKETCH_K) {
        for (size_t i = coin(c->level, n); i < n - n % 2; i += 2)
            c->carry[c->n_carry++] = c->level[i];
        q->error += (uint64_t)1 << l;
        kept = n % 2;
        keep = c->level + n - kept;
    }
    c->n_done += kept;
    if (kept > 0)
        memcpy(c->done - c->n_done, keep, kept * sizeof *keep);
    c->size[l] = kept;
}

/* The levels of `left` joined with those of `right` (may have none) and compacted from the lowest up. Levels above the
 * last that changes stay where they are. */
static qx_err compact_into(struct qx_bytes *left, const struct levels *right, size_t n_right)
{
    struct levels a = levels_of(left);
    size_t head = sizeof(struct quantiles_part) + SKETCH_SIZES_BYTES;
    size_t room = stored_values(left) + n_right;
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
        size_t n_a = level_size(&a, l), n_b = level_size(right, l);
        end_a -= n_a;
        end_b = n_b > 0 ? end_b - n_b : end_b;
        compact_level(&c, &q, l, join_level(&c, l, end_a, n_a, end_b, n_b));
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

/* Appends the values that are no NaN and counts them all; gives how many were appended. */
static uint64_t append_values(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    struct quantiles_part *q = head_of(part);
    double *to = (double *)(void *)(part->data + part->len);
    const double *at = g->at + r->columns[0];
    uint64_t n = 0;
    for (uint32_t i = 0; i < g->n; i++, at += g->stride) {
        if (isnan(*at))
            continue;
        to[n++] = *at;
        q->min = *at < q->min ? *at : q->min;
        q->max = *at > q->max ? *at : q->max;
    }
    part->len += n * sizeof(double);
    q->n += n;
    q->n_nan += g->n - n;
    return n;
}

static qx_err quantiles_add(const struct qx_reducer *r, struct qx_bytes *part, const struct rows *g)
{
    qx_err e = QX_ERR_OK;
    if (!head_in(part)->is_sketch && rows_item(g, g->n - 1) >= r->exact_max)
        e = make_sketch(part);
    if (e == QX_ERR_OK) {
        size_t was = part->len;
        e = part_grow(part, g->n * sizeof(double));
        part->len = was;
    }
    if (e != QX_ERR_OK)
        return e;
    uint64_t n = append_values(r, part, g);
    if (!head_in(part)->is_sketch)
        return QX_ERR_OK;
    uint64_t *size = (uint64_t *)(void *)(head_of(part) + 1);
    size[0] += n;
    return size[0] < SKETCH_K ? QX_ERR_OK : compact_into(part, &(struct levels){0}, 0);
}

/* Do the values of `right` fit behind those of level 0 of `left`, with no compaction and no level above? */
static bool appends(const struct qx_bytes *left, const struct levels *right, size_t n_right)
{
    struct levels a = levels_of(left);
    return right->n_levels <= 1 && level_size(&a, 0) + n_right < SKETCH_K;
}

static qx_err append_part(struct qx_bytes *left, const struct levels *right, size_t n)
{
    size_t was = left->len;
    qx_err e = part_grow(left, n * sizeof(double));
    if (e != QX_ERR_OK || n == 0)
        return e;
    memcpy(left->data + was, right->end - n, n * sizeof(double));
    if (head_of(left)->is_sketch)
        *(uint64_t *)(void *)(head_of(left) + 1) += n;
    return QX_ERR_OK;
}

static qx_err quantiles_merge(const struct qx_reducer *r, struct qx_bytes *left, const struct qx_bytes *right)
{
    const struct quantiles_part *b = head_in(right);
    struct levels levels = levels_of(right);
    uint64_t n = head_in(left)->n + b->n;
    qx_err e = QX_ERR_OK;
    if (!head_in(left)->is_sketch && (b->is_sketch || n > r->exact_max))
        e = make_sketch(left);
    if (e == QX_ERR_OK)
        e = !head_in(left)->is_sketch || appends(left, &levels, stored_values(right))
                ? append_part(left, &levels, stored_values(right))
                : compact_into(left, &levels, stored_values(right));
    if (e != QX_ERR_OK)
        return e;
    struct quantiles_part *a = head_of(left);
    a->n = n;
    a->n_nan += b->n_nan;
    a->error += b->error;
    a->min = b->min < a->min ? b->min : a->min;
    a->max = b->max > a->max ? b->max : a->max;
    return QX_ERR_OK;
}

/* `end` is behind level 0. */
static bool sketch_check(const struct quantiles_part *q, const double *end, size_t n_values)
{
    const uint64_t *size = (const uint64_t *)(const void *)(q + 1);
    wide weight = 0;
    uint64_t stored = 0;
    for (size_t l = 0; l < SKETCH_LEVELS; l++) {
        stored += size[l];
        if (size[l] >= SKETCH_K || (size[l] > 0 && l >= q->n_levels) || stored > n_values)
            return false;
        weight += (wide)size[l] << l;
        if (l > 0 && !order_ascending(end - stored, size[l]))
            return false;
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
        if (part->len < head || q->n_levels > SKETCH_LEVELS)
            return false;
    } else if (q->n_levels || q->error || q->n > r->exact_max) {
        return false;
    }
    size_t tail = part->len - head;
    if (tail % sizeof(double) != 0)
        return false;
    const double *values = (const double *)(const void *)(part->data + head);
    for (size_t i = 0; i < tail / sizeof(double); i++)
        if (isnan(values[i]))
            return false;
    size_t n = tail / sizeof(double);
    return q->is_sketch ? sketch_check(q, values + n, n) : q->n == n;
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
        order_sort((double *)(void *)out->data, n, spare);
    qx_free(spare);
    return e;
}

static int compare_weighted(const void *a, const void *b)
{
    const struct weighted *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->upto > y->upto) - (x->upto < y->upto);
}

static qx_err quantiles_weighted(const struct qx_bytes *part, struct qx_bytes *out)
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
    for (size_t i = 1; i < n; i++)
        w[i].upto += w[i - 1].upto;
    return QX_ERR_OK;
}

/* The first value that, with those before it, stands for more than `rank` of them. */
static double sketch_value(const struct quantiles_part *q, const struct qx_bytes *prepared, double prob)
{
    const struct weighted *w = (const void *)prepared->data;
    size_t low = 0, high = prepared->len / sizeof *w - 1;
    double rank = prob * (double)(q->n - 1);
    if (prob <= 0)
        return q->min;
    if (prob >= 1)
        return q->max;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if ((double)w[mid].upto > rank)
            high = mid;
        else
            low = mid + 1;
    }
    return w[low].value;
}

qx_err quantiles_prepare(const struct qx_bytes *part, struct qx_bytes *out)
{
    return head_in(part)->is_sketch ? quantiles_weighted(part, out) : quantiles_sorted(part, out);
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
