#!/usr/bin/env python3
"""qx from the outside: exit codes, messages, files. usage: cli.py [CLASS...]"""
import csv
import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

BIN = pathlib.Path(os.environ.get("QX_BIN_DIR", "build/asan/bin")).resolve()
QX = str(BIN / "qx")
GOOD = BIN.parent / "tests" / "plugins"
PLUGINS = GOOD / "answers"                      # of all shapes
LAW = "LSAT,GPA\n" + "".join(
    f"{a},{b}\n" for a, b in [(576, 3.39), (635, 3.30), (558, 2.81), (578, 3.03), (666, 3.44), (580, 3.07), (555, 3.00),
                              (661, 3.43), (651, 3.36), (605, 3.13), (653, 3.12), (575, 2.74), (545, 2.76), (572, 2.88), (594, 2.96)])


def environment(**changes):
    env = {k: v for k, v in os.environ.items() if k not in ("QX_MASTER", "QX_BIN_DIR")}
    env.update(changes)
    return env


def qx(*args, timeout=100, **changes):
    """Runs qx; gives (exit status, stdout, stderr)."""
    p = subprocess.run([QX, *map(str, args)], capture_output=True, text=True, timeout=timeout, env=environment(**changes), check=False)
    return p.returncode, p.stdout, p.stderr


def run_json(*args):
    status, out, err = qx("run", *args, "--quiet", "--output", "json")
    assert status == 0, (status, out, err)
    return json.loads(out)


def wait_for(condition, seconds=20):
    """Until condition() holds; gives what it gave."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.01)


def children(pid):
    """Processes whose parent is pid."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if int(text.rsplit(")", 1)[1].split()[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="qx-cli-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.law = self.dir / "law.csv"
        self.law.write_text(LAW)

    def refused(self, status, *words, args):
        """args end with `status`, and stderr has all the words in one line of qx."""
        got, _, err = qx(*args)
        self.assertEqual(got, status, err)
        line = [x for x in err.splitlines() if x.startswith("qx: ")][-1]
        for word in words:
            self.assertIn(word, line)

    def start(self, *args, **changes):
        p = subprocess.Popen([QX, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**changes))
        self.addCleanup(lambda: p.poll() is None and p.kill())
        return p


class Usage(Case):
    def test_no_command(self):
        status, _, err = qx()
        self.assertEqual(status, 2)
        self.assertIn("usage: qx COMMAND", err)

    def test_help(self):
        for args in (["help"], ["--help"], ["help", "run"], ["run", "--help"], ["version"], ["--version"]):
            status, out, _ = qx(*args)
            self.assertEqual(status, 0, args)
            self.assertTrue(out)
        _, out, _ = qx("help")
        for name in "run submit status wait results cancel extend tasks workers replay version completion".split():
            self.assertIn(f"\n  {name} ", out)
            self.assertEqual(qx(name, "--help")[0], 0)

    def test_the_manual_has_every_command_and_option(self):
        manual = (pathlib.Path(os.environ.get("QX_SOURCE_DIR", ".")) / "docs" / "cli.md").read_text()
        commands = [x.split()[0] for x in qx("help")[1].split("commands:")[1].split("\n\n")[0].splitlines() if x.strip()]
        self.assertGreater(len(commands), 10)
        for command in commands:
            self.assertIn(f"`{command}", manual)
            for line in qx(command, "--help")[1].split("options:")[1].splitlines():
                for word in line.split()[:3]:
                    if word.startswith("--") and word not in ("--help",):
                        self.assertIn(word, manual)

    def test_nearest_names(self):
        self.refused(2, "'stauts'", "'status'", args=["stauts"])
        self.refused(2, "--sead", "--seed", args=["run", "pi", "--sead", "7"])
        self.refused(2, "'se'", "position 1", args=["run", "pi", "--until", "see<1"])
        self.refused(2, "'--n'", "'-n'", args=["run", "pi", "--n", "10"])
        self.refused(2, "'--n=10'", "'-n'", args=["run", "pi", "--n=10"])
        self.refused(2, "'--sead=7'", "'--seed'", args=["run", "pi", "--sead=7"])
        self.refused(2, "'-seed'", "'--seed'", args=["run", "pi", "-seed", "7"])
        self.refused(2, "'-plot=x.png'", "'--plot'", args=["run", "pi", "-plot=x.png"])
        self.refused(2, "word of its own", "qx run TASK", args=["run", "--task", "pi"])
        self.refused(2, "--keep", args=["status", "--keep", "x"])

    def test_values(self):
        for n in ("0", "-1", "1.5", "ten", "1e30", "99999999999999999999", ""):
            self.refused(2, "-n", args=["run", "pi", "-n", n])
        for seed in ("-1", "x", "1.5", "99999999999999999999"):
            self.refused(2, "--seed", args=["run", "pi", "-n", "1", "--seed", seed])
        self.refused(2, "--slots", args=["run", "pi", "-n", "1", "--slots", "0"])
        self.refused(2, "--chunk", args=["run", "pi", "-n", "1", "--chunk", "0"])
        self.refused(2, "--output", "text, json or csv", args=["run", "pi", "--output", "xml"])
        self.refused(2, "--priority", args=["run", "pi", "--priority", "101"])
        self.refused(2, "--timeout", args=["run", "pi", "--timeout", "-1"])

    def test_words(self):
        self.refused(2, "usage", args=["run"])
        self.refused(2, "name=value", args=["run", "pi", "junk"])
        self.refused(2, "twice", args=["run", "busy", "ms=1", "ms=2"])
        self.refused(2, "twice", args=["run", "pi", "-n", "1", "-n", "2"])
        self.refused(2, "needs a value", args=["run", "pi", "-n"])
        self.refused(2, "takes no value", args=["run", "pi", "--quiet=yes"])
        self.refused(2, "'x'", args=["wait", "x"])
        self.refused(2, "usage", args=["wait"])
        self.refused(2, "-n", args=["extend", "4"])

    def test_grids(self):
        for spec in ("n", "n=", "n=5:1", "n=1,,2"):
            self.refused(2, "--grid", args=["run", "busy", "--grid", spec])
        self.refused(2, "ms", args=["run", "busy", "ms=1", "--grid", "ms=1,2"])

    def test_help_speaks_of_its_command(self):
        farm = "embedded farm"
        for command in ("run", "tasks"):
            self.assertIn(farm, qx(command, "--help")[1])
        for command in ("submit", "status", "wait", "results", "cancel", "extend", "workers", "replay"):
            self.assertNotIn(farm, qx(command, "--help")[1], command)
        self.assertIn("the seed of the job", qx("replay", "--help")[1])
        self.assertNotIn("drawn", qx("replay", "--help")[1])
        self.assertIn("in all", qx("extend", "--help")[1])

    def test_files_that_cannot_be_written(self):
        for option, name in (("--plot", "x.png"), ("--keep", "x.csv")):
            self.refused(2, option, "No such file", args=["run", "pi", option, self.dir / "no" / name])
            self.refused(2, option, "folder", args=["run", "pi", option, self.dir if option == "--keep" else self.folder(name)])
            blocked = self.dir / "file"
            blocked.write_text("")
            self.refused(2, option, "Not a directory", args=["run", "pi", option, blocked / name])
            if os.geteuid():
                self.dir.chmod(0o500)
                self.refused(2, option, "Permission denied", args=["run", "pi", option, self.dir / f"new-{name}"])
                self.dir.chmod(0o700)
        self.refused(2, "--keep", "name of a file", args=["run", "pi", "--keep", ""])
        self.refused(2, "No such file", args=["results", "1", "--plot", self.dir / "no" / "x.svg", "--master", "ipc:///none"])

    def folder(self, name):
        path = self.dir / name
        path.mkdir(exist_ok=True)
        return path

    def test_files_are_checked_before_anything_runs(self):
        self.refused(2, ".png, .svg or .pdf", args=["run", "pi", "--plot", "x.gif"])
        self.refused(2, "No such file", args=["run", "pi", "--keep", self.dir / "no" / "x.csv"])

    def test_masters(self):
        for url in ("host:5550", "tcp://host", "tcp://host:0", "tcp://:5550", "http://h:1", "ipc://"):
            self.refused(2, url, args=["status", "--master", url])
        for command in (["status"], ["wait", "1"], ["results", "1"], ["cancel", "1"], ["extend", "1", "-n", "2"], ["workers"], ["submit", "pi"]):
            self.refused(3, "--master", args=command)

    def test_the_wrong_part_of_an_address_is_named(self):
        for url, words in {"host:5550": ("scheme", "tcp://host:5550"), "tcp://host": ("port", "tcp://host:5550"), "tcp://h:x": ("'x'",),
                           "http://h:1": ("'http'",), "tcp://:5550": ("host",), "ipc://": ("path",)}.items():
            self.refused(2, *words, args=["run", "pi", "--master", url])

    def test_an_unknown_host(self):
        start = time.monotonic()
        self.refused(3, "tcp://no such host:5550", "'no such host'", "not known", args=["status", "--master", "tcp://no such host:5550"])
        self.assertLess(time.monotonic() - start, 2)

    def test_unreachable_master(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))        # bound, not listening: nobody answers
            url = f"tcp://127.0.0.1:{s.getsockname()[1]}"
            start = time.monotonic()
            self.refused(3, url, args=["status", "--master", url])
            self.assertLess(time.monotonic() - start, 4)
            self.assertEqual(qx("run", "pi", QX_MASTER=url)[0], 3)


