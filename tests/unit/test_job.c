/* The job record behind the sink: frames in, answer out. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"
#include "master/job.h"

static const char *const columns[] = {"x"};
static struct reduce_plan *plan;

static void make_plan(void)
{
    static const uint32_t column[] = {0};
    const struct qx_reducer reducers[] = {
        {.kind = QX_REDUCE_COUNT, .name = "count"},
        {.kind = QX_REDUCE_MOMENTS, .name = NULL, .columns = column, .n_columns = 1}};
    struct qx_error err;
    ck_assert_msg(reduce_plan_new(columns, 1, reducers, 2, &plan, &err) == QX_ERR_OK, "%s", err.text);
}

static void free_plan(void)
{
    reduce_plan_free(plan);
}

static double value_of(uint64_t item)
{
    return sin((double)item) * 3 + (double)(item % 7);
}

static struct task_decl decl = {.name = "t", .version = "1.0", .layout = {2, 3}};

static struct job *new_grid(uint32_t n_cells, uint64_t n_items, const char *until, bool rows)
{
    struct job_cell cells[2] = {{0}};
    const struct job_spec wanted = {.task = "t",
                                    .version = "1.0",
                                    .n_cells = n_cells,
                                    .cells = cells,
                                    .n_items = n_items,
                                    .until = (char *)(uintptr_t)until,
                                    .rows = rows,
                                    .label = "",
                                    .layout = decl.layout};
    struct job *j = NULL;
    struct qx_error err;
    ck_assert_msg(job_new(1, &wanted, &decl, 0, &j, &err) == QX_ERR_OK, "%s", err.text);
    return j;
}

static struct job *new_job(uint64_t n_items, const char *until, bool rows)
{
    return new_grid(1, n_items, until, rows);
}

static void reduce_items(struct reduce_state *s, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++) {
        double x = value_of(i);
        ck_assert_int_eq(reduce_add(plan, NULL, s, i, 1, &x), QX_ERR_OK);
    }
}

/* The state of a node, block by block, merged as a worker merges them. */
static void node_state(struct block_node n, struct reduce_state *ret)
{
    ck_assert_int_eq(reduce_reset(plan, NULL, ret), QX_ERR_OK);
    if (!n.level) {
        reduce_items(ret, block_first(decl.layout, n.index), block_first(decl.layout, n.index + 1));
        return;
    }
    struct reduce_state right;
    reduce_state_init(&right);
    node_state((struct block_node){n.level - 1, n.index * 2}, ret);
    node_state((struct block_node){n.level - 1, n.index * 2 + 1}, &right);
    ck_assert_int_eq(reduce_merge(plan, NULL, ret, &right), QX_ERR_OK);
    reduce_state_fini(&right);
}

static void append_state(struct qx_bytes *nodes, const struct reduce_state *s)
{
    struct qx_bytes one = {0};
    ck_assert_int_eq(reduce_encode(s, &one), QX_ERR_OK);
    ck_assert_int_eq(qx_put_u64(nodes, one.len), QX_ERR_OK);
    ck_assert_int_eq(qx_bytes_append(nodes, one.data, one.len), QX_ERR_OK);
    ck_assert_int_eq(qx_bytes_resize(nodes, (nodes->len + 7) & ~(size_t)7), QX_ERR_OK);
    qx_bytes_fini(&one);
}

struct sent {
    struct qx_bytes nodes, plan, rows, ok;
    struct frame_view view;
};

