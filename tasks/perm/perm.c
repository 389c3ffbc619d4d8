/* perm.c - permutation tests. An item is one arrangement of the data (or, for the exact test of a table, one node of the
 * tables with its margins). Docs: docs/tasks/perm.test.md. */
#include "perm/perm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perm/many.h"

enum { PILOT = 256, BINS = 60, ITEMS_ONE = 100000, ITEMS_MANY = 10000 };
/* Exact tables: entries of lists that count as one arrangement does for exact_max, and how many there may be at all. */
static const double entries_auto = 50, entries_max = 1e10;
static const uint32_t pilot_stream = 1;

static qx_err no_memory(struct qx_ctx *ctx)
{
    return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

static void perm_free(struct perm *p)
{
    if (!p)
        return;
    many_free(p->many);
    halves_fini(&p->halves);
    scramble_fini(&p->scramble);
    arrangement_fini(&p->seen);
    arrangement_fini(&p->work);
    design_fini(&p->design);
    stat_fini(&p->stat);
    data_fini(&p->data);
    free(p->observed);
    free(p->least);
    free(p->order);
    free(p);
}

/* ---- items ---- */

/* Of `all` ranks. A checker may ask for items past the last, which the farm never does: they start again. */
static uint64_t rank_of(uint64_t item, uint64_t all)
{
    return item < all ? item : item % all;
}

void perm_arrange(const struct perm *p, struct qx_ctx *ctx, uint64_t item, bool follows,
                  struct arrangement *a)
{
    if (p->method == METHOD_RANDOM) {
        struct qx_stream rng = qx_item_stream(ctx, item, 0);
        design_draw(&p->design, &rng, a);
        return;
    }
    uint64_t rank = rank_of(item, p->design.total);
    if (p->method == METHOD_SCRAMBLED)
        design_unrank(&p->design, scramble_at(&p->scramble, rank), a);
    else if (follows && rank > 0)
        design_next(&p->design, a);
    else
        design_unrank(&p->design, rank, a);
}

static qx_err table_node(struct qx_ctx *ctx, struct perm *p, uint64_t item, double *row)
{
    struct halves_sum sum;
    if (!halves_node(&p->halves, rank_of(item, p->halves.n_nodes), &sum))
        return no_memory(ctx);
    row[OUT_P] = sum.exceed;
    row[OUT_TOTAL] = sum.total;
    row[OUT_TABLES] = sum.tables;
    return QX_ERR_OK;
}

static qx_err perm_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    struct perm *p = state;
    qx_err e = QX_ERR_OK;
    if (p->method == METHOD_TABLES) {
        for (uint32_t i = 0; i < count && e == QX_ERR_OK && !qx_cancelled(ctx); i++)
            e = table_node(ctx, p, first + i, rows + (size_t)OUT_TABLES_COUNT * i);
        return e == QX_ERR_OK && qx_cancelled(ctx) ? QX_ERR_CANCELLED : e;
    }
    for (uint32_t i = 0; p->many && i < count; i++)
        rows[i] = (double)(first + i);
    for (uint32_t i = 0; !p->many && i < count && e == QX_ERR_OK; i++, rows += OUT_COUNT) {
        perm_arrange(p, ctx, first + i, i > 0, &p->work);
        double t = stat_one(&p->stat, &p->work);
        rows[OUT_EXCEED] = perm_extremity(p->tail, t) >= p->least[0];
        rows[OUT_GREATER] = t >= p->observed[0] - p->slack;
        rows[OUT_LESS] = t <= p->observed[0] + p->slack;
        rows[OUT_T] = t + p->stat.shift[0];
        uint64_t item = first + i;
        if (p->exceed && rows[OUT_EXCEED] != 0)
            e = qx_write(ctx, item, &item, sizeof item);
    }
    return e;
}

/* ---- opening: the data's own statistic ---- */

