/* The scheduler, event by event. Long histories with faults are in tests/sim. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "master/core/sched.h"
#include "master/core/states.h"

enum { EFFECTS_MAX = 8192, MS = 1000000 };

/* A scheduler and what it said since the last farm_pull. */
struct farm {
    struct sched *s;
    uint64_t now_ns;
    struct sched_lease lease[EFFECTS_MAX];
    size_t n_leases;
    struct sched_effect other[64];
    size_t n_other;
};

static struct farm farm; /* of the test that runs: each runs in a process of its own */

static void check_farm(void)
{
    struct qx_error err = {0};
    ck_assert_msg(sched_check(farm.s, &err) == QX_ERR_OK, "%s", err.text);
}

static qx_err apply(struct sched_event ev)
{
    qx_err e = sched_apply(farm.s, &ev, farm.now_ns);
    check_farm();
    return e;
}

static void must(struct sched_event ev)
{
    ck_assert_int_eq(apply(ev), QX_ERR_OK);
}

static void farm_pull(void)
{
    struct sched_effect fx;
    farm.n_leases = farm.n_other = 0;
    while (sched_next_effect(farm.s, &fx)) {
        if (fx.type == FX_LEASE)
            farm.lease[farm.n_leases++] = fx.u.lease;
        else
            farm.other[farm.n_other++] = fx;
        ck_assert_uint_lt(farm.n_leases, EFFECTS_MAX);
        ck_assert_uint_lt(farm.n_other, 64);
    }
    check_farm();
}

static void farm_new(struct sched_config config)
{
    farm.now_ns = 1000;
    ck_assert_int_eq(sched_new(&config, &farm.s), QX_ERR_OK);
}

static void setup(void)
{
    farm_new((struct sched_config){.prefetch_max = 128});
}

static void teardown(void)
{
    sched_free(farm.s);
}

static void join_with(uint64_t worker, uint32_t slots, const uint32_t *classes, uint32_t n)
{
    must((struct sched_event){.type = EV_WORKER_JOIN, .worker = worker, .u.join = {slots, classes, n}});
}

static void join(uint64_t worker, uint32_t slots)
{
    join_with(worker, slots, (const uint32_t[]){7}, 1);
}

/* One cell of class 7 in blocks of one item, where nothing else is said. */
static void submit_with_defaults(struct sched_event ev)
{
    if (!ev.u.submit.class_id)
        ev.u.submit.class_id = 7;
    if (!ev.u.submit.n_cells)
        ev.u.submit.n_cells = 1;
    if (!ev.u.submit.layout.grain)
        ev.u.submit.layout = (struct block_layout){1, 14};
    must(ev);
}
#define submit(job_id, ...)                                                                                  \
    submit_with_defaults(                                                                                    \
        (struct sched_event){.type = EV_JOB_SUBMIT, .job = (job_id), .u.submit = {__VA_ARGS__}})

static struct sched_event result_of(const struct sched_lease *l, uint64_t compute_ns)
{
    return (struct sched_event){.type = EV_LEASE_DONE,
                                .worker = l->worker,
                                .job = l->job,
                                .u.result = {.lease = l->id,
                                             .attempt = l->attempt,
                                             .cell = l->cell,
                                             .first_block = l->first_block,
                                             .n_blocks = l->n_blocks,
                                             .compute_ns = compute_ns}};
}

/* Time passes as the lease computes. */
static void done(const struct sched_lease *l, uint64_t compute_ns)
{
    farm.now_ns += compute_ns;
    must(result_of(l, compute_ns));
}

static struct sched_event death_of(const struct sched_lease *l, bool item_known, uint64_t item)
{
    struct sched_event ev = result_of(l, 0);
    ev.type = EV_LEASE_FAILED;
    ev.u.result.started = true;
    ev.u.result.outcome = 3;
    ev.u.result.item_known = item_known;
    ev.u.result.item = item;
    return ev;
}

static struct sched_job_stats stats(uint64_t job)
{
    struct sched_job_stats st;
    ck_assert(sched_job_stats(farm.s, job, &st));
    return st;
}

static uint64_t items_of(const struct sched_lease *l)
{
    struct block_layout layout = {1, 14};
    uint64_t end = block_first(layout, l->first_block + l->n_blocks);
    return (end < l->end_item ? end : l->end_item) - block_first(layout, l->first_block);
}

/* Pulls, lets time pass, and delivers everything that is out, as long as there is something; items cost item_ns. */
static void run_dry(double item_ns)
{
    static struct sched_lease batch[EFFECTS_MAX];
    for (farm_pull(); farm.n_leases; farm_pull()) {
        size_t n = farm.n_leases;
        memcpy(batch, farm.lease, n * sizeof batch[0]);
        for (size_t i = 0; i < n; i++) {
            uint64_t ns = (uint64_t)(item_ns * (double)items_of(&batch[i]));
            farm.now_ns += ns;
            done(&batch[i], ns);
        }
        if (farm.n_other)
            return;
    }
}

static bool saw(enum sched_effect_type type, uint64_t job)
{
    for (size_t i = 0; i < farm.n_other; i++)
        if (farm.other[i].type == type && farm.other[i].job == job)
            return true;
    return false;
}

/* ---- chunks ---- */

START_TEST(one_block_a_slot_while_the_cost_is_unknown)
{
    join(1, 4);
    submit(1, .n_items = 1000);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(farm.lease[i].first_block, i);
        ck_assert_uint_eq(farm.lease[i].n_blocks, 1);
        ck_assert_uint_eq(farm.lease[i].attempt, 1);
        ck_assert_uint_eq(farm.lease[i].end_item, 1000);
        ck_assert_uint_eq(farm.lease[i].expect_ns, 0);
    }
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 0);
}
END_TEST

START_TEST(chunks_grow_fourfold_up_to_the_target)
{
    static struct sched_lease batch[EFFECTS_MAX];
    join(1, 1);
    submit(1, .n_items = 1000000);
    uint64_t largest = 0, at = 0;
    for (farm_pull(); farm.n_leases; farm_pull()) {
        size_t n = farm.n_leases;
        memcpy(batch, farm.lease, n * sizeof batch[0]);
        for (size_t k = 0; k < n; k++) {
            ck_assert_uint_eq(batch[k].first_block, at);
            at += batch[k].n_blocks;
            ck_assert(items_of(&batch[k]) <= 4 * largest || items_of(&batch[k]) == 1);
            ck_assert_uint_le(items_of(&batch[k]), 25000); /* 25 ms of 1 us each */
        }
        for (size_t k = 0; k < n; k++) {
            done(&batch[k], items_of(&batch[k]) * 1000);
            largest = items_of(&batch[k]) > largest ? items_of(&batch[k]) : largest;
        }
    }
    ck_assert_uint_gt(largest, 20000);
}
END_TEST

START_TEST(last_chunks_shrink)
{
    join(1, 2);
    submit(1, .n_items = 30000);
    uint64_t left = 30000;
    for (farm_pull(); farm.n_leases; farm_pull()) {
        static struct sched_lease batch[EFFECTS_MAX];
        size_t n = farm.n_leases;
        memcpy(batch, farm.lease, n * sizeof batch[0]);
        for (size_t k = 0; k < n; k++) {
            ck_assert(items_of(&batch[k]) == 1 || items_of(&batch[k]) <= left / 4);
            left -= items_of(&batch[k]);
        }
        for (size_t k = 0; k < n; k++) {
            farm.now_ns += 10;
            done(&batch[k], 1);
        }
    }
    ck_assert_uint_eq(left, 0);
    ck_assert(saw(FX_CELL_COMPLETE, 1));
}
END_TEST

START_TEST(users_chunk_is_rounded_up_to_blocks)
{
    join(1, 100);
    submit(1, .n_items = 5 * 70, .chunk_items = 70, .layout = {32, 2});
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 4); /* 8 blocks of 32, then blocks of 64 */
    ck_assert_uint_eq(farm.lease[0].n_blocks, 3);
    ck_assert_uint_eq(farm.lease[1].n_blocks, 3);
    ck_assert_uint_eq(farm.lease[1].first_block, 3);
    ck_assert_uint_eq(farm.lease[2].n_blocks, 3); /* items 192 .. 319 */
    ck_assert_uint_eq(farm.lease[3].n_blocks, 1); /* 320 .. 349 */
    ck_assert_uint_eq(farm.lease[3].n_blocks, 1); /* 320 .. 349 */
}
END_TEST

