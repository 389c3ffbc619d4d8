#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quincunx/stream.h"

#if __has_include(<Random123/philox.h>)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <Random123/philox.h>
#pragma GCC diagnostic pop
#define HAVE_RANDOM123 1
#endif

enum { N = 400000 };

static uint64_t bits_of(double x)
{
    uint64_t image;
    memcpy(&image, &x, sizeof image);
    return image;
}

static FILE *reference_open(const char *path)
{
    char full[4096];
    const char *dir = getenv("QX_REFERENCE_DIR");
    snprintf(full, sizeof full, "%s/%s", dir ? dir : "../shared/reference", path);
    FILE *f = fopen(full, "r");
    if (!f)
        printf("skipped: no %s (set QX_REFERENCE_DIR)\n", full);
    return f;
}

START_TEST(known_answers_of_random123)
{
    FILE *f = reference_open("09-rng/random123_kat.csv");
    if (!f)
        return;
    char line[512];
    int n = 0;
    while (fgets(line, sizeof line, f)) {
        uint32_t word[10], got[4]; /* counter, key, output */
        char *at = line;
        if (strncmp(line, "philox4x32,10,", 14) != 0)
            continue;
        at += 13;
        for (int i = 0; i < 10; i++)
            word[i] = (uint32_t)strtoul(at + 1, &at, 16);
        qx_philox4x32(word, word + 4, got);
        ck_assert_mem_eq(got, word + 6, sizeof got);
        n++;
    }
    fclose(f);
    ck_assert_int_ge(n, 3);
}
END_TEST

#ifdef HAVE_RANDOM123
START_TEST(agrees_with_the_random123_header)
{
    struct qx_stream s;
    uint64_t seed = 0x0123456789ABCDEFu, item = 0xFEDCBA9876543210u;
    qx_stream_init(&s, seed, item, 77);
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    for (uint32_t block = 0; block < 1000; block++) {
        philox4x32_ctr_t ctr = {{block, 77, (uint32_t)item, (uint32_t)(item >> 32)}};
        philox4x32_ctr_t want = philox4x32_R(10, ctr, key);
        for (int i = 0; i < 4; i++)
            ck_assert_uint_eq(qx_u32(&s), want.v[i]);
    }
}
END_TEST
#endif

START_TEST(words_join_in_order_at_every_offset)
{
    struct qx_stream words, joined;
    qx_stream_init(&words, 5, 6, 7);
    qx_stream_init(&joined, 5, 6, 7);
    for (int i = 0; i < 500; i++) {
        if (i % 37 == 5)
            ck_assert_uint_eq(qx_u32(&joined), qx_u32(&words));
        uint64_t low = qx_u32(&words), high = qx_u32(&words);
        ck_assert_uint_eq(qx_u64(&joined), low | high << 32);
    }
}
END_TEST

/* A change of these bits changes every answer ever given. */
START_TEST(bits_are_for_ever)
{
    static const uint64_t want[4][4] = {
        {0x3fe9642ec58e78bdu, 0x3fdd8c669c67c66eu, 0x3fd1c773309ab47eu, 0x3fa86b00d2487090u},
        {0x3fc9640c2a8f9004u, 0xbff20d5e8e1d18f5u, 0xbf92240239be461bu, 0xbff776c9c74010deu},
        {0x3fd6afb6fc2f9251u, 0x3fbfddaa4c31bf9cu, 0x3febc98d21f13c9eu, 0x3fde1b129bbcde0du},
        {614160110u, 163335011u, 481310130u, 974537343u},
    };
    struct qx_stream s;
    qx_stream_init(&s, 20260101, 12345678901u, 3);
    for (int kind = 0; kind < 4; kind++)
        for (int i = 0; i < 4; i++) {
            uint64_t got = kind == 0   ? bits_of(qx_uniform(&s))
                           : kind == 1 ? bits_of(qx_normal(&s))
                           : kind == 2 ? bits_of(qx_exponential(&s))
                                       : qx_below(&s, 1000000007);
            ck_assert_uint_eq(got, want[kind][i]);
        }
    static const uint32_t want32[4] = {622290283u, 945444588u, 694801303u, 706759273u};
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(qx_below32(&s, 1000000007), want32[i]);
}
END_TEST

