/* gnuplot.h - scripts for gnuplot: what all pictures share. */
#ifndef QX_CLI_GNUPLOT_H
#define QX_CLI_GNUPLOT_H

#include <stdio.h>

#include "quincunx/error.h"

/* INVALID: the name ends in none of .png, .svg and .pdf, or gnuplot is not here. */
qx_err gnuplot_check(const char *path, struct qx_error *err);
/* Begins a script that draws to `path`: n_panels pictures beside and below each other, under a title where there are
 * several. Gives in how many columns they stand. */
int gnuplot_start(FILE *s, const char *path, size_t n_panels, const char *heading);
/* Forgets labels, arrows and ranges of the panel before. */
void gnuplot_panel(FILE *s);
void gnuplot_quote(FILE *to, const char *text);
/* offset: how many lines the title stands higher. */
void gnuplot_title(FILE *s, const char *text, double offset);
void gnuplot_axis(FILE *s, const char *which, const char *text);
/* Runs a finished script. */
qx_err gnuplot_run(FILE *script, struct qx_error *err);

#endif
