#include <check.h>
#include <stdlib.h>

#include "common/mem.h"
#include "worker/ledger.h"

enum { RESEND_NS = 100 };

static struct ledger *l;
static int n_freed;

static void count_free(void *frame)
{
    n_freed++;
    free(frame);
}

static void setup(void)
{
    n_freed = 0;
    ck_assert_int_eq(ledger_new(RESEND_NS, &l), QX_ERR_OK);
    ledger_session(l, 7);
}

static void teardown(void)
{
    ledger_free(l);
}

/* Holds a lease and gives its result, a frame of one byte that says which it is. */
static void result(uint64_t lease, uint64_t now_ns)
{
    unsigned char *frame = malloc(1);
    ck_assert_ptr_nonnull(frame);
    *frame = (unsigned char)lease;
    ck_assert_int_eq(ledger_hold(l, lease), QX_ERR_OK);
    ck_assert_int_eq(ledger_result(l, lease, frame, 1, count_free, now_ns), QX_ERR_OK);
    ck_assert(!ledger_holds(l, lease));
}

START_TEST(lane_messages_come_once_and_in_order)
{
    ck_assert_int_eq(ledger_lane(l, 1), QX_ERR_OK);
    ck_assert_int_eq(ledger_lane(l, 1), QX_ERR_STALE);
    ck_assert_int_eq(ledger_lane(l, 2), QX_ERR_OK);
    ck_assert(!ledger_gap(l));
    ck_assert_int_eq(ledger_lane(l, 4), QX_ERR_STATE);
    ck_assert_int_eq(ledger_lane(l, 5), QX_ERR_STATE);
    ck_assert(ledger_gap(l));
    ck_assert_uint_eq(ledger_lane_seq(l), 2);
    ledger_resynced(l);
    ck_assert(!ledger_gap(l));
    ck_assert_int_eq(ledger_lane(l, 3), QX_ERR_STALE); /* given out again meanwhile */
    ck_assert_int_eq(ledger_lane(l, 5), QX_ERR_STALE);
    ck_assert_int_eq(ledger_lane(l, 6), QX_ERR_OK);
}
END_TEST

START_TEST(a_lost_end_of_the_lane_shows_at_the_second_beat)
{
    ck_assert_int_eq(ledger_lane(l, 1), QX_ERR_OK);
    ledger_lane_sent(l, 1);
    ledger_lane_sent(l, 3);
    ck_assert(!ledger_gap(l)); /* it may be under way */
    ledger_lane_sent(l, 3);
    ck_assert(ledger_gap(l));
    ledger_resynced(l);
    ck_assert_int_eq(ledger_lane(l, 4), QX_ERR_OK);
    ledger_lane_sent(l, 4);
    ledger_lane_sent(l, 4);
    ck_assert(!ledger_gap(l));
}
END_TEST

START_TEST(a_slow_lane_is_not_a_lost_one)
{
    for (uint64_t seq = 1; seq < 50; seq++) {
        ck_assert_int_eq(ledger_lane(l, seq), QX_ERR_OK);
        ledger_lane_sent(l, seq + 100);
        ck_assert(!ledger_gap(l));
    }
    ledger_lane_sent(l, 149); /* now nothing came between two beats */
    ck_assert(ledger_gap(l));
}
END_TEST

START_TEST(results_are_kept_until_acknowledged)
{
    uint64_t held[8];
    for (uint64_t lease = 11; lease <= 16; lease++) {
        ck_assert_uint_eq(ledger_next_seq(l), lease - 10);
        result(lease, 0);
    }
    ck_assert_int_eq(ledger_hold(l, 17), QX_ERR_OK);
    ck_assert_int_eq(ledger_hold(l, 17), QX_ERR_STATE);
    ck_assert_uint_eq(ledger_held(l, held, 8), 7);
    ck_assert_uint_eq(ledger_held(l, held, 2), 7); /* says how many there are */
    ledger_ack(l, 2, (const uint64_t[]){5, 5, 99, 1}, 4);
    ck_assert_int_eq(n_freed, 3);
    ck_assert_uint_eq(ledger_unacked(l), 3);
    ck_assert_uint_eq(ledger_unacked_bytes(l), 3);
    ck_assert_uint_eq(ledger_held(l, held, 8), 4);
    ck_assert_uint_eq(ledger_next_seq(l), 7);
    ledger_ack(l, 6, NULL, 0);
    ck_assert_uint_eq(ledger_unacked(l), 0);
    ck_assert_uint_eq(ledger_next_seq(l), 7);
    ledger_drop(l, 17);
    ck_assert_uint_eq(ledger_held(l, held, 8), 0);
}
END_TEST

