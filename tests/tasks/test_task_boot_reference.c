/* boot against the ideal bootstrap (every resample enumerated) of the reference data, against runs of R's boot, and linear
 * models against NIST StRD. */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskrun.h"

enum { B = 20000 };

static json_t *exact, *rboot;

static const json_t *find_case(json_t *root, const char *id)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(root, "cases"), i, c)
    {
        if (strcmp(json_string_value(json_object_get(c, "id")), id) == 0)
            return c;
    }
    ck_abort_msg("no reference case %s", id);
}

static double at(const json_t *v, const char *name)
{
    const json_t *m = json_object_get(v, name);
    ck_assert_msg(m != NULL, "no %s in the reference", name);
    return json_number_value(m);
}

/* The values that the exact quantile function takes at or beyond p, on the side asked for. */
static double exact_quantile(const json_t *c, double p, int side)
{
    const char *key;
    const json_t *v;
    double best_p = side < 0 ? 0 : 1, best = side < 0 ? -INFINITY : INFINITY;
    json_t *f = json_object_get(c, "exact_quantile_function");
    for (void *it = json_object_iter(f); it; it = json_object_iter_next(f, it)) {
        key = json_object_iter_key(it);
        v = json_object_iter_value(it);
        double q = strtod(key, NULL);
        bool nearer = side < 0 ? q <= p && q > best_p : q >= p && q < best_p;
        if (nearer) {
            best_p = q;
            best = json_number_value(v);
        }
    }
    return best;
}

/* An end that reads the distribution at p, where p itself is uncertain by `more`. The file's values come from fine bins. */
static void check_end(const json_t *c, double end, double p, double more, const char *what)
{
    double d = 4 * sqrt(p * (1 - p) / B) + more;
    double lo = exact_quantile(c, p - d, -1), hi = exact_quantile(c, p + d, 1);
    double slack = 1e-6 * at(json_object_get(c, "expected"), "ideal_bootstrap_se");
    ck_assert_msg(end >= lo - slack && end <= hi + slack, "%s: %.9g is not in %.9g .. %.9g", what, end, lo,
                  hi);
}

static const struct {
    const char *id, *file, *stat, *where;
    bool bca;
} cases[] = {
    {"boot-law15-corr", "03-bootstrap/law15.csv", "cor(lsat,gpa)", NULL, true},
    {"boot-mouse-treatment-mean", "03-bootstrap/mouse.csv", "mean(days)", "group=treatment", true},
    {"boot-mouse-treatment-median", "03-bootstrap/mouse.csv", "median(days)", "group=treatment", false},
    {"boot-city-ratio", "03-bootstrap/city.csv", "ratio(x,u)", NULL, true},
};

static struct taskrun run_case(int k, const char *ci, const char *conf)
{
    const char *data = reference_data(cases[k].file);
    if (!cases[k].where)
        return task_run("boot", 1, B, PARAMS("data", data, "stat", cases[k].stat, "ci", ci, "conf", conf));
    return task_run(
        "boot", 1, B,
        PARAMS("data", data, "stat", cases[k].stat, "where", cases[k].where, "ci", ci, "conf", conf));
}

static double end_of(const struct taskrun *r, const char *method, const char *end)
{
    char path[64];
    for (int i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof path, "intervals.%d.method", i);
        const char *is = answer_text(r, path);
        if (is && strcmp(is, method) == 0) {
            (void)snprintf(path, sizeof path, "intervals.%d.%s", i, end);
            return answer_number(r, path);
        }
    }
    ck_abort_msg("no %s interval", method);
}

static void check_bca(const json_t *c, const json_t *e, const json_t *intervals, const struct taskrun *r)
{
    ck_assert_double_eq_tol(answer_number(r, "acceleration"), at(e, "acceleration_jack"), 1e-10);
    ck_assert_double_eq_tol(answer_number(r, "jackknife_se"), at(e, "jackknife_se"),
                            1e-9 * at(e, "jackknife_se"));
    double p0 = at(e, "P_star_less_theta"),
           dz = 4 * sqrt(p0 * (1 - p0) / B) / gsl_ran_ugaussian_pdf(at(e, "z0"));
    ck_assert_double_eq_tol(answer_number(r, "z0"), at(e, "z0"), dz);
    const json_t *levels = json_object_get(intervals, "bca_probabilities");
    for (size_t k = 0; k < 2; k++) {
        /* the level moves by about twice z0's error */
        double p = json_number_value(json_array_get(levels, k));
        double more = 2.5 * dz * gsl_ran_ugaussian_pdf(gsl_cdf_ugaussian_Pinv(p));
        check_end(c, end_of(r, "bca", k ? "upper" : "lower"), p, more, k ? "bca upper" : "bca lower");
    }
}

