/* The parts of em.multinomial without the farm: texts, terms, the two steps, derivatives, what the curvature says. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "em/curvature.h"
#include "em/spec.h"
#include "em/terms.h"
#include "em/trace.h"

enum { P = SIMPLEX_PARAMS_MAX };

static const struct model {
    const char *cells, *simplexes, *counts;
} models[] = {
    {"A=p^2+2*p*r; B=q^2+2*q*r; AB=2*p*q; O=r^2", "p,q,r", "186,38,13,284"},
    {"1/2+p/4; (1-p)/4; (1-p)/4; p/4", NULL, "125,18,20,34"},
    {"AA=f*p+g*p^2; Aa=2*g*p*q; aa=f*q+g*q^2", "p,q; f,g", "aa=120,Aa=40,AA=30"},
    {"(2+(1-t)^2)/4; t*(2-t)/4; t*(2-t)/4; (1-t)^2/4", "t", "125,18,20,34"},
    {"a*u; a*v^3+b*u^2; a*(v-v^3); b*(1-u^2); c", "a, b, c ;u,v;", "20,31,17,9,12.5"},
};
enum { N_MODELS = sizeof models / sizeof models[0] };

static struct cells cells_of(const struct model *m)
{
    struct cells c;
    char why[MISTAKE_BYTES] = "";
    bool ok = spec_read(&c, m->cells, m->simplexes, why) && spec_counts(&c, m->counts, why);
    ck_assert_msg(ok, "%s: %s", m->cells, why);
    cells_count(&c);
    return c;
}

static struct fit fit(const struct cells *c, double *point, double tol, uint32_t max_iter)
{
    static const volatile uint32_t go_on = 0;
    const struct fit_options opt = {tol, max_iter, &go_on};
    double drawn[P];
    struct cells_fit f = {c, point, drawn};
    return fit_run(&cells_steps, &f, &opt, NULL, NULL);
}

static void start(const struct cells *c, uint64_t item, double *point)
{
    struct qx_stream rng;
    qx_stream_init(&rng, 11, item, 0);
    simplex_draw(&c->simplexes, &rng, point);
}

static double kernel(const struct cells *c, const double *point)
{
    double sum = 0;
    for (uint32_t i = 0; i < c->n; i++)
        sum += c->cells[i].count > 0 ? c->cells[i].count * log(cells_probability(c, i, point)) : 0;
    return sum;
}

/* ---- texts ---- */

