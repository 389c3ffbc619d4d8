/* law.h - the name of a probability law and its numbers, as people write them: "t(5)", "normal(0, 1)". Pure.
 *
 * Who reads such texts has a table of the laws that there are. */
#ifndef TASKS_SHARED_LAW_H
#define TASKS_SHARED_LAW_H

#include "shared/place.h"

enum { LAW_NUMBERS_MAX = 3 };

struct law {
    const char *name;
    uint32_t n,
        n_least; /* how many numbers: so many, or the first n_least of them; 0: brackets may be left out */
    struct law_number {
        const char *name;
        double above, below; /* it lies between them, and is neither */
        double usual;        /* what it is where it may be left out */
    } numbers[LAW_NUMBERS_MAX];
};

/* Rows of numbers. */
#define LAW_ANY(name, usual)                                                                                 \
    {                                                                                                        \
        name, -INFINITY, INFINITY, usual                                                                     \
    }
#define LAW_POSITIVE(name, usual)                                                                            \
    {                                                                                                        \
        name, 0, INFINITY, usual                                                                             \
    }

/* What was written. */
struct law_value {
    uint32_t which; /* of the table */
    double number[LAW_NUMBERS_MAX];
};

/* Where numbers may be more than decimals: the value of a text that is one. False, with a reason. */
typedef bool (*law_number_f)(const char *text, double *ret, char ret_error[PLACE_BYTES]);

/* Reads a law at text + *at, spaces around it and all, and leaves *at behind it. False, with place_error()'s text: `param` is whose
 * text it is. `number` NULL: decimals. */
bool law_read(const struct law *laws, uint32_t n_laws, const char *param, const char *text, size_t *at,
              law_number_f number, struct law_value *ret, char ret_error[PLACE_BYTES]);

/* "t(df, place, scale)". Returns the length, as snprintf does. */
enum { LAW_USAGE_BYTES = 64 };
int law_usage(const struct law *l, char ret[LAW_USAGE_BYTES]);

#endif
