/* em.mixture and em.multinomial against the reference: every iterate from the given start, and the limit, for Old Faithful's waiting
 * times, the genetic linkage data and the blood groups. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "taskrun.h"

static json_t *root, *old_faithful, *linkage, *abo;

static double number_of(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    ck_assert_msg(json_is_number(v), "no number %s", name);
    return json_number_value(v);
}

static double list_number(const json_t *o, const char *name, size_t i)
{
    return json_number_value(json_array_get(json_object_get(o, name), i));
}

static void near_rel(double value, double want, double tol, const char *what)
{
    ck_assert_msg(fabs(value - want) <= tol * fabs(want), "%s: %.15g, not %.15g", what, value, want);
}

static const char *const names[] = {"loglik", "lambda1", "lambda2", "mu1", "mu2", "sd1", "sd2"};

START_TEST(every_iterate_from_the_given_start)
{
    const json_t *trajectory = json_object_get(old_faithful, "trajectory"), *one;
    size_t i;
    struct taskrun r = task_run("em.mixture", 1, 1,
                                PARAMS("data", reference_data("07-em/faithful.csv"), "columns", "waiting",
                                       "lambda", "0.5,0.5", "mu", "50,80", "sd", "10,10", "tol", "0",
                                       "max_iter", "200", "trace", "yes"));
    ck_assert_uint_ge(json_array_size(trajectory), 10);
    json_array_foreach((json_t *)(uintptr_t)trajectory, i, one)
    {
        int at = (int)number_of(one, "iteration");
        for (size_t q = 0; q < sizeof names / sizeof names[0]; q++) {
            char path[64], what[64];
            (void)snprintf(path, sizeof path, "iterates.%d.%s", at, names[q]);
            (void)snprintf(what, sizeof what, "iteration %d, %s", at, names[q]);
            near_rel(answer_number(&r, path), number_of(one, names[q]), 1e-9, what);
        }
    }
    ck_assert_double_eq(answer_number(&r, "iterations"), 200);
    ck_assert_ptr_null(answer_text(&r, "warning"));
    taskrun_free(&r);
}
END_TEST

START_TEST(random_starts_find_the_limit)
{
    const json_t *limit = json_object_get(old_faithful, "converged");
    for (int how = 0; how < 3; how++) {
        static const char *const starts[] = {"kmeans", "points", "partition"};
        struct taskrun r = task_run(
            "em.mixture", 3, 10,
            PARAMS("data", reference_data("07-em/faithful.csv"), "columns", "waiting", "start", starts[how]));
        near_rel(answer_number(&r, "loglik"), number_of(limit, "loglik"), 1e-9, "loglik");
        near_rel(answer_number(&r, "components.0.lambda"), number_of(limit, "lambda1"), 1e-6, "lambda1");
        near_rel(answer_number(&r, "components.0.mean"), number_of(limit, "mu1"), 1e-6, "mu1");
        near_rel(answer_number(&r, "components.1.mean"), number_of(limit, "mu2"), 1e-6, "mu2");
        near_rel(answer_number(&r, "components.0.sd"), number_of(limit, "sd1"), 1e-6, "sd1");
        near_rel(answer_number(&r, "components.1.sd"), number_of(limit, "sd2"), 1e-6, "sd2");
        ck_assert_double_ge(answer_number(&r, "starts_at_best"), 9);
        taskrun_free(&r);
    }
}
END_TEST

START_TEST(equal_variances_as_in_mixtools)
{
    const json_t *want = json_object_get(old_faithful, "mixtools_equal_sd");
    struct taskrun r =
        task_run("em.mixture", 3, 5,
                 PARAMS("data", reference_data("07-em/faithful.csv"), "columns", "waiting", "equal", "yes"));
    near_rel(answer_number(&r, "loglik"), number_of(want, "loglik"), 1e-9, "loglik");
    for (int c = 0; c < 2; c++) { /* mixtools stops at a change of 1e-8 in the log-likelihood */
        static const char *const from[] = {"lambda", "mu", "sigma"}, *const to[] = {"lambda", "mean", "sd"};
        for (int q = 0; q < 3; q++) {
            char path[64];
            (void)snprintf(path, sizeof path, "components.%d.%s", c, to[q]);
            near_rel(answer_number(&r, path), list_number(want, from[q], (size_t)c), 1e-5, path);
        }
    }
    ck_assert_double_eq(answer_number(&r, "parameters"), 4);
    taskrun_free(&r);
}
END_TEST

