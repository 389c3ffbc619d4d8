#include "boot/spec.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
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
    [STAT_LM] = {"lm", "f", "lm(y ~ x1 + x2)"},
};
static const char *const kind_names[STAT_KIND_COUNT] = {"mean",     "median", "trimmed", "sd",   "var",
                                                        "quantile", "cor",    "ratio",   "diff", "lm"};

const char *spec_usage(enum stat_kind kind)
{
    return kinds[kind].usage;
}

struct reader {
    const char *text, *p;
    char *error;
};

static bool fail(const struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool fail(const struct reader *r, const char *fmt, ...)
{
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is started above */
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    size_t characters = 1;
    for (const char *p = r->text; p < r->p; p++)
        characters += ((unsigned char)*p & 0xC0) != 0x80;
    (void)snprintf(r->error, SPEC_ERROR_BYTES, "stat: %s at position %zu of \"%.48s\"", what, characters,
                   r->text);
    return false;
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

/* A column: "in quotes", `in backticks`, or bare up to one of ,()~+- */
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
    const char *to = from + strcspn(from, ",()~+-\"`");
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

/* y ~ x1 + x2, y ~ 1, y ~ x - 1, y ~ 0 + x */
static bool read_formula(struct reader *r, struct spec *s)
{
    s->intercept = true;
    if (!read_column(r, s) || !expect(r, '~', STAT_LM))
        return false;
    bool minus = false;
    do {
        skip_space(r);
        bool constant = (*r->p == '0' || *r->p == '1') && strchr(" +-)", r->p[1]) && r->p[1] != '\0';
        if (constant) {
            s->intercept = minus ? *r->p == '0' : *r->p == '1';
            r->p++;
        } else if (minus) {
            return fail(r, "only 1 can be taken out with \"-\"");
        } else if (!read_column(r, s)) {
            return false;
        }
        minus = accept(r, '-');
    } while (minus || accept(r, '+'));
    if (!s->intercept && s->n_columns == 1)
        return fail(r, "a model without any term");
    return true;
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
    size_t len = strspn(r->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    for (s->kind = 0; s->kind < STAT_KIND_COUNT; s->kind++) {
        if (strlen(kind_names[s->kind]) == len && memcmp(kind_names[s->kind], r->p, len) == 0) {
            r->p += len;
            return true;
        }
    }
    const char *near = nearest(r->p, len, kind_names, STAT_KIND_COUNT);
    if (near)
        return fail(r, "unknown statistic \"%.*s\" (did you mean \"%s\"?)", len > 24 ? 24 : (int)len, r->p,
                    near);
    return fail(r,
                "unknown statistic \"%.*s\"; there are mean median trimmed sd var quantile cor ratio diff lm",
                len > 24 ? 24 : (int)len, r->p);
}

bool spec_parse(struct spec *s, const char *text, char ret_error[SPEC_ERROR_BYTES])
{
    struct reader r = {.text = text, .p = text, .error = ret_error};
    *s = (struct spec){.kind = STAT_MEAN};
    if (!read_kind(&r, s) || !expect(&r, '(', s->kind) || !read_args(&r, s) || !expect(&r, ')', s->kind))
        return false;
    skip_space(&r);
    return *r.p == '\0' || fail(&r, "unexpected text after %s", spec_usage(s->kind));
}
