/* em.mixture and em.multinomial run whole: what it recovers, what it counts, what it refuses. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quincunx/stream.h"
#include "taskrun.h"

enum { CSV_BYTES = 1 << 17 };

/* Three clouds of 200 rows in columns x and y, around (0, 0), (6, 1), (3, 8), with sd 1 and 2. */
static const char *clouds(void)
{
    static char csv[CSV_BYTES];
    static const double centre[3][2] = {{0, 0}, {6, 1}, {3, 8}};
    struct qx_stream rng;
    size_t at = (size_t)snprintf(csv, sizeof csv, "x,y,name\n");
    qx_stream_init(&rng, 4, 0, 0);
    for (int r = 0; r < 600; r++) {
        double x = centre[r % 3][0] + qx_normal(&rng), y = centre[r % 3][1] + 2 * qx_normal(&rng);
        at += (size_t)snprintf(csv + at, sizeof csv - at, "%.6f,%.6f,c%d\n", x, y, r % 3);
    }
    return data_of("clouds", csv);
}

START_TEST(clouds_are_recovered_in_order)
{
    static const double mean_x[] = {0, 3, 6}, mean_y[] = {0, 8, 1};
    for (int diagonal = 0; diagonal < 2; diagonal++) {
        struct taskrun r = task_run(
            "em.mixture", 1, 12,
            PARAMS("data", clouds(), "columns", "x, y", "k", "3", "cov", diagonal ? "diagonal" : "full"));
        for (int c = 0; c < 3; c++) {
            char path[64];
            (void)snprintf(path, sizeof path, "components.%d.mean x", c);
            ck_assert_double_eq_tol(answer_number(&r, path), mean_x[c], 0.4);
            (void)snprintf(path, sizeof path, "components.%d.mean y", c);
            ck_assert_double_eq_tol(answer_number(&r, path), mean_y[c], 0.8);
            (void)snprintf(path, sizeof path, "components.%d.lambda", c);
            ck_assert_double_eq_tol(answer_number(&r, path), 1.0 / 3, 0.05);
            (void)snprintf(path, sizeof path, "estimates.%d.se", c * (diagonal ? 5 : 6) + 1);
            ck_assert_double_eq_tol(answer_number(&r, path), 1 / sqrt(200), 0.03);
        }
        double q = diagonal ? 14 : 17, l = answer_number(&r, "loglik");
        ck_assert_double_eq(answer_number(&r, "parameters"), q);
        ck_assert_double_eq_tol(answer_number(&r, "aic"), 2 * q - 2 * l, 1e-9);
        ck_assert_double_eq_tol(answer_number(&r, "bic"), q * log(600) - 2 * l, 1e-9);
        ck_assert_double_ge(answer_number(&r, "starts_at_best"), 6);
        ck_assert_double_eq_tol(answer_number(&r, "maxima.0.loglik"), l, 1e-9 * fabs(l));
        ck_assert_ptr_null(answer_text(&r, "warning"));
        ck_assert_ptr_null(answer_text(&r, "warning_down"));
        taskrun_free(&r);
    }
}
END_TEST

START_TEST(one_component_is_the_moments)
{
    struct taskrun r =
        task_run("em.mixture", 1, 2, PARAMS("data", data_of("small", "x\n1\n2\n4\n9\n"), "k", "1"));
    ck_assert_double_eq_tol(answer_number(&r, "components.0.mean"), 4, 1e-14);
    ck_assert_double_eq_tol(answer_number(&r, "components.0.sd"), sqrt(9.5), 1e-14);
    ck_assert_double_eq_tol(answer_number(&r, "loglik"), -2 * log(2 * M_PI * 9.5) - 2, 1e-12);
    ck_assert_double_eq_tol(answer_number(&r, "estimates.1.se"), sqrt(9.5 / 4), 1e-8);
    taskrun_free(&r);
}
END_TEST

