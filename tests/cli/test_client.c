/* The blocking layer, with a master that a thread of the test plays, and with embedded farms. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "proto/control.h"
#include "quincunx/client.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- a played master ---- */

struct player {
    void *ctx, *sock;
    pthread_t thread;
    char address[64];
    const void *raw; /* answer everything with these bytes */
    size_t raw_len;
    int pings; /* answer so many, then fall silent; a submission is accepted */
};

static void answer(struct player *p, zmq_msg_t *peer, const void *data, size_t len)
{
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    zmq_msg_copy(&copy, peer);
    zmq_msg_send(&copy, p->sock, ZMQ_SNDMORE);
    zmq_send(p->sock, data, len, 0);
}

static void play_message(struct player *p, zmq_msg_t *peer, zmq_msg_t *msg)
{
    struct control c, re = {0};
    struct qx_bytes b = {0};
    struct qx_error err;
    if (p->raw) {
        answer(p, peer, p->raw, p->raw_len);
        return;
    }
    if (control_decode(zmq_msg_data(msg), zmq_msg_size(msg), &c, &err) != QX_ERR_OK)
        return;
    re.tag = c.tag;
    if (c.type == CONTROL_PING && p->pings-- > 0) {
        re.type = CONTROL_PONG;
        re.u.pong.version = QX_PROTO_VERSION;
        re.u.pong.release = "played";
    } else if (c.type == CONTROL_TASKS) {
        re.type = CONTROL_TASK_LIST;
    } else if (c.type == CONTROL_SUBMIT) {
        re.type = CONTROL_SUBMITTED;
        re.u.submitted.job = 1;
        re.u.submitted.version = "1";
    }
    if (re.type && control_encode(&re, &b) == QX_ERR_OK)
        answer(p, peer, b.data, b.len);
    qx_bytes_fini(&b);
    control_fini(&c);
}

static void *play(void *arg)
{
    struct player *p = arg;
    zmq_msg_t peer, msg;
    zmq_msg_init(&peer);
    zmq_msg_init(&msg);
    while (zmq_msg_recv(&peer, p->sock, 0) >= 0 && zmq_msg_recv(&msg, p->sock, 0) >= 0)
        play_message(p, &peer, &msg);
    zmq_msg_close(&peer);
    zmq_msg_close(&msg);
    int linger = 0;
    zmq_setsockopt(p->sock, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(p->sock);
    return NULL;
}

static void player_start(struct player *p)
{
    size_t len = sizeof p->address;
    p->ctx = zmq_ctx_new();
    p->sock = zmq_socket(p->ctx, ZMQ_ROUTER);
    ck_assert_int_eq(zmq_bind(p->sock, "tcp://127.0.0.1:*"), 0);
    ck_assert_int_eq(zmq_getsockopt(p->sock, ZMQ_LAST_ENDPOINT, p->address, &len), 0);
    ck_assert_int_eq(pthread_create(&p->thread, NULL, play, p), 0);
}

static void player_stop(struct player *p)
{
    zmq_ctx_shutdown(p->ctx);
    pthread_join(p->thread, NULL);
    zmq_ctx_term(p->ctx);
}

START_TEST(an_address_is_checked)
{
    static const char *const bad[] = {"localhost",         "tcp://localhost", "tcp://localhost:99999",
                                      "udp://localhost:1", "tcp://:1",        "ipc://"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct qx_client *c = NULL;
        struct qx_error err = {0};
        ck_assert_int_eq(qx_client_open(bad[i], NULL, &c, &err), QX_ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.text, bad[i]));
    }
}
END_TEST

START_TEST(nobody_there_is_told_in_time)
{
    struct qx_client *c = NULL;
    struct qx_error err = {0};
    double start = now_s();
    ck_assert_int_eq(
        qx_client_open("tcp://127.0.0.1:9", &(struct qx_client_options){.reach_ms = 400}, &c, &err),
        QX_ERR_IO);
    ck_assert_double_lt(now_s() - start, 2);
    ck_assert_ptr_nonnull(strstr(err.text, "tcp://127.0.0.1:9"));
}
END_TEST

START_TEST(another_protocol_is_told)
{
    static const uint8_t other[] = {0x08, 99}; /* the version of the envelope: 99 */
    struct player p = {.raw = other, .raw_len = sizeof other};
    struct qx_client *c = NULL;
    struct qx_error err = {0};
    player_start(&p);
    ck_assert_int_eq(qx_client_open(p.address, NULL, &c, &err), QX_ERR_VERSION);
    ck_assert_ptr_nonnull(strstr(err.text, "99"));
    player_stop(&p);
}
END_TEST

