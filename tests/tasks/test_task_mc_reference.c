/* mc.integrate against the reference integrals: |estimate - exact| <= 4 SE, and the SE itself within 10 % of what the exact
 * variance gives (30 % for the heavy-tailed peaks). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskrun.h"

enum { N = 200000, LIST_BYTES = 256 };

static json_t *root, *cases;

static const struct {
    const char *id, *expr, *over;
    int dim;
} expressions[] = {
    {"cuba-1", "sin(x)*cos(y)*exp(z)", "x=0:1,y=0:1,z=0:1", 0},
    {"cuba-3", "1/(3.75-cos(pi*x)-cos(pi*y)-cos(pi*z))", "x=0:1,y=0:1,z=0:1", 0},
    {"cuba-5", "exp(-x^2-y^2-z^2)", "x=0:1,y=0:1,z=0:1", 0},
    {"cuba-8", "exp(-x*y*z)", "x=0:1,y=0:1,z=0:1", 0},
    {"cuba-9", "x^2/(cos(x+y+z+1)+5)", "x=0:1,y=0:1,z=0:1", 0},
    {"cuba-11", "x^2+y^2+z^2<1", "x=0:1,y=0:1,z=0:1", 0},
    {"pi-quarter", "x^2+y^2<1", "x=0:1,y=0:1", 0},
    {"ball-6d", "a^2+b^2+c^2+d^2+f^2+g^2<1", "a=-1:1,b=-1:1,c=-1:1,d=-1:1,f=-1:1,g=-1:1", 0},
    {"morokoff-caflisch-d5", "(1+1/5)^5*(x1*x2*x3*x4*x5)^(1/5)", NULL, 5},
    {"sobol-g-d6",
     "abs(4*x1-2)*(abs(4*x2-2)+1)/2*(abs(4*x3-2)+4.5)/5.5*(abs(4*x4-2)+9)/10*(abs(4*x5-2)+99)/"
     "100*(abs(4*x6-2)+99)/100",
     NULL, 6},
    /* X_i = (Z_0 + Z_i) / sqrt(2) have all correlations 1/2 */
    {"mvn-orthant-equi-d5", "min(qnorm(x2),qnorm(x3),qnorm(x4),qnorm(x5),qnorm(x6)) > -qnorm(x1)", NULL, 6},
    {"black-scholes-call", "exp(-0.05)*max(100*exp(0.05-0.2^2/2+0.2*qnorm(u))-105, 0)", "u=0:1", 0},
};
enum { N_EXPRESSIONS = sizeof expressions / sizeof expressions[0] };

static const json_t *case_of(const char *id)
{
    size_t i;
    json_t *c;
    json_array_foreach(cases, i, c)
    {
        if (strcmp(json_string_value(json_object_get(c, "id")), id) == 0)
            return c;
    }
    ck_abort_msg("no reference case %s", id);
}

static double number_of(const json_t *c, const char *name)
{
    const json_t *v = json_object_get(c, name);
    return json_is_string(v) ? strtod(json_string_value(v), NULL) : v ? json_number_value(v) : NAN;
}

static void check_answer(const struct taskrun *r, const json_t *c, double share)
{
    double estimate = answer_number(r, "estimate"), se = answer_number(r, "se"),
           sd = number_of(c, "plain_mc_sd_per_sample");
    if (isnan(sd))
        sd = number_of(c, "plain_mc_sd_per_sample_estimated");
    double z = (estimate - number_of(c, "expected")) / se, ratio = se / (sd / sqrt(N));
    (void)printf("%-26s z %6.2f  se/exact se %.4f%s\n", json_string_value(json_object_get(c, "id")), z, ratio,
                 answer_text(r, "warning") ? "  warned" : "");
    ck_assert_msg(fabs(z) <= 4, "z = %g", z);
    ck_assert_msg(fabs(ratio - 1) <= share, "se / exact se = %g", ratio);
}

