/* The sink: results in, answers out.
 *
 * A frame is believed only as far as it can be checked: session, lease, range and attempt against the scheduler,
 * the states against the job's plan and the items that the blocks hold. Only then does the scheduler take the
 * lease as done, and only then do the states enter the tree: so a block counts once, whoever sends what how often. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

struct job *sink_job(struct master *m, uint64_t job)
{
    return job ? idmap_get(&m->jobs, job) : NULL;
}

/* True if this result number is new. Numbers arrive in order but for repeats and what a reconnect lost. */
static bool take_seq(struct master *m, struct worker *w, uint64_t seq)
{
    bool fresh = seq > w->acked;
    for (uint32_t i = 0; i < w->n_extra; i++)
        fresh = fresh && w->extra[i] != seq;
    if (!fresh || seq == w->acked + 1) {
        w->acked += fresh;
    } else {
        if (w->n_extra == ACK_EXTRA_MAX)
            return false; /* not taken, not acknowledged: it comes again */
        w->extra[w->n_extra++] = seq;
    }
    for (uint32_t i = 0; w->n_extra && i < w->n_extra; i++)
        if (w->extra[i] <= w->acked + 1) {
            w->acked += w->extra[i] == w->acked + 1;
            w->extra[i] = w->extra[--w->n_extra];
            i = UINT32_MAX; /* look again from the start */
        }
    uint64_t ack_at_ns = m->now_ns + (w->draining ? 0 : ACK_DELAY_NS);
    w->n_unacked++;
    m->ack_at_ns = ack_at_ns < m->ack_at_ns ? ack_at_ns : m->ack_at_ns;
    return fresh;
}

static uint64_t hash_bytes(const uint8_t *p, size_t len)
{
    uint64_t h = 0xcbf29ce484222325ull ^ len;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = (h ^ v) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 29;
    }
    for (; len; p++, len--)
        h = (h ^ *p) * 0x100000001b3ull;
    return h;
}

static void audit_keep(struct master *m, const struct frame_view *v)
{
    const struct frame_result *f = &v->result;
    m->audit[m->audit_next++ % AUDIT_RING] =
        (struct audit){.job = f->job,
                       .first_block = f->first_block,
                       .n_items = f->n_items,
                       .hash = hash_bytes(v->nodes, (size_t)f->len_nodes),
                       .cell = f->cell,
                       .n_blocks = f->n_blocks};
}

/* A second result of a range that was taken before must be the same to the bit. */
static void audit_compare(struct master *m, const struct worker *w, const struct frame_view *v)
{
    for (size_t i = 0; i < AUDIT_RING; i++) {
        const struct audit *a = &m->audit[i];
        if (a->job != v->result.job || a->cell != v->result.cell || a->first_block != v->result.first_block ||
            a->n_blocks != v->result.n_blocks || a->n_items != v->result.n_items ||
            a->hash == hash_bytes(v->nodes, (size_t)v->result.len_nodes))
            continue;
        struct job *j = sink_job(m, a->job);
        qx_log(QX_LOG_ERROR, "NOT-REPRODUCIBLE",
               "job=%" PRIu64 " cell=%u block=%" PRIu64 " blocks=%u worker=%s", a->job, a->cell,
               a->first_block, a->n_blocks, w->name);
        if (j && j->state == JOB_STATE_RUNNING && !(j->decl->flags & QX_TASK_NOT_REPRODUCIBLE)) {
            struct qx_error err;
            qx_fail(&err, QX_ERR_TASK,
                    "task %s %s gave two different results for the same items (blocks %" PRIu64 " to %" PRIu64
                    "): it is not reproducible",
                    j->spec->task, j->spec->version, a->first_block, a->first_block + a->n_blocks - 1);
            sink_fail_job(m, j, &err);
        }
        return;
    }
}

static uint64_t at_most(uint64_t a, uint64_t limit)
{
    return a < limit ? a : limit;
}

