/* Any bytes as the image of a table: opened, and then readable in full, or refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t total; /* so that no read is left out */

static uint64_t read_column(const struct qx_table *t, const struct qx_column *c)
{
    uint64_t sum = strlen(c->name);
    for (uint64_t row = 0; row < table_rows(t); row++) {
        if (c->type == QX_COLUMN_REAL)
            sum += c->real[row] > 0;
        else if (c->code[row] != UINT32_MAX)
            sum += strlen(c->levels[c->code[row]]);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qx_table *t;
    void *image = malloc(size ? size : 1); /* aligned */
    if (!image)
        return 0;
    memcpy(image, data, size);
    if (table_open(image, size, &t, NULL) == QX_ERR_OK) {
        for (uint32_t i = 0; i < table_columns(t); i++)
            total += read_column(t, table_column(t, i));
        table_close(t);
    }
    free(image);
    return 0;
}
