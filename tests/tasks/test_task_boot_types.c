/* boot beyond the ordinary: exact answers, several statistics, expressions, plugins, parametric, block and wild resamples, jackknife
 * after bootstrap. Figures of R: version 4.2.2, boot 1.3-28.1. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskrun.h"

static const char two_columns[] =
    "x,y,g\n1,2.5,a\n2,1,a\n4,4.5,b\n7,6,b\n11,9.5,b\n16,13,a\n22,20,b\n3,2,a\n";
static const double xs[] = {1, 2, 4, 7, 11, 16, 22, 3}, ys[] = {2.5, 1, 4.5, 6, 9.5, 13, 20, 2};
enum { N = 8, EXACT_N = 6435, PATH_LEN = 128 };

/* R's `lh`, luteinizing hormone in blood samples. */
static const char lh[] =
    "v\n2.4\n2.4\n2.4\n2.2\n2.1\n1.5\n2.3\n2.3\n2.5\n2\n1.9\n1.7\n2.2\n1.8\n3.2\n3.2\n2.7\n2.2\n2.2\n"
    "1.9\n1.9\n1.8\n2.7\n3\n2.3\n2\n2\n2.9\n2.9\n2.7\n2.7\n2.3\n2.6\n2.4\n1.8\n1.7\n1.5\n1.4\n2.1\n"
    "3.3\n3.5\n3.5\n3.1\n2.6\n2.1\n3.4\n3\n2.9\n";
enum { LH = 48 };
static const double lh_values[LH] = {2.4, 2.4, 2.4, 2.2, 2.1, 1.5, 2.3, 2.3, 2.5, 2,   1.9, 1.7,
                                     2.2, 1.8, 3.2, 3.2, 2.7, 2.2, 2.2, 1.9, 1.9, 1.8, 2.7, 3,
                                     2.3, 2,   2,   2.9, 2.9, 2.7, 2.7, 2.3, 2.6, 2.4, 1.8, 1.7,
                                     1.5, 1.4, 2.1, 3.3, 3.5, 3.5, 3.1, 2.6, 2.1, 3.4, 3,   2.9};

/* Hours between failures of an air conditioner (Proschan 1963), R's `aircondit`. */
static const char hours[] = "h\n3\n5\n7\n18\n43\n85\n91\n98\n100\n130\n230\n487\n";

/* Sum of (x - mean)(y - mean) over n: the ideal bootstrap's covariance of the means is that over n again. */
static double product(const double *x, const double *y, int n)
{
    double mx = 0, my = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        mx += x[i] / n;
        my += y[i] / n;
    }
    for (int i = 0; i < n; i++)
        sum += (x[i] - mx) * (y[i] - my);
    return sum / n;
}

static void check(double got, double want, double tol, const char *what)
{
    ck_assert_msg(fabs(got - want) <= tol, "%s: %.12g, not %.12g +- %.3g", what, got, want, tol);
}

/* ---- exact ---- */

START_TEST(small_data_are_answered_exactly)
{
    const char *data = data_of("two", two_columns);
    struct taskrun r = task_run("boot", 1, 0, PARAMS("data", data, "stat", "mean(x)", "ci", "all"));
    ck_assert_str_eq(answer_text(&r, "method"), "exact");
    ck_assert_uint_eq(r.n_ok, EXACT_N);
    check(answer_number(&r, "se"), sqrt(product(xs, xs, N) / N), 1e-12, "se");
    check(answer_number(&r, "bias"), 0, 1e-12, "bias");
    struct taskrun again = task_run("boot", 2, 1000000, PARAMS("data", data, "stat", "mean(x)", "ci", "all"));
    ck_assert_str_eq(r.digest, again.digest); /* no seed, and no more than there are */
    taskrun_free(&again);
    taskrun_free(&r);
}
END_TEST

/* R: L <- c(3, 1, 2); g <- expand.grid(1:3, 1:3, 1:3); median of each of the 27: 1 with 7/27, 2 with 13/27, 3 with 7/27 */
START_TEST(exact_medians_by_hand)
{
    struct taskrun r = task_run("boot", 1, 0,
                                PARAMS("data", data_of("three.csv", "x\n3\n1\n2\n"), "stat", "median(x)",
                                       "ci", "percentile", "conf", "0.5"));
    check(answer_number(&r, "se"), sqrt(14.0 / 27), 1e-14, "se");
    check(answer_number(&r, "intervals.0.lower"), 1, 0, "lower"); /* 7/27 > 0.25 */
    check(answer_number(&r, "intervals.0.upper"), 3, 0, "upper"); /* 20/27 < 0.75 */
    taskrun_free(&r);
}
END_TEST

/* Of the 27 resamples the greatest is 3 in 19, 2 in 7, 1 in one; the least the other way round. */
START_TEST(exact_extremes_by_hand)
{
    struct taskrun r = task_run(
        "boot", 1, 0,
        PARAMS("data", data_of("three.csv", "x\n3\n1\n2\n"), "stat", "max(x); min(x)", "ci", "normal"));
    check(answer_number(&r, "statistics.0.bias"), 72.0 / 27 - 3, 1e-14, "max");
    check(answer_number(&r, "statistics.1.bias"), 36.0 / 27 - 1, 1e-14, "min");
    taskrun_free(&r);
}
END_TEST