START_TEST(ideal_bootstrap)
{
    static const char *const levels[] = {"0.90", "0.95"};
    const json_t *c = find_case(exact, cases[_i].id), *e = json_object_get(c, "expected");
    double theta = at(e, "theta_hat"), se = at(e, "ideal_bootstrap_se");
    for (int k = 0; k < 2; k++) {
        const json_t *intervals = json_object_get(json_object_get(e, "intervals"), levels[k]);
        struct taskrun r = run_case(_i, "all", levels[k]);
        double alpha = (1 - strtod(levels[k], NULL)) / 2, tail = gsl_cdf_ugaussian_Qinv(alpha);
        ck_assert_double_eq_tol(answer_number(&r, "estimate"), theta, 1e-13 * fabs(theta));
        ck_assert_double_eq_tol(answer_number(&r, "se"), se, 5 * se / sqrt(2.0 * B));
        ck_assert_double_eq_tol(answer_number(&r, "bias"), at(e, "ideal_bootstrap_bias"), 4 * se / sqrt(B));
        check_end(c, end_of(&r, "percentile", "lower"), alpha, 0, "percentile lower");
        check_end(c, end_of(&r, "percentile", "upper"), 1 - alpha, 0, "percentile upper");
        check_end(c, 2 * theta - end_of(&r, "basic", "upper"), alpha, 0, "basic upper");
        check_end(c, 2 * theta - end_of(&r, "basic", "lower"), 1 - alpha, 0, "basic lower");
        const json_t *normal = json_object_get(intervals, "normal_bias_corrected");
        double slack = tail * 5 * se / sqrt(2.0 * B) + 4 * se / sqrt(B);
        ck_assert_double_eq_tol(end_of(&r, "normal", "lower"), json_number_value(json_array_get(normal, 0)),
                                slack);
        ck_assert_double_eq_tol(end_of(&r, "normal", "upper"), json_number_value(json_array_get(normal, 1)),
                                slack);
        if (cases[_i].bca)
            check_bca(c, e, intervals, &r);
        else
            ck_assert_ptr_nonnull(strstr(answer_text(&r, "warning"), "unsuitable"));
        (void)printf("%s %s: se %.6g (%.6g), bca %.6g %.6g\n", cases[_i].id, levels[k],
                     answer_number(&r, "se"), se, end_of(&r, "bca", "lower"), end_of(&r, "bca", "upper"));
        taskrun_free(&r);
    }
}
END_TEST

static double pair(const json_t *intervals, const char *name, size_t k)
{
    return json_number_value(json_array_get(json_object_get(intervals, name), k));
}

/* Small data: no Monte Carlo error, so what was enumerated elsewhere is met to its digits (quantiles there are of bins as wide as 4e-6 of
 * se). */
START_TEST(exact_answers)
{
    static const char *const levels[] = {"0.90", "0.95"};
    const json_t *c = find_case(exact, cases[_i].id), *e = json_object_get(c, "expected");
    double theta = at(e, "theta_hat"), se = at(e, "ideal_bootstrap_se");
    const char *data = reference_data(cases[_i].file);
    for (int k = 0; k < 2; k++) {
        const json_t *intervals = json_object_get(json_object_get(e, "intervals"), levels[k]);
        const char *const params[] = {"data", data,  "stat",   cases[_i].stat, "conf",  levels[k],
                                      "ci",   "all", "method", "exact",        "where", cases[_i].where,
                                      NULL};
        const char *const whole[] = {"data", data,  "stat",   cases[_i].stat, "conf", levels[k],
                                     "ci",   "all", "method", "exact",        NULL};
        struct taskrun r = task_run("boot", 1, 0, cases[_i].where ? params : whole);
        ck_assert_str_eq(answer_text(&r, "method"), "exact");
        ck_assert_double_eq_tol(answer_number(&r, "estimate"), theta, 1e-13 * fabs(theta));
        ck_assert_double_eq_tol(answer_number(&r, "se"), se, 1e-10 * se);
        ck_assert_double_eq_tol(answer_number(&r, "bias"), at(e, "ideal_bootstrap_bias"), 1e-9 * se);
        for (size_t end = 0; end < 2; end++) {
            const char *name = end ? "upper" : "lower";
            double slack = 1e-5 * se;
            ck_assert_double_eq_tol(end_of(&r, "percentile", name), pair(intervals, "percentile", end),
                                    slack);
            ck_assert_double_eq_tol(end_of(&r, "basic", name), pair(intervals, "basic", end), slack);
            ck_assert_double_eq_tol(end_of(&r, "normal", name), pair(intervals, "normal_bias_corrected", end),
                                    slack);
            if (cases[_i].bca)
                ck_assert_double_eq_tol(end_of(&r, "bca", name), pair(intervals, "bca", end), slack);
        }
        if (cases[_i].bca) {
            ck_assert_double_eq_tol(answer_number(&r, "acceleration"), at(e, "acceleration_jack"), 1e-10);
            ck_assert_double_eq_tol(answer_number(&r, "z0"), at(e, "z0"), 1e-9);
        }
        taskrun_free(&r);
    }
}
END_TEST

