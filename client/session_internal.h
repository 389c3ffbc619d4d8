/* session_internal.h - what the files of the session share. */
#ifndef QX_CLIENT_SESSION_INTERNAL_H
#define QX_CLIENT_SESSION_INTERNAL_H

#include "common/idmap.h"
#include "proto/control.h"
#include "quincunx/session.h"

enum { BLOB_PARTS_AHEAD = 8 };
static const uint64_t NS_PER_MS = 1000000u;

/* A request that is still open. */
struct request {
    uint64_t tag, job;      /* job: of WATCH and of an accepted SUBMIT */
    enum control_type type; /* that was sent */
    bool watch;             /* stays open until the RESULT */
    uint32_t progress_ms;   /* of SUBMIT: how often news are wanted; asked for once the job has its number */
    struct blob_ref ref;    /* blobs: what, how far */
    const uint8_t *data;    /* put_blob: borrowed */
    uint64_t sent, have;
    bool asked;          /* put_blob: the master said that it has not all of it */
    struct qx_bytes got; /* get_blob */
};

/* Behind a qx_result: the message that it borrows from; of an answer in rounds the results that it does. */
struct result_box {
    struct qx_result pub; /* first: the public pointer is the box */
    struct control msg;
    struct qx_cell *cells;
    struct qx_arg *args; /* the job's, then every cell's, then files */
    struct qx_result **parts;
    size_t n_parts;
    struct qx_round *rounds;
    char *texts;
};

/* Decoded messages as public structs. Each takes over the message: *msg is empty afterwards, also on failure. */
qx_err convert_result(struct control *msg, struct qx_result **ret, struct qx_error *err);
qx_err convert_jobs(struct control *msg, struct qx_job_list **ret);
qx_err convert_tasks(struct control *msg, struct qx_task_list **ret);
qx_err convert_workers(struct control *msg, struct qx_worker_list **ret);
void convert_info(const struct job_info *from, struct qx_job_info *to);

#endif
