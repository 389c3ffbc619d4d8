/* mc.integrate run whole: control variates, proposals, Sobol' points, rounds of vegas, several functions at once. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskrun.h"

enum { NAMED_MAX = 16 };

static void near_exact(const struct taskrun *r, double exact)
{
    ck_assert_double_eq_tol(answer_number(r, "estimate"), exact, 4 * answer_number(r, "se"));
}

/* ---- control variates ---- */

START_TEST(controls_take_their_share_of_the_variance)
{
    const char *const both = "x=0:1,y=0:1";
    struct taskrun plain = task_run("mc.integrate", 5, 20000, PARAMS("expr", "exp(x+y)", "over", both));
    struct taskrun r = task_run("mc.integrate", 5, 20000,
                                PARAMS("expr", "exp(x+y)", "over", both, "control", "x+y; (x+y)^2"));
    double ratio = answer_number(&r, "se") / answer_number(&plain, "se");
    near_exact(&r, (M_E - 1) * (M_E - 1));
    ck_assert_double_eq_tol(ratio * ratio, 1 - answer_number(&r, "r2"), 1e-3);
    ck_assert_double_gt(answer_number(&r, "r2"), 0.995);
    ck_assert_double_eq_tol(answer_number(&r, "controls.0.mean"), 1, 1e-15);
    ck_assert_double_eq_tol(answer_number(&r, "controls.1.mean"), 7.0 / 6, 1e-14);
    ck_assert_ptr_null(answer_text(&r, "note"));
    taskrun_free(&plain);
    taskrun_free(&r);
}
END_TEST

/* A function that is linear in its control has no variance left. */
START_TEST(what_a_control_explains_is_exact)
{
    struct taskrun r = task_run("mc.integrate", 5, 1000,
                                PARAMS("expr", "3*x+2", "over", "x=-1:3", "control", "x; 2*x-1; x"));
    ck_assert_double_eq_tol(answer_number(&r, "estimate"), 20, 1e-12);
    ck_assert_double_lt(answer_number(&r, "se"), 1e-8);
    ck_assert_double_eq_tol(answer_number(&r, "controls.0.beta"), 12, 1e-9);
    ck_assert_double_eq(answer_number(&r, "controls.1.beta"), 0);
    ck_assert_double_eq(answer_number(&r, "controls.2.beta"), 0);
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "note"), "left out"));
    taskrun_free(&r);
}
END_TEST

START_TEST(controls_go_with_proposals_and_methods)
{
    static const char *const methods[] = {"plain", "antithetic", "stratified"};
    for (int m = 0; m < 3; m++) {
        struct taskrun r = task_run("mc.integrate", 7, 4000,
                                    PARAMS("expr", "dnorm(x)*exp(x)", "over", "x=-inf:inf", "proposal",
                                           "x=normal(0,1)", "control", "x; x^2", "method", methods[m]));
        near_exact(&r, exp(0.5));
        ck_assert_double_eq_tol(answer_number(&r, "controls.0.mean"), 0, 1e-12);
        ck_assert_double_eq_tol(answer_number(&r, "controls.1.mean"), 1, 1e-11);
        taskrun_free(&r);
    }
    struct taskrun r = task_run("mc.integrate", 7, 4000,
                                PARAMS("expr", "cos(x)^2", "over", "x=0:1", "control", "cos(x)",
                                       "control_mean", "0.8414709848078965"));
    near_exact(&r, 0.5 + sin(2) / 4);
    ck_assert_double_gt(answer_number(&r, "r2"), 0.98);
    taskrun_free(&r);
}
END_TEST

/* The estimate of the regression is biased by O(1/n) alone, and its standard error tells how far it varies. */
START_TEST(standard_errors_of_controls_are_honest)
{
    enum { RUNS = 400 };
    double sum = 0, squares = 0, se = 0, exact = (M_E - 1) * (M_E - 1);
    for (int i = 0; i < RUNS; i++) {
        struct taskrun r = task_run("mc.integrate", (uint64_t)i, 200,
                                    PARAMS("expr", "exp(x+y)", "over", "x=0:1,y=0:1", "control", "x; y"));
        double off = answer_number(&r, "estimate") - exact;
        sum += off;
        squares += off * off;
        se += answer_number(&r, "se");
        taskrun_free(&r);
    }
    double rms = sqrt(squares / RUNS);
    ck_assert_double_eq_tol(rms / (se / RUNS), 1, 4 / sqrt(2.0 * RUNS));
    ck_assert_double_lt(fabs(sum / RUNS), 4 * rms / sqrt(RUNS));
}
END_TEST

/* ---- proposals ---- */

