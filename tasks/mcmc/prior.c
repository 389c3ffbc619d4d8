#include "mcmc/prior.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "shared/law.h"

#define SCALE    LAW_POSITIVE("scale", 0)
#define LOCATION LAW_ANY("location", 0)
#define DF       LAW_POSITIVE("df", 0)
#define SHAPE    LAW_POSITIVE("shape", 0)
#define RATE     LAW_POSITIVE("rate", 0)
static const struct law laws[PRIOR_KIND_COUNT] = {
    [PRIOR_FLAT] = {.name = "flat"},
    [PRIOR_NORMAL] = {"normal", 2, 2, {LAW_ANY("mean", 0), LAW_POSITIVE("sd", 0)}},
    [PRIOR_STUDENT_T] = {"student_t", 3, 3, {DF, LOCATION, SCALE}},
    [PRIOR_CAUCHY] = {"cauchy", 2, 2, {LOCATION, SCALE}},
    [PRIOR_LAPLACE] = {"laplace", 2, 2, {LOCATION, SCALE}},
    [PRIOR_LOG_FLAT] = {.name = "log_flat"},
    [PRIOR_HALF_NORMAL] = {"half_normal", 1, 1, {SCALE}},
    [PRIOR_HALF_CAUCHY] = {"half_cauchy", 1, 1, {SCALE}},
    [PRIOR_HALF_T] = {"half_t", 2, 2, {DF, SCALE}},
    [PRIOR_EXPONENTIAL] = {"exponential", 1, 1, {RATE}},
    [PRIOR_GAMMA] = {"gamma", 2, 2, {SHAPE, RATE}},
    [PRIOR_INV_GAMMA] = {"inv_gamma", 2, 2, {SHAPE, SCALE}},
    [PRIOR_LOGNORMAL] = {"lognormal", 2, 2, {LAW_ANY("meanlog", 0), LAW_POSITIVE("sdlog", 0)}},
};

static bool is_for_positive(enum prior_kind kind)
{
    return kind >= PRIOR_LOG_FLAT;
}

/* ---- densities ---- */

static double student(double nu, double z, double scale, double *ret_d)
{
    *ret_d = -(nu + 1) * z / (nu + z * z) / scale;
    return -0.5 * (nu + 1) * log1p(z * z / nu);
}

double prior_log_density(const struct prior *p, double x, double *grad)
{
    const double *a = p->arg;
    double d = 0, lp = 0, z;
    switch (p->kind) {
    case PRIOR_NORMAL:
        z = (x - a[0]) / a[1];
        lp = -0.5 * z * z;
        d = -z / a[1];
        break;
    case PRIOR_STUDENT_T:
        lp = student(a[0], (x - a[1]) / a[2], a[2], &d);
        break;
    case PRIOR_CAUCHY:
        lp = student(1, (x - a[0]) / a[1], a[1], &d);
        break;
    case PRIOR_LAPLACE:
        lp = -fabs(x - a[0]) / a[1];
        d = x > a[0] ? -1 / a[1] : x < a[0] ? 1 / a[1] : 0;
        break;
    case PRIOR_LOG_FLAT:
        lp = -log(x);
        d = -1 / x;
        break;
    case PRIOR_HALF_NORMAL:
        z = x / a[0];
        lp = -0.5 * z * z;
        d = -z / a[0];
        break;
    case PRIOR_HALF_CAUCHY:
        lp = student(1, x / a[0], a[0], &d);
        break;
    case PRIOR_HALF_T:
        lp = student(a[0], x / a[1], a[1], &d);
        break;
    case PRIOR_EXPONENTIAL:
        lp = -a[0] * x;
        d = -a[0];
        break;
    case PRIOR_GAMMA:
        lp = (a[0] - 1) * log(x) - a[1] * x;
        d = (a[0] - 1) / x - a[1];
        break;
    case PRIOR_INV_GAMMA:
        lp = -(a[0] + 1) * log(x) - a[1] / x;
        d = -(a[0] + 1) / x + a[1] / (x * x);
        break;
    case PRIOR_LOGNORMAL:
        z = (log(x) - a[0]) / a[1];
        lp = -log(x) - 0.5 * z * z;
        d = -(1 + z / a[1]) / x;
        break;
    case PRIOR_FLAT:
    case PRIOR_KIND_COUNT:
    default:
        break;
    }
    if (grad)
        *grad += d;
    return lp;
}

