/* region.h - the memory that the supervisor shares with one executor, and the bell that all executors ring.
 *
 * Made by the supervisor before any process is forked; zeroed by it before an executor starts. The supervisor believes nothing
 * in here but the process that wrote it being wrong costs it nothing more than that process (ring.h). */
#ifndef QX_WORKER_REGION_H
#define QX_WORKER_REGION_H

#include "worker/ring.h"
#include "worker/turn.h"

enum { REGION_TO_BYTES = 256 << 10, REGION_FROM_BYTES = 1 << 20 };
#define ITEM_NONE UINT64_MAX

enum region_hint { HINT_NONE, HINT_OUT_OF_MEMORY };

struct region {
    struct ring to, from; /* supervisor to executor, executor to supervisor: frames (proto/frame.h) */
    _Alignas(64) struct turn turn; /* whose the leases in `to` are */
    _Alignas(64) _Atomic uint64_t
        running_lease;              /* written by the executor before it starts one; 0: none yet */
    volatile uint64_t current_item; /* by the task host; ITEM_NONE: outside any item */
    _Atomic uint32_t item_exact;    /* 0: current_item is only the first of a group that runs */
    _Atomic uint32_t hint;          /* enum region_hint, by a dying executor */
    _Alignas(64) volatile uint32_t
        cancel; /* by the supervisor: stop the lease named below; cleared by the executor */
    _Atomic uint64_t cancel_lease;
    _Atomic uint32_t stop; /* by the supervisor: close tasks and exit when idle */
    _Alignas(64) uint8_t to_bytes[REGION_TO_BYTES];
    uint8_t from_bytes[REGION_FROM_BYTES];
};

struct bell {                          /* shared by all */
    _Atomic uint32_t supervisor_waits; /* it polls: whoever takes this writes the bell's eventfd */
};

#endif
