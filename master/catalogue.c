#include "master/catalogue.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"

struct catalogue {
    struct task_decl **decls; /* the class of an entry is its place; jobs keep pointers to entries */
    size_t n, cap;
};

qx_err catalogue_new(struct catalogue **ret)
{
    *ret = qx_calloc(1, sizeof **ret);
    return *ret ? QX_ERR_OK : QX_ERR_NOMEM;
}

void catalogue_free(struct catalogue *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        task_decl_fini(c->decls[i]);
        qx_free(c->decls[i]);
    }
    qx_free(c->decls);
    qx_free(c);
}

static int version_compare(const char *a, const char *b)
{
    while (*a && *b) {
        char *end_a, *end_b;
        unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);
        if (x != y)
            return x < y ? -1 : 1;
        if (end_a == a || end_b == b)
            return strcmp(a, b);
        a = end_a + (*end_a == '.');
        b = end_b + (*end_b == '.');
    }
    return (*a != 0) - (*b != 0);
}

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && !strcmp(a, b));
}

static bool same_param(const struct param_decl *a, const struct param_decl *b)
{
    if (a->type != b->type || a->min != b->min || a->max != b->max || a->n_choices != b->n_choices ||
        !same_text(a->name, b->name) || !same_text(a->fallback, b->fallback))
        return false;
    for (uint32_t i = 0; i < a->n_choices; i++)
        if (strcmp(a->choices[i], b->choices[i]))
            return false;
    return true;
}

/* The same as far as an answer can tell: help texts may differ. */
static bool same_decl(const struct task_decl *a, const struct task_decl *b)
{
    if (a->n_params != b->n_params || a->flags != b->flags || a->layout.grain != b->layout.grain ||
        a->layout.spread != b->layout.spread || a->default_items != b->default_items ||
        a->has_finish != b->has_finish || a->opaque != b->opaque || !same_text(a->items_from, b->items_from))
        return false;
    for (uint32_t i = 0; i < a->n_params; i++)
        if (!same_param(&a->params[i], &b->params[i]))
            return false;
    return true;
}

static bool copy_text(char **to, const char *from)
{
    *to = from ? qx_strdup(from) : NULL;
    return !from || *to;
}

static bool copy_param(struct param_decl *to, const struct param_decl *from)
{
    to->type = from->type;
    to->min = from->min;
    to->max = from->max;
    if (!copy_text(&to->name, from->name) || !copy_text(&to->fallback, from->fallback) ||
        !copy_text(&to->help, from->help))
        return false;
    to->choices = qx_calloc(from->n_choices + 1u, sizeof *to->choices);
    for (; to->choices && to->n_choices < from->n_choices; to->n_choices++)
        if (!copy_text(&to->choices[to->n_choices], from->choices[to->n_choices]))
            return false;
    return to->choices != NULL;
}

static qx_err decl_copy(const struct task_decl *from, struct task_decl *to)
{
    *to = (struct task_decl){.flags = from->flags,
                             .layout = from->layout,
                             .default_items = from->default_items,
                             .has_finish = from->has_finish,
                             .opaque = from->opaque};
    bool ok = copy_text(&to->name, from->name) && copy_text(&to->version, from->version) &&
              copy_text(&to->help, from->help) && copy_text(&to->details, from->details) &&
              copy_text(&to->items_from, from->items_from);
    to->params = ok ? qx_calloc(from->n_params + 1u, sizeof *to->params) : NULL;
    ok = ok && to->params;
    while (ok && to->n_params < from->n_params) {
        uint32_t i = to->n_params++;
        ok = copy_param(&to->params[i], &from->params[i]);
    }
    if (ok)
        return QX_ERR_OK;
    task_decl_fini(to);
    return QX_ERR_NOMEM;
}

qx_err catalogue_add(struct catalogue *c, const struct task_decl *decl, uint32_t *ret_class,
                     struct qx_error *err)
{
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->decls[i]->name, decl->name) || strcmp(c->decls[i]->version, decl->version))
            continue;
        if (!same_decl(c->decls[i], decl))
            return qx_fail(
                err, QX_ERR_INVALID,
                "task %s %s is declared differently by another worker: give the changed one a new version",
                decl->name, decl->version);
        *ret_class = (uint32_t)i;
        return QX_ERR_OK;
    }
    if (qx_grow(&c->decls, &c->cap, c->n + 1, sizeof *c->decls))
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the task catalogue");
    struct task_decl *own = qx_calloc(1, sizeof *own);
    if (!own || decl_copy(decl, own) != QX_ERR_OK) {
        qx_free(own);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for task %s", decl->name);
    }
    c->decls[c->n] = own;
    *ret_class = (uint32_t)c->n++;
    return QX_ERR_OK;
}

static qx_err not_found(const struct catalogue *c, const char *name, const char *version, bool name_known,
                        struct qx_error *err)
{
    if (name_known)
        return qx_fail(err, QX_ERR_NOTFOUND,
                       "no worker has version %s of task %s; leave the version out for the newest", version,
                       name);
    if (!c->n)
        return qx_fail(err, QX_ERR_NOTFOUND, "no task \"%s\": no worker has joined this farm yet", name);
    const char **names = qx_calloc(c->n, sizeof *names);
    if (!names)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < c->n; i++)
        names[i] = c->decls[i]->name;
    const char *near = nearest_name(name, names, c->n);
    qx_free(names);
    if (near)
        return qx_fail(err, QX_ERR_NOTFOUND, "no task \"%s\"; did you mean \"%s\"? `qx tasks` lists them all",
                       name, near);
    return qx_fail(err, QX_ERR_NOTFOUND, "no task \"%s\"; `qx tasks` lists what this farm has", name);
}

qx_err catalogue_find(const struct catalogue *c, const char *name, const char *version, uint32_t *ret_class,
                      struct qx_error *err)
{
    const struct task_decl *best = NULL;
    size_t place = 0;
    bool name_known = false;
    for (size_t i = 0; i < c->n; i++) {
        const struct task_decl *d = c->decls[i];
        if (strcmp(d->name, name))
            continue;
        name_known = true;
        if (*version ? !strcmp(d->version, version)
                     : !best || version_compare(d->version, best->version) > 0) {
            best = d;
            place = i;
        }
    }
    if (!best)
        return not_found(c, name, version, name_known, err);
    *ret_class = (uint32_t)place;
    return QX_ERR_OK;
}

const struct task_decl *catalogue_decl(const struct catalogue *c, uint32_t class_id)
{
    QX_BUG_ON(class_id >= c->n);
    return c->decls[class_id];
}

uint32_t catalogue_count(const struct catalogue *c)
{
    return (uint32_t)c->n;
}