/* How many terms an expression has. */
START_TEST(a_minus_is_rewritten_over_the_simplex)
{
    static const struct {
        const char *simplexes, *text;
        uint32_t n_terms;
        double number; /* the term without parameters */
    } rows[] = {
        {"p", "1-p", 1, 0},
        {"p", "(1-p)/4", 1, 0},
        {"p", "1/2+(1-p)/4", 2, 0.5},       /* the bracket alone */
        {"p", "3/4-p/4", 2, 0},             /* p/2 + 3/4 q */
        {"p,q,r", "1-p", 2, 0},             /* q + r */
        {"p,q,r", "1-p-q", 1, 0},           /* r */
        {"p,q,r", "1-(p+q)", 1, 0},         /* r */
        {"p,q,r", "(1-p-q)^2", 1, 0},       /* r^2 */
        {"p,q,r", "1-(1-p)^2", 3, 0},       /* p^2 + 2 p q + 2 p r */
        {"p,q,r", "-(p-1)", 2, 0},          /* q + r */
        {"p;u", "1-p*u", 3, 0},             /* of the four products all but one */
        {"p;u", "(1-p)*(1-u)", 1, 0},       /* one of them */
        {"p", "(p-1)*(p-1)", 1, 0},         /* the whole, since the brackets are negative */
        {"p", "1-0.7*p-0.2*p-0.1*p", 1, 0}, /* but for rounding */
        {"p;u", "1-p+u^2", 3, 0},           /* q + p u^2 + q u^2: u has no part in the minus */
        {"p", "2*p-p", 1, 0},
        {"p", "1/2+p/4", 2, 0.5},
        {"p,q", "p^0+q^2*p^1", 2, 1},
        {"p,q", "+p*1e-3", 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct simplexes x;
        struct syntax_error why;
        char err[MISTAKE_BYTES];
        struct poly p;
        ck_assert(simplex_parse(&x, rows[i].simplexes, err));
        struct syntax *s = syntax_new(rows[i].text, &why);
        ck_assert_msg(s && terms_read(&p, s, &x, &why), "%s: %s", rows[i].text, why.text);
        ck_assert_msg(p.n_terms == rows[i].n_terms, "%s: %u terms", rows[i].text, p.n_terms);
        double number = 0;
        for (uint32_t t = 0; t < p.n_terms; t++) {
            const uint8_t none[SIMPLEX_PARAMS_MAX] = {0};
            ck_assert_double_gt(p.coefficient[t], 0);
            number += memcmp(p.power + (size_t)t * p.dim, none, p.dim) == 0 ? p.coefficient[t] : 0;
        }
        ck_assert_double_eq(number, rows[i].number);
        poly_fini(&p);
        (void)syntax_free(s);
    }
}
END_TEST

/* The probabilities that were written, at a point where p = 0.2, q = 0.3, r = 0.5. */
START_TEST(cells_have_the_probabilities_that_were_written)
{
    static const struct model m = {" X = 1-(1-p)^2 ;Y=(1-p)*(q + r);", "p,q,r", "1,1"};
    struct cells c = cells_of(&m);
    const double point[] = {0.2, 0.3, 0.5};
    ck_assert_uint_eq(c.n, 2);
    ck_assert_str_eq(c.cells[0].name, "X");
    ck_assert_double_eq_tol(cells_probability(&c, 0, point), 0.36, 1e-15);
    ck_assert_double_eq_tol(cells_probability(&c, 1, point), 0.64, 1e-15);
    cells_fini(&c);
    c = cells_of(&models[2]);
    ck_assert_double_eq(c.cells[0].count, 30);
    ck_assert_double_eq(c.cells[2].count, 120);
    ck_assert_double_eq_tol(c.constant, lgamma(191) - lgamma(31) - lgamma(41) - lgamma(121), 1e-10);
    cells_fini(&c);
}
END_TEST

START_TEST(points_may_leave_one_out)
{
    struct simplexes x;
    char why[MISTAKE_BYTES];
    double point[P];
    ck_assert(simplex_parse(&x, "p,q,r;t", why));
    ck_assert_uint_eq(x.n_params, 5);
    ck_assert_str_eq(x.names[4], "1-t");
    ck_assert(simplex_point(&x, "r=.5, p=.3,t=0.25", point, why));
    ck_assert_double_eq_tol(point[1], 0.2, 1e-15);
    ck_assert_double_eq(point[4], 0.75);
    ck_assert(simplex_point(&x, "p=.3,q=.2,r=.5,1-t=1", point, why));
    ck_assert_double_eq(point[3], 0);
}
END_TEST

START_TEST(mistakes_name_their_place)
{
    static const struct {
        const char *cells, *simplexes, *says;
    } rows[] = {
        {"p^2+*q; q", NULL, "cell 1: expected a name, a number or \"(\" at position 5: p^2+* <-- here q"},
        {"A=p^2+2*p*q; B=qq^2", "p,q", "cell B: \"qq\" is in no simplex (did you mean \"q\"?) at position 1"},
        {"A=p^2+2*p*q; B=z^2", "p,q", "cell B: \"z\" is in no simplex"},
        {"p^2; q^2", "p,q", "add up to"},
        {"p*u; q", NULL, "simplex= says which parameters add up to 1"},
        {"p - 2*q^2; 1 - p + 2*q^2", "p,q", "-2*q^2: this term stays negative at position 3"},
        {"p; q/p", "p,q", "only a division by a number is possible at position 2"},
        {"p; q/0", "p,q", "a division by 0"},
        {"p; q^p", "p,q", "a power must be a whole number"},
        {"p; q^0.5", "p,q", "a power must be a whole number"},
        {"p; q^33", "p,q", "too high a power"},
        {"p; exp(q)", "p,q", "only numbers and parameters are possible at position 1"},
        {"p; q < p", "p,q", "only + - * / ^ and brackets"},
        {"p; 0*q", "p,q", "this is 0 everywhere"},
        {"p; ; q", "p,q", "cell 2 has no probability"},
        {"A=p; A=q", "p,q", "two cells have the name \"A\""},
        {"=p; A=q", "p,q", "cell 1 has no name"},
        {"p+q", "p,q", "at least 2"},
        {"1/2; 1/2", NULL, "there is no parameter"},
        {"1/2; 1/2", "p,q", "p is in no cell"},
        {"p; q", "p,q;", NULL},
        {"p; q", "p,,q", "a name is missing"},
        {"p; q", "p,q,p", "\"p\" is given twice"},
        {"p; q", "p,2q", "\"2q\" is no name"},
        {"loglik; q", NULL, "cannot have the name"},
        {"", NULL, "cell 1 has no probability"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cells c;
        char why[MISTAKE_BYTES] = "";
        bool ok = spec_read(&c, rows[i].cells, rows[i].simplexes, why);
        ck_assert_msg(ok == !rows[i].says, "%s: %s", rows[i].cells, why);
        ck_assert_msg(ok || strstr(why, rows[i].says), "%s: %s", rows[i].cells, why);
        cells_fini(&c);
    }
}
END_TEST

START_TEST(mistakes_in_counts_and_starts_are_named)
{
    static const struct {
        const char *counts, *says;
    } rows[] = {
        {"1,2,3", "3 for 4 cells; that of cell O is missing"},
        {"1,2,3,4,5", "more than the 4 cells"},
        {"1,2,-3,4", "\"-3\" of cell AB is no count"},
        {"1,2,x,4", "\"x\" of cell AB is no count"},
        {"1,2,inf,4", "no count"},
        {"A=1,B=2,BA=3,O=4", "no cell \"BA\" (did you mean"},
        {"A=1,B=2,A=3,O=4", "cell A is given twice"},
        {"A=1,B=2,AB=3", "that of cell O is missing"},
    };
    static const struct {
        const char *start, *says;
    } starts[] = {
        {"p=.3,q=.2,r=.6", "p .. r add up to 1.1"},
        {"p=.9,q=.2", "add up to 1.1"},
        {"p=.3", "q and r are missing"},
        {"p=.3,s=.2", "no parameter \"s\""},
        {"p=.3,q=-.2", "q is not a number"},
        {"p=.3,p=.2", "p is given twice"},
        {".3,.2,.5", "not name=value"},
    };
    struct cells c = cells_of(&models[0]);
    char why[MISTAKE_BYTES];
    double point[P];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert(!spec_counts(&c, rows[i].counts, why));
        ck_assert_msg(strstr(why, rows[i].says) != NULL, "%s: %s", rows[i].counts, why);
    }
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        ck_assert(!simplex_point(&c.simplexes, starts[i].start, point, why));
        ck_assert_msg(strstr(why, starts[i].says) != NULL, "%s: %s", starts[i].start, why);
    }
    cells_fini(&c);
}
END_TEST

