/* pi, noop, sleep and busy, run whole. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "taskrun.h"

static double now_s(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

START_TEST(pi_is_near_with_an_honest_interval)
{
    struct taskrun r = task_run("pi", 1, 400000, NO_PARAMS);
    double estimate = answer_number(&r, "estimate"), se = answer_number(&r, "se");
    ck_assert_double_eq_tol(se, 4 * sqrt(M_PI / 4 * (1 - M_PI / 4) / 400000), 0.01 * se);
    ck_assert_double_eq_tol(estimate, M_PI, 4 * se);
    ck_assert_double_lt(answer_number(&r, "lower"), estimate);
    ck_assert_double_gt(answer_number(&r, "upper"), estimate);
    ck_assert_double_eq(answer_number(&r, "n"), 400000);
    taskrun_free(&r);
}
END_TEST

/* 95 % of the intervals cover: 400 runs, binomial sd 1.1 %. */
START_TEST(pi_intervals_cover)
{
    int covered = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct taskrun r = task_run("pi", seed, 500, NO_PARAMS);
        covered += answer_number(&r, "lower") <= M_PI && M_PI <= answer_number(&r, "upper");
        taskrun_free(&r);
    }
    ck_assert_int_ge(covered, 362);
    ck_assert_int_le(covered, 396);
}
END_TEST

START_TEST(pi_of_one_dart)
{
    struct taskrun r = task_run("pi", 1, 1, NO_PARAMS);
    double estimate = answer_number(&r, "estimate");
    ck_assert(estimate == 0 || estimate == 4);
    ck_assert_double_ge(answer_number(&r, "lower"), 0);
    ck_assert_double_le(answer_number(&r, "upper"), 4);
    taskrun_free(&r);
}
END_TEST

START_TEST(noop_counts_every_item_once)
{
    static const char *const names[] = {"noop", "noop.item"};
    static const uint64_t sizes[] = {1, 2, 511, 513, 100003};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 5; i++) {
            struct taskrun r = task_run(names[k], 1, sizes[i], NO_PARAMS);
            double n = (double)sizes[i];
            ck_assert_double_eq(answer_number(&r, "count.n"), n);
            ck_assert_double_eq(answer_number(&r, "sum.sum"), n * (n - 1) / 2);
            taskrun_free(&r);
        }
    }
}
END_TEST

START_TEST(sleep_takes_its_times)
{
    double start = now_s(CLOCK_MONOTONIC), cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);
    struct taskrun r = task_run("sleep", 1, 0, PARAMS("times", "0.02,0,0.1,0.03"));
    ck_assert_double_ge(now_s(CLOCK_MONOTONIC) - start, 0.15);
    ck_assert_double_lt(now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu, 0.1);
    ck_assert_double_eq(answer_number(&r, "count.n"), 4);
    ck_assert_double_eq_tol(answer_number(&r, "seconds.sum"), 0.15, 1e-15);
    taskrun_free(&r);
    r = task_run("sleep", 1, 3, PARAMS("seconds", "0.001"));
    ck_assert_double_eq_tol(answer_number(&r, "seconds.sum"), 0.003, 1e-15);
    taskrun_free(&r);
}
END_TEST

START_TEST(sleep_refuses)
{
    ck_assert_ptr_nonnull(strstr(task_error("sleep", 0, PARAMS("times", "1,2", "seconds", "1")), "not both"));
    ck_assert_ptr_nonnull(strstr(task_error("sleep", 3, PARAMS("times", "1,2")), "times"));
    ck_assert_ptr_nonnull(strstr(task_error("sleep", 1, PARAMS("seconds", "-1")), "seconds"));
}
END_TEST

START_TEST(busy_burns_what_it_says)
{
    double cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);
    struct taskrun r = task_run("busy", 1, 20, PARAMS("ms", "2"));
    double burnt = now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    ck_assert_double_ge(burnt, 0.04);
    ck_assert_double_eq_tol(answer_number(&r, "ms.mean"), 2, 1e-12);
    taskrun_free(&r);
}
END_TEST

/* Mean and sd of the times drawn, within 4 standard errors (tiny times, so that nothing is burnt for long). */
START_TEST(busy_draws_its_distributions)
{
    static const struct {
        const char *dist;
        double cv, tol_sd;
    } of[] = {{"exponential", 1, 0.06}, {"uniform", 0.57735026918962573, 0.02}, {"lognormal", 0.5, 0.06}};
    enum { N = 10000 };
    for (int k = 0; k < 3; k++) {
        struct taskrun r = task_run("busy", 5, N, PARAMS("ms", "1e-6", "dist", of[k].dist, "cv", "0.5"));
        ck_assert_double_eq_tol(answer_number(&r, "ms.mean"), 1e-6, 4e-6 * of[k].cv / sqrt(N));
        ck_assert_double_eq_tol(answer_number(&r, "ms.sd") / 1e-6 / of[k].cv, 1, of[k].tol_sd);
        taskrun_free(&r);
    }
    double start = now_s(CLOCK_MONOTONIC);
    struct taskrun r = task_run("busy", 1, 10000, PARAMS("ms", "0", "dist", "exponential"));
    ck_assert_double_lt(now_s(CLOCK_MONOTONIC) - start, 1);
    taskrun_free(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_basic");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, pi_is_near_with_an_honest_interval);
    tcase_add_test(tc, pi_intervals_cover);
    tcase_add_test(tc, pi_of_one_dart);
    tcase_add_test(tc, noop_counts_every_item_once);
    tcase_add_test(tc, sleep_takes_its_times);
    tcase_add_test(tc, sleep_refuses);
    tcase_add_test(tc, busy_burns_what_it_says);
    tcase_add_test(tc, busy_draws_its_distributions);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
