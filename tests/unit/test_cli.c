/* The pure parts of `qx`: grids, numbers as text, answers as text and CSV, tables on narrow terminals. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cells.h"
#include "client/cli/progress.h"
#include "client/cli/report.h"
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

START_TEST(progress_tells_the_round)
{
    struct progress p;
    char line[512];
    struct qx_job_info i = half_way();
    i.round = 1;
    i.round_why = "";
    progress_init(&p, true, NULL);
    progress_line(&p, &i, 200, line, sizeof line);
    ck_assert_ptr_null(strstr(line, "round"));
    progress_show(&p, &i, 1);
    ck_assert_uint_eq(p.n_points, 1);
    i.round = 3;
    i.round_why = "searching n: n = 64";
    progress_line(&p, &i, 200, line, sizeof line);
    ck_assert_ptr_eq(strstr(line, "round 3  ["), line);
    ck_assert_ptr_nonnull(strstr(line, "searching n: n = 64"));
    for (int width = 1; width <= 160; width++) {
        progress_line(&p, &i, width, line, sizeof line);
        ck_assert_uint_lt(text_width(line), (size_t)width);
    }
    i.items_done = 10; /* the running mean begins anew */
    progress_show(&p, &i, 2);
    ck_assert_uint_eq(p.n_points, 1);
    ck_assert_double_eq(p.points[0].n, 10);
    i = half_way();
    i.until = "";
    i.items_done = i.items_total = 0;
    progress_line(&p, &i, 0, line, sizeof line);
    ck_assert_ptr_eq(strstr(line, "counting the items"), line);
    progress_fini(&p);
}
END_TEST

/* Every width: nothing reaches the edge, and what matters most is the last to go. */
START_TEST(progress_fits_any_terminal)
{
    struct progress p;
    char line[512];
    struct qx_job_info i = half_way();
    i.n_cells = 12;
    i.cells_done = 3;
    i.items_failed = 17;
    i.target = 0.0003;
    progress_init(&p, false, NULL);
    for (int width = 1; width <= 160; width++) {
        progress_line(&p, &i, width, line, sizeof line);
        ck_assert_msg(text_width(line) < (size_t)width, "%d: %s", width, line);
        ck_assert_msg(width < 20 || (strstr(line, "2.00 s left") && strstr(line, "50%")), "%d: %s", width,
                      line);
        ck_assert_msg(width < 80 || strstr(line, "0.78540 \u00b1 0.00060"), "%d: %s", width, line);
    }
    i = half_way();
    progress_line(&p, &i, 80, line, sizeof line);
    ck_assert_str_eq(line,
                     "[####-----]  50%  500k/1.00M items  250k/s  2.00 s left  mean 0.78540 \u00b1 0.00060");
    i.waiting = "\u5f85\u3064\u5f85\u3064\u5f85\u3064"; /* 12 columns */
    for (int width = 60; width <= 120; width++) {
        progress_line(&p, &i, width, line, sizeof line);
        ck_assert_msg(width < 100 || strstr(line, "waiting: \u5f85\u3064"), "%d: %s", width, line);
        ck_assert_msg(text_width(line) < (size_t)width, "%d: %s", width, line);
    }
    progress_fini(&p);
}
END_TEST

START_TEST(progress_tells_that_the_answer_is_being_made)
{
    struct progress p;
    char line[512];
    struct qx_job_info i = half_way();
    i.items_done = i.items_total;
    progress_init(&p, false, NULL);
    progress_line(&p, &i, 80, line, sizeof line);
    ck_assert_ptr_nonnull(strstr(line, "100%"));
    ck_assert_ptr_nonnull(strstr(line, "finishing..."));
    i.items_total = 0; /* a rule ended it */
    i.cells_done = 1;
    progress_line(&p, &i, 0, line, sizeof line);
    ck_assert_ptr_nonnull(strstr(line, "finishing..."));
    i = half_way();
    i.items_done = i.items_total = 1;
    progress_line(&p, &i, 0, line, sizeof line);
    ck_assert_ptr_nonnull(strstr(line, "1/1 item  0.5/s  finishing..."));
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

/* ---- layout ---- */

START_TEST(width_counts_columns)
{
    ck_assert_uint_eq(text_width("abc"), 3);
    ck_assert_uint_eq(text_width("\u00b1\u00b7\u2026"), 3);
    ck_assert_uint_eq(text_width("\u5f85\u3064"), 4);
    ck_assert_uint_eq(text_width("e\u0301"), 1);
    ck_assert_uint_eq(text_width("\U0001F600"), 2);
    ck_assert_uint_eq(text_width("\xff\xc3"), 2);
    ck_assert_uint_eq(text_fits("\u5f85\u3064", 3), 3);
    ck_assert_uint_eq(text_fits("abc", 9), 3);
}
END_TEST

/* What `g` prints on a terminal; to be freed. */
static char *printed(const struct grid *g, size_t width)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    struct style style = {"", "", "", "", width};
    ck_assert_ptr_nonnull(f);
    grid_print(f, &style, "  ", g);
    (void)fclose(f);
    return text;
}

