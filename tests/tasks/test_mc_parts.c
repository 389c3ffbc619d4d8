/* The parts of mc.integrate without the farm: expressions, boxes, named integrands. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mc/box.h"
#include "mc/expr.h"
#include "mc/integrand.h"

static const char *const xy[] = {"x", "y"};

static const struct {
    const char *text;
    double value; /* at x = 0.5, y = 0.25 */
} good[] = {
    {"x", 0.5},
    {" exp( -x*y ) ", 0.88249690258459546},
    {"x^2+y^2<1", 1},
    {"x^2+y^2>1", 0},
    {"-x^2", -0.25},
    {"2^3^2", 512},
    {"x<1 ? y<0.1 ? 1 : 2 : 3", 2},
    {"x<y || x>=0.5 && y!=1", 1},
    {"pi", 3.141592653589793},
    {"log(e)", 1},
    {"ln(e)", 1},
    {"1.5e-3 + .5", 0.5015},
    {"max(x,y,0.75)", 0.75},
    {"atan2(x, y)", 1.1071487177940904},
    {"hypot(3,4) + floor(2.7) + ceil(0.2)", 8},
    {"mod(-1, 3)", 2},
    {"qnorm(0.975)", 1.9599639845400545},
    {"pnorm(0) + erf(0)", 0.5},
    {"gamma(5)", 24},
    {"lgamma(x)", 0.57236494292470008},
    {"((((x))))", 0.5},
};

START_TEST(expressions_have_values)
{
    char why[EXPR_ERROR_BYTES];
    const double at[] = {0.5, 0.25};
    struct expr *e = expr_new(good[_i].text, xy, 2, why);
    ck_assert_msg(e != NULL, "%s: %s", good[_i].text, why);
    ck_assert_double_eq_tol(expr_value(e, at), good[_i].value, 1e-12);
    ck_assert_double_eq_tol(expr_value(e, at), good[_i].value, 1e-12);
    expr_free(e);
}
END_TEST

static const struct {
    const char *text, *error;
} bad[] = {
    {"", "the expression is empty"},
    {"   ", "the expression is empty"},
    {"exp(-x*)", "unexpected \")\" at position 8: exp(-x*) <-- here"},
    {"x+", "unexpected end at position 3: x+ <-- here"},
    {"exp(-*y)", "unexpected \"*\" at position 6: exp(-* <-- here y)"},
    {"(x", "\"(\" is never closed: at position 1: ( <-- here x"},
    {"x)", "\")\" without \"(\" at position 2: x) <-- here"},
    {"x*yy", "unknown name \"yy\" (did you mean \"y\"?) at position 3: x*yy <-- here"},
    {"sqr(x)", "unknown name \"sqr\" (did you mean \"sqrt\"?) at position 1: sqr <-- here (x)"},
    {"expp(x)", "unknown name \"expp\" (did you mean \"exp\"?) at position 1: expp <-- here (x)"},
    {"foobar(x)", "unknown name \"foobar\" at position 1: foobar <-- here (x)"},
    {"2x", "an operator such as * is missing at position 2: 2x <-- here"},
    {"x y", "unexpected \"y\" at position 3: x y <-- here"},
    {"x=3", "\"=\" cannot assign here; to compare, write \"==\", at position 2: x= <-- here 3"},
    {"x,y", "unexpected \",\" at position 2: x, <-- here y"},
    {"(x,y)", "unexpected list at position 5: (x,y) <-- here"},
    {"exp(x,y)*2", "too many arguments for exp() at position 1: exp <-- here (x,y)*2"},
    {"1+atan2(x)", "too few arguments for atan2() at position 3: 1+atan2 <-- here (x)"},
    {"x<1 ? 2", "\"?\" without \":\" at position 5: x<1 ? <-- here  2"},
    {"1:2", "\":\" without \"?\" at position 2: 1: <-- here 2"},
    {"\"text\"", "unexpected character at position 1: \" <-- here text\""},
    {"x+\xc3\xa9*y", "unexpected character at position 3: x+\xc3\xa9 <-- here *y"},
    {"\xc3\xa9", "unexpected character at position 1: \xc3\xa9 <-- here"},
    {"x!", "unexpected character at position 2: x! <-- here"},
    {"1.2.3", "not a number at position 4: 1.2. <-- here 3"},
    {"0x1F", "an operator such as * is missing at position 2: 0x <-- here 1F"},
    {"sin x", "\"sin\" is a function and needs its (arguments) at position 1: sin <-- here  x"},
    {"x(y)", "unexpected \"(\" at position 2: x( <-- here y)"},
};

START_TEST(mistakes_are_shown_where_they_are)
{
    char why[EXPR_ERROR_BYTES];
    struct expr *e = expr_new(bad[_i].text, xy, 2, why);
    ck_assert_msg(e == NULL, "%s was accepted", bad[_i].text);
    ck_assert_str_eq(why, bad[_i].error);
}
END_TEST

