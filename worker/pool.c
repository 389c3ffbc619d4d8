#include "worker/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/mem.h"
#include "worker/pool_impl.h"

void pool_report(const struct pool *p, const char *event, const char *fmt, ...)
{
    char text[768];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (p->config.report)
        p->config.report(p->config.arg, event, text);
}

/* ---- making ----------------------------------------------------------------------------------------- */

static void *map_shared(size_t len)
{
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at; /* cppcheck-suppress memleak */
}

static bool make_slots(struct pool *p)
{
    uint32_t n = p->config.slots;
    p->slots = qx_calloc(n, sizeof *p->slots);
    p->regions = qx_calloc(n, sizeof *p->regions);
    p->wake_fds = qx_calloc(n, sizeof *p->wake_fds);
    p->bell = map_shared(sizeof *p->bell);
    p->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->buffers = framebuf_pool_new();
    if (!p->slots || !p->regions || !p->wake_fds || !p->bell || p->bell_fd < 0 || !p->buffers)
        return false;
    for (uint32_t i = 0; i < n; i++)
        p->wake_fds[i] = -1;
    for (uint32_t i = 0; i < n; i++) {
        struct slot *s = &p->slots[i];
        s->index = i;
        s->region = p->regions[i] = map_shared(sizeof *s->region);
        s->wake_fd = p->wake_fds[i] = eventfd(0, EFD_CLOEXEC);
        if (!s->region || s->wake_fd < 0)
            return false;
        slot_reset(s);
    }
    return true;
}

qx_err pool_new(const struct pool_config *config, struct pool **ret, struct qx_error *err)
{
    if (config->slots == 0 || config->slots > POOL_SLOTS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "%u slots; 1 to %d are possible", config->slots, POOL_SLOTS_MAX);
    struct pool *p = qx_calloc(1, sizeof *p);
    if (!p)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    p->config = *config;
    p->zygote_fd = p->bell_fd = -1;
    oom_watch_init(&p->oom, config->proc_root ? config->proc_root : "");
    qx_err e = make_slots(p)
                   ? QX_ERR_OK
                   : qx_fail(err, QX_ERR_NOMEM, "no memory for %u slots: %s", config->slots, strerror(errno));
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)sched_getaffinity(0, sizeof p->cpus, &p->cpus);
    if (e == QX_ERR_OK)
        e = zygote_start(p, err);
    if (e != QX_ERR_OK) {
        pool_free(p);
        return e;
    }
    uint64_t now_ns = clock_ns();
    for (uint32_t i = 0; i < p->config.slots; i++)
        zygote_spawn(p, &p->slots[i], now_ns);
    *ret = p;
    return QX_ERR_OK;
}

static void slot_fini(struct slot *s)
{
    slot_drop_frame(s);
    qx_bytes_fini(&s->outbox);
    if (s->region)
        (void)munmap(s->region, sizeof *s->region);
    if (s->wake_fd > 0)
        (void)close(s->wake_fd);
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    if (p->zygote_fd >= 0)
        zygote_stop(p);
    for (uint32_t i = 0; p->slots && i < p->config.slots; i++)
        slot_fini(&p->slots[i]);
    for (size_t i = 0; i < p->n_excluded; i++)
        qx_free(p->excluded[i]);
    qx_free(p->excluded);
    if (p->tasks.type == CONTROL_TASK_LIST)
        control_fini(&p->tasks);
    if (p->new_tasks.type == CONTROL_TASK_LIST)
        control_fini(&p->new_tasks);
    qx_bytes_fini(&p->task_bytes);
    if (p->bell)
        (void)munmap(p->bell, sizeof *p->bell);
    if (p->bell_fd >= 0)
        (void)close(p->bell_fd);
    framebuf_pool_free(p->buffers);
    qx_bytes_fini(&p->inbox);
    qx_free(p->slots);
    qx_free(p->regions);
    qx_free(p->wake_fds);
    qx_free(p);
}

/* ---- looking ---------------------------------------------------------------------------------------- */

