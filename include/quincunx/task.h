/* task.h - all that a task plugin needs.
 *
 * A plugin is a shared object that exports one symbol, `qx_plugin`. It needs no library to link with:
 * what the farm offers comes through the context. Functions of one open task are called by one thread.
 * They run in an executor process: a crash costs one attempt of one chunk, never a daemon.
 *
 * The one rule: what an item gives is a function of the parameters, the data, the seed and the item
 * index. Draw random numbers from qx_item_stream() only; keep nothing from one item to the next.
 * `qx-conform PLUGIN` checks it. Compile with -ffp-contract=off, never with -ffast-math.
 *
 * docs/writing-tasks.md builds a task step by step. */
#ifndef QUINCUNX_TASK_H
#define QUINCUNX_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quincunx/error.h"
#include "quincunx/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define QX_TASK_ABI 1u

/* ---- parameters --------------------------------------------------------------------------------- */

enum qx_param_type {
    QX_PARAM_INT,  /* 64-bit; 1e6 and 2k are not accepted except where exact: 1e6 is */
    QX_PARAM_REAL, /* finite double */
    QX_PARAM_BOOL, /* yes/no, true/false, 1/0 */
    QX_PARAM_TEXT,
    QX_PARAM_CHOICE, /* one of `choices` */
    QX_PARAM_REALS,  /* comma-separated list, at least one */
    QX_PARAM_TABLE   /* a data set: the user names a file, the task sees a qx_table */
};

struct qx_param {
    const char *name;
    enum qx_param_type type;
    const char
        *fallback;   /* default as text; NULL: the user must give it; "": may be left out, see qx_given() */
    double min, max; /* inclusive, for INT, REAL and the members of REALS; both 0: any value */
    const char *const *choices; /* for CHOICE, ends with NULL */
    const char *help;           /* one line, with units */
};

/* ---- what becomes of an item -------------------------------------------------------------------- */

enum qx_outcome {
    QX_OUTCOME_OK,
    QX_OUTCOME_ERROR,   /* the task said so: qx_fail_item */
    QX_OUTCOME_EXIT,    /* the executor ended itself */
    QX_OUTCOME_SIGNAL,  /* the executor crashed */
    QX_OUTCOME_TIMEOUT, /* one item ran longer than the job allows */
    QX_OUTCOME_MEMORY,  /* the executor went over its memory limit */
    QX_OUTCOME_BUDGET,  /* the item wrote more bytes than the job allows */
    QX_OUTCOME_LOST,    /* the worker vanished */
    QX_OUTCOME_COUNT
};

/* ---- reducers ----------------------------------------------------------------------------------- */

enum qx_reducer_kind {
    QX_REDUCE_COUNT,      /* good items */
    QX_REDUCE_SUM,        /* of each column, compensated */
    QX_REDUCE_MOMENTS,    /* mean, variance, covariance of the columns */
    QX_REDUCE_MINMAX,     /* of each column, with the item it came from (the first of equals) */
    QX_REDUCE_HISTOGRAM,  /* `bins` equal bins over [lo, hi), and what fell below and above; one column */
    QX_REDUCE_QUANTILES,  /* one column: all values of up to `exact_max` items, a mergeable sketch beyond */
    QX_REDUCE_PROPORTION, /* column of 0 and 1: count, share and its interval */
    QX_REDUCE_TABLE, /* first column is an integer key: count and moments of the others by key, at most `keys_max` keys */
    QX_REDUCE_COLLECT, /* the rows of the columns, in item order */
    QX_REDUCE_RECORDS, /* the bytes that items wrote, in item order */
    QX_REDUCE_OWN,     /* the plugin's: `ops` */
    QX_REDUCE_KIND_COUNT
};

struct qx_ctx;
struct qx_acc; /* the growable bytes of an own reducer's state: see qx_acc_resize */

