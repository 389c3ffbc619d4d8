/* mcmc.diagnose run whole: draws of posterior's example with the numbers that posterior gives for them, layouts of tables
 * that must give the same, what is left out, failed and constant quantities, mistakes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskrun.h"

enum { CSV_BYTES = 1 << 18, N_FILES = 3, DRAWS = 100, CHAINS = 4 };

static const char *const quantities[N_FILES] = {"mu", "tau", "theta1"};

static double of(const struct taskrun *r, const char *list, int k, const char *what)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s.%d.%s", list, k, what);
    return answer_number(r, path);
}

/* ---- against posterior ---- */

static const struct {
    const char *theirs, *list, *ours;
} members[] = {
    {"mean", "parameters", "mean"},
    {"sd", "parameters", "sd"},
    {"rhat", "parameters", "rhat"},
    {"ess_bulk", "parameters", "ess_bulk"},
    {"ess_tail", "parameters", "ess_tail"},
    {"mcse_mean", "parameters", "mcse_mean"},
    {"mcse_sd", "parameters", "mcse_sd"},
    {"rhat_basic_split", "details", "rhat_basic"},
    {"ess_basic_split", "details", "ess_basic"},
    {"ess_mean", "details", "ess_mean"},
    {"ess_sd", "details", "ess_sd"},
    {"ess_median", "details", "ess_median"},
    {"ess_q05", "details", "ess_q5"},
    {"ess_q95", "details", "ess_q95"},
    {"mcse_q05", "details", "mcse_q5"},
    {"mcse_median", "details", "mcse_median"},
    {"mcse_q95", "details", "mcse_q95"},
};

/* Row k of the answer against the case of quantity q. */
static void expect_posterior(const struct taskrun *r, int k, int q)
{
    char file[64];
    json_t *root = reference_json("06-mcmc/diagnostics.json");
    (void)snprintf(file, sizeof file, "draws_eight_schools_%s.csv", quantities[q]);
    const json_t *want = json_object_get(json_object_get(root, "cases"), file);
    ck_assert_ptr_nonnull(want);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *v = json_object_get(want, members[i].theirs);
        ck_assert_msg(json_is_number(v), "no %s in the reference", members[i].theirs);
        double is = of(r, members[i].list, k, members[i].ours), should = json_number_value(v);
        ck_assert_msg(fabs(is - should) <= 1e-8 * fabs(should), "%s: %s is %.15g, not %.15g", quantities[q],
                      members[i].theirs, is, should);
    }
    json_decref(root);
}

START_TEST(columns_of_chains)
{
    char path[64];
    if (!reference_there())
        return;
    (void)snprintf(path, sizeof path, "06-mcmc/draws_eight_schools_%s.csv", quantities[_i]);
    struct taskrun r =
        task_run("mcmc.diagnose", 1, 0,
                 PARAMS("data", reference_data(path), "columns", "chains", "name", quantities[_i]));
    ck_assert_str_eq(answer_text(&r, "parameters.0.name"), quantities[_i]);
    ck_assert_str_eq(answer_text(&r, "details.0.name"), quantities[_i]);
    ck_assert_double_eq(answer_number(&r, "n_chains"), CHAINS);
    ck_assert_double_eq(answer_number(&r, "draws"), DRAWS);
    expect_posterior(&r, 0, _i);
    taskrun_free(&r);
}
END_TEST

/* Cells of the three files: text, so that no digit is lost. */
static char cells[N_FILES][DRAWS][CHAINS][32];

static void read_cells(void)
{
    char path[128], full[PATH_BYTES], line[512];
    for (int q = 0; q < N_FILES; q++) {
        (void)snprintf(path, sizeof path, "06-mcmc/draws_eight_schools_%s.csv", quantities[q]);
        reference_path(path, full);
        FILE *f = fopen(full, "r");
        ck_assert_msg(f && fgets(line, sizeof line, f), "cannot read %s", full);
        for (int i = 0; i < DRAWS; i++) {
            ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
            char *at = line;
            for (int c = 0; c < CHAINS; c++) {
                size_t len = strcspn(at, ",\n");
                (void)snprintf(cells[q][i][c], sizeof cells[q][i][c], "%.*s", (int)len, at);
                at += len + 1;
            }
        }
        (void)fclose(f);
    }
}

