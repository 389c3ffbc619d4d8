/* A worker: the real ledger, executors that take virtual time, and fates. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { BEAT_MS = 500, SILENT_S = 4, RESEND_MS = 300 };

void sim_workers_new(struct sim *s)
{
    s->workers = calloc(s->config.n_workers, sizeof *s->workers);
    sim_expect(s->workers != NULL);
    for (uint32_t i = 0; i < s->config.n_workers; i++) {
        struct sim_worker *w = &s->workers[i];
        w->n_slots = 1 + (uint32_t)sim_below(s, 4);
        w->slots = calloc(w->n_slots, sizeof *w->slots);
        sim_expect(w->slots != NULL);
        w->slow_per_cent = 100;
        sim_at(s, s->now_ns + sim_below(s, i ? 3 * SIM_S : 1), SIM_WORKER_FATE, i, 0, 0);
    }
}

static void task_fini(struct sim_task *t)
{
    free(t->skips);
    t->skips = NULL;
}

static void stop_slot(struct sim_slot *slot)
{
    if (slot->busy)
        task_fini(&slot->task);
    slot->busy = false;
    slot->run++;
}

/* All that it was doing is forgotten. */
static void drop_work(struct sim_worker *w)
{
    for (uint32_t i = 0; i < w->n_slots; i++)
        stop_slot(&w->slots[i]);
    for (size_t i = 0; i < w->n_queue; i++)
        task_fini(&w->queue[i]);
    w->n_queue = 0;
}

static void worker_dies(struct sim *s, uint32_t at)
{
    struct sim_worker *w = &s->workers[at];
    drop_work(w);
    ledger_free(w->ledger);
    w->ledger = NULL;
    w->alive = w->up = w->drains = false;
    sim_disconnect(s, at);
}

void sim_workers_free(struct sim *s)
{
    for (uint32_t i = 0; i < s->config.n_workers; i++) {
        worker_dies(s, i);
        free(s->workers[i].queue);
        free(s->workers[i].slots);
    }
    free(s->workers);
}

static void say(struct sim *s, uint32_t at, enum sim_message_type type, enum sim_channel channel)
{
    sim_send(s, (struct sim_message){
                    .type = type, .channel = channel, .worker = at, .session = s->workers[at].session});
}

void sim_worker_start(struct sim *s, uint32_t at)
{
    struct sim_worker *w = &s->workers[at];
    w->alive = true;
    w->life++;
    w->session = 0;
    sim_ok(ledger_new(RESEND_MS * SIM_MS, &w->ledger));
    say(s, at, MSG_HELLO, SIM_CONTROL_UP);
    sim_at(s, s->now_ns + BEAT_MS * SIM_MS, SIM_WORKER_BEAT, at, 0, w->life);
}

/* ---- executors ---- */

static bool is_skipped(const struct sim_task *t, uint64_t item)
{
    for (size_t i = 0; i < t->n_skips; i++)
        if (t->skips[i] == item)
            return true;
    return false;
}

/* Where the executor will die, and how long it works until then or to the end. */
static uint64_t foresee(struct sim *s, struct sim_job *j, struct sim_slot *slot)
{
    const struct sched_lease *l = &slot->task.lease;
    slot->dies = slot->item_known = false;
    if (j->never_opens || (j->unknown_deaths && sim_chance(s, 20))) {
        j->unknown_deaths -= !j->never_opens;
        slot->dies = true;
        return SIM_MS;
    }
    if (l->kind != LEASE_RUN)
        return SIM_MS + sim_below(s, 20 * SIM_MS);
    uint64_t ns = 0, end = block_first(j->layout, l->first_block + l->n_blocks);
    end = end < l->end_item ? end : l->end_item;
    for (uint64_t item = block_first(j->layout, l->first_block); item < end; item++) {
        ns += sim_item_ns(j, l->cell, item);
        bool flaky = sim_is_flaky(j, l->cell, item) && l->attempt == 1;
        if ((sim_is_poison(j, l->cell, item) || flaky) && !is_skipped(&slot->task, item)) {
            slot->dies = slot->item_known = true;
            slot->item = item;
            break;
        }
    }
    return ns < SIM_NEVER ? ns : SIM_NEVER;
}

static void fill_slots(struct sim *s, uint32_t at)
{
    struct sim_worker *w = &s->workers[at];
    for (uint32_t i = 0; i < w->n_slots && w->n_queue; i++) {
        struct sim_slot *slot = &w->slots[i];
        if (slot->busy)
            continue;
        slot->task = w->queue[0];
        memmove(w->queue, w->queue + 1, --w->n_queue * sizeof *w->queue);
        slot->busy = true;
        slot->started_ns = s->now_ns;
        uint64_t ns = foresee(s, sim_job(s, slot->task.lease.job), slot) * w->slow_per_cent / 100;
        sim_at(s, s->now_ns + ns, SIM_SLOT_DONE, at, i, slot->run);
    }
}

