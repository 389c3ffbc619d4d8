/* The real qx-worker against a master that this test plays: ROUTER, lane and sink in the test's own hands. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/table.h"
#include "common/zmqx.h"
#include "tests/unit/trial.h"

enum { WAIT_MS = 20000, SESSION = 77 };

struct master {
    void *ctx, *router, *sink, *lane;
    char dir[64], address[128], log[128];
    uint8_t peer[256]; /* routing id of the worker */
    size_t peer_len;
    uint64_t session, lane_seq, next_lease;
    uint32_t silent_ms;
    bool mute;        /* answers no beats */
    int resyncs_lost; /* so many get no answer */
    pid_t worker;
    struct control hello, last; /* last: the control message that was waited for */
    bool have_hello, have_last;
    zmq_msg_t result; /* borrowed by the last view */
    bool have_result;
    unsigned beats;
};

/* ---- the worker process ---- */

static void start_worker(struct master *m, const char *plugins, const char *slots, const char *const *more)
{
    char path[1024], dir[1024], bin[1024];
    const char *argv[24];
    int n = 0;
    (void)snprintf(bin, sizeof bin, "%s", trial_plugin("../bin/qx-worker", path));
    const char *const fixed[] = {bin,       "--master", m->address, "--plugins", trial_plugin(plugins, dir),
                                 "--slots", slots,      "--name",   "tested",    "--exit-with-parent"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        argv[n++] = fixed[i];
    while (more && *more)
        argv[n++] = *more++;
    argv[n] = NULL;
    m->worker = fork();
    if (m->worker == 0) {
        int fd = open(m->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        (void)dup2(fd, STDERR_FILENO);
        (void)execv(bin, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    ck_assert_int_gt(m->worker, 0);
}

static bool wait_for(struct master *m, enum control_type type, bool result, int wait_ms);

/* Its exit status, within 20 s; -1 for a signal. Its beats are answered meanwhile. */
static int end_of_worker(struct master *m)
{
    for (uint64_t end = clock_ns() + WAIT_MS * NS_PER_MS; clock_ns() < end;) {
        int status = 0;
        if (waitpid(m->worker, &status, WNOHANG) == m->worker) {
            m->worker = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        }
        (void)wait_for(m, CONTROL_UNKNOWN, false, 5);
    }
    ck_abort_msg("the worker does not end");
    return -1;
}

static bool log_has(const struct master *m, const char *text)
{
    static char buffer[1 << 20];
    int fd = open(m->log, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, buffer, sizeof buffer - 1);
    if (fd >= 0)
        (void)close(fd);
    buffer[n < 0 ? 0 : n] = '\0';
    return strstr(buffer, text) != NULL;
}

/* ---- the master ---- */

static void master_bind(struct master *m)
{
    struct qx_error err = {.text = ""};
    struct zmqx_options opt = {.hwm = 100000, .message_bytes_max = QX_FRAME_BYTES_MAX};
    char address[ZMQX_ADDRESS_BYTES];
    m->ctx = zmq_ctx_new();
    ck_assert_msg(zmqx_bind(m->ctx, ZMQ_ROUTER, m->address, &opt, &m->router, &err) == QX_ERR_OK, "%s",
                  err.text);
    ck_assert_int_eq(zmqx_address_add(m->address, ".sink", address, &err), QX_ERR_OK);
    ck_assert_int_eq(zmqx_bind(m->ctx, ZMQ_PULL, address, &opt, &m->sink, &err), QX_ERR_OK);
    ck_assert_int_eq(zmqx_address_add(m->address, ".lane0", address, &err), QX_ERR_OK);
    ck_assert_int_eq(zmqx_bind(m->ctx, ZMQ_PUSH, address, &opt, &m->lane, &err), QX_ERR_OK);
}

static void master_prepare(struct master *m)
{
    memset(m, 0, sizeof *m);
    (void)snprintf(m->dir, sizeof m->dir, "/tmp/qx-test-worker-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(m->dir));
    (void)snprintf(m->address, sizeof m->address, "ipc://%s/m", m->dir);
    (void)snprintf(m->log, sizeof m->log, "%s/log", m->dir);
    m->session = SESSION;
    m->silent_ms = 10000;
}

static void forget_last(struct master *m)
{
    if (m->have_last)
        control_fini(&m->last);
    if (m->have_result)
        (void)zmq_msg_close(&m->result);
    m->have_last = m->have_result = false;
}

static void master_unbind(struct master *m)
{
    forget_last(m);
    m->router = zmqx_close(m->router);
    m->sink = zmqx_close(m->sink);
    m->lane = zmqx_close(m->lane);
    (void)zmq_ctx_term(m->ctx);
}

static void master_close(struct master *m)
{
    if (m->worker > 0) {
        (void)kill(m->worker, SIGKILL);
        (void)waitpid(m->worker, NULL, 0);
    }
    master_unbind(m);
    if (m->have_hello)
        control_fini(&m->hello);
    if (getenv("QX_TEST_LOG")) {
        char command[256];
        (void)snprintf(command, sizeof command, "cat %s >&2", m->log);
        ck_assert_int_ge(system(command), 0);
    }
    DIR *dir = opendir(m->dir);
    for (struct dirent *e; dir && (e = readdir(dir));)
        (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        (void)closedir(dir);
    (void)rmdir(m->dir);
}

static void say(struct master *m, const struct control *c)
{
    struct qx_bytes out = {0};
    ck_assert_int_eq(control_encode(c, &out), QX_ERR_OK);
    ck_assert_int_ge(zmq_send(m->router, m->peer, m->peer_len, ZMQ_SNDMORE), 0);
    ck_assert_int_ge(zmq_send(m->router, out.data, out.len, 0), 0);
    qx_bytes_fini(&out);
}

static void welcome(struct master *m)
{
    struct control c = {.type = CONTROL_WELCOME,
                        .u.welcome = {.session = m->session,
                                      .lane = (char *)(uintptr_t) ".lane0",
                                      .sink = (char *)(uintptr_t) ".sink",
                                      .beat_ms = 50,
                                      .silent_ms = m->silent_ms,
                                      .version = QX_PROTO_VERSION}};
    m->lane_seq = 0;
    say(m, &c);
}

static void ack(struct master *m, uint64_t upto)
{
    struct control c = {.type = CONTROL_ACK, .u.ack = {.upto = upto}};
    say(m, &c);
}

static void refuse(struct master *m, qx_err code, const char *text)
{
    struct control c = {.type = CONTROL_ERROR, .u.error = {.code = code, .text = (char *)(uintptr_t)text}};
    say(m, &c);
}

static bool take_control(struct master *m, struct control *ret)
{
    zmq_msg_t msg;
    struct qx_error err = {.text = ""};
    int n = zmq_recv(m->router, m->peer, sizeof m->peer, ZMQ_DONTWAIT);
    if (n < 0)
        return false;
    m->peer_len = (size_t)n;
    (void)zmq_msg_init(&msg);
    ck_assert_int_ge(zmq_msg_recv(&msg, m->router, 0), 0);
    ck_assert_msg(control_decode(zmq_msg_data(&msg), zmq_msg_size(&msg), ret, &err) == QX_ERR_OK, "%s",
                  err.text);
    (void)zmq_msg_close(&msg);
    bool lost = m->resyncs_lost > 0 && ret->type == CONTROL_BEAT && ret->u.beat.resync;
    m->resyncs_lost -= lost;
    if (ret->type == CONTROL_BEAT && !lost && !m->mute && ret->u.beat.session == m->session) {
        struct control back = {
            .type = CONTROL_BEAT_BACK, .tag = ret->tag, .u.beat_back = {.lane_seq = m->lane_seq}};
        m->beats++;
        say(m, &back);
    }
    return true;
}

/* Waits for a control message of this type (any beat must be a resync), or with `result` for a frame in the sink. */
static bool wait_for(struct master *m, enum control_type type, bool result, int wait_ms)
{
    forget_last(m);
    for (uint64_t end = clock_ns() + (uint64_t)wait_ms * NS_PER_MS; clock_ns() < end;) {
        zmq_pollitem_t items[] = {{.socket = m->router, .events = ZMQ_POLLIN},
                                  {.socket = m->sink, .events = ZMQ_POLLIN}};
        (void)zmq_poll(items, result ? 2 : 1, 20);
        struct control c;
        while (take_control(m, &c)) {
            if (!result && c.type == type && (type != CONTROL_BEAT || c.u.beat.resync)) {
                m->last = c;
                m->have_last = true;
                return true;
            }
            control_fini(&c);
        }
        if (result) {
            (void)zmq_msg_init(&m->result);
            m->have_result = true;
            if (zmq_msg_recv(&m->result, m->sink, ZMQ_DONTWAIT) >= 0)
                return true;
            forget_last(m);
        }
    }
    return false;
}

static struct frame_view wait_result(struct master *m)
{
    struct frame_view v;
    struct qx_error err = {.text = ""};
    ck_assert_msg(wait_for(m, CONTROL_UNKNOWN, true, WAIT_MS), "no result");
    ck_assert_msg(frame_decode(zmq_msg_data(&m->result), zmq_msg_size(&m->result), &v, &err) == QX_ERR_OK,
                  "%s", err.text);
    ck_assert_int_eq(v.head.type, FRAME_RESULT);
    ck_assert_uint_eq(v.head.session, m->session);
    return v;
}

static void wait_hello(struct master *m)
{
    ck_assert_msg(wait_for(m, CONTROL_HELLO, false, WAIT_MS), "no HELLO");
    if (m->have_hello)
        control_fini(&m->hello);
    m->hello = m->last;
    m->have_hello = true;
    m->have_last = false;
}

/* Until its first beat in the session. */
static void wait_joined(struct master *m)
{
    m->beats = 0;
    for (uint64_t end = clock_ns() + WAIT_MS * NS_PER_MS; m->beats == 0 && clock_ns() < end;)
        (void)wait_for(m, CONTROL_UNKNOWN, false, 5);
    ck_assert_uint_gt(m->beats, 0);
}

/* A worker that has joined. */
static void master_open(struct master *m, const char *plugins, const char *slots, const char *const *more)
{
    master_prepare(m);
    master_bind(m);
    start_worker(m, plugins, slots, more);
    wait_hello(m);
    welcome(m);
}

static void push(struct master *m, zmq_msg_t *msg)
{
    ck_assert_int_ge(zmq_msg_send(msg, m->lane, 0), 0);
}

static void push_job(struct master *m, uint64_t id, const struct trial_job *j)
{
    zmq_msg_t msg;
    trial_job_frame(&msg, m->session, ++m->lane_seq, id, j);
    push(m, &msg);
}

static uint64_t push_lease(struct master *m, uint64_t job, struct frame_lease f)
{
    zmq_msg_t msg;
    f.job = job;
    f.lease = ++m->next_lease;
    f.attempt = f.attempt ? f.attempt : 1;
    trial_lease_frame(&msg, m->session, ++m->lane_seq, f, NULL);
    push(m, &msg);
    return f.lease;
}

static void push_forget(struct master *m, uint64_t job)
{
    zmq_msg_t msg;
    trial_forget_frame(&msg, m->session, ++m->lane_seq, job);
    push(m, &msg);
}

static void end_in_order(struct master *m)
{
    ck_assert_int_eq(kill(m->worker, SIGTERM), 0);
    ck_assert(wait_for(m, CONTROL_BYE, false, WAIT_MS));
    ck_assert_int_eq(end_of_worker(m), 0);
    master_close(m);
}

static const struct trial_job quick = {.task = "odd.item", .n_items = 1000, .seed = 5};

/* ---- tests ---- */

START_TEST(a_worker_registers_runs_a_job_and_leaves)
{
    struct master m;
    struct trial_sink sink;
    char plugin[1024];
    struct trial_job j = {.task = "odd.item", .n_items = 20011, .seed = 42, .layout = {7, 5}};
    master_open(&m, "worker/plugins", "2", NULL);
    ck_assert_uint_eq(m.hello.u.hello.version, QX_PROTO_VERSION);
    ck_assert_uint_eq(m.hello.u.hello.slots, 2);
    ck_assert_uint_eq(m.hello.u.hello.n_tasks, 3);
    ck_assert_uint_eq(m.hello.u.hello.pid, (uint32_t)m.worker);
    ck_assert_uint_eq(m.hello.u.hello.old_session, 0);
    ck_assert_str_eq(m.hello.u.hello.name, "tested");
    ck_assert_str_eq(m.hello.u.hello.tasks[0].name, "odd.item");
    trial_sink_open(&sink, trial_plugin("worker/plugins/odd.so", plugin), &j, NULL);
    push_job(&m, 9, &j);
    uint64_t blocks = block_count(j.layout, j.n_items), next = 0, seen = 0;
    unsigned out = 0;
    while (next < blocks || out > 0) {
        for (; next < blocks && out < 100; out++) {
            uint32_t n = (uint32_t)(next + 3 <= blocks ? 3 : blocks - next);
            (void)push_lease(
                &m, 9,
                (struct frame_lease){
                    .first_block = next, .n_blocks = n, .end_item = j.n_items, .expect_ns = 3000});
            next += n;
        }
        struct frame_view v = wait_result(&m);
        ck_assert_uint_eq(v.head.seq, ++seen);
        trial_sink_add(&sink, &v);
        ack(&m, v.head.seq);
        out--;
    }
    trial_sink_check(&sink);
    trial_sink_close(&sink);
    ck_assert(log_has(&m, "event=QX-WORKER-READY"));
    end_in_order(&m);
}
END_TEST

START_TEST(sigterm_finishes_what_is_held_and_waits_for_acks)
{
    struct master m;
    struct trial_job j = {.task = "odd.item", .params = {"what", "nap", "at", "0"}, .n_items = 10, .seed = 1};
    master_open(&m, "worker/plugins", "1", NULL);
    push_job(&m, 1, &j);
    for (uint64_t b = 1; b < 5; b++)
        (void)push_lease(&m, 1, (struct frame_lease){.first_block = b, .n_blocks = 1, .end_item = 10});
    (void)wait_result(&m);
    ck_assert_int_eq(kill(m.worker, SIGTERM), 0);
    ck_assert(wait_for(&m, CONTROL_BYE, false, WAIT_MS));
    for (int i = 0; i < 3; i++)
        (void)wait_result(&m);
    ck_assert(!wait_for(&m, CONTROL_UNKNOWN, false, 200)); /* and it is still there */
    ck_assert_int_eq(waitpid(m.worker, NULL, WNOHANG), 0);
    ack(&m, 4);
    ck_assert_int_eq(end_of_worker(&m), 0);
    master_close(&m);
}
END_TEST

START_TEST(leases_on_their_way_when_it_leaves_are_still_run)
{
    struct master m;
    master_open(&m, "worker/plugins", "1", NULL);
    wait_joined(&m);
    push_job(&m, 1, &quick);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    ack(&m, wait_result(&m).head.seq);
    (void)kill(m.worker, SIGSTOP); /* so that it finds signal and leases together */
    for (uint64_t b = 0; b < 200; b++)
        (void)push_lease(&m, 1, (struct frame_lease){.first_block = b, .n_blocks = 1, .end_item = 1000});
    ck_assert_int_eq(kill(m.worker, SIGTERM), 0);
    (void)kill(m.worker, SIGCONT);
    for (uint64_t seq = 2; seq <= 201; seq++)
        ck_assert_uint_eq(wait_result(&m).head.seq, seq);
    ack(&m, 201);
    ck_assert_int_eq(end_of_worker(&m), 0);
    master_close(&m);
}
END_TEST

START_TEST(a_second_sigterm_stops_at_once)
{
    struct master m;
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "hang", "at", "0"}, .n_items = 10, .seed = 1};
    master_open(&m, "worker/plugins", "1", NULL);
    push_job(&m, 1, &j);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    ck_assert_int_eq(kill(m.worker, SIGTERM), 0);
    ck_assert(wait_for(&m, CONTROL_BYE, false, WAIT_MS));
    ck_assert_int_eq(kill(m.worker, SIGTERM), 0);
    ck_assert_int_eq(end_of_worker(&m), 0);
    ck_assert(log_has(&m, "event=STOPPED"));
    master_close(&m);
}
END_TEST

START_TEST(a_worker_ends_with_its_parent_whatever_it_holds)
{
    struct master m;
    master_prepare(&m);
    master_bind(&m);
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    pid_t parent = fork();
    if (parent == 0) { /* it only starts the worker and dies */
        start_worker(&m, "worker/plugins", "1", NULL);
        ck_assert_int_eq(write(fds[1], &m.worker, sizeof m.worker), sizeof m.worker);
        (void)pause();
    }
    ck_assert_int_eq(read(fds[0], &m.worker, sizeof m.worker), sizeof m.worker);
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "hang", "at", "0"}, .n_items = 10, .seed = 1};
    wait_hello(&m);
    welcome(&m);
    wait_joined(&m);
    push_job(&m, 1, &j);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    (void)wait_for(&m, CONTROL_UNKNOWN, false, 100);
    (void)kill(parent, SIGKILL);
    (void)waitpid(parent, NULL, 0);
    bool gone = false;
    for (uint64_t end = clock_ns() + WAIT_MS * NS_PER_MS; !gone && clock_ns() < end;) {
        (void)wait_for(&m, CONTROL_UNKNOWN, false, 20);
        gone = log_has(&m, "event=WORKER-ENDED");
    }
    ck_assert(gone);
    m.worker = 0;
    (void)close(fds[0]);
    (void)close(fds[1]);
    master_close(&m);
}
END_TEST

/* Name and parent of a process; 0 if there is none. */
static pid_t parent_of(const char *pid, char ret_name[32])
{
    char path[300], text[512];
    (void)snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *f = fopen(path, "r");
    char *open = f && fgets(text, sizeof text, f) ? strchr(text, '(') : NULL;
    char *close = open ? strrchr(text, ')') : NULL;
    if (f)
        (void)fclose(f);
    if (!close)
        return 0;
    *close = '\0';
    (void)snprintf(ret_name, 32, "%.31s", open + 1);
    return (pid_t)strtol(close + 3, NULL, 10); /* behind the letter of its state */
}

/* The grandchild of the worker named so. */
static pid_t find_process(pid_t worker, const char *name)
{
    DIR *dir = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *e; dir && !found && (e = readdir(dir));) {
        char own[32], other[32], zygote[16];
        pid_t parent = e->d_name[0] >= '0' && e->d_name[0] <= '9' ? parent_of(e->d_name, own) : 0;
        if (parent == 0 || strcmp(own, name) != 0)
            continue;
        (void)snprintf(zygote, sizeof zygote, "%d", (int)parent);
        if (parent_of(zygote, other) == worker)
            found = (pid_t)strtol(e->d_name, NULL, 10);
    }
    if (dir)
        (void)closedir(dir);
    return found;
}

START_TEST(an_executor_that_is_killed_is_one_failed_attempt)
{
    struct master m;
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "hang", "at", "4"}, .n_items = 10, .seed = 1};
    master_open(&m, "worker/plugins", "1", NULL);
    push_job(&m, 1, &j);
    uint64_t lease = push_lease(
        &m, 1, (struct frame_lease){.first_block = 4, .n_blocks = 1, .end_item = 10, .attempt = 3});
    pid_t pid = 0;
    for (int i = 0; i < 1000 && pid == 0; i++) {
        (void)wait_for(&m, CONTROL_UNKNOWN, false, 10);
        pid = find_process(m.worker, "qx-exec-0");
    }
    ck_assert_int_gt(pid, 0);
    (void)wait_for(&m, CONTROL_UNKNOWN, false, 300); /* it has begun */
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    struct frame_view v = wait_result(&m);
    ck_assert_uint_eq(v.result.lease, lease);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_SIGNAL);
    ck_assert_uint_eq(v.result.attempt, 3);
    ck_assert_uint_eq(v.result.started, 1);
    ck_assert_uint_eq(v.result.item, 4);
    const char *text = "signal 9 (SIGKILL) in item 4";
    ck_assert_uint_eq(v.result.len_text, strlen(text));
    ck_assert_mem_eq(v.text, text, strlen(text));
    ack(&m, 1);
    push_job(&m, 2, &quick);
    (void)push_lease(&m, 2, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    v = wait_result(&m);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_OK);
    ack(&m, 2);
    end_in_order(&m);
}
END_TEST

