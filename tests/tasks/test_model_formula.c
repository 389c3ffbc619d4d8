/* The formula library: texts to trees and back, terms as R's terms() orders and names them, expressions and their slopes. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/arith.h"
#include "model/formula.h"
#include "model/poly.h"

/* ---- texts ---- */

START_TEST(texts_are_written_as_r_deparses)
{
    static const struct {
        const char *text, *deparsed;
    } of[] = {
        {"I(x^2)", "I(x^2)"},
        {"poly( x,3,raw=TRUE )", "poly(x, 3, raw = TRUE)"},
        {"a+b*c/d-e", "a + b * c/d - e"},
        {"-x^2", "-x^2"},
        {"2^-1", "2^-1"},
        {"x**2", "x^2"},
        {"(a+b):c", "(a + b):c"},
        {"x>=1&y!=2|!z", "x >= 1 & y != 2 | !z"},
        {"a %in% b %% c", "a %in% b%%c"},
        {"100000", "1e+05"},
        {"123456", "123456"},
        {"0.1+1e-5+1e300", "0.1 + 1e-05 + 1e+300"},
        {"`my column` + `ok`", "`my column` + ok"},
        {"sex == 'F'", "sex == \"F\""},
        {"y ~ .", "y ~ ."},
        {"~x", "~x"},
        {"2L", "2"},
        {"a.b_c1", "a.b_c1"},
    };
    struct syntax_error err = {.at = 0};
    char out[200];
    struct syntax *s = syntax_new(of[_i].text, &err);
    ck_assert_msg(s != NULL, "%s: %s", of[_i].text, err.text);
    (void)syntax_write(syntax_root(s), out, sizeof out);
    ck_assert_str_eq(out, of[_i].deparsed);
    (void)syntax_free(s);
}
END_TEST

START_TEST(precedence_is_r)
{
    static const struct {
        const char *text;
        double value;
    } of[] = {
        {"-2^2", -4},      {"2^3^2", 512},  {"2^-1", 0.5},  {"1-2-3", -4},          {"7%%4*2", 6},
        {"-7%%4", 1},      {"7%/%2", 3},    {"!1 == 2", 1}, {"1 < 2 & 2 < 1", 0},   {"1 | 0 & 0", 1},
        {"log(8, 2)", 3},  {"2*3 == 6", 1}, {"-1*-1", 1},   {"ifelse(2>1,5,6)", 5}, {"max(1,2)", 2},
        {"round(2.5)", 2}, {"1e3", 1000},   {".5+5.", 5.5},
    };
    struct syntax_error err = {.at = 0};
    const struct arith_names names = {.find = NULL};
    struct syntax *s = syntax_new(of[_i].text, &err);
    ck_assert_msg(s != NULL, "%s", err.text);
    struct arith *a = arith_new(s, syntax_root(s), &names, 0, &err);
    ck_assert_msg(a != NULL, "%s", err.text);
    double v;
    arith_values(a, NULL, NULL, 1, &v);
    ck_assert_msg(fabs(v - of[_i].value) < 1e-14, "%s: %g", of[_i].text, v);
    (void)arith_free(a);
    (void)syntax_free(s);
}
END_TEST

START_TEST(mistakes_show_where)
{
    static const struct {
        const char *text, *says;
    } of[] = {
        {"y ~ x +", "ends where a name or a number is expected at position 8: y ~ x + <-- here"},
        {"y ~ (x", "expected \")\" at position 7: y ~ (x <-- here"},
        {"y ~ x x", "expected an operator or the end at position 7: y ~ x x <-- here"},
        {"f(x,", "at position 5: f(x, <-- here"},
        {"f(x y)", "expected \",\" or \")\" at position 5: f(x y <-- here )"},
        {"`x", "a quote that is never closed at position 1: ` <-- here x"},
        {"3x", "this is no number at position 1"},
        {"1e999", "this is no number"},
        {"\xc3\xa4 + )", "expected a name, a number or \"(\" at position 5: \xc3\xa4 + ) <-- here"},
        {"", "at position 1:  <-- here"},
    };
    struct syntax_error err = {.at = 0};
    ck_assert(syntax_new(of[_i].text, &err) == NULL);
    ck_assert_msg(strstr(err.text, of[_i].says) != NULL, "%s", err.text);
}
END_TEST

