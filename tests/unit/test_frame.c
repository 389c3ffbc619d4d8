#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"
#include "quincunx/task.h"

enum { SESSION = 0x5E55, SEQ = 42 };

/* ---- samples ------------------------------------------------------------------------------------------------ */

static const struct frame_skip skips[] = {{1234567890123, QX_OUTCOME_SIGNAL, 0}, {7, QX_OUTCOME_MEMORY, 0}};

static struct frame_lease lease_sample(void)
{
    return (struct frame_lease){.lease = 0x1122334455667788,
                                .job = 3,
                                .cell = 4,
                                .attempt = 5,
                                .first_block = 6,
                                .n_blocks = 7,
                                .kind = FRAME_KIND_RUN,
                                .end_item = 8,
                                .expect_ns = 9,
                                .flags = FRAME_WANT_ROWS,
                                .n_skips = 2,
                                .len_payload = 0};
}

static struct frame_result result_sample(void)
{
    return (struct frame_result){.lease = 1,
                                 .job = 2,
                                 .cell = 3,
                                 .attempt = 4,
                                 .first_block = 5,
                                 .n_blocks = 6,
                                 .kind = FRAME_KIND_RUN,
                                 .outcome = QX_OUTCOME_OK,
                                 .code = -5,
                                 .item = UINT64_MAX,
                                 .partial_items = 1,
                                 .n_items = 3,
                                 .wait_ns = 10,
                                 .task_ns = 11,
                                 .reduce_ns = 12,
                                 .busy_ns = 13,
                                 .n_nodes = 2,
                                 .started = 1,
                                 .len_plan = 5,
                                 .len_text = 3,
                                 .len_nodes = 16 + 8,
                                 .len_rows = 3 * 2 * 8,
                                 .len_ok = 3,
                                 .len_payload = 1};
}

/* A written result with all sections filled in; to be freed. */
static uint8_t *write_result(const struct frame_result *r, size_t *ret_len)
{
    *ret_len = frame_result_bytes(r);
    uint8_t *to = malloc(*ret_len);
    ck_assert_ptr_nonnull(to);
    memset(to, 0xEE, *ret_len);
    struct frame_sections s = frame_result_write(to, SESSION, SEQ, r);
    memset(s.nodes, 0, (size_t)r->len_nodes);
    if (r->len_nodes >= 24) {
        s.nodes[0] = 3; /* a state of 3 bytes, then one of none */
        memcpy(s.nodes + 8, "abc", 3);
    }
    memset(s.plan, 'p', r->len_plan);
    for (uint64_t i = 0; i < r->len_rows / 8; i++)
        memcpy(s.rows + i * 8, &(double){(double)i + 0.5}, 8);
    memset(s.ok, QX_OUTCOME_OK, (size_t)r->len_ok);
    memset(s.text, 't', r->len_text);
    memset(s.payload, 'j', (size_t)r->len_payload);
    return to;
}

static uint8_t *write_lease(const struct frame_lease *l, const void *payload, size_t *ret_len)
{
    *ret_len = frame_lease_bytes(l);
    uint8_t *to = malloc(*ret_len);
    ck_assert_ptr_nonnull(to);
    memset(to, 0xEE, *ret_len);
    frame_lease_write(to, SESSION, SEQ, l, skips, payload);
    return to;
}

static qx_err decode_error(const void *data, size_t len)
{
    struct frame_view v;
    struct qx_error err = {0};
    qx_err e = frame_decode(data, len, &v, &err);
    if (e != QX_ERR_OK)
        ck_assert_int_gt((int)strlen(err.text), 0);
    return e;
}

static void refused_lease(struct frame_lease l)
{
    size_t len;
    uint8_t *f = write_lease(&l, "12345678", &len);
    ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
    free(f);
}

static void refused_result(struct frame_result r)
{
    size_t len;
    uint8_t *f = write_result(&r, &len);
    ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
    free(f);
}

/* ---- the layout, byte by byte --------------------------------------------------------------------------------- */

