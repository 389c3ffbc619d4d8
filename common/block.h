/* block.h - the fixed cutting of item indices into blocks, and the aligned binary tree above them.
 *
 * Contract (docs/architecture.md, "Blocks"): the bounds of a block are a function of its index and of
 * the layout that the task declares, of nothing else; not of n, of the chunk or of the farm.
 *
 *   layout {grain g, spread k}: the first 2^(k+1) blocks hold g items each, after that every 2^k
 *   blocks the size doubles, until a block holds g * 2^QX_BLOCK_DOUBLINGS items.
 *
 * So a block is never more than 2^-k of the items before it: a job of any length still splits over
 * 2^k slots, and 10^9 items need (30 - k + 1) * 2^k blocks at most (g = 1).
 *
 * Pure arithmetic, any thread. Indices are below QX_ITEMS_MAX, blocks below 2^62. */
#ifndef QX_COMMON_BLOCK_H
#define QX_COMMON_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quincunx/error.h"

#define QX_ITEMS_MAX ((uint64_t)1 << 62)
enum { QX_BLOCK_DOUBLINGS = 20, QX_SPREAD_DEFAULT = 14, QX_SPREAD_MAX = 24, QX_GRAIN_MAX = 1 << 20 };

struct block_layout {
    uint32_t grain;  /* items in each of the first blocks, 1 .. QX_GRAIN_MAX */
    uint32_t spread; /* k above, 0 .. QX_SPREAD_MAX */
};

bool block_layout_ok(struct block_layout l);
uint64_t block_first(struct block_layout l, uint64_t block); /* first item of `block` */
uint64_t block_items(struct block_layout l, uint64_t block); /* how many items it holds when whole */
uint64_t block_of(struct block_layout l, uint64_t item);     /* the block that holds `item` */
uint64_t block_count(struct block_layout l,
                     uint64_t n_items); /* blocks that n items touch; the last may be partial */

/* A node of the tree: the 2^level blocks from index << level on. */
struct block_node {
    uint32_t level;
    uint64_t index;
};

/* The canonical cut of blocks [first, end) into the fewest aligned nodes, left to right.
 * Writes at most QX_NODES_MAX nodes and returns how many. first == end gives 0. */
enum { QX_NODES_MAX = 128 };
size_t block_cut(uint64_t first, uint64_t end, struct block_node ret_nodes[QX_NODES_MAX]);

/* Checkpoints: the block counts at which a stopping rule may look at the finished prefix. They are the
 * integers whose binary form has at most 5 leading significant bits (1..32, 34, 36, .. 64, 68, ..), so
 * a job stops at most 1/16 late and a rule is evaluated at most 16 times a doubling.
 * Gives the smallest checkpoint > `blocks`. */
uint64_t block_next_checkpoint(uint64_t blocks);
bool block_is_checkpoint(uint64_t blocks);

#endif