/* The same for what lies behind the fast path: tails and wedges enter this sum of bits. */
START_TEST(slow_path_bits_are_for_ever)
{
    struct qx_stream s;
    uint64_t normals = 0, exponentials = 0;
    qx_stream_init(&s, 1, 2, 3);
    for (int i = 0; i < 100000; i++) {
        normals = (normals ^ bits_of(qx_normal(&s))) * 0x9E3779B97F4A7C15u;
        exponentials = (exponentials ^ bits_of(qx_exponential(&s))) * 0x9E3779B97F4A7C15u;
    }
    ck_assert_uint_eq(normals, 0x78a8eab63a371e8au);
    ck_assert_uint_eq(exponentials, 0x8d62ba489cce2079u);
}
END_TEST

START_TEST(rows_hold_what_streams_give)
{
    static const uint32_t counts[] = {0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 100, 512};
    uint64_t first = _i % 2 ? UINT64_MAX - 300 : (uint64_t)_i * 0xFFFFFFF0u;
    uint32_t dim = (uint32_t)_i % 9 + 1;
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        double *rows = malloc((counts[c] * dim + 1) * sizeof *rows);
        rows[counts[c] * dim] = -1;
        qx_uniform_rows(99, first, 4, counts[c], dim, rows);
        for (uint32_t i = 0; i < counts[c]; i++) {
            struct qx_stream s;
            qx_stream_init(&s, 99, first + i, 4);
            for (uint32_t d = 0; d < dim; d++)
                if (bits_of(rows[i * dim + d]) != bits_of(qx_uniform(&s)))
                    ck_abort_msg("item %u of %u, draw %u", i, counts[c], d);
        }
        ck_assert(rows[counts[c] * dim] == -1);
        free(rows);
    }
}
END_TEST

#ifdef QX_STREAM_X86
START_TEST(every_vector_width_gives_the_same_rows)
{
    double want[64 * 5], got[64 * 5];
    ck_assert_uint_eq(qx_uniform_rows_128(3, 1000, 1, 64, 5, 0, want), 64);
    if (__builtin_cpu_supports("avx2")) {
        ck_assert_uint_eq(qx_uniform_rows_256(3, 1000, 1, 64, 5, 0, got), 64);
        ck_assert_mem_eq(got, want, sizeof want);
    }
    if (__builtin_cpu_supports("avx512f")) {
        ck_assert_uint_eq(qx_uniform_rows_512(3, 1000, 1, 64, 5, 0, got), 64);
        ck_assert_mem_eq(got, want, sizeof want);
    }
}
END_TEST
#endif

START_TEST(uniform_ends_are_open)
{
    ck_assert(qx_stream_unit(0) > 0);
    ck_assert(qx_stream_unit(0) == 0x1p-53);
    ck_assert(qx_stream_unit(UINT64_MAX) < 1);
    ck_assert(qx_stream_unit(UINT64_MAX) == 1 - 0x1p-53);
}
END_TEST

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static double exponential_cdf(double x)
{
    return -expm1(-x);
}

static double uniform_cdf(double x)
{
    return x;
}

struct law {
    double (*draw)(struct qx_stream *s);
    double (*cdf)(double x);
    double mean, var, fourth; /* fourth central moment over var^2 */
    double tail_from, tail;   /* P(X > tail_from) */
};
static double draw_normal(struct qx_stream *s)
{
    return qx_normal(s);
}
static double draw_exponential(struct qx_stream *s)
{
    return qx_exponential(s);
}
static double draw_uniform(struct qx_stream *s)
{
    return qx_uniform(s);
}

