#include "client/farm.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build_config.h"
#include "common/error.h"
#include "common/mem.h"
#include "quincunx/client.h"

enum { ADDRESS_BYTES = 108, DRAIN_MS = 400, ARGS_MAX = 64, TAIL_BYTES = 4096 };
enum { MASTER, WORKER, CHILDREN };
#define DIR_PREFIX "qx-farm-"

struct child {
    const char *program;
    pid_t pid; /* 0: not started, or reaped */
    int pidfd; /* -1: none */
};

struct farm {
    char dir[64];
    char address[ADDRESS_BYTES];
    int lock; /* on a file in dir, held while we live */
    struct child children[CHILDREN];
};

static uint32_t cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    return 1;
}

/* ---- finding the programs ---- */

static bool try_program(char *path, size_t len, const char *dir, const char *rel, const char *name)
{
    int n = snprintf(path, len, "%s/%s%s", dir, rel, name);
    return n > 0 && (size_t)n < len && access(path, X_OK) == 0;
}

/* Cuts a path back to its folder. */
static bool folder_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

static bool beside_program(char *path, size_t len, const char *name)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    return folder_of(self) && try_program(path, len, self, "", name);
}

/* Libraries are in lib or lib/<triplet>, programs in bin of the same prefix. */
static bool beside_library(char *path, size_t len, const char *name)
{
    Dl_info info;
    char self[PATH_MAX];
    if (!dladdr((const void *)(uintptr_t)&qx_client_open, &info) || !info.dli_fname ||
        !realpath(info.dli_fname, self))
        return false;
    return folder_of(self) && (try_program(path, len, self, "../bin/", name) ||
                               try_program(path, len, self, "../../bin/", name));
}

static bool on_path(char *path, size_t len, const char *name)
{
    const char *list = getenv("PATH");
    while (list && *list) {
        size_t n = strcspn(list, ":");
        char dir[PATH_MAX];
        if (n && n < sizeof dir) {
            memcpy(dir, list, n);
            dir[n] = '\0';
            if (try_program(path, len, dir, "", name))
                return true;
        }
        list += n + (list[n] == ':');
    }
    return false;
}

static qx_err find_program(const char *name, char *path, size_t len, struct qx_error *err)
{
    const char *dir = getenv("QX_BIN_DIR");
    if (dir && *dir) {
        if (try_program(path, len, dir, "", name))
            return QX_ERR_OK;
        return qx_fail(err, QX_ERR_IO, "no program %s in QX_BIN_DIR=%s", name, dir);
    }
    if (beside_program(path, len, name) || beside_library(path, len, name) || on_path(path, len, name))
        return QX_ERR_OK;
    return qx_fail(
        err, QX_ERR_IO,
        "cannot start an embedded farm: no program %s beside this one, beside libquincunx or on PATH", name);
}

/* ---- the private folder ----
 *
 * A farm holds a lock on a file in its folder for as long as its program lives. A folder whose lock is free belongs to
 * a program that was killed, and is swept away by the next one. */

static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    (void)rmdir(dir);
}

static void sweep_one(const char *parent, const char *name)
{
    char dir[PATH_MAX], lock[PATH_MAX + 8];
    (void)snprintf(dir, sizeof dir, "%s/%s", parent, name);
    (void)snprintf(lock, sizeof lock, "%s/lock", dir);
    int fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return; /* somebody else's, or not locked yet */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        remove_dir(dir);
    close(fd);
}

static void sweep(const char *parent)
{
    DIR *d = opendir(parent);
    for (struct dirent *e; d && (e = readdir(d));)
        if (!strncmp(e->d_name, DIR_PREFIX, sizeof DIR_PREFIX - 1))
            sweep_one(parent, e->d_name);
    if (d)
        closedir(d);
}

/* The lock gets its name when it is held: a sweeper never finds a free one of a living farm. */
static bool take_lock(struct farm *f)
{
    char fresh[sizeof f->dir + 16], lock[sizeof f->dir + 16];
    (void)snprintf(fresh, sizeof fresh, "%s/lock.new", f->dir);
    (void)snprintf(lock, sizeof lock, "%s/lock", f->dir);
    f->lock = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return f->lock >= 0 && flock(f->lock, LOCK_EX | LOCK_NB) == 0 && rename(fresh, lock) == 0;
}

static bool make_dir(struct farm *f, const char *parent)
{
    if (!parent || *parent != '/')
        return false;
    int n = snprintf(f->dir, sizeof f->dir, "%s/%sXXXXXX", parent, DIR_PREFIX);
    if (n <= 0 || (size_t)n >= sizeof f->dir)
        return false;
    sweep(parent);
    if (!mkdtemp(f->dir))
        return false;
    if (take_lock(f))
        return true;
    remove_dir(f->dir);
    return false;
}

