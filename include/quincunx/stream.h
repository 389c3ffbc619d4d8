/* stream.h - reproducible random numbers for tasks.
 *
 * A stream is a function of (seed, item, sub-stream) alone: Philox4x32-10 (Salmon, Moraes, Dror and
 * Shaw, SC'11) with key = seed and counter = (draw block, sub-stream, item). No state is shared, so
 * any item can be computed anywhere, twice, in any order, with the same bits.
 *
 *   key     k0 = seed low, k1 = seed high
 *   counter c0 = draw block, c1 = sub-stream, c2 = item low, c3 = item high
 *
 * A sub-stream holds 2^34 32-bit words; past that it starts again. Words are used in array order.
 * A struct qx_stream is the caller's; copy it to fork it. Inline: costs no call.
 *
 * Nothing here calls libm: all bits come from integer and IEEE basic arithmetic, so they are the same on every
 * machine as long as the compiler neither contracts nor reorders (-ffp-contract=off, no -ffast-math). */
#ifndef QUINCUNX_STREAM_H
#define QUINCUNX_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define QX_STREAM_X86 1
#endif

#include "quincunx/stream_tables.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { QX_STREAM_WORDS = 32 };

struct qx_stream {
    uint32_t key[2];
    uint32_t ctr[4];                /* of the next block to compute */
    uint32_t word[QX_STREAM_WORDS]; /* the next words, right-aligned */
    uint32_t used;                  /* words of `word` already given, QX_STREAM_WORDS = none left */
    uint32_t blocks;                /* how many the next refill computes: 1, then QX_STREAM_WORDS / 4 */
};

/* API, all static inline; definitions below. */
static inline void qx_stream_init(struct qx_stream *s, uint64_t seed, uint64_t item, uint32_t sub);
static inline uint32_t qx_u32(struct qx_stream *s);
static inline uint64_t qx_u64(struct qx_stream *s); /* first word low, second high */
/* (0, 1): (top 52 bits of qx_u64 + 1/2) * 2^-52, never 0 or 1 */
static inline double qx_uniform(struct qx_stream *s);
static inline double qx_normal(struct qx_stream *s);      /* N(0, 1), 256-layer ziggurat */
static inline double qx_exponential(struct qx_stream *s); /* mean 1, 256-layer ziggurat */
/* 0 .. n-1 without bias (Lemire 2019); n = 0 gives 0 */
static inline uint64_t qx_below(struct qx_stream *s, uint64_t n);
/* The same from one word instead of two, for n that fits: other numbers than qx_below gives. */
static inline uint32_t qx_below32(struct qx_stream *s, uint32_t n);

/* The first `dim` uniforms of sub-stream `sub` of items first .. first+count-1, row-major: row i holds
 * exactly what `dim` calls of qx_uniform on a fresh stream of item first+i give. Vectorised across items. */
static inline void qx_uniform_rows(uint64_t seed, uint64_t first_item, uint32_t sub, uint32_t count,
                                   uint32_t dim, double *rows);

/* One block of four words: the bijection itself, as in Random123. */
static inline void qx_philox4x32(const uint32_t ctr[4], const uint32_t key[2], uint32_t ret[4]);

/* ---- definitions -------------------------------------------------------------------------------- */

#define QX_PHILOX_M0     0xD2511F53u
#define QX_PHILOX_M1     0xCD9E8D57u
#define QX_PHILOX_W0     0x9E3779B9u
#define QX_PHILOX_W1     0xBB67AE85u
#define QX_PHILOX_ROUNDS 10

#if defined(__GNUC__)
#define QX_STREAM_SLOW      static __attribute__((noinline, cold, unused))
#define QX_STREAM_NOINLINE  static __attribute__((noinline, unused))
#define QX_STREAM_INLINE    static inline __attribute__((always_inline))
#define QX_STREAM_LIKELY(x) __builtin_expect(!!(x), 1)
#else
#define QX_STREAM_SLOW      static inline
#define QX_STREAM_NOINLINE  static inline
#define QX_STREAM_INLINE    static inline
#define QX_STREAM_LIKELY(x) (x)
#endif

static inline void qx_philox4x32(const uint32_t ctr[4], const uint32_t key[2], uint32_t ret[4])
{
    uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < QX_PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)QX_PHILOX_M0 * c0, p1 = (uint64_t)QX_PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += QX_PHILOX_W0;
        k1 += QX_PHILOX_W1;
    }
    ret[0] = c0;
    ret[1] = c1;
    ret[2] = c2;
    ret[3] = c3;
}