START_TEST(an_unacknowledged_result_is_sent_again)
{
    struct master m;
    master_open(&m, "worker/plugins", "1", NULL);
    push_job(&m, 1, &quick);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    uint8_t first[512], again[512];
    (void)wait_result(&m);
    size_t len = zmq_msg_size(&m.result);
    ck_assert_uint_le(len, sizeof first);
    memcpy(first, zmq_msg_data(&m.result), len);
    (void)wait_result(&m);
    ck_assert_uint_eq(zmq_msg_size(&m.result), len);
    memcpy(again, zmq_msg_data(&m.result), len);
    ck_assert_mem_eq(first, again, len);
    ack(&m, 1);
    ck_assert(!wait_for(&m, CONTROL_UNKNOWN, true, 3000)); /* and then no more */
    end_in_order(&m);
}
END_TEST

START_TEST(a_gap_in_the_lane_is_told_with_what_is_held)
{
    struct master m;
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "hang", "at", "0"}, .n_items = 10, .seed = 1};
    master_open(&m, "worker/plugins", "1", NULL);
    push_job(&m, 1, &j);
    uint64_t held = push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    m.lane_seq++; /* lost on the way */
    (void)push_lease(&m, 1, (struct frame_lease){.first_block = 1, .n_blocks = 1, .end_item = 10});
    ck_assert_msg(wait_for(&m, CONTROL_BEAT, false, WAIT_MS), "no resync");
    ck_assert_uint_eq(m.last.u.beat.n_held, 1);
    ck_assert_uint_eq(m.last.u.beat.held[0], held);
    push_forget(&m, 1);
    push_job(&m, 2, &quick);
    (void)push_lease(&m, 2, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    struct frame_view v = wait_result(&m);
    ck_assert_uint_eq(v.result.job, 2);
    ack(&m, v.head.seq);
    end_in_order(&m);
}
END_TEST