START_TEST(the_user_may_say_where_to_start)
{
    struct taskrun r = task_run("em.mixture", 1, 1,
                                PARAMS("data", clouds(), "columns", "x", "k", "2", "mu", "6,0", "trace",
                                       "yes", "max_iter", "3", "sd", "1.5"));
    ck_assert_double_eq(answer_number(&r, "iterates.0.mu1"), 6);
    ck_assert_double_eq(answer_number(&r, "iterates.0.mu2"), 0);
    ck_assert_double_eq(answer_number(&r, "iterates.0.lambda1"), 0.5);
    ck_assert_double_eq_tol(answer_number(&r, "iterates.0.sd2"), 1.5, 1e-15);
    ck_assert_double_eq(answer_number(&r, "iterates.3.mu2"), answer_number(&r, "components.0.mean"));
    ck_assert_double_eq(answer_number(&r, "iterations"), 3);
    ck_assert_double_eq(answer_number(&r, "not_converged"), 1);
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "warning"), "max_iter"));
    taskrun_free(&r);
}
END_TEST

START_TEST(posterior_probabilities_are_a_file)
{
    struct taskrun r = task_run("em.mixture", 1, 3,
                                PARAMS("data", clouds(), "columns", "x,y", "k", "3", "posterior", "yes"));
    const char *text = answer_text(&r, "files.0.text");
    int right = 0, rows = 0;
    ck_assert_str_eq(answer_text(&r, "files.0.name"), "posterior.csv");
    ck_assert_int_eq(strncmp(text, "row,p1,p2,p3,component\n", 23), 0);
    for (const char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1, rows++) {
        double number[5];
        char *end = (char *)(uintptr_t)line - 1;
        for (int i = 0; i < 5; i++)
            number[i] = strtod(end + 1, &end);
        ck_assert_int_eq(*end, '\n');
        ck_assert_double_eq(number[0], rows + 1);
        ck_assert_double_eq_tol(number[1] + number[2] + number[3], 1, 1e-8);
        right += (int)number[4] == (rows % 3 == 0 ? 1 : rows % 3 == 1 ? 3 : 2);
    }
    ck_assert_int_eq(rows, 600);
    ck_assert_int_gt(right, 560);
    taskrun_free(&r);
}
END_TEST

START_TEST(rows_without_a_value_are_dropped_on_request)
{
    const char *csv = data_of("holes", "x,y\n1,2\n2,\n3,1\n,4\n5,2\n7,9\n8,2\n9,1\n");
    struct taskrun r =
        task_run("em.mixture", 1, 2, PARAMS("data", csv, "k", "1", "na", "omit", "cov", "diagonal"));
    ck_assert_double_eq(answer_number(&r, "rows"), 6);
    ck_assert_double_eq(answer_number(&r, "rows_dropped"), 2);
    taskrun_free(&r);
    ck_assert_ptr_nonnull(strstr(task_error("em.mixture", 2, PARAMS("data", csv, "k", "1")),
                                 "column \"y\" lacks a value in data row 2: give na=omit"));
}
END_TEST

