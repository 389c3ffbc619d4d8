#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/control_samples.h"

/* ---- are two messages the same? ------------------------------------------------------------------------ */

static void same_text(const char *a, const char *b, const char *name)
{
    bool same = a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
    ck_assert_msg(same, "%s differs: '%s', '%s'", name, a ? a : "NULL", b ? b : "NULL");
}

static void same_bits(const void *a, const void *b, size_t len)
{
    ck_assert_mem_eq(a, b, len);
}

#define EQ(f)   ck_assert_msg(a->f == b->f, "%s differs", #f)
#define TEXT(f) same_text(a->f, b->f, #f)
#define BITS(f) same_bits(&a->f, &b->f, sizeof a->f)

static void same_params(const struct param *x, const struct param *y, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct param *a = &x[i], *b = &y[i];
        TEXT(name), TEXT(value);
    }
}

static void same_spec(const struct job_spec *a, const struct job_spec *b)
{
    TEXT(task), TEXT(version), TEXT(until), TEXT(label);
    EQ(n_params), EQ(n_cells), EQ(n_items), EQ(seed), EQ(chunk_items), EQ(priority), EQ(attempts_max);
    EQ(n_files), same_params(a->files, b->files, a->n_files);
    EQ(item_timeout_ms), EQ(item_bytes_max), EQ(rows), EQ(detached), EQ(layout.grain), EQ(layout.spread);
    same_params(a->params, b->params, a->n_params);
    for (uint32_t i = 0; i < a->n_cells; i++) {
        EQ(cells[i].n_params);
        same_params(a->cells[i].params, b->cells[i].params, a->cells[i].n_params);
    }
}

static void same_decl(const struct task_decl *a, const struct task_decl *b)
{
    TEXT(name), TEXT(version), TEXT(help), TEXT(details);
    TEXT(items_from);
    EQ(n_params), EQ(flags), EQ(layout.grain), EQ(layout.spread), EQ(default_items), EQ(has_finish),
        EQ(opaque);
    for (uint32_t i = 0; i < a->n_params; i++) {
        TEXT(params[i].name), TEXT(params[i].help);
        TEXT(params[i].fallback);
        EQ(params[i].type), EQ(params[i].min), EQ(params[i].max), EQ(params[i].n_choices);
        for (uint32_t j = 0; j < a->params[i].n_choices; j++)
            TEXT(params[i].choices[j]);
    }
}

static void same_info(const struct job_info *a, const struct job_info *b)
{
    TEXT(task), TEXT(version), TEXT(label), TEXT(error), TEXT(waiting);
    EQ(job), EQ(state), EQ(seed), EQ(n_items), EQ(submitted_unix_ms), EQ(elapsed_ns), EQ(n_cells),
        EQ(cells_done);
    EQ(slots), EQ(items_done), EQ(items_failed), EQ(items_total), EQ(first_lease_ns), EQ(last_result_ns),
        EQ(wait_ns);
    EQ(transfer_ns), EQ(task_ns), EQ(reduce_ns), EQ(busy_ns), EQ(sink_ns), EQ(leases), EQ(leases_failed);
    EQ(estimate_cell), EQ(error_code);
    BITS(estimate), BITS(se), BITS(target), BITS(measure);
    TEXT(until), EQ(n_params);
    same_params(a->params, b->params, a->n_params);
}

static void same_answer(const struct control *a, const struct control *b)
{
    same_info(&a->u.answer.info, &b->u.answer.info);
    same_spec(&a->u.answer.spec, &b->u.answer.spec);
    EQ(u.answer.n_cells);
    TEXT(u.answer.digest);
    for (uint32_t i = 0; i < a->u.answer.n_cells; i++) {
        EQ(u.answer.cells[i].n_items), EQ(u.answer.cells[i].n_failed), EQ(u.answer.cells[i].complete);
        EQ(u.answer.cells[i].stopped);
        TEXT(u.answer.cells[i].digest), TEXT(u.answer.cells[i].result_json),
            TEXT(u.answer.cells[i].failures_json);
    }
}

static void same_worker(const struct worker_info *a, const struct worker_info *b)
{
    TEXT(name), TEXT(host);
    EQ(session), EQ(slots), EQ(leases), EQ(pid), EQ(items_done), EQ(busy_ns), EQ(connected_ms), EQ(silent_ms);
    EQ(leases_failed), EQ(draining), EQ(n_tasks);
}

static void same_rows(const struct control *a, const struct control *b)
{
    EQ(u.rows.job), EQ(u.rows.first_item), EQ(u.rows.cell), EQ(u.rows.n_items), EQ(u.rows.n_columns);
    EQ(u.rows.n_names);
    for (uint32_t i = 0; i < a->u.rows.n_names; i++)
        TEXT(u.rows.columns[i]);
    ck_assert_mem_eq(a->u.rows.values, b->u.rows.values,
                     (size_t)a->u.rows.n_items * a->u.rows.n_columns * sizeof(double));
    ck_assert_mem_eq(a->u.rows.ok, b->u.rows.ok, a->u.rows.n_items);
}

