/* raw_ptp.c - what libzmq alone gives: the mark that the farm is measured against.
 *
 *   raw_ptp rate BYTES MESSAGES    ventilator PUSH -> 2 workers PULL/PUSH -> sink PULL, four processes, tcp loopback.
 *                                  A worker reads every 16-byte task of a message and answers with one of 16 bytes.
 *   raw_ptp latency ROUNDS [CORE]  one 16-byte message over three hops and three processes, one at a time;
 *                                  with CORE all of them run there.
 * Prints one JSON object. Nothing here is tracked, acknowledged or sent again. */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { WORKERS = 2, ADDRESS_BYTES = 64, TASK_BYTES = 16 };

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "raw_ptp: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static uint64_t clock_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *socket_new(void *zmq, int type)
{
    void *s = zmq_socket(zmq, type);
    int linger = 0;
    if (s == NULL || zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger) != 0)
        die("socket");
    return s;
}

/* Binds to a free port and tells `readers` processes the address through the pipe. */
static void bind_and_tell(void *s, int pipe_fd, int readers)
{
    char address[ADDRESS_BYTES] = {0};
    size_t len = sizeof address;
    if (zmq_bind(s, "tcp://127.0.0.1:*") != 0 || zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, address, &len) != 0)
        die("bind");
    for (int i = 0; i < readers; i++)
        if (write(pipe_fd, address, sizeof address) != (ssize_t)sizeof address)
            die("pipe");
}

static void connect_told(void *s, int pipe_fd)
{
    char address[ADDRESS_BYTES];
    if (read(pipe_fd, address, sizeof address) != (ssize_t)sizeof address || zmq_connect(s, address) != 0)
        die("connect");
}

/* PUSH would give all to the first worker that is there: wait for them. Start watching before they know the address. */
static void *watch_peers(void *zmq, void *s)
{
    void *events = socket_new(zmq, ZMQ_PAIR);
    if (zmq_socket_monitor(s, "inproc://events", ZMQ_EVENT_HANDSHAKE_SUCCEEDED) != 0 ||
        zmq_connect(events, "inproc://events") != 0)
        die("monitor");
    return events;
}

static void wait_for_peers(void *events, int peers)
{
    for (int i = 0; i < 2 * peers; i++) /* an event is two frames */
        if (zmq_recv(events, NULL, 0, 0) < 0)
            die("monitor");
}

static _Noreturn void ventilator(size_t len_bytes, uint64_t messages, int address_fd)
{
    void *zmq = zmq_ctx_new();
    void *out = socket_new(zmq, ZMQ_PUSH);
    char *message = calloc(1, len_bytes);
    if (message == NULL)
        die("calloc");
    void *events = watch_peers(zmq, out);
    bind_and_tell(out, address_fd, WORKERS);
    wait_for_peers(events, WORKERS);
    for (uint64_t i = 0; i < messages; i++)
        if (zmq_send(out, message, len_bytes, 0) < 0)
            die("send");
    (void)pause(); /* closing would drop what is queued; the sink ends us */
    _exit(0);
}

static _Noreturn void worker(int in_fd, int out_fd)
{
    void *zmq = zmq_ctx_new();
    void *in = socket_new(zmq, ZMQ_PULL);
    void *out = socket_new(zmq, ZMQ_PUSH);
    connect_told(out, out_fd);
    connect_told(in, in_fd);
    zmq_msg_t m;
    (void)zmq_msg_init(&m);
    while (zmq_msg_recv(&m, in, 0) >= 0) {
        uint64_t answer[2] = {0, 0};
        const char *data = zmq_msg_data(&m);
        for (size_t at = 0; at + TASK_BYTES <= zmq_msg_size(&m); at += TASK_BYTES) {
            uint64_t task[2];
            memcpy(task, data + at, sizeof task);
            answer[0] += task[0];
            answer[1] += task[1] + 1;
        }
        if (zmq_send(out, answer, sizeof answer, 0) < 0)
            die("send");
    }
    _exit(0);
}

static void end_children(const pid_t *pid, int n)
{
    for (int i = 0; i < n; i++)
        (void)kill(pid[i], SIGKILL);
    for (int i = 0; i < n; i++)
        (void)waitpid(pid[i], NULL, 0);
}

