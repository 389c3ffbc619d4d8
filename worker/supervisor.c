/* Phases of a turn: wait; receive (signals, control, lane, births and deaths); collect (results to the ledger and the sink); tick
 * (beats, limits, requests for data); dispatch (leases to executors). The clock is read once, after the wait.
 *
 * A lease is always in exactly one place: the backlog, the list of a job that waits for data, an executor, or answered; the
 * ledger knows all that are not answered and acknowledged. The lane is emptied every turn whatever the executors do, because a
 * full PULL socket stops reading heartbeats. */
#include "worker/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"
#include "common/placement.h"
#include "common/signals.h"
#include "worker/jobs.h"
#include "worker/ledger.h"
#include "worker/link.h"
#include "worker/region.h"

enum {
    TURN_FRAMES = 1024, /* lane messages a turn */
    TURN_EVENTS = 2048, /* executor events a turn */
    TURN_RESENDS = 256,
    RESEND_MS = 2000,
    DRAIN_MS = 30000
};

struct supervisor {
    struct supervisor_config config;
    void *zmq;
    struct link *link;
    struct ledger *ledger;
    struct jobs *jobs;
    struct lease_store *leases;
    struct lease_queue backlog;
    struct lease_queue returned; /* by executors that died; go before the backlog */
    bool more;                   /* a phase left something for the next turn */
    bool draining, done;
    int status;
    uint64_t drain_ns;
    uint64_t next_ns; /* deadline of the phases */
    bool greeted;     /* READY was logged */
    struct placement placement;
};

static void wake_by(struct supervisor *s, uint64_t at_ns)
{
    if (at_ns < s->next_ns)
        s->next_ns = at_ns;
}

static void stop(struct supervisor *s, int status)
{
    s->done = true;
    s->status = status;
}

/* ---- results ---------------------------------------------------------------------------------------- */

/* Numbers a result, keeps it until it is acknowledged, and sends it. Takes the lease and the frame. */
static void answer(struct supervisor *s, struct lease *l, void *frame, size_t len, uint64_t now_ns)
{
    uint64_t session = link_session(s->link);
    uint64_t seq = ledger_next_seq(s->ledger);
    memcpy((uint8_t *)frame + offsetof(struct frame_head, session), &session, sizeof session);
    memcpy((uint8_t *)frame + offsetof(struct frame_head, seq), &seq, sizeof seq);
    qx_err e = ledger_result(s->ledger, l->f.lease, frame, len, framebuf_unref, now_ns);
    if (e == QX_ERR_OK) {
        (void)link_push(s->link, frame, len); /* if it cannot go now, the ledger has it sent again */
    } else {
        framebuf_unref(frame);
        qx_log(QX_LOG_ERROR, "RESULT-NOT-KEPT", "lease=%llu why=\"%s\"", (unsigned long long)l->f.lease,
               qx_err_text(e));
        stop(s, 1); /* the master gives our leases to others */
    }
    lease_free(s->leases, l);
}

/* The result of an attempt that gave nothing. */
static void answer_failure(struct supervisor *s, struct lease *l, const struct frame_result *what,
                           const char *text, uint64_t now_ns)
{
    struct frame_result r = {.lease = l->f.lease,
                             .job = l->f.job,
                             .cell = l->f.cell,
                             .attempt = l->f.attempt,
                             .first_block = l->f.first_block,
                             .n_blocks = l->f.n_blocks,
                             .kind = l->f.kind,
                             .outcome = what->outcome,
                             .code = what->code,
                             .item = what->item,
                             .started = what->started,
                             .len_text = (uint32_t)strlen(text)};
    size_t len = frame_result_bytes(&r);
    void *frame = framebuf_new(pool_buffers(s->config.pool), len);
    if (!frame) {
        stop(s, 1);
        lease_free(s->leases, l);
        return;
    }
    struct frame_sections sections = frame_result_write(frame, 0, 0, &r);
    memcpy(sections.text, text, r.len_text);
    answer(s, l, frame, len, now_ns);
}

/* Nobody wants it any more: its job was forgotten. */
static void discard(struct supervisor *s, struct lease *l)
{
    lease_free(s->leases, l);
}

