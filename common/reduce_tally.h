/* reduce_tally.h - private to common/reduce*.c: counting items and failures. */
#ifndef QX_COMMON_REDUCE_TALLY_H
#define QX_COMMON_REDUCE_TALLY_H

#include <string.h>

#include "common/reduce.h"

void tally_clear(struct tally *t);                             /* frees */
qx_err tally_copy(struct tally *to, const struct tally *from); /* on error `to` is unchanged */
qx_err tally_fail(struct tally *t, uint64_t item, uint32_t kind, const char *text);
qx_err tally_merge(struct tally *left, const struct tally *right);
qx_err tally_encode(const struct tally *t, struct qx_bytes *out);
qx_err tally_decode(struct qx_reader *in, struct tally *t); /* PROTO: `t` is unchanged */

#endif
