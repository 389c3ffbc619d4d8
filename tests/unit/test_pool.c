/* The executors of a worker, without sockets: real processes, leases given by hand. */
#include "worker/pool.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/trial.h"
#include "worker/blobs.h"
#include "worker/jobs.h"
#include "worker/region.h"

struct bench {
    struct pool *pool;
    struct blobs *blobs;
    struct jobs *jobs;
    struct lease_store *leases;
    const char *dirs[4];
    char text[4][1024], reports[4096];
    uint64_t next_lease, dropped;
    const char *proc_root;
};

static void count_dropped(void *arg, uint64_t lease)
{
    struct bench *b = arg;
    b->dropped += lease > 0;
}

static void report(void *arg, const char *event, const char *text)
{
    struct bench *b = arg;
    size_t len = strlen(b->reports);
    (void)snprintf(b->reports + len, sizeof b->reports - len, "%s %s\n", event, text);
}

static void bench_open(struct bench *b, uint32_t slots, uint64_t memory_bytes, const char *second_dir)
{
    struct qx_error err = {.text = ""};
    const char *proc_root = b->proc_root;
    memset(b, 0, sizeof *b);
    ck_assert_int_eq(blobs_new(1 << 20, &b->blobs, &err), QX_ERR_OK);
    b->dirs[0] = trial_plugin("worker/plugins", b->text[0]);
    if (second_dir)
        b->dirs[1] = trial_plugin(second_dir, b->text[1]);
    struct pool_config config = {.slots = slots,
                                 .dirs = b->dirs,
                                 .n_dirs = second_dir ? 2 : 1,
                                 .memory_bytes = memory_bytes,
                                 .folders = *blobs_folders(b->blobs),
                                 .proc_root = proc_root,
                                 .report = report,
                                 .arg = b};
    ck_assert_msg(pool_new(&config, &b->pool, &err) == QX_ERR_OK, "%s", err.text);
    struct jobs_config jobs = {.slots = slots, .blobs = b->blobs};
    jobs.tasks = pool_tasks(b->pool, &jobs.n_tasks);
    ck_assert_int_eq(jobs_new(&jobs, &b->jobs), QX_ERR_OK);
    b->leases = lease_store_new();
}

static void forget_job(struct bench *b, struct job *job)
{
    struct lease_scope all = {.job = job, .whole = true};
    pool_revoke(b->pool, &all, clock_ns(), count_dropped, b);
    pool_forget(b->pool, job);
}

static void bench_close(struct bench *b)
{
    for (struct job *job; (job = jobs_any(b->jobs));) {
        forget_job(b, job);
        jobs_remove(b->jobs, job);
    }
    for (struct lease *l; (l = pool_next_lease(b->pool));)
        lease_free(b->leases, l);
    jobs_free(b->jobs);
    pool_free(b->pool);
    lease_store_free(b->leases);
    blobs_free(b->blobs);
}

static struct job *bench_job(struct bench *b, uint64_t id, const struct trial_job *j)
{
    struct qx_bytes spec = {0};
    struct job *job = NULL;
    trial_spec(j, &spec);
    ck_assert_int_eq(jobs_put(b->jobs, id, spec.data, spec.len, &job, NULL), QX_ERR_OK);
    qx_bytes_fini(&spec);
    return job;
}

static struct lease *bench_lease(struct bench *b, struct job *job, struct frame_lease f, const void *payload)
{
    zmq_msg_t msg;
    f.lease = ++b->next_lease;
    f.job = job->id;
    f.attempt = f.attempt ? f.attempt : 1;
    trial_lease_frame(&msg, 0, 0, f, payload);
    struct lease *l = lease_new(b->leases, &msg, &f, clock_ns());
    (void)zmq_msg_close(&msg);
    l->job = job;
    return l;
}

/* The next event, within 20 s. */
static struct pool_event bench_wait(struct bench *b)
{
    struct pool_event ev = {.slot = 0};
    for (uint64_t end = clock_ns() + 20 * NS_PER_S; clock_ns() < end;) {
        if (pool_next_event(b->pool, &ev))
            return ev;
        uint64_t now_ns = clock_ns(), next_ns = pool_watch(b->pool, now_ns);
        pool_flush(b->pool);
        uint64_t wait_ms = next_ns > now_ns ? (next_ns - now_ns) / NS_PER_MS + 1 : 0;
        struct pollfd fds[] = {{.fd = pool_bell_fd(b->pool), .events = POLLIN},
                               {.fd = pool_zygote_fd(b->pool), .events = POLLIN}};
        if (pool_sleep(b->pool))
            (void)poll(fds, 2, wait_ms < 1000 ? (int)wait_ms : 1000);
        pool_rang(b->pool);
        pool_receive(b->pool, clock_ns());
    }
    ck_abort_msg("no event in 20 s");
    return ev;
}

