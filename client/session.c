/* The session: open requests by tag, a queue of encoded messages out, a queue of events.
 *
 * Liveness: while requests are open, a ping leaves whenever nothing was heard for a fifth of `silent_ms`; after
 * `silent_ms` of silence all requests end with LOST. Time in which nobody ticked (the program was stopped, or busy
 * with its own affairs) does not count: what the master said meanwhile may not have been read yet. */
#include <string.h>

#include "client/client_internal.h"
#include "client/session_internal.h"
#include "common/error.h"
#include "common/mem.h"

enum { SILENT_MS_DEFAULT = 2500, PINGS_IN_SILENCE = 5 };

struct held { /* what an event borrows from */
    struct control msg;
    struct qx_bytes bytes;
};

struct qx_session {
    uint64_t silent_ns, entropy, drawn;
    uint64_t next_tag;
    struct idmap requests; /* tag -> struct request */
    struct qx_bytes *out;  /* messages [out_head, n_out) wait; [0, out_head) are empty and reused */
    size_t n_out, out_head, cap_out;
    struct qx_event *events;
    size_t n_events, event_head, cap_events;
    uint64_t heard_ns, pinged_ns, ticked_ns;
    bool clock_runs; /* the three above mean something */
    bool lost;
};

/* SplitMix64 (Steele, Lea, Flood 2014) over the caller's entropy. */
static uint64_t draw(struct qx_session *s)
{
    uint64_t z = s->entropy + ++s->drawn * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

QX_API qx_err qx_session_new(const struct qx_session_options *opt, struct qx_session **ret)
{
    struct qx_session *s = qx_calloc(1, sizeof *s);
    if (!s)
        return QX_ERR_NOMEM;
    s->entropy = opt->entropy;
    s->silent_ns = (opt->silent_ms ? opt->silent_ms : SILENT_MS_DEFAULT) * NS_PER_MS;
    *ret = s;
    return QX_ERR_OK;
}

static void request_free(struct request *r)
{
    if (!r)
        return;
    qx_bytes_fini(&r->got);
    qx_free(r);
}

static void drop_requests(struct qx_session *s)
{
    for (struct idmap_slot *i = NULL; (i = idmap_next(&s->requests, i));)
        request_free(i->value);
    idmap_fini(&s->requests);
}

QX_API void qx_session_free(struct qx_session *s)
{
    if (!s)
        return;
    drop_requests(s);
    for (size_t i = s->event_head; i < s->n_events; i++)
        qx_event_fini(&s->events[i]);
    for (size_t i = 0; i < s->cap_out; i++)
        qx_bytes_fini(&s->out[i]);
    qx_free(s->events);
    qx_free(s->out);
    qx_free(s);
}

/* ---- out ---- */

static qx_err send_message(struct qx_session *s, const struct control *c)
{
    if (s->out_head == s->n_out)
        s->out_head = s->n_out = 0;
    size_t cap = s->cap_out;
    if (qx_grow(&s->out, &s->cap_out, s->n_out + 1, sizeof *s->out))
        return QX_ERR_NOMEM;
    memset(s->out + cap, 0, (s->cap_out - cap) * sizeof *s->out);
    qx_err e = control_encode(c, &s->out[s->n_out]);
    if (e == QX_ERR_OK)
        s->n_out++;
    return e;
}

QX_API bool qx_session_next_out(struct qx_session *s, const void **ret_data, size_t *ret_len)
{
    if (s->out_head == s->n_out)
        return false;
    const struct qx_bytes *b = &s->out[s->out_head++];
    *ret_data = b->data;
    *ret_len = b->len;
    return true;
}

/* Sends `c` as a new request and gives it, or NULL. */
static struct request *request_new(struct qx_session *s, struct control *c, uint64_t *ret_tag)
{
    struct request *r = qx_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->tag = c->tag = ++s->next_tag;
    r->type = c->type;
    if (idmap_put(&s->requests, r->tag, r) != QX_ERR_OK || send_message(s, c) != QX_ERR_OK) {
        (void)idmap_del(&s->requests, r->tag);
        request_free(r);
        return NULL;
    }
    if (s->requests.n == 1)
        s->clock_runs = false; /* starts at the next tick */
    *ret_tag = r->tag;
    return r;
}

static qx_err simple_request(struct qx_session *s, struct control *c, uint64_t *ret_tag)
{
    return request_new(s, c, ret_tag) ? QX_ERR_OK : QX_ERR_NOMEM;
}

static void request_close(struct qx_session *s, struct request *r)
{
    (void)idmap_del(&s->requests, r->tag);
    request_free(r);
}

QX_API void qx_session_abandon(struct qx_session *s, uint64_t tag)
{
    struct request *r = idmap_get(&s->requests, tag);
    if (r)
        request_close(s, r);
}

/* ---- requests ---- */

static struct param *params_from(const struct qx_arg *args, uint32_t n)
{
    struct param *p = qx_calloc((size_t)n + 1, sizeof *p);
    for (uint32_t i = 0; p && i < n; i++)
        p[i] = (struct param){(char *)(uintptr_t)args[i].name, (char *)(uintptr_t)args[i].value};
    return p;
}

static void spec_fini(struct job_spec *spec)
{
    for (uint32_t i = 0; spec->cells && i < spec->n_cells; i++)
        qx_free(spec->cells[i].params);
    qx_free(spec->cells);
    qx_free(spec->params);
    qx_free(spec->files);
}

static char *text_or_empty(const char *text)
{
    return (char *)(uintptr_t)(text ? text : "");
}

/* A seed that every reader of JSON keeps exactly: below 2^53. */
static uint64_t draw_seed(struct qx_session *s)
{
    return draw(s) >> 11;
}

static qx_err spec_from(struct qx_session *s, const struct qx_job_options *o, struct job_spec *ret)
{
    uint32_t n_cells = o->n_cells ? o->n_cells : 1;
    *ret = (struct job_spec){
        .task = text_or_empty(o->task),
        .version = text_or_empty(o->version),
        .n_params = o->n_args,
        .n_cells = n_cells,
        .n_items = o->n_items,
        .seed = o->has_seed ? o->seed : draw_seed(s),
        .until = text_or_empty(o->until),
        .chunk_items = o->chunk_items,
        .priority = o->priority,
        .attempts_max = o->attempts_max,
        .item_timeout_ms = o->item_timeout_ms,
        .item_bytes_max = o->item_bytes_max,
        .rows = o->rows,
        .detached = o->detached,
        .label = text_or_empty(o->label),
        .n_files = o->n_files,
    };
    ret->files = params_from(o->files, o->n_files);
    ret->params = params_from(o->args, o->n_args);
    ret->cells = qx_calloc(n_cells, sizeof *ret->cells);
    bool ok = ret->files && ret->params && ret->cells;
    for (uint32_t i = 0; ok && i < o->n_cells; i++) {
        ret->cells[i].n_params = o->cells[i].n_args;
        ret->cells[i].params = params_from(o->cells[i].args, o->cells[i].n_args);
        ok = ret->cells[i].params != NULL;
    }
    if (ok)
        return QX_ERR_OK;
    spec_fini(ret);
    return QX_ERR_NOMEM;
}

static qx_err check_options(const struct qx_job_options *o, struct qx_error *err)
{
    if (!o->task || !*o->task)
        return qx_fail(err, QX_ERR_INVALID, "a job needs a task");
    if (o->n_cells > CELLS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "a grid of %u cells, at most %d", o->n_cells, CELLS_MAX);
    if (o->n_files > CELLS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "%u data files, at most %d", o->n_files, CELLS_MAX);
    if (o->n_items > QX_ITEMS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "%llu items, at most 2^62", (unsigned long long)o->n_items);
    return QX_ERR_OK;
}

QX_API qx_err qx_session_submit(struct qx_session *s, const struct qx_job_options *job, bool watch,
                                uint64_t *ret_tag, struct qx_error *err)
{
    qx_err e = check_options(job, err);
    if (e != QX_ERR_OK)
        return e;
    struct control c = {.type = CONTROL_SUBMIT};
    if (spec_from(s, job, &c.u.submit.spec) != QX_ERR_OK)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the job");
    c.u.submit.token = draw(s);
    c.u.submit.watch = watch;
    struct request *r = request_new(s, &c, ret_tag);
    spec_fini(&c.u.submit.spec);
    if (!r)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the job");
    r->watch = watch;
    r->progress_ms = job->progress_ms;
    return QX_ERR_OK;
}

QX_API qx_err qx_session_watch(struct qx_session *s, uint64_t job, uint32_t progress_ms, uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_WATCH, .u.watch = {job, progress_ms}};
    struct request *r = request_new(s, &c, ret_tag);
    if (!r)
        return QX_ERR_NOMEM;
    r->job = job;
    r->watch = true;
    return QX_ERR_OK;
}

