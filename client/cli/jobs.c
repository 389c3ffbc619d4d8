/* `qx status`, `qx results`, `qx cancel`, `qx extend`: jobs of a master that runs already. */
#include <math.h>
#include <time.h>

#include "client/cli/answer.h"
#include "client/cli/plot.h"
#include "common/decl.h"

static const struct column job_columns[] = {{"job", "JOB", FORMAT_PLAIN},
                                            {"task", "TASK", FORMAT_PLAIN},
                                            {"state", "STATE", FORMAT_PLAIN},
                                            {"n", "N", FORMAT_PLAIN},
                                            {"cells", "CELLS", FORMAT_PLAIN},
                                            {"done", "DONE", FORMAT_SHARE},
                                            {"items_failed", "FAILED", FORMAT_PLAIN},
                                            {"elapsed_s", "ELAPSED", FORMAT_SECONDS},
                                            {"label", "LABEL", FORMAT_PLAIN},
                                            {0}};

static const struct column job_lines[] = {{"job", "job", FORMAT_PLAIN},
                                          {"task", "task", FORMAT_PLAIN},
                                          {"version", "version", FORMAT_PLAIN},
                                          {"label", "label", FORMAT_PLAIN},
                                          {"state", "state", FORMAT_PLAIN},
                                          {"error", "error", FORMAT_PLAIN},
                                          {"waiting", "waiting", FORMAT_PLAIN},
                                          {"submitted", "submitted", FORMAT_PLAIN},
                                          {"elapsed_s", "elapsed", FORMAT_SECONDS},
                                          {"n", "n", FORMAT_PLAIN},
                                          {"seed", "seed", FORMAT_PLAIN},
                                          {"cells", "cells", FORMAT_PLAIN},
                                          {"cells_done", "cells done", FORMAT_PLAIN},
                                          {"items_done", "items done", FORMAT_PLAIN},
                                          {"items_total", "items in all", FORMAT_PLAIN},
                                          {"items_failed", "items failed", FORMAT_PLAIN},
                                          {"estimate", "running mean", FORMAT_PLAIN},
                                          {"se", "its error", FORMAT_PLAIN},
                                          {"target", "wanted", FORMAT_PLAIN},
                                          {"slots", "slots", FORMAT_PLAIN},
                                          {"leases", "leases", FORMAT_PLAIN},
                                          {"leases_failed", "leases failed", FORMAT_PLAIN},
                                          {"computing_s", "computing", FORMAT_SECONDS},
                                          {"reducing_s", "reducing", FORMAT_SECONDS},
                                          {"waiting_s", "waiting in workers", FORMAT_SECONDS},
                                          {"transfer_s", "in transfer", FORMAT_SECONDS},
                                          {0}};

static json_t *real_or_null(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *job_json(const struct qx_job_info *i)
{
    char when[32] = "";
    time_t t = (time_t)(i->submitted_unix_ms / 1000);
    struct tm tm;
    if (gmtime_r(&t, &tm))
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_t *o = json_pack(
        "{s:I s:s s:s s:s s:s s:s s:s s:s s:f s:I s:I s:I s:I s:I s:I s:I}", "job", (json_int_t)i->job,
        "task", i->task, "version", i->version, "label", i->label, "state", qx_job_state_name(i->state),
        "error", i->error, "waiting", i->waiting, "submitted", when, "elapsed_s", (double)i->elapsed_ns / 1e9,
        "n", (json_int_t)i->n_items, "seed", (json_int_t)i->seed, "cells", (json_int_t)i->n_cells,
        "cells_done", (json_int_t)i->cells_done, "items_done", (json_int_t)i->items_done, "items_total",
        (json_int_t)i->items_total, "items_failed", (json_int_t)i->items_failed);
    if (!o)
        return json_null();
    double done = i->items_total ? (double)i->items_done / (double)i->items_total : (double)NAN;
    json_object_set_new(o, "done", i->state == QX_JOB_DONE ? json_real(1) : real_or_null(done));
    json_object_set_new(o, "estimate", real_or_null(i->estimate));
    json_object_set_new(o, "se", real_or_null(i->se));
    json_object_set_new(o, "target", real_or_null(i->target));
    json_object_set_new(o, "slots", json_integer(i->slots));
    json_object_set_new(o, "leases", json_integer((json_int_t)i->leases));
    json_object_set_new(o, "leases_failed", json_integer((json_int_t)i->leases_failed));
    json_object_set_new(o, "computing_s", json_real((double)i->task_ns / 1e9));
    json_object_set_new(o, "reducing_s", json_real((double)(i->reduce_ns + i->sink_ns) / 1e9));
    json_object_set_new(o, "waiting_s", json_real((double)i->wait_ns / 1e9));
    json_object_set_new(o, "transfer_s", json_real((double)i->transfer_ns / 1e9));
    return o;
}

static void show_jobs(struct cli *cli, const struct qx_job_list *list, bool one)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < list->n; i++)
        json_array_append_new(rows, job_json(&list->jobs[i]));
    if (one && list->n)
        cli->writer->object(cli->out, &cli->style, job_lines, json_array_get(rows, 0));
    else
        cli->writer->table(cli->out, &cli->style, job_columns, rows);
    json_decref(rows);
}

