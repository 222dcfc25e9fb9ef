"""`assess --watch`: again on every save, with what that changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fertool.cli.terminal.watch import difference, saves
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline


def row(value, level="info", *, student="ann", segment=0, message="", rule="r", lecture="week 1"):
    where = {"rule": rule, "course": "signals", "lecture": lecture, "segment": segment, "student": student}
    return where | {"value": value, "level": level, "message": message}


CASES = [
    ([], [], []),
    ([row(0.5)], [row(0.5)], []),
    ([row(0.5)], [row(0.25, "good")], ["~ r, signals / week 1, segment 0, ann: 0.5 info -> 0.25 good"]),
    (
        [row(0.5)],
        [row(0.5, message="hm")],
        ["~ r, signals / week 1, segment 0, ann: 0.5 info -> 0.5 info (hm)"],
    ),
    ([], [row(None, student=None)], ["+ r, signals / week 1, segment 0, class: no value info"]),
    ([row(1.0, segment=None)], [], ["- r, signals / week 1, ann: 1 info"]),
    ([row(1.0, segment=None, lecture=None)], [], ["- r, signals, ann: 1 info"]),
    # several of one window are told apart by their order
    ([row(1), row(2)], [row(1), row(3)], ["~ r, signals / week 1, segment 0, ann: 2 info -> 3 info"]),
    ([row(1), row(2)], [row(1)], ["- r, signals / week 1, segment 0, ann: 2 info"]),
]


@pytest.mark.parametrize(("before", "after", "lines"), CASES)
def test_difference(before, after, lines):
    assert difference(before, after) == lines


def test_saves_are_seen_and_a_missing_file_is_waited_for(tmp_path: Path) -> None:
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("1")
    second.write_text("1")
    seen = saves([first, second], poll_s=0.01)
    os.utime(first, ns=(0, 0))  # between the call and the first look
    assert next(seen) == first
    import threading

    timer = threading.Timer(0.1, second.write_text, ["22"])
    timer.start()
    assert next(seen) == second
    timer.join()
    first.unlink()
    timer = threading.Timer(0.1, first.write_text, ["333"])
    timer.start()
    assert next(seen) == first
    timer.join()


RULE = """
from fertool import Assessment, Rule, hookimpl
class Mine(Rule):
    name, version = "mine", "1"
    def assess(self, seen, context):
        return Assessment({})
@hookimpl
def fertool_plugins(): return [Mine]
"""


def test_watch_from_the_command_line(tmp_path: Path) -> None:
    store = Store(tmp_path / "fertool.duckdb")
    store_lecture(store, "signals", "week 1", {"ann": timeline("neutral*10")})
    file = tmp_path / "mine.py"
    file.write_text(RULE.format("1.0"))
    words = [sys.executable, "-m", "fertool", "assess", "--plugin", "mine.py", "--watch"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(words, cwd=tmp_path, env={**os.environ}, **pipes) as watching:
        assert watching.stdout

        def until(word: str) -> str:
            return next(line for line in watching.stdout if word in line)

        until("watching")
        file.write_text(RULE.format("2.0"))
        assert until("~") == "~ mine, signals / week 1, segment 0, ann: 1 info -> 2 info\n"
        file.write_text(RULE.format("2.0 +"))
        assert "SyntaxError" in until("mine.py:")
        file.write_text(RULE.format("2.0 + 0"))
        assert until("difference") == "no difference\n"
        watching.send_signal(signal.SIGINT)
        rest = watching.stdout.read()
    assert watching.returncode == 0
    assert "Traceback" not in rest
    assert store.query("SELECT value FROM assessments_latest WHERE rule = 'mine'").rows() == [(2.0,)]


def test_watch_needs_a_file(fertool) -> None:
    done = fertool("assess", "--watch")
    assert done.code == 2
    assert "--watch needs a file to watch (--plugin my_rule.py)" in done.err
