#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/zmqx.h"
#include "master/master.h"

enum { LANE_COUNT = 20000, LANE_TRIES = 64, LIES_MAX = 3, JOINING_MAX = 4096 };

struct worker *workers_find(struct master *m, uint64_t session)
{
    return session ? idmap_get(&m->workers, session) : NULL;
}

static void worker_free(struct worker *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n_outbox; i++)
        zmq_msg_close(&w->outbox[i]);
    if (w->lane)
        zmq_close(w->lane);
    qx_free(w->outbox);
    idmap_fini(&w->specs);
    qx_free(w->classes);
    qx_free(w->name);
    qx_free(w->host);
    qx_free(w);
}

void workers_free(struct master *m)
{
    for (struct idmap_slot *s = NULL; (s = idmap_next(&m->workers, s));)
        worker_free(s->value);
    idmap_fini(&m->workers);
    qx_free(m->joining);
    m->joining = NULL;
    m->n_joining = 0;
}

/* Binds the next free lane address. A closed lane is let go by libzmq some time later, so addresses are not used again at once. */
static qx_err bind_lane(struct master *m, struct worker *w, struct qx_error *err)
{
    const struct zmqx_options opt = {.hwm = 100000, .message_bytes_max = QX_FRAME_BYTES_MAX, .linger_ms = 0};
    for (int tries = 0; tries < LANE_TRIES; tries++) {
        char address[ZMQX_ADDRESS_BYTES];
        zmqx_lane_suffix(m->opt.bind, (uint32_t)(m->next_lane++ % LANE_COUNT), w->lane_suffix);
        qx_err e = zmqx_address_add(m->opt.bind, w->lane_suffix, address, err);
        if (e == QX_ERR_OK)
            e = zmqx_bind(m->zmq, ZMQ_PUSH, address, &opt, &w->lane, err);
        if (e != QX_ERR_LIMIT)
            return e;
    }
    return qx_fail(err, QX_ERR_IO, "%d lane addresses in a row are in use", LANE_TRIES);
}

static uint64_t draw_session(const struct master *m)
{
    uint64_t id = 0;
    do {
        if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
            id = clock_ns() * 0x9e3779b97f4a7c15ull;
    } while (!id || idmap_get(&m->workers, id));
    return id;
}

/* Moves the declared tasks into the catalogue; a task that clashes is left out and said so. */
static qx_err take_tasks(struct master *m, struct worker *w, struct control *c)
{
    uint32_t n = c->u.hello.n_tasks;
    w->classes = qx_calloc(n ? n : 1, sizeof *w->classes);
    if (!w->classes)
        return QX_ERR_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        struct qx_error err;
        qx_err e = catalogue_add(m->catalogue, &c->u.hello.tasks[i], &w->classes[w->n_tasks], &err);
        if (e == QX_ERR_NOMEM)
            return e;
        if (e == QX_ERR_OK)
            w->n_tasks++;
        else
            qx_log(QX_LOG_WARN, "TASK-REFUSED", "worker=%s why=\"%s\"", w->name, err.text);
    }
    return QX_ERR_OK;
}

static void welcome(struct master *m, const struct worker *w, uint64_t tag)
{
    char sink_suffix[32];
    zmqx_sink_suffix(m->opt.bind, sink_suffix);
    struct control c = {.type = CONTROL_WELCOME, .tag = tag};
    c.u.welcome.session = w->session;
    c.u.welcome.lane = (char *)w->lane_suffix;
    c.u.welcome.sink = sink_suffix;
    c.u.welcome.beat_ms = (uint32_t)m->opt.beat_ms;
    c.u.welcome.silent_ms = (uint32_t)m->opt.silent_ms;
    c.u.welcome.version = QX_PROTO_VERSION;
    (void)master_send(m, &w->peer, &c);
}

static bool is_banned(const struct master *m, uint64_t uuid)
{
    for (size_t i = 0; i < m->n_banned && i < BANNED_MAX; i++)
        if (m->banned[i] == uuid)
            return true;
    return false;
}

