/* One array of nodes, sorted by their first block. The first n_prefix of them are the finished prefix, without gaps
 * from block 0 on: a binary counter, since the node that follows a prefix of P blocks has at most the level
 * of the lowest bit of P. The others are beyond it. Siblings merge on either side as soon as both are there. */
#include "common/tree.h"

#include <string.h>

#include "common/mem.h"

enum { LEVEL_MAX = 62 };

struct tree_node {
    struct block_node at;
    struct reduce_state *state; /* owned */
    bool out;                   /* an executor merges it with its right sibling */
};

struct tree {
    const struct reduce_plan *plan;
    const struct reduce_plugin *plug;
    struct block_layout layout;
    bool checkpoints;
    bool deferred;      /* merging is left to executors */
    bool at_checkpoint; /* tree_advance has stopped there */
    qx_err broken;      /* of the merge that failed */
    struct tree_node *nodes;
    size_t n_nodes, cap_nodes, n_prefix;
    uint64_t prefix_blocks;
    struct reduce_state *partial; /* owned; NULL: none */
    uint64_t partial_block, partial_items;
};

static uint64_t node_first(struct block_node n)
{
    return n.index << n.level;
}

static uint64_t node_end(struct block_node n)
{
    return (n.index + 1) << n.level;
}

static struct reduce_state *state_free(struct reduce_state *s)
{
    if (s)
        reduce_state_fini(s);
    qx_free(s);
    return NULL;
}

/* A new owned state with what was in *from, or NULL: then *from is unchanged. */
static struct reduce_state *state_take(struct reduce_state *from)
{
    struct reduce_state *s = qx_malloc(sizeof *s);
    if (s) {
        reduce_state_init(s);
        reduce_state_move(s, from);
    }
    return s;
}

qx_err tree_new(const struct reduce_plan *plan, const struct reduce_plugin *plug, struct block_layout layout,
                bool checkpoints, struct tree **ret_tree)
{
    if (!block_layout_ok(layout))
        return QX_ERR_INVALID;
    struct tree *t = qx_calloc(1, sizeof *t);
    if (!t)
        return QX_ERR_NOMEM;
    t->plan = plan;
    t->plug = plug;
    t->layout = layout;
    t->checkpoints = checkpoints;
    t->deferred = reduce_plan_opaque(plan) && !plug;
    *ret_tree = t;
    return QX_ERR_OK;
}

void tree_free(struct tree *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_nodes; i++)
        state_free(t->nodes[i].state);
    state_free(t->partial);
    qx_free(t->nodes);
    qx_free(t);
}

/* The first node whose first block is not before `block`. */
static size_t place_of(const struct tree *t, uint64_t block)
{
    size_t low = 0, high = t->n_nodes;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (node_first(t->nodes[mid].at) < block)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void remove_node(struct tree *t, size_t i)
{
    state_free(t->nodes[i].state);
    memmove(&t->nodes[i], &t->nodes[i + 1], (t->n_nodes - i - 1) * sizeof t->nodes[0]);
    t->n_nodes--;
    t->n_prefix -= i < t->n_prefix;
}

/* May nodes i and i + 1 become their parent? Both on one side of the prefix's end, and, beyond it, no checkpoint
 * between them. */
static bool are_siblings(const struct tree *t, size_t i)
{
    if (i + 1 >= t->n_nodes || (i < t->n_prefix) != (i + 1 < t->n_prefix))
        return false;
    struct block_node a = t->nodes[i].at, b = t->nodes[i + 1].at;
    if (a.level != b.level || a.index % 2 != 0 || b.index != a.index + 1)
        return false;
    return i < t->n_prefix || !t->checkpoints || block_next_checkpoint(node_first(a)) >= node_end(b);
}

static void become_parent(struct tree *t, size_t i)
{
    struct tree_node *n = &t->nodes[i];
    n->at = (struct block_node){n->at.level + 1, n->at.index / 2};
    n->out = false;
    remove_node(t, i + 1);
}

/* Merges node i with its sibling, the parent with its own, and so on. */
static void merge_up(struct tree *t, size_t i)
{
    while (!t->deferred && t->broken == QX_ERR_OK) {
        if (!are_siblings(t, i)) {
            if (i == 0 || !are_siblings(t, i - 1))
                return;
            i--;
        }
        t->broken = reduce_merge(t->plan, t->plug, t->nodes[i].state, t->nodes[i + 1].state);
        become_parent(t, i);
    }
}

static bool straddles_checkpoint(const struct tree *t, struct block_node node)
{
    return t->checkpoints && block_next_checkpoint(node_first(node)) < node_end(node);
}

static bool is_here(const struct tree *t, size_t place, uint64_t first, uint64_t end)
{
    if (place > 0 && node_end(t->nodes[place - 1].at) > first)
        return true;
    if (place < t->n_nodes && node_first(t->nodes[place].at) < end)
        return true;
    return t->partial && t->partial_block >= first && t->partial_block < end;
}

qx_err tree_insert(struct tree *t, struct block_node node, struct reduce_state *state)
{
    if (t->broken != QX_ERR_OK)
        return t->broken;
    if (node.level > LEVEL_MAX || node.index >= QX_ITEMS_MAX >> node.level || straddles_checkpoint(t, node))
        return QX_ERR_INVALID;
    size_t i = place_of(t, node_first(node));
    if (is_here(t, i, node_first(node), node_end(node)))
        return QX_ERR_STATE;
    if (qx_grow(&t->nodes, &t->cap_nodes, t->n_nodes + 1, sizeof t->nodes[0]) != 0)
        return QX_ERR_NOMEM;
    struct reduce_state *owned = state_take(state);
    if (!owned)
        return QX_ERR_NOMEM;
    memmove(&t->nodes[i + 1], &t->nodes[i], (t->n_nodes - i) * sizeof t->nodes[0]);
    t->nodes[i] = (struct tree_node){.at = node, .state = owned};
    t->n_nodes++;
    merge_up(t, i);
    return t->broken;
}

qx_err tree_insert_partial(struct tree *t, uint64_t block, uint64_t n_items, struct reduce_state *state)
{
    if (t->broken != QX_ERR_OK)
        return t->broken;
    if (block >= QX_ITEMS_MAX || n_items == 0 || n_items >= block_items(t->layout, block))
        return QX_ERR_INVALID;
    if (t->partial || is_here(t, place_of(t, block), block, block + 1))
        return QX_ERR_STATE;
    struct reduce_state *owned = state_take(state);
    if (!owned)
        return QX_ERR_NOMEM;
    t->partial = owned;
    t->partial_block = block;
    t->partial_items = n_items;
    return QX_ERR_OK;
}

void tree_drop_partial(struct tree *t)
{
    t->partial = state_free(t->partial);
}

bool tree_advance(struct tree *t)
{
    t->at_checkpoint = false;
    while (t->broken == QX_ERR_OK && t->n_prefix < t->n_nodes &&
           node_first(t->nodes[t->n_prefix].at) == t->prefix_blocks) {
        t->prefix_blocks = node_end(t->nodes[t->n_prefix].at);
        t->n_prefix++;
        merge_up(t, t->n_prefix - 1);
        if (t->checkpoints && t->broken == QX_ERR_OK && block_is_checkpoint(t->prefix_blocks)) {
            t->at_checkpoint = true;
            return true;
        }
    }
    return false;
}

uint64_t tree_prefix_blocks(const struct tree *t)
{
    return t->prefix_blocks;
}

static bool partial_counts(const struct tree *t)
{
    return t->partial && t->partial_block == t->prefix_blocks && !t->at_checkpoint;
}

uint64_t tree_prefix_items(const struct tree *t)
{
    return block_first(t->layout, t->prefix_blocks) + (partial_counts(t) ? t->partial_items : 0);
}

size_t tree_prefix_roots(const struct tree *t, const struct reduce_state **ret_roots, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_prefix; i++, n++)
        if (n < max)
            ret_roots[n] = t->nodes[i].state;
    if (partial_counts(t) && n++ < max)
        ret_roots[n - 1] = t->partial;
    return n;
}

