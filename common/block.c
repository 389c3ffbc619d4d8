/* The layout in closed form. With q = block >> k, blocks with q < 2 hold g items. From there on, the
 * blocks with q = e + 1 form era e: they hold g * 2^e items and start at item g * 2^(k+e), because
 * 2g * 2^k + sum of g * 2^j * 2^k over 1 <= j < e is g * 2^(k+e). The last era, e = QX_BLOCK_DOUBLINGS,
 * has no end. Starts beyond QX_ITEMS_MAX are given as QX_ITEMS_MAX, so that no index overflows. */
#include "common/block.h"

__extension__ typedef unsigned __int128 wide;

static unsigned log2_floor(uint64_t v)
{
    return 63u - (unsigned)__builtin_clzll(v);
}

bool block_layout_ok(struct block_layout l)
{
    return l.grain >= 1 && l.grain <= QX_GRAIN_MAX && l.spread <= QX_SPREAD_MAX;
}

static unsigned era_of_block(struct block_layout l, uint64_t block)
{
    uint64_t q = block >> l.spread;
    if (q < 2)
        return 0;
    return q - 1 < QX_BLOCK_DOUBLINGS ? (unsigned)(q - 1) : (unsigned)QX_BLOCK_DOUBLINGS;
}

uint64_t block_first(struct block_layout l, uint64_t block)
{
    unsigned e = era_of_block(l, block);
    wide first = (wide)block * l.grain;
    if (e > 0) {
        uint64_t era_block = ((uint64_t)e + 1) << l.spread;
        first = ((wide)l.grain << (l.spread + e)) + (((wide)(block - era_block) * l.grain) << e);
    }
    return first < QX_ITEMS_MAX ? (uint64_t)first : QX_ITEMS_MAX;
}

uint64_t block_items(struct block_layout l, uint64_t block)
{
    return (uint64_t)l.grain << era_of_block(l, block);
}

uint64_t block_of(struct block_layout l, uint64_t item)
{
    uint64_t grains = item / l.grain;
    uint64_t q = grains >> l.spread;
    if (q < 2)
        return grains;
    unsigned e = log2_floor(q);
    if (e > QX_BLOCK_DOUBLINGS)
        e = QX_BLOCK_DOUBLINGS;
    return (((uint64_t)e + 1) << l.spread) + ((grains - ((uint64_t)1 << (l.spread + e))) >> e);
}

uint64_t block_count(struct block_layout l, uint64_t n_items)
{
    return n_items == 0 ? 0 : block_of(l, n_items - 1) + 1;
}

size_t block_cut(uint64_t first, uint64_t end, struct block_node ret_nodes[QX_NODES_MAX])
{
    size_t n = 0;
    while (first < end) {
        unsigned level = log2_floor(end - first);
        if (first != 0 && (unsigned)__builtin_ctzll(first) < level)
            level = (unsigned)__builtin_ctzll(first);
        ret_nodes[n++] = (struct block_node){level, first >> level};
        first += (uint64_t)1 << level;
    }
    return n;
}

uint64_t block_next_checkpoint(uint64_t blocks)
{
    if (blocks < 32)
        return blocks + 1;
    unsigned shift = log2_floor(blocks) - 4;
    return ((blocks >> shift) + 1) << shift;
}

bool block_is_checkpoint(uint64_t blocks)
{
    return blocks > 0 && block_next_checkpoint(blocks - 1) == blocks;
}
