/* The master around the scheduler: sessions, acknowledgements, trees, the stopping rule, answers. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/sim/sim.h"

/* ---- events ---- */

qx_err sim_apply(struct sim *s, const struct sched_event *ev)
{
    if (s->starve && sim_chance(s, 50)) {
        qx_mem_fail_at(1 + (unsigned)sim_below(s, 3));
        qx_err e = sched_apply(s->sched, ev, s->now_ns);
        qx_mem_fail_at(0);
        if (e != QX_ERR_NOMEM)
            return e;
    }
    return sched_apply(s->sched, ev, s->now_ns);
}

static void must(struct sim *s, const struct sched_event *ev)
{
    qx_err e = sim_apply(s, ev);
    if (e != QX_ERR_OK)
        ck_abort_msg("seed %llu: event %d gave %s", (unsigned long long)s->config.seed, (int)ev->type,
                     qx_err_name(e));
}

static struct sim_session *session(struct sim *s, uint64_t id)
{
    return id && id <= s->n_sessions ? &s->sessions[id - 1] : NULL;
}

static void answer(struct sim *s, const struct sim_message *to, struct sim_message m)
{
    m.worker = to->worker;
    m.life = to->life;
    sim_send(s, m);
}

/* ---- workers come and go ---- */

static uint32_t classes_of(const struct sim *s, uint32_t worker, uint32_t ret[3])
{
    uint32_t n = 0;
    for (uint32_t c = 0; c < s->n_classes; c++)
        if (worker == 0 || sim_hash(s->config.seed, worker, c) % 3 > 0)
            ret[n++] = c;
    return n;
}

static void hello(struct sim *s, const struct sim_message *m)
{
    for (size_t i = 0; i < s->n_sessions; i++)
        if (s->sessions[i].worker == m->worker && !s->sessions[i].gone) {
            s->sessions[i].gone = true;
            must(s, &(struct sched_event){.type = EV_WORKER_GONE, .worker = i + 1});
        }
    if (s->n_sessions == s->cap_sessions) {
        s->cap_sessions = s->cap_sessions ? 2 * s->cap_sessions : 64;
        s->sessions = realloc(s->sessions, s->cap_sessions * sizeof *s->sessions);
        sim_expect(s->sessions != NULL);
    }
    s->sessions[s->n_sessions++] = (struct sim_session){.worker = m->worker, .life = m->life};
    uint32_t classes[3];
    uint32_t n = classes_of(s, m->worker, classes);
    must(s, &(struct sched_event){.type = EV_WORKER_JOIN,
                                  .worker = s->n_sessions,
                                  .u.join = {s->workers[m->worker].n_slots, classes, n}});
    answer(s, m,
           (struct sim_message){.type = MSG_WELCOME, .channel = SIM_CONTROL_DOWN, .session = s->n_sessions});
}

static void send_revoke(struct sim *s, uint64_t id, const struct sim_job *j, uint32_t cell)
{
    struct sim_session *w = session(s, id);
    if (!w->gone)
        sim_send(s, (struct sim_message){.type = MSG_REVOKE,
                                         .channel = SIM_LANE,
                                         .worker = w->worker,
                                         .life = w->life,
                                         .session = id,
                                         .seq = ++w->lane_seq,
                                         .job = j->id,
                                         .cell = cell,
                                         .from_block = j->cells[cell].end_block});
}

static void send_forget(struct sim *s, uint64_t id, const struct sim_job *j)
{
    struct sim_session *w = session(s, id);
    if (!w->gone)
        sim_send(s, (struct sim_message){.type = MSG_FORGET,
                                         .channel = SIM_LANE,
                                         .worker = w->worker,
                                         .life = w->life,
                                         .session = id,
                                         .seq = ++w->lane_seq,
                                         .job = j->id});
}

/* What was lost on the lane may have been the end of a job or of a cell: it is said again. */
static void repeat_endings(struct sim *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->config.n_jobs; i++) {
        const struct sim_job *j = &s->jobs[i];
        if (j->ended)
            send_forget(s, id, j);
        for (uint32_t c = 0; c < j->n_cells && !j->ended; c++)
            if (j->cells[c].stopped || j->cells[c].cut)
                send_revoke(s, id, j, c);
    }
}

static void beat(struct sim *s, const struct sim_message *m, const struct sim_session *w)
{
    must(s, &(struct sched_event){.type = EV_WORKER_SEEN, .worker = m->session});
    if (m->resync) {
        repeat_endings(s, m->session);
        must(s, &(struct sched_event){
                    .type = EV_WORKER_HELD, .worker = m->session, .u.held = {m->list, m->n_list}});
    }
    answer(s, m,
           (struct sim_message){.type = MSG_BEAT_BACK,
                                .channel = SIM_CONTROL_DOWN,
                                .session = m->session,
                                .seq = w->lane_seq,
                                .resync = m->resync,
                                .resync_seq = m->resync_seq});
}

