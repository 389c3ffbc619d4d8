#include "client/cli/keep.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/writer.h"
#include "common/error.h"
#include "common/shortest.h"

struct run { /* consecutive rows of one cell, lying together in the file */
    uint32_t cell, round;
    uint64_t first_item, n_items;
    off_t at, end;
};

struct keep {
    char *path, *part;
    FILE *f;
    bool grid;
    char **columns;
    uint32_t n_columns;
    struct run *runs;
    size_t n_runs, cap_runs;
    off_t body; /* where the rows begin */
    bool holes; /* rows of rounds that others followed lie in the file */
};

static qx_err file_error(const struct keep *k, struct qx_error *err)
{
    return qx_fail(err, QX_ERR_INVALID, "--keep: writing %s: %s", k->part, strerror(errno));
}

qx_err keep_open(const char *path, bool grid, struct keep **ret, struct qx_error *err)
{
    struct keep *k = calloc(1, sizeof *k);
    if (!k || !(k->path = strdup(path)) || asprintf(&k->part, "%s.part", path) < 0) {
        keep_free(k);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    }
    k->grid = grid;
    k->f = fopen(k->part, "w+e");
    if (!k->f) {
        qx_err e = qx_fail(err, QX_ERR_INVALID, "--keep: cannot write %s: %s", k->part, strerror(errno));
        keep_free(k);
        return e;
    }
    *ret = k;
    return QX_ERR_OK;
}

void keep_free(struct keep *k)
{
    if (!k)
        return;
    if (k->f)
        (void)fclose(k->f);
    for (uint32_t i = 0; i < k->n_columns; i++)
        free(k->columns[i]);
    free(k->columns);
    free(k->runs);
    free(k->part);
    free(k->path);
    free(k);
}

static void write_name(FILE *f, const char *name)
{
    bool quote = strpbrk(name, ",\"\r\n") != NULL;
    if (quote)
        (void)fputc('"', f);
    for (; *name; name++) {
        if (*name == '"')
            (void)fputc('"', f);
        (void)fputc(*name, f);
    }
    if (quote)
        (void)fputc('"', f);
}

static qx_err write_header(struct keep *k, const struct qx_rows *r, struct qx_error *err)
{
    (void)fputs(k->grid ? "cell,item" : "item", k->f);
    k->columns = calloc((size_t)r->n_columns + 1, sizeof *k->columns);
    for (uint32_t i = 0; k->columns && i < r->n_columns; i++, k->n_columns++) {
        if (!(k->columns[i] = strdup(r->columns[i])))
            return qx_fail(err, QX_ERR_NOMEM, "out of memory");
        (void)fputc(',', k->f);
        write_name(k->f, r->columns[i]);
    }
    (void)fputc('\n', k->f);
    k->body = ftello(k->f);
    return k->columns && k->body >= 0 ? QX_ERR_OK : file_error(k, err);
}

/* All cells must have the same columns to stand in one file. */
static qx_err check_columns(const struct keep *k, const struct qx_rows *r, struct qx_error *err)
{
    bool same = r->n_columns == k->n_columns;
    for (uint32_t i = 0; same && i < k->n_columns; i++)
        same = !strcmp(k->columns[i], r->columns[i]);
    return same ? QX_ERR_OK
                : qx_fail(
                      err, QX_ERR_INVALID,
                      "--keep: cell %u has other outputs than the cells before it; keep one cell at a time",
                      r->cell);
}

static void write_number(FILE *f, double v)
{
    char text[NUMBER_BYTES];
    if (v == floor(v) && fabs(v) < 1e15)
        (void)fprintf(f, "%.0f", v);
    else {
        shortest_double(v, text);
        (void)fputs(text, f);
    }
}

static void write_row(struct keep *k, const struct qx_rows *r, uint32_t i)
{
    if (k->grid)
        (void)fprintf(k->f, "%u,", r->cell);
    (void)fprintf(k->f, "%" PRIu64, r->first_item + i);
    for (uint32_t c = 0; c < r->n_columns; c++) {
        (void)fputc(',', k->f);
        if (!r->outcomes[i])
            write_number(k->f, r->values[(size_t)i * r->n_columns + c]);
    }
    (void)fputc('\n', k->f);
}

static qx_err record_run(struct keep *k, const struct qx_rows *r, off_t at, off_t end, struct qx_error *err)
{
    struct run *last = k->n_runs ? &k->runs[k->n_runs - 1] : NULL;
    if (last && last->cell == r->cell && last->round == r->round &&
        last->first_item + last->n_items == r->first_item) {
        last->n_items += r->n_items;
        last->end = end;
        return QX_ERR_OK;
    }
    if (!k->runs || k->n_runs == k->cap_runs) {
        size_t cap = k->cap_runs ? 2 * k->cap_runs : 64;
        struct run *grown = realloc(k->runs, cap * sizeof *grown);
        if (!grown)
            return qx_fail(err, QX_ERR_NOMEM, "out of memory");
        k->runs = grown;
        k->cap_runs = cap;
    }
    k->runs[k->n_runs++] = (struct run){r->cell, r->round, r->first_item, r->n_items, at, end};
    return QX_ERR_OK;
}

