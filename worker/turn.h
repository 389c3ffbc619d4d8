/* turn.h - who has a lease that lies in an executor's ring: the executor, once it has started it, or the supervisor again,
 * once it has taken it back. Exactly one of the two, whenever they look.
 *
 * The supervisor numbers the leases that it puts in one ring 1, 2, .. and the executor counts those that it reads. One shared word
 * holds the number of the last lease that was started (high half) and of the last that was taken back (low half, equal to the
 * high half where none was). Both sides change it by compare-and-swap only. What is taken back is always the whole end of the
 * ring, so the executor passes over what it reads up to that number and goes on behind it. Numbers wrap around: they are compared
 * by their difference, and the halves are never further apart than a ring is long.
 *
 * The executor's memory may be overwritten by the task: the supervisor checks what it reads here as it does with any peer. */
#ifndef QX_WORKER_TURN_H
#define QX_WORKER_TURN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct turn { /* shared; zero: nothing started, nothing taken back */
    _Atomic uint64_t word;
};

/* a is after b */
static inline bool turn_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* The executor, before it does anything for lease `number`. False: it was taken back, pass over it. */
static inline bool turn_start(struct turn *t, uint32_t number)
{
    uint64_t word = atomic_load(&t->word);
    do {
        if (!turn_after(number, (uint32_t)word))
            return false;
    } while (!atomic_compare_exchange_strong(&t->word, &word, (uint64_t)number << 32 | number));
    return true;
}

/* The supervisor: leases after *ret_started and up to `given`, the last one put in the ring, are its own again. False: the
 * executor was quicker and has just started another one; nothing has changed. */
static inline bool turn_take_back(struct turn *t, uint32_t given, uint32_t *ret_started)
{
    uint64_t word = atomic_load(&t->word);
    *ret_started = (uint32_t)(word >> 32);
    return atomic_compare_exchange_strong(&t->word, &word, (uint64_t)*ret_started << 32 | given);
}

#endif
