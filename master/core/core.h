/* core.h - the inside of the scheduler: shared by the files of this folder only.
 *
 * Owners: `sched` owns workers, jobs, classes, profiles, levels and the slab of ranges. Everything else is an index.
 *
 *   class    what a job needs and a worker has: one task in one version
 *   profile  workers that hold the same classes; they compete in one heap by load
 *   level    jobs of one priority; a level has one queue a class
 *   queue    the jobs of one class and priority that have something to lease, in a heap by virtual time
 *   range    consecutive blocks of one cell (or one merge or finish) that are leased or wait to be leased
 *
 * Ranges that go back keep their object, so giving back never needs memory. */
#ifndef QX_MASTER_CORE_CORE_H
#define QX_MASTER_CORE_CORE_H

#include "common/heap.h"
#include "common/idmap.h"
#include "common/list.h"
#include "master/core/sched.h"
#include "master/core/states.h"

__extension__ typedef unsigned __int128 sched_wide;

struct sched_class {
    uint32_t id, slots;              /* slots of active workers that hold it */
    struct sched_profile **profiles; /* those that hold it */
    size_t n_profiles, cap_profiles;
};

struct sched_profile {
    struct heap workers; /* active ones, by load */
    size_t n_workers;
    uint64_t blocked; /* pass in which a better job waits for one of these workers */
    uint32_t n_classes;
    struct sched_class *classes[]; /* ascending id */
};

struct sched_queue {
    struct sched_class *cls;
    struct sched_level *level;
    struct heap ready; /* by virtual time, then by age */
    size_t n_jobs;     /* ready or not; the heap has room for all */
    uint64_t tried;    /* pass in which its first job found no worker */
};

struct sched_level {
    int32_t priority;
    int64_t vt_last; /* virtual time of the job that was leased last */
    size_t n_ready;  /* queues with a ready job */
    struct sched_queue **queues;
    size_t n_queues, cap_queues;
};

struct sched_worker {
    struct heap_node in_heap;      /* of the profile */
    struct list in_silence;        /* all workers, longest silent first */
    struct list ranges;            /* leased to it, oldest first */
    struct sched_profile *profile; /* NULL while it drains */
    uint64_t id, seen_ns;
    uint32_t number; /* of joining: breaks ties */
    uint32_t slots, n_out, n_long;
    enum worker_phase phase;
};

struct sched_cell {
    uint64_t n_items, n_max; /* 0 while unsized; what an extension may come to, 0: any number */
    uint64_t frontier, end;  /* blocks: the first never leased; the number there are */
    uint32_t n_ranges;       /* of blocks below the frontier that are out or waiting */
    uint8_t phase;
    bool last_held; /* scratch of an extension */
};

struct sched_job {
    struct heap_node in_heap; /* of the queue */
    struct sched_queue *queue;
    struct list out, waiting, aux; /* ranges: leased; returned blocks; merges and finishes that wait */
    struct sched_cell *cells;
    uint64_t id, age;
    int64_t vt;
    enum job_phase phase;
    bool throttled, checkpoints;
    uint32_t n_cells, cell_at; /* cells before cell_at have nothing beyond their frontier to lease */
    uint32_t n_answered, attempts_max;
    uint32_t unopened; /* attempts that died outside any item since something went well */
    struct block_layout layout;
    uint64_t chunk_items, chunk_items_max;
    sched_wide items_wanted; /* over all cells, up to their ends */
    uint64_t items_done, items_leased;
    uint64_t largest_chunk;     /* items of the largest lease that came back done */
    double cost_ns, cost_items; /* decaying sums: their ratio is the cost of an item */
    double item_ns, merge_ns;   /* 0: unknown */
    uint64_t leases_granted, leases_failed, leases_stale, workers_lost, compute_ns;
    uint64_t lost_pass; /* scratch: counted in this pass */
};

struct sched_death {
    struct sched_death *next;
    uint64_t item;
    uint32_t count;
};

struct sched_range {
    struct sched_lease pub; /* what a lease of it says; id 0 while it is not out */
    enum range_phase phase;
    uint32_t losses, deaths; /* workers that vanished with it; attempts that died outside any item */
    struct list in_job, in_worker;
    struct sched_job *job;
    struct sched_worker *worker; /* while out */
    uint64_t generation;
    uint32_t slot;      /* in the slab */
    bool is_long;       /* expected to run long or for unknown time, or found to */
    uint64_t items;     /* while out */
    int64_t charge_ns;  /* what the job's virtual time was charged */
    uint64_t held_pass; /* scratch */
    struct sched_death *dead_items;
};

enum { RANGE_SLOT_BITS = 26, RANGES_A_PAGE = 256 };

struct sched {
    struct sched_config config;
    uint64_t now_ns, pass;
    bool settled;                        /* nothing can be leased until something changes */
    bool starved;                        /* a lease could not be made for want of memory */
    struct idmap workers, jobs, classes; /* classes by id + 1 */
    struct list silence;
    struct sched_profile **profiles;
    size_t n_profiles, cap_profiles, n_blocked;
    struct sched_level **levels; /* descending priority */
    size_t n_levels, cap_levels;
    struct sched_range **pages, *free_ranges; /* free ones are linked by in_job.next */
    size_t n_pages, cap_pages, n_free;
    struct sched_effect *effects; /* ring; never leases */
    size_t n_effects, cap_effects, first_effect;
    uint32_t slots, n_joined;
    uint64_t n_submitted;
};