def complete(*words, **changes):
    """What bash offers in place of the last of these words, which are as it splits them: = and : stand alone."""
    script = ('source <("$0" completion bash); PATH=$1:$PATH; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              '_qx; printf "%s\\n" "${COMPREPLY[@]}"')
    p = subprocess.run(["bash", "-c", script, QX, str(BIN), "qx", *words], capture_output=True, text=True, check=True, timeout=60,
                       env=environment(**changes))
    return p.stdout.split()


class Rounds(Case):
    def run_json(self, *args):
        return run_json(*args, "--plugins", PLUGINS)

    def test_the_answer_is_that_of_the_last_round(self):
        a = self.run_json("t.rounds", "last=3", "-n", "200", "--seed", "1")
        self.assertEqual((a["rounds"], a["result"]["step"], a["result"]["history"]), (3, 3, "1,2,"))
        self.assertEqual([(r["round"], r["why"]) for r in a["round_list"]], [(1, ""), (2, "step 2 of 3"), (3, "step 3 of 3")])
        self.assertEqual({r["seed"] for r in a["round_list"]}, {1})
        self.assertNotIn("next", a["result"])
        self.assertNotIn("unfinished", a)
        alone = self.run_json("t.rounds", "last=3", "step=3", "history=1,2,", "-n", "200", "--seed", "1")
        self.assertNotIn("rounds", alone)
        self.assertEqual((alone["digest"], alone["result"]), (a["digest"], a["result"]))
        self.assertEqual(a["round_list"][2]["digest"], a["digest"])
        _, out, _ = qx("run", "t.rounds", "--seed", "1", "--plugins", PLUGINS)
        self.assertIn(" 3 rounds ", out)
        self.assertNotIn("step 2 of 3", out)

    def test_cells_go_on_as_long_as_each_wants(self):
        args = ["t.rounds", "--grid", "last=1,3,2", "--seed", "1"]
        a, b = self.run_json(*args, "--slots", "1"), self.run_json(*args, "--slots", "2", "--chunk", "7")
        self.assertEqual([c["result"]["step"] for c in a["cells"]], [1, 3, 2])
        self.assertEqual([c["params"] for c in a["cells"]], [{"last": "1"}, {"last": "3"}, {"last": "2"}])
        self.assertEqual([r["cells"] for r in a["round_list"]], [3, 2, 1])
        self.assertEqual(a["digest"], b["digest"])
        for cell in a["cells"]:
            alone = self.run_json("t.rounds", f"last={cell['params']['last']}", "--seed", "1")
            self.assertEqual((alone["digest"], alone["result"]), (cell["digest"], cell["result"]))
        same = self.run_json("t.rounds", "--grid", "last=2,2", "--seed", "1")
        self.assertEqual(same["digest"], same["round_list"][1]["digest"])       # made as a master makes it

    def test_the_items_of_a_round(self):
        a = self.run_json("t.rounds", "last=3", "more=50", "-n", "200", "--seed", "1")
        self.assertEqual([r["items"] for r in a["round_list"]], [200, 50, 100])
        self.assertEqual(a["n"], 100)

    def test_there_is_an_end(self):
        status, out, err = qx("run", "t.rounds", "last=5000", "-n", "2", "--seed", "1", "--quiet", "--output", "json", "--plugins", PLUGINS)
        self.assertEqual(status, 1)
        self.assertIn("round 1000", err)
        a = json.loads(out)
        self.assertEqual((a["rounds"], a["state"], a["partial"], a["unfinished"]), (1000, "failed", True, "step 1001 of 5000"))
        self.assertEqual(a["result"]["step"], 1000)

    def test_a_round_that_fails_leaves_those_before(self):
        for args, words in ((["refuse=2"], "step 2 is refused"), (["bad=name"], "nonsense"), (["bad=number"], "is no text")):
            status, out, err = qx("run", "t.rounds", "last=3", *args, "--seed", "1", "--quiet", "--plugins", PLUGINS)
            self.assertEqual(status, 1, err)
            self.assertIn(words, err)
            self.assertRegex(out, r"(?s)PARTIAL.*next would be: step 2 of 3.*step +1")

    def test_ctrl_c_in_a_later_round(self):
        path = self.dir / "k.csv"
        p = self.start("run", "t.rounds", "last=9", "slow_ms=20", "-n", "1000", "--seed", "1", "--output", "json", "--keep", path,
                       "--plugins", PLUGINS, "--slots", "2")
        for line in p.stderr:
            if "round 2" in line:
                break
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=30)
        self.assertEqual(p.returncode, 4, err)
        a = json.loads(out)
        self.assertEqual((a["state"], a["partial"], a["result"]["step"], a["unfinished"]), ("cancelled", True, 1, "step 2 of 9"))
        self.assertEqual(a["n"], 1000)
        self.assertFalse(path.exists())

    def test_rows_are_those_of_the_last_round_of_each_cell(self):
        path = self.dir / "k.csv"
        a = self.run_json("t.rounds", "--grid", "last=3,1,2", "-n", "500", "--seed", "1", "--keep", path)
        with path.open(newline="") as f:
            rows = list(csv.reader(f))
        self.assertEqual([(int(r[0]), int(r[1])) for r in rows[1:]], [(c, i) for c in range(3) for i in range(500)])
        for c, cell in enumerate(a["cells"]):
            mean = sum(float(r[2]) for r in rows[1:] if int(r[0]) == c) / 500
            self.assertAlmostEqual(mean, cell["result"]["estimate"], places=9)
        self.assertEqual([p.name for p in self.dir.glob("k.csv*")], ["k.csv"])


