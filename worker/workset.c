#include "worker/workset.h"

#include <string.h>

#include "common/error.h"
#include "common/idmap.h"
#include "common/mem.h"

struct mapping {
    const void *data;
    size_t len;
};

struct open_task {
    uint64_t job, used; /* used: when, by the set's own count */
    uint32_t cell;
    bool single;
    struct workset_task open; /* task NULL: free place */
    const struct blob_folders *folders;
    struct mapping *mappings;
    size_t n_mappings, cap_mappings;
};

struct workset {
    struct workset_config config;
    struct idmap jobs; /* id to struct job_spec */
    uint64_t count;
    struct open_task *last; /* the one used last */
    struct open_task open[WORKSET_OPEN_MAX];
};

qx_err workset_new(const struct workset_config *config, struct workset **ret)
{
    struct workset *w = qx_calloc(1, sizeof *w);
    if (!w)
        return QX_ERR_NOMEM;
    w->config = *config;
    *ret = w;
    return QX_ERR_OK;
}

static void open_task_fini(struct open_task *o)
{
    if (o->open.task)
        host_close(o->open.task);
    for (size_t i = 0; i < o->n_mappings; i++)
        blob_unmap(o->mappings[i].data, o->mappings[i].len);
    qx_free(o->mappings);
    memset(o, 0, sizeof *o);
}

static void close_job(struct workset *w, uint64_t job)
{
    w->last = NULL;
    for (size_t i = 0; i < WORKSET_OPEN_MAX; i++) {
        if (w->open[i].open.task && w->open[i].job == job)
            open_task_fini(&w->open[i]);
    }
}

void workset_free(struct workset *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < WORKSET_OPEN_MAX; i++)
        open_task_fini(&w->open[i]);
    for (struct idmap_slot *s = NULL; (s = idmap_next(&w->jobs, s));)
        job_spec_free(s->value);
    idmap_fini(&w->jobs);
    qx_free(w);
}

qx_err workset_job(struct workset *w, uint64_t job, const void *spec, size_t len, struct qx_error *err)
{
    struct job_spec *decoded = NULL;
    qx_err e = job_spec_decode(spec, len, &decoded, err);
    if (e != QX_ERR_OK)
        return e;
    workset_forget(w, job);
    e = idmap_put(&w->jobs, job, decoded);
    if (e != QX_ERR_OK)
        job_spec_free(decoded);
    return e;
}

void workset_forget(struct workset *w, uint64_t job)
{
    close_job(w, job);
    job_spec_free(idmap_del(&w->jobs, job));
}

static qx_err map_blob(void *arg, const struct blob_ref *ref, const void **ret_data, struct qx_error *err)
{
    struct open_task *o = arg;
    if (qx_grow(&o->mappings, &o->cap_mappings, o->n_mappings + 1, sizeof *o->mappings) < 0)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    qx_err e = blob_map(o->folders, ref, ret_data, err);
    if (e == QX_ERR_OK)
        o->mappings[o->n_mappings++] = (struct mapping){*ret_data, (size_t)ref->len_bytes};
    return e;
}

static qx_err open_cell(struct workset *w, struct open_task *o, const struct job_spec *spec, uint32_t cell,
                        bool single, struct qx_error *err)
{
    const struct task_decl *decl = NULL;
    const struct qx_task *task = registry_find(w->config.registry, spec->task, spec->version, &decl);
    if (!task)
        return qx_fail(err, QX_ERR_NOTFOUND, "this worker has no task %s %s", spec->task, spec->version);
    struct param *params = NULL;
    uint32_t n_params = 0;
    qx_err e = job_spec_cell(spec, cell, &params, &n_params);
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "cell %u of a job with %u cells: %s", cell, spec->n_cells, qx_err_text(e));
    struct host_options opt = {.seed = spec->seed,
                               .item_bytes_max = spec->item_bytes_max,
                               .cancel = w->config.cancel,
                               .current_item = w->config.current_item,
                               .single_items = single || spec->item_timeout_ms > 0,
                               .blob = map_blob,
                               .blob_arg = o};
    o->folders = w->config.folders;
    o->open.layout = spec->layout;
    o->open.exact = opt.single_items || !task->block;
    e = host_open(task, decl, params, n_params, &opt, &o->open.task, err);
    qx_free(params);
    return e;
}

/* A free place, or that of the task used longest ago, which is closed. */
static struct open_task *make_room(struct workset *w)
{
    struct open_task *oldest = &w->open[0];
    for (size_t i = 0; i < WORKSET_OPEN_MAX; i++) {
        if (!w->open[i].open.task)
            return &w->open[i];
        if (w->open[i].used < oldest->used)
            oldest = &w->open[i];
    }
    open_task_fini(oldest);
    return oldest;
}

static struct open_task *find_open(struct workset *w, uint64_t job, uint32_t cell, bool single)
{
    if (w->last && w->last->job == job && w->last->cell == cell && w->last->single == single)
        return w->last;
    for (size_t i = 0; i < WORKSET_OPEN_MAX; i++) {
        struct open_task *o = &w->open[i];
        if (o->open.task && o->job == job && o->cell == cell && o->single == single)
            return o;
    }
    return NULL;
}

qx_err workset_open(struct workset *w, uint64_t job, uint32_t cell, bool single, struct workset_task *ret,
                    struct qx_error *err)
{
    struct open_task *o = find_open(w, job, cell, single);
    if (!o) {
        const struct job_spec *spec = idmap_get(&w->jobs, job);
        if (!spec)
            return qx_fail(err, QX_ERR_NOTFOUND, "a lease came before its job");
        w->last = NULL;
        o = make_room(w);
        qx_err e = open_cell(w, o, spec, cell, single, err);
        if (e != QX_ERR_OK) {
            open_task_fini(o);
            return e;
        }
        o->job = job;
        o->cell = cell;
        o->single = single;
    }
    o->used = ++w->count;
    w->last = o;
    *ret = o->open;
    return QX_ERR_OK;
}

size_t workset_n_open(const struct workset *w)
{
    size_t n = 0;
    for (size_t i = 0; i < WORKSET_OPEN_MAX; i++)
        n += w->open[i].open.task != NULL;
    return n;
}
