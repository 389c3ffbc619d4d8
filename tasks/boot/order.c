#include "boot/order.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    double x;
    uint32_t row;
};

static int by_x(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

struct ranked *order_work(uint32_t n)
{
    return malloc(n * sizeof(struct ranked));
}

void order_rows(const double *x, uint32_t n, struct ranked *work, uint32_t *order)
{
    for (uint32_t i = 0; i < n; i++)
        work[i] = (struct ranked){.x = x[i], .row = i};
    qsort(work, n, sizeof *work, by_x);
    for (uint32_t i = 0; i < n; i++)
        order[i] = work[i].row;
}

/* The values at ranks lo and lo + 1 (the last has no next: itself). */
static void pair_at(const struct stat *s, const int32_t *w, uint32_t lo, uint32_t total, double *ret_lo,
                    double *ret_hi)
{
    uint32_t k = 0, before = (uint32_t)w[s->order[0]];
    while (before <= lo)
        before += (uint32_t)w[s->order[++k]];
    *ret_lo = *ret_hi = s->x[s->order[k]];
    if (before > lo + 1 || lo + 1 >= total)
        return;
    do
        k++;
    while (w[s->order[k]] == 0);
    *ret_hi = s->x[s->order[k]];
}

double order_quantile(const struct stat *s, const int32_t *weights, uint32_t total, double prob)
{
    double h = (double)(total - 1) * prob, lo_rank = floor(h), part = h - lo_rank, lo, hi;
    pair_at(s, weights, (uint32_t)lo_rank, total, &lo, &hi);
    if (part == 0)
        return lo;
    return part == 0.5 ? 0.5 * (lo + hi) : lo + part * (hi - lo);
}

/* Sum over the ranks first .. end - 1 of f = 1, x - centre or its square, in rank order. */
static double sum_ranks(const struct stat *s, const int32_t *w, uint32_t first, uint32_t end, double centre,
                        bool squares)
{
    double sum = 0;
    uint32_t rank = 0;
    for (uint32_t k = 0; rank < end; k++) {
        uint32_t next = rank + (uint32_t)w[s->order[k]];
        uint32_t from = rank > first ? rank : first, to = next < end ? next : end;
        if (to > from) {
            double d = s->x[s->order[k]] - centre;
            sum += (double)(to - from) * (squares ? d * d : d);
        }
        rank = next;
    }
    return sum;
}

double order_trimmed(const struct stat *s, const int32_t *weights, uint32_t total, double share,
                     double *ret_se)
{
    uint32_t cut = (uint32_t)floor((double)total * share + 1e-9), kept = total - 2 * cut;
    double mean = sum_ranks(s, weights, cut, total - cut, 0, false) / kept;
    if (!ret_se)
        return mean;
    double lo, hi, unused;
    pair_at(s, weights, cut, total, &lo, &unused);
    pair_at(s, weights, total - cut - 1, total, &hi, &unused);
    double centre = mean + ((double)cut * (lo - mean) + (double)cut * (hi - mean)) / total;
    double ss = sum_ranks(s, weights, cut, total - cut, centre, true) +
                (double)cut * ((lo - centre) * (lo - centre) + (hi - centre) * (hi - centre));
    double share_kept = (double)kept / total;
    *ret_se = total > 1 ? sqrt(ss / (total - 1) / total) / share_kept : 0;
    return mean;
}
