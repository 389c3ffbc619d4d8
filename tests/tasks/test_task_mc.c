/* mc.integrate run whole: methods, answers, mistakes. */
#include <math.h>
#include <string.h>

#include "taskrun.h"

START_TEST(methods_agree_and_reduce_variance)
{
    static const char *const methods[] = {"plain", "antithetic", "stratified"};
    double se[3];
    for (int k = 0; k < 3; k++) {
        struct taskrun r = task_run("mc.integrate", 3, 4000,
                                    PARAMS("expr", "exp(x+y)", "over", "x=0:1,y=0:1", "method", methods[k]));
        double estimate = answer_number(&r, "estimate"), exact = (M_E - 1) * (M_E - 1);
        se[k] = answer_number(&r, "se");
        ck_assert_double_eq_tol(estimate, exact, 4 * se[k]);
        ck_assert_double_eq(answer_number(&r, "evaluations"), k == 0 ? 4000 : k == 1 ? 8000 : 64000);
        ck_assert_str_eq(answer_text(&r, "method"), methods[k]);
        ck_assert_ptr_null(answer_text(&r, "warning"));
        taskrun_free(&r);
    }
    ck_assert_double_lt(se[1], 0.5 * se[0]);
    ck_assert_double_lt(
        se[2], 0.3 * se[0]); /* 16 points alone would give 0.25 without any gain: see the next test */
}
END_TEST

/* Stratified sweeps against as many plain points: f = x + y in m x m cells has variance 1/m^2 of plain. */
START_TEST(stratified_gains_what_theory_says)
{
    enum { N = 20000 };
    struct taskrun plain = task_run("mc.integrate", 3, N, PARAMS("expr", "x+y", "over", "x=0:1,y=0:1"));
    struct taskrun strat =
        task_run("mc.integrate", 3, N,
                 PARAMS("expr", "x+y", "over", "x=0:1,y=0:1", "method", "stratified", "strata", "3"));
    double ratio = answer_number(&plain, "se") / answer_number(&strat, "se");
    ck_assert_double_eq_tol(ratio, 3 * 3, 0.15); /* 3 from the 9 points, 3 from the strata */
    taskrun_free(&plain);
    taskrun_free(&strat);
}
END_TEST

START_TEST(scales_with_the_box)
{
    struct taskrun r =
        task_run("mc.integrate", 9, 100000, PARAMS("expr", "x^2", "over", "x=-1:2", "conf", "0.9"));
    double se = answer_number(&r, "se"), half = 1.6448536269514722 * se;
    ck_assert_double_eq_tol(answer_number(&r, "estimate"), 3, 4 * se);
    ck_assert_double_eq_tol(answer_number(&r, "upper") - answer_number(&r, "lower"), 2 * half, 1e-3 * half);
    taskrun_free(&r);
}
END_TEST

START_TEST(a_named_function_equals_its_expression)
{
    struct taskrun a =
        task_run("mc.integrate", 2, 5000, PARAMS("integrand", "genz.gaussian", "a", "2,3", "u", "0.3,0.6"));
    struct taskrun b =
        task_run("mc.integrate", 2, 5000, PARAMS("expr", "exp(-4*(x1-0.3)^2-9*(x2-0.6)^2)", "dim", "2"));
    struct taskrun c = task_run("mc.integrate", 2, 5000,
                                PARAMS("expr", "exp(-4*(s-0.3)^2-9*(t-0.6)^2)", "over", "s=0:1,t=0:1"));
    ck_assert_double_eq_tol(answer_number(&a, "estimate"), answer_number(&b, "estimate"), 1e-13);
    ck_assert_double_eq(answer_number(&b, "estimate"), answer_number(&c, "estimate"));
    taskrun_free(&a);
    taskrun_free(&b);
    taskrun_free(&c);
}
END_TEST

