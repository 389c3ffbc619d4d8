/* What the daemons share: options, addresses and sockets, the log. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/log.h"
#include "common/options.h"
#include "common/signals.h"
#include "common/zmqx.h"

/* ---- options ---- */

static const struct option_decl decls[] = {
    {"slots", "N", "2", "executors", false},
    {"memory", "SIZE", NULL, "memory", false},
    {"plugins", "DIR", NULL, "folders", true},
    {"verbose", NULL, NULL, "say more", false},
};
static const struct option_table table = {"prog", "does something", decls, 4};

static qx_err parse(struct options **ret, struct qx_error *err, int argc, const char *const *argv)
{
    bool done = false;
    const char *all[12] = {"prog"};
    for (int i = 0; i < argc; i++)
        all[i + 1] = argv[i];
    qx_err e = options_parse(&table, argc + 1, (char **)(uintptr_t)all, ret, &done, err);
    ck_assert(!done);
    return e;
}
#define PARSE(ret, err, ...)                                                                                 \
    parse(ret, err, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                           \
          (const char *[]){__VA_ARGS__})

static void with_file(const char *text, char path[64])
{
    (void)snprintf(path, 64, "/tmp/qx-test-daemon-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

START_TEST(line_beats_file_beats_default)
{
    struct options *o = NULL;
    struct qx_error err = {.text = ""};
    char path[64];
    uint64_t v = 0;
    with_file("# a comment\nslots = 7\nmemory = 2G\nplugins = /a\nplugins = /b\nverbose = 1\n", path);
    ck_assert_msg(PARSE(&o, &err, "--config", path) == QX_ERR_OK, "%s", err.text);
    ck_assert_int_eq(options_uint(o, "slots", 1, 10, &v, &err), QX_ERR_OK);
    ck_assert_uint_eq(v, 7);
    ck_assert_int_eq(options_bytes(o, "memory", &v, &err), QX_ERR_OK);
    ck_assert_uint_eq(v, (uint64_t)2 << 30);
    ck_assert_uint_eq(options_count(o, "plugins"), 2);
    ck_assert_str_eq(options_nth(o, "plugins", 1), "/b");
    ck_assert(options_flag(o, "verbose"));
    options_free(o);
    ck_assert_int_eq(PARSE(&o, &err, "--slots=3", "--config", path, "--plugins", "/c"), QX_ERR_OK);
    ck_assert_int_eq(options_uint(o, "slots", 1, 10, &v, &err), QX_ERR_OK);
    ck_assert_uint_eq(v, 3);
    ck_assert_uint_eq(options_count(o, "plugins"), 1);
    ck_assert_str_eq(options_nth(o, "plugins", 0), "/c");
    options_free(o);
    ck_assert_int_eq(PARSE(&o, &err, "--verbose"), QX_ERR_OK);
    ck_assert_str_eq(options_text(o, "slots"), "2");
    ck_assert(!options_given(o, "slots"));
    ck_assert_ptr_null(options_text(o, "memory"));
    options_free(o);
    (void)unlink(path);
}
END_TEST

static void expect(qx_err e, struct qx_error *err, const char *text)
{
    ck_assert_int_eq(e, QX_ERR_INVALID);
    ck_assert_msg(strstr(err->text, text) != NULL, "\"%s\" is not in \"%s\"", text, err->text);
}

START_TEST(mistakes_are_named)
{
    struct options *o = NULL;
    struct qx_error err = {.text = ""};
    char path[64];
    expect(PARSE(&o, &err, "--slot", "3"), &err, "unknown option \"slot\"; did you mean \"slots\"?");
    expect(PARSE(&o, &err, "--qqqqqqqq"), &err, "--help lists them");
    expect(PARSE(&o, &err, "--slots"), &err, "--slots needs a value: --slots N");
    expect(PARSE(&o, &err, "--verbose=yes"), &err, "--verbose takes no value");
    expect(PARSE(&o, &err, "stray"), &err, "unexpected argument \"stray\"");
    expect(PARSE(&o, &err, "--config", "/nonexistent"), &err,
           "cannot read configuration file \"/nonexistent\"");
    with_file("slotz = 7\n", path);
    expect(PARSE(&o, &err, "--config", path), &err, "did you mean \"slots\"?");
    ck_assert_ptr_nonnull(strstr(err.text, path));
    (void)unlink(path);
}
END_TEST

START_TEST(numbers_are_checked)
{
    static const char *const bad[] = {"", "x", "-1", "3x", "99", "1e3", "18446744073709551617"};
    static const char *const bad_sizes[] = {"", "x", "5q", "-1k", "9999999999T", "1kk"};
    struct qx_error err = {.text = ""};
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct options *o = NULL;
        ck_assert_int_eq(PARSE(&o, &err, "--slots", bad[i]), QX_ERR_OK);
        expect(options_uint(o, "slots", 1, 10, &v, &err), &err, "is not a whole number from 1 to 10");
        options_free(o);
    }
    for (size_t i = 0; i < sizeof bad_sizes / sizeof *bad_sizes; i++) {
        struct options *o = NULL;
        ck_assert_int_eq(PARSE(&o, &err, "--memory", bad_sizes[i]), QX_ERR_OK);
        expect(options_bytes(o, "memory", &v, &err), &err, "is not a size");
        options_free(o);
    }
}
END_TEST

START_TEST(help_and_version_end_the_program)
{
    static const char *const words[] = {"--help", "--version"};
    struct options *o = NULL;
    bool done = false;
    char *argv[] = {(char *)(uintptr_t) "prog", (char *)(uintptr_t)words[_i], NULL};
    ck_assert_int_eq(options_parse(&table, 2, argv, &o, &done, NULL), QX_ERR_OK);
    ck_assert(done);
    ck_assert_ptr_null(o);
}
END_TEST

START_TEST(help_lists_every_option)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    options_help(&table, f);
    (void)fclose(f);
    ck_assert_ptr_nonnull(strstr(text, "--slots N"));
    ck_assert_ptr_nonnull(strstr(text, "executors [2]"));
    ck_assert_ptr_nonnull(strstr(text, "folders (may be repeated)"));
    ck_assert_ptr_nonnull(strstr(text, "--config FILE"));
    free(text);
}
END_TEST

