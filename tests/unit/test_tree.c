#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/tree.h"
#include "quincunx/stream.h"

/* A farm of one cell. Items give uniforms; item 5, 16, 27.. fail; blocks are reduced as the task host does it. */
struct cell {
    struct reduce_plan *plan;
    const struct reduce_plugin *plug;
    struct block_layout layout;
    uint64_t n_items, n_blocks; /* blocks: whole ones */
};

static struct cell cell_with(uint64_t n_items, uint32_t grain, uint64_t exact_max)
{
    static const char *const names[] = {"x", "y"};
    static const uint32_t first[] = {0};
    const struct qx_reducer reducers[] = {
        {.kind = QX_REDUCE_MOMENTS},
        {.kind = QX_REDUCE_COLLECT},
        {.kind = QX_REDUCE_QUANTILES, .columns = first, .n_columns = 1, .exact_max = exact_max}};
    struct cell c = {.layout = {grain, 2}, .n_items = n_items};
    ck_assert_int_eq(reduce_plan_new(names, 2, reducers, 3, &c.plan, NULL), QX_ERR_OK);
    c.n_blocks = block_of(c.layout, n_items);
    return c;
}

static struct cell cell_of(uint64_t n_items)
{
    return cell_with(n_items, 3, 50);
}

static struct tree *tree_of(const struct cell *c, bool checkpoints)
{
    struct tree *t = NULL;
    ck_assert_int_eq(tree_new(c->plan, c->plug, c->layout, checkpoints, &t), QX_ERR_OK);
    return t;
}

static struct reduce_state items_state(const struct cell *c, uint64_t first, uint64_t n)
{
    struct reduce_state s;
    reduce_state_init(&s);
    qx_err e = reduce_reset(c->plan, c->plug, &s);
    for (uint64_t i = first; i < first + n; i++) {
        double row[2];
        qx_uniform_rows(77, i, 0, 1, 2, row);
        if (e == QX_ERR_OK)
            e = i % 11 == 5 ? reduce_fail(&s, i, 1, "eleven") : reduce_add(c->plan, c->plug, &s, i, 1, row);
    }
    ck_assert_int_eq(e, QX_ERR_OK);
    return s;
}

/* By recursion, as the contract says it. */
static struct reduce_state node_state(const struct cell *c, struct block_node n)
{
    if (n.level == 0)
        return items_state(c, block_first(c->layout, n.index), block_items(c->layout, n.index));
    struct reduce_state left = node_state(c, (struct block_node){n.level - 1, 2 * n.index});
    struct reduce_state right = node_state(c, (struct block_node){n.level - 1, 2 * n.index + 1});
    ck_assert_int_eq(reduce_merge(c->plan, c->plug, &left, &right), QX_ERR_OK);
    reduce_state_fini(&right);
    return left;
}

/* The naive model: all roots of the first `blocks` blocks, folded in order, then the partial block. */
static void model_digest(const struct cell *c, uint64_t blocks, bool partial, char ret_hex[33])
{
    struct block_node nodes[QX_NODES_MAX];
    size_t n = block_cut(0, blocks, nodes);
    uint64_t first = block_first(c->layout, blocks);
    struct reduce_state all;
    if (n == 0)
        all = items_state(c, 0, partial ? c->n_items : 0);
    for (size_t i = 0; i < n; i++) {
        struct reduce_state next = node_state(c, nodes[i]);
        if (i == 0) {
            all = next;
            continue;
        }
        ck_assert_int_eq(reduce_merge(c->plan, c->plug, &all, &next), QX_ERR_OK);
        reduce_state_fini(&next);
    }
    if (n > 0 && partial && c->n_items > first) {
        struct reduce_state next = items_state(c, first, c->n_items - first);
        ck_assert_int_eq(reduce_merge(c->plan, c->plug, &all, &next), QX_ERR_OK);
        reduce_state_fini(&next);
    }
    ck_assert_int_eq(reduce_digest(&all, ret_hex), QX_ERR_OK);
    reduce_state_fini(&all);
}

