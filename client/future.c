/* Futures: what has come of one job, and waiting for more of it. */
#include <math.h>
#include <string.h>

#include "client/client_internal.h"
#include "common/error.h"

qx_err future_new(struct qx_client *c, uint64_t tag, struct rounds *rounds, struct qx_future **ret)
{
    struct qx_future *f = qx_calloc(1, sizeof *f);
    if (!f || idmap_put(&c->futures, tag, f) != QX_ERR_OK) {
        qx_free(f);
        return QX_ERR_NOMEM;
    }
    f->client = c;
    f->tag = tag;
    f->rounds = rounds;
    *ret = f;
    return QX_ERR_OK;
}

static void columns_free(struct qx_future *f)
{
    for (uint32_t i = 0; i < f->n_columns; i++)
        qx_free(f->columns[i]);
    qx_free(f->columns);
    f->columns = NULL;
    f->n_columns = 0;
}

void future_destroy(struct qx_future *f)
{
    if (f->has_progress)
        qx_event_fini(&f->progress);
    if (f->has_current)
        qx_event_fini(&f->current);
    for (size_t i = f->rows_head; i < f->n_rows; i++)
        qx_event_fini(&f->rows[i]);
    qx_free(f->rows);
    columns_free(f);
    qx_result_free(f->result);
    rounds_free(f->rounds);
    qx_free(f);
}

void future_end(struct qx_future *f, const struct qx_error *why)
{
    f->error = *why;
    f->done = true;
}

static void end_of_memory(struct qx_future *f)
{
    struct qx_error why = {0};
    (void)qx_fail(&why, QX_ERR_NOMEM, "out of memory for what came of job %llu", (unsigned long long)f->job);
    future_end(f, &why);
}

static void keep_rows(struct qx_future *f, struct qx_event *ev)
{
    if (f->forgotten) {
        (void)qx_session_rows_taken(f->client->session, ev->u.rows.rows.job, ev->u.rows.bytes);
        return;
    }
    if (f->rounds) {
        ev->u.rows.rows.round = rounds_now(f->rounds);
        ev->u.rows.rows.cell = rounds_cell(f->rounds, ev->u.rows.rows.cell);
    }
    if (f->rows_head == f->n_rows)
        f->rows_head = f->n_rows = 0;
    if (qx_grow(&f->rows, &f->cap_rows, f->n_rows + 1, sizeof *f->rows)) {
        end_of_memory(f);
        return;
    }
    f->rows[f->n_rows++] = *ev;
    ev->type = QX_EVENT_ERROR; /* taken */
    ev->memory = NULL;
}

static void take_submitted(struct qx_future *f, const struct qx_event *ev)
{
    uint64_t tag;
    f->job = ev->u.submitted.job;
    f->seed = ev->u.submitted.seed;
    f->n_items = ev->u.submitted.n_items;
    if (f->untaken && rounds_cancelled(f->rounds)) /* asked for while the number was not known */
        (void)qx_session_cancel(f->client->session, f->job, &tag);
    f->untaken = false;
}

/* The news are of the job at hand. */
static void name_round(struct qx_future *f)
{
    f->progress.u.progress.round = rounds_now(f->rounds);
    f->progress.u.progress.round_why = rounds_why(f->rounds);
}

static void take_progress(struct qx_future *f, struct qx_event *ev)
{
    if (f->has_progress)
        qx_event_fini(&f->progress);
    f->progress = *ev;
    f->has_progress = true;
    ev->type = QX_EVENT_ERROR;
    ev->memory = NULL;
    if (f->rounds)
        name_round(f);
}

/* The answer of all rounds, or what keeps it from being made. */
static void end_rounds(struct qx_future *f)
{
    f->done = true;
    if (rounds_end(f->rounds, &f->result) != QX_ERR_OK)
        end_of_memory(f);
}

