/* CSV by libcsv, in its strict mode; it cannot be stopped from a callback, so it is fed in pieces. Columns are of numbers
 * until a cell says otherwise. One that has held no number yet becomes text where it stands; one that has is collected
 * again, with all others of its kind, in a second pass over the text. */
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

/* Every whole number below is a double, and what rounds to one below is one. */
#define EXACT_WHOLE_MAX 0x1p53

struct load {
    const char *name, *csv;
    size_t begin, end; /* of the rows in csv: behind a BOM */
    char separator;
    struct build_column *columns;
    size_t cap;
    uint32_t n_columns, column; /* `column` of the current row comes next */
    uint64_t row;               /* the current one; the header is row 1 */
    bool second_pass;           /* collects the columns marked `again`, and nothing else */
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
static bool is_nan_or_inf(const char *text)
{
    static const char *const words[] = {"nan", "inf", "infinity"};
    text += *text == '-' || *text == '+';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
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

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), n = strlen(suffix);
    return len >= n && strcasecmp(name + len - n, suffix) == 0;
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

/* Tab or comma: by the name, else by what the first row has outside of quotes; comma if it has both. */
static char find_separator(const char *name, const char *text, size_t len)
{
    bool quoted = false, tab = false, any = false;
    if (ends_with(name, ".tsv") || ends_with(name, ".tab"))
        return '\t';
    for (size_t i = 0; i < len && (quoted || !any || !is_break(text[i])); i++) {
        if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && text[i] == ',')
            return ',';
        tab = tab || (!quoted && text[i] == '\t');
        any = any || !is_break(text[i]);
    }
    return tab ? '\t' : ',';
}

static bool starts_quoted(const struct load *l)
{
    size_t at = l->begin;
    while (at < l->end && (l->csv[at] == ' ' || l->csv[at] == '\t' || is_break(l->csv[at])))
        at++;
    return at < l->end && l->csv[at] == '"';
}

/* Other tools' separators, seen in a header of one cell without quotes; NULL: none. */
static const char *other_separator(const struct load *l)
{
    if (l->n_columns != 1 || starts_quoted(l))
        return NULL;
    if (strchr(l->columns[0].name, ';'))
        return "';' (from R: write.csv, not write.csv2)";
    return l->separator == '\t' && strchr(l->columns[0].name, ',') ? "commas, but the name says tabs" : NULL;
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
        qx_grow(&l->checks, &l->cap_checks, (size_t)l->n_columns + 1, sizeof *l->checks) != 0) {
        load_nomem(l, QX_ERR_NOMEM);
        return;
    }
    char *name = qx_strdup(text);
    if (!name) {
        load_nomem(l, QX_ERR_NOMEM);
        return;
    }
    l->checks[l->n_columns] = (struct check){0};
    l->columns[l->n_columns++] = (struct build_column){.name = name, .type = QX_COLUMN_REAL};
}

/* The first cell that is no number, or would not be the same as one. */
static qx_err turn_to_text(struct load *l, struct build_column *c, const char *text, size_t len)
{
    size_t n_missing = c->n_missing;
    bool again = c->n > n_missing;
    l->checks[l->column].again = again;
    l->any_again |= again;
    build_restart_as_text(c);
    qx_err e = QX_ERR_OK;
    for (size_t i = 0; i < n_missing && e == QX_ERR_OK && !again; i++)
        e = build_missing(c);
    return e == QX_ERR_OK && !again ? build_text(c, text, len) : e;
}

static qx_err number_cell(struct load *l, struct build_column *c, const char *text, size_t len)
{
    double v;
    if (is_missing(text, len))
        return build_missing(c);
    bool is_number = number_parse(text, len, &v);
    if (is_number ? loses_digits(text, len, v) : !is_nan_or_inf(text))
        return turn_to_text(l, c, text, len);
    if (is_number && isfinite(v))
        return build_real(c, v);
    struct check *w = &l->checks[l->column];
    if (w->row == 0) {
        w->row = l->row;
        (void)snprintf(w->text, sizeof w->text, "%s", text);
    }
    return build_real(c, 0);
}

static void data_cell(struct load *l, const char *text, size_t len)
{
    struct build_column *c = &l->columns[l->column];
    qx_err e = QX_ERR_OK;
    if (c->type == QX_COLUMN_REAL)
        e = l->second_pass ? QX_ERR_OK : number_cell(l, c, text, len);
    else if (l->second_pass == l->checks[l->column].again)
        e = is_missing(text, len) ? build_missing(c) : build_text(c, text, len);
    load_nomem(l, e);
}