START_TEST(a_resync_is_repeated_until_it_is_answered)
{
    struct master m;
    master_open(&m, "worker/plugins", "1", NULL);
    m.resyncs_lost = 2;
    m.lane_seq = 3;
    for (int i = 0; i < 3; i++)
        ck_assert_msg(wait_for(&m, CONTROL_BEAT, false, WAIT_MS), "resync %d did not come", i);
    ck_assert_msg(!wait_for(&m, CONTROL_BEAT, false, 1000), "a resync after it was answered");
    end_in_order(&m);
}
END_TEST

START_TEST(a_lost_end_of_the_lane_is_noticed_by_the_beats)
{
    struct master m;
    master_open(&m, "worker/plugins", "1", NULL);
    m.lane_seq = 3; /* says so in its beats; nothing was ever sent */
    ck_assert_msg(wait_for(&m, CONTROL_BEAT, false, WAIT_MS), "no resync");
    ck_assert_uint_eq(m.last.u.beat.n_held, 0);
    push_job(&m, 1, &quick);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    ack(&m, wait_result(&m).head.seq);
    end_in_order(&m);
}
END_TEST

START_TEST(a_silent_master_is_left_and_joined_again)
{
    struct master m;
    master_prepare(&m);
    m.silent_ms = 300;
    master_bind(&m);
    start_worker(&m, "worker/plugins", "1", NULL);
    wait_hello(&m);
    uint64_t uuid = m.hello.u.hello.uuid;
    welcome(&m);
    push_job(&m, 1, &quick);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    (void)wait_result(&m); /* and never acknowledged */
    m.mute = true;
    wait_hello(&m);
    ck_assert_uint_eq(m.hello.u.hello.old_session, SESSION);
    ck_assert_uint_eq(m.hello.u.hello.uuid, uuid);
    m.mute = false;
    m.session = SESSION + 1;
    m.silent_ms = 10000;
    welcome(&m);
    ck_assert(!wait_for(&m, CONTROL_UNKNOWN, true, 2500)); /* the old result is forgotten */
    push_job(&m, 1, &quick);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    struct frame_view v = wait_result(&m);
    ck_assert_uint_eq(v.head.seq, 1);
    ack(&m, 1);
    ck_assert(log_has(&m, "event=MASTER-LOST"));
    ck_assert(log_has(&m, "event=REJOINED"));
    end_in_order(&m);
}
END_TEST