static bool compute_observed(struct perm *p)
{
    uint32_t n_vars = p->stat.n_vars, *list = p->stat.list;
    p->observed = calloc((size_t)n_vars + STAT_TILE, sizeof *p->observed);
    p->least = calloc((size_t)n_vars + 1, sizeof *p->least);
    if (!p->observed || !p->least)
        return false;
    if (n_vars == 1) {
        p->observed[0] = stat_one(&p->stat, &p->seen);
    } else {
        uint32_t n_list = stat_list(&p->stat, &p->seen, list);
        for (uint32_t tile = 0; tile < stat_tiles(&p->stat); tile++)
            stat_tile(&p->stat, &p->seen, list, n_list, tile, p->observed + (size_t)tile * STAT_TILE);
    }
    for (uint32_t v = 0; v < n_vars; v++) {
        double size = fmax(fabs(p->observed[v]), p->stat.scale[v]);
        double slack = p->stat.tie[v] * size;
        p->least[v] = perm_extremity(p->tail, p->observed[v]) - slack;
        p->slack = v == 0 ? slack : p->slack;
    }
    return true;
}

struct extreme {
    double least;
    uint32_t variable;
};

static int by_least(const void *a, const void *b)
{
    const struct extreme *x = a, *y = b;
    if (x->least != y->least)
        return x->least < y->least ? -1 : 1;
    return (x->variable < y->variable) - (x->variable > y->variable);
}

/* Puts the variables in ascending order of how extreme they are. */
static bool sort_variables(struct perm *p)
{
    uint32_t n = p->stat.n_vars;
    struct extreme *order = malloc(((size_t)n + 1) * sizeof *order);
    double *observed = malloc(((size_t)n + 1) * sizeof *observed);
    p->order = malloc(((size_t)n + 1) * sizeof *p->order);
    bool ok = order && observed && p->order;
    for (uint32_t v = 0; ok && v < n; v++)
        order[v] = (struct extreme){p->least[v], v};
    if (ok) {
        qsort(order, n, sizeof *order, by_least);
        memcpy(observed, p->observed, n * sizeof *observed);
    }
    for (uint32_t v = 0; ok && v < n; v++) {
        p->order[v] = order[v].variable;
        p->least[v] = order[v].least;
        p->observed[v] = observed[order[v].variable];
    }
    free(order);
    free(observed);
    return ok && stat_reorder(&p->stat, p->order);
}

/* ---- opening: which arrangements ---- */

static qx_err open_tables(struct qx_ctx *ctx, struct perm *p, bool must)
{
    double limit = must ? entries_max : entries_auto * (double)qx_int(ctx, "exact_max");
    if (!halves_open(&p->halves, &p->stat))
        return no_memory(ctx);
    if (p->halves.work <= limit) {
        p->method = METHOD_TABLES;
        p->halves.sign = p->tail == TAIL_LESS ? -1 : 1;
        p->halves.least = p->least[0];
        if (p->stat.kind == STAT_CHISQ)
            p->halves.least += p->stat.n;
        if (p->stat.kind == STAT_FISHER_CELL)
            p->halves.least += p->halves.sign * p->stat.total[0];
    } else if (must) {
        return qx_error(
            ctx, QX_ERR_LIMIT,
            "method=exact: the tables with these margins are too many to list; use method=random");
    }
    return QX_ERR_OK;
}

static qx_err open_method(struct qx_ctx *ctx, struct perm *p)
{
    const char *method = qx_text(ctx, "method");
    bool must = strcmp(method, "exact") == 0;
    p->method = METHOD_RANDOM;
    if (strcmp(method, "random") == 0 || (p->exceed > 0 && !must))
        return QX_ERR_OK;
    if (p->exceed > 0)
        return qx_error(ctx, QX_ERR_INVALID, "exceed= stops random draws: it does not go with method=exact");
    if (p->data.test == TEST_TABLE)
        return open_tables(ctx, p, must);
    if (must && p->design.total == 0)
        return qx_error(ctx, QX_ERR_LIMIT,
                        "method=exact: there are more than %.0e arrangements; use method=random",
                        (double)DESIGN_TOTAL_MAX);
    if (must)
        p->method = METHOD_IN_ORDER;
    else if (p->design.total > 0 && p->design.total <= (uint64_t)qx_int(ctx, "exact_max"))
        p->method = METHOD_SCRAMBLED;
    bool ok = p->method != METHOD_SCRAMBLED || scramble_init(&p->scramble, p->design.total, ctx->seed);
    return ok ? QX_ERR_OK : no_memory(ctx);
}

