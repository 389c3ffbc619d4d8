/* draw.c - the words of a resample come in batches of 16 blocks of Philox4x32-10, the counters of quincunx/stream.h. Lane j of
 * a batch is block j; the order in which words are used is that of `batch`: first the words 0 and 1 of all blocks, then the
 * words 2 and 3. It is the same for every width of vectors. */
#include "boot/draw.h"

#include <string.h>

enum { BATCH_BLOCKS = 16, BATCH_WORDS = 2 * BATCH_BLOCKS, SMALL_MAX = 4096 };

struct words {
    uint64_t seed, item;
    uint32_t next_block;
    uint64_t batch[BATCH_WORDS]; /* each two words, the first one low */
};

#if defined(QX_STREAM_X86)
#define BATCH_KERNEL(NAME, V, LANES, MUL)                                                                    \
    void NAME(struct words *w)                                                                               \
    {                                                                                                        \
        const V zero = {0}, qx_m0_ = zero + QX_PHILOX_M0, qx_m1_ = zero + QX_PHILOX_M1,                      \
                low = zero + 0xFFFFFFFFu;                                                                    \
        V step;                                                                                              \
        uint64_t image[LANES];                                                                               \
        for (uint32_t j = 0; j < (LANES); j++)                                                               \
            image[j] = j;                                                                                    \
        memcpy(&step, image, sizeof step);                                                                   \
        for (uint32_t done = 0; done < BATCH_BLOCKS; done += 2 * (LANES)) {                                  \
            const V item = zero + w->item;                                                                   \
            V a[4] = {step + (w->next_block + done), zero, item, item >> 32};                                \
            V b[4] = {step + (w->next_block + done + (LANES)), zero, item, item >> 32};                      \
            QX_PHILOX_VPAIR(V, MUL, a, b, w->seed);                                                          \
            memcpy(w->batch + done, &a[0], sizeof(V));                                                       \
            memcpy(w->batch + done + (LANES), &b[0], sizeof(V));                                             \
            memcpy(w->batch + BATCH_BLOCKS + done, &a[2], sizeof(V));                                        \
            memcpy(w->batch + BATCH_BLOCKS + done + (LANES), &b[2], sizeof(V));                              \
        }                                                                                                    \
    }

/* clang-format off */
static BATCH_KERNEL(batch_128, qx_v128, 2, QX_MUL128)
__attribute__((target("avx2"))) static BATCH_KERNEL(batch_256, qx_v256, 4, QX_MUL256)
__attribute__((target("avx512f"))) static BATCH_KERNEL(batch_512, qx_v512, 8, QX_MUL512)
/* clang-format on */
#endif

            static void next_batch(struct words *w)
{
#if defined(QX_STREAM_X86)
    if (__builtin_cpu_supports("avx512f"))
        batch_512(w);
    else if (__builtin_cpu_supports("avx2"))
        batch_256(w);
    else
        batch_128(w);
#else
    const uint32_t key[2] = {(uint32_t)w->seed, (uint32_t)(w->seed >> 32)};
    for (uint32_t j = 0; j < BATCH_BLOCKS; j++) {
        const uint32_t ctr[4] = {w->next_block + j, 0, (uint32_t)w->item, (uint32_t)(w->item >> 32)};
        uint32_t x[4];
        qx_philox4x32(ctr, key, x);
        w->batch[j] = x[0] | (uint64_t)x[1] << 32;
        w->batch[BATCH_BLOCKS + j] = x[2] | (uint64_t)x[3] << 32;
    }
#endif
    w->next_block += BATCH_BLOCKS;
}

/* Places 0 .. size-1 for up to a batch of words, those without bias only; returns how many. Lemire's way from 16 bits (size <=
 * SMALL_MAX) or 32. */
enum { PLACES_SMALL = 4 * BATCH_WORDS, PLACES_LARGE = 2 * BATCH_WORDS };

#if defined(QX_STREAM_X86)
/* The high halves of the products, and whether none of the low ones is under `reject`. */
static bool multiply(const uint16_t *words, uint16_t size, uint16_t reject, uint16_t *ret)
{
    __m128i by = _mm_set1_epi16((short)size), least = _mm_set1_epi16((short)reject),
            under = _mm_setzero_si128();
    for (uint32_t k = 0; k < PLACES_SMALL; k += 8) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(words + k)),
                high = _mm_mulhi_epu16(x, by);
        under = _mm_or_si128(under, _mm_subs_epu16(least, _mm_mullo_epi16(x, by)));
        _mm_storeu_si128((__m128i *)(void *)(ret + k), high);
    }
    return _mm_movemask_epi8(_mm_cmpeq_epi8(under, _mm_setzero_si128())) == 0xFFFF;
}
#else
static bool multiply(const uint16_t *words, uint16_t size, uint16_t reject, uint16_t *ret)
{
    bool none = true;
    for (uint32_t k = 0; k < PLACES_SMALL; k++) {
        uint32_t product = (uint32_t)words[k] * size;
        ret[k] = (uint16_t)(product >> 16);
        none = none && (uint16_t)product >= reject;
    }
    return none;
}
#endif

