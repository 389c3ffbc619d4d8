/* mcmc against posteriors known exactly, against the reference draws of posteriordb, and against NIST StRD.
 * Posterior means within 4 Monte Carlo errors, of both sides where the reference has one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/diagnostics.h"
#include "taskrun.h"

enum { CSV_BYTES = 1 << 20 };

/* ---- diagnostics of given draws ---- */

enum { DRAWS_MAX = 4000 };

/* A header, then a column for each chain. */
static uint32_t read_draws(const char *file, uint32_t n_chains, double *x, uint32_t n_draws)
{
    char path[128], full[PATH_BYTES], line[512];
    (void)snprintf(path, sizeof path, "06-mcmc/%s", file);
    reference_path(path, full);
    FILE *f = fopen(full, "r");
    ck_assert_msg(f && fgets(line, sizeof line, f), "cannot read %s", full);
    uint32_t i = 0;
    for (; i < n_draws && fgets(line, sizeof line, f); i++) {
        char *at = line;
        for (uint32_t c = 0; c < n_chains; c++, at++)
            x[c * n_draws + i] = strtod(at, &at);
    }
    (void)fclose(f);
    return i;
}

START_TEST(diagnostics_of_given_draws)
{
    static double x[DRAWS_MAX];
    json_t *root = reference_json("06-mcmc/diagnostics.json");
    const char *file, *name;
    json_t *want, *v;
    json_object_foreach(json_object_get(root, "cases"), file, want)
    {
        uint32_t n = (uint32_t)json_integer_value(json_object_get(want, "iterations")),
                 m = (uint32_t)json_integer_value(json_object_get(want, "chains"));
        ck_assert_uint_eq(read_draws(file, m, x, n), n);
        struct diag d;
        struct diag_work *w = diag_work_new(n, m);
        diag_compute(w, x, &d);
        (void)diag_work_free(w);
        const struct {
            const char *name;
            double got;
        } of[] = {{"mean", d.mean},           {"sd", d.sd},
                  {"rhat", d.rhat},           {"rhat_basic_split", d.rhat_basic},
                  {"ess_bulk", d.ess_bulk},   {"ess_tail", d.ess_tail},
                  {"ess_mean", d.ess_mean},   {"ess_basic_split", d.ess_basic},
                  {"ess_sd", d.ess_sd},       {"ess_median", d.ess_median},
                  {"ess_q05", d.ess_q5},      {"ess_q95", d.ess_q95},
                  {"mcse_mean", d.mcse_mean}, {"mcse_sd", d.mcse_sd},
                  {"mcse_q05", d.mcse_q5},    {"mcse_median", d.mcse_median},
                  {"mcse_q95", d.mcse_q95}};
        size_t compared = 0;
        json_object_foreach(want, name, v)
        {
            for (size_t k = 0; k < sizeof of / sizeof of[0]; k++) {
                if (strcmp(of[k].name, name) != 0)
                    continue;
                double r = json_number_value(v);
                ck_assert_msg(fabs(of[k].got - r) <= 1e-8 * fabs(r), "%s: %s is %.15g, not %.15g", file, name,
                              of[k].got, r);
                compared++;
            }
        }
        ck_assert_uint_eq(compared, sizeof of / sizeof of[0]);
    }
    json_decref(root);
}
END_TEST

/* ---- the data of posteriordb as CSV ---- */

struct csv {
    char *text;
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct csv *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    c->len += (size_t)vsnprintf(c->text + c->len, CSV_BYTES - c->len, fmt, ap);
    va_end(ap);
    ck_assert_uint_lt(c->len, CSV_BYTES);
}

/* Columns of the same length; a matrix makes as many columns as it is wide. */
static const char *columns_of(const json_t *data, const char *const *names, size_t n_names)
{
    struct csv c = {malloc(CSV_BYTES), 0};
    const json_t *first = json_object_get(data, names[0]);
    for (size_t k = 0; k < n_names; k++) {
        const json_t *row = json_array_get(json_object_get(data, names[k]), 0);
        size_t width = json_is_array(row) ? json_array_size(row) : 0;
        for (size_t j = 0; j < width; j++)
            add(&c, "%s%s%zu", k + j > 0 ? "," : "", names[k], j + 1);
        if (width == 0)
            add(&c, "%s%s", k > 0 ? "," : "", names[k]);
    }
    add(&c, "\n");
    for (size_t i = 0; i < json_array_size(first); i++) {
        for (size_t k = 0; k < n_names; k++) {
            const json_t *cell = json_array_get(json_object_get(data, names[k]), i);
            size_t width = json_is_array(cell) ? json_array_size(cell) : 0;
            for (size_t j = 0; j < width; j++)
                add(&c, "%s%.17g", k + j > 0 ? "," : "", json_number_value(json_array_get(cell, j)));
            if (width == 0)
                add(&c, "%s%.17g", k > 0 ? "," : "", json_number_value(cell));
        }
        add(&c, "\n");
    }
    const char *ref = data_of(names[0], c.text);
    free(c.text);
    return ref;
}