/* A row for each draw: chain after chain, or the chains in turns. */
static const char *long_table(bool in_turns, const char *const *labels)
{
    char *csv = malloc(CSV_BYTES);
    size_t len = (size_t)snprintf(csv, CSV_BYTES, "mu,c,iteration,tau,note,theta1\n");
    for (int k = 0; k < DRAWS * CHAINS; k++) {
        int i = in_turns ? k / CHAINS : k % DRAWS, c = in_turns ? k % CHAINS : k / DRAWS;
        len += (size_t)snprintf(csv + len, CSV_BYTES - len, "%s,%s,%d,%s,word,%s\n", cells[0][i][c],
                                labels[c], i + 1, cells[1][i][c], cells[2][i][c]);
    }
    const char *ref = data_of("long.csv", csv);
    free(csv);
    return ref;
}

START_TEST(columns_of_parameters)
{
    static const char *const numbers[] = {"1", "2", "3", "4"}, *const words[] = {"a", "c", "b", "d"};
    if (!reference_there())
        return;
    read_cells();
    struct taskrun r = task_run("mcmc.diagnose", 1, 0,
                                PARAMS("data", long_table(_i & 1, _i & 2 ? words : numbers), "chain", "c"));
    ck_assert_uint_eq(r.n_ok, N_FILES);
    ck_assert_uint_eq(r.n_failed, 0);
    ck_assert_str_eq(answer_text(&r, "left_out"), "iteration, note");
    ck_assert_str_eq(answer_text(&r, "chain_column"), "c");
    for (int q = 0; q < N_FILES; q++)
        expect_posterior(&r, q, q);
    ck_assert_str_eq(answer_text(&r, "worst_rhat_of"), "mu");
    ck_assert_str_eq(answer_text(&r, "least_ess_bulk_of"), "tau");
    ck_assert_double_eq(answer_number(&r, "least_ess_bulk"), of(&r, "parameters", 1, "ess_bulk"));
    ck_assert_str_eq(answer_text(&r, "plot.panels.0.title"), "trace of mu");
    ck_assert_str_eq(answer_text(&r, "plot.panels.3.title"), "ranks of tau by chain");
    ck_assert_str_eq(answer_text(&r, "plot.panels.0.series.2.name"), _i & 2 ? "b" : "chain 3");
    taskrun_free(&r);
}
END_TEST

/* ---- tables of our own ---- */

/* Two chains of six draws; b[1] is flat but for one draw, b[2] constant. */
static const char six[] = "Chain,iter,a,b[1],b[2],c.1,word\n"
                          "1,10,0.3,1,7,0.1,x\n1,20,0.9,1,7,0.2,x\n1,30,-0.4,1,7,0.4,x\n"
                          "1,40,0.1,1,7,-0.3,x\n1,50,1.3,2,7,0.8,x\n1,60,-0.8,1,7,0.5,x\n"
                          "2,10,0.2,1,7,-0.1,y\n2,20,-0.6,1,7,0.9,y\n2,30,0.5,1,7,0.3,y\n"
                          "2,40,0.7,1,7,-0.6,y\n2,50,-1.1,1,7,0.7,y\n2,60,0.4,1,7,-0.2,y\n";