static const struct law laws[] = {
    {draw_normal, normal_cdf, 0, 1, 3, 3, 1.3498980316301e-3},
    {draw_exponential, exponential_cdf, 1, 1, 9, 8, 3.3546262790251e-4},
    {draw_uniform, uniform_cdf, 0.5, 1.0 / 12, 1.8, 0.999, 1e-3},
};

/* Five standard errors: a right generator fails with probability 10^-6 for a new seed, never for this one. */
START_TEST(moments_bins_and_tail)
{
    enum { BINS = 256 };
    const struct law *law = &laws[_i];
    struct qx_stream s;
    qx_stream_init(&s, 42, (uint64_t)_i, 0);
    double sum = 0, squares = 0, chi2 = 0;
    long tail = 0;
    static long bins[BINS];
    memset(bins, 0, sizeof bins);
    for (int i = 0; i < N; i++) {
        double x = law->draw(&s), d = x - law->mean;
        sum += d;
        squares += d * d;
        tail += x > law->tail_from;
        int bin = (int)(law->cdf(x) * BINS);
        bins[bin < BINS ? bin : BINS - 1]++;
    }
    for (int b = 0; b < BINS; b++)
        chi2 += pow((double)bins[b] - (double)N / BINS, 2) / ((double)N / BINS);
    ck_assert_double_le(fabs(sum / N), 5 * sqrt(law->var / N));
    ck_assert_double_le(fabs(squares / N - law->var), 5 * law->var * sqrt((law->fourth - 1) / N));
    ck_assert_double_le(fabs((double)tail / N - law->tail), 5 * sqrt(law->tail / N));
    ck_assert_double_le(fabs(chi2 - (BINS - 1)), 5 * sqrt(2.0 * (BINS - 1)));
}
END_TEST

START_TEST(beyond_the_last_layer_the_tails_are_right)
{
    struct qx_stream s;
    qx_stream_init(&s, 8, 0, 0);
    double r = QX_ZIGGURAT_NORMAL_R, over = 0, e_over = 0;
    long n = 0, e_n = 0;
    for (int i = 0; i < 3 * N; i++) {
        double x = fabs(qx_normal(&s)), e = qx_exponential(&s);
        if (x > r) {
            over += x - r;
            n++;
        }
        if (e > QX_ZIGGURAT_EXPONENTIAL_R) {
            e_over += e - QX_ZIGGURAT_EXPONENTIAL_R;
            e_n++;
        }
    }
    double p = 2 * normal_cdf(-r), mean = exp(-r * r / 2) / sqrt(2 * M_PI) / normal_cdf(-r) - r;
    double e_p = exp(-QX_ZIGGURAT_EXPONENTIAL_R);
    ck_assert_double_le(fabs((double)n - 3.0 * N * p), 5 * sqrt(3.0 * N * p));
    ck_assert_double_le(fabs(over / (double)n - mean), 5 * mean / sqrt((double)n));
    ck_assert_double_le(fabs((double)e_n - 3.0 * N * e_p), 5 * sqrt(3.0 * N * e_p));
    ck_assert_double_le(fabs(e_over / (double)e_n - 1), 5 / sqrt((double)e_n));
}
END_TEST

START_TEST(own_logarithm_is_good)
{
    for (int i = 1; i < 200000; i++) {
        double y = i / 200000.0;
        double want = log(y);
        if (!(fabs(qx_stream_log(y) - want) <= 4e-16 * fabs(want)))
            ck_abort_msg("log(%.17g)", y);
    }
    ck_assert_double_le(fabs(qx_stream_log(0x1p-53) / log(0x1p-53) - 1), 4e-16);
    ck_assert_double_le(fabs(qx_stream_log(1 - 0x1p-53) / -0x1p-53 - 1), 4e-16);
}
END_TEST

