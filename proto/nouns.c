#include "proto/nouns.h"

#include <string.h>

#include "proto/control.h"
#include "proto/field_tables.h"

enum { NAME_BYTES_MAX = 255, PRIORITY_MAX = 100, TASK_NAME_BYTES_MAX = 63 };

/* ---- parameters ----------------------------------------------------------------------------------------- */

static qx_err check_param(const void *plain, struct qx_error *err)
{
    const struct param *p = plain;
    size_t len = strlen(p->name);
    if (len == 0 || len > NAME_BYTES_MAX)
        return qx_fail(err, QX_ERR_PROTO, "a parameter with a name of %zu bytes", len);
    if (strpbrk(p->name, "= \t\n"))
        return qx_fail(err, QX_ERR_PROTO, "'%s' is no name of a parameter", p->name);
    return QX_ERR_OK;
}

static const struct field param_fields[] = {
#define AT Param, struct param,
    TEXT(AT, name),
    TEXT(AT, value),
#undef AT
};
static const struct message param_message = MESSAGE(param, sizeof(struct param), param_fields, check_param);

/* ---- declarations --------------------------------------------------------------------------------------- */

static qx_err check_param_decl(const void *plain, struct qx_error *err)
{
    const struct param_decl *d = plain;
    struct param p = {d->name, ""};
    if (d->min != d->min || d->max != d->max || d->min > d->max)
        return qx_fail(err, QX_ERR_PROTO, "parameter '%s': no range", d->name);
    return check_param(&p, err);
}

static const struct field param_decl_fields[] = {
#define AT ParamDecl, struct param_decl,
    TEXT(AT, name),
    ENUM(AT, type, qx_param_type, QX_PARAM_TABLE + 1),
    FALLBACK(AT, fallback, required),
    F64(AT, min),
    F64(AT, max),
    TEXTS(AT, choices, n_choices),
    TEXT(AT, help),
#undef AT
};
static const struct message param_decl_message =
    MESSAGE(param_decl, sizeof(struct param_decl), param_decl_fields, check_param_decl);

static qx_err check_task_decl(const void *plain, struct qx_error *err)
{
    const struct task_decl *d = plain;
    size_t len = strlen(d->name);
    if (len == 0 || len > TASK_NAME_BYTES_MAX ||
        strspn(d->name, "abcdefghijklmnopqrstuvwxyz0123456789.") != len)
        return qx_fail(err, QX_ERR_PROTO, "'%.80s' is no name of a task", d->name);
    if (d->version[0] == '\0')
        return qx_fail(err, QX_ERR_PROTO, "task '%s' without a version", d->name);
    if (!block_layout_ok(d->layout))
        return qx_fail(err, QX_ERR_PROTO, "task '%s': no block layout {%u, %u}", d->name, d->layout.grain,
                       d->layout.spread);
    return QX_ERR_OK;
}

static const struct field task_decl_fields[] = {
#define AT TaskDecl, struct task_decl,
    TEXT(AT, name),
    TEXT(AT, version),
    TEXT(AT, help),
    TEXT(AT, details),
    MANY(AT, params, n_params, ParamDecl, param_decl, param_decl_message, PARAMS_MAX),
    U32(AT, flags, 0, ANY),
    U64(AT, default_items, QX_ITEMS_MAX),
    MAYBE(AT, items_from),
    BOOL(AT, has_finish),
    BOOL(AT, opaque),
#undef AT
#define AT TaskDecl, struct task_decl, layout.
    U32(AT, grain, 0, ANY),
    U32(AT, spread, 0, ANY),
#undef AT
};
const struct message task_decl_message =
    MESSAGE(task_decl, sizeof(struct task_decl), task_decl_fields, check_task_decl);

/* ---- blobs ---------------------------------------------------------------------------------------------- */

static const struct field blob_ref_fields[] = {
#define AT BlobRef, struct blob_ref,
    HASH(AT, hash),
    U64(AT, len_bytes, ANY),
#undef AT
};
const struct message blob_ref_message = MESSAGE(blob_ref, sizeof(struct blob_ref), blob_ref_fields, NULL);

/* ---- jobs ----------------------------------------------------------------------------------------------- */

static const struct field job_cell_fields[] = {
#define AT JobCell, struct job_cell,
    MANY(AT, params, n_params, Param, param, param_message, PARAMS_MAX),
#undef AT
};
static const struct message job_cell_message =
    MESSAGE(job_cell, sizeof(struct job_cell), job_cell_fields, NULL);

