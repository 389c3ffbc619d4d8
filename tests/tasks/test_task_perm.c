/* perm.test run whole: every statistic against R's brute force, tables, many variables, partial runs, mistakes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "taskrun.h"

static const char two[] =
    "y,g\n1.1,a\n2.4,a\n3.9,a\n2.2,a\n5.0,a\n2.0,b\n4.4,b\n6.1,b\n5.5,b\n7.3,b\n3.3,b\n";
static const char differences[] = "d\n1.2\n-0.4\n2.2\n3.1\n-1.1\n0.7\n2.6\n0.3\n";
static const char line[] = "x,z\n1,2\n3,1\n2,4\n5,3\n4,6\n6.5,5\n8,7.5\n";
static const char three[] = "y,g\n3.1,1\n4.4,1\n2.9,1\n5.2,2\n6.6,2\n4.9,2\n4.0,3\n7.7,3\n8.1,3\n";
static const char table3[] = "a,b,c\n3,4,1\n1,0,1\n2,5,6\n";
static const char table2[] = "a,b\n3,2\n1,8\n";

/* What R 4.2.2 gives with every arrangement in a loop (combn, expand.grid) around its own statistics. */
static const struct {
    const char *csv, *test, *stat;
    double observed, p, p_greater;
} exact[] = {
    {two, "two-sample", "mean", -1.84666666666666668, 0.11688311688311688, 0.94588744588744589},
    {two, "two-sample", "median", -2.55, 0.11038961038961038, 0.96103896103896103},
    {two, "two-sample", "t", -1.76729124368788626, 0.10822510822510822, 0.94588744588744589},
    {two, "two-sample", "student", -1.72710960000520530, 0.11688311688311688, 0.94588744588744589},
    {two, "two-sample", "wilcoxon", 22, 0.1774891774891775, NAN},
    {differences, "paired", "mean", 1.075, 0.1015625, 0.05078125},
    {differences, "paired", "sum", 8.6, 0.1015625, 0.05078125},
    {differences, "paired", "t", 2.052946195607172, 0.1015625, 0.05078125},
    {differences, "paired", "wilcoxon", 30, 0.109375, 0.0546875},
    {line, "correlation", "pearson", 0.71846351382368911, 0.07420634920634921, 0.03869047619047619},
    {line, "correlation", "spearman", 0.67857142857142838, 0.10952380952380952, 0.05476190476190476},
    {three, "k-sample", "F", 3.47801920161697797, 0.09285714285714286, NAN},
    {three, "k-sample", "kruskal", 4.35555555555555429, 0.13214285714285715, NAN},
    {table3, "independence", "fisher", NAN, 0.3581125564434172, NAN},
    {table3, "independence", "chisq", 4.1927083333333339, 0.4604926638847747, NAN},
    {table2, "independence", "fisher", NAN, 0.09490509490509481, NAN},
};
enum { N_EXACT = sizeof exact / sizeof exact[0] };

static struct taskrun run_exact(int i, uint64_t seed, uint64_t n, const char *method)
{
    const char *data = data_of("exact", exact[i].csv), *test = exact[i].test, *stat = exact[i].stat;
    if (strcmp(test, "paired") == 0)
        return task_run("perm.test", seed, n,
                        PARAMS("data", data, "test", test, "stat", stat, "y", "d", "method", method));
    if (strcmp(test, "correlation") == 0)
        return task_run(
            "perm.test", seed, n,
            PARAMS("data", data, "test", test, "stat", stat, "x", "x", "y", "z", "method", method));
    if (strcmp(test, "independence") == 0)
        return task_run("perm.test", seed, n,
                        PARAMS("data", data, "test", test, "stat", stat, "method", method));
    return task_run(
        "perm.test", seed, n,
        PARAMS("data", data, "test", test, "stat", stat, "y", "y", "group", "g", "method", method));
}

START_TEST(every_statistic_as_in_r)
{
    for (int k = 0; k < 2; k++) {
        struct taskrun r = run_exact(_i, 1, 0, k ? "exact" : "auto");
        ck_assert_double_eq_tol(answer_number(&r, "p_value"), exact[_i].p, 1e-12);
        if (!isnan(exact[_i].observed))
            ck_assert_double_eq_tol(answer_number(&r, "observed"), exact[_i].observed, 1e-12);
        if (!isnan(exact[_i].p_greater))
            ck_assert_double_eq_tol(answer_number(&r, "p_greater"), exact[_i].p_greater, 1e-12);
        ck_assert_ptr_nonnull(strstr(answer_text(&r, "method"), "exact over"));
        taskrun_free(&r);
    }
}
END_TEST

