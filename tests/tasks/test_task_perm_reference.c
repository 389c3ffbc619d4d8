/* perm.test against the reference cases: exact values, Monte Carlo values with both errors, the law of Besag and Clifford. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "taskrun.h"

enum { B = 100000 };

static json_t *cases;

static const json_t *case_of(const char *id)
{
    const json_t *c = json_object_get(json_object_get(cases, "cases"), id);
    ck_assert_msg(c != NULL, "no reference case %s", id);
    return c;
}

static double at(const json_t *v, const char *name)
{
    const json_t *m = json_object_get(v, name);
    ck_assert_msg(m != NULL, "no %s in the reference", name);
    return json_number_value(m);
}

static const struct {
    const char *id, *part, *file, *observed;
    double offset; /* of the statistic that this task gives */
    const char *const *params;
} exact[] = {
    {"perm-mouse-meandiff", NULL, "mouse.csv", "statistic_mean_diff", 0, PARAMS("y", "y", "group", "group")},
    {"perm-sleep-signflip", NULL, "sleep_paired.csv", "statistic_sum", 0,
     PARAMS("test", "paired", "x", "drug1", "y", "drug2", "stat", "sum")},
    {"perm-diffusion", NULL, "diffusion.csv", "statistic_mean_diff", 0, PARAMS("y", "pd", "group", "g")},
    {"perm-diffusion", "wilcoxon", "diffusion.csv", NULL, 0,
     PARAMS("y", "pd", "group", "g", "stat", "wilcoxon")},
    {"perm-depression-signflip", NULL, "depression.csv", "statistic_sum", 0,
     PARAMS("test", "paired", "x", "y1", "y", "y2", "stat", "sum")},
};
enum { N_EXACT = sizeof exact / sizeof exact[0] };

static struct taskrun run_case(int k, uint64_t seed, uint64_t n, const char *method, const char *alternative)
{
    char path[PATH_BYTES];
    const char *all[24] = {"method", method, "alternative", alternative};
    int p = 4;
    (void)snprintf(path, sizeof path, "04-permutation/%s", exact[k].file);
    all[p++] = "data";
    all[p++] = reference_data(path);
    for (int i = 0; exact[k].params[i]; i++)
        all[p++] = exact[k].params[i];
    return task_run("perm.test", seed, n, all);
}

START_TEST(exact_values)
{
    static const char *const sides[] = {"two.sided", "greater", "less"}, *const names[] = {"p_two_sided_abs",
                                                                                           "p_greater",
                                                                                           "p_less"};
    const json_t *c = case_of(exact[_i].id);
    c = exact[_i].part ? json_object_get(c, exact[_i].part) : c;
    for (int side = 0; side < 3; side++) {
        struct taskrun r = run_case(_i, 1, 0, side == 1 ? "exact" : "auto", sides[side]);
        ck_assert_double_eq_tol(answer_number(&r, "p_value"), at(c, names[side]), 1e-12);
        ck_assert_double_eq(answer_number(&r, "arrangements"),
                            at(c, "n_arrangements") ? at(c, "n_arrangements") : 0);
        if (exact[_i].observed)
            ck_assert_double_eq_tol(answer_number(&r, "observed"), at(c, exact[_i].observed), 1e-12);
        taskrun_free(&r);
        r = run_case(_i, 4, B, "random", sides[side]);
        double p = at(c, names[side]);
        ck_assert_double_eq_tol(answer_number(&r, "p_hat"), p, 4 * sqrt(p * (1 - p) / B) + 1.0 / B);
        ck_assert_double_eq_tol(answer_number(&r, "p_value"), p, 4 * sqrt(p * (1 - p) / B) + 2.0 / B);
        taskrun_free(&r);
    }
}
END_TEST

START_TEST(fisher_of_the_job_table)
{
    const char *data = reference_data("04-permutation/job_table.csv");
    double p = at(case_of("perm-job-fisher"), "p");
    struct taskrun r = task_run("perm.test", 1, 0, PARAMS("data", data, "stat", "fisher"));
    ck_assert_double_eq_tol(answer_number(&r, "p_value"), p, 1e-11);
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "method"), "exact over the 90208550 tables"));
    taskrun_free(&r);
    r = task_run("perm.test", 1, B, PARAMS("data", data, "stat", "fisher", "method", "random"));
    ck_assert_double_eq_tol(answer_number(&r, "p_hat"), p, 4 * sqrt(p * (1 - p) / B) + 1.0 / B);
    taskrun_free(&r);
}
END_TEST

START_TEST(f_of_plantgrowth)
{
    const json_t *c = case_of("perm-plantgrowth-F");
    const char *data = reference_data("04-permutation/plantgrowth.csv");
    double p = at(c, "p_mc"), se = at(c, "se"), n = 1e6;
    struct taskrun r =
        task_run("perm.test", 1, (uint64_t)n, PARAMS("data", data, "y", "weight", "group", "group"));
    ck_assert_double_eq_tol(answer_number(&r, "observed"), at(c, "F"), 1e-10);
    ck_assert_double_eq_tol(answer_number(&r, "p_hat"), p, 4 * sqrt(p * (1 - p) / n + se * se) + 1 / n);
    taskrun_free(&r);
}
END_TEST

/* Draws and p over many runs, each with its own seed. */
START_TEST(besag_and_clifford)
{
    enum { RUNS = 400 };
    const json_t *c = json_array_get(json_object_get(case_of("besag-clifford-mouse"), "cases"), (size_t)_i);
    const char *data = reference_data("04-permutation/mouse.csv");
    char h[16];
    double draws = 0, p = 0;
    (void)snprintf(h, sizeof h, "%.0f", at(c, "h"));
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct taskrun r =
            task_run("perm.test", seed, (uint64_t)at(c, "n"),
                     PARAMS("data", data, "y", "y", "group", "group", "alternative", "greater", "exceed", h));
        draws += answer_number(&r, "draws");
        p += answer_number(&r, "p_value");
        taskrun_free(&r);
    }
    (void)printf("h=%s: mean draws %.3f (%.3f), mean p %.5f (%.5f)\n", h, draws / RUNS, at(c, "mean_L"),
                 p / RUNS, at(c, "mean_phat"));
    ck_assert_double_eq_tol(draws / RUNS, at(c, "mean_L"), 4 * at(c, "sd_L") / sqrt(RUNS));
    ck_assert_double_eq_tol(p / RUNS, at(c, "mean_phat"), 4 * at(c, "sd_phat") / sqrt(RUNS));
}
END_TEST

static void load(void)
{
    cases = reference_json("04-permutation/expected.json");
}

static void unload(void)
{
    json_decref(cases);
}

int main(void)
{
    if (!reference_there())
        return 77;
    Suite *s = suite_create("task_perm_reference");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 200);
    tcase_add_unchecked_fixture(tc, load, unload);
    tcase_add_loop_test(tc, exact_values, 0, N_EXACT);
    tcase_add_test(tc, fisher_of_the_job_table);
    tcase_add_test(tc, f_of_plantgrowth);
    tcase_add_loop_test(tc, besag_and_clifford, 0, 2);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
