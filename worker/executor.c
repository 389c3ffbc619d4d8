/* One loop: read a frame, act on it, write its result. Blocking is on one eventfd, which the supervisor writes when it put bytes
 * in our ring while we slept, or took bytes out of a full one. All buffers are reused, so a warm lease allocates nothing here. */
#include "worker/executor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/mem.h"
#include "worker/workset.h"

struct executor {
    struct executor_config config;
    struct ring_end in, out;
    struct workset *work;
    struct host_chunk chunk;
    struct reduce_state left, right; /* of MERGE and FINISH */
    struct qx_bytes frame;           /* the one being worked on */
    struct qx_bytes nodes, plan, json, result;
    struct host_skip *skips;
    size_t cap_skips;
    uint32_t n_leases; /* read from the ring, run or not */
};

/* What a lease gave, before it is written. */
struct outcome {
    struct frame_result r;
    struct qx_error err;
};

/* ---- dying ------------------------------------------------------------------------------------------ */

static struct region *crash_region;

/* A crash just after memory ran out, at a null pointer or by abort(), is for want of memory. */
static void on_crash(int sig, siginfo_t *info, void *context)
{
    (void)context;
    bool null = sig == SIGSEGV && (uintptr_t)info->si_addr < 65536;
    if (errno == ENOMEM && (null || sig == SIGABRT))
        atomic_store(&crash_region->hint, HINT_OUT_OF_MEMORY);
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

static void catch_crashes(struct region *region)
{
    static uint8_t stack[64 << 10];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    crash_region = region;
    (void)sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)sigaction(signals[i], &action, NULL);
}

static void set_limits(uint64_t memory_bytes)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their shadow is private memory too */
    struct rlimit data = {memory_bytes, memory_bytes};
    if (memory_bytes > 0)
        (void)setrlimit(RLIMIT_DATA, &data);
#else
    (void)memory_bytes;
#endif
}

/* ---- the ring --------------------------------------------------------------------------------------- */

static void ring_bell(struct executor *x)
{
    _Atomic uint32_t *waits = &x->config.bell->supervisor_waits;
    if (atomic_load(waits) != 0 && atomic_exchange(waits, 0) != 0) {
        uint64_t one = 1;
        ssize_t n = write(x->config.bell_fd, &one, sizeof one);
        (void)n; /* it polls with a timeout: a lost ring is late, not lost */
    }
}

