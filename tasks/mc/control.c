#include "mc/control.h"

#include <math.h>

/* A control whose variance given those before it is this share of its variance is left out. */
static const double alias_share = 1e-12;

/* Lower Cholesky factor of the controls' covariance; rows of aliased controls are zero. */
static void factor(uint32_t k, uint32_t c, const double *cov, double l[CONTROLS_MAX][CONTROLS_MAX],
                   bool *aliased)
{
    uint32_t width = k + c;
    for (uint32_t i = 0; i < c; i++) {
        const double *row = cov + (size_t)(k + i) * width + k;
        double rest = row[i];
        for (uint32_t j = 0; j < i; j++) {
            double sum = row[j];
            for (uint32_t m = 0; m < j; m++)
                sum -= l[i][m] * l[j][m];
            l[i][j] = aliased[j] ? 0 : sum / l[j][j];
            rest -= l[i][j] * l[i][j];
        }
        aliased[i] = !(rest > alias_share * row[i]);
        for (uint32_t j = 0; aliased[i] && j < i; j++)
            l[i][j] = 0;
        l[i][i] = aliased[i] ? 0 : sqrt(rest);
    }
}

static void solve_lower(uint32_t c, double l[CONTROLS_MAX][CONTROLS_MAX], const bool *aliased, double *b)
{
    for (uint32_t i = 0; i < c; i++) {
        for (uint32_t j = 0; j < i; j++)
            b[i] -= l[i][j] * b[j];
        b[i] = aliased[i] ? 0 : b[i] / l[i][i];
    }
}

static void solve_upper(uint32_t c, double l[CONTROLS_MAX][CONTROLS_MAX], const bool *aliased, double *b)
{
    for (uint32_t i = c; i-- > 0;) {
        for (uint32_t j = i + 1; j < c; j++)
            b[i] -= l[j][i] * b[j];
        b[i] = aliased[i] ? 0 : b[i] / l[i][i];
    }
}

void control_regress(uint32_t k, uint32_t c, double n, const double *mean, const double *cov,
                     const double *known, struct control_fit *fit, struct estimates *ret)
{
    double l[CONTROLS_MAX][CONTROLS_MAX] = {{0}}, off[CONTROLS_MAX], half[FUNCTIONS_MAX][CONTROLS_MAX];
    double leverage = 0;
    uint32_t width = k + c, used = 0;
    *fit = (struct control_fit){.c = c};
    *ret = (struct estimates){.k = k};
    factor(k, c, cov, l, fit->aliased);
    for (uint32_t i = 0; i < c; i++) {
        off[i] = mean[k + i] - known[i];
        used += !fit->aliased[i];
    }
    for (uint32_t a = 0; a < k; a++) {
        double explained = 0, total = cov[(size_t)a * width + a], b[CONTROLS_MAX];
        for (uint32_t i = 0; i < c; i++)
            half[a][i] = cov[(size_t)a * width + k + i];
        solve_lower(c, l, fit->aliased, half[a]);
        ret->value[a] = mean[a];
        for (uint32_t i = 0; i < c; i++) {
            b[i] = half[a][i];
            explained += b[i] * b[i];
        }
        solve_upper(c, l, fit->aliased, b);
        for (uint32_t i = 0; i < c; i++) {
            fit->beta[i][a] = b[i];
            ret->value[a] -= b[i] * off[i];
        }
        fit->r2[a] = total > 0 ? fmin(explained / total, 1) : NAN;
    }
    solve_lower(c, l, fit->aliased, off);
    for (uint32_t i = 0; i < c; i++)
        leverage += off[i] * off[i];
    ret->df = n - 1 - used;
    for (uint32_t a = 0; a < k; a++) {
        for (uint32_t b = 0; b < k; b++) {
            double rest = cov[(size_t)a * width + b];
            for (uint32_t i = 0; i < c; i++)
                rest -= half[a][i] * half[b][i];
            if (a == b && rest < 0)
                rest = 0;
            ret->cov[a][b] = ret->df > 0 ? rest * (n - 1) / ret->df * (1 / n + leverage / (n - 1)) : NAN;
        }
    }
}
