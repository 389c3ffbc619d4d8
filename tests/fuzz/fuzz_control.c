/* fuzz_control.c - hostile control messages, and job specs of lane frames. What decodes must encode, and decode
 * to the same again. */
#include <stdlib.h>
#include <string.h>

#include "proto/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void try_control(const uint8_t *data, size_t size)
{
    struct control first, second;
    struct qx_error err;
    struct qx_bytes a = {0}, b = {0};
    if (control_decode(data, size, &first, &err) != QX_ERR_OK)
        return;
    if (first.type != CONTROL_UNKNOWN && control_encode(&first, &a) == QX_ERR_OK) {
        must(control_decode(a.data, a.len, &second, &err) == QX_ERR_OK);
        must(control_encode(&second, &b) == QX_ERR_OK);
        must(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
        control_fini(&second);
    }
    control_fini(&first);
    qx_bytes_fini(&a);
    qx_bytes_fini(&b);
}

static void try_spec(const uint8_t *data, size_t size)
{
    struct job_spec *s;
    struct qx_error err;
    if (job_spec_decode(data, size, &s, &err) != QX_ERR_OK)
        return;
    struct param *params;
    uint32_t n;
    must(job_spec_cell(s, s->n_cells - 1, &params, &n) == QX_ERR_OK);
    free(params);
    job_spec_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_control(data, size);
    try_spec(data, size);
    return 0;
}