static void bench_done(struct bench *b, struct pool_event *ev)
{
    framebuf_unref(ev->frame);
    lease_free(b->leases, ev->lease);
}

static struct frame_view view_of(const struct pool_event *ev)
{
    struct frame_view v;
    struct qx_error err = {.text = ""};
    ck_assert_int_eq(ev->type, POOL_RESULT);
    ck_assert_msg(frame_decode(ev->frame, ev->len, &v, &err) == QX_ERR_OK, "%s", err.text);
    return v;
}

/* One lease of the item task: what became of it. */
static struct pool_event run_one(struct bench *b, const char *task, const char *what, const char *at,
                                 uint32_t attempt, uint64_t timeout_ms)
{
    struct trial_job j = {.task = task,
                          .params = {"what", what, "at", at},
                          .n_items = 100,
                          .seed = 1,
                          .item_timeout_ms = timeout_ms,
                          .layout = {16, 4}};
    struct job *job = bench_job(b, 1, &j);
    pool_renew(b->pool, job);
    struct lease *l =
        bench_lease(b, job, (struct frame_lease){.n_blocks = 2, .end_item = 100, .attempt = attempt}, NULL);
    struct pool_event ev;
    for (int i = 0; i < 200 && !pool_room(b->pool, 0, l); i++) {
        ck_assert(!pool_next_event(b->pool, &ev));
        (void)pool_watch(b->pool, clock_ns());
        (void)poll(NULL, 0, 10); /* a replacement may be held back for a while */
    }
    ck_assert(pool_room(b->pool, 0, l));
    pool_give(b->pool, 0, l);
    return bench_wait(b);
}

static void wait_for_pid(struct bench *b, int other_than)
{
    struct pool_event ev;
    for (int i = 0; i < 2000 && (pool_pid(b->pool, 0) == 0 || pool_pid(b->pool, 0) == other_than); i++) {
        struct pollfd fd = {.fd = pool_zygote_fd(b->pool), .events = POLLIN};
        (void)poll(&fd, 1, 10);
        pool_receive(b->pool, clock_ns());
        ck_assert(!pool_next_event(b->pool, &ev));
        (void)pool_watch(b->pool, clock_ns());
    }
    ck_assert_int_gt(pool_pid(b->pool, 0), 0);
    ck_assert_int_ne(pool_pid(b->pool, 0), other_than);
}

/* Until the executor is inside an item, within 20 s. */
static void await_item(struct bench *b, uint32_t slot)
{
    uint64_t end_ns = clock_ns() + 20 * NS_PER_S;
    pool_flush(b->pool);
    while (pool_item(b->pool, slot) == ITEM_NONE && clock_ns() < end_ns) {
        pool_receive(b->pool, clock_ns());
        (void)poll(NULL, 0, 1);
    }
    ck_assert_uint_ne(pool_item(b->pool, slot), ITEM_NONE);
}

/* ---- results ---- */

START_TEST(a_job_has_the_bits_of_a_run_in_one_process)
{
    struct bench b = {.pool = NULL};
    struct trial_sink sink;
    char plugin[1024];
    struct trial_job j = {.task = "odd.item", .n_items = 5003, .seed = 42, .layout = {7, 5}};
    bench_open(&b, 3, 0, NULL);
    trial_sink_open(&sink, trial_plugin("worker/plugins/odd.so", plugin), &j, NULL);
    struct job *job = bench_job(&b, 9, &j);
    uint64_t blocks = block_count(j.layout, j.n_items), next = 0;
    unsigned out = 0;
    while (next < blocks || out > 0) {
        for (uint32_t i = 0; i < 3 && next < blocks; i++) {
            uint32_t n = (uint32_t)(1 + next % 11);
            if (n > blocks - next)
                n = (uint32_t)(blocks - next);
            struct frame_lease f = {
                .first_block = next, .n_blocks = n, .end_item = j.n_items, .expect_ns = 5000};
            struct lease *l = bench_lease(&b, job, f, NULL);
            if (!pool_room(b.pool, i, l)) {
                lease_free(b.leases, l);
                continue;
            }
            pool_give(b.pool, i, l);
            next += n;
            out++;
        }
        struct pool_event ev = bench_wait(&b);
        struct frame_view v = view_of(&ev);
        ck_assert_uint_eq(v.result.started, 1);
        ck_assert_uint_gt(v.result.busy_ns, 0);
        ck_assert_uint_lt(v.result.wait_ns, 20 * NS_PER_S);
        trial_sink_add(&sink, &v);
        bench_done(&b, &ev);
        out--;
    }
    trial_sink_check(&sink);
    trial_sink_close(&sink);
    ck_assert_uint_eq(pool_deaths(b.pool), 0);
    bench_close(&b);
}
END_TEST