START_TEST(chunk_items_max_bounds_adaptive_chunks)
{
    join(1, 2);
    submit(1, .n_items = 20000, .chunk_items_max = 10);
    for (farm_pull(); farm.n_leases; farm_pull()) {
        static struct sched_lease batch[EFFECTS_MAX];
        size_t n = farm.n_leases;
        memcpy(batch, farm.lease, n * sizeof batch[0]);
        for (size_t k = 0; k < n; k++) {
            ck_assert_uint_le(items_of(&batch[k]), 10);
            farm.now_ns += 10;
            ck_assert_int_eq(
                sched_apply(farm.s, &(struct sched_event[]){result_of(&batch[k], 1)}[0], farm.now_ns),
                QX_ERR_OK);
        }
    }
    ck_assert_uint_eq(stats(1).items_done, 20000);
}
END_TEST

START_TEST(leases_never_straddle_checkpoints)
{
    join(1, 2);
    submit(1, .n_items = 30000, .checkpoints = true);
    for (farm_pull(); farm.n_leases; farm_pull()) {
        static struct sched_lease batch[EFFECTS_MAX];
        size_t n = farm.n_leases;
        memcpy(batch, farm.lease, n * sizeof batch[0]);
        for (size_t k = 0; k < n; k++) {
            ck_assert_uint_le(batch[k].first_block + batch[k].n_blocks,
                              block_next_checkpoint(batch[k].first_block));
            farm.now_ns += 10;
            done(&batch[k], 1);
        }
    }
    ck_assert_uint_eq(stats(1).items_done, 30000);
}
END_TEST

START_TEST(a_billion_items_take_few_leases_and_no_more_memory)
{
    join(1, 2);
    submit(1, .n_items = 1000000000);
    run_dry(0.02);
    ck_assert_uint_eq(stats(1).items_done, 1000000000);
    ck_assert_uint_lt(stats(1).leases_granted, 3000);
    ck_assert(saw(FX_CELL_COMPLETE, 1));
}
END_TEST

/* ---- prefetch and spreading ---- */

/* Makes the cost of the job's items known: the first of them come back, and more is leased. */
static void teach(uint64_t item_ns)
{
    struct sched_lease first[8];
    farm_pull();
    ck_assert_uint_le(farm.n_leases, 8);
    size_t n = farm.n_leases;
    memcpy(first, farm.lease, n * sizeof first[0]);
    for (size_t i = 0; i < n; i++)
        done(&first[i], item_ns);
    farm_pull();
}

START_TEST(short_leases_are_queued_ahead)
{
    static const struct {
        uint64_t item_ns;
        size_t held;
    } cases[] = {{1000, 2 * 129},  /* 1 us: the most there may be */
                 {100000, 2 * 11}, /* 100 us: 10 cover 1 ms */
                 {10 * MS, 2 * 2}, /* 10 ms: one */
                 {49 * MS, 2 * 2}, /* below the limit: one */
                 {50 * MS, 2},     /* long: none */
                 {3600000ull * MS, 2}};
    join(1, 2);
    submit(1, .n_items = 30000, .chunk_items = 1);
    teach(cases[_i].item_ns);
    ck_assert_uint_eq(sched_worker_leases(farm.s, 1), cases[_i].held);
}
END_TEST

START_TEST(all_free_slots_are_filled_before_anything_is_queued)
{
    join(1, 1);
    submit(1, .n_items = 30000, .chunk_items = 1);
    teach(100000);
    ck_assert_uint_eq(sched_worker_leases(farm.s, 1), 11);
    join(2, 4);
    join(3, 2);
    struct sched_effect fx;
    for (int i = 0; i < 6; i++) {
        ck_assert(sched_next_effect(farm.s, &fx));
        ck_assert_uint_ne(fx.worker, 1);
    }
    ck_assert_uint_eq(sched_worker_leases(farm.s, 2), 4);
    ck_assert_uint_eq(sched_worker_leases(farm.s, 3), 2);
    for (int i = 0; i < 6; i++) /* then queues grow evenly */
        ck_assert(sched_next_effect(farm.s, &fx));
    ck_assert_uint_eq(sched_worker_leases(farm.s, 2), 8);
    ck_assert_uint_eq(sched_worker_leases(farm.s, 3), 4);
}
END_TEST

START_TEST(long_leases_wait_for_a_free_slot_and_hold_short_ones_off)
{
    join(1, 2);
    submit(1, .n_items = 30000, .chunk_items = 1);
    teach(100000);
    static struct sched_lease queued[64];
    size_t n = 22, at = 0;
    farm_pull();
    ck_assert_uint_eq(sched_worker_leases(farm.s, 1), n);
    submit(2, .n_items = 10, .priority = 1); /* unknown cost */
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 0);
    /* the queue runs empty; job 2 gets the first free slot, and nothing of job 1 is put before it */
    for (uint64_t b = 0; at < n; b++)
        for (uint64_t id = 0; id < 1 << 8; id++)
            for (uint64_t g = 1; g < 4; g++) {
                const struct sched_lease *l = sched_lease(farm.s, g << 26 | id);
                if (l && l->first_block == b)
                    queued[at++] = *l;
            }
    for (size_t i = 0; i < n; i++) {
        farm.now_ns += 100000;
        done(&queued[i], 100000);
        farm_pull();
        ck_assert_uint_eq(farm.n_leases, i + 2 >= n);
        if (farm.n_leases)
            ck_assert_uint_eq(farm.lease[0].job, 2);
    }
}
END_TEST

START_TEST(slots_that_run_long_leases_do_not_queue)
{
    join(1, 2);
    submit(1, .n_items = 1);
    farm_pull(); /* one slot is busy for unknown time */
    submit(2, .n_items = 30000, .chunk_items = 1);
    teach(100000);
    ck_assert_uint_eq(sched_worker_leases(farm.s, 1), 1 + 11);
}
END_TEST

/* ---- list scheduling: the reference's schedules ---- */

struct slot {
    uint64_t free_ns;
    struct sched_lease lease;
    bool busy;
};

static uint64_t makespan(const uint64_t *item_ns, size_t n, uint32_t n_slots, bool one_worker)
{
    farm_new((struct sched_config){.worker_silent_ns = UINT64_MAX});
    farm.now_ns = 0;
    for (uint32_t i = 0; i < (one_worker ? 1 : n_slots); i++)
        join(i + 1, one_worker ? n_slots : 1);
    submit(1, .n_items = n);
    struct slot *slots = calloc(n_slots + 1, sizeof *slots);
    ck_assert_ptr_nonnull(slots);
    bool complete = false;
    while (!complete) {
        struct sched_effect fx;
        while (sched_next_effect(farm.s, &fx)) {
            complete |= fx.type == FX_CELL_COMPLETE;
            if (fx.type != FX_LEASE)
                continue;
            uint32_t at = one_worker ? 0 : (uint32_t)fx.worker - 1;
            while (one_worker && slots[at].busy)
                at++;
            ck_assert(at < n_slots && !slots[at].busy && fx.u.lease.n_blocks == 1);
            slots[at] = (struct slot){farm.now_ns + item_ns[fx.u.lease.first_block], fx.u.lease, true};
        }
        struct slot *next = NULL;
        for (uint32_t i = 0; i < n_slots; i++)
            if (slots[i].busy && (!next || slots[i].free_ns < next->free_ns))
                next = &slots[i];
        if (!next)
            break;
        farm.now_ns = next->free_ns;
        next->busy = false;
        struct sched_event ev = result_of(&next->lease, item_ns[next->lease.first_block]);
        ck_assert_int_eq(sched_apply(farm.s, &ev, farm.now_ns), QX_ERR_OK);
    }
    ck_assert(complete);
    free(slots);
    check_farm();
    sched_free(farm.s);
    return farm.now_ns;
}

