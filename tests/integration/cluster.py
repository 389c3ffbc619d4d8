#!/usr/bin/env python3
"""A master and three workers on four hosts of their own, a client on a fifth: network namespaces on one bridge.

A worker is killed in the middle of a job, another joins, a third is cut off from the network for longer than the master
waits; the answer must be the embedded farm's, digest for digest. Needs root, iproute2, and a system that lets it make namespaces and bridges; skips (77) where it has not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

BIN = os.environ["QX_BIN_DIR"]
TAG = f"qx{os.getpid() % 100000}"
HOSTS = ["master", "w1", "w2", "w3", "w4", "client"]
ADDRESS = {name: f"10.77.0.{i + 1}" for i, name in enumerate(HOSTS)}
MASTER = f"tcp://{ADDRESS['master']}:5550"
started = []


def sh(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def namespace(host):
    return f"{TAG}-{host}"


def link(host):
    return f"{TAG[2:]}{host}"[:15]


def build_network():
    sh("ip", "netns", "add", namespace("switch"))
    sh("ip", "-n", namespace("switch"), "link", "add", "br0", "type", "bridge")
    sh("ip", "-n", namespace("switch"), "link", "set", "br0", "up")
    for host in HOSTS:
        sh("ip", "netns", "add", namespace(host))
        sh("ip", "link", "add", link(host), "netns", namespace("switch"), "type", "veth",
           "peer", "name", "eth0", "netns", namespace(host))
        sh("ip", "-n", namespace("switch"), "link", "set", link(host), "master", "br0", "up")
        sh("ip", "-n", namespace(host), "addr", "add", f"{ADDRESS[host]}/24", "dev", "eth0")
        sh("ip", "-n", namespace(host), "link", "set", "lo", "up")
        sh("ip", "-n", namespace(host), "link", "set", "eth0", "up")


def tear_down():
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
    for host in HOSTS + ["switch"]:
        subprocess.run(["ip", "netns", "del", namespace(host)], stderr=subprocess.DEVNULL, check=False)


def start(host, *command):
    process = subprocess.Popen(["ip", "netns", "exec", namespace(host), *command], stderr=subprocess.PIPE, text=True,
                               stdin=subprocess.DEVNULL)
    os.set_blocking(process.stderr.fileno(), False)
    started.append(process)
    return process


def qx(*args, host="client", timeout=120):
    done = subprocess.run(["ip", "netns", "exec", namespace(host), f"{BIN}/qx", *args, "--master", MASTER, "--output", "json"],
                          capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        fail(f"qx {' '.join(args)} gave {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def fail(text):
    print(f"FAILED: {text}")
    for process in started:
        log = process.stderr.read() or ""
        print("---", " ".join(process.args[4:]), "\n", log[-3000:])
    sys.exit(1)


def until(what, condition, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    fail(f"waited {seconds} s in vain for: {what}")


def worker(host, slots):
    return start(host, f"{BIN}/qx-worker", "--master", MASTER, "--slots", str(slots), "--name", host)


def workers_here():
    return {w["name"] for w in qx("workers")}


def job_done(job):
    return qx("status", str(job))["items_done"]


def skip(why):
    print(f"skipped: no network namespaces here: {why}")
    sys.exit(77)


def main():
    job_args = ["busy", "ms=1", "dist=exponential", "-n", "6000", "--seed", "11"]
    start("master", f"{BIN}/qx-master", "--bind", "tcp://*:5550", "--beat", "100", "--silent", "1500")
    workers = {host: worker(host, slots) for host, slots in (("w1", 1), ("w2", 2), ("w3", 1))}
    until("three workers", lambda: len(workers_here()) == 3)
    job = qx("submit", *job_args)["job"]
    until("the job to be under way", lambda: job_done(job) > 300)
    workers["w2"].send_signal(signal.SIGKILL)
    for pid in subprocess.run(["ip", "netns", "pids", namespace("w2")], capture_output=True, text=True, check=False).stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    worker("w4", 2)
    until("the new worker", lambda: "w4" in workers_here())
    at_cut = job_done(job)
    sh("ip", "-n", namespace("switch"), "link", "set", link("w3"), "down")
    until("the master to give up on w3", lambda: "w3" not in workers_here())
    sh("ip", "-n", namespace("switch"), "link", "set", link("w3"), "up")
    until("w3 to be back", lambda: "w3" in workers_here(), 40)
    answer = qx("wait", str(job))
    if answer["failures"]["count"]:
        fail(f"items failed: {answer['failures']}")
    done = subprocess.run([f"{BIN}/qx", "run", *job_args, "--slots", "2", "--output", "json"], capture_output=True, text=True,
                          timeout=120, check=False)
    if done.returncode:
        fail(f"the embedded farm gave {done.returncode}: {done.stderr}")
    embedded = json.loads(done.stdout)
    if answer["digest"] != embedded["digest"] or answer["n"] != embedded["n"]:
        fail(f"the cluster says {answer['digest']}, the embedded farm {embedded['digest']}")
    print(f"digest {answer['digest']} on the cluster (w2 killed, w4 joined, w3 cut off at {at_cut} items) and embedded")


if __name__ == "__main__":
    if os.geteuid():
        skip("not root")
    if not shutil.which("ip"):
        skip("iproute2 is missing")
    try:
        try:
            build_network()
            sh("ip", "netns", "exec", namespace("client"), "true")
        except subprocess.CalledProcessError as e:
            skip(f"{' '.join(e.cmd)}: {e.stderr.decode().strip()}")
        main()
    finally:
        tear_down()
