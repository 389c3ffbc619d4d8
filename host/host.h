/* host.h - runs tasks in this process: loads plugins, gives tasks their context, runs blocks of items
 * through the reducers. Executors, `qx replay`, `qx-conform` and the tests of tasks all stand on it, so a task
 * meets the same host everywhere.
 *
 * One thread. Plugin code runs inside these calls and may crash the process: the caller decides which process that is. */
#ifndef QX_HOST_HOST_H
#define QX_HOST_HOST_H

#include <stdbool.h>

#include "common/block.h"
#include "common/decl.h"
#include "common/reduce.h"
#include "quincunx/task.h"

/* ---- plugins ---- */
struct registry;
qx_err registry_new(struct registry **ret);
void registry_free(struct registry *r);
/* Loads one shared object. Errors say what is wrong with it: not a shared object (with the linker's words), no symbol
 * `qx_plugin`, ABI version other than QX_TASK_ABI, a struct of another size, a task that breaks a rule, a task name+version that is there already. */
qx_err registry_load(struct registry *r, const char *path, struct qx_error *err);
/* Loads every *.so of a folder in name order; a bad one is reported through `report` (may be NULL) and skipped. NOTFOUND: no such folder. */
qx_err registry_load_dir(struct registry *r, const char *dir,
                         void (*report)(void *arg, const char *path, const struct qx_error *e), void *arg,
                         struct qx_error *err);
size_t registry_count(const struct registry *r);
const struct task_decl *registry_decl(const struct registry *r, size_t i);
const struct qx_task *registry_task(const struct registry *r, size_t i);
/* By name, and version unless NULL (then the newest by version order). NULL if none. */
const struct qx_task *registry_find(const struct registry *r, const char *name, const char *version,
                                    const struct task_decl **ret_decl);
/* The plugin folder beside the running program, or $QX_PLUGIN_DIR. */
qx_err registry_default_dir(char *ret_path, size_t len_bytes); /* NOTFOUND: neither is there */

/* ---- an open task ---- */
struct host_task;

#define HOST_NO_ITEM UINT64_MAX

struct host_options {
    uint64_t seed;
    uint64_t item_bytes_max;         /* output budget of an item; 0: 1 MiB */
    const volatile uint32_t *cancel; /* NULL: never */
    /* Where to publish the item being run, for timeouts and crashes; NULL: nowhere. While a block function runs it is the
     * first item of the group that it works on; HOST_NO_ITEM between calls. */
    volatile uint64_t *current_item;
    volatile uint32_t *progress_permille; /* where an item says how far it is, 0 .. 1000; NULL: nowhere */
    bool
        single_items; /* one item a call, so that current_item is exact: after a crash, and with a time limit */
    /* Gives the bytes of a blob, which live until the task is closed. NULL: no blobs. */
    qx_err (*blob)(void *arg, const struct blob_ref *ref, const void **ret_data, struct qx_error *err);
    void *blob_arg;
};

/* Checks the parameters against the declaration and calls the task's open(). */
qx_err host_open(const struct qx_task *task, const struct task_decl *decl, const struct param *params,
                 uint32_t n_params, const struct host_options *opt, struct host_task **ret,
                 struct qx_error *err);
void host_close(struct host_task *t);
const struct reduce_plan *host_plan(const struct host_task *t);
/* How many items open() said there are, 0: it did not say; 0 and 0 for tasks without QX_TASK_COUNTS_ITEMS. */
void host_items(const struct host_task *t, uint64_t *ret_default, uint64_t *ret_max);
/* To merge own reducers; for tree_new and reduce_merge. */
const struct reduce_plugin *host_reduce_plugin(struct host_task *t);

struct host_skip { /* an item that must not be run again: it counts as failed so */
    uint64_t item;
    uint32_t outcome;
};

/* What a chunk was reduced to: the states of block_cut(first_block, first_block + n whole blocks), left to right, then that
 * of the partial block if there is one. Reused from call to call; the rows only when asked for. */
struct host_chunk {
    uint32_t n_nodes, cap_nodes;
    struct reduce_state *nodes;
    uint64_t partial_items;               /* items of the partial block at the end, 0: none */
    struct qx_bytes rows;                 /* n_items x columns doubles, item order; failed items are NaN */
    struct qx_bytes ok;                   /* one byte an item: enum qx_outcome */
    uint64_t n_items, task_ns, reduce_ns; /* time inside the task's functions and inside reducers */
};
void host_chunk_init(struct host_chunk *c);
void host_chunk_fini(struct host_chunk *c);

/* Runs blocks [first_block, first_block + n_blocks) of items below end_item. CANCELLED when the flag rises; TASK or another code
 * with a text when the task's function fails as a whole (not one item). Skips are sorted by item. */
qx_err host_run(struct host_task *t, struct block_layout layout, uint64_t first_block, uint64_t n_blocks,
                uint64_t end_item, const struct host_skip *skips, uint32_t n_skips, bool want_rows,
                struct host_chunk *ret, struct qx_error *err);
/* One item alone, e.g. for replay: its row (as many doubles as the plan has columns) and its outcome; a failure's text goes to err. */
qx_err host_run_item(struct host_task *t, uint64_t item, double *ret_row, enum qx_outcome *ret_outcome,
                     struct qx_error *err);
/* The answer as JSON text: the task's finish(), or the reducers' summaries. Appends. */
qx_err host_finish(struct host_task *t, const struct reduce_state *state, struct qx_bytes *ret_json,
                   struct qx_error *err);

/* A whole small job in this process: the reference that any farm must equal bit for bit. */
qx_err host_run_job(struct host_task *t, struct block_layout layout, uint64_t n_items,
                    struct reduce_state *ret_state, char ret_digest[33], struct qx_error *err);
#endif
