/* The tables of commands and options: parsing, help and completion are all made from them. */
#include <string.h>

#include "client/cli/cli.h"

const struct option_spec option_specs[OPT_COUNT] = {
    [OPT_N] = {'n', "items", "N", "items to run (of each grid cell), e.g. 1e8", false, ""},
    [OPT_SEED] = {'s', "seed", "S", "seed, 0 .. 2^63-1; without it one is drawn and shown", false, ""},
    [OPT_GRID] =
        {'g', "grid", "NAME=SPEC",
         "a cell for each value of a parameter: ms=1:5:0.5 or stat=mean(x),sd(x); several are crossed", true,
         "PARAM"},
    [OPT_UNTIL] = {'u', "until", "RULE",
                   "stop when it holds: 'se<1e-4', 'n>=1000,width<0.02', or what the task says", false, ""},
    [OPT_CHUNK] = {'c', "chunk", "auto|N", "items sent to a slot at once (default auto: by measured cost)",
                   false, "auto"},
    [OPT_SLOTS] = {0, "slots", "N", "slots of the embedded farm (default: one a core)", false, ""},
    [OPT_MASTER] = {'m', "master", "URL",
                    "tcp://host:5550 or ipc://path (default: $QX_MASTER, else an embedded farm)", false, ""},
    [OPT_OUTPUT] = {'o', "output", "FORMAT", "text, json, csv, or csv:LIST for one list of it", false,
                    "text json csv"},
    [OPT_PLOT] = {'p', "plot", "FILE", "draw the answer: .png, .svg or .pdf (needs gnuplot)", false, "FILE"},
    [OPT_KEEP] = {'k', "keep", "FILE", "write each item's outputs as CSV, in index order", false, "FILE"},
    [OPT_SAVE] = {0, "save", "DIR", "write the files of the answer (draws, tables) into this folder", false,
                  "DIR"},
    [OPT_QUIET] = {'q', "quiet", NULL, "no progress and no notes", false, ""},
    [OPT_PRIORITY] = {0, "priority", "P", "-100 .. 100; higher goes first (default 0)", false, ""},
    [OPT_LABEL] = {0, "label", "TEXT", "a name for the job in lists", false, ""},
    [OPT_ATTEMPTS] = {0, "attempts", "N",
                      "executors that an item may crash before it counts as failed (default 3)", false, ""},
    [OPT_TIMEOUT] = {0, "timeout", "SECONDS", "an item may run so long (default: no limit)", false, ""},
    [OPT_BUDGET] = {0, "budget", "BYTES", "an item may write so much (default 1 MiB)", false, ""},
    [OPT_PLUGINS] = {0, "plugins", "DIR", "one more folder with plugins, for the embedded farm", true, "DIR"},
    [OPT_TASK_VERSION] = {0, "task-version", "V", "this version of the task (default: the newest)", false,
                          ""},
    [OPT_PARTIAL] = {0, "partial", NULL, "of a running job: what its finished prefix says", false, ""},
    [OPT_TASK] = {'t', "task", "TASK", "replay without a master: the task, with its name=value and --seed",
                  false, "TASK"},
    [OPT_CELL] = {0, "cell", "C", "which cell of a grid, from 0 (default 0)", false, ""},
    [OPT_HELP] = {'h', "help", NULL, "show this help", false, ""},
};

#define COMMON (OPT_BIT(OPT_MASTER) | OPT_BIT(OPT_HELP))
#define LISTS  (COMMON | OPT_BIT(OPT_OUTPUT))
#define FARM   (OPT_BIT(OPT_SLOTS) | OPT_BIT(OPT_PLUGINS))
#define JOB                                                                                                  \
    (OPT_BIT(OPT_N) | OPT_BIT(OPT_SEED) | OPT_BIT(OPT_GRID) | OPT_BIT(OPT_UNTIL) | OPT_BIT(OPT_CHUNK) |      \
     OPT_BIT(OPT_PRIORITY) | OPT_BIT(OPT_LABEL) | OPT_BIT(OPT_ATTEMPTS) | OPT_BIT(OPT_TIMEOUT) |             \
     OPT_BIT(OPT_BUDGET) | OPT_BIT(OPT_TASK_VERSION))
#define ANSWER (OPT_BIT(OPT_OUTPUT) | OPT_BIT(OPT_PLOT) | OPT_BIT(OPT_SAVE) | OPT_BIT(OPT_QUIET))

