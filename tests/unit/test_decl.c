/* Declarations of tasks, parameter values, nearest names and blob references. */
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decl.h"
#include "common/mem.h"
#include "common/number.h"
#include "common/utf8.h"

static struct qx_error err;

static qx_err open_nothing(struct qx_ctx *ctx, void **ret_state)
{
    (void)ctx;
    *ret_state = NULL;
    return QX_ERR_OK;
}

static qx_err run_nothing(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx, (void)state, (void)item;
    row[0] = 0;
    return QX_ERR_OK;
}

static const char *const methods[] = {"plain", "antithetic", "stratified", NULL};
static const struct qx_param all_params[] = {
    {.name = "expr", .type = QX_PARAM_TEXT, .help = "what to integrate"},
    {.name = "count", .type = QX_PARAM_INT, .fallback = "10", .min = 1, .max = 1000, .help = "a count"},
    {.name = "level", .type = QX_PARAM_REAL, .fallback = "0.95", .min = 0.5, .max = 0.999, .help = "a level"},
    {.name = "quick", .type = QX_PARAM_BOOL, .fallback = "no", .help = "a switch"},
    {.name = "method", .type = QX_PARAM_CHOICE, .fallback = "plain", .choices = methods, .help = "a method"},
    {.name = "times", .type = QX_PARAM_REALS, .fallback = "", .min = 0, .max = 60, .help = "seconds"},
    {.name = "data", .type = QX_PARAM_TABLE, .fallback = "", .help = "a data set"},
};

static struct qx_task good_task(void)
{
    return (struct qx_task){.struct_size = sizeof(struct qx_task),
                            .name = "test.task",
                            .version = "1.2",
                            .help = "does nothing",
                            .params = all_params,
                            .n_params = sizeof all_params / sizeof *all_params,
                            .items_from = "times",
                            .open = open_nothing,
                            .run = run_nothing};
}

static struct task_decl good_decl(void)
{
    struct qx_task task = good_task();
    struct task_decl d;
    ck_assert_int_eq(task_decl_from(&task, &d, &err), QX_ERR_OK);
    return d;
}

START_TEST(decl_is_a_copy)
{
    struct task_decl d = good_decl();
    ck_assert_str_eq(d.name, "test.task");
    ck_assert_uint_eq(d.n_params, 7);
    ck_assert_uint_eq(d.layout.grain, 1);
    ck_assert_uint_eq(d.layout.spread, QX_SPREAD_DEFAULT);
    ck_assert(!d.has_finish && !d.opaque);
    const struct param_decl *p = task_decl_param(&d, "method");
    ck_assert_uint_eq(p->n_choices, 3);
    ck_assert_str_eq(p->choices[2], "stratified");
    ck_assert_ptr_null(task_decl_param(&d, "expr")->fallback);
    ck_assert_ptr_null(task_decl_param(&d, "none"));
    task_decl_fini(&d);
}
END_TEST

static void refuse(struct qx_task task, const char *says)
{
    struct task_decl d;
    ck_assert_int_ne(task_decl_from(&task, &d, &err), QX_ERR_OK);
    ck_assert_msg(strstr(err.text, says) != NULL, "'%s' does not say '%s'", err.text, says);
}