START_TEST(the_bytes_of_a_lease_are_fixed)
{
    static const uint8_t
        expected[24 + 72 + 32] = {'Q',  'X',  1,    2,    128,  0,    0,    0,    0x55, 0x5E, 0, 0,
                                  0,    0,    0,    0,    42,   0,    0,    0,    0,    0,    0, 0, /* head */
                                  0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 3,    0,    0, 0,
                                  0,    0,    0,    0, /* lease, job */
                                  4,    0,    0,    0,    5,    0,    0,    0,    6,    0,    0, 0,
                                  0,    0,    0,    0, /* cell, attempt, first block */
                                  7,    0,    0,    0,    0,    0,    0,    0,    8,    0,    0, 0,
                                  0,    0,    0,    0, /* n blocks, kind, end item */
                                  9,    0,    0,    0,    0,    0,    0,    0,    2,    0,    0, 0,
                                  2,    0,    0,    0,                         /* expect, flags, skips */
                                  0,    0,    0,    0,    0,    0,    0,    0, /* len of the payload */
                                  0xCB, 0x04, 0xFB, 0x71, 0x1F, 0x01, 0,    0,    3,    0,    0, 0,
                                  0,    0,    0,    0, /* skip */
                                  7,    0,    0,    0,    0,    0,    0,    0,    5,    0,    0, 0,
                                  0,    0,    0,    0}; /* skip */
    struct frame_lease l = lease_sample();
    size_t len;
    uint8_t *f = write_lease(&l, NULL, &len);
    ck_assert_uint_eq(len, sizeof expected);
    ck_assert_mem_eq(f, expected, len);
    free(f);
}
END_TEST

/* ---- round trips ------------------------------------------------------------------------------------------------- */

START_TEST(a_lease_comes_back)
{
    struct frame_lease l = lease_sample();
    size_t len;
    uint8_t *f = write_lease(&l, NULL, &len);
    uint8_t *odd = malloc(len + 1); /* frames may lie at any address */
    ck_assert_ptr_nonnull(odd);
    memcpy(odd + 1, f, len);
    struct frame_view v;
    ck_assert_int_eq(frame_decode(odd + 1, len, &v, NULL), QX_ERR_OK);
    ck_assert_int_eq(v.head.type, FRAME_LEASE);
    ck_assert_uint_eq(v.head.session, SESSION);
    ck_assert_uint_eq(v.head.seq, SEQ);
    ck_assert_mem_eq(&v.lease, &l, sizeof l);
    ck_assert_uint_eq(v.skips[0].item, 1234567890123);
    ck_assert_uint_eq(v.skips[1].outcome, QX_OUTCOME_MEMORY);
    ck_assert_uint_eq(v.len_payload, 0);
    free(odd);
    free(f);
}
END_TEST

START_TEST(a_merge_has_two_states)
{
    static const uint8_t payload[] = {3, 0, 0, 0, 0, 0, 0, 0, 'l', 'e', 'f', 'r', 'i', 'g', 'h', 't'};
    struct frame_lease l = lease_sample();
    l.kind = FRAME_KIND_MERGE;
    l.n_skips = 0;
    l.len_payload = sizeof payload;
    size_t len;
    uint8_t *f = write_lease(&l, payload, &len);
    struct frame_view v;
    ck_assert_int_eq(frame_decode(f, len, &v, NULL), QX_ERR_OK);
    const uint8_t *left, *right;
    size_t len_left, len_right;
    frame_merge_states(&v, &left, &len_left, &right, &len_right);
    ck_assert_uint_eq(len_left, 3);
    ck_assert_mem_eq(left, "lef", 3);
    ck_assert_uint_eq(len_right, 5);
    ck_assert_mem_eq(right, "right", 5);
    free(f);
    l.len_payload = 7;
    refused_lease(l);
    l.len_payload = 8; /* "12345678": a left state longer than the payload */
    refused_lease(l);
}
END_TEST

