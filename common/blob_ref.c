#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/decl.h"

#define PREFIX "blob:"
enum { PREFIX_BYTES = sizeof PREFIX - 1, HEX_BYTES = 2 * BLOB_HASH_BYTES };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hash(const char *text, uint8_t hash[BLOB_HASH_BYTES])
{
    for (size_t i = 0; i < BLOB_HASH_BYTES; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0)
            return false;
        hash[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* One spelling a number: no sign, no leading zero. */
static bool parse_size(const char *text, uint64_t *ret)
{
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    uint64_t v = 0;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');
        if (digit > 9 || v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *ret = v;
    return true;
}

bool blob_ref_parse(const char *text, struct blob_ref *ret)
{
    if (strnlen(text, BLOB_REF_BYTES) >= BLOB_REF_BYTES || strncmp(text, PREFIX, PREFIX_BYTES) != 0)
        return false;
    struct blob_ref ref;
    const char *hash = text + PREFIX_BYTES;
    if (!parse_hash(hash, ref.hash) || hash[HEX_BYTES] != ':' ||
        !parse_size(hash + HEX_BYTES + 1, &ref.len_bytes))
        return false;
    *ret = ref;
    return true;
}

void blob_ref_format(const struct blob_ref *ref, char ret_text[BLOB_REF_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char *p = ret_text;
    memcpy(p, PREFIX, PREFIX_BYTES);
    p += PREFIX_BYTES;
    for (size_t i = 0; i < BLOB_HASH_BYTES; i++) {
        *p++ = digits[ref->hash[i] >> 4];
        *p++ = digits[ref->hash[i] & 15];
    }
    (void)snprintf(p, BLOB_REF_BYTES - (size_t)(p - ret_text), ":%" PRIu64, ref->len_bytes);
}

void blob_hash(const void *data, size_t len, uint8_t ret_hash[BLOB_HASH_BYTES])
{
    static const uint8_t nothing;
    (void)crypto_generichash(ret_hash, BLOB_HASH_BYTES, len ? data : &nothing, len, NULL, 0);
}