START_TEST(long_expressions_are_cut_around_the_mistake)
{
    char text[1001], why[EXPR_ERROR_BYTES];
    memset(text, '1', 1000);
    text[1000] = '\0';
    text[500] = '$';
    ck_assert_ptr_null(expr_new(text, xy, 2, why));
    ck_assert_str_eq(why, "unexpected character at position 501: "
                          "..111111111111111111111111$ <-- here 111111111111111111111111..");
    char *huge = calloc(1, EXPR_BYTES_MAX + 2);
    memset(huge, '1', EXPR_BYTES_MAX + 1);
    ck_assert_ptr_null(expr_new(huge, xy, 2, why));
    ck_assert_str_eq(why, "the expression is longer than 4096 bytes");
    memset(huge, '(', 500);
    ck_assert_ptr_null(expr_new(huge, xy, 2, why));
    free(huge);
}
END_TEST

START_TEST(boxes_are_read)
{
    struct box b;
    char why[BOX_ERROR_BYTES];
    ck_assert_msg(box_parse(&b, "x=0:1, y_2 = -pi : (1<2 ? 2 : 3)*pi,z=.5:1e1", why), "%s", why);
    ck_assert_uint_eq(b.dim, 3);
    ck_assert_str_eq(b.names[1], "y_2");
    ck_assert_double_eq_tol(b.lo[1], -M_PI, 1e-15);
    ck_assert_double_eq_tol(b.width[1], 3 * M_PI, 1e-14);
    ck_assert_double_eq_tol(b.volume, 3 * M_PI * 9.5, 1e-12);
    ck_assert(!b.is_unit);
    double p[] = {0.5, 0.5, 0.5, 0, 0, 0};
    box_scale(&b, p, 2);
    ck_assert_double_eq_tol(p[1], 0.5 * M_PI, 1e-15);
    ck_assert_double_eq_tol(p[2], 5.25, 1e-15);
    ck_assert_double_eq(p[5], 0.5);
    box_fini(&b);
    ck_assert(box_parse(&b, "a=0:1", why));
    ck_assert(b.is_unit);
    box_fini(&b);
}
END_TEST

static const struct {
    const char *over, *error;
} bad_boxes[] = {
    {"x", "over: \"x\" is not of the form x=0:1"},
    {"x=0", "over: \"x=0\" is not of the form x=0:1"},
    {"x=0:1,", "over: \"\" is not of the form x=0:1"},
    {"x=1:0", "over: x=1:0 is empty: the lower bound comes first"},
    {"x=0:0", "over: x=0:0 is empty: the lower bound comes first"},
    {"x=0:1,x=0:1", "over: \"x\" is given twice"},
    {"pi=0:1", "over: \"pi\" is a function or a constant; name the variable otherwise"},
    {"2x=0:1", "over: \"2x\" cannot name a variable"},
    {"x=0:1/0", "over: a bound of x is not finite; substitute, e.g. x = t/(1-t)"},
    {"x=0:inf", "over: a bound of x is not finite; substitute, e.g. x = t/(1-t)"},
    {"x=-Inf:0", "over: a bound of x is not finite; substitute, e.g. x = t/(1-t)"},
    {"x=0:y", "over: a bound of x: unknown name \"y\" (did you mean \"e\"?) at position 1: y <-- here"},
    {"x=:1", "over: a bound of x: the expression is empty"},
};

START_TEST(bad_boxes_are_explained)
{
    struct box b;
    char why[BOX_ERROR_BYTES];
    ck_assert(!box_parse(&b, bad_boxes[_i].over, why));
    ck_assert_str_eq(why, bad_boxes[_i].error);
}
END_TEST

/* Each family at one point, by its formula. */
START_TEST(families_follow_their_formulas)
{
    const double a[] = {2, 3}, u[] = {0.25, 0.75}, x[] = {0.125, 0.5};
    const double want[] = {
        cos(2 * M_PI * 0.25 + 2 * 0.125 + 3 * 0.5),
        1 / ((0.25 + 0.015625) * (1.0 / 9 + 0.0625)),
        pow(1 + 0.25 + 1.5, -3),
        exp(-(4 * 0.015625 + 9 * 0.0625)),
        exp(-(2 * 0.125 + 3 * 0.25)),
        exp(0.25 + 1.5),
        1,
        (fabs(0.5 - 2) + 2) / 3 * (fabs(2.0 - 2) + 3) / 4,
        pow(1.5, 2) * sqrt(0.125 * 0.5),
    };
    for (int i = 0; integrand_names[i]; i++) {
        struct integrand g;
        double value[2];
        const double twice[] = {x[0], x[1], x[0], x[1]};
        ck_assert(integrand_family(&g, integrand_names[i], 2, a, 2, u, 2));
        g.values(&g, twice, 2, value);
        ck_assert_msg(fabs(value[0] - want[i]) <= 1e-14 * fabs(want[i]), "%s: %.17g, not %.17g",
                      integrand_names[i], value[0], want[i]);
        ck_assert_double_eq(value[0], value[1]);
        integrand_fini(&g);
    }
    struct integrand g;
    double value;
    const double outside[] = {0.5, 0.5};
    ck_assert(integrand_family(&g, "genz.discontinuous", 2, a, 1, u, 2));
    g.values(&g, outside, 1, &value);
    ck_assert_double_eq(value, 0);
    integrand_fini(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mc_parts");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, expressions_have_values, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tc, mistakes_are_shown_where_they_are, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tc, long_expressions_are_cut_around_the_mistake);
    tcase_add_test(tc, boxes_are_read);
    tcase_add_loop_test(tc, bad_boxes_are_explained, 0, (int)(sizeof bad_boxes / sizeof bad_boxes[0]));
    tcase_add_test(tc, families_follow_their_formulas);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
