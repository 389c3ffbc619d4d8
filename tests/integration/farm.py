#!/usr/bin/env python3
"""A real master and real workers on this host: what happens to executors and workers must not show in an answer, and what
happens to items must be counted as what it was. usage: farm.py [CLASS...]"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["QX_BIN_DIR"])
BUILD = BIN.parent
ODD = BUILD / "tests/worker/plugins"       # crashing, hanging and hungry tasks
GOOD = BUILD / "tests/plugins"             # among them one with a reducer of its own
SANITIZED = b"__asan_init" in (BIN / "qx-worker").read_bytes()


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.01)


class Farm(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="qx-farm-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.url = f"ipc://{self.dir}/m"
        self.log = (self.dir / "log").open("w")
        self.addCleanup(self.log.close)
        self.env = {k: v for k, v in os.environ.items() if k != "QX_MASTER"}
        self.env["QX_MASTER"] = self.url
        self.daemon("qx-master", "--bind", self.url, "--beat", "100", "--silent", "1500")

    def daemon(self, name, *args):
        process = subprocess.Popen([BIN / name, *map(str, args), "--exit-with-parent"], stdout=self.log, stderr=self.log, env=self.env)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def worker(self, name, slots=2, *args):
        process = self.daemon("qx-worker", "--master", self.url, "--slots", slots, "--name", name, *args)
        self.assertTrue(wait_for(lambda: name in self.names()), (self.dir / "log").read_text())
        return process

    def qx(self, *args):
        done = subprocess.run([BIN / "qx", *map(str, args), "--output", "json"], capture_output=True, text=True, timeout=120,
                              env=self.env, check=False)
        return done.returncode, done.stdout, done.stderr

    def json(self, *args):
        status, out, err = self.qx(*args)
        self.assertEqual(status, 0, err + (self.dir / "log").read_text()[-2000:])
        return json.loads(out)

    def names(self):
        return {w["name"] for w in self.json("workers")}

    def run_job(self, *args):
        return self.json("run", *args, "--seed", "3", "--quiet")

    def submit(self, *args):
        return self.json("submit", *args, "--seed", "3")["job"]

    def wait(self, job):
        return self.json("wait", job)


class Answers(Farm):
    def test_own_reducers_are_merged_by_executors(self):
        self.worker("a", 3, "--plugins", GOOD)
        digests = {self.run_job("t.own", "-n", "40000", "--chunk", chunk)["digest"] for chunk in ("auto", "1", "7", "1000")}
        self.assertEqual(len(digests), 1)

    def test_a_rule_stops_at_the_same_n(self):
        self.worker("a", 1)
        rule = ("mc.integrate", "expr=exp(-x*y)", "over=x=0:1,y=0:1", "--until", "se<1e-3")
        one = self.run_job(*rule)
        self.worker("b", 3)
        for chunk in ("auto", "1", "5000"):
            other = self.run_job(*rule, "--chunk", chunk)
            self.assertEqual((one["n"], one["digest"]), (other["n"], other["digest"]))

    def test_a_cancelled_job_answers_from_its_prefix_as_the_task_would(self):
        self.worker("a", 2)
        law = pathlib.Path(os.environ["QX_SOURCE_DIR"]) / "examples/law.csv"
        job = self.submit("boot", f"data={law}", "stat=cor(LSAT,GPA)", "ci=percentile", "-n", "1e9")
        self.assertTrue(wait_for(lambda: self.json("status", job)["items_done"] > 10000))
        subprocess.run([BIN / "qx", "cancel", str(job)], env=self.env, check=True, capture_output=True)
        self.assertTrue(wait_for(lambda: self.json("status", job)["state"] == "cancelled"))
        answer = json.loads(self.qx("results", job)[1])
        self.assertTrue(answer["partial"])
        fresh = self.run_job("boot", f"data={law}", "stat=cor(LSAT,GPA)", "ci=percentile", "-n", answer["items"])
        self.assertEqual((answer["digest"], answer["result"]), (fresh["digest"], fresh["result"]))

    def test_a_cut_off_cell_frees_its_slots(self):
        """Items of an hour beyond a cancel must not keep the slots from what comes next."""
        self.worker("a", 2)
        job = self.submit("sleep", "seconds=3600", "-n", "10")
        self.assertTrue(wait_for(lambda: self.json("status", job)["leases"] >= 2))
        subprocess.run([BIN / "qx", "cancel", str(job)], env=self.env, check=True, capture_output=True)
        start = time.monotonic()
        self.run_job("pi", "-n", "1000")
        self.assertLess(time.monotonic() - start, 10)

    def test_cells_may_have_answers_of_other_shapes(self):
        self.worker("a", 2)
        law = pathlib.Path(os.environ["QX_SOURCE_DIR"]) / "examples/law.csv"
        grid = self.run_job("boot", f"data={law}", "-n", "1000", "--grid", "stat=mean(GPA),lm(GPA~LSAT),sd(GPA)", "ci=percentile")
        self.assertEqual(self.names(), {"a"})          # nobody was taken for a liar
        for cell in grid["cells"]:
            alone = self.run_job("boot", f"data={law}", "-n", "1000", f"stat={cell['params']['stat']}", "ci=percentile")
            self.assertEqual((cell["digest"], cell["result"]), (alone["digest"], alone["result"]))

    def test_a_job_ended_by_its_rule_is_not_extended(self):
        self.worker("a", 1)
        job = self.submit("pi", "--until", "se<1e-2")
        self.wait(job)
        status, _, err = self.qx_plain("extend", job, "-n", "1e13")
        self.assertNotEqual(status, 0)
        self.assertIn("ended by its rule", err)

    def qx_plain(self, *args):
        done = subprocess.run([BIN / "qx", *map(str, args)], capture_output=True, text=True, timeout=60, env=self.env, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_killed_executors_and_workers_do_not_show(self):
        self.worker("a", 2)
        job = ("busy", "ms=1", "dist=exponential", "-n", "3000")
        expected = self.run_job(*job)["digest"]
        victim = self.worker("b", 2)
        number = self.submit(*job)
        for share in (300, 900):
            self.assertTrue(wait_for(lambda: self.json("status", number)["items_done"] > share))
            executors = subprocess.run(["pgrep", "-x", "qx-exec-0"], capture_output=True, text=True, check=True).stdout.split()
            mine = [int(pid) for pid in executors if self.is_mine(int(pid))]
            os.kill(mine[0], signal.SIGKILL)
        victim.kill()
        self.worker("c", 1)
        answer = self.wait(number)
        self.assertEqual(answer["digest"], expected)
        self.assertEqual(answer["failures"]["count"], 0)

    def test_one_long_item_keeps_no_others_waiting(self):
        """Items of a microsecond, and one of 2 s where nobody expects it."""
        for workers, slots in ((1, 2), (2, 1)):
            with self.subTest(workers=workers, slots=slots):
                processes = [self.worker(f"w{workers}{i}", slots, "--plugins", ODD) for i in range(workers)]
                start = time.monotonic()
                job = self.submit("odd.item", "what=doze", "at=1500", "-n", "20000", "--chunk", "1")
                self.assertTrue(wait_for(lambda job=job: self.json("status", job)["items_done"] >= 19999))
                self.assertLess(time.monotonic() - start, 1.8)
                self.assertEqual(self.json("status", job)["state"], "running")
                answer = self.wait(job)
                self.assertEqual((answer["n"], answer["failures"]["count"]), (20000, 0))
                self.assertEqual(self.json("status", job)["leases_failed"], 0)
                for p in processes:
                    p.terminate()
                    p.wait()

    def is_mine(self, pid):
        """Does this executor belong to a worker of this test?"""
        while pid > 1:
            try:
                if self.url in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
                    return True
                pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                return False
        return False


class Outcomes(Farm):
    """One item of 2000 does something; it is counted as what it was, and all others are there."""

    def check(self, what, outcome, *more, task="odd.item"):
        answers = [self.run_job(task, f"what={what}", "at=17", "-n", "2000", *more, "--chunk", chunk) for chunk in ("auto", "50")]
        for a in answers:
            self.assertEqual(a["failures"]["count"], 1, a["failures"])
            cause = a["failures"]["causes"][0]
            self.assertEqual((cause["outcome"], cause["first"], cause["count"]), (outcome, [17], 1))
        self.assertEqual(answers[0]["digest"], answers[1]["digest"])

    def setUp(self):
        super().setUp()
        self.worker("a", 2, "--plugins", ODD, *([] if SANITIZED else ["--memory", "256M"]))

    def test_a_crash(self):
        self.check("crash", "signal")

    def test_a_crash_in_a_block_function(self):
        self.check("abort", "signal", task="odd.block")

    def test_an_exit(self):
        self.check("exit", "exit")

    def test_a_hang(self):
        self.check("hang", "timeout", "--timeout", "0.2")

    def test_the_limit_holds_from_the_first_item_on(self):
        for _ in range(3):
            start = time.monotonic()
            status, out, err = self.qx("run", "odd.item", "what=hang", "at=0", "--timeout", "0.2", "-n", "1", "--quiet")
            self.assertEqual(status, 1, out)
            self.assertIn("all 1 items failed: ran longer", err)
            self.assertLess(time.monotonic() - start, 5)    # three attempts

    @unittest.skipIf(SANITIZED, "an address sanitizer and a memory limit do not go together")
    def test_hunger(self):
        self.check("eat", "memory")

    def test_every_item_over_its_budget_fails_the_job(self):
        status, _, err = self.qx("run", "odd.big", "-n", "20", "--seed", "3", "--quiet")
        self.assertEqual(status, 1)
        self.assertIn("all 20 items failed", err)

    def test_a_task_that_cannot_be_opened(self):
        status, _, err = self.qx("run", "odd.item", "at=-3", "-n", "10", "--quiet")
        self.assertEqual(status, 2, err)
        self.assertIn("at must not be -3", err)

    def test_a_task_that_crashes_at_the_start(self):
        status, _, err = self.qx("run", "odd.item", "at=-2", "what=crash", "-n", "10", "--quiet")
        self.assertEqual(status, 1, err)
        self.assertIn("cannot be started", err)
        self.assertIn("SIGSEGV", err)


class Sizes(Farm):
    """Tasks that count their items: t.counted has usual= items, and at most most=."""

    def setUp(self):
        super().setUp()
        self.worker("a", 2, "--plugins", GOOD)

    def extend(self, job, n):
        subprocess.run([BIN / "qx", "extend", str(job), "-n", n], env=self.env, check=True, capture_output=True, text=True)

    def test_the_task_says_how_many(self):
        answer = self.run_job("t.counted", "usual=1000", "most=1000")
        self.assertEqual((answer["n"], answer["result"]["sum"]["sum"]), (1000, 499500))
        self.assertEqual(self.run_job("t.counted", "usual=1000", "most=1000", "-n", "5")["n"], 5)
        self.assertEqual(self.run_job("t.counted", "usual=1000", "most=1000", "-n", "5000")["digest"], answer["digest"])
        self.assertEqual(self.run_job("t.counted", "usual=7", "-n", "5000")["n"], 5000)

    def test_cells_have_their_own(self):
        answer = self.run_job("t.counted", "--grid", "usual=3,70,900")
        self.assertEqual([c["n"] for c in answer["cells"]], [3, 70, 900])

    def test_nobody_says(self):
        status, _, err = self.qx("run", "t.counted")
        self.assertEqual(status, 2, err)
        self.assertIn("give -n N", err)
        self.assertIn("cannot be negative", self.qx("run", "t.counted", "most=-1")[2])

    def test_extension(self):
        job = self.submit("t.counted", "usual=10", "most=30")
        self.assertEqual(self.wait(job)["n"], 10)
        self.extend(job, "100")
        answer = self.wait(job)
        self.assertEqual(answer["n"], 30)
        self.assertEqual(answer["digest"], self.run_job("t.counted", "usual=30")["digest"])
        with self.assertRaises(subprocess.CalledProcessError) as refused:
            self.extend(job, "200")
        self.assertIn("all 30 items that there are", refused.exception.stderr)


class Plugins(Farm):
    def setUp(self):
        super().setUp()
        self.plugins = self.dir / "plugins"
        self.plugins.mkdir()
        shutil.copy(ODD / "odd.so", self.plugins)
        self.a = self.worker("a", 2, "--plugins", self.plugins)

    def restart_zygote(self):
        zygote = subprocess.run(["pgrep", "-P", str(self.a.pid), "-x", "qx-zygote"], capture_output=True, text=True, check=True)
        os.kill(int(zygote.stdout), signal.SIGKILL)

    def log_has(self, text):
        return text in (self.dir / "log").read_text()

    def test_a_plugin_that_went_takes_its_work_elsewhere(self):
        job = self.submit("odd.item", "what=doze", "at=0", "-n", "200")
        self.assertTrue(wait_for(lambda: self.json("status", job)["leases"] >= 1))
        (self.plugins / "odd.so").unlink()
        shutil.copy(GOOD / "good.so", self.plugins)
        self.restart_zygote()
        self.assertTrue(wait_for(lambda: "no worker" in self.json("status", job)["waiting"]), (self.dir / "log").read_text())
        self.assertEqual(self.run_job("t.own", "-n", "1000")["n"], 1000)     # and what came can be run
        self.assertEqual(self.json("status", job)["state"], "running")
        self.worker("b", 1, "--plugins", ODD)
        answer = self.wait(job)
        self.assertEqual((answer["n"], answer["failures"]["count"]), (200, 0))

    def test_a_plugin_that_crashes_when_loaded_again_is_left_out(self):
        job = self.submit("odd.item", "what=doze", "at=0", "-n", "200")
        self.assertTrue(wait_for(lambda: self.json("status", job)["leases"] >= 1))
        shutil.copy(BUILD / "tests/worker/crash/crash_on_load.so", self.plugins / "new.so")
        os.rename(self.plugins / "new.so", self.plugins / "odd.so")
        self.restart_zygote()
        self.assertTrue(wait_for(lambda: self.log_has("PLUGIN-CRASHED")))
        self.assertTrue(wait_for(lambda: "no worker" in self.json("status", job)["waiting"]), (self.dir / "log").read_text())

    def test_the_same_plugins_change_nothing(self):
        job = self.submit("odd.item", "what=doze", "at=0", "-n", "200")
        self.assertTrue(wait_for(lambda: self.json("status", job)["leases"] >= 1))
        self.restart_zygote()
        self.assertEqual(self.wait(job)["n"], 200)
        self.assertFalse(self.log_has("TASKS-CHANGED"))


class Sharing(Farm):
    def test_priorities_are_strict_and_equals_share(self):
        self.worker("a", 2)
        long_one = self.submit("busy", "ms=2", "-n", "20000")
        self.assertTrue(wait_for(lambda: self.json("status", long_one)["items_done"] > 50))
        same = [self.submit("busy", "ms=2", "-n", "400") for _ in range(2)]
        for job in same:
            self.wait(job)
        self.assertEqual(self.json("status", long_one)["state"], "running")
        done = self.json("status", long_one)["items_done"]
        self.assertLess(done, 4000)            # a third of the slots, not all of them
        urgent = self.submit("busy", "ms=2", "-n", "400", "--priority", "5")
        before = self.json("status", long_one)["items_done"]
        self.wait(urgent)
        after = self.json("status", long_one)["items_done"]
        self.assertLess(after - before, 200)   # it got next to nothing meanwhile
        subprocess.run([BIN / "qx", "cancel", str(long_one)], env=self.env, check=True, capture_output=True)
        self.assertTrue(wait_for(lambda: self.json("status", long_one)["state"] == "cancelled"))

    def test_workers_that_differ(self):
        self.worker("plain", 1)
        odd = self.worker("odd", 1, "--plugins", ODD)
        job = self.submit("odd.item", "-n", "3000", "--chunk", "10")
        for _ in range(3):
            self.run_job("pi", "-n", "100000")
        self.assertEqual(self.wait(job)["n"], 3000)
        odd.terminate()
        self.assertTrue(wait_for(lambda: self.names() == {"plain"}))
        job = self.submit("odd.item", "-n", "3000")
        self.assertTrue(wait_for(lambda: "no worker" in self.json("status", job)["waiting"]))
        self.run_job("pi", "-n", "1000")       # others go on
        self.worker("late", 1, "--plugins", ODD)
        self.assertEqual(self.wait(job)["n"], 3000)

    def test_draining_loses_nothing(self):
        self.worker("stays", 1)
        leaves = self.worker("leaves", 2)
        job = self.submit("busy", "ms=1", "-n", "1500")
        self.assertTrue(wait_for(lambda: self.json("status", job)["items_done"] > 100))
        leaves.terminate()
        self.assertEqual(leaves.wait(30), 0)
        answer = self.wait(job)
        self.assertEqual((answer["n"], answer["failures"]["count"]), (1500, 0))
        self.assertEqual(self.json("status", job)["leases_failed"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