/* What is undefined has a probability, and the rest is conditional on its being defined. */
START_TEST(exact_answers_leave_out_what_is_undefined)
{
    const char *data = data_of("three", "x,y\n1,1\n2,3\n3,2\n");
    struct taskrun r = task_run("boot", 1, 0, PARAMS("data", data, "stat", "cor(x,y)", "ci", "percentile"));
    ck_assert_uint_eq(r.n_ok, 7);
    ck_assert_uint_eq(r.n_failed, 3);
    check(answer_number(&r, "undefined_probability"), 1.0 / 9, 1e-14, "undefined");
    /* (1,2): 1, (1,3): 1, (2,3): -1, each 6 of 24 parts; all three: 0.5, 6 of 24 */
    check(answer_number(&r, "estimate") + answer_number(&r, "bias"), 0.375, 1e-14, "mean");
    taskrun_free(&r);
}
END_TEST

/* Strata multiply. Means of 3 and of 2 rows. */
START_TEST(exact_strata)
{
    const char *data = data_of("strata", "x,g\n1,a\n5,b\n2,a\n9,b\n6,a\n");
    struct taskrun r = task_run("boot", 1, 0, PARAMS("data", data, "stat", "diff(x,g)", "ci", "bca"));
    ck_assert_uint_eq(r.n_ok, 30);
    check(answer_number(&r, "se"), sqrt(14.0 / 3 / 3 + 4.0 / 2), 1e-13, "se");
    taskrun_free(&r);
}
END_TEST

/* Who asks for fewer than there are gets those that method=random gives. */
START_TEST(fewer_are_random)
{
    const char *data = data_of("two", two_columns), *const stats[] = {"mean(x)", "mean(x); cor(x,y)"};
    for (int k = 0; k < 2; k++) {
        struct taskrun few = task_run("boot", 5, 400, PARAMS("data", data, "stat", stats[k], "ci", "all"));
        struct taskrun random =
            task_run("boot", 5, 400, PARAMS("data", data, "stat", stats[k], "ci", "all", "method", "random"));
        const char *const path[] = {k ? "statistics.1.se" : "se", "intervals.0.lower", "intervals.2.upper",
                                    "intervals.3.lower", "intervals.4.lower"};
        ck_assert_str_eq(answer_text(&few, "method"), "random");
        for (int i = 0; i < 5; i++)
            check(answer_number(&few, path[i]), answer_number(&random, path[i]), 1e-13, path[i]);
        if (k == 1)
            check(answer_number(&few, "covariance.0.cor(x,y)"),
                  answer_number(&random, "covariance.0.cor(x,y)"), 1e-13, "covariance");
        taskrun_free(&few);
        taskrun_free(&random);
    }
    const char *text = task_error("boot", 400, PARAMS("data", data, "stat", "mean(x)", "method", "exact"));
    ck_assert_ptr_nonnull(strstr(text, "method=exact needs all 6435 resamples"));
}
END_TEST

/* ---- several statistics ---- */

START_TEST(several_statistics_share_their_resamples)
{
    const char *data = data_of("two", two_columns), *stat = "mean(x); mean(y); mean(x)-2*mean(y)";
    double xx = product(xs, xs, N) / N, xy = product(xs, ys, N) / N, yy = product(ys, ys, N) / N;
    for (int random = 0; random < 2; random++) {
        struct taskrun r = task_run(
            "boot", 3, random ? 40000 : 0,
            PARAMS("data", data, "stat", stat, "ci", "percentile", "method", random ? "random" : "exact"));
        double tol = random ? 6 / sqrt(40000) : 1e-12;
        ck_assert_str_eq(answer_text(&r, "statistics.2.name"), "mean(x)-2*mean(y)");
        check(answer_number(&r, "statistics.2.estimate"), 8.25 - 2 * 58.5 / 8, 1e-12, "estimate");
        check(answer_number(&r, "covariance.0.mean(y)"), xy, tol * sqrt(xx * yy), "cov(x,y)");
        check(answer_number(&r, "covariance.1.mean(x)"), xy, tol * sqrt(xx * yy), "cov(y,x)");
        check(answer_number(&r, "covariance.2.mean(x)-2*mean(y)"), xx + 4 * yy - 4 * xy, tol * 5 * xx,
              "variance");
        ck_assert_str_eq(answer_text(&r, "intervals.1.name"), "mean(y)");
        taskrun_free(&r);
    }
}
END_TEST

START_TEST(numbers_have_one_name_each)
{
    const char *data = data_of("two", two_columns);
    struct taskrun r = task_run("boot", 3, 100,
                                PARAMS("data", data, "stat", "lm(y~x); mean(x); lm(x~y); mean(x)", "ci",
                                       "normal", "method", "random"));
    static const char *const names[] = {"(Intercept)", "x", "mean(x)", "(Intercept)#2", "y", "mean(x)#2"};
    for (int k = 0; k < 6; k++) {
        char path[PATH_LEN];
        (void)snprintf(path, sizeof path, "statistics.%d.name", k);
        ck_assert_str_eq(answer_text(&r, path), names[k]);
    }
    taskrun_free(&r);
}
END_TEST

