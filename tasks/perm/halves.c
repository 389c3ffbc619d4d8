#include "perm/halves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS_MAX = 1 << 21, SPLIT_COLUMNS_MAX = 14, ENTRIES_MAX = 5000000 };
static const double nodes_max = 1e9;

void halves_fini(struct halves *h)
{
    free(h->row);
    free(h->column);
    free(h->cell);
    free(h->ways);
    free(h->size);
    free(h->scratch);
    free(h->taken);
    free(h->rest);
    free(h->left.entries);
    free(h->right.entries);
    *h = (struct halves){.n = 0};
}

/* ---- how to split ---- */

/* One more row, with room for `cap` units. Sums run over a window; unsigned ones wrap and stay right. */
static void add_row(const struct halves *h, uint32_t cap, const uint64_t *below, uint64_t *here)
{
    uint64_t sum = 0;
    for (uint32_t s = 0; s <= h->n; s++) {
        sum += below[s] - (s > cap ? below[s - cap - 1] : 0);
        here[s] = sum;
    }
}

/* The same as doubles, which tell how large the numbers are. They are right while they rise: up to n / 2. */
static void add_row_size(const struct halves *h, uint32_t cap, double *size)
{
    double sum = 0;
    for (uint32_t s = 0; s <= h->n; s++) {
        sum += size[s];
        h->scratch[s] = sum - (s > cap ? h->scratch[h->n + 1 + s - cap - 1] : 0);
        h->scratch[h->n + 1 + s] = sum;
    }
    memcpy(size, h->scratch, ((size_t)h->n + 1) * sizeof *size);
}

static bool count_ways(struct halves *h)
{
    size_t wide = (size_t)h->n + 1;
    h->ways = calloc((h->n_rows + 1) * wide, sizeof *h->ways);
    h->size = calloc(wide, sizeof *h->size);
    h->scratch = malloc(2 * wide * sizeof *h->scratch);
    if (!h->ways || !h->size || !h->scratch)
        return false;
    h->ways[h->n_rows * wide] = 1;
    h->size[0] = 1;
    for (uint32_t i = h->n_rows; i-- > 0;) {
        add_row(h, h->row[i], h->ways + (i + 1) * wide, h->ways + i * wide);
        add_row_size(h, h->row[i], h->size);
    }
    return true;
}

static double size_of(const struct halves *h, uint32_t units)
{
    return h->size[units < h->n - units ? units : h->n - units];
}

/* How many ways there are to fill all columns of a half but the widest, which then is what is left. */
static double half_bound(const struct halves *h, uint32_t columns)
{
    double product = 1, widest = 1;
    for (uint32_t j = 0; j < h->n_columns; j++) {
        double ways = columns >> j & 1 ? size_of(h, h->column[j]) : 1;
        product *= ways;
        widest = ways > widest ? ways : widest;
    }
    return product / widest;
}

/* The columns of the left half, as bits, that promise the least work. */
static uint32_t best_split(struct halves *h)
{
    uint32_t best = 0, all = (1u << h->n_columns) - 1;
    for (uint32_t left = 1; left < all; left += 2) { /* the first column is on the left */
        uint32_t units = 0;
        for (uint32_t j = 0; j < h->n_columns; j++)
            units += left >> j & 1 ? h->column[j] : 0;
        double nodes = size_of(h, units), l = half_bound(h, left), r = half_bound(h, all ^ left);
        double work = nodes > nodes_max || l > ENTRIES_MAX || r > ENTRIES_MAX ? INFINITY : nodes * (l + r);
        if (work < h->work) {
            h->work = work;
            h->n_nodes = h->ways[units];
            h->left_units = units;
            best = left;
        }
    }
    return best;
}

