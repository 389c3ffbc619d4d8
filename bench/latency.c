/* latency.c - from submit to answer: one-item jobs, one after the other, on a running farm.
 *
 *   latency URL ROUNDS
 * Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quincunx/client.h"

enum { WARM_UP = 200, TIMEOUT_MS = 5000 };

static uint64_t clock_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static qx_err round_trip(struct qx_client *c, uint64_t seed, uint64_t *ret_ns, struct qx_error *err)
{
    struct qx_job_options job = {.task = "noop", .n_items = 1, .seed = seed, .has_seed = true};
    struct qx_future *f;
    const struct qx_result *result;
    uint64_t start_ns = clock_ns();
    qx_err e = qx_client_submit(c, &job, &f, err);
    if (e != QX_ERR_OK)
        return e;
    e = qx_future_get(f, TIMEOUT_MS, &result, err);
    if (e == QX_ERR_OK)
        *ret_ns = clock_ns() - start_ns;
    qx_future_free(f);
    return e;
}

static qx_err measure(struct qx_client *c, uint64_t *ns, size_t rounds, struct qx_error *err)
{
    for (size_t i = 0; i < rounds + WARM_UP; i++) {
        uint64_t one_ns;
        qx_err e = round_trip(c, i, &one_ns, err);
        if (e != QX_ERR_OK)
            return e;
        if (i >= WARM_UP)
            ns[i - WARM_UP] = one_ns;
    }
    return QX_ERR_OK;
}

int main(int argc, char **argv)
{
    size_t rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (rounds == 0) {
        fputs("usage: latency URL ROUNDS\n", stderr);
        return 2;
    }
    struct qx_client *c = NULL;
    struct qx_error err;
    uint64_t *ns = calloc(rounds, sizeof *ns);
    if (ns == NULL) {
        fputs("latency: out of memory\n", stderr);
        return 1;
    }
    qx_err e = qx_client_open(argv[1], NULL, &c, &err);
    if (e == QX_ERR_OK)
        e = measure(c, ns, rounds, &err);
    if (e == QX_ERR_OK) {
        qsort(ns, rounds, sizeof *ns, compare_u64);
        printf("{\"rounds\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", rounds,
               (double)ns[rounds / 2] * 1e-3, (double)ns[rounds - 1 - rounds / 100] * 1e-3);
    } else {
        fprintf(stderr, "latency: %s\n", err.text);
    }
    qx_client_close(c);
    free(ns);
    return e == QX_ERR_OK ? 0 : 1;
}