QX_API qx_err qx_session_cancel(struct qx_session *s, uint64_t job, uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_CANCEL, .u.cancel = {job}};
    return simple_request(s, &c, ret_tag);
}

QX_API qx_err qx_session_extend(struct qx_session *s, uint64_t job, uint64_t n_items, uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_EXTEND, .u.extend = {job, n_items}};
    return simple_request(s, &c, ret_tag);
}

QX_API qx_err qx_session_jobs(struct qx_session *s, uint64_t job, uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_JOBS, .u.jobs = {job}};
    return simple_request(s, &c, ret_tag);
}

QX_API qx_err qx_session_result(struct qx_session *s, uint64_t job, bool partial, uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_RESULT, .u.result = {job, partial}};
    return simple_request(s, &c, ret_tag);
}

QX_API qx_err qx_session_tasks(struct qx_session *s, const char *name, uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_TASKS, .u.tasks = {text_or_empty(name)}};
    return simple_request(s, &c, ret_tag);
}

QX_API qx_err qx_session_workers(struct qx_session *s, uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_WORKERS};
    return simple_request(s, &c, ret_tag);
}

QX_API qx_err qx_session_ping(struct qx_session *s, uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_PING};
    return simple_request(s, &c, ret_tag);
}

QX_API qx_err qx_session_rows_taken(struct qx_session *s, uint64_t job, uint64_t bytes)
{
    struct control c = {.type = CONTROL_ROWS_TAKEN, .u.rows_taken = {job, bytes}};
    return send_message(s, &c);
}

