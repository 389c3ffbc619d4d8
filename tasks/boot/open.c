/* open.c - from parameters and data to what items work on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/abc.h"
#include "boot/boot.h"
#include "boot/refit.h"
#include "boot/smooth.h"
#include "shared/unused.h"

/* Every value is kept up to EXACT_MAX resamples, or fewer where many numbers are kept of each; a sketch takes over there. */
enum { REDUCERS_MAX = 32, EXACT_MAX = 1000000, KEPT_MAX = 4000000, ITEMS_DEFAULT = 10000 };
/* Numbers kept of all items where they are enumerated; rows that a jackknife after bootstrap leaves out. */
enum { ENUMERATED_MAX = 12000000, JAB_ROWS_MAX = 5000, WILD_ROWS_MAX = 20 };

void boot_free(struct boot *b)
{
    if (!b)
        return;
    data_fini(&b->data);
    for (uint32_t i = 0; i < b->n_stats; i++)
        stat_fini(&b->stats[i]);
    columns_fini(&b->columns);
    simulate_fini(&b->simulation);
    free(b->weights);
    free(b->inner_weights);
    free(b->draws);
    free(b->errors);
    free(b->turned);
    free(b);
}

static uint32_t choice(const char *text, const char *const *names, uint32_t n)
{
    uint32_t k = 0;
    while (k + 1 < n && strcmp(text, names[k]) != 0)
        k++;
    return k;
}

/* ---- intervals ---- */

static bool has_bca(const struct boot *b)
{
    return b->type == TYPE_ORDINARY;
}

static bool is_block(const struct boot *b)
{
    return b->type >= TYPE_MOVING;
}

static qx_err check_abc(struct qx_ctx *ctx, const struct boot *b)
{
    for (uint32_t i = 0; i < b->n_stats; i++) {
        const char *rough = smooth_check(&b->stats[i]);
        if (rough)
            return qx_error(ctx, QX_ERR_INVALID,
                            "ci=abc takes derivatives of the statistic, and %s has none; use ci=bca", rough);
    }
    if (b->data.n > ABC_ROWS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "ci=abc takes at most %d rows; use ci=bca", ABC_ROWS_MAX);
    return QX_ERR_OK;
}

static qx_err open_ci(struct qx_ctx *ctx, struct boot *b)
{
    const char *ci = qx_text(ctx, "ci");
    bool all = strcmp(ci, "all") == 0;
    for (int k = 0; k < CI_COUNT; k++)
        b->wanted[k] = (all && k != CI_ABC) || strcmp(ci, boot_ci_names[k]) == 0;
    b->conf = qx_real(ctx, "conf");
    if ((b->wanted[CI_BCA] || b->wanted[CI_ABC]) && !has_bca(b)) {
        if (!all && qx_given(ctx, "ci"))
            return qx_error(ctx, QX_ERR_INVALID, "ci=%s is for type=ordinary; with type=%s use ci=percentile",
                            ci, boot_type_names[b->type]);
        b->wanted[CI_BCA] = false;
        b->wanted[CI_PERCENTILE] = true;
    }
    if (b->wanted[CI_STUDENTIZED] && is_block(b)) {
        if (!all)
            return qx_error(ctx, QX_ERR_INVALID,
                            "ci=studentized takes rows as independent, type=%s does not; use ci=percentile",
                            boot_type_names[b->type]);
        b->wanted[CI_STUDENTIZED] = false;
    }
    return b->wanted[CI_ABC] ? check_abc(ctx, b) : QX_ERR_OK;
}

/* ---- data and statistics ---- */

/* The column whose values are the strata (NULL: none). */
static qx_err find_strata(struct qx_ctx *ctx, const struct boot *b, const struct spec_list *specs,
                          const uint32_t *places, const struct qx_column **ret_by)
{
    const struct spec *s = &specs->list[0];
    *ret_by = specs->n == 1 && s->kind == STAT_DIFF ? b->columns.list[places[1]].source : NULL;
    if (!qx_given(ctx, "strata"))
        return QX_ERR_OK;
    *ret_by = qx_table_find(ctx, qx_table(ctx, "data"), qx_text(ctx, "strata"));
    return *ret_by ? QX_ERR_OK : QX_ERR_INVALID;
}

