/* The blocking layer: one DEALER socket, one session, and the turn that moves messages between them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

#include "client/address.h"
#include "client/client_internal.h"
#include "common/error.h"
#include "proto/frame.h"

enum { REACH_MS_DEFAULT = 2500, CALL_MS = 30000, START_MS = 10000, LINGER_MS = 200, RETRY_MS = 50 };

uint64_t client_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t client_deadline(int64_t timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : client_now_ns() + (uint64_t)timeout_ms * 1000000u;
}

/* ---- a turn ---- */

/* Nothing will come any more: every future ends. */
static qx_err lose(struct qx_client *c, const struct qx_error *why, struct qx_error *err)
{
    if (!c->lost) {
        c->lost = true;
        c->why_lost = *why;
        for (struct idmap_slot *i = NULL; (i = idmap_next(&c->futures, i));)
            future_end(i->value, why);
    }
    return qx_fail(err, c->why_lost.code, "%s", c->why_lost.text);
}

static qx_err lose_master(struct qx_client *c, struct qx_error *err)
{
    struct qx_error why = {0};
    if (c->farm && farm_failed(c->farm, &why))
        return lose(c, &why, err);
    (void)qx_fail(&why, QX_ERR_IO, "the master at %s does not answer any more", c->address);
    return lose(c, &why, err);
}

static void route(struct qx_client *c, struct qx_event *ev)
{
    struct qx_future *f = idmap_get(&c->futures, ev->tag);
    if (f) {
        future_take(f, ev);
        if (f->done) {
            (void)idmap_del(&c->futures, f->tag);
            if (f->forgotten)
                future_destroy(f);
        }
    } else if (ev->tag && ev->tag == c->call_tag && !c->call_done) {
        c->call_event = *ev;
        c->call_done = true;
        ev->type = QX_EVENT_ERROR;
        ev->memory = NULL;
        return;
    }
    qx_event_fini(ev);
}

static qx_err take_events(struct qx_client *c, struct qx_error *err)
{
    struct qx_event ev;
    while (qx_session_next_event(c->session, &ev)) {
        if (ev.type == QX_EVENT_LOST || (ev.type == QX_EVENT_ERROR && !ev.tag)) {
            struct qx_error why = ev.u.error;
            bool lost = ev.type == QX_EVENT_LOST;
            qx_event_fini(&ev);
            return lost ? lose_master(c, err) : lose(c, &why, err);
        }
        route(c, &ev);
    }
    return QX_ERR_OK;
}

static qx_err flush(struct qx_client *c, struct qx_error *err)
{
    const void *data;
    size_t len;
    while (qx_session_next_out(c->session, &data, &len))
        if (zmq_send(c->sock, data, len, ZMQ_DONTWAIT) < 0)
            return qx_fail(err, QX_ERR_IO, "sending to %s: %s", c->address, zmq_strerror(errno));
    return QX_ERR_OK;
}

static qx_err receive(struct qx_client *c, struct qx_error *err)
{
    qx_err e = QX_ERR_OK;
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    while (e == QX_ERR_OK && zmq_msg_recv(&msg, c->sock, ZMQ_DONTWAIT) >= 0) {
        struct qx_error why = {0};
        e = qx_session_receive(c->session, zmq_msg_data(&msg), zmq_msg_size(&msg), client_now_ns(), &why);
        if (e != QX_ERR_OK) {
            struct qx_error full = {0};
            (void)qx_fail(&full, e, "%s: %s", c->address, why.text);
            e = lose(c, &full, err);
        }
    }
    zmq_msg_close(&msg);
    return e;
}

static long poll_ms(uint64_t deadline_ns)
{
    uint64_t now = client_now_ns();
    if (deadline_ns <= now)
        return 0;
    uint64_t ms = (deadline_ns - now + 999999u) / 1000000u;
    return ms > 60000 ? 60000 : (long)ms;
}

qx_err client_turn(struct qx_client *c, uint64_t deadline_ns, struct qx_error *err)
{
    if (c->lost)
        return lose(c, &c->why_lost, err);
    if (qx_session_tick(c->session, client_now_ns()) != QX_ERR_OK)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    qx_err e = flush(c, err);
    if (e != QX_ERR_OK)
        return e;
    uint64_t due = qx_session_next_deadline(c->session);
    int fds[2] = {-1, -1};
    if (c->farm)
        farm_fds(c->farm, fds);
    zmq_pollitem_t items[] = {
        {c->sock, 0, ZMQ_POLLIN, 0}, {NULL, fds[0], ZMQ_POLLIN, 0}, {NULL, fds[1], ZMQ_POLLIN, 0}};
    int n = zmq_poll(items, c->farm ? 3 : 1, poll_ms(due < deadline_ns ? due : deadline_ns));
    bool interrupted = n < 0 && errno == EINTR;
    if (n < 0 && !interrupted)
        return qx_fail(err, QX_ERR_IO, "waiting for %s: %s", c->address, zmq_strerror(errno));
    e = receive(c, err);
    if (e == QX_ERR_OK && qx_session_tick(c->session, client_now_ns()) != QX_ERR_OK)
        e = qx_fail(err, QX_ERR_NOMEM, "out of memory");
    if (e == QX_ERR_OK)
        e = take_events(c, err);
    struct qx_error why;
    if (e == QX_ERR_OK && n > 0 && c->farm && (items[1].revents || items[2].revents) &&
        farm_failed(c->farm, &why))
        e = lose(c, &why, err);
    if (e == QX_ERR_OK)
        e = flush(c, err);
    return e == QX_ERR_OK && interrupted ? QX_ERR_AGAIN : e;
}

