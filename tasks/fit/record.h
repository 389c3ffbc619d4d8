/* record.h - the result of one group as bytes: what an item writes and the answer is put together from. */
#ifndef TASKS_FIT_RECORD_H
#define TASKS_FIT_RECORD_H

#include "fit/fitter.h"

struct record {
    uint64_t item;
    uint32_t n_rows;
    const double *stats;  /* n_stats */
    const double *values; /* n_rows x n_values, see struct fit */
    const char *names;    /* n_rows texts one behind another, each terminated */
};

/* Of the values of a row the first n_values are kept. */
qx_err record_write(struct qx_ctx *ctx, uint64_t item, const struct fit_kind *kind, uint32_t n_values,
                    const struct fit_result *r);
/* The record at `at` of len bytes; returns where the next one starts, 0 at the end (or where the bytes are none of ours). */
size_t record_read(const void *data, size_t len, size_t at, const struct fit_kind *kind, uint32_t n_values,
                   struct record *ret);

#endif
