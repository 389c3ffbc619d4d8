/* zygote.h - the process that loads the plugins and forks executors: forked by the supervisor before it makes a ZeroMQ
 * context, because nothing may be forked after.
 *
 * It talks over one stream socket. Each message to the supervisor is a head and a body; a command to it is one fixed struct. It ends,
 * and its executors with it, when the socket closes. */
#ifndef QX_WORKER_ZYGOTE_H
#define QX_WORKER_ZYGOTE_H

#include <stdint.h>

#include "worker/blobfile.h"
#include "worker/region.h"

enum zygote_message {
    ZYGOTE_LOADING,     /* body: path of the plugin that is loaded next */
    ZYGOTE_BAD_PLUGIN,  /* body: path, NUL, why, NUL */
    ZYGOTE_READY,       /* body: a control TASK_LIST message */
    ZYGOTE_SPAWNED,     /* body: struct zygote_child */
    ZYGOTE_NOT_SPAWNED, /* body: struct zygote_child, status: errno */
    ZYGOTE_DIED         /* body: struct zygote_child */
};

struct zygote_head {
    uint32_t type, len;
};

struct zygote_child {
    uint32_t slot;
    int32_t pid;
    int32_t status; /* as wait() gives it */
    uint32_t zero;
    uint64_t resident_bytes; /* the most it ever had */
};

enum zygote_verb { ZYGOTE_SPAWN, ZYGOTE_KILL };

struct zygote_command {
    uint32_t verb, slot;
};

struct zygote_config {
    uint32_t n_slots;
    struct region **regions; /* one a slot */
    struct bell *bell;
    const int *wake_fds; /* one a slot */
    int bell_fd;
    const char *const *dirs; /* plugin folders */
    size_t n_dirs;
    const char *const *excluded; /* plugins that must not be loaded: they crashed */
    size_t n_excluded;
    const struct blob_folders *folders;
    uint64_t memory_bytes;
};

/* In the child, after fork. `parent`: the supervisor's pid. */
_Noreturn void zygote_run(const struct zygote_config *config, int socket, int parent);

#endif
