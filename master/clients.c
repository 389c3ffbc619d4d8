/* What clients ask, and what they are told of their jobs. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"
#include "quincunx/version.h"

enum { WATCH_MS_MIN = 50, ROWS_A_MESSAGE_BYTES = 1 << 20 };
#define ROWS_HELD_HIGH ((uint64_t)64 << 20)
#define ROWS_HELD_LOW  ((uint64_t)32 << 20)

/* ---- what is known of a job ---- */

static uint64_t since(uint64_t ns, const struct job *j)
{
    return ns > j->submitted_ns ? ns - j->submitted_ns : 0;
}

/* Slots that were not busy either had a chunk or a result under way, or nothing to do for this job. Messages overlap with work
 * where chunks are queued ahead, so they count for no more than the idle time. */
static void split_idle_time(struct job_info *i)
{
    uint64_t all_ns = i->slots * i->elapsed_ns;
    uint64_t idle_ns = all_ns > i->busy_ns ? all_ns - i->busy_ns : 0;
    i->transfer_ns = i->transfer_ns < idle_ns ? i->transfer_ns : idle_ns;
    i->wait_ns = idle_ns - i->transfer_ns;
}

/* What is in the answer once a rule has cut it; what was done beyond that is not. */
static uint64_t items_done(const struct job *j)
{
    uint64_t n = 0;
    if (!j->has_rule || j->state == JOB_STATE_RUNNING)
        return j->items_done;
    for (uint32_t i = 0; i < j->spec->n_cells; i++)
        n += j->cells[i].answer.n_items;
    return n;
}

static void job_info(struct master *m, struct job *j, struct job_info *ret)
{
    const struct job_spec *s = j->spec;
    struct sched_job_stats stats = {0};
    uint64_t total, n_items = job_items(j, &total);
    (void)sched_job_stats(m->sched, j->id, &stats);
    *ret = (struct job_info){.job = j->id,
                             .state = j->state,
                             .task = s->task,
                             .version = s->version,
                             .label = s->label,
                             .error = j->state == JOB_STATE_FAILED ? j->error.text : "",
                             .error_code = j->state == JOB_STATE_FAILED ? (int32_t)j->error.code : QX_ERR_OK,
                             .seed = s->seed,
                             .n_items = n_items ? n_items : s->n_items,
                             .submitted_unix_ms = j->submitted_unix_ms,
                             .elapsed_ns = since(j->ended_ns ? j->ended_ns : m->now_ns, j),
                             .n_cells = s->n_cells,
                             .cells_done = j->cells_finished,
                             .slots = sched_slots(m->sched),
                             .items_done = items_done(j),
                             .items_failed = j->items_failed,
                             .items_total = j->has_rule ? 0 : total,
                             .first_lease_ns = since(j->first_lease_ns, j),
                             .last_result_ns = since(j->last_result_ns, j),
                             .transfer_ns = j->transfer_ns,
                             .task_ns = j->task_ns,
                             .reduce_ns = j->reduce_ns,
                             .busy_ns = j->busy_ns,
                             .sink_ns = j->sink_ns,
                             .leases = j->leases,
                             .leases_failed = j->leases_failed,
                             .target = j->has_rule ? j->rule.terms[0].bound : (double)NAN,
                             .until = s->until,
                             .waiting = ""};
    split_idle_time(ret);
    if (j->state == JOB_STATE_RUNNING && stats.waiting_for_workers)
        ret->waiting =
            m->n_workers ? "no worker that is here now has this task in this version" : "no worker is here";
    ret->estimate = ret->se = ret->measure = (double)NAN;
    if (j->state == JOB_STATE_RUNNING || j->has_rule) {
        struct job_estimate est;
        job_estimate(j, &est);
        ret->estimate_cell = est.cell;
        ret->estimate = est.mean;
        ret->se = est.se;
        ret->measure = est.measure;
    }
}

