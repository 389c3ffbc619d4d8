#include "power/search.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "shared/rmath.h"

enum { FLAT_ROUNDS = 5 };

/* ---- rounds as a text ---- */

static bool read_count(const char **p, char end, uint64_t *ret)
{
    *ret = 0;
    const char *from = *p;
    for (; **p >= '0' && **p <= '9' && *p - from < 18; (*p)++)
        *ret = *ret * 10 + (uint64_t)(**p - '0');
    return *p > from && (**p == end || (end == ',' && **p == '\0'));
}

bool rounds_parse(struct rounds *r, const char *text)
{
    r->n_rounds = 0;
    for (const char *p = text; *p;) {
        uint64_t n, rejected, items;
        if (r->n_rounds == ROUNDS_MAX || !read_count(&p, ':', &n))
            return false;
        p++;
        if (!read_count(&p, '/', &rejected))
            return false;
        p++;
        if (!read_count(&p, ',', &items) || n == 0 || n > UINT32_MAX || rejected > items || items == 0)
            return false;
        r->list[r->n_rounds++] = (struct round){(uint32_t)n, rejected, items};
        if (*p == ',' && *++p == '\0')
            return false;
    }
    return true;
}

void rounds_format(const struct rounds *r, char ret[ROUNDS_BYTES])
{
    size_t at = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < r->n_rounds && at < ROUNDS_BYTES; i++)
        at += (size_t)snprintf(ret + at, ROUNDS_BYTES - at, "%s%" PRIu32 ":%" PRIu64 "/%" PRIu64,
                               i ? "," : "", r->list[i].n, r->list[i].rejected, r->list[i].items);
}

/* ---- the search ---- */

/* Normal quantile of a share, kept off 0 and 1. */
static double probit(double share, double items)
{
    double edge = 0.5 / items;
    return qnorm(fmin(fmax(share, edge), 1 - edge), 0, 1, 1, 0);
}

static double share_of(const struct round *r)
{
    return (double)r->rejected / (double)r->items;
}

double search_size(double n, double power, double target, double z_alpha)
{
    double have = z_alpha + qnorm(power, 0, 1, 1, 0), want = z_alpha + qnorm(target, 0, 1, 1, 0);
    return have > 0 && want > 0 ? n * (want / have) * (want / have) : NAN;
}

/* One step from a round, a standard error beyond where the rule points, so that the target comes between. */
static double step_from(const struct round *r, double target, double z_alpha, int direction)
{
    double share = share_of(r), items = (double)r->items, edge = 0.5 / items;
    double se = sqrt(fmax(share * (1 - share), edge) / items), moved = share - direction * se;
    double n = search_size(r->n, fmin(fmax(moved, edge), 1 - edge), target, z_alpha);
    if (isnan(n))
        return direction > 0 ? 4.0 * r->n : r->n / 4.0;
    return fmin(fmax(n, r->n / 4.0), 4.0 * r->n);
}

static uint32_t next_outside(const struct round *r, double target, double z_alpha, int direction,
                             uint32_t n_least, uint32_t n_max)
{
    double n = step_from(r, target, z_alpha, direction);
    n = direction > 0 ? fmax(ceil(n), r->n + 1.0) : fmin(floor(n), r->n - 1.0);
    return (uint32_t)fmin(fmax(n, n_least), n_max);
}

/* Sizes no further apart than this have powers that differ by half a standard error or less; at least 1. */
static double resolution(const struct round *r, double target, double z_alpha)
{
    double z = qnorm(target, 0, 1, 1, 0), slope = dnorm(z, 0, 1, 0) * (z_alpha + z) / (2.0 * r->n);
    double se = sqrt(target * (1 - target) / (double)r->items);
    return slope > 0 ? fmax(1, floor(0.5 * se / slope)) : 1;
}

/* Between two sizes: where the line through both, probit against root of n, meets the target, but no nearer to either end than sizes
 * can be told apart, since then one more round ends the search; every fourth time the middle, so that the bracket shrinks whatever
 * the shape. */
static uint32_t next_between(const struct round *low, const struct round *high, double target, double apart,
                             bool middle)
{
    double a = sqrt(low->n), b = sqrt(high->n), za = probit(share_of(low), (double)low->items),
           zb = probit(share_of(high), (double)high->items), z = qnorm(target, 0, 1, 1, 0);
    double s = a + (b - a) * (z - za) / (zb - za), n = s * s;
    if (middle || !isfinite(n) || high->n - low->n < 2 * apart)
        return low->n + (high->n - low->n) / 2;
    return (uint32_t)round(fmin(fmax(n, low->n + apart), high->n - apart));
}

/* Does the power at the largest of several sizes stand out from that at the smallest? Else there is no effect to be found. */
static bool is_flat(const struct rounds *r)
{
    const struct round *small = &r->list[0], *large = &r->list[0];
    for (uint32_t i = 1; i < r->n_rounds; i++) {
        small = r->list[i].n < small->n ? &r->list[i] : small;
        large = r->list[i].n > large->n ? &r->list[i] : large;
    }
    double a = share_of(small), b = share_of(large);
    double var = a * (1 - a) / (double)small->items + b * (1 - b) / (double)large->items;
    return r->n_rounds >= FLAT_ROUNDS && b - a <= 4 * sqrt(var);
}

struct search search_next(const struct rounds *r, double target, double z_alpha, uint32_t n_least,
                          uint32_t n_max)
{
    struct search s = {.end = SEARCH_MORE, .best = UINT32_MAX, .below = UINT32_MAX};
    for (uint32_t i = 0; i < r->n_rounds; i++)
        if (share_of(&r->list[i]) >= target && (s.best == UINT32_MAX || r->list[i].n < r->list[s.best].n))
            s.best = i;
    for (uint32_t i = 0; i < r->n_rounds; i++)
        if (share_of(&r->list[i]) < target && (s.best == UINT32_MAX || r->list[i].n < r->list[s.best].n) &&
            (s.below == UINT32_MAX || r->list[i].n > r->list[s.below].n))
            s.below = i;
    const struct round *high = s.best == UINT32_MAX ? NULL : &r->list[s.best],
                       *low = s.below == UINT32_MAX ? NULL : &r->list[s.below];
    double apart = high ? resolution(high, target, z_alpha) : 1;
    if (high && low && high->n - low->n <= apart)
        s.end = SEARCH_FOUND;
    else if (high && !low && high->n <= n_least)
        s.end = SEARCH_LEAST;
    else if (low && !high && low->n >= n_max)
        s.end = SEARCH_NEVER;
    else if (low && !high && is_flat(r))
        s.end = SEARCH_FLAT;
    else if (r->n_rounds == ROUNDS_MAX)
        s.end = SEARCH_LONG;
    else if (high && low)
        s.next = next_between(low, high, target, apart, r->n_rounds % 4 == 3);
    else if (high || low)
        s.next = next_outside(high ? high : low, target, z_alpha, high ? -1 : 1, n_least, n_max);
    return s;
}
