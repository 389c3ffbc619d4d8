/* `qx tasks`, `qx workers`: what a farm has. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"

static const struct column task_columns[] = {{"name", "TASK", FORMAT_PLAIN},
                                             {"version", "VERSION", FORMAT_PLAIN},
                                             {"help", "WHAT IT DOES", FORMAT_PLAIN},
                                             {0}};
static const struct column worker_columns[] = {{"name", "WORKER", FORMAT_PLAIN},
                                               {"host", "HOST", FORMAT_PLAIN},
                                               {"pid", "PID", FORMAT_PLAIN},
                                               {"slots", "SLOTS", FORMAT_PLAIN},
                                               {"leases", "LEASES", FORMAT_PLAIN},
                                               {"items_done", "ITEMS", FORMAT_PLAIN},
                                               {"busy_s", "BUSY", FORMAT_SECONDS},
                                               {"leases_failed", "FAILED", FORMAT_PLAIN},
                                               {"connected_s", "HERE FOR", FORMAT_SECONDS},
                                               {"silent_s", "SILENT", FORMAT_SECONDS},
                                               {"state", "STATE", FORMAT_PLAIN},
                                               {0}};

static json_t *param_json(const struct qx_param_info *p)
{
    json_t *o = json_pack("{s:s, s:s, s:b}", "name", p->name, "type", p->type, "required", p->required);
    json_object_set_new(o, "default", p->required ? json_null() : json_string(p->fallback));
    if (p->min != 0 || p->max != 0) {
        json_object_set_new(o, "min", json_real(p->min));
        json_object_set_new(o, "max", json_real(p->max));
    }
    if (p->n_choices) {
        json_t *choices = json_array();
        for (uint32_t i = 0; i < p->n_choices; i++)
            json_array_append_new(choices, json_string(p->choices[i]));
        json_object_set_new(o, "choices", choices);
    }
    json_object_set_new(o, "help", json_string(p->help));
    return o;
}

static json_t *task_json(const struct qx_task_info *t)
{
    json_t *params = json_array();
    for (uint32_t i = 0; i < t->n_params; i++)
        json_array_append_new(params, param_json(&t->params[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:b, s:o}", "name", t->name, "version", t->version,
                     "help", t->help, "details", t->details, "default_n", (json_int_t)t->default_items,
                     "n_from", t->items_from, "n_counted", t->counts_items, "reproducible", t->reproducible,
                     "params", params);
}

/* "t2, anova", "0 .. 1", "text" */
static void param_values(const struct qx_param_info *p, char *ret, size_t len)
{
    size_t at = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < p->n_choices && at < len; i++)
        at += (size_t)snprintf(ret + at, len - at, "%s%s", i ? ", " : "", p->choices[i]);
    if (!p->n_choices && (p->min != 0 || p->max != 0)) {
        char lo[NUMBER_BYTES], hi[NUMBER_BYTES];
        (void)snprintf(lo, sizeof lo, "%g", p->min);
        (void)snprintf(hi, sizeof hi, "%g", p->max);
        at += (size_t)snprintf(ret + at, len - at, "%s .. %s", lo, hi);
    }
    if (!at)
        (void)snprintf(ret, len, "%s", p->type);
}

static void explain_params(FILE *out, const struct style *style, const struct qx_task_info *t)
{
    struct grid g;
    if (grid_init(&g, (size_t)t->n_params + 1, 3)) {
        static const char *const titles[] = {"parameter", "default", ""};
        for (size_t c = 0; c < 3; c++)
            grid_set(&g, 0, c, titles[c]);
        for (uint32_t i = 0; i < t->n_params; i++) {
            const struct qx_param_info *p = &t->params[i];
            char values[512], meaning[1024];
            param_values(p, values, sizeof values);
            (void)snprintf(meaning, sizeof meaning, "%s [%s]", p->help, values);
            grid_set(&g, i + 1, 0, p->name);
            grid_set(&g, i + 1, 1, p->required ? "(must be given)" : *p->fallback ? p->fallback : "-");
            grid_set(&g, i + 1, 2, meaning);
        }
        grid_print(out, style, "  ", &g);
    }
    grid_fini(&g);
}

static void explain_details(FILE *out, const struct style *style, const char *details)
{
    (void)fputc('\n', out);
    for (const char *end; *details; details = *end ? end + 1 : end) {
        end = strchr(details, '\n');
        end = end ? end : details + strlen(details);
        char *line = strndup(details, (size_t)(end - details));
        if (line)
            (void)text_wrap(out, style, 0, strncmp(line, "Example: ", 9) ? 0 : 9, line);
        (void)fputc('\n', out);
        free(line);
    }
}

