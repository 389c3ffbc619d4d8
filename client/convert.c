/* Messages as the public structs of job.h. Every object is one allocation of its struct and arrays, and holds the
 * decoded message that its texts are borrowed from. */
#include <math.h>
#include <string.h>

#include "client/session_internal.h"
#include "common/error.h"
#include "common/mem.h"

struct list_box {
    union {
        struct qx_job_list jobs;
        struct qx_task_list tasks;
        struct qx_worker_list workers;
    } pub;
    struct control msg;
    void *items, *more;
};

QX_API const char *qx_job_state_name(enum qx_job_state state)
{
    static const char *const names[QX_JOB_STATE_COUNT] = {"unknown", "running", "done", "failed",
                                                          "cancelled"};
    return names[(unsigned)state < QX_JOB_STATE_COUNT ? state : QX_JOB_NONE];
}

void convert_info(const struct job_info *from, struct qx_job_info *to)
{
    *to = (struct qx_job_info){
        .job = from->job,
        .state = (enum qx_job_state)from->state,
        .code = (qx_err)from->error_code,
        .task = from->task,
        .version = from->version,
        .label = from->label,
        .error = from->error,
        .waiting = from->waiting,
        .seed = from->seed,
        .n_items = from->n_items,
        .submitted_unix_ms = from->submitted_unix_ms,
        .elapsed_ns = from->elapsed_ns,
        .n_cells = from->n_cells,
        .cells_done = from->cells_done,
        .slots = from->slots,
        .items_done = from->items_done,
        .items_failed = from->items_failed,
        .items_total = from->items_total,
        .first_lease_ns = from->first_lease_ns,
        .last_result_ns = from->last_result_ns,
        .wait_ns = from->wait_ns,
        .transfer_ns = from->transfer_ns,
        .task_ns = from->task_ns,
        .reduce_ns = from->reduce_ns,
        .busy_ns = from->busy_ns,
        .sink_ns = from->sink_ns,
        .leases = from->leases,
        .leases_failed = from->leases_failed,
        .estimate = from->estimate,
        .se = from->se,
        .target = from->target,
        .estimate_cell = from->estimate_cell,
        .until = from->until,
        .measure = from->measure,
        .round_why = "",
    };
}

static void args_from(struct qx_arg *to, const struct param *from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] = (struct qx_arg){from[i].name, from[i].value};
}

static size_t count_args(const struct job_spec *spec)
{
    size_t n = (size_t)spec->n_params + spec->n_files;
    for (uint32_t i = 0; i < spec->n_cells; i++)
        n += spec->cells[i].n_params;
    return n;
}

static void fill_cells(struct result_box *b, const struct job_spec *spec, const struct cell_answer *answers)
{
    struct qx_arg *next = b->args + spec->n_params;
    for (uint32_t i = 0; i < b->pub.n_cells; i++) {
        const struct cell_answer *a = &answers[i];
        const struct job_cell *c = &spec->cells[i];
        args_from(next, c->params, c->n_params);
        b->cells[i] = (struct qx_cell){
            .args = c->n_params ? next : NULL,
            .n_args = c->n_params,
            .n_items = a->n_items,
            .n_failed = a->n_failed,
            .complete = a->complete,
            .stopped = a->stopped,
            .digest = a->digest,
            .result_json = a->result_json,
            .failures_json = a->failures_json,
        };
        next += c->n_params;
    }
    args_from(next, spec->files, spec->n_files);
    b->pub.files = spec->n_files ? next : NULL;
    b->pub.n_files = spec->n_files;
}

qx_err convert_result(struct control *msg, struct qx_result **ret, struct qx_error *err)
{
    const struct job_spec *spec = &msg->u.answer.spec;
    uint32_t n_cells = msg->u.answer.n_cells;
    if (n_cells && n_cells != spec->n_cells) {
        qx_err e = qx_fail(err, QX_ERR_PROTO, "an answer of %u cells to a job of %u", n_cells, spec->n_cells);
        control_fini(msg);
        return e;
    }
    struct result_box *b = qx_calloc(1, sizeof *b);
    if (b) {
        b->cells = qx_calloc(n_cells + 1, sizeof *b->cells);
        b->args = qx_calloc(count_args(spec) + 1, sizeof *b->args);
    }
    if (!b || !b->cells || !b->args) {
        if (b) {
            qx_free(b->cells);
            qx_free(b->args);
        }
        qx_free(b);
        control_fini(msg);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for an answer of %u cells", n_cells);
    }
    b->msg = *msg;
    *msg = (struct control){0};
    spec = &b->msg.u.answer.spec;
    convert_info(&b->msg.u.answer.info, &b->pub.info);
    args_from(b->args, spec->params, spec->n_params);
    b->pub.args = spec->n_params ? b->args : NULL;
    b->pub.n_args = spec->n_params;
    b->pub.n_cells = n_cells;
    fill_cells(b, spec, b->msg.u.answer.cells);
    b->pub.cells = n_cells ? b->cells : NULL;
    b->pub.until = spec->until;
    b->pub.digest = b->msg.u.answer.digest;
    *ret = &b->pub;
    return QX_ERR_OK;
}

QX_API void qx_result_free(struct qx_result *r)
{
    if (!r)
        return;
    struct result_box *b = (struct result_box *)(void *)r;
    for (size_t i = 0; i < b->n_parts; i++)
        qx_result_free(b->parts[i]);
    qx_free(b->parts);
    qx_free(b->rounds);
    qx_free(b->texts);
    control_fini(&b->msg);
    qx_free(b->cells);
    qx_free(b->args);
    qx_free(b);
}

