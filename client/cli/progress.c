#include "client/cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/cli/writer.h"
#include "common/rule.h"

enum {
    LINE_BYTES = 1600,
    PART_BYTES = 160,
    BAR_CELLS = 24,
    BAR_LEAST = 8,
    WAITING_LEAST = 16,
    BAR_MS = 100,
    PLAIN_MS = 3000
};

void progress_init(struct progress *p, bool quiet, const char *until)
{
    *p = (struct progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO), .until = until};
}

void progress_fini(struct progress *p)
{
    free(p->points);
}

static void keep_point(struct progress *p, const struct qx_job_info *i)
{
    if (i->round != p->round) {
        p->round = i->round;
        p->n_points = 0;
        p->seen_items = 0;
    }
    if (i->n_cells != 1 || !isfinite(i->estimate) || !(i->se > 0) || i->items_done <= p->seen_items)
        return;
    p->seen_items = i->items_done;
    if (p->n_points == p->cap_points) {
        size_t cap = p->cap_points ? 2 * p->cap_points : 64;
        struct progress_point *grown = realloc(p->points, cap * sizeof *grown);
        if (!grown)
            return;
        p->points = grown;
        p->cap_points = cap;
    }
    p->points[p->n_points++] = (struct progress_point){(double)i->items_done, i->estimate, i->se};
}

/* How much of the work is done, by the rule's first condition where only it ends the job: a standard error falls with
 * the root of n. NaN: cannot be told. */
static double share_done(const struct progress *p, const struct qx_job_info *i)
{
    struct rule rule;
    double share = (double)NAN;
    if (i->items_total)
        return (double)i->items_done / (double)i->items_total;
    /* The rule of a job that was submitted before is known to the master. */
    const char *until = p->until ? p->until : i->until;
    if (!until || rule_parse(until, &rule, NULL) != QX_ERR_OK || !rule.n_terms)
        return share;
    const char *name = rule.terms[0].name;
    double bound = rule.terms[0].bound;
    if (!strcmp(name, "n"))
        share = (double)i->items_done / bound;
    else if (!strcmp(name, "se") && i->se > 0)
        share = (bound / i->se) * (bound / i->se);
    else if (!strcmp(name, "rel") && i->se > 0)
        share = pow(bound * fabs(i->estimate) / i->se, 2);
    else if (!strcmp(name, "width") && i->se > 0)
        share = pow(bound / (2 * 1.959964 * i->se), 2);
    share = fmin(share, 0.99);
    return i->n_cells > 1 ? ((double)i->cells_done + share) / i->n_cells : share;
}

/* All items are there, and the answer is being made of them. */
static bool is_finishing(const struct qx_job_info *i)
{
    return (i->items_total && i->items_done >= i->items_total) || (i->n_cells && i->cells_done >= i->n_cells);
}

/* The parts of the line, in the order in which they stand. */
enum part {
    PART_ROUND,
    PART_BAR,
    PART_SHARE,
    PART_ITEMS,
    PART_RATE,
    PART_LEFT,
    PART_CELLS,
    PART_FAILED,
    PART_MEAN,
    PART_WANT,
    PART_WHY,
    PART_WAITING,
    PART_COUNT
};

/* What a narrow line has, first what matters most; the bar takes what room is left. */
static const enum part most_wanted[] = {PART_SHARE,  PART_LEFT,  PART_ROUND,   PART_MEAN,
                                        PART_FAILED, PART_ITEMS, PART_WAITING, PART_CELLS,
                                        PART_BAR,    PART_WHY,   PART_WANT,    PART_RATE};

typedef char parts_text[PART_COUNT][PART_BYTES];

static void bar_text(double share, int cells, char *ret)
{
    char bar[BAR_CELLS + 1];
    double part = isfinite(share) ? fmin(fmax(share, 0), 1) : 0;
    for (int i = 0; i < cells; i++)
        bar[i] = i < (int)(part * cells) ? '#' : '-';
    bar[cells] = '\0';
    (void)snprintf(ret, PART_BYTES, "[%s]", bar);
}

static void items_text(const struct qx_job_info *i, double share, parts_text ret)
{
    char done[NUMBER_BYTES], total[NUMBER_BYTES] = "", rate[NUMBER_BYTES], left[NUMBER_BYTES];
    double seconds = ((double)i->elapsed_ns - (double)i->first_lease_ns) / 1e9;
    number_count((double)i->items_done, done);
    number_count((double)i->items_total, total);
    bool one = (i->items_total ? i->items_total : i->items_done) == 1;
    if (!i->items_total && !i->items_done && !(i->until && *i->until))
        (void)snprintf(ret[PART_ITEMS], PART_BYTES, "counting the items");
    else
        (void)snprintf(ret[PART_ITEMS], PART_BYTES, "%s%s%s item%s", done, i->items_total ? "/" : "",
                       i->items_total ? total : "", one ? "" : "s");
    if (i->items_done && seconds > 0) {
        double per_s = (double)i->items_done / seconds;
        if (per_s < 9.95)
            (void)snprintf(rate, sizeof rate, "%.2g", per_s);
        else
            number_count(per_s, rate);
        (void)snprintf(ret[PART_RATE], PART_BYTES, "%s/s", rate);
    }
    if (is_finishing(i)) {
        (void)snprintf(ret[PART_LEFT], PART_BYTES, "finishing...");
    } else if (share > 0 && share < 1 && seconds > 0) {
        number_seconds(seconds * (1 - share) / share, left);
        (void)snprintf(ret[PART_LEFT], PART_BYTES, "%s left", left);
    }
}

