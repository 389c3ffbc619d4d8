/* The contract of task.h, checked from outside: an item gives the same bits alone, again, in any order, in blocks of any
 * split and on another instance; chunks of any size reduce to the same state and the same answer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/error.h"
#include "common/mem.h"
#include "common/tree.h"
#include "host/conform.h"

enum { ITEMS_LEAST = 2, ITEMS_MOST = 2000, BUDGET_MS = 500, CHECK_SPREAD = 2 };

struct rows {
    double *values; /* n_items rows */
    uint8_t *outcomes;
};

struct bench {
    const struct subject *s;
    struct host_task *a, *b;
    uint64_t n_items;
    uint32_t n_columns;
    struct rows expected;
    double *row;  /* one, to compare */
    bool differs; /* the fault of the last check: bits that are not the same */
    struct qx_error err;
};

const char *const conform_check_names[CONFORM_CHECKS] = {
    "opens alike twice",      "an item gives the same row twice", "in reverse order", "on two instances",
    "in blocks of any split", "chunks of any size, one state",    "the answer, twice"};

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- rows ---- */

__attribute__((format(printf, 2, 3))) static bool differ(struct bench *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)qx_vfail(&b->err, QX_ERR_TASK, fmt, ap);
    va_end(ap);
    b->differs = true;
    return false;
}

static bool same_bits(double a, double b)
{
    uint64_t bits_a, bits_b;
    memcpy(&bits_a, &a, sizeof a);
    memcpy(&bits_b, &b, sizeof b);
    return bits_a == bits_b;
}

static bool same_row(struct bench *b, uint64_t item, const double *row, unsigned outcome, const char *how)
{
    if (outcome != b->expected.outcomes[item])
        return differ(b, "item %" PRIu64 " %s %s, but not alone", item, outcome ? "failed" : "did not fail",
                      how);
    const double *expected = b->expected.values + item * b->n_columns;
    for (uint32_t i = 0; outcome == QX_OUTCOME_OK && i < b->n_columns; i++)
        if (!same_bits(row[i], expected[i]))
            return differ(b, "item %" PRIu64 ", output '%s': %.17g alone, %.17g %s", item,
                          reduce_plan_column(host_plan(b->a), i), expected[i], row[i], how);
    return true;
}

static bool run_one(struct bench *b, struct host_task *t, uint64_t item, double *row,
                    enum qx_outcome *ret_outcome)
{
    struct qx_error why = {QX_ERR_OK, ""};
    qx_err e = host_run_item(t, item, row, ret_outcome, &why);
    if (e != QX_ERR_OK)
        (void)qx_fail(&b->err, e, "item %" PRIu64 ": %s", item, why.text);
    return e == QX_ERR_OK;
}

static bool compare_one(struct bench *b, struct host_task *t, uint64_t item, const char *how)
{
    enum qx_outcome outcome = QX_OUTCOME_OK;
    return run_one(b, t, item, b->row, &outcome) && same_row(b, item, b->row, outcome, how);
}

/* The rows that everything else is compared with; also settles how many items are looked at. */
static bool take_expected(struct bench *b)
{
    uint64_t start = now_ms(), n = 0, n_ok = 0;
    for (; n < b->n_items; n++) {
        if (b->s->n_items == 0 && n >= ITEMS_LEAST && now_ms() - start > BUDGET_MS)
            break;
        enum qx_outcome outcome = QX_OUTCOME_OK;
        if (!run_one(b, b->a, n, b->expected.values + n * b->n_columns, &outcome))
            return false;
        b->expected.outcomes[n] = (uint8_t)outcome;
        n_ok += outcome == QX_OUTCOME_OK;
    }
    b->n_items = n;
    if (n_ok > 0)
        return true;
    enum qx_outcome outcome;
    struct qx_error why = {QX_ERR_OK, ""};
    (void)host_run_item(b->a, 0, b->row, &outcome, &why);
    (void)qx_fail(&b->err, QX_ERR_TASK, "all %" PRIu64 " items failed; the first: %s", n, why.text);
    return false;
}

/* ---- the checks ---- */

static bool check_twice(struct bench *b)
{
    if (!take_expected(b))
        return false;
    for (uint64_t i = 0; i < b->n_items; i++)
        if (!compare_one(b, b->a, i, "again"))
            return false;
    return true;
}

static bool check_reverse(struct bench *b)
{
    for (uint64_t i = b->n_items; i-- > 0;)
        if (!compare_one(b, b->a, i, "in reverse order"))
            return false;
    return true;
}