START_TEST(random_draws_agree_with_the_exact_value)
{
    enum { B = 40000 };
    struct taskrun r = run_exact(_i, 11, B, "random");
    double p = exact[_i].p, got = answer_number(&r, "p_hat");
    ck_assert_double_eq_tol(got, p, 4 * sqrt(p * (1 - p) / B) + 1.0 / B);
    ck_assert_double_eq_tol(answer_number(&r, "p_value"), (got * B + 1) / (B + 1), 1e-12);
    ck_assert_double_eq_tol(answer_number(&r, "mc_se"), sqrt(got * (1 - got) / B), 1e-12);
    ck_assert_double_lt(answer_number(&r, "interval.lower"), got);
    ck_assert_double_gt(answer_number(&r, "interval.upper"), got);
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "method"), "drawn with replacement"));
    taskrun_free(&r);
}
END_TEST

/* Fewer items than arrangements: a sample of them, or bounds where they come in order. */
START_TEST(part_of_the_arrangements)
{
    struct taskrun r = run_exact(0, 3, 200, "auto");
    double p = 0.11688311688311688;
    ck_assert_double_eq_tol(answer_number(&r, "p_hat"), p, 4 * sqrt(p * (1 - p) / 200 * 262 / 461));
    double got = answer_number(&r, "p_hat");
    ck_assert_double_eq_tol(answer_number(&r, "mc_se"), sqrt(got * (1 - got) / 200 * 262 / 461), 1e-12);
    ck_assert_ptr_nonnull(
        strstr(answer_text(&r, "method"), "200 of the 462 arrangements, without replacement"));
    taskrun_free(&r);
    r = run_exact(0, 3, 200, "exact");
    ck_assert(answer_number(&r, "p_at_least") <= p && p <= answer_number(&r, "p_at_most"));
    ck_assert(answer_text(&r, "p_value") == NULL);
    taskrun_free(&r);
    r = run_exact(13, 3, 5, "exact");
    ck_assert(answer_number(&r, "p_at_least") <= 0.358112 && 0.358112 <= answer_number(&r, "p_at_most"));
    taskrun_free(&r);
    r = run_exact(0, 3, 1000000, "auto"); /* more than there are: all of them */
    ck_assert_uint_eq(r.n_ok, 462);
    taskrun_free(&r);
}
END_TEST

static double p_of(const char *csv, const char *const *params)
{
    const char *all[32] = {"data", data_of("p", csv)};
    int n = 2;
    for (; params[n - 2]; n++)
        all[n] = params[n - 2];
    all[n] = NULL;
    struct taskrun r = task_run("perm.test", 1, 0, all);
    double p = answer_number(&r, "p_value");
    taskrun_free(&r);
    return p;
}

START_TEST(sides)
{
    ck_assert_double_eq_tol(p_of(two, PARAMS("y", "y", "group", "g", "alternative", "less")),
                            0.05627705627705628, 1e-12);
    ck_assert_double_eq_tol(
        p_of(two, PARAMS("y", "y", "group", "g", "groups", "b,a", "alternative", "greater")),
        0.05627705627705628, 1e-12);
    ck_assert_double_eq_tol(p_of(two, PARAMS("y", "y", "group", "g", "groups", "b,a", "stat", "t")),
                            0.10822510822510822, 1e-12);
    ck_assert_double_eq_tol(p_of(two, PARAMS("y", "y", "group", "g", "groups", "b,a", "stat", "wilcoxon")),
                            0.1774891774891775, 1e-12);
    ck_assert_double_eq_tol(p_of(two, PARAMS("y", "y", "group", "g", "two_sided", "double")),
                            2 * 0.05627705627705628, 1e-12);
    ck_assert_double_eq_tol(p_of(table2, PARAMS("stat", "fisher", "alternative", "greater")),
                            0.09490509490509481, 1e-12);
    ck_assert_double_eq_tol(p_of(table2, PARAMS("stat", "fisher", "alternative", "less")), 0.9950049950049951,
                            1e-12);
    ck_assert_double_eq_tol(p_of(table2, PARAMS("stat", "fisher", "alternative", "less", "method", "random")),
                            0.995, 0.002);
}
END_TEST

