#include "boot/spec.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/nearest.h"

/* args: c a column, n a number, f a formula. */
static const struct {
    const char *name, *args, *usage;
} kinds[STAT_KIND_COUNT] = {
    [STAT_MEAN] = {"mean", "c", "mean(x)"},
    [STAT_MEDIAN] = {"median", "c", "median(x)"},
    [STAT_TRIMMED] = {"trimmed", "cn", "trimmed(x, 0.1)"},
    [STAT_SD] = {"sd", "c", "sd(x)"},
    [STAT_VAR] = {"var", "c", "var(x)"},
    [STAT_QUANTILE] = {"quantile", "cn", "quantile(x, 0.9)"},
    [STAT_COR] = {"cor", "cc", "cor(x, y)"},
    [STAT_RATIO] = {"ratio", "cc", "ratio(x, u)"},
    [STAT_DIFF] = {"diff", "cc", "diff(x, group)"},
    [STAT_SUM] = {"sum", "c", "sum(x)"},
    [STAT_MIN] = {"min", "c", "min(x)"},
    [STAT_MAX] = {"max", "c", "max(x)"},
    [STAT_LM] = {"lm", "f", "lm(y ~ x1 + x2)"},
    [STAT_EXPR] = {NULL, "", "mean(x) / sd(x)"},
    [STAT_PLUGIN] = {NULL, "", "plugin:name(x, y)"},
};
static const char *const kind_names[] = {"mean",  "median", "trimmed", "sd",  "var", "quantile", "cor",
                                         "ratio", "diff",   "sum",     "min", "max", "lm"};
#define NAMED_KINDS (sizeof kind_names / sizeof kind_names[0])

const char *spec_usage(enum stat_kind kind)
{
    return kinds[kind].usage;
}

const char *spec_nearest(const char *word, size_t len)
{
    return nearest(word, len, kind_names, NAMED_KINDS);
}

struct reader {
    const char *text, *p;
    char *error;
};

