#include "client/cli/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cli/writer.h"
#include "common/error.h"

extern char **environ;

#define BLUE "#5b84b1"
#define PALE "#b9cbe0"
#define RED  "#b0413e"
#define GREY "#555555"
static const char *const palette[] = {"#35618f", "#b0413e", "#4f8a5b", "#a2803a",
                                      "#7a5c93", "#3f8f8f", "#8a5a44", "#666666"};
enum { N_PALETTE = 8, DENSITY_POINTS = 400, LEVELS_MAX = 4 };

/* ---- gnuplot ---- */

static bool have_gnuplot(void)
{
    const char *list = getenv("PATH");
    while (list && *list) {
        char path[4096];
        size_t n = strcspn(list, ":");
        (void)snprintf(path, sizeof path, "%.*s/gnuplot", (int)n, list);
        if (n && access(path, X_OK) == 0)
            return true;
        list += n + (list[n] == ':');
    }
    return false;
}

static const char *terminal_for(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (dot && !strcmp(dot, ".png"))
        return "pngcairo size 1400,900 fontscale 1.25 linewidth 1.6 font 'DejaVu Sans,13'";
    if (dot && !strcmp(dot, ".svg"))
        return "svg size 1000,640 dynamic font 'DejaVu Sans,14' background '#ffffff'";
    if (dot && !strcmp(dot, ".pdf"))
        return "pdfcairo size 9in,5.8in font 'DejaVu Sans,13'";
    return NULL;
}

qx_err plot_check(const char *path, struct qx_error *err)
{
    if (!terminal_for(path))
        return qx_fail(err, QX_ERR_INVALID, "--plot %s: want a name that ends in .png, .svg or .pdf", path);
    if (!have_gnuplot())
        return qx_fail(err, QX_ERR_INVALID,
                       "--plot needs gnuplot, which is not installed (Debian: apt install gnuplot-nox)");
    return QX_ERR_OK;
}

/* Text inside single quotes. */
static void quote(FILE *to, const char *text)
{
    (void)fputc('\'', to);
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputc('\'', to);
        (void)fputc((unsigned char)*text < 0x20 ? ' ' : *text, to);
    }
    (void)fputc('\'', to);
}

static void preamble(FILE *s, const char *path)
{
    (void)fprintf(s, "set terminal %s noenhanced\nset output ", terminal_for(path));
    quote(s, path);
    (void)fputs("\nset encoding utf8\n"
                "set border 3 linecolor '#888888' linewidth 1\n"
                "set tics nomirror out scale 0.6 textcolor '#333333'\n"
                "set grid ytics linecolor '#e4e4e4' linewidth 1 linetype 1\n"
                "set style fill solid 1.0 noborder\n"
                "set key off\nset bmargin 4.2\nset rmargin 4\n",
                s);
}

static void title(FILE *s, const char *text, double offset)
{
    (void)fputs("set title ", s);
    quote(s, text);
    (void)fprintf(s, " font 'DejaVu Sans,15' textcolor '#222222' offset 0,%g\n", offset);
}

static void axis(FILE *s, const char *which, const char *text)
{
    (void)fprintf(s, "set %slabel ", which);
    quote(s, text);
    (void)fputs(" textcolor '#333333'\n", s);
}

/* Runs a finished script; stderr comes back in err. */
static qx_err run_gnuplot(FILE *script, struct qx_error *err)
{
    int said = memfd_create("gnuplot-stderr", MFD_CLOEXEC);
    posix_spawn_file_actions_t files;
    char *argv[] = {"gnuplot", "-", NULL};
    pid_t pid;
    if (said < 0 || fflush(script) || posix_spawn_file_actions_init(&files))
        return qx_fail(err, QX_ERR_INVALID, "--plot: %s", strerror(errno));
    rewind(script);
    (void)posix_spawn_file_actions_adddup2(&files, fileno(script), STDIN_FILENO);
    (void)posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&files, said, STDERR_FILENO);
    int e = posix_spawnp(&pid, "gnuplot", &files, NULL, argv, environ), status = 0;
    posix_spawn_file_actions_destroy(&files);
    if (!e)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    char words[160] = "";
    ssize_t n = pread(said, words, sizeof words - 1, 0);
    words[n > 0 ? n : 0] = '\0';
    close(said);
    if (e)
        return qx_fail(err, QX_ERR_INVALID, "--plot: cannot start gnuplot: %s", strerror(e));
    if (status)
        return qx_fail(err, QX_ERR_INVALID, "--plot: gnuplot failed: %s", words + strspn(words, "\n"));
    return QX_ERR_OK;
}

