/* answer.h - what is done with a job that has ended: shown, drawn, turned into an exit status. */
#ifndef QX_CLI_ANSWER_H
#define QX_CLI_ANSWER_H

#include "client/cli/cli.h"
#include "client/cli/progress.h"

/* c: the farm that has the job. given: the parameters as the user wrote them, or NULL. history: for --plot, or NULL. */
int answer_show(struct cli *cli, struct qx_client *c, const struct qx_result *r, const struct qx_arg *given,
                uint32_t n_given, const struct progress *history);

#endif
