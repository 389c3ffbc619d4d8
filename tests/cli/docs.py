#!/usr/bin/env python3
"""The examples of the README and of docs/tasks show what the program prints.

An example is a line "$ qx ..." and the indented lines below it. ".." stands for lines that are left out. What differs from run to
run (times, messages of qx itself) is not compared."""
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

from cli import QX, environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "tasks").glob("*.md"))]


def examples(page):
    """(line number, command, lines shown) of each."""
    found, shown = [], None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("    $ qx "):
            shown = []
            found.append((number, line[6:], shown))
        elif shown is not None and (line.startswith("    ") or not line):
            shown.append(line[4:].rstrip())
        else:
            shown = None
    return found


def facts(line):
    """A line without what differs from run to run."""
    return re.sub(r" · [0-9.]+ (us|ms|s) on \d+ slots?( · \d+% busy)?", "", line)


def lines_of(text):
    return [facts(line.rstrip()) for line in text if line.strip() and not line.startswith("qx: ")]


def first_difference(shown, printed):
    """None, or the first line shown that is not printed where it should be."""
    at, free = 0, False
    for line in shown:
        if line.strip() == "..":
            free = True
            continue
        while free and at < len(printed) and printed[at] != line:
            at += 1
        if at >= len(printed) or printed[at] != line:
            return line
        at, free = at + 1, False
    return None if free or at == len(printed) else f"(the end, but {printed[at]!r} is printed)"


class Docs(unittest.TestCase):
    def test_examples(self):
        n = 0
        with tempfile.TemporaryDirectory(prefix="qx-docs-") as folder:
            (pathlib.Path(folder) / "examples").symlink_to(ROOT / "examples")
            for page in PAGES:
                for number, command, shown in examples(page):
                    with self.subTest(example=f"{page.relative_to(ROOT)}:{number}"):
                        p = subprocess.run([QX, *shlex.split(command)[1:]], cwd=folder, capture_output=True, text=True,
                                           timeout=100, env=environment(), check=False)
                        self.assertEqual(p.returncode, 0, p.stderr)
                        wrong = first_difference(lines_of(shown), lines_of(p.stdout.splitlines()))
                        self.assertIsNone(wrong, f"shown: {wrong}\nprinted:\n{p.stdout}")
                        n += 1
        self.assertGreater(n, 5)

    def test_every_task_has_a_page(self):
        """With an example, and every parameter and choice of it."""
        p = subprocess.run([QX, "tasks", "--output", "json"], capture_output=True, text=True, timeout=100, env=environment(),
                           check=True)
        tasks = json.loads(p.stdout)
        self.assertIn("boot", [task["name"] for task in tasks])
        for task in tasks:
            name = task["name"]
            page = ROOT / "docs" / "tasks" / f"{name.removesuffix('.item')}.md"
            self.assertTrue(page.exists(), f"{name} has no page")
            text = page.read_text()
            self.assertRegex(text, rf"qx run {re.escape(name)}\b")
            for param in task["params"]:
                for word in [param["name"], *param.get("choices", [])]:
                    self.assertTrue(re.search(rf"[`=,|( ]{re.escape(word)}\b", text), f"{page.name} lacks {param['name']}: {word}")

    def test_the_comparison_sees_differences(self):
        self.assertIsNone(first_difference(["a", "..", "d"], ["a", "b", "c", "d"]))
        self.assertEqual(first_difference(["a", "c"], ["a", "b"]), "c")
        self.assertIn("'b'", first_difference(["a"], ["a", "b"]))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
