/* The parts of power.sim without the farm: laws, p-values against R 4.2.2 (the call stands beside each number), rejection regions,
 * sorting, the search for n. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "power/discrete.h"
#include "power/dist.h"
#include "power/keys.h"
#include "power/line.h"
#include "power/mean.h"
#include "power/prop.h"
#include "power/rank.h"
#include "power/region.h"
#include "power/search.h"
#include "power/survival.h"

static const double rel = 1e-12;

static void near(double got, double want, const char *what)
{
    ck_assert_msg(fabs(got - want) <= rel * fabs(want), "%s: %.16g, not %.16g", what, got, want);
}

/* x, y: R's data set sleep. u, v: no ties. */
static const double x[10] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0},
                    y[10] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4},
                    u[6] = {1.1, 2.3, 0.4, 3.9, 5.2, -0.7}, v[5] = {2.6, 4.1, 6.0, 3.3, 7.4};

/* ---- p-values ---- */

START_TEST(t_tests_as_r)
{
    static const double one[3] = {0.2175977800684489, 0.1087988900342245, 0.8912011099657755},
                        two[3] = {0.07918671421593818, 0.9604066428920309, 0.03959335710796909},
                        welch[3] = {0.07939414018735817, 0.9603029299063209, 0.03969707009367909};
    struct t_statistic a = t_one(x, 10), b = t_student(x, 10, y, 10), c = t_welch(x, 10, y, 10);
    near(tail_t(a.t, a.df, _i), one[_i], "t.test(x)");
    near(tail_t(b.t, b.df, _i), two[_i], "t.test(x, y, var.equal=TRUE)");
    near(tail_t(c.t, c.df, _i), welch[_i], "t.test(x, y)");
}
END_TEST

START_TEST(f_tests_as_r)
{
    static const uint32_t sizes[3] = {5, 7, 8};
    double all[20];
    memcpy(all, x, sizeof x);
    memcpy(all + 10, y, sizeof y);
    struct f_statistic a = f_anova(all, sizes, 3), b = f_welch(all, sizes, 3);
    near(tail_f(a.f, a.df1, a.df2), 0.01705502377786781, "oneway.test(c(x,y) ~ g, var.equal=TRUE)");
    near(tail_f(b.f, b.df1, b.df2), 0.004979350390912751, "oneway.test(c(x,y) ~ g), g = rep(1:3, c(5,7,8))");
}
END_TEST

START_TEST(proportions_as_r)
{
    static const double chisq[3] = {0.04122683333716357, 0.9793865833314181, 0.02061341666858185},
                        yates[3] = {0.06619257972219339, 0.9669037101389033, 0.03309628986109672},
                        fisher[3] = {0.06043294142402482, 0.9943572073612317, 0.04074804702911703},
                        one[3] = {0.1138462980066581, 0.9430768509966709, 0.05692314900332902},
                        one_yates[3] = {0.1547289234853788, 0.9226355382573108, 0.07736446174268924};
    near(tail_z(prop2_z(15, 50, 25, 50, false), _i), chisq[_i],
         "prop.test(c(15,25), c(50,50), correct=FALSE)");
    near(tail_z(prop2_z(15, 50, 25, 50, true), _i), yates[_i], "prop.test(c(15,25), c(50,50))");
    near(fisher_p(3, 12, 11, 17, _i), fisher[_i], "fisher.test(matrix(c(3,9,11,6), 2))");
    near(tail_z(prop1_z(15, 40, 0.5, false), _i), one[_i], "prop.test(15, 40, correct=FALSE)");
    near(tail_z(prop1_z(15, 40, 0.5, true), _i), one_yates[_i], "prop.test(15, 40)");
}
END_TEST

