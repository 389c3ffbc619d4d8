#include "common/placement.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

enum { LOOK_MS = 100, HOLD_MS = 1000, APART_PERCENT = 75, TOGETHER_PERCENT = 50, SEEKS_MAX = 100 };
#define IO_THREAD_NAME "ZMQbg/IO"

enum placement_state placement_next(enum placement_state state, uint64_t cpu_ns, uint64_t elapsed_ns,
                                    uint64_t held_ns)
{
    switch (state) {
    case PLACEMENT_CHOOSING:
        return PLACEMENT_TOGETHER;
    case PLACEMENT_APART:
        return cpu_ns * 100 < elapsed_ns * TOGETHER_PERCENT ? PLACEMENT_CHOOSING : PLACEMENT_APART;
    case PLACEMENT_TOGETHER:
        if (cpu_ns * 100 > elapsed_ns * APART_PERCENT)
            return PLACEMENT_APART;
        return held_ns >= HOLD_MS * NS_PER_MS ? PLACEMENT_CHOOSING : PLACEMENT_TOGETHER;
    default:
        return state;
    }
}

static uint64_t process_cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static bool is_io_thread(const char *tid)
{
    char path[64], name[32] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, name, sizeof name - 1);
    (void)close(fd);
    return n > 0 && strncmp(name, IO_THREAD_NAME, strlen(IO_THREAD_NAME)) == 0;
}

/* libzmq names its threads; 0: there is none, or it is called otherwise. */
static pid_t find_io_thread(void)
{
    DIR *tasks = opendir("/proc/self/task");
    pid_t found = 0;
    for (struct dirent *d; tasks && !found && (d = readdir(tasks));)
        if (d->d_name[0] != '.' && is_io_thread(d->d_name))
            found = (pid_t)strtol(d->d_name, NULL, 10);
    if (tasks)
        (void)closedir(tasks);
    return found;
}

void placement_init(struct placement *p, uint64_t now_ns)
{
    *p = (struct placement){.looked_ns = now_ns, .cpu_ns = process_cpu_ns()};
    if (sched_getaffinity(0, sizeof p->given, &p->given) == 0 && CPU_COUNT(&p->given) > 1)
        p->state = PLACEMENT_SEEKING;
}

static void seek(struct placement *p, uint64_t now_ns)
{
    p->io_thread = find_io_thread();
    p->look_ns = now_ns + LOOK_MS * NS_PER_MS;
    if (p->io_thread)
        p->state = PLACEMENT_CHOOSING;
    else if (++p->seeks >= SEEKS_MAX)
        p->state = PLACEMENT_OFF;
}

/* Refused (a core was taken away from us): the kernel's own choice stands. */
static void place_at(const struct placement *p, const cpu_set_t *loop, const cpu_set_t *io)
{
    (void)sched_setaffinity(0, sizeof *loop, loop);
    (void)sched_setaffinity(p->io_thread, sizeof *io, io);
}

static void enter(struct placement *p, enum placement_state state, uint64_t now_ns)
{
    int cpu = sched_getcpu();
    if (state == PLACEMENT_TOGETHER && cpu >= 0 && cpu < CPU_SETSIZE) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET((size_t)cpu, &one);
        place_at(p, &one, &one);
        p->chosen_ns = now_ns;
    } else {
        place_at(p, &p->given, &p->given);
    }
    p->state = state;
}

void placement_turn(struct placement *p, uint64_t now_ns)
{
    if (p->state == PLACEMENT_OFF || now_ns < p->look_ns)
        return;
    if (p->state == PLACEMENT_SEEKING)
        seek(p, now_ns);
    if (p->state == PLACEMENT_OFF || p->state == PLACEMENT_SEEKING)
        return;
    uint64_t cpu_ns = process_cpu_ns();
    enum placement_state next =
        placement_next(p->state, cpu_ns - p->cpu_ns, now_ns - p->looked_ns, now_ns - p->chosen_ns);
    if (next != p->state)
        enter(p, next, now_ns);
    p->cpu_ns = cpu_ns;
    p->looked_ns = now_ns;
    p->look_ns = next == PLACEMENT_CHOOSING ? now_ns : now_ns + LOOK_MS * NS_PER_MS;
}