static void send_answer(struct master *m, const struct peer *to, uint64_t tag, struct job *j)
{
    struct cell_answer *cells = qx_calloc(j->spec->n_cells, sizeof *cells);
    if (!cells) {
        master_send_error(m, to, tag, QX_ERR_NOMEM, "out of memory for the answer");
        return;
    }
    for (uint32_t i = 0; i < j->spec->n_cells; i++) {
        cells[i] = j->cells[i].answer;
        if (!cells[i].result_json || !cells[i].failures_json) {
            cells[i].result_json = cells[i].result_json ? cells[i].result_json : "";
            cells[i].failures_json = cells[i].failures_json ? cells[i].failures_json : "";
        }
    }
    struct control c = {.type = CONTROL_ANSWER, .tag = tag};
    job_info(m, j, &c.u.answer.info);
    c.u.answer.spec = *j->spec;
    c.u.answer.n_cells = j->spec->n_cells;
    c.u.answer.cells = cells;
    memcpy(c.u.answer.digest, j->digest, sizeof c.u.answer.digest);
    (void)master_send(m, to, &c);
    qx_free(cells);
}

/* ---- watchers ---- */

static bool watch(struct master *m, const struct peer *from, uint64_t tag, const struct job *j,
                  uint32_t every_ms, bool owner)
{
    if (qx_grow(&m->watchers, &m->cap_watchers, m->n_watchers + 1, sizeof *m->watchers))
        return false;
    uint64_t every = (every_ms < WATCH_MS_MIN ? 200 : every_ms) * NS_PER_MS;
    m->watchers[m->n_watchers++] = (struct watcher){.peer = *from,
                                                    .tag = tag,
                                                    .job = j->id,
                                                    .every_ns = every,
                                                    .next_ns = m->now_ns + every,
                                                    .owner = owner && !j->spec->detached,
                                                    .rows = owner && j->spec->rows};
    return true;
}

/* The last watcher hears of its job a moment later, or with the answer if that comes first: one message less for short jobs. */
static void tell_later(struct master *m)
{
    struct watcher *w = &m->watchers[m->n_watchers - 1];
    w->untold = true;
    w->next_ns = m->now_ns + NS_PER_MS;
}

static bool send_submitted(struct master *m, const struct peer *to, uint64_t tag, const struct job *j)
{
    struct control c = {.type = CONTROL_SUBMITTED, .tag = tag};
    c.u.submitted.job = j->id;
    c.u.submitted.seed = j->spec->seed;
    c.u.submitted.n_items = j->spec->n_items;
    c.u.submitted.version = j->spec->version;
    return master_send(m, to, &c);
}

static bool send_news(struct master *m, struct watcher *w, struct job *j)
{
    w->next_ns = m->now_ns + w->every_ns;
    if (w->untold) {
        w->untold = false;
        return send_submitted(m, &w->peer, w->tag, j);
    }
    struct control c = {.type = CONTROL_PROGRESS, .tag = w->tag};
    job_info(m, j, &c.u.progress);
    return master_send(m, &w->peer, &c);
}

/* Cuts every cell off at the end of its finished prefix, so that the answer of that is made in the usual way. Asked a second
 * time, or when nothing has come in yet, or nobody is here to make an answer: ends the job as it is. */
static void cancel(struct master *m, struct job *j)
{
    struct sched_job_stats stats = {0};
    (void)sched_job_stats(m->sched, j->id, &stats);
    if (j->cancelled || !j->n_plans || stats.waiting_for_workers || job_is_opaque(j)) {
        struct sched_event ev = {.type = EV_JOB_CANCEL, .job = j->id};
        (void)master_event(m, &ev);
        return;
    }
    j->cancelled = true;
    for (uint32_t i = 0; i < j->spec->n_cells; i++) {
        struct cell *c = &j->cells[i];
        if (c->state != CELL_RUNNING || c->stopped)
            continue;
        if (c->tree)
            tree_truncate(c->tree);
        sink_stop_cell(m, j, i, c->tree ? tree_prefix_blocks(c->tree) : 0);
    }
}

static void throttle(struct master *m, struct job *j)
{
    bool on = j->throttled ? j->rows_held_bytes > ROWS_HELD_LOW : j->rows_held_bytes > ROWS_HELD_HIGH;
    if (on == j->throttled)
        return;
    j->throttled = on;
    struct sched_event ev = {.type = EV_JOB_THROTTLE, .job = j->id};
    ev.u.throttle.on = on;
    (void)master_event(m, &ev);
}

