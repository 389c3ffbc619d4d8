#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "host/gsl_stream.h"
#include "host/inside.h"

static const volatile uint32_t never_cancelled;

/* ---- the border between host and plugin ---- */

void host_clean_text(char *text, size_t len_bytes)
{
    size_t len = strnlen(text, len_bytes - 1);
    text[len] = '\0';
    for (size_t bad; (bad = utf8_check(text, len)) < len;) {
        bool cut = len == len_bytes - 1 && len - bad < 4; /* a character that the end cut through */
        text[bad] = cut ? '\0' : '?';
        len = cut ? bad : len;
    }
}

void host_break(struct host_task *t, const char *fmt, ...)
{
    if (t->broken.code != QX_ERR_OK)
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)qx_vfail(&t->broken, QX_ERR_TASK, fmt, ap);
    va_end(ap);
    host_clean_text(t->broken.text, sizeof t->broken.text);
}

qx_err host_no_memory(struct host_task *t, const char *what)
{
    if (t->broken.code == QX_ERR_OK)
        (void)qx_fail(&t->broken, QX_ERR_NOMEM, "out of memory for %s", what);
    return QX_ERR_NOMEM;
}

static qx_err host_verror(struct qx_ctx *ctx, qx_err code, const char *fmt, va_list ap)
{
    struct host_task *t = host_of(ctx);
    (void)qx_vfail(&t->said, code, fmt, ap);
    host_clean_text(t->said.text, sizeof t->said.text);
    return code;
}

void host_enter(struct host_task *t, enum host_phase phase)
{
    t->phase = phase;
    t->said.code = QX_ERR_OK;
    t->said.text[0] = '\0';
}

static bool is_known(qx_err code)
{
    return strcmp(qx_err_name(code), "UNKNOWN") != 0;
}

qx_err host_leave(struct host_task *t, qx_err code, const char *what, struct qx_error *err)
{
    t->phase = PHASE_OTHER;
    if (t->broken.code == QX_ERR_NOMEM)
        return qx_fail(err, QX_ERR_NOMEM, "task %s: %s", t->decl->name, t->broken.text);
    if (t->broken.code != QX_ERR_OK)
        return qx_fail(err, t->broken.code, "task %s has a bug in %s: %s", t->decl->name, what,
                       t->broken.text);
    if (code == QX_ERR_OK)
        return code;
    if (code == QX_ERR_CANCELLED) {
        if (qx_cancelled(&t->ctx))
            return qx_fail(err, code, "cancelled");
        return qx_fail(err, QX_ERR_TASK, "task %s: %s gave CANCELLED, but nobody asked for it", t->decl->name,
                       what);
    }
    if (!is_known(code))
        return qx_fail(err, QX_ERR_TASK, "task %s: %s gave the unknown code %d", t->decl->name, what,
                       (int)code);
    if (t->said.text[0])
        return qx_fail(err, code, "%s", t->said.text);
    return qx_fail(err, code, "task %s: %s failed without a text: %s", t->decl->name, what,
                   qx_err_text(code));
}

/* ---- what the context offers ---- */

static const struct qx_column *host_table_find(struct qx_ctx *ctx, const struct qx_table *table,
                                               const char *name)
{
    const char *names[256] = {0};
    uint32_t n = table_columns(table), n_names = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct qx_column *c = table_column(table, i);
        if (strcmp(c->name, name) == 0)
            return c;
        if (n_names < sizeof names / sizeof *names)
            names[n_names++] = c->name;
    }
    const char *near = nearest_name(name, names, n_names);
    if (near)
        (void)qx_error(ctx, QX_ERR_INVALID, "the data have no column '%.60s'; did you mean '%.60s'?", name,
                       near);
    else
        (void)qx_error(ctx, QX_ERR_INVALID,
                       "the data have no column '%.60s'; there are %u, the first is '%.60s'", name, n,
                       names[0]);
    return NULL;
}