bool prior_is_proper(const struct prior *p)
{
    return p->kind != PRIOR_FLAT && p->kind != PRIOR_LOG_FLAT;
}

void prior_format(const struct prior *p, char *ret, size_t len_bytes)
{
    const struct law *l = &laws[p->kind];
    size_t len = (size_t)snprintf(ret, len_bytes, "%s", l->name);
    for (uint32_t i = 0; i < l->n && len < len_bytes; i++)
        len += (size_t)snprintf(ret + len, len_bytes - len, "%s%.6g%s", i == 0 ? "(" : ", ", p->arg[i],
                                i + 1 == l->n ? ")" : "");
}

/* ---- text ---- */

static size_t blanks(const char *text, size_t at)
{
    return at + strspn(text + at, " \t");
}

/* A name ends at '=' outside brackets: names of coefficients are like poly(x, 2)1. */
static bool read_name(const char *text, size_t *at, char *ret, char *error)
{
    size_t len = 0;
    int depth = 0;
    for (char c; (c = text[*at]) && (depth > 0 || (c != '=' && c != ',')) && len < PRIOR_NAME_BYTES - 1;
         ++*at) {
        depth += (c == '(') - (c == ')');
        ret[len++] = c;
    }
    while (len > 0 && (ret[len - 1] == ' ' || ret[len - 1] == '\t'))
        len--;
    ret[len] = '\0';
    if (len == 0)
        return place_error(error, text, *at, PLACE_WORD, "priors: a parameter's name is missing");
    if (text[*at] != '=')
        return place_error(error, text, *at, PLACE_WORD,
                           "priors: expected \"=\" and a density, as in mu=normal(0, 10)");
    ++*at;
    return true;
}

bool priors_parse(struct priors *p, const char *text, char ret_error[PLACE_BYTES])
{
    size_t at = blanks(text, 0);
    for (p->n = 0; text[at]; p->n++) {
        struct law_value law;
        if (p->n == PRIORS_MAX)
            return place_error(ret_error, text, at, PLACE_WORD, "priors: more than %d", PRIORS_MAX);
        p->of[p->n].used = false;
        if (!read_name(text, &at, p->of[p->n].name, ret_error) ||
            !law_read(laws, PRIOR_KIND_COUNT, "priors", text, &at, NULL, &law, ret_error))
            return false;
        p->of[p->n].prior.kind = (enum prior_kind)law.which;
        memcpy(p->of[p->n].prior.arg, law.number, sizeof law.number);
        if (text[at] && text[at] != ',' && text[at] != ';')
            return place_error(ret_error, text, at, PLACE_WORD,
                               "priors: expected \",\" before the next prior");
        at = blanks(text, at + (text[at] != '\0'));
    }
    return true;
}

bool priors_find(struct priors *p, const char *name, const char *family, bool positive, struct prior fallback,
                 struct prior *ret, char ret_error[PLACE_BYTES])
{
    const struct prior *found = NULL;
    for (int pass = 0; pass < 2 && !found; pass++) {
        const char *wanted = pass == 0 ? name : family;
        for (uint32_t i = 0; wanted && i < p->n; i++) {
            if (strcmp(p->of[i].name, wanted) != 0)
                continue;
            p->of[i].used = true;
            found = &p->of[i].prior;
        }
    }
    if (found && is_for_positive(found->kind) && !positive) {
        (void)snprintf(ret_error, PLACE_BYTES, "priors: %.60s can be negative, %s is for positive parameters",
                       name, laws[found->kind].name);
        return false;
    }
    *ret = found ? *found : fallback;
    return true;
}

const char *priors_unused(const struct priors *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (!p->of[i].used)
            return p->of[i].name;
    }
    return NULL;
}
