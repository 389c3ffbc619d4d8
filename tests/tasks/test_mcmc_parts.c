/* The parts of mcmc that need no model: diagnostics against R's posterior, priors, rules, adaptation. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/adapt.h"
#include "mcmc/diagnostics.h"
#include "mcmc/prior.h"
#include "mcmc/ranking.h"
#include "mcmc/until.h"

/* ---- diagnostics ---- */

/* A sequence that R makes with the same bits: x <- (16807 * x) %% 2147483647; y <- rho * y + x / 2147483647
 * - 0.5; rounded down to multiples of 1/steps, then times steps, where steps is not 0. */
struct made {
    int n, m;
    double rho, seed, steps;
    /* mean sd quantile(.05 .5 .95) mcse_mean mcse_sd mcse_quantile(.05 .5 .95) rhat ess_bulk ess_tail
     * ess_mean ess_sd rhat_basic by posterior 1.4.0 in R 4.2.2 */
    double want[16];
};

static const struct made sets[] = {
    {101,
     3,
     0.7,
     11,
     0,
     {0.0305070856343199, 0.383733431437284, -0.568243465021945, 0.0218519907149877, 0.649623757892015,
      0.0497854216624898, 0.0196504222323471, 0.0632152345950476, 0.0615981419120219, 0.0651930170696623,
      1.04107071804024, 60.7253710386272, 164.890246010255, 59.409362879195, 134.768940494187,
      1.04278241145867}},
    {250,
     1,
     0.3,
     5,
     0,
     {-0.0306338148839118, 0.286417376756993, -0.491447707852272, -0.047632103434555, 0.44129094392315,
      0.0238583226656738, 0.0102696510182845, 0.0232728695740013, 0.0344911010268583, 0.0338132513897242,
      0.996041241396304, 130.273309463035, 166.60728405609, 144.118226801471, 220.242553953902,
      0.996006082883743}},
    {60,
     4,
     0.5,
     7,
     4,
     {-0.370833333333333, 1.4023229880812, -2, 0, 2, 0.148053123250322, 0.0803925601964935, 0.5, 0.5, 0,
      1.03217590680962, 88.1599726198999, 118.089552328766, 89.7141527178766, 129.262914547744,
      1.03263904091448}},
    {1001,
     2,
     0.98,
     3,
     0,
     {-0.52387917501281, 1.40648527865492, -2.75504501481186, -0.629798649953217, 1.84284236005129,
      0.318607407752533, 0.122637266846827, 0.261244439324976, 0.364238856885254, 0.312026452058394,
      1.13074996420946, 19.5976262756529, 76.077255364891, 19.4876128671192, 51.0369627194851,
      1.13173102353967}},
    {25,
     5,
     -0.6,
     9,
     0,
     {0.0153807196226581, 0.308688329040246, -0.498979908450792, -0.00882393344808807, 0.455634776079517,
      0.0195426481177045, 0.0194457102736274, 0.0604613477253035, 0.0390528137628227, 0.0570882314113008,
      1.02745839319293, 249.501749525715, 104.039408866995, 249.501749525715, 92.0171414644365,
      0.980620001459504}},
    {5,
     2,
     0.1,
     2,
     0,
     {-0.124577526540247, 0.309527184354255, -0.460444909631249, -0.171618946775035, 0.387588266641046, NAN,
      NAN, NAN, NAN, NAN, 0.952444752958862, NAN, NAN, NAN, NAN, 0.935071351984298}},
};

static struct diag diagnose(const double *x, int n, int m)
{
    struct diag d;
    struct diag_work *w = diag_work_new((uint32_t)n, (uint32_t)m);
    ck_assert_ptr_nonnull(w);
    diag_compute(w, x, &d);
    (void)diag_work_free(w);
    return d;
}

START_TEST(diagnostics_are_those_of_posterior)
{
    const struct made *s = &sets[_i];
    double *x = malloc((size_t)(s->n * s->m) * sizeof *x), u = s->seed;
    for (int c = 0; c < s->m; c++) {
        double y = 0;
        for (int i = 0; i < s->n; i++) {
            u = fmod(16807 * u, 2147483647);
            y = s->rho * y + u / 2147483647 - 0.5;
            x[c * s->n + i] = s->steps > 0 ? floor(y * s->steps) : y;
        }
    }
    struct diag d = diagnose(x, s->n, s->m);
    const double got[16] = {d.mean,     d.sd,       d.q5,          d.median,    d.q95,  d.mcse_mean,
                            d.mcse_sd,  d.mcse_q5,  d.mcse_median, d.mcse_q95,  d.rhat, d.ess_bulk,
                            d.ess_tail, d.ess_mean, d.ess_sd,      d.rhat_basic};
    for (int k = 0; k < 16; k++)
        ck_assert_msg((isnan(got[k]) && isnan(s->want[k])) ||
                          fabs(got[k] - s->want[k]) <= 1e-8 * fabs(s->want[k]),
                      "number %d: %.15g, not %.15g", k, got[k], s->want[k]);
    free(x);
}
END_TEST

