/* ring.h - a stream of bytes from one process to another through shared memory: one writer, one reader.
 *
 * The two counters live in shared memory, but each side works from its own private copy (struct ring_end) and only
 * publishes it, so a peer that scribbles over the shared words cannot move us out of our buffer: what does not add up
 * is reported as nonsense.
 *
 * Sleeping: a side that finds nothing to do announces it (ring_wait_*), looks once more, and then blocks on its descriptor; the
 * other side, after publishing, takes the announcement (ring_take_*) and writes the descriptor only if there was one. All shared
 * words are sequentially consistent, so one of the two always sees the other. */
#ifndef QX_WORKER_RING_H
#define QX_WORKER_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {                           /* shared; all zero is empty */
    _Alignas(64) _Atomic uint64_t head; /* bytes ever written */
    _Atomic uint32_t writer_waits;      /* the writer sleeps until there is space */
    _Alignas(64) _Atomic uint64_t tail; /* bytes ever read */
    _Atomic uint32_t reader_waits;      /* the reader sleeps until there are bytes */
};

struct ring_end { /* private to one side */
    struct ring *ring;
    uint8_t *data;
    uint64_t cap;          /* a power of two */
    uint64_t mine, theirs; /* our counter, and theirs as last seen */
    bool nonsense;         /* the other side's counter is impossible: the ring is dead */
};

/* Both sides of a ring whose shared part is all zero. */
void ring_end_init(struct ring_end *e, struct ring *ring, void *data, size_t cap);

/* Writer. ring_put writes as much as fits and publishes it; gives how much. */
size_t ring_space(struct ring_end *w);
size_t ring_put(struct ring_end *w, const void *data, size_t len);
bool ring_wait_space(
    struct ring_end *w); /* announces; false: there is space after all (announcement withdrawn) */
bool ring_take_reader(struct ring_end *w); /* the reader had announced that it sleeps */

/* Reader. ring_get reads as much as is there, ring_peek without taking it. */
size_t ring_len(struct ring_end *r);
size_t ring_get(struct ring_end *r, void *to, size_t len);
size_t ring_peek(struct ring_end *r, void *to, size_t len);
bool ring_wait_bytes(struct ring_end *r);
bool ring_take_writer(struct ring_end *r);

#endif
