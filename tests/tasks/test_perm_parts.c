/* The parts of perm.test without the farm: arrangements, a random order, ranks, intervals, tables, adjusted p-values. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perm/adjust.h"
#include "perm/design.h"
#include "perm/halves.h"
#include "perm/interval.h"
#include "perm/rank.h"
#include "perm/scramble.h"

enum { KEY_BYTES = 160 };

/* An arrangement as a text, so that any two can be compared. */
static void key_of(const struct design *d, const struct arrangement *a, char ret[KEY_BYTES])
{
    ck_assert_uint_lt(d->n, KEY_BYTES);
    for (uint32_t i = 0; i < d->n; i++)
        ret[i] =
            (char)(d->kind == DESIGN_LABELS ? '0' + a->label[i] : '0' + (a->bits[i / 64] >> (i % 64) & 1));
    ret[d->n] = '\0';
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void open_design(struct design *d, int which)
{
    static const uint32_t three[] = {2, 3, 2}, ones[] = {1, 1, 1, 1, 1};
    bool ok = which == 0   ? design_subset(d, 9, 4)
              : which == 1 ? design_subset(d, 70, 2)
              : which == 2 ? design_signs(d, 7)
              : which == 3 ? design_labels(d, three, 3)
              : which == 4 ? design_labels(d, ones, 5)
                           : design_subset(d, 64, 2);
    ck_assert(ok);
}

static const uint64_t totals[] = {126, 2415, 128, 210, 120, 2016};

START_TEST(every_arrangement_comes_once)
{
    struct design d;
    struct arrangement a, walked;
    open_design(&d, _i);
    ck_assert_uint_eq(d.total, totals[_i]);
    ck_assert(arrangement_init(&a, &d) && arrangement_init(&walked, &d));
    char(*keys)[KEY_BYTES] = calloc(d.total, sizeof *keys), key[KEY_BYTES];
    ck_assert_ptr_nonnull(keys);
    for (uint64_t r = 0; r < d.total; r++) {
        design_unrank(&d, r, &a);
        if (r == 0)
            design_unrank(&d, 0, &walked);
        else
            design_next(&d, &walked);
        key_of(&d, &a, keys[r]);
        key_of(&d, &walked, key);
        ck_assert_msg(strcmp(key, keys[r]) == 0, "rank %llu: %s, by steps %s", (unsigned long long)r, keys[r],
                      key);
    }
    qsort(keys, d.total, sizeof *keys, by_text);
    for (uint64_t r = 1; r < d.total; r++)
        ck_assert_str_ne(keys[r - 1], keys[r]);
    free(keys);
    arrangement_fini(&a);
    arrangement_fini(&walked);
    design_fini(&d);
}
END_TEST

START_TEST(totals_stop_at_what_can_be_counted)
{
    struct design d;
    ck_assert(design_subset(&d, 16, 7));
    ck_assert_uint_eq(d.total, 11440);
    design_fini(&d);
    ck_assert(design_subset(&d, 100, 50));
    ck_assert_uint_eq(d.total, 0);
    design_fini(&d);
    ck_assert(design_signs(&d, 36));
    ck_assert_uint_eq(d.total, (uint64_t)1 << 36);
    ck_assert(design_signs(&d, 64));
    ck_assert_uint_eq(d.total, 0);
    uint32_t ones[20];
    for (int i = 0; i < 20; i++)
        ones[i] = 1;
    ck_assert(design_labels(&d, ones, 14));
    ck_assert_uint_eq(d.total, UINT64_C(87178291200));
    design_fini(&d);
    ck_assert(design_labels(&d, ones, 20));
    ck_assert_uint_eq(d.total, 0);
    design_fini(&d);
}
END_TEST

static const struct {
    uint32_t n, k, pick; /* pick: how many of the units are looked at */
} subsets[] = {{6, 3, 6},    {5, 2, 5},    {7, 1, 7}, {100, 50, 3},
               {100, 13, 3}, {130, 41, 2}, {2, 1, 2}, {4000, 1700, 2}};

/* The first units' pattern has the hypergeometric probability of its ones. Chi-square with all patterns as cells. */
START_TEST(random_subsets_are_uniform)
{
    enum { DRAWS = 40000 };
    struct design d;
    struct arrangement a;
    uint32_t n = subsets[_i].n, k = subsets[_i].k, pick = subsets[_i].pick, cells = 0, counts[128] = {0};
    ck_assert(design_subset(&d, n, k) && arrangement_init(&a, &d));
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct qx_stream rng;
        uint32_t set = 0;
        qx_stream_init(&rng, 17, i, 0);
        design_draw(&d, &rng, &a);
        for (uint32_t w = 0; w < design_words(&d); w++)
            set += (uint32_t)__builtin_popcountll(a.bits[w]);
        ck_assert_uint_eq(set, k);
        counts[a.bits[0] & ((1u << pick) - 1)]++;
    }
    double chi = 0;
    for (uint32_t pattern = 0; pattern < 1u << pick; pattern++) {
        uint32_t ones = (uint32_t)__builtin_popcount(pattern);
        if (ones > k || pick - ones > n - k) {
            ck_assert_uint_eq(counts[pattern], 0);
            continue;
        }
        double want = DRAWS * exp(lgamma(n - pick + 1.0) - lgamma(k - ones + 1.0) -
                                  lgamma(n - pick - (k - ones) + 1.0) -
                                  (lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0)));
        chi += (counts[pattern] - want) * (counts[pattern] - want) / want;
        cells++;
    }
    ck_assert_msg(chi < cells - 1 + 4.5 * sqrt(2.0 * cells), "n=%u k=%u: chi-square %.1f of %u cells", n, k,
                  chi, cells);
    arrangement_fini(&a);
    design_fini(&d);
}
END_TEST

