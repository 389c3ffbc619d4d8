#include "fit/record.h"

#include <string.h>

/* Everything is a multiple of 8 bytes, so that doubles stay aligned. */
struct head {
    uint64_t item;
    uint32_t n_rows, names_bytes;
};

static size_t names_bytes(const struct fit_result *r)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < r->n_rows; i++)
        bytes += strlen(r->names[i]) + 1;
    return (bytes + 7) / 8 * 8;
}

qx_err record_write(struct qx_ctx *ctx, uint64_t item, const struct fit_kind *kind, uint32_t n_values,
                    const struct fit_result *r)
{
    static const char zeros[8];
    size_t names = names_bytes(r), written = 0;
    const struct head h = {.item = item, .n_rows = r->n_rows, .names_bytes = (uint32_t)names};
    qx_err e = qx_write(ctx, item, &h, sizeof h);
    if (e == QX_ERR_OK)
        e = qx_write(ctx, item, r->stats, kind->n_stats * sizeof *r->stats);
    for (uint32_t i = 0; i < r->n_rows && e == QX_ERR_OK; i++)
        e = qx_write(ctx, item, r->values + (size_t)i * kind->n_values, n_values * sizeof *r->values);
    for (uint32_t i = 0; i < r->n_rows && e == QX_ERR_OK; i++) {
        size_t bytes = strlen(r->names[i]) + 1;
        e = qx_write(ctx, item, r->names[i], bytes);
        written += bytes;
    }
    return e == QX_ERR_OK && written < names ? qx_write(ctx, item, zeros, names - written) : e;
}

size_t record_read(const void *data, size_t len, size_t at, const struct fit_kind *kind, uint32_t n_values,
                   struct record *ret)
{
    struct head h;
    const char *p = (const char *)data + at;
    if (len - at < sizeof h)
        return 0;
    memcpy(&h, p, sizeof h);
    size_t numbers = (kind->n_stats + (size_t)h.n_rows * n_values) * sizeof(double);
    if (len - at < sizeof h + numbers + h.names_bytes)
        return 0;
    ret->item = h.item;
    ret->n_rows = h.n_rows;
    ret->stats = (const double *)(const void *)(p + sizeof h);
    ret->values = ret->stats + kind->n_stats;
    ret->names = p + sizeof h + numbers;
    return at + sizeof h + numbers + h.names_bytes;
}