START_TEST(a_master_that_comes_late_is_found)
{
    struct master m;
    master_prepare(&m);
    start_worker(&m, "worker/plugins", "1", NULL);
    for (uint64_t end = clock_ns() + WAIT_MS * NS_PER_MS;
         !log_has(&m, "event=MASTER-UNREACHABLE") && clock_ns() < end;)
        (void)poll(NULL, 0, 20);
    ck_assert(log_has(&m, m.address));
    master_bind(&m);
    wait_hello(&m);
    welcome(&m);
    wait_joined(&m);
    end_in_order(&m);
}
END_TEST

START_TEST(a_master_of_another_version_ends_it)
{
    struct master m;
    master_prepare(&m);
    master_bind(&m);
    start_worker(&m, "worker/plugins", "1", NULL);
    wait_hello(&m);
    refuse(&m, QX_ERR_VERSION, "this is protocol 9");
    ck_assert_int_eq(end_of_worker(&m), 1);
    ck_assert(log_has(&m, "this is protocol 9"));
    master_close(&m);
}
END_TEST

START_TEST(a_master_that_forgot_us_is_joined_again)
{
    struct master m;
    master_open(&m, "worker/plugins", "1", NULL);
    refuse(&m, QX_ERR_NOTFOUND, "no such session");
    wait_hello(&m);
    ck_assert_uint_eq(m.hello.u.hello.old_session, SESSION);
    m.session++;
    welcome(&m);
    wait_joined(&m);
    end_in_order(&m);
}
END_TEST

