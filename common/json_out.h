/* json_out.h - JSON written as it comes, without a tree. Well-formed if what is opened is closed and members of an
 * object have names; the writer does not check that. Bytes that are not UTF-8 become U+FFFD, numbers that are not finite
 * become null. Numbers have the fewest of 15 to 17 digits that give them back, and a point in every locale.
 * The first error stays in `e` and makes all that follows do nothing. Not thread-safe. */
#ifndef QX_COMMON_JSON_OUT_H
#define QX_COMMON_JSON_OUT_H

#include <stdbool.h>

#include "common/bytes.h"

struct json_out {
    struct qx_bytes *out; /* borrowed; appended to */
    qx_err e;
    bool comma; /* the next member is not the first */
};

/* One value each. `name` is NULL in a list and for what stands alone. */
void json_out_number(struct json_out *j, const char *name, double v);
void json_out_count(struct json_out *j, const char *name, uint64_t v);
void json_out_integer(struct json_out *j, const char *name, int64_t v);
void json_out_bool(struct json_out *j, const char *name, bool v);
void json_out_text(struct json_out *j, const char *name, const void *text, size_t len);
void json_out_open(struct json_out *j, const char *name, char bracket); /* '{' or '[' */
void json_out_close(struct json_out *j, char bracket);                  /* '}' or ']' */

#endif
