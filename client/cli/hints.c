#include "client/cli/hints.h"

#include <string.h>

#include "client/cli/cli.h"

static bool has_param(const struct qx_task_info *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_params; i++)
        if (!strcmp(t->params[i].name, name))
            return true;
    return false;
}

/* The option of `run` that goes by this name. -1: none. */
static int option_named(const char *name)
{
    if (!strcmp(name, "n"))
        return OPT_N;
    for (int i = 0; i < OPT_COUNT; i++)
        if (!strcmp(option_specs[i].name, name) && option_specs[i].arg)
            return i;
    return -1;
}

/* The first of the parameters that the task has not, but `qx` has an option for. */
static const struct qx_arg *find_option(const struct qx_task_info *t, const struct qx_arg *args, uint32_t n,
                                        int *ret_id)
{
    for (uint32_t i = 0; i < n; i++)
        if (!has_param(t, args[i].name) && (*ret_id = option_named(args[i].name)) >= 0)
            return &args[i];
    return NULL;
}

/* True: said. */
static bool say_option(const struct qx_task_info *t, const struct qx_job_options *job)
{
    int id;
    const struct qx_arg *a = find_option(t, job->args, job->n_args, &id);
    if (a && id == OPT_N)
        (void)cli_fail(0, "%s has no parameter %s; the number of items is -n %s", t->name, a->name, a->value);
    else if (a) {
        const char *quote = strpbrk(a->value, " <>*()[]|&;$") ? "'" : "";
        (void)cli_fail(0, "%s has no parameter %s; it is an option: --%s %s%s%s", t->name, a->name,
                       option_specs[id].name, quote, a->value, quote);
    }
    if (a || !job->n_cells)
        return a != NULL;
    a = find_option(t, job->cells[0].args, job->cells[0].n_args, &id);
    if (a && id == OPT_N)
        (void)cli_fail(0,
                       "%s has no parameter %s for a grid; the number of items is -n, the same in every cell",
                       t->name, a->name);
    else if (a)
        (void)cli_fail(0, "%s has no parameter %s for a grid; --%s is an option, the same in every cell",
                       t->name, a->name, option_specs[id].name);
    return a != NULL;
}

int hint_refused(struct qx_client *c, const struct qx_job_options *job, const struct qx_error *err)
{
    struct qx_task_list *list = NULL;
    bool said = false;
    if (err->code == QX_ERR_INVALID && qx_client_tasks(c, job->task, &list, NULL) == QX_ERR_OK)
        said = list->n && say_option(&list->tasks[0], job);
    qx_task_list_free(list);
    return said ? STATUS_USAGE : cli_error(err);
}