START_TEST(forgetting_a_job_drops_what_is_queued_and_stops_what_runs)
{
    struct master m;
    struct trial_job j = {.task = "odd.item", .params = {"what", "nap", "at", "0"}, .n_items = 10, .seed = 1};
    master_open(&m, "worker/plugins", "1", NULL);
    push_job(&m, 1, &j);
    for (uint64_t b = 0; b < 5; b++)
        (void)push_lease(&m, 1,
                         (struct frame_lease){
                             .first_block = b, .n_blocks = 1, .end_item = 10, .expect_ns = 10 * NS_PER_S});
    (void)wait_for(&m, CONTROL_UNKNOWN, false, 200);
    push_forget(&m, 1);
    push_job(&m, 2, &quick);
    uint64_t lease = push_lease(&m, 2, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    struct frame_view v = wait_result(&m);
    ck_assert_uint_eq(v.result.lease, lease);
    ck_assert_uint_eq(v.head.seq, 1);
    ack(&m, 1);
    end_in_order(&m);
}
END_TEST

/* A microsecond was expected, it takes 2 s: what is queued behind it goes back to the master, at once and as no failure. */
START_TEST(what_waits_for_a_late_executor_is_handed_back)
{
    struct master m;
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "doze", "at", "0"}, .n_items = 900, .seed = 1};
    master_open(&m, "worker/plugins", "1", NULL);
    push_job(&m, 1, &j);
    enum { QUEUED = 700 }; /* more than an executor's ring is given */
    uint64_t start_ns = clock_ns();
    for (uint64_t b = 0; b <= QUEUED; b++)
        (void)push_lease(
            &m, 1, (struct frame_lease){.first_block = b, .n_blocks = 1, .end_item = 900, .expect_ns = 1000});
    for (uint64_t b = 1; b <= QUEUED; b++) {
        struct frame_view v = wait_result(&m);
        ck_assert_uint_eq(v.result.first_block, b);
        ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_LOST);
        ck_assert_int_eq(v.result.code, QX_ERR_AGAIN);
        ck_assert_uint_eq(v.result.started, 0);
    }
    ck_assert_uint_lt(clock_ns() - start_ns, 3 * NS_PER_S / 2);
    struct frame_view v = wait_result(&m);
    ck_assert_uint_eq(v.result.first_block, 0);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_OK);
    uint64_t lease = push_lease(
        &m, 1, (struct frame_lease){.first_block = 1, .n_blocks = 1, .end_item = 900, .attempt = 2});
    v = wait_result(&m);
    ck_assert_uint_eq(v.result.lease, lease);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_OK);
    ack(&m, QUEUED + 2);
    end_in_order(&m);
}
END_TEST