/* Half of the rows are equal: a component shrinks onto them. */
START_TEST(components_that_shrink_to_a_point_are_counted)
{
    const char *csv = data_of("spike", "x\n5\n5\n5\n5\n5\n5\n5\n5\n1\n2\n3\n4\n6\n7\n8\n9.5\n");
    ck_assert_ptr_nonnull(strstr(task_error("em.mixture", 4, PARAMS("data", csv)), "no start gave a fit"));
    struct taskrun r = task_run("em.mixture", 1, 4, PARAMS("data", csv, "equal", "yes"));
    ck_assert_uint_eq(r.n_failed, 0);
    taskrun_free(&r);
    char text[CSV_BYTES / 64];
    size_t at = (size_t)snprintf(text, sizeof text, "x\n");
    for (int i = 0; i < 40; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%g\n", i < 34 ? (i % 2 ? 5 : 0) + 0.07 * i : 8);
    r = task_run("em.mixture", 1, 40, PARAMS("data", data_of("spikes", text), "k", "3", "start", "points"));
    ck_assert_uint_gt(r.n_ok, 0);
    ck_assert_uint_gt(r.n_failed, 0);
    ck_assert_str_eq(r.cause, "a component shrank to a point (its variance went to zero)");
    taskrun_free(&r);
}
END_TEST

static void expect(const char *part, const char *const *params)
{
    const char *text = task_error("em.mixture", 2, params);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(mistakes_are_explained)
{
    const char *d = clouds(), *flat = data_of("flat", "x,y\n1,2\n1,3\n1,5\n1,7\n1,1\n1,4\n1,9\n1,8\n");
    expect("no column 'z'", PARAMS("data", d, "columns", "z"));
    expect("column \"name\" holds text", PARAMS("data", d, "columns", "x,name"));
    expect("\"x\" is given twice", PARAMS("data", d, "columns", "x,x"));
    expect("a name is missing", PARAMS("data", d, "columns", "x,,y"));
    expect("column \"x\" is constant", PARAMS("data", flat));
    expect("linear combination",
           PARAMS("data", data_of("line", "x,y\n1,2\n2,4\n3,6\n5,10\n6,12\n7,14\n8,16\n9,18\n1.5,3\n")));
    expect("too few for the 5 parameters", PARAMS("data", data_of("few", "x\n1\n2\n3\n4\n5\n")));
    expect("mu= has 3 numbers where k=2 components in 1 columns need 2",
           PARAMS("data", d, "columns", "x", "mu", "1,2,3"));
    expect("lambda= adds up to 0.9", PARAMS("data", d, "columns", "x", "mu", "1,2", "lambda", "0.5,0.4"));
    expect("lambda= has 1 numbers for k=2", PARAMS("data", d, "columns", "x", "mu", "1,2", "lambda", "1"));
    expect("-1 is not positive", PARAMS("data", d, "columns", "x", "mu", "1,2", "sd", "1,-1"));
    expect("sd= has 3 numbers", PARAMS("data", d, "columns", "x", "mu", "1,2", "sd", "1,2,3"));
    expect("which equal=yes excludes",
           PARAMS("data", d, "columns", "x", "mu", "1,2", "sd", "1,2", "equal", "yes"));
    expect("needs mu= too", PARAMS("data", d, "columns", "x", "sd", "1"));
}
END_TEST

/* ---- em.multinomial ---- */

#define BLOOD   "cells", "A=p^2+2*p*r; B=q^2+2*q*r; AB=2*p*q; O=r^2", "simplex", "p,q,r"
#define LINKAGE "cells", "1/2+p/4; (1-p)/4; (1-p)/4; p/4", "simplex", "p"

START_TEST(counts_come_in_many_ways)
{
    char people[4096];
    size_t at = (size_t)snprintf(people, sizeof people, "id,group\n");
    static const char *const group[] = {"A", "B", "AB", "O"};
    static const int n[] = {186, 38, 13, 284};
    for (int g = 0; g < 4; g++)
        for (int i = 0; i < n[g]; i++)
            at += (size_t)snprintf(people + at, sizeof people - at, "%d,%s\n", i, group[g]);
    struct taskrun r[] = {
        task_run("em.multinomial", 1, 4, PARAMS(BLOOD, "counts", "186,38,13,284")),
        task_run("em.multinomial", 1, 4, PARAMS(BLOOD, "counts", "O=284,A=186, B=38, AB=13")),
        task_run("em.multinomial", 1, 4,
                 PARAMS(BLOOD, "counts", "k", "data", data_of("counts", "k\n186\n38\n13\n284\n"))),
        task_run("em.multinomial", 1, 4, PARAMS(BLOOD, "counts", "group", "data", data_of("people", people))),
    };
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(r[i].digest, r[0].digest);
        ck_assert_double_eq(answer_number(&r[i], "cells.3.count"), 284);
        ck_assert_double_eq_tol(answer_number(&r[i], "estimates.0.estimate"), 0.2135909390895, 1e-11);
        taskrun_free(&r[i]);
    }
}
END_TEST

START_TEST(answers_of_counts_hang_together)
{
    struct taskrun r = task_run("em.multinomial", 1, 30, PARAMS(BLOOD, "counts", "186,38,13,284"));
    double l = answer_number(&r, "loglik"), sum = 0, iterations = answer_number(&r, "iterations");
    for (int c = 0; c < 4; c++) {
        char path[64];
        (void)snprintf(path, sizeof path, "cells.%d.expected", c);
        sum += answer_number(&r, path);
    }
    ck_assert_double_eq_tol(sum, 521, 1e-9);
    ck_assert_double_eq(answer_number(&r, "parameters"), 2);
    ck_assert_double_eq_tol(answer_number(&r, "bic"), 2 * log(521) - 2 * l, 1e-9);
    ck_assert_double_eq_tol(l - answer_number(&r, "loglik_kernel"),
                            lgamma(522) - lgamma(187) - lgamma(39) - lgamma(14) - lgamma(285), 1e-9);
    ck_assert_double_eq_tol(answer_number(&r, "maxima.0.loglik"), l, 1e-10);
    ck_assert_double_eq(answer_number(&r, "starts_at_best"), 30);
    ck_assert_double_eq(answer_number(&r, "not_converged"), 0);
    ck_assert_double_eq(answer_number(&r, "went_down"), 0);
    ck_assert_double_eq(answer_number(&r, "iterates_item"), answer_number(&r, "best_item"));
    char path[64];
    (void)snprintf(path, sizeof path, "iterates.%d.q", (int)iterations);
    ck_assert_double_eq(answer_number(&r, path), answer_number(&r, "estimates.1.estimate"));
    ck_assert_str_eq(answer_text(&r, "plot.panels.1.series.2.name"), "r");
    ck_assert_double_eq(answer_number(&r, "plot.panels.1.series.2.x.3"), 3);
    ck_assert_ptr_null(answer_text(&r, "boundary"));
    taskrun_free(&r);
}
END_TEST

START_TEST(a_maximum_on_the_boundary_is_said)
{
    struct taskrun r = task_run("em.multinomial", 1, 5, PARAMS(LINKAGE, "counts", "10,50,50,0"));
    ck_assert_str_eq(answer_text(&r, "boundary"), "p");
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "note"), "no standard errors"));
    ck_assert_double_eq(answer_number(&r, "estimates.0.estimate"), 0);
    ck_assert_double_eq(answer_number(&r, "estimates.1.estimate"), 1);
    ck_assert(isnan(answer_number(&r, "estimates.0.se")));
    /* near 0 an iteration multiplies p by (10 (1/4) / (1/2)) / 100 */
    ck_assert_double_eq_tol(answer_number(&r, "rate_of_convergence"), 0.05, 1e-12);
    taskrun_free(&r);
}
END_TEST

