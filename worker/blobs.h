/* blobs.h - the data sets that a worker holds: fetched in parts from the master, verified by their hash, kept as files that
 * executors map.
 *
 * Makes requests and takes parts; whose messages they are is the caller's business. Blobs in use stay; others are dropped, the
 * one used longest ago first, when all together are over the limit. All files go at the end. One thread. */
#ifndef QX_WORKER_BLOBS_H
#define QX_WORKER_BLOBS_H

#include <stdbool.h>

#include "worker/blobfile.h"

enum { BLOBS_PIPELINE = 4, BLOBS_RETRY_MS = 5000 };

enum blob_state { BLOB_FETCHING, BLOB_READY, BLOB_FAILED };

struct blobs;
struct blob;

/* Makes the private folders, and removes those that a killed worker of this user left behind. */
qx_err blobs_new(uint64_t limit_bytes, struct blobs **ret, struct qx_error *err);
void blobs_free(struct blobs *b);
const struct blob_folders *blobs_folders(const struct blobs *b);

/* Each use is ended by blobs_unuse. NULL: no memory. */
struct blob *blobs_use(struct blobs *b, const struct blob_ref *ref);
void blobs_unuse(struct blobs *b, struct blob *blob);
enum blob_state blob_state(const struct blob *blob);
const char *blob_why(const struct blob *blob); /* why it failed */

/* What to ask for next; at most BLOBS_PIPELINE requests are out, and one is repeated when nothing came for BLOBS_RETRY_MS. */
bool blobs_next_request(struct blobs *b, uint64_t now_ns, struct blob_ref *ret_ref, uint64_t *ret_offset);
/* A new connection: requests that are out will not be answered. */
void blobs_restart(struct blobs *b);
/* True: a blob became ready or failed. */
bool blobs_part(struct blobs *b, const struct blob_ref *ref, uint64_t offset, const void *data, size_t len,
                bool missing, uint64_t now_ns);
bool blobs_busy(const struct blobs *b); /* something is being fetched */

#endif