START_TEST(a_lease_without_its_job_is_no_attempt)
{
    struct master m;
    master_open(&m, "worker/plugins", "1", NULL);
    (void)push_lease(&m, 4711, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    struct frame_view v = wait_result(&m);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_LOST);
    ck_assert_uint_eq(v.result.started, 0);
    ack(&m, 1);
    end_in_order(&m);
}
END_TEST

START_TEST(garbage_is_survived)
{
    struct master m;
    master_open(&m, "worker/plugins", "1", NULL);
    static const char junk[] = "QX\1\2 this is not a frame, however long it may go on";
    for (size_t len = 0; len < sizeof junk; len++) {
        ck_assert_int_ge(zmq_send(m.lane, junk, len, 0), 0);
        ck_assert_int_ge(zmq_send(m.router, m.peer, m.peer_len, ZMQ_SNDMORE), 0);
        ck_assert_int_ge(zmq_send(m.router, junk, len, 0), 0);
    }
    ck_assert_int_ge(zmq_send(m.lane, junk, 3, ZMQ_SNDMORE), 0);
    ck_assert_int_ge(zmq_send(m.lane, junk, 3, 0), 0);
    push_job(&m, 1, &quick);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 10});
    ck_assert_uint_eq(wait_result(&m).result.outcome, QX_OUTCOME_OK);
    ack(&m, 1);
    ck_assert(log_has(&m, "event=LANE-FRAME-BAD"));
    end_in_order(&m);
}
END_TEST

