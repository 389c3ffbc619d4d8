#!/usr/bin/env python3
"""Prints what the farm does beside what it should do and what others do, a row a figure.

usage: scripts/bench [--json FILE] [--quick] [--rows NAME,...] [--build DIR]

The machine should be idle. Figures are medians of a few runs; `-` stands for what cannot be had, with the
reason below the table. --quick runs everything at a tenth of the size. What R does needs `scripts/setup bench`;
it runs in turns with ours, so that the ratios hold on a busy machine too.
"""

import argparse
import dataclasses
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from farm import Build, Farm, Missing, json_of
from stats import Duel, Stats

HERE = os.path.dirname(os.path.abspath(__file__))
SLEEPS = [0.1, 0.5, 5, 5, 0.1, 0.1, 1, 1, 5, 1, 1]
GENZ = ["oscillatory", "product_peak", "corner_peak", "gaussian", "continuous", "discontinuous"]


def si(value, unit="/s"):
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def greedy(times, slots):
    """When the last ends if each slot takes the next one of the list as soon as it is free."""
    free_at = [0.0] * slots
    for t in times:
        first = free_at.index(min(free_at))
        free_at[first] += t
    return max(free_at)


@dataclasses.dataclass
class Row:
    """One line of the table. Figures are functions, called when the line is printed; they may raise Missing."""
    what: str
    ours: object
    target: float | None
    at_least: bool  # else at most
    show: object  # number -> text
    raw: object = None
    pool: object = None
    gearmand: object = None