/* The same table as two columns, with and without frequencies, turned, and with empty margins. */
START_TEST(tables_in_other_forms)
{
    double p = 0.3581125564434172;
    ck_assert_double_eq_tol(p_of("a,b,c\n3,1,2\n4,0,5\n1,1,6\n", PARAMS("stat", "fisher")), p, 1e-12);
    ck_assert_double_eq_tol(
        p_of("r,a,b,n,c\nu,3,4,0,1\nv,0,0,0,0\nw,1,0,0,1\nx,2,5,0,6\n", PARAMS("stat", "fisher")), p, 1e-12);
    static const char pairs[] = "h,k,times\nu,a,3\nu,b,4\nu,c,1\nv,a,1\nv,c,1\nw,a,2\nw,b,5\nw,c,6\n";
    ck_assert_double_eq_tol(p_of(pairs, PARAMS("stat", "fisher", "x", "h", "y", "k", "freq", "times")), p,
                            1e-12);
    static const char units[] = "h,k\n1,a\n1,a\n1,b\n2,b\n1,b\n2,b\n2,b\n2,a\n2,b\n2,b\n1,a\n2,b\n2,b\n2,b\n";
    ck_assert_double_eq_tol(p_of(units, PARAMS("stat", "fisher", "test", "independence", "x", "h", "y", "k")),
                            0.09490509490509481, 1e-12);
}
END_TEST

START_TEST(pairs_and_missing_values)
{
    static const char csv[] =
        "a,b\n1.5,0.3\n0.2,0.6\nNA,2\n2.9,0.7\n3.2,0.1\n0.1,1.2\n1.0,0.3\n2.7,0.1\n0.4,0.1\n";
    const char *data = data_of("pairs", csv);
    struct taskrun r =
        task_run("perm.test", 1, 0, PARAMS("data", data, "test", "paired", "x", "a", "y", "b", "na", "omit"));
    ck_assert_double_eq_tol(answer_number(&r, "p_value"), 0.1015625, 1e-12);
    ck_assert_double_eq_tol(answer_number(&r, "observed"), 1.075, 1e-12);
    ck_assert_double_eq(answer_number(&r, "rows_omitted"), 1);
    ck_assert_str_eq(answer_text(&r, "compared"), "a - b, row by row");
    taskrun_free(&r);
    /* |d| = 1.1, 0, 1.1, 0, 2.2 but for rounding. V leaves noughts out before or after ranking */
    data = data_of("rounding", "a,b\n3.3,2.2\n0.3,0.3\n1.1,2.2\n7,7\n5.5,3.3\n");
    r = task_run("perm.test", 1, 0,
                 PARAMS("data", data, "test", "paired", "x", "a", "y", "b", "stat", "wilcoxon"));
    ck_assert_double_eq_tol(answer_number(&r, "observed"), 1.5 + 3, 1e-12);
    taskrun_free(&r);
    r = task_run(
        "perm.test", 1, 0,
        PARAMS("data", data, "test", "paired", "x", "a", "y", "b", "stat", "wilcoxon", "zeros", "pratt"));
    ck_assert_double_eq_tol(answer_number(&r, "observed"), 3.5 + 5, 1e-12);
    taskrun_free(&r);
}
END_TEST

/* Two values 1e-4 apart are no tie, two that differ by rounding are: 0.1 + 0.2 against 0.3. */
START_TEST(ties_are_told_from_rounding)
{
    ck_assert_double_eq_tol(p_of("y,g\n0.1,a\n0.2,a\n0.3,b\n0,b\n", PARAMS("y", "y", "group", "g")), 1,
                            1e-12);
    ck_assert_double_eq_tol(
        p_of("y,g\n0.1,a\n0.2,a\n0.3001,b\n0,b\n", PARAMS("y", "y", "group", "g", "alternative", "less")),
        0.5, 1e-12);
}
END_TEST

