/* `qx status`, `qx results`, `qx cancel`, `qx extend`: jobs of a master that runs already. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cli/answer.h"
#include "client/cli/plot.h"
#include "client/cli/report.h"
#include "client/cli/save.h"
#include "common/decl.h"
#include "common/rule.h"

static const struct column job_columns[] = {{"job", "JOB", FORMAT_PLAIN},
                                            {"task", "TASK", FORMAT_PLAIN},
                                            {"state", "STATE", FORMAT_PLAIN},
                                            {"n", "N", FORMAT_PLAIN},
                                            {"cells", "CELLS", FORMAT_PLAIN},
                                            {"done", "DONE", FORMAT_SHARE},
                                            {"until", "UNTIL", FORMAT_PLAIN},
                                            {"measure", "NOW", FORMAT_PLAIN},
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
                                          {"unfinished", "not finished", FORMAT_PLAIN},
                                          {"waiting", "waiting", FORMAT_PLAIN},
                                          {"submitted", "submitted", FORMAT_PLAIN},
                                          {"elapsed_s", "elapsed", FORMAT_SECONDS},
                                          {"params", "parameters", FORMAT_PLAIN},
                                          {"n", "n", FORMAT_PLAIN},
                                          {"until", "until", FORMAT_PLAIN},
                                          {"measure", "so far", FORMAT_PLAIN},
                                          {"seed", "seed", FORMAT_PLAIN},
                                          {"cells", "cells", FORMAT_PLAIN},
                                          {"cells_done", "cells done", FORMAT_PLAIN},
                                          {"items_done", "items done", FORMAT_PLAIN},
                                          {"items_total", "items in all", FORMAT_PLAIN},
                                          {"items_failed", "items failed", FORMAT_PLAIN},
                                          {"estimate", "running mean", FORMAT_PLAIN},
                                          {"se", "its error", FORMAT_PLAIN},
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

/* What the rule looks at first, and what it wants: "se 3.1e-05, wanted 1e-05". In a list: the number. */
static json_t *measure_text(const struct qx_job_info *i, bool list)
{
    struct rule rule;
    struct qx_error ignored;
    char text[96], now[NUMBER_BYTES];
    if (!*i->until || rule_parse(i->until, &rule, &ignored) != QX_ERR_OK || !isfinite(i->measure))
        return json_null();
    (void)snprintf(now, sizeof now, "%.3g", i->measure);
    if (list)
        return json_string(now);
    (void)snprintf(text, sizeof text, "%s %s, wanted %g", rule.terms[0].name, now, i->target);
    return json_string(text);
}

/* "data=law.csv stat=mean(GPA)" */
static json_t *params_text(const struct qx_job_info *i)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    for (uint32_t k = 0; f && k < i->n_params; k++)
        (void)fprintf(f, "%s%s=%s", k ? " " : "", i->params[k].name, i->params[k].value);
    json_t *v = f && !fclose(f) && len ? json_string(text) : json_null();
    free(text);
    return v;
}

static json_t *params_json(const struct qx_job_info *i)
{
    json_t *o = json_object();
    for (uint32_t k = 0; k < i->n_params; k++)
        json_object_set_new(o, i->params[k].name, json_string(i->params[k].value));
    return o;
}

