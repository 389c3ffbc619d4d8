/* fit run whole: numbers as R 4.2.2 gives them for the same data, groups, failures, mistakes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskrun.h"

static const char small[] =
    "y,x,g,w,s,f\n3,1,a,1,2,3\n5,2,b,2,3,1\n4,3,a,1,1,4\n8,4,b,1,4,2\n7,5,c,3,2,2\n12,6,c,1,5,1\n"
    "9,7,a,2,3,3\n15,8,b,1,6,1\n14,9,c,1,4,3\n18,10,a,2,7,1\n";

static double at(const struct taskrun *r, const char *list, size_t i, const char *name)
{
    const json_t *v = json_object_get(json_array_get(json_object_get(r->answer, list), i), name);
    ck_assert_msg(v != NULL, "no %s[%zu].%s", list, i, name);
    return json_is_null(v) ? NAN : json_number_value(v);
}

static const char *text_at(const struct taskrun *r, const char *list, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(r->answer, list), i), name));
}

static size_t length(const struct taskrun *r, const char *list)
{
    return json_array_size(json_object_get(r->answer, list));
}

static void near(const char *what, double x, double expected, double tol)
{
    ck_assert_msg(fabs(x - expected) <= tol * (fabs(expected) + 1e-300), "%s: %.17g, not %.17g", what, x,
                  expected);
}

/* ---- lm(), as summary() prints it ---- */

START_TEST(linear_models_as_r)
{
    static const struct {
        const char *formula, *weights;
        size_t n;
        double coef[4], se[4], p[4], sigma, r2, adj, f, log_lik, aic, bic;
    } of[] = {
        {"y ~ x + g",
         "",
         4,
         {-0.0449069003285884, 1.6276013143483, 1.78276743336984, 0.194231471339906},
         {1.35962299544558, 0.199206369369494, 1.33218613076166, 1.3567824130356},
         {0.974722849487068, 0.000180971365726135, 0.229303430929527, 0.890853716454882},
         1.73759271086955,
         0.921408370615176,
         0.882112555922764,
         23.4480027409408,
         -17.160263771288,
         44.320527542576,
         45.8334530075462},
        {"y ~ x",
         "w",
         2,
         {0.523809523809522, 1.58503401360544},
         {1.29340731957534, 0.206581906369018},
         {0.696102271365149, 5.891395147385e-05},
         2.24024719238596,
         0.880364541525788,
         0.865410109216512,
         58.8698068451373,
         -19.5505027955233,
         45.1010055910465,
         46.0087608700287},
        {"y ~ x - 1",
         "",
         1,
         {1.6961038961039},
         {0.0856924192668996},
         {9.95222334049996e-09},
         1.68140668106453,
         0.97754266915785,
         0.975047410175389,
         391.760004083299,
         -18.8588902859979,
         41.7177805719957,
         42.3229507579838},
        {"y ~ x + offset(f)",
         "w",
         2,
         {-1.85714285714286, 1.6530612244898},
         {1.91751681825723, 0.306264139544448},
         {0.361152306510547, 0.000647945934608632},
         3.32123655358933,
         0.784558354591837, /* of y less the offset, as R from 4.3 on */
         0.757628148915816,
         29.1330249768733,
         -23.4880123551449,
         52.9760247102898,
         53.8837799892719},
    };
    const char *data = data_of("small", small);
    struct taskrun r =
        task_run("fit", 1, 0,
                 of[_i].weights[0] ? PARAMS("data", data, "formula", of[_i].formula, "weights", "w")
                                   : PARAMS("data", data, "formula", of[_i].formula));
    ck_assert_uint_eq(length(&r, "coefficients"), of[_i].n);
    for (size_t j = 0; j < of[_i].n; j++) {
        near("estimate", at(&r, "coefficients", j, "estimate"), of[_i].coef[j], 1e-12);
        near("std.error", at(&r, "coefficients", j, "std.error"), of[_i].se[j], 1e-12);
        near("p.value", at(&r, "coefficients", j, "p.value"), of[_i].p[j], 1e-11);
        near("statistic", at(&r, "coefficients", j, "statistic"), of[_i].coef[j] / of[_i].se[j], 1e-12);
    }
    near("sigma", answer_number(&r, "sigma"), of[_i].sigma, 1e-12);
    near("r_squared", answer_number(&r, "r_squared"), of[_i].r2, 1e-12);
    near("adj_r_squared", answer_number(&r, "adj_r_squared"), of[_i].adj, 1e-12);
    near("f", answer_number(&r, "f"), of[_i].f, 1e-12);
    near("log_lik", answer_number(&r, "log_lik"), of[_i].log_lik, 1e-12);
    near("aic", answer_number(&r, "aic"), of[_i].aic, 1e-12);
    near("bic", answer_number(&r, "bic"), of[_i].bic, 1e-12);
    taskrun_free(&r);
}
END_TEST

