/* Any bytes as CSV and as TSV: an image that opens, or an error with a text. */
#include <stdint.h>
#include <stdlib.h>

#include "common/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void load_as(const char *name, const uint8_t *data, size_t size)
{
    struct qx_bytes image = {0};
    struct qx_error err = {QX_ERR_OK, ""};
    if (table_from_csv(name, data, size, &image, &err) == QX_ERR_OK) {
        struct qx_table *t;
        if (table_open(image.data, image.len, &t, &err) != QX_ERR_OK || table_rows(t) == 0)
            abort();
        table_close(t);
    } else if (err.text[0] == '\0') {
        abort();
    }
    qx_bytes_fini(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    load_as("fuzz.csv", data, size);
    load_as("fuzz.tsv", data, size);
    return 0;
}
