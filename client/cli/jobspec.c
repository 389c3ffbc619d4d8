#include "client/cli/jobspec.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decl.h"
#include "common/rule.h"

#define ITEMS_UNTIL 1000000000000u /* where only a rule ends the job */
enum { ARGS_MORE = 2 };            /* that jobspec_settle may add */

int jobspec_args(const struct cli *cli, size_t first, size_t end, struct qx_arg **ret, uint32_t *ret_n,
                 char **ret_names)
{
    size_t bytes = 1;
    for (size_t i = first; i < end; i++)
        bytes += strlen(cli->words[i]) + 1;
    struct qx_arg *args = calloc(end - first + ARGS_MORE, sizeof *args);
    char *names = malloc(bytes), *at = names;
    *ret = args;
    *ret_names = names;
    *ret_n = 0;
    if (!args || !names)
        return cli_fail(STATUS_FAILED, "out of memory");
    for (size_t i = first; i < end; i++) {
        const char *word = cli->words[i], *equals = strchr(word, '=');
        if (!equals || equals == word)
            return cli_fail(STATUS_USAGE, "'%s': parameters are given as name=value", word);
        size_t len = (size_t)(equals - word);
        memcpy(at, word, len);
        at[len] = '\0';
        for (uint32_t k = 0; k < *ret_n; k++)
            if (!strcmp(args[k].name, at))
                return cli_fail(STATUS_USAGE, "the parameter %s is given twice", at);
        args[(*ret_n)++] = (struct qx_arg){at, equals + 1};
        at += len + 1;
    }
    return STATUS_OK;
}

int jobspec_seed(const struct cli *cli, uint64_t *ret, bool *ret_has)
{
    const char *text = cli->values[OPT_SEED];
    *ret_has = text != NULL;
    if (!text)
        return STATUS_OK;
    struct qx_error why = {0};
    int64_t seed;
    if (value_int(text, &seed, &why) != QX_ERR_OK || seed < 0)
        return cli_fail(STATUS_USAGE, "--seed %s: want a whole number, 0 .. 9223372036854775807", text);
    *ret = (uint64_t)seed;
    return STATUS_OK;
}

static int read_count(const struct cli *cli, enum option_id id, const char *name, uint64_t *ret)
{
    struct qx_error why = {0};
    if (!cli->values[id] || value_count(cli->values[id], ret, &why) == QX_ERR_OK)
        return STATUS_OK;
    return cli_fail(STATUS_USAGE, "%s: %s", name, why.text);
}

static int read_small(const struct cli *cli, enum option_id id, int64_t least, int64_t most, int64_t *ret)
{
    struct qx_error why = {0};
    if (!cli->values[id])
        return STATUS_OK;
    if (value_int(cli->values[id], ret, &why) == QX_ERR_OK && *ret >= least && *ret <= most)
        return STATUS_OK;
    return cli_fail(STATUS_USAGE, "--%s %s: want %lld .. %lld", option_specs[id].name, cli->values[id],
                    (long long)least, (long long)most);
}

static int read_limits(const struct cli *cli, struct qx_job_options *o)
{
    int64_t priority = 0, attempts = 0, budget = 0;
    int status = read_small(cli, OPT_PRIORITY, -100, 100, &priority);
    if (!status)
        status = read_small(cli, OPT_ATTEMPTS, 1, 1000, &attempts);
    if (!status)
        status = read_small(cli, OPT_BUDGET, 1, (int64_t)1 << 40, &budget);
    if (status)
        return status;
    double seconds = 0;
    const char *text = cli->values[OPT_TIMEOUT];
    struct qx_error why = {0};
    if (text && (value_real(text, &seconds, &why) != QX_ERR_OK || seconds < 0.001 || seconds > 1e9))
        return cli_fail(STATUS_USAGE, "--timeout %s: want seconds, 0.001 .. 1e9", text);
    o->priority = (int32_t)priority;
    o->attempts_max = (uint32_t)attempts;
    o->item_bytes_max = (uint64_t)budget;
    o->item_timeout_ms = (uint64_t)(seconds * 1000 + 0.5);
    return STATUS_OK;
}

static int read_grid(struct cli *cli, struct jobspec *s)
{
    struct qx_error why = {0};
    if (cells_parse(cli->grids, cli->n_grids, &s->cells, &why) != QX_ERR_OK)
        return cli_error(&why);
    for (size_t i = 0; i < s->cells.n_axes; i++)
        for (uint32_t k = 0; k < s->options.n_args; k++)
            if (!strcmp(s->cells.axes[i].name, s->args[k].name))
                return cli_fail(STATUS_USAGE, "the parameter %s is given, and is in a --grid",
                                s->args[k].name);
    s->options.cells = s->cells.cells;
    s->options.n_cells = s->cells.n_cells;
    return STATUS_OK;
}

