#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/reduce.h"
#include "common/tree.h"
#include "quincunx/stream.h"

/* --- helpers --- */

static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};

#define plan_of(n_columns, ...)                                                                              \
    plan_from(n_columns, (const struct qx_reducer[]){__VA_ARGS__},                                           \
              sizeof((const struct qx_reducer[]){__VA_ARGS__}) / sizeof(struct qx_reducer))

static struct reduce_plan *plan_from(uint32_t n_columns, const struct qx_reducer *reducers, size_t n)
{
    struct reduce_plan *p = NULL;
    struct qx_error err = {0};
    qx_err e = reduce_plan_new(names, n_columns, reducers, (uint32_t)n, &p, &err);
    ck_assert_msg(e == QX_ERR_OK, "%s", err.text);
    return p;
}

static struct reduce_state state_of(const struct reduce_plan *p)
{
    struct reduce_state s;
    reduce_state_init(&s);
    ck_assert_int_eq(reduce_reset(p, NULL, &s), QX_ERR_OK);
    return s;
}

/* Adds n rows in groups of `group`. */
static void add_groups(const struct reduce_plan *p, struct reduce_state *s, uint64_t first, size_t n,
                       const double *rows, uint32_t group)
{
    for (size_t i = 0; i < n; i += group) {
        uint32_t m = n - i < group ? (uint32_t)(n - i) : group;
        ck_assert_int_eq(reduce_add(p, NULL, s, first + i, m, rows + i * reduce_plan_columns(p)), QX_ERR_OK);
    }
}

static void assert_same(const struct reduce_state *a, const struct reduce_state *b)
{
    struct qx_bytes x = {0}, y = {0};
    ck_assert_int_eq(reduce_encode(a, &x), QX_ERR_OK);
    ck_assert_int_eq(reduce_encode(b, &y), QX_ERR_OK);
    ck_assert_uint_eq(x.len, y.len);
    ck_assert_mem_eq(x.data, y.data, x.len);
    qx_bytes_fini(&x);
    qx_bytes_fini(&y);
}

static void assert_json(const struct reduce_plan *p, const struct reduce_state *s, const char *want)
{
    struct qx_bytes b = {0};
    ck_assert_int_eq(reduce_summary_json(p, s, &b), QX_ERR_OK);
    ck_assert_int_eq(qx_bytes_append(&b, "", 1), QX_ERR_OK);
    ck_assert_str_eq((const char *)b.data, want);
    qx_bytes_fini(&b);
}

static double *random_values(size_t n, uint64_t seed)
{
    struct qx_stream s;
    double *x = malloc(n * sizeof *x);
    qx_stream_init(&s, seed, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = 100 + qx_normal(&s);
    return x;
}

static double close_to(double got, double want, double rel)
{
    return fabs(got - want) <= rel * fabs(want);
}

/* --- sums and moments --- */

START_TEST(sum_is_compensated)
{
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_SUM});
    struct reduce_state a = state_of(p), b = state_of(p);
    const double rows[] = {1, 1e100, 1, -1e100, 1e-3}, tail[] = {3, -1e100, 1e100};
    add_groups(p, &a, 0, 5, rows, 2);
    ck_assert(reduce_sum(p, &a, 0, 0) == 2.001);
    add_groups(p, &b, 5, 3, tail, 512);
    ck_assert_int_eq(reduce_merge(p, NULL, &a, &b), QX_ERR_OK);
    ck_assert(reduce_sum(p, &a, 0, 0) == 5.001);
    ck_assert(reduce_count(p, &a, 0) == 8);
    assert_json(p, &a, "{\"n\":8,\"sum\":5.001}");
    const double inf = INFINITY;
    add_groups(p, &a, 8, 1, &inf, 1);
    ck_assert(isinf(reduce_sum(p, &a, 0, 0)));
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_plan_free(p);
}
END_TEST

/* Whatever the grouping and the merges, up to rounding: the moments of all rows, here in long double. */
START_TEST(moments_are_right_for_any_cut)
{
    uint32_t columns = (uint32_t)_i % 11 + 1;
    size_t n = _i < 4 ? (size_t)_i + 1 : 3000 + (size_t)_i;
    struct reduce_plan *p = plan_of(columns, {.kind = QX_REDUCE_MOMENTS});
    double *x = random_values(n * columns, (uint64_t)_i);
    for (size_t i = 0; i < n && columns > 1; i++)
        x[i * columns + 1] += 0.5 * x[i * columns];
    struct reduce_state a = state_of(p), b = state_of(p);
    size_t cut = n / 3;
    add_groups(p, &a, 0, cut, x, _i % 2 ? 1 : 512);
    add_groups(p, &b, cut, n - cut, x + cut * columns, _i % 3 ? 512 : 7);
    ck_assert_int_eq(reduce_merge(p, NULL, &a, &b), QX_ERR_OK);
    ck_assert(reduce_count(p, &a, 0) == (double)n);
    for (uint32_t u = 0; u < columns; u++)
        for (uint32_t v = 0; v < columns; v++) {
            long double mu = 0, mv = 0, cov = 0;
            for (size_t i = 0; i < n; i++) {
                mu += x[i * columns + u];
                mv += x[i * columns + v];
            }
            mu /= (long double)n;
            mv /= (long double)n;
            for (size_t i = 0; i < n; i++)
                cov += (x[i * columns + u] - mu) * (x[i * columns + v] - mv);
            ck_assert(close_to(reduce_mean(p, &a, 0, u), (double)mu, 1e-14));
            if (n > 1)
                ck_assert_double_le(fabs(reduce_cov(p, &a, 0, u, v) - (double)(cov / (long double)(n - 1))),
                                    1e-12);
            else
                ck_assert(isnan(reduce_cov(p, &a, 0, u, v)));
        }
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_plan_free(p);
    free(x);
}
END_TEST

/* One column of many, and one alone: the same bits, though one is read in place and the other gathered. */
START_TEST(a_column_alone_has_the_bits_of_the_column_among_others)
{
    enum { N = 1111 };
    double *x = random_values(3 * N, 5), y[N];
    for (int i = 0; i < N; i++)
        y[i] = x[3 * i + 1];
    const uint32_t second[] = {1};
    struct reduce_plan *wide = plan_of(3, {.kind = QX_REDUCE_MOMENTS, .columns = second, .n_columns = 1});
    struct reduce_plan *narrow = plan_of(1, {.kind = QX_REDUCE_MOMENTS});
    struct reduce_state a = state_of(wide), b = state_of(narrow);
    add_groups(wide, &a, 0, N, x, 512);
    add_groups(narrow, &b, 0, N, y, 512);
    assert_same(&a, &b);
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_plan_free(wide);
    reduce_plan_free(narrow);
    free(x);
}
END_TEST

