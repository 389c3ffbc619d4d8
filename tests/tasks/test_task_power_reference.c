/* power.sim against the reference powers: simulated ones within four standard errors, formulas and enumerations to 1e-8. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "taskrun.h"

enum { N = 100000, POWER_PARAMS = 12 };

static json_t *root;

static const struct {
    const char *id, *number; /* which number of the case */
    const char *formula;     /* the member of the answer that has it; NULL: it is only simulated */
    bool simulated;
    const char *params[POWER_PARAMS];
} cases[] = {
    {"t2-R-example", "power", "analytic", true, {"design", "t2", "n", "20", "delta", "1", NULL}},
    {"t2-cohen-medium", "power", "analytic", true, {"n", "64", "delta", "0.5", NULL}},
    {"t2-cohen-small", "power", "analytic", true, {"n", "393", "delta", "0.2", NULL}},
    {"t2-cohen-large", "power", "analytic", true, {"n", "26", "delta", "0.8", NULL}},
    {"t2-null", "power", "analytic", true, {"n", "20", "delta", "0", NULL}},
    {"prop2-R-example",
     "power_normal_approx",
     "approximation",
     false,
     {"design", "prop2", "n", "50", "p1", "0.5", "p2", "0.75", NULL}},
    {"prop2-exact-pooled-z",
     "power",
     "analytic",
     true,
     {"design", "prop2", "n", "50", "p1", "0.5", "p2", "0.75", NULL}},
    {"t-onesample", "power", "analytic", true, {"design", "t1", "n", "15", "delta", "0.6", NULL}},
    {"anova-4-groups",
     "power",
     "analytic",
     true,
     {"design", "anova", "groups", "4", "n", "5", "between", "1", "within", "3", NULL}},
    {"wilcoxon-lehmann-m7-n9-k2",
     "power",
     "analytic",
     true,
     {"design", "wilcoxon", "n1", "9", "n2", "7", "lehmann", "2", "alternative", "greater", NULL}},
    {"wilcoxon-lehmann-m7-n9-k2",
     "size",
     "analytic",
     true,
     {"design", "wilcoxon", "n1", "9", "n2", "7", "delta", "0", "alternative", "greater", NULL}},
    {"sign-test",
     "power",
     "analytic",
     true,
     {"design", "sign", "n", "20", "delta", "0.5", "alternative", "greater", NULL}},
};

static double expected(const char *id, const char *number)
{
    const json_t *v = json_object_get(json_object_get(json_object_get(root, "cases"), id), number);
    ck_assert_msg(json_is_number(v), "no %s in the reference case %s", number, id);
    return json_number_value(v);
}

START_TEST(powers_of_the_reference)
{
    double want = expected(cases[_i].id, cases[_i].number);
    struct taskrun r = task_run("power.sim", 11, N, cases[_i].params);
    double got = answer_number(&r, "estimate"), formula = answer_number(&r, cases[_i].formula);
    (void)printf("%-26s z %6.2f  formula off by %.1e\n", cases[_i].id,
                 (got - want) / sqrt(want * (1 - want) / N), formula - want);
    ck_assert_double_eq_tol(formula, want, 1e-8);
    if (cases[_i].simulated)
        ck_assert_double_le(fabs(got - want), 4 * sqrt(want * (1 - want) / N));
    taskrun_free(&r);
}
END_TEST

/* power.t.test leaves out the far tail and solves for n to 1e-4 only, which is what the reference has. */
START_TEST(sizes_of_the_reference)
{
    struct taskrun r = task_run("power.sim", 1, 1000, PARAMS("delta", "1", "find", "n", "target", "0.9"));
    ck_assert_double_eq_tol(answer_number(&r, "analytic_n"), expected("t2-solve-n", "n_two_sided"), 1e-4);
    taskrun_free(&r);
    r = task_run("power.sim", 1, 1000,
                 PARAMS("delta", "1", "find", "n", "target", "0.9", "alternative", "greater"));
    ck_assert_double_eq_tol(answer_number(&r, "analytic_n"), expected("t2-solve-n", "n_one_sided"), 1e-4);
    taskrun_free(&r);
}
END_TEST

static void load(void)
{
    root = reference_json("05-power/expected.json");
}

static void unload(void)
{
    json_decref(root);
}

int main(void)
{
    if (!reference_there())
        return 77;
    Suite *s = suite_create("power_reference");
    TCase *tc = tcase_create("reference");
    tcase_add_unchecked_fixture(tc, load, unload);
    tcase_add_loop_test(tc, powers_of_the_reference, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tc, sizes_of_the_reference);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
