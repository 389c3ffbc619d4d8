#include "master/blobs.h"

#include <sodium.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"

struct blob {
    struct blob_ref ref;
    uint8_t *data;
    uint64_t have, used; /* used: when it was last asked for */
    uint32_t refs;
    bool complete;
    crypto_generichash_state hash; /* of what is here: a large blob is not hashed in one go */
};

struct blobs {
    struct blob *list; /* few: a linear search costs less than an index */
    size_t n, cap;
    uint64_t limit, held, clock;
};

qx_err blobs_new(uint64_t limit_bytes, struct blobs **ret)
{
    *ret = qx_calloc(1, sizeof **ret);
    if (!*ret)
        return QX_ERR_NOMEM;
    (*ret)->limit = limit_bytes;
    return QX_ERR_OK;
}

void blobs_free(struct blobs *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        qx_free(b->list[i].data);
    qx_free(b->list);
    qx_free(b);
}

static struct blob *find(const struct blobs *b, const uint8_t hash[BLOB_HASH_BYTES])
{
    for (size_t i = 0; i < b->n; i++)
        if (!memcmp(b->list[i].ref.hash, hash, BLOB_HASH_BYTES))
            return &b->list[i];
    return NULL;
}

static void drop(struct blobs *b, struct blob *x)
{
    b->held -= x->ref.len_bytes;
    qx_free(x->data);
    *x = b->list[--b->n];
}

/* Makes room for `len` bytes by dropping what nobody holds, least recently used first. */
static bool make_room(struct blobs *b, uint64_t len)
{
    while (b->held + len > b->limit) {
        struct blob *oldest = NULL;
        for (size_t i = 0; i < b->n; i++)
            if (!b->list[i].refs && (!oldest || b->list[i].used < oldest->used))
                oldest = &b->list[i];
        if (!oldest)
            return false;
        drop(b, oldest);
    }
    return true;
}

static qx_err start(struct blobs *b, const struct blob_ref *ref, struct blob **ret, struct qx_error *err)
{
    if (ref->len_bytes > b->limit || !make_room(b, ref->len_bytes))
        return qx_fail(err, QX_ERR_LIMIT,
                       "no room for %llu bytes of data: the master keeps at most %llu (--blob-memory)",
                       (unsigned long long)ref->len_bytes, (unsigned long long)b->limit);
    uint8_t *data = qx_malloc(ref->len_bytes ? ref->len_bytes : 1);
    if (!data || qx_grow(&b->list, &b->cap, b->n + 1, sizeof *b->list)) {
        qx_free(data);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for %llu bytes of data",
                       (unsigned long long)ref->len_bytes);
    }
    b->list[b->n] = (struct blob){.ref = *ref, .data = data, .used = ++b->clock};
    crypto_generichash_init(&b->list[b->n].hash, NULL, 0, BLOB_HASH_BYTES);
    b->held += ref->len_bytes;
    *ret = &b->list[b->n++];
    return QX_ERR_OK;
}

qx_err blobs_put(struct blobs *b, const struct blob_ref *ref, uint64_t offset, const void *data, size_t len,
                 uint64_t *ret_have, struct qx_error *err)
{
    struct blob *x = find(b, ref->hash);
    if (!x) {
        qx_err e = start(b, ref, &x, err);
        if (e != QX_ERR_OK)
            return e;
    }
    if (x->ref.len_bytes != ref->len_bytes)
        return qx_fail(err, QX_ERR_INVALID, "the same hash with another size");
    if (!x->complete && offset == x->have) {
        if (len > x->ref.len_bytes - x->have)
            return qx_fail(err, QX_ERR_INVALID, "more data than announced");
        memcpy(x->data + x->have, data, len);
        crypto_generichash_update(&x->hash, data, len);
        x->have += len;
        x->used = ++b->clock;
    }
    if (!x->complete && x->have == x->ref.len_bytes) {
        uint8_t hash[BLOB_HASH_BYTES];
        crypto_generichash_final(&x->hash, hash, sizeof hash);
        if (memcmp(hash, ref->hash, sizeof hash)) {
            drop(b, x);
            return qx_fail(err, QX_ERR_INVALID,
                           "the data does not have the hash it was announced with: send it again");
        }
        x->complete = true;
    }
    *ret_have = x->have;
    return QX_ERR_OK;
}

bool blobs_state(const struct blobs *b, const struct blob_ref *ref, uint64_t *ret_have)
{
    const struct blob *x = find(b, ref->hash);
    *ret_have = x ? x->have : 0;
    return x && x->complete && x->ref.len_bytes == ref->len_bytes;
}

const void *blobs_get(const struct blobs *b, const uint8_t hash[BLOB_HASH_BYTES], uint64_t *ret_len)
{
    const struct blob *x = find(b, hash);
    if (!x || !x->complete)
        return NULL;
    *ret_len = x->ref.len_bytes;
    return x->data;
}

void blobs_ref(struct blobs *b, const struct blob_ref *ref)
{
    struct blob *x = find(b, ref->hash);
    if (x)
        x->refs++;
}

void blobs_unref(struct blobs *b, const struct blob_ref *ref)
{
    struct blob *x = find(b, ref->hash);
    if (x && x->refs)
        x->refs--;
}