static size_t widest_line(const char *text)
{
    size_t most = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        char copy[1024];
        (void)snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
        most = text_width(copy) > most ? text_width(copy) : most;
    }
    return most;
}

static struct grid grid_of(size_t rows, size_t columns, const char *const *texts)
{
    struct grid g;
    ck_assert(grid_init(&g, rows, columns));
    for (size_t i = 0; i < rows * columns; i++)
        grid_set(&g, i / columns, i % columns, texts[i]);
    return g;
}

START_TEST(wide_tables_fold_into_blocks)
{
    static const char *const texts[] = {"name",  "estimate",    "se",        "bias",    "lower",   "upper",
                                        "alpha", "0.123456789", "0.0012345", "0.00001", "0.11111", "0.13333",
                                        "beta",  "12.3456789",  "0.5",       "0.00002", "11.1",    "13.3"};
    struct grid g = grid_of(3, 6, texts);
    for (size_t c = 1; c < 6; c++)
        g.right[c] = true;
    char *text = printed(&g, 36);
    ck_assert_str_eq(text, "  name      estimate         se\n"
                           "  alpha  0.123456789  0.0012345\n"
                           "  beta    12.3456789        0.5\n"
                           "\n"
                           "  name      bias    lower    upper\n"
                           "  alpha  0.00001  0.11111  0.13333\n"
                           "  beta   0.00002     11.1     13.3\n");
    free(text);
    text = printed(&g, 0);
    ck_assert_ptr_null(strstr(text, "\n\n"));
    free(text);
    text = printed(&g, 58); /* as wide as the table */
    ck_assert_ptr_null(strstr(text, "\n\n"));
    ck_assert_uint_eq(widest_line(text), 58);
    free(text);
    for (size_t width = 30; width < 58; width++) {
        text = printed(&g, width);
        ck_assert_msg(widest_line(text) <= width, "%zu:\n%s", width, text);
        free(text);
    }
    grid_fini(&g);
}
END_TEST

START_TEST(long_words_are_cut_and_long_texts_wrapped)
{
    static const char *const texts[] = {"stat",
                                        "estimate",
                                        "lm(y ~ a_long_name + another_long_name + yet_another_one)",
                                        "1.25",
                                        "\u5e73\u5747(x)",
                                        "2.5"},
                             *const help[] = {"name", "what it is", "conf",
                                              "the level of the interval, which is two-sided"};
    struct grid g = grid_of(3, 2, texts);
    g.right[1] = true;
    char *text = printed(&g, 40);
    ck_assert_msg(widest_line(text) <= 40, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "\u2026"));
    ck_assert_ptr_nonnull(strstr(text, "1.25"));
    free(text);
    grid_fini(&g);
    g = grid_of(2, 2, help);
    text = printed(&g, 34);
    ck_assert_str_eq(text, "  name  what it is\n"
                           "  conf  the level of the interval,\n"
                           "        which is two-sided\n");
    free(text);
    grid_fini(&g);
}
END_TEST

/* ---- answers ---- */

static char *answer_as(const struct writer *w, const char *json, size_t width)
{
    char *text = NULL;
    size_t len;
    json_error_t e;
    json_t *report = json_loads(json, 0, &e);
    FILE *f = open_memstream(&text, &len);
    struct style style = {"", "", "", "", width};
    ck_assert_msg(report != NULL, "%s", e.text);
    w->answer(f, &style, report);
    (void)fclose(f);
    json_decref(report);
    return text;
}

