#include "proto/bodies.h"

#include "proto/field_tables.h"
#include "proto/nouns.h"

/* ---- what tables cannot say --------------------------------------------------------------------------- */

/* A part [offset, offset + len) of a blob of `size` bytes. */
static qx_err part_check(uint64_t offset, size_t len, uint64_t size, struct qx_error *err)
{
    if (offset > size || len > size - offset)
        return qx_fail(err, QX_ERR_PROTO, "%zu bytes at %llu of a blob of %llu", len,
                       (unsigned long long)offset, (unsigned long long)size);
    return QX_ERR_OK;
}

static qx_err blob_part_check(const void *plain, struct qx_error *err)
{
    const struct control *c = plain;
    if (c->u.blob_part.missing) /* nothing but the question comes back */
        return c->u.blob_part.len == 0 ? QX_ERR_OK : qx_fail(err, QX_ERR_PROTO, "bytes of a missing blob");
    return part_check(c->u.blob_part.offset, c->u.blob_part.len, c->u.blob_part.ref.len_bytes, err);
}

static qx_err blob_put_check(const void *plain, struct qx_error *err)
{
    const struct control *c = plain;
    return part_check(c->u.blob_put.offset, c->u.blob_put.len, c->u.blob_put.ref.len_bytes, err);
}

static qx_err blob_state_check(const void *plain, struct qx_error *err)
{
    const struct control *c = plain;
    if (c->u.blob_state.have_bytes > c->u.blob_state.ref.len_bytes)
        return qx_fail(err, QX_ERR_PROTO, "more of a blob than it has");
    return QX_ERR_OK;
}

static qx_err submit_check(const void *plain, struct qx_error *err)
{
    const struct control *c = plain;
    if (c->u.submit.spec.n_cells == 0)
        return qx_fail(err, QX_ERR_PROTO, "a job without cells");
    return QX_ERR_OK;
}

static qx_err rows_check(const void *plain, struct qx_error *err)
{
    const struct control *c = plain;
    if (c->u.rows.n_names != 0 && c->u.rows.n_names != c->u.rows.n_columns)
        return qx_fail(err, QX_ERR_PROTO, "%u names for %u columns", c->u.rows.n_names, c->u.rows.n_columns);
    return QX_ERR_OK;
}

static qx_err answer_check(const void *plain, struct qx_error *err)
{
    const struct control *c = plain;
    if (c->u.answer.n_cells > c->u.answer.info.n_cells)
        return qx_fail(err, QX_ERR_PROTO, "answers of %u cells, the job has %u", c->u.answer.n_cells,
                       c->u.answer.info.n_cells);
    return QX_ERR_OK;
}

static qx_err error_check(const void *plain, struct qx_error *err)
{
    const struct control *c = plain;
    if (c->u.error.code >= 0)
        return qx_fail(err, QX_ERR_PROTO, "an error with code %d", c->u.error.code);
    return QX_ERR_OK;
}

/* ---- worker to master ------------------------------------------------------------------------------------ */

static const struct field hello_fields[] = {
#define AT Hello, struct control, u.hello.
    TEXT(AT, name),
    TEXT(AT, host),
    U64(AT, uuid, ANY),
    U64(AT, old_session, ANY),
    U32(AT, slots, 1, SLOTS_MAX),
    U32(AT, pid, 0, ANY),
    MANY(AT, tasks, n_tasks, TaskDecl, task_decl, task_decl_message, ANY),
#undef AT
};
static const struct field beat_fields[] = {
#define AT Beat, struct control, u.beat.
    U64(AT, session, ANY),
    U64(AT, lane_seq, ANY),
    U64S(AT, held, n_held),
    BOOL(AT, resync),
#undef AT
};
static const struct field blob_get_fields[] = {
#define AT BlobGet, struct control, u.blob_get.
    U64(AT, session, ANY),
    HASH(AT, hash),
    U64(AT, offset, ANY),
#undef AT
};
static const struct field bye_fields[] = {
#define AT Bye, struct control, u.bye.
    U64(AT, session, ANY),
#undef AT
};

/* ---- master to worker ------------------------------------------------------------------------------------ */

static const struct field welcome_fields[] = {
#define AT Welcome, struct control, u.welcome.
    U64(AT, session, ANY),      TEXT(AT, lane), TEXT(AT, sink), U32(AT, beat_ms, 0, ANY),
    U32(AT, silent_ms, 0, ANY),
#undef AT
};
static const struct field ack_fields[] = {
#define AT Ack, struct control, u.ack.
    U64(AT, upto, ANY),
    U64S(AT, extra, n_extra),
#undef AT
};
static const struct field beat_back_fields[] = {
#define AT BeatBack, struct control, u.beat_back.
    U64(AT, lane_seq, ANY),
#undef AT
};
static const struct field blob_part_fields[] = {
#define AT BlobPart, struct control, u.blob_part.
    ONE(AT, ref, BlobRef, blob_ref, blob_ref_message),
    U64(AT, offset, ANY),
    DATA(AT, data, len, BLOB_PART_BYTES),
    BOOL(AT, missing),
#undef AT
};

