/* until.h - when draws are enough: "rhat<1.01,ess>400", over all parameters. Pure. */
#ifndef TASKS_MCMC_UNTIL_H
#define TASKS_MCMC_UNTIL_H

#include "mcmc/diagnostics.h"
#include "shared/place.h"

struct until {
    bool given;
    double rhat;               /* below it; INFINITY: not asked for */
    double ess_bulk, ess_tail; /* above it; 0: not asked for */
};

/* rhat<x, ess>x (bulk and tail), ess_bulk>x, ess_tail>x, separated by commas; "" is no rule. False, with a
 * text that shows where. */
bool until_parse(struct until *u, const char *text, char ret_error[PLACE_BYTES]);
/* What is undefined, since the parameter is constant, does not stand in the way. */
bool until_met(const struct until *u, const struct diag *d);

#endif
