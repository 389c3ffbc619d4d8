/* basic.h - the tasks of qx_basic.so: for teaching, tests and benchmarks. */
#ifndef TASKS_BASIC_BASIC_H
#define TASKS_BASIC_BASIC_H

#include "quincunx/task.h"

enum { BASIC_SPREAD = 14 };      /* the layout's default: a job splits over 2^14 slots */
enum { BASIC_SPREAD_SLOW = 20 }; /* for items that take long: each is a block for as long as anybody waits */

extern const struct qx_task task_pi, task_noop, task_noop_item, task_sleep, task_busy;

#endif
