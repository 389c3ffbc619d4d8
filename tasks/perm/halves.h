/* halves.h - the exact distribution of a statistic over all tables with given margins.
 *
 * The columns are split in two halves. What the left half takes of each row total is a node; given the node the halves are
 * independent, so a node's share of the p-value needs the lists of left and of right halves alone, not their product: one is
 * sorted, the other searched in it. (A network as that of Mehta and Patel 1983, with one stage.) Nodes are the items. */
#ifndef TASKS_PERM_HALVES_H
#define TASKS_PERM_HALVES_H

#include "perm/stat.h"

struct half {
    double t, p; /* what the cells add to the statistic; probability given the node */
};

struct half_list {
    struct half *entries;
    size_t n, cap;
};

struct halves {
    uint32_t n_rows, n_columns, n_left; /* of the columns, the first n_left are the left half */
    uint32_t n, left_units;
    uint32_t *row, *column; /* totals */
    double *cell;           /* CHISQ: as in struct stat, in this order of columns */
    const double *lf;       /* log factorials; the statistic's */
    enum stat_kind kind;
    uint32_t counted;   /* FISHER_CELL: the column whose first row counts */
    double sign, least; /* sign * statistic >= least */
    uint64_t *ways;     /* ways[i * (n + 1) + s]: rows i .. take s units; modulo 2^64 */
    double *size;       /* about how many ways all rows take s units, s at most n / 2 */
    uint64_t n_nodes;
    double work;            /* entries to list, at most */
    double *scratch;        /* work space of opening */
    uint32_t *taken, *rest; /* work space: a node's share of the row totals */
    struct half_list left, right;
};

/* False: out of memory. `work` is infinite, and nothing else there, where the table is too large to be split so. */
bool halves_open(struct halves *h, const struct stat *s);
void halves_fini(struct halves *h);

struct halves_sum {
    double exceed, total, tables; /* probabilities; how many tables */
};
/* False: out of memory. */
bool halves_node(struct halves *h, uint64_t node, struct halves_sum *ret);

#endif
