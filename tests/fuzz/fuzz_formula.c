/* Formulas and expressions as users write them: whatever the text, it is refused or taken apart, and what is written back is
 * taken apart to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/arith.h"
#include "model/formula.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const columns[] = {"y", "a", "b", "x", "my column"};

static int find_name(void *arg, const struct node *n, bool *ret_is_param, struct syntax_error *err)
{
    (void)arg;
    err->text[0] = '\0';
    *ret_is_param = n->name[0] == 'p';
    return n->name[0] == 'p' || n->name[0] == 'x' ? 0 : -1;
}

static void try_arith(const struct syntax *s)
{
    const double x[3] = {-1, 0, 2.5}, p[1] = {0.5};
    const double *inputs[] = {x};
    double v[3], again[3], slopes[3];
    struct syntax_error err = {.at = 0};
    const struct arith_names names = {.find = find_name};
    struct arith *a = arith_new(s, syntax_root(s), &names, 1, &err);
    if (!a)
        return;
    arith_slopes(a, inputs, p, 3, v, slopes);
    arith_values(a, inputs, p, 3, again);
    for (int i = 0; i < 3; i++) {
        if (v[i] != again[i] && v[i] == v[i])
            abort(); /* the values depend on whether slopes are wanted */
    }
    (void)arith_free(a);
}

/* What is written can be read, and is written alike again. */
static void try_writing(const struct syntax *s)
{
    struct syntax_error err = {.at = 0};
    size_t len = syntax_write(syntax_root(s), NULL, 0);
    char *once = malloc(len + 1), *twice = malloc(len + 1);
    if (once && twice && len < SYNTAX_TEXT_MAX) {
        (void)syntax_write(syntax_root(s), once, len + 1);
        struct syntax *t = syntax_new(once, &err);
        if (t) {
            (void)syntax_write(syntax_root(t), twice, len + 1);
            if (strcmp(once, twice) != 0)
                abort();
        }
        (void)syntax_free(t);
    }
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct syntax_error err = {.at = 0};
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    struct syntax *s = syntax_new(text, &err);
    if (s) {
        try_arith(s);
        try_writing(s);
    }
    (void)syntax_free(s);
    (void)formula_free(formula_new(text, columns, 5, columns, 1, &err));
    free(text);
    return 0;
}
