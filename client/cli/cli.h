/* cli.h - what the files of `qx` share: one run of the program, its options, its commands. */
#ifndef QX_CLI_CLI_H
#define QX_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "client/cli/writer.h"
#include "quincunx/client.h"

enum exit_status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_NO_MASTER = 3,
    STATUS_CANCELLED = 4
};

enum option_id {
    OPT_N,
    OPT_SEED,
    OPT_GRID,
    OPT_UNTIL,
    OPT_CHUNK,
    OPT_SLOTS,
    OPT_MASTER,
    OPT_OUTPUT,
    OPT_PLOT,
    OPT_KEEP,
    OPT_SAVE,
    OPT_QUIET,
    OPT_PRIORITY,
    OPT_LABEL,
    OPT_ATTEMPTS,
    OPT_TIMEOUT,
    OPT_BUDGET,
    OPT_PLUGINS,
    OPT_TASK_VERSION,
    OPT_PARTIAL,
    OPT_TASK,
    OPT_CELL,
    OPT_HELP,
    OPT_COUNT
};
#define OPT_BIT(id) (1u << (id))

struct option_spec {
    char letter;            /* 0: none */
    const char *name, *arg; /* arg NULL: a flag */
    const char *help;
    bool repeats;
    const char *complete; /* words, "FILE", "DIR", "TASK", "PARAM", or "" */
};
extern const struct option_spec option_specs[OPT_COUNT];

struct cli;
struct command {
    const char *name, *synopsis, *help;
    int (*run)(struct cli *cli);
    uint32_t options;     /* OPT_BIT of what it takes */
    const char *complete; /* positionals: "TASK", "JOB", words, or "" */
    const char *details;  /* more lines of help; may be NULL */
};
extern const struct command commands[];
extern const size_t n_commands;

enum { WORKER_S = 30 }; /* how long a command that does not stay waits for a farm's first worker */
enum { CLI_GRIDS_MAX = 16, CLI_PLUGINS_MAX = 16 };

struct cli {
    const struct command *command;
    const char **words; /* positionals after the command */
    size_t n_words;
    const char *values[OPT_COUNT]; /* last value given; flags: "" when set; NULL: not given */
    const char *grids[CLI_GRIDS_MAX];
    const char *plugins[CLI_PLUGINS_MAX + 1];
    size_t n_grids, n_plugins;
    const struct writer *writer;
    FILE *out;
    struct style style; /* of out */
};

/* `qx: ...` on stderr. Gives `status`, so that `return cli_fail(...)` says and ends. */
int cli_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for an error of the library: its text, and the status that its code means. */
int cli_error(const struct qx_error *err);
int cli_status(qx_err code);
/* A line on stderr unless --quiet. */
void cli_note(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Opens the master that was named, or, where `embed`, a farm of its own. Says what went wrong. STATUS_OK or the status
 * to end with. */
int cli_open(struct cli *cli, bool embed, struct qx_client **ret);
/* Until the farm knows tasks, that is until its first worker has come: says that it waits, and gives up after limit_s
 * (0: never) or on Ctrl-C. STATUS_OK or the status to end with. */
int cli_wait_tasks(struct cli *cli, struct qx_client *c, int limit_s);
/* May the file that this option names be written? Told before anything is submitted. */
int cli_check_target(const struct cli *cli, enum option_id id);
/* The positional at `i` as a job number. */
int cli_job(const struct cli *cli, size_t i, uint64_t *ret);
/* Refuses more than `most` positionals, and fewer than `least`. */
int cli_words(const struct cli *cli, size_t least, size_t most);

/* Signals: Ctrl-C raises a flag; the second one ends the program at once. */
void cli_catch_signals(void);
bool cli_interrupted(void);

int command_run(struct cli *cli);
int command_submit(struct cli *cli);
int command_status(struct cli *cli);
int command_wait(struct cli *cli);
int command_results(struct cli *cli);
int command_cancel(struct cli *cli);
int command_extend(struct cli *cli);
int command_tasks(struct cli *cli);
int command_workers(struct cli *cli);
int command_replay(struct cli *cli);
int command_version(struct cli *cli);
int command_completion(struct cli *cli);
int command_help(struct cli *cli);

/* The help of an option, as it reads for this command. */
const char *option_help(const struct command *c, enum option_id id);
void help_all(FILE *to);
void help_command(FILE *to, const struct command *c);

#endif
