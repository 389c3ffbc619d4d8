/* master.h - the parts of the master daemon and what they share. Private to master/.
 *
 * One thread runs the loop (loop.c): receive, tick, effects, send, reap. workers.c owns the worker records and their
 * lanes, sink.c takes results, clients.c answers clients. The scheduler (core/) decides, these carry out. */
#ifndef QX_MASTER_MASTER_H
#define QX_MASTER_MASTER_H

#include <zmq.h>

#include "common/idmap.h"
#include "common/placement.h"
#include "master/blobs.h"
#include "master/catalogue.h"
#include "master/core/sched.h"
#include "master/job.h"

enum { PEER_ID_BYTES_MAX = 32, ACK_EXTRA_MAX = 256, BANNED_MAX = 64 };

/* Acknowledgements wait so long for company: nobody waits for them, and a message each would cost as much as a result. */
#define ACK_DELAY_NS ((uint64_t)20 * 1000 * 1000)

/* A routing id of the control socket. */
struct peer {
    uint8_t len;
    uint8_t id[PEER_ID_BYTES_MAX];
};

struct worker {
    uint64_t session, uuid;
    struct peer peer;
    char *name, *host;
    uint32_t slots, pid, n_tasks, *classes;
    void *lane; /* PUSH, bound; NULL once closed */
    char lane_suffix[32];
    uint64_t lane_seq;          /* of the last frame sent */
    bool ready, draining, gone; /* ready: its end of the lane is connected, the scheduler knows it */
    struct idmap specs;         /* jobs whose specification it has */
    zmq_msg_t *outbox;          /* frames the lane did not take yet, in order */
    size_t n_outbox, cap_outbox;
    uint64_t acked, extra[ACK_EXTRA_MAX];
    uint32_t n_extra;
    uint32_t n_unacked; /* results taken since the last acknowledgement */
    uint64_t seen_ns, joined_ns, items_done, busy_ns, leases_failed, lies;
};

/* Who waits for a job. */
struct watcher {
    struct peer peer;
    uint64_t tag, job, every_ns, next_ns;
    bool owner, rows; /* owner: the job ends when it goes */
    bool untold;      /* SUBMITTED is still to be sent: a job that ends within a moment needs none */
};

/* A request that came before any worker had joined. */
struct parked {
    struct peer peer;
    void *data;
    size_t len;
    uint64_t until_ns;
};

/* The hash of the last results taken, to compare a second result of the same range with. */
enum { AUDIT_RING = 4096 };
struct audit {
    uint64_t job, first_block, n_items, hash;
    uint32_t cell, n_blocks;
};

struct master_options {
    const char *bind;
    uint64_t blob_bytes, beat_ms, silent_ms, park_ms;
    uint32_t jobs_kept;
    uint64_t target_chunk_ns;
};

struct master {
    struct master_options opt;
    void *zmq, *control, *sink;
    int signal_fd, lock_fd, control_fd, sink_fd;
    bool more_results, more_requests; /* look there again before sleeping */
    struct sched *sched;
    struct catalogue *catalogue;
    struct blobs *blobs;
    struct idmap jobs, tokens,
        workers;             /* jobs by id and by the token of their submission, workers by session */
    struct worker **joining; /* lanes that wait for their other end */
    size_t n_joining, cap_joining;
    struct watcher *watchers;
    size_t n_watchers, cap_watchers;
    struct parked *parked;
    size_t n_parked, cap_parked;
    uint64_t *ended; /* jobs that are over, oldest first */
    size_t n_ended, cap_ended;
    uint64_t *closed; /* jobs that are done and that workers are still to forget: there is no hurry */
    size_t n_closed, cap_closed;
    struct job_result result; /* scratch of the sink */
    struct frame_skip *skips; /* scratch of workers_lease */
    size_t cap_skips;
    struct audit audit[AUDIT_RING];
    size_t audit_next;
    struct qx_bytes out; /* scratch for encoding */
    struct placement placement;
    uint64_t next_job, next_lane, now_ns, started_ns, drain_deadline_ns;
    uint64_t banned[BANNED_MAX]; /* workers that were cut off: they are not taken again */
    size_t n_banned;
    uint64_t ack_at_ns; /* when owed acknowledgements leave; UINT64_MAX: none is owed */
    uint32_t n_workers; /* ready */
    bool stop, draining;
    int exit_code;
};