/* The last set of runs of R's boot (R = 9999). */
static const json_t *r_runs(const char *id)
{
    const json_t *runs = json_object_get(json_object_get(rboot, id), "boot_runs");
    return json_array_get(runs, json_array_size(runs) - 1);
}

START_TEST(bca_as_r_boot)
{
    if (!json_object_get(rboot, cases[_i].id))
        return;
    const json_t *runs = r_runs(cases[_i].id), *sd = json_object_get(runs, "sd_of_one_run");
    const json_t *e = json_object_get(find_case(exact, cases[_i].id), "expected");
    const json_t *ends = json_object_get(json_object_get(json_object_get(e, "intervals"), "0.95"), "bca");
    struct taskrun r = run_case(_i, "bca", "0.95");
    double scale = 4 * sqrt(9999.0 / B);
    ck_assert_double_eq_tol(end_of(&r, "bca", "lower"), json_number_value(json_array_get(ends, 0)),
                            scale * at(sd, "bca_lo"));
    ck_assert_double_eq_tol(end_of(&r, "bca", "upper"), json_number_value(json_array_get(ends, 1)),
                            scale * at(sd, "bca_hi"));
    taskrun_free(&r);
}
END_TEST

/* The ends of one run are as far from the mean of R's runs as R's own are. */
START_TEST(other_intervals_as_r_boot)
{
    static const char *const methods[] = {"normal", "basic", "percentile"}, *const keys[] = {"norm", "basic",
                                                                                             "perc"};
    if (!json_object_get(rboot, cases[_i].id))
        return;
    const json_t *runs = r_runs(cases[_i].id), *mean = json_object_get(runs, "mean"),
                 *sd = json_object_get(runs, "sd_of_one_run");
    double scale = 4 * sqrt(9999.0 / B + 1.0 / at(runs, "runs"));
    struct taskrun r = run_case(_i, "all", "0.95");
    for (int k = 0; k < 3; k++) {
        for (int end = 0; end < 2; end++) {
            char key[40];
            (void)snprintf(key, sizeof key, "%s_%s", keys[k], end ? "hi" : "lo");
            ck_assert_double_eq_tol(end_of(&r, methods[k], end ? "upper" : "lower"), at(mean, key),
                                    scale * at(sd, key));
        }
    }
    taskrun_free(&r);
}
END_TEST

START_TEST(studentized_as_r_boot)
{
    const json_t *t = json_object_get(json_object_get(rboot, "boot-city-ratio"), "studentized");
    const json_t *mean = json_object_get(t, "mean"), *sd = json_object_get(t, "sd_of_one_run");
    double scale = 4 * sqrt(9999.0 / B + 1.0 / at(t, "runs"));
    struct taskrun r = run_case(3, "studentized", "0.95");
    for (size_t k = 0; k < 2; k++)
        ck_assert_double_eq_tol(end_of(&r, "studentized", k ? "upper" : "lower"),
                                json_number_value(json_array_get(mean, k)),
                                scale * json_number_value(json_array_get(sd, k)));
    taskrun_free(&r);
}
END_TEST

/* The index's tolerance, as R's differences have a step: 1e-3. */
START_TEST(abc_as_r_boot)
{
    const json_t *abc = json_object_get(json_object_get(rboot, cases[_i].id), "abc");
    const char *level;
    json_t *ends;
    json_object_foreach((json_t *)(uintptr_t)abc, level, ends)
    {
        struct taskrun r = run_case(_i, "abc", level);
        for (size_t k = 0; k < 2; k++) {
            double want = json_number_value(json_array_get(ends, k));
            ck_assert_double_eq_tol(end_of(&r, "abc", k ? "upper" : "lower"), want, 1e-3 * fabs(want));
        }
        taskrun_free(&r);
    }
}
END_TEST

/* ---- NIST StRD linear models ---- */

