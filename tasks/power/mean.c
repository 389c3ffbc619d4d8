#include "power/mean.h"

#include <math.h>

enum { LANES = 4 };

struct mean {
    double n, mean, ss; /* ss: sum of squares about the mean */
};

/* Two passes, each in lanes: one chain of additions would take longer than drawing the values. */
static struct mean mean_of(const double *x, uint32_t n)
{
    double sum[LANES] = {0}, ss[LANES] = {0};
    uint32_t whole = n - n % LANES;
    for (uint32_t i = 0; i < whole; i += LANES)
        for (uint32_t k = 0; k < LANES; k++)
            sum[k] += x[i + k];
    for (uint32_t i = whole; i < n; i++)
        sum[0] += x[i];
    double mean = ((sum[0] + sum[1]) + (sum[2] + sum[3])) / n;
    for (uint32_t i = 0; i < whole; i += LANES)
        for (uint32_t k = 0; k < LANES; k++)
            ss[k] += (x[i + k] - mean) * (x[i + k] - mean);
    for (uint32_t i = whole; i < n; i++)
        ss[0] += (x[i] - mean) * (x[i] - mean);
    return (struct mean){n, mean, (ss[0] + ss[1]) + (ss[2] + ss[3])};
}

struct t_statistic t_one(const double *x, uint32_t n)
{
    struct mean a = mean_of(x, n);
    return (struct t_statistic){a.mean / sqrt(a.ss / (a.n - 1) / a.n), a.n - 1};
}

struct t_statistic t_student(const double *x, uint32_t n1, const double *y, uint32_t n2)
{
    struct mean a = mean_of(x, n1), b = mean_of(y, n2);
    double df = a.n + b.n - 2, var = (a.ss + b.ss) / df;
    return (struct t_statistic){(a.mean - b.mean) / sqrt(var * (1 / a.n + 1 / b.n)), df};
}

struct t_statistic t_welch(const double *x, uint32_t n1, const double *y, uint32_t n2)
{
    struct mean a = mean_of(x, n1), b = mean_of(y, n2);
    double va = a.ss / (a.n - 1) / a.n, vb = b.ss / (b.n - 1) / b.n, v = va + vb;
    return (struct t_statistic){(a.mean - b.mean) / sqrt(v),
                                v * v / (va * va / (a.n - 1) + vb * vb / (b.n - 1))};
}

struct f_statistic f_anova(const double *x, const uint32_t *n, uint32_t n_groups)
{
    double total = 0, sum = 0, within = 0, between = 0, means[MEAN_GROUPS_MAX], k = n_groups;
    const double *from = x;
    for (uint32_t g = 0; g < n_groups; from += n[g++]) {
        struct mean m = mean_of(from, n[g]);
        means[g] = m.mean;
        total += m.n;
        sum += m.n * m.mean;
        within += m.ss;
    }
    for (uint32_t g = 0; g < n_groups; g++)
        between += n[g] * (means[g] - sum / total) * (means[g] - sum / total);
    return (struct f_statistic){between / (k - 1) / (within / (total - k)), k - 1, total - k};
}

/* Welch (1951), "On the comparison of several mean values". */
struct f_statistic f_welch(const double *x, const uint32_t *n, uint32_t n_groups)
{
    double means[MEAN_GROUPS_MAX], w[MEAN_GROUPS_MAX], sum_w = 0, sum = 0, between = 0, off = 0, k = n_groups;
    const double *from = x;
    for (uint32_t g = 0; g < n_groups; from += n[g++]) {
        struct mean m = mean_of(from, n[g]);
        means[g] = m.mean;
        w[g] = m.n / (m.ss / (m.n - 1));
        sum_w += w[g];
        sum += w[g] * m.mean;
    }
    for (uint32_t g = 0; g < n_groups; g++) {
        between += w[g] * (means[g] - sum / sum_w) * (means[g] - sum / sum_w);
        off += (1 - w[g] / sum_w) * (1 - w[g] / sum_w) / (n[g] - 1.0);
    }
    off /= k * k - 1;
    return (struct f_statistic){between / ((k - 1) * (1 + 2 * (k - 2) * off)), k - 1, 1 / (3 * off)};
}