START_TEST(starts_that_fail_are_counted)
{
    struct taskrun r =
        task_run("em.multinomial", 1, 3, PARAMS(BLOOD, "counts", "186,38,13,284", "start", "p=0,q=0.5"));
    ck_assert_uint_eq(r.n_failed, 1);
    ck_assert_str_eq(r.cause, "the start lies on the boundary, which EM cannot leave");
    ck_assert_double_eq(answer_number(&r, "n"), 2);
    ck_assert_double_eq(answer_number(&r, "iterates_item"), answer_number(&r, "best_item"));
    taskrun_free(&r);
    ck_assert_ptr_nonnull(
        strstr(task_error("em.multinomial", 1, PARAMS(BLOOD, "counts", "1,2,3,4", "start", "p=0,q=0.5")),
               "no start gave a fit"));
    r = task_run("em.multinomial", 1, 3, PARAMS(BLOOD, "counts", "186,38,13,284", "max_iter", "3"));
    ck_assert_double_eq(answer_number(&r, "not_converged"), 3);
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "warning"), "max_iter"));
    taskrun_free(&r);
}
END_TEST

START_TEST(counts_that_do_not_determine_it_are_said)
{
    struct taskrun r = task_run("em.multinomial", 1, 5,
                                PARAMS("cells", "p*u+q*v; p*v+q*u", "simplex", "p,q;u,v", "counts", "30,20"));
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "note_information"), "do not determine"));
    ck_assert(isnan(answer_number(&r, "rate_of_convergence")));
    ck_assert_double_eq(answer_number(&r, "estimates.2.simplex"), 2);
    taskrun_free(&r);
}
END_TEST

