#include "em/em.h"
#include "em/multinomial.h"

static const struct qx_task *const tasks[] = {&task_em_mixture, &task_em_multinomial};

const struct qx_plugin qx_plugin = {
    .abi_version = QX_TASK_ABI,
    .struct_size = sizeof(struct qx_plugin),
    .name = "em",
    .n_tasks = sizeof tasks / sizeof tasks[0],
    .tasks = tasks,
};
