#include "client/cli/plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/gnuplot.h"
#include "client/cli/panels.h"
#include "client/cli/writer.h"
#include "common/error.h"

#define BLUE "#5b84b1"
#define PALE "#b9cbe0"
#define RED  "#b0413e"
#define GREY "#555555"
static const char *const palette[] = {"#35618f", "#b0413e", "#4f8a5b", "#a2803a",
                                      "#7a5c93", "#3f8f8f", "#8a5a44", "#666666"};
enum {
    N_PALETTE = 8,
    DENSITY_POINTS = 400,
    LEVELS_MAX = 4,
    PANELS_MAX = 9,
    KEYS_MAX = 24,
    TITLE_BYTES = 256,
    HEADING_COLUMNS = 90
};
enum plot_kind { PLOT_HISTOGRAM, PLOT_PANELS, PLOT_GRID, PLOT_SETTLING };

static const double normal_975 = 1.959964;

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

/* Labels stand over the plot; one that would touch its neighbour goes a line higher. letter: how wide one is, as a share
 * of the plot. Gives the lines needed. */
static int place_marks(struct mark *marks, size_t n, double lo, double hi, double letter)
{
    double right[LEVELS_MAX];
    int used = 0;
    for (int i = 0; i < LEVELS_MAX; i++)
        right[i] = -1;
    qsort(marks, n, sizeof *marks, by_place);
    for (size_t i = 0; i < n; i++) {
        double x = hi > lo ? (marks[i].at - lo) / (hi - lo) : 0.5,
               half = 0.5 * letter * (double)(text_width(marks[i].label) + 9);
        int level = 0;
        while (level + 1 < LEVELS_MAX && x - half < right[level])
            level++;
        right[level] = x + half;
        marks[i].level = level;
        used = level + 1 > used ? level + 1 : used;
    }
    return used;
}

static bool is_main(const struct mark *m)
{
    return strstr(m->label, "estimate") || strstr(m->label, "observed") || strstr(m->label, "theta");
}

static void draw_mark(FILE *s, const struct mark *m, double top)
{
    (void)fprintf(s,
                  "set arrow from first %.17g, graph 0 to first %.17g, graph %g nohead front linecolor '%s' "
                  "linewidth %s dashtype %s\n",
                  m->at, m->at, top, is_main(m) ? RED : GREY, is_main(m) ? "2" : "1.4",
                  is_main(m) ? "1" : "(8,5)");
}

/* In a panel a mark is its number alone: the heading has the words. */
static void draw_marks(FILE *s, const struct mark *marks, size_t n, double se, bool panel)
{
    for (size_t i = 0; i < n; i++) {
        const struct mark *m = &marks[i];
        char at[NUMBER_BYTES], label[160];
        double top = panel ? 1 : 1.02 + 0.05 * m->level;
        number_with_se(m->at, se, at);
        (void)snprintf(label, sizeof label, "%.80s%s%s", panel ? "" : m->label, panel ? "" : " ", at);
        draw_mark(s, m, top);
        (void)fputs("set label ", s);
        gnuplot_quote(s, label);
        (void)fprintf(
            s,
            " at first %.17g, graph %g center front offset character 0, character %g textcolor '%s' "
            "font 'DejaVu Sans,%d'\n",
            m->at, panel ? 1 : top + 0.02, panel ? 0.5 + 0.8 * m->level : 0.0, is_main(m) ? RED : GREY,
            panel ? 9 : 11);
    }
}

/* Reads the marks that have a place, and widens [*lo, *hi] to hold them. Gives how many there are. */
static size_t read_marks(const json_t *list, struct mark *marks, double *lo, double *hi)
{
    size_t kept = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i), *at = json_object_get(m, "at");
        const char *label = json_string_value(json_object_get(m, "label"));
        if (!json_is_number(at))
            continue;
        marks[kept++] = (struct mark){label ? label : "", json_number_value(at), 0};
        *lo = fmin(*lo, json_number_value(at));
        *hi = fmax(*hi, json_number_value(at));
    }
    return kept;
}

