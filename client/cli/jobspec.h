/* jobspec.h - the job that the words and options of `qx run` and `qx submit` describe. */
#ifndef QX_CLI_JOBSPEC_H
#define QX_CLI_JOBSPEC_H

#include "client/cli/cells.h"
#include "client/cli/cli.h"

struct jobspec {
    struct qx_job_options options;
    struct qx_arg *args; /* with room for what --until adds */
    char *names;         /* what args point into */
    char exceed[24];
    struct qx_error until_error; /* why --until is no rule of the kernel's */
    struct cells cells;
};

/* Says what is wrong and gives the status to end with; the caller always calls jobspec_fini. */
int jobspec_read(struct cli *cli, struct jobspec *ret);
/* Makes --until a parameter where the task declares one: `until` (a text) takes it as it is, and it is then no rule, but
 * for 'exceed=20' and its like, which are rules in any case; `exceed` (an integer) takes the count of such a rule. Tells what only the task can: to be called once the farm knows
 * tasks, before the job is submitted. */
int jobspec_settle(struct cli *cli, struct qx_client *c, struct jobspec *s);
void jobspec_fini(struct jobspec *s);
/* "name=value" words from `first` on, as arguments. *ret_names owns the names. */
int jobspec_args(const struct cli *cli, size_t first, size_t end, struct qx_arg **ret, uint32_t *ret_n,
                 char **ret_names);
/* --seed; sets *ret_has. */
int jobspec_seed(const struct cli *cli, uint64_t *ret, bool *ret_has);

#endif