/* ---- EM ---- */

START_TEST(the_likelihood_rises_to_a_stationary_point)
{
    struct cells c = cells_of(&models[_i]);
    double point[P], first[P], second[P * P], last = -INFINITY;
    start(&c, 3, point);
    for (int i = 0; i < 20; i++) {
        struct fit f = fit(&c, point, 0, 1);
        ck_assert(!f.went_down);
        ck_assert_double_ge(f.loglik, last - 1e-12 * fabs(last));
        ck_assert_double_eq_tol(f.loglik, kernel(&c, point), 1e-10);
        last = f.loglik;
    }
    ck_assert_int_eq(fit(&c, point, 1e-14, 100000).end, FIT_CONVERGED);
    cells_derivatives(&c, point, first, second);
    for (uint32_t which = 0; which < c.simplexes.n; which++) { /* equal slopes within a simplex */
        uint32_t from = c.simplexes.from[which];
        for (uint32_t i = from + 1; i < c.simplexes.from[which + 1]; i++)
            ck_assert_double_eq_tol(first[i], first[from], 1e-6 * fabs(first[from]));
    }
    cells_fini(&c);
}
END_TEST

/* Against central differences, at a point that is no maximum. */
START_TEST(derivatives_are_those_of_the_likelihood)
{
    static const double step = 1e-5;
    struct cells c = cells_of(&models[_i]);
    uint32_t n = c.simplexes.n_params;
    double point[P], first[P], second[P * P], up[P], down[P], scratch[P * P];
    start(&c, 5, point);
    cells_derivatives(&c, point, first, second);
    for (uint32_t i = 0; i < n; i++) {
        double at = point[i];
        point[i] = at + step;
        double k_up = kernel(&c, point);
        cells_derivatives(&c, point, up, scratch);
        point[i] = at - step;
        double k_down = kernel(&c, point);
        cells_derivatives(&c, point, down, scratch);
        point[i] = at;
        ck_assert_double_eq_tol(first[i], (k_up - k_down) / (2 * step), 1e-5 * (1 + fabs(first[i])));
        for (uint32_t k = 0; k < n; k++) {
            double want = (up[k] - down[k]) / (2 * step);
            ck_assert_double_eq_tol(second[i * n + k], want, 1e-5 * (1 + fabs(want)));
            ck_assert_double_eq_tol(second[i * n + k], second[k * n + i], 1e-9 * (1 + fabs(want)));
        }
    }
    cells_fini(&c);
}
END_TEST

