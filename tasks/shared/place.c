#include "shared/place.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { EXCERPT = 24 };

static bool is_cont(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static size_t characters(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += !is_cont(text[i]);
    return n;
}

static size_t word_bytes(const char *text)
{
    size_t len = 0;
    while (isalnum((unsigned char)text[len]) || text[len] == '_' || text[len] == '.' ||
           (unsigned char)text[len] >= 0x80)
        len++;
    return len > 0 || !*text ? len : 1;
}

/* Up to EXCERPT bytes before `at` and after `end`, whole characters only. */
static void excerpt(char *ret, size_t size, const char *text, size_t at, size_t end)
{
    size_t len = strlen(text), from = at > EXCERPT ? at - EXCERPT : 0;
    size_t to = len - end > EXCERPT ? end + EXCERPT : len;
    while (from < at && is_cont(text[from]))
        from++;
    while (to > end && to < len && is_cont(text[to]))
        to--;
    (void)snprintf(ret, size, "%s%.*s <-- here%s%.*s%s", from > 0 ? ".." : "", (int)(end - from), text + from,
                   end < len ? " " : "", (int)(to - end), text + end, to < len ? ".." : "");
}

bool place_error_list(char ret[PLACE_BYTES], const char *text, size_t at, size_t len, const char *fmt,
                      va_list ap)
{
    char where[3 * EXCERPT + 64], what[PLACE_BYTES - 3 * EXCERPT - 64];
    size_t total = strlen(text);
    at = at > total ? total : at;
    if (len == PLACE_WORD) {
        at += strspn(text + at, " \t");
        len = word_bytes(text + at);
    }
    len = len > total - at ? total - at : len;
    len = len > EXCERPT ? EXCERPT : len;
    while (len > 0 && at + len < total && is_cont(text[at + len]))
        len--;
    (void)vsnprintf(what, sizeof what, fmt, ap);
    excerpt(where, sizeof where, text, at, at + len);
    (void)snprintf(ret, PLACE_BYTES, "%s at position %zu: %s", what, characters(text, at) + 1, where);
    return false;
}

bool place_error(char ret[PLACE_BYTES], const char *text, size_t at, size_t len, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)place_error_list(ret, text, at, len, fmt, ap);
    va_end(ap);
    return false;
}