/* effects.c */
qx_err sched_effects_reserve(struct sched *s, size_t n);
void sched_emit(struct sched *s, const struct sched_effect *fx); /* room was reserved */
bool sched_effects_pop(struct sched *s, struct sched_effect *ret);

/* class.c: classes, profiles, levels, queues. What is made and then not used by a failed event stays and is harmless. */
qx_err sched_class_get(struct sched *s, uint32_t id, struct sched_class **ret);
qx_err sched_profile_get(struct sched *s, const uint32_t *classes, uint32_t n, struct sched_profile **ret);
void sched_profile_release(struct sched *s, struct sched_profile *p); /* frees it when no worker has it */
qx_err sched_queue_get(struct sched *s, struct sched_class *cls, int32_t priority, struct sched_queue **ret);
void sched_classes_free(struct sched *s);

/* range.c */
qx_err sched_range_reserve(struct sched *s, size_t n);
struct sched_range *sched_range_take(struct sched *s, struct sched_job *j); /* one that was reserved */
void sched_range_free(struct sched *s, struct sched_range *r);              /* in no list */
struct sched_range *sched_range_find(const struct sched *s, uint64_t lease, bool *ret_ever_given);
void sched_range_move(struct sched_range *r, enum range_move move);
void sched_range_name(struct sched_range *r); /* a new lease id */
uint64_t sched_range_items(const struct sched_range *r);

/* worker.c */
bool sched_worker_room(const struct sched *s, const struct sched_worker *w, uint64_t expect_ns);
bool sched_is_long(const struct sched *s, uint64_t expect_ns);
uint64_t sched_worker_load(const struct sched_worker *w);
void sched_worker_take(struct sched_worker *w, struct sched_range *r);
void sched_worker_drop(struct sched_range *r);
void sched_worker_stuck(
    struct sched_worker *w); /* its oldest leases, one a slot, run longer than was expected */
void sched_worker_touch(struct sched *s, struct sched_worker *w);
qx_err sched_worker_join(struct sched *s, const struct sched_event *ev);
qx_err sched_worker_drain(struct sched *s, struct sched_worker *w);
qx_err sched_worker_gone(struct sched *s, struct sched_worker *w, bool tell);
qx_err sched_worker_held(struct sched *s, struct sched_worker *w, const uint64_t *leases, size_t n);
qx_err sched_workers_expire(struct sched *s);
void sched_worker_free(struct sched_worker *w);

/* job.c */
qx_err sched_job_submit(struct sched *s, const struct sched_event *ev);
qx_err sched_job_extend(struct sched *s, struct sched_job *j, uint64_t n_items);
qx_err sched_job_throttle(struct sched *s, struct sched_job *j, bool on);
qx_err sched_job_end(struct sched *s, struct sched_job *j, enum job_move move, enum sched_job_end end);
qx_err sched_job_forget(struct sched *s, struct sched_job *j);
bool sched_kind_fits(enum sched_lease_kind kind,
                     uint8_t phase); /* may a cell in this phase have such a lease */
qx_err sched_cell_size(struct sched *s, struct sched_job *j, uint32_t cell, uint64_t n_items, uint64_t n_max);
qx_err sched_cell_stop(struct sched *s, struct sched_job *j, uint32_t cell, uint64_t block);
qx_err sched_cell_answered(struct sched *s, struct sched_job *j, uint32_t cell);
qx_err sched_aux_add(struct sched *s, struct sched_job *j, const struct sched_event *ev);
void sched_cell_look(struct sched *s, struct sched_job *j, uint32_t cell); /* complete? */
void sched_job_look(struct sched *s,
                    struct sched_job *j); /* in its queue exactly when it has something to lease */
void sched_job_charge(struct sched_job *j, int64_t ns); /* moves its virtual time */
void sched_job_free(struct sched *s, struct sched_job *j);
uint64_t sched_items_in(const struct sched_job *j, uint32_t cell, uint64_t first_block, uint64_t end_block);

/* lease.c */
bool sched_grant(struct sched *s, struct sched_effect *ret);
void sched_lease_return(struct sched *s, struct sched_range *r, bool front); /* out -> waiting */
void sched_lease_lose(struct sched *s, struct sched_range *r,
                      bool front); /* came to nothing: given back, too often ends its job */
void sched_lease_revoke(struct sched *s, struct sched_range *r); /* out or waiting -> free */
qx_err sched_lease_done(struct sched *s, const struct sched_event *ev);
qx_err sched_lease_failed(struct sched *s, const struct sched_event *ev);

/* chunk.c: how much to lease at once */
struct sched_piece {
    struct sched_range *from; /* waiting; NULL: at the frontier of `cell` */
    uint32_t cell;
    uint64_t first, n_blocks, expect_ns;
};
void sched_plan(const struct sched *s, const struct sched_job *j, struct sched_piece *ret);
void sched_learn(struct sched_job *j, const struct sched_range *r, uint64_t compute_ns);

#endif
