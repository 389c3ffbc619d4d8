/* boot.h - the open task boot: what its items and its answer work on. */
#ifndef TASKS_BOOT_BOOT_H
#define TASKS_BOOT_BOOT_H

#include "boot/columns.h"
#include "boot/data.h"
#include "boot/enumerate.h"
#include "boot/simulate.h"
#include "boot/stat.h"

enum boot_ci { CI_NORMAL, CI_BASIC, CI_PERCENTILE, CI_STUDENTIZED, CI_BCA, CI_ABC, CI_COUNT };
enum boot_type {
    TYPE_ORDINARY,
    TYPE_PARAMETRIC,
    TYPE_WILD,
    TYPE_MOVING, /* the three of enum draw_blocks, in its order */
    TYPE_CIRCULAR,
    TYPE_STATIONARY,
    TYPE_COUNT
};
enum wild { WILD_RADEMACHER, WILD_MAMMEN };

extern const char *const boot_ci_names[CI_COUNT];
extern const char *const boot_type_names[TYPE_COUNT];

struct boot {
    struct data data;
    struct columns columns;
    uint32_t n_stats, n_theta;
    struct stat stats[SPEC_STATS_MAX];
    char names[STAT_THETA_MAX][SPEC_NAME_BYTES]; /* of the numbers, each once */
    const char *spec;                            /* as the user wrote it; the farm's */
    enum boot_type type;
    bool wanted[CI_COUNT];
    double conf;
    uint32_t nested; /* resamples of a resample for standard errors; 0: the delta method does for all */
    bool by_delta[STAT_THETA_MAX];
    uint32_t length; /* of blocks */
    bool exact;      /* items are all resamples, `n_exact` of them */
    uint64_t n_exact;
    bool fall_back; /* method=auto: who asks for fewer gets random ones */
    struct enumeration enumeration;
    struct simulation simulation;
    enum wild wild;
    double *errors; /* of the linear model, scaled: what wild resamples turn */
    double sigma;   /* of a linear model's normal errors; 0: columns are simulated */
    bool jab;       /* jackknife after bootstrap */
    double theta[STAT_THETA_MAX],
        se[STAT_THETA_MAX]; /* of the data; se only where the delta method gives it */
    uint32_t red_moments, red_rows, red_theta[STAT_THETA_MAX], red_t[STAT_THETA_MAX];
    uint32_t n_columns, col_t, col_prob, col_item; /* of an item's row; 0: not there */
    /* Work space, so that items allocate nothing. */
    double item_se[STAT_THETA_MAX], inner[STAT_THETA_MAX];
    int32_t *weights, *inner_weights;
    uint32_t *draws;
    double *turned;
};

extern const struct qx_task task_boot;

/* The task's open(), in open.c; boot_free() undoes it, also half-way. */
qx_err boot_open(struct qx_ctx *ctx, void **ret_state);
void boot_free(struct boot *b);

/* All statistics at the weights: n_theta numbers, and as stat_value() standard errors unless NULL. */
const char *boot_value(const struct boot *b, const int32_t *weights, uint32_t total, double *ret_theta,
                       double *ret_se);

/* The row of an item. NULL, or why it has none. */
const char *boot_item(struct qx_ctx *ctx, struct boot *b, uint64_t item, double *row);

/* Which rows item `item` holds, and its probability (1 where all are alike). Ordinary resamples only. */
double boot_rows(const struct boot *b, uint64_t seed, uint64_t item, int32_t *weights, uint32_t *draws);

/* The task's finish(), in report.c. */
qx_err boot_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);

/* What leaving rows out tells: acceleration and standard error, for each of n_theta numbers. */
struct jackknife {
    bool ok;
    double acceleration[STAT_THETA_MAX], se[STAT_THETA_MAX];
};
/* Leaves out single rows, or for more than JACKKNIFE_EVALUATIONS rows groups of neighbours. Uses the work space. */
enum { JACKKNIFE_EVALUATIONS = 4000 };
void boot_jackknife(struct boot *b, struct jackknife *ret);

#endif
