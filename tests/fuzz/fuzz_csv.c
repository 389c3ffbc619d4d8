/* Any bytes as CSV: an image that opens, or an error with a text. */
#include <stdint.h>
#include <stdlib.h>

#include "common/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qx_bytes image = {0};
    struct qx_error err = {QX_ERR_OK, ""};
    if (table_from_csv("fuzz.csv", data, size, &image, &err) == QX_ERR_OK) {
        struct qx_table *t;
        if (table_open(image.data, image.len, &t, &err) != QX_ERR_OK || table_rows(t) == 0)
            abort();
        table_close(t);
    } else if (err.text[0] == '\0') {
        abort();
    }
    qx_bytes_fini(&image);
    return 0;
}
