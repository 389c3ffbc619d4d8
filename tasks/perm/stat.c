/* stat.c - T from an arrangement. Opening is in stat_open.c. */
#include "perm/stat.h"

#include <math.h>
#include <string.h>

static const double huge_t = 1e300; /* a t whose variance is nought */
static const double nought = 1e-13; /* a variance this small, as a share of the whole, is rounding */

uint32_t stat_tiles(const struct stat *s)
{
    return (s->n_vars + STAT_TILE - 1) / STAT_TILE;
}

uint32_t stat_tile_width(const struct stat *s, uint32_t tile)
{
    uint32_t left = s->n_vars - tile * STAT_TILE;
    return left < STAT_TILE ? left : STAT_TILE;
}

uint32_t stat_list(const struct stat *s, const struct arrangement *a, uint32_t *ret_list)
{
    uint32_t n = 0;
    if (s->kind >= STAT_PEARSON)
        return 0;
    for (uint32_t w = 0; w * 64 < s->n; w++) {
        for (uint64_t bits = a->bits[w]; bits != 0; bits &= bits - 1)
            ret_list[n++] = w * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return n;
}

/* ---- sums ---- */

/* Of the tile's rows in the list, variable by variable. */
static void sum_rows(const double *x, uint32_t width, const uint32_t *list, uint32_t n_list, double *sums)
{
    memset(sums, 0, width * sizeof *sums);
    for (uint32_t i = 0; i < n_list; i++) {
        const double *row = x + (size_t)list[i] * width;
        for (uint32_t v = 0; v < width; v++)
            sums[v] += row[v];
    }
}

/* Of one variable, eight units a look-up. */
static double sum_bytes(const double *by_byte, const uint64_t *bits, uint32_t n)
{
    double lanes[4] = {0, 0, 0, 0};
    uint32_t words = n / 64, rest = (n % 64 + 7) / 8;
    for (uint32_t w = 0; w < words; w++, by_byte += 8 * 256) {
        uint64_t b = bits[w];
        for (uint32_t k = 0; k < 8; k++)
            lanes[k & 3] += by_byte[256 * k + (b >> (8 * k) & 255)];
    }
    for (uint32_t k = 0; k < rest; k++)
        lanes[k & 3] += by_byte[256 * k + (bits[words] >> (8 * k) & 255)];
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

/* By label: sums[g * width + v]. */
static void sum_groups(const struct stat *s, const double *x, uint32_t width, const uint32_t *label,
                       double *sums)
{
    memset(sums, 0, (size_t)s->n_groups * width * sizeof *sums);
    if (width == 1) {
        for (uint32_t i = 0; i < s->n; i++)
            sums[label[i]] += x[i];
        return;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        double *to = sums + (size_t)label[i] * width;
        for (uint32_t v = 0; v < width; v++)
            to[v] += x[(size_t)i * width + v];
    }
}

static void sum_products(const struct stat *s, const double *x, uint32_t width, const uint32_t *label,
                         double *sums)
{
    memset(sums, 0, width * sizeof *sums);
    for (uint32_t i = 0; i < s->n; i++) {
        double weight = s->weight[i];
        const double *row = x + (size_t)label[i] * width;
        for (uint32_t v = 0; v < width; v++)
            sums[v] += weight * row[v];
    }
}

/* ---- T from sums ---- */

static double ratio(double difference, double square, double whole)
{
    if (square > nought * whole)
        return difference / sqrt(square);
    return difference * difference <= nought * whole ? 0 : copysign(huge_t, difference);
}

/* sum, square: of the smaller group's values, which are centred. */
static double of_two(const struct stat *s, uint32_t v, double sum, double square)
{
    double m = s->first, k = s->n - s->first, ss = s->ss[v], d;
    if (s->swapped) {
        sum = -sum;
        square = ss - square;
    }
    d = sum * (1 / m + 1 / k);
    switch (s->kind) {
    case STAT_TWO_STUDENT:
        return ratio(d, (ss - sum * sum * (1 / m + 1 / k)) / (m + k - 2) * (1 / m + 1 / k), ss / (m * k));
    case STAT_TWO_WELCH:
        return ratio(d,
                     (square - sum * sum / m) / ((m - 1) * m) + (ss - square - sum * sum / k) / ((k - 1) * k),
                     ss / (m * k));
    case STAT_TWO_WILCOXON:
        return sum;
    default:
        return d;
    }
}

/* flipped: sum of the differences whose sign is changed. */
static double of_pairs(const struct stat *s, uint32_t v, double flipped)
{
    double n = s->n, sum = s->total[v] - 2 * flipped;
    switch (s->kind) {
    case STAT_PAIRED_MEAN:
        return sum / n;
    case STAT_PAIRED_T:
        return ratio(sum / n, (s->ss[v] - sum * sum / n) / ((n - 1) * n), s->ss[v] / (n * n));
    case STAT_PAIRED_WILCOXON:
        return 0.5 * sum;
    default:
        return sum;
    }
}

static double of_groups(const struct stat *s, uint32_t v, const double *sums, uint32_t width)
{
    double between = 0, n = s->n, k = s->n_groups;
    for (uint32_t g = 0; g < s->n_groups; g++)
        between += sums[(size_t)g * width] * sums[(size_t)g * width] / s->sizes[g];
    if (s->kind == STAT_KRUSKAL)
        return s->ss[v] > 0 ? (n - 1) * between / s->ss[v] : 0;
    double within = s->ss[v] - between;
    if (within <= nought * s->ss[v])
        return between <= nought * s->ss[v] ? 0 : huge_t;
    return between / (k - 1) / (within / (n - k));
}

/* ---- medians ---- */

/* Walks the units by value until the middle of both groups is passed. */
static double of_medians(const struct stat *s, const struct arrangement *a, uint32_t v)
{
    uint32_t width = stat_tile_width(s, v / STAT_TILE);
    const uint32_t *order = s->order + (size_t)v * s->n;
    const double *x = s->x + (size_t)(v / STAT_TILE) * STAT_TILE * s->n + v % STAT_TILE;
    uint32_t size[2] = {s->n - s->chosen, s->chosen}, met[2] = {0, 0};
    double middle[2] = {0, 0};
    for (uint32_t i = 0; i < s->n && (met[0] <= size[0] / 2 || met[1] <= size[1] / 2); i++) {
        uint32_t unit = order[i], in = a->bits[unit / 64] >> (unit % 64) & 1, at = met[in]++;
        if (at == (size[in] - 1) / 2)
            middle[in] += x[(size_t)unit * width];
        if (at == size[in] / 2)
            middle[in] += x[(size_t)unit * width];
    }
    return 0.5 * (s->swapped ? middle[0] - middle[1] : middle[1] - middle[0]);
}

/* ---- tables ---- */

static double of_table(struct stat *s, const uint32_t *label)
{
    size_t cells = (size_t)s->n_rows * s->n_columns;
    double sum = 0;
    memset(s->counts, 0, cells * sizeof *s->counts);
    for (uint32_t i = 0; i < s->n; i++)
        s->counts[(size_t)s->row_of[i] * s->n_columns + label[i]]++;
    if (s->kind == STAT_FISHER_CELL)
        return s->counts[0] - s->total[0];
    if (s->kind == STAT_FISHER) {
        for (size_t i = 0; i < cells; i++)
            sum += s->log_factorial[s->counts[i]];
        return sum;
    }
    for (size_t i = 0; i < cells; i++)
        sum += (double)s->counts[i] * s->counts[i] * s->cell[i];
    return s->n * (sum - 1);
}

/* ---- all of them ---- */

void stat_tile(struct stat *s, const struct arrangement *a, const uint32_t *list, uint32_t n_list,
               uint32_t tile, double *ret)
{
    uint32_t width = stat_tile_width(s, tile), from = tile * STAT_TILE;
    size_t at = (size_t)from * s->n;
    if (s->kind == STAT_TWO_MEDIAN) {
        for (uint32_t v = 0; v < width; v++)
            ret[v] = of_medians(s, a, from + v);
    } else if (s->kind < STAT_PEARSON) {
        sum_rows(s->x + at, width, list, n_list, s->sums);
        if (s->squares)
            sum_rows(s->squares + at, width, list, n_list, s->more);
        for (uint32_t v = 0; v < width; v++)
            ret[v] = s->kind < STAT_PAIRED_MEAN ? of_two(s, from + v, s->sums[v], s->squares ? s->more[v] : 0)
                                                : of_pairs(s, from + v, s->sums[v]);
    } else if (s->kind < STAT_F) {
        sum_products(s, s->x + at, width, a->label, s->sums);
        for (uint32_t v = 0; v < width; v++)
            ret[v] = s->ss[from + v] > 0 ? s->sums[v] / sqrt(s->ss[from + v] * s->ss_weight) : 0;
    } else if (s->kind < STAT_CHISQ) {
        sum_groups(s, s->x + at, width, a->label, s->sums);
        for (uint32_t v = 0; v < width; v++)
            ret[v] = of_groups(s, from + v, s->sums + v, width);
    } else {
        ret[0] = of_table(s, a->label);
    }
}

double stat_one(struct stat *s, const struct arrangement *a)
{
    double t = 0;
    if (s->by_byte) {
        double sum = sum_bytes(s->by_byte, a->bits, s->n);
        if (s->kind >= STAT_PAIRED_MEAN)
            return of_pairs(s, 0, sum);
        return of_two(s, 0, sum, s->sq_by_byte ? sum_bytes(s->sq_by_byte, a->bits, s->n) : 0);
    }
    stat_tile(s, a, s->list, stat_list(s, a, s->list), 0, &t);
    return t;
}