START_TEST(intervals_as_confint)
{
    struct taskrun r =
        task_run("fit", 1, 0, PARAMS("data", data_of("small", small), "formula", "y ~ x", "conf", "0.95"));
    near("low", at(&r, "coefficients", 0, "conf.low"), -1.93263185390911, 1e-12);
    near("high", at(&r, "coefficients", 1, "conf.high"), 2.02222168183962, 1e-12);
    taskrun_free(&r);
}
END_TEST

START_TEST(aliased_columns_have_no_value)
{
    struct taskrun r =
        task_run("fit", 1, 0, PARAMS("data", data_of("small", small), "formula", "y ~ x + I(2*x+1) + w"));
    ck_assert_uint_eq(length(&r, "coefficients"), 4);
    ck_assert_str_eq(text_at(&r, "coefficients", 2, "term"), "I(2 * x + 1)");
    ck_assert(isnan(at(&r, "coefficients", 2, "estimate")));
    ck_assert(isnan(at(&r, "coefficients", 2, "p.value")));
    ck_assert(isfinite(at(&r, "coefficients", 3, "std.error")));
    ck_assert_int_eq((int)answer_number(&r, "rank"), 3);
    ck_assert_int_eq((int)answer_number(&r, "df_residual"), 7);
    taskrun_free(&r);
}
END_TEST

/* coef(lm(formula)) in R, with its names. */
static const struct coded {
    const char *formula;
    size_t n;
    const char *names[10];
    double coef[10];
} coded[] = {
    {"y ~ g - 1", 3, {"ga", "gb", "gc"}, {8.5, 7.5, 9.75}},
    {"y ~ g:h - 1", 6, {"ga:hu", "gb:hu", "gc:hu", "ga:hv", "gb:hv", "gc:hv"}, {6, 5, 6.5, 11, 10, 13}},
    {"y ~ g + g:h",
     6,
     {"(Intercept)", "gb", "gc", "ga:hv", "gb:hv", "gc:hv"},
     {6, -1, 0.499999999999998, 5, 5, 6.5}},
    {"y ~ x:g",
     4,
     {"(Intercept)", "x:ga", "x:gb", "x:gc"},
     {4.75880112408557, 0.99412060625285, 0.317219375111516, 0.533980293808608}},
    {"y ~ g/x - 1",
     6,
     {"ga", "gb", "gc", "ga:x", "gb:x", "gc:x"},
     {-0.0615384615384613, 7.94871794871795, 11.6166666666667, 1.63076923076923, -0.0717948717948719,
      -0.233333333333333}},
    {"y ~ g*h",
     6,
     {"(Intercept)", "gb", "gc", "hv", "gb:hv", "gc:hv"},
     {6, -1, 0.499999999999995, 5, 5.43895982204208e-15, 1.5}},
    {"y ~ poly(x,2):h",
     5,
     {"(Intercept)", "poly(x, 2)1:hu", "poly(x, 2)2:hu", "poly(x, 2)1:hv", "poly(x, 2)2:hv"},
     {8.62750337965928, 0.333612849960346, -7.03880666649214, 16.1695758846896, -8.65078704765248}},
    {"y ~ 0 + x + g + h",
     5,
     {"x", "ga", "gb", "gc", "hv"},
     {0.585845347313237, 2.57667103538663, 0.990825688073393, 2.21559633027523, 5.69528178243775}},
    {"y ~ (x > 4)*h",
     4,
     {"(Intercept)", "x > 4TRUE", "hv", "x > 4TRUE:hv"},
     {5.5, 0.499999999999999, -1, 9.75}},
};

START_TEST(columns_are_coded_as_r)
{
    const char *data =
        data_of("coded", "y,x,g,h\n3,1,a,u\n5,2,b,v\n4,3,a,v\n8,4,b,u\n7,5,c,u\n12,6,c,v\n9,7,a,u\n15,8,b,v\n"
                         "14,9,c,v\n18,10,a,v\n2,11,b,u\n6,12,c,u\n");
    struct taskrun r = task_run("fit", 1, 0, PARAMS("data", data, "formula", coded[_i].formula));
    ck_assert_uint_eq(length(&r, "coefficients"), coded[_i].n);
    for (size_t j = 0; j < coded[_i].n; j++) {
        ck_assert_str_eq(text_at(&r, "coefficients", j, "term"), coded[_i].names[j]);
        double v = at(&r, "coefficients", j, "estimate"), expected = coded[_i].coef[j];
        ck_assert_msg(isnan(v) == isnan(expected) && !(fabs(v - expected) > 1e-12 * (1 + fabs(expected))),
                      "%s %s: %.17g, not %.17g", coded[_i].formula, coded[_i].names[j], v, expected);
    }
    taskrun_free(&r);
}
END_TEST

