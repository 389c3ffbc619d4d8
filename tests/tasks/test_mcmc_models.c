/* The models of mcmc: each log density differs from the model's, written out, by a constant; each gradient
 * is that of its density; samplers leave their targets as they are. The models get their data from a
 * context made here. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/chain.h"
#include "mcmc/target.h"

/* ---- a context that knows parameters and one data set ---- */

enum { ROWS = 12, COLUMNS = 5 };

static const double col_y[ROWS] = {1.5, 2.25, -0.5, 3, 4.75, 2, 0.5, 3.5, 2.75, 5, 1, 2.5},
                    col_x[ROWS] = {0.1, 0.5, -1, 1.2, 2.2, 0.3, -0.4, 1.1, 0.7, 1.9, -0.2, 0.6},
                    col_se[ROWS] = {1, 2, 1.5, 1, 0.5, 3, 1, 2, 1, 1, 0.7, 1.3},
                    col_count[ROWS] = {0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1};
static const uint32_t codes[ROWS] = {0, 0, 1, 1, 2, 2, 0, 1, 2, 0, 1, 2};
static const char *const levels[] = {"b", "a", "c"};
static const struct qx_column columns[COLUMNS] = {
    {"y", QX_COLUMN_REAL, col_y, NULL, NULL, 0, 0},   {"x", QX_COLUMN_REAL, col_x, NULL, NULL, 0, 0},
    {"se", QX_COLUMN_REAL, col_se, NULL, NULL, 0, 0}, {"n", QX_COLUMN_REAL, col_count, NULL, NULL, 0, 0},
    {"g", QX_COLUMN_TEXT, NULL, codes, levels, 3, 0},
};

static const char *const *said; /* name, value, .. NULL */
static char last_error[256];

static const char *ctx_param(struct qx_ctx *c, const char *name, bool *ret_given)
{
    (void)c;
    for (const char *const *p = said; *p; p += 2) {
        if (strcmp(*p, name) == 0) {
            if (ret_given)
                *ret_given = true;
            return p[1];
        }
    }
    if (ret_given)
        *ret_given = false;
    return "";
}

static double ctx_real(struct qx_ctx *c, const char *name)
{
    return strtod(ctx_param(c, name, NULL), NULL);
}

static int64_t ctx_int(struct qx_ctx *c, const char *name)
{
    return strtol(ctx_param(c, name, NULL), NULL, 10);
}

static const struct qx_table *ctx_table(struct qx_ctx *c, const char *name)
{
    (void)name;
    return strcmp(ctx_param(c, "data", NULL), "yes") == 0 ? (const void *)columns : NULL;
}

static uint64_t ctx_rows(const struct qx_table *t)
{
    (void)t;
    return ROWS;
}

static uint32_t ctx_columns(const struct qx_table *t)
{
    (void)t;
    return COLUMNS;
}

static const struct qx_column *ctx_column(const struct qx_table *t, uint32_t i)
{
    (void)t;
    return &columns[i];
}

static qx_err ctx_error(struct qx_ctx *c, qx_err code, const char *fmt, va_list ap)
{
    (void)c;
    (void)vsnprintf(last_error, sizeof last_error, fmt, ap);
    return code;
}

static const struct qx_column *ctx_find(struct qx_ctx *c, const struct qx_table *t, const char *name)
{
    (void)t;
    for (int i = 0; i < COLUMNS; i++) {
        if (strcmp(columns[i].name, name) == 0)
            return &columns[i];
    }
    (void)qx_error(c, QX_ERR_INVALID, "the data have no column '%s'", name);
    return NULL;
}

static void ctx_progress(struct qx_ctx *c, double share)
{
    (void)c;
    ck_assert_double_le(share, 1);
}

static const struct qx_host host = {.struct_size = sizeof host,
                                    .param = ctx_param,
                                    .param_real = ctx_real,
                                    .param_int = ctx_int,
                                    .table = ctx_table,
                                    .table_rows = ctx_rows,
                                    .table_columns = ctx_columns,
                                    .table_column = ctx_column,
                                    .table_find = ctx_find,
                                    .verror = ctx_error,
                                    .progress = ctx_progress};
static const volatile uint32_t never;
static struct qx_ctx ctx = {&host, 7, &never, NULL};

static qx_err open_model(target_open_f *open, const char *const *params, struct target *t)
{
    static struct priors priors;
    char why[PLACE_BYTES];
    said = params;
    *t = (struct target){.n_dim = 0};
    ck_assert_msg(priors_parse(&priors, ctx_param(&ctx, "priors", NULL), why), "%s", why);
    qx_err e = open(&(struct target_spec){&ctx, &priors}, t);
    if (e != QX_ERR_OK)
        target_close(t);
    return e;
}

