"""The rows of the statistics: what a task does in a second on one slot beside what R does on one core, in turns."""

import contextlib
import dataclasses
import os
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

from farm import Farm, Missing, json_of

R_SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "R")
ONE_CORE = ["OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1"]


@dataclasses.dataclass
class Duel:
    """One line of the table of the statistics: two figures of the same unit, and how many times better ours is."""
    what: str
    ours: object  # () -> number, as in Row
    theirs: object
    target: float | None  # ours over theirs, or for seconds theirs over ours
    show: object
    seconds: bool = False


def by_r(script, *args, timeout_s=300):
    """Runs bench/R/SCRIPT; its answer."""
    return json_of(["env", f"QX_BENCH_R={R_SCRIPTS}", *ONE_CORE, "Rscript", "--vanilla", os.path.join(R_SCRIPTS, script),
                    *map(str, args)], timeout_s)


class Turns:
    """Runs each of several measures once a round, so that all of them meet the same machine; medians over the rounds."""

    def __init__(self, rounds, **measures):
        self.rounds = rounds
        self.measures = measures  # name -> function of the round that returns a dictionary of figures
        self.found = None
        self.missing = {}

    def figure(self, name, key):
        return lambda: self.of(name, lambda figures: figures[key])

    def of(self, name, what):
        """The median of what(figures) over the rounds of a measure."""
        if self.found is None:
            self._run()
        if name in self.missing:
            raise self.missing[name]
        return statistics.median(what(figures) for figures in self.found[name])

    def _run(self):
        self.found = {name: [] for name in self.measures}
        for i in range(self.rounds):
            for name, measure in self.measures.items():
                if name in self.missing:
                    continue
                try:
                    self.found[name].append(measure(i))
                except Missing as reason:
                    self.missing[name] = reason


def wall(command):
    """Seconds of a whole process."""
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise Missing((done.stderr.strip().splitlines() or ["a run failed"])[-1])
    return time.perf_counter() - start


def seconds(value):
    return f"{1e3 * value:.0f} ms" if value < 1 else f"{value:.3g} s"


