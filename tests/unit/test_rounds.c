/* Jobs that go on in rounds, without a farm: results go in, jobs and the whole come out. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/next.h"
#include "client/rounds.h"
#include "client/session_internal.h"
#include "common/mem.h"

enum { CELLS = 3 };

static const char done[] = "{\"estimate\":1}";

/* The result of a job: an answer each cell, of which some want more. */
static struct qx_result *result_of(uint64_t job, enum job_state state, uint32_t n, const char *const *answers)
{
    struct job_cell spec_cells[CELLS] = {{0}};
    struct cell_answer cells[CELLS] = {{0}};
    struct control c = {.type = CONTROL_ANSWER}, decoded;
    struct qx_bytes bytes = {0};
    struct qx_error err = {0};
    struct qx_result *r = NULL;
    struct param own = {(char *)(uintptr_t) "x", (char *)(uintptr_t) "1"};
    c.u.answer.info =
        (struct job_info){.job = job,
                          .state = state,
                          .task = (char *)(uintptr_t) "t",
                          .version = (char *)(uintptr_t) "1.5",
                          .error = (char *)(uintptr_t)(state == JOB_STATE_FAILED ? "it broke" : ""),
                          .error_code = state == JOB_STATE_FAILED ? QX_ERR_TASK : QX_ERR_OK,
                          .seed = 77,
                          .n_items = 10,
                          .n_cells = n,
                          .elapsed_ns = 5,
                          .items_done = 10 * (uint64_t)n};
    for (uint32_t i = 0; i < n; i++) {
        spec_cells[i] = (struct job_cell){n > 1 ? 1 : 0, &own};
        cells[i] = (struct cell_answer){.n_items = 10,
                                        .complete = state == JOB_STATE_DONE,
                                        .result_json = (char *)(uintptr_t)answers[i],
                                        .failures_json = (char *)(uintptr_t) "{}"};
        (void)snprintf(cells[i].digest, sizeof cells[i].digest, "%016x%016x", (unsigned)job, (unsigned)i);
    }
    c.u.answer.spec = (struct job_spec){.task = (char *)(uintptr_t) "t",
                                        .version = (char *)(uintptr_t) "1.5",
                                        .n_cells = n,
                                        .cells = spec_cells,
                                        .n_items = 10,
                                        .seed = 77,
                                        .layout = {1, 14}};
    c.u.answer.n_cells = n;
    c.u.answer.cells = cells;
    ck_assert_int_eq(control_encode(&c, &bytes), QX_ERR_OK);
    ck_assert_msg(control_decode(bytes.data, bytes.len, &decoded, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_msg(convert_result(&decoded, &r, &err) == QX_ERR_OK, "%s", err.text);
    qx_bytes_fini(&bytes);
    return r;
}

static struct qx_result *one_result(uint64_t job, enum job_state state, const char *answer)
{
    return result_of(job, state, 1, &answer);
}

static const char *value_of(const struct qx_arg *args, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(args[i].name, name))
            return args[i].value;
    return "";
}

static struct rounds *rounds_of(const struct qx_job_options *job)
{
    struct rounds *r = NULL;
    ck_assert_int_eq(rounds_new(job, &r), QX_ERR_OK);
    return r;
}

static const struct qx_arg args[] = {{"a", "1"}, {"b", "2"}};
static const struct qx_job_options plain = {.task = "t",
                                            .args = args,
                                            .n_args = 2,
                                            .n_items = 100,
                                            .until = "se<1",
                                            .label = "l",
                                            .rounds_max = 5,
                                            .progress_ms = 40};

START_TEST(next_is_read_or_its_fault_told)
{
    struct next n;
    struct qx_error err = {0};
    ck_assert_int_eq(next_read(done, &n, &err), QX_ERR_NOTFOUND);
    ck_assert_int_eq(next_read("", &n, &err), QX_ERR_NOTFOUND);
    ck_assert_int_eq(next_read("{\"inner\":{\"next\":{}}}", &n, &err), QX_ERR_NOTFOUND);
    ck_assert_int_eq(
        next_read("{\"next\":{\"params\":{\"a\":\"x\",\"b\":\"\"},\"n\":7,\"why\":\"more\"}}", &n, &err),
        QX_ERR_OK);
    ck_assert_uint_eq(n.n_args, 2);
    ck_assert_str_eq(n.args[1].name, "b");
    ck_assert_str_eq(n.args[0].value, "x");
    ck_assert_uint_eq(n.n_items, 7);
    ck_assert_str_eq(n.why, "more");
    next_fini(&n);
    ck_assert_int_eq(next_read("{\"next\":{}}", &n, &err), QX_ERR_OK);
    ck_assert_str_eq(n.why, "");
    next_fini(&n);
    static const char *const bad[] = {"{\"next\":1}", "{\"next\":{\"params\":[]}}",
                                      "{\"next\":{\"params\":{\"a\":1}}}", "{\"next\":{\"n\":-1}}",
                                      "{\"next\":{\"n\":1.5}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(next_read(bad[i], &n, &err), QX_ERR_TASK);
        ck_assert_ptr_nonnull(strstr(err.text, "\"next\""));
    }
}
END_TEST

START_TEST(an_answer_without_next_is_handed_on_as_it_is)
{
    struct rounds *r = rounds_of(&plain);
    struct qx_result *first = one_result(1, JOB_STATE_DONE, done), *whole;
    struct qx_job_options job;
    ck_assert_uint_eq(rounds_now(r), 1);
    ck_assert_int_eq(rounds_take(r, first), QX_ERR_OK);
    ck_assert(!rounds_next(r, &job));
    ck_assert_int_eq(rounds_end(r, &whole), QX_ERR_OK);
    ck_assert_ptr_eq(whole, first);
    ck_assert_uint_eq(whole->n_rounds, 0);
    qx_result_free(whole);
    rounds_free(r);
}
END_TEST

START_TEST(rounds_carry_their_parameters_on)
{
    struct rounds *r = rounds_of(&plain);
    struct qx_result *whole;
    struct qx_job_options job;
    ck_assert_int_eq(
        rounds_take(
            r, one_result(1, JOB_STATE_DONE,
                          "{\"next\":{\"params\":{\"b\":\"3\",\"c\":\"4\"},\"n\":50,\"why\":\"first\"}}")),
        QX_ERR_OK);
    ck_assert(rounds_next(r, &job));
    ck_assert_uint_eq(job.n_args, 3);
    ck_assert_str_eq(value_of(job.args, job.n_args, "a"), "1");
    ck_assert_str_eq(value_of(job.args, job.n_args, "b"), "3");
    ck_assert_str_eq(value_of(job.args, job.n_args, "c"), "4");
    ck_assert_uint_eq(job.n_items, 50);
    ck_assert_uint_eq(job.seed, 77);
    ck_assert(job.has_seed);
    ck_assert_str_eq(job.version, "1.5");
    ck_assert_str_eq(job.until, "se<1");
    ck_assert_uint_eq(job.n_cells, 0);
    ck_assert_uint_eq(job.progress_ms, 40);
    ck_assert_uint_eq(rounds_now(r), 2);
    ck_assert_str_eq(rounds_why(r), "first");
    ck_assert_int_eq(rounds_take(r, one_result(2, JOB_STATE_DONE,
                                               "{\"next\":{\"params\":{\"c\":\"5\"},\"why\":\"second\"}}")),
                     QX_ERR_OK);
    ck_assert(rounds_next(r, &job));
    ck_assert_str_eq(value_of(job.args, job.n_args, "b"), "3");
    ck_assert_str_eq(value_of(job.args, job.n_args, "c"), "5");
    ck_assert_uint_eq(job.n_items, 100); /* as it was asked for */
    ck_assert_int_eq(rounds_take(r, one_result(3, JOB_STATE_DONE, done)), QX_ERR_OK);
    ck_assert(!rounds_next(r, &job));
    ck_assert_int_eq(rounds_end(r, &whole), QX_ERR_OK);
    rounds_free(r);
    ck_assert_int_eq(whole->info.state, QX_JOB_DONE);
    ck_assert_uint_eq(whole->info.job, 3);
    ck_assert_uint_eq(whole->info.elapsed_ns, 15);
    ck_assert_str_eq(whole->cells[0].result_json, done);
    ck_assert(whole->cells[0].complete);
    ck_assert_str_eq(whole->digest, whole->cells[0].digest);
    ck_assert_uint_eq(whole->n_rounds, 3);
    ck_assert_uint_eq(whole->rounds[1].job, 2);
    ck_assert_uint_eq(whole->rounds[1].round, 2);
    ck_assert_str_eq(whole->rounds[0].why, "");
    ck_assert_str_eq(whole->rounds[2].why, "second");
    ck_assert_str_eq(whole->rounds[2].digest, whole->digest);
    qx_result_free(whole);
}
END_TEST

static const struct qx_arg cell_args[CELLS] = {{"x", "1"}, {"x", "2"}, {"x", "3"}};
static const struct qx_cell_args grid_cells[CELLS] = {
    {&cell_args[0], 1}, {&cell_args[1], 1}, {&cell_args[2], 1}};
static const struct qx_job_options grid = {
    .task = "t", .args = args, .n_args = 2, .cells = grid_cells, .n_cells = CELLS, .rounds_max = 5};

/* Cells that have their answer stay behind; those that want another n get a job of their own; the whole has all. */
START_TEST(cells_of_a_grid_go_on_by_themselves)
{
    static const char *const first[] = {"{\"next\":{\"params\":{\"b\":\"7\"},\"n\":20}}", done,
                                        "{\"next\":{\"params\":{\"x\":\"30\"},\"n\":40}}"};
    static const char *const again[] = {"{\"next\":{\"params\":{},\"n\":20}}"};
    struct rounds *r = rounds_of(&grid);
    struct qx_result *whole;
    struct qx_job_options job;
    ck_assert_int_eq(rounds_take(r, result_of(1, JOB_STATE_DONE, CELLS, first)), QX_ERR_OK);
    ck_assert(rounds_next(r, &job));
    ck_assert_uint_eq(job.n_cells, 1);
    ck_assert_uint_eq(job.n_items, 20);
    ck_assert_uint_eq(job.n_args, 2);
    ck_assert_str_eq(value_of(job.cells[0].args, job.cells[0].n_args, "x"), "1");
    ck_assert_str_eq(value_of(job.cells[0].args, job.cells[0].n_args, "b"), "7");
    ck_assert_uint_eq(rounds_cell(r, 0), 0);
    ck_assert_int_eq(rounds_take(r, result_of(2, JOB_STATE_DONE, 1, again)), QX_ERR_OK);
    ck_assert(rounds_next(r, &job)); /* the other one is still in its second round */
    ck_assert_uint_eq(rounds_now(r), 2);
    ck_assert_uint_eq(rounds_cell(r, 0), 2);
    ck_assert_uint_eq(job.n_items, 40);
    ck_assert_str_eq(value_of(job.cells[0].args, job.cells[0].n_args, "x"), "30");
    ck_assert_int_eq(rounds_take(r, one_result(3, JOB_STATE_DONE, "{\"estimate\":3}")), QX_ERR_OK);
    ck_assert(rounds_next(r, &job));
    ck_assert_uint_eq(rounds_now(r), 3);
    ck_assert_uint_eq(rounds_cell(r, 0), 0);
    ck_assert_int_eq(rounds_take(r, one_result(4, JOB_STATE_DONE, "{\"estimate\":4}")), QX_ERR_OK);
    ck_assert(!rounds_next(r, &job));
    ck_assert_int_eq(rounds_end(r, &whole), QX_ERR_OK);
    rounds_free(r);
    ck_assert_uint_eq(whole->n_cells, CELLS);
    ck_assert_str_eq(whole->cells[0].result_json, "{\"estimate\":4}");
    ck_assert_str_eq(whole->cells[1].result_json, done);
    ck_assert_str_eq(whole->cells[2].result_json, "{\"estimate\":3}");
    ck_assert_str_eq(whole->cells[2].args[0].value, "1"); /* as the first answer tells it */
    ck_assert_uint_eq(strlen(whole->digest), 32);
    ck_assert_uint_eq(whole->n_rounds, 4);
    ck_assert_uint_eq(whole->info.cells_done, CELLS);
    qx_result_free(whole);
}
END_TEST

static const char more[] = "{\"estimate\":1,\"next\":{\"params\":{\"b\":\"3\"},\"why\":\"to go on\"}}";

START_TEST(what_ends_early_leaves_the_rounds_before)
{
    static const enum {
        CANCELLED,
        CANCELLED_BETWEEN,
        FAILED,
        REFUSED,
        TOO_MANY,
        NONSENSE
    } kinds[] = {CANCELLED, CANCELLED_BETWEEN, FAILED, REFUSED, TOO_MANY, NONSENSE};
    static const struct {
        enum qx_job_state state;
        qx_err code;
        const char *text;
    } expected[] = {
        {QX_JOB_CANCELLED, QX_ERR_OK, ""},         {QX_JOB_CANCELLED, QX_ERR_OK, ""},
        {QX_JOB_FAILED, QX_ERR_TASK, "it broke"},  {QX_JOB_FAILED, QX_ERR_TASK, "no such parameter"},
        {QX_JOB_FAILED, QX_ERR_LIMIT, "to go on"}, {QX_JOB_FAILED, QX_ERR_TASK, "\"next\""}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct qx_job_options job = plain;
        struct qx_error refused = {QX_ERR_INVALID, "no such parameter"};
        struct qx_result *whole;
        job.rounds_max = kinds[k] == TOO_MANY ? 2 : 5;
        struct rounds *r = rounds_of(&job);
        ck_assert_int_eq(rounds_take(r, one_result(1, JOB_STATE_DONE, more)), QX_ERR_OK);
        if (kinds[k] == CANCELLED_BETWEEN)
            rounds_cancel(r);
        bool next = rounds_next(r, &job);
        ck_assert(next == (kinds[k] != CANCELLED_BETWEEN));
        if (kinds[k] == CANCELLED)
            ck_assert_int_eq(rounds_take(r, one_result(2, JOB_STATE_CANCELLED, "{\"estimate\":2}")),
                             QX_ERR_OK);
        else if (kinds[k] == FAILED)
            ck_assert_int_eq(rounds_take(r, one_result(2, JOB_STATE_FAILED, "")), QX_ERR_OK);
        else if (kinds[k] == REFUSED)
            rounds_fail(r, &refused);
        else if (kinds[k] == TOO_MANY)
            ck_assert_int_eq(rounds_take(r, one_result(2, JOB_STATE_DONE, more)), QX_ERR_OK);
        else if (kinds[k] == NONSENSE)
            ck_assert_int_eq(rounds_take(r, one_result(2, JOB_STATE_DONE, "{\"estimate\":1,\"next\":3}")),
                             QX_ERR_OK);
        ck_assert(!rounds_next(r, &job));
        ck_assert_int_eq(rounds_end(r, &whole), QX_ERR_OK);
        rounds_free(r);
        ck_assert_int_eq(whole->info.state, expected[k].state);
        ck_assert_int_eq(whole->info.code, expected[k].code);
        ck_assert_msg(strstr(whole->info.error, expected[k].text) != NULL, "%s", whole->info.error);
        ck_assert(!whole->cells[0].complete);
        ck_assert_msg(strstr(whole->cells[0].result_json, "\"estimate\":1") != NULL, "%s",
                      whole->cells[0].result_json);
        qx_result_free(whole);
    }
}
END_TEST

/* A first round that does not end well is told as any job is. */
START_TEST(a_first_round_that_fails_is_an_ordinary_failure)
{
    static const char *const mixed[] = {done, more};
    static const enum job_state states[] = {JOB_STATE_FAILED, JOB_STATE_CANCELLED};
    struct rounds *of_two = rounds_of(&grid);
    struct qx_result *two = result_of(1, JOB_STATE_FAILED, 2, mixed), *all;
    ((struct qx_cell *)(uintptr_t)two->cells)[1].complete = true; /* the other one failed */
    ck_assert_int_eq(rounds_take(of_two, two), QX_ERR_OK);
    ck_assert_int_eq(rounds_end(of_two, &all), QX_ERR_OK);
    ck_assert_int_eq(all->info.state, QX_JOB_FAILED);
    ck_assert_str_eq(all->info.error, "it broke");
    qx_result_free(all);
    rounds_free(of_two);
    for (size_t i = 0; i < 2; i++) {
        struct rounds *r = rounds_of(&plain);
        struct qx_result *first = one_result(1, states[i], more), *whole;
        struct qx_job_options job;
        ck_assert_int_eq(rounds_take(r, first), QX_ERR_OK);
        ck_assert(!rounds_next(r, &job));
        ck_assert_int_eq(rounds_end(r, &whole), QX_ERR_OK);
        ck_assert_ptr_eq(whole, first);
        qx_result_free(whole);
        rounds_free(r);
    }
}
END_TEST

/* Cancelled when its answer was there: that is the answer of one round of several. */
START_TEST(a_first_round_cancelled_late_is_not_the_whole)
{
    struct rounds *r = rounds_of(&plain);
    struct qx_result *first = one_result(1, JOB_STATE_CANCELLED, more), *whole;
    struct qx_job_options job;
    ((struct qx_cell *)(uintptr_t)first->cells)->complete = true;
    ck_assert_int_eq(rounds_take(r, first), QX_ERR_OK);
    ck_assert(!rounds_next(r, &job));
    ck_assert_int_eq(rounds_end(r, &whole), QX_ERR_OK);
    rounds_free(r);
    ck_assert_int_eq(whole->info.state, QX_JOB_CANCELLED);
    ck_assert(!whole->cells[0].complete);
    ck_assert_uint_eq(whole->n_rounds, 1);
    qx_result_free(whole);
}
END_TEST

static bool run_all(void)
{
    struct rounds *r = NULL;
    struct qx_result *whole = NULL;
    struct qx_job_options job;
    bool ok = rounds_new(&plain, &r) == QX_ERR_OK &&
              rounds_take(r, one_result(1, JOB_STATE_DONE, more)) == QX_ERR_OK && rounds_next(r, &job) &&
              rounds_take(r, one_result(2, JOB_STATE_DONE, done)) == QX_ERR_OK &&
              rounds_end(r, &whole) == QX_ERR_OK;
    qx_result_free(whole);
    rounds_free(r);
    return ok;
}

/* Results are made outside: their allocations may not be the ones that fail. */
START_TEST(every_allocation_may_fail)
{
    for (unsigned n = 1;; n++) {
        struct rounds *r = NULL;
        struct qx_result *first = one_result(1, JOB_STATE_DONE, more),
                         *second = one_result(2, JOB_STATE_DONE, done), *whole = NULL;
        struct qx_job_options job;
        qx_mem_fail_at(n);
        qx_err e = rounds_new(&plain, &r);
        if (e == QX_ERR_OK) {
            e = rounds_take(r, first);
            first = NULL;
        }
        bool goes_on = e == QX_ERR_OK && rounds_next(r, &job);
        if (goes_on) {
            e = rounds_take(r, second);
            second = NULL;
        }
        if (e == QX_ERR_OK)
            e = rounds_end(r, &whole);
        qx_mem_fail_at(0);
        qx_result_free(first);
        qx_result_free(second);
        qx_result_free(whole);
        rounds_free(r);
        if (e == QX_ERR_OK && goes_on)
            break;
        ck_assert_int_eq(e, QX_ERR_NOMEM);
        ck_assert_uint_lt(n, 100);
    }
    ck_assert(run_all());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rounds");
    TCase *tc = tcase_create("rounds");
    tcase_add_test(tc, next_is_read_or_its_fault_told);
    tcase_add_test(tc, an_answer_without_next_is_handed_on_as_it_is);
    tcase_add_test(tc, rounds_carry_their_parameters_on);
    tcase_add_test(tc, cells_of_a_grid_go_on_by_themselves);
    tcase_add_test(tc, what_ends_early_leaves_the_rounds_before);
    tcase_add_test(tc, a_first_round_that_fails_is_an_ordinary_failure);
    tcase_add_test(tc, a_first_round_cancelled_late_is_not_the_whole);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