START_TEST(results_and_leases_larger_than_the_rings_pass)
{
    struct bench b = {.pool = NULL};
    struct trial_job j = {.task = "odd.big", .n_items = 4, .seed = 1};
    bench_open(&b, 1, 0, NULL);
    struct job *job = bench_job(&b, 1, &j);
    struct frame_lease f = {.n_blocks = 4, .end_item = 4, .flags = FRAME_WANT_PLAN};
    pool_give(b.pool, 0, bench_lease(&b, job, f, NULL));
    struct pool_event ev = bench_wait(&b);
    struct frame_view v = view_of(&ev);
    ck_assert_uint_gt(v.result.len_nodes, 12000000);
    ck_assert_uint_gt(v.result.len_plan, 0);
    struct reduce_plan *plan = NULL;
    ck_assert_int_eq(reduce_plan_decode(v.plan, v.result.len_plan, &plan, NULL), QX_ERR_OK);
    /* the state goes back as the payload of a FINISH */
    const uint8_t *p = v.nodes;
    size_t len;
    ck_assert_uint_eq(v.result.n_nodes, 1);
    const uint8_t *state = frame_next_node(&p, &len);
    struct frame_lease finish = {.kind = FRAME_KIND_FINISH, .end_item = 4, .len_payload = len};
    pool_give(b.pool, 0, bench_lease(&b, job, finish, state));
    struct pool_event answer = bench_wait(&b);
    struct frame_view a = view_of(&answer);
    ck_assert_msg(a.result.outcome == QX_OUTCOME_OK, "%.*s", (int)a.result.len_text, a.text);
    ck_assert_uint_gt(a.len_payload, 2);
    ck_assert_int_eq(a.payload[0], '{');
    reduce_plan_free(plan);
    bench_done(&b, &ev);
    bench_done(&b, &answer);
    bench_close(&b);
}
END_TEST

START_TEST(two_states_are_merged_by_an_executor)
{
    struct bench b = {.pool = NULL};
    struct trial_sink sink;
    char plugin[1024];
    struct trial_job j = {.task = "odd.item", .n_items = 64, .seed = 3, .layout = {32, 4}};
    bench_open(&b, 1, 0, NULL);
    trial_sink_open(&sink, trial_plugin("worker/plugins/odd.so", plugin), &j, NULL);
    struct job *job = bench_job(&b, 1, &j);
    struct qx_bytes payload = {0};
    for (uint64_t i = 0; i < 2; i++) {
        pool_give(b.pool, 0,
                  bench_lease(&b, job, (struct frame_lease){.first_block = i, .n_blocks = 1, .end_item = 64},
                              NULL));
        struct pool_event ev = bench_wait(&b);
        struct frame_view v = view_of(&ev);
        const uint8_t *p = v.nodes;
        size_t len;
        const uint8_t *state = frame_next_node(&p, &len);
        if (i == 0)
            ck_assert_int_eq(qx_put_u64(&payload, len), QX_ERR_OK);
        ck_assert_int_eq(qx_bytes_append(&payload, state, len), QX_ERR_OK);
        bench_done(&b, &ev);
    }
    struct frame_lease merge = {
        .kind = FRAME_KIND_MERGE, .n_blocks = 2, .end_item = 64, .len_payload = payload.len};
    pool_give(b.pool, 0, bench_lease(&b, job, merge, payload.data));
    struct pool_event ev = bench_wait(&b);
    struct frame_view v = view_of(&ev);
    trial_sink_add(&sink, &v);
    trial_sink_check(&sink);
    bench_done(&b, &ev);
    qx_bytes_fini(&payload);
    trial_sink_close(&sink);
    bench_close(&b);
}
END_TEST

START_TEST(what_open_and_run_say_reaches_the_result)
{
    struct bench b = {.pool = NULL};
    bench_open(&b, 1, 0, NULL);
    struct pool_event ev = run_one(&b, "odd.item", "none", "-3", 1, 0);
    struct frame_view v = view_of(&ev);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_ERROR);
    ck_assert_int_eq(v.result.code, QX_ERR_INVALID);
    ck_assert_uint_eq(v.result.len_text, strlen("at must not be -3"));
    ck_assert_mem_eq(v.text, "at must not be -3", v.result.len_text);
    bench_done(&b, &ev);
    ev = run_one(&b, "odd.item", "error", "9", 1, 0);
    v = view_of(&ev);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_ERROR);
    ck_assert_int_eq(v.result.code, QX_ERR_IO);
    bench_done(&b, &ev);
    ck_assert_uint_eq(pool_deaths(b.pool), 0);
    bench_close(&b);
}
END_TEST