START_TEST(binomial_test_as_r)
{
    static const double want[3] = {0.06395495878134308, 0.9878822932896598, 0.04437560344645179};
    double law[21];
    struct binom b;
    ck_assert(binom_init(&b, 20, 0.35));
    for (uint32_t k = 0; k <= 20; k++)
        law[k] = binom_prob(&b, k);
    binom_fini(&b);
    near(discrete_p(law, 20, 3, _i, TWO_SIDED_LIKELIER), want[_i], "binom.test(3, 20, 0.35)");
}
END_TEST

START_TEST(rank_tests_as_r)
{
    static const double sum_z[3] = {0.06932757543362658, 0.9707516686072744, 0.03466378771681329},
                        signed_z[3] = {0.343252562436031, 0.1716262812180155, 0.8568397016034703},
                        sum[3] = {0.08225108225108226, 0.974025974025974, 0.04112554112554113},
                        sign[3] = {0.09375, 0.046875, 0.96875};
    static const double signed_tie[3] = {0.009298223208298116, 0.004649111604149058, 0.9965629820913217};
    uint64_t keys[20], scratch[20];
    double law[31 * 6];
    struct rank_statistic s = rank_sum(x, 10, y, 10, keys, scratch);
    near(tail_z(rank_z(&s, _i), _i), sum_z[_i], "wilcox.test(x, y, exact=FALSE), with ties");
    s = signed_rank(x, 10, keys, scratch);
    ck_assert(s.has_zeros && s.n1 == 9);
    near(tail_z(rank_z(&s, _i), _i), signed_z[_i], "wilcox.test(x, exact=FALSE), with a zero");
    s = signed_rank(y, 10, keys, scratch);
    near(tail_z(rank_z(&s, _i), _i), signed_tie[_i], "wilcox.test(y, exact=FALSE), with a tie");
    s = rank_sum(u, 6, v, 5, keys, scratch);
    ck_assert_double_eq(s.ties, 0);
    rank_sum_law(6, 5, 1, law);
    near(discrete_p(law, 30, (int64_t)s.value, _i, TWO_SIDED_DOUBLE), sum[_i], "wilcox.test(u, v)");
    s = signed_rank(u, 6, keys, scratch);
    signed_rank_law(6, law);
    near(discrete_p(law, 21, (int64_t)s.value, _i, TWO_SIDED_DOUBLE), sign[_i], "wilcox.test(u)");
}
END_TEST

START_TEST(lines_as_r)
{
    static const double cor[3] = {0.005964995796918457, 0.002982497898459229, 0.9970175021015408};
    static const double b[10] = {0, 0, 0, 1, 0, 1, 1, 0, 1, 1};
    double work[20], z = 0;
    near(tail_t(line_t(x, y, 10), 8, _i), cor[_i], "cor.test(x, y), and summary(lm(y ~ x))");
    ck_assert_int_eq(logit_z(y, b, 10, work, &z), LOGIT_OK);
    near(z, 1.712916230599164, "summary(glm(b ~ y, family=binomial)), z of y");
}
END_TEST

START_TEST(logistic_failures_are_told_apart)
{
    static const double ones[4] = {1, 1, 1, 1}, apart[4] = {0, 0, 1, 1}, mixed[4] = {0, 1, 0, 1},
                        up[4] = {1, 2, 3, 4}, touch[4] = {1, 2, 2, 3}, flat[4] = {2, 2, 2, 2};
    double work[8], z;
    ck_assert_int_eq(logit_z(up, ones, 4, work, &z), LOGIT_ONE_OUTCOME);
    ck_assert_int_eq(logit_z(up, apart, 4, work, &z), LOGIT_SEPARATED);
    ck_assert_int_eq(logit_z(touch, apart, 4, work, &z), LOGIT_SEPARATED);
    ck_assert_int_eq(logit_z(flat, mixed, 4, work, &z), LOGIT_CONSTANT_X);
    ck_assert_int_eq(logit_z(up, mixed, 4, work, &z), LOGIT_OK);
}
END_TEST