START_TEST(no_master_but_noise_is_told)
{
    struct player p = {.raw = "HTTP/1.1 400 Bad Request", .raw_len = 24};
    struct qx_client *c = NULL;
    struct qx_error err = {0};
    player_start(&p);
    ck_assert_int_ne(qx_client_open(p.address, NULL, &c, &err), QX_ERR_OK);
    ck_assert_ptr_nonnull(strstr(err.text, p.address));
    player_stop(&p);
}
END_TEST

START_TEST(a_master_that_falls_silent_ends_every_wait)
{
    struct player p = {.pings = 1};
    struct qx_client *c = NULL;
    struct qx_future *f[2] = {NULL}, *done;
    struct qx_error err = {0};
    const struct qx_result *r;
    player_start(&p);
    ck_assert_int_eq(qx_client_open(p.address, &(struct qx_client_options){.reach_ms = 500}, &c, &err),
                     QX_ERR_OK);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            qx_client_submit(c, &(struct qx_job_options){.task = "pi", .n_items = 1}, &f[i], &err),
            QX_ERR_OK);
    double start = now_s();
    ck_assert_int_eq(qx_future_wait(f[0], -1, &err), QX_ERR_IO);
    ck_assert_double_lt(now_s() - start, 3);
    ck_assert_ptr_nonnull(strstr(err.text, p.address));
    ck_assert(qx_client_lost(c));
    ck_assert_int_eq(qx_future_get(f[1], -1, &r, &err), QX_ERR_IO);
    ck_assert_int_eq(qx_as_completed(f, 2, -1, &done, &err),
                     QX_ERR_OK); /* they have ended, with an error each */
    ck_assert_ptr_eq(done, f[0]);
    ck_assert_int_eq(qx_client_jobs(c, 0, &(struct qx_job_list *){NULL}, &err), QX_ERR_IO);
    qx_future_free(f[0]);
    qx_future_free(f[1]);
    qx_client_close(c);
    player_stop(&p);
}
END_TEST

/* ---- embedded farms ---- */

static struct qx_client *farm(void)
{
    struct qx_client *c = NULL;
    struct qx_error err = {0};
    ck_assert_int_eq(unsetenv("QX_MASTER"), 0);
    ck_assert_msg(qx_client_open(NULL, &(struct qx_client_options){.slots = 2}, &c, &err) == QX_ERR_OK, "%s",
                  err.text);
    ck_assert(qx_client_embedded(c));
    return c;
}