const struct task_decl *pool_tasks(const struct pool *p, uint32_t *ret_n)
{
    *ret_n = p->tasks.u.task_list.n;
    return p->tasks.u.task_list.tasks;
}

bool pool_retask(struct pool *p)
{
    if (p->new_tasks.type != CONTROL_TASK_LIST)
        return false;
    control_fini(&p->tasks);
    p->tasks = p->new_tasks;
    p->new_tasks = (struct control){0};
    return true;
}

uint32_t pool_slots(const struct pool *p)
{
    return p->config.slots;
}

struct framebuf_pool *pool_buffers(struct pool *p)
{
    return p->buffers;
}

int pool_bell_fd(const struct pool *p)
{
    return p->bell_fd;
}

int pool_zygote_fd(const struct pool *p)
{
    return p->zygote_fd;
}

size_t pool_queued(const struct pool *p, uint32_t slot)
{
    return p->slots[slot].queue.n;
}

int pool_pid(const struct pool *p, uint32_t slot)
{
    return p->slots[slot].state == SLOT_LIVE ? (int)p->slots[slot].pid : 0;
}

uint64_t pool_deaths(const struct pool *p)
{
    return p->deaths;
}

uint64_t pool_item(const struct pool *p, uint32_t slot)
{
    return __atomic_load_n(&p->slots[slot].region->current_item, __ATOMIC_RELAXED);
}

/* A few bytes that are not even a head are no work: an executor could keep us awake with them. */
static bool has_work(struct slot *s)
{
    if (s->state == SLOT_EMPTY || s->state == SLOT_DEAD)
        return s->state == SLOT_DEAD;
    if (s->why == KILL_NONSENSE)
        return false;
    if (s->outbox.len > 0 && ring_space(&s->to) > 0)
        return true;
    return ring_len(&s->from) >= (s->frame ? 1 : sizeof(struct frame_head));
}

void pool_rang(struct pool *p)
{
    uint64_t count;
    ssize_t n = read(p->bell_fd, &count, sizeof count);
    (void)n;
}

bool pool_sleep(struct pool *p)
{
    if (p->returned.first)
        return false;
    atomic_store(&p->bell->supervisor_waits, 1);
    for (uint32_t i = 0; i < p->config.slots; i++) {
        struct slot *s = &p->slots[i];
        if (has_work(s)) {
            atomic_store(&p->bell->supervisor_waits, 0);
            return false;
        }
    }
    return true;
}

bool pool_all_late(const struct pool *p)
{
    for (uint32_t i = 0; i < p->config.slots; i++)
        if (p->slots[i].state != SLOT_LIVE || !p->slots[i].late)
            return false;
    return true;
}

/* ---- giving ----------------------------------------------------------------------------------------- */

bool pool_room(const struct pool *p, uint32_t slot, const struct lease *l)
{
    const struct slot *s = &p->slots[slot];
    if ((s->state != SLOT_LIVE && s->state != SLOT_SPAWNING) || s->to.nonsense)
        return false;
    if (s->queue.n == 0)
        return true;
    return !s->late && s->outbox.len == 0 && s->queue.n < POOL_AHEAD_MAX &&
           s->expect_ns + slot_expects_ns(l) <= POOL_AHEAD_NS;
}

void pool_give(struct pool *p, uint32_t slot, struct lease *l)
{
    struct slot *s = &p->slots[slot];
    if (l->job->known[slot] != s->incarnation) {
        slot_send(s, l->job->frame.data, l->job->frame.len);
        l->job->known[slot] = s->incarnation;
    }
    slot_send(s, zmq_msg_data(&l->msg), zmq_msg_size(&l->msg));
    l->turn = ++s->n_given;
    lease_push(&s->queue, l);
    s->expect_ns += slot_expects_ns(l);
}

void pool_flush(struct pool *p)
{
    for (uint32_t i = 0; i < p->config.slots; i++) {
        if (p->slots[i].outbox.len > 0)
            slot_pump(&p->slots[i]);
        slot_flush(&p->slots[i]);
    }
}

