#include "common/options.h"

#include <czmq.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/decl.h"
#include "common/error.h"
#include "common/mem.h"
#include "quincunx/version.h"

static const struct option_decl common_options[] = {
    {"config", "FILE", NULL, "read options from FILE (name = value, one a line)", false},
    {"help", NULL, NULL, "print this text", false},
    {"version", NULL, NULL, "print the version", false},
};
enum { N_COMMON = sizeof common_options / sizeof common_options[0] };

struct given {
    const struct option_decl *decl;
    char *value;
    bool from_file;
};

struct options {
    const struct option_table *table;
    struct given *given;
    size_t n_given, cap_given;
};

static size_t decl_count(const struct option_table *t)
{
    return t->n_options + N_COMMON;
}

static const struct option_decl *decl_at(const struct option_table *t, size_t i)
{
    return i < t->n_options ? &t->options[i] : &common_options[i - t->n_options];
}

static const struct option_decl *decl_find(const struct option_table *t, const char *name)
{
    for (size_t i = 0; i < decl_count(t); i++) {
        if (strcmp(decl_at(t, i)->name, name) == 0)
            return decl_at(t, i);
    }
    return NULL;
}

static qx_err unknown_option(const struct option_table *t, const char *where, const char *name,
                             struct qx_error *err)
{
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (; n < decl_count(t) && n < NAMES_MAX; n++)
        names[n] = decl_at(t, n)->name;
    const char *nearest = nearest_name(name, names, n);
    if (nearest)
        return qx_fail(err, QX_ERR_INVALID, "%sunknown option \"%s\"; did you mean \"%s\"?", where, name,
                       nearest);
    return qx_fail(err, QX_ERR_INVALID, "%sunknown option \"%s\"; --help lists them", where, name);
}

static qx_err given_add(struct options *o, const struct option_decl *decl, const char *value, bool from_file)
{
    if (qx_grow(&o->given, &o->cap_given, o->n_given + 1, sizeof *o->given) < 0)
        return QX_ERR_NOMEM;
    char *copy = qx_strdup(value);
    if (!copy)
        return QX_ERR_NOMEM;
    o->given[o->n_given++] = (struct given){decl, copy, from_file};
    return QX_ERR_OK;
}

/* One argument "--name", "--name=value" or "--name value". *i is moved over what was used. */
static qx_err parse_argument(struct options *o, int argc, char **argv, int *i, struct qx_error *err)
{
    const char *arg = argv[*i];
    if (strncmp(arg, "--", 2) != 0 || arg[2] == '\0')
        return qx_fail(err, QX_ERR_INVALID, "unexpected argument \"%s\"; --help lists the options", arg);
    const char *equals = strchr(arg, '=');
    char name[64];
    (void)snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - arg - 2) : (int)sizeof name, arg + 2);
    const struct option_decl *decl = decl_find(o->table, name);
    if (!decl)
        return unknown_option(o->table, "", name, err);
    if (!decl->arg) {
        if (equals)
            return qx_fail(err, QX_ERR_INVALID, "--%s takes no value", name);
        return given_add(o, decl, "1", false);
    }
    if (equals)
        return given_add(o, decl, equals + 1, false);
    if (*i + 1 >= argc)
        return qx_fail(err, QX_ERR_INVALID, "--%s needs a value: --%s %s", name, name, decl->arg);
    return given_add(o, decl, argv[++*i], false);
}

static qx_err add_from_file(struct options *o, const char *file, zconfig_t *item, struct qx_error *err)
{
    const char *name = zconfig_name(item);
    const char *value = zconfig_value(item);
    const struct option_decl *decl = decl_find(o->table, name);
    if (!decl || decl == &common_options[0]) {
        char where[128];
        (void)snprintf(where, sizeof where, "%s: ", file);
        return unknown_option(o->table, where, name, err);
    }
    if (!value || value[0] == '\0')
        return qx_fail(err, QX_ERR_INVALID, "%s: option \"%s\" has no value", file, name);
    if (!decl->arg && (strcmp(value, "0") == 0 || strcmp(value, "no") == 0 || strcmp(value, "false") == 0))
        return QX_ERR_OK;
    return given_add(o, decl, value, true);
}

static qx_err read_file(struct options *o, const char *file, struct qx_error *err)
{
    FILE *f = fopen(file, "r");
    if (!f)
        return qx_fail(err, QX_ERR_INVALID, "cannot read configuration file \"%s\": %s", file,
                       strerror(errno));
    (void)fclose(f);
    zconfig_t *root = zconfig_load(file);
    if (!root)
        return qx_fail(err, QX_ERR_INVALID, "configuration file \"%s\" is not in zconfig form (name = value)",
                       file);
    qx_err e = QX_ERR_OK;
    for (zconfig_t *item = zconfig_child(root); item && e == QX_ERR_OK; item = zconfig_next(item))
        e = add_from_file(o, file, item, err);
    zconfig_destroy(&root);
    return e;
}

/* Text of the option's place in the help: "--name ARG". */
static int help_left(const struct option_decl *d, char *ret, size_t cap)
{
    return snprintf(ret, cap, "  --%s%s%s", d->name, d->arg ? " " : "", d->arg ? d->arg : "");
}