const struct command commands[] = {
    {"run", "TASK [name=value...]", "run a job and show its answer", command_run,
     COMMON | FARM | JOB | ANSWER | OPT_BIT(OPT_KEEP), "TASK",
     "Ctrl-C cancels, and shows what the finished items say; twice ends at once.\n\n"
     "  qx run pi -n 1e7\n"
     "  qx run mc.integrate expr='exp(-x*y)' over='x=0:1,y=0:1' --until 'se<1e-4' --seed 7\n"
     "  qx run boot data=law.csv stat='cor(LSAT,GPA)' ci=bca -n 20000 --plot law.png\n"},
    {"submit", "TASK [name=value...]", "hand a job to a master and print its number", command_submit,
     COMMON | JOB | OPT_BIT(OPT_OUTPUT), "TASK",
     "The job goes on when this program ends: see `qx status`, `qx wait`, `qx results`.\n"
     "Of a task that works in rounds it is the first round alone; `qx run` goes through all.\n"},
    {"status", "[JOB]", "list the jobs of a master, or show one", command_status, LISTS, "JOB", NULL},
    {"wait", "JOB", "wait for a job and show its answer", command_wait, COMMON | ANSWER, "JOB",
     "Ctrl-C stops waiting; the job goes on.\n"},
    {"results", "JOB", "show the answer of a job", command_results, COMMON | ANSWER | OPT_BIT(OPT_PARTIAL),
     "JOB", NULL},
    {"cancel", "JOB", "end a job", command_cancel, COMMON | OPT_BIT(OPT_QUIET), "JOB", NULL},
    {"extend", "JOB -n N", "let a job go on to N items", command_extend,
     COMMON | OPT_BIT(OPT_N) | OPT_BIT(OPT_QUIET), "JOB",
     "The answer is then that of a fresh job of N items, to the last bit.\n"},
    {"tasks", "[NAME]", "list the tasks of a farm, or explain one", command_tasks, LISTS | FARM, "TASK",
     NULL},
    {"workers", "", "list the workers of a master", command_workers, LISTS, "", NULL},
    {"replay", "JOB ITEM | --task TASK [name=value...] --seed S ITEM", "run one item again in this process",
     command_replay,
     COMMON | OPT_BIT(OPT_TASK) | OPT_BIT(OPT_TASK_VERSION) | OPT_BIT(OPT_SEED) | OPT_BIT(OPT_CELL) |
         OPT_BIT(OPT_PLUGINS) | OPT_BIT(OPT_OUTPUT),
     "JOB", "So that it can be looked at under gdb:  gdb --args qx replay 12 4711\n"},
    {"version", "", "show the version", command_version, OPT_BIT(OPT_HELP), "", NULL},
    {"completion", "bash|zsh|fish", "print a completion script", command_completion, OPT_BIT(OPT_HELP),
     "bash zsh fish",
     "  source <(qx completion bash)\n"
     "  qx completion fish > ~/.config/fish/completions/qx.fish\n"},
    {"help", "[COMMAND]", "show help", command_help, OPT_BIT(OPT_HELP), "COMMAND", NULL},
};
const size_t n_commands = sizeof commands / sizeof *commands;

const char *option_help(const struct command *c, enum option_id id)
{
    bool replays = !strcmp(c->name, "replay"), extends = !strcmp(c->name, "extend");
    if (id == OPT_MASTER && !(c->options & OPT_BIT(OPT_SLOTS)))
        return "tcp://host:5550 or ipc://path (default: $QX_MASTER)";
    if (id == OPT_N && extends)
        return "items that the job is to have in all, e.g. 1e8";
    if (id == OPT_SEED && replays)
        return "with --task: the seed of the job that the item is of";
    if (id == OPT_TASK_VERSION && replays)
        return "with --task: this version of it (default: the newest)";
    if (id == OPT_PLUGINS && replays)
        return "one more folder with plugins";
    return option_specs[id].help;
}

void help_all(FILE *to)
{
    (void)fputs("usage: qx COMMAND [options]\n\nRuns statistical tasks on a farm of workers: the one that "
                "--master or $QX_MASTER names,\n"
                "or one of its own on this machine.\n\ncommands:\n",
                to);
    for (size_t i = 0; i < n_commands; i++)
        (void)fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].help);
    (void)fputs("\n`qx COMMAND --help` explains a command, `qx tasks` lists the tasks, `qx tasks NAME` "
                "explains one.\n"
                "exit status: 0 ok, 1 the job failed, 2 usage, 3 no master, 4 cancelled\n",
                to);
}

void help_command(FILE *to, const struct command *c)
{
    (void)fprintf(to, "usage: qx %s %s%s[options]\n\n%s\n\noptions:\n", c->name, c->synopsis,
                  *c->synopsis ? " " : "", c->help);
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *o = &option_specs[i];
        char left[48], letter[8] = "    ";
        if (!(c->options & OPT_BIT(i)))
            continue;
        if (o->letter)
            (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
        (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? " " : "",
                       o->arg ? o->arg : "");
        (void)fprintf(to, "  %-25s %s\n", left, option_help(c, (enum option_id)i));
    }
    if (c->details)
        (void)fprintf(to, "\n%s", c->details);
}
