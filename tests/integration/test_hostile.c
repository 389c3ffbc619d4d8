/* The real master among peers that send nonsense and a worker that lies: nothing crashes, nothing is counted, and a job
 * submitted in between ends with the digest of the same job run in this process. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/mem.h"
#include "host/host.h"
#include "proto/control.h"

enum { WAIT_MS = 20000, N_ITEMS = 100000, SEED = 5 };

static char dir[64], address[128], plugin[1024];
static void *zmq;
static pid_t master, real_worker;
static struct registry *registry;

static pid_t start(const char *const *argv)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (!pid) {
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static const char *binary(const char *name, char ret[1024])
{
    const char *bin = getenv("QX_BIN_DIR");
    ck_assert_msg(bin, "QX_BIN_DIR is not set: run this test through ctest");
    snprintf(ret, 1024, "%s/%s", bin, name);
    return ret;
}

static void setup(void)
{
    char path[1024];
    const char *plugins = getenv("QX_PLUGIN_DIR");
    ck_assert_ptr_nonnull(plugins);
    snprintf(plugin, sizeof plugin, "%s/qx_basic.so", plugins);
    strcpy(dir, "/tmp/qx-hostile-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(address, sizeof address, "ipc://%s/m", dir);
    const char *const argv[] = {
        binary("qx-master", path), "--bind",      address, "--beat", "100", "--silent", "2000",
        "--exit-with-parent",      "--log-level", "error", NULL};
    master = start(argv);
    zmq = zmq_ctx_new();
    struct qx_error err;
    ck_assert_int_eq(registry_new(&registry), QX_ERR_OK);
    ck_assert_msg(registry_load(registry, plugin, &err) == QX_ERR_OK, "%s", err.text);
}

static void end(pid_t *pid)
{
    int status = 0;
    if (!*pid)
        return;
    (void)kill(*pid, SIGTERM);
    ck_assert_int_eq(waitpid(*pid, &status, 0), *pid);
    ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "a daemon ended with status %x",
                  (unsigned)status);
    *pid = 0;
}

static void teardown(void)
{
    char command[128];
    end(&real_worker);
    end(&master); /* it must have survived everything, and leak nothing */
    zmq_ctx_term(zmq);
    registry_free(registry);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static void *open_socket(int type, const char *suffix, bool bind_it)
{
    char where[256];
    int linger = 0, wait = WAIT_MS;
    void *s = zmq_socket(zmq, type);
    ck_assert_ptr_nonnull(s);
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(s, ZMQ_RCVTIMEO, &wait, sizeof wait);
    zmq_setsockopt(s, ZMQ_SNDTIMEO, &wait, sizeof wait);
    snprintf(where, sizeof where, "%s%s", address, suffix);
    ck_assert_int_eq(bind_it ? zmq_bind(s, where) : zmq_connect(s, where), 0);
    return s;
}

static void send_control(void *s, const struct control *c)
{
    struct qx_bytes out = {0};
    ck_assert_int_eq(control_encode(c, &out), QX_ERR_OK);
    ck_assert_int_ge(zmq_send(s, out.data, out.len, 0), 0);
    qx_bytes_fini(&out);
}

/* The next message of `type`; others are passed over. */
static void await(void *s, enum control_type type, struct control *ret)
{
    for (;;) {
        zmq_msg_t msg;
        struct qx_error err;
        zmq_msg_init(&msg);
        ck_assert_msg(zmq_msg_recv(&msg, s, 0) >= 0, "no %s came", control_type_name(type));
        ck_assert_msg(control_decode(zmq_msg_data(&msg), zmq_msg_size(&msg), ret, &err) == QX_ERR_OK, "%s",
                      err.text);
        zmq_msg_close(&msg);
        if (ret->type == type)
            return;
        control_fini(ret);
    }
}

static void expect_alive(void *s, uint64_t tag)
{
    struct control c = {.type = CONTROL_PING, .tag = tag}, pong;
    send_control(s, &c);
    for (uint64_t got = 0; got != tag; control_fini(&pong)) {
        await(s, CONTROL_PONG, &pong);
        got = pong.tag;
    }
}