static void assert_prefix(const struct cell *c, const struct tree *t, uint64_t blocks, bool partial)
{
    char got[33], want[33];
    struct reduce_state s;
    reduce_state_init(&s);
    ck_assert_uint_eq(tree_prefix_blocks(t), blocks);
    ck_assert_int_eq(tree_prefix_state(t, &s), QX_ERR_OK);
    ck_assert_uint_eq(s.tally.n_ok + s.tally.n_failed, tree_prefix_items(t));
    ck_assert_int_eq(reduce_digest(&s, got), QX_ERR_OK);
    model_digest(c, blocks, partial, want);
    ck_assert_str_eq(got, want);
    reduce_state_fini(&s);
}

static qx_err insert(const struct cell *c, struct tree *t, struct block_node n)
{
    struct reduce_state s = node_state(c, n);
    qx_err e = tree_insert(t, n, &s);
    reduce_state_fini(&s);
    return e;
}

static qx_err insert_partial(const struct cell *c, struct tree *t)
{
    uint64_t first = block_first(c->layout, c->n_blocks);
    struct reduce_state s = items_state(c, first, c->n_items - first);
    qx_err e = tree_insert_partial(t, c->n_blocks, c->n_items - first, &s);
    reduce_state_fini(&s);
    return e;
}

/* Cuts [first, end) into leases of random length, these into nodes, and shuffles them. */
static size_t random_nodes(struct qx_stream *r, bool checkpoints, uint64_t first, uint64_t end,
                           struct block_node *nodes)
{
    size_t n = 0;
    while (first < end) {
        uint64_t stop = first + 1 + qx_below(r, 1 + qx_below(r, 12));
        uint64_t limit = checkpoints ? block_next_checkpoint(first) : end;
        stop = stop < limit ? stop : limit;
        stop = stop < end ? stop : end;
        n += block_cut(first, stop, nodes + n);
        first = stop;
    }
    for (size_t i = n; i > 1; i--) {
        size_t j = qx_below(r, i);
        struct block_node swap = nodes[i - 1];
        nodes[i - 1] = nodes[j];
        nodes[j] = swap;
    }
    return n;
}

enum { RANDOM_BLOCKS = 90 };

/* Seeds: any order, any node sizes, checkpoints on and off, the partial block early or late: one digest. */
static void any_order(struct qx_stream *rng, struct cell c)
{
    struct qx_stream r = *rng;
    bool checkpoints = qx_below(&r, 2);
    struct tree *t = tree_of(&c, checkpoints);
    struct block_node nodes[RANDOM_BLOCKS + QX_NODES_MAX];
    ck_assert_uint_le(c.n_blocks, RANDOM_BLOCKS);
    size_t n = random_nodes(&r, checkpoints, 0, c.n_blocks, nodes), when = qx_below(&r, n + 1);
    bool partial = block_first(c.layout, c.n_blocks) < c.n_items;
    uint64_t seen = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i == when && partial)
            ck_assert_int_eq(insert_partial(&c, t), QX_ERR_OK);
        if (i < n)
            ck_assert_int_eq(insert(&c, t, nodes[i]), QX_ERR_OK);
        while (tree_advance(t)) {
            ck_assert(checkpoints);
            ck_assert_uint_eq(tree_prefix_blocks(t), block_next_checkpoint(seen));
            seen = tree_prefix_blocks(t);
            ck_assert_uint_eq(tree_prefix_items(t), block_first(c.layout, seen));
            if (qx_below(&r, 6) == 0)
                assert_prefix(&c, t, seen, false);
        }
        if (i < n) {
            ck_assert_int_eq(insert(&c, t, nodes[i]), QX_ERR_STATE);
        }
    }
    assert_prefix(&c, t, c.n_blocks, true);
    ck_assert_uint_eq(tree_prefix_items(t), c.n_items);
    ck_assert_uint_le(tree_nodes_held(t), (size_t)__builtin_popcountll(c.n_blocks) + 1);
    /* extended: the partial block is run again as a whole one, and more follow */
    struct cell more = c;
    more.n_items = c.n_items + qx_below(&r, 100);
    more.n_blocks = block_of(c.layout, more.n_items);
    tree_drop_partial(t);
    n = random_nodes(&r, checkpoints, c.n_blocks, more.n_blocks, nodes);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(insert(&more, t, nodes[i]), QX_ERR_OK);
    if (block_first(more.layout, more.n_blocks) < more.n_items)
        ck_assert_int_eq(insert_partial(&more, t), QX_ERR_OK);
    while (tree_advance(t))
        ;
    assert_prefix(&more, t, more.n_blocks, true);
    tree_free(t);
    reduce_plan_free(c.plan);
}

