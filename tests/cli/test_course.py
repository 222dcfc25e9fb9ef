"""`fertool analyze course.toml`: a whole course, what is done skipped."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fertool.storage.store import Store


@pytest.fixture
def course(small_video: Path, course_folder: Path) -> Path:
    """Every file another one with the same pictures."""
    for number, file in enumerate(sorted(course_folder.rglob("*.mp4"))):
        file.write_bytes(small_video.read_bytes() + bytes(number))
    return course_folder


def test_a_course_is_analyzed_and_only_what_is_new_again(fertool, course: Path) -> None:
    done = fertool("analyze", "course.toml", "--detector", "ssd", "--every", "2s")
    assert done.code == 0, done.err
    store = Store(course / "fertool.duckdb")
    assert store.lectures() == [("signals", "week 1"), ("signals", "week 2")]
    parts = store.segments("signals", "week 1").select("title", "difficulty", "point").rows()
    assert parts == [("A", "hard", "aliasing"), ("B", "easy", "aliasing")]
    told = "SELECT lecture, held, instructor, topics FROM syllabi ORDER BY lecture"
    assert store.query(told).rows() == [
        ("week 1", date(2026, 10, 5), "E. Noether", ["sampling", "filters"]),
        ("week 2", None, "E. Noether", ["sampling", "filters"]),
    ]
    named = "SELECT DISTINCT lecture FROM frame_emotions WHERE student = 'Ann'"
    assert store.query(named).rows() == [("week 2",)]
    assessed = "SELECT lecture, assessed_at FROM lectures ORDER BY lecture"
    before = store.query(assessed).rows()
    again = fertool("analyze", "course.toml", "--detector", "ssd", "--every", "2s")
    assert again.code == 0
    assert (again.out + again.err).count("already analyzed") == 3
    assert store.query(assessed).rows() == before, "nothing changed, nothing is judged again"
    change(course, '"hard"', '"very hard"')
    assert fertool("analyze", "course.toml", "--detector", "ssd", "--every", "2s").code == 0
    assert store.segments("signals", "week 1")["difficulty"].to_list() == ["very hard", "easy"]
    after = store.query(assessed).rows()
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True]


def test_recordings_of_a_lecture_have_a_clock_in_common(fertool, course: Path) -> None:
    words = ("analyze", "course.toml", "--detector", "ssd", "--every", "2s")
    done = fertool(*words)
    assert done.code == 0, done.err
    store = Store(course / "fertool.duckdb")
    # Both show the same six seconds; Ann's camera began two seconds before Bob's.
    assert sample_times(store) == (ann := [0, 2, 4], [0, 2, 4, 6])
    assert store.duration_s("signals", "week 2") == pytest.approx(8)
    change(course, '"2s"', '"0:04.5"')
    again = fertool(*words)
    assert again.code == 0
    assert sample_times(store) == (ann, later := [0, 2, 4, 4.5, 6.5, 8.5]), "no video is measured again"
    assert len(store.runs()) == 3
    # A recording that is analyzed by itself again keeps its place.
    assert (
        fertool("analyze", "week2/bob.mp4", "--course", "signals", "--lecture", "week 2", *words[2:]).code
        == 0
    )
    assert sample_times(store) == (ann, later)


def sample_times(store: Store) -> tuple[list[float], list[float]]:
    """When rules see Ann, and the other person, who is in both recordings."""
    seen = store.seen("signals", "week 2")
    ann, other = seen.filter(student="Ann"), seen.filter(seen["student"] != "Ann")
    return ann["time_s"].unique().sort().to_list(), other["time_s"].unique().sort().to_list()


def change(course: Path, old: str, new: str) -> None:
    page = course / "course.toml"
    text = page.read_text()
    assert old in text
    page.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["course.toml", "week2/bob.mp4"], "give it alone"),
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
    (course / "week1" / "points.csv").write_text("start\nsoon\n")
    done = fertool("analyze", "course.toml")
    assert done.code == 2
    assert "points.csv:2: start: time 'soon'" in done.err
    assert not (course / "fertool.duckdb").exists()


def test_so_is_a_mark_of_difficulty_that_is_not_understood(fertool, course: Path) -> None:
    change(course, '"hard"', '"tricky"')
    done = fertool("analyze", "course.toml")
    assert done.code == 2
    assert done.err.startswith("fertool: course.toml: [difficulty] aliasing: difficulty 'tricky' is not")
    assert done.err.count("\n") == 1
    assert not (course / "fertool.duckdb").exists()