#if defined(QX_STREAM_X86)
/* One round of several blocks side by side, in vectors V of 64-bit lanes whose low halves hold the words; the high
 * halves may hold anything. MUL multiplies low halves. Integers only: any width gives the same bits. */
#define QX_PHILOX_VROUND(V, MUL, x, k0, k1)                                                                  \
    do {                                                                                                     \
        V p0_ = MUL((x)[0], qx_m0_), p1_ = MUL((x)[2], qx_m1_);                                              \
        (x)[0] = (p1_ >> 32) ^ (x)[1] ^ (k0);                                                                \
        (x)[1] = p1_;                                                                                        \
        (x)[2] = (p0_ >> 32) ^ (x)[3] ^ (k1);                                                                \
        (x)[3] = p0_;                                                                                        \
    } while (0)

/* All rounds of two vectors of blocks, which hide each other's latency; then words 0 and 1 of a block are in (x)[0], 2 and 3 in
 * (x)[2]. Wants qx_m0_, qx_m1_ and `low` (the low halves set) in scope. */
#define QX_PHILOX_VPAIR(V, MUL, a, b, seed)                                                                  \
    do {                                                                                                     \
        V k0_ = zero + (uint32_t)(seed), k1_ = zero + ((seed) >> 32);                                        \
        for (int round_ = 0; round_ < QX_PHILOX_ROUNDS; round_++) {                                          \
            QX_PHILOX_VROUND(V, MUL, a, k0_, k1_);                                                           \
            QX_PHILOX_VROUND(V, MUL, b, k0_, k1_);                                                           \
            k0_ += QX_PHILOX_W0;                                                                             \
            k1_ += QX_PHILOX_W1;                                                                             \
        }                                                                                                    \
        (a)[0] = ((a)[0] & low) | ((a)[1] << 32);                                                            \
        (a)[2] = ((a)[2] & low) | ((a)[3] << 32);                                                            \
        (b)[0] = ((b)[0] & low) | ((b)[1] << 32);                                                            \
        (b)[2] = ((b)[2] & low) | ((b)[3] << 32);                                                            \
    } while (0)

typedef uint64_t qx_v128 __attribute__((vector_size(16)));
#define QX_MUL128(a, b) ((qx_v128)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#define QX_MUL256(a, b) ((qx_v256)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#define QX_MUL512(a, b) ((qx_v512)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#endif

static inline void qx_stream_init(struct qx_stream *s, uint64_t seed, uint64_t item, uint32_t sub)
{
    s->key[0] = (uint32_t)seed;
    s->key[1] = (uint32_t)(seed >> 32);
    s->ctr[0] = 0;
    s->ctr[1] = sub;
    s->ctr[2] = (uint32_t)item;
    s->ctr[3] = (uint32_t)(item >> 32);
    s->used = QX_STREAM_WORDS;
    s->blocks = 1;
#if defined(__clang_analyzer__)
    memset(s->word, 0, sizeof s->word); /* it does not see that a refill comes before the first use */
#endif
}

/* Words of the eight blocks from s->ctr on. */
QX_STREAM_INLINE void qx_stream_eight(struct qx_stream *s)
{
#if defined(QX_STREAM_X86)
    const qx_v128 qx_m0_ = {QX_PHILOX_M0, QX_PHILOX_M0}, qx_m1_ = {QX_PHILOX_M1, QX_PHILOX_M1};
    const qx_v128 w0 = {QX_PHILOX_W0, QX_PHILOX_W0}, w1 = {QX_PHILOX_W1, QX_PHILOX_W1};
    qx_v128 k0 = {s->key[0], s->key[0]}, k1 = {s->key[1], s->key[1]};
    const qx_v128 c0 = {s->ctr[0], s->ctr[0]}, c1 = {s->ctr[1], s->ctr[1]};
    const qx_v128 c2 = {s->ctr[2], s->ctr[2]}, c3 = {s->ctr[3], s->ctr[3]};
    const qx_v128 d0 = {0, 1}, d1 = {2, 3}, d2 = {4, 5}, d3 = {6, 7}, low = {0xFFFFFFFFu, 0xFFFFFFFFu};
    qx_v128 x[4][4] = {
        {c0 + d0, c1, c2, c3}, {c0 + d1, c1, c2, c3}, {c0 + d2, c1, c2, c3}, {c0 + d3, c1, c2, c3}};
    for (int round = 0; round < QX_PHILOX_ROUNDS; round++) {
        QX_PHILOX_VROUND(qx_v128, QX_MUL128, x[0], k0, k1);
        QX_PHILOX_VROUND(qx_v128, QX_MUL128, x[1], k0, k1);
        QX_PHILOX_VROUND(qx_v128, QX_MUL128, x[2], k0, k1);
        QX_PHILOX_VROUND(qx_v128, QX_MUL128, x[3], k0, k1);
        k0 += w0;
        k1 += w1;
    }
    for (int i = 0; i < 4; i++) {
        __m128i a = (__m128i)((x[i][0] & low) | (x[i][1] << 32));
        __m128i b = (__m128i)((x[i][2] & low) | (x[i][3] << 32));
        __m128i first = _mm_unpacklo_epi64(a, b), second = _mm_unpackhi_epi64(a, b);
        memcpy(s->word + 8 * i, &first, sizeof first);
        memcpy(s->word + 8 * i + 4, &second, sizeof second);
    }
#else
    uint32_t ctr[4] = {s->ctr[0], s->ctr[1], s->ctr[2], s->ctr[3]};
    for (uint32_t b = 0; b < 8; b++, ctr[0]++)
        qx_philox4x32(ctr, s->key, s->word + 4 * b);
#endif
}

