/* mcmc run whole: posteriors that are known in closed form, the shape of the answer, rounds, files, a
 * user's density, mistakes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskrun.h"

static const char regression[] =
    "y,x,g,k\n2.1,1,a,0\n3.9,2,a,1\n6.2,3,b,0\n7.8,4,b,3\n10.1,5,a,2\n12.2,6,c,1\n13.8,7,c,4\n16.1,8,b,2\n";

static double of(const struct taskrun *r, const char *name, const char *what)
{
    char path[64];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(path, sizeof path, "parameters.%d.name", i);
        const char *is = answer_text(r, path);
        if (is && strcmp(is, name) == 0) {
            (void)snprintf(path, sizeof path, "parameters.%d.%s", i, what);
            return answer_number(r, path);
        }
    }
    ck_abort_msg("no parameter %s", name);
}

static void expect_mean(const struct taskrun *r, const char *name, double want)
{
    double got = of(r, name, "mean"), mcse = of(r, name, "mcse_mean");
    ck_assert_msg(fabs(got - want) < 4 * mcse, "%s: %.9g +- %.2g, not %.9g", name, got, mcse, want);
}

static void expect_sd(const struct taskrun *r, const char *name, double want)
{
    double got = of(r, name, "sd"), mcse = of(r, name, "mcse_sd");
    ck_assert_msg(fabs(got - want) < 4 * mcse, "sd of %s: %.9g +- %.2g, not %.9g", name, got, mcse, want);
}

/* ---- posteriors in closed form ---- */

/* With the prior 1/sigma: beta is t with n - p degrees of freedom about least squares. R: summary(lm(y ~
 * x)). */
START_TEST(linear_is_students_t)
{
    struct taskrun r = task_run("mcmc", 1, 4,
                                PARAMS("model", "linear", "data", data_of("regression.csv", regression),
                                       "formula", "y ~ x", "draws", "4000", "csv", "no"));
    double stretch = sqrt(6.0 / 4.0);
    expect_mean(&r, "beta[1]", 0.0357142857142865);
    expect_mean(&r, "beta[2]", 1.99761904761905);
    expect_sd(&r, "beta[1]", 0.140385362081028 * stretch);
    expect_sd(&r, "beta[2]", 0.0278004442668842 * stretch);
    ck_assert_str_eq(answer_text(&r, "parameters.0.term"), "(Intercept)");
    ck_assert_str_eq(answer_text(&r, "parameters.1.term"), "x");
    ck_assert_str_eq(answer_text(&r, "priors"), "beta[1] ~ flat, beta[2] ~ flat, sigma ~ log_flat");
    taskrun_free(&r);
}
END_TEST

/* Only an intercept, flat prior: the probability is Beta(3, 5), whose logit has mean digamma(3) -
 * digamma(5). */
START_TEST(logistic_is_beta)
{
    const char *data = data_of("coin.csv", "y\n1\n1\n1\n0\n0\n0\n0\n0\n");
    struct taskrun r =
        task_run("mcmc", 2, 4,
                 PARAMS("model", "logistic", "data", data, "formula", "y ~ 1", "draws", "4000", "csv", "no"));
    expect_mean(&r, "beta[1]", 0.922784335098467 - 1.506117668431801);
    expect_sd(&r, "beta[1]", sqrt(0.394934066848226 + 0.221322955737115)); /* trigamma(3) + trigamma(5) */
    taskrun_free(&r);
}
END_TEST

/* The same for a rate: Gamma(13, 8). */
START_TEST(poisson_is_gamma)
{
    struct taskrun r = task_run("mcmc", 3, 4,
                                PARAMS("model", "poisson", "data", data_of("regression.csv", regression),
                                       "formula", "k ~ 1", "draws", "4000", "csv", "no"));
    expect_mean(&r, "beta[1]", 2.525995013309145 - log(8)); /* digamma(13) */
    expect_sd(&r, "beta[1]", sqrt(0.079957428427324));      /* trigamma(13) */
    taskrun_free(&r);
}
END_TEST