START_TEST(any_order_gives_one_digest)
{
    for (int seed = 10 * _i; seed < 10 * _i + 10; seed++) {
        struct qx_stream r;
        qx_stream_init(&r, 1, (uint64_t)seed, 0);
        any_order(&r, cell_of(1 + qx_below(&r, qx_below(&r, 2) ? 60 : 900)));
    }
}
END_TEST

/* Enough items that the sketch of quantiles is compacted on several levels, on both sides of the switch. */
START_TEST(a_sketch_has_one_digest)
{
    struct qx_stream r;
    qx_stream_init(&r, 1, (uint64_t)_i, 1);
    any_order(&r, cell_with(3000 + qx_below(&r, 120000), 16, 2500 + qx_below(&r, 30000)));
}
END_TEST

START_TEST(what_overlaps_or_is_no_node_is_refused)
{
    struct cell c = cell_of(200);
    struct tree *t = tree_of(&c, false);
    struct reduce_state s = items_state(&c, 0, 3);
    ck_assert_int_eq(insert(&c, t, (struct block_node){2, 1}), QX_ERR_OK); /* blocks 4..7 */
    ck_assert_int_eq(tree_insert(t, (struct block_node){0, 5}, &s), QX_ERR_STATE);
    ck_assert_int_eq(tree_insert(t, (struct block_node){3, 0}, &s), QX_ERR_STATE);
    ck_assert_int_eq(tree_insert(t, (struct block_node){63, 0}, &s), QX_ERR_INVALID);
    ck_assert_int_eq(tree_insert(t, (struct block_node){1, UINT64_MAX / 2}, &s), QX_ERR_INVALID);
    ck_assert_int_eq(tree_insert_partial(t, 6, 1, &s), QX_ERR_STATE);
    ck_assert_int_eq(tree_insert_partial(t, 9, 0, &s), QX_ERR_INVALID);
    ck_assert_int_eq(tree_insert_partial(t, 9, block_items(c.layout, 9), &s), QX_ERR_INVALID);
    ck_assert_uint_eq(s.n_parts, 3);
    ck_assert_uint_eq(s.tally.n_ok, 3);
    ck_assert_int_eq(tree_insert_partial(t, 9, 1, &s), QX_ERR_OK);
    ck_assert_uint_eq(s.n_parts, 0);
    ck_assert_int_eq(insert_partial(&c, t), QX_ERR_STATE);
    ck_assert_int_eq(insert(&c, t, (struct block_node){0, 9}), QX_ERR_STATE);
    ck_assert(!tree_advance(t));
    ck_assert_uint_eq(tree_prefix_blocks(t), 0);
    ck_assert_uint_eq(tree_nodes_held(t), 2);
    tree_free(t);
    t = tree_of(&c, true);
    ck_assert_int_eq(insert(&c, t, (struct block_node){1, 0}), QX_ERR_INVALID); /* over checkpoint 1 */
    tree_free(t);
    ck_assert_int_eq(tree_new(c.plan, NULL, (struct block_layout){0, 0}, false, &t), QX_ERR_INVALID);
    reduce_state_fini(&s);
    reduce_plan_free(c.plan);
}
END_TEST

