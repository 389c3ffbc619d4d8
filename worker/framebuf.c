#include "worker/framebuf.h"

#include <stdatomic.h>
#include <stdint.h>

#include "common/mem.h"

struct framebuf { /* precedes the bytes */
    union {
        struct framebuf *next;      /* while in the pool */
        struct framebuf_pool *pool; /* of a small one in use; NULL: large */
    };
    _Alignas(16) _Atomic unsigned refs;
};

struct framebuf_pool {
    struct framebuf *first;
    size_t n;
};

static struct framebuf *head_of(const void *data)
{
    return (struct framebuf *)(uintptr_t)data - 1;
}

struct framebuf_pool *framebuf_pool_new(void)
{
    return qx_calloc(1, sizeof(struct framebuf_pool));
}

void framebuf_pool_free(struct framebuf_pool *p)
{
    if (!p)
        return;
    for (struct framebuf *b = p->first; b;) {
        struct framebuf *next = b->next;
        qx_free(b);
        b = next;
    }
    qx_free(p);
}

void *framebuf_new(struct framebuf_pool *p, size_t len)
{
    bool small = len <= FRAMEBUF_SMALL_BYTES;
    struct framebuf *b = small ? p->first : NULL;
    if (b) {
        p->first = b->next;
        p->n--;
    } else {
        if (len > SIZE_MAX - sizeof *b)
            return NULL;
        b = qx_malloc(sizeof *b + (small ? FRAMEBUF_SMALL_BYTES : len));
        if (!b)
            return NULL;
    }
    b->pool = small ? p : NULL;
    atomic_init(&b->refs, 1);
    return b + 1;
}

bool framebuf_is_small(const void *data)
{
    return head_of(data)->pool != NULL;
}

void framebuf_ref(void *data)
{
    (void)atomic_fetch_add(&head_of(data)->refs, 1);
}

void framebuf_unref(void *data)
{
    if (!data || atomic_fetch_sub(&head_of(data)->refs, 1) > 1)
        return;
    struct framebuf *b = head_of(data);
    struct framebuf_pool *p = b->pool;
    if (!p || p->n >= FRAMEBUF_KEPT_MAX) {
        qx_free(b);
        return;
    }
    b->next = p->first;
    p->first = b;
    p->n++;
}
