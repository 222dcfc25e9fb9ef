"""Killed at any moment and started again, a run ends with exactly the rows of an uninterrupted one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from same_rows import ROWS

from fertool.demo.gallery import Person, make_gallery

# Finds the two tiles without looking, and ends its own process, as `kill -9` would, at a given call.
DETECTOR = """
import os, signal
import numpy as np
from fertool import Detector, Faces, hookimpl

class Tiles(Detector):
    name, version = "tiles", "1"
    calls = 0

    def detect(self, images):
        Tiles.calls += 1
        if Tiles.calls == int(os.environ.get("KILL_AT", "0")):
            os.kill(os.getpid(), signal.SIGKILL)
        return [self.one(image) for image in images]

    def one(self, image):
        half = image.shape[1] // 2
        lit = [x for x in (0, half) if image[:, x + 20 : x + half - 20].std() > 20]
        boxes = np.array([[x + 60, 20, x + 120, 100] for x in lit], np.float32).reshape(-1, 4)
        return Faces(boxes, np.full(len(lit), 0.9, np.float32))

@hookimpl
def fertool_plugins():
    return [Tiles]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five and a half minutes of two people, and the detector."""
    path = tmp_path_factory.mktemp("resume")
    people = [Person(0, ((0, 330),)), Person(3, ((20, 100), (140, 330)))]
    make_gallery(path / "long.mp4", people, duration_s=330, size=(360, 160), columns=2, fps=2, gop_s=10)
    (path / "tiles.py").write_text(DETECTOR)
    return path


def command(folder: Path, db: str) -> list[str]:
    words = [
        "analyze",
        folder / "long.mp4",
        "--every",
        "1s",
        "--detector",
        "tiles",
        "--plugin",
        folder / "tiles.py",
    ]
    return [sys.executable, "-m", "fertool", *map(str, words), "--db", str(folder / db)]


def run(folder: Path, db: str, kill_at: int = 0) -> int:
    env = {**os.environ, "KILL_AT": str(kill_at)}
    return subprocess.run(command(folder, db), env=env, capture_output=True, cwd=folder).returncode


def content(folder: Path, db: str) -> dict[str, list[tuple]]:
    with duckdb.connect(str(folder / db), read_only=True) as con:
        return {t: con.execute(f"SELECT {c} FROM {t} ORDER BY ALL").fetchall() for t, c in ROWS.items()}


@pytest.fixture(scope="module")
def uninterrupted(folder: Path) -> dict[str, list[tuple]]:
    assert run(folder, "whole.duckdb") == 0
    found = content(folder, "whole.duckdb")
    assert len(found["chunks"]) == 6
    assert len(found["samples"]) == 330
    assert len(found["students"]) == 2
    return found


def test_killed_within_chunks(folder: Path, uninterrupted: dict[str, list[tuple]]) -> None:
    # Of batches of 4, 15 a chunk: in the first chunk, in the third, then in the last one.
    for kill_at in (5, 40, 50):
        assert run(folder, "killed.duckdb", kill_at) == -signal.SIGKILL
    with duckdb.connect(str(folder / "killed.duckdb"), read_only=True) as con:
        done = con.execute("SELECT count(*) FROM chunks").fetchall()[0][0]
        assert 0 < done < 6  # how many is a matter of time: a chunk is committed while the next is measured
        assert con.execute("FROM frame_emotions").fetchall() == [], (
            "an unfinished run is nobody's current run"
        )
    assert run(folder, "killed.duckdb") == 0
    assert content(folder, "killed.duckdb") == uninterrupted


def test_killed_at_random_moments(folder: Path, uninterrupted: dict[str, list[tuple]]) -> None:
    chance = random.Random(7)
    for _ in range(3):
        process = subprocess.Popen(
            command(folder, "random.duckdb"), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(1.0, 5.0))
        process.kill()
        process.wait()
    assert run(folder, "random.duckdb") == 0
    assert content(folder, "random.duckdb") == uninterrupted


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(
    folder: Path, uninterrupted: dict[str, list[tuple]]
) -> None:
    process = subprocess.Popen(
        command(folder, "stopped.duckdb"),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    while "samples" not in process.stderr.readline():  # measuring has begun
        pass
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to go on" in shown
    assert "Traceback" not in shown
    assert run(folder, "stopped.duckdb") == 0
    assert content(folder, "stopped.duckdb") == uninterrupted


def test_again_adds_nothing_and_force_replaces(folder: Path, uninterrupted: dict[str, list[tuple]]) -> None:
    assert run(folder, "whole.duckdb") == 0
    assert content(folder, "whole.duckdb") == uninterrupted
    forced = subprocess.run([*command(folder, "whole.duckdb"), "--force"], cwd=folder, capture_output=True)
    assert forced.returncode == 0
    after = content(folder, "whole.duckdb")
    assert len(after.pop("assessments")) == 2 * len(uninterrupted["assessments"]), (
        "assessments keep their history"
    )
    assert after == {table: rows for table, rows in uninterrupted.items() if table != "assessments"}