START_TEST(bits_of_moments_are_for_ever)
{
    struct reduce_plan *p = plan_of(2, {.kind = QX_REDUCE_MOMENTS}, {.kind = QX_REDUCE_SUM});
    struct reduce_state s = state_of(p);
    struct qx_stream r;
    double rows[2 * 1500];
    char digest[33];
    qx_stream_init(&r, 3, 0, 0);
    for (int i = 0; i < 3000; i++)
        rows[i] = qx_uniform(&r);
    add_groups(p, &s, 0, 1500, rows, 512);
    ck_assert_int_eq(reduce_digest(&s, digest), QX_ERR_OK);
    ck_assert_str_eq(digest, "9e252e787d9015c862c75122116f87d4");
    reduce_state_fini(&s);
    reduce_plan_free(p);
}
END_TEST

struct nist {
    const char *file;
    double mean, sd, lre_mean, lre_sd; /* digits of the two-pass algorithm, less one */
};
static const struct nist nist_sets[] = {
    {"PiDigits", 4.5348, 2.86733906028871, 14, 13.9},
    {"Lottery", 518.95871559633, 291.699727470969, 13.9, 13.9},
    {"NumAcc1", 10000002, 1, 14, 14},
    {"NumAcc2", 1.2, 0.1, 14, 13.2},
    {"NumAcc4", 10000000.2, 0.1, 14, 7.2},
};

static double lre(double got, double want)
{
    return got == want ? 15 : fmin(15, -log10(fabs(got - want) / fabs(want)));
}

START_TEST(nist_univariate_sets)
{
    const struct nist *set = &nist_sets[_i];
    char path[4096];
    const char *dir = getenv("QX_REFERENCE_DIR");
    snprintf(path, sizeof path, "%s/01-nist-strd/%s.csv", dir ? dir : "../shared/reference", set->file);
    FILE *f = fopen(path, "r");
    if (!f) {
        printf("skipped: no %s (set QX_REFERENCE_DIR)\n", path);
        return;
    }
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_MOMENTS});
    struct reduce_state s = state_of(p);
    static double x[10000];
    char line[256];
    size_t n = 0;
    while (fgets(line, sizeof line, f)) {
        char *end = line;
        x[n] = strtod(line, &end);
        n += end != line; /* not the header */
    }
    fclose(f);
    ck_assert_uint_gt(n, 2);
    add_groups(p, &s, 0, n, x, 512);
    ck_assert_double_ge(lre(reduce_mean(p, &s, 0, 0), set->mean), set->lre_mean);
    ck_assert_double_ge(lre(sqrt(reduce_var(p, &s, 0, 0)), set->sd), set->lre_sd);
    reduce_state_fini(&s);
    reduce_plan_free(p);
}
END_TEST

/* --- the others --- */

START_TEST(minmax_keeps_the_first_of_equals)
{
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_MINMAX});
    struct reduce_state a = state_of(p), b = state_of(p), empty = state_of(p);
    ck_assert(isnan(reduce_min(p, &a, 0, 0)));
    const double x[] = {NAN, 3, 1, 1, 7}, y[] = {7, 1, 0.5};
    const uint64_t items[] = {11, 14, 20};
    add_groups(p, &a, 0, 5, x, 512);
    ck_assert(reduce_argmin(p, &a, 0, 0) == 2);
    ck_assert_int_eq(reduce_add_sparse(p, NULL, &b, items, 3, y), QX_ERR_OK);
    ck_assert_int_eq(reduce_merge(p, NULL, &a, &empty), QX_ERR_OK);
    ck_assert_int_eq(reduce_merge(p, NULL, &empty, &a), QX_ERR_OK);
    assert_same(&a, &empty);
    ck_assert_int_eq(reduce_merge(p, NULL, &a, &b), QX_ERR_OK);
    ck_assert(reduce_min(p, &a, 0, 0) == 0.5 && reduce_argmin(p, &a, 0, 0) == 20);
    ck_assert(reduce_max(p, &a, 0, 0) == 7 && reduce_argmax(p, &a, 0, 0) == 4);
    assert_json(p, &a, "{\"n\":7,\"min\":0.5,\"argmin\":20,\"max\":7,\"argmax\":4,\"nan\":1}");
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_state_fini(&empty);
    reduce_plan_free(p);
}
END_TEST

START_TEST(histogram_bins_are_half_open)
{
    struct reduce_plan *p =
        plan_of(1, {.kind = QX_REDUCE_HISTOGRAM, .name = "h", .lo = 0, .hi = 0.3, .bins = 3});
    struct reduce_state s = state_of(p);
    const double x[] = {-1,  0,        0.1,       0.2, nextafter(0.1, 0), 0.3, nextafter(0.3, 0),
                        NAN, INFINITY, -INFINITY, 0.05};
    add_groups(p, &s, 0, sizeof x / sizeof x[0], x, 512);
    /* 0.3 / 3 is the double before 0.1, so both are in the second bin */
    const double want[] = {2, 2, 2, 2, 2};
    for (uint32_t i = 0; i < 5; i++)
        ck_assert_msg(reduce_bin(p, &s, 0, i) == want[i], "bin %u holds %g", i, reduce_bin(p, &s, 0, i));
    ck_assert(isnan(reduce_bin(p, &s, 0, 5)));
    assert_json(
        p, &s, "{\"h\":{\"n\":10,\"lo\":0,\"hi\":0.3,\"below\":2,\"above\":2,\"nan\":1,\"counts\":[2,2,2]}}");
    reduce_state_fini(&s);
    reduce_plan_free(p);
}
END_TEST

START_TEST(histogram_agrees_with_its_edges)
{
    enum { BINS = 7 };
    double lo = -1.1 * (_i + 1), hi = lo + 0.7 * (_i + 1) + _i * 1e6;
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_HISTOGRAM, .lo = lo, .hi = hi, .bins = BINS});
    for (int b = 0; b <= BINS; b++) {
        double edge = lo + (hi - lo) * b / BINS, x[2] = {edge, nextafter(edge, -INFINITY)};
        if (b == BINS)
            x[0] = hi, x[1] = nextafter(hi, -INFINITY);
        for (int k = 0; k < 2; k++) {
            struct reduce_state s = state_of(p);
            add_groups(p, &s, 0, 1, &x[k], 1);
            ck_assert(reduce_bin(p, &s, 0, (uint32_t)(b + 1 - k)) == 1);
            reduce_state_fini(&s);
        }
    }
    reduce_plan_free(p);
}
END_TEST