static qx_err submit_next(struct qx_future *f, const struct qx_job_options *job, struct qx_error *err)
{
    struct qx_client *c = f->client;
    uint64_t tag;
    qx_err e = qx_session_submit(c->session, job, true, &tag, err);
    if (e != QX_ERR_OK)
        return e;
    if (idmap_put(&c->futures, tag, f) != QX_ERR_OK) {
        qx_session_abandon(c->session, tag);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the next round");
    }
    (void)idmap_del(&c->futures, f->tag);
    f->tag = tag;
    f->untaken = true;
    return QX_ERR_OK;
}

/* Until the first news of it, nothing is done of the next round. */
static void news_of_next(struct qx_future *f)
{
    struct qx_job_info *i = &f->progress.u.progress;
    i->items_done = i->items_failed = i->cells_done = 0;
    i->estimate = i->se = (double)NAN;
    name_round(f);
}

/* A round has its result. */
static void take_round(struct qx_future *f, struct qx_result *result)
{
    struct qx_job_options job;
    struct qx_error why = {0};
    f->untaken = false;
    f->progress.u.progress.round_why = ""; /* its text may go */
    if (rounds_take(f->rounds, result) != QX_ERR_OK) {
        end_of_memory(f);
        return;
    }
    bool more = !f->forgotten && rounds_next(f->rounds, &job);
    if (more && submit_next(f, &job, &why) == QX_ERR_OK) {
        if (f->has_progress)
            news_of_next(f);
        return;
    }
    if (more)
        rounds_fail(f->rounds, &why);
    end_rounds(f);
}

static void take_result(struct qx_future *f, struct qx_event *ev)
{
    struct qx_result *result = ev->u.result;
    ev->u.result = NULL;
    f->job = result->info.job;
    f->seed = result->info.seed;
    f->n_items = result->info.n_items;
    if (f->rounds) {
        take_round(f, result);
        return;
    }
    f->result = result;
    f->done = true;
}

/* What the rounds before say is worth more than that there is no further one. */
static void take_error(struct qx_future *f, const struct qx_error *why)
{
    if (!f->rounds || !f->untaken) {
        future_end(f, why);
        return;
    }
    rounds_fail(f->rounds, why);
    end_rounds(f);
}

void future_take(struct qx_future *f, struct qx_event *ev)
{
    switch (ev->type) {
    case QX_EVENT_SUBMITTED:
        take_submitted(f, ev);
        break;
    case QX_EVENT_PROGRESS:
        take_progress(f, ev);
        break;
    case QX_EVENT_ROWS:
        keep_rows(f, ev);
        break;
    case QX_EVENT_RESULT:
        take_result(f, ev);
        break;
    case QX_EVENT_ERROR:
        take_error(f, &ev->u.error);
        break;
    case QX_EVENT_JOBS:
    case QX_EVENT_TASKS:
    case QX_EVENT_WORKERS:
    case QX_EVENT_BLOB:
    case QX_EVENT_FARM:
    case QX_EVENT_LOST:
        break;
    }
}

QX_API void qx_future_free(struct qx_future *f)
{
    if (!f)
        return;
    if (f->done) {
        (void)idmap_del(&f->client->futures,
                        f->tag); /* it may have ended together with its client's master */
        future_destroy(f);
        return;
    }
    f->forgotten = true;
    for (size_t i = f->rows_head; i < f->n_rows; i++) {
        (void)qx_session_rows_taken(f->client->session, f->rows[i].u.rows.rows.job, f->rows[i].u.rows.bytes);
        qx_event_fini(&f->rows[i]);
    }
    f->rows_head = f->n_rows = 0;
}

QX_API uint64_t qx_future_job(const struct qx_future *f)
{
    return f->job;
}

QX_API uint64_t qx_future_seed(const struct qx_future *f)
{
    return f->seed;
}

QX_API uint64_t qx_future_n_items(const struct qx_future *f)
{
    return f->n_items;
}

QX_API const struct qx_job_info *qx_future_progress(const struct qx_future *f)
{
    return f->has_progress ? &f->progress.u.progress : NULL;
}

QX_API const struct qx_result *qx_future_result(const struct qx_future *f)
{
    return f->result;
}

