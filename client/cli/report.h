/* report.h - the answer of a job as one JSON object, which the writers and the plot are made from.
 *
 * Members, in this order: job, task, version, params, data, n, seed, until, stopped, rounds, round_list, state, error, partial,
 * unfinished, result or cells, failures, items, elapsed_s, slots, digest, time {waiting_s, transfer_s, computing_s, reducing_s}, speedup,
 * efficiency, karp_flatt. docs/cli.md explains each. */
#ifndef QX_CLI_REPORT_H
#define QX_CLI_REPORT_H

#include <jansson.h>

#include "quincunx/job.h"

/* given: the parameters as the user wrote them (data files by name), or NULL: as the job has them. NULL and err:
 * no memory, or an answer is no JSON. */
json_t *report_new(const struct qx_result *r, const struct qx_arg *given, uint32_t n_given,
                   struct qx_error *err);

#endif