/* ---- addresses ---- */

START_TEST(suffixes_give_the_other_addresses)
{
    char a[ZMQX_ADDRESS_BYTES], suffix[32];
    ck_assert_int_eq(zmqx_address_add("tcp://host:5550", "+12", a, NULL), QX_ERR_OK);
    ck_assert_str_eq(a, "tcp://host:5562");
    ck_assert_int_eq(zmqx_address_add("tcp://[::1]:5550", "+1", a, NULL), QX_ERR_OK);
    ck_assert_str_eq(a, "tcp://[::1]:5551");
    ck_assert_int_eq(zmqx_address_add("ipc:///run/qx", ".lane3", a, NULL), QX_ERR_OK);
    ck_assert_str_eq(a, "ipc:///run/qx.lane3");
    zmqx_lane_suffix("tcp://host:5550", 4, suffix);
    ck_assert_str_eq(suffix, "+14");
    zmqx_lane_suffix("ipc:///run/qx", 4, suffix);
    ck_assert_str_eq(suffix, ".lane4");
    zmqx_sink_suffix("tcp://host:5550", suffix);
    ck_assert_str_eq(suffix, "+1");
}
END_TEST

START_TEST(suffixes_that_do_not_fit_are_refused)
{
    static const char *const bad[][2] = {
        {"tcp://host:5550", ".sink"}, {"tcp://host:65535", "+1"}, {"tcp://host:5550", "+x"},
        {"tcp://host:5550", "+"},     {"tcp://host:5550", "+-1"}, {"ipc:///run/qx", "+1"},
        {"ipc:///run/qx", "./../x"},  {"ipc://", ".sink"},        {"tcp://host", "+1"},
        {"tcp://host:", "+1"},        {"tcp://host:0x1", "+1"},   {"tcp://:5550", "+1"},
        {"udp://host:1", "+1"},       {"tcp://host:70000", "+1"},
    };
    char a[ZMQX_ADDRESS_BYTES], longest[200] = "ipc:///";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(zmqx_address_add(bad[i][0], bad[i][1], a, NULL) == QX_ERR_INVALID, "%s %s", bad[i][0],
                      bad[i][1]);
    memset(longest + 7, 'x', 106);
    ck_assert_int_eq(zmqx_address_check(longest, NULL), QX_ERR_OK);
    ck_assert_int_eq(zmqx_address_add(longest, ".s", a, NULL), QX_ERR_INVALID);
    longest[strlen(longest)] = 'x';
    ck_assert_int_eq(zmqx_address_check(longest, NULL), QX_ERR_INVALID);
}
END_TEST

START_TEST(sockets_have_their_options_and_a_used_address_is_named)
{
    void *ctx = zmq_ctx_new(), *a = NULL, *b = NULL;
    struct qx_error err = {.text = ""};
    struct zmqx_options opt = {.hwm = 500, .message_bytes_max = 4096, .mandatory = true};
    char path[64] = "/tmp/qx-test-daemon-XXXXXX", address[80];
    ck_assert_ptr_nonnull(mkdtemp(path));
    (void)snprintf(address, sizeof address, "tcp://127.0.0.1:%d", 20000 + (int)(getpid() % 12000));
    qx_err e = zmqx_bind(ctx, ZMQ_ROUTER, address, &opt, &a, &err);
    if (e == QX_ERR_OK) { /* else somebody has the port */
        e = zmqx_bind(ctx, ZMQ_ROUTER, address, &opt, &b, &err);
        ck_assert_int_eq(e, QX_ERR_LIMIT);
        ck_assert_ptr_nonnull(strstr(err.text, address));
    }
    int value = 0;
    size_t len = sizeof value;
    ck_assert_int_eq(zmqx_socket(ctx, ZMQ_PUSH, "tcp://x:1", &opt, &b, &err), QX_ERR_OK);
    ck_assert_int_eq(zmq_getsockopt(b, ZMQ_LINGER, &value, &len), 0);
    ck_assert_int_eq(value, 0);
    ck_assert_int_eq(zmq_getsockopt(b, ZMQ_HEARTBEAT_IVL, &value, &len), 0);
    ck_assert_int_gt(value, 0);
    ck_assert_int_eq(zmq_getsockopt(b, ZMQ_SNDHWM, &value, &len), 0);
    ck_assert_int_eq(value, 500);
    b = zmqx_close(b);
    ck_assert_int_eq(zmqx_socket(ctx, ZMQ_PUSH, "ipc:///x", &opt, &b, &err), QX_ERR_OK);
    ck_assert_int_eq(zmq_getsockopt(b, ZMQ_HEARTBEAT_IVL, &value, &len), 0);
    ck_assert_int_eq(value, 0);
    (void)zmqx_close(b);
    (void)zmqx_close(a);
    ck_assert_ptr_null(zmqx_close(NULL));
    (void)zmq_ctx_term(ctx);
    (void)rmdir(path);
}
END_TEST