/* ---- glm() ---- */

START_TEST(generalized_models_as_r)
{
    static const struct {
        const char *formula, *family, *link, *weights;
        double coef[2], se[2], dev, null, aic, dispersion, p;
        int iterations;
    } of[] = {
        {"y ~ x",
         "gaussian",
         "log",
         NULL,
         {1.22596435201553, 0.166800390134794},
         {0.186251573858349, 0.0228225940568163},
         23.4749290940013,
         230.5,
         42.9122497801524,
         2.93434561145559,
         8.31962611560645e-05,
         4},
        {"y ~ x",
         "gaussian",
         "inverse",
         NULL,
         {0.203512205037529, -0.0150083474932299},
         {0.0264484940779511, 0.00287763978327406},
         34.3840839358189,
         230.5,
         46.7288575444262,
         4.29789866015958,
         0.000806992674186699,
         6},
        {"y ~ x",
         "Gamma",
         "inverse",
         NULL,
         {0.232661924132317, -0.0185342768710337},
         {0.0291201311707915, 0.00345523190510655},
         0.596744567213291,
         2.9472224347397,
         48.3683177280373,
         0.0749131416301435,
         0.000674335397573408,
         4},
        {"y ~ x",
         "Gamma",
         "log",
         NULL,
         {1.1022502790048, 0.18524048758923},
         {0.143212776313211, 0.0230808287790031},
         0.342845676203379,
         2.9472224347397,
         42.7839234128109,
         0.0439497842128666,
         4.26701649481025e-05,
         4},
        {"y ~ x",
         "Gamma",
         "identity",
         NULL,
         {1.47492529894943, 1.44063902866971},
         {0.580388413444588, 0.169067814362517},
         0.323567079915763,
         2.9472224347397,
         42.201970939109,
         0.0366550489621656,
         2.76505840384369e-05,
         4},
        {"y ~ x",
         "poisson",
         "log",
         NULL,
         {1.1662265433482, 0.174904513869223},
         {0.283593730306159, 0.0384632681525694},
         2.65817268311719,
         24.9210692972459,
         46.3157597636866,
         1,
         5.43351975195673e-06,
         4},
        {"y ~ x",
         "poisson",
         "identity",
         NULL,
         {1.23219007301921, 1.50323816854196},
         {1.45076081041878, 0.304688389599563},
         2.62107833781892,
         24.9210692972459,
         46.2786654183883,
         1,
         8.06903269813883e-07,
         5},
        {"y ~ x",
         "poisson",
         "sqrt",
         NULL,
         {1.52771049390435, 0.265246164198793},
         {0.341565025531987, 0.055048188256318},
         2.34751898654483,
         24.9210692972459,
         46.0051060671142,
         1,
         1.44688024344125e-06,
         3},
        {"cbind(s, f) ~ x",
         "binomial",
         "logit",
         NULL,
         {-0.460065530898948, 0.176158578605394},
         {0.623343825257563, 0.0984063996856566},
         8.09998669179277,
         11.4621866018237,
         32.2386843295275,
         1,
         0.0734357420300104,
         4},
        {"cbind(s, f) ~ x",
         "binomial",
         "probit",
         NULL,
         {-0.28224907137314, 0.108332455380283},
         {0.385860728460284, 0.0596097633707569},
         8.09163087946298,
         11.4621866018237,
         32.2303285171977,
         1,
         0.069161865016403,
         3},
        {"cbind(s, f) ~ x",
         "binomial",
         "cloglog",
         NULL,
         {-0.658261271329428, 0.112087557713797},
         {0.432533339726694, 0.0620429641691759},
         8.07040947419474,
         11.4621866018237,
         32.2091071119295,
         1,
         0.0708228119141001,
         4},
        {"I(s/(s + f)) ~ x",
         "binomial",
         "logit",
         "s+f",
         {-0.460065530898948, 0.176158578605394},
         {0.623343825257563, 0.0984063996856566},
         8.09998669179277,
         11.4621866018237,
         32.2386843295275,
         1,
         0.0734357420300104,
         4},
        {"y ~ x + offset(log(f))",
         "poisson",
         "log",
         "w",
         {0.0998716932983338, 0.235435626712256},
         {0.251827579262876, 0.0342862219125659},
         50.9198875860258,
         102.241420980564,
         114.464359998446,
         1,
         6.56714627229402e-12,
         5},
        {"y ~ x",
         "Gamma",
         "log",
         "w",
         {1.13234435535568, 0.176732233142069},
         {0.132142934713501, 0.0211057560546932},
         0.40502319958524,
         3.96496804933432,
         57.7140638761134,
         0.05238526558409,
         3.1392622184298e-05,
         4},
        {"y ~ x",
         "gaussian",
         "identity",
         "w",
         {0.523809523809522, 1.58503401360544},
         {1.29340731957534, 0.206581906369018},
         40.1496598639456,
         335.6,
         45.1010055910465,
         5.0187074829932,
         5.89139514738502e-05,
         2},
    };
    const char *data = data_of("small", small);
    struct taskrun r = of[_i].weights
                           ? task_run("fit", 1, 0,
                                      PARAMS("data", data, "formula", of[_i].formula, "family", of[_i].family,
                                             "link", of[_i].link, "weights", of[_i].weights))
                           : task_run("fit", 1, 0,
                                      PARAMS("data", data, "formula", of[_i].formula, "family", of[_i].family,
                                             "link", of[_i].link));
    for (size_t j = 0; j < 2; j++) {
        near("estimate", at(&r, "coefficients", j, "estimate"), of[_i].coef[j], 1e-11);
        near("std.error", at(&r, "coefficients", j, "std.error"), of[_i].se[j], 1e-11);
    }
    near("p.value", at(&r, "coefficients", 1, "p.value"), of[_i].p, 1e-10);
    near("deviance", answer_number(&r, "deviance"), of[_i].dev, 1e-12);
    near("null_deviance", answer_number(&r, "null_deviance"), of[_i].null, 1e-11);
    near("aic", answer_number(&r, "aic"), of[_i].aic, 1e-12);
    near("dispersion", answer_number(&r, "dispersion"), of[_i].dispersion, 1e-11);
    ck_assert_int_eq((int)answer_number(&r, "iterations"), of[_i].iterations);
    taskrun_free(&r);
}
END_TEST

