#include "client/cli/answer.h"

#include <string.h>

#include "client/cli/plot.h"
#include "client/cli/report.h"
#include "client/cli/save.h"
#include "client/cli/settle.h"

/* Is there any answer to show, be it partial? */
static bool has_answer(const struct qx_result *r)
{
    for (uint32_t i = 0; i < r->n_cells; i++)
        if (r->cells[i].result_json[0] && r->cells[i].n_items)
            return true;
    return false;
}

static int status_of(const struct qx_job_info *i)
{
    switch (i->state) {
    case QX_JOB_DONE:
    case QX_JOB_RUNNING:
        return STATUS_OK;
    case QX_JOB_CANCELLED:
        return STATUS_CANCELLED;
    case QX_JOB_NONE:
    case QX_JOB_FAILED:
    case QX_JOB_STATE_COUNT:
        break;
    }
    return i->code == QX_ERR_INVALID ? STATUS_USAGE : STATUS_FAILED;
}

static int draw(struct cli *cli, struct qx_client *c, const struct qx_result *r, const struct qx_arg *given,
                uint32_t n_given, const json_t *report, const struct progress *history)
{
    struct qx_error err = {0};
    const char *path = cli->values[OPT_PLOT];
    if (!path)
        return STATUS_OK;
    json_t *settled = plot_shows_settling(report) ? settle_ask(c, r, given, n_given) : NULL;
    qx_err e = plot_draw(path, report, settled, history, &err);
    json_decref(settled);
    if (e != QX_ERR_OK) /* the job is done, and its answer shown */
        return cli_fail(STATUS_FAILED, "%s", err.text);
    cli_note(cli, "drawn to %s", path);
    return STATUS_OK;
}

static bool has_list(const json_t *result, const char *name)
{
    return json_is_object(json_array_get(json_object_get(result, name), 0));
}

/* The names of the lists of objects of an answer. */
static void list_names(const json_t *result, char *ret, size_t len)
{
    const char *key;
    json_t *v;
    size_t at = (size_t)snprintf(ret, len, "%s", "");
    json_object_foreach((json_t *)(uintptr_t)result, key, v) if (has_list(result, key) && at < len) at +=
        (size_t)snprintf(ret + at, len - at, "%s%s", at ? ", " : "", key);
}

/* --output csv:LIST: the list takes the place of the one that the task calls the table of its answer. */
static int choose_list(const struct cli *cli, json_t *report)
{
    const char *name = cli->values[OPT_OUTPUT] ? strchr(cli->values[OPT_OUTPUT], ':') : NULL;
    json_t *cells = json_object_get(report, "cells"), *result = json_object_get(report, "result"), *cell;
    size_t i;
    bool found = false;
    if (!name)
        return STATUS_OK;
    name++;
    if (!cells && (found = has_list(result, name)))
        json_object_set_new(result, "table", json_string(name));
    json_array_foreach(cells, i, cell)
    {
        result = json_object_get(cell, "result");
        found |= has_list(result, name);
        if (json_is_object(result))
            json_object_set_new(result, "table", json_string(name));
    }
    if (found)
        return STATUS_OK;
    char names[256];
    list_names(result, names, sizeof names);
    return cli_fail(STATUS_USAGE, "--output csv:%s: the answer has no list of this name%s%s", name,
                    *names ? "; it has " : "", names);
}

int answer_show(struct cli *cli, struct qx_client *c, const struct qx_result *r, const struct qx_arg *given,
                uint32_t n_given, const struct progress *history)
{
    int status = status_of(&r->info), drawn = STATUS_OK, saved = STATUS_OK;
    bool json = !strcmp(cli->writer->name, "json"), running = r->info.state == QX_JOB_RUNNING;
    if (status != STATUS_USAGE && (json || running || has_answer(r))) {
        struct qx_error err;
        json_t *report = report_new(r, given, n_given, &err);
        if (!report)
            return cli_error(&err);
        json_t *files = save_take(report);
        saved = choose_list(cli, report);
        if (!saved)
            cli->writer->answer(cli->out, &cli->style, report);
        (void)fflush(cli->out);
        int written = save_write(cli, files);
        saved = saved ? saved : written;
        if (has_answer(r))
            drawn = draw(cli, c, r, given, n_given, report, history);
        json_decref(files);
        json_decref(report);
    }
    if (r->info.state == QX_JOB_FAILED && status == STATUS_USAGE)
        (void)cli_fail(status, "%s", r->info.error);
    else if (r->info.state == QX_JOB_FAILED)
        (void)cli_fail(status, "job %llu failed: %s", (unsigned long long)r->info.job, r->info.error);
    if (r->info.state == QX_JOB_CANCELLED && !has_answer(r))
        (void)cli_fail(status, "job %llu was cancelled before an item was finished",
                       (unsigned long long)r->info.job);
    return status ? status : saved ? saved : drawn;
}