static size_t read_column(const char *dir, const char *file, double *ret, size_t cap)
{
    char path[4096], line[256];
    (void)snprintf(path, sizeof path, "%s/11-load-balance/%s", dir, file);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = 0;
    while (n < cap && fgets(line, sizeof line, f)) {
        const char *last = strrchr(line, ',');
        char *end;
        double v = strtod(last ? last + 1 : line, &end);
        if (end != line && end != last + 1)
            ret[n++] = v;
    }
    (void)fclose(f);
    return n;
}

static void check_case(const char *dir, const json_t *c)
{
    enum { ITEMS_MAX = 4096 };
    static double cost[ITEMS_MAX];
    static uint64_t ns[ITEMS_MAX];
    const json_t *spans = json_object_get(c, "makespan_by_workers");
    if (!spans)
        return;
    const json_t *list = json_object_get(c, "durations");
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n && i < ITEMS_MAX; i++)
        cost[i] = json_number_value(json_array_get(list, i));
    if (!list)
        n = read_column(dir, json_string_value(json_object_get(c, "data")), cost, ITEMS_MAX);
    ck_assert_int_eq((json_int_t)n, json_integer_value(json_object_get(c, "n")));
    for (size_t i = 0; i < n; i++)
        ns[i] = (uint64_t)llround(cost[i] * 1e9);
    const char *workers;
    json_t *span;
    json_object_foreach((json_t *)(uintptr_t)spans, workers, span)
    {
        double expected = json_number_value(json_object_get(span, "greedy_fifo"));
        for (int one = 0; one < 2; one++) {
            double got = (double)makespan(ns, n, (uint32_t)strtoul(workers, NULL, 10), one) / 1e9;
            ck_assert_msg(fabs(got - expected) <= 1e-12 * expected, "%s on %s: %.9f, not %.9f",
                          json_string_value(json_object_get(c, "id")), workers, got, expected);
        }
    }
}

START_TEST(schedules_are_those_of_list_scheduling)
{
    const char *dir = getenv("QX_REFERENCE_DIR");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/11-load-balance/expected.json", dir ? dir : "");
    json_t *ref = json_load_file(path, 0, NULL);
    if (!ref) {
        printf("skipped: no reference data in QX_REFERENCE_DIR\n");
        return;
    }
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(ref, "cases"), i, c) check_case(dir, c);
    json_decref(ref);
}
END_TEST

/* ---- fairness and priorities ---- */

/* Runs every slot of one worker for `turns` leases; gives the compute time of each job. */
static void share(uint32_t turns, const uint64_t *item_ns, uint64_t *ret_ns)
{
    static struct sched_lease queue[EFFECTS_MAX];
    static size_t n;
    for (uint32_t t = 0; t < turns; t++) {
        struct sched_effect fx;
        while (sched_next_effect(farm.s, &fx))
            if (fx.type == FX_LEASE)
                queue[n++] = fx.u.lease;
        ck_assert_uint_gt(n, 0);
        struct sched_lease l = queue[0];
        memmove(queue, queue + 1, --n * sizeof l);
        uint64_t ns = items_of(&l) * item_ns[l.job];
        farm.now_ns += ns;
        ret_ns[l.job] += ns;
        struct sched_event ev = result_of(&l, ns);
        ck_assert_int_eq(sched_apply(farm.s, &ev, farm.now_ns), QX_ERR_OK);
    }
    check_farm();
}

static const uint64_t equal_costs[] = {0, 200000, 200000, 200000};
static const uint64_t other_costs[] = {0, 60 * MS, 20000, 7 * MS};

START_TEST(equal_jobs_get_equal_shares)
{
    const uint64_t *costs = _i ? other_costs : equal_costs;
    uint64_t got[4] = {0};
    join(1, 4);
    for (uint64_t job = 1; job <= 3; job++)
        submit(job, .n_items = 100000000);
    share(4000, costs, got);
    double total = (double)(got[1] + got[2] + got[3]);
    for (int j = 1; j <= 3; j++)
        ck_assert_msg(fabs((double)got[j] / total - 1.0 / 3) < 0.1 / 3, "job %d: %.3f of the time", j,
                      (double)got[j] / total);
}
END_TEST

START_TEST(a_late_job_shares_from_its_start_on)
{
    uint64_t before[4] = {0}, after[4] = {0};
    join(1, 2);
    submit(1, .n_items = 100000000);
    share(3000, equal_costs, before);
    submit(2, .n_items = 100000000);
    share(2000, equal_costs, after);
    double of_two = (double)after[2] / (double)(after[1] + after[2]);
    ck_assert_msg(fabs(of_two - 0.5) < 0.05, "the late job has %.3f of the time", of_two);
}
END_TEST

START_TEST(priorities_are_strict)
{
    uint64_t got[4] = {0};
    join(1, 2);
    submit(1, .n_items = 1000000);
    submit(2, .n_items = 1000000, .priority = 5);
    submit(3, .n_items = 1000000, .priority = -5);
    share(200, equal_costs, got);
    ck_assert_uint_gt(got[2], 0);
    ck_assert_uint_eq(got[1], 0);
    ck_assert_uint_eq(got[3], 0);
    must((struct sched_event){.type = EV_JOB_CANCEL, .job = 2});
    farm_pull();
    for (size_t i = 0; i < farm.n_leases; i++)
        ck_assert_uint_eq(farm.lease[i].job, 1);
}
END_TEST

/* ---- workers ---- */

START_TEST(workers_get_only_what_they_hold)
{
    join_with(1, 1, (const uint32_t[]){3}, 1);
    join_with(2, 1, (const uint32_t[]){4, 3, 4}, 3);
    submit(1, .n_items = 10, .class_id = 4);
    submit(2, .n_items = 10, .class_id = 5);
    ck_assert(!stats(1).waiting_for_workers);
    ck_assert(stats(2).waiting_for_workers);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 1);
    ck_assert_uint_eq(farm.lease[0].worker, 2);
    ck_assert_uint_eq(farm.lease[0].job, 1);
    join_with(3, 2, (const uint32_t[]){5}, 1);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 2);
    ck_assert_uint_eq(farm.lease[0].job, 2);
    ck_assert_uint_eq(sched_slots(farm.s), 4);
}
END_TEST

START_TEST(leases_of_a_lost_worker_are_given_out_again)
{
    join(1, 2);
    submit(1, .n_items = 5);
    farm_pull();
    struct sched_lease old[2] = {farm.lease[0], farm.lease[1]};
    must((struct sched_event){.type = EV_WORKER_GONE, .worker = 1});
    ck_assert_uint_eq(stats(1).workers_lost, 1);
    join(2, 2);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(farm.lease[i].first_block, old[i].first_block);
        ck_assert_uint_eq(farm.lease[i].attempt, 2);
        ck_assert_uint_ne(farm.lease[i].id, old[i].id);
    }
    ck_assert_int_eq(apply(result_of(&old[0], 1)), QX_ERR_NOTFOUND);
    struct sched_event lie = result_of(&old[0], 1);
    lie.worker = 2;
    ck_assert_int_eq(apply(lie), QX_ERR_STALE);
    ck_assert_uint_eq(stats(1).leases_stale, 1);
    run_dry(1);
    ck_assert(!saw(FX_CELL_COMPLETE, 1));
}
END_TEST

START_TEST(silent_workers_are_gone)
{
    join(1, 1);
    join(2, 1);
    uint64_t start = farm.now_ns, silent = 10000000000u;
    ck_assert_uint_eq(sched_next_deadline(farm.s), start + silent);
    farm.now_ns += silent / 2;
    must((struct sched_event){.type = EV_WORKER_SEEN, .worker = 1});
    ck_assert_uint_eq(sched_next_deadline(farm.s), start + silent);
    farm.now_ns = start + silent - 1;
    must((struct sched_event){.type = EV_TICK});
    farm_pull();
    ck_assert_uint_eq(farm.n_other, 0);
    farm.now_ns++;
    must((struct sched_event){.type = EV_TICK});
    farm_pull();
    ck_assert_uint_eq(farm.n_other, 1);
    ck_assert_int_eq(farm.other[0].type, FX_WORKER_GONE);
    ck_assert_uint_eq(farm.other[0].worker, 2);
    ck_assert_int_eq(apply((struct sched_event){.type = EV_WORKER_SEEN, .worker = 2}), QX_ERR_NOTFOUND);
    ck_assert_int_eq(apply((struct sched_event){.type = EV_WORKER_SEEN, .worker = 1}), QX_ERR_OK);
}
END_TEST

