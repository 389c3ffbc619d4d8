/* CSV by libcsv, in its strict mode. A first pass fills the columns of numbers and learns which are text; only when some
 * are does a second pass collect those. libcsv cannot be stopped from a callback, so it is fed in pieces. */
#include <csv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/error.h"
#include "common/mem.h"
#include "common/number.h"
#include "common/table.h"
#include "common/table_build.h"
#include "common/utf8.h"

enum { PIECE_BYTES = 64 * 1024 };

struct load {
    const char *name;
    struct build_column *columns;
    size_t cap;
    uint32_t n_columns, column; /* `column` of the current row comes next */
    uint64_t row;               /* the current one; the header is row 1 */
    bool second_pass;
    struct wrong { /* the first cell of a column that is no finite number but says it is one */
        uint64_t row;
        char text[24];
    } * wrong;
    size_t cap_wrong;
    qx_err failed;
    struct qx_error *err;
};

__attribute__((format(printf, 3, 4))) static void load_fail(struct load *l, qx_err code, const char *fmt, ...)
{
    struct qx_error why;
    va_list ap;
    va_start(ap, fmt);
    (void)qx_vfail(&why, code, fmt, ap);
    va_end(ap);
    l->failed = qx_fail(l->err, code, "%.80s: %s", l->name, why.text);
}

static void load_nomem(struct load *l, qx_err e)
{
    if (e == QX_ERR_LIMIT)
        load_fail(l, e, "row %" PRIu64 ", column %u: more distinct texts than a column can hold", l->row,
                  l->column + 1);
    else if (e != QX_ERR_OK)
        load_fail(l, QX_ERR_NOMEM, "out of memory at row %" PRIu64, l->row);
}

static bool is_missing(const char *text, size_t len)
{
    return len == 0 || (len == 2 && text[0] == 'N' && text[1] == 'A');
}

