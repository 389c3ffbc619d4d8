/* `qx replay`: one item again, in this process, through the same host that executors use.
 *
 * What to run comes from a job of a master, or from the words of the command. Data sets come from the master as the
 * workers got them, or from the named files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cli/jobspec.h"
#include "common/decl.h"
#include "common/error.h"
#include "common/shortest.h"
#include "host/host.h"

struct data_set {
    char ref[BLOB_REF_BYTES];
    void *bytes;
    size_t len;
};

enum { DATA_SETS_MAX = 64 };

struct replay {
    struct cli *cli;
    struct registry *registry;
    struct qx_client *client; /* NULL with --task */
    struct qx_result *result;
    const char *task, *version;
    uint64_t seed, item;
    struct param *params;
    uint32_t n_params;
    struct data_set data[DATA_SETS_MAX];
    size_t n_data;
    struct qx_arg *args; /* of --task */
    char *names;
};

static void report_plugin(void *arg, const char *path, const struct qx_error *e)
{
    (void)arg;
    (void)path;
    (void)cli_fail(0, "%s", e->text);
}

static int load_plugins(struct replay *r)
{
    char dir[4096];
    struct qx_error err = {0};
    if (registry_new(&r->registry) != QX_ERR_OK)
        return cli_fail(STATUS_FAILED, "out of memory");
    if (registry_default_dir(dir, sizeof dir) == QX_ERR_OK &&
        registry_load_dir(r->registry, dir, report_plugin, NULL, &err) != QX_ERR_OK)
        return cli_fail(STATUS_USAGE, "%s", err.text);
    for (size_t i = 0; i < r->cli->n_plugins; i++)
        if (registry_load_dir(r->registry, r->cli->plugins[i], report_plugin, NULL, &err) != QX_ERR_OK)
            return cli_fail(STATUS_USAGE, "%s", err.text);
    return STATUS_OK;
}

static int find_task(struct replay *r, const struct qx_task **ret, const struct task_decl **ret_decl)
{
    *ret = registry_find(r->registry, r->task, r->version && *r->version ? r->version : NULL, ret_decl);
    if (*ret)
        return STATUS_OK;
    const char *names[512];
    size_t n = 0;
    for (; n < registry_count(r->registry) && n < 512; n++)
        names[n] = registry_decl(r->registry, n)->name;
    const char *near = nearest_name(r->task, names, n);
    return cli_fail(STATUS_USAGE, "no task %s%s%s among the plugins here%s%s%s", r->task,
                    r->version ? " " : "", r->version ? r->version : "",
                    near && strcmp(near, r->task) ? "; did you mean " : "",
                    near && strcmp(near, r->task) ? near : "", near && strcmp(near, r->task) ? "?" : "");
}

static qx_err give_blob(void *arg, const struct blob_ref *ref, const void **ret_data, struct qx_error *err)
{
    struct replay *r = arg;
    char text[BLOB_REF_BYTES];
    blob_ref_format(ref, text);
    for (size_t i = 0; i < r->n_data; i++)
        if (!strcmp(r->data[i].ref, text)) {
            *ret_data = r->data[i].bytes;
            return QX_ERR_OK;
        }
    return qx_fail(err, QX_ERR_NOTFOUND, "no data behind %s", text);
}

/* ---- what to run ---- */

static int read_item(struct replay *r, const char *text)
{
    struct qx_error err = {0};
    int64_t item;
    if (value_int(text, &item, &err) != QX_ERR_OK || item < 0)
        return cli_fail(STATUS_USAGE, "'%s' is not the index of an item: they count from 0", text);
    r->item = (uint64_t)item;
    return STATUS_OK;
}

static int read_cell(struct replay *r, uint32_t *ret)
{
    struct qx_error err = {0};
    int64_t cell = 0;
    const char *text = r->cli->values[OPT_CELL];
    if (text && r->result->n_cells == 1 && !r->result->cells[0].n_args && strcmp(text, "0") != 0)
        return cli_fail(STATUS_USAGE, "--cell %s: job %llu is no grid, it has no cells", text,
                        (unsigned long long)r->result->info.job);
    if (text && (value_int(text, &cell, &err) != QX_ERR_OK || cell < 0 || cell >= r->result->n_cells))
        return cli_fail(STATUS_USAGE, "--cell %s: the job has the cells 0 .. %u", text,
                        r->result->n_cells - 1);
    *ret = (uint32_t)cell;
    return STATUS_OK;
}

/* Is it one of the items that the answer rests on, or, of a job that has none yet, may rest on? */
static int check_item(const struct replay *r, const struct qx_cell *c)
{
    const struct qx_job_info *i = &r->result->info;
    uint64_t n = c && (c->stopped || i->state == QX_JOB_CANCELLED) ? c->n_items : i->n_items;
    if (r->item < n)
        return STATUS_OK;
    return cli_fail(STATUS_USAGE, "job %llu has no item %llu: its n is %llu%s", (unsigned long long)i->job,
                    (unsigned long long)r->item, (unsigned long long)n, n ? ", items count from 0" : "");
}

