/* sched.h - the scheduler: who works on which blocks. Events and the time go in, effects come out.
 *
 * Pure: no clock, randomness, sockets, logging, allocation outside common/mem. Same inputs, same effects.
 * Knows jobs as: a task class, cells, blocks; nothing of parameters, states or messages. One thread.
 *
 * Every block of a cell is at any moment exactly one of: done; under one lease; waiting to be leased again
 * (its lease failed or its worker went); not yet leased (at or beyond the frontier); cut off (beyond the stop).
 * A lease (id, attempt) is the only licence to deliver a range: anything else is STALE.
 * Memory is O(cells + leases held + intervals out of order), never O(items) or O(blocks). */
#ifndef QX_MASTER_CORE_SCHED_H
#define QX_MASTER_CORE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/block.h"
#include "common/error.h"

struct sched;

struct sched_config {         /* zero: the default in brackets */
    uint64_t target_chunk_ns; /* [25 ms] aim for the work in one lease */
    uint64_t
        prefetch_below_ns; /* [50 ms] leases expected to be longer are never queued behind a running one */
    uint64_t
        prefetch_cover_ns; /* [1 ms] queue this much work ahead a slot, at least 1 lease, at most prefetch_max */
    uint32_t prefetch_max;     /* [512] leases ahead a slot */
    uint64_t worker_silent_ns; /* [10 s] a worker not heard of for so long is gone */
    uint32_t
        losses_max; /* [8] a block whose worker vanished, or gave it back unstarted, so often ends its job */
};

enum sched_lease_kind { LEASE_RUN, LEASE_MERGE, LEASE_FINISH, LEASE_SIZE };

enum sched_event_type {
    EV_WORKER_JOIN,  /* worker, join: a session id never used before */
    EV_WORKER_SEEN,  /* worker: it is alive */
    EV_WORKER_DRAIN, /* worker: no more leases to it; what it holds it finishes */
    EV_WORKER_HELD, /* worker, held: the leases it says it has; it never got the others, they are given out again */
    EV_WORKER_GONE, /* worker: its leases are given out again */
    EV_JOB_SUBMIT,  /* job, submit */
    EV_JOB_EXTEND, /* job, n_items: larger than before; running or complete, not failed or cancelled, no cell unsized. Cells that no
                            rule ended and that may have more open again: their partial last block is leased again, their FINISH
                            leases are dropped */
    EV_JOB_CANCEL, /* job: no more leases; leases out become stale; JOB_ENDED follows */
    EV_JOB_FAIL,   /* job: as cancel, for a reason the caller knows */
    EV_JOB_THROTTLE, /* job, on: while on, only ranges that were leased before are leased; in any state of the job */
    EV_JOB_FORGET, /* job, ended: its memory is freed */
    EV_CELL_SIZED, /* job, cell, sized: a SIZE lease came back done, so many items it has; its blocks are leased from now on */
    EV_CELL_STOP, /* job, cell, block: the stopping rule held at this checkpoint, or a cancel: blocks from there on are cut off */
    EV_CELL_FINISHED, /* job, cell: its answer is made; when all cells are, JOB_ENDED follows */
    /* job, cell, aux: lease this merge, finish or size to any able worker; `token` comes back in the effect. Only while the job runs, a
     * FINISH only of a cell that is complete or stopped, and none of a cell that is answered: what is left of it then is dropped */
    EV_AUX_ADD,
    EV_LEASE_DONE,   /* result: OK = accept it, STALE = drop it, PROTO = the worker lies about its lease */
    EV_LEASE_FAILED, /* result with outcome; same codes */
    EV_TICK          /* only the time */
};

struct sched_result { /* everything is compared with the lease */
    uint64_t lease;
    uint32_t attempt, cell;
    uint64_t first_block, n_blocks;
    uint64_t compute_ns; /* inside executors, for the cost of an item and for fair shares */
    uint32_t outcome;    /* EV_LEASE_FAILED: enum qx_outcome */
    bool started;        /* EV_LEASE_FAILED: false = it was only queued, no attempt is counted */
    bool
        stuck; /* .. and all slots of the worker run something unexpectedly long: nothing more is queued there */
    bool item_known;
    uint64_t item; /* the item it died on */
};