/* Newcombe (1998), table I, Wilson without continuity correction. */
START_TEST(proportion_has_the_published_interval)
{
    static const struct {
        int ones, n;
        double lower, upper;
    } cases[] = {
        {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}};
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_PROPORTION});
    struct reduce_state s = state_of(p);
    double width, v;
    for (int i = 0; i < cases[_i].n; i++) {
        double x = i < cases[_i].ones;
        add_groups(p, &s, (uint64_t)i, 1, &x, 1);
    }
    ck_assert(reduce_stat(p, &s, "width", &width));
    ck_assert_double_le(fabs(width - (cases[_i].upper - cases[_i].lower)), 1.01e-4);
    ck_assert(reduce_stat(p, &s, "exceed", &v) && v == cases[_i].ones);
    ck_assert(reduce_stat(p, &s, "p", &v) && close_to(v, (double)cases[_i].ones / cases[_i].n, 1e-15));
    ck_assert(reduce_stat(p, &s, "se", &v) && isnan(v) == (cases[_i].ones == 0));
    const double odd[] = {0.5, NAN};
    add_groups(p, &s, 1000, 2, odd, 2);
    ck_assert(reduce_count(p, &s, 0) == cases[_i].n);
    reduce_state_fini(&s);
    reduce_plan_free(p);
}
END_TEST

START_TEST(quantiles_are_type_7)
{
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_QUANTILES});
    struct reduce_state s = state_of(p);
    const double x[] = {10, 1, NAN, 4, 3};
    double v;
    bool exact;
    ck_assert_int_eq(reduce_quantile(p, &s, 0, 0.5, &v, &exact), QX_ERR_OK);
    ck_assert(isnan(v));
    add_groups(p, &s, 0, 5, x, 2);
    ck_assert_int_eq(reduce_quantile(p, &s, 0, 0.3, &v, &exact), QX_ERR_OK);
    ck_assert(exact && close_to(v, 2.8, 1e-15));
    ck_assert_int_eq(reduce_quantile(p, &s, 0, 1, &v, NULL), QX_ERR_OK);
    ck_assert(v == 10);
    struct qx_bytes sorted = {0};
    ck_assert_int_eq(reduce_sorted(p, &s, 0, &sorted), QX_ERR_OK);
    const double want[] = {1, 3, 4, 10};
    ck_assert_uint_eq(sorted.len, sizeof want);
    for (size_t i = 0; i < 4; i++)
        ck_assert(((const double *)(const void *)sorted.data)[i] == want[i]);
    qx_bytes_fini(&sorted);
    reduce_state_fini(&s);
    reduce_plan_free(p);
}
END_TEST

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

START_TEST(sorting_agrees_with_qsort)
{
    size_t n = (size_t)_i * 97;
    double *x = random_values(n + 1, (uint64_t)_i);
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_QUANTILES});
    struct reduce_state s = state_of(p);
    struct qx_bytes sorted = {0};
    for (size_t i = 0; i < n; i++)
        x[i] = i % 7 == 0    ? -x[i]
               : i % 5 == 0  ? x[i] * 1e-300
               : i % 13 == 1 ? 0
               : i % 31 == 2 ? -INFINITY
                             : x[i] - 100;
    add_groups(p, &s, 0, n, x, 512);
    ck_assert_int_eq(reduce_sorted(p, &s, 0, &sorted), QX_ERR_OK);
    qsort(x, n, sizeof *x, compare_doubles);
    ck_assert_uint_eq(sorted.len, n * sizeof *x);
    if (n > 0)
        ck_assert_mem_eq(sorted.data, x, sorted.len);
    qx_bytes_fini(&sorted);
    reduce_state_fini(&s);
    reduce_plan_free(p);
    free(x);
}
END_TEST

/* Ascending, descending and random order, by rows and by merges of blocks: ranks stay inside the proven bound. */
START_TEST(sketch_ranks_are_within_the_bound)
{
    enum { N = 300000 };
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_QUANTILES, .exact_max = 1000});
    struct reduce_state s = state_of(p);
    double *x = malloc(N * sizeof *x);
    struct qx_stream r;
    qx_stream_init(&r, 1, 1, 1);
    for (int i = 0; i < N; i++)
        x[i] = i;
    for (int i = 0; i < N && _i % 3 > 0; i++) {
        int j = _i % 3 == 1 ? N - 1 - i : (int)qx_below(&r, N);
        if (_i % 3 == 1 && j <= i)
            break;
        double y = x[i];
        x[i] = x[j];
        x[j] = y;
    }
    if (_i < 3) {
        add_groups(p, &s, 0, N, x, 512);
    } else {
        struct reduce_state b = state_of(p);
        for (size_t at = 0, len = 1; at < N; at += len, len = len * 3 / 2 + 1) {
            size_t n = N - at < len ? N - at : len;
            ck_assert_int_eq(reduce_reset(p, NULL, &b), QX_ERR_OK);
            add_groups(p, &b, at, n, x + at, 512);
            ck_assert_int_eq(reduce_merge(p, NULL, &s, &b), QX_ERR_OK);
        }
        reduce_state_fini(&b);
    }
    ck_assert(reduce_count(p, &s, 0) == N);
    double worst = 0;
    for (int k = 0; k <= 100; k++) {
        double v;
        bool exact = true;
        ck_assert_int_eq(reduce_quantile(p, &s, 0, k / 100.0, &v, &exact), QX_ERR_OK);
        ck_assert(!exact);
        worst = fmax(worst, fabs(v - k / 100.0 * (N - 1)));
    }
    /* 5 levels were compacted, so 5 / 16384 of N is the stated bound; the coins make less of it */
    struct qx_bytes json = {0};
    ck_assert_int_eq(reduce_summary_json(p, &s, &json), QX_ERR_OK);
    ck_assert_int_eq(qx_bytes_append(&json, "", 1), QX_ERR_OK);
    const char *stated = strstr((const char *)json.data, "\"rank_error\":");
    ck_assert_ptr_nonnull(stated);
    double rank_error = strtod(stated + strlen("\"rank_error\":"), NULL);
    ck_assert_double_le(rank_error, 5.0 / 16384);
    ck_assert_double_le(worst, 1 + N * rank_error);
    ck_assert_double_le(worst, N * 3.0 / 16384);
    qx_bytes_fini(&json);
    struct qx_bytes sorted = {0};
    ck_assert_int_eq(reduce_sorted(p, &s, 0, &sorted), QX_ERR_STATE);
    reduce_state_fini(&s);
    reduce_plan_free(p);
    free(x);
}
END_TEST