class Shapes(Case):
    def qx(self, *args):
        status, out, err = qx("run", *args, "--seed", "1", "--plugins", PLUGINS)
        self.assertEqual(status, 0, err)
        return out, err

    def test_files_are_saved(self):
        where = self.dir / "out"
        out, err = self.qx("t.files")
        self.assertIn("--save DIR", err)
        self.assertNotIn("first.csv", out)
        (self.dir / "out").mkdir()
        (where / "first.csv").write_text("old")
        (where / "mine.txt").write_text("mine")
        out, err = self.qx("t.files", "--save", where)
        self.assertIn(f"written to {where}: first.csv, second.txt", err)
        self.assertEqual({p.name: p.read_text() for p in where.iterdir()},
                         {"first.csv": "a,b\n1,2\n", "second.txt": "second\n", "mine.txt": "mine"})
        a = run_json("t.files", "--plugins", PLUGINS, "--save", self.dir / "new")
        self.assertEqual(a["result"]["files"], [{"name": "first.csv", "bytes": 8}, {"name": "second.txt", "bytes": 7}])
        self.assertTrue((self.dir / "new" / "second.txt").exists())

    def test_files_of_a_grid(self):
        where = self.dir / "out"
        self.qx("t.files", "--grid", "name=a,b", "--save", where)
        self.assertEqual(sorted(str(p.relative_to(where)) for p in where.rglob("*") if p.is_file()),
                         ["cell-0/a", "cell-0/first.csv", "cell-1/b", "cell-1/first.csv"])

    def test_names_that_mean_something_else_are_refused(self):
        for name in ("../evil", "/evil", ".hidden", "a/b", "first.csv", "x" * 300, ""):
            status, _, err = qx("run", "t.files", f"name={name}", "--quiet", "--save", self.dir / "out", "--plugins", PLUGINS)
            self.assertEqual(status, 1, name)
            self.assertIn("file 2 of the answer", err)
            self.assertEqual(list(self.dir.rglob("*evil*")) + list((self.dir / "out").glob("*")), [])

    def test_a_link_is_replaced_not_followed(self):
        where, target = self.dir / "out", self.dir / "target"
        where.mkdir()
        target.write_text("keep")
        (where / "first.csv").symlink_to(target)
        self.qx("t.files", "--save", where)
        self.assertEqual((target.read_text(), (where / "first.csv").read_text()), ("keep", "a,b\n1,2\n"))

    def test_folders_that_cannot_be(self):
        blocked = self.dir / "file"
        blocked.write_text("")
        self.refused(2, "--save", "no folder", args=["run", "pi", "--save", blocked])
        self.refused(2, "--save", args=["run", "pi", "--save", ""])
        self.refused(2, "--save", "Not a directory", args=["run", "pi", "--save", blocked / "x"])

    def test_a_task_takes_until_itself(self):
        out, _ = self.qx("t.until", "--until", "rhat<1.01,ess>400")
        self.assertRegex(out, r"rule +rhat<1.01,ess>400")
        self.assertNotIn("(until", out)
        out, _ = self.qx("t.until", "--until", "exceed=3", "-n", "1000")        # this one the farm knows too
        self.assertRegex(out, r"rule +exceed=3\n(?s:.*)n [0-9]{1,2} \(until exceed=3\)")
        self.refused(2, "until", "given too", args=["run", "t.until", "until=x", "--until", "y", "--plugins", PLUGINS])
        out, _ = self.qx("t.exceed", "--until", "exceed=20")
        self.assertRegex(out, r"wanted +20\n +heads +2\d\n(?s:.*)\(until exceed=20\)")
        for rule, count in (("exceed>=7", 7), ("exceed>7", 8), ("n>=10,exceed=5", 5)):
            self.assertRegex(self.qx("t.exceed", "--until", rule)[0], rf"wanted +{count}\n")
        self.refused(2, "exceed", "given too", args=["run", "t.exceed", "exceed=3", "--until", "exceed=4", "--plugins", PLUGINS])
        self.assertRegex(self.qx("t.exceed", "exceed=3", "--until", "p<2")[0], r"wanted +3\n")

    def test_a_table_is_tidy(self):
        out, _ = self.qx("t.lists", "--output", "csv")
        rows = list(csv.DictReader(out.splitlines()))
        self.assertEqual(list(rows[0]), ["group", "term", "estimate", "std_error", "statistic", "p_value"])
        self.assertEqual([(r["group"], r["term"]) for r in rows], [("g0", "(Intercept)"), ("g0", "x"), ("g1", "(Intercept)"), ("g1", "x")])
        out, _ = self.qx("t.lists", "--output", "csv:groups")
        self.assertEqual(out.splitlines()[0], "name,size,levels.a.mean,levels.b.mean")
        self.assertEqual(self.qx("t.lists", "table=groups", "--output", "csv")[0], out)
        out, _ = self.qx("t.lists", "--grid", "rows=1,2", "--output", "csv")
        self.assertEqual([(r["rows"], r["term"]) for r in csv.DictReader(out.splitlines())],
                         [("1", "(Intercept)"), ("2", "(Intercept)"), ("2", "x")])
        self.refused(2, "csv:grops", "coefficients, groups", args=["run", "t.lists", "--quiet", "--output", "csv:grops", "--plugins", PLUGINS])
        self.refused(2, "--output", args=["tasks", "--output", "csv:x"])

    def test_long_lists_are_cut(self):
        out, _ = self.qx("t.lists", "rows=10000")
        self.assertEqual(len(re.findall(r"(?m)^    g\d", out)), 50)
        self.assertIn("9950 more rows: --output csv has them all", out)
        out, _ = self.qx("t.lists", "rows=10000", "--output", "csv")
        self.assertEqual(len(out.splitlines()), 10001)
        out, _ = self.qx("t.lists", "rows=10000", "table=groups")
        self.assertIn("--output csv:coefficients", out)

    def test_lists_in_lists_and_sentences(self):
        out, _ = self.qx("t.lists")
        self.assertRegex(out, r"levels of each group\n +group +level +mean\n +high +a +0.5\n +high +b +1.5\n +low +a +1.5\n")
        self.assertIn("\n    - another one\n", out)
        self.assertRegex(out, r"g0 +x +0.01235 +0.00089 +13.87 +< 2e-16\n")
        self.assertNotRegex(out, r" \n")

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_panels(self):
        for n in (1, 2, 4, 6, 12, 20):
            path = self.dir / f"p{n}.svg"
            self.qx("t.panels", f"panels={n}", "--plot", path)
            text = re.sub(r"</?tspan[^>]*>", "", path.read_text())
            self.assertEqual(text.count(">trace of theta[1]<"), (min(n, 12) + 7) // 8)
            self.assertEqual("(the first 12 of 20)" in text, n == 20)
        for kind in range(8):
            for ending, magic in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
                path = self.dir / f"k{kind}.{ending}"
                self.qx("t.panels", "panels=1", f"first={kind}", "--plot", path)
                self.assertEqual(path.read_bytes()[:4], magic[:4])

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_a_grid_shows_what_is_known_and_what_is_wanted(self):
        path = self.dir / "g.svg"
        for grid in (["--grid", "first=0:10"], ["--grid", "first=0:3", "--grid", "panels=1,2"]):
            self.qx("t.panels", *grid, "--plot", path)
            text = re.sub(r"</?tspan[^>]*>", "", path.read_text())
            self.assertIn(">analytic<", text)
            self.assertIn(">target 0.8<", text)

    def test_a_task_that_counts_its_items(self):
        out = qx("tasks", "t.counted", "--plugins", GOOD)[1]
        self.assertIn("counted from the data", out)
        tasks = json.loads(qx("tasks", "--plugins", GOOD, "--output", "json")[1])
        counted = {t["name"] for t in tasks if t["n_counted"]}
        self.assertTrue("t.counted" in counted and "pi" not in counted, counted)


class Completion(Case):
    def test_scripts_parse(self):
        for shell in ("bash", "zsh", "fish"):
            status, out, _ = qx("completion", shell)
            self.assertEqual(status, 0)
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=out, text=True, check=True, timeout=60)
        self.refused(2, "bash, zsh or fish", args=["completion", "tcsh"])

    def test_bash(self):
        self.assertIn("submit", complete("su"))
        self.assertIn("--until", complete("run", "pi", "--un"))
        self.assertNotIn("--until", complete("status", "--"))
        self.assertEqual(complete("run", "pi", "--output", "j"), ["json"])
        self.assertIn("pi", complete("run", "p"))
        self.assertIn("stat=", complete("run", "boot", "st"))

    def test_bash_values(self):
        self.assertEqual(complete("run", "boot", "ci", "=", "b"), ["basic", "bca"])
        self.assertIn("percentile", complete("run", "boot", "ci", "="))
        self.assertEqual(complete("run", "-n", "10", "--quiet", "boot", "stat", "=", "mean", "ci", "=", "p"), ["percentile"])
        self.assertEqual(complete("run", "boot", "data", "=", f"{self.dir}/la"), [str(self.law)])
        self.assertEqual(complete("run", "pi", "-o", "j"), ["json"])
        self.assertEqual(complete("run", "pi", "--output", "=", "c"), ["csv"])
        self.assertEqual(complete("run", "-q", "pi", "-o", "t"), ["text"])
        for option in ("--plot", "--keep", "-p", "-k"):
            self.assertEqual(complete("run", "pi", option, f"{self.dir}/la"), [str(self.law)])
        self.assertEqual(complete("run", "busy", "--grid", "dis"), ["dist="])
        self.assertIn("exponential", complete("run", "busy", "--grid", "dist", "=", ""))
        self.assertEqual(complete("replay", "--task", "boot", "ci", "=", "bc"), ["bca"])
        self.assertIn("workers", complete("help", "wo"))

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        script = self.dir / "qx.fish"
        script.write_text(qx("completion", "fish")[1])
        for line, word in {"qx su": "submit", "qx run p": "pi", "qx run boot ci=b": "ci=bca", "qx run pi --output=j": "--output=json",
                           f"qx run boot data={self.dir}/la": f"data={self.law}", "qx run -n 10 boot st": "stat="}.items():
            p = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], capture_output=True, text=True,
                               timeout=60, check=True, env=environment(PATH=f"{BIN}:{os.environ['PATH']}"))
            self.assertIn(word, [x.split("\t")[0] for x in p.stdout.splitlines()])