/* From where to where the histogram goes: what some random arrangements give, and more. */
static void open_range(struct qx_ctx *ctx, struct perm *p)
{
    double shift = p->stat.shift[0], lo = p->observed[0], hi = p->observed[0];
    for (uint64_t i = 0; i < PILOT; i++) {
        struct qx_stream rng = qx_item_stream(ctx, i, pilot_stream);
        design_draw(&p->design, &rng, &p->work);
        double t = stat_one(&p->stat, &p->work);
        lo = fabs(t) < 1e200 && t < lo ? t : lo;
        hi = fabs(t) < 1e200 && t > hi ? t : hi;
    }
    double more = 0.3 * (hi - lo), width = (hi - lo + 2 * more) / BINS;
    bool ranks = p->stat.kind == STAT_TWO_WILCOXON || p->stat.kind == STAT_PAIRED_WILCOXON ||
                 p->stat.kind == STAT_FISHER_CELL;
    p->bins = BINS;
    p->lo = lo - more + shift;
    if (ranks) { /* whole numbers, mostly: as many of them in each bin */
        width = ceil(width);
        p->lo = floor(p->lo) - 0.5;
    }
    p->hi = p->lo + width * BINS;
    if (!(p->hi > p->lo) || !isfinite(p->hi - p->lo)) {
        p->lo = -1;
        p->hi = 1;
    }
}

/* ---- opening: what the farm is told ---- */

static qx_err reduce(struct qx_ctx *ctx, enum qx_reducer_kind kind, const char *name, uint32_t column)
{
    struct qx_reducer r = {.kind = kind, .name = name, .columns = &column, .n_columns = 1};
    return qx_reduce(ctx, &r, NULL);
}

static qx_err declare_one(struct qx_ctx *ctx, const struct perm *p)
{
    static const char *const names[OUT_COUNT] = {"exceed", "greater", "less", "T"};
    qx_err e = QX_ERR_OK;
    for (uint32_t k = 0; k < OUT_COUNT && e == QX_ERR_OK; k++)
        e = qx_output(ctx, names[k], NULL);
    for (uint32_t k = 0; k < OUT_T && e == QX_ERR_OK; k++)
        e = reduce(ctx, QX_REDUCE_PROPORTION, names[k], k);
    uint32_t column = OUT_T;
    struct qx_reducer r = {.kind = QX_REDUCE_HISTOGRAM,
                           .name = "T",
                           .columns = &column,
                           .n_columns = 1,
                           .lo = p->lo,
                           .hi = p->hi,
                           .bins = p->bins};
    if (e == QX_ERR_OK)
        e = qx_reduce(ctx, &r, NULL);
    r = (struct qx_reducer){.kind = QX_REDUCE_RECORDS, .name = "exceeding"};
    return e == QX_ERR_OK && p->exceed ? qx_reduce(ctx, &r, NULL) : e;
}

static qx_err declare_tables(struct qx_ctx *ctx)
{
    static const char *const names[OUT_TABLES_COUNT] = {"p", "total", "tables"};
    qx_err e = QX_ERR_OK;
    for (uint32_t k = 0; k < OUT_TABLES_COUNT && e == QX_ERR_OK; k++)
        e = qx_output(ctx, names[k], NULL);
    for (uint32_t k = 0; k < OUT_TABLES_COUNT && e == QX_ERR_OK; k++)
        e = reduce(ctx, QX_REDUCE_SUM, names[k], k);
    return e;
}

