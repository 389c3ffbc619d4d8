/* spec.h - the text that names statistics, e.g. "cor(LSAT, GPA); mean(x)/sd(x)", taken apart. Pure. */
#ifndef TASKS_BOOT_SPEC_H
#define TASKS_BOOT_SPEC_H

#include "shared/place.h"

enum {
    SPEC_COLUMNS_MAX = 32,
    SPEC_NAME_BYTES = 128,
    SPEC_STATS_MAX = 16,
    SPEC_PARTS_MAX = 32,
    SPEC_PATH_BYTES = 512
};

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
    STAT_SUM,
    STAT_MIN,
    STAT_MAX,
    STAT_LM,
    STAT_EXPR,   /* arithmetic of the others but LM */
    STAT_PLUGIN, /* a shared object's */
    STAT_KIND_COUNT
};

struct spec {
    enum stat_kind kind;
    double number; /* share trimmed at each end; probability */
    uint32_t n_columns;
    char (*columns)[SPEC_NAME_BYTES]; /* names, or expressions of a row; LM, EXPR: none */
    char *text;                       /* as the user wrote it */
    char *expression; /* EXPR: with spec_part_name() for each part; as long as what the user wrote */
    char *path;       /* PLUGIN */
    char *formula;    /* LM; model/formula.h reads it */
    uint32_t n_parts;
    struct spec *parts; /* EXPR: each a statistic of its own */
};

struct spec_list {
    uint32_t n;
    struct spec list[SPEC_STATS_MAX];
};

/* False, with a text that says where and what was expected (or that memory ran out); *ret is then empty. */
bool spec_parse(struct spec_list *ret, const char *text, char ret_error[PLACE_BYTES]);
void spec_fini(struct spec_list *l); /* one that is all zero is fine */

/* How a part is called in an expression. */
enum { SPEC_PART_BYTES = 8 };
void spec_part_name(uint32_t part, char ret[SPEC_PART_BYTES]);

/* The statistic whose name is nearest to a word; NULL if none is near. */
const char *spec_nearest(const char *word, size_t len);

/* How a statistic is written, e.g. "trimmed(x, 0.1)". */
const char *spec_usage(enum stat_kind kind);

#endif
