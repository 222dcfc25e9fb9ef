"""`-v` and `--log-file`: each step of the work, and silence without them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fertool.demo.timelines import store_lecture, timeline
from fertool.storage.store import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A lecture of Ann and Bob in the database of the current folder."""
    store = Store(tmp_path / "fertool.duckdb")
    store_lecture(store, "signals", "week 1", {name: timeline("happy*60") for name in ("Ann", "Bob")})
    return store


def test_nothing_is_logged_unless_asked_for(fertool, store: Store) -> None:
    assert fertool("assess").err == ""


def test_each_step_is_said(fertool, store: Store) -> None:
    judged = fertool("-v", "assess").err.splitlines()
    assert re.fullmatch(r"fertool: judged: lectures 1, rules \d+, assessments \d+", judged[0])
    rendered = fertool("-v", "report", "--out", "site").err.splitlines()
    assert rendered == [f"fertool: rendered: lectures 1, {store.database.path.parent / 'site'}"]
    assert fertool("report", "--out", "site").err == "", "only when asked for"


def test_a_file_gets_the_steps_with_their_times_and_no_student(fertool, store: Store, tmp_path: Path) -> None:
    for command in (["assess"], ["students", "forget", "Ann", "--course", "signals"]):
        assert fertool("--log-file", "steps.log", *command).err == ""
    lines = (tmp_path / "steps.log").read_text().splitlines()
    assert [re.sub(r"\d+", "N", line.split(" INFO ")[1]) for line in lines] == [
        "fertool.analysis.pipeline: judged: lectures N, rules N, assessments N",
        "fertool.analysis.pipeline: judged: lectures N, rules N, assessments N",
        "fertool.storage.rewrite: fertool.duckdb: rewritten without what was deleted",
    ]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", line) for line in lines)
    assert "Ann" not in "\n".join(lines)


def test_analysis_says_how_it_goes_on(fertool, small_video: Path) -> None:
    done = fertool("-v", "analyze", small_video, "--end", "2", "--detector", "ssd", "--policy", "behaviour")
    assert done.code == 0, done.err
    steps = [re.sub(r"\b[0-9a-f]{8,}\b", "RUN", line) for line in done.err.splitlines() if "run " in line]
    assert steps[:3] == [
        f"fertool: run RUN begun: {small_video}",
        "fertool: run RUN: chunk 0 committed",
        "fertool: run RUN linked: tracks 2, students 2",
    ]


def test_a_log_that_cannot_be_written_is_an_error(fertool, store: Store) -> None:
    done = fertool("--log-file", "no/such/folder/steps.log", "runs")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "fertool: --log-file no/such/folder/steps.log: cannot be written: No such file or directory "
        "(check the folder)\n"
    )


def test_every_variable_of_the_environment_is_documented() -> None:
    source = [file.read_text(encoding="utf-8") for file in (ROOT / "fertool").rglob("*.py")]
    found = {name for text in source for name in re.findall(r"\bFERTOOL_[A-Z]+(?:_[A-Z]+)*\b", text)}
    assert len(found) == 7
    readme = (ROOT / "fertool" / "cli" / "README.md").read_text(encoding="utf-8")
    assert {name for name in found if f"| `{name}` |" not in readme} == set()