/* ---- results ---- */

/* False if it was taken before. */
static bool take_number(struct sim_session *w, uint64_t seq)
{
    if (seq <= w->upto)
        return false;
    for (size_t i = 0; i < w->n_extra; i++)
        if (w->extra[i] == seq)
            return false;
    if (w->n_extra == w->cap_extra) {
        w->cap_extra = w->cap_extra ? 2 * w->cap_extra : 16;
        w->extra = realloc(w->extra, w->cap_extra * sizeof *w->extra);
        sim_expect(w->extra != NULL);
    }
    w->extra[w->n_extra++] = seq;
    for (size_t i = 0; i < w->n_extra;)
        if (w->extra[i] == w->upto + 1) {
            w->upto++;
            w->extra[i] = w->extra[--w->n_extra];
            i = 0;
        } else {
            i++;
        }
    return true;
}

static void acknowledge(struct sim *s, const struct sim_message *m, const struct sim_session *w)
{
    struct sim_message ack = {
        .type = MSG_ACK, .channel = SIM_CONTROL_DOWN, .session = m->session, .seq = w->upto};
    ack.list = malloc((w->n_extra + 1) * sizeof *ack.list);
    sim_expect(ack.list != NULL);
    if (w->n_extra)
        memcpy(ack.list, w->extra, w->n_extra * sizeof *ack.list);
    ack.n_list = w->n_extra;
    answer(s, m, ack);
}

static void insert(struct sim *s, struct sim_job *j, struct sim_result *r)
{
    struct tree *t = j->cells[r->head.cell].tree;
    struct reduce_state copy;
    reduce_state_init(&copy);
    for (size_t i = 0; i < r->n_nodes; i++) {
        sim_ok(reduce_state_copy(&copy, &r->states[i]));
        sim_ok(tree_insert(t, r->nodes[i], &copy));
    }
    if (r->partial_items) {
        sim_ok(reduce_state_copy(&copy, &r->states[r->n_nodes]));
        sim_ok(tree_insert_partial(t, r->partial_block, r->partial_items, &copy));
    }
    reduce_state_fini(&copy);
    (void)s;
}

/* The cell ends where its prefix does. Workers are told, now and then twice. */
static void cut_off(struct sim *s, struct sim_job *j, uint32_t cell)
{
    struct sim_cell *c = &j->cells[cell];
    tree_truncate(c->tree);
    c->end_block = tree_prefix_blocks(c->tree);
    must(s, &(struct sched_event){
                .type = EV_CELL_STOP, .job = j->id, .cell = cell, .u.stop.block = c->end_block});
    for (uint64_t id = 1; id <= s->n_sessions; id++)
        for (int n = !s->config.calm && sim_chance(s, 50) ? 2 : 1; n > 0; n--)
            send_revoke(s, id, j, cell);
}

static void advance(struct sim *s, struct sim_job *j, uint32_t cell)
{
    struct sim_cell *c = &j->cells[cell];
    while (!c->stopped && tree_advance(c->tree)) {
        if (!sim_rule_holds(s, j, c->tree))
            continue;
        c->stopped = true;
        cut_off(s, j, cell);
    }
}

/* Lies about a lease are seen through; the truth is still accepted after them. */
static void lie(struct sim *s, const struct sched_event *truth)
{
    struct sched_event ev = *truth;
    switch (sim_below(s, 6)) {
    case 0:
        ev.u.result.attempt++;
        break;
    case 1:
        ev.u.result.first_block++;
        break;
    case 2:
        ev.u.result.n_blocks ^= 1;
        break;
    case 3:
        ev.u.result.lease += (uint64_t)1 << 40;
        break;
    case 4:
        ev.worker = 1 + sim_below(s, s->n_sessions);
        if (ev.worker == truth->worker)
            return;
        break;
    default:
        ev.u.result.cell++;
    }
    qx_err e = sim_apply(s, &ev);
    sim_expect(e == QX_ERR_PROTO || e == QX_ERR_STALE || e == QX_ERR_NOTFOUND);
}

static void aux_done(struct sim *s, struct sim_job *j, const struct sched_lease *l)
{
    if (l->kind == LEASE_MERGE)
        j->merges_done++;
    else if (l->kind == LEASE_SIZE)
        must(s,
             &(struct sched_event){.type = EV_CELL_SIZED,
                                   .job = j->id,
                                   .cell = l->cell,
                                   .u.sized = {sim_cell_items(j, l->cell), sim_cell_items_max(j, l->cell)}});
    else
        must(s, &(struct sched_event){.type = EV_CELL_FINISHED, .job = j->id, .cell = l->cell});
}