static json_t *job_json(const struct qx_job_info *i)
{
    char when[32] = "";
    time_t t = (time_t)(i->submitted_unix_ms / 1000);
    struct tm tm;
    if (gmtime_r(&t, &tm))
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_t *o = json_pack("{s:I s:s s:s s:s s:s s:s s:s s:s s:f s:I s:I s:I s:I s:I s:I s:I}", "job",
                          (json_int_t)i->job, "task", i->task, "version", i->version, "label", i->label,
                          "state", qx_job_state_name(i->state), "error", i->error, "waiting", i->waiting,
                          "submitted", when, "elapsed_s", (double)i->elapsed_ns / 1e9, "n",
                          (json_int_t)(*i->until ? i->items_done : i->n_items), "seed", (json_int_t)i->seed,
                          "cells", (json_int_t)i->n_cells, "cells_done", (json_int_t)i->cells_done,
                          "items_done", (json_int_t)i->items_done, "items_total", (json_int_t)i->items_total,
                          "items_failed", (json_int_t)i->items_failed);
    if (!o)
        return json_null();
    double done = i->items_total ? (double)i->items_done / (double)i->items_total : (double)NAN;
    json_object_set_new(o, "done", i->state == QX_JOB_DONE ? json_real(1) : real_or_null(done));
    json_object_set_new(o, "estimate", real_or_null(i->estimate));
    json_object_set_new(o, "se", real_or_null(i->se));
    json_object_set_new(o, "target", real_or_null(i->target));
    json_object_set_new(o, "until", *i->until ? json_string(i->until) : json_null());
    json_object_set_new(o, "measure", real_or_null(i->measure));
    if (!i->items_total)
        json_object_set_new(o, "items_total", json_null());
    if (*i->until)
        json_object_set_new(o, "n_max", json_integer((json_int_t)i->n_items));
    json_object_set_new(o, "slots", json_integer(i->slots));
    json_object_set_new(o, "leases", json_integer((json_int_t)i->leases));
    json_object_set_new(o, "leases_failed", json_integer((json_int_t)i->leases_failed));
    json_object_set_new(o, "computing_s", json_real((double)i->task_ns / 1e9));
    json_object_set_new(o, "reducing_s", json_real((double)(i->reduce_ns + i->sink_ns) / 1e9));
    json_object_set_new(o, "waiting_s", json_real((double)i->wait_ns / 1e9));
    json_object_set_new(o, "transfer_s", json_real((double)i->transfer_ns / 1e9));
    return o;
}

/* Why the task of a job that is done wants another round; NULL: it does not. */
static json_t *unfinished(struct qx_client *c, const struct qx_job_info *i, bool text)
{
    struct qx_result *r;
    struct qx_error ignored;
    if (i->state != QX_JOB_DONE || qx_client_result(c, i->job, false, &r, &ignored) != QX_ERR_OK)
        return NULL;
    json_t *report = report_new(r, NULL, 0, &ignored),
           *why = json_incref(json_object_get(report, "unfinished"));
    if (text && why) {
        json_t *line = json_sprintf("%s; `qx run` goes on in rounds", json_string_value(why));
        json_decref(why);
        why = line;
    }
    json_decref(report);
    qx_result_free(r);
    return why;
}

/* Columns that only jobs with a rule fill are left out where a person reads and there is none. */
static void show_list(struct cli *cli, const json_t *rows, bool text, bool rules)
{
    struct column columns[sizeof job_columns / sizeof *job_columns];
    size_t n = 0;
    for (size_t i = 0; i < sizeof job_columns / sizeof *job_columns; i++) {
        const char *key = job_columns[i].key;
        bool of_rule = key && (!strcmp(key, "until") || !strcmp(key, "measure"));
        if (!text || rules || !of_rule)
            columns[n++] = job_columns[i];
    }
    cli->writer->table(cli->out, &cli->style, columns, rows);
}

static void show_jobs(struct cli *cli, struct qx_client *c, const struct qx_job_list *list, bool one)
{
    json_t *rows = json_array();
    bool json = !strcmp(cli->writer->name, "json"), text = !strcmp(cli->writer->name, "text"), rules = false;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct qx_job_info *job = &list->jobs[i];
        json_t *o = job_json(job);
        if (one)
            json_object_set_new(o, "params", json ? params_json(job) : params_text(job));
        json_t *why = one ? unfinished(c, job, text) : NULL;
        if (why)
            json_object_set_new(o, "unfinished", why);
        if (text)
            json_object_set_new(o, "measure", measure_text(job, !one));
        rules |= *job->until != 0;
        json_array_append_new(rows, o);
    }
    if (one && list->n)
        cli->writer->object(cli->out, &cli->style, job_lines, json_array_get(rows, 0));
    else
        show_list(cli, rows, text, rules);
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
        show_jobs(cli, c, list, job != 0);
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
    int status = cli_check_target(cli, OPT_PLOT);
    if (!status)
        status = save_check(cli);
    if (!status)
        status = open_for_job(cli, &c, &job);
    if (status)
        return status;
    if (qx_client_result(c, job, cli->values[OPT_PARTIAL] != NULL, &r, &err) == QX_ERR_OK) {
        status = answer_show(cli, c, r, NULL, 0, NULL);
        qx_result_free(r);
    } else {
        status = cli_error(&err);
    }
    qx_client_close(c);
    return status;
}