static const char two_shapes[] =
    "{\"task\": \"boot\", \"version\": \"1.0\", \"params\": {}, \"n\": 9, \"items\": 18, \"seed\": 1, "
    "\"elapsed_s\": 0.01, \"slots\": 1, \"partial\": true, \"cells\": ["
    "{\"params\": {\"stat\": \"mean\"}, \"n\": 9, \"failed\": 0, \"complete\": true, \"result\": "
    "{\"n\": 9, \"estimate\": 1.5, \"se\": 0.1, \"z0\": 0.0953964, "
    "\"intervals\": [{\"method\": \"bca\", \"lower\": 1.25, \"upper\": 2}]}},"
    "{\"params\": {\"stat\": \"lm\"}, \"n\": 9, \"failed\": 2, \"complete\": false, \"result\": "
    "{\"n\": 7, \"coefficients\": [{\"name\": \"a\", \"estimate\": 2, \"se\": 0.5}, "
    "{\"name\": \"b\", \"estimate\": 30, \"se\": 4}], \"intervals\": ["
    "{\"name\": \"a\", \"method\": \"basic\", \"lower\": 1, \"upper\": 3}, "
    "{\"name\": \"a\", \"method\": \"bca\", \"lower\": 1, \"upper\": 4}, "
    "{\"name\": \"b\", \"method\": \"basic\", \"lower\": 20, \"upper\": 40}, "
    "{\"name\": \"b\", \"method\": \"bca\", \"lower\": 21, \"upper\": 41}]}},"
    "{\"params\": {\"stat\": \"bad\"}, \"n\": 9, \"failed\": 9, \"complete\": true, \"result\": null}]}";

START_TEST(csv_has_the_columns_of_all_cells)
{
    char *text = answer_as(&writer_csv, two_shapes, 0);
    ck_assert_str_eq(
        text, "stat,n,estimate,se,z0,intervals.bca.lower,intervals.bca.upper,coefficients.a.estimate,"
              "coefficients.a.se,coefficients.b.estimate,coefficients.b.se,intervals.a.basic.lower,"
              "intervals.a.basic.upper,intervals.a.bca.lower,intervals.a.bca.upper,intervals.b.basic.lower,"
              "intervals.b.basic.upper,intervals.b.bca.lower,intervals.b.bca.upper,failed,partial\n"
              "mean,9,1.5,0.1,0.0953964,1.25,2,,,,,,,,,,,,,0,false\n"
              "lm,7,,,,,,2,0.5,30,4,1,3,1,4,20,40,21,41,2,true\n"
              "bad,9,,,,,,,,,,,,,,,,,,9,false\n");
    free(text);
}
END_TEST

START_TEST(csv_of_a_grid_over_n_keeps_both)
{
    char *text =
        answer_as(&writer_csv,
                  "{\"cells\": [{\"params\": {\"n\": \"20\"}, \"n\": 1000, \"failed\": 0, \"complete\": "
                  "true, \"result\": {\"n\": 998, \"p\": 0.5}}]}",
                  0);
    ck_assert_str_eq(text, "n,result.n,p,items,failed\n20,998,0.5,1000,0\n");
    free(text);
}
END_TEST

START_TEST(a_coefficient_is_a_row)
{
    char *text = answer_as(&writer_text, two_shapes, 0);
    ck_assert_ptr_nonnull(strstr(text, "stat  coefficient  n  estimate"));
    ck_assert_ptr_nonnull(strstr(text, "\n  lm    a            7      2.00"));
    ck_assert_ptr_nonnull(strstr(text, "\n  lm    b            7      30.0"));
    ck_assert_ptr_nonnull(strstr(text, "0.0954 "));
    ck_assert_ptr_nonnull(strstr(text, "PARTIAL"));
    ck_assert_ptr_nonnull(strstr(text, " on 1 slot\n"));
    free(text);
    text = answer_as(&writer_text, two_shapes, 60);
    ck_assert_msg(widest_line(text) <= 60, "%s", text);
    free(text);
}
END_TEST

/* One job whose answer has these members. */
static char *members_as(const struct writer *w, const char *members)
{
    char report[4096];
    (void)snprintf(report, sizeof report,
                   "{\"task\": \"t\", \"version\": \"1\", \"params\": {}, \"n\": 9, \"items\": 9, \"seed\": "
                   "1, \"elapsed_s\": 1, "
                   "\"slots\": 2, \"partial\": false, \"result\": {%s}}",
                   members);
    return answer_as(w, report, 0);
}

START_TEST(numbers_of_a_column_stand_by_their_points)
{
    char *text = members_as(
        &writer_text,
        "\"coefficients\": [{\"term\": \"a\", \"estimate\": -57.98, \"std_error\": 8.78, \"p_value\": 0}, "
        "{\"term\": \"b\", \"estimate\": 0.0123, \"std_error\": 0.00089, \"p_value\": 0.25}, "
        "{\"term\": \"c\", \"estimate\": null, \"std_error\": null, \"p_value\": 1e-20}]");
    ck_assert_msg(strstr(text, "    term   estimate  std_error  p_value\n"
                               "    a     -58.0        8.8      < 2e-16\n"
                               "    b       0.01230    0.00089     0.25\n"
                               "    c       -          -        < 2e-16\n") != NULL,
                  "%s", text);
    free(text);
}
END_TEST

