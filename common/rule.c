#include "common/rule.h"

#include <stdio.h>
#include <string.h>

#include "common/decl.h"
#include "common/error.h"

static const char *const stat_names[] = {"n", "mean", "se", "rel", "sd", "p", "width", "sum", "exceed"};
enum { N_STATS = sizeof stat_names / sizeof *stat_names };

struct scan {
    const char *text, *p;
    struct qx_error *err;
};

static qx_err scan_fail(const struct scan *s, const char *at, const char *what)
{
    return qx_fail(s->err, QX_ERR_INVALID, "stopping rule '%.80s', position %td: %s", s->text,
                   at - s->text + 1, what);
}

static void skip_blanks(struct scan *s)
{
    s->p += strspn(s->p, " \t");
}

static qx_err scan_name(struct scan *s, char name[RULE_NAME_BYTES])
{
    const char *start = s->p;
    size_t len = strspn(s->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (len == 0)
        return scan_fail(s, start, "expected a name, as in 'se<1e-4'");
    char found[48];
    (void)snprintf(found, sizeof found, "%.*s", (int)(len < 40 ? len : 40), start);
    s->p += len;
    for (size_t i = 0; i < N_STATS; i++)
        if (strcmp(stat_names[i], found) == 0) {
            memcpy(name, stat_names[i], strlen(stat_names[i]) + 1);
            return QX_ERR_OK;
        }
    char what[128];
    const char *near = nearest_name(found, stat_names, N_STATS);
    if (near)
        (void)snprintf(what, sizeof what, "unknown '%s'; did you mean '%s'?", found, near);
    else
        (void)snprintf(what, sizeof what,
                       "unknown '%s'; there are n, mean, se, rel, sd, p, width, sum, exceed", found);
    return scan_fail(s, start, what);
}

/* A count of exceedances goes up one by one: it reaches its bound, so '=' says the same as '>='. */
static qx_err scan_op(struct scan *s, const char *name, enum rule_op *ret)
{
    if (*s->p == '=' && strcmp(name, "exceed") == 0) {
        s->p++;
        *ret = RULE_GE;
        return QX_ERR_OK;
    }
    if (*s->p != '<' && *s->p != '>')
        return scan_fail(s, s->p, "expected <, <=, > or >=");
    bool less = *s->p++ == '<', equal = *s->p == '=';
    s->p += equal;
    *ret = less ? (equal ? RULE_LE : RULE_LT) : (equal ? RULE_GE : RULE_GT);
    return QX_ERR_OK;
}

static qx_err scan_bound(struct scan *s, double *ret)
{
    char text[64];
    size_t len = strcspn(s->p, ", \t");
    if (len == 0)
        return scan_fail(s, s->p, "expected a number");
    if (len >= sizeof text)
        return scan_fail(s, s->p, "that is not a number");
    memcpy(text, s->p, len);
    text[len] = '\0';
    struct qx_error why;
    if (value_real(text, ret, &why) != QX_ERR_OK)
        return scan_fail(s, s->p, why.text);
    s->p += len;
    return QX_ERR_OK;
}

static qx_err scan_term(struct scan *s, struct rule *r)
{
    if (r->n_terms == RULE_TERMS_MAX)
        return scan_fail(s, s->p, "more than 8 conditions");
    enum rule_op op = RULE_LT;
    skip_blanks(s);
    qx_err e = scan_name(s, r->terms[r->n_terms].name);
    skip_blanks(s);
    if (e == QX_ERR_OK)
        e = scan_op(s, r->terms[r->n_terms].name, &op);
    skip_blanks(s);
    if (e == QX_ERR_OK)
        e = scan_bound(s, &r->terms[r->n_terms].bound);
    skip_blanks(s);
    r->terms[r->n_terms].op = op;
    r->n_terms += e == QX_ERR_OK;
    return e;
}

/* Precision goals go down, and not to nothing: anything else would hold at once or never. */
static qx_err check_goal(struct scan *s, const struct rule *r)
{
    uint32_t i = r->n_terms - 1;
    const char *name = r->terms[i].name;
    bool precision = strcmp(name, "se") == 0 || strcmp(name, "rel") == 0 || strcmp(name, "width") == 0;
    if (precision && (r->terms[i].op == RULE_GT || r->terms[i].op == RULE_GE))
        return scan_fail(s, s->p, "se, rel and width get smaller with n: use < or <=");
    if (precision && !(r->terms[i].bound > 0))
        return scan_fail(s, s->p, "se, rel and width never get to 0 or below: use a positive bound");
    return QX_ERR_OK;
}

qx_err rule_parse(const char *text, struct rule *ret, struct qx_error *err)
{
    struct scan s = {text, text, err};
    struct rule r = {0};
    for (;;) {
        qx_err e = scan_term(&s, &r);
        if (e == QX_ERR_OK)
            e = check_goal(&s, &r);
        if (e != QX_ERR_OK)
            return e;
        if (*s.p == '\0')
            break;
        if (*s.p != ',')
            return scan_fail(&s, s.p, "expected ',' between conditions");
        s.p++;
    }
    *ret = r;
    return QX_ERR_OK;
}

static bool term_holds(enum rule_op op, double v, double bound)
{
    switch (op) { /* comparisons with NaN are false */
    case RULE_LT:
        return v < bound;
    case RULE_LE:
        return v <= bound;
    case RULE_GT:
        return v > bound;
    case RULE_GE:
        return v >= bound;
    }
    return false;
}

static qx_err not_offered(const char *name, const struct reduce_plan *p, const struct reduce_state *s,
                          struct qx_error *err)
{
    char all[128] = "";
    size_t used = 0;
    double unused;
    for (size_t i = 0; i < N_STATS; i++)
        if (reduce_stat(p, s, stat_names[i], &unused)) {
            int n = snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", stat_names[i]);
            used += n > 0 ? (size_t)n : 0;
        }
    return qx_fail(err, QX_ERR_INVALID, "stopping rule: this task has no '%s'; it offers %s", name,
                   used ? all : "nothing");
}

/* Estimates of spread: worth nothing from a handful of items. */
static bool is_spread(const char *name)
{
    return strcmp(name, "se") == 0 || strcmp(name, "rel") == 0 || strcmp(name, "sd") == 0 ||
           strcmp(name, "width") == 0;
}

/* Does the rule trust a spread without saying from how many items on? */
static bool wants_items_min(const struct rule *r)
{
    bool spread = false, n = false;
    for (uint32_t i = 0; i < r->n_terms; i++) {
        spread = spread || is_spread(r->terms[i].name);
        n = n || strcmp(r->terms[i].name, "n") == 0;
    }
    return spread && !n;
}

qx_err rule_eval(const struct rule *r, const struct reduce_plan *p, const struct reduce_state *s,
                 bool *ret_holds, struct qx_error *err)
{
    bool holds = r->n_terms > 0 && (s->tally.n_ok >= RULE_ITEMS_MIN || !wants_items_min(r));
    for (uint32_t i = 0; i < r->n_terms; i++) {
        double v;
        if (!reduce_stat(p, s, r->terms[i].name, &v))
            return not_offered(r->terms[i].name, p, s, err);
        bool unseen = v == 0 && is_spread(r->terms[i].name) && s->tally.n_ok < RULE_CONSTANT_ITEMS;
        holds = holds && !unseen && term_holds(r->terms[i].op, v, r->terms[i].bound);
    }
    *ret_holds = holds;
    return QX_ERR_OK;
}
