/* Clinger's fast path (PLDI 1990): a mantissa up to 2^53 and a power of ten up to 10^22 are both exact doubles, so
 * one multiplication or division rounds once. Mantissas of up to 19 digits are multiplied or divided by a power of five
 * that fits 64 bits, in integers, to 62 bits or more and the knowledge whether anything is left: rounded once, too.
 * All else goes to strtod in the C locale. */
#include "common/number.h"

#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_POWER_MAX = 22, FIVE_POWER_MAX = 27, EXPONENT_MAX = 1000000, MANTISSA_DIGITS_MAX = 19 };
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
    int64_t n_digits; /* significant ones; the first MANTISSA_DIGITS_MAX are in mantissa */
    int64_t exponent;
    bool any;
};

static const char *scan_digits(const char *p, const char *end, bool fraction, struct decimal *d)
{
    const char *start = p;
    while (d->n_digits == 0 && p < end && *p == '0')
        p++;
    const char *first = p;
    int64_t room = MANTISSA_DIGITS_MAX - d->n_digits;
    for (; p < end && (unsigned)(*p - '0') < 10; p++)
        if (room-- > 0)
            d->mantissa = d->mantissa * 10 + (unsigned)(*p - '0');
    d->any = d->any || p > start;
    d->n_digits += p - first;
    d->exponent -= fraction ? p - start : 0;
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

__extension__ typedef unsigned __int128 wide;

static double power_of_two(int e)
{
    uint64_t image = (uint64_t)(1023 + e) << 52;
    double x;
    memcpy(&x, &image, sizeof x);
    return x;
}

static const uint64_t power_of_five[FIVE_POWER_MAX + 1] = {UINT64_C(1),
                                                           UINT64_C(5),
                                                           UINT64_C(25),
                                                           UINT64_C(125),
                                                           UINT64_C(625),
                                                           UINT64_C(3125),
                                                           UINT64_C(15625),
                                                           UINT64_C(78125),
                                                           UINT64_C(390625),
                                                           UINT64_C(1953125),
                                                           UINT64_C(9765625),
                                                           UINT64_C(48828125),
                                                           UINT64_C(244140625),
                                                           UINT64_C(1220703125),
                                                           UINT64_C(6103515625),
                                                           UINT64_C(30517578125),
                                                           UINT64_C(152587890625),
                                                           UINT64_C(762939453125),
                                                           UINT64_C(3814697265625),
                                                           UINT64_C(19073486328125),
                                                           UINT64_C(95367431640625),
                                                           UINT64_C(476837158203125),
                                                           UINT64_C(2384185791015625),
                                                           UINT64_C(11920928955078125),
                                                           UINT64_C(59604644775390625),
                                                           UINT64_C(298023223876953125),
                                                           UINT64_C(1490116119384765625),
                                                           UINT64_C(7450580596923828125)};

/* mantissa * 10^k, mantissa not 0, |k| <= FIVE_POWER_MAX. Far from the ends of the range of doubles. */
static double scale_exactly(uint64_t mantissa, int k)
{
    uint64_t five = power_of_five[k < 0 ? -k : k], top, rest;
    int shift = __builtin_clzll(mantissa), e;
    if (k < 0) { /* both with their highest bit set: the quotient has 63 or 64 bits */
        int shift_five = __builtin_clzll(five);
        wide dividend = (wide)(mantissa << shift) << 63;
        uint64_t divisor = five << shift_five;
        top = (uint64_t)(dividend / divisor);
        rest = (uint64_t)(dividend - (wide)top * divisor);
        e = shift_five - shift - 63;
    } else { /* 64 bits of the product, or all but the highest one */
        wide product = (wide)(mantissa << shift) * (five << __builtin_clzll(five));
        top = (uint64_t)(product >> 64);
        rest = (uint64_t)product;
        e = 64 - shift - __builtin_clzll(five);
    }
    return (double)(top | (rest != 0)) * power_of_two(e + k);
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
    double v = (double)d.mantissa;
    if (d.n_digits <= MANTISSA_DIGITS_MAX && d.mantissa <= EXACT_MANTISSA_MAX &&
        d.exponent <= EXACT_POWER_MAX && d.exponent >= -EXACT_POWER_MAX) {
        v = d.exponent < 0 ? v / power_of_ten[-d.exponent] : v * power_of_ten[d.exponent];
    } else if (d.n_digits <= MANTISSA_DIGITS_MAX && d.mantissa > 0 && d.exponent <= FIVE_POWER_MAX &&
               d.exponent >= -FIVE_POWER_MAX) {
        v = scale_exactly(d.mantissa, (int)d.exponent);
    } else {
        *ret = parse_slowly(text);
        return true;
    }
    *ret = minus ? -v : v;
    return true;
}
