#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/mem.h"
#include "worker/pool_impl.h"

enum { MESSAGE_BYTES_MAX = 64 << 20, RESPAWN_MS = 100, RESPAWN_MAX_MS = 5000 };

/* ---- births and deaths ------------------------------------------------------------------------------ */

static void command(struct pool *p, enum zygote_verb verb, uint32_t slot)
{
    struct zygote_command c = {verb, slot};
    /* A zygote that does not read has died: its end of the socket says so. */
    if (p->zygote_fd >= 0)
        (void)send(p->zygote_fd, &c, sizeof c, MSG_NOSIGNAL);
}

void zygote_spawn(struct pool *p, struct slot *s, uint64_t now_ns)
{
    slot_move(s, SLOT_EV_SPAWN);
    slot_reset(s);
    s->incarnation++;
    s->born_ns = now_ns;
    command(p, ZYGOTE_SPAWN, s->index);
}

void zygote_kill(struct pool *p, struct slot *s, enum kill_reason why)
{
    if (s->state != SLOT_LIVE && s->state != SLOT_SPAWNING)
        return;
    slot_move(s, SLOT_EV_KILL);
    s->why = why;
    command(p, ZYGOTE_KILL, s->index);
}

/* An executor that keeps dying with nothing to do is tried again more and more slowly. */
static void slot_died(struct pool *p, struct slot *s, int status, uint64_t resident_bytes, uint64_t now_ns)
{
    slot_move(s, SLOT_EV_DIED);
    s->pid = 0;
    s->status = status;
    s->resident_bytes = resident_bytes;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && s->why == KILL_NONE)
        s->starved = oom_watch_take(&p->oom, now_ns);
    s->respawn_ns = now_ns;
    p->deaths++;
    if (s->queue.n > 0 || p->stopping)
        return;
    s->idle_deaths++;
    if (s->idle_deaths > 1) {
        uint64_t wait_ms = (uint64_t)RESPAWN_MS << (s->idle_deaths < 8 ? s->idle_deaths : 8);
        s->respawn_ns += (wait_ms < RESPAWN_MAX_MS ? wait_ms : RESPAWN_MAX_MS) * NS_PER_MS;
    }
    pool_report(p, "EXECUTOR-DIED", "slot=%u status=0x%x in_a_row=%u", s->index, (unsigned)status,
                s->idle_deaths);
}

static void on_child(struct pool *p, enum zygote_message type, const struct zygote_child *child,
                     uint64_t now_ns)
{
    if (child->slot >= p->config.slots)
        return;
    struct slot *s = &p->slots[child->slot];
    if (type == ZYGOTE_SPAWNED) {
        s->pid = child->pid;
        slot_move(s, SLOT_EV_BORN);
        if (s->state == SLOT_DYING) /* the kill may have overtaken the birth */
            command(p, ZYGOTE_KILL, s->index);
        return;
    }
    if (type == ZYGOTE_NOT_SPAWNED)
        pool_report(p, "EXECUTOR-NOT-STARTED", "slot=%u why=\"%s\"", s->index, strerror(child->status));
    slot_died(p, s, child->status, child->resident_bytes, now_ns);
    s->lost_with_zygote |= type == ZYGOTE_NOT_SPAWNED;
    if (type == ZYGOTE_NOT_SPAWNED)
        s->respawn_ns = now_ns + NS_PER_S;
}

/* ---- messages --------------------------------------------------------------------------------------- */

static void on_bad_plugin(struct pool *p, const char *body, size_t len)
{
    size_t path = strnlen(body, len);
    if (path + 1 < len)
        pool_report(p, "PLUGIN-REFUSED", "path=%s why=\"%.*s\"", body, (int)(len - path - 1),
                    body + path + 1);
}

static qx_err on_ready(struct pool *p, const void *body, size_t len, struct qx_error *err)
{
    struct control c;
    qx_err e = control_decode(body, len, &c, err);
    if (e != QX_ERR_OK)
        return e;
    p->loading[0] = '\0';
    if (p->new_tasks.type == CONTROL_TASK_LIST)
        control_fini(&p->new_tasks);
    p->new_tasks = (struct control){0};
    bool same = len == p->task_bytes.len && memcmp(body, p->task_bytes.data, len) == 0;
    bool first = p->tasks.type != CONTROL_TASK_LIST;
    if (first)
        p->tasks = c;
    else if (same)
        control_fini(&c);
    else
        p->new_tasks = c;
    qx_bytes_clear(&p->task_bytes);
    return qx_bytes_append(&p->task_bytes, body, len);
}

