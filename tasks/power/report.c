/* report.c - the answer of power.sim: the share of rejections with its intervals, what formulas say, and the search for n. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "power/power.h"
#include "power/solve.h"
#include "shared/panel.h"
#include "shared/rmath.h"

static const char *const test_words[TEST_COUNT] = {
    [TEST_STUDENT] = "Student's, one variance",
    [TEST_WELCH] = "Welch's, a variance for each group",
    [TEST_F] = "F, one variance",
    [TEST_CHISQ] = "chi-square without continuity correction",
    [TEST_CHISQ_CC] = "chi-square with continuity correction",
    [TEST_FISHER] = "Fisher's exact",
    [TEST_EXACT] = "exact",
    [TEST_NORMAL] = "normal approximation with continuity correction",
    [TEST_AS_R] = "exact for groups below 50 without ties, else normal with continuity correction (as R)",
};
static const char *const alternative_words[] = {"two-sided", "greater", "less"};

/* ---- shares ---- */

struct share {
    double n, ones, p, se;
    double wilson[2], exact[2];
};

static struct share share_of(double ones, double n, double conf)
{
    struct share s = {.n = n, .ones = ones, .p = ones / n};
    double z = qnorm(0.5 + conf / 2, 0, 1, 1, 0), tail = (1 - conf) / 2, scale = 1 + z * z / n;
    double centre = (s.p + z * z / (2 * n)) / scale,
           half = z / scale * sqrt(s.p * (1 - s.p) / n + z * z / (4 * n * n));
    s.se = sqrt(s.p * (1 - s.p) / n);
    s.wilson[0] = ones > 0 ? centre - half : 0;
    s.wilson[1] = ones < n ? centre + half : 1;
    s.exact[0] = ones > 0 ? qbeta(tail, ones, n - ones + 1, 1, 0) : 0;
    s.exact[1] = ones < n ? qbeta(tail, ones + 1, n - ones, 0, 0) : 1;
    return s;
}

static void emit_interval(struct qx_ctx *ctx, const char *method, double level, const double ends[2])
{
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "method", method);
    qx_emit_number(ctx, "level", level);
    qx_emit_number(ctx, "lower", ends[0]);
    qx_emit_number(ctx, "upper", ends[1]);
    qx_emit_close(ctx);
}

static void emit_share(struct qx_ctx *ctx, const struct power *p, const struct share *s)
{
    qx_emit_number(ctx, "estimate", s->p);
    qx_emit_number(ctx, "se", s->se);
    qx_emit_number(ctx, "lower", s->wilson[0]);
    qx_emit_number(ctx, "upper", s->wilson[1]);
    qx_emit_number(ctx, "conf", p->conf);
}

static void emit_intervals(struct qx_ctx *ctx, const struct power *p, const struct share *s)
{
    qx_emit_list(ctx, "intervals");
    emit_interval(ctx, "Wilson", p->conf, s->wilson);
    emit_interval(ctx, "Clopper-Pearson", p->conf, s->exact);
    qx_emit_close(ctx);
}

/* ---- the setting ---- */

static void emit_sizes(struct qx_ctx *ctx, const struct power *p, const double *n)
{
    bool equal = true;
    for (uint32_t g = 1; g < p->n_groups; g++)
        equal = equal && n[g] == n[0];
    if (equal)
        qx_emit_int(ctx, "n", (int64_t)n[0]);
    for (uint32_t g = 0; !equal && g < p->n_groups; g++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%" PRIu32, g + 1);
        qx_emit_int(ctx, name, (int64_t)n[g]);
    }
}

static void emit_setting(struct qx_ctx *ctx, const struct power *p)
{
    qx_emit_text(ctx, "design", p->design->name);
    qx_emit_text(ctx, "meaning", p->design->meaning);
    if (p->test != TEST_ONLY)
        qx_emit_text(ctx, "test", test_words[p->test]);
    if (p->design->one_sided)
        qx_emit_text(ctx, "alternative", alternative_words[p->alt]);
    qx_emit_number(ctx, "alpha", p->alpha);
}

/* ---- what formulas say ---- */

static void emit_formula(struct qx_ctx *ctx, const struct power *p, analytic_f f, const double *n,
                         const char *name, const char *method_name)
{
    const char *method = "";
    double value = f ? f(p, n, &method) : NAN;
    if (isnan(value))
        return;
    qx_emit_number(ctx, name, value);
    qx_emit_text(ctx, method_name, method);
}

static void emit_formulas(struct qx_ctx *ctx, const struct power *p, const double *n)
{
    emit_formula(ctx, p, p->design->exact, n, "analytic", "analytic_method");
    emit_formula(ctx, p, p->design->approximate, n, "approximation", "approximation_method");
}