static qx_err host_count_items(struct qx_ctx *ctx, uint64_t n_default, uint64_t n_max)
{
    struct host_task *t = host_of(ctx);
    if (t->phase != PHASE_OPEN || !(t->decl->flags & QX_TASK_COUNTS_ITEMS)) {
        host_break(t, "qx_items() belongs in open() of a task with the flag QX_TASK_COUNTS_ITEMS");
        return QX_ERR_TASK;
    }
    if (n_default > QX_ITEMS_MAX || (n_max > 0 && n_default > n_max)) {
        host_break(t, "qx_items(%llu, %llu): the default is over the most", (unsigned long long)n_default,
                   (unsigned long long)n_max);
        return QX_ERR_TASK;
    }
    t->items_default = n_default;
    t->items_max = n_max;
    return QX_ERR_OK;
}

static void host_progress(struct qx_ctx *ctx, double share)
{
    struct host_task *t = host_of(ctx);
    if (t->opt.progress_permille && share >= 0 && share <= 1)
        *t->opt.progress_permille = (uint32_t)(share * 1000);
}

static void *host_gsl_rng(struct qx_ctx *ctx, uint64_t item, uint32_t sub)
{
    struct host_task *t = host_of(ctx);
    t->rng = (gsl_rng){.type = qx_gsl_rng_type, .state = &t->rng_stream};
    qx_gsl_rng_start(&t->rng, t->ctx.seed, item, sub);
    return &t->rng;
}

const struct qx_host host_functions = {
    .struct_size = sizeof(struct qx_host),
    .param = host_param_text,
    .param_real = host_param_real,
    .param_int = host_param_int,
    .param_reals = host_param_reals,
    .table = host_param_table,
    .table_rows = table_rows,
    .table_columns = table_columns,
    .table_column = table_column,
    .table_find = host_table_find,
    .output = host_output,
    .reduce = host_reduce,
    .verror = host_verror,
    .vfail_item = host_vfail_item,
    .write = host_write,
    .progress = host_progress,
    .gsl_rng = host_gsl_rng,
    .acc_resize = host_acc_resize,
    .acc_data = host_acc_data,
    .answer_items = host_answer_items,
    .answer_number = host_answer_number,
    .answer_data = host_answer_data,
    .answer_quantile = host_answer_quantile,
    .emit = host_emit,
    .items = host_count_items,
};

/* ---- open and close ---- */

static qx_err call_open(struct host_task *t, struct qx_error *err)
{
    host_enter(t, PHASE_OPEN);
    qx_err e = t->task->open(&t->ctx, &t->state);
    t->is_open = e == QX_ERR_OK;
    return host_leave(t, e, "open()", err);
}

qx_err host_open(const struct qx_task *task, const struct task_decl *decl, const struct param *params,
                 uint32_t n_params, const struct host_options *opt, struct host_task **ret,
                 struct qx_error *err)
{
    struct host_task *t = qx_calloc(1, sizeof *t);
    if (!t)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a task");
    t->task = task;
    t->decl = decl;
    t->opt = *opt;
    t->opt.item_bytes_max = opt->item_bytes_max ? opt->item_bytes_max : (uint64_t)1 << 20;
    t->ctx = (struct qx_ctx){&host_functions, opt->seed, opt->cancel ? opt->cancel : &never_cancelled, t};
    host_own_bind(t);
    if (t->opt.current_item)
        __atomic_store_n(t->opt.current_item, HOST_NO_ITEM, __ATOMIC_RELAXED);
    qx_err e = host_params_read(t, params, n_params, err);
    if (e == QX_ERR_OK)
        e = call_open(t, err);
    if (e == QX_ERR_OK)
        e = host_declared_plan(t, err);
    if (e == QX_ERR_OK)
        e = host_group_init(t, err);
    if (e != QX_ERR_OK) {
        host_close(t);
        return e;
    }
    *ret = t;
    return QX_ERR_OK;
}

void host_close(struct host_task *t)
{
    if (!t)
        return;
    if (t->is_open && t->task->close) {
        host_enter(t, PHASE_OTHER);
        t->task->close(&t->ctx, t->state);
    }
    host_group_fini(t);
    host_declared_free(t);
    host_params_free(t);
    qx_free(t);
}

const struct reduce_plan *host_plan(const struct host_task *t)
{
    return t->plan;
}

void host_items(const struct host_task *t, uint64_t *ret_default, uint64_t *ret_max)
{
    *ret_default = t->items_default;
    *ret_max = t->items_max;
}

const struct reduce_plugin *host_reduce_plugin(struct host_task *t)
{
    return &t->plug;
}