class Answers(Case):
    def test_text(self):
        status, out, err = qx("run", "pi", "-n", "1e5", "--seed", "7", "--slots", "2")
        self.assertEqual(status, 0, err)
        self.assertIn("estimate", out)
        self.assertIn("seed 7", out)
        self.assertIn("embedded farm of 2 slots", err)
        self.assertEqual(qx("run", "pi", "-n", "1e5", "--seed", "7", "--quiet")[2], "")

    def test_json(self):
        a = run_json("pi", "-n", "1e5", "--seed", "7", "--slots", "2")
        expected = ["job", "task", "version", "params", "n", "seed", "state", "partial", "result", "failures", "items", "elapsed_s", "slots",
                    "digest", "time", "speedup", "efficiency", "karp_flatt"]
        self.assertEqual(list(a), expected)
        self.assertEqual((a["task"], a["n"], a["seed"], a["state"], a["partial"], a["slots"]), ("pi", 100000, 7, "done", False, 2))
        self.assertEqual(a["failures"], {"count": 0, "causes": []})
        self.assertEqual(list(a["time"]), ["waiting_s", "transfer_s", "computing_s", "reducing_s"])
        self.assertRegex(a["digest"], "^[0-9a-f]{32}$")
        self.assertLess(abs(a["result"]["estimate"] - 3.14159), 5 * a["result"]["se"])
        for part in a["time"].values():
            self.assertGreaterEqual(part, 0)
            self.assertLess(part, 60)

    def test_csv(self):
        status, out, _ = qx("run", "pi", "-n", "1e4", "--seed", "7", "--quiet", "--output", "csv")
        self.assertEqual(status, 0)
        rows = list(csv.DictReader(out.splitlines()))
        self.assertEqual(len(rows), 1)
        self.assertEqual(float(rows[0]["estimate"]), run_json("pi", "-n", "1e4", "--seed", "7")["result"]["estimate"])

    def test_the_answer_does_not_depend_on_the_farm(self):
        digests = {run_json("pi", "-n", "30000", "--seed", "3", "--slots", s, "--chunk", c)["digest"] for s, c in ((1, "auto"), (3, "auto"), (2, 1))}
        self.assertEqual(len(digests), 1)

    def test_a_drawn_seed_is_told_and_gives_the_answer_again(self):
        status, out, err = qx("run", "pi", "-n", "1e4", "--output", "json")
        self.assertEqual(status, 0)
        a = json.loads(out)
        self.assertIn(f"seed {a['seed']} was drawn", err)
        status, _, err = qx("run", "mc.integrate", "expr=z", "over=x=0:1")
        self.assertEqual(status, 2)
        self.assertNotIn("was drawn", err)
        self.assertEqual(run_json("pi", "-n", "1e4", "--seed", a["seed"])["digest"], a["digest"])

    def test_until(self):
        args = ["mc.integrate", "expr=exp(-x*y)", "over=x=0:1,y=0:1", "--until", "se<1e-3", "--seed", "7"]
        one, two = run_json(*args, "--slots", "1"), run_json(*args, "--slots", "3")
        self.assertTrue(one["stopped"])
        self.assertLess(one["result"]["se"], 1e-3)
        self.assertEqual((one["n"], one["digest"]), (two["n"], two["digest"]))

    def test_grid(self):
        a = run_json("mc.integrate", "over=x=0:1", "--grid", "expr=x,x^2", "--grid", "conf=0.9:0.95:0.05", "-n", "2000", "--seed", "5")
        self.assertEqual([c["params"] for c in a["cells"]],
                         [{"expr": e, "conf": c} for e in ("x", "x^2") for c in ("0.9", "0.95")])
        alone = run_json("mc.integrate", "over=x=0:1", "expr=x^2", "conf=0.95", "-n", "2000", "--seed", "5")
        self.assertEqual(a["cells"][3]["digest"], alone["digest"])
        self.assertEqual(a["cells"][3]["result"], alone["result"])
        status, out, _ = qx("run", "mc.integrate", "over=x=0:1", "--grid", "expr=x,x^2", "-n", "2000", "--quiet")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"(?m)^  x\^2 +.*\d")

    def test_a_linear_model_in_a_grid_has_its_coefficients(self):
        args = ["run", "boot", f"data={self.law}", "--grid", "stat=mean(GPA),lm(GPA~LSAT)", "ci=all", "-n", "500", "--seed", "1", "--quiet"]
        _, out, _ = qx(*args)
        for name in (r"\(Intercept\)", "LSAT"):
            self.assertRegex(out, rf"(?m)^  lm\(GPA~LSAT\) +{name} +[0-9.]+ ")
        self.assertRegex(out, "(?m)^  all: rows 15")
        self.assertNotRegex(out, r"0\.0*[1-9]\d{4}")        # z0 and acceleration: four digits
        _, out, _ = qx(*args, "--output", "csv")
        names = out.splitlines()[0].split(",")
        self.assertEqual(len(names), len(set(names)))
        rows = list(csv.DictReader(out.splitlines()))
        self.assertEqual((rows[0]["intervals.(Intercept).bca.lower"], rows[1]["intervals.bca.lower"]), ("", ""))
        lm = run_json("boot", f"data={self.law}", "stat=lm(GPA~LSAT)", "ci=all", "-n", "500", "--seed", "1")["result"]
        interval = next(x for x in lm["intervals"] if (x["name"], x["method"]) == ("(Intercept)", "bca"))
        self.assertEqual(float(rows[1]["intervals.(Intercept).bca.lower"]), interval["lower"])
        self.assertEqual(float(rows[1]["coefficients.LSAT.estimate"]), lm["coefficients"][1]["estimate"])
        self.assertEqual([p["title"] for p in lm["plot"]["panels"]], ["(Intercept)", "LSAT"])

    def test_csv_of_a_grid_counts_failures(self):
        args = ["mc.integrate", "over=x=0:1", "--grid", "expr=x,1/(x<0.5)", "-n", "100", "--seed", "1", "--quiet", "--output", "csv"]
        status, out, err = qx("run", *args)
        self.assertEqual(status, 0, err)
        names = out.splitlines()[0].split(",")
        rows = list(csv.DictReader(out.splitlines()))
        self.assertEqual([r["failed"] for r in rows], ["0", str(100 - int(rows[1]["n"]))])
        self.assertNotIn("partial", names)
        only = [n for n in names if not rows[0][n] and rows[1][n]]        # the warning, which the first cell has not
        self.assertTrue(only, out)

    def test_a_warning_names_the_cell_as_replay_does(self):
        _, out, _ = qx("run", "mc.integrate", "over=x=0:1", "--grid", "expr=x,1/(x<0.5)", "-n", "100", "--seed", "1", "--quiet")
        self.assertIn("  warning (cell 1): not the integral", out)
        _, out, _ = qx("run", "mcmc", "--grid", "form=noncentred,centred", "--seed", "1", "--quiet")
        self.assertRegex(out, r"(?m)^  warning \(cell 1\): R-hat: 1\.")

    def test_one_is_singular(self):
        _, out, _ = qx("run", "pi", "-n", "1000", "--slots", "1", "--quiet")
        self.assertRegex(out, r"on 1 slot\b(?!s)")

    def terminal(self, columns, *args):
        """What qx prints on a terminal of so many columns, without colours."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        p = subprocess.Popen([QX, *map(str, args)], stdout=slave, stderr=subprocess.DEVNULL, env=environment(TERM="xterm"))
        os.close(slave)
        out = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        os.close(master)
        self.assertEqual(p.wait(timeout=60), 0)
        return re.sub(r"\x1b\[[0-9;]*m", "", out.decode()).replace("\r\n", "\n")

    def test_nothing_is_wider_than_the_terminal(self):
        jobs = [["pi", "-n", "1e4"],
                ["boot", f"data={self.law}", "stat=lm(GPA~LSAT)", "ci=all", "-n", "500"],
                ["boot", f"data={self.law}", "--grid", "stat=mean(GPA),lm(GPA~LSAT)", "ci=all", "-n", "500"],
                ["mc.integrate", "expr=1/(x<0.5)", "over=x=0:1", "-n", "1000"]]
        for columns in (50, 80):
            for job in jobs:
                out = self.terminal(columns, "run", *job, "--seed", "1")
                for line in out.splitlines():
                    self.assertLessEqual(len(line), columns, out)

    def test_a_folded_list_repeats_what_tells_its_rows_apart(self):
        out = self.terminal(60, "run", "mcmc", "--grid", "delta=0.8,0.9", "--seed", "1")
        self.assertGreater(len(re.findall(r"(?m)^    0\.9 +theta\[8\] ", out)), 1, out)

    def test_data(self):
        a = run_json("boot", f"data={self.law}", "stat=cor(LSAT,GPA)", "ci=bca", "-n", "2000", "--seed", "1")
        self.assertEqual(a["params"]["data"], str(self.law))
        self.assertRegex(a["data"]["data"], "^blob:[0-9a-f]{64}:[0-9]+$")
        self.assertAlmostEqual(a["result"]["estimate"], 0.7763745, places=6)

    def test_tasks(self):
        status, out, _ = qx("tasks")
        self.assertEqual(status, 0)
        for task in ("pi", "noop", "sleep", "busy", "boot", "mc.integrate"):
            self.assertRegex(out, rf"(?m)^{task} ")
        status, out, _ = qx("tasks", "boot")
        self.assertEqual(status, 0)
        self.assertIn("[normal, basic, percentile, studentized, bca, abc, all]", out)
        self.assertIn("(must be given)", out)
        names = qx("tasks", "--output", "names")[1].split()
        self.assertIn("boot", names)
        self.assertIn("boot", [t["name"] for t in json.loads(qx("tasks", "--output", "json")[1])])

    def test_progress_is_lines_where_stderr_is_no_terminal(self):
        status, _, err = qx("run", "sleep", "seconds=0.01", "-n", "800", "--slots", "2")
        self.assertEqual(status, 0)
        self.assertRegex(err, r"(?m)^qx: \d+/800 items")
        self.assertNotIn("\033", err)


class Errors(Case):
    def test_options_given_as_parameters(self):
        self.refused(2, "pi has no parameter n; the number of items is -n 10", args=["run", "pi", "n=10"])
        self.refused(2, "--seed 7", args=["run", "pi", "seed=7"])
        self.refused(2, "--until 'se<1'", args=["run", "pi", "until=se<1"])
        self.refused(2, "-n, the same in every cell", args=["run", "pi", "--grid", "n=20:120:10"])

    def test_a_column_of_text_names_its_first(self):
        path = self.dir / "comma.csv"
        path.write_text('x\n1\n2e3\n"4,5"\nx\n')
        self.refused(2, '"x"', '"4,5"', "data row 3", args=["run", "boot", f"data={path}", "stat=mean(x)", "-n", "10"])

    def test_names(self):
        self.refused(2, "pii", '"pi"', args=["run", "pii"])
        self.refused(2, "'stats'", "'stat'", args=["run", "boot", "stats=mean(GPA)", f"data={self.law}"])
        self.refused(2, "gpa", "GPA", args=["run", "boot", "stat=mean(gpa)", f"data={self.law}", "-n", "10"])
        self.refused(2, "stat", args=["run", "boot", f"data={self.law}"])

    def test_values(self):
        self.refused(2, "ms", args=["run", "busy", "ms=fast", "-n", "1"])
        self.refused(2, "ms", args=["run", "busy", "ms=-1", "-n", "1"])
        self.refused(2, "conf", args=["run", "boot", "conf=2", "stat=mean(GPA)", f"data={self.law}"])
        self.refused(2, "bcaa", "bca", args=["run", "boot", "ci=bcaa", "stat=mean(GPA)", f"data={self.law}"])
        self.refused(2, "4", args=["run", "sleep", "times=0.01,0.02,0.01", "-n", "4"])

    def test_expressions_name_the_position(self):
        self.refused(2, "position", args=["run", "mc.integrate", "expr=x*(y+", "over=x=0:1,y=0:1", "-n", "10"])

    def test_csv(self):
        bad = {"ragged": ("a,b\n1,2\n3\n", "row 3"), "header": ("1,2\n3,4\n", "header"), "empty": ("", "empty"), "nan": ("a\n1\nnan\n", "row 3"),
               "encoding": (b"a\n1\n\xff\n", "UTF-8"), "norow": ("a,b\n", "row"), "nul": (b"a\n1\x002\n", "NUL")}
        for name, (content, word) in bad.items():
            path = self.dir / f"{name}.csv"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            self.refused(2, str(path.name), word, args=["run", "boot", f"data={path}", "stat=mean(a)", "-n", "10"])
        self.refused(2, "no.csv", "No such file", args=["run", "boot", f"data={self.dir}/no.csv", "stat=mean(a)"])
        self.refused(2, "regular file", args=["run", "boot", f"data={self.dir}", "stat=mean(a)"])
        big = self.dir / "big.csv"
        with big.open("wb") as f:
            f.truncate(5 << 30)
        self.refused(2, "GiB", args=["run", "boot", f"data={big}", "stat=mean(a)"])

    def test_an_item_that_fails_is_counted(self):
        a = run_json("mc.integrate", "expr=1/(x<0.5)", "over=x=0:1", "-n", "1000", "--seed", "1")
        self.assertGreater(a["failures"]["count"], 300)
        self.assertEqual(a["failures"]["causes"][0]["outcome"], "error")
        self.assertTrue(a["failures"]["causes"][0]["first"])

    def test_all_items_failing_fails_the_job(self):
        self.refused(1, "failed", args=["run", "mc.integrate", "expr=1/(x<-1)", "over=x=0:1", "-n", "100"])


class Keep(Case):
    def rows(self, *args):
        path = self.dir / "rows.csv"
        status, out, err = qx("run", *args, "--keep", path, "--quiet", "--output", "json")
        self.assertEqual(status, 0, err)
        self.assertEqual([p.name for p in self.dir.glob("rows.csv*")], ["rows.csv"])
        with path.open(newline="") as f:
            return json.loads(out), list(csv.reader(f))

    def test_rows_in_order(self):
        a, rows = self.rows("noop", "-n", "50000", "--seed", "1", "--slots", "3")
        self.assertEqual(rows[0], ["item", "index"])
        self.assertEqual([int(r[0]) for r in rows[1:]], list(range(50000)))
        self.assertEqual([int(r[1]) for r in rows[1:]], list(range(50000)))
        self.assertEqual(a["n"], 50000)

    def test_many_rows_pass_within_credit(self):
        n = 9_000_000                       # 72 MB of doubles: more than the master holds
        path = self.dir / "rows.csv"
        if "asan" in QX or "ASAN_OPTIONS" in os.environ:
            n = 1_000_000
        status, _, err = qx("run", "noop", "-n", n, "--keep", path, "--quiet", timeout=170)
        self.assertEqual(status, 0, err)
        with path.open("rb") as f:
            self.assertEqual(sum(1 for _ in f), n + 1)

    def test_grid(self):
        _, rows = self.rows("busy", "dist=exponential", "--grid", "ms=0.001,0.002,0.003", "-n", "3000", "--seed", "4", "--slots", "3")
        self.assertEqual(rows[0][:2], ["cell", "item"])
        self.assertEqual([(int(r[0]), int(r[1])) for r in rows[1:]], [(c, i) for c in range(3) for i in range(3000)])

    def test_failed_items_are_empty_and_stopping_cuts(self):
        a, rows = self.rows("mc.integrate", "expr=1/(x<0.5)", "over=x=0:1", "-n", "300", "--seed", "1")
        self.assertEqual(sum(r[1] == "" for r in rows[1:]), a["failures"]["count"])
        a, rows = self.rows("pi", "--until", "se<0.01", "--seed", "1")
        self.assertEqual(len(rows) - 1, a["n"])


@unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
class Plot(Case):
    def test_kinds_and_formats(self):
        jobs = {"histogram": ["boot", f"data={self.law}", "stat=cor(LSAT,GPA)", "-n", "2000"],
                "grid": ["mc.integrate", "over=x=0:1", "--grid", "expr=x,x^2", "--grid", "conf=0.9,0.95", "-n", "1000"],
                "convergence": ["mc.integrate", "expr=x", "over=x=0:1", "-n", "1e5"]}
        for kind, job in jobs.items():
            for ending, magic in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
                path = self.dir / f"{kind}.{ending}"
                status, _, err = qx("run", *job, "--quiet", "--plot", path)
                self.assertEqual(status, 0, err)
                self.assertEqual(path.read_bytes()[:len(magic)], magic)

    def test_a_grid_of_a_task_without_an_answer_of_its_own(self):
        path = self.dir / "x.svg"
        status, _, err = qx("run", "busy", "dist=exponential", "--grid", "ms=0.001,0.002", "-n", "100", "--quiet", "--plot", path)
        self.assertEqual(status, 0, err)
        self.assertGreaterEqual(self.points(path), 2)

    def points(self, path):
        """How many points of the estimate's path an SVG has."""
        return len(re.findall(r"<use xlink:href='#gpPt\d+' transform='translate", path.read_text()))

    def test_a_fast_job_has_a_path_too(self):
        for job in (["pi", "-n", "1e5"], ["mc.integrate", "expr=x", "over=x=0:1", "--until", "se<0.01"]):
            path = self.dir / "x.svg"
            status, _, err = qx("run", *job, "--seed", "1", "--quiet", "--plot", path)
            self.assertEqual(status, 0, err)
            self.assertGreater(self.points(path), 8)
            self.assertIn("estimate", path.read_text())

    def test_one_item_is_drawn_alone(self):
        path = self.dir / "x.svg"
        status, _, err = qx("run", "pi", "-n", "4", "--seed", "1", "--quiet", "--plot", path)
        self.assertEqual(status, 0, err)
        self.assertIn("the answer at the end alone is known", path.read_text())

    def test_coefficients_have_a_panel_each(self):
        path = self.dir / "x.svg"
        model = ["boot", f"data={self.law}", "-n", "300", "--quiet", "--plot", path]
        for job in ([*model, "stat=lm(GPA~LSAT)"], [*model, "stat=lm(GPA~LSAT)", "--grid", "conf=0.8,0.9"]):
            status, _, err = qx("run", *job)
            self.assertEqual(status, 0, err)
            for name in ("(Intercept)", "LSAT"):
                self.assertIn(f">{name}<", re.sub(r"</?tspan[^>]*>", "", path.read_text()))

    def drawn(self, *job):
        """The words of the picture."""
        path = self.dir / "x.svg"
        status, _, err = qx("run", *job, "--seed", "1", "--quiet", "--plot", path)
        self.assertEqual(status, 0, err)
        return [word.strip() for word in re.findall(r">([^<>]+)<", re.sub(r"</?tspan[^>]*>", "", path.read_text()))]

    def test_what_has_no_estimate_of_its_own(self):
        words = self.drawn("fit", f"data={self.law}", "formula=GPA~LSAT+I(LSAT^2)")
        self.assertIn("LSAT", words)
        self.assertNotIn("(Intercept)", words)
        words = self.drawn("em.mixture", f"data={self.law}", "columns=GPA", "--grid", "k=1:3", "-n", "5")
        self.assertIn("bic", words)
        self.assertIn("2", words)
        self.assertNotIn("1.5", words)      # no ticks between whole numbers
        self.assertIn("p_value", self.drawn("perm.test", f"data={self.law}", "test=paired", "y=GPA", "--grid", "stat=mean,t", "-n", "100"))

    def test_nothing_to_draw_is_told_after_the_answer(self):
        status, out, err = qx("run", "noop", "-n", "5", "--quiet", "--plot", self.dir / "x.png")
        self.assertEqual(status, 1)
        self.assertIn("noop", out)
        self.assertIn("nothing to draw", err)

    def test_no_gnuplot(self):
        status, out, err = qx("run", "pi", "-n", "10", "--plot", self.dir / "x.png", PATH=str(self.dir))
        self.assertEqual((status, out), (2, ""))
        self.assertIn("gnuplot-nox", err)