START_TEST(nonsense_on_every_socket_is_survived)
{
    void *control = open_socket(ZMQ_DEALER, "", false), *sink = open_socket(ZMQ_PUSH, ".sink", false);
    uint8_t noise[4096];
    uint32_t state = 12345;
    uint64_t tag = 1;
    expect_alive(control, tag++);
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
        size_t len = (state >> 8) % sizeof noise;
        if (round % 3 == 0 && len >= 8)
            memcpy(noise, "QX\1\4", 4); /* looks like a result */
        ck_assert_int_ge(zmq_send(control, noise, len, 0), 0);
        ck_assert_int_ge(zmq_send(sink, noise, len, 0), 0);
        ck_assert_int_ge(zmq_send(control, "", 0, ZMQ_SNDMORE), 0); /* more frames than one */
        ck_assert_int_ge(zmq_send(control, noise, len, 0), 0);
    }
    expect_alive(control, tag++);
    zmq_close(control);
    zmq_close(sink);
}
END_TEST

START_TEST(truncated_and_other_versions_are_answered)
{
    void *control = open_socket(ZMQ_DEALER, "", false);
    struct control c = {.type = CONTROL_PING, .tag = 77}, got;
    struct qx_bytes out = {0};
    ck_assert_int_eq(control_encode(&c, &out), QX_ERR_OK);
    ck_assert_int_ge(zmq_send(control, out.data, out.len - 1, 0), 0);
    await(control, CONTROL_ERROR, &got);
    ck_assert_int_eq(got.u.error.code, QX_ERR_PROTO);
    control_fini(&got);
    ck_assert_uint_eq(out.data[0], 0x08); /* field 1, the version */
    out.data[1] = 9;
    ck_assert_int_ge(zmq_send(control, out.data, out.len, 0), 0);
    await(control, CONTROL_ERROR, &got);
    ck_assert_int_eq(got.u.error.code, QX_ERR_VERSION);
    ck_assert_ptr_nonnull(strstr(got.u.error.text, "9"));
    control_fini(&got);
    qx_bytes_fini(&out);
    expect_alive(control, 78);
    zmq_close(control);
}
END_TEST

START_TEST(a_worker_of_another_version_is_refused_in_words)
{
    static const uint8_t versions[] = {QX_PROTO_VERSION + 1, 99};
    const struct task_decl *decl = NULL;
    struct control c = {.type = CONTROL_HELLO, .tag = 5}, got;
    struct qx_bytes out = {0};
    char ours[16], theirs[16];
    ck_assert_ptr_nonnull(registry_find(registry, "noop", NULL, &decl));
    c.u.hello.version = QX_PROTO_VERSION;
    c.u.hello.name = "stranger";
    c.u.hello.host = "nowhere";
    c.u.hello.uuid = 2;
    c.u.hello.slots = 1;
    c.u.hello.n_tasks = 1;
    c.u.hello.tasks = (struct task_decl *)(uintptr_t)decl;
    ck_assert_int_eq(control_encode(&c, &out), QX_ERR_OK);
    ck_assert_uint_eq(out.data[0], 0x08); /* field 1, the version */
    out.data[1] = versions[_i];
    void *control = open_socket(ZMQ_DEALER, "", false);
    ck_assert_int_ge(zmq_send(control, out.data, out.len, 0), 0);
    await(control, CONTROL_ERROR, &got);
    ck_assert_int_eq(got.u.error.code, QX_ERR_VERSION);
    snprintf(ours, sizeof ours, "%d", QX_PROTO_VERSION);
    snprintf(theirs, sizeof theirs, "%d", versions[_i]);
    ck_assert_msg(strstr(got.u.error.text, ours) && strstr(got.u.error.text, theirs), "\"%s\" lacks %s or %s",
                  got.u.error.text, ours, theirs);
    control_fini(&got);
    c = (struct control){.type = CONTROL_WORKERS, .tag = 6};
    send_control(control, &c);
    await(control, CONTROL_WORKER_LIST, &got);
    ck_assert_uint_eq(got.u.worker_list.n, 0);
    control_fini(&got);
    qx_bytes_fini(&out);
    zmq_close(control);
}
END_TEST

START_TEST(a_frame_too_long_costs_its_sender_the_connection)
{
    void *control = open_socket(ZMQ_DEALER, "", false), *other = open_socket(ZMQ_DEALER, "", false);
    expect_alive(control, 1);
    zmq_msg_t msg;
    ck_assert_int_eq(zmq_msg_init_size(&msg, QX_CONTROL_BYTES_MAX + 1), 0);
    memset(zmq_msg_data(&msg), 1, QX_CONTROL_BYTES_MAX + 1);
    ck_assert_int_ge(zmq_msg_send(&msg, other, 0), 0);
    expect_alive(control, 2);
    zmq_close(control);
    zmq_close(other);
}
END_TEST

