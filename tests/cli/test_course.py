"""`fertool analyze course.toml`: a whole course, what is done skipped."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from fertool.store import Store

COURSE = """
course = "signals"
instructor = "E. Noether"
topics = ["sampling"]
[difficulty]
aliasing = "hard"
[[lectures]]
name = "week 1"
date = 2026-10-05
recordings = ["one/*.mp4"]
segments = "one/points.csv"
[[lectures]]
name = "week 2"
recordings = [{ file = "two.mp4", student = "Ann" }]
"""


@pytest.fixture
def course(small_video: Path, tmp_path: Path) -> Path:
    (tmp_path / "one").mkdir()
    shutil.copy(small_video, tmp_path / "one" / "a.mp4")
    (tmp_path / "two.mp4").write_bytes(small_video.read_bytes() + bytes(16))  # another file, same pictures
    (tmp_path / "one" / "points.csv").write_text(
        "start,title,point,difficulty\n0,A,aliasing,\n3,B,aliasing,easy\n"
    )
    (tmp_path / "course.toml").write_text(COURSE)
    return tmp_path


def test_a_course_is_analyzed_and_only_what_is_new_again(fertool, course: Path) -> None:
    done = fertool("analyze", "course.toml", "--detector", "ssd", "--every", "2s")
    assert done.code == 0, done.err
    store = Store(course / "fertool.duckdb")
    assert store.lectures() == [("signals", "week 1"), ("signals", "week 2")]
    parts = store.segments("signals", "week 1").select("title", "difficulty", "point").rows()
    assert parts == [("A", "hard", "aliasing"), ("B", "easy", "aliasing")]
    told = "SELECT lecture, held, instructor, topics FROM syllabi ORDER BY lecture"
    assert store.query(told).rows() == [
        ("week 1", date(2026, 10, 5), "E. Noether", ["sampling"]),
        ("week 2", None, "E. Noether", ["sampling"]),
    ]
    named = "SELECT DISTINCT lecture FROM frame_emotions WHERE student = 'Ann'"
    assert store.query(named).rows() == [("week 2",)]
    assessed = "SELECT lecture, assessed_at FROM lectures ORDER BY lecture"
    before = store.query(assessed).rows()
    again = fertool("analyze", "course.toml", "--detector", "ssd", "--every", "2s")
    assert again.code == 0
    assert (again.out + again.err).count("already analyzed") == 2
    assert store.query(assessed).rows() == before, "nothing changed, nothing is judged again"
    (course / "course.toml").write_text(COURSE.replace('"hard"', '"very hard"'))
    assert fertool("analyze", "course.toml", "--detector", "ssd", "--every", "2s").code == 0
    assert store.segments("signals", "week 1")["difficulty"].to_list() == ["very hard", "easy"]
    after = store.query(assessed).rows()
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["course.toml", "two.mp4"], "give it alone"),
        (["course.toml", "--lecture", "week 1"], "give it alone"),
        (["course.toml", "--segments", "chapters"], "give it alone"),
        (["none.toml"], "none.toml: cannot be read"),
    ],
)
def test_a_course_says_itself_what_it_is(fertool, course: Path, words: list[str], reason: str) -> None:
    done = fertool("analyze", *words)
    assert done.code == 2
    assert reason in done.err
    assert not (course / "fertool.duckdb").exists()


def test_bad_segments_are_told_before_the_night(fertool, course: Path) -> None:
    (course / "one" / "points.csv").write_text("start\nsoon\n")
    done = fertool("analyze", "course.toml")
    assert done.code == 2
    assert "points.csv:2: start: time 'soon'" in done.err
    assert not (course / "fertool.duckdb").exists()