void workers_hello(struct master *m, const struct peer *from, struct control *c)
{
    if (c->u.hello.version != QX_PROTO_VERSION) {
        master_send_error(m, from, c->tag, QX_ERR_VERSION,
                          "this master speaks protocol %d, the worker %u: use the same release",
                          QX_PROTO_VERSION, c->u.hello.version);
        return;
    }
    if (is_banned(m, c->u.hello.uuid)) {
        master_send_error(
            m, from, c->tag, QX_ERR_INVALID,
            "this worker broke the protocol and was cut off: look at its log, and start it anew");
        return;
    }
    if (m->n_joining >= JOINING_MAX) {
        master_send_error(m, from, c->tag, QX_ERR_AGAIN, "too many workers are joining at once");
        return;
    }
    if (!c->u.hello.slots || m->draining) {
        master_send_error(m, from, c->tag, QX_ERR_STATE,
                          m->draining ? "the master is shutting down" : "a worker needs at least one slot");
        return;
    }
    for (struct idmap_slot *s = NULL; (s = idmap_next(&m->workers, s));) {
        struct worker *old = s->value;
        if (!old->gone && old->uuid == c->u.hello.uuid) {
            workers_gone(m, old->session, "registered again");
            break;
        }
    }
    struct qx_error err = {0};
    struct worker *w = qx_calloc(1, sizeof *w);
    qx_err e = w ? QX_ERR_OK : QX_ERR_NOMEM;
    if (w) {
        w->session = draw_session(m);
        w->uuid = c->u.hello.uuid;
        w->peer = *from;
        w->slots = c->u.hello.slots;
        w->pid = c->u.hello.pid;
        w->name = qx_strdup(c->u.hello.name);
        w->host = qx_strdup(c->u.hello.host);
        w->seen_ns = w->joined_ns = m->now_ns;
        e = w->name && w->host ? take_tasks(m, w, c) : QX_ERR_NOMEM;
    }
    if (e == QX_ERR_OK)
        e = bind_lane(m, w, &err);
    if (e == QX_ERR_OK && (qx_grow(&m->joining, &m->cap_joining, m->n_joining + 1, sizeof *m->joining) ||
                           idmap_put(&m->workers, w->session, w) != QX_ERR_OK))
        e = QX_ERR_NOMEM;
    if (e != QX_ERR_OK) {
        worker_free(w);
        qx_log(QX_LOG_ERROR, "WORKER-REFUSED", "name=%s why=\"%s\"", c->u.hello.name,
               err.code ? err.text : qx_err_text(e));
        master_send_error(m, from, c->tag, e, "%s", err.code ? err.text : qx_err_text(e));
        return;
    }
    m->joining[m->n_joining++] = w;
    welcome(m, w, c->tag);
}

static void join(struct master *m, struct worker *w)
{
    struct sched_event ev = {.type = EV_WORKER_JOIN, .worker = w->session};
    ev.u.join.slots = w->slots;
    ev.u.join.classes = w->classes;
    ev.u.join.n_classes = w->n_tasks;
    if (master_event(m, &ev) != QX_ERR_OK) {
        workers_gone(m, w->session, "the scheduler could not take it");
        return;
    }
    w->ready = true;
    m->n_workers++;
    struct sched_event drain = {.type = EV_WORKER_DRAIN, .worker = w->session};
    if (w->draining) /* it said goodbye before its lane was up */
        (void)master_event(m, &drain);
    qx_log(QX_LOG_INFO, "WORKER-JOINED", "worker=%s host=%s slots=%u tasks=%u lane=%s", w->name, w->host,
           w->slots, w->n_tasks, w->lane_suffix);
}

void workers_poll_joining(struct master *m)
{
    for (size_t i = 0; i < m->n_joining;) {
        struct worker *w = m->joining[i];
        int events = 0;
        size_t len = sizeof events;
        bool open = w->lane && !zmq_getsockopt(w->lane, ZMQ_EVENTS, &events, &len);
        if (open && !(events & ZMQ_POLLOUT)) {
            if (m->now_ns - w->joined_ns > m->opt.silent_ms * NS_PER_MS)
                workers_gone(m, w->session, "it never connected its lane"); /* takes it out of the list */
            else
                i++;
            continue;
        }
        m->joining[i] = m->joining[--m->n_joining];
        if (open)
            join(m, w);
    }
}