/* ---- client to master ------------------------------------------------------------------------------------ */

static const struct field submit_fields[] = {
#define AT Submit, struct control, u.submit.
    U64(AT, token, ANY),
    ONE(AT, spec, JobSpec, job_spec, job_spec_message),
    BOOL(AT, watch),
#undef AT
};
static const struct field watch_fields[] = {
#define AT Watch, struct control, u.watch.
    U64(AT, job, ANY),
    U32(AT, every_ms, 0, ANY),
#undef AT
};
static const struct field cancel_fields[] = {
#define AT Cancel, struct control, u.cancel.
    U64(AT, job, ANY),
#undef AT
};
static const struct field extend_fields[] = {
#define AT Extend, struct control, u.extend.
    U64(AT, job, ANY),
    U64(AT, n_items, QX_ITEMS_MAX),
#undef AT
};
static const struct field jobs_fields[] = {
#define AT Jobs, struct control, u.jobs.
    U64(AT, job, ANY),
#undef AT
};
static const struct field result_fields[] = {
#define AT Result, struct control, u.result.
    U64(AT, job, ANY),
    BOOL(AT, partial),
#undef AT
};
static const struct field tasks_fields[] = {
#define AT Tasks, struct control, u.tasks.
    TEXT(AT, name),
#undef AT
};
static const struct field blob_put_fields[] = {
#define AT BlobPut, struct control, u.blob_put.
    ONE(AT, ref, BlobRef, blob_ref, blob_ref_message),
    U64(AT, offset, ANY),
    DATA(AT, data, len, BLOB_PART_BYTES),
#undef AT
};
static const struct field rows_taken_fields[] = {
#define AT RowsTaken, struct control, u.rows_taken.
    U64(AT, job, ANY),
    U64(AT, bytes, ANY),
#undef AT
};

/* ---- master to client ------------------------------------------------------------------------------------ */

static const struct field submitted_fields[] = {
#define AT Submitted, struct control, u.submitted.
    U64(AT, job, ANY),
    U64(AT, seed, ANY),
    U64(AT, n_items, QX_ITEMS_MAX),
    TEXT(AT, version),
#undef AT
};
static const struct field rows_fields[] = {
#define AT Rows, struct control, u.rows.
    U64(AT, job, ANY),
    U64(AT, first_item, QX_ITEMS_MAX),
    U32(AT, cell, 0, CELLS_MAX - 1),
    U32(AT, n_items, 0, ANY),
    U32(AT, n_columns, 0, ANY),
    {.kind = FIELD_TEXTS, /* `columns` here: protobuf-c would call its count n_columns */
     .name = "names",
     .pb = PB(Rows, names, ProtobufCBinaryData *),
     .pb_n = PB(Rows, n_names, size_t),
     .at = AS(struct control, u.rows.columns, char **),
     .at_n = AS(struct control, u.rows.n_names, uint32_t)},
    MATRIX(AT, values, n_items, n_columns),
    OUTCOMES(AT, ok, n_items),
#undef AT
};
static const struct field job_list_fields[] = {
#define AT JobList, struct control, u.job_list.
    MANY(AT, jobs, n, JobInfo, job_info, job_info_message, ANY),
#undef AT
};
static const struct field answer_fields[] = {
#define AT Answer, struct control, u.answer.
    ONE(AT, info, JobInfo, job_info, job_info_message),
    ONE(AT, spec, JobSpec, job_spec, job_spec_message),
    MANY(AT, cells, n_cells, CellAnswer, cell_answer, cell_answer_message, CELLS_MAX),
    DIGEST(AT, digest),
#undef AT
};
static const struct field task_list_fields[] = {
#define AT TaskList, struct control, u.task_list.
    MANY(AT, tasks, n, TaskDecl, task_decl, task_decl_message, ANY),
#undef AT
};
static const struct field worker_list_fields[] = {
#define AT WorkerList, struct control, u.worker_list.
    MANY(AT, workers, n, WorkerInfo, worker_info, worker_info_message, ANY),
#undef AT
};
static const struct field blob_state_fields[] = {
#define AT BlobState, struct control, u.blob_state.
    ONE(AT, ref, BlobRef, blob_ref, blob_ref_message),
    U64(AT, have_bytes, ANY),
    BOOL(AT, complete),
#undef AT
};
static const struct field pong_fields[] = {
#define AT Pong, struct control, u.pong.
    U32(AT, workers, 0, ANY), U32(AT, slots, 0, ANY), TEXT(AT, release),
    U64(AT, uptime_ms, ANY),  U32(AT, tasks, 0, ANY),
#undef AT
};

/* ---- master to anybody ----------------------------------------------------------------------------------- */

static const struct field error_fields[] = {
#define AT Error, struct control, u.error.
    I32(AT, code),
    TEXT(AT, text),
#undef AT
};