static const char *data_file(const char *file, const char *const *names, size_t n_names, json_t **ret_json)
{
    char path[128];
    (void)snprintf(path, sizeof path, "06-mcmc/%s", file);
    json_t *data = reference_json(path);
    const char *ref = columns_of(data, names, n_names);
    if (ret_json)
        *ret_json = data;
    else
        json_decref(data);
    return ref;
}

/* ---- comparing ---- */

static int place_of(const struct taskrun *r, const char *name)
{
    char path[64];
    for (int i = 0; i < 200; i++) {
        (void)snprintf(path, sizeof path, "parameters.%d.name", i);
        const char *is = answer_text(r, path);
        if (is && strcmp(is, name) == 0)
            return i;
    }
    ck_abort_msg("no parameter %s in the answer", name);
}

static double of(const struct taskrun *r, const char *name, const char *what)
{
    char path[64];
    (void)snprintf(path, sizeof path, "parameters.%d.%s", place_of(r, name), what);
    return answer_number(r, path);
}

static void check_converged(const struct taskrun *r)
{
    ck_assert_uint_eq(r->n_failed, 0);
    ck_assert_double_lt(answer_number(r, "worst_rhat"), 1.01);
    ck_assert_double_gt(answer_number(r, "least_ess_bulk"), 400);
    ck_assert_double_gt(answer_number(r, "least_ess_tail"), 400);
}

static double within(const struct taskrun *r, const char *name, const char *what, const char *error,
                     double want, double want_error)
{
    double got = of(r, name, what), mcse = of(r, name, error), z = (got - want) / hypot(mcse, want_error);
    ck_assert_msg(fabs(z) < 4, "%s of %s: %.9g, not %.9g (%.1f Monte Carlo errors)", what, name, got, want,
                  z);
    return fabs(z);
}

static double json_at(const json_t *v, const char *name)
{
    const json_t *m = json_object_get(v, name);
    ck_assert_msg(m != NULL, "no %s in the reference", name);
    return json_is_string(m) ? strtod(json_string_value(m), NULL) : json_number_value(m);
}

/* `ours`: our names in the order of the reference's, NULL where they are the same. */
static void check_posterior(const struct taskrun *r, const char *id, const char *const *ours)
{
    json_t *root = reference_json("06-mcmc/posteriordb.json");
    const json_t *found = json_object_get(json_object_get(root, "cases"), id);
    if (!found)
        found = json_object_get(root, id);
    ck_assert_msg(found != NULL, "no case %s", id);
    const json_t *params = json_object_get(found, "params"), *p;
    size_t i;
    double worst = 0;
    json_array_foreach(params, i, p)
    {
        const char *name = ours ? ours[i] : json_string_value(json_object_get(p, "name"));
        worst =
            fmax(worst, within(r, name, "mean", "mcse_mean", json_at(p, "mean"), json_at(p, "mcse_mean")));
        worst = fmax(worst, within(r, name, "sd", "mcse_sd", json_at(p, "sd"), json_at(p, "mcse_sd")));
    }
    ck_assert_uint_gt(i, 0);
    (void)printf("%s: %zu parameters, worst |z| %.2f, R-hat %.4f, ESS %.0f %.0f\n", id, i, worst,
                 answer_number(r, "worst_rhat"), answer_number(r, "least_ess_bulk"),
                 answer_number(r, "least_ess_tail"));
    json_decref(root);
}

START_TEST(eight_schools)
{
    static const char *const columns[] = {"y", "sigma"}, *const forms[] = {"noncentred", "centred"};
    const char *data = data_file("eight_schools.data.json", columns, 2, NULL);
    json_t *root = reference_json("06-mcmc/exact.json");
    json_t *exact =
        json_object_get(json_object_get(json_object_get(root, "cases"), "exact-eight-schools"), "expected");
    struct taskrun r = task_run("mcmc", 11, 4,
                                PARAMS("model", "schools", "data", data, "form", forms[_i], "draws", "5000",
                                       "csv", "no", "delta", _i ? "0.95" : "0.8"));
    /* the centred form is known to be hard: its funnel keeps ESS small and lets some trajectories diverge */
    if (_i == 0)
        check_converged(&r);
    const char *name;
    json_t *v;
    json_object_foreach(exact, name, v)
    {
        if (!json_is_object(v))
            continue;
        (void)within(&r, name, "mean", "mcse_mean", json_at(v, "mean"), 0);
        if (_i == 0)
            (void)within(&r, name, "sd", "mcse_sd", json_at(v, "sd"), 0);
    }
    check_posterior(&r, "eight_schools-eight_schools_noncentered", NULL);
    json_decref(root);
    taskrun_free(&r);
}
END_TEST

START_TEST(kidiq)
{
    static const char *const columns[] = {"kid_score", "mom_iq"};
    struct taskrun r =
        task_run("mcmc", 3, 4,
                 PARAMS("model", "linear", "data", data_file("kidiq.data.json", columns, 2, NULL), "formula",
                        "kid_score ~ mom_iq", "priors", "sigma=half_cauchy(2.5)"));
    check_converged(&r);
    check_posterior(&r, "kidiq-kidscore_momiq", NULL);
    taskrun_free(&r);
}
END_TEST