static qx_err declare_many(struct qx_ctx *ctx)
{
    qx_err e = qx_output(ctx, "arrangement", NULL);
    struct qx_reducer r = {.kind = QX_REDUCE_OWN, .ops = &many_ops};
    return e == QX_ERR_OK ? qx_reduce(ctx, &r, NULL) : e;
}

static qx_err declare(struct qx_ctx *ctx, const struct perm *p)
{
    uint64_t all = p->method == METHOD_TABLES   ? p->halves.n_nodes
                   : p->method == METHOD_RANDOM ? 0
                                                : p->design.total;
    qx_err e = qx_items(ctx, all ? all : p->many ? ITEMS_MANY : ITEMS_ONE, all);
    if (e != QX_ERR_OK)
        return e;
    if (p->method == METHOD_TABLES)
        return declare_tables(ctx);
    return p->many ? declare_many(ctx) : declare_one(ctx, p);
}

/* ---- opening: parameters ---- */

static qx_err open_params(struct qx_ctx *ctx, struct perm *p)
{
    const char *alternative = qx_text(ctx, "alternative");
    p->tail = alternative[0] == 'g' ? TAIL_GREATER : alternative[0] == 'l' ? TAIL_LESS : TAIL_BOTH;
    p->doubled = p->tail == TAIL_BOTH && strcmp(qx_text(ctx, "two_sided"), "double") == 0;
    p->conf = qx_real(ctx, "conf");
    if (qx_given(ctx, "exceed"))
        p->exceed = (uint64_t)qx_int(ctx, "exceed");
    return QX_ERR_OK;
}

/* What the parameters mean for the statistic that they name. */
static qx_err settle_tails(struct qx_ctx *ctx, struct perm *p)
{
    if (!stat_two_tailed(p->stat.kind)) {
        p->tail = TAIL_GREATER;
        p->doubled = false;
    }
    if (p->doubled && (p->stat.n_vars > 1 || p->exceed > 0))
        return qx_error(ctx, QX_ERR_INVALID, "two_sided=double is for one variable and without exceed=");
    if (p->exceed > 0 && p->stat.n_vars > 1)
        return qx_error(ctx, QX_ERR_INVALID, "exceed= is for one variable: with vars= give -n");
    return QX_ERR_OK;
}

static qx_err open_all(struct qx_ctx *ctx, struct perm *p)
{
    qx_err e = open_params(ctx, p);
    if (e == QX_ERR_OK)
        e = data_open(ctx, &p->data);
    if (e == QX_ERR_OK)
        e = stat_open(ctx, &p->data, &p->stat, &p->design, &p->seen);
    if (e == QX_ERR_OK)
        e = settle_tails(ctx, p);
    if (e == QX_ERR_OK && (!arrangement_init(&p->work, &p->design) || !compute_observed(p)))
        e = no_memory(ctx);
    if (e == QX_ERR_OK)
        e = open_method(ctx, p);
    if (e != QX_ERR_OK)
        return e;
    if (p->stat.n_vars == 1 && p->method != METHOD_TABLES)
        open_range(ctx, p);
    if (p->stat.n_vars > 1 && (!sort_variables(p) || !(p->many = many_new(p))))
        return no_memory(ctx);
    return declare(ctx, p);
}

static qx_err perm_open(struct qx_ctx *ctx, void **ret_state)
{
    struct perm *p = calloc(1, sizeof *p);
    if (!p)
        return no_memory(ctx);
    qx_err e = open_all(ctx, p);
    if (e != QX_ERR_OK)
        perm_free(p);
    else
        *ret_state = p;
    return e;
}

static void perm_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    perm_free(state);
}

/* ---- the task ---- */

static const char *const tests[] = {"auto",     "two-sample",   "paired", "correlation",
                                    "k-sample", "independence", NULL};
