/* The session against scripted messages: no sockets, no clock. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/address.h"
#include "common/mem.h"
#include "proto/control.h"
#include "quincunx/session.h"

enum { MS = 1000000 };

static struct qx_session *session_new(void)
{
    struct qx_session *s;
    ck_assert_int_eq(qx_session_new(&(struct qx_session_options){.entropy = 42, .silent_ms = 1000}, &s),
                     QX_ERR_OK);
    return s;
}

/* The next outgoing message, decoded. */
static struct control out(struct qx_session *s)
{
    const void *data;
    size_t len;
    struct control c;
    struct qx_error err;
    ck_assert(qx_session_next_out(s, &data, &len));
    ck_assert_int_eq(control_decode(data, len, &c, &err), QX_ERR_OK);
    return c;
}

static bool silent(struct qx_session *s)
{
    const void *data;
    size_t len;
    return !qx_session_next_out(s, &data, &len);
}

static void drop_out(struct qx_session *s)
{
    while (!silent(s))
        ;
}

static qx_err feed_at(struct qx_session *s, const struct control *c, uint64_t now_ns, struct qx_error *err)
{
    struct qx_bytes b = {0};
    ck_assert_int_eq(control_encode(c, &b), QX_ERR_OK);
    qx_err e = qx_session_receive(s, b.data, b.len, now_ns, err);
    qx_bytes_fini(&b);
    return e;
}

static void feed(struct qx_session *s, const struct control *c)
{
    struct qx_error err = {0};
    ck_assert_msg(feed_at(s, c, 0, &err) == QX_ERR_OK, "%s", err.text);
}

static struct qx_event event(struct qx_session *s, enum qx_event_type type)
{
    struct qx_event ev;
    ck_assert(qx_session_next_event(s, &ev));
    ck_assert_int_eq(ev.type, type);
    return ev;
}

static bool quiet(struct qx_session *s)
{
    struct qx_event ev;
    return !qx_session_next_event(s, &ev);
}

static const struct qx_arg args[] = {{"expr", "x*y"}, {"over", "x=0:1"}};
static const struct qx_arg low[] = {{"a", "1"}}, high[] = {{"a", "2"}};
static const struct qx_cell_args cells[] = {{low, 1}, {high, 1}};
static const struct qx_job_options job = {.task = "mc.integrate",
                                          .version = "1.0",
                                          .args = args,
                                          .n_args = 2,
                                          .cells = cells,
                                          .n_cells = 2,
                                          .n_items = 1000,
                                          .seed = 7,
                                          .has_seed = true,
                                          .until = "se<1",
                                          .chunk_items = 5,
                                          .priority = -3,
                                          .attempts_max = 2,
                                          .item_timeout_ms = 9,
                                          .item_bytes_max = 11,
                                          .rows = true,
                                          .detached = true,
                                          .label = "first"};

