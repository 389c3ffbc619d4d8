/* supervisor.h - the worker's one thread: between the master (link.h) and the executors (pool.h). */
#ifndef QX_WORKER_SUPERVISOR_H
#define QX_WORKER_SUPERVISOR_H

#include "worker/blobs.h"
#include "worker/pool.h"

struct supervisor_config {
    const char *master, *name, *host;
    struct pool *pool;
    struct blobs *blobs;
    int signal_fd;
    int parent_pid; /* a signal when this is no longer our parent ends us at once; 0: no matter */
};

/* Until a signal or a refusal by the master. Gives the exit status of the program. */
int supervisor_run(const struct supervisor_config *config);

#endif