START_TEST(what_a_worker_does_not_hold_is_given_out_again)
{
    join(1, 3);
    submit(1, .n_items = 3);
    farm_pull();
    uint64_t held[] = {farm.lease[1].id, 12345};
    struct sched_lease lost = farm.lease[0];
    must((struct sched_event){.type = EV_WORKER_HELD, .worker = 1, .u.held = {held, 2}});
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 2);
    ck_assert_uint_eq(farm.lease[0].first_block, 0);
    ck_assert_uint_eq(farm.lease[0].attempt, 2);
    ck_assert_uint_eq(farm.lease[1].first_block, 2);
    ck_assert_int_eq(apply(result_of(&lost, 1)), QX_ERR_STALE);
}
END_TEST

START_TEST(a_draining_worker_finishes_what_it_holds)
{
    join(1, 1);
    submit(1, .n_items = 10);
    farm_pull();
    struct sched_lease l = farm.lease[0];
    must((struct sched_event){.type = EV_WORKER_DRAIN, .worker = 1});
    must((struct sched_event){.type = EV_WORKER_DRAIN, .worker = 1});
    done(&l, 1);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 0);
    ck_assert_uint_eq(stats(1).items_done, 1);
    ck_assert(stats(1).waiting_for_workers);
    ck_assert_uint_eq(sched_slots(farm.s), 0);
}
END_TEST

START_TEST(a_block_that_costs_many_workers_ends_its_job)
{
    submit(1, .n_items = 10);
    for (uint64_t w = 1; w <= 8; w++) {
        ck_assert(!saw(FX_JOB_ENDED, 1));
        join(w, 1);
        farm_pull();
        ck_assert_uint_eq(farm.n_leases, 1);
        must((struct sched_event){.type = EV_WORKER_GONE, .worker = w});
        farm_pull();
    }
    ck_assert(saw(FX_JOB_ENDED, 1));
    ck_assert_int_eq(farm.other[0].u.end, JOB_END_LOST);
}
END_TEST

START_TEST(only_leases_that_may_have_run_count_a_loss)
{
    join(100, 1);
    submit(1, .n_items = 100, .chunk_items = 1);
    teach(1000);
    must((struct sched_event){.type = EV_WORKER_GONE, .worker = 100});
    for (uint64_t w = 1; w <= 8;
         w++) { /* 99 waiting blocks go round; each dies as the running one at most once */
        join(w, 1);
        farm_pull();
        ck_assert_uint_gt(farm.n_leases, 90);
        must((struct sched_event){.type = EV_WORKER_GONE, .worker = w});
        farm_pull();
        ck_assert_uint_eq(farm.n_other, 0);
    }
}
END_TEST

/* ---- liars ---- */

START_TEST(lies_change_nothing)
{
    join(1, 2);
    join(2, 1);
    submit(1, .n_items = 100);
    submit(2, .n_items = 100);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 3);
    const struct sched_lease l = farm.lease[0];
    const struct sched_event truth = result_of(&l, 1);
    enum { LIES = 10 };
    struct sched_event lie[LIES];
    for (int i = 0; i < LIES; i++)
        lie[i] = truth;
    lie[0].worker = 3 - l.worker;
    lie[1].u.result.attempt++;
    lie[2].u.result.attempt = 0;
    lie[3].u.result.first_block++;
    lie[4].u.result.n_blocks++;
    lie[5].u.result.cell = 1;
    lie[6].job = 3 - l.job;
    lie[7].u.result.lease += (uint64_t)5 << 26; /* a generation to come */
    lie[8].u.result.lease = UINT64_MAX;
    lie[9].u.result.lease = 0;
    struct sched_job_stats before = stats(1);
    for (int i = 0; i < LIES; i++)
        for (int failed = 0; failed < 2; failed++) {
            if (failed)
                lie[i].type = EV_LEASE_FAILED;
            ck_assert_msg(apply(lie[i]) == QX_ERR_PROTO, "lie %d", i);
        }
    const uint64_t outside[] = {l.first_block + 1, UINT64_MAX, 100};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(apply(death_of(&l, true, outside[i])), QX_ERR_PROTO);
    struct sched_event stranger = truth;
    stranger.worker = 99;
    ck_assert_int_eq(apply(stranger), QX_ERR_NOTFOUND);
    struct sched_job_stats after = stats(1);
    ck_assert_mem_eq(&before, &after,
                     offsetof(struct sched_job_stats, waiting_for_workers)); /* what follows is padding */
    ck_assert_int_eq(before.waiting_for_workers, after.waiting_for_workers);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases + farm.n_other, 0);
    must(truth);
    ck_assert_int_eq(apply(truth), QX_ERR_STALE);
    ck_assert_uint_eq(stats(l.job).leases_stale, 1);
}
END_TEST

/* ---- attempts that die ---- */

START_TEST(a_deadly_item_is_parted_from_the_innocent_and_skipped)
{
    join(1, 1);
    submit(1, .n_items = 90, .chunk_items = 30);
    farm_pull();
    ck_assert_uint_eq(farm.lease[0].n_blocks, 30);
    must(death_of(&farm.lease[0], true, 10));
    for (uint32_t attempt = 2; attempt <= 3; attempt++) {
        farm_pull();
        ck_assert_uint_eq(farm.n_leases, 1);
        if (attempt == 2) { /* innocent blocks before it come first */
            ck_assert_uint_eq(farm.lease[0].first_block, 0);
            ck_assert_uint_eq(farm.lease[0].n_blocks, 10);
            done(&farm.lease[0], 1000 * MS);
            farm_pull();
        }
        ck_assert_uint_eq(farm.lease[0].first_block, 10);
        ck_assert_uint_eq(farm.lease[0].n_blocks, 1);
        ck_assert_uint_eq(farm.lease[0].attempt, attempt);
        must(death_of(&farm.lease[0], true, 10));
    }
    struct sched_effect fx;
    ck_assert(sched_next_effect(farm.s, &fx)); /* before the lease */
    ck_assert_int_eq(fx.type, FX_SKIP_ITEM);
    ck_assert_uint_eq(fx.u.skip.item, 10);
    ck_assert_uint_eq(fx.u.skip.outcome, 3);
    ck_assert(sched_next_effect(farm.s, &fx));
    ck_assert_int_eq(fx.type, FX_LEASE);
    ck_assert_uint_eq(fx.u.lease.first_block, 10);
    done(&fx.u.lease, 100 * MS);
    run_dry(100 * MS);
    ck_assert_uint_eq(stats(1).items_done, 90);
    ck_assert_uint_eq(stats(1).leases_failed, 3);
}
END_TEST

START_TEST(deaths_are_counted_by_item)
{
    join(1, 1);
    submit(1, .n_items = 64, .chunk_items = 64, .layout = {64, 0}, .attempts_max = 2);
    const uint64_t items[] = {5, 9, 5, 9};
    for (int i = 0; i < 4; i++) {
        farm_pull();
        ck_assert_uint_eq(farm.n_leases, 1);
        ck_assert_uint_eq(farm.n_other, i == 3);
        must(death_of(&farm.lease[0], true, items[i]));
    }
    farm_pull();
    ck_assert_int_eq(farm.other[0].type, FX_SKIP_ITEM);
    ck_assert_uint_eq(farm.other[0].u.skip.item, 9);
    done(&farm.lease[0], 1);
    farm_pull();
    ck_assert(saw(FX_CELL_COMPLETE, 1));
}
END_TEST

