/* mc.integrate against the reference integrals: |estimate - exact| <= 4 SE, and the SE itself within 10 % of what the exact
 * variance gives (30 % for the heavy-tailed peaks). */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskrun.h"

enum { N = 200000, LIST_BYTES = 256, PARAMS_MAX = 12 };

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

/* Parameters of any case that has an expression or a family; false: none of these. */
struct case_params {
    char name[48], a[LIST_BYTES], u[LIST_BYTES], dim[8];
    const char *list[2 * PARAMS_MAX + 1];
    int n;
};

static void add_param(struct case_params *p, const char *name, const char *value)
{
    p->list[p->n++] = name;
    p->list[p->n++] = value;
    p->list[p->n] = NULL;
}

static bool case_params(const json_t *c, struct case_params *p)
{
    char family[40];
    const char *id = json_string_value(json_object_get(c, "id"));
    p->n = 0;
    if (sscanf(id, "genz-%30[a-z_]", family) == 1) {
        (void)snprintf(p->name, sizeof p->name, "genz.%s", family);
        list_text(json_object_get(c, "a"), p->a);
        list_text(json_object_get(c, "u"), p->u);
        add_param(p, "integrand", p->name);
        add_param(p, "a", p->a);
        if (strcmp(family, "corner_peak") != 0)
            add_param(p, "u", p->u);
        return true;
    }
    for (int i = 0; i < N_EXPRESSIONS; i++) {
        if (strcmp(id, expressions[i].id) != 0)
            continue;
        (void)snprintf(p->dim, sizeof p->dim, "%d", expressions[i].dim);
        add_param(p, "expr", expressions[i].expr);
        add_param(p, expressions[i].over ? "over" : "dim",
                  expressions[i].over ? expressions[i].over : p->dim);
        return true;
    }
    return false;
}

/* The rounds of a job of vegas: the same again with what `next` says. */
static struct taskrun all_rounds(uint64_t seed, uint64_t n, const struct case_params *given)
{
    struct taskrun r = task_run("mc.integrate", seed, n, given->list);
    for (json_t *next; (next = json_incref(json_object_get(r.answer, "next"))) != NULL; json_decref(next)) {
        struct case_params p = *given;
        json_t *params = json_object_get(next, "params"), *value;
        const char *key;
        json_object_foreach(params, key, value) add_param(&p, key, json_string_value(value));
        taskrun_free(&r);
        r = task_run("mc.integrate", seed, n, p.list);
    }
    return r;
}

/* Sobol' points and vegas at about 10^5 evaluations (a round): within 4 standard errors, which must not exceed those of plain points. */
START_TEST(other_methods_on_all_cases)
{
    size_t i;
    json_t *c;
    int n = 0;
    json_array_foreach(cases, i, c)
    {
        struct case_params p;
        double exact = number_of(c, "expected"), sd = number_of(c, "plain_mc_sd_per_sample");
        if (isnan(sd))
            sd = number_of(c, "plain_mc_sd_per_sample_estimated");
        for (int m = 0; m < 2 && case_params(c, &p); m++) {
            add_param(&p, "method", m == 0 ? "sobol" : "vegas");
            struct taskrun r = m == 0 ? task_run("mc.integrate", 1, 8192, p.list) : all_rounds(1, 100, &p);
            double off = answer_number(&r, "estimate") - exact, se = answer_number(&r, "se");
            double plain = sd / sqrt(answer_number(&r, "evaluations"));
            (void)printf("%-26s %s  off %9.2e  se %9.2e  plain se %9.2e\n",
                         json_string_value(json_object_get(c, "id")), m == 0 ? "sobol" : "vegas", off, se,
                         plain);
            ck_assert_msg(fabs(off) <= 4 * se + 1e-15, "off by %g, se %g", off, se);
            ck_assert_double_lt(se, 1.2 * plain);
            taskrun_free(&r);
            n++;
        }
    }
    ck_assert_int_ge(n, 2 * 20);
}
END_TEST

/* Root mean square errors over seeds beside those that GSL 2.7.1 reaches with as many calls (a round). */
START_TEST(as_precise_as_gsl)
{
    static const struct {
        const char *id, *method;
        uint64_t n;
        double rms; /* gsl_efficiency.csv, vegas and for sobol' points miser */
    } rows[] = {
        {"genz-gaussian-d5-A", "vegas", 98, 1.823e-5}, {"genz-corner_peak-d5-A", "vegas", 98, 3.006e-9},
        {"cuba-11", "vegas", 100, 5.475e-4},           {"genz-gaussian-d5-A", "sobol", 4096, 1.062e-4},
        {"cuba-11", "sobol", 4096, 9.326e-4},
    };
    enum { SEEDS = 10 };
    double squares = 0;
    struct case_params p;
    const json_t *c = case_of(rows[_i].id);
    ck_assert(case_params(c, &p));
    add_param(&p, "method", rows[_i].method);
    if (strcmp(rows[_i].method, "vegas") == 0) {
        add_param(&p, "rounds", "5");
        add_param(&p, "skip", "0");
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct taskrun r = all_rounds(seed, rows[_i].n, &p);
        double off = answer_number(&r, "estimate") - number_of(c, "expected");
        squares += off * off;
        taskrun_free(&r);
    }
    (void)printf("%-22s %s  rms %.2e, GSL %.2e\n", rows[_i].id, rows[_i].method, sqrt(squares / SEEDS),
                 rows[_i].rms);
    ck_assert_double_lt(sqrt(squares / SEEDS), rows[_i].rms);
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
    tcase_add_test(tc, other_methods_on_all_cases);
    tcase_add_loop_test(tc, as_precise_as_gsl, 0, 5);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
