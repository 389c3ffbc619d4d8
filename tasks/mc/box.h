/* box.h - the box to integrate over: named variables with constant bounds, which may be infinite. */
#ifndef TASKS_MC_BOX_H
#define TASKS_MC_BOX_H

#include "shared/place.h"

enum { BOX_DIM_MAX = 1024, BOX_NAME_BYTES = 64 };

struct box {
    uint32_t dim;
    bool is_unit; /* the unit cube */
    bool is_finite;
    double volume;
    double *lo, *width, *hi; /* dim numbers each, one allocation that `lo` owns */
    char (*names)[BOX_NAME_BYTES];
};

/* From "x=0:1, y=-pi:2*pi". Bounds are expressions without variables, inf or -inf. */
bool box_parse(struct box *b, const char *over, char ret_error[PLACE_BYTES]);
/* [0, 1]^dim with the variables x1 .. xdim. */
bool box_unit(struct box *b, uint32_t dim, char ret_error[PLACE_BYTES]);
void box_fini(struct box *b);

/* n points of the unit cube, row-major, to points of the box, which is finite, in place. */
void box_scale(const struct box *b, double *points, uint32_t n);

#endif
