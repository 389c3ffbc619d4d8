/* beside.h - shared objects of users that a task loads: by name, from one folder of the worker. Never by a path: what a client
 * sends must not choose files of a worker. */
#ifndef TASKS_SHARED_BESIDE_H
#define TASKS_SHARED_BESIDE_H

#include "quincunx/task.h"

enum { BESIDE_PATH_BYTES = 4096 };

/* Where NAME.so is: in the folder that the worker's environment variable `variable` names, else in `folder` beside the plugin that this
 * code is in. INVALID, told to ctx as of the parameter `what`, if it is not a name. Does not look whether the file is there. */
qx_err beside_find(struct qx_ctx *ctx, const char *what, const char *variable, const char *folder,
                   const char *name, char ret_path[BESIDE_PATH_BYTES]);

#endif
