/* Crashes in its constructor. */
#include <signal.h>

#include "quincunx/task.h"

__attribute__((constructor)) static void crash(void)
{
    (void)signal(SIGSEGV, SIG_DFL);
    (void)raise(SIGSEGV);
}

const struct qx_plugin qx_plugin = {QX_TASK_ABI, sizeof(struct qx_plugin), "crash_on_load", 0, 0};
