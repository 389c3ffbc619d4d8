#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/mem.h"
#include "common/table.h"
#include "host/conform.h"

struct data_set {
    struct blob_ref ref;
    struct qx_bytes image;
};

struct data_sets {
    struct data_set *sets;
    size_t n, cap;
};

qx_err data_sets_new(struct data_sets **ret)
{
    *ret = qx_calloc(1, sizeof **ret);
    return *ret ? QX_ERR_OK : QX_ERR_NOMEM;
}

void data_sets_free(struct data_sets *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n; i++)
        qx_bytes_fini(&d->sets[i].image);
    qx_free(d->sets);
    qx_free(d);
}

static qx_err load_csv(const char *path, int fd, struct qx_bytes *image, struct qx_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return qx_fail(err, QX_ERR_IO, "%.100s: not a file", path);
    size_t len = (size_t)st.st_size;
    void *csv = len > 0 ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (csv == MAP_FAILED)
        return qx_fail(err, QX_ERR_IO, "%.100s: %s", path, strerror(errno));
    qx_err e = table_from_csv(path, csv, len, image, err);
    if (csv)
        (void)munmap(csv, len);
    return e;
}

qx_err data_sets_add(struct data_sets *d, const char *path, char ret_ref[BLOB_REF_BYTES],
                     struct qx_error *err)
{
    if (qx_grow(&d->sets, &d->cap, d->n + 1, sizeof *d->sets) != 0)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return qx_fail(err, QX_ERR_IO, "%.100s: %s", path, strerror(errno));
    struct data_set set = {0};
    qx_err e = load_csv(path, fd, &set.image, err);
    (void)close(fd);
    if (e != QX_ERR_OK)
        return e;
    blob_hash(set.image.data, set.image.len, set.ref.hash);
    set.ref.len_bytes = set.image.len;
    blob_ref_format(&set.ref, ret_ref);
    d->sets[d->n++] = set;
    return QX_ERR_OK;
}

qx_err data_sets_blob(void *arg, const struct blob_ref *ref, const void **ret_data, struct qx_error *err)
{
    const struct data_sets *d = arg;
    for (size_t i = 0; i < d->n; i++)
        if (memcmp(d->sets[i].ref.hash, ref->hash, BLOB_HASH_BYTES) == 0 &&
            d->sets[i].ref.len_bytes == ref->len_bytes) {
            *ret_data = d->sets[i].image.data;
            return QX_ERR_OK;
        }
    return qx_fail(err, QX_ERR_NOTFOUND, "no such data set");
}
