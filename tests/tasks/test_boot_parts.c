/* The parts of boot without the farm: the text of a statistic, order statistics, linear models, interval ends. */
#include <check.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/draw.h"
#include "boot/enumerate.h"
#include "boot/interval.h"
#include "boot/lanes.h"
#include "boot/order.h"
#include "boot/refit.h"
#include "boot/spec.h"
#include "boot/stat.h"
#include "quincunx/stream.h"

/* The only statistic of a text. */
static struct spec *parse(struct spec_list *l, const char *text)
{
    char why[PLACE_BYTES];
    ck_assert_msg(spec_parse(l, text, why), "%s", why);
    ck_assert_uint_eq(l->n, 1);
    return &l->list[0];
}

START_TEST(statistics_are_read)
{
    struct spec_list l;
    struct spec *s = parse(&l, " cor( LSAT , GPA ) ");
    ck_assert_int_eq(s->kind, STAT_COR);
    ck_assert_str_eq(s->text, "cor( LSAT , GPA )");
    ck_assert_str_eq(s->columns[0], "LSAT");
    ck_assert_str_eq(s->columns[1], "GPA");
    spec_fini(&l);
    s = parse(&l, "trimmed(body mass, 0.1)");
    ck_assert_str_eq(s->columns[0], "body mass");
    ck_assert_double_eq(s->number, 0.1);
    spec_fini(&l);
    s = parse(&l, "quantile(`a-b (x)`,.975)");
    ck_assert_str_eq(s->columns[0], "a-b (x)");
    ck_assert_double_eq(s->number, 0.975);
    spec_fini(&l);
    s = parse(&l, " lm( log(y) ~ poly(x1, 2) + `x)2`*g)");
    ck_assert_int_eq(s->kind, STAT_LM);
    ck_assert_str_eq(s->formula, " log(y) ~ poly(x1, 2) + `x)2`*g");
    spec_fini(&l);
}
END_TEST

START_TEST(expressions_are_read)
{
    struct spec_list l;
    struct spec *s = parse(&l, "mean(x) / sd( y )");
    ck_assert_int_eq(s->kind, STAT_EXPR);
    ck_assert_str_eq(s->expression, "_0      / _1     ");
    ck_assert_uint_eq(s->n_parts, 2);
    ck_assert_int_eq(s->parts[1].kind, STAT_SD);
    ck_assert_str_eq(s->parts[1].columns[0], "y");
    spec_fini(&l);
    s = parse(&l, "expr: mean(x)");
    ck_assert_int_eq(s->kind, STAT_EXPR);
    ck_assert_str_eq(s->expression, "      _0     ");
    spec_fini(&l);
    /* a row's expression; max of statistics is a function, of a row's numbers too */
    s = parse(&l, "mean(log(x)*(y-1))");
    ck_assert_int_eq(s->kind, STAT_MEAN);
    ck_assert_str_eq(s->columns[0], "log(x)*(y-1)");
    spec_fini(&l);
    s = parse(&l, "mean(max(x,y))");
    ck_assert_int_eq(s->kind, STAT_MEAN);
    ck_assert_str_eq(s->columns[0], "max(x,y)");
    spec_fini(&l);
    s = parse(&l, "max(mean(x), max(y))");
    ck_assert_int_eq(s->kind, STAT_EXPR);
    ck_assert_str_eq(s->expression, "max(_0     , _1    )");
    spec_fini(&l);
    s = parse(&l, "-log(cor(x,\"a-b\"))");
    ck_assert_int_eq(s->kind, STAT_EXPR);
    ck_assert_str_eq(s->parts[0].columns[1], "a-b");
    spec_fini(&l);
    s = parse(&l, "plugin:mine( x , \"a b\")");
    ck_assert_int_eq(s->kind, STAT_PLUGIN);
    ck_assert_str_eq(s->path, "mine");
    ck_assert_str_eq(s->columns[1], "a b");
    spec_fini(&l);
}
END_TEST