static bool fail(const struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool fail(const struct reader *r, const char *fmt, ...)
{
    char what[PLACE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is started above */
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return place_error(r->error, r->text, (size_t)(r->p - r->text), PLACE_WORD, "stat: %s", what);
}

static void skip_space(struct reader *r)
{
    while (*r->p == ' ' || *r->p == '\t')
        r->p++;
}

static bool accept(struct reader *r, char c)
{
    skip_space(r);
    if (*r->p != c)
        return false;
    r->p++;
    return true;
}

static bool expect(struct reader *r, char c, enum stat_kind kind)
{
    return accept(r, c) || fail(r, "expected \"%c\" as in %s", c, spec_usage(kind));
}

static bool take(const struct reader *r, char *ret, const char *from, const char *to)
{
    if ((size_t)(to - from) >= SPEC_NAME_BYTES)
        return fail(r, "a name longer than %d bytes", SPEC_NAME_BYTES - 1);
    memcpy(ret, from, (size_t)(to - from));
    ret[to - from] = '\0';
    return true;
}

static enum stat_kind kind_of(const char *name, size_t len)
{
    for (size_t k = 0; k < NAMED_KINDS; k++) {
        if (strlen(kind_names[k]) == len && memcmp(kind_names[k], name, len) == 0)
            return (enum stat_kind)k;
    }
    return STAT_KIND_COUNT;
}

static size_t word_len(const char *p)
{
    return strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
}

/* One step through a text: over a quoted name, a word, or a character. */
static const char *step(const char *p)
{
    if (*p == '"' || *p == '`') {
        const char *close = strchr(p + 1, *p);
        return close ? close + 1 : p + strlen(p);
    }
    size_t word = word_len(p);
    return p + (word > 0 ? word : 1);
}

/* The bracket that closes the one at `open`; NULL if there is none before the text ends. */
static const char *closing(const char *open)
{
    int depth = 0;
    for (const char *p = open; *p; p = step(p)) {
        depth += (*p == '(') - (*p == ')');
        if (depth == 0)
            return p;
    }
    return NULL;
}

/* What is called at p: its bracket, or NULL. */
static const char *call_at(const char *p, enum stat_kind *ret_kind)
{
    size_t len = word_len(p);
    *ret_kind = kind_of(p, len);
    const char *open = p + len + strspn(p + len, " \t");
    return *ret_kind < STAT_LM && *open == '(' ? open : NULL;
}

static bool has_call(const char *p, const char *end)
{
    enum stat_kind kind;
    while (p < end && !call_at(p, &kind))
        p = step(p);
    return p < end;
}

/* The first call of a statistic in [p, end): its word, or `end`. min(), max() and sum() of statistics are functions. */
static const char *next_call(const char *p, const char *end, const char **ret_close)
{
    for (; p < end; p = step(p)) {
        enum stat_kind kind;
        const char *open = call_at(p, &kind), *close = open ? closing(open) : NULL;
        bool function = kind == STAT_SUM || kind == STAT_MIN || kind == STAT_MAX;
        if (close && !(function && has_call(open + 1, close))) {
            *ret_close = close;
            return p;
        }
    }
    return end;
}

/* A column: "in quotes", `in backticks`, or bare, when it may be an expression of the row: up to the comma or bracket that
 * ends the argument. */
static const char *end_of_bare(const char *p)
{
    int depth = 0;
    for (; *p && !(depth == 0 && (*p == ',' || *p == ')')); p = step(p))
        depth += (*p == '(') - (*p == ')');
    return p;
}

static bool read_column(struct reader *r, struct spec *s)
{
    skip_space(r);
    if (s->n_columns == SPEC_COLUMNS_MAX)
        return fail(r, "more than %d columns", SPEC_COLUMNS_MAX);
    const char *from = r->p;
    if (*from == '"' || *from == '`') {
        const char *to = strchr(from + 1, *from);
        if (!to)
            return fail(r, "a quote that is never closed");
        r->p = to + 1;
        return take(r, s->columns[s->n_columns++], from + 1, to);
    }
    const char *to = end_of_bare(r->p);
    r->p = to;
    while (to > from && to[-1] == ' ')
        to--;
    if (to == from)
        return fail(r, "expected a column as in %s (names with signs go in quotes)", spec_usage(s->kind));
    return take(r, s->columns[s->n_columns++], from, to);
}

/* A plain decimal; at most 15 digits, so that it is rounded once. */
static bool read_number(struct reader *r, struct spec *s)
{
    skip_space(r);
    double value = 0, scale = 1;
    int digits = 0;
    for (bool point = false; isdigit((unsigned char)*r->p) || (*r->p == '.' && !point); r->p++) {
        if (*r->p == '.') {
            point = true;
            continue;
        }
        value = value * 10 + (*r->p - '0');
        scale *= point ? 10 : 1;
        digits++;
    }
    if (digits == 0 || digits > 15)
        return fail(r, "expected a number as in %s", spec_usage(s->kind));
    s->number = value / scale;
    return true;
}

static bool check_number(const struct reader *r, const struct spec *s)
{
    if (s->kind == STAT_QUANTILE && !(s->number >= 0 && s->number <= 1))
        return fail(r, "a probability outside of 0 .. 1");
    if (s->kind == STAT_TRIMMED && !(s->number >= 0 && s->number < 0.5))
        return fail(r, "a trimmed share outside of 0 .. 0.5");
    return true;
}

/* What stands in the brackets of lm(). */
static bool read_formula(struct reader *r, struct spec *s)
{
    const char *close = closing(r->p - 1);
    size_t len = close ? (size_t)(close - r->p) : strlen(r->p);
    s->formula = strndup(r->p, len);
    r->p += len;
    return s->formula || fail(r, "out of memory");
}

static bool read_args(struct reader *r, struct spec *s)
{
    for (const char *arg = kinds[s->kind].args; *arg; arg++) {
        if (arg != kinds[s->kind].args && !expect(r, ',', s->kind))
            return false;
        bool ok = *arg == 'c' ? read_column(r, s) : *arg == 'n' ? read_number(r, s) : read_formula(r, s);
        if (!ok)
            return false;
    }
    return check_number(r, s);
}

static bool read_kind(struct reader *r, struct spec *s)
{
    skip_space(r);
    size_t len = word_len(r->p);
    s->kind = kind_of(r->p, len);
    if (s->kind != STAT_KIND_COUNT) {
        r->p += len;
        return true;
    }
    const char *near = spec_nearest(r->p, len);
    if (near)
        return fail(r, "unknown statistic \"%.*s\" (did you mean \"%s\"?)", len > 24 ? 24 : (int)len, r->p,
                    near);
    return fail(r,
                "unknown statistic \"%.*s\"; there are mean median trimmed sd var quantile cor ratio diff "
                "sum min max lm",
                len > 24 ? 24 : (int)len, r->p);
}

static bool read_end(struct reader *r, const struct spec *s)
{
    skip_space(r);
    return *r->p == '\0' || fail(r, "unexpected text after %s", spec_usage(s->kind));
}

static bool read_named(struct reader *r, struct spec *s)
{
    return read_kind(r, s) && expect(r, '(', s->kind) && read_args(r, s) && expect(r, ')', s->kind);
}

/* plugin:name(x, y) */
static bool read_plugin(struct reader *r, struct spec *s)
{
    s->kind = STAT_PLUGIN;
    r->p += strlen("plugin:");
    size_t len = strcspn(r->p, "(");
    while (len > 0 && r->p[len - 1] == ' ')
        len--;
    if (len == 0 || len >= SPEC_PATH_BYTES)
        return fail(r, "expected the name of a plugin as in %s", spec_usage(STAT_PLUGIN));
    s->path = strndup(r->p, len);
    if (!s->path)
        return fail(r, "out of memory");
    r->p += len;
    if (!expect(r, '(', STAT_PLUGIN))
        return false;
    do {
        if (!read_column(r, s))
            return false;
    } while (accept(r, ','));
    return expect(r, ')', STAT_PLUGIN) && read_end(r, s);
}

/* ---- expressions ---- */

void spec_part_name(uint32_t part, char ret[SPEC_PART_BYTES])
{
    (void)snprintf(ret, SPEC_PART_BYTES, "_%u", part % 100);
}

static bool has_operator(const char *p)
{
    int depth = 0;
    for (; *p; p = step(p)) {
        depth += (*p == '(') - (*p == ')');
        if (depth == 0 && strchr("+-*/^<>=?&|!", *p))
            return true;
    }
    return false;
}

/* Arithmetic of statistics, rather than one that may be misspelt. */
static bool is_expression(const char *p)
{
    p += strspn(p, " \t");
    const char *end = p + strlen(p), *close;
    enum stat_kind kind = kind_of(p, word_len(p));
    if (kind == STAT_LM)
        return false;
    const char *call = next_call(p, end, &close);
    return call < end && (call > p || has_operator(p));
}

static bool spec_init(struct spec *s, const char *from, size_t len)
{
    *s = (struct spec){.kind = STAT_MEAN};
    s->text = strndup(from, len);
    s->columns = calloc(SPEC_COLUMNS_MAX, sizeof *s->columns);
    return s->text && s->columns;
}

static void spec_free(struct spec *s)
{
    for (uint32_t i = 0; i < s->n_parts; i++)
        spec_free(&s->parts[i]);
    free(s->parts);
    free(s->columns);
    free(s->text);
    free(s->expression);
    free(s->path);
    free(s->formula);
    *s = (struct spec){.kind = STAT_MEAN};
}

/* One statistic of an expression; its place there is taken by its name. */
static bool read_part(struct reader *r, struct spec *s, const char *call, const char *close)
{
    char name[SPEC_PART_BYTES];
    size_t at = (size_t)(call - r->text), len = (size_t)(close + 1 - call);
    r->p = call;
    if (s->n_parts == SPEC_PARTS_MAX)
        return fail(r, "more than %d statistics in an expression", SPEC_PARTS_MAX);
    struct spec *part = &s->parts[s->n_parts++];
    if (!spec_init(part, call, len))
        return fail(r, "out of memory");
    if (!read_named(r, part))
        return false;
    spec_part_name(s->n_parts - 1, name);
    memset(s->expression + at, ' ', len);
    memcpy(s->expression + at, name, strlen(name));
    return true;
}

static bool read_expression(struct reader *r, struct spec *s)
{
    const char *end = r->text + strlen(r->text), *close, *call;
    s->kind = STAT_EXPR;
    s->expression = strdup(r->text);
    s->parts = calloc(SPEC_PARTS_MAX, sizeof *s->parts);
    if (!s->expression || !s->parts)
        return fail(r, "out of memory");
    memset(s->expression, ' ', (size_t)(r->p - r->text));
    while ((call = next_call(r->p, end, &close)) < end) {
        if (!read_part(r, s, call, close))
            return false;
    }
    return s->n_parts > 0 || fail(r, "an expression without any statistic, as mean(x),");
}

static bool read_one(struct spec *s, char *ret_error)
{
    struct reader r = {.text = s->text, .p = s->text, .error = ret_error};
    skip_space(&r);
    if (strncmp(r.p, "plugin:", 7) == 0)
        return read_plugin(&r, s);
    bool named = strncmp(r.p, "expr:", 5) == 0;
    if (named)
        r.p += 5;
    if (named || is_expression(r.p))
        return read_expression(&r, s);
    return read_named(&r, s) && read_end(&r, s);
}

/* Without the space around it. */
static void trim(const char **from, const char **to)
{
    while (*from < *to && (**from == ' ' || **from == '\t'))
        ++*from;
    while (*to > *from && ((*to)[-1] == ' ' || (*to)[-1] == '\t'))
        --*to;
}

bool spec_parse(struct spec_list *ret, const char *text, char ret_error[PLACE_BYTES])
{
    *ret = (struct spec_list){.n = 0};
    bool ok = true;
    for (const char *from = text; ok; from++) {
        const char *to = from;
        while (*to && *to != ';')
            to = step(to);
        const char *first = from, *last = to;
        trim(&first, &last);
        if (ret->n == SPEC_STATS_MAX) {
            (void)snprintf(ret_error, PLACE_BYTES, "stat: more than %d statistics", SPEC_STATS_MAX);
            ok = false;
        } else if (first < last || (ret->n == 0 && !*to)) {
            struct spec *s = &ret->list[ret->n++];
            ok = spec_init(s, first, (size_t)(last - first));
            if (ok)
                ok = read_one(s, ret_error);
            else
                (void)snprintf(ret_error, PLACE_BYTES, "out of memory");
        }
        if (!*to)
            break;
        from = to;
    }
    if (!ok)
        spec_fini(ret);
    return ok;
}

void spec_fini(struct spec_list *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        spec_free(&l->list[i]);
    l->n = 0;
}
