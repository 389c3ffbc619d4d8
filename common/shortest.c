/* v in d digits is v 10^k rounded, for some k, and reads back as v if it lies within half a step of the doubles at v, scaled
 * likewise. Both are decided in fixed point, with v 10^k as the upper half of the product of 64 bits of v and 128 of 10^k:
 * too small by less than 5 of its units. Where that could matter (ties, or once in 2^60) and for subnormal numbers,
 * printf and strtod decide, which take about ten times as long. */
#include "common/shortest.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum { COARSE_STEP = 19, COARSE_FIRST = -304, UNSURE_UNITS = 16, DIGITS_LEAST = 15, DIGITS_MOST = 17 };

/* (high 2^64 + low) 2^two */
struct binary {
    uint64_t high, low;
    int two;
};

/* 10^(COARSE_FIRST + i COARSE_STEP) with the highest bit of `high` set, rounded down */
static const struct binary coarse[] = {
    {UINT64_C(0x8c71dcd9ba0b4925), UINT64_C(0x9ff0c08b7f1d0b14), -1137}, /* 1e-304 */
    {UINT64_C(0x9845418c345644d6), UINT64_C(0x830a13896b78aaa9), -1074}, /* 1e-285 */
    {UINT64_C(0xa5178fff668ae0b6), UINT64_C(0x626e974dbe39a872), -1011}, /* 1e-266 */
    {UINT64_C(0xb2fe3f0b8599ef07), UINT64_C(0x861fa7e6dcb4aa15), -948},  /* 1e-247 */
    {UINT64_C(0xc21094364dfb5636), UINT64_C(0x985915fc12f542e4), -885},  /* 1e-228 */
    {UINT64_C(0xd267caa862a12d66), UINT64_C(0xd072df63c324fd7b), -822},  /* 1e-209 */
    {UINT64_C(0xe41f3d6a7377eeca), UINT64_C(0x20caba5f1d9e4a93), -759},  /* 1e-190 */
    {UINT64_C(0xf7549530e188c128), UINT64_C(0xd12bee59e68ef47c), -696},  /* 1e-171 */
    {UINT64_C(0x8613fd0145877585), UINT64_C(0xbd06742ce95f5f36), -632},  /* 1e-152 */
    {UINT64_C(0x915e2486ef32cd60), UINT64_C(0x0ace1474dc1d122e), -569},  /* 1e-133 */
    {UINT64_C(0x9d9ba7832936edc0), UINT64_C(0xd54b944b84aa4c0d), -506},  /* 1e-114 */
    {UINT64_C(0xaae103b5fcd2a881), UINT64_C(0xd652bdc29f26a119), -443},  /* 1e-95 */
    {UINT64_C(0xb94470938fa89bce), UINT64_C(0xf808e40e8d5b3e69), -380},  /* 1e-76 */
    {UINT64_C(0xc8de047564d20a8b), UINT64_C(0xf245825a5a445275), -317},  /* 1e-57 */
    {UINT64_C(0xd9c7dced53c72255), UINT64_C(0x96e7bd358c904a21), -254},  /* 1e-38 */
    {UINT64_C(0xec1e4a7db69561a5), UINT64_C(0x2b31e9e3d06c32e5), -191},  /* 1e-19 */
    {UINT64_C(0x8000000000000000), UINT64_C(0x0000000000000000), -127},  /* 1e0 */
    {UINT64_C(0x8ac7230489e80000), UINT64_C(0x0000000000000000), -64},   /* 1e19 */
    {UINT64_C(0x96769950b50d88f4), UINT64_C(0x1314448000000000), -1},    /* 1e38 */
    {UINT64_C(0xa321f2d7226895c7), UINT64_C(0xaff72d52192b6a0d), 62},    /* 1e57 */
    {UINT64_C(0xb0de65388cc8ada8), UINT64_C(0x3b25a55f43294bcb), 125},   /* 1e76 */
    {UINT64_C(0xbfc2ef456ae276e8), UINT64_C(0x9e3fedd8c321a67e), 188},   /* 1e95 */
    {UINT64_C(0xcfe87f7cef46ff16), UINT64_C(0xe612641865679a63), 251},   /* 1e114 */
    {UINT64_C(0xe16a1dc9d8545e94), UINT64_C(0xf4296dd6fef3d67a), 314},   /* 1e133 */
    {UINT64_C(0xf46518c2ef5b8cd1), UINT64_C(0x7eb258665fc25d69), 377},   /* 1e152 */
    {UINT64_C(0x847c9b5d7c2e09b7), UINT64_C(0x69956135febada11), 441},   /* 1e171 */
    {UINT64_C(0x8fa475791a569d10), UINT64_C(0xf96e017d694487bc), 504},   /* 1e190 */
    {UINT64_C(0x9bbcc7a142b17ccb), UINT64_C(0x88a66076400bb691), 567},   /* 1e209 */
    {UINT64_C(0xa8d9d1535ce3b396), UINT64_C(0x7f1839a741a14d0d), 630},   /* 1e228 */
    {UINT64_C(0xb7118682dbb66a77), UINT64_C(0x3fbc8c33221dc2a1), 693},   /* 1e247 */
    {UINT64_C(0xc67bb4597ce2ce48), UINT64_C(0xb143c6053edcd0d5), 756},   /* 1e266 */
    {UINT64_C(0xd732290fbacaf133), UINT64_C(0xa97c177947ad4095), 819},   /* 1e285 */
    {UINT64_C(0xe950df20247c83fd), UINT64_C(0x47c6b82ef32a2069), 882},   /* 1e304 */
    {UINT64_C(0xfcf62c1dee382c42), UINT64_C(0x46729e03dd9ed7b5), 945},   /* 1e323 */
};