static void on_pool_event(struct supervisor *s, struct pool_event *ev, uint64_t now_ns)
{
    struct lease *l = ev->lease;
    if (!l->job) {
        framebuf_unref(ev->frame);
        discard(s, l);
        return;
    }
    if (ev->type == POOL_RESULT) {
        answer(s, l, ev->frame, ev->len, now_ns);
    } else if (ev->type == POOL_RETURNED) {
        lease_push(&s->returned, l);
    } else {
        qx_log_limited(QX_LOG_WARN, 1000, "ATTEMPT-FAILED",
                       "job=%llu cell=%u lease=%llu attempt=%u slot=%u why=\"%s\"",
                       (unsigned long long)l->f.job, l->f.cell, (unsigned long long)l->f.lease, l->f.attempt,
                       ev->slot, ev->text);
        struct frame_result what = {.outcome = ev->outcome, .item = ev->item, .started = 1};
        answer_failure(s, l, &what, ev->text, now_ns);
    }
}

static void collect(struct supervisor *s, uint64_t now_ns)
{
    struct pool_event ev;
    int n = 0;
    while (n < TURN_EVENTS && pool_next_event(s->config.pool, &ev)) {
        on_pool_event(s, &ev, now_ns);
        n++;
    }
    s->more |= n == TURN_EVENTS;
    lease_append(&s->returned, &s->backlog);
    s->backlog = s->returned;
    s->returned = (struct lease_queue){0};
    const void *frame;
    size_t len;
    for (n = 0; n < TURN_RESENDS && ledger_next_resend(s->ledger, now_ns, &frame, &len); n++)
        (void)link_push(s->link, frame, len);
    if (ledger_unacked(s->ledger) > 0)
        wake_by(s, now_ns + RESEND_MS / 4 * NS_PER_MS);
}

/* ---- forgetting -------------------------------------------------------------------------------------- */

static void drop_queue(struct supervisor *s, struct lease_queue *q, const struct lease_scope *scope)
{
    struct lease_queue kept = {0};
    for (struct lease *l; (l = lease_pop(q));) {
        if (!lease_in_scope(l, scope)) {
            lease_push(&kept, l);
            continue;
        }
        ledger_drop(s->ledger, l->f.lease);
        discard(s, l);
    }
    *q = kept;
}

static void drop_lease(void *arg, uint64_t lease)
{
    struct supervisor *s = arg;
    ledger_drop(s->ledger, lease);
}

static void revoke_leases(struct supervisor *s, struct job *job, struct lease_scope scope, uint64_t now_ns)
{
    scope.job = job;
    drop_queue(s, &s->backlog, &scope);
    drop_queue(s, &job->held, &scope);
    pool_revoke(s->config.pool, &scope, now_ns, drop_lease, s);
}

static void forget(struct supervisor *s, struct job *job, uint64_t now_ns)
{
    revoke_leases(s, job, (struct lease_scope){.whole = true}, now_ns);
    pool_forget(s->config.pool, job);
    jobs_remove(s->jobs, job);
}

/* Everything that came with the old session is void: the master has given it to others, or will give it to us again. */
static void forget_all(struct supervisor *s, uint64_t now_ns)
{
    for (struct job *job; (job = jobs_any(s->jobs));)
        forget(s, job, now_ns);
}

/* ---- the lane ---------------------------------------------------------------------------------------- */

/* A specification, in a frame of its own or with the first RUN lease. */
static void on_job(struct supervisor *s, uint64_t id, const struct frame_view *v)
{
    struct qx_error err;
    struct job *job = NULL;
    if (jobs_put(s->jobs, id, v->payload, v->len_payload, &job, &err) == QX_ERR_OK)
        pool_renew(s->config.pool, job);
    else
        qx_log_limited(QX_LOG_WARN, 1000, "JOB-BAD", "job=%llu why=\"%s\"", (unsigned long long)id, err.text);
}