static const struct {
    const char *expr, *over, *proposal;
    double exact;
} proposals[] = {
    {"exp(-x^2/2)", "x=-inf:inf", "x=normal(0.5,1.2)", 2.5066282746310002},
    {"exp(-x-y^2)", "x=0:inf,y=-inf:inf", "x=exponential(0.8), y=t(5)", 1.7724538509055159},
    {"x^2*exp(-x)", "x=0:Inf", "x=gamma(2.5,1)", 2},
    {"1/(1+x^2)", "x=-inf:inf", "x=cauchy(0,1.5)", 3.1415926535897931},
    {"exp(-abs(x))", "x=-inf:inf", "x=laplace(0,1.1)", 2},
    {"x*exp(-x^2/2)", "x=3:inf", "x=normal(0,1)", 0.011108996538242306},
    {"dnorm(x)", "x=5:inf", "x=normal(0,1)", 2.8665157187919391e-07},
    {"sqrt(x*(1-x))", "x=0:1", "x=beta(1.5,1.4)", 0.39269908169872414},
    {"exp(-x)*x", "x=0:1", "x=weibull(2,1)", 0.26424111765711533},
    {"1/(x*(1+x))", "x=1:inf", "x=lognormal(0,1.5)", 0.69314718055994529},
    {"exp(-x)/(1+exp(-x))^2", "x=-inf:inf", "x=logistic(0,1.2)", 1},
    {"exp(x)*y", "x=0:1,y=0:2", "x=uniform(0,1)", 3.4365636569180902},
};
enum { N_PROPOSALS = sizeof proposals / sizeof proposals[0] };

START_TEST(proposals_give_the_integral)
{
    static const char *const methods[] = {"plain", "antithetic", "sobol", "vegas"};
    for (int m = 0; m < 4; m++) {
        struct taskrun r = task_run("mc.integrate", 11, m == 3 ? 40 : 4096,
                                    PARAMS("expr", proposals[_i].expr, "over", proposals[_i].over, "proposal",
                                           proposals[_i].proposal, "method", methods[m]));
        double se = answer_number(&r, "se"), off = answer_number(&r, "estimate") - proposals[_i].exact;
        ck_assert_msg(fabs(off) <= 4.5 * se + 1e-12 * proposals[_i].exact, "%s: off by %g, se %g", methods[m],
                      off, se);
        ck_assert_double_lt(se, 0.05 * proposals[_i].exact);
        taskrun_free(&r);
    }
}
END_TEST

START_TEST(weights_tell_how_good_a_proposal_is)
{
    struct taskrun good =
        task_run("mc.integrate", 3, 10000,
                 PARAMS("expr", "dnorm(x)", "over", "x=-inf:inf", "proposal", "x=normal(0,1)"));
    struct taskrun wide =
        task_run("mc.integrate", 3, 10000,
                 PARAMS("expr", "dnorm(x)", "over", "x=-inf:inf", "proposal", "x=normal(0,2)"));
    struct taskrun narrow =
        task_run("mc.integrate", 3, 10000,
                 PARAMS("expr", "dnorm(x)", "over", "x=-inf:inf", "proposal", "x=normal(0,0.4)"));
    ck_assert_double_eq_tol(answer_number(&good, "ess"), 10000, 1e-6);
    ck_assert_double_eq_tol(answer_number(&wide, "ess"), 10000 * sqrt(7) / 4, 100); /* E w^2 = 4/sqrt(7) */
    ck_assert_ptr_null(answer_text(&wide, "warning"));
    ck_assert_ptr_nonnull(answer_text(&narrow, "warning")); /* infinite variance */
    taskrun_free(&good);
    taskrun_free(&wide);
    taskrun_free(&narrow);
}
END_TEST

/* ---- Sobol' points ---- */

START_TEST(sobol_points_converge_faster)
{
    static const char *const n_text[] = {"256", "16384"};
    double error[2];
    for (int i = 0; i < 2; i++) {
        struct taskrun r = task_run("mc.integrate", 5, strtoull(n_text[i], NULL, 10),
                                    PARAMS("expr", "exp(x+y)", "over", "x=0:1,y=0:1", "method", "sobol"));
        near_exact(&r, (M_E - 1) * (M_E - 1));
        error[i] = answer_number(&r, "se");
        ck_assert_double_eq(answer_number(&r, "evaluations"), (i == 0 ? 256 : 16384) * 16);
        ck_assert_ptr_null(answer_text(&r, "note"));
        taskrun_free(&r);
    }
    ck_assert_double_gt(error[0] / error[1], 150); /* n^-1.5 would be 512, n^-1/2 is 8 */
    struct taskrun r = task_run("mc.integrate", 5, 1000,
                                PARAMS("expr", "x", "over", "x=0:1", "method", "sobol", "replicates", "4"));
    ck_assert_ptr_nonnull(answer_text(&r, "note"));
    taskrun_free(&r);
}
END_TEST