static void draw_bins(FILE *s, const struct bins *b)
{
    (void)fprintf(s, "set boxwidth %.17g\n$bins << EOD\n", 0.94 * bin_width(b));
    for (size_t i = 0; i < b->n; i++)
        (void)fprintf(s, "%.17g %.17g\n", bin_centre(b, i), bin_count(b, i) / (b->total * bin_width(b)));
    (void)fputs("EOD\n$density << EOD\n", s);
    for (int i = 0; i <= DENSITY_POINTS; i++) {
        double x = b->lo + (b->hi - b->lo) * i / DENSITY_POINTS;
        (void)fprintf(s, "%.17g %.17g\n", x, density(b, x));
    }
    (void)fputs("EOD\nplot $bins with boxes linecolor '" PALE "', $density with lines linecolor '" BLUE
                "' linewidth 2.2\n",
                s);
}

/* One histogram, in a picture of `columns` such. False: there is nothing to draw. */
static bool histogram(FILE *s, const json_t *report, const json_t *plot, int columns)
{
    struct bins b;
    const json_t *list = json_object_get(plot, "marks"),
                 *se = json_object_get(json_object_get(report, "result"), "se");
    const char *text = json_string_value(json_object_get(plot, "title")),
               *xlabel = json_string_value(json_object_get(plot, "xlabel"));
    struct mark *marks = calloc(json_array_size(list) + 1, sizeof *marks);
    if (!marks || !read_bins(plot, &b)) {
        free(marks);
        return false;
    }
    double lo = b.lo, hi = b.hi;
    size_t n = read_marks(list, marks, &lo, &hi);
    double margin = 0.02 * (hi - lo);
    bool panel = columns > 1;
    for (size_t i = 0; panel && i < n; i++)
        marks[i].label = is_main(&marks[i]) ? "estimate" : "";
    int levels = place_marks(marks, n, lo, hi, panel ? 0.007 * columns : 0.011);
    gnuplot_title(s, text ? text : json_string_value(json_object_get(report, "task")),
                  panel ? 0.8 * levels - 0.6 : 0.2 + 1.35 * levels);
    gnuplot_axis(s, "x", panel ? "" : xlabel ? xlabel : "value");
    gnuplot_axis(s, "y", panel ? "" : "density");
    (void)fprintf(s, "set tmargin %g\nset bmargin %g\nset xrange [%.17g:%.17g]\nset yrange [0:*]\n",
                  panel ? 2.2 + 0.8 * levels : 3.2 + 1.5 * levels, panel ? 2.4 : 4.2, lo - margin,
                  hi + margin);
    draw_marks(s, marks, n, json_is_number(se) ? json_number_value(se) : b.sd, panel);
    free(marks);
    draw_bins(s, &b);
    return true;
}

static bool is_histogram(const json_t *plot)
{
    const char *kind = json_string_value(json_object_get(plot, "kind"));
    struct bins b;
    return kind && !strcmp(kind, "histogram") && read_bins(plot, &b);
}

/* The text, cut to what a line takes; and where there are more panels than a picture takes, how many are shown. */
static void heading(char *ret, size_t len, const char *text, size_t shown, size_t all)
{
    char note[64] = "";
    if (shown < all)
        (void)snprintf(note, sizeof note, "  (the first %zu of %zu)", shown, all);
    size_t room = HEADING_COLUMNS - text_width(note);
    bool cut = text_width(text) > room;
    (void)snprintf(ret, len, "%.*s%s%s", (int)text_fits(text, cut ? room - 1 : room), text,
                   cut ? "\u2026" : "", note);
}

/* What the marks of panels are, besides estimates: "bca interval" of "bca lower"; "" where that cannot be told. */
static void interval_words(const json_t *panels, char *ret, size_t len)
{
    const json_t *marks = json_object_get(json_array_get(panels, 0), "marks");
    ret[0] = '\0';
    for (size_t i = 0; i < json_array_size(marks) && !*ret; i++) {
        const char *label = json_string_value(json_object_get(json_array_get(marks, i), "label")),
                   *end = label ? strstr(label, " lower") : NULL;
        if (end)
            (void)snprintf(ret, len, "%.*s interval", (int)(end - label), label);
    }
}