/* ---- deaths ---- */

struct death {
    const char *task, *what, *at;
    uint32_t attempt;
    uint64_t timeout_ms;
    uint32_t outcome;
    uint64_t item;
    const char *text;
};

static const struct death deaths[] = {
    {"odd.item", "crash", "17", 1, 0, QX_OUTCOME_SIGNAL, 17, "signal 11 (SIGSEGV) in item 17"},
    {"odd.item", "abort", "3", 1, 0, QX_OUTCOME_SIGNAL, 3, "signal 6 (SIGABRT) in item 3"},
    {"odd.item", "exit", "5", 1, 0, QX_OUTCOME_EXIT, 5, "exit 3 in item 5"},
    {"odd.item", "hang", "6", 1, 100, QX_OUTCOME_TIMEOUT, 6, "over the time limit of 100 ms in item 6"},
    {"odd.item", "crash", "-2", 1, 0, QX_OUTCOME_SIGNAL, ITEM_NONE, "signal 11 (SIGSEGV) outside any item"},
    {"odd.block", "crash", "21", 1, 0, QX_OUTCOME_SIGNAL, ITEM_NONE,
     "signal 11 (SIGSEGV) in the group from item 16"},
    {"odd.block", "crash", "21", 2, 0, QX_OUTCOME_SIGNAL, 21, "signal 11 (SIGSEGV) in item 21"},
    {"odd.block", "hang", "21", 1, 100, QX_OUTCOME_TIMEOUT, 21, "over the time limit of 100 ms in item 21"},
};

START_TEST(a_death_is_named_as_what_it_was)
{
    const struct death *d = &deaths[_i];
    struct bench b = {.pool = NULL};
    bench_open(&b, 1, 0, NULL);
    struct pool_event ev = run_one(&b, d->task, d->what, d->at, d->attempt, d->timeout_ms);
    ck_assert_int_eq(ev.type, POOL_FAILED);
    ck_assert_str_eq(ev.text, d->text);
    ck_assert_uint_eq(ev.outcome, d->outcome);
    ck_assert_uint_eq(ev.item, d->item);
    bench_done(&b, &ev);
    ev = run_one(&b, d->task, "none", "-1", 1, 0); /* its place is taken by another */
    struct frame_view v = view_of(&ev);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_OK);
    bench_done(&b, &ev);
    ck_assert_uint_eq(pool_deaths(b.pool), 1);
    bench_close(&b);
}
END_TEST

START_TEST(memory_over_the_limit_is_an_outcome)
{
    struct bench b = {.pool = NULL};
    bench_open(&b, 1, (uint64_t)256 << 20, NULL);
    struct pool_event ev = run_one(&b, "odd.item", "eat", "2", 1, 0);
    ck_assert_int_eq(ev.type, POOL_FAILED);
    ck_assert_uint_eq(ev.outcome, QX_OUTCOME_MEMORY);
    ck_assert_str_eq(ev.text, "over the memory limit of 256 MiB in item 2");
    bench_done(&b, &ev);
    bench_close(&b);
}
END_TEST

/* A file below `dir`, whose folders are made. */
static void write_below(const char *dir, const char *file, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s%s", dir, file);
    for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* Into a file that is there: false if it may not. */
static bool write_here(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
    if (fd >= 0)
        (void)close(fd);
    return n == (ssize_t)strlen(text);
}

static const char *in(const char *dir, const char *file, char ret[128])
{
    (void)snprintf(ret, 128, "%s/%s", dir, file);
    return ret;
}

static struct lease *start_hang(struct bench *b, struct job **ret)
{
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "hang", "at", "0"}, .n_items = 100, .seed = 1};
    *ret = bench_job(b, 1, &j);
    pool_renew(b->pool, *ret);
    struct lease *l = bench_lease(b, *ret, (struct frame_lease){.n_blocks = 1, .end_item = 100}, NULL);
    wait_for_pid(b, 0);
    pool_give(b->pool, 0, l);
    await_item(b, 0);
    return l;
}