START_TEST(expressions_of_the_reference)
{
    char dim[8];
    const json_t *c = case_of(expressions[_i].id);
    (void)snprintf(dim, sizeof dim, "%d", expressions[_i].dim);
    struct taskrun r = expressions[_i].over
                           ? task_run("mc.integrate", 1, N,
                                      PARAMS("expr", expressions[_i].expr, "over", expressions[_i].over))
                           : task_run("mc.integrate", 1, N, PARAMS("expr", expressions[_i].expr, "dim", dim));
    check_answer(&r, c, 0.1);
    taskrun_free(&r);
}
END_TEST

static void list_text(const json_t *list, char *ret)
{
    size_t at = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        at += (size_t)snprintf(ret + at, LIST_BYTES - at, "%s%.17g", i ? "," : "",
                               json_number_value(json_array_get(list, i)));
}

START_TEST(genz_families_of_the_reference)
{
    size_t i;
    json_t *c;
    int n = 0;
    json_array_foreach(cases, i, c)
    {
        char family[40], a[LIST_BYTES], u[LIST_BYTES];
        const char *id = json_string_value(json_object_get(c, "id"));
        if (sscanf(id, "genz-%30[a-z_]", family) != 1)
            continue;
        char name[48];
        (void)snprintf(name, sizeof name, "genz.%s", family);
        list_text(json_object_get(c, "a"), a);
        list_text(json_object_get(c, "u"), u);
        bool corner = strcmp(family, "corner_peak") == 0,
             peak = corner || strcmp(family, "product_peak") == 0;
        struct taskrun r = corner ? task_run("mc.integrate", 1, N, PARAMS("integrand", name, "a", a))
                                  : task_run("mc.integrate", 1, N, PARAMS("integrand", name, "a", a, "u", u));
        check_answer(&r, c, peak ? 0.3 : 0.1);
        taskrun_free(&r);
        n++;
    }
    ck_assert_int_ge(n, 8);
}
END_TEST

START_TEST(named_functions_of_the_reference)
{
    struct taskrun r = task_run("mc.integrate", 2, N, PARAMS("integrand", "sobol.g", "a", "0,1,4.5,9,99,99"));
    check_answer(&r, case_of("sobol-g-d6"), 0.1);
    taskrun_free(&r);
    r = task_run("mc.integrate", 2, N, PARAMS("integrand", "morokoff.caflisch", "dim", "5"));
    check_answer(&r, case_of("morokoff-caflisch-d5"), 0.1);
    taskrun_free(&r);
    r = task_run("mc.integrate", 2, N,
                 PARAMS("integrand", "ball", "over", "a=-1:1,b=-1:1,c=-1:1,d=-1:1,f=-1:1,g=-1:1"));
    check_answer(&r, case_of("ball-6d"), 0.1);
    taskrun_free(&r);
}
END_TEST

/* The variance is infinite: the answer must say that its standard error means nothing. */
START_TEST(watson_is_warned_of)
{
    struct taskrun r =
        task_run("mc.integrate", 1, N,
                 PARAMS("expr", "1/(1-cos(x)*cos(y)*cos(z))/pi^3", "over", "x=0:pi,y=0:pi,z=0:pi"));
    ck_assert_ptr_nonnull(answer_text(&r, "warning"));
    ck_assert_double_eq_tol(answer_number(&r, "estimate"),
                            number_of(case_of("gsl-manual-watson-bcc"), "expected"), 0.1);
    taskrun_free(&r);
}
END_TEST

static void load(void)
{
    root = reference_json("02-mc-integration/expected.json");
    cases = json_object_get(root, "cases");
}

static void unload(void)
{
    json_decref(root);
}

int main(void)
{
    if (!reference_there())
        return 77;
    Suite *s = suite_create("task_mc_reference");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 200);
    tcase_add_unchecked_fixture(tc, load, unload);
    tcase_add_loop_test(tc, expressions_of_the_reference, 0, N_EXPRESSIONS);
    tcase_add_test(tc, genz_families_of_the_reference);
    tcase_add_test(tc, named_functions_of_the_reference);
    tcase_add_test(tc, watson_is_warned_of);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