/* What a worker sends for blocks [first, first + n) of a job of n_items. */
static void make_result(struct sent *s, uint64_t first, uint64_t n, uint64_t n_items, bool rows)
{
    struct block_node cut[QX_NODES_MAX];
    memset(s, 0, sizeof *s);
    uint64_t last = first + n - 1, end = block_first(decl.layout, first + n);
    uint64_t partial = end > n_items ? n_items - block_first(decl.layout, last) : 0;
    size_t n_whole = block_cut(first, first + n - (partial != 0), cut);
    struct reduce_state state;
    reduce_state_init(&state);
    for (size_t i = 0; i < n_whole; i++) {
        node_state(cut[i], &state);
        append_state(&s->nodes, &state);
    }
    if (partial) {
        ck_assert_int_eq(reduce_reset(plan, NULL, &state), QX_ERR_OK);
        reduce_items(&state, block_first(decl.layout, last), n_items);
        append_state(&s->nodes, &state);
        end = n_items;
    }
    reduce_state_fini(&state);
    ck_assert_int_eq(reduce_plan_encode(plan, &s->plan), QX_ERR_OK);
    for (uint64_t i = block_first(decl.layout, first); rows && i < end; i++) {
        ck_assert_int_eq(qx_put_f64(&s->rows, value_of(i)), QX_ERR_OK);
        ck_assert_int_eq(qx_bytes_append(&s->ok, "", 1), QX_ERR_OK);
    }
    s->view.result = (struct frame_result){.first_block = first,
                                           .n_blocks = (uint32_t)n,
                                           .partial_items = partial,
                                           .n_items = end - block_first(decl.layout, first),
                                           .n_nodes = (uint32_t)(n_whole + (partial != 0)),
                                           .len_nodes = s->nodes.len,
                                           .len_plan = (uint32_t)s->plan.len,
                                           .len_rows = s->rows.len,
                                           .len_ok = s->ok.len};
    s->view.nodes = s->nodes.data;
    s->view.plan = s->plan.data;
    s->view.rows = s->rows.data;
    s->view.ok = s->ok.data;
}

static void sent_fini(struct sent *s)
{
    qx_bytes_fini(&s->nodes);
    qx_bytes_fini(&s->plan);
    qx_bytes_fini(&s->rows);
    qx_bytes_fini(&s->ok);
}