/* Queues it, or holds it back, or answers at once when the job's data cannot be had. */
static void place(struct supervisor *s, struct lease *l, uint64_t now_ns)
{
    const char *why = NULL;
    switch (jobs_data(l->job, &why)) {
    case BLOB_READY:
        lease_push(&s->backlog, l);
        return;
    case BLOB_FETCHING:
        lease_push(&l->job->held, l);
        return;
    case BLOB_FAILED:
        break;
    }
    struct frame_result what = {
        .outcome = QX_OUTCOME_ERROR, .code = QX_ERR_NOTFOUND, .item = ITEM_NONE, .started = 1};
    answer_failure(s, l, &what, why, now_ns);
}

static void on_lease(struct supervisor *s, zmq_msg_t *msg, const struct frame_view *v, uint64_t now_ns)
{
    if (ledger_holds(s->ledger, v->lease.lease))
        return;
    struct lease *l = lease_new(s->leases, msg, &v->lease, now_ns);
    if (!l || ledger_hold(s->ledger, v->lease.lease) != QX_ERR_OK) {
        if (l)
            lease_free(s->leases, l);
        stop(s, 1);
        return;
    }
    l->job = jobs_find(s->jobs, v->lease.job);
    if (l->job) {
        place(s, l, now_ns);
        return;
    }
    /* Its job was lost on the way, or did not decode: that is no attempt. */
    struct frame_result what = {.outcome = QX_OUTCOME_LOST, .code = QX_ERR_NOTFOUND, .item = ITEM_NONE};
    answer_failure(s, l, &what, "the lease came without its job", now_ns);
}

static void receive_lane(struct supervisor *s, uint64_t now_ns)
{
    zmq_msg_t msg;
    struct frame_view v;
    int n = 0;
    for (; n < TURN_FRAMES && link_next_frame(s->link, now_ns, &msg, &v); n++) {
        if (v.head.type == FRAME_LEASE) {
            if (v.lease.kind == FRAME_KIND_RUN && v.len_payload > 0)
                on_job(s, v.lease.job, &v);
            on_lease(s, &msg, &v, now_ns);
        } else if (v.head.type == FRAME_JOB) {
            on_job(s, v.job, &v);
        } else {
            struct job *job = jobs_find(s->jobs, v.job);
            if (job && v.head.type == FRAME_REVOKE)
                revoke_leases(s, job,
                              (struct lease_scope){.cell = v.revoke.cell, .from_block = v.revoke.from_block},
                              now_ns);
            else if (job)
                forget(s, job, now_ns);
        }
        (void)zmq_msg_close(&msg);
    }
    s->more |= n == TURN_FRAMES;
}

/* ---- control ----------------------------------------------------------------------------------------- */

/* Jobs whose data came, or cannot come, let go of the leases that waited for it. */
static void release_held(struct supervisor *s, uint64_t now_ns)
{
    for (struct job *job; (job = jobs_next_decided(s->jobs));) {
        struct lease_queue q = job->held;
        job->held = (struct lease_queue){0};
        for (struct lease *l; (l = lease_pop(&q));)
            place(s, l, now_ns);
    }
}

static void on_joined(struct supervisor *s, uint64_t now_ns)
{
    uint32_t n_tasks = 0;
    (void)pool_tasks(s->config.pool, &n_tasks);
    forget_all(s, now_ns);
    blobs_restart(s->config.blobs);
    qx_log(QX_LOG_INFO, s->greeted ? "REJOINED" : "QX-WORKER-READY",
           "master=%s session=%llu slots=%u tasks=%u name=%s", s->config.master,
           (unsigned long long)link_session(s->link), pool_slots(s->config.pool), n_tasks, s->config.name);
    s->greeted = true;
    if (s->draining)
        link_bye(s->link, now_ns);
}

static void receive_control(struct supervisor *s, uint64_t now_ns)
{
    struct link_event ev;
    while (link_next_event(s->link, now_ns, &ev)) {
        if (ev.type == LINK_JOINED) {
            on_joined(s, now_ns);
        } else if (ev.type == LINK_LOST) {
            forget_all(s, now_ns);
        } else if (ev.type == LINK_REFUSED) {
            qx_log(QX_LOG_ERROR, "MASTER-REFUSED", "master=%s why=\"%s\"", s->config.master, ev.err.text);
            stop(s, 1);
        } else {
            const struct control *c = &ev.message;
            if (blobs_part(s->config.blobs, &c->u.blob_part.ref, c->u.blob_part.offset, c->u.blob_part.data,
                           c->u.blob_part.len, c->u.blob_part.missing, now_ns))
                release_held(s, now_ns);
        }
    }
}