/* The sum of the deviations from 14.5 insects is sharp once the iteration goes on to rounding. */
START_TEST(a_smaller_eps_sharpens_standard_errors)
{
    const char *data = data_of("sprays", "count\n10\n7\n20\n14\n14\n12\n10\n23\n17\n20\n14\n13\n");
    struct taskrun r = task_run(
        "fit", 1, 0, PARAMS("data", data, "formula", "count ~ 1", "family", "poisson", "eps", "1e-15"));
    near("estimate", at(&r, "coefficients", 0, "estimate"), log(14.5), 1e-14);
    near("std.error", at(&r, "coefficients", 0, "std.error"), 1 / sqrt(174), 1e-12);
    taskrun_free(&r);
}
END_TEST

/* Why the only item failed. */
static const char *cause_of(const char *const *params)
{
    static char cause[128];
    struct taskrun r = task_run("fit", 1, 0, params);
    ck_assert_uint_eq(r.n_failed, 1);
    (void)snprintf(cause, sizeof cause, "%s", r.cause);
    taskrun_free(&r);
    return cause;
}

/* ---- separation ---- */

static const struct {
    const char *csv, *formula, *family, *cause;
} separated[] = {
    {"y,x,z\n0,1,3\n0,2,1\n0,3,2\n1,4,2\n1,5,3\n1,6,1\n", "y ~ x", "binomial",
     "separated: fitted probabilities of 0 or 1, by x"},
    /* quasi-complete: every row of level b is a success */
    {"y,g\n0,a\n1,a\n0,a\n1,b\n1,b\n1,b\n0,c\n1,c\n", "y ~ g", "binomial",
     "separated: fitted probabilities of 0 or 1, by gb"},
    {"y,x\n1,1\n1,2\n1,3\n", "y ~ 1", "binomial", "separated: all responses are 0, or all are 1"},
    {"y,g\n3,a\n1,a\n0,b\n0,b\n2,c\n5,c\n", "y ~ g", "poisson", "separated: fitted rates of 0, by gb"},
};

START_TEST(separation_is_named)
{
    ck_assert_str_eq(cause_of(PARAMS("data", data_of("sep", separated[_i].csv), "formula",
                                     separated[_i].formula, "family", separated[_i].family)),
                     separated[_i].cause);
}
END_TEST

