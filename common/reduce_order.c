#include "common/reduce_order.h"

#include <stdint.h>
#include <string.h>

static const uint64_t top_bit = (uint64_t)1 << 63;

static uint64_t order_of(double x)
{
    uint64_t image;
    memcpy(&image, &x, sizeof image);
    return image ^ ((0 - (image >> 63)) | top_bit);
}

static double value_of(uint64_t order)
{
    uint64_t image = order ^ (((order >> 63) - 1) | top_bit);
    double x;
    memcpy(&x, &image, sizeof x);
    return x;
}

static void count_digits(const uint64_t *key, size_t n, uint32_t count[8][256])
{
    memset(count, 0, 8 * sizeof *count);
    for (size_t i = 0; i < n; i++)
        for (unsigned d = 0; d < 8; d++)
            count[d][key[i] >> (8 * d) & 255]++;
}

/* Radix sort. Digits that all values share are skipped. */
void order_sort(double *values, size_t n, double *spare)
{
    uint32_t count[8][256];
    uint64_t *a = (uint64_t *)(void *)values, *b = (uint64_t *)(void *)spare;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = order_of(values[i]);
        memcpy(&a[i], &key, sizeof key);
    }
    count_digits(a, n, count);
    for (unsigned d = 0; d < 8; d++) {
        uint32_t at[256], sum = 0;
        if (n == 0 || count[d][a[0] >> (8 * d) & 255] == n)
            continue;
        for (unsigned v = 0; v < 256; v++) {
            at[v] = sum;
            sum += count[d][v];
        }
        for (size_t i = 0; i < n; i++)
            b[at[a[i] >> (8 * d) & 255]++] = a[i];
        uint64_t *swap = a;
        a = b;
        b = swap;
    }
    uint64_t *from = a;
    for (size_t i = 0; i < n; i++) {
        double x = value_of(from[i]);
        memcpy(&values[i], &x, sizeof x);
    }
}

void order_merge(const double *a, size_t n_a, const double *b, size_t n_b, double *to)
{
    size_t i = 0, j = 0;
    while (i < n_a && j < n_b) {
        bool second = order_of(b[j]) < order_of(a[i]);
        *to++ = second ? b[j] : a[i];
        j += second;
        i += !second;
    }
    if (i < n_a)
        memcpy(to, a + i, (n_a - i) * sizeof *to);
    if (j < n_b)
        memcpy(to + (n_a - i), b + j, (n_b - j) * sizeof *to);
}

bool order_ascending(const double *values, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (order_of(values[i]) < order_of(values[i - 1]))
            return false;
    return true;
}