QX_API bool qx_future_done(struct qx_future *f)
{
    if (!f->done)
        (void)client_turn(f->client, 0, NULL);
    return f->done;
}

static qx_err waited_too_long(struct qx_error *err, const char *for_what)
{
    return qx_fail(err, QX_ERR_TIMEOUT, "%s within the time given", for_what);
}

QX_API qx_err qx_future_wait(struct qx_future *f, int64_t timeout_ms, struct qx_error *err)
{
    uint64_t deadline = client_deadline(timeout_ms);
    while (!f->done) {
        qx_err e = client_turn(f->client, deadline, err);
        if (e == QX_ERR_AGAIN && !f->done)
            return qx_fail(err, QX_ERR_AGAIN, "a signal ended the wait");
        if (e != QX_ERR_OK && e != QX_ERR_AGAIN)
            return e;
        if (!f->done && client_now_ns() >= deadline)
            return waited_too_long(err, "the job has not ended");
    }
    return QX_ERR_OK;
}

QX_API qx_err qx_future_get(struct qx_future *f, int64_t timeout_ms, const struct qx_result **ret,
                            struct qx_error *err)
{
    qx_err e = qx_future_wait(f, timeout_ms, err);
    if (e != QX_ERR_OK)
        return e;
    if (!f->result)
        return qx_fail(err, f->error.code, "%s", f->error.text);
    const struct qx_job_info *i = &f->result->info;
    switch (i->state) {
    case QX_JOB_DONE:
        *ret = f->result;
        return QX_ERR_OK;
    case QX_JOB_CANCELLED:
        return qx_fail(err, QX_ERR_CANCELLED, "job %llu was cancelled", (unsigned long long)i->job);
    case QX_JOB_NONE:
    case QX_JOB_RUNNING:
    case QX_JOB_FAILED:
    case QX_JOB_STATE_COUNT:
        break;
    }
    return qx_fail(err, i->code == QX_ERR_OK ? QX_ERR_TASK : i->code, "%s",
                   i->error[0] ? i->error : "the job failed");
}

/* ---- rows ---- */

static qx_err learn_columns(struct qx_future *f, const struct qx_rows *r)
{
    if (!r->columns)
        return f->n_columns == r->n_columns ? QX_ERR_OK : QX_ERR_PROTO;
    columns_free(f);
    f->columns = qx_calloc((size_t)r->n_columns + 1, sizeof *f->columns);
    if (!f->columns)
        return QX_ERR_NOMEM;
    for (uint32_t i = 0; i < r->n_columns; i++, f->n_columns++)
        if (!(f->columns[i] = qx_strdup(r->columns[i])))
            return QX_ERR_NOMEM;
    return QX_ERR_OK;
}

/* The rows read last are done with: the master may send as many more. */
static qx_err return_credit(struct qx_future *f, struct qx_error *err)
{
    if (!f->has_current)
        return QX_ERR_OK;
    qx_err e = qx_session_rows_taken(f->client->session, f->current.u.rows.rows.job, f->current.u.rows.bytes);
    qx_event_fini(&f->current);
    f->has_current = false;
    return e == QX_ERR_OK ? e : qx_fail(err, e, "out of memory");
}

QX_API qx_err qx_future_next_rows(struct qx_future *f, int64_t timeout_ms, struct qx_rows *ret,
                                  struct qx_error *err)
{
    qx_err e = return_credit(f, err);
    if (e != QX_ERR_OK)
        return e;
    uint64_t deadline = client_deadline(timeout_ms);
    while (f->rows_head == f->n_rows && !f->done) {
        e = client_turn(f->client, deadline, err);
        if (e != QX_ERR_OK && e != QX_ERR_AGAIN)
            return e;
        if (f->rows_head != f->n_rows || f->done)
            break;
        if (e == QX_ERR_AGAIN)
            return qx_fail(err, QX_ERR_AGAIN, "a signal ended the wait");
        if (client_now_ns() >= deadline)
            return waited_too_long(err, "no rows came");
    }
    if (f->rows_head == f->n_rows) {
        *ret = (struct qx_rows){.job = f->job};
        return QX_ERR_OK;
    }
    f->current = f->rows[f->rows_head++];
    f->has_current = true;
    struct qx_rows *r = &f->current.u.rows.rows;
    e = learn_columns(f, r);
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "%s",
                       e == QX_ERR_PROTO ? "rows whose columns are not known"
                                         : "out of memory for the names of columns");
    r->columns = (const char *const *)f->columns;
    *ret = *r;
    return QX_ERR_OK;
}