/* Left columns first; within a half the widest last, since it needs no choice. */
static bool sort_columns(struct halves *h, uint32_t left)
{
    uint32_t to[SPLIT_COLUMNS_MAX] = {0}, column[SPLIT_COLUMNS_MAX], n = 0;
    size_t cells = (size_t)h->n_rows * h->n_columns;
    double *cell = malloc(cells * sizeof *cell);
    for (uint32_t side = 0; side < 2; side++) {
        uint32_t from = n;
        for (uint32_t j = 0; j < h->n_columns; j++) {
            if ((left >> j & 1) == side)
                continue;
            uint32_t at = n++;
            for (; at > from && size_of(h, h->column[to[at - 1]]) > size_of(h, h->column[j]); at--)
                to[at] = to[at - 1];
            to[at] = j;
        }
        h->n_left = side == 0 ? n : h->n_left;
    }
    for (uint32_t j = 0; cell && j < h->n_columns; j++) {
        column[j] = h->column[to[j]];
        h->counted = to[j] == 0 ? j : h->counted;
        for (uint32_t i = 0; i < h->n_rows; i++)
            cell[(size_t)i * h->n_columns + j] = h->cell[(size_t)i * h->n_columns + to[j]];
    }
    if (cell) {
        memcpy(h->column, column, h->n_columns * sizeof *column);
        memcpy(h->cell, cell, cells * sizeof *cell);
    }
    free(cell);
    return cell != NULL;
}

/* The table as it stands, or turned. */
static bool open_turned(struct halves *h, const struct stat *s, bool turned)
{
    uint32_t rows = turned ? s->n_columns : s->n_rows, columns = turned ? s->n_rows : s->n_columns;
    const uint32_t *row = turned ? s->sizes : s->sizes + s->n_columns,
                   *column = turned ? s->sizes + s->n_columns : s->sizes;
    *h = (struct halves){.n_rows = rows,
                         .n_columns = columns,
                         .n = s->n,
                         .lf = s->log_factorial,
                         .kind = s->kind,
                         .work = INFINITY};
    if (columns > SPLIT_COLUMNS_MAX || (rows + 1.0) * (s->n + 1.0) > WAYS_MAX)
        return true;
    h->row = malloc(rows * sizeof *h->row);
    h->column = malloc(columns * sizeof *h->column);
    h->cell = malloc((size_t)rows * columns * sizeof *h->cell);
    h->taken = malloc(rows * sizeof *h->taken);
    h->rest = malloc(rows * sizeof *h->rest);
    if (!h->row || !h->column || !h->cell || !h->taken || !h->rest)
        return false;
    memcpy(h->row, row, rows * sizeof *h->row);
    memcpy(h->column, column, columns * sizeof *h->column);
    for (uint32_t i = 0; i < rows; i++) {
        for (uint32_t j = 0; j < columns; j++)
            h->cell[(size_t)i * columns + j] =
                turned ? s->cell[(size_t)j * s->n_columns + i] : s->cell[(size_t)i * s->n_columns + j];
    }
    if (!count_ways(h))
        return false;
    uint32_t left = best_split(h);
    return left == 0 || sort_columns(h, left);
}

bool halves_open(struct halves *h, const struct stat *s)
{
    struct halves turned;
    if (!open_turned(h, s, false)) {
        halves_fini(h);
        return false;
    }
    bool ok = open_turned(&turned, s, true);
    if (ok && turned.work < h->work) {
        halves_fini(h);
        *h = turned;
        return true;
    }
    halves_fini(&turned);
    if (!ok)
        halves_fini(h);
    return ok;
}

/* ---- lists ---- */

struct filling {
    struct halves *h;
    struct half_list *list;
    uint32_t *room; /* what is left of each row */
    uint32_t last;  /* the column that takes what is left */
    double log_all; /* of the half: what its probability has before the cells */
};

static bool push(struct half_list *l, double t, double p)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 1024;
        struct half *entries = realloc(l->entries, cap * sizeof *entries);
        if (!entries)
            return false;
        l->entries = entries;
        l->cap = cap;
    }
    l->entries[l->n++] = (struct half){t, p};
    return true;
}

static double cell_part(const struct halves *h, uint32_t i, uint32_t j, uint32_t count)
{
    if (h->kind == STAT_FISHER)
        return h->lf[count];
    if (h->kind == STAT_FISHER_CELL)
        return i == 0 && j == h->counted ? h->sign * count : 0;
    return (double)count * count * h->cell[(size_t)i * h->n_columns + j] * h->n;
}

static bool fill_last(struct filling *f, double t, double log_p)
{
    const struct halves *h = f->h;
    for (uint32_t i = 0; i < h->n_rows; i++) {
        t += cell_part(h, i, f->last, f->room[i]);
        log_p -= h->lf[f->room[i]];
    }
    return push(f->list, t, exp(log_p));
}

