/* shortest.h - a double as decimal text. Pure, the same in every locale, thread-safe. */
#ifndef QX_COMMON_SHORTEST_H
#define QX_COMMON_SHORTEST_H

enum { SHORTEST_BYTES = 32 };

/* What printf's %.15g, %.16g or %.17g give: the first of them that reads back as v; "inf" and "nan". */
void shortest_double(double v, char ret[SHORTEST_BYTES]);

#endif
