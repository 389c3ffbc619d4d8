#include "worker/ring.h"

#include <string.h>

void ring_end_init(struct ring_end *e, struct ring *ring, void *data, size_t cap)
{
    *e = (struct ring_end){.ring = ring, .data = data, .cap = cap};
}

size_t ring_space(struct ring_end *w)
{
    uint64_t tail = atomic_load(&w->ring->tail);
    uint64_t used = w->mine - tail;
    if (used > w->cap || tail - w->theirs > w->cap)
        w->nonsense = true;
    w->theirs = tail;
    return w->nonsense ? 0 : (size_t)(w->cap - used);
}

size_t ring_put(struct ring_end *w, const void *data, size_t len)
{
    size_t n = (size_t)(w->cap - (w->mine - w->theirs));
    if (n < len)
        n = ring_space(w);
    if (w->nonsense)
        return 0;
    if (n > len)
        n = len;
    if (n == 0)
        return 0;
    size_t at = (size_t)(w->mine & (w->cap - 1));
    size_t first = n < w->cap - at ? n : (size_t)(w->cap - at);
    memcpy(w->data + at, data, first);
    memcpy(w->data, (const uint8_t *)data + first, n - first);
    w->mine += n;
    atomic_store(&w->ring->head, w->mine);
    return n;
}

bool ring_wait_space(struct ring_end *w)
{
    atomic_store(&w->ring->writer_waits, 1);
    if (ring_space(w) == 0 && !w->nonsense)
        return true;
    atomic_store(&w->ring->writer_waits, 0);
    return false;
}

bool ring_take_reader(struct ring_end *w)
{
    return atomic_load(&w->ring->reader_waits) != 0 && atomic_exchange(&w->ring->reader_waits, 0) != 0;
}

size_t ring_len(struct ring_end *r)
{
    uint64_t head = atomic_load(&r->ring->head);
    uint64_t len = head - r->mine;
    if (len > r->cap)
        r->nonsense = true;
    r->theirs = head;
    return r->nonsense ? 0 : (size_t)len;
}

size_t ring_peek(struct ring_end *r, void *to, size_t len)
{
    size_t n = (size_t)(r->theirs - r->mine);
    if (n < len)
        n = ring_len(r);
    if (r->nonsense)
        return 0;
    if (n > len)
        n = len;
    if (n == 0)
        return 0;
    size_t at = (size_t)(r->mine & (r->cap - 1));
    size_t first = n < r->cap - at ? n : (size_t)(r->cap - at);
    memcpy(to, r->data + at, first);
    memcpy((uint8_t *)to + first, r->data, n - first);
    return n;
}

size_t ring_get(struct ring_end *r, void *to, size_t len)
{
    size_t n = ring_peek(r, to, len);
    if (n > 0) {
        r->mine += n;
        atomic_store(&r->ring->tail, r->mine);
    }
    return n;
}

bool ring_wait_bytes(struct ring_end *r)
{
    atomic_store(&r->ring->reader_waits, 1);
    if (ring_len(r) == 0 && !r->nonsense)
        return true;
    atomic_store(&r->ring->reader_waits, 0);
    return false;
}

bool ring_take_writer(struct ring_end *r)
{
    return atomic_load(&r->ring->writer_waits) != 0 && atomic_exchange(&r->ring->writer_waits, 0) != 0;
}
