/* Merging for jobs with a reducer of the plugin's own: the master runs no plugin code, so neighbours are merged by executors,
 * as leases like any other. While blocks come in, siblings of the tree; once all are there and merged, the roots
 * are folded left to right, one lease after the other. The tree fixes who merges with whom, so the bits are the same here too. */
#include <inttypes.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

struct job_merge *merges_find(const struct job *j, uint64_t token)
{
    for (size_t i = 0; i < j->n_merges; i++)
        if (j->merges[i].token == token)
            return &j->merges[i];
    return NULL;
}

static void remove_merge(struct job *j, struct job_merge *g)
{
    qx_bytes_fini(&g->payload);
    *g = j->merges[--j->n_merges];
}

static size_t pending(const struct job *j, uint32_t cell)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_merges; i++)
        n += j->merges[i].cell == cell;
    return n;
}

/* Payload of a MERGE lease: length of the left state, left, right. */
static qx_err make_payload(const struct reduce_state *left, const struct reduce_state *right,
                           struct qx_bytes *ret)
{
    struct qx_bytes one = {0};
    qx_err e = reduce_encode(left, &one);
    if (e == QX_ERR_OK)
        e = qx_put_u64(ret, one.len);
    if (e == QX_ERR_OK)
        e = qx_bytes_append(ret, one.data, one.len);
    if (e == QX_ERR_OK)
        e = reduce_encode(right, ret);
    qx_bytes_fini(&one);
    return e;
}

static uint64_t n_items(const struct reduce_state *s)
{
    return s->tally.n_ok + s->tally.n_failed;
}

static qx_err add_merge(struct master *m, struct job *j, uint32_t cell, bool fold, struct block_node parent,
                        const struct reduce_state *left, const struct reduce_state *right)
{
    struct job_merge g = {.token = ++j->next_merge,
                          .cell = cell,
                          .fold = fold,
                          .parent = parent,
                          .n_items = n_items(left) + n_items(right)};
    qx_err e = make_payload(left, right, &g.payload);
    if (e == QX_ERR_OK && qx_grow(&j->merges, &j->cap_merges, j->n_merges + 1, sizeof *j->merges))
        e = QX_ERR_NOMEM;
    if (e != QX_ERR_OK) {
        qx_bytes_fini(&g.payload);
        return e;
    }
    j->merges[j->n_merges++] = g;
    struct sched_event ev = {.type = EV_AUX_ADD, .job = j->id, .cell = cell};
    ev.u.aux.kind = LEASE_MERGE;
    ev.u.aux.token = g.token;
    return master_event(m, &ev);
}

enum { ROOTS_MAX = 128 };

/* The next step of folding the roots of a complete cell; `acc` is what is folded so far, NULL at the start. */
static qx_err fold_step(struct master *m, struct job *j, uint32_t cell, struct reduce_state *acc)
{
    struct cell *c = &j->cells[cell];
    const struct reduce_state *roots[ROOTS_MAX];
    size_t n = tree_prefix_roots(c->tree, roots, ROOTS_MAX);
    if (!acc && n > 1) {
        c->n_folded = 2;
        return add_merge(m, j, cell, true, (struct block_node){0}, roots[0], roots[1]);
    }
    if (acc && c->n_folded < n)
        return add_merge(m, j, cell, true, (struct block_node){0}, acc, roots[c->n_folded++]);
    sink_close_cell(m, j, cell, acc);
    return QX_ERR_OK;
}

void merges_step(struct master *m, struct job *j, uint32_t cell)
{
    struct cell *c = &j->cells[cell];
    struct block_node parent;
    const struct reduce_state *left, *right;
    qx_err e = QX_ERR_OK;
    while (e == QX_ERR_OK && tree_next_merge(c->tree, &parent, &left, &right))
        e = add_merge(m, j, cell, false, parent, left, right);
    if (e == QX_ERR_OK && c->blocks_in && !pending(j, cell))
        e = fold_step(m, j, cell, NULL);
    if (e != QX_ERR_OK) {
        struct qx_error err;
        qx_fail(&err, e, "merging: %s", qx_err_text(e));
        sink_fail_job(m, j, &err);
    }
}

qx_err merges_decode(const struct job *j, uint64_t token, const struct frame_view *v,
                     struct reduce_state *ret, struct qx_error *err)
{
    const struct job_merge *g = merges_find(j, token);
    if (!g)
        return qx_fail(err, QX_ERR_PROTO, "a merge that nobody asked for");
    qx_err e = job_decode_state(j, v, ret, err);
    if (e == QX_ERR_OK && n_items(ret) != g->n_items)
        e = qx_fail(err, QX_ERR_PROTO, "a merged state counts %" PRIu64 " items, its two sides %" PRIu64,
                    n_items(ret), g->n_items);
    return e;
}

void merges_done(struct master *m, struct job *j, uint64_t token, struct reduce_state *merged)
{
    struct job_merge *g = merges_find(j, token);
    if (!g)
        return;
    uint32_t cell = g->cell;
    bool fold = g->fold;
    struct block_node parent = g->parent;
    struct qx_error err = {0};
    remove_merge(j, g);
    qx_err e = fold ? fold_step(m, j, cell, merged) : tree_merged(j->cells[cell].tree, parent, merged);
    if (e == QX_ERR_OK && !fold)
        merges_step(m, j, cell);
    if (e != QX_ERR_OK) {
        qx_fail(&err, e, "merging: %s", qx_err_text(e));
        sink_fail_job(m, j, &err);
    }
}