START_TEST(bad_tables_are_refused)
{
    struct qx_task t;
    struct qx_param p;
#define REFUSE(change, says)                                                                                 \
    do {                                                                                                     \
        t = good_task();                                                                                     \
        change;                                                                                              \
        refuse(t, says);                                                                                     \
    } while (0)
#define REFUSE_PARAM(says, change)                                                                           \
    do {                                                                                                     \
        t = good_task();                                                                                     \
        p = (struct qx_param){.name = "a", .type = QX_PARAM_REAL, .help = "h"};                              \
        (void)(change);                                                                                      \
        t.params = &p;                                                                                       \
        t.n_params = 1;                                                                                      \
        t.items_from = NULL;                                                                                 \
        refuse(t, says);                                                                                     \
    } while (0)
    REFUSE(t.struct_size--, "struct qx_task of");
    REFUSE(t.name = "Upper", "task name 'Upper'");
    REFUSE(t.name = "two..dots", "two..dots");
    REFUSE(t.name = NULL, "task name ''");
    REFUSE(t.version = "1.0-rc1", "version '1.0-rc1'");
    REFUSE(t.help = "", "one line of help");
    REFUSE(t.help = "two\nlines", "one line of help");
    REFUSE(t.open = NULL, "no open function");
    REFUSE(t.run = NULL, "neither a run nor a block");
    REFUSE((t.grain = 0, t.spread = 3), "grain 0");
    REFUSE((t.grain = 1, t.spread = 25), "spread 25");
    REFUSE(t.items_from = "count", "items_from 'count'");
    REFUSE(t.flags = 1u << 30, "unknown flags");
    REFUSE(t.default_items = UINT64_MAX, "default_items");
    REFUSE_PARAM("'9lives'", p.name = "9lives");
    REFUSE_PARAM("one line of help", p.help = NULL);
    REFUSE_PARAM("min is over max", (p.min = 2, p.max = 1));
    REFUSE_PARAM("default of parameter 'a': 7 is above the most, 2",
                 (p.min = 1, p.max = 2, p.fallback = "7"));
    REFUSE_PARAM("needs 1 to 256 choices", p.type = QX_PARAM_CHOICE);
    REFUSE_PARAM("is no CHOICE", p.choices = methods);
    REFUSE_PARAM("unknown type 99", p.type = (enum qx_param_type)99);
    REFUSE_PARAM("a TABLE has no default", (p.type = QX_PARAM_TABLE, p.fallback = "x.csv"));
    struct qx_param twice[2] = {all_params[0], all_params[0]};
    REFUSE((t.params = twice, t.n_params = 2, t.items_from = NULL), "declared twice");
}
END_TEST

static void check_params(const char *name, const char *value, const char *says)
{
    struct task_decl d = good_decl();
    struct param given[2] = {{(char *)"expr", (char *)"x"},
                             {(char *)(uintptr_t)name, (char *)(uintptr_t)value}};
    qx_err e = task_decl_check(&d, given, 2, &err);
    if (!says) {
        ck_assert_msg(e == QX_ERR_OK, "%s=%s: %s", name, value, err.text);
    } else {
        ck_assert_msg(e == QX_ERR_INVALID, "%s=%s was accepted", name, value);
        ck_assert_msg(strstr(err.text, says) != NULL, "'%s' does not say '%s'", err.text, says);
    }
    task_decl_fini(&d);
}

START_TEST(parameters_are_checked)
{
    check_params("count", "1e2", NULL);
    check_params("count", "1000", NULL);
    check_params("count", "1001", "1001 is above the most, 1000");
    check_params("count", "0", "0 is below the least, 1");
    check_params("count", "1.5", "'1.5' is not whole");
    check_params("count", "ten", "'ten' is not a whole number");
    check_params("level", "0.9", NULL);
    check_params("level", "nan", "'nan' is not a number");
    check_params("level", "1e999", "beyond the range");
    check_params("quick", "Yes", NULL);
    check_params("quick", "maybe", "not yes or no");
    check_params("method", "stratified", NULL);
    check_params("method", "antithetik", "did you mean 'antithetic'?");
    check_params("method", "qmc", "not one of plain, antithetic, stratified");
    check_params("times", "1, 2,3", NULL);
    check_params("times", "1,,2", "member 2 of the list");
    check_params("times", "1,61", "member 2 of the list, 61, is not within 0 .. 60");
    check_params("data", "law.csv", "'data' is not a data set");
    check_params("levl", "0.9", "test.task has no parameter 'levl'; did you mean 'level'?");
    check_params("zzzzzz", "0.9", "has no parameter 'zzzzzz'; `qx tasks test.task`");
    check_params("expr", "y", "given twice");
    struct task_decl d = good_decl();
    ck_assert_int_eq(task_decl_check(&d, NULL, 0, &err), QX_ERR_INVALID);
    ck_assert_str_eq(err.text, "test.task needs the parameter 'expr': what to integrate");
    task_decl_fini(&d);
}
END_TEST