/* What the worker says of its time is believed as far as the lease was out so long. */
static void add_times(struct master *m, struct job *j, struct worker *w, const struct frame_result *f,
                      uint64_t granted_ns)
{
    uint64_t away_ns = m->now_ns > granted_ns ? m->now_ns - granted_ns : 0;
    uint64_t busy_ns = at_most(f->busy_ns, away_ns),
             there_ns = busy_ns + at_most(f->wait_ns, away_ns - busy_ns);
    j->transfer_ns += away_ns - there_ns;
    j->task_ns += at_most(f->task_ns, busy_ns);
    j->reduce_ns += at_most(f->reduce_ns, busy_ns);
    j->busy_ns += busy_ns;
    j->last_result_ns = m->now_ns;
    w->busy_ns += busy_ns;
    w->items_done += f->n_items;
}

void sink_fail_job(struct master *m, struct job *j, const struct qx_error *err)
{
    if (j->state != JOB_STATE_RUNNING)
        return;
    j->error = *err;
    struct sched_event ev = {.type = EV_JOB_FAIL, .job = j->id};
    (void)master_event(m, &ev);
}

static void finish_cell(struct master *m, struct job *j, uint32_t cell, const void *json, size_t len)
{
    struct qx_error err = {0};
    if (job_answer_cell(j, cell, json, len, &err) != QX_ERR_OK) {
        sink_fail_job(m, j, &err);
        return;
    }
    struct sched_event ev = {.type = EV_CELL_FINISHED, .job = j->id, .cell = cell};
    (void)master_event(m, &ev);
}

void sink_close_cell(struct master *m, struct job *j, uint32_t cell, const struct reduce_state *folded)
{
    struct qx_error err = {0};
    if (job_close_cell(j, cell, !j->cancelled, folded, &err) != QX_ERR_OK) {
        sink_fail_job(m, j, &err);
    } else if (j->decl->has_finish && j->cells[cell].answer.n_items > j->cells[cell].answer.n_failed) {
        struct sched_event ev = {.type = EV_AUX_ADD, .job = j->id, .cell = cell};
        ev.u.aux.kind = LEASE_FINISH;
        (void)master_event(m, &ev);
    } else {
        finish_cell(m, j, cell, NULL, 0);
    }
}

void sink_cell_complete(struct master *m, uint64_t job, uint32_t cell)
{
    struct job *j = sink_job(m, job);
    if (!j || j->state != JOB_STATE_RUNNING)
        return;
    uint64_t t0 = clock_ns();
    const struct reduce_plan *plan = j->cells[cell].plan;
    if (plan && reduce_plan_opaque(plan)) {
        j->cells[cell].blocks_in = true;
        merges_step(m, j, cell);
    } else {
        sink_close_cell(m, j, cell, NULL);
    }
    j->sink_ns += clock_ns() - t0;
}

/* Not started, because all executors of the worker run something that takes unexpectedly long. */
static bool handed_back(const struct frame_result *f)
{
    return f->outcome == QX_OUTCOME_LOST && !f->started && f->code == QX_ERR_AGAIN;
}

static struct sched_event lease_event(enum sched_event_type type, const struct worker *w,
                                      const struct frame_result *f)
{
    struct sched_event ev = {.type = type, .worker = w->session, .job = f->job, .cell = f->cell};
    ev.u.result = (struct sched_result){.lease = f->lease,
                                        .attempt = f->attempt,
                                        .cell = f->cell,
                                        .first_block = f->first_block,
                                        .n_blocks = f->n_blocks,
                                        .compute_ns = f->busy_ns,
                                        .outcome = f->outcome,
                                        .started = f->started != 0,
                                        .stuck = handed_back(f),
                                        .item_known = f->item != UINT64_MAX,
                                        .item = f->item};
    return ev;
}

/* What a range of the lease must have as its partial end. */
static qx_err check_partial(const struct job *j, const struct sched_lease *l, const struct frame_result *f,
                            struct qx_error *err)
{
    uint64_t end = block_first(j->spec->layout, l->first_block + l->n_blocks);
    uint64_t last = block_first(j->spec->layout, l->first_block + l->n_blocks - 1);
    uint64_t expected = end > l->end_item ? l->end_item - last : 0;
    if (f->partial_items != expected)
        return qx_fail(err, QX_ERR_PROTO,
                       "the partial block holds %" PRIu64 " items, the result says %" PRIu64, expected,
                       f->partial_items);
    return QX_ERR_OK;
}

