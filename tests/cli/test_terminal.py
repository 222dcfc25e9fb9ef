"""What a person sees: a live bar on a terminal, plain lines in a pipe, private files."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fertool import EMOTIONS, Segment
from fertool.cli import summary
from fertool.cli.terminal import options, progress
from fertool.storage.store import Store
from fertool.storage.tables import segment_table
from fertool.testing import store_lecture, timeline

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_a_terminal(*args: object, cwd: Path, columns: int = 150) -> tuple[int, str]:
    """Exit code and everything shown by a command that runs on a terminal of so many columns."""
    master, slave = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    words = [sys.executable, "-m", "fertool", *map(str, args)]
    with subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=env) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(master)
    return process.returncode, ESCAPES.sub("", shown.decode())


def test_a_terminal_shows_a_bar_and_the_summary(small_video: Path, tmp_path: Path) -> None:
    code, shown = on_a_terminal("analyze", small_video, "no.mp4", "--detector", "ssd", cwd=tmp_path)
    assert code == 2, shown
    assert "Traceback" not in shown
    bar = re.findall(r"two\.mp4 \S+ 6/6 samples 10 faces [\d.]+x real time at 0:00:05", shown)
    assert bar, shown
    assert "no.mp4: no such file" in shown
    assert re.search(r"two\.mp4\s+course / two\s+0:00:06\s+100%\s+2", shown)


def test_of_workers_a_terminal_shows_a_bar_for_each_recording_and_all(
    small_video: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.mp4").write_text("no video")
    words = ("analyze", "bad.mp4", small_video, "--detector", "ssd", "--isolate")
    code, shown = on_a_terminal(*words, cwd=tmp_path)
    assert code == 3, shown
    assert "Traceback" not in shown
    # What was painted, in order; what is redrawn stands there again and again.
    assert re.search(r"0/2 recordings +━+\s+workers are getting ready", shown)
    assert "bad.mp4: cannot be read as a video" in " ".join(shown.split())
    all_of_it = r"\s+1/2 recordings +━+ 0:00:00/0:01:00\s+1 failed, 1 worker"
    assert re.search(r"two\.mp4 +━+ 0:00:00/0:01:00" + all_of_it, shown)
    assert re.search(r"2/2 recordings +━+ 0:01:00/0:01:00\s+into the database +━+ +0/1\s", shown)
    last = shown.rpartition("into the database")[2]
    assert re.search(r"2/2 recordings +━+ 0:01:00/0:01:00\s+1 failed, [\d.]+x real time, 1 worker", last)
    assert "to try again what failed: fertool analyze" in last


def test_an_evaluation_on_a_narrow_terminal(tmp_path: Path) -> None:
    """How many faces are classified, and tables without a folded word."""
    for label in EMOTIONS:
        (tmp_path / "faces" / "public" / label).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "faces" / "public" / label / "0.png"), np.full((48, 48), 128, np.uint8))
    words = ("evaluate", "faceapi-expression", "compact", "--data", "faces")
    code, shown = on_a_terminal(*words, cwd=tmp_path, columns=80)
    assert code == 0, shown
    assert re.search(r"faceapi-expression +━+ 7/7", shown), shown
    assert re.search(r"compact +━+ 7/7", shown), shown
    # Of each model: a row of figures, a column and a row of what faces were taken for.
    assert [shown.count(label) for label in EMOTIONS] == [6] * 7, shown


def test_a_row_of_many_columns_stands_upright_where_they_have_no_room(tmp_path: Path) -> None:
    columns = ", ".join(f"{i} AS column{i:02d}" for i in range(12))
    store_lecture(Store(tmp_path / "fertool.duckdb"), "c", "l", {"A": timeline("happy")})
    code, shown = on_a_terminal("query", f"SELECT {columns}", cwd=tmp_path, columns=80)
    rows = [line.split() for line in shown.splitlines() if line.strip() and "─" not in line]
    assert (code, rows) == (0, [["row", "1"], *([f"column{i:02d}", str(i)] for i in range(12))])
    code, shown = on_a_terminal("query", f"SELECT {columns}", cwd=tmp_path, columns=150)
    rows = [line.split() for line in shown.splitlines() if line.strip() and "─" not in line]
    assert (code, rows) == (0, [[f"column{i:02d}" for i in range(12)], [str(i) for i in range(12)]])


def test_the_bar_of_a_recording_that_was_not_begun_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.progress() as shown:
        for name, samples in (("done before.mp4", 0), ("talk.mp4", 6), ("broken.mp4", 0)):
            shown.video(Path(name))
            if samples:
                shown.started(samples, 0)
    assert [task.fields["name"] for task in shown.bars.tasks] == ["talk.mp4"]


def test_a_pipe_gets_plain_lines(small_video: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "fertool", "analyze", str(small_video), "--detector", "ssd"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "two.mp4: 6/6 samples (100%), 10 faces" in done.stderr
    assert "two.mp4" in done.stdout


def test_what_is_written_is_the_owner_s_alone(fertool, small_video: Path, tmp_path: Path) -> None:
    assert fertool("analyze", small_video, "--end", "1").code == 0
    assert fertool("report").code == 0
    for path in [tmp_path / "fertool.duckdb", *(tmp_path / "fertool-report").rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


# Commands whose tables must fit a narrow terminal, and what must not be broken over lines there.
NARROW = [
    (["plugins"], ["option (-o), default", "lost-moments.floor=0.5", "fertool 0.2.0"]),
    (["segments"], ["signals / week 1", "knowledge point", "Aliasing", "0:00:00", "0:01:40"]),
    (["assess"], ["concentration", "assessments"]),
    (["rules", "sensitivity", "focus"], ["not measurable", "technical", "attention"]),
    (["rules", "sensitivity", "state", "--confusion", "eval.json"], ["other level", "highest"]),
]


@pytest.mark.parametrize(("words", "whole"), NARROW, ids=lambda v: v[0])
def test_tables_fit_eighty_columns(words: list[str], whole: list[str], tmp_path: Path) -> None:
    store = Store(tmp_path / "fertool.duckdb")
    parts = segment_table([Segment(0, "Aliasing", 0.0, 100.0, "hard", "aliasing")])
    store_lecture(store, "signals", "week 1", {"ann": timeline("happy*60 sad*40")}, segments=parts)
    model = {"classes": [{"label": e} for e in EMOTIONS], "confusion": [[1] * 7] * 7}
    (tmp_path / "eval.json").write_text(json.dumps({"models": [model]}))
    code, shown = on_a_terminal(*words, cwd=tmp_path, columns=80)
    assert code == 0, shown
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80
    assert all(text in shown for text in whole), shown


@pytest.mark.parametrize(
    ("width", "least"),
    [
        (80, [4, 12, 11]),  # a long name may be folded, what is short is not
        (34, [4, 12, 11]),  # 27 characters, a space on both sides of each, and one
        (33, [None, None, None]),  # no room: rather folded than cut off
    ],
)
def test_short_columns_stay_whole_where_there_is_room(width: int, least: list[int | None]) -> None:
    cells = [["a", "a-long-recording.mp4", "happy 35%\nneutral 22%"], ["", "b", "–"]]
    assert options._least_widths(["took", "recording", "mostly"], cells, width) == least


@pytest.mark.parametrize(
    ("shares", "shown"),
    [
        ({"happy": 0.1, "sad": 0.5, "fear": 0.3, "neutral": 0.06}, "sad 50%\nfear 30%\nhappy 10%"),
        ({"neutral": 1.0}, "neutral 100%"),  # what never occurs is not listed
        ({"sad": 0.5, "angry": 0.5}, "angry 50%\nsad 50%"),  # equal ones in the usual order
        (dict.fromkeys(EMOTIONS), "–"),  # policy `behaviour`
    ],
)
def test_the_summary_names_the_most_frequent_expressions(shares: dict, shown: str) -> None:
    assert summary._mostly(dict.fromkeys(EMOTIONS, 0.0) | shares) == shown