/* Every item in turn and the rows of an exact test: nothing depends on the order of the data or on an offset. */
START_TEST(an_offset_changes_nothing)
{
    char csv[400] = "y,g\n";
    static const double y[] = {1.1, 2.4, 3.9, 2.2, 5.0, 2.0, 4.4, 6.1, 5.5, 7.3, 3.3};
    for (int i = 0; i < 11; i++)
        (void)snprintf(csv + strlen(csv), sizeof csv - strlen(csv), "%.1f,%s\n", 1e6 + y[i],
                       i < 5 ? "a" : "b");
    ck_assert_double_eq_tol(p_of(csv, PARAMS("y", "y", "group", "g")), 0.11688311688311688, 1e-12);
    ck_assert_double_eq_tol(p_of(csv, PARAMS("y", "y", "group", "g", "stat", "t")), 0.10822510822510822,
                            1e-12);
}
END_TEST

/* The numbers as they are read are off by 6e-8, so are their differences, and sums that tie on paper. The p-values are those
 * of the numbers without the offset, counted in tenths. */
START_TEST(large_offsets_do_not_break_ties)
{
    static const double before[] = {1.1, 2.2, 3.3, 4.4, 5.6, 2.1, 7.7, 9.1},
                        after[] = {0.9, 2.4, 3.1, 3.9, 5.1, 2.0, 8.0, 8.8},
                        three_groups[] = {2.9, 3, 2.5, 2.6, 3.2, 3.8, 2.7, 4, 2.4, 2.8, 3.4, 3.7, 2.2},
                        x[] = {44.4, 45.9, 41.9, 53.3, 44.7, 44.1, 50.7, 45.2},
                        y[] = {2.6, 3.1, 2.5, 5.0, 3.6, 4.0, 5.2, 2.8};
    char csv[800] = "a,b\n";
    for (int i = 0; i < 8; i++)
        (void)snprintf(csv + strlen(csv), sizeof csv - strlen(csv), "%.1f,%.1f\n", 1e9 + before[i],
                       1e9 + after[i]);
    ck_assert_double_eq_tol(p_of(csv, PARAMS("test", "paired", "x", "a", "y", "b")), 0.203125, 1e-12);
    ck_assert_double_eq_tol(p_of(csv, PARAMS("test", "paired", "x", "a", "y", "b", "stat", "t")), 0.203125,
                            1e-12);
    (void)snprintf(csv, sizeof csv, "y,g\n");
    for (int i = 0; i < 13; i++)
        (void)snprintf(csv + strlen(csv), sizeof csv - strlen(csv), "%.1f,%c\n", 1e9 + three_groups[i],
                       "aaaaabbbbcccc"[i]);
    ck_assert_double_eq_tol(p_of(csv, PARAMS("y", "y", "group", "g")), 56516 / 90090.0, 1e-12);
    (void)snprintf(csv, sizeof csv, "x,y\n");
    for (int i = 0; i < 8; i++)
        (void)snprintf(csv + strlen(csv), sizeof csv - strlen(csv), "%.1f,%.1f\n", 1e9 + x[i], 1e9 + y[i]);
    ck_assert_double_eq_tol(p_of(csv, PARAMS("test", "correlation", "x", "x", "y", "y")), 546 / 40320.0,
                            1e-12);
}
END_TEST

/* ---- many variables ---- */

static const char four[] = "g,a,b,c,d\n1,1.2,4.1,9,1\n1,3.4,3.9,2,1.5\n1,2.2,4.4,7.5,1.1\n1,5.1,4.2,3,1.3\n"
                           "2,4,5.5,4.5,1.2\n2,6.6,5.9,8.5,1.9\n2,2.5,5.1,1.5,1.6\n2,7.1,6.3,6,1.4\n";

static void check_variable(const struct taskrun *r, int place, const char *name, double t, double p,
                           double max_t, double bh, double tolerance)
{
    char path[64];
    static const char *const members[] = {"statistic", "p", "p_maxT", "p_BH"};
    double want[] = {t, p, max_t, bh};
    (void)snprintf(path, sizeof path, "variables.%d.variable", place);
    ck_assert_str_eq(answer_text(r, path), name);
    for (int k = 0; k < 4; k++) {
        (void)snprintf(path, sizeof path, "variables.%d.%s", place, members[k]);
        ck_assert_double_eq_tol(answer_number(r, path), want[k], k == 0 ? 1e-12 : tolerance);
    }
}

