/* CSV to a table image and back, and all the ways either can be wrong. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/table.h"

static struct qx_error err;

static struct qx_table *load_as(const char *name, const char *csv, struct qx_bytes *image)
{
    struct qx_table *t = NULL;
    size_t len = strlen(csv);
    char *exact = malloc(len ? len : 1); /* its own end, for the sanitizer */
    memcpy(exact, csv, len);
    *image = (struct qx_bytes){0};
    qx_err e = table_from_csv(name, exact, len, image, &err);
    free(exact);
    ck_assert_msg(e == QX_ERR_OK, "%s", err.text);
    ck_assert_msg(table_open(image->data, image->len, &t, &err) == QX_ERR_OK, "%s", err.text);
    return t;
}

static struct qx_table *load(const char *csv, struct qx_bytes *image)
{
    return load_as("x.csv", csv, image);
}

static void unload(struct qx_table *t, struct qx_bytes *image)
{
    table_close(t);
    qx_bytes_fini(image);
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

START_TEST(quotes_and_line_ends)
{
    struct qx_bytes image;
    struct qx_table *t =
        load("k,t\r1,\"a\nb\"\r\r\n 2 , \"c\r\n\"\"d\"\" , e\" \n\n3,\"\"\n4,\"NA\"\n5,\"\"\"\"", &image);
    const struct qx_column *k = table_column(t, 0), *text = table_column(t, 1);
    ck_assert_uint_eq(table_rows(t), 5);
    ck_assert(k->real[0] == 1 && k->real[1] == 2 && k->real[4] == 5);
    ck_assert_uint_eq(text->n_missing, 2);
    ck_assert_uint_eq(text->n_levels, 3);
    ck_assert_str_eq(text->levels[0], "a\nb");
    ck_assert_str_eq(text->levels[1], "c\r\n\"d\" , e");
    ck_assert_str_eq(text->levels[2], "\"");
    unload(t, &image);
    t = load("a,b\n1,2\n3,\n", &image); /* an empty cell before the break */
    ck_assert_uint_eq(table_column(t, 1)->n_missing, 1);
    unload(t, &image);
    t = load("a,b\n1,2\n3,", &image); /* and before the end */
    ck_assert_uint_eq(table_rows(t), 2);
    ck_assert_uint_eq(table_column(t, 1)->n_missing, 1);
    unload(t, &image);
}
END_TEST

START_TEST(tabs_separate)
{
    static const char *const names[] = {"x.tsv", "x.TAB", "x.csv", "x"};
    struct qx_bytes image;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct qx_table *t =
            load_as(names[i], "a\t\"b, c\"\td \n1\t\t x, y\n \t2\t\"x, y\"\n3\t4\t\"\tz\"", &image);
        ck_assert_uint_eq(table_columns(t), 3);
        ck_assert_str_eq(table_column(t, 1)->name, "b, c");
        ck_assert_uint_eq(table_column(t, 0)->n_missing, 1);
        ck_assert(isnan(table_column(t, 1)->real[0]) && table_column(t, 1)->real[1] == 2);
        ck_assert_uint_eq(table_column(t, 2)->n_levels, 2);
        ck_assert_str_eq(table_column(t, 2)->levels[0], "x, y");
        ck_assert_str_eq(table_column(t, 2)->levels[1], "\tz");
        unload(t, &image);
    }
    struct qx_table *t = load("\n\na\tb,c\n1,2\n", &image); /* a comma in the header wins */
    ck_assert_uint_eq(table_columns(t), 2);
    ck_assert_str_eq(table_column(t, 0)->name, "a\tb");
    unload(t, &image);
    t = load_as("x.tsv", "only\n1\n", &image);
    ck_assert_uint_eq(table_columns(t), 1);
    unload(t, &image);
}
END_TEST

START_TEST(spellings_of_numbers)
{
    static const struct {
        const char *cell;
        double v; /* NaN: text */
    } cells[] = {{"1e-3", 1e-3},
                 {".5", .5},
                 {"5.", 5},
                 {"+3", 3},
                 {"\"4\"", 4},
                 {"-0012.50", -12.5},
                 {"1e22", 1e22},
                 {"0.1234567890123456789012", 0.1234567890123456789012},
                 {"9007199254740992", 0x1p53},
                 {"-9007199254740992", -0x1p53},
                 {"0009007199254740992", 0x1p53},
                 {"9007199254740993", NAN}, /* beyond 2^53 and no double: an identifier */
                 {"-9007199254740993", NAN},
                 {"9007199254740994", 0x1p53 + 2},
                 {"1000000000000000000000", 1e21},
                 {"123456789012345678901234567890", NAN},
                 {"9007199254740993.0", 0x1p53}, /* written as a measurement */
                 {"12345678901234567e3", 12345678901234567e3},
                 {"0x10", NAN},
                 {"1_000", NAN},
                 {"1d3", NAN},
                 {"1 000", NAN},
                 {"2024-02-29", NAN},
                 {"TRUE", NAN},
                 {"nano", NAN}};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        char csv[80];
        struct qx_bytes image;
        (void)snprintf(csv, sizeof csv, "a,b\n%s,0\n", cells[i].cell);
        struct qx_table *t = load(csv, &image);
        const struct qx_column *a = table_column(t, 0);
        if (isnan(cells[i].v)) {
            ck_assert_msg(a->type == QX_COLUMN_TEXT, "%s is a number", cells[i].cell);
            ck_assert_str_eq(a->levels[0], cells[i].cell);
        } else {
            ck_assert_msg(a->type == QX_COLUMN_REAL && a->real[0] == cells[i].v, "%s", cells[i].cell);
        }
        unload(t, &image);
    }
}
END_TEST