/* Hands a frame to the lane, or keeps it in order until the lane takes it. Takes over *msg. */
static void lane_send(struct worker *w, zmq_msg_t *msg)
{
    if (!w->n_outbox && zmq_msg_send(msg, w->lane, ZMQ_DONTWAIT) >= 0)
        return;
    if (qx_grow(&w->outbox, &w->cap_outbox, w->n_outbox + 1, sizeof *w->outbox)) {
        zmq_msg_close(msg); /* the worker notices the gap in the sequence and asks again */
        return;
    }
    zmq_msg_init(&w->outbox[w->n_outbox]);
    zmq_msg_move(&w->outbox[w->n_outbox++], msg);
    zmq_msg_close(msg);
}

static void flush_outbox(struct worker *w)
{
    size_t sent = 0;
    while (sent < w->n_outbox && zmq_msg_send(&w->outbox[sent], w->lane, ZMQ_DONTWAIT) >= 0)
        sent++;
    w->n_outbox -= sent;
    memmove(w->outbox, w->outbox + sent, w->n_outbox * sizeof *w->outbox);
}

static bool frame_new(zmq_msg_t *msg, size_t len)
{
    if (!zmq_msg_init_size(msg, len))
        return true;
    qx_log(QX_LOG_ERROR, "NO-MEMORY", "bytes=%zu for=lane", len);
    return false;
}

static void send_about_job(struct worker *w, enum frame_type type, uint64_t job, const void *payload,
                           size_t len)
{
    zmq_msg_t msg;
    if (!frame_new(&msg, frame_job_bytes(len))) {
        w->lane_seq++; /* a gap: the worker asks */
        return;
    }
    frame_job_write(zmq_msg_data(&msg), type, w->session, ++w->lane_seq, job, payload, len);
    lane_send(w, &msg);
}

/* The skips of the lease's items into m->skips. */
static bool collect_skips(struct master *m, const struct job *j, const struct sched_lease *l, uint32_t *ret_n)
{
    if (qx_grow(&m->skips, &m->cap_skips, j->n_skips, sizeof *m->skips))
        return false;
    *ret_n =
        (uint32_t)job_skips(j, l->cell, block_first(j->spec->layout, l->first_block),
                            block_first(j->spec->layout, l->first_block + l->n_blocks), m->skips, j->n_skips);
    return true;
}

void workers_lease(struct master *m, const struct sched_lease *l)
{
    struct worker *w = workers_find(m, l->worker);
    struct job *j = sink_job(m, l->job);
    if (!w || w->gone || !j || !sched_lease(m->sched, l->id))
        return; /* gone or revoked in the same turn: the scheduler knows */
    bool known = idmap_get(&w->specs, j->id) == j;
    if (!known && idmap_put(&w->specs, j->id, j) != QX_ERR_OK) {
        w->lane_seq++; /* a gap, as below */
        return;
    }
    if (!known && l->kind != LEASE_RUN)
        send_about_job(w, FRAME_JOB, j->id, j->spec_frame.data, j->spec_frame.len); /* the payload is taken */
    struct frame_lease f = {.lease = l->id,
                            .job = l->job,
                            .cell = l->cell,
                            .attempt = l->attempt,
                            .first_block = l->first_block,
                            .n_blocks = (uint32_t)l->n_blocks,
                            .kind = l->kind,
                            .end_item = l->end_item,
                            .expect_ns = l->expect_ns};
    const void *payload = NULL;
    if (l->kind == LEASE_RUN) {
        payload = j->spec_frame.data;
        f.len_payload = known ? 0 : j->spec_frame.len;
        f.flags = (job_wants_plan(j, l->cell, w->session) ? FRAME_WANT_PLAN : 0) |
                  (j->spec->rows ? FRAME_WANT_ROWS : 0);
        if (j->n_skips && !collect_skips(m, j, l, &f.n_skips)) {
            w->lane_seq++; /* a gap, as below */
            return;
        }
    } else if (l->kind == LEASE_MERGE) {
        const struct job_merge *g = merges_find(j, l->token);
        payload = g ? g->payload.data : NULL;
        f.len_payload = g ? g->payload.len : 0;
    } else if (l->kind == LEASE_FINISH) {
        payload = j->cells[l->cell].final.data;
        f.len_payload = j->cells[l->cell].final.len;
    }
    zmq_msg_t msg;
    size_t len = frame_lease_bytes(&f);
    if (len > QX_FRAME_BYTES_MAX) {
        struct qx_error err;
        qx_fail(&err, QX_ERR_LIMIT,
                "the reduced state of the job is too large to be handed to a worker (limit %d MiB)",
                QX_FRAME_BYTES_MAX >> 20);
        sink_fail_job(m, j, &err);
        return;
    }
    if (!frame_new(&msg, len)) {
        w->lane_seq++; /* a gap: the worker asks for what it missed */
        return;
    }
    frame_lease_write(zmq_msg_data(&msg), w->session, ++w->lane_seq, &f, m->skips, payload);
    lane_send(w, &msg);
    j->leases++;
    if (!j->first_lease_ns)
        j->first_lease_ns = m->now_ns;
}