/* ---- expressions ---- */

START_TEST(expressions_have_the_values_of_their_parts)
{
    static const struct {
        const char *stat;
        double value;
    } of[] = {
        {"mean(x)/sd(x)", 8.25 / 7.516648189186454},
        {"mean(y)/mean(x)", 58.5 / 66},
        {"sum(x)", 66},
        {"max(x)-min(x)", 21},
        {"max(mean(x), mean(y))", 8.25},
        {"expr: mean(x)", 8.25},
        {"sqrt(var(x)/n)", 7.516648189186454 / 2.8284271247461903},
        {"quantile(x,0.75)-quantile(x,0.25)", 12.25 - 2.75},
        {"mean(x*y) - mean(x)*mean(y)", 42.546875},
        {"mean(max(x,4))", 9},
        {"exp(mean(log(x)))", 5.329120970527368},
        {"log(cor(x, y))", -0.01019696904915},
        {"median(y)^2 + 1", 28.5625},
    };
    const char *data = data_of("two", two_columns);
    double naive = product(xs, ys, N);
    check(of[8].value, naive, 1e-12, "the test's own");
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct taskrun r = task_run(
            "boot", 1, 200, PARAMS("data", data, "stat", of[i].stat, "ci", "percentile", "method", "random"));
        check(answer_number(&r, "estimate"), of[i].value, 1e-9, of[i].stat);
        taskrun_free(&r);
    }
}
END_TEST

/* The same statistic both ways: the same resamples, the same distribution. */
START_TEST(expressions_agree_with_statistics)
{
    const char *data = data_of("two", two_columns);
    struct taskrun a = task_run("boot", 1, 0, PARAMS("data", data, "stat", "ratio(y,x)", "ci", "bca"));
    struct taskrun b = task_run("boot", 1, 0, PARAMS("data", data, "stat", "sum(y)/sum(x)", "ci", "bca"));
    static const char *const path[] = {
        "se", "bias", "z0", "acceleration", "intervals.0.lower", "intervals.0.upper"};
    for (int i = 0; i < 6; i++)
        check(answer_number(&a, path[i]), answer_number(&b, path[i]), 1e-12, path[i]);
    taskrun_free(&a);
    taskrun_free(&b);
    /* and has its standard errors from nested resamples */
    a = task_run("boot", 1, 300,
                 PARAMS("data", data, "stat", "sum(y)/sum(x)", "ci", "studentized", "nested", "20"));
    ck_assert_str_eq(answer_text(&a, "method"), "random");
    ck_assert_double_lt(answer_number(&a, "intervals.0.lower"), 58.5 / 66);
    ck_assert_double_gt(answer_number(&a, "intervals.0.upper"), 58.5 / 66);
    taskrun_free(&a);
}
END_TEST

START_TEST(missing_values_in_expressions_count)
{
    const char *data = data_of("na.csv", "x,y\n1,1\n2,NA\n3,5\n7,2\n");
    struct taskrun r =
        task_run("boot", 1, 0, PARAMS("data", data, "stat", "mean(x*y)", "na", "omit", "ci", "normal"));
    check(answer_number(&r, "rows"), 3, 0, "rows");
    check(answer_number(&r, "estimate"), 10, 1e-12, "estimate");
    taskrun_free(&r);
}
END_TEST

/* ---- plugins ---- */

START_TEST(statistics_from_plugins)
{
    static const char slope[] = "plugin:stat_slope(y, x)", short_of[] = "plugin:stat_slope(y)";
    const char *data = data_of("two", two_columns), *dir = getenv("QX_PLUGIN_DIR");
    struct taskrun a =
        task_run("boot", 1, 3000, PARAMS("data", data, "stat", slope, "ci", "bca", "method", "random"));
    struct taskrun b =
        task_run("boot", 1, 3000, PARAMS("data", data, "stat", "lm(y~x)", "ci", "bca", "method", "random"));
    ck_assert_str_eq(answer_text(&a, "statistics.1.name"), "slope");
    for (int k = 0; k < 2; k++) {
        static const char *const in[] = {"estimate", "se", "bias", "acceleration"};
        for (int i = 0; i < 4; i++) {
            char path[PATH_LEN], other[PATH_LEN];
            (void)snprintf(path, sizeof path, "statistics.%d.%s", k, in[i]);
            (void)snprintf(other, sizeof other, "coefficients.%d.%s", k, in[i]);
            check(answer_number(&a, path), answer_number(&b, other), 1e-9, path);
        }
    }
    ck_assert_uint_eq(a.n_failed, b.n_failed);
    taskrun_free(&a);
    taskrun_free(&b);
    const char *text = task_error("boot", 5, PARAMS("data", data, "stat", short_of));
    ck_assert_ptr_nonnull(strstr(text, "takes 2 columns, stat= gives 1"));
    ck_assert_int_eq(setenv("QX_STATISTIC_DIR", dir, 1), 0);
    text = task_error("boot", 5, PARAMS("data", data, "stat", "plugin:qx_boot(y)"));
    ck_assert_int_eq(unsetenv("QX_STATISTIC_DIR"), 0);
    ck_assert_ptr_nonnull(strstr(text, "exports no symbol qx_statistic"));
}
END_TEST

