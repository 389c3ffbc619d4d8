#include "common/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint fail_countdown;

void qx_mem_fail_at(unsigned n)
{
    atomic_store(&fail_countdown, n);
}

static int must_fail(void)
{
    unsigned left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    while (left > 0)
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
            return left == 1;
    return 0;
}

void *qx_malloc(size_t len_bytes)
{
    return must_fail() ? NULL : malloc(len_bytes ? len_bytes : 1);
}

void *qx_calloc(size_t n, size_t len_bytes)
{
    if (must_fail() || (len_bytes && n > SIZE_MAX / len_bytes))
        return NULL;
    return n == 0 || len_bytes == 0 ? calloc(1, 1) : calloc(n, len_bytes);
}

void *qx_realloc(void *p, size_t len_bytes)
{
    return must_fail() ? NULL : realloc(p, len_bytes ? len_bytes : 1);
}

char *qx_strdup(const char *s)
{
    size_t len = strlen(s) + 1;
    char *copy = qx_malloc(len);
    return copy ? memcpy(copy, s, len) : NULL;
}

void qx_free(void *p)
{
    free(p);
}

int qx_grow(void *p_array, size_t *p_cap, size_t need, size_t size)
{
    if (need <= *p_cap)
        return 0;
    size_t cap = *p_cap ? *p_cap : 8;
    while (cap < need) {
        if (cap > SIZE_MAX / 2)
            return -1;
        cap *= 2;
    }
    if (size && cap > SIZE_MAX / size)
        return -1;
    void *old;
    memcpy(&old, p_array, sizeof old);
    void *grown = qx_realloc(old, cap * size);
    if (!grown)
        return -1;
    memcpy(p_array, &grown, sizeof grown);
    *p_cap = cap;
    return 0;
}
