/* report.c - the answer of perm.test: the statistic of the data, what was enumerated or drawn, p with its uncertainty. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perm/interval.h"
#include "perm/many.h"
#include "perm/perm.h"
#include "shared/panel.h"

enum { WORDS_BYTES = 200, PLOT_VARIABLES = 1000 };

static const char *test_words(const struct perm *p)
{
    static const char *const words[TEST_COUNT] = {[TEST_TWO] = "two-sample permutation test",
                                                  [TEST_PAIRED] = "paired test by changes of sign",
                                                  [TEST_CORRELATION] = "permutation test of a correlation",
                                                  [TEST_K] = "k-sample permutation test",
                                                  [TEST_TABLE] =
                                                      "permutation test of independence in a table"};
    return words[p->data.test];
}

static const char *two_sided_words(const struct perm *p)
{
    if (!stat_two_tailed(p->stat.kind))
        return "large values are extreme: the statistic has no sides";
    if (p->tail != TAIL_BOTH)
        return p->tail == TAIL_GREATER ? "greater: T at least that of the data"
                                       : "less: T at most that of the data";
    return p->doubled ? "two-sided: twice the smaller of the one-sided p-values"
                      : "two-sided: |T - centre| at least that of the data";
}

/* ---- head ---- */

static void emit_statistic(struct qx_ctx *ctx, const struct perm *p)
{
    double t = p->observed[0];
    qx_emit_text(ctx, "statistic", stat_words(p->stat.kind));
    qx_emit_number(ctx, "observed",
                   fabs(t) < 1e200 ? t + p->stat.shift[0] : (double)(t > 0 ? INFINITY : -INFINITY));
    if (p->stat.kind == STAT_FISHER)
        qx_emit_number(ctx, "table_probability", exp(-t - p->stat.shift[0]));
    else if (stat_two_tailed(p->stat.kind))
        qx_emit_number(ctx, "centre", p->stat.shift[0]);
}

static void emit_head(struct qx_ctx *ctx, const struct perm *p)
{
    qx_emit_text(ctx, "test", test_words(p));
    qx_emit_text(ctx, "compared", p->data.by);
    if (p->data.n_vars == 1 && !(p->data.test == TEST_PAIRED && p->data.other))
        qx_emit_text(ctx, "variable", p->data.columns[0]->name);
    qx_emit_int(ctx, "units", p->data.n);
    if (p->data.n_omitted)
        qx_emit_int(ctx, "rows_omitted", p->data.n_omitted);
    if (p->stat.n_vars == 1)
        emit_statistic(ctx, p);
    else
        qx_emit_text(ctx, "statistic", stat_words(p->stat.kind));
    qx_emit_text(ctx, "alternative", two_sided_words(p));
}

/* ---- the tail of one variable ---- */

/* What was seen of the arrangements. */
struct seen {
    uint64_t n, count,
        all;       /* items, exceeding ones; all arrangements, 0: not counted or not limited to them */
    double factor; /* 2 for two_sided=double */
};

static uint64_t count_of(struct qx_ctx *ctx, const struct qx_answer *a, uint32_t reducer)
{
    return (uint64_t)(qx_answer_number(ctx, a, reducer, QX_ANSWER_SUM, 0, 0) + 0.5);
}

static double capped(double p)
{
    return p > 1 ? 1 : p;
}

static void emit_interval(struct qx_ctx *ctx, const char *method, double level, struct interval i,
                          double factor)
{
    qx_emit_open(ctx, "interval");
    qx_emit_text(ctx, "method", method);
    qx_emit_number(ctx, "level", level);
    qx_emit_number(ctx, "lower", capped(factor * i.lower));
    qx_emit_number(ctx, "upper", capped(factor * i.upper));
    qx_emit_close(ctx);
}

static void emit_exact(struct qx_ctx *ctx, const struct perm *p, const struct qx_answer *a,
                       const struct seen *s)
{
    char words[WORDS_BYTES];
    (void)snprintf(words, sizeof words, "exact over %llu arrangements", (unsigned long long)s->all);
    qx_emit_text(ctx, "method", words);
    qx_emit_int(ctx, "arrangements", (int64_t)s->all);
    qx_emit_int(ctx, "count", (int64_t)s->count);
    qx_emit_number(ctx, "p_value", capped(s->factor * (double)s->count / (double)s->all));
    if (!stat_two_tailed(p->stat.kind))
        return;
    qx_emit_number(ctx, "p_greater", (double)count_of(ctx, a, RED_GREATER) / (double)s->all);
    qx_emit_number(ctx, "p_less", (double)count_of(ctx, a, RED_LESS) / (double)s->all);
}

