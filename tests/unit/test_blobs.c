/* The master's store of data sets. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"
#include "master/blobs.h"

static struct blob_ref ref_of(const void *data, size_t len)
{
    struct blob_ref ref = {.len_bytes = len};
    blob_hash(data, len, ref.hash);
    return ref;
}

static void put_all(struct blobs *b, const void *data, size_t len)
{
    struct blob_ref ref = ref_of(data, len);
    uint64_t have = 0;
    struct qx_error err;
    ck_assert_int_eq(blobs_put(b, &ref, 0, data, len, &have, &err), QX_ERR_OK);
}

START_TEST(parts_come_in_order_and_repeats_are_ignored)
{
    struct blobs *b = NULL;
    ck_assert_int_eq(blobs_new(1000, &b), QX_ERR_OK);
    const char data[] = "0123456789";
    struct blob_ref ref = ref_of(data, 10);
    uint64_t have = 99;
    struct qx_error err;
    ck_assert(!blobs_state(b, &ref, &have));
    ck_assert_uint_eq(have, 0);
    ck_assert_int_eq(blobs_put(b, &ref, 0, data, 4, &have, &err), QX_ERR_OK);
    ck_assert_uint_eq(have, 4);
    ck_assert_int_eq(blobs_put(b, &ref, 0, data, 4, &have, &err), QX_ERR_OK);     /* again */
    ck_assert_int_eq(blobs_put(b, &ref, 8, data + 8, 2, &have, &err), QX_ERR_OK); /* too early */
    ck_assert_uint_eq(have, 4);
    uint64_t len = 0;
    ck_assert_ptr_null(blobs_get(b, ref.hash, &len));
    ck_assert_int_eq(blobs_put(b, &ref, 4, data + 4, 6, &have, &err), QX_ERR_OK);
    ck_assert(blobs_state(b, &ref, &have));
    const char *got = blobs_get(b, ref.hash, &len);
    ck_assert_uint_eq(len, 10);
    ck_assert_mem_eq(got, data, 10);
    blobs_free(b);
}
END_TEST

START_TEST(another_content_than_announced_is_refused)
{
    struct blobs *b = NULL;
    ck_assert_int_eq(blobs_new(1000, &b), QX_ERR_OK);
    struct blob_ref ref = ref_of("right", 5);
    uint64_t have = 0;
    struct qx_error err;
    ck_assert_int_eq(blobs_put(b, &ref, 0, "wrong", 5, &have, &err), QX_ERR_INVALID);
    ck_assert(!blobs_state(b, &ref, &have));
    ck_assert_int_eq(blobs_put(b, &ref, 0, "right and more", 14, &have, &err), QX_ERR_INVALID);
    ck_assert_int_eq(blobs_put(b, &ref, 0, "right", 5, &have, &err), QX_ERR_OK);
    ck_assert(blobs_state(b, &ref, &have));
    blobs_free(b);
}
END_TEST

START_TEST(the_oldest_unused_makes_room)
{
    struct blobs *b = NULL;
    ck_assert_int_eq(blobs_new(12, &b), QX_ERR_OK);
    put_all(b, "aaaaa", 5);
    put_all(b, "bbbbb", 5);
    struct blob_ref a = ref_of("aaaaa", 5), bb = ref_of("bbbbb", 5), big = ref_of("0123456789abc", 13);
    uint64_t have = 0;
    struct qx_error err;
    blobs_ref(b, &a);
    put_all(b, "ccccc", 5); /* a is held by a job: b goes */
    ck_assert(blobs_state(b, &a, &have));
    ck_assert(!blobs_state(b, &bb, &have));
    ck_assert_int_eq(blobs_put(b, &big, 0, "0123456789abc", 13, &have, &err), QX_ERR_LIMIT);
    ck_assert(blobs_state(b, &a, &have));
    blobs_unref(b, &a);
    put_all(b, "dddddddddddd", 12);
    ck_assert(!blobs_state(b, &a, &have));
    blobs_free(b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blobs");
    TCase *t = tcase_create("all");
    tcase_add_test(t, parts_come_in_order_and_repeats_are_ignored);
    tcase_add_test(t, another_content_than_announced_is_refused);
    tcase_add_test(t, the_oldest_unused_makes_room);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
