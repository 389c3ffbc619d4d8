"""Runs the programs of a build: qx, a farm over tcp loopback, and the marks it is measured against."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time


class Missing(Exception):
    """Why a figure cannot be had here."""


class Build:
    def __init__(self, folder):
        self.folder = folder

    def program(self, name):
        for sub in ("bin", "bench/bin"):
            path = os.path.join(self.folder, sub, name)
            if os.access(path, os.X_OK):
                return path
        raise Missing(f"{name} is not built")

    def json(self, name, *args, core=None, timeout_s=300):
        """Runs a program that prints a JSON object and returns it."""
        command = [*pinned(core), self.program(name), *map(str, args)]
        return json_of(command, timeout_s)

    def run(self, *args, seed=1, timeout_s=300):
        """`qx run ARGS` on an embedded farm or on --master; its answer."""
        return self.json("qx", "run", *args, "--seed", seed, "--quiet", "--output", "json", timeout_s=timeout_s)


def pinned(core):
    return [] if core is None else ["taskset", "-c", str(core)]


def json_of(command, timeout_s=300):
    name = next(os.path.basename(word) for word in command if "/" in word and word != sys.executable)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise Missing(f"{name}: {lines[-1]}")
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{name}: not done after {timeout_s} s") from error
    except (ValueError, OSError) as error:
        raise Missing(f"{name}: {error}") from error


def free_port():
    """A port below the ephemeral range with room for the sink and the lanes above it."""
    for port in range(15550, 32000, 50):
        with contextlib.ExitStack() as stack:
            try:
                for offset in (0, 1, 10, 11):
                    s = stack.enter_context(socket.socket())
                    s.bind(("127.0.0.1", port + offset))
                return port
            except OSError:
                continue
    raise Missing("no free port")


class Farm:
    """A master and one worker, tcp loopback."""

    def __init__(self, build, slots, core=None):
        self.build = build
        self.url = f"tcp://127.0.0.1:{free_port()}"
        self.processes = []
        self.slots = slots
        self.core = core

    def __enter__(self):
        try:
            self._start("qx-master", "--bind", self.url)
            self._start("qx-worker", "--master", self.url, "--slots", str(self.slots))
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, name, *args):
        self.processes.append(subprocess.Popen([*pinned(self.core), self.build.program(name), *args],
                                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def _wait_until_it_answers(self):
        deadline = time.monotonic() + 15
        while True:
            try:
                self.build.run("noop", "-n", "1", "--master", self.url, timeout_s=10)
                return
            except Missing:
                if time.monotonic() > deadline or any(p.poll() is not None for p in self.processes):
                    raise

    def master_kib(self):
        """The most memory the master has had resident, KiB."""
        with open(f"/proc/{self.processes[0].pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
        raise Missing("no VmHWM")

    def executors_s(self):
        """Processor time that the worker's executors have used, from the scheduler's count of nanoseconds."""
        found = [pathlib.Path("/proc", pid) for pid in children(*children(self.processes[1].pid))]
        used = [folder.joinpath("schedstat").read_text(encoding="ascii") for folder in found
                if folder.joinpath("comm").read_text(encoding="ascii").startswith("qx-exec")]
        if not used:
            raise Missing("the worker has no executors")
        return sum(int(text.split()[0]) for text in used) * 1e-9


def children(*pids):
    return [child for pid in pids
            for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