/* Stopped on the way through all arrangements in order: what is known for certain. */
static void emit_partial(struct qx_ctx *ctx, const struct seen *s)
{
    char words[WORDS_BYTES];
    (void)snprintf(words, sizeof words,
                   "the first %llu of %llu arrangements: no p-value, only what bounds it",
                   (unsigned long long)s->n, (unsigned long long)s->all);
    qx_emit_text(ctx, "method", words);
    qx_emit_int(ctx, "arrangements", (int64_t)s->all);
    qx_emit_int(ctx, "count", (int64_t)s->count);
    qx_emit_number(ctx, "p_at_least", capped(s->factor * (double)s->count / (double)s->all));
    qx_emit_number(ctx, "p_at_most", capped(s->factor * (double)(s->count + s->all - s->n) / (double)s->all));
}

static void emit_random(struct qx_ctx *ctx, const struct perm *p, const struct qx_answer *a,
                        const struct seen *s)
{
    char words[WORDS_BYTES];
    double n = (double)s->n, share = (double)s->count / n, se = sqrt(share * (1 - share) / n);
    if (s->all) {
        (void)snprintf(words, sizeof words, "random: %llu of the %llu arrangements, without replacement",
                       (unsigned long long)s->n, (unsigned long long)s->all);
        se *= sqrt((double)(s->all - s->n) / (double)(s->all - 1));
    } else {
        (void)snprintf(words, sizeof words, "random: %llu arrangements drawn with replacement",
                       (unsigned long long)s->n);
    }
    qx_emit_text(ctx, "method", words);
    if (p->design.total)
        qx_emit_int(ctx, "arrangements", (int64_t)p->design.total);
    qx_emit_int(ctx, "count", (int64_t)s->count);
    qx_emit_number(ctx, "p_value", capped(s->factor * ((double)s->count + 1) / (n + 1)));
    qx_emit_number(ctx, "p_hat", capped(s->factor * share));
    qx_emit_number(ctx, "mc_se", s->factor * se);
    emit_interval(ctx, "Clopper-Pearson", p->conf, interval_of_count(s->count, s->n, p->conf), s->factor);
    if (!stat_two_tailed(p->stat.kind))
        return;
    qx_emit_number(ctx, "p_greater", ((double)count_of(ctx, a, RED_GREATER) + 1) / (n + 1));
    qx_emit_number(ctx, "p_less", ((double)count_of(ctx, a, RED_LESS) + 1) / (n + 1));
}

/* Besag and Clifford (1991): h / L if the h-th exceedance came at draw L, else (count + 1) / (n + 1). */
static qx_err emit_sequential(struct qx_ctx *ctx, const struct perm *p, const struct qx_answer *a,
                              const struct seen *s)
{
    size_t bytes = 0;
    const uint64_t *items = qx_answer_data(ctx, a, RED_RECORDS, QX_ANSWER_RECORDS, &bytes);
    uint64_t h = p->exceed;
    if (bytes / sizeof *items < h) {
        char words[WORDS_BYTES];
        (void)snprintf(words, sizeof words,
                       "Besag and Clifford: fewer than %llu exceedances in %llu random draws",
                       (unsigned long long)h, (unsigned long long)s->n);
        qx_emit_text(ctx, "method", words);
        qx_emit_int(ctx, "draws", (int64_t)s->n);
        qx_emit_int(ctx, "count", (int64_t)s->count);
        qx_emit_number(ctx, "p_value", ((double)s->count + 1) / ((double)s->n + 1));
        emit_interval(ctx, "Clopper-Pearson", p->conf, interval_of_count(s->count, s->n, p->conf), 1);
        return QX_ERR_OK;
    }
    if (!items)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    uint64_t l = items[h - 1] + 1;
    double p_value = (double)h / (double)l;
    qx_emit_text(ctx, "method", "Besag and Clifford: random draws until so many exceedances");
    qx_emit_int(ctx, "draws", (int64_t)l);
    qx_emit_int(ctx, "count", (int64_t)h);
    qx_emit_number(ctx, "p_value", p_value);
    qx_emit_number(ctx, "p_unbiased", l > 1 ? ((double)h - 1) / ((double)l - 1) : 1);
    qx_emit_number(ctx, "mc_se", p_value * sqrt((1 - p_value) / (double)h));
    emit_interval(ctx, "inverse binomial (Clopper-Pearson)", p->conf, interval_of_wait(h, l, p->conf), 1);
    return QX_ERR_OK;
}

/* ---- plots ---- */

