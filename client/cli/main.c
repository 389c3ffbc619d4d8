/* qx - the farm from the command line. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
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

static int unknown_option(const struct command *c, const char *given)
{
    const char *names[OPT_COUNT];
    size_t n = 0;
    for (int i = 0; i < OPT_COUNT; i++)
        if (c->options & OPT_BIT(i))
            names[n++] = option_specs[i].name;
    const char *near = given[1] == '-' ? nearest_name(given + 2, names, n) : NULL;
    if (near)
        return cli_fail(STATUS_USAGE, "qx %s has no option '%s'; did you mean '--%s'?", c->name, given, near);
    return cli_fail(STATUS_USAGE, "qx %s has no option '%s'; `qx %s --help` lists them", c->name, given,
                    c->name);
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
        int id = match_option(cli->command, arg, &value);
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
    cli->writer = writer_by_name(name);
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