qx_err client_call(struct qx_client *c, uint64_t tag, struct qx_event *ret, struct qx_error *err)
{
    uint64_t deadline = client_deadline(CALL_MS);
    c->call_tag = tag;
    c->call_done = false;
    qx_err e = QX_ERR_OK;
    for (uint64_t before = 0;
         !c->call_done && (e == QX_ERR_OK || e == QX_ERR_AGAIN) && client_now_ns() < deadline;) {
        e = client_turn(c, deadline, err);
        uint64_t have = session_uploaded(c->session, tag);
        if (have != before)
            deadline = client_deadline(CALL_MS);
        before = have;
    }
    c->call_tag = 0;
    if (c->call_done) {
        if (c->call_event.type != QX_EVENT_ERROR) {
            *ret = c->call_event;
            return QX_ERR_OK;
        }
        e = qx_fail(err, c->call_event.u.error.code, "%s", c->call_event.u.error.text);
        qx_event_fini(&c->call_event);
        return e;
    }
    qx_session_abandon(c->session, tag);
    if (e != QX_ERR_OK && e != QX_ERR_AGAIN)
        return e;
    return qx_fail(err, QX_ERR_TIMEOUT, "the master at %s has not answered a request for %d s", c->address,
                   CALL_MS / 1000);
}

/* ---- opening ---- */

