/* decl.h - what a task declares, as plain data that master, client and worker share: the base of every
 * check of parameters before a job is accepted, of help, and of completion.
 * Declarations own their memory. Pure, no I/O. Any thread, one at a time. */
#ifndef QX_COMMON_DECL_H
#define QX_COMMON_DECL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/block.h"
#include "quincunx/error.h"
#include "quincunx/task.h"

struct param_decl {
    char *name, *fallback, *help; /* fallback NULL: required; "": may be left out */
    enum qx_param_type type;
    double min, max; /* both 0: any */
    char **choices;
    uint32_t n_choices;
};

struct task_decl {
    char *name, *version, *help, *details;
    struct param_decl *params;
    uint32_t n_params, flags;
    struct block_layout layout;
    uint64_t default_items;
    char *items_from;        /* NULL or the REALS parameter whose length bounds n */
    bool has_finish, opaque; /* opaque: may have a reducer of its own (QX_TASK_OWN_REDUCER) */
};

/* One given parameter. Names and values are NUL-terminated UTF-8. */
struct param {
    char *name, *value;
};

/* A copy of what the plugin's table says. INVALID, with a text for the task author, if it breaks a rule of task.h. */
qx_err task_decl_from(const struct qx_task *task, struct task_decl *ret, struct qx_error *err);
void task_decl_fini(struct task_decl *d);
const struct param_decl *task_decl_param(const struct task_decl *d, const char *name); /* NULL if none */

/* Is this text a value of the parameter? INVALID naming the parameter, the text and what is allowed. */
qx_err param_decl_check(const struct param_decl *p, const char *value, struct qx_error *err);
/* Checks given parameters: unknown name (the text names the nearest), missing, given twice, wrong type, out of range, bad
 * choice. TABLE values must be blob references (blob_ref_parse). */
qx_err task_decl_check(const struct task_decl *d, const struct param *params, uint32_t n_params,
                       struct qx_error *err);
/* The n to use: `n_items` if not 0, else the default. INVALID if there is none or it is over what items_from allows. A task that
 * counts its items may give 0: it says so itself once it is open. */
qx_err task_decl_items(const struct task_decl *d, const struct param *params, uint32_t n_params,
                       uint64_t n_items, uint64_t *ret_n_items, struct qx_error *err);

/* Text to values; INVALID with the offending text. Counts: "1000", "1e8", "2.5e3" when exact; must be 1 .. QX_ITEMS_MAX. */
qx_err value_int(const char *text, int64_t *ret, struct qx_error *err);
qx_err value_real(const char *text, double *ret, struct qx_error *err);
qx_err value_bool(const char *text, bool *ret, struct qx_error *err);
qx_err value_reals(const char *text, double **ret_values, size_t *ret_n,
                   struct qx_error *err); /* free with qx_free */
qx_err value_count(const char *text, uint64_t *ret, struct qx_error *err);

/* The candidate nearest to `name`: one that differs in case alone, else by edits (Damerau-Levenshtein); NULL if none is within
 * a third of its length (at least 1, at most 4 edits). */
const char *nearest_name(const char *name, const char *const *candidates, size_t n);

/* A reference to a blob as a parameter value: "blob:" 64 hex digits ":" size in bytes. */
enum { BLOB_HASH_BYTES = 32, BLOB_REF_BYTES = 96 };
struct blob_ref {
    uint8_t hash[BLOB_HASH_BYTES];
    uint64_t len_bytes;
};
bool blob_ref_parse(const char *text, struct blob_ref *ret);
void blob_ref_format(const struct blob_ref *ref, char ret_text[BLOB_REF_BYTES]);
void blob_hash(const void *data, size_t len, uint8_t ret_hash[BLOB_HASH_BYTES]); /* BLAKE2b-256 */

#endif