/* ---- the models written out: log posterior of q by what people see, and the log Jacobian ---- */

static double normal(double y, double m, double s)
{
    double z = (y - m) / s;
    return -log(s) - 0.5 * z * z;
}

static double half_cauchy(double x, double s)
{
    return -log1p(x * x / (s * s));
}

static double plain_normal(const double *o)
{
    double lp = -log(o[1]) /* prior */ + log(o[1]) /* Jacobian */;
    for (int i = 0; i < ROWS; i++)
        lp += normal(col_y[i], o[0], o[1]);
    return lp;
}

/* The Jacobian of theta = mu + tau z and of its centred form differ by tau^J. */
static double schools(const double *o, bool centred)
{
    double lp = normal(o[0], 0, 5) + half_cauchy(o[1], 5) + log(o[1]) + (centred ? 0 : ROWS * log(o[1]));
    for (int i = 0; i < ROWS; i++)
        lp += normal(col_y[i], o[i + 2], col_se[i]) + normal(o[i + 2], o[0], o[1]);
    return lp;
}

static double schools_noncentred(const double *o)
{
    return schools(o, false);
}

static double schools_centred(const double *o)
{
    return schools(o, true);
}

static double hierarchical(const double *o, bool centred)
{
    double lp = normal(o[0], 1, 3) + half_cauchy(o[1], 2) + log(o[1]) - log(o[2]) + log(o[2]) +
                (centred ? 0 : 3 * log(o[1]));
    for (int i = 0; i < ROWS; i++)
        lp += normal(col_y[i], o[3 + codes[i]], o[2]);
    for (int j = 0; j < 3; j++)
        lp += normal(o[3 + j], o[0], o[1]);
    return lp;
}

static double hierarchical_noncentred(const double *o)
{
    return hierarchical(o, false);
}

static double hierarchical_centred(const double *o)
{
    return hierarchical(o, true);
}

/* y ~ x + g: a is the base, R sorts levels */
static double predictor(const double *b, int i)
{
    return b[0] + b[1] * col_x[i] + (codes[i] == 0 ? b[2] : 0) + (codes[i] == 2 ? b[3] : 0);
}

static double linear(const double *o)
{
    double lp = half_cauchy(o[4], 2.5) + log(o[4]);
    for (int k = 0; k < 4; k++)
        lp += normal(o[k], 0, k == 1 ? 0.5 : 10);
    for (int i = 0; i < ROWS; i++)
        lp += normal(col_y[i], predictor(o, i), o[4]);
    return lp;
}

static double logistic(const double *o)
{
    double lp = 0;
    for (int k = 0; k < 4; k++)
        lp += normal(o[k], 0, 2.5);
    for (int i = 0; i < ROWS; i++)
        lp += col_count[i] * predictor(o, i) - log1p(exp(predictor(o, i)));
    return lp;
}

static double poisson(const double *o)
{
    double lp = 0;
    for (int k = 0; k < 4; k++)
        lp += normal(o[k], 0, 2.5);
    for (int i = 0; i < ROWS; i++) {
        double eta = predictor(o, i) + log(col_se[i]);
        lp += col_count[i] * eta - exp(eta);
    }
    return lp;
}

static double binomial(const double *o)
{
    double lp = normal(o[0], 0, 1) + normal(o[1], 0, 1);
    for (int i = 0; i < ROWS; i++)
        lp += col_count[i] * (o[0] + o[1] * col_x[i]) - 2 * log1p(exp(o[0] + o[1] * col_x[i]));
    return lp;
}

static double arma(const double *o)
{
    double lp = normal(o[0], 0, 10) + normal(o[1], 0, 2) + normal(o[2], 0, 2) + half_cauchy(o[3], 2.5) +
                log(o[3]),
           err = 0;
    for (int i = 0; i < ROWS; i++) {
        double nu = i == 0 ? o[0] + o[1] * o[0] : o[0] + o[1] * col_y[i - 1] + o[2] * err;
        err = col_y[i] - nu;
        lp += normal(col_y[i], nu, o[3]);
    }
    return lp;
}

static double gaussian(const double *o)
{
    double lp = normal(o[0], 0, 1), s = sqrt(1 - 0.6 * 0.6);
    for (int i = 1; i < 4; i++)
        lp += normal(o[i], 0.6 * o[i - 1], s);
    return lp;
}

