#include "shared/nearest.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 63 };

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Optimal string alignment distance; names longer than the table are never near. */
static size_t edits(const char *a, size_t na, const char *b, size_t nb)
{
    size_t d[3][NAME_MAX_BYTES + 1];
    if (na > NAME_MAX_BYTES || nb > NAME_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= nb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *row = d[i % 3];
        const size_t *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < row[j])
                row[j] = up2[j - 2] + 1;
        }
    }
    return d[na % 3][nb];
}

const char *nearest(const char *name, size_t len, const char *const *candidates, size_t n)
{
    size_t limit = len / 3;
    limit = limit < 1 ? 1 : limit > 4 ? 4 : limit;
    const char *best = NULL;
    size_t best_edits = limit + 1;
    for (size_t i = 0; i < n; i++) {
        size_t len_i = strlen(candidates[i]);
        if (len_i == len && strncasecmp(name, candidates[i], len) == 0)
            return candidates[i];
        size_t e = edits(name, len, candidates[i], len_i);
        if (e < best_edits) {
            best_edits = e;
            best = candidates[i];
        }
    }
    return best;
}
