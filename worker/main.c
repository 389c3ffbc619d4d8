/* qx-worker: options, then in this order: memory and executors (which are forked), then ZeroMQ. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/error.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/signals.h"
#include "common/zmqx.h"
#include "host/host.h"
#include "worker/supervisor.h"

enum { EXIT_USAGE = 2, NAME_BYTES = 256, PATH_BYTES = 4096 };

static const struct option_decl options[] = {
    {"master", "URL", "tcp://127.0.0.1:5550", "the master's control address: tcp://HOST:PORT or ipc://PATH",
     false},
    {"slots", "N", NULL, "executors, one item at a time each [the cores of this machine]", false},
    {"memory", "SIZE", NULL, "memory an executor may use, e.g. 2G [no limit]", false},
    {"plugins", "DIR", NULL, "folder of task plugins [the one beside this program]", true},
    {"name", "NAME", NULL, "what the farm calls this worker [the host's name]", false},
    {"blob-cache", "SIZE", "1G", "data sets kept for later jobs", false},
    {"log-level", "LEVEL", "info", "error, warn, info or debug", false},
    {"exit-with-parent", NULL, NULL, "end when the process that started this one ends", false},
};

static const struct option_table table = {"qx-worker", "runs the tasks of a Quincunx farm", options,
                                          sizeof options / sizeof *options};

struct settings {
    struct options *given;
    enum qx_log_level level;
    uint64_t slots, memory_bytes, blob_cache_bytes;
    char default_dir[PATH_BYTES], host[NAME_BYTES], name[NAME_BYTES];
    const char **dirs;
    size_t n_dirs;
};

static uint64_t core_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return (uint64_t)(n < POOL_SLOTS_MAX ? n : POOL_SLOTS_MAX);
}

static qx_err read_dirs(struct settings *s, struct qx_error *err)
{
    s->n_dirs = options_count(s->given, "plugins");
    s->dirs = qx_calloc(s->n_dirs + 1, sizeof *s->dirs);
    if (!s->dirs)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < s->n_dirs; i++)
        s->dirs[i] = options_nth(s->given, "plugins", i);
    if (s->n_dirs > 0)
        return QX_ERR_OK;
    qx_err e = registry_default_dir(s->default_dir, sizeof s->default_dir);
    s->dirs[s->n_dirs++] = s->default_dir;
    return e == QX_ERR_OK
               ? e
               : qx_fail(err, e, "no plugin folder is beside this program; name one with --plugins");
}

static qx_err read_settings(struct settings *s, struct qx_error *err)
{
    const struct options *o = s->given;
    qx_err e = qx_log_level_parse(options_text(o, "log-level"), &s->level, err);
    if (e == QX_ERR_OK)
        e = zmqx_address_check(options_text(o, "master"), err);
    if (e == QX_ERR_OK)
        e = options_uint(o, "slots", 1, POOL_SLOTS_MAX, &s->slots, err);
    if (e == QX_ERR_OK)
        e = options_bytes(o, "memory", &s->memory_bytes, err);
    if (e == QX_ERR_OK)
        e = options_bytes(o, "blob-cache", &s->blob_cache_bytes, err);
    if (e == QX_ERR_OK)
        e = read_dirs(s, err);
    if (e != QX_ERR_OK)
        return e;
    if (s->slots == 0)
        s->slots = core_count();
    if (gethostname(s->host, sizeof s->host - 1) != 0)
        (void)snprintf(s->host, sizeof s->host, "?");
    const char *name = options_text(o, "name");
    (void)snprintf(s->name, sizeof s->name, "%s", name ? name : s->host);
    return QX_ERR_OK;
}

static void report(void *arg, const char *event, const char *text)
{
    (void)arg;
    qx_log_limited(QX_LOG_WARN, strcmp(event, "EXECUTOR-DIED") == 0 ? 1000 : 0, event, "%s", text);
}

static int run(const struct settings *s, int signal_fd, int parent)
{
    struct qx_error err;
    struct blobs *blobs = NULL;
    struct pool *pool = NULL;
    int status = 1;
    qx_err e = blobs_new(s->blob_cache_bytes, &blobs, &err);
    if (e == QX_ERR_OK) {
        struct pool_config config = {.slots = (uint32_t)s->slots,
                                     .dirs = s->dirs,
                                     .n_dirs = s->n_dirs,
                                     .memory_bytes = s->memory_bytes,
                                     .folders = *blobs_folders(blobs),
                                     .report = report};
        e = pool_new(&config, &pool, &err);
    }
    if (e == QX_ERR_OK) {
        struct supervisor_config config = {.master = options_text(s->given, "master"),
                                           .name = s->name,
                                           .host = s->host,
                                           .pool = pool,
                                           .blobs = blobs,
                                           .signal_fd = signal_fd,
                                           .parent_pid = parent};
        status = supervisor_run(&config);
    } else {
        qx_log(QX_LOG_ERROR, "WORKER-NOT-STARTED", "why=\"%s\"", err.text);
    }
    pool_free(pool);
    blobs_free(blobs);
    return status;
}

int main(int argc, char **argv)
{
    static struct settings s;
    struct qx_error err;
    bool done = false;
    int signal_fd = -1;
    pid_t parent = getppid();
    qx_err e = options_parse(&table, argc, argv, &s.given, &done, &err);
    if (e == QX_ERR_OK && done)
        return 0;
    if (e == QX_ERR_OK)
        e = read_settings(&s, &err);
    if (e == QX_ERR_OK)
        e = qx_signals_open(&signal_fd, &err);
    if (e != QX_ERR_OK) {
        (void)fprintf(stderr, "qx-worker: %s\n", err.text);
        options_free(s.given);
        qx_free(s.dirs);
        return EXIT_USAGE;
    }
    qx_log_open("qx-worker", s.level);
    bool tied = options_flag(s.given, "exit-with-parent");
    if (tied) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            (void)raise(SIGTERM);
    }
    int status = run(&s, signal_fd, tied ? (int)parent : 0);
    qx_log(QX_LOG_INFO, "WORKER-ENDED", "status=%d", status);
    (void)close(signal_fd);
    options_free(s.given);
    qx_free(s.dirs);
    return status;
}
