/* client_internal.h - what the files of the blocking layer share. */
#ifndef QX_CLIENT_CLIENT_INTERNAL_H
#define QX_CLIENT_CLIENT_INTERNAL_H

#include "client/farm.h"
#include "client/rounds.h"
#include "common/idmap.h"
#include "common/mem.h"
#include "quincunx/client.h"
#include "quincunx/session.h"

/* Which parameters of a task name files, asked for once. */
struct known_task {
    char *name, *version; /* as asked for; version "" is the newest */
    char **tables;
    uint32_t n_tables;
};

struct qx_client {
    void *ctx, *sock;
    char *address;
    struct farm *farm; /* NULL: somebody else's master */
    struct qx_session *session;
    bool lost;
    struct qx_error why_lost;
    struct idmap futures; /* tag -> future, until it is done */
    uint64_t call_tag;    /* the one call that waits, 0: none */
    bool call_done;
    struct qx_event call_event;
    struct known_task *tasks;
    size_t n_tasks, cap_tasks;
    char release[32];
    bool knows_tasks; /* a ping has told that the master does */
};

struct qx_future {
    struct qx_client *client;
    uint64_t tag, job, seed, n_items;
    bool done, given; /* given: by qx_as_completed */
    bool forgotten;   /* its owner freed it; lives on until the job is done, to take what comes */
    bool detached;
    struct rounds *rounds; /* NULL: one job */
    bool untaken;          /* the job of a later round is under way to the master: its number is not known */
    struct qx_error error; /* when it ended without a result */
    struct qx_result *result;
    struct qx_event progress; /* the last PROGRESS, if has_progress */
    bool has_progress;
    struct qx_event *rows; /* ROWS not given out yet: [rows_head, n_rows) */
    size_t n_rows, rows_head, cap_rows;
    struct qx_event current; /* the rows that the caller reads */
    bool has_current;
    char **columns; /* of the cell that rows came from last */
    uint32_t n_columns;
};

uint64_t client_now_ns(void);
/* Monotonic ns for a relative timeout; UINT64_MAX for a negative one. */
uint64_t client_deadline(int64_t timeout_ms);
/* Sends what waits to be sent, receives what is there, blocking until the deadline at most for the first message, and
 * hands events to whom they belong. OK: something happened or the time is over. AGAIN: a signal came. IO: lost. */
qx_err client_turn(struct qx_client *c, uint64_t deadline_ns, struct qx_error *err);
/* Waits for what answers `tag`. The code and text of an ERROR; TIMEOUT. On OK *ret is the caller's (qx_event_fini). */
qx_err client_call(struct qx_client *c, uint64_t tag, struct qx_event *ret, struct qx_error *err);
/* Hands one event to its future. */
void future_take(struct qx_future *f, struct qx_event *ev);
void future_end(struct qx_future *f, const struct qx_error *why);
void future_destroy(struct qx_future *f);
/* Takes over *rounds on success; NULL: one job. */
qx_err future_new(struct qx_client *c, uint64_t tag, struct rounds *rounds, struct qx_future **ret);

/* How much of the data of this request the master has said it has: as long as that grows, an upload is alive. */
uint64_t session_uploaded(const struct qx_session *s, uint64_t tag);

#endif
