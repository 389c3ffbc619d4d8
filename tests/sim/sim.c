#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

uint64_t sim_hash(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t z = a * 0x9E3779B97F4A7C15u + b * 0xC2B2AE3D27D4EB4Fu + c * 0x165667B19E3779F9u + 1;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t sim_random(struct sim *s)
{
    return sim_hash(s->config.seed, ++s->rng, 17);
}

uint64_t sim_below(struct sim *s, uint64_t n)
{
    return sim_random(s) % n;
}

bool sim_chance(struct sim *s, uint32_t per_mille)
{
    return sim_below(s, 1000) < per_mille;
}

bool sim_quiet(const struct sim *s)
{
    return s->now_ns >= s->quiet_ns;
}

/* ---- events, earliest first, equal ones in the order in which they were made ---- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void sim_push(struct sim *s, struct sim_event ev)
{
    ev.order = ++s->n_pushed;
    if (s->n_heap == s->cap_heap) {
        s->cap_heap = s->cap_heap ? 2 * s->cap_heap : 256;
        s->heap = realloc(s->heap, s->cap_heap * sizeof *s->heap);
        sim_expect(s->heap != NULL);
    }
    size_t at = s->n_heap++;
    for (; at > 0 && before(&ev, &s->heap[(at - 1) / 2]); at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = ev;
}

static struct sim_event pop(struct sim *s)
{
    struct sim_event top = s->heap[0], last = s->heap[--s->n_heap];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < s->n_heap; at = child) {
        if (child + 1 < s->n_heap && before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!before(&s->heap[child], &last))
            break;
        s->heap[at] = s->heap[child];
    }
    s->heap[at] = last;
    return top;
}

void sim_at(struct sim *s, uint64_t at_ns, enum sim_what what, uint32_t worker, uint32_t arg, uint64_t tag)
{
    sim_push(s, (struct sim_event){.at_ns = at_ns, .what = what, .worker = worker, .arg = arg, .tag = tag});
}

/* ---- a run ---- */

static void sim_new(struct sim *s, const struct sim_config *config)
{
    *s = (struct sim){.config = *config, .now_ns = SIM_S};
    const char *const columns[] = {"x", "y"};
    const struct qx_reducer reducers[SIM_PLAN_REDUCERS] = {{.kind = QX_REDUCE_MOMENTS},
                                                           {.kind = QX_REDUCE_SUM, .name = "sum"}};
    sim_ok(reduce_plan_new(columns, 2, reducers, SIM_PLAN_REDUCERS, &s->plan, NULL));
    const struct sched_config sc = {.worker_silent_ns = 5 * SIM_S, .losses_max = UINT32_MAX};
    sim_ok(sched_new(&sc, &s->sched));
    s->n_classes = 1 + (uint32_t)sim_below(s, 3);
    s->latency_ns = config->calm ? 50000 : 10000 + sim_below(s, 5 * SIM_MS);
    s->loss_per_mille = config->calm ? 0 : (uint32_t)sim_below(s, 40);
    s->quiet_ns = config->calm ? 0 : s->now_ns + sim_below(s, 60 * SIM_S);
    s->starve = !config->calm && sim_chance(s, 300);
    s->jobs = calloc(config->n_jobs, sizeof *s->jobs);
    sim_expect(s->jobs != NULL);
    for (uint32_t j = 0; j < config->n_jobs; j++)
        sim_job_make(s, &s->jobs[j], j + 1);
    sim_workers_new(s);
    sim_at(s, s->now_ns, SIM_MASTER_TICK, 0, 0, 0);
}

static void sim_fini(struct sim *s)
{
    for (; s->n_heap; s->n_heap--)
        if (s->heap[s->n_heap - 1].message)
            sim_message_free(s->heap[s->n_heap - 1].message);
    free(s->heap);
    sim_workers_free(s);
    for (uint32_t j = 0; j < s->config.n_jobs; j++)
        sim_job_fini(&s->jobs[j]);
    free(s->jobs);
    for (size_t i = 0; i < s->n_sessions; i++)
        free(s->sessions[i].extra);
    free(s->sessions);
    sched_free(s->sched);
    reduce_plan_free(s->plan);
}

static void step(struct sim *s, struct sim_event *ev)
{
    switch (ev->what) {
    case SIM_MESSAGE:
        if (!sim_arrives(s, ev->message))
            ;
        else if (ev->message->channel == SIM_CONTROL_UP || ev->message->channel == SIM_SINK)
            sim_master_message(s, ev->message);
        else
            sim_worker_message(s, ev->message);
        sim_message_free(ev->message);
        break;
    case SIM_SLOT_DONE:
        sim_worker_slot_done(s, ev->worker, ev->arg, ev->tag);
        break;
    case SIM_WORKER_BEAT:
        sim_worker_beat(s, ev->worker, ev->tag);
        break;
    case SIM_WORKER_FATE:
        sim_worker_fate(s, ev->worker);
        break;
    case SIM_MASTER_TICK:
        sim_master_tick(s);
        break;
    default:
        sim_job_action(s, ev);
    }
    sim_master_pull(s);
}

static bool all_ended(const struct sim *s)
{
    for (uint32_t j = 0; j < s->config.n_jobs; j++)
        if (!s->jobs[j].ended)
            return false;
    return s->n_actions == 0;
}

/* Nobody holds a lease: the scheduler knows of none, and no worker that is here works on one or keeps a result of one. */
static bool all_idle(const struct sim *s)
{
    for (size_t i = 0; i < s->n_sessions; i++)
        sim_expect(sched_worker_leases(s->sched, i + 1) == 0);
    for (uint32_t i = 0; i < s->config.n_workers; i++)
        if (s->workers[i].alive && s->workers[i].up && ledger_held(s->workers[i].ledger, NULL, 0) > 0)
            return false;
    return sim_quiet(s);
}

static void check_end(struct sim *s, const struct sim_job *j)
{
    enum sched_job_end want = j->cancel        ? JOB_END_CANCELLED
                              : j->never_opens ? JOB_END_UNOPENED
                                               : JOB_END_DONE;
    bool cut = j->by_cut && j->end == JOB_END_DONE; /* maybe before anything was opened */
    bool in_time = j->cancel && j->end == (j->never_opens ? JOB_END_UNOPENED : JOB_END_DONE);
    bool not_sized = j->never_opens && j->unsized && j->end == JOB_END_FAILED;
    if (j->end == want || cut || in_time || not_sized)
        return;
    ck_abort_msg("seed %llu: job %llu ended as %d, not %d", (unsigned long long)s->config.seed,
                 (unsigned long long)j->id, (int)j->end, (int)want);
}

/* The next event. */
static void advance(struct sim *s, uint64_t limit_ns)
{
    sim_expect(s->n_heap > 0);
    struct sim_event ev = pop(s);
    s->now_ns = ev.at_ns;
    step(s, &ev);
    struct qx_error err = {0};
    if (s->n_events++ % s->config.check_every == 0 && sched_check(s->sched, &err) != QX_ERR_OK)
        ck_abort_msg("seed %llu, event %llu: %s", (unsigned long long)s->config.seed,
                     (unsigned long long)s->n_events, err.text);
    if (s->now_ns >= limit_ns)
        ck_abort_msg("seed %llu: not done after %llu events", (unsigned long long)s->config.seed,
                     (unsigned long long)s->n_events);
}

void sim_run(const struct sim_config *config)
{
    struct sim sim, *s = &sim;
    sim_new(s, config);
    const uint64_t limit_ns = 20000 * SIM_S;
    while (!all_ended(s))
        advance(s, limit_ns);
    /* what was lost about the endings is found within some beats of silence */
    const uint64_t idle_ns = (s->now_ns > s->quiet_ns ? s->now_ns : s->quiet_ns) + 60 * SIM_S;
    while (!all_idle(s))
        advance(s, idle_ns);
    for (uint32_t j = 0; j < config->n_jobs; j++)
        check_end(s, &s->jobs[j]);
    sim_fini(s);
}