static qx_err open_data(struct qx_ctx *ctx, struct boot *b, const struct spec_list *specs,
                        const uint32_t *places)
{
    const struct qx_column *used[COLUMNS_MAX + 1], *by = NULL;
    qx_err e = find_strata(ctx, b, specs, places, &by);
    if (e != QX_ERR_OK)
        return e;
    uint32_t n = columns_sources(&b->columns, used);
    used[n] = by;
    e = data_open(ctx, qx_table(ctx, "data"), used, by ? n + 1 : n, by, &b->data);
    return e == QX_ERR_OK ? columns_read(ctx, &b->columns, &b->data) : e;
}

/* Names each number once: as the statistic where it gives one, as it says where it gives several. */
static qx_err name_numbers(struct qx_ctx *ctx, struct boot *b, const struct spec_list *specs)
{
    for (uint32_t i = 0; i < b->n_stats; i++) {
        const struct stat *s = &b->stats[i];
        if (b->n_theta + s->n_theta > STAT_THETA_MAX)
            return qx_error(ctx, QX_ERR_INVALID, "stat: more than %d numbers", STAT_THETA_MAX);
        for (uint32_t k = 0; k < s->n_theta; k++, b->n_theta++) {
            char *name = b->names[b->n_theta];
            uint32_t same = 1;
            (void)snprintf(name, SPEC_NAME_BYTES, "%.100s",
                           b->n_stats > 1 && s->n_theta == 1 ? specs->list[i].text : s->names[k]);
            for (uint32_t j = 0; j < b->n_theta; j++)
                same += strncmp(b->names[j], name, strlen(name)) == 0 &&
                        (b->names[j][strlen(name)] == '\0' || b->names[j][strlen(name)] == '#');
            if (same > 1)
                (void)snprintf(name + strlen(name), SPEC_NAME_BYTES - strlen(name), "#%u", same);
            b->by_delta[b->n_theta] = stat_has_se(s);
        }
    }
    return QX_ERR_OK;
}

static qx_err open_stats(struct qx_ctx *ctx, struct boot *b, const struct spec_list *specs)
{
    uint32_t *places = calloc((size_t)SPEC_STATS_MAX * STAT_PLACES_MAX, sizeof *places), n = 0,
             first[SPEC_STATS_MAX];
    qx_err e = places ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; e == QX_ERR_OK && i < specs->n; i++) {
        first[i] = n;
        e = stat_bind(ctx, &specs->list[i], &b->columns, places, &n);
    }
    if (e == QX_ERR_OK)
        e = open_data(ctx, b, specs, places);
    for (uint32_t i = 0; e == QX_ERR_OK && i < specs->n; i++) {
        e = stat_open(ctx, &specs->list[i], &b->data, &b->columns, places + first[i], &b->stats[i]);
        b->n_stats += e == QX_ERR_OK;
    }
    free(places);
    return e == QX_ERR_OK ? name_numbers(ctx, b, specs) : e;
}

static qx_err open_spec(struct qx_ctx *ctx, struct boot *b)
{
    char why[PLACE_BYTES];
    struct spec_list *specs = calloc(1, sizeof *specs);
    if (!specs)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    b->spec = qx_text(ctx, "stat");
    qx_err e = QX_ERR_OK;
    if (!spec_parse(specs, b->spec, why))
        e = qx_error(ctx, QX_ERR_INVALID, "%s", why);
    else if (!qx_table(ctx, "data"))
        e = qx_error(ctx, QX_ERR_INVALID, "give data=, a CSV file with a header");
    else
        e = open_stats(ctx, b, specs);
    spec_fini(specs);
    free(specs);
    return e;
}

