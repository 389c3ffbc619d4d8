/* CSV to a table image and back, and all the ways either can be wrong. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/table.h"

static struct qx_error err;

static struct qx_table *load(const char *csv, struct qx_bytes *image)
{
    struct qx_table *t = NULL;
    *image = (struct qx_bytes){0};
    qx_err e = table_from_csv("x.csv", csv, strlen(csv), image, &err);
    ck_assert_msg(e == QX_ERR_OK, "%s", err.text);
    ck_assert_msg(table_open(image->data, image->len, &t, &err) == QX_ERR_OK, "%s", err.text);
    return t;
}

START_TEST(columns_have_their_types)
{
    struct qx_bytes image;
    struct qx_table *t = load("\xEF\xBB\xBFx,group,\"a, b\",all NA\r\n"
                              "1,m,-1e3,NA\r\n"
                              "\r\n"
                              ",\"f \"\"q\"\"\",2.5,\r\n"
                              " NA , m ,3,NA",
                              &image);
    ck_assert_uint_eq(table_rows(t), 3);
    ck_assert_uint_eq(table_columns(t), 4);
    const struct qx_column *x = table_column(t, 0), *g = table_column(t, 1), *ab = table_column(t, 2);
    ck_assert_str_eq(x->name, "x");
    ck_assert_int_eq(x->type, QX_COLUMN_REAL);
    ck_assert_uint_eq(x->n_missing, 2);
    ck_assert(x->real[0] == 1 && isnan(x->real[1]) && isnan(x->real[2]));
    ck_assert_int_eq(g->type, QX_COLUMN_TEXT);
    ck_assert_uint_eq(g->n_levels, 2);
    ck_assert_str_eq(g->levels[0], "m");
    ck_assert_str_eq(g->levels[1], "f \"q\"");
    ck_assert(g->code[0] == 0 && g->code[1] == 1 && g->code[2] == 0);
    ck_assert_str_eq(ab->name, "a, b");
    ck_assert(ab->real[0] == -1000 && ab->real[1] == 2.5 && ab->real[2] == 3);
    ck_assert_int_eq(table_column(t, 3)->type, QX_COLUMN_REAL);
    ck_assert_uint_eq(table_column(t, 3)->n_missing, 3);
    ck_assert_ptr_null(table_column(t, 4));
    table_close(t);
    qx_bytes_fini(&image);
}
END_TEST

START_TEST(text_after_numbers_and_missing_text)
{
    struct qx_bytes image;
    struct qx_table *t = load("id,v\n1,1\n2,2\nx,NA\n\"2\",inf or not\n", &image);
    const struct qx_column *id = table_column(t, 0), *v = table_column(t, 1);
    ck_assert_int_eq(id->type, QX_COLUMN_TEXT);
    ck_assert_uint_eq(id->n_levels, 3);
    ck_assert(id->code[1] == 1 && id->code[3] == 1);
    ck_assert_int_eq(v->type, QX_COLUMN_TEXT);
    ck_assert_uint_eq(v->code[2], UINT32_MAX);
    ck_assert_uint_eq(v->n_missing, 1);
    table_close(t);
    qx_bytes_fini(&image);
}
END_TEST

START_TEST(many_levels)
{
    struct qx_bytes csv = {0}, image;
    char line[32];
    (void)qx_bytes_append(&csv, "k\n", 2);
    for (int i = 0; i < 50000; i++) {
        int n = snprintf(line, sizeof line, "k%d\n", i % 20000);
        (void)qx_bytes_append(&csv, line, (size_t)n);
    }
    (void)qx_bytes_append(&csv, "", 1);
    struct qx_table *t = load((const char *)csv.data, &image);
    const struct qx_column *k = table_column(t, 0);
    ck_assert_uint_eq(k->n_levels, 20000);
    for (uint32_t i = 0; i < 50000; i++)
        ck_assert_uint_eq(k->code[i], i % 20000);
    ck_assert_str_eq(k->levels[12345], "k12345");
    table_close(t);
    qx_bytes_fini(&image);
    qx_bytes_fini(&csv);
}
END_TEST

static void refuse(const char *csv, size_t len, const char *says)
{
    struct qx_bytes image = {0};
    ck_assert_int_ne(table_from_csv("x.csv", csv, len, &image, &err), QX_ERR_OK);
    ck_assert_ptr_null(image.data);
    ck_assert_msg(strstr(err.text, says) != NULL, "'%s' does not say '%s'", err.text, says);
    ck_assert_msg(strncmp(err.text, "x.csv: ", 7) == 0, "%s", err.text);
}

START_TEST(bad_csv_is_refused)
{
#define REFUSE(csv, says) refuse(csv, sizeof csv - 1, says)
    REFUSE("", "it is empty (0 bytes)");
    REFUSE("\xEF\xBB\xBF", "no header and no data");
    REFUSE("\n\n", "no header and no data");
    REFUSE("a,b\n", "no row of data");
    REFUSE("a,b\n1,2\n3\n", "row 3 has 1 cells, the header has 2");
    REFUSE("a,b\n1,2,3\n", "row 2 has 3 cells, the header has 2");
    REFUSE("a,b\n1,2\n3,4,", "row 3 has 3 cells");
    REFUSE("a;b\n1;2\n", "row 1 is separated by ';'");
    REFUSE("a\tb\n1\t2\n", "row 1 is separated by tabs");
    REFUSE("1,2\n3,4\n", "no header: column 1 of row 1 is the number 1");
    REFUSE("a,,c\n1,2,3\n", "no header: column 2 of row 1 has no name");
    REFUSE("a,b,a\n1,2,3\n", "columns 1 and 3 of row 1 are both named 'a'");
    REFUSE("a,b\n1,2\n3,NaN\n", "row 3, column 'b': NaN is not a finite number");
    REFUSE("a\n1\n-Inf\n2\n", "row 3, column 'a': -Inf");
    REFUSE("a\n1\n1e999\n", "row 3, column 'a': 1e999");
    REFUSE("a\n\"1\n", "row 2, column 1: the quoted cell does not end");
    REFUSE("a,b\n1,2\n3,x\"y\n", "row 3, column 2: misplaced quote at byte");
    REFUSE("a\n1\0\n", "byte 4 is a NUL");
    REFUSE("a\n\xE9t\xE9\n", "byte 3 is not UTF-8");
    REFUSE("\xFF\xFE"
           "a\0",
           "UTF-16");
}
END_TEST

START_TEST(over_the_size_limit)
{
    size_t len = TABLE_CSV_BYTES_MAX + 1;
    struct qx_bytes image = {0};
    ck_assert_int_eq(table_from_csv("x.csv", "a\n1\n", len, &image, &err), QX_ERR_LIMIT); /* not read */
    ck_assert(strstr(err.text, "the most is") != NULL);
}
END_TEST