static void log_path(const struct farm *f, int child, char *path, size_t len)
{
    (void)snprintf(path, len, "%s/%s.log", f->dir, f->children[child].program);
}

/* ---- children ---- */

/* In the child, between fork and exec: nothing but system calls. It stands in a process group of its own, so that a
 * Ctrl-C at the terminal is our program's affair alone, and dies with the thread that started it, from the first
 * moment on. */
static _Noreturn void become(const char *log, pid_t parent, char *const *argv)
{
    sigset_t none;
    sigemptyset(&none);
    (void)setpgid(0, 0);
    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(out, STDERR_FILENO) < 0)
        _exit(127);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent)
        _exit(127);
    execv(argv[0], argv);
    const char *why = strerrordesc_np(errno);
    ssize_t ignored = write(STDERR_FILENO, why, strlen(why));
    (void)ignored;
    _exit(127);
}

static qx_err child_start(struct farm *f, int which, char *const *argv, struct qx_error *err)
{
    struct child *c = &f->children[which];
    char log[sizeof f->dir + 32];
    log_path(f, which, log, sizeof log);
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        return qx_fail(err, QX_ERR_IO, "cannot start %s: %s", argv[0], strerror(errno));
    if (!pid)
        become(log, parent, argv);
    c->pid = pid;
    (void)setpgid(pid, pid); /* whoever of the two is first */
    c->pidfd = pidfd_open(pid, 0);
    return c->pidfd >= 0 ? QX_ERR_OK
                         : qx_fail(err, QX_ERR_IO, "watching %s: %s", c->program, strerror(errno));
}

static qx_err start_master(struct farm *f, struct qx_error *err)
{
    char path[PATH_MAX];
    qx_err e = find_program("qx-master", path, sizeof path, err);
    if (e != QX_ERR_OK)
        return e;
    char *argv[] = {path, "--bind", f->address, "--exit-with-parent", "--log-level", "warn", NULL};
    return child_start(f, MASTER, argv, err);
}

/* The plugins that come with the worker at `program`; it looks for them itself unless it is given folders. */
static bool own_plugins(const char *program, char *path, size_t len)
{
    static const char *const rels[] = {QX_PLUGIN_DIR_REL_BUILD, QX_PLUGIN_DIR_REL};
    const char *dir = getenv("QX_PLUGIN_DIR");
    char folder[PATH_MAX];
    if (dir && *dir)
        return snprintf(path, len, "%s", dir) < (int)len;
    (void)snprintf(folder, sizeof folder, "%s", program);
    for (size_t i = 0; folder_of(folder) && i < sizeof rels / sizeof *rels; i++) {
        int n = snprintf(path, len, "%s/%s", folder, rels[i]);
        if (n > 0 && (size_t)n < len && access(path, R_OK | X_OK) == 0)
            return true;
        (void)snprintf(folder, sizeof folder, "%s", program);
    }
    return false;
}

static qx_err start_worker(struct farm *f, uint32_t slots, const char *const *plugin_dirs,
                           struct qx_error *err)
{
    char path[PATH_MAX], own[PATH_MAX], count[16];
    qx_err e = find_program("qx-worker", path, sizeof path, err);
    if (e != QX_ERR_OK)
        return e;
    (void)snprintf(count, sizeof count, "%u", slots ? slots : cores());
    char *argv[ARGS_MAX] = {path,  "--master",           f->address,    "--slots",
                            count, "--exit-with-parent", "--log-level", "warn"};
    size_t n = 8;
    if (plugin_dirs && *plugin_dirs && own_plugins(path, own, sizeof own)) {
        argv[n++] = "--plugins";
        argv[n++] = own;
    }
    for (; plugin_dirs && *plugin_dirs && n + 2 < ARGS_MAX; plugin_dirs++) {
        argv[n++] = "--plugins";
        argv[n++] = (char *)(uintptr_t)*plugin_dirs;
    }
    return child_start(f, WORKER, argv, err);
}