/* Iterations from near the limit go along the slowest direction: the ratio of their steps is the rate. */
START_TEST(the_rate_is_that_of_the_iterations)
{
    struct cells c = cells_of(&models[_i]);
    uint32_t n = c.simplexes.n_params;
    const bool zero[P] = {false};
    double limit[P], point[P], step, last = NAN, rate = NAN;
    start(&c, 3, limit);
    (void)fit(&c, limit, 1e-15, 100000);
    struct curvature v = curvature_at(&c, limit, zero);
    ck_assert_int_eq(v.kind, CURVATURE_OK);
    start(&c, 3, point);
    (void)fit(&c, point, 1e-3, 100000);
    for (int i = 0; i < 1000 && !(last < 1e-9); i++) {
        (void)fit(&c, point, 0, 1);
        step = 0;
        for (uint32_t k = 0; k < n; k++)
            step += (point[k] - limit[k]) * (point[k] - limit[k]);
        step = sqrt(step);
        rate = step / last;
        last = step;
    }
    ck_assert_double_eq_tol(v.rate, rate, 2e-3 * rate);
    cells_fini(&c);
}
END_TEST

/* Standard errors of inbreeding in closed form: p is estimated by counting; with h heterozygotes of n, g = h / (2 n p q). */
START_TEST(two_simplexes_in_closed_form)
{
    struct cells c = cells_of(&models[2]);
    double point[P], n = 190, p = (2 * 30 + 40) / (2 * n);
    const bool zero[P] = {false};
    start(&c, 1, point);
    (void)fit(&c, point, 1e-14, 100000);
    ck_assert_double_eq_tol(point[0], p, 1e-10);
    ck_assert_double_eq_tol(point[3], 40 / n / (2 * p * (1 - p)), 1e-10);
    struct curvature v = curvature_at(&c, point, zero);
    double variance = p * (1 - p) * (1 + point[2]) / (2 * n); /* of a sample of inbred genotypes */
    ck_assert_double_eq_tol(v.se[0], sqrt(variance), 1e-9);
    ck_assert_double_eq(v.se[0], v.se[1]);
    cells_fini(&c);
}
END_TEST