int command_status(struct cli *cli)
{
    struct qx_client *c;
    struct qx_job_list *list;
    struct qx_error err = {0};
    uint64_t job = 0;
    int status = cli_words(cli, 0, 1);
    if (!status && cli->n_words)
        status = cli_job(cli, 0, &job);
    if (!status)
        status = cli_open(cli, false, &c);
    if (status)
        return status;
    if (qx_client_jobs(c, job, &list, &err) == QX_ERR_OK) {
        show_jobs(cli, list, job != 0);
        qx_job_list_free(list);
    } else {
        status = cli_error(&err);
    }
    qx_client_close(c);
    return status;
}

/* Opens the master for a command about one job, the first word. */
static int open_for_job(struct cli *cli, struct qx_client **ret, uint64_t *ret_job)
{
    int status = cli_words(cli, 1, 1);
    if (!status)
        status = cli_job(cli, 0, ret_job);
    return status ? status : cli_open(cli, false, ret);
}

int command_results(struct cli *cli)
{
    struct qx_client *c;
    struct qx_result *r;
    struct qx_error err = {0};
    uint64_t job;
    if (cli->values[OPT_PLOT] && plot_check(cli->values[OPT_PLOT], &err) != QX_ERR_OK)
        return cli_error(&err);
    int status = open_for_job(cli, &c, &job);
    if (status)
        return status;
    if (qx_client_result(c, job, cli->values[OPT_PARTIAL] != NULL, &r, &err) == QX_ERR_OK) {
        status = answer_show(cli, r, NULL, 0, NULL);
        qx_result_free(r);
    } else {
        status = cli_error(&err);
    }
    qx_client_close(c);
    return status;
}

int command_cancel(struct cli *cli)
{
    struct qx_client *c;
    struct qx_error err = {0};
    uint64_t job;
    int status = open_for_job(cli, &c, &job);
    if (status)
        return status;
    if (qx_client_cancel(c, job, &err) == QX_ERR_OK)
        cli_note(cli, "job %llu has ended; `qx results %llu` shows what its finished items say",
                 (unsigned long long)job, (unsigned long long)job);
    else
        status = cli_error(&err);
    qx_client_close(c);
    return status;
}

int command_extend(struct cli *cli)
{
    struct qx_client *c;
    struct qx_error err = {0};
    uint64_t job, n;
    if (!cli->values[OPT_N])
        return cli_fail(STATUS_USAGE,
                        "qx extend JOB -n N: N, the items that the job is to have in all, is missing");
    if (value_count(cli->values[OPT_N], &n, &err) != QX_ERR_OK)
        return cli_fail(STATUS_USAGE, "-n: %s", err.text);
    int status = open_for_job(cli, &c, &job);
    if (status)
        return status;
    if (qx_client_extend(c, job, n, &err) == QX_ERR_OK)
        cli_note(cli, "job %llu goes on to %llu items", (unsigned long long)job, (unsigned long long)n);
    else
        status = cli_error(&err);
    qx_client_close(c);
    return status;
}