START_TEST(truncate_drops_what_lies_beyond)
{
    struct cell c = cell_of(100);
    for (int early = 0; early < 2; early++) {
        struct tree *t = tree_of(&c, true);
        struct reduce_state s = items_state(&c, 9, 2);
        if (early)
            ck_assert_int_eq(tree_insert_partial(t, 3, 2, &s), QX_ERR_OK);
        for (uint64_t b = 0; b < 3; b++)
            ck_assert_int_eq(insert(&c, t, (struct block_node){0, b}), QX_ERR_OK);
        ck_assert_int_eq(insert(&c, t, (struct block_node){0, 7}), QX_ERR_OK);
        for (uint64_t b = 1; b <= 3; b++) {
            ck_assert(tree_advance(t));
            assert_prefix(&c, t, b, false);
        }
        tree_truncate(t);
        ck_assert_uint_eq(tree_nodes_held(t), 2);
        assert_prefix(&c, t, 3, false);
        ck_assert(!tree_advance(t));
        assert_prefix(&c, t, 3, false);
        reduce_state_fini(&s);
        tree_free(t);
    }
    reduce_plan_free(c.plan);
}
END_TEST

START_TEST(an_empty_tree_is_the_state_of_no_items)
{
    struct cell c = cell_of(2);
    struct tree *t = tree_of(&c, false);
    struct reduce_state s;
    reduce_state_init(&s);
    ck_assert_int_eq(tree_prefix_state(t, &s), QX_ERR_OK);
    ck_assert(reduce_count(c.plan, &s, 0) == 0);
    ck_assert_int_eq(insert_partial(&c, t), QX_ERR_OK);
    assert_prefix(&c, t, 0, true);
    reduce_state_fini(&s);
    tree_free(t);
    tree_free(NULL);
    reduce_plan_free(c.plan);
}
END_TEST

START_TEST(memory_stays_logarithmic)
{
    struct cell c = cell_of(1);
    static const struct qx_reducer count[] = {{.kind = QX_REDUCE_COUNT}};
    reduce_plan_free(c.plan);
    ck_assert_int_eq(reduce_plan_new(NULL, 0, count, 1, &c.plan, NULL), QX_ERR_OK);
    for (int checkpoints = 0; checkpoints < 2; checkpoints++) {
        struct tree *t = tree_of(&c, checkpoints);
        size_t most = 0;
        for (uint64_t b = 0; b < 20000; b++) {
            uint64_t block = b ^ 1; /* pairs the wrong way round */
            struct reduce_state s;
            reduce_state_init(&s);
            if (reduce_reset(c.plan, NULL, &s) != QX_ERR_OK ||
                reduce_add(c.plan, NULL, &s, block, 1, NULL) != QX_ERR_OK ||
                tree_insert(t, (struct block_node){0, block}, &s) != QX_ERR_OK)
                ck_abort_msg("block %d", (int)block);
            while (tree_advance(t))
                ;
            most = tree_nodes_held(t) > most ? tree_nodes_held(t) : most;
        }
        ck_assert_uint_le(most, 17);
        ck_assert_uint_eq(tree_prefix_blocks(t), 20000);
        tree_free(t);
        /* all but the first block: what waits for it is merged as far as it may be */
        t = tree_of(&c, checkpoints);
        for (uint64_t b = 1; b < 20000; b++) {
            struct reduce_state s;
            reduce_state_init(&s);
            if (reduce_reset(c.plan, NULL, &s) != QX_ERR_OK ||
                tree_insert(t, (struct block_node){0, b}, &s) != QX_ERR_OK)
                ck_abort_msg("block %d", (int)b);
        }
        ck_assert_uint_le(tree_nodes_held(t), checkpoints ? 16 * 15 + 32 : 2 * 15);
        tree_free(t);
    }
    reduce_plan_free(c.plan);
}
END_TEST

