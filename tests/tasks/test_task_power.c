/* power.sim run whole: designs against their formulas, failures, the search for n, mistakes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "taskrun.h"

enum { N = 40000, LIST = 14 };

/* Designs that have an exact power: the simulated one lies within four and a half standard errors. */
static const char *const exact[][LIST] = {
    {"design", "tpaired", "n", "12", "delta", "0.6", "rho", "0.5", NULL},
    {"design", "t2", "n1", "10", "n2", "30", "delta", "0.8", "sd", "1.2", NULL},
    {"design", "t2", "n", "15", "ratio", "2", "delta", "-0.8", "alternative", "less", NULL},
    {"design", "prop1", "n", "50", "p0", "0.5", "p1", "0.7", NULL},
    {"design", "prop1", "n", "50", "p0", "0.3", "p1", "0.45", "test", "chisq", "alternative", "greater",
     NULL},
    {"design", "prop1", "n", "50", "p0", "0.3", "p1", "0.45", "test", "chisq.cc", NULL},
    {"design", "prop2", "n1", "20", "n2", "45", "p1", "0.1", "p2", "0.35", "test", "fisher", NULL},
    {"design", "prop2", "n", "40", "p1", "0.3", "p2", "0.6", "test", "chisq.cc", "alternative", "less", NULL},
    {"design", "prop2", "n", "3000", "p1", "0.5", "p2", "0.53", NULL},
    {"design", "anova", "means", "0,0.5,1", "ns", "10,12,20", "sd", "1.5", NULL},
    {"design", "wilcoxon", "n1", "60", "n2", "40", "lehmann", "1.5", NULL},
    {"design", "wilcoxon", "n", "15", "lehmann", "0.4", "test", "normal", NULL},
    {"design", "wilcoxon", "n", "20", "delta", "0", "dist", "exponential", NULL},
    {"design", "signedrank", "n", "20", "delta", "0", "dist", "laplace", NULL},
    {"design", "signedrank", "n", "60", "delta", "0", "dist", "t(3)", "alternative", "less", NULL},
    {"design", "sign", "n", "20", "delta", "0.5", "dist", "gamma(2)", NULL},
    {"design", "cor", "n", "30", "rho", "0.4", NULL},
    {"design", "cor", "n", "10", "rho", "-0.5", "alternative", "less", NULL},
    {"design", "lm", "n", "30", "slope", "0.5", NULL},
    {"design", "lm", "n", "25", "slope", "0.2", "sdx", "3", NULL},
    {"design", "lm", "n", "30", "slope", "0.5", "sd", "2", "sdx", "3", "x", "grid", NULL},
};

START_TEST(simulated_power_is_the_exact_one)
{
    struct taskrun r = task_run("power.sim", 3, N, exact[_i]);
    double p = answer_number(&r, "analytic"), got = answer_number(&r, "estimate");
    ck_assert_msg(fabs(got - p) <= 4.5 * sqrt(p * (1 - p) / N), "%s: %g, not %g", exact[_i][1], got, p);
    ck_assert_ptr_nonnull(answer_text(&r, "analytic_method"));
    ck_assert_double_eq_tol(answer_number(&r, "se"), sqrt(got * (1 - got) / N), 1e-15);
    ck_assert_uint_eq(r.n_failed, 0);
    taskrun_free(&r);
}
END_TEST

/* Approximations, and how far they may be off. */
static const struct {
    double slack;
    const char *params[LIST];
} approximate[] = {
    {0.01, {"design", "t2", "n", "20", "delta", "1", "sd1", "1", "sd2", "2", "test", "welch", NULL}},
    {0.05, {"design", "wilcoxon", "n", "30", "delta", "0.8", NULL}},
    {0.02, {"design", "lm", "n", "40", "slope", "0.5", "x", "uniform", NULL}},
    {0.02, {"design", "logistic", "n", "200", "slope", "1", "rate", "0.3", "x", "binary", NULL}},
    {0.05, {"design", "logistic", "n", "200", "slope", "0.4", "rate", "0.4", NULL}},
    {0.03,
     {"design", "logrank", "n", "80", "hr", "0.6", "median", "2", "accrual", "3", "followup", "1", NULL}},
};

