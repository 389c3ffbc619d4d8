/* fit against the reference cases: NIST StRD (linear, univariate, one-way, nonlinear) and one model on many data sets. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskrun.h"

static json_t *cases_of(json_t *root)
{
    return json_object_get(root, "cases");
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *t = json_string_value(json_object_get(o, name));
    ck_assert_msg(t != NULL, "no %s", name);
    return t;
}

static double number_of(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    ck_assert_msg(v != NULL, "no %s", name);
    return json_is_string(v) ? strtod(json_string_value(v), NULL) : json_number_value(v);
}

/* Digits that agree; at most 15. */
static double lre(double x, double certified)
{
    if (x == certified)
        return 15;
    double error = certified == 0 ? fabs(x) : fabs(x - certified) / fabs(certified);
    double digits = -log10(error);
    return digits > 15 ? 15 : digits;
}

static void expect_digits(const char *what, double x, double certified, double digits)
{
    if (getenv("QX_SHOW_DIGITS"))
        (void)printf("%s: %.1f (%.1f)\n", what, lre(x, certified), digits);
    ck_assert_msg(lre(x, certified) >= digits, "%s: %.17g has %.2f digits of %.17g, not %.1f", what, x,
                  lre(x, certified), certified, digits);
}

static double at(const struct taskrun *r, const char *list, size_t i, const char *name)
{
    const json_t *v = json_object_get(json_array_get(json_object_get(r->answer, list), i), name);
    ck_assert_msg(v != NULL, "no %s[%zu].%s", list, i, name);
    return json_is_null(v) ? NAN : json_number_value(v);
}

/* The digits that the index promises for double precision with QR, less one: coefficients and standard errors. */
static const struct linear {
    const char *id, *formula;
    double coef, se;
} linear[] = {
    {"Longley", "y ~ x1 + x2 + x3 + x4 + x5 + x6", 12, 13.1},
    {"Norris", "y ~ x", 11.5, 13},
    {"Wampler1", "y ~ x + I(x^2) + I(x^3) + I(x^4) + I(x^5)", 8.8, 9},
    {"Filip", "y ~ x + I(x^2) + I(x^3) + I(x^4) + I(x^5) + I(x^6) + I(x^7) + I(x^8) + I(x^9) + I(x^10)", 6.2,
     6},
    {"Pontius", "y ~ x + I(x^2)", 11.7, 12.2},
    {"NoInt1", "y ~ x - 1", 13.7, 13.4},
    {"Wampler2", "y ~ x + I(x^2) + I(x^3) + I(x^4) + I(x^5)", 12.6, 13.7},
};

static const json_t *case_named(const json_t *cases, const char *prefix, const char *id)
{
    char name[64];
    size_t i;
    const json_t *c;
    (void)snprintf(name, sizeof name, "%s%s", prefix, id);
    json_array_foreach(cases, i, c)
    {
        if (strcmp(text_of(c, "id"), name) == 0)
            return c;
    }
    ck_abort_msg("no case %s", name);
    return NULL;
}

static const char *data_of_case(const json_t *c)
{
    char path[256];
    (void)snprintf(path, sizeof path, "01-nist-strd/%s", text_of(c, "data"));
    return reference_data(path);
}

START_TEST(nist_linear)
{
    json_t *root = reference_json("01-nist-strd/expected.json");
    const struct linear *l = &linear[_i];
    const json_t *c = case_named(cases_of(root), "nist-lin-", l->id), *e = json_object_get(c, "expected");
    struct taskrun r = task_run("fit", 1, 0, PARAMS("data", data_of_case(c), "formula", l->formula));
    const json_t *params = json_object_get(e, "params");
    char what[64];
    ck_assert_uint_eq(json_array_size(params), json_array_size(json_object_get(r.answer, "coefficients")));
    for (size_t j = 0; j < json_array_size(params); j++) {
        const json_t *p = json_array_get(params, j);
        (void)snprintf(what, sizeof what, "%s b%zu", l->id, j);
        expect_digits(what, at(&r, "coefficients", j, "estimate"), number_of(p, "est"), l->coef);
        expect_digits(what, at(&r, "coefficients", j, "std.error"), number_of(p, "sd"), l->se);
    }
    expect_digits("sigma", answer_number(&r, "sigma"), number_of(e, "residual_sd"), l->se);
    expect_digits("R2", answer_number(&r, "r_squared"), number_of(e, "r_squared"), l->coef);
    ck_assert_int_eq((int)answer_number(&r, "df_residual"),
                     (int)number_of(json_object_get(e, "anova"), "df_res"));
    taskrun_free(&r);
    json_decref(root);
}
END_TEST