/* The histogram of an answer, or each of several ("panels"). */
static qx_err histograms(FILE *s, const char *path, const json_t *report, const json_t *plot,
                         struct qx_error *err)
{
    const json_t *panels = json_object_get(plot, "panels");
    const char *text = json_string_value(json_object_get(plot, "title"));
    size_t all = json_is_array(panels) ? json_array_size(panels) : 1;
    size_t n = all > PANELS_MAX ? PANELS_MAX : all, drawn = 0;
    char title[2 * TITLE_BYTES], words[TITLE_BYTES];
    char interval[64];
    interval_words(panels, interval, sizeof interval);
    (void)snprintf(words, sizeof words, "%s%s%s", text ? text : "", *interval ? ": estimate and " : "",
                   interval);
    heading(title, sizeof title, words, n, all);
    int columns = gnuplot_start(s, path, n, title);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(panels) ? json_array_get(panels, i) : plot;
        gnuplot_panel(s);
        if (is_histogram(one))
            drawn += histogram(s, report, one, columns);
        else
            (void)fputs("set multiplot next\n", s);
    }
    return drawn ? QX_ERR_OK : qx_fail(err, QX_ERR_INVALID, "--plot: the answer has no histogram to draw");
}

/* ---- a grid ---- */

/* A number and how far it may be off. */
struct point {
    double n, v, low, high;
};

/* The member that stands for an answer. */
static const json_t *main_number(const json_t *object, const char **ret_name)
{
    static const char *const names[] = {"estimate", "mean", "p", "value", "p_value", "bic", "worst_rhat"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *v = json_object_get(object, names[i]);
        if (!json_is_number(v))
            continue;
        *ret_name = names[i];
        return v;
    }
    return NULL;
}

/* What has the number: the part, the answer, or, of a task that leaves its outputs as they are reduced, the first of
 * these. */
static const json_t *main_object(const json_t *result, const json_t *part)
{
    const json_t *object = part ? part : result;
    const char *key;
    json_t *v;
    if (main_number(object, &key))
        return object;
    json_object_foreach((json_t *)(uintptr_t)result, key,
                        v) if (json_is_object(v) && strcmp(key, "plot")) return v;
    return object;
}

/* The number that stands for an answer, or for a part of one (part NULL: for the whole). */
static bool answer_value(const json_t *result, const json_t *part, struct point *ret, const char **ret_name)
{
    const json_t *object = main_object(result, part), *v = main_number(object, ret_name);
    if (!v)
        return false;
    const json_t *se = json_object_get(object, "se"),
                 *ends = json_object_get(object, "lower") ? object : interval_of(result, part),
                 *lower = json_object_get(ends, "lower"), *upper = json_object_get(ends, "upper");
    ret->v = ret->low = ret->high = json_number_value(v);
    if (json_is_number(lower) && json_is_number(upper)) {
        ret->low = json_number_value(lower);
        ret->high = json_number_value(upper);
    } else if (json_is_number(se)) {
        ret->low -= normal_975 * json_number_value(se);
        ret->high += normal_975 * json_number_value(se);
    }
    return true;
}

/* The part of this name of an answer; NULL: it has none. */
static const json_t *part_named(const json_t *result, const char *name)
{
    const char *unused;
    const json_t *parts = parts_of(result, &unused);
    for (size_t i = 0; i < json_array_size(parts); i++)
        if (!strcmp(json_string_value(json_object_get(json_array_get(parts, i), "name")), name))
            return json_array_get(parts, i);
    return NULL;
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

/* Collects the series; and where an x is no number, the words of the x axis, which are numbered from 0. */
static void grid_scan(const json_t *cells, json_t *series, json_t *ticks)
{
    char name[256];
    bool words = false;
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const char *unused, *x = first_param(json_array_get(cells, i), &unused);
        char *end;
        series_of(json_object_get(json_array_get(cells, i), "params"), name, sizeof name);
        json_object_set_new(series, name, json_true());
        (void)strtod(x, &end);
        words |= *end || !*x;
    }
    for (size_t i = 0; words && i < json_array_size(cells); i++) {
        const char *unused, *x = first_param(json_array_get(cells, i), &unused);
        if (!json_object_get(ticks, x))
            json_object_set_new(ticks, x, json_integer((json_int_t)json_object_size(ticks)));
    }
}

