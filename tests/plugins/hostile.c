/* Tasks that break the contract or their process, each in one way. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "quincunx/task.h"

static qx_err open_one(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    (void)qx_output(ctx, "x", NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_SUM}, NULL);
}

static bool is_chosen(struct qx_ctx *ctx, uint64_t item)
{
    return (int64_t)item == qx_int(ctx, "at") || qx_int(ctx, "at") < 0;
}

static qx_err crash_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    *row = (double)item;
    if (is_chosen(ctx, item)) {
        (void)signal(SIGSEGV, SIG_DFL); /* past a sanitizer's report */
        (void)raise(SIGSEGV);
    }
    return QX_ERR_OK;
}

static qx_err exit_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    *row = (double)item;
    if (is_chosen(ctx, item))
        _exit(7);
    return QX_ERR_OK;
}

static qx_err hang_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    *row = (double)item;
    while (is_chosen(ctx, item)) /* deaf to cancel */
        (void)pause();
    return QX_ERR_OK;
}

static qx_err alloc_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    enum { CHUNK = 16 << 20 };
    static void *kept; /* a list, so that it is no leak */
    *row = (double)item;
    while (is_chosen(ctx, item)) {
        void **p = malloc(CHUNK);
        if (!p)
            abort();
        memset(p, 1, CHUNK); /* touched */
        *p = kept;
        kept = p;
    }
    return QX_ERR_OK;
}

static qx_err random_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx, (void)state, (void)item;
    static unsigned calls;
    *row = (double)++calls;
    return QX_ERR_OK;
}

static qx_err split_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    (void)ctx, (void)state;
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (double)(first + i) + (double)count * 1e-6;
    return QX_ERR_OK;
}

static qx_err names_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state, (void)item;
    *row = qx_real(ctx, "undeclared");
    return QX_ERR_OK;
}

static qx_err other_item_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    *row = 0;
    return qx_fail_item(ctx, item + 1, "not mine");
}

static qx_err whole_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    *row = 0;
    return item == 5 ? qx_error(ctx, QX_ERR_IO, "the licence server is away") : QX_ERR_OK;
}

static qx_err silent_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx, (void)state, (void)item, (void)row;
    return QX_ERR_IO;
}

static qx_err odd_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx, (void)state, (void)item, (void)row;
    return (qx_err)4711;
}

static qx_err write_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    *row = 0;
    return qx_write(ctx, item, "x", 1);
}

static qx_err all_fail_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    *row = 0;
    return qx_fail_item(ctx, item, "undefined \xff here");
}

static qx_err finish_bad(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    (void)state, (void)a;
    qx_emit_open(ctx, "never closed");
    return QX_ERR_OK;
}

static qx_err fine_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx, (void)state;
    *row = (double)item;
    return QX_ERR_OK;
}

static qx_err refuse_open(struct qx_ctx *ctx, void **ret_state)
{
    (void)ret_state;
    return qx_error(ctx, QX_ERR_INVALID, "at=%lld makes no sense; give a positive one",
                    (long long)qx_int(ctx, "at"));
}

static qx_err histogram_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    (void)qx_output(ctx, "x", NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_HISTOGRAM}, NULL);
}

static qx_err own_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_OWN}, NULL);
}

static const struct qx_param at[] = {
    {.name = "at", .type = QX_PARAM_INT, .fallback = "0", .help = "the item that does it; -1: every one"},
};

#define TASK(var, task_name, open_f, run_f, ...)                                                             \
    static const struct qx_task var = {.struct_size = sizeof(struct qx_task),                                \
                                       .name = task_name,                                                    \
                                       .version = "1.0",                                                     \
                                       .help = "breaks a rule",                                              \
                                       .params = at,                                                         \
                                       .n_params = 1,                                                        \
                                       .grain = 1,                                                           \
                                       .spread = 14,                                                         \
                                       .open = open_f,                                                       \
                                       .run = run_f,                                                         \
                                       __VA_ARGS__}
TASK(crash, "bad.crash", open_one, crash_run, .flags = 0);
TASK(exits, "bad.exit", open_one, exit_run, .flags = 0);
TASK(hang, "bad.hang", open_one, hang_run, .flags = 0);
TASK(alloc, "bad.alloc", open_one, alloc_run, .flags = 0);
TASK(random_task, "bad.random", open_one, random_run, .flags = 0);
TASK(honest, "bad.honest", open_one, random_run, .flags = QX_TASK_NOT_REPRODUCIBLE);
TASK(split, "bad.split", open_one, NULL, .block = split_block);
TASK(names, "bad.names", open_one, names_run, .flags = 0);
TASK(other, "bad.other", open_one, other_item_run, .flags = 0);
TASK(whole, "bad.whole", open_one, whole_run, .flags = 0);
TASK(silent, "bad.silent", open_one, silent_run, .flags = 0);
TASK(odd, "bad.odd", open_one, odd_run, .flags = 0);
TASK(writes, "bad.write", open_one, write_run, .flags = 0);
TASK(all_fail, "bad.allfail", open_one, all_fail_run, .flags = 0);
TASK(finishes, "bad.finish", open_one, fine_run, .finish = finish_bad);
TASK(refuses, "bad.open", refuse_open, fine_run, .flags = 0);
TASK(histogram, "bad.histogram", histogram_open, fine_run, .flags = 0);
TASK(own, "bad.own", own_open, fine_run, .flags = 0);

enum { N_TASKS = 18 };
static const struct qx_task *const tasks[N_TASKS] = {
    &crash, &exits,  &hang, &alloc,  &random_task, &honest,   &split,   &names,     &other,
    &whole, &silent, &odd,  &writes, &all_fail,    &finishes, &refuses, &histogram, &own};

const struct qx_plugin qx_plugin = {QX_TASK_ABI, sizeof(struct qx_plugin), "hostile", N_TASKS, tasks};