START_TEST(several_statistics_are_read)
{
    struct spec_list l;
    char why[PLACE_BYTES];
    ck_assert(spec_parse(&l, "mean(x);sd(`a;b`) ; mean(x)/2 ;", why));
    ck_assert_uint_eq(l.n, 3);
    ck_assert_str_eq(l.list[1].columns[0], "a;b");
    ck_assert_str_eq(l.list[2].text, "mean(x)/2");
    spec_fini(&l);
    ck_assert(!spec_parse(&l, "mean(x); corr(x,y)", why));
    ck_assert_str_eq(
        why, "stat: unknown statistic \"corr\" (did you mean \"cor\"?) at position 1: corr <-- here (x,y)");
    ck_assert_uint_eq(l.n, 0);
}
END_TEST

static const struct {
    const char *text, *error;
} bad[] = {
    {"", "stat: unknown statistic \"\"; there are mean median trimmed sd var quantile cor ratio diff sum min "
         "max lm at position 1:  <-- here"},
    {"maen(x)", "stat: unknown statistic \"maen\" (did you mean \"mean\"?) at position 1: maen <-- here (x)"},
    {"kurtosis(x)", "stat: unknown statistic \"kurtosis\"; there are mean median trimmed sd var quantile cor "
                    "ratio diff sum min max lm at position 1: kurtosis <-- here (x)"},
    {"mean", "stat: expected \"(\" as in mean(x) at position 5: mean <-- here"},
    {"mean()",
     "stat: expected a column as in mean(x) (names with signs go in quotes) at position 6: mean() <-- here"},
    {"mean(x", "stat: expected \")\" as in mean(x) at position 7: mean(x <-- here"},
    {"mean(x,y)", "stat: expected \")\" as in mean(x) at position 7: mean(x, <-- here y)"},
    {"cor(x)", "stat: expected \",\" as in cor(x, y) at position 6: cor(x) <-- here"},
    {"mean(x) y", "stat: unexpected text after mean(x) at position 9: mean(x) y <-- here"},
    {"quantile(x,1.5)", "stat: a probability outside of 0 .. 1 at position 15: quantile(x,1.5) <-- here"},
    {"quantile(x,p)",
     "stat: expected a number as in quantile(x, 0.9) at position 12: quantile(x,p <-- here )"},
    {"trimmed(x,0.5)", "stat: a trimmed share outside of 0 .. 0.5 at position 14: trimmed(x,0.5) <-- here"},
    {"mean(\"x)", "stat: a quote that is never closed at position 6: mean(\" <-- here x)"},
    {"lm(y~x", "stat: expected \")\" as in lm(y ~ x1 + x2) at position 7: lm(y~x <-- here"},
    {"2*trimmed(x)", "stat: expected \",\" as in trimmed(x, 0.1) at position 12: 2*trimmed(x) <-- here"},
    {"expr: 1+2",
     "stat: an expression without any statistic, as mean(x), at position 7: expr: 1 <-- here +2"},
    {"plugin:(x)",
     "stat: expected the name of a plugin as in plugin:name(x, y) at position 8: plugin:( <-- here x)"},
};