struct qx_reducer_ops {
    qx_err (*init)(struct qx_ctx *ctx, void *state, struct qx_acc *acc);
    /* rows: n_rows x (number of output columns), of items first_item on */
    qx_err (*add)(struct qx_ctx *ctx, void *state, struct qx_acc *acc, uint64_t first_item, uint32_t n_rows,
                  const double *rows);
    qx_err (*merge)(struct qx_ctx *ctx, void *state, struct qx_acc *left, const void *right,
                    size_t right_bytes);
};

struct qx_reducer {
    enum qx_reducer_kind kind;
    const char *name;        /* of this part of the answer, e.g. "theta"; NULL for none */
    const uint32_t *columns; /* which output columns; NULL: all */
    uint32_t n_columns;
    double lo, hi;                    /* HISTOGRAM */
    uint32_t bins;                    /* HISTOGRAM */
    uint64_t exact_max;               /* QUANTILES; 0: 100000 */
    uint32_t keys_max;                /* TABLE; 0: 10000 */
    const struct qx_reducer_ops *ops; /* OWN */
};

/* ---- a task --------------------------------------------------------------------------------------- */

enum qx_shape { QX_SHAPE_MAP };

enum {
    QX_TASK_NOT_REPRODUCIBLE = 1u << 0, /* cannot promise the same bits twice: said in help and answers */
    QX_TASK_OWN_REDUCER = 1u << 1,      /* open() may declare a QX_REDUCE_OWN reducer */
    QX_TASK_COUNTS_ITEMS = 1u << 2      /* open() says how many items there are: qx_items() */
};

struct qx_answer;

struct qx_task {
    uint32_t struct_size; /* sizeof(struct qx_task) of the plugin's header */
    const char *name;     /* "mc.integrate": lower case, digits, dots, at most 63 bytes */
    const char *version;  /* "1.0"; a change of any bit of the answers is a new version */
    const char *help;     /* one line */
    const char *details;  /* more lines of help with a runnable example; may be NULL */
    const struct qx_param *params;
    uint32_t n_params;
    enum qx_shape shape;
    uint32_t flags;
    uint32_t grain, spread; /* block layout, see docs/architecture.md; 0, 0: {1, 14} */
    uint64_t default_items; /* n where the user gives none; 0: the user must */
    const char *items_from; /* name of a REALS parameter: n defaults to its length, and is at most that */

    /* Once for each job (or grid cell) and executor. Checks what declarations cannot, declares outputs and
     * reducers with qx_output() and qx_reduce(), and allocates *ret_state. On failure call qx_error() with a
     * text that says what to do and return INVALID (the user's mistake, not retried) or another code. */
    qx_err (*open)(struct qx_ctx *ctx, void **ret_state);
    /* Item functions: give at least one of the two. `row` has one place for each output, zeroed.
     * run: one item. A failed item: return qx_fail_item(). */
    qx_err (*run)(struct qx_ctx *ctx, void *state, uint64_t item, double *row);
    /* block: the items first .. first+count-1 (count <= 512), rows row-major; mark failed ones with qx_fail_item()
     * and go on. Must give the bits that `count` calls with one item each would give. */
    qx_err (*block)(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows);
    void (*close)(struct qx_ctx *ctx, void *state); /* may be NULL */
    /* Turns the reduced state into the answer with qx_emit_*(). NULL: the reducers' own summaries. */
    qx_err (*finish)(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);
};

struct qx_plugin {
    uint32_t abi_version; /* QX_TASK_ABI */
    uint32_t struct_size; /* sizeof(struct qx_plugin) */
    const char *name;
    uint32_t n_tasks;
    const struct qx_task *const *tasks;
};

#if defined(__GNUC__)
#define QX_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define QX_PLUGIN_EXPORT
#endif
extern QX_PLUGIN_EXPORT const struct qx_plugin qx_plugin;

/* ---- data sets ------------------------------------------------------------------------------------ */

enum qx_column_type { QX_COLUMN_REAL, QX_COLUMN_TEXT };