static void sleep_until_woken(struct executor *x)
{
    uint64_t count;
    while (read(x->config.wake_fd, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

_Noreturn static void executor_exit(struct executor *x);

static void read_all(struct executor *x, void *to, size_t len, bool may_stop)
{
    for (size_t got = 0; got < len;) {
        size_t n = ring_get(&x->in, (uint8_t *)to + got, len - got);
        got += n;
        QX_BUG_ON(x->in.nonsense);
        if (n > 0) {
            if (ring_take_writer(&x->in))
                ring_bell(x);
            continue;
        }
        if (may_stop && got == 0 && atomic_load(&x->config.region->stop))
            executor_exit(x);
        if (ring_wait_bytes(&x->in))
            sleep_until_woken(x);
    }
}

static void write_all(struct executor *x, const void *data, size_t len)
{
    for (size_t put = 0; put < len;) {
        size_t n = ring_put(&x->out, (const uint8_t *)data + put, len - put);
        put += n;
        QX_BUG_ON(x->out.nonsense);
        if (n > 0)
            ring_bell(x);
        else if (ring_wait_space(&x->out))
            sleep_until_woken(x);
    }
}

/* The next whole frame, in x->frame. */
static void read_frame(struct executor *x, struct frame_view *ret)
{
    struct frame_head head;
    read_all(x, &head, sizeof head, true);
    QX_BUG_ON(head.len_bytes < sizeof head || head.len_bytes > QX_FRAME_BYTES_MAX);
    QX_BUG_ON(qx_bytes_resize(&x->frame, head.len_bytes) != QX_ERR_OK);
    memcpy(x->frame.data, &head, sizeof head);
    read_all(x, x->frame.data + sizeof head, head.len_bytes - sizeof head, false);
    QX_BUG_ON(frame_decode(x->frame.data, x->frame.len, ret, NULL) != QX_ERR_OK);
}

/* ---- results ---------------------------------------------------------------------------------------- */

static qx_err add_node(struct executor *x, const struct reduce_state *state)
{
    size_t at = x->nodes.len;
    qx_err e = qx_put_u64(&x->nodes, 0);
    if (e == QX_ERR_OK)
        e = reduce_encode(state, &x->nodes);
    if (e != QX_ERR_OK)
        return e;
    uint64_t len = x->nodes.len - at - 8;
    memcpy(x->nodes.data + at, &len, sizeof len);
    return qx_bytes_resize(&x->nodes, (x->nodes.len + 7) & ~(size_t)7);
}

/* An attempt that gave nothing: want of memory has an outcome of its own. */
static void set_failure(struct executor *x, struct outcome *o, qx_err code)
{
    o->r.outcome = code == QX_ERR_NOMEM ? QX_OUTCOME_MEMORY : QX_OUTCOME_ERROR;
    o->r.code = code;
    o->r.item = ITEM_NONE; /* the host has left it */
    if (o->err.text[0] == '\0')
        (void)qx_fail(&o->err, code, "%s", qx_err_text(code));
    o->r.n_nodes = 0;
    o->r.partial_items = 0;
    o->r.n_items = 0;
    x->nodes.len = x->plan.len = x->json.len = 0;
    x->chunk.rows.len = x->chunk.ok.len = 0;
}

static void set_lengths(struct executor *x, struct outcome *o, bool rows)
{
    o->r.len_nodes = x->nodes.len;
    o->r.len_plan = (uint32_t)x->plan.len;
    o->r.len_rows = rows ? x->chunk.rows.len : 0;
    o->r.len_ok = rows ? x->chunk.ok.len : 0;
    o->r.len_payload = x->json.len;
    o->r.len_text = (uint32_t)strlen(o->err.text);
}

static void copy_section(uint8_t *to, const void *from, size_t len)
{
    if (len > 0)
        memcpy(to, from, len);
}

static void send_result(struct executor *x, struct outcome *o, bool rows)
{
    set_lengths(x, o, rows);
    size_t len = frame_result_bytes(&o->r);
    if (len > QX_FRAME_BYTES_MAX || qx_bytes_resize(&x->result, len) != QX_ERR_OK) {
        bool too_long = len > QX_FRAME_BYTES_MAX;
        (void)qx_fail(&o->err, QX_ERR_LIMIT,
                      too_long ? "the result of a lease is over %d bytes" : "no memory for a result",
                      QX_FRAME_BYTES_MAX);
        set_failure(x, o, too_long ? QX_ERR_LIMIT : QX_ERR_NOMEM);
        set_lengths(x, o, rows);
        len = frame_result_bytes(&o->r);
        QX_BUG_ON(qx_bytes_resize(&x->result, len) != QX_ERR_OK);
    }
    struct frame_sections s = frame_result_write(x->result.data, 0, 0, &o->r);
    copy_section(s.nodes, x->nodes.data, o->r.len_nodes);
    copy_section(s.plan, x->plan.data, o->r.len_plan);
    copy_section(s.rows, x->chunk.rows.data, o->r.len_rows);
    copy_section(s.ok, x->chunk.ok.data, o->r.len_ok);
    copy_section(s.text, o->err.text, o->r.len_text);
    copy_section(s.payload, x->json.data, o->r.len_payload);
    write_all(x, x->result.data, len);
}

/* ---- leases ----------------------------------------------------------------------------------------- */

static qx_err copy_skips(struct executor *x, const struct frame_view *v)
{
    if (qx_grow(&x->skips, &x->cap_skips, v->lease.n_skips, sizeof *x->skips) < 0)
        return QX_ERR_NOMEM;
    for (uint32_t i = 0; i < v->lease.n_skips; i++)
        x->skips[i] = (struct host_skip){v->skips[i].item, v->skips[i].outcome};
    return QX_ERR_OK;
}

/* The supervisor raises the flag for one lease, but may be a moment late and hit the next one: then that one runs again. */
static bool cancelled_for(struct executor *x, uint64_t lease)
{
    if (atomic_load(&x->config.region->cancel_lease) == lease)
        return true;
    __atomic_store_n(&x->config.region->cancel, 0, __ATOMIC_RELAXED);
    return false;
}

static qx_err run_blocks(struct executor *x, const struct frame_view *v, const struct workset_task *t,
                         struct outcome *o)
{
    const struct frame_lease *l = &v->lease;
    bool rows = (l->flags & FRAME_WANT_ROWS) != 0;
    qx_err e = copy_skips(x, v);
    while (e == QX_ERR_OK) {
        e = host_run(t->task, t->layout, l->first_block, l->n_blocks, l->end_item, x->skips, l->n_skips, rows,
                     &x->chunk, &o->err);
        if (e != QX_ERR_CANCELLED || cancelled_for(x, l->lease))
            break;
        e = QX_ERR_OK;
    }
    for (uint32_t i = 0; i < x->chunk.n_nodes && e == QX_ERR_OK; i++)
        e = add_node(x, &x->chunk.nodes[i]);
    if (e == QX_ERR_OK) {
        o->r.n_nodes = x->chunk.n_nodes;
        o->r.partial_items = x->chunk.partial_items;
        o->r.n_items = x->chunk.n_items;
    }
    o->r.task_ns = x->chunk.task_ns;
    o->r.reduce_ns = x->chunk.reduce_ns;
    return e;
}

static qx_err run_merge(struct executor *x, const struct frame_view *v, struct host_task *task,
                        struct outcome *o)
{
    const uint8_t *left, *right;
    size_t len_left, len_right;
    const struct reduce_plan *plan = host_plan(task);
    frame_merge_states(v, &left, &len_left, &right, &len_right);
    qx_err e = reduce_decode(plan, left, len_left, &x->left, &o->err);
    if (e == QX_ERR_OK)
        e = reduce_decode(plan, right, len_right, &x->right, &o->err);
    if (e == QX_ERR_OK)
        e = reduce_merge(plan, host_reduce_plugin(task), &x->left, &x->right);
    if (e == QX_ERR_OK)
        e = add_node(x, &x->left);
    if (e == QX_ERR_OK)
        o->r.n_nodes = 1;
    return e;
}

static qx_err run_finish(struct executor *x, const struct frame_view *v, struct host_task *task,
                         struct outcome *o)
{
    qx_err e = reduce_decode(host_plan(task), v->payload, v->len_payload, &x->left, &o->err);
    if (e == QX_ERR_OK)
        e = host_finish(task, &x->left, &x->json, &o->err);
    return e;
}

/* How many items open() said there are. */
static qx_err run_size(struct executor *x, const struct host_task *task)
{
    struct frame_size size;
    host_items(task, &size.n_default, &size.n_max);
    return qx_bytes_append(&x->json, &size, sizeof size);
}

static qx_err run_lease(struct executor *x, const struct frame_view *v, struct outcome *o)
{
    struct workset_task t;
    qx_err e = workset_open(x->work, v->lease.job, v->lease.cell, v->lease.attempt > 1, &t, &o->err);
    if (e == QX_ERR_OK && (v->lease.flags & FRAME_WANT_PLAN))
        e = reduce_plan_encode(host_plan(t.task), &x->plan);
    if (e != QX_ERR_OK)
        return e;
    atomic_store(&x->config.region->item_exact, t.exact);
    switch ((enum frame_kind)v->lease.kind) {
    case FRAME_KIND_MERGE:
        return run_merge(x, v, t.task, o);
    case FRAME_KIND_FINISH:
        return run_finish(x, v, t.task, o);
    case FRAME_KIND_SIZE:
        return run_size(x, t.task);
    default:
        return run_blocks(x, v, &t, o);
    }
}

static void clear_buffers(struct executor *x)
{
    x->nodes.len = x->plan.len = x->json.len = 0;
    x->chunk.rows.len = x->chunk.ok.len = 0;
    x->chunk.n_nodes = 0;
    x->chunk.task_ns = x->chunk.reduce_ns = 0;
}

static void do_lease(struct executor *x, const struct frame_view *v)
{
    struct region *region = x->config.region;
    const struct frame_lease *l = &v->lease;
    __atomic_store_n(&region->cancel, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&region->current_item, ITEM_NONE, __ATOMIC_RELAXED);
    atomic_store(&region->running_lease, l->lease);
    struct outcome o = {.r = {.lease = l->lease,
                              .job = l->job,
                              .cell = l->cell,
                              .attempt = l->attempt,
                              .first_block = l->first_block,
                              .n_blocks = l->n_blocks,
                              .kind = l->kind,
                              .item = ITEM_NONE,
                              .started = 1}};
    o.err.text[0] = '\0';
    clear_buffers(x);
    errno = 0;
    uint64_t start_ns = clock_ns();
    qx_err e = run_lease(x, v, &o);
    if (e != QX_ERR_OK)
        set_failure(x, &o, e);
    else
        o.err.text[0] = '\0';
    o.r.busy_ns = clock_ns() - start_ns;
    o.r.wait_ns = start_ns - v->head.seq;
    __atomic_store_n(&region->current_item, ITEM_NONE, __ATOMIC_RELAXED);
    send_result(x, &o, (l->flags & FRAME_WANT_ROWS) != 0);
}

/* ---- the process ------------------------------------------------------------------------------------ */

/* Orderly: tasks are closed. */
_Noreturn static void executor_exit(struct executor *x)
{
    workset_free(x->work);
    host_chunk_fini(&x->chunk);
    reduce_state_fini(&x->left);
    reduce_state_fini(&x->right);
    struct qx_bytes *buffers[] = {&x->frame, &x->nodes, &x->plan, &x->json, &x->result};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        qx_bytes_fini(buffers[i]);
    qx_free(x->skips);
    _exit(0);
}

static void executor_init(struct executor *x, const struct executor_config *config)
{
    *x = (struct executor){.config = *config};
    struct region *region = config->region;
    ring_end_init(&x->in, &region->to, region->to_bytes, REGION_TO_BYTES);
    ring_end_init(&x->out, &region->from, region->from_bytes, REGION_FROM_BYTES);
    host_chunk_init(&x->chunk);
    reduce_state_init(&x->left);
    reduce_state_init(&x->right);
    struct workset_config work = {.registry = config->registry,
                                  .folders = config->folders,
                                  .cancel = &region->cancel,
                                  .current_item = &region->current_item};
    QX_BUG_ON(workset_new(&work, &x->work) != QX_ERR_OK);
}

_Noreturn void executor_run(const struct executor_config *config)
{
    struct executor x;
    executor_init(&x, config);
    catch_crashes(config->region);
    set_limits(config->memory_bytes);
    for (;;) {
        struct frame_view v;
        read_frame(&x, &v);
        /* A spec that does not decode shows when a lease of its job finds no job; the supervisor checked it before. */
        if (v.head.type == FRAME_JOB)
            (void)workset_job(x.work, v.job, v.payload, v.len_payload, NULL);
        else if (v.head.type == FRAME_FORGET)
            workset_forget(x.work, v.job);
        else if (v.head.type == FRAME_LEASE && turn_start(&config->region->turn, ++x.n_leases))
            do_lease(&x, &v);
    }
}
