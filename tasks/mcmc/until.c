#include "mcmc/until.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/nearest.h"

enum { RHAT, ESS, ESS_BULK, ESS_TAIL, N_NAMES };
static const char *const names[N_NAMES] = {"rhat", "ess", "ess_bulk", "ess_tail"};

static const char *blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static bool one(struct until *u, const char *text, const char **at_p, char *ret_error)
{
    const char *at = blanks(*at_p);
    size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
    int k = 0;
    while (k < N_NAMES && (strlen(names[k]) != len || strncmp(names[k], at, len) != 0))
        k++;
    if (k == N_NAMES) {
        const char *near = len > 0 ? nearest(at, len, names, N_NAMES) : NULL;
        return place_error(ret_error, text, (size_t)(at - text), PLACE_WORD,
                           near ? "until: expected rhat<, ess>, ess_bulk> or ess_tail> (did you mean \"%s\"?)"
                                : "until: expected rhat<, ess>, ess_bulk> or ess_tail>",
                           near);
    }
    at = blanks(at + len);
    if (*at != (k == RHAT ? '<' : '>'))
        return place_error(ret_error, text, (size_t)(at - text), PLACE_WORD,
                           "until: expected \"%c\" after %s", k == RHAT ? '<' : '>', names[k]);
    at = blanks(at + 1);
    char *end;
    double x = strtod(at, &end);
    if (end == at || !isfinite(x) || x < 0 || (k == RHAT && x <= 1))
        return place_error(ret_error, text, (size_t)(at - text), PLACE_WORD,
                           k == RHAT ? "until: expected a number above 1"
                                     : "until: expected a number of draws");
    if (k == RHAT)
        u->rhat = fmin(u->rhat, x);
    if (k == ESS || k == ESS_BULK)
        u->ess_bulk = fmax(u->ess_bulk, x);
    if (k == ESS || k == ESS_TAIL)
        u->ess_tail = fmax(u->ess_tail, x);
    u->given = true;
    *at_p = blanks(end);
    return true;
}

bool until_parse(struct until *u, const char *text, char ret_error[PLACE_BYTES])
{
    const char *at = blanks(text);
    *u = (struct until){.rhat = INFINITY};
    while (*at) {
        if (!one(u, text, &at, ret_error))
            return false;
        if (*at && *at != ',')
            return place_error(ret_error, text, (size_t)(at - text), PLACE_WORD,
                               "until: expected \",\" between rules");
        if (*at)
            at = blanks(at + 1);
    }
    return true;
}

bool until_met(const struct until *u, const struct diag *d)
{
    return !(d->rhat >= u->rhat) && !(d->ess_bulk <= u->ess_bulk) && !(d->ess_tail <= u->ess_tail);
}
