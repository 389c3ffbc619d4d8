/* functions.h - a list of functions of the same variables, given as "f; g; h". */
#ifndef TASKS_MC_FUNCTIONS_H
#define TASKS_MC_FUNCTIONS_H

#include "mc/box.h"
#include "mc/integrand.h"

struct functions {
    uint32_t n;
    struct integrand *f; /* n */
    char **text;         /* n: each as it was given */
};

/* `name` is that of the parameter, for errors. At most n_max functions. */
bool functions_parse(struct functions *fs, const char *name, const char *text, const struct box *box,
                     uint32_t n_max, char ret_error[PLACE_BYTES]);
/* A named one; a and u as for integrand_family(). False: out of memory. */
bool functions_named(struct functions *fs, const char *family, uint32_t dim, const double *a, size_t n_a,
                     const double *u, size_t n_u);
void functions_fini(struct functions *fs);

#endif