static struct sim_result *result_of(const struct sched_lease *l)
{
    struct sim_result *r = calloc(1, sizeof *r);
    sim_expect(r != NULL);
    r->refs = 1;
    r->job = l->job;
    r->kind = l->kind;
    r->head = (struct sched_result){.lease = l->id,
                                    .attempt = l->attempt,
                                    .cell = l->cell,
                                    .first_block = l->first_block,
                                    .n_blocks = l->n_blocks};
    return r;
}

/* Into the ledger, and to the sink. */
static void push_result(struct sim *s, uint32_t at, struct sim_result *r)
{
    struct sim_worker *w = &s->workers[at];
    r->seq = ledger_next_seq(w->ledger);
    sim_ok(
        ledger_result(w->ledger, r->head.lease, sim_result_ref(r), sizeof *r, sim_result_unref, s->now_ns));
    sim_send(s, (struct sim_message){.type = MSG_RESULT,
                                     .channel = SIM_SINK,
                                     .worker = at,
                                     .session = w->session,
                                     .seq = r->seq,
                                     .result = r});
}

void sim_worker_slot_done(struct sim *s, uint32_t at, uint32_t slot_at, uint64_t run)
{
    struct sim_worker *w = &s->workers[at];
    struct sim_slot *slot = &w->slots[slot_at];
    if (!slot->busy || slot->run != run)
        return;
    const struct sched_lease *l = &slot->task.lease;
    struct sim_result *r = result_of(l);
    r->failed = slot->dies;
    r->head.compute_ns = s->now_ns - slot->started_ns;
    r->head.outcome = QX_OUTCOME_SIGNAL;
    r->head.started = true;
    r->head.item_known = slot->item_known;
    r->head.item = slot->item;
    if (!slot->dies && l->kind == LEASE_RUN)
        sim_result_fill(s, sim_job(s, l->job), l, r);
    push_result(s, at, r);
    stop_slot(slot);
    fill_slots(s, at);
}

/* All executors run longer than expected, or so it seems: what waits for them goes back. */
static void hand_back(struct sim *s, uint32_t at)
{
    struct sim_worker *w = &s->workers[at];
    for (size_t i = 0; i < w->n_queue; i++) {
        struct sim_result *r = result_of(&w->queue[i].lease);
        r->failed = r->head.stuck = true;
        r->head.outcome = QX_OUTCOME_LOST;
        push_result(s, at, r);
        task_fini(&w->queue[i]);
    }
    w->n_queue = 0;
}

/* ---- messages ---- */

static void enqueue(struct sim_worker *w, const struct sim_message *m)
{
    if (w->n_queue == w->cap_queue) {
        w->cap_queue = w->cap_queue ? 2 * w->cap_queue : 16;
        w->queue = realloc(w->queue, w->cap_queue * sizeof *w->queue);
        sim_expect(w->queue != NULL);
    }
    struct sim_task t = {.lease = m->lease, .n_skips = m->n_list};
    t.skips = malloc((m->n_list + 1) * sizeof *t.skips);
    sim_expect(t.skips != NULL);
    if (m->n_list)
        memcpy(t.skips, m->list, m->n_list * sizeof *t.skips);
    w->queue[w->n_queue++] = t;
}

static bool is_unwanted(const struct sim_message *m, const struct sched_lease *l)
{
    return l->job == m->job && (m->type == MSG_FORGET || (l->kind == LEASE_RUN && l->cell == m->cell &&
                                                          l->first_block >= m->from_block));
}

/* FORGET, REVOKE */
static void drop_unwanted(struct sim_worker *w, const struct sim_message *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n_queue; i++)
        if (is_unwanted(m, &w->queue[i].lease)) {
            ledger_drop(w->ledger, w->queue[i].lease.id);
            task_fini(&w->queue[i]);
        } else {
            w->queue[kept++] = w->queue[i];
        }
    w->n_queue = kept;
    for (uint32_t i = 0; i < w->n_slots; i++)
        if (w->slots[i].busy && is_unwanted(m, &w->slots[i].task.lease)) {
            ledger_drop(w->ledger, w->slots[i].task.lease.id);
            stop_slot(&w->slots[i]);
        }
}

static void lane_message(struct sim *s, const struct sim_message *m)
{
    struct sim_worker *w = &s->workers[m->worker];
    if (ledger_lane(w->ledger, m->seq) != QX_ERR_OK)
        return;
    if (m->type != MSG_LEASE) {
        drop_unwanted(w, m);
    } else {
        sim_ok(ledger_hold(w->ledger, m->lease.id));
        enqueue(w, m);
    }
    fill_slots(s, m->worker);
}

static void greet_again(struct sim *s, uint32_t at)
{
    struct sim_worker *w = &s->workers[at];
    w->up = false;
    sim_disconnect(s, at);
    say(s, at, MSG_HELLO, SIM_CONTROL_UP);
}