/* The kernel's count rises, in the cgroup or else on the machine, and an executor is found killed by nobody here. */
START_TEST(a_kill_for_want_of_memory_is_told_from_others)
{
    const bool cgroup = _i == 0;
    const char *const count = cgroup ? "/sys/fs/cgroup/a/b/memory.events" : "/proc/vmstat";
    struct bench b = {.pool = NULL};
    char dir[] = "/tmp/qx-test-pool-XXXXXX", command[64];
    struct job *job = NULL;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    write_below(dir, "/proc/self/cgroup", cgroup ? "9:memory:/x\n0::/a/b\n" : "9:memory:/x\n0::/\n");
    write_below(dir, count, "low 0\noom 7\noom_kill 3\n");
    b.proc_root = dir;
    bench_open(&b, 1, 0, NULL);
    struct pool_event ev;
    for (int risen = 0; risen < 2; risen++) {
        (void)start_hang(&b, &job);
        if (risen)
            write_below(dir, count, "low 0\noom 9\noom_kill 4\n");
        ck_assert_int_eq(kill(pool_pid(b.pool, 0), SIGKILL), 0);
        ev = bench_wait(&b);
        ck_assert_int_eq(ev.type, POOL_FAILED);
        ck_assert_uint_eq(ev.outcome, risen ? QX_OUTCOME_MEMORY : QX_OUTCOME_SIGNAL);
        ck_assert_str_eq(ev.text, risen ? "killed by the system, which is out of memory in item 0"
                                        : "signal 9 (SIGKILL) in item 0");
        bench_done(&b, &ev);
    }
    bench_close(&b);
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* The real thing, where we may make a cgroup with a limit of its own for the executor. */
START_TEST(the_kernels_killer_is_seen)
{
    static const struct {
        const char *dir, *limit;
    } kinds[] = {{"/sys/fs/cgroup/qx-test-pool", "memory.max"},
                 {"/sys/fs/cgroup/memory/qx-test-pool", "memory.limit_in_bytes"}};
    struct bench b = {.pool = NULL};
    struct job *job = NULL;
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "eat", "at", "0"}, .n_items = 100, .seed = 1};
    bench_open(&b, 1, 0, NULL);
    wait_for_pid(&b, 0);
    const char *dir = NULL;
    for (size_t i = 0; i < 2 && !dir; i++) {
        char path[128], pid[32];
        if (mkdir(kinds[i].dir, 0700) != 0)
            continue;
        (void)snprintf(pid, sizeof pid, "%d", pool_pid(b.pool, 0));
        dir = write_here(in(kinds[i].dir, kinds[i].limit, path), "67108864") &&
                      write_here(in(kinds[i].dir, "cgroup.procs", path), pid)
                  ? kinds[i].dir
                  : NULL;
        if (!dir)
            (void)rmdir(kinds[i].dir);
    }
    if (dir) {
        job = bench_job(&b, 1, &j);
        pool_give(b.pool, 0,
                  bench_lease(&b, job, (struct frame_lease){.n_blocks = 1, .end_item = 100}, NULL));
        struct pool_event ev = bench_wait(&b);
        ck_assert_int_eq(ev.type, POOL_FAILED);
        ck_assert_str_eq(ev.text, "killed by the system, which is out of memory in item 0");
        ck_assert_uint_eq(ev.outcome, QX_OUTCOME_MEMORY);
        bench_done(&b, &ev);
        (void)rmdir(dir);
    } else {
        (void)fprintf(stderr, "skipped: no cgroup with a memory limit can be made here\n");
    }
    bench_close(&b);
}
END_TEST

START_TEST(overwriting_shared_memory_costs_the_executor_only)
{
    struct bench b = {.pool = NULL};
    bench_open(&b, 2, 0, NULL);
    struct pool_event ev = run_one(&b, "odd.item", "scribble", "2", 1, 0);
    ck_assert_int_ne(ev.type, POOL_RESULT);
    bench_done(&b, &ev);
    ev = run_one(&b, "odd.item", "none", "-1", 1, 0);
    struct frame_view v = view_of(&ev);
    ck_assert_uint_eq(v.result.outcome, QX_OUTCOME_OK);
    bench_done(&b, &ev);
    bench_close(&b);
}
END_TEST

/* Ahead of a crash, in the ring of the same executor: not started, so no attempt. */
START_TEST(leases_behind_a_crash_come_back_unstarted)
{
    struct bench b = {.pool = NULL};
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "crash", "at", "1"}, .n_items = 100, .seed = 1};
    bench_open(&b, 1, 0, NULL);
    struct job *job = bench_job(&b, 1, &j);
    for (uint64_t i = 0; i < 4; i++) {
        struct frame_lease f = {.first_block = i, .n_blocks = 1, .end_item = 100, .expect_ns = 1000};
        struct lease *l = bench_lease(&b, job, f, NULL);
        ck_assert(pool_room(b.pool, 0, l));
        pool_give(b.pool, 0, l);
    }
    static const enum pool_event_type expected[] = {POOL_RESULT, POOL_FAILED, POOL_RETURNED, POOL_RETURNED};
    for (uint64_t i = 0; i < 4; i++) {
        struct pool_event ev = bench_wait(&b);
        ck_assert_int_eq(ev.type, expected[i]);
        ck_assert_uint_eq(ev.lease->f.first_block, i);
        bench_done(&b, &ev);
    }
    bench_close(&b);
}
END_TEST

