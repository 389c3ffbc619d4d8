/* Clinger's fast path (PLDI 1990): a mantissa below 2^53 and a power of ten up to 10^22 are both exact doubles, so
 * one multiplication or division rounds once. All else goes to strtod in the C locale. */
#include "common/number.h"

#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum { EXACT_POWER_MAX = 22, EXPONENT_MAX = 1000000, MANTISSA_DIGITS_MAX = 19 };
#define EXACT_MANTISSA_MAX ((uint64_t)1 << 53)

static const double power_of_ten[EXACT_POWER_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void c_locale_open(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static double parse_slowly(const char *text)
{
    pthread_once(&c_locale_once, c_locale_open);
    return strtod_l(text, NULL, c_locale);
}

struct decimal {
    uint64_t mantissa;
    int n_digits; /* significant ones in mantissa */
    int exponent;
    bool any;
};

static const char *scan_digits(const char *p, const char *end, bool fraction, struct decimal *d)
{
    for (; p < end && (unsigned)(*p - '0') < 10; p++) {
        unsigned digit = (unsigned)(*p - '0');
        d->any = true;
        d->n_digits += d->n_digits > 0 || digit > 0;
        if (d->n_digits <= MANTISSA_DIGITS_MAX)
            d->mantissa = d->mantissa * 10 + digit;
        d->exponent -= fraction;
    }
    return p;
}

static const char *scan_exponent(const char *p, const char *end, struct decimal *d)
{
    bool minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return NULL;
    int e = 0;
    for (; p < end && (unsigned)(*p - '0') < 10; p++)
        if (e < EXPONENT_MAX)
            e = e * 10 + (*p - '0');
    d->exponent += minus ? -e : e;
    return p;
}

bool number_parse(const char *text, size_t len, double *ret)
{
    const char *p = text, *end = text + len;
    bool minus = len > 0 && *p == '-';
    if (len > 0 && (*p == '-' || *p == '+'))
        p++;
    struct decimal d = {0};
    p = scan_digits(p, end, false, &d);
    if (p < end && *p == '.')
        p = scan_digits(p + 1, end, true, &d);
    if (!d.any)
        return false;
    if (p < end && (*p == 'e' || *p == 'E'))
        p = scan_exponent(p + 1, end, &d);
    if (p != end)
        return false;
    if (d.n_digits > MANTISSA_DIGITS_MAX || d.mantissa > EXACT_MANTISSA_MAX || d.exponent > EXACT_POWER_MAX ||
        d.exponent < -EXACT_POWER_MAX) {
        *ret = parse_slowly(text);
        return true;
    }
    double v = (double)d.mantissa;
    v = d.exponent < 0 ? v / power_of_ten[-d.exponent] : v * power_of_ten[d.exponent];
    *ret = minus ? -v : v;
    return true;
}