static const struct {
    const char *id, *file;
    int powers; /* of x; 0: the columns of the file */
    bool intercept;
    double lre; /* what QR reaches in double, less 1 */
} models[] = {
    {"nist-lin-Longley", "Longley", 0, true, 12},    {"nist-lin-Norris", "Norris", 1, true, 11.5},
    {"nist-lin-Wampler1", "Wampler1", 5, true, 8.8}, {"nist-lin-Wampler2", "Wampler2", 5, true, 12.6},
    {"nist-lin-Filip", "Filip", 10, true, 6.2},      {"nist-lin-Pontius", "Pontius", 2, true, 11.7},
    {"nist-lin-NoInt1", "NoInt1", 1, false, 13.7},
};

/* The data with columns x1 .. xk for the powers of x, as text. */
static const char *powers_of(const char *file, int powers)
{
    char path[PATH_BYTES], name[64], line[256];
    static char csv[65536];
    (void)snprintf(name, sizeof name, "01-nist-strd/%s.csv", file);
    reference_path(name, path);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f && fgets(line, sizeof line, f), "cannot read %s", path);
    size_t len = (size_t)snprintf(csv, sizeof csv, "y");
    for (int k = 1; k <= powers; k++)
        len += (size_t)snprintf(csv + len, sizeof csv - len, ",x%d", k);
    while (fgets(line, sizeof line, f)) {
        char *next;
        double y = strtod(line, &next), x = strtod(next + 1, NULL), power = 1;
        len += (size_t)snprintf(csv + len, sizeof csv - len, "\n%.17g", y);
        for (int k = 1; k <= powers; k++) {
            power *= x;
            len += (size_t)snprintf(csv + len, sizeof csv - len, ",%.17g", power);
        }
    }
    (void)fclose(f);
    return data_of(file, csv);
}

START_TEST(linear_models_of_nist)
{
    char path[64], stat[200];
    json_t *root = reference_json("01-nist-strd/expected.json");
    const json_t *e = json_object_get(find_case(root, models[_i].id), "expected"),
                 *params = json_object_get(e, "params");
    size_t p = json_array_size(params), n_terms = p - models[_i].intercept;
    size_t len = (size_t)snprintf(stat, sizeof stat, "lm(y~%s", models[_i].intercept ? "1" : "0");
    for (size_t k = 1; k <= n_terms; k++)
        len += (size_t)snprintf(stat + len, sizeof stat - len, "+x%zu", k);
    (void)snprintf(stat + len, sizeof stat - len, ")");
    (void)snprintf(path, sizeof path, "01-nist-strd/%s.csv", models[_i].file);
    const char *data =
        models[_i].powers ? powers_of(models[_i].file, models[_i].powers) : reference_data(path);
    struct taskrun r = task_run("boot", 1, 100, PARAMS("data", data, "stat", stat, "ci", "normal"));
    double worst = 15;
    for (size_t k = 0; k < p; k++) {
        (void)snprintf(path, sizeof path, p == 1 ? "estimate" : "coefficients.%zu.estimate", k);
        double want = at(json_array_get(params, k), "est"), got = answer_number(&r, path);
        double lre = got == want ? 15 : -log10(fabs(got - want) / (want != 0 ? fabs(want) : 1));
        worst = lre < worst ? lre : worst;
    }
    (void)printf("%s: LRE %.1f\n", models[_i].id, worst);
    ck_assert_double_ge(worst, models[_i].lre);
    taskrun_free(&r);
    json_decref(root);
}
END_TEST

static void load(void)
{
    exact = reference_json("03-bootstrap/exact.json");
    rboot = reference_json("03-bootstrap/rboot.json");
}

static void unload(void)
{
    json_decref(exact);
    json_decref(rboot);
}

int main(void)
{
    if (!reference_there())
        return 77;
    Suite *s = suite_create("task_boot_reference");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 200);
    tcase_add_unchecked_fixture(tc, load, unload);
    tcase_add_loop_test(tc, ideal_bootstrap, 0, 4);
    tcase_add_loop_test(tc, exact_answers, 1, 4);
    tcase_add_loop_test(tc, bca_as_r_boot, 0, 4);
    tcase_add_loop_test(tc, other_intervals_as_r_boot, 0, 4);
    tcase_add_test(tc, studentized_as_r_boot);
    tcase_add_loop_test(tc, abc_as_r_boot, 0, 4);
    tcase_add_loop_test(tc, linear_models_of_nist, 0, (int)(sizeof models / sizeof models[0]));
    suite_add_tcase(s, tc);
    return run_suite(s);
}