START_TEST(an_idle_executor_that_is_killed_is_replaced)
{
    struct bench b = {.pool = NULL};
    bench_open(&b, 1, 0, NULL);
    wait_for_pid(&b, 0);
    int pid = pool_pid(b.pool, 0);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    wait_for_pid(&b, pid);
    ck_assert_ptr_nonnull(strstr(b.reports, "EXECUTOR-DIED slot=0"));
    bench_close(&b);
}
END_TEST

START_TEST(losing_the_zygote_is_nobodys_failed_attempt)
{
    struct bench b = {.pool = NULL};
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "hang", "at", "0"}, .n_items = 100, .seed = 1};
    bench_open(&b, 1, 0, NULL);
    wait_for_pid(&b, 0);
    struct job *job = bench_job(&b, 1, &j);
    pool_give(b.pool, 0, bench_lease(&b, job, (struct frame_lease){.n_blocks = 1, .end_item = 100}, NULL));
    pool_flush(b.pool);
    int pid = pool_pid(b.pool, 0), parent = 0;
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(text, sizeof text, f))
        parent = strncmp(text, "PPid:", 5) == 0 ? (int)strtol(text + 5, NULL, 10) : parent;
    (void)fclose(f);
    ck_assert_int_gt(parent, 1);
    ck_assert_int_eq(kill(parent, SIGKILL), 0);
    struct pool_event ev = bench_wait(&b);
    ck_assert_int_eq(ev.type, POOL_RETURNED);
    bench_done(&b, &ev);
    ev = run_one(&b, "odd.item", "none", "-1", 1, 0);
    ck_assert_int_eq(ev.type, POOL_RESULT);
    bench_done(&b, &ev);
    bench_close(&b);
}
END_TEST

/* ---- late ---- */

/* One item of 2 s where a microsecond was expected: what lies behind it in the ring is run by the other executor at once. */
START_TEST(leases_behind_a_late_one_are_taken_back)
{
    struct bench b = {.pool = NULL};
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "doze", "at", "0"}, .n_items = 100, .seed = 1};
    bench_open(&b, 2, 0, NULL);
    struct job *job = bench_job(&b, 1, &j);
    struct lease *l[8];
    for (uint64_t i = 0; i < 8; i++) {
        struct frame_lease f = {
            .first_block = i, .n_blocks = 1, .end_item = 100, .expect_ns = POOL_AHEAD_NS / 6};
        l[i] = bench_lease(&b, job, f, NULL);
    }
    uint64_t start_ns = clock_ns();
    for (uint64_t i = 0; i < 6; i++) {
        ck_assert(pool_room(b.pool, 0, l[i]));
        pool_give(b.pool, 0, l[i]);
    }
    for (uint64_t i = 1; i < 6; i++) {
        struct pool_event ev = bench_wait(&b);
        ck_assert_int_eq(ev.type, POOL_RETURNED);
        ck_assert_uint_eq(ev.lease->f.first_block, i);
    }
    ck_assert_uint_lt(clock_ns() - start_ns, NS_PER_S);
    ck_assert(!pool_room(b.pool, 0, l[1])); /* nothing is queued behind it any more */
    ck_assert(!pool_all_late(b.pool));
    for (uint64_t i = 1; i < 6; i++)
        pool_give(b.pool, 1, l[i]);
    for (uint64_t i = 1; i < 6; i++) {
        struct pool_event ev = bench_wait(&b);
        ck_assert_uint_eq(view_of(&ev).result.first_block, i);
        bench_done(&b, &ev);
    }
    ck_assert_uint_lt(clock_ns() - start_ns, 3 * NS_PER_S / 2);
    struct pool_event late = bench_wait(&b);
    ck_assert_uint_eq(view_of(&late).result.first_block, 0);
    bench_done(&b, &late);
    for (uint64_t i = 6; i < 8; i++) { /* behind what it passes over */
        ck_assert(pool_room(b.pool, 0, l[i]));
        pool_give(b.pool, 0, l[i]);
    }
    for (uint64_t i = 6; i < 8; i++) {
        struct pool_event ev = bench_wait(&b);
        ck_assert_uint_eq(view_of(&ev).result.first_block, i);
        ck_assert_uint_eq(ev.slot, 0);
        bench_done(&b, &ev);
    }
    ck_assert_uint_eq(pool_deaths(b.pool), 0);
    bench_close(&b);
}
END_TEST