/* Acts on the whole messages in the inbox. *ret_ready: one of them was READY. */
static qx_err take_messages(struct pool *p, uint64_t now_ns, bool *ret_ready, struct qx_error *err)
{
    size_t at = 0;
    qx_err e = QX_ERR_OK;
    while (e == QX_ERR_OK && p->inbox.len - at >= sizeof(struct zygote_head)) {
        struct zygote_head head;
        memcpy(&head, p->inbox.data + at, sizeof head);
        if (head.len > MESSAGE_BYTES_MAX)
            return qx_fail(err, QX_ERR_PROTO, "a message of %u bytes from the plugin loader", head.len);
        if (p->inbox.len - at - sizeof head < head.len)
            break;
        const char *body = (const char *)p->inbox.data + at + sizeof head;
        struct zygote_child child;
        if (head.type == ZYGOTE_LOADING)
            (void)snprintf(p->loading, sizeof p->loading, "%.*s", (int)head.len, body);
        else if (head.type == ZYGOTE_BAD_PLUGIN)
            on_bad_plugin(p, body, head.len);
        else if (head.type == ZYGOTE_READY) {
            e = on_ready(p, body, head.len, err);
            *ret_ready = true;
        } else if (head.len == sizeof child) {
            memcpy(&child, body, sizeof child);
            on_child(p, (enum zygote_message)head.type, &child, now_ns);
        }
        at += sizeof head + head.len;
    }
    if (at > 0) {
        memmove(p->inbox.data, p->inbox.data + at, p->inbox.len - at);
        p->inbox.len -= at;
    }
    return e;
}

/* Reads what there is. False: the zygote closed its end. */
static bool read_socket(struct pool *p)
{
    for (;;) {
        size_t len = p->inbox.len;
        if (qx_bytes_reserve(&p->inbox, len + 65536) != QX_ERR_OK)
            return false;
        ssize_t n = recv(p->zygote_fd, p->inbox.data + len, 65536, MSG_DONTWAIT);
        if (n > 0)
            p->inbox.len += (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return false;
        else if (errno == EAGAIN)
            return true;
    }
}

/* ---- the zygote itself ------------------------------------------------------------------------------- */

static qx_err fork_zygote(struct pool *p, struct qx_error *err)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return qx_fail(err, QX_ERR_IO, "socketpair: %s", strerror(errno));
    struct zygote_config config = {.n_slots = p->config.slots,
                                   .regions = p->regions,
                                   .bell = p->bell,
                                   .wake_fds = p->wake_fds,
                                   .bell_fd = p->bell_fd,
                                   .dirs = p->config.dirs,
                                   .n_dirs = p->config.n_dirs,
                                   .excluded = (const char *const *)p->excluded,
                                   .n_excluded = p->n_excluded,
                                   .folders = &p->config.folders,
                                   .memory_bytes = p->config.memory_bytes};
    int parent = getpid();
    p->zygote_pid = fork();
    if (p->zygote_pid == 0) {
        (void)sched_setaffinity(0, sizeof p->cpus, &p->cpus);
        zygote_run(&config, fds[1], parent);
    }
    (void)close(fds[1]);
    if (p->zygote_pid < 0) {
        (void)close(fds[0]);
        return qx_fail(err, QX_ERR_IO, "fork: %s", strerror(errno));
    }
    p->zygote_fd = fds[0];
    p->inbox.len = 0;
    p->loading[0] = '\0';
    return QX_ERR_OK;
}

/* Waits for the zygote's end and gives its status. */
static int bury_zygote(struct pool *p, bool kill_it)
{
    int status = 0;
    if (kill_it)
        (void)kill(p->zygote_pid, SIGKILL);
    (void)close(p->zygote_fd);
    while (waitpid(p->zygote_pid, &status, 0) < 0 && errno == EINTR)
        continue;
    p->zygote_fd = -1;
    p->zygote_pid = 0;
    return status;
}