/* The spread of the answers over seeds is what their standard errors say. */
START_TEST(standard_errors_of_replicates_are_honest)
{
    enum { RUNS = 200 };
    double squares = 0, variance = 0;
    for (int i = 0; i < RUNS; i++) {
        struct taskrun r = task_run("mc.integrate", (uint64_t)i, 128,
                                    PARAMS("expr", "x^2+y^2<1", "over", "x=0:1,y=0:1", "method", "sobol"));
        double off = answer_number(&r, "estimate") - M_PI / 4, se = answer_number(&r, "se");
        squares += off * off;
        variance += se * se;
        taskrun_free(&r);
    }
    ck_assert_double_eq_tol(sqrt(squares / variance), 1, 4 / sqrt(2.0 * RUNS));
}
END_TEST

/* ---- rounds ---- */

struct named {
    char *name, *value;
};

/* The same task again with what `next` says, until an answer has none. `given` ends with NULL. */
static struct taskrun run_rounds(uint64_t seed, uint64_t n, const char *const *given, int *ret_rounds)
{
    const char *list[2 * NAMED_MAX + 1];
    struct named changed[NAMED_MAX];
    struct taskrun r = task_run("mc.integrate", seed, n, given);
    for (*ret_rounds = 1; json_object_get(r.answer, "next"); ++*ret_rounds) {
        json_t *next = json_object_get(r.answer, "next"), *value;
        const char *key;
        int n_changed = 0, n_list = 0;
        for (int i = 0; given[i]; i++)
            list[n_list++] = given[i];
        json_object_foreach(json_object_get(next, "params"), key, value)
        {
            changed[n_changed] = (struct named){strdup(key), strdup(json_string_value(value))};
            list[n_list++] = changed[n_changed].name;
            list[n_list++] = changed[n_changed++].value;
        }
        list[n_list] = NULL;
        ck_assert_ptr_nonnull(json_object_get(next, "why"));
        n = (uint64_t)json_number_value(json_object_get(next, "n"));
        taskrun_free(&r);
        r = task_run("mc.integrate", seed, n, list);
        for (int i = 0; i < n_changed; i++) {
            free(changed[i].name);
            free(changed[i].value);
        }
    }
    return r;
}

START_TEST(vegas_learns_where_the_peak_is)
{
    int rounds;
    const char *const peak = "exp(-400*((x-0.3)^2+(y-0.7)^2+(z-0.5)^2))";
    double exact = pow(M_PI / 400, 1.5);
    struct taskrun plain =
        task_run("mc.integrate", 2, 200 * 1000, PARAMS("expr", peak, "over", "x=0:1,y=0:1,z=0:1"));
    struct taskrun r =
        run_rounds(2, 40, PARAMS("expr", peak, "over", "x=0:1,y=0:1,z=0:1", "method", "vegas"), &rounds);
    near_exact(&r, exact);
    ck_assert_int_eq(rounds, 6);
    ck_assert_double_eq(answer_number(&r, "rounds"), 6);
    ck_assert_double_eq(answer_number(&r, "evaluations"), 6 * 40 * 1000);
    ck_assert_str_eq(answer_text(&r, "per_round.0.counts"), "no");
    ck_assert_str_eq(answer_text(&r, "per_round.5.counts"), "yes");
    ck_assert_double_lt(answer_number(&r, "se"), 0.02 * answer_number(&plain, "se"));
    ck_assert_double_lt(answer_number(&r, "chi2_dof"), 4);
    ck_assert_double_lt(20 * answer_number(&r, "per_round.5.se"), answer_number(&r, "per_round.0.se"));
    ck_assert_double_eq(answer_number(&r, "plot.panels.0.series.0.y.5"),
                        answer_number(&r, "per_round.5.estimate"));
    taskrun_free(&plain);
    taskrun_free(&r);
}
END_TEST

START_TEST(standard_errors_of_rounds_are_honest)
{
    enum { RUNS = 100 };
    double squares = 0, variance = 0;
    int rounds;
    for (int i = 0; i < RUNS; i++) {
        struct taskrun r = run_rounds((uint64_t)i, 40,
                                      PARAMS("expr", "exp(-5*(x+y))", "over", "x=0:1,y=0:1", "method",
                                             "vegas", "rounds", "4", "strata", "4"),
                                      &rounds);
        double off = answer_number(&r, "estimate") - pow((1 - exp(-5)) / 5, 2), se = answer_number(&r, "se");
        squares += off * off;
        variance += se * se;
        taskrun_free(&r);
    }
    ck_assert_double_eq_tol(sqrt(squares / variance), 1, 4 / sqrt(2.0 * RUNS));
}
END_TEST