/* ---- a histogram ---- */

struct bins {
    double lo, hi, total, mean, sd;
    size_t n;
    const json_t *counts;
};

static double bin_width(const struct bins *b)
{
    return (b->hi - b->lo) / (double)b->n;
}

static double bin_centre(const struct bins *b, size_t i)
{
    return b->lo + ((double)i + 0.5) * bin_width(b);
}

static double bin_count(const struct bins *b, size_t i)
{
    return json_number_value(json_array_get(b->counts, i));
}

static bool read_bins(const json_t *plot, struct bins *b)
{
    *b = (struct bins){.lo = json_number_value(json_object_get(plot, "lo")),
                       .hi = json_number_value(json_object_get(plot, "hi")),
                       .counts = json_object_get(plot, "counts")};
    b->n = json_array_size(b->counts);
    for (size_t i = 0; i < b->n; i++) {
        b->total += bin_count(b, i);
        b->mean += bin_count(b, i) * bin_centre(b, i);
    }
    if (!(b->total > 0) || !(b->hi > b->lo))
        return false;
    b->mean /= b->total;
    for (size_t i = 0; i < b->n; i++)
        b->sd += bin_count(b, i) * pow(bin_centre(b, i) - b->mean, 2);
    b->sd = sqrt(b->sd / b->total);
    return true;
}

/* A Gaussian kernel estimate from the bins, bandwidth by Silverman's (1986) rule, never under half a bin. */
static double density(const struct bins *b, double x)
{
    double h = fmax(1.06 * b->sd * pow(b->total, -0.2), 0.5 * bin_width(b)), sum = 0;
    for (size_t i = 0; i < b->n; i++) {
        double z = (x - bin_centre(b, i)) / h;
        if (fabs(z) < 6)
            sum += bin_count(b, i) * exp(-0.5 * z * z);
    }
    return sum / (b->total * h * sqrt(2 * M_PI));
}

struct mark {
    const char *label;
    double at;
    int level;
};

