/* mem.h - every allocation of the project goes through here, so that a test can make each one fail.
 * Thread-safe. The failure counter is per process and is only armed by tests. */
#ifndef QX_COMMON_MEM_H
#define QX_COMMON_MEM_H

#include <stddef.h>

void *qx_malloc(size_t len_bytes);
void *qx_calloc(size_t n, size_t len_bytes); /* zeroed; NULL on overflow of n * len */
void *qx_realloc(void *p, size_t len_bytes); /* p stays valid on failure */
char *qx_strdup(const char *s);
void qx_free(void *p); /* NULL is fine */

/* Grows *p_array (elements of `size` bytes, capacity *p_cap) to hold at least `need` elements.
 * Doubles. Returns 0, or -1 with everything unchanged. */
int qx_grow(void *p_array, size_t *p_cap, size_t need, size_t size);

/* The n-th allocation from now fails once; 0 disarms. */
void qx_mem_fail_at(unsigned n);

#endif
