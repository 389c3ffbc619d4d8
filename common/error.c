#include "common/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cuts `text` of `len` bytes, which may end inside a UTF-8 sequence, back to whole characters. */
static void cut_at_character(char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - (start - 1) < want)
        text[start - 1] = '\0';
}

static void keep_to_one_line(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' ';
}

qx_err qx_vfail(struct qx_error *err, qx_err code, const char *fmt, va_list ap)
{
    if (!err)
        return code;
    char text[QX_ERROR_TEXT_BYTES]; /* an argument may be err->text itself */
    int len = vsnprintf(text, sizeof text, fmt, ap);
    if (len < 0)
        text[0] = '\0';
    else if ((size_t)len >= sizeof text)
        cut_at_character(text, sizeof text - 1);
    keep_to_one_line(text);
    err->code = code;
    memcpy(err->text, text, sizeof text);
    return code;
}

qx_err(qx_fail)(struct qx_error *err, qx_err code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    qx_vfail(err, code, fmt, ap);
    va_end(ap);
    return code;
}

const char *qx_err_name(qx_err code)
{
    switch (code) {
#define NAME_CASE(name, value, text)                                                                         \
    case QX_ERR_##name:                                                                                      \
        return #name;
        QX_ERR_MAP(NAME_CASE)
#undef NAME_CASE
    }
    return "UNKNOWN";
}

const char *qx_err_text(qx_err code)
{
    switch (code) {
#define TEXT_CASE(name, value, text)                                                                         \
    case QX_ERR_##name:                                                                                      \
        return text;
        QX_ERR_MAP(TEXT_CASE)
#undef TEXT_CASE
    }
    return "unknown error";
}

_Noreturn void qx_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "bug at %s:%d: %s\n", file, line, what);
    abort();
}