/* R 4.2: sqrt(c(diag(V), sum(V))), V = solve(-optimHess(mle, ll)) with ndeps 1e-5, and eigen() of EM's Jacobian by differences. */
START_TEST(blood_groups_as_in_r)
{
    struct cells c = cells_of(&models[0]);
    double point[P];
    const bool zero[P] = {false};
    start(&c, 1, point);
    (void)fit(&c, point, 1e-14, 100000);
    struct curvature v = curvature_at(&c, point, zero);
    ck_assert_double_eq_tol(v.se[0], 0.01351735321195, 1e-7);
    ck_assert_double_eq_tol(v.se[1], 0.00684498853846, 1e-7);
    ck_assert_double_eq_tol(v.se[2], 0.01445975690339, 1e-7);
    ck_assert_double_eq_tol(v.rate, 0.1197223219547, 1e-8);
    cells_fini(&c);
}
END_TEST

/* ---- where there is no proper maximum ---- */

START_TEST(the_boundary_is_recognised)
{
    static const struct model rows[] = {
        {"1/2+p/4; q/4; q/4; p/4", "p,q", "10,50,50,0"},                       /* p goes to 0 step by step */
        {"A=p^2+2*p*r; B=q^2+2*q*r; AB=2*p*q; O=r^2", "p,q,r", "186,0,0,284"}, /* q is 0 at once */
        {"AA=f*p+g*p^2; Aa=2*g*p*q; aa=f*q+g*q^2", "f,g; p,q", "20,100,20"},   /* too many heterozygotes */
        {"AA=f*p+g*p^2; Aa=2*g*p*q; aa=f*q+g*q^2", "f,g; p,q", "50,100,50"},   /* just at the boundary */
    };
    static const uint32_t which[] = {0, 1, 0, 0};
    struct cells c = cells_of(&rows[_i]);
    double point[P];
    bool zero[P];
    start(&c, 2, point);
    (void)fit(&c, point, 1e-12, 100000);
    ck_assert_uint_eq(curvature_settle(&c, point, zero), 1);
    for (uint32_t i = 0; i < c.simplexes.n_params; i++)
        ck_assert_msg(zero[i] == (i == which[_i]) && (point[i] == 0) == zero[i], "parameter %u", i);
    struct curvature v = curvature_at(&c, point, zero);
    ck_assert_int_eq(v.kind, CURVATURE_BOUNDARY);
    ck_assert_double_ge(v.rate, 0);
    ck_assert_double_le(v.rate, 1 + 1e-9);
    cells_fini(&c);
}
END_TEST

START_TEST(a_small_estimate_is_not_the_boundary)
{
    static const struct model m = {"A=p^2+2*p*r; B=q^2+2*q*r; AB=2*p*q; O=r^2", "p,q,r", "99999,1,0,100000"};
    struct cells c = cells_of(&m);
    double point[P];
    bool zero[P];
    start(&c, 2, point);
    (void)fit(&c, point, 1e-14, 100000);
    ck_assert_double_lt(point[1], 1e-5);
    ck_assert_uint_eq(curvature_settle(&c, point, zero), 0);
    struct curvature v = curvature_at(&c, point, zero);
    ck_assert_int_eq(v.kind, CURVATURE_OK);
    ck_assert_double_eq_tol(v.se[1], point[1], 1e-2 * point[1]); /* one observation */
    cells_fini(&c);
}
END_TEST

