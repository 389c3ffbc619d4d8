#include "common/table_build.h"

#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "common/table_image.h"

enum { FIRST_SLOTS = 16 };

static uint64_t hash_text(const char *text, size_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
    return h ^ (h >> 32);
}

static const char *level_text(const struct levels *l, uint32_t i)
{
    return (const char *)l->text.data + l->at[i];
}

/* The slot that holds the text, or the free one where it belongs. */
static uint32_t *find_slot(const struct levels *l, const char *text, size_t len)
{
    uint32_t i = (uint32_t)hash_text(text, len) & (l->n_slots - 1);
    while (l->slots[i] != 0) {
        const char *have = level_text(l, l->slots[i] - 1);
        if (strlen(have) == len && memcmp(have, text, len) == 0)
            break;
        i = (i + 1) & (l->n_slots - 1);
    }
    return &l->slots[i];
}

static qx_err grow_slots(struct levels *l)
{
    if (l->n_slots > 0 && l->n < l->n_slots / 2)
        return QX_ERR_OK;
    uint32_t n_slots = l->n_slots ? 2 * l->n_slots : FIRST_SLOTS;
    if (n_slots == 0)
        return QX_ERR_LIMIT;
    uint32_t *slots = qx_calloc(n_slots, sizeof *slots);
    if (!slots)
        return QX_ERR_NOMEM;
    qx_free(l->slots);
    l->slots = slots;
    l->n_slots = n_slots;
    for (uint32_t i = 0; i < l->n; i++)
        *find_slot(l, level_text(l, i), strlen(level_text(l, i))) = i + 1;
    return QX_ERR_OK;
}

static qx_err level_of(struct levels *l, const char *text, size_t len, uint32_t *ret)
{
    qx_err e = grow_slots(l);
    if (e != QX_ERR_OK)
        return e;
    uint32_t *slot = find_slot(l, text, len);
    if (*slot == 0) {
        size_t at = l->text.len;
        if (qx_grow(&l->at, &l->cap_at, (size_t)l->n + 1, sizeof *l->at) != 0 ||
            qx_bytes_reserve(&l->text, at + len + 1) != QX_ERR_OK)
            return QX_ERR_NOMEM;
        (void)qx_bytes_append(&l->text, text, len); /* room is reserved */
        (void)qx_bytes_append(&l->text, "", 1);
        l->at[l->n++] = at;
        *slot = l->n;
    }
    *ret = *slot - 1;
    return QX_ERR_OK;
}

qx_err build_real(struct build_column *c, double v)
{
    if (c->n == c->cap && qx_grow(&c->real, &c->cap, c->n + 1, sizeof *c->real) != 0)
        return QX_ERR_NOMEM;
    c->real[c->n++] = v;
    return QX_ERR_OK;
}

static qx_err build_code(struct build_column *c, uint32_t code)
{
    if (c->n == c->cap && qx_grow(&c->code, &c->cap, c->n + 1, sizeof *c->code) != 0)
        return QX_ERR_NOMEM;
    c->code[c->n++] = code;
    return QX_ERR_OK;
}

qx_err build_text(struct build_column *c, const char *text, size_t len)
{
    uint32_t code = 0;
    qx_err e = level_of(&c->levels, text, len, &code);
    return e == QX_ERR_OK ? build_code(c, code) : e;
}

qx_err build_missing(struct build_column *c)
{
    qx_err e = c->type == QX_COLUMN_REAL ? build_real(c, NAN) : build_code(c, TABLE_CODE_MISSING);
    c->n_missing += e == QX_ERR_OK;
    return e;
}

void build_restart_as_text(struct build_column *c)
{
    qx_free(c->real);
    c->real = NULL;
    c->n = c->cap = 0;
    c->n_missing = 0;
    c->type = QX_COLUMN_TEXT;
}

void build_fini(struct build_column *c)
{
    qx_free(c->name);
    qx_free(c->real);
    qx_free(c->code);
    qx_free(c->levels.slots);
    qx_free(c->levels.at);
    qx_bytes_fini(&c->levels.text);
    *c = (struct build_column){0};
}

/* ---- the image: sizes first, so that nothing can fail while it is written ---- */

static size_t padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

static size_t at_values(size_t at)
{
    return (at + TABLE_VALUES_ALIGN - 1) & ~(size_t)(TABLE_VALUES_ALIGN - 1);
}

static size_t cell_bytes(const struct build_column *c)
{
    return c->type == QX_COLUMN_REAL ? sizeof(double) : sizeof(uint32_t);
}

static size_t image_bytes(const struct build_column *columns, uint32_t n_columns)
{
    size_t len = sizeof(struct table_header) + n_columns * sizeof(struct image_entry);
    for (uint32_t i = 0; i < n_columns; i++) {
        const struct build_column *c = &columns[i];
        len = at_values(len + padded(strlen(c->name) + 1)) + padded(c->n * cell_bytes(c));
        len += c->levels.n * sizeof(uint64_t) + padded(c->levels.text.len);
    }
    return len;
}

static uint64_t put_section(struct qx_bytes *out, const void *data, size_t len)
{
    uint64_t at = out->len;
    (void)qx_bytes_append(out, data, len);
    (void)qx_bytes_resize(out, padded(out->len));
    return at;
}

static struct image_entry put_column(const struct build_column *c, struct qx_bytes *out)
{
    struct image_entry entry = {(uint32_t)c->type, c->levels.n, c->n_missing, 0, 0, 0};
    entry.name_at = put_section(out, c->name, strlen(c->name) + 1);
    (void)qx_bytes_resize(out, at_values(out->len));
    entry.values_at =
        put_section(out, c->type == QX_COLUMN_REAL ? (const void *)c->real : c->code, c->n * cell_bytes(c));
    entry.levels_at = out->len;
    uint64_t text_at = out->len + c->levels.n * sizeof(uint64_t);
    for (uint32_t i = 0; i < c->levels.n; i++)
        (void)qx_put_u64(out, text_at + c->levels.at[i]);
    (void)put_section(out, c->levels.text.data, c->levels.text.len);
    return entry;
}

qx_err build_image(const struct build_column *columns, uint32_t n_columns, uint64_t n_rows,
                   struct qx_bytes *out)
{
    qx_err e = qx_bytes_reserve(out, image_bytes(columns, n_columns));
    if (e != QX_ERR_OK)
        return e;
    struct table_header h = {TABLE_MAGIC, n_rows, n_columns, 0};
    (void)qx_bytes_append(out, &h, sizeof h);
    size_t entries_at = out->len;
    (void)qx_bytes_resize(out, entries_at + n_columns * sizeof(struct image_entry));
    for (uint32_t i = 0; i < n_columns; i++) {
        struct image_entry entry = put_column(&columns[i], out);
        memcpy(out->data + entries_at + i * sizeof entry, &entry, sizeof entry);
    }
    return QX_ERR_OK;
}
