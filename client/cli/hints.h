/* hints.h - what a person probably meant who gave a task an option as a parameter: `qx run pi n=10`. */
#ifndef QX_CLI_HINTS_H
#define QX_CLI_HINTS_H

#include "quincunx/client.h"

/* Says why a job was refused. Where one of its parameters is none of the task but the name of an option, says that. Gives the
 * status to end with. */
int hint_refused(struct qx_client *c, const struct qx_job_options *job, const struct qx_error *err);

#endif