QX_API qx_err qx_session_put_blob(struct qx_session *s, const void *data, size_t len, char *ret_ref,
                                  uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_BLOB_PUT}; /* without data: do you have it? */
    blob_hash(data, len, c.u.blob_put.ref.hash);
    c.u.blob_put.ref.len_bytes = len;
    struct request *r = request_new(s, &c, ret_tag);
    if (!r)
        return QX_ERR_NOMEM;
    r->ref = c.u.blob_put.ref;
    r->data = data;
    char text[BLOB_REF_BYTES];
    blob_ref_format(&r->ref, text);
    memcpy(ret_ref, text, sizeof text);
    return QX_ERR_OK;
}

QX_API qx_err qx_session_get_blob(struct qx_session *s, const char *ref, uint64_t *ret_tag)
{
    struct control c = {.type = CONTROL_BLOB_GET};
    struct blob_ref b;
    if (!blob_ref_parse(ref, &b))
        return QX_ERR_INVALID;
    memcpy(c.u.blob_get.hash, b.hash, sizeof b.hash);
    struct request *r = request_new(s, &c, ret_tag);
    if (!r)
        return QX_ERR_NOMEM;
    r->ref = b;
    return QX_ERR_OK;
}

/* ---- events ---- */

static struct qx_event *event_new(struct qx_session *s, enum qx_event_type type, uint64_t tag)
{
    if (s->event_head == s->n_events)
        s->event_head = s->n_events = 0;
    if (qx_grow(&s->events, &s->cap_events, s->n_events + 1, sizeof *s->events))
        return NULL;
    struct qx_event *ev = &s->events[s->n_events++];
    *ev = (struct qx_event){.type = type, .tag = tag};
    return ev;
}

