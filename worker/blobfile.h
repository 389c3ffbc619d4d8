/* blobfile.h - where the files of a worker's blobs lie, and mapping one.
 *
 * A blob is a file named by its hash in one of two private folders: the first in memory (/dev/shm), the second on disk for what
 * does not fit there. Only complete, verified blobs have that name. */
#ifndef QX_WORKER_BLOBFILE_H
#define QX_WORKER_BLOBFILE_H

#include <stddef.h>

#include "common/decl.h"

enum { BLOB_PATH_BYTES = 512, BLOB_FOLDERS = 2 };

struct blob_folders {
    char path[BLOB_FOLDERS][BLOB_PATH_BYTES - 96]; /* "": none */
};

void blob_file_path(const char *folder, const uint8_t hash[BLOB_HASH_BYTES], char ret_path[BLOB_PATH_BYTES]);

/* Maps it read-only. NOTFOUND if it is in neither folder; PROTO if its size is not that of `ref`. */
qx_err blob_map(const struct blob_folders *folders, const struct blob_ref *ref, const void **ret_data,
                struct qx_error *err);
void blob_unmap(const void *data, size_t len_bytes);

#endif