static void take_result(struct sim *s, const struct sim_message *m)
{
    struct sim_result *r = m->result;
    struct sim_job *j = sim_job(s, r->job);
    struct sched_event ev = {.type = r->failed ? EV_LEASE_FAILED : EV_LEASE_DONE,
                             .worker = m->session,
                             .job = r->job,
                             .u.result = r->head};
    if (!s->config.calm && sim_chance(s, 20))
        lie(s, &ev);
    const struct sched_lease *known = sched_lease(s->sched, r->head.lease);
    struct sched_lease l = known ? *known : (struct sched_lease){0};
    qx_err e = sim_apply(s, &ev);
    if (e != QX_ERR_OK) {
        ck_assert_msg(e == QX_ERR_STALE, "seed %llu: a true result gave %s",
                      (unsigned long long)s->config.seed, qx_err_name(e));
        return;
    }
    if (r->failed)
        return;
    if (l.kind != LEASE_RUN) {
        aux_done(s, j, &l);
        return;
    }
    insert(s, j, r);
    advance(s, j, r->head.cell);
}

void sim_master_message(struct sim *s, const struct sim_message *m)
{
    if (m->type == MSG_HELLO) {
        hello(s, m);
        return;
    }
    struct sim_session *w = session(s, m->session);
    if (!w || w->gone) {
        answer(s, m,
               (struct sim_message){.type = MSG_WHO, .channel = SIM_CONTROL_DOWN, .session = m->session});
        return;
    }
    switch (m->type) {
    case MSG_BEAT:
        beat(s, m, w);
        break;
    case MSG_BYE:
        must(s, &(struct sched_event){.type = EV_WORKER_DRAIN, .worker = m->session});
        break;
    default:
        if (take_number(w, m->seq))
            take_result(s, m);
        acknowledge(s, m, w);
    }
}

/* ---- effects ---- */

static void send_lease(struct sim *s, const struct sched_lease *l)
{
    struct sim_session *w = session(s, l->worker);
    struct sim_job *j = sim_job(s, l->job);
    struct sim_message m = {.type = MSG_LEASE,
                            .channel = SIM_LANE,
                            .worker = w->worker,
                            .life = w->life,
                            .session = l->worker,
                            .seq = ++w->lane_seq,
                            .lease = *l};
    sim_expect(!w->gone && !j->ended);
    const struct sim_cell *c = &j->cells[l->cell];
    m.list = malloc((c->n_skips + 1) * sizeof *m.list);
    sim_expect(m.list != NULL);
    for (size_t i = 0; i < c->n_skips; i++)
        m.list[m.n_list++] = c->skips[i];
    sim_send(s, m);
}

static void skip(struct sim *s, const struct sched_effect *fx)
{
    struct sim_job *j = sim_job(s, fx->job);
    struct sim_cell *c = &j->cells[fx->cell];
    ck_assert_msg(sim_is_poison(j, fx->cell, fx->u.skip.item), "seed %llu: a good item is skipped",
                  (unsigned long long)s->config.seed);
    if (c->n_skips == c->cap_skips) {
        c->cap_skips = c->cap_skips ? 2 * c->cap_skips : 16;
        c->skips = realloc(c->skips, c->cap_skips * sizeof *c->skips);
        sim_expect(c->skips != NULL);
    }
    c->skips[c->n_skips++] = fx->u.skip.item;
}

/* Here the answer has to be right. */
static void cell_complete(struct sim *s, struct sim_job *j, uint32_t cell)
{
    struct reduce_state st;
    j->cells[cell].closing = true;
    reduce_state_init(&st);
    (void)tree_advance(j->cells[cell].tree);
    sim_ok(tree_prefix_state(j->cells[cell].tree, &st));
    char got[33], want[33];
    sim_ok(reduce_digest(&st, got));
    reduce_state_fini(&st);
    sim_expected_digest(s, j, cell, want);
    ck_assert_msg(!strcmp(got, want), "seed %llu: job %llu cell %u: digest %s, not %s",
                  (unsigned long long)s->config.seed, (unsigned long long)j->id, cell, got, want);
    if (j->by_finish)
        must(s, &(struct sched_event){
                    .type = EV_AUX_ADD, .job = j->id, .cell = cell, .u.aux = {LEASE_FINISH, 0}});
    else
        must(s, &(struct sched_event){.type = EV_CELL_FINISHED, .job = j->id, .cell = cell});
}

static void job_ended(struct sim *s, struct sim_job *j, enum sched_job_end end)
{
    j->ended = true;
    j->end = end;
    for (uint64_t id = 1; id <= s->n_sessions; id++) {
        send_forget(s, id, j);
        if (!sim_quiet(s) && sim_chance(s, 50)) /* and with it what else is on its way */
            sim_disconnect(s, session(s, id)->worker);
    }
}

