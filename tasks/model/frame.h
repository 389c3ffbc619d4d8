/* frame.h - the variables of a formula, evaluated on some rows of a data set.
 *
 * frame_open() binds formula and columns once; frame_load() then evaluates any run of rows without allocating: a group, a
 * resample, everything. Rows with a missing value in a variable are left out, or refused (na=fail).
 *
 * A column of texts is a factor; so are factor(x), as.factor(x), and expressions that are true or false (levels FALSE, TRUE). Levels
 * are sorted: texts in C-locale order (bytes: "B" before "a", unlike R in most locales), numbers by size. Levels are those
 * of the whole data set; which of them a load holds is told by `present`. */
#ifndef TASKS_MODEL_FRAME_H
#define TASKS_MODEL_FRAME_H

#include "model/arith.h"
#include "model/formula.h"
#include "quincunx/task.h"

enum frame_kind { FRAME_NUMBER, FRAME_FACTOR, FRAME_POLY };

struct frame_var {
    const char *name; /* the formula's */
    enum frame_kind kind;
    uint32_t degree;           /* POLY */
    bool raw;                  /* POLY */
    uint32_t n_levels;         /* FACTOR */
    const char *const *levels; /* FACTOR, sorted */
    /* Of the rows loaded: */
    double *x; /* NUMBER; POLY: its argument; a FACTOR that is the response: 0 for the first level, else 1 */
    double *
        basis; /* POLY: n x degree, column-major. Orthogonal over all rows of the load in which its argument is not
                         missing, as R has it, whatever else is missing in them */
    uint32_t *code; /* FACTOR: index into levels */
    bool *present;  /* FACTOR: n_levels */
};

struct frame_bind; /* how variables are computed */

struct frame {
    const struct formula *formula;
    uint32_t n_vars;
    struct frame_var *vars; /* the formula's, in its order */
    double *weights;        /* of the rows loaded; NULL where there are none */
    double *offset;         /* sum of offset() terms and the offset expression; NULL where there is none */
    uint32_t n;             /* rows loaded */
    uint32_t n_left_out;    /* rows of the last load that lacked a value */
    uint32_t *rows;         /* of the data set */
    uint32_t max_rows;
    struct frame_bind *bind;
};

struct frame_options {
    const char *weights, *offset; /* expressions of columns, NULL for none */
    bool na_fail;
    uint32_t max_rows; /* of one load */
};

/* `f` and the table must outlive the frame. On failure ctx has been told why. */
qx_err frame_open(struct qx_ctx *ctx, const struct qx_table *t, const struct formula *f,
                  const struct frame_options *opt, struct frame **ret);
struct frame *frame_close(struct frame *fr); /* NULL is fine; returns NULL */

/* Evaluates rows[0..n), n <= max_rows. NULL, or why they cannot be used, for qx_fail_item (no numbers in it; valid until the
 * next call): an infinite value, a missing one with na=fail, a negative weight. No row left is no mistake here: n is then 0. */
const char *frame_load(struct frame *fr, const uint32_t *rows, uint32_t n);

/* The response of a load. A factor: 0 for its first level, 1 for any other. */
const double *frame_response(const struct frame *fr, uint32_t i);

#endif