static void watcher_lost(struct master *m, size_t i)
{
    struct watcher w = m->watchers[i];
    m->watchers[i] = m->watchers[--m->n_watchers];
    struct job *j = sink_job(m, w.job);
    if (!j || j->state != JOB_STATE_RUNNING)
        return;
    if (w.rows) { /* what it was sent and never took is owed by nobody */
        j->rows_held_bytes = job_rows_waiting(j);
        throttle(m, j);
    }
    if (w.owner) {
        qx_log(QX_LOG_INFO, "CLIENT-GONE", "job=%" PRIu64 " action=cancel", j->id);
        cancel(m, j);
    }
}

void clients_tick(struct master *m)
{
    for (size_t i = 0; i < m->n_watchers;) {
        struct watcher *w = &m->watchers[i];
        struct job *j = sink_job(m, w->job);
        if (j && m->now_ns >= w->next_ns && !send_news(m, w, j)) {
            watcher_lost(m, i);
            continue;
        }
        i++;
    }
}

uint64_t clients_next_deadline(const struct master *m)
{
    uint64_t until = UINT64_MAX;
    for (size_t i = 0; i < m->n_watchers; i++)
        until = m->watchers[i].next_ns < until ? m->watchers[i].next_ns : until;
    return until;
}

/* ---- rows ---- */

static bool send_rows(struct master *m, const struct watcher *w, struct job *j, uint32_t cell,
                      const struct job_rows *r)
{
    size_t row_bytes = r->n_columns * sizeof(double);
    uint32_t step = row_bytes ? (uint32_t)(ROWS_A_MESSAGE_BYTES / row_bytes) : r->n_items;
    step = step ? step : 1;
    char *columns[QX_PLAN_COLUMNS_MAX];
    for (uint32_t i = 0; i < r->n_columns; i++)
        columns[i] = (char *)(uintptr_t)reduce_plan_column(j->cells[cell].plan, i);
    bool there = true;
    for (uint32_t at = 0; there && at < r->n_items; at += step) {
        struct control c = {.type = CONTROL_ROWS, .tag = w->tag};
        c.u.rows.job = j->id;
        c.u.rows.cell = cell;
        c.u.rows.first_item = r->first_item + at;
        c.u.rows.n_items = r->n_items - at < step ? r->n_items - at : step;
        c.u.rows.n_columns = r->n_columns;
        c.u.rows.n_names = j->cells[cell].columns_sent ? 0 : r->n_columns;
        c.u.rows.columns = columns;
        c.u.rows.values = r->values + (size_t)at * r->n_columns;
        c.u.rows.ok = r->ok + at;
        there = master_send(m, &w->peer, &c);
        j->cells[cell].columns_sent = true;
    }
    return there;
}

void clients_rows(struct master *m, struct job *j, uint32_t cell)
{
    struct job_rows r;
    while (job_next_rows(j, cell, &r)) {
        bool taken = false;
        for (size_t i = 0; i < m->n_watchers; i++)
            if (m->watchers[i].job == j->id && m->watchers[i].rows)
                taken |= send_rows(m, &m->watchers[i], j, cell, &r);
        if (!taken)
            j->rows_held_bytes -= (uint64_t)r.n_items * r.n_columns * sizeof(double);
        qx_free(r.values);
        qx_free(r.ok);
    }
    throttle(m, j);
}

static void rows_taken(struct master *m, const struct control *c)
{
    struct job *j = sink_job(m, c->u.rows_taken.job);
    if (!j)
        return;
    uint64_t bytes = c->u.rows_taken.bytes;
    j->rows_held_bytes -= bytes < j->rows_held_bytes ? bytes : j->rows_held_bytes;
    if (j->state == JOB_STATE_RUNNING)
        throttle(m, j);
}

/* ---- the end of a job ---- */

static void each_blob(struct master *m, const struct job_spec *s,
                      void (*fn)(struct blobs *, const struct blob_ref *))
{
    struct blob_ref ref;
    for (uint32_t i = 0; i < s->n_params; i++)
        if (blob_ref_parse(s->params[i].value, &ref))
            fn(m->blobs, &ref);
    for (uint32_t k = 0; k < s->n_cells; k++)
        for (uint32_t i = 0; i < s->cells[k].n_params; i++)
            if (blob_ref_parse(s->cells[k].params[i].value, &ref))
                fn(m->blobs, &ref);
}

