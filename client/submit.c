/* Submitting: data files become blobs the master has, then the job goes as one message.
 *
 * Files are read, checked and named by their hash before anything is sent, so that a bad file changes nothing. One
 * file that is named in many cells is read once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/client_internal.h"
#include "common/decl.h"
#include "common/error.h"
#include "common/table.h"

struct data_file {
    char *path;
    struct qx_bytes image;
    char ref[QX_BLOB_REF_BYTES];
};

/* A job whose data parameters name blobs: copies of the arrays, strings borrowed. */
struct prepared {
    struct data_file *files;
    size_t n_files, cap_files;
    struct qx_arg *args, *names; /* names: of the blobs, the job's own first */
    struct qx_cell_args *cells;
    uint32_t n_cells;
};

/* ---- reading CSV ---- */

static qx_err csv_image(const char *path, struct qx_bytes *ret, struct qx_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO is refused below, not waited for */
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        qx_err e = qx_fail(err, errno == ENOENT ? QX_ERR_NOTFOUND : QX_ERR_INVALID, "data file %s: %s", path,
                           strerror(errno));
        if (fd >= 0)
            close(fd);
        return e;
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return qx_fail(err, QX_ERR_INVALID, "data file %s: not a regular file", path);
    }
    size_t len = (size_t)st.st_size;
    void *map = len && len <= TABLE_CSV_BYTES_MAX ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (map == MAP_FAILED)
        return qx_fail(err, QX_ERR_INVALID, "data file %s: %s", path, strerror(errno));
    if (len > TABLE_CSV_BYTES_MAX)
        return qx_fail(err, QX_ERR_INVALID, "data file %s: %.1f GiB, at most %.0f GiB", path,
                       (double)len / (1u << 30), (double)TABLE_CSV_BYTES_MAX / (1u << 30));
    qx_err e = table_from_csv(path, len ? map : "", len, ret, err);
    if (map)
        munmap(map, len);
    return e;
}

QX_API qx_err qx_data_from_csv(const char *path, void **ret_data, size_t *ret_len, struct qx_error *err)
{
    struct qx_bytes image = {0};
    qx_err e = csv_image(path, &image, err);
    if (e != QX_ERR_OK) {
        qx_bytes_fini(&image);
        return e;
    }
    *ret_data = image.data;
    *ret_len = image.len;
    return QX_ERR_OK;
}

QX_API void qx_data_free(void *data)
{
    qx_free(data);
}

/* ---- which parameters name files ---- */

/* The parameters that are data in any version that may be meant. */
static qx_err remember_task(struct qx_client *c, const char *name, const char *version,
                            const struct qx_task_list *l, const struct known_task **ret)
{
    if (qx_grow(&c->tasks, &c->cap_tasks, c->n_tasks + 1, sizeof *c->tasks))
        return QX_ERR_NOMEM;
    size_t most = 1;
    for (uint32_t i = 0; i < l->n; i++)
        most += l->tasks[i].n_params;
    struct known_task k = {.name = qx_strdup(name), .version = qx_strdup(version)};
    k.tables = qx_calloc(most, sizeof *k.tables);
    bool ok = k.name && k.version && k.tables;
    for (uint32_t i = 0; ok && i < l->n; i++) {
        const struct qx_task_info *t = &l->tasks[i];
        if (strcmp(t->name, name) || (*version && strcmp(t->version, version)))
            continue;
        for (uint32_t n = 0; ok && n < t->n_params; n++)
            if (t->params[n].table)
                ok = (k.tables[k.n_tables++] = qx_strdup(t->params[n].name)) != NULL;
    }
    if (!ok) {
        for (uint32_t i = 0; i < k.n_tables; i++)
            qx_free(k.tables[i]);
        qx_free(k.tables);
        qx_free(k.name);
        qx_free(k.version);
        return QX_ERR_NOMEM;
    }
    c->tasks[c->n_tasks++] = k;
    *ret = &c->tasks[c->n_tasks - 1];
    return QX_ERR_OK;
}

static bool lists_task(const struct qx_task_list *l, const char *name)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (!strcmp(l->tasks[i].name, name))
            return true;
    return false;
}