class Bench(Stats):
    si = staticmethod(si)

    def __init__(self, build, scale):
        self.build = build
        self.scale = scale
        self.repeats = 3 if scale == 1 else 1
        self.rounds = 5 if scale == 1 else 1
        # What the others do. Each is run once.
        self.pool = remember(lambda: json_of([sys.executable, os.path.join(HERE, "pool.py"), str(scale)]))
        self.gearmand = remember(lambda: json_of([sys.executable, os.path.join(HERE, "gearman.py"), str(scale)]))
        self.raw_1000 = remember(lambda: self.raw_rate(16000, 200e3, "tasks_per_s"))
        self.raw_1 = remember(lambda: self.raw_rate(16, 5e6, "messages_per_s"))

    def n(self, full):
        return max(1, int(full * self.scale))

    def median(self, measure):
        return statistics.median(measure() for _ in range(self.repeats))

    def rate(self, *args):
        def once():
            answer = self.build.run(*args)
            return answer["n"] / answer["elapsed_s"]
        return self.median(once)

    def raw_rate(self, len_bytes, messages, what):
        return self.median(lambda: self.build.json("raw_ptp", "rate", len_bytes, self.n(messages))[what])

    # The rows.

    def row_noop(self):
        for task, function, n, target in (("noop", "block", 1e9, 50e6), ("noop.item", "item", 3e8, 10e6)):
            yield Row(f"no-op items, {function} function",
                      lambda task=task, n=n: self.rate(task, "-n", self.n(n), "--slots", "2"), target, True, si,
                      raw=self.raw_1000, pool=lambda: self.pool()["chunk_1000_per_s"])

    def row_flat(self):
        def cost_ns(n):
            answer = self.build.run("noop", "-n", n, "--slots", "2")
            return 1e9 * answer["time"]["computing_s"] / answer["n"]
        sizes = [int(10 ** e * self.scale) for e in range(5, 10)]
        costs = remember(lambda: [self.median(lambda n=n: cost_ns(n)) for n in sizes])
        for i, size in ((0, "1e5"), (-1, "1e9")):
            yield Row(f"computing an item, n = {size}", lambda i=i: costs()[i], None, False, lambda v: f"{v:.2f} ns")
        yield Row("... dearest / cheapest, n = 1e5, 1e6, .. 1e9", lambda: max(costs()) / min(costs()), 1.5, False,
                  lambda v: f"{v:.2f}")

    def row_chunk_1(self):
        yield Row("--chunk 1, a message an item",
                  lambda: self.rate("busy", "ms=0", "-n", self.n(3e6), "--chunk", "1", "--slots", "2"), 400e3, True, si,
                  raw=self.raw_1, pool=lambda: self.pool()["chunk_1_per_s"],
                  gearmand=lambda: self.gearmand()["jobs_per_s"])

    def latency(self, core, targets):
        rounds = self.n(5000)
        def round_trips():
            with Farm(self.build, 2, core) as farm:
                return self.build.json("latency", farm.url, rounds, core=core)
        ours = remember(round_trips)
        raw = remember(lambda: self.build.json("raw_ptp", "latency", rounds, *([] if core is None else [core])))
        for key, target in targets.items():
            row = Row(f"one-item job, tcp loopback{'' if core is None else ', all on one core'}: {key[:3]}",
                      lambda key=key: ours()[key], target, False, lambda v: f"{v:.0f} us", raw=lambda key=key: raw()[key])
            if core is None:
                row.pool = lambda key=key: self.pool()[key]
                row.gearmand = lambda key=key: self.gearmand()[key]
            yield row

    def row_latency(self):
        yield from self.latency(None, {"p50_us": 150, "p99_us": 1000})

    def row_latency_pinned(self):
        yield from self.latency(0, {"p50_us": None, "p99_us": None})

    def row_busy(self):
        def share():
            answer = self.build.run("busy", "ms=1", "-n", self.n(10000), "--slots", "2")
            return answer["n"] * 1e-3 / (2 * answer["elapsed_s"])
        yield Row("1 ms items: slots' time inside the task", lambda: self.median(share), 0.98, True,
                  lambda v: f"{100 * v:.1f} %")

    def row_sleep(self):
        times = [t * self.scale for t in SLEEPS]
        def over_ms():
            answer = self.build.run("sleep", "times=" + ",".join(f"{t:g}" for t in times), "--slots", "4")
            return 1e3 * (answer["elapsed_s"] - greedy(times, 4))
        yield Row("sleep list on 4 slots: over the greedy schedule", over_ms, 50, False, lambda v: f"{v:.0f} ms")

    def row_memory(self):
        def kib(n):
            with Farm(self.build, 2) as farm:
                self.build.run("noop", "-n", n, "--master", farm.url)
                return farm.master_kib()
        few = remember(lambda: kib(1000))
        yield Row("master's memory at its most, n = 1e3", few, None, False, lambda v: f"{v:.0f} KiB")
        yield Row("... n = 1e9 over that", lambda: kib(self.n(1e9)) - few(), 1024, False, lambda v: f"{v:.0f} KiB")

    def row_cold(self):
        def once():
            start = time.perf_counter()
            command = [self.build.program("qx"), "run", "pi", "-n", "1", "--quiet"]
            if subprocess.run(command, capture_output=True, check=False, timeout=60).returncode != 0:
                raise Missing("qx run pi -n 1 failed")
            return 1e3 * (time.perf_counter() - start)
        yield Row("qx run pi -n 1, embedded, cold", lambda: statistics.median(once() for _ in range(9)), 100, False,
                  lambda v: f"{v:.0f} ms")

    def against_loop(self, loop_name, n, *task):
        loop = self.median(lambda: self.build.json("loop", loop_name, self.n(n))["items_per_s"])
        return self.rate("mc.integrate", *task, "-n", self.n(n), "--slots", "1") / loop

    def row_integrate(self):
        for family in GENZ:
            task = [f"integrand=genz.{family}", "dim=3", "a=1.5,2,2.5"]
            if family != "corner_peak":
                task.append("u=" + ("0.3" if family == "oscillatory" else "0.3,0.5,0.7"))
            yield Row(f"mc.integrate genz.{family} / C loop",
                      lambda family=family, task=task: self.against_loop(f"genz.{family}", 1e8, *task), 0.8, True,
                      lambda v: f"{v:.2f}")
        yield Row("mc.integrate exp(-x*y) / C loop",
                  lambda: self.against_loop("xy", 5e7, "expr=exp(-x*y)", "over=x=0:1,y=0:1"), 0.2, True,
                  lambda v: f"{v:.2f}")


