#include "power/keys.h"

enum { RUN = 24 };

static void insertion_sort(uint64_t *keys, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        uint64_t key = keys[i];
        uint32_t j = i;
        for (; j > 0 && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* a[0 .. m-1] and a[m .. n-1], both sorted, into `to`. The choice is arithmetic: a branch would be guessed wrong half the time. */
static void merge(const uint64_t *a, uint32_t m, uint32_t n, uint64_t *to)
{
    uint32_t i = 0, j = m;
    while (i < m && j < n) {
        uint32_t right = a[j] < a[i];
        *to++ = right ? a[j] : a[i];
        j += right;
        i += !right;
    }
    memcpy(to, a + i, (size_t)(m - i) * sizeof *a);
    memcpy(to + (m - i), a + j, (size_t)(n - j) * sizeof *a);
}

void keys_sort(uint64_t *keys, uint32_t n, uint64_t *scratch)
{
    uint64_t *from = keys, *to = scratch;
    for (uint32_t i = 0; i < n; i += RUN)
        insertion_sort(keys + i, n - i < RUN ? n - i : RUN);
    for (uint64_t run = RUN; run < n; run *= 2) {
        for (uint64_t i = 0; i < n; i += 2 * run) {
            uint64_t len = n - i < 2 * run ? n - i : 2 * run;
            merge(from + i, (uint32_t)(run < len ? run : len), (uint32_t)len, to + i);
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, (size_t)n * sizeof *keys);
}
