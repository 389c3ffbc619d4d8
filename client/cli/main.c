/* qx - the farm from the command line. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "common/decl.h"
#include "quincunx/version.h"

/* ---- saying what went wrong ---- */

static int say(int status, const char *fmt, va_list ap)
{
    (void)fflush(stdout);
    (void)fputs("qx: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    return status;
}

int cli_fail(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)say(status, fmt, ap);
    va_end(ap);
    return status;
}

void cli_note(const struct cli *cli, const char *fmt, ...)
{
    if (cli->values[OPT_QUIET])
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)say(0, fmt, ap);
    va_end(ap);
}

int cli_status(qx_err code)
{
    switch (code) {
    case QX_ERR_OK:
        return STATUS_OK;
    case QX_ERR_INVALID:
    case QX_ERR_NOTFOUND:
    case QX_ERR_STATE:
        return STATUS_USAGE;
    case QX_ERR_IO:
    case QX_ERR_TIMEOUT:
    case QX_ERR_VERSION:
    case QX_ERR_PROTO:
        return STATUS_NO_MASTER;
    case QX_ERR_CANCELLED:
        return STATUS_CANCELLED;
    case QX_ERR_NOMEM:
    case QX_ERR_STALE:
    case QX_ERR_LIMIT:
    case QX_ERR_TASK:
    case QX_ERR_AGAIN:
    case QX_ERR_BUG:
        break;
    }
    return STATUS_FAILED;
}

int cli_error(const struct qx_error *err)
{
    return cli_fail(cli_status(err->code), "%s", err->text);
}

/* ---- signals ---- */

static volatile sig_atomic_t interrupts;

static void on_signal(int sig)
{
    if (interrupts++)
        _exit(128 + sig); /* children of an embedded farm end with this process */
}

void cli_catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal}; /* no SA_RESTART: a wait is to end */
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGHUP, &sa, NULL);
}

bool cli_interrupted(void)
{
    return interrupts > 0;
}

/* ---- parsing ---- */

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < n_commands; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[32];
    for (size_t i = 0; i < n_commands; i++)
        names[i] = commands[i].name;
    const char *near = nearest_name(name, names, n_commands);
    if (near)
        return cli_fail(STATUS_USAGE, "no command '%s'; did you mean '%s'?", name, near);
    return cli_fail(STATUS_USAGE, "no command '%s'; `qx help` lists them", name);
}

/* The option of a command that is meant by a name without its dashes, or by a letter after two. -1: none. */
static int near_option(const struct command *c, const char *name)
{
    const char *names[OPT_COUNT];
    int ids[OPT_COUNT], n = 0;
    for (int i = 0; i < OPT_COUNT; i++) {
        if (!(c->options & OPT_BIT(i)))
            continue;
        if (option_specs[i].letter && name[0] == option_specs[i].letter && !name[1])
            return i;
        names[n] = option_specs[i].name;
        ids[n++] = i;
    }
    const char *near = nearest_name(name, names, (size_t)n);
    for (int i = 0; i < n; i++)
        if (near == names[i])
            return ids[i];
    return -1;
}

static int unknown_option(const struct command *c, const char *given)
{
    char name[64];
    const char *start = given + strspn(given, "-");
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(start, "="), start);
    if (!strcmp(name, "task") && !strcmp(c->complete, "TASK"))
        return cli_fail(STATUS_USAGE, "qx %s has no option '%s'; the task is a word of its own: qx %s %s",
                        c->name, given, c->name, c->synopsis);
    int near = strlen(name) > 1 || given[1] == '-' ? near_option(c, name) : -1;
    if (near >= 0 && !name[1])
        return cli_fail(STATUS_USAGE, "qx %s has no option '%s'; did you mean '-%s'?", c->name, given, name);
    if (near >= 0)
        return cli_fail(STATUS_USAGE, "qx %s has no option '%s'; did you mean '--%s'?", c->name, given,
                        option_specs[near].name);
    return cli_fail(STATUS_USAGE, "qx %s has no option '%s'; `qx %s --help` lists them", c->name, given,
                    c->name);
}

/* "-seed" would be -s with the value "eed", and "-plot" a picture named "lot". */
static bool lacks_a_dash(const struct command *c, const char *arg)
{
    size_t len = strcspn(arg + 1, "=");
    for (int i = 0; arg[1] != '-' && len > 1 && i < OPT_COUNT; i++)
        if (c->options & OPT_BIT(i) && strlen(option_specs[i].name) == len &&
            !strncmp(option_specs[i].name, arg + 1, len))
            return true;
    return false;
}