/* All 70 arrangements in R: Welch's t by hand, successive maxima, p.adjust(raw, "BH"). */
START_TEST(many_variables_as_in_r)
{
    static const double down[] = {0.02857142857142857, 0.4, 0.4, 0.9142857142857143},
                        single[] = {0.02857142857142857, 0.4571428571428571, 0.4857142857142857, 1};
    const char *data = data_of("four", four);
    for (int k = 0; k < 4; k++) {
        bool step_down = k < 2, random = k == 1;
        double tolerance = random ? 0.03 : 1e-12;
        const double *max_t = step_down ? down : single;
        struct taskrun r = task_run("perm.test", 2, random ? 20000 : 0,
                                    PARAMS("data", data, "vars", k == 2 ? "a, b,c,d" : "all", "group", "g",
                                           "adjust", step_down ? "step-down" : "single-step", "method",
                                           random   ? "random"
                                           : k == 3 ? "exact"
                                                    : "auto"));
        check_variable(&r, 0, "b", -5.56776436283001885, 2.0 / 70, max_t[0], 8.0 / 70, tolerance * 2);
        check_variable(&r, 1, "d", -1.6131985738135939, 14.0 / 70, max_t[1], 0.2666666666666667, tolerance);
        check_variable(&r, 2, "a", -1.5100896457383481, 12.0 / 70, max_t[2], 0.2666666666666667, tolerance);
        check_variable(&r, 3, "c", 0.1114556425150706, 64.0 / 70, max_t[3], 0.9142857142857143, tolerance);
        ck_assert_double_eq(answer_number(&r, "n_variables"), 4);
        ck_assert_str_eq(answer_text(&r, "table"), "variables");
        double p = answer_number(&r, "variables.1.p");
        if (random)
            ck_assert_double_eq_tol(answer_number(&r, "variables.1.mc_se_p"), sqrt(p * (1 - p) / 20000),
                                    1e-15);
        taskrun_free(&r);
    }
}
END_TEST

/* Each variable's raw p among many is that of a run of its own: the arrangements are the same. */
START_TEST(one_of_many_is_itself)
{
    static char csv[200000];
    static const char *const stats[] = {"mean", "median", "t", "student", "wilcoxon"};
    size_t len = (size_t)snprintf(csv, sizeof csv, "g");
    for (int v = 0; v < 150; v++)
        len += (size_t)snprintf(csv + len, sizeof csv - len, ",v%d", v);
    for (int i = 0; i < 90; i++) {
        len += (size_t)snprintf(csv + len, sizeof csv - len, "\n%s", i % 5 < 2 ? "a" : "b");
        for (int v = 0; v < 150; v++)
            len += (size_t)snprintf(csv + len, sizeof csv - len, ",%d",
                                    (i * (v + 7) * 7919 + i * i * 31 + v * 13) % (v == 3 ? 1 : 101));
    }
    const char *data = data_of("wide", csv);
    for (int k = 0; k < 5; k++) {
        struct taskrun all = task_run("perm.test", 9, 700,
                                      PARAMS("data", data, "vars", "all", "group", "g", "stat", stats[k]));
        for (int place = 0; place < 150; place += 29) {
            char path[40];
            (void)snprintf(path, sizeof path, "variables.%d.variable", place);
            const char *name = answer_text(&all, path);
            struct taskrun one = task_run("perm.test", 9, 700,
                                          PARAMS("data", data, "y", name, "group", "g", "stat", stats[k]));
            (void)snprintf(path, sizeof path, "variables.%d.p", place);
            ck_assert_double_eq_tol(answer_number(&all, path), answer_number(&one, "p_value"), 1e-12);
            (void)snprintf(path, sizeof path, "variables.%d.statistic", place);
            ck_assert_double_eq_tol(answer_number(&all, path), answer_number(&one, "observed"), 1e-9);
            taskrun_free(&one);
        }
        ck_assert_str_eq(answer_text(&all, "note"), "1 variable is constant: p = 1");
        for (int place = 0; place < 150; place++) {
            char path[40];
            (void)snprintf(path, sizeof path, "variables.%d.variable", place);
            if (strcmp(answer_text(&all, path), "v3") != 0)
                continue;
            (void)snprintf(path, sizeof path, "variables.%d.p", place);
            ck_assert_double_eq(answer_number(&all, path), 1);
        }
        taskrun_free(&all);
    }
}
END_TEST

