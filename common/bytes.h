/* bytes.h - a growable run of bytes. The owner of the struct owns the memory. Zeroed is empty. */
#ifndef QX_COMMON_BYTES_H
#define QX_COMMON_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "quincunx/error.h"

struct qx_bytes {
    uint8_t *data; /* aligned for double; NULL while cap is 0 */
    size_t len, cap;
};

void qx_bytes_fini(struct qx_bytes *b); /* frees and zeroes */
qx_err qx_bytes_reserve(struct qx_bytes *b, size_t cap);
qx_err qx_bytes_resize(struct qx_bytes *b, size_t len);                   /* new bytes are zero */
qx_err qx_bytes_append(struct qx_bytes *b, const void *data, size_t len); /* data must not lie in b */
static inline void qx_bytes_clear(struct qx_bytes *b)
{
    b->len = 0;
}

/* A bounded reader over borrowed bytes. Reads past the end set `bad` and give zeros. */
struct qx_reader {
    const uint8_t *p, *end;
    int bad;
};
static inline struct qx_reader qx_reader(const void *data, size_t len)
{
    const uint8_t *p = (const uint8_t *)data;
    return (struct qx_reader){p, p + len, 0};
}
uint32_t qx_read_u32(struct qx_reader *r); /* little-endian */
uint64_t qx_read_u64(struct qx_reader *r);
double qx_read_f64(struct qx_reader *r);
const void *qx_read_bytes(struct qx_reader *r, size_t len); /* borrowed; NULL when bad */

qx_err qx_put_u32(struct qx_bytes *b, uint32_t v);
qx_err qx_put_u64(struct qx_bytes *b, uint64_t v);
qx_err qx_put_f64(struct qx_bytes *b, double v);

#endif