START_TEST(what_is_constant_has_no_diagnostics)
{
    double x[100];
    for (int i = 0; i < 100; i++)
        x[i] = 3;
    struct diag d = diagnose(x, 50, 2);
    ck_assert_double_eq(d.mean, 3);
    ck_assert_double_eq(d.sd, 0);
    ck_assert_double_eq(d.median, 3);
    ck_assert(isnan(d.rhat) && isnan(d.ess_bulk) && isnan(d.ess_tail) && isnan(d.mcse_mean) &&
              isnan(d.mcse_median));
    x[7] = INFINITY;
    d = diagnose(x, 50, 2);
    ck_assert(isnan(d.mean) && isnan(d.rhat));
    ck_assert(isnan(diag_ebfmi(x, 3)));
}
END_TEST

START_TEST(energies_and_ranks)
{
    const double energy[] = {1, 2, 1, 2}, x[] = {5, 1, 5, 2};
    double ranks[4];
    ck_assert_double_eq_tol(diag_ebfmi(energy, 4), 3, 1e-15); /* 3 steps of 1 over 4 quarters */
    struct diag_work *w = diag_work_new(2, 2);
    diag_ranks(w, x, ranks);
    (void)diag_work_free(w);
    ck_assert_double_eq(ranks[0], 3.5);
    ck_assert_double_eq(ranks[1], 1);
    ck_assert_double_eq(ranks[2], 3.5);
    ck_assert_double_eq(ranks[3], 2);
}
END_TEST

