/* Columns are of numbers until a cell says otherwise. One that has held no number yet becomes text where it stands; one
 * that has is collected again, with all others of its kind, in a second pass over the text. */
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
#include "common/table_cells.h"
#include "common/utf8.h"

/* Every whole number below is a double, and what rounds to one below is one. */
#define EXACT_WHOLE_MAX 0x1p53

struct load {
    const char *name;
    struct build_column *columns;
    size_t cap;
    uint32_t n_columns, column; /* `column` of the current row comes next */
    uint64_t row;               /* the current one; the header is row 1 */
    char separator;
    bool second_pass; /* collects the columns marked `again`, and nothing else */
    struct check {
        bool again;   /* became text after numbers */
        uint64_t row; /* of the first cell that is no finite number but says it is one; 0: none */
        char text[24];
    } * checks; /* one a column */
    size_t cap_checks;
    bool any_again;
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
static bool is_nan_or_inf(const char *text, size_t len)
{
    static const char *const words[] = {"nan", "inf", "infinity"};
    size_t sign = len > 0 && (*text == '-' || *text == '+');
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (len - sign == strlen(words[i]) && strncasecmp(text + sign, words[i], len - sign) == 0)
            return true;
    return false;
}

/* Is this a whole number in plain digits that its double `v` has other digits than? */
static bool loses_digits(const char *text, size_t len, double v)
{
    char digits[400];
    if (fabs(v) < EXACT_WHOLE_MAX || !isfinite(v))
        return false;
    size_t from = *text == '-' || *text == '+';
    while (from < len && text[from] == '0')
        from++;
    for (size_t i = from; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    int n = snprintf(digits, sizeof digits, "%.0f", fabs(v));
    return (size_t)n != len - from || memcmp(digits, text + from, len - from) != 0;
}

/* Other tools' separators, seen in the only cell of a header; NULL: none. */
static const char *other_separator(const struct load *l, const char *text)
{
    if (strchr(text, ';'))
        return "';' (from R: write.csv, not write.csv2)";
    return l->separator == '\t' && strchr(text, ',') ? "commas, but the name says tabs" : NULL;
}

static char *copy_text(const struct cell *cell)
{
    char *to = qx_malloc(cell->len + 1);
    if (to) {
        memcpy(to, cell->text, cell->len);
        to[cell->len] = '\0';
    }
    return to;
}

static void header_cell(struct load *l, const struct cell *cell)
{
    double number;
    if (cell->len == 0) {
        load_fail(l, QX_ERR_INVALID, "no header: column %u of row 1 has no name%s", l->column + 1,
                  l->column == 0 ? " (from R: write.csv with row.names=FALSE)" : "");
        return;
    }
    if (number_parse(cell->text, cell->len, &number)) {
        load_fail(l, QX_ERR_INVALID,
                  "no header: column %u of row 1 is the number %.*s; the first row must name the columns",
                  l->column + 1, cell->len < 30 ? (int)cell->len : 30, cell->text);
        return;
    }
    if (l->n_columns == TABLE_COLUMNS_MAX) {
        load_fail(l, QX_ERR_LIMIT, "over %d columns", TABLE_COLUMNS_MAX);
        return;
    }
    if (qx_grow(&l->columns, &l->cap, (size_t)l->n_columns + 1, sizeof *l->columns) != 0 ||
        qx_grow(&l->checks, &l->cap_checks, (size_t)l->n_columns + 1, sizeof *l->checks) != 0) {
        load_nomem(l, QX_ERR_NOMEM);
        return;
    }
    char *name = copy_text(cell);
    if (!name) {
        load_nomem(l, QX_ERR_NOMEM);
        return;
    }
    const char *other =
        cell->ends_row && l->n_columns == 0 && !cell->quoted ? other_separator(l, name) : NULL;
    if (other)
        load_fail(l, QX_ERR_INVALID,
                  "row 1 is separated by %s: the cells must be separated by commas or tabs", other);
    l->checks[l->n_columns] = (struct check){0};
    l->columns[l->n_columns++] = (struct build_column){.name = name, .type = QX_COLUMN_REAL};
}

/* The first cell that is no number, or would not be the same as one. */
static qx_err turn_to_text(struct load *l, struct build_column *c, const struct cell *cell)
{
    size_t n_missing = c->n_missing;
    bool again = c->n > n_missing;
    l->checks[l->column].again = again;
    l->any_again |= again;
    build_restart_as_text(c);
    qx_err e = QX_ERR_OK;
    for (size_t i = 0; i < n_missing && e == QX_ERR_OK && !again; i++)
        e = build_missing(c);
    return e == QX_ERR_OK && !again ? build_text(c, cell->text, cell->len) : e;
}

static qx_err number_cell(struct load *l, struct build_column *c, const struct cell *cell)
{
    double v;
    if (is_missing(cell->text, cell->len))
        return build_missing(c);
    bool is_number = number_parse(cell->text, cell->len, &v);
    if (is_number ? loses_digits(cell->text, cell->len, v) : !is_nan_or_inf(cell->text, cell->len))
        return turn_to_text(l, c, cell);
    if (is_number && isfinite(v))
        return build_real(c, v);
    struct check *w = &l->checks[l->column];
    if (w->row == 0) {
        w->row = l->row;
        (void)snprintf(w->text, sizeof w->text, "%.*s", cell->len < sizeof w->text ? (int)cell->len : 23,
                       cell->text);
    }
    return build_real(c, 0);
}

static void data_cell(struct load *l, const struct cell *cell)
{
    struct build_column *c = &l->columns[l->column];
    qx_err e = QX_ERR_OK;
    if (c->type == QX_COLUMN_REAL)
        e = l->second_pass ? QX_ERR_OK : number_cell(l, c, cell);
    else if (l->second_pass == l->checks[l->column].again)
        e = is_missing(cell->text, cell->len) ? build_missing(c) : build_text(c, cell->text, cell->len);
    load_nomem(l, e);
}

static void take_cell(struct load *l, const struct cell *cell)
{
    if (l->row > 1 && l->column < l->n_columns)
        data_cell(l, cell);
    else if (l->row == 1 && !l->second_pass)
        header_cell(l, cell);
    l->column++;
    if (!cell->ends_row || l->failed != QX_ERR_OK)
        return;
    if (l->row > 1 && l->column != l->n_columns) {
        load_fail(l, QX_ERR_INVALID, "row %" PRIu64 " has %u cells, the header has %u", l->row, l->column,
                  l->n_columns);
        return;
    }
    l->row++;
    l->column = 0;
}

static void malformed(struct load *l, enum cells_state s, size_t offset)
{
    if (s == CELLS_BAD_QUOTE)
        load_fail(l, QX_ERR_INVALID,
                  "row %" PRIu64 ", column %u: misplaced quote at byte %zu (a quote inside a "
                  "quoted cell is doubled)",
                  l->row, l->column + 1, offset + 1);
    else if (s == CELLS_OPEN_QUOTE)
        load_fail(l, QX_ERR_INVALID, "row %" PRIu64 ", column %u: the quoted cell does not end", l->row,
                  l->column + 1);
    else if (s == CELLS_NOMEM)
        load_nomem(l, QX_ERR_NOMEM);
}

static qx_err load_pass(struct load *l, const char *csv, size_t len, bool second)
{
    struct cells cells;
    struct cell cell;
    enum cells_state s = CELLS_END;
    l->second_pass = second;
    l->row = 1;
    l->column = 0;
    cells_init(&cells, csv, len, l->separator);
    while (l->failed == QX_ERR_OK && (s = cells_next(&cells, &cell)) == CELLS_ONE)
        take_cell(l, &cell);
    if (l->failed == QX_ERR_OK)
        malformed(l, s, cells_offset(&cells));
    cells_fini(&cells);
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
        if (l->columns[i].type == QX_COLUMN_REAL && l->checks[i].row != 0) {
            load_fail(l, QX_ERR_INVALID,
                      "row %" PRIu64 ", column '%.60s': %s is not a finite number (leave the cell empty "
                      "where the value is missing)",
                      l->checks[i].row, l->columns[i].name, l->checks[i].text);
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
    return l->any_again ? load_pass(l, csv, len, true) : QX_ERR_OK;
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
    struct load l = {.name = name, .err = err, .separator = cells_separator(name, text, len)};
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
    qx_free(l.checks);
    return e;
}