void sim_master_pull(struct sim *s)
{
    struct sched_effect fx;
    while (sched_next_effect(s->sched, &fx))
        switch (fx.type) {
        case FX_LEASE:
            send_lease(s, &fx.u.lease);
            break;
        case FX_SKIP_ITEM:
            skip(s, &fx);
            break;
        case FX_CELL_COMPLETE:
            cell_complete(s, sim_job(s, fx.job), fx.cell);
            break;
        case FX_JOB_ENDED:
            job_ended(s, sim_job(s, fx.job), fx.u.end);
            break;
        case FX_WORKER_GONE:
            session(s, fx.worker)->gone = true;
            break;
        case FX_AUX_FAILED: /* unlucky: again */
            if (sim_job(s, fx.job)->never_opens && fx.u.lease.kind == LEASE_SIZE)
                must(s, &(struct sched_event){.type = EV_JOB_FAIL, .job = fx.job});
            if (sim_job(s, fx.job)->never_opens ||
                (fx.u.lease.kind == LEASE_MERGE && sim_job(s, fx.job)->cells[fx.cell].closing))
                break;
            must(s, &(struct sched_event){.type = EV_AUX_ADD,
                                          .job = fx.job,
                                          .cell = fx.cell,
                                          .u.aux = {fx.u.lease.kind, fx.u.lease.token}});
            break;
        }
}

void sim_master_tick(struct sim *s)
{
    must(s, &(struct sched_event){.type = EV_TICK});
    sim_at(s, s->now_ns + 250 * SIM_MS, SIM_MASTER_TICK, 0, 0, 0);
}

/* ---- what users do ---- */

static void submit(struct sim *s, struct sim_job *j)
{
    j->submitted = true;
    must(s, &(struct sched_event){.type = EV_JOB_SUBMIT,
                                  .job = j->id,
                                  .u.submit = {.class_id = j->class_id,
                                               .n_cells = j->n_cells,
                                               .n_items = j->n_items,
                                               .unsized = j->unsized,
                                               .layout = j->layout,
                                               .chunk_items = j->chunk_items,
                                               .priority = j->priority,
                                               .attempts_max = SIM_ATTEMPTS_MAX,
                                               .checkpoints = j->until_se > 0}});
}

static void extend(struct sim *s, struct sim_job *j)
{
    struct sched_event ev = {.type = EV_JOB_EXTEND, .job = j->id, .u.extend.n_items = j->n_extended};
    qx_err e = sim_apply(s, &ev);
    sim_expect(e == QX_ERR_OK || (e == QX_ERR_STATE && j->unsized)); /* not sized yet: the user is told so */
    if (e != QX_ERR_OK)
        return;
    j->n_items = j->n_extended;
    for (uint32_t c = 0; c < j->n_cells; c++)
        if (!j->cells[c].stopped && sim_cell_items_max(j, c) == 0) {
            tree_drop_partial(j->cells[c].tree);
            j->cells[c].closing = false;
        }
    j->ended = false;
}

static void cancel(struct sim *s, struct sim_job *j)
{
    if (!j->by_cut)
        must(s, &(struct sched_event){.type = EV_JOB_CANCEL, .job = j->id});
    for (uint32_t c = 0; c < j->n_cells && j->by_cut; c++)
        if (!j->cells[c].stopped && !j->cells[c].closing) {
            j->cells[c].cut = true;
            cut_off(s, j, c);
        }
}

/* Of cell 0, once it is sized. */
static void merge(struct sim *s, struct sim_job *j)
{
    struct sched_event ev = {.type = EV_AUX_ADD, .job = j->id, .u.aux = {LEASE_MERGE, j->merges_asked + 1}};
    qx_err e = sim_apply(s, &ev);
    sim_expect(e == QX_ERR_OK || (e == QX_ERR_STATE && j->unsized));
    j->merges_asked += e == QX_ERR_OK;
}

void sim_job_action(struct sim *s, const struct sim_event *ev)
{
    struct sim_job *j = &s->jobs[ev->arg];
    s->n_actions--;
    switch (ev->what) {
    case SIM_JOB_SUBMIT:
        submit(s, j);
        break;
    case SIM_JOB_CANCEL:
        if (!j->ended)
            cancel(s, j);
        break;
    case SIM_JOB_EXTEND:
        if (!j->ended || j->end == JOB_END_DONE)
            extend(s, j);
        break;
    case SIM_JOB_THROTTLE:
        must(s, &(struct sched_event){.type = EV_JOB_THROTTLE, .job = j->id, .u.throttle.on = ev->tag});
        break;
    default:
        if (j->ended || j->cells[0].closing)
            break;
        merge(s, j);
    }
}