/* What the panels show: the names of the parts of all answers, "" for answers without. */
static json_t *panel_names(const json_t *cells)
{
    json_t *names = json_object();
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const json_t *result = json_object_get(json_array_get(cells, i), "result");
        const char *unused;
        struct point p;
        const json_t *parts = parts_of(result, &unused);
        for (size_t k = 0; k < json_array_size(parts); k++)
            json_object_set_new(names, json_string_value(json_object_get(json_array_get(parts, k), "name")),
                                json_true());
        if (!parts && answer_value(result, NULL, &p, &unused))
            json_object_set_new(names, "", json_true());
    }
    return names;
}

struct grid_picture {
    const json_t *cells;
    json_t *series, *ticks;
    const char *x_name, *value;
    bool known;    /* there are values that are known without simulation: the columns 5 and 6 */
    double target; /* or NaN */
};

/* A member of the answer, or of the part of it, that is a number. NaN: it has none. */
static double member_of(const json_t *result, const json_t *part, const char *name)
{
    const json_t *v = json_object_get(part, name);
    if (!v)
        v = json_object_get(main_object(result, part), name);
    if (!v)
        v = json_object_get(result, name);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

/* What is known without simulation: "analytic", else "approximation". */
static double known_value(const json_t *result, const json_t *part)
{
    double v = member_of(result, part, "analytic");
    return isfinite(v) ? v : member_of(result, part, "approximation");
}

/* One block of data a series, each a little aside so that bars do not hide each other. panel: the name of a part. */
static void grid_data(FILE *s, struct grid_picture *g, const char *panel)
{
    char name[256];
    const char *key;
    json_t *unused;
    size_t at = 0, n = json_object_size(g->series);
    double aside = n > 1 ? fmin(0.5 / (double)n, 0.08) * x_step(g->cells, g->ticks) : 0;
    json_object_foreach(g->series, key, unused)
    {
        double shift = aside * ((double)at - (double)(n - 1) / 2);
        (void)fprintf(s, "$s%zu << EOD\n", at++);
        for (size_t i = 0; i < json_array_size(g->cells); i++) {
            const json_t *cell = json_array_get(g->cells, i), *result = json_object_get(cell, "result"),
                         *part = part_named(result, panel);
            struct point p;
            series_of(json_object_get(cell, "params"), name, sizeof name);
            if (strcmp(name, key) || (*panel && !part) || !answer_value(result, part, &p, &g->value))
                continue;
            double known = known_value(result, part), target = member_of(result, part, "target");
            double x = cell_x(cell, g->ticks);
            (void)fprintf(s, "%.17g %.17g %.17g %.17g %.17g ", x + shift, p.v, p.low, p.high, x);
            if (isfinite(known))
                (void)fprintf(s, "%.17g", known);
            (void)fputs(isfinite(known) ? "\n" : "NaN\n", s);
            g->known |= isfinite(known);
            if (isfinite(target) && !isfinite(g->target))
                g->target = target;
        }
        (void)fputs("EOD\n", s);
    }
}

/* A few whole numbers, which ticks between would not suit. */
static bool x_is_whole(const struct grid_picture *g)
{
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < json_array_size(g->cells); i++) {
        double x = cell_x(json_array_get(g->cells, i), g->ticks);
        if (x != floor(x))
            return false;
        lo = fmin(lo, x);
        hi = fmax(hi, x);
    }
    return hi - lo <= 12;
}