START_TEST(a_port_in_use_is_an_error_and_not_a_theft)
{
    char path[1024];
    void *control = open_socket(ZMQ_DEALER, "", false);
    expect_alive(control, 1);
    const char *const argv[] = {binary("qx-master", path), "--bind", address, "--log-level", "error", NULL};
    pid_t second = start(argv);
    int status = 0;
    ck_assert_int_eq(waitpid(second, &status, 0), second);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    expect_alive(control, 2);
    zmq_close(control);
}
END_TEST

/* ---- a worker that lies ---- */

struct liar {
    void *control, *lane, *sink;
    uint64_t session, seq;
    struct frame_lease lease;
};

static void liar_greet(struct liar *l)
{
    const struct task_decl *decl = NULL;
    ck_assert_ptr_nonnull(registry_find(registry, "noop", NULL, &decl));
    struct control c = {.type = CONTROL_HELLO};
    c.u.hello.version = QX_PROTO_VERSION;
    c.u.hello.name = "liar";
    c.u.hello.host = "nowhere";
    c.u.hello.uuid = 1;
    c.u.hello.slots = 1;
    c.u.hello.n_tasks = 1;
    c.u.hello.tasks = (struct task_decl *)(uintptr_t)decl;
    send_control(l->control, &c);
}

static void liar_join(struct liar *l)
{
    struct control welcome;
    l->control = open_socket(ZMQ_DEALER, "", false);
    liar_greet(l);
    await(l->control, CONTROL_WELCOME, &welcome);
    l->session = welcome.u.welcome.session;
    l->lane = open_socket(ZMQ_PULL, welcome.u.welcome.lane, false);
    l->sink = open_socket(ZMQ_PUSH, welcome.u.welcome.sink, false);
    control_fini(&welcome);
}

/* The next lease on the liar's lane. */
static void liar_lease(struct liar *l)
{
    for (;;) {
        zmq_msg_t msg;
        struct frame_view v;
        struct qx_error err;
        zmq_msg_init(&msg);
        ck_assert_msg(zmq_msg_recv(&msg, l->lane, 0) >= 0, "no lease came");
        ck_assert_int_eq(frame_decode(zmq_msg_data(&msg), zmq_msg_size(&msg), &v, &err), QX_ERR_OK);
        l->lease = v.lease;
        zmq_msg_close(&msg);
        if (v.head.type == FRAME_LEASE)
            return;
    }
}

/* The result that the lease deserves but for the counts, which say `n_items`. */
static void liar_send(struct liar *l, struct frame_result r, uint64_t n_items)
{
    const struct qx_task *task = NULL;
    const struct task_decl *decl = NULL;
    struct host_task *open = NULL;
    struct host_options opt = {.seed = SEED};
    struct host_chunk chunk;
    struct qx_bytes nodes = {0}, plan = {0}, state = {0};
    struct qx_error err;
    task = registry_find(registry, "noop", NULL, &decl);
    host_chunk_init(&chunk);
    ck_assert_int_eq(host_open(task, decl, NULL, 0, &opt, &open, &err), QX_ERR_OK);
    ck_assert_int_eq(host_run(open, decl->layout, 0, block_count(decl->layout, n_items), n_items, NULL, 0,
                              false, &chunk, &err),
                     QX_ERR_OK);
    ck_assert_int_eq(reduce_plan_encode(host_plan(open), &plan), QX_ERR_OK);
    ck_assert_int_eq(reduce_encode(&chunk.nodes[0], &state), QX_ERR_OK);
    ck_assert_int_eq(qx_put_u64(&nodes, state.len), QX_ERR_OK);
    ck_assert_int_eq(qx_bytes_append(&nodes, state.data, state.len), QX_ERR_OK);
    ck_assert_int_eq(qx_bytes_resize(&nodes, (nodes.len + 7) & ~(size_t)7), QX_ERR_OK);
    r.job = l->lease.job;
    r.item = UINT64_MAX;
    r.started = 1;
    r.n_nodes = 1;
    r.len_nodes = nodes.len;
    r.len_plan = (uint32_t)plan.len;
    size_t len = frame_result_bytes(&r);
    uint8_t *frame = qx_malloc(len);
    struct frame_sections to = frame_result_write(frame, l->session, ++l->seq, &r);
    memcpy(to.nodes, nodes.data, nodes.len);
    memcpy(to.plan, plan.data, plan.len);
    ck_assert_int_ge(zmq_send(l->sink, frame, len, 0), 0);
    qx_free(frame);
    qx_bytes_fini(&nodes);
    qx_bytes_fini(&plan);
    qx_bytes_fini(&state);
    host_chunk_fini(&chunk);
    host_close(open);
}

