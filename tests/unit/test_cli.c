/* The pure parts of `qx`: grids, numbers as text. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cells.h"
#include "client/cli/progress.h"
#include "client/cli/writer.h"

static const char *cell_text(const struct cells *c, uint32_t cell)
{
    static char text[256];
    text[0] = '\0';
    for (uint32_t i = 0; i < c->cells[cell].n_args; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s=%s", i ? " " : "",
                       c->cells[cell].args[i].name, c->cells[cell].args[i].value);
    return text;
}

START_TEST(ranges_include_their_ends)
{
    static const struct {
        const char *spec;
        uint32_t n;
        const char *first, *last;
    } cases[] = {
        {"n=20:120:10", 11, "n=20", "n=120"},
        {"n=1:5", 5, "n=1", "n=5"},
        {"d=0:1:0.1", 11, "d=0", "d=1"},
        {"d=1:0:-0.25", 5, "d=1", "d=0"},
        {"d=-0.2:0.2:0.1", 5, "d=-0.2", "d=0.2"},
        {"d=0:1:0.3", 4, "d=0", "d=0.9"},
        {"n=5:5", 1, "n=5", "n=5"},
        {"n=1e3:3e3:1e3", 3, "n=1000", "n=3000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cells c;
        struct qx_error err = {0};
        ck_assert_msg(cells_parse(&cases[i].spec, 1, &c, &err) == QX_ERR_OK, "%s: %s", cases[i].spec,
                      err.text);
        ck_assert_msg(c.n_cells == cases[i].n, "%s: %u", cases[i].spec, c.n_cells);
        ck_assert_str_eq(cell_text(&c, 0), cases[i].first);
        ck_assert_str_eq(cell_text(&c, c.n_cells - 1), cases[i].last);
        cells_fini(&c);
    }
}
END_TEST

START_TEST(grids_are_crossed_first_slowest)
{
    static const char *const specs[] = {"stat=mean(x),cor(x,y)", "d=0.2,0.5"};
    struct cells c;
    struct qx_error err;
    ck_assert_int_eq(cells_parse(specs, 2, &c, &err), QX_ERR_OK);
    ck_assert_uint_eq(c.n_cells, 4);
    ck_assert_str_eq(cell_text(&c, 0), "stat=mean(x) d=0.2");
    ck_assert_str_eq(cell_text(&c, 1), "stat=mean(x) d=0.5");
    ck_assert_str_eq(cell_text(&c, 2), "stat=cor(x,y) d=0.2");
    ck_assert_str_eq(cell_text(&c, 3), "stat=cor(x,y) d=0.5");
    cells_fini(&c);
    ck_assert_int_eq(cells_parse(NULL, 0, &c, &err), QX_ERR_OK);
    ck_assert_uint_eq(c.n_cells, 0);
    cells_fini(&c);
}
END_TEST

START_TEST(wrong_grids_are_explained)
{
    static const char *const bad[] = {"n",     "=1,2",    "n=",       "n=1,,2",     "n=1,",
                                      "n=5:1", "n=1:5:0", "n=1:5:-1", "n=0:1:1e-9", "n=1:1e9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cells c;
        struct qx_error err = {0};
        ck_assert_msg(cells_parse(&bad[i], 1, &c, &err) == QX_ERR_INVALID, "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(err.text, "--grid"));
        cells_fini(&c);
    }
    static const char *const twice[] = {"n=1,2", "n=3,4"}, *const many[] = {"a=1:1000", "b=1:1000"};
    struct cells c;
    struct qx_error err = {0};
    ck_assert_int_eq(cells_parse(twice, 2, &c, &err), QX_ERR_INVALID);
    cells_fini(&c);
    ck_assert_int_eq(cells_parse(many, 2, &c, &err), QX_ERR_INVALID);
    cells_fini(&c);
}
END_TEST

START_TEST(numbers_show_what_their_error_leaves)
{
    static const struct {
        double v, se;
        const char *text;
    } cases[] = {
        {0.776374491, 0.1331, "0.776"},
        {3.14159265, 0.00098, "3.14159"},
        {0.1331, 0.1331, "0.133"},
        {123456.7, 250, "123457"},
        {0.796695, 9.8e-5, "0.796695"},
        {3.4245621e-6, 1.2e-8, "3.4246e-06"},
        {2, 0, "2"},
        {1234567, (double)NAN, "1.23457e+06"},
        {-0.0071, 0.133, "-0.007"},
        {(double)NAN, 1, "-"},
        {43680.25, 94.8, "43680"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUMBER_BYTES];
        number_with_se(cases[i].v, cases[i].se, text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(shortest_numbers_read_back_the_same)
{
    static const double values[] = {
        0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 3.1692, 0.016226433249485236, -2.5e-9, 1e22};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[NUMBER_BYTES];
        number_shortest(values[i], text);
        ck_assert_double_eq(strtod(text, NULL), values[i]);
    }
    char text[NUMBER_BYTES];
    number_shortest(0.1, text);
    ck_assert_str_eq(text, "0.1");
}
END_TEST

START_TEST(times_and_counts_read_well)
{
    static const struct {
        double v;
        const char *text;
    } times[] = {{0.0000123, "12 us"}, {0.085, "85 ms"},    {1.234, "1.23 s"}, {12.34, "12.3 s"},
                 {125, "2 min 5 s"},   {7260, "2 h 1 min"}, {90000, "1 d 1 h"}},
      counts[] = {{950, "950"}, {12345, "12.3k"}, {1.2e6, "1.20M"}, {3.21e9, "3.21G"}, {999999, "1.00M"}};
    char text[NUMBER_BYTES];
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        number_seconds(times[i].v, text);
        ck_assert_str_eq(text, times[i].text);
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        number_count(counts[i].v, text);
        ck_assert_str_eq(text, counts[i].text);
    }
}
END_TEST

static struct qx_job_info half_way(void)
{
    return (struct qx_job_info){.state = QX_JOB_RUNNING,
                                .task = "pi",
                                .waiting = "",
                                .n_cells = 1,
                                .items_done = 500000,
                                .items_total = 1000000,
                                .elapsed_ns = 2000000000u,
                                .estimate = 0.7854,
                                .se = 0.0006,
                                .target = (double)NAN};
}

START_TEST(progress_tells_share_rate_and_time_left)
{
    struct progress p;
    char line[512];
    struct qx_job_info i = half_way();
    progress_init(&p, false, NULL);
    progress_line(&p, &i, 200, line, sizeof line);
    ck_assert_str_eq(line, "[############------------]  50%  500k/1.00M items  250k/s  2.00 s left  mean "
                           "0.78540 \u00b1 0.00060");
    progress_line(&p, &i, 40, line, sizeof line);
    ck_assert_uint_lt(text_width(line), 40);
    progress_fini(&p);
}
END_TEST

START_TEST(progress_to_a_precision_goes_with_the_square)
{
    struct progress p;
    char line[512];
    struct qx_job_info i = half_way();
    i.items_total = 0;
    i.target = 0.0003;
    progress_init(&p, false, "se<0.0003");
    progress_line(&p, &i, 200, line, sizeof line);
    ck_assert_ptr_nonnull(strstr(line, " 25%"));
    ck_assert_ptr_nonnull(strstr(line, "6.00 s left"));
    ck_assert_ptr_nonnull(strstr(line, "(want 0.0003)"));
    progress_fini(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *grid = tcase_create("grid"), *numbers = tcase_create("numbers"),
          *progress = tcase_create("progress");
    tcase_add_test(grid, ranges_include_their_ends);
    tcase_add_test(grid, grids_are_crossed_first_slowest);
    tcase_add_test(grid, wrong_grids_are_explained);
    tcase_add_test(numbers, numbers_show_what_their_error_leaves);
    tcase_add_test(numbers, shortest_numbers_read_back_the_same);
    tcase_add_test(numbers, times_and_counts_read_well);
    tcase_add_test(progress, progress_tells_share_rate_and_time_left);
    tcase_add_test(progress, progress_to_a_precision_goes_with_the_square);
    suite_add_tcase(suite, grid);
    suite_add_tcase(suite, numbers);
    suite_add_tcase(suite, progress);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