/* Which option an argument names, and where its value starts if it is part of it ("--seed=7", "-n5"). -1: none. */
static int match_option(const struct command *c, const char *arg, const char **ret_value)
{
    *ret_value = NULL;
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *o = &option_specs[i];
        size_t len = strlen(o->name);
        if (!(c->options & OPT_BIT(i)))
            continue;
        if (arg[1] == '-' && !strncmp(arg + 2, o->name, len) && (!arg[2 + len] || arg[2 + len] == '=')) {
            *ret_value = arg[2 + len] ? arg + 3 + len : NULL;
            return i;
        }
        if (o->letter && arg[1] == o->letter && (o->arg || !arg[2])) {
            *ret_value = arg[2] ? arg + 2 : NULL;
            return i;
        }
    }
    return -1;
}

static int set_option(struct cli *cli, int id, const char *value)
{
    const struct option_spec *o = &option_specs[id];
    if (id == OPT_GRID || id == OPT_PLUGINS) {
        const char **list = id == OPT_GRID ? cli->grids : cli->plugins;
        size_t *n = id == OPT_GRID ? &cli->n_grids : &cli->n_plugins;
        if (*n == CLI_GRIDS_MAX)
            return cli_fail(STATUS_USAGE, "--%s given more than %d times", o->name, CLI_GRIDS_MAX);
        list[(*n)++] = value;
    } else if (cli->values[id] && o->arg) {
        return cli_fail(STATUS_USAGE, "--%s given twice", o->name);
    }
    cli->values[id] = value;
    return STATUS_OK;
}

/* "-5" and "-1e3" are values, not options. */
static bool looks_like_option(const char *arg)
{
    return arg[0] == '-' && arg[1] && !(arg[1] >= '0' && arg[1] <= '9') && arg[1] != '.';
}

static int parse(struct cli *cli, int argc, char **argv)
{
    bool rest = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i], *value;
        if (rest || !looks_like_option(arg)) {
            cli->words[cli->n_words++] = arg;
            continue;
        }
        if (!strcmp(arg, "--")) {
            rest = true;
            continue;
        }
        int id = lacks_a_dash(cli->command, arg) ? -1 : match_option(cli->command, arg, &value);
        if (id < 0)
            return unknown_option(cli->command, arg);
        const struct option_spec *o = &option_specs[id];
        if (!o->arg && value)
            return cli_fail(STATUS_USAGE, "--%s takes no value", o->name);
        if (o->arg && !value) {
            if (i + 1 == argc)
                return cli_fail(STATUS_USAGE, "--%s needs a value: %s, %s", o->name, o->arg, o->help);
            value = argv[++i];
        }
        int status = set_option(cli, id, o->arg ? value : "");
        if (status)
            return status;
    }
    return STATUS_OK;
}

static int choose_writer(struct cli *cli)
{
    const char *name = cli->values[OPT_OUTPUT] ? cli->values[OPT_OUTPUT] : "text";
    bool list = !strncmp(name, "csv:", 4) && name[4] && (cli->command->options & OPT_BIT(OPT_SAVE));
    cli->writer = writer_by_name(list ? "csv" : name);
    if (cli->writer || (!strcmp(name, "names") && !strcmp(cli->command->name, "tasks")))
        return STATUS_OK;
    return cli_fail(STATUS_USAGE, "--output %s: want text, json or csv", name);
}

int cli_words(const struct cli *cli, size_t least, size_t most)
{
    if (cli->n_words > most)
        return cli_fail(STATUS_USAGE, "qx %s: what is '%s'? usage: qx %s %s", cli->command->name,
                        cli->words[most], cli->command->name, cli->command->synopsis);
    if (cli->n_words < least)
        return cli_fail(STATUS_USAGE, "usage: qx %s %s", cli->command->name, cli->command->synopsis);
    return STATUS_OK;
}

int cli_job(const struct cli *cli, size_t i, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long job = strtoull(cli->words[i], &end, 10);
    if (*end || end == cli->words[i] || errno || !job || cli->words[i][0] == '-')
        return cli_fail(STATUS_USAGE, "'%s' is not the number of a job; `qx status` lists them",
                        cli->words[i]);
    *ret = job;
    return STATUS_OK;
}

/* ---- masters ---- */