START_TEST(forms_of_a_hierarchy_agree)
{
    const char *data = data_of("regression.csv", regression);
    struct taskrun a = task_run("mcmc", 4, 4,
                                PARAMS("model", "hierarchical", "data", data, "group", "g", "draws", "4000",
                                       "priors", "tau=half_normal(5)", "delta", "0.95", "csv", "no"));
    struct taskrun b =
        task_run("mcmc", 5, 4,
                 PARAMS("model", "hierarchical", "data", data, "group", "g", "draws", "4000", "priors",
                        "tau=half_normal(5)", "form", "centred", "delta", "0.95", "csv", "no"));
    static const char *const names[] = {"mu", "tau", "sigma", "theta[1]", "theta[2]", "theta[3]"};
    ck_assert_str_eq(answer_text(&a, "parameters.3.term"), "a");
    ck_assert_str_eq(answer_text(&a, "parameters.5.term"), "c");
    for (int k = 0; k < 6; k++) {
        double error = hypot(of(&a, names[k], "mcse_mean"), of(&b, names[k], "mcse_mean"));
        ck_assert_double_eq_tol(of(&a, names[k], "mean"), of(&b, names[k], "mean"), 4 * error);
    }
    taskrun_free(&a);
    taskrun_free(&b);
}
END_TEST

/* ---- the answer ---- */

START_TEST(same_seed_same_bits)
{
    struct taskrun a = task_run("mcmc", 9, 3, PARAMS("draws", "50", "warmup", "150")),
                   b = task_run("mcmc", 9, 3, PARAMS("draws", "50", "warmup", "150")),
                   c = task_run("mcmc", 8, 3, PARAMS("draws", "50", "warmup", "150"));
    ck_assert_str_eq(a.digest, b.digest);
    ck_assert_str_ne(a.digest, c.digest);
    char *x = json_dumps(a.answer, 0), *y = json_dumps(b.answer, 0);
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
    taskrun_free(&a);
    taskrun_free(&b);
    taskrun_free(&c);
}
END_TEST

START_TEST(plots_and_warnings)
{
    struct taskrun r = task_run("mcmc", 9, 2, PARAMS("draws", "100", "warmup", "300"));
    ck_assert_str_eq(answer_text(&r, "plot.panels.0.kind"), "lines");
    ck_assert_str_eq(answer_text(&r, "plot.panels.1.kind"), "steps");
    ck_assert_str_eq(answer_text(&r, "plot.panels.0.series.1.name"), "chain 2");
    ck_assert_double_eq(answer_number(&r, "plot.panels.0.series.1.x.99"), 100);
    for (int k = 0; k < 20; k++) { /* of 200 ranks each bin holds 10, in either chain */
        char path[64];
        (void)snprintf(path, sizeof path, "plot.panels.1.series.0.y.%d", k);
        double first = answer_number(&r, path);
        (void)snprintf(path, sizeof path, "plot.panels.1.series.1.y.%d", k);
        ck_assert_double_eq_tol(first + answer_number(&r, path), 10, 2); /* a rejected proposal makes a tie */
    }
    ck_assert_ptr_nonnull(answer_text(&r, "warnings.0.warning"));
    taskrun_free(&r);
    r = task_run("mcmc", 9, 1, PARAMS("draws", "100", "warmup", "200"));
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "warnings.0.warning"), "there is one"));
    taskrun_free(&r);
}
END_TEST

/* What a reader of CmdStan's files sees: # lines, the header, draws. Adds up the column of mu. */
static int read_file(const char *at, double *ret_sum)
{
    static const char header[] =
        "lp__,accept_stat__,stepsize__,treedepth__,n_leapfrog__,divergent__,energy__,mu,tau,"
        "theta.1,theta.2,theta.3,theta.4,theta.5,theta.6,theta.7,theta.8\n";
    enum { MU = 7, COLUMNS = 17 };
    int rows = 0, headers = 0;
    for (; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (*at == '#')
            continue;
        if (*at == 'l') {
            ck_assert_int_eq(strncmp(at, header, sizeof header - 1), 0);
            headers++;
            continue;
        }
        char *end = (char *)(uintptr_t)at;
        for (int k = 0; k < COLUMNS; k++) {
            double v = strtod(end, &end);
            ck_assert_int_eq(*end++, k + 1 < COLUMNS ? ',' : '\n');
            *ret_sum += k == MU ? v : 0;
        }
        rows++;
    }
    ck_assert_int_eq(headers, 1);
    return rows;
}