START_TEST(simulated_power_is_near_the_approximate_one)
{
    struct taskrun r = task_run("power.sim", 5, N, approximate[_i].params);
    ck_assert_double_eq_tol(answer_number(&r, "estimate"), answer_number(&r, "approximation"),
                            approximate[_i].slack);
    ck_assert_ptr_nonnull(answer_text(&r, "approximation_method"));
    taskrun_free(&r);
}
END_TEST

/* Numbers that R gives, and how. */
static const struct {
    const char *member;
    double value, slack;
    const char *params[LIST];
} formulas[] = {
    /* power.prop.test(n=80, p1=.2, p2=.35, alternative="one.sided") */
    {"approximation",
     0.6867659162477946,
     1e-12,
     {"design", "prop2", "n", "80", "p1", "0.2", "p2", "0.35", "alternative", "less", NULL}},
    /* k <- 0:50; p <- sapply(k, function(i) prop.test(i, 50, .3, alternative="greater", correct=FALSE)$p.value);
     * sum(dbinom(k, 50, .45)[p <= .05]); the second two-sided and corrected */
    {"analytic",
     0.7138303902533133,
     1e-12,
     {"design", "prop1", "n", "50", "p0", "0.3", "p1", "0.45", "test", "chisq", "alternative", "greater",
      NULL}},
    {"analytic",
     0.6100506158597205,
     1e-12,
     {"design", "prop1", "n", "50", "p0", "0.3", "p1", "0.45", "test", "chisq.cc", NULL}},
    /* k <- sqrt(12*.25*40)*(pnorm(1/sqrt(2))-.5); pnorm(k-qnorm(.975)) + pnorm(-k-qnorm(.975)) */
    {"approximation", 0.8135177264940471, 1e-12, {"design", "wilcoxon", "n", "20", "delta", "1", NULL}},
    /* b <- .3; p0 <- .2; p1 <- plogis(qlogis(p0)+1.2); P <- (1-b)*p0+b*p1; z <- qnorm(.975); d <- (p1-p0)*sqrt(150*(1-b));
     * s0 <- sqrt(P*(1-P)/b); s1 <- sqrt(p0*(1-p0)+p1*(1-p1)*(1-b)/b); pnorm((d-z*s0)/s1) + pnorm((-d-z*s0)/s1) */
    {"approximation",
     0.8773968117949117,
     1e-12,
     {"design", "logistic", "n", "150", "slope", "1.2", "rate", "0.2", "x", "binary(0.3)", NULL}},
    /* ev <- function(l) 1-(exp(-l)-exp(-4*l))/(3*l); l <- log(2)/2; s <- -log(.6)*sqrt(80*(ev(.6*l)+ev(l))/4);
     * pnorm(s-qnorm(.975)) + pnorm(-s-qnorm(.975)) */
    {"approximation",
     0.6078824322315267,
     1e-12,
     {"design", "logrank", "n", "80", "hr", "0.6", "median", "2", "accrual", "3", "followup", "1", NULL}},
    /* power.anova.test(groups=4, between.var=1, within.var=3, power=.80)$n, which R solves to 1e-4 */
    {"analytic_n",
     11.92613,
     1e-4,
     {"design", "anova", "groups", "4", "between", "1", "within", "3", "find", "n", NULL}},
};

START_TEST(formulas_as_r)
{
    struct taskrun r = task_run("power.sim", 1, 100, formulas[_i].params);
    ck_assert_double_eq_tol(answer_number(&r, formulas[_i].member), formulas[_i].value, formulas[_i].slack);
    taskrun_free(&r);
}
END_TEST

START_TEST(intervals_hold_the_estimate)
{
    struct taskrun r = task_run("power.sim", 1, 1000, PARAMS("n", "20", "delta", "1", "conf", "0.9"));
    double p = answer_number(&r, "estimate");
    ck_assert_str_eq(answer_text(&r, "intervals.0.method"), "Wilson");
    ck_assert_str_eq(answer_text(&r, "intervals.1.method"), "Clopper-Pearson");
    for (const char *const *path =
             (const char *const[]){"lower", "intervals.0.lower", "intervals.1.lower", NULL};
         *path; path++)
        ck_assert_double_lt(answer_number(&r, *path), p);
    ck_assert_double_gt(answer_number(&r, "intervals.1.upper"), answer_number(&r, "intervals.0.upper"));
    taskrun_free(&r);
    /* none of 1000: Clopper and Pearson's upper end is 1 - 0.025^(1/1000) */
    r = task_run("power.sim", 1, 1000, PARAMS("n", "20", "delta", "5", "alternative", "less"));
    ck_assert_double_eq(answer_number(&r, "estimate"), 0);
    ck_assert_double_eq(answer_number(&r, "lower"), 0);
    ck_assert_double_eq_tol(answer_number(&r, "intervals.1.upper"), 1 - pow(0.025, 0.001), 1e-12);
    taskrun_free(&r);
}
END_TEST