START_TEST(deep_nests_are_refused)
{
    struct syntax_error err = {.at = 0};
    char text[4001];
    memset(text, '(', 4000);
    text[4000] = '\0';
    ck_assert(syntax_new(text, &err) == NULL);
    ck_assert_msg(strstr(err.text, "nested too deeply") != NULL, "%s", err.text);
    memset(text, '-', 4000);
    ck_assert(syntax_new(text, &err) == NULL);
    memset(text, '!', 4000);
    ck_assert(syntax_new(text, &err) == NULL);
}
END_TEST

/* ---- terms: what attr(terms(f, data = columns), "term.labels") gives in R ---- */

static const char *const columns[] = {"y", "a", "b", "c", "x", "g"};

static const struct {
    const char *formula, *labels; /* separated by "; "; "0;" first: no intercept */
} terms[] = {
    {"y ~ a", "a"},
    {"y ~ a*b", "a; b; a:b"},
    {"y ~ a:b + a", "a; a:b"},
    {"y ~ a*b*c", "a; b; c; a:b; a:c; b:c; a:b:c"},
    {"y ~ (a + b + c)^2", "a; b; c; a:b; a:c; b:c"},
    {"y ~ (a + b)^3", "a; b; a:b"},
    {"y ~ a/b", "a; a:b"},
    {"y ~ (a + b)/c", "a; b; a:b:c"},
    {"y ~ a*b - a", "b; a:b"},
    {"y ~ a*b - 1", "0; a; b; a:b"},
    {"y ~ 0 + a", "0; a"},
    {"y ~ a + 0 + 1", "a"},
    {"y ~ a - 1 + 1", "a"},
    {"y ~ -1 + a", "0; a"},
    {"y ~ b %in% a", "b:a"},
    {"y ~ I(x^2) + log(x) + I(x ^ 2)", "I(x^2); log(x)"},
    {"y ~ offset(log(x)) + a", "a"},
    {"y ~ .", "a; b; c; x"},
    {"log(y) ~ . - x", "a; b; c"},
    {"y ~ (. - x)^2", "a; b; c; a:b; a:c; b:c"},
    {"y ~ y + a", "a"},
    {"y ~ 1", ""},
    {"~ a", "a"},
    {"cbind(a, b) ~ c", "c"},
    {"y ~ (a)", "a"},
    {"y ~ (x > 2)", "x > 2"},
    {"y ~ a + (b + c)", "a; b; c"},
    {"y ~ b:a + a:b", "b:a"},
};