START_TEST(all_are_late_when_every_executor_is)
{
    struct bench b = {.pool = NULL};
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "doze", "at", "0"}, .n_items = 100, .seed = 1};
    bench_open(&b, 1, 0, NULL);
    struct job *job = bench_job(&b, 1, &j);
    for (uint64_t i = 0; i < 2; i++)
        pool_give(b.pool, 0,
                  bench_lease(&b, job,
                              (struct frame_lease){
                                  .first_block = i, .n_blocks = 1, .end_item = 100, .expect_ns = 1000},
                              NULL));
    ck_assert(!pool_all_late(b.pool));
    struct pool_event ev = bench_wait(&b);
    ck_assert_int_eq(ev.type, POOL_RETURNED);
    bench_done(&b, &ev);
    ck_assert(pool_all_late(b.pool));
    ev = bench_wait(&b);
    ck_assert_int_eq(ev.type, POOL_RESULT);
    bench_done(&b, &ev);
    ck_assert(!pool_all_late(b.pool));
    bench_close(&b);
}
END_TEST

/* A ring without the ring: one thread starts what is given, the other takes the end back whenever it likes. */
enum { TURNS = 200000, TURNS_AHEAD = 16 };
struct turns {
    struct turn turn;
    _Atomic uint32_t given, read;
    uint8_t started[TURNS + 1];
};

static void *start_turns(void *arg)
{
    struct turns *t = arg;
    for (uint32_t i = 1; i <= TURNS; i++) {
        while (atomic_load(&t->given) < i)
            continue;
        t->started[i] = turn_start(&t->turn, UINT32_MAX - TURNS / 2 + i); /* over the wrap */
        atomic_store(&t->read, i);
    }
    return NULL;
}

START_TEST(a_turn_is_taken_once)
{
    static struct turns t;
    static uint8_t taken[TURNS + 1];
    const uint32_t base = UINT32_MAX - TURNS / 2;
    atomic_store(&t.turn.word, (uint64_t)base << 32 | base);
    pthread_t executor;
    ck_assert_int_eq(pthread_create(&executor, NULL, start_turns, &t), 0);
    uint32_t mine = 0; /* up to here they were looked at */
    unsigned n_taken = 0;
    for (uint32_t given = 0; given < TURNS;) {
        if (given - atomic_load(&t.read) < TURNS_AHEAD)
            atomic_store(&t.given, ++given);
        uint32_t started;
        if (given % 7 || !turn_take_back(&t.turn, base + given, &started))
            continue;
        uint32_t from = turn_after(started, base + mine) ? started - base : mine;
        for (uint32_t i = from + 1; i <= given; i++)
            n_taken += taken[i] = 1;
        mine = given;
    }
    (void)pthread_join(executor, NULL);
    for (uint32_t i = 1; i <= TURNS; i++)
        if (t.started[i] + taken[i] != 1)
            ck_abort_msg("turn %u: started %d, taken back %d", i, t.started[i], taken[i]);
    ck_assert_uint_gt(n_taken, 0);
}
END_TEST

/* ---- forgetting ---- */

START_TEST(revoking_stops_what_lies_beyond_and_nothing_else)
{
    struct bench b = {.pool = NULL};
    bench_open(&b, 3, 0, NULL);
    struct trial_job j = {
        .task = "odd.item", .params = {"what", "nap", "at", "5"}, .n_items = 100, .seed = 1};
    struct job *job = bench_job(&b, 1, &j);
    pool_give(
        b.pool, 0,
        bench_lease(&b, job, (struct frame_lease){.first_block = 5, .n_blocks = 1, .end_item = 100}, NULL));
    pool_give(
        b.pool, 1,
        bench_lease(&b, job, (struct frame_lease){.first_block = 6, .n_blocks = 1, .end_item = 100}, NULL));
    pool_give(
        b.pool, 2,
        bench_lease(&b, job, (struct frame_lease){.first_block = 4, .n_blocks = 1, .end_item = 100}, NULL));
    struct lease_scope beyond = {.job = job, .from_block = 5};
    struct lease_scope elsewhere = {.job = job, .cell = 1};
    pool_revoke(b.pool, &elsewhere, clock_ns(), count_dropped, &b);
    ck_assert_uint_eq(b.dropped, 0);
    pool_revoke(b.pool, &beyond, clock_ns(), count_dropped, &b);
    ck_assert_uint_eq(b.dropped, 2);
    int wanted = 0;
    for (int i = 0; i < 3; i++) { /* the napping one too comes back, cancelled */
        struct pool_event ev = bench_wait(&b);
        wanted += ev.lease->job != NULL;
        ck_assert(!ev.lease->job || ev.lease->f.first_block == 4);
        bench_done(&b, &ev);
    }
    ck_assert_int_eq(wanted, 1);
    bench_close(&b);
}
END_TEST

