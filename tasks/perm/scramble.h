/* scramble.h - a random order of 0 .. n-1, a function of the seed. Up to SCRAMBLE_TABLE it is shuffled in memory; beyond that
 * it needs none: a Feistel network on a rectangle just large enough, walked on where it leaves the range (Black and Rogaway
 * 2002, "Ciphers with arbitrary finite domains"). The first m places are a random sample without replacement, all n places are
 * everything once. */
#ifndef TASKS_PERM_SCRAMBLE_H
#define TASKS_PERM_SCRAMBLE_H

#include <stdbool.h>
#include <stdint.h>

enum { SCRAMBLE_ROUNDS = 8, SCRAMBLE_TABLE = 1 << 16 };
struct scramble {
    uint64_t n, rows, columns;
    uint64_t keys[SCRAMBLE_ROUNDS];
    uint32_t *table; /* NULL: the network */
};

/* n >= 1. False: out of memory. */
bool scramble_init(struct scramble *s, uint64_t n, uint64_t seed);
void scramble_fini(struct scramble *s);
/* What stands at place i < n. */
uint64_t scramble_at(const struct scramble *s, uint64_t i);

#endif