START_TEST(a_range_that_dies_outside_items_is_halved)
{
    join(1, 1);
    submit(1, .n_items = 8, .chunk_items = 8, .attempts_max = 4);
    for (uint64_t blocks = 8; blocks > 1; blocks /= 2) {
        farm_pull();
        ck_assert_uint_eq(farm.lease[0].n_blocks, blocks);
        struct sched_event queued = death_of(&farm.lease[0], false, 0);
        queued.u.result.started = false; /* nothing is counted, nothing is cut */
        must(queued);
        farm_pull();
        ck_assert_uint_eq(farm.lease[0].n_blocks, blocks);
        must(death_of(&farm.lease[0], false, 0));
    }
    join(2, 1); /* elsewhere it goes well, but block 0 dies again and again */
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 2);
    struct sched_lease good = farm.lease[1];
    for (int death = 1; death <= 4; death++) {
        ck_assert_uint_eq(farm.lease[0].first_block, 0);
        ck_assert_uint_eq(farm.lease[0].n_blocks, 1);
        if (death <= 2)
            done(&good, 500 * MS);
        must(death_of(&farm.lease[0], false, 0));
        farm_pull();
        ck_assert_uint_eq(farm.n_other, death == 4);
        if (death <= 2)
            good = farm.lease[1];
    }
    ck_assert_int_eq(farm.other[0].u.end, JOB_END_UNOPENED);
}
END_TEST

START_TEST(a_job_that_never_opens_ends)
{
    join(1, 5);
    submit(1, .n_items = 100);
    farm_pull();
    struct sched_lease l[5];
    memcpy(l, farm.lease, sizeof l);
    must(death_of(&l[0], false, 0));
    must(death_of(&l[1], false, 0));
    must(death_of(&l[2], false, 0));
    farm_pull();
    ck_assert_int_eq(farm.other[0].type, FX_JOB_ENDED);
    ck_assert_int_eq(farm.other[0].u.end, JOB_END_UNOPENED);
    ck_assert_int_eq(apply(result_of(&l[3], 1)), QX_ERR_STALE);
    ck_assert_uint_eq(sched_worker_leases(farm.s, 1), 0);
}
END_TEST

/* ---- a job's life ---- */

START_TEST(cancel_makes_leases_stale)
{
    join(1, 2);
    submit(1, .n_items = 10);
    farm_pull();
    struct sched_lease l = farm.lease[0];
    ck_assert_int_eq(apply((struct sched_event){.type = EV_JOB_FORGET, .job = 1}), QX_ERR_STATE);
    must((struct sched_event){.type = EV_JOB_CANCEL, .job = 1});
    farm_pull();
    ck_assert_uint_eq(farm.n_other, 1);
    ck_assert_int_eq(farm.other[0].u.end, JOB_END_CANCELLED);
    ck_assert_uint_eq(farm.n_leases, 0);
    ck_assert_ptr_null(sched_lease(farm.s, l.id));
    ck_assert_int_eq(apply(result_of(&l, 1)), QX_ERR_STALE);
    ck_assert_int_eq(apply((struct sched_event){.type = EV_JOB_CANCEL, .job = 1}), QX_ERR_STATE);
    ck_assert_int_eq(apply((struct sched_event){.type = EV_JOB_EXTEND, .job = 1, .u.extend.n_items = 99}),
                     QX_ERR_STATE);
    must((struct sched_event){.type = EV_JOB_FORGET, .job = 1});
    ck_assert_int_eq(apply((struct sched_event){.type = EV_JOB_CANCEL, .job = 1}), QX_ERR_NOTFOUND);
    ck_assert_int_eq(apply(result_of(&l, 1)), QX_ERR_STALE);
}
END_TEST

static void answer(uint64_t job, uint32_t cell)
{
    must((struct sched_event){.type = EV_CELL_FINISHED, .job = job, .cell = cell});
}

START_TEST(a_job_is_done_when_its_cells_are_answered)
{
    join(1, 3);
    submit(1, .n_items = 2, .n_cells = 2);
    ck_assert_int_eq(apply((struct sched_event){.type = EV_CELL_FINISHED, .job = 1}), QX_ERR_STATE);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 3);
    ck_assert_uint_eq(farm.lease[2].cell, 1);
    struct sched_lease l[3];
    memcpy(l, farm.lease, sizeof l);
    for (int i = 0; i < 3; i++)
        done(&l[i], 1);
    farm_pull();
    ck_assert(saw(FX_CELL_COMPLETE, 1));
    done(&farm.lease[0], 1);
    answer(1, 0);
    farm_pull();
    ck_assert_uint_eq(farm.n_other, 1);
    ck_assert_uint_eq(farm.other[0].cell, 1);
    answer(1, 1);
    farm_pull();
    ck_assert(saw(FX_JOB_ENDED, 1));
    ck_assert_int_eq(farm.other[0].u.end, JOB_END_DONE);
}
END_TEST

START_TEST(bad_submissions_are_refused)
{
    struct sched_event good = {.type = EV_JOB_SUBMIT,
                               .job = 1,
                               .u.submit = {.class_id = 1, .n_cells = 1, .n_items = 1, .layout = {1, 14}}};
    struct sched_event bad[6] = {good, good, good, good, good, good};
    bad[0].job = 0;
    bad[1].u.submit.n_items = 0;
    bad[2].u.submit.n_items = QX_ITEMS_MAX + 1;
    bad[3].u.submit.n_cells = 0;
    bad[4].u.submit.layout.grain = 0;
    bad[5].u.submit.layout.spread = 99;
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(apply(bad[i]), QX_ERR_INVALID);
    must(good);
    ck_assert_int_eq(apply(good), QX_ERR_STATE);
    ck_assert_int_eq(apply((struct sched_event){.type = EV_CELL_FINISHED, .job = 1, .cell = 1}),
                     QX_ERR_INVALID);
    ck_assert_int_eq(apply((struct sched_event){.type = EV_WORKER_JOIN, .worker = 1}), QX_ERR_INVALID);
    submit(2, .n_items = QX_ITEMS_MAX, .n_cells = 1000); /* more than 2^64 items in all */
    join(1, 2);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 2);
}
END_TEST

START_TEST(a_stop_cuts_off_what_lies_beyond)
{
    join(1, 8);
    submit(1, .n_items = 1000, .checkpoints = true);
    farm_pull();
    struct sched_lease l[8];
    memcpy(l, farm.lease, sizeof l);
    struct sched_event stop = {.type = EV_CELL_STOP, .job = 1, .u.stop.block = 3};
    ck_assert_int_eq(apply(stop), QX_ERR_STATE); /* nothing is done yet */
    for (int i = 0; i < 3; i++)
        done(&l[i], 100 * MS);
    done(&l[6], 100 * MS);
    ck_assert_uint_eq(stats(1).items_done, 4);
    must(stop);
    ck_assert_uint_eq(stats(1).items_done, 3);
    ck_assert_uint_eq(stats(1).items_leased, 0);
    ck_assert_int_eq(apply(result_of(&l[4], 1)), QX_ERR_STALE);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 0);
    ck_assert(saw(FX_CELL_COMPLETE, 1));
    ck_assert_int_eq(apply(stop), QX_ERR_STATE);
    answer(1, 0);
    farm_pull();
    ck_assert(saw(FX_JOB_ENDED, 1));
    must((struct sched_event){
        .type = EV_JOB_EXTEND, .job = 1, .u.extend.n_items = 5000}); /* it would stop there again */
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 0);
    ck_assert(saw(FX_JOB_ENDED, 1));
}
END_TEST

START_TEST(a_stop_of_a_complete_cell_says_nothing_twice)
{
    join(1, 8);
    submit(1, .n_items = 8, .checkpoints = true);
    run_dry(1000);
    ck_assert(saw(FX_CELL_COMPLETE, 1));
    must((struct sched_event){.type = EV_CELL_STOP, .job = 1, .u.stop.block = 4});
    farm_pull();
    ck_assert_uint_eq(farm.n_other + farm.n_leases, 0);
    ck_assert_uint_eq(stats(1).items_done, 4);
    answer(1, 0);
    farm_pull();
    ck_assert(saw(FX_JOB_ENDED, 1));
}
END_TEST