/* The first refill computes one block, for items that draw little; later ones eight, whose rounds overlap. */
QX_STREAM_NOINLINE void qx_stream_refill_more(struct qx_stream *s)
{
    qx_stream_eight(s);
    s->ctr[0] += 8;
    s->used = 0;
}

static inline void qx_stream_refill(struct qx_stream *s)
{
    if (s->blocks != 1) {
        qx_stream_refill_more(s);
        return;
    }
    qx_philox4x32(s->ctr, s->key, s->word + QX_STREAM_WORDS - 4);
    s->ctr[0]++;
    s->used = QX_STREAM_WORDS - 4;
    s->blocks = 8;
}

static inline uint32_t qx_u32(struct qx_stream *s)
{
    if (s->used == QX_STREAM_WORDS)
        qx_stream_refill(s);
    return s->word[s->used++];
}

static inline uint64_t qx_u64(struct qx_stream *s)
{
    if (s->used == QX_STREAM_WORDS)
        qx_stream_refill(s);
    if (QX_STREAM_LIKELY(s->used < QX_STREAM_WORDS - 1)) {
        uint64_t v = s->word[s->used] | (uint64_t)s->word[s->used + 1] << 32;
        s->used += 2;
        return v;
    }
    uint64_t low = qx_u32(s);
    return low | (uint64_t)qx_u32(s) << 32;
}

/* 1 <= d < 2 with the 52 bits as fraction, less 1 - 2^-53: exact, and it vectorises. */
QX_STREAM_INLINE double qx_stream_unit(uint64_t bits)
{
    uint64_t image = (bits >> 12) | 0x3FF0000000000000u;
    double d;
    memcpy(&d, &image, sizeof d);
    return d - 0x1.fffffffffffffp-1;
}

static inline double qx_uniform(struct qx_stream *s)
{
    return qx_stream_unit(qx_u64(s));
}

/* ln(y), 0 < y <= 1 normal, to about 2 ulp: y = m * 2^e with m in [sqrt(1/2), sqrt(2)), atanh series in (m-1)/(m+1). */
QX_STREAM_SLOW double qx_stream_log(double y)
{
    uint64_t image;
    memcpy(&image, &y, sizeof image);
    int e = (int)(image >> 52) - 1023;
    image = (image & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    double m;
    memcpy(&m, &image, sizeof m);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        e++;
    }
    double t = (m - 1.0) / (m + 1.0), t2 = t * t, sum = 0.0;
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / k) * t2;
    return e * 0x1.62e42fefa39efp-1 + (2.0 * t + 2.0 * t * sum);
}

/* What the fast path did not accept. Bits 0-7 choose the layer, 8 the sign, 11-63 the place: none is used twice. */
QX_STREAM_SLOW double qx_normal_slow(struct qx_stream *s, uint64_t bits)
{
    for (;; bits = qx_u64(s)) {
        const struct qx_ziggurat_layer *z = &qx_ziggurat_normal[bits & 255];
        uint64_t place = bits >> 11;
        double x = (double)(int64_t)place * z->width;
        if (place >= z->inside) {
            if ((bits & 255) == 0) { /* the tail beyond R (Marsaglia 1964) */
                double over, y;
                do {
                    over = -qx_stream_log(qx_uniform(s)) / QX_ZIGGURAT_NORMAL_R;
                    y = -qx_stream_log(qx_uniform(s));
                } while (y + y < over * over);
                x = QX_ZIGGURAT_NORMAL_R + over;
            } else {
                double y = z[0].density + qx_uniform(s) * (z[1].density - z[0].density);
                if (qx_stream_log(y) >= -0.5 * x * x)
                    continue;
            }
        }
        return bits & 256 ? -x : x;
    }
}