/* ---- parametric ---- */

enum { B = 40000 };

static void expect_near(const struct taskrun *r, double se, double lower, double upper, double slack)
{
    check(answer_number(r, "se"), se, slack * se, "se");
    if (!isnan(lower)) {
        check(answer_number(r, "intervals.0.lower"), lower, 2 * slack * se, "lower");
        check(answer_number(r, "intervals.0.upper"), upper, 2 * slack * se, "upper");
    }
}

static struct taskrun parametric(const char *data, const char *stat, const char *dist)
{
    return task_run(
        "boot", 9, B,
        PARAMS("data", data, "stat", stat, "type", "parametric", "dist", dist, "ci", "percentile"));
}

/* Means of exponential and gamma numbers are gamma again: R's qgamma(c(.025, .975), 12 * shape, scale = scale / 12). The fits:
 * uniroot(function(k) log(k) - digamma(k) - (log(mean(a)) - mean(log(a))), c(.1, 10), tol = 1e-15), and likewise weibull. */
START_TEST(fitted_distributions)
{
    const char *data = data_of("hours", hours);
    struct taskrun r = parametric(data, "mean(h)", "exponential");
    check(answer_number(&r, "fitted.0.mean"), 108.0833333333, 1e-9, "mean");
    expect_near(&r, 108.0833333333 / sqrt(12), 55.8482355279, 177.2750274427, 0.02);
    taskrun_free(&r);
    r = parametric(data, "mean(h)", "gamma");
    check(answer_number(&r, "fitted.0.shape"), 0.706493174804, 1e-11, "shape");
    check(answer_number(&r, "fitted.0.scale"), 152.985672314916, 1e-8, "scale");
    expect_near(&r, 152.985672314916 * sqrt(0.706493174804 / 12), 48.0309580789, 192.0722606958, 0.02);
    taskrun_free(&r);
    r = parametric(data, "mean(h)", "weibull");
    check(answer_number(&r, "fitted.0.shape"), 0.793943806982, 1e-10, "shape");
    check(answer_number(&r, "fitted.0.scale"), 94.964895076172, 1e-8, "scale");
    double k = 0.793943806982, var = tgamma(1 + 2 / k) - pow(tgamma(1 + 1 / k), 2);
    expect_near(&r, 94.964895076172 * sqrt(var / 12), NAN, NAN, 0.03);
    taskrun_free(&r);
    r = parametric(data, "mean(log(h))", "lognormal");
    check(answer_number(&r, "fitted.0.meanlog"), 3.82858821116, 1e-10, "meanlog");
    expect_near(&r, 1.59722379986 / sqrt(12), 3.82858821116 - 1.959964 * 1.59722379986 / sqrt(12),
                3.82858821116 + 1.959964 * 1.59722379986 / sqrt(12), 0.02);
    taskrun_free(&r);
    r = parametric(data, "mean(h)", "poisson");
    expect_near(&r, sqrt(108.0833333333 / 12), NAN, NAN, 0.02);
    taskrun_free(&r);
    r = parametric(data, "mean(h)", "uniform");
    expect_near(&r, 484 / sqrt(12 * 12), NAN, NAN, 0.02);
    taskrun_free(&r);
}
END_TEST

START_TEST(normal_resamples)
{
    const char *data = data_of("two", two_columns);
    struct taskrun r = parametric(data, "mean(x)", "normal");
    double se = 7.516648189186454 / sqrt(8);
    check(answer_number(&r, "fitted.0.sd"), 7.516648189186454, 1e-12, "sd");
    expect_near(&r, se, 8.25 - 1.959964 * se, 8.25 + 1.959964 * se, 0.02);
    taskrun_free(&r);
    /* sd of a normal sample: s c4(n), R: sqrt(1 - 2/7 * (gamma(4)/gamma(3.5))^2) */
    r = parametric(data, "sd(x)", "normal");
    expect_near(&r, 7.516648189186454 * 0.26214, NAN, NAN, 0.02);
    taskrun_free(&r);
    /* several columns jointly: variance of a difference of means */
    r = parametric(data, "mean(x)-mean(y)", "normal");
    double var = (product(xs, xs, N) + product(ys, ys, N) - 2 * product(xs, ys, N)) * N / (N - 1);
    expect_near(&r, sqrt(var / N), NAN, NAN, 0.02);
    taskrun_free(&r);
    /* Fisher's z of a bivariate normal sample of 8 with rho = 0.98985: R, 1e6 samples: sd 0.4353 (1/sqrt(5) is its limit) */
    r = parametric(data, "0.5*log((1+cor(x,y))/(1-cor(x,y)))", "normal");
    expect_near(&r, 0.4353, NAN, NAN, 0.02);
    taskrun_free(&r);
    /* medians are ordered anew; by strata each with its own fit */
    r = task_run(
        "boot", 9, B,
        PARAMS("data", data, "stat", "median(x)", "type", "parametric", "strata", "g", "ci", "percentile"));
    check(answer_number(&r, "fitted.1.mean"), 11, 1e-12, "stratum b");
    ck_assert_double_gt(answer_number(&r, "se"), 1);
    taskrun_free(&r);
}
END_TEST