START_TEST(log_rank_as_r)
{
    static const double time[20] = {6,  13, 21, 30, 31, 37, 38, 47, 49, 50,
                                    10, 10, 12, 13, 14, 15, 16, 17, 18, 20};
    static const uint32_t event[20] = {1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    uint64_t keys[20], scratch[20];
    for (uint32_t i = 0; i < 20; i++)
        keys[i] = key_of(time[i], event[i] | (i < 10 ? SURVIVAL_FIRST : 0));
    double z = logrank_z(keys, 20, 10, scratch);
    near(z * z, 11.138358324466, "survdiff(Surv(time, event) ~ rep(1:2, each=10))$chisq");
    ck_assert_double_lt(z, 0); /* fewer events than expected in the first group */
    for (uint32_t i = 0; i < 20; i++)
        keys[i] &= ~(uint64_t)SURVIVAL_EVENT;
    ck_assert(isnan(logrank_z(keys, 20, 10, scratch)));
}
END_TEST

/* ---- regions: what is rejected is what has p <= alpha ---- */

static void check_cut(const double *law, int64_t m, enum alternative alt, enum two_sided how, double alpha)
{
    struct cut c = cut_of(law, m, alpha, alt, how);
    for (int64_t k = 0; k <= m; k++)
        ck_assert_msg(cut_has(&c, k) == is_significant(discrete_p(law, m, k, alt, how), alpha),
                      "alternative %d, alpha %g: %ld of %ld", alt, alpha, (long)k, (long)m);
}

START_TEST(cuts_are_the_counts_with_small_p)
{
    static const double alphas[] = {0.001, 0.05, 0.0625, 0.2, 0.5};
    static double law[40000];
    for (size_t i = 0; i < sizeof alphas / sizeof alphas[0]; i++) {
        for (uint32_t n = 1; n < 40; n += 6) {
            struct binom b;
            ck_assert(binom_init(&b, n, 0.05 + 0.021 * n));
            for (uint32_t k = 0; k <= n; k++)
                law[k] = binom_prob(&b, k);
            check_cut(law, n, _i, TWO_SIDED_LIKELIER, alphas[i]);
            binom_fini(&b);
            rank_sum_law(n, 5, 1, law);
            check_cut(law, 5 * (int64_t)n, _i, TWO_SIDED_DOUBLE, alphas[i]);
            signed_rank_law(n, law);
            check_cut(law, n * (n + 1) / 2, _i, TWO_SIDED_DOUBLE, alphas[i]);
        }
    }
}
END_TEST

START_TEST(fisher_cuts_are_fisher_tests)
{
    static const struct {
        uint32_t n1, n2;
        double alpha;
    } of[] = {{12, 17, 0.05}, {30, 8, 0.01}, {25, 25, 0.1}, {1, 6, 0.5}};
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct fisher f;
        ck_assert(fisher_init(&f, of[i].n1, of[i].n2, of[i].alpha, _i));
        for (uint32_t a = 0; a <= of[i].n1; a++)
            for (uint32_t b = 0; b <= of[i].n2; b++)
                ck_assert_msg(cut_has(&f.cuts[a + b], a) ==
                                  is_significant(fisher_p(a, of[i].n1, b, of[i].n2, _i), of[i].alpha),
                              "%u of %u, %u of %u", a, of[i].n1, b, of[i].n2);
        fisher_fini(&f);
    }
}
END_TEST

START_TEST(regions_are_the_statistics_with_small_p)
{
    static const double statistic[] = {-8, -2.5, -2.0244, -2.0243, -1.96,  -1.68,  -1,
                                       0,  1,    1.68,    1.7,     2.0243, 2.0244, 8};
    struct region t = region_t(38, 0.05, _i), z = region_z(0.05, _i);
    for (size_t i = 0; i < sizeof statistic / sizeof statistic[0]; i++) {
        ck_assert_int_eq(region_has(&t, statistic[i]), tail_t(statistic[i], 38, _i) <= 0.05);
        ck_assert_int_eq(region_has(&z, statistic[i]), tail_z(statistic[i], _i) <= 0.05);
    }
    ck_assert(!region_has(&t, NAN));
}
END_TEST