class Cancel(Case):
    def running(self, *args):
        p = self.start(*args)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.stderr.close)
        for line in p.stderr:               # the first line of progress: items are being done
            if "items" in line and " 0 items" not in line:
                return p
        self.fail("no progress")

    def test_ctrl_c_gives_the_prefix(self):
        p = self.running("run", "sleep", "seconds=0.01", "-n", "1e6", "--slots", "2", "--output", "json", "--keep", self.dir / "k.csv")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4, err)
        a = json.loads(out)
        self.assertTrue(a["partial"])
        self.assertEqual(a["state"], "cancelled")
        self.assertGreater(a["n"], 0)
        self.assertIn("k.csv.part", err)
        self.assertFalse((self.dir / "k.csv").exists())
        self.assertGreater((self.dir / "k.csv.part").stat().st_size, 0)

    def test_the_text_is_marked(self):
        p = self.running("run", "sleep", "seconds=0.01", "-n", "1e6", "--slots", "2")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4, err)
        self.assertIn("PARTIAL", out)

    def test_nothing_finished_is_told(self):
        url = f"ipc://{self.dir}/m"
        master = subprocess.Popen([str(BIN / "qx-master"), "--bind", url], stderr=subprocess.DEVNULL, env=environment())
        self.addCleanup(master.wait)
        self.addCleanup(master.kill)
        worker = subprocess.Popen([str(BIN / "qx-worker"), "--master", url, "--slots", "1"], stderr=subprocess.DEVNULL, env=environment())
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)
        self.assertTrue(wait_for(lambda: json.loads(qx("workers", "--output", "json", QX_MASTER=url)[1] or "[]")))
        status, out, err = qx("submit", "sleep", "seconds=60", "-n", "10", "--output", "json", QX_MASTER=url)
        self.assertEqual(status, 0, err)
        job = json.loads(out)["job"]
        status, out, err = qx("results", job, "--partial", QX_MASTER=url)
        self.assertEqual(status, 0, err)
        self.assertIn("Nothing is finished yet", out)
        status, out, err = qx("results", job, "--partial", "--output", "json", QX_MASTER=url)
        a = json.loads(out)
        self.assertEqual((status, a["n"], a["items"], a["partial"], a["result"], a["state"]), (0, 0, 0, True, None, "running"), err)

    def test_twice_ends_at_once(self):
        p = self.running("run", "sleep", "seconds=0.01", "-n", "1e6", "--slots", "2")
        family = children(p.pid)
        self.assertEqual(len(family), 2)
        p.send_signal(signal.SIGSTOP)       # so that both are there when it goes on
        p.send_signal(signal.SIGINT)
        p.send_signal(signal.SIGTERM)
        p.send_signal(signal.SIGCONT)
        self.assertNotEqual(p.wait(timeout=5), 0)
        self.assertTrue(wait_for(lambda: not any(map(alive, family))), "the farm outlives its program")