START_TEST(quantities_are_chosen)
{
    const char *data = data_of("six.csv", six);
    struct taskrun r = task_run("mcmc.diagnose", 1, 0, PARAMS("data", data));
    ck_assert_double_eq(answer_number(&r, "quantities"), 4);
    ck_assert_double_eq(answer_number(&r, "n_chains"), 2); /* Chain is found */
    ck_assert_str_eq(answer_text(&r, "left_out"), "iter, word");
    taskrun_free(&r);
    r = task_run("mcmc.diagnose", 1, 0, PARAMS("data", data, "only", "c, iter ,b,b[1]"));
    ck_assert_double_eq(answer_number(&r, "quantities"), 4);
    ck_assert_str_eq(answer_text(&r, "parameters.0.name"), "c.1");
    ck_assert_str_eq(answer_text(&r, "parameters.1.name"), "iter");
    ck_assert_str_eq(answer_text(&r, "parameters.2.name"), "b[1]");
    ck_assert_str_eq(answer_text(&r, "parameters.3.name"), "b[2]");
    ck_assert_ptr_null(answer_text(&r, "left_out"));
    taskrun_free(&r);
    r = task_run("mcmc.diagnose", 1, 0, PARAMS("data", data, "only", "a", "chain", "word", "warmup", "2"));
    ck_assert_double_eq(answer_number(&r, "draws"), 4);
    ck_assert_double_eq(answer_number(&r, "warmup"), 2);
    ck_assert_double_eq_tol(of(&r, "parameters", 0, "mean"), (0.2 + 0.5) / 8, 1e-15);
    taskrun_free(&r);
    const char *commas = data_of("commas.csv", "\"m[1,1]\",\"m[1,2]\"\n1,4\n0,2\n3,1\n2,9\n1,7\n");
    r = task_run("mcmc.diagnose", 1, 0, PARAMS("data", commas, "only", "m[1,2],m[1,1]"));
    ck_assert_str_eq(answer_text(&r, "parameters.1.name"), "m[1,1]");
    ck_assert_double_eq(answer_number(&r, "n_chains"), 1);
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "warnings.0.warning"), "there is one"));
    ck_assert_ptr_nonnull(strstr(answer_text(&r, "warnings.1.warning"), "fewer than 6"));
    taskrun_free(&r);
}
END_TEST

/* As posterior 1.4.0 has it: the mean, quantiles, an sd of 0, and all else NA. */
START_TEST(constants_have_no_convergence)
{
    struct taskrun r = task_run("mcmc.diagnose", 1, 0, PARAMS("data", data_of("six.csv", six)));
    static const char *const none[] = {"mcse_mean", "mcse_sd", "rhat", "ess_bulk", "ess_tail"};
    ck_assert_double_eq(of(&r, "parameters", 2, "mean"), 7);
    ck_assert_double_eq(of(&r, "parameters", 2, "sd"), 0);
    ck_assert_double_eq(of(&r, "parameters", 2, "q95"), 7);
    for (size_t k = 0; k < sizeof none / sizeof none[0]; k++)
        ck_assert_msg(isnan(of(&r, "parameters", 2, none[k])), "%s is a number", none[k]);
    ck_assert_str_eq(answer_text(&r, "warnings.0.warning"),
                     "1 of 4 do not vary, and have no R-hat and no ESS: b[2]");
    ck_assert(isfinite(answer_number(&r, "worst_rhat")));
    taskrun_free(&r);
    r = task_run("mcmc.diagnose", 1, 0, PARAMS("data", data_of("six.csv", six), "only", "b[2]"));
    ck_assert(isnan(answer_number(&r, "worst_rhat")));
    ck_assert_ptr_null(answer_text(&r, "worst_rhat_of"));
    taskrun_free(&r);
}
END_TEST

START_TEST(missing_draws_fail_their_quantity_alone)
{
    const char *holes = data_of("holes.csv", "chain,a,b,c\n1,1,2,5\n1,NA,4,4\n1,0,1,NA\n1,4,5,1\n1,1,3,7\n"
                                             "2,2,4,6\n2,0,3,2\n2,5,1,1\n2,1,6,3\n2,2,2,2\n");
    struct taskrun r = task_run("mcmc.diagnose", 1, 0, PARAMS("data", holes));
    ck_assert_uint_eq(r.n_ok, 1);
    ck_assert_uint_eq(r.n_failed, 2);
    ck_assert_str_eq(r.cause, "a draw is missing");
    ck_assert_str_eq(answer_text(&r, "parameters.0.name"), "b");
    ck_assert_double_eq_tol(of(&r, "parameters", 0, "mean"), 3.1, 1e-15);
    ck_assert_str_eq(answer_text(&r, "warnings.0.warning"), "2 of 3 failed, and are left out here: a, c");
    ck_assert_str_eq(answer_text(&r, "plot.panels.1.title"), "ranks of b by chain");
    taskrun_free(&r);
    /* in the warm-up they do no harm */
    r = task_run("mcmc.diagnose", 1, 2, PARAMS("data", holes, "warmup", "1", "only", "a,b"));
    ck_assert_uint_eq(r.n_ok, 1);
    taskrun_free(&r);
    const char *early = data_of("early.csv", "chain,a\n1,NA\n1,1\n1,3\n1,2\n1,5\n2,2\n2,0\n2,1\n2,1\n2,4\n");
    r = task_run("mcmc.diagnose", 1, 0, PARAMS("data", early, "warmup", "1"));
    ck_assert_uint_eq(r.n_ok, 1);
    taskrun_free(&r);
    ck_assert_str_eq(task_error("mcmc.diagnose", 0, PARAMS("data", early)),
                     "no quantity has all its draws as finite numbers");
}
END_TEST

