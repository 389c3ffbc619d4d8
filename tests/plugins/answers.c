/* Tasks whose answers have everything that a client makes something of: rounds, files, panels, long and nested lists. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quincunx/task.h"

/* ---- t.rounds: the mean of uniforms, until `step` has come to `last` ---- */

static qx_err rounds_open(struct qx_ctx *ctx, void **ret_state)
{
    int64_t step = qx_int(ctx, "step"), refuse = qx_int(ctx, "refuse");
    *ret_state = NULL;
    if (refuse && step >= refuse)
        return qx_error(ctx, QX_ERR_INVALID, "step %d is refused", (int)step);
    (void)qx_output(ctx, "x", NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_MOMENTS, .name = "x"}, NULL);
}

static qx_err rounds_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    struct qx_stream s = qx_item_stream(ctx, item, (uint32_t)qx_int(ctx, "step"));
    double ms = qx_int(ctx, "step") > 1 ? qx_real(ctx, "slow_ms") : 0;
    struct timespec t = {0, (long)(ms * 1e6)};
    (void)state;
    if (ms > 0)
        (void)nanosleep(&t, NULL);
    row[0] = qx_uniform(&s) + (double)qx_int(ctx, "step");
    return QX_ERR_OK;
}

static qx_err rounds_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    uint64_t failed, n = qx_answer_items(ctx, a, &failed);
    int64_t step = qx_int(ctx, "step");
    char text[64], history[1024];
    (void)state;
    qx_emit_number(ctx, "estimate", qx_answer_number(ctx, a, 0, QX_ANSWER_MEAN, 0, 0));
    qx_emit_number(ctx, "se", sqrt(qx_answer_number(ctx, a, 0, QX_ANSWER_COV, 0, 0) / (double)n));
    qx_emit_int(ctx, "step", step);
    qx_emit_text(ctx, "history", qx_text(ctx, "history"));
    if (step >= qx_int(ctx, "last"))
        return QX_ERR_OK;
    qx_emit_open(ctx, "next");
    qx_emit_open(ctx, "params");
    (void)snprintf(text, sizeof text, "%d", (int)step + 1);
    (void)snprintf(history, sizeof history, "%.900s%d,", qx_text(ctx, "history"), (int)step);
    qx_emit_text(ctx, "step", text);
    qx_emit_text(ctx, "history", history);
    if (strcmp(qx_text(ctx, "bad"), "number") == 0)
        qx_emit_int(ctx, "last", 9);
    if (strcmp(qx_text(ctx, "bad"), "name") == 0)
        qx_emit_text(ctx, "nonsense", "9");
    qx_emit_close(ctx);
    qx_emit_int(ctx, "n", qx_int(ctx, "more") * step);
    (void)snprintf(text, sizeof text, "step %d of %d", (int)step + 1, (int)qx_int(ctx, "last"));
    qx_emit_text(ctx, "why", text);
    qx_emit_close(ctx);
    return QX_ERR_OK;
}

static const char *const bad_nexts[] = {"no", "number", "name", NULL};
static const struct qx_param rounds_params[] = {
    {.name = "last", .type = QX_PARAM_INT, .fallback = "3", .help = "how many rounds"},
    {.name = "more",
     .type = QX_PARAM_INT,
     .fallback = "0",
     .help = "items of the next round, times its step; 0: the same"},
    {.name = "refuse", .type = QX_PARAM_INT, .fallback = "0", .help = "the step that open refuses; 0: none"},
    {.name = "slow_ms",
     .type = QX_PARAM_REAL,
     .fallback = "0",
     .help = "an item of a later round takes so long"},
    {.name = "bad",
     .type = QX_PARAM_CHOICE,
     .fallback = "no",
     .choices = bad_nexts,
     .help = "a next that is none"},
    {.name = "step", .type = QX_PARAM_INT, .fallback = "1", .help = "set by earlier rounds"},
    {.name = "history", .type = QX_PARAM_TEXT, .fallback = "", .help = "set by earlier rounds"},
};
static const struct qx_task rounds_task = {.struct_size = sizeof(struct qx_task),
                                           .name = "t.rounds",
                                           .version = "1",
                                           .help = "goes on in rounds",
                                           .params = rounds_params,
                                           .n_params = 7,
                                           .default_items = 100,
                                           .open = rounds_open,
                                           .run = rounds_run,
                                           .finish = rounds_finish};