static bool check_instances(struct bench *b)
{
    for (uint64_t i = 0; i < b->n_items; i++)
        if (!compare_one(b, i % 3 ? b->b : b->a, i, "on another instance"))
            return false;
    return true;
}

static bool compare_chunk(struct bench *b, const struct host_chunk *c, uint32_t grain)
{
    char how[48];
    (void)snprintf(how, sizeof how, "in blocks from %u items on", grain);
    const double *rows = (const double *)(const void *)c->rows.data;
    for (uint64_t i = 0; i < b->n_items; i++)
        if (!same_row(b, i, rows + i * b->n_columns, c->ok.data[i], how))
            return false;
    return true;
}

static bool check_splits(struct bench *b)
{
    static const uint32_t grains[] = {1, 2, 3, 7, 64, 100, 511, 512, 513, 2000};
    struct host_chunk c;
    bool same = true;
    host_chunk_init(&c);
    for (size_t i = 0; same && i < sizeof grains / sizeof *grains; i++) {
        struct block_layout layout = {grains[i], CHECK_SPREAD};
        if (i > 0 && grains[i - 1] >= b->n_items)
            break;
        same = host_run(b->a, layout, 0, block_count(layout, b->n_items), b->n_items, NULL, 0, true, &c,
                        &b->err) == QX_ERR_OK &&
               compare_chunk(b, &c, grains[i]);
    }
    host_chunk_fini(&c);
    return same;
}

/* A layout that cuts the items into some dozens of blocks. */
static struct block_layout middle_layout(const struct bench *b)
{
    uint64_t grain = b->n_items / 40;
    return (struct block_layout){grain > 0 ? (uint32_t)grain : 1, 5};
}

static qx_err insert_chunk(struct bench *b, struct tree *tree, struct block_layout layout, uint64_t first,
                           uint64_t n, struct host_task *t)
{
    struct host_chunk c;
    struct block_node nodes[QX_NODES_MAX];
    host_chunk_init(&c);
    qx_err e = host_run(t, layout, first, n, b->n_items, NULL, 0, false, &c, &b->err);
    size_t n_nodes = block_cut(first, first + n - (c.partial_items > 0), nodes);
    for (size_t i = 0; e == QX_ERR_OK && i < n_nodes; i++)
        if ((e = tree_insert(tree, nodes[i], &c.nodes[i])) != QX_ERR_OK)
            (void)qx_fail(&b->err, e, "merging: %s", qx_err_text(e));
    if (e == QX_ERR_OK && c.partial_items > 0 &&
        (e = tree_insert_partial(tree, first + n - 1, c.partial_items, &c.nodes[n_nodes])) != QX_ERR_OK)
        (void)qx_fail(&b->err, e, "merging: %s", qx_err_text(e));
    host_chunk_fini(&c);
    return e;
}

/* Chunks of uneven sizes, the last one first, on both instances in turn. */
static qx_err run_backwards(struct bench *b, struct block_layout layout, struct tree *tree)
{
    uint64_t end = block_count(layout, b->n_items);
    for (unsigned i = 0; end > 0; i++) {
        uint64_t n = (i * 7 + 3) % 5 + 1;
        n = n < end ? n : end;
        end -= n;
        qx_err e = insert_chunk(b, tree, layout, end, n, i % 2 ? b->a : b->b);
        if (e != QX_ERR_OK)
            return e;
    }
    while (tree_advance(tree))
        continue;
    return QX_ERR_OK;
}

static qx_err backwards_digest(struct bench *b, struct block_layout layout, char ret_digest[33])
{
    struct tree *tree;
    struct reduce_state whole;
    qx_err e = tree_new(host_plan(b->a), host_reduce_plugin(b->a), layout, false, &tree);
    if (e != QX_ERR_OK)
        return qx_fail(&b->err, e, "no tree: %s", qx_err_text(e));
    reduce_state_init(&whole);
    e = run_backwards(b, layout, tree);
    if (e == QX_ERR_OK && ((e = tree_prefix_state(tree, &whole)) != QX_ERR_OK ||
                           (e = reduce_digest(&whole, ret_digest)) != QX_ERR_OK))
        (void)qx_fail(&b->err, e, "merging: %s", qx_err_text(e));
    reduce_state_fini(&whole);
    tree_free(tree);
    return e;
}