/* Skewed and heavy-tailed laws have no formula; unequal variances spoil Student's test where sizes differ, not Welch's. */
START_TEST(no_formula_no_claim)
{
    struct taskrun r = task_run("power.sim", 1, 1000, PARAMS("n", "20", "delta", "1", "dist", "t(3)"));
    ck_assert(!json_object_get(r.answer, "analytic") && !json_object_get(r.answer, "approximation"));
    taskrun_free(&r);
    r = task_run("power.sim", 2, N, PARAMS("n1", "10", "n2", "40", "delta", "0", "sd", "3,1"));
    ck_assert_double_gt(answer_number(&r, "estimate"), 0.2);
    taskrun_free(&r);
    r = task_run("power.sim", 2, N,
                 PARAMS("n1", "10", "n2", "40", "delta", "0", "sd", "3,1", "test", "welch"));
    ck_assert_double_eq_tol(answer_number(&r, "estimate"), 0.05, 0.006);
    taskrun_free(&r);
    r = task_run(
        "power.sim", 2, N,
        PARAMS("design", "anova", "means", "0,0,0", "ns", "8,12,40", "sd", "3,2,1", "test", "welch"));
    ck_assert_double_eq_tol(answer_number(&r, "estimate"), 0.055, 0.012);
    taskrun_free(&r);
}
END_TEST

START_TEST(undefined_tests_are_counted)
{
    struct taskrun r =
        task_run("power.sim", 1, 5000, PARAMS("design", "logistic", "n", "12", "slope", "2", "rate", "0.2"));
    uint64_t n = 5000;
    ck_assert_uint_gt(r.n_failed, 500);
    ck_assert_uint_eq(r.n_ok + r.n_failed, n);
    ck_assert_ptr_nonnull(strstr(r.cause, "logistic regression: "));
    ck_assert_double_eq_tol(answer_number(&r, "estimate_of_all") * (double)n,
                            answer_number(&r, "estimate") * (double)r.n_ok, 1e-9);
    taskrun_free(&r);
    ck_assert_str_eq(
        task_error("power.sim", 100,
                   PARAMS("design", "logrank", "n", "3", "hr", "1", "median", "1e9", "followup", "1e-9")),
        "the test is undefined on every data set drawn");
}
END_TEST

/* Data sets of one size are those of a smaller one with more subjects: searching compares like with like. */
START_TEST(seeds_and_sizes)
{
    struct taskrun a = task_run("power.sim", 9, 3000, PARAMS("n", "20", "delta", "0.5")),
                   b = task_run("power.sim", 9, 3000, PARAMS("n", "20", "delta", "0.5")),
                   c = task_run("power.sim", 10, 3000, PARAMS("n", "20", "delta", "0.5"));
    ck_assert_str_eq(a.digest, b.digest);
    ck_assert_str_ne(a.digest, c.digest);
    taskrun_free(&a);
    taskrun_free(&b);
    taskrun_free(&c);
}
END_TEST

/* ---- the search ---- */

enum { ROUNDS = 45, TEXT = 4096, PARAMS_ALL = 32 };

/* Runs the rounds that the answers ask for, as the client does. */
static struct taskrun run_rounds(const char *const *params, uint64_t items, int *ret_rounds)
{
    static char n[32], history[TEXT];
    const char *all[PARAMS_ALL];
    size_t at = 0;
    for (; params[at]; at++)
        all[at] = params[at];
    all[at] = NULL;
    for (*ret_rounds = 1;; (*ret_rounds)++) {
        struct taskrun r = task_run("power.sim", 4, items, all);
        if (!json_object_get(r.answer, "next"))
            return r;
        ck_assert_double_eq(answer_number(&r, "next.n"), (double)items);
        ck_assert_ptr_nonnull(answer_text(&r, "next.why"));
        ck_assert_int_lt(*ret_rounds, ROUNDS);
        (void)snprintf(n, sizeof n, "%s", answer_text(&r, "next.params.n"));
        (void)snprintf(history, sizeof history, "%s", answer_text(&r, "next.params.rounds"));
        taskrun_free(&r);
        const char *const next[] = {"n", n, "rounds", history, NULL};
        memcpy(all + at, next, sizeof next);
    }
}