#define P(...) ((const char *const[]){__VA_ARGS__, NULL})
static const struct {
    const char *name;
    target_open_f *open;
    double (*plain)(const double *out);
    const char *const *params;
} models[] = {
    {"normal", target_open_normal, plain_normal, P("data", "yes", "y", "y")},
    {"schools", target_open_schools, schools_noncentred, P("data", "yes", "y", "y", "se", "se")},
    {"schools centred", target_open_schools, schools_centred,
     P("data", "yes", "y", "y", "se", "se", "form", "centred")},
    {"hierarchical", target_open_hierarchical, hierarchical_noncentred,
     P("data", "yes", "y", "y", "group", "g", "priors", "mu=normal(1,3), tau=half_cauchy(2)")},
    {"hierarchical centred", target_open_hierarchical, hierarchical_centred,
     P("data", "yes", "y", "y", "group", "g", "priors", "mu=normal(1,3), tau=half_cauchy(2)", "form",
       "centred")},
    {"linear", target_open_linear, linear,
     P("data", "yes", "formula", "y ~ x + g", "priors",
       "beta=normal(0,10), x=normal(0,0.5), sigma=half_cauchy(2.5)")},
    {"logistic", target_open_logistic, logistic,
     P("data", "yes", "formula", "n ~ x + g", "priors", "beta=normal(0,2.5)")},
    {"poisson", target_open_poisson, poisson,
     P("data", "yes", "formula", "n ~ x + g + offset(log(se))", "priors", "beta=normal(0,2.5)")},
    {"binomial", target_open_logistic, binomial,
     P("data", "yes", "formula", "cbind(n, 2 - n) ~ x", "priors", "beta=normal(0,1)")},
    {"arma", target_open_arma, arma, P("data", "yes", "y", "y")},
    {"gaussian", target_open_gaussian, gaussian, P("dim", "4", "rho", "0.6")},
};
enum { N_MODELS = sizeof models / sizeof models[0], POINTS = 20 };

START_TEST(densities_and_gradients)
{
    struct target t;
    double q[32], out[32], given = 0, difference = 0, constant = NAN;
    qx_err e = open_model(models[_i].open, models[_i].params, &t);
    ck_assert_msg(e == QX_ERR_OK, "%s: %s", models[_i].name, last_error);
    struct qx_stream rng = qx_item_stream(&ctx, (uint64_t)_i, 0);
    for (int k = 0; k < POINTS; k++) {
        for (uint32_t i = 0; i < t.n_dim; i++)
            q[i] = 3 * qx_uniform(&rng) - 1.5;
        t.constrain(&t, q, out);
        double d = t.log_density(&t, q, NULL) - models[_i].plain(out);
        if (k == 0)
            constant = d;
        ck_assert_msg(fabs(d - constant) < 1e-9 * (1 + fabs(constant) + fabs(models[_i].plain(out))),
                      "%s: the density is off by %.12g and %.12g", models[_i].name, constant, d);
        size_t bad = target_check_gradient(&t, q, &given, &difference);
        ck_assert_msg(bad == SIZE_MAX, "%s: derivative %zu is %.9g, not %.9g", models[_i].name, bad, given,
                      difference);
    }
    target_close(&t);
}
END_TEST

/* ---- what the data do not allow ---- */

START_TEST(mistakes_are_explained)
{
    const struct {
        target_open_f *open;
        const char *const *params;
        const char *why;
    } of[] = {
        {target_open_normal, P("y", "y"), "give data="},
        {target_open_normal, P("data", "yes", "y", "yy"), "no column 'yy'"},
        {target_open_normal, P("data", "yes", "y", "g"), "y: column \"g\" holds text"},
        {target_open_schools, P("data", "yes", "y", "y", "se", "x"),
         "se: the standard error in data row 3 is not above 0"},
        {target_open_linear, P("data", "yes"), "needs formula="},
        {target_open_linear, P("data", "yes", "formula", "~ x"), "needs a response"},
        {target_open_linear, P("data", "yes", "formula", "y ~ x +* g"), "formula: "},
        {target_open_linear, P("data", "yes", "formula", "y ~ factor(y)"),
         "12 rows are too few for 12 coefficients"},
        {target_open_logistic, P("data", "yes", "formula", "y ~ x"), "must be 0 or 1"},
        {target_open_poisson, P("data", "yes", "formula", "y ~ x"), "must be counts"},
        {target_open_poisson, P("data", "yes", "formula", "cbind(n, 1 - n) ~ x"),
         "cbind() is for model=logistic"},
        {target_open_logistic, P("data", "yes", "formula", "n ~ I(n * 2 + x/10)"), "the data are separated"},
        {target_open_poisson, P("data", "yes", "formula", "n ~ factor(n)"), "rates of 0"},
        {target_open_linear, P("data", "yes", "formula", "y ~ x", "priors", "x=half_normal(1)"),
         "x can be negative"},
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct target t;
        last_error[0] = '\0';
        ck_assert_int_eq(open_model(of[i].open, of[i].params, &t), QX_ERR_INVALID);
        ck_assert_msg(strstr(last_error, of[i].why) != NULL, "%zu: \"%s\" does not say \"%s\"", i, last_error,
                      of[i].why);
    }
}
END_TEST