/* Read-only columns, mapped, shared by all executors of a host. */
struct qx_table;
struct qx_column {
    const char *name;
    enum qx_column_type type;
    const double *real;        /* REAL: n_rows values; a missing value is NaN and counted in n_missing */
    const uint32_t *code;      /* TEXT: index into levels */
    const char *const *levels; /* TEXT: distinct values in order of first appearance */
    uint32_t n_levels;
    uint64_t n_missing; /* TEXT: missing cells have the code UINT32_MAX */
};

/* ---- the context ---------------------------------------------------------------------------------- */

/* What the farm offers. Plugins use the inline functions below, not this table. New members go at the end;
 * struct_size tells what is there. */
struct qx_host {
    uint32_t struct_size;
    const char *(*param)(struct qx_ctx *ctx, const char *name, bool *ret_given);
    double (*param_real)(struct qx_ctx *ctx, const char *name);
    int64_t (*param_int)(struct qx_ctx *ctx, const char *name);
    const double *(*param_reals)(struct qx_ctx *ctx, const char *name, size_t *ret_n);
    const struct qx_table *(*table)(struct qx_ctx *ctx, const char *name);
    uint64_t (*table_rows)(const struct qx_table *t);
    uint32_t (*table_columns)(const struct qx_table *t);
    const struct qx_column *(*table_column)(const struct qx_table *t, uint32_t i);
    const struct qx_column *(*table_find)(struct qx_ctx *ctx, const struct qx_table *t, const char *name);
    qx_err (*output)(struct qx_ctx *ctx, const char *name, uint32_t *ret_column);
    qx_err (*reduce)(struct qx_ctx *ctx, const struct qx_reducer *reducer, uint32_t *ret_reducer);
    qx_err (*verror)(struct qx_ctx *ctx, qx_err code, const char *fmt, va_list ap);
    qx_err (*vfail_item)(struct qx_ctx *ctx, uint64_t item, const char *fmt, va_list ap);
    qx_err (*write)(struct qx_ctx *ctx, uint64_t item, const void *data, size_t len_bytes);
    void (*progress)(struct qx_ctx *ctx, double share);
    void *(*gsl_rng)(struct qx_ctx *ctx, uint64_t item, uint32_t sub);
    qx_err (*acc_resize)(struct qx_acc *acc, size_t len_bytes);
    void *(*acc_data)(const struct qx_acc *acc, size_t *ret_bytes);
    /* answers */
    uint64_t (*answer_items)(const struct qx_answer *a, uint64_t *ret_failed);
    double (*answer_number)(const struct qx_answer *a, uint32_t reducer, int what, uint32_t i, uint32_t j);
    const void *(*answer_data)(const struct qx_answer *a, uint32_t reducer, int what, size_t *ret_n);
    double (*answer_quantile)(const struct qx_answer *a, uint32_t reducer, double prob, bool *ret_exact);
    void (*emit)(struct qx_ctx *ctx, int what, const char *name, double number, const char *text);
    qx_err (*items)(struct qx_ctx *ctx, uint64_t n_default, uint64_t n_max);
};

struct qx_ctx {
    const struct qx_host *host;
    uint64_t seed;
    const volatile uint32_t *cancel; /* non-zero: return CANCELLED soon */
    void *self;                      /* the farm's */
};

/* Parameters: by declared name, already checked against type, range and choices. An unknown name is the
 * plugin's bug and ends the job with a message. */
static inline const char *qx_text(struct qx_ctx *c, const char *name)
{
    return c->host->param(c, name, NULL);
}
static inline double qx_real(struct qx_ctx *c, const char *name)
{
    return c->host->param_real(c, name);
}
static inline int64_t qx_int(struct qx_ctx *c, const char *name)
{
    return c->host->param_int(c, name);
}
static inline bool qx_bool(struct qx_ctx *c, const char *name)
{
    return c->host->param_int(c, name) != 0;
}
static inline const double *qx_reals(struct qx_ctx *c, const char *name, size_t *ret_n)
{
    return c->host->param_reals(c, name, ret_n);
}
static inline bool qx_given(struct qx_ctx *c, const char *name)
{
    bool given = false;
    c->host->param(c, name, &given);
    return given;
}

