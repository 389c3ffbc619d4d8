/* draw.h - which rows a resample holds: with replacement one by one, or by blocks of neighbours for series. Pure.
 *
 * The ordinary resample is a function of (seed, item, sub-stream) by Philox as in quincunx/stream.h, but its words are taken 16 bits
 * at a time where a stratum has few rows, and many blocks are computed side by side: drawing is most of the work of an item. */
#ifndef TASKS_BOOT_DRAW_H
#define TASKS_BOOT_DRAW_H

#include "boot/data.h"

/* One resample of as many rows as each stratum has: weights count the rows, and unless NULL draws says which, in the order of the
 * draws. */
void draw_rows(const struct data *d, uint64_t seed, uint64_t item, int32_t *weights, uint32_t *draws);

/* The same from the rows that a resample drew. */
void draw_again(const struct data *d, struct qx_stream *rng, const uint32_t *draws, int32_t *weights);

enum draw_blocks {
    DRAW_MOVING,     /* blocks of `length` neighbours, starting anywhere a whole one fits (Kuensch 1989) */
    DRAW_CIRCULAR,   /* the same on a circle: the last row is followed by the first (Politis & Romano 1992) */
    DRAW_STATIONARY, /* on a circle, lengths geometric with mean `length` (Politis & Romano 1994) */
};

/* Blocks one after the other until a stratum is full; the last is cut. length is at most that of each stratum. */
void draw_blocks(const struct data *d, enum draw_blocks how, uint32_t length, struct qx_stream *rng,
                 int32_t *weights);

#endif
