/* jobspec.h - the job that the words and options of `qx run` and `qx submit` describe. */
#ifndef QX_CLI_JOBSPEC_H
#define QX_CLI_JOBSPEC_H

#include "client/cli/cells.h"
#include "client/cli/cli.h"

struct jobspec {
    struct qx_job_options options;
    struct qx_arg *args;
    char *names; /* what args point into */
    struct cells cells;
};

/* Says what is wrong and gives the status to end with; the caller always calls jobspec_fini. */
int jobspec_read(struct cli *cli, struct jobspec *ret);
void jobspec_fini(struct jobspec *s);
/* "name=value" words from `first` on, as arguments. *ret_names owns the names. */
int jobspec_args(const struct cli *cli, size_t first, size_t end, struct qx_arg **ret, uint32_t *ret_n,
                 char **ret_names);
/* --seed; sets *ret_has. */
int jobspec_seed(const struct cli *cli, uint64_t *ret, bool *ret_has);

#endif
