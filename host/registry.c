#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build_config.h"
#include "common/error.h"
#include "common/mem.h"
#include "host/host.h"

enum { PATH_BYTES = 4096, TASKS_MAX = 1024 };

struct registered {
    struct task_decl decl;
    const struct qx_task *task;
};

struct registry {
    struct registered *tasks;
    size_t n_tasks, cap_tasks;
    void **handles;
    size_t n_handles, cap_handles;
};

qx_err registry_new(struct registry **ret)
{
    *ret = qx_calloc(1, sizeof **ret);
    return *ret ? QX_ERR_OK : QX_ERR_NOMEM;
}

static void forget_tasks_from(struct registry *r, size_t first)
{
    while (r->n_tasks > first)
        task_decl_fini(&r->tasks[--r->n_tasks].decl);
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    forget_tasks_from(r, 0);
    while (r->n_handles > 0)
        (void)dlclose(r->handles[--r->n_handles]);
    qx_free(r->tasks);
    qx_free(r->handles);
    qx_free(r);
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static qx_err add_task(struct registry *r, const struct qx_task *task, struct qx_error *err)
{
    struct task_decl d;
    if (!task)
        return qx_fail(err, QX_ERR_INVALID, "a task is NULL");
    qx_err e = task_decl_from(task, &d, err);
    if (e != QX_ERR_OK)
        return e;
    if (registry_find(r, d.name, d.version, NULL)) {
        e = qx_fail(err, QX_ERR_INVALID, "task '%s' %s is there already, from another plugin or twice",
                    d.name, d.version);
        task_decl_fini(&d);
        return e;
    }
    if (qx_grow(&r->tasks, &r->cap_tasks, r->n_tasks + 1, sizeof *r->tasks) != 0) {
        task_decl_fini(&d);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    }
    r->tasks[r->n_tasks++] = (struct registered){d, task};
    return QX_ERR_OK;
}

static qx_err add_plugin(struct registry *r, const struct qx_plugin *p, struct qx_error *err)
{
    if (p->abi_version != QX_TASK_ABI)
        return qx_fail(err, QX_ERR_VERSION,
                       "plugin ABI version %u, this farm's is %u: compile it with this farm's headers",
                       p->abi_version, QX_TASK_ABI);
    if (p->struct_size != sizeof *p)
        return qx_fail(err, QX_ERR_VERSION,
                       "struct qx_plugin of %u bytes, this farm's has %zu: compile it anew", p->struct_size,
                       sizeof *p);
    if (p->n_tasks == 0 || p->n_tasks > TASKS_MAX || !p->tasks)
        return qx_fail(err, QX_ERR_INVALID, "%u tasks; 1 to %d are allowed", p->n_tasks, TASKS_MAX);
    size_t before = r->n_tasks;
    for (uint32_t i = 0; i < p->n_tasks; i++) {
        qx_err e = add_task(r, p->tasks[i], err);
        if (e != QX_ERR_OK) {
            forget_tasks_from(r, before);
            return e;
        }
    }
    return QX_ERR_OK;
}

/* GSL's default handler aborts the process on a domain error. It belongs to the plugin's libgsl, if it uses one. */
static void quiet_gsl(void *handle)
{
    void *symbol = dlsym(handle, "gsl_set_error_handler_off");
    void *(*off)(void);
    memcpy(&off, &symbol, sizeof off); /* a function pointer, as POSIX has it */
    if (off)
        (void)off();
}

static qx_err load_handle(struct registry *r, void *handle, struct qx_error *err)
{
    const struct qx_plugin *p = dlsym(handle, "qx_plugin");
    if (!p)
        return qx_fail(err, QX_ERR_INVALID, "it exports no symbol `qx_plugin`: not a plugin of this farm");
    if (qx_grow(&r->handles, &r->cap_handles, r->n_handles + 1, sizeof *r->handles) != 0)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    return add_plugin(r, p, err);
}

qx_err registry_load(struct registry *r, const char *path, struct qx_error *err)
{
    char full[PATH_BYTES];
    int len =
        snprintf(full, sizeof full, "%s%s", strchr(path, '/') ? "" : "./", path); /* never the library path */
    if (len < 0 || (size_t)len >= sizeof full)
        return qx_fail(err, QX_ERR_INVALID, "plugin path of %zu bytes is too long", strlen(path));
    void *handle = dlopen(full, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *why = dlerror();
        return qx_fail(err, QX_ERR_INVALID, "plugin %.100s: not a shared object that loads: %s",
                       file_name(path), why ? why : "unknown");
    }
    struct qx_error why;
    qx_err e = load_handle(r, handle, &why);
    if (e != QX_ERR_OK) {
        (void)dlclose(handle);
        return qx_fail(err, e, "plugin %.100s: %s", file_name(path), why.text);
    }
    r->handles[r->n_handles++] = handle;
    quiet_gsl(handle);
    return QX_ERR_OK;
}

static int is_shared_object(const struct dirent *d)
{
    size_t len = strlen(d->d_name);
    return len > 3 && d->d_name[0] != '.' && strcmp(d->d_name + len - 3, ".so") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

qx_err registry_load_dir(struct registry *r, const char *dir,
                         void (*report)(void *arg, const char *path, const struct qx_error *e), void *arg,
                         struct qx_error *err)
{
    struct dirent **found;
    int n = scandir(dir, &found, is_shared_object, by_bytes);
    if (n < 0)
        return qx_fail(err, errno == ENOMEM ? QX_ERR_NOMEM : QX_ERR_NOTFOUND, "plugin folder %.150s: %s", dir,
                       strerror(errno));
    for (int i = 0; i < n; i++) {
        char path[PATH_BYTES];
        struct qx_error why;
        int len = snprintf(path, sizeof path, "%s/%s", dir, found[i]->d_name);
        if (len > 0 && (size_t)len < sizeof path && registry_load(r, path, &why) != QX_ERR_OK && report)
            report(arg, path, &why);
        free(found[i]);
    }
    free(found);
    return QX_ERR_OK;
}

size_t registry_count(const struct registry *r)
{
    return r->n_tasks;
}

const struct task_decl *registry_decl(const struct registry *r, size_t i)
{
    return i < r->n_tasks ? &r->tasks[i].decl : NULL;
}

const struct qx_task *registry_task(const struct registry *r, size_t i)
{
    return i < r->n_tasks ? r->tasks[i].task : NULL;
}

/* Numbers with dots: 1.10 is after 1.9, and 1.0 after 1. The declaration has checked the form. */
static int compare_versions(const char *a, const char *b)
{
    while (*a && *b) {
        a += strspn(a, "0");
        b += strspn(b, "0");
        size_t len_a = strcspn(a, "."), len_b = strcspn(b, ".");
        int order = len_a != len_b ? (len_a > len_b) - (len_a < len_b) : memcmp(a, b, len_a);
        if (order != 0)
            return order;
        a += len_a + (a[len_a] == '.');
        b += len_b + (b[len_b] == '.');
    }
    return (*a != '\0') - (*b != '\0');
}

const struct qx_task *registry_find(const struct registry *r, const char *name, const char *version,
                                    const struct task_decl **ret_decl)
{
    const struct registered *best = NULL;
    for (size_t i = 0; i < r->n_tasks; i++) {
        const struct registered *t = &r->tasks[i];
        if (strcmp(t->decl.name, name) != 0 || (version && strcmp(t->decl.version, version) != 0))
            continue;
        if (!best || compare_versions(t->decl.version, best->decl.version) > 0)
            best = t;
    }
    if (best && ret_decl)
        *ret_decl = &best->decl;
    return best ? best->task : NULL;
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

qx_err registry_default_dir(char *ret_path, size_t len_bytes)
{
    const char *named = getenv("QX_PLUGIN_DIR");
    if (named && named[0]) {
        int len = snprintf(ret_path, len_bytes, "%s", named);
        return len >= 0 && (size_t)len < len_bytes ? QX_ERR_OK : QX_ERR_LIMIT;
    }
    char self[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return QX_ERR_IO;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    static const char *const beside[] = {QX_PLUGIN_DIR_REL, QX_PLUGIN_DIR_REL_BUILD};
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        int len = snprintf(ret_path, len_bytes, "%s/%s", self, beside[i]);
        if (len < 0 || (size_t)len >= len_bytes)
            return QX_ERR_LIMIT;
        if (is_dir(ret_path))
            return QX_ERR_OK;
    }
    return QX_ERR_NOTFOUND;
}