static void same_ids(const uint64_t *a, const uint64_t *b, uint32_t n)
{
    ck_assert_mem_eq(a, b, n * sizeof *a);
}

static void same_worker_side(const struct control *a, const struct control *b)
{
    switch (a->type) {
    case CONTROL_HELLO:
        EQ(u.hello.version), EQ(u.hello.uuid), EQ(u.hello.old_session), EQ(u.hello.slots), EQ(u.hello.pid);
        TEXT(u.hello.name), TEXT(u.hello.host);
        EQ(u.hello.n_tasks);
        for (uint32_t i = 0; i < a->u.hello.n_tasks; i++)
            same_decl(&a->u.hello.tasks[i], &b->u.hello.tasks[i]);
        break;
    case CONTROL_BEAT:
        EQ(u.beat.session), EQ(u.beat.lane_seq), EQ(u.beat.n_held), EQ(u.beat.resync);
        same_ids(a->u.beat.held, b->u.beat.held, a->u.beat.n_held);
        break;
    case CONTROL_BLOB_GET:
        EQ(u.blob_get.session), EQ(u.blob_get.offset);
        BITS(u.blob_get.hash);
        break;
    case CONTROL_BYE:
        EQ(u.bye.session);
        break;
    case CONTROL_WELCOME:
        EQ(u.welcome.session), EQ(u.welcome.beat_ms), EQ(u.welcome.silent_ms), EQ(u.welcome.version);
        TEXT(u.welcome.lane), TEXT(u.welcome.sink);
        break;
    case CONTROL_ACK:
        EQ(u.ack.upto), EQ(u.ack.n_extra);
        same_ids(a->u.ack.extra, b->u.ack.extra, a->u.ack.n_extra);
        break;
    case CONTROL_BEAT_BACK:
        EQ(u.beat_back.lane_seq);
        break;
    case CONTROL_BLOB_PART:
        BITS(u.blob_part.ref);
        EQ(u.blob_part.offset), EQ(u.blob_part.len), EQ(u.blob_part.missing);
        ck_assert_mem_eq(a->u.blob_part.data, b->u.blob_part.data, a->u.blob_part.len);
        break;
    default:
        break;
    }
}

static void same_request(const struct control *a, const struct control *b)
{
    switch (a->type) {
    case CONTROL_SUBMIT:
        EQ(u.submit.token), EQ(u.submit.watch);
        same_spec(&a->u.submit.spec, &b->u.submit.spec);
        break;
    case CONTROL_WATCH:
        EQ(u.watch.job), EQ(u.watch.every_ms);
        break;
    case CONTROL_CANCEL:
        EQ(u.cancel.job);
        break;
    case CONTROL_EXTEND:
        EQ(u.extend.job), EQ(u.extend.n_items);
        break;
    case CONTROL_JOBS:
        EQ(u.jobs.job);
        break;
    case CONTROL_RESULT:
        EQ(u.result.job), EQ(u.result.partial);
        break;
    case CONTROL_TASKS:
        TEXT(u.tasks.name);
        break;
    case CONTROL_BLOB_PUT:
        BITS(u.blob_put.ref);
        EQ(u.blob_put.offset), EQ(u.blob_put.len);
        ck_assert_mem_eq(a->u.blob_put.data, b->u.blob_put.data, a->u.blob_put.len);
        break;
    case CONTROL_ROWS_TAKEN:
        EQ(u.rows_taken.job), EQ(u.rows_taken.bytes);
        break;
    default:
        break;
    }
}

static void same_reply(const struct control *a, const struct control *b)
{
    switch (a->type) {
    case CONTROL_SUBMITTED:
        EQ(u.submitted.job), EQ(u.submitted.seed), EQ(u.submitted.n_items);
        TEXT(u.submitted.version);
        break;
    case CONTROL_PROGRESS:
        same_info(&a->u.progress, &b->u.progress);
        break;
    case CONTROL_ROWS:
        same_rows(a, b);
        break;
    case CONTROL_JOB_LIST:
        EQ(u.job_list.n);
        for (uint32_t i = 0; i < a->u.job_list.n; i++)
            same_info(&a->u.job_list.jobs[i], &b->u.job_list.jobs[i]);
        break;
    case CONTROL_ANSWER:
        same_answer(a, b);
        break;
    case CONTROL_TASK_LIST:
        EQ(u.task_list.n);
        for (uint32_t i = 0; i < a->u.task_list.n; i++)
            same_decl(&a->u.task_list.tasks[i], &b->u.task_list.tasks[i]);
        break;
    case CONTROL_WORKER_LIST:
        EQ(u.worker_list.n);
        for (uint32_t i = 0; i < a->u.worker_list.n; i++)
            same_worker(&a->u.worker_list.workers[i], &b->u.worker_list.workers[i]);
        break;
    case CONTROL_BLOB_STATE:
        BITS(u.blob_state.ref);
        EQ(u.blob_state.have_bytes), EQ(u.blob_state.complete);
        break;
    case CONTROL_PONG:
        EQ(u.pong.version), EQ(u.pong.workers), EQ(u.pong.slots), EQ(u.pong.uptime_ms), EQ(u.pong.tasks);
        TEXT(u.pong.release);
        break;
    case CONTROL_ERROR:
        EQ(u.error.code);
        TEXT(u.error.text);
        break;
    default:
        break;
    }
}