/* ---- laws and powers ---- */

START_TEST(rank_laws)
{
    static double law[31 * 6], reverse[31 * 7];
    double below = 0, sum = 0;
    rank_sum_law(6, 5, 1, law);
    for (int w = 0; w <= 10; w++)
        below += law[w];
    near(below, 0.2142857142857143, "pwilcox(10, 6, 5)");
    signed_rank_law(8, law);
    for (int w = 0; w <= 5; w++)
        sum += law[w];
    near(sum, 0.0390625, "psignrank(5, 8)");
    /* X^(1/k) against Y is X against Y^k, the other way round */
    rank_sum_law(6, 5, 2.5, law);
    rank_sum_law(5, 6, 1 / 2.5, reverse);
    for (int w = 0; w <= 30; w++)
        near(law[w], reverse[30 - w], "Lehmann's law, mirrored");
    /* all x above all y: the largest of all comes first from x, six times */
    near(law[30], 15 / 20. * (12.5 / 17.5) * (10 / 15.) * (7.5 / 12.5) * (5 / 10.) * (2.5 / 7.5),
         "all above");
}
END_TEST

START_TEST(powers_as_r)
{
    near(power_t(0.6 * sqrt(15), 14, 0.05, ALT_TWO_SIDED), 0.5804271088832419,
         "power.t.test(n=15, delta=.6, type=\"one.sample\", strict=TRUE)");
    near(power_t(-0.6 * sqrt(15), 14, 0.05, ALT_TWO_SIDED), 0.5804271088832419, "the other direction");
    near(power_t(-2, 14, 0.05, ALT_LESS), power_t(2, 14, 0.05, ALT_GREATER), "mirrored");
    near(power_f(12 * 2 * 0.5 / 2, 2, 33, 0.05), 0.5429965365267856,
         "power.anova.test(groups=3, n=12, between.var=.5, within.var=2)");
    near(power_t(0, 7, 0.03, ALT_TWO_SIDED), 0.03, "size");
    near(power_z(0, 0.03, ALT_LESS), 0.03, "size");
}
END_TEST

/* With effect 0 it is the size; and it lies between the powers at the ends of the chi-square's middle. */
START_TEST(random_x_averages_over_its_law)
{
    ck_assert_double_eq_tol(power_t_random(0, 29, 28, 0.05, ALT_TWO_SIDED), 0.05, 1e-11);
    double p = power_t_random(0.5, 2000, 1999, 0.05, ALT_TWO_SIDED);
    ck_assert_double_gt(p, 1 - 1e-9);
    p = power_t_random(0.05, 2000, 1999, 0.05, ALT_TWO_SIDED);
    ck_assert_double_eq_tol(p, power_t(0.05 * sqrt(2000), 1999, 0.05, ALT_TWO_SIDED), 1e-3);
}
END_TEST

/* ---- distributions ---- */

static const char *const laws[] = {
    "normal",  "t(5)",     "uniform",    "exponential",  "lognormal(0.5)",       "gamma(2)",
    "laplace", "logistic", "poisson(3)", "gamma( 0.4 )", "contaminated(0.1, 3)", "binary(0.3)"};
enum { N_LAWS = sizeof laws / sizeof laws[0] };

/* Mean 0, variance 1, and the distribution function at the quartiles drawn: each within 5 standard errors. */
START_TEST(laws_are_standardised)
{
    enum { N = 200000 };
    static double draws[N];
    char why[PLACE_BYTES];
    struct dist d;
    struct qx_stream s;
    double sum = 0, squares = 0, fourth = 0;
    ck_assert_msg(dist_parse(&d, "dist", laws[_i], false, why), "%s", why);
    qx_stream_init(&s, 42, (uint64_t)_i, 0);
    dist_fill(&d, &s, 0, 1, draws, N);
    for (int i = 0; i < N; i++) {
        sum += draws[i];
        squares += draws[i] * draws[i];
        fourth += pow(draws[i], 4);
    }
    double var = squares / N;
    ck_assert_double_eq_tol(sum / N, 0, 5 / sqrt(N));
    ck_assert_double_eq_tol(var, 1, 5 * sqrt((fourth / N - 1) / N));
    static const double places[] = {-1.4, -0.7, 0, 0.7, 1.4};
    for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
        double at = places[k];
        double below = 0, p = dist_cdf(&d, at);
        for (int i = 0; i < N; i++)
            below += draws[i] <= at;
        ck_assert_msg(fabs(below / N - p) <= 5 * sqrt(p * (1 - p) / N) + 1e-12, "%s at %g: %g, not %g",
                      laws[_i], at, below / N, p);
    }
}
END_TEST

