/* progress.h - what is shown on stderr while a job runs, and the running estimate kept for a plot. */
#ifndef QX_CLI_PROGRESS_H
#define QX_CLI_PROGRESS_H

#include <stdbool.h>

#include "quincunx/job.h"

struct progress_point {
    double n, estimate, se;
};

struct progress {
    bool quiet, terminal, shown;
    const char *until; /* or NULL */
    uint64_t last_ns;  /* when a line was written last */
    uint64_t seen_items;
    bool started, finishing;
    uint32_t round; /* that the points are of */
    struct progress_point *points;
    size_t n_points, cap_points;
};

void progress_init(struct progress *p, bool quiet, const char *until);
void progress_fini(struct progress *p);
/* Takes the news; draws when it is time. now_ns: monotonic. */
void progress_show(struct progress *p, const struct qx_job_info *i, uint64_t now_ns);
/* Takes the bar off the terminal. */
void progress_clear(struct progress *p);
/* The line itself. On a terminal of `width` columns (0: none) it is shorter than that: the bar shrinks, and what says least
 * goes. */
void progress_line(const struct progress *p, const struct qx_job_info *i, int width, char *ret, size_t len);

#endif