def remember(measure):
    """A function that measures once and then repeats the figure, or the reason why there is none."""
    kept = []
    def ask():
        if not kept:
            try:
                kept.append(measure())
            except Missing as reason:
                kept.append(reason)
        if isinstance(kept[0], Missing):
            raise kept[0]
        return kept[0]
    return ask


def measure_row(row, notes):
    """The figures of a row or duel; None where one cannot be had, and why in `notes`."""
    figures = {"target": row.target}
    for key in ("ours", "theirs") if isinstance(row, Duel) else ("ours", "raw", "pool", "gearmand"):
        measure = getattr(row, key)
        figures[key] = None
        if measure is None:
            continue
        try:
            figures[key] = measure()
        except Missing as reason:
            notes[str(reason)] = None
        except KeyError as member:
            notes[f"{row.what}: {key} has no member {member}"] = None
    if isinstance(row, Duel):
        ours, theirs = figures["ours"], figures["theirs"]
        figures["ratio"] = None if ours is None or theirs is None else theirs / ours if row.seconds else ours / theirs
    return figures


def verdict(row, figures):
    value = figures["ratio" if isinstance(row, Duel) else "ours"]
    if row.target is None or value is None:
        return ""
    good = value >= row.target if isinstance(row, Duel) or row.at_least else value <= row.target
    return "ok" if good else "MISSED"


def cells(row, figures):
    """The line of a row in its table."""
    def text(key, show):
        return "-" if figures[key] is None else show(figures[key])
    if isinstance(row, Duel):
        return [row.what, text("ours", row.show), text("theirs", row.show), text("ratio", lambda v: f"{v:.3g}"),
                text("target", lambda v: f"{v:g}"), verdict(row, figures)]
    return [row.what, text("ours", row.show), text("target", row.show), verdict(row, figures),
            *(text(key, row.show) for key in ("raw", "pool", "gearmand"))]


def machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def print_table(table):
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        print("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                        for i, (text, width) in enumerate(zip(line, widths))).rstrip())


def main():
    all_rows = [name[4:] for name in [*vars(Bench), *vars(Stats)] if name.startswith("row_")]
    parser = argparse.ArgumentParser(description="The figures of the farm beside those of others.",
                                     epilog="rows: " + ", ".join(all_rows))
    parser.add_argument("--json", metavar="FILE", help="also write the numbers")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    parser.add_argument("--rows", help="only these, comma-separated")
    parser.add_argument("--build", default=os.path.join(HERE, "../build/release"), help="build directory")
    options = parser.parse_args()
    wanted = options.rows.split(",") if options.rows else all_rows
    for name in set(wanted) - set(all_rows):
        parser.error(f"no row '{name}'; rows: {', '.join(all_rows)}")

    bench = Bench(Build(options.build), 0.1 if options.quick else 1)
    load = os.getloadavg()[0]
    date = datetime.date.today().isoformat()
    tables = {Row: [["row", "ours", "target", "", "raw libzmq", "Pool", "gearmand"]],
              Duel: [["one slot / one core of R", "ours", "R", "ratio", "target", ""]]}
    notes, numbers = {}, []
    for name in wanted:
        print(f"bench: {name}", file=sys.stderr)
        for row in getattr(bench, "row_" + name)():
            figures = measure_row(row, notes)
            tables[type(row)].append(cells(row, figures))
            numbers.append({"row": name, "what": row.what, **figures, "verdict": verdict(row, figures)})
    print(f"{date}, {machine()}{', quick' if options.quick else ''}")
    if load > 0.5:
        print(f"The machine was not idle (load {load:.1f}): take no figure from this table.")
    for table in tables.values():
        if len(table) > 1:
            print_table(table)
    for note in notes:
        print(f"-  {note}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"date": date, "machine": machine(), "quick": options.quick, "rows": numbers}, out, indent=2)


if __name__ == "__main__":
    main()
