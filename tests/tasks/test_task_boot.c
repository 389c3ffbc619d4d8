/* boot run whole: statistics, intervals, strata, missing values, mistakes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "taskrun.h"

static const char two_columns[] =
    "x,y,g\n1,2.5,a\n2,1,a\n4,4.5,b\n7,6,b\n11,9.5,b\n16,13,a\n22,20,b\n3,2,a\n";

START_TEST(estimates_are_those_of_the_data)
{
    static const struct {
        const char *stat;
        double value;
    } of[] = {
        {"mean(x)", 8.25},
        {"median(x)", 5.5},
        {"var(x)", 56.5},
        {"sd(x)", 7.516648189186454},
        {"quantile(x,0.9)", 17.8},
        {"trimmed(x,0.2)", 7.166666666666667},
        {"cor(x,y)", 0.9898548437789273},
        {"ratio(y,x)", 58.5 / 66},
        {"diff(x,g)", 5.5 - 11},
    };
    const char *data = data_of("two", two_columns);
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct taskrun r =
            task_run("boot", 1, 200, PARAMS("data", data, "stat", of[i].stat, "ci", "percentile"));
        ck_assert_msg(fabs(answer_number(&r, "estimate") - of[i].value) < 1e-12, "%s: %.17g, not %.17g",
                      of[i].stat, answer_number(&r, "estimate"), of[i].value);
        ck_assert_str_eq(answer_text(&r, "statistic"), of[i].stat);
        ck_assert_str_eq(answer_text(&r, "plot.kind"), "histogram");
        taskrun_free(&r);
    }
}
END_TEST

START_TEST(linear_models_give_every_coefficient)
{
    const char *data = data_of("two", two_columns);
    struct taskrun r = task_run("boot", 1, 2000, PARAMS("data", data, "stat", "lm(y~x)", "ci", "all"));
    ck_assert_str_eq(answer_text(&r, "coefficients.0.name"), "(Intercept)");
    ck_assert_str_eq(answer_text(&r, "coefficients.1.name"), "x");
    ck_assert_double_eq_tol(answer_number(&r, "coefficients.1.estimate"), 0.8606194690265486, 1e-12);
    ck_assert_double_eq_tol(answer_number(&r, "coefficients.0.estimate"), 0.21238938053097378, 1e-12);
    ck_assert_str_eq(answer_text(&r, "intervals.9.name"), "x");
    ck_assert_str_eq(answer_text(&r, "intervals.9.method"), "bca");
    ck_assert_double_lt(answer_number(&r, "intervals.9.lower"), 0.8606);
    ck_assert_double_gt(answer_number(&r, "intervals.9.upper"), 0.8606);
    taskrun_free(&r);
}
END_TEST

/* The mean of n values: bootstrap SE is sd (n divisor) / sqrt(n) exactly. All intervals cover it together at their level. */
START_TEST(mean_has_the_known_standard_error)
{
    const char *data = data_of("two", two_columns);
    struct taskrun r =
        task_run("boot", 4, 20000, PARAMS("data", data, "stat", "mean(x)", "ci", "all", "method", "random"));
    double se = sqrt(56.5 * 7 / 8 / 8);
    ck_assert_double_eq_tol(answer_number(&r, "se"), se, 5 * se / sqrt(40000));
    ck_assert_double_eq_tol(answer_number(&r, "bias"), 0, 4 * se / sqrt(20000));
    ck_assert_double_eq_tol(answer_number(&r, "jackknife_se"), sqrt(56.5 / 8), 1e-12);
    for (int k = 0; k < 5; k++) {
        char path[40];
        (void)snprintf(path, sizeof path, "intervals.%d.lower", k);
        ck_assert_double_lt(answer_number(&r, path), 8.25 - 1.2 * se);
        (void)snprintf(path, sizeof path, "intervals.%d.upper", k);
        ck_assert_double_gt(answer_number(&r, path), 8.25 + 1.2 * se);
    }
    taskrun_free(&r);
}
END_TEST