QX_API bool qx_session_next_event(struct qx_session *s, struct qx_event *ret)
{
    if (s->event_head == s->n_events)
        return false;
    *ret = s->events[s->event_head++];
    return true;
}

QX_API void qx_event_fini(struct qx_event *e)
{
    switch (e->type) {
    case QX_EVENT_RESULT:
        qx_result_free(e->u.result);
        break;
    case QX_EVENT_JOBS:
        qx_job_list_free(e->u.jobs);
        break;
    case QX_EVENT_TASKS:
        qx_task_list_free(e->u.tasks);
        break;
    case QX_EVENT_WORKERS:
        qx_worker_list_free(e->u.workers);
        break;
    case QX_EVENT_SUBMITTED:
    case QX_EVENT_PROGRESS:
    case QX_EVENT_ROWS:
    case QX_EVENT_BLOB:
    case QX_EVENT_FARM:
    case QX_EVENT_ERROR:
    case QX_EVENT_LOST:
        break;
    }
    struct held *h = e->memory;
    if (h) {
        control_fini(&h->msg);
        qx_bytes_fini(&h->bytes);
        qx_free(h);
    }
    *e = (struct qx_event){.type = QX_EVENT_ERROR};
}

static qx_err error_event(struct qx_session *s, uint64_t tag, qx_err code, const char *text)
{
    struct qx_event *ev = event_new(s, QX_EVENT_ERROR, tag);
    if (!ev)
        return QX_ERR_NOMEM;
    (void)qx_fail(&ev->u.error, code, "%s", text);
    return QX_ERR_OK;
}

/* An event that borrows from the message; takes it over. */
static struct qx_event *holding_event(struct qx_session *s, enum qx_event_type type, uint64_t tag,
                                      struct control *msg)
{
    struct held *h = qx_calloc(1, sizeof *h);
    struct qx_event *ev = h ? event_new(s, type, tag) : NULL;
    if (!ev) {
        qx_free(h);
        return NULL;
    }
    h->msg = *msg;
    *msg = (struct control){0};
    ev->memory = h;
    return ev;
}

/* ---- in ---- */

static uint64_t job_of(const struct control *c)
{
    switch (c->type) {
    case CONTROL_PROGRESS:
        return c->u.progress.job;
    case CONTROL_ROWS:
        return c->u.rows.job;
    case CONTROL_ANSWER:
        return c->u.answer.info.job;
    default:
        return 0;
    }
}

/* The request that a message answers: by tag, or, for news of a job, whoever watches it. */
static struct request *find_request(struct qx_session *s, const struct control *c)
{
    struct request *r = c->tag ? idmap_get(&s->requests, c->tag) : NULL;
    uint64_t job = job_of(c);
    if (r || c->tag || !job)
        return r;
    for (struct idmap_slot *i = NULL; (i = idmap_next(&s->requests, i));) {
        r = i->value;
        if (r->watch && r->job == job)
            return r;
    }
    return NULL;
}

static qx_err on_submitted(struct qx_session *s, struct request *r, struct control *msg)
{
    struct qx_event *ev = holding_event(s, QX_EVENT_SUBMITTED, r->tag, msg);
    if (!ev)
        return QX_ERR_NOMEM;
    const struct control *c = &((struct held *)ev->memory)->msg;
    ev->u.submitted.job = r->job = c->u.submitted.job;
    ev->u.submitted.seed = c->u.submitted.seed;
    ev->u.submitted.n_items = c->u.submitted.n_items;
    ev->u.submitted.version = c->u.submitted.version;
    if (!r->watch) {
        request_close(s, r);
        return QX_ERR_OK;
    }
    if (!r->progress_ms)
        return QX_ERR_OK;
    struct control again = {.type = CONTROL_WATCH, .tag = r->tag, .u.watch = {r->job, r->progress_ms}};
    return send_message(s, &again);
}

