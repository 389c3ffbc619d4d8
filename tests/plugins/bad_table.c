/* Plugins that must not load: -DBAD_ABI, -DBAD_SIZE, -DBAD_TASK_SIZE, -DBAD_NAME, -DBAD_NONE, -DBAD_TWICE, -DBAD_SYMBOL. */
#include "quincunx/task.h"

static qx_err open_nothing(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    return qx_output(ctx, "x", NULL);
}

static qx_err run_nothing(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx, (void)state, (void)item;
    *row = 0;
    return QX_ERR_OK;
}

static const struct qx_task task = {
#ifdef BAD_TASK_SIZE
    .struct_size = sizeof(struct qx_task) - 8,
#else
    .struct_size = sizeof(struct qx_task),
#endif
#ifdef BAD_NAME
    .name = "Not A Name",
#else
    .name = "some.task",
#endif
    .version = "1.0",
    .help = "nothing",
    .open = open_nothing,
    .run = run_nothing};

#ifdef BAD_TWICE
enum { N_TASKS = 2 };
static const struct qx_task *const tasks[N_TASKS] = {&task, &task};
#else
enum { N_TASKS = 1 };
static const struct qx_task *const tasks[N_TASKS] = {&task};
#endif

#ifdef BAD_SYMBOL
extern QX_PLUGIN_EXPORT const struct qx_plugin another_symbol;
const struct qx_plugin another_symbol = {
#else
const struct qx_plugin qx_plugin = {
#endif
#ifdef BAD_ABI
    .abi_version = QX_TASK_ABI + 1,
#else
    .abi_version = QX_TASK_ABI,
#endif
#ifdef BAD_SIZE
    .struct_size = sizeof(struct qx_plugin) + 8,
#else
    .struct_size = sizeof(struct qx_plugin),
#endif
    .name = "bad",
#ifdef BAD_NONE
    .n_tasks = 0,
#else
    .n_tasks = N_TASKS,
#endif
    .tasks = tasks};
