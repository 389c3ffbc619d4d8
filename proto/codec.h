/* codec.h - from plain structs to the structs of protobuf-c and back, by tables: one table a message, one line
 * a field. Tables are in messages.c. Private to proto/. */
#ifndef QX_PROTO_CODEC_H
#define QX_PROTO_CODEC_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/error.h"
#include "proto/arena.h"

enum field_kind {
    FIELD_U32, /* also enums */
    FIELD_I32,
    FIELD_U64,
    FIELD_F64,
    FIELD_BOOL,
    FIELD_TEXT,
    FIELD_MAYBE,    /* a text that is NULL here where it is empty on the wire */
    FIELD_FALLBACK, /* a text that is NULL here where the flag at pb_n is set on the wire */
    FIELD_TEXTS,    /* uint32_t count at at_n */
    FIELD_DIGEST,   /* char[33]: 32 hex digits or none */
    FIELD_HASH,     /* uint8_t[32] */
    FIELD_DATA,     /* borrowed bytes, size_t count at at_n */
    FIELD_U64S,     /* uint32_t count at at_n */
    FIELD_MATRIX,   /* doubles, as many as the uint32_t at at_n times that at at_m, which come before it */
    FIELD_OUTCOMES, /* bytes of enum qx_outcome, as many as the uint32_t at at_n, which comes before it */
    FIELD_ONE,      /* a struct, embedded; must be there */
    FIELD_MANY      /* an array of structs, uint32_t count at at_n */
};

struct field {
    enum field_kind kind;
    const char *name;         /* for error texts */
    size_t pb, pb_n;          /* offsets in the generated struct: the value; the count */
    size_t at, at_n, at_m;    /* offsets in the plain struct */
    uint64_t least, most;     /* of a number, or of a count; most 0: any */
    const struct message *of; /* ONE, MANY */
};

struct message {
    const ProtobufCMessageDescriptor *pb;
    size_t size_bytes; /* of the plain struct, where arrays of it exist */
    const struct field *fields;
    size_t n_fields;
    /* What a table cannot say; of the decoded struct. NULL: nothing. */
    qx_err (*check)(const void *plain, struct qx_error *err);
};

/* The struct of protobuf-c for `plain`, in the arena, borrowing from `plain`. Text that is not acceptable is made so:
 * each bad byte becomes '?'. NULL: no memory. */
ProtobufCMessage *codec_to_pb(const struct message *m, const void *plain, struct control_arena *a);

/* Fills in `plain` from `pb`, whose memory it may borrow. PROTO says which field is wrong. */
qx_err codec_from_pb(const struct message *m, const ProtobufCMessage *pb, void *plain,
                     struct control_arena *a, struct qx_error *err);

/* Packs into `out`, replacing its content. LIMIT over QX_CONTROL_BYTES_MAX. */
qx_err codec_pack(const ProtobufCMessage *pb, struct qx_bytes *out);

/* Unpacks into the arena. PROTO: not such a message, or too large once unpacked. */
qx_err codec_unpack(const ProtobufCMessageDescriptor *descriptor, const void *data, size_t len,
                    struct control_arena *a, ProtobufCMessage **ret_pb, struct qx_error *err);

#endif