START_TEST(bits_of_a_sketch_are_for_ever)
{
    enum { N = 100000 };
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_QUANTILES, .exact_max = 1000});
    struct reduce_state a = state_of(p), b = state_of(p);
    double *x = random_values(N, 12);
    char digest[33];
    add_groups(p, &a, 0, N / 3, x, 512);
    add_groups(p, &b, N / 3, N - N / 3, x + N / 3, 512);
    ck_assert_int_eq(reduce_merge(p, NULL, &a, &b), QX_ERR_OK);
    ck_assert_int_eq(reduce_digest(&a, digest), QX_ERR_OK);
    ck_assert_str_eq(digest, "d69ccd5e9a0a81f7fa2a2c8c3cfd37f7");
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_plan_free(p);
    free(x);
}
END_TEST

/* Exact while all items lie below exact_max, whatever the split and however many of them failed. */
START_TEST(exact_turns_to_sketch_by_the_items_alone)
{
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_QUANTILES, .exact_max = 100});
    double *x = random_values(200, 3), v;
    for (size_t cut = 0; cut <= 100; cut += 20)
        for (size_t n = 100; n <= 101; n++) {
            struct reduce_state a = state_of(p), b = state_of(p);
            bool exact;
            add_groups(p, &a, 0, cut, x, 512);
            add_groups(p, &b, cut, n - cut, x + cut, 9);
            ck_assert_int_eq(reduce_merge(p, NULL, &a, &b), QX_ERR_OK);
            ck_assert_int_eq(reduce_quantile(p, &a, 0, 0.5, &v, &exact), QX_ERR_OK);
            ck_assert_int_eq(exact, n == 100);
            reduce_state_fini(&a);
            reduce_state_fini(&b);
        }
    struct reduce_state few = state_of(p);
    bool exact;
    add_groups(p, &few, 99, 1, x, 512);
    ck_assert_int_eq(reduce_quantile(p, &few, 0, 0.5, &v, &exact), QX_ERR_OK);
    ck_assert(exact && v == x[0]);
    add_groups(p, &few, 500, 1, x, 512);
    ck_assert_int_eq(reduce_quantile(p, &few, 0, 0.5, &v, &exact), QX_ERR_OK);
    ck_assert(!exact && v == x[0]);
    reduce_state_fini(&few);
    reduce_plan_free(p);
    free(x);
}
END_TEST

/* What a worker sends of items beyond exact_max is a sketch's size, not that of all values. */
START_TEST(a_sketch_stays_small)
{
    enum { N = 400000, BLOCK = 100 };
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_QUANTILES, .exact_max = 1000});
    struct reduce_state a = state_of(p), b = state_of(p);
    struct qx_bytes bytes = {0};
    double *x = random_values(N, 5);
    for (size_t at = 0; at < N; at += BLOCK) {
        ck_assert_int_eq(reduce_reset(p, NULL, &b), QX_ERR_OK);
        add_groups(p, &b, 5000 + at, BLOCK, x + at, 512);
        ck_assert_int_eq(reduce_merge(p, NULL, &a, &b), QX_ERR_OK);
    }
    ck_assert_int_eq(reduce_encode(&a, &bytes), QX_ERR_OK);
    ck_assert_uint_lt(bytes.len, 6 * 8 * 16384); /* 6 levels at most */
    ck_assert_int_eq(reduce_decode(p, bytes.data, bytes.len, &b, NULL), QX_ERR_OK);
    assert_same(&a, &b);
    qx_bytes_fini(&bytes);
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_plan_free(p);
    free(x);
}
END_TEST

/* A level of a sketch that is not ascending would be merged wrongly: refused. */
START_TEST(a_sketch_out_of_order_is_refused)
{
    enum { N = 20000 };
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_QUANTILES, .exact_max = 1});
    struct reduce_state a = state_of(p), b;
    struct qx_bytes bytes = {0};
    double *x = random_values(N, 6);
    reduce_state_init(&b);
    add_groups(p, &a, 0, N, x, 512);
    double *values = (double *)(void *)(a.parts[0].data + a.parts[0].len) - (N - 16384) - 8192,
           swap = values[9];
    ck_assert_double_lt(values[9], values[10]); /* level 1 */
    values[9] = values[10];
    values[10] = swap;
    ck_assert_int_eq(reduce_encode(&a, &bytes), QX_ERR_OK);
    ck_assert_int_eq(reduce_decode(p, bytes.data, bytes.len, &b, NULL), QX_ERR_PROTO);
    qx_bytes_fini(&bytes);
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_plan_free(p);
    free(x);
}
END_TEST

START_TEST(table_by_key)
{
    struct reduce_plan *p = plan_of(2, {.kind = QX_REDUCE_TABLE, .keys_max = 4});
    struct reduce_state a = state_of(p), b = state_of(p), both = state_of(p);
    const double x[] = {3, 1, -2, 5, 3, 3, 0.5, 9}, y[] = {7, 1, 3, 5, -9, 2, NAN, 1};
    add_groups(p, &a, 0, 4, x, 512);
    add_groups(p, &b, 4, 4, y, 512);
    add_groups(p, &both, 0, 4, x, 512);
    ck_assert_int_eq(reduce_merge(p, NULL, &both, &b), QX_ERR_OK);
    assert_json(p, &both,
                "{\"n\":6,\"keys\":4,\"invalid\":2,\"rows\":[{\"a\":-9,\"n\":1,\"mean\":2,\"sd\":null},"
                "{\"a\":-2,\"n\":1,\"mean\":5,\"sd\":null},{\"a\":3,\"n\":3,\"mean\":3,\"sd\":2},"
                "{\"a\":7,\"n\":1,\"mean\":1,\"sd\":null}]}");
    const double more[] = {100, 0};
    struct qx_error err;
    ck_assert_int_eq(reduce_add(p, NULL, &both, 8, 1, more), QX_ERR_LIMIT);
    ck_assert_int_eq(reduce_explain(p, &both, QX_ERR_LIMIT, &err), QX_ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "more than 4 keys"));
    ck_assert_int_eq(reduce_reset(p, NULL, &b), QX_ERR_OK);
    ck_assert_int_eq(reduce_add(p, NULL, &b, 8, 1, more), QX_ERR_OK);
    ck_assert_int_eq(reduce_merge(p, NULL, &both, &b), QX_ERR_LIMIT);
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_state_fini(&both);
    reduce_plan_free(p);
}
END_TEST