static int by_place(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Labels stand over the plot; one that would touch its neighbour goes a line higher. Gives the lines needed. */
static int place_marks(struct mark *marks, size_t n, double lo, double hi)
{
    double right[LEVELS_MAX];
    int used = 0;
    for (int i = 0; i < LEVELS_MAX; i++)
        right[i] = -1;
    qsort(marks, n, sizeof *marks, by_place);
    for (size_t i = 0; i < n; i++) {
        double x = (marks[i].at - lo) / (hi - lo), half = 0.0055 * (double)(text_width(marks[i].label) + 9);
        int level = 0;
        while (level + 1 < LEVELS_MAX && x - half < right[level])
            level++;
        right[level] = x + half;
        marks[i].level = level;
        used = level + 1 > used ? level + 1 : used;
    }
    return used;
}

static void draw_marks(FILE *s, const struct mark *marks, size_t n, double se)
{
    for (size_t i = 0; i < n; i++) {
        char at[NUMBER_BYTES];
        bool main_one = strstr(marks[i].label, "estimate") || strstr(marks[i].label, "observed") ||
                        strstr(marks[i].label, "theta");
        double top = 1.02 + 0.05 * marks[i].level;
        number_with_se(marks[i].at, se, at);
        (void)fprintf(s,
                      "set arrow from first %.17g, graph 0 to first %.17g, graph %g nohead front linecolor "
                      "'%s' linewidth %s dashtype %s\n",
                      marks[i].at, marks[i].at, top, main_one ? RED : GREY, main_one ? "2" : "1.4",
                      main_one ? "1" : "(8,5)");
        (void)fprintf(s, "set label ");
        char label[160];
        (void)snprintf(label, sizeof label, "%.80s %s", marks[i].label, at);
        quote(s, label);
        (void)fprintf(s, " at first %.17g, graph %g center front textcolor '%s' font 'DejaVu Sans,11'\n",
                      marks[i].at, top + 0.02, main_one ? RED : GREY);
    }
}

static qx_err histogram(FILE *s, const char *path, const json_t *report, const json_t *plot,
                        struct qx_error *err)
{
    struct bins b;
    if (!read_bins(plot, &b))
        return qx_fail(err, QX_ERR_INVALID, "--plot: the answer has no histogram to draw");
    const json_t *list = json_object_get(plot, "marks");
    size_t n = json_array_size(list);
    struct mark *marks = calloc(n + 1, sizeof *marks);
    if (!marks)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    double lo = b.lo, hi = b.hi;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *m = json_array_get(list, i), *at = json_object_get(m, "at");
        if (!json_is_number(at))
            continue;
        marks[kept++] =
            (struct mark){json_string_value(json_object_get(m, "label")), json_number_value(at), 0};
        if (!marks[kept - 1].label)
            marks[kept - 1].label = "";
        lo = fmin(lo, marks[kept - 1].at);
        hi = fmax(hi, marks[kept - 1].at);
    }
    double margin = 0.02 * (hi - lo);
    int levels = place_marks(marks, kept, lo, hi);
    const char *text = json_string_value(json_object_get(plot, "title")),
               *xlabel = json_string_value(json_object_get(plot, "xlabel"));
    preamble(s, path);
    title(s, text ? text : json_string_value(json_object_get(report, "task")), 0.2 + 1.35 * levels);
    axis(s, "x", xlabel ? xlabel : "value");
    axis(s, "y", "density");
    (void)fprintf(s, "set tmargin %g\nset xrange [%.17g:%.17g]\nset yrange [0:*]\n", 3.2 + 1.5 * levels,
                  lo - margin, hi + margin);
    const json_t *se = json_object_get(json_object_get(report, "result"), "se");
    draw_marks(s, marks, kept, json_is_number(se) ? json_number_value(se) : b.sd);
    free(marks);
    (void)fprintf(s, "set boxwidth %.17g\n$bins << EOD\n", 0.94 * bin_width(&b));
    for (size_t i = 0; i < b.n; i++)
        (void)fprintf(s, "%.17g %.17g\n", bin_centre(&b, i), bin_count(&b, i) / (b.total * bin_width(&b)));
    (void)fputs("EOD\n$density << EOD\n", s);
    for (int i = 0; i <= DENSITY_POINTS; i++) {
        double x = b.lo + (b.hi - b.lo) * i / DENSITY_POINTS;
        (void)fprintf(s, "%.17g %.17g\n", x, density(&b, x));
    }
    (void)fputs("EOD\nplot $bins with boxes linecolor '" PALE "', $density with lines linecolor '" BLUE
                "' linewidth 2.2\n",
                s);
    return QX_ERR_OK;
}

/* ---- a grid ---- */

/* The number that stands for the answer of a cell, and how far it may be off. */
static bool cell_value(const json_t *result, double *ret, double *ret_low, double *ret_high,
                       const char **ret_name)
{
    static const char *const names[] = {"estimate", "mean", "p", "value"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *v = json_object_get(result, names[i]);
        if (!json_is_number(v))
            continue;
        const json_t *lower = json_object_get(result, "lower"), *upper = json_object_get(result, "upper"),
                     *se = json_object_get(result, "se");
        *ret_name = names[i];
        *ret = *ret_low = *ret_high = json_number_value(v);
        if (!json_is_number(lower)) { /* or of the first interval of a list */
            const json_t *first = json_array_get(json_object_get(result, "intervals"), 0);
            lower = json_object_get(first, "lower");
            upper = json_object_get(first, "upper");
        }
        if (json_is_number(lower) && json_is_number(upper)) {
            *ret_low = json_number_value(lower);
            *ret_high = json_number_value(upper);
        } else if (json_is_number(se)) {
            *ret_low -= 1.959964 * json_number_value(se);
            *ret_high += 1.959964 * json_number_value(se);
        }
        return true;
    }
    return false;
}

/* What sets a cell apart besides the first grid parameter: "delta=0.5, design=t2". */
static void series_of(const json_t *params, char *ret, size_t len)
{
    const char *key;
    json_t *v;
    size_t at = 0, place = 0;
    ret[0] = '\0';
    json_object_foreach((json_t *)(uintptr_t)params, key, v) if (place++ && at < len) at +=
        (size_t)snprintf(ret + at, len - at, "%s%s=%s", at ? ", " : "", key, json_string_value(v));
}