START_TEST(number_of_items)
{
    struct task_decl d = good_decl();
    struct param times = {(char *)"times", (char *)"1,2,3"};
    uint64_t n = 0;
    ck_assert_int_eq(task_decl_items(&d, &times, 1, 0, &n, &err), QX_ERR_OK);
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(task_decl_items(&d, &times, 1, 2, &n, &err), QX_ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(task_decl_items(&d, &times, 1, 4, &n, &err), QX_ERR_INVALID);
    ck_assert_str_eq(err.text, "4 items, but 'times' lists 3");
    ck_assert_int_eq(task_decl_items(&d, NULL, 0, 0, &n, &err), QX_ERR_INVALID);
    ck_assert_int_eq(task_decl_items(&d, NULL, 0, 9, &n, &err), QX_ERR_OK);
    ck_assert_uint_eq(n, 9);
    ck_assert_int_eq(task_decl_items(&d, NULL, 0, QX_ITEMS_MAX + 1, &n, &err), QX_ERR_INVALID);
    d.default_items = 77;
    ck_assert_int_eq(task_decl_items(&d, NULL, 0, 0, &n, &err), QX_ERR_OK);
    ck_assert_uint_eq(n, 77);
    task_decl_fini(&d);
}
END_TEST

START_TEST(counts_and_integers)
{
    static const struct {
        const char *text;
        uint64_t value; /* 0: refused */
    } counts[] = {{"1", 1},
                  {"1e8", 100000000},
                  {"2.5e3", 2500},
                  {"0.001e3", 1},
                  {"120.0", 120},
                  {"4611686018427387904", QX_ITEMS_MAX},
                  {"4611686018427387905", 0},
                  {"9223372036854775809", 0},
                  {"1e30", 0},
                  {"1e999999999999", 0},
                  {"0", 0},
                  {"-5", 0},
                  {"2.5", 0},
                  {"25e-1", 0},
                  {"1e-1", 0},
                  {"", 0},
                  {" 1", 0},
                  {"1x", 0},
                  {"0x10", 0},
                  {"1e", 0}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint64_t v = 0;
        qx_err e = value_count(counts[i].text, &v, &err);
        ck_assert_msg((e == QX_ERR_OK) == (counts[i].value != 0) && v == counts[i].value, "'%s'",
                      counts[i].text);
    }
    int64_t v = 0;
    ck_assert_int_eq(value_int("-9223372036854775808", &v, &err), QX_ERR_OK);
    ck_assert(v == INT64_MIN);
    ck_assert_int_eq(value_int("9223372036854775808", &v, &err), QX_ERR_INVALID);
    ck_assert_int_eq(value_int("9007199254740993", &v, &err), QX_ERR_OK);
    ck_assert(v == INT64_C(9007199254740993)); /* no double is that exact */
    ck_assert_int_eq(value_int("-0", &v, &err), QX_ERR_OK);
    ck_assert(v == 0);
}
END_TEST

static bool same_bits(double a, double b)
{
    uint64_t bits_a, bits_b;
    memcpy(&bits_a, &a, sizeof a);
    memcpy(&bits_b, &b, sizeof b);
    return bits_a == bits_b;
}

START_TEST(numbers_equal_strtod)
{
    static const char *const texts[] = {"0",
                                        "-0",
                                        "3.14159",
                                        "1e22",
                                        "1e23",
                                        "9007199254740993",
                                        "1e-400",
                                        "1e400",
                                        "-1e400",
                                        ".5",
                                        "5.",
                                        "1e+5",
                                        "00012.500",
                                        "123456789012345678901234567890",
                                        "0.000000000000000000000000000001234",
                                        "2.2250738585072011e-308",
                                        "179769313486231580793e289"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double v, expected = strtod(texts[i], NULL);
        ck_assert(number_parse(texts[i], strlen(texts[i]), &v));
        ck_assert_msg(same_bits(v, expected), "%s: %.17g, not %.17g", texts[i], v, expected);
    }
    static const char *const bad[] = {"",   ".",  "-",     "+",   "e5",  "1e",  "1e+",
                                      "1 ", " 1", "1.2.3", "nan", "inf", "0x1", "1,5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double v;
        ck_assert_msg(!number_parse(bad[i], strlen(bad[i]), &v), "'%s' is a number", bad[i]);
    }
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        char text[40];
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        double expected, v;
        memcpy(&expected, &x, sizeof v);
        if (!isfinite(expected))
            continue;
        (void)snprintf(text, sizeof text, i % 2 ? "%.17g" : "%.15g",
                       i % 4 < 2 ? expected : (double)(int64_t)x * 0x1p-40);
        expected = strtod(text, NULL);
        ck_assert(number_parse(text, strlen(text), &v));
        ck_assert_msg(same_bits(v, expected), "%s", text);
    }
    for (int i = 0; i < 20000;
         i++) { /* 19 digits and halfway between two doubles, around the limits of each way */
        char text[40];
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t mantissa =
            i % 2 ? x % UINT64_C(10000000000000000000) : (x >> 11 | 1 | UINT64_C(1) << 53) << i % 9;
        (void)snprintf(text, sizeof text, "%" PRIu64 "e%d", mantissa, i % 2 ? (int)(x >> 40) % 61 - 30 : 0);
        double v, expected = strtod(text, NULL);
        ck_assert(number_parse(text, strlen(text), &v));
        ck_assert_msg(same_bits(v, expected), "%s", text);
    }
}
END_TEST