void workers_revoke(struct master *m, uint64_t job, uint32_t cell, uint64_t from_block)
{
    const struct frame_revoke revoke = {.cell = cell, .from_block = from_block};
    for (struct idmap_slot *s = NULL; (s = idmap_next(&m->workers, s));) {
        struct worker *w = s->value;
        if (!w->gone && idmap_get(&w->specs, job))
            send_about_job(w, FRAME_REVOKE, job, &revoke, sizeof revoke);
    }
}

void workers_forget_job(struct master *m, uint64_t job)
{
    for (struct idmap_slot *s = NULL; (s = idmap_next(&m->workers, s));) {
        struct worker *w = s->value;
        if (!w->gone && idmap_del(&w->specs, job))
            send_about_job(w, FRAME_FORGET, job, NULL, 0);
    }
}

/* Frames were lost on a lane: they may have been the end of jobs, the cutting off of cells, or specifications. The first two
 * are said again, and every specification is sent again with the next lease. */
static void repeat_endings(struct master *m, struct worker *w)
{
    for (struct idmap_slot *s = NULL; (s = idmap_next(&w->specs, s));) {
        const struct job *j = sink_job(m, s->id);
        s->value = w; /* known, but perhaps not well: see workers_lease */
        if (!j || j->state != JOB_STATE_RUNNING)
            send_about_job(w, FRAME_FORGET, s->id, NULL, 0);
        for (uint32_t i = 0; j && j->state == JOB_STATE_RUNNING && i < j->spec->n_cells; i++) {
            const struct cell *c = &j->cells[i];
            const struct frame_revoke revoke = {.cell = i,
                                                .from_block = c->tree ? tree_prefix_blocks(c->tree) : 0};
            if (c->stopped || j->cancelled)
                send_about_job(w, FRAME_REVOKE, s->id, &revoke, sizeof revoke);
        }
    }
}

void workers_beat(struct master *m, const struct peer *from, const struct control *c)
{
    struct worker *w = workers_find(m, c->u.beat.session);
    if (!w || w->gone) {
        master_send_error(m, from, c->tag, QX_ERR_NOTFOUND, "unknown session: register again");
        return;
    }
    w->peer = *from;
    w->seen_ns = m->now_ns;
    if (w->ready) {
        struct sched_event ev = {.type = EV_WORKER_SEEN, .worker = w->session};
        (void)master_event(m, &ev);
    }
    struct control back = {.type = CONTROL_BEAT_BACK, .tag = c->tag};
    back.u.beat_back.lane_seq = w->lane_seq;
    if (c->u.beat.resync && w->ready) {
        struct sched_event ev = {.type = EV_WORKER_HELD, .worker = w->session};
        ev.u.held.leases = c->u.beat.held;
        ev.u.held.n_leases = c->u.beat.n_held;
        qx_log(QX_LOG_WARN, "WORKER-RESYNC", "worker=%s held=%u lane_seq=%" PRIu64 " sent=%" PRIu64, w->name,
               c->u.beat.n_held, c->u.beat.lane_seq, w->lane_seq);
        repeat_endings(m, w);
        (void)master_event(m, &ev);
    }
    (void)master_send(m, from, &back);
}

