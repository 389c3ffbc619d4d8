/* keys.h - numbers and a two-bit tag each, packed so that sorting integers sorts the numbers. Pure.
 * The last two bits of a number are lost: numbers are equal here if they agree to 50 bits. */
#ifndef TASKS_POWER_KEYS_H
#define TASKS_POWER_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* tag: 0 .. 3. No NaN. */
static inline uint64_t key_of(double x, uint32_t tag)
{
    uint64_t bits;
    x += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    bits = bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
    return (bits & ~(uint64_t)3) | tag;
}
static inline uint32_t key_tag(uint64_t key)
{
    return (uint32_t)(key & 3);
}
static inline bool key_same(uint64_t a, uint64_t b)
{
    return (a ^ b) < 4;
}

/* Ascending. scratch: as long as keys. */
void keys_sort(uint64_t *keys, uint32_t n, uint64_t *scratch);

#endif