START_TEST(random_labels_and_signs_are_uniform)
{
    enum { DRAWS = 63000 };
    static const uint32_t sizes[] = {2, 3, 2};
    struct design d;
    struct arrangement a;
    uint32_t counts[2187] = {0}, signs[8] = {0}, cells = 0;
    double chi = 0;
    ck_assert(design_labels(&d, sizes, 3) && arrangement_init(&a, &d));
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct qx_stream rng;
        uint32_t code = 0;
        qx_stream_init(&rng, 3, i, 0);
        design_draw(&d, &rng, &a);
        for (uint32_t k = 0; k < 7; k++)
            code = 3 * code + a.label[k];
        counts[code]++;
    }
    for (int code = 0; code < 2187; code++) {
        cells += counts[code] > 0;
        chi += counts[code] ? (counts[code] - 300.0) * (counts[code] - 300.0) / 300 : 0;
    }
    ck_assert_uint_eq(cells, 210);
    ck_assert_double_lt(chi, 209 + 4.5 * sqrt(420));
    arrangement_fini(&a);
    design_fini(&d);
    ck_assert(design_signs(&d, 3) && arrangement_init(&a, &d));
    for (uint64_t i = 0; i < 8000; i++) {
        struct qx_stream rng;
        qx_stream_init(&rng, 3, i, 0);
        design_draw(&d, &rng, &a);
        ck_assert_uint_lt(a.bits[0], 8);
        signs[a.bits[0]]++;
    }
    for (int k = 0; k < 8; k++)
        ck_assert_double_eq_tol(signs[k], 1000, 4.5 * sqrt(875));
    arrangement_fini(&a);
    design_fini(&d);
}
END_TEST

START_TEST(a_random_order_holds_everything_once)
{
    static const uint64_t sizes[] = {1, 2, 3, 10, 97, 1000, 11440, 65537};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        uint64_t n = sizes[k];
        uint8_t *met = calloc(n, 1);
        struct scramble s;
        ck_assert_ptr_nonnull(met);
        ck_assert(scramble_init(&s, n, 5));
        for (uint64_t i = 0; i < n; i++) {
            uint64_t at = scramble_at(&s, i);
            ck_assert_uint_lt(at, n);
            ck_assert_uint_eq(met[at]++, 0);
        }
        scramble_fini(&s);
        free(met);
    }
}
END_TEST

