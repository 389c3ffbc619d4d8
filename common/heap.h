/* heap.h - an indexed binary heap: smallest (key, tie) on top, any member can move or leave.
 *
 * Members embed a heap_node. Keys lie in the heap's own array, so that sifting touches no member but the moved
 * ones. Only heap_reserve allocates; push needs room reserved before. Zeroed is empty. Not thread-safe. */
#ifndef QX_COMMON_HEAP_H
#define QX_COMMON_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/mem.h"

enum { HEAP_OUT = 0 };

struct heap_node {
    size_t at; /* place in the heap + 1; HEAP_OUT: in none */
};
struct heap_slot {
    uint64_t key, tie;
    struct heap_node *node;
};
struct heap {
    struct heap_slot *slots;
    size_t n, cap;
};

static inline void heap_fini(struct heap *h)
{
    qx_free(h->slots);
    *h = (struct heap){0};
}

static inline qx_err heap_reserve(struct heap *h, size_t n)
{
    return qx_grow(&h->slots, &h->cap, n, sizeof *h->slots) ? QX_ERR_NOMEM : QX_ERR_OK;
}

static inline bool heap_less(const struct heap_slot *a, const struct heap_slot *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static inline void heap_set(struct heap *h, size_t at, struct heap_slot slot)
{
    h->slots[at] = slot;
    slot.node->at = at + 1;
}

/* Puts `slot` where it belongs, starting from the hole `at`. */
static inline void heap_settle(struct heap *h, size_t at, struct heap_slot slot)
{
    while (at > 0 && heap_less(&slot, &h->slots[(at - 1) / 2])) {
        heap_set(h, at, h->slots[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (size_t child; (child = 2 * at + 1) < h->n; at = child) {
        if (child + 1 < h->n && heap_less(&h->slots[child + 1], &h->slots[child]))
            child++;
        if (!heap_less(&h->slots[child], &slot))
            break;
        heap_set(h, at, h->slots[child]);
    }
    heap_set(h, at, slot);
}

static inline void heap_push(struct heap *h, struct heap_node *node, uint64_t key, uint64_t tie)
{
    QX_BUG_ON(h->n == h->cap || node->at != HEAP_OUT);
    h->n++;
    heap_settle(h, h->n - 1, (struct heap_slot){key, tie, node});
}

static inline void heap_rekey(struct heap *h, struct heap_node *node, uint64_t key)
{
    size_t at = node->at - 1;
    if (h->slots[at].key != key)
        heap_settle(h, at, (struct heap_slot){key, h->slots[at].tie, node});
}

static inline void heap_remove(struct heap *h, struct heap_node *node)
{
    size_t at = node->at - 1;
    node->at = HEAP_OUT;
    struct heap_slot last = h->slots[--h->n];
    if (at < h->n)
        heap_settle(h, at, last);
}

/* The order holds and every node knows its place. */
static inline bool heap_ok(const struct heap *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->slots[i].node->at != i + 1 || (i > 0 && heap_less(&h->slots[i], &h->slots[(i - 1) / 2])))
            return false;
    return h->n <= h->cap;
}

#endif
