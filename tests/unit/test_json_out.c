/* JSON as it is written. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_out.h"
#include "common/mem.h"

static void assert_text(struct qx_bytes *b, const char *want)
{
    ck_assert_int_eq(qx_bytes_append(b, "", 1), QX_ERR_OK);
    ck_assert_str_eq((const char *)b->data, want);
    qx_bytes_fini(b);
}

START_TEST(members_and_lists)
{
    struct qx_bytes b = {0};
    struct json_out j = {.out = &b};
    json_out_open(&j, NULL, '{');
    json_out_open(&j, "empty", '[');
    json_out_close(&j, ']');
    json_out_open(&j, "list", '[');
    json_out_count(&j, NULL, UINT64_MAX);
    json_out_integer(&j, NULL, INT64_MIN);
    json_out_bool(&j, NULL, false);
    json_out_open(&j, NULL, '{');
    json_out_bool(&j, "yes", true);
    json_out_close(&j, '}');
    json_out_close(&j, ']');
    json_out_text(&j, "last", "x", 1);
    json_out_close(&j, '}');
    ck_assert_int_eq(j.e, QX_ERR_OK);
    assert_text(&b, "{\"empty\":[],\"list\":[18446744073709551615,-9223372036854775808,false,{\"yes\":true}],"
                    "\"last\":\"x\"}");
}
END_TEST

START_TEST(numbers_come_back)
{
    static const struct {
        double v;
        const char *text;
    } numbers[] = {{0.1, "0.1"},
                   {1.0 / 3, "0.3333333333333333"},
                   {0.1 + 0.2, "0.30000000000000004"},
                   {-0.0, "-0"},
                   {1e300, "1e+300"},
                   {5e-324, "4.94065645841247e-324"},
                   {NAN, "null"},
                   {-INFINITY, "null"},
                   {123456789, "123456789"}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct qx_bytes b = {0};
        struct json_out j = {.out = &b};
        json_out_number(&j, NULL, numbers[i].v);
        assert_text(&b, numbers[i].text);
    }
}
END_TEST

START_TEST(texts_are_escaped)
{
    static const char text[] = "a\"b\\c\n\x01\0d\xC3\xA9\xFF\xC3(\xED\xA0\x80\xF0\x9F\x99\x82\xC3";
    struct qx_bytes b = {0};
    struct json_out j = {.out = &b};
    json_out_text(&j, NULL, text, sizeof text - 1);
    assert_text(&b, "\"a\\\"b\\\\c\\u000a\\u0001\\u0000d\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD("
                    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xF0\x9F\x99\x82\xEF\xBF\xBD\"");
}
END_TEST

START_TEST(the_first_error_stays)
{
    struct qx_bytes b = {0};
    struct json_out j = {.out = &b};
    qx_mem_fail_at(1);
    json_out_open(&j, NULL, '[');
    qx_mem_fail_at(0);
    json_out_count(&j, NULL, 1);
    ck_assert_int_eq(j.e, QX_ERR_NOMEM);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json_out");
    TCase *c = tcase_create("json_out");
    tcase_add_test(c, members_and_lists);
    tcase_add_test(c, numbers_come_back);
    tcase_add_test(c, texts_are_escaped);
    tcase_add_test(c, the_first_error_stays);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
