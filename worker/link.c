#include "worker/link.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/zmqx.h"
#include "worker/framebuf.h"

enum {
    CONNECT_MS = 3000, /* without a connection for so long: new sockets */
    WELCOME_MS = 3000, /* without an answer for so long: new sockets */
    REDIAL_MS = 100,
    SAY_UNREACHABLE_MS = 5000,
    LAST_WORDS_MS = 200, /* for a BYE to leave when all is over */
    RESYNC_MS = 50,      /* between beats that ask for what is missing */
    HWM = 100000,
    HELD_MAX = 65536
};

enum link_do { DO_DIAL, DO_GREET, DO_WELCOME, DO_LEAVE, DO_CLOSE, LINK_DO_COUNT };

struct link {
    struct link_config config;
    void *ctx, *control, *lane, *sink;
    enum link_state state; /* changed by link_move only */
    uint64_t uuid, session;
    uint64_t since_ns; /* in this state */
    uint64_t heard_ns, beat_ns, resync_ns, retry_ns;
    uint32_t beat_ms, silent_ms;
    uint64_t beats, backs; /* sent and answered in this session */
    uint64_t resync_tag;   /* of the last resync beat; 0: it was answered, or none is due */
    uint64_t beats_at_bye;
    int control_fd, lane_fd;
    bool look_control, look_lane; /* there may be something to read */
    bool settled;                 /* after our BYE the master has said that all it sent has come */
    bool lost;                    /* to be told */
    bool part_open;               /* `message` holds a part that was told */
    struct control message;
    struct qx_bytes out;
    uint64_t *held;
};

static const uint8_t next_state[LINK_STATE_COUNT][LINK_DO_COUNT] = {
    /*                DIAL              GREET             WELCOME           LEAVE             CLOSE */
    [LINK_DOWN] = {LINK_DIALING, LINK_STATE_COUNT, LINK_STATE_COUNT, LINK_STATE_COUNT, LINK_DOWN},
    [LINK_DIALING] = {LINK_STATE_COUNT, LINK_GREETED, LINK_STATE_COUNT, LINK_STATE_COUNT, LINK_DOWN},
    [LINK_GREETED] = {LINK_STATE_COUNT, LINK_STATE_COUNT, LINK_UP, LINK_STATE_COUNT, LINK_DOWN},
    [LINK_UP] = {LINK_STATE_COUNT, LINK_STATE_COUNT, LINK_STATE_COUNT, LINK_LEAVING, LINK_DOWN},
    [LINK_LEAVING] = {LINK_STATE_COUNT, LINK_STATE_COUNT, LINK_STATE_COUNT, LINK_STATE_COUNT, LINK_DOWN},
};

static void link_move(struct link *k, enum link_do what, uint64_t now_ns)
{
    uint8_t to = next_state[k->state][what];
    QX_BUG_ON(to == LINK_STATE_COUNT);
    k->state = (enum link_state)to;
    k->since_ns = now_ns;
}

static bool has_session(const struct link *k)
{
    return k->state == LINK_UP || k->state == LINK_LEAVING;
}

enum link_state link_state(const struct link *k)
{
    return k->state;
}

uint64_t link_session(const struct link *k)
{
    return k->session;
}

/* ---- sockets ---------------------------------------------------------------------------------------- */

qx_err link_new(void *ctx, const struct link_config *config, struct link **ret, struct qx_error *err)
{
    qx_err e = zmqx_address_check(config->master, err);
    if (e != QX_ERR_OK)
        return e;
    struct link *k = qx_calloc(1, sizeof *k);
    uint64_t *held = qx_calloc(HELD_MAX, sizeof *held);
    if (!k || !held || getrandom(&k->uuid, sizeof k->uuid, 0) != (ssize_t)sizeof k->uuid) {
        qx_free(k);
        qx_free(held);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    }
    k->config = *config;
    k->ctx = ctx;
    k->held = held;
    *ret = k;
    return QX_ERR_OK;
}

static void close_sockets(struct link *k)
{
    k->control = zmqx_close(k->control);
    k->lane = zmqx_close(k->lane);
    k->sink = zmqx_close(k->sink);
}

static void drop_message(struct link *k)
{
    if (k->part_open)
        control_fini(&k->message);
    k->part_open = false;
}

void link_free(struct link *k)
{
    if (!k)
        return;
    drop_message(k);
    close_sockets(k);
    qx_bytes_fini(&k->out);
    qx_free(k->held);
    qx_free(k);
}