static void deliver(struct job *j, struct job_result *r, uint64_t first, uint64_t n)
{
    struct sent s;
    struct qx_error err = {0};
    make_result(&s, first, n, j->spec->n_items, j->spec->rows);
    ck_assert_msg(job_decode(j, &s.view, r, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_msg(job_insert(j, 0, r, &s.view, &err) == QX_ERR_OK, "%s", err.text);
    sent_fini(&s);
}

static bool advance(struct job *j, uint64_t *ret_block)
{
    bool stop = false;
    struct qx_error err = {0};
    ck_assert_msg(job_advance(j, 0, &stop, ret_block, &err) == QX_ERR_OK, "%s", err.text);
    return stop;
}

static void close_job(struct job *j, char ret_digest[33])
{
    struct qx_error err = {0};
    uint64_t block = 0;
    (void)advance(j, &block);
    ck_assert_msg(job_close_cell(j, 0, true, NULL, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_msg(job_answer_cell(j, 0, NULL, 0, &err) == QX_ERR_OK, "%s", err.text);
    job_close(j);
    memcpy(ret_digest, j->digest, 33);
}

enum { N_ITEMS = 1001 };

/* All blocks in leases of `step` blocks, the k-th lease at place k * stride of the order. */
static void run_in_order(struct job *j, struct job_result *r, uint64_t step, uint64_t stride)
{
    uint64_t blocks = block_count(decl.layout, j->spec->n_items), leases = (blocks + step - 1) / step,
             block = 0;
    for (uint64_t k = 0; k < leases; k++) {
        uint64_t first = k * stride % leases * step;
        deliver(j, r, first, first + step > blocks ? blocks - first : step);
        (void)advance(j, &block);
    }
}

START_TEST(the_digest_does_not_depend_on_chunks_or_order)
{
    char expected[33] = "", got[33] = "";
    for (uint64_t step = 1; step <= 9; step += 4) {
        struct job *j = new_job(N_ITEMS, "", false);
        struct job_result r;
        ck_assert_int_eq(job_result_init(&r), QX_ERR_OK);
        run_in_order(j, &r, step, step == 1 ? 1 : 5 /* coprime to the number of leases */);
        close_job(j, got);
        ck_assert_uint_eq(j->cells[0].answer.n_items, N_ITEMS);
        if (!*expected)
            memcpy(expected, got, sizeof got);
        ck_assert_str_eq(got, expected);
        ck_assert_ptr_nonnull(strstr(j->cells[0].answer.result_json, "mean"));
        job_result_fini(&r);
        job_free(j);
    }
}
END_TEST

START_TEST(an_extended_job_equals_a_fresh_one)
{
    char fresh[33], extended[33];
    struct job_result r;
    ck_assert_int_eq(job_result_init(&r), QX_ERR_OK);
    struct job *j = new_job(N_ITEMS, "", false);
    run_in_order(j, &r, 5, 1);
    close_job(j, fresh);
    job_free(j);
    j = new_job(333, "", false);
    run_in_order(j, &r, 5, 1);
    close_job(j, extended);
    ck_assert_str_ne(fresh, extended);
    uint64_t whole = block_of(decl.layout, 333), blocks = block_count(decl.layout, N_ITEMS);
    ck_assert_uint_ne(block_first(decl.layout, whole), 333); /* there is a partial block to forget */
    job_reopen(j, N_ITEMS);
    ck_assert_uint_eq(j->items_done, block_first(decl.layout, whole));
    deliver(j, &r, whole, blocks - whole);
    close_job(j, extended);
    ck_assert_str_eq(fresh, extended);
    job_result_fini(&r);
    job_free(j);
}
END_TEST

START_TEST(a_rule_stops_at_the_same_block_in_any_order)
{
    uint64_t expected = 0;
    for (uint64_t stride = 1; stride < 60; stride += 22) { /* 1, 23, 45: coprime to the number of blocks */
        struct job *j = new_job(N_ITEMS, "se<0.2", false);
        struct job_result r;
        ck_assert_int_eq(job_result_init(&r), QX_ERR_OK);
        uint64_t blocks = block_count(decl.layout, N_ITEMS), block = 0;
        bool stopped = false;
        for (uint64_t k = 0; k < blocks && !stopped; k++) {
            deliver(j, &r, k * stride % blocks, 1);
            stopped = advance(j, &block);
        }
        ck_assert(stopped);
        ck_assert(block_is_checkpoint(block));
        expected = expected ? expected : block;
        ck_assert_uint_eq(block, expected);
        job_result_fini(&r);
        job_free(j);
    }
}
END_TEST

START_TEST(a_rule_that_the_task_cannot_answer_is_an_error)
{
    struct job *j = new_job(N_ITEMS, "p<0.2", false);
    struct job_result r;
    ck_assert_int_eq(job_result_init(&r), QX_ERR_OK);
    deliver(j, &r, 0, 1);
    bool stop = false;
    uint64_t block = 0;
    struct qx_error err = {0};
    ck_assert_int_eq(job_advance(j, 0, &stop, &block, &err), QX_ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "p"));
    job_result_fini(&r);
    job_free(j);
}
END_TEST

static qx_err decode_changed(struct job *j, struct job_result *r,
                             void (*change)(struct frame_result *, struct sent *))
{
    struct sent s;
    struct qx_error err;
    make_result(&s, 3, 6, j->spec->n_items, j->spec->rows);
    change(&s.view.result, &s);
    qx_err e = job_decode(j, &s.view, r, &err);
    sent_fini(&s);
    return e;
}
static void nothing(struct frame_result *f, struct sent *s)
{
    (void)f;
    (void)s;
}
static void other_range(struct frame_result *f, struct sent *s)
{
    f->n_blocks = 7;
    (void)s;
}
static void no_plan(struct frame_result *f, struct sent *s)
{
    f->len_plan = 0;
    (void)s;
}
static void cut_nodes(struct frame_result *f, struct sent *s)
{
    f->len_nodes -= 8;
    (void)s;
}
static void wild_length(struct frame_result *f, struct sent *s)
{
    memset(s->nodes.data, 0xff, 8);
    (void)f;
}
static void short_rows(struct frame_result *f, struct sent *s)
{
    f->len_rows -= 8;
    (void)s;
}

START_TEST(what_does_not_fit_is_refused_and_changes_nothing)
{
    void (*const lies[])(struct frame_result *, struct sent *) = {other_range, no_plan, cut_nodes,
                                                                  wild_length, short_rows};
    struct job *j = new_job(N_ITEMS, "", true);
    struct job_result r;
    ck_assert_int_eq(job_result_init(&r), QX_ERR_OK);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        ck_assert_int_eq(decode_changed(j, &r, lies[i]), QX_ERR_PROTO);
        ck_assert_ptr_null(j->cells[0].tree);
        ck_assert_ptr_null(j->cells[0].plan); /* nor is a plan believed that came with a lie */
    }
    ck_assert_int_eq(decode_changed(j, &r, nothing), QX_ERR_OK);
    ck_assert_int_eq(decode_changed(j, &r, no_plan), QX_ERR_OK); /* now it is known */
    job_result_fini(&r);
    job_free(j);
}
END_TEST

/* ---- whose plan ---- */

enum { ANNA = 11, BERT, LIAR }; /* sessions */

/* A result of one block of `cell` by this worker, who reduces as `as` says. */
static qx_err result_by(struct job *j, struct job_result *r, uint64_t worker, uint32_t cell, uint64_t block,
                        struct reduce_plan *as, bool with_plan)
{
    struct sent s;
    struct qx_error err = {0};
    struct reduce_plan *usual = plan;
    plan = as;
    make_result(&s, block, 1, j->spec->n_items, false);
    plan = usual;
    s.view.head.session = worker;
    s.view.result.cell = cell;
    if (!with_plan)
        s.view.result.len_plan = 0;
    qx_err e = job_decode(j, &s.view, r, &err);
    if (e == QX_ERR_OK)
        ck_assert_msg(job_insert(j, cell, r, &s.view, &err) == QX_ERR_OK, "%s", err.text);
    sent_fini(&s);
    return e;
}

static struct reduce_plan *sum_plan(const char *name)
{
    const struct qx_reducer sum = {.kind = QX_REDUCE_SUM, .name = name};
    struct reduce_plan *p = NULL;
    ck_assert_int_eq(reduce_plan_new(columns, 1, &sum, 1, &p, NULL), QX_ERR_OK);
    return p;
}

START_TEST(cells_have_plans_of_their_own_and_one_liar_is_told)
{
    struct reduce_plan *shape[2] = {plan, sum_plan("sum")}, *lie = sum_plan("lie");
    struct job *j = new_grid(2, N_ITEMS, "", false);
    struct job_result r;
    ck_assert_int_eq(job_result_init(&r), QX_ERR_OK);
    for (uint32_t cell = 0; cell < 2; cell++) {
        struct reduce_plan *mine = shape[cell], *others = shape[1 - cell];
        ck_assert(job_wants_plan(j, cell, ANNA));
        ck_assert_int_eq(result_by(j, &r, ANNA, cell, 0, mine, true), QX_ERR_OK);
        ck_assert(!job_wants_plan(j, cell, ANNA)); /* alone she is not asked again */
        ck_assert(job_wants_plan(j, cell, BERT));
        ck_assert_int_eq(result_by(j, &r, ANNA, cell, 1, others, true),
                         QX_ERR_PROTO); /* contradicts herself */
        ck_assert_int_eq(result_by(j, &r, BERT, cell, 2, mine, false), QX_ERR_PROTO); /* was asked */
        ck_assert_int_eq(result_by(j, &r, BERT, cell, 2, mine, true), QX_ERR_OK);
        ck_assert(!job_wants_plan(j, cell, LIAR));
        ck_assert_int_eq(result_by(j, &r, LIAR, cell, 3, lie, true), QX_ERR_PROTO);
        ck_assert_int_eq(result_by(j, &r, LIAR, cell, 3, others, true), QX_ERR_PROTO);
        ck_assert_int_eq(result_by(j, &r, LIAR, cell, 3, others, false), QX_ERR_PROTO);
        ck_assert_int_eq(result_by(j, &r, ANNA, cell, 3, mine, false), QX_ERR_OK);
        ck_assert_int_eq(result_by(j, &r, BERT, cell, 4, mine, true), QX_ERR_OK);
    }
    job_result_fini(&r);
    job_free(j);
    reduce_plan_free(shape[1]);
    reduce_plan_free(lie);
}
END_TEST

/* One word against another: the liar was first. Who is honest is not blamed; the job cannot go on. */
START_TEST(where_two_differ_nobody_is_blamed)
{
    struct reduce_plan *lie = sum_plan("lie");
    struct job *j = new_job(N_ITEMS, "", false);
    struct job_result r;
    ck_assert_int_eq(job_result_init(&r), QX_ERR_OK);
    ck_assert_int_eq(result_by(j, &r, LIAR, 0, 0, lie, true), QX_ERR_OK);
    ck_assert(job_wants_plan(j, 0, ANNA));
    ck_assert_int_eq(result_by(j, &r, ANNA, 0, 1, plan, true), QX_ERR_INVALID);
    job_result_fini(&r);
    job_free(j);
    reduce_plan_free(lie);
}
END_TEST

START_TEST(rows_leave_in_item_order_once)
{
    struct job *j = new_job(N_ITEMS, "", true);
    struct job_result r;
    ck_assert_int_eq(job_result_init(&r), QX_ERR_OK);
    uint64_t blocks = block_count(decl.layout, N_ITEMS), next = 0, block = 0;
    for (uint64_t k = 0; k < blocks; k++) {
        deliver(j, &r, k * 23 % blocks, 1);
        (void)advance(j, &block);
        struct job_rows rows;
        while (job_next_rows(j, 0, &rows)) {
            ck_assert_uint_eq(rows.first_item, next);
            for (uint32_t i = 0; i < rows.n_items; i++)
                ck_assert(rows.values[i] == value_of(next + i));
            next += rows.n_items;
            j->rows_held_bytes -= rows.n_items * sizeof(double);
            qx_free(rows.values);
            qx_free(rows.ok);
        }
    }
    ck_assert_uint_eq(next, N_ITEMS);
    ck_assert_uint_eq(j->rows_held_bytes, 0);
    job_result_fini(&r);
    job_free(j);
}
END_TEST

START_TEST(skips_come_sorted_and_by_range)
{
    struct job *j = new_job(N_ITEMS, "", false);
    struct frame_skip got[4];
    ck_assert_int_eq(job_add_skip(j, 0, 70, QX_OUTCOME_SIGNAL), QX_ERR_OK);
    ck_assert_int_eq(job_add_skip(j, 0, 7, QX_OUTCOME_MEMORY), QX_ERR_OK);
    ck_assert_int_eq(job_add_skip(j, 0, 17, QX_OUTCOME_TIMEOUT), QX_ERR_OK);
    ck_assert_uint_eq(job_skips(j, 0, 0, 70, got, 4), 2);
    ck_assert_uint_eq(got[0].item, 7);
    ck_assert_uint_eq(got[1].item, 17);
    ck_assert_uint_eq(job_skips(j, 1, 0, 100, got, 4), 0);
    job_free(j);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("job");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, make_plan, free_plan);
    tcase_add_test(t, the_digest_does_not_depend_on_chunks_or_order);
    tcase_add_test(t, an_extended_job_equals_a_fresh_one);
    tcase_add_test(t, a_rule_stops_at_the_same_block_in_any_order);
    tcase_add_test(t, a_rule_that_the_task_cannot_answer_is_an_error);
    tcase_add_test(t, what_does_not_fit_is_refused_and_changes_nothing);
    tcase_add_test(t, cells_have_plans_of_their_own_and_one_liar_is_told);
    tcase_add_test(t, where_two_differ_nobody_is_blamed);
    tcase_add_test(t, rows_leave_in_item_order_once);
    tcase_add_test(t, skips_come_sorted_and_by_range);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
