#include "worker/blobfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"

void blob_file_path(const char *folder, const uint8_t hash[BLOB_HASH_BYTES], char ret_path[BLOB_PATH_BYTES])
{
    char hex[2 * BLOB_HASH_BYTES + 1];
    for (size_t i = 0; i < BLOB_HASH_BYTES; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    (void)snprintf(ret_path, BLOB_PATH_BYTES, "%s/%s", folder, hex);
}

static int blob_open_file(const struct blob_folders *folders, const struct blob_ref *ref)
{
    for (size_t i = 0; i < BLOB_FOLDERS; i++) {
        char path[BLOB_PATH_BYTES];
        if (folders->path[i][0] == '\0')
            continue;
        blob_file_path(folders->path[i], ref->hash, path);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

qx_err blob_map(const struct blob_folders *folders, const struct blob_ref *ref, const void **ret_data,
                struct qx_error *err)
{
    int fd = blob_open_file(folders, ref);
    if (fd < 0)
        return qx_fail(err, QX_ERR_NOTFOUND, "a data set is not on this worker: %s", strerror(errno));
    struct stat st;
    qx_err e = QX_ERR_OK;
    if (fstat(fd, &st) != 0 || (uint64_t)st.st_size != ref->len_bytes || ref->len_bytes == 0)
        e = qx_fail(err, QX_ERR_PROTO, "a data set has %lld bytes, its reference says %llu",
                    (long long)st.st_size, (unsigned long long)ref->len_bytes);
    void *data = MAP_FAILED;
    if (e == QX_ERR_OK) {
        data = mmap(NULL, (size_t)ref->len_bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
            e = qx_fail(err, QX_ERR_IO, "cannot map a data set of %llu bytes: %s",
                        (unsigned long long)ref->len_bytes, strerror(errno));
    }
    (void)close(fd);
    if (e == QX_ERR_OK)
        *ret_data = data;
    return e;
}

void blob_unmap(const void *data, size_t len_bytes)
{
    (void)munmap((void *)(uintptr_t)data, len_bytes);
}
