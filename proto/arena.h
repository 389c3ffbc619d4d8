/* arena.h - the memory of one control message: taken piece by piece, given back at once.
 * The owner frees it. Not thread-safe. */
#ifndef QX_PROTO_ARENA_H
#define QX_PROTO_ARENA_H

#include <stddef.h>

#include "common/error.h"

struct control_arena;

/* Gives at most about `limit_bytes` in all. NULL: no memory. */
struct control_arena *arena_new(size_t limit_bytes);
void arena_free(struct control_arena *a); /* NULL is fine */

/* Aligned for anything; of 0 bytes is not NULL. NULL: no memory, or over the limit. */
void *arena_alloc(struct control_arena *a, size_t len_bytes);
void *arena_calloc(struct control_arena *a, size_t n, size_t len_bytes); /* zeroed; NULL also on overflow */
char *arena_text(struct control_arena *a, const void *text, size_t len); /* a copy, with a NUL behind it */

/* Why the last allocation that failed did: NOMEM or LIMIT; OK while none has. */
qx_err arena_fault(const struct control_arena *a);

#endif