static void revoke_queue(struct lease_queue *q, const struct lease_scope *scope,
                         void (*dropped)(void *arg, uint64_t lease), void *arg)
{
    for (struct lease *l = q->first; l; l = l->next) {
        if (!lease_in_scope(l, scope))
            continue;
        l->job = NULL;
        dropped(arg, l->f.lease);
    }
}

void pool_revoke(struct pool *p, const struct lease_scope *scope, uint64_t now_ns,
                 void (*dropped)(void *arg, uint64_t lease), void *arg)
{
    revoke_queue(&p->returned, scope, dropped, arg);
    for (uint32_t i = 0; i < p->config.slots; i++)
        revoke_queue(&p->slots[i].queue, scope, dropped, arg);
    (void)pool_watch(p, now_ns); /* tells the running ones at once */
}

void pool_forget(struct pool *p, const struct job *job)
{
    uint8_t frame[64];
    QX_BUG_ON(frame_job_bytes(0) > sizeof frame);
    frame_job_write(frame, FRAME_FORGET, 0, 0, job->id, NULL, 0);
    for (uint32_t i = 0; i < p->config.slots; i++) {
        struct slot *s = &p->slots[i];
        bool here = s->state == SLOT_LIVE || s->state == SLOT_SPAWNING;
        if (here && job->known[i] == s->incarnation)
            slot_send(s, frame, frame_job_bytes(0));
    }
}

void pool_renew(struct pool *p, struct job *job)
{
    memset(job->known, 0, p->config.slots * sizeof *job->known);
}

struct lease *pool_next_lease(struct pool *p)
{
    struct lease *l = lease_pop(&p->returned);
    for (uint32_t i = 0; i < p->config.slots && !l; i++)
        l = lease_pop(&p->slots[i].queue);
    return l;
}

/* ---- what became of them ---------------------------------------------------------------------------- */

static struct lease *take_head(struct slot *s)
{
    struct lease *l = lease_pop(&s->queue);
    s->expect_ns -= slot_expects_ns(l);
    s->head_lease = s->seen_lease = s->cancelled_lease = 0; /* a new session may use its number again */
    s->late = false;
    return l;
}

static bool fits(const struct frame_view *v, const struct lease *l)
{
    const struct frame_result *r = &v->result;
    return v->head.type == FRAME_RESULT && l && r->lease == l->f.lease && r->job == l->f.job &&
           r->cell == l->f.cell && r->attempt == l->f.attempt && r->first_block == l->f.first_block &&
           r->n_blocks == l->f.n_blocks && r->kind == l->f.kind;
}

static bool next_result(struct pool *p, struct slot *s, struct pool_event *ret)
{
    bool nonsense = false;
    size_t len = 0;
    void *frame = slot_receive(s, p->buffers, &len, &nonsense);
    struct frame_view v;
    if (frame && (frame_decode(frame, len, &v, NULL) != QX_ERR_OK || !fits(&v, s->queue.first))) {
        framebuf_unref(frame);
        frame = NULL;
        nonsense = true;
    }
    if (nonsense)
        zygote_kill(p, s, KILL_NONSENSE);
    if (!frame)
        return false;
    s->idle_deaths = 0;
    ret->type = POOL_RESULT;
    ret->lease = take_head(s);
    ret->frame = frame;
    ret->len = len;
    return true;
}

/* Whether want of memory ended it: it said so, or it had come near its limit. */
static bool was_memory(const struct pool *p, const struct slot *s)
{
    uint64_t limit = p->config.memory_bytes;
    if (s->starved || s->why == KILL_MEMORY || atomic_load(&s->region->hint) == HINT_OUT_OF_MEMORY)
        return true;
    uint64_t private_bytes = s->resident_bytes > s->shared_bytes ? s->resident_bytes - s->shared_bytes : 0;
    return limit > 0 && s->why == KILL_NONE && private_bytes > limit - limit / 10;
}

