/* `qx run`, `qx submit`, `qx wait`: a job from the first word to the answer. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cli/answer.h"
#include "client/cli/hints.h"
#include "client/cli/jobspec.h"
#include "client/cli/keep.h"
#include "client/cli/plot.h"
#include "client/cli/save.h"

enum { SLICE_MS = 50, PROGRESS_MS = 100, PROGRESS_PLOT_MS = 50 };

/* A job being followed. */
struct run {
    struct cli *cli;
    struct qx_client *client;
    struct qx_future *future;
    struct keep *keep; /* NULL: no --keep */
    struct progress progress;
    bool cancel_on_interrupt, cancelled;
    bool told_waiting; /* that nothing runs, and why: said once */
    bool tell_seed;    /* one was drawn, and has not been told yet */
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Waits a little. With --keep that is for rows: OK with rows written; DONE means that all have come. */
static qx_err step(struct run *r, bool *ret_done, struct qx_error *err)
{
    *ret_done = false;
    if (!r->keep) {
        qx_err e = qx_future_wait(r->future, SLICE_MS, err);
        *ret_done = e == QX_ERR_OK;
        return e;
    }
    struct qx_rows rows;
    qx_err e = qx_future_next_rows(r->future, SLICE_MS, &rows, err);
    if (e == QX_ERR_OK && rows.n_items)
        return keep_rows(r->keep, &rows, err);
    *ret_done = e == QX_ERR_OK;
    return e;
}

static int interrupt(struct run *r)
{
    struct qx_error err = {0};
    progress_clear(&r->progress);
    if (!r->cancel_on_interrupt)
        return cli_fail(STATUS_CANCELLED, "stopped waiting; job %llu goes on",
                        (unsigned long long)qx_future_job(r->future));
    r->cancelled = true;
    cli_note(r->cli, "cancelling; once more ends at once");
    return qx_future_cancel(r->future, &err) == QX_ERR_OK ? STATUS_OK : cli_error(&err);
}

static void tell_waiting(struct run *r, const struct qx_job_info *news)
{
    if (!*news->waiting || r->told_waiting)
        return;
    progress_clear(&r->progress);
    cli_note(r->cli, "job %llu waits: %s", (unsigned long long)news->job, news->waiting);
    r->told_waiting = true;
}

/* A job that is refused needs no seed: told once an item is done, or before the answer. */
static void tell_seed(struct run *r)
{
    if (!r->tell_seed)
        return;
    progress_clear(&r->progress);
    cli_note(r->cli, "seed %llu was drawn; --seed %llu gives the same answer again",
             (unsigned long long)qx_future_seed(r->future), (unsigned long long)qx_future_seed(r->future));
    r->tell_seed = false;
}

/* Until the job has ended. A file that cannot be written ends the job too. */
static int follow(struct run *r)
{
    for (;;) {
        struct qx_error err = {0};
        bool done;
        qx_err e = step(r, &done, &err);
        if (done)
            return STATUS_OK;
        if (e != QX_ERR_OK && e != QX_ERR_TIMEOUT && e != QX_ERR_AGAIN) {
            progress_clear(&r->progress);
            if (!qx_client_lost(r->client))
                (void)qx_future_cancel(r->future, NULL);
            return cli_error(&err);
        }
        if (cli_interrupted() && !r->cancelled) {
            int status = interrupt(r);
            if (status)
                return status;
        }
        const struct qx_job_info *news = qx_future_progress(r->future);
        if (news) {
            tell_waiting(r, news);
            if (news->items_done)
                tell_seed(r);
            progress_show(&r->progress, news, now_ns());
        }
    }
}

static int finish_keep(struct run *r, const struct qx_result *result)
{
    if (!r->keep)
        return STATUS_OK;
    struct qx_error err = {0};
    if (result && result->info.state == QX_JOB_DONE)
        return keep_finish(r->keep, result, &err) == QX_ERR_OK ? STATUS_OK : cli_error(&err);
    uint64_t rows;
    const char *part = keep_part(r->keep, &rows);
    if (rows)
        cli_note(r->cli, "the outputs of %llu finished items are in %s", (unsigned long long)rows, part);
    return STATUS_OK;
}

/* Follows, shows, and ends. */
static int see_through(struct run *r, const struct qx_arg *given, uint32_t n_given)
{
    int status = follow(r);
    progress_clear(&r->progress);
    const struct qx_result *result = qx_future_result(r->future);
    int kept = finish_keep(r, status ? NULL : result);
    if (status)
        return status;
    if (!result) {
        struct qx_error err = {0};
        const struct qx_result *none;
        (void)qx_future_get(r->future, 0, &none, &err);
        return cli_error(&err);
    }
    if (result->info.code != QX_ERR_INVALID)
        tell_seed(r);
    status = answer_show(r->cli, r->client, result, given, n_given, &r->progress);
    return status ? status : kept;
}

static int check_files(const struct cli *cli)
{
    struct qx_error err = {0};
    if (cli->values[OPT_PLOT] && plot_check(cli->values[OPT_PLOT], &err) != QX_ERR_OK)
        return cli_error(&err);
    int status = cli_check_target(cli, OPT_PLOT);
    if (!status)
        status = cli_check_target(cli, OPT_KEEP);
    return status ? status : save_check(cli);
}

static int start_run(struct run *r, struct jobspec *s)
{
    struct cli *cli = r->cli;
    struct qx_error err = {0};
    int status = cli_open(cli, true, &r->client);
    if (status)
        return status;
    if (qx_client_embedded(r->client)) {
        struct qx_farm_info farm;
        if (qx_client_ping(r->client, &farm, &err) != QX_ERR_OK)
            return cli_error(&err);
        cli_note(cli, "no master named: using an embedded farm of %u slot%s", farm.slots,
                 farm.slots == 1 ? "" : "s");
    }
    status = cli_wait_tasks(cli, r->client, 0);
    if (!status)
        status = jobspec_settle(cli, r->client, s);
    if (status)
        return status;
    r->progress.until = s->options.until;
    if (qx_client_submit(r->client, &s->options, &r->future, &err) != QX_ERR_OK)
        return hint_refused(r->client, &s->options, &err);
    r->tell_seed = !s->options.has_seed;
    return see_through(r, s->args, s->options.n_args);
}

int command_run(struct cli *cli)
{
    struct run r = {.cli = cli, .cancel_on_interrupt = true};
    struct jobspec s;
    struct qx_error err = {0};
    int status = jobspec_read(cli, &s);
    if (!status)
        status = check_files(cli);
    if (!status && cli->values[OPT_KEEP] &&
        keep_open(cli->values[OPT_KEEP], s.cells.n_cells > 0, &r.keep, &err) != QX_ERR_OK)
        status = cli_error(&err);
    if (!status) {
        s.options.rows = r.keep != NULL;
        s.options.progress_ms = cli->values[OPT_PLOT] ? PROGRESS_PLOT_MS : PROGRESS_MS;
        s.options.rounds_max = QX_ROUNDS_MAX;
        progress_init(&r.progress, cli->values[OPT_QUIET] != NULL, NULL);
        cli_catch_signals();
        status = start_run(&r, &s);
        progress_fini(&r.progress);
        uint64_t rows;
        if (r.keep && !r.future)
            (void)keep_part(r.keep, &rows);
    }
    qx_future_free(r.future);
    qx_client_close(r.client);
    keep_free(r.keep);
    jobspec_fini(&s);
    return status;
}

static const struct column submitted_lines[] = {{"job", "job", FORMAT_PLAIN},
                                                {"seed", "seed", FORMAT_PLAIN},
                                                {"n", "n", FORMAT_PLAIN},
                                                {"until", "until", FORMAT_PLAIN},
                                                {0}};

/* What a job got on submission. A rule says when it ends, n is the most it may take then. */
static json_t *submitted_json(const struct qx_future *f, const char *until)
{
    uint64_t n = qx_future_n_items(f);
    json_t *o = json_pack("{s:I, s:I, s:o}", "job", (json_int_t)qx_future_job(f), "seed",
                          (json_int_t)qx_future_seed(f), until ? "n_max" : "n",
                          n ? json_integer((json_int_t)n) : json_null()); /* the task will count them */
    if (until)
        json_object_set_new(o, "until", json_string(until));
    return o;
}

static int submit(struct cli *cli, struct jobspec *s)
{
    struct qx_client *c;
    struct qx_future *f = NULL;
    struct qx_error err = {0};
    int status = cli_open(cli, false, &c);
    if (status)
        return status;
    s->options.detached = true;
    status = cli_wait_tasks(cli, c, WORKER_S);
    if (!status)
        status = jobspec_settle(cli, c, s);
    if (status) {
        qx_client_close(c);
        return status;
    }
    if (qx_client_submit(c, &s->options, &f, &err) == QX_ERR_OK) {
        json_t *o = submitted_json(f, s->options.until);
        cli->writer->object(cli->out, &cli->style, submitted_lines, o);
        json_decref(o);
    } else {
        status = hint_refused(c, &s->options, &err);
    }
    qx_future_free(f);
    qx_client_close(c);
    return status;
}

int command_submit(struct cli *cli)
{
    struct jobspec s;
    int status = jobspec_read(cli, &s);
    if (!status)
        status = submit(cli, &s);
    jobspec_fini(&s);
    return status;
}

int command_wait(struct cli *cli)
{
    struct run r = {.cli = cli};
    struct qx_error err = {0};
    uint64_t job;
    int status = cli_words(cli, 1, 1);
    if (!status)
        status = cli_job(cli, 0, &job);
    if (!status)
        status = check_files(cli);
    if (!status)
        status = cli_open(cli, false, &r.client);
    if (status)
        return status;
    progress_init(&r.progress, cli->values[OPT_QUIET] != NULL, NULL);
    cli_catch_signals();
    if (qx_client_attach(r.client, job, PROGRESS_MS, &r.future, &err) == QX_ERR_OK)
        status = see_through(&r, NULL, 0);
    else
        status = cli_error(&err);
    progress_fini(&r.progress);
    qx_future_free(r.future);
    qx_client_close(r.client);
    return status;
}
