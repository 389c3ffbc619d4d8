/* The parts of mc.integrate without the farm: expressions, boxes, named integrands. */
#include <check.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mc/box.h"
#include "mc/chart.h"
#include "mc/control.h"
#include "mc/expr.h"
#include "mc/integrand.h"
#include "mc/poly.h"
#include "mc/sobol.h"
#include "mc/vegas.h"

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
    char why[PLACE_BYTES];
    const double at[] = {0.5, 0.25};
    struct expr *e = expr_new(good[_i].text, NULL, xy, 2, why);
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
    {"SQRT(x)", "unknown name \"SQRT\" (did you mean \"sqrt\"?) at position 1: SQRT <-- here (x)"},
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
    char why[PLACE_BYTES];
    struct expr *e = expr_new(bad[_i].text, NULL, xy, 2, why);
    ck_assert_msg(e == NULL, "%s was accepted", bad[_i].text);
    ck_assert_str_eq(why, bad[_i].error);
}
END_TEST

START_TEST(long_expressions_are_cut_around_the_mistake)
{
    char text[1001], why[PLACE_BYTES];
    memset(text, '1', 1000);
    text[1000] = '\0';
    text[500] = '$';
    ck_assert_ptr_null(expr_new(text, NULL, xy, 2, why));
    ck_assert_str_eq(why, "unexpected character at position 501: "
                          "..111111111111111111111111$ <-- here 111111111111111111111111..");
    char *huge = calloc(1, EXPR_BYTES_MAX + 2);
    memset(huge, '1', EXPR_BYTES_MAX + 1);
    ck_assert_ptr_null(expr_new(huge, NULL, xy, 2, why));
    ck_assert_str_eq(why, "the expression is longer than 4096 bytes");
    memset(huge, '(', 500);
    ck_assert_ptr_null(expr_new(huge, NULL, xy, 2, why));
    free(huge);
}
END_TEST

START_TEST(boxes_are_read)
{
    struct box b;
    char why[PLACE_BYTES];
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
    ck_assert(box_parse(&b, "x=-Inf:0,y=0:2", why));
    ck_assert(!b.is_finite && !b.is_unit);
    ck_assert(isinf(b.lo[0]) && b.hi[0] == 0 && b.hi[1] == 2);
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
    {"x=0:1/0", "over: a bound of x: it is no finite number"},
    {"x=inf:-inf", "over: x=inf:-inf is empty: the lower bound comes first"},
    {"x=-1e308:1e308", "over: the volume of the box is not a number that fits"},
    {"x=0:y", "over: a bound of x: unknown name \"y\" (did you mean \"e\"?) at position 1: y <-- here"},
    {"x=:1", "over: a bound of x: the expression is empty"},
};

