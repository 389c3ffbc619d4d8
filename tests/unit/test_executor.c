/* An executor in a thread of this process, so that ThreadSanitizer sees both sides of the memory that a supervisor and an
 * executor share: the rings with their bell, what runs now, the flag that cancels, the end. */
#include "worker/executor.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/error.h"
#include "tests/unit/trial.h"
#include "worker/pool_impl.h"

enum { JOB = 1, LEASES = 400, ITEMS = 4096, WAIT_S = 20 };

static struct region region;
static struct bell bell;
static struct slot slot = {.region = &region};
static struct framebuf_pool *buffers;
static struct blob_folders folders;
static struct executor_config config;
static struct registry *registry;
static pthread_t thread;

static void *run(void *arg)
{
    executor_run(arg);
}

static void setup(void)
{
    struct qx_error err = {.text = ""};
    const char *dir = getenv("QX_PLUGIN_DIR");
    char plugin[1024];
    ck_assert_msg(dir != NULL, "QX_PLUGIN_DIR is not set: run it through ctest");
    (void)snprintf(plugin, sizeof plugin, "%s/qx_basic.so", dir);
    ck_assert_int_eq(registry_new(&registry), QX_ERR_OK);
    ck_assert_msg(registry_load(registry, plugin, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_ptr_nonnull(buffers = framebuf_pool_new());
    slot_reset(&slot);
    slot.wake_fd = eventfd(0, EFD_CLOEXEC);
    config = (struct executor_config){.region = &region,
                                      .bell = &bell,
                                      .wake_fd = slot.wake_fd,
                                      .bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                      .registry = registry,
                                      .folders = &folders};
    ck_assert_int_eq(pthread_create(&thread, NULL, run, &config), 0);
}

static void send_frame(zmq_msg_t *msg)
{
    slot_send(&slot, zmq_msg_data(msg), zmq_msg_size(msg));
    (void)zmq_msg_close(msg);
}

static void send_job(const struct trial_job *j)
{
    zmq_msg_t msg;
    trial_job_frame(&msg, 0, clock_ns(), JOB, j);
    send_frame(&msg);
}

static void send_lease(uint64_t id, uint64_t first_block, uint32_t n_blocks, uint64_t end_item)
{
    zmq_msg_t msg;
    struct frame_lease l = {.lease = id,
                            .job = JOB,
                            .attempt = 1,
                            .first_block = first_block,
                            .n_blocks = n_blocks,
                            .end_item = end_item};
    trial_lease_frame(&msg, 0, clock_ns(), l, NULL);
    send_frame(&msg);
}

/* The next result, as the supervisor waits for it; the caller gives the frame back. */
static void *next_result(struct frame_view *ret)
{
    for (uint64_t end_ns = clock_ns() + WAIT_S * NS_PER_S; clock_ns() < end_ns;) {
        size_t len;
        bool nonsense;
        uint64_t count;
        struct qx_error err = {.text = ""};
        slot_pump(&slot);
        slot_flush(&slot);
        atomic_store(&bell.supervisor_waits, 1);
        void *frame = slot_receive(&slot, buffers, &len, &nonsense);
        ck_assert(!nonsense);
        if (frame) {
            ck_assert_msg(frame_decode(frame, len, ret, &err) == QX_ERR_OK, "%s", err.text);
            ck_assert_int_eq(ret->head.type, FRAME_RESULT);
            return frame;
        }
        struct pollfd fd = {.fd = config.bell_fd, .events = POLLIN};
        ck_assert_int_ge(poll(&fd, 1, 1000), 0);
        (void)!read(config.bell_fd, &count, sizeof count);
    }
    ck_abort_msg("no result in %d s", WAIT_S);
    return NULL;
}

/* The executor ends, and this process with it: status 0. */
static void stop(void)
{
    uint64_t one = 1;
    atomic_store(&region.stop, 1);
    ck_assert_int_eq(write(slot.wake_fd, &one, sizeof one), sizeof one);
    (void)pthread_join(thread, NULL);
    abort(); /* it cannot have returned */
}

START_TEST(leases_and_results_cross_in_order)
{
    const struct trial_job job = {.task = "noop", .n_items = ITEMS, .seed = 3};
    struct frame_view v;
    send_job(&job);
    for (uint64_t i = 1; i <= LEASES; i++) /* more than a ring holds: some wait in the outbox */
        send_lease(i, 0, 4, ITEMS);
    for (uint64_t i = 1; i <= LEASES; i++) {
        void *frame = next_result(&v);
        ck_assert_uint_eq(v.result.lease, i);
        ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_OK);
        framebuf_unref(frame);
    }
    stop();
}
END_TEST

START_TEST(what_runs_is_seen_and_can_be_cancelled)
{
    const struct trial_job job = {.task = "sleep", .params = {"seconds", "0.001"}, .n_items = 1000000};
    struct frame_view v;
    send_job(&job);
    for (uint64_t i = 1; i <= 5; i++) {
        send_lease(i, 0, 200, job.n_items);
        slot_flush(&slot);
        uint64_t end_ns = clock_ns() + WAIT_S * NS_PER_S, item = 0; /* as the supervisor looks at it */
        while (atomic_load(&region.running_lease) != i || item < 3 || item == ITEM_NONE) {
            ck_assert_uint_lt(clock_ns(), end_ns);
            (void)poll(NULL, 0, 1);
            item = __atomic_load_n(&region.current_item, __ATOMIC_RELAXED);
        }
        atomic_store(&region.cancel_lease, i);
        __atomic_store_n(&region.cancel, 1, __ATOMIC_RELAXED);
        void *frame = next_result(&v);
        ck_assert_uint_eq(v.result.lease, i);
        ck_assert_int_eq(v.result.code, QX_ERR_CANCELLED);
        framebuf_unref(frame);
    }
    stop();
}
END_TEST

/* However close the two are: what was started gives a result, what was taken back gives none. */
START_TEST(a_lease_is_run_or_taken_back)
{
    enum { ROUNDS = 300, AT_ONCE = 20 };
    const struct trial_job job = {.task = "noop", .n_items = ITEMS, .seed = 3};
    struct frame_view v;
    uint32_t given = 0, n_run = 0, n_back = 0;
    send_job(&job);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t first = given + 1, started;
        while (given < round * AT_ONCE + AT_ONCE)
            send_lease(++given, 0, 1, ITEMS);
        slot_flush(&slot);
        for (uint64_t until_ns = clock_ns() + round * 500; clock_ns() < until_ns;)
            continue; /* a little longer each round: from nothing started to all */
        while (!turn_take_back(&region.turn, given, &started))
            continue;
        started = turn_after(first, started) ? first - 1 : started;
        n_back += given - started;
        for (uint32_t i = first; i <= started; i++, n_run++) {
            void *frame = next_result(&v);
            ck_assert_uint_eq(v.result.lease, i);
            framebuf_unref(frame);
        }
    }
    ck_assert_uint_eq(n_run + n_back, ROUNDS * AT_ONCE);
    ck_assert(n_run > 0 && n_back > 0);
    stop();
}
END_TEST

