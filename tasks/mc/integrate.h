/* integrate.h - the task mc.integrate. */
#ifndef TASKS_MC_INTEGRATE_H
#define TASKS_MC_INTEGRATE_H

#include "quincunx/task.h"

extern const struct qx_task task_mc_integrate;

#endif
