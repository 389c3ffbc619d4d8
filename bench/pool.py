#!/usr/bin/env python3
"""Python's multiprocessing.Pool with 2 processes on tasks that do nothing. Prints one JSON object."""

import json
import multiprocessing
import sys
import time


def noop(_):
    return None


def rate(pool, n, chunksize):
    start = time.perf_counter()
    for _ in pool.imap_unordered(noop, range(n), chunksize=chunksize):
        pass
    return n / (time.perf_counter() - start)


def map_rate(pool, n, chunksize):
    start = time.perf_counter()
    pool.map(noop, range(n), chunksize=chunksize)
    return n / (time.perf_counter() - start)


def round_trips(pool, rounds):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        pool.apply(noop, (0,))
        times.append(time.perf_counter() - start)
    return sorted(times)


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with multiprocessing.Pool(2) as pool:
        pool.map(noop, range(1000))
        times = round_trips(pool, max(100, int(5000 * scale)))
        answer = {
            "chunk_1000_per_s": map_rate(pool, int(5e6 * scale), 1000),
            "chunk_1_per_s": max(map_rate(pool, int(3e5 * scale), 1), rate(pool, int(3e5 * scale), 1)),
            "p50_us": times[len(times) // 2] * 1e6,
            "p99_us": times[len(times) - 1 - len(times) // 100] * 1e6,
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