START_TEST(groups_are_resampled_within)
{
    /* group a never varies: all variance is that of b */
    const char *data = data_of("groups", "x,g\n5,a\n1,b\n5,a\n2,b\n3,b\n5,a\n");
    struct taskrun r = task_run("boot", 4, 20000,
                                PARAMS("data", data, "stat", "diff(x,g)", "ci", "bca", "method", "random"));
    double se = sqrt(2.0 / 3 / 3);
    ck_assert_double_eq(answer_number(&r, "estimate"), 3);
    ck_assert_double_eq(answer_number(&r, "strata"), 2);
    ck_assert_double_eq_tol(answer_number(&r, "se"), se, 5 * se / sqrt(40000));
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "meaning"), "where g is a, less that where it is b"));
    ck_assert_uint_eq(r.n_failed, 0);
    taskrun_free(&r);
    r = task_run("boot", 4, 20000,
                 PARAMS("data", data, "stat", "mean(x)", "strata", "g", "ci", "normal", "method", "random"));
    ck_assert_double_eq_tol(answer_number(&r, "se"), se / 2, 5 * se / 2 / sqrt(40000));
    taskrun_free(&r);
}
END_TEST

START_TEST(rows_are_chosen)
{
    const char *data = data_of("rows", "x,g,y\n1,a,1\nNA,a,2\n3,b,3\n5,a,\n7,a,5\n");
    struct taskrun r =
        task_run("boot", 1, 100, PARAMS("data", data, "stat", "mean(x)", "na", "omit", "ci", "normal"));
    ck_assert_double_eq(answer_number(&r, "estimate"), 4);
    ck_assert_double_eq(answer_number(&r, "rows"), 4);
    taskrun_free(&r);
    r = task_run("boot", 1, 100,
                 PARAMS("data", data, "stat", "mean(x)", "na", "omit", "where", "g=a", "ci", "normal"));
    ck_assert_double_eq_tol(answer_number(&r, "estimate"), 13.0 / 3, 1e-12);
    taskrun_free(&r);
}
END_TEST

START_TEST(undefined_resamples_are_counted)
{
    /* 3 rows: all alike with probability 1/9 */
    const char *data = data_of("three", "x,y\n1,1\n2,3\n3,2\n");
    struct taskrun r = task_run(
        "boot", 1, 9000, PARAMS("data", data, "stat", "cor(x,y)", "ci", "percentile", "method", "random"));
    ck_assert_uint_eq(r.n_ok + r.n_failed, 9000);
    ck_assert_double_eq_tol((double)r.n_failed, 1000, 4 * sqrt(1000 * 8.0 / 9));
    ck_assert_str_eq(r.cause, "a variable is constant in the resample");
    taskrun_free(&r);
    data = data_of("lm3", "y,x\n1,1\n2,2\n4,3\n");
    r = task_run("boot", 1, 9000,
                 PARAMS("data", data, "stat", "lm(y~x)", "ci", "percentile", "method", "random"));
    ck_assert_double_eq_tol((double)r.n_failed, 1000, 4 * sqrt(1000 * 8.0 / 9));
    taskrun_free(&r);
}
END_TEST

/* Formulas mean what they mean to fit: same coefficients, same names, same ones left out. */
static const char *const formulas[] = {
    "y ~ x + g", "log(y) ~ g*h + offset(x/10)", "y ~ poly(x, 2) - 1", "y ~ `x 2` + x + I(2*x) + (x > 4)",
    "y ~ .",
};

