/* fuzz_frame.c - hostile frames. Whatever decodes is read to its last byte, as its user would. */
#include <string.h>

#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sum; /* so that no read is left out */

static void touch(const void *p, size_t len)
{
    const uint8_t *bytes = p;
    uint8_t s = 0;
    for (size_t i = 0; i < len; i++)
        s = (uint8_t)(s + bytes[i]);
    sum = s;
}

static void touch_lease(const struct frame_view *v)
{
    for (uint32_t i = 0; i < v->lease.n_skips; i++)
        touch(&v->skips[i].item, sizeof v->skips[i].item);
    touch(v->payload, v->len_payload);
    if (v->lease.kind != FRAME_KIND_MERGE)
        return;
    const uint8_t *left, *right;
    size_t len_left, len_right;
    frame_merge_states(v, &left, &len_left, &right, &len_right);
    touch(left, len_left);
    touch(right, len_right);
}

static void touch_result(const struct frame_view *v)
{
    const uint8_t *p = v->nodes;
    for (uint32_t i = 0; i < v->result.n_nodes; i++) {
        size_t len;
        const uint8_t *state = frame_next_node(&p, &len);
        touch(state, len);
    }
    touch(v->plan, v->result.len_plan);
    touch(v->rows, (size_t)v->result.len_rows);
    touch(v->ok, (size_t)v->result.len_ok);
    touch(v->text, v->result.len_text);
    touch(v->payload, v->len_payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_view v;
    struct qx_error err;
    if (frame_decode(data, size, &v, &err) != QX_ERR_OK)
        return 0;
    if (v.head.type == FRAME_LEASE)
        touch_lease(&v);
    else if (v.head.type == FRAME_RESULT)
        touch_result(&v);
    else
        touch(v.payload, v.len_payload);
    return 0;
}