START_TEST(ends_of_intervals_have_the_digits_of_their_estimate)
{
    char *text = members_as(&writer_text, "\"coefficients\": [{\"term\": \"Vm\", \"estimate\": 212.6837, "
                                          "\"std.error\": 6.947, \"conf.low\": 197.2, "
                                          "\"conf.high\": 228.163}, {\"term\": \"K\", \"estimate\": 0.06412, "
                                          "\"std.error\": 0.00828, \"conf.low\": "
                                          "0.04567, \"conf.high\": 0.08257}]");
    ck_assert_msg(strstr(text, "    Vm    212.7        6.9     197.2      228.2\n"
                               "    K       0.0641     0.0083    0.0457     0.0826\n") != NULL,
                  "%s", text);
    free(text);
}
END_TEST

START_TEST(a_column_has_one_number_of_decimals)
{
    char *text = members_as(
        &writer_text,
        "\"parameters\": [{\"name\": \"mu\", \"q5\": -0.870393, \"ess\": 3751.37, \"tiny\": 1e-9, \"k\": 2}, "
        "{\"name\": \"tau\", \"q5\": 0.261245, \"ess\": 987.6, \"tiny\": 0.5, \"k\": 14}, "
        "{\"name\": \"lp\", \"q5\": -11.2367, \"ess\": 1777.1, \"tiny\": null, \"k\": 3}]");
    ck_assert_msg(strstr(text, "    name      q5   ess   tiny   k\n"
                               "    mu     -0.87  3751  1e-09   2\n"
                               "    tau     0.26   988    0.5  14\n"
                               "    lp    -11.24  1777      -   3\n") != NULL,
                  "%s", text);
    free(text);
}
END_TEST

START_TEST(what_is_the_same_in_all_cells_is_told_once)
{
    static const char cells[] =
        "{\"task\": \"power\", \"version\": \"1.0\", \"params\": {}, \"n\": 9, \"items\": 18, \"seed\": 1, "
        "\"elapsed_s\": 0.01, \"slots\": 1, \"partial\": false, \"cells\": ["
        "{\"params\": {\"n\": \"20\"}, \"n\": 9, \"failed\": 0, \"complete\": true, \"result\": "
        "{\"alpha\": 0.05, \"n\": 20, \"estimate\": 0.5, \"se\": 0.1, \"analytic\": 0.51, \"own\": "
        "{\"analytic\": 0.51}}},"
        "{\"params\": {\"n\": \"40\"}, \"n\": 9, \"failed\": 0, \"complete\": true, \"result\": "
        "{\"alpha\": 0.05, \"n\": 40, \"estimate\": 0.5, \"se\": 0.1, \"analytic\": 0.62, \"own\": "
        "{\"analytic\": 0.62}}}]}";
    char *text = answer_as(&writer_text, cells, 0);
    ck_assert_msg(strstr(text, "   n  estimate     se  analytic\n"
                               "  20     0.500  0.100      0.51\n"
                               "  40     0.500  0.100      0.62\n"
                               "\n"
                               "  all: alpha 0.05\n") != NULL,
                  "%s", text);
    free(text);
    text = answer_as(&writer_csv, cells, 0); /* where nothing is left out */
    ck_assert_ptr_nonnull(strstr(text, "n,alpha,result.n,estimate"));
    free(text);
}
END_TEST

START_TEST(an_answer_that_is_no_json_is_an_error)
{
    struct qx_error err = {0};
    struct qx_cell cell = {
        .n_items = 3, .complete = true, .digest = "", .result_json = "{\"a\": 1}", .failures_json = ""};
    struct qx_result r = {.info = {.state = QX_JOB_DONE, .task = "t.x", .version = "1.0", .error = ""},
                          .cells = &cell,
                          .n_cells = 1,
                          .until = "",
                          .digest = ""};
    json_t *report = report_new(&r, NULL, 0, &err);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(report, "result"), "a")), 1);
    json_decref(report);
    cell.result_json = "{\"a\": 1";
    ck_assert_ptr_null(report_new(&r, NULL, 0, &err));
    ck_assert_int_eq(err.code, QX_ERR_TASK);
    ck_assert_msg(strstr(err.text, "an answer of task t.x 1.0 is no JSON: ") != NULL, "%s", err.text);
}
END_TEST

