#include "perm/kind.h"

#include <stdio.h>
#include <string.h>

/* The first of a test is its default; with several variables the first that is free of their scale. */
static const struct {
    enum perm_test test;
    const char *name;
    bool scale_free, two_tailed;
    const char *words;
} kinds[STAT_KIND_COUNT] = {
    [STAT_TWO_MEAN] = {TEST_TWO, "mean", false, true, "difference of means"},
    [STAT_TWO_MEDIAN] = {TEST_TWO, "median", false, true, "difference of medians"},
    [STAT_TWO_WELCH] = {TEST_TWO, "t", true, true, "Welch's t"},
    [STAT_TWO_STUDENT] = {TEST_TWO, "student", true, true, "Student's t, pooled variance"},
    [STAT_TWO_WILCOXON] = {TEST_TWO, "wilcoxon", true, true,
                           "Wilcoxon's rank sum of the first group, midranks"},
    [STAT_PAIRED_MEAN] = {TEST_PAIRED, "mean", false, true, "mean of the differences"},
    [STAT_PAIRED_SUM] = {TEST_PAIRED, "sum", false, true, "sum of the differences"},
    [STAT_PAIRED_T] = {TEST_PAIRED, "t", true, true, "t of the differences"},
    [STAT_PAIRED_WILCOXON] = {TEST_PAIRED, "wilcoxon", true, true,
                              "Wilcoxon's signed rank sum V of the positive differences, midranks"},
    [STAT_PEARSON] = {TEST_CORRELATION, "pearson", true, true, "Pearson's correlation"},
    [STAT_SPEARMAN] = {TEST_CORRELATION, "spearman", true, true, "Spearman's rank correlation, midranks"},
    [STAT_F] = {TEST_K, "F", true, false, "F of the one-way analysis of variance"},
    [STAT_KRUSKAL] = {TEST_K, "kruskal", true, false, "Kruskal and Wallis' H, corrected for ties"},
    [STAT_CHISQ] = {TEST_TABLE, "chisq", true, false, "Pearson's chi-square"},
    [STAT_FISHER] = {TEST_TABLE, "fisher", true, false,
                     "-log of the table's probability given its margins (Fisher; Freeman and Halton)"},
    [STAT_FISHER_CELL] = {TEST_TABLE, "fisher", true, true, "first cell of the 2 x 2 table"},
};

const char *stat_words(enum stat_kind kind)
{
    return kinds[kind].words;
}

bool stat_two_tailed(enum stat_kind kind)
{
    return kinds[kind].two_tailed;
}

static bool is_named(int kind, const char *name)
{
    return strcmp(kinds[kind].name, name) == 0 || (kind == STAT_TWO_WELCH && strcmp(name, "welch") == 0);
}

static qx_err no_such_stat(struct qx_ctx *ctx, const struct data *d, const char *name)
{
    char list[120] = "";
    size_t len = 0;
    for (int k = 0; k < STAT_FISHER_CELL; k++) {
        if (kinds[k].test == d->test && len < sizeof list)
            len += (size_t)snprintf(list + len, sizeof list - len, " %s", kinds[k].name);
    }
    return qx_error(ctx, QX_ERR_INVALID, "stat=%s is not for this test: there are%s", name, list);
}

qx_err kind_of(struct qx_ctx *ctx, const struct data *d, enum stat_kind *ret)
{
    const char *name = qx_text(ctx, "stat");
    bool any = strcmp(name, "auto") == 0, one_side = qx_text(ctx, "alternative")[0] != 't';
    int k = 0;
    while (k < STAT_KIND_COUNT &&
           !(kinds[k].test == d->test && (any ? d->n_vars < 2 || kinds[k].scale_free : is_named(k, name))))
        k++;
    if (k == STAT_KIND_COUNT)
        return no_such_stat(ctx, d, name);
    if (k == STAT_FISHER && one_side && d->n_rows == 2 && d->n_columns == 2)
        k = STAT_FISHER_CELL;
    *ret = (enum stat_kind)k;
    if (one_side && !kinds[k].two_tailed)
        return qx_error(ctx, QX_ERR_INVALID, "alternative=%s: %s has no sides (for tables: fisher, 2 x 2)",
                        qx_text(ctx, "alternative"), kinds[k].name);
    return QX_ERR_OK;
}