static const char *const stats[] = {"auto",  "mean",    "sum",      "median",  "t",
                                    "welch", "student", "wilcoxon", "pearson", "spearman",
                                    "F",     "kruskal", "chisq",    "fisher",  NULL};
static const char *const alternatives[] = {"two.sided", "greater", "less", NULL};
static const char *const two_sided[] = {"abs", "double", NULL};
static const char *const methods[] = {"auto", "exact", "random", NULL};
static const char *const zeros[] = {"wilcoxon", "pratt", NULL};
static const char *const adjusts[] = {"step-down", "single-step", NULL};
static const char *const nas[] = {"fail", "omit", NULL};

#define TEXT(NAME, HELP)                                                                                     \
    {                                                                                                        \
        .name = NAME, .type = QX_PARAM_TEXT, .fallback = "", .help = HELP                                    \
    }
#define CHOICE(NAME, CHOICES, FALLBACK, HELP)                                                                \
    {                                                                                                        \
        .name = NAME, .type = QX_PARAM_CHOICE, .fallback = FALLBACK, .choices = CHOICES, .help = HELP        \
    }

static const struct qx_param params[] = {
    {.name = "data", .type = QX_PARAM_TABLE, .help = "CSV file with a header"},
    CHOICE("test", tests, "auto", "what is compared; auto: from the columns given"),
    CHOICE("stat", stats, "auto", "the statistic; auto: mean, pearson, F, chisq; for several variables a t"),
    TEXT("y", "column: the variable tested; with x= of a paired test what is taken off"),
    TEXT("x", "column: the other variable; paired: the differences are x - y"),
    TEXT("group", "column: which sample a row is of"),
    TEXT("groups", "values of group, e.g. 'new,old': only these, in this order"),
    TEXT("vars", "several variables at once: columns with commas, or all"),
    TEXT("freq", "column: how often a row of x and y counts (independence)"),
    CHOICE("alternative", alternatives, "two.sided", "what counts as extreme"),
    CHOICE("two_sided", two_sided, "abs", "abs: |T - centre|; double: twice the smaller side"),
    CHOICE("method", methods, "auto",
           "exact: all arrangements; random: n of them; auto: exact up to exact_max"),
    {.name = "exact_max",
     .type = QX_PARAM_INT,
     .fallback = "1e6",
     .min = 0,
     .max = 1e11,
     .help = "method=auto is exact for at most so many arrangements"},
    {.name = "exceed",
     .type = QX_PARAM_INT,
     .fallback = "",
     .min = 1,
     .max = 1e9,
     .help = "sequential test: stop at so many exceedances (--until exceed=20 says the same)"},
    CHOICE("adjust", adjusts, "step-down", "max-T adjustment for several variables"),
    CHOICE("zeros", zeros, "wilcoxon",
           "differences of 0: left out before (wilcoxon) or after (pratt) ranking"),
    CHOICE("na", nas, "fail", "rows that lack a value"),
    {.name = "conf",
     .type = QX_PARAM_REAL,
     .fallback = "0.95",
     .min = 0.5,
     .max = 0.9999,
     .help = "level of the interval for p"},
};

const struct qx_task task_perm = {
    .struct_size = sizeof(struct qx_task),
    .name = "perm.test",
    .version = "1.0",
    .help = "permutation tests, exact or random, of one variable or thousands; an item is one arrangement",
    .details = "two-sample (mean median t student wilcoxon), paired (mean sum t wilcoxon), correlation "
               "(pearson spearman), "
               "k-sample (F kruskal), independence (chisq fisher).\n"
               "Example: qx run perm.test data=mouse.csv y=days group=group alternative=greater\n"
               "Example: qx run perm.test data=mouse.csv y=days group=group --until exceed=20 -n 1e5",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .shape = QX_SHAPE_MAP,
    .flags = QX_TASK_OWN_REDUCER | QX_TASK_COUNTS_ITEMS,
    .grain = 64,
    .spread = 14,
    .open = perm_open,
    .block = perm_block,
    .close = perm_close,
    .finish = perm_finish,
};
