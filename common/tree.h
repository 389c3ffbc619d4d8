/* tree.h - the fixed merge tree of one cell: nodes come in any order, each exactly once, and the
 * answer has the same bits whatever the order.
 *
 * Aligned siblings merge as soon as both are here. The finished prefix is kept as a stack of roots
 * (a binary counter), everything beyond it in a small sorted array, so the memory is O(log blocks)
 * plus what arrived out of order. A partial last block is kept apart and folded last.
 * With checkpoints on, nothing merges across a checkpoint that the prefix has not reached.
 *
 * A merge that fails (NOMEM, LIMIT) spoils the tree: the call says so if it can, and from then on every
 * call that returns qx_err gives that error.
 *
 * Owns the states given to it. Not thread-safe. No I/O. */
#ifndef QX_COMMON_TREE_H
#define QX_COMMON_TREE_H

#include "common/block.h"
#include "common/reduce.h"

struct tree;

/* `plan` must outlive the tree. With an opaque plan no merging is done here: see tree_next_merge.
 * `plug` is NULL in the sink. */
qx_err tree_new(const struct reduce_plan *plan, const struct reduce_plugin *plug, struct block_layout layout,
                bool checkpoints, struct tree **ret_tree);
void tree_free(struct tree *t);

/* Takes the state of one whole node (moved out of *state). STATE if any of its blocks is here already, INVALID if it
 * is no node, or straddles a checkpoint when checkpoints are on: the tree and *state are then unchanged. */
qx_err tree_insert(struct tree *t, struct block_node node, struct reduce_state *state);
/* The partial block at the end: block index and how many of its items (less than whole). Replaces none: STATE if one is held. */
qx_err tree_insert_partial(struct tree *t, uint64_t block, uint64_t n_items, struct reduce_state *state);
/* Forgets the partial block, when the job is extended. */
void tree_drop_partial(struct tree *t);

/* Moves the prefix forward over what is here. Stops early at a checkpoint when checkpoints are on and
 * returns true: look at tree_prefix_state, then call again. False: nothing more to move. */
bool tree_advance(struct tree *t);
uint64_t tree_prefix_blocks(const struct tree *t);
/* The partial block counts when it follows directly; not while tree_advance has stopped at a checkpoint, so that
 * a rule sees the same whether the partial block came early or late. */
uint64_t tree_prefix_items(const struct tree *t);

/* Folds the roots of the prefix (and the partial block if it counts) into *ret, an initialised state. O(log blocks)
 * merges. With an opaque plan and no plug: STATE unless there is exactly one root. */
qx_err tree_prefix_state(const struct tree *t, struct reduce_state *ret);
/* What tree_prefix_state folds, left to right, borrowed until the tree changes: for opaque plans, whose executor folds
 * them. Gives how many there are, and writes at most `max`. Once tree_next_merge has nothing left they are at most 64. */
size_t tree_prefix_roots(const struct tree *t, const struct reduce_state **ret_roots, size_t max);

/* Drops all that lies beyond the prefix (a stopping rule was met, or a cancel). */
void tree_truncate(struct tree *t);

/* Opaque plans: the next pair of neighbours to be merged by an executor, left and right borrowed until
 * the tree changes. Each pair is given once. False if there is none now. tree_merged gives the merged node back (STATE,
 * *state unchanged, if that pair is not here); tree_merge_lost says that the executor was lost: the pair is given again. */
bool tree_next_merge(struct tree *t, struct block_node *ret_parent, const struct reduce_state **ret_left,
                     const struct reduce_state **ret_right);
qx_err tree_merged(struct tree *t, struct block_node parent, struct reduce_state *state);
void tree_merge_lost(struct tree *t, struct block_node parent);

size_t tree_nodes_held(const struct tree *t); /* for tests and metrics */

/* 128 bits of BLAKE2b-256 over the encoded state, as 32 hex digits. */
qx_err reduce_digest(const struct reduce_state *s, char ret_hex[33]);

#endif