static void receive_signals(struct supervisor *s, uint64_t now_ns)
{
    for (int sig; (sig = qx_signals_next(s->config.signal_fd)) != 0;) {
        if (sig == SIGHUP) {
            qx_log(QX_LOG_INFO, "NOTHING-TO-RELOAD", "signal=%d", sig);
            continue;
        }
        bool orphan = s->config.parent_pid > 0 && getppid() != s->config.parent_pid;
        if (s->draining || orphan) {
            qx_log(QX_LOG_WARN, "STOPPED", "signal=%d held=%zu", sig, ledger_held(s->ledger, NULL, 0));
            stop(s, 0);
            return;
        }
        s->draining = true;
        s->drain_ns = now_ns + DRAIN_MS * NS_PER_MS;
        qx_log(QX_LOG_INFO, "DRAINING", "signal=%d held=%zu", sig, ledger_held(s->ledger, NULL, 0));
        link_bye(s->link, now_ns);
    }
}

/* ---- time and work ------------------------------------------------------------------------------------ */

/* The plugins are not those that we have told the master. */
static void retask(struct supervisor *s, uint64_t now_ns)
{
    uint32_t n = 0;
    const struct task_decl *tasks = pool_tasks(s->config.pool, &n);
    qx_log(QX_LOG_WARN, "TASKS-CHANGED", "tasks=%u", n);
    jobs_retask(s->jobs, tasks, n);
    link_retask(s->link, tasks, n, now_ns);
    s->more = true; /* what we hold is dropped in the next turn */
}

static void tick(struct supervisor *s, uint64_t now_ns)
{
    struct blob_ref ref;
    uint64_t offset;
    wake_by(s, link_tick(s->link, now_ns));
    wake_by(s, pool_watch(s->config.pool, now_ns));
    if (pool_retask(s->config.pool))
        retask(s, now_ns);
    while (link_state(s->link) >= LINK_UP && blobs_next_request(s->config.blobs, now_ns, &ref, &offset)) {
        if (!link_request_blob(s->link, &ref, offset))
            break;
    }
    if (blobs_busy(s->config.blobs))
        wake_by(s, now_ns + NS_PER_S);
    if (!s->draining)
        return;
    wake_by(s, s->drain_ns);
    bool connected = link_state(s->link) >= LINK_UP; /* else there is nobody to finish it for */
    if (!connected || now_ns >= s->drain_ns ||
        (ledger_held(s->ledger, NULL, 0) == 0 && link_settled(s->link))) {
        link_bye(s->link, now_ns);
        stop(s, 0);
    }
}

/* In order of arrival: one to every idle executor, then what is tiny ahead, evenly. */
static void dispatch(struct supervisor *s)
{
    struct pool *pool = s->config.pool;
    uint32_t slots = pool_slots(pool);
    for (uint32_t i = 0; i < slots && s->backlog.first; i++) {
        if (pool_queued(pool, i) == 0 && pool_room(pool, i, s->backlog.first))
            pool_give(pool, i, lease_pop(&s->backlog));
    }
    size_t share = s->backlog.n / (slots > 0 ? slots : 1) + 1;
    for (uint32_t i = 0; i < slots && s->backlog.first; i++) {
        for (size_t n = 0; n < share && s->backlog.first && pool_room(pool, i, s->backlog.first); n++)
            pool_give(pool, i, lease_pop(&s->backlog));
    }
    pool_flush(pool);
}

/* All executors run something that takes unexpectedly long: what waits here the master may give to another worker. */
static void hand_back(struct supervisor *s, uint64_t now_ns)
{
    const struct frame_result what = {.outcome = QX_OUTCOME_LOST, .code = QX_ERR_AGAIN, .item = ITEM_NONE};
    while (s->backlog.first)
        answer_failure(s, lease_pop(&s->backlog), &what, "all executors are busy for longer than expected",
                       now_ns);
}