/* ---- data ---- */

struct data {
    struct qx_bytes image;
    struct blob_ref ref;
    char text[BLOB_REF_BYTES];
    struct trial_job job;
};

static void make_data(struct data *d, size_t rows)
{
    struct qx_bytes csv = {0};
    struct qx_error err = {.text = ""};
    memset(d, 0, sizeof *d);
    ck_assert_int_eq(qx_bytes_append(&csv, "x\n", 2), QX_ERR_OK);
    for (size_t i = 0; i < rows; i++) {
        char line[32];
        int n = snprintf(line, sizeof line, "%zu.25\n", i * 7 % 1000);
        ck_assert_int_eq(qx_bytes_append(&csv, line, (size_t)n), QX_ERR_OK);
    }
    ck_assert_msg(table_from_csv("d", csv.data, csv.len, &d->image, &err) == QX_ERR_OK, "%s", err.text);
    qx_bytes_fini(&csv);
    d->ref.len_bytes = d->image.len;
    blob_hash(d->image.data, d->image.len, d->ref.hash);
    blob_ref_format(&d->ref, d->text);
    d->job = (struct trial_job){
        .task = "t.data", .params = {"data", d->text, "column", "x"}, .n_items = 200, .seed = 8};
}

static void answer_blob(struct master *m, const struct data *d, bool missing, bool damaged)
{
    ck_assert_msg(wait_for(m, CONTROL_BLOB_GET, false, WAIT_MS), "no request for data");
    ck_assert_mem_eq(m->last.u.blob_get.hash, d->ref.hash, BLOB_HASH_BYTES);
    uint64_t offset = m->last.u.blob_get.offset;
    uint8_t part[BLOB_PART_BYTES];
    size_t left = d->image.len - (size_t)offset, len = left < sizeof part ? left : sizeof part;
    memcpy(part, d->image.data + offset, len);
    part[len / 2] ^= damaged;
    struct control c = {
        .type = CONTROL_BLOB_PART,
        .u.blob_part = {
            .ref = d->ref, .offset = offset, .data = part, .len = missing ? 0 : len, .missing = missing}};
    say(m, &c);
}

