/* The task host: loading plugins, opening tasks, running chunks, answers, and what plugins may do wrong. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/table.h"
#include "common/tree.h"
#include "host/host.h"

static struct qx_error err;
static struct registry *reg;

static const char *plugin_path(const char *name)
{
    static char path[4096];
    const char *dir = getenv("QX_TEST_PLUGIN_DIR");
    ck_assert_msg(dir != NULL, "QX_TEST_PLUGIN_DIR is not set");
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void load_registry(void)
{
    ck_assert_int_eq(registry_new(&reg), QX_ERR_OK);
    ck_assert_msg(registry_load(reg, plugin_path("good.so"), &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_msg(registry_load(reg, plugin_path("hostile.so"), &err) == QX_ERR_OK, "%s", err.text);
}

static void free_registry(void)
{
    registry_free(reg);
    reg = NULL;
}

static struct host_task *open_with(const char *name, const char *version, const char *param,
                                   const char *value, const struct host_options *opt)
{
    static const struct host_options plain = {.seed = 42};
    const struct task_decl *d = NULL;
    const struct qx_task *task = registry_find(reg, name, version, &d);
    struct host_task *t = NULL;
    struct param p = {(char *)(uintptr_t)param, (char *)(uintptr_t)value};
    ck_assert_msg(task != NULL, "no task %s", name);
    qx_err e = host_open(task, d, &p, param ? 1 : 0, opt ? opt : &plain, &t, &err);
    return e == QX_ERR_OK ? t : NULL;
}

static struct host_task *open_task(const char *name)
{
    struct host_task *t = open_with(name, NULL, NULL, NULL, NULL);
    ck_assert_msg(t != NULL, "%s", err.text);
    return t;
}

static void says(const char *text)
{
    ck_assert_msg(strstr(err.text, text) != NULL, "'%s' does not say '%s'", err.text, text);
}

/* ---- registry ---- */

START_TEST(bad_plugins_are_named)
{
    static const struct {
        const char *file, *says;
        qx_err code;
    } cases[] = {{"bad/bad_text.so", "not a shared object", QX_ERR_INVALID},
                 {"bad/none.so", "not a shared object", QX_ERR_INVALID},
                 {"bad/bad_symbol.so", "exports no symbol `qx_plugin`", QX_ERR_INVALID},
                 {"bad/bad_abi.so", "plugin ABI version 2, this farm's is 1", QX_ERR_VERSION},
                 {"bad/bad_size.so", "struct qx_plugin of", QX_ERR_VERSION},
                 {"bad/bad_task_size.so", "struct qx_task of", QX_ERR_VERSION},
                 {"bad/bad_name.so", "task name 'Not A Name'", QX_ERR_INVALID},
                 {"bad/bad_none.so", "0 tasks", QX_ERR_INVALID},
                 {"bad/bad_twice.so", "task 'some.task' 1.0 is there already", QX_ERR_INVALID},
                 {"good.so", "is there already", QX_ERR_INVALID}};
    size_t before = registry_count(reg);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        qx_err e = registry_load(reg, plugin_path(cases[i].file), &err);
        ck_assert_msg(e == cases[i].code, "%s: %d, %s", cases[i].file, (int)e, err.text);
        says(cases[i].says);
        ck_assert_uint_eq(registry_count(reg), before);
    }
}
END_TEST

static void count_report(void *arg, const char *path, const struct qx_error *e)
{
    ck_assert(strstr(path, "/bad") != NULL && e->text[0] != '\0');
    (*(unsigned *)arg)++;
}

START_TEST(folders)
{
    unsigned reported = 0;
    struct registry *r;
    char dir[4096];
    ck_assert_int_eq(registry_new(&r), QX_ERR_OK);
    (void)snprintf(dir, sizeof dir, "%s", plugin_path("."));
    ck_assert_int_eq(registry_load_dir(r, dir, NULL, NULL, &err), QX_ERR_OK);
    ck_assert_uint_eq(registry_count(r), registry_count(reg));
    (void)snprintf(dir, sizeof dir, "%s", plugin_path("bad"));
    ck_assert_int_eq(registry_load_dir(r, dir, count_report, &reported, &err), QX_ERR_OK);
    ck_assert_uint_eq(reported, 8);
    ck_assert_int_eq(registry_load_dir(r, "/nowhere", NULL, NULL, &err), QX_ERR_NOTFOUND);
    registry_free(r);
    ck_assert_int_eq(setenv("QX_PLUGIN_DIR", "/some/where", 1), 0);
    ck_assert_int_eq(registry_default_dir(dir, sizeof dir), QX_ERR_OK);
    ck_assert_str_eq(dir, "/some/where");
}
END_TEST