START_TEST(points_without_a_value_are_counted)
{
    struct taskrun r = task_run("mc.integrate", 2, 10000, PARAMS("expr", "sqrt(x)", "over", "x=-1:3"));
    ck_assert_uint_eq(r.n_ok + r.n_failed, 10000);
    ck_assert_double_eq_tol((double)r.n_failed, 2500, 4 * sqrt(10000 * 0.25 * 0.75));
    ck_assert_str_eq(r.cause, "the integrand is not a number at a point");
    ck_assert_double_eq(answer_number(&r, "evaluations"), 10000);
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "warning_not_finite"), "not the integral"));
    taskrun_free(&r);
    r = task_run("mc.integrate", 2, 1000, PARAMS("expr", "x<0.5 ? 1/0 : x", "over", "x=0:1"));
    ck_assert_str_eq(r.cause, "the integrand is infinite at a point");
    taskrun_free(&r);
    ck_assert_str_eq(task_error("mc.integrate", 100, PARAMS("expr", "sqrt(-x)", "over", "x=1:2")),
                     "the integrand has no finite value at any of the points drawn");
}
END_TEST

START_TEST(many_dimensions)
{
    struct taskrun r =
        task_run("mc.integrate", 2, 600, PARAMS("integrand", "genz.corner_peak", "a", "1e-9", "dim", "1024"));
    ck_assert_double_eq_tol(answer_number(&r, "estimate"), exp(-1025 * 512 * 1e-9), 1e-5);
    taskrun_free(&r);
    r = task_run("mc.integrate", 2, 300, PARAMS("expr", "x1+x64", "dim", "64", "method", "antithetic"));
    ck_assert_double_eq_tol(answer_number(&r, "estimate"), 1, 1e-12);
    taskrun_free(&r);
}
END_TEST

static void expect(const char *part, const char *const *params)
{
    const char *text = task_error("mc.integrate", 10, params);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(mistakes_are_explained)
{
    expect("expr: unexpected \")\" at position 8: exp(-x*) <-- here",
           PARAMS("expr", "exp(-x*)", "over", "x=0:1"));
    expect("unknown name \"z\"", PARAMS("expr", "x*z", "over", "x=0:1,y=0:1"));
    expect("unknown name \"x3\" (did you mean \"x1\"?)", PARAMS("expr", "x3", "dim", "2"));
    expect("either expr= or integrand=", PARAMS("over", "x=0:1"));
    expect("either expr= or integrand=", PARAMS("over", "x=0:1", "expr", "x", "integrand", "ball"));
    expect("say where to integrate", PARAMS("expr", "x"));
    expect("either over= or dim=", PARAMS("expr", "x", "over", "x=0:1", "dim", "1"));
    expect("over: x=1:0 is empty", PARAMS("expr", "x", "over", "x=1:0"));
    expect("needs a=", PARAMS("integrand", "genz.gaussian", "dim", "2"));
    expect("a= has 3 numbers where 2 dimensions need 2",
           PARAMS("integrand", "genz.gaussian", "dim", "2", "a", "1,2,3"));
    expect("takes no u=", PARAMS("integrand", "genz.corner_peak", "a", "1,2,3", "u", "1"));
    expect("belong to integrand=", PARAMS("expr", "x", "over", "x=0:1", "a", "1"));
    expect("strata= needs method=stratified", PARAMS("expr", "x", "over", "x=0:1", "strata", "2"));
    expect("cells: use fewer", PARAMS("expr", "x1", "dim", "20", "method", "stratified"));
    expect("genz.gaussian", PARAMS("integrand", "genz.gausian", "dim", "2"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_mc");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, methods_agree_and_reduce_variance);
    tcase_add_test(tc, stratified_gains_what_theory_says);
    tcase_add_test(tc, scales_with_the_box);
    tcase_add_test(tc, a_named_function_equals_its_expression);
    tcase_add_test(tc, points_without_a_value_are_counted);
    tcase_add_test(tc, many_dimensions);
    tcase_add_test(tc, mistakes_are_explained);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