START_TEST(formulas_as_fit_reads_them)
{
    const char *data =
        data_of("formulas",
                "y,x,g,h,x 2\n3,1,a,u,4\n5,2,b,v,1\n4,3,a,v,9\n8,4,b,u,3\n7,5,c,u,5\n12,6,c,v,2\n9,7,a,u,7\n"
                "15,8,b,v,2\n14,9,c,v,3\n18,10,a,v,1\n2,11,b,u,6\n6,12,c,u,6\n");
    char stat[80];
    (void)snprintf(stat, sizeof stat, "lm(%s)", formulas[_i]);
    struct taskrun r = task_run("boot", 1, 200, PARAMS("data", data, "stat", stat, "ci", "percentile")),
                   fit = task_run("fit", 1, 0, PARAMS("data", data, "formula", formulas[_i]));
    json_t *all = json_object_get(fit.answer, "coefficients"), *of;
    size_t k, n = 0;
    json_array_foreach(all, k, of)
    {
        char path[40], name[40];
        const char *term = json_string_value(json_object_get(of, "term"));
        double estimate = json_number_value(json_object_get(of, "estimate"));
        if (json_is_null(json_object_get(of, "estimate"))) {
            ck_assert_ptr_nonnull(strstr(answer_text(&r, "meaning"), term));
            continue;
        }
        (void)snprintf(path, sizeof path, "coefficients.%zu.estimate", n);
        (void)snprintf(name, sizeof name, "coefficients.%zu.name", n++);
        ck_assert_str_eq(answer_text(&r, name), term);
        ck_assert_double_eq_tol(answer_number(&r, path), estimate, 1e-12 * (1 + fabs(estimate)));
    }
    ck_assert_uint_eq(json_array_size(json_object_get(r.answer, "coefficients")), n);
    taskrun_free(&r);
    taskrun_free(&fit);
}
END_TEST

/* 8 coefficients need 8 different ones of 9 rows: nearly no resample has them. */
START_TEST(undefined_on_every_resample)
{
    const char *data = data_of(
        "nine", "y,a,b,c,d,e,f,g\n1,1,0,0,0,0,0,0\n2,0,1,0,0,0,0,0\n4,0,0,1,0,0,0,0\n3,0,0,0,1,0,0,0\n"
                "5,0,0,0,0,1,0,0\n8,0,0,0,0,0,1,0\n6,0,0,0,0,0,0,1\n7,0,0,0,0,0,0,0\n9,0,0,0,0,0,0,0\n");
    ck_assert_str_eq(
        task_error("boot", 5, PARAMS("data", data, "stat", "lm(y~a+b+c+d+e+f+g)", "ci", "normal")),
        "lm(y~a+b+c+d+e+f+g) is undefined on every resample drawn");
}
END_TEST

START_TEST(medians)
{
    const char *data = data_of("seven", "x\n94\n197\n16\n38\n99\n141\n23\n");
    struct taskrun r = task_run("boot", 1, 5000, PARAMS("data", data, "stat", "median(x)", "ci", "all"));
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "warning"), "unsuitable"));
    ck_assert_str_eq(answer_text(&r, "intervals.3.method"), "bca"); /* studentized only when asked for */
    taskrun_free(&r);
    r = task_run("boot", 1, 5000, PARAMS("data", data, "stat", "mean(x); median(x); sd(x)"));
    ck_assert_ptr_eq(strstr(answer_text(&r, "warning"), "median(x): "), answer_text(&r, "warning"));
    ck_assert_str_eq(answer_text(&r, "plot.title"), "1716 bootstrap resamples");
    ck_assert_str_eq(answer_text(&r, "plot.panels.1.ylabel"), "density");
    taskrun_free(&r);
    data = data_of("forty", "x\n3\n14\n15\n92\n65\n35\n89\n79\n32\n38\n46\n26\n43\n38\n32\n79\n50\n28\n84\n19"
                            "\n71\n69\n39\n93\n75\n");
    r = task_run("boot", 1, 2000,
                 PARAMS("data", data, "stat", "median(x)", "ci", "studentized", "nested", "25"));
    ck_assert_double_lt(answer_number(&r, "intervals.0.lower"), 43);
    ck_assert_double_gt(answer_number(&r, "intervals.0.upper"), 43);
    taskrun_free(&r);
}
END_TEST

