#include "perm/many.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* So many units' places of a batch of arrangements stay in the cache while tile after tile passes. */
enum { BATCH_MAX = 64, BATCH_PLACES = 1 << 17 };

struct many {
    uint32_t batch;
    struct arrangement *arrangements;
    uint32_t *lists, *n_lists;
    double *largest; /* of each arrangement, over the tiles so far */
};

void many_free(struct many *m)
{
    if (!m)
        return;
    for (uint32_t b = 0; m->arrangements && b < m->batch; b++)
        arrangement_fini(&m->arrangements[b]);
    free(m->arrangements);
    free(m->lists);
    free(m->n_lists);
    free(m->largest);
    free(m);
}

struct many *many_new(const struct perm *p)
{
    struct many *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    uint32_t fit = BATCH_PLACES / p->stat.n;
    m->batch = fit < 1 ? 1 : fit > BATCH_MAX ? BATCH_MAX : fit;
    m->arrangements = calloc(m->batch, sizeof *m->arrangements);
    m->lists = malloc((size_t)m->batch * (p->stat.n + 1) * sizeof *m->lists);
    m->n_lists = calloc(m->batch, sizeof *m->n_lists);
    m->largest = calloc(m->batch, sizeof *m->largest);
    bool ok = m->arrangements && m->lists && m->n_lists && m->largest;
    for (uint32_t b = 0; ok && b < m->batch; b++)
        ok = arrangement_init(&m->arrangements[b], &p->design);
    if (!ok) {
        many_free(m);
        return NULL;
    }
    return m;
}

/* ---- the reducer ---- */

static qx_err many_init(struct qx_ctx *ctx, void *state, struct qx_acc *acc)
{
    const struct perm *p = state;
    size_t bytes = ADJUST_WORDS(p->stat.n_vars) * sizeof(uint64_t);
    qx_err e = qx_acc_resize(ctx, acc, bytes);
    if (e == QX_ERR_OK)
        memset(qx_acc_data(ctx, acc, NULL), 0, bytes);
    return e;
}

/* One arrangement, one tile. */
static void count_tile(struct perm *p, uint32_t tile, uint32_t b, uint64_t *raw, uint64_t *step)
{
    struct many *m = p->many;
    double t[STAT_TILE], largest = m->largest[b];
    uint32_t from = tile * STAT_TILE, width = stat_tile_width(&p->stat, tile);
    stat_tile(&p->stat, &m->arrangements[b], m->lists + (size_t)b * p->stat.n, m->n_lists[b], tile, t);
    const double *least = p->least + from;
    for (uint32_t v = 0; v < width; v++) {
        double extremity = perm_extremity(p->tail, t[v]);
        raw[from + v] += extremity >= least[v];
        largest = extremity > largest ? extremity : largest;
        step[from + v] += largest >= least[v];
    }
    m->largest[b] = largest;
}

/* How many variables the extremity reaches; they are in ascending order. */
static uint32_t reached(const struct perm *p, double extremity)
{
    uint32_t from = 0, to = p->stat.n_vars;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (p->least[middle] <= extremity)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void count_batch(struct perm *p, struct qx_ctx *ctx, uint64_t first, uint32_t n, uint64_t *words)
{
    struct many *m = p->many;
    uint32_t n_vars = p->stat.n_vars;
    uint64_t *raw = words + 1, *step = raw + n_vars, *single = step + n_vars;
    for (uint32_t b = 0; b < n; b++) {
        perm_arrange(p, ctx, first + b, false, &m->arrangements[b]);
        m->n_lists[b] = stat_list(&p->stat, &m->arrangements[b], m->lists + (size_t)b * p->stat.n);
        m->largest[b] = -INFINITY;
    }
    for (uint32_t tile = 0; tile < stat_tiles(&p->stat); tile++) {
        for (uint32_t b = 0; b < n; b++)
            count_tile(p, tile, b, raw, step);
    }
    for (uint32_t b = 0; b < n; b++)
        single[reached(p, m->largest[b])]++;
    words[0] += n;
}

/* The rows say nothing: an arrangement is made again from its item's index, so that no row need hold every variable. */
static qx_err many_add(struct qx_ctx *ctx, void *state, struct qx_acc *acc, uint64_t first_item,
                       uint32_t n_rows, const double *rows)
{
    struct perm *p = state;
    (void)rows;
    for (uint32_t i = 0; i < n_rows; i += p->many->batch) {
        uint32_t n = n_rows - i < p->many->batch ? n_rows - i : p->many->batch;
        if (qx_cancelled(ctx))
            return QX_ERR_CANCELLED;
        count_batch(p, ctx, first_item + i, n, qx_acc_data(ctx, acc, NULL));
    }
    return QX_ERR_OK;
}

static qx_err many_merge(struct qx_ctx *ctx, void *state, struct qx_acc *left, const void *right,
                         size_t right_bytes)
{
    size_t bytes;
    uint64_t *to = qx_acc_data(ctx, left, &bytes);
    const uint64_t *from = right;
    (void)state;
    if (bytes != right_bytes)
        return QX_ERR_PROTO;
    for (size_t i = 0; i < bytes / sizeof *to; i++)
        to[i] += from[i];
    return QX_ERR_OK;
}

const struct qx_reducer_ops many_ops = {.init = many_init, .add = many_add, .merge = many_merge};