static inline double qx_normal(struct qx_stream *s)
{
    uint64_t bits = qx_u64(s);
    const struct qx_ziggurat_layer *z = &qx_ziggurat_normal[bits & 255];
    uint64_t place = bits >> 11;
    if (!QX_STREAM_LIKELY(place < z->inside))
        return qx_normal_slow(s, bits);
    double x = (double)(int64_t)place * z->width;
    uint64_t image;
    memcpy(&image, &x, sizeof image);
    image |= (bits & 256) << 55;
    memcpy(&x, &image, sizeof x);
    return x;
}

QX_STREAM_SLOW double qx_exponential_slow(struct qx_stream *s, uint64_t bits)
{
    for (;; bits = qx_u64(s)) {
        const struct qx_ziggurat_layer *z = &qx_ziggurat_exponential[bits & 255];
        uint64_t place = bits >> 11;
        double x = (double)(int64_t)place * z->width;
        if (place < z->inside)
            return x;
        if ((bits & 255) == 0) /* the tail has the shape of the whole */
            return QX_ZIGGURAT_EXPONENTIAL_R - qx_stream_log(qx_uniform(s));
        double y = z[0].density + qx_uniform(s) * (z[1].density - z[0].density);
        if (qx_stream_log(y) < -x)
            return x;
    }
}

static inline double qx_exponential(struct qx_stream *s)
{
    uint64_t bits = qx_u64(s);
    const struct qx_ziggurat_layer *z = &qx_ziggurat_exponential[bits & 255];
    uint64_t place = bits >> 11;
    if (!QX_STREAM_LIKELY(place < z->inside))
        return qx_exponential_slow(s, bits);
    return (double)(int64_t)place * z->width;
}

static inline uint64_t qx_below(struct qx_stream *s, uint64_t n)
{
    __extension__ typedef unsigned __int128 qx_u128;
    if (n == 0)
        return 0;
    qx_u128 product = (qx_u128)qx_u64(s) * n;
    if ((uint64_t)product < n) {
        uint64_t reject = (0 - n) % n;
        while ((uint64_t)product < reject)
            product = (qx_u128)qx_u64(s) * n;
    }
    return (uint64_t)(product >> 64);
}

static inline uint32_t qx_below32(struct qx_stream *s, uint32_t n)
{
    uint64_t product = (uint64_t)qx_u32(s) * n;
    if ((uint32_t)product < n) {
        uint32_t reject = (0 - n) % n;
        while ((uint32_t)product < reject)
            product = (uint64_t)qx_u32(s) * n;
    }
    return (uint32_t)(product >> 32);
}

/* Draws 2d and 2d+1 of `lanes` items go to their rows; u and v hold the words of both. */
QX_STREAM_INLINE void qx_rows_store(const uint64_t *u, const uint64_t *v, uint32_t lanes, uint32_t dim,
                                    uint32_t both, double *to)
{
    if (both)
        for (uint32_t j = 0; j < lanes; j++, to += dim) {
            to[0] = qx_stream_unit(u[j]);
            to[1] = qx_stream_unit(v[j]);
        }
    else
        for (uint32_t j = 0; j < lanes; j++, to += dim)
            to[0] = qx_stream_unit(u[j]);
}

#if defined(QX_STREAM_X86)
/* Rows of as many whole groups of 2 * LANES items as there are; returns how many items that is. With `rest`, also those
 * of a last group that is not whole. Two vectors at a time hide the latency of the multiplications. */