static uint32_t places_small(const struct words *w, uint16_t size, uint16_t *ret)
{
    uint16_t words[PLACES_SMALL], reject = (uint16_t)((65536u - size) % size);
    uint32_t n = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(words, w->batch, sizeof words);
#else
    for (uint32_t k = 0; k < PLACES_SMALL; k++)
        words[k] = (uint16_t)(w->batch[k / 4] >> (16 * (k % 4)));
#endif
    if (multiply(words, size, reject, ret))
        return PLACES_SMALL;
    for (uint32_t k = 0; k < PLACES_SMALL; k++) {
        ret[n] = ret[k];
        n += (uint16_t)(words[k] * (uint32_t)size) >= reject;
    }
    return n;
}

static uint32_t places_large(const struct words *w, uint32_t size, uint32_t *ret)
{
    uint32_t n = 0, reject = (0 - size) % size;
    for (uint32_t k = 0; k < PLACES_LARGE; k++) {
        uint64_t product = (uint64_t)(uint32_t)(w->batch[k / 2] >> (32 * (k % 2))) * size;
        ret[n] = (uint32_t)(product >> 32);
        n += (uint32_t)product >= reject;
    }
    return n;
}

/* A stratum begins a new batch. */
static void draw_small(struct words *words, uint32_t start, uint32_t size, int32_t *weights, uint32_t *draws)
{
    uint16_t places[PLACES_SMALL];
    for (uint32_t done = 0; done < size;) {
        next_batch(words);
        uint32_t n = places_small(words, (uint16_t)size, places);
        n = n < size - done ? n : size - done;
        for (uint32_t k = 0; k < n; k++)
            weights[start + places[k]]++;
        for (uint32_t k = 0; draws && k < n; k++)
            draws[start + done + k] = start + places[k];
        done += n;
    }
}

static void draw_large(struct words *words, uint32_t start, uint32_t size, int32_t *weights, uint32_t *draws)
{
    uint32_t places[PLACES_LARGE];
    for (uint32_t done = 0; done < size;) {
        next_batch(words);
        uint32_t n = places_large(words, size, places);
        n = n < size - done ? n : size - done;
        for (uint32_t k = 0; k < n; k++)
            weights[start + places[k]]++;
        for (uint32_t k = 0; draws && k < n; k++)
            draws[start + done + k] = start + places[k];
        done += n;
    }
}

void draw_rows(const struct data *d, uint64_t seed, uint64_t item, int32_t *weights, uint32_t *draws)
{
    struct words words; /* `batch` is filled before it is read */
    words.seed = seed;
    words.item = item;
    words.next_block = 0;
    memset(weights, 0, d->n * sizeof *weights);
    for (uint32_t g = 0; g < d->n_strata; g++) {
        uint32_t start = d->start[g], size = d->start[g + 1] - start;
        if (size <= SMALL_MAX)
            draw_small(&words, start, size, weights, draws);
        else
            draw_large(&words, start, size, weights, draws);
    }
}

void draw_again(const struct data *d, struct qx_stream *rng, const uint32_t *draws, int32_t *weights)
{
    memset(weights, 0, d->n * sizeof *weights);
    for (uint32_t g = 0; g < d->n_strata; g++) {
        uint32_t start = d->start[g], size = d->start[g + 1] - start;
        for (uint32_t k = 0; k < size; k++)
            weights[draws[start + qx_below32(rng, size)]]++;
    }
}

/* The last row that a block reaches is cut off where the stratum is full. */
static void block_stratum(enum draw_blocks how, uint32_t length, uint32_t size, struct qx_stream *rng,
                          int32_t *weights)
{
    double go_on = 1 - 1.0 / length;
    for (uint32_t done = 0; done < size;) {
        uint32_t at = qx_below32(rng, how == DRAW_MOVING ? size - length + 1 : size), k = 0;
        bool more = true;
        while (more && done < size) {
            weights[at]++;
            at = at + 1 == size ? 0 : at + 1;
            done++;
            k++;
            more = how == DRAW_STATIONARY ? qx_uniform(rng) < go_on : k < length;
        }
    }
}

void draw_blocks(const struct data *d, enum draw_blocks how, uint32_t length, struct qx_stream *rng,
                 int32_t *weights)
{
    memset(weights, 0, d->n * sizeof *weights);
    for (uint32_t g = 0; g < d->n_strata; g++)
        block_stratum(how, length, d->start[g + 1] - d->start[g], rng, weights + d->start[g]);
}