/* ---- several functions ---- */

START_TEST(functions_at_once_have_a_covariance)
{
    static const char *const methods[] = {"plain", "antithetic", "stratified", "sobol", "vegas"};
    static const double exact[] = {0.25, 1.0 / 3, 0.5};
    for (int m = 0; m < 5; m++) {
        struct taskrun r =
            task_run("mc.integrate", 5, m == 4 ? 50 : 4096,
                     PARAMS("expr", "x*y; x^2; 1-x^2-1/6", "over", "x=0:1,y=0:1", "method", methods[m]));
        for (int k = 0; k < 3; k++) {
            char path[64];
            (void)snprintf(path, sizeof path, "estimates.%d.estimate", k);
            double value = answer_number(&r, path);
            (void)snprintf(path, sizeof path, "estimates.%d.se", k);
            double se = answer_number(&r, path);
            ck_assert_double_eq_tol(value, exact[k], 4 * se + 1e-12);
            (void)snprintf(path, sizeof path, "covariance.%d.covariances.%d", k, k);
            ck_assert_double_eq_tol(answer_number(&r, path), se * se, 1e-12 * se * se);
        }
        /* the third is a constant less the second */
        double v = answer_number(&r, "covariance.1.covariances.1");
        ck_assert_double_eq_tol(answer_number(&r, "covariance.1.covariances.2"), -v, 1e-3 * v);
        ck_assert_double_eq(answer_number(&r, "covariance.2.covariances.1"),
                            answer_number(&r, "covariance.1.covariances.2"));
        ck_assert_str_eq(answer_text(&r, "estimates.1.function"), "x^2");
        taskrun_free(&r);
    }
    /* alone it has the same value */
    struct taskrun both =
        task_run("mc.integrate", 5, 5000, PARAMS("expr", "x*y; x^2", "over", "x=0:1,y=0:1"));
    struct taskrun alone = task_run("mc.integrate", 5, 5000, PARAMS("expr", "x^2", "over", "x=0:1,y=0:1"));
    ck_assert_double_eq(answer_number(&both, "estimates.1.estimate"), answer_number(&alone, "estimate"));
    ck_assert_double_eq_tol(answer_number(&both, "estimates.1.se"), answer_number(&alone, "se"), 1e-15);
    taskrun_free(&both);
    taskrun_free(&alone);
}
END_TEST

START_TEST(a_default_is_about_a_million_evaluations)
{
    struct taskrun r = task_run("mc.integrate", 1, 0, PARAMS("expr", "x", "over", "x=0:1"));
    ck_assert_double_eq(answer_number(&r, "evaluations"), 1000000);
    taskrun_free(&r);
    r = task_run("mc.integrate", 1, 0, PARAMS("expr", "x", "over", "x=0:1", "method", "sobol"));
    ck_assert_double_eq(answer_number(&r, "evaluations"), 32768 * 16);
    taskrun_free(&r);
    r = task_run("mc.integrate", 1, 0,
                 PARAMS("expr", "x1", "dim", "2", "method", "stratified", "strata", "100"));
    ck_assert_double_eq(answer_number(&r, "evaluations"), 1000000);
    taskrun_free(&r);
}
END_TEST

/* ---- mistakes ---- */