START_TEST(other_tests_of_many_variables)
{
    const char *data = data_of("more", "g,x,a,b\n1,3,2,1\n1,1,4,7\n2,4,3,2\n2,6,5,9\n3,5,6,3\n3,9,8,4\n");
    struct taskrun many =
        task_run("perm.test", 1, 0, PARAMS("data", data, "test", "correlation", "x", "x", "vars", "a,b"));
    struct taskrun one =
        task_run("perm.test", 1, 0, PARAMS("data", data, "test", "correlation", "x", "x", "y", "a"));
    ck_assert_double_eq_tol(answer_number(&many, "variables.0.p"), answer_number(&one, "p_value"), 1e-12);
    taskrun_free(&many);
    taskrun_free(&one);
    many = task_run("perm.test", 1, 0, PARAMS("data", data, "group", "g", "vars", "a,b"));
    one = task_run("perm.test", 1, 0, PARAMS("data", data, "group", "g", "y", "a"));
    ck_assert_double_eq_tol(answer_number(&many, "variables.0.p"), answer_number(&one, "p_value"), 1e-12);
    ck_assert_double_eq_tol(answer_number(&many, "variables.0.statistic"), answer_number(&one, "observed"),
                            1e-12);
    taskrun_free(&many);
    taskrun_free(&one);
    many = task_run("perm.test", 1, 0, PARAMS("data", data, "test", "paired", "vars", "x,a,b"));
    ck_assert_double_eq_tol(answer_number(&many, "variables.0.p"), 2.0 / 64, 1e-12);
    taskrun_free(&many);
}
END_TEST

/* ---- Besag and Clifford ---- */

START_TEST(the_sequential_test_stops_at_its_draw)
{
    const char *data = data_of("seq", two);
    struct taskrun long_run =
        task_run("perm.test", 5, 5000, PARAMS("data", data, "y", "y", "group", "g", "exceed", "7"));
    uint64_t l = (uint64_t)answer_number(&long_run, "draws");
    ck_assert_double_eq_tol(answer_number(&long_run, "p_value"), 7.0 / (double)l, 1e-15);
    ck_assert_double_eq_tol(answer_number(&long_run, "p_unbiased"), 6.0 / (double)(l - 1), 1e-15);
    /* the same whatever came after, */
    struct taskrun just =
        task_run("perm.test", 5, l, PARAMS("data", data, "y", "y", "group", "g", "exceed", "7"));
    ck_assert_double_eq(answer_number(&just, "draws"), (double)l);
    ck_assert_ptr_nonnull(strstr(answer_text(&just, "method"), "until so many exceedances"));
    taskrun_free(&just);
    just = task_run("perm.test", 5, l - 1, PARAMS("data", data, "y", "y", "group", "g", "exceed", "7"));
    ck_assert_double_eq_tol(answer_number(&just, "p_value"), 7.0 / (double)l,
                            1e-15); /* (6 + 1) / (l - 1 + 1) */
    ck_assert_ptr_nonnull(strstr(answer_text(&just, "method"), "fewer than 7 exceedances"));
    taskrun_free(&just);
    taskrun_free(&long_run);
}
END_TEST

/* ---- mistakes ---- */

