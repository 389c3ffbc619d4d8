/* How texts and tables fit a terminal: columns that a text takes, wrapping, tables folded into blocks. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/writer.h"

enum { GAP = 2, LAST_LEAST = 16, COLUMN_LEAST = 6, CUT_BYTES = 512 };

/* ---- texts ---- */

struct code_range {
    uint32_t from, to;
};

static bool in_ranges(uint32_t c, const struct code_range *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= r[i].from && c <= r[i].to)
            return true;
    return false;
}

/* Columns of one character, after Unicode's EastAsianWidth: combining marks take none, CJK and emoji two. */
static size_t code_width(uint32_t c)
{
    static const struct code_range none[] = {{0x300, 0x36F},   {0x200B, 0x200F}, {0x20D0, 0x20FF},
                                             {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}},
                                   wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                                             {0xA960, 0xA97C},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
                                             {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},   {0xFFE0, 0xFFE6},
                                             {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF},
                                             {0x20000, 0x3FFFD}};
    if (c < 0x300)
        return 1;
    if (in_ranges(c, none, sizeof none / sizeof *none))
        return 0;
    return in_ranges(c, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}

/* The character at s, and how many bytes it has; what is no UTF-8 counts byte by byte. */
static uint32_t code_at(const char *s, size_t *ret_len)
{
    unsigned char lead = (unsigned char)*s;
    size_t len = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    uint32_t c = len == 1 ? lead : lead & (0x7Fu >> len);
    *ret_len = 1;
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)s[i] & 0xC0) != 0x80)
            return lead;
        c = c << 6 | ((unsigned char)s[i] & 0x3F);
    }
    *ret_len = len;
    return c;
}

size_t text_fits(const char *s, size_t width)
{
    size_t at = 0, len;
    for (size_t used = 0; s[at]; at += len) {
        used += code_width(code_at(s + at, &len));
        if (used > width)
            break;
    }
    return at;
}

size_t text_width(const char *s)
{
    size_t n = 0, len;
    for (; *s; s += len)
        n += code_width(code_at(s, &len));
    return n;
}

size_t text_wrap(FILE *out, const struct style *style, size_t at, size_t indent, const char *text)
{
    size_t blanks = 0;
    for (const char *word = text; *word; word += blanks) {
        size_t n = strcspn(word, " "), width = 0, len;
        for (size_t i = 0; i < n; i += len)
            width += code_width(code_at(word + i, &len));
        if (style->width && word != text && at + blanks + width > style->width) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else {
            (void)fprintf(out, "%*s", (int)blanks, "");
            at += blanks;
        }
        (void)fwrite(word, 1, n, out);
        at += width;
        word += n;
        blanks = strspn(word, " ");
    }
    return at;
}

/* ---- grids of texts ---- */

bool grid_init(struct grid *g, size_t n_rows, size_t n_columns)
{
    *g = (struct grid){.n_rows = n_rows, .n_columns = n_columns};
    g->cells = calloc(n_rows * n_columns + 1, sizeof *g->cells);
    g->right = calloc(n_columns + 1, sizeof *g->right);
    return g->cells && g->right;
}

void grid_set(struct grid *g, size_t row, size_t column, const char *text)
{
    char **cell = &g->cells[row * g->n_columns + column];
    free(*cell);
    *cell = strdup(text);
}

const char *grid_text(const struct grid *g, size_t row, size_t column)
{
    const char *text = g->cells[row * g->n_columns + column];
    return text ? text : "";
}

void grid_drop(struct grid *g, size_t column)
{
    size_t to = 0;
    for (size_t i = 0; i < g->n_rows * g->n_columns; i++) {
        if (i % g->n_columns == column)
            free(g->cells[i]);
        else
            g->cells[to++] = g->cells[i];
    }
    memmove(&g->right[column], &g->right[column + 1], (g->n_columns - column - 1) * sizeof *g->right);
    while (to < g->n_rows * g->n_columns)
        g->cells[to++] = NULL;
    g->n_columns--;
}

void grid_fini(struct grid *g)
{
    for (size_t i = 0; g->cells && i < g->n_rows * g->n_columns; i++)
        free(g->cells[i]);
    free(g->cells);
    free(g->right);
}

static size_t column_width(const struct grid *g, size_t column)
{
    size_t width = 0;
    for (size_t r = 0; r < g->n_rows; r++) {
        size_t w = text_width(grid_text(g, r, column));
        width = w > width ? w : width;
    }
    return width;
}

/* A table being printed. width: of a line without the indent, 0 for any. */
struct layout {
    const struct grid *g;
    const char *indent;
    size_t *widths, width, n_keys;
};

static size_t span(const struct layout *l, size_t from, size_t to)
{
    size_t sum = 0;
    for (size_t c = from; c < to; c++)
        sum += l->widths[c] + GAP;
    return sum;
}