/* Against one slot a key, with random keys, groups and merges. */
START_TEST(table_agrees_with_a_naive_one)
{
    enum { KEYS = 60 };
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_TABLE});
    struct reduce_state all = state_of(p), part = state_of(p);
    uint64_t want[KEYS] = {0}, item = 0;
    struct qx_stream r;
    qx_stream_init(&r, 1, (uint64_t)_i, 0);
    for (int round = 0; round < 40; round++) {
        ck_assert_int_eq(reduce_reset(p, NULL, &part), QX_ERR_OK);
        for (uint64_t n = qx_below(&r, 30); n > 0; n--, item++) {
            uint64_t k = qx_below(&r, 1 + qx_below(&r, KEYS));
            double key = (double)k - 20;
            want[k]++;
            add_groups(p, &part, item, 1, &key, 1);
        }
        ck_assert_int_eq(reduce_merge(p, NULL, &all, &part), QX_ERR_OK);
    }
    struct qx_bytes b = {0};
    char text[8192];
    int len = 0, keys = 0;
    for (int k = 0; k < KEYS; k++)
        if (want[k]) {
            len += snprintf(text + len, sizeof text - (size_t)len, "%s{\"a\":%d,\"n\":%d}", keys ? "," : "",
                            k - 20, (int)want[k]);
            keys++;
        }
    ck_assert_int_eq(reduce_summary_json(p, &all, &b), QX_ERR_OK);
    ck_assert_int_eq(qx_bytes_append(&b, "", 1), QX_ERR_OK);
    ck_assert_msg(strstr((char *)b.data, text) || !keys, "%s\n%s", (char *)b.data, text);
    qx_bytes_fini(&b);
    reduce_state_fini(&all);
    reduce_state_fini(&part);
    reduce_plan_free(p);
}
END_TEST

START_TEST(collect_and_records_keep_the_order)
{
    const uint32_t back[] = {1, 0};
    struct reduce_plan *p =
        plan_of(2, {.kind = QX_REDUCE_COLLECT, .columns = back, .n_columns = 2}, {.kind = QX_REDUCE_RECORDS});
    struct reduce_state a = state_of(p), b = state_of(p);
    const double x[] = {1, 2, 3, 4}, y[] = {5, INFINITY};
    add_groups(p, &a, 0, 2, x, 1);
    add_groups(p, &b, 2, 1, y, 1);
    ck_assert_int_eq(reduce_add_record(p, &a, 0, "zero\n", 5), QX_ERR_OK);
    ck_assert_int_eq(reduce_add_record(p, &a, 1, NULL, 0), QX_ERR_OK);
    ck_assert_int_eq(reduce_add_record(p, &b, 2, "t\"w\xFFo \xC3\xA9", 8), QX_ERR_OK);
    ck_assert_int_eq(reduce_merge(p, NULL, &a, &b), QX_ERR_OK);
    uint64_t n, item;
    const double *rows = reduce_rows(p, &a, 0, &n);
    const double want[] = {2, 1, 4, 3, INFINITY, 5};
    ck_assert_uint_eq(n, 3);
    ck_assert_mem_eq(rows, want, sizeof want);
    assert_json(p, &a,
                "{\"collect\":{\"n\":3,\"rows\":[{\"b\":2,\"a\":1},{\"b\":4,\"a\":3},{\"b\":null,\"a\":5}]},"
                "\"records\":{\"n\":3,\"bytes\":13,\"records\":[{\"item\":0,\"text\":\"zero\\u000a\"},{"
                "\"item\":1,\"text\":\"\"},"
                "{\"item\":2,\"text\":\"t\\\"w\xEF\xBF\xBDo \xC3\xA9\"}]}}");
    size_t pos = 0, len;
    const void *data;
    for (uint64_t i = 0; i < 3; i++) {
        ck_assert(reduce_next_record(p, &a, 1, &pos, &item, &data, &len));
        ck_assert_uint_eq(item, i);
    }
    ck_assert(!reduce_next_record(p, &a, 1, &pos, &item, &data, &len));
    struct qx_bytes all = {0};
    ck_assert_int_eq(reduce_records(p, &a, 1, &all), QX_ERR_OK);
    ck_assert_uint_eq(all.len, 13);
    qx_bytes_fini(&all);
    struct qx_error err;
    ck_assert_int_eq(reduce_add_record(p, &a, 3, x, QX_STATE_BYTES_MAX), QX_ERR_LIMIT);
    ck_assert_int_eq(reduce_explain(p, &a, QX_ERR_LIMIT, &err), QX_ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "beyond 256 MiB"));
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_plan_free(p);
}
END_TEST

START_TEST(failures_are_tallied_by_cause)
{
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_COUNT});
    struct reduce_state a = state_of(p), b = state_of(p);
    char text[300];
    for (uint64_t i = 0; i < 12; i++) {
        snprintf(text, sizeof text, "cause %d", (int)(i % 6));
        ck_assert_int_eq(reduce_fail(&a, i, QX_OUTCOME_ERROR, text), QX_ERR_OK);
        snprintf(text, sizeof text, "cause %d", (int)(i % 6) + 4);
        ck_assert_int_eq(reduce_fail(&b, 100 + i, QX_OUTCOME_ERROR, text), QX_ERR_OK);
    }
    for (uint64_t i = 0; i < 9; i++)
        ck_assert_int_eq(reduce_fail(&a, 20 + i, QX_OUTCOME_ERROR, "cause 0"), QX_ERR_OK);
    ck_assert_int_eq(reduce_merge(p, NULL, &a, &b), QX_ERR_OK);
    const struct tally *t = &a.tally;
    ck_assert_uint_eq(t->n_failed, 33);
    ck_assert_uint_eq(t->n_causes, TALLY_CAUSES_MAX);
    ck_assert_uint_eq(t->n_other, 4); /* causes 8 and 9 */
    ck_assert_int_eq(reduce_merge(p, NULL, &b, &a), QX_ERR_OK);
    ck_assert_uint_eq(b.tally.n_failed, 12 + 33);
    ck_assert_uint_eq(b.tally.n_other, 4 + 4); /* its others, causes 2 and 3 */
    ck_assert_str_eq(t->causes[0].text, "cause 0");
    ck_assert_uint_eq(t->causes[0].count, 11);
    const uint64_t firsts[] = {0, 6, 20, 21};
    ck_assert_mem_eq(t->causes[0].first, firsts, sizeof firsts);
    ck_assert_uint_eq(t->causes[4].count, 4);
    ck_assert_uint_eq(t->causes[4].first[2], 100);
    memset(text, 'x', sizeof text);
    memcpy(text + TALLY_TEXT_BYTES - 2, "\xE2\x82\xAC", 4);
    struct reduce_state c = state_of(p);
    ck_assert_int_eq(reduce_fail(&c, 1, QX_OUTCOME_SIGNAL, text), QX_ERR_OK);
    ck_assert_uint_eq(strlen(c.tally.causes[0].text), TALLY_TEXT_BYTES - 2);
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_state_fini(&c);
    reduce_plan_free(p);
}
END_TEST