static void same(const struct control *a, const struct control *b)
{
    EQ(type), EQ(tag);
    same_worker_side(a, b);
    same_request(a, b);
    same_reply(a, b);
}

/* ---- helpers -------------------------------------------------------------------------------------------- */

static struct qx_bytes encoded(const struct control *c)
{
    struct qx_bytes out = {0};
    ck_assert_int_eq(control_encode(c, &out), QX_ERR_OK);
    return out;
}

/* Decodes a copy of exactly this size, so that a sanitizer sees what is read beyond it. */
static qx_err decode_copy(const void *data, size_t len, struct control *ret, struct qx_error *err)
{
    void *copy = malloc(len > 0 ? len : 1);
    ck_assert_ptr_nonnull(copy);
    if (len > 0)
        memcpy(copy, data, len);
    qx_err e = control_decode(copy, len, ret, err);
    free(copy);
    return e;
}

/* The message must be refused with PROTO and a text that holds `part`. */
static void refused(const struct control *c, const char *part)
{
    struct qx_bytes out = encoded(c);
    struct control d;
    struct qx_error err = {0};
    ck_assert_int_eq(decode_copy(out.data, out.len, &d, &err), QX_ERR_PROTO);
    ck_assert_msg(strstr(err.text, part) != NULL, "'%s' does not say '%s'", err.text, part);
    ck_assert_ptr_null(d.arena);
    ck_assert_uint_eq(d.tag, c->tag);
    ck_assert_int_eq(d.type, c->type);
    qx_bytes_fini(&out);
}

static void put_varint(struct qx_bytes *b, uint64_t v)
{
    for (; v > 0x7F; v >>= 7)
        ck_assert_int_eq(qx_bytes_append(b, &(uint8_t){(uint8_t)(v | 0x80)}, 1), QX_ERR_OK);
    ck_assert_int_eq(qx_bytes_append(b, &(uint8_t){(uint8_t)v}, 1), QX_ERR_OK);
}

static void put_field(struct qx_bytes *b, uint32_t field, const void *data, size_t len)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, len);
    ck_assert_int_eq(qx_bytes_append(b, data, len), QX_ERR_OK);
}

static struct qx_bytes envelope(uint64_t version, uint32_t body, const void *data, size_t len)
{
    struct qx_bytes b = {0};
    put_varint(&b, 1 << 3);
    put_varint(&b, version);
    put_varint(&b, 2 << 3 | 1);
    ck_assert_int_eq(qx_put_u64(&b, 99), QX_ERR_OK);
    put_field(&b, body, data, len);
    return b;
}

/* Numbers of fields in control.proto. */
enum { BLOB_GET_BODY = 12, CANCEL_BODY = 32, SUBMIT_BODY = 30, TASKS_BODY = 36, ROWS_BODY = 52 };

/* ---- round trips ------------------------------------------------------------------------------------------ */

START_TEST(every_type_comes_back_as_it_was)
{
    struct control c = control_sample((enum control_type)_i), d;
    struct qx_bytes first = encoded(&c);
    struct qx_error err = {0};
    ck_assert_msg(decode_copy(first.data, first.len, &d, &err) == QX_ERR_OK, "%s", err.text);
    same(&c, &d);
    struct qx_bytes second = encoded(&d);
    ck_assert_uint_eq(first.len, second.len);
    ck_assert_mem_eq(first.data, second.data, first.len);
    control_fini(&d);
    control_fini(&d);
    qx_bytes_fini(&first);
    qx_bytes_fini(&second);
}
END_TEST

