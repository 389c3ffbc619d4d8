/* qx-conform - does a plugin keep the contract of quincunx/task.h?
 *
 * Each task is checked in a process of its own, so a crash is one failed check. Exit: 0 all met, 1 some failed, 2 usage. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/conform.h"

enum { EXIT_USAGE = 2, PARAMS_MAX = 64, LIMIT_S = 60 };
enum verdict { CONFORMS, FAILS, SKIPPED, VERDICT_COUNT };

static const char usage[] =
    "usage: qx-conform [-n N] [-s SEED] PLUGIN [TASK [name=value ...]]\n"
    "Runs the tasks of a plugin through the contract of quincunx/task.h and prints each check.\n"
    "  -n N      items to look at (default: what fits in half a second, 2 to 2000)\n"
    "  -s SEED   seed (default 1)\n"
    "  -t S      seconds that the checks of one task may take (default 60)\n"
    "A data set is given as the path of a CSV file. Exit: 0 all met, 1 some failed, 2 usage.\n";

struct program {
    struct registry *registry;
    struct data_sets *data;
    uint64_t n_items, seed, limit_s;
    const char *plugin, *task;
    char **given; /* name=value */
    int n_given;
};

/* Shared with the child: where it was if it does not come back, and its verdict, since a task may call exit(). */
struct progress {
    unsigned check;
    bool ended;
    enum verdict verdict;
};

static void print_check(void *arg, const char *check, const char *fault)
{
    const struct task_decl *d = arg;
    (void)printf("%-4s  %-20s  %s%s%s\n", fault ? "FAIL" : "ok", d->name, check, fault ? ": " : "",
                 fault ? fault : "");
    (void)fflush(stdout);
}

/* Splits name=value and turns the path of a data set into its reference. */
static qx_err read_params(struct program *p, const struct task_decl *d, struct param *params,
                          char refs[][BLOB_REF_BYTES], struct qx_error *err)
{
    for (int i = 0; i < p->n_given; i++) {
        params[i].name = p->given[i];
        params[i].value = p->given[i] + strlen(p->given[i]) + 1; /* main() cut it at '=' */
        const struct param_decl *param = task_decl_param(d, params[i].name);
        if (!param || param->type != QX_PARAM_TABLE)
            continue;
        qx_err e = data_sets_add(p->data, params[i].value, refs[i], err);
        if (e != QX_ERR_OK)
            return e;
        params[i].value = refs[i];
    }
    return task_decl_check(d, params, (uint32_t)p->n_given, err);
}

/* In the child. */
static enum verdict check_task(struct program *p, const struct qx_task *task, const struct task_decl *d,
                               volatile unsigned *current)
{
    static char refs[PARAMS_MAX][BLOB_REF_BYTES];
    struct param params[PARAMS_MAX];
    struct qx_error err;
    if (read_params(p, d, params, refs, &err) != QX_ERR_OK) {
        if (!p->task) {
            (void)printf("skip  %-20s  %s\n", d->name, err.text);
            return SKIPPED;
        }
        print_check((void *)(uintptr_t)d, "parameters", err.text);
        return FAILS;
    }
    struct subject s = {.task = task,
                        .decl = d,
                        .params = params,
                        .n_params = (uint32_t)p->n_given,
                        .n_items = p->n_items,
                        .seed = p->seed,
                        .data = p->data,
                        .report = print_check,
                        .report_arg = (void *)(uintptr_t)d};
    return conform_check(&s, current) > 0 ? FAILS : CONFORMS;
}

static void print_ending(const struct program *p, const struct task_decl *d, unsigned check, int status)
{
    char fault[96];
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        (void)snprintf(fault, sizeof fault, "not done within %llu s", (unsigned long long)p->limit_s);
    else if (WIFSIGNALED(status))
        (void)snprintf(fault, sizeof fault, "the task crashed: %s", strsignal(WTERMSIG(status)));
    else
        (void)snprintf(fault, sizeof fault, "the task ended its process with status %d", WEXITSTATUS(status));
    print_check((void *)(uintptr_t)d, conform_check_names[check], fault);
}

