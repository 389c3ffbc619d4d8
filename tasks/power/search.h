/* search.h - the smallest size whose simulated power reaches a target, in rounds of as many data sets each. Pure: the next size is
 * a function of the rounds alone. */
#ifndef TASKS_POWER_SEARCH_H
#define TASKS_POWER_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUNDS_MAX = 40, ROUNDS_BYTES = 48 * ROUNDS_MAX };

struct round {
    uint32_t n;
    uint64_t rejected, items;
};
struct rounds {
    uint32_t n_rounds;
    struct round list[ROUNDS_MAX];
};

/* "20:8123/10000,24:8600/10000". False: it is not such a text. */
bool rounds_parse(struct rounds *r, const char *text);
void rounds_format(const struct rounds *r, char ret[ROUNDS_BYTES]);

enum search_end {
    SEARCH_MORE, /* another round, at `next` */
    SEARCH_FOUND, /* between a size that misses the target and one that reaches it nothing is left to tell apart */
    SEARCH_LEAST, /* the least size reaches it */
    SEARCH_FLAT,  /* the power does not grow with the size */
    SEARCH_NEVER, /* the largest size misses it */
    SEARCH_LONG   /* as many rounds as there may be */
};
struct search {
    enum search_end end;
    uint32_t next;
    uint32_t best,
        below; /* rounds: the smallest size that reaches the target, the largest under it that misses it; UINT32_MAX: none */
};
/* z_alpha: the quantile at which the test rejects, in its normal approximation; power grows like Phi(c sqrt(n) - z_alpha). */
struct search search_next(const struct rounds *r, double target, double z_alpha, uint32_t n_least,
                          uint32_t n_max);

/* The size at which the power is `target` where it is `power` at size n, by that rule. NaN: it cannot tell. */
double search_size(double n, double power, double target, double z_alpha);

#endif
