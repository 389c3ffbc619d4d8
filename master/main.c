/* qx-master: options, then the loop. */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "build_config.h"
#include "common/log.h"
#include "common/options.h"
#include "common/zmqx.h"
#include "master/master.h"

static const struct option_decl declared[] = {
    {"bind", "ADDRESS", "tcp://*:5550", "control address; the sink is one port on, lanes ten and more",
     false},
    {"blob-memory", "BYTES", "4G", "how much of the data sets to keep in memory", false},
    {"beat", "MS", "1000", "how often workers report", false},
    {"silent", "MS", "10000", "a worker not heard of for so long is gone", false},
    {"wait-for-worker", "MS", "5000", "how long a submission waits when no worker has joined yet", false},
    {"jobs-kept", "N", "1000", "how many finished jobs to remember", false},
    {"chunk-target", "MS", "25", "aim for so much work in one chunk", false},
    {"log-level", "LEVEL", "info", "error, warn, info or debug", false},
    {"exit-with-parent", NULL, NULL, "stop when the process that started it ends", false},
};

static const struct option_table table = {
    .prog = "qx-master",
    .summary = "The master of a Quincunx farm: takes jobs, gives work to workers, reduces what they find.",
    .options = declared,
    .n_options = sizeof declared / sizeof *declared,
};

static qx_err read_options(const struct options *o, struct master_options *ret, struct qx_error *err)
{
    uint64_t kept = 0, chunk_ms = 0;
    enum qx_log_level level = QX_LOG_INFO;
    ret->bind = options_text(o, "bind");
    qx_err e = options_bytes(o, "blob-memory", &ret->blob_bytes, err);
    if (e == QX_ERR_OK)
        e = options_uint(o, "beat", 10, 60000, &ret->beat_ms, err);
    if (e == QX_ERR_OK)
        e = options_uint(o, "silent", 100, 3600000, &ret->silent_ms, err);
    if (e == QX_ERR_OK)
        e = options_uint(o, "wait-for-worker", 0, 3600000, &ret->park_ms, err);
    if (e == QX_ERR_OK)
        e = options_uint(o, "jobs-kept", 1, 1000000, &kept, err);
    if (e == QX_ERR_OK)
        e = options_uint(o, "chunk-target", 1, 60000, &chunk_ms, err);
    if (e == QX_ERR_OK)
        e = qx_log_level_parse(options_text(o, "log-level"), &level, err);
    ret->jobs_kept = (uint32_t)kept;
    ret->target_chunk_ns = chunk_ms * 1000000;
    qx_log_open("qx-master", level);
    return e == QX_ERR_OK && ret->beat_ms * 2 > ret->silent_ms
               ? qx_fail(err, QX_ERR_INVALID, "--silent must be at least twice --beat")
               : e;
}

/* As many descriptors as the system allows: a lane and its connection a worker. */
static void raise_descriptor_limit(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim))
        return;
    lim.rlim_cur = lim.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &lim);
}

int main(int argc, char **argv)
{
    static struct master m;
    struct options *o = NULL;
    struct qx_error err = {0};
    bool done = false;
    struct master_options opt = {0};
    qx_err e = options_parse(&table, argc, argv, &o, &done, &err);
    if (done)
        return 0;
    if (e == QX_ERR_OK)
        e = read_options(o, &opt, &err);
    if (e != QX_ERR_OK) {
        fprintf(stderr, "qx-master: %s\n", err.text);
        options_free(o);
        return 2;
    }
    if (options_flag(o, "exit-with-parent"))
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    raise_descriptor_limit();
    e = master_open(&m, &opt, &err);
    int code = 1;
    if (e == QX_ERR_OK)
        code = master_run(&m);
    else
        fprintf(stderr, "qx-master: %s\n", err.text);
    master_close(&m);
    options_free(o);
    return code;
}