void clients_forget(struct master *m, uint64_t job)
{
    struct job *j = idmap_del(&m->jobs, job);
    if (!j)
        return;
    (void)idmap_del(&m->tokens, j->token);
    each_blob(m, j->spec, blobs_unref);
    struct sched_event ev = {.type = EV_JOB_FORGET, .job = job};
    (void)master_event(m, &ev);
    for (size_t i = 0; i < m->n_watchers; i++)
        if (m->watchers[i].job == job)
            m->watchers[i--] = m->watchers[--m->n_watchers];
    job_free(j);
}

static void forget_oldest(struct master *m)
{
    uint64_t oldest = m->ended[0];
    memmove(&m->ended[0], &m->ended[1], --m->n_ended * sizeof *m->ended);
    clients_forget(m, oldest);
}

void clients_job_ended(struct master *m, struct job *j)
{
    for (size_t i = 0; i < m->n_watchers;) {
        struct watcher w = m->watchers[i];
        if (w.job != j->id) {
            i++;
            continue;
        }
        m->watchers[i] = m->watchers[--m->n_watchers];
        send_answer(m, &w.peer, w.tag, j);
    }
    if (!qx_grow(&m->ended, &m->cap_ended, m->n_ended + 1, sizeof *m->ended))
        m->ended[m->n_ended++] = j->id;
    if (m->n_ended > m->opt.jobs_kept)
        forget_oldest(m);
}

/* ---- requests ---- */

static struct job *find_job(struct master *m, const struct peer *from, uint64_t tag, uint64_t job)
{
    struct job *j = sink_job(m, job);
    if (!j)
        master_send_error(m, from, tag, QX_ERR_NOTFOUND,
                          "no job %" PRIu64 " here; `qx status` lists those that are", job);
    return j;
}

/* The parameters of one cell against the declaration, and whether the data they name is here. */
static qx_err check_cell(struct master *m, const struct task_decl *d, const struct param *params, uint32_t n,
                         struct qx_error *err)
{
    qx_err e = task_decl_check(d, params, n, err);
    struct blob_ref ref;
    uint64_t have = 0;
    for (uint32_t i = 0; e == QX_ERR_OK && i < n; i++)
        if (blob_ref_parse(params[i].value, &ref) && !blobs_state(m->blobs, &ref, &have))
            e = qx_fail(err, QX_ERR_NOTFOUND, "the data of parameter %s has not been sent to this master",
                        params[i].name);
    return e;
}

static qx_err check_cells(struct master *m, const struct task_decl *d, const struct job_spec *s,
                          struct qx_error *err)
{
    for (uint32_t i = 0; i < s->n_cells; i++) {
        struct param *params = NULL;
        uint32_t n = 0;
        qx_err e = job_spec_cell(s, i, &params, &n);
        if (e == QX_ERR_OK)
            e = check_cell(m, d, params, n, err);
        qx_free(params);
        if (e != QX_ERR_OK)
            return e;
    }
    return QX_ERR_OK;
}

/* Everything that can be wrong with a submission, before anything changes. Fills in what it leaves open, with borrowed
 * strings. */
static qx_err check_submission(struct master *m, struct job_spec *s, uint32_t *ret_class,
                               struct qx_error *err)
{
    if (m->draining)
        return qx_fail(err, QX_ERR_STATE, "the master is shutting down");
    if (!s->n_cells)
        return qx_fail(err, QX_ERR_INVALID, "a job needs at least one cell");
    qx_err e = catalogue_find(m->catalogue, s->task, s->version, ret_class, err);
    if (e != QX_ERR_OK)
        return e;
    const struct task_decl *d = catalogue_decl(m->catalogue, *ret_class);
    if ((e = check_cells(m, d, s, err)) != QX_ERR_OK)
        return e;
    struct param *params = NULL;
    uint32_t n = 0;
    if ((e = job_spec_cell(s, 0, &params, &n)) == QX_ERR_OK)
        e = task_decl_items(d, params, n, s->n_items, &s->n_items, err);
    qx_free(params);
    s->version = d->version;
    s->layout = d->layout;
    return e;
}

