/* inside.h - an open task as the files of host/ see it. Private to host/. */
#ifndef QX_HOST_INSIDE_H
#define QX_HOST_INSIDE_H

#include <gsl/gsl_rng.h> /* the type alone: the host does not link with GSL */

#include "common/bytes.h"
#include "common/json_out.h"
#include "common/table.h"
#include "host/host.h"

enum host_phase { PHASE_OPEN, PHASE_RUN, PHASE_FINISH, PHASE_OTHER };

/* A parameter with its value read once. */
struct host_param {
    const struct param_decl *decl;
    char *text;    /* never NULL; "" if left out */
    bool given;    /* by the user */
    int64_t whole; /* INT, BOOL; 0 if left out */
    double real;   /* REAL, INT, BOOL; NaN if left out */
    double *reals; /* REALS; NULL if left out */
    size_t n_reals;
    struct qx_table *table;
};

struct item_failure {
    uint32_t kind;
    char text[TALLY_TEXT_BYTES];
};

/* Bytes that one item wrote: writes[at, at + len). */
struct item_bytes {
    uint32_t index; /* in the group */
    size_t at, len;
};

/* The group of items being run, and what they have done besides filling their rows. */
struct host_group {
    uint64_t first;
    uint32_t count, n_failed;
    uint64_t failed[QX_GROUP_ROWS / 64];
    struct item_failure *failures; /* by index; QX_GROUP_ROWS of them once one failed */
    struct qx_bytes writes;
    struct item_bytes *pieces; /* ascending, one an item */
    size_t n_pieces, cap_pieces;
    double *rows;      /* QX_GROUP_ROWS rows */
    double *good_rows; /* the same room, once one failed */
    uint64_t good_items[QX_GROUP_ROWS];
};

enum { EMIT_DEPTH_MAX = 16 };
struct emitter {
    struct json_out json;
    uint32_t depth;
    bool is_list[EMIT_DEPTH_MAX];
};

struct qx_answer {
    struct host_task *task;
    const struct reduce_state *state;
    struct qx_bytes data[QX_PLAN_REDUCERS_MAX]; /* made for answer_data and answer_quantile */
};

struct host_task {
    struct qx_ctx ctx;
    const struct qx_task *task;
    const struct task_decl *decl;
    struct host_options opt;
    enum host_phase phase;
    bool is_open;
    void *state;
    struct host_param *params;
    uint32_t n_params;

    char **columns; /* as open() declares them */
    size_t n_columns, cap_columns;
    struct qx_reducer *reducers;
    size_t n_reducers, cap_reducers;
    struct reduce_plan *plan;
    struct reduce_plugin plug;
    bool has_records;
    uint64_t items_default, items_max; /* as open() counted them; 0: it did not */

    struct qx_error said;   /* by qx_error(), code OK if nothing was */
    struct qx_error broken; /* a rule of task.h was broken in a call that could not say so */
    struct host_group group;
    struct emitter emit;
    gsl_rng rng;
    struct qx_stream rng_stream;
};

static inline struct host_task *host_of(struct qx_ctx *ctx)
{
    return (struct host_task *)ctx->self;
}

extern const struct qx_host host_functions;

/* Notes the first mistake of the plugin; the call it is in then fails with this text. */
void host_break(struct host_task *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for memory that ran out inside a call of the plugin, which may not look; returns NOMEM. */
qx_err host_no_memory(struct host_task *t, const char *what);
/* Before and after each call into the plugin: forgets what was said; turns what came back into an error for the caller, OK if
 * all went well. `what`: the function, "open()". */
void host_enter(struct host_task *t, enum host_phase phase);
qx_err host_leave(struct host_task *t, qx_err code, const char *what, struct qx_error *err);
/* Words of a plugin as one line of UTF-8 within `len_bytes`. */
void host_clean_text(char *text, size_t len_bytes);

/* params.c */
qx_err host_params_read(struct host_task *t, const struct param *params, uint32_t n_params,
                        struct qx_error *err);
void host_params_free(struct host_task *t);
const char *host_param_text(struct qx_ctx *ctx, const char *name, bool *ret_given);
double host_param_real(struct qx_ctx *ctx, const char *name);
int64_t host_param_int(struct qx_ctx *ctx, const char *name);
const double *host_param_reals(struct qx_ctx *ctx, const char *name, size_t *ret_n);
const struct qx_table *host_param_table(struct qx_ctx *ctx, const char *name);

/* declare.c */
qx_err host_output(struct qx_ctx *ctx, const char *name, uint32_t *ret_column);
qx_err host_reduce(struct qx_ctx *ctx, const struct qx_reducer *reducer, uint32_t *ret_reducer);
qx_err host_declared_plan(struct host_task *t, struct qx_error *err);
void host_declared_free(struct host_task *t);

/* own.c: reducers of the plugin's own */
struct qx_acc {
    struct qx_bytes *part;
};
void host_own_bind(struct host_task *t);
qx_err host_acc_resize(struct qx_acc *acc, size_t len_bytes);
void *host_acc_data(const struct qx_acc *acc, size_t *ret_bytes);

/* group.c */
qx_err host_group_init(struct host_task *t, struct qx_error *err);
void host_group_fini(struct host_task *t);
void host_group_start(struct host_task *t, uint64_t first, uint32_t count);
qx_err host_fail_item(struct host_task *t, uint64_t item, uint32_t kind, const char *text);
qx_err host_vfail_item(struct qx_ctx *ctx, uint64_t item, const char *fmt, va_list ap);
qx_err host_write(struct qx_ctx *ctx, uint64_t item, const void *data, size_t len_bytes);
/* Adds the finished group to a state. */
qx_err host_group_reduce(struct host_task *t, struct reduce_state *s, struct qx_error *err);
static inline bool host_group_failed(const struct host_group *g, uint32_t i)
{
    return g->n_failed > 0 && (g->failed[i / 64] >> (i % 64) & 1);
}

/* A reducer gave `code`: says why in words, the plugin's or reduce_explain's. */
qx_err host_reduce_failed(struct host_task *t, const struct reduce_state *s, qx_err code,
                          struct qx_error *err);

/* answer.c */
uint64_t host_answer_items(const struct qx_answer *a, uint64_t *ret_failed);
double host_answer_number(const struct qx_answer *a, uint32_t reducer, int what, uint32_t i, uint32_t j);
const void *host_answer_data(const struct qx_answer *a, uint32_t reducer, int what, size_t *ret_n);
double host_answer_quantile(const struct qx_answer *a, uint32_t reducer, double prob, bool *ret_exact);

/* emit.c */
void host_emit(struct qx_ctx *ctx, int what, const char *name, double number, const char *text);
void host_emit_start(struct host_task *t, struct qx_bytes *out);
void host_emit_end(struct host_task *t);

#endif