/* ---- t.files ---- */

static qx_err one_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    (void)qx_output(ctx, "x", NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_COUNT, .name = "n"}, NULL);
}

static qx_err one_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx, (void)state;
    row[0] = (double)item;
    return QX_ERR_OK;
}

static void emit_file(struct qx_ctx *ctx, const char *name, const char *text)
{
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "name", name);
    qx_emit_text(ctx, "text", text);
    qx_emit_close(ctx);
}

static qx_err files_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    (void)state, (void)a;
    qx_emit_number(ctx, "estimate", 1);
    qx_emit_list(ctx, "files");
    emit_file(ctx, "first.csv", "a,b\n1,2\n");
    emit_file(ctx, qx_text(ctx, "name"), "second\n");
    qx_emit_close(ctx);
    return QX_ERR_OK;
}

static const struct qx_param files_params[] = {
    {.name = "name", .type = QX_PARAM_TEXT, .fallback = "second.txt", .help = "of the second file"}};
static const struct qx_task files_task = {.struct_size = sizeof(struct qx_task),
                                          .name = "t.files",
                                          .version = "1",
                                          .help = "an answer with files",
                                          .params = files_params,
                                          .n_params = 1,
                                          .default_items = 2,
                                          .open = one_open,
                                          .run = one_run,
                                          .finish = files_finish};

/* ---- t.lists: a model's coefficients by group, groups with lists in them, warnings ---- */

static void emit_rows(struct qx_ctx *ctx, int64_t n)
{
    qx_emit_list(ctx, "coefficients");
    for (int64_t i = 0; i < n; i++) {
        char group[32];
        (void)snprintf(group, sizeof group, "g%d", (int)(i / 2));
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "group", group);
        qx_emit_text(ctx, "term", i % 2 ? "x" : "(Intercept)");
        qx_emit_number(ctx, "estimate", i % 2 ? 0.0123456 : -57.987654);
        qx_emit_number(ctx, "std_error", i % 2 ? 0.00089 : 8.7818);
        qx_emit_number(ctx, "statistic", i % 2 ? 13.8715 : -6.60317);
        qx_emit_number(ctx, "p_value", i % 2 ? 1.2e-17 : 0.0312);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static void emit_groups(struct qx_ctx *ctx)
{
    qx_emit_list(ctx, "groups");
    for (int g = 0; g < 2; g++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", g ? "low" : "high");
        qx_emit_int(ctx, "size", 10 + g);
        qx_emit_list(ctx, "levels");
        for (int k = 0; k < 2; k++) {
            qx_emit_open(ctx, NULL);
            qx_emit_text(ctx, "level", k ? "b" : "a");
            qx_emit_number(ctx, "mean", 0.5 + g + k);
            qx_emit_close(ctx);
        }
        qx_emit_close(ctx);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static qx_err lists_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    (void)state, (void)a;
    qx_emit_text(ctx, "model", "lm");
    if (strcmp(qx_text(ctx, "table"), "") != 0)
        qx_emit_text(ctx, "table", qx_text(ctx, "table"));
    emit_rows(ctx, qx_int(ctx, "rows"));
    emit_groups(ctx);
    qx_emit_list(ctx, "warnings");
    qx_emit_text(ctx, NULL, "the first thing that a person should know about this answer");
    qx_emit_text(ctx, NULL, "another one");
    qx_emit_close(ctx);
    return QX_ERR_OK;
}

static const struct qx_param lists_params[] = {
    {.name = "rows", .type = QX_PARAM_INT, .fallback = "4", .help = "of the coefficients"},
    {.name = "table", .type = QX_PARAM_TEXT, .fallback = "", .help = "which list is the table"}};
static const struct qx_task lists_task = {.struct_size = sizeof(struct qx_task),
                                          .name = "t.lists",
                                          .version = "1",
                                          .help = "an answer with lists",
                                          .params = lists_params,
                                          .n_params = 2,
                                          .default_items = 2,
                                          .open = one_open,
                                          .run = one_run,
                                          .finish = lists_finish};

/* ---- t.panels: as many as wanted, of all kinds in turn ---- */

static void emit_mark(struct qx_ctx *ctx, const char *axis, double at, const char *label, const char *style)
{
    qx_emit_open(ctx, NULL);
    qx_emit_number(ctx, axis, at);
    qx_emit_text(ctx, "label", label);
    qx_emit_text(ctx, "style", style);
    qx_emit_close(ctx);
}

static void open_panel(struct qx_ctx *ctx, const char *kind, const char *title, const char *xlabel,
                       const char *ylabel)
{
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "kind", kind);
    qx_emit_text(ctx, "title", title);
    qx_emit_text(ctx, "xlabel", xlabel);
    qx_emit_text(ctx, "ylabel", ylabel);
}

typedef double (*curve_f)(struct qx_ctx *ctx, int series, int i);

static void emit_list(struct qx_ctx *ctx, const char *name, curve_f f, int series, int n)
{
    qx_emit_list(ctx, name);
    for (int i = 0; i < n; i++)
        qx_emit_number(ctx, NULL, f(ctx, series, i));
    qx_emit_close(ctx);
}

static double index_x(struct qx_ctx *ctx, int series, int i)
{
    (void)ctx, (void)series;
    return i;
}

static double noise(struct qx_ctx *ctx, int series, int i)
{
    struct qx_stream s = qx_item_stream(ctx, (uint64_t)i, (uint32_t)series);
    return qx_normal(&s);
}

static void emit_series(struct qx_ctx *ctx, const char *name, int series, int n, curve_f x, curve_f y,
                        curve_f lower, curve_f upper)
{
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "name", name);
    if (x)
        emit_list(ctx, "x", x, series, n);
    emit_list(ctx, "y", y, series, n);
    if (lower) {
        emit_list(ctx, "lower", lower, series, n);
        emit_list(ctx, "upper", upper, series, n);
    }
    qx_emit_close(ctx);
}

