#include "em/cholesky.h"

#include <math.h>
#include <stddef.h>

bool cholesky(double *a, uint32_t p, double floor2, const double *scale2)
{
    for (uint32_t i = 0; i < p; i++) {
        for (uint32_t j = 0; j <= i; j++) {
            double sum = a[i * p + j];
            for (uint32_t m = 0; m < j; m++)
                sum -= a[i * p + m] * a[j * p + m];
            if (i > j)
                a[i * p + j] = sum / a[j * p + j];
            else if (sum > floor2 * (scale2 ? scale2[i * p + i] : 0) && isfinite(sum))
                a[i * p + i] = sqrt(sum);
            else
                return false;
        }
    }
    return true;
}

void cholesky_forward(const double *l, uint32_t n, double *x)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < i; j++)
            x[i] -= l[(size_t)i * n + j] * x[j];
        x[i] /= l[(size_t)i * n + i];
    }
}

void cholesky_inverse_column(const double *l, uint32_t n, uint32_t q, double *ret)
{
    for (uint32_t i = 0; i < n; i++)
        ret[i] = i == q;
    cholesky_forward(l, n, ret);
    for (uint32_t i = n; i-- > 0;) {
        for (uint32_t j = i + 1; j < n; j++)
            ret[i] -= l[(size_t)j * n + i] * ret[j];
        ret[i] /= l[(size_t)i * n + i];
    }
}