static void run_rate(size_t len_bytes, uint64_t messages)
{
    int to_worker[2], to_sink[2];
    pid_t pid[WORKERS + 1];
    if (pipe(to_worker) != 0 || pipe(to_sink) != 0)
        die("pipe");
    for (int i = 0; i <= WORKERS; i++) {
        pid[i] = fork();
        if (i < WORKERS && pid[i] == 0)
            worker(to_worker[0], to_sink[0]);
        if (pid[i] == 0)
            ventilator(len_bytes, messages, to_worker[1]);
    }
    void *zmq = zmq_ctx_new();
    void *in = socket_new(zmq, ZMQ_PULL);
    bind_and_tell(in, to_sink[1], WORKERS);
    uint64_t answer[2], tasks = 0, start_ns = 0;
    for (uint64_t i = 0; i < messages; i++) {
        if (zmq_recv(in, answer, sizeof answer, 0) != (int)sizeof answer)
            die("recv");
        tasks += answer[1];
        if (i == 0)
            start_ns = clock_ns();
    }
    double s = (double)(clock_ns() - start_ns) * 1e-9;
    end_children(pid, WORKERS + 1);
    printf("{\"bytes\": %zu, \"messages\": %llu, \"messages_per_s\": %.0f, \"tasks_per_s\": %.0f}\n",
           len_bytes, (unsigned long long)messages, (double)messages / s, (double)tasks / s);
    (void)zmq_close(in);
    (void)zmq_ctx_term(zmq);
}

/* One of the two processes between the hops. */
static _Noreturn void relay(int in_fd, int out_fd)
{
    void *zmq = zmq_ctx_new();
    void *in = socket_new(zmq, ZMQ_PULL);
    void *out = socket_new(zmq, ZMQ_PUSH);
    char buffer[TASK_BYTES];
    bind_and_tell(in, in_fd, 1);
    connect_told(out, out_fd);
    while (zmq_recv(in, buffer, sizeof buffer, 0) >= 0)
        if (zmq_send(out, buffer, sizeof buffer, 0) < 0)
            die("send");
    _exit(0);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void run_latency(size_t rounds)
{
    enum { RELAYS = 2, WARM_UP = 200 };
    int address[RELAYS + 1][2];
    pid_t pid[RELAYS];
    for (int i = 0; i <= RELAYS; i++)
        if (pipe(address[i]) != 0)
            die("pipe");
    for (int i = 0; i < RELAYS; i++) {
        pid[i] = fork();
        if (pid[i] == 0)
            relay(address[i][1], address[i + 1][0]);
    }
    void *zmq = zmq_ctx_new();
    void *out = socket_new(zmq, ZMQ_PUSH);
    void *in = socket_new(zmq, ZMQ_PULL);
    char buffer[TASK_BYTES] = {0};
    uint64_t *ns = calloc(rounds, sizeof *ns);
    if (ns == NULL)
        die("calloc");
    bind_and_tell(in, address[RELAYS][1], 1);
    connect_told(out, address[0][0]);
    for (size_t i = 0; i < rounds + WARM_UP; i++) {
        uint64_t start_ns = clock_ns();
        if (zmq_send(out, buffer, sizeof buffer, 0) < 0 || zmq_recv(in, buffer, sizeof buffer, 0) < 0)
            die("round");
        if (i >= WARM_UP)
            ns[i - WARM_UP] = clock_ns() - start_ns;
    }
    end_children(pid, RELAYS);
    qsort(ns, rounds, sizeof *ns, compare_u64);
    printf("{\"rounds\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", rounds, (double)ns[rounds / 2] * 1e-3,
           (double)ns[rounds - 1 - rounds / 100] * 1e-3);
    free(ns);
    (void)zmq_close(in);
    (void)zmq_close(out);
    (void)zmq_ctx_term(zmq);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "rate") == 0) {
        size_t len_bytes = strtoul(argv[2], NULL, 10);
        uint64_t messages = strtoull(argv[3], NULL, 10);
        if (len_bytes >= TASK_BYTES && messages > 1) {
            run_rate(len_bytes, messages);
            return 0;
        }
    }
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "latency") == 0) {
        size_t rounds = strtoul(argv[2], NULL, 10);
        if (argc == 4) {
            cpu_set_t core;
            CPU_ZERO(&core);
            CPU_SET(strtoul(argv[3], NULL, 10), &core);
            if (sched_setaffinity(0, sizeof core, &core) != 0)
                die("affinity");
        }
        if (rounds > 0) {
            run_latency(rounds);
            return 0;
        }
    }
    fputs("usage: raw_ptp rate BYTES MESSAGES | raw_ptp latency ROUNDS [CORE]\n", stderr);
    return 2;
}
