/* executor.h - the process that runs task code: reads jobs and leases from its ring, writes results.
 *
 * Never sees a socket, czmq, or another executor's memory. Dies with its parent. */
#ifndef QX_WORKER_EXECUTOR_H
#define QX_WORKER_EXECUTOR_H

#include "host/host.h"
#include "worker/blobfile.h"
#include "worker/region.h"

struct executor_config {
    struct region *region;
    struct bell *bell;
    int wake_fd, bell_fd; /* eventfds: ours to sleep on, the supervisor's */
    const struct registry *registry;
    const struct blob_folders *folders;
    uint64_t memory_bytes; /* limit of private memory; 0: none */
};

/* A frame on the ring to an executor is a lane frame, with the time of its receipt (monotonic ns) in place of the sequence number. */
_Noreturn void executor_run(const struct executor_config *config);

#endif