class Farm(Case):
    def test_nothing_is_left(self):
        status, _, _ = qx("run", "pi", "-n", "1000", "--quiet", XDG_RUNTIME_DIR=str(self.dir))
        self.assertEqual(status, 0)
        self.assertEqual(list(self.dir.glob("qx-farm-*")), [])

    def test_the_farm_ends_when_the_program_is_killed(self):
        p = self.start("run", "sleep", "seconds=0.05", "-n", "1e6", "--slots", "2", XDG_RUNTIME_DIR=str(self.dir))
        family = wait_for(lambda: len(children(p.pid)) == 2 and children(p.pid))
        grand = wait_for(lambda: [g for c in children(p.pid) for g in children(c)])
        p.kill()
        p.communicate(timeout=10)
        self.assertTrue(wait_for(lambda: not any(map(alive, family + grand))), "the farm outlives its program")
        other = self.start("run", "sleep", "seconds=0.05", "-n", "1e6", "--slots", "1", XDG_RUNTIME_DIR=str(self.dir))
        wait_for(lambda: [g for c in children(other.pid) for g in children(c)])
        folders = list(self.dir.glob("qx-farm-*"))          # its own: the one left behind was swept
        self.assertEqual(len(folders), 1)
        qx("run", "pi", "-n", "10", XDG_RUNTIME_DIR=str(self.dir))
        self.assertTrue((folders[0] / "lock").exists(), "the folder of a living farm was swept")
        other.kill()
        other.communicate(timeout=10)

    def test_a_lost_part_is_told(self):
        for which in ("qx-master", "qx-worker"):
            p = self.start("run", "sleep", "seconds=0.05", "-n", "1e6", "--slots", "1")

            def part():
                for c in children(p.pid):
                    if pathlib.Path(f"/proc/{c}/exe").resolve().name == which:
                        return c
                return None

            victim = wait_for(part)
            os.kill(victim, signal.SIGKILL)
            _, err = p.communicate(timeout=20)
            self.assertEqual(p.returncode, 3, err)
            self.assertIn(which, err)
            self.assertIn("signal 9", err)

    def test_a_program_that_dies_at_the_start_has_the_last_word(self):
        for which in ("qx-master", "qx-worker"):
            fake = self.dir / which / "bin"
            fake.mkdir(parents=True)
            for name in ("qx-master", "qx-worker"):
                if name == which:
                    (fake / name).write_text("#!/bin/sh\necho 'disk full of cats' >&2\nexit 7\n")
                    (fake / name).chmod(0o755)
                else:
                    (fake / name).symlink_to(BIN / name)
            start = time.monotonic()
            status, _, err = qx("run", "pi", "-n", "1", QX_BIN_DIR=str(fake))
            self.assertLess(time.monotonic() - start, 8)
            self.assertEqual(status, 3)
            self.assertIn("disk full of cats", err)
            self.assertIn("status 7", err)

    def test_missing_programs(self):
        status, _, err = qx("run", "pi", "-n", "1", QX_BIN_DIR=str(self.dir))
        self.assertEqual(status, 3)
        self.assertIn("qx-master", err)