START_TEST(nearest_names)
{
    static const char *const names[] = {"mean", "median", "trimmed", "quantile", "LSAT", "sd"};
    ck_assert_str_eq(nearest_name("meen", names, 6), "mean");
    ck_assert_str_eq(nearest_name("mdeian", names, 6), "median"); /* two swapped: one edit */
    ck_assert_str_eq(nearest_name("quantil", names, 6), "quantile");
    ck_assert_str_eq(nearest_name("lsat", names, 6), "LSAT");
    ck_assert_str_eq(nearest_name("sx", names, 6), "sd");
    static const char *const letters[] = {"y", "x"};
    ck_assert_str_eq(nearest_name("X", letters, 2), "x"); /* case alone is less than an edit */
    ck_assert_ptr_null(nearest_name("zzz", names, 6));
    ck_assert_ptr_null(nearest_name("", names, 6));
    ck_assert_ptr_null(nearest_name("abcdefghijkl", names, 6));
}
END_TEST

START_TEST(blob_references)
{
    struct blob_ref ref = {.len_bytes = UINT64_MAX}, back;
    char text[BLOB_REF_BYTES];
    blob_hash("abc", 3, ref.hash);
    blob_ref_format(&ref, text);
    /* BLAKE2b-256 of "abc" */
    ck_assert_str_eq(
        text, "blob:bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319:18446744073709551615");
    ck_assert(blob_ref_parse(text, &back));
    ck_assert(memcmp(ref.hash, back.hash, sizeof ref.hash) == 0 && back.len_bytes == ref.len_bytes);
    text[5] = 'B';
    ck_assert(!blob_ref_parse(text, &back));
    ck_assert(!blob_ref_parse("blob:", &back) && !blob_ref_parse("", &back) &&
              !blob_ref_parse("law.csv", &back));
    ref.len_bytes = 0;
    blob_ref_format(&ref, text);
    ck_assert(blob_ref_parse(text, &back));
    size_t len = strlen(text);
    text[len] = '0';
    text[len + 1] = '\0';
    ck_assert(!blob_ref_parse(text, &back)); /* a leading zero: another spelling of the same blob */
}
END_TEST

START_TEST(utf8)
{
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {{"plain ascii, longer than a word", 31},
                 {"\xC3\xA9", 2},
                 {"\xE2\x82\xAC", 3},
                 {"\xF0\x9F\x8E\xB2", 4},
                 {"a\xC3", 1},
                 {"\xC0\x80", 0},
                 {"\xED\xA0\x80", 0},
                 {"\xF4\x90\x80\x80", 0},
                 {"12345678\xE9", 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_uint_eq(utf8_check(cases[i].text, strlen(cases[i].text)), cases[i].bad);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct qx_task task = good_task();
    struct task_decl d;
    for (unsigned n = 1;; n++) {
        qx_mem_fail_at(n);
        qx_err e = task_decl_from(&task, &d, &err);
        if (e == QX_ERR_OK)
            break;
        ck_assert_int_eq(e, QX_ERR_NOMEM);
        ck_assert_uint_lt(n, 1000);
    }
    qx_mem_fail_at(0);
    task_decl_fini(&d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("decl");
    TCase *c = tcase_create("decl");
    tcase_add_test(c, decl_is_a_copy);
    tcase_add_test(c, bad_tables_are_refused);
    tcase_add_test(c, parameters_are_checked);
    tcase_add_test(c, number_of_items);
    tcase_add_test(c, counts_and_integers);
    tcase_add_test(c, numbers_equal_strtod);
    tcase_add_test(c, nearest_names);
    tcase_add_test(c, blob_references);
    tcase_add_test(c, utf8);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