/* Nothing came of a lease that is out, and that is not the fault of its items: it is given out again. */
static void give_back(struct master *m, const struct worker *w, const struct frame_result *f)
{
    struct sched_event ev = lease_event(EV_LEASE_FAILED, w, f);
    ev.u.result.outcome = QX_OUTCOME_LOST;
    ev.u.result.started = false;
    ev.u.result.item_known = false;
    (void)master_event(m, &ev);
}

static void attempt_failed(struct master *m, struct worker *w, struct job *j, const struct frame_view *v)
{
    const struct frame_result *f = &v->result;
    struct qx_error err = {0};
    struct sched_event ev = lease_event(EV_LEASE_FAILED, w, f);
    if (handed_back(f)) {
        (void)master_event(m, &ev);
        return;
    }
    j->leases_failed++;
    w->leases_failed++;
    if (!f->started && f->code == QX_ERR_NOTFOUND)
        (void)idmap_del(
            &w->specs, j->id); /* it says that it has no specification of the job: the next lease brings it */
    if (f->outcome == QX_OUTCOME_ERROR && f->code != QX_ERR_CANCELLED) {
        qx_fail(&err, f->code < 0 && f->code >= QX_ERR_BUG ? (qx_err)f->code : QX_ERR_TASK, "%.*s",
                (int)f->len_text, v->text);
        sink_fail_job(m, j, &err);
        return;
    }
    qx_log(QX_LOG_WARN, "ATTEMPT-FAILED",
           "job=%" PRIu64 " cell=%u block=%" PRIu64 " attempt=%u worker=%s why=\"%.*s\"", f->job, f->cell,
           f->first_block, f->attempt, w->name, (int)f->len_text, v->text);
    qx_fail(&j->error, QX_ERR_TASK, "%.*s", (int)f->len_text, v->text); /* in case it is the last straw */
    if (master_event(m, &ev) == QX_ERR_PROTO) {
        qx_fail(&err, QX_ERR_PROTO, "a failed attempt that does not fit its lease");
        workers_lied(m, w, &err);
        give_back(m, w, f);
    }
}

void sink_stop_cell(struct master *m, struct job *j, uint32_t cell, uint64_t block)
{
    struct sched_event ev = {.type = EV_CELL_STOP, .job = j->id, .cell = cell};
    ev.u.stop.block = block;
    if (master_event(m, &ev) == QX_ERR_OK)
        workers_revoke(m, j->id, cell, block);
}

static void advance(struct master *m, struct job *j, uint32_t cell)
{
    struct qx_error err = {0};
    bool stop = false;
    uint64_t block = 0;
    if (job_advance(j, cell, &stop, &block, &err) != QX_ERR_OK) {
        sink_fail_job(m, j, &err);
        return;
    }
    if (stop)
        sink_stop_cell(m, j, cell, block);
    if (reduce_plan_opaque(j->cells[cell].plan))
        merges_step(m, j, cell);
    if (j->spec->rows)
        clients_rows(m, j, cell);
}

static void run_done(struct master *m, struct worker *w, struct job *j, const struct sched_lease *l,
                     const struct frame_view *v)
{
    struct qx_error err = {0};
    uint64_t granted_ns = l->granted_ns;
    qx_err e = check_partial(j, l, &v->result, &err);
    if (e == QX_ERR_OK)
        e = job_decode(j, v, &m->result, &err);
    if (e == QX_ERR_OK && v->result.n_items != m->result.n_items)
        e = qx_fail(&err, QX_ERR_PROTO, "the lease has %" PRIu64 " items, the result says %" PRIu64,
                    m->result.n_items, v->result.n_items);
    if (e == QX_ERR_PROTO) {
        workers_lied(m, w, &err);
        give_back(m, w, &v->result);
        return;
    }
    struct sched_event ev = lease_event(EV_LEASE_DONE, w, &v->result);
    if (e == QX_ERR_OK && master_event(m, &ev) != QX_ERR_OK)
        return;
    add_times(m, j, w, &v->result, granted_ns);
    audit_keep(m, v);
    if (e == QX_ERR_OK)
        e = job_insert(j, v->result.cell, &m->result, v, &err);
    if (e == QX_ERR_OK)
        advance(m, j, v->result.cell);
    else
        sink_fail_job(m, j, &err);
}

