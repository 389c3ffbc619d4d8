/* Where the two threads of a daemon run. */
#include "common/placement.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"

#define MS NS_PER_MS

START_TEST(they_share_a_core_while_one_is_enough)
{
    ck_assert_int_eq(placement_next(PLACEMENT_CHOOSING, 0, 1 * MS, 0), PLACEMENT_TOGETHER);
    ck_assert_int_eq(placement_next(PLACEMENT_TOGETHER, 70 * MS, 100 * MS, 500 * MS), PLACEMENT_TOGETHER);
    ck_assert_int_eq(placement_next(PLACEMENT_TOGETHER, 80 * MS, 100 * MS, 500 * MS), PLACEMENT_APART);
    ck_assert_int_eq(placement_next(PLACEMENT_APART, 60 * MS, 100 * MS, 500 * MS), PLACEMENT_APART);
    ck_assert_int_eq(placement_next(PLACEMENT_APART, 40 * MS, 100 * MS, 500 * MS), PLACEMENT_CHOOSING);
}
END_TEST

START_TEST(the_core_is_chosen_anew_after_a_second)
{
    ck_assert_int_eq(placement_next(PLACEMENT_TOGETHER, 0, 100 * MS, 999 * MS), PLACEMENT_TOGETHER);
    ck_assert_int_eq(placement_next(PLACEMENT_TOGETHER, 0, 100 * MS, 1000 * MS), PLACEMENT_CHOOSING);
}
END_TEST

START_TEST(off_stays_off)
{
    ck_assert_int_eq(placement_next(PLACEMENT_OFF, 0, 100 * MS, 5000 * MS), PLACEMENT_OFF);
}
END_TEST

START_TEST(without_an_io_thread_nothing_is_done)
{
    struct placement p;
    cpu_set_t before, after;
    (void)sched_getaffinity(0, sizeof before, &before);
    placement_init(&p, 1);
    for (uint64_t i = 1; i < 1000; i++)
        placement_turn(&p, i * 100 * MS);
    (void)sched_getaffinity(0, sizeof after, &after);
    ck_assert_int_eq(p.state, PLACEMENT_OFF);
    ck_assert(CPU_EQUAL(&before, &after));
}
END_TEST

/* With libzmq's own threads: if it names them otherwise one day, this fails. */
START_TEST(the_io_thread_is_found_and_moved)
{
    void *zmq = zmq_ctx_new();
    void *socket = zmq_socket(zmq, ZMQ_PULL);
    ck_assert_ptr_nonnull(socket);
    struct placement p;
    cpu_set_t given, loop, io;
    (void)sched_getaffinity(0, sizeof given, &given);
    uint64_t at_ns = clock_ns(), end_ns = at_ns + 5 * NS_PER_S;
    placement_init(&p, at_ns);
    if (CPU_COUNT(&given) > 1) {
        while (p.state == PLACEMENT_SEEKING && clock_ns() < end_ns) {
            (void)poll(NULL, 0, 1);
            p.look_ns = p.seeks = 0; /* no wait of 100 ms */
            placement_turn(&p, at_ns = clock_ns());
        }
        ck_assert_int_gt(p.io_thread, 0);
        ck_assert_int_eq(p.state, PLACEMENT_TOGETHER);
        (void)sched_getaffinity(0, sizeof loop, &loop);
        (void)sched_getaffinity(p.io_thread, sizeof io, &io);
        ck_assert_int_eq(CPU_COUNT(&loop), 1);
        ck_assert(CPU_EQUAL(&loop, &io));
        clock_t used = clock();
        while (clock() - used <
               90 * CLOCKS_PER_SEC / 1000) /* of the processor, in the 100 ms that are said to have passed */
            continue;
        placement_turn(&p, at_ns + 100 * MS);
        ck_assert_int_eq(p.state, PLACEMENT_APART);
        (void)sched_getaffinity(0, sizeof loop, &loop);
        (void)sched_getaffinity(p.io_thread, sizeof io, &io);
        ck_assert(CPU_EQUAL(&loop, &given));
        ck_assert(CPU_EQUAL(&io, &given));
    } else {
        (void)printf("one core: moving was not tried\n");
    }
    (void)zmq_close(socket);
    (void)zmq_ctx_term(zmq);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("placement");
    TCase *tc = tcase_create("placement");
    tcase_add_test(tc, they_share_a_core_while_one_is_enough);
    tcase_add_test(tc, the_core_is_chosen_anew_after_a_second);
    tcase_add_test(tc, off_stays_off);
    tcase_add_test(tc, without_an_io_thread_nothing_is_done);
    tcase_add_test(tc, the_io_thread_is_found_and_moved);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