static void grid_axes(FILE *s, const struct grid_picture *g, bool key_shown)
{
    const char *key;
    json_t *place;
    size_t i = 0;
    gnuplot_axis(s, "x", g->x_name);
    gnuplot_axis(s, "y", g->value);
    (void)fputs(key_shown ? "set key outside right center Left reverse samplen 2 spacing 1.3 textcolor "
                            "'#333333'\nset rmargin -1\n"
                : g->known
                    ? "set key inside bottom right Left reverse samplen 3 spacing 1.3 textcolor '#333333'\n"
                    : "set key off\n",
                s);
    (void)fputs(
        "set autoscale xfix\nset offsets graph 0.03, graph 0.03, graph 0.04, graph 0.04\nset bars 0.6\n", s);
    if (x_is_whole(g))
        (void)fputs("set xtics 1\n", s);
    json_object_foreach(g->ticks, key, place)
    {
        (void)fputs(i++ ? ", " : "set xtics (", s);
        gnuplot_quote(s, key);
        (void)fprintf(s, " %" JSON_INTEGER_FORMAT, json_integer_value(place));
    }
    if (i)
        (void)fprintf(s, ")\nset xrange [-0.5:%zu.5]\n", i - 1);
}

/* A dashed line; where the x axis has words, squares around the points. */
static const char *known_style(bool words, const char *colour, char ret[128])
{
    if (words)
        (void)snprintf(ret, 128, "points linecolor '%s' pointtype 4 pointsize 1.6", colour);
    else
        (void)snprintf(ret, 128, "lines linecolor '%s' linewidth 1.6 dashtype (6,4)", colour);
    return ret;
}

/* A line at what is aimed for. */
static void grid_target(FILE *s, const struct grid_picture *g)
{
    if (!isfinite(g->target))
        return;
    (void)fprintf(s,
                  "set arrow from graph 0, first %.17g to graph 1, first %.17g nohead front linecolor '" GREY
                  "' linewidth 1.4 dashtype (2,4)\nset label 'target %.4g' at graph 0.01, first %.17g left "
                  "front offset "
                  "character 0, 0.6 textcolor '" GREY "' font 'DejaVu Sans,11'\n",
                  g->target, g->target, g->target, g->target);
}

static void grid_panel(FILE *s, struct grid_picture *g, const char *panel, bool key_shown)
{
    bool words = json_object_size(g->ticks) > 0;
    const char *key;
    char style[128];
    json_t *unused;
    size_t i = 0;
    g->known = false;
    g->target = (double)NAN;
    grid_data(s, g, panel);
    grid_axes(s, g, key_shown);
    grid_target(s, g);
    json_object_foreach(g->series, key, unused)
    {
        const char *colour = palette[i % N_PALETTE];
        (void)fputs(i ? ", " : "plot ", s);
        if (g->known) /* what the points should lie on */
            (void)fprintf(s, "$s%zu using 5:6 with %s notitle, ", i, known_style(words, colour, style));
        else if (!words)
            (void)fprintf(s, "$s%zu using 1:2 with lines linecolor '%s' linewidth 1.2 notitle, ", i, colour);
        (void)fprintf(s,
                      "$s%zu with yerrorbars linecolor '%s' linewidth 1.4 pointtype 7 pointsize 0.9 title ",
                      i, colour);
        gnuplot_quote(s, g->known && !*key ? "simulated" : key);
        i++;
    }
    if (g->known)
        (void)fprintf(s, ", NaN with %s title 'analytic'", known_style(words, GREY, style));
    (void)fputc('\n', s);
}

/* "boot  stat=mean(gpa)": the task and what all cells share; names of files without their folders. */
static void task_title(const json_t *report, char *ret, size_t len)
{
    const char *key;
    json_t *v;
    size_t at = (size_t)snprintf(ret, len, "%.60s", json_string_value(json_object_get(report, "task")));
    json_object_foreach(json_object_get(report, "params"), key, v)
    {
        const char *value = json_string_value(v),
                   *slash =
                       json_object_get(json_object_get(report, "data"), key) ? strrchr(value, '/') : NULL;
        if (at < len)
            at += (size_t)snprintf(ret + at, len - at, "  %s=%s", key, slash ? slash + 1 : value);
    }
}