static qx_err start_job(struct master *m, const struct job_spec *spec, uint32_t class_id, uint64_t token,
                        struct job **ret, struct qx_error *err)
{
    struct job *j = NULL;
    qx_err e = job_new(m->next_job, spec, catalogue_decl(m->catalogue, class_id), class_id, &j, err);
    if (e != QX_ERR_OK)
        return e;
    j->token = token;
    j->submitted_ns = m->now_ns;
    j->submitted_unix_ms = clock_unix_ms();
    struct sched_event ev = {.type = EV_JOB_SUBMIT, .job = j->id};
    ev.u.submit.class_id = class_id;
    ev.u.submit.n_cells = j->spec->n_cells;
    ev.u.submit.n_items = j->spec->n_items;
    ev.u.submit.unsized = (j->decl->flags & QX_TASK_COUNTS_ITEMS) != 0;
    ev.u.submit.layout = j->spec->layout;
    ev.u.submit.chunk_items = j->spec->chunk_items;
    ev.u.submit.chunk_items_max = j->spec->rows ? 1u << 16 : 0;
    ev.u.submit.priority = j->spec->priority;
    ev.u.submit.attempts_max = j->spec->attempts_max;
    ev.u.submit.checkpoints = j->has_rule;
    e = idmap_put(&m->jobs, j->id, j);
    if (e == QX_ERR_OK && token)
        e = idmap_put(&m->tokens, token, j);
    if (e == QX_ERR_OK)
        e = master_event(m, &ev);
    if (e != QX_ERR_OK) {
        (void)idmap_del(&m->jobs, j->id);
        (void)idmap_del(&m->tokens, token);
        job_free(j);
        return qx_fail(err, e, "the job cannot be scheduled: %s", qx_err_text(e));
    }
    m->next_job++;
    each_blob(m, j->spec, blobs_ref);
    *ret = j;
    return QX_ERR_OK;
}

static void submit(struct master *m, const struct peer *from, struct control *c)
{
    struct qx_error err = {0};
    struct job *j =
        c->u.submit.token ? idmap_get(&m->tokens, c->u.submit.token) : NULL; /* sent again: the same job */
    bool fresh = false;
    if (!j) {
        uint32_t class_id = 0;
        qx_err e = check_submission(m, &c->u.submit.spec, &class_id, &err);
        if (e == QX_ERR_OK)
            e = start_job(m, &c->u.submit.spec, class_id, c->u.submit.token, &j, &err);
        if (e != QX_ERR_OK) {
            master_send_error(m, from, c->tag, e, "%s", err.code ? err.text : qx_err_text(e));
            return;
        }
        master_effects(m); /* the first lease is on its way before the client hears of its job */
        fresh = true;
    }
    bool wait = c->u.submit.watch && j->state == JOB_STATE_RUNNING;
    bool watched = wait && watch(m, from, c->tag, j, 0, true);
    if (watched && !j->spec->rows)
        tell_later(m);
    else
        (void)send_submitted(m, from, c->tag, j);
    if (fresh)
        qx_log(QX_LOG_INFO, "JOB-SUBMITTED",
               "job=%" PRIu64 " task=%s version=%s n=%" PRIu64 " cells=%u seed=%" PRIu64, j->id,
               j->spec->task, j->spec->version, j->spec->n_items, j->spec->n_cells, j->spec->seed);
    if (wait && !watched)
        master_send_error(m, from, c->tag, QX_ERR_NOMEM, "out of memory to watch the job");
    else if (c->u.submit.watch && !wait)
        send_answer(m, from, c->tag, j);
}

static void watch_request(struct master *m, const struct peer *from, const struct control *c)
{
    struct job *j = find_job(m, from, c->tag, c->u.watch.job);
    if (!j)
        return;
    if (j->state != JOB_STATE_RUNNING) {
        send_answer(m, from, c->tag, j);
        return;
    }
    for (size_t i = 0; i < m->n_watchers; i++) {
        struct watcher *w = &m->watchers[i];
        if (w->job == j->id && w->tag == c->tag && w->peer.len == from->len &&
            !memcmp(w->peer.id, from->id, from->len)) {
            w->every_ns =
                (c->u.watch.every_ms < WATCH_MS_MIN ? WATCH_MS_MIN : c->u.watch.every_ms) * NS_PER_MS;
            w->next_ns = m->now_ns + w->every_ns;
            return;
        }
    }
    if (!watch(m, from, c->tag, j, c->u.watch.every_ms, false))
        master_send_error(m, from, c->tag, QX_ERR_NOMEM, "out of memory");
}

