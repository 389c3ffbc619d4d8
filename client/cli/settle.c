#include "client/cli/settle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cli/cli.h"

enum { STEPS = 14, STEPS_LATE = 8, N_LEAST = 8, SLICE_MS = 50 };

/* Wall time, in seconds, that all of it may take: not felt after a short job, a share of a long one. */
static const double budget_s = 0.5, budget_share = 0.05, patience_s = 5;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool has_data(const struct qx_result *r)
{
    for (uint32_t i = 0; i < r->n_args; i++)
        if (!strncmp(r->args[i].value, "blob:", 5))
            return true;
    return false;
}

static bool can_ask(const struct qx_result *r, const struct qx_arg *given)
{
    return r->info.state == QX_JOB_DONE && !r->n_rounds && r->n_cells == 1 && !r->cells[0].n_args &&
           r->cells[0].n_items > N_LEAST && (given || !has_data(r));
}

/* The beginning of a list of items that a task counts in the data says nothing: it may have them in an order. */
static bool counts_items(struct qx_client *c, const char *task)
{
    struct qx_task_list *list = NULL;
    struct qx_error err;
    bool counts =
        qx_client_tasks(c, task, &list, &err) == QX_ERR_OK && list->n && list->tasks[0].counts_items;
    qx_task_list_free(list);
    return counts;
}

/* The first step whose work, with all that of the steps after it, is within the budget. */
static int first_step(const struct qx_job_info *i)
{
    double elapsed = (double)i->elapsed_ns / 1e9, all = 1 / (1 - sqrt(0.5));
    int k = 1;
    while (elapsed * pow(0.5, k / 2.0) * all > budget_s + budget_share * elapsed)
        k++;
    return k;
}

/* Waits for one of the jobs, and adds its answer. False: the time is over. */
static bool gather(struct qx_future *f, uint64_t n, double until_s, json_t *points)
{
    struct qx_error err;
    qx_err e;
    while ((e = qx_future_wait(f, SLICE_MS, &err)) == QX_ERR_TIMEOUT || e == QX_ERR_AGAIN)
        if (cli_interrupted() || now_s() > until_s)
            return false;
    const struct qx_result *r = e == QX_ERR_OK ? qx_future_result(f) : NULL;
    if (!r || r->info.state != QX_JOB_DONE || r->n_cells != 1)
        return true;
    json_t *result = json_loads(r->cells[0].result_json, 0, NULL);
    if (result)
        json_array_append_new(points, json_pack("{s:I, s:o}", "n", (json_int_t)n, "result", result));
    return true;
}

json_t *settle_ask(struct qx_client *c, const struct qx_result *r, const struct qx_arg *given,
                   uint32_t n_given)
{
    json_t *points = json_array();
    struct qx_future *futures[STEPS + STEPS_LATE] = {0};
    uint64_t sizes[STEPS + STEPS_LATE], last = 0;
    size_t n = 0;
    struct qx_error err;
    if (!points || !can_ask(r, given) || (has_data(r) && counts_items(c, r->info.task)))
        return points;
    int first = first_step(&r->info), end = first + STEPS_LATE > STEPS ? first + STEPS_LATE : STEPS;
    struct qx_job_options job = {.task = r->info.task,
                                 .version = r->info.version,
                                 .args = given ? given : r->args,
                                 .n_args = given ? n_given : r->n_args,
                                 .seed = r->info.seed,
                                 .has_seed = true,
                                 .label = "for a plot"};
    for (int k = end; k >= first; k--) {
        job.n_items = (uint64_t)((double)r->cells[0].n_items * pow(0.5, k / 2.0));
        if (job.n_items < N_LEAST || job.n_items == last)
            continue;
        if (qx_client_submit(c, &job, &futures[n], &err) != QX_ERR_OK)
            break;
        last = sizes[n++] = job.n_items;
    }
    double until_s = now_s() + patience_s + 2 * budget_share * (double)r->info.elapsed_ns / 1e9;
    bool in_time = true;
    for (size_t i = 0; i < n; i++) {
        in_time = in_time && gather(futures[i], sizes[i], until_s, points);
        if (!in_time)
            (void)qx_future_cancel(futures[i], NULL);
        qx_future_free(futures[i]);
    }
    return points;
}
