#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "worker/ring.h"

enum { CAP = 64 };

static struct ring shared;
static uint8_t bytes[4096];
static struct ring_end writer, reader;

static void setup(void)
{
    memset(&shared, 0, sizeof shared);
    ring_end_init(&writer, &shared, bytes, CAP);
    ring_end_init(&reader, &shared, bytes, CAP);
}

START_TEST(bytes_come_out_as_they_went_in_across_the_edge)
{
    uint8_t in[CAP], out[CAP];
    for (unsigned round = 0; round < 100; round++) {
        size_t len = 1 + (round * 7) % CAP;
        for (size_t i = 0; i < len; i++)
            in[i] = (uint8_t)(round + i);
        ck_assert_uint_eq(ring_put(&writer, in, len), len);
        ck_assert_uint_eq(ring_peek(&reader, out, len), len);
        ck_assert_uint_eq(ring_get(&reader, out, CAP), len);
        ck_assert_mem_eq(in, out, len);
        ck_assert_uint_eq(ring_len(&reader), 0);
    }
}
END_TEST

START_TEST(a_full_ring_takes_what_fits)
{
    uint8_t in[CAP + 10] = {0}, out[CAP];
    ck_assert_uint_eq(ring_put(&writer, in, sizeof in), CAP);
    ck_assert_uint_eq(ring_space(&writer), 0);
    ck_assert_uint_eq(ring_put(&writer, in, 1), 0);
    ck_assert_uint_eq(ring_get(&reader, out, 5), 5);
    ck_assert_uint_eq(ring_put(&writer, in, sizeof in), 5);
}
END_TEST

START_TEST(an_impossible_counter_is_nonsense_and_moves_nobody)
{
    uint8_t b[CAP] = {0};
    ck_assert_uint_eq(ring_put(&writer, b, 10), 10);
    atomic_store(&shared.head, 1000000);
    ck_assert_uint_eq(ring_get(&reader, b, CAP), 0);
    ck_assert(reader.nonsense);
    ck_assert_uint_eq(reader.mine, 0);
    atomic_store(&shared.tail, 11); /* read more than was written */
    ck_assert_uint_eq(ring_space(&writer), 0);
    ck_assert(writer.nonsense);
    ck_assert_uint_eq(ring_put(&writer, b, 1), 0);
}
END_TEST

START_TEST(a_counter_that_goes_back_is_nonsense)
{
    uint8_t b[CAP] = {0};
    ck_assert_uint_eq(ring_put(&writer, b, 10), 10);
    ck_assert_uint_eq(ring_get(&reader, b, 10), 10);
    ck_assert_uint_eq(ring_space(&writer), CAP);
    atomic_store(&shared.tail, 5);
    (void)ring_space(&writer);
    ck_assert(writer.nonsense);
}
END_TEST

START_TEST(only_an_announced_sleeper_is_woken)
{
    uint8_t b[CAP] = {0};
    ck_assert(!ring_take_reader(&writer));
    ck_assert(ring_wait_bytes(&reader));
    (void)ring_put(&writer, b, 1);
    ck_assert(ring_take_reader(&writer));
    ck_assert(!ring_take_reader(&writer));
    ck_assert(!ring_wait_bytes(&reader)); /* there is one: no need to sleep */
    ck_assert(!ring_take_reader(&writer));
    (void)ring_put(&writer, b, CAP - 1);
    ck_assert(ring_wait_space(&writer));
    (void)ring_get(&reader, b, 1);
    ck_assert(ring_take_writer(&reader));
    ck_assert(!ring_wait_space(&writer));
}
END_TEST

/* ---- two threads that sleep and wake each other ---- */

enum { TOTAL = 2000000 };
static int reader_fd, writer_fd;

static void sleep_on(int fd)
{
    uint64_t count;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 20000), 1); /* a lost wake-up ends here */
    ck_assert_int_eq(read(fd, &count, sizeof count), sizeof count);
}

static void wake(int fd)
{
    uint64_t one = 1;
    ck_assert_int_eq(write(fd, &one, sizeof one), sizeof one);
}

static void *write_all(void *arg)
{
    (void)arg;
    uint8_t chunk[1500];
    unsigned state = 1;
    for (size_t sent = 0; sent < TOTAL;) {
        size_t len = 1 + (size_t)((state = state * 1103515245u + 12345u) >> 16) % sizeof chunk;
        if (len > TOTAL - sent)
            len = TOTAL - sent;
        for (size_t i = 0; i < len; i++)
            chunk[i] = (uint8_t)((sent + i) * 31 >> 3);
        for (size_t put = 0; put < len;) {
            size_t n = ring_put(&writer, chunk + put, len - put);
            put += n;
            if (n > 0 && ring_take_reader(&writer))
                wake(reader_fd);
            if (n == 0 && ring_wait_space(&writer))
                sleep_on(writer_fd);
        }
        sent += len;
    }
    return NULL;
}

START_TEST(two_threads_lose_nothing)
{
    pthread_t thread;
    uint8_t out[700];
    ring_end_init(&writer, &shared, bytes, sizeof bytes);
    ring_end_init(&reader, &shared, bytes, sizeof bytes);
    reader_fd = eventfd(0, 0);
    writer_fd = eventfd(0, 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_all, NULL), 0);
    for (size_t got = 0; got < TOTAL;) {
        size_t n = ring_get(&reader, out, 1 + got % sizeof out);
        size_t wrong = 0;
        for (size_t i = 0; i < n; i++)
            wrong += out[i] != (uint8_t)((got + i) * 31 >> 3);
        ck_assert_uint_eq(wrong, 0);
        got += n;
        if (n > 0 && ring_take_writer(&reader))
            wake(writer_fd);
        if (n == 0 && ring_wait_bytes(&reader))
            sleep_on(reader_fd);
    }
    (void)pthread_join(thread, NULL);
    (void)close(reader_fd);
    (void)close(writer_fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ring");
    TCase *tc = tcase_create("ring");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, bytes_come_out_as_they_went_in_across_the_edge);
    tcase_add_test(tc, a_full_ring_takes_what_fits);
    tcase_add_test(tc, an_impossible_counter_is_nonsense_and_moves_nobody);
    tcase_add_test(tc, a_counter_that_goes_back_is_nonsense);
    tcase_add_test(tc, only_an_announced_sleeper_is_woken);
    tcase_add_test(tc, two_threads_lose_nothing);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
