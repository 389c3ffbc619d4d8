/* A whole job in one process, through the same tree as a farm's sink. */
#include "common/error.h"
#include "common/tree.h"
#include "host/inside.h"

enum { JOB_CHUNK_BLOCKS = 1024 };

qx_err host_reduce_failed(struct host_task *t, const struct reduce_state *s, qx_err code,
                          struct qx_error *err)
{
    if (t->broken.code != QX_ERR_OK || t->said.text[0])
        return host_leave(t, code, "its reducer", err);
    t->phase = PHASE_OTHER;
    return reduce_explain(t->plan, s, code, err);
}

static qx_err insert_chunk(struct tree *tree, struct host_chunk *c, uint64_t first_block, uint64_t n_blocks)
{
    struct block_node nodes[QX_NODES_MAX];
    size_t n = block_cut(first_block, first_block + n_blocks - (c->partial_items > 0), nodes);
    qx_err e = QX_ERR_OK;
    for (size_t i = 0; i < n && e == QX_ERR_OK; i++)
        e = tree_insert(tree, nodes[i], &c->nodes[i]);
    if (e == QX_ERR_OK && c->partial_items > 0)
        e = tree_insert_partial(tree, first_block + n_blocks - 1, c->partial_items, &c->nodes[n]);
    return e;
}

static qx_err run_chunks(struct host_task *t, struct block_layout layout, uint64_t n_items, struct tree *tree,
                         struct host_chunk *c, struct qx_error *err)
{
    uint64_t blocks = block_count(layout, n_items);
    for (uint64_t b = 0; b < blocks; b += JOB_CHUNK_BLOCKS) {
        uint64_t n = blocks - b < JOB_CHUNK_BLOCKS ? blocks - b : JOB_CHUNK_BLOCKS;
        qx_err e = host_run(t, layout, b, n, n_items, NULL, 0, false, c, err);
        if (e != QX_ERR_OK)
            return e;
        e = insert_chunk(tree, c, b, n);
        if (e != QX_ERR_OK)
            return qx_fail(err, e, "merging failed: %s", qx_err_text(e));
        while (tree_advance(tree))
            continue;
    }
    return QX_ERR_OK;
}

qx_err host_run_job(struct host_task *t, struct block_layout layout, uint64_t n_items,
                    struct reduce_state *ret_state, char ret_digest[33], struct qx_error *err)
{
    struct tree *tree;
    struct reduce_state whole;
    struct host_chunk chunk;
    qx_err e = tree_new(t->plan, &t->plug, layout, false, &tree);
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "no tree for the job: %s", qx_err_text(e));
    host_chunk_init(&chunk);
    reduce_state_init(&whole);
    e = run_chunks(t, layout, n_items, tree, &chunk, err);
    if (e == QX_ERR_OK && (e = tree_prefix_state(tree, &whole)) != QX_ERR_OK)
        e = host_reduce_failed(t, &whole, e, err);
    if (e == QX_ERR_OK && (e = reduce_digest(&whole, ret_digest)) != QX_ERR_OK)
        e = qx_fail(err, e, "no digest: %s", qx_err_text(e));
    if (e == QX_ERR_OK)
        reduce_state_move(ret_state, &whole);
    reduce_state_fini(&whole);
    host_chunk_fini(&chunk);
    tree_free(tree);
    return e;
}