/* As in R: at its tolerance one column of Filip is given up. */
START_TEST(filip_at_the_tolerance_of_r)
{
    const char *data = reference_data("01-nist-strd/Filip.csv");
    struct taskrun r =
        task_run("fit", 1, 0, PARAMS("data", data, "formula", linear[3].formula, "tol", "1e-7"));
    ck_assert_int_eq((int)answer_number(&r, "rank"), 10);
    ck_assert(isnan(at(&r, "coefficients", 10, "estimate")));
    taskrun_free(&r);
}
END_TEST

START_TEST(nist_univariate)
{
    static const struct {
        const char *id;
        double mean, sd, r1;
    } sets[] = {
        {"PiDigits", 14, 14, 13.9}, {"Lottery", 14, 14, 14},  {"NumAcc1", 14, 14, 14},
        {"NumAcc2", 14, 14, 14},    {"NumAcc4", 14, 7.3, 14},
    };
    json_t *root = reference_json("01-nist-strd/expected.json");
    const json_t *c = case_named(cases_of(root), "nist-univ-", sets[_i].id),
                 *e = json_object_get(c, "expected");
    struct taskrun r =
        task_run("fit", 1, 0, PARAMS("data", data_of_case(c), "formula", "~ y", "model", "summary"));
    expect_digits("mean", at(&r, "summary", 0, "estimate"), number_of(e, "mean_str"), sets[_i].mean);
    expect_digits("sd", at(&r, "summary", 1, "estimate"), number_of(e, "sd_str"), sets[_i].sd);
    expect_digits("r1", at(&r, "summary", 2, "estimate"), number_of(e, "r1_str"), sets[_i].r1);
    taskrun_free(&r);
    json_decref(root);
}
END_TEST

START_TEST(nist_anova)
{
    static const struct {
        const char *id;
        double digits;
    } sets[] = {{"SiRstv", 12.3}, {"SmLs01", 14}, {"SmLs04", 9.4}};
    json_t *root = reference_json("01-nist-strd/expected.json");
    const json_t *c = case_named(cases_of(root), "nist-anova-", sets[_i].id),
                 *e = json_object_get(c, "expected");
    struct taskrun r =
        task_run("fit", 1, 0, PARAMS("data", data_of_case(c), "formula", "y ~ group", "model", "aov"));
    double d = sets[_i].digits;
    expect_digits("F", at(&r, "anova", 0, "statistic"), number_of(e, "F_str"), d);
    expect_digits("ss between", at(&r, "anova", 0, "sum_sq"), number_of(e, "ss_between"), d < 10 ? d : 8.9);
    expect_digits("ss within", at(&r, "anova", 1, "sum_sq"), number_of(e, "ss_within"), d < 10 ? d : 8.9);
    expect_digits("R2", answer_number(&r, "r_squared"), number_of(e, "r_squared"), d);
    expect_digits("sigma", answer_number(&r, "sigma"), number_of(e, "residual_sd"), d);
    ck_assert_int_eq((int)at(&r, "anova", 0, "df"), (int)number_of(e, "df_between"));
    ck_assert_int_eq((int)at(&r, "anova", 1, "df"), (int)number_of(e, "df_within"));
    taskrun_free(&r);
    json_decref(root);
}
END_TEST

/* "task": "nonlinear least squares: y = b1*..." */
static void formula_of(const json_t *c, char *ret, size_t bytes)
{
    const char *eq = strstr(text_of(c, "task"), "y = ");
    ck_assert_msg(eq != NULL, "no formula in %s", text_of(c, "task"));
    (void)snprintf(ret, bytes, "y ~ %s", eq + 4);
}

START_TEST(nist_nonlinear)
{
    static const char *const ids[] = {"Misra1a", "DanWood", "Rat42", "Chwirut2", "Misra1d"};
    static const struct {
        const char *name;
        double digits;
    } starts[] = {{"start1", 4}, {"start2", 5}};
    json_t *root = reference_json("01-nist-strd/expected.json");
    const json_t *c = case_named(cases_of(root), "nist-nls-", ids[_i / 2]),
                 *e = json_object_get(c, "expected");
    const json_t *params = json_object_get(e, "params");
    char formula[256], start[256] = "";
    formula_of(c, formula, sizeof formula);
    for (size_t j = 0; j < json_array_size(params); j++) {
        const json_t *p = json_array_get(params, j);
        (void)snprintf(start + strlen(start), sizeof start - strlen(start), "%s%s=%.17g", j ? "," : "",
                       text_of(p, "name"), number_of(p, starts[_i % 2].name));
    }
    struct taskrun r =
        task_run("fit", 1, 0, PARAMS("data", data_of_case(c), "formula", formula, "start", start));
    ck_assert_uint_eq(r.n_ok, 1);
    double digits = starts[_i % 2].digits;
    for (size_t j = 0; j < json_array_size(params); j++) {
        const json_t *p = json_array_get(params, j);
        expect_digits(ids[_i / 2], at(&r, "coefficients", j, "estimate"), number_of(p, "est_str"), digits);
        expect_digits(ids[_i / 2], at(&r, "coefficients", j, "std.error"), number_of(p, "sd_str"), digits);
    }
    expect_digits("rss", answer_number(&r, "deviance"), number_of(e, "rss"), digits);
    taskrun_free(&r);
    json_decref(root);
}
END_TEST