START_TEST(newest_version_wins)
{
    const struct task_decl *d;
    ck_assert_ptr_nonnull(registry_find(reg, "t.map", NULL, &d));
    ck_assert_str_eq(d->version, "1.10");
    ck_assert_ptr_nonnull(registry_find(reg, "t.map", "1.9", &d));
    ck_assert_str_eq(d->version, "1.9");
    ck_assert_ptr_null(registry_find(reg, "t.map", "1.11", &d));
    ck_assert_ptr_null(registry_find(reg, "t.mop", NULL, NULL));
}
END_TEST

/* ---- running ---- */

static const struct block_layout layouts[] = {{1, 0}, {1, 14}, {3, 1}, {64, 4}, {700, 2}};

/* What host_run leaves is block_cut(), and each node has the bits of its blocks merged as a tree, whatever the chunk. */
START_TEST(nodes_are_canonical)
{
    struct host_task *t = open_task("t.map");
    struct host_chunk whole, part;
    host_chunk_init(&whole);
    host_chunk_init(&part);
    for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++) {
        struct block_layout l = layouts[k];
        uint64_t n_items = l.grain * 40, blocks = block_count(l, n_items);
        for (uint64_t first = 0; first < blocks; first += 3)
            for (uint64_t end = first + 1; end <= blocks; end += 5) {
                struct block_node nodes[QX_NODES_MAX];
                ck_assert_int_eq(host_run(t, l, first, end - first, n_items, NULL, 0, false, &whole, &err),
                                 QX_ERR_OK);
                size_t n = block_cut(first, end - (whole.partial_items > 0), nodes);
                ck_assert_uint_eq(whole.n_nodes, n + (whole.partial_items > 0));
                for (size_t i = 0; i < n; i++) {
                    char a[33], b[33];
                    ck_assert_int_eq(host_run(t, l, nodes[i].index << nodes[i].level, 1u << nodes[i].level,
                                              n_items, NULL, 0, false, &part, &err),
                                     QX_ERR_OK);
                    ck_assert_uint_eq(part.n_nodes, 1);
                    ck_assert_int_eq(reduce_digest(&whole.nodes[i], a), QX_ERR_OK);
                    ck_assert_int_eq(reduce_digest(&part.nodes[0], b), QX_ERR_OK);
                    ck_assert_str_eq(a, b);
                }
            }
    }
    host_chunk_fini(&whole);
    host_chunk_fini(&part);
    host_close(t);
}
END_TEST

