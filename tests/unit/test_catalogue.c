/* The master's catalogue of tasks. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"
#include "master/catalogue.h"

static struct param_decl one_param = {
    .name = "mean", .fallback = "0", .help = "the mean", .type = QX_PARAM_REAL, .min = 0, .max = 1};

static struct task_decl decl(const char *name, const char *version)
{
    return (struct task_decl){.name = (char *)(uintptr_t)name,
                              .version = (char *)(uintptr_t)version,
                              .help = "h",
                              .details = "d",
                              .params = &one_param,
                              .n_params = 1,
                              .layout = {1, 14},
                              .default_items = 10};
}

static uint32_t add(struct catalogue *c, const char *name, const char *version)
{
    struct task_decl d = decl(name, version);
    struct qx_error err;
    uint32_t class_id = UINT32_MAX;
    ck_assert_int_eq(catalogue_add(c, &d, &class_id, &err), QX_ERR_OK);
    return class_id;
}

START_TEST(the_newest_version_is_found_by_number)
{
    struct catalogue *c = NULL;
    ck_assert_int_eq(catalogue_new(&c), QX_ERR_OK);
    add(c, "fit", "1.9");
    uint32_t newest = add(c, "fit", "1.10"), old = add(c, "fit", "1.2.3"), got = 0;
    struct qx_error err;
    ck_assert_int_eq(catalogue_find(c, "fit", "", &got, &err), QX_ERR_OK);
    ck_assert_uint_eq(got, newest);
    ck_assert_int_eq(catalogue_find(c, "fit", "1.2.3", &got, &err), QX_ERR_OK);
    ck_assert_uint_eq(got, old);
    ck_assert_int_eq(catalogue_find(c, "fit", "2.0", &got, &err), QX_ERR_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "2.0"));
    catalogue_free(c);
}
END_TEST

START_TEST(the_same_declaration_is_one_entry_and_a_clash_is_refused)
{
    struct catalogue *c = NULL;
    ck_assert_int_eq(catalogue_new(&c), QX_ERR_OK);
    uint32_t first = add(c, "boot", "1.0");
    ck_assert_uint_eq(add(c, "boot", "1.0"), first);
    ck_assert_uint_eq(catalogue_count(c), 1);
    struct task_decl other = decl("boot", "1.0");
    other.layout.grain = 2;
    struct qx_error err;
    uint32_t class_id = 0;
    ck_assert_int_eq(catalogue_add(c, &other, &class_id, &err), QX_ERR_INVALID);
    struct param_decl wider = one_param;
    wider.max = 2;
    other = decl("boot", "1.0");
    other.params = &wider;
    ck_assert_int_eq(catalogue_add(c, &other, &class_id, &err), QX_ERR_INVALID);
    ck_assert_uint_eq(catalogue_count(c), 1);
    catalogue_free(c);
}
END_TEST

START_TEST(a_wrong_name_names_the_nearest)
{
    struct catalogue *c = NULL;
    struct qx_error err;
    uint32_t class_id = 0;
    ck_assert_int_eq(catalogue_new(&c), QX_ERR_OK);
    ck_assert_int_eq(catalogue_find(c, "pi", "", &class_id, &err), QX_ERR_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "no worker has joined"));
    add(c, "mc.integrate", "1.0");
    add(c, "boot", "1.0");
    ck_assert_int_eq(catalogue_find(c, "mc.intergate", "", &class_id, &err), QX_ERR_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "\"mc.integrate\""));
    catalogue_free(c);
}
END_TEST

START_TEST(no_memory_leaves_it_unchanged)
{
    for (unsigned n = 1;; n++) {
        struct catalogue *c = NULL;
        ck_assert_int_eq(catalogue_new(&c), QX_ERR_OK);
        struct task_decl d = decl("boot", "1.0");
        struct qx_error err;
        uint32_t class_id = 0;
        qx_mem_fail_at(n);
        qx_err e = catalogue_add(c, &d, &class_id, &err);
        qx_mem_fail_at(0);
        ck_assert_uint_eq(catalogue_count(c), e == QX_ERR_OK);
        catalogue_free(c);
        if (e == QX_ERR_OK)
            break;
        ck_assert_int_eq(e, QX_ERR_NOMEM);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("catalogue");
    TCase *t = tcase_create("all");
    tcase_add_test(t, the_newest_version_is_found_by_number);
    tcase_add_test(t, the_same_declaration_is_one_entry_and_a_clash_is_refused);
    tcase_add_test(t, a_wrong_name_names_the_nearest);
    tcase_add_test(t, no_memory_leaves_it_unchanged);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