/* As with a mapped file whose size is a multiple of the page's. */
START_TEST(nothing_behind_the_text_is_read)
{
    static const char *const texts[] = {"a\n1e-300", "a\n1", "a\n\"1e-300\"", "a\nx", "a,b\n1,", "a\n1\n"};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    ck_assert_int_eq(mprotect(map + page, page, PROT_NONE), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct qx_bytes image = {0};
        size_t len = strlen(texts[i]);
        memcpy(map + page - len, texts[i], len);
        ck_assert_int_eq(table_from_csv("x.csv", map + page - len, len, &image, &err), QX_ERR_OK);
        qx_bytes_fini(&image);
    }
    munmap(map, 2 * page);
}
END_TEST

/* Both ways to a column of text: before its first number, and after. */
START_TEST(identifiers_keep_their_digits)
{
    struct qx_bytes image;
    struct qx_table *t = load("early,late,x\nNA,1,1\n9007199254740993,9007199254740995,2\n7,NA,\n", &image);
    const struct qx_column *early = table_column(t, 0), *late = table_column(t, 1), *x = table_column(t, 2);
    ck_assert(early->type == QX_COLUMN_TEXT && early->code[0] == UINT32_MAX && early->n_missing == 1);
    ck_assert_str_eq(early->levels[early->code[1]], "9007199254740993");
    ck_assert_str_eq(early->levels[early->code[2]], "7");
    ck_assert(late->type == QX_COLUMN_TEXT && late->code[2] == UINT32_MAX && late->n_missing == 1);
    ck_assert_str_eq(late->levels[late->code[0]], "1");
    ck_assert_str_eq(late->levels[late->code[1]], "9007199254740995");
    ck_assert(x->real[0] == 1 && x->real[1] == 2 && x->n_missing == 1);
    unload(t, &image);
}
END_TEST

START_TEST(values_are_aligned)
{
    struct qx_bytes image;
    struct qx_table *t = load("a,long name,c\n1,x,3\n4,y,6\n7,x,9\n", &image);
    for (uint32_t i = 0; i < 3; i++) {
        const struct qx_column *c = table_column(t, i);
        const void *values = c->type == QX_COLUMN_REAL ? (const void *)c->real : c->code;
        ck_assert_uint_eq((size_t)((const uint8_t *)values - image.data) % 64, 0);
    }
    unload(t, &image);
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
    REFUSE("a,b\n1,\"x\"y\n", "row 2, column 2: misplaced quote at byte 10");
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

START_TEST(commas_in_a_file_of_tabs_are_refused)
{
    static const char csv[] = "a,b\n1,2\n";
    struct qx_bytes image = {0};
    ck_assert_int_eq(table_from_csv("x.tsv", csv, sizeof csv - 1, &image, &err), QX_ERR_INVALID);
    ck_assert_str_eq(err.text,
                     "x.tsv: row 1 is separated by commas, but the name says tabs: the cells must be "
                     "separated by commas or tabs");
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
    static const char csv[] = "x,g,\"q\"\"\"\n1,a,1\n,\"b\"\"\",z\n2,a,3";
    struct qx_bytes image = {0};
    unsigned n = 1;
    for (;; n++) {
        qx_mem_fail_at(n);
        qx_err e = table_from_csv("x.csv", csv, sizeof csv - 1, &image, &err);
        if (e == QX_ERR_OK)
            break;
        ck_assert_int_eq(e, QX_ERR_NOMEM);
        ck_assert_ptr_null(image.data);
    }
    qx_mem_fail_at(0);
    ck_assert_uint_gt(n, 12);
    ck_assert_uint_gt(image.len, 0);
    for (n = 1;; n++) {
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
    tcase_add_test(c, quotes_and_line_ends);
    tcase_add_test(c, tabs_separate);
    tcase_add_test(c, spellings_of_numbers);
    tcase_add_test(c, nothing_behind_the_text_is_read);
    tcase_add_test(c, identifiers_keep_their_digits);
    tcase_add_test(c, values_are_aligned);
    tcase_add_test(c, many_levels);
    tcase_add_test(c, bad_csv_is_refused);
    tcase_add_test(c, commas_in_a_file_of_tabs_are_refused);
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