START_TEST(unacknowledged_results_are_sent_again)
{
    const void *frame;
    size_t len;
    result(1, 0);
    result(2, 50);
    result(3, 50);
    ck_assert(!ledger_next_resend(l, 99, &frame, &len));
    ck_assert(ledger_next_resend(l, 100, &frame, &len));
    ck_assert_uint_eq(*(const unsigned char *)frame, 1);
    ck_assert(!ledger_next_resend(l, 149, &frame, &len));
    ledger_ack(l, 0, (const uint64_t[]){2}, 1);
    ck_assert(ledger_next_resend(l, 150, &frame, &len));
    ck_assert_uint_eq(*(const unsigned char *)frame, 3);
    ck_assert(!ledger_next_resend(l, 150, &frame, &len));
    ck_assert(ledger_next_resend(l, 200, &frame, &len));
    ck_assert_uint_eq(*(const unsigned char *)frame, 1);
    ledger_ack(l, 3, NULL, 0);
    ck_assert(!ledger_next_resend(l, 10000, &frame, &len));
    result(4, 10000);
    ck_assert(ledger_next_resend(l, 10100, &frame, &len));
}
END_TEST

START_TEST(a_new_session_forgets_the_old_one)
{
    result(1, 0);
    ck_assert_int_eq(ledger_hold(l, 2), QX_ERR_OK);
    ck_assert_int_eq(ledger_lane(l, 1), QX_ERR_OK);
    ck_assert_int_eq(ledger_lane(l, 9), QX_ERR_STATE);
    ledger_session(l, 8);
    ck_assert_int_eq(n_freed, 1);
    ck_assert(!ledger_gap(l));
    ck_assert_uint_eq(ledger_held(l, NULL, 0), 0);
    ck_assert_uint_eq(ledger_next_seq(l), 1);
    ck_assert_int_eq(ledger_lane(l, 1), QX_ERR_OK);
    const void *frame;
    size_t len;
    ck_assert(!ledger_next_resend(l, 1000, &frame, &len));
}
END_TEST

START_TEST(many_results_in_any_order_of_acknowledgement)
{
    for (uint64_t round = 0; round < 20; round++) {
        for (uint64_t i = 0; i < 500; i++)
            result(round * 500 + i + 1, 0);
        for (uint64_t i = 0; i < 500; i++) {
            uint64_t seq = round * 500 + (i * 211) % 500 + 1;
            ledger_ack(l, 0, &seq, 1);
            ck_assert_uint_eq(ledger_unacked(l), 499 - i);
        }
    }
    ck_assert_int_eq(n_freed, 10000);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    for (uint64_t lease = 1; lease < 200; lease++) {
        for (unsigned n = 1;; n++) {
            qx_mem_fail_at(n);
            qx_err e = ledger_hold(l, lease);
            qx_mem_fail_at(0);
            if (e == QX_ERR_OK)
                break;
            ck_assert_int_eq(e, QX_ERR_NOMEM);
            ck_assert(!ledger_holds(l, lease));
        }
        void *frame = malloc(1);
        for (unsigned n = 1;; n++) {
            qx_mem_fail_at(n);
            qx_err e = ledger_result(l, lease, frame, 1, count_free, 0);
            qx_mem_fail_at(0);
            if (e == QX_ERR_OK)
                break;
            ck_assert_int_eq(e, QX_ERR_NOMEM);
            ck_assert(ledger_holds(l, lease));
            ck_assert_uint_eq(ledger_next_seq(l), lease);
        }
    }
    ck_assert_uint_eq(ledger_unacked(l), 199);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *tc = tcase_create("ledger");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, lane_messages_come_once_and_in_order);
    tcase_add_test(tc, a_lost_end_of_the_lane_shows_at_the_second_beat);
    tcase_add_test(tc, a_slow_lane_is_not_a_lost_one);
    tcase_add_test(tc, results_are_kept_until_acknowledged);
    tcase_add_test(tc, unacknowledged_results_are_sent_again);
    tcase_add_test(tc, a_new_session_forgets_the_old_one);
    tcase_add_test(tc, many_results_in_any_order_of_acknowledgement);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
