#include "perm/adjust.h"

#include <stdlib.h>

struct ranked {
    double p;
    uint32_t variable;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return (x->variable > y->variable) - (x->variable < y->variable);
}

/* Benjamini and Hochberg (1995): p (n / rank), made monotone from the largest down. */
static bool adjust_bh(struct adjusted *ps, uint32_t n)
{
    struct ranked *ranked = malloc(((size_t)n + 1) * sizeof *ranked);
    double least = 1;
    if (!ranked)
        return false;
    for (uint32_t v = 0; v < n; v++)
        ranked[v] = (struct ranked){ps[v].p, v};
    qsort(ranked, n, sizeof *ranked, by_p);
    for (uint32_t r = n; r-- > 0;) {
        double p = ranked[r].p * n / (r + 1.0);
        least = p < least ? p : least;
        ps[ranked[r].variable].bh = least;
    }
    free(ranked);
    return true;
}

bool adjust(const uint64_t *words, uint32_t n_vars, bool step_down, uint32_t extra, struct adjusted *ret)
{
    const uint64_t *raw = words + 1, *step = raw + n_vars, *single = step + n_vars;
    double all = (double)words[0] + extra, above = 0;
    uint64_t count = 0;
    for (uint32_t v = n_vars; v-- > 0;) { /* from the most extreme */
        count += single[v + 1];
        double p = ((double)(step_down ? step[v] : count) + extra) / all;
        above = p > above ? p : above;
        ret[v] = (struct adjusted){.p = ((double)raw[v] + extra) / all, .max_t = above};
    }
    return adjust_bh(ret, n_vars);
}