static int fetch_data(struct replay *r)
{
    struct qx_error err = {0};
    struct blob_ref ref;
    for (uint32_t i = 0; i < r->n_params; i++) {
        if (!blob_ref_parse(r->params[i].value, &ref) || r->n_data == DATA_SETS_MAX)
            continue;
        struct data_set *d = &r->data[r->n_data];
        (void)snprintf(d->ref, sizeof d->ref, "%s", r->params[i].value);
        if (qx_client_blob(r->client, d->ref, &d->bytes, &d->len, &err) != QX_ERR_OK)
            return cli_error(&err);
        r->n_data++;
    }
    return STATUS_OK;
}

static void set_param(struct replay *r, const struct qx_arg *a)
{
    struct param p = {(char *)(uintptr_t)a->name, (char *)(uintptr_t)a->value};
    uint32_t i = 0;
    while (i < r->n_params && r->params[i].name && strcmp(r->params[i].name, a->name) != 0)
        i++;
    r->n_params += i == r->n_params;
    r->params[i] = p; /* the cell's over the job's */
}

static int from_job(struct replay *r)
{
    struct qx_error err = {0};
    uint64_t job;
    uint32_t cell = 0;
    int status = cli_words(r->cli, 2, 2);
    if (!status)
        status = cli_job(r->cli, 0, &job);
    if (!status)
        status = read_item(r, r->cli->words[1]);
    if (!status)
        status = cli_open(r->cli, false, &r->client);
    if (status)
        return status;
    if (qx_client_result(r->client, job, true, &r->result, &err) != QX_ERR_OK)
        return cli_error(&err);
    if ((status = read_cell(r, &cell)))
        return status;
    r->task = r->result->info.task;
    r->version = r->result->info.version;
    r->seed = r->result->info.seed;
    const struct qx_cell *c = r->result->n_cells ? &r->result->cells[cell] : NULL;
    if ((status = check_item(r, c)))
        return status;
    r->params = calloc((size_t)r->result->n_args + (c ? c->n_args : 0) + 1, sizeof *r->params);
    if (!r->params)
        return cli_fail(STATUS_FAILED, "out of memory");
    for (uint32_t i = 0; i < r->result->n_args; i++)
        set_param(r, &r->result->args[i]);
    for (uint32_t i = 0; c && i < c->n_args; i++)
        set_param(r, &c->args[i]);
    return fetch_data(r);
}

/* Data files of --task are read here, and stand as blobs in the parameters. */
static int read_data(struct replay *r, const struct task_decl *decl)
{
    struct qx_error err = {0};
    for (uint32_t i = 0; i < r->n_params; i++) {
        const struct param_decl *p = task_decl_param(decl, r->params[i].name);
        if (!p || p->type != QX_PARAM_TABLE || !*r->params[i].value || r->n_data == DATA_SETS_MAX)
            continue;
        struct data_set *d = &r->data[r->n_data];
        struct blob_ref ref;
        if (blob_ref_parse(r->params[i].value, &ref))
            continue;
        if (qx_data_from_csv(r->params[i].value, &d->bytes, &d->len, &err) != QX_ERR_OK)
            return cli_error(&err);
        ref.len_bytes = d->len;
        blob_hash(d->bytes, d->len, ref.hash);
        blob_ref_format(&ref, d->ref);
        r->params[i].value = d->ref;
        r->n_data++;
    }
    return STATUS_OK;
}

/* Of a task that has an item for each member of a list, only those are items. */
static int check_listed(const struct replay *r, const struct task_decl *decl)
{
    struct qx_error err = {0};
    uint64_t n = 0;
    const struct param_decl *p = decl->items_from ? task_decl_param(decl, decl->items_from) : NULL;
    bool given = false;
    for (uint32_t i = 0; p && i < r->n_params; i++)
        given |= !strcmp(r->params[i].name, p->name) && *r->params[i].value;
    if (!given)
        return STATUS_OK;
    if (task_decl_items(decl, r->params, r->n_params, 0, &n, &err) != QX_ERR_OK)
        return cli_error(&err);
    if (r->item < n)
        return STATUS_OK;
    return cli_fail(STATUS_USAGE, "there is no item %llu: %s lists %llu, items count from 0",
                    (unsigned long long)r->item, p->name, (unsigned long long)n);
}

