#!/usr/bin/env python3
"""A CSV file of several GB (sparse: it takes no room) is refused at once, in words, and is not read."""
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

BIN = pathlib.Path(os.environ["QX_BIN_DIR"])
SANITIZED = re.search(rb"__[at]san_init", (BIN / "qx").read_bytes())
SIZE = 5 << 30

with tempfile.TemporaryDirectory(prefix="qx-large-") as folder:
    path = pathlib.Path(folder) / "large.csv"
    path.write_text("x,y\n1,2\n", encoding="ascii")
    try:
        os.truncate(path, SIZE)
    except OSError as e:
        print(f"skipped: no sparse file of {SIZE} bytes in {folder}: {e.strerror}")
        sys.exit(77)
    start = time.monotonic()
    done = subprocess.run([BIN / "qx", "run", "boot", f"data={path}", "stat=cor(x,y)", "--slots", "1"], capture_output=True,
                          text=True, timeout=100, check=False)
    seconds = time.monotonic() - start
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024

print(f"status {done.returncode} after {seconds:.2f} s, at most {megabytes:.0f} MB: {done.stderr.strip()}")
assert done.returncode == 2, "a user's mistake is status 2"
assert f"{path}: 5.0 GiB, at most 2 GiB" in done.stderr, "the message names the file, its size and the limit"
assert done.stdout == ""
if not SANITIZED:
    assert seconds < 5 and megabytes < 100, "it was read"
