/* panels.h - the pictures that an answer describes: its "plot" with "panels".
 *
 * A panel is {"kind": "histogram"|"lines"|"points"|"bars"|"steps", "title", "xlabel", "ylabel", "series", "marks"}. Series: a list of
 * {"name", "x", "y", "lower", "upper"}, lists of the same length; x of numbers or of words, left out: 1, 2, ..; numbers that are null are
 * gaps. Marks: a list of {"x" or "y", "label", "style": "estimate"|"bound"|"reference"}. A histogram has, in itself or in a series,
 * "values", or "edges" and "counts"; series with x and y are drawn over it as lines. */
#ifndef QX_CLI_PANELS_H
#define QX_CLI_PANELS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "quincunx/error.h"

/* Does a plot have panels of this form (and not histograms of boot's older one)? */
bool panels_are(const json_t *plot);
/* The script of the picture. title: where the plot has none. */
qx_err panels_draw(FILE *s, const char *path, const json_t *plot, const char *title, struct qx_error *err);

#endif
