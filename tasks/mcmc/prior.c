#include "mcmc/prior.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/nearest.h"

static const struct {
    const char *name;
    int n_args, scale; /* which argument must be positive first; all after it must be, too */
    bool positive, proper;
} kinds[PRIOR_KIND_COUNT] = {
    [PRIOR_FLAT] = {"flat", 0, 0, false, false},
    [PRIOR_NORMAL] = {"normal", 2, 1, false, true},
    [PRIOR_STUDENT_T] = {"student_t", 3, 2, false, true},
    [PRIOR_CAUCHY] = {"cauchy", 2, 1, false, true},
    [PRIOR_LAPLACE] = {"laplace", 2, 1, false, true},
    [PRIOR_LOG_FLAT] = {"log_flat", 0, 0, true, false},
    [PRIOR_HALF_NORMAL] = {"half_normal", 1, 0, true, true},
    [PRIOR_HALF_CAUCHY] = {"half_cauchy", 1, 0, true, true},
    [PRIOR_HALF_T] = {"half_t", 2, 0, true, true},
    [PRIOR_EXPONENTIAL] = {"exponential", 1, 0, true, true},
    [PRIOR_GAMMA] = {"gamma", 2, 0, true, true},
    [PRIOR_INV_GAMMA] = {"inv_gamma", 2, 0, true, true},
    [PRIOR_LOGNORMAL] = {"lognormal", 2, 1, true, true},
};

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
    return kinds[p->kind].proper;
}

void prior_format(const struct prior *p, char *ret, size_t len_bytes)
{
    size_t len = (size_t)snprintf(ret, len_bytes, "%s", kinds[p->kind].name);
    for (int i = 0; i < kinds[p->kind].n_args && len < len_bytes; i++)
        len += (size_t)snprintf(ret + len, len_bytes - len, "%s%.6g", i == 0 ? "(" : ", ", p->arg[i]);
    if (kinds[p->kind].n_args > 0 && len < len_bytes)
        (void)snprintf(ret + len, len_bytes - len, ")");
}

/* ---- text ---- */

struct scan {
    const char *text, *at;
    char *error;
};

/* The text with a caret under the place. */
static bool fail(const struct scan *s, const char *what)
{
    size_t place = (size_t)(s->at - s->text), from = place > 40 ? place - 40 : 0;
    (void)snprintf(s->error, PRIOR_ERROR_BYTES, "priors: %.90s, at character %zu: \"%s%.40s\" <- here", what,
                   place + 1, from > 0 ? ".." : "", s->text + from);
    if (strlen(s->text + from) > place - from)
        (void)snprintf(s->error, PRIOR_ERROR_BYTES,
                       "priors: %.90s, at character %zu: \"%s%.*s\" >here> \"%.30s\"", what, place + 1,
                       from > 0 ? ".." : "", (int)(place - from), s->text + from, s->at);
    return false;
}

static void blanks(struct scan *s)
{
    while (*s->at == ' ' || *s->at == '\t')
        s->at++;
}

/* A name ends at '=' outside brackets: names of coefficients are like poly(x, 2)1. */
static bool scan_name(struct scan *s, char *ret)
{
    size_t len = 0;
    int depth = 0;
    blanks(s);
    while (*s->at && (depth > 0 || (*s->at != '=' && *s->at != ',')) && len < PRIOR_NAME_BYTES - 1) {
        depth += (*s->at == '(') - (*s->at == ')');
        ret[len++] = *s->at++;
    }
    while (len > 0 && (ret[len - 1] == ' ' || ret[len - 1] == '\t'))
        len--;
    ret[len] = '\0';
    if (len == 0)
        return fail(s, "a parameter's name is missing");
    if (*s->at != '=')
        return fail(s, "'=' and a density must follow the name");
    s->at++;
    return true;
}

static bool scan_kind(struct scan *s, enum prior_kind *ret)
{
    const char *names[PRIOR_KIND_COUNT];
    char what[90];
    blanks(s);
    size_t len = strspn(s->at, "abcdefghijklmnopqrstuvwxyz_-");
    for (int k = 0; k < PRIOR_KIND_COUNT; k++) {
        names[k] = kinds[k].name;
        if (strlen(names[k]) == len && strncmp(names[k], s->at, len) == 0) {
            *ret = (enum prior_kind)k;
            s->at += len;
            return true;
        }
    }
    const char *near = len > 0 ? nearest(s->at, len, names, PRIOR_KIND_COUNT) : NULL;
    if (near)
        (void)snprintf(what, sizeof what, "unknown density (did you mean %s?)", near);
    else
        (void)snprintf(what, sizeof what, "a density is wanted, e.g. normal(0, 10), half_cauchy(2.5), flat");
    return fail(s, what);
}

static bool scan_args(struct scan *s, struct prior *p)
{
    int n = kinds[p->kind].n_args;
    char what[90];
    blanks(s);
    if (n == 0)
        return true;
    (void)snprintf(what, sizeof what, "%s takes %d number%s in brackets", kinds[p->kind].name, n,
                   n == 1 ? "" : "s");
    for (int i = 0; i < n; i++) {
        blanks(s);
        if (*s->at != (i == 0 ? '(' : ','))
            return fail(s, what);
        s->at++;
        blanks(s);
        char *end;
        p->arg[i] = strtod(s->at, &end);
        if (end == s->at || !isfinite(p->arg[i]))
            return fail(s, "a number is wanted");
        bool wants = i >= kinds[p->kind].scale || (p->kind == PRIOR_STUDENT_T && i == 0);
        if (wants && !(p->arg[i] > 0))
            return fail(s, "a number above 0 is wanted");
        s->at = end;
    }
    blanks(s);
    if (*s->at != ')')
        return fail(s, what);
    s->at++;
    return true;
}

bool priors_parse(struct priors *p, const char *text, char ret_error[PRIOR_ERROR_BYTES])
{
    struct scan s = {text, text, ret_error};
    p->n = 0;
    blanks(&s);
    while (*s.at) {
        if (p->n == PRIORS_MAX)
            return fail(&s, "too many priors");
        p->of[p->n].used = false;
        p->of[p->n].prior = (struct prior){PRIOR_FLAT, {0, 0, 0}};
        p->of[p->n].at = (uint32_t)(s.at - text);
        if (!scan_name(&s, p->of[p->n].name) || !scan_kind(&s, &p->of[p->n].prior.kind) ||
            !scan_args(&s, &p->of[p->n].prior))
            return false;
        p->n++;
        blanks(&s);
        if (*s.at && *s.at != ',' && *s.at != ';')
            return fail(&s, "',' is wanted before the next prior");
        s.at += *s.at != '\0';
        blanks(&s);
    }
    return true;
}

bool priors_find(struct priors *p, const char *name, const char *family, bool positive, struct prior fallback,
                 struct prior *ret, char ret_error[PRIOR_ERROR_BYTES])
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
    if (found && kinds[found->kind].positive && !positive) {
        (void)snprintf(ret_error, PRIOR_ERROR_BYTES,
                       "priors: %.60s can be negative, %s is for positive parameters", name,
                       kinds[found->kind].name);
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