/* What a task may do with an open table. */
static void read_and_close(struct qx_table *t)
{
    for (uint32_t i = 0; i < table_columns(t); i++) {
        const struct qx_column *c = table_column(t, i);
        ck_assert_uint_gt(strlen(c->name), 0);
        for (uint64_t row = 0; c->type == QX_COLUMN_TEXT && row < table_rows(t); row++)
            ck_assert(c->code[row] == UINT32_MAX ||
                      (c->code[row] < c->n_levels && strlen(c->levels[c->code[row]]) < 99));
    }
    table_close(t);
}

/* Every byte of a small image, set to each of some values: opened or refused, never a crash. */
START_TEST(damaged_images_are_refused)
{
    struct qx_bytes image;
    struct qx_table *t = load("x,g\n1,a\n,b\n2,a\n", &image);
    table_close(t);
    for (size_t len = 0; len < image.len; len++) {
        void *cut = malloc(len ? len : 1); /* its own end, for the sanitizer */
        memcpy(cut, image.data, len);
        if (table_open(cut, len, &t, &err) == QX_ERR_OK)
            read_and_close(t);
        free(cut);
    }
    static const uint8_t values[] = {0, 1, 0x7F, 0x80, 0xFF};
    for (size_t i = 0; i < image.len; i++)
        for (size_t v = 0; v < sizeof values; v++) {
            uint8_t old = image.data[i];
            image.data[i] = values[v];
            if (table_open(image.data, image.len, &t, &err) == QX_ERR_OK)
                read_and_close(t);
            else
                ck_assert_int_eq(err.code, QX_ERR_PROTO);
            image.data[i] = old;
        }
    ck_assert_int_eq(table_open("short", 5, &t, &err), QX_ERR_PROTO);
    qx_bytes_fini(&image);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    static const char csv[] = "x,g\n1,a\n,b\n2,a\n";
    struct qx_bytes image = {0};
    unsigned refused = 0;
    for (unsigned n = 1; n < 40; n++) {
        qx_mem_fail_at(n);
        qx_err e = table_from_csv("x.csv", csv, sizeof csv - 1, &image, &err);
        qx_mem_fail_at(0);
        if (e != QX_ERR_OK) {
            ck_assert_int_eq(e, QX_ERR_NOMEM);
            ck_assert_ptr_null(image.data);
            refused++;
        } else if (n < 39) { /* libcsv asks again for less */
            qx_bytes_fini(&image);
        }
    }
    ck_assert_uint_gt(refused, 8);
    for (unsigned n = 1;; n++) {
        struct qx_table *t;
        qx_mem_fail_at(n);
        qx_err e = table_open(image.data, image.len, &t, &err);
        if (e == QX_ERR_OK) {
            table_close(t);
            break;
        }
        ck_assert_int_eq(e, QX_ERR_NOMEM);
    }
    qx_mem_fail_at(0);
    qx_bytes_fini(&image);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("table");
    TCase *c = tcase_create("table");
    tcase_add_test(c, columns_have_their_types);
    tcase_add_test(c, text_after_numbers_and_missing_text);
    tcase_add_test(c, many_levels);
    tcase_add_test(c, bad_csv_is_refused);
    tcase_add_test(c, over_the_size_limit);
    tcase_add_test(c, damaged_images_are_refused);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