START_TEST(files_are_those_of_cmdstan)
{
    struct taskrun r = task_run("mcmc", 9, 2, PARAMS("draws", "40", "warmup", "200"));
    double sum = 0;
    ck_assert_str_eq(answer_text(&r, "files.1.name"), "chain_2.csv");
    const char *text = answer_text(&r, "files.1.text");
    ck_assert_ptr_nonnull(strstr(text, "# Step size = "));
    ck_assert_ptr_nonnull(strstr(text, "#     num_samples = 40\n"));
    ck_assert_ptr_nonnull(strstr(text, "#   seed = 9\n"));
    ck_assert_ptr_nonnull(strstr(text, "# id = 2\n"));
    ck_assert_int_eq(read_file(answer_text(&r, "files.0.text"), &sum), 40);
    ck_assert_int_eq(read_file(text, &sum), 40);
    ck_assert_double_eq_tol(sum / 80, of(&r, "mu", "mean"), 1e-14 * fabs(sum)); /* every digit is there */
    taskrun_free(&r);
    r = task_run("mcmc", 9, 2, PARAMS("draws", "40", "warmup", "200", "csv", "no"));
    ck_assert_ptr_null(json_object_get(r.answer, "files"));
    taskrun_free(&r);
}
END_TEST

START_TEST(rounds_double_the_draws_until_it_is_enough)
{
    struct taskrun r =
        task_run("mcmc", 9, 4, PARAMS("draws", "100", "until", "rhat<1.01,ess>400", "csv", "no"));
    ck_assert_str_eq(answer_text(&r, "until"), "not met");
    ck_assert_str_eq(answer_text(&r, "next.params.draws"), "200");
    ck_assert_double_eq(answer_number(&r, "next.n"), 4);
    ck_assert_ptr_nonnull(answer_text(&r, "next.why"));
    taskrun_free(&r);
    r = task_run("mcmc", 9, 4,
                 PARAMS("draws", "100", "until", "rhat<1.01,ess>400", "max_draws", "150", "csv", "no"));
    ck_assert_ptr_null(json_object_get(r.answer, "next"));
    ck_assert_str_eq(answer_text(&r, "stopped"), "twice the draws are more than max_draws");
    taskrun_free(&r);
    r = task_run("mcmc", 9, 4, PARAMS("draws", "7000", "until", "ess>1000000", "csv", "no"));
    ck_assert_ptr_null(json_object_get(r.answer, "next"));
    ck_assert_msg(strstr(answer_text(&r, "stopped"), "--budget") != NULL, "%s", answer_text(&r, "stopped"));
    taskrun_free(&r);
    /* one parameter that does not meet it is enough */
    r = task_run("mcmc", 9, 4, PARAMS("draws", "500", "csv", "no"));
    char rule[64];
    double last = answer_number(&r, "parameters.9.ess_bulk"), least = answer_number(&r, "least_ess_bulk");
    ck_assert_double_lt(least, 0.9 * last);
    (void)snprintf(rule, sizeof rule, "ess_bulk>%.6f", (least + last) / 2);
    taskrun_free(&r);
    r = task_run("mcmc", 9, 4, PARAMS("draws", "500", "csv", "no", "until", rule));
    ck_assert_str_eq(answer_text(&r, "until"), "not met");
    taskrun_free(&r);
    r = task_run("mcmc", 9, 4, PARAMS("draws", "2000", "until", "rhat<1.01,ess>400", "csv", "no"));
    ck_assert_str_eq(answer_text(&r, "until"), "met");
    ck_assert_ptr_null(json_object_get(r.answer, "next"));
    taskrun_free(&r);
}
END_TEST

/* ---- a density of the user's ---- */