/* A result that the ledger still holds while libzmq's thread sends it: whoever is last frees it. */
static void *let_go(void *arg)
{
    uint8_t **frames = arg;
    for (int i = 0; i < LEASES; i++) {
        for (size_t k = 0; k < FRAMEBUF_SMALL_BYTES + 1; k += 512)
            ck_assert_uint_eq(frames[i][k], (uint8_t)i);
        framebuf_unref(frames[i]);
    }
    return NULL;
}

START_TEST(large_results_are_let_go_by_any_thread)
{
    static uint8_t *frames[LEASES];
    struct framebuf_pool *p = framebuf_pool_new();
    for (int i = 0; i < LEASES; i++) {
        frames[i] = framebuf_new(p, FRAMEBUF_SMALL_BYTES + 1);
        ck_assert(!framebuf_is_small(frames[i]));
        memset(frames[i], i, FRAMEBUF_SMALL_BYTES + 1);
        framebuf_ref(frames[i]);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, let_go, frames), 0);
    for (int i = LEASES - 1; i >= 0; i--)
        framebuf_unref(frames[i]);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    framebuf_pool_free(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("executor");
    TCase *tc = tcase_create("thread"), *buffer = tcase_create("buffers");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_exit_test(tc, leases_and_results_cross_in_order, 0);
    tcase_add_exit_test(tc, a_lease_is_run_or_taken_back, 0);
    tcase_add_exit_test(tc, what_runs_is_seen_and_can_be_cancelled, 0);
    tcase_set_timeout(tc, 60);
    tcase_add_test(buffer, large_results_are_let_go_by_any_thread);
    suite_add_tcase(s, tc);
    suite_add_tcase(s, buffer);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_FORK); /* a test ends with its executor */
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