int cli_open(struct cli *cli, bool embed, struct qx_client **ret)
{
    const char *url = cli->values[OPT_MASTER];
    if (!url)
        url = getenv("QX_MASTER");
    if (url && !*url)
        url = NULL;
    if (!url && !embed)
        return cli_fail(STATUS_NO_MASTER,
                        "no master named: `qx %s` needs a running one, by --master URL or QX_MASTER",
                        cli->command->name);
    struct qx_client_options o = {.plugin_dirs = cli->n_plugins ? cli->plugins : NULL};
    if (cli->values[OPT_SLOTS]) {
        struct qx_error why;
        int64_t slots;
        if (value_int(cli->values[OPT_SLOTS], &slots, &why) != QX_ERR_OK || slots < 1 || slots > 4096)
            return cli_fail(STATUS_USAGE, "--slots %s: want 1 .. 4096", cli->values[OPT_SLOTS]);
        o.slots = (uint32_t)slots;
        if (url)
            cli_note(cli, "--slots is for an embedded farm; the one at %s has its own", url);
    }
    struct qx_error err = {0};
    qx_err e = qx_client_open(url, &o, ret, &err);
    return e == QX_ERR_OK ? STATUS_OK : cli_error(&err);
}

int cli_wait_tasks(struct cli *cli, struct qx_client *c, int limit_s)
{
    enum { SILENT_MS = 1000 };
    const char *url = qx_client_address(c);
    bool said = false;
    for (int64_t waited_ms = 0;; waited_ms += SILENT_MS) {
        struct qx_error err = {0};
        qx_err e = qx_client_wait_tasks(c, SILENT_MS, &err);
        if (e == QX_ERR_OK)
            return STATUS_OK;
        if (e != QX_ERR_TIMEOUT && e != QX_ERR_AGAIN)
            return cli_error(&err);
        if (cli_interrupted())
            return cli_fail(STATUS_CANCELLED, "no worker is connected to %s; nothing was submitted", url);
        if (limit_s && waited_ms + SILENT_MS >= (int64_t)limit_s * 1000)
            return cli_fail(STATUS_NO_MASTER,
                            "no worker has connected to %s within %d s, and only workers know tasks "
                            "(qx-worker --master %s "
                            "starts one)",
                            url, limit_s, url);
        if (!said)
            cli_note(cli, "no worker is connected to %s; waiting%s", url, limit_s ? "" : " (Ctrl-C ends)");
        said = true;
    }
}

int cli_check_target(const struct cli *cli, enum option_id id)
{
    const char *path = cli->values[id], *name = option_specs[id].name, *slash;
    struct stat st;
    if (!path)
        return STATUS_OK;
    if (!*path || (!stat(path, &st) && S_ISDIR(st.st_mode)))
        return cli_fail(STATUS_USAGE, "--%s '%s': want the name of a file%s", name, path,
                        *path ? ", this is a folder" : "");
    char *folder = (slash = strrchr(path, '/')) ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return cli_fail(STATUS_FAILED, "out of memory");
    int status = STATUS_OK;
    if (stat(folder, &st))
        status = cli_fail(STATUS_USAGE, "--%s %s: the folder %s: %s", name, path, folder, strerror(errno));
    else if (access(folder, W_OK | X_OK) || (!access(path, F_OK) && access(path, W_OK)))
        status = cli_fail(STATUS_USAGE, "--%s %s: cannot be written: %s", name, path, strerror(errno));
    free(folder);
    return status;
}

/* ---- commands of a line ---- */

int command_version(struct cli *cli)
{
    int status = cli_words(cli, 0, 0);
    if (!status)
        (void)fprintf(cli->out, "qx %s\n", QX_VERSION_STRING);
    return status;
}

int command_help(struct cli *cli)
{
    int status = cli_words(cli, 0, 1);
    if (status)
        return status;
    if (!cli->n_words) {
        help_all(cli->out);
        return STATUS_OK;
    }
    const struct command *c = find_command(cli->words[0]);
    if (!c)
        return unknown_command(cli->words[0]);
    help_command(cli->out, c);
    return STATUS_OK;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    int status = parse(cli, argc, argv);
    if (status)
        return status;
    if (cli->values[OPT_HELP]) {
        help_command(cli->out, cli->command);
        return STATUS_OK;
    }
    status = choose_writer(cli);
    return status ? status : cli->command->run(cli);
}

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "");
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        help_all(stderr);
        return STATUS_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        name = "help";
    if (!strcmp(name, "--version") || !strcmp(name, "-V"))
        name = "version";
    struct cli cli = {.command = find_command(name), .out = stdout, .style = style_for(stdout)};
    if (!cli.command)
        return unknown_command(name);
    cli.words = calloc((size_t)argc, sizeof *cli.words);
    if (!cli.words)
        return cli_fail(STATUS_FAILED, "out of memory");
    int status = run_command(&cli, argc - 2, argv + 2);
    free(cli.words);
    if (fflush(stdout) || ferror(stdout))
        return cli_fail(STATUS_FAILED, "writing the answer: %s", strerror(errno));
    return status;
}
