#include "worker/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

enum { FRESH_MS = 2000 };

/* The number behind `name` at the start of a line. False: no such file or line. */
static bool read_count(const char *path, const char *name, uint64_t *ret)
{
    char text[16384];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    size_t len = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == ' ') {
            *ret = strtoull(line + len, NULL, 10);
            return true;
        }
    }
    return false;
}

/* memory.events of our cgroup of version 2. */
static bool own_cgroup(struct oom_watch *w, const char *root)
{
    char path[512], line[256];
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    w->path[0] = '\0';
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) == 0)
            (void)snprintf(w->path, sizeof w->path, "%s/sys/fs/cgroup%s/memory.events", root, line + 3);
    }
    if (f)
        (void)fclose(f);
    return read_count(w->path, "oom_kill", &w->kills);
}

void oom_watch_init(struct oom_watch *w, const char *root)
{
    *w = (struct oom_watch){.kills = 0};
    if (own_cgroup(w, root))
        return;
    (void)snprintf(w->path, sizeof w->path, "%s/proc/vmstat", root);
    if (!read_count(w->path, "oom_kill", &w->kills))
        w->path[0] = '\0';
}

void oom_watch_look(struct oom_watch *w, uint64_t now_ns)
{
    uint64_t kills;
    if (w->path[0] == '\0' || !read_count(w->path, "oom_kill", &kills))
        return;
    if (now_ns - w->credit_ns > FRESH_MS * NS_PER_MS)
        w->credits = 0;
    if (kills > w->kills) {
        w->credits += kills - w->kills;
        w->credit_ns = now_ns;
    }
    w->kills = kills;
}

bool oom_watch_take(struct oom_watch *w, uint64_t now_ns)
{
    oom_watch_look(w, now_ns);
    if (w->credits == 0)
        return false;
    w->credits--;
    return true;
}