/* The first two places over many seeds: every pair of sevenths of the range equally often. */
START_TEST(a_random_order_is_random)
{
    enum { SEEDS = 20000, PARTS = 7 };
    static const uint64_t sizes[] = {PARTS, 70000, UINT64_C(5000000001)};
    uint32_t counts[PARTS][PARTS] = {{0}};
    uint64_t n = sizes[_i];
    double chi = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct scramble s;
        ck_assert(scramble_init(&s, n, seed));
        counts[scramble_at(&s, 0) * PARTS / n][scramble_at(&s, 1) * PARTS / n]++;
        scramble_fini(&s);
    }
    for (int i = 0; i < PARTS; i++) {
        for (int j = 0; j < PARTS; j++) {
            double want =
                n == PARTS ? SEEDS / (double)(PARTS * (PARTS - 1)) : SEEDS / (double)(PARTS * PARTS);
            chi += n == PARTS && i == j ? 0 : (counts[i][j] - want) * (counts[i][j] - want) / want;
        }
    }
    ck_assert_double_lt(chi, 48 + 4.5 * sqrt(96));
}
END_TEST

START_TEST(ties_share_their_ranks)
{
    double x[] = {3, 1, 3, 2, 3 + 1e-12, 9}, want[] = {4, 1, 4, 2, 4, 6};
    uint32_t *order = rank_order(x, 6);
    ck_assert_ptr_nonnull(order);
    rank_mid(x, order, 6, 1e-9);
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq(x[i], want[i]);
    free(order);
    double y[] = {3, 3 + 1e-12};
    order = rank_order(y, 2);
    ck_assert_ptr_nonnull(order);
    rank_mid(y, order, 2, 0);
    ck_assert_double_eq(y[1], 2);
    free(order);
}
END_TEST

/* binom.test(20, 1000), binom.test(0, 50) and qbeta(c(.025, .975), 10, c(74, 73)) of R 4.2.2. */
START_TEST(intervals_are_those_of_r)
{
    struct interval i = interval_of_count(20, 1000, 0.95);
    ck_assert_double_eq_tol(i.lower, 0.01225826797240633, 1e-12);
    ck_assert_double_eq_tol(i.upper, 0.03072003268260914, 1e-12);
    i = interval_of_count(0, 50, 0.95);
    ck_assert_double_eq(i.lower, 0);
    ck_assert_double_eq_tol(i.upper, 0.07112173646419762, 1e-12);
    i = interval_of_wait(10, 83, 0.95);
    ck_assert_double_eq_tol(i.lower, 0.05931465859927177, 1e-12);
    ck_assert_double_eq_tol(i.upper, 0.19815241402547334, 1e-12);
    ck_assert_double_eq(interval_of_wait(4, 4, 0.95).upper, 1);
    i = interval_of_count(100000, 100000000, 0.95); /* large counts keep their precision */
    ck_assert_double_eq_tol(i.upper - i.lower, 2 * 1.959964 * sqrt(1e-3 / 1e8), 3e-8);
}
END_TEST

/* Every table with the margins of a 4 x 3 one, by brute force. */
static double brute(const struct stat *s, double least, double *ret_tables)
{
    const uint32_t *column = s->sizes, *row = s->sizes + 3;
    double p = 0;
    uint32_t t[4][3];
    *ret_tables = 0;
    for (uint32_t code = 0; code < 9 * 9 * 9 * 9 * 9 * 9; code++) {
        uint32_t rest = code, bad = 0, used[3] = {0, 0, 0};
        for (int i = 0; i < 3; i++) {
            t[i][0] = rest % 9;
            t[i][1] = rest / 9 % 9;
            rest /= 81;
            bad |= t[i][0] + t[i][1] > row[i];
            t[i][2] = row[i] - t[i][0] - t[i][1];
            for (int j = 0; j < 3; j++)
                used[j] += t[i][j];
        }
        for (int j = 0; j < 3; j++) {
            bad |= used[j] > column[j];
            t[3][j] = column[j] - used[j];
        }
        if (bad)
            continue;
        double log_p = -s->log_factorial[s->n], value = 0;
        for (int k = 0; k < 7; k++)
            log_p += s->log_factorial[s->sizes[k]];
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < 3; j++) {
                log_p -= s->log_factorial[t[i][j]];
                value += s->kind == STAT_FISHER
                             ? s->log_factorial[t[i][j]]
                             : s->n * (double)t[i][j] * t[i][j] / ((double)row[i] * column[j]);
            }
        }
        ++*ret_tables;
        p += value >= least ? exp(log_p) : 0;
    }
    return p;
}