START_TEST(a_users_density_is_sampled)
{
    static const char *const names[] = {"qx_test_good", "qx_test_no_gradient"}, *const samplers[] = {
                                                                                    "nuts", "hmc", "rwm"};
    for (int k = 0; k < 2; k++) {
        struct taskrun r = task_run("mcmc", 6, 4,
                                    PARAMS("model", "user", "density", names[k], "args", "10", "sampler",
                                           samplers[_i], "draws", "3000", "csv", "no"));
        expect_mean(&r, "a", 10);
        expect_sd(&r, "a", 2);
        expect_mean(&r, "b", 1);
        ck_assert((answer_text(&r, "note") != NULL) == (k == 1));
        taskrun_free(&r);
    }
}
END_TEST

START_TEST(a_chain_that_cannot_start_is_counted)
{
    ck_assert_str_eq(task_error("mcmc", 4, PARAMS("model", "user", "density", "qx_test_nowhere")),
                     "no chain could start");
    /* finite only above 1.98, where one start in 200 lies: 100 tries find it in 2 chains of 5 */
    struct taskrun r = task_run(
        "mcmc", 1, 40, PARAMS("model", "user", "density", "qx_test_rare", "args", "10", "draws", "20"));
    ck_assert_uint_lt(r.n_failed, 40);
    ck_assert_uint_gt(r.n_failed, 0);
    ck_assert_msg(strncmp(r.cause, "no start: the density is not finite at a=", 40) == 0, "%s", r.cause);
    ck_assert_double_eq(answer_number(&r, "n_chains"), (double)(40 - r.n_failed));
    ck_assert_ptr_nonnull(
        strstr(answer_text(&r, "warnings.0.warning"), "failed; the others make the answer"));
    taskrun_free(&r);
}
END_TEST

/* ---- mistakes ---- */

static void expect(const char *part, const char *const *params)
{
    const char *text = task_error("mcmc", 4, params);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(mistakes_are_explained)
{
    expect("rho= has no use with model=linear: it is for gaussian user",
           PARAMS("model", "linear", "rho", "0.2"));
    expect("path= has no use with sampler=nuts: it is for hmc", PARAMS("model", "schools", "path", "2"));
    const char *data = data_of("regression.csv", regression);
    expect("writes 1360128 bytes, and an item may write 1048576: run with --budget 1360128",
           PARAMS("draws", "10000", "model", "schools"));
    expect("until: ", PARAMS("until", "rhat<0.5"));
    expect("priors: ", PARAMS("priors", "mu=normal"));
    expect("model=schools has no prior for \"sigma\"; it has mu ~ normal(0, 5), tau ~ half_cauchy(5)",
           PARAMS("priors", "sigma=flat"));
    expect("model=linear needs formula=", PARAMS("model", "linear", "data", data));
    expect("give data=", PARAMS("model", "normal"));
    expect("did you mean 'y'", PARAMS("model", "normal", "data", data, "y", "yy"));
    expect("model=user needs density=NAME", PARAMS("model", "user"));
    expect("is not a name of letters", PARAMS("model", "user", "density", "/tmp/x.so"));
    expect("cannot open shared object", PARAMS("model", "user", "density", "nosuch"));
    expect("the gradient is wrong in coordinate 2 of 2", PARAMS("model", "user", "density", "qx_test_wrong"));
    expect("args: a number is wanted", PARAMS("model", "user", "density", "qx_test_good", "args", "ten"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_mcmc");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, linear_is_students_t);
    tcase_add_test(tc, logistic_is_beta);
    tcase_add_test(tc, poisson_is_gamma);
    tcase_add_test(tc, forms_of_a_hierarchy_agree);
    tcase_add_test(tc, same_seed_same_bits);
    tcase_add_test(tc, plots_and_warnings);
    tcase_add_test(tc, files_are_those_of_cmdstan);
    tcase_add_test(tc, rounds_double_the_draws_until_it_is_enough);
    tcase_add_loop_test(tc, a_users_density_is_sampled, 0, 3);
    tcase_add_test(tc, a_chain_that_cannot_start_is_counted);
    tcase_add_test(tc, mistakes_are_explained);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
