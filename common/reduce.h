/* reduce.h - the built-in reducers: how the rows of doubles that items give become an answer.
 *
 * A `plan` is the list of reducers of one job, as the task declared it in open(); it travels as bytes
 * and compares byte for byte. A `state` is what a run of consecutive items has been reduced to: one
 * tally of failures and one part for each reducer. States of neighbouring runs merge left to right.
 * Nothing here knows of blocks, jobs or messages.
 *
 * Bits: rows are added in groups of at most QX_GROUP_ROWS, counted from the start of a block, so what
 * a block gives depends on its rows only. merge(left, right) is a fixed function of its two arguments.
 * Every function is deterministic to the last bit and compiled with -ffp-contract=off.
 * Rows of failed items are not added. NaN rows are the task's affair: a reducer that cannot take one
 * says so in its comment in reduce.c.
 *
 * Not thread-safe; states own their memory. */
#ifndef QX_COMMON_REDUCE_H
#define QX_COMMON_REDUCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "quincunx/error.h"
#include "quincunx/task.h"

enum { QX_GROUP_ROWS = 512, QX_PLAN_REDUCERS_MAX = 32, QX_PLAN_COLUMNS_MAX = 4096 };
/* A state may not grow beyond this: LIMIT. */
#define QX_STATE_BYTES_MAX ((size_t)256 << 20)

struct reduce_plan; /* immutable once built */

/* Built by the task host from what open() declared. Column names are copied.
 * Errors are INVALID with a text a task author understands (unknown column, histogram without bins ..). */
qx_err reduce_plan_new(const char *const *columns, uint32_t n_columns, const struct qx_reducer *reducers,
                       uint32_t n_reducers, struct reduce_plan **ret_plan, struct qx_error *err);
void reduce_plan_free(struct reduce_plan *p);

qx_err reduce_plan_encode(const struct reduce_plan *p, struct qx_bytes *out); /* appends */
qx_err reduce_plan_decode(const void *data, size_t len, struct reduce_plan **ret_plan, struct qx_error *err);

uint32_t reduce_plan_columns(const struct reduce_plan *p);
const char *reduce_plan_column(const struct reduce_plan *p, uint32_t i);
uint32_t reduce_plan_reducers(const struct reduce_plan *p);
const struct qx_reducer *reduce_plan_reducer(const struct reduce_plan *p,
                                             uint32_t i); /* pointers inside are the plan's */
bool reduce_plan_opaque(
    const struct reduce_plan *p); /* has a reducer of the plugin's own: merge only in executors */

/* Failures of items. `kind` is what happened to the item (enum qx_outcome in task.h). */
enum { TALLY_CAUSES_MAX = 8, TALLY_FIRST_MAX = 4, TALLY_TEXT_BYTES = 120 };
struct tally_cause {
    uint32_t kind;
    uint32_t n_first;
    uint64_t count;
    uint64_t first[TALLY_FIRST_MAX]; /* the smallest item indices, ascending */
    char text[TALLY_TEXT_BYTES];
};
struct tally {
    uint64_t n_ok, n_failed;
    uint32_t n_causes;
    uint64_t n_other;           /* failures whose cause found no place in the list */
    struct tally_cause *causes; /* owned; NULL while n_causes is 0 */
};

struct reduce_state {
    struct tally tally;
    uint32_t n_parts, cap_parts;
    struct qx_bytes *parts; /* owned; a part's bytes are its encoding, no pointers inside */
};

/* A plugin's own reducer, bound by the task host; NULL where none may be run (the sink). */
struct reduce_plugin {
    void *self;
    qx_err (*init)(void *self, uint32_t reducer, struct qx_bytes *part);
    qx_err (*add)(void *self, uint32_t reducer, struct qx_bytes *part, uint64_t first_item, uint32_t n_rows,
                  const double *rows);
    qx_err (*merge)(void *self, uint32_t reducer, struct qx_bytes *left, const struct qx_bytes *right);
};

void reduce_state_init(struct reduce_state *s); /* all zero; no memory */
void reduce_state_fini(struct reduce_state *s);
void reduce_state_move(struct reduce_state *to, struct reduce_state *from); /* `to` is finished first */
qx_err reduce_state_copy(struct reduce_state *to, const struct reduce_state *from);

/* Makes `s` the state of no items. Keeps its memory for reuse. */
qx_err reduce_reset(const struct reduce_plan *p, const struct reduce_plugin *plug, struct reduce_state *s);