class NoWorker(Case):
    """A master that no worker has joined yet."""

    def setUp(self):
        super().setUp()
        self.url = f"ipc://{self.dir}/m"
        self.daemon("qx-master", "--bind", self.url)

    def daemon(self, name, *args):
        p = subprocess.Popen([str(BIN / name), *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p

    def waiting(self, *args):
        p = self.start(*args, QX_MASTER=self.url)
        line = p.stderr.readline()
        self.assertIn(f"no worker is connected to {self.url}; waiting", line)
        return p

    def test_run_says_that_it_waits_and_goes_on(self):
        p = self.waiting("run", "pi", "-n", "1000", "--seed", "7", "--output", "json")
        self.daemon("qx-worker", "--master", self.url, "--slots", "1")
        out, err = p.communicate(timeout=30)
        self.assertEqual(p.returncode, 0, err)
        self.assertEqual(json.loads(out)["digest"], run_json("pi", "-n", "1000", "--seed", "7")["digest"])

    def test_ctrl_c_ends_the_wait(self):
        p = self.waiting("run", "pi", "-n", "1000")
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=10)
        self.assertEqual(p.returncode, 4, err)
        self.assertIn("nothing was submitted", err)

    def test_a_job_of_a_known_task_is_queued_without_a_worker(self):
        worker = self.daemon("qx-worker", "--master", self.url, "--slots", "1")
        self.assertEqual(qx("run", "pi", "-n", "10", "--quiet", QX_MASTER=self.url)[0], 0)
        worker.terminate()
        self.assertTrue(wait_for(lambda: json.loads(qx("workers", "--output", "json", QX_MASTER=self.url)[1]) == []))
        start = time.monotonic()
        status, out, err = qx("submit", "pi", "-n", "10", "--output", "json", QX_MASTER=self.url)
        self.assertEqual(status, 0, err)
        self.assertLess(time.monotonic() - start, 3)
        self.assertIn("no worker", qx("status", json.loads(out)["job"], QX_MASTER=self.url)[1])
        p = self.start("run", "pi", "-n", "10", "--seed", "1", QX_MASTER=self.url)
        self.assertRegex(p.stderr.readline(), "job [0-9]+ waits: no worker is here")
        self.daemon("qx-worker", "--master", self.url, "--slots", "1")
        _, err = p.communicate(timeout=30)
        self.assertEqual(p.returncode, 0, err)


class WithMaster(Case):
    """A master and a worker of two slots on the loopback."""

    def setUp(self):
        super().setUp()
        self.url = f"ipc://{self.dir}/m"
        log = (self.dir / "log").open("w")
        self.addCleanup(log.close)
        self.master = self.daemon(log, "qx-master", "--bind", self.url)
        self.worker = self.daemon(log, "qx-worker", "--master", self.url, "--slots", "2")
        self.assertTrue(wait_for(lambda: json.loads(self.qx("workers", "--output", "json")[1] or "[]")), (self.dir / "log").read_text())

    def daemon(self, log, name, *args):
        p = subprocess.Popen([str(BIN / name), *args], stdout=log, stderr=log, env=environment())
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p

    def qx(self, *args, **more):
        return qx(*args, QX_MASTER=self.url, **more)

    def submit(self, *args):
        status, out, err = self.qx("submit", *args, "--output", "json")
        self.assertEqual(status, 0, err)
        return json.loads(out)["job"]

    def json(self, *args):
        status, out, err = self.qx(*args, "--output", "json")
        self.assertEqual(status, 0, err)
        return json.loads(out)


class Submitted(WithMaster):
    """What a master keeps of a task that works in rounds: the first of them."""

    def setUp(self):
        super().setUp()
        with (self.dir / "log2").open("w") as log:
            self.daemon(log, "qx-worker", "--master", self.url, "--slots", "1", "--plugins", str(PLUGINS), "--plugins", str(GOOD))
        self.assertTrue(wait_for(lambda: "t.rounds" in self.qx("tasks")[1]))

    def test_the_first_round_says_that_it_is_one(self):
        job = self.submit("t.rounds", "last=3", "-n", "50", "--seed", "1")
        line = "step 2 of 3; `qx run` goes on in rounds"
        self.assertIn(f"not finished: {line}", self.qx("wait", job)[1])
        self.assertIn(f"not finished: {line}", self.qx("results", job)[1])
        self.assertRegex(self.qx("status", job)[1], f"not finished +{line}")
        a = self.json("results", job)
        self.assertEqual((a["unfinished"], a["partial"], a["result"]["step"]), ("step 2 of 3", False, 1))
        self.assertNotIn("next", a["result"])
        self.assertEqual(self.json("status", job)["unfinished"], "step 2 of 3")
        job = self.submit("t.rounds", "last=1", "-n", "50", "--seed", "1")
        self.assertNotIn("not finished", self.qx("wait", job)[1])
        self.assertNotIn("not finished", self.qx("status", job)[1])

    def test_run_goes_through_all(self):
        a = self.json("run", "t.rounds", "last=3", "-n", "50", "--seed", "1")
        self.assertEqual((a["rounds"], a["result"]["step"]), (3, 3))
        self.assertEqual([j["state"] for j in self.json("status")], ["done"] * 3)

    def test_items_are_counted_after_submission(self):
        status, out, err = self.qx("submit", "t.counted", "usual=30", "--output", "json")
        self.assertEqual(status, 0, err)
        self.assertIn(json.loads(out)["n"], (None, 30))        # 30: it had ended before the answer
        self.assertEqual(self.json("wait", json.loads(out)["job"])["n"], 30)
        self.assertEqual(self.json("run", "t.counted", "usual=20", "most=20", "--until", "n>=10")["n"], 10)


class Master(WithMaster):
    def test_a_submitted_job(self):
        job = self.submit("pi", "-n", "1e5", "--seed", "7", "--label", "darts")
        a = self.json("wait", job)
        self.assertEqual(a["digest"], run_json("pi", "-n", "1e5", "--seed", "7")["digest"])
        self.assertEqual(self.json("results", job)["digest"], a["digest"])
        one = self.json("status", job)
        self.assertEqual((one["state"], one["label"], one["items_done"]), ("done", "darts", 100000))
        self.assertIn("darts", self.qx("status")[1])
        self.assertIn("computing", self.qx("status", job)[1])

    def test_extend(self):
        job = self.submit("pi", "-n", "1000", "--seed", "7")
        self.json("wait", job)
        self.refused(2, "1000", args=["extend", job, "-n", "500", "--master", self.url])
        status, _, said = self.qx("extend", job, "-n", "5000")
        self.assertEqual(status, 0)
        self.assertIn(f"job {job} goes on to 5000 items\n", said)
        a = self.json("wait", job)
        self.assertEqual(a["n"], 5000)
        self.assertEqual(a["digest"], run_json("pi", "-n", "5000", "--seed", "7")["digest"])

    def test_cancel(self):
        job = self.submit("sleep", "seconds=0.02", "-n", "1e6")
        self.assertTrue(wait_for(lambda: self.json("status", job)["items_done"] > 4))
        partial = self.json("results", job, "--partial")
        self.assertTrue(partial["partial"])
        self.refused(2, "still runs", args=["results", job, "--master", self.url])
        self.assertEqual(self.qx("cancel", job)[0], 0)
        self.assertEqual(self.qx("wait", job)[0], 4)
        self.assertEqual(self.json("status", job)["state"], "cancelled")

    def test_cancel_tells_what_it_did(self):
        job = self.submit("sleep", "seconds=0.02", "-n", "1e6")
        status, _, err = self.qx("cancel", job)
        self.assertEqual(status, 0, err)
        self.assertIn(f"job {job} was cancelled", err)
        self.refused(2, f"job {job} had already ended (cancelled)", args=["cancel", job, "--master", self.url])
        self.assertEqual(self.qx("wait", job)[0], 4)
        job = self.submit("pi", "-n", "10")
        self.qx("wait", job)
        self.refused(2, f"job {job} had already ended (done)", args=["cancel", job, "--master", self.url])
        self.assertEqual(self.qx("wait", job)[0], 0)

    def test_data_are_shown_by_the_name_of_their_file(self):
        job = self.submit("boot", f"data={self.law}", "stat=mean(GPA)", "-n", "100", "--seed", "1")
        a = self.json("wait", job)
        self.assertEqual(a["params"]["data"], str(self.law))
        self.assertRegex(a["data"]["data"], "^blob:[0-9a-f]{64}:[0-9]+$")
        self.assertIn(f"data={self.law}", self.qx("results", job)[1])
        self.assertEqual(self.json("status", job)["params"], {"data": str(self.law), "stat": "mean(GPA)"})
        self.assertIn(f"data={self.law} stat=mean(GPA)", self.qx("status", job)[1])
        # the name is no part of what is computed
        other = self.dir / "other.csv"
        shutil.copy(self.law, other)
        again = self.json("wait", self.submit("boot", f"data={other}", "stat=mean(GPA)", "-n", "100", "--seed", "1"))
        self.assertEqual((again["digest"], again["data"]), (a["digest"], a["data"]))
        self.assertEqual(again["params"]["data"], str(other))
        other.write_text(LAW + "600,3.1\n")
        grid = self.json("wait", self.submit("boot", "--grid", f"data={self.law},{other}", "stat=mean(GPA)", "-n", "100", "--seed", "1"))
        self.assertEqual([c["params"]["data"] for c in grid["cells"]], [str(self.law), str(other)])
        self.assertEqual(grid["cells"][0]["data"], a["data"])
        self.assertEqual(grid["cells"][0]["digest"], a["digest"])

    def test_status_of_a_job_with_a_rule(self):
        job = self.submit("mc.integrate", "expr=x", "over=x=0:1", "--until", "rel<1e-9", "--seed", "1")
        self.assertTrue(wait_for(lambda: self.json("status", job)["measure"]))
        s = self.json("status", job)
        self.assertEqual((s["until"], s["target"], s["n_max"], s["done"]), ("rel<1e-9", 1e-9, 10**12, None))
        self.assertLess(s["n"], 10**12)
        self.assertAlmostEqual(s["measure"], s["se"] / s["estimate"], delta=1e-3 * s["measure"])
        self.assertRegex(self.qx("status", job)[1], r"(?m)^so far +rel [0-9.e-]+, wanted 1e-09$")
        self.assertRegex(self.qx("status")[1], r"UNTIL +NOW[^\n]*\n.*rel<1e-9 +[0-9.e-]+ ")
        self.qx("cancel", job)
        job = self.submit("pi", "--until", "se<0.01", "--seed", "1")
        a, s = self.json("wait", job), self.json("status", job)
        self.assertEqual((s["n"], s["items_done"]), (a["n"], a["n"]))
        self.assertLess(s["measure"], 0.01)

    def test_completion_knows_jobs(self):
        jobs = {str(self.submit("pi", "-n", "10")) for _ in range(2)}
        for command in ("wait", "results", "cancel", "extend", "status", "replay"):
            found = complete(command, "", QX_MASTER=self.url)
            self.assertEqual(set(found), jobs, command)
        self.assertEqual(set(complete("wait", "--master", "=", *re.split("(:)", self.url), "")), jobs)
        self.assertEqual(complete("wait", "1", "", QX_MASTER=self.url), [])

    def test_the_examples_of_the_manual_run(self):
        manual = (pathlib.Path(os.environ.get("QX_SOURCE_DIR", ".")) / "docs" / "cli.md").read_text()
        lines = [x.strip() for x in manual.splitlines() if x.startswith("    qx ")]
        self.assertGreater(len(lines), 4)
        for line in lines:
            if "--plot" in line and not shutil.which("gnuplot"):
                continue
            p = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=100, check=False, cwd=self.dir,
                               env=environment(QX_MASTER=self.url, PATH=f"{BIN}:{os.environ['PATH']}"))
            self.assertEqual(p.returncode, 0, (line, p.stderr))

    def test_ctrl_c_on_wait_leaves_the_job(self):
        job = self.submit("sleep", "seconds=0.02", "-n", "1e6")
        p = self.start("wait", job, QX_MASTER=self.url)
        for line in p.stderr:
            if "items" in line:
                break
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=10)
        self.assertEqual(p.returncode, 4)
        self.assertEqual(self.json("status", job)["state"], "running")
        self.qx("cancel", job)

    def test_unknown_jobs(self):
        for command in (["status", 99], ["wait", 99], ["results", 99], ["cancel", 99], ["extend", 99, "-n", 5], ["replay", 99, 0]):
            self.refused(2, "99", args=[*command, "--master", self.url])

    def test_run_uses_the_master(self):
        status, out, err = self.qx("run", "pi", "-n", "1000", "--seed", "1")
        self.assertEqual(status, 0, err)
        self.assertNotIn("embedded", err)
        self.assertTrue(out)

    def test_workers(self):
        w = self.json("workers")
        self.assertEqual((len(w), w[0]["slots"], w[0]["state"], w[0]["pid"]), (1, 2, "ready", self.worker.pid))
        self.assertIn("SLOTS", self.qx("workers")[1])

    def test_a_client_that_leaves_ends_its_job(self):
        p = self.start("run", "sleep", "seconds=0.02", "-n", "1e6", QX_MASTER=self.url)
        self.assertTrue(wait_for(lambda: any(j["state"] == "running" for j in self.json("status"))))
        p.kill()
        p.communicate(timeout=10)
        self.assertTrue(wait_for(lambda: all(j["state"] != "running" for j in self.json("status"))))

    def test_a_master_that_dies_is_noticed(self):
        job = self.submit("sleep", "seconds=0.02", "-n", "1e6")
        p = self.start("wait", job, QX_MASTER=self.url)
        for line in p.stderr:
            if "items" in line:
                break
        self.master.kill()
        start = time.monotonic()
        _, err = p.communicate(timeout=20)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(p.returncode, 3, err)
        self.assertIn(self.url, err)

    def test_two_clients_share_a_data_set(self):
        for seed in (1, 2):
            status, _, err = self.qx("run", "boot", f"data={self.law}", "stat=mean(GPA)", "-n", "100", "--seed", seed, "--quiet")
            self.assertEqual(status, 0, err)