static int descriptor(void *socket)
{
    int fd = -1;
    size_t len = sizeof fd;
    (void)zmq_getsockopt(socket, ZMQ_FD, &fd, &len);
    return fd;
}

static void link_break(struct link *k, const char *why, uint64_t now_ns)
{
    if (has_session(k)) {
        qx_log(QX_LOG_WARN, "MASTER-LOST", "master=%s session=%llu why=\"%s\"", k->config.master,
               (unsigned long long)k->session, why);
        k->lost = true;
    }
    close_sockets(k);
    link_move(k, DO_CLOSE, now_ns);
    k->retry_ns = now_ns + REDIAL_MS * NS_PER_MS;
}

void link_retask(struct link *k, const struct task_decl *tasks, uint32_t n_tasks, uint64_t now_ns)
{
    k->config.tasks = tasks;
    k->config.n_tasks = n_tasks;
    if (k->state != LINK_DOWN)
        link_break(k, "other tasks are declared", now_ns);
}

static void dial(struct link *k, uint64_t now_ns)
{
    struct zmqx_options opt = {.hwm = 1000,
                               .message_bytes_max = QX_CONTROL_BYTES_MAX,
                               .linger_ms = LAST_WORDS_MS,
                               .immediate = true};
    struct qx_error err;
    if (zmqx_connect(k->ctx, ZMQ_DEALER, k->config.master, &opt, &k->control, &err) != QX_ERR_OK) {
        qx_log_limited(QX_LOG_WARN, SAY_UNREACHABLE_MS, "MASTER-UNREACHABLE", "master=%s why=\"%s\"",
                       k->config.master, err.text);
        k->retry_ns = now_ns + NS_PER_S;
        return;
    }
    k->control_fd = descriptor(k->control);
    k->look_control = true;
    link_move(k, DO_DIAL, now_ns);
}

static qx_err open_session_sockets(struct link *k, const char *lane, const char *sink, struct qx_error *err)
{
    struct zmqx_options opt = {.hwm = HWM, .message_bytes_max = QX_FRAME_BYTES_MAX};
    char address[ZMQX_ADDRESS_BYTES];
    qx_err e = zmqx_address_add(k->config.master, lane, address, err);
    if (e == QX_ERR_OK)
        e = zmqx_connect(k->ctx, ZMQ_PULL, address, &opt, &k->lane, err);
    if (e == QX_ERR_OK) {
        k->lane_fd = descriptor(k->lane);
        k->look_lane = true;
    }
    if (e == QX_ERR_OK)
        e = zmqx_address_add(k->config.master, sink, address, err);
    if (e == QX_ERR_OK)
        e = zmqx_connect(k->ctx, ZMQ_PUSH, address, &opt, &k->sink, err);
    return e;
}

int link_poll_items(const struct link *k, zmq_pollitem_t ret_items[LINK_POLL_ITEMS])
{
    int n = 0;
    if (k->state == LINK_DIALING && k->control) /* whether it can send is not what the descriptor tells */
        ret_items[n++] = (zmq_pollitem_t){.socket = k->control, .events = ZMQ_POLLOUT};
    else if (k->control)
        ret_items[n++] = (zmq_pollitem_t){.fd = k->control_fd, .events = ZMQ_POLLIN};
    if (k->lane)
        ret_items[n++] = (zmq_pollitem_t){.fd = k->lane_fd, .events = ZMQ_POLLIN};
    return n;
}

bool link_wants_look(const struct link *k)
{
    return k->state != LINK_DIALING && ((k->control && k->look_control) || (k->lane && k->look_lane));
}

void link_polled(struct link *k, const zmq_pollitem_t *items, int n, bool timed_out)
{
    k->look_control |= timed_out || (n > 0 && items[0].revents);
    k->look_lane |= timed_out || (n > 1 && items[1].revents);
}

/* ---- saying ----------------------------------------------------------------------------------------- */

static bool say(struct link *k, const struct control *c)
{
    if (!k->control || control_encode(c, &k->out) != QX_ERR_OK)
        return false;
    k->look_control = true; /* sending may take in what has arrived */
    return zmq_send(k->control, k->out.data, k->out.len, ZMQ_DONTWAIT) >= 0;
}

