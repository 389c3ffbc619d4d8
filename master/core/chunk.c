#include <math.h>

#include "master/core/core.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How many items an adaptive lease aims at. The cost of an item is known. */
static uint64_t adaptive_items(const struct sched *s, const struct sched_job *j)
{
    double by_time = (double)s->config.target_chunk_ns / j->item_ns;
    uint64_t items = by_time < (double)QX_ITEMS_MAX ? (uint64_t)by_time : QX_ITEMS_MAX;
    if (j->largest_chunk < QX_ITEMS_MAX / 4)
        items = min_u64(items, 4 * j->largest_chunk);
    sched_wide left = j->items_wanted - j->items_done - j->items_leased;
    uint32_t slots = j->queue->cls->slots ? j->queue->cls->slots : 1;
    sched_wide guided = left / (2 * (sched_wide)slots);
    return guided < items ? (uint64_t)guided : items;
}

/* The chunk policy: how many of the blocks [first, limit) one lease takes.
 *   user's chunk      that many items, rounded up to whole blocks
 *   cost unknown      one block
 *   cost known        target_chunk_ns of items, at most 4 times the largest lease that came back so far (so one cheap
 *                     item does not decide for a million), at most half of an even share of what is left (so that all
 *                     slots end together), at most chunk_items_max; rounded down to whole blocks
 * Always at least one block, and with checkpoints never across one. */
static uint64_t chunk_blocks(const struct sched *s, const struct sched_job *j, uint64_t first, uint64_t limit)
{
    if (j->checkpoints)
        limit = min_u64(limit, block_next_checkpoint(first));
    uint64_t first_item = block_first(j->layout, first), end = first + 1;
    if (j->chunk_items) {
        end = block_of(j->layout, min_u64(first_item + (j->chunk_items - 1), QX_ITEMS_MAX - 1)) + 1;
    } else if (j->item_ns > 0) {
        uint64_t items = adaptive_items(s, j);
        if (j->chunk_items_max)
            items = min_u64(items, j->chunk_items_max);
        end = block_of(j->layout, min_u64(first_item + items, QX_ITEMS_MAX - 1));
    }
    end = end > first ? end : first + 1;
    return min_u64(min_u64(end, limit) - first, UINT32_MAX);
}

static uint64_t expected_ns(double cost_ns)
{
    if (!(cost_ns > 0))
        return 0;
    return cost_ns < 1 ? 1 : cost_ns < 0x1p62 ? (uint64_t)cost_ns : (uint64_t)1 << 62;
}

/* What a ready job leases next: merges, finishes and sizes, then what came back, then the frontier. */
void sched_plan(const struct sched *s, const struct sched_job *j, struct sched_piece *ret)
{
    if (!list_empty(&j->aux)) {
        struct sched_range *r = list_entry(j->aux.next, struct sched_range, in_job);
        *ret = (struct sched_piece){r, r->pub.cell, 0, 0,
                                    r->pub.kind == LEASE_MERGE ? expected_ns(j->merge_ns) : 0};
        return;
    }
    uint64_t limit;
    if (!list_empty(&j->waiting)) {
        struct sched_range *r = list_entry(j->waiting.next, struct sched_range, in_job);
        *ret = (struct sched_piece){.from = r, .cell = r->pub.cell, .first = r->pub.first_block};
        limit = r->pub.first_block + r->pub.n_blocks;
    } else {
        const struct sched_cell *c = &j->cells[j->cell_at];
        *ret = (struct sched_piece){.cell = j->cell_at, .first = c->frontier};
        limit = c->end;
    }
    ret->n_blocks = chunk_blocks(s, j, ret->first, limit);
    uint64_t items = sched_items_in(j, ret->cell, ret->first, ret->first + ret->n_blocks);
    ret->expect_ns = expected_ns(j->item_ns * (double)items);
}

/* The cost of an item is a ratio of sums that decay with each lease: large leases weigh more than small ones, and
 * old ones less than new ones. */
void sched_learn(struct sched_job *j, const struct sched_range *r, uint64_t compute_ns)
{
    enum { FORGET_ONE_IN = 4 };
    if (r->pub.kind == LEASE_MERGE) {
        double cost = fmax((double)compute_ns, 1);
        j->merge_ns = j->merge_ns > 0 ? j->merge_ns + (cost - j->merge_ns) / FORGET_ONE_IN : cost;
    }
    if (r->pub.kind != LEASE_RUN)
        return;
    j->cost_ns += (double)compute_ns - j->cost_ns / FORGET_ONE_IN;
    j->cost_items += (double)r->items - j->cost_items / FORGET_ONE_IN;
    j->item_ns = fmax(j->cost_ns / j->cost_items, 1e-3);
    if (r->items > j->largest_chunk)
        j->largest_chunk = r->items;
}