START_TEST(impossible_rows_are_said)
{
    const char *data = data_of("small", small);
    ck_assert_str_eq(cause_of(PARAMS("data", data, "formula", "y ~ x", "weights", "-w")),
                     "a weight is negative");
    ck_assert_str_eq(cause_of(PARAMS("data", data, "formula", "y ~ x", "family", "binomial")),
                     "the response of a binomial model is not between 0 and 1");
}
END_TEST

START_TEST(overlap_is_no_separation)
{
    const char *data = data_of("steep", "y,x\n0,1\n0,2\n0,3\n1,3.5\n0,4\n1,4.5\n1,5\n1,6\n");
    struct taskrun r = task_run("fit", 1, 0, PARAMS("data", data, "formula", "y ~ x", "family", "binomial"));
    ck_assert_uint_eq(r.n_ok, 1);
    taskrun_free(&r);
    /* where the iteration stops while it still moves, it moves rows both ways */
    r = task_run("fit", 1, 0, PARAMS("data", data, "formula", "y ~ x", "family", "binomial", "eps", "0.1"));
    ck_assert_uint_eq(r.n_ok, 1);
    taskrun_free(&r);
}
END_TEST

/* ---- groups ---- */

static const char grouped[] =
    "site,year,y,x\nn,1990,1,1\nn,1990,2,2\nn,1990,4,3\ns,1990,5,1\ns,1990,3,2\ns,1990,2,3\n"
    "n,1991,2,1\nn,1991,2,2\ns,1991,7,1\nn,1991,5,5\n,1991,9,9\n";

START_TEST(groups_come_in_order_of_appearance)
{
    struct taskrun r = task_run(
        "fit", 1, 0, PARAMS("data", data_of("grouped", grouped), "formula", "y ~ x", "by", "site, year"));
    static const char *const labels[] = {"n/1990", "s/1990", "n/1991", "s/1991"};
    ck_assert_uint_eq(length(&r, "groups"), 4);
    for (size_t g = 0; g < 4; g++)
        ck_assert_str_eq(text_at(&r, "groups", g, "group"), labels[g]);
    ck_assert_str_eq(text_at(&r, "coefficients", 2, "site"), "s");
    ck_assert_str_eq(text_at(&r, "coefficients", 2, "year"), "1990");
    near("slope", at(&r, "coefficients", 3, "estimate"), -1.5, 1e-14);
    ck_assert_int_eq((int)answer_number(&r, "rows_without_group"), 1);
    ck_assert_uint_eq(length(&r, "coefficients"), 6);
    taskrun_free(&r);
}
END_TEST

START_TEST(a_group_too_small_is_counted)
{
    struct taskrun r = task_run(
        "fit", 1, 0, PARAMS("data", data_of("grouped", grouped), "formula", "y ~ x", "by", "site,year"));
    ck_assert_uint_eq(r.n_failed, 1);
    ck_assert_str_eq(r.cause, "too few rows for the model");
    ck_assert_str_eq(text_at(&r, "groups", 3, "status"), "too few rows for the model");
    ck_assert_str_eq(text_at(&r, "groups", 0, "status"), "ok");
    ck_assert(isnan(at(&r, "groups", 3, "sigma")));
    ck_assert_int_eq((int)at(&r, "groups", 3, "n"), 1);
    taskrun_free(&r);
}
END_TEST

/* pooledSD(lmList(y ~ x | g)) */
START_TEST(the_spread_within_groups_is_shared)
{
    const char *data = data_of("within", "y,x,g\n1,1,a\n3,2,a\n4,3,a\n2,1,b\n2,2,b\n5,3,b\n9,4,b\n");
    struct taskrun r = task_run("fit", 1, 0, PARAMS("data", data, "formula", "y ~ x", "by", "g"));
    double rss = at(&r, "groups", 0, "deviance") + at(&r, "groups", 1, "deviance");
    near("sigma", answer_number(&r, "sigma_within"), sqrt(rss / 3), 1e-14);
    near("df", answer_number(&r, "df_within"), 3, 0);
    taskrun_free(&r);
}
END_TEST

START_TEST(pooled_is_one_fit_of_all)
{
    const char *data = data_of("small", small);
    struct taskrun r = task_run("fit", 1, 0, PARAMS("data", data, "formula", "y ~ x", "by", "g")),
                   all = task_run("fit", 1, 0, PARAMS("data", data, "formula", "y ~ x")),
                   none = task_run("fit", 1, 0,
                                   PARAMS("data", data, "formula", "y ~ x", "by", "g", "pooled", "no"));
    ck_assert(answer_number(&r, "pooled.sigma") == answer_number(&all, "sigma"));
    ck_assert(answer_number(&r, "pooled.coefficients.1.estimate") == at(&all, "coefficients", 1, "estimate"));
    ck_assert_str_eq(answer_text(&r, "pooled.status"), "ok");
    ck_assert(json_object_get(none.answer, "pooled") == NULL);
    taskrun_free(&r);
    taskrun_free(&all);
    taskrun_free(&none);
}
END_TEST