static void greet(struct link *k, uint64_t now_ns)
{
    struct control hello = {.type = CONTROL_HELLO,
                            .u.hello = {.version = QX_PROTO_VERSION,
                                        .name = (char *)(uintptr_t)k->config.name,
                                        .host = (char *)(uintptr_t)k->config.host,
                                        .uuid = k->uuid,
                                        .old_session = k->session,
                                        .slots = k->config.slots,
                                        .pid = k->config.pid,
                                        .n_tasks = k->config.n_tasks,
                                        .tasks = (struct task_decl *)(uintptr_t)k->config.tasks}};
    if (say(k, &hello))
        link_move(k, DO_GREET, now_ns);
}

static void beat(struct link *k, uint64_t now_ns)
{
    /* Until one is answered every beat is a resync: a lost one would leave leases out for as long as we live. */
    bool resync = ledger_gap(k->config.ledger) || k->resync_tag != 0;
    struct control c = {
        .type = CONTROL_BEAT,
        .tag = k->beats + 1,
        .u.beat = {.session = k->session, .lane_seq = ledger_lane_seq(k->config.ledger), .resync = resync}};
    if (resync) {
        size_t n = ledger_held(k->config.ledger, k->held, HELD_MAX);
        c.u.beat.held = k->held;
        c.u.beat.n_held = (uint32_t)(n < HELD_MAX ? n : HELD_MAX);
    }
    k->beat_ns = now_ns + k->beat_ms * NS_PER_MS;
    if (!say(k, &c))
        return;
    k->beats++;
    if (!resync)
        return;
    qx_log_limited(QX_LOG_WARN, 1000, "LANE-GAP", "session=%llu after=%llu held=%u",
                   (unsigned long long)k->session, (unsigned long long)c.u.beat.lane_seq, c.u.beat.n_held);
    k->resync_ns = now_ns + RESYNC_MS * NS_PER_MS;
    k->resync_tag = c.tag;
    ledger_resynced(k->config.ledger);
}

void link_bye(struct link *k, uint64_t now_ns)
{
    struct control c = {.type = CONTROL_BYE, .u.bye = {.session = k->session}};
    if (!has_session(k))
        return;
    (void)say(k, &c);
    if (k->state != LINK_UP)
        return;
    link_move(k, DO_LEAVE, now_ns);
    k->beats_at_bye = k->beats;
    beat(k, now_ns);
}

bool link_settled(const struct link *k)
{
    return !has_session(k) || k->settled;
}

bool link_request_blob(struct link *k, const struct blob_ref *ref, uint64_t offset)
{
    struct control c = {.type = CONTROL_BLOB_GET, .u.blob_get = {.session = k->session, .offset = offset}};
    memcpy(c.u.blob_get.hash, ref->hash, sizeof c.u.blob_get.hash);
    return has_session(k) && say(k, &c);
}

static void free_shared(void *data, void *hint)
{
    (void)hint;
    framebuf_unref(data);
}

bool link_push(struct link *k, const void *frame, size_t len)
{
    zmq_msg_t msg;
    void *data = (void *)(uintptr_t)frame;
    if (!k->sink)
        return false;
    if (framebuf_is_small(frame)) {
        if (zmq_msg_init_size(&msg, len) != 0)
            return false;
        memcpy(zmq_msg_data(&msg), frame, len);
    } else {
        framebuf_ref(data);
        if (zmq_msg_init_data(&msg, data, len, free_shared, NULL) != 0) {
            framebuf_unref(data);
            return false;
        }
    }
    if (zmq_msg_send(&msg, k->sink, ZMQ_DONTWAIT) >= 0)
        return true;
    (void)zmq_msg_close(&msg);
    return false;
}

/* ---- hearing ---------------------------------------------------------------------------------------- */

static bool welcome(struct link *k, const struct control *c, uint64_t now_ns, struct link_event *ret)
{
    if (k->state != LINK_GREETED)
        return false; /* an answer to a greeting that was sent twice */
    struct qx_error err;
    if (open_session_sockets(k, c->u.welcome.lane, c->u.welcome.sink, &err) != QX_ERR_OK ||
        c->u.welcome.session == 0) {
        qx_log_limited(QX_LOG_WARN, SAY_UNREACHABLE_MS, "MASTER-WELCOME-BAD", "master=%s why=\"%s\"",
                       k->config.master, err.text);
        link_break(k, "bad welcome", now_ns);
        k->retry_ns = now_ns + NS_PER_S;
        return false;
    }
    link_move(k, DO_WELCOME, now_ns);
    k->session = c->u.welcome.session;
    k->beat_ms = c->u.welcome.beat_ms > 0 ? c->u.welcome.beat_ms : 1000;
    k->silent_ms = c->u.welcome.silent_ms > 0 ? c->u.welcome.silent_ms : 10000;
    k->beat_ns = now_ns;
    k->resync_ns = now_ns;
    k->beats = k->backs = k->resync_tag = 0;
    k->settled = false;
    ledger_session(k->config.ledger, k->session);
    ret->type = LINK_JOINED;
    return true;
}

