/* Clients in several threads of one program: each thread has its own, on farms of their own and on one that they share. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quincunx/client.h"

enum { THREADS = 2, ROUNDS = 3, TIMEOUT_MS = 60000, DIGEST_BYTES = 64 };

struct
    user { /* what a thread was given, and what it found; Check's assertions stay in the thread of the test */
    pthread_t thread;
    const char *url; /* NULL: a farm of its own */
    const char *csv;
    char digests[2 * ROUNDS][DIGEST_BYTES];
    qx_err e;
    struct qx_error err;
};

static qx_err run_one(struct qx_client *c, const struct qx_job_options *job, char ret_digest[DIGEST_BYTES],
                      struct qx_error *err)
{
    struct qx_future *f = NULL;
    const struct qx_result *r = NULL;
    qx_err e = qx_client_submit(c, job, &f, err);
    if (e == QX_ERR_OK)
        e = qx_future_get(f, TIMEOUT_MS, &r, err);
    if (e == QX_ERR_OK)
        (void)snprintf(ret_digest, DIGEST_BYTES, "%s", r->digest);
    qx_future_free(f);
    return e;
}

static qx_err use_client(struct user *u, struct qx_client *c)
{
    const struct qx_arg args[] = {{"data", u->csv}, {"stat", "mean(x)"}};
    qx_err e = QX_ERR_OK;
    for (unsigned i = 0; i < ROUNDS && e == QX_ERR_OK; i++) {
        struct qx_job_options pi = {.task = "pi", .n_items = 20000, .seed = 7 + i, .has_seed = true};
        struct qx_job_options boot = pi;
        boot.task = "boot";
        boot.n_items = 500;
        boot.args = args;
        boot.n_args = 2;
        e = run_one(c, &pi, u->digests[2 * i], &u->err);
        if (e == QX_ERR_OK)
            e = run_one(c, &boot, u->digests[2 * i + 1], &u->err);
    }
    return e;
}

static void *be_user(void *arg)
{
    struct user *u = arg;
    struct qx_client *c = NULL;
    u->e = qx_client_open(u->url, &(struct qx_client_options){.slots = 1}, &c, &u->err);
    if (u->e == QX_ERR_OK)
        u->e = use_client(u, c);
    qx_client_close(c);
    return NULL;
}

/* All at once; all must have found the same. */
static void users_run(const char *url, const char *csv)
{
    static struct user users[THREADS];
    for (int i = 0; i < THREADS; i++) {
        users[i] = (struct user){.url = url, .csv = csv};
        ck_assert_int_eq(pthread_create(&users[i].thread, NULL, be_user, &users[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(users[i].thread, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_msg(users[i].e == QX_ERR_OK, "thread %d: %s", i, users[i].err.text);
        for (int k = 0; k < 2 * ROUNDS; k++) {
            ck_assert_uint_gt(strlen(users[i].digests[k]), 0);
            ck_assert_str_eq(users[i].digests[k], users[0].digests[k]);
        }
    }
    ck_assert_str_ne(users[0].digests[0], users[0].digests[2]); /* another seed */
}

static char csv[64];

static void setup(void)
{
    FILE *f;
    strcpy(csv, "/tmp/qx-threads-XXXXXX");
    int fd = mkstemp(csv);
    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_nonnull(f = fdopen(fd, "w"));
    (void)fprintf(f, "x,group\n");
    for (int i = 0; i < 200; i++) /* more digits than the fast path of numbers takes */
        (void)fprintf(f, "%d.%019d1,%s\n", i, i * 7919, i % 2 ? "a" : "b");
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(unsetenv("QX_MASTER"), 0);
}

static void teardown(void)
{
    (void)remove(csv);
}

START_TEST(each_thread_has_a_farm_of_its_own)
{
    users_run(NULL, csv);
}
END_TEST

START_TEST(threads_share_a_farm_through_clients_of_their_own)
{
    struct qx_client *c = NULL;
    struct qx_error err = {0};
    ck_assert_msg(qx_client_open(NULL, &(struct qx_client_options){.slots = 2}, &c, &err) == QX_ERR_OK, "%s",
                  err.text);
    users_run(qx_client_address(c), csv);
    struct qx_job_list *jobs = NULL;
    ck_assert_int_eq(qx_client_jobs(c, 0, &jobs, &err), QX_ERR_OK);
    ck_assert_uint_eq(jobs->n, THREADS * 2 * ROUNDS);
    qx_job_list_free(jobs);
    qx_client_close(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_threads");
    TCase *tc = tcase_create("threads");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, each_thread_has_a_farm_of_its_own);
    tcase_add_test(tc, threads_share_a_farm_through_clients_of_their_own);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
