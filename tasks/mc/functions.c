#include "mc/functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mc/parts.h"

static bool functions_room(struct functions *fs, uint32_t n)
{
    *fs = (struct functions){0};
    fs->f = calloc(n, sizeof *fs->f);
    fs->text = calloc(n, sizeof *fs->text);
    if (fs->f && fs->text)
        return true;
    functions_fini(fs);
    return false;
}

void functions_fini(struct functions *fs)
{
    for (uint32_t i = 0; fs->f && fs->text && i < fs->n; i++) {
        integrand_fini(&fs->f[i]);
        free(fs->text[i]);
    }
    free(fs->f);
    free(fs->text);
    *fs = (struct functions){0};
}

static struct expr *compile(const char *text, const struct box *box, char why[PLACE_BYTES])
{
    struct expr *e = NULL;
    const char **names = calloc((size_t)box->dim + 1, sizeof *names);
    (void)snprintf(why, PLACE_BYTES, "out of memory");
    for (uint32_t j = 0; names && j < box->dim; j++)
        names[j] = box->names[j];
    if (names)
        e = expr_new(text, NULL, names, box->dim, why);
    free(names);
    return e;
}

/* Adds the next one; fs has room for it. */
static bool add_part(struct functions *fs, const char *name, const char *from, const char *to, bool alone,
                     const struct box *box, char *err)
{
    char why[PLACE_BYTES];
    size_t len = (size_t)(to - from);
    char *text = malloc(len + 1);
    if (text)
        (void)part_copy(text, len + 1, from, to);
    struct expr *e = NULL;
    (void)snprintf(why, sizeof why, "out of memory");
    if (text)
        e = compile(text, box, why);
    if (!e) {
        free(text);
        if (alone)
            (void)snprintf(err, PLACE_BYTES, "%s: %s", name, why);
        else
            (void)snprintf(err, PLACE_BYTES, "%s, part %u: %s", name, fs->n + 1, why);
        return false;
    }
    integrand_expr(&fs->f[fs->n], e, box->dim);
    fs->text[fs->n++] = text;
    return true;
}

bool functions_parse(struct functions *fs, const char *name, const char *text, const struct box *box,
                     uint32_t n_max, char ret_error[PLACE_BYTES])
{
    uint32_t n = 1;
    for (const char *p = part_end(text, ';'); *p && n <= n_max; p = part_end(p + 1, ';'))
        n++;
    if (n > n_max) {
        (void)snprintf(ret_error, PLACE_BYTES, "%s: more than %u functions", name, n_max);
        return false;
    }
    if (!functions_room(fs, n)) {
        (void)snprintf(ret_error, PLACE_BYTES, "out of memory");
        return false;
    }
    for (const char *from = text; fs->n < n;) {
        const char *to = part_end(from, ';');
        if (!add_part(fs, name, from, to, n == 1, box, ret_error)) {
            functions_fini(fs);
            return false;
        }
        from = to + (*to != '\0');
    }
    return true;
}

bool functions_named(struct functions *fs, const char *family, uint32_t dim, const double *a, size_t n_a,
                     const double *u, size_t n_u)
{
    if (!functions_room(fs, 1))
        return false;
    fs->text[0] = strdup(family);
    fs->n = 1;
    if (fs->text[0] && integrand_family(&fs->f[0], family, dim, a, n_a, u, n_u))
        return true;
    functions_fini(fs);
    return false;
}