/* --- plans --- */

START_TEST(plans_travel)
{
    const uint32_t last[] = {2};
    struct reduce_plan *p =
        plan_of(3, {.kind = QX_REDUCE_MOMENTS, .name = "theta"}, {.kind = QX_REDUCE_OWN, .name = "o"},
                {.kind = QX_REDUCE_QUANTILES, .columns = last, .n_columns = 1},
                {.kind = QX_REDUCE_HISTOGRAM, .columns = last, .n_columns = 1, .lo = 1, .hi = 2, .bins = 4});
    struct qx_bytes a = {0}, b = {0};
    struct reduce_plan *q = NULL;
    ck_assert_int_eq(reduce_plan_encode(p, &a), QX_ERR_OK);
    ck_assert_int_eq(reduce_plan_decode(a.data, a.len, &q, NULL), QX_ERR_OK);
    ck_assert_int_eq(reduce_plan_encode(q, &b), QX_ERR_OK);
    ck_assert_uint_eq(a.len, b.len);
    ck_assert_mem_eq(a.data, b.data, a.len);
    ck_assert_str_eq(reduce_plan_column(q, 2), "c");
    ck_assert_uint_eq(reduce_plan_reducer(q, 2)->exact_max, 100000);
    ck_assert(reduce_plan_opaque(q));
    for (size_t len = 0; len < a.len; len++) {
        struct qx_error err = {0};
        struct reduce_plan *none = NULL;
        ck_assert_int_eq(reduce_plan_decode(a.data, len, &none, &err), QX_ERR_PROTO);
        ck_assert_int_eq(err.code, QX_ERR_PROTO);
        ck_assert_ptr_null(none);
    }
    qx_bytes_fini(&a);
    qx_bytes_fini(&b);
    reduce_plan_free(p);
    reduce_plan_free(q);
}
END_TEST

START_TEST(bad_plans_are_explained)
{
    static const uint32_t nine[] = {9}, first[] = {0};
    static const struct {
        struct qx_reducer r;
        const char *says;
    } cases[] = {
        {{.kind = QX_REDUCE_SUM, .columns = nine, .n_columns = 1}, "column 9"},
        {{.kind = QX_REDUCE_HISTOGRAM, .lo = 1, .hi = 1, .bins = 3, .columns = first, .n_columns = 1},
         "lo < hi"},
        {{.kind = QX_REDUCE_HISTOGRAM,
          .lo = -DBL_MAX,
          .hi = DBL_MAX,
          .bins = 3,
          .columns = first,
          .n_columns = 1},
         "finite"},
        {{.kind = QX_REDUCE_HISTOGRAM, .lo = 0, .hi = 1, .columns = first, .n_columns = 1}, "bins"},
        {{.kind = QX_REDUCE_QUANTILES}, "one column, not 2"},
        {{.kind = QX_REDUCE_SUM, .columns = nine, .n_columns = 0}, "needs an output column"},
        {{.kind = (enum qx_reducer_kind)99}, "unknown kind"},
        {{.kind = QX_REDUCE_COUNT, .name = ""}, "name"},
    };
    struct reduce_plan *p = NULL;
    struct qx_error err = {0};
    ck_assert_int_eq(reduce_plan_new(names, 2, &cases[_i].r, 1, &p, &err), QX_ERR_INVALID);
    ck_assert_msg(strstr(err.text, cases[_i].says) != NULL, "%s", err.text);
    ck_assert_ptr_null(p);
    const char *const twice[] = {"x", "y", "x"};
    ck_assert_int_eq(reduce_plan_new(twice, 3, NULL, 0, &p, &err), QX_ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "\"x\""));
}
END_TEST

/* --- every kind at once --- */

static struct reduce_plan *plan_of_all(void)
{
    static const uint32_t first[] = {0}, key[] = {2, 0};
    return plan_of(
        3, {.kind = QX_REDUCE_COUNT}, {.kind = QX_REDUCE_SUM}, {.kind = QX_REDUCE_MOMENTS},
        {.kind = QX_REDUCE_MINMAX},
        {.kind = QX_REDUCE_HISTOGRAM, .columns = first, .n_columns = 1, .lo = 98, .hi = 102, .bins = 5},
        {.kind = QX_REDUCE_QUANTILES, .columns = first, .n_columns = 1, .exact_max = 40},
        {.kind = QX_REDUCE_PROPORTION, .columns = key, .n_columns = 1},
        {.kind = QX_REDUCE_TABLE, .columns = key, .n_columns = 2}, {.kind = QX_REDUCE_COLLECT},
        {.kind = QX_REDUCE_RECORDS});
}

static void add_random(const struct reduce_plan *p, struct reduce_state *s, uint64_t seed, uint32_t n)
{
    double *x = random_values(3 * n + 3, seed);
    for (uint32_t i = 0; i < n; i++)
        x[3 * i + 2] = (double)((i * 7 + seed) % 3);
    add_groups(p, s, 1000 * seed, n, x, 100);
    ck_assert_int_eq(reduce_fail(s, 1000 * seed + n, QX_OUTCOME_ERROR, "no luck"), QX_ERR_OK);
    ck_assert_int_eq(reduce_add_record(p, s, 1000 * seed + n, "some text", 9), QX_ERR_OK);
    free(x);
}

START_TEST(states_travel)
{
    struct reduce_plan *p = plan_of_all();
    struct reduce_state a = state_of(p), b, c;
    struct qx_bytes bytes = {0};
    reduce_state_init(&b);
    reduce_state_init(&c);
    if (_i > 0)
        add_random(p, &a, 4, (uint32_t)_i);
    ck_assert_int_eq(reduce_encode(&a, &bytes), QX_ERR_OK);
    ck_assert_int_eq(reduce_decode(p, bytes.data, bytes.len, &b, NULL), QX_ERR_OK);
    assert_same(&a, &b);
    ck_assert_int_eq(reduce_state_copy(&c, &b), QX_ERR_OK);
    assert_same(&a, &c);
    char one[33], two[33];
    ck_assert_int_eq(reduce_digest(&a, one), QX_ERR_OK);
    ck_assert_int_eq(reduce_digest(&c, two), QX_ERR_OK);
    ck_assert_str_eq(one, two);
    ck_assert_uint_eq(strlen(one), 32);
    reduce_state_move(&c, &a);
    assert_same(&b, &c);
    ck_assert_uint_eq(a.n_parts, 0);
    qx_bytes_fini(&bytes);
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_state_fini(&c);
    reduce_plan_free(p);
}
END_TEST