static void estimate_text(const struct qx_job_info *i, parts_text ret)
{
    char est[NUMBER_BYTES], se[NUMBER_BYTES];
    if (!isfinite(i->estimate))
        return;
    number_with_se(i->estimate, i->se, est);
    number_with_se(i->se, i->se, se);
    bool has_se = i->se > 0;
    (void)snprintf(ret[PART_MEAN], PART_BYTES, "mean %s%s%s", est, has_se ? " \u00b1 " : "",
                   has_se ? se : "");
    if (isfinite(i->target))
        (void)snprintf(ret[PART_WANT], PART_BYTES, "(want %g)", i->target);
}

/* The gap before a part. */
static size_t gap_of(enum part part)
{
    return part == PART_WANT || part == PART_SHARE ? 1 : 2;
}

static size_t parts_width(const parts_text parts)
{
    size_t width = 0;
    for (enum part k = 0; k < PART_COUNT; k++)
        if (parts[k][0])
            width += (width ? gap_of(k) : 0) + text_width(parts[k]);
    return width;
}

/* Keeps of the parts what a terminal's line takes: less than its width, since the last column would wrap on some. */
static void fit_parts(parts_text parts, double share, size_t width)
{
    parts_text all;
    memcpy(all, parts, sizeof all);
    memset(parts, 0, sizeof all);
    if (all[PART_BAR][0])
        bar_text(share, BAR_LEAST, all[PART_BAR]);
    for (size_t k = 0; k < sizeof most_wanted / sizeof *most_wanted; k++) {
        enum part part = most_wanted[k];
        memcpy(parts[part], all[part], sizeof all[part]);
        size_t over = parts_width(parts) + 1 > width ? parts_width(parts) + 1 - width : 0,
               own = text_width(parts[part]);
        if ((part == PART_WAITING || part == PART_WHY) && over && own > over + WAITING_LEAST)
            parts[part][text_fits(parts[part], own - over)] = '\0';
        else if (over)
            parts[part][0] = '\0';
    }
    for (int cells = BAR_LEAST + 1; cells <= BAR_CELLS && parts[PART_BAR][0]; cells++) {
        char wider[PART_BYTES];
        bar_text(share, cells, wider);
        if (parts_width(parts) + text_width(wider) - text_width(parts[PART_BAR]) >= width)
            break;
        memcpy(parts[PART_BAR], wider, sizeof wider);
    }
}

void progress_line(const struct progress *p, const struct qx_job_info *i, int width, char *ret, size_t len)
{
    parts_text parts = {{0}};
    double share = share_done(p, i);
    if (width) {
        bar_text(share, BAR_CELLS, parts[PART_BAR]);
        (void)snprintf(parts[PART_SHARE], PART_BYTES, "%3d%%",
                       (int)(100 * (isfinite(share) ? fmin(fmax(share, 0), 1) : 0)));
    }
    items_text(i, share, parts);
    if (i->round > 1)
        (void)snprintf(parts[PART_ROUND], PART_BYTES, "round %u", i->round);
    if (i->round > 1 && i->round_why && *i->round_why)
        (void)snprintf(parts[PART_WHY], PART_BYTES, "%s", i->round_why);
    if (i->n_cells > 1)
        (void)snprintf(parts[PART_CELLS], PART_BYTES, "cells %u/%u", i->cells_done, i->n_cells);
    if (i->items_failed)
        (void)snprintf(parts[PART_FAILED], PART_BYTES, "%llu failed", (unsigned long long)i->items_failed);
    estimate_text(i, parts);
    if (*i->waiting)
        (void)snprintf(parts[PART_WAITING], PART_BYTES, "waiting: %s", i->waiting);
    if (width)
        fit_parts(parts, share, (size_t)width);
    size_t at = 0;
    ret[0] = '\0';
    for (enum part k = 0; k < PART_COUNT && at < len; k++)
        if (parts[k][0])
            at += (size_t)snprintf(ret + at, len - at, "%*s%s", at ? (int)gap_of(k) : 0, "", parts[k]);
}

void progress_show(struct progress *p, const struct qx_job_info *i, uint64_t now_ns)
{
    keep_point(p, i);
    if (p->quiet)
        return;
    if (!p->started) {
        p->started = true;
        p->last_ns = p->terminal ? 0 : now_ns;
    }
    bool finishing = is_finishing(i), news = p->terminal && finishing && !p->finishing;
    p->finishing = finishing;
    if (!news && now_ns - p->last_ns < (uint64_t)(p->terminal ? BAR_MS : PLAIN_MS) * 1000000u)
        return;
    p->last_ns = now_ns;
    char line[LINE_BYTES];
    struct winsize size = {0};
    if (p->terminal && (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col))
        size.ws_col = 80;
    progress_line(p, i, p->terminal ? size.ws_col : 0, line, sizeof line);
    if (p->terminal)
        (void)fprintf(stderr, "\r\033[K%s", line);
    else
        (void)fprintf(stderr, "qx: %s\n", line);
    (void)fflush(stderr);
    p->shown = p->terminal;
}

void progress_clear(struct progress *p)
{
    if (p->shown)
        (void)fputs("\r\033[K", stderr);
    p->shown = false;
}