static const uint64_t powers[] = {1U,
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
                                  100000000000000000U,
                                  1000000000000000000U};

/* The upper 128 of 192 bits. */
static wide upper_product(uint64_t a, const struct binary *b)
{
    return (wide)a * b->high + ((wide)a * b->low >> 64);
}

/* 10^k: less than 4 units too small. */
static struct binary power_of_ten(int k)
{
    int i = (k - COARSE_FIRST) / COARSE_STEP;
    uint64_t fine = powers[k - COARSE_FIRST - i * COARSE_STEP];
    int shift = __builtin_clzll(fine);
    wide v = upper_product(fine << shift, &coarse[i]);
    int two = coarse[i].two + 64 - shift;
    if (!(v >> 127)) {
        v <<= 1;
        two--;
    }
    return (struct binary){(uint64_t)(v >> 64), (uint64_t)v, two};
}

/* A positive double, scaled to DIGITS_MOST digits before the point, the first of which stands at 10^exponent: scaled 2^-point,
 * at most UNSURE_UNITS too small. Doubles that lie less than `reach` away are none. */
struct decimal {
    wide scaled, reach;
    int point, exponent;
    bool is_power; /* of two: doubles below it lie closer */
};

/* False: which digits it has is unsure. */
static bool scale(double v, struct decimal *d)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    int two = (int)(bits >> 52) - 1075 - 11;
    uint64_t m = ((bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52) << 11, q;
    d->exponent = (int)floor(log10(v));
    for (;;) {
        struct binary ten = power_of_ten(DIGITS_MOST - 1 - d->exponent);
        d->scaled = upper_product(m, &ten);
        d->reach = (((wide)ten.high << 64) | ten.low) >> 54;
        d->point = -(two + ten.two + 64);
        q = (uint64_t)(d->scaled >> d->point);
        if (q != (uint64_t)((d->scaled + UNSURE_UNITS) >> d->point))
            return false;
        if (q >= powers[DIGITS_MOST])
            d->exponent++;
        else if (q < powers[DIGITS_MOST - 1])
            d->exponent--;
        else
            break;
    }
    d->is_power = m == UINT64_C(1) << 63;
    return true;
}

enum rounding { READS_BACK, READS_OTHER, UNSURE };

/* Without the last `drop` of its digits. */
static enum rounding round_off(const struct decimal *d, int drop, uint64_t *ret)
{
    uint64_t q = (uint64_t)(d->scaled >> d->point), step = powers[drop];
    wide rest = d->scaled - ((wide)(q - q % step) << d->point), half = ((wide)step << d->point) / 2;
    bool up = rest > half;
    wide far = up ? 2 * half - rest : rest, between = up ? rest - half : half - rest;
    wide reach = d->is_power && !up ? d->reach / 2 : d->reach;
    *ret = q / step + up;
    if (far > reach + UNSURE_UNITS)
        return READS_OTHER;
    return far + UNSURE_UNITS > reach || between < UNSURE_UNITS ? UNSURE : READS_BACK;
}

static void write_exponent(int exponent, char *ret)
{
    int size = abs(exponent);
    *ret++ = 'e';
    *ret++ = exponent < 0 ? '-' : '+';
    if (size >= 100)
        *ret++ = (char)('0' + size / 100);
    *ret++ = (char)('0' + size / 10 % 10);
    *ret++ = (char)('0' + size % 10);
    *ret = '\0';
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
    if (exponent < -4 || exponent >= digits) {
        *ret++ = text[0];
        if (len > 1)
            *ret++ = '.';
        memcpy(ret, text + 1, (size_t)len - 1);
        write_exponent(exponent, ret + len - 1);
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
    for (int digits = DIGITS_LEAST; digits <= DIGITS_MOST; digits++) {
        (void)snprintf(ret, SHORTEST_BYTES, "%.*g", digits, v);
        if (strtod(ret, NULL) == v)
            break;
    }
    char *comma = strchr(ret, ',');
    if (comma)
        *comma = '.';
}

static bool by_integers(double v, char *ret)
{
    struct decimal d;
    uint64_t q = 0;
    int digits = DIGITS_LEAST;
    if (!scale(fabs(v), &d))
        return false;
    enum rounding r = READS_OTHER;
    for (; digits <= DIGITS_MOST; digits++)
        if ((r = round_off(&d, DIGITS_MOST - digits, &q)) != READS_OTHER)
            break;
    if (r != READS_BACK)
        return false;
    if (q == powers[digits]) {
        q /= 10;
        d.exponent++;
    }
    write_digits(v < 0, q, digits, d.exponent, ret);
    return true;
}

void shortest_double(double v, char ret[SHORTEST_BYTES])
{
    if (!isnormal(v) || fabs(v) == DBL_MIN || !by_integers(v, ret))
        by_printf(v, ret);
}