START_TEST(a_result_comes_back)
{
    struct frame_result r = result_sample();
    size_t len;
    uint8_t *f = write_result(&r, &len);
    struct frame_view v;
    struct qx_error err = {0};
    ck_assert_msg(frame_decode(f, len, &v, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_int_eq(v.head.type, FRAME_RESULT);
    ck_assert_mem_eq(&v.result, &r, sizeof r);
    const uint8_t *p = v.nodes;
    size_t n;
    ck_assert_mem_eq(frame_next_node(&p, &n), "abc", 3);
    ck_assert_uint_eq(n, 3);
    (void)frame_next_node(&p, &n);
    ck_assert_uint_eq(n, 0);
    double row;
    memcpy(&row, v.rows + 5 * 8, sizeof row);
    ck_assert(row == 5.5);
    ck_assert_mem_eq(v.plan, "ppppp\0\0\0", 8); /* padding is zero */
    ck_assert_mem_eq(v.text, "ttt\0\0\0\0\0", 8);
    ck_assert_mem_eq(v.payload, "j\0\0\0\0\0\0\0", 8);
    ck_assert_uint_eq(v.len_payload, 1);
    ck_assert_uint_eq(len % 8, 0);
    free(f);
}
END_TEST

START_TEST(a_job_and_its_end_come_back)
{
    uint8_t f[64];
    struct frame_view v;
    frame_job_write(f, FRAME_JOB, SESSION, SEQ, 77, "spec!", 5);
    ck_assert_uint_eq(frame_job_bytes(5), 37);
    ck_assert_int_eq(frame_decode(f, 37, &v, NULL), QX_ERR_OK);
    ck_assert_uint_eq(v.job, 77);
    ck_assert_uint_eq(v.len_payload, 5);
    ck_assert_mem_eq(v.payload, "spec!", 5);
    frame_job_write(f, FRAME_FORGET, SESSION, SEQ, 78, NULL, 0);
    ck_assert_int_eq(frame_decode(f, 32, &v, NULL), QX_ERR_OK);
    ck_assert_int_eq(v.head.type, FRAME_FORGET);
    ck_assert_uint_eq(v.job, 78);
    frame_job_write(f, FRAME_FORGET, SESSION, SEQ, 78, "x", 1);
    ck_assert_int_eq(decode_error(f, 33), QX_ERR_PROTO);
    const struct frame_revoke revoke = {.cell = 3, .from_block = 1000};
    frame_job_write(f, FRAME_REVOKE, SESSION, SEQ, 79, &revoke, sizeof revoke);
    ck_assert_int_eq(frame_decode(f, frame_job_bytes(sizeof revoke), &v, NULL), QX_ERR_OK);
    ck_assert_uint_eq(v.job, 79);
    ck_assert_uint_eq(v.revoke.cell, 3);
    ck_assert_uint_eq(v.revoke.from_block, 1000);
    frame_job_write(f, FRAME_REVOKE, SESSION, SEQ, 79, &revoke, 8);
    ck_assert_int_eq(decode_error(f, frame_job_bytes(8)), QX_ERR_PROTO);
    frame_job_write(f, FRAME_JOB, SESSION, SEQ, 78, NULL, 0);
    ck_assert_int_eq(decode_error(f, 32), QX_ERR_PROTO);
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------------------------------- */

START_TEST(heads_are_checked)
{
    struct frame_lease l = lease_sample();
    size_t len;
    uint8_t *f = write_lease(&l, NULL, &len);
    f[0] = 'q';
    ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
    f[0] = 'Q';
    f[2] = 2;
    struct frame_view v;
    struct qx_error err = {0};
    ck_assert_int_eq(frame_decode(f, len, &v, &err), QX_ERR_VERSION);
    ck_assert_str_eq(err.text, "peer speaks protocol 2, this is 1");
    f[2] = 1;
    f[3] = 9;
    ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
    f[3] = FRAME_LEASE;
    f[4]++; /* its length */
    ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
    free(f);
    ck_assert_int_eq(decode_error("", 0), QX_ERR_PROTO);
}
END_TEST

/* A result of kind SIZE with this payload. */
static qx_err size_result(uint64_t n_default, uint64_t n_max, size_t len_payload, struct frame_size *ret)
{
    struct frame_result r = {
        .lease = 1, .job = 2, .attempt = 1, .kind = FRAME_KIND_SIZE, .item = UINT64_MAX, .started = 1};
    struct frame_size size = {n_default, n_max};
    struct frame_view v;
    r.len_payload = len_payload;
    uint8_t *f = malloc(frame_result_bytes(&r));
    struct frame_sections s = frame_result_write(f, 5, 6, &r);
    memcpy(s.payload, &size, len_payload);
    qx_err e = frame_decode(f, frame_result_bytes(&r), &v, NULL);
    if (e == QX_ERR_OK)
        frame_size_read(&v, ret);
    free(f);
    return e;
}

START_TEST(a_size_says_how_many_items_there_are)
{
    struct frame_size s;
    ck_assert_int_eq(size_result(18, 18, sizeof s, &s), QX_ERR_OK);
    ck_assert_uint_eq(s.n_default, 18);
    ck_assert_uint_eq(s.n_max, 18);
    ck_assert_int_eq(size_result(0, 0, sizeof s, &s), QX_ERR_OK);
    ck_assert_int_eq(size_result(5, 0, sizeof s, &s), QX_ERR_OK);
    ck_assert_int_eq(size_result(0, 7, sizeof s, &s), QX_ERR_OK);
    ck_assert_int_eq(size_result(8, 7, sizeof s, &s), QX_ERR_PROTO);
    ck_assert_int_eq(size_result(0, UINT64_MAX, sizeof s, &s), QX_ERR_PROTO);
    ck_assert_int_eq(size_result(1, 1, 8, &s), QX_ERR_PROTO);
    ck_assert_int_eq(size_result(1, 1, 0, &s), QX_ERR_PROTO);
}
END_TEST

START_TEST(leases_are_checked)
{
    struct frame_lease l = lease_sample();
    l.cell = 100000;
    refused_lease(l);
    l = lease_sample(), l.kind = FRAME_KIND_COUNT;
    refused_lease(l);
    l = lease_sample(), l.n_blocks = 0;
    refused_lease(l);
    l = lease_sample(), l.first_block = (uint64_t)1 << 62;
    refused_lease(l);
    l = lease_sample(), l.first_block = UINT64_MAX;
    refused_lease(l);
    l = lease_sample(), l.end_item = ((uint64_t)1 << 62) + 1;
    refused_lease(l);
}
END_TEST

START_TEST(results_are_checked)
{
    struct frame_result r = result_sample();
    r.outcome = QX_OUTCOME_COUNT;
    refused_result(r);
    r = result_sample(), r.started = 2;
    refused_result(r);
    r = result_sample(), r.item = (uint64_t)1 << 62;
    refused_result(r);
    r = result_sample(), r.partial_items = 4;
    refused_result(r);
    r = result_sample(), r.n_items = UINT64_MAX;
    refused_result(r);
    r = result_sample(), r.len_rows = 5 * 8; /* not whole rows of 3 items */
    refused_result(r);
    r = result_sample(), r.n_items = 0, r.partial_items = 0, r.len_ok = 0;
    refused_result(r);
    r = result_sample(), r.len_ok = 2;
    refused_result(r);
    r = result_sample(), r.n_nodes = 1; /* one more is there */
    refused_result(r);
    r = result_sample(), r.n_nodes = 3;
    refused_result(r);
    r = result_sample(), r.n_nodes = 0, r.len_nodes = 0; /* a good run has some */
    refused_result(r);
    r = result_sample(), r.kind = FRAME_KIND_MERGE; /* gives one */
    refused_result(r);
    r = result_sample(), r.kind = FRAME_KIND_FINISH; /* gives none */
    refused_result(r);
}
END_TEST

START_TEST(states_and_outcomes_in_a_result_are_checked)
{
    struct frame_result r = result_sample();
    size_t len;
    uint8_t *f = write_result(&r, &len);
    size_t nodes = 24 + sizeof r, ok = nodes + 24 + 8 + 48;
    f[ok + 2] = QX_OUTCOME_COUNT;
    ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
    f[ok + 2] = QX_OUTCOME_LOST;
    ck_assert_int_eq(decode_error(f, len), QX_ERR_OK);
    memset(f + nodes, 0xFF, 8);
    ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
    free(f);
    uint8_t bad_skip = QX_OUTCOME_COUNT;
    struct frame_lease l = lease_sample();
    f = write_lease(&l, NULL, &len);
    memcpy(f + 24 + sizeof l + 8, &bad_skip, 1);
    ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
    free(f);
}
END_TEST

/* Every shorter frame is refused, also when its head admits to being shorter. */
static void refuse_every_truncation(uint8_t *f, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        uint8_t *copy = malloc(n > 0 ? n : 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, f, n);
        ck_assert_int_eq(decode_error(copy, n), QX_ERR_PROTO);
        if (n >= 8)
            memcpy(copy + 4, &(uint32_t){(uint32_t)n}, 4);
        ck_assert_int_eq(decode_error(copy, n), QX_ERR_PROTO);
        free(copy);
    }
}

START_TEST(no_truncation_passes)
{
    struct frame_lease l = lease_sample();
    struct frame_result r = result_sample();
    size_t len;
    uint8_t *f = write_lease(&l, NULL, &len);
    refuse_every_truncation(f, len);
    free(f);
    f = write_result(&r, &len);
    refuse_every_truncation(f, len);
    free(f);
}
END_TEST

START_TEST(lengths_that_wrap_are_refused)
{
    struct frame_result r = result_sample();
    size_t len;
    uint8_t *f = write_result(&r, &len);
    static const size_t at[] = {
        offsetof(struct frame_result, len_nodes), offsetof(struct frame_result, len_rows),
        offsetof(struct frame_result, len_ok), offsetof(struct frame_result, len_payload)};
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63, (uint64_t)1 << 32};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            uint64_t old;
            memcpy(&old, f + 24 + at[i], 8);
            memcpy(f + 24 + at[i], &lengths[j], 8);
            ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
            memcpy(f + 24 + at[i], &old, 8);
        }
    free(f);
    r.len_payload = 0; /* a length that is rounded up to nothing, and nothing is there */
    f = write_result(&r, &len);
    memset(f + 24 + offsetof(struct frame_result, len_payload), 0xFF, 8);
    ck_assert_int_eq(decode_error(f, len), QX_ERR_PROTO);
    free(f);
    r.len_nodes = UINT64_MAX;
    ck_assert_uint_eq(frame_result_bytes(&r), SIZE_MAX);
    struct frame_lease l = lease_sample();
    l.len_payload = UINT64_MAX - 3;
    ck_assert_uint_eq(frame_lease_bytes(&l), SIZE_MAX);
    ck_assert_uint_eq(frame_job_bytes(SIZE_MAX), SIZE_MAX);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("frame");
    TCase *tc = tcase_create("frame");
    tcase_add_test(tc, the_bytes_of_a_lease_are_fixed);
    tcase_add_test(tc, a_lease_comes_back);
    tcase_add_test(tc, a_merge_has_two_states);
    tcase_add_test(tc, a_size_says_how_many_items_there_are);
    tcase_add_test(tc, a_result_comes_back);
    tcase_add_test(tc, a_job_and_its_end_come_back);
    tcase_add_test(tc, heads_are_checked);
    tcase_add_test(tc, leases_are_checked);
    tcase_add_test(tc, results_are_checked);
    tcase_add_test(tc, states_and_outcomes_in_a_result_are_checked);
    tcase_add_test(tc, no_truncation_passes);
    tcase_add_test(tc, lengths_that_wrap_are_refused);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
