/* The loop of the master: fixed phases, one thread, one reading of the clock a turn.
 *
 *     wait - receive (bounded a socket, so that neither starves the other) - tick - effects - send - reap
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/signals.h"
#include "common/zmqx.h"
#include "master/master.h"

enum { RESULTS_A_TURN = 512, REQUESTS_A_TURN = 64, DRAIN_S = 30 };

/* Binding an ipc address takes it away from whoever has it, so a lock beside it says whether somebody does. */
static qx_err lock_ipc(struct master *m, const char *bind, struct qx_error *err)
{
    char path[ZMQX_ADDRESS_BYTES + 8];
    if (!zmqx_address_is_ipc(bind) || bind[strlen("ipc://")] == '@')
        return QX_ERR_OK;
    (void)snprintf(path, sizeof path, "%s.lock", bind + strlen("ipc://"));
    m->lock_fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (m->lock_fd < 0)
        return qx_fail(err, QX_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    if (flock(m->lock_fd, LOCK_EX | LOCK_NB))
        return qx_fail(err, QX_ERR_IO, "%s is in use by another master", bind);
    return QX_ERR_OK;
}

qx_err master_open(struct master *m, const struct master_options *opt, struct qx_error *err)
{
    m->opt = *opt;
    m->lock_fd = -1;
    m->next_job = 1;
    m->ack_at_ns = UINT64_MAX;
    m->now_ns = m->started_ns = clock_ns();
    const struct sched_config config = {.worker_silent_ns = opt->silent_ms * NS_PER_MS,
                                        .target_chunk_ns = opt->target_chunk_ns};
    if (sched_new(&config, &m->sched) != QX_ERR_OK || catalogue_new(&m->catalogue) != QX_ERR_OK ||
        blobs_new(opt->blob_bytes, &m->blobs) != QX_ERR_OK || job_result_init(&m->result) != QX_ERR_OK)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory at start");
    qx_err e = qx_signals_open(&m->signal_fd, err);
    if (e != QX_ERR_OK)
        return e;
    m->zmq = zmq_ctx_new();
    if (!m->zmq)
        return qx_fail(err, QX_ERR_IO, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    zmq_ctx_set(m->zmq, ZMQ_MAX_SOCKETS, 65000);
    char suffix[32], sink[ZMQX_ADDRESS_BYTES];
    zmqx_sink_suffix(opt->bind, suffix);
    const struct zmqx_options control_opt = {
        .hwm = 100000, .message_bytes_max = QX_CONTROL_BYTES_MAX, .linger_ms = 500, .mandatory = true};
    const struct zmqx_options sink_opt = {.hwm = 100000, .message_bytes_max = QX_FRAME_BYTES_MAX};
    e = zmqx_address_add(opt->bind, suffix, sink, err);
    if (e == QX_ERR_OK)
        e = lock_ipc(m, opt->bind, err);
    if (e == QX_ERR_OK)
        e = zmqx_bind(m->zmq, ZMQ_PULL, sink, &sink_opt, &m->sink, err);
    if (e == QX_ERR_OK)
        e = zmqx_bind(m->zmq, ZMQ_ROUTER, opt->bind, &control_opt, &m->control, err);
    size_t len = sizeof m->control_fd;
    if (e == QX_ERR_OK && (zmq_getsockopt(m->control, ZMQ_FD, &m->control_fd, &len) ||
                           zmq_getsockopt(m->sink, ZMQ_FD, &m->sink_fd, &len)))
        e = qx_fail(err, QX_ERR_IO, "cannot watch the sockets: %s", zmq_strerror(errno));
    m->more_results = m->more_requests = true;
    placement_init(&m->placement, m->now_ns);
    return e;
}

void master_close(struct master *m)
{
    workers_free(m);
    for (struct idmap_slot *s = NULL; (s = idmap_next(&m->jobs, s));)
        job_free(s->value);
    idmap_fini(&m->jobs);
    idmap_fini(&m->tokens);
    for (size_t i = 0; i < m->n_parked; i++)
        qx_free(m->parked[i].data);
    qx_free(m->parked);
    qx_free(m->watchers);
    qx_free(m->ended);
    qx_free(m->closed);
    qx_free(m->skips);
    qx_bytes_fini(&m->out);
    job_result_fini(&m->result);
    blobs_free(m->blobs);
    catalogue_free(m->catalogue);
    sched_free(m->sched);
    (void)zmqx_close(m->control);
    (void)zmqx_close(m->sink);
    if (m->zmq)
        zmq_ctx_term(m->zmq);
    if (m->lock_fd >= 0)
        (void)close(m->lock_fd);
}

qx_err master_event(struct master *m, const struct sched_event *ev)
{
    qx_err e = sched_apply(m->sched, ev, m->now_ns);
    if (e == QX_ERR_NOMEM || e == QX_ERR_BUG)
        qx_log(QX_LOG_ERROR, "SCHED-FAILED", "event=%d why=\"%s\"", (int)ev->type, qx_err_text(e));
    return e;
}

bool master_send(struct master *m, const struct peer *to, const struct control *c)
{
    qx_err e = control_encode(c, &m->out);
    if (e == QX_ERR_LIMIT && c->type != CONTROL_ERROR) {
        master_send_error(m, to, c->tag, e, "what was asked for does not fit a message of %d MiB",
                          QX_CONTROL_BYTES_MAX >> 20);
        return true;
    }
    if (e != QX_ERR_OK) {
        qx_log(QX_LOG_ERROR, "NO-MEMORY", "for=control type=%d", (int)c->type);
        return true;
    }
    m->more_requests = true;
    if (zmq_send(m->control, to->id, to->len, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return errno == EAGAIN; /* full: what is lost here is asked for again; unreachable: gone */
    return zmq_send(m->control, m->out.data, m->out.len, ZMQ_DONTWAIT) >= 0 || errno == EAGAIN;
}

void master_send_error(struct master *m, const struct peer *to, uint64_t tag, qx_err code, const char *fmt,
                       ...)
{
    struct qx_error err;
    va_list ap;
    va_start(ap, fmt);
    qx_vfail(&err, code, fmt, ap);
    va_end(ap);
    struct control c = {.type = CONTROL_ERROR, .tag = tag};
    c.u.error.code = (int32_t)code;
    c.u.error.text = err.text;
    (void)master_send(m, to, &c);
}

static void park(struct master *m, const struct peer *from, const void *data, size_t len)
{
    void *copy = qx_malloc(len + 1);
    if (!copy || qx_grow(&m->parked, &m->cap_parked, m->n_parked + 1, sizeof *m->parked)) {
        qx_free(copy);
        return;
    }
    memcpy(copy, data, len);
    m->parked[m->n_parked++] = (struct parked){*from, copy, len, m->now_ns + m->opt.park_ms * NS_PER_MS};
}

/* One control message. `again`: it was parked before and is answered now, whatever the answer. */
static void control_message(struct master *m, const struct peer *from, const void *data, size_t len,
                            bool again)
{
    struct control c;
    struct qx_error err = {0};
    qx_err e = control_decode(data, len, &c, &err);
    if (e != QX_ERR_OK) {
        qx_log_limited(QX_LOG_WARN, 1000, "BAD-MESSAGE", "bytes=%zu why=\"%s\"", len, err.text);
        master_send_error(m, from, c.tag, e, "%s", err.text);
        return;
    }
    switch (c.type) {
    case CONTROL_HELLO:
        workers_hello(m, from, &c);
        break;
    case CONTROL_BEAT:
        workers_beat(m, from, &c);
        break;
    case CONTROL_BLOB_GET:
        workers_blob_get(m, from, &c);
        break;
    case CONTROL_BYE:
        workers_bye(m, &c);
        break;
    default:
        if ((c.type == CONTROL_SUBMIT || c.type == CONTROL_TASKS) && !again && !m->n_workers &&
            !catalogue_count(m->catalogue))
            park(m, from, data, len);
        else if (!clients_request(m, from, &c))
            master_send_error(m, from, c.tag, QX_ERR_PROTO,
                              "unknown message: is the other side of a newer release?");
    }
    control_fini(&c);
}

static void unpark(struct master *m)
{
    size_t keep = 0;
    for (size_t i = 0; i < m->n_parked; i++) {
        struct parked p = m->parked[i];
        if (!m->n_workers && m->now_ns < p.until_ns) {
            m->parked[keep++] = p;
            continue;
        }
        control_message(m, &p.peer, p.data, p.len, true);
        qx_free(p.data);
    }
    m->n_parked = keep;
}

/* One multipart message of the control socket: routing id and one frame; anything else is dropped whole. */
static bool receive_control(struct master *m)
{
    zmq_msg_t id, body;
    zmq_msg_init(&id);
    if (zmq_msg_recv(&id, m->control, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&id);
        return false;
    }
    zmq_msg_init(&body);
    bool whole = zmq_msg_more(&id) && zmq_msg_recv(&body, m->control, ZMQ_DONTWAIT) >= 0;
    bool more = whole && zmq_msg_more(&body);
    struct peer from = {.len = (uint8_t)zmq_msg_size(&id)};
    if (whole && !more && zmq_msg_size(&id) <= PEER_ID_BYTES_MAX) {
        memcpy(from.id, zmq_msg_data(&id), from.len);
        control_message(m, &from, zmq_msg_data(&body), zmq_msg_size(&body), false);
    }
    while (more) {
        zmq_msg_t rest;
        zmq_msg_init(&rest);
        more = zmq_msg_recv(&rest, m->control, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&rest);
        zmq_msg_close(&rest);
    }
    zmq_msg_close(&body);
    zmq_msg_close(&id);
    return true;
}

static bool receive_result(struct master *m)
{
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    bool got = zmq_msg_recv(&msg, m->sink, ZMQ_DONTWAIT) >= 0;
    if (got && !zmq_msg_more(&msg))
        sink_take(m, zmq_msg_data(&msg), zmq_msg_size(&msg));
    zmq_msg_close(&msg);
    return got;
}

void master_effects(struct master *m)
{
    struct sched_effect fx;
    while (sched_next_effect(m->sched, &fx)) {
        struct job *j = NULL;
        switch (fx.type) {
        case FX_LEASE:
            workers_lease(m, &fx.u.lease);
            break;
        case FX_SKIP_ITEM:
            j = sink_job(m, fx.job);
            if (j && job_add_skip(j, fx.cell, fx.u.skip.item, fx.u.skip.outcome) != QX_ERR_OK)
                qx_log(QX_LOG_ERROR, "NO-MEMORY", "for=skip job=%" PRIu64, fx.job);
            break;
        case FX_CELL_COMPLETE:
            sink_cell_complete(m, fx.job, fx.cell);
            break;
        case FX_JOB_ENDED:
            sink_job_ended(m, fx.job, fx.u.end);
            break;
        case FX_AUX_FAILED:
            sink_aux_failed(m, fx.job, fx.u.lease.kind);
            break;
        case FX_WORKER_GONE:
            workers_gone(m, fx.worker, "silent for too long");
            break;
        }
    }
}

static void drain(struct master *m)
{
    if (m->draining) {
        m->stop = true;
        return;
    }
    m->draining = true;
    m->drain_deadline_ns = m->now_ns + DRAIN_S * NS_PER_S;
    qx_log(QX_LOG_INFO, "MASTER-DRAINS", "jobs_running=%zu", m->jobs.n - m->n_ended);
}

static void signals(struct master *m)
{
    for (int sig; (sig = qx_signals_next(m->signal_fd)) != 0;)
        if (sig == SIGTERM || sig == SIGINT)
            drain(m);
}

static int wait_ms(const struct master *m)
{
    uint64_t until = sched_next_deadline(m->sched), clients = clients_next_deadline(m);
    until = clients < until ? clients : until;
    until = m->ack_at_ns < until ? m->ack_at_ns : until;
    until = m->draining && m->drain_deadline_ns < until ? m->drain_deadline_ns : until;
    for (size_t i = 0; i < m->n_parked; i++)
        until = m->parked[i].until_ns < until ? m->parked[i].until_ns : until;
    if (m->n_joining) /* a lane's other end gives no event of its own that is worth a place in the poll set */
        until = m->now_ns + NS_PER_MS < until ? m->now_ns + NS_PER_MS : until;
    uint64_t now = clock_ns();
    if (until <= now)
        return 0;
    uint64_t ms = (until - now + NS_PER_MS - 1) / NS_PER_MS;
    return ms > 1000 ? 1000 : (int)ms;
}

/* What waits on the two sockets, results first, each up to a bound. Sending on the control socket may take in what has
 * arrived there without another sign of it, so master_send asks for one more look. */
static void receive(struct master *m, bool results, bool requests)
{
    int n = 0;
    if (results || m->more_results) {
        while (n < RESULTS_A_TURN && receive_result(m))
            n++;
        m->more_results = n == RESULTS_A_TURN;
    }
    if (requests || m->more_requests) {
        for (n = 0; n < REQUESTS_A_TURN && receive_control(m);)
            n++;
        m->more_requests = n == REQUESTS_A_TURN;
    }
}

/* libzmq's descriptors say that there is something to look at, once for all that came: polled directly, not through zmq_poll,
 * which costs several system calls a socket. A look at both after every time-out is the safety net. */
static void turn(struct master *m)
{
    struct pollfd fds[] = {{m->sink_fd, POLLIN, 0}, {m->control_fd, POLLIN, 0}, {m->signal_fd, POLLIN, 0}};
    bool look = poll(fds, 3, m->more_results || m->more_requests ? 0 : wait_ms(m)) == 0;
    m->now_ns = clock_ns();
    placement_turn(&m->placement, m->now_ns);
    if (fds[2].revents)
        signals(m);
    receive(m, look || fds[0].revents, look || fds[1].revents);
    workers_poll_joining(m);
    if (m->n_parked)
        unpark(m);
    if (sched_next_deadline(m->sched) <= m->now_ns)
        (void)master_event(m, &(struct sched_event){.type = EV_TICK});
    clients_tick(m);
    master_effects(m);
    workers_flush(m);
    if (m->draining && (m->jobs.n == m->n_ended || m->now_ns >= m->drain_deadline_ns))
        m->stop = true;
}

int master_run(struct master *m)
{
    qx_log(QX_LOG_INFO, "MASTER-READY", "bind=%s", m->opt.bind);
    while (!m->stop)
        turn(m);
    qx_log(QX_LOG_INFO, "MASTER-STOPPED", "jobs_running=%zu", m->jobs.n - m->n_ended);
    return m->exit_code;
}