static qx_err open_work(struct qx_ctx *ctx, struct boot *b)
{
    size_t n = b->data.n;
    b->weights = malloc(n * sizeof *b->weights);
    b->inner_weights = malloc(n * sizeof *b->inner_weights);
    b->draws = malloc(n * sizeof *b->draws);
    if (!b->weights || !b->inner_weights || !b->draws)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        b->weights[i] = 1;
    return QX_ERR_OK;
}

/* ---- how resamples come about ---- */

static bool is_model(const struct boot *b)
{
    return b->n_stats == 1 && b->stats[0].kind == STAT_LM;
}

static qx_err open_wild(struct qx_ctx *ctx, struct boot *b)
{
    if (!is_model(b))
        return qx_error(ctx, QX_ERR_INVALID, "type=wild is for a linear model alone, as in stat='lm(y~x)'");
    const struct refit *m = b->stats[0].refit;
    char hc = qx_text(ctx, "hc")[0];
    b->wild = strcmp(qx_text(ctx, "wild"), "mammen") == 0 ? WILD_MAMMEN : WILD_RADEMACHER;
    for (uint32_t i = 0; i < b->data.n; i++) {
        double rest = 1 - refit_leverage(m, i);
        rest = rest > 1e-12 ? rest : 1; /* such a row is fitted exactly: its residual is 0 */
        b->errors[i] = refit_residuals(m)[i] / (hc == '3' ? rest : hc == '2' ? sqrt(rest) : 1);
    }
    return QX_ERR_OK;
}

static qx_err open_parametric(struct qx_ctx *ctx, struct boot *b)
{
    enum dist dist = (enum dist)choice(qx_text(ctx, "dist"), dist_names, DIST_COUNT);
    for (uint32_t i = 0; i < b->n_stats; i++) {
        if (b->stats[i].kind == STAT_LM && !is_model(b))
            return qx_error(ctx, QX_ERR_INVALID,
                            "type=parametric: give lm() alone, or statistics without it");
    }
    if (!is_model(b)) {
        qx_err e = simulate_open(ctx, dist, &b->data, &b->columns, &b->simulation);
        return e == QX_ERR_OK ? columns_simulate(ctx, &b->columns) : e;
    }
    if (dist != DIST_NORMAL)
        return qx_error(ctx, QX_ERR_INVALID, "type=parametric: the errors of lm() are normal, not %s",
                        dist_names[dist]);
    b->sigma = refit_sigma(b->stats[0].refit);
    return QX_ERR_OK;
}

static qx_err open_length(struct qx_ctx *ctx, struct boot *b)
{
    double l = qx_real(ctx, "l");
    uint32_t least = b->data.n;
    for (uint32_t g = 0; g < b->data.n_strata; g++) {
        uint32_t size = b->data.start[g + 1] - b->data.start[g];
        least = size < least ? size : least;
    }
    b->length = l > 0 ? (uint32_t)l : (uint32_t)fmax(1, nearbyint(cbrt(least)));
    if (l != floor(l) || b->length > least)
        return qx_error(ctx, QX_ERR_INVALID, "l=%g: a block has from 1 to %u whole rows%s", l, least,
                        b->data.n_strata > 1 ? ", those of the smallest stratum" : "");
    return QX_ERR_OK;
}

static qx_err check_unused(struct qx_ctx *ctx, struct boot *b)
{
    static const struct unused by_type[] = {
        {"l", "block circular stationary"}, {"wild", "wild"}, {"hc", "wild"}, {"dist", "parametric"}};
    (void)b;
    return unused_refuse(ctx, "type", by_type, sizeof by_type / sizeof by_type[0]);
}