/* Blocks of 8 items; 20 items: the last block has 4. Case 0: it is done; 1: it is out; 2: it waits. */
START_TEST(extension_does_the_partial_block_again)
{
    join(1, 2);
    submit(1, .n_items = 20, .layout = {8, 4});
    farm_pull();
    struct sched_lease l[3];
    memcpy(l, farm.lease, 2 * sizeof l[0]);
    done(&l[0], 100 * MS);
    farm_pull();
    l[2] = farm.lease[0];
    ck_assert_uint_eq(l[2].first_block, 2);
    ck_assert_uint_eq(l[2].end_item, 20);
    done(&l[1], 100 * MS);
    if (_i == 0)
        done(&l[2], 100 * MS);
    if (_i == 2)
        must((struct sched_event){.type = EV_WORKER_HELD, .worker = 1, .u.held = {NULL, 0}});
    if (_i == 0) {
        farm_pull();
        ck_assert(saw(FX_CELL_COMPLETE, 1));
        answer(1, 0);
        farm_pull();
        ck_assert(saw(FX_JOB_ENDED, 1));
    }
    ck_assert_int_eq(apply((struct sched_event){.type = EV_JOB_EXTEND, .job = 1, .u.extend.n_items = 20}),
                     QX_ERR_INVALID);
    must((struct sched_event){.type = EV_JOB_EXTEND, .job = 1, .u.extend.n_items = 24});
    ck_assert_uint_eq(stats(1).items_done, 16);
    if (_i)
        ck_assert_int_eq(apply(result_of(&l[2], 1)), QX_ERR_STALE);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 1);
    ck_assert_uint_eq(farm.lease[0].first_block, 2);
    ck_assert_uint_eq(farm.lease[0].end_item, 24);
    done(&farm.lease[0], 100 * MS);
    farm_pull();
    ck_assert(saw(FX_CELL_COMPLETE, 1));
    ck_assert_uint_eq(stats(1).items_done, 24);
    must((struct sched_event){
        .type = EV_JOB_EXTEND, .job = 1, .u.extend.n_items = 32}); /* 24 ended with a whole block */
    farm_pull();
    ck_assert_uint_eq(farm.lease[0].first_block, 3);
}
END_TEST

START_TEST(extension_drops_answers_in_the_making)
{
    join(1, 2);
    submit(1, .n_items = 2);
    run_dry(100 * MS);
    must((struct sched_event){.type = EV_AUX_ADD, .job = 1, .u.aux = {LEASE_FINISH, 1}});
    must((struct sched_event){.type = EV_AUX_ADD, .job = 1, .u.aux = {LEASE_MERGE, 2}});
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 2);
    struct sched_lease finish = farm.lease[0], merge = farm.lease[1];
    must((struct sched_event){.type = EV_JOB_EXTEND, .job = 1, .u.extend.n_items = 3});
    ck_assert_int_eq(apply(result_of(&finish, 1)), QX_ERR_STALE);
    done(&merge, 1);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 1);
    ck_assert_int_eq(farm.lease[0].kind, LEASE_RUN);
}
END_TEST

START_TEST(a_throttled_job_leases_only_what_came_back)
{
    join(1, 2);
    submit(1, .n_items = 10);
    farm_pull();
    struct sched_lease l[2] = {farm.lease[0], farm.lease[1]};
    must((struct sched_event){.type = EV_JOB_THROTTLE, .job = 1, .u.throttle.on = true});
    done(&l[0], 100 * MS);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 0);
    must(death_of(&l[1], true, 1));
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 1);
    ck_assert_uint_eq(farm.lease[0].first_block, 1);
    must((struct sched_event){.type = EV_JOB_THROTTLE, .job = 1, .u.throttle.on = false});
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 1);
    ck_assert_uint_eq(farm.lease[0].first_block, 2);
}
END_TEST

static struct sched_event aux(enum sched_lease_kind kind, uint64_t token)
{
    return (struct sched_event){.type = EV_AUX_ADD, .job = 1, .u.aux = {kind, token}};
}

START_TEST(merges_and_finishes_go_first)
{
    join(1, 1);
    submit(1, .n_items = 10);
    must(aux(LEASE_MERGE, 77));
    ck_assert_int_eq(apply(aux(LEASE_RUN, 77)), QX_ERR_INVALID);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 1);
    ck_assert_int_eq(farm.lease[0].kind, LEASE_MERGE);
    ck_assert_uint_eq(farm.lease[0].token, 77);
    must((struct sched_event){.type = EV_WORKER_GONE, .worker = 1});
    join(2, 1);
    farm_pull();
    ck_assert_uint_eq(farm.lease[0].token, 77);
    ck_assert_uint_eq(farm.lease[0].attempt, 2);
    done(&farm.lease[0], 1);
    farm_pull();
    ck_assert_int_eq(farm.lease[0].kind, LEASE_RUN);
}
END_TEST

START_TEST(a_finish_that_dies_is_given_up)
{
    join(1, 1);
    submit(1, .n_items = 1);
    run_dry(1000);
    must(aux(LEASE_FINISH, 5));
    for (int i = 0; i < 3; i++) {
        farm_pull();
        ck_assert_uint_eq(farm.n_other, 0);
        ck_assert_uint_eq(farm.n_leases, 1);
        must(death_of(&farm.lease[0], false, 0));
    }
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 0);
    ck_assert_int_eq(farm.other[0].type, FX_AUX_FAILED);
    ck_assert_uint_eq(farm.other[0].u.lease.token, 5);
}
END_TEST

/* ---- sizes ---- */

static struct sched_event sized(uint32_t cell, uint64_t n_items, uint64_t n_max)
{
    return (struct sched_event){.type = EV_CELL_SIZED, .job = 1, .cell = cell, .u.sized = {n_items, n_max}};
}

START_TEST(a_job_is_sized_before_its_blocks_are_leased)
{
    join(1, 4);
    submit(1, .unsized = true, .n_cells = 2);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 2);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(farm.lease[i].kind, LEASE_SIZE);
        ck_assert_uint_eq(farm.lease[i].cell, i);
    }
    ck_assert_int_eq(apply((struct sched_event){.type = EV_JOB_EXTEND, .job = 1, .u.extend = {50}}),
                     QX_ERR_STATE);
    struct sched_lease second = farm.lease[1];
    done(&farm.lease[0], 1);
    ck_assert_int_eq(apply(sized(0, 0, 0)), QX_ERR_INVALID);
    ck_assert_int_eq(apply(sized(0, 9, 3)), QX_ERR_INVALID);
    must(sized(0, 3, 3));
    ck_assert_int_eq(apply(sized(0, 3, 3)), QX_ERR_STATE);
    farm_pull();
    ck_assert_uint_ge(farm.n_leases, 1);
    for (size_t i = 0; i < farm.n_leases; i++) {
        ck_assert_int_eq(farm.lease[i].kind, LEASE_RUN);
        ck_assert_uint_eq(farm.lease[i].cell, 0);
        ck_assert_uint_eq(farm.lease[i].end_item, 3);
        done(&farm.lease[i], 1);
    }
    done(&second, 1);
    must(sized(1, 5, 0));
    run_dry(1000);
    struct sched_job_stats stats;
    ck_assert(sched_job_stats(farm.s, 1, &stats));
    ck_assert_uint_eq(stats.n_items, 5);
    ck_assert_uint_eq(stats.items_done, 3 + 5);
}
END_TEST