/* A box with an array of `n` items of `size`, and another of `n_more`; takes over the message. */
static struct list_box *list_new(struct control *msg, uint32_t n, size_t size, size_t n_more,
                                 size_t size_more)
{
    struct list_box *b = qx_calloc(1, sizeof *b);
    if (b) {
        b->items = qx_calloc((size_t)n + 1, size);
        b->more = qx_calloc(n_more + 1, size_more);
    }
    if (!b || !b->items || !b->more) {
        if (b) {
            qx_free(b->items);
            qx_free(b->more);
        }
        qx_free(b);
        control_fini(msg);
        return NULL;
    }
    b->msg = *msg;
    *msg = (struct control){0};
    return b;
}

static void list_free(void *list)
{
    struct list_box *b = list;
    if (!b)
        return;
    control_fini(&b->msg);
    qx_free(b->items);
    qx_free(b->more);
    qx_free(b);
}

QX_API void qx_job_list_free(struct qx_job_list *l)
{
    list_free(l);
}

QX_API void qx_task_list_free(struct qx_task_list *l)
{
    list_free(l);
}

QX_API void qx_worker_list_free(struct qx_worker_list *l)
{
    list_free(l);
}

qx_err convert_jobs(struct control *msg, struct qx_job_list **ret)
{
    uint32_t n = msg->u.job_list.n;
    size_t n_params = 0;
    for (uint32_t i = 0; i < n; i++)
        n_params += msg->u.job_list.jobs[i].n_params;
    struct list_box *b = list_new(msg, n, sizeof(struct qx_job_info), n_params, sizeof(struct qx_arg));
    if (!b)
        return QX_ERR_NOMEM;
    struct qx_job_info *jobs = b->items;
    struct qx_arg *next = b->more;
    for (uint32_t i = 0; i < n; i++) {
        const struct job_info *from = &b->msg.u.job_list.jobs[i];
        convert_info(from, &jobs[i]);
        args_from(next, from->params, from->n_params);
        jobs[i].params = from->n_params ? next : NULL;
        jobs[i].n_params = from->n_params;
        next += from->n_params;
    }
    b->pub.jobs = (struct qx_job_list){n, n ? jobs : NULL};
    *ret = &b->pub.jobs;
    return QX_ERR_OK;
}

static const char *type_name(enum qx_param_type type)
{
    switch (type) {
    case QX_PARAM_INT:
        return "integer";
    case QX_PARAM_REAL:
        return "real";
    case QX_PARAM_BOOL:
        return "yes/no";
    case QX_PARAM_TEXT:
        return "text";
    case QX_PARAM_CHOICE:
        return "choice";
    case QX_PARAM_REALS:
        return "reals";
    case QX_PARAM_TABLE:
        return "table";
    }
    return "text";
}

static void fill_param(const struct param_decl *from, struct qx_param_info *to)
{
    *to = (struct qx_param_info){
        .name = from->name,
        .type = type_name(from->type),
        .help = from->help ? from->help : "",
        .fallback = from->fallback ? from->fallback : "",
        .required = !from->fallback,
        .table = from->type == QX_PARAM_TABLE,
        .min = from->min,
        .max = from->max,
        .choices = (const char *const *)from->choices,
        .n_choices = from->n_choices,
    };
}

qx_err convert_tasks(struct control *msg, struct qx_task_list **ret)
{
    uint32_t n = msg->u.task_list.n;
    size_t n_params = 0;
    for (uint32_t i = 0; i < n; i++)
        n_params += msg->u.task_list.tasks[i].n_params;
    struct list_box *b =
        list_new(msg, n, sizeof(struct qx_task_info), n_params, sizeof(struct qx_param_info));
    if (!b)
        return QX_ERR_NOMEM;
    struct qx_task_info *tasks = b->items;
    struct qx_param_info *params = b->more;
    for (uint32_t i = 0; i < n; i++) {
        const struct task_decl *d = &b->msg.u.task_list.tasks[i];
        tasks[i] = (struct qx_task_info){
            .name = d->name,
            .version = d->version,
            .help = d->help ? d->help : "",
            .details = d->details ? d->details : "",
            .params = d->n_params ? params : NULL,
            .n_params = d->n_params,
            .default_items = d->default_items,
            .items_from = d->items_from ? d->items_from : "",
            .reproducible = !(d->flags & QX_TASK_NOT_REPRODUCIBLE),
            .counts_items = (d->flags & QX_TASK_COUNTS_ITEMS) != 0,
        };
        for (uint32_t k = 0; k < d->n_params; k++)
            fill_param(&d->params[k], params++);
    }
    b->pub.tasks = (struct qx_task_list){n, n ? tasks : NULL};
    *ret = &b->pub.tasks;
    return QX_ERR_OK;
}

qx_err convert_workers(struct control *msg, struct qx_worker_list **ret)
{
    uint32_t n = msg->u.worker_list.n;
    struct list_box *b = list_new(msg, n, sizeof(struct qx_worker_info), 0, 1);
    if (!b)
        return QX_ERR_NOMEM;
    struct qx_worker_info *workers = b->items;
    for (uint32_t i = 0; i < n; i++) {
        const struct worker_info *w = &b->msg.u.worker_list.workers[i];
        workers[i] = (struct qx_worker_info){
            .session = w->session,
            .name = w->name,
            .host = w->host,
            .slots = w->slots,
            .leases = w->leases,
            .pid = w->pid,
            .n_tasks = w->n_tasks,
            .items_done = w->items_done,
            .busy_ns = w->busy_ns,
            .connected_ms = w->connected_ms,
            .silent_ms = w->silent_ms,
            .leases_failed = w->leases_failed,
            .draining = w->draining,
        };
    }
    b->pub.workers = (struct qx_worker_list){n, n ? workers : NULL};
    *ret = &b->pub.workers;
    return QX_ERR_OK;
}