static qx_err open_type(struct qx_ctx *ctx, struct boot *b)
{
    if (is_block(b))
        return open_length(ctx, b);
    bool model = b->type == TYPE_WILD || (b->type == TYPE_PARAMETRIC && is_model(b));
    if (model) {
        b->errors = calloc(b->data.n, sizeof *b->errors);
        b->turned = calloc(b->data.n, sizeof *b->turned);
        if (!b->errors || !b->turned)
            return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    }
    if (b->type == TYPE_WILD)
        return open_wild(ctx, b);
    return b->type == TYPE_PARAMETRIC ? open_parametric(ctx, b) : QX_ERR_OK;
}

/* ---- the statistic of the data themselves, and how its standard error is had ---- */

static qx_err open_errors(struct qx_ctx *ctx, struct boot *b)
{
    bool all_delta = true;
    for (uint32_t k = 0; k < b->n_theta; k++)
        all_delta = all_delta && b->by_delta[k];
    if (all_delta || !b->wanted[CI_STUDENTIZED])
        return QX_ERR_OK;
    /* Nested resampling makes an item that much dearer and fails often on few distinct values: only when asked for by name. */
    if (strcmp(qx_text(ctx, "ci"), "all") == 0)
        b->wanted[CI_STUDENTIZED] = false;
    else if (b->type != TYPE_ORDINARY)
        return qx_error(
            ctx, QX_ERR_INVALID,
            "ci=studentized of \"%.60s\" resamples the resample, which type=%s does not; use ci=percentile",
            b->spec, boot_type_names[b->type]);
    else
        b->nested = (uint32_t)qx_int(ctx, "nested");
    return QX_ERR_OK;
}

static qx_err open_theta(struct qx_ctx *ctx, struct boot *b)
{
    qx_err e = open_errors(ctx, b);
    if (e != QX_ERR_OK)
        return e;
    const char *why = boot_value(b, b->weights, b->data.n, b->theta, b->se);
    if (why)
        return qx_error(ctx, QX_ERR_INVALID, "%.60s is undefined for the data: with every row used once, %s",
                        b->spec, why);
    for (uint32_t k = 0; k < b->n_theta; k++) {
        if (!isfinite(b->theta[k]))
            return qx_error(ctx, QX_ERR_INVALID, "%.60s is not a finite number for the data", b->spec);
    }
    return QX_ERR_OK;
}

/* ---- exact or random ---- */

/* How many resamples there are; 0: none are enumerated, and *ret_why says why. */
static uint64_t count_resamples(struct boot *b, const char **ret_why)
{
    uint64_t n = 0, kept = b->n_theta * (b->wanted[CI_STUDENTIZED] ? 2 : 1) + 2;
    *ret_why = "there are more than 2 million resamples";
    if (b->nested)
        *ret_why = "ci=studentized takes its standard errors from random resamples of each";
    else if (b->type == TYPE_WILD)
        n = b->data.n <= WILD_ROWS_MAX ? UINT64_C(1) << b->data.n : 0;
    else if (b->type != TYPE_ORDINARY)
        *ret_why = "it is for type=ordinary and type=wild";
    else if (enumerate_init(&b->enumeration, &b->data))
        n = b->enumeration.n;
    if (n * kept <= ENUMERATED_MAX)
        return n;
    *ret_why = "there are too many resamples for so many numbers of each";
    return 0;
}

static qx_err open_method(struct qx_ctx *ctx, struct boot *b)
{
    const char *method = qx_text(ctx, "method"), *why = "";
    bool exact = strcmp(method, "exact") == 0, random = strcmp(method, "random") == 0;
    b->n_exact = random ? 0 : count_resamples(b, &why);
    b->exact = b->n_exact > 0;
    b->fall_back = !exact;
    if (exact && !b->exact)
        return qx_error(ctx, QX_ERR_INVALID, "method=exact: %s; use method=random", why);
    b->jab = qx_bool(ctx, "jab");
    if (b->jab && b->type != TYPE_ORDINARY)
        return qx_error(ctx, QX_ERR_INVALID, "jab=yes is for type=ordinary");
    if (b->jab && b->data.n > JAB_ROWS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "jab=yes is for up to %d rows, not %u", JAB_ROWS_MAX, b->data.n);
    return b->exact ? qx_items(ctx, b->n_exact, b->n_exact) : qx_items(ctx, ITEMS_DEFAULT, 0);
}

