/* blobs.h - data sets by their hash, held in memory while jobs or uploads need them. The oldest unused go
 * first when the limit is reached. One thread. */
#ifndef QX_MASTER_BLOBS_H
#define QX_MASTER_BLOBS_H

#include <stdbool.h>

#include "common/decl.h"

struct blobs;

qx_err blobs_new(uint64_t limit_bytes, struct blobs **ret);
void blobs_free(struct blobs *b);

/* One part of an upload, in order from offset 0; a part that is here already is ignored. The last part checks the
 * hash: INVALID if it is another, and the upload starts over. LIMIT: no room. Says how much is here. */
qx_err blobs_put(struct blobs *b, const struct blob_ref *ref, uint64_t offset, const void *data, size_t len,
                 uint64_t *ret_have, struct qx_error *err);
bool blobs_state(const struct blobs *b, const struct blob_ref *ref, uint64_t *ret_have); /* true: complete */
/* A complete blob; NULL if it is not here. Borrowed until the next put. */
const void *blobs_get(const struct blobs *b, const uint8_t hash[BLOB_HASH_BYTES], uint64_t *ret_len);
/* A job holds on to it, or lets go. */
void blobs_ref(struct blobs *b, const struct blob_ref *ref);
void blobs_unref(struct blobs *b, const struct blob_ref *ref);
#endif
