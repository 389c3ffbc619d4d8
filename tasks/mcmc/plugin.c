#include "mcmc/diagnose.h"
#include "mcmc/mcmc.h"

static const struct qx_task *const tasks[] = {&task_mcmc, &task_diagnose};

const struct qx_plugin qx_plugin = {
    .abi_version = QX_TASK_ABI,
    .struct_size = sizeof(struct qx_plugin),
    .name = "mcmc",
    .n_tasks = sizeof tasks / sizeof tasks[0],
    .tasks = tasks,
};