START_TEST(empty_messages_have_empty_texts)
{
    struct control c = {.type = CONTROL_PROGRESS}, d;
    struct qx_bytes b = encoded(&c);
    ck_assert_int_eq(control_decode(b.data, b.len, &d, NULL), QX_ERR_OK);
    ck_assert_str_eq(d.u.progress.task, "");
    ck_assert_str_eq(d.u.progress.waiting, "");
    control_fini(&d);
    c = (struct control){.type = CONTROL_ROWS};
    qx_bytes_fini(&b);
    b = encoded(&c);
    ck_assert_int_eq(control_decode(b.data, b.len, &d, NULL), QX_ERR_OK);
    ck_assert_uint_eq(d.u.rows.n_items, 0);
    control_fini(&d);
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(later_parts_of_an_answer_need_no_cells_in_their_spec)
{
    struct control c = control_sample(CONTROL_ANSWER), d;
    c.u.answer.spec = (struct job_spec){0};
    struct qx_bytes b = encoded(&c);
    ck_assert_int_eq(control_decode(b.data, b.len, &d, NULL), QX_ERR_OK);
    ck_assert_str_eq(d.u.answer.spec.task, "");
    control_fini(&d);
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(types_have_names)
{
    ck_assert_str_eq(control_type_name(CONTROL_HELLO), "HELLO");
    ck_assert_str_eq(control_type_name(CONTROL_UNKNOWN), "UNKNOWN");
    ck_assert_str_eq(control_type_name((enum control_type)12345), "UNKNOWN");
    for (int i = 0; i < CONTROL_TYPE_COUNT; i++)
        ck_assert_ptr_nonnull(control_type_name((enum control_type)i));
}
END_TEST

/* The document has a heading or table row with every type's name: `HELLO`. */
START_TEST(the_document_lists_every_type)
{
    const char *source = getenv("QX_SOURCE_DIR");
    char path[4096], name[64];
    static char text[1 << 18];
    (void)snprintf(path, sizeof path, "%s/docs/protocol.md", source ? source : ".");
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "cannot open %s", path);
    size_t len = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[len] = '\0';
    for (int i = CONTROL_UNKNOWN + 1; i < CONTROL_TYPE_COUNT; i++) {
        (void)snprintf(name, sizeof name, "| `%s` |", control_type_name((enum control_type)i));
        ck_assert_msg(strstr(text, name) != NULL, "docs/protocol.md has no row %s", name);
    }
}
END_TEST

/* ---- other versions, unknown types ---------------------------------------------------------------------------- */

START_TEST(another_version_is_told_with_its_tag)
{
    struct control c = control_sample(CONTROL_HELLO), d;
    c.u.hello.version = 2;
    struct qx_bytes b = encoded(&c);
    struct qx_error err = {0};
    ck_assert_int_eq(decode_copy(b.data, b.len, &d, &err), QX_ERR_VERSION);
    ck_assert_str_eq(err.text, "peer speaks protocol 2, this is 1");
    ck_assert_uint_eq(d.tag, c.tag);
    ck_assert_int_eq(d.type, CONTROL_HELLO);
    ck_assert_ptr_null(d.arena);
    qx_bytes_fini(&b);
    b = envelope(7, SUBMIT_BODY, "\xFF\xFF\xFF", 3); /* what only protocol 7 understands */
    ck_assert_int_eq(decode_copy(b.data, b.len, &d, &err), QX_ERR_VERSION);
    ck_assert_uint_eq(d.tag, 99);
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(a_message_without_version_is_not_ours)
{
    struct qx_error err = {0};
    struct control d;
    struct qx_bytes b = envelope(0, CANCEL_BODY, "", 0);
    ck_assert_int_eq(decode_copy(b.data, b.len, &d, &err), QX_ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(err.text, "no protocol version"));
    ck_assert_int_eq(decode_copy("", 0, &d, &err), QX_ERR_PROTO);
    ck_assert_int_eq(decode_copy("GET / HTTP/1.1\r\n\r\n", 18, &d, &err), QX_ERR_PROTO);
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(an_unknown_type_is_no_error)
{
    struct control d;
    struct qx_bytes b = envelope(1, 4000, "future", 6);
    ck_assert_int_eq(decode_copy(b.data, b.len, &d, NULL), QX_ERR_OK);
    ck_assert_int_eq(d.type, CONTROL_UNKNOWN);
    ck_assert_uint_eq(d.tag, 99);
    control_fini(&d);
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(an_unknown_field_is_passed_over)
{
    struct control d;
    struct qx_bytes body = {0};
    put_field(&body, 900, "later", 5);
    struct qx_bytes b = envelope(1, CANCEL_BODY, body.data, body.len);
    ck_assert_int_eq(decode_copy(b.data, b.len, &d, NULL), QX_ERR_OK);
    ck_assert_int_eq(d.type, CONTROL_CANCEL);
    control_fini(&d);
    qx_bytes_fini(&body);
    qx_bytes_fini(&b);
}
END_TEST

/* ---- hostile input ---------------------------------------------------------------------------------------------- */

START_TEST(no_truncation_and_no_flipped_byte_does_harm)
{
    struct control c = control_sample((enum control_type)_i), d;
    struct qx_bytes b = encoded(&c);
    for (size_t len = 0; len < b.len; len++)
        if (decode_copy(b.data, len, &d, NULL) == QX_ERR_OK)
            control_fini(&d);
    static const uint8_t masks[] = {0x01, 0x80, 0x7F, 0xFF};
    for (size_t i = 0; i < b.len; i++)
        for (size_t m = 0; m < sizeof masks; m++) {
            b.data[i] ^= masks[m];
            if (decode_copy(b.data, b.len, &d, NULL) == QX_ERR_OK)
                control_fini(&d);
            b.data[i] ^= masks[m];
        }
    qx_bytes_fini(&b);
}
END_TEST

static qx_err decode_task_name(const char *text, size_t len, struct qx_error *err)
{
    struct control d;
    struct qx_bytes body = {0};
    put_field(&body, 1, text, len);
    struct qx_bytes b = envelope(1, TASKS_BODY, body.data, body.len);
    qx_err e = decode_copy(b.data, b.len, &d, err);
    if (e == QX_ERR_OK) {
        ck_assert_str_eq(d.u.tasks.name, text);
        control_fini(&d);
    }
    qx_bytes_fini(&body);
    qx_bytes_fini(&b);
    return e;
}

START_TEST(text_is_text)
{
    static const struct {
        const char *text;
        size_t len;
        qx_err e;
    } cases[] = {{"pi", 2, QX_ERR_OK},
                 {"", 0, QX_ERR_OK},
                 {"a\tb\nc", 5, QX_ERR_OK},
                 {"na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x8E\xB2", 15, QX_ERR_OK},
                 {"p\0i", 3, QX_ERR_PROTO},          /* NUL */
                 {"pi\0", 3, QX_ERR_PROTO},          /* NUL at the end */
                 {"a\rb", 3, QX_ERR_PROTO},          /* C0 */
                 {"\x1B[2J", 4, QX_ERR_PROTO},       /* a terminal's escape */
                 {"a\x7F", 2, QX_ERR_PROTO},         /* DEL */
                 {"a\xC2\x9B", 3, QX_ERR_PROTO},     /* C1 */
                 {"a\xC2", 2, QX_ERR_PROTO},         /* cut off */
                 {"\xC0\x80", 2, QX_ERR_PROTO},      /* overlong */
                 {"\xED\xA0\x80", 3, QX_ERR_PROTO}}; /* surrogate */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct qx_error err = {0};
        ck_assert_msg(decode_task_name(cases[i].text, cases[i].len, &err) == cases[i].e, "case %zu", i);
        if (cases[i].e != QX_ERR_OK)
            ck_assert_ptr_nonnull(strstr(err.text, "Tasks.name"));
    }
}
END_TEST

START_TEST(bad_text_is_repaired_when_sent)
{
    struct control c = {.type = CONTROL_ERROR,
                        .u.error = {QX_ERR_TASK, "a\x1B[2J\xFF \xC2\x9B \xC3\xAF\n\xE2\x82"}},
                   d;
    struct qx_bytes b = encoded(&c);
    ck_assert_int_eq(control_decode(b.data, b.len, &d, NULL), QX_ERR_OK);
    ck_assert_str_eq(d.u.error.text, "a?[2J? ?? \xC3\xAF\n\?\?");
    control_fini(&d);
    c.u.error.text = NULL;
    qx_bytes_fini(&b);
    b = encoded(&c);
    ck_assert_int_eq(control_decode(b.data, b.len, &d, NULL), QX_ERR_OK);
    ck_assert_str_eq(d.u.error.text, "");
    control_fini(&d);
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(a_hash_has_32_bytes)
{
    static const uint8_t bytes[64];
    for (size_t len = 0; len <= 64; len++) {
        struct control d;
        struct qx_bytes body = {0};
        put_field(&body, 2, bytes, len);
        struct qx_bytes b = envelope(1, BLOB_GET_BODY, body.data, body.len);
        qx_err e = decode_copy(b.data, b.len, &d, NULL);
        ck_assert_int_eq(e, len == BLOB_HASH_BYTES ? QX_ERR_OK : QX_ERR_PROTO);
        if (e == QX_ERR_OK)
            control_fini(&d);
        qx_bytes_fini(&body);
        qx_bytes_fini(&b);
    }
}
END_TEST

START_TEST(ranges_of_a_job_are_checked)
{
    struct control c = control_sample(CONTROL_SUBMIT);
    c.u.submit.spec.priority = 101;
    refused(&c, "priority");
    c = control_sample(CONTROL_SUBMIT);
    c.u.submit.spec.n_items = ((uint64_t)1 << 62) + 1;
    refused(&c, "JobSpec.n_items");
    c = control_sample(CONTROL_SUBMIT);
    c.u.submit.spec.n_cells = 0;
    refused(&c, "without cells");
    c = control_sample(CONTROL_SUBMIT);
    c.u.submit.spec.layout.spread = 200;
    refused(&c, "block layout");
    static const char *const names[] = {"", "a=b", "a b", "a\nb"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "%s", names[i]);
        struct param p = {name, "1"};
        c = control_sample(CONTROL_SUBMIT);
        c.u.submit.spec.n_params = 1;
        c.u.submit.spec.params = &p;
        refused(&c, "name");
    }
}
END_TEST

START_TEST(ranges_of_the_rest_are_checked)
{
    struct control c = control_sample(CONTROL_HELLO);
    c.u.hello.slots = 0;
    refused(&c, "Hello.slots");
    c.u.hello.slots = SLOTS_MAX + 1;
    refused(&c, "Hello.slots");
    c = control_sample(CONTROL_PROGRESS);
    c.u.progress.state = JOB_STATE_COUNT;
    refused(&c, "JobInfo.state");
    c = control_sample(CONTROL_BLOB_PUT);
    c.u.blob_put.offset++;
    refused(&c, "of a blob");
    c.u.blob_put.offset = UINT64_MAX;
    refused(&c, "of a blob");
    c = control_sample(CONTROL_BLOB_STATE);
    c.u.blob_state.have_bytes = 300001;
    refused(&c, "blob");
    c = control_sample(CONTROL_ROWS);
    c.u.rows.n_names = 1;
    refused(&c, "columns");
    c = control_sample(CONTROL_ERROR);
    c.u.error.code = 0;
    refused(&c, "code 0");
    c = control_sample(CONTROL_ANSWER);
    c.u.answer.info.n_cells = 1;
    refused(&c, "answers of");
    c = control_sample(CONTROL_ANSWER);
    c.u.answer.digest[31] = 'G';
    refused(&c, "Answer.digest");
    c.u.answer.digest[31] = '\0';
    refused(&c, "Answer.digest");
}
END_TEST

START_TEST(a_missing_blob_is_told_whatever_was_asked)
{
    struct control c = {.type = CONTROL_BLOB_PART, .u.blob_part = {.offset = 1000, .missing = true}}, d;
    struct qx_bytes b = encoded(&c);
    ck_assert_int_eq(control_decode(b.data, b.len, &d, NULL), QX_ERR_OK);
    ck_assert(d.u.blob_part.missing);
    control_fini(&d);
    qx_bytes_fini(&b);
    c.u.blob_part.data = (const uint8_t *)"x";
    c.u.blob_part.len = 1;
    refused(&c, "missing blob");
    c.u.blob_part.missing = false;
    refused(&c, "of a blob");
}
END_TEST

START_TEST(declarations_are_checked)
{
    struct task_decl decl = *control_sample(CONTROL_TASK_LIST).u.task_list.tasks;
    struct param_decl param = decl.params[0];
    struct control c = {.type = CONTROL_TASK_LIST, .u.task_list = {1, &decl}};
    decl.params = &param;
    decl.n_params = 1;
    param.type = (enum qx_param_type)(QX_PARAM_TABLE + 1);
    refused(&c, "ParamDecl.type");
    param.type = QX_PARAM_REAL;
    param.min = NAN;
    refused(&c, "no range");
    param.min = 0;
    decl.name = "No";
    refused(&c, "no name of a task");
    decl.name = "ok";
    decl.layout.grain = 0;
    refused(&c, "block layout");
}
END_TEST

START_TEST(rows_hold_what_they_say)
{
    struct control c = control_sample(CONTROL_ROWS), d;
    struct qx_bytes b = encoded(&c);
    struct qx_bytes body = {0};
    put_varint(&body, 4 << 3); /* n_items = 2^31, n_columns = 2^31: the product must not wrap */
    put_varint(&body, 1u << 31);
    put_varint(&body, 5 << 3);
    put_varint(&body, 1u << 31);
    qx_bytes_fini(&b);
    b = envelope(1, ROWS_BODY, body.data, body.len);
    struct qx_error err = {0};
    ck_assert_int_eq(decode_copy(b.data, b.len, &d, &err), QX_ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(err.text, "Rows.values"));
    qx_bytes_fini(&body);
    qx_bytes_fini(&b);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------------------------------- */

START_TEST(long_messages_are_refused_unread)
{
    static uint8_t big[QX_CONTROL_BYTES_MAX + 1];
    struct control d;
    struct qx_error err = {0};
    ck_assert_int_eq(control_decode(big, sizeof big, &d, &err), QX_ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(err.text, "limit"));
    struct job_spec *s;
    ck_assert_int_eq(job_spec_decode(big, sizeof big, &s, &err), QX_ERR_PROTO);
}
END_TEST

START_TEST(long_messages_are_not_sent)
{
    char *text = malloc(QX_CONTROL_BYTES_MAX + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', QX_CONTROL_BYTES_MAX);
    text[QX_CONTROL_BYTES_MAX] = '\0';
    struct control c = {.type = CONTROL_ERROR, .u.error = {QX_ERR_TASK, text}};
    struct qx_bytes b = {0};
    ck_assert_int_eq(control_encode(&c, &b), QX_ERR_LIMIT);
    qx_bytes_fini(&b);
    free(text);
}
END_TEST

/* 2 bytes on the wire each, many times that in memory. */
START_TEST(a_small_message_does_not_become_a_large_one)
{
    enum { N = (QX_CONTROL_BYTES_MAX - 100) / 2 };
    struct qx_bytes cells = {0}, submit = {0};
    ck_assert_int_eq(qx_bytes_resize(&cells, 2 * (size_t)N), QX_ERR_OK);
    for (size_t i = 0; i < N; i++)
        cells.data[2 * i] = 4 << 3 | 2; /* a cell, of no bytes */
    put_field(&submit, 2, cells.data, cells.len);
    struct qx_bytes b = envelope(1, SUBMIT_BODY, submit.data, submit.len);
    ck_assert_uint_le(b.len, QX_CONTROL_BYTES_MAX);
    struct control d;
    struct qx_error err = {0};
    ck_assert_int_eq(control_decode(b.data, b.len, &d, &err), QX_ERR_PROTO);
    ck_assert_str_eq(err.text, "message too large once decoded");
    qx_bytes_fini(&cells);
    qx_bytes_fini(&submit);
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(so_many_cells_and_no_more)
{
    struct control c = control_sample(CONTROL_SUBMIT), d;
    struct param p[2] = {{"alpha", "0.05"}, {"n", "100"}};
    struct job_cell *cells = calloc(CELLS_MAX + 1, sizeof *cells);
    ck_assert_ptr_nonnull(cells);
    for (int i = 0; i <= CELLS_MAX; i++)
        cells[i] = (struct job_cell){2, p};
    c.u.submit.spec.cells = cells;
    c.u.submit.spec.n_cells = CELLS_MAX;
    struct qx_bytes b = encoded(&c);
    struct qx_error err = {0};
    ck_assert_msg(control_decode(b.data, b.len, &d, &err) == QX_ERR_OK, "%s", err.text);
    ck_assert_uint_eq(d.u.submit.spec.n_cells, CELLS_MAX);
    ck_assert_str_eq(d.u.submit.spec.cells[CELLS_MAX - 1].params[1].name, "n");
    control_fini(&d);
    for (int i = 0; i <= CELLS_MAX; i++)
        cells[i] = (struct job_cell){0, NULL};
    c.u.submit.spec.n_cells = CELLS_MAX + 1;
    refused(&c, "JobSpec.cells");
    qx_bytes_fini(&b);
    free(cells);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

START_TEST(every_allocation_may_fail)
{
    struct control c = control_sample((enum control_type)_i), d;
    struct qx_bytes b = {0};
    for (unsigned n = 1;; n++) {
        qx_mem_fail_at(n);
        qx_err e = control_encode(&c, &b);
        if (e == QX_ERR_OK)
            break;
        ck_assert_int_eq(e, QX_ERR_NOMEM);
    }
    for (unsigned n = 1;; n++) {
        qx_mem_fail_at(n);
        qx_err e = control_decode(b.data, b.len, &d, NULL);
        if (e == QX_ERR_OK)
            break;
        ck_assert_int_eq(e, QX_ERR_NOMEM);
        ck_assert_ptr_null(d.arena);
    }
    qx_mem_fail_at(0);
    control_fini(&d);
    qx_bytes_fini(&b);
}
END_TEST

/* The arena makes few allocations of a small message; here each piece is one. */
START_TEST(every_allocation_of_a_large_message_may_fail)
{
    enum { N = 2000 };
    struct control c = control_sample(CONTROL_SUBMIT), d;
    static char value[1000];
    memset(value, 'v', sizeof value - 1);
    struct param p[1] = {{"p", value}};
    static struct job_cell cells[N];
    for (int i = 0; i < N; i++)
        cells[i] = (struct job_cell){1, p};
    c.u.submit.spec.cells = cells;
    c.u.submit.spec.n_cells = N;
    struct qx_bytes b = encoded(&c);
    for (unsigned n = 1;; n++) {
        qx_mem_fail_at(n);
        qx_err e = control_decode(b.data, b.len, &d, NULL);
        if (e == QX_ERR_OK) {
            ck_assert_uint_gt(n, 8);
            break;
        }
        ck_assert_int_eq(e, QX_ERR_NOMEM);
    }
    qx_mem_fail_at(0);
    control_fini(&d);
    qx_bytes_fini(&b);
}
END_TEST

/* ---- job specs alone ------------------------------------------------------------------------------------------------- */

START_TEST(a_spec_travels_alone)
{
    struct qx_bytes b = {0};
    struct job_spec *s = NULL;
    ck_assert_int_eq(job_spec_encode(job_spec_sample(), &b), QX_ERR_OK);
    ck_assert_int_eq(job_spec_decode(b.data, b.len, &s, NULL), QX_ERR_OK);
    same_spec(job_spec_sample(), s);
    job_spec_free(s);
    job_spec_free(NULL);
    struct qx_error err = {0};
    ck_assert_int_eq(job_spec_decode(b.data, b.len - 1, &s, &err), QX_ERR_PROTO);
    ck_assert_int_eq(job_spec_decode("", 0, &s, &err), QX_ERR_PROTO);
    ck_assert_str_eq(err.text, "a job without cells");
    qx_bytes_fini(&b);
}
END_TEST

START_TEST(a_cell_overrides_the_job)
{
    struct param params[] = {{"a", "1"}, {"b", "2"}}, over[] = {{"b", "20"}, {"c", "30"}, {"b", "40"}};
    struct job_cell cells[] = {{0, NULL}, {3, over}};
    struct job_spec s = {.n_params = 2, .params = params, .n_cells = 2, .cells = cells};
    struct param *got;
    uint32_t n;
    ck_assert_int_eq(job_spec_cell(&s, 0, &got, &n), QX_ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(got[1].value, "2");
    qx_free(got);
    ck_assert_int_eq(job_spec_cell(&s, 1, &got, &n), QX_ERR_OK);
    ck_assert_uint_eq(n, 4); /* b was given twice by the cell: that must be seen */
    ck_assert_str_eq(got[0].value, "1");
    ck_assert_str_eq(got[1].value, "20");
    ck_assert_str_eq(got[2].name, "c");
    ck_assert_str_eq(got[3].value, "40");
    qx_free(got);
    ck_assert_int_eq(job_spec_cell(&s, 2, &got, &n), QX_ERR_NOTFOUND);
    qx_mem_fail_at(1);
    ck_assert_int_eq(job_spec_cell(&s, 0, &got, &n), QX_ERR_NOMEM);
    s.n_params = 0;
    ck_assert_int_eq(job_spec_cell(&s, 0, &got, &n), QX_ERR_OK);
    ck_assert_uint_eq(n, 0);
    qx_free(got);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("control");
    TCase *tc = tcase_create("codec");
    tcase_add_loop_test(tc, every_type_comes_back_as_it_was, CONTROL_UNKNOWN + 1, CONTROL_TYPE_COUNT);
    tcase_add_test(tc, empty_messages_have_empty_texts);
    tcase_add_test(tc, later_parts_of_an_answer_need_no_cells_in_their_spec);
    tcase_add_test(tc, types_have_names);
    tcase_add_test(tc, the_document_lists_every_type);
    tcase_add_test(tc, another_version_is_told_with_its_tag);
    tcase_add_test(tc, a_message_without_version_is_not_ours);
    tcase_add_test(tc, an_unknown_type_is_no_error);
    tcase_add_test(tc, an_unknown_field_is_passed_over);
    suite_add_tcase(s, tc);
    tc = tcase_create("hostile");
    tcase_add_loop_test(tc, no_truncation_and_no_flipped_byte_does_harm, CONTROL_UNKNOWN + 1,
                        CONTROL_TYPE_COUNT);
    tcase_add_test(tc, text_is_text);
    tcase_add_test(tc, bad_text_is_repaired_when_sent);
    tcase_add_test(tc, a_hash_has_32_bytes);
    tcase_add_test(tc, ranges_of_a_job_are_checked);
    tcase_add_test(tc, ranges_of_the_rest_are_checked);
    tcase_add_test(tc, a_missing_blob_is_told_whatever_was_asked);
    tcase_add_test(tc, declarations_are_checked);
    tcase_add_test(tc, rows_hold_what_they_say);
    tcase_add_test(tc, long_messages_are_refused_unread);
    tcase_add_test(tc, long_messages_are_not_sent);
    tcase_add_test(tc, a_small_message_does_not_become_a_large_one);
    tcase_add_test(tc, so_many_cells_and_no_more);
    suite_add_tcase(s, tc);
    tc = tcase_create("memory");
    tcase_add_loop_test(tc, every_allocation_may_fail, CONTROL_UNKNOWN + 1, CONTROL_TYPE_COUNT);
    tcase_add_test(tc, every_allocation_of_a_large_message_may_fail);
    suite_add_tcase(s, tc);
    tc = tcase_create("spec");
    tcase_add_test(tc, a_spec_travels_alone);
    tcase_add_test(tc, a_cell_overrides_the_job);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