static const struct {
    double n, slack;
    const char *params[LIST];
} searches[] = {
    /* the analytic sizes */
    {23, 1, {"delta", "1", "target", "0.9", "find", "n", NULL}},
    {18, 1, {"delta", "1", "target", "0.9", "alternative", "greater", "find", "n", NULL}},
    {122, 5, {"design", "anova", "means", "0,0.2,0.4", "find", "n", NULL}},
    {85,
     3,
     {"design", "prop2", "p1", "0.5", "p2", "0.75", "test", "fisher", "target", "0.9", "find", "n", NULL}},
    {84, 3, {"design", "cor", "rho", "0.3", "find", "n", NULL}},
    {6281, 250, {"delta", "0.05", "find", "n", NULL}},
    {2, 0, {"delta", "20", "find", "n", NULL}},
    {3, 0, {"delta", "5", "find", "n", NULL}}, /* from 0.7 to 0.99 in one step */
};

START_TEST(search_ends_at_the_analytic_size)
{
    int rounds;
    struct taskrun r = run_rounds(searches[_i].params, 20000, &rounds);
    double n = answer_number(&r, "n");
    ck_assert_msg(fabs(n - searches[_i].n) <= searches[_i].slack, "n = %g", n);
    ck_assert_int_le(rounds, 10);
    ck_assert_double_ge(answer_number(&r, "estimate"), answer_number(&r, "target"));
    ck_assert_double_le(answer_number(&r, "n_lower"), n);
    ck_assert_double_ge(answer_number(&r, "n_lower"), 0.9 * n - 1);
    ck_assert_double_ge(answer_number(&r, "n_upper"), n);
    ck_assert_double_le(answer_number(&r, "n_upper"), 1.1 * n + 1);
    ck_assert_uint_eq(json_array_size(json_object_get(r.answer, "sizes")), (size_t)rounds);
    ck_assert_str_eq(answer_text(&r, "plot.panels.0.kind"), "lines");
    ck_assert_double_eq(answer_number(&r, "plot.panels.0.marks.1.x"), n);
    taskrun_free(&r);
}
END_TEST

START_TEST(search_without_effect_says_so)
{
    int rounds;
    struct taskrun r =
        run_rounds(PARAMS("design", "prop2", "p1", "0.3", "p2", "0.3", "find", "n"), 2000, &rounds);
    ck_assert_str_eq(answer_text(&r, "search"), "the power does not grow up to n = 5120: there is no effect "
                                                "to be found, or a small one (n= says where to start)");
    taskrun_free(&r);
}
END_TEST

/* ---- mistakes ---- */

