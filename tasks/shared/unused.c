#include "shared/unused.h"

#include <stdbool.h>
#include <string.h>

static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = words; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (n == len && strncmp(at, word, n) == 0)
            return true;
        at += n;
    }
    return false;
}

qx_err unused_refuse(struct qx_ctx *ctx, const char *choice, const struct unused *of, size_t n)
{
    const char *value = qx_text(ctx, choice);
    for (size_t i = 0; i < n; i++)
        if (qx_given(ctx, of[i].param) && !has_word(of[i].values, value))
            return qx_error(ctx, QX_ERR_INVALID, "%s= has no use with %s=%s: it is for %s", of[i].param,
                            choice, value, of[i].values);
    return QX_ERR_OK;
}
