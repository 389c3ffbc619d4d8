#include "fit/fit.h"

static const struct qx_task *const tasks[] = {&task_fit};

const struct qx_plugin qx_plugin = {
    .abi_version = QX_TASK_ABI,
    .struct_size = sizeof(struct qx_plugin),
    .name = "fit",
    .n_tasks = sizeof tasks / sizeof tasks[0],
    .tasks = tasks,
};