/* An estimate of 6.7e-5, and an iterate above it from which 0 looks better. */
START_TEST(an_iterate_on_its_way_is_not_the_boundary)
{
    static const struct model m = {"1/2+p/4; q/4; q/4; p/4", "p,q", "40004,10000,10000,0"};
    struct cells c = cells_of(&m);
    double point[] = {9e-4, 1 - 9e-4}, at_0[] = {0, 1};
    bool zero[P];
    ck_assert_double_gt(kernel(&c, at_0), kernel(&c, point));
    ck_assert_uint_eq(curvature_settle(&c, point, zero), 0);
    ck_assert_double_eq(point[0], 9e-4);
    (void)fit(&c, point, 1e-16, 100000);
    ck_assert_uint_eq(curvature_settle(&c, point, zero), 0);
    ck_assert_double_eq_tol(point[0], 4.0 / 60004, 1e-8);
    cells_fini(&c);
}
END_TEST

START_TEST(a_ridge_has_no_errors)
{
    static const struct model rows[] = {{"p*u+q*v; p*v+q*u", "p,q; u,v", "30,20"},
                                        {"p*u; p*v; q", "p,q; u,v", "0,0,10"}};
    for (int i = 0; i < 2; i++) {
        struct cells c = cells_of(&rows[i]);
        double point[P];
        bool zero[P];
        start(&c, 2, point);
        (void)fit(&c, point, 1e-12, 100000);
        (void)curvature_settle(&c, point, zero);
        ck_assert_int_eq(curvature_at(&c, point, zero).kind, CURVATURE_SINGULAR);
        cells_fini(&c);
    }
}
END_TEST

/* ---- what is kept of many iterations ---- */

static void one_number(const void *model, double *to)
{
    *to = *(const double *)model;
}

START_TEST(traces_are_thinned_evenly)
{
    static const uint32_t lengths[] = {1, 2, TRACE_MAX, TRACE_MAX + 1, 3 * TRACE_MAX, 20 * TRACE_MAX + 7};
    double value = 0;
    struct trace t;
    ck_assert(trace_init(&t, 1, one_number, &value));
    for (uint32_t i = 0; i < lengths[_i]; i++) {
        value = 2.0 * i;
        trace_add(&t, i, -1.0 * i);
    }
    ck_assert_uint_le(t.n, TRACE_MAX);
    ck_assert_uint_ge(t.n, lengths[_i] < TRACE_MAX / 2 ? lengths[_i] : TRACE_MAX / 2);
    for (uint32_t i = 0; i < t.n; i++) {
        uint32_t at = t.iteration[i];
        ck_assert_uint_eq(at, i + 1 < t.n ? i * t.each : lengths[_i] - 1);
        ck_assert_double_eq(t.loglik[i], -1.0 * at);
        ck_assert_double_eq(t.iterates[i], 2.0 * at);
    }
    uint32_t rows[TRACE_PLOT_MAX], n = trace_thin(&t, rows);
    ck_assert_uint_le(n, TRACE_PLOT_MAX);
    ck_assert_uint_eq(rows[n - 1], t.n - 1);
    trace_fini(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("em_cells");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, a_minus_is_rewritten_over_the_simplex);
    tcase_add_test(tc, cells_have_the_probabilities_that_were_written);
    tcase_add_test(tc, points_may_leave_one_out);
    tcase_add_test(tc, mistakes_name_their_place);
    tcase_add_test(tc, mistakes_in_counts_and_starts_are_named);
    tcase_add_loop_test(tc, the_likelihood_rises_to_a_stationary_point, 0, N_MODELS);
    tcase_add_loop_test(tc, derivatives_are_those_of_the_likelihood, 0, N_MODELS);
    tcase_add_loop_test(tc, the_rate_is_that_of_the_iterations, 0, N_MODELS);
    tcase_add_test(tc, two_simplexes_in_closed_form);
    tcase_add_test(tc, blood_groups_as_in_r);
    tcase_add_loop_test(tc, the_boundary_is_recognised, 0, 4);
    tcase_add_test(tc, a_small_estimate_is_not_the_boundary);
    tcase_add_test(tc, an_iterate_on_its_way_is_not_the_boundary);
    tcase_add_test(tc, a_ridge_has_no_errors);
    tcase_add_loop_test(tc, traces_are_thinned_evenly, 0, 6);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