START_TEST(an_extension_stops_at_what_a_cell_has)
{
    join(1, 1);
    submit(1, .unsized = true, .n_cells = 2);
    for (uint32_t cell = 0; cell < 2; cell++) {
        farm_pull();
        ck_assert_int_eq(farm.lease[0].kind, LEASE_SIZE);
        done(&farm.lease[0], 1);
        must(sized(farm.lease[0].cell, 4, farm.lease[0].cell == 0 ? 4 : 6));
    }
    run_dry(1000);
    for (uint32_t cell = 0; cell < 2; cell++)
        must((struct sched_event){.type = EV_CELL_FINISHED, .job = 1, .cell = cell});
    farm_pull();
    ck_assert_int_eq(farm.other[farm.n_other - 1].type, FX_JOB_ENDED);
    must((struct sched_event){.type = EV_JOB_EXTEND, .job = 1, .u.extend = {100}});
    uint64_t items = 0;
    for (;;) {
        farm_pull();
        if (farm.n_leases == 0)
            break;
        for (size_t i = 0; i < farm.n_leases; i++) {
            ck_assert_uint_eq(farm.lease[i].cell, 1);
            ck_assert_uint_eq(farm.lease[i].end_item, 6);
            items += farm.lease[i].n_blocks;
            done(&farm.lease[i], 1);
        }
    }
    ck_assert_uint_eq(items, 2);
}
END_TEST

START_TEST(an_unsized_cell_can_be_cut_off)
{
    join(1, 1);
    submit(1, .unsized = true);
    farm_pull();
    struct sched_lease size = farm.lease[0];
    must((struct sched_event){.type = EV_CELL_STOP, .job = 1});
    ck_assert_uint_eq(sched_worker_leases(farm.s, 1), 0);
    ck_assert_int_eq(apply(result_of(&size, 1)), QX_ERR_STALE);
    farm_pull();
    ck_assert_int_eq(farm.other[0].type, FX_CELL_COMPLETE);
    must((struct sched_event){.type = EV_CELL_FINISHED, .job = 1});
    farm_pull();
    ck_assert_int_eq(farm.other[0].type, FX_JOB_ENDED);
}
END_TEST

START_TEST(what_comes_back_unstarted_too_often_ends_its_job)
{
    join(1, 1);
    submit(1, .n_items = 1);
    for (int i = 0; i < 8; i++) {
        farm_pull();
        ck_assert_uint_eq(farm.n_leases, 1);
        struct sched_event ev = death_of(&farm.lease[0], false, 0);
        ev.u.result.started = false;
        must(ev);
    }
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 0);
    ck_assert_int_eq(farm.other[0].type, FX_JOB_ENDED);
    ck_assert_int_eq(farm.other[0].u.end, JOB_END_LOST);
}
END_TEST

/* What a job that is over, or a cell that has its answer, would be given: nothing, and what is out is stale. */
START_TEST(nothing_is_leased_of_what_is_over)
{
    const struct sched_event ends[] = {{.type = EV_JOB_CANCEL, .job = 1},
                                       {.type = EV_JOB_FAIL, .job = 1},
                                       {.type = EV_CELL_FINISHED, .job = 1}};
    join(1, 4);
    submit(1, .n_items = 1);
    run_dry(1000);
    must(aux(LEASE_FINISH, 5));
    must(aux(LEASE_MERGE, 6));
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 2);
    struct sched_lease out[2] = {farm.lease[0], farm.lease[1]};
    must(aux(LEASE_MERGE, 7)); /* this one waits */
    must(ends[_i]);
    ck_assert_uint_eq(sched_worker_leases(farm.s, 1), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(apply(result_of(&out[i], 1)), QX_ERR_STALE);
    ck_assert_int_eq(apply(aux(LEASE_FINISH, 8)), QX_ERR_STATE);
    ck_assert_int_eq(apply(aux(LEASE_MERGE, 9)), QX_ERR_STATE);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 0);
    ck_assert_int_eq(farm.other[0].type, FX_JOB_ENDED);
    must((struct sched_event){.type = EV_JOB_FORGET, .job = 1});
}
END_TEST

START_TEST(an_answered_cell_of_a_running_job_leases_no_more)
{
    join(1, 2);
    submit(1, .n_items = 1, .n_cells = 2);
    run_dry(1000); /* both cells are complete, none is answered */
    must(aux(LEASE_FINISH, 1));
    farm_pull();
    struct sched_lease finish = farm.lease[0];
    must((struct sched_event){.type = EV_CELL_FINISHED, .job = 1, .cell = 0});
    ck_assert_int_eq(apply(result_of(&finish, 1)), QX_ERR_STALE);
    ck_assert_int_eq(apply(aux(LEASE_FINISH, 2)), QX_ERR_STATE);
    struct sched_event other = aux(LEASE_FINISH, 3);
    other.cell = 1;
    must(other);
    farm_pull();
    ck_assert_uint_eq(farm.n_leases, 1);
    ck_assert_uint_eq(farm.lease[0].cell, 1);
}
END_TEST

START_TEST(a_finish_needs_all_blocks)
{
    join(1, 1);
    submit(1, .n_items = 10);
    ck_assert_int_eq(apply(aux(LEASE_FINISH, 1)), QX_ERR_STATE);
    must(aux(LEASE_MERGE, 2));
}
END_TEST

static struct sched_event handed_back(const struct sched_lease *l)
{
    struct sched_event ev = death_of(l, false, 0);
    ev.u.result.started = false;
    ev.u.result.stuck = true;
    return ev;
}

/* Worker 1 finds that its slot runs something long, and hands back what it has queued: that goes to worker 2, and worker 1 is
 * left alone until it is done. */
START_TEST(what_waits_behind_a_long_lease_goes_elsewhere)
{
    join(1, 1);
    submit(1, .n_items = 100000, .chunk_items = 1);
    for (int i = 0; i < 10; i++) { /* until the cost is known to be small */
        farm_pull();
        struct sched_lease l[EFFECTS_MAX / 8];
        size_t n = farm.n_leases;
        memcpy(l, farm.lease, n * sizeof *l);
        farm.now_ns += MS;
        for (size_t k = 0; k < n; k++)
            done(&l[k], 1000);
    }
    farm_pull();
    struct sched_lease held[200];
    size_t n_held = farm.n_leases;
    ck_assert_uint_gt(n_held, 20);
    ck_assert_uint_le(n_held, 200);
    memcpy(held, farm.lease, n_held * sizeof *held);
    join(2, 1);
    farm.now_ns += 30 * MS;
    for (size_t i = 1; i < n_held; i++)
        must(handed_back(&held[i]));
    struct sched_job_stats stats;
    ck_assert(sched_job_stats(farm.s, 1, &stats));
    ck_assert_uint_eq(stats.leases_failed, 0);
    farm_pull();
    ck_assert_uint_gt(farm.n_leases, 20);
    for (size_t i = 0; i < farm.n_leases; i++)
        ck_assert_uint_eq(farm.lease[i].worker, 2);
    done(&held[0], 30 * MS);
    farm_pull();
    ck_assert_uint_gt(sched_worker_leases(farm.s, 1), 0);
}
END_TEST

/* ---- memory that ends ---- */

struct snapshot {
    struct sched_job_stats jobs[3];
    size_t held[5];
    uint32_t slots;
    uint64_t deadline;
};

static struct snapshot snapshot(void)
{
    struct snapshot p;
    memset(&p, 0, sizeof p);
    for (uint64_t j = 0; j < 3; j++)
        (void)sched_job_stats(farm.s, j + 1, &p.jobs[j]);
    for (uint64_t w = 0; w < 5; w++)
        p.held[w] = sched_worker_leases(farm.s, w + 1);
    p.slots = sched_slots(farm.s);
    p.deadline = sched_next_deadline(farm.s);
    return p;
}

static unsigned n_refusals;

/* Applies `ev` with each of its allocations failing once. */
static void apply_starving(struct sched_event ev)
{
    for (unsigned n = 1;; n++) {
        struct snapshot before = snapshot();
        qx_mem_fail_at(n);
        qx_err e = sched_apply(farm.s, &ev, farm.now_ns);
        qx_mem_fail_at(0);
        check_farm();
        if (e == QX_ERR_OK)
            return;
        ck_assert_int_eq(e, QX_ERR_NOMEM);
        n_refusals++;
        struct snapshot after = snapshot();
        ck_assert_mem_eq(&before, &after, sizeof after);
    }
}