static void send_progress(struct master *m, const struct peer *to, uint64_t tag, struct job *j)
{
    struct control c = {.type = CONTROL_PROGRESS, .tag = tag};
    job_info(m, j, &c.u.progress);
    (void)master_send(m, to, &c);
}

static void cancel_request(struct master *m, const struct peer *from, const struct control *c)
{
    master_effects(m); /* what was decided before this request is carried out before it */
    struct job *j = find_job(m, from, c->tag, c->u.cancel.job);
    if (!j)
        return;
    if (j->state == JOB_STATE_RUNNING)
        cancel(m, j);
    send_progress(m, from, c->tag, j);
}

static bool rule_ended_all(const struct job *j)
{
    for (uint32_t i = 0; i < j->spec->n_cells; i++)
        if (!j->cells[i].stopped)
            return false;
    return true;
}

static bool all_sized(const struct job *j)
{
    for (uint32_t i = 0; i < j->spec->n_cells; i++)
        if (j->cells[i].n_items == 0)
            return false;
    return true;
}

/* Is there a cell that may have more items than it has? */
static bool can_grow(const struct job *j)
{
    for (uint32_t i = 0; i < j->spec->n_cells; i++)
        if (j->cells[i].n_max == 0 || j->cells[i].n_max > j->cells[i].n_items)
            return true;
    return false;
}

static void extend(struct master *m, const struct peer *from, const struct control *c)
{
    master_effects(m); /* what was decided before this request is carried out before it */
    struct job *j = find_job(m, from, c->tag, c->u.extend.job);
    uint64_t n = c->u.extend.n_items, total;
    if (!j)
        return;
    uint64_t has = all_sized(j) ? job_items(j, &total) : 0;
    struct qx_error err = {0};
    struct param *params = NULL;
    uint32_t n_params = 0;
    qx_err e = job_spec_cell(j->spec, 0, &params, &n_params);
    if (j->state == JOB_STATE_FAILED || j->state == JOB_STATE_CANCELLED)
        e = qx_fail(&err, QX_ERR_STATE, "job %" PRIu64 " was %s: submit it again with the larger n", j->id,
                    j->state == JOB_STATE_FAILED ? "failed" : "cancelled");
    else if (j->has_rule && rule_ended_all(j))
        e = qx_fail(&err, QX_ERR_STATE,
                    "job %" PRIu64 " was ended by its rule (%s): submit it again with another", j->id,
                    j->spec->until);
    else if (j->state == JOB_STATE_RUNNING && job_is_opaque(j))
        e = qx_fail(&err, QX_ERR_STATE, "job %" PRIu64 " has a reducer of its own: extend it when it is done",
                    j->id);
    else if (has == 0)
        e = qx_fail(&err, QX_ERR_STATE,
                    "job %" PRIu64 " has not counted its items yet: ask again in a moment", j->id);
    else if (n <= has || n > QX_ITEMS_MAX)
        e = qx_fail(&err, QX_ERR_INVALID, "job %" PRIu64 " has %" PRIu64 " items already: give a larger n",
                    j->id, has);
    else if (!can_grow(j))
        e = qx_fail(&err, QX_ERR_INVALID, "job %" PRIu64 " has all %" PRIu64 " items that there are", j->id,
                    has);
    else if (e == QX_ERR_OK)
        e = task_decl_items(j->decl, params, n_params, n, &n, &err);
    qx_free(params);
    if (e == QX_ERR_OK) {
        struct sched_event ev = {.type = EV_JOB_EXTEND, .job = j->id};
        ev.u.extend.n_items = n;
        e = master_event(m, &ev);
    }
    if (e != QX_ERR_OK) {
        master_send_error(m, from, c->tag, e, "%s", err.code ? err.text : qx_err_text(e));
        return;
    }
    for (size_t i = 0; i < m->n_ended; i++)
        if (m->ended[i] == j->id) {
            memmove(&m->ended[i], &m->ended[i + 1], (m->n_ended - i - 1) * sizeof *m->ended);
            m->n_ended--;
        }
    if (j->ended_ns) /* the time between its end and now is not its own */
        j->submitted_ns += m->now_ns - j->ended_ns;
    j->ended_ns = 0;
    job_reopen(j, n);
    send_progress(m, from, c->tag, j);
}

