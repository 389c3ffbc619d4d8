#include "common/bytes.h"

#include <string.h>

#include "common/mem.h"

/* Integers and doubles are moved with memcpy: every supported machine is little-endian. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "encodings are little-endian in memory");

void qx_bytes_fini(struct qx_bytes *b)
{
    qx_free(b->data);
    *b = (struct qx_bytes){0};
}

qx_err qx_bytes_reserve(struct qx_bytes *b, size_t cap)
{
    if (cap <= b->cap)
        return QX_ERR_OK;
    size_t size = b->cap ? b->cap : 64;
    while (size < cap) {
        if (size > SIZE_MAX / 2)
            return QX_ERR_NOMEM;
        size *= 2;
    }
    uint8_t *data = qx_realloc(b->data, size);
    if (!data)
        return QX_ERR_NOMEM;
    b->data = data;
    b->cap = size;
    return QX_ERR_OK;
}

qx_err qx_bytes_resize(struct qx_bytes *b, size_t len)
{
    qx_err e = qx_bytes_reserve(b, len);
    if (e != QX_ERR_OK)
        return e;
    if (len > b->len)
        memset(b->data + b->len, 0, len - b->len);
    b->len = len;
    return QX_ERR_OK;
}

qx_err qx_bytes_append(struct qx_bytes *b, const void *data, size_t len)
{
    if (len == 0)
        return QX_ERR_OK;
    if (len > SIZE_MAX - b->len)
        return QX_ERR_NOMEM;
    qx_err e = qx_bytes_reserve(b, b->len + len);
    if (e != QX_ERR_OK)
        return e;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    return QX_ERR_OK;
}

const void *qx_read_bytes(struct qx_reader *r, size_t len)
{
    if (r->bad || (size_t)(r->end - r->p) < len) {
        r->bad = 1;
        return NULL;
    }
    const void *p = r->p;
    r->p += len;
    return p;
}

static void read_value(struct qx_reader *r, void *value, size_t len)
{
    const void *p = qx_read_bytes(r, len);
    if (p)
        memcpy(value, p, len);
    else
        memset(value, 0, len);
}

uint32_t qx_read_u32(struct qx_reader *r)
{
    uint32_t v;
    read_value(r, &v, sizeof v);
    return v;
}

uint64_t qx_read_u64(struct qx_reader *r)
{
    uint64_t v;
    read_value(r, &v, sizeof v);
    return v;
}

double qx_read_f64(struct qx_reader *r)
{
    double v;
    read_value(r, &v, sizeof v);
    return v;
}

qx_err qx_put_u32(struct qx_bytes *b, uint32_t v)
{
    return qx_bytes_append(b, &v, sizeof v);
}

qx_err qx_put_u64(struct qx_bytes *b, uint64_t v)
{
    return qx_bytes_append(b, &v, sizeof v);
}

qx_err qx_put_f64(struct qx_bytes *b, double v)
{
    return qx_bytes_append(b, &v, sizeof v);
}