void workers_blob_get(struct master *m, const struct peer *from, const struct control *c)
{
    uint64_t len = 0;
    const uint8_t *data = blobs_get(m->blobs, c->u.blob_get.hash, &len);
    struct control part = {.type = CONTROL_BLOB_PART, .tag = c->tag};
    memcpy(part.u.blob_part.ref.hash, c->u.blob_get.hash, BLOB_HASH_BYTES);
    part.u.blob_part.ref.len_bytes = len;
    part.u.blob_part.offset = c->u.blob_get.offset;
    part.u.blob_part.missing = !data || c->u.blob_get.offset > len;
    if (!part.u.blob_part.missing) {
        uint64_t left = len - c->u.blob_get.offset;
        part.u.blob_part.data = data + c->u.blob_get.offset;
        part.u.blob_part.len = left < BLOB_PART_BYTES ? (size_t)left : BLOB_PART_BYTES;
    }
    (void)master_send(m, from, &part);
}

void workers_bye(struct master *m, const struct control *c)
{
    struct worker *w = workers_find(m, c->u.bye.session);
    if (!w || w->gone)
        return;
    if (w->draining) { /* the second one: nothing is held any more */
        workers_gone(m, w->session, "it left");
        return;
    }
    w->draining = true;
    m->ack_at_ns = m->now_ns; /* it waits for them */
    qx_log(QX_LOG_INFO, "WORKER-DRAINS", "worker=%s leases=%zu", w->name,
           sched_worker_leases(m->sched, w->session));
    struct sched_event ev = {.type = EV_WORKER_DRAIN, .worker = w->session};
    if (w->ready)
        (void)master_event(m, &ev);
}

void workers_gone(struct master *m, uint64_t session, const char *why)
{
    struct worker *w = workers_find(m, session);
    if (!w || w->gone)
        return;
    qx_log(w->draining ? QX_LOG_INFO : QX_LOG_WARN, "WORKER-LOST", "worker=%s host=%s leases=%zu why=\"%s\"",
           w->name, w->host, sched_worker_leases(m->sched, session), why);
    w->gone = true; /* freed by workers_flush: callers may still hold it */
    m->n_workers -= w->ready;
    struct sched_event ev = {.type = EV_WORKER_GONE, .worker = session};
    if (w->ready)
        (void)master_event(m, &ev);
    for (size_t i = 0; i < m->n_joining; i++)
        if (m->joining[i] == w)
            m->joining[i--] = m->joining[--m->n_joining];
}

void workers_lied(struct master *m, struct worker *w, const struct qx_error *err)
{
    w->lies++;
    qx_log(QX_LOG_WARN, "WORKER-LIES", "worker=%s times=%" PRIu64 " why=\"%s\"", w->name, w->lies, err->text);
    if (w->lies < LIES_MAX)
        return;
    m->banned[m->n_banned++ % BANNED_MAX] = w->uuid;
    master_send_error(m, &w->peer, 0, QX_ERR_PROTO, "cut off: %s", err->text);
    workers_gone(m, w->session, "it broke the protocol");
}

static void send_ack(struct master *m, struct worker *w)
{
    struct control c = {.type = CONTROL_ACK};
    c.u.ack.upto = w->acked;
    c.u.ack.n_extra = w->n_extra;
    c.u.ack.extra = w->extra;
    (void)master_send(m, &w->peer, &c);
    w->n_unacked = 0;
}

/* Jobs that ended well a while ago; one that was extended meanwhile runs again. */
static void forget_closed(struct master *m)
{
    for (size_t i = 0; i < m->n_closed; i++) {
        const struct job *j = sink_job(m, m->closed[i]);
        if (!j || j->state != JOB_STATE_RUNNING)
            workers_forget_job(m, m->closed[i]);
    }
    m->n_closed = 0;
}

void workers_flush(struct master *m)
{
    uint64_t reap = 0;
    bool acks = m->now_ns >= m->ack_at_ns;
    if (acks)
        forget_closed(m);
    for (struct idmap_slot *s = NULL; (s = idmap_next(&m->workers, s));) {
        struct worker *w = s->value;
        if (w->gone) {
            reap = w->session;
            continue;
        }
        if (w->n_outbox)
            flush_outbox(w);
        if (w->n_unacked && acks)
            send_ack(m, w);
    }
    if (acks)
        m->ack_at_ns = UINT64_MAX;
    if (reap) /* one a turn: the loop comes by often enough */
        worker_free(idmap_del(&m->workers, reap));
}