/* Group a has two levels of h, group b two others: each is coded by its own, as lm() of a subset in R does. */
START_TEST(levels_are_those_of_the_group)
{
    const char *data = data_of(
        "levels",
        "y,g,h\n1,a,u\n2,a,u\n4,a,v\n5,b,w\n9,b,v\n7,b,v\n1,c,u\n2,c,u\n3,d,u\n5,d,v\n6,d,w\n8,d,w\n");
    struct taskrun r =
        task_run("fit", 1, 0, PARAMS("data", data, "formula", "y ~ h", "by", "g", "pooled", "no"));
    ck_assert_str_eq(text_at(&r, "coefficients", 1, "term"), "hv");
    near("hv in a", at(&r, "coefficients", 1, "estimate"), 2.5, 1e-14);
    ck_assert_str_eq(text_at(&r, "coefficients", 3, "term"), "hw");
    near("hw in b", at(&r, "coefficients", 3, "estimate"), -3, 1e-14);
    ck_assert_str_eq(text_at(&r, "coefficients", 6, "term"), "hw");
    near("hw in d", at(&r, "coefficients", 6, "estimate"), 4, 1e-14);
    ck_assert_str_eq(r.cause, "h has fewer than two levels");
    ck_assert_uint_eq(length(&r, "groups"), 4);
    ck_assert_str_eq(text_at(&r, "groups", 2, "group"), "c");
    ck_assert_str_eq(text_at(&r, "groups", 2, "status"), "h has fewer than two levels");
    ck_assert_str_eq(text_at(&r, "groups", 3, "status"), "ok");
    taskrun_free(&r);
}
END_TEST

START_TEST(missing_values_are_left_out_or_refused)
{
    const char *data = data_of("missing", "y,x\n1,1\n2,NA\n3,3\n,4\n6,5\n");
    struct taskrun r = task_run("fit", 1, 0, PARAMS("data", data, "formula", "y ~ x"));
    ck_assert_int_eq((int)answer_number(&r, "n"), 3);
    ck_assert_int_eq((int)answer_number(&r, "rows_left_out"), 2);
    taskrun_free(&r);
    const char *text = task_error("fit", 0, PARAMS("data", data, "formula", "y ~ x", "na", "fail"));
    ck_assert_msg(strstr(text, "column \"y\" has 1 missing value, the first in data row 4") != NULL, "%s",
                  text);
}
END_TEST

/* A column made by a formula has missing values where the formula has none: R's NaN, and R's error for infinities. */
START_TEST(values_that_are_not_finite)
{
    const char *data = data_of("log", "y,x\n1,1\n2,-2\n3,3\n5,4\n6,5\n");
    struct taskrun r = task_run("fit", 1, 0, PARAMS("data", data, "formula", "y ~ log(x)"));
    ck_assert_int_eq((int)answer_number(&r, "n"), 4);
    taskrun_free(&r);
    ck_assert_str_eq(cause_of(PARAMS("data", data, "formula", "y ~ log(x+2)")),
                     "log(x + 2) is infinite in a row");
}
END_TEST

/* R makes the basis before it leaves rows out for other variables. */
START_TEST(poly_is_orthogonal_over_all_rows)
{
    static const double coef[] = {6.61890648500398, 6.90157098268013, -3.12405937011906};
    const char *data = data_of("poly", "y,x\n3,1\n,2\n4,4\n8,7\n7,11\n12,16\n9,22\n,\n");
    struct taskrun r = task_run("fit", 1, 0, PARAMS("data", data, "formula", "y ~ poly(x, 2)"));
    for (size_t j = 0; j < 3; j++)
        near("poly", at(&r, "coefficients", j, "estimate"), coef[j], 1e-12);
    taskrun_free(&r);
}
END_TEST

/* ---- the other models ---- */