static void emit_formula_sizes(struct qx_ctx *ctx, const struct power *p)
{
    double exact = solve_n(p, p->design->exact, p->design->whole, p->target),
           approximate = solve_n(p, p->design->approximate, false, p->target);
    if (!isnan(exact))
        qx_emit_number(ctx, "analytic_n", exact);
    if (!isnan(approximate))
        qx_emit_number(ctx, "approximation_n", approximate);
}

/* ---- one size ---- */

static void emit_failures(struct qx_ctx *ctx, const struct share *s, uint64_t failed)
{
    if (failed == 0)
        return;
    qx_emit_number(ctx, "estimate_of_all", s->ones / (s->n + (double)failed));
    qx_emit_text(ctx, "note",
                 "the estimate is over the data sets on which the test is defined; estimate_of_all counts "
                 "the others as "
                 "not rejected");
}

static void emit_power(struct qx_ctx *ctx, const struct power *p, const struct share *s, uint64_t failed)
{
    double n[GROUPS_MAX] = {0};
    for (uint32_t g = 0; g < p->n_groups; g++)
        n[g] = p->n[g];
    emit_setting(ctx, p);
    emit_sizes(ctx, p, n);
    qx_emit_int(ctx, "replicates", (int64_t)s->n);
    emit_share(ctx, p, s);
    emit_formulas(ctx, p, n);
    emit_failures(ctx, s, failed);
    emit_intervals(ctx, p, s);
}

/* ---- the search ---- */

static int by_size(const void *a, const void *b)
{
    const struct round *x = a, *y = b;
    return x->n < y->n ? -1 : x->n > y->n;
}

static double formula_at(const struct power *p, const struct round *r)
{
    double sizes[GROUPS_MAX];
    const char *method;
    analytic_f f = p->design->exact ? p->design->exact : p->design->approximate;
    power_sizes(p, r->n, true, sizes);
    return f ? f(p, sizes, &method) : NAN;
}

