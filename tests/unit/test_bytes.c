#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/mem.h"

START_TEST(put_and_read_come_back)
{
    struct qx_bytes b = {0};
    ck_assert_int_eq(qx_put_u32(&b, 0x01020304u), QX_ERR_OK);
    ck_assert_int_eq(qx_put_u64(&b, UINT64_MAX - 1), QX_ERR_OK);
    ck_assert_int_eq(qx_put_f64(&b, -0.1), QX_ERR_OK);
    ck_assert_int_eq(qx_bytes_append(&b, "xyz", 3), QX_ERR_OK);
    ck_assert_uint_eq(b.len, 4 + 8 + 8 + 3);
    ck_assert_uint_eq(b.data[0], 4);
    struct qx_reader r = qx_reader(b.data, b.len);
    ck_assert_uint_eq(qx_read_u32(&r), 0x01020304u);
    ck_assert_uint_eq(qx_read_u64(&r), UINT64_MAX - 1);
    ck_assert(qx_read_f64(&r) == -0.1);
    ck_assert_mem_eq(qx_read_bytes(&r, 3), "xyz", 3);
    ck_assert_int_eq(r.bad, 0);
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(reading_past_the_end_gives_zeros_and_stays_bad)
{
    uint8_t data[6] = {1, 2, 3, 4, 5, 6};
    struct qx_reader r = qx_reader(data, sizeof data);
    ck_assert_uint_eq(qx_read_u64(&r), 0);
    ck_assert_int_eq(r.bad, 1);
    ck_assert_uint_eq(qx_read_u32(&r), 0);
    ck_assert_ptr_null(qx_read_bytes(&r, 0));
    r = qx_reader(data, sizeof data);
    ck_assert_ptr_null(qx_read_bytes(&r, SIZE_MAX));
    ck_assert_int_eq(r.bad, 1);
}
END_TEST

START_TEST(resize_zeroes_what_is_new)
{
    struct qx_bytes b = {0};
    ck_assert_int_eq(qx_bytes_append(&b, "abcdef", 6), QX_ERR_OK);
    qx_bytes_clear(&b);
    ck_assert_int_eq(qx_bytes_resize(&b, 200), QX_ERR_OK);
    for (size_t i = 0; i < 200; i++)
        ck_assert_uint_eq(b.data[i], 0);
    ck_assert_uint_eq((uintptr_t)b.data % sizeof(double), 0);
    qx_bytes_fini(&b);
    ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(no_memory_changes_nothing)
{
    struct qx_bytes b = {0};
    ck_assert_int_eq(qx_bytes_append(&b, "ab", 2), QX_ERR_OK);
    qx_mem_fail_at(1);
    ck_assert_int_eq(qx_bytes_resize(&b, 1000), QX_ERR_NOMEM);
    qx_mem_fail_at(0);
    ck_assert_uint_eq(b.len, 2);
    ck_assert_mem_eq(b.data, "ab", 2);
    ck_assert_int_eq(qx_bytes_reserve(&b, SIZE_MAX), QX_ERR_NOMEM);
    ck_assert_int_eq(qx_bytes_append(&b, "x", SIZE_MAX), QX_ERR_NOMEM);
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(allocations_fail_on_demand)
{
    qx_mem_fail_at(2);
    void *first = qx_malloc(8);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(qx_malloc(8));
    void *third = qx_calloc(3, 8);
    ck_assert_ptr_nonnull(third);
    ck_assert_ptr_null(qx_calloc(SIZE_MAX / 4, 8));
    qx_mem_fail_at(1);
    ck_assert_ptr_null(qx_strdup("x"));
    char *copy = qx_strdup("text");
    ck_assert_str_eq(copy, "text");
    qx_free(first);
    qx_free(third);
    qx_free(copy);
    qx_free(NULL);
}
END_TEST

START_TEST(grow_doubles_and_keeps_elements)
{
    int *v = NULL;
    size_t cap = 0;
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(qx_grow(&v, &cap, (size_t)i + 1, sizeof *v), 0);
        v[i] = i;
    }
    ck_assert_int_eq(v[999], 999);
    ck_assert_int_eq(v[3], 3);
    int *was = v;
    size_t was_cap = cap;
    ck_assert_int_eq(qx_grow(&v, &cap, SIZE_MAX / 2, sizeof *v), -1);
    qx_mem_fail_at(1);
    ck_assert_int_eq(qx_grow(&v, &cap, cap + 1, sizeof *v), -1);
    qx_mem_fail_at(0);
    ck_assert_ptr_eq(v, was);
    ck_assert_uint_eq(cap, was_cap);
    qx_free(v);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bytes");
    TCase *tc = tcase_create("bytes");
    tcase_add_test(tc, put_and_read_come_back);
    tcase_add_test(tc, reading_past_the_end_gives_zeros_and_stays_bad);
    tcase_add_test(tc, resize_zeroes_what_is_new);
    tcase_add_test(tc, no_memory_changes_nothing);
    tcase_add_test(tc, allocations_fail_on_demand);
    tcase_add_test(tc, grow_doubles_and_keeps_elements);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
