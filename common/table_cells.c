#include "common/table_cells.h"

#include <string.h>
#include <strings.h>

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), n = strlen(suffix);
    return len >= n && strcasecmp(name + len - n, suffix) == 0;
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

char cells_separator(const char *name, const char *text, size_t len)
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

void cells_init(struct cells *c, const char *text, size_t len, char separator)
{
    *c = (struct cells){.start = text, .at = text, .end = text + len, .separator = separator};
    c->ends[(unsigned char)separator] = c->ends['\n'] = c->ends['\r'] = c->ends['"'] = true;
}

void cells_fini(struct cells *c)
{
    qx_bytes_fini(&c->scratch);
}

size_t cells_offset(const struct cells *c)
{
    return (size_t)(c->at - c->start);
}

static bool is_blank(const struct cells *c, char b)
{
    return b == ' ' || (b == '\t' && c->separator != '\t');
}

static void skip_blanks(struct cells *c)
{
    while (c->at < c->end && is_blank(c, *c->at))
        c->at++;
}

static void skip_empty_lines(struct cells *c)
{
    while (c->at < c->end && (is_break(*c->at) || is_blank(c, *c->at)))
        c->at++;
}

static enum cells_state to_scratch(struct cells *c, const char *from, size_t len)
{
    return qx_bytes_append(&c->scratch, from, len) == QX_ERR_OK ? CELLS_ONE : CELLS_NOMEM;
}

/* The cell is what was put together in scratch, with a NUL behind it. */
static enum cells_state from_scratch(struct cells *c, struct cell *ret)
{
    if (to_scratch(c, "", 1) != CELLS_ONE)
        return CELLS_NOMEM;
    ret->text = (const char *)c->scratch.data;
    ret->len = c->scratch.len - 1;
    return CELLS_ONE;
}

static enum cells_state plain_cell(struct cells *c, struct cell *ret)
{
    const char *from = c->at, *to = from;
    while (to < c->end && !c->ends[(unsigned char)*to])
        to++;
    c->at = to;
    if (to < c->end && *to == '"')
        return CELLS_BAD_QUOTE;
    while (to > from && is_blank(c, to[-1]))
        to--;
    ret->quoted = false;
    ret->text = from;
    ret->len = (size_t)(to - from);
    if (to < c->end)
        return CELLS_ONE;
    c->scratch.len = 0; /* nothing readable follows */
    return to_scratch(c, from, ret->len) == CELLS_ONE ? from_scratch(c, ret) : CELLS_NOMEM;
}

static enum cells_state quoted_cell(struct cells *c, struct cell *ret)
{
    const char *from = ++c->at;
    ret->quoted = true;
    c->scratch.len = 0;
    for (;;) {
        const char *to = from < c->end ? memchr(from, '"', (size_t)(c->end - from)) : NULL;
        if (!to)
            return CELLS_OPEN_QUOTE;
        bool doubled = to + 1 < c->end && to[1] == '"';
        ret->text = from;
        ret->len = (size_t)(to - from);
        c->at = to + 1;
        if (!doubled && c->scratch.len == 0)
            return CELLS_ONE; /* it stands in the text as it is */
        if (to_scratch(c, from, ret->len + doubled) != CELLS_ONE)
            return CELLS_NOMEM;
        if (!doubled)
            return from_scratch(c, ret);
        from = to + 2;
    }
}

enum cells_state cells_next(struct cells *c, struct cell *ret)
{
    if (!c->in_row) {
        skip_empty_lines(c);
        if (c->at == c->end)
            return CELLS_END;
    }
    skip_blanks(c);
    bool quoted = c->at < c->end && *c->at == '"';
    enum cells_state s = quoted ? quoted_cell(c, ret) : plain_cell(c, ret);
    if (s != CELLS_ONE)
        return s;
    skip_blanks(c);
    bool separated = c->at < c->end && *c->at == c->separator;
    if (!separated && c->at < c->end && !is_break(*c->at))
        return CELLS_BAD_QUOTE;
    c->at += c->at < c->end;
    c->in_row = separated;
    ret->ends_row = !separated;
    return CELLS_ONE;
}