START_TEST(the_seed_does_not_matter)
{
    const char *data = data_of("six.csv", six);
    struct taskrun a = task_run("mcmc.diagnose", 1, 0, PARAMS("data", data)),
                   b = task_run("mcmc.diagnose", 2, 0, PARAMS("data", data));
    char *x = json_dumps(a.answer, 0), *y = json_dumps(b.answer, 0);
    ck_assert_str_eq(a.digest, b.digest);
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
    taskrun_free(&a);
    taskrun_free(&b);
}
END_TEST

/* ---- mistakes ---- */

static void expect(const char *part, const char *const *params)
{
    const char *text = task_error("mcmc.diagnose", 0, params);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

START_TEST(mistakes_are_explained)
{
    const char *data = data_of("six.csv", six);
    expect("no column 'Chian'; did you mean 'Chain'?", PARAMS("data", data, "chain", "Chian"));
    expect("only: no such column (did you mean \"b[1]\"?) at position 4: a, bb1] <-- here",
           PARAMS("data", data, "only", "a, bb1]"));
    expect("only: no such column at position 1: nothing", PARAMS("data", data, "only", "nothing"));
    expect("only: a column of texts at position 1: word", PARAMS("data", data, "only", "word"));
    expect("only: the column of the chains at position 3", PARAMS("data", data, "only", "a,Chain"));
    expect("only: expected a column at position 3", PARAMS("data", data, "only", "a,"));
    expect("chain= goes with columns=parameters",
           PARAMS("data", data, "columns", "chains", "chain", "Chain"));
    expect("name= goes with columns=chains", PARAMS("data", data, "name", "a"));
    expect("the chains have 6 draws: at least 4 must be left behind warmup=3",
           PARAMS("data", data, "warmup", "3"));
    expect("have as many draws each: chain 1 has 3, chain 5 has 2",
           PARAMS("data", data_of("uneven.csv", "k,a\n1,2\n5,3\n1,4\n1,9\n5,2\n"), "chain", "k"));
    expect("have as many draws each: x has 5, y has 3, z has 5",
           PARAMS("data", data_of("ragged.csv", "x,y,z\n1,2,1\n5,NA,0\n2,1,4\n2,,9\n5,,3\n"), "columns",
                  "chains"));
    expect("chain: 1 rows have no value in column 'k'",
           PARAMS("data", data_of("unknown.csv", "k,a\n1,2\nNA,3\n1,4\n1,9\n2,2\n"), "chain", "k"));
    expect("the chains have 3 draws: at least 4 are needed",
           PARAMS("data", data_of("few.csv", "a\n1\n3\n2\n")));
    expect("no column of draws; texts and counters: n, w",
           PARAMS("data", data_of("none.csv", "n,w\n1,a\n2,b\n3,a\n4,a\n")));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task_diagnose");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, columns_of_chains, 0, N_FILES);
    tcase_add_loop_test(tc, columns_of_parameters, 0, 4);
    tcase_add_test(tc, quantities_are_chosen);
    tcase_add_test(tc, constants_have_no_convergence);
    tcase_add_test(tc, missing_draws_fail_their_quantity_alone);
    tcase_add_test(tc, the_seed_does_not_matter);
    tcase_add_test(tc, mistakes_are_explained);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
