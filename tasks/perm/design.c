#include "perm/design.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

enum { CHOOSE_MAX = 1 << 22, DYADIC_BITS_MAX = 6 };

static uint32_t words_of(uint32_t n)
{
    return (uint32_t)(((uint64_t)n + 63) / 64);
}

uint32_t design_words(const struct design *d)
{
    return words_of(d->n);
}

/* ---- counting ---- */

/* total * C(n, k), 0 if that is too many (or total is). */
static uint64_t times_choose(uint64_t total, uint32_t n, uint32_t k)
{
    u128 c = total;
    uint64_t one = 1;
    k = k < n - k ? k : n - k;
    for (uint32_t j = 1; j <= k && c != 0; j++) {
        u128 next = (u128)one * (n - k + j) / j;
        one = next > DESIGN_TOTAL_MAX ? 0 : (uint64_t)next;
        c = one == 0 ? 0 : c;
    }
    c *= one;
    return c > DESIGN_TOTAL_MAX ? 0 : (uint64_t)c;
}

static bool choose_table(struct design *d)
{
    uint64_t size = ((uint64_t)d->n + 1) * (d->k + 1), wide = d->k + 1;
    if (size > CHOOSE_MAX) {
        d->total = 0;
        return true;
    }
    d->choose = calloc(size, sizeof *d->choose);
    if (!d->choose)
        return false;
    for (uint64_t c = 0; c <= d->n; c++) {
        d->choose[c * wide] = 1;
        for (uint64_t j = 1; j <= d->k && j <= c; j++)
            d->choose[c * wide + j] = d->choose[(c - 1) * wide + j - 1] + d->choose[(c - 1) * wide + j];
    }
    return true;
}

/* Random words cost little and set about n * share bits at once; the rest is set or cleared one by one. Takes the share
 * t / 2^q that promises the least work, in ns as measured. */
static void choose_share(struct design *d)
{
    double n = d->n, best = INFINITY;
    for (uint32_t q = 0; q <= DYADIC_BITS_MAX; q++) {
        uint32_t t = q == 0 ? 0 : (uint32_t)lround(d->k / n * (1u << q));
        double p = t / (double)(1u << q), off = fabs(n * p - d->k) + 0.8 * sqrt(n * p * (1 - p));
        double work = 3.0 * q * words_of(d->n) + 7 * off;
        if (work < best) {
            best = work;
            d->dyadic = t;
            d->dyadic_bits = q;
        }
    }
}

bool design_subset(struct design *d, uint32_t n, uint32_t k)
{
    *d = (struct design){.kind = DESIGN_SUBSET, .n = n, .k = k, .total = times_choose(1, n, k)};
    choose_share(d);
    return d->total == 0 || choose_table(d);
}

bool design_signs(struct design *d, uint32_t n)
{
    *d = (struct design){.kind = DESIGN_SIGNS, .n = n};
    if (n < 63 && ((uint64_t)1 << n) <= DESIGN_TOTAL_MAX)
        d->total = (uint64_t)1 << n;
    return true;
}

bool design_labels(struct design *d, const uint32_t *counts, uint32_t n_labels)
{
    *d = (struct design){.kind = DESIGN_LABELS, .n_labels = n_labels, .total = 1};
    for (uint32_t l = 0; l < n_labels; l++) {
        d->n += counts[l];
        d->total = times_choose(d->total, d->n, counts[l]);
    }
    d->start = malloc(((size_t)d->n + 1) * sizeof *d->start);
    for (uint32_t l = 0, i = 0; d->start && l < n_labels; l++) {
        for (uint32_t c = 0; c < counts[l]; c++)
            d->start[i++] = l;
    }
    return d->start != NULL;
}

void design_fini(struct design *d)
{
    free(d->choose);
    free(d->start);
    *d = (struct design){.n = 0};
}

bool arrangement_init(struct arrangement *a, const struct design *d)
{
    a->bits = calloc((size_t)design_words(d) + 1, sizeof *a->bits);
    a->label = calloc((size_t)d->n + 1, sizeof *a->label);
    a->left = calloc((size_t)d->n_labels + 1, sizeof *a->left);
    return a->bits && a->label && a->left;
}

void arrangement_fini(struct arrangement *a)
{
    free(a->bits);
    free(a->label);
    free(a->left);
    *a = (struct arrangement){.bits = NULL};
}

/* ---- drawing ---- */

static inline uint64_t last_mask(uint32_t n)
{
    return n % 64 ? ((uint64_t)1 << (n % 64)) - 1 : ~(uint64_t)0;
}

/* Each of 64 bits is set with probability t / 2^q: the binary digits of the share, the last one first. */
static inline uint64_t draw_word(struct qx_stream *rng, uint32_t t, uint32_t q)
{
    uint64_t word = 0;
    for (uint32_t b = 0; b < q; b++)
        word = t >> b & 1 ? word | qx_u64(rng) : word & qx_u64(rng);
    return word;
}

/* Independent bits, then single ones set or cleared at random until k are set. The bits are exchangeable, so given how many
 * were set every set of that size is equally likely, and so is every one after each step. */