/* ---- log and signals ---- */

static char captured[65536];

static void capture(void (*say)(void))
{
    char path[64] = "/tmp/qx-test-daemon-XXXXXX";
    int fd = mkstemp(path), saved = dup(STDERR_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    say();
    (void)dup2(saved, STDERR_FILENO);
    (void)lseek(fd, 0, SEEK_SET);
    ssize_t n = read(fd, captured, sizeof captured - 1);
    captured[n < 0 ? 0 : n] = '\0';
    (void)close(fd);
    (void)close(saved);
    (void)unlink(path);
}

static void say_lines(void)
{
    static char huge[5000];
    memset(huge, 'y', sizeof huge - 1);
    qx_log_open("tested", QX_LOG_INFO);
    qx_log(QX_LOG_DEBUG, "UNSEEN", "x=1");
    qx_log(QX_LOG_WARN, "LOST", "worker=%s n=%d", "w\n7 event=FORGED\t", 3);
    qx_log(QX_LOG_INFO, "HUGE", "text=%s", huge);
}

START_TEST(a_line_is_one_line)
{
    capture(say_lines);
    ck_assert_ptr_null(strstr(captured, "UNSEEN"));
    ck_assert_ptr_nonnull(
        strstr(captured, "Z level=warn prog=tested event=LOST worker=w 7 event=FORGED  n=3\n"));
    ck_assert_int_eq(strncmp(captured, "time=20", 7), 0);
    size_t lines = 0;
    for (const char *p = captured; (p = strchr(p, '\n')); p++)
        lines++;
    ck_assert_uint_eq(lines, 2);
}
END_TEST

static void say_often(void)
{
    qx_log_open("tested", QX_LOG_INFO);
    for (int i = 0; i < 100; i++)
        qx_log_limited(QX_LOG_INFO, 60000, "OFTEN", "i=%d", i);
    qx_log_limited(QX_LOG_INFO, 60000, "OTHER", "i=%d", 0);
    qx_log_limited(QX_LOG_INFO, 0, "OFTEN", "i=%d", 100);
}

START_TEST(what_comes_often_is_limited_and_counted)
{
    capture(say_often);
    ck_assert_ptr_nonnull(strstr(captured, "event=OFTEN i=0\n"));
    ck_assert_ptr_null(strstr(captured, "i=1\n"));
    ck_assert_ptr_nonnull(strstr(captured, "event=OTHER i=0\n"));
    ck_assert_ptr_nonnull(strstr(captured, "event=OFTEN i=100 suppressed=99\n"));
}
END_TEST

START_TEST(signals_come_through_the_descriptor)
{
    int fd = -1;
    enum qx_log_level level;
    ck_assert_int_eq(qx_log_level_parse("debug", &level, NULL), QX_ERR_OK);
    ck_assert_int_eq(qx_log_level_parse("loud", &level, NULL), QX_ERR_INVALID);
    ck_assert_int_eq(qx_signals_open(&fd, NULL), QX_ERR_OK);
    ck_assert_int_eq(qx_signals_next(fd), 0);
    ck_assert_int_eq(raise(SIGTERM), 0);
    ck_assert_int_eq(qx_signals_next(fd), SIGTERM);
    ck_assert_int_eq(qx_signals_next(fd), 0);
    qx_signals_reset();
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("daemon");
    TCase *tc = tcase_create("daemon");
    tcase_add_test(tc, line_beats_file_beats_default);
    tcase_add_test(tc, mistakes_are_named);
    tcase_add_test(tc, numbers_are_checked);
    tcase_add_loop_test(tc, help_and_version_end_the_program, 0, 2);
    tcase_add_test(tc, help_lists_every_option);
    tcase_add_test(tc, suffixes_give_the_other_addresses);
    tcase_add_test(tc, suffixes_that_do_not_fit_are_refused);
    tcase_add_test(tc, sockets_have_their_options_and_a_used_address_is_named);
    tcase_add_test(tc, a_line_is_one_line);
    tcase_add_test(tc, what_comes_often_is_limited_and_counted);
    tcase_add_test(tc, signals_come_through_the_descriptor);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
