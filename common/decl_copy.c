/* A copy of what a plugin's table says, checked against the rules of task.h. The texts are for its author. */
#include <math.h>
#include <string.h>

#include "common/decl.h"
#include "common/error.h"
#include "common/mem.h"

enum {
    NAME_BYTES_MAX = 63,
    PARAMS_MAX = 64,
    CHOICES_MAX = 256,
    HELP_BYTES_MAX = 512,
    DETAILS_BYTES_MAX = 1 << 16
};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool task_name_ok(const char *s)
{
    size_t len = strnlen(s, NAME_BYTES_MAX + 1);
    if (len == 0 || len > NAME_BYTES_MAX || !is_lower(s[0]) || s[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_lower(s[i]) && !is_digit(s[i]) && (s[i] != '.' || s[i - 1] == '.'))
            return false;
    return true;
}

static bool version_ok(const char *s)
{
    size_t len = strnlen(s, NAME_BYTES_MAX + 1);
    if (len == 0 || len > NAME_BYTES_MAX || !is_digit(s[0]) || s[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_digit(s[i]) && (s[i] != '.' || s[i - 1] == '.'))
            return false;
    return true;
}

static bool param_name_ok(const char *s)
{
    size_t len = strnlen(s, NAME_BYTES_MAX + 1);
    if (len == 0 || len > NAME_BYTES_MAX || is_digit(s[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_lower(s[i]) && !is_digit(s[i]) && !(s[i] >= 'A' && s[i] <= 'Z') && s[i] != '_')
            return false;
    return true;
}

static bool help_ok(const char *s)
{
    return s && s[0] && strnlen(s, HELP_BYTES_MAX + 1) <= HELP_BYTES_MAX && !strchr(s, '\n');
}

static qx_err copy_text(const char *from, char **to, struct qx_error *err)
{
    if (!from)
        return QX_ERR_OK;
    *to = qx_strdup(from);
    return *to ? QX_ERR_OK : qx_fail(err, QX_ERR_NOMEM, "out of memory for the description of a task");
}

static qx_err copy_choices(const struct qx_param *p, struct param_decl *d, struct qx_error *err)
{
    size_t n = 0;
    if (p->type != QX_PARAM_CHOICE)
        return p->choices
                   ? qx_fail(err, QX_ERR_INVALID, "parameter '%s' has choices but is no CHOICE", p->name)
                   : QX_ERR_OK;
    while (p->choices && p->choices[n] && n <= CHOICES_MAX)
        n++;
    if (n == 0 || n > CHOICES_MAX)
        return qx_fail(err, QX_ERR_INVALID, "parameter '%s' needs 1 to %d choices", p->name, CHOICES_MAX);
    d->choices = qx_calloc(n, sizeof *d->choices);
    if (!d->choices)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the description of a task");
    for (d->n_choices = 0; d->n_choices < n; d->n_choices++) {
        qx_err e = copy_text(p->choices[d->n_choices], &d->choices[d->n_choices], err);
        if (e != QX_ERR_OK)
            return e;
    }
    return QX_ERR_OK;
}

static qx_err check_fallback(const struct param_decl *d, struct qx_error *err)
{
    if (!d->fallback || d->fallback[0] == '\0')
        return QX_ERR_OK;
    if (d->type == QX_PARAM_TABLE)
        return qx_fail(err, QX_ERR_INVALID, "parameter '%s': a TABLE has no default", d->name);
    struct qx_error why;
    qx_err e = param_decl_check(d, d->fallback, &why);
    return e == QX_ERR_OK ? e : qx_fail(err, e, "default of %s", why.text);
}

static qx_err copy_param(const struct qx_param *p, struct param_decl *d, struct qx_error *err)
{
    if (!p->name || !param_name_ok(p->name))
        return qx_fail(err, QX_ERR_INVALID, "parameter name '%.64s' is not letters, digits and '_'",
                       p->name ? p->name : "");
    if ((unsigned)p->type > QX_PARAM_TABLE)
        return qx_fail(err, QX_ERR_INVALID, "parameter '%s' has the unknown type %u", p->name,
                       (unsigned)p->type);
    if (!help_ok(p->help))
        return qx_fail(err, QX_ERR_INVALID, "parameter '%s' needs one line of help", p->name);
    if (isnan(p->min) || isnan(p->max) || p->min > p->max)
        return qx_fail(err, QX_ERR_INVALID, "parameter '%s': min is over max", p->name);
    d->type = p->type;
    d->min = p->min;
    d->max = p->max;
    qx_err e = copy_text(p->name, &d->name, err);
    if (e == QX_ERR_OK)
        e = copy_text(p->fallback, &d->fallback, err);
    if (e == QX_ERR_OK)
        e = copy_text(p->help, &d->help, err);
    if (e == QX_ERR_OK)
        e = copy_choices(p, d, err);
    return e == QX_ERR_OK ? check_fallback(d, err) : e;
}

static qx_err copy_params(const struct qx_task *task, struct task_decl *d, struct qx_error *err)
{
    if (task->n_params == 0)
        return QX_ERR_OK;
    if (task->n_params > PARAMS_MAX || !task->params)
        return qx_fail(err, QX_ERR_INVALID, "%u parameters, at most %d", task->n_params, PARAMS_MAX);
    d->params = qx_calloc(task->n_params, sizeof *d->params);
    if (!d->params)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the description of a task");
    for (d->n_params = 0; d->n_params < task->n_params;) {
        struct param_decl *p = &d->params[d->n_params];
        const char *name = task->params[d->n_params].name;
        if (name && task_decl_param(d, name))
            return qx_fail(err, QX_ERR_INVALID, "parameter '%.64s' is declared twice", name);
        d->n_params++; /* half a copy is freed with the rest */
        qx_err e = copy_param(&task->params[d->n_params - 1], p, err);
        if (e != QX_ERR_OK)
            return e;
    }
    return QX_ERR_OK;
}

static qx_err check_table(const struct qx_task *task, struct qx_error *err)
{
    if (task->struct_size != sizeof *task)
        return qx_fail(err, QX_ERR_VERSION,
                       "struct qx_task of %u bytes, this farm's has %zu: compile it anew", task->struct_size,
                       sizeof *task);
    if (!task->name || !task_name_ok(task->name))
        return qx_fail(err, QX_ERR_INVALID,
                       "task name '%.70s' is not lower case letters, digits and single dots",
                       task->name ? task->name : "");
    if (!task->version || !version_ok(task->version))
        return qx_fail(err, QX_ERR_INVALID, "version '%.70s' is not numbers with dots between",
                       task->version ? task->version : "");
    if (!help_ok(task->help))
        return qx_fail(err, QX_ERR_INVALID, "it needs one line of help");
    if (task->details && strnlen(task->details, DETAILS_BYTES_MAX + 1) > DETAILS_BYTES_MAX)
        return qx_fail(err, QX_ERR_INVALID, "details of more than %d bytes", DETAILS_BYTES_MAX);
    if (task->shape != QX_SHAPE_MAP)
        return qx_fail(err, QX_ERR_INVALID, "unknown shape %u", (unsigned)task->shape);
    if (task->flags & ~(uint32_t)(QX_TASK_NOT_REPRODUCIBLE | QX_TASK_OWN_REDUCER | QX_TASK_COUNTS_ITEMS))
        return qx_fail(err, QX_ERR_INVALID, "unknown flags 0x%x", task->flags);
    if (!task->open)
        return qx_fail(err, QX_ERR_INVALID, "it has no open function");
    if (!task->run && !task->block)
        return qx_fail(err, QX_ERR_INVALID, "it has neither a run nor a block function");
    if (task->default_items > QX_ITEMS_MAX)
        return qx_fail(err, QX_ERR_INVALID, "default_items is over 2^62");
    return QX_ERR_OK;
}

static struct block_layout layout_of(const struct qx_task *task)
{
    if (task->grain == 0 && task->spread == 0)
        return (struct block_layout){1, QX_SPREAD_DEFAULT};
    return (struct block_layout){task->grain, task->spread};
}

static qx_err copy_task(const struct qx_task *task, struct task_decl *d, struct qx_error *err)
{
    d->flags = task->flags;
    d->layout = layout_of(task);
    d->default_items = task->default_items;
    d->has_finish = task->finish != NULL;
    d->opaque = (task->flags & QX_TASK_OWN_REDUCER) != 0;
    if (!block_layout_ok(d->layout))
        return qx_fail(err, QX_ERR_INVALID, "grain %u (1 to %d) or spread %u (0 to %d) out of range",
                       d->layout.grain, QX_GRAIN_MAX, d->layout.spread, QX_SPREAD_MAX);
    const char *const from[] = {task->name, task->version, task->help, task->details, task->items_from};
    char **const to[] = {&d->name, &d->version, &d->help, &d->details, &d->items_from};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
        qx_err e = copy_text(from[i], to[i], err);
        if (e != QX_ERR_OK)
            return e;
    }
    qx_err e = copy_params(task, d, err);
    if (e != QX_ERR_OK)
        return e;
    const struct param_decl *list = d->items_from ? task_decl_param(d, d->items_from) : NULL;
    if (d->items_from && (!list || list->type != QX_PARAM_REALS))
        return qx_fail(err, QX_ERR_INVALID, "items_from '%.64s' is not a REALS parameter", d->items_from);
    return QX_ERR_OK;
}

qx_err task_decl_from(const struct qx_task *task, struct task_decl *ret, struct qx_error *err)
{
    struct qx_error why;
    struct task_decl d = {0};
    qx_err e = check_table(task, &why);
    if (e == QX_ERR_OK)
        e = copy_task(task, &d, &why);
    if (e == QX_ERR_OK) {
        *ret = d;
        return QX_ERR_OK;
    }
    bool named = e != QX_ERR_VERSION && task->name && task_name_ok(task->name);
    task_decl_fini(&d);
    return named ? qx_fail(err, e, "task '%s': %s", task->name, why.text)
                 : qx_fail(err, e, "a task: %s", why.text);
}

void task_decl_fini(struct task_decl *d)
{
    for (uint32_t i = 0; i < d->n_params; i++) {
        struct param_decl *p = &d->params[i];
        for (uint32_t j = 0; j < p->n_choices; j++)
            qx_free(p->choices[j]);
        qx_free(p->choices);
        qx_free(p->name);
        qx_free(p->fallback);
        qx_free(p->help);
    }
    qx_free(d->params);
    qx_free(d->name);
    qx_free(d->version);
    qx_free(d->help);
    qx_free(d->details);
    qx_free(d->items_from);
    *d = (struct task_decl){0};
}
