#include "proto/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "common/mem.h"

enum { FIRST_BLOCK_BYTES = 4000, LAST_BLOCK_BYTES = 1 << 20, ALIGN_BYTES = alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    alignas(max_align_t) char data[];
};

struct control_arena {
    struct arena_block *blocks; /* the newest first; pieces come from it only */
    size_t left_bytes, next_bytes;
    qx_err fault;
};

struct control_arena *arena_new(size_t limit_bytes)
{
    struct control_arena *a = qx_malloc(sizeof *a);
    if (a)
        *a = (struct control_arena){.left_bytes = limit_bytes, .next_bytes = FIRST_BLOCK_BYTES};
    return a;
}

void arena_free(struct control_arena *a)
{
    if (!a)
        return;
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        qx_free(b);
    }
    qx_free(a);
}

static struct arena_block *add_block(struct control_arena *a, size_t need)
{
    size_t cap = need > a->next_bytes ? need : a->next_bytes;
    if (need > a->left_bytes) {
        a->fault = QX_ERR_LIMIT;
        return NULL;
    }
    struct arena_block *b = qx_malloc(sizeof *b + cap);
    if (!b) {
        a->fault = QX_ERR_NOMEM;
        return NULL;
    }
    *b = (struct arena_block){.next = a->blocks, .cap = cap};
    a->blocks = b;
    a->left_bytes -= cap < a->left_bytes ? cap : a->left_bytes;
    if (a->next_bytes < LAST_BLOCK_BYTES)
        a->next_bytes *= 2;
    return b;
}

void *arena_alloc(struct control_arena *a, size_t len_bytes)
{
    if (len_bytes > SIZE_MAX / 2) {
        a->fault = QX_ERR_LIMIT;
        return NULL;
    }
    size_t size = (len_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    struct arena_block *b = a->blocks;
    if (!b || b->cap - b->used < size)
        b = add_block(a, size);
    if (!b)
        return NULL;
    void *p = b->data + b->used;
    b->used += size;
    return p;
}

void *arena_calloc(struct control_arena *a, size_t n, size_t len_bytes)
{
    size_t size;
    if (__builtin_mul_overflow(n, len_bytes, &size)) {
        a->fault = QX_ERR_LIMIT;
        return NULL;
    }
    void *p = arena_alloc(a, size);
    return p && size > 0 ? memset(p, 0, size) : p;
}

char *arena_text(struct control_arena *a, const void *text, size_t len)
{
    char *copy = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;
    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

qx_err arena_fault(const struct control_arena *a)
{
    return a->fault;
}