/* Spellings of what is no finite number but claims to be one. */
static bool is_nan_or_inf(const char *text)
{
    static const char *const words[] = {"nan", "inf", "infinity"};
    text += *text == '-' || *text == '+';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Other tools' separators, seen in the only cell of a header; NULL: none. */
static const char *other_separator(const char *text)
{
    return strchr(text, ';') ? "';' (from R: write.csv, not write.csv2)" : strchr(text, '\t') ? "tabs" : NULL;
}

static void header_cell(struct load *l, const char *text, size_t len)
{
    double number;
    if (len == 0) {
        load_fail(l, QX_ERR_INVALID, "no header: column %u of row 1 has no name%s", l->column + 1,
                  l->column == 0 ? " (from R: write.csv with row.names=FALSE)" : "");
        return;
    }
    if (number_parse(text, len, &number)) {
        load_fail(l, QX_ERR_INVALID,
                  "no header: column %u of row 1 is the number %.30s; the first row must name the columns",
                  l->column + 1, text);
        return;
    }
    if (l->n_columns == TABLE_COLUMNS_MAX) {
        load_fail(l, QX_ERR_LIMIT, "over %d columns", TABLE_COLUMNS_MAX);
        return;
    }
    if (qx_grow(&l->columns, &l->cap, (size_t)l->n_columns + 1, sizeof *l->columns) != 0 ||
        qx_grow(&l->wrong, &l->cap_wrong, (size_t)l->n_columns + 1, sizeof *l->wrong) != 0) {
        load_nomem(l, QX_ERR_NOMEM);
        return;
    }
    char *name = qx_strdup(text);
    if (!name) {
        load_nomem(l, QX_ERR_NOMEM);
        return;
    }
    l->wrong[l->n_columns] = (struct wrong){0};
    l->columns[l->n_columns++] = (struct build_column){.name = name, .type = QX_COLUMN_REAL};
}

static qx_err number_cell(struct load *l, struct build_column *c, const char *text, size_t len)
{
    double v;
    if (is_missing(text, len))
        return build_missing(c);
    if (number_parse(text, len, &v) && isfinite(v))
        return build_real(c, v);
    if (!number_parse(text, len, &v) && !is_nan_or_inf(text)) {
        build_restart_as_text(c);
        return QX_ERR_OK;
    }
    struct wrong *w = &l->wrong[l->column];
    if (w->row == 0) {
        w->row = l->row;
        (void)snprintf(w->text, sizeof w->text, "%s", text);
    }
    return build_real(c, 0);
}

static void on_cell(void *data, size_t len, void *arg)
{
    struct load *l = arg;
    const char *text = data;
    if (l->failed != QX_ERR_OK)
        return;
    if (l->row == 1) {
        if (!l->second_pass)
            header_cell(l, text, len);
    } else if (l->column < l->n_columns) {
        struct build_column *c = &l->columns[l->column];
        qx_err e = QX_ERR_OK;
        if (c->type == QX_COLUMN_REAL)
            e = l->second_pass ? QX_ERR_OK : number_cell(l, c, text, len);
        else if (l->second_pass)
            e = is_missing(text, len) ? build_missing(c) : build_text(c, text, len);
        load_nomem(l, e);
    }
    l->column++;
}

static void on_row(int end, void *arg)
{
    (void)end;
    struct load *l = arg;
    if (l->failed != QX_ERR_OK)
        return;
    if (l->row == 1 && l->n_columns == 1 && other_separator(l->columns[0].name)) {
        load_fail(l, QX_ERR_INVALID, "row 1 is separated by %s: the cells must be separated by commas",
                  other_separator(l->columns[0].name));
        return;
    }
    if (l->row > 1 && l->column != l->n_columns) {
        load_fail(l, QX_ERR_INVALID, "row %" PRIu64 " has %u cells, the header has %u", l->row, l->column,
                  l->n_columns);
        return;
    }
    l->row++;
    l->column = 0;
}

static void parse_pieces(struct load *l, struct csv_parser *p, const char *csv, size_t len)
{
    for (size_t at = 0; at < len && l->failed == QX_ERR_OK;) {
        size_t piece = len - at < PIECE_BYTES ? len - at : PIECE_BYTES;
        size_t done = csv_parse(p, csv + at, piece, on_cell, on_row, l);
        if (l->failed == QX_ERR_OK && done != piece) {
            if (csv_error(p) == CSV_EPARSE)
                load_fail(l, QX_ERR_INVALID,
                          "row %" PRIu64 ", column %u: misplaced quote at byte %zu (a quote inside a "
                          "quoted cell is doubled)",
                          l->row, l->column + 1, at + done + 1);
            else
                load_nomem(l, QX_ERR_NOMEM);
        }
        at += piece;
    }
    if (l->failed == QX_ERR_OK && csv_fini(p, on_cell, on_row, l) != 0) {
        if (csv_error(p) == CSV_EPARSE)
            load_fail(l, QX_ERR_INVALID, "row %" PRIu64 ", column %u: the quoted cell does not end", l->row,
                      l->column + 1);
        else
            load_nomem(l, QX_ERR_NOMEM);
    }
}

static qx_err load_pass(struct load *l, const char *csv, size_t len, bool second)
{
    struct csv_parser p;
    if (csv_init(&p, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0) {
        load_nomem(l, QX_ERR_NOMEM);
        return l->failed;
    }
    csv_set_realloc_func(&p, qx_realloc);
    csv_set_free_func(&p, qx_free);
    l->second_pass = second;
    l->row = 1;
    l->column = 0;
    parse_pieces(l, &p, csv, len);
    csv_free(&p);
    return l->failed;
}

/* Quadratic in the number of columns, which is limited. */
static qx_err check_header(struct load *l)
{
    for (uint32_t i = 0; i < l->n_columns; i++)
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(l->columns[i].name, l->columns[j].name) == 0) {
                load_fail(l, QX_ERR_INVALID, "columns %u and %u of row 1 are both named '%.60s'", j + 1,
                          i + 1, l->columns[i].name);
                return l->failed;
            }
    return QX_ERR_OK;
}

static qx_err check_numbers(struct load *l)
{
    for (uint32_t i = 0; i < l->n_columns; i++)
        if (l->columns[i].type == QX_COLUMN_REAL && l->wrong[i].row != 0) {
            load_fail(l, QX_ERR_INVALID,
                      "row %" PRIu64 ", column '%.60s': %s is not a finite number (leave the cell empty "
                      "where the value is missing)",
                      l->wrong[i].row, l->columns[i].name, l->wrong[i].text);
            return l->failed;
        }
    return QX_ERR_OK;
}

static qx_err load_columns(struct load *l, const char *csv, size_t len)
{
    qx_err e = load_pass(l, csv, len, false);
    if (e != QX_ERR_OK)
        return e;
    uint64_t n_rows = l->row - 1; /* with the header */
    if (l->n_columns == 0)
        load_fail(l, QX_ERR_INVALID, "it holds no header and no data");
    else if (n_rows < 2)
        load_fail(l, QX_ERR_INVALID, "there is a header but no row of data");
    if (l->failed != QX_ERR_OK || check_header(l) != QX_ERR_OK || check_numbers(l) != QX_ERR_OK)
        return l->failed;
    for (uint32_t i = 0; i < l->n_columns; i++)
        if (l->columns[i].type == QX_COLUMN_TEXT)
            return load_pass(l, csv, len, true);
    return QX_ERR_OK;
}

static qx_err check_bytes(const char *name, const char *csv, size_t len, struct qx_error *err)
{
    const char *more = "";
    if (len == 0)
        return qx_fail(err, QX_ERR_INVALID, "%.80s: it is empty (0 bytes)", name);
    if (len > TABLE_CSV_BYTES_MAX)
        return qx_fail(err, QX_ERR_LIMIT, "%.80s: %zu bytes; the most is %" PRIu64, name, len,
                       TABLE_CSV_BYTES_MAX);
    if (len >= 2 && (memcmp(csv, "\xFF\xFE", 2) == 0 || memcmp(csv, "\xFE\xFF", 2) == 0))
        more = ": it looks like UTF-16";
    const char *nul = memchr(csv, 0, len);
    size_t bad = utf8_check(csv, nul ? (size_t)(nul - csv) : len);
    if (nul && bad == (size_t)(nul - csv))
        return qx_fail(err, QX_ERR_INVALID, "%.80s: byte %zu is a NUL: this is not text", name, bad + 1);
    if (bad < len)
        return qx_fail(err, QX_ERR_INVALID,
                       "%.80s: byte %zu is not UTF-8%s; convert the file, e.g. with iconv", name, bad + 1,
                       more);
    return QX_ERR_OK;
}

qx_err table_from_csv(const char *name, const void *csv, size_t len, struct qx_bytes *ret_image,
                      struct qx_error *err)
{
    const char *text = csv;
    qx_err e = check_bytes(name, text, len, err);
    if (e != QX_ERR_OK)
        return e;
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        len -= 3;
    }
    struct load l = {.name = name, .err = err};
    struct qx_bytes image = {0};
    e = load_columns(&l, text, len);
    if (e == QX_ERR_OK && (e = build_image(l.columns, l.n_columns, l.row - 2, &image)) != QX_ERR_OK)
        load_nomem(&l, e);
    if (e == QX_ERR_OK) {
        qx_bytes_fini(ret_image);
        *ret_image = image;
    }
    for (uint32_t i = 0; i < l.n_columns; i++)
        build_fini(&l.columns[i]);
    qx_free(l.columns);
    qx_free(l.wrong);
    return e;
}
