/* chart.h - from the unit cube to the region of integration, and how densely points lie there. */
#ifndef TASKS_MC_CHART_H
#define TASKS_MC_CHART_H

#include "mc/box.h"
#include "mc/density.h"

struct chart {
    const struct box *box;
    bool is_uniform;   /* points are uniform in the box */
    struct density *q; /* otherwise one for each dimension */
    double *weight;    /* scratch, `batch` numbers; NULL if uniform */
};

/* `proposal`: "x=normal(0,1),y=exponential(2)", or NULL. Variables that it does not name are uniform over their range, which
 * must be finite. The box is borrowed. */
bool chart_init(struct chart *c, const struct box *box, const char *proposal, uint32_t batch,
                char ret_error[PLACE_BYTES]);
void chart_fini(struct chart *c);

/* n <= batch points of the unit cube, row-major, to points of the region, in place. Gives 1 / density at each, valid until
 * the next call; NULL where that is the volume of the box. */
const double *chart_map(const struct chart *c, double *points, uint32_t n);

/* E x_j^k of the points drawn; NaN if it is not finite. */
double chart_moment(const struct chart *c, uint32_t j, unsigned k);

#endif