static void expect_near(const char *what, double x, double expected)
{
    ck_assert_msg(fabs(x - expected) <= 1e-9 * fabs(expected), "%s: %.17g, not %.17g", what, x, expected);
}

static const struct many {
    const char *id, *formula, *by;
    bool poisson;
} many[] = {
    {"anscombe", "y ~ 1 + x", "set", false},
    {"sleepstudy", "Reaction ~ 1 + Days", "Subject", false},
    {"orthodont", "distance ~ 1 + I(age-11)", "Subject", false},
    {"insectsprays", "count ~ 1", "spray", true},
};

static void check_line(const struct taskrun *r, const json_t *fit, size_t g)
{
    const json_t *coef = json_object_get(fit, "coef"), *se = json_object_get(fit, "se");
    expect_near("b0", at(r, "coefficients", 2 * g, "estimate"), number_of(coef, "b0"));
    expect_near("b1", at(r, "coefficients", 2 * g + 1, "estimate"), number_of(coef, "b1"));
    for (size_t j = 0; j < 2; j++)
        expect_near("se", at(r, "coefficients", 2 * g + j, "std.error"),
                    json_number_value(json_array_get(se, j)));
    expect_near("sigma", at(r, "groups", g, "sigma"), number_of(fit, "sigma"));
    expect_near("r2", at(r, "groups", g, "r_squared"), number_of(fit, "r2"));
    ck_assert_int_eq((int)at(r, "groups", g, "n"), (int)number_of(fit, "n"));
}

static void check_poisson(const struct taskrun *r, const json_t *fit, size_t g)
{
    expect_near("coef", at(r, "coefficients", g, "estimate"), number_of(fit, "coef"));
    expect_near("se", at(r, "coefficients", g, "std.error"), number_of(fit, "se"));
    expect_near("deviance", at(r, "groups", g, "deviance"), number_of(fit, "deviance"));
    expect_near("loglik", at(r, "groups", g, "log_lik"), number_of(fit, "loglik"));
}

START_TEST(many_data_sets)
{
    const struct many *m = &many[_i];
    json_t *root = reference_json("08-many-datasets/expected.json");
    const json_t *c = json_object_get(cases_of(root), m->id), *fits = json_object_get(c, "fits");
    char path[256];
    (void)snprintf(path, sizeof path, "08-many-datasets/%s", text_of(c, "data"));
    const char *data = reference_data(path);
    struct taskrun r =
        m->poisson ? task_run("fit", 1, 0,
                              PARAMS("data", data, "formula", m->formula, "by", m->by, "family", "poisson"))
                   : task_run("fit", 1, 0, PARAMS("data", data, "formula", m->formula, "by", m->by));
    ck_assert_uint_eq(json_array_size(json_object_get(r.answer, "groups")), json_array_size(fits));
    for (size_t g = 0; g < json_array_size(fits); g++) {
        const json_t *fit = json_array_get(fits, g),
                     *line = json_array_get(json_object_get(r.answer, "groups"), g);
        ck_assert_str_eq(text_of(line, "group"), text_of(fit, "id"));
        if (m->poisson)
            check_poisson(&r, fit, g);
        else
            check_line(&r, fit, g);
    }
    taskrun_free(&r);
    json_decref(root);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fit reference");
    TCase *tc = tcase_create("nist");
    if (!reference_there())
        return 77;
    tcase_add_loop_test(tc, nist_linear, 0, sizeof linear / sizeof linear[0]);
    tcase_add_test(tc, filip_at_the_tolerance_of_r);
    tcase_add_loop_test(tc, nist_univariate, 0, 5);
    tcase_add_loop_test(tc, nist_anova, 0, 3);
    tcase_add_loop_test(tc, nist_nonlinear, 0, 10);
    suite_add_tcase(s, tc);
    tc = tcase_create("many data sets");
    tcase_add_loop_test(tc, many_data_sets, 0, sizeof many / sizeof many[0]);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