START_TEST(aliased_columns_are_dropped_and_said)
{
    struct target t;
    ck_assert_int_eq(
        open_model(target_open_linear, P("data", "yes", "formula", "y ~ x + I(2 * x + 1) + se"), &t),
        QX_ERR_OK);
    ck_assert_uint_eq(t.n_out, 4);
    ck_assert_str_eq(t.terms[2], "se");
    ck_assert_msg(strstr(t.note, "I(2 * x + 1)") != NULL, "%s", t.note);
    target_close(&t);
}
END_TEST

/* ---- samplers ---- */

static const struct chain_config usual = {
    .n_draws = 4000, .n_warmup = 1000, .thin = 1, .max_depth = 10, .delta = 0.8, .path = 1.5, .radius = 2};

START_TEST(samplers_find_means_and_variances)
{
    struct target t;
    struct chain c;
    char why[CHAIN_ERROR_BYTES];
    struct chain_config config = usual;
    config.kind = (enum sampler_kind)_i;
    ck_assert_int_eq(open_model(target_open_gaussian, P("dim", "3", "rho", "0.7"), &t), QX_ERR_OK);
    ck_assert(chain_init(&c, &config, &t));
    size_t n = chain_record_doubles(&config, t.n_dim, t.n_out);
    double *record = malloc(n * sizeof *record), *again = malloc(n * sizeof *again);
    ck_assert_msg(chain_run(&c, &ctx, 5, record, why) == QX_ERR_OK, "%s", why);
    for (uint32_t k = 0; k < 3; k++) {
        double sum = 0, squares = 0;
        for (uint32_t i = 0; i < config.n_draws; i++) {
            double v = record[RECORD_HEADER + 3 + i * (DRAW_COLUMNS + 3) + DRAW_COLUMNS + k];
            sum += v;
            squares += v * v;
        }
        ck_assert_double_eq_tol(sum / config.n_draws, 0, 0.15);
        ck_assert_double_eq_tol(squares / config.n_draws, 1, 0.2);
    }
    /* nothing is left over from the chain before */
    ck_assert_int_eq(chain_run(&c, &ctx, 6, again, why), QX_ERR_OK);
    ck_assert_double_ne(again[n - 1], record[n - 1]);
    ck_assert_int_eq(chain_run(&c, &ctx, 5, again, why), QX_ERR_OK);
    ck_assert_int_eq(memcmp(record, again, n * sizeof *record), 0);
    free(record);
    free(again);
    chain_fini(&c);
    target_close(&t);
}
END_TEST

/* However long the path and small the steps. */
START_TEST(trajectories_of_hmc_have_an_end)
{
    struct target t;
    struct chain c;
    char why[CHAIN_ERROR_BYTES];
    struct chain_config config = usual;
    config.kind = SAMPLER_HMC;
    config.n_draws = 100;
    config.n_warmup = 50;
    config.max_depth = 3;
    config.path = 1000;
    ck_assert_int_eq(open_model(target_open_gaussian, P("dim", "3", "rho", "0.7"), &t), QX_ERR_OK);
    ck_assert(chain_init(&c, &config, &t));
    double *record = malloc(chain_record_doubles(&config, t.n_dim, t.n_out) * sizeof *record);
    ck_assert_msg(chain_run(&c, &ctx, 5, record, why) == QX_ERR_OK, "%s", why);
    ck_assert_double_le(record[RECORD_WARMUP_LEAPFROGS], 8 * 50);
    for (uint32_t i = 0; i < config.n_draws; i++)
        ck_assert_double_le(record[RECORD_HEADER + 3 + i * (DRAW_COLUMNS + 3) + DRAW_LEAPFROGS], 8);
    free(record);
    chain_fini(&c);
    target_close(&t);
}
END_TEST