/* Data without error but for rounding (as NIST's Lanczos1): the residuals have no direction, yet this is the solution. */
START_TEST(exact_data_converge)
{
    char csv[4096] = "y,x\n";
    for (int i = 0; i < 24; i++) {
        double x = 0.05 * i, y = 0.0951 * exp(-x) + 0.8607 * exp(-3 * x) + 1.5576 * exp(-5 * x);
        (void)snprintf(csv + strlen(csv), sizeof csv - strlen(csv), "%.13g,%.2f\n", y, x);
    }
    struct taskrun r = task_run("fit", 1, 0,
                                PARAMS("data", data_of("exact", csv), "formula",
                                       "y ~ b1*exp(-b2*x) + b3*exp(-b4*x) + b5*exp(-b6*x)", "start",
                                       "b1=0.5,b2=0.7,b3=3.6,b4=4.2,b5=4,b6=6.3"));
    ck_assert_uint_eq(r.n_ok, 1);
    near("b1", at(&r, "coefficients", 0, "estimate"), 0.0951, 1e-7);
    near("b6", at(&r, "coefficients", 5, "estimate"), 5, 1e-7);
    taskrun_free(&r);
}
END_TEST

START_TEST(nonlinear_from_a_start)
{
    const char *box = data_of("box", "y,x\n109,1\n149,2\n149,3\n191,5\n213,7\n224,10\n"); /* NIST's BoxBOD */
    static const char *const starts[] = {"b1=1,b2=1", "b1 = 100, b2 = 0.75"};
    struct taskrun r =
        task_run("fit", 1, 0, PARAMS("data", box, "formula", "y ~ b1*(1-exp(-b2*x))", "start", starts[_i]));
    near("b1", at(&r, "coefficients", 0, "estimate"), 2.1380940889E+02, 1e-8);
    near("b2", at(&r, "coefficients", 1, "estimate"), 5.4723748542E-01, 1e-8);
    near("se", at(&r, "coefficients", 1, "std.error"), 1.0455993237E-01, 1e-8);
    taskrun_free(&r);
}
END_TEST

START_TEST(nonlinear_failures_are_said)
{
    const char *data = data_of("flat", "y,x\n1,1\n2,2\n3,3\n4,4\n5,5\n");
    ck_assert_str_eq(cause_of(PARAMS("data", data, "formula", "y ~ b1*b2*x", "start", "b1=1,b2=1")),
                     "not converged: singular gradient");
    ck_assert_str_eq(cause_of(PARAMS("data", data, "formula", "y ~ log(b1)*x", "start", "b1=-1")),
                     "the model has no value at the start");
}
END_TEST

START_TEST(one_way_anova)
{
    struct taskrun r = task_run("fit", 1, 0,
                                PARAMS("data", data_of("small", small), "formula", "y ~ g", "model", "aov")),
                   l = task_run("fit", 1, 0, PARAMS("data", data_of("small", small), "formula", "y ~ g"));
    near("F", at(&r, "anova", 0, "statistic"), answer_number(&l, "f"), 1e-12);
    near("p", at(&r, "anova", 0, "p.value"), answer_number(&l, "f_p_value"), 1e-12);
    near("sigma", answer_number(&r, "sigma"), answer_number(&l, "sigma"), 1e-12);
    ck_assert_str_eq(text_at(&r, "anova", 1, "term"), "Residuals");
    taskrun_free(&r);
    taskrun_free(&l);
}
END_TEST

/* ---- an answer too large to show ---- */

START_TEST(large_answers_become_files)
{
    size_t groups = 70000, cap = groups * 2 * 32;
    char *csv = malloc(cap);
    ck_assert(csv != NULL);
    size_t len = (size_t)snprintf(csv, cap, "g,y,x\n");
    for (size_t g = 0; g < groups; g++) {
        for (int i = 0; i < 3; i++)
            len += (size_t)snprintf(csv + len, cap - len, "%zu,%d,%d\n", g, (int)(g % 7) * i * i, i);
    }
    struct taskrun r =
        task_run("fit", 1, 0, PARAMS("data", data_of("large", csv), "formula", "y ~ x", "by", "g"));
    free(csv);
    ck_assert_str_eq(text_at(&r, "files", 0, "name"), "coefficients.csv");
    ck_assert_str_eq(text_at(&r, "files", 1, "name"), "groups.csv");
    const char *text = text_at(&r, "files", 0, "text");
    size_t lines = 0;
    ck_assert_msg(strstr(text, "group,term,estimate,std.error,statistic,p.value\n0,(Intercept),0,0,,\n") ==
                      text,
                  "%.120s", text);
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    ck_assert_uint_eq(lines, 2 * groups + 1);
    ck_assert(json_object_get(r.answer, "coefficients") == NULL);
    taskrun_free(&r);
}
END_TEST

/* ---- mistakes ---- */