static enum verdict check_in_child(struct program *p, const struct qx_task *task, const struct task_decl *d,
                                   volatile struct progress *progress)
{
    int status = 0;
    (void)fflush(NULL);
    progress->check = 0;
    progress->ended = false;
    pid_t child = fork();
    if (child < 0) {
        (void)fprintf(stderr, "qx-conform: fork: %s\n", strerror(errno));
        return FAILS;
    }
    if (child == 0) {
        (void)alarm((unsigned)p->limit_s);
        progress->verdict = check_task(p, task, d, &progress->check);
        progress->ended = true;
        (void)fflush(NULL);
        _exit(EXIT_SUCCESS);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (progress->ended)
        return progress->verdict;
    print_ending(p, d, progress->check, status);
    return FAILS;
}

static int unknown_task(const struct program *p)
{
    const char *names[256];
    size_t n = 0;
    for (size_t i = 0; i < registry_count(p->registry) && n < sizeof names / sizeof *names; i++)
        names[n++] = registry_decl(p->registry, i)->name;
    const char *near = nearest_name(p->task, names, n);
    (void)fprintf(stderr, "qx-conform: %s has no task '%s'%s%s%s\n", p->plugin, p->task,
                  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return EXIT_USAGE;
}

static int check_plugin(struct program *p)
{
    unsigned n = 0, verdicts[VERDICT_COUNT] = {0};
    volatile struct progress *progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED) {
        (void)fprintf(stderr, "qx-conform: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < registry_count(p->registry); i++) {
        const struct task_decl *d = registry_decl(p->registry, i);
        if (p->task && strcmp(p->task, d->name) != 0)
            continue;
        n++;
        verdicts[check_in_child(p, registry_task(p->registry, i), d, progress)]++;
    }
    (void)munmap((void *)(uintptr_t)progress, sizeof *progress);
    if (n == 0)
        return unknown_task(p);
    (void)printf("%s: of %u tasks %u conform, %u fail, %u skipped\n", p->plugin, n, verdicts[CONFORMS],
                 verdicts[FAILS], verdicts[SKIPPED]);
    return verdicts[FAILS] ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool read_options(struct program *p, int argc, char **argv)
{
    struct qx_error err;
    int64_t seed;
    for (int c; (c = getopt(argc, argv, "+n:s:t:h")) != -1;) {
        qx_err e = QX_ERR_OK;
        if (c == 'n') {
            e = value_count(optarg, &p->n_items, &err);
        } else if (c == 's') {
            e = value_int(optarg, &seed, &err);
            p->seed = (uint64_t)seed;
        } else if (c == 't') {
            e = value_count(optarg, &p->limit_s, &err);
        } else {
            (void)fputs(usage, c == 'h' ? stdout : stderr);
            exit(c == 'h' ? EXIT_SUCCESS : EXIT_USAGE);
        }
        if (e != QX_ERR_OK) {
            (void)fprintf(stderr, "qx-conform: -%c: %s\n", c, err.text);
            return false;
        }
    }
    if (optind == argc) {
        (void)fputs(usage, stderr);
        return false;
    }
    p->plugin = argv[optind];
    p->task = optind + 1 < argc ? argv[optind + 1] : NULL;
    p->n_given = argc - optind - 2 > 0 ? argc - optind - 2 : 0;
    p->given = argv + argc - p->n_given;
    for (int i = 0; i < p->n_given; i++) {
        char *equals = strchr(p->given[i], '=');
        if (!equals || i == PARAMS_MAX) {
            (void)fprintf(stderr, "qx-conform: '%s' is not name=value\n", p->given[i]);
            return false;
        }
        *equals = '\0';
    }
    return true;
}

int main(int argc, char **argv)
{
    struct program p = {.seed = 1, .limit_s = LIMIT_S};
    struct qx_error err;
    int status = EXIT_FAILURE;
    if (!read_options(&p, argc, argv))
        return EXIT_USAGE;
    if (registry_new(&p.registry) != QX_ERR_OK || data_sets_new(&p.data) != QX_ERR_OK)
        (void)fprintf(stderr, "qx-conform: out of memory\n");
    else if (registry_load(p.registry, p.plugin, &err) != QX_ERR_OK)
        (void)printf("FAIL  %s\n", err.text);
    else
        status = check_plugin(&p);
    data_sets_free(p.data);
    registry_free(p.registry);
    return status;
}