START_TEST(bad_boxes_are_explained)
{
    struct box b;
    char why[PLACE_BYTES];
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

/* ---- densities ---- */

/* Quantiles as R 4.2 gives them: qnorm(0.3, 1, 2), qexp(0.3, 2), .. */
static const struct {
    const char *text;
    double quantile, density; /* at probability 0.3, and the density there */
} kinds[] = {
    {"uniform(-1, 3)", 0.2, 0.25},
    {"normal(1, 2)", -0.048801025416081635, 0.17384630710698126},
    {"exponential(2)", 0.17833747196936622, 1.4},
    {"lognormal(0.5, 0.8)", 1.0838067257408528, 0.40100855385724232},
    {"logistic(1, 2)", -0.69459572077440718, 0.105},
    {"laplace(1, 2)", -0.021651247531981366, 0.15},
    {"cauchy(1, 2)", -0.45308505601072202, 0.10416826262303432},
    {"t(4)", -0.56864906304970553, 0.30876445928200918},
    {"t(4, 1, 2)", -0.13729812609941106, 0.15438222964100459},
    {"gamma(2.5, 1.5)", 0.99996937758663551, 0.4625409890859965},
    {"beta(2, 3)", 0.27238394207510530, 1.7304828399624699},
    {"weibull(2, 1.5)", 0.89583403812433238, 0.55740784594402915},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static bool density_of(struct density *d, const char *text, double lo, double hi)
{
    char why[PLACE_BYTES];
    struct law_value law;
    size_t at = 0;
    bool ok = density_read("q", text, &at, expr_constant, &law, why) && density_init(d, &law, lo, hi, why);
    ck_assert_msg(ok, "%s", why);
    return ok;
}

START_TEST(densities_are_those_of_r)
{
    struct density d;
    const char *text = kinds[_i].text;
    bool uniform = *text == 'u', unit = *text == 'b';
    bool half = strchr("ewg", *text) || strncmp(text, "logn", 4) == 0;
    double lo = uniform ? -1 : unit || half ? 0 : -INFINITY, hi = uniform ? 3 : unit ? 1 : INFINITY;
    ck_assert(density_of(&d, text, lo, hi));
    double x = density_quantile(&d, 0.3);
    ck_assert_double_eq_tol(x, kinds[_i].quantile, 1e-9);
    ck_assert_double_eq_tol(density_value(&d, x), kinds[_i].density, 1e-9);
    /* cut to its middle half the median stays, and densities double */
    double median = density_quantile(&d, 0.5), a = density_quantile(&d, 0.25), b = density_quantile(&d, 0.75),
           f = density_value(&d, median);
    ck_assert(density_of(&d, text, a, b));
    if (!uniform) {
        ck_assert_double_eq_tol(density_quantile(&d, 0.5), median, 1e-8);
        ck_assert_double_eq_tol(density_value(&d, median), 2 * f, 1e-8);
        ck_assert_double_ge(density_quantile(&d, 1e-16), a);
        ck_assert_double_le(density_quantile(&d, 1 - 1e-16), b);
    }
}
END_TEST

START_TEST(moments_of_densities)
{
    struct density d;
    ck_assert(density_of(&d, "normal(3, 0.01)", -INFINITY, INFINITY));
    ck_assert_double_eq_tol(density_moment(&d, 1), 3, 1e-11);
    ck_assert_double_eq_tol(density_moment(&d, 2), 9.0001, 1e-10);
    ck_assert(density_of(&d, "gamma(5/2, 1.5)", 0, INFINITY));
    ck_assert_double_eq_tol(density_moment(&d, 3), 2.5 * 3.5 * 4.5 / pow(1.5, 3), 1e-8);
    ck_assert(density_of(&d, "cauchy(0, 1)", -INFINITY, INFINITY));
    ck_assert_double_nan(density_moment(&d, 1));
    ck_assert(density_of(&d, "t(3)", -INFINITY, INFINITY));
    ck_assert_double_eq_tol(density_moment(&d, 2), 3, 1e-6);
    ck_assert_double_nan(density_moment(&d, 4));
    /* far out: E X = phi(6) / Q(6) */
    ck_assert(density_of(&d, "normal(0, 1)", 6, INFINITY));
    ck_assert_double_eq_tol(density_moment(&d, 1), 6.1584826045445989, 1e-8);
}
END_TEST

/* ---- polynomials ---- */

static double unit_moment(const void *arg, uint32_t j, unsigned k)
{
    (void)arg;
    (void)j;
    return 1.0 / (k + 1);
}

static const struct {
    const char *text;
    double mean; /* over the unit square; NaN: no polynomial */
} polynomials[] = {
    {"3", 3},
    {"x+y", 1},
    {"(x-y)^2", 1.0 / 6},
    {" -x^2*y + 2 * ( x + 1 ) / 4", -1.0 / 6 + 0.75},
    {"2^3^0*x", 1},
    {"x*x*x-x^3", 0},
    {"pi*x/e", 3.141592653589793 / 2 / 2.718281828459045},
    {"(x+y+1)^0", 1},
    {"1e-1*x - -x + +y", 0.05 + 0.5 + 0.5},
    {"x^(1+1)", 1.0 / 3},
    {"x^0.5", NAN},
    {"x^-1", NAN},
    {"1/x", NAN},
    {"exp(x)", NAN},
    {"x<1", NAN},
    {"x ? y : x", NAN},
    {"x^y", NAN},
    {"x^33", NAN},
};
enum { N_POLYNOMIALS = sizeof polynomials / sizeof polynomials[0] };

START_TEST(polynomials_have_means)
{
    struct poly p;
    bool ok = poly_parse(&p, polynomials[_i].text, xy, 2);
    ck_assert_msg(ok == !isnan(polynomials[_i].mean), "%s", polynomials[_i].text);
    if (ok)
        ck_assert_double_eq_tol(poly_mean(&p, unit_moment, NULL), polynomials[_i].mean, 1e-14);
    poly_fini(&p);
}
END_TEST

/* ---- regression ---- */

/* y = 1, 2, 4, 3, 7; c = 1, 2, 3, 4, 5; mu = 2.5. R: coef(summary(lm(y ~ I(c - 2.5)))) gives the intercept 2.75 (0.567890834580027) and
 * the slope 1.3, and R2 0.797169811320755. */
START_TEST(regression_is_that_of_r)
{
    const double mean[] = {3.4, 3}, cov[] = {5.3, 3.25, 3.25, 2.5}, known[] = {2.5};
    struct control_fit fit;
    struct estimates e;
    control_regress(1, 1, 5, mean, cov, known, &fit, &e);
    ck_assert_double_eq_tol(e.value[0], 2.75, 1e-14);
    ck_assert_double_eq_tol(fit.beta[0][0], 1.3, 1e-14);
    ck_assert_double_eq_tol(sqrt(e.cov[0][0]), 0.567890834580027, 1e-12);
    ck_assert_double_eq_tol(fit.r2[0], 0.797169811320755, 1e-12);
    ck_assert_double_eq(e.df, 3);
}
END_TEST

/* ---- Sobol' points ---- */

/* The first points in five dimensions, and one far out as boost::random::sobol of Boost 1.74 gives it. */
START_TEST(sobol_points_are_those_of_joe_and_kuo)
{
    static const double want[8][5] = {
        {0, 0, 0, 0, 0},
        {0.5, 0.5, 0.5, 0.5, 0.5},
        {0.75, 0.25, 0.25, 0.25, 0.75},
        {0.25, 0.75, 0.75, 0.75, 0.25},
        {0.375, 0.375, 0.625, 0.875, 0.375},
        {0.875, 0.875, 0.125, 0.375, 0.875},
        {0.625, 0.125, 0.875, 0.625, 0.625},
        {0.125, 0.625, 0.375, 0.125, 0.125},
    };
    for (uint64_t i = 0; i < 8; i++) {
        double x[5];
        sobol_plain_point(5, i, x);
        for (int j = 0; j < 5; j++)
            ck_assert_msg(x[j] == want[i][j], "point %d, %d: %g, not %g", (int)i, j, x[j], want[i][j]);
    }
    static const struct {
        int dimension;
        double value;
    } far[] = {{1, 0.81341552734375},   {2, 0.16033935546875},  {5, 0.05889892578125},
               {10, 0.07427978515625},  {40, 0.21551513671875}, {99, 0.53887939453125},
               {200, 0.59051513671875}, {255, 0.58807373046875}};
    double x[256];
    sobol_plain_point(256, 12345, x);
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++)
        ck_assert_double_eq(x[far[i].dimension], far[i].value);
}
END_TEST

/* Every dimension of every replicate: one of the first 2^m points in each of 2^m equal intervals, wherever an aligned run of them
 * starts. And any run of points is that of a longer one. */
START_TEST(scrambled_points_are_even_and_can_be_skipped_to)
{
    enum { M = 6, SIZE = 1 << M };
    uint32_t dim = sobol_dim_max();
    struct sobol s;
    ck_assert(sobol_init(&s, dim, 3, 42));
    double *x = malloc((size_t)SIZE * dim * sizeof *x), *part = malloc((size_t)SIZE * dim * sizeof *part);
    for (uint32_t r = 0; r < 3; r++) {
        for (uint64_t first = 0; first < 4 * SIZE; first += SIZE) {
            sobol_points(&s, r, first, SIZE, x);
            for (uint32_t j = 0; j < dim; j++) {
                bool seen[SIZE] = {false};
                for (int i = 0; i < SIZE; i++)
                    seen[(int)(x[(size_t)i * dim + j] * SIZE)] = true;
                for (int i = 0; i < SIZE; i++)
                    ck_assert_msg(seen[i], "dimension %u: nothing in interval %d", j, i);
            }
            sobol_points(&s, r, first + 7, 9, part);
            ck_assert_mem_eq(part, x + (size_t)7 * dim, 9 * dim * sizeof *x);
        }
        sobol_points(&s, r, ((uint64_t)1 << 40) - 3, 8, part);
        sobol_points(&s, r, (uint64_t)1 << 40, 1, x);
        ck_assert_mem_eq(part + (size_t)3 * dim, x, dim * sizeof *x);
    }
    free(x);
    free(part);
    sobol_fini(&s);
}
END_TEST

/* The same point over many scramblings is uniform, and two replicates differ. */
START_TEST(scrambled_points_are_uniform)
{
    enum { RUNS = 2000 };
    double sum = 0, squares = 0;
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        struct sobol s;
        double x[2], y[2];
        ck_assert(sobol_init(&s, 2, 2, seed));
        sobol_points(&s, 0, 5, 1, x);
        sobol_points(&s, 1, 5, 1, y);
        ck_assert(x[0] != y[0]);
        sum += x[1];
        squares += x[1] * x[1];
        sobol_fini(&s);
    }
    ck_assert_double_eq_tol(sum / RUNS, 0.5, 4 * sqrt(1.0 / 12 / RUNS));
    ck_assert_double_eq_tol(squares / RUNS, 1.0 / 3, 4 * sqrt(4.0 / 45 / RUNS));
}
END_TEST