static void draw_subset(const struct design *d, struct qx_stream *rng, uint64_t *bits)
{
    uint32_t words = words_of(d->n), set = 0;
    for (uint32_t w = 0; w < words; w++) {
        bits[w] = draw_word(rng, d->dyadic, d->dyadic_bits);
        if (w + 1 == words)
            bits[w] &= last_mask(d->n);
        set += (uint32_t)__builtin_popcountll(bits[w]);
    }
    uint64_t unwanted = set > d->k ? 1 : 0; /* the value of bits that may be changed */
    for (uint32_t steps = set > d->k ? set - d->k : d->k - set; steps > 0;) {
        uint32_t i = qx_below32(rng, d->n);
        if ((bits[i / 64] >> (i % 64) & 1) == unwanted) {
            bits[i / 64] ^= (uint64_t)1 << (i % 64);
            steps--;
        }
    }
}

/* Fisher-Yates (Durstenfeld 1964). */
static void draw_labels(const struct design *d, struct qx_stream *rng, uint32_t *label)
{
    memcpy(label, d->start, d->n * sizeof *label);
    for (uint32_t i = d->n; i > 1; i--) {
        uint32_t j = qx_below32(rng, i), held = label[i - 1];
        label[i - 1] = label[j];
        label[j] = held;
    }
}

void design_draw(const struct design *d, struct qx_stream *rng, struct arrangement *a)
{
    switch (d->kind) {
    case DESIGN_SUBSET:
        draw_subset(d, rng, a->bits);
        break;
    case DESIGN_SIGNS:
        for (uint32_t w = 0; w < words_of(d->n); w++)
            a->bits[w] = qx_u64(rng);
        a->bits[words_of(d->n) - 1] &= last_mask(d->n);
        break;
    case DESIGN_LABELS:
    default:
        draw_labels(d, rng, a->label);
    }
}

/* ---- one after the other ---- */

/* Combinations in colexicographic order: rank = C(c_k, k) + .. + C(c_1, 1) with places c_k > .. > c_1. */
static void unrank_subset(const struct design *d, uint64_t rank, uint64_t *bits)
{
    uint64_t wide = d->k + 1, c = d->n;
    memset(bits, 0, words_of(d->n) * sizeof *bits);
    for (uint64_t j = d->k; j > 0; j--) {
        do
            c--;
        while (d->choose[c * wide + j] > rank);
        rank -= d->choose[c * wide + j];
        bits[c / 64] |= (uint64_t)1 << (c % 64);
    }
}

static bool bit_at(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

/* The lowest run of set bits, from p to q - 1: its highest one moves up by one place, the others down to the bottom. */
static void next_subset(const struct design *d, uint64_t *bits)
{
    if (d->n <= 64) { /* the same in one word (Gosper 1972) */
        uint64_t low = bits[0] & (0 - bits[0]), up = bits[0] + low;
        bits[0] = up | ((bits[0] ^ up) >> 2) >> __builtin_ctzll(low);
        return;
    }
    uint32_t p = 0, q;
    while (!bit_at(bits, p))
        p++;
    for (q = p; bit_at(bits, q); q++)
        bits[q / 64] &= ~((uint64_t)1 << (q % 64));
    bits[q / 64] |= (uint64_t)1 << (q % 64);
    for (uint32_t i = 0; i + 1 < q - p; i++)
        bits[i / 64] |= (uint64_t)1 << (i % 64);
}

/* Lexicographic: of `ways` arrangements of what is left, left[l] / units of them start with label l. */
static void unrank_labels(const struct design *d, uint64_t rank, struct arrangement *a)
{
    uint64_t ways = d->total;
    memset(a->left, 0, d->n_labels * sizeof *a->left);
    for (uint32_t i = 0; i < d->n; i++)
        a->left[d->start[i]]++;
    for (uint32_t i = 0; i < d->n; i++) {
        uint64_t start = 0;
        for (uint32_t l = 0; l < d->n_labels; l++) {
            uint64_t these = (uint64_t)((u128)ways * a->left[l] / (d->n - i));
            if (rank - start < these) {
                a->label[i] = l;
                a->left[l]--;
                rank -= start;
                ways = these;
                break;
            }
            start += these;
        }
    }
}

/* The next permutation in lexicographic order (Knuth, TAOCP 7.2.1.2, algorithm L). */
static void next_labels(const struct design *d, uint32_t *label)
{
    uint32_t i = d->n - 1, j = d->n - 1;
    while (label[i - 1] >= label[i])
        i--;
    while (label[j] <= label[i - 1])
        j--;
    uint32_t held = label[i - 1];
    label[i - 1] = label[j];
    label[j] = held;
    for (j = d->n - 1; i < j; i++, j--) {
        held = label[i];
        label[i] = label[j];
        label[j] = held;
    }
}

void design_unrank(const struct design *d, uint64_t rank, struct arrangement *a)
{
    if (d->kind == DESIGN_SUBSET)
        unrank_subset(d, rank, a->bits);
    else if (d->kind == DESIGN_SIGNS)
        a->bits[0] = rank;
    else
        unrank_labels(d, rank, a);
}

void design_next(const struct design *d, struct arrangement *a)
{
    if (d->kind == DESIGN_SUBSET)
        next_subset(d, a->bits);
    else if (d->kind == DESIGN_SIGNS)
        a->bits[0]++;
    else
        next_labels(d, a->label);
}
