/* Both directions walk the same table. Generated structs begin with a ProtobufCMessage; their fields and those of
 * the plain structs are reached by offset, and messages.c checks at compile time that both have the field's type. */
#include "proto/codec.h"

#include <stdbool.h>
#include <string.h>

#include "common/decl.h"
#include "common/utf8.h"
#include "proto/frame.h"

static inline void *at(void *base, size_t offset)
{
    return (char *)base + offset;
}

static inline const void *at_const(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

static inline uint32_t u32_at(const void *base, size_t offset)
{
    return *(const uint32_t *)at_const(base, offset);
}

/* ---- text ------------------------------------------------------------------------------------------- */

/* How many bytes at text[i] are a control character (C0 but newline and tab, DEL, C1); 0: it is none. */
static size_t control_bytes(const uint8_t *text, size_t len, size_t i)
{
    if (text[i] == 0x7F || (text[i] < 0x20 && text[i] != '\n' && text[i] != '\t'))
        return 1;
    return text[i] == 0xC2 && i + 1 < len && text[i + 1] < 0xA0 ? 2 : 0;
}

/* The offset of the first byte that no text of a message may have, or len. */
static size_t text_check(const uint8_t *text, size_t len)
{
    size_t end = utf8_check(text, len);
    for (size_t i = 0; i < end; i++)
        if (control_bytes(text, end, i) > 0)
            return i;
    return end;
}

static void text_repair(uint8_t *text, size_t len)
{
    for (size_t i = utf8_check(text, len); i < len; i += utf8_check(text + i, len - i))
        text[i] = '?';
    for (size_t i = 0; i < len; i++)
        memset(text + i, '?', control_bytes(text, len, i));
}

/* `text` as the bytes of a message: itself where it is acceptable, else a copy that is. */
static bool text_to_pb(const char *text, ProtobufCBinaryData *ret, struct control_arena *a)
{
    size_t len = text ? strlen(text) : 0;
    uint8_t *bytes = (uint8_t *)(uintptr_t)text;
    if (len > 0 && text_check(bytes, len) < len) {
        bytes = (uint8_t *)arena_text(a, text, len);
        if (!bytes)
            return false;
        text_repair(bytes, len);
    }
    *ret = (ProtobufCBinaryData){len, bytes};
    return true;
}

static qx_err text_from_pb(const ProtobufCBinaryData *pb, char **ret, struct control_arena *a,
                           const char *where, const char *name, struct qx_error *err)
{
    size_t bad = text_check(pb->data, pb->len);
    if (bad < pb->len)
        return qx_fail(err, QX_ERR_PROTO, "%s.%s: byte %zu is 0x%02x: not UTF-8, or a control character",
                       where, name, bad, pb->data[bad]);
    *ret = arena_text(a, pb->data, pb->len);
    return *ret ? QX_ERR_OK : QX_ERR_NOMEM;
}

/* ---- plain to protobuf-c ------------------------------------------------------------------------------ */

static bool array_to_pb(const struct field *f, const void *plain, void *pb, struct control_arena *a)
{
    uint32_t n = u32_at(plain, f->at_n);
    *(size_t *)at(pb, f->pb_n) = n;
    if (n == 0)
        return true;
    if (f->kind == FIELD_U64S) {
        *(uint64_t **)at(pb, f->pb) = *(uint64_t *const *)at_const(plain, f->at);
        return true;
    }
    if (f->kind == FIELD_TEXTS) {
        char *const *texts = *(char *const *const *)at_const(plain, f->at);
        ProtobufCBinaryData *to = arena_calloc(a, n, sizeof *to);
        *(ProtobufCBinaryData **)at(pb, f->pb) = to;
        for (uint32_t i = 0; to && i < n; i++)
            if (!text_to_pb(texts[i], &to[i], a))
                return false;
        return to != NULL;
    }
    const char *from = *(const char *const *)at_const(plain, f->at);
    ProtobufCMessage **to = arena_calloc(a, n, sizeof(ProtobufCMessage *));
    *(ProtobufCMessage ***)at(pb, f->pb) = to;
    for (uint32_t i = 0; to && i < n; i++)
        if (!(to[i] = codec_to_pb(f->of, from + i * f->of->size_bytes, a)))
            return false;
    return to != NULL;
}

static bool matrix_to_pb(const struct field *f, const void *plain, void *pb)
{
    *(size_t *)at(pb, f->pb_n) = (size_t)u32_at(plain, f->at_n) * u32_at(plain, f->at_m);
    *(double **)at(pb, f->pb) = (double *)(uintptr_t) * (const double *const *)at_const(plain, f->at);
    return true;
}

static bool bytes_to_pb(const struct field *f, const void *plain, ProtobufCBinaryData *pb)
{
    const void *from = at_const(plain, f->at);
    if (f->kind == FIELD_HASH)
        *pb = (ProtobufCBinaryData){BLOB_HASH_BYTES, (uint8_t *)(uintptr_t)from};
    else if (f->kind == FIELD_DIGEST)
        *pb = (ProtobufCBinaryData){strlen(from), (uint8_t *)(uintptr_t)from};
    else
        *pb = (ProtobufCBinaryData){f->kind == FIELD_DATA ? *(const size_t *)at_const(plain, f->at_n)
                                                          : u32_at(plain, f->at_n),
                                    (uint8_t *)(uintptr_t) * (const uint8_t *const *)from};
    return true;
}

static bool field_to_pb(const struct field *f, const void *plain, void *pb, struct control_arena *a)
{
    const void *from = at_const(plain, f->at);
    void *to = at(pb, f->pb);
    switch (f->kind) {
    case FIELD_U32:
    case FIELD_I32:
        memcpy(to, from, sizeof(uint32_t));
        return true;
    case FIELD_U64:
    case FIELD_F64:
        memcpy(to, from, sizeof(uint64_t));
        return true;
    case FIELD_BOOL:
        *(protobuf_c_boolean *)to = *(const bool *)from;
        return true;
    case FIELD_FALLBACK:
        *(protobuf_c_boolean *)at(pb, f->pb_n) = *(const char *const *)from == NULL;
        return text_to_pb(*(const char *const *)from, to, a);
    case FIELD_TEXT:
    case FIELD_MAYBE:
        return text_to_pb(*(const char *const *)from, to, a);
    case FIELD_DIGEST:
    case FIELD_HASH:
    case FIELD_DATA:
    case FIELD_OUTCOMES:
        return bytes_to_pb(f, plain, to);
    case FIELD_MATRIX:
        return matrix_to_pb(f, plain, pb);
    case FIELD_ONE:
        return (*(ProtobufCMessage **)to = codec_to_pb(f->of, from, a)) != NULL;
    case FIELD_TEXTS:
    case FIELD_U64S:
    case FIELD_MANY:
        return array_to_pb(f, plain, pb, a);
    }
    QX_BUG_ON(true); /* all kinds are above */
    return false;
}

ProtobufCMessage *codec_to_pb(const struct message *m, const void *plain, struct control_arena *a)
{
    ProtobufCMessage *pb = arena_alloc(a, m->pb->sizeof_message);
    if (!pb)
        return NULL;
    protobuf_c_message_init(m->pb, pb);
    for (size_t i = 0; i < m->n_fields; i++)
        if (!field_to_pb(&m->fields[i], plain, pb, a))
            return NULL;
    return pb;
}

/* ---- protobuf-c to plain ------------------------------------------------------------------------------ */

static qx_err check_range(const char *where, const struct field *f, uint64_t value, struct qx_error *err)
{
    if (value < f->least || (f->most != 0 && value > f->most))
        return qx_fail(err, QX_ERR_PROTO, "%s.%s: %llu, must be %llu to %llu", where, f->name,
                       (unsigned long long)value, (unsigned long long)f->least, (unsigned long long)f->most);
    return QX_ERR_OK;
}

static qx_err check_len(const char *where, const struct field *f, size_t len, uint64_t expected,
                        struct qx_error *err)
{
    if (len != expected)
        return qx_fail(err, QX_ERR_PROTO, "%s.%s: %zu of them, must be %llu", where, f->name, len,
                       (unsigned long long)expected);
    return QX_ERR_OK;
}

static qx_err array_from_pb(const struct message *m, const struct field *f, const void *pb, void *plain,
                            struct control_arena *a, struct qx_error *err)
{
    size_t n = *(const size_t *)at_const(pb, f->pb_n);
    qx_err e = check_range(m->pb->short_name, f, n, err);
    if (e != QX_ERR_OK)
        return e;
    *(uint32_t *)at(plain, f->at_n) = (uint32_t)n; /* a message has less than 2^32 bytes */
    if (f->kind == FIELD_U64S) {
        *(uint64_t **)at(plain, f->at) = *(uint64_t *const *)at_const(pb, f->pb);
        return QX_ERR_OK;
    }
    size_t size = f->kind == FIELD_TEXTS ? sizeof(char *) : f->of->size_bytes;
    char *to = arena_calloc(a, n, size);
    *(char **)at(plain, f->at) = to;
    if (!to)
        return QX_ERR_NOMEM;
    for (size_t i = 0; e == QX_ERR_OK && i < n; i++) {
        if (f->kind == FIELD_TEXTS)
            e = text_from_pb(*(ProtobufCBinaryData *const *)at_const(pb, f->pb) + i,
                             &((char **)(void *)to)[i], a, m->pb->short_name, f->name, err);
        else
            e = codec_from_pb(f->of, (*(ProtobufCMessage * *const *)at_const(pb, f->pb))[i], to + i * size, a,
                              err);
    }
    return e;
}

static qx_err matrix_from_pb(const struct message *m, const struct field *f, const void *pb, void *plain,
                             struct qx_error *err)
{
    uint64_t expected = (uint64_t)u32_at(plain, f->at_n) * u32_at(plain, f->at_m);
    *(const double **)at(plain, f->at) = *(double *const *)at_const(pb, f->pb);
    return check_len(m->pb->short_name, f, *(const size_t *)at_const(pb, f->pb_n), expected, err);
}

static qx_err outcomes_from_pb(const struct message *m, const struct field *f, const ProtobufCBinaryData *pb,
                               void *plain, struct qx_error *err)
{
    *(const uint8_t **)at(plain, f->at) = pb->data;
    for (size_t i = 0; i < pb->len; i++)
        if (pb->data[i] >= QX_OUTCOME_COUNT)
            return qx_fail(err, QX_ERR_PROTO, "%s.%s: unknown outcome %d", m->pb->short_name, f->name,
                           pb->data[i]);
    return check_len(m->pb->short_name, f, pb->len, u32_at(plain, f->at_n), err);
}

static qx_err digest_from_pb(const struct message *m, const struct field *f, const ProtobufCBinaryData *pb,
                             char *to, struct qx_error *err)
{
    size_t n = 0;
    while (n < pb->len && pb->data[n] != 0 && strchr("0123456789abcdef", pb->data[n]))
        n++;
    if (n != pb->len || (n != 0 && n != 32))
        return qx_fail(err, QX_ERR_PROTO, "%s.%s: not 32 hex digits", m->pb->short_name, f->name);
    if (n > 0)
        memcpy(to, pb->data, n);
    to[n] = '\0';
    return QX_ERR_OK;
}

static qx_err bytes_from_pb(const struct message *m, const struct field *f, const ProtobufCBinaryData *pb,
                            void *plain, struct qx_error *err)
{
    qx_err e;
    switch (f->kind) {
    case FIELD_HASH:
        e = check_len(m->pb->short_name, f, pb->len, BLOB_HASH_BYTES, err);
        if (e == QX_ERR_OK)
            memcpy(at(plain, f->at), pb->data, BLOB_HASH_BYTES);
        return e;
    case FIELD_DIGEST:
        return digest_from_pb(m, f, pb, at(plain, f->at), err);
    case FIELD_OUTCOMES:
        return outcomes_from_pb(m, f, pb, plain, err);
    default:
        *(const uint8_t **)at(plain, f->at) = pb->data;
        *(size_t *)at(plain, f->at_n) = pb->len;
        return check_range(m->pb->short_name, f, pb->len, err);
    }
}

static qx_err one_from_pb(const struct message *m, const struct field *f, const ProtobufCMessage *pb,
                          void *to, struct control_arena *a, struct qx_error *err)
{
    if (!pb)
        return qx_fail(err, QX_ERR_PROTO, "%s.%s: missing", m->pb->short_name, f->name);
    return codec_from_pb(f->of, pb, to, a, err);
}

static qx_err texts_from_pb(const struct message *m, const struct field *f, const void *pb, char **to,
                            struct control_arena *a, struct qx_error *err)
{
    const ProtobufCBinaryData *text = at_const(pb, f->pb);
    bool null = (f->kind == FIELD_MAYBE && text->len == 0) ||
                (f->kind == FIELD_FALLBACK && *(const protobuf_c_boolean *)at_const(pb, f->pb_n));
    if (!null)
        return text_from_pb(text, to, a, m->pb->short_name, f->name, err);
    *to = NULL;
    return QX_ERR_OK;
}

static qx_err field_from_pb(const struct message *m, const struct field *f, const void *pb, void *plain,
                            struct control_arena *a, struct qx_error *err)
{
    const void *from = at_const(pb, f->pb);
    void *to = at(plain, f->at);
    switch (f->kind) {
    case FIELD_U32:
        memcpy(to, from, sizeof(uint32_t));
        return check_range(m->pb->short_name, f, *(const uint32_t *)from, err);
    case FIELD_U64:
        memcpy(to, from, sizeof(uint64_t));
        return check_range(m->pb->short_name, f, *(const uint64_t *)from, err);
    case FIELD_I32:
        memcpy(to, from, sizeof(int32_t));
        return QX_ERR_OK;
    case FIELD_F64:
        memcpy(to, from, sizeof(double));
        return QX_ERR_OK;
    case FIELD_BOOL:
        *(bool *)to = *(const protobuf_c_boolean *)from != 0;
        return QX_ERR_OK;
    case FIELD_TEXT:
    case FIELD_MAYBE:
    case FIELD_FALLBACK:
        return texts_from_pb(m, f, pb, to, a, err);
    case FIELD_HASH:
    case FIELD_DIGEST:
    case FIELD_DATA:
    case FIELD_OUTCOMES:
        return bytes_from_pb(m, f, from, plain, err);
    case FIELD_MATRIX:
        return matrix_from_pb(m, f, pb, plain, err);
    case FIELD_ONE:
        return one_from_pb(m, f, *(ProtobufCMessage *const *)from, to, a, err);
    case FIELD_TEXTS:
    case FIELD_U64S:
    case FIELD_MANY:
        return array_from_pb(m, f, pb, plain, a, err);
    }
    return qx_fail(err, QX_ERR_BUG, "kind of field %d", f->kind);
}

static qx_err arena_failed(const struct control_arena *a, struct qx_error *err)
{
    if (arena_fault(a) == QX_ERR_LIMIT)
        return qx_fail(err, QX_ERR_PROTO, "message too large once decoded");
    return qx_fail(err, QX_ERR_NOMEM, "out of memory");
}

qx_err codec_from_pb(const struct message *m, const ProtobufCMessage *pb, void *plain,
                     struct control_arena *a, struct qx_error *err)
{
    for (size_t i = 0; i < m->n_fields; i++) {
        qx_err e = field_from_pb(m, &m->fields[i], pb, plain, a, err);
        if (e == QX_ERR_NOMEM)
            return arena_failed(a, err);
        if (e != QX_ERR_OK)
            return e;
    }
    return m->check ? m->check(plain, err) : QX_ERR_OK;
}

/* ---- packing -------------------------------------------------------------------------------------------- */

qx_err codec_pack(const ProtobufCMessage *pb, struct qx_bytes *out)
{
    size_t len = protobuf_c_message_get_packed_size(pb);
    if (len > QX_CONTROL_BYTES_MAX)
        return QX_ERR_LIMIT;
    qx_bytes_clear(out);
    qx_err e = qx_bytes_resize(out, len);
    if (e == QX_ERR_OK && len > 0)
        (void)protobuf_c_message_pack(pb, out->data);
    return e;
}

static void *unpack_alloc(void *arena, size_t len)
{
    return arena_alloc(arena, len);
}

static void unpack_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

qx_err codec_unpack(const ProtobufCMessageDescriptor *descriptor, const void *data, size_t len,
                    struct control_arena *a, ProtobufCMessage **ret_pb, struct qx_error *err)
{
    if (len > QX_CONTROL_BYTES_MAX)
        return qx_fail(err, QX_ERR_PROTO, "message of %zu bytes, limit %d", len, QX_CONTROL_BYTES_MAX);
    ProtobufCAllocator allocator = {unpack_alloc, unpack_free, a};
    *ret_pb = protobuf_c_message_unpack(descriptor, &allocator, len, data);
    if (*ret_pb)
        return QX_ERR_OK;
    if (arena_fault(a) != QX_ERR_OK)
        return arena_failed(a, err);
    return qx_fail(err, QX_ERR_PROTO, "not a message of this protocol (malformed %s)",
                   descriptor->short_name);
}
