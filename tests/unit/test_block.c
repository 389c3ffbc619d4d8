#include <check.h>
#include <stdlib.h>

#include "common/block.h"

static const struct block_layout layouts[] = {
    {1, 14},
    {1, 0},
    {3, 2},
    {512, 4},
    {7, 1},
    {1, 5},
    {QX_GRAIN_MAX, QX_SPREAD_MAX},
    {QX_GRAIN_MAX, 0},
    {1, QX_SPREAD_MAX},
};
enum { N_LAYOUTS = sizeof layouts / sizeof layouts[0] };

static uint64_t next_random(uint64_t *x)
{
    *x += 0x9E3779B97F4A7C15u;
    uint64_t z = *x;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* The contract in words: 2^(k+1) blocks of g, then every 2^k blocks the size doubles, at most 20 times. */
START_TEST(agrees_with_counting)
{
    struct block_layout l = layouts[_i];
    ck_assert(block_layout_ok(l));
    uint64_t first = 0, size = l.grain, in_era = 0, era_len = (uint64_t)2 << l.spread, doublings = 0;
    uint64_t n_blocks = l.spread > 10 ? 200000 : 40u << l.spread;
    for (uint64_t b = 0; b < n_blocks && first < QX_ITEMS_MAX; b++) {
        bool right = block_first(l, b) == first && block_items(l, b) == size && block_of(l, first) == b &&
                     block_of(l, first + size - 1) == b && block_of(l, first + size / 2) == b &&
                     block_count(l, first) == b && block_count(l, first + 1) == b + 1 &&
                     block_count(l, first + size) == b + 1;
        if (!right) /* an assertion each would cost a system call each */
            ck_abort_msg("block %llu, first item %llu", (unsigned long long)b, (unsigned long long)first);
        first += size;
        if (++in_era == era_len && doublings < QX_BLOCK_DOUBLINGS) {
            size *= 2;
            doublings++;
            in_era = 0;
            era_len = (uint64_t)1 << l.spread;
        }
    }
}
END_TEST

START_TEST(large_indices_are_consistent)
{
    struct block_layout l = layouts[_i];
    uint64_t seed = (uint64_t)_i;
    for (int i = 0; i < 20000; i++) {
        uint64_t item = next_random(&seed) >> (2 + next_random(&seed) % 60);
        uint64_t b = block_of(l, item);
        uint64_t first = block_first(l, b), items = block_items(l, b);
        bool right = first <= item && item - first < items;
        if (first + items < QX_ITEMS_MAX)
            right = right && block_first(l, b + 1) == first + items;
        if (item >= (uint64_t)l.grain << (l.spread + 1) && first < QX_ITEMS_MAX)
            right = right && items <= first >> l.spread;
        if (!right)
            ck_abort_msg("item %llu", (unsigned long long)item);
    }
    ck_assert_uint_eq(block_of(l, QX_ITEMS_MAX - 1) + 1, block_count(l, QX_ITEMS_MAX));
    ck_assert_uint_eq(block_first(l, ((uint64_t)1 << 62) - 1), QX_ITEMS_MAX);
}
END_TEST

START_TEST(few_blocks_for_many_items)
{
    struct block_layout l = {1, 14};
    ck_assert_uint_le(block_count(l, 1000000000), (30 - 14 + 1) << 14);
    ck_assert_uint_eq(block_count(l, 0), 0);
    ck_assert_uint_eq(block_count(l, 1), 1);
    ck_assert(!block_layout_ok((struct block_layout){0, 1}));
    ck_assert(!block_layout_ok((struct block_layout){1, QX_SPREAD_MAX + 1}));
    ck_assert(!block_layout_ok((struct block_layout){QX_GRAIN_MAX + 1, 1}));
}
END_TEST

/* The fewest aligned nodes: greedy from the left is the only such cut, found here by trying every level. */
START_TEST(cut_is_canonical)
{
    struct block_node nodes[QX_NODES_MAX];
    for (uint64_t first = 0; first < 70; first++)
        for (uint64_t end = first; end < 140; end++) {
            size_t n = block_cut(first, end, nodes);
            uint64_t at = first;
            for (size_t i = 0; i < n; i++) {
                uint64_t len = (uint64_t)1 << nodes[i].level;
                if (nodes[i].index * len != at || (at % (2 * len) == 0 && at + 2 * len <= end))
                    ck_abort_msg("node %zu of [%d, %d)", i, (int)first, (int)end);
                at += len;
            }
            ck_assert_uint_eq(at, end);
        }
    ck_assert_uint_eq(block_cut(1, ((uint64_t)1 << 62) - 1, nodes), 122);
    ck_assert_uint_eq(block_cut(0, (uint64_t)1 << 62, nodes), 1);
}
END_TEST

START_TEST(checkpoints_have_five_leading_bits)
{
    uint64_t next = 1;
    ck_assert(!block_is_checkpoint(0));
    for (uint64_t b = 1; b < 5000; b++) {
        uint64_t m = b;
        while (m >= 32 && m % 2 == 0)
            m /= 2;
        ck_assert_int_eq(block_is_checkpoint(b), m < 32);
        if (m < 32) {
            ck_assert_uint_eq(b, next);
            next = block_next_checkpoint(b);
            ck_assert_uint_le((next - b) * 16, b < 16 ? 16 : b);
        } else {
            ck_assert_uint_eq(block_next_checkpoint(b), next);
        }
    }
    ck_assert_uint_eq(block_next_checkpoint(((uint64_t)1 << 62) - 1), (uint64_t)1 << 62);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("block");
    TCase *tc = tcase_create("block");
    tcase_add_loop_test(tc, agrees_with_counting, 0, N_LAYOUTS);
    tcase_add_loop_test(tc, large_indices_are_consistent, 0, N_LAYOUTS);
    tcase_add_test(tc, few_blocks_for_many_items);
    tcase_add_test(tc, cut_is_canonical);
    tcase_add_test(tc, checkpoints_have_five_leading_bits);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
