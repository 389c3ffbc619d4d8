/* options.h - the options of a daemon, as a table: command line, configuration file and help come from it.
 *
 * Long options only: --name VALUE or --name=VALUE; a flag takes no value. Always there: --help, --version, --config FILE.
 * The file is czmq's zconfig, with the same names (`slots = 4`; a flag is `flag = 1`); an option that may be repeated may be
 * there several times. Command line beats file beats default. Uses stdio only to print help and version. */
#ifndef QX_COMMON_OPTIONS_H
#define QX_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quincunx/error.h"

struct option_decl {
    const char *name;     /* without the dashes */
    const char *arg;      /* what the value is called in the help; NULL: a flag */
    const char *fallback; /* default as text; NULL: none */
    const char *help;     /* one line */
    bool many;            /* may be repeated */
};

struct option_table {
    const char *prog, *summary; /* one line each */
    const struct option_decl *options;
    size_t n_options;
};

struct options;

/* INVALID with a text that names the option (the nearest one if it is unknown, file and name if it comes from the file).
 * `*ret_done`: help or version was printed to stdout, there is nothing more to do; *ret is NULL then. The table must live on. */
qx_err options_parse(const struct option_table *t, int argc, char **argv, struct options **ret,
                     bool *ret_done, struct qx_error *err);
void options_free(struct options *o);

/* Borrowed from `o`. The last given value, else the default, else NULL. A name that is not in the table is our bug. */
const char *options_text(const struct options *o, const char *name);
bool options_given(const struct options *o, const char *name); /* by command line or file */
bool options_flag(const struct options *o, const char *name);
size_t options_count(const struct options *o, const char *name); /* how often it was given */
const char *options_nth(const struct options *o, const char *name, size_t i);

/* INVALID with name, value and range. 0 where there is neither value nor default. */
qx_err options_uint(const struct options *o, const char *name, uint64_t min, uint64_t max, uint64_t *ret,
                    struct qx_error *err);
/* Bytes: 1048576, 64k, 512M, 2G, 1T (powers of 1024). */
qx_err options_bytes(const struct options *o, const char *name, uint64_t *ret, struct qx_error *err);

/* The help text, as --help prints it. */
void options_help(const struct option_table *t, void *stdio_file);

#endif
