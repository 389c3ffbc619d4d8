/* The envelope. It is read twice: first by hand, for the three things that must be known even where the body makes
 * no sense (version, tag, type), so that a peer of another version can be told so; then by protobuf-c. */
#include "proto/control.h"

#include <string.h>

#include "proto/bodies.h"
#include "proto/codec.h"
#include "proto/control.pb-c.h"

const char *control_type_name(enum control_type type)
{
    return control_bodies[(unsigned)type < CONTROL_TYPE_COUNT ? type : CONTROL_UNKNOWN].name;
}

static enum control_type type_of(uint64_t number)
{
    for (int t = CONTROL_UNKNOWN + 1; t < CONTROL_TYPE_COUNT; t++)
        if (control_bodies[t].number == number)
            return (enum control_type)t;
    return CONTROL_UNKNOWN;
}

/* ---- the wire, as far as the envelope needs it ---------------------------------------------------------- */

enum wire_type { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };
enum { FIELD_VERSION = 1, FIELD_TAG = 2, FIELD_BODY_FIRST = 10, VARINT_BYTES_MAX = 10 };

struct envelope {
    uint64_t version, tag;
    enum control_type type;
};

static uint64_t read_varint(struct qx_reader *r)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        const uint8_t *byte = qx_read_bytes(r, 1);
        if (!byte)
            return 0;
        value |= (uint64_t)(*byte & 0x7F) << (7 * i);
        if (*byte < 0x80)
            return value;
    }
    r->bad = 1;
    return 0;
}

/* Reads a field's value; of bytes their length, and skips them. */
static uint64_t read_field(struct qx_reader *r, unsigned wire_type)
{
    uint64_t value;
    switch (wire_type) {
    case WIRE_VARINT:
        return read_varint(r);
    case WIRE_64:
        return qx_read_u64(r);
    case WIRE_32:
        return qx_read_u32(r);
    case WIRE_BYTES:
        value = read_varint(r);
        (void)qx_read_bytes(r, (size_t)value);
        return value;
    default:
        r->bad = 1;
        return 0;
    }
}

/* Gives what it could read in any case. */
static qx_err envelope_read(const void *data, size_t len, struct envelope *ret, struct qx_error *err)
{
    struct qx_reader r = qx_reader(data, len);
    while (!r.bad && r.p < r.end) {
        uint64_t key = read_varint(&r);
        unsigned wire_type = key & 7;
        uint64_t value = read_field(&r, wire_type), field = key >> 3;
        if (r.bad)
            break;
        if (field == FIELD_VERSION && wire_type == WIRE_VARINT)
            ret->version = value;
        else if (field == FIELD_TAG && wire_type == WIRE_64)
            ret->tag = value;
        else if (field >= FIELD_BODY_FIRST && wire_type == WIRE_BYTES)
            ret->type = type_of(field);
    }
    if (r.bad || ret->version == 0)
        return qx_fail(err, QX_ERR_PROTO, "not a Quincunx control message (%s)",
                       r.bad ? "not protobuf, or cut off" : "no protocol version");
    if (ret->version != QX_PROTO_VERSION)
        return qx_fail(err, QX_ERR_VERSION, "peer speaks protocol %llu, this is %d",
                       (unsigned long long)ret->version, QX_PROTO_VERSION);
    return QX_ERR_OK;
}

/* ---- encoding ---------------------------------------------------------------------------------------------- */

static uint32_t version_of(const struct control *c)
{
    size_t at = control_bodies[c->type].version;
    uint32_t version = at == 0 ? 0 : *(const uint32_t *)(const void *)((const char *)c + at);
    return version != 0 ? version : QX_PROTO_VERSION;
}

qx_err control_encode(const struct control *c, struct qx_bytes *out)
{
    QX_BUG_ON(c->type <= CONTROL_UNKNOWN || c->type >= CONTROL_TYPE_COUNT);
    const struct body *body = &control_bodies[c->type];
    struct control_arena *a = arena_new(SIZE_MAX);
    if (!a)
        return QX_ERR_NOMEM;
    Qx__V1__Control envelope = QX__V1__CONTROL__INIT;
    envelope.version = version_of(c);
    envelope.tag = c->tag;
    envelope.body_case = (Qx__V1__Control__BodyCase)body->number;
    ProtobufCMessage *pb = codec_to_pb(body->message, (const char *)c + body->plain, a);
    envelope.hello = (Qx__V1__Hello *)pb; /* or another: one place for a pointer to a message */
    qx_err e = pb ? codec_pack(&envelope.base, out) : QX_ERR_NOMEM;
    arena_free(a);
    return e;
}

/* ---- decoding ---------------------------------------------------------------------------------------------- */

static qx_err body_decode(const void *data, size_t len, struct control *c, struct control_arena *a,
                          struct qx_error *err)
{
    ProtobufCMessage *pb;
    qx_err e = codec_unpack(&qx__v1__control__descriptor, data, len, a, &pb, err);
    if (e != QX_ERR_OK)
        return e;
    const Qx__V1__Control *envelope = (const Qx__V1__Control *)pb;
    c->type = type_of((uint64_t)envelope->body_case);
    const struct body *body = &control_bodies[c->type];
    if (!body->message)
        return QX_ERR_OK;
    if (body->version != 0)
        memcpy((char *)c + body->version, &envelope->version, sizeof envelope->version);
    return codec_from_pb(body->message, &envelope->hello->base, (char *)c + body->plain, a, err);
}

qx_err control_decode(const void *data, size_t len, struct control *ret, struct qx_error *err)
{
    *ret = (struct control){0};
    if (len > QX_CONTROL_BYTES_MAX)
        return qx_fail(err, QX_ERR_PROTO, "message of %zu bytes, limit %d", len, QX_CONTROL_BYTES_MAX);
    struct envelope envelope = {.type = CONTROL_UNKNOWN};
    qx_err e = envelope_read(data, len, &envelope, err);
    struct control c = {.type = envelope.type, .tag = envelope.tag};
    *ret = c;
    if (e != QX_ERR_OK)
        return e;
    c.arena = arena_new(CONTROL_UNPACKED_BYTES_MAX);
    if (!c.arena)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    e = body_decode(data, len, &c, c.arena, err);
    if (e != QX_ERR_OK)
        arena_free(c.arena);
    else
        *ret = c;
    return e;
}

void control_fini(struct control *c)
{
    arena_free(c->arena);
    *c = (struct control){0};
}