static const char *first_param(const json_t *cell, const char **ret_name)
{
    void *i = json_object_iter(json_object_get(cell, "params"));
    *ret_name = i ? json_object_iter_key(i) : "";
    return i ? json_string_value(json_object_iter_value(i)) : "";
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Where a cell stands on the x axis: its number, or the place of its word. */
static double cell_x(const json_t *cell, const json_t *ticks)
{
    const char *name, *x = first_param(cell, &name);
    const json_t *tick = json_object_get(ticks, x);
    return tick ? (double)json_integer_value(tick) : strtod(x, NULL);
}

/* The smallest step of the x axis. */
static double x_step(const json_t *cells, const json_t *ticks)
{
    size_t n = json_array_size(cells);
    double *x = calloc(n + 1, sizeof *x), step = 0;
    for (size_t i = 0; x && i < n; i++)
        x[i] = cell_x(json_array_get(cells, i), ticks);
    if (x)
        qsort(x, n, sizeof *x, by_number);
    for (size_t i = 1; x && i < n; i++)
        if (x[i] > x[i - 1] && (step == 0 || x[i] - x[i - 1] < step))
            step = x[i] - x[i - 1];
    free(x);
    return step;
}

/* Collects the series, and the words of the x axis, which are numbered from 0. */
static void grid_scan(const json_t *cells, json_t *series, json_t *ticks)
{
    char name[256];
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const json_t *cell = json_array_get(cells, i);
        const char *unused, *x = first_param(cell, &unused);
        char *end;
        series_of(json_object_get(cell, "params"), name, sizeof name);
        json_object_set_new(series, name, json_true());
        (void)strtod(x, &end);
        if ((*end || !*x) && !json_object_get(ticks, x))
            json_object_set_new(ticks, x, json_integer((json_int_t)json_object_size(ticks)));
    }
}

/* One block of data a series, each a little aside so that bars do not hide each other. Gives how many points there are. */
static size_t grid_data(FILE *s, const json_t *cells, json_t *series, const json_t *ticks,
                        const char **ret_value)
{
    char name[256];
    const char *key;
    json_t *unused;
    size_t points = 0, at = 0, n = json_object_size(series);
    double aside = n > 1 ? fmin(0.5 / (double)n, 0.08) * x_step(cells, ticks) : 0;
    json_object_foreach(series, key, unused)
    {
        double shift = aside * ((double)at - (double)(n - 1) / 2);
        (void)fprintf(s, "$s%zu << EOD\n", at++);
        for (size_t i = 0; i < json_array_size(cells); i++) {
            const json_t *cell = json_array_get(cells, i);
            double v, low, high;
            series_of(json_object_get(cell, "params"), name, sizeof name);
            if (strcmp(name, key) || !cell_value(json_object_get(cell, "result"), &v, &low, &high, ret_value))
                continue;
            (void)fprintf(s, "%.17g %.17g %.17g %.17g\n", cell_x(cell, ticks) + shift, v, low, high);
            points++;
        }
        (void)fputs("EOD\n", s);
    }
    return points;
}

/* "boot  stat=mean(gpa)": the task and what all cells share; names of files without their folders. */
static void task_title(FILE *s, const json_t *report, double offset)
{
    char text[120];
    const char *key;
    json_t *v;
    size_t at =
        (size_t)snprintf(text, sizeof text, "%.60s", json_string_value(json_object_get(report, "task")));
    json_object_foreach(json_object_get(report, "params"), key, v)
    {
        const char *value = json_string_value(v),
                   *slash =
                       json_object_get(json_object_get(report, "data"), key) ? strrchr(value, '/') : NULL;
        if (at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, "  %s=%s", key, slash ? slash + 1 : value);
    }
    title(s, text, offset);
}

