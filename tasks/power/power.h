/* power.h - the open task power.sim: a design with its sizes and effect, and what its items need. */
#ifndef TASKS_POWER_POWER_H
#define TASKS_POWER_POWER_H

#include "power/discrete.h"
#include "power/dist.h"
#include "power/mean.h"
#include "power/prop.h"
#include "power/region.h"
#include "power/search.h"
#include "quincunx/task.h"

enum { GROUPS_MAX = MEAN_GROUPS_MAX, N_MAX = 1000000, N_START = 20 };

enum test {
    TEST_STUDENT,
    TEST_WELCH,
    TEST_F,
    TEST_CHISQ,
    TEST_CHISQ_CC,
    TEST_FISHER,
    TEST_EXACT,
    TEST_NORMAL,
    TEST_AS_R, /* what R takes if not told */
    TEST_ONLY, /* the design has one */
    TEST_COUNT
};

enum power_param {
    PARAM_DESIGN,
    PARAM_TEST,
    PARAM_N,
    PARAM_N1,
    PARAM_N2,
    PARAM_NS,
    PARAM_RATIO,
    PARAM_DELTA,
    PARAM_SD,
    PARAM_SD1,
    PARAM_SD2,
    PARAM_DIST,
    PARAM_DIST2,
    PARAM_RAW,
    PARAM_LEHMANN,
    PARAM_P0,
    PARAM_P1,
    PARAM_P2,
    PARAM_MEANS,
    PARAM_GROUPS,
    PARAM_BETWEEN,
    PARAM_WITHIN,
    PARAM_RHO,
    PARAM_HR,
    PARAM_MEDIAN,
    PARAM_ACCRUAL,
    PARAM_FOLLOWUP,
    PARAM_SLOPE,
    PARAM_RATE,
    PARAM_X,
    PARAM_SDX,
    PARAM_ALPHA,
    PARAM_ALTERNATIVE,
    PARAM_CONF,
    PARAM_FIND,
    PARAM_TARGET,
    PARAM_ROUNDS,
    PARAM_COUNT
};
extern const struct qx_param power_params[PARAM_COUNT];

/* What became of a simulated data set. */
enum verdict {
    VERDICT_KEEP,
    VERDICT_REJECT,
    VERDICT_CONSTANT,
    VERDICT_NO_EVENTS,
    VERDICT_ONE_OUTCOME,
    VERDICT_SEPARATED,
    VERDICT_NO_CONVERGENCE,
    VERDICT_COUNT
};

struct power;

/* The power at the sizes n (of each group; whole ones where `whole`), by a formula or an enumeration; names it. NaN: there is none. */
typedef double (*analytic_f)(const struct power *p, const double *n, const char **ret_method);

struct design {
    const char *name, *meaning;
    uint64_t takes; /* bits of enum power_param, besides those of all designs */
    uint32_t tests; /* bits of enum test */
    enum test fallback;
    uint32_t n_groups, n_least; /* groups: 0 where the means say; least size of one */
    bool one_sided;             /* has it one-sided alternatives? */
    qx_err (*read)(struct qx_ctx *ctx, struct power *p);    /* the effect, from the parameters; may be NULL */
    qx_err (*prepare)(struct qx_ctx *ctx, struct power *p); /* what items need at these sizes */
    enum verdict (*item)(struct power *p, uint64_t seed, uint64_t item);
    analytic_f exact, approximate; /* may be NULL */
    bool whole;                    /* `exact` is for whole sizes alone */
};

struct power {
    const struct design *design;
    enum test test;
    double alpha, conf;
    enum alternative alt;
    /* sizes */
    uint32_t n_groups, n[GROUPS_MAX], n_total;
    double share[GROUPS_MAX]; /* sizes as multiples of the first group's, for searching */
    /* effect */
    double mean[GROUPS_MAX], sd[GROUPS_MAX]; /* delta is the mean of the first of two */
    struct dist dist[2], x;                  /* of the first group, of the others; of x */
    bool same_dist, x_is_grid;
    double lehmann, p0, p1, p2, rho, hr, median, accrual, followup, slope, rate, sdx;
    /* the search for n */
    bool find, n_given;
    double target;
    struct rounds rounds;
    /* prepared */
    struct region region, sure; /* sure: whatever the degrees of freedom, for Welch's t */
    struct cut cut;
    bool by_cut; /* the exact law is used where there are no ties */
    struct binom binom[2];
    struct fisher fisher;
    double *values, *grid; /* values: room for 4 numbers a subject */
    uint64_t *keys, *scratch;
};

extern const struct design *const power_designs[];
enum { N_DESIGNS = 13 };

/* The families of designs. */
extern const struct design design_t1, design_tpaired, design_t2, design_anova;     /* design_mean.c */
extern const struct design design_prop1, design_prop2, design_sign;                /* design_count.c */
extern const struct design design_wilcoxon, design_signedrank;                     /* design_rank.c */
extern const struct design design_cor, design_lm, design_logistic, design_logrank; /* design_line.c */

/* ---- for designs ---- */

#define TAKES(param) ((uint64_t)1 << PARAM_##param)
#define HAS(test)    (1u << TEST_##test)

static inline bool power_given(struct qx_ctx *ctx, enum power_param param)
{
    return qx_given(ctx, power_params[param].name);
}
static inline double power_real(struct qx_ctx *ctx, enum power_param param)
{
    return qx_real(ctx, power_params[param].name);
}
/* INVALID with a text unless the parameter is given. */
qx_err power_need(struct qx_ctx *ctx, const struct power *p, enum power_param param, double *ret);
/* Standard deviations of the groups: sd= (one, or one for each), sd1= and sd2=. */
qx_err power_read_sds(struct qx_ctx *ctx, struct power *p);
/* dist=, dist2=, raw= */
qx_err power_read_dists(struct qx_ctx *ctx, struct power *p);
/* delta=, and both of the above */
qx_err power_read_shift(struct qx_ctx *ctx, struct power *p);

/* The values of a group, from its own sub-stream: with more subjects the first ones stay the same. */
void power_fill(const struct power *p, uint32_t group, uint64_t seed, uint64_t item, double *x);
static inline enum verdict power_verdict(const struct region *r, double statistic)
{
    return statistic - statistic != 0 ? VERDICT_CONSTANT
           : region_has(r, statistic) ? VERDICT_REJECT
                                      : VERDICT_KEEP;
}
/* All groups normal, with the same standard deviation? */
bool power_is_normal(const struct power *p);
bool power_has_one_sd(const struct power *p);

/* The task's finish(), in report.c. */
qx_err power_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);

extern const struct qx_task task_power;

#endif