/* A whole life of a tree, given the states of all blocks and of the partial one. */
static qx_err whole_life(const struct cell *c, struct reduce_state *states, struct tree **ret_tree,
                         struct reduce_state *answer)
{
    qx_err e = tree_new(c->plan, NULL, c->layout, false, ret_tree);
    for (uint64_t b = 0; b <= c->n_blocks && e == QX_ERR_OK; b++) {
        struct tree *t = *ret_tree;
        size_t held = tree_nodes_held(t);
        if (b < c->n_blocks)
            e = tree_insert(t, (struct block_node){0, b}, &states[b]);
        else
            e = tree_insert_partial(t, b, c->n_items - block_first(c->layout, b), &states[b]);
        if (e != QX_ERR_OK && states[b].n_parts > 0)
            ck_assert_uint_eq(tree_nodes_held(t), held); /* refused: nothing taken */
        ck_assert(!tree_advance(t));
    }
    return e == QX_ERR_OK ? tree_prefix_state(*ret_tree, answer) : e;
}

START_TEST(every_allocation_may_fail)
{
    enum { BLOCKS = 20 };
    struct cell c = cell_of(100);
    char want[33], got[33];
    qx_err e = QX_ERR_NOMEM;
    ck_assert_uint_lt(c.n_blocks, BLOCKS);
    model_digest(&c, c.n_blocks, true, want);
    for (unsigned n = 1; e != QX_ERR_OK; n++) {
        struct tree *t = NULL;
        struct reduce_state states[BLOCKS], answer;
        reduce_state_init(&answer);
        for (uint64_t b = 0; b <= c.n_blocks; b++) {
            uint64_t first = block_first(c.layout, b);
            states[b] =
                items_state(&c, first, b == c.n_blocks ? c.n_items - first : block_items(c.layout, b));
        }
        qx_mem_fail_at(n);
        e = whole_life(&c, states, &t, &answer);
        qx_mem_fail_at(0);
        if (e == QX_ERR_OK) {
            ck_assert_uint_gt(n, 30);
            ck_assert_int_eq(reduce_digest(&answer, got), QX_ERR_OK);
            ck_assert_str_eq(got, want);
        } else {
            ck_assert_int_eq(e, QX_ERR_NOMEM);
        }
        for (uint64_t b = 0; b <= c.n_blocks; b++)
            reduce_state_fini(&states[b]);
        reduce_state_fini(&answer);
        tree_free(t);
    }
    reduce_plan_free(c.plan);
}
END_TEST

/* --- own reducers: an ordered string of item indices, merged outside --- */

static qx_err own_init(void *self, uint32_t reducer, struct qx_bytes *part)
{
    (void)self;
    (void)reducer;
    return qx_bytes_append(part, "(", 1);
}

static qx_err own_add(void *self, uint32_t reducer, struct qx_bytes *part, uint64_t first, uint32_t n,
                      const double *rows)
{
    (void)self;
    (void)reducer;
    (void)rows;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t digit = (uint8_t)(first + i);
        qx_err e = qx_bytes_append(part, &digit, 1);
        if (e != QX_ERR_OK)
            return e;
    }
    return QX_ERR_OK;
}

static qx_err own_merge(void *self, uint32_t reducer, struct qx_bytes *left, const struct qx_bytes *right)
{
    (void)self;
    (void)reducer;
    qx_err e = qx_bytes_append(left, right->data, right->len);
    return e == QX_ERR_OK ? qx_bytes_append(left, ")", 1) : e;
}

static const struct reduce_plugin own_plug = {NULL, own_init, own_add, own_merge};