START_TEST(shares_are_no_p_values)
{
    char *text = members_as(
        &writer_text, "\"p\": 0.123456789, \"p_max\": 0.0, \"p_adjusted\": 0.123456789, \"pvalue\": 0.0");
    ck_assert_ptr_nonnull(strstr(text, "p           0.123457\n"));
    ck_assert_ptr_nonnull(strstr(text, "p_max       0\n"));
    ck_assert_ptr_nonnull(strstr(text, "p_adjusted  0.1235\n"));
    ck_assert_ptr_nonnull(strstr(text, "pvalue      < 2e-16\n"));
    free(text);
}
END_TEST

START_TEST(what_has_a_place_of_its_own_is_not_shown)
{
    static const char members[] =
        "\"estimate\": 2, \"table\": \"rows\", \"files\": [{\"name\": \"x.csv\", \"bytes\": 3}], "
        "\"plot\": {\"panels\": [{\"kind\": \"lines\"}]}, \"rows\": [{\"name\": \"a\", \"v\": 1}]";
    char *text = members_as(&writer_text, members);
    ck_assert_ptr_null(strstr(text, "x.csv"));
    ck_assert_ptr_null(strstr(text, "lines"));
    ck_assert_ptr_null(strstr(text, "table"));
    free(text);
    text = members_as(&writer_csv, members);
    ck_assert_str_eq(text, "name,v\na,1\n");
    free(text);
    text = members_as(
        &writer_csv, "\"estimate\": 2, \"table\": [[1, 2], [3, 4]], \"rows\": [{\"name\": \"a\", \"v\": 1}]");
    ck_assert_ptr_eq(strstr(text, "estimate,table.1"), text); /* a table of counts is none of these */
    free(text);
}
END_TEST

START_TEST(nothing_finished_is_told)
{
    static const char nothing[] =
        "{\"task\": \"pi\", \"version\": \"1.0\", \"params\": {}, \"n\": 0, \"items\": 0, "
        "\"partial\": true, \"result\": null, \"failures\": {\"count\": 0}}";
    char *text = answer_as(&writer_text, nothing, 80);
    ck_assert_str_eq(text, "pi 1.0\n\n  Nothing is finished yet.\n");
    free(text);
    text = answer_as(&writer_csv, nothing, 0);
    ck_assert_str_eq(text, "n,failed,partial\n0,0,true\n");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *grid = tcase_create("grid"), *numbers = tcase_create("numbers"),
          *progress = tcase_create("progress"), *layout = tcase_create("layout"),
          *answers = tcase_create("answers");
    tcase_add_test(grid, ranges_include_their_ends);
    tcase_add_test(grid, grids_are_crossed_first_slowest);
    tcase_add_test(grid, wrong_grids_are_explained);
    tcase_add_test(numbers, numbers_show_what_their_error_leaves);
    tcase_add_test(numbers, times_and_counts_read_well);
    tcase_add_test(progress, progress_tells_share_rate_and_time_left);
    tcase_add_test(progress, progress_to_a_precision_goes_with_the_square);
    tcase_add_test(progress, progress_tells_the_round);
    tcase_add_test(progress, progress_fits_any_terminal);
    tcase_add_test(progress, progress_tells_that_the_answer_is_being_made);
    tcase_add_test(layout, width_counts_columns);
    tcase_add_test(layout, wide_tables_fold_into_blocks);
    tcase_add_test(layout, long_words_are_cut_and_long_texts_wrapped);
    tcase_add_test(answers, csv_has_the_columns_of_all_cells);
    tcase_add_test(answers, csv_of_a_grid_over_n_keeps_both);
    tcase_add_test(answers, a_coefficient_is_a_row);
    tcase_add_test(answers, numbers_of_a_column_stand_by_their_points);
    tcase_add_test(answers, ends_of_intervals_have_the_digits_of_their_estimate);
    tcase_add_test(answers, a_column_has_one_number_of_decimals);
    tcase_add_test(answers, what_is_the_same_in_all_cells_is_told_once);
    tcase_add_test(answers, an_answer_that_is_no_json_is_an_error);
    tcase_add_test(answers, shares_are_no_p_values);
    tcase_add_test(answers, what_has_a_place_of_its_own_is_not_shown);
    tcase_add_test(answers, nothing_finished_is_told);
    suite_add_tcase(suite, layout);
    suite_add_tcase(suite, answers);
    suite_add_tcase(suite, grid);
    suite_add_tcase(suite, numbers);
    suite_add_tcase(suite, progress);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
