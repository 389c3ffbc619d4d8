/* A finite double is m / 2^s with m < 2^53. Between 1e-5 and 1e15 both m * 10^k for the k that leaves 15 to 17 digits and q * 2^s for
 * the rounded q fit in 128 bits, so rounding to digits and asking whether they read back is exact arithmetic, and about ten times
 * as fast as printf and strtod. Other magnitudes take those. */
#include "common/shortest.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

struct binary {
    uint64_t m;
    int s;
};

static wide power_of_ten(int k)
{
    static const uint64_t small[] = {1U,
                                     10U,
                                     100U,
                                     1000U,
                                     10000U,
                                     100000U,
                                     1000000U,
                                     10000000U,
                                     100000000U,
                                     1000000000U,
                                     10000000000U,
                                     100000000000U,
                                     1000000000000U,
                                     10000000000000U,
                                     100000000000000U,
                                     1000000000000000U,
                                     10000000000000000U,
                                     100000000000000000U};
    return k <= 17 ? small[k] : (wide)small[17] * small[k - 17];
}

static struct binary split(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (struct binary){(bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52, 1075 - (int)(bits >> 52)};
}

/* v in `digits` digits, with the first at 10^*exponent: half to even. Does it read back as v? */
static bool round_to(struct binary b, int digits, int *exponent, uint64_t *ret)
{
    wide scaled, ten, top = power_of_ten(digits), unit = (wide)1 << b.s, q;
    for (;; ++*exponent) { /* the estimate may be one too low */
        ten = power_of_ten(digits - 1 - *exponent);
        scaled = b.m * ten;
        q = scaled >> b.s;
        if (q < top)
            break;
    }
    wide rest = scaled - (q << b.s);
    q += rest > unit / 2 || (rest == unit / 2 && (q & 1));
    wide back = q << b.s, far = back > scaled ? back - scaled : scaled - back;
    bool narrow = back < scaled && b.m == UINT64_C(1) << 52; /* doubles below a power of two lie closer */
    far *= narrow ? 4 : 2;
    if (q == top) {
        q /= 10;
        ++*exponent;
    }
    *ret = (uint64_t)q;
    return far < ten || (far == ten && !(b.m & 1));
}

/* As %g writes them. */
static void write_digits(bool minus, uint64_t q, int digits, int exponent, char *ret)
{
    char text[24] = "";
    int len = digits;
    for (int i = digits; i-- > 0; q /= 10)
        text[i] = (char)('0' + q % 10);
    while (len > 1 && text[len - 1] == '0')
        len--;
    if (minus)
        *ret++ = '-';
    if (exponent < -4) {
        *ret++ = text[0];
        if (len > 1)
            *ret++ = '.';
        memcpy(ret, text + 1, (size_t)len - 1);
        memcpy(ret + len - 1, "e-05", 5); /* the least that comes here */
        return;
    }
    if (exponent < 0) { /* 0.000ddd */
        memcpy(ret, "0.000", 5);
        ret += 1 - exponent;
        memcpy(ret, text, (size_t)len);
        ret[len] = '\0';
        return;
    }
    for (int i = 0; i < len || i <= exponent; i++) {
        if (i == exponent + 1)
            *ret++ = '.';
        *ret++ = text[i]; /* zeros up to the point are there */
    }
    *ret = '\0';
}

static void by_printf(double v, char *ret)
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(ret, SHORTEST_BYTES, "%.*g", digits, v);
        if (strtod(ret, NULL) == v)
            break;
    }
    char *comma = strchr(ret, ',');
    if (comma)
        *comma = '.';
}

void shortest_double(double v, char ret[SHORTEST_BYTES])
{
    double size = fabs(v);
    if (!(size >= 1e-5 && size < 1e15)) {
        by_printf(v, ret);
        return;
    }
    struct binary b = split(size);
    int estimate = (int)floor(log10(size)) - 1, exponent = estimate, digits = 15;
    uint64_t q;
    while (!round_to(b, digits, &exponent, &q) && digits < 17) {
        digits++;
        exponent = estimate;
    }
    write_digits(v < 0, q, digits, exponent, ret);
}