static qx_err grid_plot(FILE *s, const char *path, const json_t *report, const json_t *cells,
                        struct qx_error *err)
{
    struct grid_picture g = {
        .cells = cells, .series = json_object(), .ticks = json_object(), .x_name = "", .value = "estimate"};
    json_t *names = panel_names(cells), *unused;
    size_t all = json_object_size(names), n = all > PANELS_MAX ? PANELS_MAX : all, i = 0;
    char text[TITLE_BYTES], title[2 * TITLE_BYTES];
    const char *panel;
    (void)first_param(json_array_get(cells, 0), &g.x_name);
    grid_scan(cells, g.series, g.ticks);
    task_title(report, text, sizeof text);
    heading(title, sizeof title, text, n, all);
    (void)gnuplot_start(s, path, n, title);
    bool key_shown = json_object_size(g.series) > 1 && json_object_size(g.series) <= KEYS_MAX;
    json_object_foreach(names, panel, unused)
    {
        if (i++ == n)
            break;
        gnuplot_panel(s);
        gnuplot_title(s, n == 1 ? title : *panel ? panel : " ", n == 1 ? 0.2 : 0);
        grid_panel(s, &g, panel, key_shown);
    }
    json_decref(g.series);
    json_decref(g.ticks);
    json_decref(names);
    return n ? QX_ERR_OK
             : qx_fail(err, QX_ERR_INVALID, "--plot: no cell of the answer has an estimate to draw");
}

/* ---- how the estimate settled ---- */

static int by_n(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    return x->n < y->n ? -1 : x->n > y->n;
}

/* The answers of prefixes, and what was seen while the job ran where that is the same quantity as the answer (the
 * running mean is of the items' first output), in order of n, all below that of the end. */
static size_t path_points(const struct point *end, const json_t *settled, const struct progress *h,
                          struct point *ret)
{
    const char *unused;
    size_t n = 0, n_seen = h && h->points ? h->n_points : 0;
    double end_se = (end->high - end->low) / (2 * normal_975);
    const struct progress_point *last = n_seen ? &h->points[n_seen - 1] : NULL;
    if (last && fabs(last->estimate - end->v) > 6 * (last->se + end_se))
        n_seen = 0;
    for (size_t i = 0; i < json_array_size(settled); i++) {
        const json_t *one = json_array_get(settled, i);
        ret[n].n = json_number_value(json_object_get(one, "n"));
        n += answer_value(json_object_get(one, "result"), NULL, &ret[n], &unused) && ret[n].n < end->n;
    }
    for (size_t i = 0; i < n_seen; i++) {
        const struct progress_point *p = &h->points[i];
        if (p->n < end->n)
            ret[n++] = (struct point){p->n, p->estimate, p->estimate - normal_975 * p->se,
                                      p->estimate + normal_975 * p->se};
    }
    qsort(ret, n, sizeof *ret, by_n);
    return n;
}

static void put_point(FILE *s, const struct point *p)
{
    (void)fprintf(s, "%.17g %.17g %.17g %.17g\n", p->n, p->v, p->low, p->high);
}

/* Number, ends and n of the end, over the picture. */
static void end_label(FILE *s, const struct point *end, const char *name)
{
    char text[256], v[NUMBER_BYTES], low[NUMBER_BYTES], high[NUMBER_BYTES];
    double se = (end->high - end->low) / (2 * normal_975);
    number_with_se(end->v, se, v);
    number_with_se(end->low, se, low);
    number_with_se(end->high, se, high);
    (void)snprintf(text, sizeof text, "%s %s   [%s, %s]   n = %.0f", name, v, low, high, end->n);
    (void)fputs("set label ", s);
    gnuplot_quote(s, text);
    (void)fputs(" at graph 1, graph 1.03 right front textcolor '" RED "' font 'DejaVu Sans,11'\n", s);
}