static const struct {
    const char *const *params; /* besides data */
    const char *says;
} mistakes[] = {
    {PARAMS("formula", "y ~ x +"), "at position 8: y ~ x + <-- here"},
    {PARAMS("formula", "y ~ wx"), "no column \"wx\" (did you mean \"x\"?) at position 5: y ~ wx <-- here"},
    {PARAMS("formula", "y"), "a formula has a \"~\""},
    {PARAMS("formula", "y ~ foo(x)"), "no function \"foo\" at position 5"},
    {PARAMS("formula", "y ~ log(g)"), "column \"g\" holds texts, not numbers at position 9"},
    {PARAMS("formula", "y ~ x | g"), "groups are named by by="},
    {PARAMS("formula", "y ~ x + 2"), "only 0 and 1 can stand for a term at position 9"},
    {PARAMS("formula", "y ~ (x + w"), "expected \")\" at position 11"},
    {PARAMS("formula", "y ~ 0"), "the model has no term"},
    {PARAMS("formula", "~ x"), "needs a response"},
    {PARAMS("formula", "g ~ x"), "the response g is a factor"},
    {PARAMS("formula", "cbind(s,f) ~ x"), "is for family=binomial"},
    {PARAMS("formula", "y ~ poly(x, 0)"), "the degree of poly()"},
    {PARAMS("formula", "y ~ x", "by", "gg"), "did you mean 'g'"},
    {PARAMS("formula", "y ~ x", "by", "g,g"), "is there twice"},
    {PARAMS("formula", "y ~ x", "weights", "w +"), "weights: "},
    {PARAMS("formula", "y ~ x", "link", "probit"),
     "link=probit does not go with family=gaussian, which takes: identity"},
    {PARAMS("formula", "y ~ x", "model", "lm", "family", "poisson"), "family and link go with model=glm"},
    {PARAMS("formula", "y ~ b*x", "model", "nls"), "needs a start for each parameter"},
    {PARAMS("formula", "y ~ b*x+c", "start", "b=1"), "\"c\" is no column and has no start"},
    {PARAMS("formula", "y ~ b*x", "start", "b=1,d=2"), "the formula does not use d"},
    {PARAMS("formula", "y ~ b*(g==\"a\")", "start", "b=1"), "a nonlinear model takes no texts: use by="},
    {PARAMS("formula", "y ~ b*x", "start", "b"), "expected name=number"},
    {PARAMS("formula", "y ~ x + g", "model", "aov"), "one-way"},
    {PARAMS("formula", "y ~ g", "model", "summary"), "takes one variable"},
};

START_TEST(mistakes_are_explained)
{
    const char *params[16] = {"data", data_of("small", small)};
    for (size_t i = 0; mistakes[_i].params[i]; i++)
        params[i + 2] = mistakes[_i].params[i];
    const char *text = task_error("fit", 0, params);
    ck_assert_msg(strstr(text, mistakes[_i].says) != NULL, "%s", text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fit");
    TCase *tc = tcase_create("models");
    tcase_add_loop_test(tc, linear_models_as_r, 0, 4);
    tcase_add_loop_test(tc, columns_are_coded_as_r, 0, sizeof coded / sizeof coded[0]);
    tcase_add_test(tc, intervals_as_confint);
    tcase_add_test(tc, aliased_columns_have_no_value);
    tcase_add_loop_test(tc, generalized_models_as_r, 0, 15);
    tcase_add_test(tc, a_smaller_eps_sharpens_standard_errors);
    tcase_add_loop_test(tc, separation_is_named, 0, sizeof separated / sizeof separated[0]);
    tcase_add_test(tc, impossible_rows_are_said);
    tcase_add_test(tc, overlap_is_no_separation);
    tcase_add_loop_test(tc, nonlinear_from_a_start, 0, 2);
    tcase_add_test(tc, poly_is_orthogonal_over_all_rows);
    tcase_add_test(tc, exact_data_converge);
    tcase_add_test(tc, nonlinear_failures_are_said);
    tcase_add_test(tc, one_way_anova);
    suite_add_tcase(s, tc);
    tc = tcase_create("groups");
    tcase_add_test(tc, groups_come_in_order_of_appearance);
    tcase_add_test(tc, a_group_too_small_is_counted);
    tcase_add_test(tc, the_spread_within_groups_is_shared);
    tcase_add_test(tc, pooled_is_one_fit_of_all);
    tcase_add_test(tc, levels_are_those_of_the_group);
    tcase_add_test(tc, missing_values_are_left_out_or_refused);
    tcase_add_test(tc, values_that_are_not_finite);
    tcase_add_test(tc, large_answers_become_files);
    suite_add_tcase(s, tc);
    tc = tcase_create("mistakes");
    tcase_add_loop_test(tc, mistakes_are_explained, 0, sizeof mistakes / sizeof mistakes[0]);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