/* The bins that hold anything, and those up to the data's statistic. */
static void used_bins(struct qx_ctx *ctx, const struct perm *p, const struct qx_answer *a, uint32_t *ret_from,
                      uint32_t *ret_to)
{
    double width = (p->hi - p->lo) / p->bins, at = (p->observed[0] + p->stat.shift[0] - p->lo) / width;
    uint32_t from = p->bins, to = 0;
    for (uint32_t i = 0; i < p->bins; i++) {
        bool here = at >= i && at < i + 1.0;
        if (here || qx_answer_number(ctx, a, RED_T, QX_ANSWER_BIN, i + 1, 0) > 0) {
            from = i < from ? i : from;
            to = i + 1;
        }
    }
    *ret_from = from < to ? from : 0;
    *ret_to = to > from ? to : p->bins;
}

static void emit_histogram(struct qx_ctx *ctx, const struct perm *p, const struct qx_answer *a, uint64_t n)
{
    uint32_t from, to;
    char title[WORDS_BYTES];
    double shift = p->stat.shift[0], width = (p->hi - p->lo) / p->bins;
    used_bins(ctx, p, a, &from, &to);
    (void)snprintf(title, sizeof title, "%llu arrangements, %.100s", (unsigned long long)n, p->data.by);
    panel_plot_open(ctx);
    panel_open(ctx, "histogram", title, stat_words(p->stat.kind), "");
    qx_emit_list(ctx, "edges");
    for (uint32_t i = from; i <= to; i++)
        qx_emit_number(ctx, NULL, p->lo + i * width);
    qx_emit_close(ctx);
    qx_emit_list(ctx, "counts");
    for (uint32_t i = from; i < to; i++)
        qx_emit_number(ctx, NULL, qx_answer_number(ctx, a, RED_T, QX_ANSWER_BIN, i + 1, 0));
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    panel_mark(ctx, "x", fabs(p->observed[0]) < 1e200 ? p->observed[0] + shift : NAN, "observed", "estimate");
    if (p->tail == TAIL_BOTH && !p->doubled)
        panel_mark(ctx, "x", fabs(p->observed[0]) < 1e200 ? shift - p->observed[0] : NAN, "mirrored",
                   "bound");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
    panel_plot_close(ctx);
}

/* ---- one variable ---- */

static qx_err finish_one(struct qx_ctx *ctx, const struct perm *p, const struct qx_answer *a, uint64_t n)
{
    struct seen s = {.n = n, .count = count_of(ctx, a, RED_EXCEED), .factor = 1};
    qx_err e = QX_ERR_OK;
    if (p->doubled) {
        uint64_t greater = count_of(ctx, a, RED_GREATER), less = count_of(ctx, a, RED_LESS);
        s.count = greater < less ? greater : less;
        s.factor = 2;
    }
    s.all = p->method == METHOD_RANDOM ? 0 : p->design.total;
    emit_head(ctx, p);
    if (p->exceed)
        e = emit_sequential(ctx, p, a, &s);
    else if (s.all == n)
        emit_exact(ctx, p, a, &s);
    else if (p->method == METHOD_IN_ORDER)
        emit_partial(ctx, &s);
    else
        emit_random(ctx, p, a, &s);
    if (e == QX_ERR_OK)
        emit_histogram(ctx, p, a, n);
    return e;
}

/* ---- all tables ---- */

static qx_err finish_tables(struct qx_ctx *ctx, const struct perm *p, const struct qx_answer *a, uint64_t n)
{
    char words[WORDS_BYTES];
    double exceed = qx_answer_number(ctx, a, OUT_P, QX_ANSWER_SUM, 0, 0),
           total = qx_answer_number(ctx, a, OUT_TOTAL, QX_ANSWER_SUM, 0, 0),
           tables = qx_answer_number(ctx, a, OUT_TABLES, QX_ANSWER_SUM, 0, 0);
    emit_head(ctx, p);
    if (n == p->halves.n_nodes) {
        (void)snprintf(words, sizeof words, "exact over the %.10g tables with these margins", tables);
        qx_emit_text(ctx, "method", words);
        qx_emit_number(ctx, "tables", tables);
        qx_emit_number(ctx, "p_value", capped(exceed / total));
        return QX_ERR_OK;
    }
    (void)snprintf(words, sizeof words,
                   "tables of probability %.6g in all were seen: no p-value, only what bounds it", total);
    qx_emit_text(ctx, "method", words);
    qx_emit_number(ctx, "p_at_least", capped(exceed));
    qx_emit_number(ctx, "p_at_most", capped(1 - total + exceed));
    return QX_ERR_OK;
}

/* ---- many variables ---- */