static void explain(struct cli *cli, const struct qx_task_info *t)
{
    FILE *out = cli->out;
    (void)fprintf(out, "%s%s%s %s - ", cli->style.bold, t->name, cli->style.plain, t->version);
    (void)text_wrap(out, &cli->style, strlen(t->name) + strlen(t->version) + 4, 2, t->help);
    (void)fputs("\n\n", out);
    if (t->n_params)
        explain_params(out, &cli->style, t);
    if (*t->items_from)
        (void)fprintf(out, "\n  -n  default: as many as %s has members, and at most that\n", t->items_from);
    else if (t->counts_items)
        (void)fputs("\n  -n  counted from the data and the parameters, where it is not given\n", out);
    else if (t->default_items)
        (void)fprintf(out, "\n  -n  default %llu\n", (unsigned long long)t->default_items);
    else
        (void)fputs("\n  -n  must be given, or --until\n", out);
    if (!t->reproducible)
        (void)fprintf(out, "\n  %sThis task cannot promise the same answer twice.%s\n", cli->style.warn,
                      cli->style.plain);
    if (*t->details)
        explain_details(out, &cli->style, t->details);
}

/* What a parameter may be, a line a value; "@file" where it names one. */
static void print_values(FILE *out, const struct qx_task_info *t, const char *name, size_t len)
{
    for (uint32_t i = 0; i < t->n_params; i++) {
        const struct qx_param_info *p = &t->params[i];
        if (strlen(p->name) != len || strncmp(p->name, name, len) != 0)
            continue;
        if (p->table)
            (void)fputs("@file\n", out);
        else if (!strcmp(p->type, "yes/no"))
            (void)fputs("yes\nno\n", out);
        for (uint32_t k = 0; k < p->n_choices; k++)
            (void)fprintf(out, "%s\n", p->choices[k]);
    }
}

/* For completion: names of tasks, of the parameters of one, or after "name=" the values of that parameter. */
static void print_names(struct cli *cli, const struct qx_task_list *list, const char *task)
{
    const char *param = cli->n_words > 1 ? cli->words[1] : NULL;
    if (param && list->n) {
        print_values(cli->out, &list->tasks[0], param, strcspn(param, "="));
        return;
    }
    for (uint32_t i = 0; i < list->n; i++) {
        const struct qx_task_info *t = &list->tasks[i];
        if (!task)
            (void)fprintf(cli->out, "%s\n", t->name);
        else if (!strcmp(t->name, task))
            for (uint32_t k = 0; k < t->n_params; k++)
                (void)fprintf(cli->out, "%s=\n", t->params[k].name);
    }
}

static void show_tasks(struct cli *cli, const struct qx_task_list *list, const char *task)
{
    if (!cli->writer) {
        print_names(cli, list, task);
        return;
    }
    if (task && list->n && !strcmp(cli->writer->name, "text")) {
        explain(cli, &list->tasks[0]);
        return;
    }
    json_t *rows = json_array();
    for (uint32_t i = 0; i < list->n; i++)
        json_array_append_new(rows, task_json(&list->tasks[i]));
    if (task && list->n)
        cli->writer->object(cli->out, &cli->style, task_columns, json_array_get(rows, 0));
    else
        cli->writer->table(cli->out, &cli->style, task_columns, rows);
    json_decref(rows);
}

int command_tasks(struct cli *cli)
{
    struct qx_client *c;
    struct qx_task_list *list;
    struct qx_error err = {0};
    int status = cli_words(cli, 0, cli->writer ? 1 : 2);
    if (!status)
        status = cli_open(cli, true, &c);
    if (status)
        return status;
    const char *task = cli->n_words ? cli->words[0] : NULL;
    if ((status = cli_wait_tasks(cli, c, WORKER_S)) != STATUS_OK) {
        qx_client_close(c);
        return status;
    }
    if (qx_client_tasks(c, task, &list, &err) == QX_ERR_OK) {
        show_tasks(cli, list, task);
        qx_task_list_free(list);
    } else {
        status = cli_error(&err);
    }
    qx_client_close(c);
    return status;
}

static json_t *worker_json(const struct qx_worker_info *w)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:f, s:f, s:s}", "name", w->name, "host",
                     w->host, "pid", (json_int_t)w->pid, "slots", (json_int_t)w->slots, "leases",
                     (json_int_t)w->leases, "tasks", (json_int_t)w->n_tasks, "items_done",
                     (json_int_t)w->items_done, "busy_s", (double)w->busy_ns / 1e9, "leases_failed",
                     (json_int_t)w->leases_failed, "connected_s", (double)w->connected_ms / 1e3, "silent_s",
                     (double)w->silent_ms / 1e3, "state", w->draining ? "draining" : "ready");
}

int command_workers(struct cli *cli)
{
    struct qx_client *c;
    struct qx_worker_list *list;
    struct qx_error err = {0};
    int status = cli_words(cli, 0, 0);
    if (!status)
        status = cli_open(cli, false, &c);
    if (status)
        return status;
    if (qx_client_workers(c, &list, &err) == QX_ERR_OK) {
        json_t *rows = json_array();
        for (uint32_t i = 0; i < list->n; i++)
            json_array_append_new(rows, worker_json(&list->workers[i]));
        cli->writer->table(cli->out, &cli->style, worker_columns, rows);
        json_decref(rows);
        qx_worker_list_free(list);
    } else {
        status = cli_error(&err);
    }
    qx_client_close(c);
    return status;
}
