/* framebuf.h - the buffers of result frames. Small ones are recycled through a pool; large ones are counted references, so that
 * the ledger and libzmq share the bytes.
 *
 * The pool and small buffers belong to one thread. framebuf_ref and framebuf_unref of large ones: any thread. */
#ifndef QX_WORKER_FRAMEBUF_H
#define QX_WORKER_FRAMEBUF_H

#include <stdbool.h>
#include <stddef.h>

enum { FRAMEBUF_SMALL_BYTES = 2048, FRAMEBUF_KEPT_MAX = 4096 };

struct framebuf_pool;

struct framebuf_pool *framebuf_pool_new(void);
void framebuf_pool_free(struct framebuf_pool *p); /* after every small buffer came back */

/* At least `len` bytes, aligned for any type; NULL: no memory. One reference. */
void *framebuf_new(struct framebuf_pool *p, size_t len);
bool framebuf_is_small(const void *data);
void framebuf_ref(void *data);
void framebuf_unref(void *data); /* NULL is fine */

#endif