/* R: sqrt(diag(vcov(lm(y ~ x)))) */
START_TEST(normal_errors_of_a_linear_model)
{
    const char *data = data_of("two", two_columns);
    struct taskrun r =
        task_run("boot", 9, B, PARAMS("data", data, "stat", "lm(y~x)", "type", "parametric", "ci", "all"));
    check(answer_number(&r, "coefficients.0.se"), 0.5466672160515, 0.012, "intercept");
    check(answer_number(&r, "coefficients.1.se"), 0.0504317567214, 0.001, "slope");
    ck_assert_str_eq(answer_text(&r, "intervals.3.method"), "studentized"); /* no bca among all */
    ck_assert_str_eq(answer_text(&r, "intervals.4.name"), "x");
    taskrun_free(&r);
}
END_TEST

/* ---- wild ---- */

/* All 2^8 signs: the variance is that of the sandwich. R: B <- solve(crossprod(X)); e <- resid(m) / (1 - hatvalues(m))^(p/2);
 * sqrt(diag(B %*% t(X) %*% diag(e^2) %*% X %*% B)), p = 0, 1, 2. Mammen's factors have variance 1 too. */
START_TEST(wild_resamples_are_the_sandwich)
{
    static const struct {
        const char *hc;
        double se[2];
    } of[] = {{"0", {0.5489462742098, 0.0484734691399}},
              {"2", {0.6454038226529, 0.0646168279176}},
              {"3", {0.7764928305019, 0.0905552573795}}};
    const char *data = data_of("two", two_columns), *const factors[] = {"rademacher", "mammen"};
    const char *hc = of[_i % 3].hc, *wild = factors[_i / 3];
    struct taskrun r = task_run(
        "boot", 9, 0, PARAMS("data", data, "stat", "lm(y~x)", "type", "wild", "wild", wild, "hc", hc));
    ck_assert_uint_eq(r.n_ok, 256);
    ck_assert_str_eq(answer_text(&r, "factors"), wild);
    check(answer_number(&r, "coefficients.0.se"), of[_i % 3].se[0], 1e-11, "intercept");
    check(answer_number(&r, "coefficients.1.se"), of[_i % 3].se[1], 1e-12, "slope");
    check(answer_number(&r, "coefficients.1.bias"), 0, 1e-12, "bias");
    taskrun_free(&r);
    r = task_run(
        "boot", 9, B,
        PARAMS("data", data, "stat", "lm(y~x)", "type", "wild", "wild", wild, "hc", hc, "method", "random"));
    check(answer_number(&r, "coefficients.1.se"), of[_i % 3].se[1], 0.02 * of[_i % 3].se[1], "random slope");
    taskrun_free(&r);
}
END_TEST

/* ---- blocks ---- */

/* The variance of a mean under circular blocks (l divides n) is that of one block's sum, over the n / l blocks; under the
 * stationary bootstrap Lemma 1 of Politis and Romano (1994). */
static double circular_variance(int l)
{
    double mean = 0, ss = 0;
    for (int i = 0; i < LH; i++)
        mean += lh_values[i] / LH;
    for (int i = 0; i < LH; i++) {
        double sum = 0;
        for (int k = 0; k < l; k++)
            sum += lh_values[(i + k) % LH] - mean;
        ss += sum * sum / LH;
    }
    return ss / l / LH;
}

static double stationary_variance(double l)
{
    double mean = 0, var = 0, p = 1 / l;
    for (int i = 0; i < LH; i++)
        mean += lh_values[i] / LH;
    for (int k = 0; k < LH; k++) {
        double c = 0;
        for (int i = 0; i < LH; i++)
            c += (lh_values[i] - mean) * (lh_values[(i + k) % LH] - mean) / LH;
        var += (k == 0 ? 1 : 2 * (1 - (double)k / LH) * pow(1 - p, k)) * c;
    }
    return var / LH;
}

