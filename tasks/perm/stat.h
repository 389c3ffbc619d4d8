/* stat.h - the statistics, of one variable or of many at once, as functions of an arrangement.
 *
 * Variables lie in tiles of up to STAT_TILE, unit by unit within a tile, so that one arrangement runs over few cache lines at
 * a time. All values of a statistic come from the same sums in the same order, whichever way the arrangement was made: equal
 * arrangements give equal bits. T is centred: its mean under the null hypothesis is 0 where it has two tails. */
#ifndef TASKS_PERM_STAT_H
#define TASKS_PERM_STAT_H

#include "perm/data.h"
#include "perm/design.h"

enum { STAT_TILE = 64 };

enum stat_kind {
    STAT_TWO_MEAN,
    STAT_TWO_MEDIAN,
    STAT_TWO_WELCH,
    STAT_TWO_STUDENT,
    STAT_TWO_WILCOXON,
    STAT_PAIRED_MEAN,
    STAT_PAIRED_SUM,
    STAT_PAIRED_T,
    STAT_PAIRED_WILCOXON,
    STAT_PEARSON,
    STAT_SPEARMAN,
    STAT_F,
    STAT_KRUSKAL,
    STAT_CHISQ,
    STAT_FISHER,
    STAT_FISHER_CELL, /* 2 x 2: the first cell, for one side */
    STAT_KIND_COUNT
};

struct stat {
    enum stat_kind kind;
    uint32_t n, n_vars;
    uint32_t first,
        chosen;   /* TWO: units in the first group; in the smaller one, whose members are the set bits */
    bool swapped; /* TWO: that is the second group */
    double *x, *squares; /* tiles; squares only for WELCH */
    double *ss;          /* each variable's sum of squares */
    double *shift;       /* each variable's T + shift is the statistic as people know it */
    double *scale;       /* each variable's usual size of T */
    double
        *tie; /* differences of this size, as a share of T or its usual size, are rounding: the values tie */
    double *total; /* PAIRED: sum of the differences; FISHER_CELL: what the cell is expected to hold */
    double *weight, ss_weight;    /* correlations: the other variable */
    double tie_weight;            /* what its rounding adds to tie */
    uint32_t *order;              /* MEDIAN: units by value, variable by variable */
    double *by_byte, *sq_by_byte; /* one variable: sums over the units of each byte of the bits */
    uint32_t n_groups, *sizes;    /* several samples */
    uint32_t n_rows, n_columns;   /* tables */
    uint32_t *row_of;             /* of each unit */
    double *cell;                 /* CHISQ: 1 / (row total x column total) of each cell */
    double *log_factorial;        /* FISHER: of 0 .. n */
    double *sums, *more;          /* work space */
    uint32_t *list, *counts;      /* work space */
};

/* What a kind is called by users, and whether it has two tails. */
const char *stat_words(enum stat_kind kind);
bool stat_two_tailed(enum stat_kind kind);

/* The kind, the design, and the arrangement of the data. Frees nothing of `d`. Errors were told to ctx. */
qx_err stat_open(struct qx_ctx *ctx, const struct data *d, struct stat *s, struct design *design,
                 struct arrangement *ret_observed);
void stat_fini(struct stat *s);

uint32_t stat_tiles(const struct stat *s);
uint32_t stat_tile_width(const struct stat *s, uint32_t tile);
/* Puts the variables in the order to[0], to[1], .. of their present places. False: out of memory. */
bool stat_reorder(struct stat *s, const uint32_t *to);

/* T of one variable. */
double stat_one(struct stat *s, const struct arrangement *a);
/* T of the variables of a tile. `list`: what stat_list() made of the arrangement. */
void stat_tile(struct stat *s, const struct arrangement *a, const uint32_t *list, uint32_t n_list,
               uint32_t tile, double *ret);
/* The units whose bit is set, for designs with bits. */
uint32_t stat_list(const struct stat *s, const struct arrangement *a, uint32_t *ret_list);

#endif
