#include "worker/jobs.h"

#include <string.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/idmap.h"
#include "common/mem.h"
#include "proto/control.h"

struct jobs {
    struct jobs_config config;
    struct idmap by_id;
};

qx_err jobs_new(const struct jobs_config *config, struct jobs **ret)
{
    struct jobs *js = qx_calloc(1, sizeof *js);
    if (!js)
        return QX_ERR_NOMEM;
    js->config = *config;
    *ret = js;
    return QX_ERR_OK;
}

void jobs_free(struct jobs *js)
{
    if (!js)
        return;
    idmap_fini(&js->by_id);
    qx_free(js);
}

void jobs_retask(struct jobs *js, const struct task_decl *tasks, uint32_t n_tasks)
{
    js->config.tasks = tasks;
    js->config.n_tasks = n_tasks;
}

struct job *jobs_find(struct jobs *js, uint64_t id)
{
    return idmap_get(&js->by_id, id);
}

struct job *jobs_any(struct jobs *js)
{
    struct idmap_slot *s = idmap_next(&js->by_id, NULL);
    return s ? s->value : NULL;
}

static void unuse_blobs(struct jobs *js, struct blob **blobs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        blobs_unuse(js->config.blobs, blobs[i]);
}

void jobs_remove(struct jobs *js, struct job *job)
{
    (void)idmap_del(&js->by_id, job->id);
    unuse_blobs(js, job->blobs, job->n_blobs);
    qx_free(job->blobs);
    qx_free(job->known);
    qx_bytes_fini(&job->frame);
    qx_free(job);
}

/* ---- data sets --------------------------------------------------------------------------------------- */

static const struct task_decl *find_task(const struct jobs *js, const struct job_spec *spec)
{
    for (uint32_t i = 0; i < js->config.n_tasks; i++) {
        const struct task_decl *d = &js->config.tasks[i];
        if (strcmp(d->name, spec->task) == 0 && strcmp(d->version, spec->version) == 0)
            return d;
    }
    return NULL;
}

static qx_err use_tables(struct jobs *js, struct job *job, const struct task_decl *decl,
                         const struct param *params, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct param_decl *d = task_decl_param(decl, params[i].name);
        struct blob_ref ref;
        if (!d || d->type != QX_PARAM_TABLE || !blob_ref_parse(params[i].value, &ref))
            continue;
        if (qx_grow(&job->blobs, &job->cap_blobs, job->n_blobs + 1, sizeof *job->blobs) < 0)
            return QX_ERR_NOMEM;
        struct blob *blob = blobs_use(js->config.blobs, &ref);
        if (!blob)
            return QX_ERR_NOMEM;
        job->blobs[job->n_blobs++] = blob;
    }
    return QX_ERR_OK;
}

static qx_err use_all(struct jobs *js, struct job *job, const struct job_spec *spec)
{
    const struct task_decl *decl = find_task(js, spec);
    if (!decl)
        return QX_ERR_OK; /* the executor says so when the lease comes */
    qx_err e = use_tables(js, job, decl, spec->params, spec->n_params);
    for (uint32_t i = 0; i < spec->n_cells && e == QX_ERR_OK; i++)
        e = use_tables(js, job, decl, spec->cells[i].params, spec->cells[i].n_params);
    return e;
}

enum blob_state jobs_data(const struct job *job, const char **ret_why)
{
    enum blob_state state = BLOB_READY;
    for (size_t i = 0; i < job->n_blobs; i++) {
        enum blob_state s = blob_state(job->blobs[i]);
        if (s == BLOB_FAILED) {
            *ret_why = blob_why(job->blobs[i]);
            return s;
        }
        if (s == BLOB_FETCHING)
            state = s;
    }
    return state;
}

struct job *jobs_next_decided(struct jobs *js)
{
    const char *why = NULL;
    for (struct idmap_slot *s = NULL; (s = idmap_next(&js->by_id, s));) {
        struct job *job = s->value;
        if (job->held.n > 0 && jobs_data(job, &why) != BLOB_FETCHING)
            return job;
    }
    return NULL;
}

/* ---- specs ------------------------------------------------------------------------------------------- */

static struct job *job_new(struct jobs *js, uint64_t id)
{
    struct job *job = qx_calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->id = id;
    job->known = qx_calloc(js->config.slots, sizeof *job->known);
    if (!job->known || idmap_put(&js->by_id, id, job) != QX_ERR_OK) {
        qx_free(job->known);
        qx_free(job);
        return NULL;
    }
    return job;
}

static qx_err job_fill(struct jobs *js, struct job *job, const struct job_spec *spec, const void *data,
                       size_t len)
{
    size_t n_old = job->n_blobs;
    qx_err e = qx_bytes_resize(&job->frame, frame_job_bytes(len));
    if (e == QX_ERR_OK)
        e = use_all(js, job, spec);
    if (e != QX_ERR_OK)
        return e;
    frame_job_write(job->frame.data, FRAME_JOB, 0, 0, job->id, data, len);
    job->item_timeout_ns =
        spec->item_timeout_ms < UINT64_MAX / NS_PER_MS ? spec->item_timeout_ms * NS_PER_MS : 0;
    unuse_blobs(js, job->blobs, n_old);
    job->n_blobs -= n_old;
    if (n_old > 0)
        memmove(job->blobs, job->blobs + n_old, job->n_blobs * sizeof *job->blobs);
    return QX_ERR_OK;
}

qx_err jobs_put(struct jobs *js, uint64_t id, const void *spec, size_t len, struct job **ret,
                struct qx_error *err)
{
    struct job_spec *decoded = NULL;
    qx_err e = job_spec_decode(spec, len, &decoded, err);
    if (e != QX_ERR_OK)
        return e;
    struct job *job = jobs_find(js, id);
    if (!job)
        job = job_new(js, id);
    e = job ? job_fill(js, job, decoded, spec, len) : QX_ERR_NOMEM;
    job_spec_free(decoded);
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "no memory for a job of %zu bytes", len);
    *ret = job;
    return QX_ERR_OK;
}
