/* job.h - a job as the master knows it: its specification, what has come in of every cell, its answer.
 *
 * Stands behind the sink: takes decoded result frames that the scheduler has accepted, keeps a merge tree a
 * cell, evaluates the stopping rule at checkpoints, orders the rows for the submitter, makes the answer.
 * No sockets and no clock. One thread. */
#ifndef QX_MASTER_JOB_H
#define QX_MASTER_JOB_H

#include "common/rule.h"
#include "common/tree.h"
#include "proto/control.h"

/* A run of rows of one cell, in item order. */
struct job_rows {
    uint64_t first_item;
    uint32_t n_items, n_columns;
    double *values; /* n_items x n_columns */
    uint8_t *ok;    /* n_items bytes of enum qx_outcome */
};

/* A reducer plan as the task declared it in open(); cells with equal bytes share it. */
struct job_plan {
    struct reduce_plan *plan;
    struct qx_bytes bytes;
};

enum cell_state { CELL_RUNNING, CELL_FINISHING, CELL_FINISHED };

struct cell {
    enum cell_state state;
    uint64_t n_items, n_max;        /* 0: the task has not said yet; 0: an extension may come to any number */
    bool stopped;                   /* by the rule */
    const struct reduce_plan *plan; /* the job's; NULL until the first result */
    uint64_t plan_session;          /* of the worker that declared it first */
    bool plan_sure;                 /* a second one has declared the same */
    struct tree *tree;              /* NULL until the first result */
    struct qx_bytes final;          /* the encoded state the answer rests on */
    struct cell_answer answer;      /* texts owned; complete once FINISHED */
    struct job_rows *rows;          /* what waits for its turn, by first_item */
    size_t n_rows, cap_rows;
    uint64_t next_row; /* item whose row goes out next */
    bool blocks_in;    /* own reducers: all blocks are here, the roots are being merged */
    size_t n_folded;   /* own reducers: how many roots are folded or being folded */
    bool columns_sent;
};

struct job_skip {
    uint32_t cell;
    struct frame_skip skip;
};

/* A merge that an executor is to do (merges.c). */
struct job_merge {
    uint64_t token;
    uint32_t cell;
    bool fold; /* of roots at the end, not of siblings */
    struct block_node parent;
    uint64_t n_items; /* of both sides together */
    struct qx_bytes payload;
};

struct job {
    uint64_t id, token, class_id;
    struct job_spec *spec;
    struct qx_bytes spec_frame; /* encoded, for lanes */
    const struct task_decl *decl;
    struct rule rule;
    bool has_rule;
    enum job_state state;
    struct qx_error error;  /* of a failed job */
    struct job_plan *plans; /* those that cells have: mostly one, but outputs may depend on parameters */
    size_t n_plans, cap_plans;
    struct cell *cells;
    uint32_t cells_finished;
    struct job_skip *skips;
    size_t n_skips, cap_skips;
    struct job_merge *merges;
    size_t n_merges, cap_merges;
    uint64_t next_merge;
    char digest[33];
    uint64_t rows_held_bytes;  /* waiting here or sent and not yet taken */
    bool throttled, cancelled; /* cancelled: its cells are cut off where they were */
    uint64_t submitted_ns, submitted_unix_ms, ended_ns, first_lease_ns, last_result_ns;
    uint64_t transfer_ns, task_ns, reduce_ns, busy_ns, sink_ns;
    uint64_t items_done, items_failed, leases, leases_failed;
};

/* Copies the specification. The parameters are checked already. */
qx_err job_new(uint64_t id, const struct job_spec *spec, const struct task_decl *decl, uint32_t class_id,
               struct job **ret, struct qx_error *err);
void job_free(struct job *j);

/* Does any cell have a reducer of the plugin's own? As far as is known. */
bool job_is_opaque(const struct job *j);

/* A result as it came, checked against the cell's plan and layout: every node must hold exactly the items of its
 * blocks. Decoded apart from the tree, so that nothing changes unless the scheduler accepts it. */
struct job_result {
    struct block_node nodes[QX_NODES_MAX + 1];
    struct reduce_state *states; /* QX_NODES_MAX + 1, reused */
    size_t n_nodes;
    uint64_t partial_block, partial_items;
    uint64_t n_items;
};
qx_err job_result_init(struct job_result *r);
void job_result_fini(struct job_result *r);
qx_err job_decode(struct job *j, const struct frame_view *v, struct job_result *ret, struct qx_error *err);

/* Is the plan to come with what this worker is leased of the cell? Until two have declared the same, all others are asked: where
 * they differ nobody can tell who is right, and the job fails; after that, one that differs lies (job_decode). */
bool job_wants_plan(const struct job *j, uint32_t cell, uint64_t session);

/* The one state of a MERGE result. */
qx_err job_decode_state(const struct job *j, const struct frame_view *v, struct reduce_state *ret,
                        struct qx_error *err);

/* Rows that wait here, over all cells: what is held once nobody owes credit. */
uint64_t job_rows_waiting(const struct job *j);

/* Takes what job_decode gave, accepted by the scheduler. Moves the states. */
qx_err job_insert(struct job *j, uint32_t cell, struct job_result *r, const struct frame_view *v,
                  struct qx_error *err);

/* Moves the prefix of a cell forward and looks at the rule. True: the rule holds, the cell ends at *ret_block (once).
 * INVALID in *err when the rule cannot be evaluated: the job has failed. */
qx_err job_advance(struct job *j, uint32_t cell, bool *ret_stop, uint64_t *ret_block, struct qx_error *err);

/* Puts the state that the answer rests on into cell.final, digest and counts: `folded`, or where that is NULL the fold of
 * the finished prefix. */
qx_err job_close_cell(struct job *j, uint32_t cell, bool complete, const struct reduce_state *folded,
                      struct qx_error *err);
/* The answer of a closed cell: `json` from a FINISH lease, or NULL: the reducers' own summary. */
qx_err job_answer_cell(struct job *j, uint32_t cell, const void *json, size_t len, struct qx_error *err);
/* After all cells are answered: the digest of the job. */
void job_close(struct job *j);
/* What a SIZE lease said of a cell: how many items it has now. INVALID if neither the user nor the task says. */
qx_err job_size_cell(struct job *j, uint32_t cell, const struct frame_size *said, struct qx_error *err);
/* Items of the largest cell, and of all; 0 where they are not known yet. */
uint64_t job_items(const struct job *j, uint64_t *ret_total);
/* An extended job: cells that grow run again from their whole blocks. */
void job_reopen(struct job *j, uint64_t n_items);

/* Skips of blocks [first, end) of a cell, ascending; borrowed until the next call. */
size_t job_skips(const struct job *j, uint32_t cell, uint64_t first_item, uint64_t end_item,
                 struct frame_skip *ret, size_t cap);
qx_err job_add_skip(struct job *j, uint32_t cell, uint64_t item, uint32_t outcome);

/* The next rows of a cell in item order that may leave; moved out, free values and ok with qx_free. False: none. */
bool job_next_rows(struct job *j, uint32_t cell, struct job_rows *ret);
/* What the finished prefix of the first running cell says (of an ended job: of its first); NaN where there is nothing. */
struct job_estimate {
    uint32_t cell;
    double mean, se, measure; /* measure: what the first condition of the rule looks at */
};
void job_estimate(const struct job *j, struct job_estimate *ret);
/* The name of the file that a data set was read from; NULL: not told. Borrowed. */
const char *job_file(const struct job *j, const char *ref);
#endif