/* loop.c */
qx_err master_open(struct master *m, const struct master_options *opt, struct qx_error *err);
int master_run(struct master *m);
void master_close(struct master *m);
/* Feeds the scheduler; a NOMEM or BUG there is logged and returned. */
qx_err master_event(struct master *m, const struct sched_event *ev);
/* Carries out what the scheduler has decided so far. */
void master_effects(struct master *m);
/* Sends a control message. False: the peer is gone. */
bool master_send(struct master *m, const struct peer *to, const struct control *c);
void master_send_error(struct master *m, const struct peer *to, uint64_t tag, qx_err code, const char *fmt,
                       ...) __attribute__((format(printf, 5, 6)));

/* workers.c */
void workers_hello(struct master *m, const struct peer *from, struct control *c);
void workers_beat(struct master *m, const struct peer *from, const struct control *c);
void workers_blob_get(struct master *m, const struct peer *from, const struct control *c);
void workers_bye(struct master *m, const struct control *c);
void workers_poll_joining(struct master *m);
void workers_lease(struct master *m, const struct sched_lease *l);
/* A cell was cut off at this block: what is leased beyond is not wanted any more. */
void workers_revoke(struct master *m, uint64_t job, uint32_t cell, uint64_t from_block);
void workers_forget_job(struct master *m, uint64_t job);
void workers_gone(struct master *m, uint64_t session, const char *why);
void workers_flush(struct master *m); /* outboxes and acknowledgements */
void workers_free(struct master *m);
struct worker *workers_find(struct master *m, uint64_t session);
/* A worker broke the protocol: after the third time it is cut off. */
void workers_lied(struct master *m, struct worker *w, const struct qx_error *err);

/* sink.c */
void sink_take(struct master *m, const void *frame, size_t len);
void sink_cell_complete(struct master *m, uint64_t job, uint32_t cell);
/* The answer of a cell from its folded state, or NULL: from the prefix of its tree. */
void sink_close_cell(struct master *m, struct job *j, uint32_t cell, const struct reduce_state *folded);
void sink_aux_failed(struct master *m, uint64_t job, enum sched_lease_kind kind);
void sink_job_ended(struct master *m, uint64_t job, enum sched_job_end end);
void sink_fail_job(struct master *m, struct job *j, const struct qx_error *err);
/* Cuts a cell off at the end of its prefix, as a stopping rule does. */
void sink_stop_cell(struct master *m, struct job *j, uint32_t cell, uint64_t block);
struct job *sink_job(struct master *m, uint64_t job);

/* merges.c */
struct job_merge *merges_find(const struct job *j, uint64_t token); /* NULL: none */
void merges_step(struct master *m, struct job *j, uint32_t cell);   /* what can be merged now is leased */
/* The merged state that a worker sends, if it can be that: PROTO and a text if not. Changes nothing. */
qx_err merges_decode(const struct job *j, uint64_t token, const struct frame_view *v,
                     struct reduce_state *ret, struct qx_error *err);
void merges_done(struct master *m, struct job *j, uint64_t token, struct reduce_state *merged); /* moves it */

/* clients.c */
bool clients_request(struct master *m, const struct peer *from, struct control *c); /* false: park it */
void clients_rows(struct master *m, struct job *j, uint32_t cell);
void clients_job_ended(struct master *m, struct job *j);
void clients_tick(struct master *m);
uint64_t clients_next_deadline(const struct master *m);
void clients_forget(struct master *m, uint64_t job);

#endif
