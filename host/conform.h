/* conform.h - the parts of qx-conform: data sets from files, and the checks. Private to the program. */
#ifndef QX_HOST_CONFORM_H
#define QX_HOST_CONFORM_H

#include "host/host.h"

/* ---- data sets: CSV files that stand in for TABLE parameters ---- */
struct data_sets;
qx_err data_sets_new(struct data_sets **ret);
void data_sets_free(struct data_sets *d);
/* Reads a CSV file; its reference, as a parameter value, goes to ret_ref. */
qx_err data_sets_add(struct data_sets *d, const char *path, char ret_ref[BLOB_REF_BYTES],
                     struct qx_error *err);
/* For host_options.blob. */
qx_err data_sets_blob(void *arg, const struct blob_ref *ref, const void **ret_data, struct qx_error *err);

/* ---- checks ---- */
struct subject {
    const struct qx_task *task;
    const struct task_decl *decl;
    const struct param *params;
    uint32_t n_params;
    uint64_t n_items; /* 0: as many as fit in half a second */
    uint64_t seed;
    struct data_sets *data;
    /* Called after each check; fault NULL: it was met. */
    void (*report)(void *arg, const char *check, const char *fault);
    void *report_arg;
};

enum { CONFORM_CHECKS = 7 };
extern const char *const conform_check_names[CONFORM_CHECKS];
/* Runs all checks. `current` is the number of the check being run, for whoever survives a crash. Gives how many failed. */
unsigned conform_check(const struct subject *s, volatile unsigned *current);

#endif