/* The state of a job. */
static int ask_state(struct qx_client *c, uint64_t job, enum qx_job_state *ret)
{
    struct qx_job_list *list = NULL;
    struct qx_error err = {0};
    if (qx_client_jobs(c, job, &list, &err) != QX_ERR_OK)
        return cli_error(&err);
    *ret = list->n ? list->jobs[0].state : QX_JOB_NONE;
    qx_job_list_free(list);
    return STATUS_OK;
}

/* Cancels, and waits until what was finished is folded into an answer. */
static int cancel(struct qx_client *c, uint64_t job, enum qx_job_state *ret)
{
    enum { END_MS = 10000 };
    struct qx_future *f = NULL;
    struct qx_error err = {0};
    qx_err e = qx_client_cancel(c, job, &err);
    if (e == QX_ERR_OK)
        e = qx_client_attach(c, job, 0, &f, &err);
    if (e == QX_ERR_OK && (e = qx_future_wait(f, END_MS, &err)) == QX_ERR_TIMEOUT)
        e = QX_ERR_OK; /* the answer takes its time */
    qx_future_free(f);
    return e == QX_ERR_OK ? ask_state(c, job, ret) : cli_error(&err);
}

int command_cancel(struct cli *cli)
{
    struct qx_client *c;
    uint64_t job;
    enum qx_job_state before = QX_JOB_NONE, after = QX_JOB_NONE;
    int status = open_for_job(cli, &c, &job);
    if (status)
        return status;
    unsigned long long number = job;
    status = ask_state(c, job, &before);
    bool ran = !status && before == QX_JOB_RUNNING;
    if (ran)
        status = cancel(c, job, &after);
    if (!status && !ran)
        status = cli_fail(STATUS_USAGE, "job %llu had already ended (%s)", number, qx_job_state_name(before));
    else if (!status && after == QX_JOB_RUNNING)
        cli_note(cli, "job %llu is being cancelled; `qx wait %llu` waits for what its finished items say",
                 number, number);
    else if (!status && after == QX_JOB_CANCELLED)
        cli_note(cli, "job %llu was cancelled; `qx results %llu` shows what its finished items say", number,
                 number);
    else if (!status)
        status = cli_fail(STATUS_USAGE, "job %llu had ended before it could be cancelled (%s)", number,
                          qx_job_state_name(after));
    qx_client_close(c);
    return status;
}

/* A job that cannot have as many items as were asked for goes on to all that there are. */
static void say_extended(const struct cli *cli, struct qx_client *c, uint64_t job, uint64_t n)
{
    struct qx_job_list *list;
    struct qx_error ignored;
    if (qx_client_jobs(c, job, &list, &ignored) != QX_ERR_OK)
        return;
    uint64_t total = list->n ? list->jobs[0].items_total : 0, cells = list->n ? list->jobs[0].n_cells : 1;
    if (total < n * cells)
        cli_note(cli, "job %llu goes on to %llu items, which are all that there are", (unsigned long long)job,
                 (unsigned long long)total);
    else
        cli_note(cli, "job %llu goes on to %llu items%s", (unsigned long long)job, (unsigned long long)n,
                 cells > 1 ? " a cell" : "");
    qx_job_list_free(list);
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
        say_extended(cli, c, job, n);
    else
        status = cli_error(&err);
    qx_client_close(c);
    return status;
}
