/* What the scheduler costs: ns for one lease given out and its result taken in, without sockets.
 * usage: sched_bench [LEASES] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "master/core/sched.h"

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(struct sched *s, const struct sched_event *ev, uint64_t now_ns)
{
    qx_err e = sched_apply(s, ev, now_ns);
    if (e != QX_ERR_OK) {
        (void)fprintf(stderr, "sched_bench: event %d: %s\n", (int)ev->type, qx_err_name(e));
        exit(1);
    }
}

/* Results come back in the order of leases, `batch` between two pulls, as in the master's loop. */
static void run(const char *what, uint32_t n_workers, uint64_t n_jobs, uint64_t items_a_job,
                uint64_t n_leases, size_t batch)
{
    struct sched *s = NULL;
    if (sched_new(&(struct sched_config){.worker_silent_ns = UINT64_MAX, .prefetch_max = 128}, &s) !=
        QX_ERR_OK)
        exit(1);
    const uint32_t classes[] = {1};
    uint64_t now_ns = 1;
    for (uint32_t w = 1; w <= n_workers; w++)
        must(s, &(struct sched_event){.type = EV_WORKER_JOIN, .worker = w, .u.join = {1, classes, 1}},
             now_ns);
    uint64_t start = clock_ns();
    for (uint64_t j = 1; j <= n_jobs; j++)
        must(s,
             &(struct sched_event){.type = EV_JOB_SUBMIT,
                                   .job = j,
                                   .u.submit = {.class_id = 1,
                                                .n_cells = 1,
                                                .n_items = items_a_job,
                                                .chunk_items = 1,
                                                .layout = {1, 14}}},
             now_ns);
    double submit_ns = (double)(clock_ns() - start) / (double)n_jobs;
    size_t cap = (size_t)n_workers * 130, head = 0, n = 0;
    struct sched_lease *ring = calloc(cap, sizeof *ring);
    if (!ring)
        exit(1);
    uint64_t done = 0, answered = 0;
    start = clock_ns();
    while (done < n_leases) {
        struct sched_effect fx;
        now_ns += 1000;
        while (sched_next_effect(s, &fx)) {
            if (fx.type == FX_LEASE)
                ring[(head + n++) % cap] = fx.u.lease;
            else if (fx.type == FX_CELL_COMPLETE && ++answered)
                must(s, &(struct sched_event){.type = EV_CELL_FINISHED, .job = fx.job}, now_ns);
            else if (fx.type == FX_JOB_ENDED)
                must(s, &(struct sched_event){.type = EV_JOB_FORGET, .job = fx.job}, now_ns);
        }
        if (!n)
            break;
        for (size_t i = 0; i < batch && n; i++, n--, done++) {
            const struct sched_lease *l = &ring[head];
            head = (head + 1) % cap;
            must(s,
                 &(struct sched_event){.type = EV_LEASE_DONE,
                                       .worker = l->worker,
                                       .job = l->job,
                                       .u.result = {.lease = l->id,
                                                    .attempt = l->attempt,
                                                    .cell = l->cell,
                                                    .first_block = l->first_block,
                                                    .n_blocks = l->n_blocks,
                                                    .compute_ns = 1000}},
                 now_ns);
        }
    }
    double each = (double)(clock_ns() - start) / (double)done;
    printf("%-44s %9.0f ns/lease  %9.0f ns/submit  %10llu leases  %llu jobs answered\n", what, each,
           submit_ns, (unsigned long long)done, (unsigned long long)answered);
    free(ring);
    sched_free(s);
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint64_t endless = (uint64_t)1 << 40;
    run("1 job, 2 workers, 64 results a turn", 2, 1, endless, n, 64);
    run("1 job, 2 workers, 1 result a turn", 2, 1, endless, n, 1);
    run("1 job, 1000 workers, 64 results a turn", 1000, 1, endless, n, 64);
    run("1e5 endless jobs, 1000 workers", 1000, 100000, endless, n, 64);
    run("1e5 jobs of 1 item, 1000 workers", 1000, 100000, 1, n, 64);
    return 0;
}
