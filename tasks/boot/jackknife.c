/* jackknife.c - what leaving rows out tells of the statistics of the data. */
#include <math.h>
#include <stdlib.h>

#include "boot/boot.h"

struct jack_sums {
    double m2, m3, var;
};

/* A stratum's share: influence values l = (rows that stay / rows left out) times the way the estimate moves, centred, as
 * Davison and Hinkley (1997), section 5.3.2, several samples; for groups the sum of their rows' values. */
static bool jackknife_stratum(struct boot *b, uint32_t g, uint32_t per_group, double *thetas,
                              struct jack_sums *sums)
{
    uint32_t start = b->data.start[g], end = b->data.start[g + 1], size = end - start, p = b->n_theta,
             n_groups = 0;
    double mean[STAT_THETA_MAX] = {0};
    for (uint32_t from = start; from < end; from += per_group, n_groups++) {
        uint32_t to = end - from < per_group ? end : from + per_group;
        double *theta = thetas + (size_t)n_groups * p;
        for (uint32_t i = from; i < to; i++)
            b->weights[i] = 0;
        const char *why =
            to - from < b->data.n ? boot_value(b, b->weights, b->data.n - (to - from), theta, NULL) : "";
        for (uint32_t i = from; i < to; i++)
            b->weights[i] = 1;
        if (why)
            return false;
        for (uint32_t k = 0; k < p; k++)
            mean[k] += theta[k];
    }
    for (uint32_t k = 0; k < p; k++) {
        double m2 = 0, m3 = 0, scale = (double)size - per_group, n = size;
        for (uint32_t i = 0; i < n_groups; i++) {
            double l = scale * (mean[k] / n_groups - thetas[(size_t)i * p + k]);
            m2 += l * l;
            m3 += l * l * l;
        }
        sums[k].m2 += m2 / (n * n);
        sums[k].m3 += m3 / (n * n * n);
        sums[k].var += size > per_group ? m2 / (n * (n - per_group)) : 0;
    }
    return true;
}

void boot_jackknife(struct boot *b, struct jackknife *ret)
{
    uint32_t n = b->data.n, per_group = (n + JACKKNIFE_EVALUATIONS - 1) / JACKKNIFE_EVALUATIONS;
    struct jack_sums sums[STAT_THETA_MAX] = {{0, 0, 0}};
    double *thetas = malloc((size_t)n / per_group * b->n_theta * sizeof *thetas + 2 * sizeof sums);
    *ret = (struct jackknife){.ok = thetas != NULL};
    if (!thetas)
        return;
    for (uint32_t i = 0; i < n; i++)
        b->weights[i] = 1;
    for (uint32_t g = 0; ret->ok && g < b->data.n_strata; g++)
        ret->ok =
            b->data.start[g + 1] - b->data.start[g] < 2 || jackknife_stratum(b, g, per_group, thetas, sums);
    for (uint32_t k = 0; ret->ok && k < b->n_theta; k++) {
        ret->acceleration[k] = sums[k].m2 > 0 ? sums[k].m3 / (6 * pow(sums[k].m2, 1.5)) : 0;
        ret->se[k] = sqrt(sums[k].var);
    }
    free(thetas);
}
