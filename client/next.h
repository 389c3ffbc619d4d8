/* next.h - how an answer says that its task goes on: the member "next": {"params": {"name": "value"}, "n": items, "why": "text"}. */
#ifndef QX_CLIENT_NEXT_H
#define QX_CLIENT_NEXT_H

#include "quincunx/job.h"

struct next {
    struct qx_arg *args; /* to be changed */
    size_t n_args;
    uint64_t n_items; /* 0: as in the first round */
    const char *why;  /* "" if the answer does not say */
    void *json;       /* what all of it is borrowed from */
};

/* NOTFOUND: the answer is the last. TASK: it has a "next" that is none; the text says what is wrong. */
qx_err next_read(const char *result_json, struct next *ret, struct qx_error *err);
void next_fini(struct next *n);

#endif
