/* session.h - a client's side of the conversation with a master, without any I/O.
 *
 * Requests make outgoing messages (qx_session_next_out), incoming messages are fed (qx_session_receive), events come
 * out (qx_session_next_event). The caller owns the socket, the clock and the randomness: a DEALER socket to the
 * master's address, one frame a message. client.h is a blocking layer on top.
 *
 * While a request is open the master is pinged; when it has said nothing for `silent_ms` a QX_EVENT_LOST ends them all.
 * Not thread-safe. Times are monotonic nanoseconds. */
#ifndef QUINCUNX_SESSION_H
#define QUINCUNX_SESSION_H

#include "quincunx/job.h"

#ifdef __cplusplus
extern "C" {
#endif

struct qx_session;

struct qx_session_options {
    uint64_t
        entropy; /* 64 random bits: submission tokens, and seeds where a job names none, come from them */
    uint32_t silent_ms; /* 0: 2500 */
};

QX_API qx_err qx_session_new(const struct qx_session_options *opt, struct qx_session **ret);
QX_API void qx_session_free(struct qx_session *s);

/* Requests. Each gives a tag, never 0, which the events that answer it carry. They fail with INVALID or NOMEM and
 * have then done nothing.
 * submit: SUBMITTED, and with `watch` PROGRESS and ROWS as asked, then RESULT; or ERROR. Data sets must be blob references. */
QX_API qx_err qx_session_submit(struct qx_session *s, const struct qx_job_options *job, bool watch,
                                uint64_t *ret_tag, struct qx_error *err);
QX_API qx_err qx_session_watch(struct qx_session *s, uint64_t job, uint32_t progress_ms,
                               uint64_t *ret_tag); /* PROGRESS, RESULT */
QX_API qx_err qx_session_cancel(struct qx_session *s, uint64_t job,
                                uint64_t *ret_tag); /* JOBS: the job as it is now */
QX_API qx_err qx_session_extend(struct qx_session *s, uint64_t job, uint64_t n_items,
                                uint64_t *ret_tag);                                   /* JOBS */
QX_API qx_err qx_session_jobs(struct qx_session *s, uint64_t job, uint64_t *ret_tag); /* JOBS; job 0: all */
QX_API qx_err qx_session_result(struct qx_session *s, uint64_t job, bool partial,
                                uint64_t *ret_tag); /* RESULT */
QX_API qx_err qx_session_tasks(struct qx_session *s, const char *name,
                               uint64_t *ret_tag);                         /* TASKS; NULL: all */
QX_API qx_err qx_session_workers(struct qx_session *s, uint64_t *ret_tag); /* WORKERS */
QX_API qx_err qx_session_ping(struct qx_session *s, uint64_t *ret_tag);    /* FARM */
/* Gives the master `data`, unless it has it. The data are borrowed until BLOB (or ERROR) says that it is there.
 * ret_ref, of QX_BLOB_REF_BYTES, is what names it as the value of a parameter. */
enum { QX_BLOB_REF_BYTES = 96 };
QX_API qx_err qx_session_put_blob(struct qx_session *s, const void *data, size_t len, char *ret_ref,
                                  uint64_t *ret_tag);
/* BLOB with its bytes; NOTFOUND as an ERROR. */
QX_API qx_err qx_session_get_blob(struct qx_session *s, const char *ref, uint64_t *ret_tag);
/* So many bytes of a ROWS event (its `bytes`) have been dealt with: the master may send as many more. No answer. */
QX_API qx_err qx_session_rows_taken(struct qx_session *s, uint64_t job, uint64_t bytes);
/* Nobody waits for this request any more; what still comes for it is dropped. */
QX_API void qx_session_abandon(struct qx_session *s, uint64_t tag);

/* The next message to send, borrowed until the next call. False: none. */
QX_API bool qx_session_next_out(struct qx_session *s, const void **ret_data, size_t *ret_len);
/* A message from the master. PROTO or VERSION, with a text, when it is not one; nothing has then changed. */
QX_API qx_err qx_session_receive(struct qx_session *s, const void *data, size_t len, uint64_t now_ns,
                                 struct qx_error *err);
/* To be called when the deadline has passed; may make messages and events. UINT64_MAX: no deadline. */
QX_API qx_err qx_session_tick(struct qx_session *s, uint64_t now_ns);
QX_API uint64_t qx_session_next_deadline(const struct qx_session *s);

enum qx_event_type {
    QX_EVENT_SUBMITTED, /* a watched job that ends within a moment has none: its RESULT says all that this would */
    QX_EVENT_PROGRESS,
    QX_EVENT_ROWS,
    QX_EVENT_RESULT,
    QX_EVENT_JOBS,
    QX_EVENT_TASKS,
    QX_EVENT_WORKERS,
    QX_EVENT_BLOB,
    QX_EVENT_FARM,
    QX_EVENT_ERROR,
    QX_EVENT_LOST
};

/* Everything in an event is borrowed from it, but for result, jobs, tasks, workers: who wants to keep one of those takes
 * the pointer and sets it to NULL. */
struct qx_event {
    enum qx_event_type type;
    uint64_t tag;
    union {
        struct {
            uint64_t job, seed, n_items;
            const char *version;
        } submitted;
        struct qx_job_info progress;
        struct {
            struct qx_rows rows;
            uint64_t bytes;
        } rows; /* columns NULL but in the first of a cell */
        struct qx_result *result;
        struct qx_job_list *jobs;
        struct qx_task_list *tasks;
        struct qx_worker_list *workers;
        struct {
            const void *data;
            size_t len;
        } blob; /* of get_blob; empty for put_blob */
        struct qx_farm_info farm;
        struct qx_error error; /* ERROR, LOST */
    } u;
    void *memory; /* the library's */
};
QX_API bool qx_session_next_event(struct qx_session *s,
                                  struct qx_event *ret); /* qx_event_fini when done with it */
QX_API void qx_event_fini(struct qx_event *e);

#ifdef __cplusplus
}
#endif
#endif