class Stats:
    """Rows for Bench."""

    def rate_of(self, *args):
        answer = self.build.run(*args, "--slots", "1")
        return answer["n"] / answer["elapsed_s"]

    def row_boot(self):
        with tempfile.TemporaryDirectory() as folder:
            data = pathlib.Path(folder, "xy.csv")
            draw = random.Random(1).gauss
            rows = [(x, x + draw(0, 1)) for x in (draw(0, 1) for _ in range(100))]
            data.write_text("x,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in rows), encoding="ascii")
            tasks = {"mean": "mean(x)", "cor": "cor(x,y)"}
            turns = Turns(self.rounds,
                          qx=lambda _: {key: self.rate_of("boot", f"data={data}", f"stat={stat}", "ci=percentile", "-n",
                                                          self.n(1e6)) for key, stat in tasks.items()},
                          boot=lambda _: by_r("boot.R", data, self.n(20000)))
            for key, stat in tasks.items():
                yield Duel(f"boot {stat}, 100 rows / R's boot", turns.figure("qx", key), turns.figure("boot", key), 20, self.si)

    def row_perm(self):
        with tempfile.TemporaryDirectory() as folder:
            data = pathlib.Path(folder, "two.csv")
            draw = random.Random(2).gauss
            data.write_text("g,y\n" + "".join(f"{g},{draw(0, 1)!r}\n" for g in "ab" for _ in range(50)), encoding="ascii")
            turns = Turns(self.rounds,
                          qx=lambda _: {stat: self.rate_of("perm.test", f"data={data}", "y=y", "group=g", f"stat={stat}",
                                                           "-n", self.n(1e7)) for stat in ("mean", "t")},
                          loop=lambda _: by_r("perm.R", data, self.n(50000)))
            for stat, name in (("mean", "difference of means"), ("t", "Welch's t")):
                for loop, how in ((stat, "mean(), var()" if stat == "t" else "mean()"), (f"{stat}_sums", "sums")):
                    yield Duel(f"perm.test {name}, 2 x 50 / R loop, {how}", turns.figure("qx", stat),
                               turns.figure("loop", loop), 20, self.si)

    def row_power(self):
        turns = Turns(self.rounds,
                      qx=lambda _: {"rate": self.rate_of("power.sim", "design=t2", "n=20", "delta=1", "-n", self.n(5e6))},
                      r=lambda _: by_r("power.R", self.n(5000)))
        for key, how in (("t_test", "replicate(t.test())"), ("by_hand", "replicate(), t by mean() and var()")):
            yield Duel(f"power.sim t2, 2 x 20 / R {how}", turns.figure("qx", "rate"), turns.figure("r", key), None, self.si)

    def row_fit(self):
        groups = self.n(10000)
        with contextlib.ExitStack() as stack:
            data = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()), "groups.csv")
            draw = random.Random(3).gauss
            with open(data, "w", encoding="ascii") as out:
                out.write("g,x,y\n")
                for group in range(groups):
                    for x in (draw(0, 1) for _ in range(50)):
                        out.write(f"g{group},{x!r},{1 + x + draw(0, 1)!r}\n")
            farm = stack.enter_context(Farm(self.build, 1))
            turns = Turns(self.rounds, qx=lambda _: self.fit_once(farm, data), r=lambda _: by_r("fit.R", data, timeout_s=600))
            what = f"fit y ~ x, {groups} groups of 50"
            r = {"lm()": "lm_s", "summary(lm())": "lm_summary_s", "summary(lmList())": "lmlist_s"}
            for name, key in r.items():
                yield Duel(f"{what}: in the farm / R {name}", turns.figure("qx", "farm_s"), turns.figure("r", key), 20,
                           seconds, True)
            yield Duel("... processor time, executor / R summary(lm())", turns.figure("qx", "executor_s"),
                       turns.figure("r", "lm_summary_cpu_s"), 20, seconds, True)
            for output in ("csv", "json"):
                yield Duel(f"... qx run --output {output} less loading / R summary(lm())",
                           turns.figure("qx", f"{output}_less_load_s"), turns.figure("r", "lm_summary_s"), 20, seconds, True)
            yield Duel("... loading and starting / read.csv", turns.figure("qx", "load_s"), turns.figure("r", "read_s"), None,
                       seconds, True)
            yield Duel("... qx run --output csv / R read.csv, summary(lm())", turns.figure("qx", "csv_s"),
                       lambda: turns.of("r", lambda f: f["read_s"] + f["lm_summary_s"]), None, seconds, True)

    def fit_once(self, farm, data):
        """Seconds of whole processes (loading: the same with one group of all rows, less what the farm takes for that), in
        the farm, and of the executor's processor."""
        fit = ["fit", f"data={data}", "formula=y ~ x", "pooled=no", "--slots", "1"]
        command = [self.build.program("qx"), "run", *fit, "--seed", "1", "--quiet", "--output"]
        found = {"csv_s": wall([*command, "csv", "by=g"]), "json_s": wall([*command, "json", "by=g"])}
        found["load_s"] = wall([*command, "csv"]) - self.build.run(*fit)["elapsed_s"]
        found["farm_s"] = self.build.run(*fit, "by=g")["elapsed_s"]
        before_s = farm.executors_s()
        self.build.run(*fit[:-2], "by=g", "--master", farm.url)
        found["executor_s"] = farm.executors_s() - before_s
        for output in ("csv", "json"):
            found[f"{output}_less_load_s"] = found[f"{output}_s"] - found["load_s"]
        return found

    def row_schools(self):
        with tempfile.TemporaryDirectory() as folder:
            jags = {"centred": "centred", "noncentred": "not centred", "expanded": "redundant (Gelman 2006)",
                    "marginal": "theta integrated out"}
            walks = {"mcmc": "metrop", "MCMCpack": "MCMCmetrop1R", "LearnBayes": "rwmetrop"}
            rivals = {"rstan": ("rstan, not centred", lambda i: by_r("schools.R", "stan", self.stan_model(), i + 1))}
            for form, name in jags.items():
                rivals[form] = (f"rjags, {name}", lambda i, form=form: by_r("schools.R", "jags", form, i + 1))
            for package, name in walks.items():
                rivals[package] = (f"{package}'s {name}, theta integrated out",
                                   lambda i, package=package: by_r("schools.R", "walk", package, i + 1))
            turns = Turns(3 * self.rounds, qx=lambda i: self.schools_once(i + 1, folder), **{k: v[1] for k, v in rivals.items()})

            def both(figures):
                return figures["ess"] / (figures["warmup_s"] + figures["draws_s"])

            def draws(figures):
                return figures["ess"] / figures["draws_s"]

            def of_rival(key, rate):
                mean = turns.of(key, lambda figures: figures["mean_tau"])
                ours = turns.of("qx", lambda figures: figures["mean_tau"])
                if abs(mean - ours) > 0.5: # its standard deviation is 3.2; of a chain that hardly moves, 0.3 a run
                    raise Missing(f"{rivals[key][0]} samples something else: tau has the mean {mean:.2f}, not {ours:.2f}")
                return turns.of(key, rate)

            for what, rate in (("eight schools, 4 x (1000 + 1000), ESS", both), ("... in the time of the draws", draws)):
                for key, (name, _) in rivals.items():
                    yield Duel(f"{what} / {name}", lambda rate=rate: turns.of("qx", rate),
                               lambda key=key, rate=rate: of_rival(key, rate), 1, self.si)
            for key, what in (("elapsed_s", "with the diagnostics"), ("process_s", "with the diagnostics and the start of qx")):
                yield Duel(f"... {what} / rstan, chains alone", lambda key=key: turns.of("qx", lambda f: f["ess"] / f[key]),
                           lambda: turns.of("rstan", both), None, self.si)

    def schools_once(self, seed, folder):
        """warmup_s, draws_s: what the slot spent in the task's items, in a run that stops after 4 draws and in the rest of all."""
        run = ["mcmc", "model=schools", "-n", "4", "--slots", "1"]
        full = self.build.run(*run, "csv=no", seed=seed)
        start = self.build.run(*run, "csv=no", "draws=4", seed=seed)
        process_s = wall([self.build.program("qx"), "run", *run, "csv=no", "--seed", str(seed), "--quiet"])
        draws = os.path.join(folder, f"draws{seed}")
        self.build.run(*run, "--save", draws, seed=seed)
        warmup_s, all_s = start["time"]["computing_s"], full["time"]["computing_s"]
        return {**by_r("schools.R", "ess", draws), "warmup_s": warmup_s, "draws_s": all_s - warmup_s,
                "elapsed_s": full["elapsed_s"], "process_s": process_s}

    def stan_model(self):
        """The compiled model, kept in the build directory."""
        kept = os.path.join(self.build.folder, "bench", "schools.rds")
        if not os.path.exists(kept):
            by_r("schools.R", "compile", kept + ".new", timeout_s=600)
            os.replace(kept + ".new", kept)
        return kept