static void expect(const char *part, const char *const *params)
{
    const char *text = task_error("mc.integrate", 10, params);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(mistakes_are_explained)
{
    expect("expr, part 2: unknown name \"z\"", PARAMS("expr", "x; x*z", "over", "x=0:1"));
    expect("expr, part 2: the expression is empty", PARAMS("expr", "x;", "over", "x=0:1"));
    expect("the range of x is infinite: say how to draw it, e.g. proposal='x=exponential(1)'",
           PARAMS("expr", "x", "over", "x=0:inf"));
    expect("proposal: no variable \"yy\" (did you mean \"y\"?)",
           PARAMS("expr", "x*y", "over", "x=0:1,y=0:1", "proposal", "yy=normal(0,1)"));
    expect("proposal: unknown distribution \"norml\" (did you mean \"normal\"?) at position 3: x=norml <-- "
           "here (0,1)",
           PARAMS("expr", "x", "over", "x=-inf:inf", "proposal", "x=norml(0,1)"));
    expect("exponential is zero on a part of the range",
           PARAMS("expr", "x", "over", "x=-1:1", "proposal", "x=exponential(1)"));
    expect("proposal: expected \",\" as in normal(mean, sd) at position 11: x=normal(1) <-- here",
           PARAMS("expr", "x", "over", "x=0:1", "proposal", "x=normal(1)"));
    expect("proposal: sd must be above 0 in normal(mean, sd) at position 12: x=normal(0,-1 <-- here )",
           PARAMS("expr", "x", "over", "x=0:1", "proposal", "x=normal(0,-1)"));
    expect("proposal: expected a variable and its density, as in x=normal(0, 1)",
           PARAMS("expr", "x", "over", "x=0:1", "proposal", "x"));
    expect("proposal: expected \"(\" as in normal(mean, sd)",
           PARAMS("expr", "x", "over", "x=0:1", "proposal", "x=normal"));
    expect("proposal: x is given twice at position 15",
           PARAMS("expr", "x", "over", "x=0:1", "proposal", "x=normal(0,1),x=normal(0,1)"));
    expect("proposal: in normal(mean, sd): unknown name \"s\"",
           PARAMS("expr", "x", "over", "x=0:1", "proposal", "x=normal(0,s)"));
    expect("normal has no probability on the range 50:51",
           PARAMS("expr", "x", "over", "x=50:51", "proposal", "x=normal(0,1)"));
    expect("it is no polynomial: give control_mean=",
           PARAMS("expr", "x", "over", "x=0:1", "control", "exp(x)"));
    expect("has no finite mean",
           PARAMS("expr", "x", "over", "x=-inf:inf", "proposal", "x=cauchy(0,1)", "control", "x"));
    expect("control_mean= has 2 numbers for 1 controls",
           PARAMS("expr", "x", "over", "x=0:1", "control", "exp(x)", "control_mean", "1,2"));
    expect("control_mean= needs control=", PARAMS("expr", "x", "over", "x=0:1", "control_mean", "1"));
    expect("control: unknown name \"y\"", PARAMS("expr", "x", "over", "x=0:1", "control", "y"));
    expect("plain, antithetic and stratified",
           PARAMS("expr", "x", "over", "x=0:1", "control", "x", "method", "sobol"));
    expect("at most 256 dimensions", PARAMS("expr", "x1", "dim", "257", "method", "sobol"));
    expect("replicates= needs method=sobol", PARAMS("expr", "x1", "dim", "2", "replicates", "8"));
    expect("rounds= needs method=vegas", PARAMS("expr", "x1", "dim", "2", "rounds", "8"));
    expect("skip=3 leaves none of 3 rounds",
           PARAMS("expr", "x1", "dim", "2", "method", "vegas", "rounds", "3", "skip", "3"));
    expect("use fewer bins", PARAMS("expr", "x1", "dim", "100", "method", "vegas"));
    expect("past= has 0 numbers where round=2 needs 4",
           PARAMS("expr", "x1", "dim", "2", "method", "vegas", "round", "2"));
    expect("grid= is not 1 ascending",
           PARAMS("expr", "x1", "dim", "1", "method", "vegas", "bins", "2", "grid", "2"));
}
END_TEST

START_TEST(controls_without_a_value_are_counted)
{
    struct taskrun r =
        task_run("mc.integrate", 2, 1000,
                 PARAMS("expr", "x", "over", "x=-1:3", "control", "sqrt(x)", "control_mean", "1"));
    ck_assert_str_eq(r.cause, "a control variate has no finite value at a point");
    ck_assert_uint_gt(r.n_failed, 100);
    taskrun_free(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_mc_methods");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, controls_take_their_share_of_the_variance);
    tcase_add_test(tc, what_a_control_explains_is_exact);
    tcase_add_test(tc, controls_go_with_proposals_and_methods);
    tcase_add_test(tc, standard_errors_of_controls_are_honest);
    tcase_add_loop_test(tc, proposals_give_the_integral, 0, N_PROPOSALS);
    tcase_add_test(tc, weights_tell_how_good_a_proposal_is);
    tcase_add_test(tc, sobol_points_converge_faster);
    tcase_add_test(tc, standard_errors_of_replicates_are_honest);
    tcase_add_test(tc, vegas_learns_where_the_peak_is);
    tcase_add_test(tc, standard_errors_of_rounds_are_honest);
    tcase_add_test(tc, functions_at_once_have_a_covariance);
    tcase_add_test(tc, a_default_is_about_a_million_evaluations);
    tcase_add_test(tc, mistakes_are_explained);
    tcase_add_test(tc, controls_without_a_value_are_counted);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
