#include <math.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/decl.h"
#include "common/error.h"
#include "common/mem.h"
#include "common/number.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool times_ten(uint64_t *v, unsigned digit)
{
    return !__builtin_mul_overflow(*v, (uint64_t)10, v) && !__builtin_add_overflow(*v, (uint64_t)digit, v);
}

enum whole { WHOLE_OK, WHOLE_NO_NUMBER, WHOLE_FRACTION, WHOLE_OVERFLOW };

/* The magnitude of a decimal number that is an integer, without rounding: "1e6", "2.5e3", "120.0". */
static enum whole parse_whole(const char *text, bool *ret_minus, uint64_t *ret)
{
    double unused;
    size_t len = strlen(text);
    if (!number_parse(text, len, &unused))
        return WHOLE_NO_NUMBER;
    const char *p = text;
    bool minus = *p == '-';
    p += *p == '-' || *p == '+';
    const char *e = strpbrk(p, "eE");
    const char *end = e ? e : text + len;
    long exponent = 0;
    if (e) {
        bool down = e[1] == '-';
        for (const char *q = e + 1 + (e[1] == '-' || e[1] == '+'); is_digit(*q); q++)
            if (exponent < 100000)
                exponent = exponent * 10 + (*q - '0');
        exponent = down ? -exponent : exponent;
    }
    const char *dot = memchr(p, '.', (size_t)(end - p));
    long before_point =
        (long)((dot ? dot : end) - p) + exponent; /* digits that stand before the point at last */
    uint64_t v = 0;
    long place = 0;
    for (; p < end; p++) {
        if (*p == '.')
            continue;
        if (place >= before_point && *p != '0')
            return WHOLE_FRACTION;
        if (place < before_point && !times_ten(&v, (unsigned)(*p - '0')))
            return WHOLE_OVERFLOW;
        place++;
    }
    for (; v > 0 && place < before_point; place++)
        if (!times_ten(&v, 0))
            return WHOLE_OVERFLOW;
    *ret_minus = minus;
    *ret = v;
    return WHOLE_OK;
}

qx_err value_int(const char *text, int64_t *ret, struct qx_error *err)
{
    bool minus = false;
    uint64_t v = 0;
    switch (parse_whole(text, &minus, &v)) {
    case WHOLE_OK:
        break;
    case WHOLE_NO_NUMBER:
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' is not a whole number", text);
    case WHOLE_FRACTION:
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' is not whole", text);
    case WHOLE_OVERFLOW:
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' does not fit in 64 bits", text);
    }
    if (v > (uint64_t)INT64_MAX + minus)
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' does not fit in 64 bits", text);
    *ret = minus ? (int64_t)(0 - v) : (int64_t)v;
    return QX_ERR_OK;
}

qx_err value_count(const char *text, uint64_t *ret, struct qx_error *err)
{
    bool minus = false;
    uint64_t v = 0;
    enum whole w = parse_whole(text, &minus, &v);
    if (w == WHOLE_NO_NUMBER)
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' is not a number of items (1000, 1e8, 2.5e3)", text);
    if (w == WHOLE_FRACTION)
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' is not a whole number of items", text);
    if (w == WHOLE_OVERFLOW || (!minus && v > QX_ITEMS_MAX))
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' items are too many: the most is 2^62", text);
    if (minus || v == 0)
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' items: there must be at least 1", text);
    *ret = v;
    return QX_ERR_OK;
}

static qx_err real_of(const char *text, size_t len, double *ret, struct qx_error *err)
{
    double v;
    if (!number_parse(text, len, &v))
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' is not a number", text);
    if (!isfinite(v))
        return qx_fail(err, QX_ERR_INVALID, "'%.60s' is beyond the range of a double", text);
    *ret = v;
    return QX_ERR_OK;
}

qx_err value_real(const char *text, double *ret, struct qx_error *err)
{
    return real_of(text, strlen(text), ret, err);
}

qx_err value_bool(const char *text, bool *ret, struct qx_error *err)
{
    static const char *const words[] = {"yes", "true", "1", "no", "false", "0"};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *ret = i < 3;
            return QX_ERR_OK;
        }
    }
    return qx_fail(err, QX_ERR_INVALID, "'%.60s' is not yes or no", text);
}

/* One member of a list, without the blanks around it. */
static qx_err real_member(const char *p, size_t len, size_t place, double *ret, struct qx_error *err)
{
    char text[128];
    while (len > 0 && *p == ' ') {
        p++;
        len--;
    }
    while (len > 0 && p[len - 1] == ' ')
        len--;
    if (len >= sizeof text)
        return qx_fail(err, QX_ERR_INVALID, "member %zu of the list is not a number", place);
    memcpy(text, p, len);
    text[len] = '\0';
    struct qx_error why;
    if (real_of(text, len, ret, &why) != QX_ERR_OK)
        return qx_fail(err, QX_ERR_INVALID, "member %zu of the list: %s", place, why.text);
    return QX_ERR_OK;
}

qx_err value_reals(const char *text, double **ret_values, size_t *ret_n, struct qx_error *err)
{
    size_t n = 1, i = 0;
    for (const char *p = text; *p; p++)
        n += *p == ',';
    double *values = qx_calloc(n, sizeof *values);
    if (!values)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a list of %zu numbers", n);
    for (const char *p = text;; i++) {
        size_t len = strcspn(p, ",");
        qx_err e = real_member(p, len, i + 1, &values[i], err);
        if (e != QX_ERR_OK) {
            qx_free(values);
            return e;
        }
        if (p[len] == '\0')
            break;
        p += len + 1;
    }
    *ret_values = values;
    *ret_n = n;
    return QX_ERR_OK;
}