struct sched_event {
    enum sched_event_type type;
    uint64_t worker, job;
    uint32_t cell;
    union {
        struct {
            uint32_t slots;
            const uint32_t *classes;
            uint32_t n_classes;
        } join;
        struct {
            const uint64_t *leases;
            size_t n_leases;
        } held;
        struct {
            uint32_t class_id, n_cells;
            uint64_t n_items; /* in every cell; unsized: not looked at */
            bool
                unsized; /* a SIZE lease a cell comes first, its blocks once EV_CELL_SIZED tells how many items it has */
            struct block_layout layout;
            uint64_t chunk_items;     /* 0: adaptive */
            uint64_t chunk_items_max; /* 0: none; bounds adaptive chunks too, where results carry rows */
            int32_t priority;         /* strict: higher first */
            uint32_t attempts_max;    /* started attempts an item may kill; then it is skipped; 0: 3 */
            bool checkpoints;         /* leases never straddle one */
        } submit;
        struct {
            uint64_t n_items;
        } extend;
        struct {
            uint64_t n_items, n_max; /* n_max: what an extension may come to; 0: any number */
        } sized;
        struct {
            bool on;
        } throttle;
        struct {
            uint64_t block;
        } stop;
        struct {
            enum sched_lease_kind kind;
            uint64_t token;
        } aux;
        struct sched_result result;
    } u;
};

enum sched_effect_type {
    FX_LEASE, /* send it to the worker */
    FX_SKIP_ITEM, /* (job, cell, item, outcome): all later leases that hold this item must skip it; comes before them */
    FX_CELL_COMPLETE, /* (job, cell): every block up to its end is done; the caller makes the answer, then CELL_FINISHED */
    FX_JOB_ENDED,   /* (job, end): nothing of it is leased any more */
    FX_WORKER_GONE, /* (worker): silent for too long; treated as EV_WORKER_GONE already */
    FX_AUX_FAILED /* (job, cell, lease.kind, lease.token): this merge, finish or size died attempts_max times, or losses_max workers
                            vanished with it; it is leased no more. The caller decides what becomes of the job */
};
enum sched_job_end { JOB_END_DONE, JOB_END_CANCELLED, JOB_END_FAILED, JOB_END_LOST, JOB_END_UNOPENED };
/* LOST: losses_max; UNOPENED: attempts died outside any item attempts_max times in a row */

struct sched_lease {
    uint64_t id, worker, job, token;
    uint32_t cell, attempt; /* attempt counts every grant of this range, from 1 */
    enum sched_lease_kind kind;
    uint64_t first_block, n_blocks;
    uint64_t end_item;   /* items at and beyond it do not exist (n of the cell) */
    uint64_t expect_ns;  /* 0: unknown */
    uint64_t granted_ns; /* when */
};

struct sched_effect {
    enum sched_effect_type type;
    uint64_t worker, job;
    uint32_t cell;
    union {
        struct sched_lease lease;
        struct {
            uint64_t item;
            uint32_t outcome;
        } skip;
        enum sched_job_end end;
    } u;
};

struct sched_job_stats {
    uint32_t n_cells, cells_complete;
    uint64_t n_items;                  /* of the largest cell, as last set */
    uint64_t items_done, items_leased; /* over all cells */
    uint64_t leases_granted, leases_failed, leases_stale, workers_lost;
    uint64_t compute_ns;      /* of accepted leases */
    double item_ns;           /* smoothed cost of an item; 0: unknown */
    bool waiting_for_workers; /* no worker present holds its class */
};

qx_err sched_new(const struct sched_config *config, struct sched **ret);
void sched_free(struct sched *s);

/* NOMEM leaves the state unchanged (the event may be given again). Unknown worker or job: NOTFOUND. STATE, STALE, PROTO as above. */
qx_err sched_apply(struct sched *s, const struct sched_event *ev, uint64_t now_ns);
bool sched_next_effect(struct sched *s,
                       struct sched_effect *ret);    /* pull until false, after each batch of events */
uint64_t sched_next_deadline(const struct sched *s); /* UINT64_MAX: none */
qx_err sched_check(const struct sched *s, struct qx_error *err); /* all invariants; slow */

/* Borrowed until the next sched_apply. NULL: no such lease is out. */
const struct sched_lease *sched_lease(const struct sched *s, uint64_t lease);
bool sched_job_stats(const struct sched *s, uint64_t job, struct sched_job_stats *ret);
size_t sched_worker_leases(const struct sched *s, uint64_t worker);
uint32_t sched_slots(const struct sched *s); /* of all workers that take leases */
#endif