class Replay(WithMaster):
    def test_an_item_again(self):
        path = self.dir / "rows.csv"
        status, out, err = self.qx("run", "boot", f"data={self.law}", "stat=cor(LSAT,GPA)", "ci=percentile", "-n", "20", "--seed", "9",
                                   "--keep", path, "--quiet", "--output", "json")
        self.assertEqual(status, 0, err)
        with path.open(newline="") as f:
            rows = list(csv.DictReader(f))
        job = json.loads(out)["job"]
        for item in (0, 7, 19):
            again = self.json("replay", job, item)
            self.assertEqual(again["outcome"], "ok")
            for name, value in again["outputs"].items():
                self.assertEqual(value, float(rows[item][name]))
            alone = qx("replay", "--task", "boot", f"data={self.law}", "stat=cor(LSAT,GPA)", "ci=percentile", "--seed", "9", item, "--output", "json")
            self.assertEqual(json.loads(alone[1])["outputs"], again["outputs"])
        self.assertIn("item 7", self.qx("replay", job, 7)[1])

    def test_a_cell(self):
        path = self.dir / "rows.csv"
        args = ["run", "mc.integrate", "over=x=0:1", "--grid", "expr=x,x^2", "-n", "10", "--seed", "2", "--keep", path, "--output", "json"]
        job = json.loads(self.qx(*args)[1])["job"]
        with path.open(newline="") as f:
            rows = list(csv.reader(f))
        again = self.json("replay", job, 3, "--cell", 1)
        self.assertEqual(list(again["outputs"].values()), [float(rows[1 + 10 + 3][2])])
        self.refused(2, "0 .. 1", args=["replay", job, 3, "--cell", 2, "--master", self.url])

    def test_items_and_cells_that_are_not_there(self):
        job = self.submit("pi", "-n", "10", "--seed", "1")
        self.qx("wait", job)
        self.assertEqual(self.qx("replay", job, 9)[0], 0)
        self.refused(2, "no item 10", "n is 10", args=["replay", job, 10, "--master", self.url])
        self.refused(2, "no grid", args=["replay", job, 1, "--cell", 1, "--master", self.url])
        job = self.submit("pi", "--until", "se<0.05", "--seed", "1")
        n = self.json("wait", job)["n"]
        self.assertEqual(self.qx("replay", job, n - 1)[0], 0)
        self.refused(2, f"n is {n}", args=["replay", job, n, "--master", self.url])
        self.refused(2, "no item 3", "times lists 2", args=["replay", "--task", "sleep", "times=0.1,0.2", "--seed", "1", "3"])
        self.refused(2, "--cell", args=["replay", "--task", "pi", "--seed", "1", "--cell", "1", "0"])

    def test_a_failed_item(self):
        status, out, _ = qx("replay", "--task", "mc.integrate", "expr=1/(x<-1)", "over=x=0:1", "--seed", "1", "0")
        self.assertEqual(status, 1)
        self.assertIn("outcome error", out)

    def test_wrong_words(self):
        self.refused(2, "--seed", args=["replay", "--task", "pi", "0"])
        self.refused(2, "'x'", args=["replay", "--task", "pi", "--seed", "1", "x"])
        self.refused(2, "pi", args=["replay", "--task", "pii", "--seed", "1", "0"])
        self.refused(2, "stat", args=["replay", "--task", "boot", "stats=1", "--seed", "1", "0"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