static qx_err on_progress(struct qx_session *s, struct request *r, struct control *msg)
{
    struct qx_event *ev = holding_event(s, QX_EVENT_PROGRESS, r->tag, msg);
    if (!ev)
        return QX_ERR_NOMEM;
    convert_info(&((struct held *)ev->memory)->msg.u.progress, &ev->u.progress);
    if (!r->watch) /* the answer to a cancel or an extend */
        request_close(s, r);
    return QX_ERR_OK;
}

static qx_err on_rows(struct qx_session *s, struct request *r, struct control *msg)
{
    struct qx_event *ev = holding_event(s, QX_EVENT_ROWS, r->tag, msg);
    if (!ev)
        return QX_ERR_NOMEM;
    const struct control *c = &((struct held *)ev->memory)->msg;
    ev->u.rows.rows = (struct qx_rows){
        .job = c->u.rows.job,
        .first_item = c->u.rows.first_item,
        .cell = c->u.rows.cell,
        .n_items = c->u.rows.n_items,
        .n_columns = c->u.rows.n_columns,
        .values = c->u.rows.values,
        .outcomes = c->u.rows.ok,
        .columns = c->u.rows.n_names == c->u.rows.n_columns ? (const char *const *)c->u.rows.columns : NULL,
    };
    ev->u.rows.bytes = (uint64_t)c->u.rows.n_items * c->u.rows.n_columns * sizeof(double);
    return QX_ERR_OK;
}

static qx_err on_answer(struct qx_session *s, struct request *r, struct control *msg, struct qx_error *err)
{
    struct qx_result *result = NULL;
    qx_err e = convert_result(msg, &result, err);
    if (e != QX_ERR_OK)
        return e;
    struct qx_event *ev = event_new(s, QX_EVENT_RESULT, r->tag);
    if (!ev) {
        qx_result_free(result);
        return QX_ERR_NOMEM;
    }
    ev->u.result = result;
    request_close(s, r);
    return QX_ERR_OK;
}

static qx_err on_list(struct qx_session *s, struct request *r, struct control *msg)
{
    struct qx_event ev = {.tag = r->tag};
    qx_err e;
    if (msg->type == CONTROL_JOB_LIST) {
        ev.type = QX_EVENT_JOBS;
        e = convert_jobs(msg, &ev.u.jobs);
    } else if (msg->type == CONTROL_TASK_LIST) {
        ev.type = QX_EVENT_TASKS;
        e = convert_tasks(msg, &ev.u.tasks);
    } else {
        ev.type = QX_EVENT_WORKERS;
        e = convert_workers(msg, &ev.u.workers);
    }
    struct qx_event *to = e == QX_ERR_OK ? event_new(s, ev.type, ev.tag) : NULL;
    if (!to) {
        if (e == QX_ERR_OK)
            qx_event_fini(&ev);
        return QX_ERR_NOMEM;
    }
    *to = ev;
    request_close(s, r);
    return QX_ERR_OK;
}

static qx_err on_pong(struct qx_session *s, struct request *r, struct control *msg)
{
    struct qx_event *ev = holding_event(s, QX_EVENT_FARM, r->tag, msg);
    if (!ev)
        return QX_ERR_NOMEM;
    const struct control *c = &((struct held *)ev->memory)->msg;
    ev->u.farm = (struct qx_farm_info){.protocol = c->u.pong.version,
                                       .workers = c->u.pong.workers,
                                       .slots = c->u.pong.slots,
                                       .release = c->u.pong.release,
                                       .uptime_ms = c->u.pong.uptime_ms,
                                       .tasks = c->u.pong.tasks};
    request_close(s, r);
    return QX_ERR_OK;
}