/* ---- outputs and reducers ---- */

static qx_err output(struct qx_ctx *ctx, struct boot *b, const char *name)
{
    b->n_columns++;
    return qx_output(ctx, name, NULL);
}

static qx_err declare_outputs(struct qx_ctx *ctx, struct boot *b)
{
    char name[SPEC_NAME_BYTES + 8];
    qx_err e = QX_ERR_OK;
    for (uint32_t k = 0; e == QX_ERR_OK && k < b->n_theta; k++)
        e = output(ctx, b, b->names[k]);
    b->col_t = b->n_columns;
    for (uint32_t k = 0; e == QX_ERR_OK && b->wanted[CI_STUDENTIZED] && k < b->n_theta; k++) {
        (void)snprintf(name, sizeof name, "t.%s", b->names[k]);
        e = output(ctx, b, name);
    }
    if (e == QX_ERR_OK && b->exact) {
        b->col_prob = b->n_columns;
        e = output(ctx, b, "probability");
    }
    if (e == QX_ERR_OK && b->jab) {
        b->col_item = b->n_columns;
        e = output(ctx, b, "resample");
    }
    return e;
}

static qx_err declare_reducers(struct qx_ctx *ctx, struct boot *b)
{
    uint32_t p = b->n_theta, columns[2 * STAT_THETA_MAX], lists = b->wanted[CI_STUDENTIZED] ? 2 : 1;
    uint64_t kept = (uint64_t)p * lists;
    if (kept == 0 || kept + 2 > REDUCERS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "%u numbers are too many: at most %u with this ci=", p,
                        (REDUCERS_MAX - 2) / lists);
    for (uint32_t k = 0; k < 2 * p; k++)
        columns[k] = k;
    uint64_t exact_max = KEPT_MAX / kept < EXACT_MAX ? KEPT_MAX / kept : EXACT_MAX;
    struct qx_reducer r = {.kind = QX_REDUCE_MOMENTS, .columns = columns, .n_columns = p};
    qx_err e = qx_reduce(ctx, &r, &b->red_moments);
    for (uint32_t k = 0; e == QX_ERR_OK && !b->exact && k < p * lists; k++) {
        r = (struct qx_reducer){
            .kind = QX_REDUCE_QUANTILES, .columns = &columns[k], .n_columns = 1, .exact_max = exact_max};
        e = qx_reduce(ctx, &r, k < p ? &b->red_theta[k] : &b->red_t[k - p]);
    }
    if (e == QX_ERR_OK && (b->exact || b->jab)) {
        r = (struct qx_reducer){.kind = QX_REDUCE_COLLECT};
        e = qx_reduce(ctx, &r, &b->red_rows);
    }
    return e;
}

static qx_err open_all(struct qx_ctx *ctx, struct boot *b)
{
    static qx_err (*const steps[])(struct qx_ctx *, struct boot *) = {
        check_unused, open_spec,   open_ci,         open_work,       open_type,
        open_theta,   open_method, declare_outputs, declare_reducers};
    qx_err e = QX_ERR_OK;
    b->type = (enum boot_type)choice(qx_text(ctx, "type"), boot_type_names, TYPE_COUNT);
    for (size_t i = 0; e == QX_ERR_OK && i < sizeof steps / sizeof steps[0]; i++)
        e = steps[i](ctx, b);
    return e;
}

qx_err boot_open(struct qx_ctx *ctx, void **ret_state)
{
    struct boot *b = calloc(1, sizeof *b);
    if (!b)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = open_all(ctx, b);
    if (e != QX_ERR_OK)
        boot_free(b);
    else
        *ret_state = b;
    return e;
}
