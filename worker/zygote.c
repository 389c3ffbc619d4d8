#include "worker/zygote.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "common/mem.h"
#include "host/host.h"
#include "proto/control.h"
#include "worker/executor.h"

struct zygote {
    const struct zygote_config *config;
    int socket, children_fd;
    struct registry *registry;
    pid_t *pids; /* of each slot's executor, 0: none */
};

/* ---- messages --------------------------------------------------------------------------------------- */

/* The supervisor is gone when this fails: then so are we. */
static void send_all(int fd, const void *data, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, (const uint8_t *)data + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            _exit(0);
        sent += n > 0 ? (size_t)n : 0;
    }
}

static void say(const struct zygote *z, enum zygote_message type, const void *body, size_t len)
{
    struct zygote_head head = {type, (uint32_t)len};
    send_all(z->socket, &head, sizeof head);
    send_all(z->socket, body, len);
}

static void say_bad_plugin(const struct zygote *z, const char *path, const char *why)
{
    struct qx_bytes body = {0};
    if (qx_bytes_append(&body, path, strlen(path) + 1) == QX_ERR_OK &&
        qx_bytes_append(&body, why, strlen(why) + 1) == QX_ERR_OK)
        say(z, ZYGOTE_BAD_PLUGIN, body.data, body.len);
    qx_bytes_fini(&body);
}

/* ---- plugins ---------------------------------------------------------------------------------------- */

static int is_plugin(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 3, ".so") == 0;
}

static void load_plugin(struct zygote *z, const char *path)
{
    for (size_t i = 0; i < z->config->n_excluded; i++) {
        if (strcmp(z->config->excluded[i], path) == 0)
            return;
    }
    struct qx_error err;
    say(z, ZYGOTE_LOADING, path, strlen(path));
    if (registry_load(z->registry, path, &err) != QX_ERR_OK)
        say_bad_plugin(z, path, err.text);
}

static void load_dir(struct zygote *z, const char *dir)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_plugin, alphasort);
    if (n < 0) {
        say_bad_plugin(z, dir, strerror(errno));
        return;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        load_plugin(z, path);
        free(entries[i]); /* NOLINT: scandir's */
    }
    free(entries);
}

static void say_ready(const struct zygote *z)
{
    size_t n = registry_count(z->registry);
    struct task_decl *tasks = qx_calloc(n + 1, sizeof *tasks);
    QX_BUG_ON(!tasks);
    for (size_t i = 0; i < n; i++)
        tasks[i] = *registry_decl(z->registry, i);
    struct control c = {.type = CONTROL_TASK_LIST, .u.task_list = {.n = (uint32_t)n, .tasks = tasks}};
    struct qx_bytes body = {0};
    QX_BUG_ON(control_encode(&c, &body) != QX_ERR_OK);
    say(z, ZYGOTE_READY, body.data, body.len);
    qx_bytes_fini(&body);
    qx_free(tasks);
}

/* Executors are as many as there are cores: a library that starts a thread a core would only be in the way. */
static void one_thread_each(void)
{
    static const char *const names[] = {"OMP_NUM_THREADS",  "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                                        "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS",  "GOTO_NUM_THREADS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)setenv(names[i], "1", 1);
}

/* ---- executors -------------------------------------------------------------------------------------- */

_Noreturn static void become_executor(struct zygote *z, uint32_t slot, pid_t zygote_pid)
{
    const struct zygote_config *c = z->config;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != zygote_pid)
        _exit(0);
    char name[16];
    (void)snprintf(name, sizeof name, "qx-exec-%u", slot % 10000);
    (void)prctl(PR_SET_NAME, name);
    (void)close(z->socket);
    (void)close(z->children_fd);
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (i == slot)
            continue;
        (void)close(c->wake_fds[i]);
        (void)munmap(c->regions[i], sizeof *c->regions[i]);
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    struct executor_config config = {.region = c->regions[slot],
                                     .bell = c->bell,
                                     .wake_fd = c->wake_fds[slot],
                                     .bell_fd = c->bell_fd,
                                     .registry = z->registry,
                                     .folders = c->folders,
                                     .memory_bytes = c->memory_bytes};
    executor_run(&config);
}

static void spawn(struct zygote *z, uint32_t slot)
{
    pid_t me = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become_executor(z, slot, me);
    struct zygote_child child = {.slot = slot, .pid = pid};
    if (pid < 0) {
        child.status = errno;
        say(z, ZYGOTE_NOT_SPAWNED, &child, sizeof child);
        return;
    }
    z->pids[slot] = pid;
    say(z, ZYGOTE_SPAWNED, &child, sizeof child);
}

static void reap(struct zygote *z)
{
    struct signalfd_siginfo info;
    while (read(z->children_fd, &info, sizeof info) > 0)
        continue;
    int status = 0;
    struct rusage usage;
    for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        for (uint32_t slot = 0; slot < z->config->n_slots; slot++) {
            if (z->pids[slot] != pid)
                continue;
            z->pids[slot] = 0;
            struct zygote_child child = {.slot = slot,
                                         .pid = pid,
                                         .status = status,
                                         .resident_bytes = (uint64_t)usage.ru_maxrss << 10};
            say(z, ZYGOTE_DIED, &child, sizeof child);
        }
    }
}

static void obey(struct zygote *z)
{
    struct zygote_command command;
    ssize_t n = recv(z->socket, &command, sizeof command, MSG_WAITALL);
    if (n < 0 && errno == EINTR)
        return;
    if (n != (ssize_t)sizeof command || command.slot >= z->config->n_slots)
        _exit(0);
    pid_t pid = z->pids[command.slot];
    if (command.verb == ZYGOTE_SPAWN && pid == 0)
        spawn(z, command.slot);
    else if (command.verb == ZYGOTE_KILL && pid > 0)
        (void)kill(pid, SIGKILL);
}

/* ---- the process ------------------------------------------------------------------------------------ */

/* Whatever else the supervisor has open, sockets above all, must not live on here. */
static void close_others(const struct zygote *z)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        bool keep = fd <= STDERR_FILENO || fd == dirfd(dir) || fd == z->socket || fd == z->config->bell_fd;
        for (uint32_t i = 0; i < z->config->n_slots && !keep; i++)
            keep = fd == z->config->wake_fds[i];
        if (!keep)
            (void)close(fd);
    }
    (void)closedir(dir);
}

/* The supervisor decides what a signal to the process group means. Nothing here reads its input, and what tasks print goes where
 * logs go. */
static void settle(struct zygote *z, int parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* what tasks start and leave behind is reaped here */
    (void)prctl(PR_SET_NAME, "qx-zygote");
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)signal(ignored[i], SIG_IGN);
    sigset_t children;
    (void)sigemptyset(&children);
    (void)sigaddset(&children, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &children, NULL);
    close_others(z);
    z->children_fd = signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
    z->pids = qx_calloc(z->config->n_slots, sizeof *z->pids);
    QX_BUG_ON(z->children_fd < 0 || !z->pids);
}

_Noreturn void zygote_run(const struct zygote_config *config, int socket, int parent)
{
    struct zygote z = {.config = config, .socket = socket};
    settle(&z, parent);
    one_thread_each();
    QX_BUG_ON(registry_new(&z.registry) != QX_ERR_OK);
    for (size_t i = 0; i < config->n_dirs; i++)
        load_dir(&z, config->dirs[i]);
    say_ready(&z);
    for (;;) {
        struct pollfd fds[] = {{.fd = socket, .events = POLLIN}, {.fd = z.children_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            _exit(1);
        if (fds[1].revents)
            reap(&z);
        if (fds[0].revents)
            obey(&z);
    }
}
