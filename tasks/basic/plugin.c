#include "basic/basic.h"

static const struct qx_task *const tasks[] = {&task_pi, &task_noop, &task_noop_item, &task_sleep, &task_busy};

const struct qx_plugin qx_plugin = {
    .abi_version = QX_TASK_ABI,
    .struct_size = sizeof(struct qx_plugin),
    .name = "basic",
    .n_tasks = sizeof tasks / sizeof tasks[0],
    .tasks = tasks,
};
