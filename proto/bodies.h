/* bodies.h - what each type of control message is on the wire. Private to proto/. */
#ifndef QX_PROTO_BODIES_H
#define QX_PROTO_BODIES_H

#include "proto/codec.h"
#include "proto/control.h"

struct body {
    const char *name;
    uint32_t number; /* of its field in the envelope */
    size_t plain;    /* where its struct begins in struct control; 0: fields are given from there */
    size_t version;  /* where struct control has the sender's version; 0: nowhere */
    const struct message *message; /* NULL: CONTROL_UNKNOWN */
};

extern const struct body control_bodies[CONTROL_TYPE_COUNT];

#endif