/* A text. That it is JSON is seen to by the host that wrote it and by the client that reads it: here nobody does, and it may
 * be megabytes. */
static qx_err check_answer(const struct frame_view *v, struct qx_error *err)
{
    if (!v->len_payload)
        return qx_fail(err, QX_ERR_PROTO, "a finish without an answer");
    if (memchr(v->payload, '\0', v->len_payload))
        return qx_fail(err, QX_ERR_PROTO, "an answer that is no text");
    return QX_ERR_OK;
}

static void size_cell(struct master *m, struct job *j, uint32_t cell, const struct frame_view *v)
{
    struct frame_size said;
    struct qx_error err = {0};
    frame_size_read(v, &said);
    if (job_size_cell(j, cell, &said, &err) != QX_ERR_OK) {
        sink_fail_job(m, j, &err);
        return;
    }
    struct sched_event ev = {.type = EV_CELL_SIZED, .job = j->id, .cell = cell};
    ev.u.sized.n_items = j->cells[cell].n_items;
    ev.u.sized.n_max = j->cells[cell].n_max;
    (void)master_event(m, &ev);
}

static void aux_done(struct master *m, struct worker *w, struct job *j, const struct sched_lease *l,
                     const struct frame_view *v)
{
    uint64_t granted_ns = l->granted_ns, token = l->token;
    bool merge = l->kind == LEASE_MERGE;
    struct qx_error err = {0};
    struct reduce_state merged;
    reduce_state_init(&merged);
    qx_err e = merge                     ? merges_decode(j, token, v, &merged, &err)
               : l->kind == LEASE_FINISH ? check_answer(v, &err)
                                         : QX_ERR_OK;
    struct sched_event ev = lease_event(EV_LEASE_DONE, w, &v->result);
    if (e == QX_ERR_PROTO) {
        workers_lied(m, w, &err);
        give_back(m, w, &v->result);
    } else if (e != QX_ERR_OK) {
        sink_fail_job(m, j, &err);
    } else if (master_event(m, &ev) == QX_ERR_OK) {
        add_times(m, j, w, &v->result, granted_ns);
        if (merge)
            merges_done(m, j, token, &merged);
        else if (v->result.kind == LEASE_SIZE)
            size_cell(m, j, v->result.cell, v);
        else
            finish_cell(m, j, v->result.cell, v->payload, v->len_payload);
    }
    reduce_state_fini(&merged);
}

/* The lease that a result claims, if everything it says of it is true. PROTO and a text if the worker lies, STALE if
 * the lease is simply over. */
static qx_err claimed_lease(struct master *m, const struct worker *w, const struct frame_result *f,
                            const struct sched_lease **ret, struct qx_error *err)
{
    const struct sched_lease *l = sched_lease(m->sched, f->lease);
    if (!l)
        return QX_ERR_STALE;
    if (l->worker != w->session || l->job != f->job || l->cell != f->cell || l->attempt != f->attempt ||
        l->kind != f->kind || l->first_block != f->first_block || l->n_blocks != f->n_blocks)
        return qx_fail(err, QX_ERR_PROTO, "a result for lease %" PRIx64 " that was given out differently",
                       f->lease);
    *ret = l;
    return QX_ERR_OK;
}

/* Of a lease that is over, which the scheduler counts, or of one that never was. */
static void stale_result(struct master *m, struct worker *w, const struct frame_view *v)
{
    struct qx_error err;
    struct sched_event ev = lease_event(EV_LEASE_DONE, w, &v->result);
    if (!sched_lease(m->sched, v->result.lease) && master_event(m, &ev) == QX_ERR_PROTO) {
        qx_fail(&err, QX_ERR_PROTO, "a result for lease %" PRIx64 " that was never given out",
                v->result.lease);
        workers_lied(m, w, &err);
    } else if (v->result.outcome == QX_OUTCOME_OK && v->result.kind == LEASE_RUN) {
        audit_compare(m, w, v);
    }
}

