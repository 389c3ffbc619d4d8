/* What users write as text: expressions, boxes and statistics. The first byte chooses; the rest is the text. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/spec.h"
#include "mc/box.h"
#include "mc/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_expr(const char *text)
{
    static const char *const names[] = {"x", "y", "x1"};
    const double at[] = {0.5, 0.25, 0.75};
    char why[PLACE_BYTES];
    struct expr *e = expr_new(text, NULL, names, 3, why);
    if (!e)
        return;
    double first = expr_value(e, at), second = expr_value(e, at);
    if (first != second && !isnan(first))
        abort(); /* a value that changes: something was assigned to */
    expr_free(e);
}

static void try_box(const char *text)
{
    char why[PLACE_BYTES];
    struct box b;
    if (box_parse(&b, text, why))
        box_fini(&b);
}

static void try_spec(const char *text)
{
    char why[PLACE_BYTES];
    struct spec_list s;
    if (spec_parse(&s, text, why))
        spec_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 'b')
        try_box(text);
    else if (data[0] == 's')
        try_spec(text);
    else
        try_expr(text);
    free(text);
    return 0;
}