START_TEST(sbl)
{
    static const char *const columns[] = {"y", "X"}, *const files[] = {"sblri", "sblrc"};
    char file[32], id[32];
    (void)snprintf(file, sizeof file, "%s.data.json", files[_i]);
    (void)snprintf(id, sizeof id, "%s-blr", files[_i]);
    struct taskrun r = task_run("mcmc", 3, 4,
                                PARAMS("model", "linear", "data", data_file(file, columns, 2, NULL),
                                       "formula", "y ~ X1 + X2 + X3 + X4 + X5 - 1", "priors",
                                       "beta=normal(0,10), sigma=half_normal(10)"));
    check_converged(&r);
    check_posterior(&r, id, NULL);
    taskrun_free(&r);
}
END_TEST

/* Three samplers on the same posterior. */
START_TEST(kilpisjarvi)
{
    static const char *const columns[] = {"y", "x"}, *const ours[] = {"beta[1]", "beta[2]", "sigma"},
                             *const samplers[] = {"nuts", "hmc", "rwm"},
                             *const draws[] = {"1000", "1000", "4000"};
    json_t *json;
    char priors[200];
    const char *data = data_file("kilpisjarvi_mod.data.json", columns, 2, &json);
    (void)snprintf(priors, sizeof priors,
                   "(Intercept)=normal(%.17g,%.17g), x=normal(%.17g,%.17g), sigma=flat",
                   json_at(json, "pmualpha"), json_at(json, "psalpha"), json_at(json, "pmubeta"),
                   json_at(json, "psbeta"));
    json_decref(json);
    struct taskrun r = task_run("mcmc", 3, 4,
                                PARAMS("model", "linear", "data", data, "formula", "y ~ x", "priors", priors,
                                       "sampler", samplers[_i], "draws", draws[_i]));
    check_converged(&r);
    check_posterior(&r, "kilpisjarvi_mod-kilpisjarvi", ours);
    taskrun_free(&r);
}
END_TEST

START_TEST(arma)
{
    static const char *const columns[] = {"y"};
    struct taskrun r = task_run(
        "mcmc", 5, 4, PARAMS("model", "arma", "data", data_file("arma.data.json", columns, 1, NULL)));
    check_converged(&r);
    check_posterior(&r, "arma-arma11", NULL);
    taskrun_free(&r);
}
END_TEST

/* y ~ N(mu, sigma), prior 1/sigma. */
START_TEST(nist)
{
    json_t *root = reference_json("01-nist-strd/expected.json"), *c;
    const json_t *found = NULL;
    size_t i;
    json_array_foreach(json_object_get(root, "cases"), i, c)
    {
        if (strcmp(json_string_value(json_object_get(c, "id")), "nist-mcmc01") == 0)
            found = json_object_get(c, "expected");
    }
    ck_assert_ptr_nonnull(found);
    struct taskrun r = task_run(
        "mcmc", 3, 4,
        PARAMS("model", "normal", "data", reference_data("01-nist-strd/mcmc01.csv"), "draws", "2000"));
    check_converged(&r);
    static const char *const names[] = {"mu", "sigma"};
    for (int k = 0; k < 2; k++) {
        const json_t *e = json_object_get(found, names[k]);
        ck_assert_msg(e != NULL, "%s", json_dumps(found, 0));
        (void)within(&r, names[k], "mean", "mcse_mean", json_at(e, "mean"), 0);
        (void)within(&r, names[k], "sd", "mcse_sd", json_at(e, "sd"), 0);
    }
    taskrun_free(&r);
    json_decref(root);
}
END_TEST

/* Means 0, variances 1. */
START_TEST(correlated_gaussian)
{
    static const char *const samplers[] = {"nuts", "hmc", "rwm"}, *const draws[] = {"1000", "2000", "6000"};
    char name[16];
    struct taskrun r = task_run(
        "mcmc", 7, 4,
        PARAMS("model", "gaussian", "dim", "10", "rho", "0.9", "sampler", samplers[_i], "draws", draws[_i]));
    check_converged(&r);
    for (int k = 1; k <= 10; k++) {
        (void)snprintf(name, sizeof name, "x[%d]", k);
        (void)within(&r, name, "mean", "mcse_mean", 0, 0);
        (void)within(&r, name, "sd", "mcse_sd", 1, 0);
    }
    taskrun_free(&r);
}
END_TEST

int main(void)
{
    if (!reference_there())
        return 77;
    Suite *s = suite_create("task_mcmc_reference");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 250);
    tcase_add_test(tc, diagnostics_of_given_draws);
    tcase_add_loop_test(tc, eight_schools, 0, 2);
    tcase_add_test(tc, kidiq);
    tcase_add_loop_test(tc, sbl, 0, 2);
    tcase_add_loop_test(tc, kilpisjarvi, 0, 3);
    tcase_add_test(tc, arma);
    tcase_add_test(tc, nist);
    tcase_add_loop_test(tc, correlated_gaussian, 0, 3);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
