#!/usr/bin/env python3
"""TCP ports that somebody else has: the master names the one it cannot have and ends; a lane goes to the next free port."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["QX_BIN_DIR"])
LANES, TRIES = 10, 64  # lane i of a master at port P is at P + 10 + i; it looks at so many in a row
SPAN = LANES + TRIES + 10


def hold(port):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", port))
        s.listen()
    except OSError:
        s.close()
        raise
    return s


def free_span():
    """A port followed by SPAN - 1 more that nobody has now, all below those that the kernel gives out."""
    while True:
        base = random.randrange(10000, 32768 - SPAN)
        with contextlib.ExitStack() as held:
            try:
                for port in range(base, base + SPAN):
                    held.enter_context(hold(port))
                return base
            except OSError:
                continue


class Ports(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="qx-ports-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.port = free_span()
        self.url = f"tcp://127.0.0.1:{self.port}"

    def hold(self, *offsets):
        for offset in offsets:
            self.addCleanup(hold(self.port + offset).close)

    def daemon(self, name, *args):
        with self.path(name).open("w") as log:
            process = subprocess.Popen([BIN / name, *args, "--exit-with-parent"], stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def path(self, name):
        return self.dir / f"{name}.log"

    def until_logged(self, name, pattern, seconds=30):
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.path(name).read_text())):
            self.assertLess(time.monotonic(), end, f"no {pattern} in the log of {name}:\n" + self.path(name).read_text())
            time.sleep(0.01)
        return found

    def run_pi(self):
        done = subprocess.run([BIN / "qx", "run", "pi", "-n", "1000", "--quiet", "--master", self.url], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def refused(self, offset):
        self.hold(offset)
        done = subprocess.run([BIN / "qx-master", "--bind", self.url], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stderr.strip(),
                         f"qx-master: cannot listen on tcp://127.0.0.1:{self.port + offset}: Address already in use")

    def test_control_in_use(self):
        self.refused(0)

    def test_sink_in_use(self):
        self.refused(1)

    def test_a_second_master_leaves_the_first_alone(self):
        self.daemon("qx-master", "--bind", self.url)
        self.until_logged("qx-master", "MASTER-READY")
        done = subprocess.run([BIN / "qx-master", "--bind", self.url], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Address already in use", done.stderr)
        self.daemon("qx-worker", "--master", self.url, "--slots", "1")
        self.run_pi()

    def test_lanes_in_use_are_passed_over(self):
        self.hold(*range(LANES, LANES + 3))
        self.daemon("qx-master", "--bind", self.url)
        self.daemon("qx-worker", "--master", self.url, "--slots", "1")
        lane = self.until_logged("qx-master", r"WORKER-JOINED .*lane=\+(\d+)").group(1)
        self.assertEqual(int(lane), LANES + 3)
        self.run_pi()

    def test_too_many_lanes_in_use_are_told_and_tried_again(self):
        self.hold(*range(LANES, LANES + TRIES))
        self.daemon("qx-master", "--bind", self.url)
        self.daemon("qx-worker", "--master", self.url, "--slots", "1")
        self.until_logged("qx-master", f'WORKER-REFUSED .*why="{TRIES} lane addresses in a row are in use"')
        self.until_logged("qx-worker", f"MASTER-ERROR .*{TRIES} lane addresses in a row are in use")
        lane = self.until_logged("qx-master", r"WORKER-JOINED .*lane=\+(\d+)").group(1)
        self.assertEqual(int(lane), LANES + TRIES)
        self.run_pi()


if __name__ == "__main__":
    unittest.main()