qx_err farm_open(uint32_t slots, const char *const *plugin_dirs, struct farm **ret, struct qx_error *err)
{
    struct farm *f = qx_calloc(1, sizeof *f);
    if (!f)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a farm");
    f->children[MASTER] = (struct child){"qx-master", 0, -1};
    f->children[WORKER] = (struct child){"qx-worker", 0, -1};
    f->lock = -1;
    if (!make_dir(f, getenv("XDG_RUNTIME_DIR")) && !make_dir(f, getenv("TMPDIR")) && !make_dir(f, "/tmp")) {
        qx_err e = qx_fail(err, QX_ERR_IO, "cannot make a private folder for an embedded farm in /tmp: %s",
                           strerror(errno));
        qx_free(f);
        return e;
    }
    (void)snprintf(f->address, sizeof f->address, "ipc://%s/m", f->dir);
    qx_err e = start_master(f, err);
    if (e == QX_ERR_OK)
        e = start_worker(f, slots, plugin_dirs, err);
    if (e != QX_ERR_OK) {
        farm_close(f);
        return e;
    }
    *ret = f;
    return QX_ERR_OK;
}

const char *farm_address(const struct farm *f)
{
    return f->address;
}

void farm_fds(const struct farm *f, int ret_fds[2])
{
    ret_fds[0] = f->children[MASTER].pidfd;
    ret_fds[1] = f->children[WORKER].pidfd;
}

/* ---- last words ---- */

/* The last lines of a log on one line, "" if there are none. */
static void tail(const struct farm *f, int which, char *text, size_t len)
{
    char path[sizeof f->dir + 32], buf[TAIL_BYTES + 1];
    log_path(f, which, path, sizeof path);
    text[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    ssize_t n = pread(fd, buf, TAIL_BYTES, from);
    close(fd);
    while (n > 0 && buf[n - 1] == '\n')
        n--;
    if (n <= 0)
        return;
    buf[n] = '\0';
    char *start = buf + n; /* as many whole lines as fit */
    for (char *p = buf + n; p > buf; p--)
        if (p[-1] == '\n') {
            if ((size_t)(buf + n - p) >= len && start != buf + n)
                break;
            start = p;
        }
    if ((size_t)n < len)
        start = buf;
    for (char *p = start; *p; p++)
        if (*p == '\n')
            *p = '|';
    (void)snprintf(text, len, "%s", start);
}

static void add_words(const struct farm *f, int which, struct qx_error *err)
{
    char words[160], so_far[QX_ERROR_TEXT_BYTES];
    tail(f, which, words, sizeof words);
    if (!words[0])
        return;
    memcpy(so_far, err->text, sizeof so_far);
    (void)qx_fail(err, err->code, "%s; %s said: %s", so_far, f->children[which].program, words);
}

void farm_last_words(const struct farm *f, struct qx_error *err)
{
    add_words(f, MASTER, err);
    add_words(f, WORKER, err);
}

static void say_how(const struct child *c, int status, struct qx_error *err)
{
    if (WIFSIGNALED(status))
        (void)qx_fail(err, QX_ERR_IO, "the embedded farm's %s was killed by signal %d (%s)", c->program,
                      WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        (void)qx_fail(err, QX_ERR_IO, "the embedded farm's %s ended with status %d", c->program,
                      WEXITSTATUS(status));
}

bool farm_failed(struct farm *f, struct qx_error *err)
{
    for (int i = 0; i < CHILDREN; i++) {
        struct child *c = &f->children[i];
        int status = 0;
        if (!c->pid || waitpid(c->pid, &status, WNOHANG) != c->pid)
            continue;
        c->pid = 0;
        struct qx_error why = {0};
        say_how(c, status, &why);
        add_words(f, i, &why);
        if (err)
            *err = why;
        return true;
    }
    return false;
}

/* ---- the end ---- */

/* Ends one child: asks, asks again (stop at once), insists. */
static void end_child(struct child *c)
{
    const int signals[] = {SIGTERM, SIGTERM, SIGKILL};
    for (size_t i = 0; c->pid && i < sizeof signals / sizeof *signals; i++) {
        (void)kill(signals[i] == SIGKILL ? -c->pid : c->pid, signals[i]);
        struct pollfd p = {c->pidfd, POLLIN, 0};
        while (poll(&p, 1, signals[i] == SIGKILL ? -1 : DRAIN_MS) < 0 && errno == EINTR)
            ;
        if (waitpid(c->pid, NULL, WNOHANG) == c->pid)
            c->pid = 0;
    }
}

void farm_close(struct farm *f)
{
    if (!f)
        return;
    end_child(&f->children[WORKER]); /* first: it says goodbye to the master */
    end_child(&f->children[MASTER]);
    for (int i = 0; i < CHILDREN; i++)
        if (f->children[i].pidfd >= 0)
            close(f->children[i].pidfd);
    remove_dir(f->dir);
    close(f->lock);
    qx_free(f);
}
