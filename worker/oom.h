/* oom.h - did the kernel kill it for want of memory? It says so to nobody but counts: in memory.events of our cgroup (version 2),
 * which counts our own processes only, or else in /proc/vmstat, of the whole machine. A SIGKILL that nobody here sent, at the
 * time at which the count rose, is taken for one of these. One thread. */
#ifndef QX_WORKER_OOM_H
#define QX_WORKER_OOM_H

#include <stdbool.h>
#include <stdint.h>

struct oom_watch {
    char path[512];     /* of the file with the count; "": there is none */
    uint64_t kills;     /* as last read */
    uint64_t credits;   /* not yet taken .. */
    uint64_t credit_ns; /* .. since here */
};

/* `root` goes before /proc and /sys: "" but in tests. What was counted before does not count. */
void oom_watch_init(struct oom_watch *w, const char *root);
/* Reads the count. Do so now and then, so that what has risen long ago is no longer taken for new. */
void oom_watch_look(struct oom_watch *w, uint64_t now_ns);
/* An executor was found killed. True: by the kernel, for want of memory, as far as can be known. */
bool oom_watch_take(struct oom_watch *w, uint64_t now_ns);

#endif
