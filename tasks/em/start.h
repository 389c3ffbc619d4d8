/* start.h - where EM begins. */
#ifndef TASKS_EM_START_H
#define TASKS_EM_START_H

#include "em/mixture.h"
#include "quincunx/stream.h"

enum start { START_KMEANS, START_POINTS, START_PARTITION };
extern const char *const start_names[]; /* ends with NULL */

/* Buffers of a start: as many numbers as there are rows. */
struct start_room {
    double *far;     /* squared distance to the nearest centre */
    uint32_t *label; /* component of each row */
};
bool start_room_init(struct start_room *r, uint32_t n); /* false: out of memory */
void start_room_fini(struct start_room *r);

/* kmeans: centres drawn as k-means++ draws them, each row given to the nearest; means of these groups, their pooled covariance.
 * points: k rows for means, the covariance of all, equal weights. partition: each row given to a component at random. */
void start_draw(enum start how, struct qx_stream *rng, const struct rows *data, struct start_room *room,
                struct mixture *ret);

#endif