static void expect(const char *part, const char *const *params)
{
    const char *text = task_error("perm.test", 50, params);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(mistakes_are_explained)
{
    const char *data =
        data_of("bad.csv", "LSAT,GPA,g,c,m,h\n1,2,a,7,1,x\n2,3,b,7,NA,x\n4,3,cc,7,2,x\n5,1,b,7,3,x\n");
    expect("data", PARAMS("y", "y"));
    expect("group= has no use in test=paired: leave it out, or choose another test",
           PARAMS("data", data, "test", "paired", "y", "GPA", "group", "g"));
    expect("x= has no use in test=two-sample", PARAMS("data", data, "y", "GPA", "x", "GPA", "group", "g"));
    expect("GPA", PARAMS("data", data, "y", "GPAA", "group", "g"));
    expect("column \"g\" holds text; y= needs numbers", PARAMS("data", data, "y", "g", "group", "g"));
    expect("3 different values in the rows used: name two with groups=a,b",
           PARAMS("data", data, "y", "LSAT", "group", "g", "test", "two-sample"));
    expect("groups: column \"g\" has no value \"ccc\" (did you mean \"cc\"?)",
           PARAMS("data", data, "y", "LSAT", "group", "g", "groups", "a,ccc"));
    expect("column \"h\" has one value in the rows used (x): there is nothing to compare",
           PARAMS("data", data, "y", "LSAT", "group", "h"));
    expect("column \"c\" is constant: there is nothing to test",
           PARAMS("data", data, "y", "c", "group", "g", "groups", "a,b"));
    expect("column \"m\" has 1 missing value, the first used in data row 2: give na=omit",
           PARAMS("data", data, "y", "m", "group", "g"));
    expect("group a has 1 unit: too few for a t",
           PARAMS("data", data, "y", "LSAT", "group", "g", "groups", "a,b", "stat", "t"));
    expect("stat=F is not for this test: there are mean median t student wilcoxon",
           PARAMS("data", data, "y", "LSAT", "group", "g", "groups", "a,b", "stat", "F"));
    expect("F has no sides", PARAMS("data", data, "y", "LSAT", "group", "g", "alternative", "less"));
    expect("give test=paired, test=correlation or test=independence",
           PARAMS("data", data, "x", "LSAT", "y", "GPA"));
    expect("column \"c\" is constant: there is no correlation",
           PARAMS("data", data, "test", "correlation", "x", "c", "y", "GPA"));
    expect("column \"LSAT\" is named twice", PARAMS("data", data, "group", "g", "vars", "LSAT,LSAT"));
    expect("not both", PARAMS("data", data, "group", "g", "vars", "LSAT", "y", "GPA"));
    expect("exceed= stops random draws",
           PARAMS("data", data, "y", "LSAT", "group", "g", "exceed", "5", "method", "exact"));
    expect("exceed= is for one variable", PARAMS("data", data, "group", "g", "groups", "a,b", "vars",
                                                 "LSAT,GPA", "stat", "mean", "exceed", "5"));
    expect("2.5 is not a count: without y=, x= and group= the data are a table of counts",
           PARAMS("data", data_of("counts", "a,b\n1,2\n2.5,4\n")));
    expect("groups: column \"d\" has no value \"3\"",
           PARAMS("data", data_of("doses", "y,d\n1,1\n2,1\n3,2\n4,2\n"), "y", "y", "group", "d", "groups",
                  "1,3"));
    expect("1 row and 2 columns", PARAMS("data", data_of("thin", "a,b\n1,2\n0,0\n"), "test", "independence"));
    expect("give x= and y=", PARAMS("data", data, "test", "independence", "x", "g"));
    expect("column \"d\" is constant nought",
           PARAMS("data", data_of("noughts", "d\n0\n0\n0\n"), "test", "paired", "y", "d"));
}
END_TEST

START_TEST(too_many_arrangements_for_exact)
{
    static char csv[4000] = "y,g\n";
    for (int i = 0; i < 100; i++)
        (void)snprintf(csv + strlen(csv), sizeof csv - strlen(csv), "%d,%s\n", i * i % 97, i % 2 ? "a" : "b");
    const char *data = data_of("hundred", csv);
    expect("there are more than 1e+11 arrangements; use method=random",
           PARAMS("data", data, "y", "y", "group", "g", "method", "exact"));
    struct taskrun r = task_run("perm.test", 1, 0, PARAMS("data", data, "y", "y", "group", "g"));
    ck_assert_uint_eq(r.n_ok, 100000);
    ck_assert_str_eq(answer_text(&r, "plot.panels.0.kind"), "histogram");
    taskrun_free(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_perm");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, every_statistic_as_in_r, 0, N_EXACT);
    tcase_add_loop_test(tc, random_draws_agree_with_the_exact_value, 0, N_EXACT);
    tcase_add_test(tc, part_of_the_arrangements);
    tcase_add_test(tc, sides);
    tcase_add_test(tc, tables_in_other_forms);
    tcase_add_test(tc, pairs_and_missing_values);
    tcase_add_test(tc, ties_are_told_from_rounding);
    tcase_add_test(tc, an_offset_changes_nothing);
    tcase_add_test(tc, large_offsets_do_not_break_ties);
    tcase_add_test(tc, many_variables_as_in_r);
    tcase_add_test(tc, one_of_many_is_itself);
    tcase_add_test(tc, other_tests_of_many_variables);
    tcase_add_test(tc, the_sequential_test_stops_at_its_draw);
    tcase_add_test(tc, mistakes_are_explained);
    tcase_add_test(tc, too_many_arrangements_for_exact);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