START_TEST(terms_as_r)
{
    struct syntax_error err = {.at = 0};
    char all[400] = "", name[100];
    static const char *const out[] = {"g"};
    struct formula *f = formula_new(terms[_i].formula, columns, 6, out, 1, &err);
    ck_assert_msg(f != NULL, "%s", err.text);
    (void)snprintf(all, sizeof all, "%s", f->intercept ? "" : f->n_terms ? "0; " : "0");
    for (uint32_t t = 0; t < f->n_terms; t++) {
        formula_term_name(f, t, name, sizeof name);
        (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", t ? "; " : "", name);
    }
    ck_assert_str_eq(all, terms[_i].labels);
    (void)formula_free(f);
}
END_TEST

START_TEST(formulas_that_are_none)
{
    static const struct {
        const char *text, *says;
    } of[] = {
        {"y", "a formula has a \"~\""},
        {"y ~ x ~ z", "expected an operator or the end"},
        {"y ~ 2*a", "only 0 and 1 can stand for a term"},
        {"y ~ a:1", "a constant or an offset cannot be part of an interaction"},
        {"y ~ a^b", "a power of terms must be a whole number"},
        {"y ~ a | b", "groups are named by by="},
        {"y ~ 'a'", "a text is no term"},
        {"y ~ a - offset(x)", "an offset cannot be taken out"},
        {"cbind(a) ~ x", "takes two"},
        {". ~ x", "can only stand on the right side"},
    };
    struct syntax_error err = {.at = 0};
    ck_assert(formula_new(of[_i].text, columns, 6, NULL, 0, &err) == NULL);
    ck_assert_msg(strstr(err.text, of[_i].says) != NULL, "%s", err.text);
}
END_TEST

/* ---- expressions ---- */

static int find_ab(void *arg, const struct node *n, bool *ret_is_param, struct syntax_error *err)
{
    (void)arg;
    err->text[0] = '\0';
    *ret_is_param = n->name[0] != 'x';
    return n->name[0] == 'x' || n->name[0] == 'a' ? 0 : n->name[0] == 'b' ? 1 : -1;
}

static const char *const smooth[] = {
    "a*exp(-b*x)",
    "a/(1+exp(b-x))",
    "x^b + a^x",
    "log(a*x) - log10(b) + log2(b) + log1p(b)",
    "atan(a*x)/pi",
    "sin(a*x)*cos(b)",
    "tan(b/5)*sqrt(a)",
    "sinh(b)+cosh(a)+tanh(a*b)",
    "expm1(a)*plogis(b)+pnorm(a*b)",
    "lgamma(a+1)*gamma(b+1)",
    "a - b*x - atan(b/(x-a))",
    "ifelse(x > 1, a*b, a-b)",
    "max(a*x, b)+min(a, b*x)",
    "abs(a-b)*asin(b/4)+acos(b/4)",
    "(a*x) %% b",
    "qlogis(b/4)*-a",
    "(a*x)^(b*x)",
};

/* Exact slopes against central differences. */
START_TEST(slopes_are_exact)
{
    enum { N = 150 };
    double x[N], v[N], slopes[2 * N], up[N], down[N];
    const double *inputs[] = {x};
    const struct arith_names names = {.find = find_ab};
    struct syntax_error err = {.at = 0};
    for (int i = 0; i < N; i++)
        x[i] = 0.3 + 0.017 * i;
    struct syntax *s = syntax_new(smooth[_i], &err);
    ck_assert_msg(s != NULL, "%s", err.text);
    struct arith *a = arith_new(s, syntax_root(s), &names, 2, &err);
    ck_assert_msg(a != NULL, "%s", err.text);
    double params[] = {1.3, 0.7};
    arith_slopes(a, inputs, params, N, v, slopes);
    for (int j = 0; j < 2; j++) {
        double h = 1e-6, more[] = {1.3, 0.7}, less[] = {1.3, 0.7};
        more[j] += h;
        less[j] -= h;
        arith_values(a, inputs, more, N, up);
        arith_values(a, inputs, less, N, down);
        for (int i = 0; i < N; i++)
            ck_assert_msg(fabs(slopes[j * N + i] - (up[i] - down[i]) / (2 * h)) <
                              2e-8 * (1 + fabs(slopes[j * N + i])),
                          "%s by %d at %g: %.12g, not %.12g", smooth[_i], j, x[i], slopes[j * N + i],
                          (up[i] - down[i]) / (2 * h));
    }
    (void)arith_free(a);
    (void)syntax_free(s);
}
END_TEST

/* ---- poly() ---- */

START_TEST(polynomials_as_r)
{
    /* poly(1:10, 2) in R */
    static const double first[] = {-0.495433694306862, -0.385337317794226, -0.27524094128159};
    static const double second[] = {0.522232967867094, 0.174077655955698, -0.087038827977849};
    double x[10], q[50], dot = 0;
    for (int i = 0; i < 10; i++)
        x[i] = 1e6 + 1 + i;
    ck_assert(poly_orthogonal(x, 10, 5, q));
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(q[i], first[i], 1e-14);
        ck_assert_double_eq_tol(q[10 + i], second[i], 1e-14);
    }
    for (int i = 0; i < 10; i++)
        dot += q[20 + i] * q[40 + i];
    ck_assert_double_eq_tol(dot, 0, 1e-15);
    ck_assert(!poly_orthogonal(x, 3, 3, q));
    double grid[30], high[30 * 20];
    for (int i = 0; i < 30; i++)
        grid[i] = i * i;
    ck_assert(poly_orthogonal(grid, 30, 12, high));
    for (int k = 0; k < 12 * 12; k++) {
        dot = 0;
        for (int i = 0; i < 30; i++)
            dot += high[30 * (k / 12) + i] * high[30 * (k % 12) + i];
        ck_assert_double_eq_tol(dot, k / 12 == k % 12, 1e-14);
    }
    x[1] = x[2] = x[0];
    ck_assert(!poly_orthogonal(x, 3, 1, q));
}
END_TEST

#define COUNT(list) ((int)(sizeof list / sizeof list[0]))

int main(void)
{
    Suite *s = suite_create("formula");
    TCase *tc = tcase_create("formula");
    tcase_add_loop_test(tc, texts_are_written_as_r_deparses, 0, 18);
    tcase_add_loop_test(tc, precedence_is_r, 0, 18);
    tcase_add_loop_test(tc, mistakes_show_where, 0, 10);
    tcase_add_test(tc, deep_nests_are_refused);
    tcase_add_loop_test(tc, terms_as_r, 0, COUNT(terms));
    tcase_add_loop_test(tc, formulas_that_are_none, 0, 10);
    tcase_add_loop_test(tc, slopes_are_exact, 0, COUNT(smooth));
    tcase_add_test(tc, polynomials_as_r);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