START_TEST(few_resamples_are_said_to_be_few)
{
    const char *data = data_of("two", two_columns);
    struct taskrun r = task_run("boot", 1, 20, PARAMS("data", data, "stat", "mean(x)", "ci", "percentile"));
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "note"), "raise n"));
    taskrun_free(&r);
    r = task_run("boot", 1, 1, PARAMS("data", data, "stat", "mean(x)", "ci", "all"));
    ck_assert(isnan(answer_number(&r, "se")));
    taskrun_free(&r);
}
END_TEST

static void expect(const char *part, const char *const *params)
{
    const char *text = task_error("boot", 50, params);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(mistakes_are_explained)
{
    const char *data = data_of("bad.csv", "LSAT,GPA,g,c,m\n1,2,a,7,1\n2,3,b,7,NA\n4,3,c,7,2\n");
    expect("GPA", PARAMS("data", data, "stat", "cor(LSAT,GPAA)"));
    expect("LSAT", PARAMS("data", data, "stat", "mean(lsat)"));
    expect("stat: unknown statistic \"corr\" (did you mean \"cor\"?)",
           PARAMS("data", data, "stat", "corr(LSAT,GPA)"));
    expect("column \"g\" holds text, the first is \"a\" in data row 1; mean(x) needs numbers",
           PARAMS("data", data, "stat", "mean(g)"));
    expect("column \"x\" holds text, the first is \"12,5\" in data row 3; mean(x) needs numbers",
           PARAMS("data", data_of("comma.csv", "x\n1e3\n-.5\n\"12,5\"\nx\n"), "stat", "mean(x)"));
    expect("has 3 different values in the rows used, and must have two",
           PARAMS("data", data, "stat", "diff(LSAT,g)"));
    expect("is undefined for the data", PARAMS("data", data, "stat", "cor(LSAT,c)"));
    expect("column \"m\" has 1 missing value, the first used in data row 2",
           PARAMS("data", data, "stat", "mean(m)"));
    expect("where: column \"g\" has no value \"d\"",
           PARAMS("data", data, "stat", "mean(LSAT)", "where", "g=d"));
    expect("is left to resample: at least 2 are needed",
           PARAMS("data", data, "stat", "mean(LSAT)", "where", "g=a"));
    expect("is not of the form column=value", PARAMS("data", data, "stat", "mean(LSAT)", "where", "g"));
    expect("formula: the text ends where a name or a number is expected at position 6: LSAT~ <-- here",
           PARAMS("data", data, "stat", "lm(LSAT~)"));
    expect("formula: lm needs a response", PARAMS("data", data, "stat", "lm(~GPA)"));
    expect("formula: the response g is a factor, not a number", PARAMS("data", data, "stat", "lm(g~GPA)"));
    expect("lm: a term has no value in 3 of the rows", PARAMS("data", data, "stat", "lm(LSAT~log(GPA-3.2))"));
    expect("column \"m\" has 1 missing value", PARAMS("data", data, "stat", "lm(LSAT~m)"));
    expect("lm: all columns of the model matrix are 0", PARAMS("data", data, "stat", "lm(LSAT~0+I(c-c))"));
    expect("lm: 3 rows are too few for 3 coefficients", PARAMS("data", data, "stat", "lm(LSAT~GPA+c)"));
    expect("stat", PARAMS("data", data));
    expect("data", PARAMS("stat", "mean(x)"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_boot");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, estimates_are_those_of_the_data);
    tcase_add_test(tc, linear_models_give_every_coefficient);
    tcase_add_test(tc, mean_has_the_known_standard_error);
    tcase_add_test(tc, groups_are_resampled_within);
    tcase_add_test(tc, rows_are_chosen);
    tcase_add_test(tc, undefined_resamples_are_counted);
    tcase_add_loop_test(tc, formulas_as_fit_reads_them, 0, (int)(sizeof formulas / sizeof formulas[0]));
    tcase_add_test(tc, undefined_on_every_resample);
    tcase_add_test(tc, medians);
    tcase_add_test(tc, few_resamples_are_said_to_be_few);
    tcase_add_test(tc, mistakes_are_explained);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