/* libcsv: one cell, which ends with NUL. */
static void on_cell(void *text, size_t len, void *arg)
{
    struct load *l = arg;
    if (l->failed != QX_ERR_OK)
        return;
    if (l->row > 1 && l->column < l->n_columns)
        data_cell(l, text, len);
    else if (l->row == 1 && !l->second_pass)
        header_cell(l, text, len);
    l->column++;
}

/* libcsv: the row is complete. */
static void on_row(int end, void *arg)
{
    (void)end;
    struct load *l = arg;
    if (l->failed != QX_ERR_OK)
        return;
    const char *other = l->row == 1 ? other_separator(l) : NULL;
    if (other)
        load_fail(l, QX_ERR_INVALID,
                  "row 1 is separated by %s: the cells must be separated by commas or tabs", other);
    else if (l->row > 1 && l->column != l->n_columns)
        load_fail(l, QX_ERR_INVALID, "row %" PRIu64 " has %u cells, the header has %u", l->row, l->column,
                  l->n_columns);
    l->row++;
    l->column = 0;
}

static void parse_piece(struct load *l, struct csv_parser *p, size_t at, size_t len)
{
    size_t done = csv_parse(p, l->csv + at, len, on_cell, on_row, l);
    if (l->failed != QX_ERR_OK || done == len)
        return;
    if (csv_error(p) == CSV_EPARSE)
        load_fail(l, QX_ERR_INVALID,
                  "row %" PRIu64 ", column %u: misplaced quote at byte %zu (a quote inside a "
                  "quoted cell is doubled)",
                  l->row, l->column + 1, at + done + 1);
    else
        load_nomem(l, QX_ERR_NOMEM);
}

static void parse_end(struct load *l, struct csv_parser *p)
{
    if (csv_fini(p, on_cell, on_row, l) != 0 && l->failed == QX_ERR_OK)
        load_fail(l, QX_ERR_INVALID, "row %" PRIu64 ", column %u: the quoted cell does not end", l->row,
                  l->column + 1);
}

static qx_err load_pass(struct load *l, bool second)
{
    struct csv_parser p;
    QX_BUG_ON(csv_init(&p, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0); /* allocates nothing */
    csv_set_delim(&p, (unsigned char)l->separator);
    csv_set_blk_size(&p, PIECE_BYTES); /* by which its buffer of one cell grows */
    csv_set_realloc_func(&p, qx_realloc);
    csv_set_free_func(&p, qx_free);
    l->second_pass = second;
    l->row = 1;
    l->column = 0;
    for (size_t at = l->begin; at < l->end && l->failed == QX_ERR_OK; at += PIECE_BYTES)
        parse_piece(l, &p, at, l->end - at < PIECE_BYTES ? l->end - at : PIECE_BYTES);
    if (l->failed == QX_ERR_OK)
        parse_end(l, &p);
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
        if (l->columns[i].type == QX_COLUMN_REAL && l->checks[i].row != 0) {
            load_fail(l, QX_ERR_INVALID,
                      "row %" PRIu64 ", column '%.60s': %s is not a finite number (leave the cell empty "
                      "where the value is missing)",
                      l->checks[i].row, l->columns[i].name, l->checks[i].text);
            return l->failed;
        }
    return QX_ERR_OK;
}

static qx_err load_columns(struct load *l)
{
    qx_err e = load_pass(l, false);
    if (e != QX_ERR_OK)
        return e;
    uint64_t n_rows = l->row - 1; /* with the header */
    if (l->n_columns == 0)
        load_fail(l, QX_ERR_INVALID, "it holds no header and no data");
    else if (n_rows < 2)
        load_fail(l, QX_ERR_INVALID, "there is a header but no row of data");
    if (l->failed != QX_ERR_OK || check_header(l) != QX_ERR_OK || check_numbers(l) != QX_ERR_OK)
        return l->failed;
    return l->any_again ? load_pass(l, true) : QX_ERR_OK;
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
    size_t bom = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    struct load l = {.name = name, .csv = text, .begin = bom, .end = len, .err = err};
    l.separator = find_separator(name, text + bom, len - bom);
    struct qx_bytes image = {0};
    e = load_columns(&l);
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