static struct qx_future *submit(struct qx_client *c, const struct qx_job_options *o)
{
    struct qx_future *f = NULL;
    struct qx_error err = {0};
    ck_assert_msg(qx_client_submit(c, o, &f, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_uint_ne(qx_future_job(f), 0);
    return f;
}

START_TEST(futures_end_and_are_given_once)
{
    enum { N = 20 };
    struct qx_client *c = farm();
    struct qx_future *f[N], *done;
    struct qx_error err = {0};
    bool seen[N] = {false};
    for (int i = 0; i < N; i++)
        f[i] =
            submit(c, &(struct qx_job_options){
                          .task = "pi", .n_items = 1000u * (unsigned)(N - i), .seed = 7, .has_seed = true});
    for (int i = 0; i < N; i++) {
        const struct qx_result *r;
        ck_assert_msg(qx_as_completed(f, N, 30000, &done, &err) == QX_ERR_OK, "%s", err.text);
        ck_assert_ptr_nonnull(done);
        ck_assert(qx_future_done(done));
        ck_assert_int_eq(qx_future_get(done, 0, &r, &err), QX_ERR_OK);
        for (int k = 0; k < N; k++)
            if (f[k] == done) {
                ck_assert(!seen[k]);
                seen[k] = true;
                ck_assert_uint_eq(r->cells[0].n_items, 1000u * (unsigned)(N - k));
            }
    }
    ck_assert_int_eq(qx_as_completed(f, N, 0, &done, &err), QX_ERR_OK);
    ck_assert_ptr_null(done);
    for (int i = 0; i < N; i++)
        qx_future_free(f[i]);
    qx_client_close(c);
}
END_TEST

struct sum {
    double total;
    uint64_t next, give_up;
};

static qx_err add_rows(void *arg, const struct qx_rows *r)
{
    struct sum *s = arg;
    ck_assert_uint_eq(r->first_item, s->next);
    ck_assert_str_eq(r->columns[0], "index");
    for (uint32_t i = 0; i < r->n_items; i++)
        s->total += r->values[i];
    s->next += r->n_items;
    return s->give_up && s->next >= s->give_up ? QX_ERR_LIMIT : QX_ERR_OK;
}

START_TEST(map_hands_out_every_row_in_order)
{
    struct qx_client *c = farm();
    struct qx_error err = {0};
    struct qx_result *r = NULL;
    struct sum s = {0};
    struct qx_job_options o = {.task = "noop", .n_items = 200000};
    ck_assert_msg(qx_client_map(c, &o, add_rows, &s, 60000, &r, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_uint_eq(s.next, 200000);
    ck_assert_double_eq(s.total, 199999.0 * 200000 / 2);
    ck_assert_uint_eq(r->cells[0].n_items, 200000);
    qx_result_free(r);

    s = (struct sum){.give_up = 1};
    o.n_items = 1000000000;
    ck_assert_int_eq(qx_client_map(c, &o, add_rows, &s, 60000, NULL, &err),
                     QX_ERR_LIMIT); /* and the job is cancelled */
    struct qx_job_list *jobs;
    ck_assert_int_eq(qx_client_jobs(c, 2, &jobs, &err), QX_ERR_OK);
    ck_assert_int_eq(jobs->jobs[0].state, QX_JOB_CANCELLED);
    qx_job_list_free(jobs);
    qx_client_close(c);
}
END_TEST

START_TEST(waits_have_ends_and_cancel_works)
{
    struct qx_client *c = farm();
    struct qx_error err = {0};
    const struct qx_result *r = NULL;
    const struct qx_arg args[] = {{"seconds", "0.05"}};
    struct qx_future *f =
        submit(c, &(struct qx_job_options){
                      .task = "sleep", .args = args, .n_args = 1, .n_items = 100000, .progress_ms = 50});
    double start = now_s();
    ck_assert_int_eq(qx_future_wait(f, 300, &err), QX_ERR_TIMEOUT);
    ck_assert_double_lt(now_s() - start, 3);
    ck_assert(!qx_future_done(f));
    ck_assert_ptr_null(qx_future_result(f));
    for (start = now_s();
         now_s() - start < 10 && !(qx_future_progress(f) && qx_future_progress(f)->items_done > 4);)
        (void)qx_future_wait(f, 50, &err);
    ck_assert_int_eq(qx_future_progress(f)->state, QX_JOB_RUNNING);
    ck_assert_int_eq(qx_future_cancel(f, &err), QX_ERR_OK);
    ck_assert_int_eq(qx_future_get(f, 10000, &r, &err), QX_ERR_CANCELLED);
    ck_assert_int_eq(qx_future_result(f)->info.state, QX_JOB_CANCELLED);
    ck_assert_uint_gt(qx_future_result(f)->cells[0].n_items, 0);
    ck_assert(!qx_future_result(f)->cells[0].complete);
    ck_assert_int_eq(qx_future_cancel(f, &err), QX_ERR_OK);
    qx_future_free(f);
    qx_client_close(c);
}
END_TEST

START_TEST(a_forgotten_job_with_rows_goes_on)
{
    struct qx_client *c = farm();
    struct qx_error err = {0};
    struct qx_future *f = submit(
        c, &(struct qx_job_options){.task = "noop", .n_items = 20000000, .rows = true}); /* 160 MB of rows */
    uint64_t job = qx_future_job(f);
    qx_future_free(f);
    struct qx_job_list *jobs = NULL;
    enum qx_job_state state = QX_JOB_RUNNING;
    for (double start = now_s(); state == QX_JOB_RUNNING && now_s() - start < 60;) {
        ck_assert_msg(qx_client_jobs(c, job, &jobs, &err) == QX_ERR_OK, "%s", err.text);
        state = jobs->jobs[0].state;
        qx_job_list_free(jobs);
    }
    ck_assert_int_eq(state, QX_JOB_DONE);
    qx_client_close(c);
}
END_TEST

/* ---- rounds ---- */

struct seen {
    uint32_t round;
    uint64_t items;
};

static qx_err see_rows(void *arg, const struct qx_rows *r)
{
    struct seen *s = arg;
    ck_assert_uint_ge(r->round, s->round);
    s->round = r->round;
    s->items += r->n_items;
    return QX_ERR_OK;
}

static struct qx_client *farm_with_answers(void)
{
    static char path[512];
    const char *bin = getenv("QX_BIN_DIR");
    const char *const dirs[] = {path, NULL};
    struct qx_client *c = NULL;
    struct qx_error err = {0};
    (void)snprintf(path, sizeof path, "%s/../tests/plugins/answers", bin ? bin : "bin");
    ck_assert_msg(qx_client_open(NULL, &(struct qx_client_options){.slots = 2, .plugin_dirs = dirs}, &c,
                                 &err) == QX_ERR_OK,
                  "%s", err.text);
    return c;
}

START_TEST(a_future_goes_through_all_rounds)
{
    struct qx_client *c = farm_with_answers();
    struct qx_error err = {0};
    const struct qx_arg args[] = {{"last", "4"}};
    struct qx_job_options o = {
        .task = "t.rounds", .args = args, .n_args = 1, .n_items = 300, .seed = 1, .has_seed = true};
    const struct qx_result *r;
    struct qx_result *all;
    struct qx_future *f = submit(c, &o);
    ck_assert_int_eq(qx_future_get(f, 30000, &r, &err), QX_ERR_OK);
    ck_assert_uint_eq(r->n_rounds, 0); /* the first alone, which says how it would go on */
    ck_assert_ptr_nonnull(strstr(r->cells[0].result_json, "\"next\""));
    qx_future_free(f);
    o.rounds_max = QX_ROUNDS_MAX;
    f = submit(c, &o);
    ck_assert_int_eq(qx_future_get(f, 30000, &r, &err), QX_ERR_OK);
    ck_assert_uint_eq(r->n_rounds, 4);
    ck_assert_uint_eq(r->info.round, 4);
    ck_assert_ptr_null(strstr(r->cells[0].result_json, "\"next\""));
    ck_assert_uint_eq(qx_future_job(f), r->rounds[3].job);
    qx_future_free(f);
    struct seen s = {0};
    ck_assert_msg(qx_client_map(c, &o, see_rows, &s, 30000, &all, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_uint_eq(s.round, 4);
    ck_assert_uint_eq(s.items, 4 * 300);
    qx_client_close(c);
    ck_assert_uint_eq(all->n_rounds, 4); /* outlives its client */
    ck_assert_str_eq(all->rounds[3].why, "step 4 of 4");
    qx_result_free(all);
}
END_TEST

/* Cancelled at any time, also between two rounds: the rounds before are there. */
START_TEST(rounds_are_cancelled_at_any_time)
{
    struct qx_client *c = farm_with_answers();
    struct qx_error err = {0};
    const struct qx_arg args[] = {{"last", "1000"}};
    struct qx_job_options o = {.task = "t.rounds",
                               .args = args,
                               .n_args = 1,
                               .n_items = 10,
                               .seed = 1,
                               .has_seed = true,
                               .rounds_max = QX_ROUNDS_MAX};
    for (int turns = 0; turns < 12; turns++) {
        struct qx_future *f = submit(c, &o);
        const struct qx_result *r;
        for (int i = 0; i < turns; i++)
            (void)qx_future_wait(f, 1, &err);
        ck_assert_msg(qx_future_cancel(f, &err) == QX_ERR_OK, "%s", err.text);
        ck_assert_int_eq(qx_future_get(f, 30000, &r, &err), QX_ERR_CANCELLED);
        r = qx_future_result(f);
        ck_assert_ptr_nonnull(r);
        ck_assert(r->n_cells == 0 || !r->cells[0].complete || !r->cells[0].result_json[0]);
        qx_future_free(f);
    }
    struct qx_future *f = submit(c, &o); /* forgotten: no further round is begun, and nothing leaks */
    qx_future_free(f);
    f = submit(c, &(struct qx_job_options){.task = "pi", .n_items = 10});
    ck_assert_int_eq(qx_future_wait(f, 30000, &err), QX_ERR_OK);
    qx_future_free(f);
    qx_client_close(c);
}
END_TEST

/* The moment at which a round has ended and the job of the next has no number yet: it is cancelled when it has one. */
START_TEST(a_round_under_way_is_cancelled)
{
    struct qx_client *c = farm_with_answers();
    struct qx_error err = {0};
    const struct qx_arg args[] = {{"last", "9"}, {"slow_ms", "900"}, {"more", "40"}};
    const struct qx_job_info *news;
    struct qx_future *f = submit(c, &(struct qx_job_options){.task = "t.rounds",
                                                             .args = args,
                                                             .n_args = 3,
                                                             .n_items = 5000000,
                                                             .progress_ms = 10,
                                                             .rounds_max = QX_ROUNDS_MAX});
    const struct qx_result *r;
    double start = now_s();
    do
        (void)qx_future_done(f);
    while (!((news = qx_future_progress(f)) && news->round == 2) && now_s() - start < 30);
    ck_assert_uint_eq(qx_future_progress(f)->items_done, 0);
    ck_assert_str_eq(qx_future_progress(f)->round_why, "step 2 of 9");
    ck_assert_msg(qx_future_cancel(f, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_int_eq(qx_future_get(f, 8000, &r, &err), QX_ERR_CANCELLED); /* 18 s without */
    ck_assert_ptr_nonnull(strstr(qx_future_result(f)->cells[0].result_json, "\"step\":1"));
    qx_future_free(f);
    qx_client_close(c);
}
END_TEST

START_TEST(wrong_jobs_are_refused_and_nothing_changes)
{
    struct qx_client *c = farm();
    struct qx_error err = {0};
    struct qx_future *f = NULL;
    char path[] = "/tmp/qx-client-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "a,b\n1\n", 6), 6);
    close(fd);
    const struct qx_arg args[] = {{"data", path}, {"stat", "mean(a)"}};
    ck_assert_int_eq(
        qx_client_submit(c, &(struct qx_job_options){.task = "boot", .args = args, .n_args = 2}, &f, &err),
        QX_ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_int_eq(qx_client_submit(c, &(struct qx_job_options){.task = "bot"}, &f, &err), QX_ERR_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "boot"));
    ck_assert_int_eq(
        qx_client_submit(c, &(struct qx_job_options){.task = "busy", .args = args, .n_args = 2}, &f, &err),
        QX_ERR_INVALID);
    ck_assert_ptr_null(f);
    struct qx_job_list *jobs = NULL;
    ck_assert_int_eq(qx_client_jobs(c, 0, &jobs, &err), QX_ERR_OK);
    ck_assert_uint_eq(jobs->n, 0);
    qx_job_list_free(jobs);
    unlink(path);
    qx_client_close(c);
}
END_TEST

START_TEST(a_mistake_that_open_finds_is_the_users)
{
    struct qx_client *c = farm();
    struct qx_error err = {0};
    const struct qx_result *r;
    const struct qx_arg args[] = {{"expr", "x*("}, {"over", "x=0:1"}};
    struct qx_future *f = NULL;
    qx_err e = qx_client_submit(
        c, &(struct qx_job_options){.task = "mc.integrate", .args = args, .n_args = 2, .n_items = 10}, &f,
        &err);
    if (e == QX_ERR_OK)
        e = qx_future_get(f, 20000, &r, &err);
    ck_assert_int_eq(e, QX_ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "position"));
    qx_future_free(f);
    qx_client_close(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *played = tcase_create("played"), *real = tcase_create("farm");
    tcase_add_test(played, an_address_is_checked);
    tcase_add_test(played, nobody_there_is_told_in_time);
    tcase_add_test(played, another_protocol_is_told);
    tcase_add_test(played, no_master_but_noise_is_told);
    tcase_add_test(played, a_master_that_falls_silent_ends_every_wait);
    tcase_add_test(real, futures_end_and_are_given_once);
    tcase_add_test(real, map_hands_out_every_row_in_order);
    tcase_add_test(real, waits_have_ends_and_cancel_works);
    tcase_add_test(real, a_forgotten_job_with_rows_goes_on);
    tcase_add_test(real, a_future_goes_through_all_rounds);
    tcase_add_test(real, rounds_are_cancelled_at_any_time);
    tcase_add_test(real, a_round_under_way_is_cancelled);
    tcase_add_test(real, wrong_jobs_are_refused_and_nothing_changes);
    tcase_add_test(real, a_mistake_that_open_finds_is_the_users);
    tcase_set_timeout(real, 120);
    suite_add_tcase(suite, played);
    suite_add_tcase(suite, real);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
