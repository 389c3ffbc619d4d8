#include <sodium.h>

#include "common/tree.h"

qx_err reduce_digest(const struct reduce_state *s, char ret_hex[33])
{
    uint8_t hash[32];
    struct qx_bytes b = {0};
    qx_err e = reduce_encode(s, &b);
    if (e == QX_ERR_OK && crypto_generichash(hash, sizeof hash, b.data, b.len, NULL, 0) != 0)
        e = QX_ERR_BUG;
    if (e == QX_ERR_OK)
        sodium_bin2hex(ret_hex, 33, hash, 16);
    qx_bytes_fini(&b);
    return e;
}