/* ---- the grid of vegas ---- */

START_TEST(grids_follow_the_weight)
{
    struct vegas_grid g;
    double squares[2 * 20], x[2] = {0.5, 0.5}, weight;
    uint32_t bin[2];
    ck_assert(vegas_grid_init(&g, 2, 20));
    for (int round = 0; round < 60; round++) { /* density 2x in the first dimension, uniform in the second */
        for (uint32_t b = 0; b < 20; b++) {
            double lo = g.edge[b], hi = g.edge[b + 1];
            squares[b] = (hi * hi * hi - lo * lo * lo) * (hi - lo);
            squares[20 + b] = 1;
        }
        ck_assert(vegas_grid_refine(&g, squares, 1.0));
    }
    for (uint32_t b = 0; b <= 20; b++)
        ck_assert_double_eq_tol(g.edge[21 + b], b / 20.0, 1e-12);
    for (uint32_t b = 5; b < 20; b++) /* but for the smoothing, quantiles of 2x */
        ck_assert_double_eq_tol(g.edge[b], sqrt(b / 20.0), 0.1);
    vegas_grid_map(&g, x, 1, bin, &weight);
    ck_assert_double_eq_tol(x[0], sqrt(0.5), 0.1);
    ck_assert_double_eq_tol(x[1], 0.5, 1e-12);
    ck_assert_double_eq_tol(weight, 20 * (g.edge[11] - g.edge[10]) * 20 * (g.edge[32] - g.edge[31]), 1e-12);
    ck_assert_uint_eq(bin[0], 10);
    double inner[2 * 19];
    for (uint32_t j = 0; j < 2; j++)
        for (uint32_t b = 1; b < 20; b++)
            inner[j * 19 + b - 1] = g.edge[j * 21 + b];
    ck_assert(vegas_grid_set(&g, inner));
    inner[3] = inner[2];
    ck_assert(!vegas_grid_set(&g, inner));
    vegas_grid_fini(&g);
}
END_TEST

