#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/writer.h"

static int exponent(double v)
{
    return v != 0 ? (int)floor(log10(fabs(v))) : 0;
}

static bool readable_fixed(double v)
{
    return v == 0 || (fabs(v) >= 1e-4 && fabs(v) < 1e9);
}

/* The place of the last digit that a standard error leaves sense in: its second significant one, or the third of
 * one that starts low, so that it is never rounded by more than 2 per cent (after the Particle Data Group's rule). */
static int last_place(double se)
{
    int first = exponent(se);
    return se / pow(10, first) < 3.55 ? first - 2 : first - 1;
}

void number_with_se(double v, double se, char *ret)
{
    if (!isfinite(v)) {
        (void)snprintf(ret, NUMBER_BYTES, "%s", isnan(v) ? "-" : v > 0 ? "inf" : "-inf");
        return;
    }
    if (!(se > 0) || !isfinite(se)) {
        (void)snprintf(ret, NUMBER_BYTES, "%.6g", v);
        return;
    }
    int last = last_place(se);
    if (readable_fixed(se) || (readable_fixed(v) && v != 0 && last > -13)) {
        int decimals = last < 0 ? -last : 0;
        (void)snprintf(ret, NUMBER_BYTES, "%.*f", decimals > 15 ? 15 : decimals, v);
        return;
    }
    int digits = exponent(v) - last;
    (void)snprintf(ret, NUMBER_BYTES, "%.*e", digits < 0 ? 0 : digits > 16 ? 16 : digits, v);
}

void number_seconds(double s, char *ret)
{
    if (!isfinite(s) || s < 0)
        (void)snprintf(ret, NUMBER_BYTES, "-");
    else if (s < 0.9995e-3)
        (void)snprintf(ret, NUMBER_BYTES, "%.0f us", s * 1e6);
    else if (s < 0.9995)
        (void)snprintf(ret, NUMBER_BYTES, "%.0f ms", s * 1e3);
    else if (s < 99.5)
        (void)snprintf(ret, NUMBER_BYTES, "%.*f s", s < 9.995 ? 2 : 1, s);
    else if (s < 3600)
        (void)snprintf(ret, NUMBER_BYTES, "%d min %d s", (int)(s / 60), (int)fmod(s, 60));
    else if (s < 86400)
        (void)snprintf(ret, NUMBER_BYTES, "%d h %d min", (int)(s / 3600), (int)(fmod(s, 3600) / 60));
    else
        (void)snprintf(ret, NUMBER_BYTES, "%.0f d %d h", floor(s / 86400), (int)(fmod(s, 86400) / 3600));
}

void number_count(double n, char *ret)
{
    static const char units[] = {'k', 'M', 'G', 'T', 'P'};
    if (n < 9999.5) {
        (void)snprintf(ret, NUMBER_BYTES, "%.0f", n);
        return;
    }
    size_t unit = 0;
    for (n /= 1000; n >= 999.5 && unit + 1 < sizeof units; unit++)
        n /= 1000;
    (void)snprintf(ret, NUMBER_BYTES, "%.*f%c", n < 9.995 ? 2 : n < 99.95 ? 1 : 0, n, units[unit]);
}