static qx_err blob_event(struct qx_session *s, struct request *r)
{
    struct control none = {0};
    struct qx_event *ev = holding_event(s, QX_EVENT_BLOB, r->tag, &none);
    if (!ev)
        return QX_ERR_NOMEM;
    struct held *h = ev->memory;
    h->bytes = r->got;
    r->got = (struct qx_bytes){0};
    ev->u.blob.data = h->bytes.data;
    ev->u.blob.len = h->bytes.len;
    request_close(s, r);
    return QX_ERR_OK;
}

/* The master tells how much of a blob it has: send on from there. */
uint64_t session_uploaded(const struct qx_session *s, uint64_t tag)
{
    const struct request *r = idmap_get(&s->requests, tag);
    return r ? r->have : 0;
}

static qx_err on_blob_state(struct qx_session *s, struct request *r, const struct control *msg)
{
    if (r->type != CONTROL_BLOB_PUT)
        return QX_ERR_OK;
    if (msg->u.blob_state.complete)
        return blob_event(s, r);
    if (msg->u.blob_state.have_bytes < r->have) /* the master had to drop it: once more from there */
        r->sent = msg->u.blob_state.have_bytes;
    r->have = msg->u.blob_state.have_bytes;
    if (r->have > r->ref.len_bytes)
        return QX_ERR_PROTO;
    if (!r->asked || r->sent < r->have)
        r->sent = r->have;
    r->asked = true;
    while (r->sent < r->ref.len_bytes && r->sent < r->have + (uint64_t)BLOB_PARTS_AHEAD * BLOB_PART_BYTES) {
        uint64_t left = r->ref.len_bytes - r->sent;
        size_t len = left < BLOB_PART_BYTES ? (size_t)left : BLOB_PART_BYTES;
        struct control c = {
            .type = CONTROL_BLOB_PUT,
            .tag = r->tag,
            .u.blob_put = {.ref = r->ref, .offset = r->sent, .data = r->data + r->sent, .len = len}};
        if (send_message(s, &c) != QX_ERR_OK)
            return QX_ERR_NOMEM;
        r->sent += len;
    }
    return QX_ERR_OK;
}

static qx_err on_blob_part(struct qx_session *s, struct request *r, const struct control *msg)
{
    if (r->type != CONTROL_BLOB_GET)
        return QX_ERR_OK;
    if (msg->u.blob_part.missing) {
        qx_err e = error_event(s, r->tag, QX_ERR_NOTFOUND, "the master no longer has these data");
        request_close(s, r);
        return e;
    }
    if (msg->u.blob_part.offset != r->got.len || !msg->u.blob_part.len)
        return QX_ERR_PROTO;
    if (r->got.len + msg->u.blob_part.len > r->ref.len_bytes)
        return QX_ERR_PROTO;
    qx_err e = qx_bytes_append(&r->got, msg->u.blob_part.data, msg->u.blob_part.len);
    if (e != QX_ERR_OK)
        return e;
    if (r->got.len < r->ref.len_bytes) {
        struct control c = {.type = CONTROL_BLOB_GET, .tag = r->tag, .u.blob_get = {.offset = r->got.len}};
        memcpy(c.u.blob_get.hash, r->ref.hash, sizeof r->ref.hash);
        return send_message(s, &c);
    }
    uint8_t hash[BLOB_HASH_BYTES];
    blob_hash(r->got.data, r->got.len, hash);
    if (!memcmp(hash, r->ref.hash, sizeof hash))
        return blob_event(s, r);
    e = error_event(s, r->tag, QX_ERR_PROTO, "the master sent other data than asked for");
    request_close(s, r);
    return e;
}

static qx_err on_error(struct qx_session *s, struct request *r, const struct control *msg)
{
    qx_err code = (qx_err)msg->u.error.code;
    qx_err e = error_event(s, r ? r->tag : 0, code == QX_ERR_OK ? QX_ERR_PROTO : code, msg->u.error.text);
    if (r)
        request_close(s, r);
    return e;
}

