"""`fertool identity evaluate` on stored lectures: whole outputs, and every way to get it wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Two lectures of ann and bob, and a truth that calls bob cam in the second half of the first."""
    store = Store(tmp_path / "fertool.duckdb")
    both = {"ann": timeline("present*4"), "bob": timeline("present*4")}
    store_lecture(store, "signals", "week 1", both)
    store_lecture(store, "signals", "week 2", {"ann": timeline("present*2")}, recording_name="second.mp4")
    rows = store.query(
        """SELECT name AS recording, time_s,
               CASE WHEN student = 'bob' AND time_s >= 2 THEN 'cam' ELSE student END AS person,
               x1, y1, x2, y2
           FROM frame_emotions JOIN recordings USING (recording) ORDER BY ALL"""
    )
    path = tmp_path / "truth.csv"
    rows.write_csv(path)
    return path


def test_the_figures(fertool, truth: Path) -> None:
    done = fertool("identity", "evaluate", truth)
    assert (done.code, done.err) == (0, "")
    lines = [line.split("  ") for line in done.out.splitlines() if line.strip() and "─" not in line]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells[0] == ["figure", "value", "meaning"]
    assert {row[0]: row[1] for row in cells[1:]} == {
        "people": "3", "students": "2", "boxes": "10",
        "idf1": "0.8", "precision": "0.8", "recall": "0.8",  # bob stands for bob or for cam: 2 of 4
        "switches": "0", "hours": "0.00111111", "switches per hour": "0",
        "purity": "0.8", "coverage": "1",
    }  # fmt: skip


def test_json(fertool, truth: Path) -> None:
    found = json.loads(fertool("identity", "evaluate", truth, "--json").out)
    assert found["idf1"] == found["purity"] == pytest.approx(0.8)
    assert (found["people"], found["switches_per_hour"]) == (3, 0.0)


def test_only_what_the_truth_names_counts(fertool, truth: Path) -> None:
    lines = truth.read_text().splitlines()
    truth.write_text("\n".join(line for line in lines if line.startswith(("recording", "second"))))
    found = json.loads(fertool("identity", "evaluate", truth, "--json").out)
    assert (found["boxes"], found["students"], found["idf1"]) == (2, 1, 1.0)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--lecture", "week 1"], "second.mp4: no such recording was analyzed (there is: lecture.mp4)"),
        (["--course", "optics"], "no such recording was analyzed (there is: none)"),
        (["--db", "other.duckdb"], "no database here"),
    ],
)
def test_what_is_not_there(fertool, truth: Path, flags: list[str], words: str) -> None:
    done = fertool("identity", "evaluate", truth, *flags)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


def test_a_name_of_two_recordings_needs_a_course(fertool, truth: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "fertool.duckdb")
    store_lecture(store, "optics", "week 1", {"ann": timeline("present*2")})
    done = fertool("identity", "evaluate", truth)
    assert done.code == 2
    assert "lecture.mp4: 2 recordings have that name (give --course, --lecture)" in done.err
    assert fertool("identity", "evaluate", truth, "--course", "signals").code == 0


def test_a_truth_that_is_none(fertool, truth: Path) -> None:
    truth.write_text("recording,time_s\nlecture.mp4,0\n")
    done = fertool("identity", "evaluate", truth)
    assert done.code == 2
    assert "truth.csv:1: no column person, x1, x2, y1, y2 (expected recording, time_s," in done.err


def test_help_says_what_the_columns_are(fertool) -> None:
    shown = fertool("identity", "evaluate", "--help").out
    assert "TRUTH.csv" in shown
    assert "person" in shown