/* R: set.seed(1); tsboot(lh, function(s) c(mean(s), var(s)), R = 99999, l = 4, sim = "fixed" (circular), "geom"); quantile(type = 6) */
START_TEST(blocks_as_r_tsboot)
{
    static const struct {
        const char *type;
        double se[2], lower[2], upper[2], cov;
    } of[] = {{"circular",
               {0.1107579652, 0.0643091021},
               {2.1875, 0.17460993},
               {2.6208333, 0.42499557},
               0.0020662618},
              {"stationary",
               {0.1011877183, 0.0664833602},
               {2.2104167, 0.17828014},
               {2.60625, 0.43442819},
               0.0023539657}};
    const char *data = data_of("lh", lh);
    struct taskrun r = task_run(
        "boot", 4, B, PARAMS("data", data, "stat", "mean(v); var(v)", "type", of[_i].type, "l", "4"));
    for (int k = 0; k < 2; k++) {
        char path[3][PATH_LEN];
        (void)snprintf(path[0], PATH_LEN, "statistics.%d.se", k);
        (void)snprintf(path[1], PATH_LEN, "intervals.%d.lower", k);
        (void)snprintf(path[2], PATH_LEN, "intervals.%d.upper", k);
        check(answer_number(&r, path[0]), of[_i].se[k], 0.025 * of[_i].se[k], path[0]);
        check(answer_number(&r, path[1]), of[_i].lower[k], 0.04 * of[_i].se[k], path[1]);
        check(answer_number(&r, path[2]), of[_i].upper[k], 0.04 * of[_i].se[k], path[2]);
    }
    check(answer_number(&r, "covariance.0.var(v)"), of[_i].cov, 0.03 * of[_i].se[0] * of[_i].se[1],
          "covariance");
    double var = _i == 0 ? circular_variance(4) : stationary_variance(4);
    check(answer_number(&r, "statistics.0.se"), sqrt(var), 4 * sqrt(var / 2 / B) * 1.2, "theory");
    taskrun_free(&r);
}
END_TEST

/* Whole blocks within the series: their mean is not that of the series. */
START_TEST(moving_blocks)
{
    double sum = 0, ss = 0, n = LH - 6 + 1;
    for (int i = 0; i < LH - 6 + 1; i++) {
        double block = 0;
        for (int k = 0; k < 6; k++)
            block += lh_values[i + k] / 6;
        sum += block / n;
        ss += block * block / n;
    }
    double se = sqrt((ss - sum * sum) / 8);
    struct taskrun r = task_run(
        "boot", 4, B, PARAMS("data", data_of("lh", lh), "stat", "mean(v)", "type", "block", "l", "6"));
    check(answer_number(&r, "se"), se, 4 * se / sqrt(2 * B), "se");
    check(answer_number(&r, "estimate") + answer_number(&r, "bias"), sum, 4 * se / sqrt(B), "mean");
    check(answer_number(&r, "block_length"), 6, 0, "l");
    ck_assert_str_eq(answer_text(&r, "intervals.0.method"), "percentile");
    taskrun_free(&r);
    r = task_run("boot", 4, 200, PARAMS("data", data_of("lh", lh), "stat", "mean(v)", "type", "stationary"));
    check(answer_number(&r, "block_length"), 4, 0, "cube root of 48");
    taskrun_free(&r);
}
END_TEST

/* ---- all five intervals ---- */

/* The last two series of R's `gravity`. R: fun <- function(d, i) { x <- d[i, ]; two means, their difference, and the sum of
 * sum((g - mean)^2)/n^2 }; set.seed(k); boot.ci(boot(grav1, fun, R = 9999, strata = series), type = "all"), k = 1 .. 20: mean and sd */
START_TEST(intervals_of_strata_as_r_boot)
{
    static const struct {
        const char *path;
        double mean, sd;
    } of[] = {{"se", 1.5482898609, 0.0133482445},
              {"intervals.0.lower", -5.8784579053, 0.0297356393},
              {"intervals.0.upper", 0.190726825, 0.028166129},
              {"intervals.1.lower", -5.6384615385, 0.0361663343},
              {"intervals.1.upper", 0.4038461538, 0.0491281826},
              {"intervals.2.lower", -6.0961538462, 0.0491281826},
              {"intervals.2.upper", -0.0538461538, 0.0361663343},
              {"intervals.3.lower", -7.3073369439, 0.0580777813},
              {"intervals.3.upper", -0.0997182748, 0.0341796639},
              {"intervals.4.lower", -6.8123364827, 0.0640617176},
              {"intervals.4.upper", -0.4538461538, 0.0236764235}};
    const char *data =
        data_of("gravity", "g,series\n82,7\n79,7\n81,7\n79,7\n77,7\n79,7\n79,7\n78,7\n79,7\n82,7\n"
                           "76,7\n73,7\n64,7\n84,8\n86,8\n85,8\n82,8\n77,8\n76,8\n77,8\n80,8\n83,8\n"
                           "81,8\n78,8\n78,8\n78,8\n");
    struct taskrun r =
        task_run("boot", 1, 39996, PARAMS("data", data, "stat", "diff(g,series)", "ci", "all"));
    check(answer_number(&r, "estimate"), -2.84615384615385, 1e-13, "estimate");
    check(answer_number(&r, "acceleration"), -0.05097319057, 1e-9, "acceleration");
    for (size_t k = 0; k < sizeof of / sizeof of[0]; k++)
        check(answer_number(&r, of[k].path), of[k].mean, 4 * of[k].sd * sqrt(0.25 + 0.05), of[k].path);
    taskrun_free(&r);
}
END_TEST

/* ---- jackknife after bootstrap ---- */