void sink_take(struct master *m, const void *frame, size_t len)
{
    struct qx_error err = {0};
    struct frame_view v;
    if (frame_decode(frame, len, &v, &err) != QX_ERR_OK || v.head.type != FRAME_RESULT) {
        qx_log(QX_LOG_WARN, "BAD-FRAME", "bytes=%zu why=\"%s\"", len, err.code ? err.text : "not a result");
        return;
    }
    struct worker *w = workers_find(m, v.head.session);
    if (!w || w->gone || !w->ready || !take_seq(m, w, v.head.seq))
        return; /* of a session that is over, or a repeat */
    w->seen_ns = m->now_ns;
    const struct sched_lease *l = NULL;
    qx_err e = claimed_lease(m, w, &v.result, &l, &err);
    struct job *j = e == QX_ERR_OK ? sink_job(m, l->job) : NULL;
    if (e == QX_ERR_PROTO) {
        workers_lied(m, w, &err);
    } else if (e != QX_ERR_OK || !j || j->state != JOB_STATE_RUNNING) {
        stale_result(m, w, &v);
    } else if (v.result.outcome != QX_OUTCOME_OK) {
        attempt_failed(m, w, j, &v);
    } else {
        uint64_t t0 = v.result.n_items > 1 ? clock_ns() : 0;
        if (v.result.kind == LEASE_RUN)
            run_done(m, w, j, l, &v);
        else
            aux_done(m, w, j, l, &v);
        j->sink_ns += t0 ? clock_ns() - t0 : 0;
    }
}

void sink_aux_failed(struct master *m, uint64_t job, enum sched_lease_kind kind)
{
    struct job *j = sink_job(m, job);
    if (!j)
        return;
    struct qx_error err;
    qx_fail(&err, QX_ERR_TASK,
            kind == LEASE_SIZE ? "the task cannot be started here: %s" : "the answer could not be made: %s",
            j->error.code ? j->error.text : "the workers vanished");
    sink_fail_job(m, j, &err);
}

static enum job_state end_state(enum sched_job_end end)
{
    return end == JOB_END_DONE        ? JOB_STATE_DONE
           : end == JOB_END_CANCELLED ? JOB_STATE_CANCELLED
                                      : JOB_STATE_FAILED;
}

/* What the prefix of each cell that is not finished says, for a job that did not come to its end. */
static void close_partial(struct job *j)
{
    struct qx_error ignored;
    for (uint32_t i = 0; i < j->spec->n_cells; i++)
        if (j->cells[i].state != CELL_FINISHED && j->cells[i].tree &&
            job_close_cell(j, i, false, NULL, &ignored) == QX_ERR_OK)
            (void)job_answer_cell(j, i, NULL, 0, &ignored);
}

void sink_job_ended(struct master *m, uint64_t job, enum sched_job_end end)
{
    struct job *j = sink_job(m, job);
    if (!j || j->state != JOB_STATE_RUNNING)
        return;
    j->ended_ns = m->now_ns;
    j->state = end == JOB_END_DONE && j->cancelled ? JOB_STATE_CANCELLED : end_state(end);
    if (end == JOB_END_DONE)
        job_close(j);
    else
        close_partial(j);
    if (end == JOB_END_LOST || end == JOB_END_UNOPENED) {
        struct qx_error last = j->error;
        qx_fail(&j->error, QX_ERR_TASK,
                end == JOB_END_LOST ? "a chunk lost its worker too often (last: %s)"
                                    : "the task cannot be started here (last: %s)",
                last.code ? last.text : "the workers vanished");
    }
    clients_job_ended(m, j); /* first: somebody waits for it */
    if (end != JOB_END_DONE || qx_grow(&m->closed, &m->cap_closed, m->n_closed + 1, sizeof *m->closed))
        workers_forget_job(m, job); /* what runs of it must stop */
    else
        m->closed[m->n_closed++] = job;
    m->ack_at_ns = m->ack_at_ns < m->now_ns + ACK_DELAY_NS ? m->ack_at_ns : m->now_ns + ACK_DELAY_NS;
    qx_log(QX_LOG_INFO, "JOB-ENDED",
           "job=%" PRIu64 " task=%s state=%d items=%" PRIu64 " failed=%" PRIu64 " elapsed_ms=%" PRIu64 "%s%s",
           job, j->spec->task, j->state, j->items_done, j->items_failed,
           (j->ended_ns - j->submitted_ns) / 1000000, j->state == JOB_STATE_FAILED ? " why=" : "",
           j->state == JOB_STATE_FAILED ? j->error.text : "");
}
