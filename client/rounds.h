/* rounds.h - a job that goes on in rounds: which cells want another one, with what, and the answer of all.
 *
 * The state of a future with rounds_max, without I/O: results go in, the next job comes out, until there is none; then the whole.
 * Not thread-safe. */
#ifndef QX_CLIENT_ROUNDS_H
#define QX_CLIENT_ROUNDS_H

#include "quincunx/job.h"

struct rounds;

/* `job` is copied. It is the first job; it has at least two rounds. */
qx_err rounds_new(const struct qx_job_options *job, struct rounds **ret);
struct rounds *rounds_free(struct rounds *r); /* NULL is fine */

/* No further round. */
void rounds_cancel(struct rounds *r);
bool rounds_cancelled(const struct rounds *r);
/* The result of the job at hand; takes it over, also on failure. */
qx_err rounds_take(struct rounds *r, struct qx_result *result);
/* The job at hand came to nothing. */
void rounds_fail(struct rounds *r, const struct qx_error *why);
/* The job that is to be run now, borrowed until the next call that takes r. False: none, the whole is there. */
bool rounds_next(struct rounds *r, struct qx_job_options *ret);
/* The whole; hands over what r holds of results. NOTFOUND: no job has given any. */
qx_err rounds_end(struct rounds *r, struct qx_result **ret);

/* Of the job at hand. */
uint32_t rounds_now(const struct rounds *r);
const char *rounds_why(const struct rounds *r); /* borrowed until rounds_next */
/* The cell of the whole that cell `cell` of the job at hand is. */
uint32_t rounds_cell(const struct rounds *r, uint32_t cell);

#endif