static bool check_chunks(struct bench *b)
{
    char forwards[33], backwards[33];
    struct block_layout layout = middle_layout(b);
    struct reduce_state whole;
    reduce_state_init(&whole);
    qx_err e = host_run_job(b->a, layout, b->n_items, &whole, forwards, &b->err);
    reduce_state_fini(&whole);
    if (e != QX_ERR_OK || backwards_digest(b, layout, backwards) != QX_ERR_OK)
        return false;
    if (strcmp(forwards, backwards) == 0)
        return true;
    return differ(b, "the state has the digest %s in order, %s in uneven chunks from the end", forwards,
                  backwards);
}

static bool check_answer(struct bench *b)
{
    struct qx_bytes one = {0}, two = {0};
    char digest[33];
    struct reduce_state whole;
    reduce_state_init(&whole);
    bool same = host_run_job(b->a, middle_layout(b), b->n_items, &whole, digest, &b->err) == QX_ERR_OK &&
                host_finish(b->a, &whole, &one, &b->err) == QX_ERR_OK &&
                host_finish(b->b, &whole, &two, &b->err) == QX_ERR_OK;
    if (same && (one.len != two.len || memcmp(one.data, two.data, one.len) != 0))
        same = differ(b, "two answers from one state");
    reduce_state_fini(&whole);
    qx_bytes_fini(&one);
    qx_bytes_fini(&two);
    return same;
}

static bool same_plans(struct bench *b)
{
    struct qx_bytes one = {0}, two = {0};
    bool same = reduce_plan_encode(host_plan(b->a), &one) == QX_ERR_OK &&
                reduce_plan_encode(host_plan(b->b), &two) == QX_ERR_OK && one.len == two.len &&
                memcmp(one.data, two.data, one.len) == 0;
    if (!same)
        (void)qx_fail(&b->err, QX_ERR_TASK, "open() declared other outputs or reducers the second time");
    qx_bytes_fini(&one);
    qx_bytes_fini(&two);
    return same;
}

static bool check_open(struct bench *b)
{
    const struct subject *s = b->s;
    struct host_options opt = {.seed = s->seed, .blob = data_sets_blob, .blob_arg = s->data};
    uint64_t most = ITEMS_MOST, listed = 0;
    if (s->decl->items_from &&
        task_decl_items(s->decl, s->params, s->n_params, 0, &listed, NULL) == QX_ERR_OK)
        most = listed;
    b->n_items = s->n_items ? s->n_items : most;
    if (task_decl_items(s->decl, s->params, s->n_params, b->n_items, &listed, &b->err) != QX_ERR_OK ||
        host_open(s->task, s->decl, s->params, s->n_params, &opt, &b->a, &b->err) != QX_ERR_OK ||
        host_open(s->task, s->decl, s->params, s->n_params, &opt, &b->b, &b->err) != QX_ERR_OK ||
        !same_plans(b))
        return false;
    b->n_columns = reduce_plan_columns(host_plan(b->a));
    b->expected.values = qx_calloc(b->n_items * (b->n_columns + 1), sizeof(double));
    b->expected.outcomes = qx_calloc(b->n_items, 1);
    b->row = qx_calloc(b->n_columns + 1, sizeof(double));
    if (b->expected.values && b->expected.outcomes && b->row)
        return true;
    (void)qx_fail(&b->err, QX_ERR_NOMEM, "out of memory for %" PRIu64 " rows", b->n_items);
    return false;
}

unsigned conform_check(const struct subject *s, volatile unsigned *current)
{
    static bool (*const checks[CONFORM_CHECKS])(struct bench * b) = {
        check_open, check_twice, check_reverse, check_instances, check_splits, check_chunks, check_answer};
    struct bench b = {.s = s};
    unsigned failed = 0;
    bool promised = !(s->decl->flags & QX_TASK_NOT_REPRODUCIBLE);
    for (unsigned i = 0; i < CONFORM_CHECKS; i++) {
        *current = i;
        b.differs = false;
        bool met = checks[i](&b);
        bool counts = promised || !b.differs;
        s->report(s->report_arg, conform_check_names[i], met || !counts ? NULL : b.err.text);
        failed += !met && counts;
        if (!met && !b.differs && i < 2)
            break; /* nothing to compare with */
    }
    host_close(b.a);
    host_close(b.b);
    qx_free(b.expected.values);
    qx_free(b.expected.outcomes);
    qx_free(b.row);
    return failed;
}