START_TEST(tables_are_all_counted)
{
    uint32_t sizes[7] = {9, 7, 8, 5, 8, 7, 4}; /* columns, rows */
    double log_factorial[25], cell[12], tables;
    for (int i = 0; i <= 24; i++)
        log_factorial[i] = lgamma(i + 1.0);
    for (int i = 0; i < 12; i++)
        cell[i] = 1.0 / (sizes[3 + i / 3] * sizes[i % 3]);
    struct stat s = {.kind = _i ? STAT_FISHER : STAT_CHISQ,
                     .n = 24,
                     .n_rows = 4,
                     .n_columns = 3,
                     .sizes = sizes,
                     .log_factorial = log_factorial,
                     .cell = cell};
    struct halves h;
    struct halves_sum all = {0, 0, 0};
    ck_assert(halves_open(&h, &s));
    ck_assert(isfinite(h.work));
    h.least = _i ? 14 : 30;
    for (uint64_t node = 0; node < h.n_nodes; node++) {
        struct halves_sum one;
        ck_assert(halves_node(&h, node, &one));
        all.exceed += one.exceed;
        all.total += one.total;
        all.tables += one.tables;
    }
    double want = brute(&s, h.least, &tables);
    ck_assert_double_eq_tol(all.total, 1, 1e-12);
    ck_assert_double_eq(all.tables, tables);
    ck_assert_double_gt(want, 0.01);
    ck_assert_double_lt(want, 0.99);
    ck_assert_double_eq_tol(all.exceed, want, 1e-12);
    halves_fini(&h);
}
END_TEST

START_TEST(large_tables_are_refused)
{
    enum { ROWS = 6, COLUMNS = 6 };
    uint32_t sizes[ROWS + COLUMNS];
    double log_factorial[601], cell[ROWS * COLUMNS];
    for (int i = 0; i <= 600; i++)
        log_factorial[i] = lgamma(i + 1.0);
    for (int i = 0; i < ROWS + COLUMNS; i++)
        sizes[i] = 100;
    for (int i = 0; i < ROWS * COLUMNS; i++)
        cell[i] = 1e-4;
    struct stat s = {.kind = STAT_CHISQ,
                     .n = 600,
                     .n_rows = ROWS,
                     .n_columns = COLUMNS,
                     .sizes = sizes,
                     .log_factorial = log_factorial,
                     .cell = cell};
    struct halves h;
    ck_assert(halves_open(&h, &s));
    ck_assert(isinf(h.work));
    halves_fini(&h);
}
END_TEST

/* 4 variables in ascending order of extremity, 9 arrangements. p.adjust(c(.8,.3,.5,.2), "BH") of R. */
START_TEST(counts_are_adjusted)
{
    uint64_t words[ADJUST_WORDS(4)] = {9, /* raw */ 7, 2, 4, 1, /* step-down */ 8, 6, 7, 1, /* largest */ 0,
                                       1, 5,           1, 2};
    struct adjusted p[4];
    ck_assert(adjust(words, 4, true, 1, p));
    static const double raw[] = {0.8, 0.3, 0.5, 0.2}, down[] = {0.9, 0.8, 0.8, 0.2},
                        bh[] = {0.8, 0.6, 2.0 / 3, 0.6}, single[] = {1, 0.9, 0.4, 0.3};
    for (int v = 0; v < 4; v++) {
        ck_assert_double_eq_tol(p[v].p, raw[v], 1e-15);
        ck_assert_double_eq_tol(p[v].max_t, down[v], 1e-15);
        ck_assert_double_eq_tol(p[v].bh, bh[v], 1e-15);
    }
    ck_assert(adjust(words, 4, false, 1, p));
    for (int v = 0; v < 4; v++)
        ck_assert_double_eq_tol(p[v].max_t, single[v], 1e-15);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("perm_parts");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, every_arrangement_comes_once, 0, 6);
    tcase_add_test(tc, totals_stop_at_what_can_be_counted);
    tcase_add_loop_test(tc, random_subsets_are_uniform, 0, (int)(sizeof subsets / sizeof subsets[0]));
    tcase_add_test(tc, random_labels_and_signs_are_uniform);
    tcase_add_test(tc, a_random_order_holds_everything_once);
    tcase_add_loop_test(tc, a_random_order_is_random, 0, 3);
    tcase_add_test(tc, ties_share_their_ranks);
    tcase_add_test(tc, intervals_are_those_of_r);
    tcase_add_loop_test(tc, tables_are_all_counted, 0, 2);
    tcase_add_test(tc, large_tables_are_refused);
    tcase_add_test(tc, counts_are_adjusted);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