START_TEST(the_state_of_no_items_changes_nothing)
{
    struct reduce_plan *p = plan_of_all();
    struct reduce_state a = state_of(p), b = state_of(p), empty = state_of(p), twin = state_of(p);
    add_random(p, &a, 1, 300);
    add_random(p, &b, 1, 300);
    ck_assert_int_eq(reduce_merge(p, NULL, &a, &empty), QX_ERR_OK);
    ck_assert_int_eq(reduce_merge(p, NULL, &empty, &b), QX_ERR_OK);
    ck_assert(reduce_count(p, &empty, 2) == 300 && reduce_count(p, &a, 2) == 300);
    ck_assert_int_eq(reduce_reset(p, NULL, &a), QX_ERR_OK);
    assert_same(&a, &twin); /* memory reused, nothing left over */
    add_random(p, &a, 1, 300);
    assert_same(&a, &b);
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_state_fini(&empty);
    reduce_state_fini(&twin);
    reduce_plan_free(p);
}
END_TEST

START_TEST(sparse_rows_are_the_same_rows)
{
    struct reduce_plan *p = plan_of_all();
    struct reduce_state a = state_of(p), b = state_of(p);
    uint64_t items[100];
    double *x = random_values(300, 2);
    for (uint64_t i = 0; i < 100; i++)
        items[i] = 5000 + i;
    ck_assert_int_eq(reduce_add(p, NULL, &a, 5000, 100, x), QX_ERR_OK);
    ck_assert_int_eq(reduce_add_sparse(p, NULL, &b, items, 100, x), QX_ERR_OK);
    assert_same(&a, &b);
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_plan_free(p);
    free(x);
}
END_TEST

/* Uses every reader of a state that came from outside. */
static void read_all(const struct reduce_plan *p, struct reduce_state *s)
{
    static const char *const stats[] = {"n", "mean",  "se",  "rel",    "sd",
                                        "p", "width", "sum", "exceed", "other"};
    struct qx_bytes b = {0};
    struct reduce_state other = state_of(p), twin = state_of(p);
    double v = 0;
    bool exact;
    ck_assert_int_eq(reduce_summary_json(p, s, &b), QX_ERR_OK);
    for (size_t i = 0; i < sizeof stats / sizeof stats[0]; i++)
        ck_assert_int_eq(reduce_stat(p, s, stats[i], &v), i < 9);
    ck_assert_int_eq(reduce_quantile(p, s, 5, 0.25, &v, &exact), QX_ERR_OK);
    add_random(p, &other, 9, 100);
    ck_assert_int_ne(reduce_merge(p, NULL, &other, s), QX_ERR_PROTO);
    ck_assert_int_eq(reduce_state_copy(&twin, s), QX_ERR_OK);
    ck_assert_int_ne(reduce_merge(p, NULL, s, &twin), QX_ERR_PROTO);
    qx_bytes_fini(&b);
    reduce_state_fini(&twin);
    reduce_state_fini(&other);
}

START_TEST(hostile_bytes_do_no_harm)
{
    struct reduce_plan *p = plan_of_all();
    struct reduce_state a = state_of(p), b;
    struct qx_bytes bytes = {0};
    struct qx_stream r;
    add_random(p, &a, 6, _i ? 100 : 10);
    ck_assert_int_eq(reduce_encode(&a, &bytes), QX_ERR_OK);
    for (size_t len = 0; len < bytes.len; len++) {
        struct qx_error err = {0};
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, bytes.data, len);
        reduce_state_init(&b);
        ck_assert_int_eq(reduce_decode(p, cut, len, &b, &err), QX_ERR_PROTO);
        ck_assert_uint_gt(strlen(err.text), 0);
        reduce_state_fini(&b);
        free(cut);
    }
    qx_stream_init(&r, 1, (uint64_t)_i, 2);
    for (int i = 0; i < 1000; i++) {
        size_t at = qx_below(&r, bytes.len);
        uint8_t was = bytes.data[at];
        bytes.data[at] = (uint8_t)(was ^ (1u << qx_below(&r, 8)));
        reduce_state_init(&b);
        if (reduce_decode(p, bytes.data, bytes.len, &b, NULL) == QX_ERR_OK)
            read_all(p, &b);
        reduce_state_fini(&b);
        bytes.data[at] = was;
    }
    qx_bytes_fini(&bytes);
    reduce_state_fini(&a);
    reduce_plan_free(p);
}
END_TEST

static qx_err whole_life(struct reduce_plan **ret_plan, struct reduce_state s[3], struct qx_bytes *bytes)
{
    const uint32_t first[] = {0};
    const struct qx_reducer reducers[] = {
        {.kind = QX_REDUCE_MOMENTS, .name = "m"},
        {.kind = QX_REDUCE_COLLECT},
        {.kind = QX_REDUCE_TABLE},
        {.kind = QX_REDUCE_RECORDS},
        {.kind = QX_REDUCE_QUANTILES, .columns = first, .n_columns = 1, .exact_max = 20}};
    double rows[2 * 30];
    for (int i = 0; i < 60; i++)
        rows[i] = i;
    qx_err e = reduce_plan_new(names, 2, reducers, 5, ret_plan, NULL);
    for (int i = 0; i < 2 && e == QX_ERR_OK; i++)
        if ((e = reduce_reset(*ret_plan, NULL, &s[i])) == QX_ERR_OK &&
            (e = reduce_add(*ret_plan, NULL, &s[i], 0, 30, rows)) == QX_ERR_OK &&
            (e = reduce_fail(&s[i], 30, 1, "x")) == QX_ERR_OK)
            e = reduce_add_record(*ret_plan, &s[i], 31, "text", 4);
    if (e == QX_ERR_OK)
        e = reduce_merge(*ret_plan, NULL, &s[0], &s[1]);
    if (e == QX_ERR_OK)
        e = reduce_plan_encode(*ret_plan, bytes);
    qx_bytes_fini(bytes);
    if (e == QX_ERR_OK)
        e = reduce_encode(&s[0], bytes);
    if (e == QX_ERR_OK)
        e = reduce_decode(*ret_plan, bytes->data, bytes->len, &s[2], NULL);
    if (e == QX_ERR_OK)
        e = reduce_summary_json(*ret_plan, &s[2], bytes);
    return e;
}