static qx_err hand_out(struct qx_future *f, qx_rows_f rows_f, void *arg, uint64_t deadline,
                       struct qx_error *err)
{
    for (;;) {
        struct qx_rows rows;
        uint64_t now = client_now_ns();
        int64_t left = deadline == UINT64_MAX ? -1
                       : deadline > now       ? (int64_t)((deadline - now) / 1000000u)
                                              : 0;
        qx_err e = qx_future_next_rows(f, left, &rows, err);
        if (e == QX_ERR_AGAIN)
            continue;
        if (e != QX_ERR_OK || !rows.n_items)
            return e;
        e = rows_f(arg, &rows);
        if (e != QX_ERR_OK)
            return qx_fail(err, e, "the receiver of rows gave up: %s", qx_err_text(e));
    }
}

QX_API qx_err qx_client_map(struct qx_client *c, const struct qx_job_options *job, qx_rows_f rows_f,
                            void *arg, int64_t timeout_ms, struct qx_result **ret, struct qx_error *err)
{
    uint64_t deadline = client_deadline(timeout_ms);
    struct qx_job_options with_rows = *job;
    with_rows.rows = true;
    struct qx_future *f = NULL;
    qx_err e = qx_client_submit(c, &with_rows, &f, err);
    if (e != QX_ERR_OK)
        return e;
    e = hand_out(f, rows_f, arg, deadline, err);
    const struct qx_result *r;
    if (e == QX_ERR_OK)
        e = qx_future_get(f, 0, &r, err);
    else if (!f->done)
        (void)qx_future_cancel(f, NULL);
    if (e == QX_ERR_OK && ret) {
        *ret = f->result;
        f->result = NULL;
    }
    qx_future_free(f);
    return e;
}

/* ---- more than one ---- */

static struct qx_future *next_done(struct qx_future *const *futures, size_t n, struct qx_client **ret_client)
{
    *ret_client = NULL;
    for (size_t i = 0; i < n; i++) {
        struct qx_future *f = futures[i];
        if (f && f->done && !f->given) {
            f->given = true;
            return f;
        }
        if (f && !f->done)
            *ret_client = f->client;
    }
    return NULL;
}

QX_API qx_err qx_as_completed(struct qx_future *const *futures, size_t n, int64_t timeout_ms,
                              struct qx_future **ret, struct qx_error *err)
{
    uint64_t deadline = client_deadline(timeout_ms);
    for (;;) {
        struct qx_client *c;
        struct qx_future *f = next_done(futures, n, &c);
        if (f || !c) {
            *ret = f;
            return QX_ERR_OK;
        }
        qx_err e = client_turn(c, deadline, err);
        if (e != QX_ERR_OK && e != QX_ERR_AGAIN && !c->lost)
            return e;
        f = next_done(futures, n, &c);
        if (f) {
            *ret = f;
            return QX_ERR_OK;
        }
        if (e == QX_ERR_AGAIN)
            return qx_fail(err, QX_ERR_AGAIN, "a signal ended the wait");
        if (c && client_now_ns() >= deadline)
            return waited_too_long(err, "no further job has ended");
    }
}

QX_API qx_err qx_future_cancel(struct qx_future *f, struct qx_error *err)
{
    if (f->done)
        return QX_ERR_OK;
    if (f->rounds)
        rounds_cancel(f->rounds);
    if (f->untaken) /* its job is cancelled when it has a number */
        return QX_ERR_OK;
    qx_err e = qx_client_cancel(f->client, f->job, err);
    return f->rounds && f->done ? QX_ERR_OK : e; /* a round that ends meanwhile is the last */
}
