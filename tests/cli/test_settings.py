"""The course of fertool.toml counts for every command that has the flag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fertool.demo.timelines import store_lecture, timeline
from fertool.storage.store import Store


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two courses of one lecture each; the file of settings names the first."""
    store = Store(tmp_path / "fertool.duckdb")
    for course in ("optics", "signals"):
        people = {"Ann": timeline("happy*60")}
        store_lecture(store, course, "week 1", people, recording_name=f"{course}.mp4")
    (tmp_path / "fertool.toml").write_text('course = "optics"')
    return tmp_path


COMMANDS = [["runs", "--json"], ["segments", "--json"]]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_the_course_of_the_file_counts(fertool, two: Path, words: list[str]) -> None:
    def courses(*more: str) -> set[str]:
        return {row["course"] for row in json.loads(fertool(*words, *more).out)}

    assert courses() == {"optics"}
    assert courses("--course", "signals") == {"signals"}
    assert courses("--course", "") == {"optics", "signals"}


def test_assess_and_report_are_about_it(fertool, two: Path) -> None:
    judged = json.loads(fertool("assess", "--json").out)["assessments"]
    assert {row["course"] for row in judged if row["lecture"]} == {"optics"}
    assert fertool("report", "--format", "csv", "--out", "one").code == 0
    assert "signals" not in (two / "one" / "data" / "lectures.csv").read_text()
    assert fertool("report", "--format", "csv", "--out", "all", "--course", "").code == 0
    assert "signals" in (two / "all" / "data" / "lectures.csv").read_text()


def test_sensitivity_of_a_rule_is_that_in_the_course(fertool, two: Path) -> None:
    assert "over 1 lectures" in fertool("rules", "sensitivity", "difficulty").out
    assert "over 2 lectures" in fertool("rules", "sensitivity", "difficulty", "--course", "").out
