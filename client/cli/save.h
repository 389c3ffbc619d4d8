/* save.h - the files of an answer: its member "files", a list of {"name", "text"}.
 *
 * They go to --save DIR, of a grid to DIR/cell-C (C from 0). The folder is made. A name is a plain one: no '/', no dot at its
 * beginning, nothing that is no printable text; so that nothing outside the folder can be meant. A file of that name is replaced, whole
 * or not at all; no other is touched. */
#ifndef QX_CLI_SAVE_H
#define QX_CLI_SAVE_H

#include <jansson.h>

#include "client/cli/cli.h"

/* May --save be used? Told before anything is submitted. */
int save_check(const struct cli *cli);
/* Takes the texts out of a report, which keeps the names and how many bytes there are: gives [{"cell", "files"}], no cell without a
 * grid. NULL: no memory. */
json_t *save_take(json_t *report);
/* Writes them, where --save is given, and says which; else says that there are some. */
int save_write(const struct cli *cli, const json_t *taken);

#endif