int jobspec_read(struct cli *cli, struct jobspec *ret)
{
    *ret = (struct jobspec){0};
    struct qx_job_options *o = &ret->options;
    if (!cli->n_words)
        return cli_fail(STATUS_USAGE, "usage: qx %s %s; `qx tasks` lists the tasks", cli->command->name,
                        cli->command->synopsis);
    if (strchr(cli->words[0], '='))
        return cli_fail(STATUS_USAGE, "'%s' stands where the task should be; usage: qx %s %s", cli->words[0],
                        cli->command->name, cli->command->synopsis);
    o->task = cli->words[0];
    o->version = cli->values[OPT_TASK_VERSION];
    o->label = cli->values[OPT_LABEL];
    int status = jobspec_args(cli, 1, cli->n_words, &ret->args, &o->n_args, &ret->names);
    o->args = ret->args;
    if (!status)
        status = read_grid(cli, ret);
    if (!status)
        status = read_count(cli, OPT_N, "-n", &o->n_items);
    if (!status)
        status = jobspec_seed(cli, &o->seed, &o->has_seed);
    struct rule rule;
    if (cli->values[OPT_UNTIL] && rule_parse(cli->values[OPT_UNTIL], &rule, &ret->until_error) == QX_ERR_OK)
        ret->until_error.code = QX_ERR_OK;
    if (!status && cli->values[OPT_CHUNK] && strcmp(cli->values[OPT_CHUNK], "auto"))
        status = read_count(cli, OPT_CHUNK, "--chunk", &o->chunk_items);
    return status ? status : read_limits(cli, o);
}

/* ---- --until and the task ---- */

static bool is_given(const struct jobspec *s, const char *name)
{
    bool given = false;
    for (uint32_t i = 0; i < s->options.n_args; i++)
        given |= !strcmp(s->args[i].name, name);
    for (size_t i = 0; i < s->cells.n_axes; i++)
        given |= !strcmp(s->cells.axes[i].name, name);
    return given;
}

static bool declares(const struct qx_task_info *t, const char *name, const char *type)
{
    for (uint32_t i = 0; i < t->n_params; i++)
        if (!strcmp(t->params[i].name, name))
            return !strcmp(t->params[i].type, type);
    return false;
}

static int add_arg(struct jobspec *s, const char *name, const char *value)
{
    if (is_given(s, name))
        return cli_fail(STATUS_USAGE, "--until sets the parameter %s, which is given too", name);
    s->args[s->options.n_args++] = (struct qx_arg){name, value};
    return STATUS_OK;
}

/* The count that a rule like 'exceed=20' waits for. 0: it has none. */
static double exceed_of(const struct rule *rule)
{
    double most = 0;
    for (uint32_t i = 0; i < rule->n_terms; i++) {
        bool up = rule->terms[i].op == RULE_GE || rule->terms[i].op == RULE_GT;
        if (strcmp(rule->terms[i].name, "exceed") != 0 || !up)
            continue;
        double count =
            rule->terms[i].op == RULE_GT ? floor(rule->terms[i].bound) + 1 : ceil(rule->terms[i].bound);
        most = fmax(most, count);
    }
    return most;
}

static int settle_rule(struct cli *cli, struct jobspec *s, const struct qx_task_info *t)
{
    struct rule rule;
    if (s->until_error.code != QX_ERR_OK ||
        rule_parse(cli->values[OPT_UNTIL], &rule, &s->until_error) != QX_ERR_OK)
        return cli_fail(STATUS_USAGE, "--until: %s", s->until_error.text);
    s->options.until = cli->values[OPT_UNTIL];
    double exceed = exceed_of(&rule);
    /* Precision comes with n; exceedances may never come, and then the task's own number is enough. */
    if (!cli->values[OPT_N] && !(t && t->counts_items && exceed > 0))
        s->options.n_items = ITEMS_UNTIL;
    if (!t || !(exceed > 0) || !declares(t, "exceed", "integer"))
        return STATUS_OK;
    (void)snprintf(s->exceed, sizeof s->exceed, "%.0f", fmin(exceed, 9e15));
    return add_arg(s, "exceed", s->exceed);
}

/* The version that is asked for; without one the newest, which comes first. */
static const struct qx_task_info *find_task(const struct qx_task_list *l, const struct qx_job_options *o)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (!strcmp(l->tasks[i].name, o->task) && (!o->version || !strcmp(l->tasks[i].version, o->version)))
            return &l->tasks[i];
    return NULL;
}

/* Is it a rule of the kernel's that counts exceedances? */
static bool counts_exceedances(const char *until)
{
    struct rule rule;
    struct qx_error ignored;
    return rule_parse(until, &rule, &ignored) == QX_ERR_OK && exceed_of(&rule) > 0;
}

int jobspec_settle(struct cli *cli, struct qx_client *c, struct jobspec *s)
{
    struct qx_task_list *list = NULL;
    struct qx_error err = {0};
    const char *until = cli->values[OPT_UNTIL];
    int status = STATUS_OK;
    if (!until)
        return STATUS_OK;
    if (qx_client_tasks(c, s->options.task, &list, &err) != QX_ERR_OK && err.code != QX_ERR_NOTFOUND)
        return cli_error(&err);
    const struct qx_task_info *t = list ? find_task(list, &s->options) : NULL;
    bool own = t && declares(t, "until", "text"), counts = counts_exceedances(until);
    if (own && !(counts && declares(t, "exceed", "integer")))
        status = add_arg(s, "until", until);
    if (!status && (!own || counts))
        status = settle_rule(cli, s, t);
    qx_task_list_free(list);
    return status;
}

void jobspec_fini(struct jobspec *s)
{
    cells_fini(&s->cells);
    free(s->args);
    free(s->names);
}