START_TEST(rounds_are_weighted_by_their_precision)
{
    double rounds[3 * 2], chi2[FUNCTIONS_MAX];
    struct estimates e = {.k = 1, .value = {10}, .cov = {{1}}}, sum;
    vegas_round_pack(&e, rounds);
    e.value[0] = 1;
    vegas_round_pack(&e, rounds + 2);
    e.value[0] = 4;
    e.cov[0][0] = 0.5;
    vegas_round_pack(&e, rounds + 4);
    vegas_combine(rounds, 3, 1, 1, &sum, chi2);
    ck_assert_double_eq_tol(sum.value[0], 3, 1e-14);
    ck_assert_double_eq_tol(sum.cov[0][0], 1.0 / 3, 1e-14);
    ck_assert_double_eq_tol(chi2[0], 4 + 2, 1e-13);
    rounds[3] = 0; /* exact */
    vegas_combine(rounds, 3, 1, 1, &sum, chi2);
    ck_assert_double_eq(sum.value[0], 1);
}
END_TEST

int main(void)
{
    (void)gsl_set_error_handler_off();
    Suite *s = suite_create("mc_parts");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, expressions_have_values, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tc, mistakes_are_shown_where_they_are, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tc, long_expressions_are_cut_around_the_mistake);
    tcase_add_test(tc, boxes_are_read);
    tcase_add_loop_test(tc, bad_boxes_are_explained, 0, (int)(sizeof bad_boxes / sizeof bad_boxes[0]));
    tcase_add_test(tc, families_follow_their_formulas);
    tcase_add_loop_test(tc, densities_are_those_of_r, 0, N_KINDS);
    tcase_add_test(tc, moments_of_densities);
    tcase_add_loop_test(tc, polynomials_have_means, 0, N_POLYNOMIALS);
    tcase_add_test(tc, regression_is_that_of_r);
    tcase_add_test(tc, sobol_points_are_those_of_joe_and_kuo);
    tcase_add_test(tc, scrambled_points_are_even_and_can_be_skipped_to);
    tcase_add_test(tc, scrambled_points_are_uniform);
    tcase_add_test(tc, grids_follow_the_weight);
    tcase_add_test(tc, rounds_are_weighted_by_their_precision);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
