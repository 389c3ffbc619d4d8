/* gsl_stream.h - a stream of stream.h as a gsl_rng, so that every gsl_ran_* works on it. */
#ifndef QX_HOST_GSL_STREAM_H
#define QX_HOST_GSL_STREAM_H

#include <gsl/gsl_rng.h>

#include "quincunx/stream.h"

/* get: qx_u32, 0 .. 2^32-1. get_double: qx_uniform, which is never 0, as gsl_rng_uniform_pos wants.
 * gsl_rng_set(r, seed) starts the stream (seed, item 0, sub-stream 0). The state is a struct qx_stream:
 * gsl_rng_clone and gsl_rng_memcpy fork it. */
extern const gsl_rng_type *const qx_gsl_rng_type;

/* Points `r`, made with qx_gsl_rng_type, to the start of one item's sub-stream. */
void qx_gsl_rng_start(gsl_rng *r, uint64_t seed, uint64_t item, uint32_t sub);

#endif
