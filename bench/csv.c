/* What loading data costs: CSV of many rows to a columnar image and its hash, as `data=file.csv` does it.
 * 20 columns: an id, 16 of numbers (one of them missing in 3 % of the cells) of `digits` significant digits, texts of 5
 * and of 50 levels, dates. Prints one JSON object for each number of digits: of whoever rounds by hand, R and Python.
 * usage: csv [ROWS] */
#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/table.h"

enum { NUMBERS = 16 };

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double next_uniform(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(*state >> 11) + 0.5) * 0x1p-53;
}

static int put_row(char *to, size_t room, unsigned long row, int digits, uint64_t *rng)
{
    int n = snprintf(to, room, "%lu", row);
    for (int c = 0; c < NUMBERS; c++) {
        double v = exp(12 * next_uniform(rng) - 6);
        bool missing = c == 0 && next_uniform(rng) < 0.03;
        n += missing ? snprintf(to + n, room - (size_t)n, ",NA")
                     : snprintf(to + n, room - (size_t)n, ",%.*g", digits, c % 2 ? v : -v);
    }
    n += snprintf(to + n, room - (size_t)n, ",group %d,\"site, %d\",2024-%02d-%02d\n",
                  (int)(5 * next_uniform(rng)), (int)(50 * next_uniform(rng)), (int)(row % 12) + 1,
                  (int)(row % 28) + 1);
    return n;
}

static bool make_csv(unsigned long rows, int digits, struct qx_bytes *out)
{
    char line[1024];
    uint64_t rng = 1;
    int n = snprintf(line, sizeof line, "id");
    for (int c = 0; c < NUMBERS; c++)
        n += snprintf(line + n, sizeof line - (size_t)n, ",x%d", c);
    n += snprintf(line + n, sizeof line - (size_t)n, ",group,site,day\n");
    bool ok = qx_bytes_append(out, line, (size_t)n) == QX_ERR_OK;
    for (unsigned long row = 1; row <= rows && ok; row++) {
        n = put_row(line, sizeof line, row, digits, &rng);
        ok = qx_bytes_append(out, line, (size_t)n) == QX_ERR_OK;
    }
    return ok;
}

static bool measure(unsigned long rows, int digits)
{
    struct qx_bytes csv = {0}, image = {0};
    struct qx_error err = {QX_ERR_OK, "out of memory"};
    unsigned char hash[crypto_generichash_BYTES];
    bool ok = make_csv(rows, digits, &csv);
    double start = cpu_s();
    ok = ok && table_from_csv("bench.csv", csv.data, csv.len, &image, &err) == QX_ERR_OK;
    double parsed = cpu_s();
    ok = ok && crypto_generichash(hash, sizeof hash, image.data, image.len, NULL, 0) == 0;
    double hashed = cpu_s();
    if (ok)
        printf("{\"rows\":%lu,\"columns\":%d,\"digits\":%d,\"csv_bytes\":%zu,\"image_bytes\":%zu,\"parse_s\":"
               "%.3f,"
               "\"hash_s\":%.3f}\n",
               rows, NUMBERS + 4, digits, csv.len, image.len, parsed - start, hashed - parsed);
    else
        (void)fprintf(stderr, "csv: %s\n", err.text);
    qx_bytes_fini(&csv);
    qx_bytes_fini(&image);
    return ok;
}

int main(int argc, char **argv)
{
    unsigned long rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    if (argc > 2 || rows == 0) {
        (void)fputs("usage: csv [ROWS]\n", stderr);
        return 2;
    }
    return measure(rows, 6) && measure(rows, 15) && measure(rows, 17) ? 0 : 1;
}