/* Resamples without row i are resamples of 8 from the other 7: of the mean, se is sqrt(variance of the 7 / 8). */
START_TEST(jackknife_after_bootstrap_of_a_mean)
{
    double se[N], mean = 0, ss = 0;
    const char *data = data_of("two", two_columns);
    for (int i = 0; i < N; i++) {
        double rest[N - 1] = {0};
        for (int k = 0, at = 0; k < N; k++) {
            if (k != i)
                rest[at++] = xs[k];
        }
        se[i] = sqrt(product(rest, rest, N - 1) / N);
        mean += se[i] / N;
    }
    for (int i = 0; i < N; i++)
        ss += (se[i] - mean) * (se[i] - mean);
    double want = sqrt(ss * (N - 1) / N);
    for (int random = 0; random < 2; random++) {
        struct taskrun r = task_run(
            "boot", 4, random ? 60000 : 0,
            PARAMS("data", data, "stat", "mean(x)", "jab", "yes", "method", random ? "random" : "exact"));
        ck_assert_str_eq(answer_text(&r, "jackknife_after_bootstrap.0.of"), "se");
        check(answer_number(&r, "jackknife_after_bootstrap.0.value"), answer_number(&r, "se"), 1e-12, "se");
        check(answer_number(&r, "jackknife_after_bootstrap.0.se"), want, random ? 0.06 * want : 1e-12,
              "se of se");
        /* of the mean of the replicates: that of the mean itself, s / sqrt(n) */
        check(answer_number(&r, "jackknife_after_bootstrap.1.se"), 7.516648189186454 / sqrt(8),
              random ? 0.1 : 1e-11, "se of the mean");
        ck_assert_str_eq(answer_text(&r, "jackknife_after_bootstrap.2.of"), "quantile 0.025");
        ck_assert_str_eq(answer_text(&r, "plot.panels.1.kind"), "lines");
        check(answer_number(&r, "plot.panels.1.series.6.x.7"), 2.2, 1.2, "the most influential row");
        taskrun_free(&r);
    }
}
END_TEST

/* ---- ABC ---- */

static const char law[] =
    "LSAT,GPA\n576,3.39\n635,3.30\n558,2.81\n578,3.03\n666,3.44\n580,3.07\n555,3.00\n661,3.43\n"
    "651,3.36\n605,3.13\n653,3.12\n575,2.74\n545,2.76\n572,2.88\n594,2.96\n";
static const char mice[] =
    "group,days\nt,94\nt,197\nt,16\nt,38\nt,99\nt,141\nt,23\nc,52\nc,104\nc,146\nc,10\n"
    "c,50\nc,31\nc,40\nc,27\nc,46\n";

/* R: boot::abc.ci with the slope of lm(GPA ~ LSAT, weights = w), the weighted coefficient of variation (sd with 15/14), and the
 * difference of two weighted means with strata. */
START_TEST(abc_as_in_r)
{
    const char *schools = data_of("law", law);
    struct taskrun slope =
        task_run("boot", 1, 10, PARAMS("data", schools, "stat", "lm(GPA~LSAT)", "ci", "abc"));
    ck_assert_double_eq_tol(answer_number(&slope, "intervals.1.lower"), 0.00242185812809, 1e-6);
    ck_assert_double_eq_tol(answer_number(&slope, "intervals.1.upper"), 0.00569848634235, 1e-6);
    taskrun_free(&slope);
    struct taskrun cv = task_run(
        "boot", 1, 10, PARAMS("data", schools, "stat", "sd(GPA)/mean(GPA)", "ci", "abc", "conf", "0.9"));
    ck_assert_double_eq_tol(answer_number(&cv, "intervals.0.lower"), 0.0667554235368, 1e-6);
    ck_assert_double_eq_tol(answer_number(&cv, "intervals.0.upper"), 0.0947796101789, 1e-6);
    taskrun_free(&cv);
    struct taskrun diff = task_run(
        "boot", 1, 10, PARAMS("data", data_of("mice", mice), "stat", "diff(days,group)", "ci", "abc"));
    bool turned = answer_number(&diff, "estimate") < 0; /* which group comes first */
    ck_assert_double_eq_tol(answer_number(&diff, "intervals.0.lower"),
                            turned ? -86.0296793608 : -19.6107768654, 1e-4);
    ck_assert_double_eq_tol(answer_number(&diff, "intervals.0.upper"), turned ? 19.6107768654 : 86.0296793608,
                            1e-4);
    taskrun_free(&diff);
}
END_TEST

START_TEST(abc_of_what_does_not_vary)
{
    struct taskrun r = task_run(
        "boot", 1, 10, PARAMS("data", data_of("flat", "x\n2\n2\n2\n"), "stat", "mean(x)", "ci", "abc"));
    ck_assert(isnan(answer_number(&r, "intervals.0.lower")));
    ck_assert_ptr_nonnull(answer_text(&r, "abc_undefined"));
    taskrun_free(&r);
}
END_TEST

/* ---- mistakes ---- */