/* The parameters of one job as they were given: data sets by the name of their file. */
static void show_params(const struct job *j, struct job_info *i)
{
    const struct job_spec *s = j->spec;
    i->params = qx_calloc(s->n_params + 1u, sizeof *i->params);
    for (uint32_t k = 0; i->params && k < s->n_params; k++) {
        const char *file = job_file(j, s->params[k].value);
        i->params[k] = (struct param){s->params[k].name, file ? (char *)(uintptr_t)file : s->params[k].value};
        i->n_params = k + 1;
    }
}

static void list_jobs(struct master *m, const struct peer *from, const struct control *c)
{
    struct job *one = c->u.jobs.job ? find_job(m, from, c->tag, c->u.jobs.job) : NULL;
    if (c->u.jobs.job && !one)
        return;
    struct control re = {.type = CONTROL_JOB_LIST, .tag = c->tag};
    re.u.job_list.jobs = qx_calloc(m->jobs.n + 1, sizeof *re.u.job_list.jobs);
    if (!re.u.job_list.jobs) {
        master_send_error(m, from, c->tag, QX_ERR_NOMEM, "out of memory for the list");
        return;
    }
    uint64_t newest = m->next_job - 1;
    if (one) {
        job_info(m, one, &re.u.job_list.jobs[re.u.job_list.n++]);
        show_params(one, &re.u.job_list.jobs[0]);
    }
    for (uint64_t id = newest > 2 * (uint64_t)m->opt.jobs_kept ? newest - 2 * (uint64_t)m->opt.jobs_kept : 1;
         !one && id <= newest; id++) {
        struct job *j = sink_job(m, id);
        if (j && re.u.job_list.n < m->jobs.n)
            job_info(m, j, &re.u.job_list.jobs[re.u.job_list.n++]);
    }
    (void)master_send(m, from, &re);
    if (one)
        qx_free(re.u.job_list.jobs[0].params);
    qx_free(re.u.job_list.jobs);
}

static void result_request(struct master *m, const struct peer *from, const struct control *c)
{
    struct job *j = find_job(m, from, c->tag, c->u.result.job);
    if (!j)
        return;
    if (j->state == JOB_STATE_RUNNING && !c->u.result.partial) {
        master_send_error(m, from, c->tag, QX_ERR_STATE,
                          "job %" PRIu64 " still runs: `qx wait %" PRIu64 "` waits for it", j->id, j->id);
        return;
    }
    struct qx_error ignored;
    for (uint32_t i = 0; j->state == JOB_STATE_RUNNING && i < j->spec->n_cells; i++)
        if (j->cells[i].state == CELL_RUNNING && j->cells[i].tree &&
            job_close_cell(j, i, false, NULL, &ignored) == QX_ERR_OK) {
            (void)job_answer_cell(j, i, NULL, 0, &ignored);
            j->cells[i].state = CELL_RUNNING; /* a look, not an end */
            j->cells_finished--;
        }
    send_answer(m, from, c->tag, j);
}

static void list_tasks(struct master *m, const struct peer *from, const struct control *c)
{
    const char *name = c->u.tasks.name;
    uint32_t n = catalogue_count(m->catalogue), class_id = 0;
    struct qx_error err;
    qx_err e = *name ? catalogue_find(m->catalogue, name, "", &class_id, &err) : QX_ERR_OK;
    if (e != QX_ERR_OK) {
        master_send_error(m, from, c->tag, e, "%s", err.text);
        return;
    }
    struct control re = {.type = CONTROL_TASK_LIST, .tag = c->tag};
    re.u.task_list.n = *name ? 1 : n;
    re.u.task_list.tasks = qx_calloc(re.u.task_list.n + 1u, sizeof *re.u.task_list.tasks);
    if (!re.u.task_list.tasks) {
        master_send_error(m, from, c->tag, QX_ERR_NOMEM, "out of memory for the list");
        return;
    }
    for (uint32_t i = 0; i < re.u.task_list.n; i++)
        re.u.task_list.tasks[i] = *catalogue_decl(m->catalogue, class_id + i); /* borrowed */
    (void)master_send(m, from, &re);
    qx_free(re.u.task_list.tasks);
}