static struct frame_result honest(const struct frame_lease *l)
{
    return (struct frame_result){.lease = l->lease,
                                 .cell = l->cell,
                                 .attempt = l->attempt,
                                 .first_block = l->first_block,
                                 .n_blocks = l->n_blocks,
                                 .kind = l->kind,
                                 .n_items = 256};
}

static void expected_digest(char ret[33])
{
    const struct task_decl *decl = NULL;
    const struct qx_task *task = registry_find(registry, "noop", NULL, &decl);
    struct host_options opt = {.seed = SEED};
    struct host_task *open = NULL;
    struct reduce_state state;
    struct qx_error err;
    reduce_state_init(&state);
    ck_assert_int_eq(host_open(task, decl, NULL, 0, &opt, &open, &err), QX_ERR_OK);
    ck_assert_int_eq(host_run_job(open, decl->layout, N_ITEMS, &state, ret, &err), QX_ERR_OK);
    reduce_state_fini(&state);
    host_close(open);
}

START_TEST(a_worker_that_lies_is_cut_off_and_nothing_it_said_counts)
{
    struct liar l = {0};
    void *client = open_socket(ZMQ_DEALER, "", false);
    struct job_cell cell = {0};
    struct control c = {.type = CONTROL_SUBMIT, .tag = 3}, got;
    c.u.submit.token = 42;
    c.u.submit.watch = true;
    c.u.submit.spec = (struct job_spec){.task = "noop",
                                        .version = "",
                                        .until = "",
                                        .label = "",
                                        .n_cells = 1,
                                        .cells = &cell,
                                        .n_items = N_ITEMS,
                                        .seed = SEED};
    liar_join(&l);
    send_control(client, &c);
    liar_lease(&l);
    struct frame_result r = honest(&l.lease);
    r.lease += (uint64_t)1 << 40; /* of a lease that never was, for a job that is there */
    liar_send(&l, r, 256);
    r = honest(&l.lease);
    r.n_blocks++; /* its lease, another range */
    liar_send(&l, r, 256);
    r = honest(&l.lease); /* its lease and range, but .. */
    if (_i == 0)
        r.attempt++;
    else if (_i == 1) /* .. fewer items than it holds in words, or in the states */
        r.n_items--;
    liar_send(&l, r, _i == 2 ? 100 : 256);
    await(l.control, CONTROL_ERROR, &got);
    ck_assert_int_eq(got.u.error.code, QX_ERR_PROTO);
    control_fini(&got);
    liar_greet(&l); /* once cut off, always cut off */
    await(l.control, CONTROL_ERROR, &got);
    ck_assert_int_eq(got.u.error.code, QX_ERR_INVALID);
    control_fini(&got);
    char path[1024];
    const char *const argv[] = {binary("qx-worker", path), "--master",    address, "--slots", "2",
                                "--exit-with-parent",      "--log-level", "error", NULL};
    real_worker = start(argv);
    await(client, CONTROL_ANSWER, &got);
    char digest[33];
    expected_digest(digest);
    ck_assert_str_eq(got.u.answer.digest, digest);
    ck_assert_uint_eq(got.u.answer.cells[0].n_items, N_ITEMS);
    control_fini(&got);
    zmq_close(l.control);
    zmq_close(l.lane);
    zmq_close(l.sink);
    zmq_close(client);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hostile");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, nonsense_on_every_socket_is_survived);
    tcase_add_test(t, truncated_and_other_versions_are_answered);
    tcase_add_loop_test(t, a_worker_of_another_version_is_refused_in_words, 0, 2);
    tcase_add_test(t, a_frame_too_long_costs_its_sender_the_connection);
    tcase_add_test(t, a_port_in_use_is_an_error_and_not_a_theft);
    tcase_add_loop_test(t, a_worker_that_lies_is_cut_off_and_nothing_it_said_counts, 0, 3);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