/* The plugin it was loading is left out from now on. */
static qx_err exclude(struct pool *p, int status, bool hung, struct qx_error *err)
{
    char why[64];
    if (hung)
        (void)snprintf(why, sizeof why, "it took more than %d s", POOL_LOAD_MS / 1000);
    else if (WIFSIGNALED(status))
        (void)snprintf(why, sizeof why, "signal %d (SIG%s)", WTERMSIG(status),
                       sigabbrev_np(WTERMSIG(status)));
    else
        (void)snprintf(why, sizeof why, "exit %d", WEXITSTATUS(status));
    if (p->loading[0] == '\0')
        return qx_fail(err, QX_ERR_IO, "the process that loads plugins ended: %s", why);
    pool_report(p, "PLUGIN-CRASHED", "path=%s why=\"%s while it was loaded\"", p->loading, why);
    char *path = qx_strdup(p->loading);
    if (!path || qx_grow(&p->excluded, &p->cap_excluded, p->n_excluded + 1, sizeof *p->excluded) < 0) {
        qx_free(path);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    }
    p->excluded[p->n_excluded++] = path;
    return QX_ERR_OK;
}

/* Until READY (true) or its end; *ret_hung: neither came in time after the last message. */
static bool wait_ready(struct pool *p, bool *ret_hung, struct qx_error *err, qx_err *ret_e)
{
    bool ready = false;
    while (!ready && *ret_e == QX_ERR_OK) {
        struct pollfd fd = {.fd = p->zygote_fd, .events = POLLIN};
        int n = poll(&fd, 1, POOL_LOAD_MS);
        if (n < 0 && errno == EINTR)
            continue;
        *ret_hung = n == 0;
        if (n <= 0)
            return false;
        bool open = read_socket(p);
        *ret_e = take_messages(p, clock_ns(), &ready, err);
        if (!open && !ready)
            return false;
    }
    return ready;
}

qx_err zygote_start(struct pool *p, struct qx_error *err)
{
    for (;;) {
        qx_err e = fork_zygote(p, err);
        if (e != QX_ERR_OK)
            return e;
        bool hung = false;
        if (wait_ready(p, &hung, err, &e))
            return QX_ERR_OK;
        int status = bury_zygote(p, hung || e != QX_ERR_OK);
        if (e == QX_ERR_OK)
            e = exclude(p, status, hung, err);
        if (e != QX_ERR_OK)
            return e;
    }
}

/* Executors die with the zygote; they are our children then (PR_SET_CHILD_SUBREAPER), and are waited for so that none of them
 * writes into memory that the next one uses. What they ran is nobody's failed attempt. */
static void zygote_lost(struct pool *p, uint64_t now_ns)
{
    int status = bury_zygote(p, true);
    pool_report(p, "ZYGOTE-LOST", "status=0x%x", (unsigned)status);
    for (uint32_t i = 0; i < p->config.slots; i++) {
        struct slot *s = &p->slots[i];
        if (s->state == SLOT_EMPTY || s->state == SLOT_DEAD)
            continue;
        if (s->pid > 0) {
            (void)kill(s->pid, SIGKILL);
            while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        }
        slot_died(p, s, SIGKILL, 0, now_ns);
        s->lost_with_zygote = true;
        s->idle_deaths = 0;
        s->respawn_ns = now_ns;
    }
    p->zygote_retry_ns = now_ns;
}

void pool_receive(struct pool *p, uint64_t now_ns)
{
    if (p->zygote_fd < 0)
        return;
    bool ready = false;
    bool open = read_socket(p);
    qx_err e = take_messages(p, now_ns, &ready, NULL);
    if (!open || e != QX_ERR_OK)
        zygote_lost(p, now_ns);
}

static bool all_gone(const struct pool *p)
{
    for (uint32_t i = 0; i < p->config.slots; i++) {
        const struct slot *s = &p->slots[i];
        if ((s->state == SLOT_LIVE || s->state == SLOT_SPAWNING) && s->queue.n == 0)
            return false;
    }
    return true;
}

void zygote_stop(struct pool *p)
{
    p->stopping = true;
    for (uint32_t i = 0; i < p->config.slots; i++) {
        uint64_t one = 1;
        atomic_store(&p->slots[i].region->stop, 1);
        ssize_t n = write(p->slots[i].wake_fd, &one, sizeof one);
        (void)n;
    }
    for (uint64_t end_ns = clock_ns() + NS_PER_S; p->zygote_fd >= 0 && !all_gone(p) && clock_ns() < end_ns;) {
        struct pollfd fd = {.fd = p->zygote_fd, .events = POLLIN};
        (void)poll(&fd, 1, 100);
        pool_receive(p, clock_ns());
    }
    if (p->zygote_fd >= 0)
        (void)bury_zygote(p, false); /* it ends when the socket closes */
}