static void emit_rounds(struct qx_ctx *ctx, const struct power *p, const struct rounds *r)
{
    qx_emit_list(ctx, "sizes");
    for (uint32_t i = 0; i < r->n_rounds; i++) {
        struct share s = share_of((double)r->list[i].rejected, (double)r->list[i].items, p->conf);
        qx_emit_open(ctx, NULL);
        qx_emit_int(ctx, "n", r->list[i].n);
        qx_emit_number(ctx, "power", s.p);
        qx_emit_number(ctx, "se", s.se);
        qx_emit_number(ctx, "lower", s.wilson[0]);
        qx_emit_number(ctx, "upper", s.wilson[1]);
        qx_emit_number(ctx, "formula", formula_at(p, &r->list[i]));
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static void emit_plot(struct qx_ctx *ctx, const struct power *p, const struct rounds *r, uint32_t n)
{
    double x[ROUNDS_MAX], y[ROUNDS_MAX], lower[ROUNDS_MAX], upper[ROUNDS_MAX], formula[ROUNDS_MAX] = {NAN};
    for (uint32_t i = 0; i < r->n_rounds; i++) {
        struct share s = share_of((double)r->list[i].rejected, (double)r->list[i].items, p->conf);
        x[i] = r->list[i].n;
        y[i] = s.p;
        lower[i] = s.wilson[0];
        upper[i] = s.wilson[1];
        formula[i] = formula_at(p, &r->list[i]);
    }
    panel_plot_open(ctx);
    panel_open(ctx, "lines", p->design->meaning, p->n_groups > 1 ? "n of a group" : "n", "power");
    qx_emit_list(ctx, "series");
    panel_series(ctx, "simulated", r->n_rounds, x, y, lower, upper);
    if (!isnan(formula[0]))
        panel_series(ctx, p->design->exact ? "analytic" : "approximation", r->n_rounds, x, formula, NULL,
                     NULL);
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    panel_mark(ctx, "y", p->target, "target", "reference");
    panel_mark(ctx, "x", n, "n", "estimate");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
    panel_plot_close(ctx);
}

/* What was found, in words. */
static void emit_end(struct qx_ctx *ctx, const struct power *p, const struct rounds *r,
                     const struct search *found)
{
    char text[200];
    const struct round *best = found->best == UINT32_MAX ? NULL : &r->list[found->best],
                       *below = found->below == UINT32_MAX ? NULL : &r->list[found->below];
    switch (found->end) {
    case SEARCH_LEAST:
        (void)snprintf(text, sizeof text, "the least size that the design allows reaches the target");
        break;
    case SEARCH_FLAT:
        (void)snprintf(text, sizeof text,
                       "the power does not grow up to n = %" PRIu32
                       ": there is no effect to be found, or a small one (n= says where to start)",
                       below ? below->n : 0);
        break;
    case SEARCH_NEVER:
        (void)snprintf(text, sizeof text, "no size up to %d reaches the target", N_MAX);
        break;
    case SEARCH_LONG:
        (void)snprintf(text, sizeof text,
                       "not decided in %d rounds: the power does not grow with n, or hardly", ROUNDS_MAX);
        break;
    case SEARCH_MORE:
        (void)snprintf(text, sizeof text, "round %" PRIu32 " of a search", r->n_rounds);
        break;
    case SEARCH_FOUND:
    default:
        (void)snprintf(text, sizeof text,
                       "n = %" PRIu32 " misses the target %.4g and n = %" PRIu32 " reaches it%s",
                       below ? below->n : 0, p->target, best ? best->n : 0,
                       best && below && best->n - below->n > 1
                           ? "; sizes between differ by less than half a standard error of the power"
                           : "");
        break;
    }
    qx_emit_text(ctx, "search", text);
}

static void emit_next(struct qx_ctx *ctx, const struct search *found, const struct rounds *r, uint64_t items)
{
    char n[16], text[ROUNDS_BYTES], why[80];
    (void)snprintf(n, sizeof n, "%" PRIu32, found->next);
    (void)snprintf(why, sizeof why, "searching n: round %" PRIu32 " at n = %" PRIu32, r->n_rounds + 1,
                   found->next);
    rounds_format(r, text);
    qx_emit_open(ctx, "next");
    qx_emit_open(ctx, "params");
    qx_emit_text(ctx, "n", n);
    qx_emit_text(ctx, "rounds", text);
    qx_emit_close(ctx);
    qx_emit_int(ctx, "n", (int64_t)items);
    qx_emit_text(ctx, "why", why);
    qx_emit_close(ctx);
}

/* The sizes whose power the interval cannot tell from the target; n itself, where its power is well beyond it. */
static void emit_range(struct qx_ctx *ctx, const struct power *p, const struct round *r,
                       const struct share *s, double z_alpha)
{
    double low = search_size(r->n, s->wilson[1], p->target, z_alpha),
           high = search_size(r->n, s->wilson[0], p->target, z_alpha);
    qx_emit_number(ctx, "n_lower", fmin(fmax(ceil(low), p->design->n_least), r->n));
    qx_emit_number(ctx, "n_upper", fmax(ceil(high), r->n));
}

static void emit_search(struct qx_ctx *ctx, struct power *p, const struct rounds *r, uint64_t items)
{
    double z_alpha = qnorm(p->alt == ALT_TWO_SIDED ? p->alpha / 2 : p->alpha, 0, 1, 0, 0), sizes[GROUPS_MAX];
    struct search found = search_next(r, p->target, z_alpha, p->design->n_least, N_MAX);
    bool more = found.end == SEARCH_MORE;
    const struct round *at = &r->list[more || found.best == UINT32_MAX ? r->n_rounds - 1 : found.best];
    struct share s = share_of((double)at->rejected, (double)at->items, p->conf);
    power_sizes(p, at->n, true, sizes);
    emit_setting(ctx, p);
    qx_emit_number(ctx, "target", p->target);
    emit_end(ctx, p, r, &found);
    emit_sizes(ctx, p, sizes);
    if (!more && found.best != UINT32_MAX)
        emit_range(ctx, p, at, &s, z_alpha);
    emit_share(ctx, p, &s);
    emit_formulas(ctx, p, sizes);
    emit_formula_sizes(ctx, p);
    emit_intervals(ctx, p, &s);
    struct rounds sorted = *r;
    qsort(sorted.list, sorted.n_rounds, sizeof sorted.list[0], by_size);
    emit_rounds(ctx, p, &sorted);
    if (!more)
        emit_plot(ctx, p, &sorted, at->n);
    else
        emit_next(ctx, &found, r, items);
}

qx_err power_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    struct power *p = state;
    uint64_t failed, n = qx_answer_items(ctx, answer, &failed);
    if (n == 0)
        return failed == 0 ? QX_ERR_OK
                           : qx_error(ctx, QX_ERR_TASK, "the test is undefined on every data set drawn");
    double ones = qx_answer_number(ctx, answer, 0, QX_ANSWER_SUM, 0, 0);
    struct share s = share_of(ones, (double)n, p->conf);
    if (!p->find) {
        emit_power(ctx, p, &s, failed);
        return QX_ERR_OK;
    }
    if (p->rounds.n_rounds == ROUNDS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "rounds: there are %d already", ROUNDS_MAX);
    struct rounds r = p->rounds;
    r.list[r.n_rounds++] = (struct round){p->n[0], (uint64_t)(ones + 0.5), n};
    emit_search(ctx, p, &r, n + failed);
    return QX_ERR_OK;
}