void options_help(const struct option_table *t, void *stdio_file)
{
    FILE *f = (FILE *)stdio_file;
    int width = 0;
    char left[96];
    for (size_t i = 0; i < decl_count(t); i++) {
        int n = help_left(decl_at(t, i), left, sizeof left);
        width = n > width ? n : width;
    }
    (void)fprintf(f, "%s - %s\n\nusage: %s [OPTION]...\n\n", t->prog, t->summary, t->prog);
    for (size_t i = 0; i < decl_count(t); i++) {
        const struct option_decl *d = decl_at(t, i);
        (void)help_left(d, left, sizeof left);
        (void)fprintf(f, "%-*s  %s", width, left, d->help);
        if (d->fallback)
            (void)fprintf(f, " [%s]", d->fallback);
        (void)fprintf(f, "%s\n", d->many ? " (may be repeated)" : "");
    }
}

static qx_err parse_all(struct options *o, int argc, char **argv, bool *ret_done, struct qx_error *err)
{
    for (int i = 1; i < argc; i++) {
        qx_err e = parse_argument(o, argc, argv, &i, err);
        if (e != QX_ERR_OK)
            return e;
    }
    *ret_done = true;
    if (options_given(o, "help")) {
        options_help(o->table, stdout);
        return QX_ERR_OK;
    }
    if (options_given(o, "version")) {
        (void)printf("%s %s\n", o->table->prog, QX_VERSION_STRING);
        return QX_ERR_OK;
    }
    *ret_done = false;
    const char *file = options_text(o, "config");
    return file ? read_file(o, file, err) : QX_ERR_OK;
}

qx_err options_parse(const struct option_table *t, int argc, char **argv, struct options **ret,
                     bool *ret_done, struct qx_error *err)
{
    struct options *o = qx_calloc(1, sizeof *o);
    if (!o)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    o->table = t;
    bool done = false;
    qx_err e = parse_all(o, argc, argv, &done, err);
    if (e != QX_ERR_OK || done) {
        options_free(o);
        o = NULL;
    }
    if (e != QX_ERR_OK)
        return e;
    *ret = o;
    *ret_done = done;
    return QX_ERR_OK;
}

void options_free(struct options *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n_given; i++)
        qx_free(o->given[i].value);
    qx_free(o->given);
    qx_free(o);
}

/* Whether the command line has the option: then the file's values do not count. */
static bool on_command_line(const struct options *o, const struct option_decl *d)
{
    for (size_t i = 0; i < o->n_given; i++) {
        if (o->given[i].decl == d && !o->given[i].from_file)
            return true;
    }
    return false;
}

size_t options_count(const struct options *o, const char *name)
{
    const struct option_decl *d = decl_find(o->table, name);
    QX_BUG_ON(!d);
    bool line_only = on_command_line(o, d);
    size_t n = 0;
    for (size_t i = 0; i < o->n_given; i++)
        n += o->given[i].decl == d && !(line_only && o->given[i].from_file);
    return n;
}

const char *options_nth(const struct options *o, const char *name, size_t i)
{
    const struct option_decl *d = decl_find(o->table, name);
    QX_BUG_ON(!d);
    bool line_only = on_command_line(o, d);
    for (size_t k = 0; k < o->n_given; k++) {
        if (o->given[k].decl == d && !(line_only && o->given[k].from_file) && i-- == 0)
            return o->given[k].value;
    }
    return NULL;
}

bool options_given(const struct options *o, const char *name)
{
    return options_count(o, name) > 0;
}

bool options_flag(const struct options *o, const char *name)
{
    return options_given(o, name);
}

const char *options_text(const struct options *o, const char *name)
{
    size_t n = options_count(o, name);
    return n > 0 ? options_nth(o, name, n - 1) : decl_find(o->table, name)->fallback;
}

qx_err options_uint(const struct options *o, const char *name, uint64_t min, uint64_t max, uint64_t *ret,
                    struct qx_error *err)
{
    const char *text = options_text(o, name);
    if (!text) {
        *ret = 0;
        return QX_ERR_OK;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || v < min || v > max)
        return qx_fail(err, QX_ERR_INVALID, "%s: \"%s\" is not a whole number from %llu to %llu", name, text,
                       (unsigned long long)min, (unsigned long long)max);
    *ret = v;
    return QX_ERR_OK;
}

/* The power of two of a suffix; -1 if it is none. */
static int suffix_shift(const char *suffix)
{
    static const char letters[] = "kmgt";
    if (suffix[0] == '\0')
        return 0;
    char lower = (char)(suffix[0] | 0x20);
    const char *at = strchr(letters, lower);
    bool ends = suffix[1] == '\0' || strcmp(suffix + 1, "B") == 0 || strcmp(suffix + 1, "iB") == 0;
    return at && ends ? (int)(at - letters + 1) * 10 : -1;
}

qx_err options_bytes(const struct options *o, const char *name, uint64_t *ret, struct qx_error *err)
{
    const char *text = options_text(o, name);
    if (!text) {
        *ret = 0;
        return QX_ERR_OK;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    int shift = suffix_shift(end);
    if (text[0] < '0' || text[0] > '9' || errno != 0 || shift < 0 || v > (UINT64_MAX >> 1 >> shift))
        return qx_fail(err, QX_ERR_INVALID, "%s: \"%s\" is not a size such as 1048576, 64k, 512M or 2G", name,
                       text);
    *ret = (uint64_t)v << shift;
    return QX_ERR_OK;
}
