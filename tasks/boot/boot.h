/* boot.h - the open task boot: what its items and its answer work on. */
#ifndef TASKS_BOOT_BOOT_H
#define TASKS_BOOT_BOOT_H

#include "boot/data.h"
#include "boot/stat.h"

enum boot_ci { CI_NORMAL, CI_BASIC, CI_PERCENTILE, CI_STUDENTIZED, CI_BCA, CI_COUNT };

extern const char *const boot_ci_names[CI_COUNT];

struct boot {
    struct data data;
    struct stat stat;
    const char *spec; /* as the user wrote it; the farm's */
    bool wanted[CI_COUNT];
    double conf;
    uint32_t nested; /* resamples of a resample for its standard error; 0: the delta method */
    double theta[STAT_THETA_MAX],
        se[STAT_THETA_MAX]; /* of the data; se only where the delta method gives it */
    uint32_t red_moments, red_theta[STAT_THETA_MAX], red_t[STAT_THETA_MAX];
    /* Work space, so that items allocate nothing. */
    double item_se[STAT_THETA_MAX];
    int32_t *weights, *inner_weights;
    uint32_t *draws;
};

extern const struct qx_task task_boot;

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
