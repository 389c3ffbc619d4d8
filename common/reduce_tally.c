/* Failures by cause. The first TALLY_CAUSES_MAX distinct (kind, text) keep a place, in order of appearance. */
#include "common/reduce_tally.h"
#include "common/mem.h"

static const size_t causes_bytes = TALLY_CAUSES_MAX * sizeof(struct tally_cause);

void tally_clear(struct tally *t)
{
    qx_free(t->causes);
    *t = (struct tally){0};
}

qx_err tally_copy(struct tally *to, const struct tally *from)
{
    struct tally_cause *causes = NULL;
    if (from->n_causes > 0) {
        causes = qx_malloc(causes_bytes);
        if (!causes)
            return QX_ERR_NOMEM;
        memcpy(causes, from->causes, from->n_causes * sizeof *causes);
    }
    tally_clear(to);
    *to = *from;
    to->causes = causes;
    return QX_ERR_OK;
}

/* The place of this cause, made if there is room; NULL: there is none. */
static qx_err tally_cause_for(struct tally *t, uint32_t kind, const char text[TALLY_TEXT_BYTES],
                              struct tally_cause **ret)
{
    *ret = NULL;
    for (uint32_t i = 0; i < t->n_causes; i++)
        if (t->causes[i].kind == kind && strcmp(t->causes[i].text, text) == 0) {
            *ret = &t->causes[i];
            return QX_ERR_OK;
        }
    if (t->n_causes == TALLY_CAUSES_MAX)
        return QX_ERR_OK;
    if (!t->causes && !(t->causes = qx_malloc(causes_bytes)))
        return QX_ERR_NOMEM;
    *ret = &t->causes[t->n_causes++];
    **ret = (struct tally_cause){.kind = kind};
    memcpy((*ret)->text, text, TALLY_TEXT_BYTES);
    return QX_ERR_OK;
}

static void cause_first(struct tally_cause *c, uint64_t item)
{
    uint32_t i = c->n_first;
    while (i > 0 && c->first[i - 1] > item)
        i--;
    if (i == TALLY_FIRST_MAX)
        return;
    if (c->n_first < TALLY_FIRST_MAX)
        c->n_first++;
    for (uint32_t j = c->n_first - 1; j > i; j--)
        c->first[j] = c->first[j - 1];
    c->first[i] = item;
}

/* Fills the whole buffer, so that equal texts are equal bytes; cuts at a character. */
static void text_fill(char to[TALLY_TEXT_BYTES], const char *text)
{
    size_t len = strnlen(text, TALLY_TEXT_BYTES);
    if (len == TALLY_TEXT_BYTES) {
        len--;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
            len--;
    }
    memset(to, 0, TALLY_TEXT_BYTES);
    memcpy(to, text, len);
}

qx_err tally_fail(struct tally *t, uint64_t item, uint32_t kind, const char *text)
{
    char filled[TALLY_TEXT_BYTES];
    struct tally_cause *c;
    text_fill(filled, text ? text : "");
    qx_err e = tally_cause_for(t, kind, filled, &c);
    if (e != QX_ERR_OK)
        return e;
    t->n_failed++;
    if (!c) {
        t->n_other++;
        return QX_ERR_OK;
    }
    c->count++;
    cause_first(c, item);
    return QX_ERR_OK;
}

qx_err tally_merge(struct tally *left, const struct tally *right)
{
    for (uint32_t i = 0; i < right->n_causes; i++) {
        const struct tally_cause *from = &right->causes[i];
        struct tally_cause *to;
        qx_err e = tally_cause_for(left, from->kind, from->text, &to);
        if (e != QX_ERR_OK)
            return e;
        if (!to) {
            left->n_other += from->count;
            continue;
        }
        to->count += from->count;
        for (uint32_t j = 0; j < from->n_first; j++)
            cause_first(to, from->first[j]);
    }
    left->n_ok += right->n_ok;
    left->n_failed += right->n_failed;
    left->n_other += right->n_other;
    return QX_ERR_OK;
}

qx_err tally_encode(const struct tally *t, struct qx_bytes *out)
{
    const uint64_t head[4] = {t->n_ok, t->n_failed, t->n_other, t->n_causes};
    qx_err e = qx_bytes_append(out, head, sizeof head);
    return e == QX_ERR_OK && t->n_causes > 0
               ? qx_bytes_append(out, t->causes, t->n_causes * sizeof *t->causes)
               : e;
}

_Static_assert(sizeof(struct tally_cause) == 16 + 8 * TALLY_FIRST_MAX + TALLY_TEXT_BYTES,
               "no padding: encoded as it is");

static bool cause_ok(const struct tally_cause *c)
{
    size_t len = strnlen(c->text, TALLY_TEXT_BYTES);
    if (len == TALLY_TEXT_BYTES || c->n_first > TALLY_FIRST_MAX || c->n_first > c->count || c->n_first == 0)
        return false;
    for (size_t i = len; i < TALLY_TEXT_BYTES; i++)
        if (c->text[i])
            return false;
    for (uint32_t i = 1; i < c->n_first; i++)
        if (c->first[i - 1] > c->first[i])
            return false;
    return true;
}

static bool tally_ok(const struct tally *t)
{
    uint64_t left = t->n_failed;
    for (uint32_t i = 0; i < t->n_causes; i++) {
        if (!cause_ok(&t->causes[i]) || t->causes[i].count > left)
            return false;
        left -= t->causes[i].count;
    }
    return left == t->n_other;
}

qx_err tally_decode(struct qx_reader *in, struct tally *t)
{
    struct tally got = {.n_ok = qx_read_u64(in), .n_failed = qx_read_u64(in), .n_other = qx_read_u64(in)};
    uint64_t n_causes = qx_read_u64(in);
    if (n_causes > TALLY_CAUSES_MAX)
        return QX_ERR_PROTO;
    const void *causes = qx_read_bytes(in, n_causes * sizeof *got.causes);
    if (!causes)
        return QX_ERR_PROTO;
    got.n_causes = (uint32_t)n_causes;
    if (n_causes > 0) {
        got.causes = qx_malloc(causes_bytes);
        if (!got.causes)
            return QX_ERR_NOMEM;
        memcpy(got.causes, causes, n_causes * sizeof *got.causes);
    }
    if (!tally_ok(&got)) {
        tally_clear(&got);
        return QX_ERR_PROTO;
    }
    tally_clear(t);
    *t = got;
    return QX_ERR_OK;
}