static uint64_t forget_running(struct bench *b, const char *what)
{
    struct trial_job j = {.task = "odd.item", .params = {"what", what, "at", "0"}, .n_items = 100, .seed = 1};
    struct job *job = bench_job(b, 1, &j);
    uint64_t start_ns = clock_ns();
    pool_give(b->pool, 0, bench_lease(b, job, (struct frame_lease){.n_blocks = 1, .end_item = 100}, NULL));
    await_item(b, 0);
    forget_job(b, job);
    jobs_remove(b->jobs, job);
    ck_assert_uint_eq(b->dropped, 1);
    struct pool_event ev = bench_wait(b);
    ck_assert_ptr_null(ev.lease->job);
    bench_done(b, &ev);
    return (clock_ns() - start_ns) / NS_PER_MS;
}

START_TEST(a_forgotten_lease_is_told_to_stop)
{
    struct bench b = {.pool = NULL};
    bench_open(&b, 1, 0, NULL);
    ck_assert_uint_lt(forget_running(&b, "nap"), POOL_STOP_MS);
    ck_assert_uint_eq(pool_deaths(b.pool), 0);
    bench_close(&b);
}
END_TEST

START_TEST(one_that_does_not_stop_is_killed)
{
    struct bench b = {.pool = NULL};
    bench_open(&b, 1, 0, NULL);
    ck_assert_uint_ge(forget_running(&b, "hang"), POOL_STOP_MS);
    ck_assert_uint_eq(pool_deaths(b.pool), 1);
    struct pool_event ev = run_one(&b, "odd.item", "none", "-1", 1, 0);
    ck_assert_int_eq(ev.type, POOL_RESULT);
    bench_done(&b, &ev);
    bench_close(&b);
}
END_TEST

/* ---- plugins ---- */

START_TEST(a_plugin_that_crashes_while_loaded_is_left_out)
{
    struct bench b = {.pool = NULL};
    uint32_t n = 0;
    bench_open(&b, 1, 0, "worker/crash");
    const struct task_decl *tasks = pool_tasks(b.pool, &n);
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(tasks[0].name, "odd.item");
    ck_assert_ptr_nonnull(strstr(b.reports, "PLUGIN-CRASHED"));
    ck_assert_ptr_nonnull(
        strstr(b.reports, "crash_on_load.so why=\"signal 11 (SIGSEGV) while it was loaded\""));
    bench_close(&b);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_reported)
{
    struct bench b = {.pool = NULL};
    bench_open(&b, 1, 0, "worker/none");
    ck_assert_ptr_nonnull(strstr(b.reports, "PLUGIN-REFUSED"));
    ck_assert_ptr_nonnull(strstr(b.reports, "No such file"));
    bench_close(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool");
    TCase *tc = tcase_create("pool");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_job_has_the_bits_of_a_run_in_one_process);
    tcase_add_test(tc, results_and_leases_larger_than_the_rings_pass);
    tcase_add_test(tc, two_states_are_merged_by_an_executor);
    tcase_add_test(tc, what_open_and_run_say_reaches_the_result);
    tcase_add_loop_test(tc, a_death_is_named_as_what_it_was, 0, sizeof deaths / sizeof *deaths);
    tcase_add_test(tc, memory_over_the_limit_is_an_outcome);
    tcase_add_loop_test(tc, a_kill_for_want_of_memory_is_told_from_others, 0, 2);
    tcase_add_test(tc, the_kernels_killer_is_seen);
    tcase_add_test(tc, overwriting_shared_memory_costs_the_executor_only);
    tcase_add_test(tc, leases_behind_a_crash_come_back_unstarted);
    tcase_add_test(tc, an_idle_executor_that_is_killed_is_replaced);
    tcase_add_test(tc, losing_the_zygote_is_nobodys_failed_attempt);
    tcase_add_test(tc, leases_behind_a_late_one_are_taken_back);
    tcase_add_test(tc, all_are_late_when_every_executor_is);
    tcase_add_test(tc, a_turn_is_taken_once);
    tcase_add_test(tc, revoking_stops_what_lies_beyond_and_nothing_else);
    tcase_add_test(tc, a_forgotten_lease_is_told_to_stop);
    tcase_add_test(tc, one_that_does_not_stop_is_killed);
    tcase_add_test(tc, a_plugin_that_crashes_while_loaded_is_left_out);
    tcase_add_test(tc, a_folder_that_is_not_there_is_reported);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