/* Rows of a cell are those of its last round: what it gave in those before is dropped. */
static void drop_rounds(struct keep *k, const struct qx_rows *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < k->n_runs; i++)
        if (k->runs[i].cell != r->cell || k->runs[i].round == r->round)
            k->runs[kept++] = k->runs[i];
    k->holes |= kept < k->n_runs;
    k->n_runs = kept;
}

qx_err keep_rows(struct keep *k, const struct qx_rows *r, struct qx_error *err)
{
    qx_err e = k->columns ? check_columns(k, r, err) : write_header(k, r, err);
    if (e != QX_ERR_OK)
        return e;
    if (r->round > 1 && !r->first_item)
        drop_rounds(k, r);
    off_t at = ftello(k->f);
    for (uint32_t i = 0; i < r->n_items; i++)
        write_row(k, r, i);
    off_t end = ftello(k->f);
    if (at < 0 || end < 0 || ferror(k->f))
        return file_error(k, err);
    return record_run(k, r, at, end, err);
}

static int by_cell(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->cell != y->cell)
        return x->cell < y->cell ? -1 : 1;
    return x->first_item < y->first_item ? -1 : x->first_item > y->first_item;
}

/* The rows of every cell are exactly those its answer rests on. */
static qx_err check_whole(const struct keep *k, const struct qx_result *r, struct qx_error *err)
{
    size_t at = 0;
    for (uint32_t c = 0; c < r->n_cells; c++) {
        uint64_t next = 0;
        for (; at < k->n_runs && k->runs[at].cell == c && k->runs[at].first_item == next; at++)
            next += k->runs[at].n_items;
        if (next != r->cells[c].n_items)
            return qx_fail(err, QX_ERR_PROTO,
                           "--keep: cell %u has rows of %llu items where its answer rests on %llu", c,
                           (unsigned long long)next, (unsigned long long)r->cells[c].n_items);
    }
    return QX_ERR_OK;
}

static qx_err copy_bytes(FILE *from, FILE *to, off_t at, off_t end)
{
    char buf[1 << 16];
    if (fseeko(from, at, SEEK_SET))
        return QX_ERR_IO;
    for (off_t left = end - at; left > 0;) {
        size_t want = left < (off_t)sizeof buf ? (size_t)left : sizeof buf;
        if (fread(buf, 1, want, from) != want || fwrite(buf, 1, want, to) != want)
            return QX_ERR_IO;
        left -= (off_t)want;
    }
    return QX_ERR_OK;
}

/* Writes the file anew with its runs in order. */
static qx_err reorder(struct keep *k, struct qx_error *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s.sorted", k->part) < 0)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    FILE *to = fopen(path, "w+e");
    qx_err e = to ? copy_bytes(k->f, to, 0, k->body) : QX_ERR_IO;
    for (size_t i = 0; e == QX_ERR_OK && i < k->n_runs; i++)
        e = copy_bytes(k->f, to, k->runs[i].at, k->runs[i].end);
    if (e == QX_ERR_OK && (fflush(to) || rename(path, k->part)))
        e = QX_ERR_IO;
    if (e == QX_ERR_OK) {
        (void)fclose(k->f);
        k->f = to;
    } else {
        e = file_error(k, err);
        if (to)
            (void)fclose(to);
        (void)unlink(path);
    }
    free(path);
    return e;
}

qx_err keep_finish(struct keep *k, const struct qx_result *r, struct qx_error *err)
{
    if (!k->columns)
        (void)fputs(k->grid ? "cell,item\n" : "item\n", k->f);
    bool sorted = true;
    for (size_t i = 1; i < k->n_runs; i++)
        sorted &= by_cell(&k->runs[i - 1], &k->runs[i]) < 0;
    qsort(k->runs, k->n_runs, sizeof *k->runs, by_cell);
    qx_err e = check_whole(k, r, err);
    if (e == QX_ERR_OK && (!sorted || k->holes))
        e = reorder(k, err);
    if (e != QX_ERR_OK)
        return e;
    if (fflush(k->f) || rename(k->part, k->path))
        return file_error(k, err);
    return QX_ERR_OK;
}

const char *keep_part(struct keep *k, uint64_t *ret_rows)
{
    struct qx_error ignored;
    *ret_rows = 0;
    if (k->holes)
        (void)reorder(k, &ignored);
    for (size_t i = 0; i < k->n_runs; i++)
        *ret_rows += k->runs[i].n_items;
    if (fflush(k->f) || !*ret_rows)
        (void)unlink(k->part);
    return k->part;
}
