/* statistic.h - a statistic of your own for the bootstrap: the task `boot` with stat='plugin:name(x, y)'.
 *
 * A shared object that exports one symbol, `qx_statistic`, in statistics/name.so beside the plugins of every worker (or in its $QX_STATISTIC_DIR). It needs no
 * library to link with. What it gives is a function of the sample alone: keep nothing from one call to the next, draw no random
 * numbers. Compile with -ffp-contract=off, never with -ffast-math. docs/tasks/boot.md has an example. */
#ifndef QUINCUNX_STATISTIC_H
#define QUINCUNX_STATISTIC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QX_STATISTIC_ABI 1u

/* Rows with how often each counts: in a resample how often it was drawn, 0 or more. All borrowed for the call. */
struct qx_sample {
    uint32_t n_rows, n_columns;
    const double *const *columns; /* n_columns of n_rows finite numbers, in the order that stat= gives them */
    const int32_t *weights;       /* n_rows */
    uint32_t total;               /* their sum, over 0 */
};

struct qx_statistic {
    uint32_t abi_version; /* QX_STATISTIC_ABI */
    uint32_t struct_size; /* sizeof(struct qx_statistic) */
    const char *name;
    uint32_t n_columns;             /* how many it reads; 0: as many as stat= gives, at least one */
    uint32_t n_values;              /* how many numbers it gives, 1 .. 16 */
    const char *const *value_names; /* n_values; may be NULL for one */
    /* Writes n_values numbers. NULL, or why they are undefined: a text without numbers, by which failures are counted. */
    const char *(*value)(const struct qx_sample *sample, double *ret_values);
};

#if defined(__GNUC__)
#define QX_STATISTIC_EXPORT __attribute__((visibility("default")))
#else
#define QX_STATISTIC_EXPORT
#endif
extern QX_STATISTIC_EXPORT const struct qx_statistic qx_statistic;

#ifdef __cplusplus
}
#endif
#endif