/* Standard errors as sqrt(diag(solve(optimHess(.)))) of R 4.2 at the limit, with ndeps = 1e-4 (about 6 digits). */
START_TEST(standard_errors_as_in_r)
{
    static const double want[] = {0.0311647485, 0.6996737449, 0.5373217714,
                                  0.0311647485, 0.5045943007, 0.4009611993};
    struct taskrun r = task_run("em.mixture", 3, 2,
                                PARAMS("data", reference_data("07-em/faithful.csv"), "columns", "waiting"));
    for (int q = 0; q < 6; q++) {
        char path[64];
        (void)snprintf(path, sizeof path, "estimates.%d.se", q);
        near_rel(answer_number(&r, path), want[q], 5e-6, path);
    }
    taskrun_free(&r);
}
END_TEST

/* Both columns, full covariances: an EM written in R, 500 iterations, and its optimHess. */
START_TEST(two_columns_as_in_r)
{
    static const struct {
        const char *path;
        double want, tol;
    } rows[] = {
        {"loglik", -1130.26396018, 1e-10},
        {"components.0.lambda", 0.3558728571057, 1e-6},
        {"components.0.mean eruptions", 2.0363884546200, 1e-6},
        {"components.1.mean waiting", 79.9681151738561, 1e-6},
        {"components.0.sd waiting", 5.8049359612, 1e-6},
        {"estimates.5.estimate", 0.4351676244435, 1e-6},
        {"estimates.11.estimate", 0.9406093192703, 1e-6},
        {"estimates.0.se", 0.0290891099, 1e-5},
        {"estimates.1.se", 0.0271083518, 1e-5},
        {"estimates.2.se", 0.5918737760, 1e-5},
        {"estimates.5.se", 0.1660016478, 1e-5},
        {"estimates.11.se", 0.2104177232, 1e-5},
    };
    struct taskrun r = task_run("em.mixture", 3, 4, PARAMS("data", reference_data("07-em/faithful.csv")));
    for (size_t q = 0; q < sizeof rows / sizeof rows[0]; q++)
        near_rel(answer_number(&r, rows[q].path), rows[q].want, rows[q].tol, rows[q].path);
    ck_assert_double_eq(answer_number(&r, "parameters"), 11);
    taskrun_free(&r);
}
END_TEST

/* ---- em.multinomial ---- */

/* The same cells, written in three ways. */
static const char *const linkage_cells[][2] = {
    {"1/2+p/4; (1-p)/4; (1-p)/4; p/4", "p"},
    {"1/2+p/4; q/4; q/4; p/4", "p,q"},
    {"(2+p)/4; 1/4-p/4; (1-p)/4; 0.25*p", ""},
};

static const char *linkage_counts(void)
{
    static char text[64];
    (void)snprintf(text, sizeof text, "%g,%g,%g,%g", list_number(linkage, "y", 0),
                   list_number(linkage, "y", 1), list_number(linkage, "y", 2), list_number(linkage, "y", 3));
    return text;
}

START_TEST(every_iterate_of_linkage)
{
    size_t n = json_array_size(json_object_get(linkage, "iterates"));
    char start[32], last[32];
    (void)snprintf(start, sizeof start, "p=%g", number_of(linkage, "start"));
    (void)snprintf(last, sizeof last, "%zu", n - 1);
    ck_assert_uint_ge(n, 10);
    struct taskrun r =
        task_run("em.multinomial", 1, 1,
                 PARAMS("cells", linkage_cells[_i][0], "simplex", linkage_cells[_i][1], "counts",
                        linkage_counts(), "start", start, "tol", "0", "max_iter", last));
    for (size_t i = 0; i < n; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "iterates.%zu.p", i);
        near_rel(answer_number(&r, path), list_number(linkage, "iterates", i), 1e-9, path);
        (void)snprintf(path, sizeof path, "iterates.%zu.loglik", i);
        near_rel(answer_number(&r, path), list_number(linkage, "loglik", i), 1e-9, path);
    }
    ck_assert_double_eq(answer_number(&r, "went_down"), 0);
    taskrun_free(&r);
}
END_TEST