/* "signal 11 (SIGSEGV)" */
static void describe_status(int status, char *ret, size_t cap)
{
    if (WIFEXITED(status))
        (void)snprintf(ret, cap, "exit %d", WEXITSTATUS(status));
    else
        (void)snprintf(ret, cap, "signal %d (SIG%s)", WTERMSIG(status),
                       sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
}

/* Which item it was is said only when it is known exactly: the next attempt, run item by item, will tell. */
static void describe_place(const struct slot *s, const char *what, struct pool_event *ret)
{
    uint64_t item = __atomic_load_n(&s->region->current_item, __ATOMIC_RELAXED);
    bool exact = atomic_load(&s->region->item_exact) != 0;
    ret->item = exact && item < QX_ITEMS_MAX ? item : ITEM_NONE;
    if (item >= QX_ITEMS_MAX)
        (void)snprintf(ret->text, sizeof ret->text, "%s outside any item", what);
    else
        (void)snprintf(ret->text, sizeof ret->text, "%s in %sitem %llu", what, exact ? "" : "the group from ",
                       (unsigned long long)item);
}

static void describe_death(const struct pool *p, const struct slot *s, const struct lease *l,
                           struct pool_event *ret)
{
    char what[80];
    if (was_memory(p, s)) {
        ret->outcome = QX_OUTCOME_MEMORY;
        if (s->starved)
            (void)snprintf(what, sizeof what, "killed by the system, which is out of memory");
        else if (p->config.memory_bytes > 0)
            (void)snprintf(what, sizeof what, "over the memory limit of %llu MiB",
                           (unsigned long long)(p->config.memory_bytes >> 20));
        else
            (void)snprintf(what, sizeof what, "out of memory");
    } else if (s->why == KILL_TIMEOUT) {
        ret->outcome = QX_OUTCOME_TIMEOUT;
        (void)snprintf(what, sizeof what, "over the time limit of %llu ms",
                       (unsigned long long)((l->job ? l->job->item_timeout_ns : 0) / NS_PER_MS));
    } else if (s->why == KILL_NONSENSE) {
        ret->outcome = QX_OUTCOME_SIGNAL;
        (void)snprintf(what, sizeof what, "the executor's memory was overwritten");
    } else {
        ret->outcome = WIFEXITED(s->status) ? QX_OUTCOME_EXIT : QX_OUTCOME_SIGNAL;
        describe_status(s->status, what, sizeof what);
    }
    describe_place(s, what, ret);
}

/* After its last results: the lease it ran failed, those behind it were never started. */
static bool next_of_dead(struct pool *p, struct slot *s, struct pool_event *ret)
{
    const struct lease *head = s->queue.first;
    if (!head) {
        slot_move(s, SLOT_EV_CLEARED);
        return false;
    }
    bool started = atomic_load(&s->region->running_lease) == head->f.lease && !s->lost_with_zygote;
    ret->type = started ? POOL_FAILED : POOL_RETURNED;
    if (started)
        describe_death(p, s, head, ret);
    ret->lease = take_head(s);
    atomic_store(&s->region->running_lease, 0);
    return true;
}

static bool next_of_slot(struct pool *p, struct slot *s, struct pool_event *ret)
{
    if (s->state == SLOT_EMPTY)
        return false;
    if (s->why != KILL_NONSENSE && next_result(p, s, ret))
        return true;
    return s->state == SLOT_DEAD && next_of_dead(p, s, ret);
}

bool pool_next_event(struct pool *p, struct pool_event *ret)
{
    *ret = (struct pool_event){.type = POOL_RETURNED, .item = ITEM_NONE, .lease = lease_pop(&p->returned)};
    if (ret->lease)
        return true;
    for (uint32_t i = 0; i < p->config.slots; i++) {
        struct slot *s = &p->slots[p->cursor];
        *ret = (struct pool_event){.slot = s->index, .item = ITEM_NONE};
        if (next_of_slot(p, s, ret))
            return true;
        p->cursor = (p->cursor + 1) % p->config.slots;
    }
    return false;
}