START_TEST(leases_wait_for_data_that_is_fetched_in_parts)
{
    struct master m;
    struct trial_sink sink;
    struct data d;
    char plugin[1024];
    make_data(&d, 150000); /* 5 parts */
    size_t parts = (d.image.len + BLOB_PART_BYTES - 1) / BLOB_PART_BYTES;
    ck_assert_uint_ge(parts, 5);
    master_open(&m, "plugins", "2", NULL);
    trial_sink_open(&sink, trial_plugin("plugins/good.so", plugin), &d.job, d.image.data);
    push_job(&m, 1, &d.job);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 100, .end_item = 200});
    (void)push_lease(&m, 1, (struct frame_lease){.first_block = 100, .n_blocks = 100, .end_item = 200});
    for (size_t i = 0; i < parts; i++)
        answer_blob(&m, &d, false, false);
    for (int i = 0; i < 2; i++) {
        struct frame_view v = wait_result(&m);
        trial_sink_add(&sink, &v);
    }
    ack(&m, 2);
    trial_sink_check(&sink);
    trial_sink_close(&sink);
    push_forget(&m, 1); /* the data stays for the next job */
    push_job(&m, 2, &d.job);
    (void)push_lease(&m, 2, (struct frame_lease){.n_blocks = 1, .end_item = 200});
    ck_assert_uint_eq(wait_result(&m).result.outcome, QX_OUTCOME_OK);
    ack(&m, 3);
    qx_bytes_fini(&d.image);
    end_in_order(&m);
}
END_TEST

START_TEST(data_that_cannot_be_had_fails_the_lease)
{
    struct master m;
    struct data d;
    bool missing = _i == 0;
    make_data(&d, 10);
    master_open(&m, "plugins", "1", NULL);
    push_job(&m, 1, &d.job);
    (void)push_lease(&m, 1, (struct frame_lease){.n_blocks = 1, .end_item = 200});
    answer_blob(&m, &d, missing, !missing);
    struct frame_view v = wait_result(&m);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_ERROR);
    ck_assert_int_eq(v.result.code, QX_ERR_NOTFOUND);
    ck_assert_uint_gt(v.result.len_text, 20);
    ack(&m, 1);
    push_forget(&m, 1);
    push_job(&m, 2, &d.job); /* it is asked for again */
    (void)push_lease(&m, 2, (struct frame_lease){.n_blocks = 1, .end_item = 200});
    answer_blob(&m, &d, false, false);
    ck_assert_uint_eq(wait_result(&m).result.outcome, QX_OUTCOME_OK);
    ack(&m, 2);
    qx_bytes_fini(&d.image);
    end_in_order(&m);
}
END_TEST

/* ---- the command line ---- */

START_TEST(bad_options_are_named)
{
    struct master m;
    master_prepare(&m);
    master_bind(&m);
    static const char *const more[][3] = {
        {"--slotz", "3", NULL}, {"--memory", "much", NULL}, {"--master", "localhost", NULL}};
    static const char *const texts[] = {"did you mean \"slots\"?", "memory: \"much\" is not a size",
                                        "neither tcp://HOST:PORT nor"};
    start_worker(&m, "worker/plugins", "1", more[_i]);
    ck_assert_int_eq(end_of_worker(&m), 2);
    ck_assert(log_has(&m, texts[_i]));
    master_close(&m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("worker");
    TCase *tc = tcase_create("worker");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_worker_registers_runs_a_job_and_leaves);
    tcase_add_test(tc, sigterm_finishes_what_is_held_and_waits_for_acks);
    tcase_add_test(tc, leases_on_their_way_when_it_leaves_are_still_run);
    tcase_add_test(tc, a_second_sigterm_stops_at_once);
    tcase_add_test(tc, a_worker_ends_with_its_parent_whatever_it_holds);
    tcase_add_test(tc, an_executor_that_is_killed_is_one_failed_attempt);
    tcase_add_test(tc, an_unacknowledged_result_is_sent_again);
    tcase_add_test(tc, a_gap_in_the_lane_is_told_with_what_is_held);
    tcase_add_test(tc, a_lost_end_of_the_lane_is_noticed_by_the_beats);
    tcase_add_test(tc, a_resync_is_repeated_until_it_is_answered);
    tcase_add_test(tc, a_silent_master_is_left_and_joined_again);
    tcase_add_test(tc, a_master_that_comes_late_is_found);
    tcase_add_test(tc, a_master_of_another_version_ends_it);
    tcase_add_test(tc, a_master_that_forgot_us_is_joined_again);
    tcase_add_test(tc, forgetting_a_job_drops_what_is_queued_and_stops_what_runs);
    tcase_add_test(tc, what_waits_for_a_late_executor_is_handed_back);
    tcase_add_test(tc, a_lease_without_its_job_is_no_attempt);
    tcase_add_test(tc, garbage_is_survived);
    tcase_add_test(tc, leases_wait_for_data_that_is_fetched_in_parts);
    tcase_add_loop_test(tc, data_that_cannot_be_had_fails_the_lease, 0, 2);
    tcase_add_loop_test(tc, bad_options_are_named, 0, 3);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