static void job_digest(struct host_task *t, struct block_layout l, uint64_t n, char digest[33])
{
    struct reduce_state s;
    reduce_state_init(&s);
    ck_assert_msg(host_run_job(t, l, n, &s, digest, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_uint_eq(s.tally.n_ok + s.tally.n_failed, n);
    reduce_state_fini(&s);
}

/* The item function, the block function and one item a call: one digest. */
START_TEST(functions_agree)
{
    static const struct host_options single = {.seed = 42, .single_items = true};
    static const char *const names[] = {"t.map", "t.fails"};
    for (size_t i = 0; i < 2; i++) {
        const char *old = i == 0 ? "1.9" : NULL;
        struct host_task *block = open_with(names[i], old, NULL, NULL, NULL), *run = open_task(names[i]),
                         *one = open_with(names[i], old, NULL, NULL, &single);
        char a[33], b[33], c[33];
        job_digest(block, layouts[3], 3001, a);
        job_digest(run, layouts[3], 3001, b);
        job_digest(one, layouts[3], 3001, c);
        ck_assert_str_eq(a, b);
        ck_assert_str_eq(a, c);
        host_close(block);
        host_close(run);
        host_close(one);
    }
}
END_TEST

START_TEST(seeds_and_layouts_matter)
{
    static const struct host_options other = {.seed = 43};
    struct host_task *t = open_task("t.map"), *u = open_with("t.map", NULL, NULL, NULL, &other);
    char a[33], b[33];
    job_digest(t, layouts[1], 100, a);
    job_digest(u, layouts[1], 100, b);
    ck_assert_str_ne(a, b);
    host_close(t);
    host_close(u);
}
END_TEST

START_TEST(rows_and_outcomes)
{
    struct host_task *t = open_task("t.fails");
    struct host_chunk c;
    static const struct host_skip skips[] = {
        {2, QX_OUTCOME_LOST}, {20, QX_OUTCOME_SIGNAL}, {21, QX_OUTCOME_TIMEOUT}, {24, QX_OUTCOME_EXIT}};
    host_chunk_init(&c);
    /* blocks of 10 items: 1 and 2, cut at item 27 */
    ck_assert_int_eq(host_run(t, (struct block_layout){10, 3}, 1, 2, 27, skips, 4, true, &c, &err),
                     QX_ERR_OK);
    ck_assert_uint_eq(c.n_items, 17);
    ck_assert_uint_eq(c.n_nodes, 2);
    ck_assert_uint_eq(c.partial_items, 7);
    ck_assert_uint_eq(c.rows.len, 17 * sizeof(double));
    const double *rows = (const double *)(void *)c.rows.data;
    for (uint64_t item = 10; item < 27; item++) {
        unsigned expected = item == 20      ? QX_OUTCOME_SIGNAL
                            : item == 21    ? QX_OUTCOME_TIMEOUT
                            : item == 24    ? QX_OUTCOME_EXIT
                            : item % 7 == 3 ? QX_OUTCOME_ERROR
                                            : QX_OUTCOME_OK;
        ck_assert_uint_eq(c.ok.data[item - 10], expected);
        ck_assert(expected == QX_OUTCOME_OK ? rows[item - 10] == 1 : isnan(rows[item - 10]) != 0);
    }
    const struct tally *partial = &c.nodes[1].tally; /* items 20 .. 26 */
    ck_assert_uint_eq(partial->n_ok, 4);
    ck_assert_uint_eq(partial->n_failed, 3);
    ck_assert_uint_eq(partial->n_causes, 3);
    ck_assert_uint_eq(partial->causes[0].first[0], 20);
    ck_assert_str_eq(partial->causes[0].text, "the task crashed");
    ck_assert_uint_eq(c.nodes[0].tally.n_ok, 8); /* 10 and 17 failed */
    ck_assert(reduce_argmin(host_plan(t), &c.nodes[0], 0, 0) == 11);
    ck_assert_str_eq(c.nodes[0].tally.causes[0].text, "even one");
    ck_assert_str_eq(c.nodes[0].tally.causes[1].text, "odd one");
    ck_assert_int_eq(host_run(t, (struct block_layout){10, 3}, 1, 2, 27, NULL, 0, false, &c, &err),
                     QX_ERR_OK);
    ck_assert_uint_eq(c.rows.len, 0);
    ck_assert_uint_eq(c.nodes[1].tally.n_ok, 6); /* 24 = 3 * 7 + 3 failed by itself */
    host_chunk_fini(&c);
    host_close(t);
}
END_TEST

/* A skipped item is not run: here it would end the process. */
START_TEST(skips_are_not_run)
{
    static const struct host_skip skip = {5, QX_OUTCOME_SIGNAL};
    struct host_task *t = open_with("bad.crash", NULL, "at", "5", NULL);
    struct host_chunk c;
    host_chunk_init(&c);
    ck_assert_int_eq(host_run(t, (struct block_layout){16, 3}, 0, 1, 16, &skip, 1, false, &c, &err),
                     QX_ERR_OK);
    ck_assert_uint_eq(c.nodes[0].tally.n_ok, 15);
    ck_assert_uint_eq(c.nodes[0].tally.causes[0].first[0], 5);
    host_chunk_fini(&c);
    host_close(t);
}
END_TEST

START_TEST(one_item)
{
    volatile uint64_t current = 5;
    struct host_options opt = {.seed = 42, .current_item = &current};
    struct host_task *t = open_with("t.fails", NULL, NULL, NULL, &opt);
    double row = 7;
    enum qx_outcome outcome = QX_OUTCOME_LOST;
    ck_assert_int_eq(host_run_item(t, 4, &row, &outcome, &err), QX_ERR_OK);
    ck_assert(row == 1 && outcome == QX_OUTCOME_OK);
    ck_assert_int_eq(host_run_item(t, 3, &row, &outcome, &err), QX_ERR_OK);
    ck_assert(isnan(row) && outcome == QX_OUTCOME_ERROR);
    ck_assert_str_eq(err.text, "odd one");
    ck_assert(current == HOST_NO_ITEM);
    host_close(t);
}
END_TEST

START_TEST(chunks_that_do_not_exist)
{
    struct host_task *t = open_task("t.count");
    struct host_chunk c;
    host_chunk_init(&c);
    struct block_layout l = {1, 14};
    ck_assert_int_eq(host_run(t, l, 0, 0, 10, NULL, 0, false, &c, &err), QX_ERR_INVALID);
    ck_assert_int_eq(host_run(t, l, 9, 2, 10, NULL, 0, false, &c, &err), QX_ERR_INVALID);
    ck_assert_int_eq(host_run(t, l, UINT64_MAX, 1, 10, NULL, 0, false, &c, &err), QX_ERR_INVALID);
    ck_assert_int_eq(host_run(t, l, 0, 1, 0, NULL, 0, false, &c, &err), QX_ERR_INVALID);
    ck_assert_int_eq(host_run(t, (struct block_layout){0, 1}, 0, 1, 10, NULL, 0, false, &c, &err),
                     QX_ERR_INVALID);
    host_chunk_fini(&c);
    host_close(t);
}
END_TEST

START_TEST(cancel_and_warm_memory)
{
    volatile uint32_t flag = 0;
    struct host_options opt = {.seed = 42, .cancel = &flag};
    struct host_task *t = open_with("t.count", NULL, NULL, NULL, &opt);
    struct host_chunk c;
    host_chunk_init(&c);
    struct block_layout l = {1, 14};
    ck_assert_int_eq(host_run(t, l, 1000, 1000, 20000, NULL, 0, false, &c, &err), QX_ERR_OK);
    qx_mem_fail_at(1); /* once warm, nothing is allocated */
    ck_assert_int_eq(host_run(t, l, 1000, 1000, 20000, NULL, 0, false, &c, &err), QX_ERR_OK);
    ck_assert_ptr_null(qx_malloc(1)); /* the counter was still armed */
    flag = 1;
    ck_assert_int_eq(host_run(t, l, 0, 1000, 20000, NULL, 0, false, &c, &err), QX_ERR_CANCELLED);
    host_chunk_fini(&c);
    host_close(t);
}
END_TEST

/* ---- own reducers, records, data ---- */

START_TEST(own_reducer)
{
    struct host_task *t = open_task("t.own");
    struct reduce_state s;
    struct qx_bytes json = {0};
    char digest[33], expected[40];
    uint64_t hash = 0;
    for (uint64_t i = 1; i <= 777; i++)
        hash = hash * 1000003 + i;
    (void)snprintf(expected, sizeof expected, "{\"hash\":\"%016llx\"}", (unsigned long long)hash);
    for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++) {
        reduce_state_init(&s);
        ck_assert_int_eq(host_run_job(t, layouts[k], 777, &s, digest, &err), QX_ERR_OK);
        qx_bytes_clear(&json);
        ck_assert_int_eq(host_finish(t, &s, &json, &err), QX_ERR_OK);
        (void)qx_bytes_append(&json, "", 1);
        ck_assert_str_eq((char *)json.data, expected);
        reduce_state_fini(&s);
    }
    ck_assert(reduce_plan_opaque(host_plan(t)));
    qx_bytes_fini(&json);
    host_close(t);
}
END_TEST

START_TEST(records_and_their_budget)
{
    struct host_options opt = {.item_bytes_max = 100};
    struct host_task *t = open_with("t.writes", NULL, "big", "7", &opt);
    struct reduce_state s;
    struct qx_bytes json = {0};
    char digest[33];
    reduce_state_init(&s);
    ck_assert_msg(host_run_job(t, layouts[0], 10, &s, digest, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_uint_eq(s.tally.n_ok, 9);
    ck_assert_uint_eq(s.tally.causes[0].kind, QX_OUTCOME_BUDGET);
    ck_assert_uint_eq(s.tally.causes[0].first[0], 7);
    ck_assert_int_eq(host_finish(t, &s, &json, &err), QX_ERR_OK);
    (void)qx_bytes_append(&json, "", 1);
    ck_assert_str_eq((char *)json.data, "{\"bytes\":63,\"first\":\"item 0\\u000a\"}");
    qx_bytes_fini(&json);
    reduce_state_fini(&s);
    host_close(t);
}
END_TEST

static qx_err give_image(void *arg, const struct blob_ref *ref, const void **ret_data, struct qx_error *e)
{
    (void)e;
    const struct qx_bytes *image = arg;
    ck_assert_uint_eq(ref->len_bytes, image->len);
    *ret_data = image->data;
    return QX_ERR_OK;
}

static qx_err open_data(struct qx_bytes *image, const char *column, struct host_task **t)
{
    struct blob_ref ref = {.len_bytes = image->len};
    char value[BLOB_REF_BYTES];
    const struct task_decl *d;
    const struct qx_task *task = registry_find(reg, "t.data", NULL, &d);
    struct host_options opt = {.seed = 1, .blob = give_image, .blob_arg = image};
    blob_hash(image->data, image->len, ref.hash);
    blob_ref_format(&ref, value);
    struct param p[] = {{(char *)"data", value}, {(char *)"column", (char *)(uintptr_t)column}};
    return host_open(task, d, p, 2, &opt, t, &err);
}

START_TEST(data_sets)
{
    static const char csv[] = "LSAT,name\n576,a\n635,b\n558,c\n";
    struct qx_bytes image = {0};
    struct host_task *t;
    ck_assert_int_eq(table_from_csv("law.csv", csv, sizeof csv - 1, &image, &err), QX_ERR_OK);
    ck_assert_int_eq(open_data(&image, "LSAR", &t), QX_ERR_INVALID);
    says("no column 'LSAR'; did you mean 'LSAT'?");
    ck_assert_int_eq(open_data(&image, "zzzzz", &t), QX_ERR_INVALID);
    says("no column 'zzzzz'; there are 2, the first is 'LSAT'");
    ck_assert_int_eq(open_data(&image, "name", &t), QX_ERR_INVALID);
    says("column 'name' is text");
    ck_assert_int_eq(open_data(&image, "LSAT", &t), QX_ERR_OK);
    double row;
    enum qx_outcome outcome;
    ck_assert_int_eq(host_run_item(t, 0, &row, &outcome, &err), QX_ERR_OK);
    ck_assert(row == 576 || row == 635 || row == 558);
    host_close(t);
    image.data[0] = '?';
    ck_assert_int_eq(open_data(&image, "LSAT", &t), QX_ERR_PROTO);
    qx_bytes_fini(&image);
}
END_TEST

/* ---- answers ---- */

START_TEST(answers)
{
    struct host_task *t = open_with("t.map", "1.9", "scale", "2", NULL);
    struct reduce_state s;
    struct qx_bytes json = {0};
    char digest[33];
    reduce_state_init(&s);
    ck_assert_int_eq(host_run_job(t, layouts[1], 101, &s, digest, &err), QX_ERR_OK);
    ck_assert_msg(host_finish(t, &s, &json, &err) == QX_ERR_OK, "%s", err.text);
    (void)qx_bytes_append(&json, "", 1);
    ck_assert_str_eq(
        (char *)json.data,
        "{\"n\":101,\"mean_y\":100,\"sum_y\":10100,\"argmax_y\":100,\"binned\":101,\"sorted "
        "\\\"check\\\"\\u000a\":\"yes\","
        "\"median_is_middle\":1,\"rows\":[{\"kept\":101,\"nan\":null},{\"kept\":101,\"nan\":null}]}");
    reduce_state_fini(&s);
    host_close(t);
    t = open_task("t.count"); /* no finish(): the reducers' summaries */
    ck_assert_int_eq(host_run_job(t, layouts[1], 10, &s, digest, &err), QX_ERR_OK);
    qx_bytes_clear(&json);
    ck_assert_int_eq(host_finish(t, &s, &json, &err), QX_ERR_OK);
    (void)qx_bytes_append(&json, "", 1);
    ck_assert(strstr((char *)json.data, "45") != NULL && json.data[0] == '{');
    reduce_state_fini(&s);
    qx_bytes_fini(&json);
    host_close(t);
}
END_TEST

/* ---- plugins that break rules ---- */

static qx_err run_items(const char *name)
{
    struct host_task *t = open_task(name);
    struct reduce_state s;
    struct qx_bytes json = {0};
    char digest[33];
    reduce_state_init(&s);
    qx_err e = host_run_job(t, layouts[3], 20, &s, digest, &err);
    if (e == QX_ERR_OK)
        e = host_finish(t, &s, &json, &err);
    qx_bytes_fini(&json);
    reduce_state_fini(&s);
    host_close(t);
    return e;
}

START_TEST(broken_rules_are_named)
{
    ck_assert_int_eq(run_items("bad.names"), QX_ERR_TASK);
    says("task bad.names has a bug in run(): it asks for the parameter 'undeclared'");
    ck_assert_int_eq(run_items("bad.other"), QX_ERR_TASK);
    says("qx_fail_item() for item 20, which it was not given");
    ck_assert_int_eq(run_items("bad.whole"), QX_ERR_IO);
    says("the licence server is away");
    ck_assert_int_eq(run_items("bad.silent"), QX_ERR_IO);
    says("task bad.silent: run() failed without a text");
    ck_assert_int_eq(run_items("bad.odd"), QX_ERR_TASK);
    says("unknown code 4711");
    ck_assert_int_eq(run_items("bad.write"), QX_ERR_TASK);
    says("no QX_REDUCE_RECORDS reducer");
    ck_assert_int_eq(run_items("bad.finish"), QX_ERR_TASK);
    says("leaves 1 parts of its answer open");
    ck_assert_int_eq(run_items("bad.allfail"), QX_ERR_OK);
}
END_TEST

START_TEST(gsl_draws_from_the_same_stream)
{
    struct host_task *t = open_task("t.gsl");
    double row[2];
    enum qx_outcome outcome;
    for (uint64_t item = 0; item < 100; item++) {
        ck_assert_int_eq(host_run_item(t, item, row, &outcome, &err), QX_ERR_OK);
        ck_assert(row[0] == row[1] && row[0] > 1);
    }
    host_close(t);
}
END_TEST

START_TEST(texts_become_utf8)
{
    struct host_task *t = open_task("bad.allfail");
    double row;
    enum qx_outcome outcome;
    ck_assert_int_eq(host_run_item(t, 0, &row, &outcome, &err), QX_ERR_OK);
    ck_assert_str_eq(err.text, "undefined ? here");
    host_close(t);
}
END_TEST

START_TEST(bad_opens_are_named)
{
    ck_assert_ptr_null(open_with("bad.open", NULL, "at", "-3", NULL));
    ck_assert_int_eq(err.code, QX_ERR_INVALID);
    ck_assert_str_eq(err.text, "at=-3 makes no sense; give a positive one");
    ck_assert_ptr_null(open_with("bad.histogram", NULL, NULL, NULL, NULL));
    says("task bad.histogram: ");
    ck_assert_ptr_null(open_with("bad.own", NULL, NULL, NULL, NULL));
    says("without the flag QX_TASK_OWN_REDUCER");
    ck_assert_ptr_null(open_with("t.map", NULL, "scele", "2", NULL));
    says("did you mean 'scale'?");
    ck_assert_ptr_null(open_with("t.map", NULL, "scale", "two", NULL));
    says("'two' is not a number");
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    const struct task_decl *d;
    const struct qx_task *task = registry_find(reg, "t.fails", NULL, &d);
    struct host_options opt = {.seed = 1};
    for (unsigned n = 1;; n++) {
        struct host_task *t = NULL;
        struct reduce_state s;
        char digest[33];
        reduce_state_init(&s);
        qx_mem_fail_at(n);
        qx_err e = host_open(task, d, NULL, 0, &opt, &t, &err);
        if (e == QX_ERR_OK)
            e = host_run_job(t, layouts[3], 1000, &s, digest, &err);
        reduce_state_fini(&s);
        host_close(t);
        if (e == QX_ERR_OK)
            break;
        ck_assert_msg(e == QX_ERR_NOMEM, "allocation %u: %s", n, err.text);
        ck_assert_uint_lt(n, 10000);
    }
    qx_mem_fail_at(0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("host");
    TCase *c = tcase_create("host");
    tcase_add_checked_fixture(c, load_registry, free_registry);
    tcase_add_test(c, bad_plugins_are_named);
    tcase_add_test(c, folders);
    tcase_add_test(c, newest_version_wins);
    tcase_add_test(c, nodes_are_canonical);
    tcase_add_test(c, functions_agree);
    tcase_add_test(c, seeds_and_layouts_matter);
    tcase_add_test(c, rows_and_outcomes);
    tcase_add_test(c, skips_are_not_run);
    tcase_add_test(c, one_item);
    tcase_add_test(c, chunks_that_do_not_exist);
    tcase_add_test(c, cancel_and_warm_memory);
    tcase_add_test(c, own_reducer);
    tcase_add_test(c, records_and_their_budget);
    tcase_add_test(c, data_sets);
    tcase_add_test(c, answers);
    tcase_add_test(c, broken_rules_are_named);
    tcase_add_test(c, gsl_draws_from_the_same_stream);
    tcase_add_test(c, texts_become_utf8);
    tcase_add_test(c, bad_opens_are_named);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