/* The data set of a TABLE parameter; NULL if it was left out. Lives until close. */
static inline const struct qx_table *qx_table(struct qx_ctx *c, const char *name)
{
    return c->host->table(c, name);
}
static inline uint64_t qx_table_rows(struct qx_ctx *c, const struct qx_table *t)
{
    return c->host->table_rows(t);
}
static inline uint32_t qx_table_columns(struct qx_ctx *c, const struct qx_table *t)
{
    return c->host->table_columns(t);
}
static inline const struct qx_column *qx_table_column(struct qx_ctx *c, const struct qx_table *t, uint32_t i)
{
    return c->host->table_column(t, i);
}
/* By name; NULL if there is none: qx_error() was then already called, naming the nearest column. */
static inline const struct qx_column *qx_table_find(struct qx_ctx *c, const struct qx_table *t,
                                                    const char *name)
{
    return c->host->table_find(c, t, name);
}

/* In open() only: one number that every item gives. Columns count from 0. */
static inline qx_err qx_output(struct qx_ctx *c, const char *name, uint32_t *ret_column)
{
    return c->host->output(c, name, ret_column);
}
/* In open() only, after the outputs it uses. Reducers count from 0; ret_reducer may be NULL. */
static inline qx_err qx_reduce(struct qx_ctx *c, const struct qx_reducer *r, uint32_t *ret_reducer)
{
    return c->host->reduce(c, r, ret_reducer);
}

/* In open() of a task with the flag QX_TASK_COUNTS_ITEMS: how many items it has for these parameters and data (groups of a
 * data set, all permutations of a small one). n_default: where the user gives no n; 0: the user must. n_max: where the user
 * gives more; 0: any number. The job is sized by the first executor that opens it, before any item runs. */
static inline qx_err qx_items(struct qx_ctx *c, uint64_t n_default, uint64_t n_max)
{
    return c->host->items(c, n_default, n_max);
}