/* Leapfrog steps go back where they came from, and keep the energy to second order. */
START_TEST(leapfrog_is_reversible)
{
    struct target t;
    struct sampler s;
    double before[4];
    ck_assert_int_eq(open_model(target_open_gaussian, P("dim", "4", "rho", "0.6"), &t), QX_ERR_OK);
    ck_assert(sampler_init(&s, SAMPLER_NUTS, &t, 10, 1));
    struct qx_stream rng = qx_item_stream(&ctx, 0, 0);
    for (int i = 0; i < 4; i++)
        s.z.q[i] = before[i] = qx_normal(&rng);
    phase_evaluate(&s.space, &s.z);
    phase_draw_momentum(&s.space, &s.z, &rng);
    double h0 = phase_energy(&s.space, &s.z), errors[2];
    for (int half = 0; half < 2; half++) {
        double step = half ? 0.05 : 0.1;
        int n = half ? 40 : 20;
        for (int i = 0; i < n; i++)
            phase_leapfrog(&s.space, &s.z, step);
        errors[half] = fabs(phase_energy(&s.space, &s.z) - h0);
        for (int i = 0; i < n; i++)
            phase_leapfrog(&s.space, &s.z, -step);
        for (int i = 0; i < 4; i++)
            ck_assert_double_eq_tol(s.z.q[i], before[i], 1e-12);
    }
    ck_assert_double_eq_tol(errors[0] / errors[1], 4, 1.5);
    sampler_fini(&s);
    target_close(&t);
}
END_TEST

static double nowhere(const struct target *t, const double *q, double *grad)
{
    for (uint32_t i = 0; grad && i < t->n_dim; i++)
        grad[i] = 0;
    return q[0] > 100 ? 0 : -INFINITY;
}

static double everywhere(const struct target *t, const double *q, double *grad)
{
    for (uint32_t i = 0; grad && i < t->n_dim; i++)
        grad[i] = 0;
    return 0 * q[0];
}

START_TEST(a_chain_that_cannot_start_says_where)
{
    struct target t;
    struct chain c;
    char why[CHAIN_ERROR_BYTES];
    double record[4000];
    struct chain_config config = usual;
    config.n_draws = 100;
    ck_assert_int_eq(open_model(target_open_gaussian, P("dim", "2", "rho", "0.5"), &t), QX_ERR_OK);
    t.log_density = nowhere;
    ck_assert(chain_init(&c, &config, &t));
    ck_assert_int_eq(chain_run(&c, &ctx, 0, record, why), QX_ERR_TASK);
    ck_assert_msg(strstr(why, "no start: the density is not finite at x[1]=") == why && strstr(why, " x[2]="),
                  "%s", why);
    t.log_density = everywhere;
    ck_assert_int_eq(chain_run(&c, &ctx, 0, record, why), QX_ERR_TASK);
    ck_assert_msg(strstr(why, "flat") != NULL, "%s", why);
    chain_fini(&c);
    target_close(&t);
}
END_TEST

static double tilted(const struct target *t, const double *q, double *grad)
{
    for (uint32_t i = 0; grad && i < t->n_dim; i++)
        grad[i] = i == 1 ? -q[i] - 0.01 : -q[i];
    return -0.5 * (q[0] * q[0] + q[1] * q[1]);
}

START_TEST(a_wrong_gradient_is_found)
{
    struct target t;
    double q[2] = {0.3, -0.4}, given = 0, difference = 0;
    ck_assert_int_eq(open_model(target_open_gaussian, P("dim", "2", "rho", "0.5"), &t), QX_ERR_OK);
    ck_assert_uint_eq(target_check_gradient(&t, q, &given, &difference), SIZE_MAX);
    t.log_density = tilted;
    ck_assert_uint_eq(target_check_gradient(&t, q, &given, &difference), 1);
    ck_assert_double_eq_tol(given, 0.39, 1e-12);
    ck_assert_double_eq_tol(difference, 0.4, 1e-6);
    target_close(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mcmc_models");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, densities_and_gradients, 0, N_MODELS);
    tcase_add_test(tc, mistakes_are_explained);
    tcase_add_test(tc, aliased_columns_are_dropped_and_said);
    tcase_add_loop_test(tc, samplers_find_means_and_variances, 0, 3);
    tcase_add_test(tc, trajectories_of_hmc_have_an_end);
    tcase_add_test(tc, leapfrog_is_reversible);
    tcase_add_test(tc, a_chain_that_cannot_start_says_where);
    tcase_add_test(tc, a_wrong_gradient_is_found);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
