/* simplex.h - parameters that add up to 1: their names, and points given as text. Pure. */
#ifndef TASKS_EM_SIMPLEX_H
#define TASKS_EM_SIMPLEX_H

#include <stdbool.h>
#include <stdint.h>

#include "em/mistake.h"
#include "quincunx/stream.h"

enum { SIMPLEX_PARAMS_MAX = 64, SIMPLEX_NAME_BYTES = 36 };

/* Parameters of one simplex are neighbours, from[s] .. from[s + 1] - 1. */
struct simplexes {
    uint32_t n, n_params;
    uint32_t from[SIMPLEX_PARAMS_MAX + 1];
    char names[SIMPLEX_PARAMS_MAX][SIMPLEX_NAME_BYTES];
};

/* Reads "p,q,r; a,b". A simplex of one name, p, gets a second parameter, "1-p". False, with a text that names the parameter
 * `simplex`, on a mistake. */
bool simplex_parse(struct simplexes *s, const char *text, char ret_error[MISTAKE_BYTES]);
/* The same step by step: adds a name to the last simplex, and ends it. */
bool simplex_add(struct simplexes *s, const char *name, char ret_error[MISTAKE_BYTES]);
bool simplex_end(struct simplexes *s, char ret_error[MISTAKE_BYTES]);

/* The place of a parameter; -1: there is none. */
int simplex_find(const struct simplexes *s, const char *name);
/* The name that was probably meant; NULL: none is near. */
const char *simplex_nearest(const struct simplexes *s, const char *name);
/* Which simplex a parameter is in. */
uint32_t simplex_of(const struct simplexes *s, uint32_t param);

/* Reads "p=0.3,q=0.2,r=0.5"; of each simplex one may be left out. The sum may be off by 1e-6 and is made 1. False, with a text that
 * names the parameter `start`, on a mistake. */
bool simplex_point(const struct simplexes *s, const char *text, double *ret, char ret_error[MISTAKE_BYTES]);
/* A uniform point. */
void simplex_draw(const struct simplexes *s, struct qx_stream *rng, double *ret);

#endif
