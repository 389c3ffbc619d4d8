/* Cells of a multinomial as users write them: the first line names the simplexes (empty: none are named), the second counts, the rest
 * is the cells. Whatever the text, it is refused with a reason, or gives probabilities that EM can work with. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "em/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Terms are positive, so probabilities are, inside of the simplexes; and there they add up to 1. */
static void check(const struct cells *c)
{
    double point[SIMPLEX_PARAMS_MAX], sum = 0;
    struct qx_stream rng;
    qx_stream_init(&rng, 1, 2, 3);
    simplex_draw(&c->simplexes, &rng, point);
    for (uint32_t t = 0; t < c->n_terms; t++) {
        if (!(c->terms[t].coefficient > 0))
            abort();
    }
    for (uint32_t i = 0; i < c->n; i++)
        sum += cells_probability(c, i, point);
    if (!(fabs(sum - 1) < 1e-6))
        abort();
}

/* A few iterations, during which the likelihood does not fall. */
static void iterate(struct cells *c)
{
    static const volatile uint32_t go_on = 0;
    const struct fit_options opt = {0, 5, &go_on};
    double point[SIMPLEX_PARAMS_MAX], drawn[SIMPLEX_PARAMS_MAX];
    struct cells_fit f = {c, point, drawn};
    struct qx_stream rng;
    qx_stream_init(&rng, 1, 2, 3);
    simplex_draw(&c->simplexes, &rng, point);
    cells_count(c);
    struct fit end = fit_run(&cells_steps, &f, &opt, NULL, NULL);
    for (uint32_t i = 0; i < c->simplexes.n_params; i++) {
        if (!(point[i] >= 0 && point[i] <= 1))
            abort();
    }
    if (end.went_down && c->total >= 1 && end.loglik < -1e-3)
        abort();
}

static void try_cells(const char *simplexes, const char *counts, const char *text)
{
    char why[MISTAKE_BYTES] = "";
    double point[SIMPLEX_PARAMS_MAX];
    struct cells c;
    if (!spec_read(&c, text, *simplexes ? simplexes : NULL, why)) {
        if (why[0] == '\0')
            abort(); /* refused without a reason */
        return;
    }
    check(&c);
    if (spec_counts(&c, counts, why))
        iterate(&c);
    (void)simplex_point(&c.simplexes, counts, point, why);
    cells_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *lines[3] = {text, NULL, NULL};
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (int i = 1; i < 3; i++) {
        lines[i] = lines[i - 1] + strcspn(lines[i - 1], "\n");
        if (*lines[i] == '\n')
            *lines[i]++ = '\0';
    }
    try_cells(lines[0], lines[1], lines[2]);
    free(text);
    return 0;
}
