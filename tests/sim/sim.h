/* sim.h - a farm in one process and on a virtual clock: the real scheduler, merge trees and worker ledgers, between them a
 * network that loses, delays and repeats messages and drops connections, workers that die, join, drain and go silent.
 *
 * Everything follows from the seed. Whatever happens, each job must end with the digest that a plain loop over its items
 * gives. Broken expectations end the test through Check. */
#ifndef QX_TESTS_SIM_SIM_H
#define QX_TESTS_SIM_SIM_H

#include <check.h>

#include "common/tree.h"
#include "master/core/sched.h"
#include "worker/ledger.h"

#define SIM_MS    1000000ull
#define SIM_S     1000000000ull
#define SIM_NEVER (30000 * SIM_S) /* longer than any run */

/* As ck_assert, which writes to a file each time it is passed: too slow for what happens a million times. */
#define sim_expect(cond)                                                                                     \
    do {                                                                                                     \
        if (!(cond))                                                                                         \
            ck_abort_msg("failed: %s", #cond);                                                               \
    } while (0)
#define sim_ok(e) sim_expect((e) == QX_ERR_OK)

struct sim_config {
    uint64_t seed;
    uint32_t n_workers, n_jobs;
    uint64_t n_items;     /* about, in a job */
    uint32_t check_every; /* sched_check after so many events */
    bool calm;            /* no faults */
};

/* ---- time and chance (sim.c) ---- */

enum sim_what {
    SIM_MESSAGE,     /* arrives */
    SIM_SLOT_DONE,   /* an executor ends what it does; arg: slot, tag: which run */
    SIM_WORKER_BEAT, /* a worker's own timer; tag: its life */
    SIM_WORKER_FATE, /* something happens to a worker */
    SIM_MASTER_TICK,
    SIM_JOB_SUBMIT,
    SIM_JOB_CANCEL,
    SIM_JOB_EXTEND,
    SIM_JOB_THROTTLE,
    SIM_JOB_MERGE, /* arg: the job */
};

struct sim_event {
    uint64_t at_ns, order;
    enum sim_what what;
    uint32_t worker, arg;
    uint64_t tag;
    struct sim_message *message;
};

/* ---- the network (net.c) ---- */

enum sim_channel { SIM_CONTROL_UP, SIM_CONTROL_DOWN, SIM_LANE, SIM_SINK, SIM_CHANNELS };
enum sim_message_type {
    MSG_HELLO,
    MSG_BEAT,
    MSG_BYE, /* control, up */
    MSG_WELCOME,
    MSG_BEAT_BACK,
    MSG_ACK,
    MSG_WHO, /* control, down; WHO: unknown session */
    MSG_LEASE,
    MSG_FORGET,
    MSG_REVOKE, /* lane */
    MSG_RESULT  /* sink */
};

struct sim_result; /* immutable once made, counted */

struct sim_message {
    enum sim_message_type type;
    enum sim_channel channel;
    uint32_t worker;
    uint64_t epoch;        /* of the connection it went into */
    uint64_t life;         /* of the worker it is from */
    uint64_t session, seq; /* seq: lane, sink; ACK: upto */
    bool resync;
    uint64_t resync_seq; /* BEAT, BEAT_BACK: which resync */
    uint64_t *list;      /* BEAT: held leases. ACK: beyond upto. LEASE: items to skip */
    size_t n_list;
    uint64_t job;
    uint32_t cell;       /* REVOKE: of this cell, */
    uint64_t from_block; /* from here on */
    struct sched_lease lease;
    struct sim_result *result;
};

/* ---- jobs (job.c) ---- */

enum { SIM_ATTEMPTS_MAX = 3, SIM_PLAN_REDUCERS = 2 };

struct sim_cell {
    struct tree *tree;
    bool stopped, cut, closing; /* by the rule; by a cancel; its answer is made */
    uint64_t end_block;         /* of a stopped or cut one */
    uint64_t *skips;
    size_t n_skips, cap_skips;
};

struct sim_job {
    uint64_t id, seed, n_first, n_items, n_extended; /* as submitted; now; n_extended: 0: never */
    uint32_t n_cells;
    struct block_layout layout;
    uint64_t chunk_items, item_ns;
    int32_t priority;
    uint32_t class_id;
    double until_se;              /* 0: no rule */
    bool never_opens, by_finish;  /* its executors die on open; its answers are made by FINISH leases */
    bool unsized;                 /* SIZE leases tell how many items its cells have: each another number */
    bool cancel, by_cut;          /* by_cut: cells are cut off at their prefix, and answered */
    uint32_t unknown_deaths;      /* executors that may still die outside any item */
    uint32_t poison_in, flaky_in; /* one item in so many kills always, or once */
    bool submitted, ended;
    enum sched_job_end end;
    uint64_t merges_asked, merges_done;
    struct sim_cell *cells;
};

struct sim {
    struct sim_config config;
    uint64_t rng, now_ns, n_pushed, n_events;
    struct sim_event *heap;
    size_t n_heap, cap_heap;
    struct reduce_plan *plan;
    struct sched *sched;
    struct sim_job *jobs;
    struct sim_worker *workers;
    struct sim_session *sessions; /* of the master, by id - 1 */
    size_t n_sessions, cap_sessions;
    uint32_t n_actions; /* of jobs, still to come */
    uint32_t loss_per_mille, n_classes;
    uint64_t latency_ns;
    uint64_t
        quiet_ns; /* from here on nothing goes wrong any more: what is lost by then must be found by itself */
    bool starve;  /* allocations of the scheduler fail now and then */
};

uint64_t sim_random(struct sim *s);
uint64_t sim_below(struct sim *s, uint64_t n);
bool sim_chance(struct sim *s, uint32_t per_mille);
bool sim_quiet(const struct sim *s);
uint64_t sim_hash(uint64_t a, uint64_t b, uint64_t c);
void sim_at(struct sim *s, uint64_t at_ns, enum sim_what what, uint32_t worker, uint32_t arg, uint64_t tag);
void sim_push(struct sim *s, struct sim_event ev);

/* Runs a whole farm from seed to end. */
void sim_run(const struct sim_config *config);

/* Sends, or loses. Takes the message over. */
void sim_send(struct sim *s, struct sim_message m);
bool sim_arrives(struct sim *s, const struct sim_message *m); /* its connection is still there */
void sim_disconnect(struct sim *s, uint32_t worker);
void sim_message_free(struct sim_message *m);

void sim_job_make(struct sim *s, struct sim_job *j, uint64_t id);
void sim_job_fini(struct sim_job *j);
/* Items of a cell: in unsized jobs each has its own number, and every other one cannot have more. */
uint64_t sim_cell_items(const struct sim_job *j, uint32_t cell);
uint64_t sim_cell_items_max(const struct sim_job *j, uint32_t cell); /* 0: any number */
bool sim_is_poison(const struct sim_job *j, uint32_t cell, uint64_t item);
bool sim_is_flaky(const struct sim_job *j, uint32_t cell, uint64_t item);
uint64_t sim_item_ns(const struct sim_job *j, uint32_t cell, uint64_t item);
/* The state of the items of one block that are below `end`; poison counts as failed. */
void sim_block_state(const struct sim *s, const struct sim_job *j, uint32_t cell, uint64_t block,
                     uint64_t end, struct reduce_state *ret);
void sim_expected_digest(const struct sim *s, const struct sim_job *j, uint32_t cell, char ret[33]);
bool sim_rule_holds(const struct sim *s, const struct sim_job *j, const struct tree *t);
struct sim_job *sim_job(struct sim *s, uint64_t id);

/* What a worker's executor gives for a lease. */
struct sim_result {
    uint32_t refs;
    struct sched_result head;
    uint64_t job, seq;
    enum sched_lease_kind kind;
    bool failed;
    struct block_node nodes[QX_NODES_MAX];
    struct reduce_state *states; /* of the nodes, then of the partial block */
    size_t n_nodes;
    uint64_t partial_block, partial_items; /* items 0: none */
};
struct sim_result *sim_result_ref(struct sim_result *r);
void sim_result_unref(void *result);
void sim_result_fill(const struct sim *s, const struct sim_job *j, const struct sched_lease *l,
                     struct sim_result *r);

/* ---- workers (worker.c) ---- */

struct sim_task {
    struct sched_lease lease;
    uint64_t *skips;
    size_t n_skips;
};
struct sim_slot {
    bool busy;
    uint64_t run; /* counts, to know events of runs that were cut off */
    uint64_t started_ns;
    struct sim_task task;
    bool dies, item_known;
    uint64_t item;
};
struct sim_worker {
    bool alive, up, drains;
    uint64_t life, session, heard_ns, silent_until_ns, slow_per_cent;
    uint32_t n_slots;
    struct sim_slot *slots;
    struct sim_task *queue;
    size_t n_queue, cap_queue;
    struct ledger *ledger;
    uint64_t resyncs, resync_confirmed;       /* sent for the last time; answered */
    uint64_t epoch, last_at_ns[SIM_CHANNELS]; /* of its connections */
};
void sim_workers_new(struct sim *s);
void sim_workers_free(struct sim *s);
void sim_worker_start(struct sim *s, uint32_t at);
void sim_worker_beat(struct sim *s, uint32_t at, uint64_t life);
void sim_worker_fate(struct sim *s, uint32_t at);
void sim_worker_message(struct sim *s, const struct sim_message *m);
void sim_worker_slot_done(struct sim *s, uint32_t at, uint32_t slot_at, uint64_t run);

/* ---- the master (master.c) ---- */

struct sim_session {
    uint32_t worker;
    bool gone;
    uint64_t life;
    uint64_t lane_seq, upto; /* last sent on the lane; results taken up to here */
    uint64_t *extra;         /* and these */
    size_t n_extra, cap_extra;
};
void sim_master_message(struct sim *s, const struct sim_message *m);
void sim_master_tick(struct sim *s);
void sim_master_pull(struct sim *s);
void sim_job_action(struct sim *s, const struct sim_event *ev);
qx_err sim_apply(struct sim *s, const struct sched_event *ev);

#endif