static qx_err fold(const struct tree *t, const struct reduce_state *next, bool first,
                   struct reduce_state *ret)
{
    return first ? reduce_state_copy(ret, next) : reduce_merge(t->plan, t->plug, ret, next);
}

qx_err tree_prefix_state(const struct tree *t, struct reduce_state *ret)
{
    size_t n_roots = t->n_prefix + partial_counts(t);
    if (t->broken != QX_ERR_OK)
        return t->broken;
    if (n_roots == 0)
        return reduce_reset(t->plan, t->plug, ret);
    if (t->deferred && n_roots > 1)
        return QX_ERR_STATE;
    qx_err e = QX_ERR_OK;
    for (size_t i = 0; i < t->n_prefix && e == QX_ERR_OK; i++)
        e = fold(t, t->nodes[i].state, i == 0, ret);
    if (partial_counts(t) && e == QX_ERR_OK)
        e = fold(t, t->partial, t->n_prefix == 0, ret);
    return e;
}

void tree_truncate(struct tree *t)
{
    if (!partial_counts(t))
        tree_drop_partial(t);
    while (t->n_nodes > t->n_prefix)
        state_free(t->nodes[--t->n_nodes].state);
}

bool tree_next_merge(struct tree *t, struct block_node *ret_parent, const struct reduce_state **ret_left,
                     const struct reduce_state **ret_right)
{
    for (size_t i = 0; t->deferred && i + 1 < t->n_nodes; i++) {
        struct tree_node *left = &t->nodes[i];
        if (left->out || !are_siblings(t, i))
            continue;
        left->out = true;
        *ret_parent = (struct block_node){left->at.level + 1, left->at.index / 2};
        *ret_left = left->state;
        *ret_right = t->nodes[i + 1].state;
        return true;
    }
    return false;
}

/* The left one of the two whose merge is out; n_nodes if that is not so. */
static size_t merge_out(const struct tree *t, struct block_node parent)
{
    if (!t->deferred || parent.level == 0 || parent.level > LEVEL_MAX ||
        parent.index >= QX_ITEMS_MAX >> parent.level)
        return t->n_nodes;
    size_t i = place_of(t, node_first(parent));
    if (i == t->n_nodes || !t->nodes[i].out || !are_siblings(t, i))
        return t->n_nodes;
    return t->nodes[i].at.level + 1 == parent.level && node_first(t->nodes[i].at) == node_first(parent)
               ? i
               : t->n_nodes;
}

qx_err tree_merged(struct tree *t, struct block_node parent, struct reduce_state *state)
{
    size_t i = merge_out(t, parent);
    if (i == t->n_nodes)
        return QX_ERR_STATE;
    reduce_state_move(t->nodes[i].state, state);
    become_parent(t, i);
    return QX_ERR_OK;
}

void tree_merge_lost(struct tree *t, struct block_node parent)
{
    size_t i = merge_out(t, parent);
    if (i < t->n_nodes)
        t->nodes[i].out = false;
}

size_t tree_nodes_held(const struct tree *t)
{
    return t->n_nodes + (t->partial != NULL);
}