/* What is known of a task; asks the master the first time. NULL in *ret: the farm does not hold it (yet). */
static qx_err know_task(struct qx_client *c, const char *name, const char *version,
                        const struct known_task **ret, struct qx_error *err)
{
    *ret = NULL;
    for (size_t i = 0; i < c->n_tasks; i++)
        if (!strcmp(c->tasks[i].name, name) && !strcmp(c->tasks[i].version, version)) {
            *ret = &c->tasks[i];
            return QX_ERR_OK;
        }
    struct qx_task_list *list = NULL;
    qx_err e = qx_client_tasks(c, name, &list, err);
    if (e != QX_ERR_OK)
        return e;
    if (lists_task(list, name) && remember_task(c, name, version, list, ret) != QX_ERR_OK)
        e = qx_fail(err, QX_ERR_NOMEM, "out of memory for what is known of task %s", name);
    qx_task_list_free(list);
    return e;
}

static bool is_table(const struct known_task *t, const char *param)
{
    for (uint32_t i = 0; i < t->n_tables; i++)
        if (!strcmp(t->tables[i], param))
            return true;
    return false;
}

/* ---- files to blobs ---- */

static struct data_file *find_file(struct prepared *p, const char *path)
{
    for (size_t i = 0; i < p->n_files; i++)
        if (!strcmp(p->files[i].path, path))
            return &p->files[i];
    return NULL;
}

static qx_err read_file(struct prepared *p, const char *path, struct qx_error *err)
{
    if (find_file(p, path))
        return QX_ERR_OK;
    if (qx_grow(&p->files, &p->cap_files, p->n_files + 1, sizeof *p->files))
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for data files");
    struct data_file f = {.path = qx_strdup(path)};
    qx_err e =
        f.path ? csv_image(path, &f.image, err) : qx_fail(err, QX_ERR_NOMEM, "out of memory for data files");
    if (e != QX_ERR_OK) {
        qx_bytes_fini(&f.image);
        qx_free(f.path);
        return e;
    }
    p->files[p->n_files++] = f;
    return QX_ERR_OK;
}

static bool names_file(const struct known_task *t, const struct qx_arg *a)
{
    struct blob_ref ref;
    return is_table(t, a->name) && *a->value && !blob_ref_parse(a->value, &ref);
}

static qx_err read_files(struct prepared *p, const struct known_task *t, const struct qx_arg *args,
                         uint32_t n, struct qx_error *err)
{
    qx_err e = QX_ERR_OK;
    for (uint32_t i = 0; e == QX_ERR_OK && i < n; i++)
        if (names_file(t, &args[i]))
            e = read_file(p, args[i].value, err);
    return e;
}

/* Gives the master the data, unless it has them already. */
static qx_err upload(struct qx_client *c, struct data_file *f, struct qx_error *err)
{
    uint64_t tag;
    struct qx_event ev;
    qx_err e = qx_session_put_blob(c->session, f->image.data, f->image.len, f->ref, &tag);
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "out of memory to send %s", f->path);
    e = client_call(c, tag, &ev, err);
    if (e != QX_ERR_OK)
        return e;
    qx_event_fini(&ev);
    qx_bytes_fini(&f->image);
    return QX_ERR_OK;
}

static qx_err replace(struct prepared *p, const struct known_task *t, const struct qx_arg *args, uint32_t n,
                      struct qx_arg **ret)
{
    struct qx_arg *copy = qx_calloc((size_t)n + 1, sizeof *copy);
    if (!copy)
        return QX_ERR_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        copy[i] = args[i];
        if (names_file(t, &args[i]))
            copy[i].value = find_file(p, args[i].value)->ref;
    }
    *ret = copy;
    return QX_ERR_OK;
}

static qx_err replace_all(struct prepared *p, const struct known_task *t, struct qx_job_options *job)
{
    qx_err e = replace(p, t, job->args, job->n_args, &p->args);
    p->cells = qx_calloc((size_t)job->n_cells + 1, sizeof *p->cells);
    if (!p->cells)
        e = QX_ERR_NOMEM;
    for (uint32_t i = 0; e == QX_ERR_OK && i < job->n_cells; i++) {
        struct qx_arg *args = NULL;
        e = replace(p, t, job->cells[i].args, job->cells[i].n_args, &args);
        p->cells[i] = (struct qx_cell_args){args, job->cells[i].n_args};
        p->n_cells = i + 1;
    }
    job->args = p->args;
    job->cells = p->cells;
    return e;
}

