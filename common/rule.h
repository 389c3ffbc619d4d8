/* rule.h - stopping rules: "se<1e-4", "rel<0.01, n>=1000", "exceed=20". Conditions joined by ',' must all hold.
 * A rule is evaluated on the finished prefix only, at checkpoints (block.h). Pure. */
#ifndef QX_COMMON_RULE_H
#define QX_COMMON_RULE_H

#include <stdbool.h>

#include "common/reduce.h"

enum { RULE_TERMS_MAX = 8, RULE_NAME_BYTES = 16, RULE_ITEMS_MIN = 100, RULE_CONSTANT_ITEMS = 1000000 };
enum rule_op { RULE_LT, RULE_LE, RULE_GT, RULE_GE };
struct rule {
    uint32_t n_terms;
    struct {
        char name[RULE_NAME_BYTES];
        enum rule_op op;
        double bound;
    } terms[RULE_TERMS_MAX];
};

/* INVALID with the position and the nearest known name. */
qx_err rule_parse(const char *text, struct rule *ret, struct qx_error *err);
/* Does it hold? INVALID if the task's reducers do not offer a name that the rule uses (the text lists what they offer).
 * An undefined (NaN) value never satisfies a term. Nor does a spread (se, rel, sd, width) of 0 before RULE_CONSTANT_ITEMS good
 * items: no spread seen is no precision, two equal items have it and so have many misses of a rare event; after that the items are
 * taken to be constant. A rule on a spread without a term on n holds from RULE_ITEMS_MIN good items on. */
qx_err rule_eval(const struct rule *r, const struct reduce_plan *p, const struct reduce_state *s,
                 bool *ret_holds, struct qx_error *err);
#endif
