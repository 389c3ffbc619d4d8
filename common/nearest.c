/* Optimal string alignment: Damerau-Levenshtein where no part is edited twice. */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/decl.h"

enum { COMPARED_BYTES_MAX = 128, EDITS_MAX = 4 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned edits(const char *a, size_t len_a, const char *b, size_t len_b)
{
    unsigned rows[3][COMPARED_BYTES_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= len_b; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= len_a; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= len_b; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        unsigned *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[len_b];
}

const char *nearest_name(const char *name, const char *const *candidates, size_t n)
{
    size_t len = strlen(name);
    if (len > COMPARED_BYTES_MAX)
        return NULL;
    unsigned limit = least((unsigned)(len / 3), EDITS_MAX);
    if (limit == 0)
        limit = 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t len_i = strlen(candidates[i]);
        if (len_i > COMPARED_BYTES_MAX)
            continue;
        if (strcasecmp(name, candidates[i]) == 0)
            return candidates[i];
        unsigned d = edits(name, len, candidates[i], len_i);
        if (d <= limit) {
            nearest = candidates[i];
            limit = d - 1; /* the first of equals wins */
        }
    }
    return nearest;
}