/* Adds one group: the rows of `n_rows` <= QX_GROUP_ROWS consecutive good items from first_item on,
 * row-major. Tallies them as good. */
qx_err reduce_add(const struct reduce_plan *p, const struct reduce_plugin *plug, struct reduce_state *s,
                  uint64_t first_item, uint32_t n_rows, const double *rows);
/* Same for rows whose items are not consecutive because some failed: items[i] ascending. */
qx_err reduce_add_sparse(const struct reduce_plan *p, const struct reduce_plugin *plug,
                         struct reduce_state *s, const uint64_t *items, uint32_t n_rows, const double *rows);
qx_err reduce_fail(struct reduce_state *s, uint64_t item, uint32_t kind, const char *text);
/* Bytes that `item` wrote, for every RECORDS reducer of the plan. Call it in item order. */
qx_err reduce_add_record(const struct reduce_plan *p, struct reduce_state *s, uint64_t item, const void *data,
                         size_t len);
/* Says in words for a person why adding to or merging into `s` gave `code`, and returns it: which reducer is over
 * which limit, and what to do. */
qx_err reduce_explain(const struct reduce_plan *p, const struct reduce_state *s, qx_err code,
                      struct qx_error *err);

/* left = left + right. `right` is unchanged. On error `left` is unspecified. */
qx_err reduce_merge(const struct reduce_plan *p, const struct reduce_plugin *plug, struct reduce_state *left,
                    const struct reduce_state *right);

qx_err reduce_encode(const struct reduce_state *s, struct qx_bytes *out); /* appends */
/* Checks everything a peer could get wrong against the plan; never trusts a length. */
qx_err reduce_decode(const struct reduce_plan *p, const void *data, size_t len, struct reduce_state *s,
                     struct qx_error *err);

/* --- reading an answer --- */
double reduce_count(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer);
double reduce_sum(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t col);
double reduce_mean(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t col);
/* Of a MINMAX reducer; NaN while there is no number. The item index comes as a double, as answers give it. */
double reduce_min(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t col);
double reduce_max(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t col);
double reduce_argmin(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                     uint32_t col);
double reduce_argmax(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                     uint32_t col);
/* Of a HISTOGRAM: 0 is below, 1 .. bins, bins + 1 above. NaN for another place. */
double reduce_bin(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t i);
double reduce_var(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                  uint32_t col); /* n-1; NaN below 2 */
double reduce_cov(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t a,
                  uint32_t b);
/* Type 7 quantile of a QUANTILES reducer (Hyndman & Fan 1996); `*ret_exact` false when the sketch answered. */
qx_err reduce_quantile(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                       double prob, double *ret_value, bool *ret_exact);
/* For many quantiles of one state: what they are looked up in, made once into *out (overwritten). Of an exact reducer
 * that is what reduce_sorted gives. */
qx_err reduce_quantiles(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                        struct qx_bytes *out);
double reduce_quantile_in(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                          const struct qx_bytes *prepared, double prob, bool *ret_exact);
/* The rows of a COLLECT reducer, in item order. Borrowed. */
const double *reduce_rows(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                          uint64_t *ret_n_rows);

/* All values of an exact QUANTILES reducer, ascending, as doubles in *out (overwritten). STATE once it is a sketch. */
qx_err reduce_sorted(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                     struct qx_bytes *out);
/* The records of a RECORDS reducer one after the other, borrowed. Start with *pos = 0; false: there are no more. */
bool reduce_next_record(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                        size_t *pos, uint64_t *ret_item, const void **ret_data, size_t *ret_len);
/* Their bytes without what is between them. Appends. */
qx_err reduce_records(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                      struct qx_bytes *out);
/* The bytes of an OWN reducer. Borrowed. */
const void *reduce_own(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                       size_t *ret_len);

/* One named number of the state for stopping rules and progress, from the first reducer that has it:
 * n, mean, se, rel (se / |mean|), sd, p, width (of the proportion's 95 % interval), sum, exceed (= count of ones).
 * False if no reducer of the plan offers `name`; NaN while undefined (n < 2). */
bool reduce_stat(const struct reduce_plan *p, const struct reduce_state *s, const char *name,
                 double *ret_value);

/* The answer of the built-in reducers as JSON text (an object), for tasks without finish(). Appends. */
qx_err reduce_summary_json(const struct reduce_plan *p, const struct reduce_state *s, struct qx_bytes *out);

#endif