/* Says why a call fails, and returns `code`: `return qx_error(ctx, QX_ERR_INVALID, "...");` */
static inline qx_err qx_error(struct qx_ctx *c, qx_err code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline qx_err qx_error(struct qx_ctx *c, qx_err code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    qx_err e = c->host->verror(c, code, fmt, ap);
    va_end(ap);
    return e;
}
/* This item has no value. It is counted with this text as its cause (keep numbers out of the text, so that
 * equal causes count together) and its row is ignored. Returns TASK. */
static inline qx_err qx_fail_item(struct qx_ctx *c, uint64_t item, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline qx_err qx_fail_item(struct qx_ctx *c, uint64_t item, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    qx_err e = c->host->vfail_item(c, item, fmt, ap);
    va_end(ap);
    return e;
}

/* The stream of one item; sub-streams 0, 1, .. are independent of each other. */
static inline struct qx_stream qx_item_stream(struct qx_ctx *c, uint64_t item, uint32_t sub)
{
    struct qx_stream s;
    qx_stream_init(&s, c->seed, item, sub);
    return s;
}
/* The same stream as a gsl_rng * (cast it), for gsl_ran_*; the context's, reset at each call. NULL where the farm
 * was built without GSL. */
static inline void *qx_item_gsl_rng(struct qx_ctx *c, uint64_t item, uint32_t sub)
{
    return c->host->gsl_rng(c, item, sub);
}

/* Bytes of this item for a RECORDS reducer; more calls append. In block(): items in ascending order. An item that writes
 * more than the job allows has failed, with the outcome BUDGET: LIMIT is returned, as for an item that failed before. */
static inline qx_err qx_write(struct qx_ctx *c, uint64_t item, const void *data, size_t len_bytes)
{
    return c->host->write(c, item, data, len_bytes);
}
static inline bool qx_cancelled(struct qx_ctx *c)
{
    return __atomic_load_n(c->cancel, __ATOMIC_RELAXED) != 0;
}
static inline void qx_progress(struct qx_ctx *c, double share)
{
    c->host->progress(c, share);
}

static inline qx_err qx_acc_resize(struct qx_ctx *c, struct qx_acc *a, size_t len_bytes)
{
    return c->host->acc_resize(a, len_bytes);
}
static inline void *qx_acc_data(struct qx_ctx *c, const struct qx_acc *a, size_t *ret_bytes)
{
    return c->host->acc_data(a, ret_bytes);
}

/* ---- in finish() ---------------------------------------------------------------------------------- */

enum qx_answer_what {
    QX_ANSWER_COUNT,
    QX_ANSWER_SUM,
    QX_ANSWER_MEAN,
    QX_ANSWER_COV, /* COV(i, i) is the variance, n - 1 */
    QX_ANSWER_MIN,
    QX_ANSWER_MAX,
    QX_ANSWER_ARGMIN,
    QX_ANSWER_ARGMAX,
    QX_ANSWER_BIN, /* i: 0 below, 1 .. bins, bins + 1 above */
    QX_ANSWER_ROWS,
    QX_ANSWER_RECORDS,
    QX_ANSWER_OWN,
    QX_ANSWER_SORTED
};
/* Items that count, and how many failed. */
static inline uint64_t qx_answer_items(struct qx_ctx *c, const struct qx_answer *a, uint64_t *ret_failed)
{
    return c->host->answer_items(a, ret_failed);
}
/* i, j: places within the reducer's own columns. */
static inline double qx_answer_number(struct qx_ctx *c, const struct qx_answer *a, uint32_t reducer,
                                      enum qx_answer_what what, uint32_t i, uint32_t j)
{
    return c->host->answer_number(a, reducer, (int)what, i, j);
}
/* ROWS: doubles, n rows of COLLECT in item order. RECORDS: bytes. OWN: the merged bytes. SORTED: all n values of an
 * exact QUANTILES reducer, ascending; NULL once it has become a sketch. */
static inline const void *qx_answer_data(struct qx_ctx *c, const struct qx_answer *a, uint32_t reducer,
                                         enum qx_answer_what what, size_t *ret_n)
{
    return c->host->answer_data(a, reducer, (int)what, ret_n);
}
/* Type 7 quantile (Hyndman & Fan 1996) of a QUANTILES reducer; *ret_exact (may be NULL) tells values from sketch. */
static inline double qx_answer_quantile(struct qx_ctx *c, const struct qx_answer *a, uint32_t reducer,
                                        double prob, bool *ret_exact)
{
    return c->host->answer_quantile(a, reducer, prob, ret_exact);
}

enum qx_emit_what { QX_EMIT_NUMBER, QX_EMIT_INT, QX_EMIT_TEXT, QX_EMIT_OPEN, QX_EMIT_LIST, QX_EMIT_CLOSE };
/* The answer is an object: numbers and texts by name, nested objects, lists (whose members have no name: NULL).
 * A list of objects with the same names is shown as a table. NaN and infinities become null in JSON. */
static inline void qx_emit_number(struct qx_ctx *c, const char *name, double v)
{
    c->host->emit(c, QX_EMIT_NUMBER, name, v, NULL);
}
static inline void qx_emit_int(struct qx_ctx *c, const char *name, int64_t v)
{
    c->host->emit(c, QX_EMIT_INT, name, (double)v, NULL);
}
static inline void qx_emit_text(struct qx_ctx *c, const char *name, const char *v)
{
    c->host->emit(c, QX_EMIT_TEXT, name, 0, v);
}
static inline void qx_emit_open(struct qx_ctx *c, const char *name)
{
    c->host->emit(c, QX_EMIT_OPEN, name, 0, NULL);
}
static inline void qx_emit_list(struct qx_ctx *c, const char *name)
{
    c->host->emit(c, QX_EMIT_LIST, name, 0, NULL);
}
static inline void qx_emit_close(struct qx_ctx *c)
{
    c->host->emit(c, QX_EMIT_CLOSE, NULL, 0, NULL);
}

#ifdef __cplusplus
}
#endif
#endif
