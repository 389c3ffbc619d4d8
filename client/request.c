/* Questions to the master: one request, one answer. */
#include <stdio.h>
#include <string.h>

#include "client/client_internal.h"
#include "common/error.h"

/* Sends nothing itself: `e` is what making the request gave, *tag its number (by address, since both are made in one call). */
static qx_err ask(struct qx_client *c, qx_err e, const uint64_t *tag, struct qx_event *ret,
                  struct qx_error *err)
{
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "making a request: %s", qx_err_text(e));
    return client_call(c, *tag, ret, err);
}

static qx_err unexpected(struct qx_event *ev, struct qx_error *err)
{
    qx_event_fini(ev);
    return qx_fail(err, QX_ERR_PROTO, "the master gave an answer of the wrong kind");
}

QX_API qx_err qx_client_ping(struct qx_client *c, struct qx_farm_info *ret, struct qx_error *err)
{
    uint64_t tag = 0;
    struct qx_event ev;
    qx_err e = ask(c, qx_session_ping(c->session, &tag), &tag, &ev, err);
    if (e != QX_ERR_OK)
        return e;
    if (ev.type != QX_EVENT_FARM)
        return unexpected(&ev, err);
    *ret = ev.u.farm;
    (void)snprintf(c->release, sizeof c->release, "%s", ev.u.farm.release);
    ret->release = c->release;
    c->knows_tasks = c->knows_tasks || ret->workers || ret->tasks;
    qx_event_fini(&ev);
    return QX_ERR_OK;
}

QX_API qx_err qx_client_cancel(struct qx_client *c, uint64_t job, struct qx_error *err)
{
    uint64_t tag = 0;
    struct qx_event ev;
    qx_err e = ask(c, qx_session_cancel(c->session, job, &tag), &tag, &ev, err);
    if (e == QX_ERR_OK)
        qx_event_fini(&ev);
    return e;
}

QX_API qx_err qx_client_extend(struct qx_client *c, uint64_t job, uint64_t n_items, struct qx_error *err)
{
    uint64_t tag = 0;
    struct qx_event ev;
    qx_err e = ask(c, qx_session_extend(c->session, job, n_items, &tag), &tag, &ev, err);
    if (e == QX_ERR_OK)
        qx_event_fini(&ev);
    return e;
}

QX_API qx_err qx_client_jobs(struct qx_client *c, uint64_t job, struct qx_job_list **ret,
                             struct qx_error *err)
{
    uint64_t tag = 0;
    struct qx_event ev;
    qx_err e = ask(c, qx_session_jobs(c->session, job, &tag), &tag, &ev, err);
    if (e != QX_ERR_OK)
        return e;
    if (ev.type != QX_EVENT_JOBS)
        return unexpected(&ev, err);
    *ret = ev.u.jobs;
    return QX_ERR_OK;
}

QX_API qx_err qx_client_result(struct qx_client *c, uint64_t job, bool partial, struct qx_result **ret,
                               struct qx_error *err)
{
    uint64_t tag = 0;
    struct qx_event ev;
    qx_err e = ask(c, qx_session_result(c->session, job, partial, &tag), &tag, &ev, err);
    if (e != QX_ERR_OK)
        return e;
    if (ev.type != QX_EVENT_RESULT)
        return unexpected(&ev, err);
    *ret = ev.u.result;
    return QX_ERR_OK;
}

QX_API qx_err qx_client_tasks(struct qx_client *c, const char *name, struct qx_task_list **ret,
                              struct qx_error *err)
{
    uint64_t tag = 0;
    struct qx_event ev;
    qx_err e = ask(c, qx_session_tasks(c->session, name, &tag), &tag, &ev, err);
    if (e != QX_ERR_OK)
        return e;
    if (ev.type != QX_EVENT_TASKS)
        return unexpected(&ev, err);
    *ret = ev.u.tasks;
    return QX_ERR_OK;
}

QX_API qx_err qx_client_workers(struct qx_client *c, struct qx_worker_list **ret, struct qx_error *err)
{
    uint64_t tag = 0;
    struct qx_event ev;
    qx_err e = ask(c, qx_session_workers(c->session, &tag), &tag, &ev, err);
    if (e != QX_ERR_OK)
        return e;
    if (ev.type != QX_EVENT_WORKERS)
        return unexpected(&ev, err);
    *ret = ev.u.workers;
    return QX_ERR_OK;
}

QX_API qx_err qx_client_blob(struct qx_client *c, const char *ref, void **ret_data, size_t *ret_len,
                             struct qx_error *err)
{
    uint64_t tag = 0;
    struct qx_event ev;
    qx_err e = ask(c, qx_session_get_blob(c->session, ref, &tag), &tag, &ev, err);
    if (e != QX_ERR_OK)
        return e;
    if (ev.type != QX_EVENT_BLOB)
        return unexpected(&ev, err);
    void *data = qx_malloc(ev.u.blob.len + 1);
    if (data && ev.u.blob.len)
        memcpy(data, ev.u.blob.data, ev.u.blob.len);
    *ret_len = ev.u.blob.len;
    qx_event_fini(&ev);
    if (!data)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for data of a job");
    *ret_data = data;
    return QX_ERR_OK;
}