/* Streams that differ in one place only: next item, next sub-stream, next seed, far item. */
START_TEST(neighbouring_streams_are_uncorrelated)
{
    static const uint64_t step[][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, (uint64_t)1 << 32, 0}};
    double xy = 0, first_draws = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        struct qx_stream a, b;
        qx_stream_init(&a, 11, i * 7, 0);
        qx_stream_init(&b, 11 + step[_i][0], i * 7 + step[_i][1], (uint32_t)step[_i][2]);
        for (int j = 0; j < 100; j++) {
            double x = qx_uniform(&a) - 0.5, y = qx_uniform(&b) - 0.5;
            xy += x * y;
            first_draws += j == 0 ? x * y : 0;
        }
    }
    ck_assert_double_le(fabs(xy * 12 / 200000), 5 / sqrt(200000));
    ck_assert_double_le(fabs(first_draws * 12 / 2000), 5 / sqrt(2000));
}
END_TEST

static uint64_t below(bool short_one, struct qx_stream *s, uint64_t n)
{
    return short_one ? qx_below32(s, (uint32_t)n) : qx_below(s, n);
}

/* Of one word or of two. */
START_TEST(below_is_in_range_and_even)
{
    struct qx_stream s;
    bool short_one = _i != 0;
    qx_stream_init(&s, 4, 5, 6);
    ck_assert_uint_eq(below(short_one, &s, 0), 0);
    ck_assert_uint_eq(below(short_one, &s, 1), 0);
    for (uint64_t n = 2; n < 40; n++) {
        long count[40] = {0};
        double chi2 = 0;
        for (int i = 0; i < 20000; i++)
            count[below(short_one, &s, n)]++;
        for (uint64_t k = 0; k < n; k++)
            chi2 += pow((double)count[k] - 20000.0 / (double)n, 2) / (20000.0 / (double)n);
        ck_assert_double_le(chi2, (double)n - 1 + 6 * sqrt(2.0 * (double)n));
    }
    /* Without rejection a third of these would be even twice as often. */
    int bits = short_one ? 30 : 62;
    uint64_t big = (uint64_t)3 << bits, low = 0;
    bool in_range = true;
    for (int i = 0; i < N; i++) {
        uint64_t v = below(short_one, &s, big);
        in_range = in_range && v < big;
        low += v < (uint64_t)1 << bits;
    }
    ck_assert(in_range);
    ck_assert_double_le(fabs((double)low / N - 1.0 / 3), 5 * sqrt(2.0 / 9 / N));
    long mod[3] = {0};
    for (int i = 0; i < N; i++)
        mod[below(short_one, &s, big) % 3]++;
    for (int k = 0; k < 3; k++)
        ck_assert_double_le(fabs((double)mod[k] / N - 1.0 / 3), 5 * sqrt(2.0 / 9 / N));
}
END_TEST

START_TEST(a_copy_is_a_fork)
{
    struct qx_stream a, b;
    qx_stream_init(&a, 1, 2, 3);
    for (int i = 0; i < _i; i++)
        (void)qx_u32(&a);
    b = a;
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(qx_u64(&a), qx_u64(&b));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stream");
    TCase *tc = tcase_create("stream");
    tcase_add_test(tc, known_answers_of_random123);
#ifdef HAVE_RANDOM123
    tcase_add_test(tc, agrees_with_the_random123_header);
#endif
    tcase_add_test(tc, words_join_in_order_at_every_offset);
    tcase_add_test(tc, bits_are_for_ever);
    tcase_add_test(tc, slow_path_bits_are_for_ever);
    tcase_add_loop_test(tc, rows_hold_what_streams_give, 0, 18);
#ifdef QX_STREAM_X86
    tcase_add_test(tc, every_vector_width_gives_the_same_rows);
#endif
    tcase_add_test(tc, uniform_ends_are_open);
    tcase_add_loop_test(tc, moments_bins_and_tail, 0, 3);
    tcase_add_test(tc, beyond_the_last_layer_the_tails_are_right);
    tcase_add_test(tc, own_logarithm_is_good);
    tcase_add_loop_test(tc, neighbouring_streams_are_uncorrelated, 0, 4);
    tcase_add_loop_test(tc, below_is_in_range_and_even, 0, 2);
    tcase_add_loop_test(tc, a_copy_is_a_fork, 0, 34);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