START_TEST(raw_laws_and_shifts)
{
    char why[PLACE_BYTES];
    struct dist d;
    struct qx_stream s, same;
    double a[3], b[3];
    ck_assert(dist_parse(&d, "dist", "t(2)", true, why));
    ck_assert(dist_parse(&d, "dist", "exponential", true, why));
    ck_assert_double_eq_tol(dist_cdf(&d, 1), 1 - exp(-1), 1e-15);
    qx_stream_init(&s, 1, 2, 3);
    same = s;
    dist_fill(&d, &s, 0, 1, a, 3);
    dist_fill(&d, &same, 10, 2, b, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(b[i], 10 + 2 * a[i], 1e-12);
}
END_TEST

static const struct {
    const char *text, *says;
} bad_laws[] = {
    {"nromal", "unknown distribution \"nromal\" (did you mean \"normal\"?) at position 1"},
    {"cauchyish", "unknown distribution \"cauchyish\"; there are normal t "},
    {"t(2)", "has no variance (raw=yes takes it as it is)"},
    {"t(x)", "expected a number as in t(df) at position 3"},
    {"t(-1)", "df must be between 0 and 1e+09 in t(df) at position 3: t(-1 <-- here )"},
    {"normal(3)", "normal takes no number at position 7"},
    {"contaminated(0.1)", "expected \",\" as in contaminated(share, sd) at position 17"},
    {"t(5", "expected \")\" as in t(df) at position 4"},
    {"t(5) x", "unexpected text after the distribution at position 6"},
    {"t(nan)", "expected a number"},
    {"", "unknown distribution"},
};

START_TEST(bad_laws_are_explained)
{
    char why[PLACE_BYTES];
    struct dist d;
    ck_assert(!dist_parse(&d, "dist", bad_laws[_i].text, false, why));
    ck_assert_msg(strstr(why, bad_laws[_i].says) != NULL, "%s", why);
    ck_assert_msg(strncmp(why, "dist: ", 6) == 0, "%s", why);
}
END_TEST

/* ---- sorting ---- */

static int by_key(const void *a, const void *b)
{
    uint64_t p = *(const uint64_t *)a, q = *(const uint64_t *)b;
    return p < q ? -1 : p > q;
}

START_TEST(keys_sort_as_numbers)
{
    enum { MOST = 700 };
    static uint64_t keys[MOST], sorted[MOST], scratch[MOST];
    struct qx_stream s;
    qx_stream_init(&s, 7, (uint64_t)_i, 0);
    uint32_t n = (uint32_t)qx_below(&s, MOST);
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = keys[i] =
            key_of(_i % 2 ? (double)qx_below(&s, 20) - 10 : qx_normal(&s), (uint32_t)qx_below(&s, 4));
    qsort(sorted, n, sizeof sorted[0], by_key);
    keys_sort(keys, n, scratch);
    ck_assert_int_eq(memcmp(keys, sorted, n * sizeof keys[0]), 0);
    double up[] = {-INFINITY, -1e300, -2, -1e-300, 0, 1e-300, 1, 1 + 1e-14, 1e300, INFINITY};
    for (size_t i = 1; i < sizeof up / sizeof up[0]; i++)
        ck_assert(key_of(up[i - 1], 3) < key_of(up[i], 0));
    ck_assert(key_same(key_of(-0.0, 1), key_of(0.0, 2)));
    ck_assert_uint_eq(key_tag(key_of(-5, 2)), 2);
}
END_TEST

START_TEST(binomial_quantiles_invert_the_law)
{
    struct binom b;
    ck_assert(binom_init(&b, 37, 0.3));
    double sum = 0;
    for (uint32_t k = b.from; k < b.to; k++) {
        sum += binom_prob(&b, k);
        if (binom_prob(&b, k) > 1e-12 && binom_prob(&b, k + 1) > 1e-12) {
            ck_assert_uint_eq(binom_quantile(&b, sum - 1e-13), k);
            ck_assert_uint_eq(binom_quantile(&b, sum + 1e-13), k + 1);
        }
    }
    binom_fini(&b);
    ck_assert(binom_init(&b, 5, 0));
    ck_assert_uint_eq(binom_quantile(&b, 0.9999), 0);
    binom_fini(&b);
    ck_assert(binom_init(&b, 5, 1));
    ck_assert_uint_eq(binom_quantile(&b, 0.0001), 5);
    binom_fini(&b);
}
END_TEST

/* ---- the search ---- */

static double curve(double n, double c)
{
    return tail_z(c * sqrt(n) - 1.959963984540054, ALT_LESS);
}

/* Rounds of a power curve without noise. */
static struct search search_curve(struct rounds *r, uint32_t start, double c, uint64_t items)
{
    struct search s;
    uint32_t n = start;
    r->n_rounds = 0;
    for (;;) {
        r->list[r->n_rounds++] = (struct round){n, (uint64_t)llround(curve(n, c) * (double)items), items};
        s = search_next(r, 0.8, 1.959963984540054, 2, 1000000);
        if (s.end != SEARCH_MORE)
            return s;
        for (uint32_t i = 0; i < r->n_rounds; i++)
            ck_assert_uint_ne(r->list[i].n, s.next);
        n = s.next;
    }
}

START_TEST(search_finds_the_smallest_size)
{
    static const double effect[] = {2, 0.9, 0.5, 0.3, 0.1, 0.03};
    static const uint32_t start[] = {2, 20, 500, 1000000};
    struct rounds r;
    for (size_t i = 0; i < sizeof effect / sizeof effect[0]; i++) {
        for (size_t k = 0; k < sizeof start / sizeof start[0]; k++) {
            uint64_t items = 100000000000;
            struct search s = search_curve(&r, start[k], effect[i], items);
            uint32_t want = 2;
            while (curve(want, effect[i]) < 0.8)
                want++;
            if (want == 2) {
                ck_assert_int_eq(s.end, SEARCH_LEAST);
                continue;
            }
            ck_assert_int_eq(s.end, SEARCH_FOUND);
            ck_assert_uint_eq(r.list[s.best].n, want);
            ck_assert_uint_eq(r.list[s.below].n, want - 1);
            ck_assert_uint_le(r.n_rounds, 25);
        }
    }
}
END_TEST

START_TEST(search_stops_where_nothing_can_be_told_apart)
{
    struct rounds r;
    struct search s = search_curve(&r, 100, 0.03, 1000);
    double n = (1.959963984540054 + 0.8416212335729143) / 0.03;
    ck_assert_int_eq(s.end, SEARCH_FOUND);
    ck_assert_uint_le(r.n_rounds, 10);
    ck_assert_uint_gt(r.list[s.best].n - r.list[s.below].n, 1);
    ck_assert_double_eq_tol(r.list[s.best].n, n * n, 0.05 * n * n);
}
END_TEST

START_TEST(search_ends)
{
    struct rounds r = {.n_rounds = 1, .list = {{1000000, 500, 10000}}};
    ck_assert_int_eq(search_next(&r, 0.8, 1.96, 2, 1000000).end, SEARCH_NEVER);
    r.list[0] = (struct round){20, 500, 10000};
    ck_assert_uint_eq(search_next(&r, 0.8, 1.96, 2, 1000000).next, 80);
    r = (struct rounds){
        5, {{20, 500, 10000}, {80, 480, 10000}, {320, 550, 10000}, {1280, 490, 10000}, {5120, 540, 10000}}};
    ck_assert_int_eq(search_next(&r, 0.8, 1.96, 2, 1000000).end, SEARCH_FLAT);
    r.list[4].rejected = 800;
    ck_assert_int_eq(search_next(&r, 0.8, 1.96, 2, 1000000).end, SEARCH_MORE);
    r.n_rounds = ROUNDS_MAX;
    for (uint32_t i = 0; i < ROUNDS_MAX; i++)
        r.list[i] = (struct round){10 + i, 500 + 20 * i, 10000};
    ck_assert_int_eq(search_next(&r, 0.8, 1.96, 2, 1000000).end, SEARCH_LONG);
}
END_TEST

START_TEST(rounds_travel_as_text)
{
    static const char *const bad[] = {"20",    "20:1",    "20:1/",   "20:3/2", "0:1/2",          "20:1/0",
                                      "a:1/2", "20:1/2,", "20:1/2;", "-1:1/2", "99999999999:1/2"};
    char text[ROUNDS_BYTES];
    struct rounds r;
    ck_assert(rounds_parse(&r, "20:8123/10000,24:8600/10000"));
    ck_assert_uint_eq(r.n_rounds, 2);
    ck_assert_uint_eq(r.list[1].n, 24);
    ck_assert_uint_eq(r.list[1].rejected, 8600);
    rounds_format(&r, text);
    ck_assert_str_eq(text, "20:8123/10000,24:8600/10000");
    ck_assert(rounds_parse(&r, "") && r.n_rounds == 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!rounds_parse(&r, bad[i]), "%s", bad[i]);
    for (r.n_rounds = 0; r.n_rounds < ROUNDS_MAX; r.n_rounds++)
        r.list[r.n_rounds] = (struct round){1000000, 99999999999999999, 99999999999999999};
    rounds_format(&r, text);
    struct rounds again;
    ck_assert(rounds_parse(&again, text));
    ck_assert_uint_eq(again.n_rounds, ROUNDS_MAX);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("power_parts");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, t_tests_as_r, 0, 3);
    tcase_add_test(tc, f_tests_as_r);
    tcase_add_loop_test(tc, proportions_as_r, 0, 3);
    tcase_add_loop_test(tc, binomial_test_as_r, 0, 3);
    tcase_add_loop_test(tc, rank_tests_as_r, 0, 3);
    tcase_add_loop_test(tc, lines_as_r, 0, 3);
    tcase_add_test(tc, logistic_failures_are_told_apart);
    tcase_add_test(tc, log_rank_as_r);
    tcase_add_loop_test(tc, cuts_are_the_counts_with_small_p, 0, 3);
    tcase_add_loop_test(tc, fisher_cuts_are_fisher_tests, 0, 3);
    tcase_add_loop_test(tc, regions_are_the_statistics_with_small_p, 0, 3);
    tcase_add_test(tc, rank_laws);
    tcase_add_test(tc, powers_as_r);
    tcase_add_test(tc, random_x_averages_over_its_law);
    tcase_add_loop_test(tc, laws_are_standardised, 0, N_LAWS);
    tcase_add_test(tc, raw_laws_and_shifts);
    tcase_add_loop_test(tc, bad_laws_are_explained, 0, (int)(sizeof bad_laws / sizeof bad_laws[0]));
    tcase_add_loop_test(tc, keys_sort_as_numbers, 0, 60);
    tcase_add_test(tc, binomial_quantiles_invert_the_law);
    tcase_add_test(tc, search_finds_the_smallest_size);
    tcase_add_test(tc, search_stops_where_nothing_can_be_told_apart);
    tcase_add_test(tc, search_ends);
    tcase_add_test(tc, rounds_travel_as_text);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
