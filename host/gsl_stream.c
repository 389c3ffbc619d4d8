#include "host/gsl_stream.h"

static void stream_set(void *state, unsigned long seed)
{
    qx_stream_init(state, seed, 0, 0);
}

static unsigned long stream_get(void *state)
{
    return qx_u32(state);
}

static double stream_get_double(void *state)
{
    return qx_uniform(state);
}

static const gsl_rng_type stream_type = {
    .name = "philox4x32-10",
    .max = UINT32_MAX,
    .min = 0,
    .size = sizeof(struct qx_stream),
    .set = stream_set,
    .get = stream_get,
    .get_double = stream_get_double,
};
const gsl_rng_type *const qx_gsl_rng_type = &stream_type;

void qx_gsl_rng_start(gsl_rng *r, uint64_t seed, uint64_t item, uint32_t sub)
{
    qx_stream_init(r->state, seed, item, sub);
}