static void list_workers(struct master *m, const struct peer *from, const struct control *c)
{
    struct control re = {.type = CONTROL_WORKER_LIST, .tag = c->tag};
    re.u.worker_list.workers = qx_calloc(m->workers.n + 1, sizeof *re.u.worker_list.workers);
    if (!re.u.worker_list.workers) {
        master_send_error(m, from, c->tag, QX_ERR_NOMEM, "out of memory for the list");
        return;
    }
    for (struct idmap_slot *s = NULL; (s = idmap_next(&m->workers, s));) {
        struct worker *w = s->value;
        if (w->gone)
            continue;
        re.u.worker_list.workers[re.u.worker_list.n++] =
            (struct worker_info){.session = w->session,
                                 .name = w->name,
                                 .host = w->host,
                                 .slots = w->slots,
                                 .leases = (uint32_t)sched_worker_leases(m->sched, w->session),
                                 .pid = w->pid,
                                 .items_done = w->items_done,
                                 .busy_ns = w->busy_ns,
                                 .connected_ms = (m->now_ns - w->joined_ns) / NS_PER_MS,
                                 .silent_ms = (m->now_ns - w->seen_ns) / NS_PER_MS,
                                 .leases_failed = w->leases_failed,
                                 .draining = w->draining,
                                 .n_tasks = w->n_tasks};
    }
    (void)master_send(m, from, &re);
    qx_free(re.u.worker_list.workers);
}

static void blob_put(struct master *m, const struct peer *from, const struct control *c)
{
    struct qx_error err = {0};
    struct control re = {.type = CONTROL_BLOB_STATE, .tag = c->tag};
    re.u.blob_state.ref = c->u.blob_put.ref;
    qx_err e = QX_ERR_OK;
    do {
        if (e == QX_ERR_LIMIT)
            forget_oldest(m); /* the data of jobs that are over makes room */
        if (c->u.blob_put.len)
            e = blobs_put(m->blobs, &c->u.blob_put.ref, c->u.blob_put.offset, c->u.blob_put.data,
                          c->u.blob_put.len, &re.u.blob_state.have_bytes, &err);
    } while (e == QX_ERR_LIMIT && m->n_ended);
    if (e != QX_ERR_OK) {
        master_send_error(m, from, c->tag, e, "%s", err.text);
        return;
    }
    re.u.blob_state.complete = blobs_state(m->blobs, &c->u.blob_put.ref, &re.u.blob_state.have_bytes);
    (void)master_send(m, from, &re);
}

static void pong(struct master *m, const struct peer *from, const struct control *c)
{
    struct control re = {.type = CONTROL_PONG, .tag = c->tag};
    re.u.pong.version = QX_PROTO_VERSION;
    re.u.pong.workers = m->n_workers;
    re.u.pong.slots = sched_slots(m->sched);
    re.u.pong.release = QX_VERSION_STRING;
    re.u.pong.tasks = catalogue_count(m->catalogue);
    re.u.pong.uptime_ms = (m->now_ns - m->started_ns) / NS_PER_MS;
    (void)master_send(m, from, &re);
}

bool clients_request(struct master *m, const struct peer *from, struct control *c)
{
    switch (c->type) {
    case CONTROL_SUBMIT:
        submit(m, from, c);
        return true;
    case CONTROL_WATCH:
        watch_request(m, from, c);
        return true;
    case CONTROL_CANCEL:
        cancel_request(m, from, c);
        return true;
    case CONTROL_EXTEND:
        extend(m, from, c);
        return true;
    case CONTROL_JOBS:
        list_jobs(m, from, c);
        return true;
    case CONTROL_RESULT:
        result_request(m, from, c);
        return true;
    case CONTROL_TASKS:
        list_tasks(m, from, c);
        return true;
    case CONTROL_WORKERS:
        list_workers(m, from, c);
        return true;
    case CONTROL_BLOB_PUT:
        blob_put(m, from, c);
        return true;
    case CONTROL_ROWS_TAKEN:
        rows_taken(m, c);
        return true;
    case CONTROL_PING:
        pong(m, from, c);
        return true;
    default:
        return false;
    }
}