static int by_value_and_place(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

START_TEST(order_is_that_of_a_stable_sort)
{
    enum { N = 3000 };
    static double x[N];
    static struct ranked naive[N];
    struct ranking r;
    uint64_t rng = 1;
    ck_assert(ranking_init(&r, N));
    for (uint32_t n = 0; n <= N; n = 3 * n + 1) {
        for (uint32_t i = 0; i < n; i++) {
            rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407;
            double u = (double)(rng >> 40) - 8388608;
            x[i] = i % 3 == 0 ? u : i % 3 == 1 ? u * 1e-300 : floor(u / 1e6); /* of all sizes, with ties */
        }
        if (n > 30) {
            x[3] = INFINITY;
            x[5] = -INFINITY;
            x[8] = 0.0;
            x[11] = -0.0;
            x[20] = 0.0;
        }
        for (uint32_t i = 0; i < n; i++)
            naive[i] = (struct ranked){x[i], i};
        qsort(naive, n, sizeof *naive, by_value_and_place);
        ranking_sort(&r, x, n);
        for (uint32_t i = 0; i < n; i++) {
            ck_assert_uint_eq(r.order[i].at, naive[i].at);
            ck_assert_double_eq(r.order[i].value, naive[i].value);
        }
    }
    ranking_fini(&r);
}
END_TEST

START_TEST(scores_are_those_of_blom)
{
    struct ranking r;
    double x[] = {3, 1, 3}, y[] = {1, 2, 3, 4, 5}; /* another length uses other scores */
    ck_assert(ranking_init(&r, 5));
    ranking_scores(&r, x, 3);
    ck_assert_double_eq_tol(x[0], 0.395725296, 1e-9); /* R: qnorm((2.5 - 3/8) / 3.25) */
    ck_assert_double_eq_tol(x[1], -0.869423773, 1e-9);
    ck_assert_double_eq(x[2], x[0]);
    ranking_scores(&r, y, 5);
    ck_assert_double_eq_tol(y[0], -1.179761118, 1e-9); /* R: qnorm((1 - 3/8) / 5.25) */
    ck_assert_double_eq_tol(y[2], 0, 1e-15);
    ranking_fini(&r);
}
END_TEST

/* ---- priors ---- */

START_TEST(priors_have_the_derivatives_of_their_densities)
{
    static const char text[] =
        "a=normal(1,2), b=student_t(3,0,2.5), c=cauchy(-1,2), d=laplace(0,3), e=log_flat, f=half_normal(2), "
        "g=half_cauchy(2.5), h=half_t(4,2), i=exponential(0.5), j=gamma(2,3), k=inv_gamma(3,1), "
        "l=lognormal(0,1), m=flat";
    struct priors p;
    char why[PLACE_BYTES];
    ck_assert_msg(priors_parse(&p, text, why), "%s", why);
    ck_assert_uint_eq(p.n, 13);
    for (uint32_t i = 0; i < p.n; i++) {
        for (int step = 0; step < 7; step++) {
            double x = 0.3 + 0.7 * step, g = 0, h = 1e-6;
            (void)prior_log_density(&p.of[i].prior, x, &g);
            double d = (prior_log_density(&p.of[i].prior, x + h, NULL) -
                        prior_log_density(&p.of[i].prior, x - h, NULL)) /
                       (2 * h);
            ck_assert_msg(fabs(d - g) < 1e-7 * (1 + fabs(d)), "%s at %g: %.9g, not %.9g", p.of[i].name, x, g,
                          d);
        }
    }
    /* dcauchy(3, 0, 2.5, log = TRUE) - dcauchy(1, 0, 2.5, log = TRUE) in R; dgamma(3, 2, 3) - dgamma(1, 2,
     * 3) */
    ck_assert_double_eq_tol(prior_log_density(&p.of[6].prior, 3, NULL) -
                                prior_log_density(&p.of[6].prior, 1, NULL),
                            log((1 + 0.16) / (1 + 1.44)), 1e-14);
    ck_assert_double_eq_tol(prior_log_density(&p.of[9].prior, 3, NULL) -
                                prior_log_density(&p.of[9].prior, 1, NULL),
                            log(3) - 6, 1e-14);
}
END_TEST

START_TEST(the_last_and_nearest_word_counts)
{
    struct priors p;
    struct prior found, fallback = {.kind = PRIOR_FLAT};
    char why[PLACE_BYTES], text[80];
    ck_assert(priors_parse(
        &p, "beta=normal(0,1) ; poly(x, 2)1 = normal(0, 7), beta=cauchy(0,2),sigma=half_normal(3)", why));
    ck_assert(priors_find(&p, "beta[1]", "beta", false, fallback, &found, why));
    ck_assert_int_eq(found.kind, PRIOR_CAUCHY);
    ck_assert(priors_find(&p, "poly(x, 2)1", "beta", false, fallback, &found, why));
    prior_format(&found, text, sizeof text);
    ck_assert_str_eq(text, "normal(0, 7)");
    ck_assert_str_eq(priors_unused(&p), "sigma");
    ck_assert(!priors_find(&p, "sigma", NULL, false, fallback, &found, why));
    ck_assert_str_eq(why, "priors: sigma can be negative, half_normal is for positive parameters");
    ck_assert(priors_find(&p, "mu", NULL, true, (struct prior){PRIOR_HALF_CAUCHY, {5, 0, 0}}, &found, why));
    ck_assert_int_eq(found.kind, PRIOR_HALF_CAUCHY);
    ck_assert_ptr_null(priors_unused(&p));
}
END_TEST

START_TEST(mistakes_in_priors_show_the_place)
{
    static const struct {
        const char *text, *why;
    } of[] = {
        {"beta=norml(0,1)", "did you mean \"normal\"?) at position 6: beta=norml <-- here (0,1)"},
        {"beta", "expected \"=\" and a density, as in mu=normal(0, 10) at position 5"},
        {"beta=normal(0)", "expected \",\" as in normal(mean, sd) at position 14"},
        {"beta=normal(0,-1)", "sd must be above 0 in normal(mean, sd) at position 15"},
        {"beta=normal(0,x)", "expected a number as in normal(mean, sd) at position 15"},
        {"beta=normal(0,1) sigma=flat", "expected \",\" before the next prior at position 18"},
        {"=flat", "a parameter's name is missing at position 1"},
        {"a=", "there are flat normal student_t cauchy laplace log_flat half_normal half_cauchy half_t "
               "exponential gamma inv_gamma lognormal"},
        {"a=gamma(2,0)", "rate must be above 0"},
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct priors p;
        char why[PLACE_BYTES] = "";
        ck_assert(!priors_parse(&p, of[i].text, why));
        ck_assert_msg(strstr(why, of[i].why) != NULL, "\"%s\" does not say \"%s\"", why, of[i].why);
    }
}
END_TEST

/* ---- until ---- */

START_TEST(rules_are_read_and_looked_at)
{
    struct until u;
    char why[PLACE_BYTES];
    ck_assert(until_parse(&u, "", why));
    ck_assert(!u.given);
    ck_assert(until_parse(&u, " rhat < 1.01 , ess>400,ess_tail>500", why));
    ck_assert(u.given);
    ck_assert_double_eq(u.rhat, 1.01);
    ck_assert_double_eq(u.ess_bulk, 400);
    ck_assert_double_eq(u.ess_tail, 500);
    struct diag d = {.rhat = 1.005, .ess_bulk = 401, .ess_tail = 501};
    ck_assert(until_met(&u, &d));
    d.rhat = 1.01;
    ck_assert(!until_met(&u, &d));
    d = (struct diag){.rhat = NAN, .ess_bulk = NAN, .ess_tail = NAN};
    ck_assert(until_met(&u, &d));
    d = (struct diag){.rhat = 1, .ess_bulk = 401, .ess_tail = 500};
    ck_assert(!until_met(&u, &d));
}
END_TEST

START_TEST(mistakes_in_rules_show_the_place)
{
    static const struct {
        const char *text, *why;
    } of[] = {
        {"rhta<1.01", "did you mean \"rhat\"?) at position 1: rhta <-- here <1.01"},
        {"rhat>1.01", "expected \"<\" after rhat at position 5"},
        {"rhat<1.01,ess<400", "expected \">\" after ess at position 14"},
        {"rhat<0.9", "expected a number above 1 at position 6"},
        {"ess>many", "expected a number of draws at position 5"},
        {"ess>400 rhat<1.1", "expected \",\" between rules at position 9"},
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct until u;
        char why[PLACE_BYTES] = "";
        ck_assert(!until_parse(&u, of[i].text, why));
        ck_assert_msg(strstr(why, of[i].why) != NULL, "\"%s\" does not say \"%s\"", why, of[i].why);
    }
}
END_TEST

/* ---- adaptation ---- */

START_TEST(windows_end_where_those_of_stan_do)
{
    static const struct {
        uint32_t n, ends[8];
    } of[] = {{1000, {99, 149, 249, 449, 949}},
              {200, {99, 149}},
              {150, {99}},
              {100, {89}},
              {300, {99, 149, 249}},
              {19, {0}},
              {0, {0}}};
    for (size_t k = 0; k < sizeof of / sizeof of[0]; k++) {
        struct windows w;
        uint32_t found = 0, inside = 0;
        windows_start(&w, of[k].n);
        for (uint32_t i = 0; i < of[k].n; i++) {
            inside += windows_inside(&w);
            if (windows_advance(&w))
                ck_assert_uint_eq(i, of[k].ends[found++]);
        }
        ck_assert_uint_eq(of[k].ends[found], 0);
        ck_assert_uint_eq(inside, found == 0 ? 0 : of[k].ends[found - 1] + 1 - w.initial);
    }
}
END_TEST

/* Where steps are accepted with exp(-step), 0.8 is met at -log 0.8. */
START_TEST(steps_find_their_acceptance)
{
    struct dual_average a;
    double step = 3;
    dual_average_start(&a, 0.8, step);
    for (int i = 0; i < 5000; i++)
        step = dual_average_update(&a, exp(-step));
    ck_assert_double_eq_tol(dual_average_end(&a), -log(0.8), 0.003);
    (void)dual_average_update(&a, NAN); /* an iteration that could not tell does no lasting harm */
    ck_assert(isfinite(dual_average_end(&a)));
}
END_TEST

START_TEST(variances_are_shrunk_a_little)
{
    double mean[2], m2[2], got[2];
    struct variances v = {.n_dim = 2, .mean = mean, .m2 = m2};
    variances_start(&v);
    for (int i = 0; i < 5; i++)
        variances_add(&v, (const double[]){i, 1e6 + 2 * i});
    variances_shrunk(&v, got);
    ck_assert_double_eq_tol(got[0], 0.5 * 2.5 + 1e-3 * 0.5, 1e-14);
    ck_assert_double_eq_tol(got[1], 0.5 * 10 + 1e-3 * 0.5, 1e-9);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mcmc_parts");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, diagnostics_are_those_of_posterior, 0, (int)(sizeof sets / sizeof sets[0]));
    tcase_add_test(tc, what_is_constant_has_no_diagnostics);
    tcase_add_test(tc, energies_and_ranks);
    tcase_add_test(tc, order_is_that_of_a_stable_sort);
    tcase_add_test(tc, scores_are_those_of_blom);
    tcase_add_test(tc, priors_have_the_derivatives_of_their_densities);
    tcase_add_test(tc, the_last_and_nearest_word_counts);
    tcase_add_test(tc, mistakes_in_priors_show_the_place);
    tcase_add_test(tc, rules_are_read_and_looked_at);
    tcase_add_test(tc, mistakes_in_rules_show_the_place);
    tcase_add_test(tc, windows_end_where_those_of_stan_do);
    tcase_add_test(tc, steps_find_their_acceptance);
    tcase_add_test(tc, variances_are_shrunk_a_little);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
