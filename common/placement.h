/* placement.h - keeps the two threads of a daemon, its loop and libzmq's I/O thread, on one core while one core is enough.
 *
 * A message changes hands between the two at every hop, and waking a thread on another core costs several times what waking it on
 * one's own does (docs/adr/0006). So they share a core while both together use less than three quarters of one, and are let go where
 * they like as soon as they use more. Once a second the kernel is asked anew which core: it knows the idle ones.
 * Never leaves the cores that the process was given. Belongs to the thread of the loop. */
#ifndef QX_COMMON_PLACEMENT_H
#define QX_COMMON_PLACEMENT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum placement_state {
    PLACEMENT_OFF,     /* one core only, or no I/O thread found: nothing is done */
    PLACEMENT_SEEKING, /* the I/O thread has not shown up yet: it starts with the first socket and names itself */
    PLACEMENT_APART,    /* both where the kernel likes */
    PLACEMENT_CHOOSING, /* about to share: the loop is where the kernel put it at its next turn */
    PLACEMENT_TOGETHER,
    PLACEMENT_STATE_COUNT
};

struct placement {
    enum placement_state state;
    pid_t io_thread;
    uint32_t seeks;
    cpu_set_t given;
    uint64_t look_ns, looked_ns, chosen_ns;
    uint64_t cpu_ns; /* used by the process when last looked */
};

void placement_init(struct placement *p, uint64_t now_ns);
/* Once a turn, after the wait. */
void placement_turn(struct placement *p, uint64_t now_ns);

/* Pure: what follows, once the I/O thread is known, when the process used `cpu_ns` in `elapsed_ns`, `held_ns` after a core was chosen. */
enum placement_state placement_next(enum placement_state state, uint64_t cpu_ns, uint64_t elapsed_ns,
                                    uint64_t held_ns);

#endif