/* Before the session an error may be for good; in it, the master no longer knows us. */
static bool on_error(struct link *k, const struct control *c, uint64_t now_ns, struct link_event *ret)
{
    qx_err code = (qx_err)c->u.error.code;
    if (k->state == LINK_GREETED && (code == QX_ERR_VERSION || code == QX_ERR_INVALID)) {
        ret->type = LINK_REFUSED;
        (void)qx_fail(&ret->err, code, "%s", c->u.error.text);
        return true;
    }
    qx_log_limited(QX_LOG_WARN, 1000, "MASTER-ERROR", "master=%s code=%s text=\"%s\"", k->config.master,
                   qx_err_name(code), c->u.error.text);
    if (k->state == LINK_GREETED || code == QX_ERR_STALE || code == QX_ERR_NOTFOUND) {
        link_break(k, c->u.error.text, now_ns);
        k->retry_ns =
            now_ns + (code == QX_ERR_STALE || code == QX_ERR_NOTFOUND ? REDIAL_MS * NS_PER_MS : NS_PER_S);
    }
    return false;
}

/* True: there is something to tell. */
static bool on_control(struct link *k, struct control *c, uint64_t now_ns, struct link_event *ret)
{
    k->heard_ns = now_ns;
    switch (c->type) {
    case CONTROL_WELCOME:
        return welcome(k, c, now_ns, ret);
    case CONTROL_ERROR:
        return on_error(k, c, now_ns, ret);
    case CONTROL_ACK:
        ledger_ack(k->config.ledger, c->u.ack.upto, c->u.ack.extra, c->u.ack.n_extra);
        return false;
    case CONTROL_BEAT_BACK:
        ledger_lane_sent(k->config.ledger, c->u.beat_back.lane_seq);
        k->backs++;
        if (c->tag == k->resync_tag)
            k->resync_tag = 0;
        if (k->state == LINK_LEAVING && k->backs > k->beats_at_bye &&
            c->u.beat_back.lane_seq <= ledger_lane_seq(k->config.ledger))
            k->settled = true;
        return false;
    case CONTROL_BLOB_PART:
        ret->type = LINK_BLOB_PART;
        return true;
    default:
        qx_log_limited(QX_LOG_WARN, 1000, "MASTER-MESSAGE-UNKNOWN", "type=%d", (int)c->type);
        return false;
    }
}

/* One control message; false: none is there. *ret_tell: it gave an event. */
static bool hear_one(struct link *k, uint64_t now_ns, struct link_event *ret, bool *ret_tell)
{
    zmq_msg_t msg;
    struct qx_error err;
    *ret_tell = false;
    (void)zmq_msg_init(&msg);
    if (!k->control || !k->look_control || zmq_msg_recv(&msg, k->control, ZMQ_DONTWAIT) < 0) {
        k->look_control = false;
        (void)zmq_msg_close(&msg);
        return false;
    }
    struct control c;
    qx_err e = zmq_msg_more(&msg) ? qx_fail(&err, QX_ERR_PROTO, "a message of several frames")
                                  : control_decode(zmq_msg_data(&msg), zmq_msg_size(&msg), &c, &err);
    (void)zmq_msg_close(&msg);
    if (e == QX_ERR_VERSION && k->state == LINK_GREETED) {
        ret->type = LINK_REFUSED;
        ret->err = err;
        *ret_tell = true;
        return true;
    }
    if (e != QX_ERR_OK) {
        qx_log_limited(QX_LOG_WARN, 1000, "MASTER-MESSAGE-BAD", "why=\"%s\"", err.text);
        return true;
    }
    *ret_tell = on_control(k, &c, now_ns, ret);
    if (*ret_tell && ret->type == LINK_BLOB_PART) {
        k->message = ret->message = c;
        k->part_open = true;
    } else {
        control_fini(&c);
    }
    return true;
}

