#include "client/cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/cli/writer.h"
#include "common/rule.h"

enum { LINE_BYTES = 512, BAR_CELLS = 24, BAR_MS = 100, PLAIN_MS = 3000 };

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
    if (!p->until || rule_parse(p->until, &rule, NULL) != QX_ERR_OK || !rule.n_terms)
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

static size_t append(char *to, size_t len, size_t at, const char *text)
{
    if (at + 1 >= len)
        return at;
    size_t n = strlen(text);
    n = n < len - at - 1 ? n : len - at - 1;
    memcpy(to + at, text, n);
    to[at + n] = '\0';
    return at + n;
}

static size_t put_bar(double share, char *ret, size_t len)
{
    char percent[16], bar[BAR_CELLS + 1];
    double part = isfinite(share) ? fmin(fmax(share, 0), 1) : 0;
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < (int)(part * BAR_CELLS) ? '#' : '-';
    bar[BAR_CELLS] = '\0';
    (void)snprintf(percent, sizeof percent, "] %3d%%  ", (int)(100 * part));
    size_t at = append(ret, len, 0, "[");
    at = append(ret, len, at, bar);
    return append(ret, len, at, percent);
}

static size_t put_rate(const struct qx_job_info *i, double share, char *ret, size_t len, size_t at)
{
    char text[4 * NUMBER_BYTES], done[NUMBER_BYTES], rate[NUMBER_BYTES], left[NUMBER_BYTES];
    double seconds = ((double)i->elapsed_ns - (double)i->first_lease_ns) / 1e9;
    number_count((double)i->items_done, done);
    at = append(ret, len, at, done);
    if (i->items_total) {
        number_count((double)i->items_total, done);
        at = append(ret, len, at, "/");
        at = append(ret, len, at, done);
    }
    at = append(ret, len, at, " items");
    if (i->items_done && seconds > 0) {
        number_count((double)i->items_done / seconds, rate);
        (void)snprintf(text, sizeof text, "  %s/s", rate);
        at = append(ret, len, at, text);
    }
    if (share > 0 && share < 1 && seconds > 0) {
        number_seconds(seconds * (1 - share) / share, left);
        (void)snprintf(text, sizeof text, "  %s left", left);
        at = append(ret, len, at, text);
    }
    return at;
}

static size_t put_estimate(const struct qx_job_info *i, char *ret, size_t len, size_t at)
{
    char text[4 * NUMBER_BYTES], est[NUMBER_BYTES], se[NUMBER_BYTES];
    if (!isfinite(i->estimate))
        return at;
    number_with_se(i->estimate, i->se, est);
    number_with_se(i->se, i->se, se);
    bool has_se = i->se > 0;
    (void)snprintf(text, sizeof text, "  mean %s%s%s", est, has_se ? " \u00b1 " : "", has_se ? se : "");
    at = append(ret, len, at, text);
    if (isfinite(i->target)) {
        (void)snprintf(text, sizeof text, " (want %g)", i->target);
        at = append(ret, len, at, text);
    }
    return at;
}

void progress_line(const struct progress *p, const struct qx_job_info *i, int width, char *ret, size_t len)
{
    char text[96];
    double share = share_done(p, i);
    size_t at = width ? put_bar(share, ret, len) : append(ret, len, 0, "");
    at = put_rate(i, share, ret, len, at);
    if (i->n_cells > 1) {
        (void)snprintf(text, sizeof text, "  cells %u/%u", i->cells_done, i->n_cells);
        at = append(ret, len, at, text);
    }
    if (i->items_failed) {
        (void)snprintf(text, sizeof text, "  %llu failed", (unsigned long long)i->items_failed);
        at = append(ret, len, at, text);
    }
    at = put_estimate(i, ret, len, at);
    if (*i->waiting) {
        at = append(ret, len, at, "  waiting: ");
        at = append(ret, len, at, i->waiting);
    }
    for (size_t w = 0, k = 0; width && k < at; k++) { /* no wrapping: cut at the terminal's edge */
        w += ((unsigned char)ret[k] & 0xC0) != 0x80;
        if (w >= (size_t)width) {
            ret[k] = '\0';
            break;
        }
    }
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
    if (now_ns - p->last_ns < (uint64_t)(p->terminal ? BAR_MS : PLAIN_MS) * 1000000u)
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