static void emit_curves(struct qx_ctx *ctx, const struct adjusted *ps, uint32_t n)
{
    static const char *const names[] = {"p", "max-T", "Benjamini-Hochberg"};
    double x[PLOT_VARIABLES], y[3][PLOT_VARIABLES];
    uint32_t shown = n < PLOT_VARIABLES ? n : PLOT_VARIABLES;
    for (uint32_t r = 0; r < shown; r++) {
        const struct adjusted *v = &ps[n - 1 - r];
        x[r] = r + 1;
        y[0][r] = -log10(v->p);
        y[1][r] = -log10(v->max_t);
        y[2][r] = -log10(v->bh);
    }
    panel_plot_open(ctx);
    panel_open(ctx, "lines", "p-values from the most extreme variable on", "rank of the variable",
               "-log10 p");
    qx_emit_list(ctx, "series");
    for (int k = 0; k < 3; k++)
        panel_series(ctx, names[k], shown, x, y[k], NULL, NULL);
    qx_emit_close(ctx);
    qx_emit_close(ctx);
    panel_plot_close(ctx);
}

/* Of a share seen in n independent draws. */
static double share_se(double p, uint64_t n)
{
    return sqrt(p * (1 - p) / (double)n);
}

static void emit_variables(struct qx_ctx *ctx, const struct perm *p, const struct adjusted *ps, bool exact,
                           uint64_t n)
{
    qx_emit_text(ctx, "table", "variables");
    qx_emit_list(ctx, "variables");
    for (uint32_t v = p->stat.n_vars; v-- > 0;) {
        double t = p->observed[v];
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "variable", p->data.columns[p->order[v]]->name);
        qx_emit_number(ctx, "statistic", fabs(t) < 1e200 ? t + p->stat.shift[v] : NAN);
        qx_emit_number(ctx, "p", ps[v].p);
        if (!exact)
            qx_emit_number(ctx, "mc_se_p", share_se(ps[v].p, n));
        qx_emit_number(ctx, "p_maxT", ps[v].max_t);
        if (!exact)
            qx_emit_number(ctx, "mc_se_maxT", share_se(ps[v].max_t, n));
        qx_emit_number(ctx, "p_BH", ps[v].bh);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static bool steps_down(struct qx_ctx *ctx)
{
    return strcmp(qx_text(ctx, "adjust"), "step-down") == 0;
}

static void emit_many_head(struct qx_ctx *ctx, const struct perm *p, bool exact, uint64_t n)
{
    char words[WORDS_BYTES];
    uint32_t constant = 0;
    for (uint32_t v = 0; v < p->stat.n_vars; v++)
        constant += !(p->stat.ss[v] > 0);
    emit_head(ctx, p);
    (void)snprintf(words, sizeof words, exact ? "exact over %llu arrangements" : "random: %llu arrangements",
                   (unsigned long long)n);
    qx_emit_text(ctx, "method", words);
    qx_emit_int(ctx, "n_variables", p->stat.n_vars);
    qx_emit_text(ctx, "adjustments",
                 steps_down(ctx)
                     ? "p_maxT: Westfall and Young, step-down max-T; p_BH: Benjamini and Hochberg"
                     : "p_maxT: Westfall and Young, single-step max-T; p_BH: Benjamini and Hochberg");
    if (constant) {
        (void)snprintf(words, sizeof words, "%u variable%s constant: p = 1", constant,
                       constant == 1 ? " is" : "s are");
        qx_emit_text(ctx, "note", words);
    }
}

static qx_err finish_many(struct qx_ctx *ctx, const struct perm *p, const struct qx_answer *a)
{
    size_t bytes = 0;
    const uint64_t *words = qx_answer_data(ctx, a, 0, QX_ANSWER_OWN, &bytes);
    if (!words || bytes != ADJUST_WORDS(p->stat.n_vars) * sizeof *words)
        return qx_error(ctx, QX_ERR_BUG, "the counts are not those of %u variables", p->stat.n_vars);
    struct adjusted *ps = calloc((size_t)p->stat.n_vars + 1, sizeof *ps);
    bool exact = p->method != METHOD_RANDOM && words[0] == p->design.total;
    if (!ps || !adjust(words, p->stat.n_vars, steps_down(ctx), exact ? 0 : 1, ps)) {
        free(ps);
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    }
    emit_many_head(ctx, p, exact, words[0]);
    emit_variables(ctx, p, ps, exact, words[0]);
    emit_curves(ctx, ps, p->stat.n_vars);
    free(ps);
    return QX_ERR_OK;
}

qx_err perm_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    const struct perm *p = state;
    uint64_t failed, n = qx_answer_items(ctx, answer, &failed);
    if (n == 0)
        return failed == 0 ? QX_ERR_OK : qx_error(ctx, QX_ERR_TASK, "no arrangement could be computed");
    if (p->method == METHOD_TABLES)
        return finish_tables(ctx, p, answer, n);
    return p->many ? finish_many(ctx, p, answer) : finish_one(ctx, p, answer, n);
}