static qx_err convergence(FILE *s, const char *path, const json_t *report, const json_t *settled,
                          const struct progress *h, struct qx_error *err)
{
    struct point end = {.n = json_number_value(json_object_get(report, "n"))};
    const char *name = "estimate";
    if (!answer_value(json_object_get(report, "result"), NULL, &end, &name))
        return qx_fail(err, QX_ERR_INVALID,
                       "--plot: the answer has nothing to draw: no histogram, no grid, no estimate");
    struct point *points = calloc(json_array_size(settled) + (h ? h->n_points : 0) + 1, sizeof *points);
    if (!points)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    size_t n = path_points(&end, settled, h, points);
    char text[TITLE_BYTES];
    task_title(report, text, sizeof text);
    (void)gnuplot_start(s, path, 1, NULL);
    gnuplot_title(s, text, 1);
    gnuplot_axis(s, "x", n ? "items" : "items (the answer at the end alone is known)");
    gnuplot_axis(s, "y", name);
    end_label(s, &end, name);
    (void)fputs("$run << EOD\n", s);
    for (size_t i = 0; i < n; i++)
        put_point(s, &points[i]);
    put_point(s, &end);
    (void)fputs("EOD\n$end << EOD\n", s);
    put_point(s, &end);
    (void)fprintf(s, "EOD\nset format x '%%.10g'\n%s", end.n >= 1e4 ? "set format x '%.0s%c'\n" : "");
    if (n && points[0].n * 6 < end.n)
        (void)fputs("set logscale x\n", s);
    if (n)
        (void)fprintf(s, "set xrange [%.17g:%.17g]\n", points[0].n,
                      end.n * (points[0].n * 6 < end.n ? 1.12 : 1.02));
    else
        (void)fprintf(s, "set xrange [%.17g:%.17g]\nset xtics (%.17g)\n", 0.5 * end.n, 1.5 * end.n, end.n);
    (void)fprintf(s,
                  "set tmargin 4.5\nset offsets 0, 0, graph 0.05, graph 0.05\n"
                  "set arrow from graph 0, first %.17g to graph 1, first %.17g nohead front linecolor '" GREY
                  "' dashtype (8,5)\nplot ",
                  end.v, end.v);
    if (n)
        (void)fputs("$run using 1:3:4 with filledcurves linecolor '" PALE
                    "', $run using 1:2 with linespoints linecolor '" BLUE
                    "' linewidth 2 pointtype 7 pointsize 0.6, ",
                    s);
    (void)fputs("$end using 1:2:3:4 with yerrorbars linecolor '" RED
                "' linewidth 1.8 pointtype 7 pointsize 1.1\n",
                s);
    free(points);
    return QX_ERR_OK;
}

static enum plot_kind kind_of(const json_t *report)
{
    const json_t *plot = json_object_get(json_object_get(report, "result"), "plot");
    const char *kind = json_string_value(json_object_get(plot, "kind"));
    if (json_is_array(json_object_get(report, "cells")))
        return PLOT_GRID;
    if (panels_are(plot))
        return PLOT_PANELS;
    return kind && (!strcmp(kind, "histogram") || !strcmp(kind, "panels")) ? PLOT_HISTOGRAM : PLOT_SETTLING;
}

bool plot_shows_settling(const json_t *report)
{
    return kind_of(report) == PLOT_SETTLING;
}

qx_err plot_check(const char *path, struct qx_error *err)
{
    return gnuplot_check(path, err);
}

qx_err plot_draw(const char *path, const json_t *report, const json_t *settled,
                 const struct progress *history, struct qx_error *err)
{
    FILE *s = tmpfile();
    qx_err e = QX_ERR_STATE;
    char title[TITLE_BYTES];
    if (!s)
        return qx_fail(err, QX_ERR_INVALID, "--plot: no temporary file: %s", strerror(errno));
    switch (kind_of(report)) {
    case PLOT_GRID:
        e = grid_plot(s, path, report, json_object_get(report, "cells"), err);
        break;
    case PLOT_HISTOGRAM:
        e = histograms(s, path, report, json_object_get(json_object_get(report, "result"), "plot"), err);
        break;
    case PLOT_PANELS:
        task_title(report, title, sizeof title);
        e = panels_draw(s, path, json_object_get(json_object_get(report, "result"), "plot"), title, err);
        break;
    case PLOT_SETTLING:
        e = convergence(s, path, report, settled, history, err);
        break;
    }
    if (e == QX_ERR_OK)
        e = gnuplot_run(s, err);
    (void)fclose(s);
    return e;
}
