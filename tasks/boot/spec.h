/* spec.h - the text that names a statistic, e.g. "cor(LSAT, GPA)", taken apart. Pure. */
#ifndef TASKS_BOOT_SPEC_H
#define TASKS_BOOT_SPEC_H

#include <stdbool.h>
#include <stdint.h>

enum { SPEC_COLUMNS_MAX = 32, SPEC_NAME_BYTES = 128, SPEC_ERROR_BYTES = 240 };

enum stat_kind {
    STAT_MEAN,
    STAT_MEDIAN,
    STAT_TRIMMED,
    STAT_SD,
    STAT_VAR,
    STAT_QUANTILE,
    STAT_COR,
    STAT_RATIO,
    STAT_DIFF,
    STAT_LM,
    STAT_KIND_COUNT
};

struct spec {
    enum stat_kind kind;
    double number;  /* share trimmed at each end; probability */
    bool intercept; /* LM */
    uint32_t n_columns;
    char columns[SPEC_COLUMNS_MAX][SPEC_NAME_BYTES]; /* LM: the response first */
};

/* False, with a text that says where and what was expected. */
bool spec_parse(struct spec *s, const char *text, char ret_error[SPEC_ERROR_BYTES]);

/* How a statistic is written, e.g. "trimmed(x, 0.1)". */
const char *spec_usage(enum stat_kind kind);

#endif