START_TEST(every_allocation_may_fail)
{
    for (unsigned n = 1;; n++) {
        struct reduce_plan *p = NULL;
        struct reduce_state s[3];
        struct qx_bytes bytes = {0};
        for (int i = 0; i < 3; i++)
            reduce_state_init(&s[i]);
        qx_mem_fail_at(n);
        qx_err e = whole_life(&p, s, &bytes);
        qx_mem_fail_at(0);
        for (int i = 0; i < 3; i++)
            reduce_state_fini(&s[i]);
        qx_bytes_fini(&bytes);
        reduce_plan_free(p);
        if (e == QX_ERR_OK) {
            ck_assert_uint_gt(n, 30);
            break;
        }
        ck_assert_int_eq(e, QX_ERR_NOMEM);
    }
}
END_TEST

/* --- own reducers and the summary's names --- */

static qx_err own_init(void *self, uint32_t reducer, struct qx_bytes *part)
{
    (void)self;
    (void)reducer;
    return qx_bytes_resize(part, 8);
}

static qx_err own_add(void *self, uint32_t reducer, struct qx_bytes *part, uint64_t first, uint32_t n,
                      const double *rows)
{
    int *calls = self;
    (void)reducer;
    for (uint32_t i = 0; i < n; i++)
        *(double *)(void *)part->data += rows[i] * (double)(first + i);
    ++*calls;
    return QX_ERR_OK;
}

static qx_err own_merge(void *self, uint32_t reducer, struct qx_bytes *left, const struct qx_bytes *right)
{
    (void)self;
    (void)reducer;
    *(double *)(void *)left->data += *(const double *)(const void *)right->data;
    return QX_ERR_OK;
}

START_TEST(own_reducers_are_called)
{
    int calls = 0;
    struct reduce_plugin plug = {&calls, own_init, own_add, own_merge};
    struct reduce_plan *p = plan_of(1, {.kind = QX_REDUCE_OWN});
    struct reduce_state a, b;
    const uint64_t items[] = {1, 2, 5, 6, 7, 9};
    const double x[] = {1, 1, 1, 1, 1, 1};
    size_t len;
    reduce_state_init(&a);
    reduce_state_init(&b);
    ck_assert_int_eq(reduce_reset(p, NULL, &a), QX_ERR_STATE);
    ck_assert_int_eq(reduce_reset(p, &plug, &a), QX_ERR_OK);
    ck_assert_int_eq(reduce_reset(p, &plug, &b), QX_ERR_OK);
    ck_assert_int_eq(reduce_add_sparse(p, &plug, &a, items, 6, x), QX_ERR_OK);
    ck_assert_int_eq(calls, 3);
    ck_assert_int_eq(reduce_add(p, &plug, &b, 10, 2, x), QX_ERR_OK);
    ck_assert_int_eq(reduce_merge(p, NULL, &a, &b), QX_ERR_STATE);
    ck_assert_int_eq(reduce_merge(p, &plug, &a, &b), QX_ERR_OK);
    const double *sum = reduce_own(p, &a, 0, &len);
    ck_assert_uint_eq(len, 8);
    ck_assert(*sum == 30 + 21);
    reduce_state_fini(&a);
    reduce_state_fini(&b);
    reduce_plan_free(p);
}
END_TEST

START_TEST(summaries_have_readable_names)
{
    struct reduce_plan *p = plan_of(2, {.kind = QX_REDUCE_COUNT}, {.kind = QX_REDUCE_COUNT},
                                    {.kind = QX_REDUCE_MOMENTS, .name = "m\"1"});
    struct reduce_state s = state_of(p);
    const double x[] = {1, 0.1, 3, 0.1};
    add_groups(p, &s, 0, 2, x, 512);
    assert_json(p, &s,
                "{\"count\":{\"n\":2},\"count_2\":{\"n\":2},\"m\\\"1\":{\"n\":2,\"columns\":[{\"name\":\"a\","
                "\"mean\":2,\"se\":1,"
                "\"sd\":1.4142135623730951,\"lower\":0.04003601545994595,\"upper\":3.959963984540054},{"
                "\"name\":\"b\",\"mean\":0.1,"
                "\"se\":0,\"sd\":0,\"lower\":0.1,\"upper\":0.1}],\"covariance\":[[2,0],[0,0]]}}");
    double v;
    ck_assert(reduce_stat(p, &s, "rel", &v) && v == 0.5);
    ck_assert(reduce_stat(p, &s, "n", &v) && v == 2);
    ck_assert(!reduce_stat(p, &s, "p", &v));
    reduce_state_fini(&s);
    reduce_plan_free(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reduce");
    TCase *tc = tcase_create("reduce");
    tcase_add_test(tc, sum_is_compensated);
    tcase_add_loop_test(tc, moments_are_right_for_any_cut, 0, 30);
    tcase_add_test(tc, a_column_alone_has_the_bits_of_the_column_among_others);
    tcase_add_test(tc, bits_of_moments_are_for_ever);
    tcase_add_loop_test(tc, nist_univariate_sets, 0, 5);
    tcase_add_test(tc, minmax_keeps_the_first_of_equals);
    tcase_add_test(tc, histogram_bins_are_half_open);
    tcase_add_loop_test(tc, histogram_agrees_with_its_edges, 0, 6);
    tcase_add_loop_test(tc, proportion_has_the_published_interval, 0, 4);
    tcase_add_test(tc, quantiles_are_type_7);
    tcase_add_loop_test(tc, sorting_agrees_with_qsort, 0, 12);
    tcase_add_loop_test(tc, sketch_ranks_are_within_the_bound, 0, 6);
    tcase_add_test(tc, bits_of_a_sketch_are_for_ever);
    tcase_add_test(tc, exact_turns_to_sketch_by_the_items_alone);
    tcase_add_test(tc, a_sketch_stays_small);
    tcase_add_test(tc, a_sketch_out_of_order_is_refused);
    tcase_add_test(tc, table_by_key);
    tcase_add_loop_test(tc, table_agrees_with_a_naive_one, 0, 20);
    tcase_add_test(tc, collect_and_records_keep_the_order);
    tcase_add_test(tc, failures_are_tallied_by_cause);
    tcase_add_test(tc, plans_travel);
    tcase_add_loop_test(tc, bad_plans_are_explained, 0, 8);
    tcase_add_loop_test(tc, states_travel, 0, 80);
    tcase_add_test(tc, the_state_of_no_items_changes_nothing);
    tcase_add_test(tc, sparse_rows_are_the_same_rows);
    tcase_add_loop_test(tc, hostile_bytes_do_no_harm, 0, 2);
    tcase_add_test(tc, every_allocation_may_fail);
    tcase_add_test(tc, own_reducers_are_called);
    tcase_add_test(tc, summaries_have_readable_names);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