static const struct {
    const char *says;
    const char *params[LIST];
} bad[] = {
    {"n= is needed: the size of each group", {"delta", "1", NULL}},
    {"n= is needed: the number of subjects", {"design", "t1", "delta", "1", NULL}},
    {"design=t2 needs delta= (difference of the means", {"n", "20", NULL}},
    {"design=t2 takes no hr=", {"n", "20", "delta", "1", "hr", "2", NULL}},
    {"design=t2 has no test=fisher; there are: student welch",
     {"n", "20", "delta", "1", "test", "fisher", NULL}},
    {"design=cor has one test and takes no test=",
     {"design", "cor", "n", "20", "rho", "0.1", "test", "exact", NULL}},
    {"give both n1= and n2=", {"n1", "20", "delta", "1", NULL}},
    {"give the sizes once", {"n", "20", "n1", "20", "n2", "20", "delta", "1", NULL}},
    {"ns= has 3 sizes where there are 2 groups", {"ns", "5,6,7", "delta", "1", NULL}},
    {"n: design=t2 has groups of 2 to 1000000, not of 5.5", {"ns", "5,5.5", "delta", "1", NULL}},
    {"n: design=t2 has groups of 2 to 1000000, not of 1", {"n", "1", "delta", "1", NULL}},
    {"sd= has 3 numbers where there are 2 groups", {"n", "20", "delta", "1", "sd", "1,2,3", NULL}},
    {"give either sd=, or sd1= and sd2=", {"n", "20", "delta", "1", "sd", "1", "sd1", "2", NULL}},
    {"sd: a standard deviation is above 0", {"n", "20", "delta", "1", "sd", "0", NULL}},
    {"dist: unknown distribution \"nromal\" (did you mean \"normal\"?) at position 1: nromal <-- here",
     {"n", "20", "delta", "1", "dist", "nromal", NULL}},
    {"dist2: expected a number as in t(df) at position 3", {"n", "20", "delta", "1", "dist2", "t(df)", NULL}},
    {"design=anova has no one-sided alternative",
     {"design", "anova", "means", "1,2", "n", "5", "alternative", "less", NULL}},
    {"design=anova needs means=, or groups= and between=", {"design", "anova", "n", "5", NULL}},
    {"design=anova needs between=", {"design", "anova", "n", "5", "groups", "3", NULL}},
    {"give either means=, or groups= and between=",
     {"design", "anova", "n", "5", "groups", "3", "means", "1,2,3", NULL}},
    {"means= has 1 numbers", {"design", "anova", "n", "5", "means", "1", NULL}},
    {"p0: the share under the null hypothesis", {"design", "prop1", "n", "5", "p0", "1", "p1", "0.5", NULL}},
    {"rho: a correlation strictly between -1 and 1", {"design", "cor", "n", "5", "rho", "1", NULL}},
    {"rho: the differences of the pairs do not vary",
     {"design", "tpaired", "n", "5", "delta", "1", "rho", "1", NULL}},
    {"lehmann= and delta= exclude each other",
     {"design", "wilcoxon", "n", "5", "delta", "1", "lehmann", "2", NULL}},
    {"test=exact is for fewer subjects",
     {"design", "wilcoxon", "n", "300", "delta", "1", "test", "exact", NULL}},
    {"test=exact is for n of at most 500",
     {"design", "signedrank", "n", "501", "delta", "1", "test", "exact", NULL}},
    {"test=fisher is for at most 20000 subjects",
     {"design", "prop2", "n", "20000", "p1", "0.5", "p2", "0.5", "test", "fisher", NULL}},
    {"followup: nobody is watched", {"design", "logrank", "n", "5", "hr", "2", "followup", "0", NULL}},
    {"x=binary is 0 or 1 and takes no sdx=",
     {"design", "lm", "n", "9", "slope", "1", "x", "binary", "sdx", "2", NULL}},
    {"find=n looks for n with n2 = ratio * n", {"n1", "5", "n2", "6", "delta", "1", "find", "n", NULL}},
    {"target= and rounds= need find=n", {"n", "5", "delta", "1", "target", "0.9", NULL}},
    {"target=0.04 is not above alpha=0.05", {"delta", "1", "target", "0.04", "find", "n", NULL}},
    {"rounds: this parameter is set by earlier rounds", {"delta", "1", "find", "n", "rounds", "x", NULL}},
};

START_TEST(mistakes_are_explained)
{
    const char *text = task_error("power.sim", 100, bad[_i].params);
    ck_assert_msg(strstr(text, bad[_i].says) != NULL, "%s", text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_power");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, simulated_power_is_the_exact_one, 0, (int)(sizeof exact / sizeof exact[0]));
    tcase_add_loop_test(tc, simulated_power_is_near_the_approximate_one, 0,
                        (int)(sizeof approximate / sizeof approximate[0]));
    tcase_add_loop_test(tc, formulas_as_r, 0, (int)(sizeof formulas / sizeof formulas[0]));
    tcase_add_test(tc, intervals_hold_the_estimate);
    tcase_add_test(tc, no_formula_no_claim);
    tcase_add_test(tc, undefined_tests_are_counted);
    tcase_add_test(tc, seeds_and_sizes);
    tcase_add_loop_test(tc, search_ends_at_the_analytic_size, 0, (int)(sizeof searches / sizeof searches[0]));
    tcase_add_test(tc, search_without_effect_says_so);
    tcase_add_loop_test(tc, mistakes_are_explained, 0, (int)(sizeof bad / sizeof bad[0]));
    suite_add_tcase(s, tc);
    return run_suite(s);
}
