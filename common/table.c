#include "common/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"
#include "common/table_image.h"
#include "common/utf8.h"

struct qx_table {
    uint64_t n_rows;
    uint32_t n_columns;
    struct qx_column *columns;
};

struct image {
    const uint8_t *data;
    size_t len;
};

/* Is [at, at + n * size) inside, and aligned? */
static bool section_ok(struct image img, uint64_t at, uint64_t n, size_t size)
{
    return at % 8 == 0 && at <= img.len && n <= (img.len - at) / size;
}

/* A NUL-terminated UTF-8 text inside the image, NULL if it is not. */
static const char *text_at(struct image img, uint64_t at)
{
    if (at >= img.len)
        return NULL;
    const uint8_t *end = memchr(img.data + at, 0, img.len - at);
    if (!end)
        return NULL;
    size_t len = (size_t)(end - (img.data + at));
    return utf8_check(img.data + at, len) == len ? (const char *)img.data + at : NULL;
}

static qx_err damaged(struct qx_error *err, uint32_t column, const char *what)
{
    return qx_fail(err, QX_ERR_PROTO, "damaged table: column %u: %s", column + 1, what);
}

static qx_err open_real(struct image img, const struct image_entry *e, uint64_t n_rows, uint32_t i,
                        struct qx_column *c, struct qx_error *err)
{
    if (e->n_levels != 0 || !section_ok(img, e->values_at, n_rows, sizeof(double)))
        return damaged(err, i, "values are out of bounds");
    c->real = (const double *)(const void *)(img.data + e->values_at);
    uint64_t n_missing = 0;
    for (uint64_t row = 0; row < n_rows; row++) {
        if (isinf(c->real[row]))
            return damaged(err, i, "an infinite value");
        n_missing += isnan(c->real[row]) != 0;
    }
    return n_missing == e->n_missing ? QX_ERR_OK : damaged(err, i, "wrong count of missing values");
}

static qx_err open_levels(struct image img, const struct image_entry *e, uint32_t i, struct qx_column *c,
                          struct qx_error *err)
{
    if (!section_ok(img, e->levels_at, e->n_levels, sizeof(uint64_t)))
        return damaged(err, i, "levels are out of bounds");
    const uint64_t *at = (const uint64_t *)(const void *)(img.data + e->levels_at);
    const char **levels = qx_calloc(e->n_levels, sizeof *levels);
    if (!levels)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for %u levels", e->n_levels);
    c->levels = levels;
    c->n_levels = e->n_levels;
    for (uint32_t j = 0; j < e->n_levels; j++) {
        levels[j] = text_at(img, at[j]);
        if (!levels[j])
            return damaged(err, i, "a level is not text");
    }
    return QX_ERR_OK;
}

static qx_err open_text(struct image img, const struct image_entry *e, uint64_t n_rows, uint32_t i,
                        struct qx_column *c, struct qx_error *err)
{
    if (!section_ok(img, e->values_at, n_rows, sizeof(uint32_t)))
        return damaged(err, i, "codes are out of bounds");
    c->code = (const uint32_t *)(const void *)(img.data + e->values_at);
    uint64_t n_missing = 0;
    for (uint64_t row = 0; row < n_rows; row++) {
        if (c->code[row] == TABLE_CODE_MISSING)
            n_missing++;
        else if (c->code[row] >= e->n_levels)
            return damaged(err, i, "a code without a level");
    }
    if (n_missing != e->n_missing)
        return damaged(err, i, "wrong count of missing values");
    return open_levels(img, e, i, c, err);
}

static qx_err open_column(struct image img, const struct image_entry *e, uint64_t n_rows, uint32_t i,
                          struct qx_column *c, struct qx_error *err)
{
    c->name = text_at(img, e->name_at);
    if (!c->name || !c->name[0])
        return damaged(err, i, "it has no name");
    c->n_missing = e->n_missing;
    if (e->type == QX_COLUMN_REAL) {
        c->type = QX_COLUMN_REAL;
        return open_real(img, e, n_rows, i, c, err);
    }
    if (e->type == QX_COLUMN_TEXT) {
        c->type = QX_COLUMN_TEXT;
        return open_text(img, e, n_rows, i, c, err);
    }
    return damaged(err, i, "unknown type");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static qx_err check_distinct(const struct qx_table *t, struct qx_error *err)
{
    const char **names = qx_calloc(t->n_columns, sizeof *names);
    if (!names)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for %u columns", t->n_columns);
    for (uint32_t i = 0; i < t->n_columns; i++)
        names[i] = t->columns[i].name;
    qsort(names, t->n_columns, sizeof *names, by_name);
    qx_err e = QX_ERR_OK;
    for (uint32_t i = 1; i < t->n_columns && e == QX_ERR_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            e = qx_fail(err, QX_ERR_PROTO, "damaged table: two columns of one name");
    qx_free(names);
    return e;
}

static qx_err open_columns(struct image img, struct qx_table *t, struct qx_error *err)
{
    const struct image_entry *entries = (const void *)(img.data + sizeof(struct table_header));
    for (uint32_t i = 0; i < t->n_columns; i++) {
        qx_err e = open_column(img, &entries[i], t->n_rows, i, &t->columns[i], err);
        if (e != QX_ERR_OK)
            return e;
    }
    return check_distinct(t, err);
}

qx_err table_open(const void *image, size_t len, struct qx_table **ret, struct qx_error *err)
{
    struct image img = {image, len};
    struct table_header h;
    if (len < sizeof h || (uintptr_t)image % 8 != 0)
        return qx_fail(err, QX_ERR_PROTO, "damaged table: no header");
    memcpy(&h, image, sizeof h);
    if (memcmp(h.magic, TABLE_MAGIC, sizeof h.magic) != 0 || h.zero != 0)
        return qx_fail(err, QX_ERR_PROTO, "not a table: wrong header");
    if (h.n_columns == 0 || h.n_columns > TABLE_COLUMNS_MAX || h.n_rows == 0 ||
        !section_ok(img, sizeof h, h.n_columns, sizeof(struct image_entry)))
        return qx_fail(err, QX_ERR_PROTO, "damaged table: %u columns in %zu bytes", h.n_columns, len);
    struct qx_table *t = qx_calloc(1, sizeof *t);
    struct qx_column *columns = t ? qx_calloc(h.n_columns, sizeof *columns) : NULL;
    if (!columns) {
        qx_free(t);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a table of %u columns", h.n_columns);
    }
    *t = (struct qx_table){h.n_rows, h.n_columns, columns};
    qx_err e = open_columns(img, t, err);
    if (e != QX_ERR_OK) {
        table_close(t);
        return e;
    }
    *ret = t;
    return QX_ERR_OK;
}

void table_close(struct qx_table *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->n_columns; i++)
        qx_free((void *)(uintptr_t)t->columns[i].levels);
    qx_free(t->columns);
    qx_free(t);
}

uint64_t table_rows(const struct qx_table *t)
{
    return t->n_rows;
}

uint32_t table_columns(const struct qx_table *t)
{
    return t->n_columns;
}

const struct qx_column *table_column(const struct qx_table *t, uint32_t i)
{
    return i < t->n_columns ? &t->columns[i] : NULL;
}