static void trace_panel(struct qx_ctx *ctx)
{
    open_panel(ctx, "lines", "trace of theta[1]", "draw", "theta[1]");
    qx_emit_list(ctx, "series");
    for (int c = 0; c < 4; c++) {
        char name[16];
        (void)snprintf(name, sizeof name, "chain %d", c + 1);
        emit_series(ctx, name, c, 1000, NULL, noise, NULL, NULL);
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static double rank_x(struct qx_ctx *ctx, int series, int i)
{
    (void)ctx, (void)series;
    return 200.0 * i;
}

static double rank_y(struct qx_ctx *ctx, int series, int i)
{
    return 50 + 7 * noise(ctx, series + 9, i < 20 ? i : 19);
}

static void rank_panel(struct qx_ctx *ctx)
{
    open_panel(ctx, "steps", "ranks of theta[1] by chain", "rank over all chains", "draws");
    qx_emit_list(ctx, "series");
    for (int c = 0; c < 4; c++) {
        char name[16];
        (void)snprintf(name, sizeof name, "chain %d", c + 1);
        emit_series(ctx, name, c, 21, rank_x, rank_y, NULL, NULL);
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    emit_mark(ctx, "y", 50, "uniform", "reference");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static double power_x(struct qx_ctx *ctx, int series, int i)
{
    (void)ctx, (void)series;
    return 20 + 10 * i;
}

static double power_y(struct qx_ctx *ctx, int series, int i)
{
    double base = 1 - exp(-0.03 * (10 + 10 * i));
    return series ? base : base + 0.01 * noise(ctx, 30, i);
}

static double power_low(struct qx_ctx *ctx, int series, int i)
{
    return power_y(ctx, series, i) - 0.03;
}

static double power_high(struct qx_ctx *ctx, int series, int i)
{
    return power_y(ctx, series, i) + 0.03;
}

static void power_panel(struct qx_ctx *ctx)
{
    open_panel(ctx, "lines", "two-sample t test", "n of a group", "power");
    qx_emit_list(ctx, "series");
    emit_series(ctx, "simulated", 0, 11, power_x, power_y, power_low, power_high);
    emit_series(ctx, "analytic", 1, 11, power_x, power_y, NULL, NULL);
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    emit_mark(ctx, "y", 0.8, "target", "reference");
    emit_mark(ctx, "x", 64, "n", "estimate");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static void histogram_panel(struct qx_ctx *ctx)
{
    open_panel(ctx, "histogram", "permutation distribution of the difference of means", "difference", "");
    emit_list(ctx, "values", noise, 50, 2000);
    qx_emit_list(ctx, "marks");
    emit_mark(ctx, "x", 2.1, "observed", "estimate");
    emit_mark(ctx, "x", -1.96, "lower", "bound");
    emit_mark(ctx, "x", 1.96, "upper", "bound");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static double band_y(struct qx_ctx *ctx, int series, int i)
{
    (void)ctx, (void)series;
    return sin(i / 15.0);
}

static double band_low(struct qx_ctx *ctx, int series, int i)
{
    return band_y(ctx, series, i) - 0.2;
}

static double band_high(struct qx_ctx *ctx, int series, int i)
{
    return i % 17 == 3 ? NAN : band_y(ctx, series, i) + 0.2;
}

static void band_panel(struct qx_ctx *ctx)
{
    open_panel(ctx, "lines", "a fitted curve with its band", "x", "y");
    qx_emit_list(ctx, "series");
    emit_series(ctx, "fit", 0, 100, index_x, band_y, band_low, band_high);
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static double group_y(struct qx_ctx *ctx, int series, int i)
{
    return 5 + series + noise(ctx, 70 + series, i);
}

static double group_low(struct qx_ctx *ctx, int series, int i)
{
    return group_y(ctx, series, i) - 0.7;
}

static double group_high(struct qx_ctx *ctx, int series, int i)
{
    return group_y(ctx, series, i) + 0.7;
}

static void group_panel(struct qx_ctx *ctx, const char *kind)
{
    static const char *const words[] = {"control", "treatment A", "treatment B", "both treatments"};
    open_panel(ctx, kind, "estimates by group", "group", "estimate \u00b1 1.96 se");
    qx_emit_list(ctx, "series");
    for (int k = 0; k < 2; k++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", k ? "women" : "men");
        qx_emit_list(ctx, "x");
        for (int i = 0; i < 4; i++)
            qx_emit_text(ctx, NULL, words[i]);
        qx_emit_close(ctx);
        emit_list(ctx, "y", group_y, k, 4);
        emit_list(ctx, "lower", group_low, k, 4);
        emit_list(ctx, "upper", group_high, k, 4);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    emit_mark(ctx, "y", 5.4, "pooled", "estimate");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static double mixture_x(struct qx_ctx *ctx, int series, int i)
{
    (void)ctx, (void)series;
    return -4 + 0.08 * i;
}

static double mixture_y(struct qx_ctx *ctx, int series, int i)
{
    double x = mixture_x(ctx, series, i);
    return exp(-0.5 * x * x) / sqrt(2 * 3.141592653589793);
}

static void mixture_panel(struct qx_ctx *ctx)
{
    static const double edges[] = {-4, -2, -1, -0.5, 0, 0.5, 1, 2, 4},
                        counts[] = {23, 136, 150, 191, 191, 150, 136, 23};
    open_panel(ctx, "histogram", "data and fitted density", "x", "density");
    qx_emit_list(ctx, "edges");
    for (int i = 0; i < 9; i++)
        qx_emit_number(ctx, NULL, edges[i]);
    qx_emit_close(ctx);
    qx_emit_list(ctx, "counts");
    for (int i = 0; i < 8; i++)
        qx_emit_number(ctx, NULL, counts[i]);
    qx_emit_close(ctx);
    qx_emit_list(ctx, "series");
    emit_series(ctx, "normal", 0, 101, mixture_x, mixture_y, NULL, NULL);
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

static qx_err panels_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    int64_t n = qx_int(ctx, "panels"), first = qx_int(ctx, "first");
    (void)state, (void)a;
    qx_emit_number(ctx, "estimate", power_y(ctx, 0, (int)qx_int(ctx, "first")));
    qx_emit_number(ctx, "se", 0.01);
    qx_emit_number(ctx, "analytic", power_y(ctx, 1, (int)qx_int(ctx, "first")));
    qx_emit_number(ctx, "target", 0.8);
    qx_emit_open(ctx, "plot");
    qx_emit_text(ctx, "title", "panels of all kinds");
    qx_emit_list(ctx, "panels");
    for (int64_t i = first; i < first + n; i++) {
        switch (i % 8) {
        case 0:
            trace_panel(ctx);
            break;
        case 1:
            rank_panel(ctx);
            break;
        case 2:
            power_panel(ctx);
            break;
        case 3:
            histogram_panel(ctx);
            break;
        case 4:
            band_panel(ctx);
            break;
        case 5:
            group_panel(ctx, "points");
            break;
        case 6:
            group_panel(ctx, "bars");
            break;
        default:
            mixture_panel(ctx);
        }
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
    return QX_ERR_OK;
}

static const struct qx_param panels_params[] = {
    {.name = "panels", .type = QX_PARAM_INT, .fallback = "4", .help = "how many"},
    {.name = "first",
     .type = QX_PARAM_INT,
     .fallback = "0",
     .min = 0,
     .max = 100,
     .help = "the kind of the first"}};
static const struct qx_task panels_task = {.struct_size = sizeof(struct qx_task),
                                           .name = "t.panels",
                                           .version = "1",
                                           .help = "an answer with panels",
                                           .params = panels_params,
                                           .n_params = 2,
                                           .default_items = 2,
                                           .open = one_open,
                                           .run = one_run,
                                           .finish = panels_finish};

/* ---- t.until, t.exceed: rules as parameters ---- */

static qx_err coin_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    (void)qx_output(ctx, "head", NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_PROPORTION, .name = "head"}, NULL);
}

static qx_err coin_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    struct qx_stream s = qx_item_stream(ctx, item, 0);
    (void)state;
    row[0] = qx_uniform(&s) < 0.5;
    return QX_ERR_OK;
}

static qx_err until_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    (void)state, (void)a;
    qx_emit_text(ctx, "rule", qx_text(ctx, "until"));
    return QX_ERR_OK;
}

static qx_err exceed_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    (void)state;
    qx_emit_int(ctx, "wanted", qx_int(ctx, "exceed"));
    qx_emit_number(ctx, "heads", qx_answer_number(ctx, a, 0, QX_ANSWER_SUM, 0, 0));
    return QX_ERR_OK;
}

static const struct qx_param until_params[] = {
    {.name = "until", .type = QX_PARAM_TEXT, .fallback = "", .help = "a rule of the task's own"}};
static const struct qx_task until_task = {.struct_size = sizeof(struct qx_task),
                                          .name = "t.until",
                                          .version = "1",
                                          .help = "takes --until itself",
                                          .params = until_params,
                                          .n_params = 1,
                                          .default_items = 10,
                                          .open = coin_open,
                                          .run = coin_run,
                                          .finish = until_finish};
static const struct qx_param exceed_params[] = {
    {.name = "exceed", .type = QX_PARAM_INT, .fallback = "0", .help = "stop after so many heads"}};
static const struct qx_task exceed_task = {.struct_size = sizeof(struct qx_task),
                                           .name = "t.exceed",
                                           .version = "1",
                                           .help = "is told what --until waits for",
                                           .params = exceed_params,
                                           .n_params = 1,
                                           .default_items = 1000,
                                           .open = coin_open,
                                           .run = coin_run,
                                           .finish = exceed_finish};

static const struct qx_task *const tasks[] = {&rounds_task, &files_task, &lists_task,
                                              &panels_task, &until_task, &exceed_task};

const struct qx_plugin qx_plugin = {QX_TASK_ABI, sizeof(struct qx_plugin), "answers", 6, tasks};