/* Half and half is a saddle between the maxima with p and u large, and small; EM stays on it. */
START_TEST(the_given_start_is_shown_though_another_is_better)
{
    struct taskrun r = task_run("em.multinomial", 1, 6,
                                PARAMS("cells", "X=p*u+q*v; Y=p*v; Z=q*u", "simplex", "p,q;u,v", "counts",
                                       "20,2,2", "start", "p=0.5,u=0.5"));
    ck_assert_double_gt(answer_number(&r, "best_item"), 0);
    ck_assert_double_eq(answer_number(&r, "iterates_item"), 0);
    ck_assert_double_eq(answer_number(&r, "iterates.0.p"), 0.5);
    ck_assert_double_eq(answer_number(&r, "iterates.1.v"), 0.5);
    ck_assert_double_gt(answer_number(&r, "loglik"), answer_number(&r, "iterates.1.loglik") + 1);
    ck_assert_double_eq(answer_number(&r, "maxima.1.starts"), 1);
    ck_assert_double_eq(answer_number(&r, "maxima.1.first_item"), 0);
    taskrun_free(&r);
}
END_TEST

static void expect_counts(const char *part, const char *const *params)
{
    const char *text = task_error("em.multinomial", 2, params);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(mistakes_about_cells_are_explained)
{
    expect_counts("cell AB: \"qq\" is in no simplex (did you mean \"q\"?) at position 5",
                  PARAMS("cells", "A=p^2; AB=2*p*qq; B=q^2", "simplex", "p,q", "counts", "1,2,3"));
    expect_counts("add up to 0.75", PARAMS("cells", "1/2+p/4; q/4", "simplex", "p,q", "counts", "1,2"));
    expect_counts("counts: 3 for 4 cells", PARAMS(BLOOD, "counts", "1,2,3"));
    expect_counts("they add up to 0", PARAMS(BLOOD, "counts", "0,0,0,0"));
    expect_counts("start: p .. r add up to 1.5",
                  PARAMS(BLOOD, "counts", "1,2,3,4", "start", "p=1,q=.3,r=.2"));
    expect_counts("has 3 rows for 4 cells",
                  PARAMS(BLOOD, "counts", "k", "data", data_of("three", "k\n1\n2\n3\n")));
    expect_counts("no count in data row 2, of cell B",
                  PARAMS(BLOOD, "counts", "k", "data", data_of("negative", "k\n1\n-2\n3\n4\n")));
    expect_counts("no cell \"C\"",
                  PARAMS(BLOOD, "counts", "k", "data", data_of("other", "k\nA\nC\nO\nAB\n")));
    expect_counts("lacks a value in data row 2",
                  PARAMS(BLOOD, "counts", "k", "data", data_of("hole", "k,l\nA,1\n,2\nO,3\nAB,4\n")));
    expect_counts("no column 'z'", PARAMS(BLOOD, "counts", "z", "data", data_of("four", "k\n1\n2\n3\n4\n")));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_em");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, clouds_are_recovered_in_order);
    tcase_add_test(tc, one_component_is_the_moments);
    tcase_add_test(tc, the_user_may_say_where_to_start);
    tcase_add_test(tc, posterior_probabilities_are_a_file);
    tcase_add_test(tc, rows_without_a_value_are_dropped_on_request);
    tcase_add_test(tc, components_that_shrink_to_a_point_are_counted);
    tcase_add_test(tc, mistakes_are_explained);
    tcase_add_test(tc, counts_come_in_many_ways);
    tcase_add_test(tc, answers_of_counts_hang_together);
    tcase_add_test(tc, a_maximum_on_the_boundary_is_said);
    tcase_add_test(tc, starts_that_fail_are_counted);
    tcase_add_test(tc, counts_that_do_not_determine_it_are_said);
    tcase_add_test(tc, the_given_start_is_shown_though_another_is_better);
    tcase_add_test(tc, mistakes_about_cells_are_explained);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