static qx_err dispatch(struct qx_session *s, struct control *msg, struct qx_error *err)
{
    struct request *r = find_request(s, msg);
    if (msg->type == CONTROL_ERROR)
        return msg->tag && !r ? QX_ERR_OK : on_error(s, r, msg); /* of an abandoned request: nobody's */
    if (!r)
        return QX_ERR_OK; /* a pong to our own ping, or news nobody waits for */
    switch (msg->type) {
    case CONTROL_SUBMITTED:
        return on_submitted(s, r, msg);
    case CONTROL_PROGRESS:
        return on_progress(s, r, msg);
    case CONTROL_ROWS:
        return on_rows(s, r, msg);
    case CONTROL_ANSWER:
        return on_answer(s, r, msg, err);
    case CONTROL_JOB_LIST:
    case CONTROL_TASK_LIST:
    case CONTROL_WORKER_LIST:
        return on_list(s, r, msg);
    case CONTROL_PONG:
        return on_pong(s, r, msg);
    case CONTROL_BLOB_STATE:
        return on_blob_state(s, r, msg);
    case CONTROL_BLOB_PART:
        return on_blob_part(s, r, msg);
    default:
        return qx_fail(err, QX_ERR_PROTO, "the master sent a message of type %d to a client", (int)msg->type);
    }
}

QX_API qx_err qx_session_receive(struct qx_session *s, const void *data, size_t len, uint64_t now_ns,
                                 struct qx_error *err)
{
    struct control msg;
    qx_err e = control_decode(data, len, &msg, err);
    if (e != QX_ERR_OK)
        return e;
    s->heard_ns = now_ns;
    struct qx_error why = {0};
    e = dispatch(s, &msg, &why);
    control_fini(&msg);
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "%s",
                       why.text[0]         ? why.text
                       : e == QX_ERR_PROTO ? "the master sent nonsense"
                                           : qx_err_text(e));
    return QX_ERR_OK;
}

/* ---- time ---- */

static uint64_t ping_interval_ns(const struct qx_session *s)
{
    return s->silent_ns / PINGS_IN_SILENCE;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

QX_API uint64_t qx_session_next_deadline(const struct qx_session *s)
{
    if (!s->requests.n || s->lost)
        return UINT64_MAX;
    if (!s->clock_runs)
        return 0;
    uint64_t ping = later(s->heard_ns, s->pinged_ns) + ping_interval_ns(s), lost = s->heard_ns + s->silent_ns;
    return ping < lost ? ping : lost;
}

static qx_err end_all(struct qx_session *s)
{
    struct qx_event *ev = event_new(s, QX_EVENT_LOST, 0);
    if (!ev)
        return QX_ERR_NOMEM;
    (void)qx_fail(&ev->u.error, QX_ERR_IO, "the master has not answered for %.1f s",
                  (double)s->silent_ns / 1e9);
    s->lost = true;
    drop_requests(s);
    return QX_ERR_OK;
}

QX_API qx_err qx_session_tick(struct qx_session *s, uint64_t now_ns)
{
    if (!s->requests.n || s->lost)
        return QX_ERR_OK;
    if (!s->clock_runs) {
        s->heard_ns = s->pinged_ns = now_ns;
        s->clock_runs = true;
    } else if (now_ns - s->ticked_ns > 2 * ping_interval_ns(s)) {
        s->heard_ns = now_ns;
    }
    s->ticked_ns = now_ns;
    if (now_ns >= s->heard_ns + s->silent_ns)
        return end_all(s);
    if (now_ns < later(s->heard_ns, s->pinged_ns) + ping_interval_ns(s))
        return QX_ERR_OK;
    s->pinged_ns = now_ns;
    struct control ping = {.type = CONTROL_PING};
    return send_message(s, &ping);
}