bool link_next_event(struct link *k, uint64_t now_ns, struct link_event *ret)
{
    drop_message(k);
    bool tell = false;
    while (!k->lost && hear_one(k, now_ns, ret, &tell)) {
        if (tell)
            return true;
    }
    if (!k->lost)
        return false;
    k->lost = false;
    ret->type = LINK_LOST;
    return true;
}

/* ---- the lane ---------------------------------------------------------------------------------------- */

static bool frame_is_next(struct link *k, zmq_msg_t *msg, struct frame_view *ret_view)
{
    struct qx_error err;
    if (frame_decode(zmq_msg_data(msg), zmq_msg_size(msg), ret_view, &err) != QX_ERR_OK) {
        qx_log_limited(QX_LOG_WARN, 1000, "LANE-FRAME-BAD", "why=\"%s\"", err.text);
        return false;
    }
    if (ret_view->head.session != k->session || ret_view->head.type == FRAME_RESULT)
        return false;
    return ledger_lane(k->config.ledger, ret_view->head.seq) == QX_ERR_OK;
}

bool link_next_frame(struct link *k, uint64_t now_ns, zmq_msg_t *ret_msg, struct frame_view *ret_view)
{
    zmq_msg_t msg;
    (void)zmq_msg_init(&msg);
    while (k->lane && k->look_lane && zmq_msg_recv(&msg, k->lane, ZMQ_DONTWAIT) >= 0) {
        k->heard_ns = now_ns;
        if (!zmq_msg_more(&msg) && frame_is_next(k, &msg, ret_view)) {
            *ret_msg = msg;
            return true;
        }
    }
    k->look_lane = false;
    (void)zmq_msg_close(&msg);
    return false;
}

/* ---- time -------------------------------------------------------------------------------------------- */

static uint64_t tick_dialing(struct link *k, uint64_t now_ns)
{
    greet(k, now_ns);
    if (k->state != LINK_DIALING)
        return now_ns + WELCOME_MS * NS_PER_MS;
    if (now_ns - k->since_ns >= CONNECT_MS * NS_PER_MS) {
        qx_log_limited(QX_LOG_WARN, SAY_UNREACHABLE_MS - 1000, "MASTER-UNREACHABLE",
                       "master=%s why=\"no connection in %d s\"", k->config.master, CONNECT_MS / 1000);
        link_break(k, "", now_ns);
        return k->retry_ns;
    }
    return k->since_ns + CONNECT_MS * NS_PER_MS;
}

static uint64_t tick_greeted(struct link *k, uint64_t now_ns)
{
    if (now_ns - k->since_ns < WELCOME_MS * NS_PER_MS)
        return k->since_ns + WELCOME_MS * NS_PER_MS;
    qx_log_limited(QX_LOG_WARN, SAY_UNREACHABLE_MS, "MASTER-SILENT",
                   "master=%s why=\"no answer to our greeting in %d s\"", k->config.master,
                   WELCOME_MS / 1000);
    link_break(k, "", now_ns);
    return k->retry_ns;
}

static uint64_t tick_session(struct link *k, uint64_t now_ns)
{
    if (now_ns - k->heard_ns >= k->silent_ms * NS_PER_MS) {
        link_break(k, "silent for too long", now_ns);
        return k->retry_ns;
    }
    bool gap = ledger_gap(k->config.ledger) && now_ns >= k->resync_ns;
    if (gap || now_ns >= k->beat_ns)
        beat(k, now_ns);
    uint64_t next_ns = k->heard_ns + k->silent_ms * NS_PER_MS;
    if (ledger_gap(k->config.ledger) && k->resync_ns < next_ns)
        next_ns = k->resync_ns;
    return k->beat_ns < next_ns ? k->beat_ns : next_ns;
}

uint64_t link_tick(struct link *k, uint64_t now_ns)
{
    switch (k->state) {
    case LINK_DOWN:
        if (now_ns < k->retry_ns)
            return k->retry_ns;
        dial(k, now_ns);
        return k->state == LINK_DOWN ? k->retry_ns : now_ns + CONNECT_MS * NS_PER_MS;
    case LINK_DIALING:
        return tick_dialing(k, now_ns);
    case LINK_GREETED:
        return tick_greeted(k, now_ns);
    default:
        return tick_session(k, now_ns);
    }
}