/* A text cut in its middle, which tells more apart than its beginning: "lm(y~x1+\u2026+x9)". */
static void cut_text(const char *text, size_t room, char *ret)
{
    size_t tail = (room - 1) / 3, head = room - 1 - tail, width = text_width(text);
    size_t from = text_fits(text, width - tail);
    if (text_width(text + from) > tail) /* a wide character straddles the cut */
        from += text_fits(text + from, 2);
    (void)snprintf(ret, CUT_BYTES, "%.*s\u2026%s", (int)text_fits(text, head), text, text + from);
}

/* at: where the cell begins. The last one of a line leaves no blanks, and is wrapped if it is text. */
static void print_cell(FILE *out, const struct style *style, const struct layout *l, size_t row,
                       size_t column, size_t at, bool last)
{
    const char *text = grid_text(l->g, row, column);
    size_t room = l->widths[column], width = text_width(text);
    if (last && l->width && !l->g->right[column]) {
        (void)text_wrap(out, style, at, at, text);
        return;
    }
    char cut[CUT_BYTES];
    if (width > room) {
        cut_text(text, room, cut);
        text = cut;
        width = text_width(cut);
    }
    int pad = width < room ? (int)(room - width) : 0;
    size_t end = strlen(text);
    while (last && end && text[end - 1] == ' ') /* after a number that stands by its point */
        end--;
    if (l->g->right[column])
        (void)fprintf(out, "%*s%.*s%s", pad, "", (int)end, text, last ? "" : "  ");
    else
        (void)fprintf(out, "%s%*s%s", text, last ? 0 : pad, "", last ? "" : "  ");
}

/* The key columns and those of [from, to), all rows. */
static void print_block(FILE *out, const struct style *style, const struct layout *l, size_t from, size_t to)
{
    for (size_t r = 0; r < l->g->n_rows; r++) {
        size_t at = strlen(l->indent);
        (void)fprintf(out, "%s%s", l->indent, r ? "" : style->dim);
        for (size_t c = 0; c < l->n_keys && from > 0; at += l->widths[c++] + GAP)
            print_cell(out, style, l, r, c, at, false);
        for (size_t c = from; c < to; at += l->widths[c++] + GAP)
            print_cell(out, style, l, r, c, at, c + 1 == to);
        (void)fprintf(out, "%s\n", r ? "" : style->plain);
    }
}

/* No column may be wider than what a line has for it. */
static void limit_widths(struct layout *l)
{
    size_t keys = span(l, 0, l->n_keys), most = l->width / 2;
    for (size_t c = 0; c < l->n_keys && keys > most; c++) {
        size_t share = most / l->n_keys > COLUMN_LEAST + GAP ? most / l->n_keys - GAP : COLUMN_LEAST;
        l->widths[c] = l->widths[c] > share ? share : l->widths[c];
    }
    keys = span(l, 0, l->n_keys);
    size_t room = l->width > keys + COLUMN_LEAST ? l->width - keys : COLUMN_LEAST;
    for (size_t c = l->n_keys; c < l->g->n_columns; c++)
        l->widths[c] = l->widths[c] > room ? room : l->widths[c];
}

/* Blocks of columns that a line takes, each with the key columns before it. */
static void print_folded(FILE *out, const struct style *style, struct layout *l)
{
    limit_widths(l);
    for (size_t from = 0, to; from < l->g->n_columns; from = to) {
        size_t used = from ? span(l, 0, l->n_keys) : 0;
        for (to = from; to < l->g->n_columns; to++) {
            bool key = to < l->n_keys;
            if (to > from && !key && used + l->widths[to] > l->width)
                break;
            used += l->widths[to] + GAP;
        }
        (void)fputs(from ? "\n" : "", out);
        print_block(out, style, l, from, to);
    }
}

void grid_print(FILE *out, const struct style *style, const char *indent, const struct grid *g)
{
    size_t n = g->n_columns, shift = strlen(indent);
    struct layout l = {.g = g, .indent = indent, .widths = calloc(n + 1, sizeof *l.widths)};
    if (!l.widths || !n)
        goto out;
    for (size_t c = 0; c < n; c++)
        l.widths[c] = column_width(g, c);
    l.width = style->width > shift + LAST_LEAST ? style->width - shift : style->width ? LAST_LEAST : 0;
    l.n_keys = g->n_keys && g->n_keys < n ? g->n_keys : n > 1 ? 1 : 0;
    size_t total = span(&l, 0, n) - GAP, before = span(&l, 0, n - 1);
    bool wraps = !g->right[n - 1] && before + LAST_LEAST <= l.width;
    if (l.width && total > l.width && !wraps)
        print_folded(out, style, &l);
    else
        print_block(out, style, &l, 0, n);
out:
    free(l.widths);
}
