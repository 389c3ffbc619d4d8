#!/usr/bin/env python3
"""gearmand, where it is installed: 2 workers whose jobs do nothing, one client. Prints one JSON object.

Speaks the binary protocol itself (struct and sockets of the standard library), so that only the server is needed.
The rate is with 100 jobs in flight; the latency is of one job at a time.
"""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

CAN_DO, PRE_SLEEP, NOOP, SUBMIT_JOB, JOB_CREATED, GRAB_JOB = 1, 4, 6, 7, 8, 9
NO_JOB, JOB_ASSIGN, WORK_COMPLETE = 10, 11, 13
IN_FLIGHT = 100


class Peer:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, *packets):
        self.socket.sendall(b"".join(
            struct.pack(">4sII", b"\0REQ", kind, len(data)) + data for kind, data in packets))

    def receive(self):
        """The type and the data of the next packet."""
        while True:
            if len(self.buffer) >= 12:
                _, kind, size = struct.unpack_from(">4sII", self.buffer)
                if len(self.buffer) >= 12 + size:
                    data = self.buffer[12:12 + size]
                    self.buffer = self.buffer[12 + size:]
                    return kind, data
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("gearmand closed the connection")
            self.buffer += more


def work(port):
    peer = Peer(port)
    peer.send((CAN_DO, b"noop"), (GRAB_JOB, b""))
    while True:
        kind, data = peer.receive()
        if kind == JOB_ASSIGN:
            handle = data.split(b"\0", 1)[0]
            peer.send((WORK_COMPLETE, handle + b"\0"), (GRAB_JOB, b""))
        elif kind == NO_JOB:
            peer.send((PRE_SLEEP, b""))
        elif kind == NOOP:
            peer.send((GRAB_JOB, b""))


def run_jobs(peer, jobs, in_flight):
    submit = (SUBMIT_JOB, b"noop\0\0" + b"x" * 16)
    sent = min(in_flight, jobs)
    peer.send(*[submit] * sent)
    done = 0
    while done < jobs:
        kind, _ = peer.receive()
        if kind == WORK_COMPLETE:
            done += 1
            if sent < jobs:
                peer.send(submit)
                sent += 1


def measure(port, scale):
    peer = Peer(port)
    run_jobs(peer, 200, 1)
    jobs = int(30000 * scale)
    start = time.perf_counter()
    run_jobs(peer, jobs, IN_FLIGHT)
    rate = jobs / (time.perf_counter() - start)
    times = []
    for _ in range(max(100, int(2000 * scale))):
        start = time.perf_counter()
        run_jobs(peer, 1, 1)
        times.append(time.perf_counter() - start)
    times.sort()
    return {"jobs_per_s": rate, "p50_us": times[len(times) // 2] * 1e6,
            "p99_us": times[len(times) - 1 - len(times) // 100] * 1e6}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_server(port, server):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise ConnectionError("gearmand does not listen")


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    gearmand = os.environ.get("GEARMAND") or shutil.which("gearmand", path=os.environ["PATH"] + ":/usr/sbin")
    if gearmand is None:
        sys.exit("gearmand is not installed")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([gearmand, "--listen=127.0.0.1", f"--port={port}", f"--log-file={folder}/log"])
        workers = []
        try:
            wait_for_server(port, server)
            for _ in range(2):
                pid = os.fork()
                if pid == 0:
                    try:
                        work(port)
                    finally:
                        os._exit(0)
                workers.append(pid)
            print(json.dumps(measure(port, scale)))
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