static void welcome(struct sim *s, const struct sim_message *m)
{
    struct sim_worker *w = &s->workers[m->worker];
    if (w->up && m->session <= w->session)
        return;
    drop_work(w);
    w->session = m->session;
    w->up = true;
    w->resyncs = w->resync_confirmed = 0;
    ledger_session(w->ledger, m->session);
}

void sim_worker_message(struct sim *s, const struct sim_message *m)
{
    struct sim_worker *w = &s->workers[m->worker];
    if (m->type == MSG_WELCOME) {
        w->heard_ns = s->now_ns;
        welcome(s, m);
        return;
    }
    if (!w->up || m->session != w->session)
        return;
    switch (m->type) {
    case MSG_BEAT_BACK:
        w->heard_ns = s->now_ns;
        if (m->resync)
            w->resync_confirmed = m->resync_seq;
        ledger_lane_sent(w->ledger, m->seq);
        break;
    case MSG_ACK:
        w->heard_ns = s->now_ns;
        ledger_ack(w->ledger, m->seq, m->list, m->n_list);
        break;
    case MSG_WHO:
        greet_again(s, m->worker);
        break;
    default:
        lane_message(s, m);
    }
}

/* ---- its own timer ---- */

static void resend(struct sim *s, uint32_t at)
{
    struct sim_worker *w = &s->workers[at];
    const void *frame;
    size_t len;
    while (ledger_next_resend(w->ledger, s->now_ns, &frame, &len)) {
        struct sim_result *r = (struct sim_result *)(uintptr_t)frame;
        sim_send(s, (struct sim_message){.type = MSG_RESULT,
                                         .channel = SIM_SINK,
                                         .worker = at,
                                         .session = w->session,
                                         .seq = r->seq,
                                         .result = sim_result_ref(r)});
    }
}

/* A resync goes out with each beat until the master has answered one: it may be lost as any message. */
static void beat(struct sim *s, uint32_t at)
{
    struct sim_worker *w = &s->workers[at];
    if (ledger_gap(w->ledger))
        w->resyncs++;
    struct sim_message m = {.type = MSG_BEAT,
                            .channel = SIM_CONTROL_UP,
                            .worker = at,
                            .session = w->session,
                            .seq = ledger_lane_seq(w->ledger),
                            .resync = w->resyncs != w->resync_confirmed,
                            .resync_seq = w->resyncs};
    if (m.resync) {
        m.n_list = ledger_held(w->ledger, NULL, 0);
        m.list = calloc(m.n_list + 1, sizeof *m.list);
        sim_expect(m.list != NULL);
        sim_expect(ledger_held(w->ledger, m.list, m.n_list) == m.n_list);
        ledger_resynced(w->ledger);
    }
    sim_send(s, m);
}

static bool is_idle(const struct sim_worker *w)
{
    return w->n_queue == 0 && ledger_held(w->ledger, NULL, 0) == 0;
}

void sim_worker_beat(struct sim *s, uint32_t at, uint64_t life)
{
    struct sim_worker *w = &s->workers[at];
    if (!w->alive || w->life != life)
        return;
    if (!w->up) {
        say(s, at, MSG_HELLO, SIM_CONTROL_UP);
    } else if (s->now_ns - w->heard_ns > SILENT_S * SIM_S) {
        greet_again(s, at);
    } else {
        if (w->drains)
            say(s, at, MSG_BYE, SIM_CONTROL_UP);
        beat(s, at);
        resend(s, at);
        if (!s->config.calm && w->n_queue && sim_chance(s, 100))
            hand_back(s, at);
    }
    if (w->drains && is_idle(w) && sim_chance(s, 300)) {
        worker_dies(s, at);
        return;
    }
    sim_at(s, s->now_ns + BEAT_MS * SIM_MS + sim_below(s, 10 * SIM_MS), SIM_WORKER_BEAT, at, 0, life);
}

/* ---- fates ---- */

void sim_worker_fate(struct sim *s, uint32_t at)
{
    struct sim_worker *w = &s->workers[at];
    if (!w->alive) {
        sim_worker_start(s, at);
    } else if (!sim_quiet(s)) {
        switch (sim_below(s, 6)) {
        case 0:
            worker_dies(s, at);
            break;
        case 1:
            sim_disconnect(s, at);
            break;
        case 2: /* cut off for a while: sometimes too long */
            sim_disconnect(s, at);
            w->silent_until_ns = s->now_ns + sim_below(s, 9 * SIM_S);
            break;
        case 3:
            w->slow_per_cent = 100 + sim_below(s, 400);
            break;
        case 4:
            w->drains = true;
            break;
        default:
            break;
        }
    }
    if (sim_quiet(s))
        w->slow_per_cent = 100;
    if (!s->config.calm)
        sim_at(s, s->now_ns + SIM_S / 2 + sim_below(s, w->alive ? 30 * SIM_S : 4 * SIM_S), SIM_WORKER_FATE,
               at, 0, 0);
}