static qx_err set_options(void *sock, const char *address)
{
    int linger = LINGER_MS, none = 0, retry = 10, retry_max = 500, ipv6 = strchr(address, '[') != NULL;
    int64_t largest = QX_CONTROL_BYTES_MAX;
    int e = zmq_setsockopt(sock, ZMQ_LINGER, &linger, sizeof linger);
    e |= zmq_setsockopt(sock, ZMQ_SNDHWM, &none, sizeof none); /* bounded by the windows of the protocol */
    e |= zmq_setsockopt(sock, ZMQ_RCVHWM, &none, sizeof none);
    e |= zmq_setsockopt(sock, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
    e |= zmq_setsockopt(sock, ZMQ_IPV6, &ipv6, sizeof ipv6);
    e |= zmq_setsockopt(sock, ZMQ_RECONNECT_IVL, &retry, sizeof retry);
    e |= zmq_setsockopt(sock, ZMQ_RECONNECT_IVL_MAX, &retry_max, sizeof retry_max);
    return e ? QX_ERR_IO : QX_ERR_OK;
}

static qx_err dial(struct qx_client *c, struct qx_error *err)
{
    c->ctx = zmq_ctx_new();
    c->sock = c->ctx ? zmq_socket(c->ctx, ZMQ_DEALER) : NULL;
    if (!c->sock || set_options(c->sock, c->address) != QX_ERR_OK)
        return qx_fail(err, QX_ERR_IO, "making a socket: %s", zmq_strerror(errno));
    if (zmq_connect(c->sock, c->address))
        return qx_fail(err, QX_ERR_INVALID, "cannot use the address %s: %s", c->address, zmq_strerror(errno));
    return QX_ERR_OK;
}

static qx_err new_session(struct qx_client *c, uint32_t silent_ms, struct qx_error *err)
{
    struct qx_session_options so = {.silent_ms = silent_ms};
    if (getrandom(&so.entropy, sizeof so.entropy, 0) != (ssize_t)sizeof so.entropy)
        return qx_fail(err, QX_ERR_IO, "no random bits from the system: %s", strerror(errno));
    qx_err e = qx_session_new(&so, &c->session);
    return e == QX_ERR_OK ? e : qx_fail(err, e, "out of memory for a session");
}

/* The first word of a remote master. */
static qx_err reach(struct qx_client *c, uint32_t reach_ms, struct qx_error *err)
{
    struct qx_farm_info info;
    qx_err e = qx_client_ping(c, &info, err);
    if (e == QX_ERR_IO && c->lost && c->why_lost.code == QX_ERR_IO)
        return qx_fail(err, QX_ERR_IO, "no master answers at %s (waited %.1f s); is qx-master running there?",
                       c->address, (double)reach_ms / 1e3);
    return e;
}

/* Asked again every RETRY_MS until a worker has told what tasks there are. */
QX_API qx_err qx_client_wait_tasks(struct qx_client *c, int64_t timeout_ms, struct qx_error *err)
{
    uint64_t deadline = client_deadline(timeout_ms);
    while (!c->knows_tasks) {
        struct qx_farm_info info;
        qx_err e = qx_client_ping(c, &info, err);
        if (e != QX_ERR_OK || c->knows_tasks)
            return e;
        uint64_t again = client_deadline(RETRY_MS);
        for (uint64_t now; (now = client_now_ns()) < again;) {
            if (now >= deadline)
                return qx_fail(err, QX_ERR_TIMEOUT, "no worker is connected to %s", c->address);
            e = client_turn(c, again < deadline ? again : deadline, err);
            if (e != QX_ERR_OK)
                return e == QX_ERR_AGAIN ? qx_fail(err, e, "a signal ended the wait") : e;
        }
    }
    return QX_ERR_OK;
}

/* An embedded farm is there when its worker has joined. Asked anew at once while the children start, which they do in
 * milliseconds; their deaths wake the wait. */
static qx_err reach_farm(struct qx_client *c, struct qx_error *err)
{
    uint64_t deadline = client_deadline(START_MS);
    while (client_now_ns() < deadline) {
        struct qx_farm_info info = {0};
        qx_err e = qx_client_ping(c, &info, err);
        if (e != QX_ERR_OK)
            return e;
        if (info.workers)
            return QX_ERR_OK;
        uint64_t again = client_now_ns() + 1000000u;
        while (client_now_ns() < again)
            if ((e = client_turn(c, again, err)) != QX_ERR_OK && e != QX_ERR_AGAIN)
                return e;
    }
    struct qx_error why = {0};
    (void)qx_fail(&why, QX_ERR_IO, "the embedded farm's worker has not joined within %d s", START_MS / 1000);
    farm_last_words(c->farm, &why);
    return qx_fail(err, why.code, "%s", why.text);
}

static qx_err open_at(struct qx_client *c, const char *url, const struct qx_client_options *opt,
                      struct qx_error *err)
{
    uint32_t reach_ms = opt->reach_ms ? opt->reach_ms : REACH_MS_DEFAULT;
    qx_err e = url ? address_check(url, err) : farm_open(opt->slots, opt->plugin_dirs, &c->farm, err);
    if (url && e == QX_ERR_OK)
        e = address_resolve(url, reach_ms, err);
    if (e != QX_ERR_OK)
        return e;
    c->address = qx_strdup(url ? url : farm_address(c->farm));
    if (!c->address)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a client");
    e = new_session(c, c->farm ? START_MS : reach_ms, err);
    if (e == QX_ERR_OK)
        e = dial(c, err);
    if (e != QX_ERR_OK)
        return e;
    return c->farm ? reach_farm(c, err) : reach(c, reach_ms, err);
}

QX_API qx_err qx_client_open(const char *url, const struct qx_client_options *opt, struct qx_client **ret,
                             struct qx_error *err)
{
    static const struct qx_client_options defaults;
    if (!url)
        url = getenv("QX_MASTER");
    if (url && !*url)
        url = NULL;
    struct qx_client *c = qx_calloc(1, sizeof *c);
    if (!c)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a client");
    qx_err e = open_at(c, url, opt ? opt : &defaults, err);
    if (e != QX_ERR_OK) {
        qx_client_close(c);
        return e;
    }
    *ret = c;
    return QX_ERR_OK;
}

/* ---- closing ---- */

/* Jobs that nobody will wait for any more end with the client. */
static void leave(struct qx_client *c)
{
    for (struct idmap_slot *i = NULL; (i = idmap_next(&c->futures, i));) {
        struct qx_future *f = i->value;
        uint64_t tag;
        if (f->forgotten && f->job && !f->detached && !c->lost && !c->farm)
            (void)qx_session_cancel(c->session, f->job, &tag);
        if (f->forgotten)
            future_destroy(f);
    }
    if (!c->lost && c->sock)
        (void)flush(c, NULL);
}

static void tasks_free(struct qx_client *c)
{
    for (size_t i = 0; i < c->n_tasks; i++) {
        struct known_task *t = &c->tasks[i];
        for (uint32_t k = 0; k < t->n_tables; k++)
            qx_free(t->tables[k]);
        qx_free(t->tables);
        qx_free(t->name);
        qx_free(t->version);
    }
    qx_free(c->tasks);
}

QX_API void qx_client_close(struct qx_client *c)
{
    if (!c)
        return;
    if (c->session)
        leave(c);
    if (c->sock)
        zmq_close(c->sock);
    farm_close(c->farm);
    if (c->ctx)
        zmq_ctx_term(c->ctx);
    qx_session_free(c->session);
    idmap_fini(&c->futures);
    tasks_free(c);
    qx_free(c->address);
    qx_free(c);
}

QX_API const char *qx_client_address(const struct qx_client *c)
{
    return c->address;
}

QX_API bool qx_client_embedded(const struct qx_client *c)
{
    return c->farm != NULL;
}

QX_API bool qx_client_lost(const struct qx_client *c)
{
    return c->lost;
}