START_TEST(bad_statistics_are_explained)
{
    struct spec_list s;
    char why[PLACE_BYTES];
    ck_assert_msg(!spec_parse(&s, bad[_i].text, why), "%s was accepted", bad[_i].text);
    ck_assert_str_eq(why, bad[_i].error);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { N_MAX = 40, DRAWS_MAX = 200 };

static double naive_quantile(const double *sorted, uint32_t n, double p)
{
    double h = (n - 1) * p;
    uint32_t lo = (uint32_t)h, hi = lo + 1 < n ? lo + 1 : lo;
    return sorted[lo] + (h - lo) * (sorted[hi] - sorted[lo]);
}

/* Weights against the same rows written out. */
static void check_order(uint64_t item)
{
    struct qx_stream rng;
    qx_stream_init(&rng, 1, item, 0);
    double x[N_MAX], all[DRAWS_MAX];
    int32_t w[N_MAX];
    uint32_t total = 0, n = 2 + (uint32_t)qx_below(&rng, N_MAX - 2);
    for (uint32_t i = 0; i < n; i++) {
        x[i] = (double)qx_below(&rng, 15);
        w[i] = (int32_t)qx_below(&rng, 4);
        for (int32_t k = 0; k < w[i]; k++)
            all[total++] = x[i];
    }
    if (total == 0)
        return;
    qsort(all, total, sizeof all[0], by_value);
    uint32_t order[N_MAX];
    struct ranked *work = order_work(n);
    ck_assert_ptr_nonnull(work);
    order_rows(x, n, work, order);
    free(work);
    struct stat s = {.n = n, .x = x, .order = order};
    double median = total % 2 ? all[total / 2] : (all[total / 2 - 1] + all[total / 2]) / 2;
    ck_assert_double_eq(order_quantile(&s, w, total, 0.5), median);
    for (int k = 0; k <= 20; k++)
        ck_assert_double_eq_tol(order_quantile(&s, w, total, k / 20.0), naive_quantile(all, total, k / 20.0),
                                1e-12);

    uint32_t cut = total / 5;
    double sum = 0, winsorized[DRAWS_MAX], mean = 0, ss = 0, se;
    for (uint32_t i = cut; i < total - cut; i++)
        sum += all[i];
    for (uint32_t i = 0; i < total; i++) {
        winsorized[i] = all[i < cut ? cut : i >= total - cut ? total - cut - 1 : i];
        mean += winsorized[i] / total;
    }
    for (uint32_t i = 0; i < total; i++)
        ss += (winsorized[i] - mean) * (winsorized[i] - mean);
    ck_assert_double_eq_tol(order_trimmed(&s, w, total, 0.2, &se), sum / (total - 2 * cut), 1e-12);
    if (total > 1)
        ck_assert_double_eq_tol(se, sqrt(ss / (total - 1) / total) * total / (total - 2 * cut), 1e-9);
}

START_TEST(order_statistics_of_weights)
{
    for (uint64_t item = 0; item < 300; item++)
        check_order(item);
}
END_TEST

/* The refits of y on p columns, which lie one behind another. */
static struct refit *refits(const double *y, const double *x, uint32_t n, uint32_t p)
{
    struct lm_work *fit = lm_work_new(n, p);
    lm_fit(fit, x, n, p, y, NULL, NULL, LM_TOL);
    struct refit *m = refit_new(fit);
    ck_assert_ptr_nonnull(m);
    (void)lm_work_free(fit);
    return m;
}

/* Rows that count twice against rows that are there twice; and the sandwich against its formula for one term. */
START_TEST(linear_models_of_weights)
{
    enum { N = 12, P = 3, ALL = N + N / 2 };
    double y[ALL] = {0}, x[P * ALL], y0[N], x0[P * N], coef[P], se[P], coef2[P], se2[P];
    int32_t w[N], ones[ALL];
    struct qx_stream rng;
    qx_stream_init(&rng, 2, (uint64_t)_i, 0);
    for (uint32_t i = 0; i < ALL; i++) { /* the rows from N on are those that count twice */
        uint32_t row = i < N ? i : 2 * (i - N) + 1;
        ones[i] = 1;
        x[i] = 1;
        x[ALL + i] = i < N ? 1e3 + qx_normal(&rng) : x[ALL + row];
        x[2 * ALL + i] = i < N ? qx_uniform(&rng) : x[2 * ALL + row];
        y[i] = i < N ? 1 + 2 * x[ALL + i] - 3 * x[2 * ALL + i] + 0.1 * qx_normal(&rng) : y[row];
    }
    for (uint32_t i = 0; i < N; i++) {
        w[i] = 1 + (int32_t)(i % 2);
        y0[i] = y[i];
        for (uint32_t j = 0; j < P; j++)
            x0[j * N + i] = x[j * ALL + i];
    }
    struct refit *m = refits(y0, x0, N, P), *m2 = refits(y, x, ALL, P);
    ck_assert_ptr_null(refit_value(m, w, coef, se));
    ck_assert_ptr_null(refit_value(m2, ones, coef2, se2));
    for (int k = 0; k < P; k++) {
        ck_assert_double_eq_tol(coef[k] / coef2[k], 1, 1e-9);
        ck_assert_double_eq_tol(se[k] / se2[k], 1, 1e-7);
    }
    memset(w, 0, sizeof w);
    w[0] = 5;
    w[1] = 7;
    ck_assert_ptr_nonnull(refit_value(m, w, coef, NULL));
    (void)refit_free(m);
    (void)refit_free(m2);
}
END_TEST

/* Another response against a model of its own. */
START_TEST(linear_models_of_errors)
{
    enum { N = 15, P = 2 };
    double x[2 * N], y[N], u[N], other[N], coef[P], se[P], coef2[P], se2[P], fit[P];
    int32_t ones[N];
    struct qx_stream rng;
    qx_stream_init(&rng, 3, (uint64_t)_i, 0);
    for (uint32_t i = 0; i < N; i++) {
        x[i] = 1;
        x[N + i] = 100 + qx_normal(&rng);
        y[i] = 3 - x[N + i] + qx_normal(&rng);
        u[i] = qx_normal(&rng);
        ones[i] = 1;
    }
    struct refit *m = refits(y, x, N, P);
    ck_assert_ptr_null(refit_value(m, ones, fit, NULL));
    double rss = 0, leverages = 0;
    for (uint32_t i = 0; i < N; i++) {
        other[i] = fit[0] + fit[1] * x[N + i] + u[i];
        leverages += refit_leverage(m, i);
        rss += refit_residuals(m)[i] * refit_residuals(m)[i];
    }
    ck_assert_double_eq_tol(leverages, P, 1e-12);
    ck_assert_double_eq_tol(refit_sigma(m), sqrt(rss / (N - P)), 1e-12);
    ck_assert_ptr_null(refit_errors(m, u, coef, se));
    struct refit *m2 = refits(other, x, N, P);
    ck_assert_ptr_null(refit_value(m2, ones, coef2, se2));
    for (int k = 0; k < P; k++) {
        ck_assert_double_eq_tol(coef[k] / coef2[k], 1, 1e-9);
        ck_assert_double_eq_tol(se[k] / se2[k], 1, 1e-9);
    }
    (void)refit_free(m);
    (void)refit_free(m2);
}
END_TEST

/* Lane k adds up the rows k, k + 8, ..: to the last bit, whatever vectors the machine has. */
START_TEST(sums_in_lanes)
{
    enum { MOST = 40 };
    double x[MOST], y[MOST], cross[5];
    int32_t w[MOST];
    for (uint32_t n = 0; n <= MOST; n++) {
        double lanes[6][8] = {{0}};
        struct qx_stream rng;
        qx_stream_init(&rng, 7, n, 0);
        for (uint32_t i = 0; i < n; i++) {
            x[i] = qx_normal(&rng);
            y[i] = qx_normal(&rng);
            w[i] = (int32_t)qx_below(&rng, 4);
            double wx = w[i] * x[i], wy = w[i] * y[i];
            const double terms[6] = {wx,        wy,        wx * x[i],
                                     wy * y[i], wx * y[i], w[i] * ((x[i] - 0.5) * (y[i] - 2))};
            for (int k = 0; k < 6; k++)
                lanes[k][i % 8] += terms[k];
        }
        weighted_cross(w, x, y, n, cross);
        for (int k = 0; k < 6; k++) {
            const double *l = lanes[k];
            double sum = ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
            ck_assert_double_eq(k < 5 ? cross[k] : weighted_product(w, x, 0.5, y, 2, n), sum);
            if (k == 0)
                ck_assert_double_eq(weighted_sum(w, x, n), sum);
        }
    }
}
END_TEST

/* ---- draws ---- */

static struct data rows_of(uint32_t n_strata, uint32_t *start)
{
    return (struct data){.n = start[n_strata], .n_strata = n_strata, .start = start};
}

/* From the words of single Philox blocks: lane j of a batch of 16 is block j, its first two words before all second two. */
static void draw_naively(uint64_t seed, uint64_t item, uint32_t n, uint32_t *draws)
{
    uint32_t done = 0, key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (uint32_t block = 0; done < n; block += 16) {
        uint32_t words[64], x[4];
        for (uint32_t j = 0; j < 16; j++) {
            const uint32_t ctr[4] = {block + j, 0, (uint32_t)item, (uint32_t)(item >> 32)};
            qx_philox4x32(ctr, key, x);
            words[2 * j] = x[0];
            words[2 * j + 1] = x[1];
            words[32 + 2 * j] = x[2];
            words[32 + 2 * j + 1] = x[3];
        }
        for (uint32_t k = 0; k < (n <= 4096 ? 128 : 64) && done < n; k++) {
            uint32_t bits = n <= 4096 ? 16 : 32;
            uint64_t word = bits == 32 ? words[k] : words[k / 2] >> (16 * (k % 2)) & 0xFFFF,
                     product = word * n, range = UINT64_C(1) << bits;
            if (product % range >= range % n)
                draws[done++] = (uint32_t)(product / range);
        }
    }
}

START_TEST(draws_are_those_of_the_stream)
{
    static const uint32_t sizes[] = {1, 2, 3, 10, 100, 127, 128, 129, 1000, 4000, 4096, 4097, 5000};
    enum { MOST = 5000 };
    static uint32_t draws[MOST], naive[MOST];
    static int32_t weights[MOST], counts[MOST];
    uint32_t n = sizes[_i], start[2] = {0, n};
    struct data d = rows_of(1, start);
    for (uint64_t item = 0; item < 200; item++) {
        draw_rows(&d, UINT64_C(0x123456789ABCDEF) * (item + 1), item << 30, weights, draws);
        draw_naively(UINT64_C(0x123456789ABCDEF) * (item + 1), item << 30, n, naive);
        memset(counts, 0, sizeof counts);
        ck_assert_mem_eq(draws, naive, n * sizeof draws[0]);
        for (uint32_t k = 0; k < n; k++)
            counts[draws[k]]++;
        ck_assert_mem_eq(weights, counts, n * sizeof counts[0]);
    }
}
END_TEST

/* Every row as often as the others, in strata and in blocks; sums are always the rows of the stratum. */
START_TEST(draws_are_fair)
{
    enum { N = 24, ITEMS = 40000 };
    uint32_t start[3] = {0, 10, N};
    struct data d = rows_of(2, start);
    int32_t w[N];
    double sum[N] = {0}, square[N] = {0};
    for (uint64_t item = 0; item < ITEMS; item++) {
        struct qx_stream rng;
        int32_t first = 0, all = 0;
        qx_stream_init(&rng, 5, item, 0);
        if (_i == 0)
            draw_rows(&d, 5, item, w, NULL);
        else
            draw_blocks(&d, _i == 1 ? DRAW_CIRCULAR : DRAW_STATIONARY, 4, &rng, w);
        for (uint32_t i = 0; i < N; i++) {
            all += w[i];
            first += i < 10 ? w[i] : 0;
            sum[i] += w[i];
            square[i] += w[i] * w[i];
        }
        ck_assert_int_eq(all, N);
        ck_assert_int_eq(first, 10);
    }
    for (uint32_t i = 0; i < N; i++) {
        double var = square[i] / ITEMS - 1;
        ck_assert_double_eq_tol(sum[i] / ITEMS, 1, 4.5 * sqrt(var / ITEMS));
        if (_i == 0) /* binomial: 1 - 1/n */
            ck_assert_double_eq_tol(var, 1 - 1.0 / (i < 10 ? 10 : N - 10), 0.05);
    }
}
END_TEST

/* The mean count of row i: whole blocks that hold it, of those that there are. */
START_TEST(moving_blocks_lie_within_the_series)
{
    enum { N = 9, L = 3, ITEMS = 60000 };
    static const double hits[N] = {1, 2, 3, 3, 3, 3, 3, 2, 1};
    uint32_t start[2] = {0, N};
    struct data d = rows_of(1, start);
    int32_t w[N];
    double sum[N] = {0};
    for (uint64_t item = 0; item < ITEMS; item++) {
        struct qx_stream rng;
        qx_stream_init(&rng, 6, item, 0);
        draw_blocks(&d, DRAW_MOVING, L, &rng, w);
        for (uint32_t i = 0; i < N; i++)
            sum[i] += w[i];
    }
    for (uint32_t i = 0; i < N; i++)
        ck_assert_double_eq_tol(sum[i] / ITEMS, hits[i] * 3 / 7, 4.5 * sqrt(hits[i] / ITEMS));
}
END_TEST

/* Against R: choose(2 * n - 1, n); dmultinom(w, prob = rep(1 / n, n)). */
START_TEST(all_resamples_are_enumerated_once)
{
    static const struct {
        uint32_t n_strata, start[3];
        uint64_t n;
    } of[] = {
        {1, {0, 4}, 35}, {1, {0, 7}, 1716}, {1, {0, 10}, 92378}, {2, {0, 3, 7}, 350}, {1, {0, 12}, 1352078}};
    struct enumeration e;
    uint32_t start[3];
    int32_t w[12];
    double total = 0, row[12] = {0}, both = 0;
    uint64_t last = 0;
    memcpy(start, of[_i].start, sizeof start);
    struct data d = rows_of(of[_i].n_strata, start);
    ck_assert(enumerate_init(&e, &d));
    ck_assert_uint_eq(e.n, of[_i].n);
    for (uint64_t i = 0; i < e.n; i++) {
        double p = enumerate_weights(&e, &d, i, w);
        uint64_t code = 0;
        for (uint32_t k = 0; k < d.n; k++) {
            row[k] += p * w[k];
            code = code * 13 + (uint64_t)w[k];
        }
        both += p * w[0] * w[1];
        total += p;
        if (d.n_strata == 1 && i > 0 && code <= last)
            ck_abort_msg("not in order at %llu", (unsigned long long)i);
        last = code;
    }
    ck_assert_double_eq_tol(total, 1, 1e-11);
    ck_assert_double_eq_tol(both, 1 - 1.0 / d.start[1], 1e-11);
    for (uint32_t k = 0; k < d.n; k++)
        ck_assert_double_eq_tol(row[k], 1, 1e-11);
    start[1] = 13;
    d.n_strata = 1;
    ck_assert(!enumerate_init(&e, &d));
}
END_TEST

/* The standard error by the delta method against derivatives taken by counting one row once more and once less. */
START_TEST(delta_method_follows_the_statistic)
{
    static const enum stat_kind kinds[] = {STAT_MEAN, STAT_VAR, STAT_SD, STAT_COR, STAT_RATIO, STAT_DIFF};
    enum { N = 9, MANY = 20000 };
    double x[N] = {-4, -2.5, -1, -0.5, 0, 0.5, 1, 2.5, 4}, y[N] = {-3, -3, 1, -1, 0, 1.5, 0.5, 1, 3}, u[N];
    uint32_t groups[N] = {0, 1, 0, 1, 0, 1, 0, 1, 1};
    int32_t w[N];
    struct stat s = {.kind = kinds[_i], .n = N, .x = x, .y = y, .groups = groups, .ss_x = 1, .ss_y = 1};
    for (int i = 0; i < N; i++) {
        w[i] = MANY;
        u[i] = 10 + y[i];
    }
    if (s.kind == STAT_RATIO)
        s.y = u;
    double theta, se, more, less, sum = 0, total = (double)N * MANY;
    ck_assert_ptr_null(stat_value(&s, w, N * MANY, &theta, &se));
    for (int i = 0; i < N; i++) {
        w[i]++;
        ck_assert_ptr_null(stat_value(&s, w, N * MANY + 1, &more, NULL));
        w[i] -= 2;
        ck_assert_ptr_null(stat_value(&s, w, N * MANY - 1, &less, NULL));
        w[i]++;
        sum += MANY * pow(total * (more - less) / 2, 2);
    }
    ck_assert_double_eq_tol(se / (sqrt(sum) / total), 1, 1e-3);
}
END_TEST

START_TEST(interval_ends_as_davison_and_hinkley)
{
    double v[999];
    bool extreme = false;
    for (int i = 0; i < 999; i++)
        v[i] = i + 1;
    ck_assert_double_eq_tol(interval_quantile(v, 999, 0.025, &extreme), 25, 1e-12);
    ck_assert_double_eq_tol(interval_quantile(v, 999, 0.975, &extreme), 975, 1e-12);
    double z = gsl_cdf_ugaussian_Pinv(0.0254), lo = gsl_cdf_ugaussian_Pinv(0.025),
           hi = gsl_cdf_ugaussian_Pinv(0.026);
    ck_assert_double_eq_tol(interval_quantile(v, 999, 0.0254, &extreme), 25 + (z - lo) / (hi - lo), 1e-12);
    ck_assert(!extreme);
    ck_assert_double_eq(interval_quantile(v, 999, 0.0005, &extreme), 1);
    ck_assert(extreme);
    extreme = false;
    ck_assert_double_eq(interval_quantile(v, 999, 0.9995, &extreme), 999);
    ck_assert(extreme);
    ck_assert(isnan(interval_quantile(v, 0, 0.5, &extreme)));
    ck_assert(isnan(interval_quantile(v, 999, NAN, &extreme)));
}
END_TEST

START_TEST(weighted_quantiles_invert_the_distribution)
{
    const double v[] = {1, 2, 4}, cum[] = {0.25, 0.75, 1};
    ck_assert_double_eq(interval_quantile_weighted(v, cum, 3, 0.2), 1);
    ck_assert_double_eq(interval_quantile_weighted(v, cum, 3, 0.25), 1);
    ck_assert_double_eq(interval_quantile_weighted(v, cum, 3, 0.2501), 2);
    ck_assert_double_eq(interval_quantile_weighted(v, cum, 3, 0.99), 4);
    ck_assert(isnan(interval_quantile_weighted(v, cum, 3, NAN)));
    ck_assert(isnan(interval_quantile_weighted(v, cum, 0, 0.5)));
}
END_TEST

START_TEST(ranks_and_levels)
{
    const double v[] = {1, 2, 2, 2 + 1e-13, 3};
    size_t below, equal;
    interval_rank(v, 5, 2, 1e-12, &below, &equal);
    ck_assert_uint_eq(below, 1);
    ck_assert_uint_eq(equal, 3);
    interval_rank(v, 5, 0, 0, &below, &equal);
    ck_assert_uint_eq(below + equal, 0);
    ck_assert_double_eq_tol(interval_bca_level(0, 0, 0.025), 0.025, 1e-12);
    /* z0 and a of the law school data, and the levels that exact enumeration gives */
    ck_assert_double_eq_tol(interval_bca_level(-0.09699306880955776, -0.0756715649379, 0.025),
                            0.005652211556873565, 1e-10);
    ck_assert_double_eq_tol(interval_bca_level(-0.09699306880955776, -0.0756715649379, 0.975),
                            0.9377059145833541, 1e-10);
    ck_assert(isnan(interval_bca_level(INFINITY, 0, 0.025)));
    ck_assert(isnan(interval_bca_level(0, 1, 0.975)));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("boot_parts");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, statistics_are_read);
    tcase_add_loop_test(tc, bad_statistics_are_explained, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tc, expressions_are_read);
    tcase_add_test(tc, several_statistics_are_read);
    tcase_add_loop_test(tc, linear_models_of_errors, 0, 10);
    tcase_add_loop_test(tc, draws_are_those_of_the_stream, 0, 13);
    tcase_add_loop_test(tc, draws_are_fair, 0, 3);
    tcase_add_test(tc, sums_in_lanes);
    tcase_add_test(tc, moving_blocks_lie_within_the_series);
    tcase_add_loop_test(tc, all_resamples_are_enumerated_once, 0, 5);
    tcase_add_test(tc, weighted_quantiles_invert_the_distribution);
    tcase_add_test(tc, order_statistics_of_weights);
    tcase_add_loop_test(tc, linear_models_of_weights, 0, 20);
    tcase_add_loop_test(tc, delta_method_follows_the_statistic, 0, 6);
    tcase_add_test(tc, interval_ends_as_davison_and_hinkley);
    tcase_add_test(tc, ranks_and_levels);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
