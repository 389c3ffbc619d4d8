#include "perm/scramble.h"

#include <math.h>
#include <stdlib.h>

#include "quincunx/stream.h"

__extension__ typedef unsigned __int128 u128;

/* Where its random numbers come from: no item has this index. */
static const uint64_t no_item = UINT64_MAX;

/* Fisher-Yates. */
static bool shuffle(struct scramble *s, struct qx_stream *rng)
{
    s->table = calloc(s->n, sizeof *s->table);
    for (uint32_t i = 0; s->table && i < s->n; i++) {
        uint32_t j = (uint32_t)qx_below(rng, i + 1);
        s->table[i] = s->table[j];
        s->table[j] = i;
    }
    return s->table != NULL;
}

bool scramble_init(struct scramble *s, uint64_t n, uint64_t seed)
{
    struct qx_stream rng;
    uint64_t rows = (uint64_t)sqrt((double)n);
    *s = (struct scramble){.n = n, .rows = rows, .columns = n / rows + (n % rows != 0)};
    qx_stream_init(&rng, seed, no_item, 0);
    for (int k = 0; k < SCRAMBLE_ROUNDS; k++)
        s->keys[k] = qx_u64(&rng);
    return n > SCRAMBLE_TABLE || shuffle(s, &rng);
}

void scramble_fini(struct scramble *s)
{
    free(s->table);
    s->table = NULL;
}

/* A number below n from a key and half of the place: the finaliser of SplitMix64 (Steele, Lea and Flood 2014). */
static uint64_t rolled(uint64_t key, uint64_t half, uint64_t n)
{
    uint64_t z = key + half * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (uint64_t)(((u128)z * n) >> 64);
}

uint64_t scramble_at(const struct scramble *s, uint64_t i)
{
    if (s->table)
        return s->table[i];
    do {
        uint64_t row = i / s->columns, column = i % s->columns;
        for (int k = 0; k < SCRAMBLE_ROUNDS; k += 2) {
            row += rolled(s->keys[k], column, s->rows);
            row -= row >= s->rows ? s->rows : 0;
            column += rolled(s->keys[k + 1], row, s->columns);
            column -= column >= s->columns ? s->columns : 0;
        }
        i = row * s->columns + column;
    } while (i >= s->n);
    return i;
}