/* The master is told the names of the files, so that they can be shown. */
static qx_err name_files(struct prepared *p, struct qx_job_options *job)
{
    p->names = qx_calloc((size_t)job->n_files + p->n_files, sizeof *p->names);
    if (!p->names)
        return QX_ERR_NOMEM;
    if (job->n_files)
        memcpy(p->names, job->files, job->n_files * sizeof *p->names);
    for (size_t i = 0; i < p->n_files; i++)
        p->names[job->n_files + i] = (struct qx_arg){p->files[i].ref, p->files[i].path};
    job->files = p->names;
    job->n_files += (uint32_t)p->n_files;
    return QX_ERR_OK;
}

static void prepared_fini(struct prepared *p)
{
    for (size_t i = 0; i < p->n_files; i++) {
        qx_bytes_fini(&p->files[i].image);
        qx_free(p->files[i].path);
    }
    for (uint32_t i = 0; i < p->n_cells; i++)
        qx_free((void *)(uintptr_t)p->cells[i].args);
    qx_free(p->cells);
    qx_free(p->names);
    qx_free(p->args);
    qx_free(p->files);
}

/* Rewrites `job` so that its data parameters name blobs that the master has. */
static qx_err prepare(struct qx_client *c, struct qx_job_options *job, struct prepared *p,
                      struct qx_error *err)
{
    const struct known_task *t = NULL;
    qx_err e = know_task(c, job->task, job->version ? job->version : "", &t, err);
    if (e != QX_ERR_OK || !t || !t->n_tables)
        return e;
    e = read_files(p, t, job->args, job->n_args, err);
    for (uint32_t i = 0; e == QX_ERR_OK && i < job->n_cells; i++)
        e = read_files(p, t, job->cells[i].args, job->cells[i].n_args, err);
    for (size_t i = 0; e == QX_ERR_OK && i < p->n_files; i++)
        e = upload(c, &p->files[i], err);
    if (e == QX_ERR_OK && p->n_files &&
        (replace_all(p, t, job) != QX_ERR_OK || name_files(p, job) != QX_ERR_OK))
        e = qx_fail(err, QX_ERR_NOMEM, "out of memory for the job");
    return e;
}

/* ---- submitting ---- */

/* Until the master has taken the job or refused it. */
static qx_err wait_taken(struct qx_client *c, struct qx_future *f, struct qx_error *err)
{
    while (!f->job && !f->done) {
        qx_err e = client_turn(c, UINT64_MAX, err);
        if (e != QX_ERR_OK && e != QX_ERR_AGAIN)
            return e;
    }
    return f->job || f->result ? QX_ERR_OK : qx_fail(err, f->error.code, "%s", f->error.text);
}

static qx_err submit(struct qx_client *c, const struct qx_job_options *job, struct qx_future **ret,
                     struct qx_error *err)
{
    uint64_t tag;
    struct qx_future *f = NULL;
    struct rounds *rounds = NULL;
    if (job->rounds_max > 1 && rounds_new(job, &rounds) != QX_ERR_OK)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a job");
    qx_err e = qx_session_submit(c->session, job, true, &tag, err);
    if (e != QX_ERR_OK) {
        rounds_free(rounds);
        return e;
    }
    if (future_new(c, tag, rounds, &f) != QX_ERR_OK) {
        rounds_free(rounds);
        qx_session_abandon(c->session, tag);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a job");
    }
    f->detached = job->detached;
    e = wait_taken(c, f, err);
    if (e != QX_ERR_OK) {
        qx_future_free(f);
        return e;
    }
    *ret = f;
    return QX_ERR_OK;
}

QX_API qx_err qx_client_submit(struct qx_client *c, const struct qx_job_options *job, struct qx_future **ret,
                               struct qx_error *err)
{
    if (!job->task || !*job->task)
        return qx_fail(err, QX_ERR_INVALID, "a job needs a task");
    struct qx_job_options o = *job;
    struct prepared p = {0};
    qx_err e = prepare(c, &o, &p, err);
    if (e == QX_ERR_OK)
        e = submit(c, &o, ret, err);
    prepared_fini(&p);
    return e;
}

QX_API qx_err qx_client_attach(struct qx_client *c, uint64_t job, uint32_t progress_ms,
                               struct qx_future **ret, struct qx_error *err)
{
    uint64_t tag;
    struct qx_future *f = NULL;
    qx_err e = qx_session_watch(c->session, job, progress_ms, &tag);
    if (e == QX_ERR_OK && (e = future_new(c, tag, NULL, &f)) != QX_ERR_OK)
        qx_session_abandon(c->session, tag);
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "out of memory for a job");
    f->job = job;
    f->detached = true; /* not ours to end */
    *ret = f;
    return QX_ERR_OK;
}
