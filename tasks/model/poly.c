#include "model/poly.h"

#include <math.h>
#include <stddef.h>

/* q less its mean and its share in the n_earlier columns before it. */
static void clear(double *q, uint32_t n, const double *columns, uint32_t n_earlier)
{
    double dot = 0;
    for (uint32_t i = 0; i < n; i++)
        dot += q[i];
    for (uint32_t i = 0; i < n; i++)
        q[i] -= dot / n;
    for (uint32_t l = 0; l < n_earlier; l++) {
        const double *earlier = columns + (size_t)l * n;
        dot = 0;
        for (uint32_t i = 0; i < n; i++)
            dot += q[i] * earlier[i];
        for (uint32_t i = 0; i < n; i++)
            q[i] -= dot * earlier[i];
    }
}

static double square(const double *q, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += q[i] * q[i];
    return sum;
}

bool poly_orthogonal(const double *x, uint32_t n, uint32_t degree, double *ret)
{
    double mean = 0, size = 0;
    for (uint32_t i = 0; i < n; i++)
        mean += x[i];
    mean /= n;
    for (uint32_t i = 0; i < n; i++)
        size = fmax(size, fabs(x[i] - mean));
    if (!(size > 0))
        return false;
    for (uint32_t k = 0; k < degree; k++) {
        double *q = ret + (size_t)k * n;
        for (uint32_t i = 0; i < n; i++)
            q[i] = (k == 0 ? 1 / sqrt(n) : ret[(size_t)(k - 1) * n + i]) * ((x[i] - mean) / size);
        double before = square(q, n);
        clear(q, n, ret, k);
        clear(q, n, ret, k);
        double length = square(q, n);
        if (!(length > 1e-14 * before))
            return false;
        for (uint32_t i = 0; i < n; i++)
            q[i] /= sqrt(length);
    }
    return true;
}

void poly_raw(const double *x, uint32_t n, uint32_t degree, double *ret)
{
    for (uint32_t k = 0; k < degree; k++) {
        for (uint32_t i = 0; i < n; i++)
            ret[(size_t)k * n + i] = k == 0 ? x[i] : pow(x[i], k + 1);
    }
}
