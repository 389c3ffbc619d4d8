/* dice.c - a task of one's own: the sum of some dice. Built against the installed headers alone. */
#include <quincunx/task.h>

static qx_err dice_open(struct qx_ctx *ctx, void **ret_state)
{
    (void)ret_state;
    qx_err e = qx_output(ctx, "sum", NULL);
    if (e != QX_ERR_OK)
        return e;
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_MOMENTS, .name = "sum"}, NULL);
}

static qx_err dice_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    struct qx_stream s = qx_item_stream(ctx, item, 0);
    for (int64_t i = 0; i < qx_int(ctx, "dice"); i++)
        row[0] += 1 + (double)qx_below(&s, 6);
    return QX_ERR_OK;
}

static const struct qx_param params[] = {
    {.name = "dice", .type = QX_PARAM_INT, .fallback = "2", .min = 1, .max = 1000, .help = "how many dice"},
};

static const struct qx_task dice = {
    .struct_size = sizeof dice,
    .name = "dice",
    .version = "1.0",
    .help = "the sum of some dice",
    .params = params,
    .n_params = 1,
    .default_items = 1000,
    .open = dice_open,
    .run = dice_run,
};

static const struct qx_task *const tasks[] = {&dice};

QX_PLUGIN_EXPORT const struct qx_plugin qx_plugin = {
    .abi_version = QX_TASK_ABI,
    .struct_size = sizeof(struct qx_plugin),
    .name = "dice",
    .n_tasks = 1,
    .tasks = tasks,
};