static qx_err check_job_spec(const void *plain, struct qx_error *err)
{
    const struct job_spec *s = plain;
    if (s->priority < -PRIORITY_MAX || s->priority > PRIORITY_MAX)
        return qx_fail(err, QX_ERR_PROTO, "priority %d, must be %d to %d", s->priority, -PRIORITY_MAX,
                       PRIORITY_MAX);
    bool unset = s->layout.grain == 0 && s->layout.spread == 0;
    if (!unset && !block_layout_ok(s->layout))
        return qx_fail(err, QX_ERR_PROTO, "no block layout {%u, %u}", s->layout.grain, s->layout.spread);
    return QX_ERR_OK;
}

static const struct field job_spec_fields[] = {
#define AT JobSpec, struct job_spec,
    TEXT(AT, task),
    TEXT(AT, version),
    MANY(AT, params, n_params, Param, param, param_message, PARAMS_MAX),
    MANY(AT, cells, n_cells, JobCell, job_cell, job_cell_message, CELLS_MAX),
    U64(AT, n_items, QX_ITEMS_MAX),
    U64(AT, seed, ANY),
    TEXT(AT, until),
    U64(AT, chunk_items, QX_ITEMS_MAX),
    I32(AT, priority),
    U32(AT, attempts_max, 0, ANY),
    U64(AT, item_timeout_ms, ANY),
    U64(AT, item_bytes_max, ANY),
    BOOL(AT, rows),
    BOOL(AT, detached),
    TEXT(AT, label),
    MANY(AT, files, n_files, Param, param, param_message, CELLS_MAX),
#undef AT
#define AT JobSpec, struct job_spec, layout.
    U32(AT, grain, 0, ANY),
    U32(AT, spread, 0, ANY),
#undef AT
};
const struct message job_spec_message =
    MESSAGE(job_spec, sizeof(struct job_spec), job_spec_fields, check_job_spec);

static const struct field job_info_fields[] = {
#define AT JobInfo, struct job_info,
    U64(AT, job, ANY),
    ENUM(AT, state, job_state, JOB_STATE_COUNT),
    TEXT(AT, task),
    TEXT(AT, version),
    TEXT(AT, label),
    TEXT(AT, error),
    U64(AT, seed, ANY),
    U64(AT, n_items, QX_ITEMS_MAX),
    U64(AT, submitted_unix_ms, ANY),
    U64(AT, elapsed_ns, ANY),
    U32(AT, n_cells, 0, CELLS_MAX),
    U32(AT, cells_done, 0, CELLS_MAX),
    U32(AT, slots, 0, ANY),
    U64(AT, items_done, ANY),
    U64(AT, items_failed, ANY),
    U64(AT, items_total, ANY),
    U64(AT, first_lease_ns, ANY),
    U64(AT, last_result_ns, ANY),
    U64(AT, wait_ns, ANY),
    U64(AT, transfer_ns, ANY),
    U64(AT, task_ns, ANY),
    U64(AT, reduce_ns, ANY),
    U64(AT, busy_ns, ANY),
    U64(AT, sink_ns, ANY),
    U64(AT, leases, ANY),
    U64(AT, leases_failed, ANY),
    F64(AT, estimate),
    F64(AT, se),
    F64(AT, target),
    U32(AT, estimate_cell, 0, CELLS_MAX),
    TEXT(AT, waiting),
    I32(AT, error_code),
    TEXT(AT, until),
    F64(AT, measure),
    MANY(AT, params, n_params, Param, param, param_message, PARAMS_MAX),
#undef AT
};
const struct message job_info_message = MESSAGE(job_info, sizeof(struct job_info), job_info_fields, NULL);

static const struct field cell_answer_fields[] = {
#define AT CellAnswer, struct cell_answer,
    U64(AT, n_items, QX_ITEMS_MAX),
    U64(AT, n_failed, QX_ITEMS_MAX),
    BOOL(AT, complete),
    BOOL(AT, stopped),
    DIGEST(AT, digest),
    TEXT(AT, result_json),
    TEXT(AT, failures_json),
#undef AT
};
const struct message cell_answer_message =
    MESSAGE(cell_answer, sizeof(struct cell_answer), cell_answer_fields, NULL);

/* ---- workers -------------------------------------------------------------------------------------------- */

static const struct field worker_info_fields[] = {
#define AT WorkerInfo, struct worker_info,
    U64(AT, session, ANY),
    TEXT(AT, name),
    TEXT(AT, host),
    U32(AT, slots, 0, ANY),
    U32(AT, leases, 0, ANY),
    U32(AT, pid, 0, ANY),
    U64(AT, items_done, ANY),
    U64(AT, busy_ns, ANY),
    U64(AT, connected_ms, ANY),
    U64(AT, silent_ms, ANY),
    U64(AT, leases_failed, ANY),
    BOOL(AT, draining),
    U32(AT, n_tasks, 0, ANY),
#undef AT
};
const struct message worker_info_message =
    MESSAGE(worker_info, sizeof(struct worker_info), worker_info_fields, NULL);