static int from_words(struct replay *r)
{
    struct cli *cli = r->cli;
    bool has_seed;
    if (cli->values[OPT_CELL])
        return cli_fail(STATUS_USAGE,
                        "--cell is of a job; with --task give the parameters of the cell as name=value");
    if (!cli->n_words)
        return cli_fail(STATUS_USAGE, "usage: qx replay --task TASK [name=value...] --seed S ITEM");
    uint32_t n;
    int status = jobspec_args(cli, 0, cli->n_words - 1, &r->args, &n, &r->names);
    if (!status)
        status = read_item(r, cli->words[cli->n_words - 1]);
    if (!status)
        status = jobspec_seed(cli, &r->seed, &has_seed);
    if (!status && !has_seed)
        status = cli_fail(STATUS_USAGE, "qx replay --task needs the --seed of the job");
    if (status)
        return status;
    r->task = cli->values[OPT_TASK];
    r->version = cli->values[OPT_TASK_VERSION];
    r->params = calloc((size_t)n + 1, sizeof *r->params);
    if (!r->params)
        return cli_fail(STATUS_FAILED, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        set_param(r, &r->args[i]);
    return STATUS_OK;
}

/* ---- running it ---- */

static const char *outcome_name(enum qx_outcome o)
{
    static const char *const names[QX_OUTCOME_COUNT] = {"ok",      "error",  "exit",   "signal",
                                                        "timeout", "memory", "budget", "lost"};
    return (unsigned)o < QX_OUTCOME_COUNT ? names[o] : "unknown";
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static json_t *row_json(const struct reduce_plan *plan, const double *row, enum qx_outcome outcome)
{
    json_t *o = json_object();
    for (uint32_t i = 0; i < reduce_plan_columns(plan); i++)
        json_object_set_new(o, reduce_plan_column(plan, i),
                            outcome == QX_OUTCOME_OK && isfinite(row[i]) ? json_real(row[i]) : json_null());
    return o;
}

/* As text, a line an output in full digits, so that two replays can be compared. */
static void show_text(struct cli *cli, const json_t *o)
{
    const char *key;
    json_t *v;
    char number[NUMBER_BYTES];
    (void)fprintf(
        cli->out, "%s %s  item %" JSON_INTEGER_FORMAT "  seed %" JSON_INTEGER_FORMAT "\n",
        json_string_value(json_object_get(o, "task")), json_string_value(json_object_get(o, "version")),
        json_integer_value(json_object_get(o, "item")), json_integer_value(json_object_get(o, "seed")));
    json_object_foreach(json_object_get(o, "outputs"), key, v)
    {
        (void)snprintf(number, sizeof number, "-");
        if (json_is_real(v))
            shortest_double(json_real_value(v), number);
        (void)fprintf(cli->out, "  %s = %s\n", key, number);
    }
    number_seconds(json_number_value(json_object_get(o, "elapsed_s")), number);
    (void)fprintf(cli->out, "outcome %s in %s%s%s\n", json_string_value(json_object_get(o, "outcome")),
                  number, json_string_value(json_object_get(o, "why")) ? ": " : "",
                  json_string_value(json_object_get(o, "why")) ? json_string_value(json_object_get(o, "why"))
                                                               : "");
}

static int run_item(struct replay *r, const struct task_decl *decl, struct host_task *t)
{
    const struct reduce_plan *plan = host_plan(t);
    struct qx_error err = {0};
    enum qx_outcome outcome = QX_OUTCOME_OK;
    double *row = calloc((size_t)reduce_plan_columns(plan) + 1, sizeof *row);
    if (!row)
        return cli_fail(STATUS_FAILED, "out of memory");
    double start = seconds();
    qx_err e = host_run_item(t, r->item, row, &outcome, &err);
    double took = seconds() - start;
    if (e != QX_ERR_OK && outcome == QX_OUTCOME_OK) {
        free(row);
        return cli_error(&err);
    }
    json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:o, s:s, s:f}", "task", decl->name, "version", decl->version,
                          "seed", (json_int_t)r->seed, "item", (json_int_t)r->item, "outputs",
                          row_json(plan, row, outcome), "outcome", outcome_name(outcome), "elapsed_s", took);
    if (outcome != QX_OUTCOME_OK && err.text[0])
        json_object_set_new(o, "why", json_string(err.text));
    if (!strcmp(r->cli->writer->name, "text"))
        show_text(r->cli, o);
    else
        r->cli->writer->answer(r->cli->out, &r->cli->style, o);
    json_decref(o);
    free(row);
    return outcome == QX_OUTCOME_OK ? STATUS_OK : STATUS_FAILED;
}

static int replay(struct replay *r)
{
    const struct qx_task *task;
    const struct task_decl *decl;
    struct host_task *t;
    struct qx_error err = {0};
    int status = r->cli->values[OPT_TASK] ? from_words(r) : from_job(r);
    if (!status)
        status = load_plugins(r);
    if (!status)
        status = find_task(r, &task, &decl);
    if (!status)
        status = check_listed(r, decl);
    if (!status)
        status = read_data(r, decl);
    if (status)
        return status;
    struct host_options o = {.seed = r->seed, .blob = give_blob, .blob_arg = r};
    if (host_open(task, decl, r->params, r->n_params, &o, &t, &err) != QX_ERR_OK)
        return cli_error(&err);
    status = run_item(r, decl, t);
    host_close(t);
    return status;
}

int command_replay(struct cli *cli)
{
    struct replay r = {.cli = cli};
    int status = !strcmp(cli->writer->name, "csv") ? cli_fail(STATUS_USAGE, "qx replay writes text or json")
                                                   : replay(&r);
    for (size_t i = 0; i < r.n_data; i++)
        qx_data_free(r.data[i].bytes);
    registry_free(r.registry);
    qx_result_free(r.result);
    qx_client_close(r.client);
    free(r.params);
    free(r.args);
    free(r.names);
    return status;
}