static void expect(const char *part, const char *const *params)
{
    const char *text = task_error("boot", 50, params);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(mistakes_are_explained)
{
    const char *data = data_of("two", two_columns), *series = data_of("lh", lh);
    expect("unknown name \"meen\" (did you mean \"mean\"?)", PARAMS("data", data, "stat", "mean(x)/meen(y)"));
    expect("at position 9: mean(x)/meen <-- here (y)", PARAMS("data", data, "stat", "mean(x)/meen(y)"));
    expect("unexpected end at position 9: mean(x)* <-- here", PARAMS("data", data, "stat", "mean(x)*"));
    expect("unknown name \"z\"", PARAMS("data", data, "stat", "mean(x*z)"));
    expect("unknown name \"mean\"", PARAMS("data", data, "stat", "mean(x-mean(x))"));
    expect("an expression of columns is not a finite number in data row 1",
           PARAMS("data", data, "stat", "mean(log(x-1))"));
    expect("has no column of the data in it", PARAMS("data", data, "stat", "mean(1+1)"));
    expect("column \"g\" holds text", PARAMS("data", data, "stat", "mean(x)/mean(g*2)"));
    expect("is undefined for the data: with every row used once, the expression is not a finite number",
           PARAMS("data", data, "stat", "1/(mean(x)-8.25)"));
    expect("method=exact: there are more than 2 million resamples",
           PARAMS("data", series, "stat", "mean(v)", "method", "exact"));
    expect("method=exact: it is for type=ordinary and type=wild",
           PARAMS("data", data, "stat", "mean(x)", "method", "exact", "type", "block"));
    expect("method=exact: ci=studentized takes its standard errors from random resamples",
           PARAMS("data", data, "stat", "median(x)", "method", "exact", "ci", "studentized"));
    expect("ci=bca is for type=ordinary; with type=wild use ci=percentile",
           PARAMS("data", data, "stat", "lm(y~x)", "type", "wild", "ci", "bca"));
    expect("ci=abc is for type=ordinary; with type=block use ci=percentile",
           PARAMS("data", data, "stat", "mean(x)", "type", "block", "ci", "abc"));
    expect("ci=abc takes derivatives of the statistic, and median has none; use ci=bca",
           PARAMS("data", data, "stat", "median(x)/mean(x)", "ci", "abc"));
    expect("ci=studentized takes rows as independent",
           PARAMS("data", data, "stat", "mean(x)", "type", "circular", "ci", "studentized"));
    expect("ci=studentized of \"median(x)\" resamples the resample",
           PARAMS("data", data, "stat", "median(x)", "type", "parametric", "ci", "studentized"));
    expect("l= has no use with type=ordinary: it is for block circular stationary",
           PARAMS("data", data, "stat", "mean(x)", "l", "3"));
    expect("dist= has no use with type=wild",
           PARAMS("data", data, "stat", "lm(y~x)", "type", "wild", "dist", "gamma"));
    expect("type=wild is for a linear model alone", PARAMS("data", data, "stat", "mean(x)", "type", "wild"));
    expect("give lm() alone", PARAMS("data", data, "stat", "lm(y~x); mean(x)", "type", "parametric"));
    expect("l=9: a block has from 1 to 8 whole rows",
           PARAMS("data", data, "stat", "mean(x)", "type", "block", "l", "9"));
    expect("dist=gamma is of one column, the statistic uses 2",
           PARAMS("data", data, "stat", "cor(x,y)", "type", "parametric", "dist", "gamma"));
    expect("dist=poisson does not fit column \"y\": a value is no whole number",
           PARAMS("data", data, "stat", "mean(y)", "type", "parametric", "dist", "poisson"));
    expect("dist=gamma does not fit column \"x\": a value is not over 0",
           PARAMS("data", data_of("zero.csv", "x\n0\n1\n2\n"), "stat", "mean(x)", "type", "parametric",
                  "dist", "gamma"));
    expect("jab=yes is for type=ordinary",
           PARAMS("data", data, "stat", "mean(x)", "type", "block", "jab", "yes"));
    expect("no path, no .so", PARAMS("data", data, "stat", "plugin:/nowhere/my.so(x)"));
    expect("cannot load", PARAMS("data", data, "stat", "plugin:nowhere(x)"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_boot_types");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, small_data_are_answered_exactly);
    tcase_add_test(tc, exact_medians_by_hand);
    tcase_add_test(tc, exact_extremes_by_hand);
    tcase_add_test(tc, exact_answers_leave_out_what_is_undefined);
    tcase_add_test(tc, exact_strata);
    tcase_add_test(tc, fewer_are_random);
    tcase_add_test(tc, several_statistics_share_their_resamples);
    tcase_add_test(tc, numbers_have_one_name_each);
    tcase_add_test(tc, expressions_have_the_values_of_their_parts);
    tcase_add_test(tc, expressions_agree_with_statistics);
    tcase_add_test(tc, missing_values_in_expressions_count);
    tcase_add_test(tc, statistics_from_plugins);
    tcase_add_test(tc, fitted_distributions);
    tcase_add_test(tc, normal_resamples);
    tcase_add_test(tc, normal_errors_of_a_linear_model);
    tcase_add_loop_test(tc, wild_resamples_are_the_sandwich, 0, 6);
    tcase_add_loop_test(tc, blocks_as_r_tsboot, 0, 2);
    tcase_add_test(tc, moving_blocks);
    tcase_add_test(tc, intervals_of_strata_as_r_boot);
    tcase_add_test(tc, jackknife_after_bootstrap_of_a_mean);
    tcase_add_test(tc, abc_as_in_r);
    tcase_add_test(tc, abc_of_what_does_not_vary);
    tcase_add_test(tc, mistakes_are_explained);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