/* ---- the loop ----------------------------------------------------------------------------------------- */

static void sleep_until_something(struct supervisor *s)
{
    zmq_pollitem_t items[LINK_POLL_ITEMS + 3];
    int n = link_poll_items(s->link, items), n_link = n;
    int zygote = n;
    items[n++] = (zmq_pollitem_t){.fd = pool_zygote_fd(s->config.pool), .events = ZMQ_POLLIN};
    if (items[zygote].fd < 0)
        n--;
    items[n++] = (zmq_pollitem_t){.fd = s->config.signal_fd, .events = ZMQ_POLLIN};
    int signals = n - 1;
    items[n++] = (zmq_pollitem_t){.fd = pool_bell_fd(s->config.pool), .events = ZMQ_POLLIN};
    int bell = n - 1;
    long timeout_ms = 0;
    if (!s->more && !link_wants_look(s->link) && pool_sleep(s->config.pool)) {
        uint64_t now_ns = clock_ns();
        uint64_t left_ns = s->next_ns > now_ns ? s->next_ns - now_ns : 0;
        timeout_ms = left_ns > NS_PER_S ? 1000 : (long)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
    }
    int ready = zmq_poll(items, n, timeout_ms);
    link_polled(s->link, items, n_link, ready == 0 && timeout_ms > 0);
    s->more = false;
    s->next_ns = UINT64_MAX;
    if (zygote != signals && items[zygote].revents)
        pool_receive(s->config.pool, clock_ns());
    if (items[bell].revents)
        pool_rang(s->config.pool);
    if (items[signals].revents)
        receive_signals(s, clock_ns());
}

static qx_err supervisor_open(struct supervisor *s, struct qx_error *err)
{
    uint32_t n_tasks = 0;
    const struct task_decl *tasks = pool_tasks(s->config.pool, &n_tasks);
    struct jobs_config jobs = {
        .slots = pool_slots(s->config.pool), .tasks = tasks, .n_tasks = n_tasks, .blobs = s->config.blobs};
    s->zmq = zmq_ctx_new();
    s->leases = lease_store_new();
    if (!s->zmq || !s->leases || jobs_new(&jobs, &s->jobs) != QX_ERR_OK ||
        ledger_new(RESEND_MS * NS_PER_MS, &s->ledger) != QX_ERR_OK)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    struct link_config link = {.master = s->config.master,
                               .name = s->config.name,
                               .host = s->config.host,
                               .slots = pool_slots(s->config.pool),
                               .pid = (uint32_t)getpid(),
                               .tasks = tasks,
                               .n_tasks = n_tasks,
                               .ledger = s->ledger};
    return link_new(s->zmq, &link, &s->link, err);
}

static void supervisor_close(struct supervisor *s)
{
    if (s->jobs)
        forget_all(s, clock_ns());
    for (struct lease *l; s->leases && (l = pool_next_lease(s->config.pool));)
        lease_free(s->leases, l);
    jobs_free(s->jobs);
    lease_store_free(s->leases);
    link_free(s->link);
    if (s->zmq)
        (void)zmq_ctx_term(s->zmq); /* after this no message refers to a frame */
    ledger_free(s->ledger);
}

int supervisor_run(const struct supervisor_config *config)
{
    struct supervisor s = {.config = *config};
    struct qx_error err;
    if (supervisor_open(&s, &err) != QX_ERR_OK) {
        qx_log(QX_LOG_ERROR, "WORKER-NOT-STARTED", "why=\"%s\"", err.text);
        s.status = 1;
    } else {
        placement_init(&s.placement, clock_ns());
        while (!s.done) {
            sleep_until_something(&s);
            uint64_t now_ns = clock_ns();
            placement_turn(&s.placement, now_ns);
            receive_control(&s, now_ns);
            receive_lane(&s, now_ns);
            collect(&s, now_ns);
            dispatch(&s); /* before the tick, which looks when those now running must be looked at */
            if (s.backlog.first && pool_all_late(s.config.pool))
                hand_back(&s, now_ns);
            tick(&s, now_ns);
        }
    }
    supervisor_close(&s);
    return s.status;
}