START_TEST(the_limit_of_linkage)
{
    struct taskrun r = task_run(
        "em.multinomial", 3, 10,
        PARAMS("cells", linkage_cells[_i][0], "simplex", linkage_cells[_i][1], "counts", linkage_counts()));
    near_rel(answer_number(&r, "estimates.0.estimate"), number_of(linkage, "mle"), 1e-11, "mle");
    near_rel(answer_number(&r, "estimates.0.se"), number_of(linkage, "se_observed_information"), 1e-10, "se");
    near_rel(answer_number(&r, "rate_of_convergence"), number_of(linkage, "rate_of_convergence"), 1e-9,
             "rate");
    ck_assert_double_eq(answer_number(&r, "starts_at_best"), 10);
    taskrun_free(&r);
}
END_TEST

START_TEST(blood_groups)
{
    static const char *const from[] = {"pA", "pB", "pO"};
    const json_t *iterates = json_object_get(abo, "iterates"), *counts = json_object_get(abo, "counts"),
                 *first = json_array_get(iterates, 0), *mle = json_object_get(abo, "mle"), *one;
    char start[96], count[96], path[64];
    (void)snprintf(start, sizeof start, "pA=%g,pB=%g,pO=%g", number_of(first, "pA"), number_of(first, "pB"),
                   number_of(first, "pO"));
    (void)snprintf(count, sizeof count, "A=%g,B=%g,AB=%g,O=%g", number_of(counts, "A"),
                   number_of(counts, "B"), number_of(counts, "AB"), number_of(counts, "O"));
    struct taskrun r = task_run("em.multinomial", 3, 10,
                                PARAMS("cells", "A=pA^2+2*pA*pO; B=pB^2+2*pB*pO; AB=2*pA*pB; O=pO^2",
                                       "simplex", "pA,pB,pO", "counts", count, "start", start));
    size_t i;
    ck_assert_uint_ge(json_array_size(iterates), 8);
    json_array_foreach((json_t *)(uintptr_t)iterates, i, one)
    {
        for (int q = 0; q < 3; q++) {
            (void)snprintf(path, sizeof path, "iterates.%d.%s", (int)number_of(one, "iteration"), from[q]);
            near_rel(answer_number(&r, path), number_of(one, from[q]), 1e-9, path);
        }
        (void)snprintf(path, sizeof path, "iterates.%d.loglik_kernel", (int)number_of(one, "iteration"));
        near_rel(answer_number(&r, path), number_of(one, "loglik_kernel"), 1e-9, path);
    }
    for (int q = 0; q < 3; q++) {
        (void)snprintf(path, sizeof path, "estimates.%d.estimate", q);
        near_rel(answer_number(&r, path), number_of(mle, from[q]), 1e-11, path);
    }
    near_rel(answer_number(&r, "loglik_kernel"), number_of(mle, "loglik_kernel"), 1e-12, "loglik_kernel");
    taskrun_free(&r);
}
END_TEST

static void load(void)
{
    root = reference_json("07-em/expected.json");
    json_t *cases = json_object_get(root, "cases");
    old_faithful = json_object_get(cases, "faithful_waiting");
    linkage = json_object_get(cases, "linkage");
    abo = json_object_get(cases, "abo");
}

static void unload(void)
{
    json_decref(root);
}

int main(void)
{
    if (!reference_there())
        return 77;
    Suite *s = suite_create("task_em_reference");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, load, unload);
    tcase_add_test(tc, every_iterate_from_the_given_start);
    tcase_add_test(tc, random_starts_find_the_limit);
    tcase_add_test(tc, equal_variances_as_in_mixtools);
    tcase_add_test(tc, standard_errors_as_in_r);
    tcase_add_test(tc, two_columns_as_in_r);
    tcase_add_loop_test(tc, every_iterate_of_linkage, 0, 3);
    tcase_add_loop_test(tc, the_limit_of_linkage, 0, 3);
    tcase_add_test(tc, blood_groups);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
