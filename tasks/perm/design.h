/* design.h - the arrangements that a test compares the data with: how many there are, a random one, all of them in order.
 *
 *   SUBSET  which k of n units are in the group (two samples)
 *   SIGNS   which of n units change their sign (paired)
 *   LABELS  which unit has which label, so many units a label (several samples, tables; all labels differ: a permutation)
 *
 * All arrangements of a design are equally likely under the null hypothesis. Ranks count from 0. Pure but for the stream. */
#ifndef TASKS_PERM_DESIGN_H
#define TASKS_PERM_DESIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "quincunx/stream.h"

#define DESIGN_TOTAL_MAX UINT64_C(100000000000) /* more arrangements are not counted */

enum design_kind { DESIGN_SUBSET, DESIGN_SIGNS, DESIGN_LABELS };

struct design {
    enum design_kind kind;
    uint32_t n, k, n_labels;
    uint64_t total;               /* arrangements; 0: too many to count */
    uint64_t *choose;             /* SUBSET with a total: C(c, j) at c * (k + 1) + j */
    uint32_t *start;              /* LABELS: the labels in ascending order */
    uint32_t dyadic, dyadic_bits; /* SUBSET: a share near k / n, see design_draw */
};

struct arrangement {
    uint64_t *bits;  /* SUBSET, SIGNS: bit i is unit i */
    uint32_t *label; /* LABELS: of each unit */
    uint32_t *left;  /* work space */
};

/* False: out of memory. counts: units of each label, LABELS only. */
bool design_subset(struct design *d, uint32_t n, uint32_t k);
bool design_signs(struct design *d, uint32_t n);
bool design_labels(struct design *d, const uint32_t *counts, uint32_t n_labels);
void design_fini(struct design *d);

bool arrangement_init(struct arrangement *a, const struct design *d);
void arrangement_fini(struct arrangement *a);

uint32_t design_words(const struct design *d); /* of bits */

/* A random arrangement: each with the same probability, a function of the stream alone. */
void design_draw(const struct design *d, struct qx_stream *rng, struct arrangement *a);
/* The one of this rank, below total. */
void design_unrank(const struct design *d, uint64_t rank, struct arrangement *a);
/* From one to that of the next rank; there must be one. */
void design_next(const struct design *d, struct arrangement *a);

#endif
