/* field_tables.h - macros to write the tables of nouns.c and bodies.c. A table defines
 *
 *     #define AT Message, struct plain, prefix.
 *
 * (the generated message, the plain struct, how the fields are reached in it) and lists its fields, which have
 * the same names on both sides. The types of both sides are checked at compile time. Private to proto/. */
#ifndef QX_PROTO_FIELD_TABLES_H
#define QX_PROTO_FIELD_TABLES_H

#include <stdbool.h>

#include "proto/control.pb-c.h"

/* The offset of field f of S, which must have type T. */
#define AS(S, f, T) (offsetof(S, f) + 0 * sizeof(char[_Generic(((S *)0)->f, T : 1)]))
#define PB(P, f, T) AS(Qx__V1__##P, f, T)

/* clang-format off */
#define FIELD_(kind_, P, S, pre, f, TP, TS) .kind = (kind_), .name = #f, .pb = PB(P, f, TP), .at = AS(S, pre f, TS)
#define COUNT_(P, f) .pb_n = PB(P, n_##f, size_t)

#define U32_(P, S, pre, f, lo, hi) {FIELD_(FIELD_U32, P, S, pre, f, uint32_t, uint32_t), .least = (lo), .most = (hi)}
#define ENUM_(P, S, pre, f, T, n)  {FIELD_(FIELD_U32, P, S, pre, f, uint32_t, enum T), .most = (n) - 1}
#define I32_(P, S, pre, f)         {FIELD_(FIELD_I32, P, S, pre, f, int32_t, int32_t)}
#define U64_(P, S, pre, f, hi)     {FIELD_(FIELD_U64, P, S, pre, f, uint64_t, uint64_t), .most = (hi)}
#define F64_(P, S, pre, f)         {FIELD_(FIELD_F64, P, S, pre, f, double, double)}
#define BOOL_(P, S, pre, f)        {FIELD_(FIELD_BOOL, P, S, pre, f, protobuf_c_boolean, bool)}
#define TEXT_(P, S, pre, f)        {FIELD_(FIELD_TEXT, P, S, pre, f, ProtobufCBinaryData, char *)}
#define MAYBE_(P, S, pre, f)       {FIELD_(FIELD_MAYBE, P, S, pre, f, ProtobufCBinaryData, char *)}
#define FALLBACK_(P, S, pre, f, flag) {FIELD_(FIELD_FALLBACK, P, S, pre, f, ProtobufCBinaryData, char *), \
                                       .pb_n = PB(P, flag, protobuf_c_boolean)}
#define DIGEST_(P, S, pre, f)      {FIELD_(FIELD_DIGEST, P, S, pre, f, ProtobufCBinaryData, char *)}
#define HASH_(P, S, pre, f)        {FIELD_(FIELD_HASH, P, S, pre, f, ProtobufCBinaryData, uint8_t *)}
#define DATA_(P, S, pre, f, n, hi) {FIELD_(FIELD_DATA, P, S, pre, f, ProtobufCBinaryData, const uint8_t *), \
                                    .at_n = AS(S, pre n, size_t), .most = (hi)}
#define OUTCOMES_(P, S, pre, f, n) {FIELD_(FIELD_OUTCOMES, P, S, pre, f, ProtobufCBinaryData, const uint8_t *), \
                                    .at_n = AS(S, pre n, uint32_t)}
#define TEXTS_(P, S, pre, f, n)    {FIELD_(FIELD_TEXTS, P, S, pre, f, ProtobufCBinaryData *, char **), COUNT_(P, f), \
                                    .at_n = AS(S, pre n, uint32_t)}
#define U64S_(P, S, pre, f, n)     {FIELD_(FIELD_U64S, P, S, pre, f, uint64_t *, uint64_t *), COUNT_(P, f), \
                                    .at_n = AS(S, pre n, uint32_t)}
#define MATRIX_(P, S, pre, f, n, m) {FIELD_(FIELD_MATRIX, P, S, pre, f, double *, const double *), COUNT_(P, f), \
                                     .at_n = AS(S, pre n, uint32_t), .at_m = AS(S, pre m, uint32_t)}
#define ONE_(P, S, pre, f, PF, T, table) {FIELD_(FIELD_ONE, P, S, pre, f, Qx__V1__##PF *, struct T), .of = &(table)}
#define MANY_(P, S, pre, f, n, PF, T, table, hi) {FIELD_(FIELD_MANY, P, S, pre, f, Qx__V1__##PF **, struct T *), \
                                                  COUNT_(P, f), .at_n = AS(S, pre n, uint32_t), .most = (hi), \
                                                  .of = &(table)}

#define MESSAGE(descriptor, size, table, check_) \
    {.pb = &qx__v1__##descriptor##__descriptor, .size_bytes = (size), .fields = (table), \
     .n_fields = sizeof(table) / sizeof *(table), .check = (check_)}
/* clang-format on */

/* One step more, so that AT is expanded before its parts are told apart. */
#define U32(...)      U32_(__VA_ARGS__)
#define ENUM(...)     ENUM_(__VA_ARGS__)
#define I32(...)      I32_(__VA_ARGS__)
#define U64(...)      U64_(__VA_ARGS__)
#define F64(...)      F64_(__VA_ARGS__)
#define BOOL(...)     BOOL_(__VA_ARGS__)
#define TEXT(...)     TEXT_(__VA_ARGS__)
#define MAYBE(...)    MAYBE_(__VA_ARGS__)
#define FALLBACK(...) FALLBACK_(__VA_ARGS__)
#define DIGEST(...)   DIGEST_(__VA_ARGS__)
#define HASH(...)     HASH_(__VA_ARGS__)
#define DATA(...)     DATA_(__VA_ARGS__)
#define OUTCOMES(...) OUTCOMES_(__VA_ARGS__)
#define TEXTS(...)    TEXTS_(__VA_ARGS__)
#define U64S(...)     U64S_(__VA_ARGS__)
#define MATRIX(...)   MATRIX_(__VA_ARGS__)
#define ONE(...)      ONE_(__VA_ARGS__)
#define MANY(...)     MANY_(__VA_ARGS__)

enum { ANY = 0 }; /* as an upper limit */

#endif
