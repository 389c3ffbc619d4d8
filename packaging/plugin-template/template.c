/* The birthday problem: do two of k people share a birthday? */
#include <quincunx/task.h>

static qx_err birthday_open(struct qx_ctx *ctx, void **ret_state)
{
    static int64_t people;
    people = qx_int(ctx, "people");
    *ret_state = &people;
    (void)qx_output(ctx, "shared", NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_PROPORTION}, NULL);
}

static qx_err birthday_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    const int64_t *people = state;
    bool taken[365] = {false};
    struct qx_stream stream = qx_item_stream(ctx, item, 0);
    for (int64_t i = 0; i < *people; i++) {
        uint64_t day = qx_below(&stream, 365);
        if (taken[day])
            row[0] = 1;
        taken[day] = true;
    }
    return QX_ERR_OK;
}

static const struct qx_param birthday_params[] = {
    {.name = "people",
     .type = QX_PARAM_INT,
     .fallback = "23",
     .min = 1,
     .max = 365,
     .help = "how many people"},
};
static const struct qx_task birthday = {
    .struct_size = sizeof(struct qx_task),
    .name = "my.birthday",
    .version = "1.0",
    .help = "probability that two of k people share a birthday",
    .params = birthday_params,
    .n_params = 1,
    .default_items = 100000,
    .grain = 64,
    .spread = 14,
    .open = birthday_open,
    .run = birthday_run,
};
static const struct qx_task *const tasks[] = {&birthday};
const struct qx_plugin qx_plugin = {QX_TASK_ABI, sizeof(struct qx_plugin), "my", 1, tasks};