static uint64_t submit(struct qx_session *s, const struct qx_job_options *o)
{
    uint64_t tag = 0;
    struct qx_error err = {0};
    ck_assert_msg(qx_session_submit(s, o, true, &tag, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_uint_ne(tag, 0);
    return tag;
}

static void submitted(struct qx_session *s, uint64_t tag, uint64_t id)
{
    struct control c = {.type = CONTROL_SUBMITTED,
                        .tag = tag,
                        .u.submitted = {.job = id, .seed = 7, .n_items = 1000, .version = "1.0"}};
    feed(s, &c);
}

static struct job_info info_of(uint64_t id, enum job_state state)
{
    return (struct job_info){.job = id,
                             .state = state,
                             .task = "mc.integrate",
                             .version = "1.0",
                             .label = "",
                             .error = "",
                             .waiting = "",
                             .seed = 7,
                             .n_items = 1000,
                             .n_cells = 1,
                             .items_done = 500,
                             .items_total = 1000,
                             .estimate = 0.5,
                             .se = 0.01,
                             .target = (double)NAN};
}

/* An answer of one cell, or of `n` made by the caller. */
static struct control answer_of(uint64_t tag, uint64_t id, struct cell_answer *answers,
                                struct job_cell *spec_cells, uint32_t n)
{
    struct control c = {.type = CONTROL_ANSWER, .tag = tag};
    c.u.answer.info = info_of(id, JOB_STATE_DONE);
    c.u.answer.info.n_cells = n;
    c.u.answer.spec = (struct job_spec){.task = "mc.integrate",
                                        .version = "1.0",
                                        .n_cells = n,
                                        .cells = spec_cells,
                                        .n_items = 1000,
                                        .seed = 7,
                                        .until = "",
                                        .label = "",
                                        .layout = {1, 14}};
    c.u.answer.n_cells = n;
    c.u.answer.cells = answers;
    memcpy(c.u.answer.digest, "0123456789abcdef0123456789abcdef", 33);
    return c;
}

static struct cell_answer cell_answer(uint64_t n)
{
    return (struct cell_answer){.n_items = n,
                                .complete = true,
                                .digest = "00112233445566778899aabbccddeeff",
                                .result_json = "{\"estimate\":1}",
                                .failures_json = "{\"count\":0,\"causes\":[]}"};
}

START_TEST(submission_carries_every_option)
{
    struct qx_session *s = session_new();
    uint64_t tag = submit(s, &job);
    struct control c = out(s);
    ck_assert_int_eq(c.type, CONTROL_SUBMIT);
    ck_assert_uint_eq(c.tag, tag);
    ck_assert(c.u.submit.watch);
    ck_assert_uint_ne(c.u.submit.token, 0);
    const struct job_spec *p = &c.u.submit.spec;
    ck_assert_str_eq(p->task, "mc.integrate");
    ck_assert_str_eq(p->version, "1.0");
    ck_assert_uint_eq(p->n_params, 2);
    ck_assert_str_eq(p->params[1].name, "over");
    ck_assert_str_eq(p->params[1].value, "x=0:1");
    ck_assert_uint_eq(p->n_cells, 2);
    ck_assert_str_eq(p->cells[1].params[0].value, "2");
    ck_assert_uint_eq(p->n_items, 1000);
    ck_assert_uint_eq(p->seed, 7);
    ck_assert_str_eq(p->until, "se<1");
    ck_assert_uint_eq(p->chunk_items, 5);
    ck_assert_int_eq(p->priority, -3);
    ck_assert_uint_eq(p->attempts_max, 2);
    ck_assert_uint_eq(p->item_timeout_ms, 9);
    ck_assert_uint_eq(p->item_bytes_max, 11);
    ck_assert(p->rows && p->detached);
    ck_assert_str_eq(p->label, "first");
    control_fini(&c);
    ck_assert(silent(s));
    qx_session_free(s);
}
END_TEST

START_TEST(seeds_and_tokens_are_drawn_and_differ)
{
    struct qx_session *s = session_new();
    struct qx_job_options o = {.task = "pi"};
    uint64_t seed = 0, token = 0;
    for (int i = 0; i < 3; i++) {
        submit(s, &o);
        struct control c = out(s);
        ck_assert_uint_eq(c.u.submit.spec.n_cells, 1);
        ck_assert_uint_lt(c.u.submit.spec.seed, (uint64_t)1 << 53);
        ck_assert_uint_ne(c.u.submit.spec.seed, seed);
        ck_assert_uint_ne(c.u.submit.token, token);
        seed = c.u.submit.spec.seed;
        token = c.u.submit.token;
        control_fini(&c);
    }
    o.has_seed = true; /* 0 is a seed like any other */
    submit(s, &o);
    struct control c = out(s);
    ck_assert_uint_eq(c.u.submit.spec.seed, 0);
    control_fini(&c);
    qx_session_free(s);
}
END_TEST

START_TEST(wrong_jobs_are_refused_and_nothing_is_sent)
{
    struct qx_session *s = session_new();
    struct qx_error err = {0};
    uint64_t tag = 0;
    ck_assert_int_eq(qx_session_submit(s, &(struct qx_job_options){0}, true, &tag, &err), QX_ERR_INVALID);
    ck_assert_int_eq(
        qx_session_submit(s, &(struct qx_job_options){.task = "pi", .n_items = UINT64_MAX}, true, &tag, &err),
        QX_ERR_INVALID);
    ck_assert_int_eq(
        qx_session_submit(s, &(struct qx_job_options){.task = "pi", .cells = cells, .n_cells = CELLS_MAX + 1},
                          true, &tag, &err),
        QX_ERR_INVALID);
    ck_assert_uint_eq(tag, 0);
    ck_assert(silent(s));
    ck_assert_uint_eq(qx_session_next_deadline(s), UINT64_MAX);
    qx_session_free(s);
}
END_TEST

START_TEST(a_job_goes_from_submission_to_result)
{
    struct qx_session *s = session_new();
    uint64_t tag = submit(s, &job);
    drop_out(s);
    submitted(s, tag, 12);
    struct qx_event ev = event(s, QX_EVENT_SUBMITTED);
    ck_assert_uint_eq(ev.tag, tag);
    ck_assert_uint_eq(ev.u.submitted.job, 12);
    ck_assert_str_eq(ev.u.submitted.version, "1.0");
    qx_event_fini(&ev);

    struct control c = {.type = CONTROL_PROGRESS, .tag = tag, .u.progress = info_of(12, JOB_STATE_RUNNING)};
    feed(s, &c);
    ev = event(s, QX_EVENT_PROGRESS);
    ck_assert_uint_eq(ev.u.progress.items_done, 500);
    ck_assert_double_eq(ev.u.progress.se, 0.01);
    ck_assert(isnan(ev.u.progress.target));
    qx_event_fini(&ev);

    char *columns[] = {"value"};
    double values[] = {1.5, (double)NAN, 2.5};
    uint8_t ok[] = {0, 1, 0};
    c = (struct control){.type = CONTROL_ROWS,
                         .tag = tag,
                         .u.rows = {.job = 12,
                                    .first_item = 0,
                                    .n_items = 3,
                                    .n_columns = 1,
                                    .columns = columns,
                                    .n_names = 1,
                                    .values = values,
                                    .ok = ok}};
    feed(s, &c);
    ev = event(s, QX_EVENT_ROWS);
    ck_assert_uint_eq(ev.u.rows.bytes, 24);
    ck_assert_str_eq(ev.u.rows.rows.columns[0], "value");
    ck_assert_double_eq(ev.u.rows.rows.values[2], 2.5);
    ck_assert_uint_eq(ev.u.rows.rows.outcomes[1], 1);
    ck_assert_int_eq(qx_session_rows_taken(s, 12, ev.u.rows.bytes), QX_ERR_OK);
    qx_event_fini(&ev);
    struct control taken = out(s);
    ck_assert_int_eq(taken.type, CONTROL_ROWS_TAKEN);
    ck_assert_uint_eq(taken.u.rows_taken.bytes, 24);
    control_fini(&taken);

    struct param one[] = {{"a", "1"}}, two[] = {{"a", "2"}};
    struct job_cell grid[] = {{1, one}, {1, two}};
    struct cell_answer answers[] = {cell_answer(1000), cell_answer(900)};
    answers[1].complete = false;
    c = answer_of(tag, 12, answers, grid, 2);
    feed(s, &c);
    ev = event(s, QX_EVENT_RESULT);
    const struct qx_result *r = ev.u.result;
    ck_assert_int_eq(r->info.state, QX_JOB_DONE);
    ck_assert_uint_eq(r->n_cells, 2);
    ck_assert_str_eq(r->cells[1].args[0].value, "2");
    ck_assert_uint_eq(r->cells[1].n_items, 900);
    ck_assert(r->cells[0].complete && !r->cells[1].complete);
    ck_assert_str_eq(r->cells[0].result_json, "{\"estimate\":1}");
    ck_assert_str_eq(r->digest, "0123456789abcdef0123456789abcdef");
    qx_event_fini(&ev);
    ck_assert_uint_eq(qx_session_next_deadline(s), UINT64_MAX); /* nothing is open any more */
    qx_session_free(s);
}
END_TEST

START_TEST(names_of_files_travel_beside_the_references)
{
    struct qx_session *s = session_new();
    const struct qx_arg files[] = {{"blob:00:7", "law.csv"}, {"blob:11:9", "two.csv"}};
    struct qx_job_options o = job;
    o.files = files;
    o.n_files = 2;
    uint64_t tag = submit(s, &o);
    struct control c = out(s);
    ck_assert_uint_eq(c.u.submit.spec.n_files, 2);
    ck_assert_str_eq(c.u.submit.spec.files[1].name, "blob:11:9");
    ck_assert_str_eq(c.u.submit.spec.files[1].value, "two.csv");
    control_fini(&c);
    struct param one[] = {{"data", "blob:00:7"}}, params[] = {{"x", "1"}};
    struct param names[] = {{"blob:00:7", "law.csv"}};
    struct job_cell grid[] = {{1, one}};
    struct cell_answer answers[] = {cell_answer(10)};
    c = answer_of(tag, 12, answers, grid, 1);
    c.u.answer.spec.n_params = 1;
    c.u.answer.spec.params = params;
    c.u.answer.spec.n_files = 1;
    c.u.answer.spec.files = names;
    feed(s, &c);
    struct qx_event ev = event(s, QX_EVENT_RESULT);
    ck_assert_str_eq(ev.u.result->args[0].value, "1");
    ck_assert_str_eq(ev.u.result->cells[0].args[0].value, "blob:00:7");
    ck_assert_uint_eq(ev.u.result->n_files, 1);
    ck_assert_str_eq(ev.u.result->files[0].name, "blob:00:7");
    ck_assert_str_eq(ev.u.result->files[0].value, "law.csv");
    qx_event_fini(&ev);
    qx_session_free(s);
}
END_TEST

START_TEST(wanted_news_are_asked_for_once_the_job_has_a_number)
{
    struct qx_session *s = session_new();
    struct qx_job_options o = job;
    o.progress_ms = 80;
    uint64_t tag = submit(s, &o);
    drop_out(s);
    submitted(s, tag, 5);
    struct control c = out(s);
    ck_assert_int_eq(c.type, CONTROL_WATCH);
    ck_assert_uint_eq(c.tag, tag);
    ck_assert_uint_eq(c.u.watch.job, 5);
    ck_assert_uint_eq(c.u.watch.every_ms, 80);
    control_fini(&c);
    qx_session_free(s); /* with an event that nobody took */
}
END_TEST

START_TEST(an_error_ends_its_request_alone)
{
    struct qx_session *s = session_new();
    uint64_t first = submit(s, &job), second = submit(s, &job);
    struct control c = {.type = CONTROL_ERROR,
                        .tag = first,
                        .u.error = {QX_ERR_INVALID, "no parameter 'expt'; did you mean 'expr'?"}};
    feed(s, &c);
    struct qx_event ev = event(s, QX_EVENT_ERROR);
    ck_assert_uint_eq(ev.tag, first);
    ck_assert_int_eq(ev.u.error.code, QX_ERR_INVALID);
    ck_assert_str_eq(ev.u.error.text, "no parameter 'expt'; did you mean 'expr'?");
    qx_event_fini(&ev);
    feed(s, &c); /* once more: nobody's */
    ck_assert(quiet(s));
    submitted(s, second, 3);
    ev = event(s, QX_EVENT_SUBMITTED);
    ck_assert_uint_eq(ev.tag, second);
    qx_event_fini(&ev);
    qx_session_free(s);
}
END_TEST

START_TEST(what_nobody_asked_for_is_dropped)
{
    struct qx_session *s = session_new();
    uint64_t tag = submit(s, &job);
    submitted(s, tag + 100, 9);
    struct control c = {.type = CONTROL_PONG, .u.pong = {.version = 1, .release = "0"}};
    feed(s, &c);
    ck_assert(quiet(s));
    qx_session_abandon(s, tag);
    submitted(s, tag, 9);
    ck_assert(quiet(s));
    qx_session_free(s);
}
END_TEST

START_TEST(news_without_a_tag_go_to_who_watches_the_job)
{
    struct qx_session *s = session_new();
    uint64_t tag;
    ck_assert_int_eq(qx_session_watch(s, 77, 100, &tag), QX_ERR_OK);
    struct control c = {.type = CONTROL_PROGRESS, .u.progress = info_of(77, JOB_STATE_RUNNING)};
    feed(s, &c);
    struct qx_event ev = event(s, QX_EVENT_PROGRESS);
    ck_assert_uint_eq(ev.tag, tag);
    qx_event_fini(&ev);
    c.u.progress.job = 78;
    feed(s, &c);
    ck_assert(quiet(s));
    qx_session_free(s);
}
END_TEST

START_TEST(questions_and_answers)
{
    struct qx_session *s = session_new();
    uint64_t tag;
    struct qx_event ev;
    ck_assert_int_eq(qx_session_cancel(s, 4, &tag), QX_ERR_OK);
    struct control c = {.type = CONTROL_PROGRESS, .tag = tag, .u.progress = info_of(4, JOB_STATE_CANCELLED)};
    feed(s, &c);
    ev = event(s, QX_EVENT_PROGRESS);
    ck_assert_int_eq(ev.u.progress.state, QX_JOB_CANCELLED);
    qx_event_fini(&ev);

    ck_assert_int_eq(qx_session_jobs(s, 0, &tag), QX_ERR_OK);
    struct job_info jobs[] = {info_of(1, JOB_STATE_DONE), info_of(2, JOB_STATE_FAILED)};
    jobs[1].error = "all failed";
    jobs[1].error_code = QX_ERR_TASK;
    struct param given[] = {{"data", "law.csv"}};
    jobs[1].until = "width<0.1";
    jobs[1].measure = 0.25;
    jobs[1].n_params = 1;
    jobs[1].params = given;
    c = (struct control){.type = CONTROL_JOB_LIST, .tag = tag, .u.job_list = {2, jobs}};
    feed(s, &c);
    ev = event(s, QX_EVENT_JOBS);
    ck_assert_uint_eq(ev.u.jobs->n, 2);
    ck_assert_str_eq(ev.u.jobs->jobs[1].error, "all failed");
    ck_assert_int_eq(ev.u.jobs->jobs[1].code, QX_ERR_TASK);
    ck_assert_str_eq(ev.u.jobs->jobs[0].until, "");
    ck_assert_uint_eq(ev.u.jobs->jobs[0].n_params, 0);
    ck_assert_str_eq(ev.u.jobs->jobs[1].until, "width<0.1");
    ck_assert_double_eq(ev.u.jobs->jobs[1].measure, 0.25);
    ck_assert_str_eq(ev.u.jobs->jobs[1].params[0].value, "law.csv");
    qx_event_fini(&ev);

    ck_assert_int_eq(qx_session_tasks(s, NULL, &tag), QX_ERR_OK);
    char *choices[] = {"a", "b"};
    struct param_decl params[] = {{.name = "data", .help = "file", .type = QX_PARAM_TABLE},
                                  {.name = "how",
                                   .fallback = "a",
                                   .help = "",
                                   .type = QX_PARAM_CHOICE,
                                   .choices = choices,
                                   .n_choices = 2}};
    struct task_decl decl = {.name = "boot",
                             .version = "1.0",
                             .help = "h",
                             .details = "",
                             .params = params,
                             .n_params = 2,
                             .layout = {1, 14}};
    c = (struct control){.type = CONTROL_TASK_LIST, .tag = tag, .u.task_list = {1, &decl}};
    feed(s, &c);
    ev = event(s, QX_EVENT_TASKS);
    const struct qx_task_info *t = &ev.u.tasks->tasks[0];
    ck_assert(t->params[0].required && t->params[0].table && !t->params[1].required);
    ck_assert_str_eq(t->params[1].choices[1], "b");
    qx_event_fini(&ev);
    ck_assert_uint_eq(qx_session_next_deadline(s), UINT64_MAX);
    qx_session_free(s);
}
END_TEST

/* ---- blobs ---- */

static struct control state_of(uint64_t tag, uint64_t have, bool complete)
{
    return (struct control){
        .type = CONTROL_BLOB_STATE,
        .tag = tag,
        .u.blob_state = {.ref = {.len_bytes = 1 << 30}, .have_bytes = have, .complete = complete}};
}

START_TEST(a_blob_the_master_has_is_not_sent)
{
    struct qx_session *s = session_new();
    char ref[QX_BLOB_REF_BYTES];
    uint64_t tag;
    ck_assert_int_eq(qx_session_put_blob(s, "hello", 5, ref, &tag), QX_ERR_OK);
    ck_assert_ptr_nonnull(strstr(ref, ":5"));
    struct control c = out(s);
    ck_assert_uint_eq(c.u.blob_put.len, 0);
    ck_assert_uint_eq(c.u.blob_put.ref.len_bytes, 5);
    control_fini(&c);
    c = state_of(tag, 5, true);
    feed(s, &c);
    struct qx_event ev = event(s, QX_EVENT_BLOB);
    ck_assert_uint_eq(ev.tag, tag);
    qx_event_fini(&ev);
    ck_assert(silent(s));
    qx_session_free(s);
}
END_TEST

START_TEST(a_blob_is_sent_in_parts_within_a_window)
{
    struct qx_session *s = session_new();
    size_t len = 20 * (size_t)BLOB_PART_BYTES + 17, got = 0, at_once = 0;
    uint8_t *data = malloc(len), *copy = calloc(1, len);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    char ref[QX_BLOB_REF_BYTES];
    uint64_t tag;
    ck_assert_int_eq(qx_session_put_blob(s, data, len, ref, &tag), QX_ERR_OK);
    drop_out(s);
    got = BLOB_PART_BYTES; /* the first part is there from an upload that broke off */
    memcpy(copy, data, got);
    struct control c = state_of(tag, got, false);
    feed(s, &c);
    while (got < len) {
        const void *msg;
        size_t msg_len, in_turn = 0;
        struct qx_error err;
        while (qx_session_next_out(s, &msg, &msg_len)) {
            ck_assert_int_eq(control_decode(msg, msg_len, &c, &err), QX_ERR_OK);
            ck_assert_uint_eq(c.u.blob_put.offset, got);
            memcpy(copy + got, c.u.blob_put.data, c.u.blob_put.len);
            got += c.u.blob_put.len;
            in_turn++;
            control_fini(&c);
        }
        ck_assert_uint_gt(in_turn, 0);
        at_once = in_turn > at_once ? in_turn : at_once;
        c = state_of(tag, got, got == len);
        feed(s, &c);
    }
    ck_assert_uint_le(at_once, 8);
    ck_assert_int_eq(memcmp(data, copy, len), 0);
    struct qx_event ev = event(s, QX_EVENT_BLOB);
    qx_event_fini(&ev);
    qx_session_free(s);
    free(data);
    free(copy);
}
END_TEST

static struct control part_of(uint64_t tag, uint64_t offset, const void *data, size_t len)
{
    return (struct control){
        .type = CONTROL_BLOB_PART,
        .tag = tag,
        .u.blob_part = {.ref = {.len_bytes = 10}, .offset = offset, .data = data, .len = len}};
}

START_TEST(a_blob_comes_back_whole_or_not_at_all)
{
    struct qx_session *s = session_new();
    char ref[QX_BLOB_REF_BYTES];
    uint64_t tag;
    ck_assert_int_eq(qx_session_get_blob(s, "blob:xyz", &tag), QX_ERR_INVALID);
    ck_assert_int_eq(qx_session_put_blob(s, "0123456789", 10, ref, &tag), QX_ERR_OK);
    qx_session_abandon(s, tag);
    ck_assert_int_eq(qx_session_get_blob(s, ref, &tag), QX_ERR_OK);
    struct control c = part_of(tag, 0, "0123", 4);
    feed(s, &c);
    c = part_of(tag, 4, "456789", 6);
    feed(s, &c);
    struct qx_event ev = event(s, QX_EVENT_BLOB);
    ck_assert_uint_eq(ev.u.blob.len, 10);
    ck_assert_int_eq(memcmp(ev.u.blob.data, "0123456789", 10), 0);
    qx_event_fini(&ev);

    ck_assert_int_eq(qx_session_get_blob(s, ref, &tag), QX_ERR_OK);
    c = part_of(tag, 0, "0123456780", 10); /* other bytes */
    feed(s, &c);
    ev = event(s, QX_EVENT_ERROR);
    ck_assert_int_eq(ev.u.error.code, QX_ERR_PROTO);
    qx_event_fini(&ev);

    ck_assert_int_eq(qx_session_get_blob(s, ref, &tag), QX_ERR_OK);
    c = (struct control){.type = CONTROL_BLOB_PART, .tag = tag, .u.blob_part = {.missing = true}};
    feed(s, &c);
    ev = event(s, QX_EVENT_ERROR);
    ck_assert_int_eq(ev.u.error.code, QX_ERR_NOTFOUND);
    qx_event_fini(&ev);

    struct qx_error err;
    ck_assert_int_eq(qx_session_get_blob(s, ref, &tag), QX_ERR_OK);
    c = part_of(tag, 3, "3", 1); /* not what was asked for */
    ck_assert_int_eq(feed_at(s, &c, 0, &err), QX_ERR_PROTO);
    qx_session_free(s);
}
END_TEST

/* ---- time ---- */

/* Ticks at every deadline until `end`, as a caller does; counts pings. */
static unsigned run_clock(struct qx_session *s, uint64_t from, uint64_t end)
{
    unsigned pings = 0;
    ck_assert_int_eq(qx_session_tick(s, from), QX_ERR_OK);
    for (uint64_t due; (due = qx_session_next_deadline(s)) <= end;) {
        ck_assert_int_eq(qx_session_tick(s, due), QX_ERR_OK);
        while (!silent(s))
            pings++;
        if (qx_session_next_deadline(s) == UINT64_MAX)
            break;
    }
    return pings;
}

START_TEST(a_silent_master_is_pinged_and_then_lost)
{
    struct qx_session *s = session_new();
    ck_assert_uint_eq(qx_session_next_deadline(s), UINT64_MAX);
    submit(s, &job);
    drop_out(s);
    uint64_t start = (uint64_t)5000 * MS;
    unsigned pings = run_clock(s, start, start + (uint64_t)999 * MS);
    ck_assert_uint_ge(pings, 3);
    ck_assert(quiet(s));
    (void)run_clock(s, start + (uint64_t)999 * MS, start + (uint64_t)1000 * MS);
    struct qx_event ev = event(s, QX_EVENT_LOST);
    ck_assert_int_eq(ev.u.error.code, QX_ERR_IO);
    qx_event_fini(&ev);
    ck_assert_uint_eq(qx_session_next_deadline(s), UINT64_MAX);
    qx_session_free(s);
}
END_TEST

START_TEST(a_master_that_answers_is_not_lost)
{
    struct qx_session *s = session_new();
    submit(s, &job);
    struct control pong = {.type = CONTROL_PONG, .u.pong = {.version = 1, .release = "0"}};
    for (uint64_t t = 0; t < 100; t++) {
        struct qx_error err;
        ck_assert_int_eq(qx_session_tick(s, t * 100 * MS), QX_ERR_OK);
        if (t % 8 == 7) /* every 800 ms */
            ck_assert_int_eq(feed_at(s, &pong, t * 100 * MS, &err), QX_ERR_OK);
    }
    ck_assert(quiet(s));
    qx_session_free(s);
}
END_TEST

START_TEST(time_in_which_nobody_ticked_does_not_count)
{
    struct qx_session *s = session_new();
    submit(s, &job);
    ck_assert_int_eq(qx_session_tick(s, 0), QX_ERR_OK);
    ck_assert_int_eq(qx_session_tick(s, (uint64_t)3600000 * MS),
                     QX_ERR_OK); /* the program was stopped for an hour */
    ck_assert(quiet(s));
    (void)run_clock(s, (uint64_t)3600000 * MS, (uint64_t)3601000 * MS);
    struct qx_event ev = event(s, QX_EVENT_LOST);
    qx_event_fini(&ev);
    qx_session_free(s);
}
END_TEST

/* ---- addresses ---- */

START_TEST(a_wrong_address_says_which_part)
{
    static const struct {
        const char *url, *says;
    } wrong[] = {{"host", "no scheme: want tcp://host:5550"},
                 {"host:5550", "no scheme: want tcp://host:5550"},
                 {"/run/m", "no scheme: want ipc:///run/m"},
                 {"://host:1", "no scheme"},
                 {"http://host:1", "scheme is 'http'"},
                 {"tcp://", "names no host"},
                 {"tcp://:5550", "names no host"},
                 {"tcp://*:5550", "names no host"},
                 {"tcp://host", "no port: the usual one is 5550, as in tcp://host:5550"},
                 {"tcp://host:", "no port: the usual one is 5550, as in tcp://host:5550"},
                 {"tcp://[::1]", "no port: the usual one is 5550, as in tcp://[::1]:5550"},
                 {"tcp://host:0", "'0' is no port"},
                 {"tcp://host:65536", "'65536' is no port"},
                 {"tcp://host:+1", "'+1' is no port"},
                 {"tcp://host:5550/x", "'5550/x' is no port"},
                 {"tcp://::1:5550", "in brackets"},
                 {"ipc://", "no path"},
                 {"", "no scheme"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct qx_error err = {0};
        ck_assert_int_eq(address_check(wrong[i].url, &err), QX_ERR_INVALID);
        ck_assert_msg(strstr(err.text, wrong[i].says) && strstr(err.text, wrong[i].url), "%s: %s",
                      wrong[i].url, err.text);
    }
    static const char *const right[] = {"tcp://host:1", "tcp://127.0.0.1:65535", "tcp://[::1]:5550",
                                        "ipc://m", "tcp://eth0;host:5550"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        ck_assert_int_eq(address_check(right[i], NULL), QX_ERR_OK);
}
END_TEST

START_TEST(a_host_nobody_knows_is_told)
{
    struct qx_error err = {0};
    ck_assert_int_eq(address_resolve("tcp://127.0.0.1:1", 2000, &err), QX_ERR_OK);
    ck_assert_int_eq(address_resolve("tcp://[::1]:1", 2000, &err), QX_ERR_OK);
    ck_assert_int_eq(address_resolve("ipc://no-such-host", 2000, &err), QX_ERR_OK);
    ck_assert_int_eq(address_resolve("tcp://no such host:1", 2000, &err), QX_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "'no such host'"));
}
END_TEST

/* ---- what may go wrong ---- */

START_TEST(nonsense_changes_nothing)
{
    struct qx_session *s = session_new();
    uint64_t tag = submit(s, &job);
    struct qx_error err = {0};
    ck_assert_int_ne(qx_session_receive(s, "\xff\xff\xff garbage", 11, 0, &err), QX_ERR_OK);
    ck_assert_int_ne(err.text[0], 0);
    struct control c = {.type = CONTROL_SUBMIT,
                        .tag = tag,
                        .u.submit.spec = {.task = "x",
                                          .version = "",
                                          .until = "",
                                          .label = "",
                                          .n_cells = 1,
                                          .cells = &(struct job_cell){0}}};
    ck_assert_int_eq(feed_at(s, &c, 0, &err), QX_ERR_PROTO); /* a request to a client */
    struct cell_answer one[] = {cell_answer(1)};
    struct job_cell grid[] = {{0}, {0}};
    c = answer_of(tag, 1, one, grid, 1);
    c.u.answer.spec.n_cells = 2; /* an answer that does not fit its job */
    ck_assert_int_ne(feed_at(s, &c, 0, &err), QX_ERR_OK);
    submitted(s, tag, 1);
    struct qx_event ev = event(s, QX_EVENT_SUBMITTED);
    qx_event_fini(&ev);
    qx_session_free(s);
}
END_TEST

START_TEST(truncated_messages_are_survived)
{
    struct cell_answer one[] = {cell_answer(1)};
    struct job_cell grid[] = {{0}};
    struct qx_bytes b = {0};
    struct control c = answer_of(1, 1, one, grid, 1);
    ck_assert_int_eq(control_encode(&c, &b), QX_ERR_OK);
    for (size_t len = 0; len <= b.len; len++)
        for (unsigned flip = 0; flip < 2; flip++) {
            struct qx_session *s = session_new();
            struct qx_error err;
            uint8_t *copy = malloc(b.len + 1);
            memcpy(copy, b.data, b.len);
            if (flip && len < b.len)
                copy[len] ^= 0x55;
            submit(s, &job);
            (void)qx_session_receive(s, copy, flip ? b.len : len, 0, &err);
            free(copy);
            qx_session_free(s);
        }
    qx_bytes_fini(&b);
}
END_TEST

/* A whole conversation; every allocation in it fails once. */
static qx_err conversation(const struct qx_bytes *answer)
{
    struct qx_session *s = NULL;
    struct qx_error err = {0};
    uint64_t tag = 0, blob = 0;
    char ref[QX_BLOB_REF_BYTES];
    qx_err e = qx_session_new(&(struct qx_session_options){.entropy = 1}, &s);
    if (e == QX_ERR_OK)
        e = qx_session_submit(s, &job, true, &tag, &err);
    if (e == QX_ERR_OK)
        e = qx_session_put_blob(s, "hello", 5, ref, &blob);
    if (e == QX_ERR_OK)
        e = qx_session_receive(s, answer->data, answer->len, 0, &err);
    if (e == QX_ERR_OK)
        e = qx_session_tick(s, 0);
    if (e == QX_ERR_OK) {
        struct qx_event ev;
        ck_assert(qx_session_next_event(s, &ev));
        qx_event_fini(&ev);
    }
    qx_session_free(s);
    return e;
}

START_TEST(no_memory_is_told_and_nothing_leaks)
{
    struct cell_answer one[] = {cell_answer(1)};
    struct job_cell grid[] = {{0}};
    struct qx_bytes answer = {0};
    struct control c = answer_of(1, 1, one, grid, 1);
    ck_assert_int_eq(control_encode(&c, &answer), QX_ERR_OK);
    unsigned n = 1;
    for (;; n++) {
        qx_mem_fail_at(n);
        qx_err e = conversation(&answer);
        qx_mem_fail_at(0);
        if (e == QX_ERR_OK)
            break;
        ck_assert_int_eq(e, QX_ERR_NOMEM);
    }
    ck_assert_uint_gt(n, 10);
    qx_bytes_fini(&answer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *jobs = tcase_create("jobs"), *blobs = tcase_create("blobs"), *time = tcase_create("time"),
          *bad = tcase_create("bad");
    tcase_add_test(jobs, submission_carries_every_option);
    tcase_add_test(jobs, seeds_and_tokens_are_drawn_and_differ);
    tcase_add_test(jobs, wrong_jobs_are_refused_and_nothing_is_sent);
    tcase_add_test(jobs, a_job_goes_from_submission_to_result);
    tcase_add_test(jobs, names_of_files_travel_beside_the_references);
    tcase_add_test(jobs, wanted_news_are_asked_for_once_the_job_has_a_number);
    tcase_add_test(jobs, an_error_ends_its_request_alone);
    tcase_add_test(jobs, what_nobody_asked_for_is_dropped);
    tcase_add_test(jobs, news_without_a_tag_go_to_who_watches_the_job);
    tcase_add_test(jobs, questions_and_answers);
    tcase_add_test(blobs, a_blob_the_master_has_is_not_sent);
    tcase_add_test(blobs, a_blob_is_sent_in_parts_within_a_window);
    tcase_add_test(blobs, a_blob_comes_back_whole_or_not_at_all);
    tcase_add_test(time, a_silent_master_is_pinged_and_then_lost);
    tcase_add_test(time, a_master_that_answers_is_not_lost);
    tcase_add_test(time, time_in_which_nobody_ticked_does_not_count);
    tcase_add_test(bad, a_wrong_address_says_which_part);
    tcase_add_test(bad, a_host_nobody_knows_is_told);
    tcase_add_test(bad, nonsense_changes_nothing);
    tcase_add_test(bad, truncated_messages_are_survived);
    tcase_add_test(bad, no_memory_is_told_and_nothing_leaks);
    suite_add_tcase(suite, jobs);
    suite_add_tcase(suite, blobs);
    suite_add_tcase(suite, time);
    suite_add_tcase(suite, bad);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
