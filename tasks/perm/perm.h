/* perm.h - the open task perm.test: what its items and its answer work on. */
#ifndef TASKS_PERM_PERM_H
#define TASKS_PERM_PERM_H

#include "perm/data.h"
#include "perm/design.h"
#include "perm/halves.h"
#include "perm/scramble.h"
#include "perm/stat.h"

/* What item i is: a draw of its stream; the arrangement of rank i; the i-th of all in a random order; a node of the tables. */
enum perm_method { METHOD_RANDOM, METHOD_IN_ORDER, METHOD_SCRAMBLED, METHOD_TABLES };
enum perm_tail { TAIL_BOTH, TAIL_GREATER, TAIL_LESS };

/* Outputs: one variable; all tables; many variables have one, of no use. */
enum { OUT_EXCEED, OUT_GREATER, OUT_LESS, OUT_T, OUT_COUNT };
enum { OUT_P, OUT_TOTAL, OUT_TABLES, OUT_TABLES_COUNT };
/* Reducers of one variable, in this order; RECORDS only with exceed=. */
enum { RED_EXCEED, RED_GREATER, RED_LESS, RED_T, RED_RECORDS };

struct many;

struct perm {
    struct data data;
    struct stat stat;
    struct design design;
    struct arrangement seen, work;
    struct scramble scramble;
    struct halves halves;
    enum perm_method method;
    enum perm_tail tail;
    bool doubled;    /* two_sided=double */
    uint64_t exceed; /* stop at so many exceedances (Besag and Clifford); 0: never */
    double conf;
    double *observed; /* T of the data, each variable */
    double *least;    /* what the extremity of an arrangement must reach to count, each variable */
    double slack;     /* of the one variable */
    double lo, hi;    /* of the histogram of T */
    uint32_t bins;
    uint32_t *order; /* many variables: the v-th least extreme is data.columns[order[v]] */
    struct many *many;
};

extern const struct qx_task task_perm;

/* How extreme a T is, in the direction of the alternative. */
static inline double perm_extremity(enum perm_tail tail, double t)
{
    return tail == TAIL_GREATER ? t : tail == TAIL_LESS ? -t : t < 0 ? -t : t;
}

/* The arrangement of an item. `follows`: `a` holds that of the item before. */
void perm_arrange(const struct perm *p, struct qx_ctx *ctx, uint64_t item, bool follows,
                  struct arrangement *a);

/* The task's finish(), in report.c. */
qx_err perm_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);

#endif