#define QX_ROWS_KERNEL(NAME, V, LANES, MUL)                                                                  \
    uint32_t NAME(uint64_t seed, uint64_t first_item, uint32_t sub, uint32_t count, uint32_t dim,            \
                  uint32_t rest, double *rows)                                                               \
    {                                                                                                        \
        const V zero = {0}, qx_m0_ = zero + QX_PHILOX_M0, qx_m1_ = zero + QX_PHILOX_M1,                      \
                low = zero + 0xFFFFFFFFu;                                                                    \
        V step;                                                                                              \
        uint64_t image[LANES], u[2 * (LANES)], v[2 * (LANES)];                                               \
        uint32_t done = 0;                                                                                   \
        for (uint32_t j = 0; j < (LANES); j++)                                                               \
            image[j] = j;                                                                                    \
        memcpy(&step, image, sizeof step);                                                                   \
        while (done + 2 * (LANES) <= count || (rest && done < count)) {                                      \
            uint32_t lanes = count - done < 2 * (LANES) ? count - done : 2 * (LANES);                        \
            const V item0 = step + (first_item + done), item1 = item0 + (LANES);                             \
            for (uint32_t d = 0; d < dim; d += 2) {                                                          \
                const V c0 = zero + d / 2, c1 = zero + sub;                                                  \
                V a[4] = {c0, c1, item0, item0 >> 32}, b[4] = {c0, c1, item1, item1 >> 32};                  \
                QX_PHILOX_VPAIR(V, MUL, a, b, seed);                                                         \
                memcpy(u, &a[0], sizeof(V));                                                                 \
                memcpy(u + (LANES), &b[0], sizeof(V));                                                       \
                memcpy(v, &a[2], sizeof(V));                                                                 \
                memcpy(v + (LANES), &b[2], sizeof(V));                                                       \
                qx_rows_store(u, v, lanes, dim, d + 1 < dim, rows + (size_t)done * dim + d);                 \
            }                                                                                                \
            done += lanes;                                                                                   \
        }                                                                                                    \
        return done;                                                                                         \
    }

typedef uint64_t qx_v256 __attribute__((vector_size(32)));
typedef uint64_t qx_v512 __attribute__((vector_size(64)));
/* The loops of a kernel unroll where the dimension is a constant: the usual ones have a copy of their own. */
#define QX_ROWS_BY_DIM(NAME, KERNEL)                                                                         \
    uint32_t NAME(uint64_t seed, uint64_t first_item, uint32_t sub, uint32_t count, uint32_t dim,            \
                  uint32_t rest, double *rows)                                                               \
    {                                                                                                        \
        switch (dim) {                                                                                       \
        case 1:                                                                                              \
            return KERNEL(seed, first_item, sub, count, 1, rest, rows);                                      \
        case 2:                                                                                              \
            return KERNEL(seed, first_item, sub, count, 2, rest, rows);                                      \
        case 3:                                                                                              \
            return KERNEL(seed, first_item, sub, count, 3, rest, rows);                                      \
        case 4:                                                                                              \
            return KERNEL(seed, first_item, sub, count, 4, rest, rows);                                      \
        case 5:                                                                                              \
            return KERNEL(seed, first_item, sub, count, 5, rest, rows);                                      \
        case 6:                                                                                              \
            return KERNEL(seed, first_item, sub, count, 6, rest, rows);                                      \
        default:                                                                                             \
            return KERNEL(seed, first_item, sub, count, dim, rest, rows);                                    \
        }                                                                                                    \
    }

/* clang-format off */
QX_STREAM_NOINLINE QX_ROWS_KERNEL(qx_uniform_rows_128, qx_v128, 2, QX_MUL128)
__attribute__((target("avx2"))) QX_STREAM_INLINE QX_ROWS_KERNEL(qx_rows_256, qx_v256, 4, QX_MUL256)
__attribute__((target("avx2"))) QX_STREAM_NOINLINE QX_ROWS_BY_DIM(qx_uniform_rows_256, qx_rows_256)
__attribute__((target("avx512f"))) QX_STREAM_INLINE QX_ROWS_KERNEL(qx_rows_512, qx_v512, 8, QX_MUL512)
__attribute__((target("avx512f"))) QX_STREAM_NOINLINE QX_ROWS_BY_DIM(qx_uniform_rows_512, qx_rows_512)
/* clang-format on */
#endif

        static inline void qx_uniform_rows(uint64_t seed, uint64_t first_item, uint32_t sub, uint32_t count,
                                           uint32_t dim, double *rows)
{
    uint32_t done = 0;
#if defined(QX_STREAM_X86)
    if (__builtin_cpu_supports("avx512f"))
        done = qx_uniform_rows_512(seed, first_item, sub, count, dim, 0, rows);
    else if (__builtin_cpu_supports("avx2"))
        done = qx_uniform_rows_256(seed, first_item, sub, count, dim, 0, rows);
    if (done < count)
        qx_uniform_rows_128(seed, first_item + done, sub, count - done, dim, 1, rows + (size_t)done * dim);
#else
    for (; done < count; done++) {
        struct qx_stream s;
        qx_stream_init(&s, seed, first_item + done, sub);
        for (uint32_t d = 0; d < dim; d++)
            *rows++ = qx_uniform(&s);
    }
#endif
}

#ifdef __cplusplus
}
#endif
#endif