/* ---- the types ------------------------------------------------------------------------------------------- */

static const struct message hello_message = MESSAGE(hello, 0, hello_fields, NULL);
static const struct message beat_message = MESSAGE(beat, 0, beat_fields, NULL);
static const struct message blob_get_message = MESSAGE(blob_get, 0, blob_get_fields, NULL);
static const struct message bye_message = MESSAGE(bye, 0, bye_fields, NULL);
static const struct message welcome_message = MESSAGE(welcome, 0, welcome_fields, NULL);
static const struct message ack_message = MESSAGE(ack, 0, ack_fields, NULL);
static const struct message beat_back_message = MESSAGE(beat_back, 0, beat_back_fields, NULL);
static const struct message blob_part_message = MESSAGE(blob_part, 0, blob_part_fields, blob_part_check);
static const struct message submit_message = MESSAGE(submit, 0, submit_fields, submit_check);
static const struct message watch_message = MESSAGE(watch, 0, watch_fields, NULL);
static const struct message cancel_message = MESSAGE(cancel, 0, cancel_fields, NULL);
static const struct message extend_message = MESSAGE(extend, 0, extend_fields, NULL);
static const struct message jobs_message = MESSAGE(jobs, 0, jobs_fields, NULL);
static const struct message result_message = MESSAGE(result, 0, result_fields, NULL);
static const struct message tasks_message = MESSAGE(tasks, 0, tasks_fields, NULL);
static const struct message workers_message = {.pb = &qx__v1__workers__descriptor};
static const struct message blob_put_message = MESSAGE(blob_put, 0, blob_put_fields, blob_put_check);
static const struct message rows_taken_message = MESSAGE(rows_taken, 0, rows_taken_fields, NULL);
static const struct message ping_message = {.pb = &qx__v1__ping__descriptor};
static const struct message submitted_message = MESSAGE(submitted, 0, submitted_fields, NULL);
static const struct message rows_message = MESSAGE(rows, 0, rows_fields, rows_check);
static const struct message job_list_message = MESSAGE(job_list, 0, job_list_fields, NULL);
static const struct message answer_message = MESSAGE(answer, 0, answer_fields, answer_check);
static const struct message task_list_message = MESSAGE(task_list, 0, task_list_fields, NULL);
static const struct message worker_list_message = MESSAGE(worker_list, 0, worker_list_fields, NULL);
static const struct message blob_state_message = MESSAGE(blob_state, 0, blob_state_fields, blob_state_check);
static const struct message pong_message = MESSAGE(pong, 0, pong_fields, NULL);
static const struct message error_message = MESSAGE(error, 0, error_fields, error_check);

#define BODY(NAME, table)                                                                                    \
    [CONTROL_##NAME] = {.name = #NAME, .number = QX__V1__CONTROL__BODY_##NAME, .message = &(table)}
#define BODY_VERSION(NAME, table, at)                                                                        \
    [CONTROL_##NAME] = {.name = #NAME,                                                                       \
                        .number = QX__V1__CONTROL__BODY_##NAME,                                              \
                        .version = AS(struct control, u.at.version, uint32_t),                               \
                        .message = &(table)}

const struct body control_bodies[CONTROL_TYPE_COUNT] = {
    [CONTROL_UNKNOWN] = {.name = "UNKNOWN"},
    BODY_VERSION(HELLO, hello_message, hello),
    BODY(BEAT, beat_message),
    BODY(BLOB_GET, blob_get_message),
    BODY(BYE, bye_message),
    BODY_VERSION(WELCOME, welcome_message, welcome),
    BODY(ACK, ack_message),
    BODY(BEAT_BACK, beat_back_message),
    BODY(BLOB_PART, blob_part_message),
    BODY(SUBMIT, submit_message),
    BODY(WATCH, watch_message),
    BODY(CANCEL, cancel_message),
    BODY(EXTEND, extend_message),
    BODY(JOBS, jobs_message),
    BODY(RESULT, result_message),
    BODY(TASKS, tasks_message),
    BODY(WORKERS, workers_message),
    BODY(BLOB_PUT, blob_put_message),
    BODY(ROWS_TAKEN, rows_taken_message),
    BODY(PING, ping_message),
    BODY(SUBMITTED, submitted_message),
    [CONTROL_PROGRESS] = {.name = "PROGRESS",
                          .number = QX__V1__CONTROL__BODY_PROGRESS,
                          .plain = AS(struct control, u.progress, struct job_info),
                          .message = &job_info_message},
    BODY(ROWS, rows_message),
    BODY(JOB_LIST, job_list_message),
    BODY(ANSWER, answer_message),
    BODY(TASK_LIST, task_list_message),
    BODY(WORKER_LIST, worker_list_message),
    BODY(BLOB_STATE, blob_state_message),
    BODY_VERSION(PONG, pong_message, pong),
    BODY(ERROR, error_message),
};