/* Column j from row i on, of which `units` are still to be placed and the rows below have room for `below`. */
static bool fill(struct filling *f, uint32_t j, uint32_t i, uint32_t units, uint32_t below, double t,
                 double log_p)
{
    struct halves *h = f->h;
    if (j == f->last)
        return fill_last(f, t, log_p);
    if (i == h->n_rows) {
        uint32_t room = 0;
        for (uint32_t k = 0; k < h->n_rows; k++)
            room += f->room[k];
        return fill(f, j + 1, 0, h->column[j + 1], room, t, log_p);
    }
    uint32_t own = f->room[i], least, most = own < units ? own : units;
    below -= own;
    least = units > below ? units - below : 0;
    for (uint32_t count = least; count <= most; count++) {
        f->room[i] = own - count;
        if (!fill(f, j, i + 1, units - count, below, t + cell_part(h, i, j, count), log_p - h->lf[count]))
            return false;
    }
    f->room[i] = own;
    return true;
}

/* All ways to fill columns from .. end - 1 with the row totals room[]. */
static bool list_half(struct halves *h, uint32_t from, uint32_t end, uint32_t *room, struct half_list *list)
{
    struct filling f = {.h = h, .list = list, .room = room, .last = end - 1};
    uint32_t units = 0;
    for (uint32_t i = 0; i < h->n_rows; i++) {
        units += room[i];
        f.log_all += h->lf[room[i]];
    }
    for (uint32_t j = from; j < end; j++)
        f.log_all += h->lf[h->column[j]];
    list->n = 0;
    return fill(&f, from, 0, h->column[from], units, 0, f.log_all - h->lf[units]);
}

/* ---- a node ---- */

static void unrank_node(struct halves *h, uint64_t node)
{
    uint32_t units = h->left_units;
    size_t wide = (size_t)h->n + 1;
    for (uint32_t i = 0; i < h->n_rows; i++) {
        const uint64_t *below = h->ways + (i + 1) * wide;
        uint32_t count = 0;
        while (node >= below[units - count])
            node -= below[units - count++];
        h->taken[i] = count;
        h->rest[i] = h->row[i] - count;
        units -= count;
    }
}

static double node_probability(const struct halves *h)
{
    double log_p = h->lf[h->left_units] + h->lf[h->n - h->left_units] - h->lf[h->n];
    for (uint32_t i = 0; i < h->n_rows; i++)
        log_p += h->lf[h->row[i]] - h->lf[h->taken[i]] - h->lf[h->rest[i]];
    return exp(log_p);
}

/* By t; equal ones by p, so that the order is that of the values alone. */
static int by_value(const void *a, const void *b)
{
    const struct half *x = a, *y = b;
    if (x->t != y->t)
        return x->t < y->t ? -1 : 1;
    return (x->p > y->p) - (x->p < y->p);
}

/* Probability that the sum of one entry of each list reaches `least`. The first list is sorted, its p become sums from the
 * end; *ret_total gets the probability of all. */
static double joint(struct half_list *few, const struct half_list *many, double least, double *ret_total)
{
    double sum = 0, total = 0;
    qsort(few->entries, few->n, sizeof *few->entries, by_value);
    for (size_t i = few->n - 1; i-- > 0;)
        few->entries[i].p += few->entries[i + 1].p;
    for (size_t k = 0; k < many->n; k++) {
        size_t from = 0, to = few->n;
        while (from < to) {
            size_t middle = from + (to - from) / 2;
            if (few->entries[middle].t + many->entries[k].t >= least)
                to = middle;
            else
                from = middle + 1;
        }
        sum += from < few->n ? many->entries[k].p * few->entries[from].p : 0;
        total += many->entries[k].p * few->entries[0].p;
    }
    *ret_total = total;
    return sum;
}

bool halves_node(struct halves *h, uint64_t node, struct halves_sum *ret)
{
    unrank_node(h, node);
    if (!list_half(h, 0, h->n_left, h->taken, &h->left) ||
        !list_half(h, h->n_left, h->n_columns, h->rest, &h->right))
        return false;
    double p = node_probability(h), total;
    bool left_few = h->left.n < h->right.n;
    double exceed = joint(left_few ? &h->left : &h->right, left_few ? &h->right : &h->left, h->least, &total);
    *ret = (struct halves_sum){p * exceed, p * total, (double)h->left.n * (double)h->right.n};
    return true;
}