/* What an executor does with a merge lease; one in four is lost with its executor. */
static void run_merges(struct tree *t, const struct cell *c, struct qx_stream *r)
{
    struct block_node parent;
    const struct reduce_state *left, *right;
    while (tree_next_merge(t, &parent, &left, &right)) {
        struct reduce_state s;
        if (qx_below(r, 4) == 0) {
            tree_merge_lost(t, parent);
            continue;
        }
        reduce_state_init(&s);
        ck_assert_int_eq(reduce_state_copy(&s, left), QX_ERR_OK);
        ck_assert_int_eq(reduce_merge(c->plan, &own_plug, &s, right), QX_ERR_OK);
        struct block_node other = {parent.level, parent.index + 1};
        ck_assert_int_eq(tree_merged(t, other, &s), QX_ERR_STATE);
        ck_assert_int_eq(tree_merged(t, parent, &s), QX_ERR_OK);
        ck_assert_int_eq(tree_merged(t, parent, &s), QX_ERR_STATE);
        reduce_state_fini(&s);
    }
}

START_TEST(own_reducers_merge_outside_to_the_same_bits)
{
    static const struct qx_reducer own[] = {{.kind = QX_REDUCE_OWN}};
    struct qx_stream r;
    struct cell c = {.layout = {3, 2}, .n_items = 250, .plug = &own_plug};
    struct block_node nodes[RANDOM_BLOCKS + QX_NODES_MAX];
    qx_stream_init(&r, 2, (uint64_t)_i, 0);
    ck_assert_int_eq(reduce_plan_new(NULL, 0, own, 1, &c.plan, NULL), QX_ERR_OK);
    c.n_blocks = block_of(c.layout, c.n_items);
    bool checkpoints = _i % 2;
    size_t n = random_nodes(&r, checkpoints, 0, c.n_blocks, nodes);
    struct tree *t = NULL;
    ck_assert_int_eq(tree_new(c.plan, NULL, c.layout, checkpoints, &t), QX_ERR_OK);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(insert(&c, t, nodes[i]), QX_ERR_OK);
        while (tree_advance(t))
            run_merges(t, &c, &r);
        run_merges(t, &c, &r);
    }
    ck_assert_int_eq(insert_partial(&c, t), QX_ERR_OK);
    const struct reduce_state *roots[64];
    size_t n_roots = tree_prefix_roots(t, roots, 64);
    struct reduce_state all;
    reduce_state_init(&all);
    ck_assert_uint_eq(n_roots, (size_t)__builtin_popcountll(c.n_blocks) + 1);
    ck_assert_int_eq(tree_prefix_state(t, &all), QX_ERR_STATE);
    ck_assert_int_eq(reduce_state_copy(&all, roots[0]), QX_ERR_OK);
    for (size_t i = 1; i < n_roots; i++)
        ck_assert_int_eq(reduce_merge(c.plan, &own_plug, &all, roots[i]), QX_ERR_OK);
    char got[33], want[33];
    ck_assert_int_eq(reduce_digest(&all, got), QX_ERR_OK);
    model_digest(&c, c.n_blocks, true, want);
    ck_assert_str_eq(got, want);
    reduce_state_fini(&all);
    tree_free(t);
    reduce_plan_free(c.plan);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree");
    TCase *tc = tcase_create("tree");
    tcase_add_loop_test(tc, any_order_gives_one_digest, 0, 50);
    tcase_add_loop_test(tc, a_sketch_has_one_digest, 0, 5);
    tcase_add_test(tc, what_overlaps_or_is_no_node_is_refused);
    tcase_add_test(tc, truncate_drops_what_lies_beyond);
    tcase_add_test(tc, an_empty_tree_is_the_state_of_no_items);
    tcase_add_test(tc, memory_stays_logarithmic);
    tcase_add_test(tc, every_allocation_may_fail);
    tcase_add_loop_test(tc, own_reducers_merge_outside_to_the_same_bits, 0, 40);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
