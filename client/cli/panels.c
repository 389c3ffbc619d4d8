/* Panels become gnuplot scripts. Ranges are computed here, from data and marks, so that the places of labels are known; data
 * go into the script as they are, gaps as NaN. */
#include "client/cli/panels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/gnuplot.h"
#include "client/cli/writer.h"
#include "common/error.h"

enum {
    PANELS_MAX = 12,
    SERIES_MAX = 64,
    KEYS_MAX = 12,
    BINS_MAX = 100,
    BARS_FEW = 30,
    POINTS_MANY = 60,
    TITLE_BYTES = 512,
    TICKS_SHOWN = 24
};
enum kind { KIND_HISTOGRAM, KIND_LINES, KIND_POINTS, KIND_BARS, KIND_STEPS, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {"histogram", "lines", "points", "bars", "steps"};
static const char *const colours[] = {"#35618f", "#b0413e", "#4f8a5b", "#a2803a",
                                      "#7a5c93", "#3f8f8f", "#8a5a44", "#666666"};
enum { N_COLOURS = sizeof colours / sizeof *colours };

struct range {
    double lo, hi;
};

struct series {
    const char *name;
    const json_t *x, *y, *lower, *upper;
    size_t n;
    double *edges, *counts; /* of a histogram: n + 1 and n, owned */
};

struct panel {
    enum kind kind;
    const char *title, *xlabel, *ylabel;
    const json_t *marks;
    struct series series[SERIES_MAX];
    size_t n_series, place; /* place: which panel it is */
    json_t *ticks;          /* words of the x axis -> place, from 1 */
    struct range x, y;
    bool counts; /* a histogram whose axis counts */
};

/* ---- reading ---- */

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

static bool read_kind(const json_t *panel, enum kind *ret)
{
    const char *name = text_of(panel, "kind");
    for (int k = 0; k < KIND_COUNT; k++)
        if (!strcmp(name, kind_names[k])) {
            *ret = (enum kind)k;
            return true;
        }
    return false;
}

static double number_at(const json_t *list, size_t i)
{
    const json_t *v = json_array_get(list, i);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static void widen(struct range *r, double v)
{
    if (!isfinite(v))
        return;
    r->lo = v < r->lo ? v : r->lo;
    r->hi = v > r->hi ? v : r->hi;
}

static double x_at(const struct panel *p, const struct series *s, size_t i)
{
    const json_t *v = json_array_get(s->x, i);
    if (!s->x)
        return (double)i + 1;
    if (json_is_string(v))
        return (double)json_integer_value(json_object_get(p->ticks, json_string_value(v)));
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static void learn_ticks(struct panel *p, const struct series *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const char *word = json_string_value(json_array_get(s->x, i));
        if (word && !json_object_get(p->ticks, word))
            json_object_set_new(p->ticks, word, json_integer((json_int_t)json_object_size(p->ticks) + 1));
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Bins after Freedman & Diaconis (1981): width 2 IQR n^(-1/3), 5 to 100 of them. Sorts v. */
static bool bin_values(struct series *s, double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_size);
    double span = v[n - 1] - v[0], width = 2 * (v[3 * n / 4] - v[n / 4]) / cbrt((double)n);
    double lo = v[0], bins = span > 0 && width > 0 ? ceil(span / width) : span > 0 ? 20 : 1;
    bins = bins < 5 && span > 0 ? 5 : bins > BINS_MAX ? BINS_MAX : bins;
    if (!(span > 0)) {
        span = v[0] != 0 ? 0.1 * fabs(v[0]) : 1;
        lo = v[0] - 0.5 * span;
    }
    s->n = (size_t)bins;
    s->edges = calloc(s->n + 1, sizeof *s->edges);
    s->counts = calloc(s->n, sizeof *s->counts);
    if (!s->edges || !s->counts)
        return false;
    for (size_t i = 0; i <= s->n; i++)
        s->edges[i] = lo + span * (double)i / bins;
    for (size_t i = 0; i < n; i++) {
        size_t bin = (size_t)((v[i] - lo) / span * bins);
        s->counts[bin < s->n ? bin : s->n - 1]++;
    }
    return true;
}

static bool read_values(struct series *s, const json_t *values)
{
    size_t n = 0, all = json_array_size(values);
    double *v = calloc(all + 1, sizeof *v);
    for (size_t i = 0; v && i < all; i++) {
        double one = number_at(values, i);
        if (isfinite(one))
            v[n++] = one;
    }
    bool ok = v && n && bin_values(s, v, n);
    free(v);
    return ok;
}

/* "edges" and "counts", or "lo", "hi" and "counts". */
static bool read_bins(struct series *s, const json_t *o)
{
    const json_t *edges = json_object_get(o, "edges"), *counts = json_object_get(o, "counts");
    double lo = json_number_value(json_object_get(o, "lo")), hi = json_number_value(json_object_get(o, "hi"));
    size_t n = json_array_size(counts);
    if (!n || (edges ? json_array_size(edges) != n + 1 : !(hi > lo)))
        return false;
    s->n = n;
    s->edges = calloc(n + 1, sizeof *s->edges);
    s->counts = calloc(n, sizeof *s->counts);
    if (!s->edges || !s->counts)
        return false;
    for (size_t i = 0; i <= n; i++) {
        s->edges[i] = edges ? number_at(edges, i) : lo + (hi - lo) * (double)i / (double)n;
        if (!isfinite(s->edges[i]) || (i && !(s->edges[i] > s->edges[i - 1])))
            return false;
    }
    for (size_t i = 0; i < n; i++)
        s->counts[i] = fmax(number_at(counts, i), 0);
    return true;
}

static void series_fini(struct series *s)
{
    free(s->edges);
    free(s->counts);
    s->edges = s->counts = NULL;
}

/* Adds what an object has to draw: bins, or points. */
static void read_series(struct panel *p, const json_t *o)
{
    struct series s = {.name = text_of(o, "name")};
    const json_t *values = json_object_get(o, "values");
    if (p->n_series == SERIES_MAX)
        return;
    if (p->kind == KIND_HISTOGRAM && (values ? read_values(&s, values) : read_bins(&s, o))) {
        p->series[p->n_series++] = s;
        return;
    }
    series_fini(&s);
    s = (struct series){.name = s.name,
                        .x = json_object_get(o, "x"),
                        .y = json_object_get(o, "y"),
                        .lower = json_object_get(o, "lower"),
                        .upper = json_object_get(o, "upper")};
    s.n = json_array_size(s.y);
    if (s.x && json_array_size(s.x) < s.n)
        s.n = json_array_size(s.x);
    if (!s.lower || !s.upper)
        s.lower = s.upper = NULL;
    if (!s.n)
        return;
    learn_ticks(p, &s);
    p->series[p->n_series++] = s;
}

static double total_of(const struct panel *p, const struct series *s)
{
    double total = 0;
    for (size_t i = 0; i < s->n; i++)
        total += s->counts[i];
    return p->counts || !(total > 0) ? 1 : total;
}

/* The height of a bar. */
static double bar_of(const struct panel *p, const struct series *s, size_t i)
{
    return p->counts ? s->counts[i] : s->counts[i] / (total_of(p, s) * (s->edges[i + 1] - s->edges[i]));
}

static void range_of_series(struct panel *p, const struct series *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->counts) {
            widen(&p->x, s->edges[i]);
            widen(&p->x, s->edges[i + 1]);
            widen(&p->y, bar_of(p, s, i));
            continue;
        }
        double y = number_at(s->y, i);
        if (!isfinite(y))
            continue;
        widen(&p->x, x_at(p, s, i));
        widen(&p->y, y);
        widen(&p->y, number_at(s->lower, i));
        widen(&p->y, number_at(s->upper, i));
    }
}

/* A little room at both ends. */
static void pad(struct range *r, double share)
{
    double span = r->hi - r->lo;
    if (!(span > 0)) {
        span = r->lo != 0 ? fabs(r->lo) : 1;
        share = 0.5;
    }
    r->lo -= share * span;
    r->hi += share * span;
}

static void find_ranges(struct panel *p)
{
    p->x = p->y = (struct range){INFINITY, -INFINITY};
    for (size_t i = 0; i < p->n_series; i++)
        range_of_series(p, &p->series[i]);
    if (!(p->x.lo <= p->x.hi) || !(p->y.lo <= p->y.hi))
        return;
    for (size_t i = 0; i < json_array_size(p->marks); i++) {
        const json_t *m = json_array_get(p->marks, i), *x = json_object_get(m, "x"),
                     *y = json_object_get(m, "y"), *at = json_object_get(m, "at");
        if (json_is_number(x) || json_is_number(at))
            widen(&p->x, json_number_value(x ? x : at));
        if (json_is_number(y))
            widen(&p->y, json_number_value(y));
    }
    bool from_zero =
        (p->kind == KIND_HISTOGRAM || p->kind == KIND_BARS || p->kind == KIND_STEPS) && p->y.lo >= 0;
    if (p->kind == KIND_BARS && !from_zero)
        widen(&p->y, 0);
    pad(&p->x, 0.03);
    pad(&p->y, 0.06);
    if (from_zero)
        p->y.lo = 0;
    if (p->kind == KIND_BARS || json_object_size(p->ticks)) {
        p->x.lo -= 0.5;
        p->x.hi += 0.5;
    }
}

static void panel_fini(struct panel *p)
{
    for (size_t i = 0; i < p->n_series; i++)
        series_fini(&p->series[i]);
    json_decref(p->ticks);
}

/* False: there is nothing to draw. The caller always calls panel_fini. */
static bool read_panel(const json_t *o, size_t place, struct panel *p)
{
    *p = (struct panel){.title = text_of(o, "title"),
                        .xlabel = text_of(o, "xlabel"),
                        .ylabel = text_of(o, "ylabel"),
                        .marks = json_object_get(o, "marks"),
                        .place = place,
                        .ticks = json_object()};
    const json_t *list = json_object_get(o, "series");
    if (!p->ticks || !read_kind(o, &p->kind))
        return false;
    p->counts = strstr(p->ylabel, "count") != NULL;
    read_series(p, o);
    for (size_t i = 0; i < json_array_size(list); i++)
        read_series(p, json_array_get(list, i));
    find_ranges(p);
    return p->n_series && p->x.lo < p->x.hi && p->y.lo < p->y.hi;
}

/* ---- data ---- */

static void put_number(FILE *s, double v)
{
    if (isfinite(v))
        (void)fprintf(s, " %.17g", v);
    else
        (void)fputs(" NaN", s);
}

/* The least distance of two x, of all series. */
static double least_step(const struct panel *p)
{
    double step = INFINITY;
    for (size_t k = 0; k < p->n_series; k++)
        for (size_t i = 1; i < p->series[k].n && !p->series[k].counts; i++) {
            double d = fabs(x_at(p, &p->series[k], i) - x_at(p, &p->series[k], i - 1));
            step = d > 0 && d < step ? d : step;
        }
    return isfinite(step) ? step : 1;
}

/* Bars of several series stand side by side, and points over words a little: x, y, ends, width. */
static void put_series(FILE *s, const struct panel *p, size_t k)
{
    const struct series *one = &p->series[k];
    bool apart = p->kind == KIND_POINTS && json_object_size(p->ticks);
    double n = (double)p->n_series, width = p->kind == KIND_BARS ? 0.8 * least_step(p) / n : 0,
           shift = (apart ? fmin(0.12, 0.6 / n) : width) * ((double)k - (n - 1) / 2);
    (void)fprintf(s, "$p%zus%zu << EOD\n", p->place, k);
    for (size_t i = 0; i < one->n; i++) {
        if (one->counts) {
            put_number(s, 0.5 * (one->edges[i] + one->edges[i + 1]));
            put_number(s, bar_of(p, one, i));
            put_number(s, one->edges[i + 1] - one->edges[i]);
        } else {
            put_number(s, x_at(p, one, i) + shift);
            put_number(s, number_at(one->y, i));
            put_number(s, one->lower ? number_at(one->lower, i) : (double)NAN);
            put_number(s, one->upper ? number_at(one->upper, i) : (double)NAN);
            put_number(s, width);
        }
        (void)fputc('\n', s);
    }
    (void)fputs("EOD\n", s);
}

/* ---- axes ---- */

static bool has_key(const struct panel *p)
{
    size_t named = 0;
    for (size_t i = 0; i < p->n_series; i++)
        named += *p->series[i].name != 0;
    return named > 1 && p->n_series <= KEYS_MAX;
}

/* The words of the axis, as many as can be read. */
static void put_ticks(FILE *s, const struct panel *p, size_t columns)
{
    const char *word;
    json_t *place;
    size_t n = json_object_size(p->ticks), room = TICKS_SHOWN / columns,
           every = n > room ? (n + room - 1) / room : 1;
    size_t letters = 0, i = 0;
    json_object_foreach(p->ticks, word, place) letters += text_width(word) + 2;
    bool turned = letters / every > 100 / columns;
    json_object_foreach(p->ticks, word, place)
    {
        char text[64];
        (void)snprintf(text, sizeof text, "%.*s", (int)text_fits(word, 20), word);
        if (i % every == 0) {
            (void)fputs(i ? ", " : "set xtics (", s);
            gnuplot_quote(s, text);
            (void)fprintf(s, " %" JSON_INTEGER_FORMAT, json_integer_value(place));
        }
        i++;
    }
    if (n)
        (void)fprintf(s, ")%s\n", turned ? " rotate by -30" : "");
    if (turned) /* the words take the room of the label of the axis */
        (void)fprintf(s, "set xlabel ''\nset bmargin %g\n", columns == 1 ? 6.5 : 5.0);
}

/* A text cut to so many columns. */
static void cut(const char *text, size_t room, char *ret)
{
    bool long_text = text_width(text) > room;
    (void)snprintf(ret, TITLE_BYTES, "%.*s%s", (int)text_fits(text, long_text ? room - 1 : room), text,
                   long_text ? "\u2026" : "");
}

static void put_axes(FILE *s, const struct panel *p, size_t columns)
{
    bool alone = columns == 1;
    const char *ylabel = p->kind != KIND_HISTOGRAM || *p->ylabel ? p->ylabel : "density";
    char title[TITLE_BYTES];
    cut(p->title, alone ? 90 : 130 / columns, title);
    (void)fputs("set title ", s);
    gnuplot_quote(s, title);
    (void)fprintf(s, " font 'DejaVu Sans,%d' textcolor '#222222' offset 0,%g\n", alone ? 15 : 12,
                  alone        ? 0.2
                  : has_key(p) ? 0.7
                               : -0.3);
    gnuplot_axis(s, "x", p->xlabel);
    gnuplot_axis(s, "y", ylabel);
    if (!alone)
        (void)fputs("set xlabel font 'DejaVu Sans,10' offset 0,0.4\nset ylabel font 'DejaVu Sans,10'\n"
                    "set bmargin 3.6\nset rmargin 2\nset tmargin 3.6\n",
                    s);
    (void)fprintf(s, "set xrange [%.17g:%.17g]\nset yrange [%.17g:%.17g]\n", p->x.lo, p->x.hi, p->y.lo,
                  p->y.hi);
    put_ticks(s, p, columns);
    if (!has_key(p))
        return;
    if (alone)
        (void)fputs("set key outside right center Left reverse samplen 2 spacing 1.3 textcolor "
                    "'#333333'\nset rmargin -1\n",
                    s);
    else
        (void)fprintf(s,
                      "set key at graph 0.5, 1 center bottom horizontal samplen 1.2 width 1.5 maxrows 1 "
                      "textcolor '#333333' font "
                      "'DejaVu Sans,%d'\n",
                      columns > 2 ? 8 : 9);
}

/* ---- marks ---- */

struct mark {
    double at;
    const char *label, *colour, *width, *dash;
};

static struct mark read_mark(const json_t *m, double at)
{
    const char *style = text_of(m, "style");
    struct mark r = {at, text_of(m, "label"), "#555555", "1.4", "(8,5)"};
    if (!strcmp(style, "estimate")) {
        r.colour = "#b0413e";
        r.width = "2";
        r.dash = "1";
    } else if (!strcmp(style, "reference")) {
        r.dash = "(2,4)";
    }
    return r;
}

static void put_label(FILE *s, const struct mark *m, bool number)
{
    char text[160];
    (void)snprintf(text, sizeof text, number ? "%.80s%s%.4g" : "%.80s", m->label, *m->label ? " " : "",
                   m->at);
    (void)fputs("set label ", s);
    gnuplot_quote(s, text);
}

/* Lines from side to side; their labels stand over their right ends. */
static void put_level(FILE *s, const struct mark *m, size_t columns)
{
    (void)fprintf(s,
                  "set arrow from graph 0, first %.17g to graph 1, first %.17g nohead front linecolor '%s' "
                  "linewidth %s "
                  "dashtype %s\n",
                  m->at, m->at, m->colour, m->width, m->dash);
    if (!*m->label)
        return;
    put_label(s, m, columns == 1);
    (void)fprintf(s,
                  " at graph 0.995, first %.17g right front offset character 0, 0.5 textcolor '%s' font "
                  "'DejaVu Sans,%d'\n",
                  m->at, m->colour, columns == 1 ? 11 : 9);
}

/* On which side of an upright line its label is not crossed by another line, or by the edge. */
static bool reads_left(const struct panel *p, const struct mark *m, size_t columns)
{
    double span = p->x.hi - p->x.lo, before = m->at - p->x.lo, after = p->x.hi - m->at;
    double need = span * (double)(text_width(m->label) + (columns == 1 ? 8 : 2)) *
                  (columns == 1 ? 0.0085 : 0.0075 * (double)columns);
    for (size_t i = 0; i < json_array_size(p->marks); i++) {
        const json_t *x = json_object_get(json_array_get(p->marks, i), "x");
        double d = json_is_number(x) ? json_number_value(x) - m->at : 0;
        after = d > 0 && d < after ? d : after;
        before = d < 0 && -d < before ? -d : before;
    }
    return after < need && (before >= need || before > after);
}

/* Lines from top to bottom; their labels stand beside their upper ends, one below the other. */
static void put_upright(FILE *s, const struct panel *p, const struct mark *m, size_t nth, size_t columns)
{
    bool left = reads_left(p, m, columns);
    double step = columns == 1 ? 0.05 : 0.085;
    (void)fprintf(s,
                  "set arrow from first %.17g, graph 0 to first %.17g, graph 1 nohead %s linecolor '%s' "
                  "linewidth %s "
                  "dashtype %s\n",
                  m->at, m->at, p->kind == KIND_HISTOGRAM || p->kind == KIND_BARS ? "front" : "back",
                  m->colour, m->width, m->dash);
    if (!*m->label || nth > 6)
        return;
    put_label(s, m, columns == 1);
    (void)fprintf(
        s, " at first %.17g, graph %g %s front offset character %g, 0 textcolor '%s' font 'DejaVu Sans,%d'\n",
        m->at, 0.97 - step * (double)nth, left ? "right" : "left", left ? -0.6 : 0.6, m->colour,
        columns == 1 ? 11 : 9);
}

static void put_marks(FILE *s, const struct panel *p, size_t columns)
{
    size_t upright = 0;
    for (size_t i = 0; i < json_array_size(p->marks); i++) {
        const json_t *m = json_array_get(p->marks, i), *y = json_object_get(m, "y"),
                     *x = json_object_get(m, "x");
        x = x ? x : json_object_get(m, "at");
        if (json_is_number(y)) {
            struct mark mark = read_mark(m, json_number_value(y));
            put_level(s, &mark, columns);
        }
        if (json_is_number(x)) {
            struct mark mark = read_mark(m, json_number_value(x));
            put_upright(s, p, &mark, upright++, columns);
        }
    }
}

/* ---- series ---- */

static void put_name(FILE *s, const struct series *one, bool shown)
{
    if (shown && *one->name) {
        (void)fputs(" title ", s);
        gnuplot_quote(s, one->name);
    } else {
        (void)fputs(" notitle", s);
    }
}

/* The parts of a plot command that draw a series; `of` is its data. */
static void plot_series(FILE *s, const struct panel *p, size_t k, const char *comma)
{
    const struct series *one = &p->series[k];
    const char *colour = colours[k % N_COLOURS];
    bool few = one->n <= BARS_FEW, many = one->n > POINTS_MANY, bounded = one->lower != NULL;
    char of[48];
    (void)snprintf(of, sizeof of, "$p%zus%zu", p->place, k);
    (void)fputs(comma, s);
    if (one->counts) {
        (void)fprintf(s, "%s using 1:2:3 with boxes linecolor '%s' fillstyle %s", of,
                      p->n_series == 1 || k ? colour : "#5b84b1",
                      p->n_series > 1 && p->series[1].counts
                          ? "transparent solid 0.45 noborder"
                          : "transparent solid 0.55 border linecolor '#ffffff'");
    } else if (p->kind == KIND_BARS) {
        (void)fprintf(s, "%s using 1:2:5 with boxes linecolor '%s' fillstyle solid 0.75 noborder", of,
                      colour);
    } else if (p->kind == KIND_POINTS) {
        (void)fprintf(s, bounded ? "%s using 1:2:3:4 with yerrorbars" : "%s using 1:2 with points", of);
        (void)fprintf(s, " linecolor '%s' linewidth %s pointtype 7 pointsize %s", colour,
                      many ? "0.6" : "1.2", many ? "0.4" : "0.75");
    } else if (p->kind == KIND_STEPS) {
        (void)fprintf(s, "%s using 1:2 with steps linecolor '%s' linewidth 1.5", of, colour);
    } else if (bounded && few) {
        (void)fprintf(s, "%s using 1:2 with lines linecolor '%s' linewidth 1.2 notitle, ", of, colour);
        (void)fprintf(
            s, "%s using 1:2:3:4 with yerrorbars linecolor '%s' linewidth 1.3 pointtype 7 pointsize 0.8", of,
            colour);
    } else {
        bool dense = one->n > 300; /* traces: those behind show through */
        (void)fprintf(s, "%s using 1:2 with lines linecolor '#%s%s' linewidth %s", of,
                      dense && p->n_series > 1 ? "50" : "", colour + 1, dense ? "0.7" : "1.8");
    }
    put_name(s, one, has_key(p));
    if (p->kind == KIND_BARS && bounded)
        (void)fprintf(s,
                      ", %s using 1:3:(0):($4-$3) with vectors heads size screen 0.004,90 linecolor "
                      "'#333333' linewidth 1.2 notitle",
                      of);
}

/* Bands lie below all lines. */
static const char *plot_bands(FILE *s, const struct panel *p)
{
    const char *comma = "plot ";
    for (size_t k = 0; k < p->n_series; k++) {
        const struct series *one = &p->series[k];
        bool lines = p->kind == KIND_LINES || p->kind == KIND_HISTOGRAM;
        if (!one->lower || p->kind == KIND_POINTS || p->kind == KIND_BARS || (lines && one->n <= BARS_FEW))
            continue;
        (void)fprintf(s,
                      "%s$p%zus%zu using 1:3:4 with filledcurves linecolor '%s' fillstyle transparent solid "
                      "0.2 noborder notitle",
                      comma, p->place, k, colours[k % N_COLOURS]);
        comma = ", ";
    }
    return comma;
}

static void draw_panel(FILE *s, const struct panel *p, size_t columns)
{
    for (size_t k = 0; k < p->n_series; k++)
        put_series(s, p, k);
    put_axes(s, p, columns);
    put_marks(s, p, columns);
    const char *comma = plot_bands(s, p);
    for (size_t k = 0; k < p->n_series; k++, comma = ", ")
        plot_series(s, p, k, comma);
    (void)fputc('\n', s);
}

/* ---- the picture ---- */

bool panels_are(const json_t *plot)
{
    const json_t *panels = json_object_get(plot, "panels");
    for (size_t i = 0; i < json_array_size(panels); i++) {
        const json_t *p = json_array_get(panels, i);
        enum kind kind;
        if (read_kind(p, &kind) && (kind != KIND_HISTOGRAM || !json_object_get(p, "lo")))
            return true;
    }
    return false;
}

static void put_heading(char *ret, const char *text, size_t shown, size_t all)
{
    char note[64] = "", words[TITLE_BYTES];
    if (shown < all)
        (void)snprintf(note, sizeof note, "  (the first %zu of %zu)", shown, all);
    cut(text, 100, words);
    (void)snprintf(ret, TITLE_BYTES, "%.400s%s", words, note);
}

qx_err panels_draw(FILE *s, const char *path, const json_t *plot, const char *title, struct qx_error *err)
{
    const json_t *panels = json_object_get(plot, "panels");
    const char *own = text_of(plot, "title");
    size_t all = json_array_size(panels), n = all > PANELS_MAX ? PANELS_MAX : all, drawn = 0;
    struct panel *p = calloc(1, sizeof *p);
    char heading[TITLE_BYTES];
    if (!p)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    put_heading(heading, *own ? own : title, n, all);
    size_t columns = (size_t)gnuplot_start(s, path, n, heading);
    (void)fputs("set datafile missing 'NaN'\nset bars 0.5\n", s);
    for (size_t i = 0; i < n; i++) {
        gnuplot_panel(s);
        if (read_panel(json_array_get(panels, i), i, p)) {
            if (n == 1 && !*p->title)
                p->title = heading;
            draw_panel(s, p, columns);
            drawn++;
        } else {
            (void)fputs(n > 1 ? "set multiplot next\n" : "", s);
        }
        panel_fini(p);
    }
    free(p);
    return drawn ? QX_ERR_OK
                 : qx_fail(err, QX_ERR_INVALID, "--plot: the panels of the answer have nothing to draw");
}
