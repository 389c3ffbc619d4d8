/* settle.h - how an answer settled: the answers of the same job cut short, to the last bit those that it passed. */
#ifndef QX_CLI_SETTLE_H
#define QX_CLI_SETTLE_H

#include <jansson.h>

#include "quincunx/client.h"

/* The answers of n / sqrt(2)^k items of the same streams, in order of n, as [{"n", "result"}]: computed anew on the farm,
 * within a small share of the time that the job took. Empty where that says nothing: for a grid, a job that is not
 * done, data that are not at hand (given NULL), or a farm that refuses. Ctrl-C ends it early. NULL: no memory. */
json_t *settle_ask(struct qx_client *c, const struct qx_result *r, const struct qx_arg *given,
                   uint32_t n_given);

#endif
