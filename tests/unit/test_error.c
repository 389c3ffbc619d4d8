#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

START_TEST(codes_have_names_and_texts)
{
    ck_assert_str_eq(qx_err_name(QX_ERR_OK), "OK");
    ck_assert_str_eq(qx_err_name(QX_ERR_PROTO), "PROTO");
    ck_assert_str_eq(qx_err_text(QX_ERR_PROTO), "peer violated the protocol");
    ck_assert_str_eq(qx_err_name((qx_err)-999), "UNKNOWN");
    ck_assert_ptr_nonnull(qx_err_text((qx_err)77));
}
END_TEST

START_TEST(fail_fills_in_and_returns_the_code)
{
    struct qx_error err = {0};
    ck_assert_int_eq(qx_fail(&err, QX_ERR_LIMIT, "frame of %d bytes\n", 12), QX_ERR_LIMIT);
    ck_assert_int_eq(err.code, QX_ERR_LIMIT);
    ck_assert_str_eq(err.text, "frame of 12 bytes");
    ck_assert_int_eq(qx_fail(NULL, QX_ERR_IO, "x"), QX_ERR_IO);
}
END_TEST

START_TEST(fail_may_quote_the_text_it_replaces)
{
    struct qx_error err = {0};
    qx_fail(&err, QX_ERR_IO, "disk\nfull");
    qx_fail(&err, QX_ERR_IO, "store: %s", err.text);
    ck_assert_str_eq(err.text, "store: disk full");
}
END_TEST

START_TEST(long_text_is_cut_at_a_character)
{
    /* _i bytes of ASCII put the 3-byte characters at every alignment to the end of the buffer. */
    char text[400] = {0};
    memset(text, 'a', (size_t)_i);
    for (size_t at = (size_t)_i; at + 4 < sizeof text; at += 3)
        memcpy(text + at, "\xE2\x82\xAC", 4);
    struct qx_error err;
    qx_fail(&err, QX_ERR_IO, "%s", text);
    size_t len = strlen(err.text);
    ck_assert_uint_le(len, QX_ERROR_TEXT_BYTES - 1);
    ck_assert_uint_gt(len, QX_ERROR_TEXT_BYTES - 4);
    ck_assert_uint_eq((len - (size_t)_i) % 3, 0);
    ck_assert_int_eq(strncmp(text, err.text, len), 0);
}
END_TEST

START_TEST(bug_aborts)
{
    QX_BUG_ON(_i == 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("error");
    TCase *tc = tcase_create("error");
    tcase_add_test(tc, codes_have_names_and_texts);
    tcase_add_test(tc, fail_fills_in_and_returns_the_code);
    tcase_add_test(tc, fail_may_quote_the_text_it_replaces);
    tcase_add_loop_test(tc, long_text_is_cut_at_a_character, 0, 6);
    tcase_add_test_raise_signal(tc, bug_aborts, SIGABRT);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