static qx_err grid_plot(FILE *s, const char *path, const json_t *report, const json_t *cells,
                        struct qx_error *err)
{
    json_t *series = json_object(), *ticks = json_object(), *place;
    const char *x_name, *value = "estimate", *key;
    preamble(s, path);
    (void)first_param(json_array_get(cells, 0), &x_name);
    grid_scan(cells, series, ticks);
    size_t points = grid_data(s, cells, series, ticks, &value), n = json_object_size(series), i = 0;
    bool words = json_object_size(ticks) > 0;
    task_title(s, report, 0.2);
    axis(s, "x", x_name);
    axis(s, "y", value);
    if (n > 1)
        (void)fputs("set key outside right center Left reverse samplen 2 spacing 1.3 textcolor "
                    "'#333333'\nset rmargin -1\n",
                    s);
    (void)fputs("set offsets graph 0.03, graph 0.03, graph 0.04, graph 0.04\nset bars 0.6\n", s);
    json_object_foreach(ticks, key, place)
    {
        (void)fputs(i++ ? ", " : "set xtics (", s);
        quote(s, key);
        (void)fprintf(s, " %" JSON_INTEGER_FORMAT, json_integer_value(place));
    }
    (void)fputs(i ? ")\nplot " : "plot ", s);
    i = 0;
    json_object_foreach(series, key, place)
    {
        const char *colour = palette[i % N_PALETTE];
        (void)fputs(i ? ", " : "", s);
        if (!words)
            (void)fprintf(s, "$s%zu using 1:2 with lines linecolor '%s' linewidth 1.2 notitle, ", i, colour);
        (void)fprintf(s,
                      "$s%zu with yerrorbars linecolor '%s' linewidth 1.4 pointtype 7 pointsize 0.9 title ",
                      i, colour);
        quote(s, key);
        i++;
    }
    (void)fputc('\n', s);
    json_decref(series);
    json_decref(ticks);
    return points ? QX_ERR_OK
                  : qx_fail(err, QX_ERR_INVALID, "--plot: no cell of the answer has an estimate to draw");
}

/* ---- how the estimate settled ---- */

static qx_err convergence(FILE *s, const char *path, const json_t *report, const struct progress *h,
                          struct qx_error *err)
{
    double v = 0, low = 0, high = 0;
    const char *name = "estimate";
    bool has_end = cell_value(json_object_get(report, "result"), &v, &low, &high, &name);
    const json_t *se = json_object_get(json_object_get(report, "result"), "se");
    double end_se = json_is_number(se) ? json_number_value(se) : (high - low) / (2 * 1.959964);
    size_t n = h ? h->n_points : 0;
    /* The running mean is of the items' first output; where the answer is something else, it is left out. */
    bool same = n && has_end && fabs(h->points[n - 1].estimate - v) <= 6 * (h->points[n - 1].se + end_se);
    if (!same && !has_end)
        return qx_fail(err, QX_ERR_INVALID,
                       "--plot: the answer has nothing to draw: no histogram, no grid, no estimate");
    preamble(s, path);
    task_title(s, report, 0.2);
    double last = json_number_value(json_object_get(report, "n"));
    double unit = last >= 5e6 ? 1e6 : last >= 5e3 ? 1e3 : 1;
    axis(s, "x", unit > 1e3 ? "items (millions)" : unit > 1 ? "items (thousands)" : "items");
    axis(s, "y", name);
    (void)fputs("$run << EOD\n", s);
    for (size_t i = 0; same && i < n; i++)
        if (h->points[i].n < last)
            (void)fprintf(s, "%.17g %.17g %.17g %.17g\n", h->points[i].n / unit, h->points[i].estimate,
                          h->points[i].estimate - 1.959964 * h->points[i].se,
                          h->points[i].estimate + 1.959964 * h->points[i].se);
    for (int i = 0; i < 2; i++)
        (void)fprintf(s, "%.17g %.17g %.17g %.17g\nEOD\n%s", last / unit, v, low, high,
                      i ? "" : "$end << EOD\n");
    (void)fputs("set offsets 0, graph 0.03, graph 0.05, graph 0.05\nset xrange [0:*]\n"
                "plot $run using 1:3:4 with filledcurves linecolor '" PALE
                "', $run using 1:2 with lines linecolor '" BLUE "' linewidth 2, "
                "$end using 1:2:3:4 with yerrorbars linecolor '" RED
                "' linewidth 1.6 pointtype 7 pointsize 1\n",
                s);
    return QX_ERR_OK;
}

qx_err plot_draw(const char *path, const json_t *report, const struct progress *history, struct qx_error *err)
{
    FILE *s = tmpfile();
    if (!s)
        return qx_fail(err, QX_ERR_INVALID, "--plot: no temporary file: %s", strerror(errno));
    const json_t *cells = json_object_get(report, "cells"),
                 *plot = json_object_get(json_object_get(report, "result"), "plot");
    const char *kind = json_string_value(json_object_get(plot, "kind"));
    qx_err e;
    if (json_is_array(cells))
        e = grid_plot(s, path, report, cells, err);
    else if (kind && !strcmp(kind, "histogram"))
        e = histogram(s, path, report, plot, err);
    else
        e = convergence(s, path, report, history, err);
    if (e == QX_ERR_OK)
        e = run_gnuplot(s, err);
    (void)fclose(s);
    return e;
}