/* Pulls with each allocation failing once: a lease that could not be made is made later. */
static void pull_starving(void)
{
    farm.n_leases = farm.n_other = 0;
    for (unsigned n = 1; n < 8; n++) {
        struct sched_effect fx;
        must((struct sched_event){.type = EV_TICK});
        qx_mem_fail_at(n);
        while (sched_next_effect(farm.s, &fx)) {
            if (fx.type == FX_LEASE)
                farm.lease[farm.n_leases++] = fx.u.lease;
            else
                farm.other[farm.n_other++] = fx;
        }
        qx_mem_fail_at(0);
        check_farm();
    }
}

START_TEST(every_allocation_may_fail)
{
    const uint32_t classes[] = {7, 8, 9};
    for (uint64_t w = 1; w <= 5; w++)
        apply_starving((struct sched_event){
            .type = EV_WORKER_JOIN, .worker = w, .u.join = {60, classes, 1 + (uint32_t)w % 3}});
    for (uint64_t j = 1; j <= 3; j++)
        apply_starving((struct sched_event){.type = EV_JOB_SUBMIT,
                                            .job = j,
                                            .u.submit = {.class_id = 7,
                                                         .n_cells = 3,
                                                         .n_items = 100000,
                                                         .chunk_items = 10,
                                                         .priority = (int32_t)j,
                                                         .layout = {1, 14}}});
    pull_starving();
    ck_assert_uint_eq(farm.n_leases, 300);
    static struct sched_lease l[300];
    memcpy(l, farm.lease, sizeof l);
    farm.now_ns += 100 * MS;
    for (size_t i = 0; i < 250; i++) /* the slab runs out in between */
        apply_starving(death_of(&l[i], i % 2, l[i].first_block + 5));
    for (uint64_t w = 1; w <= 4; w++)
        apply_starving((struct sched_event){.type = EV_WORKER_GONE, .worker = w});
    for (uint64_t t = 0; t < 600; t++)
        apply_starving((struct sched_event){.type = EV_AUX_ADD, .job = 3, .u.aux = {LEASE_MERGE, t}});
    farm.now_ns += 3600000ull * MS;
    apply_starving((struct sched_event){.type = EV_TICK});
    pull_starving();
    ck_assert_uint_gt(n_refusals, 20);
}
END_TEST

/* ---- docs/states.md ---- */

static char *read_doc(void)
{
    const char *dir = getenv("QX_SOURCE_DIR");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/docs/states.md", dir ? dir : ".");
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "cannot read %s", path);
    static char text[1 << 16];
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    (void)fclose(f);
    return text;
}

START_TEST(the_document_shows_these_tables)
{
    const struct state_machine *m = &state_machines[_i];
    const char *doc = read_doc();
    char want[4096];
    int at = snprintf(want, sizeof want, "| %s |", m->name);
    for (unsigned e = 0; e < m->n_moves; e++)
        at += snprintf(want + at, sizeof want - (size_t)at, " %s |", m->moves[e]);
    at += snprintf(want + at, sizeof want - (size_t)at, "\n|---|");
    for (unsigned e = 0; e < m->n_moves; e++)
        at += snprintf(want + at, sizeof want - (size_t)at, "---|");
    at += snprintf(want + at, sizeof want - (size_t)at, "\n");
    for (unsigned p = 1; p < m->n_phases; p++) {
        at += snprintf(want + at, sizeof want - (size_t)at, "| %s |", m->phases[p]);
        for (unsigned e = 0; e < m->n_moves; e++)
            at += snprintf(want + at, sizeof want - (size_t)at, " %s |",
                           m->phases[m->next[p * m->n_moves + e]]);
        at += snprintf(want + at, sizeof want - (size_t)at, "\n");
    }
    ck_assert_msg(strstr(doc, want) != NULL, "docs/states.md lacks this table:\n%s", want);
    for (unsigned p = 1; p < m->n_phases; p++) /* and the diagram has each move that changes the state */
        for (unsigned e = 0; e < m->n_moves; e++) {
            unsigned to = m->next[p * m->n_moves + e];
            if (!to || to == p)
                continue;
            (void)snprintf(want, sizeof want, "    %s --> %s: %s\n", m->phases[p], m->phases[to],
                           m->moves[e]);
            ck_assert_msg(strstr(doc, want) != NULL, "docs/states.md lacks this line of a diagram:\n%s",
                          want);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched");
    TCase *tc = tcase_create("sched");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, one_block_a_slot_while_the_cost_is_unknown);
    tcase_add_test(tc, chunks_grow_fourfold_up_to_the_target);
    tcase_add_test(tc, last_chunks_shrink);
    tcase_add_test(tc, users_chunk_is_rounded_up_to_blocks);
    tcase_add_test(tc, chunk_items_max_bounds_adaptive_chunks);
    tcase_add_test(tc, leases_never_straddle_checkpoints);
    tcase_add_test(tc, a_billion_items_take_few_leases_and_no_more_memory);
    tcase_add_loop_test(tc, short_leases_are_queued_ahead, 0, 6);
    tcase_add_test(tc, all_free_slots_are_filled_before_anything_is_queued);
    tcase_add_test(tc, long_leases_wait_for_a_free_slot_and_hold_short_ones_off);
    tcase_add_test(tc, slots_that_run_long_leases_do_not_queue);
    tcase_add_loop_test(tc, equal_jobs_get_equal_shares, 0, 2);
    tcase_add_test(tc, a_late_job_shares_from_its_start_on);
    tcase_add_test(tc, priorities_are_strict);
    tcase_add_test(tc, workers_get_only_what_they_hold);
    tcase_add_test(tc, leases_of_a_lost_worker_are_given_out_again);
    tcase_add_test(tc, silent_workers_are_gone);
    tcase_add_test(tc, what_a_worker_does_not_hold_is_given_out_again);
    tcase_add_test(tc, a_draining_worker_finishes_what_it_holds);
    tcase_add_test(tc, a_block_that_costs_many_workers_ends_its_job);
    tcase_add_test(tc, only_leases_that_may_have_run_count_a_loss);
    tcase_add_test(tc, lies_change_nothing);
    tcase_add_test(tc, a_deadly_item_is_parted_from_the_innocent_and_skipped);
    tcase_add_test(tc, deaths_are_counted_by_item);
    tcase_add_test(tc, a_range_that_dies_outside_items_is_halved);
    tcase_add_test(tc, a_job_that_never_opens_ends);
    tcase_add_test(tc, cancel_makes_leases_stale);
    tcase_add_test(tc, a_job_is_done_when_its_cells_are_answered);
    tcase_add_test(tc, bad_submissions_are_refused);
    tcase_add_test(tc, a_stop_cuts_off_what_lies_beyond);
    tcase_add_test(tc, a_stop_of_a_complete_cell_says_nothing_twice);
    tcase_add_loop_test(tc, extension_does_the_partial_block_again, 0, 3);
    tcase_add_test(tc, extension_drops_answers_in_the_making);
    tcase_add_test(tc, a_throttled_job_leases_only_what_came_back);
    tcase_add_test(tc, merges_and_finishes_go_first);
    tcase_add_test(tc, a_finish_that_dies_is_given_up);
    tcase_add_test(tc, a_job_is_sized_before_its_blocks_are_leased);
    tcase_add_test(tc, an_extension_stops_at_what_a_cell_has);
    tcase_add_test(tc, an_unsized_cell_can_be_cut_off);
    tcase_add_test(tc, what_comes_back_unstarted_too_often_ends_its_job);
    tcase_add_loop_test(tc, nothing_is_leased_of_what_is_over, 0, 3);
    tcase_add_test(tc, an_answered_cell_of_a_running_job_leases_no_more);
    tcase_add_test(tc, a_finish_needs_all_blocks);
    tcase_add_test(tc, what_waits_behind_a_long_lease_goes_elsewhere);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    TCase *ref = tcase_create("reference");
    tcase_add_test(ref, schedules_are_those_of_list_scheduling);
    tcase_add_loop_test(ref, the_document_shows_these_tables, 0, STATE_MACHINE_COUNT);
    suite_add_tcase(suite, ref);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
