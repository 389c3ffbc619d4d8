/* A state from a peer: the first byte chooses the plan, the rest is decoded, read, merged and encoded again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/reduce.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct reduce_plan *plan_of(uint8_t choice)
{
    static const char *const names[] = {"x", "y"};
    static const uint32_t first[] = {0};
    struct qx_reducer r = {.kind = (enum qx_reducer_kind)(choice % QX_REDUCE_KIND_COUNT),
                           .columns = first,
                           .n_columns = 1,
                           .lo = 0,
                           .hi = 1,
                           .bins = 3,
                           .exact_max = choice & 128 ? 4 : 0,
                           .keys_max = 100};
    struct reduce_plan *p = NULL;
    if (choice & 64 && (r.kind == QX_REDUCE_MOMENTS || r.kind == QX_REDUCE_SUM || r.kind == QX_REDUCE_TABLE))
        r.columns = NULL;
    return reduce_plan_new(names, 2, &r, 1, &p, NULL) == QX_ERR_OK ? p : NULL;
}

static void use(const struct reduce_plan *p, struct reduce_state *s)
{
    struct reduce_state twin;
    struct qx_bytes out = {0};
    double v;
    reduce_state_init(&twin);
    (void)reduce_stat(p, s, "se", &v);
    (void)reduce_quantile(p, s, 0, 0.3, &v, NULL);
    (void)reduce_summary_json(p, s, &out);
    qx_bytes_clear(&out);
    QX_BUG_ON(reduce_encode(s, &out) != QX_ERR_OK);
    if (!reduce_plan_opaque(p) && reduce_decode(p, out.data, out.len, &twin, NULL) == QX_ERR_OK)
        (void)reduce_merge(p, NULL, s, &twin);
    reduce_state_fini(&twin);
    qx_bytes_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reduce_plan *p = size > 0 ? plan_of(data[0]) : NULL;
    struct reduce_plan *q = NULL;
    if (!p)
        return 0;
    struct reduce_state s;
    reduce_state_init(&s);
    if (reduce_decode(p, data + 1, size - 1, &s, NULL) == QX_ERR_OK)
        use(p, &s);
    if (reduce_plan_decode(data + 1, size - 1, &q, NULL) == QX_ERR_OK)
        reduce_plan_free(q);
    reduce_state_fini(&s);
    reduce_plan_free(p);
    return 0;
}
